//! `tideline serve`: a simulated device as a PCI function that other processes use over vfio-user.
//!
//! ```text
//!   client (QEMU, or the carrier vfio-user:PATH)
//!      | messages on a socket           ^ eventfds          ^ | the client's memory, mapped here
//!      v                                |                   | v
//!   Server ── Function ─┬─ ConfigSpace  |                ClientMemory
//!                       ├─ Msix ────────'                    ^
//!                       `─ Attached: registers, window, DMA -'
//! ```
//!
//! - [`Server`] owns the socket and one client at a time; it runs the device while there is work and sleeps otherwise.
//! - [`Function`] is the PCI function: what an access to its regions does.
//! - [`Attached`] is the device behind it and the way of window accesses into it: [`CxlAttached`].
//!
//! Nothing that a client sends stops the server; what it does wrong is refused and told in the log.

mod attached;
mod background;
mod client_memory;
mod config_space;
mod cxl;
mod function;
mod journal;
mod msix;
mod server;
mod session;
mod socket;

pub use attached::Attached;
pub use background::Background;
pub use client_memory::ClientMemory;
pub use config_space::ConfigSpace;
pub use cxl::CxlAttached;
pub use function::{Function, FunctionError, Refusal};
pub use journal::Journal;
pub use msix::Msix;
pub use server::{ServeError, Server};
pub use socket::{Socket, SocketError};

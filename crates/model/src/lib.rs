//! The golden model of the Tideline device: what `docs/contract.md` promises, in plain Rust.
//!
//! Three layers, each usable alone:
//!
//! - [`resolve`]: the decision of one commit slot, a pure function. The RTL's kernel is compared with it.
//! - [`Core`]: the descriptors of the window and nothing else. A lockstep checker feeds it the RTL's own slot
//!   order ([`Core::commit`]) and compares answers, lanes and records.
//! - [`ModelDevice`]: the whole device, with channels, recall, commands, registers and memory. It advances one
//!   step per [`ModelDevice::tick`]; its timing means nothing, its order obeys the contract.
//!
//! [`ModelCarrier`] puts a [`ModelDevice`] behind the driver's carrier trait, for API work without a simulator.

mod carrier;
mod core;
mod device;
mod interrupts;
mod memory;
mod resolve;

pub use crate::core::Core;
pub use carrier::ModelCarrier;
pub use device::ModelDevice;
pub use interrupts::Interrupts;
pub use memory::{DeviceMemory, HostMemory, SharedMemory};
pub use resolve::{Masks, resolve};

//! The Tideline driver: knows to the 64-byte line which memory of a device's window was written.
//!
//! One driver for every kind of device: what reaches it is a [`Carrier`], and the same calls run on the golden
//! model, on the Verilated RTL and on a board.
//!
//! ```text
//! let mut device = Device::open(carrier)?;
//! let range = PageRange::new(PageIndex(0), 16)?;
//! device.map(range, Frame(0))?;
//! let tracker = device.track_start(&[range])?;
//! device.store(LineAddr::new(PageIndex(3), 5), &[1; 64])?;
//! let report = device.track_report(&tracker, Gather::Recall)?;
//! assert_eq!(report.lines().collect::<Vec<_>>(), [LineAddr::new(PageIndex(3), 5)]);
//! device.track_stop(tracker)?;
//! let carrier = device.close()?;
//! ```
//!
//! Everything blocks for a bounded while, and no answer of a device makes the driver panic.

mod addr;
mod arena;
mod cache;
mod carrier;
mod device;
mod error;
mod log;
pub mod pci;
mod queue;
#[cfg(test)]
mod ram;
mod ranges;
pub mod regs;
#[cfg(any(feature = "vfio", feature = "vfio-user"))]
pub mod shared_memory;
mod span;
mod target;
mod track;
pub mod translate;
#[cfg(feature = "vfio")]
pub mod vfio;
#[cfg(feature = "vfio-user")]
pub mod vfio_user;
mod window;

pub use addr::{Frame, Hpa, LineAddr, PageIndex, PageRange};
pub use arena::Arena;
pub use carrier::{Arrival, Carrier, CarrierError, DmaRegion, Iova};
pub use device::{Capability, Device, Identity, Info, Options, Recall};
pub use error::Error;
pub use log::{LogLines, LogOptions, LogStatus};
pub use queue::CommandId;
pub use span::{Cell, Cells, Offset, Plain, Span, pages_of};
pub use target::{Bdf, Target, TargetError};
pub use tideline_abi::attach::Attach;
pub use track::{Exactness, Gather, Loss, PageLines, Report, TrackConfig, Tracker};
pub use window::Window;

/// Generation of a device: one higher after each reset, abort or recall timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Generation(pub u32);

//! The driver for C. `include/tideline.h` is made of this crate; `docs/api.md` tells how to use it.
//!
//! - [`status`]: what a call returns, and the words for it.
//! - [`handles`]: the numbers that C holds, and what they stand for.
//! - [`device`]: open, close, map; [`window`]: bytes and memory; [`track`]: start, report, stop.
//!
//! A handle is a number, never a pointer: one that was closed, that is of another kind, or that is made up is refused. No
//! panic leaves a call. Calls on one device wait for each other; different devices do not.

mod device;
mod handles;
mod status;
mod track;
mod window;

pub use device::*;
pub use status::*;
pub use track::*;
pub use window::*;

/// A device that `tideline_open` gave. 0 is none.
pub type DeviceHandle = u64;
/// A tracker that `tideline_track_start` gave. 0 is none.
pub type TrackerHandle = u64;
/// A report that `tideline_track_report` gave. 0 is none.
pub type ReportHandle = u64;

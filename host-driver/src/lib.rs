//! The Tideline driver.

mod carrier;

pub use carrier::{Carrier, CarrierError, DmaRegion, Iova};

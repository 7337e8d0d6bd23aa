//! The Verilated device, bus functional models and the coherent host model.
//!
//! * [`sim`]: the device's pins and its clock.
//! * [`pace`]: random pauses, for every side of every handshake.
//! * [`axi`]: the memories behind the device's AXI managers, and the manager of its registers.
//! * [`channel`]: the two ends of a CXL channel.
//! * [`rtl_device`]: all of that around one device: [`RtlDevice`].
//! * [`attached`]: that device on AXI4, for a host that speaks line requests.
//! * [`host`]: models of a CPU's caches.
//! * [`campaign`]: random traffic and commands against a device, with every check on.
//! * [`machine`]: a host and a device, model or RTL, which carry the driver.

pub mod attached;
pub mod axi;
pub mod campaign;
pub mod channel;
pub mod host;
pub mod machine;
pub mod pace;
pub mod rtl_device;
pub mod sim;
pub mod weather;

pub use attached::AxiAttached;
pub use machine::{
    LineDevice, Machine, MachineConfig, MachineError, ModelInMachine, Simulated, open, open_carrier,
};
pub use rtl_device::{DeviceError, RtlConfig, RtlDevice};
pub use tideline_abi::attach::Attach;
pub use tideline_verilated::PowerOn;

//! What a campaign needs of a device, and the golden model as such.

use crate::rtl_device::DeviceError;
use tideline_abi::cxl::{Channels, Line};
use tideline_abi::slot::{Slot, SlotResult};
use tideline_model::{Core, HostMemory, ModelDevice};

/// A commit slot that a device passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The slot.
    pub slot: Slot,
    /// What the device decided.
    pub result: SlotResult,
    /// The line's dirty and owned bits after a line slot.
    pub lane: (bool, bool),
}

/// A device under test: six channels, registers, host memory; and what a check may look at from outside.
pub trait Dut {
    /// Short name for messages.
    fn name(&self) -> &'static str;

    /// One cycle.
    ///
    /// # Errors
    /// The device broke a rule of an interface.
    fn tick(&mut self, channels: &mut Channels) -> Result<(), DeviceError>;

    /// Writes a register: takes effect in one of the next cycles, behind the writes before it.
    fn post_write32(&mut self, offset: u32, value: u32);

    /// Reads a register, behind the writes before it; cycles may pass.
    ///
    /// # Errors
    /// The device broke a rule of an interface or does not answer.
    fn read32(&mut self, channels: &mut Channels, offset: u32) -> Result<u32, DeviceError>;

    /// Host memory that the device can access.
    fn host_memory(&mut self) -> &mut HostMemory;

    /// Function level reset: begins; over when STATUS.ready is set. Cycles may pass.
    ///
    /// # Errors
    /// The device broke a rule of an interface.
    fn flr(&mut self, channels: &mut Channels) -> Result<(), DeviceError>;

    /// A line of device memory, past the device.
    fn memory_line(&mut self, frame: u32, line: u8) -> Line;

    /// The device's own descriptors, if it can show them.
    fn core(&self) -> Option<&Core>;

    /// Appends the commit slots that passed since the last call, oldest first, if the device can show them. A device
    /// shows its descriptors or its slots: from slots, the campaign keeps its own descriptors.
    fn take_commits(&mut self, _commits: &mut Vec<Commit>) {}
}

/// The golden model.
#[derive(Default)]
pub struct Model(pub ModelDevice);

impl Dut for Model {
    fn name(&self) -> &'static str {
        "model"
    }

    fn tick(&mut self, channels: &mut Channels) -> Result<(), DeviceError> {
        self.0.tick(channels);
        Ok(())
    }

    fn post_write32(&mut self, offset: u32, value: u32) {
        self.0.write32(offset, value).expect("a register offset");
    }

    fn read32(&mut self, _: &mut Channels, offset: u32) -> Result<u32, DeviceError> {
        Ok(self.0.read32(offset).expect("a register offset"))
    }

    fn host_memory(&mut self) -> &mut HostMemory {
        self.0.host_memory_mut()
    }

    fn flr(&mut self, _: &mut Channels) -> Result<(), DeviceError> {
        self.0.reset();
        Ok(())
    }

    fn memory_line(&mut self, frame: u32, line: u8) -> Line {
        self.0.memory_line(frame, line)
    }

    fn core(&self) -> Option<&Core> {
        Some(self.0.core())
    }
}

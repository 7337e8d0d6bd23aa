//! What a campaign needs of a device, and the golden model as one.

use tideline_abi::cxl::{Channels, Line};
use tideline_abi::slot::{Slot, SlotResult};
use tideline_driver::Iova;
use tideline_model::{Core, ModelDevice};

/// A device under test: six channels, registers, host memory; and what a check may look at from outside.
pub trait LineDevice {
    /// Short name for messages.
    fn name(&self) -> &'static str;

    /// One cycle.
    ///
    /// # Errors
    /// The device broke a rule of an interface.
    fn tick(&mut self, channels: &mut Channels) -> Result<(), String>;

    /// Writes a register: takes effect in one of the next cycles, behind the writes before it.
    fn post_write32(&mut self, offset: u32, value: u32);

    /// Reads a register, behind the writes before it; cycles may pass.
    ///
    /// # Errors
    /// The device broke a rule of an interface or does not answer.
    fn read32(&mut self, channels: &mut Channels, offset: u32) -> Result<u32, String>;

    /// Allocates zeroed host memory that the device may access.
    fn dma_alloc(&mut self, len: usize) -> Iova;

    /// Copies out of host memory.
    fn dma_read(&self, iova: Iova, buf: &mut [u8]);

    /// Copies into host memory.
    fn dma_write(&mut self, iova: Iova, data: &[u8]);

    /// Function level reset: begins; over when STATUS.ready is set. Cycles may pass.
    ///
    /// # Errors
    /// The device broke a rule of an interface.
    fn flr(&mut self, channels: &mut Channels) -> Result<(), String>;

    /// A line of device memory, past the device.
    fn memory_line(&self, frame: u32, line: u8) -> Line;

    /// The device's own descriptors, if it can show them.
    fn core(&self) -> Option<&Core>;

    /// Appends the commit slots that passed since the last call, oldest first, if the device can show them. A device
    /// shows its descriptors or its slots: from slots, the campaign keeps its own descriptors.
    fn take_commits(&mut self, _commits: &mut Vec<(Slot, SlotResult)>) {}
}

/// The golden model.
#[derive(Default)]
pub struct Model(pub ModelDevice);

impl LineDevice for Model {
    fn name(&self) -> &'static str {
        "model"
    }

    fn tick(&mut self, channels: &mut Channels) -> Result<(), String> {
        self.0.tick(channels);
        Ok(())
    }

    fn post_write32(&mut self, offset: u32, value: u32) {
        self.0.write32(offset, value).expect("a register offset");
    }

    fn read32(&mut self, _: &mut Channels, offset: u32) -> Result<u32, String> {
        self.0.read32(offset).map_err(|e| e.to_string())
    }

    fn dma_alloc(&mut self, len: usize) -> Iova {
        self.0.host_memory_mut().alloc(len).expect("host memory for a campaign").iova
    }

    fn dma_read(&self, iova: Iova, buf: &mut [u8]) {
        self.0.host_memory().read(iova, buf).expect("memory that the campaign allocated");
    }

    fn dma_write(&mut self, iova: Iova, data: &[u8]) {
        self.0.host_memory_mut().write(iova, data).expect("memory that the campaign allocated");
    }

    fn flr(&mut self, _: &mut Channels) -> Result<(), String> {
        self.0.reset();
        Ok(())
    }

    fn memory_line(&self, frame: u32, line: u8) -> Line {
        self.0.memory_line(frame, line)
    }

    fn core(&self) -> Option<&Core> {
        Some(self.0.core())
    }
}

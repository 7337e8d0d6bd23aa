//! The seam between the PCI function and the device behind it.

use tideline_model::HostMemory;
use tideline_tb::DeviceError;

/// A device, attached in some way to the host that the PCI function plays for it.
///
/// Offsets and lengths were checked by the function. [`DeviceError::Late`] is told to the client; any other error is the end
/// of the device.
pub trait Attached {
    /// Short name for messages: target and attachment.
    fn name(&self) -> String;

    /// Pages of device memory.
    fn frames(&self) -> u32;

    /// One cycle.
    ///
    /// # Errors
    /// If the device breaks a rule of an interface.
    fn tick(&mut self) -> Result<(), DeviceError>;

    /// Cycles so far.
    fn cycle(&self) -> u64;

    /// Nothing is under way on any interface.
    fn is_quiet(&self) -> bool;

    /// The interrupt request lines, one bit per vector.
    fn irq(&self) -> u32;

    /// Reads a register; cycles may pass.
    ///
    /// # Errors
    /// If there is no answer in time, or an error.
    fn read32(&mut self, offset: u32) -> Result<u32, DeviceError>;

    /// Writes a register likewise.
    ///
    /// # Errors
    /// As [`Attached::read32`].
    fn write32(&mut self, offset: u32, value: u32) -> Result<(), DeviceError>;

    /// Begins a function level reset.
    ///
    /// # Errors
    /// If the device breaks a rule of an interface.
    fn flr(&mut self) -> Result<(), DeviceError>;

    /// Puts this memory behind the device's DMA.
    fn set_host_memory(&mut self, memory: HostMemory);

    /// Reads bytes of the window; cycles pass.
    ///
    /// # Errors
    /// If there is no answer in time, or the device breaks a rule.
    fn window_read(&mut self, offset: u64, buf: &mut [u8]) -> Result<(), DeviceError>;

    /// Writes bytes of the window, and no others; cycles pass. On return the device has answered.
    ///
    /// # Errors
    /// As [`Attached::window_read`].
    fn window_write(&mut self, offset: u64, data: &[u8]) -> Result<(), DeviceError>;
}

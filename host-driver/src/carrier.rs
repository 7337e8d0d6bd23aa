//! The seam between the driver and whatever carries its accesses to a device.
//!
//! Four things carry them: the golden model and the Verilated RTL in this process, a device served over
//! vfio-user by another process, and a board behind `/dev/vfio`. The driver sees this trait only, so that one
//! driver and one set of tests serve all four.

use crate::cache;
use std::ptr::NonNull;
use tideline_abi::cxl::Line;

/// Address that the device uses for host memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Iova(pub u64);

/// Memory that the device may read and write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DmaRegion {
    /// First address, aligned to 4096.
    pub iova: Iova,
    /// Length in bytes, a multiple of 4096.
    pub len: usize,
}

/// What is known of the write-backs of a flush when it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Arrival {
    /// They are in the device: each was answered, or order on the link proves that no doorbell overtakes them.
    Proven,
    /// They have left the CPU: that a read which comes back pushes them into the device is a property of the platform.
    Platform,
}

/// What goes wrong between driver and device.
#[derive(Debug, thiserror::Error)]
pub enum CarrierError {
    /// An access outside BAR0 or not aligned to four bytes.
    #[error("register offset {offset:#x}: must be a multiple of 4 below {limit:#x}")]
    BadOffset {
        /// The offset asked for.
        offset: u32,
        /// Bytes of BAR0.
        limit: u32,
    },
    /// A DMA access outside the memory that was allocated for it.
    #[error("DMA address {iova:#x}, {len} bytes: not in memory allocated for the device")]
    BadDma {
        /// First address.
        iova: u64,
        /// Bytes.
        len: usize,
    },
    /// A window address outside the window.
    #[error("window offset {offset:#x}: the window has {size:#x} bytes")]
    BadWindow {
        /// Byte offset in the window.
        offset: u64,
        /// Bytes of the window.
        size: u64,
    },
    /// No memory for DMA is left.
    #[error("no DMA memory left for {len} bytes")]
    NoDmaMemory {
        /// Bytes asked for.
        len: usize,
    },
    /// The device did not answer in the carrier's time.
    #[error("the device did not answer: {what}")]
    NoAnswer {
        /// What was waited for.
        what: String,
    },
    /// The carrier cannot make the CPU write its lines back.
    #[error(
        "this carrier cannot flush the CPU's caches, and the device has no recall: no report of it can be exact"
    )]
    NoFlush,
    /// Something that only this carrier knows.
    #[error("{0}")]
    Other(String),
}

/// Carries register accesses, DMA memory and window accesses to one device.
///
/// Blocking; one user at a time.
pub trait Carrier {
    /// Short name for messages: `model`, `rtl`, `vfio:0000:01:00.0`.
    fn name(&self) -> String;

    /// Reads a 32-bit register.
    ///
    /// # Errors
    /// [`CarrierError::BadOffset`], or the device is gone.
    fn read32(&mut self, offset: u32) -> Result<u32, CarrierError>;

    /// Writes a 32-bit register. Later accesses of the device to host memory see what was written before.
    ///
    /// # Errors
    /// As [`Carrier::read32`].
    fn write32(&mut self, offset: u32, value: u32) -> Result<(), CarrierError>;

    /// Allocates zeroed memory that the device can access.
    ///
    /// # Errors
    /// [`CarrierError::NoDmaMemory`].
    fn dma_alloc(&mut self, len: usize) -> Result<DmaRegion, CarrierError>;

    /// Gives memory back. The device must no longer use it.
    fn dma_free(&mut self, region: DmaRegion);

    /// Copies from DMA memory.
    ///
    /// # Errors
    /// [`CarrierError::BadDma`].
    fn dma_read(&mut self, iova: Iova, buf: &mut [u8]) -> Result<(), CarrierError>;

    /// Copies to DMA memory.
    ///
    /// # Errors
    /// [`CarrierError::BadDma`].
    fn dma_write(&mut self, iova: Iova, data: &[u8]) -> Result<(), CarrierError>;

    /// Lets time pass for the device: returns when something may have changed (an interrupt, or a bounded
    /// while). The driver polls around it.
    ///
    /// # Errors
    /// The device is gone.
    fn wait(&mut self) -> Result<(), CarrierError>;

    /// Function level reset, complete on return.
    ///
    /// # Errors
    /// [`CarrierError::NoAnswer`] if the device is not ready again in time.
    fn reset(&mut self) -> Result<(), CarrierError>;

    /// Host physical address of the window's first byte, page aligned.
    fn window_base(&self) -> u64;

    /// Frames of device memory, including those that the driver gives to the spool.
    fn frames(&self) -> u32;

    /// Loads a line of the window through the host's coherent caches. `offset` is a multiple of 64.
    ///
    /// # Errors
    /// [`CarrierError::BadWindow`], or the device is gone.
    fn load_line(&mut self, offset: u64) -> Result<Line, CarrierError>;

    /// Stores a line of the window through the host's coherent caches. `offset` is a multiple of 64.
    ///
    /// # Errors
    /// As [`Carrier::load_line`].
    fn store_line(&mut self, offset: u64, data: &Line) -> Result<(), CarrierError>;

    /// The window as memory of this process, where the carrier can map it.
    fn window_memory(&mut self) -> Option<NonNull<[u8]>> {
        None
    }

    /// Makes the CPU write back and drop its lines of a range of the window, for a device that cannot recall them. Any
    /// offset and length: every line touched is flushed.
    ///
    /// A carrier that maps the window has it for free: CLFLUSHOPT (or CLFLUSH) and SFENCE over the mapping, on x86-64. A
    /// carrier without CPU caches in front of the window says [`Arrival::Proven`].
    ///
    /// # Errors
    /// [`CarrierError::NoFlush`], [`CarrierError::BadWindow`], or the device is gone.
    fn flush(&mut self, offset: u64, len: u64) -> Result<Arrival, CarrierError> {
        let range = mapped(self.window_memory(), offset, len)?;
        // SAFETY: the carrier says that this memory is its window, mapped as long as it lives, and the range is inside.
        unsafe { cache::flush(range.cast().as_ptr(), range.len()) }?;
        Ok(Arrival::Platform)
    }

    /// Reads a line of the window past every cache: returns when the device answered. No copy of the line is left.
    ///
    /// # Errors
    /// As [`Carrier::flush`].
    fn read_back(&mut self, offset: u64) -> Result<(), CarrierError> {
        let byte = mapped(self.window_memory(), offset, 1)?;
        // SAFETY: as above.
        unsafe { cache::read_back(byte.cast().as_ptr()) }
    }
}

/// A part of the mapped window.
fn mapped(window: Option<NonNull<[u8]>>, offset: u64, len: u64) -> Result<NonNull<[u8]>, CarrierError> {
    let window = window.ok_or(CarrierError::NoFlush)?;
    let size = window.len() as u64;
    if offset.checked_add(len).is_none_or(|end| end > size) {
        return Err(CarrierError::BadWindow { offset, size });
    }
    // SAFETY: the offset is inside of the memory, or at its end.
    let start = unsafe { window.cast::<u8>().add(offset as usize) };
    Ok(NonNull::slice_from_raw_parts(start, len as usize))
}

/// A reference, or a box, carries what its target carries.
macro_rules! forward {
    ($($type:ty),+) => { $(
        impl<C: Carrier + ?Sized> Carrier for $type {
            fn name(&self) -> String {
                (**self).name()
            }
            fn read32(&mut self, offset: u32) -> Result<u32, CarrierError> {
                (**self).read32(offset)
            }
            fn write32(&mut self, offset: u32, value: u32) -> Result<(), CarrierError> {
                (**self).write32(offset, value)
            }
            fn dma_alloc(&mut self, len: usize) -> Result<DmaRegion, CarrierError> {
                (**self).dma_alloc(len)
            }
            fn dma_free(&mut self, region: DmaRegion) {
                (**self).dma_free(region);
            }
            fn dma_read(&mut self, iova: Iova, buf: &mut [u8]) -> Result<(), CarrierError> {
                (**self).dma_read(iova, buf)
            }
            fn dma_write(&mut self, iova: Iova, data: &[u8]) -> Result<(), CarrierError> {
                (**self).dma_write(iova, data)
            }
            fn wait(&mut self) -> Result<(), CarrierError> {
                (**self).wait()
            }
            fn reset(&mut self) -> Result<(), CarrierError> {
                (**self).reset()
            }
            fn window_base(&self) -> u64 {
                (**self).window_base()
            }
            fn frames(&self) -> u32 {
                (**self).frames()
            }
            fn load_line(&mut self, offset: u64) -> Result<Line, CarrierError> {
                (**self).load_line(offset)
            }
            fn store_line(&mut self, offset: u64, data: &Line) -> Result<(), CarrierError> {
                (**self).store_line(offset, data)
            }
            fn window_memory(&mut self) -> Option<NonNull<[u8]>> {
                (**self).window_memory()
            }
            fn flush(&mut self, offset: u64, len: u64) -> Result<Arrival, CarrierError> {
                (**self).flush(offset, len)
            }
            fn read_back(&mut self, offset: u64) -> Result<(), CarrierError> {
                (**self).read_back(offset)
            }
        }
    )+ };
}

forward!(&mut C, Box<C>);

//! The seam between the driver and whatever carries its accesses to a device.
//!
//! Four things carry them: the golden model and the Verilated RTL in this process, a device served over
//! vfio-user by another process, and a board behind `/dev/vfio`. The driver sees this trait only, so that one
//! driver and one set of tests serve all four.

use crate::cache;
use std::ops::Range;
use std::os::fd::RawFd;
use std::ptr::NonNull;
use tideline_abi::cxl::Line;
use tideline_abi::geometry::{LINE_BYTES, WINDOW_BYTES};

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
    /// The device, or who served it, has gone: nothing on this carrier works any more.
    #[error("the device has gone: {what}")]
    Gone {
        /// Which device, and how it is known.
        what: String,
    },
    /// Somebody removes the device, or takes it away from this process.
    #[error("{name}: the kernel wants the device back, to remove it or for another driver: close it")]
    Leaving {
        /// Name of the carrier.
        name: String,
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

    /// Waits until a command counts as lost, where a wait takes real time; the lower of this and
    /// [`crate::Options::patience`] applies.
    fn most_waits(&self) -> u32 {
        u32::MAX
    }

    /// Function level reset, complete on return.
    ///
    /// # Errors
    /// [`CarrierError::NoAnswer`] if the device is not ready again in time.
    fn reset(&mut self) -> Result<(), CarrierError>;

    /// Host physical address of the window's first byte, page aligned.
    fn window_base(&self) -> u64;

    /// Frames of device memory, including those that the driver gives to the spool and the tables.
    fn frames(&self) -> u32;

    /// Device memory was zero before the first access: its controller cleared it.
    fn memory_is_cleared(&self) -> bool {
        false
    }

    /// Bytes of the window that the host reaches: what the device has, or less.
    fn window_bytes(&self) -> u64 {
        WINDOW_BYTES
    }

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

    /// Reads bytes of the window at any alignment.
    ///
    /// # Errors
    /// As [`Carrier::load_line`]; `buf` then holds what was read before.
    fn window_read(&mut self, offset: u64, buf: &mut [u8]) -> Result<(), CarrierError> {
        for part in lines_of(offset, buf.len()) {
            let line = self.load_line(part.line?)?;
            buf[part.bytes].copy_from_slice(&line[part.within]);
        }
        Ok(())
    }

    /// Writes bytes of the window at any alignment; bytes around them are untouched.
    ///
    /// # Errors
    /// As [`Carrier::store_line`]; lines before the one that failed are then written.
    fn window_write(&mut self, offset: u64, data: &[u8]) -> Result<(), CarrierError> {
        for part in lines_of(offset, data.len()) {
            let at = part.line?;
            let mut line =
                if part.within.len() == LINE_BYTES { [0; LINE_BYTES] } else { self.load_line(at)? };
            line[part.within].copy_from_slice(&data[part.bytes]);
            self.store_line(at, &line)?;
        }
        Ok(())
    }

    /// The window as memory of this process, where the carrier can map it. Valid as long as the carrier is.
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

    /// An eventfd that becomes readable when interrupt `vector` fires, where the carrier has one. The carrier keeps it
    /// open.
    fn interrupt_fd(&self, vector: u32) -> Option<RawFd> {
        let _ = vector;
        None
    }
}

/// The bytes of a window access that lie in one line.
struct LinePart {
    /// Byte offset of the line in the window, if there can be one.
    line: Result<u64, CarrierError>,
    /// Which bytes of the line.
    within: Range<usize>,
    /// Which bytes of the caller's buffer.
    bytes: Range<usize>,
}

/// Cuts an access of the window into lines, ascending.
fn lines_of(offset: u64, len: usize) -> impl Iterator<Item = LinePart> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done == len {
            return None;
        }
        let at = offset.checked_add(done as u64);
        let start = (at.unwrap_or(0) % LINE_BYTES as u64) as usize;
        let taken = (LINE_BYTES - start).min(len - done);
        let part = LinePart {
            line: at.map(|at| at - start as u64).ok_or(CarrierError::BadWindow { offset, size: u64::MAX }),
            within: start..start + taken,
            bytes: done..done + taken,
        };
        done += taken;
        Some(part)
    })
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
            fn most_waits(&self) -> u32 {
                (**self).most_waits()
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
            fn memory_is_cleared(&self) -> bool {
                (**self).memory_is_cleared()
            }
            fn window_bytes(&self) -> u64 {
                (**self).window_bytes()
            }
            fn load_line(&mut self, offset: u64) -> Result<Line, CarrierError> {
                (**self).load_line(offset)
            }
            fn store_line(&mut self, offset: u64, data: &Line) -> Result<(), CarrierError> {
                (**self).store_line(offset, data)
            }
            fn window_read(&mut self, offset: u64, buf: &mut [u8]) -> Result<(), CarrierError> {
                (**self).window_read(offset, buf)
            }
            fn window_write(&mut self, offset: u64, data: &[u8]) -> Result<(), CarrierError> {
                (**self).window_write(offset, data)
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
            fn interrupt_fd(&self, vector: u32) -> Option<RawFd> {
                (**self).interrupt_fd(vector)
            }
        }
    )+ };
}

forward!(&mut C, Box<C>);

//! The CPU's caches over mapped memory: write back and drop lines, read past them.
//!
//! x86-64: CLFLUSHOPT where the CPU has it (CPUID 7.0, EBX bit 23), else CLFLUSH, which every one has; then SFENCE. Not CLWB:
//! it may leave a clean copy, and a page that is mapped to another frame must have none (Intel SDM, volume 2, "CLWB"). Other
//! processors: [`CarrierError::NoFlush`]; a carrier for one of them brings its own.

use crate::carrier::CarrierError;

/// Writes back and drops every line that a range touches; they have left the CPU on return.
///
/// # Errors
/// [`CarrierError::NoFlush`] on a processor that this file does not know.
///
/// # Safety
/// The range must be mapped memory.
pub(crate) unsafe fn flush(start: *mut u8, len: usize) -> Result<(), CarrierError> {
    // SAFETY: passed on to the caller.
    unsafe { imp::flush(start, len) }
}

/// Reads the line of a byte from memory, and leaves no copy of it in the caches.
///
/// # Errors
/// As [`flush`].
///
/// # Safety
/// The byte must be mapped memory.
pub(crate) unsafe fn read_back(byte: *mut u8) -> Result<(), CarrierError> {
    // SAFETY: passed on to the caller.
    unsafe { imp::read_back(byte) }
}

#[cfg(target_arch = "x86_64")]
mod imp {
    use super::CarrierError;
    use std::arch::asm;
    use std::arch::x86_64::{__cpuid_count, __get_cpuid_max, _mm_clflush, _mm_mfence, _mm_sfence};
    use std::sync::LazyLock;
    use tideline_abi::geometry::LINE_BYTES;

    static HAS_CLFLUSHOPT: LazyLock<bool> = LazyLock::new(|| {
        let leaves = __get_cpuid_max(0).0;
        leaves >= 7 && __cpuid_count(7, 0).ebx >> 23 & 1 == 1
    });

    pub unsafe fn flush(start: *mut u8, len: usize) -> Result<(), CarrierError> {
        // SAFETY: passed on to the caller; the instruction is there.
        unsafe { flush_with(start, len, *HAS_CLFLUSHOPT) };
        Ok(())
    }

    /// # Safety
    /// The range must be mapped memory, and the CPU must have the instruction.
    pub unsafe fn flush_with(start: *mut u8, len: usize, optimised: bool) {
        if len == 0 {
            return;
        }
        let head = start.addr() % LINE_BYTES;
        // SAFETY: every line touched has a byte in the range; flushing changes no memory.
        unsafe {
            // Stores before a flush of their line are in order with it; the fence is for non-temporal ones.
            _mm_sfence();
            for offset in (0..head + len).step_by(LINE_BYTES) {
                let line = start.wrapping_sub(head).wrapping_add(offset);
                if optimised {
                    asm!("clflushopt [{0}]", in(reg) line, options(nostack, preserves_flags));
                } else {
                    _mm_clflush(line);
                }
            }
            _mm_sfence();
        }
    }

    pub unsafe fn read_back(byte: *mut u8) -> Result<(), CarrierError> {
        // SAFETY: passed on to the caller. The full fence keeps the load behind the flush.
        unsafe {
            flush(byte, 1)?;
            _mm_mfence();
            byte.read_volatile();
            _mm_mfence();
            flush(byte, 1)
        }
    }

    #[cfg(test)]
    pub fn variants() -> Vec<bool> {
        if *HAS_CLFLUSHOPT { vec![false, true] } else { vec![false] }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod imp {
    use super::CarrierError;

    pub unsafe fn flush(_: *mut u8, _: usize) -> Result<(), CarrierError> {
        Err(CarrierError::NoFlush)
    }

    pub unsafe fn read_back(_: *mut u8) -> Result<(), CarrierError> {
        Err(CarrierError::NoFlush)
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    /// What the program sees of a flush: nothing. Ranges of every alignment, empty ones included, by every instruction.
    #[test]
    fn a_flush_changes_no_memory() {
        let mut buffer: Vec<u8> = (0..4096).map(|i| i as u8).collect();
        for optimised in imp::variants() {
            for (from, len) in [(0, 4096), (1, 1), (63, 2), (64, 64), (100, 0), (4095, 1), (17, 3000)] {
                buffer[from] ^= 0xff;
                // SAFETY: the range is inside the buffer.
                unsafe { imp::flush_with(buffer.as_mut_ptr().add(from), len, optimised) };
                assert_eq!(buffer[from], from as u8 ^ 0xff);
                buffer[from] ^= 0xff;
            }
        }
        // SAFETY: the byte is inside the buffer.
        unsafe { read_back(buffer.as_mut_ptr().add(77)) }.expect("x86-64");
        assert!(buffer.iter().enumerate().all(|(i, &b)| b == i as u8));
    }
}

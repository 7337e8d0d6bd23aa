//! Memory that another process, or a device, accesses at the same time.
//!
//! No reference into such memory may exist: it changes at any time. Everything here copies, word by word, in an order that
//! both sides can rely on: a write stores ascending, a read loads descending. So who sees the last word of what was written
//! (a completion and its phase bit) has all of it.

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

const WORD: usize = size_of::<u64>();

/// A file mapped shared into this process, for copies in and out.
#[derive(Debug)]
pub struct SharedMapping {
    start: NonNull<u8>,
    len: usize,
    writable: bool,
}

// SAFETY: the mapping is owned, stays where it is, and is only accessed by atomic loads and stores.
unsafe impl Send for SharedMapping {}
// SAFETY: as above.
unsafe impl Sync for SharedMapping {}

impl SharedMapping {
    /// Maps the first `len` bytes of a file. The file must not become shorter while it is accessed.
    ///
    /// # Errors
    /// As `mmap` fails: the file cannot be mapped, or not written and `writable` asked for it.
    pub fn map(file: BorrowedFd<'_>, len: usize, writable: bool) -> io::Result<Self> {
        let protection = if writable { ProtFlags::READ | ProtFlags::WRITE } else { ProtFlags::READ };
        // SAFETY: a new mapping, at an address that the kernel chooses, harms nobody.
        let start = unsafe { mmap(null_mut(), len, protection, MapFlags::SHARED, file, 0)? };
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, len, writable })
    }

    /// Bytes mapped.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if nothing is mapped.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Copies out of the memory. False, and nothing was done, if not all of it is mapped.
    #[must_use]
    pub fn read(&self, offset: usize, buf: &mut [u8]) -> bool {
        let inside = self.contains(offset, buf.len());
        if inside {
            // SAFETY: the bytes are mapped, as was just checked.
            unsafe { read_shared(self.start.as_ptr().add(offset), buf) };
        }
        inside
    }

    /// Copies into the memory. False, and nothing was done, if not all of it is mapped for writing.
    #[must_use]
    pub fn write(&self, offset: usize, data: &[u8]) -> bool {
        let inside = self.writable && self.contains(offset, data.len());
        if inside {
            // SAFETY: the bytes are mapped for writing, as was just checked.
            unsafe { write_shared(self.start.as_ptr().add(offset), data) };
        }
        inside
    }

    fn contains(&self, offset: usize, len: usize) -> bool {
        offset.checked_add(len).is_some_and(|end| end <= self.len)
    }
}

impl Drop for SharedMapping {
    fn drop(&mut self) {
        // SAFETY: what was mapped, by the only owner; nothing points into it.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.len) };
    }
}

/// Copies from memory that others write meanwhile: whole words where both ends allow, the last one first.
///
/// # Safety
/// `buf.len()` bytes at `from` can be read, and nobody has a reference to them.
pub unsafe fn read_shared(from: *const u8, buf: &mut [u8]) {
    let mut end = buf.len();
    while end > 0 {
        // SAFETY: inside what the caller vouches for; a word is aligned and inside.
        unsafe {
            if end >= WORD && from.add(end).addr().is_multiple_of(WORD) {
                end -= WORD;
                let word = AtomicU64::from_ptr(from.add(end).cast_mut().cast()).load(Ordering::Acquire);
                buf[end..end + WORD].copy_from_slice(&word.to_ne_bytes());
            } else {
                end -= 1;
                buf[end] = AtomicU8::from_ptr(from.add(end).cast_mut()).load(Ordering::Acquire);
            }
        }
    }
}

/// Copies to memory that others read meanwhile: whole words where both ends allow, the last one last.
///
/// # Safety
/// `data.len()` bytes at `to` can be written, and nobody has a reference to them.
pub unsafe fn write_shared(to: *mut u8, data: &[u8]) {
    let mut at = 0;
    while at < data.len() {
        // SAFETY: inside what the caller vouches for; a word is aligned and inside.
        unsafe {
            match data[at..].first_chunk() {
                Some(&word) if to.add(at).addr().is_multiple_of(WORD) => {
                    let word = u64::from_ne_bytes(word);
                    AtomicU64::from_ptr(to.add(at).cast()).store(word, Ordering::Release);
                    at += WORD;
                }
                _ => {
                    AtomicU8::from_ptr(to.add(at)).store(data[at], Ordering::Release);
                    at += 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
    use std::os::fd::AsFd;

    #[test]
    fn copies_at_every_alignment_and_none_outside() {
        let file = memfd_create("test", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&file, 4096).unwrap();
        let memory = SharedMapping::map(file.as_fd(), 4096, true).unwrap();
        let other = SharedMapping::map(file.as_fd(), 4096, false).unwrap();
        let data: Vec<u8> = (1..=40).collect();
        for offset in 0..16 {
            for len in 0..data.len() {
                assert!(memory.write(offset, &[0; 64]) && memory.write(offset, &data[..len]));
                let mut buf = [0xff; 42];
                assert!(other.read(offset, &mut buf[1..=len]));
                assert_eq!(buf[1..=len], data[..len]);
                assert_eq!((buf[0], buf[len + 1]), (0xff, 0xff));
            }
        }
        assert!(!other.write(0, &[1]), "mapped for reading only");
        assert!(!memory.write(4095, &[1, 2]) && !memory.read(usize::MAX, &mut [0, 0]));
    }

    #[test]
    fn the_last_word_vouches_for_all_before() {
        let file = memfd_create("test", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&file, 4096).unwrap();
        let memory = SharedMapping::map(file.as_fd(), 4096, true).unwrap();
        const ROUNDS: u64 = 200_000;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for round in 1..=ROUNDS {
                    assert!(memory.write(64, &[round.to_ne_bytes(); 8].concat()));
                }
            });
            let mut words = [0; 64];
            while words != [ROUNDS.to_ne_bytes(); 8].concat()[..] {
                assert!(memory.read(64, &mut words));
                let word = |i: usize| u64::from_ne_bytes(*words[8 * i..].first_chunk().unwrap());
                assert!((0..7).all(|i| word(i) >= word(7)), "{words:?}");
            }
        });
    }
}

//! From memory of this process to pages of the window, on hosts where the window is memory of the system.
//!
//! A CXL memory device shows up as a NUMA node or as a DAX device. An application then has plain memory whose pages lie
//! somewhere in the window; what the device reports are pages of the window. [`PinnedPages`] keeps the pages of a buffer
//! where they are and knows their physical addresses, and [`Device::ranges_of`](crate::Device::ranges_of) makes ranges to
//! track of them:
//!
//! ```text
//! let pinned = PinnedPages::new(buffer, &Pagemap::open()?)?;
//! let tracker = device.track_start(&device.ranges_of(&pinned)?)?;
//! // ... stores to the buffer, reports ...
//! device.track_stop(tracker)?;
//! pinned.check(&pagemap)?; // still where they were
//! ```

use crate::{Carrier, Device, Error, Hpa, PageRange};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::ptr::NonNull;
use tideline_abi::geometry::PAGE_BYTES;

/// Finds the physical address of a page of this process.
pub trait Translate {
    /// Physical address of the page that begins at this virtual address, a multiple of 4096.
    ///
    /// # Errors
    /// [`TranslateError::NotPresent`], or that the answer is not to be had.
    fn translate(&self, address: usize) -> Result<Hpa, TranslateError>;
}

/// Why memory has no physical address that can be known.
#[derive(Debug, thiserror::Error)]
pub enum TranslateError {
    /// The kernel keeps physical addresses to itself.
    #[error(
        "the kernel hides physical addresses from this process: it needs the capability CAP_SYS_ADMIN (run it as root, or \
         `setcap cap_sys_admin+ep` the program)"
    )]
    NeedsCapability,
    /// No `/proc/self/pagemap`, or it cannot be read.
    #[error("/proc/self/pagemap: {0}")]
    Pagemap(#[source] io::Error),
    /// No page is mapped at an address.
    #[error(
        "the page table shows no page at {address:#x}: it was never touched, is swapped out, or belongs to a BAR that was mapped"
    )]
    NotPresent {
        /// The virtual address.
        address: usize,
    },
    /// Memory that does not consist of whole pages.
    #[error("memory at {address:#x}, {len} bytes: both must be multiples of 4096, and at least one page")]
    Unaligned {
        /// Its first byte.
        address: usize,
        /// Its length in bytes.
        len: usize,
    },
    /// The pages could not be locked.
    #[error("cannot lock {len} bytes at {address:#x}: {source}; see `ulimit -l`")]
    Lock {
        /// First byte.
        address: usize,
        /// Length in bytes.
        len: usize,
        /// The kernel's reason.
        source: io::Error,
    },
    /// A page is not where it was when it was pinned.
    #[error("the page at {address:#x} moved from {before:#x} to {now:#x}: what was tracked is not this page", before = .before.0, now = .now.0)]
    Moved {
        /// Its virtual address.
        address: usize,
        /// Where it was.
        before: Hpa,
        /// Where it is.
        now: Hpa,
    },
}

/// The kernel's own page table of this process, `/proc/self/pagemap`.
#[derive(Debug)]
pub struct Pagemap {
    file: File,
}

/// An entry of the pagemap: bit 63 = present, bits 0 to 54 = page frame number.
/// Source: Documentation/admin-guide/mm/pagemap.rst of Linux.
const PRESENT: u64 = 1 << 63;
const FRAME: u64 = (1 << 55) - 1;

impl Pagemap {
    /// Opens it and tries it on a page of its own.
    ///
    /// # Errors
    /// [`TranslateError::NeedsCapability`] without CAP_SYS_ADMIN, [`TranslateError::Pagemap`].
    pub fn open() -> Result<Self, TranslateError> {
        let pagemap = Self { file: File::open("/proc/self/pagemap").map_err(refused)? };
        let here = &pagemap as *const Self as usize;
        pagemap.translate(here / PAGE_BYTES * PAGE_BYTES)?;
        Ok(pagemap)
    }
}

impl Translate for Pagemap {
    fn translate(&self, address: usize) -> Result<Hpa, TranslateError> {
        let mut entry = [0; 8];
        let offset = (address / PAGE_BYTES * entry.len()) as u64;
        self.file.read_exact_at(&mut entry, offset).map_err(refused)?;
        let entry = u64::from_ne_bytes(entry);
        if entry & PRESENT == 0 {
            return Err(TranslateError::NotPresent { address });
        }
        // Frame 0 is never given to a process: without the capability the kernel shows it for every page.
        match entry & FRAME {
            0 => Err(TranslateError::NeedsCapability),
            frame => Ok(Hpa(frame * PAGE_BYTES as u64)),
        }
    }
}

fn refused(error: io::Error) -> TranslateError {
    match error.kind() {
        io::ErrorKind::PermissionDenied => TranslateError::NeedsCapability,
        _ => TranslateError::Pagemap(error),
    }
}

/// Memory of this process whose pages are locked in RAM, and where they are.
///
/// Dropping it unlocks them. A lock keeps pages from being swapped out; the kernel may still migrate a page of normal
/// memory (compaction, NUMA balancing), which [`PinnedPages::check`] finds. Pages of a DAX device do not move.
#[derive(Debug)]
pub struct PinnedPages {
    address: usize,
    pages: Vec<Hpa>,
}

impl PinnedPages {
    /// Locks whole pages and looks up where they are.
    ///
    /// A BAR that was mapped through VFIO is not in the kernel's table; but there the offset in the window is known anyway.
    ///
    /// # Errors
    /// [`TranslateError::Unaligned`], [`TranslateError::Lock`], [`TranslateError::NotPresent`], or the translator's.
    pub fn new(memory: NonNull<[u8]>, translate: &impl Translate) -> Result<Self, TranslateError> {
        let (address, len) = (memory.as_ptr().addr(), memory.len());
        if len == 0 || !address.is_multiple_of(PAGE_BYTES) || !len.is_multiple_of(PAGE_BYTES) {
            return Err(TranslateError::Unaligned { address, len });
        }
        // SAFETY: locking changes no contents, and the kernel refuses what is not memory of this process.
        if unsafe { libc::mlock(memory.as_ptr().cast(), len) } != 0 {
            return Err(TranslateError::Lock { address, len, source: io::Error::last_os_error() });
        }
        // From here on dropping it unlocks.
        let mut pinned = Self { address, pages: vec![Hpa(0); len / PAGE_BYTES] };
        for n in 0..pinned.pages.len() {
            pinned.pages[n] = translate.translate(pinned.address_of(n))?;
        }
        Ok(pinned)
    }

    /// Physical address of each page, in the order of the memory.
    pub fn pages(&self) -> &[Hpa] {
        &self.pages
    }

    /// Looks again whether every page is where it was.
    ///
    /// # Errors
    /// [`TranslateError::Moved`], or the translator's.
    pub fn check(&self, translate: &impl Translate) -> Result<(), TranslateError> {
        for (n, &before) in self.pages.iter().enumerate() {
            let address = self.address_of(n);
            let now = translate.translate(address)?;
            if now != before {
                return Err(TranslateError::Moved { address, before, now });
            }
        }
        Ok(())
    }

    fn address_of(&self, page: usize) -> usize {
        self.address + page * PAGE_BYTES
    }
}

impl Drop for PinnedPages {
    fn drop(&mut self) {
        // SAFETY: unlocking changes no contents; memory that was unmapped meanwhile is refused by the kernel.
        unsafe { libc::munlock(self.address as *const libc::c_void, self.pages.len() * PAGE_BYTES) };
    }
}

impl<C: Carrier> Device<C> {
    /// The window pages that a buffer consists of, as ranges to track, ascending. Pages next to each other share one.
    ///
    /// # Errors
    /// [`Error::BelowWindow`], [`Error::OutsideWindow`] at the first page that is not memory of this device.
    pub fn ranges_of(&self, pinned: &PinnedPages) -> Result<Vec<PageRange>, Error> {
        let mut pages: Vec<Hpa> = pinned.pages.clone();
        pages.sort();
        pages.dedup();
        let mut ranges: Vec<PageRange> = Vec::new();
        for page in pages {
            let page = self.range_at(page, PAGE_BYTES as u64)?;
            match ranges.last_mut() {
                Some(last) if last.end() == page.first() => {
                    *last = PageRange::new(last.first(), last.count() + 1)?;
                }
                _ => ranges.push(page),
            }
        }
        Ok(ranges)
    }
}

//! Physical addresses of this process: with the capability they are there, without it the error names it.
//!
//! Tests may run as root or as anybody. So each drops the capability in a thread of its own: capabilities belong to threads.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::collections::BTreeMap;
use std::ptr::{self, NonNull};
use std::thread;
use tideline_driver::Hpa;
use tideline_driver::translate::{Pagemap, PinnedPages, Translate, TranslateError};

const PAGE: usize = 4096;
/// Number of the capability in linux/capability.h.
const CAP_SYS_ADMIN: u32 = 21;

/// Sets of capabilities of this thread: effective, permitted, inheritable; each for numbers 0 to 31 and 32 to 63.
type Sets = [[u32; 3]; 2];

/// _LINUX_CAPABILITY_VERSION_3, and thread 0 = this one.
const HEADER: [u32; 2] = [0x2008_0522, 0];

fn capabilities() -> Sets {
    let mut sets = Sets::default();
    // SAFETY: header and sets have the layout that version 3 of the call takes.
    let done = unsafe { libc::syscall(libc::SYS_capget, &HEADER, &mut sets) };
    assert_eq!(done, 0);
    sets
}

fn drop_capability(number: u32) {
    let mut sets = capabilities();
    sets[0][0] &= !(1 << number);
    // SAFETY: as above; the call only takes rights from this thread.
    let done = unsafe { libc::syscall(libc::SYS_capset, &HEADER, &sets) };
    assert_eq!(done, 0);
}

/// Whole pages of memory.
struct Pages(NonNull<[u8]>, Layout);

impl Pages {
    fn new(count: usize) -> Self {
        let layout = Layout::from_size_align(count * PAGE, PAGE).unwrap();
        // SAFETY: the layout is not empty.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) }).unwrap();
        Self(NonNull::slice_from_raw_parts(start, layout.size()), layout)
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: it was allocated with this layout.
        unsafe { dealloc(self.0.as_ptr().cast(), self.1) }
    }
}

#[test]
fn without_the_capability_the_error_names_it() {
    let refused = thread::spawn(|| {
        drop_capability(CAP_SYS_ADMIN);
        Pagemap::open().map(drop)
    });
    let error = refused.join().unwrap().unwrap_err();
    assert!(matches!(error, TranslateError::NeedsCapability), "{error}");
    assert!(error.to_string().contains("CAP_SYS_ADMIN"), "{error}");
}

#[test]
fn with_the_capability_every_page_has_its_own_frame() {
    let may = capabilities()[0][0] >> CAP_SYS_ADMIN & 1 == 1;
    match Pagemap::open() {
        Ok(pagemap) => {
            assert!(may);
            let memory = Pages::new(8);
            let pinned = PinnedPages::new(memory.0, &pagemap).unwrap();
            let frames: std::collections::BTreeSet<_> = pinned.pages().iter().collect();
            assert_eq!(frames.len(), 8, "{frames:?}");
            assert!(frames.iter().all(|f| f.0 > 0 && f.0 % PAGE as u64 == 0), "{frames:?}");
            pinned.check(&pagemap).unwrap();
        }
        // Capabilities of a container do not count: the kernel asks for those of the machine.
        Err(error) => assert!(matches!(error, TranslateError::NeedsCapability), "{error}"),
    }
}

/// A page table of the test's own making.
#[derive(Default)]
struct Table(BTreeMap<usize, Hpa>);

impl Translate for Table {
    fn translate(&self, address: usize) -> Result<Hpa, TranslateError> {
        self.0.get(&address).copied().ok_or(TranslateError::NotPresent { address })
    }
}

#[test]
fn pages_that_are_absent_or_move_are_named() {
    let memory = Pages::new(2);
    let start = memory.0.as_ptr().addr();
    let mut table = Table::default();
    table.0.insert(start, Hpa(0x5000));
    let error = PinnedPages::new(memory.0, &table).unwrap_err();
    assert!(matches!(error, TranslateError::NotPresent { address } if address == start + PAGE), "{error}");

    table.0.insert(start + PAGE, Hpa(0x9000));
    let pinned = PinnedPages::new(memory.0, &table).unwrap();
    assert_eq!(pinned.pages(), [Hpa(0x5000), Hpa(0x9000)]);
    pinned.check(&table).unwrap();
    table.0.insert(start + PAGE, Hpa(0x7000));
    let error = pinned.check(&table).unwrap_err();
    assert!(matches!(error, TranslateError::Moved { before: Hpa(0x9000), now: Hpa(0x7000), .. }), "{error}");
}

#[test]
fn memory_that_is_no_whole_pages_is_refused() {
    let memory = Pages::new(1);
    let start = memory.0.as_ptr().cast::<u8>();
    for (offset, len) in [(0, 0), (0, 100), (64, PAGE)] {
        let part = ptr::slice_from_raw_parts_mut(start.wrapping_add(offset), len);
        let error = PinnedPages::new(NonNull::new(part).unwrap(), &Table::default()).unwrap_err();
        assert!(matches!(error, TranslateError::Unaligned { .. }), "{error}");
    }
    // No memory at all: the kernel says so.
    let nowhere = ptr::slice_from_raw_parts_mut(ptr::without_provenance_mut::<u8>(PAGE), PAGE);
    let error = PinnedPages::new(NonNull::new(nowhere).unwrap(), &Table::default()).unwrap_err();
    assert!(matches!(error, TranslateError::Lock { .. }), "{error}");
}

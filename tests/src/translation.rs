//! Buffers of an application that lie in the window, page by page anywhere.

use crate::Outcome;
use crate::world::{Log, generator, pages, same_lines};
use rand::seq::SliceRandom;
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::collections::BTreeMap;
use std::ptr::NonNull;
use tideline_abi::geometry::PAGE_BYTES;
use tideline_driver::translate::{PinnedPages, Translate, TranslateError};
use tideline_driver::{Carrier, Device, Error, Frame, Gather, Hpa, LineAddr, PageRange};

/// Whole pages of normal memory.
pub struct PageBuffer(NonNull<u8>, Layout);

impl PageBuffer {
    /// Zeroed.
    ///
    /// # Panics
    /// Without a page, or without memory.
    pub fn new(count: usize) -> Self {
        assert!(count > 0);
        let layout = Layout::from_size_align(count * PAGE_BYTES, PAGE_BYTES).expect("a power of two");
        // SAFETY: the layout is not empty.
        Self(NonNull::new(unsafe { alloc_zeroed(layout) }).expect("there is memory"), layout)
    }

    /// All of it.
    pub fn memory(&self) -> NonNull<[u8]> {
        NonNull::slice_from_raw_parts(self.0, self.1.size())
    }

    /// One page of it.
    ///
    /// # Panics
    /// If it has no such page.
    pub fn page(&self, n: usize) -> NonNull<[u8]> {
        assert!(n < self.1.size() / PAGE_BYTES);
        // SAFETY: it lies in the memory, as was just checked.
        NonNull::slice_from_raw_parts(unsafe { self.0.add(n * PAGE_BYTES) }, PAGE_BYTES)
    }
}

impl Drop for PageBuffer {
    fn drop(&mut self) {
        // SAFETY: it was allocated with this layout.
        unsafe { dealloc(self.0.as_ptr(), self.1) };
    }
}

/// A page table of the test's own making.
struct Table(BTreeMap<usize, Hpa>);

impl Translate for Table {
    fn translate(&self, address: usize) -> Result<Hpa, TranslateError> {
        self.0.get(&address).copied().ok_or(TranslateError::NotPresent { address })
    }
}

/// The pages of a buffer lie in the window in random order: they become as few ranges as they can, which are tracked; a
/// buffer with a page elsewhere is refused.
pub fn buffers_become_ranges<C: Carrier>(mut device: Device<C>) -> Outcome {
    let mut rng = generator("buffers_become_ranges");
    let buffer = PageBuffer::new(8);
    let mut window: Vec<u32> = vec![40, 41, 42, 50, 60, 61, 70, 90];
    window.shuffle(&mut rng);
    let base = device.window_base().0;
    let start = buffer.memory().as_ptr().addr();
    let entry =
        |(n, &page): (usize, &u32)| (start + n * PAGE_BYTES, Hpa(base + u64::from(page) * PAGE_BYTES as u64));
    let mut table = Table(window.iter().enumerate().map(entry).collect());
    let pinned = PinnedPages::new(buffer.memory(), &table).expect("every page has an address");
    let ranges = device.ranges_of(&pinned)?;
    assert_eq!(ranges, [pages(40, 3), pages(50, 1), pages(60, 2), pages(70, 1), pages(90, 1)]);

    device.map(pages(40, 51), Frame(0))?;
    let tracker = device.track_start(&ranges)?;
    let mut log = Log::default();
    for &page in &window {
        log.store(&mut device, LineAddr::new(tideline_driver::PageIndex(page), page as u8))?;
    }
    let written = log.epoch.clone();
    // Next to it: not part of the buffer.
    log.store(&mut device, LineAddr::new(tideline_driver::PageIndex(43), 0))?;
    same_lines(device.track_report(&tracker, Gather::Recall)?.lines().collect(), written);
    device.track_stop(tracker)?;
    pinned.check(&table).expect("no page moved");

    let outside = Hpa(base + u64::from(device.info().pages) * PAGE_BYTES as u64);
    table.0.insert(start, outside);
    assert!(matches!(pinned.check(&table), Err(TranslateError::Moved { now, .. }) if now == outside));
    let pinned = PinnedPages::new(buffer.memory(), &table).expect("every page has an address");
    let refused: Result<Vec<PageRange>, Error> = device.ranges_of(&pinned);
    assert!(matches!(refused, Err(Error::OutsideWindow { .. })), "{refused:?}");
    Ok(())
}

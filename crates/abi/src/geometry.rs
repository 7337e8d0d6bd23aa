//! Sizes that nothing changes, and the sizes of this build of the device.

/// Bytes of a line (a CPU cache line).
pub const LINE_BYTES: usize = 64;
/// Bytes of a page.
pub const PAGE_BYTES: usize = 4096;
/// Lines of a page.
pub const LINES_PER_PAGE: usize = 64;

/// Address bits of a page index of this build.
pub const PAGE_BITS: usize = 24;
/// Most pages of a window: 16,777,216, 64 GiB.
pub const MAX_PAGES: usize = 1 << PAGE_BITS;
/// Pages of a group: those whose bytes in the page list fill eight lines of device memory, and that share a bit on chip.
pub const GROUP_PAGES: usize = 512;
/// Pages of a region, 2 MiB: what a MAP plain maps at least.
pub const REGION_PAGES: usize = 512;
/// Pages of the window that BAR2 of the PCI function and the simulated machine have: 65,536.
pub const WINDOW_PAGES: usize = 1 << 16;
/// Bytes of that window: 256 MiB.
pub const WINDOW_BYTES: u64 = (WINDOW_PAGES * PAGE_BYTES) as u64;
/// Width of a frame number: 38-bit device physical addresses, 256 GiB.
pub const FRAME_BITS: usize = 26;
/// Width of a host physical address (CXL 3.1, table 3-35: 52 bits).
pub const HPA_BITS: usize = 52;
/// Recall contexts: pages that can be recalled at the same time.
pub const RECALL_CONTEXTS: usize = 64;
/// Back-invalidate tags: snoops outstanding at the same time.
pub const BI_TAGS: usize = 256;
/// Entries of the queue of requests to pages that are being recalled.
pub const DEFERRED_ENTRIES: usize = 32;
/// Lines under way to device memory or from it, reads and writes each.
pub const OUTSTANDING_LINES: usize = 256;
/// Pages whose descriptor is being fetched at the same time.
pub const MISS_ENTRIES: usize = 64;

const _: () = assert!(PAGE_BYTES == LINE_BYTES * LINES_PER_PAGE);

/// The sizes that hardware kernels name, as `u64`.
pub mod size {
    /// Most pages of a window.
    pub const MAX_PAGES: u64 = super::MAX_PAGES as u64;
    /// Recall contexts.
    pub const RECALL_CONTEXTS: u64 = super::RECALL_CONTEXTS as u64;
    /// Back-invalidate tags.
    pub const BI_TAGS: u64 = super::BI_TAGS as u64;
    /// Deferred requests.
    pub const DEFERRED_ENTRIES: u64 = super::DEFERRED_ENTRIES as u64;
}

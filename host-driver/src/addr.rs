//! Addresses and ranges, each its own type.

use crate::Error;
use std::fmt;
use tideline_abi::geometry::{LINE_BYTES, LINES_PER_PAGE, PAGE_BYTES};

/// Host physical byte address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hpa(pub u64);

/// Page of the window, 0 = the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PageIndex(pub u32);

/// Frame of device memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Frame(pub u32);

/// Line of the window, 0 = the first line of the first page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LineAddr(pub u64);

impl LineAddr {
    /// The line of a page; `line` is taken modulo 64.
    pub const fn new(page: PageIndex, line: u8) -> Self {
        Self(page.0 as u64 * LINES_PER_PAGE as u64 + (line as u64 & 63))
    }

    /// The page that it belongs to.
    pub const fn page(self) -> PageIndex {
        PageIndex((self.0 / LINES_PER_PAGE as u64) as u32)
    }

    /// Its number in the page, 0 to 63.
    pub const fn line(self) -> u8 {
        (self.0 % LINES_PER_PAGE as u64) as u8
    }

    /// Its first byte, counted from the start of the window.
    pub const fn offset(self) -> u64 {
        self.0 * LINE_BYTES as u64
    }
}

impl fmt::Display for PageIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "page {}", self.0)
    }
}

impl fmt::Display for LineAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} line {}", self.page(), self.line())
    }
}

/// Consecutive pages of a window, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageRange {
    first: PageIndex,
    count: u32,
}

impl PageRange {
    /// `count` pages from `first` on.
    ///
    /// # Errors
    /// [`Error::EmptyRange`]; [`Error::OutsideWindow`] if no window could be that large.
    pub fn new(first: PageIndex, count: u32) -> Result<Self, Error> {
        if count == 0 {
            return Err(Error::EmptyRange { offset: first.0 as u64 * PAGE_BYTES as u64 });
        }
        if first.0.checked_add(count).is_none() {
            return Err(Error::OutsideWindow { first, count, pages: u32::MAX });
        }
        Ok(Self { first, count })
    }

    /// The pages of `len` bytes that begin `offset` bytes into the window. Both must be multiples of 4096.
    ///
    /// ```
    /// use tideline_driver::{Error, PageIndex, PageRange};
    /// let range = PageRange::from_bytes(0x2000, 0x3000)?;
    /// assert_eq!((range.first(), range.count()), (PageIndex(2), 3));
    /// assert!(matches!(PageRange::from_bytes(0x2040, 0x1000), Err(Error::Unaligned { value: 0x2040, .. })));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Unaligned`], [`Error::EmptyRange`], [`Error::OutsideWindow`].
    pub fn from_bytes(offset: u64, len: u64) -> Result<Self, Error> {
        for (what, value) in [("offset", offset), ("length", len)] {
            if !value.is_multiple_of(PAGE_BYTES as u64) {
                return Err(Error::Unaligned { what, value, to: PAGE_BYTES as u64 });
            }
        }
        let pages = |bytes: u64| u32::try_from(bytes / PAGE_BYTES as u64).ok();
        match (pages(offset), pages(len)) {
            (Some(first), Some(count)) => Self::new(PageIndex(first), count),
            (first, count) => Err(Error::OutsideWindow {
                first: PageIndex(first.unwrap_or(u32::MAX)),
                count: count.unwrap_or(u32::MAX),
                pages: u32::MAX,
            }),
        }
    }

    /// The pages from `first` to the one before `end`, if there are any.
    pub(crate) fn between(first: PageIndex, end: PageIndex) -> Option<Self> {
        (first < end).then(|| Self { first, count: end.0 - first.0 })
    }

    /// The same with another end, which must lie behind the first page.
    pub(crate) fn up_to(self, end: PageIndex) -> Self {
        Self { first: self.first, count: end.0 - self.first.0 }
    }

    /// First page.
    pub const fn first(self) -> PageIndex {
        self.first
    }

    /// Pages of the range.
    pub const fn count(self) -> u32 {
        self.count
    }

    /// The page behind the last one.
    pub const fn end(self) -> PageIndex {
        PageIndex(self.first.0 + self.count)
    }

    /// The pages, ascending.
    pub fn pages(self) -> impl Iterator<Item = PageIndex> {
        (self.first.0..self.end().0).map(PageIndex)
    }

    /// True if the page belongs to the range.
    pub const fn contains(self, page: PageIndex) -> bool {
        self.first.0 <= page.0 && page.0 < self.end().0
    }

    /// The first page that both ranges have.
    pub fn overlap(self, other: Self) -> Option<PageIndex> {
        let first = self.first.max(other.first);
        (first < self.end().min(other.end())).then_some(first)
    }
}

impl fmt::Display for PageRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pages {} to {}", self.first.0, self.end().0 - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_cannot_be_are_refused_by_name() {
        assert!(matches!(PageRange::new(PageIndex(3), 0), Err(Error::EmptyRange { offset: 0x3000 })));
        assert!(matches!(PageRange::new(PageIndex(9), u32::MAX), Err(Error::OutsideWindow { .. })));
        assert!(matches!(PageRange::from_bytes(0, 0), Err(Error::EmptyRange { .. })));
        assert!(matches!(PageRange::from_bytes(0, 100), Err(Error::Unaligned { what: "length", .. })));
        assert!(matches!(PageRange::from_bytes(1 << 60, 4096), Err(Error::OutsideWindow { .. })));
    }

    #[test]
    fn overlap_is_the_first_common_page() {
        let range = |first, count| PageRange::new(PageIndex(first), count).unwrap();
        assert_eq!(range(0, 4).overlap(range(4, 4)), None);
        assert_eq!(range(0, 5).overlap(range(4, 4)), Some(PageIndex(4)));
        assert_eq!(range(2, 1).overlap(range(0, 9)), Some(PageIndex(2)));
    }

    #[test]
    fn a_line_knows_its_page() {
        let line = LineAddr::new(PageIndex(5), 63);
        assert_eq!((line.page(), line.line(), line.offset()), (PageIndex(5), 63, 5 * 4096 + 63 * 64));
    }
}

//! Bytes of the window, and typed handles to them.
//!
//! All of them count from the start of the window and hold no pointer: what was stored under one is found under it again
//! after a restart, in another process, or on another device that a checkpoint was restored to.

use crate::addr::{LineAddr, PageIndex, PageRange};
use crate::{Error, ranges};
use std::fmt;
use std::marker::PhantomData;
use tideline_abi::geometry::{LINE_BYTES, PAGE_BYTES};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Byte of the window, 0 = the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Offset(pub u64);

impl Offset {
    /// The line that it lies in.
    pub const fn line(self) -> LineAddr {
        LineAddr(self.0 / LINE_BYTES as u64)
    }

    /// The byte `bytes` further on.
    ///
    /// # Errors
    /// [`Error::BeyondWindow`] if no window is that large.
    pub fn plus(self, bytes: u64) -> Result<Self, Error> {
        let beyond = Error::BeyondWindow { offset: self, len: bytes, size: u64::MAX };
        self.0.checked_add(bytes).map(Self).ok_or(beyond)
    }
}

impl From<LineAddr> for Offset {
    fn from(line: LineAddr) -> Self {
        Self(line.offset())
    }
}

impl From<PageIndex> for Offset {
    fn from(page: PageIndex) -> Self {
        Self(u64::from(page.0) * PAGE_BYTES as u64)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "window offset {:#x}", self.0)
    }
}

/// Consecutive bytes of the window. It may be empty, and nobody has checked that it lies in the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Its first byte.
    pub start: Offset,
    /// Its bytes.
    pub len: u64,
}

impl Span {
    /// `len` bytes from `start` on.
    pub const fn new(start: Offset, len: u64) -> Self {
        Self { start, len }
    }

    /// The pages that it touches: what [`crate::Device::track_start`] takes.
    ///
    /// ```
    /// use tideline_driver::{Offset, PageIndex, PageRange, Span};
    /// let span = Span::new(Offset(0x1ff8), 16);
    /// assert_eq!(span.pages()?, PageRange::new(PageIndex(1), 2)?);
    /// # Ok::<(), tideline_driver::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::EmptyRange`], [`Error::BeyondWindow`] if no window is that large.
    pub fn pages(self) -> Result<PageRange, Error> {
        let Self { start, len } = self;
        if len == 0 {
            return Err(Error::EmptyRange { offset: start.0 });
        }
        let page = |byte: u64| u32::try_from(byte / PAGE_BYTES as u64).ok().map(PageIndex);
        let last = start.0.checked_add(len - 1).and_then(page);
        match (page(start.0), last) {
            (Some(first), Some(last)) => PageRange::new(first, (last.0 - first.0).saturating_add(1)),
            _ => {
                Err(Error::BeyondWindow { offset: start, len, size: u64::from(u32::MAX) * PAGE_BYTES as u64 })
            }
        }
    }

    /// The lines that it touches, ascending.
    pub fn lines(self) -> impl Iterator<Item = LineAddr> {
        let first = self.start.line().0;
        let end = match self.len {
            0 => first,
            len => Offset(self.start.0.saturating_add(len - 1)).line().0 + 1,
        };
        (first..end).map(LineAddr)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes at {}", self.len, self.start)
    }
}

impl From<PageRange> for Span {
    fn from(range: PageRange) -> Self {
        Self::new(range.first().into(), u64::from(range.count()) * PAGE_BYTES as u64)
    }
}

/// The pages that any of the spans touch, as disjoint ranges: what [`crate::Device::track_start`] takes, also where spans
/// share a page.
///
/// # Errors
/// As [`Span::pages`].
pub fn pages_of(spans: impl IntoIterator<Item = impl Into<Span>>) -> Result<Vec<PageRange>, Error> {
    let pages: Result<Vec<PageRange>, Error> = spans.into_iter().map(|s| s.into().pages()).collect();
    Ok(ranges::union(pages?))
}

/// A type whose values are plain bytes: any bytes are a value, and none of them is padding.
///
/// Everything that derives zerocopy's `FromBytes`, `IntoBytes` and `Immutable` is one: numbers, arrays of them,
/// `#[repr(C)]` structures of them. Numbers are stored in this machine's byte order; use zerocopy's `little_endian` types
/// where that matters.
pub trait Plain: FromBytes + IntoBytes + Immutable {}

impl<T: FromBytes + IntoBytes + Immutable> Plain for T {}

/// A value of this type in the window: an offset that knows its type.
pub struct Cell<T> {
    offset: Offset,
    of: PhantomData<fn() -> T>,
}

impl<T> Cell<T> {
    /// The value at this offset, of any alignment.
    pub const fn at(offset: Offset) -> Self {
        Self { offset, of: PhantomData }
    }

    /// Where it lies.
    pub const fn offset(self) -> Offset {
        self.offset
    }

    /// The bytes that it takes.
    pub const fn span(self) -> Span {
        Span::new(self.offset, size_of::<T>() as u64)
    }
}

/// Values of one type in the window, one behind the other.
pub struct Cells<T> {
    offset: Offset,
    len: u64,
    of: PhantomData<fn() -> T>,
}

impl<T> Cells<T> {
    /// `len` values from this offset on, of any alignment.
    ///
    /// # Errors
    /// [`Error::BeyondWindow`] if no window is that large.
    pub fn at(offset: Offset, len: u64) -> Result<Self, Error> {
        let bytes = (size_of::<T>() as u64).checked_mul(len);
        match bytes.and_then(|bytes| offset.0.checked_add(bytes)) {
            Some(_) => Ok(Self { offset, len, of: PhantomData }),
            None => Err(Error::BeyondWindow { offset, len: bytes.unwrap_or(u64::MAX), size: u64::MAX }),
        }
    }

    /// Number of values.
    pub const fn len(self) -> u64 {
        self.len
    }

    /// True if there are none.
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }

    /// One of them.
    ///
    /// # Errors
    /// [`Error::NoSuchCell`].
    pub fn get(self, index: u64) -> Result<Cell<T>, Error> {
        if index >= self.len {
            return Err(Error::NoSuchCell { index, len: self.len });
        }
        Ok(Cell::at(Offset(self.offset.0 + index * size_of::<T>() as u64)))
    }

    /// All of them.
    pub fn iter(self) -> impl Iterator<Item = Cell<T>> {
        (0..self.len).map(move |i| Cell::at(Offset(self.offset.0 + i * size_of::<T>() as u64)))
    }

    /// Where they begin.
    pub const fn offset(self) -> Offset {
        self.offset
    }

    /// The bytes that they take.
    pub const fn span(self) -> Span {
        Span::new(self.offset, self.len * size_of::<T>() as u64)
    }
}

/// Handles are plain numbers, whatever they point to.
macro_rules! handle {
    ($name:ident) => {
        impl<T> Clone for $name<T> {
            fn clone(&self) -> Self {
                *self
            }
        }
        impl<T> Copy for $name<T> {}
        impl<T> PartialEq for $name<T> {
            fn eq(&self, other: &Self) -> bool {
                self.span() == other.span()
            }
        }
        impl<T> Eq for $name<T> {}
        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.span())
            }
        }
        impl<T> From<$name<T>> for Span {
            fn from(handle: $name<T>) -> Self {
                handle.span()
            }
        }
        impl<T> From<$name<T>> for Offset {
            fn from(handle: $name<T>) -> Self {
                handle.offset()
            }
        }
    };
}

handle!(Cell);
handle!(Cells);

impl From<Span> for Offset {
    fn from(span: Span) -> Self {
        span.start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_rounded_to_pages_and_lines() {
        let lines = |start, len| Span::new(Offset(start), len).lines().map(|l| l.0).collect::<Vec<_>>();
        assert_eq!(lines(64, 64), [1]);
        assert_eq!(lines(63, 2), [0, 1]);
        assert!(lines(100, 0).is_empty());
        let pages = |start, len| Span::new(Offset(start), len).pages();
        assert_eq!(pages(4095, 1).unwrap(), PageRange::new(PageIndex(0), 1).unwrap());
        assert_eq!(pages(4095, 2).unwrap(), PageRange::new(PageIndex(0), 2).unwrap());
        assert!(matches!(pages(9, 0), Err(Error::EmptyRange { offset: 9 })));
        assert!(matches!(pages(u64::MAX, 2), Err(Error::BeyondWindow { offset: Offset(u64::MAX), .. })));
        assert!(matches!(pages(0, u64::MAX), Err(Error::BeyondWindow { .. })));
        assert!(matches!(pages(u64::from(u32::MAX) << 12, 1), Err(Error::OutsideWindow { .. })));
    }

    #[test]
    fn spans_that_share_a_page_become_one_range() {
        let spans =
            [Span::new(Offset(0x3000), 1), Span::new(Offset(0x10), 8), Span::new(Offset(0xff0), 0x20)];
        let range = |first, count| PageRange::new(PageIndex(first), count).unwrap();
        assert_eq!(pages_of(spans).unwrap(), [range(0, 2), range(3, 1)]);
        assert_eq!(pages_of([Cell::<u64>::at(Offset(0x1ffc))]).unwrap(), [range(1, 2)]);
    }

    #[test]
    fn cells_know_their_places() {
        let cells = Cells::<u32>::at(Offset(10), 3).unwrap();
        assert_eq!(cells.get(2).unwrap().span(), Span::new(Offset(18), 4));
        assert!(matches!(cells.get(3), Err(Error::NoSuchCell { index: 3, len: 3 })));
        assert_eq!(cells.iter().map(|c| c.offset().0).collect::<Vec<_>>(), [10, 14, 18]);
        assert!(matches!(Cells::<u64>::at(Offset(0), u64::MAX), Err(Error::BeyondWindow { .. })));
        assert_eq!(format!("{:?}", cells.get(0).unwrap()), "Cell(4 bytes at window offset 0xa)");
    }
}

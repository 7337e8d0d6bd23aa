//! An allocator over pages of the window: an application's own data structures in tracked memory.
//!
//! All that it knows lies in its pages, so that a copy of them (a checkpoint) is complete: [`Arena::open`] finds every
//! block again. A line of 64 bytes at the start says what it is and where the application's root is; then block follows
//! block, each behind a header of 16 bytes:
//!
//! ```text
//! arena:  "TIDEAREN" | version | bytes of the arena | root or 0 | ...       block:  bytes, bit 0 = used | check
//! ```
//!
//! A handle has the block's offset in the window: it stays true as long as the pages do not move within the window.

use crate::Error;
use crate::addr::PageRange;
use crate::span::{Cell, Cells, Offset, Plain, Span};
use crate::window::Window;
use std::collections::{BTreeMap, BTreeSet};
use tideline_abi::geometry::{LINE_BYTES, PAGE_BYTES};
use zerocopy::little_endian::U64;
use zerocopy::{FromBytes, Immutable, IntoBytes};

const MAGIC: [u8; 8] = *b"TIDEAREN";
const VERSION: u64 = 1;
/// Blocks begin and end at multiples of it; also the bytes of a block's header.
const GRAIN: u64 = size_of::<Header>() as u64;
const USED: u64 = 1;
/// Mixed into the check of a header.
const SALT: u64 = 0x74d1_1e5e_a7e4_a000;

/// What the first line says.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct Front {
    magic: [u8; 8],
    version: U64,
    bytes: U64,
    /// Offset in the window, 0 = none: no block can begin there.
    root: U64,
    reserved: [u64; 4],
}

const _: () = assert!(size_of::<Front>() == LINE_BYTES);

/// What stands before each block.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct Header {
    /// Bytes of the block with its header, a multiple of 16; bit 0: used.
    word: U64,
    /// Says that this is a header, and this one's.
    check: U64,
}

impl Header {
    fn new(at: u64, block: Block) -> Self {
        let word = block.bytes | if block.used { USED } else { 0 };
        Self { word: word.into(), check: (word ^ at ^ SALT).into() }
    }

    fn block(self, at: u64) -> Option<Block> {
        let word = self.word.get();
        let (bytes, used) = (word & !USED, word & USED != 0);
        let good = self.check.get() == word ^ at ^ SALT && bytes != 0 && bytes.is_multiple_of(GRAIN);
        good.then_some(Block { bytes, used })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Block {
    /// With its header.
    bytes: u64,
    used: bool,
}

/// An allocator over pages of the window.
///
/// It borrows nothing: methods that touch the window take it. It keeps a list of its blocks in this process, so that only
/// one [`Arena`] may work on its pages at a time.
///
/// ```
/// # fn example<C: tideline_driver::Carrier>(mut device: tideline_driver::Device<C>) -> Result<(), tideline_driver::Error> {
/// use tideline_driver::{Arena, Frame, Gather, PageIndex, PageRange, pages_of};
/// let pages = PageRange::new(PageIndex(0), 16)?;
/// device.map(pages, Frame(0))?;
/// let mut arena = Arena::create(&mut device.window(), pages)?;
/// let counter = arena.alloc_cell(&mut device.window(), &0u64)?;
/// let table = arena.alloc_cells::<[u32; 4]>(&mut device.window(), 100)?;
/// let tracker = device.track_start(&pages_of([counter.span(), table.span()])?)?;
/// device.window().set(table.get(7)?, &[1, 2, 3, 4])?;
/// let report = device.track_report(&tracker, Gather::Recall)?;
/// assert!(table.get(7)?.span().lines().all(|line| report.contains(line)));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arena {
    pages: PageRange,
    /// By the offset of their header; one begins where the other ends.
    blocks: BTreeMap<u64, Block>,
    /// Those that are free: bytes, offset.
    free: BTreeSet<(u64, u64)>,
}

impl Arena {
    /// Makes an empty arena of mapped pages. What they held is overwritten as blocks are allocated. Pages that are not mapped
    /// cannot be told from others here: what is written to them may live on in the CPU's caches for a while.
    ///
    /// # Errors
    /// [`Error::BeyondWindow`], or the carrier's.
    pub fn create(window: &mut Window<'_>, pages: PageRange) -> Result<Self, Error> {
        let Span { start, len } = pages.into();
        window.read(Offset(start.0 + len - 1), &mut [0])?;
        let mut arena = Self { pages, blocks: BTreeMap::new(), free: BTreeSet::new() };
        let (first, block) = (arena.first(), Block { bytes: len - LINE_BYTES as u64, used: false });
        arena.write_header(window, first, block)?;
        arena.note(first, block);
        let front = Front {
            magic: MAGIC,
            version: VERSION.into(),
            bytes: len.into(),
            root: 0.into(),
            reserved: [0; 4],
        };
        window.set(Cell::at(start), &front)?;
        Ok(arena)
    }

    /// Finds the arena that was made of these pages, and all its blocks.
    ///
    /// # Errors
    /// [`Error::NoArena`] if there is none of this size, [`Error::DamagedArena`] if something wrote over a header.
    pub fn open(window: &mut Window<'_>, pages: PageRange) -> Result<Self, Error> {
        let Span { start, len } = pages.into();
        let front = window.get(Cell::<Front>::at(start))?;
        let (version, bytes) = (front.version.get(), front.bytes.get());
        if front.magic != MAGIC || version != VERSION || bytes != len {
            let found = match front.magic == MAGIC {
                true => format!("an arena of version {version} with {bytes} bytes"),
                false => format!("bytes {:02x?}", front.magic),
            };
            return Err(Error::NoArena { pages, found });
        }
        let mut arena = Self { pages, blocks: BTreeMap::new(), free: BTreeSet::new() };
        let (mut at, end) = (arena.first(), start.0 + len);
        while at < end {
            let header = window.get(Cell::<Header>::at(Offset(at)))?;
            let block = header.block(at).filter(|b| b.bytes <= end - at);
            let block = block.ok_or(Error::DamagedArena { offset: Offset(at) })?;
            arena.note(at, block);
            at += block.bytes;
        }
        Ok(arena)
    }

    /// The pages that it lies in: what [`crate::Device::track_start`] takes, to track all of it.
    pub fn pages(&self) -> PageRange {
        self.pages
    }

    /// Bytes that are not allocated. One allocation may take less: [`Arena::largest`].
    pub fn free_bytes(&self) -> u64 {
        self.free.iter().map(|(bytes, _)| bytes - GRAIN).sum()
    }

    /// Most bytes that one allocation can have now, without alignment.
    pub fn largest(&self) -> u64 {
        self.free.last().map_or(0, |(bytes, _)| bytes - GRAIN)
    }

    /// The blocks that are allocated, ascending. Their lengths are rounded up to a multiple of 16.
    pub fn blocks(&self) -> impl Iterator<Item = Span> + '_ {
        let used = self.blocks.iter().filter(|(_, b)| b.used);
        used.map(|(at, b)| Span::new(Offset(at + GRAIN), b.bytes - GRAIN))
    }

    /// Allocates bytes, aligned to a power of two up to 4096; at least to 16. They hold what the memory held before.
    ///
    /// # Errors
    /// [`Error::BadAllocation`], [`Error::ArenaFull`], or the carrier's: nothing is allocated then.
    pub fn alloc(&mut self, window: &mut Window<'_>, len: u64, align: u64) -> Result<Span, Error> {
        if len == 0 || !align.is_power_of_two() || align > PAGE_BYTES as u64 {
            return Err(Error::BadAllocation { len, align });
        }
        let full = Error::ArenaFull { len, align, largest: self.largest() };
        // More than the arena has never fits: no overflow below.
        let bytes = match len <= self.largest() {
            true => GRAIN + len.next_multiple_of(GRAIN),
            false => return Err(full),
        };
        let gap = |at: u64| (at + GRAIN).next_multiple_of(align) - GRAIN - at;
        let fits = |&&(room, at): &&(u64, u64)| gap(at) + bytes <= room;
        let Some(&(room, at)) = self.free.range((bytes, 0)..).find(fits) else { return Err(full) };

        let before = gap(at);
        let start = at + before;
        let after = room - before - bytes;
        // From the back: the header at the front makes the others true, all at once.
        let mut parts = vec![(start, Block { bytes, used: true })];
        if after > 0 {
            parts.insert(0, (start + bytes, Block { bytes: after, used: false }));
        }
        if before > 0 {
            parts.push((at, Block { bytes: before, used: false }));
        }
        for &(at, block) in &parts {
            self.write_header(window, at, block)?;
        }
        self.free.remove(&(room, at));
        parts.into_iter().for_each(|(at, block)| self.note(at, block));
        Ok(Span::new(Offset(start + GRAIN), len))
    }

    /// Allocates a value and writes it.
    ///
    /// # Errors
    /// As [`Arena::alloc`].
    pub fn alloc_cell<T: Plain>(&mut self, window: &mut Window<'_>, value: &T) -> Result<Cell<T>, Error> {
        let span = self.alloc(window, size_of::<T>() as u64, align_of::<T>() as u64)?;
        let cell = Cell::at(span.start);
        window.set(cell, value)?;
        Ok(cell)
    }

    /// Allocates values, all zero.
    ///
    /// # Errors
    /// As [`Arena::alloc`].
    pub fn alloc_cells<T: Plain>(&mut self, window: &mut Window<'_>, count: u64) -> Result<Cells<T>, Error> {
        let len = (size_of::<T>() as u64).saturating_mul(count);
        let span = self.alloc(window, len, align_of::<T>() as u64)?;
        window.fill(span, 0)?;
        Cells::at(span.start, count)
    }

    /// Gives a block back: a [`Span`], [`Cell`], [`Cells`] or [`Offset`] as it was allocated.
    ///
    /// # Errors
    /// [`Error::NotAllocated`] if no block begins there, or the carrier's: the block stays allocated then.
    pub fn free(&mut self, window: &mut Window<'_>, block: impl Into<Offset>) -> Result<(), Error> {
        let offset = block.into();
        let at = offset.0.checked_sub(GRAIN).filter(|at| self.blocks.get(at).is_some_and(|b| b.used));
        let at = at.ok_or(Error::NotAllocated { offset })?;
        let (mut first, mut bytes) = (at, self.blocks[&at].bytes);
        let mut swallowed = vec![at];
        if let Some((&next, block)) = self.blocks.range(at + 1..).next().filter(|(_, b)| !b.used) {
            bytes += block.bytes;
            swallowed.push(next);
        }
        if let Some((&previous, block)) = self.blocks.range(..at).next_back().filter(|(_, b)| !b.used) {
            first = previous;
            bytes += block.bytes;
            swallowed.push(previous);
        }
        let merged = Block { bytes, used: false };
        self.write_header(window, first, merged)?;
        for at in swallowed {
            if let Some(block) = self.blocks.remove(&at) {
                self.free.remove(&(block.bytes, at));
            }
        }
        self.note(first, merged);
        Ok(())
    }

    /// The block that the application begins at, if it said so.
    ///
    /// # Errors
    /// The carrier's.
    pub fn root(&self, window: &mut Window<'_>) -> Result<Option<Offset>, Error> {
        let front = window.get(Cell::<Front>::at(self.pages.first().into()))?;
        Ok(Some(front.root.get()).filter(|&root| root != 0).map(Offset))
    }

    /// Keeps where the application begins: it finds its data again from there.
    ///
    /// # Errors
    /// [`Error::NotAllocated`] if no block begins there, or the carrier's.
    pub fn set_root(&mut self, window: &mut Window<'_>, block: impl Into<Offset>) -> Result<(), Error> {
        let offset = block.into();
        let header = offset.0.checked_sub(GRAIN).and_then(|at| self.blocks.get(&at));
        if !header.is_some_and(|b| b.used) {
            return Err(Error::NotAllocated { offset });
        }
        let front = Cell::<Front>::at(self.pages.first().into());
        window.update(front, |front| front.root = offset.0.into()).map(drop)
    }

    /// Offset of the first block's header.
    fn first(&self) -> u64 {
        Offset::from(self.pages.first()).0 + LINE_BYTES as u64
    }

    fn note(&mut self, at: u64, block: Block) {
        self.blocks.insert(at, block);
        if !block.used {
            self.free.insert((block.bytes, at));
        }
    }

    fn write_header(&self, window: &mut Window<'_>, at: u64, block: Block) -> Result<(), Error> {
        window.set(Cell::at(Offset(at)), &Header::new(at, block))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PageIndex;
    use crate::ram::Ram;

    fn pages(first: u32, count: u32) -> PageRange {
        PageRange::new(PageIndex(first), count).unwrap()
    }

    /// Numbers that look random, always the same.
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, end: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (self.0 >> 33) % end
        }
    }

    /// Whatever is allocated and freed: blocks are apart from each other and keep their bytes, and the arena that is opened
    /// from the same memory is the same.
    #[test]
    fn blocks_are_apart_and_found_again() {
        let mut ram = Ram::new(12);
        let place = pages(2, 8);
        let mut arena = Arena::create(&mut ram.window(), place).unwrap();
        let empty = arena.clone();
        let mut numbers = Numbers(1);
        let mut live: Vec<(Span, u8)> = Vec::new();
        let mut refused = 0;
        for n in 0..3000u32 {
            if numbers.below(100) < 58 {
                let len = 1 + numbers.below(if n % 7 == 0 { 6000 } else { 200 });
                let align = 1 << numbers.below(13);
                match arena.alloc(&mut ram.window(), len, align) {
                    Ok(span) => {
                        assert!(span.start.0.is_multiple_of(align) && span.len == len);
                        ram.window().fill(span, n as u8).unwrap();
                        live.push((span, n as u8));
                    }
                    Err(Error::ArenaFull { len: l, align: a, .. }) => {
                        assert_eq!((l, a), (len, align));
                        refused += 1;
                    }
                    Err(error) => panic!("{error}"),
                }
            } else if !live.is_empty() {
                let (span, byte) = live.swap_remove(numbers.below(live.len() as u64) as usize);
                let bytes = &ram.bytes[span.start.0 as usize..][..span.len as usize];
                assert!(bytes.iter().all(|&b| b == byte), "{span} lost its bytes");
                arena.free(&mut ram.window(), span).unwrap();
            }
            if n % 100 == 0 {
                assert_eq!(Arena::open(&mut ram.window(), place).unwrap(), arena);
                assert_eq!(arena.blocks().count(), live.len());
            }
        }
        assert!(refused > 10, "the arena was full at times");
        for (span, _) in live {
            arena.free(&mut ram.window(), span).unwrap();
        }
        assert_eq!(arena, empty, "free blocks grow together again");
        assert_eq!(arena.free_bytes(), 8 * 4096 - 64 - 16);
        let outside = ram.bytes[..2 * 4096].iter().chain(&ram.bytes[10 * 4096..]);
        assert!(outside.into_iter().all(|&b| b == 0xee), "nothing outside its pages is touched");
    }

    #[test]
    fn the_root_is_found_again() {
        let mut ram = Ram::new(2);
        let mut window = ram.window();
        let mut arena = Arena::create(&mut window, pages(0, 2)).unwrap();
        assert_eq!(arena.root(&mut window).unwrap(), None);
        let root = arena.alloc_cell(&mut window, &[3u32, 4]).unwrap();
        arena.set_root(&mut window, root).unwrap();
        let found = Arena::open(&mut window, pages(0, 2)).unwrap().root(&mut window).unwrap();
        assert_eq!(window.get(Cell::<[u32; 2]>::at(found.unwrap())).unwrap(), [3, 4]);
        let refused = arena.set_root(&mut window, Offset(8));
        assert!(matches!(refused, Err(Error::NotAllocated { offset: Offset(8) })));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let mut ram = Ram::new(4);
        let mut window = ram.window();
        let mut arena = Arena::create(&mut window, pages(0, 4)).unwrap();
        for (len, align) in [(0, 1), (1, 0), (1, 3), (1, 8192), (0, 64)] {
            let refused = arena.alloc(&mut window, len, align);
            assert!(
                matches!(refused, Err(Error::BadAllocation { len: l, align: a }) if (l, a) == (len, align))
            );
        }
        for len in [4 * 4096 - 64 - 15, u64::MAX, u64::MAX - 15] {
            let refused = arena.alloc(&mut window, len, 1);
            assert!(matches!(refused, Err(Error::ArenaFull { largest: 16304, .. })), "{refused:?}");
        }
        assert!(matches!(arena.alloc_cells::<u64>(&mut window, u64::MAX / 2), Err(Error::ArenaFull { .. })));
        let all = arena.alloc(&mut window, 16304, 1).unwrap();
        assert!(matches!(arena.alloc(&mut window, 1, 1), Err(Error::ArenaFull { largest: 0, .. })));
        for wrong in [Offset(0), Offset(all.start.0 + 16), Offset(u64::MAX)] {
            assert!(matches!(arena.free(&mut window, wrong), Err(Error::NotAllocated { .. })));
        }
        arena.free(&mut window, all).unwrap();
        assert!(matches!(arena.free(&mut window, all), Err(Error::NotAllocated { .. })), "not twice");
        assert!(matches!(Arena::create(&mut window, pages(3, 2)), Err(Error::BeyondWindow { .. })));
    }

    #[test]
    fn foreign_and_damaged_pages_are_no_arena() {
        let mut ram = Ram::new(4);
        let none = Arena::open(&mut ram.window(), pages(0, 4)).unwrap_err().to_string();
        assert_eq!(none, "pages 0 to 3 hold no arena of their size: bytes [ee, ee, ee, ee, ee, ee, ee, ee]");
        let mut arena = Arena::create(&mut ram.window(), pages(0, 4)).unwrap();
        let block = arena.alloc(&mut ram.window(), 100, 16).unwrap();
        arena.alloc(&mut ram.window(), 100, 16).unwrap();
        let smaller = Arena::open(&mut ram.window(), pages(0, 3)).unwrap_err().to_string();
        assert!(smaller.ends_with("an arena of version 1 with 16384 bytes"), "{smaller}");
        // One byte too many written to a block.
        ram.window().fill(Span::new(block.start, 113), 1).unwrap();
        let damaged = Arena::open(&mut ram.window(), pages(0, 4));
        assert!(matches!(damaged, Err(Error::DamagedArena { offset: Offset(0xc0) })), "{damaged:?}");
    }

    /// An allocation that cannot be written to its end has not happened, neither here nor in memory.
    #[test]
    fn failed_writes_change_nothing() {
        let mut ram = Ram::new(2);
        let mut arena = Arena::create(&mut ram.window(), pages(0, 2)).unwrap();
        let block = arena.alloc(&mut ram.window(), 50, 16).unwrap();
        for stores in 0..3 {
            let before = arena.clone();
            ram.stores_left = Some(stores);
            assert!(arena.alloc(&mut ram.window(), 100, 1024).is_err());
            ram.stores_left = Some(0);
            assert!(arena.free(&mut ram.window(), block).is_err());
            ram.stores_left = None;
            assert_eq!(arena, before);
            assert_eq!(Arena::open(&mut ram.window(), pages(0, 2)).unwrap(), before);
        }
    }
}

//! A hash table in tracked memory.
//!
//! A table of offsets, one per bucket, each the first of a chain of entries; an entry is a header, the key, the value. All
//! of it lies in an arena, with offsets in place of pointers: copy the pages and you have the store.

use tideline_driver::{Arena, Cell, Cells, Offset, PageRange, Window};
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes};

const MAGIC: U64 = U64::new(u64::from_le_bytes(*b"TIDEKEYS"));

/// What goes wrong with a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The driver, or the arena.
    #[error(transparent)]
    Driver(#[from] tideline_driver::Error),
    /// The arena holds something else.
    #[error("the arena in {0} holds no key-value store")]
    NoStore(PageRange),
    /// Something wrote over the store.
    #[error("the key-value store is damaged at {0}")]
    Damaged(Offset),
    /// A key or value that is too long.
    #[error("{what} of {len} bytes: at most {most}", most = Store::MOST)]
    TooLong {
        /// `key` or `value`.
        what: &'static str,
        /// Its length.
        len: usize,
    },
}

/// Where everything begins: the arena's root.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct Root {
    magic: U64,
    /// Offset of the table.
    table: U64,
    /// Entries of the table.
    buckets: U64,
    /// Keys in the store.
    keys: U64,
}

/// What stands before key and value.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct Entry {
    /// Offset of the next entry of the bucket, 0 = none.
    next: U64,
    key: U32,
    value: U32,
    /// Bytes that the value may grow to in its place.
    room: U32,
    reserved: U32,
}

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// An entry, and the link that leads to it.
struct Found {
    link: Cell<U64>,
    at: Offset,
    entry: Entry,
}

/// A key-value store in pages of the window.
///
/// It borrows nothing: its methods take the window.
#[derive(Clone, Debug)]
pub struct Store {
    arena: Arena,
    root: Cell<Root>,
    table: Cells<U64>,
}

impl Store {
    /// Most bytes of a key, and of a value.
    pub const MOST: usize = 1 << 16;

    /// Makes an empty store in mapped pages.
    ///
    /// # Errors
    /// The arena's.
    pub fn create(window: &mut Window<'_>, pages: PageRange, buckets: u64) -> Result<Self, StoreError> {
        let mut arena = Arena::create(window, pages)?;
        let table = arena.alloc_cells::<U64>(window, buckets.max(1))?;
        let (at, buckets) = (table.offset().0.into(), table.len().into());
        let root = Root { magic: MAGIC, table: at, buckets, keys: 0.into() };
        let root = arena.alloc_cell(window, &root)?;
        arena.set_root(window, root)?;
        Ok(Self { arena, root, table })
    }

    /// Finds the store in these pages.
    ///
    /// # Errors
    /// The arena's, or [`StoreError::NoStore`].
    pub fn open(window: &mut Window<'_>, pages: PageRange) -> Result<Self, StoreError> {
        let arena = Arena::open(window, pages)?;
        let root = arena.root(window)?.map(Cell::<Root>::at).ok_or(StoreError::NoStore(pages))?;
        let Root { magic, table, buckets, .. } = window.get(root)?;
        if magic != MAGIC {
            return Err(StoreError::NoStore(pages));
        }
        let table = Cells::at(Offset(table.get()), buckets.get())?;
        Ok(Self { arena, root, table })
    }

    /// The arena that it lives in.
    pub fn arena(&self) -> &Arena {
        &self.arena
    }

    /// Number of keys.
    ///
    /// # Errors
    /// The driver's.
    pub fn len(&self, window: &mut Window<'_>) -> Result<u64, StoreError> {
        Ok(window.get(self.root)?.keys.get())
    }

    /// The value of a key.
    ///
    /// # Errors
    /// The driver's, or [`StoreError::Damaged`].
    pub fn get(&self, window: &mut Window<'_>, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.find(window, key)? {
            Some(found) => Ok(Some(self.read(window, &found)?.1)),
            None => Ok(None),
        }
    }

    /// Sets the value of a key. One that fits is written in its place.
    ///
    /// # Errors
    /// [`StoreError::TooLong`], a full arena, or the driver's: the key then has its old value.
    pub fn put(&mut self, window: &mut Window<'_>, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        for (what, len) in [("key", key.len()), ("value", value.len())] {
            if len > Self::MOST {
                return Err(StoreError::TooLong { what, len });
            }
        }
        let (key_len, value_len) = (key.len() as u32, value.len() as u32);
        let found = self.find(window, key)?;
        if let Some(Found { at, entry, .. }) = &found
            && value_len <= entry.room.get()
        {
            window.write(at.plus(HEADER + u64::from(key_len))?, value)?;
            window.set(Cell::at(*at), &Entry { value: value_len.into(), ..*entry })?;
            return Ok(());
        }
        let block = self.arena.alloc(window, HEADER + u64::from(key_len) + u64::from(value_len), 16)?;
        let (link, next) = match &found {
            Some(found) => (found.link, found.entry.next),
            None => {
                let link = self.bucket(key)?;
                (link, window.get(link)?)
            }
        };
        let (key_len, value_len) = (key_len.into(), value_len.into());
        let entry = Entry { next, key: key_len, value: value_len, room: value_len, reserved: 0.into() };
        window.write(block.start, &[entry.as_bytes(), key, value].concat())?;
        // The link makes it true.
        window.set(link, &block.start.0.into())?;
        match found {
            Some(old) => self.arena.free(window, old.at)?,
            None => drop(window.update(self.root, |root| root.keys += 1)?),
        }
        Ok(())
    }

    /// Forgets a key; true if it was there.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn remove(&mut self, window: &mut Window<'_>, key: &[u8]) -> Result<bool, StoreError> {
        let Some(found) = self.find(window, key)? else { return Ok(false) };
        window.set(found.link, &found.entry.next)?;
        window.update(self.root, |root| root.keys -= 1)?;
        self.arena.free(window, found.at)?;
        Ok(true)
    }

    /// Every key with its value, in no order.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn entries(&self, window: &mut Window<'_>) -> Result<Vec<Pair>, StoreError> {
        let mut entries = Vec::new();
        let keys = self.len(window)?;
        for bucket in self.table.iter() {
            let mut link = bucket;
            while let Some(found) = self.follow(window, link)? {
                entries.push(self.read(window, &found)?);
                if entries.len() as u64 > keys {
                    return Err(StoreError::Damaged(found.at));
                }
                link = Cell::at(found.at);
            }
        }
        Ok(entries)
    }

    /// The link to the first entry of a key's bucket.
    fn bucket(&self, key: &[u8]) -> Result<Cell<U64>, StoreError> {
        Ok(self.table.get(hash(key) % self.table.len())?)
    }

    /// The entry behind a link. A link is the first field of its entry, or a cell of the table.
    fn follow(&self, window: &mut Window<'_>, link: Cell<U64>) -> Result<Option<Found>, StoreError> {
        let at = Offset(window.get(link)?.get());
        if at.0 == 0 {
            return Ok(None);
        }
        let entry = window.get(Cell::<Entry>::at(at)).map_err(|_| StoreError::Damaged(link.offset()))?;
        if entry.key.get() as usize > Self::MOST || entry.value > entry.room {
            return Err(StoreError::Damaged(at));
        }
        Ok(Some(Found { link, at, entry }))
    }

    fn find(&self, window: &mut Window<'_>, key: &[u8]) -> Result<Option<Found>, StoreError> {
        let mut link = self.bucket(key)?;
        for _ in 0..=self.len(window)? {
            let Some(found) = self.follow(window, link)? else { return Ok(None) };
            if found.entry.key.get() as usize == key.len() {
                let mut bytes = vec![0; key.len()];
                window.read(found.at.plus(HEADER)?, &mut bytes)?;
                if bytes == key {
                    return Ok(Some(found));
                }
            }
            link = Cell::at(found.at);
        }
        // More entries than keys: the chain bites its tail.
        Err(StoreError::Damaged(link.offset()))
    }

    fn read(&self, window: &mut Window<'_>, found: &Found) -> Result<Pair, StoreError> {
        let Found { at, entry, .. } = found;
        let (key, value) = (entry.key.get() as usize, entry.value.get() as usize);
        if value > Self::MOST {
            return Err(StoreError::Damaged(*at));
        }
        let mut bytes = vec![0; key + value];
        window.read(at.plus(HEADER)?, &mut bytes)?;
        let value = bytes.split_off(key);
        Ok((bytes, value))
    }
}

const HEADER: u64 = size_of::<Entry>() as u64;

/// FNV-1a.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, &b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

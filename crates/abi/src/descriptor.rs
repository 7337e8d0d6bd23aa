//! The page descriptor: one 64-byte line per 4 KiB page.
//!
//! In memory it is eight little-endian 64-bit words ([`Descriptor`]); on chip the masks are transposed into 64
//! lanes of [`lane::BITS`] bits beside the control word, so that a line request reads and writes one lane.
//! This build keeps present = all ones for mapped pages, so a lane holds dirty, owned and accessed only.

use crate::geometry::FRAME_BITS;
use crate::macros::{bit_names, codes};

codes! {
    /// State of a page (control word, bits 2:0).
    PageState, page_state, 3 {
        /// Not mapped: reads answer poison, writes are discarded, each with a sticky error.
        Unmapped, UNM = 0;
        /// Mapped to a frame of device memory.
        Local, LOC = 1;
        /// Poisoned: answers as an unmapped page does.
        Poisoned, POI = 2;
        /// Mapped to a remote page, no frame.
        Remote, REM = 3;
        /// Being fetched.
        Fetching, FET = 4;
        /// Being evicted.
        Evicting, EVI = 5;
        /// Writes are discarded, without an error.
        Sink, SNK = 6;
    }
}

bit_names! {
    lane_bit, BIT_NAMES {
        /// Lane: the line was written in this epoch.
        DIRTY = 0;
        /// Lane: the host may have write permission.
        OWNED = 1;
        /// Lane: the line was read in this epoch (kept where asked for).
        ACCESSED = 2;
    }
}

/// Lanes: the on-chip form of the masks.
pub mod lane {
    /// Bits of a lane in this build.
    pub const BITS: usize = 3;
    /// Bits of a row: 64 lanes.
    pub const ROW_BITS: usize = BITS * crate::geometry::LINES_PER_PAGE;
}

/// The control word (word 0) of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Control(pub u64);

macro_rules! flag {
    ($(#[doc = $doc:literal])+ $get:ident, $with:ident, $bit:literal) => {
        $(#[doc = $doc])+
        pub const fn $get(self) -> bool {
            self.0 >> $bit & 1 == 1
        }
        $(#[doc = $doc])+
        #[must_use]
        pub const fn $with(self, on: bool) -> Self {
            Self(self.0 & !(1 << $bit) | (on as u64) << $bit)
        }
    };
}

impl Control {
    /// Bits kept on chip in this build: everything below the source frame.
    pub const CHIP_BITS: usize = 12 + FRAME_BITS;

    /// Page state; a reserved code reads as poisoned, so that damage is never mistaken for memory.
    pub const fn state(self) -> PageState {
        match PageState::from_code(self.0 & 7) {
            Some(s) => s,
            None => PageState::Poisoned,
        }
    }
    /// With this state.
    #[must_use]
    pub const fn with_state(self, state: PageState) -> Self {
        Self(self.0 & !7 | state.code())
    }
    flag!(/// Writes are tracked.
        track, with_track, 3);
    flag!(/// Copy-on-write page.
        cow, with_cow, 4);
    flag!(/// Page-table page.
        page_table, with_page_table, 5);
    flag!(/// Never evicted.
        pinned, with_pinned, 6);
    flag!(/// Some copy may exist in the host.
        cached, with_cached, 7);
    flag!(/// Being recalled.
        recall, with_recall, 8);
    flag!(/// Reads are tracked too.
        track_accessed, with_track_accessed, 9);
    flag!(/// The page's byte in the page list is set: it may have dirty, owned or accessed lines.
        listed, with_listed, 10);
    flag!(/// Page of a plain region: the host may own every line, whatever the owned mask says.
        plain, with_plain, 11);
    /// Frame number, 26 bits.
    pub const fn frame(self) -> u32 {
        (self.0 >> 12) as u32 & ((1 << FRAME_BITS) - 1)
    }
    /// With this frame number (26 bits).
    #[must_use]
    pub const fn with_frame(self, frame: u32) -> Self {
        let mask = ((1u64 << FRAME_BITS) - 1) << 12;
        Self(self.0 & !mask | (frame as u64) << 12 & mask)
    }
    /// Source frame number of a copy-on-write page, 26 bits.
    pub const fn source_frame(self) -> u32 {
        (self.0 >> 38) as u32 & ((1 << FRAME_BITS) - 1)
    }
}

bit_names! {
    control_bit, CONTROL_BIT_NAMES {
        /// Control word: first bit of the state.
        STATE = 0;
        /// Control word: track flag.
        TRACK = 3;
        /// Control word: copy-on-write flag.
        COW = 4;
        /// Control word: page-table flag.
        PAGE_TABLE = 5;
        /// Control word: cached flag.
        CACHED = 7;
        /// Control word: track-accessed flag.
        TRACK_ACCESSED = 9;
        /// Control word: listed flag.
        LISTED = 10;
        /// Control word: plain flag.
        PLAIN = 11;
        /// Control word: first bit of the frame number.
        FRAME = 12;
    }
}

/// A descriptor in memory: eight 64-bit words, little endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Descriptor {
    /// Word 0: state, flags, frames.
    pub control: Control,
    /// Word 1: remote page number (44 bits), tenant (12), flags (8).
    pub remote: u64,
    /// Word 2: line valid in the own frame.
    pub present: u64,
    /// Word 3: line written in this epoch.
    pub dirty: u64,
    /// Word 4: line newer than the remote copy.
    pub unsynced: u64,
    /// Word 5: line diverged from the copy-on-write source.
    pub private: u64,
    /// Word 6: the host may have write permission.
    pub owned: u64,
    /// Word 7: line read in this epoch.
    pub accessed: u64,
}

const _: () = assert!(size_of::<Descriptor>() == crate::geometry::LINE_BYTES);

//! Commands and completions: 64 bytes each, in queues in host memory, as NVMe does it.
//!
//! A command is eight little-endian 64-bit words; everything not named must be zero, else the command is
//! refused with [`Status::InvalidField`].
//!
//! | word | bits | field |
//! |---|---|---|
//! | 0 | 7:0 | opcode |
//! | 0 | 15:8 | flags ([`flag`]) |
//! | 0 | 31:16 | command identifier |
//! | 1 | 31:0 | first page of the range, index in the window |
//! | 1 | 63:32 | number of pages |
//! | 2 | 63:0 | MAP: first frame; HARVEST: IOVA of the record buffer, 64-byte aligned |
//! | 3 | 31:0 | HARVEST: most records to write; HARVEST_ACK, NACK: sequence; ABORT: identifier of the target |
//! | 3 | 63:32 | HARVEST: cursor, the page to go on from (0 = start of the range) |
//!
//! A completion:
//!
//! | word | bits | field |
//! |---|---|---|
//! | 0 | 15:0 | command identifier |
//! | 0 | 31:16 | status |
//! | 0 | 47:32 | submission queue head |
//! | 0 | 63:48 | result flags ([`result_flag`]) |
//! | 1 | 31:0 | HARVEST: sequence of the result |
//! | 1 | 63:32 | generation |
//! | 2 | 31:0 | HARVEST: records written |
//! | 2 | 63:32 | cursor: first page not done |
//! | 3 | 63:0 | IDENTIFY: pages of the window (31:0), back-invalidate tags (63:32) |
//! | 4 | 63:0 | IDENTIFY: recall contexts (31:0), deferred entries (63:32) |
//! | 7 | 56 | phase |

use crate::macros::{bit_names, codes};

/// Bytes of a command and of a completion.
pub const ENTRY_BYTES: usize = 64;
/// Bytes of a harvest record.
pub const RECORD_BYTES: usize = 16;

codes! {
    /// Command opcodes.
    Opcode, opcode, 8 {
        /// Sizes of the device, in the completion.
        Identify, IDENTIFY = 0x01;
        /// Completes when every earlier command has completed and every earlier line access has reached memory.
        Fence, FENCE = 0x02;
        /// Stops the running command with this identifier; its unreported lines stay dirty.
        Abort, ABORT = 0x03;
        /// Maps pages to consecutive frames.
        Map, MAP = 0x10;
        /// Unmaps pages.
        Unmap, UNMAP = 0x11;
        /// Starts (flag SET) or stops tracking of pages.
        Track, TRACK = 0x20;
        /// Recalls the host's write permission (or, with INVALIDATE, every copy) of pages.
        Recall, RECALL = 0x21;
        /// Reads (and clears) the dirty or accessed lines of pages.
        Harvest, HARVEST = 0x22;
        /// The result arrived: its records are dropped from the spool.
        HarvestAck, HARVEST_ACK = 0x23;
        /// The result was lost: its records are merged back and will be reported again.
        HarvestNack, HARVEST_NACK = 0x24;
    }
}

codes! {
    /// Status of a completion.
    Status, status, 8 {
        /// Done.
        Success, SUCCESS = 0x00;
        /// Unknown opcode.
        InvalidOpcode, INVALID_OPCODE = 0x01;
        /// A field or flag that must be zero is not, or a field is out of its range.
        InvalidField, INVALID_FIELD = 0x02;
        /// The range is empty or leaves the window.
        OutOfRange, OUT_OF_RANGE = 0x03;
        /// The buffer address is not 64-byte aligned; MAP plain: page, count or frame is not a multiple of a region.
        Misaligned, MISALIGNED = 0x04;
        /// A page is in the wrong state for the command; the cursor names it.
        WrongState, WRONG_STATE = 0x05;
        /// Another range command runs, or a harvest result waits for its acknowledgement.
        Busy, BUSY = 0x06;
        /// No result with this sequence waits.
        BadSequence, BAD_SEQUENCE = 0x07;
        /// ABORT: no running command has this identifier.
        NotFound, NOT_FOUND = 0x08;
        /// The command was stopped by ABORT; the cursor names the first page not done.
        Aborted, ABORTED = 0x09;
        /// A recall was not answered in time; the error flag is set.
        RecallTimeout, RECALL_TIMEOUT = 0x0a;
        /// Host memory answered with an error; the records were merged back.
        DmaError, DMA_ERROR = 0x0b;
        /// Device memory answered with an error; every tracked line counts as dirty.
        MemoryError, MEMORY_ERROR = 0x0c;
    }
}

/// Command flags, bits of the flags byte.
pub mod flag {
    /// MAP: whole plain regions ([`crate::geometry::REGION_PAGES`]), whose lines go to memory past the descriptors.
    pub const MAP_PLAIN: u8 = 1 << 3;
    /// TRACK: set (else clear).
    pub const TRACK_SET: u8 = 1 << 0;
    /// TRACK set: reads are tracked too.
    pub const TRACK_ACCESSED: u8 = 1 << 1;
    /// RECALL: every copy is given up, not only write permission.
    pub const RECALL_INVALIDATE: u8 = 1 << 0;
    /// HARVEST: recall the host's write permission first; without it the result is marked inexact.
    pub const HARVEST_RECALL: u8 = 1 << 0;
    /// HARVEST: clear what is reported.
    pub const HARVEST_CLEAR: u8 = 1 << 1;
    /// HARVEST: the accessed mask instead of the dirty mask.
    pub const HARVEST_ACCESSED: u8 = 1 << 2;
}

bit_names! {
    result_flag, BIT_NAMES {
        /// Something was lost: every tracked line counts as dirty.
        OVERFLOW = 0;
        /// The record buffer was full: go on from the cursor.
        PARTIAL = 1;
        /// A recall timed out or memory failed: every tracked line counts as dirty.
        ERROR = 2;
        /// No recall was asked for: lines that only the host's caches hold are missing.
        NO_RECALL = 3;
    }
}

/// A command, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// Raw opcode ([`Opcode`]).
    pub opcode: u8,
    /// Flags ([`flag`]).
    pub flags: u8,
    /// Command identifier.
    pub cid: u16,
    /// First page of the range.
    pub page: u32,
    /// Pages of the range.
    pub count: u32,
    /// Word 2: frame or buffer.
    pub arg: u64,
    /// Word 3, low: most records, sequence or target.
    pub param: u32,
    /// Word 3, high: cursor.
    pub cursor: u32,
}

impl Command {
    /// A command without operands.
    pub const fn new(opcode: Opcode) -> Self {
        Self { opcode: opcode as u8, flags: 0, cid: 0, page: 0, count: 0, arg: 0, param: 0, cursor: 0 }
    }

    /// The 64 bytes in the submission queue.
    pub fn to_bytes(&self) -> [u8; ENTRY_BYTES] {
        let words = [
            self.opcode as u64 | (self.flags as u64) << 8 | (self.cid as u64) << 16,
            self.page as u64 | (self.count as u64) << 32,
            self.arg,
            self.param as u64 | (self.cursor as u64) << 32,
        ];
        let mut bytes = [0; ENTRY_BYTES];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(words) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// Decodes the 64 bytes of a submission queue entry, and says whether all reserved bits are zero.
    pub fn from_bytes(bytes: &[u8; ENTRY_BYTES]) -> (Self, bool) {
        let w = words(bytes);
        let command = Self {
            opcode: w[0] as u8,
            flags: (w[0] >> 8) as u8,
            cid: (w[0] >> 16) as u16,
            page: w[1] as u32,
            count: (w[1] >> 32) as u32,
            arg: w[2],
            param: w[3] as u32,
            cursor: (w[3] >> 32) as u32,
        };
        (command, w[0] >> 32 == 0 && w[4..].iter().all(|&w| w == 0))
    }
}

/// A completion, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Completion {
    /// Identifier of the command.
    pub cid: u16,
    /// Raw status ([`Status`]).
    pub status: u16,
    /// Submission queue head.
    pub sq_head: u16,
    /// Result flags, a bit set of [`result_flag`] positions.
    pub flags: u16,
    /// Sequence of a harvest result.
    pub sequence: u32,
    /// Generation of the device: one higher after each reset, abort or recall timeout.
    pub generation: u32,
    /// Records written.
    pub records: u32,
    /// First page not done.
    pub cursor: u32,
    /// Word 3.
    pub detail: u64,
    /// Word 4.
    pub detail2: u64,
    /// Phase bit.
    pub phase: bool,
}

impl Completion {
    /// Decodes the 64 bytes of a completion queue entry.
    pub fn from_bytes(bytes: &[u8; ENTRY_BYTES]) -> Self {
        let w = words(bytes);
        Self {
            cid: w[0] as u16,
            status: (w[0] >> 16) as u16,
            sq_head: (w[0] >> 32) as u16,
            flags: (w[0] >> 48) as u16,
            sequence: w[1] as u32,
            generation: (w[1] >> 32) as u32,
            records: w[2] as u32,
            cursor: (w[2] >> 32) as u32,
            detail: w[3],
            detail2: w[4],
            phase: w[7] >> 56 & 1 == 1,
        }
    }

    /// The 64 bytes in the completion queue.
    pub fn to_bytes(&self) -> [u8; ENTRY_BYTES] {
        let words = [
            self.cid as u64
                | (self.status as u64) << 16
                | (self.sq_head as u64) << 32
                | (self.flags as u64) << 48,
            self.sequence as u64 | (self.generation as u64) << 32,
            self.records as u64 | (self.cursor as u64) << 32,
            self.detail,
            self.detail2,
            0,
            0,
            (self.phase as u64) << 56,
        ];
        let mut bytes = [0; ENTRY_BYTES];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(words) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

/// A harvest record: the lines of one page. 16 bytes, little endian: page (4), sequence (4), mask (8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Record {
    /// Page index in the window.
    pub page: u32,
    /// Sequence of the result that it belongs to.
    pub sequence: u32,
    /// One bit per line, bit 0 = first line of the page.
    pub mask: u64,
}

impl Record {
    /// Decodes 16 bytes.
    pub fn from_bytes(bytes: &[u8; RECORD_BYTES]) -> Self {
        let low = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes"));
        let mask = u64::from_le_bytes(bytes[8..].try_into().expect("eight bytes"));
        Self { page: low as u32, sequence: (low >> 32) as u32, mask }
    }

    /// The 16 bytes.
    pub fn to_bytes(&self) -> [u8; RECORD_BYTES] {
        let mut bytes = [0; RECORD_BYTES];
        bytes[..8].copy_from_slice(&(self.page as u64 | (self.sequence as u64) << 32).to_le_bytes());
        bytes[8..].copy_from_slice(&self.mask.to_le_bytes());
        bytes
    }
}

fn words(bytes: &[u8; ENTRY_BYTES]) -> [u64; 8] {
    let mut words = [0; 8];
    for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(8)) {
        *word = u64::from_le_bytes(chunk.try_into().expect("eight bytes"));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_survive_their_bytes() {
        let command = Command {
            opcode: Opcode::Harvest as u8,
            flags: 7,
            cid: 0xabcd,
            page: 0x0123_4567,
            count: 0x89ab_cdef,
            arg: 0x1122_3344_5566_7788,
            param: 0xdead_beef,
            cursor: 0xcafe_babe,
        };
        assert_eq!(Command::from_bytes(&command.to_bytes()), (command, true));
        let completion = Completion {
            cid: 1,
            status: 2,
            sq_head: 3,
            flags: 4,
            sequence: 5,
            generation: 6,
            records: 7,
            cursor: 8,
            detail: 9,
            detail2: 10,
            phase: true,
        };
        assert_eq!(Completion::from_bytes(&completion.to_bytes()), completion);
        assert_eq!(completion.to_bytes()[63], 1, "the phase is in the last byte");
        let record = Record { page: 0xffff, sequence: 12, mask: 1 << 63 | 1 };
        assert_eq!(Record::from_bytes(&record.to_bytes()), record);
    }

    #[test]
    fn a_reserved_bit_shows() {
        let clean = Command::new(Opcode::Fence).to_bytes();
        for byte in (4..8).chain(32..64) {
            let mut bytes = clean;
            bytes[byte] |= 0x80;
            assert!(!Command::from_bytes(&bytes).1, "byte {byte}");
        }
        assert!(Command::from_bytes(&clean).1);
    }
}

//! The dirty-line log: a ring of records in host memory.

/// Bytes of a record.
pub const LOG_RECORD_BYTES: usize = 8;
/// Sizes of a ring, as powers of two.
pub const LOG_LOG2: core::ops::RangeInclusive<u32> = 3..=24;

/// The first write of a line since its dirty bit was cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// Line of the window: 64 times the page index, plus the line of the page; below 2^40.
    pub line: u64,
    /// Inverted with each pass of the ring; true in the first one.
    pub phase: bool,
}

impl LogRecord {
    const LINE: u64 = (1 << 40) - 1;

    /// Record number `count` of a ring of `2^size_log2` records.
    pub fn new(line: u64, count: u32, size_log2: u32) -> Self {
        Self { line: line & Self::LINE, phase: count >> size_log2 & 1 == 0 }
    }

    /// Decodes 8 bytes.
    pub fn from_bytes(bytes: [u8; LOG_RECORD_BYTES]) -> Self {
        let word = u64::from_le_bytes(bytes);
        Self { line: word & Self::LINE, phase: word >> 63 == 1 }
    }

    /// The 8 bytes.
    pub fn to_bytes(self) -> [u8; LOG_RECORD_BYTES] {
        (self.line | (self.phase as u64) << 63).to_le_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_its_bytes_and_its_phase_the_pass_of_the_ring() {
        for (count, phase) in [(0, true), (7, true), (8, false), (15, false), (16, true), (u32::MAX, false)] {
            let record = LogRecord::new(0x12_3456_789a, count, 3);
            assert_eq!(record.phase, phase, "{count}");
            assert_eq!(LogRecord::from_bytes(record.to_bytes()), record);
        }
        assert_eq!(LogRecord::new(0x4041, 0, 3).to_bytes(), [0x41, 0x40, 0, 0, 0, 0, 0, 0x80]);
    }
}

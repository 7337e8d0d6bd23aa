//! Addresses for DMA: which are free.

use std::collections::BTreeMap;
use std::ops::Range;
use tideline_abi::geometry::PAGE_BYTES;

/// What is given out. Above 4 GiB no platform has its holes; every IOMMU has at least 39 bits.
const APERTURE: Range<u64> = 1 << 32..1 << 39;

/// Free ranges of I/O virtual addresses, in whole pages of 4 KiB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IovaSpace {
    /// End of each free range, by its start; ranges do not touch.
    free: BTreeMap<u64, u64>,
}

impl IovaSpace {
    /// Everything but these ranges is free.
    pub fn new(reserved: &[Range<u64>]) -> Self {
        let mut space = Self { free: BTreeMap::from([(APERTURE.start, APERTURE.end)]) };
        let page = PAGE_BYTES as u64;
        for range in reserved {
            space.remove(
                range.start / page * page..range.end.checked_next_multiple_of(page).unwrap_or(u64::MAX),
            );
        }
        space
    }

    fn remove(&mut self, taken: Range<u64>) {
        let hit: Vec<(u64, u64)> = self
            .free
            .iter()
            .map(|(&s, &e)| (s, e))
            .filter(|&(s, e)| s < taken.end && taken.start < e)
            .collect();
        for (start, end) in hit {
            self.free.remove(&start);
            for (start, end) in [(start, taken.start), (taken.end, end)] {
                if start < end {
                    self.free.insert(start, end);
                }
            }
        }
    }

    /// Takes the lowest free range of `len` bytes, a multiple of 4096 above 0.
    pub fn take(&mut self, len: u64) -> Option<u64> {
        let (&start, &end) = self.free.iter().find(|&(start, end)| end - start >= len)?;
        self.free.remove(&start);
        if start + len < end {
            self.free.insert(start + len, end);
        }
        Some(start)
    }

    /// Gives a range back that was taken.
    pub fn give(&mut self, start: u64, len: u64) {
        let (mut start, mut end) = (start, start + len);
        if let Some(behind) = self.free.remove(&end) {
            end = behind;
        }
        if let Some((&before, _)) = self.free.range(..start).next_back().filter(|&(_, &e)| e == start) {
            start = before;
        }
        self.free.insert(start, end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_back_is_one_range_again() {
        let fresh = IovaSpace::new(&[]);
        let mut space = fresh.clone();
        let taken: Vec<u64> = (1..=5).map(|n| space.take(n * 4096).unwrap()).collect();
        assert_eq!(taken[0], APERTURE.start);
        assert!(taken.windows(2).all(|w| w[0] < w[1]));
        // Out of order: every case of touching neighbours.
        for n in [1, 3, 2, 5, 4] {
            space.give(taken[n - 1], n as u64 * 4096);
        }
        assert_eq!(space, fresh);
    }

    #[test]
    fn reserved_addresses_are_never_given_out() {
        let hole = APERTURE.start + 0x1800..APERTURE.start + 0x2001;
        let mut space = IovaSpace::new(&[0xfee0_0000..0xfef0_0000, hole, 1 << 40..u64::MAX]);
        assert_eq!(space.take(4096), Some(APERTURE.start));
        assert_eq!(space.take(4096), Some(APERTURE.start + 0x3000));
    }

    #[test]
    fn a_full_space_says_so() {
        let mut space = IovaSpace::new(&[]);
        assert_eq!(space.take(APERTURE.end - APERTURE.start + 4096), None);
        assert_eq!(space.take(APERTURE.end - APERTURE.start), Some(APERTURE.start));
        assert_eq!(space.take(4096), None);
    }
}

//! What the trace wrote in the epoch under way: the side of the comparison that knows nothing of caches and devices.

use super::masks::Masks;
use std::mem;
use tideline_abi::geometry::LINES_PER_PAGE;
use tideline_trace::{Access, LINE_BYTES, VirtLine};

/// The bytes of one line that an access touches, which touches the line; bit n is byte n.
pub fn bytes_in_line(access: Access, line: VirtLine) -> u64 {
    let last = access.addr.0.saturating_add(u64::from(access.size) - 1);
    let start = line.start().0;
    let from = access.addr.0.max(start) - start;
    let to = last.min(start + (LINE_BYTES - 1)) - start;
    (u64::MAX >> (LINE_BYTES - 1 - (to - from))) << from
}

/// Marks every byte written.
#[derive(Debug)]
pub struct Truth {
    /// Per line of the window: its bytes written.
    bytes: Vec<u64>,
    /// Per page of the window: its lines written.
    lines: Vec<u64>,
    /// The pages with a line written.
    pages: Vec<u32>,
}

/// What was written in an epoch.
#[derive(Debug)]
pub struct Written {
    /// The lines.
    pub lines: Masks,
    /// How many distinct bytes.
    pub bytes: u64,
}

impl Truth {
    /// Nothing written yet, in a window of so many pages.
    pub fn new(pages: u32) -> Self {
        let pages = pages as usize;
        Self { bytes: vec![0; pages * LINES_PER_PAGE], lines: vec![0; pages], pages: Vec::new() }
    }

    /// Bytes of one line are written.
    #[inline]
    pub fn write(&mut self, page: u32, line: usize, bytes: u64) {
        let lines = &mut self.lines[page as usize];
        if *lines == 0 {
            self.pages.push(page);
        }
        *lines |= 1 << line;
        self.bytes[page as usize * LINES_PER_PAGE + line] |= bytes;
    }

    /// Ends the epoch, and begins the next one.
    pub fn take(&mut self) -> Written {
        let mut bytes = 0;
        let mut masks = Vec::with_capacity(self.pages.len());
        for page in self.pages.drain(..) {
            let first = page as usize * LINES_PER_PAGE;
            for line in &mut self.bytes[first..first + LINES_PER_PAGE] {
                bytes += u64::from(mem::take(line).count_ones());
            }
            masks.push((page, mem::take(&mut self.lines[page as usize])));
        }
        Written { lines: Masks::new(masks), bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tideline_trace::VirtAddr;

    fn masks(addr: u64, size: u32) -> Vec<u64> {
        let access = Access { addr: VirtAddr(addr), size, reads: false, writes: true };
        access.lines().map(|line| bytes_in_line(access, line)).collect()
    }

    #[test]
    fn bytes_of_an_access() {
        assert_eq!(masks(0, 1), [1]);
        assert_eq!(masks(8, 8), [0xff00]);
        assert_eq!(masks(63, 1), [1 << 63]);
        assert_eq!(masks(0, 64), [u64::MAX]);
        assert_eq!(masks(60, 8), [0xf << 60, 0xf]);
        assert_eq!(masks(63, 66), [1 << 63, u64::MAX, 1]);
        assert_eq!(masks(u64::MAX, 8), [1 << 63]);
        assert_eq!(masks(5, 0), [0; 0]);
    }

    #[test]
    fn bytes_count_once_and_epochs_are_apart() {
        let mut truth = Truth::new(4);
        truth.write(3, 63, 0xff);
        truth.write(3, 63, 0xff0);
        truth.write(0, 0, 1);
        let written = truth.take();
        assert_eq!(written.bytes, 13);
        assert_eq!(written.lines, Masks::new([(3, 1 << 63), (0, 1)]));
        assert_eq!(truth.take().bytes, 0);
    }
}

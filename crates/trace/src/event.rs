//! What a trace consists of: events, addresses, lines and pages of the traced program, and their totals.

use std::fmt;

/// Bytes in a line, the unit that Tideline tracks.
pub const LINE_BYTES: u64 = 64;

/// Bytes in a page of the traced program.
pub const PAGE_BYTES: u64 = 4096;

/// A virtual address of the traced program, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VirtAddr(pub u64);

/// A line of the traced program's virtual memory: the virtual address divided by [`LINE_BYTES`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VirtLine(pub u64);

/// A page of the traced program's virtual memory: the virtual address divided by [`PAGE_BYTES`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VirtPage(pub u64);

impl VirtAddr {
    /// The line that holds this byte.
    pub const fn line(self) -> VirtLine {
        VirtLine(self.0 / LINE_BYTES)
    }

    /// The page that holds this byte.
    pub const fn page(self) -> VirtPage {
        VirtPage(self.0 / PAGE_BYTES)
    }
}

impl VirtLine {
    /// The address of the line's first byte.
    pub const fn start(self) -> VirtAddr {
        VirtAddr(self.0.wrapping_mul(LINE_BYTES))
    }

    /// The page that holds this line.
    pub const fn page(self) -> VirtPage {
        VirtPage(self.0 / (PAGE_BYTES / LINE_BYTES))
    }

    /// Which line of its page this is: 0 to 63.
    pub const fn index_in_page(self) -> usize {
        (self.0 % (PAGE_BYTES / LINE_BYTES)) as usize
    }
}

impl VirtPage {
    /// The address of the page's first byte.
    pub const fn start(self) -> VirtAddr {
        VirtAddr(self.0.wrapping_mul(PAGE_BYTES))
    }
}

impl fmt::Display for VirtAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Debug for VirtAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VirtAddr({self})")
    }
}

impl fmt::Display for VirtLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.start().fmt(f)
    }
}

impl fmt::Debug for VirtLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VirtLine(at {self})")
    }
}

impl fmt::Display for VirtPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.start().fmt(f)
    }
}

impl fmt::Debug for VirtPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VirtPage(at {self})")
    }
}

/// One thing that the traced program did.
///
/// Events come in program order: an instruction, then the accesses that it made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The program ran one instruction. It only counts time: where the instruction lies is not kept.
    Instruction,
    /// The program read memory.
    Load {
        /// The first byte read.
        addr: VirtAddr,
        /// How many bytes.
        size: u32,
    },
    /// The program wrote memory.
    Store {
        /// The first byte written.
        addr: VirtAddr,
        /// How many bytes.
        size: u32,
    },
    /// The program read memory and wrote the same bytes back in one instruction (`add [mem], reg`).
    Modify {
        /// The first byte read and written.
        addr: VirtAddr,
        /// How many bytes.
        size: u32,
    },
}

impl Event {
    /// The access to memory that this event is, or `None` for an instruction.
    #[inline]
    pub const fn access(self) -> Option<Access> {
        match self {
            Event::Instruction => None,
            Event::Load { addr, size } => Some(Access { addr, size, reads: true, writes: false }),
            Event::Store { addr, size } => Some(Access { addr, size, reads: false, writes: true }),
            Event::Modify { addr, size } => Some(Access { addr, size, reads: true, writes: true }),
        }
    }
}

/// An access to memory, whichever kind of event made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Access {
    /// The first byte touched.
    pub addr: VirtAddr,
    /// How many bytes.
    pub size: u32,
    /// Whether the bytes are read; a modify reads first, then writes.
    pub reads: bool,
    /// Whether the bytes are written.
    pub writes: bool,
}

impl Access {
    /// The lines touched, in ascending order: see [`lines`].
    #[inline]
    pub fn lines(self) -> impl Iterator<Item = VirtLine> + Clone {
        lines(self.addr, self.size)
    }
}

/// The lines that `size` bytes from `addr` touch, in ascending order.
///
/// An access that crosses the end of a line touches both lines. No bytes touch no line, and an access that would
/// run past the end of the address space stops there.
///
/// ```
/// use tideline_trace::{VirtAddr, VirtLine, lines};
///
/// assert_eq!(lines(VirtAddr(0x1038), 8).collect::<Vec<_>>(), [VirtLine(0x40)]);
/// assert_eq!(lines(VirtAddr(0x103c), 8).collect::<Vec<_>>(), [VirtLine(0x40), VirtLine(0x41)]);
/// ```
#[inline]
pub fn lines(addr: VirtAddr, size: u32) -> impl Iterator<Item = VirtLine> + Clone {
    let first = addr.line().0;
    let end = match u64::from(size) {
        0 => first,
        size => addr.0.saturating_add(size - 1) / LINE_BYTES + 1,
    };
    (first..end).map(VirtLine)
}

/// How many events of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Instructions run.
    pub instructions: u64,
    /// Accesses that only read.
    pub loads: u64,
    /// Accesses that only write.
    pub stores: u64,
    /// Accesses that read and write the same bytes.
    pub modifies: u64,
}

impl Totals {
    /// Counts one event.
    #[inline]
    pub fn count(&mut self, event: Event) {
        // Four additions and no branch, because the kinds follow each other unpredictably.
        self.instructions += u64::from(matches!(event, Event::Instruction));
        self.loads += u64::from(matches!(event, Event::Load { .. }));
        self.stores += u64::from(matches!(event, Event::Store { .. }));
        self.modifies += u64::from(matches!(event, Event::Modify { .. }));
    }

    /// All events together.
    pub const fn events(&self) -> u64 {
        self.instructions.saturating_add(self.accesses())
    }

    /// All events that touch memory.
    pub const fn accesses(&self) -> u64 {
        self.loads.saturating_add(self.stores).saturating_add(self.modifies)
    }
}

impl std::ops::AddAssign for Totals {
    fn add_assign(&mut self, more: Totals) {
        self.instructions += more.instructions;
        self.loads += more.loads;
        self.stores += more.stores;
        self.modifies += more.modifies;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touched(addr: u64, size: u32) -> Vec<u64> {
        lines(VirtAddr(addr), size).map(|line| line.0).collect()
    }

    #[test]
    fn an_access_touches_each_line_it_overlaps() {
        assert_eq!(touched(0, 1), [0]);
        assert_eq!(touched(63, 1), [0]);
        assert_eq!(touched(64, 1), [1]);
        assert_eq!(touched(56, 8), [0]);
        assert_eq!(touched(57, 8), [0, 1]);
        assert_eq!(touched(0, 64), [0]);
        assert_eq!(touched(1, 64), [0, 1]);
        assert_eq!(touched(63, 130), [0, 1, 2, 3]);
    }

    #[test]
    fn lines_at_the_edges() {
        assert_eq!(touched(100, 0), [0; 0]);
        assert_eq!(touched(u64::MAX, 1), [u64::MAX / 64]);
        assert_eq!(touched(u64::MAX, u32::MAX), [u64::MAX / 64]);
        assert_eq!(touched(u64::MAX - 64, 65), [u64::MAX / 64 - 1, u64::MAX / 64]);
    }

    #[test]
    fn line_and_page_arithmetic() {
        let addr = VirtAddr(0x1ffe_ffe7e);
        assert_eq!(addr.line().start(), VirtAddr(0x1ffe_ffe40));
        assert_eq!(addr.line().page(), addr.page());
        assert_eq!(addr.line().index_in_page(), 0x39);
        assert_eq!(addr.page().start().to_string(), "0x1ffeff000");
    }

    #[test]
    fn a_modify_reads_and_writes() {
        let access = Event::Modify { addr: VirtAddr(8), size: 4 }.access();
        assert_eq!(access, Some(Access { addr: VirtAddr(8), size: 4, reads: true, writes: true }));
        assert_eq!(Event::Instruction.access(), None);
    }
}

//! What stands behind a subordinate: the memory of the device, and the memory of the host.

use super::Resp;
use std::collections::HashMap;
use std::ops::Range;
use tideline_abi::cxl::Line;
use tideline_abi::geometry::{LINE_BYTES, PAGE_BYTES};
use tideline_driver::Iova;
use tideline_model::HostMemory;

/// Lines by address, as a subordinate accesses them.
pub trait Memory {
    /// Reads the line at `addr`, a multiple of 64.
    ///
    /// # Errors
    /// The response to give instead of data.
    fn read(&mut self, addr: u64) -> Result<Line, Resp>;

    /// Writes the bytes of the line at `addr` that are enabled in `strobe`.
    ///
    /// # Errors
    /// The response to give; nothing was written.
    fn write(&mut self, addr: u64, data: &Line, strobe: u64) -> Result<(), Resp>;
}

/// An access to memory that is not there. It was answered with DECERR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stray {
    /// Line address.
    pub addr: u64,
    /// It was a write.
    pub write: bool,
}

/// Accesses that shall fail with SLVERR.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Byte addresses.
    pub range: Range<u64>,
    /// Reads fail.
    pub reads: bool,
    /// Writes fail.
    pub writes: bool,
    /// How many accesses fail before the fault is gone.
    pub times: u32,
}

/// What both memories do to accesses before they look at data.
#[derive(Clone, Debug, Default)]
struct Gate {
    faults: Vec<Fault>,
    strays: Vec<Stray>,
}

impl Gate {
    fn check(&mut self, addr: u64, write: bool) -> Result<(), Resp> {
        let hit = self
            .faults
            .iter_mut()
            .find(|f| f.range.contains(&addr) && if write { f.writes } else { f.reads });
        let Some(fault) = hit else { return Ok(()) };
        fault.times -= 1;
        self.faults.retain(|f| f.times > 0);
        Err(Resp::SlvErr)
    }

    fn stray(&mut self, addr: u64, write: bool) -> Resp {
        self.strays.push(Stray { addr, write });
        Resp::DecErr
    }
}

macro_rules! gate_methods {
    () => {
        /// Lets accesses fail from now on.
        ///
        /// # Panics
        /// If the fault is to hit zero times.
        pub fn inject(&mut self, fault: Fault) {
            assert!(fault.times > 0, "a fault hits at least once");
            self.gate.faults.push(fault);
        }

        /// Accesses to memory that is not there, oldest first.
        pub fn strays(&self) -> &[Stray] {
            &self.gate.strays
        }
    };
}

fn merge(into: &mut [u8], data: &Line, strobe: u64) {
    if strobe == u64::MAX {
        into.copy_from_slice(data);
        return;
    }
    for (lane, (to, from)) in into.iter_mut().zip(data).enumerate() {
        if strobe >> lane & 1 == 1 {
            *to = *from;
        }
    }
}

/// The DRAM of the device: sparse; what was never written is pseudo-random, a function of the address and a seed, or zero in
/// the part that its controller cleared.
#[derive(Clone, Debug)]
pub struct DeviceMemory {
    frames: u32,
    cleared: u32,
    seed: u64,
    pages: HashMap<u64, Box<[u8; PAGE_BYTES]>>,
    gate: Gate,
}

impl DeviceMemory {
    /// A memory of `frames` pages, zero from frame `cleared` on.
    pub fn new(frames: u32, cleared: u32, seed: u64) -> Self {
        Self { frames, cleared, seed, pages: HashMap::new(), gate: Gate::default() }
    }

    /// A line that was never written.
    fn initial(&self, addr: u64) -> Line {
        let is_cleared = addr / PAGE_BYTES as u64 >= self.cleared.into();
        if is_cleared { [0; LINE_BYTES] } else { never_written(addr, self.seed) }
    }

    /// Pages of this memory.
    pub fn frames(&self) -> u32 {
        self.frames
    }

    /// The line at a device physical address, past the bus and its faults.
    pub fn peek(&self, addr: u64) -> Line {
        let offset = (addr as usize % PAGE_BYTES) & !(LINE_BYTES - 1);
        match self.pages.get(&(addr / PAGE_BYTES as u64)) {
            Some(page) => page[offset..offset + LINE_BYTES].try_into().expect("a line"),
            None => self.initial(addr & !(LINE_BYTES as u64 - 1)),
        }
    }

    /// Overwrites the line at a device physical address, past the bus and its faults.
    pub fn poke(&mut self, addr: u64, data: &Line) {
        self.store(addr, data, u64::MAX);
    }

    gate_methods!();

    fn store(&mut self, addr: u64, data: &Line, strobe: u64) {
        let number = addr / PAGE_BYTES as u64;
        if !self.pages.contains_key(&number) {
            let mut page = Box::new([0; PAGE_BYTES]);
            for (line, bytes) in page.chunks_exact_mut(LINE_BYTES).enumerate() {
                bytes.copy_from_slice(&self.initial(number * PAGE_BYTES as u64 + (line * LINE_BYTES) as u64));
            }
            self.pages.insert(number, page);
        }
        let page = self.pages.get_mut(&number).expect("just put there");
        let offset = (addr as usize % PAGE_BYTES) & !(LINE_BYTES - 1);
        merge(&mut page[offset..offset + LINE_BYTES], data, strobe);
    }

    fn contains(&self, addr: u64) -> bool {
        addr < u64::from(self.frames) * PAGE_BYTES as u64
    }
}

impl Memory for DeviceMemory {
    fn read(&mut self, addr: u64) -> Result<Line, Resp> {
        self.gate.check(addr, false)?;
        if !self.contains(addr) {
            return Err(self.gate.stray(addr, false));
        }
        Ok(self.peek(addr))
    }

    fn write(&mut self, addr: u64, data: &Line, strobe: u64) -> Result<(), Resp> {
        self.gate.check(addr, true)?;
        if !self.contains(addr) {
            return Err(self.gate.stray(addr, true));
        }
        self.store(addr, data, strobe);
        Ok(())
    }
}

/// Contents of a line that nobody has written: splitmix64 of address and seed.
fn never_written(addr: u64, seed: u64) -> Line {
    let mut line = [0; LINE_BYTES];
    for (word, bytes) in line.chunks_exact_mut(8).enumerate() {
        let mut z = ((addr + 8 * word as u64) ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.copy_from_slice(&(z ^ z >> 31).to_le_bytes());
    }
    line
}

/// The bytes that are enabled in `strobe`, as runs of neighbours.
fn runs(strobe: u64) -> impl Iterator<Item = Range<usize>> {
    let mut rest = strobe;
    std::iter::from_fn(move || {
        let start = rest.trailing_zeros();
        let len = (!(rest.checked_shr(start)?)).trailing_zeros();
        rest = if start + len == 64 { 0 } else { rest >> (start + len) << (start + len) };
        Some(start as usize..(start + len) as usize)
    })
}

/// The memory of the host as the device sees it: what was allocated for DMA, or is shared by somebody else, and nothing
/// between.
#[derive(Clone, Debug)]
pub struct DmaMemory {
    /// The regions.
    pub regions: HostMemory,
    gate: Gate,
}

impl Default for DmaMemory {
    fn default() -> Self {
        Self { regions: HostMemory::new(Self::LIMIT), gate: Gate::default() }
    }
}

impl DmaMemory {
    /// Bytes that can be allocated.
    const LIMIT: usize = 1 << 30;

    gate_methods!();

    /// The answer to an access that the memory refused. Who shares memory keeps the account of it.
    fn refuse(&mut self, addr: u64, write: bool) -> Resp {
        if self.regions.is_shared() { Resp::SlvErr } else { self.gate.stray(addr, write) }
    }
}

impl Memory for DmaMemory {
    fn read(&mut self, addr: u64) -> Result<Line, Resp> {
        self.gate.check(addr, false)?;
        let mut line = [0; LINE_BYTES];
        match self.regions.read(Iova(addr), &mut line) {
            Ok(()) => Ok(line),
            Err(_) => Err(self.refuse(addr, false)),
        }
    }

    /// Writes no byte that is not enabled: others may be writing it.
    fn write(&mut self, addr: u64, data: &Line, strobe: u64) -> Result<(), Resp> {
        self.gate.check(addr, true)?;
        for run in runs(strobe) {
            let at = Iova(addr + run.start as u64);
            self.regions.write(at, &data[run]).map_err(|_| self.refuse(addr, true))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tideline_driver::CarrierError;
    use tideline_model::SharedMemory;

    #[test]
    fn unwritten_memory_is_random_but_constant() {
        let memory = DeviceMemory::new(4, u32::MAX, 7);
        assert_eq!(memory.peek(0x40), memory.peek(0x7f));
        assert_ne!(memory.peek(0x40), memory.peek(0x80));
        assert_ne!(memory.peek(0x40), DeviceMemory::new(4, u32::MAX, 8).peek(0x40));
    }

    #[test]
    fn a_partial_write_keeps_the_other_bytes() {
        let mut memory = DeviceMemory::new(4, u32::MAX, 7);
        let before = memory.peek(0x1040);
        memory.write(0x1040, &[0xaa; 64], 1 << 63 | 1).expect("in range");
        let after = memory.peek(0x1040);
        assert_eq!((after[0], after[63]), (0xaa, 0xaa));
        assert_eq!(after[1..63], before[1..63]);
        assert_eq!(memory.peek(0x1080), DeviceMemory::new(4, u32::MAX, 7).peek(0x1080));
    }

    #[test]
    fn accesses_beyond_the_end_go_astray() {
        let mut memory = DeviceMemory::new(1, u32::MAX, 7);
        assert_eq!(memory.read(0x1000), Err(Resp::DecErr));
        assert_eq!(memory.strays(), [Stray { addr: 0x1000, write: false }]);
    }

    #[test]
    fn enabled_bytes_come_in_runs() {
        let of = |strobe| runs(strobe).map(|run| (run.start, run.end)).collect::<Vec<_>>();
        assert_eq!(of(0), []);
        assert_eq!(of(u64::MAX), [(0, 64)]);
        assert_eq!(of(0xff00_0000_0000_0e01), [(0, 1), (9, 12), (56, 64)]);
        assert_eq!(of(1 << 63), [(63, 64)]);
    }

    #[test]
    fn a_region_ends_where_it_ends() {
        let mut memory = DmaMemory::default();
        let region = memory.regions.alloc(5000).expect("memory");
        let end = region.iova.0 + region.len as u64;
        assert!(memory.write(end - 64, &[1; 64], u64::MAX).is_ok());
        assert_eq!(memory.read(end - 64), Ok([1; 64]));
        assert_eq!(memory.write(end, &[0; 64], 1), Err(Resp::DecErr));
        assert_eq!(memory.strays(), [Stray { addr: end, write: true }]);
    }

    /// One page that somebody else owns: what was written, and reads as 7.
    #[derive(Debug, Default)]
    struct Foreign(Mutex<Vec<(u64, Vec<u8>)>>);

    impl SharedMemory for Foreign {
        fn read(&self, iova: Iova, buf: &mut [u8]) -> Result<(), CarrierError> {
            buf.fill(7);
            if iova.0 < 4096 { Ok(()) } else { Err(CarrierError::BadDma { iova: iova.0, len: buf.len() }) }
        }
        fn write(&self, iova: Iova, data: &[u8]) -> Result<(), CarrierError> {
            if iova.0 >= 4096 {
                return Err(CarrierError::BadDma { iova: iova.0, len: data.len() });
            }
            self.0.lock().unwrap().push((iova.0, data.to_vec()));
            Ok(())
        }
    }

    #[test]
    fn shared_memory_gets_the_enabled_bytes_only_and_refuses_with_slverr() {
        let foreign = Arc::new(Foreign::default());
        let mut memory = DmaMemory { regions: HostMemory::shared(foreign.clone()), ..Default::default() };
        assert_eq!(memory.read(0x40), Ok([7; 64]));
        assert_eq!(memory.write(0x40, &[1; 64], 0xf0f0), Ok(()));
        assert_eq!(*foreign.0.lock().unwrap(), [(0x44, vec![1; 4]), (0x4c, vec![1; 4])]);
        assert_eq!(memory.read(0x1000), Err(Resp::SlvErr));
        assert_eq!(memory.write(0x1000, &[1; 64], 1), Err(Resp::SlvErr));
        assert!(memory.strays().is_empty(), "its owner keeps the account");
        assert!(matches!(memory.regions.alloc(1), Err(CarrierError::NoDmaMemory { .. })));
    }

    #[test]
    fn a_fault_hits_as_often_as_asked() {
        let mut memory = DeviceMemory::new(1, u32::MAX, 7);
        memory.inject(Fault { range: 0..64, reads: true, writes: false, times: 2 });
        assert_eq!(memory.write(0, &[0; 64], 1), Ok(()));
        assert!(memory.read(64).is_ok());
        assert_eq!(
            [memory.read(0).is_ok(), memory.read(0).is_ok(), memory.read(0).is_ok()],
            [false, false, true]
        );
    }
}

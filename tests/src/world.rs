//! What the tests share: a seeded generator, a log of stores, commands by hand.

use crate::meddler::Meddler;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet};
use tideline_abi::command::{Command, Completion, Opcode, RECORD_BYTES, Record, Status, flag};
use tideline_abi::cxl::Line;
use tideline_abi::regs::SqTail;
use tideline_driver::{
    Carrier, CommandId, Device, DmaRegion, Error, Exactness, Frame, Iova, LineAddr, PageIndex, PageRange,
    Recall, Report,
};

const DEFAULT_SEED: u64 = 0x71de_11fe;

/// A generator seeded by `TIDELINE_SEED`, decimal or 0x hexadecimal, or by a constant. Prints the seed.
pub fn generator(test: &str) -> ChaCha8Rng {
    let seed = match std::env::var("TIDELINE_SEED") {
        Ok(text) => {
            let digits = text.strip_prefix("0x");
            let parsed = digits.map_or_else(|| text.parse(), |d| u64::from_str_radix(d, 16));
            parsed
                .unwrap_or_else(|e| panic!("TIDELINE_SEED={text:?}: {e}; use a number, or 0x and hex digits"))
        }
        Err(_) => DEFAULT_SEED,
    };
    println!("{test}: TIDELINE_SEED={seed:#x}");
    ChaCha8Rng::seed_from_u64(seed)
}

/// Consecutive pages.
pub fn pages(first: u32, count: u32) -> PageRange {
    PageRange::new(PageIndex(first), count).expect("a test names at least one page")
}

/// A line of a page.
pub fn line(page: u32, line: u8) -> LineAddr {
    LineAddr::new(PageIndex(page), line)
}

/// A line that says who wrote it.
pub fn pattern(value: u64) -> Line {
    let mut data = [0; 64];
    for (i, chunk) in data.chunks_exact_mut(8).enumerate() {
        let word = (value + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(i as u32 * 8);
        chunk.copy_from_slice(&word.to_le_bytes());
    }
    data
}

/// The host's own log: what it stored last, and which lines since the last report.
#[derive(Default)]
pub struct Log {
    /// Every line that was stored, and its data.
    pub memory: BTreeMap<LineAddr, Line>,
    /// Lines stored since the last report.
    pub epoch: BTreeSet<LineAddr>,
    stores: u64,
}

impl Log {
    /// Stores a line, each time with other data.
    pub fn store<C: Carrier>(&mut self, device: &mut Device<C>, line: LineAddr) -> Result<(), Error> {
        let data = pattern(self.stores);
        device.store(line, &data)?;
        self.stores += 1;
        self.memory.insert(line, data);
        self.epoch.insert(line);
        Ok(())
    }

    /// Loads a line and compares it with what was stored last. What was never stored may be anything.
    pub fn load<C: Carrier>(&self, device: &mut Device<C>, line: LineAddr) -> Result<(), Error> {
        let loaded = device.load(line)?;
        if let Some(expected) = self.memory.get(&line) {
            assert_eq!(loaded, *expected, "{line}: not what was stored last");
        }
        Ok(())
    }

    /// Loads everything.
    pub fn check_memory<C: Carrier>(&self, device: &mut Device<C>) -> Result<(), Error> {
        self.memory.keys().try_for_each(|&line| self.load(device, line))
    }

    /// Compares a report with the epoch, and begins the next one.
    pub fn check_report(&mut self, report: &Report) {
        assert_eq!(report.loss(), None);
        same_lines(report.lines().collect(), std::mem::take(&mut self.epoch));
    }
}

/// Compares what was reported with what was written.
#[track_caller]
pub fn same_lines(reported: BTreeSet<LineAddr>, written: BTreeSet<LineAddr>) {
    let missed: Vec<_> = written.difference(&reported).collect();
    let invented: Vec<_> = reported.difference(&written).collect();
    assert!(missed.is_empty() && invented.is_empty(), "missed: {missed:?}; invented: {invented:?}");
}

/// Maps pages one by one to frames in random order, so that page and frame have nothing to do with each other.
pub fn map_shuffled<C: Carrier>(
    device: &mut Device<C>,
    rng: &mut ChaCha8Rng,
    range: PageRange,
) -> Result<(), Error> {
    let base = rng.random_range(0..device.info().frames - range.count());
    let mut frames: Vec<u32> = (base..base + range.count()).collect();
    frames.shuffle(rng);
    for (page, frame) in range.pages().zip(frames) {
        device.map(PageRange::new(page, 1)?, Frame(frame))?;
    }
    Ok(())
}

/// A random line, some of them much more often than others.
pub fn random_line(rng: &mut ChaCha8Rng, range: PageRange) -> LineAddr {
    let hot = rng.random_bool(0.5);
    let page = rng.random_range(0..if hot { range.count().div_ceil(8) } else { range.count() });
    line(range.first().0 + page, rng.random_range(0..if hot { 4 } else { 64 }))
}

/// Runs a command and demands this status.
#[track_caller]
pub fn expect<C: Carrier>(
    device: &mut Device<C>,
    command: &Command,
    status: Status,
) -> Result<Completion, Error> {
    let id = device.submit(command)?;
    let completion = device.wait(id)?;
    assert_eq!(Status::from_code(completion.status.into()), Some(status), "{command:?}");
    Ok(completion)
}

/// Submits commands with one doorbell: the device fetches one behind the other, however slow this program is.
pub fn submit_together<C: Carrier>(
    device: &mut Device<Meddler<C>>,
    commands: &[Command],
) -> Result<Vec<CommandId>, Error> {
    let tail = device.carrier_mut().read32(SqTail::OFFSET)?;
    device.carrier_mut().deaf = Some(SqTail::OFFSET);
    let ids = commands.iter().map(|command| device.submit(command)).collect::<Result<Vec<_>, _>>()?;
    let tail = (tail + commands.len() as u32) % (1 << device.options().sq_log2);
    device.carrier_mut().deaf = None;
    device.carrier_mut().write32(SqTail::OFFSET, tail)?;
    Ok(ids)
}

/// The host gives up its modified lines: by recall, or where the device has none, by a flush. So a harvest made by hand
/// afterwards finds them on every attach.
pub fn give_up<C: Carrier>(device: &mut Device<C>, range: PageRange, what: Recall) -> Result<(), Error> {
    if device.has_recall() { device.recall(range, what) } else { device.flush(range).map(drop) }
}

/// Before a harvest made by hand: recalls by itself, or is flushed here.
pub fn flush_if_needed<C: Carrier>(device: &mut Device<C>, range: PageRange) -> Result<(), Error> {
    if device.has_recall() { Ok(()) } else { device.flush(range).map(drop) }
}

/// What a report of everything owes its completeness to, in a simulation.
pub fn exactness<C: Carrier>(device: &Device<C>) -> Exactness {
    if device.has_recall() { Exactness::Recall } else { Exactness::Flush }
}

/// A command over pages.
pub fn ranged(opcode: Opcode, range: PageRange) -> Command {
    Command { page: range.first().0, count: range.count(), ..Command::new(opcode) }
}

/// A buffer for records, and harvests by hand into it.
pub struct Buffer {
    /// Where it is.
    pub region: DmaRegion,
}

impl Buffer {
    /// 64 KiB.
    ///
    /// # Errors
    /// The carrier's.
    pub fn new<C: Carrier>(device: &mut Device<C>) -> Result<Self, Error> {
        Ok(Self { region: device.carrier_mut().dma_alloc(1 << 16)? })
    }

    /// A harvest of this range, recalled and cleared, with room for everything.
    pub fn command(&self, range: PageRange) -> Command {
        Command {
            flags: flag::HARVEST_RECALL | flag::HARVEST_CLEAR,
            arg: self.region.iova.0,
            param: (self.region.len / RECORD_BYTES) as u32,
            ..ranged(Opcode::Harvest, range)
        }
    }

    /// The lines of the records of a completion.
    pub fn lines<C: Carrier>(
        &self,
        device: &mut Device<C>,
        completion: &Completion,
    ) -> Result<BTreeSet<LineAddr>, Error> {
        let mut bytes = vec![0; completion.records as usize * RECORD_BYTES];
        device.carrier_mut().dma_read(Iova(self.region.iova.0), &mut bytes)?;
        let mut lines = BTreeSet::new();
        for chunk in bytes.as_chunks::<RECORD_BYTES>().0 {
            let record = Record::from_bytes(chunk);
            assert_eq!(record.sequence, completion.sequence, "{record:?} is of another result");
            assert_ne!(record.mask, 0, "{record:?} names no line");
            for n in (0..64).filter(|n| record.mask >> n & 1 == 1) {
                assert!(lines.insert(line(record.page, n)), "{record:?}: its page came twice");
            }
        }
        Ok(lines)
    }
}

/// The answer to a result that waits.
pub fn answer(opcode: Opcode, sequence: u32) -> Command {
    Command { param: sequence, ..Command::new(opcode) }
}

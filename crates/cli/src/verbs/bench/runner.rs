//! A device with its pages mapped and tracked, and the traffic that the measurements send it. What comes back is checked.

use super::watched::{Watch, WatchedRtl};
use super::{PAGES, SETS, SNOOP_LATENCY};
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tideline_abi::command::{Command, Completion, Opcode, RECORD_BYTES, Record, Status, flag};
use tideline_abi::cxl::{
    DrsOpcode, Line, M2sReq, M2sRwd, MetaField, MetaValue, NdrOpcode, ReqOpcode, RwdOpcode, SnpType,
};
use tideline_abi::geometry::{LINE_BYTES, LINES_PER_PAGE};
use tideline_driver::{Carrier, Device, Frame, Iova, PageIndex, PageRange, Tracker};
use tideline_tb::{LineDevice, Machine, MachineConfig, RtlConfig, RtlDevice};

/// Lines of the pages in use.
pub const LINES: u64 = PAGES as u64 * LINES_PER_PAGE as u64;
/// Odd, so that multiples of it modulo LINES name every line once, scattered over the pages.
const SCATTER: u64 = 40_503;
/// Passes over pages after which the cache must hold them.
const TOUCHES: u32 = 64;
/// Cycles within which a run must end.
pub const PATIENCE: u64 = 10_000_000;

/// The n-th line of a scattered walk over the pages.
pub fn scattered(n: u64) -> u64 {
    n * SCATTER % LINES
}

/// What a line holds after the n-th write of it.
pub fn contents(line: u64, n: u8) -> Line {
    let word = (line + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
    std::array::from_fn(|i| word[i % 8] ^ (i as u8 / 8) ^ n.wrapping_mul(0x55))
}

/// Checks what was read of a line that was written `written` + 1 times.
pub fn check_line(line: u64, data: &Line, written: u8) -> Result<()> {
    ensure!(*data == contents(line, written), "line {line}: read {data:02x?}, which was not written there");
    Ok(())
}

/// Lines by page, as harvest records tell them.
pub type Lines = BTreeMap<u32, u64>;

/// These lines, by page.
pub fn by_page(lines: impl Iterator<Item = u64>) -> Lines {
    let mut pages = Lines::new();
    for line in lines {
        let (page, bit) = (line / LINES_PER_PAGE as u64, line % LINES_PER_PAGE as u64);
        *pages.entry(page as u32).or_default() |= 1 << bit;
    }
    pages
}

/// Reads and writes that are sent at once. The tag of a request is its number.
#[derive(Default)]
pub struct Traffic {
    /// Lines to read, and the number of the write that they shall show.
    pub reads: Vec<(u64, u8)>,
    /// Lines to write, and the number of the write.
    pub writes: Vec<(u64, u8)>,
}

/// A device, and what runs on it.
pub struct Runner {
    /// The device and its driver.
    pub device: Device<Machine<WatchedRtl>>,
    window_base: u64,
    /// The pages in use.
    pub range: PageRange,
    /// Kept while it tracks.
    _tracker: Tracker,
    /// Cycles of all traffic.
    pub cycles: u64,
    /// Time that they took.
    pub simulated: Duration,
}

impl Runner {
    /// Maps and tracks [`PAGES`] pages, whose descriptors are all in the cache then.
    pub fn new(config: &RtlConfig, machine: MachineConfig) -> Result<Self> {
        let rtl = WatchedRtl::new(RtlDevice::new(config)?, SNOOP_LATENCY);
        let mut device = Device::open(Machine::new(rtl, machine)?)?;
        let range = PageRange::new(PageIndex(0), PAGES)?;
        device.map(range, Frame(0))?;
        let tracker = device.track_start(&[range])?;
        let window_base = device.window_base().0;
        let mut runner =
            Self { device, window_base, range, _tracker: tracker, cycles: 0, simulated: Duration::ZERO };
        runner.touch(range).context("first reads")?;
        Ok(runner)
    }

    /// What the pins showed so far; the watch begins anew.
    pub fn take_watch(&mut self) -> Watch {
        std::mem::take(&mut self.rtl().watch)
    }

    /// The device without its driver.
    pub fn rtl(&mut self) -> &mut WatchedRtl {
        &mut self.device.carrier_mut().device
    }

    /// Reads a register.
    pub fn read32(&mut self, offset: u32) -> Result<u32> {
        Ok(self.device.carrier_mut().read32(offset)?)
    }

    /// A read of a line.
    pub fn read(&self, line: u64, tag: u16, meta: MetaValue) -> M2sReq {
        let snp_type = if meta == MetaValue::Any { SnpType::SnpInv } else { SnpType::SnpData };
        M2sReq {
            opcode: ReqOpcode::MemRd as u8,
            addr: self.addr(line),
            tag,
            meta_field: MetaField::Meta0State as u8,
            meta_value: meta as u8,
            snp_type: snp_type as u8,
        }
    }

    /// A write from a host without a copy: it needs no grant before.
    pub fn write(&self, line: u64, tag: u16, data: Line) -> M2sRwd {
        M2sRwd {
            opcode: RwdOpcode::MemWr as u8,
            addr: self.addr(line),
            tag,
            meta_field: MetaField::Meta0State as u8,
            meta_value: MetaValue::Invalid as u8,
            snp_type: SnpType::SnpInv as u8,
            data,
            be: u64::MAX,
        }
    }

    fn addr(&self, line: u64) -> u64 {
        self.window_base + line * LINE_BYTES as u64
    }

    /// Sends all requests at once, whose tags all differ. Returns the cycles to the last answer and the data by tag.
    pub fn exchange(
        &mut self,
        reads: Vec<M2sReq>,
        writes: Vec<M2sRwd>,
    ) -> Result<(u64, BTreeMap<u16, Line>)> {
        let machine = self.device.carrier_mut();
        let (answers, reads_sent) = (reads.len() + writes.len(), reads.len());
        machine.channels.m2s_req.extend(reads);
        machine.channels.m2s_rwd.extend(writes);
        let (begin, start) = (machine.device.cycle(), Instant::now());
        while machine.channels.s2m_ndr.len() < answers || machine.channels.s2m_drs.len() < reads_sent {
            machine.device.tick(&mut machine.channels)?;
            let answered = machine.channels.s2m_ndr.len();
            if machine.device.cycle() - begin > PATIENCE {
                bail!("{answered} of {answers} requests answered after {PATIENCE} cycles");
            }
        }
        let cycles = machine.device.cycle() - begin;
        self.cycles += cycles;
        self.simulated += start.elapsed();

        let mut tags: Vec<u16> = Vec::with_capacity(answers);
        for ndr in machine.channels.s2m_ndr.drain(..) {
            ensure!(ndr.opcode != NdrOpcode::BiConflictAck as u8, "{ndr:?}: nothing asked for it");
            tags.push(ndr.tag);
        }
        tags.sort_unstable();
        tags.dedup();
        ensure!(tags.len() == answers, "{answers} requests, but answers to {} of them", tags.len());
        let mut data = BTreeMap::new();
        for drs in machine.channels.s2m_drs.drain(..) {
            ensure!(drs.opcode == DrsOpcode::MemData as u8 && !drs.poison, "{drs:?}: no data of a line");
            data.insert(drs.tag, drs.data);
        }
        ensure!(data.len() == reads_sent, "{reads_sent} reads, but data for {} of them", data.len());
        Ok((cycles, data))
    }

    /// Sends reads and writes at once and checks what was read; returns the cycles to the last answer.
    pub fn send(&mut self, Traffic { reads, writes }: &Traffic) -> Result<u64> {
        ensure!(reads.len() + writes.len() <= 1 << 16, "more requests at once than there are tags");
        let req = (0..).zip(reads).map(|(n, &(line, _))| self.read(line, n as u16, MetaValue::Shared));
        let req = req.collect();
        let rwd = (reads.len()..)
            .zip(writes)
            .map(|(n, &(line, write))| self.write(line, n as u16, contents(line, write)));
        let rwd = rwd.collect();
        let (cycles, data) = self.exchange(req, rwd)?;
        for (&(line, written), data) in reads.iter().zip(data.values()) {
            check_line(line, data, written)?;
        }
        Ok(cycles)
    }

    /// The cycles of these writes, each of its line's `n`-th.
    pub fn write_all(&mut self, lines: impl Iterator<Item = u64>, n: u8) -> Result<u64> {
        self.send(&Traffic { reads: vec![], writes: lines.map(|line| (line, n)).collect() })
    }

    /// The cycles of reads of lines that were written before.
    pub fn read_all(&mut self, lines: impl Iterator<Item = u64>, written: u8) -> Result<u64> {
        self.send(&Traffic { reads: lines.map(|line| (line, written)).collect(), writes: vec![] })
    }

    /// Reads of lines of which nothing is known; the cycles.
    pub fn walk(&mut self, lines: impl Iterator<Item = u64>) -> Result<u64> {
        let reads = (0..).zip(lines).map(|(n, line)| self.read(line, n, MetaValue::Shared));
        let reads = reads.collect();
        Ok(self.exchange(reads, vec![])?.0)
    }

    /// Reads a line of each page until the descriptors of all are in the cache, and, if they are [`PAGES`], of no others.
    pub fn touch(&mut self, range: PageRange) -> Result<()> {
        // Set by set: fills that follow each other replace different ways.
        let mut lines: Vec<u64> = first_lines(range).collect();
        lines.sort_by_key(|line| (line / LINES_PER_PAGE as u64 % SETS, *line));
        for _ in 0..TOUCHES {
            let before = self.rtl().descriptor_accesses();
            self.walk(lines.iter().copied())?;
            if self.rtl().descriptor_accesses() == before {
                return Ok(());
            }
        }
        bail!("the cache does not hold the descriptors of {} pages", range.count())
    }

    /// Maps pages and tracks them, behind the driver's back.
    pub fn add(&mut self, range: PageRange, frame: Frame) -> Result<()> {
        self.device.map(range, frame).context("MAP")?;
        self.track(range, flag::TRACK_SET)
    }

    /// TRACK of the whole range.
    pub fn track(&mut self, range: PageRange, flags: u8) -> Result<()> {
        let (page, count) = (range.first().0, range.count());
        let command = Command { flags, page, count, ..Command::new(Opcode::Track) };
        self.device.execute(&command).context("TRACK").map(drop)
    }

    /// A HARVEST of a range while `traffic` runs; checks that it brings `expected`. Returns the cycles from the doorbell
    /// to the completion; the watch begins with the doorbell.
    pub fn harvest(
        &mut self,
        range: PageRange,
        flags: u8,
        expected: &Lines,
        traffic: &Traffic,
    ) -> Result<u64> {
        let buffer = self.device.carrier_mut().dma_alloc((expected.len() + 1) * RECORD_BYTES)?;
        let command = Command {
            flags,
            page: range.first().0,
            count: range.count(),
            arg: buffer.iova.0,
            param: expected.len() as u32 + 1,
            ..Command::new(Opcode::Harvest)
        };
        self.take_watch();
        let begin = self.rtl().cycle();
        let id = self.device.submit(&command)?;
        self.send(traffic)?;
        let completion = self.device.wait(id).context("harvest")?;
        let cycles = self.rtl().cycle() - begin;
        let watch = self.take_watch();
        self.check_harvest(&completion, Iova(buffer.iova.0), expected)?;
        self.device.execute(&Command { param: completion.sequence, ..Command::new(Opcode::HarvestAck) })?;
        self.device.carrier_mut().dma_free(buffer);
        self.rtl().watch = watch;
        Ok(cycles)
    }

    fn check_harvest(&mut self, completion: &Completion, buffer: Iova, expected: &Lines) -> Result<()> {
        let Completion { status, flags, records, .. } = *completion;
        ensure!(status == Status::Success as u16, "harvest: status {status:#x}, flags {flags:#x}");
        ensure!(records as usize <= expected.len(), "{records} records where {} were due", expected.len());
        let mut bytes = vec![0; records as usize * RECORD_BYTES];
        self.device.carrier_mut().dma_read(buffer, &mut bytes)?;
        let records = bytes.as_chunks::<RECORD_BYTES>().0.iter().map(Record::from_bytes);
        let harvested: Lines = records.map(|record| (record.page, record.mask)).collect();
        ensure!(harvested == *expected, "the harvest did not bring the lines that were written");
        Ok(())
    }
}

/// The first line of each page.
pub fn first_lines(range: PageRange) -> impl Iterator<Item = u64> {
    let first = u64::from(range.first().0);
    (first..first + u64::from(range.count())).map(|page| page * LINES_PER_PAGE as u64)
}

//! `tideline bench`: how many cycles the RTL takes.
//!
//! The channels are driven directly, at full speed: no cache in front, no pauses, every request queued from the start.
//! Whatever is measured is also checked: data read, records harvested, snoops sent.

mod axi;

use crate::export::json;
use crate::{Verdict, files};
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;
use std::time::{Duration, Instant};
use tideline_abi::command::{Command, Opcode, RECORD_BYTES, Record, flag};
use tideline_abi::cxl::{
    Channels, DrsOpcode, Line, M2sBirsp, M2sReq, M2sRwd, MetaField, MetaValue, NdrOpcode, ReqOpcode,
    RspOpcode, RwdOpcode, S2mBisnp, SnpType,
};
use tideline_abi::geometry::{LINE_BYTES, LINES_PER_PAGE};
use tideline_abi::regs::{CountBisnp, ErrorBits, PeakBisnp};
use tideline_driver::{
    Carrier, Device, Frame, Iova, LogOptions, LogStatus, PageIndex, PageRange, Recall, Tracker,
};
use tideline_model::HostMemory;
use tideline_tb::{DeviceError, LineDevice, Machine, MachineConfig, RtlConfig, RtlDevice};

/// Pages in use, all tracked.
const PAGES: u32 = 2048;
const LINES: u64 = PAGES as u64 * LINES_PER_PAGE as u64;
/// Requests of a throughput run, each to a line of its own.
const REQUESTS: u64 = 16_384;
/// Odd, so that multiples of it modulo LINES name every line once, scattered over the pages.
const SCATTER: u64 = 40_503;
/// Requests, one at a time, of the latency run.
const SINGLE_REQUESTS: u64 = 64;
/// Cycles from a snoop to its answer, as of a host some hundred nanoseconds away.
const SNOOP_LATENCY: u64 = 100;
/// Waits after which no record of the log is on its way.
const WAITS: u32 = 64;
/// Cycles within which a run must end.
const PATIENCE: u64 = 10_000_000;

/// Measure the RTL: lines per cycle, latency, harvest and recall rate
///
/// Cycle counts come from the Verilated RTL, whose channels are driven without pauses and with many requests
/// outstanding. Only sim.cycles_per_second depends on this machine.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  tideline bench\n  tideline bench --json | jq .rtl.read_lines_per_cycle")]
pub struct Bench {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Results {
    schema_version: u32,
    config: Config,
    rtl: Rtl,
    sim: Sim,
}

/// What the figures hold for.
#[derive(Debug, Serialize)]
struct Config {
    /// Requests of a throughput run.
    requests: u64,
    /// Pages that they are scattered over.
    pages: u32,
    /// Cycles of device memory.
    dram_latency: u32,
    /// Cycles of host memory.
    host_latency: u32,
    /// Cycles of the host's answer to a snoop.
    snoop_latency: u64,
}

#[derive(Debug, Serialize)]
struct Rtl {
    read_lines_per_cycle: f64,
    write_lines_per_cycle: f64,
    logged_write_lines_per_cycle: f64,
    mixed_lines_per_cycle: f64,
    same_line_lines_per_cycle: f64,
    same_page_lines_per_cycle: f64,
    same_set_lines_per_cycle: f64,
    request_to_memory_cycles: u64,
    harvest_records_per_cycle: f64,
    recall_snoops_per_cycle: f64,
    recall_block_snoops_per_cycle: f64,
    recall_sparse_snoops_per_cycle: f64,
    recall_outstanding: u32,
    recall_outstanding_peak: u32,
    axi_read_lines_per_cycle: f64,
    axi_write_lines_per_cycle: f64,
}

#[derive(Debug, Serialize)]
struct Sim {
    cycles_per_second: f64,
}

impl Bench {
    /// Measures everything and prints it.
    pub fn run(self) -> Result<Verdict> {
        let results = measure()?;
        files::print(&if self.json { json::render(&results)? } else { table(&results) })?;
        Ok(Verdict::Good)
    }
}

fn measure() -> Result<Results> {
    let machine = MachineConfig::default();
    let config = RtlConfig::fast(machine.frames);
    let mut runner = Runner::new(&config, machine)?;
    // The order matters: reads check what was written before, the harvest takes what the writes left.
    let write_lines_per_cycle = runner.writes()?;
    let harvest_records_per_cycle = runner.harvest()?;
    let logged_write_lines_per_cycle = runner.logged_writes()?;
    let read_lines_per_cycle = runner.reads()?;
    let mixed_lines_per_cycle = runner.mixed()?;
    let same_line_lines_per_cycle = runner.walk(REQUESTS, |_| 7).context("reads of one line")?;
    let same_page_lines_per_cycle =
        runner.walk(REQUESTS, |n| n % LINES_PER_PAGE as u64).context("reads of one page")?;
    // The device simulated has a cache of 512 sets: these are four pages of one set.
    let same_set = |n| n % 4 * 512 * LINES_PER_PAGE as u64 + n / 4 % LINES_PER_PAGE as u64;
    let same_set_lines_per_cycle = runner.walk(REQUESTS, same_set).context("reads of one set")?;
    let request_to_memory_cycles = runner.request_to_memory()?;
    let [recall_snoops_per_cycle, recall_block_snoops_per_cycle, recall_sparse_snoops_per_cycle] =
        [runner.recall(2, 1)?, runner.recall(1, 4)?, runner.recall(LINES_PER_PAGE as u64, 1)?];
    // A host that is slow enough to have every tag at once.
    runner.device.carrier_mut().device.snoop_latency = 4 * SNOOP_LATENCY;
    runner.recall(2, 1)?;
    let recall_outstanding = runner.read32(PeakBisnp::OFFSET)?;
    let (axi_read_lines_per_cycle, axi_write_lines_per_cycle) = axi::measure(&config, machine)?;
    let errors = runner.device.errors()?;
    ensure!(errors == ErrorBits(0), "the device set errors: ERROR = {:#x}", errors.0);
    Ok(Results {
        schema_version: 1,
        config: Config {
            requests: REQUESTS,
            pages: PAGES,
            dram_latency: *config.dram.latency.end(),
            host_latency: *config.host.latency.end(),
            snoop_latency: SNOOP_LATENCY,
        },
        rtl: Rtl {
            read_lines_per_cycle,
            write_lines_per_cycle,
            logged_write_lines_per_cycle,
            mixed_lines_per_cycle,
            same_line_lines_per_cycle,
            same_page_lines_per_cycle,
            same_set_lines_per_cycle,
            request_to_memory_cycles,
            harvest_records_per_cycle,
            recall_snoops_per_cycle,
            recall_block_snoops_per_cycle,
            recall_sparse_snoops_per_cycle,
            recall_outstanding,
            recall_outstanding_peak: recall_outstanding,
            axi_read_lines_per_cycle,
            axi_write_lines_per_cycle,
        },
        sim: Sim { cycles_per_second: runner.cycles as f64 / runner.simulated.as_secs_f64() },
    })
}

fn table(results: &Results) -> String {
    let Results { config, rtl, sim, .. } = results;
    let mut text = format!(
        "{} lines in {} pages, memory answers after {} cycles, a snoop is answered after {}\n\n",
        config.requests, config.pages, config.dram_latency, config.snoop_latency
    );
    let rows = [
        ("reads", format!("{:.3} lines per cycle", rtl.read_lines_per_cycle)),
        ("writes", format!("{:.3} lines per cycle", rtl.write_lines_per_cycle)),
        ("first writes, logged", format!("{:.3} lines per cycle", rtl.logged_write_lines_per_cycle)),
        ("half of each", format!("{:.3} lines per cycle", rtl.mixed_lines_per_cycle)),
        ("reads of one line", format!("{:.3} lines per cycle", rtl.same_line_lines_per_cycle)),
        ("reads of one page", format!("{:.3} lines per cycle", rtl.same_page_lines_per_cycle)),
        ("reads of one set", format!("{:.3} lines per cycle", rtl.same_set_lines_per_cycle)),
        ("request to memory", format!("{} cycles", rtl.request_to_memory_cycles)),
        ("harvest", format!("{:.3} records per cycle", rtl.harvest_records_per_cycle)),
        ("recall", format!("{:.3} snoops per cycle", rtl.recall_snoops_per_cycle)),
        ("recall of four lines", format!("{:.3} snoops per cycle", rtl.recall_block_snoops_per_cycle)),
        ("recall, one a page", format!("{:.3} snoops per cycle", rtl.recall_sparse_snoops_per_cycle)),
        ("recall, outstanding", format!("at most {}", rtl.recall_outstanding)),
        ("reads on axi", format!("{:.3} lines per cycle", rtl.axi_read_lines_per_cycle)),
        ("writes on axi", format!("{:.3} lines per cycle", rtl.axi_write_lines_per_cycle)),
        ("simulation", format!("{:.0} cycles per second", sim.cycles_per_second)),
    ];
    for (name, value) in rows {
        let _ = writeln!(text, "{name:<21} {value}");
    }
    text
}

/// The RTL with a host that owns lines and gives them up clean, each a while after it was asked.
#[derive(Debug)]
struct SnoopedRtl {
    rtl: RtlDevice,
    snoops: VecDeque<(u64, S2mBisnp)>,
    snoop_latency: u64,
}

impl LineDevice for SnoopedRtl {
    fn name(&self) -> &'static str {
        "rtl"
    }
    fn tick(&mut self, channels: &mut Channels) -> Result<(), DeviceError> {
        self.rtl.tick(channels)?;
        let now = self.rtl.cycle();
        self.snoops.extend(channels.s2m_bisnp.drain(..).map(|snoop| (now + self.snoop_latency, snoop)));
        while let Some((_, snoop)) = self.snoops.pop_front_if(|(due, _)| *due <= now) {
            channels.m2s_birsp.push_back(M2sBirsp::whole(&snoop, RspOpcode::BiRspI));
        }
        Ok(())
    }
    fn read32(&mut self, channels: &mut Channels, offset: u32) -> Result<u32, DeviceError> {
        self.rtl.read32(channels, offset)
    }
    fn write32(&mut self, channels: &mut Channels, offset: u32, value: u32) -> Result<(), DeviceError> {
        self.rtl.write32(channels, offset, value)
    }
    fn flr(&mut self, channels: &mut Channels) -> Result<(), DeviceError> {
        self.rtl.flr(channels)
    }
    fn irq(&self) -> u32 {
        self.rtl.irq().into()
    }
    fn host_memory(&mut self) -> &mut HostMemory {
        &mut self.rtl.host().memory.regions
    }
    fn cycle(&self) -> u64 {
        self.rtl.cycle()
    }
}

/// The n-th line of a scattered walk over the pages.
fn scattered(n: u64) -> u64 {
    n * SCATTER % LINES
}

/// What a line holds after the n-th write of it.
fn contents(line: u64, n: u8) -> Line {
    let word = (line + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
    std::array::from_fn(|i| word[i % 8] ^ (i as u8 / 8) ^ n.wrapping_mul(0x55))
}

struct Runner {
    device: Device<Machine<SnoopedRtl>>,
    window_base: u64,
    range: PageRange,
    /// Kept while it tracks.
    _tracker: Tracker,
    cycles: u64,
    simulated: Duration,
}

impl Runner {
    fn new(config: &RtlConfig, machine: MachineConfig) -> Result<Self> {
        let rtl = SnoopedRtl {
            rtl: RtlDevice::new(config)?,
            snoops: VecDeque::new(),
            snoop_latency: SNOOP_LATENCY,
        };
        let mut device = Device::open(Machine::new(rtl, machine)?)?;
        let range = PageRange::new(PageIndex(0), PAGES)?;
        device.map(range, Frame(0))?;
        let tracker = device.track_start(&[range])?;
        let window_base = device.window_base().0;
        let mut runner =
            Self { device, window_base, range, _tracker: tracker, cycles: 0, simulated: Duration::ZERO };
        // Every descriptor is in the cache: what is measured are hits.
        runner.walk(u64::from(PAGES), |n| n * LINES_PER_PAGE as u64).context("first reads")?;
        Ok(runner)
    }

    fn addr(&self, line: u64) -> u64 {
        self.window_base + line * LINE_BYTES as u64
    }

    fn read(&self, line: u64, tag: u16, meta: MetaValue) -> M2sReq {
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
    fn write(&self, line: u64, tag: u16, data: Line) -> M2sRwd {
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

    fn read32(&mut self, offset: u32) -> Result<u32> {
        Ok(self.device.carrier_mut().read32(offset)?)
    }

    /// Sends all requests at once, whose tags all differ. Returns the cycles to the last answer and the data by tag.
    fn exchange(&mut self, reads: Vec<M2sReq>, writes: Vec<M2sRwd>) -> Result<(u64, BTreeMap<u16, Line>)> {
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

    fn writes(&mut self) -> Result<f64> {
        let write = |n| self.write(scattered(n), n as u16, contents(scattered(n), 0));
        let writes = (0..REQUESTS).map(write).collect();
        let (cycles, _) = self.exchange(vec![], writes).context("writes")?;
        Ok(REQUESTS as f64 / cycles as f64)
    }

    /// The same writes, each the first of its line, while the log tells of every one.
    fn logged_writes(&mut self) -> Result<f64> {
        self.device.log_start(LogOptions {
            records: (2 * REQUESTS as u32).next_power_of_two(),
            ..LogOptions::default()
        })?;
        let rate = self.writes()?;
        let logged: BTreeSet<u64> =
            self.device.log(WAITS).map(|line| Ok(line?.0)).collect::<Result<_>>().context("log")?;
        ensure!(logged == (0..REQUESTS).map(scattered).collect(), "the log does not name the lines written");
        ensure!(self.device.log_stop()? == LogStatus::default(), "the log lost records");
        Ok(rate)
    }

    /// Reads of lines chosen by their number; lines per cycle.
    fn walk(&mut self, count: u64, line: impl Fn(u64) -> u64) -> Result<f64> {
        let reads = (0..count).map(|n| self.read(line(n), n as u16, MetaValue::Shared)).collect();
        let (cycles, _) = self.exchange(reads, vec![])?;
        Ok(count as f64 / cycles as f64)
    }

    fn reads(&mut self) -> Result<f64> {
        let reads = (0..REQUESTS).map(|n| self.read(scattered(n), n as u16, MetaValue::Shared)).collect();
        let (cycles, data) = self.exchange(reads, vec![]).context("reads")?;
        check(&data, 0)?;
        Ok(REQUESTS as f64 / cycles as f64)
    }

    /// Reads of lines written before, and as many writes of other lines beside them.
    fn mixed(&mut self) -> Result<f64> {
        let half = REQUESTS / 2;
        let reads = (0..half).map(|n| self.read(scattered(n), n as u16, MetaValue::Shared)).collect();
        let write = |n| self.write(scattered(n), n as u16, contents(scattered(n), 1));
        let writes = (half..REQUESTS).map(write).collect();
        let (cycles, data) = self.exchange(reads, writes).context("reads and writes")?;
        check(&data, 0)?;
        let read_back =
            (half..REQUESTS).map(|n| self.read(scattered(n), n as u16, MetaValue::Shared)).collect();
        let (_, data) = self.exchange(read_back, vec![]).context("reading back")?;
        check(&data, 1)?;
        Ok(REQUESTS as f64 / cycles as f64)
    }

    /// From the doorbell to the completion of a harvest of what [`Runner::writes`] wrote.
    fn harvest(&mut self) -> Result<f64> {
        let mut expected: BTreeMap<u32, u64> = BTreeMap::new();
        for line in (0..REQUESTS).map(scattered) {
            let (page, bit) = (line / LINES_PER_PAGE as u64, line % LINES_PER_PAGE as u64);
            *expected.entry(page as u32).or_default() |= 1 << bit;
        }
        let buffer = self.device.carrier_mut().dma_alloc(PAGES as usize * RECORD_BYTES)?;
        let command = Command {
            flags: flag::HARVEST_CLEAR,
            page: self.range.first().0,
            count: self.range.count(),
            arg: buffer.iova.0,
            param: PAGES,
            ..Command::new(Opcode::Harvest)
        };
        let begin = self.device.carrier().device.cycle();
        let completion = self.device.execute(&command).context("harvest")?;
        let cycles = self.device.carrier().device.cycle() - begin;

        let mut bytes = vec![0; completion.records as usize * RECORD_BYTES];
        self.device.carrier_mut().dma_read(Iova(buffer.iova.0), &mut bytes)?;
        let records = bytes.as_chunks::<RECORD_BYTES>().0.iter().map(Record::from_bytes);
        let harvested: BTreeMap<u32, u64> = records.map(|record| (record.page, record.mask)).collect();
        ensure!(harvested == expected, "the harvest did not bring the lines that were written");
        self.device.execute(&Command { param: completion.sequence, ..Command::new(Opcode::HarvestAck) })?;
        self.device.carrier_mut().dma_free(buffer);
        Ok(f64::from(completion.records) / cycles as f64)
    }

    /// From the clock edge that takes a read to the one at which the device offers it to memory; the slowest of some.
    fn request_to_memory(&mut self) -> Result<u64> {
        let mut slowest = 0;
        for n in 0..SINGLE_REQUESTS {
            let read = self.read(scattered(n), n as u16, MetaValue::Shared);
            let machine = self.device.carrier_mut();
            machine.channels.m2s_req.push_back(read);
            let mut taken = None;
            loop {
                machine.device.tick(&mut machine.channels)?;
                let now = machine.device.cycle();
                if taken.is_none() && machine.channels.m2s_req.is_empty() {
                    taken = Some(now);
                }
                if machine.device.rtl.pins().m_axi_dram.arvalid.get() != 0 {
                    // The pins show what the next edge will see.
                    slowest =
                        slowest.max(now + 1 - taken.context("memory is read before the request was taken")?);
                    break;
                }
                ensure!(taken.is_none_or(|cycle| now - cycle < PATIENCE), "a read does not reach memory");
            }
            check_line(scattered(n), &self.finish_read()?, 0)?;
        }
        Ok(slowest)
    }

    /// Waits for the answers of the one read under way.
    fn finish_read(&mut self) -> Result<Line> {
        let machine = self.device.carrier_mut();
        let begin = machine.device.cycle();
        while machine.device.cycle() - begin < PATIENCE {
            if !machine.channels.s2m_ndr.is_empty()
                && let Some(drs) = machine.channels.s2m_drs.pop_front()
            {
                machine.channels.s2m_ndr.clear();
                return Ok(drs.data);
            }
            machine.device.tick(&mut machine.channels)?;
        }
        bail!("a read is not answered after {PATIENCE} cycles")
    }

    /// From the doorbell to the completion of a RECALL of pages of which the host owns every `step`-th line: snoops per
    /// cycle, each about `lines` lines.
    fn recall(&mut self, step: u64, lines: u64) -> Result<f64> {
        let owned = REQUESTS.min(LINES / step);
        let own = (0..owned).map(|n| self.read(n * step, n as u16, MetaValue::Any)).collect();
        self.exchange(own, vec![]).context("reads for ownership")?;
        let range = PageRange::new(PageIndex(0), (owned * step / LINES_PER_PAGE as u64) as u32)?;
        let sent = self.read32(CountBisnp::OFFSET)?;
        let begin = self.device.carrier().device.cycle();
        self.device.recall(range, Recall::WritePermission).context("recall")?;
        let cycles = self.device.carrier().device.cycle() - begin;
        self.device.recall(range, Recall::WritePermission).context("second recall")?;
        let snoops = u64::from(self.read32(CountBisnp::OFFSET)?.wrapping_sub(sent));
        let wanted = owned / lines;
        ensure!(snoops == wanted, "{owned} lines owned: {snoops} snoops recalled them, not {wanted}");
        Ok(wanted as f64 / cycles as f64)
    }
}

/// Checks the data of reads whose tags number the scattered walk.
fn check(data: &BTreeMap<u16, Line>, written: u8) -> Result<()> {
    data.iter().try_for_each(|(&tag, line)| check_line(scattered(tag.into()), line, written))
}

fn check_line(line: u64, data: &Line, written: u8) -> Result<()> {
    ensure!(*data == contents(line, written), "line {line}: read {data:02x?}, which was not written there");
    Ok(())
}

//! A region becomes plain, and ends to be, under writes of its lines on AXI4, many of one line under way at once: they take
//! effect in the order of their addresses. Then a later one must not overtake an earlier one that waits for a descriptor.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;
use std::ops::Range;
use tideline_abi::command::{Command, Opcode, RECORD_BYTES, Record, Status, flag};
use tideline_abi::cxl::{Channels, Line};
use tideline_abi::geometry::REGION_PAGES;
use tideline_abi::regs::IntrState;
use tideline_driver::{Carrier, Device, LineAddr, PageIndex, PageRange};
use tideline_tb::axi::{Address, Burst, Resp, Timing, WriteBeat};
use tideline_tb::{Attach, AxiAttached, Machine, MachineConfig, RtlConfig, RtlDevice};

const REGION: u32 = REGION_PAGES as u32;
/// Pages that play, and lines of each.
const PAGES: usize = 12;
const LINES: u8 = 2;
/// The completion's bit of the interrupts.
const COMPLETION: u32 = 1;
/// Cycles within which a command must end.
const PATIENCE: u64 = 1_000_000;

/// What is known of a line.
#[derive(Clone, Copy)]
struct Played {
    line: LineAddr,
    /// The last write that was queued, and the last one that was answered OKAY; 0 = none.
    queued: u32,
    written: u32,
}

/// What a write with this number leaves.
fn contents(line: LineAddr, number: u32) -> Line {
    let word = (line.0 << 32 | u64::from(number)).to_le_bytes();
    std::array::from_fn(|i| word[i % 8])
}

struct Bench {
    device: Device<Machine<AxiAttached>>,
    rng: ChaCha8Rng,
    base: u64,
    /// How device memory answers; how it does while lines are played.
    usual: Timing,
    slow: Option<Timing>,
    played: Vec<Played>,
    writes: VecDeque<(usize, u32)>,
    /// Reads, and what was written before they were queued.
    reads: VecDeque<(usize, u32)>,
    /// Writes that were discarded, and that were done, since the count began.
    answered: [u32; 2],
}

impl Bench {
    fn new(config: RtlConfig, slow: Option<Timing>, seed: u64) -> Self {
        println!("seed {seed}");
        let usual = config.dram.clone();
        let machine = MachineConfig { attach: Attach::Axi, ..MachineConfig::default() };
        let rtl =
            RtlDevice::new(&RtlConfig { attach: Attach::Axi, ..config }).unwrap_or_else(|e| panic!("{e}"));
        let machine = Machine::new(AxiAttached::new(rtl), machine).unwrap_or_else(|e| panic!("{e}"));
        let device = Device::open(machine).unwrap_or_else(|e| panic!("{e}"));
        let base = device.window_base().0;
        let (rng, played) = (ChaCha8Rng::seed_from_u64(seed), Vec::new());
        Self {
            device,
            rng,
            base,
            usual,
            slow,
            played,
            writes: VecDeque::new(),
            reads: VecDeque::new(),
            answered: [0; 2],
        }
    }

    fn rtl(&mut self) -> &mut RtlDevice {
        self.device.carrier_mut().device.rtl()
    }

    /// Random pages of a region: nothing of them was written.
    fn play(&mut self, region: u32) {
        let rng = &mut self.rng;
        let pages: Vec<u32> = (0..PAGES).map(|_| region * REGION + rng.random_range(0..REGION)).collect();
        let lines = pages.iter().flat_map(|&page| (0..LINES).map(move |l| LineAddr::new(PageIndex(page), l)));
        let mut lines: Vec<LineAddr> = lines.collect();
        lines.sort_unstable();
        lines.dedup();
        self.played = lines.into_iter().map(|line| Played { line, queued: 0, written: 0 }).collect();
    }

    fn burst(&mut self, line: LineAddr) -> Burst {
        let address =
            Address { id: self.rng.random(), addr: self.base + line.offset(), len: 0, size: 6, burst: 1 };
        Burst { address, lock: false }
    }

    fn queue_write(&mut self, n: usize) {
        self.played[n].queued += 1;
        let Played { line, queued, .. } = self.played[n];
        let burst = self.burst(line);
        self.writes.push_back((n, queued));
        let axi = self.rtl().axi();
        axi.aw.push_back(burst);
        axi.w.push_back(WriteBeat { data: contents(line, queued), strobe: u64::MAX, last: true });
    }

    fn queue_read(&mut self, n: usize) {
        let Played { line, written, .. } = self.played[n];
        let burst = self.burst(line);
        self.reads.push_back((n, written));
        self.rtl().axi().ar.push_back(burst);
    }

    /// One cycle, and a look at the answers that came: they come in the order of the addresses.
    fn tick(&mut self) {
        self.rtl().tick(&mut Channels::default()).unwrap_or_else(|e| panic!("{e}"));
        while let Some(b) = self.rtl().axi().b.pop_front() {
            let (n, number) = self.writes.pop_front().expect("a write");
            self.answered[usize::from(b.resp == Resp::Okay)] += 1;
            match b.resp {
                Resp::Okay => self.played[n].written = number,
                Resp::SlvErr => assert_eq!(self.played[n].written, 0, "a page was mapped, and is no more"),
                other => panic!("a write was answered {other:?}"),
            }
        }
        while let Some(r) = self.rtl().axi().r.pop_front() {
            let (n, written) = self.reads.pop_front().expect("a read");
            let Played { line, queued, .. } = self.played[n];
            if written == 0 {
                continue;
            }
            let found = (written..=queued).find(|&number| contents(line, number) == r.data);
            assert!(
                found.is_some(),
                "{line}: {:02x?} is none of the writes {written} to {queued}",
                &r.data[..8]
            );
        }
    }

    /// Submits a command and plays within these cycles of it. Returns the cycles from the doorbell to the completion, and
    /// how many writes of each line were queued until then.
    fn play_beside(&mut self, command: &Command, cycles: Range<u64>) -> (u64, Vec<u32>) {
        self.device.carrier_mut().write32(IntrState::OFFSET, COMPLETION).expect("a register");
        let id = self.device.submit(command).expect("room in the queue");
        let (mut completed, mut before) = (None, Vec::new());
        for cycle in 0.. {
            if let Some(slow) = self.slow.clone().filter(|_| cycle == cycles.start && !cycles.is_empty()) {
                self.rtl().dram().set_timing(slow);
            }
            if cycles.contains(&cycle) {
                let n = self.rng.random_range(0..self.played.len());
                if self.rtl().axi().aw.len() < 2 {
                    self.queue_write(n);
                }
                if self.rng.random_ratio(1, 8) {
                    self.queue_read(n);
                }
            }
            self.tick();
            if completed.is_none() && u32::from(self.rtl().irq()) & COMPLETION != 0 {
                completed = Some(cycle);
                before = self.played.iter().map(|p| p.queued).collect();
            }
            if completed.is_some() && cycle >= cycles.end && self.rtl().axi().is_idle() {
                break;
            }
            assert!(cycle < PATIENCE, "{command:?} does not end");
        }
        let usual = self.usual.clone();
        self.rtl().dram().set_timing(usual);
        let completion = self.device.wait(id).expect("a completion");
        assert_eq!(completion.status, Status::Success as u16, "{command:?}: {completion:?}");
        (completed.expect("it was seen"), before)
    }

    /// The dirty lines of a page.
    fn harvest(&mut self, page: PageIndex) -> u64 {
        let buffer = self.device.carrier_mut().dma_alloc(RECORD_BYTES).expect("memory");
        let command = Command {
            flags: flag::HARVEST_CLEAR,
            page: page.0,
            count: 1,
            arg: buffer.iova.0,
            param: 1,
            ..Command::new(Opcode::Harvest)
        };
        let completion = self.device.execute(&command).expect("a harvest");
        let mut record = [0; RECORD_BYTES];
        self.device.carrier_mut().dma_read(buffer.iova, &mut record).expect("a record");
        let acknowledge = Command { param: completion.sequence, ..Command::new(Opcode::HarvestAck) };
        self.device.execute(&acknowledge).expect("it waits");
        self.device.carrier_mut().dma_free(buffer);
        if completion.records == 0 { 0 } else { Record::from_bytes(&record).mask }
    }

    /// Memory has the last write of every line.
    fn check(&mut self) {
        for n in 0..self.played.len() {
            self.queue_read(n);
        }
        for p in &mut self.played {
            p.queued = p.written;
        }
        while !self.rtl().axi().is_idle() {
            self.tick();
        }
    }
}

fn map(region: u32) -> Command {
    let (page, count) = (region * REGION, REGION);
    Command { flags: flag::MAP_PLAIN, page, count, arg: REGION.into(), ..Command::new(Opcode::Map) }
}

fn region(number: u32) -> PageRange {
    PageRange::new(PageIndex(number * REGION), REGION).expect("pages")
}

/// A few writes of one line in a row, in any cycle around the one in which the region becomes plain, and nothing else under way:
/// also the first of them, which may still be on its way to the pipeline then, is not overtaken.
#[test]
fn nothing_but_a_few_writes() {
    /// Cycles from one line's writes to the next one's.
    const STEP: u64 = 48;
    /// Cycles before the end of a MAP in which the region becomes plain.
    const WITHIN: u64 = 400;
    let frames = MachineConfig::default().frames;
    let mut bench = Bench::new(RtlConfig { dram: Timing::steady(2), ..RtlConfig::fast(frames) }, None, 1);
    bench.play(1);
    let (takes, _) = bench.play_beside(&map(1), 0..0);
    bench.device.unmap(region(1)).expect("UNMAP");
    for phase in 0..STEP {
        let number = 2 + phase as u32;
        bench.play(number);
        let id = bench.device.submit(&map(number)).expect("room in the queue");
        let first = takes - WITHIN + phase;
        for cycle in 0..takes {
            let (n, within) = (cycle.wrapping_sub(first) / STEP, cycle.wrapping_sub(first) % STEP);
            if n < bench.played.len() as u64 && within < 3 {
                bench.queue_write(n as usize);
            }
            bench.tick();
        }
        while !bench.rtl().axi().is_idle() {
            bench.tick();
        }
        let completion = bench.device.wait(id).expect("a completion");
        assert_eq!(completion.status, Status::Success as u16, "{completion:?}");
        bench.check();
        bench.device.unmap(region(number)).expect("UNMAP");
    }
}

/// Descriptors of regions that were not used before are not in the cache, so that the first write of a page waits: as long as
/// `slow` says, if it does.
fn regions_come_and_go(
    config: RtlConfig,
    slow: Option<Timing>,
    seed: u64,
    regions: Range<u32>,
    before_end: Range<u64>,
) {
    let mut bench = Bench::new(config, slow, seed);
    let mut takes = 0;
    let mut answered = [0; 2];
    for number in regions {
        bench.play(number);
        // The first time shows how long a MAP takes, its completion in host memory included; then writes begin that much
        // before.
        let begin = takes - takes.min(bench.rng.random_range(before_end.clone()));
        let end = if takes == 0 { 0 } else { begin + bench.rng.random_range(before_end.clone()) * 2 };
        bench.answered = [0; 2];
        let (cycles, _) = bench.play_beside(&map(number), begin..end);
        (0..2).for_each(|i| answered[i] += bench.answered[i]);
        if takes == 0 {
            takes = cycles;
        }
        bench.check();

        // The end: a page gets tracked. What was answered before is not reported, what was queued afterwards is.
        let at = bench.rng.random_range(0..bench.played.len());
        let page = bench.played[at].line.page();
        let queued = |bench: &Bench| bench.played.iter().map(|p| p.queued).collect::<Vec<_>>();
        let old = queued(&bench);
        let track = Command { flags: flag::TRACK_SET, page: page.0, count: 1, ..Command::new(Opcode::Track) };
        let begin = bench.rng.random_range(0..300);
        let end = begin + bench.rng.random_range(50..500);
        let (_, before) = bench.play_beside(&track, begin..end);
        let new = queued(&bench);
        bench.check();
        let reported = bench.harvest(page);
        for (n, p) in bench.played.iter().enumerate().filter(|(_, p)| p.line.page() == page) {
            let dirty = reported >> p.line.line() & 1 == 1;
            assert!(dirty || new[n] == before[n], "{} was written after TRACK and is not reported", p.line);
            assert!(!dirty || new[n] > old[n], "{} was written before TRACK only, and is reported", p.line);
        }
        bench.device.unmap(region(number)).expect("UNMAP");
    }
    let [discarded, done] = answered;
    println!("MAP takes {takes} cycles; {discarded} writes discarded, {done} done");
    assert!(discarded > 0 && done > 1000, "{discarded} writes were discarded, {done} done");
}

#[test]
fn slow_descriptors() {
    let config = RtlConfig { dram: Timing::steady(2), ..RtlConfig::fast(MachineConfig::default().frames) };
    regions_come_and_go(config, Some(Timing::steady(150)), 1, 2..50, 100..600);
}

#[test]
fn every_pace() {
    regions_come_and_go(RtlConfig::nasty(MachineConfig::default().frames, 2), None, 2, 2..14, 1..4000);
}

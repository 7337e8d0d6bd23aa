//! Harvests of a window of 64 GiB through a cache of 2,048 descriptors: what they find, what they cost, and what an error of
//! device memory does to them.

use std::collections::BTreeMap;
use tideline_abi::command::{Command, Completion, Opcode, RECORD_BYTES, Record, Status, flag};
use tideline_abi::descriptor::Descriptor;
use tideline_abi::geometry::{GROUP_PAGES, MAX_PAGES, PAGE_BYTES};
use tideline_abi::regs::{DescriptorBase, SpoolBase};
use tideline_driver::{Carrier, Device, Frame, Iova, LineAddr, PageIndex, PageRange, Recall};
use tideline_tb::axi::{Fault, Timing};
use tideline_tb::campaign::FRAMES;
use tideline_tb::{Machine, MachineConfig, RtlConfig, RtlDevice};

/// Cycles from a read of device memory to its data.
const LATENCY: u32 = 40;
/// Dirty pages, each in a group of its own.
const DIRTY: u32 = 100;
/// Cycles of a harvest of 64 GiB of which 100 pages of 100 groups are dirty.
const MOST_CYCLES: u64 = 1024 + DIRTY as u64 * 2 * LATENCY as u64;
/// Cycles of a harvest of 16 GiB in which nothing is dirty, besides those that its command and completion spend on the bus.
const MOST_CLEAN_CYCLES: u64 = 256;

/// The device alone, with a window of 64 GiB, and the records of a harvest by hand.
struct Bench {
    device: Device<Machine<RtlDevice>>,
    records: Iova,
}

impl Bench {
    fn new() -> Self {
        Self::with_latency(LATENCY)
    }

    fn with_latency(latency: u32) -> Self {
        let config = MachineConfig {
            window_pages: MAX_PAGES as u32,
            frames: FRAMES,
            cleared: true,
            ..MachineConfig::default()
        };
        let rtl = RtlConfig { dram: Timing::steady(latency), ..RtlConfig::fast(FRAMES).cleared_from(0) };
        let rtl = RtlDevice::new(&rtl).unwrap_or_else(|e| panic!("{e}"));
        let machine = Machine::new(rtl, config).unwrap_or_else(|e| panic!("{e}"));
        let mut device = Device::open(machine).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(device.pages().count(), MAX_PAGES as u32);
        let records = device.carrier_mut().dma_alloc(DIRTY as usize * RECORD_BYTES).unwrap().iova;
        Self { device, records }
    }

    /// Runs a command, which must end like this. Returns its cycles.
    fn run(&mut self, command: &Command, status: Status) -> (u64, Completion) {
        let begin = self.device.carrier().device.cycle();
        let id = self.device.submit(command).unwrap();
        let completion = self.device.wait(id).unwrap();
        assert_eq!(completion.status, status as u16, "{command:?}: {completion:?}");
        (self.device.carrier().device.cycle() - begin, completion)
    }

    /// Harvests a range and clears it. Returns the cycles beyond those of a command that does nothing, and the masks.
    fn harvest(&mut self, pages: u32, status: Status) -> (u64, BTreeMap<u32, u64>) {
        let (idle, _) = self.run(&Command::new(Opcode::Identify), Status::Success);
        let command = Command {
            page: 0,
            count: pages,
            flags: flag::HARVEST_CLEAR,
            arg: self.records.0,
            param: DIRTY,
            ..Command::new(Opcode::Harvest)
        };
        let (cycles, completion) = self.run(&command, status);
        let mut bytes = vec![0; completion.records as usize * RECORD_BYTES];
        self.device.carrier_mut().dma_read(self.records, &mut bytes).unwrap();
        let records = bytes.as_chunks::<RECORD_BYTES>().0.iter().map(Record::from_bytes);
        let masks = records.map(|record| (record.page, record.mask)).collect();
        self.end(Opcode::HarvestAck, completion.sequence);
        (cycles.saturating_sub(idle), masks)
    }

    /// HARVEST_ACK or HARVEST_NACK of a result.
    fn end(&mut self, opcode: Opcode, sequence: u32) {
        self.run(&Command { param: sequence, ..Command::new(opcode) }, Status::Success);
    }
}

/// The dirty pages: the first and the last one of the window among them, and all places within a group.
fn dirty() -> impl Iterator<Item = u32> {
    let groups = (MAX_PAGES / GROUP_PAGES) as u32;
    let inside = |n: u32| n * (GROUP_PAGES as u32 - 1) / (DIRTY - 1);
    (0..DIRTY).map(move |n| n * (groups - 1) / (DIRTY - 1) * GROUP_PAGES as u32 + inside(n))
}

fn one(page: u32) -> PageRange {
    PageRange::new(PageIndex(page), 1).unwrap()
}

/// Pages of one set that displace a descriptor: ten times as many as there are ways.
const OTHERS: u32 = 40;
/// Sets of the cache of descriptors.
const SETS: u32 = 512;
/// The page whose descriptor is not readable.
const PAGE: u32 = 5;

/// Has the descriptor of [`PAGE`] displaced.
fn displace(bench: &mut Bench) {
    for n in 1..=OTHERS {
        bench.device.load(LineAddr::new(PageIndex(PAGE + n * SETS), 0)).unwrap();
    }
}

/// Has the descriptor of [`PAGE`] displaced, and not readable once.
fn hide_descriptor(bench: &mut Bench) {
    displace(bench);
    let base = bench.device.carrier_mut().read32(DescriptorBase::OFFSET).unwrap();
    let at = u64::from(base) * PAGE_BYTES as u64 + u64::from(PAGE) * size_of::<Descriptor>() as u64;
    let fault = Fault { range: at..at + 64, reads: true, writes: false, times: 1 };
    bench.device.carrier_mut().device.dram().memory.inject(fault);
}

fn map_one_set(bench: &mut Bench) {
    for n in 0..=OTHERS {
        bench.device.map(one(PAGE + n * SETS), Frame(n)).unwrap();
    }
}

#[test]
fn a_page_whose_descriptor_was_unreadable_once_is_not_lost() {
    let mut bench = Bench::new();
    map_one_set(&mut bench);
    let tracker = bench.device.track_start(&[one(PAGE)]).unwrap();
    let write = |bench: &mut Bench, line| {
        bench.device.store(LineAddr::new(PageIndex(PAGE), line), &[line; 64]).unwrap();
        bench.device.recall(one(PAGE), Recall::WritePermission).unwrap();
    };
    let fails = |bench: &mut Bench| {
        hide_descriptor(bench);
        let (_, masks) = bench.harvest(GROUP_PAGES as u32, Status::MemoryError);
        assert!(masks.is_empty(), "{masks:x?}");
    };
    write(&mut bench, 3);
    fails(&mut bench);
    // Nothing but the harvest that failed says that there is something.
    let (_, masks) = bench.harvest(GROUP_PAGES as u32, Status::Success);
    assert_eq!(masks, BTreeMap::from([(PAGE, 1 << 3)]));
    write(&mut bench, 4);
    fails(&mut bench);
    // The line that was written before, and one that is written now.
    write(&mut bench, 9);
    let (_, masks) = bench.harvest(GROUP_PAGES as u32, Status::Success);
    assert_eq!(masks, BTreeMap::from([(PAGE, 1 << 4 | 1 << 9)]));
    bench.device.track_stop(tracker).unwrap();
}

/// A write met the error: the page counts as poisoned as long as its descriptor stays in the cache, and nobody can say what
/// it had to report.
#[test]
fn every_harvest_that_meets_a_page_poisoned_in_the_cache_says_so() {
    let mut bench = Bench::new();
    map_one_set(&mut bench);
    let tracker = bench.device.track_start(&[one(PAGE)]).unwrap();
    let line = |number| LineAddr::new(PageIndex(PAGE), number);
    bench.device.store(line(3), &[3; 64]).unwrap();
    bench.device.recall(one(PAGE), Recall::WritePermission).unwrap();
    bench.device.store(line(4), &[4; 64]).unwrap();
    hide_descriptor(&mut bench);
    bench.device.carrier_mut().flush(line(4).offset(), 64).unwrap();
    for _ in 0..3 {
        let (_, masks) = bench.harvest(GROUP_PAGES as u32, Status::MemoryError);
        assert!(masks.is_empty(), "{masks:x?}");
    }
    displace(&mut bench);
    let (_, masks) = bench.harvest(GROUP_PAGES as u32, Status::Success);
    assert_eq!(masks, BTreeMap::from([(PAGE, 1 << 3)]), "it could be read again");
    bench.device.track_stop(tracker).unwrap();
}

/// A beat that cannot be written, over anything, or not be read.
#[test]
fn what_the_spool_did_not_keep_touches_no_other_page() {
    for reads in [false, true] {
        let mut bench = Bench::new();
        map_one_set(&mut bench);
        let tracker = bench.device.track_start(&[one(PAGE)]).unwrap();
        bench.device.store(LineAddr::new(PageIndex(PAGE), 3), &[3; 64]).unwrap();
        bench.device.recall(one(PAGE), Recall::WritePermission).unwrap();
        let at = u64::from(bench.device.carrier_mut().read32(SpoolBase::OFFSET).unwrap()) * PAGE_BYTES as u64;
        let memory = &mut bench.device.carrier_mut().device.dram().memory;
        let stale = Record { page: PAGE, sequence: 0x8000_0000, mask: 1 << 9 };
        memory.poke(at, &[stale; 4].map(|record| record.to_bytes()).as_flattened().try_into().unwrap());
        memory.inject(Fault { range: at..at + 64, reads, writes: !reads, times: 1 });
        let command = Command {
            page: 0,
            count: GROUP_PAGES as u32,
            flags: flag::HARVEST_CLEAR,
            arg: bench.records.0,
            param: DIRTY,
            ..Command::new(Opcode::Harvest)
        };
        let status = if reads { Status::Success } else { Status::MemoryError };
        let (_, completion) = bench.run(&command, status);
        assert_eq!(completion.records, 1);
        bench.end(Opcode::HarvestNack, completion.sequence);
        let (_, masks) = bench.harvest(GROUP_PAGES as u32, Status::MemoryError);
        assert!(masks.is_empty(), "{masks:x?}");
        let (_, masks) = bench.harvest(MAX_PAGES as u32, Status::Success);
        assert!(masks.is_empty(), "{masks:x?}");
        bench.device.track_stop(tracker).unwrap();
    }
}

/// The descriptor of the page is not in the cache, and comes long after the NACK has ended.
#[test]
fn what_was_merged_back_is_in_the_next_harvest() {
    let mut bench = Bench::with_latency(3_000);
    map_one_set(&mut bench);
    let tracker = bench.device.track_start(&[one(PAGE)]).unwrap();
    bench.device.store(LineAddr::new(PageIndex(PAGE), 3), &[3; 64]).unwrap();
    bench.device.recall(one(PAGE), Recall::WritePermission).unwrap();
    let command = Command {
        page: 0,
        count: GROUP_PAGES as u32,
        flags: flag::HARVEST_CLEAR,
        arg: bench.records.0,
        param: DIRTY,
        ..Command::new(Opcode::Harvest)
    };
    let (_, completion) = bench.run(&command, Status::Success);
    assert_eq!(completion.records, 1);
    displace(&mut bench);
    bench.end(Opcode::HarvestNack, completion.sequence);
    let (_, masks) = bench.harvest(GROUP_PAGES as u32, Status::Success);
    assert_eq!(masks, BTreeMap::from([(PAGE, 1 << 3)]));
    bench.device.track_stop(tracker).unwrap();
}

#[test]
fn unmap_of_a_page_whose_descriptor_is_unreadable_takes_every_copy() {
    let mut bench = Bench::new();
    map_one_set(&mut bench);
    let line = LineAddr::new(PageIndex(PAGE), 3);
    bench.device.store(line, &[7; 64]).unwrap();
    hide_descriptor(&mut bench);
    bench.device.unmap(one(PAGE)).unwrap();
    bench.device.map(one(PAGE), Frame(OTHERS + 1)).unwrap();
    assert_ne!(bench.device.load(line).unwrap(), [7; 64], "the host's copy outlived its page");
}

#[test]
fn a_harvest_of_64_gib_costs_what_is_dirty() {
    let mut bench = Bench::new();
    for (frame, page) in (0..).zip(dirty()) {
        bench.device.map(one(page), Frame(frame)).unwrap();
    }
    let ranges: Vec<_> = dirty().map(one).collect();
    let tracker = bench.device.track_start(&ranges).unwrap();
    for round in 0..2_u8 {
        for page in dirty() {
            let line = (page % 64) as u8 ^ round;
            bench.device.store(LineAddr::new(PageIndex(page), line), &[round; 64]).unwrap();
            bench.device.recall(one(page), Recall::WritePermission).unwrap();
        }
        let (cycles, masks) = bench.harvest(MAX_PAGES as u32, Status::Success);
        println!("64 GiB, {DIRTY} dirty pages: {cycles} cycles of at most {MOST_CYCLES}");
        let expected = dirty().map(|page| (page, 1 << ((page as u8 % 64) ^ round))).collect();
        assert_eq!(masks, expected);
        assert!(cycles <= MOST_CYCLES);

        let (cycles, masks) = bench.harvest(MAX_PAGES as u32 / 4, Status::Success);
        println!("16 GiB, clean: {cycles} cycles of at most {MOST_CLEAN_CYCLES}");
        assert!(masks.is_empty() && cycles <= MOST_CLEAN_CYCLES);
    }
    bench.device.track_stop(tracker).unwrap();
}

//! Records that are merged back: every one becomes a slot, and the merge has ended when the last slot is decided, which may
//! be long after it was granted. What device memory did not keep touches no page.

mod common;

use common::Random;
use rust_hdl_core::prelude::*;
use std::collections::{BTreeMap, VecDeque};
use tideline_abi::slot::SlotKind;
use tideline_rtl::blocks::spool::Spool;
use tideline_rtl::blocks::types::Dpa;

/// Page and mask of a record.
type Record = (u64, Bits<64>);

fn edge(spool: &mut Spool) {
    assert!(simulate(spool, 1000), "the kernel settles");
    spool.clk.next = Clock { clk: true };
    assert!(simulate(spool, 1000), "a clock edge settles");
    spool.clk.next = Clock { clk: false };
    spool.rst.next = false;
    spool.begin.next = false;
    spool.result_valid.next = false;
    spool.write_done.next = false;
    spool.read_data_valid.next = false;
    spool.slot_granted.next = false;
    spool.merge.next = false;
}

/// The beat at an address: SPOOL_BASE is 0.
fn beat_of(address: Dpa) -> usize {
    address.get_bits::<16>(0).index() >> 6
}

/// Pages that have a descriptor.
const PAGES: u64 = 14 * 77;
/// The sequence of the result.
const SEQUENCE: u64 = 0x8000_0005;

/// A beat that was not kept: of another result, beyond the pages, unreadable, or anything.
fn spoil(beat: Bits<512>, random: &mut Random) -> Bits<512> {
    let every = |field: Bits<512>| field | field << 128_u64 | field << 256_u64 | field << 384_u64;
    match random.next() % 4 {
        0 => beat ^ every(bits::<512>(1) << (32 + random.next() % 32)),
        1 => beat | every(bits::<512>(PAGES.next_power_of_two()) << (random.next() % 20)),
        2 => 0.into(),
        _ => (0..8).fold(bits(0), |beat, _| beat << 64_u64 | bits::<512>(random.next())),
    }
}

/// Makes a result of `records` and gives what is in device memory then: beats by number.
fn make(spool: &mut Spool, records: &[Record], random: &mut Random) -> BTreeMap<usize, Bits<512>> {
    let mut beats = BTreeMap::new();
    let mut left: VecDeque<Record> = records.iter().copied().collect();
    spool.begin.next = true;
    spool.begin_sequence.next = bits(SEQUENCE);
    spool.table_pages.next = bits(PAGES);
    edge(spool);
    loop {
        assert!(simulate(spool, 1000), "the kernel settles");
        if left.is_empty() && spool.flushed.val() && spool.made.val() == records.len() as u64 {
            spool.finish.next = false;
            return beats;
        }
        spool.finish.next = left.is_empty();
        spool.write_ready.next = random.bit();
        spool.host_ready.next = random.bit();
        spool.host_idle.next = true;
        assert!(simulate(spool, 1000), "the kernel settles");
        if spool.write_valid.val() && spool.write_ready.val() {
            beats.insert(beat_of(spool.write_address.val()), spool.write_data.val());
            spool.write_done.next = true;
        }
        if let Some((page, mask)) = left.front().copied().filter(|_| spool.record_ok.val() && random.bit()) {
            spool.result_valid.next = true;
            spool.result_slot.next.kind = SlotKind::Harvest.code().into();
            spool.result_slot.next.page = page.into();
            spool.result.next.mask = mask;
            left.pop_front();
        }
        edge(spool);
    }
}

#[test]
fn a_merge_ends_when_its_last_slot_is_decided() {
    for seed in 0..40 {
        let mut random = Random(seed);
        let mut spool = Spool::default();
        spool.connect_all();
        spool.rst.next = true;
        edge(&mut spool);
        let count = random.next() % 14;
        let records: Vec<Record> =
            (0..count).map(|n| (n * 77 + random.next() % 77, (random.next() | 1).into())).collect();
        let mut beats = make(&mut spool, &records, &mut random);
        let mut expected = records.clone();
        for (number, beat) in &mut beats {
            if seed % 2 == 1 && random.bit() {
                *beat = spoil(*beat, &mut random);
                expected.iter_mut().skip(4 * number).take(4).for_each(|record| *record = (0, bits(0)));
            }
        }

        let slow = 1 + random.next() % 60;
        let (mut granted, mut undecided, mut read) = (Vec::new(), VecDeque::new(), None);
        spool.merge.next = true;
        let mut idle = 0;
        for cycle in 0.. {
            assert!(simulate(&mut spool, 1000), "the kernel settles");
            if spool.merged.val() {
                assert_eq!(granted, expected, "seed {seed}: every record is a slot, once, in their order");
                assert!(undecided.is_empty(), "seed {seed}: merged, and {} slots undecided", undecided.len());
                break;
            }
            idle = if granted.len() == records.len() && undecided.is_empty() { idle + 1 } else { 0 };
            assert!(idle < 8, "seed {seed}: it ends soon after the last decision");
            spool.read_ready.next = random.bit();
            if let Some(address) = read.take_if(|_| random.bit()) {
                spool.read_data_valid.next = true;
                spool.read_data.next = beats[&address];
            }
            assert!(simulate(&mut spool, 1000), "the kernel settles");
            if spool.read_valid.val() && spool.read_ready.val() {
                read = Some(beat_of(spool.read_address.val()));
            }
            if spool.slot_valid.val() && random.bit() {
                let slot = spool.slot.val();
                assert_eq!(slot.kind, SlotKind::Merge.code());
                granted.push((slot.page.index() as u64, slot.mask));
                // The first ones may wait longer than the last ones: those that miss are decided out of order.
                undecided.push_back(cycle + 1 + random.next() % slow);
                spool.slot_granted.next = true;
            }
            if let Some(at) = undecided.iter().position(|due| *due <= cycle) {
                undecided.remove(at);
                spool.result_valid.next = true;
                spool.result_slot.next.kind = SlotKind::Merge.code().into();
            } else if random.bit() {
                spool.result_valid.next = true;
                spool.result_slot.next.kind = SlotKind::Recall.code().into();
            }
            edge(&mut spool);
        }
        edge(&mut spool);
        assert!(simulate(&mut spool, 1000), "the kernel settles");
        assert!(!spool.merged.val(), "seed {seed}: for one cycle");
    }
}

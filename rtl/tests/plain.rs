//! Lines of plain regions at the front end: schedules that the proofs `plain_regions` and `rwd_moves` found.

use rust_hdl_core::prelude::*;
use std::collections::VecDeque;
use tideline_abi::cxl::{m2s_req, m2s_rwd};
use tideline_rtl::blocks::coherence_snooper::CoherenceSnooper;
use tideline_rtl::blocks::plain_path::PlainPath;
use tideline_rtl::blocks::types::SlotBits;

const PAGE: u64 = 700;
const REGION: u64 = PAGE / 512;

/// What happens in a cycle, beside the results.
#[derive(Clone, Copy, Debug)]
struct Cycle {
    /// A write of `PAGE` with this tag is offered.
    write: Option<u64>,
    /// A request of `PAGE` is offered.
    request: bool,
    /// The region of `PAGE` becomes plain.
    promote: bool,
    /// Slots may enter.
    list_room: bool,
    /// Places for answers on NDR.
    ndr: usize,
}

const IDLE: Cycle = Cycle { write: None, request: false, promote: false, list_room: true, ndr: 256 };

/// The front end and the way past the pipeline, connected as in the core, with seven stages that commit every slot.
struct Front {
    snooper: CoherenceSnooper<2>,
    plain: PlainPath,
    pipeline: VecDeque<Option<SlotBits>>,
    /// Tag of each result, and whether it came past the pipeline.
    results: Vec<(u64, bool)>,
}

impl Front {
    fn new() -> Self {
        let mut front = Self {
            snooper: CoherenceSnooper::default(),
            plain: PlainPath::default(),
            pipeline: VecDeque::from([None; 7]),
            results: vec![],
        };
        front.snooper.connect_all();
        front.plain.connect_all();
        front.snooper.rst.next = true;
        front.plain.rst.next = true;
        front.cycle(IDLE);
        front.snooper.rst.next = false;
        front.plain.rst.next = false;
        front.snooper.enable.next = true;
        front.snooper.window_pages.next = 1024.into();
        front.snooper.region_pages.next = 1024.into();
        front.snooper.region_init.next = true;
        front.snooper.place_valid.next = true;
        front.snooper.room.next = true;
        front.snooper.room_low.next = true;
        front.snooper.drs_ok.next = true;
        front.snooper.drs_spare.next = true;
        for _ in 0..8 {
            front.cycle(IDLE);
        }
        assert!(front.snooper.region_ready.val(), "the table is cleared");
        front
    }

    /// Says whether the write was accepted.
    fn cycle(&mut self, cycle: Cycle) -> bool {
        let Self { snooper, plain, pipeline, results } = self;
        let leaving = pipeline.pop_front().flatten();
        snooper.clk.next = Clock { clk: false };
        plain.clk.next = Clock { clk: false };
        snooper.m2s_rwd.valid.next = cycle.write.is_some();
        snooper.m2s_rwd.opcode.next = m2s_rwd::MEM_WR.into();
        snooper.m2s_rwd.addr.next = (PAGE << 12).into();
        snooper.m2s_rwd.tag.next = cycle.write.unwrap_or(0).into();
        snooper.m2s_req.valid.next = cycle.request;
        snooper.m2s_req.opcode.next = m2s_req::MEM_INV.into();
        snooper.m2s_req.addr.next = (PAGE << 12).into();
        snooper.region_write.next = cycle.promote;
        snooper.region.next = REGION.into();
        snooper.region_entry.next.plain = true;
        snooper.list_room.next = cycle.list_room;
        snooper.ndr_ok.next = cycle.ndr > 0;
        snooper.ndr_spare.next = cycle.ndr > 1;
        snooper.ndr_room.next = cycle.ndr > 2;
        plain.promoted.next = cycle.promote;
        plain.pipeline_valid.next = leaving.is_some();
        plain.pipeline_slot.next = leaving.unwrap_or_default();
        // The two feed each other: three rounds reach the last of them.
        for _ in 0..3 {
            snooper.plain_req_taken.next = plain.req_taken.val();
            snooper.plain_rwd_taken.next = plain.rwd_taken.val();
            snooper.hole.next = plain.hole.val();
            assert!(simulate(snooper, 1000), "the front end settles");
            plain.req_valid.next = snooper.plain_req_valid.val();
            plain.req_known.next = snooper.plain_req_known.val();
            plain.req.next = snooper.plain_req.val();
            plain.rwd_valid.next = snooper.plain_rwd_valid.val();
            plain.rwd.next = snooper.plain_rwd.val();
            plain.write_enters.next = snooper.write_enters.val();
            plain.settled.next = snooper.region_settled.val();
            assert!(simulate(plain, 1000), "the way past the pipeline settles");
        }
        let accepted = cycle.write.is_some() && snooper.m2s_rwd.ready.val();
        // The slot that entered in the cycle before goes no further.
        if snooper.retract.val() {
            *pipeline.back_mut().expect("a slot entered") = None;
        }
        pipeline.push_back(snooper.slot_valid.val().then(|| snooper.slot.val()));
        if plain.result_valid.val() {
            let tag = (0..16).fold(0, |tag, i| tag | u64::from(plain.result_slot.val().tag.get_bit(i)) << i);
            results.push((tag, plain.result_plain.val()));
        }
        snooper.clk.next = Clock { clk: true };
        plain.clk.next = Clock { clk: true };
        assert!(simulate(snooper, 1000) && simulate(plain, 1000), "a clock edge settles");
        accepted
    }
}

#[test]
fn a_plain_write_does_not_overtake_one_of_before() {
    // The first write is accepted up to four cycles before its region becomes plain, or in that cycle, and waits in the queue.
    for early in 0..5 {
        for stall in 0..6 {
            let mut front = Front::new();
            for t in 0..40 {
                front.cycle(Cycle {
                    write: if t == 4 - early { Some(1) } else { (t == 5).then_some(2) },
                    promote: t == 4,
                    list_room: t > 4 + stall,
                    ..IDLE
                });
            }
            assert_eq!(front.results, [(1, false), (2, true)], "{early} cycles early, {stall} in the queue");
        }
    }
}

#[test]
fn a_plain_write_does_not_wait_for_itself() {
    // It waits behind one that waits, while its region becomes plain once more; a third one waits for its place in the queue.
    let mut front = Front::new();
    front.cycle(Cycle { promote: true, ..IDLE });
    let mut tag = 0;
    for t in 0..40 {
        let accepted = front.cycle(Cycle {
            write: (tag < 3).then_some(tag),
            promote: t == 3,
            ndr: if t < 8 { 0 } else { 256 },
            ..IDLE
        });
        tag += u64::from(accepted);
    }
    assert_eq!(front.results, [(0, true), (1, true), (2, true)]);
}

#[test]
fn a_plain_write_may_take_the_last_place_on_ndr() {
    let mut front = Front::new();
    front.cycle(Cycle { promote: true, ..IDLE });
    for t in 0..20 {
        front.cycle(Cycle { write: (t == 4).then_some(7), ndr: 1, ..IDLE });
    }
    assert_eq!(front.results, [(7, true)]);
}

#[test]
fn requests_leave_the_last_place_on_ndr_to_a_write() {
    // Another request may enter in the same cycle, so one that goes past the pipeline leaves two.
    let mut front = Front::new();
    front.cycle(Cycle { promote: true, ..IDLE });
    for t in 0..20 {
        front.cycle(Cycle { request: t == 4, ndr: 2, ..IDLE });
    }
    assert_eq!(front.results, []);
    for _ in 0..20 {
        front.cycle(Cycle { ndr: 3, ..IDLE });
    }
    assert_eq!(front.results, [(0, true)]);
}

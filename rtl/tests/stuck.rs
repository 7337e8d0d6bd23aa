//! A recall that times out while some of its snoops are not sent: those are left out, and the page is let go when all that were
//! sent are answered, whichever comes last, also in one cycle.

use rust_hdl_core::prelude::*;
use std::collections::VecDeque;
use tideline_abi::slot::{slot_kind, slot_status};
use tideline_rtl::blocks::recall_engine::RecallEngine;
use tideline_rtl::blocks::types::SlotBits;

/// Pages whose snoops take all tags but one, and the last one, which sends its snoops with that tag, one after the other.
const PAGES: u64 = 9;
const LAST: u64 = PAGES - 1;
/// Snoops that the last page wants.
const WANTED: u64 = 8;
/// The last page's snoop that is answered in the cycle asked for; those before it are at once.
const HELD: usize = 2;
const TIMEOUT: u64 = 400;

fn lines(page: u64) -> u64 {
    match page {
        LAST => 0x5555,
        // 31 single lines, and 32.
        7 => 0x1555_5555_5555_5555,
        _ => 0x5555_5555_5555_5555,
    }
}

fn bits<const N: usize>(value: Bits<N>) -> u64 {
    (0..N).map(|bit| u64::from(value.get_bit(bit)) << bit).sum()
}

/// Answers the held snoop in cycle `answer`. The cycle in which the last page's recall times out, and how many snoops it sent.
fn run(answer: u64) -> (u64, usize) {
    let mut engine = RecallEngine::default();
    engine.connect_all();
    let mut pipeline: VecDeque<(u64, SlotBits)> = VecDeque::new();
    // Cycle from which it may be answered, and tag.
    let mut snoops: Vec<(u64, u64)> = vec![];
    let (mut started, mut sent, mut timeouts, mut late) = (0, 0, 0, 0);
    for now in 0.. {
        assert!(now < 6000, "contexts are stuck for ever: {:x}", bits(engine.stuck.val()));
        let ends = timeouts == PAGES && now > late + 100;
        engine.clk.next = Clock { clk: false };
        engine.rst.next = now < 2;
        engine.timeout.next = TIMEOUT.into();
        engine.record_ok.next = true;
        engine.start_valid.next = now > 300 && started < PAGES;
        engine.start_kind.next = slot_kind::RECALL.into();
        engine.start_page.next = started.into();
        engine.query_page.next = 0xffff.into();
        engine.page_granted.next = true;
        engine.s2m_bisnp.ready.next = true;
        let result = pipeline.pop_front_if(|(due, _)| *due <= now);
        engine.result_valid.next = result.is_some();
        if let Some((_, slot)) = result {
            engine.result_slot.next = slot;
            engine.result.next.status = slot_status::NEED_RECALL.into();
            engine.result.next.mask = lines(bits(slot.page)).into();
        }
        let due = snoops.iter().position(|(due, _)| *due <= now || ends);
        engine.m2s_birsp.valid.next = due.is_some();
        if let Some(due) = due {
            engine.m2s_birsp.tag.next = snoops.swap_remove(due).1.into();
        }
        assert!(simulate(&mut engine, 1000), "the engine settles");
        assert!(!engine.bad_response.val());
        started += u64::from(engine.start_valid.val() && engine.start_ready.val());
        if engine.page_valid.val() {
            pipeline.push_back((now + 5, engine.page_slot.val()));
        }
        if engine.timed_out.val() {
            (timeouts, late) = (timeouts + 1, now);
        }
        if engine.s2m_bisnp.valid.val() {
            let page = bits(engine.s2m_bisnp.addr.val()) >> 12;
            let answered = match page {
                LAST if sent < HELD => now + 3,
                LAST if sent == HELD => answer,
                _ => u64::MAX,
            };
            sent += usize::from(page == LAST);
            snoops.push((answered, bits(engine.s2m_bisnp.tag.val())));
        }
        if ends && snoops.is_empty() && !engine.stuck.val().any() && !engine.active.val() {
            break;
        }
        engine.clk.next = Clock { clk: true };
        assert!(simulate(&mut engine, 1000), "a clock edge settles");
    }
    (late, sent)
}

#[test]
fn the_last_answer_and_what_is_left_out_in_every_order() {
    let (late, sent) = run(u64::MAX);
    assert_eq!(sent, HELD + 1, "the one tag is not free again");
    let mut seen = [false; 2];
    for answer in [late - 7, late - 2, late - 1, late] {
        let (again, sent) = run(answer);
        assert!(again == late && sent < WANTED as usize, "{sent} snoops of the last page");
        // Answered before, so that one more was sent; or not.
        seen[usize::from(sent > HELD + 1)] = true;
    }
    assert_eq!(seen, [true; 2]);
}

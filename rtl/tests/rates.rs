//! How fast the blocks are that promise one thing per cycle, on the kernels themselves with ideal surroundings.

use rust_hdl_core::prelude::*;
use std::collections::VecDeque;
use tideline_abi::slot::{slot_kind, slot_status};
use tideline_rtl::blocks::log_ring::LogRing;
use tideline_rtl::blocks::recall_engine::RecallEngine;
use tideline_rtl::blocks::slot_arbiter::SlotArbiter;
use tideline_rtl::blocks::spool::Spool;
use tideline_rtl::blocks::types::SlotBits;

/// Settles a kernel.
fn settle(block: &mut impl Block) {
    assert!(simulate(block, 1000), "the kernel settles");
}

/// One cycle: `inputs` are applied, `outputs` looked at before the rising edge.
macro_rules! cycle {
    ($block:ident, $inputs:block, $outputs:block) => {
        $block.clk.next = Clock { clk: false };
        $inputs
        settle(&mut $block);
        $outputs
        $block.clk.next = Clock { clk: true };
        settle(&mut $block);
    };
}

#[test]
fn the_spool_packs_a_record_per_cycle() {
    const RECORDS: u64 = 400;
    let mut spool = Spool::default();
    spool.connect_all();
    let (mut beats, mut cycles) = (0, 0);
    for now in 0..RECORDS + 20 {
        cycle!(
            spool,
            {
                spool.rst.next = now < 2;
                spool.begin.next = now == 2;
                spool.write_ready.next = true;
                spool.host_ready.next = true;
                spool.host_idle.next = true;
                let made = (3..3 + RECORDS).contains(&now);
                spool.result_valid.next = made;
                spool.result_slot.next.kind = slot_kind::HARVEST.into();
                spool.result_slot.next.page = now.into();
                spool.result.next.status = slot_status::DONE.into();
                spool.result.next.mask = 1.into();
            },
            {
                assert!(spool.record_ok.val(), "the queue stays short");
                if spool.host_valid.val() {
                    assert!(spool.write_valid.val(), "both sides at once");
                    assert_eq!(spool.write_data.val().get_bits::<16>(0), bits(3 + 4 * beats));
                    beats += 1;
                    cycles = now;
                }
            }
        );
    }
    assert_eq!(beats, RECORDS / 4);
    assert!(cycles <= 3 + RECORDS + 3, "the last beat leaves in cycle {cycles}");
}

#[test]
fn the_log_takes_a_record_per_cycle() {
    const RECORDS: u64 = 400;
    let mut log = LogRing::default();
    log.connect_all();
    let mut answers = VecDeque::new();
    for now in 0..RECORDS + 300 {
        cycle!(
            log,
            {
                log.rst.next = now < 2;
                log.enable.next = now >= 2;
                log.size_log2.next = 9.into();
                log.timer.next = 50.into();
                log.result_valid.next = (4..4 + RECORDS).contains(&now);
                log.result.next.newly_dirty = true;
                log.result_slot.next.page = now.into();
                log.host_ready.next = true;
                // Host memory answers after 200 cycles.
                log.host_done.next = answers.front().is_some_and(|due| *due <= now);
                answers.pop_front_if(|due| *due <= now);
            },
            {
                assert!(!log.overflow.val(), "cycle {now}");
                if log.host_valid.val() {
                    answers.push_back(now + 200);
                }
            }
        );
    }
    assert_eq!(log.tail.val(), bits(RECORDS));
}

/// Snoops per cycle, from the first to the last one, of `pages` pages with these lines wanted, each snoop answered after
/// `latency` cycles; the pipeline commits a slot after 5.
fn recall(pages: u64, lines: u64, latency: u64) -> (u64, f64) {
    let mut engine = RecallEngine::default();
    engine.connect_all();
    let mut pipeline: VecDeque<(u64, SlotBits)> = VecDeque::new();
    let mut snoops: VecDeque<(u64, bool, u64)> = VecDeque::new();
    let (mut started, mut done, mut sent, mut first, mut last) = (0, 0, 0, 0, 0);
    let mut now = 0;
    while done < pages {
        assert!(now < 200_000, "{done} of {pages} pages");
        cycle!(
            engine,
            {
                engine.rst.next = now < 2;
                engine.timeout.next = 100_000.into();
                engine.record_ok.next = true;
                engine.start_valid.next = now > 300 && started < pages;
                engine.start_kind.next = slot_kind::RECALL.into();
                engine.start_page.next = started.into();
                engine.query_page.next = 0xffff.into();
                engine.page_granted.next = true;
                engine.s2m_bisnp.ready.next = true;
                let result = pipeline.pop_front_if(|(due, _)| *due <= now);
                engine.result_valid.next = result.is_some();
                if let Some((_, slot)) = result {
                    engine.result_slot.next = slot;
                    let status = if slot.recalled { slot_status::DONE } else { slot_status::NEED_RECALL };
                    engine.result.next.status = status.into();
                    engine.result.next.mask = lines.into();
                    done += slot.recalled as u64;
                    assert!(!slot.recalled || slot.mask == bits(lines), "{slot:?}");
                }
                let answer = snoops.pop_front_if(|(due, ..)| *due <= now);
                engine.m2s_birsp.valid.next = answer.is_some();
                if let Some((_, block, tag)) = answer {
                    engine.m2s_birsp.tag.next = tag.into();
                    engine.m2s_birsp.opcode.next = if block { 4.into() } else { 0.into() };
                }
            },
            {
                assert!(engine.m2s_birsp.ready.val(), "a response is always taken");
                assert!(!engine.bad_response.val() && !engine.timed_out.val());
                started += (engine.start_valid.val() && engine.start_ready.val()) as u64;
                if engine.page_valid.val() {
                    pipeline.push_back((now + 5, engine.page_slot.val()));
                }
                if engine.s2m_bisnp.valid.val() {
                    let block = engine.s2m_bisnp.opcode.val().get_bit(2);
                    let tag =
                        (0..16).map(|bit| (engine.s2m_bisnp.tag.val().get_bit(bit) as u64) << bit).sum();
                    snoops.push_back((now + latency, block, tag));
                    first = if sent == 0 { now } else { first };
                    last = now;
                    sent += 1;
                }
            }
        );
        now += 1;
    }
    (sent, sent as f64 / (last - first + 1) as f64)
}

#[test]
fn recall_sends_a_snoop_per_cycle_also_across_pages() {
    // Whole pages by blocks of four, every other line, pairs, three single lines of a page.
    for (pages, lines, each) in
        [(12, u64::MAX, 16), (6, 0x5555_5555_5555_5555, 32), (12, 0x3333_3333_3333_3333, 16), (60, 0x8101, 3)]
    {
        let (sent, rate) = recall(pages, lines, 100);
        assert_eq!(sent, pages * each, "{lines:#x}");
        println!("{lines:#018x}: {rate:.3} snoops per cycle");
        assert!(rate >= if each == 3 { 0.7 } else { 0.95 }, "{lines:#x}: {rate}");
    }
}

#[test]
fn recall_of_one_line_a_page_is_bound_by_its_contexts() {
    let (sent, rate) = recall(400, 1 << 40, 100);
    println!("one line a page: {rate:.3} snoops per cycle");
    assert!(sent == 400 && rate >= 0.45, "{rate}");
}

#[test]
fn recall_has_256_snoops_outstanding() {
    let (sent, rate) = recall(24, 0x5555_5555_5555_5555, 300);
    println!("answers after 300 cycles: {rate:.3} snoops per cycle");
    assert!(sent == 24 * 32 && rate >= 0.80, "256 in 300 cycles: {rate}");
}

/// Every requester in `request` always offers a slot of one set, each of a page of its own; `rows` are row operations.
/// Grants and longest wait in cycles of each requester in 600 cycles.
fn crowd(request: u64, rows: u64) -> [(u64, u64); 5] {
    let mut arbiter = SlotArbiter::<9>::default();
    arbiter.connect_all();
    let (mut waits, mut seen) = ([0; 5], [(0, 0); 5]);
    for now in 0..602 {
        cycle!(
            arbiter,
            {
                arbiter.rst.next = now < 2;
                arbiter.enter.next = true;
                arbiter.request.next = if now < 2 { bits(0) } else { bits(request) };
                arbiter.rows.next = rows.into();
                for (i, page) in arbiter.page.iter_mut().enumerate() {
                    page.next = (512 * i as u64 + 7).into();
                }
            },
            {
                for i in (0..5).filter(|i| now >= 2 && request >> i & 1 == 1) {
                    let granted = arbiter.grant.val().get_bit(i);
                    waits[i] = if granted { 0 } else { waits[i] + 1 };
                    seen[i] = (seen[i].0 + u64::from(granted), seen[i].1.max(waits[i]));
                }
            }
        );
    }
    seen
}

#[test]
fn everyone_gets_a_slot_when_all_want_one_set() {
    const PAGES_AND_FILLS: u64 = 0b0_1100;
    let (mut fewest, mut worst) = (u64::MAX, 0);
    // Replays are lines, or page slots.
    for rows in [PAGES_AND_FILLS, PAGES_AND_FILLS | 1 << 4] {
        for request in 1..32 {
            let seen = crowd(request, rows);
            let of = |mask: u64| (0..5).filter(move |i| (request & mask) >> i & 1 == 1).map(|i| seen[i]);
            let lines: u64 = of(!rows).map(|(grants, _)| grants).sum();
            let longest = of(31).map(|(_, wait)| wait).max().unwrap();
            assert!(
                of(31).all(|(grants, wait)| grants > 0 && wait <= 64),
                "{request:05b} {rows:05b}: {seen:?}"
            );
            worst = worst.max(longest);
            if of(!rows).next().is_some() {
                assert!(lines >= 90, "{request:05b} {rows:05b}: {lines} lines in 600 cycles");
                fewest = fewest.min(lines);
            }
        }
    }
    println!(
        "one set: at least {:.3} lines per cycle, nobody waits more than {worst}",
        fewest as f64 / 600.0
    );
}

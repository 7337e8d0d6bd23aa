//! Requests around the page slots of their page, in every relation of their cycles: none gets between a slot that needs a recall
//! and the one that ends it, none is lost, and those of a page keep their order.

mod common;

use common::Random;
use rust_hdl_core::prelude::*;
use std::collections::VecDeque;
use tideline_abi::slot::{slot_kind, slot_status};
use tideline_rtl::blocks::recall_table::RecallTable;

/// Pages of the test, more than may be held at once by what is given.
const PAGES: u64 = 5;
/// Cycles from the entry of a slot to its commit.
const COMMIT: u64 = 7;

/// A request: its page, and when it was accepted.
#[derive(Clone, Copy, Debug)]
struct Request {
    page: u64,
    number: u64,
}

/// What entered the pipeline for good.
#[derive(Clone, Copy, Debug)]
enum Entered {
    Request(Request),
    /// A slot of a page: it needs a recall.
    Slot(u64, bool),
}

fn run(seed: u64) -> (usize, usize) {
    let mut random = Random(seed);
    let mut table = RecallTable::default();
    table.connect_all();
    let pace = 1 + random.next() % 12;
    let mut entered: Vec<Entered> = vec![];
    let (mut deferred, mut commits, mut answers) =
        (VecDeque::<(usize, Request)>::new(), VecDeque::<(u64, u64, bool)>::new(), vec![]);
    // The request that was granted in the last cycle; entries of the pass and its contexts.
    let (mut asked, mut pass): (Option<Request>, Option<(usize, Bits<64>)>) = (None, None);
    let (mut number, mut given, mut count) = (0, 0, 0);
    for cycle in 0..5_000_u64 {
        let busy = cycle < 400;
        let mut often = |one_in: u64| random.next().is_multiple_of(one_in);
        let start = cycle > 4 && busy && often(pace);
        let request = busy && often(2);
        let grants = often(2);
        let needs_recall = often(2);
        let serves = often(2);
        let pick = random.next();

        table.clk.next = Clock { clk: false };
        table.rst.next = cycle < 2;
        table.timeout.next = 1_000_000.into();
        table.record_ok.next = true;
        table.start_valid.next = start;
        table.start_job.next.page = (given % PAGES).into();
        table.start_job.next.kind = slot_kind::RECALL.into();
        table.stuck_taken.next = false;
        let query = Request { page: pick % PAGES, number };
        table.query_page.next = query.page.into();
        let commit = commits.front().copied().filter(|(due, ..)| *due <= cycle);
        table.committed.next = commit.is_some();
        if let Some((_, context, recall)) = commit {
            commits.pop_front();
            let status = if recall { slot_status::NEED_RECALL } else { slot_status::DONE };
            table.committed_context.next = context.into();
            table.committed_status.next = status.into();
            table.committed_mask.next = 1.into();
            if recall {
                answers.push(context);
            }
        }
        let answer = (!answers.is_empty() && (pick >> 32).is_multiple_of(2 * pace))
            .then(|| answers.swap_remove(pick as usize % answers.len()));
        // An answer comes some cycles after the commit: not in its cycle.
        let answer = match (answer, commit) {
            (Some(context), Some((_, now, true))) if context == now => {
                answers.push(context);
                None
            }
            (answer, _) => answer,
        };
        table.answered.next = answer.is_some();
        table.answered_context.next = answer.unwrap_or(0).into();
        table.drained.next = 0.into();
        table.deferred.next = false;
        assert!(simulate(&mut table, 1000), "the kernel settles");

        // The request of the last cycle: what the front end does with it.
        let was_asked = asked.take();
        if let Some(request) = was_asked {
            assert!(!table.query_stuck.val());
            if table.query_hit.val() {
                table.deferred.next = true;
                deferred.push_back((table.query_context.val().index(), request));
                count += 1;
                assert!(matches!(entered.pop(), Some(Entered::Request(_))), "nothing enters beside it");
            }
        }
        let drains = table.drains.val();
        match pass {
            Some((0, set)) => {
                table.drained.next = set;
                pass = None;
            }
            Some((left, set)) if serves => {
                let (context, request) = deferred.pop_front().expect("as many as there were");
                if set.get_bit(context) {
                    entered.push(Entered::Request(request));
                } else {
                    deferred.push_back((context, request));
                }
                pass = Some((left - 1, set));
            }
            Some(_) => {}
            None if drains.any() && was_asked.is_none() => pass = Some((deferred.len(), drains)),
            None if drains.any() => {}
            None if request => {
                entered.push(Entered::Request(query));
                asked = Some(query);
                number += 1;
            }
            None => {}
        }
        // One slot enters in a cycle.
        table.granted.next = asked.is_none() && grants && table.offer_valid.val();
        assert!(simulate(&mut table, 1000), "the kernel settles");
        if table.granted.val() {
            let recall = needs_recall && !table.offer_recalled.val();
            entered.push(Entered::Slot(table.offer_job.val().page.index() as u64, recall));
            commits.push_back((cycle + COMMIT, table.offer_context.val().index() as u64, recall));
        }
        given += (start && table.start_ready.val()) as u64;
        if cycle > 500 && !table.active.val() && deferred.is_empty() && pass.is_none() {
            check(&entered, number);
            return (count, given as usize);
        }
        table.clk.next = Clock { clk: true };
        assert!(simulate(&mut table, 1000), "a clock edge settles");
    }
    panic!("seed {seed}: it does not end; {} are deferred", deferred.len());
}

/// Every request once, those of a page in order, none while a page is being recalled.
fn check(entered: &[Entered], requests: u64) {
    let mut recalled = [false; PAGES as usize];
    let mut last = [None; PAGES as usize];
    let mut served = 0;
    for &what in entered {
        match what {
            Entered::Slot(page, recall) => recalled[page as usize] = recall,
            Entered::Request(Request { page, number }) => {
                assert!(
                    !recalled[page as usize],
                    "request {number} enters while page {page} is being recalled"
                );
                assert!(last[page as usize] < Some(number), "request {number} of page {page} is overtaken");
                last[page as usize] = Some(number);
                served += 1;
            }
        }
    }
    assert_eq!(served, requests);
}

#[test]
fn requests_and_page_slots_in_every_relation() {
    let (mut deferred, mut given) = (0, 0);
    for seed in 0..12 {
        let (more, pages) = run(seed);
        (deferred, given) = (deferred + more, given + pages);
    }
    println!("{given} page slots, {deferred} requests deferred");
    assert!(given > 200 && deferred > 200);
}

//! The slot arbiter against requesters that are out to starve somebody: schedules that the proof `slot_arbiter` found.

use rust_hdl_core::prelude::*;
use tideline_rtl::blocks::slot_arbiter::SlotArbiter;

/// What is offered in a cycle: requester, page (the set is its two low bits), and whether it is a row operation.
type Offer = (usize, u64, bool);

const WRITES: usize = 0;
const PAGES: usize = 2;
const FILLS: usize = 3;
const REPLAYS: usize = 4;

/// One cycle with these offers and one held page; who was granted.
fn cycle(arbiter: &mut SlotArbiter<2>, rst: bool, offers: &[Offer], held: Option<u64>) -> Option<usize> {
    let mut settle = |clk: bool| {
        arbiter.clk.next = Clock { clk };
        arbiter.rst.next = rst;
        let (mut request, mut rows) = (0_u64, 1 << PAGES);
        for &(who, page, row) in offers {
            request |= 1 << who;
            rows |= u64::from(row) << who;
            arbiter.page[who].next = page.into();
        }
        arbiter.request.next = request.into();
        arbiter.rows.next = rows.into();
        arbiter.enter.next = true;
        arbiter.hold.next = u64::from(held.is_some()).into();
        arbiter.hold_page[0].next = held.unwrap_or(0).into();
        assert!(simulate(arbiter, 1000), "the kernel settles");
        (0..5).find(|&who| arbiter.grant.val().get_bit(who))
    };
    let granted = settle(false);
    settle(true);
    granted
}

fn after_reset() -> SlotArbiter<2> {
    let mut arbiter = SlotArbiter::default();
    arbiter.connect_all();
    cycle(&mut arbiter, true, &[], None);
    arbiter
}

#[test]
fn a_claim_does_not_keep_out_the_replays_that_it_waits_for() {
    let mut arbiter = after_reset();
    assert_eq!(cycle(&mut arbiter, false, &[(FILLS, 1, true)], None), Some(FILLS));
    // Page 5 is of the same set, so it claims; then a merge of the held page takes its place.
    assert_eq!(cycle(&mut arbiter, false, &[(PAGES, 5, true)], Some(1)), None);
    let replayed = (0..40).any(|_| {
        let offers = [(PAGES, 1, true), (REPLAYS, 1, false)];
        cycle(&mut arbiter, false, &offers, Some(1)) == Some(REPLAYS)
    });
    assert!(replayed, "the claim keeps out the replay, the held page keeps the claim");
}

#[test]
fn a_page_slot_cannot_be_kept_from_its_claim() {
    let mut arbiter = after_reset();
    let set_of_others = [(WRITES, 1, false)];
    assert_eq!(cycle(&mut arbiter, false, &set_of_others, None), Some(WRITES));
    // Whenever a claim may begin the page slot could go but for its cycle; in its cycle its set is crowded.
    let granted = (0..500).any(|now| {
        let mut offers = vec![(PAGES, 0, true)];
        offers.push(match now % 14 {
            0..=9 => (WRITES, 0, false),
            10..=12 => (WRITES, 2, false),
            _ => (WRITES, 1, false),
        });
        if now % 14 == 0 {
            offers.push((REPLAYS, 1, true));
        }
        cycle(&mut arbiter, false, &offers, None) == Some(PAGES)
    });
    assert!(granted, "the page slot starves");
}

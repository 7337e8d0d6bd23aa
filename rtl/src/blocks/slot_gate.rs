//! May this slot enter the line pipeline now? One of these stands before each requester of the slot arbiter.
//!
//! A slot of a held page waits. A row operation (a page slot, a fill) needs the set of its page for itself: it waits while any
//! slot of the set is among the last four, and any slot waits while a row operation of its set is. A claimed set is
//! entered by the owner of the claim only.
//!
//! # Timing
//! Combinational.

use super::types::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;

/// Judges one slot; `SETS` is the number of bits that select a set of the descriptor cache.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct SlotGate<const SETS: usize> {
    /// A slot is offered, and the miss unit has a place for it.
    pub request: Signal<In, Bit>,
    /// It is a row operation.
    pub row: Signal<In, Bit>,
    /// Its page.
    pub page: Signal<In, Page>,
    /// Held pages are none of its business: it is a fill or a replay itself.
    pub exempt: Signal<In, Bit>,
    /// Which of the four held pages are valid.
    pub hold: Signal<In, Bits<4>>,
    /// The held pages.
    pub hold_page: [Signal<In, Page>; 4],
    /// Which of the last four slots count.
    pub past_valid: Signal<In, Bits<4>>,
    /// Which of them are row operations.
    pub past_row: Signal<In, Bits<4>>,
    /// Their sets.
    pub past_set: [Signal<In, Bits<SETS>>; 4],
    /// There is a claim.
    pub claim: Signal<In, Bit>,
    /// It is the claim of this requester.
    pub own_claim: Signal<In, Bit>,
    /// The claimed set.
    pub claim_set: Signal<In, Bits<SETS>>,
    /// Its set.
    pub set: Signal<Out, Bits<SETS>>,
    /// It may enter.
    pub free: Signal<Out, Bit>,
    /// It waits for its set only: a row operation may claim it.
    pub crowded: Signal<Out, Bit>,
    /// The claim of this requester is for the set of its slot, and its page is not held: else the claim would keep out the
    /// replays that the page is held for.
    pub stands: Signal<Out, Bit>,
    own_set: Signal<Local, Bits<SETS>>,
    held: Signal<Local, Bit>,
    near: Signal<Local, Bits<4>>,
    close: Signal<Local, Bit>,
    claimed: Signal<Local, Bit>,
}

impl<const SETS: usize> Logic for SlotGate<SETS> {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module slot_gate");
        self.own_set.next = self.page.val().get_bits::<SETS>(0);
        self.set.next = self.own_set.val();
        self.held.next = !self.exempt.val()
            & ((self.hold.val().get_bit(0) & (self.page.val() == self.hold_page[0].val()))
                | (self.hold.val().get_bit(1) & (self.page.val() == self.hold_page[1].val()))
                | (self.hold.val().get_bit(2) & (self.page.val() == self.hold_page[2].val()))
                | (self.hold.val().get_bit(3) & (self.page.val() == self.hold_page[3].val())));
        self.near.next = bits::<4>(0)
            .replace_bit(0, self.past_set[0].val() == self.own_set.val())
            .replace_bit(1, self.past_set[1].val() == self.own_set.val())
            .replace_bit(2, self.past_set[2].val() == self.own_set.val())
            .replace_bit(3, self.past_set[3].val() == self.own_set.val());
        self.close.next = (self.near.val() & self.past_row.val()).any()
            | (self.row.val() & (self.near.val() & self.past_valid.val()).any());
        self.claimed.next =
            self.claim.val() & !self.own_claim.val() & (self.claim_set.val() == self.own_set.val());
        self.free.next = self.request.val() & !self.held.val() & !self.close.val() & !self.claimed.val();
        self.crowded.next =
            self.request.val() & self.row.val() & !self.held.val() & (self.close.val() | self.claimed.val());
        self.stands.next =
            self.request.val() & !self.held.val() & (self.claim_set.val() == self.own_set.val());
    }
}

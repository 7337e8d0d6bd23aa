//! Chooses the next slot of the line pipeline among five requesters, and keeps apart what must not meet in it.
//!
//! Requesters: 0 writes, 1 requests, 2 page slots, 3 fills of the descriptor cache, 4 replays of slots that waited for a
//! descriptor. A *row operation* (a page slot, a fill) needs its set of the cache for itself:
//! four slots before and behind it belong to other sets. Line operations need no distance at all: the pipeline
//! forwards between them.
//!
//! # Order
//! Least recently granted first, among those that may go. Three rules bound every wait:
//!
//! * *Held pages*: new slots of a page whose waiting slots are being replayed wait until these have entered, so that slots
//!   of a page stay in order.
//! * *Claim*: a row operation that finds its set busy claims the set; then no line operation of that set is granted until it
//!   has gone. Between two claims lie at least 8 cycles in which lines of any set may go. So rows and lines of one set
//!   take turns.
//! * *Share*: while others are waiting, page slots have one turn in four cycles; a turn that their set did not let them take
//!   stands until they do, or the next one comes. A claim overrides it. While a page slot waits for nothing but its turn nobody
//!   claims: it cannot, and must not lose its turn among the claims.
//!
//! Writes are let in as long as the miss unit has a place for them, requests and page slots only up to a
//! lower mark, so that neither can take the places of writes.
//!
//! `slot_gate` judges one offer; here stand the order, the claim and the share.
//!
//! # Timing
//! Grants are combinational from the requests.

use super::slot_gate::SlotGate;
use super::types::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;

/// Grants one of five requesters per cycle; `SETS` is the number of bits that select a set of the descriptor cache.
#[derive(Clone, Debug, LogicBlock)]
pub struct SlotArbiter<const SETS: usize> {
    /// The clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Who offers a slot that has a place.
    pub request: Signal<In, Bits<5>>,
    /// Which of them are row operations.
    pub rows: Signal<In, Bits<5>>,
    /// Page of each.
    pub page: [Signal<In, Page>; 5],
    /// Which of four pages are held.
    pub hold: Signal<In, Bits<4>>,
    /// The held pages.
    pub hold_page: [Signal<In, Page>; 4],
    /// A slot may enter in this cycle: else nobody is granted, and nothing but the slots in the pipeline moves on.
    pub enter: Signal<In, Bit>,
    /// Who is granted, one hot or zero.
    pub grant: Signal<Out, Bits<5>>,

    gates: [SlotGate<SETS>; 5],
    // Bit j of `older[i]`: i was granted longer ago than j, or is j.
    older: [Reg<Bits<5>>; 5],
    past_valid: Reg<Bits<4>>,
    past_row: Reg<Bits<4>>,
    past_set: [Reg<Bits<SETS>>; 4],
    claim: Reg<Bits<5>>,
    claim_set: Reg<Bits<SETS>>,
    claim_last: Reg<Bits<5>>,
    gap: Reg<Bits<4>>,
    turn: Reg<Bits<2>>,
    due: Reg<Bit>,
    free: Signal<Local, Bits<5>>,
    crowded: Signal<Local, Bits<5>>,
    stands: Signal<Local, Bits<5>>,
    own_turn: Signal<Local, Bit>,
    share: Signal<Local, Bit>,
    enters: Signal<Local, Bits<5>>,
    before: [Signal<Local, Bits<5>>; 5],
    before_page: Signal<Local, Bits<5>>,
    granted: Signal<Local, Bits<5>>,
    granted_row: Signal<Local, Bit>,
    set_of: [Signal<Local, Bits<SETS>>; 5],
    granted_set: Signal<Local, Bits<SETS>>,
    claim_stands: Signal<Local, Bit>,
    claims_before: [Signal<Local, Bits<5>>; 3],
    new_claim: Signal<Local, Bits<5>>,
}

impl<const SETS: usize> Default for SlotArbiter<SETS> {
    fn default() -> Self {
        Self {
            clk: Signal::default(),
            rst: Signal::default(),
            request: Signal::default(),
            rows: Signal::default(),
            page: Default::default(),
            hold: Signal::default(),
            hold_page: Default::default(),
            enter: Signal::default(),
            grant: Signal::default(),
            gates: Default::default(),
            older: std::array::from_fn(|i| Reg::new(((2_u64 << i) - 1).into())),
            past_valid: Reg::default(),
            past_row: Reg::default(),
            past_set: Default::default(),
            claim: Reg::default(),
            claim_set: Reg::default(),
            claim_last: Reg::default(),
            gap: Reg::default(),
            turn: Reg::default(),
            due: Reg::default(),
            free: Signal::default(),
            crowded: Signal::default(),
            stands: Signal::default(),
            own_turn: Signal::default(),
            share: Signal::default(),
            enters: Signal::default(),
            before: Default::default(),
            before_page: Signal::default(),
            granted: Signal::default(),
            granted_row: Signal::default(),
            set_of: Default::default(),
            granted_set: Signal::default(),
            claim_stands: Signal::default(),
            claims_before: Default::default(),
            new_claim: Signal::default(),
        }
    }
}

impl<const SETS: usize> Logic for SlotArbiter<SETS> {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module slot_arbiter");
        dff_setup!(self, clk, past_valid, past_row, claim, claim_set, claim_last, gap, turn, due);

        comment!("One gate per requester. Fills and replays are what pages are held for.");
        for i in 0..5 {
            self.gates[i].request.next = self.request.val().get_bit(i);
            self.gates[i].row.next = self.rows.val().get_bit(i);
            self.gates[i].page.next = self.page[i].val();
            self.gates[i].exempt.next = i > 2;
            self.gates[i].hold.next = self.hold.val();
            self.gates[i].past_valid.next = self.past_valid.q.val();
            self.gates[i].past_row.next = self.past_row.q.val();
            self.gates[i].claim.next = self.claim.q.val().any();
            self.gates[i].own_claim.next = self.claim.q.val().get_bit(i);
            self.gates[i].claim_set.next = self.claim_set.q.val();
            for k in 0..4 {
                self.gates[i].hold_page[k].next = self.hold_page[k].val();
                self.gates[i].past_set[k].next = self.past_set[k].q.val();
            }
        }
        self.free.next = bits::<5>(0)
            .replace_bit(0, self.gates[0].free.val())
            .replace_bit(1, self.gates[1].free.val())
            .replace_bit(2, self.gates[2].free.val())
            .replace_bit(3, self.gates[3].free.val())
            .replace_bit(4, self.gates[4].free.val());
        self.crowded.next = bits::<5>(0)
            .replace_bit(0, self.gates[0].crowded.val())
            .replace_bit(1, self.gates[1].crowded.val())
            .replace_bit(2, self.gates[2].crowded.val())
            .replace_bit(3, self.gates[3].crowded.val())
            .replace_bit(4, self.gates[4].crowded.val());
        self.stands.next = bits::<5>(0)
            .replace_bit(0, self.gates[0].stands.val())
            .replace_bit(1, self.gates[1].stands.val())
            .replace_bit(2, self.gates[2].stands.val())
            .replace_bit(3, self.gates[3].stands.val())
            .replace_bit(4, self.gates[4].stands.val());

        comment!("Page slots have one turn in four cycles, and what the others leave.");
        if self.enter.val() {
            self.turn.d.next = self.turn.q.val() + 1;
        }
        self.own_turn.next = (self.turn.q.val() == 0) | self.due.q.val() | self.claim.q.val().get_bit(2);
        self.share.next = self.own_turn.val() | ((self.free.val() & bits::<5>(0x1b)) == 0);

        comment!(
            "The one that nobody else precedes. A page slot without a turn precedes nobody, and everybody precedes it."
        );
        self.enters.next = 0.into();
        if self.enter.val() {
            self.enters.next = self.free.val();
        }
        for i in 0..5 {
            self.before[i].next = !self.older[i].q.val();
            if !self.own_turn.val() {
                self.before[i].next = !self.older[i].q.val() & bits::<5>(0x1b);
            }
        }
        self.before_page.next = self.before[2].val();
        if !self.own_turn.val() {
            self.before_page.next = bits::<5>(0x1b);
        }
        self.granted.next = bits::<5>(0)
            .replace_bit(0, self.enters.val().get_bit(0) & !(self.free.val() & self.before[0].val()).any())
            .replace_bit(1, self.enters.val().get_bit(1) & !(self.free.val() & self.before[1].val()).any())
            .replace_bit(2, self.enters.val().get_bit(2) & !(self.free.val() & self.before_page.val()).any())
            .replace_bit(3, self.enters.val().get_bit(3) & !(self.free.val() & self.before[3].val()).any())
            .replace_bit(4, self.enters.val().get_bit(4) & !(self.free.val() & self.before[4].val()).any());
        self.grant.next = self.granted.val();
        self.due.d.next = (self.due.q.val() | (self.turn.q.val() == 0)) & !self.granted.val().get_bit(2);
        self.granted_row.next = (self.granted.val() & self.rows.val()).any();
        for i in 0..5 {
            self.older[i].clock.next = self.clk.val();
            self.older[i].reset.next = self.rst.val();
            self.older[i].d.next = self.older[i].q.val() | self.granted.val();
            self.set_of[i].next = 0.into();
            if self.granted.val().get_bit(i) {
                self.older[i].d.next = self.granted.val();
                self.set_of[i].next = self.gates[i].set.val();
            }
        }
        self.granted_set.next = self.set_of[0].val()
            | self.set_of[1].val()
            | self.set_of[2].val()
            | self.set_of[3].val()
            | self.set_of[4].val();

        comment!("What is in the pipeline.");
        self.past_valid.d.next =
            (self.past_valid.q.val() << 1) | bit_cast::<4, 1>(self.granted.val().any().into());
        self.past_row.d.next = (self.past_row.q.val() << 1) | bit_cast::<4, 1>(self.granted_row.val().into());
        for k in 0..4 {
            self.past_set[k].clock.next = self.clk.val();
            self.past_set[k].reset.next = self.rst.val();
        }
        self.past_set[0].d.next = self.granted_set.val();
        self.past_set[1].d.next = self.past_set[0].q.val();
        self.past_set[2].d.next = self.past_set[1].q.val();
        self.past_set[3].d.next = self.past_set[2].q.val();

        comment!(
            "The claim: the next claimant behind the last one; given up when its owner has gone. Only row operations claim."
        );
        self.claims_before[0].next = 0.into();
        self.claims_before[1].next = bits::<5>(0x04);
        self.claims_before[2].next = bits::<5>(0x0c);
        if self.claim_last.q.val().get_bit(2) {
            self.claims_before[0].next = bits::<5>(0x18);
            self.claims_before[1].next = 0.into();
            self.claims_before[2].next = bits::<5>(0x08);
        }
        if self.claim_last.q.val().get_bit(3) {
            self.claims_before[0].next = bits::<5>(0x10);
            self.claims_before[1].next = bits::<5>(0x14);
            self.claims_before[2].next = 0.into();
        }
        self.new_claim.next = bits::<5>(0)
            .replace_bit(
                2,
                self.crowded.val().get_bit(2) & !(self.crowded.val() & self.claims_before[0].val()).any(),
            )
            .replace_bit(
                3,
                self.crowded.val().get_bit(3) & !(self.crowded.val() & self.claims_before[1].val()).any(),
            )
            .replace_bit(
                4,
                self.crowded.val().get_bit(4) & !(self.crowded.val() & self.claims_before[2].val()).any(),
            );
        self.claim_stands.next = (self.claim.q.val() & self.stands.val() & !self.granted.val()).any();
        if self.enter.val() & (self.gap.q.val() != 0) {
            self.gap.d.next = self.gap.q.val() - 1;
        }
        if self.claim.q.val().any() {
            if !self.claim_stands.val() {
                self.claim.d.next = 0.into();
                self.gap.d.next = 12.into();
            }
        } else if self.enter.val()
            & (self.gap.q.val() == 0)
            & self.new_claim.val().any()
            & (self.share.val() | !self.free.val().get_bit(2))
        {
            self.claim.d.next = self.new_claim.val();
            self.claim_last.d.next = self.new_claim.val();
            for i in 2..5 {
                if self.new_claim.val().get_bit(i) {
                    self.claim_set.d.next = self.gates[i].set.val();
                }
            }
        }
    }
}

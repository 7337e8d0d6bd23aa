//! A page whose descriptor is on its way, and the slots that wait for it.
//!
//! The slots form a chain through the miss unit's store; the entry knows the first and the last.
//!
//! # Timing
//! Combinational outputs; changes show in the next cycle.

use super::types::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;

/// One entry of the miss unit.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct MissEntry {
    /// The clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset: free.
    pub rst: Signal<In, Bit>,
    /// Take a page with its first slot; only when free.
    pub allocate: Signal<In, Bit>,
    /// Chain one more slot.
    pub append: Signal<In, Bit>,
    /// Page of the slot.
    pub page_in: Signal<In, Page>,
    /// Place of the slot.
    pub place: Signal<In, Bits<CHAIN_BITS>>,
    /// The slot may be decided on a descriptor that passes through.
    pub may_pass: Signal<In, Bit>,
    /// The first slot leaves the chain, another follows.
    pub pop: Signal<In, Bit>,
    /// The only slot leaves the chain: it is decided as it passes.
    pub take: Signal<In, Bit>,
    /// The one behind it.
    pub next_place: Signal<In, Bits<CHAIN_BITS>>,
    /// Become free.
    pub close: Signal<In, Bit>,
    /// A page to look for.
    pub look_page: Signal<In, Page>,
    /// In use.
    pub valid: Signal<Out, Bit>,
    /// The page.
    pub page: Signal<Out, Page>,
    /// Place of the first slot.
    pub head: Signal<Out, Bits<CHAIN_BITS>>,
    /// Place of the last slot.
    pub tail: Signal<Out, Bits<CHAIN_BITS>>,
    /// There is only one slot.
    pub last: Signal<Out, Bit>,
    /// There is none: the only one was taken.
    pub empty: Signal<Out, Bit>,
    /// The only slot that ever came may be decided on a descriptor that passes through.
    pub passes: Signal<Out, Bit>,
    /// In use for the page that is looked for.
    pub waits: Signal<Out, Bit>,
    /// In use for `page_in`.
    pub matches: Signal<Out, Bit>,
    valid_r: Reg<Bit>,
    page_r: Reg<Page>,
    head_r: Reg<Bits<CHAIN_BITS>>,
    tail_r: Reg<Bits<CHAIN_BITS>>,
    passes_r: Reg<Bit>,
    empty_r: Reg<Bit>,
}

impl Logic for MissEntry {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module miss_entry");
        dff_setup!(self, clk, valid_r, page_r, head_r, tail_r, passes_r, empty_r);
        self.valid.next = self.valid_r.q.val();
        self.page.next = self.page_r.q.val();
        self.head.next = self.head_r.q.val();
        self.tail.next = self.tail_r.q.val();
        self.last.next = self.head_r.q.val() == self.tail_r.q.val();
        self.empty.next = self.empty_r.q.val();
        self.passes.next = self.passes_r.q.val();
        self.waits.next = self.valid_r.q.val() & (self.page_r.q.val() == self.look_page.val());
        self.matches.next = self.valid_r.q.val() & (self.page_r.q.val() == self.page_in.val());
        if self.allocate.val() {
            self.valid_r.d.next = true;
            self.page_r.d.next = self.page_in.val();
            self.head_r.d.next = self.place.val();
            self.tail_r.d.next = self.place.val();
            self.passes_r.d.next = self.may_pass.val();
            self.empty_r.d.next = false;
        } else if self.append.val() {
            self.tail_r.d.next = self.place.val();
            if self.empty_r.q.val() | self.take.val() {
                self.head_r.d.next = self.place.val();
            }
            self.empty_r.d.next = false;
            self.passes_r.d.next = false;
        } else if self.pop.val() {
            self.head_r.d.next = self.next_place.val();
        } else if self.take.val() {
            self.empty_r.d.next = true;
            self.passes_r.d.next = false;
        }
        if self.close.val() {
            self.valid_r.d.next = false;
        }
    }
}

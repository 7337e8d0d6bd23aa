//! The pages whose descriptor is on its way: 64 entries, and what they say of a page or of one another.
//!
//! # Operation
//! A diverted slot is chained to the entry of its page, or takes a free one. Each queue of the miss unit (`fetch`, `fetched`,
//! `fill`, `replay`, `done`) names the entry at its head and sees what it holds.
//!
//! The slots of an entry form a chain through the miss unit's store; the entry knows the first and the last.
//!
//! Which entry a slot's page has is looked up three stages of the pipeline before the slot can be diverted, and kept beside it; an
//! entry that is taken meanwhile is noted for those behind that have its page.
//!
//! # Timing
//! Combinational outputs; changes show in the next cycle. The two entries that are taken next are chosen ahead: the first one two
//! cycles after reset.

use super::lowest_set::LowestSet;
use super::one_hot::OneHot;
use super::types::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;

/// The entries of the miss unit.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct MissEntries {
    /// The clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset: all are free.
    pub rst: Signal<In, Bit>,
    /// A slot is diverted; there is a free entry.
    pub miss_valid: Signal<In, Bit>,
    /// Its page.
    pub miss_page: Signal<In, Page>,
    /// Its place in the store of slots.
    pub miss_place: Signal<In, Bits<CHAIN_BITS>>,
    /// It may be decided on a descriptor that passes through.
    pub miss_may_pass: Signal<In, Bit>,
    /// An entry has the page: the slot is chained to it.
    pub found: Signal<Out, Bit>,
    /// That has slots: the slot stands behind the last one.
    pub behind: Signal<Out, Bit>,
    /// The last slot of that entry.
    pub found_tail: Signal<Out, Bits<CHAIN_BITS>>,
    /// The entry that is taken if there is none.
    pub free_entry: Signal<Out, Bits<ENTRY_BITS>>,
    /// Page of the slot three stages behind the one that is diverted.
    pub look_page: Signal<In, Page>,
    /// Which of the slots three, two and one stage behind (bits 0, 1, 2) have the page of the one that is diverted.
    pub joins: Signal<In, Bits<3>>,
    /// An entry has the page of the slot two stages behind.
    pub look_waits: Signal<Out, Bit>,

    /// The entry to be fetched.
    pub fetch_entry: Signal<In, Bits<ENTRY_BITS>>,
    /// Its page.
    pub fetch_page: Signal<Out, Page>,
    /// The entry whose descriptor has come.
    pub fetched_entry: Signal<In, Bits<ENTRY_BITS>>,
    /// Its page.
    pub fetched_page: Signal<Out, Page>,
    /// Its first slot.
    pub fetched_head: Signal<Out, Bits<CHAIN_BITS>>,
    /// The entry to be filled or passed.
    pub fill_entry: Signal<In, Bits<ENTRY_BITS>>,
    /// It passes.
    pub fill_passes: Signal<Out, Bit>,
    /// Its only slot leaves: it passes.
    pub take: Signal<In, Bit>,
    /// The entry whose slots are replayed.
    pub replay_entry: Signal<In, Bits<ENTRY_BITS>>,
    /// Its first slot.
    pub replay_head: Signal<Out, Bits<CHAIN_BITS>>,
    /// Its last one.
    pub replay_tail: Signal<Out, Bits<CHAIN_BITS>>,
    /// The last slot of an entry was replayed: it becomes free.
    pub replayed: Signal<In, Bit>,
    /// That entry.
    pub replayed_entry: Signal<In, Bits<ENTRY_BITS>>,
    /// The entry whose pass has ended.
    pub done_entry: Signal<In, Bits<ENTRY_BITS>>,
    /// No slot came meanwhile.
    pub done_empty: Signal<Out, Bit>,
    /// It becomes free.
    pub done_close: Signal<In, Bit>,

    // A small memory has one read port: what two queues look at stands in two.
    pages: Cam<Page, ENTRY_BITS, ENTRIES>,
    fetch_pages: LutRam<Page, ENTRY_BITS>,
    fill_pages: LutRam<Page, ENTRY_BITS>,
    tails: LutRam<Bits<CHAIN_BITS>, ENTRY_BITS>,
    replay_tails: LutRam<Bits<CHAIN_BITS>, ENTRY_BITS>,
    fill_heads: LutRam<Bits<CHAIN_BITS>, ENTRY_BITS>,
    replay_heads: LutRam<Bits<CHAIN_BITS>, ENTRY_BITS>,
    found_one: OneHot,
    next_spare: LowestSet,
    valid: Reg<Entries>,
    passes: Reg<Entries>,
    empty: Reg<Entries>,
    // The entry of their page, of the slots two and one stage behind the one that is diverted, and of that one.
    seen_2: Reg<Entries>,
    seen_1: Reg<Entries>,
    seen: Reg<Entries>,
    // The free entry that is taken next, and the one after it.
    spare: Reg<Entries>,
    spare_index: Reg<Bits<ENTRY_BITS>>,
    following: Reg<Entries>,
    following_index: Reg<Bits<ENTRY_BITS>>,
    matches: Signal<Local, Entries>,
    allocates: Signal<Local, Bit>,
    entry: Signal<Local, Bits<ENTRY_BITS>>,
    append_bit: Signal<Local, Entries>,
    allocate_bit: Signal<Local, Entries>,
    pass_bit: Signal<Local, Entries>,
    take_bit: Signal<Local, Entries>,
    replayed_bit: Signal<Local, Entries>,
    done_bit: Signal<Local, Entries>,
    first: Signal<Local, Bit>,
    noted: [Signal<Local, Entries>; 3],
    spare_moves: Signal<Local, Bit>,
}

impl Logic for MissEntries {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module miss_entries");
        dff_setup!(
            self,
            clk,
            valid,
            passes,
            empty,
            seen_2,
            seen_1,
            seen,
            spare,
            spare_index,
            following,
            following_index
        );
        self.pages.clock.next = self.clk.val();
        self.fetch_pages.clock.next = self.clk.val();
        self.fill_pages.clock.next = self.clk.val();
        self.tails.clock.next = self.clk.val();
        self.replay_tails.clock.next = self.clk.val();
        self.fill_heads.clock.next = self.clk.val();
        self.replay_heads.clock.next = self.clk.val();

        comment!("A diverted slot: the entry of its page, or the spare one. At most one entry has a page.");
        self.matches.next = self.seen.q.val() & self.valid.q.val();
        self.look_waits.next = (self.seen_2.q.val() & self.valid.q.val()).any();
        self.found_one.mask.next = self.matches.val();
        self.found.next = self.found_one.any.val();
        self.allocates.next = self.miss_valid.val() & !self.found_one.any.val();
        self.free_entry.next = self.spare_index.q.val();
        self.entry.next = self.spare_index.q.val();
        if self.found_one.any.val() {
            self.entry.next = self.found_one.index.val();
        }
        self.append_bit.next = 0.into();
        if self.miss_valid.val() {
            self.append_bit.next = self.matches.val();
        }
        self.allocate_bit.next = 0.into();
        if self.allocates.val() {
            self.allocate_bit.next = self.spare.q.val();
        }
        self.pass_bit.next = 0.into();
        if self.miss_may_pass.val() {
            self.pass_bit.next = self.allocate_bit.val();
        }
        self.next_spare.mask.next = !(self.valid.q.val() | self.spare.q.val() | self.following.q.val());
        self.spare_moves.next = self.allocates.val() | !self.spare.q.val().any();
        if self.spare_moves.val() {
            self.spare.d.next = self.following.q.val();
            self.spare_index.d.next = self.following_index.q.val();
        }
        if self.spare_moves.val() | !self.following.q.val().any() {
            self.following.d.next = self.next_spare.one_hot.val();
            self.following_index.d.next = self.next_spare.index.val();
        }

        comment!("The look-up goes along with the slots.");
        self.pages.key_a.next = self.look_page.val();
        self.pages.key_b.next = self.look_page.val();
        for i in 0..3 {
            self.noted[i].next = 0.into();
            if self.joins.val().get_bit(i) {
                self.noted[i].next = self.allocate_bit.val();
            }
        }
        self.seen_2.d.next = (self.pages.match_a.val() & !self.allocate_bit.val()) | self.noted[0].val();
        self.seen_1.d.next = (self.seen_2.q.val() & !self.allocate_bit.val()) | self.noted[1].val();
        self.seen.d.next = (self.seen_1.q.val() & !self.allocate_bit.val()) | self.noted[2].val();

        comment!("What leaves.");
        self.take_bit.next = 0.into();
        if self.take.val() {
            self.take_bit.next = bits::<ENTRIES>(1) << self.fill_entry.val();
        }
        self.replayed_bit.next = 0.into();
        if self.replayed.val() {
            self.replayed_bit.next = bits::<ENTRIES>(1) << self.replayed_entry.val();
        }
        self.done_bit.next = 0.into();
        if self.done_close.val() {
            self.done_bit.next = bits::<ENTRIES>(1) << self.done_entry.val();
        }

        comment!(
            "It is the first slot of its entry if that is taken, or has none, or loses the only one in this cycle."
        );
        self.first.next = self.allocates.val()
            | (self.append_bit.val() & self.empty.q.val()).any()
            | (self.take.val() & self.append_bit.val().get_bit(self.fill_entry.val().index()));
        self.behind.next = !self.first.val();
        self.valid.d.next =
            (self.valid.q.val() | self.allocate_bit.val()) & !(self.replayed_bit.val() | self.done_bit.val());
        self.passes.d.next = (self.passes.q.val() & !(self.append_bit.val() | self.take_bit.val()))
            & !self.allocate_bit.val()
            | self.pass_bit.val();
        self.empty.d.next =
            (self.empty.q.val() | self.take_bit.val()) & !(self.append_bit.val() | self.allocate_bit.val());

        comment!("The memories.");
        self.pages.write_enable.next = self.allocates.val();
        self.pages.write_address.next = self.spare_index.q.val();
        self.pages.write_data.next = self.miss_page.val();
        self.fetch_pages.write_enable.next = self.allocates.val();
        self.fetch_pages.write_address.next = self.spare_index.q.val();
        self.fetch_pages.write_data.next = self.miss_page.val();
        self.fetch_pages.read_address.next = self.fetch_entry.val();
        self.fetch_page.next = self.fetch_pages.read_data.val();
        self.fill_pages.write_enable.next = self.allocates.val();
        self.fill_pages.write_address.next = self.spare_index.q.val();
        self.fill_pages.write_data.next = self.miss_page.val();
        self.fill_pages.read_address.next = self.fetched_entry.val();
        self.fetched_page.next = self.fill_pages.read_data.val();
        self.tails.write_enable.next = self.miss_valid.val();
        self.tails.write_address.next = self.entry.val();
        self.tails.write_data.next = self.miss_place.val();
        self.tails.read_address.next = self.found_one.index.val();
        self.found_tail.next = self.tails.read_data.val();
        self.replay_tails.write_enable.next = self.miss_valid.val();
        self.replay_tails.write_address.next = self.entry.val();
        self.replay_tails.write_data.next = self.miss_place.val();
        self.replay_tails.read_address.next = self.replay_entry.val();
        self.fill_heads.write_enable.next = self.first.val();
        self.fill_heads.write_address.next = self.entry.val();
        self.fill_heads.write_data.next = self.miss_place.val();
        self.fill_heads.read_address.next = self.fetched_entry.val();
        self.fetched_head.next = self.fill_heads.read_data.val();
        self.replay_heads.write_enable.next = self.first.val();
        self.replay_heads.write_address.next = self.entry.val();
        self.replay_heads.write_data.next = self.miss_place.val();
        self.replay_heads.read_address.next = self.replay_entry.val();

        comment!("What the queues see of the entries at their heads.");
        self.fill_passes.next = self.passes.q.val().get_bit(self.fill_entry.val().index());
        self.done_empty.next = self.empty.q.val().get_bit(self.done_entry.val().index());
        self.replay_head.next = self.replay_heads.read_data.val();
        self.replay_tail.next = self.replay_tails.read_data.val();
    }
}

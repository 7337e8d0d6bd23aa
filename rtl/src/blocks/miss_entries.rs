//! The pages whose descriptor is on its way: 64 entries, and what they say of a page or of one another.
//!
//! # Operation
//! A diverted slot is chained to the entry of its page, or takes a free one. Each queue of the miss unit (`fetch`, `fill`,
//! `replay`, `done`) names the entry at its head and sees what it holds.
//!
//! The slots of an entry form a chain through the miss unit's store; the entry knows the first and the last. The first one is
//! written when it comes, or when one before it leaves; so there are two memories for it, and a bit says which one counts.
//!
//! # Timing
//! Combinational outputs; changes show in the next cycle. The entry that is taken next is chosen ahead: the first one a cycle
//! after reset.

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
    /// A page to look for.
    pub look_page: Signal<In, Page>,
    /// An entry has it.
    pub look_waits: Signal<Out, Bit>,

    /// The entry to be fetched.
    pub fetch_entry: Signal<In, Bits<ENTRY_BITS>>,
    /// Its page.
    pub fetch_page: Signal<Out, Page>,
    /// The entry to be filled or passed.
    pub fill_entry: Signal<In, Bits<ENTRY_BITS>>,
    /// Its page.
    pub fill_page: Signal<Out, Page>,
    /// Its first slot.
    pub fill_head: Signal<Out, Bits<CHAIN_BITS>>,
    /// It passes.
    pub fill_passes: Signal<Out, Bit>,
    /// Its only slot leaves: it passes.
    pub take: Signal<In, Bit>,
    /// The entry whose slots are replayed.
    pub replay_entry: Signal<In, Bits<ENTRY_BITS>>,
    /// Its first slot.
    pub replay_head: Signal<Out, Bits<CHAIN_BITS>>,
    /// That is the last one.
    pub replay_last: Signal<Out, Bit>,
    /// Its first slot leaves, another follows.
    pub pop: Signal<In, Bit>,
    /// The one behind it.
    pub next_place: Signal<In, Bits<CHAIN_BITS>>,
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
    popped_heads: LutRam<Bits<CHAIN_BITS>, ENTRY_BITS>,
    found_one: OneHot,
    next_spare: LowestSet,
    valid: Reg<Entries>,
    passes: Reg<Entries>,
    empty: Reg<Entries>,
    popped: Reg<Entries>,
    // The free entry that is taken next.
    spare: Reg<Entries>,
    spare_index: Reg<Bits<ENTRY_BITS>>,
    matches: Signal<Local, Entries>,
    allocates: Signal<Local, Bit>,
    entry: Signal<Local, Bits<ENTRY_BITS>>,
    append_bit: Signal<Local, Entries>,
    allocate_bit: Signal<Local, Entries>,
    pass_bit: Signal<Local, Entries>,
    take_bit: Signal<Local, Entries>,
    pop_bit: Signal<Local, Entries>,
    replayed_bit: Signal<Local, Entries>,
    done_bit: Signal<Local, Entries>,
    first: Signal<Local, Bit>,
    first_bit: Signal<Local, Entries>,
    replay_first: Signal<Local, Bits<CHAIN_BITS>>,
}

impl Logic for MissEntries {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module miss_entries");
        dff_setup!(self, clk, valid, passes, empty, popped, spare, spare_index);
        self.pages.clock.next = self.clk.val();
        self.fetch_pages.clock.next = self.clk.val();
        self.fill_pages.clock.next = self.clk.val();
        self.tails.clock.next = self.clk.val();
        self.replay_tails.clock.next = self.clk.val();
        self.fill_heads.clock.next = self.clk.val();
        self.replay_heads.clock.next = self.clk.val();
        self.popped_heads.clock.next = self.clk.val();

        comment!("A diverted slot: the entry of its page, or the spare one. At most one entry has a page.");
        self.pages.key_a.next = self.miss_page.val();
        self.pages.key_b.next = self.look_page.val();
        self.matches.next = self.pages.match_a.val() & self.valid.q.val();
        self.look_waits.next = (self.pages.match_b.val() & self.valid.q.val()).any();
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
        self.next_spare.mask.next = !(self.valid.q.val() | self.spare.q.val());
        if self.allocates.val() | !self.spare.q.val().any() {
            self.spare.d.next = self.next_spare.one_hot.val();
            self.spare_index.d.next = self.next_spare.index.val();
        }

        comment!("What leaves.");
        self.take_bit.next = 0.into();
        if self.take.val() {
            self.take_bit.next = bits::<ENTRIES>(1) << self.fill_entry.val();
        }
        self.pop_bit.next = 0.into();
        if self.pop.val() {
            self.pop_bit.next = bits::<ENTRIES>(1) << self.replay_entry.val();
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
        self.first.next =
            self.allocates.val() | (self.append_bit.val() & (self.empty.q.val() | self.take_bit.val())).any();
        self.behind.next = !self.first.val();
        self.first_bit.next = 0.into();
        if self.first.val() {
            self.first_bit.next = self.append_bit.val() | self.allocate_bit.val();
        }
        self.valid.d.next =
            (self.valid.q.val() | self.allocate_bit.val()) & !(self.replayed_bit.val() | self.done_bit.val());
        self.passes.d.next = (self.passes.q.val() & !(self.append_bit.val() | self.take_bit.val()))
            & !self.allocate_bit.val()
            | self.pass_bit.val();
        self.empty.d.next =
            (self.empty.q.val() | self.take_bit.val()) & !(self.append_bit.val() | self.allocate_bit.val());
        self.popped.d.next = (self.popped.q.val() | self.pop_bit.val()) & !self.first_bit.val();

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
        self.fill_pages.read_address.next = self.fill_entry.val();
        self.fill_page.next = self.fill_pages.read_data.val();
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
        self.fill_heads.read_address.next = self.fill_entry.val();
        self.fill_head.next = self.fill_heads.read_data.val();
        self.replay_heads.write_enable.next = self.first.val();
        self.replay_heads.write_address.next = self.entry.val();
        self.replay_heads.write_data.next = self.miss_place.val();
        self.replay_heads.read_address.next = self.replay_entry.val();
        self.popped_heads.write_enable.next = self.pop.val();
        self.popped_heads.write_address.next = self.replay_entry.val();
        self.popped_heads.write_data.next = self.next_place.val();
        self.popped_heads.read_address.next = self.replay_entry.val();

        comment!("What the queues see of the entries at their heads.");
        self.fill_passes.next = self.passes.q.val().get_bit(self.fill_entry.val().index());
        self.done_empty.next = self.empty.q.val().get_bit(self.done_entry.val().index());
        self.replay_first.next = self.replay_heads.read_data.val();
        if self.popped.q.val().get_bit(self.replay_entry.val().index()) {
            self.replay_first.next = self.popped_heads.read_data.val();
        }
        self.replay_head.next = self.replay_first.val();
        self.replay_last.next = self.replay_first.val() == self.replay_tails.read_data.val();
    }
}

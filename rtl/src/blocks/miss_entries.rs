//! The pages whose descriptor is on its way: 64 entries, and what they say of a page or of one another.
//!
//! # Operation
//! A diverted slot is chained to the entry of its page, or takes a free one. Each queue of the miss unit (`fetch`, `fill`,
//! `replay`, `done`) names the entry at its head and sees what it holds.
//!
//! # Timing
//! Combinational outputs; changes show in the next cycle.

use super::miss_entry::MissEntry;
use super::types::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;

/// The entries of the miss unit.
#[derive(Clone, Debug, LogicBlock)]
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

    entries: [MissEntry; 64],
    found_entry: Signal<Local, Bits<ENTRY_BITS>>,
    free_now: Signal<Local, Bits<ENTRY_BITS>>,
    appends: Signal<Local, Bit>,
    allocates: Signal<Local, Bit>,
}

impl Default for MissEntries {
    fn default() -> Self {
        Self {
            clk: Signal::default(),
            rst: Signal::default(),
            miss_valid: Signal::default(),
            miss_page: Signal::default(),
            miss_place: Signal::default(),
            miss_may_pass: Signal::default(),
            found: Signal::default(),
            found_tail: Signal::default(),
            free_entry: Signal::default(),
            look_page: Signal::default(),
            look_waits: Signal::default(),
            fetch_entry: Signal::default(),
            fetch_page: Signal::default(),
            fill_entry: Signal::default(),
            fill_page: Signal::default(),
            fill_head: Signal::default(),
            fill_passes: Signal::default(),
            take: Signal::default(),
            replay_entry: Signal::default(),
            replay_head: Signal::default(),
            replay_last: Signal::default(),
            pop: Signal::default(),
            next_place: Signal::default(),
            replayed: Signal::default(),
            replayed_entry: Signal::default(),
            done_entry: Signal::default(),
            done_empty: Signal::default(),
            done_close: Signal::default(),
            entries: std::array::from_fn(|_| MissEntry::default()),
            found_entry: Signal::default(),
            free_now: Signal::default(),
            appends: Signal::default(),
            allocates: Signal::default(),
        }
    }
}

impl Logic for MissEntries {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module miss_entries");
        self.look_waits.next = false;
        self.found.next = false;
        self.found_entry.next = 0.into();
        self.found_tail.next = 0.into();
        self.free_now.next = 0.into();
        self.fetch_page.next = 0.into();
        self.fill_page.next = 0.into();
        self.fill_head.next = 0.into();
        self.fill_passes.next = false;
        self.replay_head.next = 0.into();
        self.replay_last.next = false;
        self.done_empty.next = false;
        for i in 0..64 {
            if self.entries[i].waits.val() {
                self.look_waits.next = true;
            }
            if self.entries[i].matches.val() {
                self.found.next = true;
                self.found_entry.next = i.to_bits();
                self.found_tail.next = self.entries[i].tail.val();
            }
            if !self.entries[i].valid.val() {
                self.free_now.next = i.to_bits();
            }
            if self.fetch_entry.val().index() == i {
                self.fetch_page.next = self.entries[i].page.val();
            }
            if self.fill_entry.val().index() == i {
                self.fill_page.next = self.entries[i].page.val();
                self.fill_head.next = self.entries[i].head.val();
                self.fill_passes.next = self.entries[i].passes.val();
            }
            if self.replay_entry.val().index() == i {
                self.replay_head.next = self.entries[i].head.val();
                self.replay_last.next = self.entries[i].last.val();
            }
            if self.done_entry.val().index() == i {
                self.done_empty.next = self.entries[i].empty.val();
            }
        }
        self.free_entry.next = self.free_now.val();
        self.appends.next = self.miss_valid.val() & self.found.val();
        self.allocates.next = self.miss_valid.val() & !self.found.val();
        for i in 0..64 {
            self.entries[i].clk.next = self.clk.val();
            self.entries[i].rst.next = self.rst.val();
            self.entries[i].page_in.next = self.miss_page.val();
            self.entries[i].place.next = self.miss_place.val();
            self.entries[i].may_pass.next = self.miss_may_pass.val();
            self.entries[i].next_place.next = self.next_place.val();
            self.entries[i].look_page.next = self.look_page.val();
            self.entries[i].allocate.next = self.allocates.val() & (self.free_now.val().index() == i);
            self.entries[i].append.next = self.appends.val() & (self.found_entry.val().index() == i);
            self.entries[i].pop.next = self.pop.val() & (self.replay_entry.val().index() == i);
            self.entries[i].take.next = self.take.val() & (self.fill_entry.val().index() == i);
            self.entries[i].close.next = (self.replayed.val() & (self.replayed_entry.val().index() == i))
                | (self.done_close.val() & (self.done_entry.val().index() == i));
        }
    }
}

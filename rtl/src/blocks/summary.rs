//! Which groups of pages may have anything: one bit per 512 pages, on chip.
//!
//! A group's bit is set when a page of it gets its first dirty, owned or accessed line and by every page slot that leaves some,
//! before the host hears of it. The walk clears the bit when it enters the group, and sets it again if it leaves pages
//! out. So a walk that skips groups whose bit is clear misses nothing, and costs what was touched, not what is tracked. Which
//! pages of a group they are says the [page list](super::page_list).
//!
//! # Timing
//! A word of 64 groups is read in one cycle, one per cycle; a read that meets a write says so (`word_valid` stays low) and must be
//! repeated. A set of the pipeline comes before what the walk wants to write.

use super::types::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;

/// Keeps the bits of `2^GROUP_BITS` groups.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct Summary {
    /// The clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset: starts the scrub.
    pub rst: Signal<In, Bit>,
    /// The scrub is done.
    pub ready: Signal<Out, Bit>,
    /// The page has something.
    pub set: Signal<In, Bit>,
    /// The page.
    pub page: Signal<In, Page>,
    /// Read a word of 64 groups.
    pub word_read: Signal<In, Bit>,
    /// Which.
    pub word: Signal<In, Bits<WORD_BITS>>,
    /// The word asked for in the last cycle is there.
    pub word_valid: Signal<Out, Bit>,
    /// Its groups.
    pub groups: Signal<Out, Bits<64>>,
    /// Clears the bit of `group`.
    pub group_clear: Signal<In, Bit>,
    /// Sets the bit of `group`.
    pub group_set: Signal<In, Bit>,
    /// The group.
    pub group: Signal<In, Bits<GROUP_BITS>>,
    /// It is cleared or set in this cycle.
    pub group_done: Signal<Out, Bit>,

    words: LaneRam<64, 64, WORD_BITS>,
    scrub: Reg<Bits<WORD_BITS>>,
    scrub_done: Reg<Bit>,
    valid: Reg<Bit>,
    address: Signal<Local, Bits<WORD_BITS>>,
    writes: Signal<Local, Bit>,
}

impl Logic for Summary {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module summary");
        dff_setup!(self, clk, scrub, scrub_done, valid);
        self.words.clock.next = self.clk.val();

        comment!("Writes: the scrub, the pipeline, the walk.");
        self.writes.next = self.set.val() | self.group_clear.val() | self.group_set.val();
        self.group_done.next = self.scrub_done.q.val() & !self.set.val();
        self.address.next = self.group.val().get_bits::<WORD_BITS>(6);
        self.words.write_enable.next = 0.into();
        self.words.write_data.next = !bits::<64>(0);
        if !self.scrub_done.q.val() {
            self.address.next = self.scrub.q.val();
            self.words.write_enable.next = !bits::<64>(0);
            self.words.write_data.next = 0.into();
            self.scrub.d.next = self.scrub.q.val() + 1;
            self.scrub_done.d.next = self.scrub.q.val().all();
        } else if self.set.val() {
            self.address.next = self.page.val().get_bits::<WORD_BITS>(15);
            self.words.write_enable.next = bits::<64>(1) << self.page.val().get_bits::<6>(9);
        } else if self.writes.val() {
            self.words.write_enable.next = bits::<64>(1) << self.group.val().get_bits::<6>(0);
            if self.group_clear.val() {
                self.words.write_data.next = 0.into();
            }
        }
        self.words.write_address.next = self.address.val();
        self.ready.next = self.scrub_done.q.val();

        comment!("Reads.");
        self.words.read_address.next = self.word.val();
        self.valid.d.next = self.word_read.val()
            & self.scrub_done.q.val()
            & !(self.writes.val() & (self.address.val() == self.word.val()));
        self.word_valid.next = self.valid.q.val();
        self.groups.next = self.words.read_data.val();
    }
}

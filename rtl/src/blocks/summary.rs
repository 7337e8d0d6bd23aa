//! Which groups of pages may have anything: one bit per 512 pages, on chip.
//!
//! A group's bit is set when a page of it gets its first dirty, owned or accessed line and by every page slot that leaves some,
//! before the host hears of it. The walk clears the bit when it enters the group, and sets it again if it leaves pages
//! out. So a walk that skips groups whose bit is clear misses nothing, and costs what was touched, not what is tracked. Which
//! pages of a group they are says the [page list](super::page_list).
//!
//! # Form
//! A word has the bits of 64 groups. A bit is changed by reading its word in one cycle and writing it in the next; what is written
//! meanwhile is forwarded. Two copies: one is read to be changed, the other by the walk.
//!
//! # Timing
//! One change and one read per cycle. A read that meets a change of its word, or follows one in the next cycle, says so
//! (`word_valid` stays low) and must be repeated. A set of the pipeline comes before what the walk wants to change.

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

    words: Ram<Bits<64>, WORD_BITS>,
    walked: Ram<Bits<64>, WORD_BITS>,
    scrub: Reg<Bits<WORD_BITS>>,
    scrub_done: Reg<Bit>,
    valid: Reg<Bit>,
    changes_1: Reg<Bit>,
    group_1: Reg<Bits<GROUP_BITS>>,
    clears_1: Reg<Bit>,
    follows_1: Reg<Bit>,
    word_2: Reg<Bits<64>>,
    group_0: Signal<Local, Bits<GROUP_BITS>>,
    changes_0: Signal<Local, Bit>,
    old_1: Signal<Local, Bits<64>>,
    new_1: Signal<Local, Bits<64>>,
    write_enable: Signal<Local, Bit>,
    write_address: Signal<Local, Bits<WORD_BITS>>,
    write_data: Signal<Local, Bits<64>>,
}

impl Logic for Summary {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module summary");
        dff_setup!(self, clk, scrub, scrub_done, valid, changes_1, group_1, clears_1, follows_1, word_2);
        self.words.clock.next = self.clk.val();
        self.walked.clock.next = self.clk.val();

        comment!("0: a change is taken, of the pipeline or of the walk, and its word is read.");
        self.group_0.next = self.group.val();
        if self.set.val() {
            self.group_0.next = self.page.val().get_bits::<GROUP_BITS>(9);
        }
        self.changes_0.next =
            self.scrub_done.q.val() & (self.set.val() | self.group_clear.val() | self.group_set.val());
        self.group_done.next = self.scrub_done.q.val() & !self.set.val();
        self.words.read_address.next = self.group_0.val().get_bits::<WORD_BITS>(6);
        self.changes_1.d.next = self.changes_0.val();
        self.group_1.d.next = self.group_0.val();
        self.clears_1.d.next = self.group_clear.val() & !self.set.val();
        self.follows_1.d.next = self.changes_1.q.val()
            & (self.group_1.q.val().get_bits::<WORD_BITS>(6) == self.group_0.val().get_bits::<WORD_BITS>(6));

        comment!("1: its word is written.");
        self.old_1.next = self.words.read_data.val();
        if self.follows_1.q.val() {
            self.old_1.next = self.word_2.q.val();
        }
        self.new_1.next = self.old_1.val() | (bits::<64>(1) << self.group_1.q.val().get_bits::<6>(0));
        if self.clears_1.q.val() {
            self.new_1.next = self.old_1.val() & !(bits::<64>(1) << self.group_1.q.val().get_bits::<6>(0));
        }
        self.word_2.d.next = self.new_1.val();
        self.write_enable.next = self.changes_1.q.val();
        self.write_address.next = self.group_1.q.val().get_bits::<WORD_BITS>(6);
        self.write_data.next = self.new_1.val();

        comment!("The scrub.");
        if !self.scrub_done.q.val() {
            self.write_enable.next = true;
            self.write_address.next = self.scrub.q.val();
            self.write_data.next = 0.into();
            self.scrub.d.next = self.scrub.q.val() + 1;
            self.scrub_done.d.next = self.scrub.q.val().all();
        }
        self.ready.next = self.scrub_done.q.val();
        self.words.write_enable.next = self.write_enable.val();
        self.words.write_address.next = self.write_address.val();
        self.words.write_data.next = self.write_data.val();
        self.walked.write_enable.next = self.write_enable.val();
        self.walked.write_address.next = self.write_address.val();
        self.walked.write_data.next = self.write_data.val();

        comment!("Reads of the walk.");
        self.walked.read_address.next = self.word.val();
        self.valid.d.next = self.word_read.val()
            & self.scrub_done.q.val()
            & !(self.changes_0.val() & (self.group_0.val().get_bits::<WORD_BITS>(6) == self.word.val()))
            & !(self.changes_1.q.val() & (self.group_1.q.val().get_bits::<WORD_BITS>(6) == self.word.val()));
        self.word_valid.next = self.valid.q.val();
        self.groups.next = self.walked.read_data.val();
    }
}

//! Which pages may have anything: one bit per page, and one bit per 64 pages above it.
//!
//! A page's bit is set by every slot that leaves a dirty, owned or accessed line, before the host hears of it, and cleared
//! only by a page slot that leaves none. So a walk that skips pages whose bit is clear misses nothing, and costs what was
//! touched, not what is tracked.
//!
//! The upper bit of a group is cleared by the walk that enters it; the walk reads the group again when it leaves and sets
//! the bit where something remained. In between every slot sets it again by itself.
//!
//! # Timing
//! An upper word is read in the same cycle, a group's bits in the next one; a read that meets a write says so
//! (`group_valid` stays low) and must be repeated.

use super::types::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;

/// Keeps the summary of 65,536 pages.
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
    /// The page has nothing any more.
    pub clear: Signal<In, Bit>,
    /// The page.
    pub page: Signal<In, Page>,
    /// Upper word to read: 64 groups of 64 pages.
    pub upper_index: Signal<In, Bits<4>>,
    /// Its bits.
    pub upper: Signal<Out, Bits<64>>,
    /// Clears the upper bit of `group`.
    pub upper_clear: Signal<In, Bit>,
    /// Sets the upper bit of `group`.
    pub upper_set: Signal<In, Bit>,
    /// The group.
    pub group: Signal<In, Bits<10>>,
    /// Read the bits of `group`.
    pub group_read: Signal<In, Bit>,
    /// The bits arrive.
    pub group_valid: Signal<Out, Bit>,
    /// One bit per page of the group that was read.
    pub group_pages: Signal<Out, Bits<64>>,

    pages: LaneRam<64, 64, 10>,
    upper_words: [Reg<Bits<64>>; 16],
    scrub: Reg<Bits<10>>,
    scrub_done: Reg<Bit>,
    valid: Reg<Bit>,
    bit_mask: Signal<Local, Bits<64>>,
    page_upper: Signal<Local, Bits<16>>,
    page_upper_bit: Signal<Local, Bits<64>>,
    group_upper: Signal<Local, Bits<16>>,
    group_upper_bit: Signal<Local, Bits<64>>,
    writes: Signal<Local, Bit>,
}

impl Logic for Summary {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module summary");
        dff_setup!(self, clk, scrub, scrub_done, valid);
        self.pages.clock.next = self.clk.val();

        comment!("Bits of pages.");
        self.writes.next = self.set.val() | self.clear.val();
        self.bit_mask.next = bits::<64>(1) << self.page.val().get_bits::<6>(0);
        self.pages.write_enable.next = 0.into();
        if self.writes.val() {
            self.pages.write_enable.next = self.bit_mask.val();
        }
        self.pages.write_address.next = self.page.val().get_bits::<10>(6);
        self.pages.write_data.next = 0.into();
        if self.set.val() {
            self.pages.write_data.next = !bits::<64>(0);
        }
        if !self.scrub_done.q.val() {
            self.pages.write_enable.next = !bits::<64>(0);
            self.pages.write_address.next = self.scrub.q.val();
            self.pages.write_data.next = 0.into();
            self.scrub.d.next = self.scrub.q.val() + 1;
            self.scrub_done.d.next = self.scrub.q.val().all();
        }
        self.ready.next = self.scrub_done.q.val();
        self.pages.read_address.next = self.group.val();
        self.valid.d.next = self.group_read.val()
            & !(self.writes.val() & (self.page.val().get_bits::<10>(6) == self.group.val()));
        self.group_valid.next = self.valid.q.val();
        self.group_pages.next = self.pages.read_data.val();

        comment!("Bits of groups; a set wins over a clear.");
        self.page_upper.next = bits::<16>(1) << self.page.val().get_bits::<4>(12);
        self.page_upper_bit.next = bits::<64>(1) << self.page.val().get_bits::<6>(6);
        self.group_upper.next = bits::<16>(1) << self.group.val().get_bits::<4>(6);
        self.group_upper_bit.next = bits::<64>(1) << self.group.val().get_bits::<6>(0);
        self.upper.next = 0.into();
        for i in 0..16 {
            self.upper_words[i].clock.next = self.clk.val();
            self.upper_words[i].reset.next = self.rst.val();
            self.upper_words[i].d.next = self.upper_words[i].q.val();
            if self.upper_index.val().index() == i {
                self.upper.next = self.upper_words[i].q.val();
            }
            if self.set.val() & self.page_upper.val().get_bit(i) {
                if self.upper_clear.val() & self.group_upper.val().get_bit(i) {
                    self.upper_words[i].d.next = (self.upper_words[i].q.val() & !self.group_upper_bit.val())
                        | self.page_upper_bit.val();
                } else if self.upper_set.val() & self.group_upper.val().get_bit(i) {
                    self.upper_words[i].d.next =
                        self.upper_words[i].q.val() | self.group_upper_bit.val() | self.page_upper_bit.val();
                } else {
                    self.upper_words[i].d.next = self.upper_words[i].q.val() | self.page_upper_bit.val();
                }
            } else if self.upper_clear.val() & self.group_upper.val().get_bit(i) {
                self.upper_words[i].d.next = self.upper_words[i].q.val() & !self.group_upper_bit.val();
            } else if self.upper_set.val() & self.group_upper.val().get_bit(i) {
                self.upper_words[i].d.next = self.upper_words[i].q.val() | self.group_upper_bit.val();
            }
        }
    }
}

//! What the region table says of each message of a queue, at the head when the message is.
//!
//! # Operation
//! The table is read when a message is accepted; what it said waits beside the queue. A read that meets a write of the same
//! entry counts as "not plain", which is right of any page: a plain one has a descriptor too.
//!
//! `settled` says that every message accepted before the last write of the table, or in its cycle, has left the queue: a cycle
//! after the last of them did.
//!
//! Every bit of an entry has a memory of its own: block RAMs are deepest when they are one bit wide, and a table of 32,768 entries
//! then needs two of them, and no wide multiplexer behind, per bit.
//!
//! # Timing
//! At the head in the cycle after the message was accepted; then straight out of the block RAM, late in the cycle: `fresh` says so. A
//! cycle later it is `known`.

use super::types::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;

/// A copy of the region table for one queue of up to four messages.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct RegionLookup {
    /// The clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// A message is accepted.
    pub accept: Signal<In, Bit>,
    /// Its region.
    pub region: Signal<In, Region>,
    /// The message at the head leaves.
    pub pop: Signal<In, Bit>,
    /// The entry of the message at the head.
    pub head: Signal<Out, RegionEntryBits>,
    /// It comes out of the table in this cycle.
    pub fresh: Signal<Out, Bit>,
    /// The same entry, unless it is fresh.
    pub known: Signal<Out, RegionEntryBits>,
    /// Writes an entry of the table.
    pub write: Signal<In, Bit>,
    /// Which.
    pub write_region: Signal<In, Region>,
    /// What.
    pub write_entry: Signal<In, RegionEntryBits>,
    /// Nothing that was accepted before the last write, or in its cycle, is in the queue.
    pub settled: Signal<Out, Bit>,

    table: LaneRam<REGION_ENTRY_BITS, REGION_ENTRY_BITS, GROUP_BITS>,
    waiting: Fifo<RegionEntryBits, 2>,
    read: Reg<Bit>,
    met: Reg<Bit>,
    count: Reg<Bits<3>>,
    old: Reg<Bits<3>>,
    popped: Reg<Bit>,
    entry: Signal<Local, RegionEntryBits>,
    rest: Signal<Local, Bits<3>>,
}

impl Logic for RegionLookup {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module region_lookup");
        dff_setup!(self, clk, read, met, count, old, popped);
        self.waiting.clk.next = self.clk.val();
        self.waiting.rst.next = self.rst.val();
        self.table.clock.next = self.clk.val();
        self.table.write_enable.next = 0.into();
        if self.write.val() {
            self.table.write_enable.next = !bits::<REGION_ENTRY_BITS>(0);
        }
        self.table.write_address.next = self.write_region.val();
        self.table.write_data.next =
            (bit_cast::<REGION_ENTRY_BITS, REGION_FRAME_BITS>(self.write_entry.val().frame) << 1)
                .replace_bit(0, self.write_entry.val().plain);
        self.table.read_address.next = self.region.val();

        comment!("The entry of the newest message comes from the table, unless a write met its read.");
        self.read.d.next = self.accept.val();
        self.met.d.next = self.write.val() & (self.write_region.val() == self.region.val());
        self.entry.next.frame = self.table.read_data.val().get_bits::<REGION_FRAME_BITS>(1);
        self.entry.next.plain = self.table.read_data.val().get_bit(0) & !self.met.q.val();
        self.head.next = self.entry.val();
        if self.waiting.out_valid.val() {
            self.head.next = self.waiting.out_data.val();
        }
        self.fresh.next = !self.waiting.out_valid.val();
        self.known.next = self.waiting.out_data.val();
        self.waiting.in_valid.next = self.read.q.val() & (self.waiting.out_valid.val() | !self.pop.val());
        self.waiting.in_data.next = self.entry.val();
        self.waiting.out_ready.next = self.pop.val();

        comment!(
            "Messages in the queue, and those of them that were there at the last write. That one has left counts a cycle later."
        );
        self.popped.d.next = self.pop.val();
        self.rest.next = self.count.q.val() - bit_cast::<3, 1>(self.popped.q.val().into());
        self.count.d.next = self.rest.val() + bit_cast::<3, 1>(self.accept.val().into());
        if self.write.val() {
            self.old.d.next = self.rest.val() + bit_cast::<3, 1>(self.accept.val().into());
        } else if self.popped.q.val() & (self.old.q.val() != 0) {
            self.old.d.next = self.old.q.val() - 1;
        }
        self.settled.next = self.old.q.val() == 0;
    }
}

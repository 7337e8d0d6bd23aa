//! Which regions of 512 pages are *plain*: their lines go to memory past the descriptors.
//!
//! # Operation
//! An entry per region: plain or not, and the frame of the first page. MAP plain writes it when every page of the region is
//! mapped; UNMAP, TRACK and RECALL take it back before their first page slot there, and wait until `settled`: then no message is
//! left that was told otherwise. The descriptors of a plain region's pages say *plain* too, and that the host may own every
//! line; so a message that goes by the descriptor although its region is plain is answered rightly as well.
//!
//! Two copies of the table, one per channel of the host. TABLE_INIT clears them, an entry per cycle, for the pages that it
//! prepares.
//!
//! # Timing
//! One message per channel and cycle; `region_lookup` has the rest.

use super::region_lookup::RegionLookup;
use super::types::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;

/// The region table.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct RegionTable {
    /// The clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset: the table is unknown.
    pub rst: Signal<In, Bit>,
    /// Clear the entries; ignored if they are cleared or being cleared.
    pub init: Signal<In, Bit>,
    /// Of how many pages.
    pub init_pages: Signal<In, Bits<32>>,
    /// They are cleared.
    pub ready: Signal<Out, Bit>,
    /// Writes an entry; only when `ready`.
    pub write: Signal<In, Bit>,
    /// Which.
    pub region: Signal<In, Region>,
    /// What.
    pub entry: Signal<In, RegionEntryBits>,
    /// No message that was accepted before the last write, or in its cycle, waits to become a slot.
    pub settled: Signal<Out, Bit>,

    /// A request is accepted.
    pub req_accept: Signal<In, Bit>,
    /// Its region.
    pub req_region: Signal<In, Region>,
    /// The oldest request leaves its queue.
    pub req_pop: Signal<In, Bit>,
    /// The entry of the oldest request.
    pub req_head: Signal<Out, RegionEntryBits>,
    /// It comes out of the table in this cycle, late.
    pub req_fresh: Signal<Out, Bit>,
    /// The same entry, unless it is fresh.
    pub req_known: Signal<Out, RegionEntryBits>,
    /// A request with data is accepted.
    pub rwd_accept: Signal<In, Bit>,
    /// Its region.
    pub rwd_region: Signal<In, Region>,
    /// The oldest request with data leaves its queue.
    pub rwd_pop: Signal<In, Bit>,
    /// The entry of the oldest request with data, from two cycles after it was accepted.
    pub rwd_known: Signal<Out, RegionEntryBits>,

    req: RegionLookup,
    rwd: RegionLookup,
    clearing: Reg<Bit>,
    cleared: Reg<Bit>,
    next: Reg<Region>,
    left: Reg<Bits<32>>,
    write_any: Signal<Local, Bit>,
    write_region: Signal<Local, Region>,
    write_entry: Signal<Local, RegionEntryBits>,
}

impl Logic for RegionTable {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module region_table");
        dff_setup!(self, clk, clearing, cleared, next, left);
        self.req.clk.next = self.clk.val();
        self.req.rst.next = self.rst.val();
        self.rwd.clk.next = self.clk.val();
        self.rwd.rst.next = self.rst.val();

        comment!("Clearing.");
        if self.clearing.q.val() {
            self.next.d.next = self.next.q.val() + 1;
            self.left.d.next = self.left.q.val() - 1;
            if self.left.q.val() == 0 {
                self.clearing.d.next = false;
                self.cleared.d.next = true;
            }
        } else if self.init.val() & !self.cleared.q.val() {
            self.next.d.next = 0.into();
            self.left.d.next = (self.init_pages.val() + 511) >> 9;
            self.clearing.d.next = true;
        }
        self.ready.next = self.cleared.q.val();

        comment!("Writes.");
        self.write_any.next = self.write.val() | self.clearing.q.val();
        self.write_region.next = self.region.val();
        self.write_entry.next = self.entry.val();
        if self.clearing.q.val() {
            self.write_region.next = self.next.q.val();
            self.write_entry.next.plain = false;
        }
        self.req.write.next = self.write_any.val();
        self.req.write_region.next = self.write_region.val();
        self.req.write_entry.next = self.write_entry.val();
        self.rwd.write.next = self.write_any.val();
        self.rwd.write_region.next = self.write_region.val();
        self.rwd.write_entry.next = self.write_entry.val();
        self.settled.next = self.req.settled.val() & self.rwd.settled.val();

        comment!("The two channels.");
        self.req.accept.next = self.req_accept.val();
        self.req.region.next = self.req_region.val();
        self.req.pop.next = self.req_pop.val();
        self.req_head.next = self.req.head.val();
        self.req_fresh.next = self.req.fresh.val();
        self.req_known.next = self.req.known.val();
        self.rwd.accept.next = self.rwd_accept.val();
        self.rwd.region.next = self.rwd_region.val();
        self.rwd.pop.next = self.rwd_pop.val();
        self.rwd_known.next = self.rwd.known.val();
    }
}

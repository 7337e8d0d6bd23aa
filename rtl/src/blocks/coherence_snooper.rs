//! The front end: takes the host's messages, turns each into a commit slot, and defers what must wait.
//!
//! # Operation
//! *Requests* are decoded, checked and offered as slots, in order. Illegal ones are dropped and reported, MemSpecRd is
//! dropped. Whether its page is being recalled is known a cycle after a request entered the pipeline: then it is taken
//! back (`retract`) and goes to the deferred queue (when 32 wait there the channel stalls). When a recall ends, one pass over
//! the deferred queue serves the requests of all pages that ended by then and puts the others back, in order; new requests
//! stall during the pass, so requests of a line keep their order.
//! *Writes* and BIConflict wait for nothing but their credit and their turn; the first write of a region that became plain also for
//! the writes in the pipeline.
//! Requests take their turn only with room for their answers, so nothing behind the arbiter ever waits.
//!
//! Messages of a *plain* region (`region_table`) become no slots: they are offered to the `plain_path`, which takes them when
//! the pipeline has no result. In its first cycle at the head nobody knows in time for the arbiter what the table says of a request.
//! If the one before it was not plain it is offered as a slot all the same, and taken back a cycle later if it should not have
//! been; it has stayed at the head, or gone the plain way. If the one before was plain it waits that cycle.
//!
//! # Timing
//! Request to slot: 1 cycle, 2 behind one of a plain region. Write to slot: 2 cycles. One slot per cycle.

use super::channels::*;
use super::region_table::RegionTable;
use super::slot_arbiter::SlotArbiter;
use super::slot_pick::SlotPick;
use super::types::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;
use tideline_abi::cxl::{m2s_req, m2s_rwd, meta_field};
use tideline_abi::geometry::PAGE_BITS;
use tideline_abi::slot::slot_kind;

/// A pass over the deferred queue.
#[derive(Copy, Clone, Debug, PartialEq, LogicState)]
pub enum DrainState {
    /// No pass.
    Idle,
    /// Entries are served or put back.
    Pass,
}

/// Takes messages and offers slots; `SETS` is the number of bits that select a set of the descriptor cache.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct CoherenceSnooper<const SETS: usize> {
    /// The clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Slots may be granted.
    pub enable: Signal<In, Bit>,
    /// WINDOW_BASE, the page number.
    pub window_base: Signal<In, Bits<40>>,
    /// WINDOW_SIZE in pages.
    pub window_pages: Signal<In, Bits<32>>,
    /// Requests without data.
    pub m2s_req: M2sReq,
    /// Requests with data.
    pub m2s_rwd: M2sRwd,

    /// There is room for one more answer on NDR.
    pub ndr_ok: Signal<In, Bit>,
    /// There is room for two more: requests leave the last place to writes, which wait for nothing else.
    pub ndr_spare: Signal<In, Bit>,
    /// There is room for three more: requests that go past the pipeline leave the last place too, if another one enters.
    pub ndr_room: Signal<In, Bit>,
    /// There is room for one more answer on DRS.
    pub drs_ok: Signal<In, Bit>,
    /// There is room for two more.
    pub drs_spare: Signal<In, Bit>,
    /// A slot that will be answered on NDR enters.
    pub take_ndr: Signal<Out, Bit>,
    /// A slot that will be answered on DRS enters.
    pub take_drs: Signal<Out, Bit>,
    /// A line that will be answered on DRS goes past the pipeline.
    pub take_drs_plain: Signal<Out, Bit>,
    /// The answer on NDR will not come: its slot was taken back.
    pub give_ndr: Signal<Out, Bit>,
    /// Nor the one on DRS.
    pub give_drs: Signal<Out, Bit>,
    /// A write enters the pipeline.
    pub write_enters: Signal<Out, Bit>,
    /// There is a place for the data of one more write.
    pub place_valid: Signal<In, Bit>,
    /// The place.
    pub place: Signal<In, Bits<DATA_BITS>>,
    /// A write enters: its data goes to the place.
    pub data_valid: Signal<Out, Bit>,
    /// The data, and above it the byte enables.
    pub data: Signal<Out, Bits<576>>,

    /// Clears the region table.
    pub region_init: Signal<In, Bit>,
    /// For how many pages.
    pub region_pages: Signal<In, Bits<32>>,
    /// The region table is cleared.
    pub region_ready: Signal<Out, Bit>,
    /// Writes an entry of it.
    pub region_write: Signal<In, Bit>,
    /// Which.
    pub region: Signal<In, Region>,
    /// What.
    pub region_entry: Signal<In, RegionEntryBits>,
    /// No message that was accepted before the last write of the table waits to become a slot.
    pub region_settled: Signal<Out, Bit>,
    /// A request of a plain region is offered, and has places for its answers.
    pub plain_req_valid: Signal<Out, Bit>,
    /// The same, but not of a request whose region becomes known in this cycle.
    pub plain_req_known: Signal<Out, Bit>,
    /// The request.
    pub plain_req: Signal<Out, RequestBits>,
    /// Its region.
    pub plain_req_entry: Signal<Out, RegionEntryBits>,
    /// It goes.
    pub plain_req_taken: Signal<In, Bit>,
    /// A write of a plain region is offered, and has places for its answer and its data.
    pub plain_rwd_valid: Signal<Out, Bit>,
    /// The write without its data.
    pub plain_rwd: Signal<Out, RequestBits>,
    /// Its region.
    pub plain_rwd_entry: Signal<Out, RegionEntryBits>,
    /// It goes.
    pub plain_rwd_taken: Signal<In, Bit>,
    /// No slot may enter: a line of a plain region needs a cycle without a result.
    pub hole: Signal<In, Bit>,

    /// Page of the request at the head.
    pub query_page: Signal<Out, Page>,
    /// A cycle later: a recall context holds it.
    pub query_hit: Signal<In, Bit>,
    /// That context is stuck, and no request waits for it.
    pub query_stuck: Signal<In, Bit>,
    /// That context.
    pub query_context: Signal<In, Bits<CONTEXT_BITS>>,
    /// Contexts whose deferred requests are to be served.
    pub drains: Signal<In, Contexts>,
    /// Contexts that are stuck.
    pub stuck: Signal<In, Contexts>,
    /// The deferred requests of these contexts were served.
    pub drained: Signal<Out, Contexts>,

    /// A page slot is offered.
    pub page_valid: Signal<In, Bit>,
    /// The slot.
    pub page_slot: Signal<In, SlotBits>,
    /// It enters the pipeline.
    pub page_granted: Signal<Out, Bit>,

    /// The miss unit has a place for a write.
    pub room: Signal<In, Bit>,
    /// The miss unit has a place for a request or a page slot.
    pub room_low: Signal<In, Bit>,
    /// The page list has a place for every slot in the pipeline: without it nothing enters.
    pub list_room: Signal<In, Bit>,
    /// A fill or a pass of a descriptor is offered.
    pub fill_valid: Signal<In, Bit>,
    /// Its slot.
    pub fill_slot: Signal<In, SlotBits>,
    /// How it enters.
    pub fill_entry: Signal<In, EntryBits>,
    /// It enters the pipeline.
    pub fill_granted: Signal<Out, Bit>,
    /// A slot that waited for its descriptor is offered.
    pub replay_valid: Signal<In, Bit>,
    /// The slot.
    pub replay_slot: Signal<In, SlotBits>,
    /// It enters the pipeline.
    pub replay_granted: Signal<Out, Bit>,
    /// Which of four pages are held back.
    pub hold: Signal<In, Bits<4>>,
    /// The held pages.
    pub hold_page: [Signal<In, Page>; 4],

    /// A slot enters the pipeline.
    pub slot_valid: Signal<Out, Bit>,
    /// The slot.
    pub slot: Signal<Out, SlotBits>,
    /// How it enters.
    pub slot_entry: Signal<Out, EntryBits>,
    /// The slot that entered in the cycle before goes no further.
    pub retract: Signal<Out, Bit>,
    /// The recall of its page timed out.
    pub timed_out: Signal<Out, Bit>,

    /// Which of the arbiter's requesters offer a slot that has a place.
    pub offered: Signal<Out, Bits<5>>,
    /// Which one is granted.
    pub granted: Signal<Out, Bits<5>>,
    /// An illegal message was dropped.
    pub illegal: Signal<Out, Bit>,
    /// A request is taken.
    pub count_req: Signal<Out, Bit>,
    /// A request with data is taken.
    pub count_rwd: Signal<Out, Bit>,
    /// A request is deferred.
    pub count_deferred: Signal<Out, Bit>,

    requests: Skid<HeadBits>,
    // Two in a row: at the head of the second, what the region table says is known.
    arrived: Skid<HeadBits>,
    writes: Skid<HeadBits>,
    // The data of the four messages that the two hold, the oldest at `data_out`.
    data_store: LutRam<Bits<576>, 2>,
    data_in: Reg<Bits<2>>,
    data_out: Reg<Bits<2>>,
    regions: RegionTable,
    deferred: Fifo<DeferredBits, 6>,
    deferred_head: Skid<DeferredBits>,
    deferred_count: Reg<Bits<7>>,
    arbiter: SlotArbiter<SETS>,
    pick: SlotPick,
    drain: Reg<DrainState>,
    drain_set: Reg<Contexts>,
    drain_left: Reg<Bits<7>>,
    // The deferred request that the pass is about to serve, or to put back.
    waits: Reg<Bit>,
    waiting: Reg<DeferredBits>,
    serves: Reg<Bit>,
    serves_stuck: Reg<Bit>,
    // The request that entered the pipeline in the last cycle: nobody knows yet whether its page is held.
    asks: Reg<Bit>,
    // A cycle ago, requests waited to be served; the deferred queue had no room for new ones.
    drains_any: Reg<Bit>,
    deferred_many: Reg<Bit>,
    asked: Reg<HeadBits>,
    // It is of a plain region, and should not have entered.
    strays: Reg<Bit>,
    // The last request was of a plain region.
    guess_plain: Reg<Bit>,

    req_offset: Signal<Local, Bits<40>>,
    req_decodes: Signal<Local, Bit>,
    rwd_offset: Signal<Local, Bits<40>>,
    rwd_decodes: Signal<Local, Bit>,
    req_in: Signal<Local, RequestBits>,
    req_reads: Signal<Local, Bit>,
    req_head: Signal<Local, HeadBits>,
    req_legal: Signal<Local, Bit>,
    req: Signal<Local, RequestBits>,
    req_known: Signal<Local, Bit>,
    req_illegal: Signal<Local, Bit>,
    req_dropped: Signal<Local, Bit>,
    req_plain: Signal<Local, Bit>,
    req_tracked: Signal<Local, Bit>,
    req_goes: Signal<Local, Bit>,
    rwd_plain: Signal<Local, Bit>,
    rwd_goes: Signal<Local, Bit>,
    req_offer: Signal<Local, Bit>,
    pass: Signal<Local, Bit>,
    start_pass: Signal<Local, Bit>,
    deferred_more: Signal<Local, Bits<7>>,
    defers: Signal<Local, Bit>,
    waiting_back: Signal<Local, Bit>,
    served: Signal<Local, RequestBits>,
    waiting_ends: Signal<Local, Bit>,
    waiting_next: Signal<Local, Bit>,
    oldest: Signal<Local, DeferredBits>,
    oldest_context: Signal<Local, Contexts>,
    chosen_reads: Signal<Local, Bit>,
    chosen: Signal<Local, RequestBits>,
    chosen_stuck: Signal<Local, Bit>,
    chosen_valid: Signal<Local, Bit>,
    rwd: Signal<Local, RequestBits>,
    rwd_head: Signal<Local, RequestBits>,
    rwd_known: Signal<Local, Bit>,
    rwd_conflict: Signal<Local, Bit>,
    rwd_legal: Signal<Local, Bit>,
    conflict_head: Signal<Local, Bit>,
    write_enable: Signal<Local, Bits<64>>,
    rwd_offer: Signal<Local, Bit>,
    write_slot: Signal<Local, SlotBits>,
    request_slot: Signal<Local, SlotBits>,
    offers: Signal<Local, Bit>,
    offers_low: Signal<Local, Bit>,
    request_granted: Signal<Local, Bit>,
    write_granted: Signal<Local, Bit>,
}

impl<const SETS: usize> Logic for CoherenceSnooper<SETS> {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module coherence_snooper");
        dff_setup!(
            self,
            clk,
            drain,
            drain_set,
            drain_left,
            deferred_count,
            data_in,
            data_out,
            waits,
            waiting,
            serves,
            serves_stuck,
            asks,
            drains_any,
            deferred_many,
            asked,
            strays,
            guess_plain
        );
        self.requests.clk.next = self.clk.val();
        self.requests.rst.next = self.rst.val();
        self.arrived.clk.next = self.clk.val();
        self.arrived.rst.next = self.rst.val();
        self.writes.clk.next = self.clk.val();
        self.writes.rst.next = self.rst.val();
        self.data_store.clock.next = self.clk.val();
        self.regions.clk.next = self.clk.val();
        self.regions.rst.next = self.rst.val();
        self.deferred.clk.next = self.clk.val();
        self.deferred.rst.next = self.rst.val();
        self.deferred_head.clk.next = self.clk.val();
        self.deferred_head.rst.next = self.rst.val();
        self.arbiter.clk.next = self.clk.val();
        self.arbiter.rst.next = self.rst.val();

        comment!("Req: decode and queue.");
        self.req_offset.next = self.m2s_req.addr.val().get_bits::<40>(12) - self.window_base.val();
        self.req_decodes.next = (self.m2s_req.addr.val().get_bits::<40>(12) >= self.window_base.val())
            & (self.req_offset.val() < bit_cast::<40, 32>(self.window_pages.val()));
        self.requests.in_valid.next = self.m2s_req.valid.val();
        self.m2s_req.ready.next = self.requests.in_ready.val();
        self.req_in.next.page = 0.into();
        if self.req_decodes.val() {
            self.req_in.next.page = self.req_offset.val().get_bits::<PAGE_BITS>(0);
        }
        self.req_in.next.line = self.m2s_req.addr.val().get_bits::<6>(6);
        self.req_in.next.decodes = self.req_decodes.val();
        self.req_in.next.opcode = self.m2s_req.opcode.val();
        self.req_in.next.meta_field = self.m2s_req.meta_field.val();
        self.req_in.next.meta_value = self.m2s_req.meta_value.val();
        self.req_in.next.snp_type = self.m2s_req.snp_type.val();
        self.req_in.next.tag = self.m2s_req.tag.val();
        self.req_reads.next = (self.m2s_req.opcode.val() == m2s_req::MEM_RD)
            | (self.m2s_req.opcode.val() == m2s_req::MEM_RD_DATA);
        self.req_known.next = self.req_reads.val()
            | (self.m2s_req.opcode.val() == m2s_req::MEM_INV)
            | (self.m2s_req.opcode.val() == m2s_req::MEM_INV_NT)
            | (self.m2s_req.opcode.val() == m2s_req::MEM_CLN_EVCT);
        self.req_dropped.next = self.m2s_req.opcode.val() == m2s_req::MEM_SPEC_RD;
        self.req_illegal.next = !self.req_dropped.val()
            & (!self.req_known.val()
                | (self.m2s_req.meta_field.val() == 1)
                | (self.m2s_req.meta_field.val() == 2)
                | ((self.m2s_req.meta_field.val() == meta_field::META0_STATE)
                    & (self.m2s_req.meta_value.val() == 1))
                | self.m2s_req.snp_type.val().get_bit(2));
        self.requests.in_data.next.request = self.req_in.val();
        self.requests.in_data.next.reads = self.req_reads.val();
        self.requests.in_data.next.dropped = self.req_dropped.val();
        self.requests.in_data.next.illegal = self.req_illegal.val();
        self.count_req.next = self.m2s_req.valid.val() & self.requests.in_ready.val();

        comment!("Req: the head of the queue.");
        self.req_head.next = self.requests.out_data.val();
        self.req.next = self.req_head.val().request;
        self.req_legal.next =
            self.requests.out_valid.val() & !self.req_head.val().dropped & !self.req_head.val().illegal;
        self.query_page.next = self.req.val().page;
        self.pass.next = self.drain.q.val() == DrainState::Pass;
        comment!(
            "What is a cycle old: a pass begins when no new request is offered any more, and none is being deferred."
        );
        self.drains_any.d.next = self.drains.val().any();
        self.start_pass.next =
            !self.pass.val() & self.drains.val().any() & self.drains_any.q.val() & !self.asks.q.val();
        comment!("Two more may be on their way there.");
        self.deferred_many.d.next = self.deferred_count.q.val() > 31;
        self.req_plain.next =
            self.req_legal.val() & self.req.val().decodes & self.regions.req_head.val().plain;
        comment!("As far as is known in time.");
        self.req_tracked.next =
            !self.req.val().decodes | (self.regions.req_fresh.val() & !self.guess_plain.q.val());
        if !self.regions.req_fresh.val() & self.req.val().decodes {
            self.req_tracked.next = !self.regions.req_known.val().plain;
        }
        if self.regions.req_fresh.val() & self.req_legal.val() & self.req.val().decodes {
            self.guess_plain.d.next = self.req_plain.val();
        }
        self.req_offer.next = self.req_legal.val()
            & self.req_tracked.val()
            & !self.pass.val()
            & !self.drains_any.q.val()
            & !self.deferred_many.q.val();

        comment!("The request that entered in the cycle before: is its page being recalled?");
        self.asked.d.next = self.req_head.val();
        self.defers.next = self.asks.q.val() & self.query_hit.val() & !self.query_stuck.val();
        self.timed_out.next = self.asks.q.val() & self.query_hit.val() & self.query_stuck.val();
        self.retract.next = self.defers.val() | self.strays.q.val();
        self.give_ndr.next = self.defers.val() | self.strays.q.val();
        self.give_drs.next = (self.defers.val() | self.strays.q.val()) & self.asked.q.val().reads;
        self.count_deferred.next = self.defers.val();

        comment!("Who offers a request slot: in a pass, a deferred request that is served.");
        self.waiting_back.next = self.waits.q.val() & !self.serves.q.val();
        self.served.next = self.waiting.q.val().request;
        self.chosen.next = self.req.val();
        self.chosen_reads.next = self.req_head.val().reads;
        self.chosen_stuck.next = false;
        if self.pass.val() {
            self.chosen.next = self.served.val();
            self.chosen_reads.next = (self.served.val().opcode == m2s_req::MEM_RD)
                | (self.served.val().opcode == m2s_req::MEM_RD_DATA);
            self.chosen_stuck.next = self.serves_stuck.q.val();
        }
        self.chosen_valid.next = (self.req_offer.val() | (self.waits.q.val() & self.serves.q.val()))
            & self.ndr_spare.val()
            & (self.drs_ok.val() | !self.chosen_reads.val());

        comment!("RwD: decode and queue.");
        self.rwd_offset.next = self.m2s_rwd.addr.val().get_bits::<40>(12) - self.window_base.val();
        self.rwd_decodes.next = (self.m2s_rwd.addr.val().get_bits::<40>(12) >= self.window_base.val())
            & (self.rwd_offset.val() < bit_cast::<40, 32>(self.window_pages.val()));
        self.arrived.in_valid.next = self.m2s_rwd.valid.val();
        self.m2s_rwd.ready.next = self.arrived.in_ready.val();
        self.rwd.next.page = 0.into();
        if self.rwd_decodes.val() {
            self.rwd.next.page = self.rwd_offset.val().get_bits::<PAGE_BITS>(0);
        }
        self.rwd.next.line = self.m2s_rwd.addr.val().get_bits::<6>(6);
        self.rwd.next.decodes = self.rwd_decodes.val();
        self.rwd.next.opcode = self.m2s_rwd.opcode.val();
        self.rwd.next.meta_field = self.m2s_rwd.meta_field.val();
        self.rwd.next.meta_value = self.m2s_rwd.meta_value.val();
        self.rwd.next.snp_type = self.m2s_rwd.snp_type.val();
        self.rwd.next.tag = self.m2s_rwd.tag.val();
        self.rwd_conflict.next = self.m2s_rwd.opcode.val() == m2s_rwd::BI_CONFLICT;
        self.rwd_known.next = (self.m2s_rwd.opcode.val() == m2s_rwd::MEM_WR)
            | (self.m2s_rwd.opcode.val() == m2s_rwd::MEM_WR_PTL);
        self.arrived.in_data.next.request = self.rwd.val();
        self.arrived.in_data.next.reads = false;
        self.arrived.in_data.next.dropped = false;
        self.arrived.in_data.next.illegal = !self.rwd_conflict.val()
            & (!self.rwd_known.val()
                | (self.m2s_rwd.meta_field.val() == 1)
                | (self.m2s_rwd.meta_field.val() == 2)
                | ((self.m2s_rwd.meta_field.val() == meta_field::META0_STATE)
                    & (self.m2s_rwd.meta_value.val() == 1))
                | self.m2s_rwd.snp_type.val().get_bit(2));
        self.write_enable.next = !bits::<64>(0);
        if self.m2s_rwd.opcode.val() == m2s_rwd::MEM_WR_PTL {
            self.write_enable.next = self.m2s_rwd.be.val();
        }
        self.writes.in_valid.next = self.arrived.out_valid.val();
        self.writes.in_data.next = self.arrived.out_data.val();
        self.arrived.out_ready.next = self.writes.in_ready.val();
        self.data_store.write_enable.next = self.m2s_rwd.valid.val() & self.arrived.in_ready.val();
        self.data_store.write_address.next = self.data_in.q.val();
        self.data_store.read_address.next = self.data_out.q.val();
        if self.m2s_rwd.valid.val() & self.arrived.in_ready.val() {
            self.data_in.d.next = self.data_in.q.val() + 1;
        }
        self.data_store.write_data.next = bit_cast::<576, 512>(self.m2s_rwd.data.val())
            | (bit_cast::<576, 64>(self.write_enable.val()) << 512);
        self.count_rwd.next = self.m2s_rwd.valid.val() & self.arrived.in_ready.val();

        comment!("RwD: the head of the queue.");
        self.rwd_head.next = self.writes.out_data.val().request;
        self.conflict_head.next = self.rwd_head.val().opcode == m2s_rwd::BI_CONFLICT;
        self.rwd_legal.next = self.writes.out_valid.val() & !self.writes.out_data.val().illegal;
        self.rwd_plain.next = self.rwd_legal.val()
            & !self.conflict_head.val()
            & self.rwd_head.val().decodes
            & self.regions.rwd_known.val().plain;
        self.rwd_offer.next = self.rwd_legal.val()
            & !self.rwd_plain.val()
            & self.ndr_ok.val()
            & (self.place_valid.val() | self.conflict_head.val());

        comment!(
            "Lines of plain regions. A request leaves places for answers to the slot that may enter in the same cycle, and to a write."
        );
        comment!("A write takes the last one: beside it only a request can enter, which leaves it.");
        self.regions.init.next = self.region_init.val();
        self.regions.init_pages.next = self.region_pages.val();
        self.region_ready.next = self.regions.ready.val();
        self.regions.write.next = self.region_write.val();
        self.regions.region.next = self.region.val();
        self.regions.entry.next = self.region_entry.val();
        self.region_settled.next = self.regions.settled.val();
        self.regions.req_accept.next = self.m2s_req.valid.val() & self.requests.in_ready.val();
        self.regions.req_region.next = self.req_offset.val().get_bits::<GROUP_BITS>(9);
        self.regions.rwd_accept.next = self.m2s_rwd.valid.val() & self.arrived.in_ready.val();
        self.regions.rwd_region.next = self.rwd_offset.val().get_bits::<GROUP_BITS>(9);
        self.plain_req_valid.next =
            self.req_plain.val() & self.ndr_room.val() & (self.drs_spare.val() | !self.req_head.val().reads);
        self.plain_req_known.next = self.req_legal.val()
            & self.req.val().decodes
            & !self.regions.req_fresh.val()
            & self.regions.req_known.val().plain
            & self.ndr_room.val()
            & (self.drs_spare.val() | !self.req_head.val().reads);
        self.plain_req.next = self.req.val();
        self.plain_req_entry.next = self.regions.req_head.val();
        self.plain_rwd_valid.next = self.rwd_plain.val() & self.ndr_ok.val() & self.place_valid.val();
        self.plain_rwd.next = self.rwd_head.val();
        self.plain_rwd_entry.next = self.regions.rwd_known.val();

        comment!("One of five is granted.");
        self.offers.next = self.enable.val() & self.room.val();
        self.offers_low.next = self.enable.val() & self.room_low.val();
        self.offered.next = bits::<5>(0)
            .replace_bit(0, self.rwd_offer.val() & self.offers.val())
            .replace_bit(1, self.chosen_valid.val() & self.offers_low.val())
            .replace_bit(2, self.page_valid.val() & self.offers_low.val())
            .replace_bit(3, self.fill_valid.val())
            .replace_bit(4, self.replay_valid.val());
        self.arbiter.enter.next = self.list_room.val() & !self.hole.val();
        self.arbiter.request.next = self.offered.val();
        self.arbiter.rows.next = bits::<5>(0)
            .replace_bit(2, true)
            .replace_bit(3, self.fill_entry.val().fill)
            .replace_bit(4, self.replay_slot.val().kind.get_bit(3));
        self.arbiter.page[0].next = self.rwd_head.val().page;
        self.arbiter.page[1].next = self.chosen.val().page;
        self.arbiter.page[2].next = self.page_slot.val().page;
        self.arbiter.page[3].next = self.fill_slot.val().page;
        self.arbiter.page[4].next = self.replay_slot.val().page;
        self.arbiter.hold.next = self.hold.val();
        for k in 0..4 {
            self.arbiter.hold_page[k].next = self.hold_page[k].val();
        }
        self.granted.next = self.arbiter.grant.val();
        self.write_granted.next = self.granted.val().get_bit(0);
        self.request_granted.next = self.granted.val().get_bit(1);
        self.asks.d.next = self.request_granted.val()
            & !self.pass.val()
            & self.req.val().decodes
            & !self.regions.req_head.val().plain;
        self.strays.d.next = self.request_granted.val() & !self.pass.val() & self.req_plain.val();
        self.page_granted.next = self.granted.val().get_bit(2);
        self.fill_granted.next = self.granted.val().get_bit(3);
        self.replay_granted.next = self.granted.val().get_bit(4);

        comment!("The slot that enters.");
        self.slot_valid.next = self.granted.val().any();
        self.write_slot.next.kind = slot_kind::WRITE.into();
        if self.conflict_head.val() {
            self.write_slot.next.kind = slot_kind::CONFLICT.into();
        }
        self.write_slot.next.page = self.rwd_head.val().page;
        self.write_slot.next.line = self.rwd_head.val().line;
        self.write_slot.next.decodes = self.rwd_head.val().decodes;
        self.write_slot.next.timed_out = false;
        self.write_slot.next.opcode = self.rwd_head.val().opcode;
        self.write_slot.next.meta_field = self.rwd_head.val().meta_field;
        self.write_slot.next.meta_value = self.rwd_head.val().meta_value;
        self.write_slot.next.snp_type = self.rwd_head.val().snp_type;
        self.write_slot.next.tag = self.rwd_head.val().tag;
        self.write_slot.next.flags = 0.into();
        self.write_slot.next.recalled = false;
        self.write_slot.next.context = 0.into();
        self.write_slot.next.frame = 0.into();
        self.write_slot.next.mask = 0.into();
        self.write_slot.next.data = self.place.val();
        self.request_slot.next.kind = slot_kind::REQ.into();
        self.request_slot.next.page = self.chosen.val().page;
        self.request_slot.next.line = self.chosen.val().line;
        self.request_slot.next.decodes = self.chosen.val().decodes;
        self.request_slot.next.timed_out = self.chosen_stuck.val();
        self.request_slot.next.opcode = self.chosen.val().opcode;
        self.request_slot.next.meta_field = self.chosen.val().meta_field;
        self.request_slot.next.meta_value = self.chosen.val().meta_value;
        self.request_slot.next.snp_type = self.chosen.val().snp_type;
        self.request_slot.next.tag = self.chosen.val().tag;
        self.request_slot.next.flags = 0.into();
        self.request_slot.next.recalled = false;
        self.request_slot.next.context = 0.into();
        self.request_slot.next.frame = 0.into();
        self.request_slot.next.mask = 0.into();
        self.request_slot.next.data = 0.into();
        self.pick.grant.next = self.granted.val();
        self.pick.offered[0].next = self.write_slot.val();
        self.pick.offered[1].next = self.request_slot.val();
        self.pick.offered[2].next = self.page_slot.val();
        self.pick.offered[3].next = self.fill_slot.val();
        self.pick.offered[4].next = self.replay_slot.val();
        self.slot.next = self.pick.slot.val();
        self.slot_entry.next.replay = self.granted.val().get_bit(4);
        self.slot_entry.next.fill = self.granted.val().get_bit(3) & self.fill_entry.val().fill;
        self.slot_entry.next.pass = self.granted.val().get_bit(3) & self.fill_entry.val().pass;
        self.slot_entry.next.entry = self.fill_entry.val().entry;
        self.take_ndr.next = self.write_granted.val() | self.request_granted.val();
        self.take_drs.next = self.request_granted.val() & self.chosen_reads.val();
        self.take_drs_plain.next = self.plain_req_taken.val() & self.req_head.val().reads;
        self.write_enters.next = self.write_granted.val() & !self.conflict_head.val();
        self.data_valid.next = self.write_enters.val() | self.plain_rwd_taken.val();
        self.data.next = self.data_store.read_data.val();

        comment!("What leaves the queues.");
        self.rwd_goes.next =
            (self.write_granted.val() | self.writes.out_data.val().illegal | self.plain_rwd_taken.val())
                & self.writes.out_valid.val();
        self.writes.out_ready.next = self.rwd_goes.val();
        if self.rwd_goes.val() {
            self.data_out.d.next = self.data_out.q.val() + 1;
        }
        self.req_goes.next = ((self.request_granted.val() & !self.pass.val() & !self.req_plain.val())
            | self.plain_req_taken.val()
            | self.req_head.val().illegal
            | self.req_head.val().dropped)
            & self.requests.out_valid.val();
        self.requests.out_ready.next = self.req_goes.val();
        self.regions.req_pop.next = self.req_goes.val();
        self.regions.rwd_pop.next = self.rwd_goes.val();
        self.illegal.next = (self.requests.out_valid.val() & self.req_head.val().illegal)
            | (self.writes.out_valid.val() & self.writes.out_data.val().illegal);
        self.deferred.in_valid.next = self.defers.val() | self.waiting_back.val();
        self.deferred.in_data.next.context = self.query_context.val();
        self.deferred.in_data.next.request = self.asked.q.val().request;
        if self.waiting_back.val() {
            self.deferred.in_data.next = self.waiting.q.val();
        }

        comment!("The pass: as many as were there at its start, one at a time served or put back.");
        self.waiting_ends.next = (self.request_granted.val() & self.pass.val()) | self.waiting_back.val();
        self.waiting_next.next = self.pass.val()
            & (self.drain_left.q.val() != 0)
            & self.deferred_head.out_valid.val()
            & (!self.waits.q.val() | self.waiting_ends.val());
        self.deferred_head.in_valid.next = self.deferred.out_valid.val();
        self.deferred_head.in_data.next = self.deferred.out_data.val();
        self.deferred.out_ready.next = self.deferred_head.in_ready.val();
        self.deferred_head.out_ready.next = self.waiting_next.val();
        self.deferred_more.next = self.deferred_count.q.val()
            + bit_cast::<7, 1>((self.defers.val() | self.waiting_back.val()).into());
        self.deferred_count.d.next = self.deferred_more.val();
        if self.waiting_next.val() {
            self.deferred_count.d.next = self.deferred_more.val() - 1;
        }
        self.oldest.next = self.deferred_head.out_data.val();
        self.oldest_context.next = bits::<CONTEXTS>(1) << self.oldest.val().context;
        if self.waiting_next.val() {
            self.waits.d.next = true;
            self.waiting.d.next = self.oldest.val();
            self.serves.d.next = (self.oldest_context.val() & self.drain_set.q.val()).any();
            self.serves_stuck.d.next = (self.oldest_context.val() & self.stuck.val()).any();
            self.drain_left.d.next = self.drain_left.q.val() - 1;
        } else if self.waiting_ends.val() {
            self.waits.d.next = false;
        }
        self.drained.next = 0.into();
        match self.drain.q.val() {
            DrainState::Idle => {
                if self.start_pass.val() {
                    self.drain.d.next = DrainState::Pass;
                    self.drain_set.d.next = self.drains.val();
                    self.drain_left.d.next = self.deferred_count.q.val();
                }
            }
            DrainState::Pass => {
                if (self.drain_left.q.val() == 0) & !self.waits.q.val() {
                    self.drain.d.next = DrainState::Idle;
                    self.drained.next = self.drain_set.q.val();
                }
            }
            _ => {
                self.drain.d.next = DrainState::Idle;
            }
        }
    }
}

//! Page slots and the recalls they need: sixteen contexts, one snoop issuer, the table of snoops under way.
//!
//! # Operation
//! *Start*: the walker gives a page; it gets the lowest free context (or, for UNMAP, the context that is stuck with that
//! page). *Page slots*: contexts take turns. *Snoops*: a committed slot that needs a recall queues its lines; the issuer
//! sends one BISnp per cycle, each with a tag of its own, at most one per line. *Responses*: always accepted (the queue
//! holds one per tag); each becomes a slot that clears the owned bit. A response without a snoop, or to an abandoned one,
//! is dropped and reported; a wrong one makes the line be snooped once more, with BISnpInv, unless 16 entries wait
//! already: the other places of the queue belong to the contexts.
//!
//! *Query*: the front end asks for each request whether its page is held by a context.
//!
//! # Timing
//! Needed recall to first BISnp valid: 3 cycles; then one per cycle, one cycle between pages.

use super::channels::{M2sBirsp, S2mBisnp};
use super::gather::Gather;
use super::lowest_set::LowestSet;
use super::recall_context::RecallContext;
use super::types::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;
use tideline_abi::cxl::{m2s_birsp, s2m_bisnp};
use tideline_abi::slot::{slot_kind, slot_status};

/// Runs page slots with their recalls.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct RecallEngine {
    /// The clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// The table of tags is ready.
    pub ready: Signal<Out, Bit>,
    /// WINDOW_BASE, the page number.
    pub window_base: Signal<In, Bits<40>>,
    /// RECALL_TIMEOUT.
    pub timeout: Signal<In, Bits<32>>,
    /// There is room for the records of all contexts: a page may start its harvest. Once started it waits for no host.
    pub record_ok: Signal<In, Bit>,

    /// A page is given.
    pub start_valid: Signal<In, Bit>,
    /// It is taken.
    pub start_ready: Signal<Out, Bit>,
    /// It will not be taken: its recall timed out earlier and the slot is not an UNMAP, or no context can come free.
    pub start_stuck: Signal<Out, Bit>,
    /// The page.
    pub start_page: Signal<In, Page>,
    /// `slot_kind` of the page slot.
    pub start_kind: Signal<In, Bits<4>>,
    /// Its command flags.
    pub start_flags: Signal<In, Bits<8>>,
    /// MAP: its frame.
    pub start_frame: Signal<In, Frame>,
    /// Some page slot has not ended.
    pub active: Signal<Out, Bit>,
    /// A page slot was refused: wrong state.
    pub wrong_state: Signal<Out, Bit>,
    /// Page of the refused slot.
    pub wrong_page: Signal<Out, Page>,
    /// A recall timed out.
    pub timed_out: Signal<Out, Bit>,

    /// Page of the request at the front end.
    pub query_page: Signal<In, Page>,
    /// A context holds it.
    pub query_hit: Signal<Out, Bit>,
    /// That context is stuck.
    pub query_stuck: Signal<Out, Bit>,
    /// That context.
    pub query_context: Signal<Out, Bits<CONTEXT_BITS>>,
    /// Contexts whose deferred requests are to be served.
    pub drains: Signal<Out, Bits<16>>,
    /// Contexts that are stuck: their deferred requests are answered with poison.
    pub stuck: Signal<Out, Bits<16>>,
    /// The deferred requests of these contexts were served.
    pub drained: Signal<In, Bits<16>>,

    /// A page slot is offered.
    pub page_valid: Signal<Out, Bit>,
    /// The slot.
    pub page_slot: Signal<Out, SlotBits>,
    /// It enters the pipeline.
    pub page_granted: Signal<In, Bit>,
    /// The slot of a snoop response is offered.
    pub response_valid: Signal<Out, Bit>,
    /// The slot.
    pub response_slot: Signal<Out, SlotBits>,
    /// It enters the pipeline.
    pub response_granted: Signal<In, Bit>,
    /// A slot was committed.
    pub result_valid: Signal<In, Bit>,
    /// The slot.
    pub result_slot: Signal<In, SlotBits>,
    /// What it decided.
    pub result: Signal<In, ResultBits>,

    /// A response without a snoop was dropped.
    pub bad_response: Signal<Out, Bit>,
    /// A snoop is sent in this cycle.
    pub snoop_sent: Signal<Out, Bit>,
    /// A response is taken in this cycle.
    pub response_taken: Signal<Out, Bit>,
    /// Most snoops outstanding at once.
    pub peak: Signal<Out, Bits<8>>,
    /// Snoop responses.
    pub m2s_birsp: M2sBirsp,
    /// Snoops.
    pub s2m_bisnp: S2mBisnp,

    contexts: [RecallContext; 16],
    free: Gather,
    offers: Gather,
    holds_query: Gather,
    holds_start: Gather,
    drain_mask: Gather,
    stuck_mask: Gather,
    active_mask: Gather,
    timeout_mask: Gather,
    wrong_mask: Gather,
    owing: Gather,
    rests: Gather,
    lost: Gather,
    turn: RoundRobin<16>,
    work: Fifo<SnoopWorkBits, 5>,
    responses: Fifo<ResponseBits, 8>,
    tags: Fifo<Bits<TAG_BITS>, TAG_BITS>,
    table: LutRam<TagBits, TAG_BITS>,
    lowest: LowestSet,
    snoop: Skid<SnoopBits>,
    outstanding: Reg<Bits<128>>,
    tag_count: Reg<Bits<8>>,
    in_flight: Reg<Bits<8>>,
    peak_r: Reg<Bits<8>>,
    work_valid: Reg<Bit>,
    work_now: Reg<SnoopWorkBits>,

    start_free: Signal<Local, Bits<16>>,
    start_held: Signal<Local, Bits<16>>,
    start_held_stuck: Signal<Local, Bit>,
    start_select: Signal<Local, Bits<16>>,
    start_fire: Signal<Local, Bit>,
    start_unmap: Signal<Local, Bit>,
    start_room: Signal<Local, Bit>,
    grant_page: Signal<Local, Page>,
    grant_kind: Signal<Local, Bits<4>>,
    grant_flags: Signal<Local, Bits<8>>,
    grant_frame: Signal<Local, Frame>,
    grant_recalled: Signal<Local, Bit>,
    grant_context: Signal<Local, Bits<CONTEXT_BITS>>,
    result_context: Signal<Local, Bits<16>>,
    page_commit: Signal<Local, Bit>,
    response_commit: Signal<Local, Bit>,
    needs_recall: Signal<Local, Bit>,
    snoop_again: Signal<Local, Bit>,
    invalidate: Signal<Local, Bit>,
    work_context: Signal<Local, Bits<16>>,
    push_context: Signal<Local, Bits<16>>,
    send: Signal<Local, Bit>,
    skip: Signal<Local, Bit>,
    rest: Signal<Local, LineMask>,
    last: Signal<Local, Bit>,
    tag: Signal<Local, Bits<TAG_BITS>>,
    entry: Signal<Local, TagBits>,
    entry_context: Signal<Local, Bits<16>>,
    known: Signal<Local, Bit>,
    readable: Signal<Local, Bit>,
    abandoned: Signal<Local, Bit>,
    offer_response: Signal<Local, Bit>,
    settle: Signal<Local, Bit>,
    drop: Signal<Local, Bit>,
    free_tag: Signal<Local, Bit>,
    fill_tags: Signal<Local, Bit>,
    after_send: Signal<Local, Bits<128>>,
    query: Signal<Local, Bits<16>>,
}

impl Logic for RecallEngine {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module recall_engine");
        dff_setup!(self, clk, outstanding, tag_count, in_flight, peak_r, work_valid, work_now);
        self.turn.clk.next = self.clk.val();
        self.turn.rst.next = self.rst.val();
        self.work.clk.next = self.clk.val();
        self.work.rst.next = self.rst.val();
        self.responses.clk.next = self.clk.val();
        self.responses.rst.next = self.rst.val();
        self.tags.clk.next = self.clk.val();
        self.tags.rst.next = self.rst.val();
        self.table.clock.next = self.clk.val();
        self.snoop.clk.next = self.clk.val();
        self.snoop.rst.next = self.rst.val();

        comment!("What the contexts say.");
        for i in 0..16 {
            self.free.bit[i].next = self.contexts[i].free.val();
            self.offers.bit[i].next = self.contexts[i].offers.val();
            self.holds_query.bit[i].next =
                self.contexts[i].busy.val() & (self.contexts[i].page.val() == self.query_page.val());
            self.holds_start.bit[i].next =
                self.contexts[i].busy.val() & (self.contexts[i].page.val() == self.start_page.val());
            self.drain_mask.bit[i].next = self.contexts[i].drains.val();
            self.stuck_mask.bit[i].next = self.contexts[i].stuck.val();
            self.active_mask.bit[i].next =
                self.contexts[i].busy.val() & !self.contexts[i].drains.val() & !self.contexts[i].stuck.val();
            self.timeout_mask.bit[i].next = self.contexts[i].ended_timeout.val();
            self.wrong_mask.bit[i].next = self.contexts[i].ended_wrong.val();
            self.owing.bit[i].next = self.contexts[i].owes.val();
            self.rests.bit[i].next = self.contexts[i].rests.val();
            self.lost.bit[i].next = self.contexts[i].lost.val();
        }
        self.drains.next = self.drain_mask.vector.val();
        self.stuck.next = self.stuck_mask.vector.val();
        self.timed_out.next = self.timeout_mask.vector.val().any();
        self.wrong_state.next = self.wrong_mask.vector.val().any();
        self.wrong_page.next = 0.into();
        for i in 0..16 {
            if self.contexts[i].ended_wrong.val() {
                self.wrong_page.next = self.contexts[i].page.val();
            }
        }
        self.active.next = self.active_mask.vector.val().any()
            | self.timeout_mask.vector.val().any()
            | self.wrong_mask.vector.val().any();

        comment!("Query.");
        self.query.next = self.holds_query.vector.val();
        self.query_hit.next = self.query.val().any();
        self.query_stuck.next = (self.query.val() & self.stuck_mask.vector.val()).any();
        self.query_context.next = 0.into();
        for i in 0..16 {
            if self.query.val().get_bit(i) {
                self.query_context.next = i.to_bits();
            }
        }

        comment!("Start: the lowest free context, or the stuck one of the page.");
        self.start_free.next = self.free.vector.val() & (!self.free.vector.val() + 1);
        self.start_held.next = self.holds_start.vector.val();
        self.start_held_stuck.next = (self.start_held.val() & self.rests.vector.val()).any();
        self.start_unmap.next = self.start_kind.val() == slot_kind::UNMAP;
        self.start_select.next = self.start_free.val();
        if self.start_held.val().any() {
            self.start_select.next = 0.into();
            if self.start_held_stuck.val() & self.start_unmap.val() {
                self.start_select.next = self.start_held.val();
            }
        }
        self.start_room.next = self.record_ok.val() | (self.start_kind.val() != slot_kind::HARVEST);
        self.start_ready.next = self.start_select.val().any() & self.start_room.val();
        self.start_stuck.next = (self.start_held_stuck.val() & !self.start_unmap.val())
            | ((self.rests.vector.val() | self.lost.vector.val()).all() & !self.start_held.val().any());
        self.start_fire.next = self.start_valid.val() & self.start_select.val().any() & self.start_room.val();

        comment!("Page slots: contexts take turns.");
        self.turn.request.next = self.offers.vector.val();
        self.turn.advance.next = self.page_granted.val();
        self.page_valid.next = self.turn.any.val();
        self.grant_page.next = 0.into();
        self.grant_kind.next = 0.into();
        self.grant_flags.next = 0.into();
        self.grant_frame.next = 0.into();
        self.grant_recalled.next = false;
        self.grant_context.next = 0.into();
        for i in 0..16 {
            if self.turn.grant.val().get_bit(i) {
                self.grant_page.next = self.contexts[i].page.val();
                self.grant_kind.next = self.contexts[i].kind.val();
                self.grant_flags.next = self.contexts[i].flags.val();
                self.grant_frame.next = self.contexts[i].frame.val();
                self.grant_recalled.next = self.contexts[i].recalled.val();
                self.grant_context.next = i.to_bits();
            }
        }
        self.page_slot.next.kind = self.grant_kind.val();
        self.page_slot.next.page = self.grant_page.val();
        self.page_slot.next.line = 0.into();
        self.page_slot.next.decodes = true;
        self.page_slot.next.timed_out = false;
        self.page_slot.next.opcode = 0.into();
        self.page_slot.next.meta_field = 0.into();
        self.page_slot.next.meta_value = 0.into();
        self.page_slot.next.snp_type = 0.into();
        self.page_slot.next.tag = 0.into();
        self.page_slot.next.flags = self.grant_flags.val();
        self.page_slot.next.recalled = self.grant_recalled.val();
        self.page_slot.next.context = self.grant_context.val();
        self.page_slot.next.frame = self.grant_frame.val();
        self.page_slot.next.mask = 0.into();
        self.page_slot.next.data = 0.into();

        comment!("Committed slots of contexts; merges of the spool have none.");
        self.result_context.next = bits::<16>(1) << self.result_slot.val().context;
        self.page_commit.next = self.result_valid.val()
            & self.result_slot.val().kind.get_bit(3)
            & (self.result_slot.val().kind != slot_kind::MERGE);
        self.response_commit.next =
            self.result_valid.val() & (self.result_slot.val().kind == slot_kind::BI_RSP);
        self.needs_recall.next =
            self.page_commit.val() & (self.result.val().status == slot_status::NEED_RECALL);
        self.snoop_again.next = self.response_commit.val()
            & !self.result.val().response_ok
            & !self.result_slot.val().recalled
            & (self.work.count.val() < 16);
        self.invalidate.next = (self.result_slot.val().kind == slot_kind::MAP)
            | (self.result_slot.val().kind == slot_kind::UNMAP)
            | ((self.result_slot.val().kind == slot_kind::RECALL) & self.result_slot.val().flags.get_bit(0))
            | self.snoop_again.val();
        self.work.in_valid.next = self.needs_recall.val() | self.snoop_again.val();
        self.work.in_data.next.page = self.result_slot.val().page;
        self.work.in_data.next.context = self.result_slot.val().context;
        self.work.in_data.next.invalidate = self.invalidate.val();
        self.work.in_data.next.again = self.snoop_again.val();
        self.work.in_data.next.mask = self.result.val().mask;
        if self.snoop_again.val() {
            self.work.in_data.next.mask = bits::<64>(1) << self.result_slot.val().line;
        }
        self.push_context.next = 0.into();
        if self.needs_recall.val() | self.snoop_again.val() {
            self.push_context.next = self.result_context.val();
        }

        comment!("The issuer: one snoop per cycle. What is left of a recall that timed out is not sent.");
        self.work_context.next = bits::<16>(1) << self.work_now.q.val().context;
        self.lowest.mask.next = self.work_now.q.val().mask;
        self.skip.next =
            self.work_valid.q.val() & (self.work_context.val() & self.stuck_mask.vector.val()).any();
        self.send.next = self.work_valid.q.val()
            & self.tags.out_valid.val()
            & self.snoop.in_ready.val()
            & !self.skip.val();
        self.rest.next = self.work_now.q.val().mask & !self.lowest.one_hot.val();
        self.last.next = (self.send.val() & !self.rest.val().any()) | self.skip.val();
        self.snoop_sent.next = self.send.val();
        self.tags.out_ready.next = self.send.val();
        self.snoop.in_valid.next = self.send.val();
        self.snoop.in_data.next.opcode = s2m_bisnp::BI_SNP_DATA.into();
        if self.work_now.q.val().invalidate {
            self.snoop.in_data.next.opcode = s2m_bisnp::BI_SNP_INV.into();
        }
        self.snoop.in_data.next.page = self.work_now.q.val().page;
        self.snoop.in_data.next.line = self.lowest.index.val();
        self.snoop.in_data.next.tag = bit_cast::<16, TAG_BITS>(self.tags.out_data.val());
        self.work.out_ready.next = !self.work_valid.q.val() | self.last.val();
        if self.send.val() {
            self.work_now.d.next.mask = self.rest.val();
        }
        if !self.work_valid.q.val() | self.last.val() {
            self.work_valid.d.next = self.work.out_valid.val();
            self.work_now.d.next = self.work.out_data.val();
        }
        self.table.write_enable.next = self.send.val();
        self.table.write_address.next = self.tags.out_data.val();
        self.table.write_data.next.page = self.work_now.q.val().page;
        self.table.write_data.next.line = self.lowest.index.val();
        self.table.write_data.next.context = self.work_now.q.val().context;
        self.table.write_data.next.opcode = s2m_bisnp::BI_SNP_DATA.into();
        if self.work_now.q.val().invalidate {
            self.table.write_data.next.opcode = s2m_bisnp::BI_SNP_INV.into();
        }
        self.table.write_data.next.again = self.work_now.q.val().again;
        self.s2m_bisnp.valid.next = self.snoop.out_valid.val();
        self.snoop.out_ready.next = self.s2m_bisnp.ready.val();
        self.s2m_bisnp.opcode.next = self.snoop.out_data.val().opcode;
        self.s2m_bisnp.addr.next =
            (bit_cast::<52, 40>(self.window_base.val() + bit_cast::<40, 16>(self.snoop.out_data.val().page))
                << 12)
                | (bit_cast::<52, 6>(self.snoop.out_data.val().line) << 6);
        self.s2m_bisnp.tag.next = self.snoop.out_data.val().tag;

        comment!("Responses: always taken, there are more places than tags.");
        self.responses.in_valid.next = self.m2s_birsp.valid.val();
        self.m2s_birsp.ready.next = self.responses.in_ready.val();
        self.responses.in_data.next.opcode = self.m2s_birsp.opcode.val();
        self.responses.in_data.next.tag = self.m2s_birsp.tag.val();
        self.tag.next = self.responses.out_data.val().tag.get_bits::<TAG_BITS>(0);
        self.table.read_address.next = self.tag.val();
        self.entry.next = self.table.read_data.val();
        self.entry_context.next = bits::<16>(1) << self.entry.val().context;
        self.known.next = (self.responses.out_data.val().tag.get_bits::<9>(7) == 0)
            & self.outstanding.q.val().get_bit(self.tag.val().index());
        self.readable.next = (self.responses.out_data.val().opcode == m2s_birsp::BI_RSP_I)
            | (self.responses.out_data.val().opcode == m2s_birsp::BI_RSP_S)
            | (self.responses.out_data.val().opcode == m2s_birsp::BI_RSP_E);
        self.abandoned.next = (self.entry_context.val() & self.owing.vector.val()).any();
        self.offer_response.next =
            self.responses.out_valid.val() & self.known.val() & self.readable.val() & !self.abandoned.val();
        self.settle.next =
            self.responses.out_valid.val() & self.known.val() & self.readable.val() & self.abandoned.val();
        self.drop.next = self.responses.out_valid.val() & (!self.known.val() | !self.readable.val());
        self.free_tag.next = self.response_granted.val() | self.settle.val();
        self.responses.out_ready.next = self.free_tag.val() | self.drop.val();
        self.response_taken.next = self.m2s_birsp.valid.val() & self.responses.in_ready.val();
        self.bad_response.next = self.drop.val();
        self.response_valid.next = self.offer_response.val();
        self.response_slot.next.kind = slot_kind::BI_RSP.into();
        self.response_slot.next.page = self.entry.val().page;
        self.response_slot.next.line = self.entry.val().line;
        self.response_slot.next.decodes = true;
        self.response_slot.next.timed_out = false;
        self.response_slot.next.opcode = self.responses.out_data.val().opcode;
        self.response_slot.next.meta_field = 0.into();
        self.response_slot.next.meta_value = 0.into();
        self.response_slot.next.snp_type = self.entry.val().opcode;
        self.response_slot.next.tag = self.responses.out_data.val().tag;
        self.response_slot.next.flags = 0.into();
        self.response_slot.next.recalled = self.entry.val().again;
        self.response_slot.next.context = self.entry.val().context;
        self.response_slot.next.frame = 0.into();
        self.response_slot.next.mask = 0.into();
        self.response_slot.next.data = 0.into();

        comment!("Tags: filled once after reset, then those of answered snoops.");
        self.fill_tags.next = !self.tag_count.q.val().get_bit(7);
        self.ready.next = !self.fill_tags.val();
        self.tags.in_valid.next = self.fill_tags.val() | self.free_tag.val();
        self.tags.in_data.next = self.tag.val();
        if self.fill_tags.val() {
            self.tags.in_data.next = self.tag_count.q.val().get_bits::<TAG_BITS>(0);
            self.tag_count.d.next = self.tag_count.q.val() + 1;
        }
        self.after_send.next = self.outstanding.q.val();
        if self.send.val() {
            self.after_send.next =
                self.outstanding.q.val().replace_bit(self.tags.out_data.val().index(), true);
        }
        self.outstanding.d.next = self.after_send.val();
        if self.free_tag.val() {
            self.outstanding.d.next = self.after_send.val().replace_bit(self.tag.val().index(), false);
        }
        self.in_flight.d.next = self.in_flight.q.val() + bit_cast::<8, 1>(self.send.val().into())
            - bit_cast::<8, 1>(self.free_tag.val().into());
        if self.in_flight.q.val() > self.peak_r.q.val() {
            self.peak_r.d.next = self.in_flight.q.val();
        }
        self.peak.next = self.peak_r.q.val();

        comment!("What the contexts hear.");
        for i in 0..16 {
            self.contexts[i].clk.next = self.clk.val();
            self.contexts[i].rst.next = self.rst.val();
            self.contexts[i].start.next = self.start_fire.val() & self.start_select.val().get_bit(i);
            self.contexts[i].start_page.next = self.start_page.val();
            self.contexts[i].start_kind.next = self.start_kind.val();
            self.contexts[i].start_flags.next = self.start_flags.val();
            self.contexts[i].start_frame.next = self.start_frame.val();
            self.contexts[i].timeout.next = self.timeout.val();
            self.contexts[i].granted.next = self.page_granted.val() & self.turn.grant.val().get_bit(i);
            self.contexts[i].committed.next = self.page_commit.val() & self.result_context.val().get_bit(i);
            self.contexts[i].status.next = self.result.val().status;
            self.contexts[i].queues.next = self.push_context.val().get_bit(i);
            self.contexts[i].issued.next = self.last.val() & self.work_context.val().get_bit(i);
            self.contexts[i].sent.next = self.send.val() & self.work_context.val().get_bit(i);
            self.contexts[i].answered.next = self.response_commit.val()
                & self.result.val().response_ok
                & self.result_context.val().get_bit(i);
            self.contexts[i].wrong.next = self.snoop_again.val() & self.result_context.val().get_bit(i);
            self.contexts[i].failed.next = self.response_commit.val()
                & !self.result.val().response_ok
                & !self.snoop_again.val()
                & self.result_context.val().get_bit(i);
            self.contexts[i].settled.next = self.settle.val() & self.entry_context.val().get_bit(i);
            self.contexts[i].drained.next = self.drained.val().get_bit(i);
        }
    }
}

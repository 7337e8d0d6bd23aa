//! Page slots and the recalls they need: the pages under way, one snoop issuer, the table of snoops under way.
//!
//! # Operation
//! *Pages*: `recall_table` takes them from the walker and offers their slots. *Snoops*: a committed slot that needs a
//! recall queues its lines; the issuer sends one BISnp per cycle, each with a tag of its own: an aligned four or two
//! wanted lines together, else one line; at most one snoop per line. *Responses*: always taken, one per cycle, for a
//! line or for a whole block; the last one of a tag frees it, the last one of a page lets its slot be offered again, and
//! that slot takes the ownership of all the lines recalled. No response becomes a slot.
//!
//! A response that answers nothing is dropped and reported; so is a wrong one, and when all lines of its snoop are
//! answered, the snoop is sent once more, as BISnpInv and under the same tag, before the others. The second wrong answer
//! (or a first one while 18 snoops wait to be sent again) fails the recall of the page. Answers to a recall that is over
//! are only counted.
//!
//! *Query*: the front end asks for each request whether its page is held, and hears it a cycle later.
//!
//! # Open lines
//! Issuer and responses each write a memory of their own: a line of a tag is open while its two bits differ. So both run
//! at one per cycle. A free tag travels with the bits to differ from.
//!
//! # Timing
//! Needed recall to first BISnp valid: 3 cycles; then one per cycle, also across pages. A response is read up in the cycle after
//! it was taken, judged in the next, and counted for its page in the third.

use super::channels::{M2sBirsp, S2mBisnp};
use super::line_quads::LineQuads;
use super::recall_table::RecallTable;
use super::snoop_picker::SnoopPicker;
use super::types::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;
use tideline_abi::cxl::{m2s_birsp, s2m_bisnp};
use tideline_abi::geometry::PAGE_BITS;
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
    /// The page.
    pub start_page: Signal<In, Page>,
    /// `slot_kind` of the page slot.
    pub start_kind: Signal<In, Bits<4>>,
    /// Its command flags.
    pub start_flags: Signal<In, Bits<8>>,
    /// MAP: its frame.
    pub start_frame: Signal<In, Frame>,
    /// A page that was taken will not be started: its recall timed out earlier and the slot is not an UNMAP, or no context can
    /// come free.
    pub stuck_valid: Signal<Out, Bit>,
    /// The page.
    pub stuck_page: Signal<Out, Page>,
    /// That is known: it is forgotten.
    pub stuck_taken: Signal<In, Bit>,
    /// Some page that was taken has not ended.
    pub active: Signal<Out, Bit>,
    /// A page slot was refused: wrong state.
    pub wrong_state: Signal<Out, Bit>,
    /// Page of the refused slot.
    pub wrong_page: Signal<Out, Page>,
    /// A recall timed out.
    pub timed_out: Signal<Out, Bit>,

    /// Page of a request that enters the pipeline.
    pub query_page: Signal<In, Page>,
    /// A context holds the page of the cycle before.
    pub query_hit: Signal<Out, Bit>,
    /// That context is stuck, and no deferred request waits for it.
    pub query_stuck: Signal<Out, Bit>,
    /// That context.
    pub query_context: Signal<Out, Bits<CONTEXT_BITS>>,
    /// The request of the cycle before is deferred.
    pub deferred: Signal<In, Bit>,
    /// Contexts whose deferred requests are to be served.
    pub drains: Signal<Out, Contexts>,
    /// Contexts that are stuck: their deferred requests are answered with poison.
    pub stuck: Signal<Out, Contexts>,
    /// The deferred requests of these contexts were served.
    pub drained: Signal<In, Contexts>,

    /// A page slot is offered.
    pub page_valid: Signal<Out, Bit>,
    /// The slot.
    pub page_slot: Signal<Out, SlotBits>,
    /// It enters the pipeline.
    pub page_granted: Signal<In, Bit>,
    /// A slot was committed.
    pub result_valid: Signal<In, Bit>,
    /// The slot.
    pub result_slot: Signal<In, SlotBits>,
    /// What it decided.
    pub result: Signal<In, ResultBits>,

    /// A response was dropped, or was wrong.
    pub bad_response: Signal<Out, Bit>,
    /// A snoop is sent in this cycle.
    pub snoop_sent: Signal<Out, Bit>,
    /// A response is taken in this cycle.
    pub response_taken: Signal<Out, Bit>,
    /// Most snoops outstanding at once.
    pub peak: Signal<Out, Bits<9>>,
    /// Snoop responses.
    pub m2s_birsp: M2sBirsp,
    /// Snoops.
    pub s2m_bisnp: S2mBisnp,

    pages: RecallTable,
    work: Fifo<SnoopWorkBits, CONTEXT_BITS>,
    again: Fifo<AgainBits, 4>,
    again_head: Skid<AgainBits>,
    tags: RamFifo<FreeTagBits, TAG_BITS>,
    tags_head: Skid<FreeTagBits>,
    snoops: LutRam<TagBits, TAG_BITS>,
    asked: LutRam<Bits<4>, TAG_BITS>,
    answers: LutRam<AnsweredBits, TAG_BITS>,
    // Snoops of a context, modulo 256: sent and over. Two copies of each, for issuer and responses.
    sent_here: LutRam<Bits<8>, CONTEXT_BITS>,
    sent_there: LutRam<Bits<8>, CONTEXT_BITS>,
    over_here: LutRam<Bits<8>, CONTEXT_BITS>,
    over_there: LutRam<Bits<8>, CONTEXT_BITS>,
    new_quads: LineQuads,
    picker: SnoopPicker,
    snoop: Skid<SnoopBits>,
    fill: Reg<Bits<9>>,
    sending: Reg<Contexts>,
    work_valid: Reg<Bit>,
    work_now: Reg<SnoopWorkBits>,
    // Its recall timed out.
    stuck_work: Reg<Bit>,
    response_valid: Reg<Bit>,
    response: Reg<ResponseBits>,
    judged_valid: Reg<Bit>,
    judged: Reg<ResponseBits>,
    entry: Reg<TagBits>,
    asked_lines: Reg<Bits<4>>,
    answer: Reg<AnsweredBits>,
    // The lines that the response is about; it can be read; its recall is over.
    hit: Reg<Bits<4>>,
    readable: Reg<Bit>,
    is_over: Reg<Bit>,
    answered: Reg<Bit>,
    answered_context: Reg<Bits<CONTEXT_BITS>>,
    skipped: Reg<Bit>,
    skipped_context: Reg<Bits<CONTEXT_BITS>>,
    failed: Reg<Bit>,
    failed_context: Reg<Bits<CONTEXT_BITS>>,
    in_flight: Reg<Bits<9>>,
    peak_r: Reg<Bits<9>>,

    filling: Signal<Local, Bit>,
    job: Signal<Local, JobBits>,
    page_commit: Signal<Local, Bit>,
    needs_recall: Signal<Local, Bit>,
    queued_bit: Signal<Local, Contexts>,
    stuck_now: Signal<Local, Contexts>,
    over_now: Signal<Local, Contexts>,
    work_loads: Signal<Local, Bit>,
    resend: Signal<Local, Bit>,
    skip: Signal<Local, Bit>,
    send: Signal<Local, Bit>,
    send_any: Signal<Local, Bit>,
    last: Signal<Local, Bit>,
    last_bit: Signal<Local, Contexts>,
    again_now: Signal<Local, AgainBits>,
    free_now: Signal<Local, FreeTagBits>,
    sent_snoop: Signal<Local, TagBits>,
    sent_tag: Signal<Local, Bits<TAG_BITS>>,
    sent_answered: Signal<Local, Bits<4>>,
    sent_block: Signal<Local, Bit>,
    sent_lines: Signal<Local, Bits<4>>,
    tag: Signal<Local, Bits<TAG_BITS>>,
    judged_tag: Signal<Local, Bits<TAG_BITS>>,
    answer_next: Signal<Local, AnsweredBits>,
    open: Signal<Local, Bits<4>>,
    found: Signal<Local, TagBits>,
    block: Signal<Local, Bit>,
    by_block: Signal<Local, Bit>,
    known: Signal<Local, Bit>,
    right: Signal<Local, Bit>,
    wrong: Signal<Local, Bit>,
    complete: Signal<Local, Bit>,
    once_more: Signal<Local, Bit>,
    free_tag: Signal<Local, Bit>,
    all_sent: Signal<Local, Bit>,
    all_answered: Signal<Local, Bit>,
    frees_same: Signal<Local, Bit>,
    skipped_all: Signal<Local, Bit>,
}

impl Logic for RecallEngine {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module recall_engine");
        dff_setup!(
            self,
            clk,
            fill,
            sending,
            work_valid,
            work_now,
            stuck_work,
            response_valid,
            response,
            judged_valid,
            judged,
            entry,
            asked_lines,
            answer,
            hit,
            readable,
            is_over,
            answered,
            answered_context,
            skipped,
            skipped_context,
            failed,
            failed_context,
            in_flight,
            peak_r
        );
        self.pages.clk.next = self.clk.val();
        self.pages.rst.next = self.rst.val();
        self.work.clk.next = self.clk.val();
        self.work.rst.next = self.rst.val();
        self.again.clk.next = self.clk.val();
        self.again.rst.next = self.rst.val();
        self.again_head.clk.next = self.clk.val();
        self.again_head.rst.next = self.rst.val();
        self.tags.clk.next = self.clk.val();
        self.tags.rst.next = self.rst.val();
        self.tags_head.clk.next = self.clk.val();
        self.tags_head.rst.next = self.rst.val();
        self.snoop.clk.next = self.clk.val();
        self.snoop.rst.next = self.rst.val();
        self.snoops.clock.next = self.clk.val();
        self.asked.clock.next = self.clk.val();
        self.answers.clock.next = self.clk.val();
        self.sent_here.clock.next = self.clk.val();
        self.sent_there.clock.next = self.clk.val();
        self.over_here.clock.next = self.clk.val();
        self.over_there.clock.next = self.clk.val();

        comment!("After reset the memories are cleared and every tag becomes free.");
        self.filling.next = !self.fill.q.val().get_bit(8);
        self.ready.next = !self.filling.val();
        if self.filling.val() {
            self.fill.d.next = self.fill.q.val() + 1;
        }

        comment!("Pages.");
        self.pages.timeout.next = self.timeout.val();
        self.pages.record_ok.next = self.record_ok.val();
        self.pages.start_valid.next = self.start_valid.val();
        self.pages.start_job.next.page = self.start_page.val();
        self.pages.start_job.next.kind = self.start_kind.val();
        self.pages.start_job.next.flags = self.start_flags.val();
        self.pages.start_job.next.frame = self.start_frame.val();
        self.start_ready.next = self.pages.start_ready.val();
        self.stuck_valid.next = self.pages.stuck_valid.val();
        self.stuck_page.next = self.pages.stuck_page.val();
        self.pages.stuck_taken.next = self.stuck_taken.val();
        self.active.next = self.pages.active.val();
        self.timed_out.next = self.pages.timed_out.val();
        self.pages.query_page.next = self.query_page.val();
        self.query_hit.next = self.pages.query_hit.val();
        self.query_stuck.next = self.pages.query_stuck.val();
        self.query_context.next = self.pages.query_context.val();
        self.pages.deferred.next = self.deferred.val();
        self.drains.next = self.pages.drains.val();
        self.stuck_now.next = self.pages.stuck.val();
        self.stuck.next = self.stuck_now.val();
        self.over_now.next = self.pages.over.val();
        self.pages.drained.next = self.drained.val();

        comment!("Page slots.");
        self.job.next = self.pages.offer_job.val();
        self.page_valid.next = self.pages.offer_valid.val();
        self.pages.granted.next = self.page_granted.val();
        self.page_slot.next.kind = self.job.val().kind;
        self.page_slot.next.page = self.job.val().page;
        self.page_slot.next.line = 0.into();
        self.page_slot.next.decodes = true;
        self.page_slot.next.timed_out = false;
        self.page_slot.next.opcode = 0.into();
        self.page_slot.next.meta_field = 0.into();
        self.page_slot.next.meta_value = 0.into();
        self.page_slot.next.snp_type = 0.into();
        self.page_slot.next.tag = 0.into();
        self.page_slot.next.flags = self.job.val().flags;
        self.page_slot.next.recalled = self.pages.offer_recalled.val();
        self.page_slot.next.context = self.pages.offer_context.val();
        self.page_slot.next.frame = self.job.val().frame;
        self.page_slot.next.mask = 0.into();
        if self.pages.offer_recalled.val() {
            self.page_slot.next.mask = self.pages.offer_lines.val();
        }
        self.page_slot.next.data = 0.into();

        comment!("Committed slots of contexts; merges of the spool have none.");
        self.page_commit.next = self.result_valid.val()
            & self.result_slot.val().kind.get_bit(3)
            & (self.result_slot.val().kind != slot_kind::MERGE);
        self.needs_recall.next =
            self.page_commit.val() & (self.result.val().status == slot_status::NEED_RECALL);
        self.pages.committed.next = self.page_commit.val();
        self.pages.committed_context.next = self.result_slot.val().context;
        self.pages.committed_status.next = self.result.val().status;
        self.pages.committed_mask.next = self.result.val().mask;
        self.wrong_state.next =
            self.page_commit.val() & (self.result.val().status == slot_status::WRONG_STATE);
        self.wrong_page.next = self.result_slot.val().page;
        self.queued_bit.next = 0.into();
        if self.needs_recall.val() {
            self.queued_bit.next = bits::<CONTEXTS>(1) << self.result_slot.val().context;
        }
        self.work.in_valid.next = self.needs_recall.val();
        self.work.in_data.next.page = self.result_slot.val().page;
        self.work.in_data.next.context = self.result_slot.val().context;
        self.work.in_data.next.invalidate = (self.result_slot.val().kind == slot_kind::MAP)
            | (self.result_slot.val().kind == slot_kind::UNMAP)
            | ((self.result_slot.val().kind == slot_kind::RECALL) & self.result_slot.val().flags.get_bit(0));
        self.work.in_data.next.mask = self.result.val().mask;
        self.new_quads.mask.next = self.result.val().mask;
        self.work.in_data.next.quads = self.new_quads.quads.val();

        comment!("Responses: taken one per cycle, whatever else happens.");
        self.m2s_birsp.ready.next = true;
        self.response_taken.next = self.m2s_birsp.valid.val();
        self.response_valid.d.next = self.m2s_birsp.valid.val();
        self.response.d.next.opcode = self.m2s_birsp.opcode.val();
        self.response.d.next.tag = self.m2s_birsp.tag.val();
        self.response.d.next.low = self.m2s_birsp.low.val();
        self.tag.next = self.response.q.val().tag.get_bits::<TAG_BITS>(0);
        self.snoops.read_address.next = self.tag.val();
        self.asked.read_address.next = self.tag.val();
        self.answers.read_address.next = self.tag.val();
        self.found.next = self.snoops.read_data.val();
        self.entry.d.next = self.found.val();
        self.block.next = self.found.val().block;
        self.by_block.next = self.response.q.val().opcode.get_bit(2);
        self.hit.d.next = bits::<4>(1) << self.response.q.val().low;
        if self.by_block.val() | !self.block.val() {
            self.hit.d.next = self.found.val().lines;
        }
        self.readable.d.next = (self.response.q.val().opcode == m2s_birsp::BI_RSP_I)
            | (self.response.q.val().opcode == m2s_birsp::BI_RSP_S)
            | (self.response.q.val().opcode == m2s_birsp::BI_RSP_E)
            | (self.block.val()
                & ((self.response.q.val().opcode == m2s_birsp::BI_RSP_I_BLK)
                    | (self.response.q.val().opcode == m2s_birsp::BI_RSP_S_BLK)
                    | (self.response.q.val().opcode == m2s_birsp::BI_RSP_E_BLK)));
        self.asked_lines.d.next = self.asked.read_data.val();
        self.answer.d.next = self.answers.read_data.val();
        self.is_over.d.next = self.over_now.val().get_bit(self.found.val().context.index());
        self.judged_valid.d.next = self.response_valid.q.val();
        self.judged.d.next = self.response.q.val();
        comment!("A cycle later it is judged; the next one may be of the same tag.");
        self.judged_tag.next = self.judged.q.val().tag.get_bits::<TAG_BITS>(0);
        self.open.next = self.asked_lines.q.val() ^ self.answer.q.val().lines;
        self.known.next = self.judged_valid.q.val()
            & !self.filling.val()
            & !self.judged.q.val().tag.get_bits::<8>(8).any()
            & self.readable.q.val()
            & self.open.val().any()
            & ((self.open.val() & self.hit.q.val()) == self.hit.q.val());
        self.right.next = (self.judged.q.val().opcode.get_bits::<2>(0) == 0)
            | ((self.judged.q.val().opcode.get_bits::<2>(0) == 1) & !self.entry.q.val().invalidate);
        self.bad_response.next = self.judged_valid.q.val() & (!self.known.val() | !self.right.val());
        self.wrong.next = self.answer.q.val().wrong | !self.right.val();
        self.complete.next = self.known.val() & (self.open.val() == self.hit.q.val());
        self.once_more.next = self.complete.val()
            & self.wrong.val()
            & !self.entry.q.val().again
            & !self.is_over.q.val()
            & self.again.in_ready.val();
        self.free_tag.next = self.complete.val() & !self.once_more.val();
        self.answers.write_enable.next = self.known.val() | self.filling.val();
        self.answers.write_address.next = self.judged_tag.val();
        self.answer_next.next.lines = self.answer.q.val().lines ^ self.hit.q.val();
        self.answer_next.next.wrong = self.wrong.val() & !self.complete.val();
        self.answers.write_data.next = self.answer_next.val();
        if self.known.val() & (self.judged_tag.val() == self.tag.val()) {
            self.answer.d.next = self.answer_next.val();
        }
        self.again.in_valid.next = self.once_more.val();
        self.again.in_data.next.tag = self.judged_tag.val();
        self.again.in_data.next.answered = self.answer.q.val().lines ^ self.hit.q.val();
        self.again.in_data.next.snoop = self.entry.q.val();
        self.tags.in_valid.next = self.free_tag.val() | self.filling.val();
        self.tags.in_data.next.tag = self.judged_tag.val();
        self.tags.in_data.next.answered = self.answer.q.val().lines ^ self.hit.q.val();
        self.over_here.read_address.next = self.entry.q.val().context;
        self.sent_there.read_address.next = self.entry.q.val().context;
        self.over_here.write_enable.next = self.free_tag.val() | self.filling.val();
        self.over_here.write_address.next = self.entry.q.val().context;
        self.over_here.write_data.next = self.over_here.read_data.val() + 1;
        self.all_sent.next = self.over_here.read_data.val() + 1 == self.sent_there.read_data.val();
        self.all_answered.next = self.free_tag.val()
            & self.all_sent.val()
            & !self.sending.q.val().get_bit(self.entry.q.val().context.index());
        if self.filling.val() {
            self.answers.write_address.next = self.fill.q.val().get_bits::<TAG_BITS>(0);
            self.answers.write_data.next.lines = 0.into();
            self.answers.write_data.next.wrong = false;
            self.tags.in_data.next.tag = self.fill.q.val().get_bits::<TAG_BITS>(0);
            self.tags.in_data.next.answered = 0.into();
            self.over_here.write_address.next = self.fill.q.val().get_bits::<CONTEXT_BITS>(0);
            self.over_here.write_data.next = 0.into();
        }
        self.over_there.write_enable.next = self.over_here.write_enable.val();
        self.over_there.write_address.next = self.over_here.write_address.val();
        self.over_there.write_data.next = self.over_here.write_data.val();
        self.failed.d.next = self.free_tag.val() & self.wrong.val() & !self.is_over.q.val();
        self.failed_context.d.next = self.entry.q.val().context;
        self.pages.failed.next = self.failed.q.val();
        self.pages.failed_context.next = self.failed_context.q.val();

        comment!("The issuer: one snoop per cycle, those to be sent again first.");
        comment!("What is left of a recall that timed out is not sent, from the cycle after that on.");
        self.again_head.in_valid.next = self.again.out_valid.val();
        self.again_head.in_data.next = self.again.out_data.val();
        self.again.out_ready.next = self.again_head.in_ready.val();
        self.again_now.next = self.again_head.out_data.val();
        self.tags_head.in_valid.next = self.tags.out_valid.val();
        self.tags_head.in_data.next = self.tags.out_data.val();
        self.tags.out_ready.next = self.tags_head.in_ready.val();
        self.free_now.next = self.tags_head.out_data.val();
        self.picker.mask.next = self.work_now.q.val().mask;
        self.picker.quads.next = self.work_now.q.val().quads;
        self.resend.next = self.again_head.out_valid.val() & self.snoop.in_ready.val();
        self.skip.next = self.work_valid.q.val() & self.stuck_work.q.val();
        self.send.next = self.work_valid.q.val()
            & !self.stuck_work.q.val()
            & !self.again_head.out_valid.val()
            & self.tags_head.out_valid.val()
            & self.snoop.in_ready.val()
            & !self.filling.val();
        self.send_any.next = self.send.val() | self.resend.val();
        self.last.next = (self.send.val() & !self.picker.more.val()) | self.skip.val();
        self.again_head.out_ready.next = self.resend.val();
        self.tags_head.out_ready.next = self.send.val();
        self.work_loads.next = !self.work_valid.q.val() | self.last.val();
        self.work.out_ready.next = self.work_loads.val();
        self.stuck_work.d.next = self.stuck_now.val().get_bit(self.work_now.q.val().context.index());
        if self.send.val() {
            self.work_now.d.next.mask = self.picker.rest.val();
            self.work_now.d.next.quads = self.picker.rest_quads.val();
        }
        if self.work_loads.val() {
            self.work_valid.d.next = self.work.out_valid.val();
            self.work_now.d.next = self.work.out_data.val();
            self.stuck_work.d.next = self.stuck_now.val().get_bit(self.work.out_data.val().context.index());
        }
        self.last_bit.next = 0.into();
        if self.last.val() {
            self.last_bit.next = bits::<CONTEXTS>(1) << self.work_now.q.val().context;
        }
        self.sending.d.next = (self.sending.q.val() & !self.last_bit.val()) | self.queued_bit.val();
        self.pages.sending.next = self.sending.q.val();
        if self.again.out_valid.val() | self.again_head.out_valid.val() {
            comment!("Nobody knows whose they are.");
            self.pages.sending.next = !bits::<CONTEXTS>(0);
        }

        self.sent_snoop.next.page = self.work_now.q.val().page;
        self.sent_snoop.next.quad = self.picker.quad.val();
        self.sent_snoop.next.lines = self.picker.lines.val();
        self.sent_snoop.next.context = self.work_now.q.val().context;
        self.sent_snoop.next.invalidate = self.work_now.q.val().invalidate;
        self.sent_snoop.next.block = self.picker.block.val();
        self.sent_snoop.next.again = false;
        self.sent_tag.next = self.free_now.val().tag;
        self.sent_answered.next = self.free_now.val().answered;
        if self.again_head.out_valid.val() {
            self.sent_snoop.next = self.again_now.val().snoop;
            self.sent_snoop.next.invalidate = true;
            self.sent_snoop.next.again = true;
            self.sent_tag.next = self.again_now.val().tag;
            self.sent_answered.next = self.again_now.val().answered;
        }
        self.snoops.write_enable.next = self.send_any.val();
        self.snoops.write_address.next = self.sent_tag.val();
        self.snoops.write_data.next = self.sent_snoop.val();
        self.asked.write_enable.next = self.send_any.val() | self.filling.val();
        self.asked.write_address.next = self.sent_tag.val();
        self.asked.write_data.next = self.sent_answered.val() ^ self.sent_snoop.val().lines;
        self.sent_here.read_address.next = self.work_now.q.val().context;
        self.over_there.read_address.next = self.work_now.q.val().context;
        self.sent_here.write_enable.next = self.send.val() | self.filling.val();
        self.sent_here.write_address.next = self.work_now.q.val().context;
        self.sent_here.write_data.next = self.sent_here.read_data.val() + 1;
        comment!("The last answer of its context may come in this cycle.");
        self.frees_same.next =
            self.free_tag.val() & (self.entry.q.val().context == self.work_now.q.val().context);
        self.skipped_all.next =
            self.skip.val() & (self.sent_here.read_data.val() == self.over_there.read_data.val());
        if self.frees_same.val() {
            self.skipped_all.next =
                self.skip.val() & (self.sent_here.read_data.val() == self.over_there.read_data.val() + 1);
        }
        if self.filling.val() {
            self.asked.write_address.next = self.fill.q.val().get_bits::<TAG_BITS>(0);
            self.asked.write_data.next = 0.into();
            self.sent_here.write_address.next = self.fill.q.val().get_bits::<CONTEXT_BITS>(0);
            self.sent_here.write_data.next = 0.into();
        }
        self.sent_there.write_enable.next = self.sent_here.write_enable.val();
        self.sent_there.write_address.next = self.sent_here.write_address.val();
        self.sent_there.write_data.next = self.sent_here.write_data.val();
        self.answered.d.next = self.all_answered.val();
        self.answered_context.d.next = self.entry.q.val().context;
        self.skipped.d.next = self.skipped_all.val();
        self.skipped_context.d.next = self.work_now.q.val().context;
        self.pages.answered.next = self.answered.q.val();
        self.pages.answered_context.next = self.answered_context.q.val();
        self.pages.skipped.next = self.skipped.q.val();
        self.pages.skipped_context.next = self.skipped_context.q.val();

        comment!(
            "The message. Address bits 7:6 of a block form: 1 the lower two lines, 2 the upper two, 3 all four."
        );
        self.sent_lines.next = self.sent_snoop.val().lines;
        self.sent_block.next = self.sent_snoop.val().block;
        self.snoop.in_valid.next = self.send_any.val();
        self.snoop.in_data.next.opcode = s2m_bisnp::BI_SNP_DATA.into();
        if self.sent_snoop.val().invalidate {
            self.snoop.in_data.next.opcode = s2m_bisnp::BI_SNP_INV.into();
            if self.sent_block.val() {
                self.snoop.in_data.next.opcode = s2m_bisnp::BI_SNP_INV_BLK.into();
            }
        } else if self.sent_block.val() {
            self.snoop.in_data.next.opcode = s2m_bisnp::BI_SNP_DATA_BLK.into();
        }
        self.snoop.in_data.next.page = self.sent_snoop.val().page;
        self.snoop.in_data.next.quad = self.sent_snoop.val().quad;
        self.snoop.in_data.next.low = bits::<2>(0)
            .replace_bit(
                0,
                (self.sent_lines.val() == 2)
                    | (self.sent_lines.val() == 8)
                    | (self.sent_lines.val() == 3)
                    | (self.sent_lines.val() == 15),
            )
            .replace_bit(1, self.sent_lines.val().get_bits::<2>(2).any());
        self.snoop.in_data.next.tag = bit_cast::<16, TAG_BITS>(self.sent_tag.val());
        self.snoop_sent.next = self.send_any.val();
        self.s2m_bisnp.valid.next = self.snoop.out_valid.val();
        self.snoop.out_ready.next = self.s2m_bisnp.ready.val();
        self.s2m_bisnp.opcode.next = self.snoop.out_data.val().opcode;
        self.s2m_bisnp.addr.next = (bit_cast::<52, 40>(
            self.window_base.val() + bit_cast::<40, PAGE_BITS>(self.snoop.out_data.val().page),
        ) << 12)
            | (bit_cast::<52, 4>(self.snoop.out_data.val().quad) << 8)
            | (bit_cast::<52, 2>(self.snoop.out_data.val().low) << 6);
        self.s2m_bisnp.tag.next = self.snoop.out_data.val().tag;

        comment!("How many are out.");
        self.in_flight.d.next = self.in_flight.q.val() + bit_cast::<9, 1>(self.send.val().into())
            - bit_cast::<9, 1>(self.free_tag.val().into());
        if self.in_flight.q.val() > self.peak_r.q.val() {
            self.peak_r.d.next = self.in_flight.q.val();
        }
        self.peak.next = self.peak_r.q.val();
    }
}

//! The way of a plain region's lines to memory and answer, past the descriptor pipeline.
//!
//! # Operation
//! A message of a plain region takes a cycle in which the pipeline has no result, and looks to everything behind like a result
//! of it. Where the two channels both offer one, they take turns. While one waits, every other cycle is kept free of new slots
//! (`hole`), so that it goes within some ten cycles, whatever the other requesters do.
//!
//! The decision is that of a local page without functions (`docs/contract.md`); there is no descriptor to change.
//!
//! *Order of writes*: when a region becomes plain, a write of it may still be in the queue, in the pipeline, or wait for a
//! descriptor. So after `promoted` a write goes past the pipeline only while that is empty of writes, until it once is and the
//! queues have `settled` too. A write that waits for that lets no other in, so it comes about.
//!
//! # Timing
//! Combinational from the head of a queue to the result: request to result 1 cycle, write to result 2.

use super::types::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;
use tideline_abi::cxl::{m2s_req, meta_field, meta_value, s2m_ndr};
use tideline_abi::slot::{data_source, slot_kind};

/// Merges lines of plain regions into the results of the pipeline.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct PlainPath {
    /// The clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// CTRL.grant_exclusive.
    pub grant_exclusive: Signal<In, Bit>,

    /// A legal request of a plain region is offered, and its answers have their places.
    pub req_valid: Signal<In, Bit>,
    /// The same, early in the cycle: not of one whose region becomes known in this cycle. That one leaves the turn to a write.
    pub req_known: Signal<In, Bit>,
    /// The request.
    pub req: Signal<In, RequestBits>,
    /// First frame of its region, in regions.
    pub req_frame: Signal<In, Bits<REGION_FRAME_BITS>>,
    /// It goes.
    pub req_taken: Signal<Out, Bit>,
    /// A legal write of a plain region is offered, and its answer and its data have their places.
    pub rwd_valid: Signal<In, Bit>,
    /// The write without its data.
    pub rwd: Signal<In, RequestBits>,
    /// First frame of its region, in regions.
    pub rwd_frame: Signal<In, Bits<REGION_FRAME_BITS>>,
    /// The place of its data.
    pub place: Signal<In, Bits<DATA_BITS>>,
    /// It goes.
    pub rwd_taken: Signal<Out, Bit>,
    /// A message waits, and nothing may enter the pipeline in this cycle.
    pub hole: Signal<Out, Bit>,
    /// A write enters the pipeline.
    pub write_enters: Signal<In, Bit>,
    /// A region became plain.
    pub promoted: Signal<In, Bit>,
    /// No message that was accepted before then, or in that cycle, is in the queues.
    pub settled: Signal<In, Bit>,

    /// The pipeline has a result.
    pub pipeline_valid: Signal<In, Bit>,
    /// Its slot.
    pub pipeline_slot: Signal<In, SlotBits>,
    /// What it decided.
    pub pipeline_result: Signal<In, ResultBits>,
    /// There is a result.
    pub result_valid: Signal<Out, Bit>,
    /// Its slot.
    pub result_slot: Signal<Out, SlotBits>,
    /// What was decided.
    pub result: Signal<Out, ResultBits>,
    /// It came past the pipeline.
    pub result_plain: Signal<Out, Bit>,

    turn: Reg<Bit>,
    hole_r: Reg<Bit>,
    writes: Reg<Bits<9>>,
    unsettled: Reg<Bit>,
    write_leaves: Signal<Local, Bit>,
    writes_left: Signal<Local, Bits<9>>,
    none: Signal<Local, Bit>,
    write_valid: Signal<Local, Bit>,
    turn_req: Signal<Local, Bit>,
    takes_req: Signal<Local, Bit>,
    takes_rwd: Signal<Local, Bit>,
    takes: Signal<Local, Bit>,
    message: Signal<Local, RequestBits>,
    frame: Signal<Local, Bits<REGION_FRAME_BITS>>,
    is_read: Signal<Local, Bit>,
    has_meta: Signal<Local, Bit>,
    meta_any: Signal<Local, Bit>,
    meta_shared: Signal<Local, Bit>,
    wants_shared: Signal<Local, Bit>,
    ndr: Signal<Local, Bits<3>>,
}

impl Logic for PlainPath {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module plain_path");
        dff_setup!(self, clk, turn, hole_r, writes, unsettled);

        comment!("Writes in the pipeline and in the miss unit.");
        self.write_leaves.next =
            self.pipeline_valid.val() & (self.pipeline_slot.val().kind == slot_kind::WRITE);
        self.writes_left.next = self.writes.q.val() - bit_cast::<9, 1>(self.write_leaves.val().into());
        self.writes.d.next = self.writes_left.val();
        if self.write_enters.val() {
            self.writes.d.next = self.writes_left.val() + 1;
        }
        self.none.next = self.writes.q.val() == 0;
        self.unsettled.d.next =
            self.promoted.val() | (self.unsettled.q.val() & !(self.none.val() & self.settled.val()));
        self.write_valid.next = self.rwd_valid.val() & (!self.unsettled.q.val() | self.none.val());

        comment!("Who goes.");
        self.turn_req.next = self.turn.q.val() & self.req_known.val();
        self.takes_req.next = self.req_valid.val()
            & !self.pipeline_valid.val()
            & (self.turn_req.val() | !self.write_valid.val());
        self.takes_rwd.next = self.write_valid.val() & !self.pipeline_valid.val() & !self.turn_req.val();
        self.takes.next = self.takes_req.val() | self.takes_rwd.val();
        if self.takes.val() {
            self.turn.d.next = self.takes_rwd.val();
        }
        self.req_taken.next = self.takes_req.val();
        self.rwd_taken.next = self.takes_rwd.val();
        self.hole_r.d.next = (self.req_valid.val() | self.write_valid.val())
            & self.pipeline_valid.val()
            & !self.hole_r.q.val();
        self.hole.next = self.hole_r.q.val();

        comment!("The decision.");
        self.message.next = self.req.val();
        self.frame.next = self.req_frame.val();
        if self.takes_rwd.val() {
            self.message.next = self.rwd.val();
            self.frame.next = self.rwd_frame.val();
        }
        self.is_read.next = (self.message.val().opcode == m2s_req::MEM_RD)
            | (self.message.val().opcode == m2s_req::MEM_RD_DATA);
        self.has_meta.next = (self.message.val().meta_field == meta_field::META0_STATE)
            & (self.message.val().opcode != m2s_req::MEM_CLN_EVCT);
        self.meta_any.next = self.has_meta.val() & (self.message.val().meta_value == meta_value::ANY);
        self.meta_shared.next = self.has_meta.val() & (self.message.val().meta_value == meta_value::SHARED);
        self.wants_shared.next = (self.message.val().opcode == m2s_req::MEM_RD_DATA) | self.meta_shared.val();
        self.ndr.next = s2m_ndr::CMP.into();
        if self.wants_shared.val() {
            self.ndr.next = s2m_ndr::CMP_S.into();
            if self.is_read.val() & self.grant_exclusive.val() {
                self.ndr.next = s2m_ndr::CMP_E.into();
            }
        } else if self.meta_any.val() {
            self.ndr.next = s2m_ndr::CMP_E.into();
        }

        comment!("The result of the pipeline, or that of the message.");
        self.result_valid.next = self.pipeline_valid.val() | self.takes.val();
        self.result_slot.next = self.pipeline_slot.val();
        self.result.next = self.pipeline_result.val();
        self.result_plain.next = !self.pipeline_valid.val();
        if !self.pipeline_valid.val() {
            self.result_slot.next.kind = slot_kind::REQ.into();
            self.result_slot.next.page = self.message.val().page;
            self.result_slot.next.line = self.message.val().line;
            self.result_slot.next.decodes = true;
            self.result_slot.next.timed_out = false;
            self.result_slot.next.opcode = self.message.val().opcode;
            self.result_slot.next.meta_field = self.message.val().meta_field;
            self.result_slot.next.meta_value = self.message.val().meta_value;
            self.result_slot.next.snp_type = self.message.val().snp_type;
            self.result_slot.next.tag = self.message.val().tag;
            self.result_slot.next.flags = 0.into();
            self.result_slot.next.recalled = false;
            self.result_slot.next.context = 0.into();
            self.result_slot.next.frame = 0.into();
            self.result_slot.next.mask = 0.into();
            self.result_slot.next.data = self.place.val();
            self.result.next.has_ndr = true;
            self.result.next.ndr = self.ndr.val();
            self.result.next.data = data_source::NONE.into();
            if self.is_read.val() {
                self.result.next.data = data_source::MEMORY.into();
            }
            self.result.next.writes_memory = false;
            self.result.next.frame = (bit_cast::<26, REGION_FRAME_BITS>(self.frame.val()) << 9)
                | bit_cast::<26, 9>(self.message.val().page.get_bits::<9>(0));
            self.result.next.status = 0.into();
            self.result.next.mask = 0.into();
            self.result.next.errors = 0.into();
            self.result.next.newly_dirty = false;
            if self.takes_rwd.val() {
                self.result_slot.next.kind = slot_kind::WRITE.into();
                self.result.next.ndr = s2m_ndr::CMP.into();
                self.result.next.data = data_source::NONE.into();
                self.result.next.writes_memory = true;
            }
        }
    }
}

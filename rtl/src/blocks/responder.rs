//! The way back to the host: NDR and DRS, and the credits that keep room for every answer.
//!
//! # Operation
//! Answers of committed slots queue in slot order; completions of writes queue when memory answered and leave first. So a
//! BIConflictAck leaves behind every Cmp that was decided before it: earlier requests stand before it in its own queue,
//! completions of writes pass it (protocol rule R5). Writes cannot starve the rest: slots of both kinds share one
//! pipeline, so together they need at most one answer per cycle.
//!
//! A credit is taken when a slot enters the pipeline, or a line goes past it, and given back when its answer leaves or the slot
//! is taken back; 256 of each kind. Nothing here depends on anything but the host's ready.
//!
//! # Timing
//! Result of a slot to NDR valid: 2 cycles.

use super::channels::*;
use super::types::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;
use tideline_abi::cxl::{s2m_drs, s2m_ndr};
use tideline_abi::slot::{data_source, slot_kind};

/// Sends the answers.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct Responder {
    /// The clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// A slot was committed.
    pub result_valid: Signal<In, Bit>,
    /// The slot.
    pub result_slot: Signal<In, SlotBits>,
    /// What it decided.
    pub result: Signal<In, ResultBits>,
    /// A write is done.
    pub done_valid: Signal<In, Bit>,
    /// Its tag.
    pub done_tag: Signal<In, Bits<16>>,
    /// A read has its data.
    pub drs_valid: Signal<In, Bit>,
    /// The response.
    pub drs: Signal<In, DrsBits>,
    /// A slot that will be answered on NDR enters the pipeline.
    pub take_ndr: Signal<In, Bit>,
    /// There is room for one more.
    pub ndr_ok: Signal<Out, Bit>,
    /// There is room for two more: a request takes a place only then, so that the last one is kept for a write.
    pub ndr_spare: Signal<Out, Bit>,
    /// There is room for three more: a request goes past the pipeline only then, so that this holds also where another one
    /// enters in the same cycle.
    pub ndr_room: Signal<Out, Bit>,
    /// A line that will be answered on NDR goes past the pipeline.
    pub take_ndr_plain: Signal<In, Bit>,
    /// A slot that will be answered on DRS enters the pipeline.
    pub take_drs: Signal<In, Bit>,
    /// There is room for one more.
    pub drs_ok: Signal<Out, Bit>,
    /// There is room for two more.
    pub drs_spare: Signal<Out, Bit>,
    /// A line that will be answered on DRS goes past the pipeline.
    pub take_drs_plain: Signal<In, Bit>,
    /// A slot was taken back that was to be answered on NDR.
    pub give_ndr: Signal<In, Bit>,
    /// It was to be answered on DRS, too.
    pub give_drs: Signal<In, Bit>,
    /// Responses without data.
    pub s2m_ndr: S2mNdr,
    /// Responses with data.
    pub s2m_drs: S2mDrs,

    decided: RamFifo<NdrBits, DATA_BITS>,
    written: RamFifo<Bits<16>, DATA_BITS>,
    ndr: Skid<NdrBits>,
    data: RamFifo<Bits<532>, DATA_BITS>,
    empty: RamFifo<NdrBits, DATA_BITS>,
    out: Skid<DrsBits>,
    ndr_used: Reg<Bits<9>>,
    drs_used: Reg<Bits<9>>,
    // Which of these are reached: 254, 255, 256 of NDR; 255, 256 of DRS.
    ndr_taken: Reg<Bits<3>>,
    drs_taken: Reg<Bits<2>>,
    empty_turn: Reg<Bit>,
    ndr_leaves: Signal<Local, Bit>,
    drs_leaves: Signal<Local, Bit>,
    // What is used beside what is taken in this cycle.
    ndr_left: Signal<Local, Bits<9>>,
    drs_left: Signal<Local, Bits<9>>,
    // Which of these it reaches: 252 to 256 of NDR, 253 to 256 of DRS.
    ndr_reach: Signal<Local, Bits<5>>,
    drs_reach: Signal<Local, Bits<4>>,
    take_empty: Signal<Local, Bit>,
}

impl Logic for Responder {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module responder");
        dff_setup!(self, clk, ndr_used, drs_used, ndr_taken, drs_taken, empty_turn);
        self.decided.clk.next = self.clk.val();
        self.decided.rst.next = self.rst.val();
        self.written.clk.next = self.clk.val();
        self.written.rst.next = self.rst.val();
        self.ndr.clk.next = self.clk.val();
        self.ndr.rst.next = self.rst.val();
        self.data.clk.next = self.clk.val();
        self.data.rst.next = self.rst.val();
        self.empty.clk.next = self.clk.val();
        self.empty.rst.next = self.rst.val();
        self.out.clk.next = self.clk.val();
        self.out.rst.next = self.rst.val();

        comment!("NDR: completions of writes first.");
        self.decided.in_valid.next = self.result_valid.val()
            & self.result.val().has_ndr
            & (self.result_slot.val().kind != slot_kind::WRITE);
        self.decided.in_data.next.opcode = self.result.val().ndr;
        self.decided.in_data.next.tag = self.result_slot.val().tag;
        self.written.in_valid.next = self.done_valid.val();
        self.written.in_data.next = self.done_tag.val();
        self.ndr.in_valid.next = self.written.out_valid.val() | self.decided.out_valid.val();
        self.ndr.in_data.next = self.decided.out_data.val();
        if self.written.out_valid.val() {
            self.ndr.in_data.next.opcode = s2m_ndr::CMP.into();
            self.ndr.in_data.next.tag = self.written.out_data.val();
        }
        self.written.out_ready.next = self.ndr.in_ready.val();
        self.decided.out_ready.next = self.ndr.in_ready.val() & !self.written.out_valid.val();
        self.s2m_ndr.valid.next = self.ndr.out_valid.val();
        self.ndr.out_ready.next = self.s2m_ndr.ready.val();
        self.s2m_ndr.opcode.next = self.ndr.out_data.val().opcode;
        self.s2m_ndr.tag.next = self.ndr.out_data.val().tag;

        comment!("DRS: data of memory and answers without memory take turns.");
        self.data.in_valid.next = self.drs_valid.val();
        self.data.in_data.next = bit_cast::<532, 512>(self.drs.val().data)
            | (bit_cast::<532, 16>(self.drs.val().tag) << 512)
            | (bit_cast::<532, 3>(self.drs.val().opcode) << 528)
            | (bit_cast::<532, 1>(self.drs.val().poison.into()) << 531);
        self.empty.in_valid.next = self.result_valid.val()
            & ((self.result.val().data == data_source::POISON)
                | (self.result.val().data == data_source::NXM));
        self.empty.in_data.next.tag = self.result_slot.val().tag;
        self.empty.in_data.next.opcode = s2m_drs::MEM_DATA.into();
        if self.result.val().data == data_source::NXM {
            self.empty.in_data.next.opcode = s2m_drs::MEM_DATA_NXM.into();
        }
        self.take_empty.next =
            self.empty.out_valid.val() & (self.empty_turn.q.val() | !self.data.out_valid.val());
        self.drs_leaves.next =
            (self.data.out_valid.val() | self.empty.out_valid.val()) & self.out.in_ready.val();
        if self.drs_leaves.val() {
            self.empty_turn.d.next = !self.take_empty.val();
        }
        self.out.in_valid.next = self.data.out_valid.val() | self.empty.out_valid.val();
        self.out.in_data.next.data = self.data.out_data.val().get_bits::<512>(0);
        self.out.in_data.next.tag = self.data.out_data.val().get_bits::<16>(512);
        self.out.in_data.next.opcode = self.data.out_data.val().get_bits::<3>(528);
        self.out.in_data.next.poison = self.data.out_data.val().get_bit(531);
        if self.take_empty.val() {
            self.out.in_data.next.opcode = self.empty.out_data.val().opcode;
            self.out.in_data.next.tag = self.empty.out_data.val().tag;
            self.out.in_data.next.poison = self.empty.out_data.val().opcode == s2m_drs::MEM_DATA;
            self.out.in_data.next.data = !bits::<512>(0);
        }
        self.empty.out_ready.next = self.out.in_ready.val() & self.take_empty.val();
        self.data.out_ready.next = self.out.in_ready.val() & !self.take_empty.val();
        self.s2m_drs.valid.next = self.out.out_valid.val();
        self.out.out_ready.next = self.s2m_drs.ready.val();
        self.s2m_drs.opcode.next = self.out.out_data.val().opcode;
        self.s2m_drs.tag.next = self.out.out_data.val().tag;
        self.s2m_drs.poison.next = self.out.out_data.val().poison;
        self.s2m_drs.data.next = self.out.out_data.val().data;

        comment!("Credits. Who takes one is known late, so what follows is there for each case.");
        self.ndr_leaves.next =
            (self.written.out_valid.val() | self.decided.out_valid.val()) & self.ndr.in_ready.val();
        self.ndr_left.next = self.ndr_used.q.val()
            - bit_cast::<9, 1>(self.ndr_leaves.val().into())
            - bit_cast::<9, 1>(self.give_ndr.val().into());
        self.ndr_reach.next = bits::<5>(0)
            .replace_bit(0, self.ndr_left.val() > 251)
            .replace_bit(1, self.ndr_left.val() > 252)
            .replace_bit(2, self.ndr_left.val() > 253)
            .replace_bit(3, self.ndr_left.val() > 254)
            .replace_bit(4, self.ndr_left.val() > 255);
        self.ndr_used.d.next = self.ndr_left.val();
        self.ndr_taken.d.next = self.ndr_reach.val().get_bits::<3>(2);
        if self.take_ndr.val() ^ self.take_ndr_plain.val() {
            self.ndr_used.d.next = self.ndr_left.val() + 1;
            self.ndr_taken.d.next = self.ndr_reach.val().get_bits::<3>(1);
        }
        if self.take_ndr.val() & self.take_ndr_plain.val() {
            self.ndr_used.d.next = self.ndr_left.val() + 2;
            self.ndr_taken.d.next = self.ndr_reach.val().get_bits::<3>(0);
        }
        self.ndr_ok.next = !self.ndr_taken.q.val().get_bit(2);
        self.ndr_spare.next = !self.ndr_taken.q.val().get_bit(1);
        self.ndr_room.next = !self.ndr_taken.q.val().get_bit(0);
        self.drs_left.next = self.drs_used.q.val()
            - bit_cast::<9, 1>(self.drs_leaves.val().into())
            - bit_cast::<9, 1>(self.give_drs.val().into());
        self.drs_reach.next = bits::<4>(0)
            .replace_bit(0, self.drs_left.val() > 252)
            .replace_bit(1, self.drs_left.val() > 253)
            .replace_bit(2, self.drs_left.val() > 254)
            .replace_bit(3, self.drs_left.val() > 255);
        self.drs_used.d.next = self.drs_left.val();
        self.drs_taken.d.next = self.drs_reach.val().get_bits::<2>(2);
        if self.take_drs.val() ^ self.take_drs_plain.val() {
            self.drs_used.d.next = self.drs_left.val() + 1;
            self.drs_taken.d.next = self.drs_reach.val().get_bits::<2>(1);
        }
        if self.take_drs.val() & self.take_drs_plain.val() {
            self.drs_used.d.next = self.drs_left.val() + 2;
            self.drs_taken.d.next = self.drs_reach.val().get_bits::<2>(0);
        }
        self.drs_ok.next = !self.drs_taken.q.val().get_bit(1);
        self.drs_spare.next = !self.drs_taken.q.val().get_bit(0);
    }
}

//! The way to device memory: line reads and writes, and the spool's beats, over one AXI4 manager.
//!
//! # Operation
//! Reads and writes of lines come from committed slots, in their order; write data waits in a queue of its own since
//! the write was accepted. Lines use ID 0 and the spool ID 1; answers with one ID come in order. A write is reported
//! done when memory answered it (B), a discarded one when its data was dropped. A read error becomes poison; a write
//! error is reported, the write is done nevertheless: it cannot be refused.
//!
//! Queues are as deep as the credits that the front end hands out, so nothing here is ever refused and B and R are
//! always accepted.
//!
//! # Fence
//! Each access carries the colour of its time; `idle_even` and `idle_odd` say that no access of a colour is under way.
//!
//! # Timing
//! Result of a slot to address valid: 2 cycles. One read and one write per cycle.

use super::axi::*;
use super::types::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;
use tideline_abi::cxl::s2m_drs;
use tideline_abi::slot::{data_source, slot_kind};

/// Reads and writes device memory.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct MemoryPort {
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
    /// The data of a write was accepted; the writes' slots follow in the same order.
    pub data_valid: Signal<In, Bit>,
    /// The data.
    pub data: Signal<In, WriteDataBits>,
    /// Colour of accesses committed now.
    pub colour: Signal<In, Bit>,
    /// No access of colour 0 is under way.
    pub idle_even: Signal<Out, Bit>,
    /// No access of colour 1 is under way.
    pub idle_odd: Signal<Out, Bit>,
    /// A read has its data.
    pub drs_valid: Signal<Out, Bit>,
    /// The response.
    pub drs: Signal<Out, DrsBits>,
    /// A write is done.
    pub done_valid: Signal<Out, Bit>,
    /// Its tag.
    pub done_tag: Signal<Out, Bits<16>>,
    /// The spool writes a beat.
    pub spool_write_valid: Signal<In, Bit>,
    /// It is taken.
    pub spool_write_ready: Signal<Out, Bit>,
    /// Where.
    pub spool_write_address: Signal<In, Dpa>,
    /// What.
    pub spool_write_data: Signal<In, Bits<512>>,
    /// A beat of the spool was written.
    pub spool_write_done: Signal<Out, Bit>,
    /// The spool reads a beat.
    pub spool_read_valid: Signal<In, Bit>,
    /// It is taken.
    pub spool_read_ready: Signal<Out, Bit>,
    /// From where.
    pub spool_read_address: Signal<In, Dpa>,
    /// The beat arrives.
    pub spool_data_valid: Signal<Out, Bit>,
    /// The beat.
    pub spool_data: Signal<Out, Bits<512>>,
    /// Memory answered with an error.
    pub error: Signal<Out, Bit>,
    /// Device memory.
    pub dram: AxiManager<DPA_BITS>,

    reads: Fifo<ReadBits, 6>,
    read_pending: Fifo<PendingBits, 6>,
    orders: Fifo<WriteOrderBits, 6>,
    write_data: Fifo<WriteDataBits, 6>,
    write_pending: Fifo<PendingBits, 6>,
    ar: Skid<AxiWriteBits>,
    aw: Skid<AxiWriteBits>,
    w: Skid<AxiDataBits>,
    even: Reg<Bits<8>>,
    odd: Reg<Bits<8>>,
    read_turn: Reg<Bit>,
    write_turn: Reg<Bit>,
    address: Signal<Local, Dpa>,
    push_read: Signal<Local, Bit>,
    push_write: Signal<Local, Bit>,
    read_spool: Signal<Local, Bit>,
    read_line: Signal<Local, Bit>,
    write_both: Signal<Local, Bit>,
    write_line_offered: Signal<Local, Bit>,
    write_spool: Signal<Local, Bit>,
    write_line: Signal<Local, Bit>,
    discard: Signal<Local, Bit>,
    line_r: Signal<Local, Bit>,
    line_b: Signal<Local, Bit>,
    even_in: Signal<Local, Bit>,
    even_r: Signal<Local, Bit>,
    even_w: Signal<Local, Bit>,
    odd_in: Signal<Local, Bit>,
    odd_r: Signal<Local, Bit>,
    odd_w: Signal<Local, Bit>,
    write_colour: Signal<Local, Bit>,
    write_done: Signal<Local, Bit>,
}

impl Logic for MemoryPort {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module memory_port");
        dff_setup!(self, clk, even, odd, read_turn, write_turn);
        self.reads.clk.next = self.clk.val();
        self.reads.rst.next = self.rst.val();
        self.read_pending.clk.next = self.clk.val();
        self.read_pending.rst.next = self.rst.val();
        self.orders.clk.next = self.clk.val();
        self.orders.rst.next = self.rst.val();
        self.write_data.clk.next = self.clk.val();
        self.write_data.rst.next = self.rst.val();
        self.write_pending.clk.next = self.clk.val();
        self.write_pending.rst.next = self.rst.val();
        self.ar.clk.next = self.clk.val();
        self.ar.rst.next = self.rst.val();
        self.aw.clk.next = self.clk.val();
        self.aw.rst.next = self.rst.val();
        self.w.clk.next = self.clk.val();
        self.w.rst.next = self.rst.val();

        comment!("Committed slots.");
        self.address.next = (bit_cast::<DPA_BITS, 26>(self.result.val().frame) << 12)
            | (bit_cast::<DPA_BITS, 6>(self.result_slot.val().line) << 6);
        self.push_read.next = self.result_valid.val() & (self.result.val().data == data_source::MEMORY);
        self.push_write.next = self.result_valid.val() & (self.result_slot.val().kind == slot_kind::WRITE);
        self.reads.in_valid.next = self.push_read.val();
        self.reads.in_data.next.address = self.address.val();
        self.reads.in_data.next.tag = self.result_slot.val().tag;
        self.reads.in_data.next.colour = self.colour.val();
        self.orders.in_valid.next = self.push_write.val();
        self.orders.in_data.next.address = self.address.val();
        self.orders.in_data.next.tag = self.result_slot.val().tag;
        self.orders.in_data.next.keep = self.result.val().writes_memory;
        self.orders.in_data.next.colour = self.colour.val();
        self.write_data.in_valid.next = self.data_valid.val();
        self.write_data.in_data.next = self.data.val();

        comment!("Read addresses: lines and spool take turns.");
        self.read_spool.next = self.ar.in_ready.val()
            & self.spool_read_valid.val()
            & (self.read_turn.q.val() | !self.reads.out_valid.val());
        self.read_line.next = self.ar.in_ready.val()
            & self.reads.out_valid.val()
            & self.read_pending.in_ready.val()
            & !self.read_spool.val();
        if self.read_line.val() {
            self.read_turn.d.next = true;
        }
        if self.read_spool.val() {
            self.read_turn.d.next = false;
        }
        self.spool_read_ready.next = self.read_spool.val();
        self.reads.out_ready.next = self.read_line.val();
        self.read_pending.in_valid.next = self.read_line.val();
        self.read_pending.in_data.next.tag = self.reads.out_data.val().tag;
        self.read_pending.in_data.next.colour = self.reads.out_data.val().colour;
        self.ar.in_valid.next = self.read_line.val() | self.read_spool.val();
        self.ar.in_data.next.address = bit_cast::<64, DPA_BITS>(self.reads.out_data.val().address);
        self.ar.in_data.next.id = 0.into();
        if self.read_spool.val() {
            self.ar.in_data.next.address = bit_cast::<64, DPA_BITS>(self.spool_read_address.val());
            self.ar.in_data.next.id = 1.into();
        }
        self.dram.arvalid.next = self.ar.out_valid.val();
        self.ar.out_ready.next = self.dram.arready.val();
        self.dram.araddr.next = self.ar.out_data.val().address.get_bits::<DPA_BITS>(0);
        self.dram.arid.next = self.ar.out_data.val().id;
        self.dram.arlen.next = 0.into();
        self.dram.arsize.next = 6.into();
        self.dram.arburst.next = 1.into();

        comment!("Read data: always taken, a credit keeps room for it.");
        self.dram.rready.next = true;
        self.line_r.next = self.dram.rvalid.val() & (self.dram.rid.val() == 0);
        self.read_pending.out_ready.next = self.line_r.val();
        self.drs_valid.next = self.line_r.val();
        self.drs.next.opcode = s2m_drs::MEM_DATA.into();
        self.drs.next.tag = self.read_pending.out_data.val().tag;
        self.drs.next.poison = false;
        self.drs.next.data = self.dram.rdata.val();
        if self.dram.rresp.val() != 0 {
            self.drs.next.poison = true;
            self.drs.next.data = !bits::<512>(0);
        }
        self.spool_data_valid.next = self.dram.rvalid.val() & (self.dram.rid.val() != 0);
        self.spool_data.next = self.dram.rdata.val();

        comment!("Writes: lines and spool take turns; address and data leave together.");
        self.write_both.next = self.aw.in_ready.val() & self.w.in_ready.val();
        self.write_line_offered.next = self.orders.out_valid.val()
            & self.orders.out_data.val().keep
            & self.write_data.out_valid.val()
            & self.write_pending.in_ready.val();
        self.write_spool.next = self.write_both.val()
            & self.spool_write_valid.val()
            & (self.write_turn.q.val() | !self.write_line_offered.val());
        self.write_line.next =
            self.write_both.val() & self.write_line_offered.val() & !self.write_spool.val();
        if self.write_line.val() {
            self.write_turn.d.next = true;
        }
        if self.write_spool.val() {
            self.write_turn.d.next = false;
        }
        self.spool_write_ready.next = self.write_spool.val();
        self.write_pending.in_valid.next = self.write_line.val();
        self.write_pending.in_data.next.tag = self.orders.out_data.val().tag;
        self.write_pending.in_data.next.colour = self.orders.out_data.val().colour;
        self.aw.in_valid.next = self.write_line.val() | self.write_spool.val();
        self.aw.in_data.next.address = bit_cast::<64, DPA_BITS>(self.orders.out_data.val().address);
        self.aw.in_data.next.id = 0.into();
        self.w.in_valid.next = self.write_line.val() | self.write_spool.val();
        self.w.in_data.next.data = self.write_data.out_data.val().data;
        self.w.in_data.next.strobe = self.write_data.out_data.val().enable;
        if self.write_spool.val() {
            self.aw.in_data.next.address = bit_cast::<64, DPA_BITS>(self.spool_write_address.val());
            self.aw.in_data.next.id = 1.into();
            self.w.in_data.next.data = self.spool_write_data.val();
            self.w.in_data.next.strobe = !bits::<64>(0);
        }
        self.dram.awvalid.next = self.aw.out_valid.val();
        self.aw.out_ready.next = self.dram.awready.val();
        self.dram.awaddr.next = self.aw.out_data.val().address.get_bits::<DPA_BITS>(0);
        self.dram.awid.next = self.aw.out_data.val().id;
        self.dram.awlen.next = 0.into();
        self.dram.awsize.next = 6.into();
        self.dram.awburst.next = 1.into();
        self.dram.wvalid.next = self.w.out_valid.val();
        self.w.out_ready.next = self.dram.wready.val();
        self.dram.wdata.next = self.w.out_data.val().data;
        self.dram.wstrb.next = self.w.out_data.val().strobe;
        self.dram.wlast.next = true;

        comment!("Write responses first, discarded writes where there is none.");
        self.dram.bready.next = true;
        self.line_b.next = self.dram.bvalid.val() & (self.dram.bid.val() == 0);
        self.spool_write_done.next = self.dram.bvalid.val() & (self.dram.bid.val() != 0);
        self.discard.next = self.orders.out_valid.val()
            & !self.orders.out_data.val().keep
            & self.write_data.out_valid.val()
            & !self.line_b.val();
        self.orders.out_ready.next = self.write_line.val() | self.discard.val();
        self.write_data.out_ready.next = self.write_line.val() | self.discard.val();
        self.write_pending.out_ready.next = self.line_b.val();
        self.write_done.next = self.line_b.val() | self.discard.val();
        self.done_valid.next = self.write_done.val();
        self.done_tag.next = self.orders.out_data.val().tag;
        self.write_colour.next = self.orders.out_data.val().colour;
        if self.line_b.val() {
            self.done_tag.next = self.write_pending.out_data.val().tag;
            self.write_colour.next = self.write_pending.out_data.val().colour;
        }
        self.error.next = (self.dram.rvalid.val() & (self.dram.rresp.val() != 0))
            | (self.dram.bvalid.val() & (self.dram.bresp.val() != 0));

        comment!("Accesses under way, by colour.");
        self.even_in.next = (self.push_read.val() | self.push_write.val()) & !self.colour.val();
        self.even_r.next = self.line_r.val() & !self.read_pending.out_data.val().colour;
        self.even_w.next = self.write_done.val() & !self.write_colour.val();
        self.even.d.next = self.even.q.val() + bit_cast::<8, 1>(self.even_in.val().into())
            - bit_cast::<8, 1>(self.even_r.val().into())
            - bit_cast::<8, 1>(self.even_w.val().into());
        self.odd_in.next = (self.push_read.val() | self.push_write.val()) & self.colour.val();
        self.odd_r.next = self.line_r.val() & self.read_pending.out_data.val().colour;
        self.odd_w.next = self.write_done.val() & self.write_colour.val();
        self.odd.d.next = self.odd.q.val() + bit_cast::<8, 1>(self.odd_in.val().into())
            - bit_cast::<8, 1>(self.odd_r.val().into())
            - bit_cast::<8, 1>(self.odd_w.val().into());
        self.idle_even.next = self.even.q.val() == 0;
        self.idle_odd.next = self.odd.q.val() == 0;
    }
}

//! The way to device memory: lines, descriptors and the spool's beats, over one AXI4 manager.
//!
//! # Operation
//! Reads and writes of lines come from committed slots, in their order; the data of a write waits in a store since
//! the write was accepted, at the place that its slot names. Lines use ID 0, the spool ID 1, descriptors ID 2, the page list
//! ID 3; answers with one ID come in order. Descriptors go first, then the page list: lines wait for them. A write is reported
//! done when memory answered it (B), a discarded one when its data was dropped. A read error becomes poison, a beat of the spool nothing; a write
//! error is reported, the write is done nevertheless: it cannot be refused.
//!
//! Queues are as deep as the credits that the front end hands out, so nothing here is ever refused and B and R are
//! always accepted.
//!
//! # Fence
//! Each access carries the colour of its time; `idle_even` and `idle_odd` say that no access of a colour is under way.
//!
//! # Timing
//! Result of a slot to address valid: 1 cycle (reads), 3 cycles (writes). One read and one write per cycle.

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
    /// A place of the store is free.
    pub place_valid: Signal<Out, Bit>,
    /// The place that the data of the next write takes.
    pub place: Signal<Out, Bits<DATA_BITS>>,
    /// The data of a write is stored there.
    pub data_valid: Signal<In, Bit>,
    /// The data, and above it the byte enables.
    pub data: Signal<In, Bits<576>>,
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
    /// A descriptor is to be read.
    pub descriptor_read_valid: Signal<In, Bit>,
    /// It is taken.
    pub descriptor_read_ready: Signal<Out, Bit>,
    /// From where.
    pub descriptor_read_address: Signal<In, Dpa>,
    /// It arrives.
    pub descriptor_data_valid: Signal<Out, Bit>,
    /// The descriptor.
    pub descriptor_data: Signal<Out, Bits<512>>,
    /// It could not be read.
    pub descriptor_error: Signal<Out, Bit>,
    /// A descriptor is to be written.
    pub descriptor_write_valid: Signal<In, Bit>,
    /// It is taken.
    pub descriptor_write_ready: Signal<Out, Bit>,
    /// Where.
    pub descriptor_write_address: Signal<In, Dpa>,
    /// What.
    pub descriptor_write_data: Signal<In, Bits<512>>,
    /// A descriptor was written.
    pub descriptor_write_done: Signal<Out, Bit>,
    /// A line of the page list is to be read.
    pub list_read_valid: Signal<In, Bit>,
    /// It is taken.
    pub list_read_ready: Signal<Out, Bit>,
    /// From where.
    pub list_read_address: Signal<In, Dpa>,
    /// It arrives.
    pub list_data_valid: Signal<Out, Bit>,
    /// Bytes of the page list are to be written.
    pub list_write_valid: Signal<In, Bit>,
    /// They are taken.
    pub list_write_ready: Signal<Out, Bit>,
    /// Where.
    pub list_write_address: Signal<In, Dpa>,
    /// Which bytes of the line.
    pub list_write_strobe: Signal<In, Bits<64>>,
    /// The line.
    pub list_write_data: Signal<In, Bits<512>>,
    /// They were written.
    pub list_write_done: Signal<Out, Bit>,
    /// Memory answered with an error.
    pub error: Signal<Out, Bit>,
    /// Device memory.
    pub dram: AxiManager<DPA_BITS>,

    reads: RamFifo<ReadBits, DATA_BITS>,
    read_pending: RamFifo<PendingBits, DATA_BITS>,
    orders: RamFifo<WriteOrderBits, DATA_BITS>,
    store: Ram<Bits<576>, DATA_BITS>,
    places: RamFifo<Bits<DATA_BITS>, DATA_BITS>,
    place_count: Reg<Bits<9>>,
    order_valid: Reg<Bit>,
    order: Reg<WriteOrderBits>,
    write_pending: RamFifo<PendingBits, DATA_BITS>,
    ar: Skid<AxiWriteBits>,
    aw: Skid<AxiWriteBits>,
    w: Skid<AxiDataBits>,
    even: Reg<Bits<10>>,
    odd: Reg<Bits<10>>,
    read_turn: Reg<Bit>,
    write_turn: Reg<Bit>,
    address: Signal<Local, Dpa>,
    push_read: Signal<Local, Bit>,
    push_write: Signal<Local, Bit>,
    new_read: Signal<Local, ReadBits>,
    line_read: Signal<Local, ReadBits>,
    line_waits: Signal<Local, Bit>,
    read_descriptor: Signal<Local, Bit>,
    read_list: Signal<Local, Bit>,
    read_first: Signal<Local, Bit>,
    read_spool: Signal<Local, Bit>,
    read_now: Signal<Local, Bit>,
    order_loads: Signal<Local, Bit>,
    order_leaves: Signal<Local, Bit>,
    write_descriptor: Signal<Local, Bit>,
    write_list: Signal<Local, Bit>,
    write_first: Signal<Local, Bit>,
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
    even_left: Signal<Local, Bits<10>>,
    odd_left: Signal<Local, Bits<10>>,
    write_colour: Signal<Local, Bit>,
    write_done: Signal<Local, Bit>,
}

impl Logic for MemoryPort {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module memory_port");
        dff_setup!(self, clk, even, odd, read_turn, write_turn, place_count, order_valid, order);
        self.reads.clk.next = self.clk.val();
        self.reads.rst.next = self.rst.val();
        self.read_pending.clk.next = self.clk.val();
        self.read_pending.rst.next = self.rst.val();
        self.orders.clk.next = self.clk.val();
        self.orders.rst.next = self.rst.val();
        self.store.clock.next = self.clk.val();
        self.places.clk.next = self.clk.val();
        self.places.rst.next = self.rst.val();
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
        self.new_read.next.address = self.address.val();
        self.new_read.next.tag = self.result_slot.val().tag;
        self.new_read.next.colour = self.colour.val();
        self.orders.in_valid.next = self.push_write.val();
        self.orders.in_data.next.address = self.address.val();
        self.orders.in_data.next.tag = self.result_slot.val().tag;
        self.orders.in_data.next.keep = self.result.val().writes_memory;
        self.orders.in_data.next.colour = self.colour.val();
        self.orders.in_data.next.data = self.result_slot.val().data;

        comment!(
            "The store of write data: its places are listed once after reset, and again when their data has left."
        );
        self.store.write_enable.next = self.data_valid.val();
        self.store.write_address.next = self.places.out_data.val();
        self.store.write_data.next = self.data.val();
        self.place_valid.next = self.places.out_valid.val() & self.place_count.q.val().get_bit(8);
        self.place.next = self.places.out_data.val();
        self.places.out_ready.next = self.data_valid.val();

        comment!(
            "Read addresses: tables first; lines and spool take turns. A read may leave in the cycle of its result."
        );
        self.line_read.next = self.new_read.val();
        if self.reads.out_valid.val() {
            self.line_read.next = self.reads.out_data.val();
        }
        self.line_waits.next = self.reads.out_valid.val() | self.push_read.val();
        self.read_first.next = self.descriptor_read_valid.val() | self.list_read_valid.val();
        self.read_descriptor.next = self.ar.in_ready.val() & self.descriptor_read_valid.val();
        self.read_list.next =
            self.ar.in_ready.val() & self.list_read_valid.val() & !self.descriptor_read_valid.val();
        self.read_spool.next = self.ar.in_ready.val()
            & !self.read_first.val()
            & self.spool_read_valid.val()
            & (self.read_turn.q.val() | !self.line_waits.val());
        self.read_now.next = self.ar.in_ready.val()
            & !self.read_first.val()
            & self.line_waits.val()
            & self.read_pending.in_ready.val()
            & !self.read_spool.val();
        if self.read_now.val() {
            self.read_turn.d.next = true;
        }
        if self.read_spool.val() {
            self.read_turn.d.next = false;
        }
        self.descriptor_read_ready.next = self.read_descriptor.val();
        self.list_read_ready.next = self.read_list.val();
        self.reads.in_valid.next = self.push_read.val() & (self.reads.out_valid.val() | !self.read_now.val());
        self.reads.in_data.next = self.new_read.val();
        self.spool_read_ready.next = self.read_spool.val();
        self.reads.out_ready.next = self.read_now.val();
        self.read_pending.in_valid.next = self.read_now.val();
        self.read_pending.in_data.next.tag = self.line_read.val().tag;
        self.read_pending.in_data.next.colour = self.line_read.val().colour;
        self.ar.in_valid.next =
            self.read_now.val() | self.read_spool.val() | self.read_descriptor.val() | self.read_list.val();
        self.ar.in_data.next.address = bit_cast::<64, DPA_BITS>(self.line_read.val().address);
        self.ar.in_data.next.id = 0.into();
        if self.read_spool.val() {
            self.ar.in_data.next.address = bit_cast::<64, DPA_BITS>(self.spool_read_address.val());
            self.ar.in_data.next.id = 1.into();
        }
        if self.read_descriptor.val() {
            self.ar.in_data.next.address = bit_cast::<64, DPA_BITS>(self.descriptor_read_address.val());
            self.ar.in_data.next.id = 2.into();
        }
        if self.read_list.val() {
            self.ar.in_data.next.address = bit_cast::<64, DPA_BITS>(self.list_read_address.val());
            self.ar.in_data.next.id = 3.into();
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
        self.spool_data_valid.next = self.dram.rvalid.val() & (self.dram.rid.val() == 1);
        self.descriptor_data_valid.next = self.dram.rvalid.val() & (self.dram.rid.val() == 2);
        self.list_data_valid.next = self.dram.rvalid.val() & (self.dram.rid.val() == 3);
        self.descriptor_data.next = self.dram.rdata.val();
        self.descriptor_error.next = self.dram.rresp.val() != 0;
        self.spool_data.next = self.dram.rdata.val();
        if self.dram.rresp.val() != 0 {
            self.spool_data.next = 0.into();
        }

        comment!("Writes: tables first; lines and spool take turns. Address and data leave together.");
        self.write_both.next = self.aw.in_ready.val() & self.w.in_ready.val();
        self.write_first.next = self.descriptor_write_valid.val() | self.list_write_valid.val();
        self.write_descriptor.next = self.write_both.val() & self.descriptor_write_valid.val();
        self.write_list.next =
            self.write_both.val() & self.list_write_valid.val() & !self.descriptor_write_valid.val();
        self.write_line_offered.next =
            self.order_valid.q.val() & self.order.q.val().keep & self.write_pending.in_ready.val();
        self.write_spool.next = self.write_both.val()
            & !self.write_first.val()
            & self.spool_write_valid.val()
            & (self.write_turn.q.val() | !self.write_line_offered.val());
        self.write_line.next = self.write_both.val()
            & !self.write_first.val()
            & self.write_line_offered.val()
            & !self.write_spool.val();
        if self.write_line.val() {
            self.write_turn.d.next = true;
        }
        if self.write_spool.val() {
            self.write_turn.d.next = false;
        }
        self.descriptor_write_ready.next = self.write_descriptor.val();
        self.list_write_ready.next = self.write_list.val();
        self.spool_write_ready.next = self.write_spool.val();
        self.write_pending.in_valid.next = self.write_line.val();
        self.write_pending.in_data.next.tag = self.order.q.val().tag;
        self.write_pending.in_data.next.colour = self.order.q.val().colour;
        self.aw.in_valid.next = self.write_line.val()
            | self.write_spool.val()
            | self.write_descriptor.val()
            | self.write_list.val();
        self.aw.in_data.next.address = bit_cast::<64, DPA_BITS>(self.order.q.val().address);
        self.aw.in_data.next.id = 0.into();
        self.w.in_valid.next = self.write_line.val()
            | self.write_spool.val()
            | self.write_descriptor.val()
            | self.write_list.val();
        self.w.in_data.next.data = self.store.read_data.val().get_bits::<512>(0);
        self.w.in_data.next.strobe = self.store.read_data.val().get_bits::<64>(512);
        if self.write_spool.val() {
            self.aw.in_data.next.address = bit_cast::<64, DPA_BITS>(self.spool_write_address.val());
            self.aw.in_data.next.id = 1.into();
            self.w.in_data.next.data = self.spool_write_data.val();
            self.w.in_data.next.strobe = !bits::<64>(0);
        }
        if self.write_descriptor.val() {
            self.aw.in_data.next.address = bit_cast::<64, DPA_BITS>(self.descriptor_write_address.val());
            self.aw.in_data.next.id = 2.into();
            self.w.in_data.next.data = self.descriptor_write_data.val();
            self.w.in_data.next.strobe = !bits::<64>(0);
        }
        if self.write_list.val() {
            self.aw.in_data.next.address = bit_cast::<64, DPA_BITS>(self.list_write_address.val());
            self.aw.in_data.next.id = 3.into();
            self.w.in_data.next.data = self.list_write_data.val();
            self.w.in_data.next.strobe = self.list_write_strobe.val();
        }
        self.line_b.next = self.dram.bvalid.val() & (self.dram.bid.val() == 0);
        self.discard.next = self.order_valid.q.val() & !self.order.q.val().keep & !self.line_b.val();
        self.order_leaves.next = self.write_line.val() | self.discard.val();

        comment!("The oldest order, with its data.");
        self.order_loads.next =
            self.orders.out_valid.val() & (!self.order_valid.q.val() | self.order_leaves.val());
        self.orders.out_ready.next = self.order_loads.val();
        self.store.read_address.next = self.order.q.val().data;
        if self.order_loads.val() {
            self.order.d.next = self.orders.out_data.val();
            self.store.read_address.next = self.orders.out_data.val().data;
        }
        self.order_valid.d.next =
            self.order_loads.val() | (self.order_valid.q.val() & !self.order_leaves.val());
        self.places.in_valid.next = !self.place_count.q.val().get_bit(8) | self.order_leaves.val();
        self.places.in_data.next = self.order.q.val().data;
        if !self.place_count.q.val().get_bit(8) {
            self.places.in_data.next = self.place_count.q.val().get_bits::<DATA_BITS>(0);
            self.place_count.d.next = self.place_count.q.val() + 1;
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
        self.spool_write_done.next = self.dram.bvalid.val() & (self.dram.bid.val() == 1);
        self.list_write_done.next = self.dram.bvalid.val() & (self.dram.bid.val() == 3);
        self.descriptor_write_done.next = self.dram.bvalid.val() & (self.dram.bid.val() == 2);
        self.write_pending.out_ready.next = self.line_b.val();
        self.write_done.next = self.line_b.val() | self.discard.val();
        self.done_valid.next = self.write_done.val();
        self.done_tag.next = self.order.q.val().tag;
        self.write_colour.next = self.order.q.val().colour;
        if self.line_b.val() {
            self.done_tag.next = self.write_pending.out_data.val().tag;
            self.write_colour.next = self.write_pending.out_data.val().colour;
        }
        self.error.next = (self.dram.rvalid.val() & (self.dram.rresp.val() != 0))
            | (self.dram.bvalid.val() & (self.dram.bresp.val() != 0));

        comment!("Accesses under way, by colour. What comes in is known late.");
        self.even_in.next = (self.push_read.val() | self.push_write.val()) & !self.colour.val();
        self.even_r.next = self.line_r.val() & !self.read_pending.out_data.val().colour;
        self.even_w.next = self.write_done.val() & !self.write_colour.val();
        self.even_left.next = self.even.q.val()
            - bit_cast::<10, 1>(self.even_r.val().into())
            - bit_cast::<10, 1>(self.even_w.val().into());
        self.even.d.next = self.even_left.val();
        if self.even_in.val() {
            self.even.d.next = self.even_left.val() + 1;
        }
        self.odd_in.next = (self.push_read.val() | self.push_write.val()) & self.colour.val();
        self.odd_r.next = self.line_r.val() & self.read_pending.out_data.val().colour;
        self.odd_w.next = self.write_done.val() & self.write_colour.val();
        self.odd_left.next = self.odd.q.val()
            - bit_cast::<10, 1>(self.odd_r.val().into())
            - bit_cast::<10, 1>(self.odd_w.val().into());
        self.odd.d.next = self.odd_left.val();
        if self.odd_in.val() {
            self.odd.d.next = self.odd_left.val() + 1;
        }
        self.idle_even.next = self.even.q.val() == 0;
        self.idle_odd.next = self.odd.q.val() == 0;
    }
}

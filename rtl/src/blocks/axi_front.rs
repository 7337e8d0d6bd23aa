//! One AXI4 subordinate in place of the six CXL channels: bursts become line requests, answers become R and B.
//!
//! # Operation
//! Each beat takes the next of 128 places of its direction; the place is the tag of its line request (bit 15: a write).
//! *Reads*: MemRd without meta, so that the device grants nothing. Data waits in its place until all beats before it
//! have left: R is in the order of AR, for all IDs together. MemDataNxm becomes DECERR, poison SLVERR.
//! *Writes*: MemWr if every strobe is set, else MemWrPtl, both Invalid; a beat without strobes is done at once and is no
//! request. B leaves, in the order of AW, when every beat of the burst has its Cmp. A Cmp knows no error: what the commit
//! slot said of the write (`commit_*`) comes before it and makes DECERR (does not decode) or SLVERR (discarded).
//! *Snoops* are answered with BIRspI: nothing is owned behind an AXI link.
//!
//! NDR and DRS are always taken: every answer has its place before its request leaves. Reads and writes share nothing, so
//! neither waits for the other's answers.
//!
//! # Timing
//! AR to request: 2 cycles, data to R: 2 cycles. One beat per cycle in each direction, 128 outstanding in each. No
//! combinational path from an AXI input to an AXI output.

use super::axi::*;
use super::axi_burst::AxiBurst;
use super::types::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;
use tideline_abi::cxl::{m2s_birsp, m2s_req, m2s_rwd, meta_field, meta_value, s2m_drs, snp_type};

/// Beats outstanding in each direction, as a power of two.
pub const PLACE_BITS: usize = 7;
/// Beats outstanding in each direction.
pub const PLACES: usize = 1 << PLACE_BITS;

/// Requests of the front: what a host has on the other end of `M2sReq`.
#[derive(Clone, Debug, Default, LogicInterface)]
pub struct RequestSource {
    /// A request is offered.
    pub valid: Signal<Out, Bit>,
    /// It is taken in this cycle.
    pub ready: Signal<In, Bit>,
    /// Opcode.
    pub opcode: Signal<Out, Bits<4>>,
    /// Host physical byte address.
    pub addr: Signal<Out, Hpa>,
    /// Tag.
    pub tag: Signal<Out, Bits<16>>,
    /// Meta field.
    pub meta_field: Signal<Out, Bits<2>>,
    /// Meta value.
    pub meta_value: Signal<Out, Bits<2>>,
    /// Snoop type.
    pub snp_type: Signal<Out, Bits<3>>,
}

/// Writes of the front: what a host has on the other end of `M2sRwd`.
#[derive(Clone, Debug, Default, LogicInterface)]
pub struct WriteSource {
    /// A write is offered.
    pub valid: Signal<Out, Bit>,
    /// It is taken in this cycle.
    pub ready: Signal<In, Bit>,
    /// Opcode.
    pub opcode: Signal<Out, Bits<4>>,
    /// Host physical byte address.
    pub addr: Signal<Out, Hpa>,
    /// Tag.
    pub tag: Signal<Out, Bits<16>>,
    /// Meta field.
    pub meta_field: Signal<Out, Bits<2>>,
    /// Meta value.
    pub meta_value: Signal<Out, Bits<2>>,
    /// Snoop type.
    pub snp_type: Signal<Out, Bits<3>>,
    /// The line.
    pub data: Signal<Out, Bits<512>>,
    /// Byte enables.
    pub be: Signal<Out, Bits<64>>,
}

/// Turns bursts into line requests.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct AxiFront {
    /// The clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// The host's reads and writes.
    pub s_axi: AxiSubordinate,
    /// Line requests without data.
    pub req: RequestSource,
    /// Line requests with data.
    pub rwd: WriteSource,
    /// A response without data arrives; it is always taken.
    pub ndr_valid: Signal<In, Bit>,
    /// Its tag.
    pub ndr_tag: Signal<In, Bits<16>>,
    /// Data arrives; it is always taken.
    pub drs_valid: Signal<In, Bit>,
    /// The response.
    pub drs: Signal<In, DrsBits>,
    /// A snoop arrives.
    pub snoop_valid: Signal<In, Bit>,
    /// It is taken in this cycle.
    pub snoop_ready: Signal<Out, Bit>,
    /// Its tag.
    pub snoop_tag: Signal<In, Bits<16>>,
    /// Its opcode.
    pub snoop_opcode: Signal<In, Bits<4>>,
    /// A snoop response is offered.
    pub response_valid: Signal<Out, Bit>,
    /// It is taken in this cycle.
    pub response_ready: Signal<In, Bit>,
    /// Its opcode.
    pub response_opcode: Signal<Out, Bits<4>>,
    /// Tag of its snoop.
    pub response_tag: Signal<Out, Bits<16>>,
    /// A write passes its commit slot.
    pub commit_valid: Signal<In, Bit>,
    /// Its tag.
    pub commit_tag: Signal<In, Bits<16>>,
    /// Its address decodes.
    pub commit_decodes: Signal<In, Bit>,
    /// Its data goes to memory.
    pub commit_writes: Signal<In, Bit>,

    ar: Skid<BurstBits>,
    read_beats: AxiBurst,
    read_order: Fifo<BeatOrderBits, PLACE_BITS>,
    read_places: LutRam<ReadDataBits, PLACE_BITS>,
    read_next: Reg<Bits<PLACE_BITS>>,
    read_head: Reg<Bits<PLACE_BITS>>,
    read_answered: Reg<Bits<PLACES>>,
    read_arrived: Reg<Bits<PLACES>>,
    r: Skid<ReadBeatBits>,
    aw: Skid<BurstBits>,
    w: Skid<AxiDataBits>,
    write_beats: AxiBurst,
    write_order: Fifo<BeatOrderBits, PLACE_BITS>,
    write_next: Reg<Bits<PLACE_BITS>>,
    write_head: Reg<Bits<PLACE_BITS>>,
    write_done: Reg<Bits<PLACES>>,
    write_outside: Reg<Bits<PLACES>>,
    write_discarded: Reg<Bits<PLACES>>,
    burst_resp: Reg<Bits<2>>,
    b: Skid<WriteEndBits>,
    snoops: Skid<Bits<17>>,

    read_push: Signal<Local, Bit>,
    read_ends: Signal<Local, Bit>,
    read_pop: Signal<Local, Bit>,
    read_clear: Signal<Local, Bits<PLACES>>,
    read_set_answered: Signal<Local, Bits<PLACES>>,
    read_set_arrived: Signal<Local, Bits<PLACES>>,
    write_empty: Signal<Local, Bit>,
    write_offered: Signal<Local, Bit>,
    write_push: Signal<Local, Bit>,
    write_ends: Signal<Local, Bit>,
    write_pop: Signal<Local, Bit>,
    write_clear: Signal<Local, Bits<PLACES>>,
    write_completed: Signal<Local, Bits<PLACES>>,
    write_skipped: Signal<Local, Bits<PLACES>>,
    write_set_outside: Signal<Local, Bits<PLACES>>,
    write_set_discarded: Signal<Local, Bits<PLACES>>,
    is_outside: Signal<Local, Bit>,
    is_discarded: Signal<Local, Bit>,
    resp: Signal<Local, Bits<2>>,
}

impl Logic for AxiFront {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module axi_front");
        dff_setup!(
            self,
            clk,
            read_next,
            read_head,
            read_answered,
            read_arrived,
            write_next,
            write_head,
            write_done,
            write_outside,
            write_discarded,
            burst_resp
        );
        self.ar.clk.next = self.clk.val();
        self.ar.rst.next = self.rst.val();
        self.read_beats.clk.next = self.clk.val();
        self.read_beats.rst.next = self.rst.val();
        self.read_order.clk.next = self.clk.val();
        self.read_order.rst.next = self.rst.val();
        self.r.clk.next = self.clk.val();
        self.r.rst.next = self.rst.val();
        self.aw.clk.next = self.clk.val();
        self.aw.rst.next = self.rst.val();
        self.w.clk.next = self.clk.val();
        self.w.rst.next = self.rst.val();
        self.write_beats.clk.next = self.clk.val();
        self.write_beats.rst.next = self.rst.val();
        self.write_order.clk.next = self.clk.val();
        self.write_order.rst.next = self.rst.val();
        self.b.clk.next = self.clk.val();
        self.b.rst.next = self.rst.val();
        self.snoops.clk.next = self.clk.val();
        self.snoops.rst.next = self.rst.val();

        comment!("AR to line requests.");
        self.ar.in_valid.next = self.s_axi.arvalid.val();
        self.s_axi.arready.next = self.ar.in_ready.val();
        self.ar.in_data.next.address = self.s_axi.araddr.val();
        self.ar.in_data.next.id = self.s_axi.arid.val();
        self.ar.in_data.next.len = self.s_axi.arlen.val();
        self.ar.in_data.next.size = self.s_axi.arsize.val();
        self.ar.in_data.next.burst = self.s_axi.arburst.val();
        self.read_beats.in_valid.next = self.ar.out_valid.val();
        self.ar.out_ready.next = self.read_beats.in_ready.val();
        self.read_beats.in_data.next = self.ar.out_data.val();
        self.req.valid.next = self.read_beats.out_valid.val() & self.read_order.in_ready.val();
        self.read_push.next =
            self.read_beats.out_valid.val() & self.read_order.in_ready.val() & self.req.ready.val();
        self.read_beats.out_ready.next = self.read_order.in_ready.val() & self.req.ready.val();
        self.req.opcode.next = m2s_req::MEM_RD.into();
        self.req.addr.next = self.read_beats.out_data.val().address;
        self.req.tag.next = bit_cast::<16, PLACE_BITS>(self.read_next.q.val());
        self.req.meta_field.next = meta_field::NO_OP.into();
        self.req.meta_value.next = 0.into();
        self.req.snp_type.next = snp_type::SNP_CUR.into();
        self.read_order.in_valid.next = self.read_push.val();
        self.read_order.in_data.next.id = self.read_beats.out_data.val().id;
        self.read_order.in_data.next.last = self.read_beats.out_data.val().last;
        if self.read_push.val() {
            self.read_next.d.next = self.read_next.q.val() + 1;
        }

        comment!("Answers of reads to their places.");
        self.read_places.clock.next = self.clk.val();
        self.read_places.write_enable.next = self.drs_valid.val();
        self.read_places.write_address.next = self.drs.val().tag.get_bits::<PLACE_BITS>(0);
        self.read_places.write_data.next.data = self.drs.val().data;
        self.read_places.write_data.next.resp = 0.into();
        if self.drs.val().opcode == s2m_drs::MEM_DATA_NXM {
            self.read_places.write_data.next.resp = 3.into();
        } else if self.drs.val().poison {
            self.read_places.write_data.next.resp = 2.into();
        }
        self.read_places.read_address.next = self.read_head.q.val();
        self.read_set_arrived.next = 0.into();
        if self.drs_valid.val() {
            self.read_set_arrived.next = bits::<PLACES>(1) << self.drs.val().tag.get_bits::<PLACE_BITS>(0);
        }
        self.read_set_answered.next = 0.into();
        if self.ndr_valid.val() & !self.ndr_tag.val().get_bit(15) {
            self.read_set_answered.next = bits::<PLACES>(1) << self.ndr_tag.val().get_bits::<PLACE_BITS>(0);
        }

        comment!("R, in order.");
        self.read_ends.next = self.read_order.out_valid.val()
            & self.read_answered.q.val().get_bit(self.read_head.q.val().index())
            & self.read_arrived.q.val().get_bit(self.read_head.q.val().index());
        self.read_pop.next = self.read_ends.val() & self.r.in_ready.val();
        self.read_order.out_ready.next = self.read_pop.val();
        self.read_clear.next = 0.into();
        if self.read_pop.val() {
            self.read_clear.next = bits::<PLACES>(1) << self.read_head.q.val();
            self.read_head.d.next = self.read_head.q.val() + 1;
        }
        self.read_answered.d.next =
            (self.read_answered.q.val() & !self.read_clear.val()) | self.read_set_answered.val();
        self.read_arrived.d.next =
            (self.read_arrived.q.val() & !self.read_clear.val()) | self.read_set_arrived.val();
        self.r.in_valid.next = self.read_ends.val();
        self.r.in_data.next.id = self.read_order.out_data.val().id;
        self.r.in_data.next.last = self.read_order.out_data.val().last;
        self.r.in_data.next.resp = self.read_places.read_data.val().resp;
        self.r.in_data.next.data = self.read_places.read_data.val().data;
        self.s_axi.rvalid.next = self.r.out_valid.val();
        self.r.out_ready.next = self.s_axi.rready.val();
        self.s_axi.rid.next = self.r.out_data.val().id;
        self.s_axi.rdata.next = self.r.out_data.val().data;
        self.s_axi.rresp.next = self.r.out_data.val().resp;
        self.s_axi.rlast.next = self.r.out_data.val().last;

        comment!("AW and W to line requests.");
        self.aw.in_valid.next = self.s_axi.awvalid.val();
        self.s_axi.awready.next = self.aw.in_ready.val();
        self.aw.in_data.next.address = self.s_axi.awaddr.val();
        self.aw.in_data.next.id = self.s_axi.awid.val();
        self.aw.in_data.next.len = self.s_axi.awlen.val();
        self.aw.in_data.next.size = self.s_axi.awsize.val();
        self.aw.in_data.next.burst = self.s_axi.awburst.val();
        self.write_beats.in_valid.next = self.aw.out_valid.val();
        self.aw.out_ready.next = self.write_beats.in_ready.val();
        self.write_beats.in_data.next = self.aw.out_data.val();
        self.w.in_valid.next = self.s_axi.wvalid.val();
        self.s_axi.wready.next = self.w.in_ready.val();
        self.w.in_data.next.data = self.s_axi.wdata.val();
        self.w.in_data.next.strobe = self.s_axi.wstrb.val();
        self.write_empty.next = !self.w.out_data.val().strobe.any();
        self.write_offered.next =
            self.write_beats.out_valid.val() & self.w.out_valid.val() & self.write_order.in_ready.val();
        self.rwd.valid.next = self.write_offered.val() & !self.write_empty.val();
        self.write_push.next = self.write_offered.val() & (self.rwd.ready.val() | self.write_empty.val());
        self.write_beats.out_ready.next = self.write_push.val();
        self.w.out_ready.next = self.write_push.val();
        self.rwd.opcode.next = m2s_rwd::MEM_WR_PTL.into();
        if self.w.out_data.val().strobe.all() {
            self.rwd.opcode.next = m2s_rwd::MEM_WR.into();
        }
        self.rwd.addr.next = self.write_beats.out_data.val().address;
        self.rwd.tag.next = bit_cast::<16, PLACE_BITS>(self.write_next.q.val()).replace_bit(15, true);
        self.rwd.meta_field.next = meta_field::META0_STATE.into();
        self.rwd.meta_value.next = meta_value::INVALID.into();
        self.rwd.snp_type.next = snp_type::SNP_INV.into();
        self.rwd.data.next = self.w.out_data.val().data;
        self.rwd.be.next = self.w.out_data.val().strobe;
        self.write_order.in_valid.next = self.write_push.val();
        self.write_order.in_data.next.id = self.write_beats.out_data.val().id;
        self.write_order.in_data.next.last = self.write_beats.out_data.val().last;
        if self.write_push.val() {
            self.write_next.d.next = self.write_next.q.val() + 1;
        }

        comment!("Commit slots and completions of writes to their places.");
        self.write_completed.next = 0.into();
        if self.ndr_valid.val() & self.ndr_tag.val().get_bit(15) {
            self.write_completed.next = bits::<PLACES>(1) << self.ndr_tag.val().get_bits::<PLACE_BITS>(0);
        }
        self.write_skipped.next = 0.into();
        if self.write_push.val() & self.write_empty.val() {
            self.write_skipped.next = bits::<PLACES>(1) << self.write_next.q.val();
        }
        self.write_set_outside.next = 0.into();
        self.write_set_discarded.next = 0.into();
        if self.commit_valid.val() {
            if !self.commit_decodes.val() {
                self.write_set_outside.next =
                    bits::<PLACES>(1) << self.commit_tag.val().get_bits::<PLACE_BITS>(0);
            } else if !self.commit_writes.val() {
                self.write_set_discarded.next =
                    bits::<PLACES>(1) << self.commit_tag.val().get_bits::<PLACE_BITS>(0);
            }
        }

        comment!("B, in order: the worst of the burst's beats.");
        self.write_ends.next = self.write_order.out_valid.val()
            & self.write_done.q.val().get_bit(self.write_head.q.val().index());
        self.write_pop.next =
            self.write_ends.val() & (self.b.in_ready.val() | !self.write_order.out_data.val().last);
        self.write_order.out_ready.next = self.write_pop.val();
        self.is_outside.next = self.write_outside.q.val().get_bit(self.write_head.q.val().index());
        self.is_discarded.next = self.write_discarded.q.val().get_bit(self.write_head.q.val().index());
        self.resp.next = self.burst_resp.q.val()
            | bits::<2>(0)
                .replace_bit(0, self.is_outside.val())
                .replace_bit(1, self.is_outside.val() | self.is_discarded.val());
        self.write_clear.next = 0.into();
        if self.write_pop.val() {
            self.write_clear.next = bits::<PLACES>(1) << self.write_head.q.val();
            self.write_head.d.next = self.write_head.q.val() + 1;
            self.burst_resp.d.next = self.resp.val();
            if self.write_order.out_data.val().last {
                self.burst_resp.d.next = 0.into();
            }
        }
        self.write_done.d.next = (self.write_done.q.val() & !self.write_clear.val())
            | self.write_completed.val()
            | self.write_skipped.val();
        self.write_outside.d.next =
            (self.write_outside.q.val() & !self.write_clear.val()) | self.write_set_outside.val();
        self.write_discarded.d.next =
            (self.write_discarded.q.val() & !self.write_clear.val()) | self.write_set_discarded.val();
        self.b.in_valid.next = self.write_ends.val() & self.write_order.out_data.val().last;
        self.b.in_data.next.id = self.write_order.out_data.val().id;
        self.b.in_data.next.resp = self.resp.val();
        self.s_axi.bvalid.next = self.b.out_valid.val();
        self.b.out_ready.next = self.s_axi.bready.val();
        self.s_axi.bid.next = self.b.out_data.val().id;
        self.s_axi.bresp.next = self.b.out_data.val().resp;

        comment!("Snoops: the host has no copy that the device knows of.");
        self.snoops.in_valid.next = self.snoop_valid.val();
        self.snoop_ready.next = self.snoops.in_ready.val();
        self.snoops.in_data.next =
            bit_cast::<17, 16>(self.snoop_tag.val()).replace_bit(16, self.snoop_opcode.val().get_bit(2));
        self.response_valid.next = self.snoops.out_valid.val();
        self.snoops.out_ready.next = self.response_ready.val();
        self.response_opcode.next = m2s_birsp::BI_RSP_I.into();
        if self.snoops.out_data.val().get_bit(16) {
            self.response_opcode.next = m2s_birsp::BI_RSP_I_BLK.into();
        }
        self.response_tag.next = self.snoops.out_data.val().get_bits::<16>(0);
    }
}

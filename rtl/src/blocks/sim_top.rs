//! The device for simulation: both attaches around one core, and the commit slots on ports. Module `tideline_sim_top`.
//!
//! The input `attach` selects what `tideline_cxl_top` and `tideline_axi_top` have as a constant: the six channels or the AXI4
//! subordinate; the other one is dead. So one compiled model serves both. It must not change after reset.

use super::axi::*;
use super::axi_front::AxiFront;
use super::channels::*;
use super::core::Core;
use super::core::Probe;
use super::types::DPA_BITS;
use crate::prim::*;
use rust_hdl_core::prelude::*;
use tideline_abi::attach::attach;
use tideline_abi::slot::slot_kind;

/// The top.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct SimTop<const SETS: usize, const WAYS: usize, const TAGS: usize, const ROWS: usize> {
    /// The clock of everything.
    pub clk: Signal<In, Clock>,
    /// Power-on reset, synchronous, active high: everything is lost.
    pub rst: Signal<In, Bit>,
    /// Function level reset of the host side, at its rising edge: nothing is lost.
    pub flr: Signal<In, Bit>,
    /// Which attach lives, `attach`.
    pub attach: Signal<In, Bits<2>>,
    /// CXL.mem requests.
    pub m2s_req: M2sReq,
    /// CXL.mem requests with data.
    pub m2s_rwd: M2sRwd,
    /// CXL.mem snoop responses.
    pub m2s_birsp: M2sBirsp,
    /// CXL.mem responses.
    pub s2m_ndr: S2mNdr,
    /// CXL.mem data.
    pub s2m_drs: S2mDrs,
    /// CXL.mem snoops.
    pub s2m_bisnp: S2mBisnp,
    /// The window on AXI4.
    pub s_axi: AxiSubordinate,
    /// Device memory.
    pub m_axi_dram: AxiManager<DPA_BITS>,
    /// Host memory.
    pub m_axi_host: AxiManager<64>,
    /// Registers.
    pub s_axil: AxiLiteSubordinate,
    /// Interrupt requests, one level per vector.
    pub irq: Signal<Out, Bits<4>>,
    /// Every commit slot.
    pub probe: Probe,
    front: AxiFront,
    core: Core<SETS, WAYS, TAGS, ROWS>,
    axi: Signal<Local, Bit>,
}

impl<const SETS: usize, const WAYS: usize, const TAGS: usize, const ROWS: usize> Logic
    for SimTop<SETS, WAYS, TAGS, ROWS>
{
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module sim_top");
        self.core.clk.next = self.clk.val();
        self.core.rst.next = self.rst.val();
        self.core.flr.next = self.flr.val();
        self.core.attach.next = self.attach.val();
        self.front.clk.next = self.clk.val();
        self.front.rst.next = self.rst.val();
        self.irq.next = self.core.irq.val();
        AxiSubordinate::link(&mut self.s_axi, &mut self.front.s_axi);
        AxiManager::<DPA_BITS>::link(&mut self.m_axi_dram, &mut self.core.m_axi_dram);
        AxiManager::<64>::link(&mut self.m_axi_host, &mut self.core.m_axi_host);
        AxiLiteSubordinate::link(&mut self.s_axil, &mut self.core.s_axil);
        Probe::link(&mut self.probe, &mut self.core.probe);
        self.axi.next = self.attach.val() == attach::AXI;

        comment!("To the core: from the channels, or from the front.");
        self.core.m2s_req.valid.next = self.m2s_req.valid.val() & !self.axi.val();
        self.core.m2s_req.opcode.next = self.m2s_req.opcode.val();
        self.core.m2s_req.addr.next = self.m2s_req.addr.val();
        self.core.m2s_req.tag.next = self.m2s_req.tag.val();
        self.core.m2s_req.meta_field.next = self.m2s_req.meta_field.val();
        self.core.m2s_req.meta_value.next = self.m2s_req.meta_value.val();
        self.core.m2s_req.snp_type.next = self.m2s_req.snp_type.val();
        self.core.m2s_rwd.valid.next = self.m2s_rwd.valid.val() & !self.axi.val();
        self.core.m2s_rwd.opcode.next = self.m2s_rwd.opcode.val();
        self.core.m2s_rwd.addr.next = self.m2s_rwd.addr.val();
        self.core.m2s_rwd.tag.next = self.m2s_rwd.tag.val();
        self.core.m2s_rwd.meta_field.next = self.m2s_rwd.meta_field.val();
        self.core.m2s_rwd.meta_value.next = self.m2s_rwd.meta_value.val();
        self.core.m2s_rwd.snp_type.next = self.m2s_rwd.snp_type.val();
        self.core.m2s_rwd.data.next = self.m2s_rwd.data.val();
        self.core.m2s_rwd.be.next = self.m2s_rwd.be.val();
        self.core.m2s_birsp.valid.next = self.m2s_birsp.valid.val() & !self.axi.val();
        self.core.m2s_birsp.opcode.next = self.m2s_birsp.opcode.val();
        self.core.m2s_birsp.tag.next = self.m2s_birsp.tag.val();
        self.core.m2s_birsp.low.next = self.m2s_birsp.low.val();
        self.core.s2m_ndr.ready.next = self.s2m_ndr.ready.val() | self.axi.val();
        self.core.s2m_drs.ready.next = self.s2m_drs.ready.val() | self.axi.val();
        self.core.s2m_bisnp.ready.next = self.s2m_bisnp.ready.val();
        if self.axi.val() {
            self.core.m2s_req.valid.next = self.front.req.valid.val();
            self.core.m2s_req.opcode.next = self.front.req.opcode.val();
            self.core.m2s_req.addr.next = self.front.req.addr.val();
            self.core.m2s_req.tag.next = self.front.req.tag.val();
            self.core.m2s_req.meta_field.next = self.front.req.meta_field.val();
            self.core.m2s_req.meta_value.next = self.front.req.meta_value.val();
            self.core.m2s_req.snp_type.next = self.front.req.snp_type.val();
            self.core.m2s_rwd.valid.next = self.front.rwd.valid.val();
            self.core.m2s_rwd.opcode.next = self.front.rwd.opcode.val();
            self.core.m2s_rwd.addr.next = self.front.rwd.addr.val();
            self.core.m2s_rwd.tag.next = self.front.rwd.tag.val();
            self.core.m2s_rwd.meta_field.next = self.front.rwd.meta_field.val();
            self.core.m2s_rwd.meta_value.next = self.front.rwd.meta_value.val();
            self.core.m2s_rwd.snp_type.next = self.front.rwd.snp_type.val();
            self.core.m2s_rwd.data.next = self.front.rwd.data.val();
            self.core.m2s_rwd.be.next = self.front.rwd.be.val();
            self.core.m2s_birsp.valid.next = self.front.response_valid.val();
            self.core.m2s_birsp.opcode.next = self.front.response_opcode.val();
            self.core.m2s_birsp.tag.next = self.front.response_tag.val();
            self.core.s2m_bisnp.ready.next = self.front.snoop_ready.val();
        }

        comment!("From the core.");
        self.m2s_req.ready.next = self.core.m2s_req.ready.val() & !self.axi.val();
        self.m2s_rwd.ready.next = self.core.m2s_rwd.ready.val() & !self.axi.val();
        self.m2s_birsp.ready.next = self.core.m2s_birsp.ready.val() & !self.axi.val();
        self.front.req.ready.next = self.core.m2s_req.ready.val() & self.axi.val();
        self.front.rwd.ready.next = self.core.m2s_rwd.ready.val() & self.axi.val();
        self.front.response_ready.next = self.core.m2s_birsp.ready.val() & self.axi.val();
        self.s2m_ndr.valid.next = self.core.s2m_ndr.valid.val() & !self.axi.val();
        self.s2m_ndr.opcode.next = self.core.s2m_ndr.opcode.val();
        self.s2m_ndr.tag.next = self.core.s2m_ndr.tag.val();
        self.s2m_drs.valid.next = self.core.s2m_drs.valid.val() & !self.axi.val();
        self.s2m_drs.opcode.next = self.core.s2m_drs.opcode.val();
        self.s2m_drs.tag.next = self.core.s2m_drs.tag.val();
        self.s2m_drs.poison.next = self.core.s2m_drs.poison.val();
        self.s2m_drs.data.next = self.core.s2m_drs.data.val();
        self.s2m_bisnp.valid.next = self.core.s2m_bisnp.valid.val() & !self.axi.val();
        self.s2m_bisnp.opcode.next = self.core.s2m_bisnp.opcode.val();
        self.s2m_bisnp.addr.next = self.core.s2m_bisnp.addr.val();
        self.s2m_bisnp.tag.next = self.core.s2m_bisnp.tag.val();

        comment!("What the front hears of the core.");
        self.front.ndr_valid.next = self.core.s2m_ndr.valid.val() & self.axi.val();
        self.front.ndr_tag.next = self.core.s2m_ndr.tag.val();
        self.front.drs_valid.next = self.core.s2m_drs.valid.val() & self.axi.val();
        self.front.drs.next.opcode = self.core.s2m_drs.opcode.val();
        self.front.drs.next.tag = self.core.s2m_drs.tag.val();
        self.front.drs.next.poison = self.core.s2m_drs.poison.val();
        self.front.drs.next.data = self.core.s2m_drs.data.val();
        self.front.snoop_valid.next = self.core.s2m_bisnp.valid.val() & self.axi.val();
        self.front.snoop_tag.next = self.core.s2m_bisnp.tag.val();
        self.front.snoop_opcode.next = self.core.s2m_bisnp.opcode.val();
        self.front.commit_valid.next =
            self.core.probe.valid.val() & (self.core.probe.kind.val() == slot_kind::WRITE);
        self.front.commit_tag.next = self.core.probe.tag.val();
        self.front.commit_decodes.next = self.core.probe.decodes.val();
        self.front.commit_writes.next = self.core.probe.writes_memory.val();
    }
}

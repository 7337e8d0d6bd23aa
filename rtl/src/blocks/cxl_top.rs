//! The device for a CXL.mem link: the core, with the six channels as its ports. Module `tideline_cxl_top`.

use super::axi::*;
use super::channels::*;
use super::core::Core;
use super::types::DPA_BITS;
use crate::prim::*;
use rust_hdl_core::prelude::*;
use tideline_abi::attach::attach;

/// The top.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct CxlTop<const SETS: usize, const WAYS: usize, const TAGS: usize, const ROWS: usize> {
    /// The clock of everything.
    pub clk: Signal<In, Clock>,
    /// Power-on reset, synchronous, active high: everything is lost.
    pub rst: Signal<In, Bit>,
    /// Function level reset of the host side, at its rising edge: nothing is lost.
    pub flr: Signal<In, Bit>,
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
    /// Device memory.
    pub m_axi_dram: AxiManager<DPA_BITS>,
    /// Host memory.
    pub m_axi_host: AxiManager<64>,
    /// Registers.
    pub s_axil: AxiLiteSubordinate,
    /// Interrupt requests, one level per vector.
    pub irq: Signal<Out, Bits<4>>,
    core: Core<SETS, WAYS, TAGS, ROWS>,
}

impl<const SETS: usize, const WAYS: usize, const TAGS: usize, const ROWS: usize> Logic
    for CxlTop<SETS, WAYS, TAGS, ROWS>
{
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module cxl_top");
        self.core.clk.next = self.clk.val();
        self.core.rst.next = self.rst.val();
        self.core.flr.next = self.flr.val();
        self.core.attach.next = attach::CXL.into();
        self.irq.next = self.core.irq.val();
        M2sReq::link(&mut self.m2s_req, &mut self.core.m2s_req);
        M2sRwd::link(&mut self.m2s_rwd, &mut self.core.m2s_rwd);
        M2sBirsp::link(&mut self.m2s_birsp, &mut self.core.m2s_birsp);
        S2mNdr::link(&mut self.s2m_ndr, &mut self.core.s2m_ndr);
        S2mDrs::link(&mut self.s2m_drs, &mut self.core.s2m_drs);
        S2mBisnp::link(&mut self.s2m_bisnp, &mut self.core.s2m_bisnp);
        AxiManager::<DPA_BITS>::link(&mut self.m_axi_dram, &mut self.core.m_axi_dram);
        AxiManager::<64>::link(&mut self.m_axi_host, &mut self.core.m_axi_host);
        AxiLiteSubordinate::link(&mut self.s_axil, &mut self.core.s_axil);
    }
}

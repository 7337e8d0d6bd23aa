//! The line protocol: messages, opcodes and states of CXL.mem for a single-host HDM-DB device.
//!
//! Names and values as in the CXL 3.1 specification, sections 3.3.3 to 3.5.1, tables 3-35 to 3-59.

use crate::macros::codes;
use std::collections::VecDeque;

/// The data of one line.
pub type Line = [u8; crate::geometry::LINE_BYTES];

codes! {
    /// Opcodes of M2S Req: requests without data, host to device.
    ReqOpcode, m2s_req, 4 {
        /// Change of the host's state without data.
        MemInv, MEM_INV = 0;
        /// Read.
        MemRd, MEM_RD = 1;
        /// Read that leaves the state to the device: the host takes S (or E where granted).
        MemRdData, MEM_RD_DATA = 2;
        /// Forwarding read: illegal for this device.
        MemRdFwd, MEM_RD_FWD = 3;
        /// Forwarding write: illegal for this device.
        MemWrFwd, MEM_WR_FWD = 4;
        /// Speculative read: dropped.
        MemSpecRd, MEM_SPEC_RD = 8;
        /// As MemInv, non-temporal hint.
        MemInvNt, MEM_INV_NT = 9;
        /// The host evicted a clean line.
        MemClnEvct, MEM_CLN_EVCT = 10;
    }
}
codes! {
    /// Opcodes of M2S RwD: requests with data, host to device.
    RwdOpcode, m2s_rwd, 4 {
        /// Write of a full line.
        MemWr, MEM_WR = 1;
        /// Write of the bytes enabled.
        MemWrPtl, MEM_WR_PTL = 2;
        /// The host has a request of its own outstanding for a line being snooped.
        BiConflict, BI_CONFLICT = 4;
    }
}
codes! {
    /// Opcodes of S2M NDR: responses without data, device to host.
    NdrOpcode, s2m_ndr, 3 {
        /// Completion without a state.
        Cmp, CMP = 0;
        /// Completion granting shared.
        CmpS, CMP_S = 1;
        /// Completion granting exclusive.
        CmpE, CMP_E = 2;
        /// Completion granting modified: never sent by this device.
        CmpM, CMP_M = 3;
        /// Answer to BIConflict.
        BiConflictAck, BI_CONFLICT_ACK = 4;
    }
}
codes! {
    /// Opcodes of S2M DRS: data, device to host.
    DrsOpcode, s2m_drs, 3 {
        /// Data of a line.
        MemData, MEM_DATA = 0;
        /// The address does not decode: all ones.
        MemDataNxm, MEM_DATA_NXM = 1;
    }
}
codes! {
    /// Opcodes of S2M BISnp: back-invalidate snoops, device to host.
    SnpOpcode, s2m_bisnp, 4 {
        /// Current value; changes nothing (never sent by this device).
        BiSnpCur, BI_SNP_CUR = 0;
        /// Give up write permission: ends in I or S.
        BiSnpData, BI_SNP_DATA = 1;
        /// Give up the line: ends in I.
        BiSnpInv, BI_SNP_INV = 2;
        /// As BISnpCur, for a block (never sent by this device).
        BiSnpCurBlk, BI_SNP_CUR_BLK = 4;
        /// As BISnpData, for a block.
        BiSnpDataBlk, BI_SNP_DATA_BLK = 5;
        /// As BISnpInv, for a block.
        BiSnpInvBlk, BI_SNP_INV_BLK = 6;
    }
}
codes! {
    /// Opcodes of M2S BIRsp: answers to back-invalidate snoops, host to device.
    RspOpcode, m2s_birsp, 4 {
        /// The host has no copy.
        BiRspI, BI_RSP_I = 0;
        /// The host has a shared copy.
        BiRspS, BI_RSP_S = 1;
        /// The host kept an exclusive copy: wrong for the snoops this device sends.
        BiRspE, BI_RSP_E = 2;
        /// As BIRspI, for every line of a block snoop.
        BiRspIBlk, BI_RSP_I_BLK = 4;
        /// As BIRspS, for every line of a block snoop.
        BiRspSBlk, BI_RSP_S_BLK = 5;
        /// As BIRspE, for every line of a block snoop.
        BiRspEBlk, BI_RSP_E_BLK = 6;
    }
}
codes! {
    /// Meta field: whether the meta value says anything.
    MetaField, meta_field, 2 {
        /// The meta value is the host's state after the request.
        Meta0State, META0_STATE = 0;
        /// The request says nothing of the host's state.
        NoOp, NO_OP = 3;
    }
}
codes! {
    /// Meta value: the state that the host keeps or asks for.
    MetaValue, meta_value, 2 {
        /// No copy.
        Invalid, INVALID = 0;
        /// Exclusive or modified.
        Any, ANY = 2;
        /// Shared.
        Shared, SHARED = 3;
    }
}
codes! {
    /// Snoop type of a request.
    SnpType, snp_type, 3 {
        /// No snoop.
        NoOp, NO_OP = 0;
        /// The host wants at least a shared copy.
        SnpData, SNP_DATA = 1;
        /// The host wants the current value.
        SnpCur, SNP_CUR = 2;
        /// The host wants to be the only one.
        SnpInv, SNP_INV = 3;
    }
}

/// M2S Req: a request without data. Fields are raw codes, so that a campaign can send illegal ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct M2sReq {
    /// 4 bits, [`ReqOpcode`].
    pub opcode: u8,
    /// Host physical byte address; bits 5:0 are ignored.
    pub addr: u64,
    /// 16 bits, echoed in the answers.
    pub tag: u16,
    /// 2 bits, [`MetaField`].
    pub meta_field: u8,
    /// 2 bits, [`MetaValue`].
    pub meta_value: u8,
    /// 3 bits, [`SnpType`].
    pub snp_type: u8,
}

/// M2S RwD: a request with data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct M2sRwd {
    /// 4 bits, [`RwdOpcode`].
    pub opcode: u8,
    /// Host physical byte address; bits 5:0 are ignored.
    pub addr: u64,
    /// 16 bits, echoed in the answer. BIConflict carries the tag of the BISnp.
    pub tag: u16,
    /// 2 bits, [`MetaField`].
    pub meta_field: u8,
    /// 2 bits, [`MetaValue`].
    pub meta_value: u8,
    /// 3 bits, [`SnpType`].
    pub snp_type: u8,
    /// The line.
    pub data: Line,
    /// Byte enables, used by MemWrPtl.
    pub be: u64,
}

/// S2M NDR: a response without data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct S2mNdr {
    /// 3 bits, [`NdrOpcode`].
    pub opcode: u8,
    /// Tag of the request.
    pub tag: u16,
}

/// S2M DRS: a response with data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct S2mDrs {
    /// 3 bits, [`DrsOpcode`].
    pub opcode: u8,
    /// Tag of the request.
    pub tag: u16,
    /// The data is poisoned.
    pub poison: bool,
    /// The line.
    pub data: Line,
}

/// S2M BISnp: a back-invalidate snoop of one line, or of a block of aligned lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct S2mBisnp {
    /// 4 bits, [`SnpOpcode`].
    pub opcode: u8,
    /// Host physical byte address of the line. Block forms: of 256 aligned bytes, with [`block`] in bits 7:6.
    pub addr: u64,
    /// BITag, echoed in the BIRsp and in a BIConflict.
    pub tag: u16,
}

/// M2S BIRsp: the answer to a back-invalidate snoop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct M2sBirsp {
    /// 4 bits, [`RspOpcode`].
    pub opcode: u8,
    /// BITag of the snoop.
    pub tag: u16,
    /// 2 bits, LowAddr: bits 7:6 of the address of the line. Tells the lines of a block snoop apart; else ignored.
    pub low: u8,
}

/// Which lines a block snoop is about: bits 7:6 of its address.
pub mod block {
    /// The lower two lines of the 256 bytes.
    pub const LOWER: u64 = 1;
    /// The upper two.
    pub const UPPER: u64 = 2;
    /// All four.
    pub const FULL: u64 = 3;
}

impl M2sBirsp {
    /// One answer for all lines of a snoop: `response` (a line form), or its block form for a block snoop.
    pub fn whole(snoop: &S2mBisnp, response: RspOpcode) -> Self {
        let (low, form) = if snoop.is_block() { (0, 4) } else { ((snoop.addr >> 6) as u8 & 3, 0) };
        Self { opcode: response as u8 | form, tag: snoop.tag, low }
    }
}

impl S2mBisnp {
    /// A snoop of these lines of the 256 aligned bytes at `base`: bit n = line n. `None` if one message cannot say that.
    pub fn of(base: u64, lines: u8, invalidate: bool, tag: u16) -> Option<Self> {
        let (blk, low) = match lines {
            1 | 2 | 4 | 8 => (false, lines.trailing_zeros() as u64),
            0b0011 => (true, block::LOWER),
            0b1100 => (true, block::UPPER),
            0b1111 => (true, block::FULL),
            _ => return None,
        };
        let opcode = match (invalidate, blk) {
            (false, false) => SnpOpcode::BiSnpData,
            (true, false) => SnpOpcode::BiSnpInv,
            (false, true) => SnpOpcode::BiSnpDataBlk,
            (true, true) => SnpOpcode::BiSnpInvBlk,
        };
        Some(Self { opcode: opcode as u8, addr: base & !255 | low << 6, tag })
    }

    /// A block form.
    pub fn is_block(&self) -> bool {
        self.opcode & 4 != 0
    }

    /// BISnpInv or its block form.
    pub fn invalidates(&self) -> bool {
        self.opcode & 3 == SnpOpcode::BiSnpInv as u8
    }

    /// The first byte of the 256 aligned bytes, and the lines of it that are snooped: bit n = line n. A block form that
    /// names no lines has none.
    pub fn lines(&self) -> (u64, u8) {
        let low = self.addr >> 6 & 3;
        let lines = match low {
            _ if !self.is_block() => 1 << low,
            block::LOWER => 0b0011,
            block::UPPER => 0b1100,
            block::FULL => 0b1111,
            _ => 0,
        };
        (self.addr & !255, lines)
    }
}

/// The six channels between one host and one device, as queues (front = oldest).
///
/// The two sides of a simulation meet here: the host model appends to the `m2s_*` queues and takes from the
/// `s2m_*` queues, a device does the opposite. Queues say nothing of order between channels.
#[derive(Clone, Debug, Default)]
pub struct Channels {
    /// Requests.
    pub m2s_req: VecDeque<M2sReq>,
    /// Requests with data.
    pub m2s_rwd: VecDeque<M2sRwd>,
    /// Snoop responses.
    pub m2s_birsp: VecDeque<M2sBirsp>,
    /// Responses.
    pub s2m_ndr: VecDeque<S2mNdr>,
    /// Data.
    pub s2m_drs: VecDeque<S2mDrs>,
    /// Snoops.
    pub s2m_bisnp: VecDeque<S2mBisnp>,
}

impl Channels {
    /// True if nothing is under way in any channel.
    pub fn is_empty(&self) -> bool {
        self.m2s_req.is_empty()
            && self.m2s_rwd.is_empty()
            && self.m2s_birsp.is_empty()
            && self.s2m_ndr.is_empty()
            && self.s2m_drs.is_empty()
            && self.s2m_bisnp.is_empty()
    }
}

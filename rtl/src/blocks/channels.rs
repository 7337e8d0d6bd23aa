//! The six CXL.mem channels as bundles of signals, seen from the device.
//!
//! Each is a valid/ready stream; fields and codes are those of `tideline_abi::cxl`.

use super::types::*;
use rust_hdl_core::prelude::*;

/// M2S Req: requests without data.
#[derive(Clone, Debug, Default, LogicInterface)]
pub struct M2sReq {
    /// A message is offered.
    pub valid: Signal<In, Bit>,
    /// It is taken in this cycle.
    pub ready: Signal<Out, Bit>,
    /// Opcode.
    pub opcode: Signal<In, Bits<4>>,
    /// Host physical byte address; bits 5:0 are ignored.
    pub addr: Signal<In, Hpa>,
    /// Tag, echoed in the answers.
    pub tag: Signal<In, Bits<16>>,
    /// Meta field.
    pub meta_field: Signal<In, Bits<2>>,
    /// Meta value.
    pub meta_value: Signal<In, Bits<2>>,
    /// Snoop type.
    pub snp_type: Signal<In, Bits<3>>,
}

/// M2S RwD: requests with data.
#[derive(Clone, Debug, Default, LogicInterface)]
pub struct M2sRwd {
    /// A message is offered.
    pub valid: Signal<In, Bit>,
    /// It is taken in this cycle.
    pub ready: Signal<Out, Bit>,
    /// Opcode.
    pub opcode: Signal<In, Bits<4>>,
    /// Host physical byte address; bits 5:0 are ignored.
    pub addr: Signal<In, Hpa>,
    /// Tag, echoed in the answer.
    pub tag: Signal<In, Bits<16>>,
    /// Meta field.
    pub meta_field: Signal<In, Bits<2>>,
    /// Meta value.
    pub meta_value: Signal<In, Bits<2>>,
    /// Snoop type.
    pub snp_type: Signal<In, Bits<3>>,
    /// The line.
    pub data: Signal<In, Bits<512>>,
    /// Byte enables of a partial write.
    pub be: Signal<In, Bits<64>>,
}

/// M2S BIRsp: answers to snoops.
#[derive(Clone, Debug, Default, LogicInterface)]
pub struct M2sBirsp {
    /// A message is offered.
    pub valid: Signal<In, Bit>,
    /// It is taken in this cycle.
    pub ready: Signal<Out, Bit>,
    /// Opcode.
    pub opcode: Signal<In, Bits<4>>,
    /// Tag of the snoop.
    pub tag: Signal<In, Bits<16>>,
    /// Bits 7:6 of the address of the line, where a line of a block snoop is answered.
    pub low: Signal<In, Bits<2>>,
}

/// S2M NDR: responses without data.
#[derive(Clone, Debug, Default, LogicInterface)]
pub struct S2mNdr {
    /// A message is offered.
    pub valid: Signal<Out, Bit>,
    /// It is taken in this cycle.
    pub ready: Signal<In, Bit>,
    /// Opcode.
    pub opcode: Signal<Out, Bits<3>>,
    /// Tag of the request.
    pub tag: Signal<Out, Bits<16>>,
}

/// S2M DRS: data.
#[derive(Clone, Debug, Default, LogicInterface)]
pub struct S2mDrs {
    /// A message is offered.
    pub valid: Signal<Out, Bit>,
    /// It is taken in this cycle.
    pub ready: Signal<In, Bit>,
    /// Opcode.
    pub opcode: Signal<Out, Bits<3>>,
    /// Tag of the request.
    pub tag: Signal<Out, Bits<16>>,
    /// The data is poisoned.
    pub poison: Signal<Out, Bit>,
    /// The line.
    pub data: Signal<Out, Bits<512>>,
}

/// S2M BISnp: back-invalidate snoops.
#[derive(Clone, Debug, Default, LogicInterface)]
pub struct S2mBisnp {
    /// A message is offered.
    pub valid: Signal<Out, Bit>,
    /// It is taken in this cycle.
    pub ready: Signal<In, Bit>,
    /// Opcode.
    pub opcode: Signal<Out, Bits<4>>,
    /// Host physical byte address of the line; block forms: bits 7:6 say which lines of the 256 bytes.
    pub addr: Signal<Out, Hpa>,
    /// Tag, echoed in the answer.
    pub tag: Signal<Out, Bits<16>>,
}

//! The bit of one line of a page, by its number in two digits of eight, each one hot.
//!
//! Gated and ored, where a multiplexer of 64 with its number behind it would take six levels of them.
//!
//! # Timing
//! Combinational: four levels of four-input tables.

use super::types::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;

/// Selects one of 64 lines.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct LaneSelect {
    /// A bit per line.
    pub lines: Signal<In, LineMask>,
    /// The lower digit, one hot.
    pub low: Signal<In, Bits<8>>,
    /// The upper digit, one hot.
    pub high: Signal<In, Bits<8>>,
    /// The bit of line `8 * high + low`.
    pub bit: Signal<Out, Bit>,
    rows: Signal<Local, Bits<8>>,
}

impl Logic for LaneSelect {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module lane_select");
        self.rows.next = bits::<8>(0)
            .replace_bit(0, (self.lines.val().get_bits::<8>(0) & self.low.val()).any())
            .replace_bit(1, (self.lines.val().get_bits::<8>(8) & self.low.val()).any())
            .replace_bit(2, (self.lines.val().get_bits::<8>(16) & self.low.val()).any())
            .replace_bit(3, (self.lines.val().get_bits::<8>(24) & self.low.val()).any())
            .replace_bit(4, (self.lines.val().get_bits::<8>(32) & self.low.val()).any())
            .replace_bit(5, (self.lines.val().get_bits::<8>(40) & self.low.val()).any())
            .replace_bit(6, (self.lines.val().get_bits::<8>(48) & self.low.val()).any())
            .replace_bit(7, (self.lines.val().get_bits::<8>(56) & self.low.val()).any());
        self.bit.next = (self.rows.val() & self.high.val()).any();
    }
}

//! Which aligned fours of a page's lines have a line of the mask.
//!
//! # Timing
//! Combinational: one level of four-input tables.

use super::types::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;

/// A bit per aligned four.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct LineQuads {
    /// The lines.
    pub mask: Signal<In, LineMask>,
    /// Bit i: one of lines 4i to 4i + 3 is among them.
    pub quads: Signal<Out, Bits<16>>,
}

impl Logic for LineQuads {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module line_quads");
        self.quads.next = bits::<16>(0)
            .replace_bit(0, self.mask.val().get_bits::<4>(0).any())
            .replace_bit(1, self.mask.val().get_bits::<4>(4).any())
            .replace_bit(2, self.mask.val().get_bits::<4>(8).any())
            .replace_bit(3, self.mask.val().get_bits::<4>(12).any())
            .replace_bit(4, self.mask.val().get_bits::<4>(16).any())
            .replace_bit(5, self.mask.val().get_bits::<4>(20).any())
            .replace_bit(6, self.mask.val().get_bits::<4>(24).any())
            .replace_bit(7, self.mask.val().get_bits::<4>(28).any())
            .replace_bit(8, self.mask.val().get_bits::<4>(32).any())
            .replace_bit(9, self.mask.val().get_bits::<4>(36).any())
            .replace_bit(10, self.mask.val().get_bits::<4>(40).any())
            .replace_bit(11, self.mask.val().get_bits::<4>(44).any())
            .replace_bit(12, self.mask.val().get_bits::<4>(48).any())
            .replace_bit(13, self.mask.val().get_bits::<4>(52).any())
            .replace_bit(14, self.mask.val().get_bits::<4>(56).any())
            .replace_bit(15, self.mask.val().get_bits::<4>(60).any());
    }
}

//! Sixteen single bits become a vector: the way from an array of blocks to a mask.

use crate::prim::*;
use rust_hdl_core::prelude::*;

/// Bundles sixteen bits.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct Gather {
    /// The bits.
    pub bit: [Signal<In, Bit>; 16],
    /// Bit i of the vector is `bit[i]`.
    pub vector: Signal<Out, Bits<16>>,
}

impl Logic for Gather {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module gather");
        self.vector.next = bits::<16>(0)
            .replace_bit(0, self.bit[0].val())
            .replace_bit(1, self.bit[1].val())
            .replace_bit(2, self.bit[2].val())
            .replace_bit(3, self.bit[3].val())
            .replace_bit(4, self.bit[4].val())
            .replace_bit(5, self.bit[5].val())
            .replace_bit(6, self.bit[6].val())
            .replace_bit(7, self.bit[7].val())
            .replace_bit(8, self.bit[8].val())
            .replace_bit(9, self.bit[9].val())
            .replace_bit(10, self.bit[10].val())
            .replace_bit(11, self.bit[11].val())
            .replace_bit(12, self.bit[12].val())
            .replace_bit(13, self.bit[13].val())
            .replace_bit(14, self.bit[14].val())
            .replace_bit(15, self.bit[15].val());
    }
}

//! The index of the one bit that is set in a 64-bit mask.
//!
//! # Timing
//! Combinational: six 32-input ORs.

use crate::prim::*;
use rust_hdl_core::prelude::*;

/// Encodes a one-hot mask.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct OneHot {
    /// The mask: one hot or zero.
    pub mask: Signal<In, Bits<64>>,
    /// There is a set bit.
    pub any: Signal<Out, Bit>,
    /// Its index; 0 if there is none.
    pub index: Signal<Out, Bits<6>>,
}

impl Logic for OneHot {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module one_hot");
        self.any.next = self.mask.val().any();
        self.index.next = bits::<6>(0)
            .replace_bit(0, (self.mask.val() & bits::<64>(0xaaaa_aaaa_aaaa_aaaa_u64)).any())
            .replace_bit(1, (self.mask.val() & bits::<64>(0xcccc_cccc_cccc_cccc_u64)).any())
            .replace_bit(2, (self.mask.val() & bits::<64>(0xf0f0_f0f0_f0f0_f0f0_u64)).any())
            .replace_bit(3, (self.mask.val() & bits::<64>(0xff00_ff00_ff00_ff00_u64)).any())
            .replace_bit(4, (self.mask.val() & bits::<64>(0xffff_0000_ffff_0000_u64)).any())
            .replace_bit(5, (self.mask.val() & bits::<64>(0xffff_ffff_0000_0000_u64)).any());
    }
}

//! The lowest set bit of a 64-bit mask, one hot and as an index.
//!
//! # Timing
//! Combinational: one carry chain, then six 32-input ORs.

use super::one_hot::OneHot;
use crate::prim::*;
use rust_hdl_core::prelude::*;

/// Finds the lowest set bit.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct LowestSet {
    /// The mask.
    pub mask: Signal<In, Bits<64>>,
    /// There is a set bit.
    pub any: Signal<Out, Bit>,
    /// Only the lowest set bit of the mask.
    pub one_hot: Signal<Out, Bits<64>>,
    /// Its index; 0 if there is none.
    pub index: Signal<Out, Bits<6>>,
    encode: OneHot,
    low: Signal<Local, Bits<64>>,
}

impl Logic for LowestSet {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module lowest_set");
        self.low.next = self.mask.val() & (!self.mask.val() + 1);
        self.any.next = self.mask.val().any();
        self.one_hot.next = self.low.val();
        self.encode.mask.next = self.low.val();
        self.index.next = self.encode.index.val();
    }
}

//! The next snoop of a page: its lowest wanted lines, as many as one snoop takes.
//!
//! A snoop is about one line, an aligned two, or an aligned four (CXL 3.1: BISnp and its block forms). Four wanted lines
//! make one snoop, else two neighbours, else one line.
//!
//! # Timing
//! Combinational: one 16-bit carry chain, a 16:1 multiplexer, a table of four bits.

use super::types::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;

/// Picks the lines of the next snoop.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct SnoopPicker {
    /// The wanted lines.
    pub mask: Signal<In, LineMask>,
    /// Which aligned four lines the snoop is about; 0 if no line is wanted.
    pub quad: Signal<Out, Bits<4>>,
    /// Which of them: one, an aligned two, or all.
    pub lines: Signal<Out, Bits<4>>,
    /// What is wanted after it.
    pub rest: Signal<Out, LineMask>,
    wanted: Signal<Local, Bits<16>>,
    first: Signal<Local, Bits<16>>,
    index: Signal<Local, Bits<4>>,
    shift: Signal<Local, Bits<6>>,
    nibble: Signal<Local, Bits<4>>,
    picked: Signal<Local, Bits<4>>,
}

impl Logic for SnoopPicker {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module snoop_picker");

        comment!("The lowest four that hold a wanted line.");
        self.wanted.next = bits::<16>(0)
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
        self.first.next = self.wanted.val() & (!self.wanted.val() + 1);
        self.index.next = bits::<4>(0)
            .replace_bit(0, (self.first.val() & bits::<16>(0xaaaa)).any())
            .replace_bit(1, (self.first.val() & bits::<16>(0xcccc)).any())
            .replace_bit(2, (self.first.val() & bits::<16>(0xf0f0)).any())
            .replace_bit(3, (self.first.val() & bits::<16>(0xff00)).any());
        self.shift.next = bit_cast::<6, 4>(self.index.val()) << 2;
        self.nibble.next = (self.mask.val() >> self.shift.val()).get_bits::<4>(0);

        comment!("All four, else the lower or the upper two, else the lowest line.");
        self.picked.next = self.nibble.val() & (!self.nibble.val() + 1);
        if self.nibble.val().all() {
            self.picked.next = 15.into();
        } else if self.nibble.val().get_bits::<2>(0).all() {
            self.picked.next = 3.into();
        } else if !self.nibble.val().get_bits::<2>(0).any() & self.nibble.val().get_bits::<2>(2).all() {
            self.picked.next = 12.into();
        }
        self.quad.next = self.index.val();
        self.lines.next = self.picked.val();
        self.rest.next = self.mask.val() & !(bit_cast::<64, 4>(self.picked.val()) << self.shift.val());
    }
}

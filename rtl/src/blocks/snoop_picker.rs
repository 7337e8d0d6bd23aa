//! The next snoop of a page: its lowest wanted lines, as many as one snoop takes.
//!
//! A snoop is about one line, an aligned two, or an aligned four (CXL 3.1: BISnp and its block forms). Four wanted lines
//! make one snoop, else two neighbours, else one line.
//!
//! # Timing
//! Combinational. Every aligned four is picked from at once; beside it one 16-bit carry chain finds the first of them.

use super::types::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;

/// Picks the lines of the next snoop.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct SnoopPicker {
    /// The wanted lines.
    pub mask: Signal<In, LineMask>,
    /// Which aligned fours have one (`line_quads`).
    pub quads: Signal<In, Bits<16>>,
    /// Which aligned four lines the snoop is about; 0 if no line is wanted.
    pub quad: Signal<Out, Bits<4>>,
    /// Which of them: one, an aligned two, or all.
    pub lines: Signal<Out, Bits<4>>,
    /// More than one.
    pub block: Signal<Out, Bit>,
    /// What is wanted after it.
    pub rest: Signal<Out, LineMask>,
    /// Which aligned fours have one then.
    pub rest_quads: Signal<Out, Bits<16>>,
    /// Anything is.
    pub more: Signal<Out, Bit>,
    others: Signal<Local, Bits<16>>,
    first: Signal<Local, Bits<16>>,
    index: Signal<Local, Bits<4>>,
    chosen: Signal<Local, Bits<4>>,
    nibble: [Signal<Local, Bits<4>>; 16],
    picked: [Signal<Local, Bits<4>>; 16],
    gated: [Signal<Local, Bits<4>>; 16],
    left: Signal<Local, Bits<16>>,
    taken: Signal<Local, LineMask>,
}

impl Logic for SnoopPicker {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module snoop_picker");

        comment!("The lowest four that hold a wanted line.");
        self.first.next = self.quads.val() & (!self.quads.val() + 1);
        self.index.next = bits::<4>(0)
            .replace_bit(0, (self.first.val() & bits::<16>(0xaaaa)).any())
            .replace_bit(1, (self.first.val() & bits::<16>(0xcccc)).any())
            .replace_bit(2, (self.first.val() & bits::<16>(0xf0f0)).any())
            .replace_bit(3, (self.first.val() & bits::<16>(0xff00)).any());

        comment!("Of each: all four, else the lower or the upper two, else the lowest line.");
        for i in 0..16 {
            self.nibble[i].next = self.mask.val().get_bits::<4>(4 * i);
            self.picked[i].next = self.nibble[i].val() & (!self.nibble[i].val() + 1);
            if self.nibble[i].val().all() {
                self.picked[i].next = 15.into();
            } else if self.nibble[i].val().get_bits::<2>(0).all() {
                self.picked[i].next = 3.into();
            } else if !self.nibble[i].val().get_bits::<2>(0).any()
                & self.nibble[i].val().get_bits::<2>(2).all()
            {
                self.picked[i].next = 12.into();
            }
            self.gated[i].next = 0.into();
            if self.first.val().get_bit(i) {
                self.gated[i].next = self.picked[i].val();
            }
        }
        self.quad.next = self.index.val();
        self.chosen.next = self.gated[0].val()
            | self.gated[1].val()
            | self.gated[2].val()
            | self.gated[3].val()
            | self.gated[4].val()
            | self.gated[5].val()
            | self.gated[6].val()
            | self.gated[7].val()
            | self.gated[8].val()
            | self.gated[9].val()
            | self.gated[10].val()
            | self.gated[11].val()
            | self.gated[12].val()
            | self.gated[13].val()
            | self.gated[14].val()
            | self.gated[15].val();
        self.lines.next = self.chosen.val();
        self.block.next = self.chosen.val().get_bits::<2>(0).all() | self.chosen.val().get_bits::<2>(2).all();
        self.taken.next = bit_cast::<64, 4>(self.gated[0].val())
            | (bit_cast::<64, 4>(self.gated[1].val()) << 4)
            | (bit_cast::<64, 4>(self.gated[2].val()) << 8)
            | (bit_cast::<64, 4>(self.gated[3].val()) << 12)
            | (bit_cast::<64, 4>(self.gated[4].val()) << 16)
            | (bit_cast::<64, 4>(self.gated[5].val()) << 20)
            | (bit_cast::<64, 4>(self.gated[6].val()) << 24)
            | (bit_cast::<64, 4>(self.gated[7].val()) << 28)
            | (bit_cast::<64, 4>(self.gated[8].val()) << 32)
            | (bit_cast::<64, 4>(self.gated[9].val()) << 36)
            | (bit_cast::<64, 4>(self.gated[10].val()) << 40)
            | (bit_cast::<64, 4>(self.gated[11].val()) << 44)
            | (bit_cast::<64, 4>(self.gated[12].val()) << 48)
            | (bit_cast::<64, 4>(self.gated[13].val()) << 52)
            | (bit_cast::<64, 4>(self.gated[14].val()) << 56)
            | (bit_cast::<64, 4>(self.gated[15].val()) << 60);
        self.left.next = bits::<16>(0)
            .replace_bit(0, (self.nibble[0].val() & !self.picked[0].val()).any())
            .replace_bit(1, (self.nibble[1].val() & !self.picked[1].val()).any())
            .replace_bit(2, (self.nibble[2].val() & !self.picked[2].val()).any())
            .replace_bit(3, (self.nibble[3].val() & !self.picked[3].val()).any())
            .replace_bit(4, (self.nibble[4].val() & !self.picked[4].val()).any())
            .replace_bit(5, (self.nibble[5].val() & !self.picked[5].val()).any())
            .replace_bit(6, (self.nibble[6].val() & !self.picked[6].val()).any())
            .replace_bit(7, (self.nibble[7].val() & !self.picked[7].val()).any())
            .replace_bit(8, (self.nibble[8].val() & !self.picked[8].val()).any())
            .replace_bit(9, (self.nibble[9].val() & !self.picked[9].val()).any())
            .replace_bit(10, (self.nibble[10].val() & !self.picked[10].val()).any())
            .replace_bit(11, (self.nibble[11].val() & !self.picked[11].val()).any())
            .replace_bit(12, (self.nibble[12].val() & !self.picked[12].val()).any())
            .replace_bit(13, (self.nibble[13].val() & !self.picked[13].val()).any())
            .replace_bit(14, (self.nibble[14].val() & !self.picked[14].val()).any())
            .replace_bit(15, (self.nibble[15].val() & !self.picked[15].val()).any());
        self.rest.next = self.mask.val() & !self.taken.val();
        self.others.next = (self.quads.val() & !self.first.val()) | (self.left.val() & self.first.val());
        self.rest_quads.next = self.others.val();
        self.more.next = self.others.val().any();
    }
}

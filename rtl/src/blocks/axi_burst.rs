//! The beats of AXI4 bursts, one after the other.
//!
//! # Operation
//! Takes the address of a burst and offers each of its beats with the byte address that AXI4 gives it: the first as it is,
//! the next ones aligned to the size of a beat, for INCR the sum, for WRAP the sum within the burst's own block, for FIXED
//! the first one again. Bursts do not cross 4 KiB, so only the low 12 bits move.
//!
//! # Timing
//! Address to first beat: 1 cycle. One beat per cycle, without a gap between bursts.

use super::types::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;

/// Cuts bursts into beats.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct AxiBurst {
    /// The clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// A burst is offered.
    pub in_valid: Signal<In, Bit>,
    /// It is taken in this cycle.
    pub in_ready: Signal<Out, Bit>,
    /// The burst.
    pub in_data: Signal<In, BurstBits>,
    /// A beat is offered.
    pub out_valid: Signal<Out, Bit>,
    /// It is taken in this cycle.
    pub out_ready: Signal<In, Bit>,
    /// The beat.
    pub out_data: Signal<Out, BeatBits>,
    valid: Reg<Bit>,
    page: Reg<Bits<40>>,
    offset: Reg<Bits<12>>,
    wrap_mask: Reg<Bits<12>>,
    left: Reg<Bits<8>>,
    size: Reg<Bits<3>>,
    burst: Reg<Bits<2>>,
    id: Reg<Bits<8>>,
    last: Signal<Local, Bit>,
    step: Signal<Local, Bits<12>>,
    sum: Signal<Local, Bits<12>>,
    beats: Signal<Local, Bits<12>>,
}

impl Logic for AxiBurst {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module axi_burst");
        dff_setup!(self, clk, valid, page, offset, wrap_mask, left, size, burst, id);
        self.last.next = self.left.q.val() == 0;
        self.out_valid.next = self.valid.q.val();
        self.out_data.next.address =
            (bit_cast::<52, 40>(self.page.q.val()) << 12) | bit_cast::<52, 12>(self.offset.q.val());
        self.out_data.next.id = self.id.q.val();
        self.out_data.next.last = self.last.val();

        comment!("The next beat of this burst.");
        self.step.next = bits::<12>(1) << self.size.q.val();
        self.sum.next = (self.offset.q.val() & !(self.step.val() - 1)) + self.step.val();
        if self.out_ready.val() & self.valid.q.val() {
            self.left.d.next = self.left.q.val() - 1;
            self.valid.d.next = !self.last.val();
            if self.burst.q.val() == 1 {
                self.offset.d.next = self.sum.val();
            } else if self.burst.q.val() == 2 {
                self.offset.d.next = (self.offset.q.val() & !self.wrap_mask.q.val())
                    | (self.sum.val() & self.wrap_mask.q.val());
            }
        }

        comment!("The next burst takes the place of the last beat.");
        self.in_ready.next = !self.valid.q.val() | (self.out_ready.val() & self.last.val());
        self.beats.next = bit_cast::<12, 8>(self.in_data.val().len) + 1;
        if self.in_valid.val() & (!self.valid.q.val() | (self.out_ready.val() & self.last.val())) {
            self.valid.d.next = true;
            self.page.d.next = self.in_data.val().address.get_bits::<40>(12);
            self.offset.d.next = self.in_data.val().address.get_bits::<12>(0);
            self.wrap_mask.d.next = (self.beats.val() << self.in_data.val().size) - 1;
            self.left.d.next = self.in_data.val().len;
            self.size.d.next = self.in_data.val().size;
            self.burst.d.next = self.in_data.val().burst;
            self.id.d.next = self.in_data.val().id;
        }
    }
}

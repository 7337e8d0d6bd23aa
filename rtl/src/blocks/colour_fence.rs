//! Tells when every access of device memory that was committed so far has finished, under continuing traffic.
//!
//! Accesses are counted in two colours. A fence flips the colour of new accesses and waits until none of the old colour is
//! under way. One fence at a time.

use crate::prim::*;
use rust_hdl_core::prelude::*;

/// The fence.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct ColourFence {
    /// The clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Start a fence; taken when `ready`.
    pub start: Signal<In, Bit>,
    /// No fence is under way.
    pub ready: Signal<Out, Bit>,
    /// The fence is complete; high for one cycle.
    pub done: Signal<Out, Bit>,
    /// Colour of accesses committed now.
    pub colour: Signal<Out, Bit>,
    /// No access of colour 0 is under way.
    pub idle_even: Signal<In, Bit>,
    /// No access of colour 1 is under way.
    pub idle_odd: Signal<In, Bit>,
    colour_r: Reg<Bit>,
    busy: Reg<Bit>,
    settle: Reg<Bits<3>>,
    ends: Signal<Local, Bit>,
}

impl Logic for ColourFence {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module colour_fence");
        dff_setup!(self, clk, colour_r, busy, settle);
        self.colour.next = self.colour_r.q.val();
        self.ready.next = !self.busy.q.val();
        self.ends.next = false;
        if self.busy.q.val() {
            if self.settle.q.val() != 0 {
                self.settle.d.next = self.settle.q.val() - 1;
            } else if (self.colour_r.q.val() & self.idle_even.val())
                | (!self.colour_r.q.val() & self.idle_odd.val())
            {
                self.ends.next = true;
                self.busy.d.next = false;
            }
        } else if self.start.val() {
            comment!("Slots in the pipeline belong to the old colour: flip when they have passed.");
            self.busy.d.next = true;
            self.settle.d.next = 7.into();
        }
        if self.busy.q.val() & (self.settle.q.val() == 3) {
            self.colour_r.d.next = !self.colour_r.q.val();
        }
        self.done.next = self.ends.val();
    }
}

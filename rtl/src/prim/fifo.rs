//! A first-word-fall-through FIFO: the oldest entry stands at the output as soon as there is one.
//!
//! An entry appears at the output in the cycle after it was accepted, and one entry can enter and leave per cycle.
//! There is no combinational path from `out_ready` to `in_ready` nor from `in_valid` to `out_valid`: a full FIFO accepts
//! again in the cycle after an entry has left.

use super::{LutRam, Reg};
use crate::{comment, dff_setup};
use rust_hdl_core::prelude::*;

/// A FIFO of `2^AW` entries of `T`; `AW` from 1 to 15.
#[derive(Clone, Debug, LogicBlock)]
pub struct Fifo<T: Synth, const AW: usize> {
    /// The clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset: empties the FIFO.
    pub rst: Signal<In, Bit>,
    /// An entry is offered.
    pub in_valid: Signal<In, Bit>,
    /// There is room: an offered entry is accepted in this cycle.
    pub in_ready: Signal<Out, Bit>,
    /// The offered entry.
    pub in_data: Signal<In, T>,
    /// There is an entry.
    pub out_valid: Signal<Out, Bit>,
    /// Takes the entry if there is one.
    pub out_ready: Signal<In, Bit>,
    /// The oldest entry.
    pub out_data: Signal<Out, T>,
    /// The number of entries, at most `2^AW`; the upper bits are zero.
    pub count: Signal<Out, Bits<16>>,
    entries: LutRam<T, AW>,
    write: Reg<Bits<AW>>,
    read: Reg<Bits<AW>>,
    full: Reg<Bit>,
    depth: Constant<Bits<16>>,
    push: Signal<Local, Bit>,
    pop: Signal<Local, Bit>,
    used: Signal<Local, Bits<AW>>,
    assert_full: Signal<Local, Bit>,
}

impl<T: Synth, const AW: usize> Default for Fifo<T, AW> {
    fn default() -> Self {
        const { assert!(AW >= 1 && AW <= 15, "a FIFO has 2 to 32768 entries") };
        Self {
            clk: Signal::default(),
            rst: Signal::default(),
            in_valid: Signal::default(),
            in_ready: Signal::default(),
            in_data: Signal::default(),
            out_valid: Signal::default(),
            out_ready: Signal::default(),
            out_data: Signal::default(),
            count: Signal::default(),
            entries: LutRam::default(),
            write: Reg::default(),
            read: Reg::default(),
            full: Reg::default(),
            depth: Constant::new((1_u64 << AW).into()),
            push: Signal::default(),
            pop: Signal::default(),
            used: Signal::default(),
            assert_full: Signal::default(),
        }
    }
}

impl<T: Synth, const AW: usize> Logic for Fifo<T, AW> {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module fifo");
        dff_setup!(self, clk, write, read, full);

        comment!("Equal pointers mean empty or full; one flag tells which.");
        self.in_ready.next = !self.full.q.val();
        self.out_valid.next = self.full.q.val() | (self.write.q.val() != self.read.q.val());
        self.push.next = self.in_valid.val() & !self.full.q.val();
        self.pop.next = self.out_ready.val() & self.out_valid.val();

        self.entries.clock.next = self.clk.val();
        self.entries.write_enable.next = self.push.val();
        self.entries.write_address.next = self.write.q.val();
        self.entries.write_data.next = self.in_data.val();
        self.entries.read_address.next = self.read.q.val();
        self.out_data.next = self.entries.read_data.val();

        if self.push.val() {
            self.write.d.next = self.write.q.val() + 1;
        }
        if self.pop.val() {
            self.read.d.next = self.read.q.val() + 1;
        }
        if self.push.val() & !self.pop.val() {
            self.full.d.next = self.write.q.val() + 1 == self.read.q.val();
        } else if self.pop.val() & !self.push.val() {
            self.full.d.next = false;
        }

        self.used.next = self.write.q.val() - self.read.q.val();
        self.count.next = bit_cast::<16, AW>(self.used.val());
        if self.full.q.val() {
            self.count.next = self.depth.val();
        }

        comment!("For formal tools.");
        self.assert_full.next = !self.full.q.val() | (self.write.q.val() == self.read.q.val());
    }
}

//! A deep FIFO: what `Fifo` is, cycle by cycle, in block memory.
//!
//! The memory is read every cycle where the oldest entry will be in the next one. An entry that is written just there is kept
//! beside the memory for that one cycle: a block memory does not return what is being written.

use super::{Ram, Reg};
use crate::{comment, dff_setup};
use rust_hdl_core::prelude::*;
use std::ops::Not;

/// A FIFO of `2^AW` entries of `T`; `AW` from 1 to 15.
#[derive(Clone, Debug, LogicBlock)]
pub struct RamFifo<T: Synth + Not<Output = T>, const AW: usize> {
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
    entries: Ram<T, AW>,
    write: Reg<Bits<AW>>,
    read: Reg<Bits<AW>>,
    full: Reg<Bit>,
    any: Reg<Bit>,
    // The entry that was written in the cycle before, and that it was where the memory was read.
    last: Reg<T>,
    met: Reg<Bit>,
    depth: Constant<Bits<16>>,
    push: Signal<Local, Bit>,
    pop: Signal<Local, Bit>,
    // If there is any entry, there is one alone.
    one: Signal<Local, Bit>,
    next: Signal<Local, Bits<AW>>,
    used: Signal<Local, Bits<AW>>,
    assert_full: Signal<Local, Bit>,
    assert_any: Signal<Local, Bit>,
}

impl<T: Synth + Not<Output = T>, const AW: usize> Default for RamFifo<T, AW> {
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
            entries: Ram::default(),
            write: Reg::default(),
            read: Reg::default(),
            full: Reg::default(),
            any: Reg::default(),
            last: Reg::default(),
            met: Reg::default(),
            depth: Constant::new((1_u64 << AW).into()),
            push: Signal::default(),
            pop: Signal::default(),
            one: Signal::default(),
            next: Signal::default(),
            used: Signal::default(),
            assert_full: Signal::default(),
            assert_any: Signal::default(),
        }
    }
}

impl<T: Synth + Not<Output = T>, const AW: usize> Logic for RamFifo<T, AW> {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module ram_fifo");
        dff_setup!(self, clk, write, read, full, any, last, met);

        comment!(
            "Equal pointers mean empty or full; two flags tell which. Who pushes and who pops is known late."
        );
        self.in_ready.next = !self.full.q.val();
        self.out_valid.next = self.any.q.val();
        self.push.next = self.in_valid.val() & !self.full.q.val();
        self.pop.next = self.out_ready.val() & self.any.q.val();
        self.one.next = self.write.q.val() == self.read.q.val() + 1;
        if self.push.val() {
            self.write.d.next = self.write.q.val() + 1;
        }
        self.next.next = self.read.q.val();
        if self.pop.val() {
            self.next.next = self.read.q.val() + 1;
        }
        self.read.d.next = self.next.val();
        if self.push.val() & !self.pop.val() {
            self.full.d.next = self.write.q.val() + 1 == self.read.q.val();
        } else if self.pop.val() & !self.push.val() {
            self.full.d.next = false;
        }
        self.any.d.next = self.push.val() | (self.any.q.val() & !(self.pop.val() & self.one.val()));

        self.entries.clock.next = self.clk.val();
        self.entries.write_enable.next = self.push.val();
        self.entries.write_address.next = self.write.q.val();
        self.entries.write_data.next = self.in_data.val();
        self.entries.read_address.next = self.next.val();
        self.last.d.next = self.in_data.val();
        self.met.d.next = self.push.val() & (!self.any.q.val() | (self.pop.val() & self.one.val()));
        self.out_data.next = self.entries.read_data.val();
        if self.met.q.val() {
            self.out_data.next = self.last.q.val();
        }

        self.used.next = self.write.q.val() - self.read.q.val();
        self.count.next = bit_cast::<16, AW>(self.used.val());
        if self.full.q.val() {
            self.count.next = self.depth.val();
        }

        comment!("For formal tools.");
        self.assert_full.next = !self.full.q.val() | (self.write.q.val() == self.read.q.val());
        self.assert_any.next =
            self.any.q.val() == (self.full.q.val() | (self.write.q.val() != self.read.q.val()));
    }
}

//! A deep FIFO in block memory: the oldest entry stands at the output, two cycles after it was accepted at the earliest.
//!
//! A small FIFO of registers at the output hides the cycle that the block memory takes; one entry can enter and leave per
//! cycle.

use super::{Fifo, Ram, Reg};
use crate::{comment, dff_setup};
use rust_hdl_core::prelude::*;

/// A FIFO of `2^AW` entries of `W` bits, and four more at the output; `AW` from 1 to 15.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct RamFifo<const W: usize, const AW: usize> {
    /// The clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset: empties the FIFO.
    pub rst: Signal<In, Bit>,
    /// An entry is offered.
    pub in_valid: Signal<In, Bit>,
    /// There is room: an offered entry is accepted in this cycle.
    pub in_ready: Signal<Out, Bit>,
    /// The offered entry.
    pub in_data: Signal<In, Bits<W>>,
    /// There is an entry.
    pub out_valid: Signal<Out, Bit>,
    /// Takes the entry if there is one.
    pub out_ready: Signal<In, Bit>,
    /// The oldest entry.
    pub out_data: Signal<Out, Bits<W>>,
    entries: Ram<Bits<W>, AW>,
    head: Fifo<Bits<W>, 2>,
    write: Reg<Bits<AW>>,
    read: Reg<Bits<AW>>,
    full: Reg<Bit>,
    reading: Reg<Bit>,
    push: Signal<Local, Bit>,
    stored: Signal<Local, Bit>,
    pop: Signal<Local, Bit>,
}

impl<const W: usize, const AW: usize> Logic for RamFifo<W, AW> {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module ram_fifo");
        dff_setup!(self, clk, write, read, full, reading);
        self.head.clk.next = self.clk.val();
        self.head.rst.next = self.rst.val();

        comment!("Into the memory.");
        self.in_ready.next = !self.full.q.val();
        self.push.next = self.in_valid.val() & !self.full.q.val();
        self.entries.clock.next = self.clk.val();
        self.entries.write_enable.next = self.push.val();
        self.entries.write_address.next = self.write.q.val();
        self.entries.write_data.next = self.in_data.val();
        if self.push.val() {
            self.write.d.next = self.write.q.val() + 1;
        }

        comment!("Out of it, as long as the head has room for what is on the way.");
        self.stored.next = self.full.q.val() | (self.write.q.val() != self.read.q.val());
        self.pop.next = self.stored.val() & (self.head.count.val() < 3);
        self.entries.read_address.next = self.read.q.val();
        if self.pop.val() {
            self.read.d.next = self.read.q.val() + 1;
        }
        if self.push.val() & !self.pop.val() {
            self.full.d.next = self.write.q.val() + 1 == self.read.q.val();
        } else if self.pop.val() & !self.push.val() {
            self.full.d.next = false;
        }
        self.reading.d.next = self.pop.val();
        self.head.in_valid.next = self.reading.q.val();
        self.head.in_data.next = self.entries.read_data.val();
        self.out_valid.next = self.head.out_valid.val();
        self.head.out_ready.next = self.out_ready.val();
        self.out_data.next = self.head.out_data.val();
    }
}

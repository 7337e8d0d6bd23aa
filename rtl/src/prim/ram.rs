//! A block memory: one write port, one read port, data one cycle after the address.
//!
//! Reading the very address that is written in the same cycle has no defined result in real block RAMs, and asking
//! for one costs logic. So the simulation returns the complement of the old entry, in the Rust model and in the
//! Verilog alike: a design that relies on either value fails its tests. Synthesis is told that it does not matter.

use super::Primitive;
use super::hdl::range;
use rust_hdl_core::prelude::*;
use std::collections::HashMap;
use std::ops::Not;

/// `2^AW` entries of `T`, written and read on the clock.
///
/// `T` needs `!` for the garbage of a colliding read: `Bits<N>` and `Bit` have it; a struct complements its fields.
/// Contents start as zero in the Rust model and undefined in hardware: scrub before use.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct Ram<T: Synth + Not<Output = T>, const AW: usize> {
    /// The clock of both ports.
    pub clock: Signal<In, Clock>,
    /// Writes `write_data` at the rising edge.
    pub write_enable: Signal<In, Bit>,
    /// Where to write.
    pub write_address: Signal<In, Bits<AW>>,
    /// What to write.
    pub write_data: Signal<In, T>,
    /// What to read.
    pub read_address: Signal<In, Bits<AW>>,
    /// The entry that was at `read_address` one cycle ago; garbage if it was written in that cycle.
    pub read_data: Signal<Out, T>,
    _memory: HashMap<usize, T>,
}

impl<T: Synth + Not<Output = T>, const AW: usize> Logic for Ram<T, AW> {
    fn update(&mut self) {
        if !self.clock.pos_edge() {
            return;
        }
        let (read, write) = (self.read_address.val().index(), self.write_address.val().index());
        let old = self._memory.get(&read).copied().unwrap_or_default();
        let collision = self.write_enable.val() && read == write;
        self.read_data.next = if collision { !old } else { old };
        if self.write_enable.val() {
            self._memory.insert(write, self.write_data.val());
        }
    }

    fn connect(&mut self) {
        self.read_data.connect();
    }

    fn hdl(&self) -> Verilog {
        let body = format!(
            r#"(* ram_style = "block", no_rw_check *)
reg {range}memory [0:{last}];

always @(posedge clock) begin
    if (write_enable) memory[write_address] <= write_data;
    read_data <= memory[read_address];
`ifndef SYNTHESIS
    // What a block RAM returns here is undefined: make sure that nothing relies on it.
    if (write_enable && write_address == read_address) read_data <= ~memory[read_address];
`endif
end
"#,
            range = range(T::BITS),
            last = (1_usize << AW) - 1,
        );
        Primitive::module("ram", &[("width", T::BITS), ("depth", 1 << AW)], body).into_hdl()
    }
}

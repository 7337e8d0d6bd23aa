//! A small memory with asynchronous read, for FIFOs and tables that must answer in the same cycle.
//!
//! Synthesis builds it from lookup tables (distributed RAM). One write port, one read port; a read sees a write from
//! the cycle after it.

use super::Primitive;
use super::hdl::range;
use rust_hdl_core::prelude::*;
use std::collections::HashMap;

/// `2^AW` entries of `T`, written on the clock, read combinationally.
///
/// Contents start as zero in the Rust model and undefined in hardware: read only what was written.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct LutRam<T: Synth, const AW: usize> {
    /// The clock of the write port.
    pub clock: Signal<In, Clock>,
    /// Writes `write_data` at the rising edge.
    pub write_enable: Signal<In, Bit>,
    /// Where to write.
    pub write_address: Signal<In, Bits<AW>>,
    /// What to write.
    pub write_data: Signal<In, T>,
    /// What to read.
    pub read_address: Signal<In, Bits<AW>>,
    /// The entry at `read_address`, in the same cycle.
    pub read_data: Signal<Out, T>,
    _memory: HashMap<usize, T>,
}

impl<T: Synth, const AW: usize> Logic for LutRam<T, AW> {
    fn update(&mut self) {
        if self.clock.pos_edge() && self.write_enable.val() {
            self._memory.insert(self.write_address.val().index(), self.write_data.val());
        }
        self.read_data.next = self._memory.get(&self.read_address.val().index()).copied().unwrap_or_default();
    }

    fn connect(&mut self) {
        self.read_data.connect();
    }

    fn hdl(&self) -> Verilog {
        let body = format!(
            r#"(* ram_style = "distributed" *)
reg {range}memory [0:{last}];

always @(posedge clock)
    if (write_enable) memory[write_address] <= write_data;

always @* read_data = memory[read_address];
"#,
            range = range(T::BITS),
            last = (1_usize << AW) - 1,
        );
        Primitive::module("lut_ram", &[("width", T::BITS), ("depth", 1 << AW)], body).into_hdl()
    }
}

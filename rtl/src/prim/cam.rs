//! A content-addressable memory: which entries hold this value?
//!
//! Synthesis builds it from registers and comparators. One write port, two lookups; a lookup sees a write from the cycle
//! after it.

use super::Primitive;
use super::hdl::range;
use rust_hdl_core::prelude::*;
use std::collections::HashMap;

/// `N = 2^AW` entries of `T`, written on the clock, compared with two keys combinationally.
///
/// Contents start as zero in the Rust model and undefined in hardware: mask the matches of entries never written.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct Cam<T: Synth, const AW: usize, const N: usize> {
    /// The clock of the write port.
    pub clock: Signal<In, Clock>,
    /// Writes `write_data` at the rising edge.
    pub write_enable: Signal<In, Bit>,
    /// Where to write.
    pub write_address: Signal<In, Bits<AW>>,
    /// What to write.
    pub write_data: Signal<In, T>,
    /// What to look for.
    pub key_a: Signal<In, T>,
    /// What else to look for.
    pub key_b: Signal<In, T>,
    /// Bit i: entry i holds `key_a`, in the same cycle.
    pub match_a: Signal<Out, Bits<N>>,
    /// Bit i: entry i holds `key_b`.
    pub match_b: Signal<Out, Bits<N>>,
    _memory: HashMap<usize, T>,
}

impl<T: Synth, const AW: usize, const N: usize> Cam<T, AW, N> {
    const DEPTH: usize = {
        assert!(N == 1 << AW, "a CAM has 2^AW entries");
        N
    };

    fn lookup(&self, key: T) -> Bits<N> {
        let mut matches = Bits::default();
        for entry in 0..Self::DEPTH {
            if self._memory.get(&entry).copied().unwrap_or_default() == key {
                matches = matches.replace_bit(entry, true);
            }
        }
        matches
    }
}

impl<T: Synth, const AW: usize, const N: usize> Logic for Cam<T, AW, N> {
    fn update(&mut self) {
        if self.clock.pos_edge() && self.write_enable.val() {
            self._memory.insert(self.write_address.val().index(), self.write_data.val());
        }
        self.match_a.next = self.lookup(self.key_a.val());
        self.match_b.next = self.lookup(self.key_b.val());
    }

    fn connect(&mut self) {
        self.match_a.connect();
        self.match_b.connect();
    }

    fn hdl(&self) -> Verilog {
        let body = format!(
            r#"reg {range}memory [0:{last}];

always @(posedge clock)
    if (write_enable) memory[write_address] <= write_data;

genvar entry;
generate
    for (entry = 0; entry <= {last}; entry = entry + 1) begin : compare
        always @* match_a[entry] = memory[entry] == key_a;
        always @* match_b[entry] = memory[entry] == key_b;
    end
endgenerate
"#,
            range = range(T::BITS),
            last = N - 1,
        );
        Primitive::module("cam", &[("width", T::BITS), ("depth", N)], body).into_hdl()
    }
}

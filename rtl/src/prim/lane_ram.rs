//! A block memory whose rows are written lane by lane: byte enables, or one entry of a packed row.
//!
//! One write port, one read port, data one cycle after the address. Each lane is a memory of its own: a read that meets a
//! write of its row returns the lanes that are not written, and of the others, as with the plain RAM, the complement of
//! the old entry in simulation and anything in hardware.

use super::Primitive;
use super::hdl::range;
use rust_hdl_core::prelude::*;
use std::collections::HashMap;

/// `2^AW` rows of `ROW` bits, each divided into `LANES` lanes with their own write enable.
///
/// `LANES` must divide `ROW`. Contents start as zero in the Rust model and undefined in hardware: scrub before use.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct LaneRam<const ROW: usize, const LANES: usize, const AW: usize> {
    /// The clock of both ports.
    pub clock: Signal<In, Clock>,
    /// Writes the lanes of `write_data` whose bit is set at the rising edge.
    pub write_enable: Signal<In, Bits<LANES>>,
    /// The row to write.
    pub write_address: Signal<In, Bits<AW>>,
    /// The new row; lanes without enable are ignored.
    pub write_data: Signal<In, Bits<ROW>>,
    /// The row to read.
    pub read_address: Signal<In, Bits<AW>>,
    /// The row that was at `read_address` one cycle ago; garbage in the lanes that were written in that cycle.
    pub read_data: Signal<Out, Bits<ROW>>,
    _memory: HashMap<usize, Bits<ROW>>,
}

impl<const ROW: usize, const LANES: usize, const AW: usize> LaneRam<ROW, LANES, AW> {
    /// Bits per lane. The division is checked when the code is compiled.
    const LANE: usize = {
        assert!(LANES > 0 && ROW.is_multiple_of(LANES), "LANES must divide ROW");
        ROW / LANES
    };
}

impl<const ROW: usize, const LANES: usize, const AW: usize> Logic for LaneRam<ROW, LANES, AW> {
    fn update(&mut self) {
        if !self.clock.pos_edge() {
            return;
        }
        let (read, write) = (self.read_address.val().index(), self.write_address.val().index());
        let enable = self.write_enable.val();
        let mut old = self._memory.get(&read).copied().unwrap_or_default();
        if read == write {
            for bit in (0..ROW).filter(|bit| enable.get_bit(bit / Self::LANE)) {
                old = old.replace_bit(bit, !old.get_bit(bit));
            }
        }
        self.read_data.next = old;
        if enable.any() {
            let row = self._memory.entry(write).or_default();
            let data = self.write_data.val();
            for bit in (0..ROW).filter(|bit| enable.get_bit(bit / Self::LANE)) {
                *row = row.replace_bit(bit, data.get_bit(bit));
            }
        }
    }

    fn connect(&mut self) {
        self.read_data.connect();
    }

    fn hdl(&self) -> Verilog {
        let enable = if LANES == 1 { "write_enable" } else { "write_enable[lane]" };
        let width = Self::LANE;
        let slice = if ROW == 1 { String::new() } else { format!("[lane * {width} +: {width}]") };
        let body = format!(
            r#"genvar lane;

generate for (lane = 0; lane < {LANES}; lane = lane + 1) begin : lanes
    (* ram_style = "block", no_rw_check *)
    reg {range}memory [0:{last}];

    always @(posedge clock) begin
        if ({enable}) memory[write_address] <= write_data{slice};
        read_data{slice} <= memory[read_address];
`ifndef SYNTHESIS
        // What a block RAM returns here is undefined: make sure that nothing relies on it.
        if ({enable} && write_address == read_address) read_data{slice} <= ~memory[read_address];
`endif
    end
end endgenerate
"#,
            range = range(Self::LANE),
            last = (1_usize << AW) - 1,
        );
        let parameters = [("width", ROW), ("lanes", LANES), ("depth", 1 << AW)];
        Primitive::module("lane_ram", &parameters, body).into_hdl()
    }
}

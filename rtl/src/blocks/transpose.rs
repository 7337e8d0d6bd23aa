//! Wiring between lanes and masks: a row of `LANES` lanes becomes `ROW / LANES` masks of `LANES` bits, or back.
//!
//! Bit `b` of lane `l` stands at `l * (ROW / LANES) + b` in a row and at `b * LANES + l` in the masks. No logic.

use crate::prim::Primitive;
use rust_hdl_core::prelude::*;

/// Reorders `ROW` bits; `GROUPS` groups of `ROW / GROUPS` bits go in, `ROW / GROUPS` groups of `GROUPS` bits come out.
///
/// With `GROUPS` = the number of lanes it turns lanes into masks, with the number of masks it turns masks into lanes.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct Transpose<const ROW: usize, const GROUPS: usize> {
    /// Bit `g * (ROW / GROUPS) + b`.
    pub row: Signal<In, Bits<ROW>>,
    /// Bit `b * GROUPS + g`.
    pub masks: Signal<Out, Bits<ROW>>,
}

impl<const ROW: usize, const GROUPS: usize> Logic for Transpose<ROW, GROUPS> {
    fn update(&mut self) {
        let (width, input) = (ROW / GROUPS, self.row.val());
        let mut output = Bits::<ROW>::default();
        for (g, b) in (0..GROUPS).flat_map(|g| (0..width).map(move |b| (g, b))) {
            output = output.replace_bit(b * GROUPS + g, input.get_bit(g * width + b));
        }
        self.masks.next = output;
    }

    fn connect(&mut self) {
        self.masks.connect();
    }

    fn hdl(&self) -> Verilog {
        let width = ROW / GROUPS;
        let mut bits = String::new();
        for b in (0..width).rev() {
            for g in (0..GROUPS).rev() {
                let last = b == 0 && g == 0;
                bits += &format!("    row[{}]{}\n", g * width + b, if last { "" } else { "," });
            }
        }
        let body = format!("always @* masks = {{\n{bits}}};\n");
        Primitive::module("transpose", &[("width", ROW), ("groups", GROUPS)], body).into_hdl()
    }
}

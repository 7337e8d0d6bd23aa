//! What a set-associative memory needs beside its RAMs: compare every way, pick the entry of one, make the address of a row.
//!
//! Number and width of the ways are parameters, which a kernel cannot loop over; so these three write their own Verilog.
//! An entry is a page with a valid bit above it ([`TAG_ENTRY_BITS`] bits); entry `w` of a row stands at `w * TAG_ENTRY_BITS`.
//!
//! # Timing
//! Combinational.

use super::types::*;
use crate::prim::Primitive;
use rust_hdl_core::prelude::*;
use tideline_abi::geometry::PAGE_BITS;

/// Compares a page with every way of a row: `ROW = WAYS * TAG_ENTRY_BITS`.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct TagMatch<const ROW: usize, const WAYS: usize> {
    /// The row.
    pub row: Signal<In, Bits<ROW>>,
    /// The page.
    pub page: Signal<In, Page>,
    /// The ways that are valid and hold the page.
    pub hit: Signal<Out, Bits<WAYS>>,
    /// The ways that are valid.
    pub valid: Signal<Out, Bits<WAYS>>,
}

/// Picks the entry of one way of a row, one hot; zero for none.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct TagPick<const ROW: usize, const WAYS: usize> {
    /// The row.
    pub row: Signal<In, Bits<ROW>>,
    /// The way, one hot.
    pub way: Signal<In, Bits<WAYS>>,
    /// The entry.
    pub entry: Signal<Out, TagEntryBits>,
}

/// The row of a way of a set: the number of the way above the set.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct RowAddress<const SETS: usize, const WAYS: usize, const ROWS: usize> {
    /// The set.
    pub set: Signal<In, Bits<SETS>>,
    /// The way, one hot.
    pub way: Signal<In, Bits<WAYS>>,
    /// The row.
    pub row: Signal<Out, Bits<ROWS>>,
}

impl<const ROW: usize, const WAYS: usize> Logic for TagMatch<ROW, WAYS> {
    fn update(&mut self) {
        let (row, page) = (self.row.val(), self.page.val());
        let (mut hit, mut valid) = (Bits::<WAYS>::default(), Bits::<WAYS>::default());
        for way in 0..WAYS {
            let entry = row.get_bits::<TAG_ENTRY_BITS>(way * TAG_ENTRY_BITS);
            valid = valid.replace_bit(way, entry.get_bit(PAGE_BITS));
            hit = hit.replace_bit(way, entry.get_bit(PAGE_BITS) && entry.get_bits::<PAGE_BITS>(0) == page);
        }
        self.hit.next = hit;
        self.valid.next = valid;
    }

    fn connect(&mut self) {
        self.hit.connect();
        self.valid.connect();
    }

    fn hdl(&self) -> Verilog {
        let body = format!(
            "integer way;\n\nalways @* begin\n    for (way = 0; way < {WAYS}; way = way + 1) begin\n        \
             valid[way] = row[way * {TAG_ENTRY_BITS} + {PAGE_BITS}];\n        \
             hit[way] = row[way * {TAG_ENTRY_BITS} +: {TAG_ENTRY_BITS}] == {{1'b1, page}};\n    end\nend\n"
        );
        Primitive::module("tag_match", &[("ways", WAYS)], body).into_hdl()
    }
}

impl<const ROW: usize, const WAYS: usize> Logic for TagPick<ROW, WAYS> {
    fn update(&mut self) {
        let (row, select) = (self.row.val(), self.way.val());
        let mut entry = TagEntryBits::default();
        for way in (0..WAYS).filter(|&way| select.get_bit(way)) {
            entry = entry | row.get_bits::<TAG_ENTRY_BITS>(way * TAG_ENTRY_BITS);
        }
        self.entry.next = entry;
    }

    fn connect(&mut self) {
        self.entry.connect();
    }

    fn hdl(&self) -> Verilog {
        let body = format!(
            "integer i;\n\nalways @* begin\n    entry = 0;\n    for (i = 0; i < {WAYS}; i = i + 1)\n        \
             entry = entry | (row[i * {TAG_ENTRY_BITS} +: {TAG_ENTRY_BITS}] & {{{TAG_ENTRY_BITS}{{way[i]}}}});\nend\n"
        );
        Primitive::module("tag_pick", &[("ways", WAYS)], body).into_hdl()
    }
}

impl<const SETS: usize, const WAYS: usize, const ROWS: usize> Logic for RowAddress<SETS, WAYS, ROWS> {
    fn update(&mut self) {
        const { assert!(1 << ROWS == WAYS << SETS, "a row for each way of each set") };
        let (set, select) = (self.set.val(), self.way.val());
        let way = (0..WAYS).filter(|&way| select.get_bit(way)).fold(0, |number, way| number | way);
        self.row.next = bit_cast::<ROWS, SETS>(set) | (bits::<ROWS>((way as u64) << SETS));
    }

    fn connect(&mut self) {
        self.row.connect();
    }

    fn hdl(&self) -> Verilog {
        let index = ROWS - SETS;
        let terms: Vec<String> = (0..index)
            .rev()
            .map(|bit| {
                let ways: Vec<String> =
                    (0..WAYS).filter(|way| way >> bit & 1 == 1).map(|way| format!("way[{way}]")).collect();
                ways.join(" | ")
            })
            .collect();
        let body = format!(
            "// Way 0 is the number that no other way's bits add to.\nwire unused = way[0];\n\nalways @* row = {{{}, set}};\n",
            terms.join(", ")
        );
        Primitive::module("row_address", &[("sets", 1 << SETS), ("ways", WAYS)], body).into_hdl()
    }
}

/// The same entry in every way of a row; lane enables choose which one is written.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct TagSpread<const ROW: usize, const WAYS: usize> {
    /// The entry.
    pub entry: Signal<In, TagEntryBits>,
    /// The row.
    pub row: Signal<Out, Bits<ROW>>,
}

impl<const ROW: usize, const WAYS: usize> Logic for TagSpread<ROW, WAYS> {
    fn update(&mut self) {
        const { assert!(ROW == WAYS * TAG_ENTRY_BITS, "a row has an entry for each way") };
        let entry = self.entry.val();
        let mut row = Bits::<ROW>::default();
        for bit in (0..ROW).filter(|bit| entry.get_bit(bit % TAG_ENTRY_BITS)) {
            row = row.replace_bit(bit, true);
        }
        self.row.next = row;
    }

    fn connect(&mut self) {
        self.row.connect();
    }

    fn hdl(&self) -> Verilog {
        let body = format!("always @* row = {{{WAYS}{{entry}}}};\n");
        Primitive::module("tag_spread", &[("ways", WAYS)], body).into_hdl()
    }
}

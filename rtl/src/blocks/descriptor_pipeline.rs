//! The line pipeline: one commit slot per cycle reads its page's descriptor, decides, and writes it back.
//!
//! Descriptors of the whole window lie on chip: a control word and a row of 64 lanes per page. A line slot writes one
//! lane, a page slot the row.
//!
//! # Operation
//! After reset every descriptor is cleared (`ready` is low meanwhile); then slots enter whenever `slot_valid` is high.
//! The arbiter in front keeps slots of one page three cycles apart, so no read ever meets a write of its row.
//!
//! # Timing
//! Entry in cycle 0, memories read in 1, data in 2, decision and write in 3, result in 4. One slot per cycle.

use super::resolve::Resolve;
use super::transpose::Transpose;
use super::types::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;
use tideline_abi::geometry::PAGE_BITS;

/// Holds the descriptors and commits slots.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct DescriptorPipeline {
    /// The clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset: starts the scrub.
    pub rst: Signal<In, Bit>,
    /// The scrub is done.
    pub ready: Signal<Out, Bit>,
    /// A slot enters.
    pub slot_valid: Signal<In, Bit>,
    /// The slot.
    pub slot: Signal<In, SlotBits>,
    /// CTRL.grant_exclusive.
    pub grant_exclusive: Signal<In, Bit>,
    /// A slot was committed in the cycle before.
    pub result_valid: Signal<Out, Bit>,
    /// The slot.
    pub result_slot: Signal<Out, SlotBits>,
    /// What it decided.
    pub result: Signal<Out, ResultBits>,
    /// CTRL.grant_exclusive as it decided.
    pub result_exclusive: Signal<Out, Bit>,
    /// Its page has dirty, owned or accessed lines: the summary must say so.
    pub summary_set: Signal<Out, Bit>,
    /// Its page has none any more.
    pub summary_clear: Signal<Out, Bit>,
    /// Dirty bit of the line after a line slot.
    pub result_dirty: Signal<Out, Bit>,
    /// Owned bit of the line after a line slot.
    pub result_owned: Signal<Out, Bit>,

    control: Ram<ControlBits, PAGE_BITS>,
    rows: LaneRam<ROW_BITS, 64, PAGE_BITS>,
    to_masks: Transpose<ROW_BITS, 64>,
    to_lanes: Transpose<ROW_BITS, 3>,
    resolve: Resolve,
    scrub_page: Reg<Page>,
    scrub_done: Reg<Bit>,
    valid_1: Reg<Bit>,
    slot_1: Reg<SlotBits>,
    valid_2: Reg<Bit>,
    slot_2: Reg<SlotBits>,
    valid_3: Reg<Bit>,
    slot_3: Reg<SlotBits>,
    control_3: Reg<ControlBits>,
    row_3: Reg<Row>,
    valid_4: Reg<Bit>,
    slot_4: Reg<SlotBits>,
    result_4: Reg<ResultBits>,
    exclusive_4: Reg<Bit>,
    set_4: Reg<Bit>,
    clear_4: Reg<Bit>,
    dirty_4: Reg<Bit>,
    owned_4: Reg<Bit>,
    writes: Signal<Local, Bit>,
}

impl Logic for DescriptorPipeline {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module descriptor_pipeline");
        dff_setup!(
            self,
            clk,
            scrub_page,
            scrub_done,
            valid_1,
            slot_1,
            valid_2,
            slot_2,
            valid_3,
            slot_3,
            control_3,
            row_3,
            valid_4,
            slot_4,
            result_4,
            exclusive_4,
            set_4,
            clear_4,
            dirty_4,
            owned_4
        );
        self.control.clock.next = self.clk.val();
        self.rows.clock.next = self.clk.val();

        comment!("Cycles 1 and 2: read.");
        self.valid_1.d.next = self.slot_valid.val();
        self.slot_1.d.next = self.slot.val();
        self.control.read_address.next = self.slot_1.q.val().page;
        self.rows.read_address.next = self.slot_1.q.val().page;
        self.valid_2.d.next = self.valid_1.q.val();
        self.slot_2.d.next = self.slot_1.q.val();
        self.valid_3.d.next = self.valid_2.q.val();
        self.slot_3.d.next = self.slot_2.q.val();
        self.control_3.d.next = self.control.read_data.val();
        self.row_3.d.next = self.rows.read_data.val();

        comment!("Cycle 3: decide.");
        self.to_masks.row.next = self.row_3.q.val();
        self.resolve.slot.next = self.slot_3.q.val();
        self.resolve.grant_exclusive.next = self.grant_exclusive.val();
        self.resolve.control.next = self.control_3.q.val();
        self.resolve.dirty.next = self.to_masks.masks.val().get_bits::<64>(0);
        self.resolve.owned.next = self.to_masks.masks.val().get_bits::<64>(64);
        self.resolve.accessed.next = self.to_masks.masks.val().get_bits::<64>(128);
        self.to_lanes.row.next = bit_cast::<ROW_BITS, 64>(self.resolve.dirty_next.val())
            | (bit_cast::<ROW_BITS, 64>(self.resolve.owned_next.val()) << 64)
            | (bit_cast::<ROW_BITS, 64>(self.resolve.accessed_next.val()) << 128);

        comment!("Write back; until the scrub is done, write zeros instead.");
        self.writes.next = self.valid_3.q.val();
        self.control.write_enable.next = self.writes.val();
        self.control.write_address.next = self.slot_3.q.val().page;
        self.control.write_data.next = self.resolve.control_next.val();
        self.rows.write_enable.next = 0.into();
        if self.writes.val() {
            self.rows.write_enable.next = self.resolve.lanes.val();
        }
        self.rows.write_address.next = self.slot_3.q.val().page;
        self.rows.write_data.next = self.to_lanes.masks.val();
        if !self.scrub_done.q.val() {
            self.control.write_enable.next = true;
            self.control.write_address.next = self.scrub_page.q.val();
            self.control.write_data.next = 0.into();
            self.rows.write_enable.next = !bits::<64>(0);
            self.rows.write_address.next = self.scrub_page.q.val();
            self.rows.write_data.next = 0.into();
            self.scrub_page.d.next = self.scrub_page.q.val() + 1;
            self.scrub_done.d.next = self.scrub_page.q.val().all();
        }
        self.ready.next = self.scrub_done.q.val();

        comment!("Cycle 4: the result.");
        self.valid_4.d.next = self.valid_3.q.val();
        self.slot_4.d.next = self.slot_3.q.val();
        self.result_4.d.next = self.resolve.result.val();
        self.exclusive_4.d.next = self.grant_exclusive.val();
        self.set_4.d.next = self.valid_3.q.val() & self.resolve.active.val();
        self.clear_4.d.next =
            self.valid_3.q.val() & self.resolve.page_done.val() & !self.resolve.active.val();
        self.dirty_4.d.next = self.resolve.dirty_next.val().get_bit(0);
        self.owned_4.d.next = self.resolve.owned_next.val().get_bit(0);
        self.result_valid.next = self.valid_4.q.val();
        self.result_slot.next = self.slot_4.q.val();
        self.result.next = self.result_4.q.val();
        self.result_exclusive.next = self.exclusive_4.q.val();
        self.summary_set.next = self.set_4.q.val();
        self.summary_clear.next = self.clear_4.q.val();
        self.result_dirty.next = self.dirty_4.q.val();
        self.result_owned.next = self.owned_4.q.val();
    }
}

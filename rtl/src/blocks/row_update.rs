//! The decision of a commit slot, second half: what becomes of the row and of the control word, and what the slot answers.
//!
//! A line slot changes its lane. A page slot is done, or says why it was not: then it changes nothing but the ownership of the
//! lines that were recalled for it. `resolve` is the first half.
//!
//! # Timing
//! Combinational.

use super::types::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;
use tideline_abi::descriptor::{control_bit, lane_bit};
use tideline_abi::regs::error_bit;
use tideline_abi::slot::slot_status;

/// Carries a verdict out.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct RowUpdate {
    /// The first half of the decision.
    pub verdict: Signal<In, VerdictBits>,
    /// The control word, which may have got its CACHED since the verdict.
    pub control: Signal<In, ControlBits>,
    /// Line slots: the lane of the line.
    pub lane: Signal<In, LaneBits>,
    /// Page slots: the lines that the slot names.
    pub given: Signal<In, LineMask>,
    /// Dirty lines of the page.
    pub dirty: Signal<In, LineMask>,
    /// The lines that the host may own and that were not recalled for this slot.
    pub may_own: Signal<In, LineMask>,
    /// Accessed lines of the page.
    pub accessed: Signal<In, LineMask>,
    /// The decision.
    pub result: Signal<Out, ResultBits>,
    /// The control word after the slot.
    pub control_next: Signal<Out, ControlBits>,
    /// Page slots: the dirty lines after the slot.
    pub dirty_next: Signal<Out, LineMask>,
    /// The owned lines after it; none of a plain page.
    pub owned_next: Signal<Out, LineMask>,
    /// The accessed lines after it.
    pub accessed_next: Signal<Out, LineMask>,
    /// Line slots: the lane after the slot.
    pub lane_next: Signal<Out, LaneBits>,
    /// The slot changes the descriptor, or merges lines into it. Nothing else may say so: a page slot must not write back as
    /// poison what was unreadable once. (A read of such a page changes it: the host may hold poison then.)
    pub changes: Signal<Out, Bit>,
    /// The page has a dirty, owned or accessed line after the slot (line slots: the line is one).
    pub active: Signal<Out, Bit>,
    /// The slot is a page slot that was done: `active` is the whole truth of the page.
    pub page_done: Signal<Out, Bit>,

    held: Signal<Local, Bit>,
    needs_recall: Signal<Local, Bit>,
    done: Signal<Local, Bit>,
    status: Signal<Local, Bits<2>>,
    mask: Signal<Local, LineMask>,
    dirty_left: Signal<Local, Bit>,
    owned_left: Signal<Local, Bit>,
    accessed_left: Signal<Local, Bit>,
    was_dirty: Signal<Local, Bit>,
    was_owned: Signal<Local, Bit>,
    lane_after: Signal<Local, LaneBits>,
}

impl Logic for RowUpdate {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module row_update");

        comment!("Line slots.");
        self.was_dirty.next = self.lane.val().get_bit(lane_bit::DIRTY);
        self.was_owned.next = self.lane.val().get_bit(lane_bit::OWNED);
        self.lane_after.next = bits::<LANE_BITS>(0)
            .replace_bit(lane_bit::DIRTY, self.was_dirty.val() | self.verdict.val().sets_dirty)
            .replace_bit(
                lane_bit::OWNED,
                (self.was_owned.val() | self.verdict.val().sets_owned) & !self.verdict.val().clears_owned,
            )
            .replace_bit(
                lane_bit::ACCESSED,
                self.lane.val().get_bit(lane_bit::ACCESSED) | self.verdict.val().sets_accessed,
            );
        self.lane_next.next = self.lane_after.val();

        comment!("Page slots: done, or why not.");
        self.held.next = self.verdict.val().recalls_owned & self.verdict.val().any_owned;
        self.needs_recall.next = self.verdict.val().recalls_all | self.held.val();
        self.status.next = slot_status::DONE.into();
        if self.verdict.val().wrong_state {
            self.status.next = slot_status::WRONG_STATE.into();
        } else if self.needs_recall.val() {
            self.status.next = slot_status::NEED_RECALL.into();
        }
        self.done.next = self.verdict.val().allowed & !self.held.val();
        self.page_done.next = self.done.val();
        self.mask.next = 0.into();
        if !self.verdict.val().wrong_state & self.needs_recall.val() {
            self.mask.next = self.may_own.val();
            if self.verdict.val().recalls_all {
                self.mask.next = !bits::<64>(0);
            }
        } else if self.verdict.val().reports_dirty {
            self.mask.next = self.dirty.val();
        } else if self.verdict.val().reports_accessed {
            self.mask.next = self.accessed.val();
        }

        comment!("Page slots: the row.");
        self.dirty_next.next = self.dirty.val();
        self.owned_next.next = self.may_own.val();
        self.accessed_next.next = self.accessed.val();
        self.dirty_left.next = self.verdict.val().any_dirty;
        self.owned_left.next = self.verdict.val().any_owned;
        self.accessed_left.next = self.verdict.val().any_accessed;
        if !self.held.val() & self.verdict.val().zeroes_dirty {
            self.dirty_next.next = 0.into();
            self.dirty_left.next = false;
        } else if !self.held.val() & self.verdict.val().merges_dirty {
            self.dirty_next.next = self.dirty.val() | self.given.val();
            self.dirty_left.next = self.verdict.val().any_dirty | self.verdict.val().any_given;
        }
        if (!self.held.val() & self.verdict.val().zeroes_owned) | self.verdict.val().plain {
            self.owned_next.next = 0.into();
            self.owned_left.next = false;
        }
        if !self.held.val() & self.verdict.val().zeroes_accessed {
            self.accessed_next.next = 0.into();
            self.accessed_left.next = false;
        } else if !self.held.val() & self.verdict.val().merges_accessed {
            self.accessed_next.next = self.accessed.val() | self.given.val();
            self.accessed_left.next = self.verdict.val().any_accessed | self.verdict.val().any_given;
        }

        comment!("Line and page slots together.");
        self.control_next.next = self.control.val();
        if self.verdict.val().is_page {
            self.active.next = self.dirty_left.val() | self.owned_left.val() | self.accessed_left.val();
            self.changes.next = self.verdict.val().loses_owned;
            if self.done.val() {
                self.control_next.next = self.verdict.val().control;
                self.changes.next = self.verdict.val().loses_owned
                    | self.verdict.val().control_changes
                    | (self.verdict.val().zeroes_dirty & self.verdict.val().any_dirty)
                    | (self.verdict.val().zeroes_owned & self.verdict.val().any_owned)
                    | (self.verdict.val().zeroes_accessed & self.verdict.val().any_accessed)
                    | self.verdict.val().merges_dirty
                    | self.verdict.val().merges_accessed;
            }
        } else {
            self.active.next = self.lane_after.val().any();
            self.changes.next = (self.lane_after.val() != self.lane.val())
                | (self.verdict.val().sets_cached & !self.control.val().get_bit(control_bit::CACHED));
            if self.verdict.val().sets_cached {
                self.control_next.next = self.control.val().replace_bit(control_bit::CACHED, true);
            }
        }

        self.result.next.has_ndr = self.verdict.val().has_ndr;
        self.result.next.ndr = self.verdict.val().ndr;
        self.result.next.data = self.verdict.val().data;
        self.result.next.writes_memory = self.verdict.val().writes_memory;
        self.result.next.frame = self.verdict.val().frame;
        self.result.next.status = self.status.val();
        self.result.next.mask = self.mask.val();
        self.result.next.newly_dirty = self.verdict.val().sets_dirty & !self.was_dirty.val();
        self.result.next.errors = self
            .verdict
            .val()
            .errors
            .replace_bit(error_bit::HOST_ORDER, self.verdict.val().wants_owned & !self.was_owned.val());
    }
}

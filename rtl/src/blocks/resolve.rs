//! The decision of a commit slot, first half: a pure function of the slot, the control word and, of the row, of nothing but
//! whether any line of the page is dirty, owned or accessed. `row_update` is the second half: what becomes of the row.
//!
//! The two together are the same function as `tideline_model::resolve`, and compared with it for every slot of every campaign.
//! The rows of the tables in `docs/contract.md` appear here in the same order.
//!
//! # Timing
//! Combinational.

use super::types::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;
use tideline_abi::cxl::{m2s_req, meta_field, meta_value, s2m_ndr, snp_type};
use tideline_abi::descriptor::{control_bit, page_state};
use tideline_abi::regs::error_bit;
use tideline_abi::slot::{data_source, slot_kind};

/// Decides what one slot makes of its page.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct Resolve {
    /// The slot; no line slot is `recalled`.
    pub slot: Signal<In, SlotBits>,
    /// Page slots: all lines but those that were recalled for the slot.
    pub kept: Signal<In, LineMask>,
    /// The slot names lines.
    pub given: Signal<In, Bit>,
    /// CTRL.grant_exclusive.
    pub grant_exclusive: Signal<In, Bit>,
    /// Control word of the page. A line slot does not ask for CACHED.
    pub control: Signal<In, ControlBits>,
    /// Page slots: dirty lines of the page.
    pub dirty: Signal<In, LineMask>,
    /// Lines of the page that the host may own; none of a plain page.
    pub owned: Signal<In, LineMask>,
    /// Accessed lines of the page.
    pub accessed: Signal<In, LineMask>,
    /// The first half of the decision.
    pub verdict: Signal<Out, VerdictBits>,
    /// Page slots: the lines that the host may own and that were not recalled for this slot.
    pub may_own: Signal<Out, LineMask>,

    local: Signal<Local, Bit>,
    unmapped: Signal<Local, Bit>,
    poisoned: Signal<Local, Bit>,
    track: Signal<Local, Bit>,
    copies: Signal<Local, Bit>,
    plain: Signal<Local, Bit>,
    track_accessed: Signal<Local, Bit>,
    shared_only: Signal<Local, Bit>,
    meta_any: Signal<Local, Bit>,
    meta_shared: Signal<Local, Bit>,
    meta_invalid: Signal<Local, Bit>,
    is_read: Signal<Local, Bit>,
    wants_state: Signal<Local, Bit>,
    wants_shared: Signal<Local, Bit>,
    sets_dirty: Signal<Local, Bit>,
    sets_owned: Signal<Local, Bit>,
    clears_owned: Signal<Local, Bit>,
    sets_accessed: Signal<Local, Bit>,
    sets_cached: Signal<Local, Bit>,
    has_ndr: Signal<Local, Bit>,
    ndr: Signal<Local, Bits<3>>,
    data: Signal<Local, Bits<2>>,
    writes_memory: Signal<Local, Bit>,
    wants_owned: Signal<Local, Bit>,
    error_no_decode: Signal<Local, Bit>,
    error_read: Signal<Local, Bit>,
    error_write: Signal<Local, Bit>,
    error_recall: Signal<Local, Bit>,
    error_memory: Signal<Local, Bit>,
    is_page: Signal<Local, Bit>,
    flag_low: Signal<Local, Bit>,
    flag_clear: Signal<Local, Bit>,
    flag_accessed: Signal<Local, Bit>,
    wrong_state: Signal<Local, Bit>,
    allowed: Signal<Local, Bit>,
    recalls_owned: Signal<Local, Bit>,
    recalls_all: Signal<Local, Bit>,
    owned_now: Signal<Local, LineMask>,
    any_owned: Signal<Local, Bit>,
    zeroes_dirty: Signal<Local, Bit>,
    zeroes_owned: Signal<Local, Bit>,
    zeroes_accessed: Signal<Local, Bit>,
    merges_dirty: Signal<Local, Bit>,
    merges_accessed: Signal<Local, Bit>,
    reports_dirty: Signal<Local, Bit>,
    reports_accessed: Signal<Local, Bit>,
    found_control: Signal<Local, ControlBits>,
    map_control: Signal<Local, ControlBits>,
    page_control: Signal<Local, ControlBits>,
    control_changes: Signal<Local, Bit>,
}

impl Logic for Resolve {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module resolve");

        comment!("The control word.");
        self.local.next = self.control.val().get_bits::<3>(control_bit::STATE) == page_state::LOC;
        self.unmapped.next = self.control.val().get_bits::<3>(control_bit::STATE) == page_state::UNM;
        self.poisoned.next = self.control.val().get_bits::<3>(control_bit::STATE) == page_state::POI;
        self.track.next = self.control.val().get_bit(control_bit::TRACK);
        self.plain.next = self.control.val().get_bit(control_bit::PLAIN);
        self.copies.next = self.control.val().get_bit(control_bit::CACHED) | self.plain.val();
        self.track_accessed.next = self.control.val().get_bit(control_bit::TRACK_ACCESSED);
        self.shared_only.next = !self.grant_exclusive.val()
            | self.track.val()
            | self.control.val().get_bit(control_bit::COW)
            | self.control.val().get_bit(control_bit::PAGE_TABLE);

        comment!("The message.");
        self.meta_any.next = (self.slot.val().meta_field == meta_field::META0_STATE)
            & (self.slot.val().meta_value == meta_value::ANY);
        self.meta_shared.next = (self.slot.val().meta_field == meta_field::META0_STATE)
            & (self.slot.val().meta_value == meta_value::SHARED);
        self.meta_invalid.next = (self.slot.val().meta_field == meta_field::META0_STATE)
            & (self.slot.val().meta_value == meta_value::INVALID);
        self.is_read.next =
            (self.slot.val().opcode == m2s_req::MEM_RD) | (self.slot.val().opcode == m2s_req::MEM_RD_DATA);
        self.wants_shared.next = (self.slot.val().opcode == m2s_req::MEM_RD_DATA) | self.meta_shared.val();
        self.wants_state.next = self.wants_shared.val() | self.meta_any.val();
        self.is_page.next = self.slot.val().kind.get_bit(3);

        comment!("Line slots.");
        self.sets_dirty.next = false;
        self.sets_owned.next = false;
        self.clears_owned.next = false;
        self.sets_accessed.next = false;
        self.sets_cached.next = false;
        self.has_ndr.next = false;
        self.ndr.next = s2m_ndr::CMP.into();
        self.data.next = data_source::NONE.into();
        self.writes_memory.next = false;
        self.wants_owned.next = false;
        self.error_no_decode.next = false;
        self.error_read.next = false;
        self.error_write.next = false;
        self.error_recall.next = false;
        if self.slot.val().kind == slot_kind::REQ {
            self.has_ndr.next = true;
            if !self.slot.val().decodes {
                self.error_no_decode.next = true;
                if self.is_read.val() {
                    self.data.next = data_source::NXM.into();
                }
            } else if self.slot.val().timed_out | !self.local.val() {
                self.error_recall.next = self.slot.val().timed_out;
                if self.is_read.val() {
                    self.error_read.next = !self.slot.val().timed_out;
                    self.data.next = data_source::POISON.into();
                    self.sets_cached.next = true;
                    if self.wants_state.val() {
                        self.ndr.next = s2m_ndr::CMP_S.into();
                    }
                }
            } else if self.is_read.val() {
                self.data.next = data_source::MEMORY.into();
                self.sets_accessed.next = self.track_accessed.val();
                self.sets_cached.next = self.wants_state.val();
                if self.wants_shared.val() {
                    self.sets_owned.next = !self.shared_only.val();
                    self.clears_owned.next = self.shared_only.val();
                    self.ndr.next = s2m_ndr::CMP_S.into();
                    if !self.shared_only.val() {
                        self.ndr.next = s2m_ndr::CMP_E.into();
                    }
                } else if self.meta_any.val() {
                    self.sets_owned.next = true;
                    self.ndr.next = s2m_ndr::CMP_E.into();
                }
            } else if self.slot.val().opcode == m2s_req::MEM_CLN_EVCT {
                self.clears_owned.next = true;
            } else if self.meta_any.val() {
                self.sets_owned.next = true;
                self.sets_cached.next = true;
                self.ndr.next = s2m_ndr::CMP_E.into();
            } else if self.meta_shared.val() {
                self.clears_owned.next = true;
                self.sets_cached.next = true;
                self.ndr.next = s2m_ndr::CMP_S.into();
            } else if self.meta_invalid.val() {
                self.clears_owned.next = true;
            }
        } else if self.slot.val().kind == slot_kind::WRITE {
            self.has_ndr.next = true;
            if !self.slot.val().decodes {
                self.error_no_decode.next = true;
            } else if !self.local.val() {
                self.error_write.next = true;
            } else {
                self.writes_memory.next = true;
                self.sets_dirty.next = self.track.val();
                self.sets_cached.next = self.meta_any.val() | self.meta_shared.val();
                self.wants_owned.next = (self.slot.val().snp_type == snp_type::NO_OP) & !self.plain.val();
                self.sets_owned.next = self.meta_any.val();
                self.clears_owned.next = self.meta_shared.val() | self.meta_invalid.val();
            }
        } else if self.slot.val().kind == slot_kind::CONFLICT {
            self.has_ndr.next = true;
            self.ndr.next = s2m_ndr::BI_CONFLICT_ACK.into();
        }

        comment!(
            "Page slots: the lines that the host may own. The owned mask of a plain page says nothing: there it may"
        );
        comment!("own every line that was not recalled for the slot.");
        self.owned_now.next = self.owned.val() & self.kept.val();
        self.any_owned.next = self.owned_now.val().any();
        self.may_own.next = self.owned_now.val();
        if self.plain.val() {
            self.any_owned.next = self.kept.val().any();
            self.may_own.next = self.kept.val();
        }

        comment!("Page slots: the guard.");
        self.flag_low.next = self.slot.val().flags.get_bit(0);
        self.flag_clear.next = self.slot.val().flags.get_bit(1);
        self.flag_accessed.next = self.slot.val().flags.get_bit(2);
        self.wrong_state.next = false;
        self.recalls_owned.next = false;
        self.recalls_all.next = false;
        if self.slot.val().kind == slot_kind::MAP {
            self.wrong_state.next = !self.unmapped.val();
            self.recalls_all.next = self.copies.val() & !self.slot.val().recalled;
        } else if self.slot.val().kind == slot_kind::UNMAP {
            self.wrong_state.next = !self.local.val() & !self.poisoned.val();
            self.recalls_all.next = (self.copies.val() | self.poisoned.val()) & !self.slot.val().recalled;
        } else if self.slot.val().kind == slot_kind::TRACK_SET {
            self.wrong_state.next = !self.local.val();
            self.recalls_owned.next = true;
        } else if self.slot.val().kind == slot_kind::TRACK_CLEAR {
            self.wrong_state.next = !self.local.val();
        } else if self.slot.val().kind == slot_kind::RECALL {
            self.wrong_state.next = !self.local.val();
            self.recalls_owned.next = !self.flag_low.val();
            self.recalls_all.next = self.flag_low.val() & self.copies.val() & !self.slot.val().recalled;
        } else if self.slot.val().kind == slot_kind::HARVEST {
            self.recalls_owned.next = self.flag_low.val() & self.local.val() & !self.plain.val();
        }

        self.allowed.next = self.is_page.val() & !self.wrong_state.val() & !self.recalls_all.val();

        comment!(
            "Page slots: the effect. Once a plain page has been recalled its descriptor says what the host has:"
        );
        comment!("copies, perhaps.");
        self.zeroes_dirty.next = false;
        self.zeroes_owned.next = false;
        self.zeroes_accessed.next = false;
        self.merges_dirty.next = false;
        self.merges_accessed.next = false;
        self.reports_dirty.next = false;
        self.reports_accessed.next = false;
        self.control_changes.next = false;
        self.error_memory.next = false;
        self.page_control.next = self.control.val();
        self.found_control.next = self
            .control
            .val()
            .replace_bit(control_bit::PLAIN, false)
            .replace_bit(control_bit::CACHED, self.copies.val());
        self.map_control.next = (bit_cast::<CONTROL_BITS, 26>(self.slot.val().frame) << 12)
            | bits::<CONTROL_BITS>(page_state::LOC);
        if self.slot.val().kind == slot_kind::MAP {
            self.zeroes_dirty.next = true;
            self.zeroes_owned.next = true;
            self.zeroes_accessed.next = true;
            self.control_changes.next = true;
            self.page_control.next = self.map_control.val();
            if self.slot.val().flags.get_bit(3) {
                self.page_control.next = self.map_control.val().replace_bit(control_bit::PLAIN, true);
            }
        } else if self.slot.val().kind == slot_kind::UNMAP {
            self.zeroes_dirty.next = true;
            self.zeroes_owned.next = true;
            self.zeroes_accessed.next = true;
            self.control_changes.next = true;
            self.page_control.next = 0.into();
        } else if self.slot.val().kind == slot_kind::TRACK_SET {
            self.zeroes_dirty.next = true;
            self.zeroes_accessed.next = true;
            self.control_changes.next =
                !self.track.val() | (self.track_accessed.val() != self.flag_clear.val()) | self.plain.val();
            self.page_control.next = self
                .found_control
                .val()
                .replace_bit(control_bit::TRACK, true)
                .replace_bit(control_bit::TRACK_ACCESSED, self.flag_clear.val());
        } else if self.slot.val().kind == slot_kind::TRACK_CLEAR {
            self.zeroes_dirty.next = true;
            self.zeroes_accessed.next = true;
            self.control_changes.next = self.track.val() | self.track_accessed.val();
            self.page_control.next = self
                .control
                .val()
                .replace_bit(control_bit::TRACK, false)
                .replace_bit(control_bit::TRACK_ACCESSED, false);
        } else if self.slot.val().kind == slot_kind::RECALL {
            self.control_changes.next = self.plain.val() | (self.flag_low.val() & self.copies.val());
            self.page_control.next = self.found_control.val();
            if self.flag_low.val() {
                self.page_control.next = self.found_control.val().replace_bit(control_bit::CACHED, false);
            }
        } else if self.slot.val().kind == slot_kind::HARVEST {
            self.error_memory.next = self.poisoned.val();
            self.reports_dirty.next = self.local.val() & !self.flag_accessed.val();
            self.reports_accessed.next = self.local.val() & self.flag_accessed.val();
            self.zeroes_dirty.next = self.local.val() & self.flag_clear.val() & !self.flag_accessed.val();
            self.zeroes_accessed.next = self.local.val() & self.flag_clear.val() & self.flag_accessed.val();
        } else if self.slot.val().kind == slot_kind::MERGE {
            self.error_memory.next = self.poisoned.val();
            self.merges_dirty.next = self.local.val() & self.track.val() & !self.flag_accessed.val();
            self.merges_accessed.next =
                self.local.val() & self.track_accessed.val() & self.flag_accessed.val();
        }

        self.verdict.next.has_ndr = self.has_ndr.val();
        self.verdict.next.ndr = self.ndr.val();
        self.verdict.next.data = self.data.val();
        self.verdict.next.writes_memory = self.writes_memory.val();
        self.verdict.next.frame = self.control.val().get_bits::<26>(control_bit::FRAME);
        if (self.slot.val().kind == slot_kind::CONFLICT) | !self.slot.val().decodes {
            self.verdict.next.frame = 0.into();
        }
        self.verdict.next.errors = bits::<ERROR_BITS>(0)
            .replace_bit(error_bit::NO_DECODE, self.error_no_decode.val())
            .replace_bit(error_bit::READ_UNMAPPED, self.error_read.val())
            .replace_bit(error_bit::WRITE_UNMAPPED, self.error_write.val())
            .replace_bit(error_bit::RECALL_POISON, self.error_recall.val())
            .replace_bit(error_bit::DRAM, self.error_memory.val());
        self.verdict.next.wants_owned = self.wants_owned.val();
        self.verdict.next.sets_dirty = self.sets_dirty.val();
        self.verdict.next.sets_owned = self.sets_owned.val() & !self.plain.val();
        self.verdict.next.clears_owned = self.clears_owned.val() & !self.plain.val();
        self.verdict.next.sets_accessed = self.sets_accessed.val();
        self.verdict.next.sets_cached = self.sets_cached.val();
        self.verdict.next.is_page = self.is_page.val();
        self.verdict.next.allowed = self.allowed.val();
        self.verdict.next.wrong_state = self.wrong_state.val();
        self.verdict.next.recalls_all = self.recalls_all.val();
        self.verdict.next.recalls_owned = self.recalls_owned.val();
        self.verdict.next.loses_owned = (self.owned.val() & !self.kept.val()).any();
        self.verdict.next.plain = self.plain.val();
        self.verdict.next.any_dirty = self.dirty.val().any();
        self.verdict.next.any_owned = self.any_owned.val();
        self.verdict.next.any_accessed = self.accessed.val().any();
        self.verdict.next.any_given = self.given.val();
        self.verdict.next.zeroes_dirty = self.allowed.val() & self.zeroes_dirty.val();
        self.verdict.next.zeroes_owned = self.allowed.val() & self.zeroes_owned.val();
        self.verdict.next.zeroes_accessed = self.allowed.val() & self.zeroes_accessed.val();
        self.verdict.next.merges_dirty = self.allowed.val() & self.merges_dirty.val();
        self.verdict.next.merges_accessed = self.allowed.val() & self.merges_accessed.val();
        self.verdict.next.reports_dirty = self.reports_dirty.val();
        self.verdict.next.reports_accessed = self.reports_accessed.val();
        self.verdict.next.control = self.page_control.val();
        self.verdict.next.control_changes = self.control_changes.val();
    }
}

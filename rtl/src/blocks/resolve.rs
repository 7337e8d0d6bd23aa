//! The decision of a commit slot: a pure function of the slot, the control word and the row.
//!
//! The same function as `tideline_model::resolve`, and compared with it for every slot of every campaign. The rows of
//! the tables in `docs/contract.md` appear here in the same order.
//!
//! # Timing
//! Combinational.

use super::types::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;
use tideline_abi::cxl::{m2s_req, meta_field, meta_value, s2m_ndr, snp_type};
use tideline_abi::descriptor::{control_bit, lane_bit, page_state};
use tideline_abi::regs::error_bit;
use tideline_abi::slot::{data_source, slot_kind, slot_status};

/// Decides one slot.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct Resolve {
    /// The slot.
    pub slot: Signal<In, SlotBits>,
    /// CTRL.grant_exclusive.
    pub grant_exclusive: Signal<In, Bit>,
    /// Control word of the page.
    pub control: Signal<In, ControlBits>,
    /// Line slots: the lane of the line.
    pub lane: Signal<In, LaneBits>,
    /// Dirty lines of the page.
    pub dirty: Signal<In, LineMask>,
    /// Lines of the page that the host may own.
    pub owned: Signal<In, LineMask>,
    /// Accessed lines of the page.
    pub accessed: Signal<In, LineMask>,
    /// The decision.
    pub result: Signal<Out, ResultBits>,
    /// The control word after the slot.
    pub control_next: Signal<Out, ControlBits>,
    /// Page slots: the dirty lines after the slot.
    pub dirty_next: Signal<Out, LineMask>,
    /// Page slots: the owned lines after it.
    pub owned_next: Signal<Out, LineMask>,
    /// Page slots: the accessed lines after it.
    pub accessed_next: Signal<Out, LineMask>,
    /// Line slots: the lane after the slot.
    pub lane_next: Signal<Out, LaneBits>,
    /// The slot changes the descriptor.
    pub changes: Signal<Out, Bit>,
    /// The page has a dirty, owned or accessed line after the slot (line slots: the line is one).
    pub active: Signal<Out, Bit>,
    /// The slot is a page slot that was done: `active` is the whole truth of the page.
    pub page_done: Signal<Out, Bit>,

    local: Signal<Local, Bit>,
    unmapped: Signal<Local, Bit>,
    poisoned: Signal<Local, Bit>,
    track: Signal<Local, Bit>,
    cached: Signal<Local, Bit>,
    plain: Signal<Local, Bit>,
    track_accessed: Signal<Local, Bit>,
    shared_only: Signal<Local, Bit>,
    meta_any: Signal<Local, Bit>,
    meta_shared: Signal<Local, Bit>,
    meta_invalid: Signal<Local, Bit>,
    is_read: Signal<Local, Bit>,
    wants_state: Signal<Local, Bit>,
    wants_shared: Signal<Local, Bit>,
    is_page: Signal<Local, Bit>,
    line_dirty: Signal<Local, Bit>,
    line_owned: Signal<Local, Bit>,
    line_accessed: Signal<Local, Bit>,
    new_dirty: Signal<Local, Bit>,
    new_owned: Signal<Local, Bit>,
    new_accessed: Signal<Local, Bit>,
    set_cached: Signal<Local, Bit>,
    has_ndr: Signal<Local, Bit>,
    ndr: Signal<Local, Bits<3>>,
    data: Signal<Local, Bits<2>>,
    writes_memory: Signal<Local, Bit>,
    error_no_decode: Signal<Local, Bit>,
    error_read: Signal<Local, Bit>,
    error_write: Signal<Local, Bit>,
    error_order: Signal<Local, Bit>,
    error_recall: Signal<Local, Bit>,
    wrong_state: Signal<Local, Bit>,
    recall_owned: Signal<Local, Bit>,
    recall_all: Signal<Local, Bit>,
    status: Signal<Local, Bits<2>>,
    done: Signal<Local, Bit>,
    flag_low: Signal<Local, Bit>,
    flag_clear: Signal<Local, Bit>,
    flag_accessed: Signal<Local, Bit>,
    picked: Signal<Local, LineMask>,
    still_owned: Signal<Local, LineMask>,
    perhaps_owned: Signal<Local, LineMask>,
    mask: Signal<Local, LineMask>,
    page_dirty: Signal<Local, LineMask>,
    page_owned: Signal<Local, LineMask>,
    page_accessed: Signal<Local, LineMask>,
    found_control: Signal<Local, ControlBits>,
    page_control: Signal<Local, ControlBits>,
    dirty_after: Signal<Local, LineMask>,
    owned_after: Signal<Local, LineMask>,
    accessed_after: Signal<Local, LineMask>,
    lane_after: Signal<Local, LaneBits>,
    page_changes: Signal<Local, Bit>,
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
        self.cached.next = self.control.val().get_bit(control_bit::CACHED);
        self.plain.next = self.control.val().get_bit(control_bit::PLAIN);
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

        comment!("The line.");
        self.line_dirty.next = self.lane.val().get_bit(lane_bit::DIRTY);
        self.line_owned.next = self.lane.val().get_bit(lane_bit::OWNED);
        self.line_accessed.next = self.lane.val().get_bit(lane_bit::ACCESSED);

        comment!("Line slots.");
        self.new_dirty.next = self.line_dirty.val();
        self.new_owned.next = self.line_owned.val();
        self.new_accessed.next = self.line_accessed.val();
        self.set_cached.next = false;
        self.has_ndr.next = false;
        self.ndr.next = s2m_ndr::CMP.into();
        self.data.next = data_source::NONE.into();
        self.writes_memory.next = false;
        self.error_no_decode.next = false;
        self.error_read.next = false;
        self.error_write.next = false;
        self.error_order.next = false;
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
                    self.set_cached.next = true;
                    if self.wants_state.val() {
                        self.ndr.next = s2m_ndr::CMP_S.into();
                    }
                }
            } else if self.is_read.val() {
                self.data.next = data_source::MEMORY.into();
                self.new_accessed.next = self.line_accessed.val() | self.track_accessed.val();
                self.set_cached.next = self.wants_state.val();
                if self.wants_shared.val() {
                    self.new_owned.next = !self.shared_only.val();
                    self.ndr.next = s2m_ndr::CMP_S.into();
                    if !self.shared_only.val() {
                        self.ndr.next = s2m_ndr::CMP_E.into();
                    }
                } else if self.meta_any.val() {
                    self.new_owned.next = true;
                    self.ndr.next = s2m_ndr::CMP_E.into();
                }
            } else if self.slot.val().opcode == m2s_req::MEM_CLN_EVCT {
                self.new_owned.next = false;
            } else if self.meta_any.val() {
                self.new_owned.next = true;
                self.set_cached.next = true;
                self.ndr.next = s2m_ndr::CMP_E.into();
            } else if self.meta_shared.val() {
                self.new_owned.next = false;
                self.set_cached.next = true;
                self.ndr.next = s2m_ndr::CMP_S.into();
            } else if self.meta_invalid.val() {
                self.new_owned.next = false;
            }
        } else if self.slot.val().kind == slot_kind::WRITE {
            self.has_ndr.next = true;
            if !self.slot.val().decodes {
                self.error_no_decode.next = true;
            } else if !self.local.val() {
                self.error_write.next = true;
            } else {
                self.writes_memory.next = true;
                self.new_dirty.next = self.line_dirty.val() | self.track.val();
                self.set_cached.next = self.meta_any.val() | self.meta_shared.val();
                self.error_order.next = (self.slot.val().snp_type == snp_type::NO_OP)
                    & !self.line_owned.val()
                    & !self.plain.val();
                if self.meta_any.val() {
                    self.new_owned.next = true;
                } else if self.meta_shared.val() | self.meta_invalid.val() {
                    self.new_owned.next = false;
                }
            }
        } else if self.slot.val().kind == slot_kind::CONFLICT {
            self.has_ndr.next = true;
            self.ndr.next = s2m_ndr::BI_CONFLICT_ACK.into();
        }

        comment!(
            "The owned mask of a plain page says nothing, so nothing changes it: else the page would be listed for it."
        );
        if self.plain.val() {
            self.new_owned.next = self.line_owned.val();
        }

        comment!("Page slots: the lines that were recalled for the slot are not owned any more.");
        self.still_owned.next = self.owned.val();
        if self.is_page.val() & self.slot.val().recalled {
            self.still_owned.next = self.owned.val() & !self.slot.val().mask;
        }
        comment!("Of a plain page the host may own every line that was not recalled.");
        self.perhaps_owned.next = self.still_owned.val();
        if self.plain.val() {
            self.perhaps_owned.next = !bits::<64>(0);
            if self.slot.val().recalled {
                self.perhaps_owned.next = !self.slot.val().mask;
            }
        }

        comment!("Page slots: the guard.");
        self.flag_low.next = self.slot.val().flags.get_bit(0);
        self.flag_clear.next = self.slot.val().flags.get_bit(1);
        self.flag_accessed.next = self.slot.val().flags.get_bit(2);
        self.wrong_state.next = false;
        self.recall_owned.next = false;
        self.recall_all.next = false;
        if self.slot.val().kind == slot_kind::MAP {
            self.wrong_state.next = !self.unmapped.val();
            self.recall_all.next = (self.cached.val() | self.plain.val()) & !self.slot.val().recalled;
        } else if self.slot.val().kind == slot_kind::UNMAP {
            self.wrong_state.next = !self.local.val() & !self.poisoned.val();
            self.recall_all.next = (self.cached.val() | self.plain.val()) & !self.slot.val().recalled;
        } else if self.slot.val().kind == slot_kind::TRACK_SET {
            self.wrong_state.next = !self.local.val();
            self.recall_owned.next = true;
        } else if self.slot.val().kind == slot_kind::TRACK_CLEAR {
            self.wrong_state.next = !self.local.val();
        } else if self.slot.val().kind == slot_kind::RECALL {
            self.wrong_state.next = !self.local.val();
            self.recall_owned.next = !self.flag_low.val();
            self.recall_all.next =
                self.flag_low.val() & (self.cached.val() | self.plain.val()) & !self.slot.val().recalled;
        } else if self.slot.val().kind == slot_kind::HARVEST {
            self.recall_owned.next = self.flag_low.val() & self.local.val() & !self.plain.val();
        }
        self.status.next = slot_status::DONE.into();
        if self.is_page.val() {
            if self.wrong_state.val() {
                self.status.next = slot_status::WRONG_STATE.into();
            } else if self.recall_all.val() | (self.recall_owned.val() & self.perhaps_owned.val().any()) {
                self.status.next = slot_status::NEED_RECALL.into();
            }
        }
        self.done.next = self.is_page.val() & (self.status.val() == slot_status::DONE);

        comment!("Page slots: the effect.");
        self.page_dirty.next = self.dirty.val();
        self.page_owned.next = self.still_owned.val();
        self.page_accessed.next = self.accessed.val();
        self.page_control.next = self.control.val();
        self.picked.next = self.dirty.val();
        if self.flag_accessed.val() {
            self.picked.next = self.accessed.val();
        }
        self.mask.next = 0.into();
        if self.status.val() == slot_status::NEED_RECALL {
            self.mask.next = self.perhaps_owned.val();
            if self.recall_all.val() {
                self.mask.next = !bits::<64>(0);
            }
        } else if (self.slot.val().kind == slot_kind::HARVEST) & self.local.val() {
            self.mask.next = self.picked.val();
        }
        comment!("From here on the descriptor of a plain page says what the host has: copies, perhaps.");
        self.found_control.next = self.control.val();
        if self.plain.val() {
            self.found_control.next = self
                .control
                .val()
                .replace_bit(control_bit::PLAIN, false)
                .replace_bit(control_bit::CACHED, true);
        }
        if self.slot.val().kind == slot_kind::MAP {
            self.page_dirty.next = 0.into();
            self.page_owned.next = 0.into();
            self.page_accessed.next = 0.into();
            self.page_control.next = (bit_cast::<CONTROL_BITS, 26>(self.slot.val().frame) << 12)
                | bits::<CONTROL_BITS>(page_state::LOC);
            if self.slot.val().flags.get_bit(3) {
                self.page_control.next = (bit_cast::<CONTROL_BITS, 26>(self.slot.val().frame) << 12)
                    | bits::<CONTROL_BITS>(page_state::LOC | 1 << control_bit::PLAIN);
            }
        } else if self.slot.val().kind == slot_kind::UNMAP {
            self.page_dirty.next = 0.into();
            self.page_owned.next = 0.into();
            self.page_accessed.next = 0.into();
            self.page_control.next = 0.into();
        } else if self.slot.val().kind == slot_kind::TRACK_SET {
            self.page_dirty.next = 0.into();
            self.page_accessed.next = 0.into();
            if self.plain.val() {
                self.page_owned.next = 0.into();
            }
            self.page_control.next = self
                .found_control
                .val()
                .replace_bit(control_bit::TRACK, true)
                .replace_bit(control_bit::TRACK_ACCESSED, self.flag_clear.val());
        } else if self.slot.val().kind == slot_kind::TRACK_CLEAR {
            self.page_dirty.next = 0.into();
            self.page_accessed.next = 0.into();
            self.page_control.next = self
                .control
                .val()
                .replace_bit(control_bit::TRACK, false)
                .replace_bit(control_bit::TRACK_ACCESSED, false);
        } else if self.slot.val().kind == slot_kind::RECALL {
            if self.plain.val() {
                self.page_owned.next = 0.into();
            }
            self.page_control.next = self.found_control.val();
            if self.flag_low.val() {
                self.page_control.next = self.found_control.val().replace_bit(control_bit::CACHED, false);
            }
        } else if self.slot.val().kind == slot_kind::HARVEST {
            if self.local.val() & self.flag_clear.val() {
                if self.flag_accessed.val() {
                    self.page_accessed.next = 0.into();
                } else {
                    self.page_dirty.next = 0.into();
                }
            }
        } else if (self.slot.val().kind == slot_kind::MERGE) & self.local.val() {
            if self.flag_accessed.val() & self.track_accessed.val() {
                self.page_accessed.next = self.accessed.val() | self.slot.val().mask;
            } else if !self.flag_accessed.val() & self.track.val() {
                self.page_dirty.next = self.dirty.val() | self.slot.val().mask;
            }
        }

        comment!("Line and page slots together.");
        self.dirty_after.next = self.dirty.val();
        self.owned_after.next = self.still_owned.val();
        self.accessed_after.next = self.accessed.val();
        if self.done.val() {
            self.dirty_after.next = self.page_dirty.val();
            self.owned_after.next = self.page_owned.val();
            self.accessed_after.next = self.page_accessed.val();
        }
        self.dirty_next.next = self.dirty_after.val();
        self.owned_next.next = self.owned_after.val();
        self.accessed_next.next = self.accessed_after.val();
        self.lane_after.next = bits::<LANE_BITS>(0)
            .replace_bit(lane_bit::DIRTY, self.new_dirty.val())
            .replace_bit(lane_bit::OWNED, self.new_owned.val())
            .replace_bit(lane_bit::ACCESSED, self.new_accessed.val());
        self.lane_next.next = self.lane_after.val();
        self.page_changes.next = (self.page_control.val() != self.control.val())
            | ((self.dirty_after.val() ^ self.dirty.val())
                | (self.owned_after.val() ^ self.owned.val())
                | (self.accessed_after.val() ^ self.accessed.val()))
            .any();
        self.control_next.next = self.control.val();
        self.active.next = false;
        self.changes.next = false;
        if self.is_page.val() {
            if self.done.val() {
                self.control_next.next = self.page_control.val();
                self.changes.next = self.page_changes.val();
            } else {
                self.changes.next = (self.still_owned.val() ^ self.owned.val()).any();
            }
            self.active.next =
                (self.dirty_after.val() | self.owned_after.val() | self.accessed_after.val()).any();
        } else if self.slot.val().decodes {
            self.active.next = self.lane_after.val().any();
            self.changes.next =
                (self.lane_after.val() != self.lane.val()) | (self.set_cached.val() & !self.cached.val());
            if self.set_cached.val() {
                self.control_next.next = self.control.val().replace_bit(control_bit::CACHED, true);
            }
        }
        self.page_done.next = self.done.val();

        self.result.next.has_ndr = self.has_ndr.val();
        self.result.next.ndr = self.ndr.val();
        self.result.next.data = self.data.val();
        self.result.next.writes_memory = self.writes_memory.val();
        self.result.next.frame = self.control.val().get_bits::<26>(control_bit::FRAME);
        if (self.slot.val().kind == slot_kind::CONFLICT) | !self.slot.val().decodes {
            self.result.next.frame = 0.into();
        }
        self.result.next.status = self.status.val();
        self.result.next.mask = self.mask.val();
        self.result.next.newly_dirty = self.writes_memory.val() & self.track.val() & !self.line_dirty.val();
        self.result.next.errors = bits::<ERROR_BITS>(0)
            .replace_bit(error_bit::NO_DECODE, self.error_no_decode.val())
            .replace_bit(error_bit::READ_UNMAPPED, self.error_read.val())
            .replace_bit(error_bit::WRITE_UNMAPPED, self.error_write.val())
            .replace_bit(error_bit::HOST_ORDER, self.error_order.val())
            .replace_bit(error_bit::RECALL_POISON, self.error_recall.val());
    }
}

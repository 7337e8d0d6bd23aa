//! The commit slot: the one way to change a descriptor.
//!
//! Every message of the host and every request of the device becomes one slot of the line pipeline, in one
//! order. The decision of a slot is a pure function of (kind, fields, control word, row); it exists once in the
//! golden model and once in RTL. A *line* slot touches one lane, a *page* slot the row.
//!
//! Page slots of a command are conditional: where the guard does not hold they change nothing and say why
//! ([`SlotStatus`]), with the lines that must be recalled first.

use crate::macros::codes;

codes! {
    /// What a slot does.
    SlotKind, slot_kind, 4 {
        /// A host request without data (line).
        Req, REQ = 0;
        /// A host write (line).
        Write, WRITE = 1;
        /// BIConflict: no descriptor is touched; keeps the order of the acknowledgement (line).
        Conflict, CONFLICT = 2;
        /// MAP: unmapped to local (page).
        Map, MAP = 8;
        /// UNMAP: local or poisoned to unmapped (page).
        Unmap, UNMAP = 9;
        /// TRACK set: dirty and accessed cleared, track set (page).
        TrackSet, TRACK_SET = 10;
        /// TRACK clear: dirty and accessed cleared, track cleared (page).
        TrackClear, TRACK_CLEAR = 11;
        /// RECALL: nothing but the guard (page).
        Recall, RECALL = 12;
        /// HARVEST: the mask goes to the spool; cleared if asked for (page).
        Harvest, HARVEST = 13;
        /// Merge of an unacknowledged record back into the dirty bits (page).
        Merge, MERGE = 14;
    }
}

codes! {
    /// How a page slot ended.
    SlotStatus, slot_status, 2 {
        /// Done.
        Done, DONE = 0;
        /// Nothing changed: the lines of the mask must be recalled first.
        Recall, NEED_RECALL = 1;
        /// Nothing changed: the page is in the wrong state for the command.
        State, WRONG_STATE = 2;
    }
}

codes! {
    /// Where the data of a read comes from.
    DataSource, data_source, 2 {
        /// No data is sent.
        None, NONE = 0;
        /// Device memory.
        Memory, MEMORY = 1;
        /// All ones, poisoned.
        Poison, POISON = 2;
        /// All ones, MemDataNxm.
        Nxm, NXM = 3;
    }
}

/// One commit slot: everything that its decision depends on besides the descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// What it does.
    pub kind: SlotKind,
    /// Page index in the window (0 if the address does not decode).
    pub page: u32,
    /// Line of the page, 0 to 63 (line slots).
    pub line: u8,
    /// The address decodes (line slots).
    pub decodes: bool,
    /// The recall of the page timed out.
    pub timed_out: bool,
    /// Raw opcode of the message (REQ, WRITE).
    pub opcode: u8,
    /// Raw meta field.
    pub meta_field: u8,
    /// Raw meta value.
    pub meta_value: u8,
    /// Raw snoop type.
    pub snp_type: u8,
    /// CTRL.grant_exclusive.
    pub grant_exclusive: bool,
    /// Raw command flags ([`crate::command::flag`]; page slots). MERGE uses HARVEST_ACCESSED.
    pub flags: u8,
    /// The lines of `mask` were recalled for this page slot: the host owns them no more.
    pub recalled: bool,
    /// The line goes past the descriptor: its region is plain (line slots).
    pub plain: bool,
    /// MAP: the frame.
    pub frame: u32,
    /// MERGE: the lines. A recalled slot: the lines that were recalled for it.
    pub mask: u64,
}

/// What a slot decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotResult {
    /// Answer on NDR. A write that reaches memory sends it when memory answered.
    pub ndr: Option<crate::cxl::NdrOpcode>,
    /// Answer on DRS.
    pub data: DataSource,
    /// The data of a write goes to memory.
    pub writes_memory: bool,
    /// Frame of the page before the slot (where a read or write of memory goes); 0 if the slot looks at no descriptor.
    pub frame: u32,
    /// How a page slot ended.
    pub status: SlotStatus,
    /// Page slots: lines to recall ([`SlotStatus::Recall`]) or lines harvested.
    pub mask: u64,
    /// A write that set the dirty bit of its line: the log tells of it.
    pub newly_dirty: bool,
    /// Bits of the ERROR register that are set ([`crate::regs::error_bit`]).
    pub errors: u32,
}

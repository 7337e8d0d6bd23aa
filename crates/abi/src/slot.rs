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
        /// A snoop response: the host gave up write permission (line).
        BiRsp, BI_RSP = 3;
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

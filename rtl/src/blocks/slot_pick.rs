//! The slot that enters the line pipeline: that of the one requester that is granted.
//!
//! The offered slots are gated, then ored: of the grants at most one is set, and who is granted is known late.
//!
//! # Timing
//! Combinational: two levels of four-input tables behind the grant.

use super::types::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;

/// Passes one of five slots on.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct SlotPick {
    /// Who is granted, one hot or zero.
    pub grant: Signal<In, Bits<5>>,
    /// The slot of each.
    pub offered: [Signal<In, SlotBits>; 5],
    /// The slot of the one that is granted; zero if none is.
    pub slot: Signal<Out, SlotBits>,
    zero: Signal<Local, SlotBits>,
    gated: [Signal<Local, SlotBits>; 5],
}

impl Logic for SlotPick {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module slot_pick");
        self.zero.next.kind = 0.into();
        self.zero.next.page = 0.into();
        self.zero.next.line = 0.into();
        self.zero.next.decodes = false;
        self.zero.next.timed_out = false;
        self.zero.next.opcode = 0.into();
        self.zero.next.meta_field = 0.into();
        self.zero.next.meta_value = 0.into();
        self.zero.next.snp_type = 0.into();
        self.zero.next.tag = 0.into();
        self.zero.next.flags = 0.into();
        self.zero.next.recalled = false;
        self.zero.next.context = 0.into();
        self.zero.next.frame = 0.into();
        self.zero.next.mask = 0.into();
        self.zero.next.data = 0.into();
        for i in 0..5 {
            self.gated[i].next = self.zero.val();
            if self.grant.val().get_bit(i) {
                self.gated[i].next = self.offered[i].val();
            }
        }

        self.slot.next.kind = self.gated[0].val().kind
            | self.gated[1].val().kind
            | self.gated[2].val().kind
            | self.gated[3].val().kind
            | self.gated[4].val().kind;
        self.slot.next.page = self.gated[0].val().page
            | self.gated[1].val().page
            | self.gated[2].val().page
            | self.gated[3].val().page
            | self.gated[4].val().page;
        self.slot.next.line = self.gated[0].val().line
            | self.gated[1].val().line
            | self.gated[2].val().line
            | self.gated[3].val().line
            | self.gated[4].val().line;
        self.slot.next.decodes = self.gated[0].val().decodes
            | self.gated[1].val().decodes
            | self.gated[2].val().decodes
            | self.gated[3].val().decodes
            | self.gated[4].val().decodes;
        self.slot.next.timed_out = self.gated[0].val().timed_out
            | self.gated[1].val().timed_out
            | self.gated[2].val().timed_out
            | self.gated[3].val().timed_out
            | self.gated[4].val().timed_out;
        self.slot.next.opcode = self.gated[0].val().opcode
            | self.gated[1].val().opcode
            | self.gated[2].val().opcode
            | self.gated[3].val().opcode
            | self.gated[4].val().opcode;
        self.slot.next.meta_field = self.gated[0].val().meta_field
            | self.gated[1].val().meta_field
            | self.gated[2].val().meta_field
            | self.gated[3].val().meta_field
            | self.gated[4].val().meta_field;
        self.slot.next.meta_value = self.gated[0].val().meta_value
            | self.gated[1].val().meta_value
            | self.gated[2].val().meta_value
            | self.gated[3].val().meta_value
            | self.gated[4].val().meta_value;
        self.slot.next.snp_type = self.gated[0].val().snp_type
            | self.gated[1].val().snp_type
            | self.gated[2].val().snp_type
            | self.gated[3].val().snp_type
            | self.gated[4].val().snp_type;
        self.slot.next.tag = self.gated[0].val().tag
            | self.gated[1].val().tag
            | self.gated[2].val().tag
            | self.gated[3].val().tag
            | self.gated[4].val().tag;
        self.slot.next.flags = self.gated[0].val().flags
            | self.gated[1].val().flags
            | self.gated[2].val().flags
            | self.gated[3].val().flags
            | self.gated[4].val().flags;
        self.slot.next.recalled = self.gated[0].val().recalled
            | self.gated[1].val().recalled
            | self.gated[2].val().recalled
            | self.gated[3].val().recalled
            | self.gated[4].val().recalled;
        self.slot.next.context = self.gated[0].val().context
            | self.gated[1].val().context
            | self.gated[2].val().context
            | self.gated[3].val().context
            | self.gated[4].val().context;
        self.slot.next.frame = self.gated[0].val().frame
            | self.gated[1].val().frame
            | self.gated[2].val().frame
            | self.gated[3].val().frame
            | self.gated[4].val().frame;
        self.slot.next.mask = self.gated[0].val().mask
            | self.gated[1].val().mask
            | self.gated[2].val().mask
            | self.gated[3].val().mask
            | self.gated[4].val().mask;
        self.slot.next.data = self.gated[0].val().data
            | self.gated[1].val().data
            | self.gated[2].val().data
            | self.gated[3].val().data
            | self.gated[4].val().data;
    }
}

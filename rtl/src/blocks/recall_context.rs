//! One page on its way through a page slot: gate, slot, recall where needed, slot again, drain.
//!
//! # Operation
//! From `start` until it is free again the context holds its page: requests to the page are deferred. The slot is offered;
//! if it answers that lines must be recalled, the engine snoops them, and when every answer is there the slot is offered
//! again. When the slot is done (or refused) the context drains: the deferred requests of the page are served, then the
//! context is free.
//!
//! If the snoops are not answered in time the context reports the timeout and stays with its page (`stuck`): its requests
//! are answered with poison. It becomes free when the late answers have come. An UNMAP may take it over, which needs no
//! answers any more; then it gives up the page, and is free when the answers that it is owed have come.
//!
//! # Timing
//! One cycle per step.

use super::types::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;
use tideline_abi::slot::slot_status;

/// What the context does.
#[derive(Copy, Clone, Debug, PartialEq, LogicState)]
pub enum ContextState {
    /// Free.
    Free,
    /// Offers its slot.
    Offer,
    /// The slot is in the pipeline.
    Wait,
    /// Lines are being snooped.
    Snoop,
    /// Deferred requests are being served, then free.
    Drain,
    /// Timed out: deferred requests are being answered with poison, then stuck.
    DrainStuck,
    /// Timed out: holds the page.
    Stuck,
    /// Taken over and done: waits for the answers it is owed, holds no page.
    Owed,
}

/// A recall context.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct RecallContext {
    /// The clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Take a page; only when free, or UNMAP of its own page when stuck.
    pub start: Signal<In, Bit>,
    /// The page.
    pub start_page: Signal<In, Page>,
    /// `slot_kind` of the page slot.
    pub start_kind: Signal<In, Bits<4>>,
    /// Its command flags.
    pub start_flags: Signal<In, Bits<8>>,
    /// MAP: its frame.
    pub start_frame: Signal<In, Frame>,
    /// Cycles until unanswered snoops count as lost.
    pub timeout: Signal<In, Bits<32>>,
    /// The offered slot enters the pipeline.
    pub granted: Signal<In, Bit>,
    /// The slot was committed.
    pub committed: Signal<In, Bit>,
    /// How it ended.
    pub status: Signal<In, Bits<2>>,
    /// Lines to snoop are queued for this context.
    pub queues: Signal<In, Bit>,
    /// Every snoop of one such entry was sent.
    pub issued: Signal<In, Bit>,
    /// The engine sends a snoop for this context.
    pub sent: Signal<In, Bit>,
    /// A snoop of this context was answered rightly.
    pub answered: Signal<In, Bit>,
    /// A snoop of this context was answered wrongly: its line is snooped again.
    pub wrong: Signal<In, Bit>,
    /// A wrong answer that is not snooped again: it was the second one of its line, or too many wait.
    pub failed: Signal<In, Bit>,
    /// A snoop that a taken-over context still owed was answered.
    pub settled: Signal<In, Bit>,
    /// The deferred requests were served.
    pub drained: Signal<In, Bit>,
    /// No page.
    pub free: Signal<Out, Bit>,
    /// Offers its slot.
    pub offers: Signal<Out, Bit>,
    /// Holds a page.
    pub busy: Signal<Out, Bit>,
    /// Wants its deferred requests served.
    pub drains: Signal<Out, Bit>,
    /// Its requests are answered with poison.
    pub stuck: Signal<Out, Bit>,
    /// The page.
    pub page: Signal<Out, Page>,
    /// Kind of the slot.
    pub kind: Signal<Out, Bits<4>>,
    /// Flags of the slot.
    pub flags: Signal<Out, Bits<8>>,
    /// Frame of the slot.
    pub frame: Signal<Out, Frame>,
    /// The page was recalled for this slot.
    pub recalled: Signal<Out, Bit>,
    /// Stuck, and nothing of it is queued: an UNMAP may take the context over.
    pub rests: Signal<Out, Bit>,
    /// Given up by its page, but still owed answers: free only when they come.
    pub lost: Signal<Out, Bit>,
    /// The page slot was refused, in the cycle before: the page was in the wrong state.
    pub ended_wrong: Signal<Out, Bit>,
    /// The recall timed out, in the cycle before.
    pub ended_timeout: Signal<Out, Bit>,
    /// Taken over while snoops were unanswered: what answers them changes no descriptor.
    pub owes: Signal<Out, Bit>,

    state: Reg<ContextState>,
    page_r: Reg<Page>,
    kind_r: Reg<Bits<4>>,
    flags_r: Reg<Bits<8>>,
    frame_r: Reg<Frame>,
    recalled_r: Reg<Bit>,
    outstanding: Reg<Bits<8>>,
    queued: Reg<Bits<8>>,
    timer: Reg<Bits<32>>,
    failed_r: Reg<Bit>,
    owes_r: Reg<Bit>,
    ended_wrong_r: Reg<Bit>,
    ended_timeout_r: Reg<Bit>,
    idle: Signal<Local, Bit>,
}

impl Logic for RecallContext {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module recall_context");
        dff_setup!(
            self,
            clk,
            state,
            page_r,
            kind_r,
            flags_r,
            frame_r,
            recalled_r,
            outstanding,
            queued,
            timer,
            failed_r,
            owes_r,
            ended_wrong_r,
            ended_timeout_r
        );
        self.ended_wrong_r.d.next = false;
        self.ended_timeout_r.d.next = false;

        comment!("Snoops under way.");
        self.outstanding.d.next = self.outstanding.q.val() + bit_cast::<8, 1>(self.sent.val().into())
            - bit_cast::<8, 1>(self.answered.val().into())
            - bit_cast::<8, 1>(self.wrong.val().into())
            - bit_cast::<8, 1>(self.failed.val().into())
            - bit_cast::<8, 1>(self.settled.val().into());
        self.idle.next = (self.outstanding.q.val() == 0) & (self.queued.q.val() == 0);
        self.queued.d.next = self.queued.q.val() + bit_cast::<8, 1>(self.queues.val().into())
            - bit_cast::<8, 1>(self.issued.val().into());
        if self.failed.val() {
            self.failed_r.d.next = true;
        }

        match self.state.q.val() {
            ContextState::Free => {}
            ContextState::Offer => {
                if self.granted.val() {
                    self.state.d.next = ContextState::Wait;
                }
            }
            ContextState::Wait => {
                if self.committed.val() {
                    if self.status.val() == slot_status::NEED_RECALL {
                        self.state.d.next = ContextState::Snoop;
                        self.timer.d.next = self.timeout.val();
                    } else {
                        self.state.d.next = ContextState::Drain;
                        self.ended_wrong_r.d.next = self.status.val() == slot_status::WRONG_STATE;
                    }
                }
            }
            ContextState::Snoop => {
                if self.idle.val() & !self.failed_r.q.val() {
                    self.state.d.next = ContextState::Offer;
                    self.recalled_r.d.next = true;
                } else if (self.timer.q.val() == 0) | self.failed_r.q.val() {
                    self.state.d.next = ContextState::DrainStuck;
                    self.ended_timeout_r.d.next = true;
                } else {
                    self.timer.d.next = self.timer.q.val() - 1;
                }
            }
            ContextState::Drain => {
                if self.drained.val() {
                    self.state.d.next = ContextState::Owed;
                }
            }
            ContextState::DrainStuck => {
                if self.drained.val() {
                    self.state.d.next = ContextState::Stuck;
                }
            }
            ContextState::Stuck => {
                if self.idle.val() & !self.failed_r.q.val() {
                    self.state.d.next = ContextState::Drain;
                }
            }
            ContextState::Owed => {
                if self.idle.val() {
                    self.state.d.next = ContextState::Free;
                    self.owes_r.d.next = false;
                }
            }
            _ => {
                self.state.d.next = ContextState::Free;
            }
        }

        if self.start.val() {
            self.state.d.next = ContextState::Offer;
            self.page_r.d.next = self.start_page.val();
            self.kind_r.d.next = self.start_kind.val();
            self.flags_r.d.next = self.start_flags.val();
            self.frame_r.d.next = self.start_frame.val();
            self.recalled_r.d.next = self.state.q.val() == ContextState::Stuck;
            self.failed_r.d.next = false;
            self.owes_r.d.next = self.state.q.val() == ContextState::Stuck;
        }

        self.free.next = self.state.q.val() == ContextState::Free;
        self.busy.next =
            (self.state.q.val() != ContextState::Free) & (self.state.q.val() != ContextState::Owed);
        self.offers.next = self.state.q.val() == ContextState::Offer;
        self.drains.next =
            (self.state.q.val() == ContextState::Drain) | (self.state.q.val() == ContextState::DrainStuck);
        self.stuck.next =
            (self.state.q.val() == ContextState::Stuck) | (self.state.q.val() == ContextState::DrainStuck);
        self.page.next = self.page_r.q.val();
        self.kind.next = self.kind_r.q.val();
        self.flags.next = self.flags_r.q.val();
        self.frame.next = self.frame_r.q.val();
        self.recalled.next = self.recalled_r.q.val();
        self.owes.next = self.owes_r.q.val();
        self.lost.next = (self.state.q.val() == ContextState::Owed) & !self.idle.val();
        self.rests.next = (self.state.q.val() == ContextState::Stuck) & (self.queued.q.val() == 0);
        self.ended_wrong.next = self.ended_wrong_r.q.val();
        self.ended_timeout.next = self.ended_timeout_r.q.val();
    }
}

//! The pages on their way through a page slot: gate, slot, recall where needed, slot again, drain.
//!
//! # Operation
//! A page that is given is looked up, then started: in a free context, or in the stuck one that holds it. From its start until it
//! is released a context holds its page: requests to the page are deferred. The slot is offered;
//! if it answers that lines must be recalled, the engine snoops them, and when every answer is there the slot is offered
//! again, with the lines that were recalled. When the slot is done (or refused) the deferred requests of the page are
//! served, then the context is free; at once if there are none.
//!
//! If the snoops are not answered in time the recall timed out and the context stays with its page, *stuck*: its requests
//! are answered with poison. It becomes free when the late answers have come; never, if an answer was wrong twice. An
//! UNMAP may take it over, which needs no answers any more; then it gives up the page, and is free when the answers that
//! it is *owed* have come.
//!
//! # Form
//! The state of a context is a bit in each of some vectors; what only its slot needs lies in lookup table memory. A
//! context costs a page register with two comparators and 17 bits.
//!
//! # Timing
//! Given to started: 2 cycles; started to offer: 1; last answer to the second offer: 4; committed to free: 2, to started anew: 3.
//! One start, one offer, one end of a recall per cycle. A query is answered a cycle later. A recall times out between RECALL_TIMEOUT and 9/8 of it, some cycles later if others do too.

use super::lowest_set::LowestSet;
use super::one_hot::OneHot;
use super::types::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;
use tideline_abi::slot::{slot_kind, slot_status};

/// The recall contexts.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct RecallTable {
    /// The clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// RECALL_TIMEOUT.
    pub timeout: Signal<In, Bits<32>>,
    /// There is room for the records of all contexts: a page may start its harvest.
    pub record_ok: Signal<In, Bit>,

    /// A page is given.
    pub start_valid: Signal<In, Bit>,
    /// It is taken.
    pub start_ready: Signal<Out, Bit>,
    /// The page and its slot.
    pub start_job: Signal<In, JobBits>,
    /// A page that was taken will not be started: its recall timed out earlier and the slot is not an UNMAP, or no context can
    /// come free.
    pub stuck_valid: Signal<Out, Bit>,
    /// The page.
    pub stuck_page: Signal<Out, Page>,
    /// That is known: it is forgotten.
    pub stuck_taken: Signal<In, Bit>,
    /// Some page that was taken has not ended.
    pub active: Signal<Out, Bit>,
    /// A recall timed out.
    pub timed_out: Signal<Out, Bit>,

    /// Page of a request that enters the pipeline.
    pub query_page: Signal<In, Page>,
    /// A context holds the page of the cycle before.
    pub query_hit: Signal<Out, Bit>,
    /// That context is stuck, and no deferred request waits for it.
    pub query_stuck: Signal<Out, Bit>,
    /// That context.
    pub query_context: Signal<Out, Bits<CONTEXT_BITS>>,
    /// The request of the cycle before is deferred.
    pub deferred: Signal<In, Bit>,
    /// Contexts whose deferred requests are to be served.
    pub drains: Signal<Out, Contexts>,
    /// Contexts that are stuck.
    pub stuck: Signal<Out, Contexts>,
    /// The deferred requests of these contexts were served.
    pub drained: Signal<In, Contexts>,

    /// A page slot is offered.
    pub offer_valid: Signal<Out, Bit>,
    /// Its context.
    pub offer_context: Signal<Out, Bits<CONTEXT_BITS>>,
    /// The slot.
    pub offer_job: Signal<Out, JobBits>,
    /// The page was recalled for it.
    pub offer_recalled: Signal<Out, Bit>,
    /// The lines that were.
    pub offer_lines: Signal<Out, LineMask>,
    /// It enters the pipeline.
    pub granted: Signal<In, Bit>,
    /// The slot of a context was committed.
    pub committed: Signal<In, Bit>,
    /// That context.
    pub committed_context: Signal<In, Bits<CONTEXT_BITS>>,
    /// How the slot ended.
    pub committed_status: Signal<In, Bits<2>>,
    /// Lines to recall.
    pub committed_mask: Signal<In, LineMask>,

    /// Every snoop of a context is sent (or left out, because it is stuck) and answered.
    pub answered: Signal<In, Bit>,
    /// That context.
    pub answered_context: Signal<In, Bits<CONTEXT_BITS>>,
    /// The same of another context, whose last snoops were left out.
    pub skipped: Signal<In, Bit>,
    /// That context.
    pub skipped_context: Signal<In, Bits<CONTEXT_BITS>>,
    /// A snoop of a context was answered wrongly, and is not sent again.
    pub failed: Signal<In, Bit>,
    /// That context.
    pub failed_context: Signal<In, Bits<CONTEXT_BITS>>,
    /// Contexts that have snoops to be sent: no UNMAP takes one of them over.
    pub sending: Signal<In, Contexts>,
    /// Contexts whose recall is over: what answers their snoops now is only counted.
    pub over: Signal<Out, Contexts>,

    incoming: Fifo<JobBits, 1>,
    pages: Cam<Page, CONTEXT_BITS, CONTEXTS>,
    jobs: LutRam<JobBits, CONTEXT_BITS>,
    lines: LutRam<LineMask, CONTEXT_BITS>,
    fresh: Fifo<Bits<CONTEXT_BITS>, CONTEXT_BITS>,
    ready: Fifo<Bits<CONTEXT_BITS>, CONTEXT_BITS>,
    next_spare: LowestSet,
    held_page: OneHot,
    query_one: OneHot,
    ended_lowest: LowestSet,
    late_lowest: LowestSet,

    // The page that was looked up, and the contexts that held it then.
    looked: Reg<Bit>,
    looked_last: Reg<Bit>,
    // One that is not started.
    stuck_offer: Reg<Bit>,
    stuck_page_r: Reg<Page>,
    timed_out_r: Reg<Bit>,
    // A context held a page that had not ended, a cycle ago.
    busy: Reg<Bit>,
    look: Reg<JobBits>,
    look_holds: Reg<Contexts>,
    // The free context that is taken next.
    spare: Reg<Contexts>,
    spare_index: Reg<Bits<CONTEXT_BITS>>,
    // The contexts that held the page of the last query.
    queried: Reg<Contexts>,
    held: Reg<Contexts>,
    snooping: Reg<Contexts>,
    recalled: Reg<Contexts>,
    draining: Reg<Contexts>,
    waits: Reg<Contexts>,
    stuck_r: Reg<Contexts>,
    // Those that were a cycle ago, and those that an UNMAP may take over.
    stuck_last: Reg<Contexts>,
    resting: Reg<Contexts>,
    failed_r: Reg<Contexts>,
    unanswered: Reg<Contexts>,
    taken_over: Reg<Contexts>,
    owed: Reg<Contexts>,
    age0: Reg<Contexts>,
    age1: Reg<Contexts>,
    age2: Reg<Contexts>,
    age3: Reg<Contexts>,
    tick_timer: Reg<Bits<29>>,
    ready_turn: Reg<Bit>,
    offering: Reg<Bit>,
    offer_context_r: Reg<Bits<CONTEXT_BITS>>,
    offer_job_r: Reg<JobBits>,
    offer_recalled_r: Reg<Bit>,
    offer_lines_r: Reg<LineMask>,

    job: Signal<Local, JobBits>,
    found: Signal<Local, Contexts>,
    look_ends: Signal<Local, Bit>,
    rests: Signal<Local, Contexts>,
    start_held: Signal<Local, Contexts>,
    start_takes: Signal<Local, Bit>,
    start_room: Signal<Local, Bit>,
    start_any: Signal<Local, Bit>,
    start_now: Signal<Local, Bit>,
    start_stuck: Signal<Local, Bit>,
    stuck_free: Signal<Local, Bit>,
    start_index: Signal<Local, Bits<CONTEXT_BITS>>,
    start_bit: Signal<Local, Contexts>,
    start_over: Signal<Local, Contexts>,
    frees: Signal<Local, Contexts>,
    straight: Signal<Local, Bit>,
    start_unmap: Signal<Local, Bit>,
    start: Signal<Local, JobBits>,
    query: Signal<Local, Contexts>,
    over_now: Signal<Local, Contexts>,
    committed_bit: Signal<Local, Contexts>,
    recall_bit: Signal<Local, Contexts>,
    done_bit: Signal<Local, Contexts>,
    answered_bit: Signal<Local, Contexts>,
    skipped_bit: Signal<Local, Contexts>,
    over_bit: Signal<Local, Contexts>,
    failed_bit: Signal<Local, Contexts>,
    deferred_bit: Signal<Local, Contexts>,
    ended: Signal<Local, Contexts>,
    ended_bit: Signal<Local, Contexts>,
    late: Signal<Local, Contexts>,
    late_bit: Signal<Local, Contexts>,
    release: Signal<Local, Contexts>,
    tick: Signal<Local, Bit>,
    aging: Signal<Local, Contexts>,
    carry1: Signal<Local, Contexts>,
    carry2: Signal<Local, Contexts>,
    carry3: Signal<Local, Contexts>,
    offer_ready: Signal<Local, Bit>,
    offer_next: Signal<Local, Bit>,
    offered: Signal<Local, Bits<CONTEXT_BITS>>,
}

impl Logic for RecallTable {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module recall_table");
        dff_setup!(
            self,
            clk,
            looked,
            looked_last,
            stuck_offer,
            stuck_page_r,
            timed_out_r,
            busy,
            look,
            look_holds,
            spare,
            spare_index,
            queried,
            held,
            snooping,
            recalled,
            draining,
            waits,
            stuck_r,
            stuck_last,
            resting,
            failed_r,
            unanswered,
            taken_over,
            owed,
            age0,
            age1,
            age2,
            age3,
            tick_timer,
            ready_turn,
            offering,
            offer_context_r,
            offer_job_r,
            offer_recalled_r,
            offer_lines_r
        );
        self.incoming.clk.next = self.clk.val();
        self.incoming.rst.next = self.rst.val();
        self.fresh.clk.next = self.clk.val();
        self.fresh.rst.next = self.rst.val();
        self.ready.clk.next = self.clk.val();
        self.ready.rst.next = self.rst.val();
        self.pages.clock.next = self.clk.val();
        self.jobs.clock.next = self.clk.val();
        self.lines.clock.next = self.clk.val();

        comment!(
            "Query. A context that is done and for which no request waits lets go of its page in this cycle. One that has become"
        );
        comment!("stuck serves the requests that wait for it first.");
        self.pages.key_a.next = self.query_page.val();
        self.queried.d.next = self.pages.match_a.val() & self.held.q.val();
        self.query.next =
            self.queried.q.val() & self.held.q.val() & !(self.draining.q.val() & !self.waits.q.val());
        self.query_one.mask.next = self.query.val();
        self.query_hit.next = self.query_one.any.val();
        self.query_stuck.next = (self.query.val() & self.stuck_r.q.val() & !self.waits.q.val()).any();
        self.query_context.next = self.query_one.index.val();
        self.deferred_bit.next = 0.into();
        if self.deferred.val() {
            self.deferred_bit.next = self.query.val();
        }
        self.stuck.next = self.stuck_r.q.val();
        self.over_now.next = self.stuck_r.q.val() | self.taken_over.q.val() | self.owed.q.val();
        self.over.next = self.over_now.val();

        comment!("Start: a spare context, or the stuck one of the page. The next spare one is chosen ahead.");
        self.start.next = self.look.q.val();
        self.start_unmap.next = self.start.val().kind == slot_kind::UNMAP;
        comment!(
            "A snoop that was to be sent again when the recall timed out shows in `sending` a cycle later than the timeout."
        );
        self.stuck_last.d.next = self.stuck_r.q.val();
        self.resting.d.next =
            self.stuck_r.q.val() & self.stuck_last.q.val() & !self.waits.q.val() & !self.sending.val();
        self.rests.next = self.resting.q.val() & self.stuck_r.q.val();
        self.start_held.next = self.look_holds.q.val() & self.held.q.val();
        self.held_page.mask.next = self.start_held.val();
        self.start_takes.next = (self.start_held.val() & self.rests.val()).any();
        self.start_any.next = self.spare.q.val().any();
        self.start_index.next = self.spare_index.q.val();
        if self.held_page.any.val() {
            self.start_any.next = self.start_takes.val() & self.start_unmap.val();
            self.start_index.next = self.held_page.index.val();
        }
        self.start_room.next = self.record_ok.val() | (self.start.val().kind != slot_kind::HARVEST);
        self.start_now.next = self.looked.q.val() & self.start_any.val() & self.start_room.val();
        self.start_stuck.next = self.looked.q.val()
            & ((self.start_takes.val() & !self.start_unmap.val())
                | ((self.rests.val() | self.owed.q.val()).all() & !self.held_page.any.val()));
        self.stuck_free.next = !self.stuck_offer.q.val() | self.stuck_taken.val();
        if self.stuck_free.val() {
            self.stuck_offer.d.next = self.start_stuck.val();
            self.stuck_page_r.d.next = self.start.val().page;
        }
        self.stuck_valid.next = self.stuck_offer.q.val();
        self.stuck_page.next = self.stuck_page_r.q.val();
        self.start_bit.next = 0.into();
        if self.start_now.val() {
            self.start_bit.next = self.spare.q.val();
            if self.held_page.any.val() {
                self.start_bit.next = self.start_held.val();
            }
        }
        comment!(
            "Whoever lets go of its page in this cycle may be the next one, unless it may be owed answers."
        );
        self.frees.next = self.draining.q.val() & !self.waits.q.val() & !self.taken_over.q.val();
        self.next_spare.mask.next =
            !((self.held.q.val() & !self.frees.val()) | self.owed.q.val() | self.spare.q.val());
        if (self.start_now.val() & !self.held_page.any.val()) | !self.spare.q.val().any() {
            self.spare.d.next = self.next_spare.one_hot.val();
            self.spare_index.d.next = self.next_spare.index.val();
        }
        self.start_over.next = self.start_bit.val() & self.stuck_r.q.val();
        self.pages.write_enable.next = self.start_now.val();
        self.pages.write_address.next = self.start_index.val();
        self.pages.write_data.next = self.start.val().page;
        self.jobs.write_enable.next = self.start_now.val();
        self.jobs.write_address.next = self.start_index.val();
        self.jobs.write_data.next = self.start.val();
        comment!("Where nobody is before it, it is offered at once.");
        self.offer_next.next = !self.offering.q.val() | self.granted.val();
        self.straight.next = self.start_now.val()
            & self.offer_next.val()
            & !self.ready.out_valid.val()
            & !self.fresh.out_valid.val()
            & !self.held_page.any.val();
        self.fresh.in_valid.next = self.start_now.val() & !self.straight.val();
        self.fresh.in_data.next = self.start_index.val();

        comment!("Look-up: does a context hold the page, one that starts in this cycle among them?");
        self.incoming.in_valid.next = self.start_valid.val();
        self.incoming.in_data.next = self.start_job.val();
        self.start_ready.next = self.incoming.in_ready.val();
        self.job.next = self.incoming.out_data.val();
        self.pages.key_b.next = self.job.val().page;
        self.found.next = self.pages.match_b.val() & self.held.q.val();
        if self.job.val().page == self.look.q.val().page {
            self.found.next = (self.pages.match_b.val() & self.held.q.val()) | self.start_bit.val();
        }
        self.look_ends.next =
            !self.looked.q.val() | self.start_now.val() | (self.start_stuck.val() & self.stuck_free.val());
        self.incoming.out_ready.next = self.look_ends.val();
        if self.look_ends.val() {
            self.looked.d.next = self.incoming.out_valid.val();
            self.look.d.next = self.job.val();
            self.look_holds.d.next = self.found.val();
        }

        comment!(
            "Offer: pages that were recalled and new ones by turns. So starts keep step with ends, not with bursts."
        );
        self.offer_ready.next =
            self.ready.out_valid.val() & (self.ready_turn.q.val() | !self.fresh.out_valid.val());
        self.offered.next = self.fresh.out_data.val();
        if self.offer_ready.val() {
            self.offered.next = self.ready.out_data.val();
        }
        self.ready.out_ready.next = self.offer_next.val() & self.offer_ready.val();
        self.fresh.out_ready.next = self.offer_next.val() & !self.offer_ready.val();
        self.jobs.read_address.next = self.offered.val();
        self.lines.read_address.next = self.offered.val();
        if self.offer_next.val() {
            self.offering.d.next = self.ready.out_valid.val() | self.fresh.out_valid.val();
            self.offer_context_r.d.next = self.offered.val();
            self.offer_job_r.d.next = self.jobs.read_data.val();
            self.offer_recalled_r.d.next = self.recalled.q.val().get_bit(self.offered.val().index());
            self.offer_lines_r.d.next = self.lines.read_data.val();
            self.ready_turn.d.next = !self.offer_ready.val();
        }
        if self.straight.val() {
            self.offering.d.next = true;
            self.offer_context_r.d.next = self.spare_index.q.val();
            self.offer_job_r.d.next = self.start.val();
            self.offer_recalled_r.d.next = false;
        }
        self.offer_valid.next = self.offering.q.val();
        self.offer_context.next = self.offer_context_r.q.val();
        self.offer_job.next = self.offer_job_r.q.val();
        self.offer_recalled.next = self.offer_recalled_r.q.val();
        self.offer_lines.next = self.offer_lines_r.q.val();

        comment!("Committed: lines must be recalled, or the slot is done.");
        self.committed_bit.next = 0.into();
        if self.committed.val() {
            self.committed_bit.next = bits::<CONTEXTS>(1) << self.committed_context.val();
        }
        self.recall_bit.next = 0.into();
        self.done_bit.next = self.committed_bit.val();
        if self.committed_status.val() == slot_status::NEED_RECALL {
            self.recall_bit.next = self.committed_bit.val();
            self.done_bit.next = 0.into();
        }
        self.lines.write_enable.next = self.recall_bit.val().any();
        self.lines.write_address.next = self.committed_context.val();
        self.lines.write_data.next = self.committed_mask.val();

        comment!("Answered: offer again.");
        self.answered_bit.next = 0.into();
        if self.answered.val() {
            self.answered_bit.next = bits::<CONTEXTS>(1) << self.answered_context.val();
        }
        self.skipped_bit.next = 0.into();
        if self.skipped.val() {
            self.skipped_bit.next = bits::<CONTEXTS>(1) << self.skipped_context.val();
        }
        self.over_bit.next = self.answered_bit.val() | self.skipped_bit.val();
        self.failed_bit.next = 0.into();
        if self.failed.val() {
            self.failed_bit.next = bits::<CONTEXTS>(1) << self.failed_context.val();
        }
        self.ended.next = self.snooping.q.val() & !self.unanswered.q.val() & !self.failed_r.q.val();
        self.ended_lowest.mask.next = self.ended.val();
        self.ended_bit.next = self.ended_lowest.one_hot.val();
        self.ready.in_valid.next = self.ended_lowest.any.val();
        self.ready.in_data.next = self.ended_lowest.index.val();

        comment!(
            "Ages in ticks of an eighth of RECALL_TIMEOUT; the ninth is too late. One context times out per cycle."
        );
        self.tick.next = self.tick_timer.q.val() >= self.timeout.val().get_bits::<29>(3);
        self.tick_timer.d.next = self.tick_timer.q.val() + 1;
        if self.tick.val() {
            self.tick_timer.d.next = 0.into();
        }
        self.late.next = self.snooping.q.val()
            & !self.ended.val()
            & (self.failed_r.q.val() | (self.age3.q.val() & self.age0.q.val()));
        self.late_lowest.mask.next = self.late.val();
        self.late_bit.next = self.late_lowest.one_hot.val();
        self.timed_out_r.d.next = self.late_lowest.any.val();
        self.timed_out.next = self.timed_out_r.q.val();
        self.aging.next = 0.into();
        if self.tick.val() {
            self.aging.next = self.snooping.q.val() & !(self.age3.q.val() & self.age0.q.val());
        }
        self.carry1.next = self.aging.val() & self.age0.q.val();
        self.carry2.next = self.carry1.val() & self.age1.q.val();
        self.carry3.next = self.carry2.val() & self.age2.q.val();
        self.age0.d.next = (self.age0.q.val() ^ self.aging.val()) & !self.recall_bit.val();
        self.age1.d.next = (self.age1.q.val() ^ self.carry1.val()) & !self.recall_bit.val();
        self.age2.d.next = (self.age2.q.val() ^ self.carry2.val()) & !self.recall_bit.val();
        self.age3.d.next = (self.age3.q.val() ^ self.carry3.val()) & !self.recall_bit.val();

        comment!("Release: done, or stuck and everything came after all; no deferred request is left.");
        self.drains.next = self.waits.q.val() & (self.draining.q.val() | self.stuck_r.q.val());
        self.release.next = self.held.q.val()
            & !self.waits.q.val()
            & (self.draining.q.val()
                | (self.stuck_r.q.val() & !self.unanswered.q.val() & !self.failed_r.q.val()))
            & !self.start_bit.val();

        self.held.d.next = (self.held.q.val() | self.start_bit.val()) & !self.release.val();
        self.snooping.d.next =
            (self.snooping.q.val() | self.recall_bit.val()) & !self.ended_bit.val() & !self.late_bit.val();
        self.recalled.d.next =
            (self.recalled.q.val() & !self.start_bit.val()) | self.ended_bit.val() | self.start_over.val();
        self.draining.d.next = (self.draining.q.val() | self.done_bit.val()) & !self.release.val();
        self.waits.d.next = (self.waits.q.val() & !self.drained.val()) | self.deferred_bit.val();
        self.stuck_r.d.next =
            (self.stuck_r.q.val() | self.late_bit.val()) & !self.release.val() & !self.start_bit.val();
        self.failed_r.d.next =
            (self.failed_r.q.val() | (self.failed_bit.val() & !self.over_now.val())) & !self.start_bit.val();
        self.unanswered.d.next = (self.unanswered.q.val() & !self.over_bit.val()) | self.recall_bit.val();
        self.taken_over.d.next = (self.taken_over.q.val() | self.start_over.val()) & !self.release.val();
        self.owed.d.next = (self.owed.q.val() | (self.release.val() & self.taken_over.q.val()))
            & self.unanswered.q.val()
            & !self.over_bit.val();
        comment!("That a page has ended shows a cycle later.");
        self.busy.d.next = (self.held.q.val() & !self.stuck_r.q.val() & !self.draining.q.val()).any();
        self.looked_last.d.next = self.looked.q.val();
        self.active.next = self.incoming.out_valid.val()
            | self.looked.q.val()
            | self.looked_last.q.val()
            | self.stuck_offer.q.val()
            | self.busy.q.val();
    }
}

//! Walks the pages of a range command and hands each to the recall engine.
//!
//! # Operation
//! MAP and UNMAP go page by page, each finished before the next, and stop at the first page in the wrong state or whose
//! recall timed out. TRACK and
//! RECALL keep up to 64 pages under way and stop likewise; the cursor is then the lowest page that was refused. HARVEST
//! visits only pages that the summary names, keeps sixteen under way, and stops early when the record buffer would overflow:
//! pages under way count as records, so it may pause until they have ended. `stop` (ABORT, reset) ends the walk early; pages
//! under way finish.
//!
//! A page whose recall timed out earlier is skipped and reported as a timeout.
//!
//! # Timing
//! One page per 2 cycles where no recall is needed; 64 clean groups (4096 pages) per 2 cycles.

use super::lowest_set::LowestSet;
use super::types::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;
use tideline_abi::slot::slot_kind;

/// What the walker does.
#[derive(Copy, Clone, Debug, PartialEq, LogicState)]
pub enum WalkState {
    /// No range.
    Idle,
    /// Plain ranges: hand out the page.
    Page,
    /// Looks for the next upper word with a group.
    Upper,
    /// Takes the next group of the word.
    Group,
    /// Reads the group's bits.
    Read,
    /// Hands out the pages of the group.
    Pages,
    /// Reads the group's bits again.
    Again,
    /// Waits for the pages under way.
    Finish,
    /// Tells the result.
    Done,
}

/// Walks a range.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct RangeWalker {
    /// The clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Starts a walk; only when idle.
    pub start: Signal<In, Bit>,
    /// `slot_kind` of its page slots.
    pub start_kind: Signal<In, Bits<4>>,
    /// Flags of its page slots.
    pub start_flags: Signal<In, Bits<8>>,
    /// First page.
    pub start_page: Signal<In, Bits<17>>,
    /// Page behind the last.
    pub start_end: Signal<In, Bits<17>>,
    /// MAP: frame of the first page.
    pub start_frame: Signal<In, Frame>,
    /// HARVEST: most records.
    pub start_records: Signal<In, Bits<32>>,
    /// Ends the walk early.
    pub stop: Signal<In, Bit>,
    /// A walk is under way.
    pub busy: Signal<Out, Bit>,
    /// The walk has ended; high for one cycle.
    pub done: Signal<Out, Bit>,
    /// First page not done.
    pub cursor: Signal<Out, Bits<17>>,
    /// A page was in the wrong state.
    pub failed: Signal<Out, Bit>,
    /// A recall timed out.
    pub timed_out: Signal<Out, Bit>,
    /// The walk did not reach the end for want of room for records.
    pub partial: Signal<Out, Bit>,
    /// The walk was stopped.
    pub stopped: Signal<Out, Bit>,

    /// A page is given.
    pub page_valid: Signal<Out, Bit>,
    /// It is taken.
    pub page_ready: Signal<In, Bit>,
    /// It will not be taken: its recall timed out earlier.
    pub page_stuck: Signal<In, Bit>,
    /// The page.
    pub page: Signal<Out, Page>,
    /// Kind of the slot.
    pub kind: Signal<Out, Bits<4>>,
    /// Flags of the slot.
    pub flags: Signal<Out, Bits<8>>,
    /// Frame of the slot.
    pub frame: Signal<Out, Frame>,
    /// Page slots are under way.
    pub active: Signal<In, Bit>,
    /// One was refused.
    pub wrong_state: Signal<In, Bit>,
    /// Its page.
    pub wrong_page: Signal<In, Page>,
    /// A recall timed out.
    pub recall_timed_out: Signal<In, Bit>,
    /// Records of this walk that were made or may still be made by pages under way are fewer than those allowed.
    pub records_made: Signal<In, Bits<32>>,

    /// Upper word to read.
    pub upper_index: Signal<Out, Bits<4>>,
    /// Its bits.
    pub upper: Signal<In, Bits<64>>,
    /// Clears the upper bit of the group.
    pub upper_clear: Signal<Out, Bit>,
    /// Sets the upper bit of the group.
    pub upper_set: Signal<Out, Bit>,
    /// The group.
    pub group: Signal<Out, Bits<10>>,
    /// Read the group's bits.
    pub group_read: Signal<Out, Bit>,
    /// The bits arrive.
    pub group_valid: Signal<In, Bit>,
    /// The bits.
    pub group_pages: Signal<In, Bits<64>>,

    state: Reg<WalkState>,
    kind_r: Reg<Bits<4>>,
    flags_r: Reg<Bits<8>>,
    next_page: Reg<Bits<17>>,
    end_page: Reg<Bits<17>>,
    frame_r: Reg<Frame>,
    records: Reg<Bits<32>>,
    given: Reg<Bits<32>>,
    failed_r: Reg<Bit>,
    timed_out_r: Reg<Bit>,
    partial_r: Reg<Bit>,
    stopped_r: Reg<Bit>,
    upper_pending: Reg<Bits<64>>,
    upper_word: Reg<Bits<5>>,
    group_r: Reg<Bits<10>>,
    pending: Reg<Bits<64>>,
    asked: Reg<Bit>,
    search: LowestSet,

    harvests: Signal<Local, Bit>,
    serial: Signal<Local, Bit>,
    first_group: Signal<Local, Bits<10>>,
    last_page: Signal<Local, Bits<17>>,
    last_group: Signal<Local, Bits<10>>,
    first_in_word: Signal<Local, Bit>,
    last_in_word: Signal<Local, Bit>,
    upper_low: Signal<Local, Bits<64>>,
    upper_high: Signal<Local, Bits<64>>,
    page_low: Signal<Local, Bits<64>>,
    page_high: Signal<Local, Bits<64>>,
    whole_group: Signal<Local, Bit>,
    group_page: Signal<Local, Bits<17>>,
    next_group: Signal<Local, Bits<10>>,
    offer: Signal<Local, Bit>,
    taken: Signal<Local, Bit>,
    full: Signal<Local, Bit>,
    stops: Signal<Local, Bit>,
    end_of_words: Signal<Local, Bit>,
}

impl Logic for RangeWalker {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module range_walker");
        dff_setup!(
            self,
            clk,
            state,
            kind_r,
            flags_r,
            next_page,
            end_page,
            frame_r,
            records,
            given,
            failed_r,
            timed_out_r,
            partial_r,
            stopped_r,
            upper_pending,
            upper_word,
            group_r,
            pending,
            asked
        );
        self.harvests.next = self.kind_r.q.val() == slot_kind::HARVEST;
        self.serial.next =
            (self.kind_r.q.val() == slot_kind::MAP) | (self.kind_r.q.val() == slot_kind::UNMAP);
        self.stops.next =
            self.stop.val() | self.stopped_r.q.val() | self.failed_r.q.val() | self.wrong_state.val();

        comment!("The range in words of the summary. A mask of the bits from n on is (all ones << n).");
        self.last_page.next = self.end_page.q.val() - 1;
        self.first_group.next = self.next_page.q.val().get_bits::<10>(6);
        self.last_group.next = self.last_page.val().get_bits::<10>(6);
        self.first_in_word.next =
            self.upper_word.q.val() == bit_cast::<5, 4>(self.first_group.val().get_bits::<4>(6));
        self.last_in_word.next =
            self.upper_word.q.val() == bit_cast::<5, 4>(self.last_group.val().get_bits::<4>(6));
        self.end_of_words.next =
            self.upper_word.q.val() > bit_cast::<5, 4>(self.last_group.val().get_bits::<4>(6));
        self.upper_low.next = !bits::<64>(0);
        if self.first_in_word.val() {
            self.upper_low.next = !bits::<64>(0) << self.first_group.val().get_bits::<6>(0);
        }
        self.upper_high.next = !bits::<64>(0);
        if self.last_in_word.val() {
            self.upper_high.next = !((!bits::<64>(0) << self.last_group.val().get_bits::<6>(0)) << 1);
        }
        self.page_low.next = !bits::<64>(0);
        if self.group_r.q.val() == self.first_group.val() {
            self.page_low.next = !bits::<64>(0) << self.next_page.q.val().get_bits::<6>(0);
        }
        self.page_high.next = !bits::<64>(0);
        if self.group_r.q.val() == self.last_group.val() {
            self.page_high.next = !((!bits::<64>(0) << self.last_page.val().get_bits::<6>(0)) << 1);
        }
        self.whole_group.next = (self.page_low.val() & self.page_high.val()).all();

        comment!("One search serves groups and pages.");
        self.search.mask.next = self.pending.q.val();
        if self.state.q.val() == WalkState::Group {
            self.search.mask.next = self.upper_pending.q.val();
        }
        self.group_page.next =
            (bit_cast::<17, 10>(self.group_r.q.val()) << 6) | bit_cast::<17, 6>(self.search.index.val());
        self.next_group.next =
            (bit_cast::<10, 5>(self.upper_word.q.val()) << 6) | bit_cast::<10, 6>(self.search.index.val());

        comment!("The page on offer. A harvest counts every page given as a record until all have ended.");
        self.full.next = self.harvests.val() & (self.given.q.val() >= self.records.q.val());
        self.offer.next = !self.stops.val()
            & !self.full.val()
            & !(self.serial.val() & self.active.val())
            & (((self.state.q.val() == WalkState::Page) & (self.next_page.q.val() != self.end_page.q.val()))
                | ((self.state.q.val() == WalkState::Pages) & self.pending.q.val().any()));
        self.page_valid.next = self.offer.val();
        self.page.next = self.next_page.q.val().get_bits::<16>(0);
        if self.harvests.val() {
            self.page.next = self.group_page.val().get_bits::<16>(0);
        }
        self.taken.next = self.offer.val() & (self.page_ready.val() | self.page_stuck.val());
        self.kind.next = self.kind_r.q.val();
        self.flags.next = self.flags_r.q.val();
        self.frame.next = self.frame_r.q.val();

        self.upper_index.next = self.upper_word.q.val().get_bits::<4>(0);
        self.upper_clear.next = false;
        self.upper_set.next = false;
        self.group.next = self.group_r.q.val();
        self.group_read.next = false;

        if self.taken.val() & self.page_stuck.val() {
            self.timed_out_r.d.next = true;
        }
        if self.recall_timed_out.val() & (self.state.q.val() != WalkState::Idle) {
            self.timed_out_r.d.next = true;
        }
        if self.stop.val() & (self.state.q.val() != WalkState::Idle) {
            self.stopped_r.d.next = true;
        }

        match self.state.q.val() {
            WalkState::Idle => {
                if self.start.val() {
                    self.kind_r.d.next = self.start_kind.val();
                    self.flags_r.d.next = self.start_flags.val();
                    self.next_page.d.next = self.start_page.val();
                    self.end_page.d.next = self.start_end.val();
                    self.frame_r.d.next = self.start_frame.val();
                    self.records.d.next = self.start_records.val();
                    self.given.d.next = 0.into();
                    self.failed_r.d.next = false;
                    self.timed_out_r.d.next = false;
                    self.partial_r.d.next = false;
                    self.stopped_r.d.next = false;
                    self.asked.d.next = false;
                    self.upper_word.d.next = bit_cast::<5, 4>(self.start_page.val().get_bits::<4>(12));
                    self.state.d.next = WalkState::Page;
                    if self.start_kind.val() == slot_kind::HARVEST {
                        self.state.d.next = WalkState::Upper;
                    }
                }
            }
            WalkState::Page => {
                if self.taken.val() {
                    self.next_page.d.next = self.next_page.q.val() + 1;
                    self.frame_r.d.next = self.frame_r.q.val() + 1;
                }
                if self.stops.val() | (self.next_page.q.val() == self.end_page.q.val()) {
                    self.state.d.next = WalkState::Finish;
                }
                if self.serial.val() & self.taken.val() & self.page_stuck.val() {
                    self.next_page.d.next = self.next_page.q.val();
                    self.state.d.next = WalkState::Finish;
                }
            }
            WalkState::Upper => {
                self.upper_pending.d.next = self.upper.val() & self.upper_low.val() & self.upper_high.val();
                if self.stops.val() {
                    self.state.d.next = WalkState::Finish;
                } else if self.end_of_words.val() {
                    self.next_page.d.next = self.end_page.q.val();
                    self.state.d.next = WalkState::Finish;
                } else {
                    self.state.d.next = WalkState::Group;
                }
            }
            WalkState::Group => {
                self.group_r.d.next = self.next_group.val();
                self.upper_pending.d.next = self.upper_pending.q.val() & !self.search.one_hot.val();
                if self.search.any.val() {
                    self.state.d.next = WalkState::Read;
                } else {
                    self.upper_word.d.next = self.upper_word.q.val() + 1;
                    self.state.d.next = WalkState::Upper;
                }
            }
            WalkState::Read => {
                comment!("Clear the upper bit first: what comes now sets it again.");
                self.upper_clear.next = self.whole_group.val() & !self.asked.q.val();
                self.group_read.next = !self.group_valid.val() | !self.asked.q.val();
                self.asked.d.next = true;
                if self.asked.q.val() & self.group_valid.val() {
                    self.asked.d.next = false;
                    self.pending.d.next = self.group_pages.val() & self.page_low.val() & self.page_high.val();
                    self.state.d.next = WalkState::Pages;
                }
            }
            WalkState::Pages => {
                if self.taken.val() {
                    self.pending.d.next = self.pending.q.val() & !self.search.one_hot.val();
                    self.given.d.next = self.given.q.val() + 1;
                } else if self.stops.val() | !self.pending.q.val().any() {
                    self.state.d.next = WalkState::Again;
                } else if self.full.val() & !self.active.val() {
                    comment!("All have ended: count the records that were really made.");
                    self.given.d.next = self.records_made.val();
                    if self.records_made.val() >= self.records.q.val() {
                        self.partial_r.d.next = true;
                        self.next_page.d.next = self.group_page.val();
                        self.state.d.next = WalkState::Again;
                    }
                }
            }
            WalkState::Again => {
                self.group_read.next = !self.group_valid.val() | !self.asked.q.val();
                self.asked.d.next = true;
                if self.asked.q.val() & self.group_valid.val() {
                    self.asked.d.next = false;
                    self.upper_set.next = self.group_pages.val().any();
                    self.state.d.next = WalkState::Group;
                    if self.stops.val() | self.partial_r.q.val() {
                        self.state.d.next = WalkState::Finish;
                    }
                }
            }
            WalkState::Finish => {
                if !self.active.val() & !self.wrong_state.val() {
                    self.state.d.next = WalkState::Done;
                }
            }
            WalkState::Done => {
                self.state.d.next = WalkState::Idle;
            }
            _ => {
                self.state.d.next = WalkState::Idle;
            }
        }

        comment!(
            "MAP and UNMAP have one page under way, the one before the next: a timeout of it is where they stop."
        );
        if self.serial.val() & self.recall_timed_out.val() & (self.state.q.val() != WalkState::Idle) {
            self.next_page.d.next = self.next_page.q.val() - 1;
            self.state.d.next = WalkState::Finish;
        }

        comment!("The lowest page refused is where the command stopped.");
        if self.wrong_state.val() & (self.state.q.val() != WalkState::Idle) {
            self.failed_r.d.next = true;
            if !self.failed_r.q.val() | (bit_cast::<17, 16>(self.wrong_page.val()) < self.next_page.q.val()) {
                self.next_page.d.next = bit_cast::<17, 16>(self.wrong_page.val());
            }
        }

        self.busy.next = self.state.q.val() != WalkState::Idle;
        self.done.next = self.state.q.val() == WalkState::Done;
        self.cursor.next = self.next_page.q.val();
        self.failed.next = self.failed_r.q.val();
        self.timed_out.next = self.timed_out_r.q.val();
        self.partial.next = self.partial_r.q.val();
        self.stopped.next = self.stopped_r.q.val();
    }
}

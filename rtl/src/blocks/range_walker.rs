//! Walks the pages of a range command and hands each to the recall engine.
//!
//! # Operation
//! MAP and UNMAP go page by page, each finished before the next, and stop at the first page in the wrong state or whose
//! recall timed out. TRACK and
//! RECALL keep up to 64 pages under way and stop likewise; the cursor is then the lowest page that was refused. HARVEST
//! visits only pages that summary and page list name, and stops early when the record buffer would overflow:
//! pages under way count as records, so it may pause until they have ended. `stop` (ABORT, reset) ends the walk early; pages
//! under way finish.
//!
//! *A group* is first cleared in the summary, then its words are read from the page list, then its pages are given. Whatever
//! comes, or stays, sets it again by itself; the walk does so if it leaves pages of the group out.
//!
//! A page whose recall timed out earlier is skipped and reported as a timeout.
//!
//! # Timing
//! One page per cycle where no recall is needed; one word of 64 clean groups (128 MiB) per cycle; a group costs one read of
//! device memory, whose pages come in the cycles after it.

use super::lowest_set::LowestSet;
use super::types::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;
use tideline_abi::geometry::PAGE_BITS;
use tideline_abi::slot::slot_kind;

/// What the walker does.
#[derive(Copy, Clone, Debug, PartialEq, LogicState)]
pub enum WalkState {
    /// No range.
    Idle,
    /// Plain ranges: hand out the page.
    Page,
    /// Looks for the next word of the summary with a group.
    Scan,
    /// Takes the next group of the word.
    Group,
    /// Clears the group's bit.
    Clear,
    /// Asks for the group's words.
    Ask,
    /// Hands out the pages of the words.
    Words,
    /// Sets the group's bit.
    Set,
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
    pub start_page: Signal<In, Bits<BOUND_BITS>>,
    /// Page behind the last.
    pub start_end: Signal<In, Bits<BOUND_BITS>>,
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
    pub cursor: Signal<Out, Bits<BOUND_BITS>>,
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

    /// Read a word of the summary.
    pub word_read: Signal<Out, Bit>,
    /// Which.
    pub word: Signal<Out, Bits<WORD_BITS>>,
    /// The word asked for in the last cycle is there.
    pub word_valid: Signal<In, Bit>,
    /// Its 64 groups.
    pub groups: Signal<In, Bits<64>>,
    /// The group at hand.
    pub group: Signal<Out, Bits<GROUP_BITS>>,
    /// Clears its bit in the summary.
    pub group_clear: Signal<Out, Bit>,
    /// Sets it.
    pub group_set: Signal<Out, Bit>,
    /// That is done in this cycle.
    pub group_done: Signal<In, Bit>,
    /// Asks the page list for the group.
    pub list_ask: Signal<Out, Bit>,
    /// The page list takes the question.
    pub list_ready: Signal<In, Bit>,
    /// The next of its eight words is there.
    pub list_valid: Signal<In, Bit>,
    /// Its 64 pages.
    pub list_pages: Signal<In, Bits<64>>,
    /// It is taken.
    pub list_take: Signal<Out, Bit>,

    state: Reg<WalkState>,
    kind_r: Reg<Bits<4>>,
    flags_r: Reg<Bits<8>>,
    next_page: Reg<Bits<BOUND_BITS>>,
    end_page: Reg<Bits<BOUND_BITS>>,
    frame_r: Reg<Frame>,
    records: Reg<Bits<32>>,
    given: Reg<Bits<32>>,
    failed_r: Reg<Bit>,
    timed_out_r: Reg<Bit>,
    partial_r: Reg<Bit>,
    stopped_r: Reg<Bit>,
    scan: Reg<Bits<GROUP_BITS>>,
    asked: Reg<Bit>,
    asked_word: Reg<Bits<WORD_BITS>>,
    found_groups: Reg<Bits<64>>,
    group_r: Reg<Bits<GROUP_BITS>>,
    left_out: Reg<Bit>,
    left: Reg<Bits<4>>,
    word_r: Reg<Bits<3>>,
    pending: Reg<Bits<64>>,
    group_search: LowestSet,
    page_search: LowestSet,

    harvests: Signal<Local, Bit>,
    serial: Signal<Local, Bit>,
    first_group: Signal<Local, Bits<GROUP_BITS>>,
    last_page: Signal<Local, Bits<BOUND_BITS>>,
    last_group: Signal<Local, Bits<GROUP_BITS>>,
    last_word: Signal<Local, Bits<WORD_BITS>>,
    word_low: Signal<Local, Bits<64>>,
    word_high: Signal<Local, Bits<64>>,
    found: Signal<Local, Bits<64>>,
    past_words: Signal<Local, Bit>,
    starts_inside: Signal<Local, Bit>,
    ends_inside: Signal<Local, Bit>,
    next_word: Signal<Local, Bits<3>>,
    first_here: Signal<Local, Bit>,
    last_here: Signal<Local, Bit>,
    page_low: Signal<Local, Bits<64>>,
    page_high: Signal<Local, Bits<64>>,
    new_pages: Signal<Local, Bits<64>>,
    rest: Signal<Local, Bits<64>>,
    group_page: Signal<Local, Bits<BOUND_BITS>>,
    offer: Signal<Local, Bit>,
    taken: Signal<Local, Bit>,
    full: Signal<Local, Bit>,
    stops: Signal<Local, Bit>,
    ends: Signal<Local, Bit>,
    takes: Signal<Local, Bit>,
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
            scan,
            asked,
            asked_word,
            found_groups,
            group_r,
            left_out,
            left,
            word_r,
            pending
        );
        self.harvests.next = self.kind_r.q.val() == slot_kind::HARVEST;
        self.serial.next =
            (self.kind_r.q.val() == slot_kind::MAP) | (self.kind_r.q.val() == slot_kind::UNMAP);
        self.stops.next =
            self.stop.val() | self.stopped_r.q.val() | self.failed_r.q.val() | self.wrong_state.val();
        self.ends.next = self.stops.val() | self.partial_r.q.val();

        comment!("The range in words of the summary. A mask of the bits from n on is (all ones << n).");
        self.last_page.next = self.end_page.q.val() - 1;
        self.first_group.next = self.next_page.q.val().get_bits::<GROUP_BITS>(9);
        self.last_group.next = self.last_page.val().get_bits::<GROUP_BITS>(9);
        self.last_word.next = self.last_group.val().get_bits::<WORD_BITS>(6);
        self.word_low.next = !bits::<64>(0);
        if self.asked_word.q.val() == self.first_group.val().get_bits::<WORD_BITS>(6) {
            self.word_low.next = !bits::<64>(0) << self.first_group.val().get_bits::<6>(0);
        }
        self.word_high.next = !bits::<64>(0);
        if self.asked_word.q.val() == self.last_word.val() {
            self.word_high.next = !((!bits::<64>(0) << self.last_group.val().get_bits::<6>(0)) << 1);
        }
        self.found.next = self.groups.val() & self.word_low.val() & self.word_high.val();
        self.past_words.next = self.scan.q.val() > bit_cast::<GROUP_BITS, WORD_BITS>(self.last_word.val());

        comment!("The group at hand, and those of its next word that belong to the range.");
        self.starts_inside.next =
            (self.group_r.q.val() == self.first_group.val()) & self.next_page.q.val().get_bits::<9>(0).any();
        self.ends_inside.next =
            (self.group_r.q.val() == self.last_group.val()) & !self.last_page.val().get_bits::<9>(0).all();
        self.next_word.next = bits::<3>(0) - self.left.q.val().get_bits::<3>(0);
        self.first_here.next = (self.group_r.q.val() == self.first_group.val())
            & (self.next_word.val() <= self.next_page.q.val().get_bits::<3>(6));
        self.last_here.next = (self.group_r.q.val() == self.last_group.val())
            & (self.next_word.val() >= self.last_page.val().get_bits::<3>(6));
        self.page_low.next = !bits::<64>(0);
        if self.first_here.val() {
            self.page_low.next = 0.into();
            if self.next_word.val() == self.next_page.q.val().get_bits::<3>(6) {
                self.page_low.next = !bits::<64>(0) << self.next_page.q.val().get_bits::<6>(0);
            }
        }
        self.page_high.next = !bits::<64>(0);
        if self.last_here.val() {
            self.page_high.next = 0.into();
            if self.next_word.val() == self.last_page.val().get_bits::<3>(6) {
                self.page_high.next = !((!bits::<64>(0) << self.last_page.val().get_bits::<6>(0)) << 1);
            }
        }
        self.new_pages.next = self.list_pages.val() & self.page_low.val() & self.page_high.val();
        self.group_search.mask.next = self.found_groups.q.val();
        self.page_search.mask.next = self.pending.q.val();
        self.group_page.next = (bit_cast::<BOUND_BITS, GROUP_BITS>(self.group_r.q.val()) << 9)
            | (bit_cast::<BOUND_BITS, 3>(self.word_r.q.val()) << 6)
            | bit_cast::<BOUND_BITS, 6>(self.page_search.index.val());

        comment!("The page on offer. A harvest counts every page given as a record until all have ended.");
        self.full.next = self.harvests.val() & (self.given.q.val() >= self.records.q.val());
        self.offer.next = !self.ends.val()
            & !self.full.val()
            & !(self.serial.val() & self.active.val())
            & (((self.state.q.val() == WalkState::Page) & (self.next_page.q.val() != self.end_page.q.val()))
                | ((self.state.q.val() == WalkState::Words) & self.pending.q.val().any()));
        self.page_valid.next = self.offer.val();
        self.page.next = self.next_page.q.val().get_bits::<PAGE_BITS>(0);
        if self.harvests.val() {
            self.page.next = self.group_page.val().get_bits::<PAGE_BITS>(0);
        }
        self.taken.next = self.offer.val() & (self.page_ready.val() | self.page_stuck.val());
        self.kind.next = self.kind_r.q.val();
        self.flags.next = self.flags_r.q.val();
        self.frame.next = self.frame_r.q.val();

        comment!(
            "A word is taken when the one before it is done, or nothing of the group is wanted any more."
        );
        self.rest.next = self.pending.q.val();
        if self.taken.val() {
            self.rest.next = self.pending.q.val() & !self.page_search.one_hot.val();
        }
        self.takes.next = (self.state.q.val() == WalkState::Words)
            & (self.left.q.val() != 0)
            & (!self.rest.val().any() | self.ends.val());
        self.list_take.next = self.takes.val();
        self.list_ask.next = self.state.q.val() == WalkState::Ask;
        self.word.next = self.scan.q.val().get_bits::<WORD_BITS>(0);
        self.word_read.next = self.state.q.val() == WalkState::Scan;
        self.group.next = self.group_r.q.val();
        self.group_clear.next = self.state.q.val() == WalkState::Clear;
        self.group_set.next = self.state.q.val() == WalkState::Set;

        if self.taken.val() & self.page_stuck.val() {
            self.timed_out_r.d.next = true;
            self.left_out.d.next = true;
        }
        if self.recall_timed_out.val() & (self.state.q.val() != WalkState::Idle) {
            self.timed_out_r.d.next = true;
        }
        if self.stop.val() & (self.state.q.val() != WalkState::Idle) {
            self.stopped_r.d.next = true;
        }
        self.asked.d.next = false;

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
                    self.scan.d.next =
                        bit_cast::<GROUP_BITS, WORD_BITS>(self.start_page.val().get_bits::<WORD_BITS>(15));
                    self.state.d.next = WalkState::Page;
                    if self.start_kind.val() == slot_kind::HARVEST {
                        self.state.d.next = WalkState::Scan;
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
            WalkState::Scan => {
                self.asked.d.next = !self.past_words.val();
                self.asked_word.d.next = self.scan.q.val().get_bits::<WORD_BITS>(0);
                self.scan.d.next = self.scan.q.val() + 1;
                if self.past_words.val() {
                    self.scan.d.next = self.scan.q.val();
                }
                if self.stops.val() {
                    self.state.d.next = WalkState::Finish;
                } else if self.asked.q.val() & !self.word_valid.val() {
                    comment!("It met a write: once more.");
                    self.scan.d.next = bit_cast::<GROUP_BITS, WORD_BITS>(self.asked_word.q.val());
                    self.asked.d.next = false;
                } else if self.asked.q.val() & self.found.val().any() {
                    self.found_groups.d.next = self.found.val();
                    self.scan.d.next = bit_cast::<GROUP_BITS, WORD_BITS>(self.asked_word.q.val()) + 1;
                    self.asked.d.next = false;
                    self.asked_word.d.next = self.asked_word.q.val();
                    self.state.d.next = WalkState::Group;
                } else if self.past_words.val() {
                    self.next_page.d.next = self.end_page.q.val();
                    self.state.d.next = WalkState::Finish;
                }
            }
            WalkState::Group => {
                self.group_r.d.next = (bit_cast::<GROUP_BITS, WORD_BITS>(self.asked_word.q.val()) << 6)
                    | bit_cast::<GROUP_BITS, 6>(self.group_search.index.val());
                self.found_groups.d.next = self.found_groups.q.val() & !self.group_search.one_hot.val();
                self.left_out.d.next = false;
                self.state.d.next = WalkState::Scan;
                if self.group_search.any.val() {
                    self.state.d.next = WalkState::Clear;
                }
            }
            WalkState::Clear => {
                if self.starts_inside.val() | self.ends_inside.val() {
                    comment!("The group has pages outside the range.");
                    self.left_out.d.next = true;
                }
                if self.group_done.val() {
                    self.state.d.next = WalkState::Ask;
                }
            }
            WalkState::Ask => {
                self.left.d.next = 8.into();
                self.pending.d.next = 0.into();
                if self.list_ready.val() {
                    self.state.d.next = WalkState::Words;
                }
            }
            WalkState::Words => {
                self.pending.d.next = self.rest.val();
                if self.taken.val() {
                    self.given.d.next = self.given.q.val() + 1;
                }
                if self.takes.val() & self.list_valid.val() {
                    self.left.d.next = self.left.q.val() - 1;
                    self.word_r.d.next = self.next_word.val();
                    self.pending.d.next = self.new_pages.val();
                }
                if self.ends.val() {
                    self.left_out.d.next = true;
                }
                if (self.left.q.val() == 0) & (!self.rest.val().any() | self.ends.val()) {
                    self.state.d.next = WalkState::Group;
                    if self.ends.val() | self.left_out.q.val() | (self.taken.val() & self.page_stuck.val()) {
                        self.state.d.next = WalkState::Set;
                    }
                } else if self.full.val() & self.pending.q.val().any() & !self.active.val() & !self.ends.val()
                {
                    comment!("All have ended: count the records that were really made.");
                    self.given.d.next = self.records_made.val();
                    if self.records_made.val() >= self.records.q.val() {
                        self.partial_r.d.next = true;
                        self.next_page.d.next = self.group_page.val();
                    }
                }
            }
            WalkState::Set => {
                if self.group_done.val() {
                    self.state.d.next = WalkState::Group;
                    if self.ends.val() {
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
            if !self.failed_r.q.val()
                | (bit_cast::<BOUND_BITS, PAGE_BITS>(self.wrong_page.val()) < self.next_page.q.val())
            {
                self.next_page.d.next = bit_cast::<BOUND_BITS, PAGE_BITS>(self.wrong_page.val());
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

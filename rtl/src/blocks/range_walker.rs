//! Walks the pages of a range command and hands each to the recall engine.
//!
//! # Operation
//! MAP and UNMAP go page by page, each finished before the next, and stop at the first page in the wrong state or whose
//! recall timed out. TRACK and RECALL keep up to 67 pages under way and stop likewise; the cursor is then the lowest page that was refused. HARVEST
//! visits only pages that summary and page list name, and stops early when the record buffer would overflow:
//! pages under way count as records, so it may pause until they have ended. `stop` (ABORT, reset) ends the walk early; pages
//! under way finish.
//!
//! *A group* is first cleared in the summary, then its words are read from the page list, then its pages are given. Whatever
//! comes, or stays, sets it again by itself; the walk does so if it leaves pages of the group out. While the pages of one
//! group are given the next one is looked for and read.
//!
//! A page whose recall timed out earlier is skipped and reported as a timeout; of a harvest, its group is set again.
//!
//! *Plain regions*: MAP plain makes a region plain when all its pages are mapped. UNMAP, TRACK set and RECALL take the region
//! of their next page out of the region table before they give it, and wait until no message is left that went by the
//! old entry.
//!
//! # Timing
//! One page per cycle where no recall is needed (of UNMAP, TRACK and RECALL some more cycles per region), also from one group to the
//! next; one word of 64 clean groups (128 MiB) per
//! cycle. A group costs one read of device memory and 25 cycles, while the one before it is given.

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
    /// Plain ranges: hands out the pages one after the other.
    Page,
    /// Harvests: hands out the pages of the groups that are found.
    Groups,
    /// Waits for the pages under way.
    Finish,
    /// Tells the result.
    Done,
}

/// How the next group is found.
#[derive(Copy, Clone, Debug, PartialEq, LogicState)]
pub enum FindState {
    /// There is none any more.
    End,
    /// Looks for the next word of the summary with a group.
    Scan,
    /// Takes the next group of the word.
    Group,
    /// Clears the group's bit.
    Clear,
    /// Asks for the group's words.
    Ask,
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
    /// The page.
    pub page: Signal<Out, Page>,
    /// Kind of the slot.
    pub kind: Signal<Out, Bits<4>>,
    /// Flags of the slot.
    pub flags: Signal<Out, Bits<8>>,
    /// Frame of the slot.
    pub frame: Signal<Out, Frame>,
    /// A page that was taken is not done: its recall timed out earlier.
    pub stuck_valid: Signal<In, Bit>,
    /// The page.
    pub stuck_page: Signal<In, Page>,
    /// That is known.
    pub stuck_taken: Signal<Out, Bit>,
    /// Page slots are under way, or were taken and are not known to be stuck.
    pub active: Signal<In, Bit>,
    /// One was refused.
    pub wrong_state: Signal<In, Bit>,
    /// Its page.
    pub wrong_page: Signal<In, Page>,
    /// A recall timed out.
    pub recall_timed_out: Signal<In, Bit>,
    /// Records of this walk that were made or may still be made by pages under way are fewer than those allowed.
    pub records_made: Signal<In, Bits<32>>,

    /// Writes an entry of the region table.
    pub region_write: Signal<Out, Bit>,
    /// Which.
    pub region: Signal<Out, Region>,
    /// What.
    pub region_entry: Signal<Out, RegionEntryBits>,
    /// No message waits that was told what stood there before.
    pub region_settled: Signal<In, Bit>,

    /// Read a word of the summary.
    pub word_read: Signal<Out, Bit>,
    /// Which.
    pub word: Signal<Out, Bits<WORD_BITS>>,
    /// The word asked for in the last cycle is there.
    pub word_valid: Signal<In, Bit>,
    /// Its 64 groups.
    pub groups: Signal<In, Bits<64>>,
    /// A group.
    pub group: Signal<Out, Bits<GROUP_BITS>>,
    /// Clears its bit in the summary.
    pub group_clear: Signal<Out, Bit>,
    /// Sets it.
    pub group_set: Signal<Out, Bit>,
    /// That is done in this cycle.
    pub group_done: Signal<In, Bit>,
    /// Asks the page list for a group.
    pub list_ask: Signal<Out, Bit>,
    /// Which.
    pub list_group: Signal<Out, Bits<GROUP_BITS>>,
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
    last_page: Reg<Bits<BOUND_BITS>>,
    frame_r: Reg<Frame>,
    records: Reg<Bits<32>>,
    given: Reg<Bits<32>>,
    full: Reg<Bit>,
    promotes: Reg<Bit>,
    demoting: Reg<Bit>,
    demoted: Reg<Bit>,
    failed_r: Reg<Bit>,
    timed_out_r: Reg<Bit>,
    partial_r: Reg<Bit>,
    stopped_r: Reg<Bit>,
    find: Reg<FindState>,
    scan: Reg<Bits<GROUP_BITS>>,
    asked: Reg<Bit>,
    asked_word: Reg<Bits<WORD_BITS>>,
    asked_first: Reg<Bit>,
    asked_last: Reg<Bit>,
    // The word that came in the cycle before, and whether it counts.
    came: Reg<Bit>,
    came_valid: Reg<Bit>,
    came_word: Reg<Bits<WORD_BITS>>,
    came_groups: Reg<Bits<64>>,
    found_word: Reg<Bits<WORD_BITS>>,
    found_groups: Reg<Bits<64>>,
    found_group: Reg<Bits<GROUP_BITS>>,
    asked_groups: Fifo<Bits<GROUP_BITS>, 1>,
    next_asked: Skid<Bits<GROUP_BITS>>,
    giving: Reg<Bit>,
    setting: Reg<Bit>,
    group_r: Reg<Bits<GROUP_BITS>>,
    // The group of a page that is stuck is to be set again.
    returning: Reg<Bit>,
    returned: Reg<Bits<GROUP_BITS>>,
    starts_inside: Reg<Bit>,
    ends_inside: Reg<Bit>,
    left: Reg<Bits<3>>,
    word_r: Reg<Bits<3>>,
    pending: Reg<Bits<64>>,
    group_search: LowestSet,
    page_search: LowestSet,

    harvests: Signal<Local, Bit>,
    serial: Signal<Local, Bit>,
    demotes: Signal<Local, Bit>,
    promote_now: Signal<Local, Bit>,
    demote_now: Signal<Local, Bit>,
    before: Signal<Local, Bits<BOUND_BITS>>,
    frame_before: Signal<Local, Frame>,
    first_group: Signal<Local, Bits<GROUP_BITS>>,
    last_group: Signal<Local, Bits<GROUP_BITS>>,
    last_word: Signal<Local, Bits<WORD_BITS>>,
    word_low: Signal<Local, Bits<64>>,
    word_high: Signal<Local, Bits<64>>,
    found: Signal<Local, Bits<64>>,
    past_words: Signal<Local, Bit>,
    asks: Signal<Local, Bit>,
    is_new: Signal<Local, Bit>,
    next_group: Signal<Local, Bits<GROUP_BITS>>,
    next_word: Signal<Local, Bits<3>>,
    first_here: Signal<Local, Bit>,
    last_here: Signal<Local, Bit>,
    page_low: Signal<Local, Bits<64>>,
    page_high: Signal<Local, Bits<64>>,
    new_pages: Signal<Local, Bits<64>>,
    rest: Signal<Local, Bits<64>>,
    group_page: Signal<Local, Bits<BOUND_BITS>>,
    may_give: Signal<Local, Bit>,
    offer_page: Signal<Local, Bit>,
    offer_found: Signal<Local, Bit>,
    taken_page: Signal<Local, Bit>,
    sets: Signal<Local, Bit>,
    times_out: Signal<Local, Bit>,
    taken: Signal<Local, Bit>,
    no_more: Signal<Local, Bit>,
    stops: Signal<Local, Bit>,
    ends: Signal<Local, Bit>,
    word_done: Signal<Local, Bit>,
    group_over: Signal<Local, Bit>,
    must_set: Signal<Local, Bit>,
    takes: Signal<Local, Bit>,
    loads: Signal<Local, Bit>,
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
            last_page,
            frame_r,
            records,
            given,
            full,
            promotes,
            demoting,
            demoted,
            failed_r,
            timed_out_r,
            partial_r,
            stopped_r,
            find,
            scan,
            asked,
            asked_word,
            asked_first,
            asked_last,
            came,
            came_valid,
            came_word,
            came_groups,
            found_word,
            found_groups,
            found_group,
            giving,
            setting,
            group_r,
            returning,
            returned,
            starts_inside,
            ends_inside,
            left,
            word_r,
            pending
        );
        self.asked_groups.clk.next = self.clk.val();
        self.asked_groups.rst.next = self.rst.val();
        self.next_asked.clk.next = self.clk.val();
        self.next_asked.rst.next = self.rst.val();
        self.harvests.next = self.kind_r.q.val() == slot_kind::HARVEST;
        self.serial.next =
            (self.kind_r.q.val() == slot_kind::MAP) | (self.kind_r.q.val() == slot_kind::UNMAP);
        self.demotes.next = (self.kind_r.q.val() == slot_kind::UNMAP)
            | (self.kind_r.q.val() == slot_kind::TRACK_SET)
            | (self.kind_r.q.val() == slot_kind::RECALL);
        self.stops.next = self.stopped_r.q.val() | self.failed_r.q.val() | self.wrong_state.val();
        self.ends.next = self.stops.val() | self.partial_r.q.val();

        comment!("The range in words of the summary. A mask of the bits from n on is (all ones << n).");
        self.first_group.next = self.next_page.q.val().get_bits::<GROUP_BITS>(9);
        self.last_group.next = self.last_page.q.val().get_bits::<GROUP_BITS>(9);
        self.last_word.next = self.last_group.val().get_bits::<WORD_BITS>(6);
        self.word_low.next = !bits::<64>(0);
        if self.asked_first.q.val() {
            self.word_low.next = !bits::<64>(0) << self.first_group.val().get_bits::<6>(0);
        }
        self.word_high.next = !bits::<64>(0);
        if self.asked_last.q.val() {
            self.word_high.next = !((!bits::<64>(0) << self.last_group.val().get_bits::<6>(0)) << 1);
        }
        self.found.next = self.groups.val() & self.word_low.val() & self.word_high.val();
        self.came.d.next = self.asked.q.val();
        self.came_valid.d.next = self.word_valid.val();
        self.came_word.d.next = self.asked_word.q.val();
        self.came_groups.d.next = self.found.val();
        self.past_words.next = self.scan.q.val() > bit_cast::<GROUP_BITS, WORD_BITS>(self.last_word.val());

        comment!("The next word is of the group at hand, or the first one of the next group.");
        self.is_new.next = self.left.q.val() == 0;
        self.next_group.next = self.group_r.q.val();
        if self.is_new.val() {
            self.next_group.next = self.next_asked.out_data.val();
        }
        self.next_word.next = bits::<3>(0) - self.left.q.val();
        self.first_here.next = (self.next_group.val() == self.first_group.val())
            & (self.next_word.val() <= self.next_page.q.val().get_bits::<3>(6));
        self.last_here.next = (self.next_group.val() == self.last_group.val())
            & (self.next_word.val() >= self.last_page.q.val().get_bits::<3>(6));
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
            if self.next_word.val() == self.last_page.q.val().get_bits::<3>(6) {
                self.page_high.next = !((!bits::<64>(0) << self.last_page.q.val().get_bits::<6>(0)) << 1);
            }
        }
        self.new_pages.next = self.list_pages.val() & self.page_low.val() & self.page_high.val();
        self.group_search.mask.next = self.found_groups.q.val();
        self.page_search.mask.next = self.pending.q.val();
        self.group_page.next = (bit_cast::<BOUND_BITS, GROUP_BITS>(self.group_r.q.val()) << 9)
            | (bit_cast::<BOUND_BITS, 3>(self.word_r.q.val()) << 6)
            | bit_cast::<BOUND_BITS, 6>(self.page_search.index.val());

        comment!("The page on offer. A harvest counts every page given as a record until all have ended.");
        self.may_give.next = !self.ends.val() & !self.full.q.val();
        self.offer_page.next = self.may_give.val()
            & !(self.serial.val() & self.active.val())
            & !self.promotes.q.val()
            & (self.state.q.val() == WalkState::Page)
            & (self.next_page.q.val() != self.end_page.q.val())
            & (!self.demotes.val() | self.demoted.q.val());
        self.offer_found.next =
            self.may_give.val() & (self.state.q.val() == WalkState::Groups) & self.pending.q.val().any();
        self.page_valid.next = self.offer_page.val() | self.offer_found.val();
        self.page.next = self.next_page.q.val().get_bits::<PAGE_BITS>(0);
        if self.harvests.val() {
            self.page.next = self.group_page.val().get_bits::<PAGE_BITS>(0);
        }
        self.taken_page.next = self.offer_page.val() & self.page_ready.val();
        self.taken.next = self.offer_found.val() & self.page_ready.val();
        self.full.d.next = self.harvests.val() & (self.given.q.val() >= self.records.q.val());
        if self.taken.val() {
            self.full.d.next = self.harvests.val() & (self.given.q.val() + 1 >= self.records.q.val());
        }
        self.kind.next = self.kind_r.q.val();
        self.flags.next = self.flags_r.q.val();
        self.frame.next = self.frame_r.q.val();

        comment!("A page that is stuck. By now the walk may be in another group.");
        self.stuck_taken.next = self.stuck_valid.val() & !self.returning.q.val();
        if self.returning.q.val() {
            self.returning.d.next = !self.group_done.val();
        } else if self.stuck_valid.val() {
            self.returning.d.next = self.harvests.val();
            self.returned.d.next = self.stuck_page.val().get_bits::<GROUP_BITS>(9);
        }
        self.times_out.next = self.recall_timed_out.val() | self.stuck_taken.val();
        if self.times_out.val() & (self.state.q.val() != WalkState::Idle) {
            self.timed_out_r.d.next = true;
        }

        comment!("The region of the page before becomes plain, that of the next one is plain no more.");
        self.promote_now.next = ((self.state.q.val() == WalkState::Page)
            | (self.state.q.val() == WalkState::Finish))
            & self.promotes.q.val()
            & !self.active.val()
            & !self.wrong_state.val()
            & !self.failed_r.q.val()
            & !self.recall_timed_out.val()
            & !self.timed_out_r.q.val();
        self.demote_now.next = (self.state.q.val() == WalkState::Page)
            & self.demotes.val()
            & !self.demoted.q.val()
            & !self.demoting.q.val()
            & !(self.serial.val() & self.active.val())
            & (self.next_page.q.val() != self.end_page.q.val())
            & !self.ends.val();
        self.before.next = self.next_page.q.val() - 1;
        self.frame_before.next = self.frame_r.q.val() - 1;
        self.region_write.next = self.promote_now.val() | self.demote_now.val();
        self.region.next = self.first_group.val();
        if self.promote_now.val() {
            self.region.next = self.before.val().get_bits::<GROUP_BITS>(9);
        }
        self.region_entry.next.plain = self.promote_now.val();
        self.region_entry.next.frame = self.frame_before.val().get_bits::<REGION_FRAME_BITS>(9);
        if self.demote_now.val() {
            self.demoting.d.next = true;
        } else if self.demoting.q.val() & self.region_settled.val() {
            self.demoting.d.next = false;
            self.demoted.d.next = true;
        }
        if self.promote_now.val() {
            self.promotes.d.next = false;
        }

        comment!("A word is taken when the one before it is done, or nothing is wanted any more.");
        self.rest.next = self.pending.q.val();
        if self.taken.val() {
            self.rest.next = self.pending.q.val() & !self.page_search.one_hot.val();
        }
        self.no_more.next = !(self.pending.q.val() & (self.pending.q.val() - 1)).any();
        self.word_done.next =
            !self.pending.q.val().any() | (self.taken.val() & self.no_more.val()) | self.ends.val();
        self.group_over.next =
            self.giving.q.val() & !self.setting.q.val() & self.is_new.val() & self.word_done.val();
        self.must_set.next = self.ends.val() | self.starts_inside.q.val() | self.ends_inside.q.val();
        self.takes.next = (self.state.q.val() == WalkState::Groups)
            & self.list_valid.val()
            & ((self.giving.q.val() & !self.is_new.val() & self.word_done.val())
                | (self.next_asked.out_valid.val()
                    & (!self.giving.q.val() | (self.group_over.val() & !self.must_set.val()))));
        self.loads.next = self.takes.val() & self.is_new.val();
        self.list_take.next = self.takes.val();
        self.next_asked.in_valid.next = self.asked_groups.out_valid.val();
        self.next_asked.in_data.next = self.asked_groups.out_data.val();
        self.asked_groups.out_ready.next = self.next_asked.in_ready.val();
        self.next_asked.out_ready.next = self.loads.val();
        self.asks.next = (self.find.q.val() == FindState::Ask) & self.asked_groups.in_ready.val();
        self.list_ask.next = self.asks.val();
        self.asked_groups.in_valid.next = self.asks.val() & self.list_ready.val();
        self.asked_groups.in_data.next = self.found_group.q.val();
        self.list_group.next = self.found_group.q.val();
        self.word.next = self.scan.q.val().get_bits::<WORD_BITS>(0);
        self.word_read.next = self.find.q.val() == FindState::Scan;
        self.sets.next = self.setting.q.val() | self.returning.q.val();
        self.group_set.next = self.sets.val();
        self.group_clear.next = (self.find.q.val() == FindState::Clear) & !self.sets.val();
        self.group.next = self.found_group.q.val();
        if self.returning.q.val() {
            self.group.next = self.returned.q.val();
        } else if self.setting.q.val() {
            self.group.next = self.group_r.q.val();
        }

        if self.stop.val() & (self.state.q.val() != WalkState::Idle) {
            self.stopped_r.d.next = true;
        }

        comment!("Groups are found ahead of those that are given.");
        self.asked.d.next = false;
        match self.find.q.val() {
            FindState::Scan => {
                self.asked.d.next = !self.past_words.val();
                self.asked_word.d.next = self.scan.q.val().get_bits::<WORD_BITS>(0);
                self.asked_first.d.next = self.scan.q.val().get_bits::<WORD_BITS>(0)
                    == self.first_group.val().get_bits::<WORD_BITS>(6);
                self.asked_last.d.next = self.scan.q.val().get_bits::<WORD_BITS>(0) == self.last_word.val();
                self.scan.d.next = self.scan.q.val() + 1;
                if self.past_words.val() {
                    self.scan.d.next = self.scan.q.val();
                }
                if self.ends.val() {
                    self.find.d.next = FindState::End;
                } else if self.came.q.val() & !self.came_valid.q.val() {
                    comment!("It met a write: once more.");
                    self.scan.d.next = bit_cast::<GROUP_BITS, WORD_BITS>(self.came_word.q.val());
                    self.asked.d.next = false;
                    self.came.d.next = false;
                } else if self.came.q.val() & self.came_groups.q.val().any() {
                    self.found_groups.d.next = self.came_groups.q.val();
                    self.found_word.d.next = self.came_word.q.val();
                    self.scan.d.next = bit_cast::<GROUP_BITS, WORD_BITS>(self.came_word.q.val()) + 1;
                    self.asked.d.next = false;
                    self.came.d.next = false;
                    self.find.d.next = FindState::Group;
                } else if self.past_words.val() & !self.asked.q.val() {
                    self.find.d.next = FindState::End;
                }
            }
            FindState::Group => {
                self.found_group.d.next = (bit_cast::<GROUP_BITS, WORD_BITS>(self.found_word.q.val()) << 6)
                    | bit_cast::<GROUP_BITS, 6>(self.group_search.index.val());
                self.found_groups.d.next = self.found_groups.q.val() & !self.group_search.one_hot.val();
                self.find.d.next = FindState::Scan;
                if self.ends.val() {
                    self.find.d.next = FindState::End;
                } else if self.group_search.any.val() {
                    self.find.d.next = FindState::Clear;
                }
            }
            FindState::Clear => {
                if self.group_done.val() & !self.sets.val() {
                    self.find.d.next = FindState::Ask;
                }
            }
            FindState::Ask => {
                if self.asks.val() & self.list_ready.val() {
                    self.find.d.next = FindState::Group;
                }
            }
            FindState::End => {}
            _ => {
                self.find.d.next = FindState::End;
            }
        }

        match self.state.q.val() {
            WalkState::Idle => {
                if self.start.val() {
                    self.kind_r.d.next = self.start_kind.val();
                    self.flags_r.d.next = self.start_flags.val();
                    self.next_page.d.next = self.start_page.val();
                    self.end_page.d.next = self.start_end.val();
                    self.last_page.d.next = self.start_end.val() - 1;
                    self.frame_r.d.next = self.start_frame.val();
                    self.records.d.next = self.start_records.val();
                    self.given.d.next = 0.into();
                    self.full.d.next =
                        (self.start_kind.val() == slot_kind::HARVEST) & (self.start_records.val() == 0);
                    self.promotes.d.next = false;
                    self.demoting.d.next = false;
                    self.demoted.d.next = false;
                    self.failed_r.d.next = false;
                    self.timed_out_r.d.next = false;
                    self.partial_r.d.next = false;
                    self.stopped_r.d.next = false;
                    self.scan.d.next =
                        bit_cast::<GROUP_BITS, WORD_BITS>(self.start_page.val().get_bits::<WORD_BITS>(15));
                    self.find.d.next = FindState::End;
                    self.state.d.next = WalkState::Page;
                    if self.start_kind.val() == slot_kind::HARVEST {
                        self.find.d.next = FindState::Scan;
                        self.state.d.next = WalkState::Groups;
                    }
                }
            }
            WalkState::Page => {
                if self.taken_page.val() {
                    self.next_page.d.next = self.next_page.q.val() + 1;
                    self.frame_r.d.next = self.frame_r.q.val() + 1;
                    if self.next_page.q.val().get_bits::<9>(0).all() {
                        self.demoted.d.next = false;
                        self.promotes.d.next =
                            (self.kind_r.q.val() == slot_kind::MAP) & self.flags_r.q.val().get_bit(3);
                    }
                }
                if self.stops.val()
                    | ((self.next_page.q.val() == self.end_page.q.val()) & !self.promotes.q.val())
                {
                    self.state.d.next = WalkState::Finish;
                }
            }
            WalkState::Groups => {
                self.pending.d.next = self.rest.val();
                if self.taken.val() {
                    self.given.d.next = self.given.q.val() + 1;
                }
                if self.group_over.val() {
                    self.giving.d.next = self.must_set.val();
                    self.setting.d.next = self.must_set.val();
                }
                if self.setting.q.val() & self.group_done.val() & !self.returning.q.val() {
                    self.giving.d.next = false;
                    self.setting.d.next = false;
                }
                if self.takes.val() {
                    self.left.d.next = self.left.q.val() - 1;
                    self.word_r.d.next = self.next_word.val();
                    self.group_r.d.next = self.next_group.val();
                    self.starts_inside.d.next = (self.next_group.val() == self.first_group.val())
                        & self.next_page.q.val().get_bits::<9>(0).any();
                    self.ends_inside.d.next = (self.next_group.val() == self.last_group.val())
                        & !self.last_page.q.val().get_bits::<9>(0).all();
                    self.pending.d.next = self.new_pages.val();
                }
                if self.ends.val() {
                    self.pending.d.next = 0.into();
                }
                if self.loads.val() {
                    self.giving.d.next = true;
                }
                if self.full.q.val() & self.pending.q.val().any() & !self.active.val() & !self.ends.val() {
                    comment!("All have ended: count the records that were really made.");
                    self.given.d.next = self.records_made.val();
                    self.full.d.next = self.records_made.val() >= self.records.q.val();
                    if self.records_made.val() >= self.records.q.val() {
                        self.partial_r.d.next = true;
                        self.next_page.d.next = self.group_page.val();
                    }
                }
                if (self.find.q.val() == FindState::End)
                    & !self.giving.q.val()
                    & !self.asked_groups.out_valid.val()
                    & !self.next_asked.out_valid.val()
                {
                    if !self.ends.val() {
                        self.next_page.d.next = self.end_page.q.val();
                    }
                    self.state.d.next = WalkState::Finish;
                }
            }
            WalkState::Finish => {
                if !self.active.val() & !self.returning.q.val() & !self.wrong_state.val() {
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
            "MAP and UNMAP have one page under way, the one before the next: a timeout of it, now or earlier, is where they stop."
        );
        if self.serial.val() & self.times_out.val() & (self.state.q.val() != WalkState::Idle) {
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

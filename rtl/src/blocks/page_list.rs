//! Which pages have something: one byte per page, in device memory behind the descriptors.
//!
//! # Operation
//! *Changes*: the pipeline says when a page gets its first dirty, owned or accessed line, and when a page slot leaves it without
//! any; its descriptor has the same bit (`LISTED`), so each change is told once. Neighbours that change alike share a write:
//! 32 open lines, each in its own place, collect them until a page of another line or another change needs the place, or
//! somebody reads the group.
//! *Reads*: the walk names a group and gets its 512 bytes as eight words of a bit per page. Every page that was set before
//! that is written first; memory has answered it before the read leaves. One that was cleared may still show: its page slot
//! then finds nothing. A line that cannot be read counts as all set.
//!
//! # Bounds
//! A change cannot wait. `room` says that the queue of 32 has a place for every slot in the pipeline: 14, ten slots, and the
//! eight lines of a group that is closed, are 32. It also keeps the writes without an answer at 240 or less, which the counts
//! modulo 256 can tell apart. It comes back as fast as device memory takes writes and answers them, and waits for nothing else.
//!
//! # Timing
//! Group taken to first read: 10 cycles if no set must be written. Eight reads in eight cycles.

use super::transpose::Transpose;
use super::types::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;

/// Pages of one line of the list that change alike.
#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
pub struct ListChangeBits {
    /// Line of the list.
    pub line: Bits<LIST_BITS>,
    /// Which of its 64 pages.
    pub pages: Bits<64>,
    /// They have something now.
    pub set: Bit,
}

/// What the reader does.
#[derive(Copy, Clone, Debug, PartialEq, LogicState)]
pub enum ListState {
    /// Takes a group.
    Idle,
    /// Closes the open lines of the group, one per cycle.
    Close,
    /// Notes the last set.
    Mark,
    /// Waits until it is written.
    Wait,
    /// Reads.
    Read,
}

/// Writes and reads the page list.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct PageList {
    /// The clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset: nothing is under way.
    pub rst: Signal<In, Bit>,
    /// Where the list begins.
    pub base: Signal<In, Dpa>,
    /// The page gets its first line.
    pub set: Signal<In, Bit>,
    /// The page has no line any more.
    pub clear: Signal<In, Bit>,
    /// The page.
    pub page: Signal<In, Page>,
    /// Slots may enter the pipeline.
    pub room: Signal<Out, Bit>,

    /// Read a group.
    pub group_valid: Signal<In, Bit>,
    /// It is taken.
    pub group_ready: Signal<Out, Bit>,
    /// The group.
    pub group: Signal<In, Bits<GROUP_BITS>>,
    /// The next word of the oldest group is there: eight of each, in order.
    pub word_valid: Signal<Out, Bit>,
    /// It is taken.
    pub word_ready: Signal<In, Bit>,
    /// A bit per page.
    pub word: Signal<Out, Bits<64>>,

    /// A line of the list is to be read.
    pub read_valid: Signal<Out, Bit>,
    /// The read is taken.
    pub read_ready: Signal<In, Bit>,
    /// From where.
    pub read_address: Signal<Out, Dpa>,
    /// It arrives; lines arrive in order.
    pub read_data_valid: Signal<In, Bit>,
    /// The line.
    pub read_data: Signal<In, Bits<512>>,
    /// It could not be read.
    pub read_error: Signal<In, Bit>,
    /// Bytes of a line are to be written.
    pub write_valid: Signal<Out, Bit>,
    /// They are taken.
    pub write_ready: Signal<In, Bit>,
    /// Where.
    pub write_address: Signal<Out, Dpa>,
    /// Which bytes.
    pub write_strobe: Signal<Out, Bits<64>>,
    /// The line.
    pub write_data: Signal<Out, Bits<512>>,
    /// A write was answered; in order.
    pub write_done: Signal<In, Bit>,

    state: Reg<ListState>,
    // The change of the cycle before.
    set_r: Reg<Bit>,
    changes_r: Reg<Bit>,
    page_r: Reg<Page>,
    room_r: Reg<Bit>,
    // Two copies: one for changes, one for the reader.
    open: LutRam<ListChangeBits, 5>,
    open_too: LutRam<ListChangeBits, 5>,
    open_valid: Reg<Bits<32>>,
    queue: Fifo<ListChangeBits, 5>,
    next: Skid<ListChangeBits>,
    // Writes queued and answered, modulo 256; the last one that sets pages, and whether it is unanswered.
    told: Reg<Bits<8>>,
    written: Reg<Bits<8>>,
    last_set: Reg<Bits<8>>,
    set_waits: Reg<Bit>,
    until: Reg<Bits<8>>,
    behind: Reg<Bit>,
    group_r: Reg<Bits<GROUP_BITS>>,
    next_line: Reg<Bits<3>>,
    words: Fifo<Bits<64>, 4>,
    // Words that were asked for and not taken a cycle ago.
    left: Reg<Bits<5>>,
    popped: Reg<Bit>,
    gather: Transpose<512, 64>,
    changes: Signal<Local, Bit>,
    bit_now: Signal<Local, Bits<64>>,
    change_line: Signal<Local, Bits<LIST_BITS>>,
    read_line: Signal<Local, Bits<LIST_BITS>>,
    place: Signal<Local, Bits<5>>,
    place_bit: Signal<Local, Bits<32>>,
    open_now: Signal<Local, ListChangeBits>,
    is_open: Signal<Local, Bit>,
    joins: Signal<Local, Bit>,
    displaces: Signal<Local, Bit>,
    opened: Signal<Local, ListChangeBits>,
    close_place: Signal<Local, Bits<5>>,
    close_bit: Signal<Local, Bits<32>>,
    close_now: Signal<Local, ListChangeBits>,
    may_close: Signal<Local, Bit>,
    closes: Signal<Local, Bit>,
    leaves: Signal<Local, Bit>,
    leaving: Signal<Local, ListChangeBits>,
    unanswered: Signal<Local, Bits<8>>,
    answered: Signal<Local, Bits<8>>,
    head: Signal<Local, ListChangeBits>,
    takes: Signal<Local, Bit>,
    pops: Signal<Local, Bit>,
}

impl Logic for PageList {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module page_list");
        dff_setup!(
            self, clk, state, set_r, changes_r, page_r, room_r, open_valid, told, written, last_set,
            set_waits, until, behind, group_r, next_line, left, popped
        );
        self.queue.clk.next = self.clk.val();
        self.queue.rst.next = self.rst.val();
        self.next.clk.next = self.clk.val();
        self.next.rst.next = self.rst.val();
        self.words.clk.next = self.clk.val();
        self.open.clock.next = self.clk.val();
        self.open_too.clock.next = self.clk.val();
        self.words.rst.next = self.rst.val();

        comment!("Changes: joined to the open line, or put in the place of another.");
        self.set_r.d.next = self.set.val();
        self.changes_r.d.next = self.set.val() | self.clear.val();
        self.page_r.d.next = self.page.val();
        self.changes.next = self.changes_r.q.val();
        self.bit_now.next = bits::<64>(1) << self.page_r.q.val().get_bits::<6>(0);
        self.change_line.next = self.page_r.q.val().get_bits::<LIST_BITS>(6);
        self.read_line.next = (bit_cast::<LIST_BITS, GROUP_BITS>(self.group_r.q.val()) << 3)
            | bit_cast::<LIST_BITS, 3>(self.next_line.q.val());
        self.place.next = self.change_line.val().get_bits::<5>(0);
        self.place_bit.next = bits::<32>(1) << self.place.val();
        self.open.read_address.next = self.place.val();
        self.open_now.next = self.open.read_data.val();
        self.is_open.next = (self.open_valid.q.val() & self.place_bit.val()).any();
        self.joins.next = self.is_open.val()
            & (self.open_now.val().line == self.change_line.val())
            & (self.open_now.val().set == self.set_r.q.val());
        self.displaces.next = self.changes.val() & self.is_open.val() & !self.joins.val();
        self.open.write_enable.next = self.changes.val();
        self.open.write_address.next = self.place.val();
        self.opened.next.line = self.change_line.val();
        self.opened.next.set = self.set_r.q.val();
        self.opened.next.pages = self.bit_now.val();
        if self.joins.val() {
            self.opened.next.pages = self.open_now.val().pages | self.bit_now.val();
        }
        self.open.write_data.next = self.opened.val();
        self.open_too.write_enable.next = self.changes.val();
        self.open_too.write_address.next = self.place.val();
        self.open_too.write_data.next = self.opened.val();

        comment!("The reader closes the open lines of its group that set pages, between changes.");
        self.close_place.next = self.read_line.val().get_bits::<5>(0);
        self.close_bit.next = bits::<32>(1) << self.close_place.val();
        self.open_too.read_address.next = self.close_place.val();
        self.close_now.next = self.open_too.read_data.val();
        self.may_close.next = (self.state.q.val() == ListState::Close)
            & !self.displaces.val()
            & !(self.changes.val() & (self.place.val() == self.close_place.val()));
        self.closes.next = self.may_close.val()
            & (self.open_valid.q.val() & self.close_bit.val()).any()
            & (self.close_now.val().line == self.read_line.val())
            & self.close_now.val().set;
        self.leaves.next = self.displaces.val() | self.closes.val();
        self.leaving.next = self.open_now.val();
        if self.closes.val() {
            self.leaving.next = self.close_now.val();
        }
        self.open_valid.d.next = self.open_valid.q.val();
        if self.changes.val() & self.closes.val() {
            self.open_valid.d.next = (self.open_valid.q.val() | self.place_bit.val()) & !self.close_bit.val();
        } else if self.changes.val() {
            self.open_valid.d.next = self.open_valid.q.val() | self.place_bit.val();
        } else if self.closes.val() {
            self.open_valid.d.next = self.open_valid.q.val() & !self.close_bit.val();
        }
        self.queue.in_valid.next = self.leaves.val();
        self.queue.in_data.next = self.leaving.val();
        if self.leaves.val() {
            self.told.d.next = self.told.q.val() + 1;
        }
        self.unanswered.next = self.told.q.val() - self.written.q.val();
        comment!("What was counted a cycle ago: one more may be on its way.");
        self.room_r.d.next = (self.queue.count.val() < 15) & (self.unanswered.val() < 223);
        self.room.next = self.room_r.q.val();

        comment!("Writes.");
        self.next.in_valid.next = self.queue.out_valid.val();
        self.next.in_data.next = self.queue.out_data.val();
        self.queue.out_ready.next = self.next.in_ready.val();
        self.head.next = self.next.out_data.val();
        self.write_valid.next = self.next.out_valid.val();
        self.next.out_ready.next = self.write_ready.val();
        self.write_address.next =
            self.base.val() + (bit_cast::<DPA_BITS, LIST_BITS>(self.head.val().line) << 6);
        self.write_strobe.next = self.head.val().pages;
        self.write_data.next = 0.into();
        if self.head.val().set {
            self.write_data.next = !bits::<512>(0);
        }
        self.answered.next = self.written.q.val() + 1;
        if self.write_done.val() {
            self.written.d.next = self.answered.val();
            if self.answered.val() == self.last_set.q.val() {
                self.set_waits.d.next = false;
            }
            if self.answered.val() == self.until.q.val() {
                self.behind.d.next = false;
            }
        }
        if self.leaves.val() & self.leaving.val().set {
            self.last_set.d.next = self.told.q.val() + 1;
            self.set_waits.d.next = true;
        }

        comment!("Reads: behind all that was set before.");
        self.group_ready.next = (self.state.q.val() == ListState::Idle) & (self.left.q.val() <= 8);
        self.read_valid.next = self.state.q.val() == ListState::Read;
        self.read_address.next =
            self.base.val() + (bit_cast::<DPA_BITS, LIST_BITS>(self.read_line.val()) << 6);
        self.takes.next =
            self.group_valid.val() & (self.state.q.val() == ListState::Idle) & (self.left.q.val() <= 8);
        match self.state.q.val() {
            ListState::Idle => {
                if self.takes.val() {
                    self.group_r.d.next = self.group.val();
                    self.next_line.d.next = 0.into();
                    self.state.d.next = ListState::Close;
                }
            }
            ListState::Close => {
                if self.may_close.val() {
                    self.next_line.d.next = self.next_line.q.val() + 1;
                    if self.next_line.q.val().all() {
                        self.state.d.next = ListState::Mark;
                    }
                }
            }
            ListState::Mark => {
                self.until.d.next = self.last_set.q.val();
                self.behind.d.next = self.set_waits.q.val()
                    & !(self.write_done.val() & (self.answered.val() == self.last_set.q.val()));
                self.state.d.next = ListState::Wait;
            }
            ListState::Wait => {
                if !self.behind.q.val() {
                    self.state.d.next = ListState::Read;
                }
            }
            ListState::Read => {
                if self.read_ready.val() {
                    self.next_line.d.next = self.next_line.q.val() + 1;
                    if self.next_line.q.val().all() {
                        self.state.d.next = ListState::Idle;
                    }
                }
            }
            _ => {
                self.state.d.next = ListState::Idle;
            }
        }
        self.gather.row.next = self.read_data.val();
        self.words.in_valid.next = self.read_data_valid.val();
        self.words.in_data.next = self.gather.masks.val().get_bits::<64>(0);
        if self.read_error.val() {
            self.words.in_data.next = !bits::<64>(0);
        }
        self.word_valid.next = self.words.out_valid.val();
        self.word.next = self.words.out_data.val();
        self.words.out_ready.next = self.word_ready.val();
        self.pops.next = self.words.out_valid.val() & self.word_ready.val();
        self.popped.d.next = self.pops.val();
        self.left.d.next = self.left.q.val() + (bit_cast::<5, 1>(self.takes.val().into()) << 3)
            - bit_cast::<5, 1>(self.popped.q.val().into());
    }
}

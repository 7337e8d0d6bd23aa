//! Slots whose descriptor is not in the cache: fetches it from device memory and brings them back in order.
//!
//! # Operation
//! A diverted slot is chained to the entry of its page, or takes a new one. The descriptor is read; then either
//!
//! * a *fill* puts it into the cache, and the page's slots are *replayed*, in the order in which they came. Four pages can be in
//!   this state; new slots of these pages are held back by the arbiter, which lets those that are in the pipeline join the chain
//!   before the first replay and none after it; or
//! * if the only slot is a page slot of a command, it is decided on the descriptor as it *passes*: a walk over many pages does
//!   not push the host's descriptors out of the cache. If others have come meanwhile, the descriptor is fetched again.
//!
//! A displaced descriptor that was changed waits in the victim buffer until memory has it; a page that is in the buffer is not
//! fetched before.
//!
//! *Tables*: `init` clears the descriptors of the window in device memory and the page list behind them, or takes them as
//! cleared.
//!
//! # Bounds
//! An entry waits for device memory, for its turn to fill and for its replays: for nothing else. `room` says that a place is
//! left for every slot that may be in the pipeline; `room_low` keeps a quarter of the places for writes.
//!
//! # Timing
//! Diverted slot to read: 5 cycles, one per cycle. Up to 64 pages under way. A page costs its fill, at most one in two cycles, and
//! a slot per replay. Both are offered from registers.

use super::miss_entries::MissEntries;
use super::types::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;
use tideline_abi::descriptor::page_state;
use tideline_abi::geometry::PAGE_BITS;
use tideline_abi::slot::slot_kind;

/// A descriptor on its way to device memory.
#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
pub struct VictimBits {
    /// Its page.
    pub page: Page,
    /// The descriptor.
    pub data: Bits<512>,
}

/// A descriptor that may be read.
#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
pub struct FetchBits {
    /// The entry that wants it.
    pub entry: Bits<ENTRY_BITS>,
    /// Where it is.
    pub address: Dpa,
}

/// Fetches descriptors and chains slots; `SETS` is the number of bits that select a set of the cache.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct MissUnit<const SETS: usize> {
    /// The clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset: nothing is under way, the tables are unknown.
    pub rst: Signal<In, Bit>,
    /// DESCRIPTOR_BASE, the frame; it counts when `init` comes.
    pub base: Signal<In, Frame>,
    /// Prepare the tables; ignored if they are ready or being prepared.
    pub init: Signal<In, Bit>,
    /// They are zero already.
    pub init_zeroed: Signal<In, Bit>,
    /// Pages of the window.
    pub init_pages: Signal<In, Bits<32>>,
    /// The tables are ready.
    pub tables: Signal<Out, Bit>,
    /// Pages that they have room for.
    pub table_pages: Signal<Out, Bits<32>>,
    /// Where the descriptors end and the page list begins.
    pub list_base: Signal<Out, Dpa>,

    /// A slot is diverted.
    pub miss_valid: Signal<In, Bit>,
    /// The slot.
    pub miss_slot: Signal<In, SlotBits>,
    /// Page of the slot three stages behind the one that may be diverted now.
    pub look_page: Signal<In, Page>,
    /// Which of the slots three, two and one stage behind (bits 0, 1, 2) have the page of that one.
    pub joins: Signal<In, Bits<3>>,
    /// Slots wait of the page of the slot two stages behind.
    pub look_waits: Signal<Out, Bit>,
    /// There is a place for a write.
    pub room: Signal<Out, Bit>,
    /// There is a place for a request or a page slot.
    pub room_low: Signal<Out, Bit>,

    /// A fill or a pass is offered.
    pub fill_valid: Signal<Out, Bit>,
    /// Its slot; of a fill only the page counts.
    pub fill_slot: Signal<Out, SlotBits>,
    /// How it enters.
    pub fill_entry: Signal<Out, EntryBits>,
    /// It enters the pipeline.
    pub fill_granted: Signal<In, Bit>,
    /// A replay is offered.
    pub replay_valid: Signal<Out, Bit>,
    /// Its slot.
    pub replay_slot: Signal<Out, SlotBits>,
    /// It enters the pipeline.
    pub replay_granted: Signal<In, Bit>,
    /// Which of four pages are held.
    pub hold: Signal<Out, Bits<4>>,
    /// The held pages.
    pub hold_page: [Signal<Out, Page>; 4],

    /// Entry whose descriptor is wanted.
    pub data_entry: Signal<In, Bits<ENTRY_BITS>>,
    /// The descriptor, one cycle later.
    pub data: Signal<Out, Bits<512>>,
    /// A fill or pass has ended.
    pub done: Signal<In, Bit>,
    /// It was a pass.
    pub done_pass: Signal<In, Bit>,
    /// Its entry.
    pub done_entry: Signal<In, Bits<ENTRY_BITS>>,
    /// It hands out a descriptor to be written.
    pub evict: Signal<In, Bit>,
    /// Its page.
    pub evict_page: Signal<In, Page>,
    /// The descriptor.
    pub evict_data: Signal<In, Bits<512>>,

    /// A descriptor is to be read.
    pub read_valid: Signal<Out, Bit>,
    /// The read is taken.
    pub read_ready: Signal<In, Bit>,
    /// From where.
    pub read_address: Signal<Out, Dpa>,
    /// It arrives; descriptors arrive in order.
    pub read_data_valid: Signal<In, Bit>,
    /// The descriptor.
    pub read_data: Signal<In, Bits<512>>,
    /// It could not be read: the page counts as poisoned.
    pub read_error: Signal<In, Bit>,
    /// A line is to be written.
    pub write_valid: Signal<Out, Bit>,
    /// It is taken.
    pub write_ready: Signal<In, Bit>,
    /// Where it goes.
    pub write_address: Signal<Out, Dpa>,
    /// The line.
    pub write_data: Signal<Out, Bits<512>>,
    /// A line was written; in order.
    pub write_done: Signal<In, Bit>,

    entries: MissEntries,
    chain: LutRam<SlotBits, CHAIN_BITS>,
    next: LutRam<Bits<CHAIN_BITS>, CHAIN_BITS>,
    places: Fifo<Bits<CHAIN_BITS>, CHAIN_BITS>,
    place_count: Reg<Bits<8>>,
    used: Reg<Bits<7>>,
    room_r: Reg<Bit>,
    room_low_r: Reg<Bit>,
    // A slot that is chained: behind which one.
    links: Reg<Bit>,
    link_from: Reg<Bits<CHAIN_BITS>>,
    link_to: Reg<Bits<CHAIN_BITS>>,
    fetch: Fifo<Bits<ENTRY_BITS>, ENTRY_BITS>,
    // The entry to be fetched: its page is looked for among the victims.
    fetch_looks: Reg<Bit>,
    fetch_entry: Reg<Bits<ENTRY_BITS>>,
    fetch_page: Reg<Page>,
    // The one that may be fetched as soon as none of these victims is left.
    fetch_waits: Reg<Bit>,
    fetch_read: Reg<FetchBits>,
    fetch_victims: Reg<Bits<32>>,
    reads: Skid<FetchBits>,
    fetching: Fifo<Bits<ENTRY_BITS>, ENTRY_BITS>,
    fetched: Fifo<Bits<ENTRY_BITS>, ENTRY_BITS>,
    // The entry to be filled or passed.
    fill_looks: Reg<Bit>,
    fill_look: Reg<Bits<ENTRY_BITS>>,
    fill_look_page: Reg<Page>,
    fill_look_head: Reg<Bits<CHAIN_BITS>>,
    descriptors: Ram<Bits<512>, ENTRY_BITS>,
    victims: Fifo<VictimBits, 5>,
    victim_valid: Reg<Bits<32>>,
    victim_pages: Cam<Page, 5, 32>,
    victim_in: Reg<Bits<5>>,
    victim_out: Reg<Bits<5>>,
    victims_used: Reg<Bits<6>>,
    hold_r: Reg<Bits<4>>,
    hold_pages: [Reg<Page>; 4],
    hold_entries: [Reg<Bits<ENTRY_BITS>>; 4],
    hold_ages: [Reg<Bits<4>>; 4],
    hold_in: Reg<Bits<2>>,
    hold_out: Reg<Bits<2>>,
    // The held page that is replayed next, and what is left of the one whose turn it is.
    replay_turn: Reg<Bits<2>>,
    replaying: Reg<Bit>,
    replay_entry: Reg<Bits<ENTRY_BITS>>,
    replay_head: Reg<Bits<CHAIN_BITS>>,
    replay_tail: Reg<Bits<CHAIN_BITS>>,
    // The fill or pass on offer, and the replay.
    fill_valid_r: Reg<Bit>,
    fill_slot_r: Reg<SlotBits>,
    fill_passes_r: Reg<Bit>,
    fill_entry_r: Reg<Bits<ENTRY_BITS>>,
    replay_valid_r: Reg<Bit>,
    replay_slot_r: Reg<SlotBits>,
    replay_last_r: Reg<Bit>,
    replay_entry_r: Reg<Bits<ENTRY_BITS>>,
    close_1: Reg<Bit>,
    close_2: Reg<Bit>,
    close_3: Reg<Bit>,
    close_4: Reg<Bit>,
    close_5: Reg<Bit>,
    close_entry_1: Reg<Bits<ENTRY_BITS>>,
    close_entry_2: Reg<Bits<ENTRY_BITS>>,
    close_entry_3: Reg<Bits<ENTRY_BITS>>,
    close_entry_4: Reg<Bits<ENTRY_BITS>>,
    close_entry_5: Reg<Bits<ENTRY_BITS>>,
    ready: Reg<Bit>,
    clearing: Reg<Bit>,
    // Lines to be cleared: the next one, how many are not under way, whether any is, how many are not written.
    clear_next: Reg<Bits<32>>,
    clear_rest: Reg<Bits<32>>,
    clear_more: Reg<Bit>,
    clear_left: Reg<Bits<32>>,
    pages: Reg<Bits<32>>,
    base_r: Reg<Frame>,
    list_base_r: Reg<Dpa>,

    allocates: Signal<Local, Bit>,
    appends: Signal<Local, Bit>,
    may_pass: Signal<Local, Bit>,
    fetch_behind: Signal<Local, Bits<32>>,
    fetch_goes: Signal<Local, Bit>,
    fetch_moves: Signal<Local, Bit>,
    fetch_looked: Signal<Local, Bit>,
    fetch_issue: Signal<Local, Bit>,
    fill_looked: Signal<Local, Bit>,
    fill_clash: Signal<Local, Bit>,
    fill_next: Signal<Local, Bit>,
    fill_page: Signal<Local, Page>,
    replay_next: Signal<Local, Bit>,
    hold_free: Signal<Local, Bit>,
    replay_first: Signal<Local, Bits<ENTRY_BITS>>,
    replay_starts: Signal<Local, Bit>,
    replay_ends: Signal<Local, Bit>,
    pass_done: Signal<Local, Bit>,
    pass_close: Signal<Local, Bit>,
    pass_again: Signal<Local, Bit>,
    close_last: Signal<Local, Bit>,
    push_fill: Signal<Local, Bit>,
    set_in: Signal<Local, Bits<32>>,
    set_out: Signal<Local, Bits<32>>,
    hold_next: Signal<Local, Bits<4>>,
    victims_left: Signal<Local, Bits<6>>,
    hold_set: Signal<Local, Bits<4>>,
    hold_clear: Signal<Local, Bits<4>>,
    victim_push: Signal<Local, Bit>,
    dropped: Signal<Local, Bit>,
    victim_pop: Signal<Local, Bit>,
    fill_places: Signal<Local, Bit>,
    frees_place: Signal<Local, Bit>,
    leaving: Signal<Local, Bits<CHAIN_BITS>>,
    base_address: Signal<Local, Dpa>,
    clear_issue: Signal<Local, Bit>,
    all_lines: Signal<Local, Bits<32>>,
}

impl<const SETS: usize> Logic for MissUnit<SETS> {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module miss_unit");
        dff_setup!(
            self,
            clk,
            place_count,
            used,
            room_r,
            room_low_r,
            links,
            link_from,
            link_to,
            fetch_looks,
            fetch_entry,
            fetch_page,
            fetch_waits,
            fetch_read,
            fetch_victims,
            fill_looks,
            fill_look,
            fill_look_page,
            fill_look_head,
            replay_turn,
            replaying,
            replay_entry,
            replay_head,
            replay_tail,
            replay_entry_r,
            victim_valid,
            victim_in,
            victim_out,
            victims_used,
            hold_r,
            hold_in,
            hold_out,
            close_1,
            close_2,
            close_3,
            close_4,
            close_5,
            close_entry_1,
            close_entry_2,
            close_entry_3,
            close_entry_4,
            close_entry_5,
            fill_valid_r,
            fill_slot_r,
            fill_passes_r,
            fill_entry_r,
            replay_valid_r,
            replay_slot_r,
            replay_last_r,
            ready,
            clearing,
            clear_next,
            clear_rest,
            clear_more,
            clear_left,
            pages,
            base_r,
            list_base_r
        );
        self.chain.clock.next = self.clk.val();
        self.next.clock.next = self.clk.val();
        self.descriptors.clock.next = self.clk.val();
        self.places.clk.next = self.clk.val();
        self.places.rst.next = self.rst.val();
        self.fetch.clk.next = self.clk.val();
        self.fetch.rst.next = self.rst.val();
        self.reads.clk.next = self.clk.val();
        self.reads.rst.next = self.rst.val();
        self.fetching.clk.next = self.clk.val();
        self.fetching.rst.next = self.rst.val();
        self.fetched.clk.next = self.clk.val();
        self.fetched.rst.next = self.rst.val();
        self.victims.clk.next = self.clk.val();
        self.victims.rst.next = self.rst.val();
        self.base_address.next = bit_cast::<DPA_BITS, 26>(self.base_r.q.val()) << 12;

        comment!("The oldest held page is replayed when nothing of it is in the pipeline any more.");
        self.replay_first.next = 0.into();
        self.replay_starts.next = false;
        for i in 0..4 {
            if self.replay_turn.q.val().index() == i {
                self.replay_first.next = self.hold_entries[i].q.val();
                self.replay_starts.next = self.hold_r.q.val().get_bit(i)
                    & self.hold_ages[i].q.val().get_bit(3)
                    & !self.replaying.q.val();
            }
        }
        self.replay_ends.next = self.replay_head.q.val() == self.replay_tail.q.val();

        comment!("The entries.");
        self.entries.clk.next = self.clk.val();
        self.entries.rst.next = self.rst.val();
        self.entries.look_page.next = self.look_page.val();
        self.entries.joins.next = self.joins.val();
        self.look_waits.next = self.entries.look_waits.val();
        self.entries.fetch_entry.next = self.fetch.out_data.val();
        self.entries.fetched_entry.next = self.fetched.out_data.val();
        self.entries.fill_entry.next = self.fill_look.q.val();
        self.entries.replay_entry.next = self.replay_first.val();
        self.entries.done_entry.next = self.done_entry.val();

        comment!("A diverted slot joins the chain of its page, or begins one.");
        self.may_pass.next =
            self.miss_slot.val().kind.get_bit(3) & (self.miss_slot.val().kind != slot_kind::MERGE);
        self.appends.next = self.miss_valid.val() & self.entries.found.val();
        self.allocates.next = self.miss_valid.val() & !self.entries.found.val();
        self.chain.write_enable.next = self.miss_valid.val();
        self.chain.write_address.next = self.places.out_data.val();
        self.chain.write_data.next = self.miss_slot.val();
        self.links.d.next = self.appends.val() & self.entries.behind.val();
        self.link_from.d.next = self.entries.found_tail.val();
        self.link_to.d.next = self.places.out_data.val();
        self.next.write_enable.next = self.links.q.val();
        self.next.write_address.next = self.link_from.q.val();
        self.next.write_data.next = self.link_to.q.val();

        comment!("Fill or pass: with room for what may have to be written back.");
        self.fill_clash.next = false;
        for i in 0..4 {
            if self.hold_r.q.val().get_bit(i)
                & (self.hold_pages[i].q.val().get_bits::<SETS>(0)
                    == self.fill_look_page.q.val().get_bits::<SETS>(0))
            {
                self.fill_clash.next = true;
            }
        }
        self.hold_free.next = !self.hold_r.q.val().get_bit(self.hold_in.q.val().index());
        self.fill_next.next = self.fill_looks.q.val()
            & !self.fill_valid_r.q.val()
            & !self.replaying.q.val()
            & (self.victims_used.q.val() < 32)
            & (self.entries.fill_passes.val() | (self.hold_free.val() & !self.fill_clash.val()));
        self.entries.take.next = self.fill_next.val() & self.entries.fill_passes.val();
        self.fill_looked.next = !self.fill_looks.q.val() | self.fill_next.val();
        self.fetched.out_ready.next = self.fill_looked.val();
        if self.fill_looked.val() {
            self.fill_looks.d.next = self.fetched.out_valid.val();
            self.fill_look.d.next = self.fetched.out_data.val();
            self.fill_look_page.d.next = self.entries.fetched_page.val();
            self.fill_look_head.d.next = self.entries.fetched_head.val();
        }
        self.fill_valid_r.d.next =
            self.fill_next.val() | (self.fill_valid_r.q.val() & !self.fill_granted.val());
        if self.fill_next.val() {
            self.fill_slot_r.d.next = self.chain.read_data.val();
            self.fill_slot_r.d.next.page = self.fill_look_page.q.val();
            self.fill_passes_r.d.next = self.entries.fill_passes.val();
            self.fill_entry_r.d.next = self.fill_look.q.val();
        }
        self.fill_valid.next = self.fill_valid_r.q.val();
        self.fill_slot.next = self.fill_slot_r.q.val();
        self.fill_page.next = self.fill_slot_r.q.val().page;
        self.fill_entry.next.replay = false;
        self.fill_entry.next.fill = !self.fill_passes_r.q.val();
        self.fill_entry.next.pass = self.fill_passes_r.q.val();
        self.fill_entry.next.entry = self.fill_entry_r.q.val();

        comment!("Places: filled once after reset, then those of slots that have left.");
        self.fill_places.next = !self.place_count.q.val().get_bit(7);
        if self.fill_places.val() {
            self.place_count.d.next = self.place_count.q.val() + 1;
        }
        self.replay_next.next =
            self.replaying.q.val() & (!self.replay_valid_r.q.val() | self.replay_granted.val());
        if self.replay_starts.val() {
            self.replay_turn.d.next = self.replay_turn.q.val() + 1;
            self.replaying.d.next = true;
            self.replay_entry.d.next = self.replay_first.val();
            self.replay_head.d.next = self.entries.replay_head.val();
            self.replay_tail.d.next = self.entries.replay_tail.val();
        } else if self.replay_next.val() {
            self.replaying.d.next = !self.replay_ends.val();
            self.replay_head.d.next = self.next.read_data.val();
        }
        self.frees_place.next = self.replay_next.val() | self.entries.take.val();
        self.places.in_valid.next = self.fill_places.val() | self.frees_place.val();
        self.leaving.next = self.fill_look_head.q.val();
        if self.replaying.q.val() {
            self.leaving.next = self.replay_head.q.val();
        }
        self.places.in_data.next = self.leaving.val();
        if self.fill_places.val() {
            self.places.in_data.next = self.place_count.q.val().get_bits::<CHAIN_BITS>(0);
        }
        self.places.out_ready.next = self.miss_valid.val();
        comment!("What was counted a cycle ago: one more may be on its way.");
        self.room_r.d.next = (self.places.count.val() > 9) & (self.used.q.val() < 55);
        self.room_low_r.d.next = (self.places.count.val() > 41) & (self.used.q.val() < 39);
        self.room.next = self.room_r.q.val();
        self.room_low.next = self.room_low_r.q.val();

        comment!("Fetch: not while memory has not got the last write-back of the page.");
        self.victim_pages.key_a.next = self.fetch_page.q.val();
        self.victim_pages.key_b.next = self.fetch_page.q.val();
        self.fetch_behind.next = self.fetch_victims.q.val() & self.victim_valid.q.val();
        self.fetch_goes.next =
            self.fetch_waits.q.val() & !self.fetch_behind.val().any() & self.reads.in_ready.val();
        self.fetch_moves.next = !self.fetch_waits.q.val() | self.fetch_goes.val();
        self.fetch_looked.next = !self.fetch_looks.q.val() | self.fetch_moves.val();
        self.fetch.out_ready.next = self.fetch_looked.val();
        if self.fetch_looked.val() {
            self.fetch_looks.d.next = self.fetch.out_valid.val();
            self.fetch_entry.d.next = self.fetch.out_data.val();
            self.fetch_page.d.next = self.entries.fetch_page.val();
        }
        self.fetch_victims.d.next = self.fetch_behind.val();
        if self.fetch_moves.val() {
            self.fetch_waits.d.next = self.fetch_looks.q.val();
            self.fetch_read.d.next.entry = self.fetch_entry.q.val();
            self.fetch_read.d.next.address =
                self.base_address.val() + (bit_cast::<DPA_BITS, PAGE_BITS>(self.fetch_page.q.val()) << 6);
            self.fetch_victims.d.next = self.victim_valid.q.val() & self.victim_pages.match_a.val();
        }
        self.reads.in_valid.next = self.fetch_waits.q.val() & !self.fetch_behind.val().any();
        self.reads.in_data.next = self.fetch_read.q.val();
        self.read_valid.next = self.reads.out_valid.val();
        self.read_address.next = self.reads.out_data.val().address;
        self.reads.out_ready.next = self.read_ready.val();
        self.fetch_issue.next = self.reads.out_valid.val() & self.read_ready.val();
        self.fetching.in_valid.next = self.fetch_issue.val();
        self.fetching.in_data.next = self.reads.out_data.val().entry;
        self.fetching.out_ready.next = self.read_data_valid.val();
        self.descriptors.write_enable.next = self.read_data_valid.val();
        self.descriptors.write_address.next = self.fetching.out_data.val();
        self.descriptors.write_data.next = self.read_data.val();
        if self.read_error.val() {
            self.descriptors.write_data.next = bits::<512>(page_state::POI);
        }
        self.descriptors.read_address.next = self.data_entry.val();
        self.data.next = self.descriptors.read_data.val();
        self.fetched.in_valid.next = self.read_data_valid.val();
        self.fetched.in_data.next = self.fetching.out_data.val();

        comment!("A page is held from its fill to its last replay.");
        self.push_fill.next = self.fill_granted.val() & !self.fill_passes_r.q.val();
        self.replay_valid_r.d.next =
            self.replay_next.val() | (self.replay_valid_r.q.val() & !self.replay_granted.val());
        if self.replay_next.val() {
            self.replay_slot_r.d.next = self.chain.read_data.val();
            self.replay_last_r.d.next = self.replay_ends.val();
            self.replay_entry_r.d.next = self.replay_entry.q.val();
        }
        self.replay_valid.next = self.replay_valid_r.q.val();
        self.replay_slot.next = self.replay_slot_r.q.val();
        self.chain.read_address.next = self.leaving.val();
        self.next.read_address.next = self.replay_head.q.val();
        self.close_last.next = self.replay_granted.val() & self.replay_last_r.q.val();
        comment!("Its page is noted while the fill is on offer; who is granted is known late.");
        self.hold_next.next = 0.into();
        if self.hold_free.val() {
            self.hold_next.next = bits::<4>(1) << self.hold_in.q.val();
        }
        self.hold_set.next = 0.into();
        if self.push_fill.val() {
            self.hold_set.next = bits::<4>(1) << self.hold_in.q.val();
            self.hold_in.d.next = self.hold_in.q.val() + 1;
        }
        self.hold_clear.next = 0.into();
        if self.close_last.val() {
            self.hold_clear.next = bits::<4>(1) << self.hold_out.q.val();
            self.hold_out.d.next = self.hold_out.q.val() + 1;
        }
        self.hold_r.d.next = (self.hold_r.q.val() | self.hold_set.val()) & !self.hold_clear.val();
        self.hold.next = self.hold_r.q.val();
        for i in 0..4 {
            self.hold_pages[i].clock.next = self.clk.val();
            self.hold_pages[i].reset.next = self.rst.val();
            self.hold_pages[i].d.next = self.hold_pages[i].q.val();
            self.hold_entries[i].clock.next = self.clk.val();
            self.hold_entries[i].reset.next = self.rst.val();
            self.hold_entries[i].d.next = self.hold_entries[i].q.val();
            self.hold_ages[i].clock.next = self.clk.val();
            self.hold_ages[i].reset.next = self.rst.val();
            self.hold_ages[i].d.next = self.hold_ages[i].q.val();
            if !self.hold_r.q.val().get_bit(i) {
                self.hold_ages[i].d.next = 0.into();
            } else if !self.hold_ages[i].q.val().get_bit(3) {
                self.hold_ages[i].d.next = self.hold_ages[i].q.val() + 1;
            }
            if self.hold_next.val().get_bit(i) {
                self.hold_pages[i].d.next = self.fill_page.val();
                self.hold_entries[i].d.next = self.fill_entry_r.q.val();
            }
            self.hold_page[i].next = self.hold_pages[i].q.val();
        }

        comment!(
            "An entry closes when its last replay is about to be decided: what enters behind that finds the descriptor."
        );
        self.close_1.d.next = self.close_last.val();
        self.close_entry_1.d.next = self.replay_entry_r.q.val();
        self.close_2.d.next = self.close_1.q.val();
        self.close_entry_2.d.next = self.close_entry_1.q.val();
        self.close_3.d.next = self.close_2.q.val();
        self.close_entry_3.d.next = self.close_entry_2.q.val();
        self.close_4.d.next = self.close_3.q.val();
        self.close_entry_4.d.next = self.close_entry_3.q.val();
        self.close_5.d.next = self.close_4.q.val();
        self.close_entry_5.d.next = self.close_entry_4.q.val();
        self.pass_done.next = self.done.val() & self.done_pass.val();
        self.pass_close.next = self.pass_done.val() & self.entries.done_empty.val();
        self.pass_again.next = self.pass_done.val() & !self.entries.done_empty.val();
        self.fetch.in_valid.next = self.allocates.val() | self.pass_again.val();
        self.fetch.in_data.next = self.entries.free_entry.val();
        if self.pass_again.val() {
            self.fetch.in_data.next = self.done_entry.val();
        }
        self.used.d.next = self.used.q.val() + bit_cast::<7, 1>(self.allocates.val().into())
            - bit_cast::<7, 1>(self.close_5.q.val().into())
            - bit_cast::<7, 1>(self.pass_close.val().into());
        self.entries.miss_valid.next = self.miss_valid.val();
        self.entries.miss_page.next = self.miss_slot.val().page;
        self.entries.miss_place.next = self.places.out_data.val();
        self.entries.miss_may_pass.next = self.may_pass.val();
        self.entries.replayed.next = self.close_5.q.val();
        self.entries.replayed_entry.next = self.close_entry_5.q.val();
        self.entries.done_close.next = self.pass_close.val();

        comment!("Victims: a place is kept for each fill and pass in the pipeline.");
        self.victim_push.next = self.done.val() & self.evict.val();
        self.victim_pop.next = self.write_done.val() & self.ready.q.val();
        self.dropped.next = self.done.val() & !self.evict.val();
        self.victims_left.next = self.victims_used.q.val()
            - bit_cast::<6, 1>(self.dropped.val().into())
            - bit_cast::<6, 1>(self.victim_pop.val().into());
        self.victims_used.d.next = self.victims_left.val();
        if self.fill_granted.val() {
            self.victims_used.d.next = self.victims_left.val() + 1;
        }
        self.victims.in_valid.next = self.victim_push.val();
        self.victims.in_data.next.page = self.evict_page.val();
        self.victims.in_data.next.data = self.evict_data.val();
        self.set_in.next = 0.into();
        if self.victim_push.val() {
            self.set_in.next = bits::<32>(1) << self.victim_in.q.val();
            self.victim_in.d.next = self.victim_in.q.val() + 1;
        }
        self.set_out.next = 0.into();
        if self.victim_pop.val() {
            self.set_out.next = bits::<32>(1) << self.victim_out.q.val();
            self.victim_out.d.next = self.victim_out.q.val() + 1;
        }
        self.victim_valid.d.next = (self.victim_valid.q.val() | self.set_in.val()) & !self.set_out.val();
        self.victim_pages.clock.next = self.clk.val();
        self.victim_pages.write_enable.next = self.victim_push.val();
        self.victim_pages.write_address.next = self.victim_in.q.val();
        self.victim_pages.write_data.next = self.evict_page.val();

        comment!(
            "The tables, and what is written. A group of 512 pages has eight lines of the page list, which are read together."
        );
        self.all_lines.next = self.init_pages.val() + (((self.init_pages.val() + 511) >> 9) << 3);
        self.tables.next = self.ready.q.val();
        self.table_pages.next = self.pages.q.val();
        self.list_base_r.d.next =
            self.base_address.val() + (bit_cast::<DPA_BITS, 32>(self.pages.q.val()) << 6);
        self.list_base.next = self.list_base_r.q.val();
        self.write_valid.next = self.victims.out_valid.val();
        self.victims.out_ready.next = self.write_ready.val() & !self.clearing.q.val();
        self.write_address.next = self.base_address.val()
            + (bit_cast::<DPA_BITS, PAGE_BITS>(self.victims.out_data.val().page) << 6);
        self.write_data.next = self.victims.out_data.val().data;
        self.clear_issue.next = self.clearing.q.val() & self.clear_more.q.val();
        if self.clearing.q.val() {
            self.write_valid.next = self.clear_issue.val();
            self.write_address.next =
                self.base_address.val() + (bit_cast::<DPA_BITS, 32>(self.clear_next.q.val()) << 6);
            self.write_data.next = 0.into();
            if self.clear_issue.val() & self.write_ready.val() {
                self.clear_next.d.next = self.clear_next.q.val() + 1;
                self.clear_rest.d.next = self.clear_rest.q.val() - 1;
                self.clear_more.d.next = self.clear_rest.q.val() != 1;
            }
            if self.write_done.val() {
                self.clear_left.d.next = self.clear_left.q.val() - 1;
            }
            if self.clear_left.q.val() == 0 {
                self.clearing.d.next = false;
                self.ready.d.next = true;
            }
        } else if self.init.val() & !self.ready.q.val() {
            self.base_r.d.next = self.base.val();
            self.pages.d.next = self.init_pages.val();
            self.clear_next.d.next = 0.into();
            self.clear_rest.d.next = self.all_lines.val();
            self.clear_more.d.next = self.all_lines.val() != 0;
            self.clear_left.d.next = self.all_lines.val();
            self.clearing.d.next = !self.init_zeroed.val();
            self.ready.d.next = self.init_zeroed.val();
        }
    }
}

//! The line pipeline: one slot per cycle looks up its page's descriptor, decides, and writes it back. Nothing stalls inside.
//!
//! Descriptors lie in device memory; here is a set-associative cache of them. On chip a descriptor is a control word, three
//! *marks* (`cached`; changed since it was filled in; listed) and a row of 64 lanes. A line slot writes one lane and the marks, a
//! page slot all of it.
//!
//! # Operation
//! * A *slot* whose page is in the cache commits. One whose page is not, or has slots waiting already, is diverted to the
//!   miss unit (`miss_valid`) and comes back later as a *replay*.
//! * A *fill* puts the descriptor that the miss unit fetched into the cache and hands out the one that it displaces.
//! * A *pass* decides a slot on a fetched descriptor and hands out what became of it; the cache does not notice.
//!
//! A write-back leaves (`evict_*`) only if the descriptor was changed.
//!
//! # Hazards
//! A slot reads its row in stage 3 and writes it in stage 7, so the four slots before it may still have to write: for line
//! operations their lane and marks are forwarded, of the slot before in stage 6, of the others in stage 5; row operations (page
//! slots, fills) are kept four slots apart by the arbiter. Only row operations write control words, so a line slot's verdict is
//! made of the control word as it was read. A fill writes its tag in stage 3, four slots before anybody may look for it.
//!
//! # Timing
//! A slot enters in cycle 0: 0 tags addressed, 1 tags out, 2 compare, 3 row addressed, 4 row out, 5 lane and verdict, 6 row
//! update, 7 result and write. One slot per cycle.

use super::lane_select::LaneSelect;
use super::resolve::Resolve;
use super::row_update::RowUpdate;
use super::transpose::Transpose;
use super::types::*;
use super::ways::{RowAddress, TagMatch, TagPick, TagSpread};
use crate::prim::*;
use rust_hdl_core::prelude::*;
use tideline_abi::descriptor::{control_bit, lane_bit, page_state};
use tideline_abi::geometry::PAGE_BITS;
use tideline_abi::slot::slot_kind;

/// Caches descriptors and commits slots.
///
/// `2^SETS` sets of `WAYS` ways; `TAGS = WAYS * TAG_ENTRY_BITS`; `2^ROWS` rows in all.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct DescriptorPipeline<const SETS: usize, const WAYS: usize, const TAGS: usize, const ROWS: usize> {
    /// The clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset: empties the cache.
    pub rst: Signal<In, Bit>,
    /// The cache is empty and may be used.
    pub ready: Signal<Out, Bit>,
    /// A slot enters.
    pub slot_valid: Signal<In, Bit>,
    /// The slot; of a fill only its page.
    pub slot: Signal<In, SlotBits>,
    /// How it enters.
    pub entry: Signal<In, EntryBits>,
    /// The slot that entered in the cycle before goes no further: it is as if it had not entered.
    pub retract: Signal<In, Bit>,
    /// The recall of its page timed out.
    pub timed_out: Signal<In, Bit>,
    /// CTRL.grant_exclusive.
    pub grant_exclusive: Signal<In, Bit>,

    /// A slot was committed.
    pub result_valid: Signal<Out, Bit>,
    /// The slot.
    pub result_slot: Signal<Out, SlotBits>,
    /// What it decided.
    pub result: Signal<Out, ResultBits>,
    /// CTRL.grant_exclusive as it decided.
    pub result_exclusive: Signal<Out, Bit>,
    /// Its page has got dirty, owned or accessed lines, or a page slot left some, or found it poisoned: then its descriptor
    /// could not be read, perhaps, and what it has nobody knows. The summary must say so.
    pub summary_set: Signal<Out, Bit>,
    /// Its page has got the first of them: the page list must say so.
    pub list: Signal<Out, Bit>,
    /// Its page has none any more.
    pub unlist: Signal<Out, Bit>,
    /// Dirty bit of the line after a line slot.
    pub result_dirty: Signal<Out, Bit>,
    /// Owned bit of the line after a line slot.
    pub result_owned: Signal<Out, Bit>,

    /// Page of the slot in stage 4.
    pub look_page: Signal<Out, Page>,
    /// Which of the slots in stages 4, 5 and 6 (bits 0, 1, 2) have the page of the one in stage 7.
    pub look_joins: Signal<Out, Bits<3>>,
    /// Slots of the page of the slot in stage 5 wait in the miss unit.
    pub look_waits: Signal<In, Bit>,
    /// A slot is diverted: its descriptor is not there, or slots of its page wait already.
    pub miss_valid: Signal<Out, Bit>,
    /// The slot.
    pub miss_slot: Signal<Out, SlotBits>,
    /// Entry of the fill or pass in stage 3.
    pub fill_entry: Signal<Out, Bits<ENTRY_BITS>>,
    /// The fetched descriptor of that entry, one cycle later.
    pub fill_data: Signal<In, Bits<512>>,
    /// A fill or pass has ended.
    pub fill_done: Signal<Out, Bit>,
    /// It was a pass.
    pub fill_pass: Signal<Out, Bit>,
    /// Its entry.
    pub fill_done_entry: Signal<Out, Bits<ENTRY_BITS>>,
    /// With `fill_done`: a descriptor must be written back.
    pub evict_valid: Signal<Out, Bit>,
    /// Its page.
    pub evict_page: Signal<Out, Page>,
    /// The descriptor.
    pub evict_data: Signal<Out, Bits<512>>,

    tags: LaneRam<TAGS, WAYS, SETS>,
    rows: LaneRam<ROW_BITS, 64, ROWS>,
    controls: Ram<ControlBits, ROWS>,
    marks: Ram<Bits<3>, ROWS>,
    tag_match: TagMatch<TAGS, WAYS>,
    tag_pick: TagPick<TAGS, WAYS>,
    tag_spread: TagSpread<TAGS, WAYS>,
    row_address: RowAddress<SETS, WAYS, ROWS>,
    to_masks: Transpose<ROW_BITS, 64>,
    to_lanes: Transpose<ROW_BITS, 3>,
    dirty_select: LaneSelect,
    owned_select: LaneSelect,
    accessed_select: LaneSelect,
    resolve: Resolve,
    row_update: RowUpdate,
    scrub: Reg<Bits<SETS>>,
    scrub_done: Reg<Bit>,
    random: Reg<Bits<16>>,
    rotor: Reg<Bits<WAYS>>,

    valid_1: Reg<Bit>,
    slot_1: Reg<SlotBits>,
    entry_1: Reg<EntryBits>,
    valid_2: Reg<Bit>,
    slot_2: Reg<SlotBits>,
    entry_2: Reg<EntryBits>,
    tags_2: Reg<Bits<TAGS>>,
    valid_3: Reg<Bit>,
    slot_3: Reg<SlotBits>,
    entry_3: Reg<EntryBits>,
    tags_3: Reg<Bits<TAGS>>,
    way_3: Reg<Bits<WAYS>>,
    valid_4: Reg<Bit>,
    slot_4: Reg<SlotBits>,
    entry_4: Reg<EntryBits>,
    hit_4: Reg<Bit>,
    row_4: Reg<Bits<ROWS>>,
    victim_4: Reg<TagEntryBits>,
    valid_5: Reg<Bit>,
    slot_5: Reg<SlotBits>,
    entry_5: Reg<EntryBits>,
    hit_5: Reg<Bit>,
    row_5: Reg<Bits<ROWS>>,
    // The slots two, three and four stages ahead have its row, and its line, too.
    near_7: Reg<Bit>,
    near_8: Reg<Bit>,
    near_9: Reg<Bit>,
    same_line_7: Reg<Bit>,
    same_line_8: Reg<Bit>,
    same_line_9: Reg<Bit>,
    // Its line, one hot, in two digits of eight.
    line_low_5: Reg<Bits<8>>,
    line_high_5: Reg<Bits<8>>,
    // Of the lines that it names: those that were not recalled for it; some are named.
    kept_5: Reg<LineMask>,
    given_5: Reg<Bit>,
    // Which of the slots in stages 4, 5 and 6 have the page of the one in stage 7.
    joins_7: Reg<Bits<3>>,
    victim_5: Reg<TagEntryBits>,
    lanes_5: Reg<Row>,
    control_5: Reg<ControlBits>,
    marks_5: Reg<Bits<3>>,
    fill_5: Reg<Bits<512>>,
    valid_6: Reg<Bit>,
    slot_6: Reg<SlotBits>,
    entry_6: Reg<EntryBits>,
    row_6: Reg<Bits<ROWS>>,
    victim_6: Reg<TagEntryBits>,
    // A page slot or a fill: it changes or displaces a whole row.
    whole_6: Reg<Bit>,
    verdict_6: Reg<VerdictBits>,
    exclusive_6: Reg<Bit>,
    masks_6: Reg<Row>,
    lane_6: Reg<LaneBits>,
    control_6: Reg<ControlBits>,
    marks_6: Reg<Bits<3>>,
    fill_6: Reg<Bits<512>>,
    decides_6: Reg<Bit>,
    touches_6: Reg<Bit>,
    diverts_6: Reg<Bit>,
    follows_6: Reg<Bit>,
    lane_from_7: Reg<Bit>,
    marks_from_7: Reg<Bit>,

    commit_7: Reg<Bit>,
    miss_7: Reg<Bit>,
    slot_7: Reg<SlotBits>,
    result_7: Reg<ResultBits>,
    exclusive_7: Reg<Bit>,
    set_7: Reg<Bit>,
    list_7: Reg<Bit>,
    unlist_7: Reg<Bit>,
    line_write_7: Reg<Bit>,
    row_write_7: Reg<Bit>,
    // The lanes that are written, in two digits of eight.
    enable_low_7: Reg<Bits<8>>,
    enable_high_7: Reg<Bits<8>>,
    row_7: Reg<Bits<ROWS>>,
    lane_7: Reg<LaneBits>,
    masks_7: Reg<Row>,
    control_7: Reg<ControlBits>,
    listed_7: Reg<Bit>,
    marks_7: Reg<Bits<3>>,
    fill_masks_7: Reg<Row>,
    fill_control_7: Reg<ControlBits>,
    fills_7: Reg<Bit>,
    done_7: Reg<Bit>,
    pass_7: Reg<Bit>,
    entry_7: Reg<Bits<ENTRY_BITS>>,
    evict_7: Reg<Bit>,
    evict_pass_7: Reg<Bit>,
    evict_page_7: Reg<Page>,

    line_write_8: Reg<Bit>,
    row_8: Reg<Bits<ROWS>>,
    line_8: Reg<Bits<6>>,
    lane_8: Reg<LaneBits>,
    marks_8: Reg<Bits<3>>,
    line_write_9: Reg<Bit>,
    lane_9: Reg<LaneBits>,
    marks_9: Reg<Bits<3>>,

    free_ways: Signal<Local, Bits<WAYS>>,
    victim_way: Signal<Local, Bits<WAYS>>,
    fills_3: Signal<Local, Bit>,
    masks_now: Signal<Local, Row>,
    fill_masks: Signal<Local, Row>,
    fill_marks: Signal<Local, Bits<3>>,
    control_read: Signal<Local, ControlBits>,
    marks_read: Signal<Local, Bits<3>>,
    asks: Signal<Local, Bit>,
    same_page_6: Signal<Local, Bit>,
    same_row_6: Signal<Local, Bit>,
    forwards_7: Signal<Local, Bit>,
    forwards_8: Signal<Local, Bit>,
    forwards_9: Signal<Local, Bit>,
    lane_read: Signal<Local, LaneBits>,
    lane_old: Signal<Local, LaneBits>,
    marks_left: Signal<Local, Bits<3>>,
    taken_up: Signal<Local, Bits<WAYS>>,
    waits: Signal<Local, Bit>,
    same_row_7: Signal<Local, Bit>,
    same_row_8: Signal<Local, Bit>,
    same_row_9: Signal<Local, Bit>,
    lane_now: Signal<Local, LaneBits>,
    marks_now: Signal<Local, Bits<3>>,
    diverts: Signal<Local, Bit>,
    commits: Signal<Local, Bit>,
    has_page: Signal<Local, Bit>,
    writes: Signal<Local, Bit>,
    is_page: Signal<Local, Bit>,
    poisoned: Signal<Local, Bit>,
    listed_next: Signal<Local, Bit>,
    lists: Signal<Local, Bit>,
    unlists: Signal<Local, Bit>,
    fills_6: Signal<Local, Bit>,
    masks_next: Signal<Local, Row>,
    masks_left: Signal<Local, Row>,
    enables: [Signal<Local, Bits<8>>; 8],
    control_left: Signal<Local, ControlBits>,
    dirty_lane: Signal<Local, LineMask>,
    owned_lane: Signal<Local, LineMask>,
    accessed_lane: Signal<Local, LineMask>,
}

impl<const SETS: usize, const WAYS: usize, const TAGS: usize, const ROWS: usize> Logic
    for DescriptorPipeline<SETS, WAYS, TAGS, ROWS>
{
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module descriptor_pipeline");
        dff_setup!(self, clk, scrub, scrub_done, random, rotor);
        dff_setup!(
            self, clk, valid_1, slot_1, entry_1, valid_2, slot_2, entry_2, tags_2, valid_3, slot_3, entry_3,
            tags_3, way_3, valid_4, slot_4, entry_4, hit_4, row_4, victim_4
        );
        dff_setup!(
            self,
            clk,
            valid_5,
            slot_5,
            entry_5,
            hit_5,
            row_5,
            near_7,
            near_8,
            near_9,
            same_line_7,
            same_line_8,
            same_line_9,
            line_low_5,
            line_high_5,
            kept_5,
            given_5,
            joins_7,
            victim_5,
            lanes_5,
            control_5,
            marks_5,
            fill_5,
            valid_6,
            slot_6,
            entry_6,
            row_6,
            victim_6,
            whole_6,
            verdict_6,
            exclusive_6,
            masks_6,
            lane_6,
            control_6,
            marks_6,
            fill_6,
            decides_6,
            touches_6,
            diverts_6,
            follows_6,
            lane_from_7,
            marks_from_7
        );
        dff_setup!(
            self,
            clk,
            commit_7,
            miss_7,
            slot_7,
            result_7,
            exclusive_7,
            set_7,
            list_7,
            unlist_7,
            line_write_7,
            row_write_7,
            enable_low_7,
            enable_high_7,
            row_7,
            lane_7,
            masks_7,
            control_7,
            listed_7,
            marks_7,
            fill_masks_7,
            fill_control_7,
            fills_7,
            done_7,
            pass_7,
            entry_7,
            evict_7,
            evict_pass_7,
            evict_page_7
        );
        dff_setup!(self, clk, line_write_8, row_8, line_8, lane_8, marks_8, line_write_9, lane_9, marks_9);
        self.tags.clock.next = self.clk.val();
        self.rows.clock.next = self.clk.val();
        self.controls.clock.next = self.clk.val();
        self.marks.clock.next = self.clk.val();

        comment!("0 and 1: the tags of the set.");
        self.tags.read_address.next = self.slot.val().page.get_bits::<SETS>(0);
        self.valid_1.d.next = self.slot_valid.val();
        self.slot_1.d.next = self.slot.val();
        self.entry_1.d.next = self.entry.val();
        self.valid_2.d.next = self.valid_1.q.val() & !self.retract.val();
        self.slot_2.d.next = self.slot_1.q.val();
        self.slot_2.d.next.timed_out = self.slot_1.q.val().timed_out | self.timed_out.val();
        self.entry_2.d.next = self.entry_1.q.val();
        self.tags_2.d.next = self.tags.read_data.val();

        comment!(
            "Whose turn it is to be displaced. Turns pass at random: if they passed with fills, or with time, pages"
        );
        comment!("that come at even distances would displace each other for ever.");
        self.random.d.next = (self.random.q.val() << 1).replace_bit(
            0,
            !(self.random.q.val().get_bit(15)
                ^ self.random.q.val().get_bit(14)
                ^ self.random.q.val().get_bit(12)
                ^ self.random.q.val().get_bit(3)),
        );
        if self.random.q.val().get_bit(0) {
            self.rotor.d.next = self.rotor.q.val() << 1;
            if !(self.rotor.q.val() << 1).any() {
                self.rotor.d.next = 1.into();
            }
        }

        comment!("2: the way that holds the page; of a fill, a free way or the one whose turn it is.");
        self.tag_match.row.next = self.tags_2.q.val();
        self.tag_match.page.next = self.slot_2.q.val().page;
        self.free_ways.next = !self.tag_match.valid.val();
        self.taken_up.next = self.free_ways.val()
            | (self.free_ways.val() << 1)
            | (self.free_ways.val() << 2)
            | (self.free_ways.val() << 3)
            | (self.free_ways.val() << 4)
            | (self.free_ways.val() << 5)
            | (self.free_ways.val() << 6)
            | (self.free_ways.val() << 7);
        self.victim_way.next = self.rotor.q.val();
        if self.free_ways.val().any() {
            self.victim_way.next = self.free_ways.val() & !(self.taken_up.val() << 1);
        }
        self.valid_3.d.next = self.valid_2.q.val();
        self.slot_3.d.next = self.slot_2.q.val();
        self.entry_3.d.next = self.entry_2.q.val();
        self.tags_3.d.next = self.tags_2.q.val();
        self.way_3.d.next = self.tag_match.hit.val();
        if self.entry_2.q.val().fill {
            self.way_3.d.next = self.victim_way.val();
        }

        comment!("3: the row is addressed; a fill writes its tag. The scrub writes empty tags.");
        self.fills_3.next = self.valid_3.q.val() & self.entry_3.q.val().fill;
        self.row_address.set.next = self.slot_3.q.val().page.get_bits::<SETS>(0);
        self.row_address.way.next = self.way_3.q.val();
        self.rows.read_address.next = self.row_address.row.val();
        self.controls.read_address.next = self.row_address.row.val();
        self.marks.read_address.next = self.row_address.row.val();
        self.fill_entry.next = self.entry_3.q.val().entry;
        self.tag_pick.row.next = self.tags_3.q.val();
        self.tag_pick.way.next = self.way_3.q.val();
        self.tag_spread.entry.next =
            bit_cast::<TAG_ENTRY_BITS, PAGE_BITS>(self.slot_3.q.val().page).replace_bit(PAGE_BITS, true);
        self.tags.write_enable.next = 0.into();
        self.tags.write_address.next = self.slot_3.q.val().page.get_bits::<SETS>(0);
        self.tags.write_data.next = self.tag_spread.row.val();
        if self.fills_3.val() {
            self.tags.write_enable.next = self.way_3.q.val();
        }
        if !self.scrub_done.q.val() {
            self.tags.write_enable.next = !bits::<WAYS>(0);
            self.tags.write_address.next = self.scrub.q.val();
            self.tags.write_data.next = 0.into();
            self.scrub.d.next = self.scrub.q.val() + 1;
            self.scrub_done.d.next = self.scrub.q.val().all();
        }
        self.ready.next = self.scrub_done.q.val();
        self.valid_4.d.next = self.valid_3.q.val();
        self.slot_4.d.next = self.slot_3.q.val();
        self.entry_4.d.next = self.entry_3.q.val();
        self.hit_4.d.next = self.way_3.q.val().any();
        self.row_4.d.next = self.row_address.row.val();
        self.victim_4.d.next = self.tag_pick.entry.val();

        comment!("4: the row comes out. Of a fill only the page counts: it decides nothing.");
        self.valid_5.d.next = self.valid_4.q.val();
        self.slot_5.d.next = self.slot_4.q.val();
        if self.entry_4.q.val().fill {
            self.slot_5.d.next.kind = slot_kind::CONFLICT.into();
            self.slot_5.d.next.recalled = false;
        }
        self.kept_5.d.next = !bits::<64>(0);
        if self.slot_4.q.val().recalled & !self.entry_4.q.val().fill {
            self.kept_5.d.next = !self.slot_4.q.val().mask;
        }
        self.given_5.d.next = self.slot_4.q.val().mask.any();
        self.line_low_5.d.next = bits::<8>(1) << self.slot_4.q.val().line.get_bits::<3>(0);
        self.line_high_5.d.next = bits::<8>(1) << self.slot_4.q.val().line.get_bits::<3>(3);
        self.entry_5.d.next = self.entry_4.q.val();
        self.hit_5.d.next = self.hit_4.q.val();
        self.row_5.d.next = self.row_4.q.val();
        self.victim_5.d.next = self.victim_4.q.val();
        self.lanes_5.d.next = self.rows.read_data.val();
        self.control_5.d.next = self.controls.read_data.val();
        self.marks_5.d.next = self.marks.read_data.val();
        self.fill_5.d.next = self.fill_data.val();

        comment!("What stage 7 leaves as marks: the page list's bit is a change of the descriptor, too.");
        self.marks_left.next = self
            .marks_7
            .q
            .val()
            .replace_bit(1, self.marks_7.q.val().get_bit(1) | self.list_7.q.val() | self.unlist_7.q.val());

        comment!(
            "5: the descriptor that is decided on: the one of the cache, of a pass the one that it brought."
        );
        self.to_masks.row.next = self.lanes_5.q.val();
        self.fill_masks.next = bit_cast::<ROW_BITS, 64>(self.fill_5.q.val().get_bits::<64>(192))
            | (bit_cast::<ROW_BITS, 64>(self.fill_5.q.val().get_bits::<64>(384)) << 64)
            | (bit_cast::<ROW_BITS, 64>(self.fill_5.q.val().get_bits::<64>(448)) << 128);
        self.fill_marks.next = bits::<3>(0)
            .replace_bit(0, self.fill_5.q.val().get_bit(control_bit::CACHED))
            .replace_bit(2, self.fill_5.q.val().get_bit(control_bit::LISTED));
        self.masks_now.next = self.to_masks.masks.val();
        self.control_read.next =
            self.control_5.q.val().replace_bit(control_bit::CACHED, self.marks_5.q.val().get_bit(0));
        self.marks_read.next = self.marks_5.q.val();
        if self.entry_5.q.val().pass {
            self.masks_now.next = self.fill_masks.val();
            self.control_read.next = self.fill_5.q.val().get_bits::<CONTROL_BITS>(0);
            self.marks_read.next = self.fill_marks.val();
        }

        comment!("5: the verdict.");
        self.resolve.slot.next = self.slot_5.q.val();
        self.resolve.kept.next = self.kept_5.q.val();
        self.resolve.given.next = self.given_5.q.val();
        self.resolve.grant_exclusive.next = self.grant_exclusive.val();
        self.resolve.control.next = self.control_read.val();
        self.resolve.dirty.next = self.masks_now.val().get_bits::<64>(0);
        self.resolve.owned.next = self.masks_now.val().get_bits::<64>(64);
        self.resolve.accessed.next = self.masks_now.val().get_bits::<64>(128);
        self.verdict_6.d.next = self.resolve.verdict.val();
        self.exclusive_6.d.next = self.grant_exclusive.val();
        self.masks_6.d.next = bit_cast::<ROW_BITS, 64>(self.masks_now.val().get_bits::<64>(0))
            | (bit_cast::<ROW_BITS, 64>(self.resolve.may_own.val()) << 64)
            | (bit_cast::<ROW_BITS, 64>(self.masks_now.val().get_bits::<64>(128)) << 128);
        self.control_6.d.next = self.control_read.val();
        self.valid_6.d.next = self.valid_5.q.val();
        self.slot_6.d.next = self.slot_5.q.val();
        self.entry_6.d.next = self.entry_5.q.val();
        self.row_6.d.next = self.row_5.q.val();
        self.victim_6.d.next = self.victim_5.q.val();
        self.whole_6.d.next = self.slot_5.q.val().kind.get_bit(3) | self.entry_5.q.val().fill;
        self.fill_6.d.next = self.fill_5.q.val();

        comment!(
            "5: the lane of the line and the marks, unless an older slot that has not written yet knows better."
        );
        self.dirty_select.lines.next = self.to_masks.masks.val().get_bits::<64>(0);
        self.owned_select.lines.next = self.to_masks.masks.val().get_bits::<64>(64);
        self.accessed_select.lines.next = self.to_masks.masks.val().get_bits::<64>(128);
        self.dirty_select.low.next = self.line_low_5.q.val();
        self.owned_select.low.next = self.line_low_5.q.val();
        self.accessed_select.low.next = self.line_low_5.q.val();
        self.dirty_select.high.next = self.line_high_5.q.val();
        self.owned_select.high.next = self.line_high_5.q.val();
        self.accessed_select.high.next = self.line_high_5.q.val();
        comment!("Whose row and line they have was compared a stage before.");
        self.near_7.d.next = self.row_6.q.val() == self.row_4.q.val();
        self.near_8.d.next = self.row_7.q.val() == self.row_4.q.val();
        self.near_9.d.next = self.row_8.q.val() == self.row_4.q.val();
        self.same_line_7.d.next = (self.row_6.q.val() == self.row_4.q.val())
            & (self.slot_6.q.val().line == self.slot_4.q.val().line);
        self.same_line_8.d.next = (self.row_7.q.val() == self.row_4.q.val())
            & (self.slot_7.q.val().line == self.slot_4.q.val().line);
        self.same_line_9.d.next =
            (self.row_8.q.val() == self.row_4.q.val()) & (self.line_8.q.val() == self.slot_4.q.val().line);
        self.same_row_7.next = self.line_write_7.q.val() & self.near_7.q.val();
        self.same_row_8.next = self.line_write_8.q.val() & self.near_8.q.val();
        self.same_row_9.next = self.line_write_9.q.val() & self.near_9.q.val();
        self.forwards_7.next = self.line_write_7.q.val() & self.same_line_7.q.val();
        self.forwards_8.next = self.line_write_8.q.val() & self.same_line_8.q.val();
        self.forwards_9.next = self.line_write_9.q.val() & self.same_line_9.q.val();
        self.lane_old.next = 0.into();
        if self.forwards_7.val() {
            self.lane_old.next = self.lane_7.q.val();
        } else if self.forwards_8.val() {
            self.lane_old.next = self.lane_8.q.val();
        } else if self.forwards_9.val() {
            self.lane_old.next = self.lane_9.q.val();
        }
        self.lane_read.next = 0.into();
        if !self.forwards_7.val() & !self.forwards_8.val() & !self.forwards_9.val() {
            self.lane_read.next = bits::<LANE_BITS>(0)
                .replace_bit(lane_bit::DIRTY, self.dirty_select.bit.val())
                .replace_bit(lane_bit::OWNED, self.owned_select.bit.val())
                .replace_bit(lane_bit::ACCESSED, self.accessed_select.bit.val());
        }
        self.lane_6.d.next = self.lane_read.val() | self.lane_old.val();
        self.marks_6.d.next = self.marks_read.val();
        if self.entry_5.q.val().pass {
            comment!("It came with its descriptor; its row number means nothing.");
            self.marks_6.d.next = self.marks_read.val();
        } else if self.same_row_7.val() {
            self.marks_6.d.next = self.marks_left.val();
        } else if self.same_row_8.val() {
            self.marks_6.d.next = self.marks_8.q.val();
        } else if self.same_row_9.val() {
            self.marks_6.d.next = self.marks_9.q.val();
        }
        self.same_row_6.next = self.row_6.q.val() == self.row_5.q.val();
        self.marks_from_7.d.next = self.same_row_6.val() & !self.entry_5.q.val().pass;
        self.lane_from_7.d.next =
            self.same_row_6.val() & (self.slot_6.q.val().line == self.slot_5.q.val().line);

        comment!(
            "5: a slot is diverted if its descriptor is not there, or if slots of its page wait and it is none of them."
        );
        self.look_page.next = self.slot_4.q.val().page;
        self.same_page_6.next = self.slot_6.q.val().page == self.slot_5.q.val().page;
        self.joins_7.d.next = bits::<3>(0)
            .replace_bit(0, self.slot_6.q.val().page == self.slot_3.q.val().page)
            .replace_bit(1, self.slot_6.q.val().page == self.slot_4.q.val().page)
            .replace_bit(2, self.same_page_6.val());
        self.look_joins.next = self.joins_7.q.val();
        self.waits.next = self.look_waits.val() | (self.miss_7.q.val() & self.joins_7.q.val().get_bit(1));
        self.asks.next = self.slot_5.q.val().decodes & (self.slot_5.q.val().kind != slot_kind::CONFLICT);
        self.decides_6.d.next = self.valid_5.q.val() & !self.entry_5.q.val().fill;
        self.touches_6.d.next = self.asks.val();
        self.diverts_6.d.next = self.asks.val()
            & !self.entry_5.q.val().pass
            & (!self.hit_5.q.val() | (!self.entry_5.q.val().replay & self.waits.val()));
        self.follows_6.d.next = self.asks.val()
            & !self.entry_5.q.val().pass
            & !self.entry_5.q.val().replay
            & self.same_page_6.val();

        comment!("6: the row update, of what the slot before left.");
        self.lane_now.next = self.lane_6.q.val();
        if self.lane_from_7.q.val() & self.line_write_7.q.val() {
            self.lane_now.next = self.lane_7.q.val();
        }
        self.marks_now.next = self.marks_6.q.val();
        if self.marks_from_7.q.val() & self.line_write_7.q.val() {
            self.marks_now.next = self.marks_left.val();
        }
        self.row_update.verdict.next = self.verdict_6.q.val();
        self.row_update.control.next =
            self.control_6.q.val().replace_bit(control_bit::CACHED, self.marks_now.val().get_bit(0));
        self.row_update.lane.next = self.lane_now.val();
        self.row_update.given.next = self.slot_6.q.val().mask;
        self.row_update.dirty.next = self.masks_6.q.val().get_bits::<64>(0);
        self.row_update.may_own.next = self.masks_6.q.val().get_bits::<64>(64);
        self.row_update.accessed.next = self.masks_6.q.val().get_bits::<64>(128);

        comment!("6: what becomes of the slot.");
        self.diverts.next = self.diverts_6.q.val() | (self.follows_6.q.val() & self.miss_7.q.val());
        self.commits.next = self.decides_6.q.val() & !self.diverts.val();
        self.has_page.next = self.commits.val() & self.touches_6.q.val();
        self.writes.next = self.has_page.val() & !self.entry_6.q.val().pass;
        self.fills_6.next = self.valid_6.q.val() & self.entry_6.q.val().fill;
        self.is_page.next = self.verdict_6.q.val().is_page;
        self.commit_7.d.next = self.commits.val();
        self.miss_7.d.next = self.decides_6.q.val() & self.diverts.val();
        self.slot_7.d.next = self.slot_6.q.val();
        self.result_7.d.next = self.row_update.result.val();
        self.exclusive_7.d.next = self.exclusive_6.q.val();

        comment!(
            "6: the marks. A page is listed while it has anything; a fill displaces what it finds as it is."
        );
        self.listed_next.next = self.row_update.active.val()
            | (self.marks_now.val().get_bit(2) & !self.row_update.page_done.val());
        self.lists.next = self.listed_next.val() & !self.marks_now.val().get_bit(2);
        self.unlists.next = !self.listed_next.val() & self.marks_now.val().get_bit(2);
        self.poisoned.next = self.control_6.q.val().get_bits::<3>(control_bit::STATE) == page_state::POI;
        self.set_7.d.next = self.has_page.val()
            & ((self.row_update.active.val() & (self.is_page.val() | !self.marks_now.val().get_bit(2)))
                | (self.is_page.val() & self.poisoned.val()));
        self.list_7.d.next = self.has_page.val() & self.lists.val();
        self.unlist_7.d.next = self.has_page.val() & self.unlists.val();
        self.listed_7.d.next = self.listed_next.val();
        self.marks_7.d.next = bits::<3>(0)
            .replace_bit(0, self.row_update.control_next.val().get_bit(control_bit::CACHED))
            .replace_bit(1, self.marks_now.val().get_bit(1) | self.row_update.changes.val())
            .replace_bit(2, self.listed_next.val());
        if self.entry_6.q.val().fill {
            self.listed_7.d.next = self.marks_6.q.val().get_bit(2);
            self.marks_7.d.next = bits::<3>(0)
                .replace_bit(0, self.fill_6.q.val().get_bit(control_bit::CACHED))
                .replace_bit(2, self.fill_6.q.val().get_bit(control_bit::LISTED));
        }

        comment!(
            "6: what is written, and what leaves: the descriptor that a fill displaces, or what a pass made of its own. Of a"
        );
        comment!("line slot nothing but its lane, so that three sources of a row can be ored.");
        self.masks_next.next = bit_cast::<ROW_BITS, 64>(self.row_update.dirty_next.val())
            | (bit_cast::<ROW_BITS, 64>(self.row_update.owned_next.val()) << 64)
            | (bit_cast::<ROW_BITS, 64>(self.row_update.accessed_next.val()) << 128);
        self.masks_7.d.next = 0.into();
        if self.whole_6.q.val() {
            self.masks_7.d.next = self.masks_next.val();
        }
        self.control_7.d.next = self.row_update.control_next.val();
        self.fill_masks_7.d.next = 0.into();
        self.fill_control_7.d.next = 0.into();
        if self.entry_6.q.val().fill {
            self.fill_masks_7.d.next = bit_cast::<ROW_BITS, 64>(self.fill_6.q.val().get_bits::<64>(192))
                | (bit_cast::<ROW_BITS, 64>(self.fill_6.q.val().get_bits::<64>(384)) << 64)
                | (bit_cast::<ROW_BITS, 64>(self.fill_6.q.val().get_bits::<64>(448)) << 128);
            self.fill_control_7.d.next = self.fill_6.q.val().get_bits::<CONTROL_BITS>(0);
        }
        self.fills_7.d.next = self.entry_6.q.val().fill;
        self.row_7.d.next = self.row_6.q.val();
        self.lane_7.d.next = self.row_update.lane_next.val();
        if self.whole_6.q.val() {
            self.lane_7.d.next = 0.into();
        }
        self.line_write_7.d.next = self.writes.val() & !self.is_page.val();
        self.row_write_7.d.next = (self.writes.val() & self.is_page.val()) | self.fills_6.val();
        self.enable_low_7.d.next = bits::<8>(1) << self.slot_6.q.val().line.get_bits::<3>(0);
        self.enable_high_7.d.next = 0.into();
        if self.whole_6.q.val() {
            self.enable_low_7.d.next = !bits::<8>(0);
        }
        if self.writes.val() | self.fills_6.val() {
            self.enable_high_7.d.next = bits::<8>(1) << self.slot_6.q.val().line.get_bits::<3>(3);
            if self.whole_6.q.val() {
                self.enable_high_7.d.next = !bits::<8>(0);
            }
        }
        self.evict_page_7.d.next = self.victim_6.q.val().get_bits::<PAGE_BITS>(0);
        self.evict_7.d.next =
            self.fills_6.val() & self.victim_6.q.val().get_bit(PAGE_BITS) & self.marks_6.q.val().get_bit(1);
        if self.entry_6.q.val().pass {
            self.evict_page_7.d.next = self.slot_6.q.val().page;
        }
        self.evict_pass_7.d.next = self.commits.val() & self.entry_6.q.val().pass;
        self.done_7.d.next = self.valid_6.q.val() & (self.entry_6.q.val().fill | self.entry_6.q.val().pass);
        self.pass_7.d.next = self.entry_6.q.val().pass;
        self.entry_7.d.next = self.entry_6.q.val().entry;

        comment!("7: write. A line slot writes its bits to all lanes and enables one.");
        self.dirty_lane.next = 0.into();
        self.owned_lane.next = 0.into();
        self.accessed_lane.next = 0.into();
        if self.lane_7.q.val().get_bit(lane_bit::DIRTY) {
            self.dirty_lane.next = !bits::<64>(0);
        }
        if self.lane_7.q.val().get_bit(lane_bit::OWNED) {
            self.owned_lane.next = !bits::<64>(0);
        }
        if self.lane_7.q.val().get_bit(lane_bit::ACCESSED) {
            self.accessed_lane.next = !bits::<64>(0);
        }
        self.masks_left.next = self.masks_7.q.val();
        self.control_left.next = self.control_7.q.val();
        if self.fills_7.q.val() {
            self.masks_left.next = 0.into();
            self.control_left.next = 0.into();
        }
        self.to_lanes.row.next = self.fill_masks_7.q.val()
            | self.masks_left.val()
            | (bit_cast::<ROW_BITS, 64>(self.dirty_lane.val())
                | (bit_cast::<ROW_BITS, 64>(self.owned_lane.val()) << 64)
                | (bit_cast::<ROW_BITS, 64>(self.accessed_lane.val()) << 128));
        for i in 0..8 {
            self.enables[i].next = 0.into();
            if self.enable_high_7.q.val().get_bit(i) {
                self.enables[i].next = self.enable_low_7.q.val();
            }
        }
        self.rows.write_enable.next = bit_cast::<64, 8>(self.enables[0].val())
            | (bit_cast::<64, 8>(self.enables[1].val()) << 8)
            | (bit_cast::<64, 8>(self.enables[2].val()) << 16)
            | (bit_cast::<64, 8>(self.enables[3].val()) << 24)
            | (bit_cast::<64, 8>(self.enables[4].val()) << 32)
            | (bit_cast::<64, 8>(self.enables[5].val()) << 40)
            | (bit_cast::<64, 8>(self.enables[6].val()) << 48)
            | (bit_cast::<64, 8>(self.enables[7].val()) << 56);
        self.rows.write_address.next = self.row_7.q.val();
        self.rows.write_data.next = self.to_lanes.masks.val();
        self.controls.write_enable.next = self.row_write_7.q.val();
        self.controls.write_address.next = self.row_7.q.val();
        self.controls.write_data.next = self.fill_control_7.q.val() | self.control_left.val();
        self.marks.write_enable.next = self.line_write_7.q.val() | self.row_write_7.q.val();
        self.marks.write_address.next = self.row_7.q.val();
        self.marks.write_data.next = self.marks_left.val();

        comment!("8 and 9: remember what was written.");
        self.line_write_8.d.next = self.line_write_7.q.val();
        self.row_8.d.next = self.row_7.q.val();
        self.line_8.d.next = self.slot_7.q.val().line;
        self.lane_8.d.next = self.lane_7.q.val();
        self.marks_8.d.next = self.marks_left.val();
        self.line_write_9.d.next = self.line_write_8.q.val();
        self.lane_9.d.next = self.lane_8.q.val();
        self.marks_9.d.next = self.marks_8.q.val();

        comment!("7: the results.");
        self.result_valid.next = self.commit_7.q.val();
        self.result_slot.next = self.slot_7.q.val();
        self.result.next = self.result_7.q.val();
        self.result_exclusive.next = self.exclusive_7.q.val();
        self.summary_set.next = self.set_7.q.val();
        self.list.next = self.list_7.q.val();
        self.unlist.next = self.unlist_7.q.val();
        self.result_dirty.next = self.lane_7.q.val().get_bit(lane_bit::DIRTY);
        self.result_owned.next = self.lane_7.q.val().get_bit(lane_bit::OWNED);
        self.miss_valid.next = self.miss_7.q.val();
        self.miss_slot.next = self.slot_7.q.val();
        self.fill_done.next = self.done_7.q.val();
        self.fill_pass.next = self.pass_7.q.val();
        self.fill_done_entry.next = self.entry_7.q.val();
        self.evict_valid.next =
            self.evict_7.q.val() | (self.evict_pass_7.q.val() & self.marks_left.val().get_bit(1));
        self.evict_page.next = self.evict_page_7.q.val();
        self.evict_data.next = bit_cast::<512, CONTROL_BITS>(
            self.control_7.q.val().replace_bit(control_bit::LISTED, self.listed_7.q.val()),
        ) | (bit_cast::<512, 64>(self.masks_7.q.val().get_bits::<64>(0)) << 192)
            | (bit_cast::<512, 64>(self.masks_7.q.val().get_bits::<64>(64)) << 384)
            | (bit_cast::<512, 64>(self.masks_7.q.val().get_bits::<64>(128)) << 448);
    }
}

//! Widths and messages shared by the blocks.

use rust_hdl_core::prelude::*;
use std::ops::Not;
use tideline_abi::descriptor::{Control, lane};
use tideline_abi::geometry::{FRAME_BITS, HPA_BITS, PAGE_BITS};

/// Index of a page in the window.
pub type Page = Bits<PAGE_BITS>;
/// Frame number of device memory.
pub type Frame = Bits<FRAME_BITS>;
/// Byte address in device memory.
pub type Dpa = Bits<DPA_BITS>;
/// Host physical byte address.
pub type Hpa = Bits<HPA_BITS>;
/// Control word, the part kept on chip.
pub type ControlBits = Bits<CONTROL_BITS>;
/// All lanes of a page.
pub type Row = Bits<ROW_BITS>;
/// An entry of the tag memory.
pub type TagEntryBits = Bits<TAG_ENTRY_BITS>;
/// The lane of a line.
pub type LaneBits = Bits<LANE_BITS>;
/// Number of a region of 512 pages: of a group.
pub type Region = Bits<GROUP_BITS>;
/// One bit per recall context.
pub type Contexts = Bits<CONTEXTS>;
/// One bit per miss entry.
pub type Entries = Bits<ENTRIES>;
/// One bit per line of a page.
pub type LineMask = Bits<64>;

/// Width of a device physical address.
pub const DPA_BITS: usize = FRAME_BITS + 12;
/// Width of the control word on chip.
pub const CONTROL_BITS: usize = Control::CHIP_BITS;
/// Width of an entry of the tag memory: a page and its valid bit.
pub const TAG_ENTRY_BITS: usize = PAGE_BITS + 1;
/// Width of a lane.
pub const LANE_BITS: usize = lane::BITS;
/// Width of a row.
pub const ROW_BITS: usize = lane::ROW_BITS;
/// Address bits of a recall context.
pub const CONTEXT_BITS: usize = 6;
/// Recall contexts.
pub const CONTEXTS: usize = 1 << CONTEXT_BITS;
/// Address bits of a back-invalidate tag.
pub const TAG_BITS: usize = 8;
/// Address bits of the store of write data, and of the queues of accesses to device memory.
pub const DATA_BITS: usize = 8;
/// Address bits of a miss entry.
pub const ENTRY_BITS: usize = 6;
/// Miss entries.
pub const ENTRIES: usize = 1 << ENTRY_BITS;
/// Address bits of a slot that waits for its descriptor.
pub const CHAIN_BITS: usize = 7;
/// Bits of the number of a group of pages.
pub const GROUP_BITS: usize = PAGE_BITS - 9;
/// Bits of the first frame of a plain region, in regions.
pub const REGION_FRAME_BITS: usize = FRAME_BITS - 9;
/// Bits of an entry of the region table in memory: `plain`, and above it the frame.
pub const REGION_ENTRY_BITS: usize = REGION_FRAME_BITS + 1;
/// Address bits of the words of 64 groups.
pub const WORD_BITS: usize = GROUP_BITS - 6;
/// Bits of the number of a line of the page list: 64 pages.
pub const LIST_BITS: usize = PAGE_BITS - 6;
/// Bits of a range bound: a page, or the one behind the last.
pub const BOUND_BITS: usize = PAGE_BITS + 1;
/// Bits of the number of a line of the window.
pub const LINE_BITS: usize = PAGE_BITS + 6;
/// Bits that count the records of a result: at most one for each page.
pub const RECORDS_BITS: usize = PAGE_BITS + 1;
/// Bits of the ERROR register in use.
pub const ERROR_BITS: usize = 10;

const _: () = {
    assert!(CONTEXTS == tideline_abi::geometry::RECALL_CONTEXTS);
    assert!(1 << TAG_BITS == tideline_abi::geometry::BI_TAGS);
    assert!(1 << DATA_BITS == tideline_abi::geometry::OUTSTANDING_LINES);
    assert!(1 << (PAGE_BITS - GROUP_BITS) == tideline_abi::geometry::REGION_PAGES);
    assert!(ENTRIES == tideline_abi::geometry::MISS_ENTRIES);
};

/// What a commit slot is asked to do (`tideline_abi::slot::Slot`), with what its answer needs.
#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
pub struct SlotBits {
    /// `slot_kind`.
    pub kind: Bits<4>,
    /// Page index; 0 if the address does not decode.
    pub page: Bits<PAGE_BITS>,
    /// Line of the page.
    pub line: Bits<6>,
    /// The address decodes.
    pub decodes: Bit,
    /// The recall of the page timed out.
    pub timed_out: Bit,
    /// Opcode of the message.
    pub opcode: Bits<4>,
    /// Meta field of the message.
    pub meta_field: Bits<2>,
    /// Meta value of the message.
    pub meta_value: Bits<2>,
    /// Snoop type of the message.
    pub snp_type: Bits<3>,
    /// Tag of the message.
    pub tag: Bits<16>,
    /// Command flags.
    pub flags: Bits<8>,
    /// The lines of `mask` were recalled for this page slot.
    pub recalled: Bit,
    /// Recall context of the page slot.
    pub context: Bits<CONTEXT_BITS>,
    /// MAP: the frame.
    pub frame: Bits<FRAME_BITS>,
    /// MERGE: the lines. A recalled slot: the lines that were recalled for it.
    pub mask: Bits<64>,
    /// Writes: where the data waits.
    pub data: Bits<DATA_BITS>,
}

/// What a commit slot decided (`tideline_abi::slot::SlotResult`).
#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
pub struct ResultBits {
    /// There is an answer on NDR.
    pub has_ndr: Bit,
    /// Its opcode.
    pub ndr: Bits<3>,
    /// `data_source` of the answer on DRS.
    pub data: Bits<2>,
    /// The data of the write goes to memory.
    pub writes_memory: Bit,
    /// Frame of the page before the slot.
    pub frame: Bits<FRAME_BITS>,
    /// `slot_status`.
    pub status: Bits<2>,
    /// Lines to recall, or lines harvested.
    pub mask: Bits<64>,
    /// ERROR bits.
    pub errors: Bits<ERROR_BITS>,
    /// A write that set the dirty bit of its line.
    pub newly_dirty: Bit,
}

/// The first half of a decision (`resolve`): what the slot makes of the control word, and what it wants of the row.
#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
pub struct VerdictBits {
    /// There is an answer on NDR.
    pub has_ndr: Bit,
    /// Its opcode.
    pub ndr: Bits<3>,
    /// `data_source` of the answer on DRS.
    pub data: Bits<2>,
    /// The data of the write goes to memory.
    pub writes_memory: Bit,
    /// Frame of the page before the slot.
    pub frame: Bits<FRAME_BITS>,
    /// ERROR bits, but for HOST_ORDER.
    pub errors: Bits<ERROR_BITS>,
    /// HOST_ORDER unless the line is owned.
    pub wants_owned: Bit,
    /// The line becomes dirty.
    pub sets_dirty: Bit,
    /// The line becomes owned.
    pub sets_owned: Bit,
    /// The line is not owned any more.
    pub clears_owned: Bit,
    /// The line becomes accessed.
    pub sets_accessed: Bit,
    /// The host may have a copy from now on.
    pub sets_cached: Bit,
    /// It is a page slot: what follows is about these only.
    pub is_page: Bit,
    /// It is done, unless lines that the host may own must be recalled first.
    pub allowed: Bit,
    /// The page is in a state in which the slot does nothing.
    pub wrong_state: Bit,
    /// Every line must be recalled first.
    pub recalls_all: Bit,
    /// The lines that the host may own must be.
    pub recalls_owned: Bit,
    /// A line that was recalled for it is owned no more.
    pub loses_owned: Bit,
    /// The page is plain: its owned mask says nothing.
    pub plain: Bit,
    /// The page has dirty lines.
    pub any_dirty: Bit,
    /// It has lines that the host may own, and that were not recalled for this slot.
    pub any_owned: Bit,
    /// It has accessed lines.
    pub any_accessed: Bit,
    /// The slot names lines.
    pub any_given: Bit,
    /// If it is done: no line is dirty any more. (It and the next four imply `allowed`.)
    pub zeroes_dirty: Bit,
    /// No line is owned any more.
    pub zeroes_owned: Bit,
    /// No line is accessed any more.
    pub zeroes_accessed: Bit,
    /// The lines that the slot names are dirty, too.
    pub merges_dirty: Bit,
    /// They are accessed, too.
    pub merges_accessed: Bit,
    /// The dirty lines are the result.
    pub reports_dirty: Bit,
    /// The accessed lines are.
    pub reports_accessed: Bit,
    /// The control word.
    pub control: Bits<CONTROL_BITS>,
    /// It is another one than before.
    pub control_changes: Bit,
}

/// An entry of the region table.
#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
pub struct RegionEntryBits {
    /// The lines of the region go to memory past the descriptors.
    pub plain: Bit,
    /// Frame of its first page, in regions of 512 frames.
    pub frame: Bits<REGION_FRAME_BITS>,
}

/// A request without data, its address decoded.
#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
pub struct RequestBits {
    /// Page index; 0 if the address does not decode.
    pub page: Bits<PAGE_BITS>,
    /// Line of the page.
    pub line: Bits<6>,
    /// The address decodes.
    pub decodes: Bit,
    /// Opcode.
    pub opcode: Bits<4>,
    /// Meta field.
    pub meta_field: Bits<2>,
    /// Meta value.
    pub meta_value: Bits<2>,
    /// Snoop type.
    pub snp_type: Bits<3>,
    /// Tag.
    pub tag: Bits<16>,
}

/// A message at the head of its queue, and what its opcode and meta bits make of it.
#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
pub struct HeadBits {
    /// The message without its data.
    pub request: RequestBits,
    /// It is answered on DRS.
    pub reads: Bit,
    /// It is dropped: MemSpecRd.
    pub dropped: Bit,
    /// It is dropped and reported.
    pub illegal: Bit,
}

/// A deferred request: which recall context it waits for.
#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
pub struct DeferredBits {
    /// Recall context of the page.
    pub context: Bits<CONTEXT_BITS>,
    /// The request.
    pub request: RequestBits,
}

/// A response without data.
#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
pub struct NdrBits {
    /// `s2m_ndr`.
    pub opcode: Bits<3>,
    /// Tag of the request.
    pub tag: Bits<16>,
}

/// A response with data.
#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
pub struct DrsBits {
    /// `s2m_drs`.
    pub opcode: Bits<3>,
    /// Tag of the request.
    pub tag: Bits<16>,
    /// The data is poisoned.
    pub poison: Bit,
    /// The line.
    pub data: Bits<512>,
}

/// A back-invalidate snoop on its way to the host.
#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
pub struct SnoopBits {
    /// `s2m_bisnp`.
    pub opcode: Bits<4>,
    /// Page of the lines.
    pub page: Bits<PAGE_BITS>,
    /// Which aligned four lines of the page.
    pub quad: Bits<4>,
    /// Address bits 7:6: the line of the four, or which of them a block snoop is about.
    pub low: Bits<2>,
    /// Tag.
    pub tag: Bits<16>,
}

/// What the engine remembers of a snoop under its tag.
#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
pub struct TagBits {
    /// Page of the lines.
    pub page: Bits<PAGE_BITS>,
    /// Which aligned four lines of the page.
    pub quad: Bits<4>,
    /// Which of them: one, an aligned two, or all.
    pub lines: Bits<4>,
    /// More than one.
    pub block: Bit,
    /// Recall context.
    pub context: Bits<CONTEXT_BITS>,
    /// BISnpInv instead of BISnpData.
    pub invalidate: Bit,
    /// The lines were snooped once before, and answered wrongly.
    pub again: Bit,
}

/// A snoop to be sent once more, under the tag that it has.
#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
pub struct AgainBits {
    /// Its tag.
    pub tag: Bits<TAG_BITS>,
    /// What [`AnsweredBits::lines`] of the tag are.
    pub answered: Bits<4>,
    /// What it was.
    pub snoop: TagBits,
}

/// What came for a tag. A line is open while its bit here differs from the one that was written when it was sent.
#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
pub struct AnsweredBits {
    /// Toggled by the answer of each of the four lines.
    pub lines: Bits<4>,
    /// One of the answers so far was wrong.
    pub wrong: Bit,
}

/// A free tag.
#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
pub struct FreeTagBits {
    /// The tag.
    pub tag: Bits<TAG_BITS>,
    /// What [`AnsweredBits::lines`] of the tag are.
    pub answered: Bits<4>,
}

/// Lines of a page that must be snooped.
#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
pub struct SnoopWorkBits {
    /// Page.
    pub page: Bits<PAGE_BITS>,
    /// Recall context.
    pub context: Bits<CONTEXT_BITS>,
    /// BISnpInv instead of BISnpData.
    pub invalidate: Bit,
    /// The lines.
    pub mask: Bits<64>,
    /// Which aligned fours have one.
    pub quads: Bits<16>,
}

/// The page slot of a recall context.
#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
pub struct JobBits {
    /// Page.
    pub page: Bits<PAGE_BITS>,
    /// `slot_kind`.
    pub kind: Bits<4>,
    /// Command flags.
    pub flags: Bits<8>,
    /// MAP: the frame.
    pub frame: Bits<FRAME_BITS>,
}

/// A snoop response.
#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
pub struct ResponseBits {
    /// `m2s_birsp`.
    pub opcode: Bits<4>,
    /// Tag of the snoop.
    pub tag: Bits<16>,
    /// Bits 7:6 of the address of the line; a block form has none.
    pub low: Bits<2>,
}

/// A harvest record on its way to the spool.
#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
pub struct RecordBits {
    /// Page.
    pub page: Bits<PAGE_BITS>,
    /// Lines.
    pub mask: Bits<64>,
}

/// A line read of device memory on its way.
#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
pub struct ReadBits {
    /// Byte address of the line.
    pub address: Bits<DPA_BITS>,
    /// Tag of the request.
    pub tag: Bits<16>,
    /// Fence colour of the access.
    pub colour: Bit,
}

/// A write of a line on its way: what its slot decided.
#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
pub struct WriteOrderBits {
    /// Byte address of the line.
    pub address: Bits<DPA_BITS>,
    /// Tag of the request.
    pub tag: Bits<16>,
    /// The data goes to memory; else it is discarded.
    pub keep: Bit,
    /// Where the data waits.
    pub data: Bits<DATA_BITS>,
    /// Fence colour of the access.
    pub colour: Bit,
}

/// How a slot enters the line pipeline.
#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
pub struct EntryBits {
    /// The slot waited in the miss unit: its descriptor is there, and it goes first among the slots of its page.
    pub replay: Bit,
    /// A descriptor is filled into the cache; no slot is decided.
    pub fill: Bit,
    /// The slot is decided on a descriptor that passes through and is not filled in.
    pub pass: Bit,
    /// Miss entry of a fill or a pass.
    pub entry: Bits<ENTRY_BITS>,
}

/// What is remembered of an access until memory answers.
#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
pub struct PendingBits {
    /// Tag of the request.
    pub tag: Bits<16>,
    /// Fence colour of the access.
    pub colour: Bit,
}

/// A burst of AXI4: what AW and AR say.
#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
pub struct BurstBits {
    /// Byte address of the first beat.
    pub address: Bits<HPA_BITS>,
    /// ID.
    pub id: Bits<8>,
    /// Beats - 1.
    pub len: Bits<8>,
    /// log2 of the bytes of a beat.
    pub size: Bits<3>,
    /// 0 = FIXED, 1 = INCR, 2 = WRAP.
    pub burst: Bits<2>,
}

/// A beat of a burst.
#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
pub struct BeatBits {
    /// Byte address.
    pub address: Bits<HPA_BITS>,
    /// ID of the burst.
    pub id: Bits<8>,
    /// The last beat of the burst.
    pub last: Bit,
}

/// What is remembered of a beat until it is answered.
#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
pub struct BeatOrderBits {
    /// ID of the burst.
    pub id: Bits<8>,
    /// The last beat of the burst.
    pub last: Bit,
}

/// Data of a read that waits for those before it.
#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
pub struct ReadDataBits {
    /// RRESP.
    pub resp: Bits<2>,
    /// The line.
    pub data: Bits<512>,
}

/// A beat of R.
#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
pub struct ReadBeatBits {
    /// ID.
    pub id: Bits<8>,
    /// RRESP.
    pub resp: Bits<2>,
    /// The last beat of the burst.
    pub last: Bit,
    /// The line.
    pub data: Bits<512>,
}

/// A beat of B.
#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
pub struct WriteEndBits {
    /// ID.
    pub id: Bits<8>,
    /// BRESP.
    pub resp: Bits<2>,
}

/// What a block memory returns where it is read and written at once: every bit of the old entry is wrong.
macro_rules! complement {
    ($name:ident: $($field:ident),+) => {
        impl Not for $name {
            type Output = Self;
            fn not(self) -> Self {
                Self { $($field: !self.$field),+ }
            }
        }
    };
}

complement!(NdrBits: opcode, tag);
complement!(RecordBits: page, mask);
complement!(ReadBits: address, tag, colour);
complement!(WriteOrderBits: address, tag, keep, data, colour);
complement!(PendingBits: tag, colour);
complement!(FreeTagBits: tag, answered);

//! The spool: harvest records go to host memory and, until they are acknowledged, stay in device memory.
//!
//! # Operation
//! Records of committed HARVEST slots are packed four to a beat; each beat is written to the spool in device memory and to
//! the record buffer in host memory, while the next one fills. `finish` pushes the last, partly filled beat out; `flushed`
//! says that memory and host have everything. `merge` reads the spool back and turns every record into a MERGE slot; `merged`
//! says that the last of them is decided, wherever it waited for its descriptor: a walk that starts then finds every line.
//! A beat that device memory did not keep comes back as something else: what is not of this result, or of no page that has a
//! descriptor, becomes a slot that merges nothing into page 0.
//!
//! A host that takes no records fills the record queue; then no page starts its harvest any more. Pages that have started
//! find room in the queue, so no line request ever waits for the host.
//!
//! # Timing
//! One record per cycle; a beat leaves in every fourth cycle if memory and host take one.

use super::types::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;
use tideline_abi::geometry::PAGE_BITS;
use tideline_abi::slot::{slot_kind, slot_status};

/// Four records.
#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
pub struct BeatBits {
    /// Record 0.
    pub record0: Bits<128>,
    /// Record 1.
    pub record1: Bits<128>,
    /// Record 2.
    pub record2: Bits<128>,
    /// Record 3.
    pub record3: Bits<128>,
}

/// What the merge does.
#[derive(Copy, Clone, Debug, PartialEq, LogicState)]
pub enum MergeState {
    /// Nothing.
    Idle,
    /// Asks memory for the next beat.
    Read,
    /// Waits for it.
    Wait,
    /// Drops what is not of this result.
    Check,
    /// Offers its records as slots.
    Offer,
    /// Waits until every slot is decided, and tells.
    Done,
}

/// Keeps the records of one result.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct Spool {
    /// The clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Pages that have a descriptor.
    pub table_pages: Signal<In, Bits<32>>,
    /// SPOOL_BASE, the frame.
    pub base: Signal<In, Frame>,
    /// A new result begins: nothing of the old one is kept.
    pub begin: Signal<In, Bit>,
    /// IOVA of its record buffer.
    pub begin_buffer: Signal<In, Bits<64>>,
    /// Its sequence.
    pub begin_sequence: Signal<In, Bits<32>>,
    /// It reports accessed lines instead of dirty ones.
    pub begin_accessed: Signal<In, Bit>,
    /// No more records will come: push the last beat out.
    pub finish: Signal<In, Bit>,
    /// Every record is in device memory and in host memory.
    pub flushed: Signal<Out, Bit>,
    /// Host memory refused a record of this result.
    pub failed: Signal<Out, Bit>,
    /// Records of this result.
    pub made: Signal<Out, Bits<32>>,
    /// A record is made in this cycle.
    pub record_made: Signal<Out, Bit>,
    /// There is room for the records of every page that may be under way (64).
    pub record_ok: Signal<Out, Bit>,
    /// Merge the records back.
    pub merge: Signal<In, Bit>,
    /// All were merged, the last one decided; high for one cycle.
    pub merged: Signal<Out, Bit>,

    /// A slot was committed.
    pub result_valid: Signal<In, Bit>,
    /// The slot.
    pub result_slot: Signal<In, SlotBits>,
    /// What it decided.
    pub result: Signal<In, ResultBits>,
    /// A MERGE slot is offered.
    pub slot_valid: Signal<Out, Bit>,
    /// The slot.
    pub slot: Signal<Out, SlotBits>,
    /// It enters the pipeline.
    pub slot_granted: Signal<In, Bit>,

    /// A beat for device memory.
    pub write_valid: Signal<Out, Bit>,
    /// It is taken.
    pub write_ready: Signal<In, Bit>,
    /// Where it goes.
    pub write_address: Signal<Out, Dpa>,
    /// The beat.
    pub write_data: Signal<Out, Bits<512>>,
    /// A beat is in device memory.
    pub write_done: Signal<In, Bit>,
    /// A beat is wanted back.
    pub read_valid: Signal<Out, Bit>,
    /// The wish is taken.
    pub read_ready: Signal<In, Bit>,
    /// From where.
    pub read_address: Signal<Out, Dpa>,
    /// The beat arrives.
    pub read_data_valid: Signal<In, Bit>,
    /// The beat.
    pub read_data: Signal<In, Bits<512>>,
    /// A beat for host memory.
    pub host_valid: Signal<Out, Bit>,
    /// It is taken.
    pub host_ready: Signal<In, Bit>,
    /// Where it goes.
    pub host_address: Signal<Out, Bits<64>>,
    /// Its byte enables.
    pub host_strobe: Signal<Out, Bits<64>>,
    /// No record is on its way to the host.
    pub host_idle: Signal<In, Bit>,
    /// Host memory refused a record.
    pub host_error: Signal<In, Bit>,

    queue: RamFifo<RecordBits, 7>,
    buffer: Reg<Bits<64>>,
    sequence: Reg<Bits<32>>,
    accessed: Reg<Bit>,
    made_r: Reg<Bits<32>>,
    beats: Reg<Bits<RECORDS_BITS>>,
    beat: Reg<BeatBits>,
    fill: Reg<Bits<2>>,
    out: Reg<BeatBits>,
    out_index: Reg<Bits<RECORDS_BITS>>,
    out_fill: Reg<Bits<2>>,
    to_memory: Reg<Bit>,
    to_host: Reg<Bit>,
    unwritten: Reg<Bits<8>>,
    failed_r: Reg<Bit>,
    state: Reg<MergeState>,
    merge_index: Reg<Bits<RECORDS_BITS>>,
    back: Reg<BeatBits>,
    // A slot is on offer; one was granted in the cycle before.
    offers: Reg<Bit>,
    granted: Reg<Bit>,
    // Slots that are granted and not decided: as many as the pipeline and the miss unit hold, fewer than 160.
    undecided: Reg<Bits<8>>,

    push: Signal<Local, Bit>,
    take: Signal<Local, Bit>,
    out_free: Signal<Local, Bit>,
    decided: Signal<Local, Bit>,
    full: Signal<Local, Bit>,
    part: Signal<Local, Bit>,
    record: Signal<Local, Bits<128>>,
    memory_taken: Signal<Local, Bit>,
    host_taken: Signal<Local, Bit>,
    idle: Signal<Local, Bit>,
    current: Signal<Local, Bits<128>>,
    good: [Signal<Local, Bit>; 4],
    base_address: Signal<Local, Dpa>,
}

impl Logic for Spool {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module spool");
        dff_setup!(
            self,
            clk,
            buffer,
            sequence,
            accessed,
            made_r,
            beats,
            beat,
            fill,
            out,
            out_index,
            out_fill,
            to_memory,
            to_host,
            unwritten,
            failed_r,
            state,
            merge_index,
            back,
            offers,
            granted,
            undecided
        );
        self.queue.clk.next = self.clk.val();
        self.queue.rst.next = self.rst.val();

        comment!("Records in.");
        self.push.next = self.result_valid.val()
            & (self.result_slot.val().kind == slot_kind::HARVEST)
            & (self.result.val().status == slot_status::DONE)
            & self.result.val().mask.any();
        self.queue.in_valid.next = self.push.val();
        self.queue.in_data.next.page = self.result_slot.val().page;
        self.queue.in_data.next.mask = self.result.val().mask;
        self.record_ok.next = self.queue.count.val() < 64;
        self.record_made.next = self.push.val();
        if self.push.val() {
            self.made_r.d.next = self.made_r.q.val() + 1;
        }
        self.made.next = self.made_r.q.val();

        comment!("Four records make a beat.");
        self.record.next = bit_cast::<128, PAGE_BITS>(self.queue.out_data.val().page)
            | (bit_cast::<128, 32>(self.sequence.q.val()) << 32)
            | (bit_cast::<128, 64>(self.queue.out_data.val().mask) << 64);
        self.out_free.next = !self.to_memory.q.val() & !self.to_host.q.val();
        self.take.next = self.queue.out_valid.val() & (self.out_free.val() | (self.fill.q.val() != 3));
        self.queue.out_ready.next = self.take.val();
        if self.take.val() {
            self.fill.d.next = self.fill.q.val() + 1;
            if self.fill.q.val() == 0 {
                self.beat.d.next.record0 = self.record.val();
            }
            if self.fill.q.val() == 1 {
                self.beat.d.next.record1 = self.record.val();
            }
            if self.fill.q.val() == 2 {
                self.beat.d.next.record2 = self.record.val();
            }
        }
        self.full.next = self.take.val() & (self.fill.q.val() == 3);
        self.part.next =
            self.finish.val() & !self.queue.out_valid.val() & (self.fill.q.val() != 0) & self.out_free.val();
        if self.full.val() | self.part.val() {
            self.out.d.next = self.beat.q.val();
            if self.full.val() {
                self.out.d.next.record3 = self.record.val();
            }
            self.out_index.d.next = self.beats.q.val();
            self.out_fill.d.next = self.fill.q.val() + bit_cast::<2, 1>(self.full.val().into());
            self.beats.d.next = self.beats.q.val() + 1;
            self.fill.d.next = 0.into();
        }

        comment!("A beat leaves to both sides, each in its own time.");
        self.base_address.next = bit_cast::<DPA_BITS, 26>(self.base.val()) << 12;
        self.write_valid.next = self.to_memory.q.val() & !self.unwritten.q.val().get_bit(7);
        self.write_address.next =
            self.base_address.val() + (bit_cast::<DPA_BITS, RECORDS_BITS>(self.out_index.q.val()) << 6);
        self.write_data.next = bit_cast::<512, 128>(self.out.q.val().record0)
            | (bit_cast::<512, 128>(self.out.q.val().record1) << 128)
            | (bit_cast::<512, 128>(self.out.q.val().record2) << 256)
            | (bit_cast::<512, 128>(self.out.q.val().record3) << 384);
        self.host_valid.next = self.to_host.q.val();
        self.host_address.next =
            self.buffer.q.val() + (bit_cast::<64, RECORDS_BITS>(self.out_index.q.val()) << 6);
        self.host_strobe.next = !bits::<64>(0);
        if self.out_fill.q.val() == 1 {
            self.host_strobe.next = bits::<64>(0xffff_u64);
        }
        if self.out_fill.q.val() == 2 {
            self.host_strobe.next = bits::<64>(0xffff_ffff_u64);
        }
        if self.out_fill.q.val() == 3 {
            self.host_strobe.next = bits::<64>(0xffff_ffff_ffff_u64);
        }
        self.memory_taken.next =
            self.to_memory.q.val() & !self.unwritten.q.val().get_bit(7) & self.write_ready.val();
        self.host_taken.next = self.to_host.q.val() & self.host_ready.val();
        if self.memory_taken.val() {
            self.to_memory.d.next = false;
        }
        if self.host_taken.val() {
            self.to_host.d.next = false;
        }
        if self.full.val() | self.part.val() {
            self.to_memory.d.next = true;
            self.to_host.d.next = true;
        }
        self.unwritten.d.next = self.unwritten.q.val() + bit_cast::<8, 1>(self.memory_taken.val().into())
            - bit_cast::<8, 1>(self.write_done.val().into());
        self.idle.next = !self.queue.out_valid.val()
            & self.out_free.val()
            & (self.fill.q.val() == 0)
            & (self.unwritten.q.val() == 0)
            & self.host_idle.val();
        self.flushed.next = self.idle.val();
        if self.host_error.val() {
            self.failed_r.d.next = true;
        }
        self.failed.next = self.failed_r.q.val();

        if self.begin.val() {
            self.buffer.d.next = self.begin_buffer.val();
            self.sequence.d.next = self.begin_sequence.val();
            self.accessed.d.next = self.begin_accessed.val();
            self.made_r.d.next = 0.into();
            self.beats.d.next = 0.into();
            self.failed_r.d.next = false;
        }

        comment!("The way back.");
        self.read_valid.next = self.state.q.val() == MergeState::Read;
        self.read_address.next = self.base_address.val()
            + ((bit_cast::<DPA_BITS, RECORDS_BITS>(self.merge_index.q.val()) >> 2) << 6);
        self.current.next = self.back.q.val().record0;
        self.good[0].next = (self.back.q.val().record0.get_bits::<32>(32) == self.sequence.q.val())
            & (self.back.q.val().record0.get_bits::<32>(0) < self.table_pages.val());
        self.good[1].next = (self.back.q.val().record1.get_bits::<32>(32) == self.sequence.q.val())
            & (self.back.q.val().record1.get_bits::<32>(0) < self.table_pages.val());
        self.good[2].next = (self.back.q.val().record2.get_bits::<32>(32) == self.sequence.q.val())
            & (self.back.q.val().record2.get_bits::<32>(0) < self.table_pages.val());
        self.good[3].next = (self.back.q.val().record3.get_bits::<32>(32) == self.sequence.q.val())
            & (self.back.q.val().record3.get_bits::<32>(0) < self.table_pages.val());
        self.slot_valid.next = self.offers.q.val();
        self.granted.d.next = self.slot_granted.val();
        if self.slot_granted.val() {
            self.offers.d.next = false;
        }
        self.slot.next.kind = slot_kind::MERGE.into();
        self.slot.next.page = self.current.val().get_bits::<PAGE_BITS>(0);
        self.slot.next.line = 0.into();
        self.slot.next.decodes = true;
        self.slot.next.timed_out = false;
        self.slot.next.opcode = 0.into();
        self.slot.next.meta_field = 0.into();
        self.slot.next.meta_value = 0.into();
        self.slot.next.snp_type = 0.into();
        self.slot.next.tag = 0.into();
        self.slot.next.flags = bits::<8>(0).replace_bit(2, self.accessed.q.val());
        self.slot.next.recalled = false;
        self.slot.next.context = 0.into();
        self.slot.next.frame = 0.into();
        self.slot.next.mask = self.current.val().get_bits::<64>(64);
        self.slot.next.data = 0.into();
        self.decided.next = self.result_valid.val() & (self.result_slot.val().kind == slot_kind::MERGE);
        self.undecided.d.next = self.undecided.q.val() + bit_cast::<8, 1>(self.slot_granted.val().into())
            - bit_cast::<8, 1>(self.decided.val().into());
        self.merged.next = false;
        match self.state.q.val() {
            MergeState::Idle => {
                if self.merge.val() {
                    self.merge_index.d.next = 0.into();
                    self.state.d.next = MergeState::Read;
                    if self.made_r.q.val() == 0 {
                        self.state.d.next = MergeState::Done;
                    }
                }
            }
            MergeState::Read => {
                if self.read_ready.val() {
                    self.state.d.next = MergeState::Wait;
                }
            }
            MergeState::Wait => {
                if self.read_data_valid.val() {
                    self.back.d.next.record0 = self.read_data.val().get_bits::<128>(0);
                    self.back.d.next.record1 = self.read_data.val().get_bits::<128>(128);
                    self.back.d.next.record2 = self.read_data.val().get_bits::<128>(256);
                    self.back.d.next.record3 = self.read_data.val().get_bits::<128>(384);
                    self.state.d.next = MergeState::Check;
                }
            }
            MergeState::Check => {
                if !self.good[0].val() {
                    self.back.d.next.record0 = 0.into();
                }
                if !self.good[1].val() {
                    self.back.d.next.record1 = 0.into();
                }
                if !self.good[2].val() {
                    self.back.d.next.record2 = 0.into();
                }
                if !self.good[3].val() {
                    self.back.d.next.record3 = 0.into();
                }
                self.offers.d.next = true;
                self.state.d.next = MergeState::Offer;
            }
            MergeState::Offer => {
                if self.granted.q.val() {
                    self.offers.d.next = true;
                    self.back.d.next.record0 = self.back.q.val().record1;
                    self.back.d.next.record1 = self.back.q.val().record2;
                    self.back.d.next.record2 = self.back.q.val().record3;
                    self.merge_index.d.next = self.merge_index.q.val() + 1;
                    if bit_cast::<32, RECORDS_BITS>(self.merge_index.q.val() + 1) == self.made_r.q.val() {
                        self.offers.d.next = false;
                        self.state.d.next = MergeState::Done;
                    } else if self.merge_index.q.val().get_bits::<2>(0) == 3 {
                        self.offers.d.next = false;
                        self.state.d.next = MergeState::Read;
                    }
                }
            }
            MergeState::Done => {
                if !self.undecided.q.val().any() {
                    self.merged.next = true;
                    self.made_r.d.next = 0.into();
                    self.state.d.next = MergeState::Idle;
                }
            }
            _ => {
                self.state.d.next = MergeState::Idle;
            }
        }
    }
}

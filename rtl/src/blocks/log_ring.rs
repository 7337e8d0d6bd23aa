//! The dirty-line log: a record in host memory for the first write of each line.
//!
//! # Operation
//! A committed slot that sets a dirty bit makes a record; it waits in a queue of 64 and is put into the ring, eight records
//! to a beat of 64 bytes. A beat leaves when it is full, or LOG_TIMER cycles after its first record came: then the rest
//! of it follows later, with the byte enables of the new records only. LOG_TAIL counts the records that are in host
//! memory.
//!
//! The log is best effort and nothing waits for it. A record that finds the queue or the ring full is dropped, and a write that
//! host memory answers with an error counts as lost; both set the overflow flag.
//!
//! *Interrupt*: when LOG_WATERMARK records came since the last one, or LOG_TIMER cycles after the first of fewer.
//!
//! While the log is off nothing of it is kept; switched on, it starts at record 0.
//!
//! # Timing
//! One record per cycle while host memory takes a beat in every eighth. Slot to beat: at least 3 cycles.

use super::types::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;
use tideline_abi::geometry::PAGE_BITS;

/// Streams first writes to host memory.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct LogRing {
    /// The clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// LOG_CONTROL.enable.
    pub enable: Signal<In, Bit>,
    /// LOG_BASE, the IOVA.
    pub base: Signal<In, Bits<64>>,
    /// LOG_SIZE: records of the ring, as a power of two.
    pub size_log2: Signal<In, Bits<5>>,
    /// LOG_HEAD: records that software has taken.
    pub head: Signal<In, Bits<32>>,
    /// LOG_WATERMARK.
    pub watermark: Signal<In, Bits<32>>,
    /// LOG_TIMER.
    pub timer: Signal<In, Bits<32>>,
    /// LOG_TAIL: records in host memory.
    pub tail: Signal<Out, Bits<32>>,
    /// LOG_DROPPED: records dropped since the log was switched on.
    pub dropped: Signal<Out, Bits<32>>,
    /// A record is lost.
    pub overflow: Signal<Out, Bit>,
    /// There is something to take.
    pub interrupt: Signal<Out, Bit>,
    /// No write is under way.
    pub idle: Signal<Out, Bit>,

    /// A slot was committed.
    pub result_valid: Signal<In, Bit>,
    /// The slot.
    pub result_slot: Signal<In, SlotBits>,
    /// What it decided.
    pub result: Signal<In, ResultBits>,

    /// A beat for host memory.
    pub host_valid: Signal<Out, Bit>,
    /// It is taken.
    pub host_ready: Signal<In, Bit>,
    /// Where it goes.
    pub host_address: Signal<Out, Bits<64>>,
    /// The beat.
    pub host_data: Signal<Out, Bits<512>>,
    /// Its byte enables.
    pub host_strobe: Signal<Out, Bits<64>>,
    /// Host memory answered the oldest write.
    pub host_done: Signal<In, Bit>,
    /// With an error.
    pub host_error: Signal<In, Bit>,

    queue: Fifo<Bits<LINE_BITS>, 6>,
    writes: Fifo<Bits<4>, 6>,
    running: Reg<Bit>,
    made: Reg<Bits<32>>,
    beat: Reg<Bits<512>>,
    fresh: Reg<Bits<4>>,
    age: Reg<Bits<32>>,
    out_valid: Reg<Bit>,
    out_beat: Reg<Bits<512>>,
    out_first: Reg<Bits<32>>,
    out_count: Reg<Bits<4>>,
    tail_r: Reg<Bits<32>>,
    dropped_r: Reg<Bits<32>>,
    told: Reg<Bits<32>>,
    waited: Reg<Bits<32>>,

    first_write: Signal<Local, Bit>,
    drop_in: Signal<Local, Bit>,
    size: Signal<Local, Bits<32>>,
    full: Signal<Local, Bit>,
    out_free: Signal<Local, Bit>,
    slot: Signal<Local, Bits<3>>,
    shift: Signal<Local, Bits<9>>,
    phase: Signal<Local, Bits<64>>,
    record: Signal<Local, Bits<64>>,
    take: Signal<Local, Bit>,
    drop_out: Signal<Local, Bit>,
    put: Signal<Local, Bit>,
    late: Signal<Local, Bit>,
    leaves: Signal<Local, Bit>,
    new_beat: Signal<Local, Bits<512>>,
    new_fresh: Signal<Local, Bits<4>>,
    offered: Signal<Local, Bit>,
    sent: Signal<Local, Bit>,
    from_first: Signal<Local, Bits<6>>,
    to_last: Signal<Local, Bits<6>>,
    untold: Signal<Local, Bits<32>>,
    tell: Signal<Local, Bit>,
}

impl Logic for LogRing {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module log_ring");
        dff_setup!(
            self, clk, running, made, beat, fresh, age, out_valid, out_beat, out_first, out_count, tail_r,
            dropped_r, told, waited
        );
        self.queue.clk.next = self.clk.val();
        self.queue.rst.next = self.rst.val() | !self.running.q.val();
        self.writes.clk.next = self.clk.val();
        self.writes.rst.next = self.rst.val();
        self.running.d.next = self.enable.val() & (self.running.q.val() | !self.writes.out_valid.val());

        comment!("First writes in.");
        self.first_write.next =
            self.running.q.val() & self.result_valid.val() & self.result.val().newly_dirty;
        self.queue.in_valid.next = self.first_write.val();
        self.queue.in_data.next = (bit_cast::<LINE_BITS, PAGE_BITS>(self.result_slot.val().page) << 6)
            | bit_cast::<LINE_BITS, 6>(self.result_slot.val().line);
        self.drop_in.next = self.first_write.val() & !self.queue.in_ready.val();

        comment!(
            "A record: the line, and on top the phase: 1 in the first pass of the ring, then inverted with each."
        );
        self.size.next = bits::<32>(1) << self.size_log2.val();
        self.phase.next = 0.into();
        if !(self.made.q.val() & self.size.val()).any() {
            self.phase.next = bits::<64>(1) << 63;
        }
        self.record.next = bit_cast::<64, LINE_BITS>(self.queue.out_data.val()) | self.phase.val();

        comment!("Into the beat, if the ring has a place.");
        self.full.next = (self.made.q.val() - self.head.val()) >= self.size.val();
        self.out_free.next = !self.out_valid.q.val() & self.writes.in_ready.val();
        self.slot.next = self.made.q.val().get_bits::<3>(0);
        self.shift.next = bit_cast::<9, 3>(self.slot.val()) << 6;
        self.take.next = self.queue.out_valid.val() & (self.out_free.val() | !self.slot.val().all());
        self.queue.out_ready.next = self.take.val();
        self.drop_out.next = self.take.val() & self.full.val();
        self.put.next = self.take.val() & !self.full.val();
        self.new_beat.next = self.beat.q.val();
        self.new_fresh.next = self.fresh.q.val();
        if self.put.val() {
            self.new_beat.next = (self.beat.q.val()
                & !(bits::<512>(0xffff_ffff_ffff_ffff_u64) << self.shift.val()))
                | (bit_cast::<512, 64>(self.record.val()) << self.shift.val());
            self.new_fresh.next = self.fresh.q.val() + 1;
            self.made.d.next = self.made.q.val() + 1;
        }
        self.beat.d.next = self.new_beat.val();
        self.fresh.d.next = self.new_fresh.val();

        comment!("A beat leaves when it is full, or old.");
        self.age.d.next = 0.into();
        if self.fresh.q.val().any() {
            self.age.d.next = self.age.q.val() + 1;
        }
        self.late.next = self.fresh.q.val().any() & (self.age.q.val() >= self.timer.val());
        self.leaves.next = self.out_free.val() & ((self.put.val() & self.slot.val().all()) | self.late.val());
        self.offered.next = self.out_valid.q.val() & self.enable.val();
        self.sent.next = self.offered.val() & self.host_ready.val();
        if self.sent.val() {
            self.out_valid.d.next = false;
        }
        if self.leaves.val() {
            self.out_valid.d.next = true;
            self.out_beat.d.next = self.new_beat.val();
            self.out_first.d.next = self.made.q.val() - bit_cast::<32, 4>(self.fresh.q.val());
            self.out_count.d.next = self.new_fresh.val();
            self.fresh.d.next = 0.into();
            self.age.d.next = 0.into();
        }

        comment!("The bytes of its new records, which are neighbours.");
        self.from_first.next = bit_cast::<6, 3>(self.out_first.q.val().get_bits::<3>(0)) << 3;
        self.to_last.next = bit_cast::<6, 3>(bits::<3>(0) - self.out_count.q.val().get_bits::<3>(0)) << 3;
        self.host_valid.next = self.offered.val();
        self.host_address.next = self.base.val()
            + ((bit_cast::<64, 32>(self.out_first.q.val() & (self.size.val() - 1)) >> 3) << 6);
        self.host_data.next = self.out_beat.q.val();
        self.host_strobe.next = (!bits::<64>(0) >> self.to_last.val()) << self.from_first.val();

        comment!("What is in host memory: answers come in the order of the writes.");
        self.writes.in_valid.next = self.sent.val();
        self.writes.in_data.next = self.out_count.q.val();
        self.writes.out_ready.next = self.host_done.val();
        if self.host_done.val() {
            self.tail_r.d.next = self.tail_r.q.val() + bit_cast::<32, 4>(self.writes.out_data.val());
        }
        self.tail.next = self.tail_r.q.val();
        self.idle.next = !self.out_valid.q.val() & !self.writes.out_valid.val();

        comment!("What is lost.");
        self.dropped_r.d.next = self.dropped_r.q.val()
            + bit_cast::<32, 1>(self.drop_in.val().into())
            + bit_cast::<32, 1>(self.drop_out.val().into());
        self.dropped.next = self.dropped_r.q.val();
        self.overflow.next = self.running.q.val()
            & self.enable.val()
            & (self.drop_in.val() | self.drop_out.val() | (self.host_done.val() & self.host_error.val()));

        comment!("The interrupt: enough records, or fewer for a while.");
        self.untold.next = self.tail_r.q.val() - self.told.q.val();
        self.waited.d.next = 0.into();
        if self.untold.val().any() {
            self.waited.d.next = self.waited.q.val() + 1;
        }
        self.tell.next = self.untold.val().any()
            & ((self.untold.val() >= self.watermark.val()) | (self.waited.q.val() >= self.timer.val()));
        if self.tell.val() {
            self.told.d.next = self.tail_r.q.val();
            self.waited.d.next = 0.into();
        }
        self.interrupt.next = self.tell.val() & self.running.q.val() & self.enable.val();

        comment!("Off: nothing is kept.");
        if !self.running.q.val() | !self.enable.val() {
            self.made.d.next = 0.into();
            self.fresh.d.next = 0.into();
            self.age.d.next = 0.into();
            self.out_valid.d.next = false;
            self.tail_r.d.next = 0.into();
            self.dropped_r.d.next = 0.into();
            self.told.d.next = 0.into();
            self.waited.d.next = 0.into();
        }
    }
}

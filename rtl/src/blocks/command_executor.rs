//! Takes commands from the submission queue, checks them, runs them, and writes completions.
//!
//! # Operation
//! One command is read and checked at a time. It never waits here: IDENTIFY, HARVEST_ACK and every refused command complete
//! at once; a range command, a FENCE, an ABORT and a HARVEST_NACK are parked, each in a place of its own, and complete when
//! they are done, while further commands are read. A place in the completion queue is reserved before a command is read.
//!
//! *Range commands* go to the walker. UNMAP ends with a fence, so that nothing touches its frames any more. HARVEST ends
//! when every record is in device memory and in host memory; if host memory refused one, or on ABORT, the records are
//! merged back. Otherwise the result waits for HARVEST_ACK (dropped) or HARVEST_NACK (merged back).
//!
//! *Reset* (`flr`): no more commands are read, a running command is stopped, an unacknowledged result is merged back,
//! parked commands are forgotten, queues start again at 0, generation + 1. Line traffic does not notice.
//!
//! # Timing
//! Some 10 cycles per command beside the latency of host memory.

use super::types::BOUND_BITS;
use crate::prim::*;
use rust_hdl_core::prelude::*;
use tideline_abi::command::{opcode, result_flag, status};
use tideline_abi::geometry::size;
use tideline_abi::slot::slot_kind;

/// What the executor does.
#[derive(Copy, Clone, Debug, PartialEq, LogicState)]
pub enum ExecState {
    /// Looks for something to do.
    Idle,
    /// Waits for the command.
    Fetch,
    /// Checks it.
    Check,
    /// Starts it, or refuses.
    Start,
    /// Offers a completion.
    Complete,
    /// Waits until host memory has it.
    Written,
    /// Reset: waits until the running command has ended.
    Drain,
    /// Reset: waits until the result is merged back.
    Recover,
}

/// What the running range command does.
#[derive(Copy, Clone, Debug, PartialEq, LogicState)]
pub enum RunState {
    /// There is none.
    None,
    /// The walker walks.
    Walk,
    /// UNMAP: waits for a fence.
    Fence,
    /// UNMAP: the fence.
    Fencing,
    /// HARVEST: waits until records are everywhere.
    Flush,
    /// HARVEST: records are merged back.
    Merge,
    /// Done, not completed.
    Ended,
}

/// What a FENCE does.
#[derive(Copy, Clone, Debug, PartialEq, LogicState)]
pub enum FenceState {
    /// There is none.
    None,
    /// Waits for the commands before it.
    Before,
    /// Waits for the fence.
    Ready,
    /// The fence.
    Fencing,
    /// Done, not completed.
    Ended,
}

/// Executes commands.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct CommandExecutor {
    /// The clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// The power-up scrub is done.
    pub ready: Signal<In, Bit>,
    /// Function level reset is asked for.
    pub flr: Signal<In, Bit>,
    /// A function level reset is under way.
    pub resetting: Signal<Out, Bit>,
    /// It ends; high for one cycle.
    pub reset_done: Signal<Out, Bit>,

    /// CTRL.enable.
    pub enable: Signal<In, Bit>,
    /// Pages of the window.
    pub window_pages: Signal<In, Bits<32>>,
    /// FRAMES.
    pub frames: Signal<In, Bits<32>>,
    /// SQ_BASE.
    pub sq_base: Signal<In, Bits<64>>,
    /// CQ_BASE.
    pub cq_base: Signal<In, Bits<64>>,
    /// QUEUE_SIZE.
    pub queue_size: Signal<In, Bits<32>>,
    /// SQ_TAIL.
    pub sq_tail: Signal<In, Bits<16>>,
    /// CQ_HEAD.
    pub cq_head: Signal<In, Bits<16>>,
    /// SQ_HEAD.
    pub sq_head: Signal<Out, Bits<16>>,
    /// GENERATION.
    pub generation: Signal<Out, Bits<32>>,
    /// A range command runs.
    pub busy: Signal<Out, Bit>,
    /// A result waits for its acknowledgement.
    pub result_waits: Signal<Out, Bit>,
    /// A completion was written.
    pub completed: Signal<Out, Bit>,

    /// Read a command.
    pub fetch: Signal<Out, Bit>,
    /// From where.
    pub fetch_address: Signal<Out, Bits<64>>,
    /// It arrives.
    pub fetched: Signal<In, Bit>,
    /// The command.
    pub command: Signal<In, Bits<512>>,
    /// It arrived with an error.
    pub fetch_error: Signal<In, Bit>,
    /// A completion is offered.
    pub complete: Signal<Out, Bit>,
    /// It is taken.
    pub complete_ready: Signal<In, Bit>,
    /// Where it goes.
    pub complete_address: Signal<Out, Bits<64>>,
    /// The completion.
    pub completion: Signal<Out, Bits<512>>,
    /// Host memory has it.
    pub complete_written: Signal<In, Bit>,

    /// Starts a walk.
    pub walk_start: Signal<Out, Bit>,
    /// `slot_kind` of its page slots.
    pub walk_kind: Signal<Out, Bits<4>>,
    /// Flags.
    pub walk_flags: Signal<Out, Bits<8>>,
    /// First page.
    pub walk_page: Signal<Out, Bits<BOUND_BITS>>,
    /// Page behind the last.
    pub walk_end: Signal<Out, Bits<BOUND_BITS>>,
    /// First frame.
    pub walk_frame: Signal<Out, Bits<26>>,
    /// Most records.
    pub walk_records: Signal<Out, Bits<32>>,
    /// Stops the walk.
    pub walk_stop: Signal<Out, Bit>,
    /// It has ended.
    pub walk_done: Signal<In, Bit>,
    /// First page not done.
    pub walk_cursor: Signal<In, Bits<BOUND_BITS>>,
    /// A page was in the wrong state.
    pub walk_failed: Signal<In, Bit>,
    /// A recall timed out.
    pub walk_timed_out: Signal<In, Bit>,
    /// No more room for records.
    pub walk_partial: Signal<In, Bit>,
    /// A recall timed out (any).
    pub recall_timed_out: Signal<In, Bit>,

    /// A result begins.
    pub spool_begin: Signal<Out, Bit>,
    /// Its record buffer.
    pub spool_buffer: Signal<Out, Bits<64>>,
    /// Its sequence.
    pub spool_sequence: Signal<Out, Bits<32>>,
    /// It reports accessed lines.
    pub spool_accessed: Signal<Out, Bit>,
    /// No more records will come.
    pub spool_finish: Signal<Out, Bit>,
    /// Records are everywhere.
    pub spool_flushed: Signal<In, Bit>,
    /// Host memory refused a record.
    pub spool_failed: Signal<In, Bit>,
    /// Records of the result.
    pub spool_made: Signal<In, Bits<32>>,
    /// Merge back.
    pub spool_merge: Signal<Out, Bit>,
    /// Merged.
    pub spool_merged: Signal<In, Bit>,

    /// Start a memory fence.
    pub fence_start: Signal<Out, Bit>,
    /// It would start now.
    pub fence_ready: Signal<In, Bit>,
    /// It is complete.
    pub fence_done: Signal<In, Bit>,
    /// Device memory answered with an error, or a page slot met a poisoned page.
    pub memory_error: Signal<In, Bit>,

    state: Reg<ExecState>,
    // The verdict on the command.
    judged: Reg<Bits<8>>,
    head: Reg<Bits<16>>,
    tail: Reg<Bits<16>>,
    phase: Reg<Bit>,
    reserved: Reg<Bits<4>>,
    restart: Reg<Bit>,
    generation_r: Reg<Bits<32>>,
    sequence: Reg<Bits<32>>,
    waiting: Reg<Bit>,
    waiting_sequence: Reg<Bits<32>>,
    flr_pending: Reg<Bit>,
    cmd: Reg<Bits<512>>,
    cmd_error: Reg<Bit>,
    memory_failed: Reg<Bit>,
    failure_waits: Reg<Bit>,
    run: Reg<RunState>,
    run_opcode: Reg<Bits<8>>,
    run_flags: Reg<Bits<8>>,
    run_cid: Reg<Bits<16>>,
    run_aborted: Reg<Bit>,
    run_cursor: Reg<Bits<BOUND_BITS>>,
    run_first: Reg<Bits<BOUND_BITS>>,
    run_failed: Reg<Bit>,
    run_timed_out: Reg<Bit>,
    run_partial: Reg<Bit>,
    run_dma_error: Reg<Bit>,
    run_memory_error: Reg<Bit>,
    fence: Reg<FenceState>,
    fence_cid: Reg<Bits<16>>,
    fence_aborted: Reg<Bit>,
    abort_parked: Reg<Bit>,
    abort_cid: Reg<Bits<16>>,
    nack_parked: Reg<Bit>,
    nack_done: Reg<Bit>,
    nack_cid: Reg<Bits<16>>,
    out_cid: Reg<Bits<16>>,
    out_status: Reg<Bits<8>>,
    out_flags: Reg<Bits<4>>,
    out_sequence: Reg<Bits<32>>,
    out_records: Reg<Bits<32>>,
    out_cursor: Reg<Bits<32>>,
    out_detail: Reg<Bit>,

    sq_mask: Signal<Local, Bits<16>>,
    cq_mask: Signal<Local, Bits<16>>,
    cq_used: Signal<Local, Bits<16>>,
    sq_waits: Signal<Local, Bit>,
    cq_room: Signal<Local, Bit>,
    fetch_now: Signal<Local, Bit>,
    op: Signal<Local, Bits<8>>,
    flags: Signal<Local, Bits<8>>,
    cid: Signal<Local, Bits<16>>,
    page: Signal<Local, Bits<32>>,
    count: Signal<Local, Bits<32>>,
    arg: Signal<Local, Bits<64>>,
    param: Signal<Local, Bits<32>>,
    cursor: Signal<Local, Bits<32>>,
    is_identify: Signal<Local, Bit>,
    is_fence: Signal<Local, Bit>,
    is_abort: Signal<Local, Bit>,
    is_map: Signal<Local, Bit>,
    is_unmap: Signal<Local, Bit>,
    is_track: Signal<Local, Bit>,
    is_recall: Signal<Local, Bit>,
    is_harvest: Signal<Local, Bit>,
    is_ack: Signal<Local, Bit>,
    is_nack: Signal<Local, Bit>,
    is_range: Signal<Local, Bit>,
    known: Signal<Local, Bit>,
    bad_field: Signal<Local, Bit>,
    end: Signal<Local, Bits<34>>,
    bad_range: Signal<Local, Bit>,
    bad_frames: Signal<Local, Bit>,
    bad_cursor: Signal<Local, Bit>,
    bad_alignment: Signal<Local, Bit>,
    is_busy: Signal<Local, Bit>,
    bad_sequence: Signal<Local, Bit>,
    abort_run: Signal<Local, Bit>,
    abort_fence: Signal<Local, Bit>,
    verdict: Signal<Local, Bits<8>>,
    not_found: Signal<Local, Bit>,
    accepted: Signal<Local, Bit>,
    start_run: Signal<Local, Bit>,
    start_harvest: Signal<Local, Bit>,
    run_wants_fence: Signal<Local, Bit>,
    fence_wants_fence: Signal<Local, Bit>,
    merge_run: Signal<Local, Bit>,
    merge_nack: Signal<Local, Bit>,
    merge_reset: Signal<Local, Bit>,
    abort_now: Signal<Local, Bit>,
    abort_any: Signal<Local, Bit>,
    reset_ends: Signal<Local, Bit>,
    run_status: Signal<Local, Bits<8>>,
    run_is_harvest: Signal<Local, Bit>,
    run_error: Signal<Local, Bit>,
    stop_now: Signal<Local, Bit>,
    words: Signal<Local, Bits<512>>,
    flag_word: Signal<Local, Bits<16>>,
    taking: Signal<Local, Bit>,
    completing: Signal<Local, Bit>,
}

impl Logic for CommandExecutor {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module command_executor");
        dff_setup!(
            self,
            clk,
            state,
            judged,
            head,
            tail,
            phase,
            reserved,
            restart,
            generation_r,
            sequence,
            waiting,
            waiting_sequence,
            flr_pending,
            cmd,
            cmd_error,
            memory_failed,
            failure_waits,
            run,
            run_opcode,
            run_flags,
            run_cid,
            run_aborted,
            run_cursor,
            run_first,
            run_failed,
            run_timed_out,
            run_partial,
            run_dma_error,
            run_memory_error,
            fence,
            fence_cid,
            fence_aborted,
            abort_parked,
            abort_cid,
            nack_parked,
            nack_done,
            nack_cid,
            out_cid,
            out_status,
            out_flags,
            out_sequence,
            out_records,
            out_cursor,
            out_detail
        );

        comment!("Queues. A place in the completion queue is kept for every command that was read.");
        self.sq_mask.next = (bits::<16>(1) << self.queue_size.val().get_bits::<4>(0)) - 1;
        self.cq_mask.next = (bits::<16>(1) << self.queue_size.val().get_bits::<4>(8)) - 1;
        self.cq_used.next = ((self.tail.q.val() - self.cq_head.val()) & self.cq_mask.val())
            + bit_cast::<16, 4>(self.reserved.q.val());
        self.sq_waits.next = self.enable.val()
            & !self.restart.q.val()
            & (self.head.q.val() != (self.sq_tail.val() & self.sq_mask.val()));
        self.cq_room.next = self.cq_used.val() < self.cq_mask.val();
        self.fetch_address.next = self.sq_base.val() + (bit_cast::<64, 16>(self.head.q.val()) << 6);
        self.complete_address.next = self.cq_base.val() + (bit_cast::<64, 16>(self.tail.q.val()) << 6);
        self.sq_head.next = self.head.q.val();
        self.generation.next = self.generation_r.q.val();
        self.busy.next = self.run.q.val() != RunState::None;
        self.result_waits.next = self.waiting.q.val();

        comment!("The command.");
        self.op.next = self.cmd.q.val().get_bits::<8>(0);
        self.flags.next = self.cmd.q.val().get_bits::<8>(8);
        self.cid.next = self.cmd.q.val().get_bits::<16>(16);
        self.page.next = self.cmd.q.val().get_bits::<32>(64);
        self.count.next = self.cmd.q.val().get_bits::<32>(96);
        self.arg.next = self.cmd.q.val().get_bits::<64>(128);
        self.param.next = self.cmd.q.val().get_bits::<32>(192);
        self.cursor.next = self.cmd.q.val().get_bits::<32>(224);
        self.is_identify.next = self.op.val() == opcode::IDENTIFY;
        self.is_fence.next = self.op.val() == opcode::FENCE;
        self.is_abort.next = self.op.val() == opcode::ABORT;
        self.is_map.next = self.op.val() == opcode::MAP;
        self.is_unmap.next = self.op.val() == opcode::UNMAP;
        self.is_track.next = self.op.val() == opcode::TRACK;
        self.is_recall.next = self.op.val() == opcode::RECALL;
        self.is_harvest.next = self.op.val() == opcode::HARVEST;
        self.is_ack.next = self.op.val() == opcode::HARVEST_ACK;
        self.is_nack.next = self.op.val() == opcode::HARVEST_NACK;
        self.is_range.next = self.is_map.val()
            | self.is_unmap.val()
            | self.is_track.val()
            | self.is_recall.val()
            | self.is_harvest.val();
        self.known.next = self.is_identify.val()
            | self.is_fence.val()
            | self.is_abort.val()
            | self.is_ack.val()
            | self.is_nack.val()
            | self.is_range.val();

        comment!("The checks, in the order of docs/contract.md.");
        self.bad_field.next = (self.cmd.q.val().get_bits::<32>(32) != 0)
            | self.cmd.q.val().get_bits::<256>(256).any()
            | ((self.page.val().any() | self.count.val().any()) & !self.is_range.val())
            | (self.arg.val().any() & !self.is_map.val() & !self.is_harvest.val())
            | (self.cursor.val().any() & !self.is_harvest.val())
            | (self.param.val().any()
                & !self.is_harvest.val()
                & !self.is_ack.val()
                & !self.is_nack.val()
                & !self.is_abort.val())
            | (self.is_abort.val() & self.param.val().get_bits::<16>(16).any())
            | (self.is_harvest.val() & !self.param.val().any())
            | (self.flags.val().get_bits::<4>(4) != 0)
            | (self.flags.val().get_bit(3) & !self.is_map.val())
            | (self.flags.val().get_bit(2) & !self.is_harvest.val())
            | (self.flags.val().get_bit(1) & !self.is_harvest.val() & !self.is_track.val())
            | (self.flags.val().get_bit(0)
                & !self.is_harvest.val()
                & !self.is_track.val()
                & !self.is_recall.val())
            | (self.is_track.val() & self.flags.val().get_bit(1) & !self.flags.val().get_bit(0));
        self.end.next = bit_cast::<34, 32>(self.page.val()) + bit_cast::<34, 32>(self.count.val());
        self.bad_range.next = self.is_range.val()
            & (!self.count.val().any() | (self.end.val() > bit_cast::<34, 32>(self.window_pages.val())));
        self.bad_frames.next = self.is_map.val()
            & ((self.arg.val().get_bits::<32>(32) != 0)
                | ((bit_cast::<34, 32>(self.arg.val().get_bits::<32>(0))
                    + bit_cast::<34, 32>(self.count.val()))
                    > bit_cast::<34, 32>(self.frames.val())));
        self.bad_cursor.next = self.is_harvest.val()
            & self.cursor.val().any()
            & ((self.cursor.val() < self.page.val())
                | (bit_cast::<34, 32>(self.cursor.val()) >= self.end.val()));
        self.bad_alignment.next = (self.is_harvest.val() & (self.arg.val().get_bits::<6>(0) != 0))
            | (self.is_map.val()
                & self.flags.val().get_bit(3)
                & (self.page.val().get_bits::<9>(0).any()
                    | self.count.val().get_bits::<9>(0).any()
                    | self.arg.val().get_bits::<9>(0).any()));
        self.is_busy.next = (self.is_range.val() & (self.run.q.val() != RunState::None))
            | (self.is_harvest.val() & (self.waiting.q.val() | self.nack_parked.q.val()))
            | (self.is_fence.val() & (self.fence.q.val() != FenceState::None))
            | (self.is_abort.val() & self.abort_parked.q.val())
            | ((self.is_ack.val() | self.is_nack.val()) & self.nack_parked.q.val());
        self.bad_sequence.next = (self.is_ack.val() | self.is_nack.val())
            & (!self.waiting.q.val() | (self.waiting_sequence.q.val() != self.param.val()));
        self.abort_run.next = self.is_abort.val()
            & ((self.run.q.val() == RunState::Walk) | (self.run.q.val() == RunState::Flush))
            & (self.run_cid.q.val() == self.param.val().get_bits::<16>(0));
        self.abort_fence.next = self.is_abort.val()
            & ((self.fence.q.val() == FenceState::Before) | (self.fence.q.val() == FenceState::Ready))
            & (self.fence_cid.q.val() == self.param.val().get_bits::<16>(0));
        self.verdict.next = status::SUCCESS.into();
        if self.cmd_error.q.val() {
            self.verdict.next = status::DMA_ERROR.into();
        } else if !self.known.val() {
            self.verdict.next = status::INVALID_OPCODE.into();
        } else if self.bad_field.val() {
            self.verdict.next = status::INVALID_FIELD.into();
        } else if self.bad_range.val() | self.bad_frames.val() | self.bad_cursor.val() {
            self.verdict.next = status::OUT_OF_RANGE.into();
        } else if self.bad_alignment.val() {
            self.verdict.next = status::MISALIGNED.into();
        } else if self.is_busy.val() {
            self.verdict.next = status::BUSY.into();
        } else if self.bad_sequence.val() {
            self.verdict.next = status::BAD_SEQUENCE.into();
        }
        comment!("What an ABORT is about may end until the last moment.");
        self.not_found.next = (self.judged.q.val() == status::SUCCESS)
            & self.is_abort.val()
            & !self.abort_run.val()
            & !self.abort_fence.val();
        self.accepted.next = (self.state.q.val() == ExecState::Start)
            & (self.judged.q.val() == status::SUCCESS)
            & !self.not_found.val();
        self.start_run.next = self.accepted.val() & self.is_range.val();
        self.start_harvest.next = self.accepted.val() & self.is_harvest.val();

        comment!("The walker and the spool start with the command.");
        self.walk_start.next = self.start_run.val();
        self.walk_kind.next = slot_kind::HARVEST.into();
        if self.is_map.val() {
            self.walk_kind.next = slot_kind::MAP.into();
        } else if self.is_unmap.val() {
            self.walk_kind.next = slot_kind::UNMAP.into();
        } else if self.is_recall.val() {
            self.walk_kind.next = slot_kind::RECALL.into();
        } else if self.is_track.val() {
            self.walk_kind.next = slot_kind::TRACK_CLEAR.into();
            if self.flags.val().get_bit(0) {
                self.walk_kind.next = slot_kind::TRACK_SET.into();
            }
        }
        self.walk_flags.next = self.flags.val();
        self.walk_page.next = self.page.val().get_bits::<BOUND_BITS>(0);
        if self.is_harvest.val() & self.cursor.val().any() {
            self.walk_page.next = self.cursor.val().get_bits::<BOUND_BITS>(0);
        }
        self.walk_end.next = self.end.val().get_bits::<BOUND_BITS>(0);
        self.walk_frame.next = self.arg.val().get_bits::<26>(0);
        self.walk_records.next = self.param.val();
        self.spool_begin.next = self.start_harvest.val();
        self.spool_buffer.next = self.arg.val();
        self.spool_sequence.next = self.sequence.q.val() + 1;
        self.spool_accessed.next = self.flags.val().get_bit(2);

        comment!("The running command.");
        self.run_is_harvest.next = self.run_opcode.q.val() == opcode::HARVEST;
        self.abort_now.next = self.accepted.val() & self.abort_run.val();
        self.abort_any.next = self.accepted.val() & self.is_abort.val();
        self.stop_now.next = self.abort_now.val() | (self.state.q.val() == ExecState::Drain);
        self.walk_stop.next = self.stop_now.val();
        self.run_wants_fence.next = self.run.q.val() == RunState::Fence;
        self.fence_wants_fence.next = (self.fence.q.val() == FenceState::Ready) & !self.run_wants_fence.val();
        self.fence_start.next =
            self.fence_ready.val() & (self.run_wants_fence.val() | self.fence_wants_fence.val());
        self.spool_finish.next = self.run.q.val() == RunState::Flush;
        self.merge_run.next = false;
        if self.stop_now.val() & (self.run.q.val() != RunState::None) & (self.run.q.val() != RunState::Ended)
        {
            self.run_aborted.d.next = true;
        }
        match self.run.q.val() {
            RunState::None => {}
            RunState::Walk => {
                if self.walk_done.val() {
                    self.run_cursor.d.next = self.walk_cursor.val();
                    self.run_failed.d.next = self.walk_failed.val();
                    self.run_timed_out.d.next = self.walk_timed_out.val();
                    self.run_partial.d.next = self.walk_partial.val();
                    self.run.d.next = RunState::Ended;
                    if self.run_opcode.q.val() == opcode::UNMAP {
                        self.run.d.next = RunState::Fence;
                    }
                    if self.run_is_harvest.val() {
                        self.run.d.next = RunState::Flush;
                    }
                }
            }
            RunState::Fence => {
                if self.fence_ready.val() {
                    self.run.d.next = RunState::Fencing;
                }
            }
            RunState::Fencing => {
                if self.fence_done.val() {
                    self.run.d.next = RunState::Ended;
                }
            }
            RunState::Flush => {
                if self.spool_flushed.val() {
                    self.run_dma_error.d.next = self.spool_failed.val();
                    if self.spool_failed.val() | self.run_aborted.q.val() | self.stop_now.val() {
                        comment!("Nothing was reported: the harvest has to start again.");
                        self.run_cursor.d.next = self.run_first.q.val();
                        self.merge_run.next = true;
                        self.run.d.next = RunState::Merge;
                    } else {
                        self.waiting.d.next = true;
                        self.waiting_sequence.d.next = self.sequence.q.val();
                        if !self.run_timed_out.q.val() {
                            comment!("The status names one cause: beside a timeout the next result tells.");
                            self.run_memory_error.d.next = self.memory_failed.q.val();
                            self.failure_waits.d.next = self.memory_failed.q.val();
                            self.memory_failed.d.next = false;
                        }
                        self.run.d.next = RunState::Ended;
                    }
                }
            }
            RunState::Merge => {
                if self.spool_merged.val() {
                    self.run.d.next = RunState::Ended;
                }
            }
            RunState::Ended => {}
            _ => {
                self.run.d.next = RunState::None;
            }
        }
        if self.start_run.val() {
            self.run.d.next = RunState::Walk;
            self.run_opcode.d.next = self.op.val();
            self.run_flags.d.next = self.flags.val();
            self.run_cid.d.next = self.cid.val();
            self.run_first.d.next = self.walk_page.val();
            self.run_aborted.d.next = false;
            self.run_dma_error.d.next = false;
            self.run_memory_error.d.next = false;
        }
        if self.start_harvest.val() {
            self.sequence.d.next = self.sequence.q.val() + 1;
        }
        self.run_error.next = self.run_timed_out.q.val() | self.run_memory_error.q.val();
        self.run_status.next = status::SUCCESS.into();
        if self.run_aborted.q.val() {
            self.run_status.next = status::ABORTED.into();
        } else if self.run_dma_error.q.val() {
            self.run_status.next = status::DMA_ERROR.into();
        } else if self.run_failed.q.val() {
            self.run_status.next = status::WRONG_STATE.into();
        } else if self.run_timed_out.q.val() {
            self.run_status.next = status::RECALL_TIMEOUT.into();
        } else if self.run_memory_error.q.val() {
            self.run_status.next = status::MEMORY_ERROR.into();
        }

        comment!("The fence command.");
        match self.fence.q.val() {
            FenceState::None => {}
            FenceState::Before => {
                if ((self.run.q.val() == RunState::None) | (self.run.q.val() == RunState::Ended))
                    & !self.abort_parked.q.val()
                    & !self.nack_parked.q.val()
                {
                    self.fence.d.next = FenceState::Ready;
                }
            }
            FenceState::Ready => {
                if self.fence_ready.val() & !self.run_wants_fence.val() {
                    self.fence.d.next = FenceState::Fencing;
                }
            }
            FenceState::Fencing => {
                if self.fence_done.val() {
                    self.fence.d.next = FenceState::Ended;
                }
            }
            FenceState::Ended => {}
            _ => {
                self.fence.d.next = FenceState::None;
            }
        }
        if self.accepted.val() & self.is_fence.val() {
            self.fence.d.next = FenceState::Before;
            self.fence_cid.d.next = self.cid.val();
            self.fence_aborted.d.next = false;
        }
        if self.accepted.val() & self.abort_fence.val() {
            self.fence.d.next = FenceState::Ended;
            self.fence_aborted.d.next = true;
        }

        comment!("Merging back on HARVEST_NACK.");
        self.merge_nack.next = self.accepted.val() & self.is_nack.val();
        if self.merge_nack.val() {
            self.nack_parked.d.next = true;
            self.nack_done.d.next = false;
            self.nack_cid.d.next = self.cid.val();
            self.waiting.d.next = false;
        }
        if self.nack_parked.q.val() & self.spool_merged.val() {
            self.nack_done.d.next = true;
        }
        if self.accepted.val() & self.is_ack.val() {
            self.waiting.d.next = false;
        }
        if self.abort_now.val() {
            self.abort_parked.d.next = true;
            self.abort_cid.d.next = self.cid.val();
        }

        comment!("One thing at a time: ended commands first, then new ones.");
        self.fetch_now.next = false;
        self.taking.next = false;
        self.completing.next = false;
        self.merge_reset.next = false;
        self.restart.d.next = self.restart.q.val() | !self.enable.val();
        self.reset_ends.next = false;
        if self.flr.val() {
            self.flr_pending.d.next = true;
        }
        match self.state.q.val() {
            ExecState::Idle => {
                if self.flr_pending.q.val() {
                    self.state.d.next = ExecState::Drain;
                } else if self.ready.val() & (self.run.q.val() == RunState::Ended) {
                    self.run.d.next = RunState::None;
                    self.out_cid.d.next = self.run_cid.q.val();
                    self.out_status.d.next = self.run_status.val();
                    self.out_flags.d.next = bits::<4>(0)
                        .replace_bit(
                            result_flag::PARTIAL,
                            self.run_is_harvest.val() & self.run_partial.q.val(),
                        )
                        .replace_bit(result_flag::ERROR, self.run_is_harvest.val() & self.run_error.val())
                        .replace_bit(
                            result_flag::NO_RECALL,
                            self.run_is_harvest.val() & !self.run_flags.q.val().get_bit(0),
                        );
                    self.out_sequence.d.next = 0.into();
                    self.out_records.d.next = 0.into();
                    if self.run_is_harvest.val() {
                        self.out_sequence.d.next = self.sequence.q.val();
                        self.out_records.d.next = self.spool_made.val();
                    }
                    self.out_cursor.d.next = bit_cast::<32, BOUND_BITS>(self.run_cursor.q.val());
                    self.out_detail.d.next = false;
                    self.state.d.next = ExecState::Complete;
                } else if self.fence.q.val() == FenceState::Ended {
                    self.fence.d.next = FenceState::None;
                    self.out_cid.d.next = self.fence_cid.q.val();
                    self.out_status.d.next = status::SUCCESS.into();
                    if self.fence_aborted.q.val() {
                        self.out_status.d.next = status::ABORTED.into();
                    }
                    self.out_flags.d.next = 0.into();
                    self.out_sequence.d.next = 0.into();
                    self.out_records.d.next = 0.into();
                    self.out_cursor.d.next = 0.into();
                    self.out_detail.d.next = false;
                    self.state.d.next = ExecState::Complete;
                } else if self.abort_parked.q.val() & (self.run.q.val() == RunState::None) {
                    self.abort_parked.d.next = false;
                    self.out_cid.d.next = self.abort_cid.q.val();
                    self.out_status.d.next = status::SUCCESS.into();
                    self.out_flags.d.next = 0.into();
                    self.out_sequence.d.next = 0.into();
                    self.out_records.d.next = 0.into();
                    self.out_cursor.d.next = 0.into();
                    self.out_detail.d.next = false;
                    self.state.d.next = ExecState::Complete;
                } else if self.nack_parked.q.val() & self.nack_done.q.val() {
                    self.nack_parked.d.next = false;
                    self.out_cid.d.next = self.nack_cid.q.val();
                    self.out_status.d.next = status::SUCCESS.into();
                    self.out_flags.d.next = 0.into();
                    self.out_sequence.d.next = 0.into();
                    self.out_records.d.next = 0.into();
                    self.out_cursor.d.next = 0.into();
                    self.out_detail.d.next = false;
                    self.state.d.next = ExecState::Complete;
                } else if self.ready.val() & self.sq_waits.val() & self.cq_room.val() {
                    self.fetch_now.next = true;
                    self.taking.next = true;
                    self.state.d.next = ExecState::Fetch;
                } else if self.restart.q.val() & (self.reserved.q.val() == 0) {
                    comment!(
                        "Disabled queues start again at the beginning, also if they are enabled again by now."
                    );
                    self.restart.d.next = !self.enable.val();
                    self.head.d.next = 0.into();
                    self.tail.d.next = 0.into();
                    self.phase.d.next = false;
                }
            }
            ExecState::Fetch => {
                if self.fetched.val() {
                    self.cmd.d.next = self.command.val();
                    self.cmd_error.d.next = self.fetch_error.val();
                    self.head.d.next = (self.head.q.val() + 1) & self.sq_mask.val();
                    self.state.d.next = ExecState::Check;
                }
            }
            ExecState::Check => {
                self.judged.d.next = self.verdict.val();
                self.state.d.next = ExecState::Start;
            }
            ExecState::Start => {
                self.out_cid.d.next = self.cid.val();
                if self.cmd_error.q.val() {
                    self.out_cid.d.next = bits::<16>(0xffff);
                }
                self.out_status.d.next = self.judged.q.val();
                if self.not_found.val() {
                    self.out_status.d.next = status::NOT_FOUND.into();
                }
                self.out_flags.d.next = 0.into();
                self.out_sequence.d.next = 0.into();
                self.out_records.d.next = 0.into();
                self.out_cursor.d.next = 0.into();
                self.out_detail.d.next = self.is_identify.val() & self.accepted.val();
                self.state.d.next = ExecState::Complete;
                if self.accepted.val()
                    & (self.is_range.val() | self.is_fence.val() | self.is_nack.val() | self.abort_run.val())
                {
                    self.state.d.next = ExecState::Idle;
                }
            }
            ExecState::Complete => {
                if self.complete_ready.val() {
                    self.state.d.next = ExecState::Written;
                }
            }
            ExecState::Written => {
                if self.complete_written.val() {
                    self.completing.next = true;
                    self.tail.d.next = (self.tail.q.val() + 1) & self.cq_mask.val();
                    if self.tail.q.val() == self.cq_mask.val() {
                        self.phase.d.next = !self.phase.q.val();
                    }
                    self.state.d.next = ExecState::Idle;
                }
            }
            ExecState::Drain => {
                if ((self.run.q.val() == RunState::None) | (self.run.q.val() == RunState::Ended))
                    & (self.fence.q.val() != FenceState::Fencing)
                    & (!self.nack_parked.q.val() | self.nack_done.q.val())
                {
                    self.run.d.next = RunState::None;
                    self.fence.d.next = FenceState::None;
                    self.abort_parked.d.next = false;
                    self.nack_parked.d.next = false;
                    self.merge_reset.next = self.waiting.q.val();
                    self.waiting.d.next = false;
                    self.state.d.next = ExecState::Recover;
                    if !self.waiting.q.val() {
                        self.reset_ends.next = true;
                        self.state.d.next = ExecState::Idle;
                    }
                }
            }
            ExecState::Recover => {
                if self.spool_merged.val() {
                    self.reset_ends.next = true;
                    self.state.d.next = ExecState::Idle;
                }
            }
            _ => {
                self.state.d.next = ExecState::Idle;
            }
        }
        if self.reset_ends.val() {
            self.head.d.next = 0.into();
            self.tail.d.next = 0.into();
            self.phase.d.next = false;
            self.flr_pending.d.next = false;
        }
        self.resetting.next = self.flr_pending.q.val();
        self.reset_done.next = self.reset_ends.val();
        self.fetch.next = self.fetch_now.val();
        self.completed.next = self.completing.val();
        self.reserved.d.next = self.reserved.q.val() + bit_cast::<4, 1>(self.taking.val().into())
            - bit_cast::<4, 1>(self.completing.val().into());
        if self.reset_ends.val() {
            self.reserved.d.next = 0.into();
        }
        self.spool_merge.next = self.merge_run.val() | self.merge_nack.val() | self.merge_reset.val();
        comment!(
            "A failure that a result told of is over when that result is acknowledged; else the next one tells again."
        );
        if self.memory_error.val()
            | (self.failure_waits.q.val() & (self.merge_nack.val() | self.merge_reset.val()))
        {
            self.memory_failed.d.next = true;
        }
        if (self.accepted.val() & self.is_ack.val()) | self.merge_nack.val() | self.merge_reset.val() {
            self.failure_waits.d.next = false;
        }
        self.generation_r.d.next = self.generation_r.q.val()
            + bit_cast::<32, 1>(self.reset_ends.val().into())
            + bit_cast::<32, 1>(self.abort_any.val().into())
            + bit_cast::<32, 1>(self.recall_timed_out.val().into());

        comment!("The completion. The phase bit is kept inverted, so that its reset value is zero.");
        self.complete.next = self.state.q.val() == ExecState::Complete;
        self.flag_word.next = bit_cast::<16, 4>(self.out_flags.q.val());
        self.words.next = bit_cast::<512, 16>(self.out_cid.q.val())
            | (bit_cast::<512, 8>(self.out_status.q.val()) << 16)
            | (bit_cast::<512, 16>(self.head.q.val()) << 32)
            | (bit_cast::<512, 16>(self.flag_word.val()) << 48)
            | (bit_cast::<512, 32>(self.out_sequence.q.val()) << 64)
            | (bit_cast::<512, 32>(self.generation_r.q.val()) << 96)
            | (bit_cast::<512, 32>(self.out_records.q.val()) << 128)
            | (bit_cast::<512, 32>(self.out_cursor.q.val()) << 160);
        self.completion.next = self.words.val().replace_bit(504, !self.phase.q.val());
        if self.out_detail.q.val() {
            self.completion.next = (self.words.val()
                | (bit_cast::<512, 32>(self.window_pages.val()) << 192)
                | (bits::<512>(size::BI_TAGS) << 224)
                | (bits::<512>(size::RECALL_CONTEXTS) << 256)
                | (bits::<512>(size::DEFERRED_ENTRIES) << 288))
                .replace_bit(504, !self.phase.q.val());
        }
    }
}

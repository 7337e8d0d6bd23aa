//! The device core: everything between the CXL.mem channels, the two memories and the registers.
//!
//! ```text
//!  m2s_req, m2s_rwd -> coherence_snooper -> descriptor_pipeline -> responder -> s2m_ndr, s2m_drs
//!                            ^   ^                |   |   |           ^
//!  m2s_birsp -> recall_engine    spool <----------'   |   '-> memory_port -> device memory
//!  s2m_bisnp <--'   ^              |                  v
//!              range_walker <- summary            (probe)
//!                   ^              |                       log_ring
//!            command_executor -> host_port -> host memory <--'        csr <- AXI4-Lite
//! ```
//!
//! `probe_*` shows every commit slot and who waits for one; a simulation compares it with the golden model, a bitstream leaves it open.

use super::axi::*;
use super::channels::*;
use super::coherence_snooper::CoherenceSnooper;
use super::colour_fence::ColourFence;
use super::command_executor::CommandExecutor;
use super::csr::{Csr, REGISTER_COUNT};
use super::descriptor_pipeline::DescriptorPipeline;
use super::host_port::HostPort;
use super::log_ring::LogRing;
use super::memory_port::MemoryPort;
use super::miss_unit::MissUnit;
use super::page_list::PageList;
use super::plain_path::PlainPath;
use super::range_walker::RangeWalker;
use super::recall_engine::RecallEngine;
use super::responder::Responder;
use super::spool::Spool;
use super::summary::Summary;
use super::types::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;
use tideline_abi::attach::attach;
use tideline_abi::geometry::size;
use tideline_abi::regs::{cap, error_bit, reg};

/// One commit slot and its result, as the golden model wants them.
#[derive(Clone, Debug, Default, LogicInterface)]
pub struct Probe {
    /// A slot was committed.
    pub valid: Signal<Out, Bit>,
    /// `slot_kind`.
    pub kind: Signal<Out, Bits<4>>,
    /// Page index.
    pub page: Signal<Out, Page>,
    /// Line of the page.
    pub line: Signal<Out, Bits<6>>,
    /// The address decodes.
    pub decodes: Signal<Out, Bit>,
    /// The recall of the page timed out.
    pub timed_out: Signal<Out, Bit>,
    /// Opcode of the message.
    pub opcode: Signal<Out, Bits<4>>,
    /// Meta field.
    pub meta_field: Signal<Out, Bits<2>>,
    /// Meta value.
    pub meta_value: Signal<Out, Bits<2>>,
    /// Snoop type.
    pub snp_type: Signal<Out, Bits<3>>,
    /// Tag of the message.
    pub tag: Signal<Out, Bits<16>>,
    /// CTRL.grant_exclusive.
    pub grant_exclusive: Signal<Out, Bit>,
    /// The line goes past the descriptor.
    pub plain: Signal<Out, Bit>,
    /// Command flags.
    pub flags: Signal<Out, Bits<8>>,
    /// The page was recalled for this slot.
    pub recalled: Signal<Out, Bit>,
    /// MAP: the frame.
    pub frame: Signal<Out, Frame>,
    /// MERGE: the lines.
    pub mask: Signal<Out, LineMask>,
    /// There is an answer on NDR.
    pub has_ndr: Signal<Out, Bit>,
    /// Its opcode.
    pub ndr: Signal<Out, Bits<3>>,
    /// `data_source`.
    pub data: Signal<Out, Bits<2>>,
    /// The data of a write goes to memory.
    pub writes_memory: Signal<Out, Bit>,
    /// Frame of the page before the slot.
    pub result_frame: Signal<Out, Frame>,
    /// `slot_status`.
    pub status: Signal<Out, Bits<2>>,
    /// Lines to recall, or lines harvested.
    pub result_mask: Signal<Out, LineMask>,
    /// ERROR bits.
    pub errors: Signal<Out, Bits<ERROR_BITS>>,
    /// A write that set the dirty bit of its line.
    pub newly_dirty: Signal<Out, Bit>,
    /// Dirty bit of the line after a line slot.
    pub dirty: Signal<Out, Bit>,
    /// Owned bit of the line after a line slot.
    pub owned: Signal<Out, Bit>,
    /// Which of the slot arbiter's requesters offer a slot that has a place: in every cycle, not of this slot.
    pub offered: Signal<Out, Bits<5>>,
    /// Which one is granted likewise.
    pub granted: Signal<Out, Bits<5>>,
}

/// The core.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct Core<const SETS: usize, const WAYS: usize, const TAGS: usize, const ROWS: usize> {
    /// The clock of everything.
    pub clk: Signal<In, Clock>,
    /// Power-on reset, synchronous, active high: everything is lost.
    pub rst: Signal<In, Bit>,
    /// Function level reset of the host side, at its rising edge: nothing is lost.
    pub flr: Signal<In, Bit>,
    /// How the device is attached, `attach`: a constant of the top.
    pub attach: Signal<In, Bits<2>>,
    /// CXL.mem requests.
    pub m2s_req: M2sReq,
    /// CXL.mem requests with data.
    pub m2s_rwd: M2sRwd,
    /// CXL.mem snoop responses.
    pub m2s_birsp: M2sBirsp,
    /// CXL.mem responses.
    pub s2m_ndr: S2mNdr,
    /// CXL.mem data.
    pub s2m_drs: S2mDrs,
    /// CXL.mem snoops.
    pub s2m_bisnp: S2mBisnp,
    /// Device memory.
    pub m_axi_dram: AxiManager<DPA_BITS>,
    /// Host memory.
    pub m_axi_host: AxiManager<64>,
    /// Registers.
    pub s_axil: AxiLiteSubordinate,
    /// Interrupt requests, one level per vector.
    pub irq: Signal<Out, Bits<4>>,
    /// Every commit slot, for simulation.
    pub probe: Probe,

    snooper: CoherenceSnooper<SETS>,
    pipeline: DescriptorPipeline<SETS, WAYS, TAGS, ROWS>,
    misses: MissUnit<SETS>,
    plain: PlainPath,
    responder: Responder,
    memory: MemoryPort,
    recall: RecallEngine,
    summary: Summary,
    page_list: PageList,
    walker: RangeWalker,
    spool: Spool,
    executor: CommandExecutor,
    fence: ColourFence,
    host: HostPort,
    log: LogRing,
    csr: Csr,
    count_req: Reg<Bits<32>>,
    count_rwd: Reg<Bits<32>>,
    count_bisnp: Reg<Bits<32>>,
    count_birsp: Reg<Bits<32>>,
    count_deferred: Reg<Bits<32>>,
    count_records: Reg<Bits<32>>,
    cycles: Reg<Bits<32>>,
    flr_last: Reg<Bit>,
    reset_waits: Reg<Bit>,
    // Pages of the window: as configured, and those that there are tables for.
    wanted_pages: Reg<Bits<32>>,
    window_pages: Reg<Bits<32>>,
    window_base: Signal<Local, Bits<40>>,
    tables: Signal<Local, Bit>,
    ready: Signal<Local, Bit>,
    slot_errors: Signal<Local, Bits<ERROR_BITS>>,
    errors: Signal<Local, Bits<ERROR_BITS>>,
    events: Signal<Local, Bits<4>>,
    tests: Signal<Local, Bits<4>>,
    host_error: Signal<Local, Bit>,
}

impl<const SETS: usize, const WAYS: usize, const TAGS: usize, const ROWS: usize> Logic
    for Core<SETS, WAYS, TAGS, ROWS>
{
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module core");
        dff_setup!(
            self,
            clk,
            count_req,
            count_rwd,
            count_bisnp,
            count_birsp,
            count_deferred,
            count_records,
            cycles,
            flr_last,
            reset_waits,
            wanted_pages,
            window_pages
        );
        self.flr_last.d.next = self.flr.val();
        self.snooper.clk.next = self.clk.val();
        self.snooper.rst.next = self.rst.val();
        self.pipeline.clk.next = self.clk.val();
        self.pipeline.rst.next = self.rst.val();
        self.misses.clk.next = self.clk.val();
        self.misses.rst.next = self.rst.val();
        self.plain.clk.next = self.clk.val();
        self.plain.rst.next = self.rst.val();
        self.responder.clk.next = self.clk.val();
        self.responder.rst.next = self.rst.val();
        self.memory.clk.next = self.clk.val();
        self.memory.rst.next = self.rst.val();
        self.recall.clk.next = self.clk.val();
        self.recall.rst.next = self.rst.val();
        self.summary.clk.next = self.clk.val();
        self.summary.rst.next = self.rst.val();
        self.page_list.clk.next = self.clk.val();
        self.page_list.rst.next = self.rst.val();
        self.walker.clk.next = self.clk.val();
        self.walker.rst.next = self.rst.val();
        self.spool.clk.next = self.clk.val();
        self.spool.rst.next = self.rst.val();
        self.executor.clk.next = self.clk.val();
        self.executor.rst.next = self.rst.val();
        self.fence.clk.next = self.clk.val();
        self.fence.rst.next = self.rst.val();
        self.host.clk.next = self.clk.val();
        self.host.rst.next = self.rst.val();
        self.csr.clk.next = self.clk.val();
        self.csr.rst.next = self.rst.val();

        comment!("The boundary.");
        M2sReq::link(&mut self.m2s_req, &mut self.snooper.m2s_req);
        M2sRwd::link(&mut self.m2s_rwd, &mut self.snooper.m2s_rwd);
        M2sBirsp::link(&mut self.m2s_birsp, &mut self.recall.m2s_birsp);
        S2mNdr::link(&mut self.s2m_ndr, &mut self.responder.s2m_ndr);
        S2mDrs::link(&mut self.s2m_drs, &mut self.responder.s2m_drs);
        S2mBisnp::link(&mut self.s2m_bisnp, &mut self.recall.s2m_bisnp);
        AxiManager::<DPA_BITS>::link(&mut self.m_axi_dram, &mut self.memory.dram);
        AxiManager::<64>::link(&mut self.m_axi_host, &mut self.host.host);
        AxiLiteSubordinate::link(&mut self.s_axil, &mut self.csr.s_axil);

        comment!("Configuration.");
        self.window_base.next =
            bit_cast::<40, 20>(self.csr.value[reg::WINDOW_BASE_LO].val().get_bits::<20>(12))
                | (bit_cast::<40, 20>(self.csr.value[reg::WINDOW_BASE_HI].val().get_bits::<20>(0)) << 20);
        self.wanted_pages.d.next = self.csr.value[reg::WINDOW_SIZE].val();
        if self.csr.value[reg::WINDOW_SIZE].val() > size::MAX_PAGES {
            self.wanted_pages.d.next = size::MAX_PAGES.into();
        }
        self.misses.base.next = self.csr.value[reg::DESCRIPTOR_BASE].val().get_bits::<26>(0);
        self.misses.init.next = self.csr.written[reg::TABLE_INIT].val() & self.csr.wdata.val().get_bit(0);
        self.misses.init_zeroed.next = self.csr.wdata.val().get_bit(1);
        self.misses.init_pages.next = self.wanted_pages.q.val();
        self.window_pages.d.next = self.wanted_pages.q.val();
        self.tables.next = self.misses.tables.val() & self.snooper.region_ready.val();
        if !self.tables.val() {
            self.window_pages.d.next = 0.into();
        } else if self.wanted_pages.q.val() > self.misses.table_pages.val() {
            self.window_pages.d.next = self.misses.table_pages.val();
        }
        self.ready.next = self.pipeline.ready.val() & self.summary.ready.val() & self.recall.ready.val();

        comment!("Front end.");
        self.snooper.enable.next = self.ready.val();
        self.snooper.window_base.next = self.window_base.val();
        self.snooper.window_pages.next = self.window_pages.q.val();
        self.snooper.ndr_ok.next = self.responder.ndr_ok.val();
        self.snooper.ndr_spare.next = self.responder.ndr_spare.val();
        self.snooper.ndr_room.next = self.responder.ndr_room.val();
        self.snooper.drs_ok.next = self.responder.drs_ok.val();
        self.snooper.drs_spare.next = self.responder.drs_spare.val();
        self.snooper.query_hit.next = self.recall.query_hit.val();
        self.snooper.query_stuck.next = self.recall.query_stuck.val();
        self.snooper.query_context.next = self.recall.query_context.val();
        self.snooper.drains.next = self.recall.drains.val();
        self.snooper.stuck.next = self.recall.stuck.val();
        self.snooper.page_valid.next = self.recall.page_valid.val();
        self.snooper.page_slot.next = self.recall.page_slot.val();
        if self.spool.slot_valid.val() {
            self.snooper.page_valid.next = true;
            self.snooper.page_slot.next = self.spool.slot.val();
        }
        self.recall.page_granted.next = self.snooper.page_granted.val() & !self.spool.slot_valid.val();
        self.spool.slot_granted.next = self.snooper.page_granted.val() & self.spool.slot_valid.val();
        self.recall.query_page.next = self.snooper.query_page.val();
        self.recall.drained.next = self.snooper.drained.val();
        self.recall.deferred.next = self.snooper.count_deferred.val();

        comment!("The pipeline and what hears its results.");
        self.pipeline.slot_valid.next = self.snooper.slot_valid.val();
        self.pipeline.retract.next = self.snooper.retract.val();
        self.pipeline.timed_out.next = self.snooper.timed_out.val();
        self.pipeline.slot.next = self.snooper.slot.val();
        self.pipeline.entry.next = self.snooper.slot_entry.val();
        self.pipeline.look_waits.next = self.misses.look_waits.val();
        self.pipeline.fill_data.next = self.misses.data.val();
        self.misses.miss_valid.next = self.pipeline.miss_valid.val();
        self.misses.miss_slot.next = self.pipeline.miss_slot.val();
        self.misses.look_page.next = self.pipeline.look_page.val();
        self.misses.joins.next = self.pipeline.look_joins.val();
        self.misses.data_entry.next = self.pipeline.fill_entry.val();
        self.misses.done.next = self.pipeline.fill_done.val();
        self.misses.done_pass.next = self.pipeline.fill_pass.val();
        self.misses.done_entry.next = self.pipeline.fill_done_entry.val();
        self.misses.evict.next = self.pipeline.evict_valid.val();
        self.misses.evict_page.next = self.pipeline.evict_page.val();
        self.misses.evict_data.next = self.pipeline.evict_data.val();
        self.misses.fill_granted.next = self.snooper.fill_granted.val();
        self.misses.replay_granted.next = self.snooper.replay_granted.val();
        self.snooper.room.next = self.misses.room.val();
        self.snooper.room_low.next = self.misses.room_low.val();
        self.snooper.fill_valid.next = self.misses.fill_valid.val();
        self.snooper.fill_slot.next = self.misses.fill_slot.val();
        self.snooper.fill_entry.next = self.misses.fill_entry.val();
        self.snooper.replay_valid.next = self.misses.replay_valid.val();
        self.snooper.replay_slot.next = self.misses.replay_slot.val();
        self.snooper.hold.next = self.misses.hold.val();
        for k in 0..4 {
            self.snooper.hold_page[k].next = self.misses.hold_page[k].val();
        }
        self.pipeline.grant_exclusive.next = self.csr.value[reg::CTRL].val().get_bit(1);
        comment!(
            "Lines of plain regions join the results of the pipeline on their way to memory and answer."
        );
        self.snooper.region_init.next = self.misses.init.val();
        self.snooper.region_pages.next = self.wanted_pages.q.val();
        self.snooper.region_write.next = self.walker.region_write.val();
        self.snooper.region.next = self.walker.region.val();
        self.snooper.region_entry.next = self.walker.region_entry.val();
        self.walker.region_settled.next = self.snooper.region_settled.val();
        self.plain.grant_exclusive.next = self.csr.value[reg::CTRL].val().get_bit(1);
        self.plain.req_valid.next = self.snooper.plain_req_valid.val();
        self.plain.req_known.next = self.snooper.plain_req_known.val();
        self.plain.req.next = self.snooper.plain_req.val();
        self.plain.req_frame.next = self.snooper.plain_req_entry.val().frame;
        self.plain.rwd_valid.next = self.snooper.plain_rwd_valid.val();
        self.plain.rwd.next = self.snooper.plain_rwd.val();
        self.plain.rwd_frame.next = self.snooper.plain_rwd_entry.val().frame;
        self.plain.place.next = self.memory.place.val();
        self.plain.write_enters.next = self.snooper.write_enters.val();
        self.plain.promoted.next = self.walker.region_write.val() & self.walker.region_entry.val().plain;
        self.plain.settled.next = self.snooper.region_settled.val();
        self.plain.pipeline_valid.next = self.pipeline.result_valid.val();
        self.plain.pipeline_slot.next = self.pipeline.result_slot.val();
        self.plain.pipeline_result.next = self.pipeline.result.val();
        self.snooper.plain_req_taken.next = self.plain.req_taken.val();
        self.snooper.plain_rwd_taken.next = self.plain.rwd_taken.val();
        self.snooper.hole.next = self.plain.hole.val();
        self.responder.result_valid.next = self.plain.result_valid.val();
        self.responder.result_slot.next = self.plain.result_slot.val();
        self.responder.result.next = self.plain.result.val();
        self.memory.result_valid.next = self.plain.result_valid.val();
        self.memory.result_slot.next = self.plain.result_slot.val();
        self.memory.result.next = self.plain.result.val();
        self.recall.result_valid.next = self.pipeline.result_valid.val();
        self.recall.result_slot.next = self.pipeline.result_slot.val();
        self.recall.result.next = self.pipeline.result.val();
        self.spool.result_valid.next = self.pipeline.result_valid.val();
        self.spool.result_slot.next = self.pipeline.result_slot.val();
        self.spool.result.next = self.pipeline.result.val();
        self.summary.set.next = self.pipeline.summary_set.val();
        self.summary.page.next = self.pipeline.result_slot.val().page;
        self.page_list.set.next = self.pipeline.list.val();
        self.page_list.clear.next = self.pipeline.unlist.val();
        self.page_list.page.next = self.pipeline.result_slot.val().page;
        self.page_list.base.next = self.misses.list_base.val();
        self.snooper.list_room.next = self.page_list.room.val();

        comment!("Memory and answers.");
        self.responder.take_ndr.next = self.snooper.take_ndr.val();
        self.responder.take_drs.next = self.snooper.take_drs.val();
        self.responder.give_ndr.next = self.snooper.give_ndr.val();
        self.responder.give_drs.next = self.snooper.give_drs.val();
        self.responder.take_ndr_plain.next = self.plain.req_taken.val() | self.plain.rwd_taken.val();
        self.responder.take_drs_plain.next = self.snooper.take_drs_plain.val();
        self.responder.done_valid.next = self.memory.done_valid.val();
        self.responder.done_tag.next = self.memory.done_tag.val();
        self.responder.drs_valid.next = self.memory.drs_valid.val();
        self.responder.drs.next = self.memory.drs.val();
        self.memory.data_valid.next = self.snooper.data_valid.val();
        self.memory.data.next = self.snooper.data.val();
        self.snooper.place_valid.next = self.memory.place_valid.val();
        self.snooper.place.next = self.memory.place.val();
        self.memory.colour.next = self.fence.colour.val();
        self.memory.descriptor_read_valid.next = self.misses.read_valid.val();
        self.memory.descriptor_read_address.next = self.misses.read_address.val();
        self.memory.descriptor_write_valid.next = self.misses.write_valid.val();
        self.memory.descriptor_write_address.next = self.misses.write_address.val();
        self.memory.descriptor_write_data.next = self.misses.write_data.val();
        self.misses.read_ready.next = self.memory.descriptor_read_ready.val();
        self.misses.read_data_valid.next = self.memory.descriptor_data_valid.val();
        self.misses.read_data.next = self.memory.descriptor_data.val();
        self.misses.read_error.next = self.memory.descriptor_error.val();
        self.misses.write_ready.next = self.memory.descriptor_write_ready.val();
        self.misses.write_done.next = self.memory.descriptor_write_done.val();
        self.memory.list_read_valid.next = self.page_list.read_valid.val();
        self.memory.list_read_address.next = self.page_list.read_address.val();
        self.memory.list_write_valid.next = self.page_list.write_valid.val();
        self.memory.list_write_address.next = self.page_list.write_address.val();
        self.memory.list_write_strobe.next = self.page_list.write_strobe.val();
        self.memory.list_write_data.next = self.page_list.write_data.val();
        self.page_list.read_ready.next = self.memory.list_read_ready.val();
        self.page_list.read_data_valid.next = self.memory.list_data_valid.val();
        self.page_list.read_data.next = self.memory.descriptor_data.val();
        self.page_list.read_error.next = self.memory.descriptor_error.val();
        self.page_list.write_ready.next = self.memory.list_write_ready.val();
        self.page_list.write_done.next = self.memory.list_write_done.val();
        self.memory.spool_write_valid.next = self.spool.write_valid.val();
        self.memory.spool_write_address.next = self.spool.write_address.val();
        self.memory.spool_write_data.next = self.spool.write_data.val();
        self.memory.spool_read_valid.next = self.spool.read_valid.val();
        self.memory.spool_read_address.next = self.spool.read_address.val();
        self.spool.write_ready.next = self.memory.spool_write_ready.val();
        self.spool.write_done.next = self.memory.spool_write_done.val();
        self.spool.read_ready.next = self.memory.spool_read_ready.val();
        self.spool.read_data_valid.next = self.memory.spool_data_valid.val();
        self.spool.read_data.next = self.memory.spool_data.val();
        self.fence.idle_even.next = self.memory.idle_even.val();
        self.fence.idle_odd.next = self.memory.idle_odd.val();

        comment!("Recall, walk, summary.");
        self.recall.window_base.next = self.window_base.val();
        self.recall.timeout.next = self.csr.value[reg::RECALL_TIMEOUT].val();
        self.recall.record_ok.next = self.spool.record_ok.val();
        self.recall.start_valid.next = self.walker.page_valid.val();
        self.recall.start_page.next = self.walker.page.val();
        self.recall.start_kind.next = self.walker.kind.val();
        self.recall.start_flags.next = self.walker.flags.val();
        self.recall.start_frame.next = self.walker.frame.val();
        self.walker.page_ready.next = self.recall.start_ready.val();
        self.walker.stuck_valid.next = self.recall.stuck_valid.val();
        self.walker.stuck_page.next = self.recall.stuck_page.val();
        self.recall.stuck_taken.next = self.walker.stuck_taken.val();
        self.walker.active.next = self.recall.active.val();
        self.walker.wrong_state.next = self.recall.wrong_state.val();
        self.walker.wrong_page.next = self.recall.wrong_page.val();
        self.walker.recall_timed_out.next = self.recall.timed_out.val();
        self.walker.records_made.next = self.spool.made.val();
        self.walker.word_valid.next = self.summary.word_valid.val();
        self.walker.groups.next = self.summary.groups.val();
        self.walker.group_done.next = self.summary.group_done.val();
        self.walker.list_ready.next = self.page_list.group_ready.val();
        self.walker.list_valid.next = self.page_list.word_valid.val();
        self.walker.list_pages.next = self.page_list.word.val();
        self.summary.word_read.next = self.walker.word_read.val();
        self.summary.word.next = self.walker.word.val();
        self.summary.group.next = self.walker.group.val();
        self.summary.group_clear.next = self.walker.group_clear.val();
        self.summary.group_set.next = self.walker.group_set.val();
        self.page_list.group_valid.next = self.walker.list_ask.val();
        self.page_list.group.next = self.walker.list_group.val();
        self.page_list.word_ready.next = self.walker.list_take.val();

        comment!("Commands.");
        self.executor.ready.next = self.ready.val();
        self.executor.flr.next = (self.flr.val() & !self.flr_last.q.val())
            | (self.csr.written[reg::RESET].val() & self.csr.wdata.val().get_bit(0));
        self.executor.enable.next = self.csr.value[reg::CTRL].val().get_bit(0);
        self.executor.window_pages.next = self.window_pages.q.val();
        self.executor.frames.next = self.csr.value[reg::FRAMES].val();
        self.executor.sq_base.next = bit_cast::<64, 32>(self.csr.value[reg::SQ_BASE_LO].val())
            | (bit_cast::<64, 32>(self.csr.value[reg::SQ_BASE_HI].val()) << 32);
        self.executor.cq_base.next = bit_cast::<64, 32>(self.csr.value[reg::CQ_BASE_LO].val())
            | (bit_cast::<64, 32>(self.csr.value[reg::CQ_BASE_HI].val()) << 32);
        self.executor.queue_size.next = self.csr.value[reg::QUEUE_SIZE].val();
        self.executor.sq_tail.next = self.csr.value[reg::SQ_TAIL].val().get_bits::<16>(0);
        self.executor.cq_head.next = self.csr.value[reg::CQ_HEAD].val().get_bits::<16>(0);
        self.executor.fetched.next = self.host.fetched.val();
        self.executor.command.next = self.host.command.val();
        self.executor.fetch_error.next = self.host.fetch_error.val();
        self.executor.complete_ready.next = self.host.complete_ready.val();
        self.executor.complete_written.next = self.host.completed.val();
        self.executor.walk_done.next = self.walker.done.val();
        self.executor.walk_cursor.next = self.walker.cursor.val();
        self.executor.walk_failed.next = self.walker.failed.val();
        self.executor.walk_timed_out.next = self.walker.timed_out.val();
        self.executor.walk_partial.next = self.walker.partial.val();
        self.executor.recall_timed_out.next = self.recall.timed_out.val();
        self.executor.spool_flushed.next = self.spool.flushed.val();
        self.executor.spool_failed.next = self.spool.failed.val();
        self.executor.spool_made.next = self.spool.made.val();
        self.executor.spool_merged.next = self.spool.merged.val();
        self.executor.fence_ready.next = self.fence.ready.val();
        self.executor.fence_done.next = self.fence.done.val();
        self.fence.start.next = self.executor.fence_start.val();
        self.walker.start.next = self.executor.walk_start.val();
        self.walker.start_kind.next = self.executor.walk_kind.val();
        self.walker.start_flags.next = self.executor.walk_flags.val();
        self.walker.start_page.next = self.executor.walk_page.val();
        self.walker.start_end.next = self.executor.walk_end.val();
        self.walker.start_frame.next = self.executor.walk_frame.val();
        self.walker.start_records.next = self.executor.walk_records.val();
        self.walker.stop.next = self.executor.walk_stop.val();
        self.spool.table_pages.next = self.misses.table_pages.val();
        self.spool.base.next = self.csr.value[reg::SPOOL_BASE].val().get_bits::<26>(0);
        self.spool.begin.next = self.executor.spool_begin.val();
        self.spool.begin_buffer.next = self.executor.spool_buffer.val();
        self.spool.begin_sequence.next = self.executor.spool_sequence.val();
        self.spool.begin_accessed.next = self.executor.spool_accessed.val();
        self.spool.finish.next = self.executor.spool_finish.val();
        self.spool.merge.next = self.executor.spool_merge.val();
        self.spool.host_ready.next = self.host.record_ready.val();
        self.spool.host_idle.next = self.host.records_idle.val();
        self.spool.host_error.next = self.host.record_error.val();
        self.host.fetch.next = self.executor.fetch.val();
        self.host.fetch_address.next = self.executor.fetch_address.val();
        self.host.complete.next = self.executor.complete.val();
        self.host.complete_address.next = self.executor.complete_address.val();
        self.host.completion.next = self.executor.completion.val();
        self.host.record_valid.next = self.spool.host_valid.val();
        self.host.record_address.next = self.spool.host_address.val();
        self.host.record_data.next = self.spool.write_data.val();
        self.host.record_strobe.next = self.spool.host_strobe.val();

        comment!("The log. A reset ends when nothing of it is on its way any more.");
        self.log.clk.next = self.clk.val();
        self.log.rst.next = self.rst.val();
        self.log.enable.next = self.csr.value[reg::LOG_CONTROL].val().get_bit(0);
        self.log.base.next = bit_cast::<64, 32>(self.csr.value[reg::LOG_BASE_LO].val())
            | (bit_cast::<64, 32>(self.csr.value[reg::LOG_BASE_HI].val()) << 32);
        self.log.size_log2.next = self.csr.value[reg::LOG_SIZE].val().get_bits::<5>(0);
        self.log.head.next = self.csr.value[reg::LOG_HEAD].val();
        self.log.watermark.next = self.csr.value[reg::LOG_WATERMARK].val();
        self.log.timer.next = self.csr.value[reg::LOG_TIMER].val();
        self.log.result_valid.next = self.pipeline.result_valid.val();
        self.log.result_slot.next = self.pipeline.result_slot.val();
        self.log.result.next = self.pipeline.result.val();
        self.log.host_ready.next = self.host.log_ready.val();
        self.log.host_done.next = self.host.log_done.val();
        self.log.host_error.next = self.host.log_error.val();
        self.host.log_valid.next = self.log.host_valid.val();
        self.host.log_address.next = self.log.host_address.val();
        self.host.log_data.next = self.log.host_data.val();
        self.host.log_strobe.next = self.log.host_strobe.val();
        self.reset_waits.d.next =
            self.executor.reset_done.val() | (self.reset_waits.q.val() & !self.log.idle.val());

        comment!("Counters.");
        self.count_req.d.next =
            self.count_req.q.val() + bit_cast::<32, 1>(self.snooper.count_req.val().into());
        self.count_rwd.d.next =
            self.count_rwd.q.val() + bit_cast::<32, 1>(self.snooper.count_rwd.val().into());
        self.count_bisnp.d.next =
            self.count_bisnp.q.val() + bit_cast::<32, 1>(self.recall.snoop_sent.val().into());
        self.count_birsp.d.next =
            self.count_birsp.q.val() + bit_cast::<32, 1>(self.recall.response_taken.val().into());
        self.count_deferred.d.next =
            self.count_deferred.q.val() + bit_cast::<32, 1>(self.snooper.count_deferred.val().into());
        self.count_records.d.next =
            self.count_records.q.val() + bit_cast::<32, 1>(self.spool.record_made.val().into());
        self.cycles.d.next = self.cycles.q.val() + 1;

        comment!("Sticky errors and interrupts.");
        self.host_error.next = self.host.error.val();
        self.slot_errors.next = 0.into();
        if self.pipeline.result_valid.val() {
            self.slot_errors.next = self.pipeline.result.val().errors;
        }
        self.errors.next = self.slot_errors.val()
            | bits::<ERROR_BITS>(0)
                .replace_bit(error_bit::ILLEGAL, self.snooper.illegal.val())
                .replace_bit(error_bit::BAD_BIRSP, self.recall.bad_response.val())
                .replace_bit(error_bit::RECALL_TIMEOUT, self.recall.timed_out.val())
                .replace_bit(error_bit::DRAM, self.memory.error.val())
                .replace_bit(error_bit::HOST_MEMORY, self.host_error.val());
        self.executor.memory_error.next = self.errors.val().get_bit(error_bit::DRAM);
        self.tests.next = 0.into();
        if self.csr.written[reg::INTR_TEST].val() {
            self.tests.next = self.csr.wdata.val().get_bits::<4>(0);
        }
        self.events.next = self.tests.val()
            | bits::<4>(0)
                .replace_bit(0, self.executor.completed.val())
                .replace_bit(1, self.errors.val().any())
                .replace_bit(2, self.log.interrupt.val())
                .replace_bit(3, self.reset_waits.q.val() & self.log.idle.val());
        self.irq.next = self.csr.value[reg::INTR_STATE].val().get_bits::<4>(0)
            & self.csr.value[reg::INTR_ENABLE].val().get_bits::<4>(0);

        comment!("What the registers show.");
        self.csr.clear.next = self.executor.reset_done.val();
        for i in 0..REGISTER_COUNT {
            self.csr.status[i].next = 0.into();
        }
        self.csr.status[reg::ATTACH].next = bit_cast::<32, 2>(self.attach.val());
        self.csr.status[reg::CAP_TRACK].next = cap::TRACK.into();
        if self.attach.val() == attach::AXI {
            comment!("Without back-invalidate there is no recall behind it in the list.");
            self.csr.status[reg::CAP_TRACK].next = cap::TRACK_ALONE.into();
        }
        self.csr.status[reg::STATUS].next = bits::<32>(0)
            .replace_bit(0, self.ready.val() & !self.executor.resetting.val() & !self.reset_waits.q.val())
            .replace_bit(1, self.executor.busy.val())
            .replace_bit(2, self.executor.result_waits.val())
            .replace_bit(3, self.tables.val())
            .replace_bit(4, !self.log.idle.val());
        self.csr.status[reg::LOG_TAIL].next = self.log.tail.val();
        self.csr.status[reg::LOG_DROPPED].next = self.log.dropped.val();
        self.csr.status[reg::LOG_STATUS].next = bit_cast::<32, 1>(self.log.overflow.val().into());
        self.csr.status[reg::GENERATION].next = self.executor.generation.val();
        self.csr.status[reg::ERROR].next = bit_cast::<32, ERROR_BITS>(self.errors.val());
        self.csr.status[reg::INTR_STATE].next = bit_cast::<32, 4>(self.events.val());
        self.csr.status[reg::SQ_HEAD].next = bit_cast::<32, 16>(self.executor.sq_head.val());
        self.csr.status[reg::COUNT_REQ].next = self.count_req.q.val();
        self.csr.status[reg::COUNT_RWD].next = self.count_rwd.q.val();
        self.csr.status[reg::COUNT_BISNP].next = self.count_bisnp.q.val();
        self.csr.status[reg::COUNT_BIRSP].next = self.count_birsp.q.val();
        self.csr.status[reg::COUNT_DEFERRED].next = self.count_deferred.q.val();
        self.csr.status[reg::COUNT_RECORDS].next = self.count_records.q.val();
        self.csr.status[reg::PEAK_BISNP].next = bit_cast::<32, 9>(self.recall.peak.val());
        self.csr.status[reg::CYCLES].next = self.cycles.q.val();

        comment!("The probe.");
        self.probe.valid.next = self.plain.result_valid.val();
        self.probe.kind.next = self.plain.result_slot.val().kind;
        self.probe.page.next = self.plain.result_slot.val().page;
        self.probe.line.next = self.plain.result_slot.val().line;
        self.probe.decodes.next = self.plain.result_slot.val().decodes;
        self.probe.timed_out.next = self.plain.result_slot.val().timed_out;
        self.probe.opcode.next = self.plain.result_slot.val().opcode;
        self.probe.meta_field.next = self.plain.result_slot.val().meta_field;
        self.probe.meta_value.next = self.plain.result_slot.val().meta_value;
        self.probe.snp_type.next = self.plain.result_slot.val().snp_type;
        self.probe.tag.next = self.plain.result_slot.val().tag;
        self.probe.grant_exclusive.next = self.pipeline.result_exclusive.val();
        if self.plain.result_plain.val() {
            self.probe.grant_exclusive.next = self.csr.value[reg::CTRL].val().get_bit(1);
        }
        self.probe.plain.next = self.plain.result_plain.val();
        self.probe.flags.next = self.plain.result_slot.val().flags;
        self.probe.recalled.next = self.plain.result_slot.val().recalled;
        self.probe.frame.next = self.plain.result_slot.val().frame;
        self.probe.mask.next = self.plain.result_slot.val().mask;
        self.probe.has_ndr.next = self.plain.result.val().has_ndr;
        self.probe.ndr.next = self.plain.result.val().ndr;
        self.probe.data.next = self.plain.result.val().data;
        self.probe.writes_memory.next = self.plain.result.val().writes_memory;
        self.probe.result_frame.next = self.plain.result.val().frame;
        self.probe.status.next = self.plain.result.val().status;
        self.probe.result_mask.next = self.plain.result.val().mask;
        self.probe.errors.next = self.plain.result.val().errors;
        self.probe.newly_dirty.next = self.plain.result.val().newly_dirty;
        self.probe.dirty.next = self.pipeline.result_dirty.val();
        self.probe.owned.next = self.pipeline.result_owned.val();
        self.probe.offered.next = self.snooper.offered.val();
        self.probe.granted.next = self.snooper.granted.val();
    }
}

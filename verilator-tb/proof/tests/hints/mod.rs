//! Inputs that blind chance hardly finds: a hint changes what was drawn, in most cycles, into something plausible.

use rust_hdl_core::prelude::{Bits, bits};
use tideline_abi::command::Opcode;
use tideline_abi::regs::REGISTERS;
use tideline_abi::slot::SlotKind;
use tideline_proof::Stimulus;
use tideline_rtl::blocks::types::SlotBits;
use tideline_rtl::blocks::{
    axi_front::AxiFront, command_executor::CommandExecutor, csr::Csr,
    descriptor_pipeline::DescriptorPipeline, log_ring::LogRing, miss_unit::MissUnit,
    recall_engine::RecallEngine, recall_table::RecallTable, region_lookup::RegionLookup,
    region_table::RegionTable, spool::Spool,
};

/// Known commands whose operands fit the window, or miss it by little.
pub fn commands(kernel: &mut CommandExecutor, stimulus: &mut Stimulus) {
    if stimulus.below(8) == 0 {
        return;
    }
    let opcode = Opcode::ALL[stimulus.below(Opcode::ALL.len() as u64) as usize].code();
    let words = [
        opcode | stimulus.below(8) << 8 | stimulus.below(4) << 16,
        stimulus.below(0x1_0000) | stimulus.below(64) << 32,
        stimulus.below(1 << 20) * 64,
        stimulus.below(3) | (stimulus.below(2) * stimulus.below(64)) << 32,
    ];
    kernel.command.next =
        words.iter().rev().fold(Bits::<512>::default(), |value, &word| value << 64 | bits::<512>(word));
    kernel.window_pages.next = bits(0x1_0000);
    kernel.frames.next = bits(1 << 26);
    kernel.enable.next = true;
    kernel.ready.next = true;
}

/// Accesses to registers that are there.
pub fn registers(kernel: &mut Csr, stimulus: &mut Stimulus) {
    let mut offset = || bits(u64::from(REGISTERS[stimulus.below(REGISTERS.len() as u64) as usize].offset));
    // An offered address stays as long as it is not taken.
    if kernel.s_axil.awready.val() {
        kernel.s_axil.awaddr.next = offset();
    }
    if kernel.s_axil.arready.val() {
        kernel.s_axil.araddr.next = offset();
    }
    if stimulus.below(8) != 0 {
        kernel.s_axil.wstrb.next = bits(0xf);
    }
}

/// Slots that meet: few pages, few lines, kinds that exist.
pub fn close_slots<const SETS: usize, const WAYS: usize, const TAGS: usize, const ROWS: usize>(
    kernel: &mut DescriptorPipeline<SETS, WAYS, TAGS, ROWS>,
    stimulus: &mut Stimulus,
) {
    close(&mut kernel.slot.next, stimulus);
}

/// Few pages, tables that are ready soon, and memory that answers what was asked.
pub fn misses<const SETS: usize>(kernel: &mut MissUnit<SETS>, stimulus: &mut Stimulus) {
    close(&mut kernel.miss_slot.next, stimulus);
    kernel.look_page.next = bits(stimulus.below(4));
    kernel.init_pages.next = bits(stimulus.below(8));
    kernel.init_zeroed.next = stimulus.below(4) != 0;
    kernel.fill_granted.next = kernel.fill_valid.val() && stimulus.below(2) == 0;
    kernel.replay_granted.next = kernel.replay_valid.val() && stimulus.below(2) == 0;
}

/// Few pages, answers to snoops that were sent, results of slots that were offered.
pub fn recalls(kernel: &mut RecallEngine, stimulus: &mut Stimulus) {
    close(&mut kernel.result_slot.next, stimulus);
    kernel.start_page.next = bits(stimulus.below(24));
    kernel.query_page.next = bits(stimulus.below(24));
    kernel.m2s_birsp.tag.next = bits(stimulus.below(32));
    kernel.m2s_birsp.opcode.next = bits(stimulus.below(8));
    kernel.timeout.next = bits(64 + stimulus.below(2) * 10_000);
}

/// Few pages; contexts that are in use.
pub fn pages(kernel: &mut RecallTable, stimulus: &mut Stimulus) {
    kernel.start_job.next.page = bits(stimulus.below(24));
    kernel.query_page.next = bits(stimulus.below(24));
    kernel.timeout.next = bits(64 + stimulus.below(2) * 10_000);
    for context in [
        &mut kernel.committed_context.next,
        &mut kernel.answered_context.next,
        &mut kernel.failed_context.next,
    ] {
        *context = bits(stimulus.below(8));
    }
}

/// Few regions, few writes.
pub fn regions_of_a_queue(kernel: &mut RegionLookup, stimulus: &mut Stimulus) {
    kernel.region.next = bits(stimulus.below(4));
    kernel.write_region.next = bits(stimulus.below(4));
    kernel.write.next = stimulus.below(8) == 0;
}

/// Few regions, few writes, cleared once in a while.
pub fn regions(kernel: &mut RegionTable, stimulus: &mut Stimulus) {
    kernel.init_pages.next = bits(stimulus.below(8000));
    kernel.req_region.next = bits(stimulus.below(4));
    kernel.rwd_region.next = bits(stimulus.below(4));
    kernel.region.next = bits(stimulus.below(4));
    kernel.write.next = stimulus.below(8) == 0;
}

/// A small ring that runs, and is emptied now and then.
pub fn log(kernel: &mut LogRing, stimulus: &mut Stimulus) {
    kernel.enable.next = stimulus.below(500) != 0;
    kernel.size_log2.next = bits(3 + stimulus.below(2) * 2);
    kernel.timer.next = bits(stimulus.below(2) * 40);
    kernel.watermark.next = bits(stimulus.below(10));
    if stimulus.below(16) == 0 {
        kernel.head.next = kernel.tail.val();
    }
    close(&mut kernel.result_slot.next, stimulus);
}

/// Results that live long enough to fill beats, and to be merged back.
pub fn long_results(kernel: &mut Spool, stimulus: &mut Stimulus) {
    kernel.begin.next = stimulus.below(200) == 0;
    kernel.merge.next = stimulus.below(100) == 0;
    // Some records that come back are of this result, and of pages that are there.
    kernel.begin_sequence.next = bits(stimulus.below(2));
    kernel.table_pages.next = bits(64);
    kernel.read_data.next = (0..4).fold(bits(0), |beat, _| {
        let record = stimulus.below(96) | stimulus.below(2) << 32;
        beat << 128_u64 | bits::<512>(record) | bits::<512>(stimulus.below(u64::MAX)) << 64_u64
    });
    close(&mut kernel.result_slot.next, stimulus);
    if stimulus.below(2) == 0 {
        kernel.result_slot.next.kind = bits(SlotKind::Harvest.code());
        kernel.result.next.status = bits(0);
    }
}

/// Answers whose tags were given out lately; at times none for long, so that the places fill.
pub fn answered_beats(kernel: &mut AxiFront, stimulus: &mut Stimulus) {
    let mut near =
        |next: u64, write: u64| bits::<16>(next.wrapping_sub(1 + stimulus.below(4)) & 127 | write << 15);
    let (read, write) = (kernel.req.tag.val().index() as u64, kernel.rwd.tag.val().index() as u64);
    kernel.drs.next.tag = near(read, 0);
    kernel.commit_tag.next = near(write, 1);
    kernel.ndr_tag.next = near(read, 0);
    if stimulus.below(2) == 0 {
        kernel.ndr_tag.next = kernel.commit_tag.next;
    }
    if stimulus.below(4) != 0 {
        kernel.s_axi.arlen.next = bits(stimulus.below(4));
        kernel.s_axi.awlen.next = bits(stimulus.below(4));
    }
}

fn close(slot: &mut SlotBits, stimulus: &mut Stimulus) {
    slot.page = bits(stimulus.below(4));
    slot.line = bits(stimulus.below(4));
    slot.kind = bits(SlotKind::ALL[stimulus.below(SlotKind::ALL.len() as u64) as usize].code());
}

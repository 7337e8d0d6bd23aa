//! The proofs of `cargo xtask prove`: what each is about, what it cuts away, and changes that must break it.

use crate::mutations::Patch;
use anyhow::Result;
use rust_hdl_core::prelude::*;
use tideline_rtl::blocks;
use tideline_rtl::blocks::miss_entries::MissEntries;
use tideline_rtl::blocks::miss_unit::MissUnit;
use tideline_rtl::blocks::spool::Spool;
use tideline_rtl::prim::{Fifo, RamFifo, RoundRobin, Skid};
use tideline_rtl::verilog::{Design, emit};

/// A proof.
pub struct Proof {
    /// Its name: rtl/formal/NAME.v, and the top module in it.
    pub name: &'static str,
    /// The Verilog it is about.
    pub design: fn() -> Result<Design>,
    /// The modules that the harness instantiates; if there are several, those that have no others inside.
    pub modules: &'static [&'static str],
    /// Modules of which only the ports stay, in groups: they do anything. `*` is any text.
    pub cut: &'static [&'static [&'static str]],
    /// Signals of the module that become free.
    pub cut_wires: &'static [&'static str],
    /// Steps of the induction, and of the search from reset.
    pub depth: u32,
    /// Changes of the Verilog, each with a name, that the proof must not survive.
    pub mutations: Vec<(&'static str, Patch)>,
}

/// Contents of queues and memories.
const CONTENTS: &str = "tideline_lut_ram_*";

/// Bits of a set of the descriptor cache, in the preset that the proofs are about.
pub const SET_BITS: usize = 10;

/// Memories, as arrays of words.
const MEMORIES: &[&str] = &[CONTENTS, "tideline_ram_width*", "tideline_lane_ram_*"];

/// What runs commands, and what they are about beside the descriptors.
const COMMANDS: &[&str] = &[
    "tideline_command_executor",
    "tideline_csr",
    "tideline_spool",
    "tideline_summary",
    "tideline_range_walker",
    "tideline_host_port",
    "tideline_page_list",
    "tideline_log_ring",
    "tideline_colour_fence",
];

fn change(
    name: &'static str,
    module: &'static str,
    anchor: &'static str,
    replacement: &str,
) -> (&'static str, Patch) {
    (name, Patch { module, anchor, replacement: replacement.to_owned() })
}

fn device() -> Result<Design> {
    Ok(emit(&blocks::cxl_top())?)
}

fn alone<B: Block>(mut block: B) -> Result<Design> {
    block.connect_all();
    Ok(emit(&block)?)
}

/// Every proof.
pub fn all() -> Vec<Proof> {
    vec![
        Proof {
            name: "fifo",
            design: || alone(Fifo::<Bits<4>, 2>::default()),
            modules: &["tideline_fifo"],
            cut: &[],
            cut_wires: &[],
            depth: 2,
            mutations: vec![change(
                "a full FIFO accepts",
                "tideline_fifo",
                "assign push = in_valid && !full_q;",
                "assign push = in_valid;",
            )],
        },
        Proof {
            name: "ram_fifo",
            design: || alone(RamFifo::<Bits<4>, 2>::default()),
            modules: &["tideline_ram_fifo"],
            cut: &[],
            cut_wires: &[],
            depth: 2,
            mutations: vec![
                change(
                    "a full FIFO accepts",
                    "tideline_ram_fifo",
                    "assign push = in_valid && !full_q;",
                    "assign push = in_valid;",
                ),
                change(
                    "an entry is read while it is written",
                    "tideline_ram_fifo",
                    "met_d = push && (!any_q || (pop && one));",
                    "met_d = push && !any_q;",
                ),
            ],
        },
        Proof {
            name: "skid",
            design: || alone(Skid::<Bits<577>>::default()),
            modules: &["tideline_skid"],
            cut: &[],
            cut_wires: &[],
            depth: 2,
            mutations: vec![change(
                "the spare register comes last",
                "tideline_skid",
                "                data_d = spare_data_q;",
                "                data_d = in_data;",
            )],
        },
        Proof {
            name: "round_robin",
            design: || alone(RoundRobin::<16>::default()),
            modules: &["tideline_round_robin"],
            cut: &[],
            cut_wires: &[],
            depth: 2,
            mutations: vec![change(
                "fixed priority",
                "tideline_round_robin",
                "if (|preferred) candidates = preferred;",
                "",
            )],
        },
        Proof {
            name: "slot_arbiter",
            design: device,
            modules: &["tideline_slot_arbiter"],
            cut: &[],
            cut_wires: &[],
            depth: 2,
            mutations: vec![
                change(
                    "who was granted stays first",
                    "tideline_slot_arbiter",
                    "if (granted[0]) older0_d = granted;",
                    "if (granted[0]) older0_d = older0_q;",
                ),
                change("no gap between claims", "tideline_slot_arbiter", "gap_d = 4'hc;", "gap_d = 4'h0;"),
                change(
                    "a claim stands for a held page",
                    "tideline_slot_gate",
                    "assign stands = request && !held && (claim_set == own_set);",
                    "assign stands = request && (claim_set == own_set);",
                ),
                change(
                    "claims do not wait for a page slot",
                    "tideline_slot_arbiter",
                    "else if (enter && (gap_q == 4'd0) && (|new_claim) && (share || !free[2])) begin\n            claim_d",
                    "else if (enter && (gap_q == 4'd0) && (|new_claim)) begin\n            claim_d",
                ),
                change(
                    "rows do not keep their distance",
                    "tideline_slot_gate",
                    "(|(near & past_row)) || ",
                    "",
                ),
                change(
                    "grants without enter",
                    "tideline_slot_arbiter",
                    "if (enter) enters = free;",
                    "enters = free;",
                ),
                change(
                    "turns pass without enter",
                    "tideline_slot_arbiter",
                    "if (enter) turn_d = turn_q + 2'd1;",
                    "turn_d = turn_q + 2'd1;",
                ),
                change(
                    "the gap passes without enter",
                    "tideline_slot_arbiter",
                    "if (enter && (gap_q != 4'd0))",
                    "if (gap_q != 4'd0)",
                ),
            ],
        },
        Proof {
            name: "decision",
            design: device,
            modules: &["tideline_resolve", "tideline_row_update"],
            cut: &[],
            cut_wires: &[],
            depth: 1,
            mutations: vec![
                change(
                    "writes of tracked pages are not dirty",
                    "tideline_resolve",
                    "sets_dirty = track;",
                    "sets_dirty = 1'b0;",
                ),
                change(
                    "a granted line is not owned",
                    "tideline_resolve",
                    "end else if (meta_any) begin\n                        sets_owned = 1'b1;",
                    "end else if (meta_any) begin\n                        sets_owned = 1'b0;",
                ),
                change(
                    "a change of the row is not called one",
                    "tideline_row_update",
                    "(verdict[60] && verdict[56]) || (verdict[61] &&\n                        verdict[57]) || ",
                    "(verdict[61] && verdict[57]) || ",
                ),
                change(
                    "a recall of nothing is called a change",
                    "tideline_resolve",
                    "verdict[54] = |(owned & ~kept);",
                    "verdict[54] = !(&kept);",
                ),
                change(
                    "lines of a plain page count as owned only if said so",
                    "tideline_resolve",
                    "if (plain) any_owned = |kept;",
                    "",
                ),
                change(
                    "a page is plain for ever",
                    "tideline_resolve",
                    "found_control = {control[37:12], 1'b0,",
                    "found_control = {control[37:12], 1'b1,",
                ),
                change(
                    "BIConflict is not answered",
                    "tideline_resolve",
                    "else if (slot[3:0] == SLOT_KIND_CONFLICT) begin\n            has_ndr = 1'b1;",
                    "else if (slot[3:0] == SLOT_KIND_CONFLICT) begin\n            has_ndr = 1'b0;",
                ),
            ],
        },
        Proof {
            name: "streams",
            design: device,
            modules: &["tideline_core"],
            cut: &[
                MEMORIES,
                &[
                    "tideline_miss_unit*",
                    "tideline_command_executor",
                    "tideline_spool",
                    "tideline_summary",
                    "tideline_range_walker",
                    "tideline_log_ring",
                    "tideline_page_list",
                    "tideline_descriptor_pipeline",
                    "tideline_coherence_snooper",
                    "tideline_lowest_set",
                ],
            ],
            cut_wires: &[],
            depth: 2,
            mutations: vec![change(
                "a stalled skid buffer refills",
                "tideline_skid_in_data576",
                "if (out_ready || !valid_q) begin\n            if (spare_valid_q) begin\n                data_d",
                "if (1'b1) begin\n            if (spare_valid_q) begin\n                data_d",
            )],
        },
        Proof {
            name: "rwd_moves",
            design: device,
            modules: &["tideline_core"],
            cut: &[
                MEMORIES,
                COMMANDS,
                &[
                    "tideline_descriptor_pipeline",
                    "tideline_slot_arbiter",
                    "tideline_miss_unit",
                    "tideline_recall_engine",
                ],
            ],
            cut_wires: &["ready"],
            depth: 2,
            mutations: vec![
                change(
                    "requests may take the last place on NDR",
                    "tideline_responder",
                    "assign ndr_spare = !ndr_taken_q[1];",
                    "assign ndr_spare = !ndr_taken_q[2];",
                ),
                change(
                    "a request goes past the pipeline on the last place but one",
                    "tideline_responder",
                    "assign ndr_room = !ndr_taken_q[0];",
                    "assign ndr_room = !ndr_taken_q[1];",
                ),
                change(
                    "a plain write waits for a spare place",
                    "tideline_coherence_snooper",
                    "assign plain_rwd_valid = rwd_plain && ndr_ok &&",
                    "assign plain_rwd_valid = rwd_plain && ndr_spare &&",
                ),
                change(
                    "no hole is made for plain lines",
                    "tideline_plain_path",
                    "assign hole = hole_r_q;",
                    "assign hole = 1'b0;",
                ),
                change(
                    "a plain write waits until the queues have settled",
                    "tideline_plain_path",
                    "assign write_valid = rwd_valid && (!unsettled_q || none);",
                    "assign write_valid = rwd_valid && !unsettled_q;",
                ),
                change(
                    "the spool always goes before lines",
                    "tideline_memory_port",
                    "spool_write_valid && (write_turn_q ||",
                    "spool_write_valid && (1'b1 || write_turn_q ||",
                ),
            ],
        },
        Proof {
            name: "birsp_moves",
            design: device,
            modules: &["tideline_core"],
            cut: &[
                COMMANDS,
                &[
                    CONTENTS,
                    "tideline_ram*",
                    "tideline_lane_ram_*",
                    "tideline_fifo*",
                    "tideline_recall_table",
                    "tideline_snoop_picker",
                    "tideline_coherence_snooper",
                    "tideline_descriptor_pipeline",
                    "tideline_miss_unit",
                    "tideline_responder",
                    "tideline_memory_port",
                ],
            ],
            cut_wires: &[],
            depth: 4,
            mutations: vec![
                change(
                    "the second answer of a tag does not know the first",
                    "tideline_recall_engine",
                    "if (known && (judged_tag == tag)) answer_d = answer_next;",
                    "",
                ),
                change(
                    "responses wait for a tag to be freed",
                    "tideline_recall_engine",
                    "assign m2s_birsp_ready = 1'b1;",
                    "assign m2s_birsp_ready = tags_in_ready;",
                ),
                change(
                    "a block response closes one line",
                    "tideline_recall_engine",
                    "if (by_block || !block) hit_d = found[",
                    "if (!block) hit_d = found[",
                ),
            ],
        },
        Proof {
            name: "answers",
            design: device,
            modules: &["tideline_core"],
            cut: &[
                MEMORIES,
                COMMANDS,
                &["tideline_transpose*", "tideline_tag_*", "tideline_row_address"],
                &["tideline_slot_arbiter", "tideline_miss_unit", "tideline_recall_engine"],
            ],
            cut_wires: &[],
            depth: 2,
            mutations: vec![
                change(
                    "a discarded write is not completed",
                    "tideline_memory_port",
                    "assign done_valid = write_done;",
                    "assign done_valid = line_b;",
                ),
                change(
                    "a diverted slot is decided as well",
                    "tideline_descriptor_pipeline",
                    "assign commits = decides_6_q && !diverts;",
                    "assign commits = decides_6_q;",
                ),
                change(
                    "a line that goes past the pipeline takes no credit",
                    "tideline_core",
                    ".take_ndr_plain (responder_take_ndr_plain)",
                    ".take_ndr_plain (1'b0)",
                ),
                change(
                    "a request that goes past the pipeline takes the last place",
                    "tideline_coherence_snooper",
                    "assign plain_req_valid = req_plain && ndr_room && (drs_spare",
                    "assign plain_req_valid = req_plain && ndr_ok && (drs_spare",
                ),
                change(
                    "a read that goes past the pipeline takes the last place",
                    "tideline_responder",
                    "assign drs_spare = !drs_taken_q[0];",
                    "assign drs_spare = !drs_taken_q[1];",
                ),
                change(
                    "a line goes past the pipeline beside a result",
                    "tideline_plain_path",
                    "assign takes_req = req_valid && !pipeline_valid &&",
                    "assign takes_req = req_valid &&",
                ),
                change(
                    "a request that is taken back keeps its credit",
                    "tideline_coherence_snooper",
                    "assign give_ndr = defers || strays_q;",
                    "assign give_ndr = strays_q;",
                ),
                change(
                    "a request of a plain region that strayed keeps its credit",
                    "tideline_coherence_snooper",
                    "assign give_ndr = defers || strays_q;",
                    "assign give_ndr = defers;",
                ),
                change(
                    "a read that is taken back keeps its credit",
                    "tideline_coherence_snooper",
                    "assign give_drs = (defers || strays_q) && ",
                    "assign give_drs = 1'b0 && ",
                ),
                change(
                    "a request that is taken back goes on",
                    "tideline_descriptor_pipeline",
                    "valid_2_d = valid_1_q && !retract;",
                    "valid_2_d = valid_1_q;",
                ),
                change(
                    "a replay takes a credit",
                    "tideline_coherence_snooper",
                    "assign take_ndr = write_granted || request_granted;",
                    "assign take_ndr = write_granted || request_granted || replay_granted;",
                ),
            ],
        },
        Proof {
            name: "region_lookup",
            design: device,
            modules: &["tideline_region_lookup"],
            cut: &[&["tideline_lane_ram_*"]],
            cut_wires: &[],
            depth: 2,
            mutations: vec![
                change(
                    "a write that meets the read is not seen",
                    "tideline_region_lookup",
                    "table_read_data[0] && !met_q",
                    "table_read_data[0]",
                ),
                change(
                    "a message accepted with the write is not waited for",
                    "tideline_region_lookup",
                    "old_d = rest + {2'd0, accept};",
                    "old_d = rest;",
                ),
                change(
                    "the newest message is taken for the oldest",
                    "tideline_region_lookup",
                    "if (waiting_out_valid) head = waiting_out_data;",
                    "if (!read_q) head = waiting_out_data;",
                ),
            ],
        },
        Proof {
            name: "recalled_pages",
            design: device,
            modules: &["tideline_core"],
            cut: &[
                MEMORIES,
                COMMANDS,
                &[
                    "tideline_cam_*",
                    "tideline_fifo_depth64_in_data64",
                    "tideline_skid_in_data64",
                    "tideline_descriptor_pipeline",
                    "tideline_region_lookup",
                    "tideline_slot_arbiter",
                    "tideline_miss_unit*",
                    "tideline_plain_path",
                    "tideline_responder",
                    "tideline_memory_port",
                ],
            ],
            cut_wires: &[],
            depth: 2,
            mutations: vec![
                change(
                    "a page whose snoops are out is not held",
                    "tideline_recall_table",
                    "assign query = queried_q & held_q & ~(draining_q & ~waits_q);",
                    "assign query = queried_q & held_q & ~snooping_q & ~(draining_q & ~waits_q);",
                ),
                change(
                    "a context that drains lets go although requests wait",
                    "tideline_recall_table",
                    "assign release_signal = held_q & ~waits_q &",
                    "assign release_signal = held_q &",
                ),
                change(
                    "a page that starts in this cycle is not found",
                    "tideline_recall_table",
                    "if (job[23:0] == look_q[23:0]) found = (pages_match_b & held_q) | start_bit;",
                    "if (job[23:0] == look_q[23:0]) found = pages_match_b & held_q;",
                ),
                change(
                    "an UNMAP takes over a context that requests wait for",
                    "tideline_recall_table",
                    "resting_d = stuck_r_q & stuck_last_q & ~waits_q & ~sending;",
                    "resting_d = stuck_r_q & stuck_last_q & ~sending;",
                ),
                change(
                    "the next free context may be a held one",
                    "tideline_recall_table",
                    "assign next_spare_mask = ~((held_q & ~frees) | owed_q | spare_q);",
                    "assign next_spare_mask = ~(owed_q | spare_q);",
                ),
                change(
                    "a pass begins while a request is being deferred",
                    "tideline_coherence_snooper",
                    "assign start_pass = !pass && (|drains) && drains_any_q && !asks_q;",
                    "assign start_pass = !pass && (|drains) && !asks_q;",
                ),
                change(
                    "every deferred request is served",
                    "tideline_coherence_snooper",
                    "if (waiting_next) serves_d = |(oldest_context & drain_set_q);",
                    "if (waiting_next) serves_d = 1'b1;",
                ),
                change(
                    "a request of a held page goes on",
                    "tideline_coherence_snooper",
                    "assign retract = defers || strays_q;",
                    "assign retract = strays_q;",
                ),
                change(
                    "what is put back waits for another context",
                    "tideline_coherence_snooper",
                    "if (waiting_back) deferred_in_data = waiting_q;",
                    "if (waiting_back) deferred_in_data = {waiting_q[63:6], query_context};",
                ),
            ],
        },
        Proof {
            name: "spool",
            design: || alone(Spool::default()),
            modules: &["tideline_spool"],
            cut: &[&["tideline_ram_fifo_*"]],
            cut_wires: &[],
            depth: 2,
            mutations: vec![
                change(
                    "merged when every slot has entered",
                    "tideline_spool",
                    "if (!(|undecided_q)) merged = 1'b1;",
                    "merged = 1'b1;",
                ),
                change(
                    "the last, partly filled beat is not written",
                    "tideline_spool",
                    "if (full || part) to_memory_d = 1'b1;",
                    "if (full) to_memory_d = 1'b1;",
                ),
                change(
                    "flushed before memory has it",
                    "tideline_spool",
                    " && (unwritten_q == 8'd0) && host_idle;",
                    " && host_idle;",
                ),
                change(
                    "every record from the first beat",
                    "tideline_spool",
                    "assign read_address = base_address + {9'd0, merge_index_q[24:2], 6'd0};",
                    "assign read_address = base_address;",
                ),
                change(
                    "a beat that waits for the host is overwritten",
                    "tideline_spool",
                    "assign out_free = !to_memory_q && !to_host_q;",
                    "assign out_free = !to_memory_q;",
                ),
                change(
                    "records of this result are dropped, the others kept",
                    "tideline_spool",
                    "if (!good2) back_d[383:256] = 128'd0;",
                    "if (good2) back_d[383:256] = 128'd0;",
                ),
                change(
                    "half a record too little for the host",
                    "tideline_spool",
                    "host_strobe = 64'hffffffff;",
                    "host_strobe = 64'hffffff;",
                ),
            ],
        },
        Proof {
            name: "miss_chains",
            design: || alone(MissUnit::<SET_BITS>::default()),
            modules: &["tideline_miss_unit"],
            cut: &[&[CONTENTS, "tideline_ram_width*", "tideline_cam_*"]],
            cut_wires: &[],
            depth: 2,
            mutations: vec![
                change(
                    "a replay begins while slots may still join",
                    "tideline_miss_unit",
                    "replay_starts = hold_r_q[2] && hold_ages2_q[3] && !replaying_q;",
                    "replay_starts = hold_r_q[2] && hold_ages2_q[2] && !replaying_q;",
                ),
                change(
                    "a replay begins before the last one has ended",
                    "tideline_miss_unit",
                    "replay_starts = hold_r_q[1] && hold_ages1_q[3] && !replaying_q;",
                    "replay_starts = hold_r_q[1] && hold_ages1_q[3];",
                ),
                change(
                    "the place of a slot that passed is lost",
                    "tideline_miss_unit",
                    "assign frees_place = replay_next || entries_take;",
                    "assign frees_place = replay_next;",
                ),
                change(
                    "a pass frees a place while a replay does",
                    "tideline_miss_unit",
                    "assign fill_next = fill_looks_q && !fill_valid_r_q && !replaying_q &&",
                    "assign fill_next = fill_looks_q && !fill_valid_r_q &&",
                ),
                change(
                    "an entry that slots joined while it passed closes",
                    "tideline_miss_unit",
                    "assign pass_close = pass_done && entries_done_empty;",
                    "assign pass_close = pass_done;",
                ),
                change(
                    "it is not fetched again",
                    "tideline_miss_unit",
                    "assign fetch_in_valid = allocates || pass_again;",
                    "assign fetch_in_valid = allocates;",
                ),
                change(
                    "the first slot after the only one stands behind it",
                    "tideline_miss_entries",
                    "(|(append_bit & empty_q)) || (take && append_bit[fill_entry]);",
                    "(|(append_bit & empty_q));",
                ),
                change(
                    "an entry passes although a second slot came",
                    "tideline_miss_entries",
                    "passes_d = (passes_q & ~(append_bit | take_bit) & ~allocate_bit) | pass_bit;",
                    "passes_d = (passes_q & ~take_bit & ~allocate_bit) | pass_bit;",
                ),
                change(
                    "a slot that joins is not linked",
                    "tideline_miss_unit",
                    "links_d = appends && entries_behind;",
                    "links_d = appends && entries_behind && !allocates && !frees_place;",
                ),
                change(
                    "an entry that is next is taken for another one too",
                    "tideline_miss_entries",
                    "assign next_spare_mask = ~(valid_q | spare_q | following_q);",
                    "assign next_spare_mask = ~(valid_q | following_q);",
                ),
            ],
        },
        Proof {
            name: "miss_lookup",
            design: || alone(MissEntries::default()),
            modules: &["tideline_miss_entries"],
            cut: &[&[CONTENTS, "tideline_cam_*", "tideline_lowest_set"]],
            cut_wires: &[],
            depth: 2,
            mutations: vec![
                change(
                    "an entry that is taken in this cycle is not seen",
                    "tideline_miss_entries",
                    "seen_2_d = (pages_match_a & ~allocate_bit) | noted0;",
                    "seen_2_d = pages_match_a & ~allocate_bit;",
                ),
                change(
                    "nor a stage later",
                    "tideline_miss_entries",
                    "seen_d = (seen_1_q & ~allocate_bit) | noted2;",
                    "seen_d = seen_1_q & ~allocate_bit;",
                ),
                change(
                    "a taken entry keeps the matches of its last page",
                    "tideline_miss_entries",
                    "seen_1_d = (seen_2_q & ~allocate_bit) | noted1;",
                    "seen_1_d = seen_2_q | noted1;",
                ),
                change(
                    "an entry that has closed is found",
                    "tideline_miss_entries",
                    "assign matches_signal = seen_q & valid_q;",
                    "assign matches_signal = seen_q;",
                ),
            ],
        },
        Proof {
            name: "plain_regions",
            design: device,
            modules: &["tideline_core"],
            cut: &[
                MEMORIES,
                COMMANDS,
                &[
                    "tideline_descriptor_pipeline",
                    "tideline_region_lookup",
                    "tideline_slot_arbiter",
                    "tideline_miss_unit*",
                    "tideline_responder",
                    "tideline_memory_port",
                    "tideline_recall_engine",
                ],
            ],
            cut_wires: &[],
            depth: 2,
            mutations: vec![
                change(
                    "the queue is not waited for after a promotion",
                    "tideline_plain_path",
                    "(unsettled_q && !(none && settled))",
                    "(unsettled_q && !none)",
                ),
                change(
                    "the pipeline is not waited for after a promotion",
                    "tideline_plain_path",
                    "(unsettled_q && !(none && settled))",
                    "(unsettled_q && !settled)",
                ),
                change(
                    "a write of after the promotion waits for nothing",
                    "tideline_plain_path",
                    "assign write_valid = rwd_valid && (!unsettled_q || none);",
                    "assign write_valid = rwd_valid;",
                ),
                change(
                    "a message goes past the pipeline and stays",
                    "tideline_coherence_snooper",
                    "assign rwd_goes = (write_granted || writes_out_data[60] || plain_rwd_taken)",
                    "assign rwd_goes = (write_granted || writes_out_data[60])",
                ),
                change(
                    "a line of a plain region is offered as a slot too",
                    "tideline_coherence_snooper",
                    "assign rwd_offer = rwd_legal && !rwd_plain &&",
                    "assign rwd_offer = rwd_legal &&",
                ),
                change(
                    "the table is asked for another region",
                    "tideline_coherence_snooper",
                    "assign regions_rwd_region = rwd_offset[23:9];",
                    "assign regions_rwd_region = rwd_offset[22:8];",
                ),
                change(
                    "both channels go at once",
                    "tideline_plain_path",
                    "!pipeline_valid && (turn_req || !write_valid);",
                    "!pipeline_valid;",
                ),
                change(
                    "a request of a plain region that strayed goes on",
                    "tideline_coherence_snooper",
                    "assign retract = defers || strays_q;",
                    "assign retract = defers;",
                ),
                change(
                    "a request of a plain region leaves with its slot",
                    "tideline_coherence_snooper",
                    "(request_granted && !pass && !req_plain)",
                    "(request_granted && !pass)",
                ),
                change(
                    "no hole is made",
                    "tideline_plain_path",
                    "assign hole = hole_r_q;",
                    "assign hole = 1'b0;",
                ),
            ],
        },
        Proof {
            name: "region_walk",
            design: device,
            modules: &["tideline_range_walker"],
            cut: &[&[CONTENTS]],
            cut_wires: &[],
            depth: 2,
            mutations: vec![
                change(
                    "messages of before are not waited for",
                    "tideline_range_walker",
                    "if (!demote_now && demoting_q && region_settled) demoted_d = 1'b1;",
                    "if (!demote_now && demoting_q) demoted_d = 1'b1;",
                ),
                change(
                    "only the first region is ended",
                    "tideline_range_walker",
                    "if (taken_page && (&next_page_q[8:0])) demoted_d = 1'b0;",
                    "",
                ),
                change(
                    "a recall leaves its regions plain",
                    "tideline_range_walker",
                    "(kind_r_q == SLOT_KIND_TRACK_SET) ||\n            (kind_r_q == SLOT_KIND_RECALL);",
                    "(kind_r_q == SLOT_KIND_TRACK_SET);",
                ),
                change(
                    "the last page of a region need not be mapped",
                    "tideline_range_walker",
                    "!active && !wrong_state && !failed_r_q",
                    "!wrong_state && !failed_r_q",
                ),
            ],
        },
        Proof {
            name: "conflict_order",
            design: device,
            modules: &["tideline_responder"],
            cut: &[&[CONTENTS, "tideline_ram_width*"]],
            cut_wires: &[],
            depth: 2,
            mutations: vec![change(
                "completions of writes wait for the rest",
                "tideline_responder",
                "assign decided_out_ready = ndr_in_ready && !written_out_valid;",
                "assign decided_out_ready = ndr_in_ready;",
            )],
        },
        Proof {
            name: "queue_phase",
            design: device,
            modules: &["tideline_command_executor"],
            cut: &[],
            cut_wires: &[],
            depth: 2,
            mutations: vec![
                change(
                    "the phase never turns",
                    "tideline_command_executor",
                    "if (complete_written && (tail_q == cq_mask)) phase_d = !phase_q;",
                    "",
                ),
                change(
                    "no place is kept for completions",
                    "tideline_command_executor",
                    "assign cq_room = cq_used < cq_mask;",
                    "assign cq_room = 1'b1;",
                ),
            ],
        },
    ]
}

//! The mutations: M1 to M7 break the rules that the model checker of the line protocol found necessary, A1 to A5 the front
//! of the AXI attach, the others rules of recall, of the log and of tracking.

use anyhow::{Context, Result, ensure};
use std::collections::{BTreeMap, BTreeSet};
use tideline_abi::geometry::RECALL_CONTEXTS;

/// Names the environment variable that says which mutation is on.
pub const CHOICE: &str = "TIDELINE_MUTATION";

/// A change of the emitted Verilog that breaks one rule.
#[derive(Clone, Copy, Debug)]
pub struct Mutation {
    /// Its name.
    pub name: &'static str,
    /// What it breaks, in a sentence.
    pub breaks: &'static str,
}

/// A replacement in one file.
#[derive(Clone, Debug)]
pub struct Patch {
    /// The module, which is its file's name without `.v`.
    pub module: &'static str,
    /// Text that occurs exactly once.
    pub anchor: &'static str,
    /// What stands there instead.
    pub replacement: String,
}

impl Patch {
    /// Changes the files; `name` is for the message.
    pub fn apply(&self, name: &str, files: &mut BTreeMap<String, String>) -> Result<()> {
        let Patch { module, anchor, replacement } = self;
        let file = format!("{module}.v");
        let text = files.get_mut(&file).with_context(|| format!("{name}: there is no {file}"))?;
        let count = text.matches(anchor).count();
        ensure!(count == 1, "{name}: {file} holds {anchor:?} {count} times, not once");
        *text = text.replace(anchor, replacement);
        Ok(())
    }
}

const SNOOPER: &str = "tideline_coherence_snooper";
const RESOLVE: &str = "tideline_resolve";
const RESPONDER: &str = "tideline_responder";
const CORE: &str = "tideline_core";
const FRONT: &str = "tideline_axi_front";
const WALKER: &str = "tideline_range_walker";
const PAGE_LIST: &str = "tideline_page_list";

const fn mutation(name: &'static str, breaks: &'static str) -> Mutation {
    Mutation { name, breaks }
}

fn patch(module: &'static str, anchor: &'static str, replacement: impl Into<String>) -> Patch {
    Patch { module, anchor, replacement: replacement.into() }
}

/// Every mutation: its name, and what it breaks, in a sentence.
pub const ALL: &[Mutation] = &[
    mutation("M1", "Requests to a page that is being recalled are not held back."),
    mutation("asked", "A pass over the deferred requests begins while one is being deferred."),
    mutation(
        "stuck_group",
        "A harvest that meets a page whose recall timed out does not set its group's bit again.",
    ),
    mutation(
        "M2",
        "`owned` is taken from the meta value Any alone: exclusive grants to other reads do not set it.",
    ),
    mutation("M3", "A write-back by which the host keeps the line (meta value Any) clears `owned`."),
    mutation(
        "M4",
        "The Cmp of a write leaves when the write arrives, up to 64 cycles before its commit slot.",
    ),
    mutation("M5", "Writes to a page that is being recalled wait for the end of the recall."),
    mutation("M6", "BIConflictAck waits for the end of the recall, and so for the BIRsp."),
    mutation("M7", "BIConflictAck passes every Cmp that was decided before it."),
    mutation(
        "neighbours",
        "Of four aligned lines that must be recalled only those of the first snoop are snooped.",
    ),
    mutation("half_block", "The answer of one line ends the snoop of its block."),
    mutation("log_dropped", "Records that find the log ring full are dropped without a word."),
    mutation("dirty_bit", "Writes of line 37 of any page do not set its dirty bit."),
    mutation(
        "list_wait",
        "The walk reads the page list while pages that were set before are on their way to memory.",
    ),
    mutation("list_join", "Of neighbours that get something together, the page list hears of the last one."),
    mutation("group_left", "A harvest that leaves pages of a group out does not set the group's bit again."),
    mutation(
        "group_lost",
        "Of two changes of neighbouring groups in two cycles the summary forgets the first.",
    ),
    mutation("poisoned_left", "A page whose descriptor could not be read is not looked for any more."),
    mutation("poisoned_unmap", "UNMAP of a page whose descriptor cannot be read recalls nothing."),
    mutation("room", "Writes are let in without a place in the miss unit."),
    mutation("A1", "B leaves before the Cmp of its writes."),
    mutation("plain_met", "What a read of the region table gives that met a write is believed."),
    mutation("plain_order", "Writes of a region that became plain overtake those before in the pipeline."),
    mutation("plain_owned", "Of a plain page only the lines are recalled that its descriptor calls owned."),
    mutation("A2", "A wrapping burst goes on like an incrementing one."),
    mutation("A3", "Writes of some bytes are sent as writes of the whole line."),
    mutation("A4", "R leaves when the request was answered, whether or not its data has come."),
    mutation("A5", "A write outside the window is answered OKAY."),
];

/// What makes the Verilog able to do them all: where a replacement says `<M1>`, mutation M1 is on.
fn patches() -> Vec<Patch> {
    let being_recalled: Vec<String> = (0..RECALL_CONTEXTS)
        .map(|i| {
            format!(
                "(recall.pages.held_q[{i}] && (recall.pages.pages.memory[{i}] == snooper.rwd_head[23:0]))"
            )
        })
        .collect();
    let being_recalled = being_recalled.join(" || ");
    vec![
        patch(
            SNOOPER,
            "assign defers = asks_q && query_hit && !query_stuck;",
            "assign defers = asks_q && query_hit && !query_stuck && !<M1>;",
        ),
        patch(
            SNOOPER,
            "assign start_pass = !pass && (|drains) && drains_any_q && !asks_q;",
            "assign start_pass = !pass && (|drains) && drains_any_q && (!asks_q || <asked>);",
        ),
        patch(WALKER, "returning_d = harvests;", "returning_d = harvests && !<stuck_group>;"),
        patch(RESOLVE, "sets_owned = !shared_only;", "sets_owned = !shared_only && !<M2>;"),
        patch(RESOLVE, "sets_owned = meta_any;", "sets_owned = meta_any && !<M3>;"),
        patch(
            RESOLVE,
            "clears_owned = meta_shared || meta_invalid;",
            "clears_owned = meta_shared || meta_invalid || (meta_any && <M3>);",
        ),
        // The page of the write at the head of the queue is being recalled.
        patch(
            CORE,
            "    tideline_coherence_snooper snooper (\n",
            format!(
                "    wire mutation_hold = snooper.rwd_head[30] && ({being_recalled});\n    \
                 tideline_coherence_snooper snooper (\n        .mutation_hold      (mutation_hold),\n"
            ),
        ),
        patch(
            SNOOPER,
            "module tideline_coherence_snooper (\n",
            "module tideline_coherence_snooper (\n    input  wire         mutation_hold,\n",
        ),
        // M4: the credits are of no use; a Cmp leaves before its credit is taken.
        patch(
            SNOOPER,
            "assign rwd_offer = rwd_legal && !rwd_plain && ndr_ok && (place_valid || conflict_head);",
            "reg [6:0] mutation_clock;\n    \
             always @(posedge clk) mutation_clock <= rst ? 7'd0 : mutation_clock + 7'd1;\n    \
             assign rwd_offer = rwd_legal && !rwd_plain && (<M4> ? mutation_clock[6] : ndr_ok) && (conflict_head ? \
             !(<M6> && mutation_hold) : (place_valid && !(<M5> && mutation_hold)));",
        ),
        patch(
            CORE,
            "        .done_valid     (memory_done_valid),\n        .done_tag       (memory_done_tag),",
            "        .done_valid     (<M4> ? snooper_count_rwd && (m2s_rwd_opcode != 4'd4) : memory_done_valid),\n        \
             .done_tag       (<M4> ? m2s_rwd_tag : memory_done_tag),",
        ),
        // M7: acknowledgements have a queue of their own.
        patch(RESPONDER, ".out_ready (ndr_in_ready),", ".out_ready (ndr_in_ready && !acks_out_valid),"),
        patch(
            RESPONDER,
            "assign decided_in_valid = result_valid && result[0] && (result_slot[3:0] != SLOT_KIND_WRITE);",
            "wire acks_in_valid = <M7> && result_valid && (result_slot[3:0] == 4'd2);\n    \
             wire acks_out_valid;\n    wire [18:0] acks_out_data;\n    \
             tideline_ram_fifo_depth256_in_data19 acks (\n        .clk (clk), .rst (rst),\n        \
             .in_valid (acks_in_valid), .in_ready (), .in_data (decided_in_data),\n        \
             .out_valid (acks_out_valid), .out_ready (ndr_in_ready), .out_data (acks_out_data), .count ()\n    );\n    \
             assign decided_in_valid = result_valid && result[0] && (result_slot[3:0] != SLOT_KIND_WRITE) && \
             !acks_in_valid;",
        ),
        patch(
            RESPONDER,
            "assign ndr_in_valid = written_out_valid || decided_out_valid;",
            "assign ndr_in_valid = acks_out_valid || written_out_valid || decided_out_valid;",
        ),
        patch(
            RESPONDER,
            "ndr_in_data[18:3] = written_out_data;\n        end",
            "ndr_in_data[18:3] = written_out_data;\n        end\n        if (acks_out_valid) ndr_in_data = \
             acks_out_data;",
        ),
        patch(
            RESPONDER,
            "assign decided_out_ready = ndr_in_ready && !written_out_valid;",
            "assign decided_out_ready = ndr_in_ready && !written_out_valid && !acks_out_valid;",
        ),
        patch(
            RESPONDER,
            "assign ndr_leaves = (written_out_valid || decided_out_valid) && ndr_in_ready;",
            "assign ndr_leaves = (acks_out_valid || written_out_valid || decided_out_valid) && ndr_in_ready;",
        ),
        patch(
            "tideline_snoop_picker",
            "assign rest = mask & ~taken;",
            "assign rest = mask & ~(<neighbours> ? 64'hf << {quad, 2'd0} : taken);",
        ),
        patch(
            "tideline_snoop_picker",
            "assign others = (quads & ~first) | (left & first);",
            "assign others = (quads & ~first) | (<neighbours> ? 16'd0 : left & first);",
        ),
        patch(
            "tideline_recall_engine",
            "if (by_block || !block) hit",
            "if (by_block || !block || <half_block>) hit",
        ),
        patch(
            "tideline_log_ring",
            "dropped_r_q + {31'd0, drop_in} + {31'd0, drop_out};",
            "dropped_r_q + {31'd0, drop_in} + {31'd0, drop_out && !<log_dropped>};",
        ),
        patch(
            RESOLVE,
            "sets_dirty = track;",
            "sets_dirty = track && !(<dirty_bit> && (slot[33:28] == 6'd37));",
        ),
        patch(PAGE_LIST, "if (!behind_q) state_d", "if (!behind_q || <list_wait>) state_d"),
        patch(
            PAGE_LIST,
            "opened[81:18] = open_now[81:18] | bit_now;",
            "opened[81:18] = (<list_join> ? 64'd0 : open_now[81:18]) | bit_now;",
        ),
        patch(WALKER, "assign group_set = sets;", "assign group_set = sets && !<group_left>;"),
        patch(
            "tideline_summary",
            "if (follows_1_q) old1 = word_2_q;",
            "if (follows_1_q && !<group_lost>) old1 = word_2_q;",
        ),
        patch(
            "tideline_descriptor_pipeline",
            "|| (is_page && poisoned))",
            "|| (is_page && poisoned && !<poisoned_left>))",
        ),
        patch(
            RESOLVE,
            "recalls_all = (copies || poisoned) && !slot[71];",
            "recalls_all = (copies || (poisoned && !<poisoned_unmap>)) && !slot[71];",
        ),
        patch(
            "tideline_miss_unit",
            "room_r_d = (places_count > 16'd9) && (used_q < 7'h37);",
            "room_r_d = ((places_count > 16'd9) && (used_q < 7'h37)) || <room>;",
        ),
        patch(
            FRONT,
            "assign write_ends = write_order_out_valid && write_done_q[write_head_q];",
            "assign write_ends = write_order_out_valid && (write_done_q[write_head_q] || <A1>);",
        ),
        patch(
            "tideline_region_lookup",
            "table_read_data[0] && !met_q",
            "table_read_data[0] && (!met_q || <plain_met>)",
        ),
        patch(
            "tideline_plain_path",
            "unsettled_d = promoted || (unsettled_q && !(none && settled));",
            "unsettled_d = !<plain_order> && (promoted || (unsettled_q && !(none && settled)));",
        ),
        patch(RESOLVE, "if (plain) any_owned = |kept;", "if (plain && !<plain_owned>) any_owned = |kept;"),
        patch(
            "tideline_axi_burst",
            "offset_d = (offset_q & ~wrap_mask_q) | (sum & wrap_mask_q);",
            "offset_d = <A2> ? sum : (offset_q & ~wrap_mask_q) | (sum & wrap_mask_q);",
        ),
        patch(
            FRONT,
            "rwd_opcode = M2S_RWD_MEM_WR_PTL;",
            "rwd_opcode = <A3> ? M2S_RWD_MEM_WR : M2S_RWD_MEM_WR_PTL;",
        ),
        patch(FRONT, " && read_arrived_q[read_head_q];", " && (read_arrived_q[read_head_q] || <A4>);"),
        patch(
            FRONT,
            "if (commit_valid && !commit_decodes) write_set_outside",
            "if (commit_valid && !commit_decodes && !<A5>) write_set_outside",
        ),
    ]
}

/// The files with every mutation in them; the environment variable [`CHOICE`] says when they run which one is on, by its number
/// in [`ALL`] and one: so they are compiled once. Without it none is.
///
/// # Errors
/// If a patch does not apply, or a mutation has none.
pub fn apply(files: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
    let mut files = files.clone();
    let mut used = BTreeSet::new();
    for mut patch in patches() {
        for (i, mutation) in ALL.iter().enumerate() {
            let mark = format!("<{}>", mutation.name);
            if patch.replacement.contains(&mark) {
                used.insert(mutation.name);
                patch.replacement = patch.replacement.replace(&mark, &format!("(mutation == 32'd{})", i + 1));
            }
        }
        patch.apply("mutations", &mut files)?;
    }
    for mutation in ALL {
        ensure!(used.contains(mutation.name), "no patch does mutation {}", mutation.name);
    }
    for text in files.values_mut().filter(|text| text.contains("(mutation == ")) {
        let ports = text.find("\n);\n").context("a module without ports")?;
        text.insert_str(ports + "\n);\n".len(), &choice());
    }
    Ok(files)
}

/// Where a module has the number of the mutation that is on.
fn choice() -> String {
    let number = format!("std::getenv(\"{CHOICE}\") ? std::atoi(std::getenv(\"{CHOICE}\")) : 0");
    format!("    reg [31:0] mutation;\n    initial mutation = $c32({number:?});\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_that_does_not_apply_is_an_error() {
        let files = |text: &str| BTreeMap::from([("a.v".to_owned(), text.to_owned())]);
        let apply = |mut files| patch("a", "x = 1;", "x = 0;").apply("m", &mut files).map(|()| files);
        assert_eq!(apply(files("y; x = 1;")).unwrap(), files("y; x = 0;"));
        for text in ["", "x = 1; x = 1;"] {
            assert!(apply(files(text)).unwrap_err().to_string().contains("not once"));
        }
        assert!(apply(BTreeMap::new()).is_err());
    }

    #[test]
    fn every_mark_names_a_mutation() {
        for patch in patches() {
            let marks = patch.replacement.split('<').skip(1).filter_map(|rest| rest.split_once('>'));
            for (name, _) in marks {
                assert!(ALL.iter().any(|m| m.name == name), "{name:?} in {:?}", patch.replacement);
            }
        }
    }
}

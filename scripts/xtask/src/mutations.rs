//! The mutations: M1 to M7 break the rules that the model checker of the line protocol found necessary, A1 to A5 the front
//! of the AXI attach, the others rules of recall, of the log and of tracking.

use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use tideline_abi::geometry::RECALL_CONTEXTS;

/// A change of the emitted Verilog that breaks one rule.
#[derive(Clone, Debug)]
pub struct Mutation {
    /// Its name.
    pub name: &'static str,
    /// What it breaks, in a sentence.
    pub breaks: &'static str,
    /// What is changed.
    pub patches: Vec<Patch>,
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

impl Mutation {
    /// The files with this mutation in them.
    pub fn apply(&self, files: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
        let mut files = files.clone();
        for patch in &self.patches {
            patch.apply(self.name, &mut files)?;
        }
        Ok(files)
    }
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

/// Where the front end offers the request with data at the head of its queue.
const RWD_OFFER: &str =
    "assign rwd_offer = rwd_legal && !rwd_plain && ndr_ok && (place_valid || conflict_head);";

fn patch(module: &'static str, anchor: &'static str, replacement: impl Into<String>) -> Patch {
    Patch { module, anchor, replacement: replacement.into() }
}

/// Patches that give the front end an input `mutation_hold`: the page of the request with data at the head of its queue
/// is being recalled.
fn with_hold() -> [Patch; 2] {
    let holds: Vec<String> = (0..RECALL_CONTEXTS)
        .map(|i| {
            format!(
                "(recall.pages.held_q[{i}] && (recall.pages.pages.memory[{i}] == snooper.rwd_head[23:0]))"
            )
        })
        .collect();
    [
        patch(
            CORE,
            "    tideline_coherence_snooper snooper (\n",
            format!(
                "    wire mutation_hold = snooper.rwd_head[30] && ({});\n    tideline_coherence_snooper snooper (\n        \
                 .mutation_hold      (mutation_hold),\n",
                holds.join(" || ")
            ),
        ),
        patch(
            SNOOPER,
            "module tideline_coherence_snooper (\n",
            "module tideline_coherence_snooper (\n    input  wire         mutation_hold,\n",
        ),
    ]
}

/// Every mutation.
pub fn all() -> Vec<Mutation> {
    let [hold_core, hold_snooper] = with_hold();
    vec![
        Mutation {
            name: "M1",
            breaks: "Requests to a page that is being recalled are not held back.",
            patches: vec![patch(
                SNOOPER,
                "assign defers = asks_q && query_hit && !query_stuck;",
                "assign defers = 1'b0;",
            )],
        },
        Mutation {
            name: "asked",
            breaks: "A pass over the deferred requests begins while one is being deferred.",
            patches: vec![patch(
                SNOOPER,
                "assign start_pass = !pass && (|drains) && !asks_q;",
                "assign start_pass = !pass && (|drains);",
            )],
        },
        Mutation {
            name: "stuck_group",
            breaks: "A harvest that meets a page whose recall timed out does not set its group's bit again.",
            patches: vec![patch("tideline_range_walker", "returning_d = harvests;", "returning_d = 1'b0;")],
        },
        Mutation {
            name: "M2",
            breaks: "`owned` is taken from the meta value Any alone: exclusive grants to other reads do not set it.",
            patches: vec![patch(RESOLVE, "sets_owned = !shared_only;", "sets_owned = 1'b0;")],
        },
        Mutation {
            name: "M3",
            breaks: "A write-back by which the host keeps the line (meta value Any) clears `owned`.",
            patches: vec![
                patch(RESOLVE, "sets_owned = meta_any;", "sets_owned = 1'b0;"),
                patch(
                    RESOLVE,
                    "clears_owned = meta_shared || meta_invalid;",
                    "clears_owned = meta_any || meta_shared || meta_invalid;",
                ),
            ],
        },
        Mutation {
            name: "M4",
            breaks: "The Cmp of a write leaves when the write arrives, up to 64 cycles before its commit slot.",
            patches: vec![
                patch(
                    CORE,
                    "        .done_valid     (memory_done_valid),\n        .done_tag       (memory_done_tag),",
                    "        .done_valid     (snooper_count_rwd && (m2s_rwd_opcode != 4'd4)),\n        \
                     .done_tag       (m2s_rwd_tag),",
                ),
                // The credits are of no use then: a Cmp leaves before its credit is taken.
                patch(
                    SNOOPER,
                    RWD_OFFER,
                    "reg [6:0] mutation_clock;\n    always @(posedge clk) mutation_clock <= rst ? 7'd0 : mutation_clock + \
                     7'd1;\n    assign rwd_offer = rwd_legal && !rwd_plain && (place_valid || conflict_head) && mutation_clock[6];",
                ),
            ],
        },
        Mutation {
            name: "M5",
            breaks: "Writes to a page that is being recalled wait for the end of the recall.",
            patches: vec![
                hold_core.clone(),
                hold_snooper.clone(),
                patch(
                    SNOOPER,
                    RWD_OFFER,
                    "assign rwd_offer = rwd_legal && !rwd_plain && ndr_ok && (conflict_head || (place_valid && !mutation_hold));",
                ),
            ],
        },
        Mutation {
            name: "M6",
            breaks: "BIConflictAck waits for the end of the recall, and so for the BIRsp.",
            patches: vec![
                hold_core,
                hold_snooper,
                patch(
                    SNOOPER,
                    RWD_OFFER,
                    "assign rwd_offer = rwd_legal && !rwd_plain && ndr_ok && (conflict_head ? !mutation_hold : place_valid);",
                ),
            ],
        },
        Mutation {
            name: "M7",
            breaks: "BIConflictAck passes every Cmp that was decided before it.",
            patches: vec![
                patch(
                    RESPONDER,
                    ".out_ready (ndr_in_ready),",
                    ".out_ready (ndr_in_ready && !acks_out_valid),",
                ),
                patch(
                    RESPONDER,
                    "assign decided_in_valid = result_valid && result[0] && (result_slot[3:0] != SLOT_KIND_WRITE);",
                    "wire acks_out_valid;\n    wire [18:0] acks_out_data;\n    \
                     tideline_fifo_depth256_in_data19 acks (\n        .clk (clk), .rst (rst),\n        \
                     .in_valid (result_valid && (result_slot[3:0] == 4'd2)), .in_ready (), .in_data (decided_in_data),\n        \
                     .out_valid (acks_out_valid), .out_ready (ndr_in_ready), .out_data (acks_out_data), .count ()\n    );\n    \
                     assign decided_in_valid = result_valid && result[0] && (result_slot[3:0] != SLOT_KIND_WRITE) && \
                     (result_slot[3:0] != 4'd2);",
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
            ],
        },
        Mutation {
            name: "neighbours",
            breaks: "Of four aligned lines that must be recalled only those of the first snoop are snooped.",
            patches: vec![
                patch(
                    "tideline_snoop_picker",
                    "assign rest = mask & ~taken;",
                    "assign rest = mask & ~(64'hf << {quad, 2'd0});",
                ),
                patch(
                    "tideline_snoop_picker",
                    "assign others = (quads & ~first) | (left & first);",
                    "assign others = quads & ~first;",
                ),
            ],
        },
        Mutation {
            name: "half_block",
            breaks: "The answer of one line ends the snoop of its block.",
            patches: vec![patch("tideline_recall_engine", "if (by_block || !block) hit", "hit")],
        },
        Mutation {
            name: "log_dropped",
            breaks: "Records that find the log ring full are dropped without a word.",
            patches: vec![patch(
                "tideline_log_ring",
                "dropped_r_q + {31'd0, drop_in} + {31'd0, drop_out};",
                "dropped_r_q + {31'd0, drop_in};",
            )],
        },
        Mutation {
            name: "dirty_bit",
            breaks: "Writes of line 37 of any page do not set its dirty bit.",
            patches: vec![patch(
                RESOLVE,
                "sets_dirty = track;",
                "sets_dirty = track && (slot[33:28] != 6'd37);",
            )],
        },
        Mutation {
            name: "list_wait",
            breaks: "The walk reads the page list while pages that were set before are on their way to memory.",
            patches: vec![patch("tideline_page_list", "if (!behind_q) state_d", "state_d")],
        },
        Mutation {
            name: "list_join",
            breaks: "Of neighbours that get something together, the page list hears of the last one.",
            patches: vec![patch(
                "tideline_page_list",
                "opened[81:18] = open_now[81:18] | bit_now;",
                "opened[81:18] = bit_now;",
            )],
        },
        Mutation {
            name: "group_left",
            breaks: "A harvest that leaves pages of a group out does not set the group's bit again.",
            patches: vec![patch(
                "tideline_range_walker",
                "assign group_set = sets;",
                "assign group_set = 1'b0;",
            )],
        },
        Mutation {
            name: "group_lost",
            breaks: "Of two changes of neighbouring groups in two cycles the summary forgets the first.",
            patches: vec![patch("tideline_summary", "if (follows_1_q) old1 = word_2_q;", "")],
        },
        Mutation {
            name: "poisoned_left",
            breaks: "A page whose descriptor could not be read is not looked for any more.",
            patches: vec![patch("tideline_descriptor_pipeline", "|| (is_page && poisoned))", ")")],
        },
        Mutation {
            name: "poisoned_unmap",
            breaks: "UNMAP of a page whose descriptor cannot be read recalls nothing.",
            patches: vec![patch(
                RESOLVE,
                "recalls_all = (copies || poisoned) && !slot[71];",
                "recalls_all = copies && !slot[71];",
            )],
        },
        Mutation {
            name: "room",
            breaks: "Writes are let in without a place in the miss unit.",
            patches: vec![patch("tideline_miss_unit", "(places_count > 16'd9) && (used_q < 7'h37)", "1'b1")],
        },
        Mutation {
            name: "A1",
            breaks: "B leaves before the Cmp of its writes.",
            patches: vec![patch(
                FRONT,
                "assign write_ends = write_order_out_valid && write_done_q[write_head_q];",
                "assign write_ends = write_order_out_valid;",
            )],
        },
        Mutation {
            name: "plain_met",
            breaks: "What a read of the region table gives that met a write is believed.",
            patches: vec![patch(
                "tideline_region_lookup",
                "table_read_data[0] && !met_q",
                "table_read_data[0]",
            )],
        },
        Mutation {
            name: "plain_order",
            breaks: "Writes of a region that became plain overtake those before in the pipeline.",
            patches: vec![patch("tideline_plain_path", "unsettled_d = promoted ||", "unsettled_d = 1'b0 &&")],
        },
        Mutation {
            name: "plain_owned",
            breaks: "Of a plain page only the lines are recalled that its descriptor calls owned.",
            patches: vec![patch(RESOLVE, "if (plain) any_owned = !(&recalled_lines);", "")],
        },
        Mutation {
            name: "A2",
            breaks: "A wrapping burst goes on like an incrementing one.",
            patches: vec![patch(
                "tideline_axi_burst",
                "offset_d = (offset_q & ~wrap_mask_q) | (sum & wrap_mask_q);",
                "offset_d = sum;",
            )],
        },
        Mutation {
            name: "A3",
            breaks: "Writes of some bytes are sent as writes of the whole line.",
            patches: vec![patch(FRONT, "rwd_opcode = M2S_RWD_MEM_WR_PTL;", "rwd_opcode = M2S_RWD_MEM_WR;")],
        },
        Mutation {
            name: "A4",
            breaks: "R leaves when the request was answered, whether or not its data has come.",
            patches: vec![patch(FRONT, " && read_arrived_q[read_head_q];", ";")],
        },
        Mutation {
            name: "A5",
            breaks: "A write outside the window is answered OKAY.",
            patches: vec![patch(
                FRONT,
                "if (commit_valid && !commit_decodes) write_set_outside",
                "if (1'b0) write_set_outside",
            )],
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mutation_that_does_not_apply_is_an_error() {
        let files = |text: &str| BTreeMap::from([("a.v".to_owned(), text.to_owned())]);
        let mutation = Mutation { name: "m", breaks: "b", patches: vec![patch("a", "x = 1;", "x = 0;")] };
        assert_eq!(mutation.apply(&files("y; x = 1;")).unwrap(), files("y; x = 0;"));
        for text in ["", "x = 1; x = 1;"] {
            assert!(mutation.apply(&files(text)).unwrap_err().to_string().contains("not once"));
        }
        assert!(mutation.apply(&BTreeMap::new()).is_err());
    }
}

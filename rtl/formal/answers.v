// Invariants 14 and 7 of the line protocol, by counting: what a slot promises is sent exactly once, and nothing else.
//
// On NDR: messages that entered the pipeline, or went past it, and wait for their answer = answers in the pipeline, in the
// chains of the miss unit, in the queues and on the channel. On DRS likewise for reads. The queues of answers never
// overflow, so no answer is lost; a request that is taken back gives its credits back; a write's completion is sent only for writes whose slot was committed, and only as often;
// the places of write data are neither lost nor given out twice. And the way past the pipeline counts the writes in it right.
//
// Real: front end, pipeline, the way past it, decision, responder, memory port, their wiring. Free: every input but as said,
// the recall engine, the miss unit, commands, descriptors, what the region table says, the contents of queues.
// Assumed: device memory answers only what it was asked, with the ID; the arbiter grants one of those that offer
// (proof `slot_arbiter`); the miss unit replays only slots that it was given, as often as it was given them, and lets only
// page slots pass (proof `miss_chains`); recall engine and spool offer page slots as such.
module answers #(parameter SLOT = `SLOT_BITS) (
    input clk, input rst, input ndr_ready, input drs_ready, input awready, input wready, input arready,
    input bvalid, input [7:0] bid, input rvalid, input [7:0] rid
);
    wire ndr_valid, drs_valid, awvalid, arvalid;
    wire [7:0] awid, arid;
    wire [4:0] request, grant;
    wire replay_granted, slot_valid, retract, asks, strays, waits, pass, head, head_next;
    wire [`HEAD_BITS-1:0] asked, head_data, head_next_data;
    wire [SLOT-1:0] slot, page_slot, fill_slot, replay_slot;
    wire [`ENTRY_BITS-1:0] slot_entry, fill_entry, e1, e2, e3, e4, e5, e6;
    wire v1, v2, v3, v4, v5, v6, decides_6, commit_7, miss_7;
    wire [`VERDICT_BITS-1:0] verdict_6;
    wire [SLOT-1:0] s1, s2, s3, s4, s5, s6, s7;
    wire [`RESULT_BITS-1:0] r7, result;
    wire out, req_past, rwd_past;
    wire [SLOT-1:0] out_slot;
    wire [8:0] counted;
    wire ndr_out, ndr_spare, drs_out, drs_spare;
    wire [15:0] decided, written, orders, pending, places, empty, reads, read_pending, data;
    wire [2:0] ndr_taken;
    wire [1:0] drs_taken;
    wire [8:0] ndr_used, drs_used, place_count;
    wire done, order_leaves, write_line, decided_pop, written_pop, empty_pop, data_pop;
    wire order, aw, aw_spare, ar, ar_spare;
    wire [`ADDRESS_BITS-1:0] aw_data, aw_next, ar_data, ar_next;
    tideline_core device (
        .clk(clk), .rst(rst), .s2m_ndr_valid(ndr_valid), .s2m_ndr_ready(ndr_ready), .s2m_drs_valid(drs_valid), .s2m_drs_ready(drs_ready),
        .m_axi_dram_awvalid(awvalid), .m_axi_dram_awready(awready), .m_axi_dram_awid(awid), .m_axi_dram_wready(wready),
        .m_axi_dram_arvalid(arvalid), .m_axi_dram_arready(arready), .m_axi_dram_arid(arid),
        .m_axi_dram_bvalid(bvalid), .m_axi_dram_bid(bid), .m_axi_dram_rvalid(rvalid), .m_axi_dram_rid(rid),
        .\snooper.arbiter.request (request), .\snooper.arbiter.grant (grant), .\snooper.replay_granted (replay_granted),
        .\snooper.retract (retract), .\snooper.asks_q (asks), .\snooper.strays_q (strays), .\snooper.waits_q (waits), .\snooper.pass (pass), .\snooper.asked_q (asked), .\snooper.requests.valid_q (head),
        .\snooper.requests.spare_valid_q (head_next), .\snooper.requests.data_q (head_data),
        .\snooper.requests.spare_data_q (head_next_data), .\snooper.slot_valid (slot_valid), .\snooper.slot (slot), .\snooper.slot_entry (slot_entry), .\snooper.page_slot (page_slot),
        .\snooper.fill_slot (fill_slot), .\snooper.fill_entry (fill_entry), .\snooper.replay_slot (replay_slot),
        .\plain.result_valid (out), .\plain.result_slot (out_slot), .\plain.result (result), .\plain.req_taken (req_past),
        .\plain.rwd_taken (rwd_past), .\plain.writes_q (counted),
        .\pipeline.valid_1_q (v1), .\pipeline.valid_2_q (v2), .\pipeline.valid_3_q (v3), .\pipeline.valid_4_q (v4), .\pipeline.valid_5_q (v5),
        .\pipeline.valid_6_q (v6), .\pipeline.decides_6_q (decides_6), .\pipeline.verdict_6_q (verdict_6), .\pipeline.commit_7_q (commit_7), .\pipeline.miss_7_q (miss_7),
        .\pipeline.slot_1_q (s1), .\pipeline.slot_2_q (s2), .\pipeline.slot_3_q (s3), .\pipeline.slot_4_q (s4), .\pipeline.slot_5_q (s5),
        .\pipeline.slot_6_q (s6), .\pipeline.slot_7_q (s7), .\pipeline.result_7_q (r7),
        .\pipeline.entry_1_q (e1), .\pipeline.entry_2_q (e2), .\pipeline.entry_3_q (e3), .\pipeline.entry_4_q (e4), .\pipeline.entry_5_q (e5),
        .\pipeline.entry_6_q (e6),
        .\responder.ndr_used_q (ndr_used), .\responder.drs_used_q (drs_used),
        .\responder.decided.count (decided), .\responder.written.count (written), .\responder.empty.count (empty),
        .\memory.done_valid (done), .\memory.order_leaves (order_leaves), .\memory.write_line (write_line),
        .\responder.decided.pop (decided_pop), .\responder.written.pop (written_pop),
        .\responder.empty.pop (empty_pop), .\responder.data.pop (data_pop), .\responder.data.count (data),
        .\responder.ndr_taken_q (ndr_taken), .\responder.drs_taken_q (drs_taken),
        .\responder.ndr.valid_q (ndr_out), .\responder.ndr.spare_valid_q (ndr_spare),
        .\responder.out.valid_q (drs_out), .\responder.out.spare_valid_q (drs_spare),
        .\memory.orders.count (orders), .\memory.order_valid_q (order), .\memory.write_pending.count (pending),
        .\memory.places.count (places), .\memory.place_count_q (place_count),
        .\memory.reads.count (reads), .\memory.read_pending.count (read_pending),
        .\memory.aw.valid_q (aw), .\memory.aw.spare_valid_q (aw_spare), .\memory.aw.data_q (aw_data), .\memory.aw.spare_data_q (aw_next),
        .\memory.ar.valid_q (ar), .\memory.ar.spare_valid_q (ar_spare), .\memory.ar.data_q (ar_data), .\memory.ar.spare_data_q (ar_next)
    );
    reg started = 1'b0;
    always @(posedge clk) started <= 1'b1;
    always @* if (!started) assume (rst);

    // What the slots promise.
    function on_ndr(input [SLOT-1:0] of); begin
        on_ndr = of[`SLOT_KIND] == 0 || of[`SLOT_KIND] == 1 || of[`SLOT_KIND] == 2;
    end endfunction
    function on_drs(input [SLOT-1:0] of); begin
        on_drs = of[`SLOT_KIND] == 0 && (of[`SLOT_OPCODE] == 1 || of[`SLOT_OPCODE] == 2);
    end endfunction
    function writes(input [SLOT-1:0] of); begin
        writes = of[`SLOT_KIND] == 1;
    end endfunction
    function reads_drs(input [`REQUEST_BITS-1:0] of); begin
        reads_drs = of[`REQUEST_OPCODE] == 1 || of[`REQUEST_OPCODE] == 2;
    end endfunction
    function is_fill(input [`ENTRY_BITS-1:0] of); begin
        is_fill = of[`ENTRY_FILL];
    end endfunction

    // The blocks that are cut away.
    reg [9:0] chained_reads = 0, chained_writes = 0, chained_others = 0;
    wire other_in = on_ndr(s7) && !on_drs(s7) && !writes(s7);
    wire other_out = on_ndr(replay_slot) && !on_drs(replay_slot) && !writes(replay_slot);
    always @(posedge clk) begin
        chained_reads <= rst ? 0 : chained_reads + (miss_7 && on_drs(s7)) - (replay_granted && on_drs(replay_slot));
        chained_writes <= rst ? 0 : chained_writes + (miss_7 && writes(s7)) - (replay_granted && writes(replay_slot));
        chained_others <= rst ? 0 : chained_others + (miss_7 && other_in) - (replay_granted && other_out);
    end
    always @* begin
        assume ((grant & (grant - 1)) == 0 && (grant & ~request) == 0);
        assume (page_slot[3]);
        assume (fill_entry[`ENTRY_FILL] != fill_entry[`ENTRY_PASS]);
        if (fill_entry[`ENTRY_PASS]) assume (fill_slot[3]);
        if (on_drs(replay_slot)) assume (chained_reads != 0);
        if (writes(replay_slot)) assume (chained_writes != 0);
        if (other_out) assume (chained_others != 0);
    end

    // Device memory: how many line writes and reads it owes.
    reg [9:0] owes_b = 0, owes_r = 0;
    wire line_b = bvalid && bid == 0;
    wire line_r = rvalid && rid == 0;
    always @(posedge clk) begin
        owes_b <= rst ? 0 : owes_b + (awvalid && awready && awid == 0) - line_b;
        owes_r <= rst ? 0 : owes_r + (arvalid && arready && arid == 0) - line_r;
    end
    always @* begin
        assume (owes_b != 0 || !line_b);
        assume (owes_r != 0 || !line_r);
        assume (!rst || !started || (!line_b && !line_r));
    end

    // What is taken back.
    wire back_read = retract && on_drs(s1);
    wire back_other = retract && !on_drs(s1);

    // What the host is owed, counted where a message becomes a slot and at the channels.
    wire past = req_past || rwd_past;
    wire enters = slot_valid && !replay_granted && !is_fill(slot_entry);
    reg [9:0] ndr_owed = 0, drs_owed = 0;
    always @(posedge clk) begin
        ndr_owed <= rst ? 0 : ndr_owed + (enters && on_ndr(slot)) + past - (ndr_valid && ndr_ready) - retract;
        drs_owed <= rst ? 0 : drs_owed + (enters && on_drs(slot)) + (past && on_drs(out_slot)) - (drs_valid && drs_ready) - back_read;
    end

    // The stations of a promise, each with its own count: pipeline and chains, memory, queues.
    wire in_read = enters && on_drs(slot);
    wire in_write = enters && writes(slot);
    wire in_other = enters && on_ndr(slot) && !on_drs(slot) && !writes(slot);
    // What leaves the pipeline, and what has a result: that, or a message that goes past it.
    wire end_read = commit_7 && on_drs(s7);
    wire end_write = commit_7 && writes(s7);
    wire end_other = commit_7 && on_ndr(s7) && !on_drs(s7) && !writes(s7);
    wire out_read = out && on_drs(out_slot);
    wire out_write = out && writes(out_slot);
    wire out_other = out && on_ndr(out_slot) && !on_drs(out_slot) && !writes(out_slot);
    wire out_ndr = out_read || out_other;
    // Each count beside what it is made of, two by two: a sum of many is beyond a solver.
    reg [9:0] n_pipe = 0, n_rest = 0, n_reads = 0, n_writes = 0, n_others = 0;  // pipeline = reads + rest, rest = writes + others
    reg [9:0] n_after = 0, n_memory = 0, n_queues = 0, n_decided = 0, n_written = 0;  // after = memory + queues, queues = decided + written
    reg [9:0] n_orders = 0, n_pending = 0, n_placed = 0;  // memory = orders + pending, placed = writes + orders
    reg [9:0] n_read = 0, n_empty = 0, n_lines = 0, n_data = 0, n_full = 0;  // read = empty + full, full = lines + data
    always @(posedge clk) begin
        n_pipe <= rst ? 0 : n_pipe + (in_read || in_write || in_other) - (end_read || end_write || end_other) - retract;
        n_rest <= rst ? 0 : n_rest + (in_write || in_other) - (end_write || end_other) - back_other;
        n_reads <= rst ? 0 : n_reads + in_read - end_read - back_read;
        n_writes <= rst ? 0 : n_writes + in_write - end_write;
        n_others <= rst ? 0 : n_others + in_other - end_other - back_other;
        n_after <= rst ? 0 : n_after + (out_read || out_write || out_other) - (decided_pop || written_pop);
        n_memory <= rst ? 0 : n_memory + out_write - done;
        n_queues <= rst ? 0 : n_queues + out_ndr + done - (decided_pop || written_pop);
        n_decided <= rst ? 0 : n_decided + out_ndr - decided_pop;
        n_written <= rst ? 0 : n_written + done - written_pop;
        n_orders <= rst ? 0 : n_orders + out_write - order_leaves;
        n_pending <= rst ? 0 : n_pending + write_line - line_b;
        n_placed <= rst ? 0 : n_placed + in_write + rwd_past - order_leaves;
        n_read <= rst ? 0 : n_read + out_read - (empty_pop || data_pop);
        n_empty <= rst ? 0 : n_empty + (out_read && result[`RESULT_DATA] != 1) - empty_pop;
        n_full <= rst ? 0 : n_full + (out_read && result[`RESULT_DATA] == 1) - data_pop;
        n_lines <= rst ? 0 : n_lines + (out_read && result[`RESULT_DATA] == 1) - line_r;
        n_data <= rst ? 0 : n_data + line_r - data_pop;
    end
    wire [6:0] p = {commit_7 || miss_7, v6 && !is_fill(e6), v5 && !is_fill(e5), v4 && !is_fill(e4), v3 && !is_fill(e3),
        v2 && !is_fill(e2), v1 && !is_fill(e1)};
    function [2:0] ones(input [6:0] of);
        ones = of[0] + of[1] + of[2] + of[3] + of[4] + of[5] + of[6];
    endfunction
    wire [6:0] p_reads = p & {on_drs(s7), on_drs(s6), on_drs(s5), on_drs(s4), on_drs(s3), on_drs(s2), on_drs(s1)};
    wire [6:0] p_writes = p & {writes(s7), writes(s6), writes(s5), writes(s4), writes(s3), writes(s2), writes(s1)};
    wire [6:0] p_ndr = p & {on_ndr(s7), on_ndr(s6), on_ndr(s5), on_ndr(s4), on_ndr(s3), on_ndr(s2), on_ndr(s1)};
    wire [9:0] line_aw = (aw && aw_data[`ADDRESS_ID] == 0) + (aw_spare && aw_next[`ADDRESS_ID] == 0);
    wire [9:0] line_ar = (ar && ar_data[`ADDRESS_ID] == 0) + (ar_spare && ar_next[`ADDRESS_ID] == 0);
    always @(posedge clk) if (started && !rst) begin
        // A deferred request is served in a pass only.
        assert (!waits || pass);
        // A request that is asked about, or strayed, is the slot that entered last.
        if (asks || strays) assert (v1 && !is_fill(e1) && s1[`SLOT_KIND] == 0 && asked[`HEAD_READS] == on_drs(s1));
        if (head) assert (head_data[`HEAD_READS] == reads_drs(head_data[`HEAD_REQUEST]));
        if (head_next) assert (head_next_data[`HEAD_READS] == reads_drs(head_next_data[`HEAD_REQUEST]));
        assert (decides_6 == (v6 && !is_fill(e6)));
        if (decides_6) assert (verdict_6[`VERDICT_HAS_NDR] == on_ndr(s6) && (verdict_6[`VERDICT_DATA] != 0) == on_drs(s6));
        assert (!(commit_7 && miss_7));
        if (commit_7) assert (r7[`RESULT_HAS_NDR] == on_ndr(s7) && (r7[`RESULT_DATA] != 0) == on_drs(s7));
        // One result in a cycle: of the pipeline, or of one message that goes past it.
        assert (out == (commit_7 || past) && !(commit_7 && past) && !(req_past && rwd_past));
        if (out) assert (result[`RESULT_HAS_NDR] == on_ndr(out_slot) && (result[`RESULT_DATA] != 0) == on_drs(out_slot));
        if (commit_7) assert (out_slot == s7 && result == r7);
        if (req_past) assert (out_slot[`SLOT_KIND] == 0);
        if (rwd_past) assert (writes(out_slot));
        assert (counted == n_writes);
        // What each station holds.
        assert (n_reads == ones(p_reads) + chained_reads);
        assert (n_writes == ones(p_writes) + chained_writes);
        assert (n_others == ones(p_ndr & ~p_reads & ~p_writes) + chained_others);
        assert (chained_reads <= 256 && chained_writes <= 256 && chained_others <= 256);
        assert (n_orders == orders[9:0] + order && n_pending == pending[9:0] && pending == owes_b + line_aw);
        assert (n_decided == decided[9:0] && n_written == written[9:0] && n_empty == empty[9:0]);
        assert (n_lines == reads[9:0] + read_pending[9:0] && n_data == data[9:0] && read_pending == owes_r + line_ar);
        // What the credits allow is known ahead.
        assert (ndr_taken == {ndr_used >= 256, ndr_used >= 255, ndr_used >= 254});
        assert (drs_taken == {drs_used >= 256, drs_used >= 255});
        // Nothing is lost, nothing is sent twice: NDR, DRS.
        assert (ndr_used <= 256 && ndr_used == n_pipe + n_after && ndr_owed == ndr_used + ndr_out + ndr_spare);
        assert (n_pipe <= 256 && n_pipe == n_reads + n_rest);
        assert (n_rest <= 256 && n_rest == n_writes + n_others);
        assert (n_after <= 256 && n_after == n_memory + n_queues);
        assert (n_queues <= 256 && n_queues == n_decided + n_written);
        assert (n_memory <= 256 && n_memory == n_orders + n_pending);
        assert (drs_used <= 256 && drs_used == n_reads + n_read && drs_owed == drs_used + drs_out + drs_spare);
        assert (n_read <= 256 && n_read == n_empty + n_full);
        assert (n_full <= 256 && n_full == n_lines + n_data);
        assert (n_reads <= 256 && n_writes <= 256 && n_others <= 256 && n_decided <= 256 && n_written <= 256 && n_orders <= 256);
        assert (n_pending <= 256 && n_empty <= 256 && n_lines <= 256 && n_data <= 256);
        // Each write has a place for its data until it leaves.
        assert (n_placed <= 256 && n_placed == n_writes + n_orders);
        assert (place_count <= 256 && place_count == places[9:0] + n_placed);
        assert (place_count == 256 || places[9:0] == place_count);
    end
endmodule

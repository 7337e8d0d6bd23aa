// Invariant 4 of the line protocol, for RwD: with device memory answering and NDR taken, `m2s_rwd_ready` is never low for
// more than 64 cycles, whatever requests, snoop responses, recalls, page slots, commands, registers and host memory do.
//
// The device is the real core. Real: front end, arbiter, pipeline with its decision, responder with its credits, memory
// port. Free (any value in any cycle): every other input, the recall engine, walker, spool, executor, registers, summary,
// host port, the contents of the descriptors. Queues keep their pointers; their contents are free but stand still at
// the head (proof `fifo`).
//
// Assumed: the scrub is over and stays over; NDR is taken in every cycle; device memory takes addresses and data in every
// cycle and answers one of the line writes under way at least every 32 cycles; the recall engine offers snoop responses
// and page slots only as such.
module rwd_moves #(parameter N = 64, BITS = 16, DRAM = 32) (
    input clk, input rst,
    input m2s_rwd_valid, input m2s_req_valid, input dram_bvalid, input [7:0] dram_bid
);
    // ---- the device and what this proof looks at
    wire m2s_rwd_ready, ready, writes_valid, writes_ready, rwd_offer, write_granted, ndr_leaves, awvalid, wvalid;
    wire [15:0] decided, written, orders, write_data, pending;
    wire [6:0] ndr_used;
    wire [7:0] awid;
    wire v1, v2, v3, v4; wire [157:0] s1, s2, s3, s4; wire [109:0] r4;
    wire [54:0] orders_head; wire [625:0] writes_head; wire orders_pop;
    wire [157:0] response_slot, page_slot; wire response_valid, page_valid;
    wire [3:0] grant;
    wire before_wb, before_wr, before_wp, before_br, before_bp, before_rp, last_v, second_v; wire [15:0] last_page, second_page;
    wire aw_v, aw_s, w_v, w_s; wire [71:0] aw_d, aw_sd; wire write_turn, ndr_v, ndr_s;
    wire spool_slot_valid;
    tideline_core device (
        .clk(clk), .rst(rst),
        .m2s_rwd_valid(m2s_rwd_valid), .m2s_rwd_ready(m2s_rwd_ready), .m2s_req_valid(m2s_req_valid),
        .s2m_ndr_ready(1'b1),
        .m_axi_dram_awready(1'b1), .m_axi_dram_wready(1'b1), .m_axi_dram_awvalid(awvalid), .m_axi_dram_awid(awid),
        .m_axi_dram_wvalid(wvalid), .m_axi_dram_bvalid(dram_bvalid), .m_axi_dram_bid(dram_bid),
        .\snooper.enable (ready),
        .\snooper.writes.out_valid (writes_valid), .\snooper.writes.out_ready (writes_ready), .\snooper.writes.out_data (writes_head),
        .\snooper.rwd_offer (rwd_offer), .\snooper.write_granted (write_granted),
        .\snooper.response_slot (response_slot), .\snooper.page_slot (page_slot),
        .\snooper.response_valid (response_valid), .\snooper.page_valid (page_valid),
        .\snooper.granted (grant),
        .\pipeline.valid_1_q (v1), .\pipeline.valid_2_q (v2), .\pipeline.valid_3_q (v3), .\pipeline.valid_4_q (v4),
        .\pipeline.slot_1_q (s1), .\pipeline.slot_2_q (s2), .\pipeline.slot_3_q (s3), .\pipeline.slot_4_q (s4), .\pipeline.result_4_q (r4),
        .\responder.ndr_used_q (ndr_used), .\responder.decided.count (decided), .\responder.written.count (written),
        .\responder.ndr_leaves (ndr_leaves), .\responder.ndr.valid_q (ndr_v), .\responder.ndr.spare_valid_q (ndr_s),
        .\memory.orders.count (orders), .\memory.orders.out_data (orders_head), .\memory.orders.out_ready (orders_pop),
        .\memory.write_data.count (write_data), .\memory.write_pending.count (pending),
        .\memory.aw.valid_q (aw_v), .\memory.aw.spare_valid_q (aw_s), .\memory.aw.data_q (aw_d), .\memory.aw.spare_data_q (aw_sd),
        .\memory.write_turn_q (write_turn), .\memory.w.valid_q (w_v), .\memory.w.spare_valid_q (w_s),
        .\snooper.arbiter.before_wb_q (before_wb), .\snooper.arbiter.before_wr_q (before_wr), .\snooper.arbiter.before_wp_q (before_wp),
        .\snooper.arbiter.before_br_q (before_br), .\snooper.arbiter.before_bp_q (before_bp), .\snooper.arbiter.before_rp_q (before_rp),
        .\snooper.arbiter.last_valid_q (last_v), .\snooper.arbiter.last_page_q (last_page),
        .\snooper.arbiter.second_valid_q (second_v), .\snooper.arbiter.second_page_q (second_page)
    );
    // ---- start
    reg started = 0; always @(posedge clk) started <= 1;
    always @* if (!started) assume (rst);
    always @* if (started) assume (!rst);
    // The scrub's end is a free input here; once done it stays so.
    always @(posedge clk) if (started && $past(ready)) assume (ready);
    always @* if (!ready) assume (!m2s_rwd_valid && !m2s_req_valid);
    // ---- what the blocks that were cut away promise
    always @* begin assume (response_slot[3:0] == 4'd3); assume (page_slot[3]); end
    // The head of a queue stays until it is taken (proof fifo).
    always @(posedge clk) if (started && !$past(rst)) begin
        if ($past(orders != 0 && !orders_pop)) assume ($stable(orders_head));
        if ($past(writes_valid && !writes_ready)) assume ($stable(writes_head));
    end
    // ---- device memory: takes a write within STALL cycles, answers one of those under way within DRAM cycles
    reg [BITS-1:0] quiet = 0; reg [7:0] out0 = 0;
    wire line_b = dram_bvalid && dram_bid == 0;
    wire line_aw = awvalid && awid == 0;
    always @(posedge clk) begin
        out0 <= rst ? 0 : out0 + line_aw - line_b;
        quiet <= rst || line_b || out0 == 0 ? 0 : quiet + 1;
    end
    always @* begin
        if (out0 == 0) assume (!line_b);
        assume (quiet <= DRAM);
    end
    // ---- what holds the credits
    function answered(input [3:0] kind); answered = kind < 3; endfunction
    wire [7:0] in_pipe = (v1 && answered(s1[3:0])) + (v2 && answered(s2[3:0])) + (v3 && answered(s3[3:0])) + (v4 && answered(s4[3:0]));
    wire [7:0] writes_in_pipe = (v1 && s1[3:0] == 1) + (v2 && s2[3:0] == 1) + (v3 && s3[3:0] == 1) + (v4 && s4[3:0] == 1);
    wire [7:0] in_aw = (aw_v && aw_d[71:64] == 0) + (aw_s && aw_sd[71:64] == 0);
    always @(posedge clk) if (started && !rst) begin
        assert (ndr_used == in_pipe + decided + written + orders + pending);
        assert (ndr_used <= 64);
        assert (pending == out0 + in_aw);
        assert (write_data == writes_in_pipe + orders);
        assert (aw_v == w_v && aw_s == w_s);
        assert (!aw_s && !w_s);
        assert (!ndr_s);
        if (v4) assert (r4[0] == answered(s4[3:0]));
        assert ((!before_wb || !before_br || before_wr) && (!before_wb || !before_bp || before_wp) && (!before_wr || !before_rp || before_wp) && (!before_br || !before_rp || before_bp));
        assert ((!before_wr || before_br || before_wb) && (!before_wp || before_bp || before_wb) && (!before_wp || before_rp || before_wr) && (!before_bp || before_rp || before_br));
    end
    // ---- the bounds
    localparam CREDIT = DRAM + 12;  // cycles until a credit comes back when none is left
    wire ans1 = v1 && answered(s1[3:0]), ans2 = v2 && answered(s2[3:0]), ans3 = v3 && answered(s3[3:0]), ans4 = v4 && answered(s4[3:0]);
    wire none = ndr_used == 64;
    reg [BITS-1:0] no_credit = 0, in_orders = 0, in_skid = 0, offered = 0, waits = 0, low = 0;
    always @(posedge clk) begin
        no_credit <= rst || ndr_leaves || !none ? 0 : no_credit + 1;
        in_orders <= rst || ndr_leaves || !none ? 0 : in_orders + (no_credit >= 5 && pending == 0);
        in_skid <= rst || ndr_leaves || !none ? 0 : in_skid + (no_credit >= 5 && pending != 0 && out0 == 0);
        offered <= rst || !rwd_offer || write_granted || !ready ? 0 : offered + 1;
        waits <= rst || !writes_valid || writes_ready || !ready ? 0 : waits + 1;
        low <= rst || m2s_rwd_ready || !ready ? 0 : low + 1;
    end
    wire [3:0] before = !before_wb + !before_wr + !before_wp;
    wire [3:0] blocked = last_v && last_page == writes_head[15:0] ? 2 : second_v && second_page == writes_head[15:0] ? 1 : 0;
    always @(posedge clk) if (started && !rst) begin
        // Without a credit nothing enters, so the stages run empty one by one.
        if (no_credit >= 1) assert (!ans1 && none);
        if (no_credit >= 2) assert (!ans2);
        if (no_credit >= 3) assert (!ans3);
        if (no_credit >= 4) assert (!ans4);
        if (no_credit >= 5) assert (decided == 0 && orders + pending + written == 64);
        assert (quiet == 0 || out0 != 0);
        // Then every credit is with a write on its way to memory.
        assert (written != 0 || no_credit <= 5 + in_orders + in_skid + quiet);
        assert (no_credit > 5 || (in_orders == 0 && in_skid == 0));
        assert (in_orders == 0 || pending != 0 || written != 0 || (!write_turn && in_orders <= 1));
        assert (in_skid == 0 || out0 != 0 || written != 0);
        assert (in_orders <= 2 && in_skid <= 1 && (written != 0 || no_credit <= CREDIT - 1));
        assert (no_credit <= CREDIT);
        // The arbiter: each of the others goes first at most once, and blocks the page for two cycles.
        assert (!rwd_offer || !ready || offered + 3 * before + blocked <= 11);
        assert (!none || waits <= no_credit);
        assert (waits <= CREDIT + 1 + offered);
        assert (offered <= 11);
        assert (m2s_rwd_ready || low <= waits + 1);
        assert (low <= N);
    end
endmodule

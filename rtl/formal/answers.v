// Invariants 14 and 7 of the line protocol, by counting: what a slot promises is sent exactly once, and nothing else.
//
// On NDR: messages that entered the pipeline and wait for their answer = answers in the pipeline, the queues and on the
// channel. On DRS likewise for reads. The queues of answers never overflow, so no answer is lost; a write's completion is
// sent only for writes whose slot was committed, and only as often.
//
// Real: front end, pipeline, decision, responder, memory port, their wiring. Free: every input but as said, the recall
// engine, commands, descriptors, the contents of queues.
// Assumed: device memory answers only what it was asked, with the ID; the recall engine offers snoop responses and page
// slots only as such.
module answers (
    input clk, input rst, input ndr_ready, input drs_ready, input awready, input wready, input arready,
    input bvalid, input [7:0] bid, input rvalid, input [7:0] rid
);
    wire ndr_valid, drs_valid, awvalid, wvalid, arvalid;
    wire [7:0] awid, arid;
    wire slot_valid, v1, v2, v3, v4, ndr_out, ndr_spare, drs_out, drs_spare;
    wire [157:0] slot, s1, s2, s3, s4, response_slot, page_slot;
    wire [109:0] r4;
    wire [15:0] decided, written, orders, pending, write_data, data, empty, reads, read_pending;
    wire [6:0] ndr_used, drs_used;
    wire aw, aw_spare, ar, ar_spare;
    wire [71:0] aw_data, aw_next, ar_data, ar_next;
    tideline_core device (
        .clk(clk), .rst(rst), .s2m_ndr_valid(ndr_valid), .s2m_ndr_ready(ndr_ready), .s2m_drs_valid(drs_valid), .s2m_drs_ready(drs_ready),
        .m_axi_dram_awvalid(awvalid), .m_axi_dram_awready(awready), .m_axi_dram_awid(awid), .m_axi_dram_wvalid(wvalid), .m_axi_dram_wready(wready),
        .m_axi_dram_arvalid(arvalid), .m_axi_dram_arready(arready), .m_axi_dram_arid(arid),
        .m_axi_dram_bvalid(bvalid), .m_axi_dram_bid(bid), .m_axi_dram_rvalid(rvalid), .m_axi_dram_rid(rid),
        .\snooper.slot_valid (slot_valid), .\snooper.slot (slot), .\snooper.response_slot (response_slot), .\snooper.page_slot (page_slot),
        .\pipeline.valid_1_q (v1), .\pipeline.valid_2_q (v2), .\pipeline.valid_3_q (v3), .\pipeline.valid_4_q (v4),
        .\pipeline.slot_1_q (s1), .\pipeline.slot_2_q (s2), .\pipeline.slot_3_q (s3), .\pipeline.slot_4_q (s4), .\pipeline.result_4_q (r4),
        .\responder.ndr_used_q (ndr_used), .\responder.drs_used_q (drs_used),
        .\responder.decided.count (decided), .\responder.written.count (written), .\responder.data.count (data), .\responder.empty.count (empty),
        .\responder.ndr.valid_q (ndr_out), .\responder.ndr.spare_valid_q (ndr_spare),
        .\responder.out.valid_q (drs_out), .\responder.out.spare_valid_q (drs_spare),
        .\memory.orders.count (orders), .\memory.write_pending.count (pending), .\memory.write_data.count (write_data),
        .\memory.reads.count (reads), .\memory.read_pending.count (read_pending),
        .\memory.aw.valid_q (aw), .\memory.aw.spare_valid_q (aw_spare), .\memory.aw.data_q (aw_data), .\memory.aw.spare_data_q (aw_next),
        .\memory.ar.valid_q (ar), .\memory.ar.spare_valid_q (ar_spare), .\memory.ar.data_q (ar_data), .\memory.ar.spare_data_q (ar_next)
    );
    reg started = 1'b0;
    always @(posedge clk) started <= 1'b1;
    always @* if (!started) assume (rst);
    always @* assume (response_slot[3:0] == 4'd3 && page_slot[3]);

    // Device memory: how many line writes and reads it owes.
    reg [7:0] owes_b = 0, owes_r = 0;
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

    // What the host is owed, counted at the entry of the pipeline and at the channels.
    function on_ndr(input [3:0] kind);
        on_ndr = kind == 0 || kind == 1 || kind == 2;
    endfunction
    function on_drs(input [31:0] low);
        on_drs = low[3:0] == 0 && (low[31:28] == 1 || low[31:28] == 2);
    endfunction
    reg [7:0] ndr_owed = 0, drs_owed = 0;
    always @(posedge clk) begin
        ndr_owed <= rst ? 0 : ndr_owed + (slot_valid && on_ndr(slot[3:0])) - (ndr_valid && ndr_ready);
        drs_owed <= rst ? 0 : drs_owed + (slot_valid && on_drs(slot[31:0])) - (drs_valid && drs_ready);
    end

    wire [7:0] ndr_pipe = (v1 && on_ndr(s1[3:0])) + (v2 && on_ndr(s2[3:0])) + (v3 && on_ndr(s3[3:0])) + (v4 && on_ndr(s4[3:0]));
    wire [7:0] drs_pipe = (v1 && on_drs(s1[31:0])) + (v2 && on_drs(s2[31:0])) + (v3 && on_drs(s3[31:0])) + (v4 && on_drs(s4[31:0]));
    wire [7:0] writes_pipe = (v1 && s1[3:0] == 1) + (v2 && s2[3:0] == 1) + (v3 && s3[3:0] == 1) + (v4 && s4[3:0] == 1);
    wire [7:0] line_aw = (aw && aw_data[71:64] == 0) + (aw_spare && aw_next[71:64] == 0);
    wire [7:0] line_ar = (ar && ar_data[71:64] == 0) + (ar_spare && ar_next[71:64] == 0);
    always @(posedge clk) if (started && !rst) begin
        if (v4) assert (r4[0] == on_ndr(s4[3:0]) && (r4[5:4] != 0) == on_drs(s4[31:0]));
        // Nothing is lost, nothing is sent twice: NDR.
        assert (ndr_used == ndr_pipe + decided + written + orders + pending && ndr_used <= 64);
        assert (ndr_owed == ndr_used + ndr_out + ndr_spare);
        // DRS.
        assert (drs_used == drs_pipe + data + empty + reads + read_pending && drs_used <= 64);
        assert (drs_owed == drs_used + drs_out + drs_spare);
        // Completions of writes come only from committed writes.
        assert (pending == owes_b + line_aw && write_data == writes_pipe + orders);
        assert (read_pending == owes_r + line_ar);
    end
endmodule

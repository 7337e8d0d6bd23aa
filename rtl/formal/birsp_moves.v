// Invariant 4 of the line protocol, for BIRsp: a snoop response at the head of its queue leaves it within 12 cycles, so
// `m2s_birsp_ready` is never low for more than 13, whatever requests, writes, memory, commands and host do.
//
// Real: recall engine but its contexts, front end with the arbiter. Free: every input of the device, contexts, pipeline,
// credits, memory port, walker, spool, executor, registers, the contents of queues and of the table of snoops.
// Assumed: the scrub is over and stays over; the head of the queue and its entry in the table stand still until the
// response is taken (proof `fifo`; a tag in use is not given out again).
module birsp_moves (input clk, input rst, input birsp_valid);
    wire birsp_ready, ready, head_valid, head_taken, granted, offered;
    wire [19:0] head;
    wire [29:0] entry;
    wire [127:0] outstanding;
    wire wb, br, bp, last_valid, second_valid, before_wr, before_wp, before_rp;
    wire [15:0] last_page, second_page, page;
    tideline_core device (
        .clk(clk), .rst(rst), .m2s_birsp_valid(birsp_valid), .m2s_birsp_ready(birsp_ready),
        .\snooper.enable (ready),
        .\recall.responses.out_valid (head_valid), .\recall.responses.out_ready (head_taken), .\recall.responses.out_data (head),
        .\recall.table_read_data (entry), .\recall.response_granted (granted), .\recall.offer_response (offered),
        .\snooper.arbiter.response_page (page),
        .\snooper.arbiter.before_wb_q (wb), .\snooper.arbiter.before_br_q (br), .\snooper.arbiter.before_bp_q (bp),
        .\snooper.arbiter.before_wr_q (before_wr), .\snooper.arbiter.before_wp_q (before_wp), .\snooper.arbiter.before_rp_q (before_rp),
        .\snooper.arbiter.last_valid_q (last_valid), .\snooper.arbiter.last_page_q (last_page),
        .\snooper.arbiter.second_valid_q (second_valid), .\snooper.arbiter.second_page_q (second_page)
    );
    reg started = 1'b0;
    always @(posedge clk) started <= 1'b1;
    always @* if (!started) assume (rst); else assume (!rst);
    reg was_ready = 1'b0, was_waiting = 1'b0, was_offered = 1'b0;
    reg [19:0] last_head;
    reg [29:0] last_entry;
    always @(posedge clk) begin
        was_ready <= started && ready;
        was_waiting <= started && head_valid && !head_taken;
        was_offered <= started && offered;
        last_head <= head;
        last_entry <= entry;
    end
    always @* begin
        if (was_ready) assume (ready);
        if (!ready) assume (!birsp_valid);
        if (was_waiting) assume (head == last_head && entry == last_entry);
    end

    reg [7:0] waited = 0, low = 0;
    always @(posedge clk) begin
        waited <= rst || !ready || !head_valid || head_taken ? 0 : waited + 1;
        low <= rst || !ready || birsp_ready ? 0 : low + 1;
    end
    wire [1:0] before = wb + !br + !bp;
    wire [1:0] blocked = last_valid && last_page == page ? 2 : second_valid && second_page == page ? 1 : 0;
    always @(posedge clk) if (started && !rst) begin
        assert (!(wb && br) || before_wr);
        assert (!(wb && bp) || before_wp);
        assert (!(before_wr && before_rp) || before_wp);
        assert (!(br && before_rp) || bp);
        assert (!(!wb && !br) || !before_wr);
        assert (!(!wb && !bp) || !before_wp);
        assert (!(!before_wr && !before_rp) || !before_wp);
        assert (!(!br && !before_rp) || !bp);
        if (head_valid && ready && !offered) assert (head_taken);
        assert (!offered || waited + 3 * before + blocked <= 11);
        assert (waited <= 11);
        assert (birsp_ready || low <= waited + 1);
        assert (low <= 13);
    end
endmodule

// Ends of plain regions: UNMAP, TRACK set and RECALL give no page of a region before its entry of the region table says "not
// plain" and every message that was told otherwise has left its queue. With `region_lookup` and `plain_regions`: no line goes past
// the pipeline while the pages of its region are changed. And only MAP plain makes a region plain, of which the last page
// was just given, when no page slot is under way and none failed.
//
// Real: the range walker. Free: all its inputs, any region, whatever its entry said before.
module region_walk (input clk, input rst, input active, input wrong_state, input recall_timed_out, input settled);
    localparam PAGE = 1, GROUPS = 2, FINISH = 3;  // states of a walk
    wire page_valid, write, promotes, demoting, demoted, failed, timed_out;
    wire [23:0] page;
    wire [24:0] next_page;
    wire [3:0] kind;
    wire [7:0] flags;
    wire [14:0] region;
    wire [17:0] entry;
    wire [2:0] state;
    tideline_range_walker walker (
        .clk(clk), .rst(rst), .active(active), .wrong_state(wrong_state), .recall_timed_out(recall_timed_out), .page_valid(page_valid),
        .page(page), .kind(kind), .flags(flags), .region_write(write), .region(region), .region_entry(entry), .region_settled(settled),
        .\state_q (state), .\next_page_q (next_page), .\promotes_q (promotes), .\demoting_q (demoting), .\demoted_q (demoted),
        .\failed_r_q (failed), .\timed_out_r_q (timed_out)
    );
    reg started = 1'b0;
    always @(posedge clk) started <= 1'b1;
    always @* if (!started) assume (rst);

    // The watched region: perhaps plain; the last write of its entry is settled.
    (* anyconst *) reg [14:0] watched;
    reg plain, gone = 0;
    wire ours = write && region == watched;
    always @(posedge clk) begin
        if (ours) plain <= entry[0];
        gone <= !rst && !ours && (gone || settled);
    end
    wire ends = kind == 9 || kind == 10 || kind == 12;
    wire next_ours = next_page[23:9] == watched;
    wire [24:0] before = next_page - 1;
    always @(posedge clk) if (started && !rst) begin
        if (page_valid && ends && page[23:9] == watched) assert (!plain && gone);
        if (write && entry[0]) assert (kind == 8 && flags[3] && !active && !wrong_state && !recall_timed_out);
        if (write && entry[0]) assert (region == before[23:9] && (&before[8:0]));
        // What makes it inductive.
        if (promotes) assert (kind == 8 && flags[3]);
        if (promotes && (state == PAGE || state == FINISH) && !failed && !timed_out) assert (&before[8:0]);
        if (state == GROUPS) assert (kind == 13);
        assert (!demoting || !demoted);
        if (state == PAGE && ends && next_ours) begin
            if (demoting) assert (!plain);
            if (demoted) assert (!plain && gone);
        end
    end
endmodule

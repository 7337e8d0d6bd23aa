// Slot arbiter: at most one grant, only to an offered slot, never to a page of the last two slots; and whoever stays offered
// with one page is granted in the 12th cycle at the latest.
//
// Why: each of the other three goes first at most once, and a grant blocks the page for the two cycles behind it. So for a
// waiting requester, waited + 3 * (others before it) + (cycles its page is still blocked) never exceeds 11.
module slot_arbiter (
    input clk, input rst, input enable, input [3:0] request,
    input [15:0] write_page, input [15:0] response_page, input [15:0] request_page, input [15:0] page_page
);
    wire [3:0] grant;
    wire wb, wr, wp, br, bp, rp, last_valid, second_valid;
    wire [15:0] last_page, second_page;
    tideline_slot_arbiter arbiter (
        .clk(clk), .rst(rst), .enable(enable), .request(request), .write_page(write_page),
        .response_page(response_page), .request_page(request_page), .page_page(page_page), .grant(grant),
        .\before_wb_q (wb), .\before_wr_q (wr), .\before_wp_q (wp), .\before_br_q (br), .\before_bp_q (bp), .\before_rp_q (rp),
        .\last_valid_q (last_valid), .\last_page_q (last_page), .\second_valid_q (second_valid), .\second_page_q (second_page)
    );
    reg started = 1'b0;
    always @(posedge clk) started <= 1'b1;
    always @* if (!started) assume (rst);

    (* anyconst *) reg [1:0] watched;
    wire [15:0] page = watched == 0 ? write_page : watched == 1 ? response_page : watched == 2 ? request_page : page_page;
    wire offered = request[watched];
    reg waiting = 1'b0;
    reg [15:0] waiting_page;
    reg [7:0] waited = 0;
    always @(posedge clk) begin
        waiting <= !rst && offered && enable && !grant[watched];
        waiting_page <= page;
        waited <= rst || !offered || !enable || grant[watched] ? 0 : waited + 1;
    end
    // Who waits stays, with its page, and the device stays enabled.
    always @* if (started && waiting) assume (offered && enable && page == waiting_page);

    wire [1:0] before = watched == 0 ? !wb + !wr + !wp : watched == 1 ? wb + !br + !bp : watched == 2 ? wr + br + !rp : wp + bp + rp;
    wire [1:0] blocked = last_valid && last_page == page ? 2 : second_valid && second_page == page ? 1 : 0;
    wire [15:0] granted_page = grant[0] ? write_page : grant[1] ? response_page : grant[2] ? request_page : page_page;
    always @(posedge clk) if (started && !rst) begin
        assert ((grant & (grant - 1)) == 0 && (grant & ~request) == 0 && (enable || grant == 0));
        if (|grant) assert (!(last_valid && last_page == granted_page) && !(second_valid && second_page == granted_page));
        assert (waited + 3 * before + blocked <= 11);
        // The order is one: nobody goes before itself.
        assert (!(wb && br) || wr);
        assert (!(wb && bp) || wp);
        assert (!(wr && rp) || wp);
        assert (!(br && rp) || bp);
        assert (!(!wb && !br) || !wr);
        assert (!(!wb && !bp) || !wp);
        assert (!(!wr && !rp) || !wp);
        assert (!(!br && !rp) || !bp);
    end
endmodule

// Slot arbiter: at most one grant, only to an offered slot of a page that is not held, none without `enter`; a row operation
// stays four slots away from any of its set. And whoever stays offered with one page that is not held is granted: a line
// operation in the 60th cycle with `enter` at the latest, a row operation (page slot, fill, replay of a page slot) in the 380th.
// Cycles without `enter` cost nobody anything, however many there are and wherever they lie.
//
// Why: a rank, the cycles with `enter` that are left at most, falls in every one of them, and rises in no other. Of a line operation: whoever goes first goes once, and a
// row of the set blocks it for four cycles; a claim of its set by a row lasts nine at most (four until the set is empty, four
// that precede the owner), and between two claims there are twelve cycles, of which a row blocks four. Of a row
// operation: its own claim empties the set; before it two others may claim, and again after each time that the
// row could have gone but somebody preceded it; four can.
//
// Free: everything but what a requester is: 0 and 1 offer lines, 2 rows. Assumed of the one that is watched: it stays.
module slot_arbiter #(parameter P = `PAGE_BITS, S = `SET_BITS) (
    input clk, input rst, input [4:0] request, input [4:0] rows, input [5*P-1:0] pages, input [3:0] hold, input [4*P-1:0] held,
    input enter
);
    wire [4:0] grant, claim, claim_last;
    wire [4:0] older0, older1, older2, older3, older4;
    wire [3:0] past_valid, past_row, gap;
    wire [S-1:0] past0, past1, past2, past3, claim_set;
    wire [1:0] turn;
    tideline_slot_arbiter arbiter (
        .clk(clk), .rst(rst), .request(request), .rows(rows), .grant(grant), .hold(hold), .enter(enter),
        .page0(pages[0 +: P]), .page1(pages[P +: P]), .page2(pages[2*P +: P]), .page3(pages[3*P +: P]), .page4(pages[4*P +: P]),
        .hold_page0(held[0 +: P]), .hold_page1(held[P +: P]), .hold_page2(held[2*P +: P]), .hold_page3(held[3*P +: P]),
        .\older0_q (older0), .\older1_q (older1), .\older2_q (older2), .\older3_q (older3), .\older4_q (older4),
        .\past_valid_q (past_valid), .\past_row_q (past_row),
        .\past_set0_q (past0), .\past_set1_q (past1), .\past_set2_q (past2), .\past_set3_q (past3),
        .\claim_q (claim), .\claim_set_q (claim_set), .\claim_last_q (claim_last), .\gap_q (gap), .\turn_q (turn)
    );
    reg started = 1'b0;
    always @(posedge clk) started <= 1'b1;
    always @* if (!started) assume (rst);
    always @* assume (rows[2:0] == 3'b100);

    // ---- who is watched
    (* anyconst *) reg [2:0] watched;
    always @* assume (watched < 5);
    wire [P-1:0] page = pages >> P * watched;
    wire [S-1:0] set = page;
    wire offered = request[watched];
    wire row = rows[watched];
    function is_held(input [P-1:0] which);
        is_held = (hold[0] && held[0 +: P] == which) || (hold[1] && held[P +: P] == which)
            || (hold[2] && held[2*P +: P] == which) || (hold[3] && held[3*P +: P] == which);
    endfunction
    wire waits = offered && (watched > 2 || !is_held(page));
    reg waiting = 1'b0, last_row;
    reg [P-1:0] last_page;
    reg [11:0] waited = 0;
    always @(posedge clk) begin
        waiting <= !rst && waits && !grant[watched];
        last_page <= page;
        last_row <= row;
        waited <= rst || !waits || grant[watched] ? 0 : waited + enter;
    end
    always @* if (started && waiting) assume (offered && page == last_page && row == last_row);

    // ---- its rank
    wire [24:0] older = {older4, older3, older2, older1, older0};
    wire [24:0] precedes = ~older;
    function [2:0] ones(input [4:0] set);
        ones = set[0] + set[1] + set[2] + set[3] + set[4];
    endfunction
    // Cycles until a set has left the last four slots, of those that count.
    function [2:0] left(input [S-1:0] which, input [3:0] counts);
        left = counts[0] && past0 == which ? 4 : counts[1] && past1 == which ? 3 : counts[2] && past2 == which ? 2
            : counts[3] && past3 == which ? 1 : 0;
    endfunction
    wire [4:0] before = precedes >> 5 * watched;
    wire [2:0] owner = claim[2] ? 2 : claim[3] ? 3 : 4;
    wire [4:0] before_owner = precedes >> 5 * owner;
    localparam LAST = 9;  // cycles that a claim lasts
    wire [7:0] claim_left = left(claim_set, past_valid) + ones(before_owner) + 1;
    // Of a line: those before it, a row five cycles each; and how often its set can still be claimed.
    wire [7:0] cost = before[0] + before[1] + 5 * (before[2] + before[3] + before[4]);
    function [7:0] claims(input [7:0] cycles, input [7:0] free);
        claims = cycles <= free ? 0 : (cycles - free + 7) >> 3;
    endfunction
    wire [7:0] rest = cost + left(set, past_row);
    wire claimed = |claim && !claim[watched] && claim_set == set;
    wire [11:0] line_rank = claimed ? claim_left + cost + 4 + claims(cost, 8) * (LAST + 4)
        : rest + claims(rest, |claim ? 12 : gap) * (LAST + 4);
    // Of a row: the claims before its own.
    localparam PERIOD = LAST + 16;
    wire own = claim[watched] && claim_set == set;
    wire [1:0] turns = watched == 2 ? (claim_last[2] ? 2 : claim_last[3] ? 1 : 0)
        : watched == 3 ? (claim_last[2] ? 0 : claim_last[3] ? 2 : 1) : (claim_last[2] ? 1 : claim_last[3] ? 0 : 2);
    wire [7:0] next_claim = |claim ? claim_left + 16 : gap != 0 ? gap + 4 : turn == 0 ? 1 : 5 - turn;
    wire [11:0] row_rank = own ? left(set, past_valid) + ones(before)
        : 4 + next_claim + turns * PERIOD + ones(before) * 3 * PERIOD;

    wire [P-1:0] granted_page = grant[0] ? pages[0 +: P] : grant[1] ? pages[P +: P] : grant[2] ? pages[2*P +: P]
        : grant[3] ? pages[3*P +: P] : pages[4*P +: P];
    wire [S-1:0] granted_set = granted_page;
    integer i, j, k;
    always @(posedge clk) if (started && !rst) begin
        assert ((grant & (grant - 1)) == 0 && (grant & ~request) == 0 && (enter || grant == 0));
        if (|grant[2:0]) assert (!is_held(granted_page));
        if (|grant) assert (left(granted_set, past_row) == 0);
        if (|(grant & rows)) assert (left(granted_set, past_valid) == 0);
        assert (!waits || row || waited + line_rank <= 59);
        assert (!waits || !row || waited + row_rank <= 379);
        // What makes it inductive: one order, one claim.
        for (i = 0; i < 5; i = i + 1) for (j = 0; j < 5; j = j + 1) begin
            assert (i == j ? older[5*i+j] : older[5*i+j] != older[5*j+i]);
            for (k = 0; k < 5; k = k + 1) assert (!older[5*i+j] || !older[5*j+k] || older[5*i+k]);
        end
        assert ((claim & (claim - 1)) == 0 && claim[1:0] == 0 && (claim == 0 || gap == 0) && gap <= 12);
        assert ((claim_last & (claim_last - 1)) == 0 && claim_last[1:0] == 0 && (past_row & ~past_valid) == 0);
    end
endmodule

// Plain regions: what goes past the pipeline, and in which order.
//
// Of writes: a write of a plain region goes past the pipeline only when no write of its region is in it or waits for a
// descriptor. All earlier ones have their results then, so writes of a line take effect in the order in which they were
// accepted, also where the region becomes plain, ends to be, and becomes plain again, at any time. Of results: one in a cycle at
// most; what the pipeline says is passed on; every message leaves its queue by one way only, once, and what goes past
// the pipeline is the head, answered as docs/contract.md says of a local page without functions, at the frame of its
// region. And a line of a plain region that has its places goes in the 11th cycle at the latest, whatever the pipeline does; a
// write perhaps only when it is empty of writes, and no write enters it until then.
//
// Real: the front end but its arbiter, the way past the pipeline, their wiring. Free: all inputs, all other blocks.
// Assumed: heads of queues are what was put in (proof `skid`), what the region table tells them and when it is settled (proof
// `region_lookup`); the arbiter grants one of those that offer, and none without `enter` (proof `slot_arbiter`); each
// write leaves the pipeline once (proof `answers`), and a result is there seven cycles after its slot entered or not at all.
module plain_regions (input clk, input rst, input m2s_rwd_valid, input m2s_req_valid);
    localparam R = `PAGE_BITS - 9;
    wire rwd_ready, req_ready, rwd_out, req_out, rwd_pop, req_pop;
    wire table_write, rwd_settled, req_settled, settled, enter, slot_valid, enters, unsettled, hole, turn;
    wire rwd_valid, req_valid, req_known_plain, write_valid, rwd_past, req_past, pass, waits, rwd_spare, req_spare;
    wire write_granted, request_granted, leaves, out, arrived, arrived_spare, req_fresh, retract;
    wire [4:0] request, grant;
    wire [R-1:0] accept_region, req_region, table_region;
    wire [17:0] entry, rwd_told, req_told, req_known;
    wire [8:0] counted;
    wire [7:0] place;
    wire [`REQUEST_BITS-1:0] accepted, rwd, req, past;
    wire [`SLOT_BITS-1:0] leaving, out_slot;
    wire [`RESULT_BITS-1:0] decided, out_result;
    wire exclusive;
    wire [`HEAD_BITS-1:0] rwd_first, req_first, req_next;
    wire illegal_rwd = rwd_first[`HEAD_ILLEGAL], illegal_req = req_first[`HEAD_ILLEGAL], dropped = req_first[`HEAD_DROPPED];
    wire [2:0] count = arrived + arrived_spare + rwd_out + rwd_spare;
    // What the lookups of the two channels hear.
    wire tells_rwd, tells_req, told_pop_rwd, told_pop_req, req_write;
    wire [R-1:0] req_table_region;
    wire [17:0] req_entry;
    wire [`REQUEST_BITS-1:0] req_accepted;
    tideline_core device (
        .clk(clk), .rst(rst), .m2s_rwd_valid(m2s_rwd_valid), .m2s_rwd_ready(rwd_ready), .m2s_req_valid(m2s_req_valid),
        .m2s_req_ready(req_ready), .\snooper.rwd (accepted), .\snooper.regions.rwd.region (accept_region),
        .\snooper.req_in (req_accepted), .\snooper.regions.req.region (req_region),
        .\snooper.regions.rwd.accept (tells_rwd), .\snooper.regions.rwd.pop (told_pop_rwd), .\snooper.regions.req.accept (tells_req),
        .\snooper.regions.req.pop (told_pop_req), .\snooper.regions.req.write (req_write),
        .\snooper.regions.req.write_region (req_table_region), .\snooper.regions.req.write_entry (req_entry),
        .\snooper.regions.req.settled (req_settled), .\plain.settled (settled), .\snooper.rwd_head (rwd), .\snooper.req (req),
        .\snooper.arrived.out_valid (arrived), .\snooper.arrived.spare_valid_q (arrived_spare), .\snooper.retract (retract),
        .\snooper.writes.out_valid (rwd_out), .\snooper.rwd_goes (rwd_pop), .\snooper.writes.spare_valid_q (rwd_spare), .\snooper.writes.out_data (rwd_first),
        .\snooper.requests.out_valid (req_out), .\snooper.req_goes (req_pop), .\snooper.req_head (req_first), .\snooper.requests.spare_valid_q (req_spare),
        .\snooper.requests.spare_data_q (req_next),
        .\snooper.regions.rwd.write (table_write), .\snooper.regions.rwd.write_region (table_region),
        .\snooper.regions.rwd.write_entry (entry), .\snooper.regions.rwd.known (rwd_told), .\snooper.regions.req.head (req_told),
        .\snooper.regions.req.fresh (req_fresh), .\snooper.regions.req.known (req_known),
        .\snooper.regions.rwd.settled (rwd_settled), .\snooper.arbiter.enter (enter), .\snooper.arbiter.request (request),
        .\snooper.arbiter.grant (grant), .\snooper.slot_valid (slot_valid), .\snooper.write_granted (write_granted),
        .\snooper.request_granted (request_granted), .\snooper.pass (pass), .\snooper.waits_q (waits),
        .\plain.write_enters (enters), .\plain.unsettled_q (unsettled), .\plain.hole_r_q (hole), .\plain.turn_q (turn),
        .\plain.writes_q (counted), .\plain.rwd_valid (rwd_valid), .\plain.write_valid (write_valid), .\plain.req_valid (req_valid), .\plain.req_known (req_known_plain),
        .\plain.rwd_taken (rwd_past), .\plain.req_taken (req_past), .\plain.place (place), .\plain.grant_exclusive (exclusive),
        .\pipeline.result_valid (leaves), .\pipeline.result_slot (leaving), .\pipeline.result (decided),
        .\plain.result_valid (out), .\plain.result_slot (out_slot), .\plain.result (out_result)
    );
    reg started = 1'b0;
    always @(posedge clk) started <= 1'b1;
    always @* if (!started) assume (rst);

    // ---- the watched region, its entry, and the messages with data in their queue, the oldest lowest: of the region;
    // told that it is plain; accepted not after the last write of the table
    (* anyconst *) reg [R-1:0] watched;
    reg plain;
    wire ours_in = accepted[`REQUEST_DECODES] && accept_region == watched;
    wire writes_ours = table_write && table_region == watched;
    wire accept = m2s_rwd_valid && rwd_ready;
    reg [2:0] n = 0;
    reg [3:0] ours = 0, told = 0, before = 0;
    wire [2:0] rest = n - rwd_pop;
    wire [3:0] bit_in = accept ? 4'b1 << rest : 4'b0;
    wire [3:0] below = (4'b1 << rest) - 4'b1;
    always @(posedge clk) begin
        if (writes_ours) plain <= entry[0];
        n <= rst ? 0 : rest + accept;
        ours <= rst ? 0 : ours >> rwd_pop & below | (ours_in ? bit_in : 0);
        told <= rst ? 0 : told >> rwd_pop & below | (plain && !writes_ours ? bit_in : 0);
        before <= rst ? 0 : table_write ? below | bit_in : before >> rwd_pop & below;
    end
    wire [`PAGE_BITS-1:0] rwd_page = rwd[`REQUEST_PAGE];
    wire [`PAGE_BITS-1:0] rwd_in_page = accepted[`REQUEST_PAGE], req_in_page = req_accepted[`REQUEST_PAGE];
    wire head_ours = rwd[`REQUEST_DECODES] && rwd_page[`PAGE_BITS-1:9] == watched;
    always @* if (rwd_out) begin
        assume (head_ours == ours[0]);
        if (ours[0]) assume (rwd_told[0] == told[0]);
    end
    always @* if (rwd_settled) assume (before == 0);
    // A request is fresh if it is alone and was accepted in the cycle before; then what it is told is known a cycle later.
    reg req_accepted_last = 0;
    always @(posedge clk) req_accepted_last <= !rst && m2s_req_valid && req_ready;
    always @* begin
        assume (!req_fresh || req_accepted_last && !req_spare);
        if (!req_fresh) assume (req_known == req_told);
    end
    // A write at the head was not accepted in the cycle before: what it is told is known (proof `region_lookup`).
    reg accepted_last = 0;
    always @(posedge clk) accepted_last <= !rst && accept;

    // ---- the arbiter and the pipeline: writes of the watched region, and others, in it and in the miss unit
    reg [8:0] inside = 0, others = 0;
    reg [6:0] entered = 0;
    wire [`PAGE_BITS-1:0] leaving_page = leaving[`SLOT_PAGE];
    wire leaves_write = leaves && leaving[`SLOT_KIND] == 1;
    wire leaves_ours = leaving[`SLOT_DECODES] && leaving_page[`PAGE_BITS-1:9] == watched;
    always @(posedge clk) begin
        inside <= rst ? 0 : inside + (enters && head_ours) - (leaves_write && leaves_ours);
        others <= rst ? 0 : others + (enters && !head_ours) - (leaves_write && !leaves_ours);
        entered <= rst ? 0 : {entered, slot_valid};
    end
    always @* begin
        assume ((grant & (grant - 1)) == 0 && (grant & ~request) == 0 && (enter || grant == 0));
        if (leaves_write) assume (leaves_ours ? inside != 0 : others != 0);
        if (leaves) assume (entered[6]);
        assume (inside + others < 256 || !enters);
    end

    // ---- how long a line of a plain region waits that has its places
    reg [7:0] rwd_waits = 0, req_waits = 0;
    always @(posedge clk) begin
        rwd_waits <= rst || !write_valid || rwd_past ? 0 : rwd_waits + 1;
        req_waits <= rst || !req_valid || req_past ? 0 : req_waits + 1;
    end
    // Cycles until the first and the second in which no slot that entered can have its result: no one enters in a hole.
    function [7:0] first(input [6:0] in, input made);
        first = !in[6] ? 0 : !in[5] ? 1 : !in[4] ? 2 : !in[3] ? 3 : !in[2] ? 4 : !in[1] ? 5 : !in[0] ? 6 : made ? 7 : 8;
    endfunction
    wire [7:0] soon = first(entered, hole);
    wire [7:0] second = first(entered | 7'h40 >> soon, hole);
    wire [7:0] later = soon > 6 ? soon + 2 : soon == 0 && second == 8 ? 9 : second;

    // ---- a request of a plain region that is granted all the same, before it is known
    wire stray = request_granted && !pass && req_out && req_told[0] && req[`REQUEST_DECODES] && !illegal_req && !dropped;
    reg strayed = 0;
    always @(posedge clk) strayed <= !rst && stray;

    // ---- the decision of the contract
    assign past = rwd_past ? rwd : req;
    wire [`PAGE_BITS-1:0] past_page = past[`REQUEST_PAGE];
    wire read = past[`REQUEST_OPCODE] == 1 || past[`REQUEST_OPCODE] == 2;
    wire meta = past[`REQUEST_META_FIELD] == 0 && past[`REQUEST_OPCODE] != 10;
    wire any = meta && past[`REQUEST_META_VALUE] == 2;
    wire shared = meta && past[`REQUEST_META_VALUE] == 3;
    integer i, j;
    always @(posedge clk) if (started && !rst) begin
        // The order of writes.
        if (rwd_past && ours[0]) assert (inside == 0);
        // What makes it inductive: nobody stands before a plain one who would be overtaken by it.
        assert (n <= 4 && (!rwd_spare || rwd_out) && (!arrived_spare || arrived) && (!rwd_out || !(accepted_last && n == 1)) && (ours & ~((4'b1 << n) - 4'b1)) == 0 && (before & ~((4'b1 << n) - 4'b1)) == 0 && (before & (before + 1)) == 0);
        assert (count == n && (!accepted_last || arrived) && counted == inside + others && inside + others <= 256);
        if (plain) assert ((ours & ~before & ~told) == 0);
        else assert ((ours & ~before & told) == 0);
        if (!unsettled) begin
            if (plain) assert (inside == 0 && (ours & ~told) == 0);
            if ((ours & told) != 0) assert (inside == 0);
            for (i = 0; i < 4; i = i + 1) for (j = i + 1; j < 4; j = j + 1)
                assert (!(ours[i] && !told[i] && ours[j] && told[j]));
        end
        // Each channel's lookup hears of its messages, by their regions, and both of every write of the table.
        assert (tells_rwd == accept && told_pop_rwd == rwd_pop && tells_req == (m2s_req_valid && req_ready) && told_pop_req == req_pop);
        if (accepted[`REQUEST_DECODES]) assert (accept_region == rwd_in_page[`PAGE_BITS-1:9]);
        if (req_accepted[`REQUEST_DECODES]) assert (req_region == req_in_page[`PAGE_BITS-1:9]);
        assert (req_write == table_write && req_table_region == table_region && req_entry == entry);
        assert (settled == (rwd_settled && req_settled));
        // One result in a cycle; what the pipeline says is passed on.
        assert (out == (leaves || rwd_past || req_past) && leaves + rwd_past + req_past <= 1);
        if (leaves) assert (out_slot == leaving && out_result == decided);
        // One way out of each queue. A deferred request is served in a pass only.
        assert (!waits || pass);
        assert (rwd_pop == (rwd_out && (write_granted || rwd_past || illegal_rwd)));
        if (rwd_out) assert (write_granted + rwd_past + illegal_rwd <= 1);
        assert (!rwd_past || rwd_out && rwd_told[0] && rwd[`REQUEST_DECODES]);
        assert (req_pop == (req_out && (request_granted && !pass && !stray || req_past || illegal_req || dropped)));
        if (req_out) assert (!illegal_req || !dropped);
        if (req_spare) assert (!req_next[`HEAD_ILLEGAL] || !req_next[`HEAD_DROPPED]);
        if (req_out) assert ((request_granted && !pass && !stray) + req_past + illegal_req + dropped <= 1);
        // A request that should not have been granted is taken back in the next cycle.
        if (strayed) assert (retract);
        assert (!req_past || req_out && req_told[0] && req[`REQUEST_DECODES]);
        // What goes past.
        if (rwd_past || req_past) begin
            assert (out_slot[`SLOT_KIND] == rwd_past && out_slot[`SLOT_PAGE] == past[`REQUEST_PAGE]);
            assert (out_slot[`SLOT_LINE] == past[`REQUEST_LINE] && out_slot[`SLOT_TAG] == past[`REQUEST_TAG] && out_slot[`SLOT_DECODES]);
            assert (out_result[`RESULT_FRAME] == {rwd_past ? rwd_told[17:1] : req_told[17:1], past_page[8:0]});
            assert (out_result[`RESULT_HAS_NDR] && out_result[`RESULT_ERRORS] == 0 && !out_result[`RESULT_NEWLY_DIRTY]);
            assert (out_result[`RESULT_WRITES_MEMORY] == rwd_past && (!rwd_past || out_slot[`SLOT_DATA] == place));
            assert (out_result[`RESULT_DATA] == (!rwd_past && read));
            if (rwd_past) assert (out_result[`RESULT_NDR] == 0);
            else if (past[`REQUEST_OPCODE] == 2 || shared) assert (out_result[`RESULT_NDR] == (read && exclusive ? 2 : 1));
            else assert (out_result[`RESULT_NDR] == (any ? 2 : 0));
        end
        // How long it waits.
        if (write_valid) assert (rwd_waits + (turn ? later : soon) <= 10);
        // A request whose region becomes known in this cycle leaves the turn to a write, once.
        assert (!req_known_plain || req_valid);
        if (req_valid) assert (req_known_plain || req_waits == 0);
        if (req_valid) assert (req_waits + (turn ? soon : later) <= 10);
        assert (rwd_waits <= 10 && req_waits <= 10);
    end
endmodule

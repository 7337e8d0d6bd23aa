// Invariant 4 of the line protocol, for RwD: `m2s_rwd_ready` rises within MISS + max(DRAM, 135) + 2 RUN + 27 cycles, whatever
// requests, snoop responses, recalls, page slots, commands, registers and host memory do. DRAM: memory answers one of
// its line writes every DRAM cycles. RUN: descriptors and page list are written at most RUN cycles on end. MISS: of a write
// that wants to be a slot, within MISS cycles the miss unit has room, and the page of the write is not held, until the arbiter
// had 64 cycles in which a slot may enter; of a write of a plain region that finds other writes in the pipeline and its miss
// unit, while none enters, these have left within MISS cycles. The argument does not use the numbers. 135 = the
// chains of the miss unit and the stages of the pipeline: all other places of write data are on their way to memory, and
// discarded writes let answers of memory go first.
//
// Real: the front end but its arbiter, the way past the pipeline, responder with its credits, memory port. Free: every other
// input and block, what the region table says. Assumed, beside that: the scrub is over; NDR is taken, memory takes addresses
// and data in every cycle; heads of queues, and what they were told, stand still (proofs `fifo`, `region_lookup`); the
// arbiter grants an offered write of a page that is not held in the 64th cycle with `enter` at the latest, and nobody
// without it (proof `slot_arbiter`); a result comes seven cycles after its slot or not at all; what holds credits and
// places, that a credit goes back once, and that the writes in the pipeline are counted (proof `answers`), of which the pipeline has at most 7 and the chains of the
// miss unit at most 128.
module rwd_moves #(parameter DRAM = 32, RUN = 16, MISS = 512) (
    input clk, input rst, input m2s_rwd_valid, input m2s_req_valid, input dram_bvalid, input [7:0] dram_bid
);
    localparam INSIDE = 128 + 7;
    localparam CREDIT = DRAM + 2 * RUN + 10, PLACE = INSIDE + 2 * RUN + 10, LATER = CREDIT > PLACE ? CREDIT : PLACE;
    localparam PAST = 11;  // cycles until a line goes past the pipeline
    wire rwd_ready, ready, valid, spare, taken, offer, arrived, arrived_spare;
    wire enter, slot_valid, hole, turn, leaves, write_enters, write_leaves, plain_offer, plain_goes, none;
    wire [17:0] told;
    wire [8:0] counted;
    wire [4:0] request, grant;
    wire [3:0] hold;
    wire [`PAGE_BITS-1:0] page, held0, held1, held2, held3;
    wire [`HEAD_BITS-1:0] head;
    wire illegal = head[`HEAD_ILLEGAL];
    wire ndr_leaves, ndr_back, ndr_spare_valid, tables, write_turn, order, aw, aw_spare, w, w_spare, awvalid;
    wire [8:0] ndr_used, place_count;
    wire [2:0] ndr_taken;
    wire [15:0] decided, written, orders, pending, places;
    wire [`ORDER_BITS-1:0] order_data;
    wire [`ADDRESS_BITS-1:0] aw_data;
    wire [7:0] awid;
    tideline_core device (
        .clk(clk), .rst(rst), .m2s_rwd_valid(m2s_rwd_valid), .m2s_rwd_ready(rwd_ready), .m2s_req_valid(m2s_req_valid),
        .s2m_ndr_ready(1'b1), .m_axi_dram_awready(1'b1), .m_axi_dram_wready(1'b1), .m_axi_dram_awvalid(awvalid),
        .m_axi_dram_awid(awid), .m_axi_dram_bvalid(dram_bvalid), .m_axi_dram_bid(dram_bid),
        .\snooper.enable (ready), .\snooper.writes.out_valid (valid), .\snooper.writes.out_ready (taken),
        .\snooper.writes.out_data (head), .\snooper.writes.spare_valid_q (spare), .\snooper.arrived.out_valid (arrived), .\snooper.arrived.spare_valid_q (arrived_spare), .\snooper.rwd_offer (offer),
        .\snooper.arbiter.request (request), .\snooper.arbiter.grant (grant), .\snooper.arbiter.page0 (page), .\snooper.hold (hold),
        .\snooper.hold_page0 (held0), .\snooper.hold_page1 (held1), .\snooper.hold_page2 (held2), .\snooper.hold_page3 (held3),
        .\snooper.arbiter.enter (enter), .\snooper.slot_valid (slot_valid), .\snooper.regions.rwd.known (told),
        .\plain.hole_r_q (hole), .\plain.turn_q (turn), .\plain.writes_q (counted), .\plain.none (none),
        .\plain.rwd_valid (plain_offer), .\plain.write_valid (plain_goes),
        .\plain.write_leaves (write_leaves), .\plain.write_enters (write_enters), .\pipeline.result_valid (leaves),
        .\responder.ndr_used_q (ndr_used), .\responder.ndr_taken_q (ndr_taken), .\responder.decided.count (decided), .\responder.written.count (written),
        .\responder.ndr_leaves (ndr_leaves), .\responder.give_ndr (ndr_back), .\responder.ndr.spare_valid_q (ndr_spare_valid),
        .\memory.orders.count (orders), .\memory.order_valid_q (order), .\memory.order_q (order_data),
        .\memory.write_pending.count (pending), .\memory.places.count (places), .\memory.place_count_q (place_count),
        .\memory.write_first (tables), .\memory.write_turn_q (write_turn),
        .\memory.aw.valid_q (aw), .\memory.aw.spare_valid_q (aw_spare), .\memory.aw.data_q (aw_data),
        .\memory.w.valid_q (w), .\memory.w.spare_valid_q (w_spare)
    );
    reg started = 1'b0;
    always @(posedge clk) started <= 1'b1;
    always @* if (!started) assume (rst); else assume (!rst);

    // ---- the scrub is over; until then, and until the places of write data are listed, nobody asks
    reg was_ready = 1'b0;
    always @(posedge clk) was_ready <= started && ready;
    always @* begin
        if (was_ready) assume (ready);
        if (!ready) assume (!m2s_rwd_valid && !m2s_req_valid);
        if (ready) assume (place_count == 256);
    end
    // ---- heads of queues, the arbiter
    reg stands = 1'b0;
    reg [`HEAD_BITS-1:0] last_head;
    reg [17:0] last_told;
    reg [6:0] entered = 0;
    always @(posedge clk) begin
        stands <= started && valid && !taken;
        last_head <= head;
        last_told <= told;
        entered <= {entered, slot_valid};
    end
    wire held = (hold[0] && held0 == page) || (hold[1] && held1 == page) || (hold[2] && held2 == page) || (hold[3] && held3 == page);
    reg [15:0] clear = 0, offered = 0, drain = 0;
    always @(posedge clk) begin
        clear <= !request[0] || held || grant[0] ? 0 : clear + enter;
        offered <= !offer || !ready || grant[0] ? 0 : offered + 1;
        drain <= !plain_offer || !ready || none ? 0 : drain + 1;
    end
    always @* begin
        if (stands) assume (head == last_head && told == last_told);
        assume ((grant & (grant - 1)) == 0 && (grant & ~request) == 0 && (enter || grant == 0));
        if (clear == 63 && request[0] && !held && enter) assume (grant[0]);
        if (leaves) assume (entered[6]);
        if (write_leaves) assume (counted != 0);
        if (write_enters) assume (counted != 256);
    // ---- miss unit and page list
        if (offered == MISS) assume (clear >= 64);
        if (drain == MISS) assume (none);
    end
    // ---- device memory
    reg [15:0] quiet = 0, run = 0;
    reg [9:0] owes = 0;
    wire line_b = dram_bvalid && dram_bid == 0;
    wire line_aw = aw && aw_data[`ADDRESS_ID] == 0;
    always @(posedge clk) begin
        owes <= rst ? 0 : owes + (awvalid && awid == 0) - line_b;
        quiet <= rst || line_b || owes == 0 ? 0 : quiet + 1;
        run <= rst || !tables ? 0 : run + 1;
    end
    always @* begin
        if (owes == 0) assume (!line_b);
        assume (quiet < DRAM || line_b || owes == 0);
        assume (run < RUN || !tables);
    end
    // ---- what holds credits and places
    wire [9:0] moving = orders[9:0] + order;
    always @* if (started && ready) begin
        assume (ndr_used <= INSIDE + decided + written + moving + pending);
        assume (places + INSIDE + moving >= 256);
        assume (moving + pending <= 256);
    end
    always @* if (started) assume (ndr_leaves + ndr_back <= ndr_used && ndr_used <= 256);

    // ---- a credit, a place: cycles until the oldest write moves on, and until one of those under way is answered
    wire [15:0] wait_b = DRAM - quiet;
    wire [15:0] go = !order ? 2 * RUN + 4 : !order_data[`ORDER_KEEP] ? 2
        : write_turn ? 2 * RUN + 3 - run : RUN + 2 - run;
    wire [15:0] credit_rank = decided != 0 || written != 0 ? 0 : owes != 0 ? wait_b + 1 : line_aw ? DRAM + 3 : go + DRAM + 4;
    // A discarded write leaves in the first cycle in which none is answered.
    wire [15:0] place_rank = !order ? PLACE - 4 : !order_data[`ORDER_KEEP] ? pending + 2 : go;
    // A line that may go past the pipeline: cycles until the first and the second without a result (as in `plain_regions`).
    function [7:0] first(input [6:0] in, input made);
        first = !in[6] ? 0 : !in[5] ? 1 : !in[4] ? 2 : !in[3] ? 3 : !in[2] ? 4 : !in[1] ? 5 : !in[0] ? 6 : made ? 7 : 8;
    endfunction
    wire [7:0] soon = first(entered, hole);
    wire [7:0] second = first(entered | 7'h40 >> soon, hole);
    wire [7:0] later = soon > 6 ? soon + 2 : soon == 0 && second == 8 ? 9 : second;
    reg [15:0] goes = 0;
    always @(posedge clk) goes <= !ready || !plain_goes || taken ? 0 : goes + 1;
    reg [15:0] no_credit = 0, no_place = 0, waits = 0, low = 0;
    always @(posedge clk) begin
        no_credit <= !ready || ndr_used != 256 || ndr_leaves || ndr_back ? 0 : no_credit + 1;
        no_place <= !ready || places != 0 ? 0 : no_place + 1;
        waits <= !ready || !valid || taken ? 0 : waits + 1;
        low <= !ready || rwd_ready ? 0 : low + 1;
    end
    always @(posedge clk) if (started) begin
        assert ((!spare || valid) && (!arrived_spare || arrived) && rwd_ready == !arrived_spare);
        assert (!ndr_spare_valid && !aw_spare && !w_spare && aw == w && pending == owes + line_aw);
        assert (ndr_taken == {ndr_used >= 256, ndr_used >= 255, ndr_used >= 254});
        assert (quiet <= DRAM && run <= RUN && (quiet == 0 || owes != 0));
        if (ready) begin
            assert (ndr_used != 256 || no_credit + credit_rank <= CREDIT);
            assert (ndr_used == 256 || no_credit == 0);
            assert (places != 0 || no_place + place_rank <= PLACE);
            assert (no_place <= PLACE);
            assert (offered <= MISS && clear <= 63);
            assert (!valid || !illegal || waits == 0);
            assert (!offer || waits <= LATER + 2 + offered);
            assert (!plain_offer || waits <= LATER + 2 + (none ? MISS + goes : drain));
            assert (!plain_goes || goes + (turn ? later : soon) <= PAST - 1);
            assert (drain <= MISS);
            assert ((ndr_used != 256 || waits <= no_credit) && (places != 0 || waits <= no_place));
            assert (waits <= LATER + 2 + MISS + PAST);
            // Where the queue of two has a place, the next one moves up.
            assert (rwd_ready || !spare || low <= waits + 2);
            assert (rwd_ready || low <= LATER + 5 + MISS + PAST);
            assert (low <= LATER + 6 + MISS + PAST);
        end
    end
endmodule

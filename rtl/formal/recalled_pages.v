// Invariant 5 of the line protocol: no request enters the pipeline for a page that is being recalled.
//
// From the entry of a page's slot until that slot is decided as done, or its recall times out, no request of the page enters and
// stays: one that enters is taken back a cycle later and deferred, and a deferred one is served only when its context drains
// or is stuck. So between the slot that asks for a recall and the one that ends it there is no request of the page, and no
// grant. And a page is held by one context only; every request that waits for a context is of its page, and the last pass
// for a context leaves none behind.
//
// Real: the table of pages under way, the rest of the recall engine but its memories, the front end, their wiring. Free: all inputs, the
// pipeline and the miss unit, all other blocks, when snoops are answered. Watched: two contexts, any two.
// Assumed: a queue gives back what was put in, in its order (proofs `fifo`, `skid`), a memory what was last written; the CAM says
// which entries hold a page; the arbiter grants one of those that offer (proof `slot_arbiter`); a slot is decided after it entered,
// once. That a vector has one bit at most is assumed where two any bits of it are shown not to be set both.
// Slots are decided in the order of their entry for each page: pipeline (kernel proof) and miss unit (campaigns).
module recalled_pages (input clk, input rst);
    localparam P = `PAGE_BITS;
    wire start_now, looked, offering, granted, committed;
    wire fresh_in, fresh_room, fresh_any, fresh_out, ready_in, ready_room, ready_any, ready_out;
    wire [5:0] start_index, spare_index, offer_context, committed_context, fresh_new, fresh_old, ready_new, ready_old, jobs_from, jobs_to;
    wire [1:0] status;
    wire [61:0] look, offer_job, jobs_out, jobs_in;
    wire jobs_write;
    wire [P-1:0] key_a, key_b, cam_page;
    wire cam_write;
    wire [5:0] cam_to;
    wire [63:0] match_a, match_b, held, draining, stuck, snooping, waits, resting, queried, query, spare, look_holds, start_held, late;
    wire pass, asks, defers, retract, poison, request_granted, serves, waiting, taken, head_any, many;
    wire [63:0] drain_set, oldest, waiting_entry, deferred_new;
    wire deferred_in;
    wire [6:0] left, count;
    wire [4:0] request, grant;
    wire [`HEAD_BITS-1:0] asked;
    wire [`REQUEST_BITS-1:0] chosen;
    tideline_core device (
        .clk(clk), .rst(rst),
        .\recall.pages.start_now (start_now), .\recall.pages.start_index (start_index), .\recall.pages.looked_q (looked),
        .\recall.pages.look_q (look), .\recall.pages.look_holds_q (look_holds), .\recall.pages.start_held (start_held),
        .\recall.pages.spare_q (spare), .\recall.pages.spare_index_q (spare_index),
        .\recall.pages.pages.key_a (key_a), .\recall.pages.pages.key_b (key_b), .\recall.pages.pages.match_a (match_a),
        .\recall.pages.pages.match_b (match_b), .\recall.pages.pages.write_enable (cam_write),
        .\recall.pages.pages.write_address (cam_to), .\recall.pages.pages.write_data (cam_page),
        .\recall.pages.jobs.read_address (jobs_from), .\recall.pages.jobs.read_data (jobs_out),
        .\recall.pages.jobs.write_enable (jobs_write), .\recall.pages.jobs.write_address (jobs_to), .\recall.pages.jobs.write_data (jobs_in),
        .\recall.pages.held_q (held), .\recall.pages.draining_q (draining), .\recall.pages.stuck_r_q (stuck),
        .\recall.pages.snooping_q (snooping), .\recall.pages.waits_q (waits), .\recall.pages.resting_q (resting),
        .\recall.pages.queried_q (queried), .\recall.pages.query (query), .\recall.pages.late_bit (late),
        .\recall.pages.fresh.in_valid (fresh_in), .\recall.pages.fresh.in_ready (fresh_room), .\recall.pages.fresh.in_data (fresh_new),
        .\recall.pages.fresh.out_valid (fresh_any), .\recall.pages.fresh.out_ready (fresh_out), .\recall.pages.fresh.out_data (fresh_old),
        .\recall.pages.ready.in_valid (ready_in), .\recall.pages.ready.in_ready (ready_room), .\recall.pages.ready.in_data (ready_new),
        .\recall.pages.ready.out_valid (ready_any), .\recall.pages.ready.out_ready (ready_out), .\recall.pages.ready.out_data (ready_old),
        .\recall.pages.offering_q (offering), .\recall.pages.offer_context_r_q (offer_context), .\recall.pages.offer_job_r_q (offer_job),
        .\recall.pages.granted (granted), .\recall.pages.committed (committed), .\recall.pages.committed_context (committed_context),
        .\recall.pages.committed_status (status),
        .\snooper.pass (pass), .\snooper.asks_q (asks), .\snooper.asked_q (asked), .\snooper.defers (defers), .\snooper.retract (retract),
        .\snooper.timed_out (poison), .\snooper.request_granted (request_granted), .\snooper.chosen (chosen),
        .\snooper.serves_q (serves), .\snooper.waits_q (waiting), .\snooper.waiting_q (waiting_entry),
        .\snooper.waiting_next (taken), .\snooper.drain_set_q (drain_set), .\snooper.drain_left_q (left),
        .\snooper.deferred_count_q (count), .\snooper.deferred_many_q (many),
        .\snooper.deferred_in_valid (deferred_in), .\snooper.deferred_in_data (deferred_new),
        .\snooper.deferred_head.out_valid (head_any), .\snooper.deferred_head.out_data (oldest),
        .\snooper.arbiter.request (request), .\snooper.arbiter.grant (grant)
    );
    reg started = 1'b0;
    always @(posedge clk) started <= 1'b1;
    always @* if (!started) assume (rst);

    // ---- the surroundings
    always @* begin
        assume ((grant & (grant - 1)) == 0 && (grant & ~request) == 0);
        assume (!head_any || count != 0);
        // Places for all contexts, each of which is in there once at most.
        assume ((!fresh_in || fresh_room) && (!ready_in || ready_room));
        // One bit at most: shown of any two below.
        assume ((start_held & (start_held - 1)) == 0);
        assume ((query & (query - 1)) == 0);
        assume ((spare & (spare - 1)) == 0);
    end

    // ---- the last request that entered from its queue, and what it may not have met
    reg entered = 0;
    reg [P-1:0] entered_page;
    always @(posedge clk) begin
        entered <= !rst && request_granted && !pass && chosen[`REQUEST_DECODES];
        entered_page <= chosen[`REQUEST_PAGE];
    end

    // ---- two contexts, any two
    (* anyconst *) reg [5:0] watched0;
    (* anyconst *) reg [5:0] watched1;
    always @* assume (watched0 != watched1);
    wire [1:0] holds, has_spare, is_queried, in_query, is_held;
    wire [P-1:0] page_of [0:1];
    genvar k;
    generate for (k = 0; k < 2; k = k + 1) begin : context
        wire [5:0] me = k == 0 ? watched0 : watched1;
        // The page that it was started with.
        reg [P-1:0] page;
        wire starts = start_now && start_index == me;
        always @(posedge clk) if (starts) page <= look[P-1:0];
        assign page_of[k] = page;
        // Where it is: in the queue of new ones, in that of recalled ones, its slot under way.
        reg [1:0] in_fresh = 0, in_ready = 0;
        reg slot_out = 0;
        wire enters = granted && offer_context == me;
        wire decided = committed && committed_context == me;
        wire offered = offering && offer_context == me;
        wire [3:0] places = in_fresh + in_ready + offered + slot_out + snooping[me];
        // From its slot's entry until that is done or its recall timed out.
        reg window = 0, window_last = 0;
        wire done = decided && status != 1;
        // Deferred requests that wait for it: all of them; those of before the pass.
        reg [6:0] waiting_all = 0, waiting_old = 0;
        reg [P-1:0] waiting_page;
        wire joins = deferred_in && deferred_new[5:0] == me;
        wire goes = taken && oldest[5:0] == me;
        always @(posedge clk) begin
            in_fresh <= rst ? 0 : in_fresh + (fresh_in && fresh_room && fresh_new == me) - (fresh_any && fresh_out && fresh_old == me);
            in_ready <= rst ? 0 : in_ready + (ready_in && ready_room && ready_new == me) - (ready_any && ready_out && ready_old == me);
            slot_out <= rst ? 0 : enters || slot_out && !decided;
            window <= rst ? 0 : (window || enters) && !done && !late[me];
            window_last <= !rst && window;
            waiting_all <= rst ? 0 : waiting_all + joins - goes;
            waiting_old <= rst ? 0 : (pass ? waiting_old : waiting_all) - (pass && goes);
            if (joins) waiting_page <= deferred_new[6 +: P];
        end
        always @* begin
            assume (match_a[me] == (page == key_a) && match_b[me] == (page == key_b));
            if (jobs_from == me) assume (jobs_out[P-1:0] == page);
            if (fresh_any && fresh_old == me) assume (in_fresh != 0);
            if (ready_any && ready_old == me) assume (in_ready != 0);
            if (decided) assume (slot_out);
            if (taken && oldest[5:0] == me) assume (waiting_old != 0 && oldest[6 +: P] == waiting_page);
            if (taken && waiting_old == left) assume (oldest[5:0] == me);
        end
        assign holds[k] = held[me];
        assign has_spare[k] = spare[me];
        assign is_queried[k] = queried[me];
        assign in_query[k] = query[me];
        assign is_held[k] = start_held[me];
        always @(posedge clk) if (started && !rst) begin
            // What is to be shown. A request that entered while the slot was under way, and still is, does not stay.
            if (entered && window && window_last && entered_page == page) assert (retract);
            // Taken back, it waits for the context that holds its page; or it is answered with poison.
            if (defers && query[me]) assert (joins && deferred_new[63:6] == asked[`REQUEST_BITS-1:0] && asked[P-1:0] == page);
            if (poison && query[me]) assert (stuck[me]);
            // A deferred request that is served is of a page whose recall is over.
            if (pass && request_granted && waiting_entry[5:0] == me)
                assert (chosen[`REQUEST_PAGE] == page && held[me] && !window && (draining[me] || stuck[me]));

            // What makes it inductive. A context is in one place at most.
            assert (places <= 1);
            if (places != 0) assert (held[me] && !draining[me] && !stuck[me]);
            if (!held[me]) assert (!draining[me] && !stuck[me] && !waits[me]);
            assert (!draining[me] || !stuck[me]);
            if (window) assert (places != 0);
            if (offered || slot_out) assert (offered ? offer_job[P-1:0] == page : 1);
            if (resting[me]) assert (!waits[me]);
            // Its page, its index, the CAM, the job memory.
            assert (cam_write == start_now && jobs_write == start_now && cam_to == start_index && jobs_to == start_index);
            assert (cam_page == look[P-1:0] && jobs_in[P-1:0] == look[P-1:0]);
            if (spare[me]) assert (!held[me] && spare_index == me);
            else if (spare != 0) assert (spare_index != me);
            if (looked && held[me]) assert (look_holds[me] == (look[P-1:0] == page));
            if (queried[me] && held[me] && asks) assert (asked[P-1:0] == page);
            // Requests that wait for it.
            if (waiting_all != 0 || waiting && waiting_entry[5:0] == me) assert (waits[me]);
            if (waiting_all != 0) assert (waiting_page == page);
            if (waiting && waiting_entry[5:0] == me) assert (waiting_entry[6 +: P] == page && serves == drain_set[me]);
            assert (waiting_all <= count);
            if (pass) begin
                assert (waiting_old <= left && waiting_old <= waiting_all && waiting_all - waiting_old <= count - left);
                if (drain_set[me]) assert (waiting_all == waiting_old && waits[me] && (draining[me] || stuck[me]));
            end
        end
    end endgenerate

    always @(posedge clk) if (started && !rst) begin
        assert (!waiting || pass);
        assert (!pass || !asks);
        assert (!pass || left <= count);
        if (!many) assert (count <= 32);
        if (asks) assert (count <= 33);
        assert (count + waiting <= 34);
        // One context holds a page.
        assert (holds != 3 || page_of[0] != page_of[1]);
        assert (has_spare != 3 && in_query != 3 && (is_held != 3 || !looked));
    end
endmodule

// The miss unit: its chains lose, double and reorder nothing.
//
// A slot that is diverted gets a place in the store and stands last in the chain of its entry. Slots leave a chain in the order in which
// they came, each once, by a replay or a pass; a place is free or in one chain, never both; an entry closes when its chain is
// empty. And an entry is in one station of its way at a time: to be fetched, being fetched, fetched, on offer, passing, held, closing.
//
// Real: the miss unit but the contents of its memories and queues. Free: all inputs. Watched: an entry, and two places of the store, any.
// Assumed: a queue gives back what was put in, in its order, and has room for what is in it once at most (proof `fifo`); a memory
// what was last written. A slot is diverted while there are a place and a free entry (`room`: campaigns), to the entry of its page, which is one
// (proof `miss_lookup`), never in the cycle in which a fill is done, and not to one that has been held for eight cycles, since the arbiter lets no slot of a held page enter
// (proof `slot_arbiter`) and the pipeline has seven stages; and not before the store is ready. Fills, passes and replays are granted while offered, and what
// passes ends once. What is shown of the watched entry and places is used of the others, in the same cycle.
module miss_chains (
    input clk, input rst, input miss_valid, input [`SLOT_BITS-1:0] miss_slot, input fill_granted, input replay_granted, input done,
    input done_pass, input [5:0] done_entry, input read_data_valid
);
    wire fill_valid, replay_valid, appends, allocates, behind, first, take, links, frees, replay_next, replay_ends;
    wire fetch_in, fetch_any, fetch_out, fetching_in, fetching_any, fetched_any, fetched_out, looks, waits, reads_1, reads_2;
    wire fill_looks, passes_r, replaying, last_r, pass_close, filling;
    wire close1, close2, close3, close4, close5;
    wire [5:0] fetch_new, fetch_old, look_entry, fetching_new, fetching_old, fetched_old, fill_look, fill_entry, replay_first;
    wire [5:0] replay_entry, replay_entry_r, e1, e2, e3, e4, e5, spare_index, following_index, entry, h0, h1, h2, h3;
    wire [6:0] places_new, places_old, link_from, link_to, fill_head, leaving, replay_head, replay_tail;
    wire [6:0] tails_out, heads_out, replay_heads_out, replay_tails_out, next_out, next_from;
    wire [5:0] tails_from, heads_from;
    wire [7:0] place_count;
    wire places_any, places_in, next_write;
    wire [63:0] valid, passes, empty, spare, following, matches;
    wire [43:0] read_entry, reads_first, reads_second;
    wire [3:0] hold, ages0, ages1, ages2, ages3;
    wire [1:0] hold_in, hold_out, turn;
    wire [`SLOT_BITS-1:0] chain_out, replay_slot;
    wire [6:0] chain_from;
    tideline_miss_unit device (
        .clk(clk), .rst(rst), .miss_valid(miss_valid), .miss_slot(miss_slot), .fill_valid(fill_valid), .fill_granted(fill_granted),
        .replay_valid(replay_valid), .replay_slot(replay_slot), .replay_granted(replay_granted), .done(done), .done_pass(done_pass),
        .done_entry(done_entry), .read_data_valid(read_data_valid), .hold(hold),
        .\appends (appends), .\allocates (allocates), .\entries.behind (behind), .\entries.first (first),
        .\entries.take (take), .\entries.entry (entry), .\entries.valid_q (valid), .\entries.passes_q (passes), .\entries.empty_q (empty),
        .\entries.spare_q (spare), .\entries.spare_index_q (spare_index), .\entries.following_q (following),
        .\entries.following_index_q (following_index), .\entries.found_one.mask (matches),
        .\entries.tails.read_address (tails_from), .\entries.tails.read_data (tails_out),
        .\entries.fill_heads.read_address (heads_from), .\entries.fill_heads.read_data (heads_out),
        .\entries.replay_heads.read_data (replay_heads_out), .\entries.replay_tails.read_data (replay_tails_out),
        .\links_q (links), .\link_from_q (link_from), .\link_to_q (link_to), .\next.read_address (next_from), .\next.read_data (next_out),
        .\next.write_enable (next_write), .\chain.read_address (chain_from), .\chain.read_data (chain_out),
        .\fetch.in_valid (fetch_in), .\fetch.in_data (fetch_new), .\fetch.out_valid (fetch_any), .\fetch.out_ready (fetch_out),
        .\fetch.out_data (fetch_old), .\fetch_looks_q (looks), .\fetch_entry_q (look_entry), .\fetch_waits_q (waits),
        .\fetch_read_q (read_entry), .\reads.valid_q (reads_1), .\reads.spare_valid_q (reads_2), .\reads.data_q (reads_first),
        .\reads.spare_data_q (reads_second), .\fetching.in_valid (fetching_in), .\fetching.in_data (fetching_new),
        .\fetching.out_valid (fetching_any), .\fetching.out_data (fetching_old), .\fetched.out_valid (fetched_any),
        .\fetched.out_ready (fetched_out), .\fetched.out_data (fetched_old), .\fill_looks_q (fill_looks), .\fill_look_q (fill_look),
        .\fill_look_head_q (fill_head), .\fill_entry_r_q (fill_entry), .\fill_passes_r_q (passes_r),
        .\places.in_valid (places_in), .\places.in_data (places_new), .\places.out_valid (places_any), .\places.out_data (places_old),
        .\place_count_q (place_count), .\fill_places (filling), .\frees_place (frees), .\leaving (leaving),
        .\replay_next (replay_next), .\replay_ends (replay_ends), .\replay_first (replay_first),
        .\replaying_q (replaying), .\replay_entry_q (replay_entry), .\replay_head_q (replay_head), .\replay_tail_q (replay_tail),
        .\replay_last_r_q (last_r), .\replay_entry_r_q (replay_entry_r), .\pass_close (pass_close),
        .\hold_in_q (hold_in), .\hold_out_q (hold_out), .\replay_turn_q (turn), .\hold_entries0_q (h0), .\hold_entries1_q (h1),
        .\hold_entries2_q (h2), .\hold_entries3_q (h3), .\hold_ages0_q (ages0), .\hold_ages1_q (ages1), .\hold_ages2_q (ages2),
        .\hold_ages3_q (ages3), .\close_1_q (close1), .\close_2_q (close2), .\close_3_q (close3), .\close_4_q (close4),
        .\close_5_q (close5), .\close_entry_1_q (e1), .\close_entry_2_q (e2), .\close_entry_3_q (e3), .\close_entry_4_q (e4),
        .\close_entry_5_q (e5)
    );
    reg started = 1'b0;
    always @(posedge clk) started <= 1'b1;
    always @* if (!started) assume (rst);

    // ---- the watched entry: where it is
    (* anyconst *) reg [5:0] me;
    reg [1:0] in_fetch = 0, in_fetching = 0, in_fetched = 0;
    reg passing = 0;
    always @(posedge clk) begin
        in_fetch <= rst ? 0 : in_fetch + (fetch_in && fetch_new == me) - (fetch_any && fetch_out && fetch_old == me);
        in_fetching <= rst ? 0 : in_fetching + (fetching_in && fetching_new == me) - (fetching_any && read_data_valid && fetching_old == me);
        in_fetched <= rst ? 0 : in_fetched + (read_data_valid && fetching_old == me) - (fetched_any && fetched_out && fetched_old == me);
        passing <= !rst && (fill_granted && passes_r && fill_entry == me || passing && !(done && done_pass && done_entry == me));
    end
    // Stations before the fill: it has slots.
    wire [3:0] before = in_fetch + (looks && look_entry == me) + (waits && read_entry[5:0] == me) + (reads_1 && reads_first[5:0] == me)
        + (reads_2 && reads_second[5:0] == me) + in_fetching + in_fetched + (fill_looks && fill_look == me) + (fill_valid && !passes_r && fill_entry == me);
    wire pass_station = fill_valid && passes_r && fill_entry == me;
    wire [3:0] held = {hold[3] && h3 == me, hold[2] && h2 == me, hold[1] && h1 == me, hold[0] && h0 == me};
    wire [2:0] holds = held[0] + held[1] + held[2] + held[3];
    wire closing = close1 && e1 == me || close2 && e2 == me || close3 && e3 == me || close4 && e4 == me || close5 && e5 == me;
    wire [2:0] closes = (close1 && e1 == me) + (close2 && e2 == me) + (close3 && e3 == me) + (close4 && e4 == me) + (close5 && e5 == me);
    wire [4:0] stations = before + pass_station + passing + holds + closes;
    // Of the held entries the oldest ones have begun to be replayed.
    wire [1:0] begun = replaying + (replay_valid && last_r);
    wire [1:0] o0 = 2'd0 - hold_out, o1 = 2'd1 - hold_out, o2 = 2'd2 - hold_out, o3 = 2'd3 - hold_out;
    wire has_begun = held[0] && o0 < begun || held[1] && o1 < begun || held[2] && o2 < begun || held[3] && o3 < begun;
    wire old_hold = held[0] && ages0[3] || held[1] && ages1[3] || held[2] && ages2[3] || held[3] && ages3[3];
    wire [2:0] all_held = hold[0] + hold[1] + hold[2] + hold[3];
    wire in_replay = replaying && replay_entry == me;
    function [5:0] entry_at(input [1:0] at); begin
        entry_at = at == 0 ? h0 : at == 1 ? h1 : at == 2 ? h2 : h3;
    end endfunction
    wire [5:0] turn_entry = entry_at(turn - 2'd1), out_entry = entry_at(hold_out);
    wire [3:0] window = all_held == 0 ? 0 : all_held == 1 ? 4'b0001 : all_held == 2 ? 4'b0011 : all_held == 3 ? 4'b0111 : 4'b1111;
    wire [7:0] turned = {window, window} << hold_out;

    // ---- its chain: slots that came and slots that left since it was last empty; the first and the last place as remembered
    reg [8:0] came = 0, left = 0;
    reg [6:0] head, tail;
    reg linked = 0;
    wire joins = miss_valid && entry == me;
    wire leaves = replay_next && replay_entry == me || take && fill_look == me;
    always @(posedge clk) begin
        came <= rst ? 0 : joins ? (first ? 1 : came + 1) : came;
        left <= rst ? 0 : joins && first ? 0 : left + leaves;
        if (joins && first) head <= places_old;
        if (joins) tail <= places_old;
        linked <= !rst && joins && !first;
    end

    // ---- the surroundings
    always @* begin
        assume ((matches & (matches - 1)) == 0);
        assume (!allocates || spare != 0);
        assume (!miss_valid || places_any && !filling && !done);
        assume (!(miss_valid && matches[me]) || !old_hold && !closing);
        // There are 128 places, and a chain that slots join has lost none.
        assume (!joins || first || came < 128);
        assume (!fill_granted || fill_valid);
        assume (!replay_granted || replay_valid);
        assume (!read_data_valid || fetching_any);
        if (done && done_pass && done_entry == me) assume (passing);
        if (fetch_any && fetch_old == me) assume (in_fetch != 0);
        if (fetching_any && fetching_old == me) assume (in_fetching != 0);
        if (fetched_any && fetched_old == me) assume (in_fetched != 0);
        if (tails_from == me) assume (tails_out == tail);
        if (heads_from == me) assume (heads_out == head);
        if (replay_first == me) assume (replay_heads_out == head && replay_tails_out == tail);
        // Of the place at the head of a chain that is replayed: it is the last one if it stands last.
        if (in_replay) assume (replay_ends == (came == left + 1));
    end

    // ---- two places
    (* anyconst *) reg [6:0] place0;
    (* anyconst *) reg [6:0] place1;
    always @* assume (place0 != place1);
    wire [1:0] mine;
    wire [8:0] pos [0:1];
    wire [6:0] behind_it [0:1];
    genvar k;
    generate for (k = 0; k < 2; k = k + 1) begin : place
        wire [6:0] at = k == 0 ? place0 : place1;
        reg used = 0, ours = 0;
        reg [1:0] is_free = 0;
        reg [8:0] number;
        reg [6:0] following_place;
        reg [`SLOT_BITS-1:0] slot;
        reg left_last = 0;
        wire unfilled = place_count <= at;
        wire taken = miss_valid && places_old == at;
        wire goes = frees && leaving == at;
        always @(posedge clk) begin
            used <= !rst && (taken || used && !goes);
            ours <= !rst && (taken ? joins : ours && !goes);
            is_free <= rst ? 0 : is_free + (places_in && places_new == at) - taken;
            if (taken) begin number <= first ? 0 : came; slot <= miss_slot; end
            if (next_write && link_from == at) following_place <= link_to;
            left_last <= !rst && goes && replay_next;
        end
        always @* begin
            if (places_any && places_old == at) assume (is_free != 0);
            if (next_from == at) assume (next_out == following_place);
            if (chain_from == at) assume (chain_out == slot);
            // Of the other entries: what leaves them, and what stands last in them, is theirs.
            if (goes && !leaves) assume (used && !ours);
            if (appends && behind && !joins && tails_out == at) assume (!ours);
            // Of the place at the head: the next one in the chain is behind it.
            if (in_replay && came != left + 1) assume ((next_out == at) == (ours && number == left + 1));
        end
        assign mine[k] = ours;
        assign pos[k] = number;
        assign behind_it[k] = links && link_from == at ? link_to : following_place;
        always @(posedge clk) if (started && !rst) begin
            // What is to be shown: what leaves the watched entry is its oldest slot, in use, as it came; nothing is left when it closes.
            if (goes && leaves) assert (used && ours && number == left);
            if (left_last) assert (replay_slot == slot);
            if (close5 && e5 == me || pass_close && done_entry == me) assert (!ours && came == left);

            // What makes it inductive. A place is free, or used, or not yet given out.
            assert (used + is_free + unfilled == 1 && (!ours || used) && (!filling || !used));
            if (ours) assert (valid[me] && left <= number && number < came);
            if (came != left) begin
                assert ((tail == at) == (ours && number + 1 == came));
                assert (((in_replay ? replay_head : head) == at) == (ours && number == left));
            end
        end
    end endgenerate

    always @(posedge clk) if (started && !rst) begin
        assert (!filling || valid == 0);
        // An entry is in one station.
        assert (stations == valid[me]);
        assert (in_fetch <= 1 && in_fetching <= 1 && in_fetched <= 1 && holds <= 1);
        assert (!reads_2 || reads_1);
        // The free entries that are taken next.
        assert ((spare & (spare - 1)) == 0 && (following & (following - 1)) == 0 && (spare & following) == 0 && ((spare | following) & valid) == 0);
        if (spare[me]) assert (spare_index == me);
        else if (spare != 0) assert (spare_index != me);
        if (following[me]) assert (following_index == me);
        else if (following != 0) assert (following_index != me);
        // Slots of the entry, by its station.
        assert (left <= came && came <= 128);
        if (before != 0) assert (came > left && !empty[me]);
        if (passes[me] && valid[me]) assert (came == left + 1 && before != 0 && !(fill_valid && !passes_r && fill_entry == me));
        if (pass_station || passing) assert (empty[me] == (came == left));
        if (holds != 0) assert (!empty[me] && (has_begun && !in_replay ? came == left : came > left));
        if (closing) assert (came == left && !empty[me]);
        if (!valid[me]) assert (came == left);
        if (fill_looks && fill_look == me) assert (fill_head == head);
        // Holds and replays, in the order of the fills.
        assert (begun <= all_held && turn == hold_out + begun && hold_in == hold_out + all_held[1:0] && hold == (turned[7:4]));
        assert (!(fill_valid && !passes_r) || all_held < 4);
        assert (!replaying || replay_entry == turn_entry);
        if (replay_valid) assert (last_r ? replay_entry_r == out_entry : replaying && replay_entry_r == replay_entry);
        if (in_replay) assert (replay_tail == tail && !linked && holds != 0 && has_begun);
        if (has_begun) assert (old_hold);
        if (linked) assert (links && came > left + 1);
        // The chain: whoever is not last has the next one behind it.
        if (mine[0] && pos[0] + 1 < came) assert ((behind_it[0] == place1) == (mine[1] && pos[1] == pos[0] + 1));
    end
endmodule

// The miss unit's look-up: a page has one entry at most, and a slot that is diverted joins it.
//
// The page of a slot is looked up three stages of the pipeline before the slot may be diverted; entries that are taken meanwhile are noted
// beside it. So a slot finds the entry of its page if there is one then, no other, and takes a free one only if there is none.
//
// Real: the entries but the contents of their memories. Free: all inputs. Watched: two entries, any.
// Assumed: the pipeline tells the page of the slot three stages behind, moves on in every cycle, and says which slots
// behind have the page of the diverted one; the CAM says which entries hold a page; the entries that are taken next are free, one at a time (proof
// `miss_chains`). That one entry at most matches is assumed where no two any match.
module miss_lookup (
    input clk, input rst, input miss_valid, input may_pass, input [`PAGE_BITS-1:0] look_page, input take, input [5:0] fill_entry,
    input replayed, input [5:0] replayed_entry, input done_close, input [5:0] done_entry, input [6:0] miss_place
);
    localparam P = `PAGE_BITS;
    wire [63:0] valid, spare, seen_2, seen_1, seen, match, matches;
    wire [5:0] spare_index, entry, free_entry;
    wire found, waits, allocates;
    reg [P-1:0] page_2, page_1, page_0;
    wire [2:0] joins = {page_1 == page_0, page_2 == page_0, look_page == page_0};
    tideline_miss_entries device (
        .clk(clk), .rst(rst), .miss_valid(miss_valid), .miss_page(page_0), .miss_place(miss_place), .miss_may_pass(may_pass),
        .found(found), .free_entry(free_entry), .look_page(look_page), .joins(joins), .look_waits(waits), .take(take),
        .fill_entry(fill_entry), .replayed(replayed), .replayed_entry(replayed_entry), .done_close(done_close), .done_entry(done_entry),
        .\valid_q (valid), .\spare_q (spare), .\spare_index_q (spare_index), .\seen_2_q (seen_2), .\seen_1_q (seen_1), .\seen_q (seen),
        .\pages.match_a (match), .\found_one.mask (matches), .\entry (entry), .\allocates (allocates)
    );
    reg started = 1'b0;
    always @(posedge clk) begin
        started <= 1'b1;
        page_2 <= look_page;
        page_1 <= page_2;
        page_0 <= page_1;
    end
    always @* if (!started) assume (rst);

    (* anyconst *) reg [5:0] one;
    (* anyconst *) reg [5:0] other;
    always @* begin
        assume (one != other);
        assume ((matches & (matches - 1)) == 0);
        assume ((spare & (spare - 1)) == 0 && (spare & valid) == 0 && (!allocates || spare != 0));
        if (spare != 0) assume (spare == 64'd1 << spare_index);
    end
    reg [P-1:0] page_of [0:1];
    genvar k;
    generate for (k = 0; k < 2; k = k + 1) begin : each
        wire [5:0] me = k == 0 ? one : other;
        wire [P-1:0] page = page_of[k];
        always @(posedge clk) if (allocates && spare_index == me) page_of[k] <= page_0;
        always @* assume (match[me] == (page == look_page));
        always @(posedge clk) if (started && !rst && valid[me]) begin
            // What is to be shown: a slot of its page joins it, no other does; a slot two stages behind hears of it.
            if (miss_valid) assert ((entry == me) == (page == page_0) && (page != page_0 || found));
            if (page == page_2) assert (waits);
            assert (seen_2[me] == (page == page_2) && seen_1[me] == (page == page_1) && seen[me] == (page == page_0));
        end
    end endgenerate
    always @(posedge clk) if (started && !rst) begin
        assert (!valid[one] || !valid[other] || page_of[0] != page_of[1]);
        if (miss_valid) assert (found ? valid[entry] && !allocates : allocates && entry == free_entry && !valid[entry]);
    end
endmodule

// Invariant 3 of the line protocol, its second half: a record stays in the spool until its result is acknowledged.
//
// Watched: one record of a result, any one. It is written to device memory and to host memory, in its lane of its beat, and
// `flushed` says that it is in device memory, `failed` that host memory refused one. If the result is merged back, it is read and becomes a MERGE slot with its page and
// mask, once, in its place of the order; `merged` says that every record was, and that every slot is decided.
//
// Real: the spool but its queue. Free: all inputs.
// Assumed: the queue gives back what was put in, in its order (proof `ram_fifo`); device memory returns what was written, one
// read at a time, and finishes a write once; a slot is granted while it is offered and decided once, and fewer than 200 wait. The
// descriptors stay as many as they were, and every record is of one. The
// executor begins a result when nothing of the last one is under way, lets no record come behind `finish`, and merges what is flushed.
module spool (
    input clk, input rst, input [31:0] table_pages, input [25:0] base, input begins, input [63:0] buffer, input [31:0] sequence_in, input accessed, input finish,
    input merge, input result_valid, input [`SLOT_BITS-1:0] result_slot, input [`RESULT_BITS-1:0] result, input slot_granted,
    input write_ready, input write_done, input read_ready, input read_data_valid, input [511:0] read_data, input host_ready,
    input host_idle, input host_error
);
    wire flushed, failed, merged, push, take, take_any, part, slot_valid, write_valid, read_valid, host_valid, to_memory, to_host;
    wire [31:0] made, sequence_q;
    wire [87:0] queue_out;
    wire [24:0] beats, out_index, merge_index;
    wire [511:0] beat, out, back, write_data;
    wire [1:0] fill, out_fill;
    wire [7:0] unwritten, undecided;
    wire [2:0] state;
    wire offers, granted, kept_accessed;
    wire [`SLOT_BITS-1:0] slot;
    wire [37:0] write_address, read_address;
    wire [63:0] host_address, host_strobe, buffer_q;
    tideline_spool device (
        .clk(clk), .rst(rst), .table_pages(table_pages), .base(base), .begin_signal(begins), .begin_buffer(buffer), .begin_sequence(sequence_in),
        .begin_accessed(accessed), .finish(finish), .flushed(flushed), .failed(failed), .made(made), .merge(merge), .merged(merged),
        .result_valid(result_valid), .result_slot(result_slot), .result(result), .slot_valid(slot_valid), .slot(slot),
        .slot_granted(slot_granted), .write_valid(write_valid), .write_ready(write_ready), .write_address(write_address),
        .write_data(write_data), .write_done(write_done), .read_valid(read_valid), .read_ready(read_ready),
        .read_address(read_address), .read_data_valid(read_data_valid), .read_data(read_data), .host_valid(host_valid),
        .host_ready(host_ready), .host_address(host_address), .host_strobe(host_strobe), .host_idle(host_idle), .host_error(host_error),
        .\push (push), .\take (take), .\part (part), .\queue.out_valid (take_any), .\queue.out_data (queue_out), .\beats_q (beats),
        .\fill_q (fill), .\beat_q (beat), .\out_q (out), .\out_index_q (out_index), .\out_fill_q (out_fill), .\to_memory_q (to_memory),
        .\to_host_q (to_host), .\unwritten_q (unwritten), .\state_q (state), .\merge_index_q (merge_index), .\back_q (back),
        .\offers_q (offers), .\granted_q (granted), .\undecided_q (undecided), .\buffer_q (buffer_q), .\sequence_q (sequence_q), .\accessed_q (kept_accessed)
    );
    localparam IDLE = 0, READ = 1, WAIT = 2, CHECK = 3, OFFER = 4, DONE = 5;
    reg started = 1'b0;
    always @(posedge clk) started <= 1'b1;
    always @* if (!started) assume (rst);

    // ---- the watched record: its number, what was put in
    (* anyconst *) reg [24:0] number;
    wire [1:0] lane = number[1:0];
    wire [24:0] its_beat = number >> 2;
    reg [23:0] page;
    reg [63:0] mask;
    wire [127:0] record = {mask, sequence_q, 8'd0, page};
    wire [`PAGE_BITS-1:0] new_page = result_slot[`SLOT_PAGE];
    // Records that came out of the queue, and those in it; what the executor has asked for.
    reg [31:0] taken = 0;
    reg [7:0] queued = 0;
    reg open = 0, closed = 0, parted = 0;
    // The bases and addresses of a result stay.
    reg [25:0] base_last;
    reg [31:0] pages_last;
    reg [63:0] buffer_kept;
    reg refused = 0;
    wire [37:0] address = {base_last, 12'd0} + {its_beat[22:0], 6'd0};
    // Device memory: its lane of its beat; writes that it owes; a read that it owes, of that beat.
    reg [127:0] stored;
    reg [7:0] owes = 0;
    reg reading = 0, reading_its = 0;
    // The merge: slots that entered, slots that are decided.
    reg [31:0] entered = 0, decided = 0;
    wire decides = result_valid && result_slot[`SLOT_KIND] == 14;
    wire write_taken = write_valid && write_ready;
    function [127:0] lane_of(input [511:0] from, input [1:0] which); begin
        lane_of = from >> {which, 7'd0};
    end endfunction
    always @(posedge clk) begin
        base_last <= base;
        pages_last <= table_pages;
        if (begins) buffer_kept <= buffer;
        refused <= !rst && !begins && (refused || host_error);
        if (push && made == number) begin page <= new_page; mask <= result[`RESULT_MASK]; end
        taken <= rst || begins || merged ? 0 : taken + take;
        queued <= rst || begins || merged ? 0 : queued + push - take;
        open <= !rst && (begins || open && !merged);
        closed <= !rst && !begins && (closed || finish) && open && !merged;
        parted <= !rst && !begins && (parted || part) && !merged;
        if (write_taken && write_address == address) stored <= lane_of(write_data, lane);
        owes <= rst ? 0 : owes + write_taken - write_done;
        reading <= !rst && (read_valid && read_ready || reading && !read_data_valid);
        if (read_valid && read_ready) reading_its <= read_address == address;
        entered <= rst || merge ? 0 : entered + slot_granted;
        decided <= rst || merge ? 0 : decided + decides;
    end

    // ---- the surroundings
    always @* begin
        assume (take_any == (queued != 0));
        if (take && taken == number) assume (queue_out == {mask, page});
        assume (!push || open && !closed && !finish && queued < 128 && made < 1 << 24);
        assume (!finish || open && state == IDLE && !merge);
        assume (!begins || flushed && state == IDLE && !merge && !push && !finish);
        assume (!merge || flushed && closed && state == IDLE && !finish);
        assume (base == base_last || begins);
        assume ((table_pages == pages_last || !open) && (!push || new_page < table_pages));
        assume (!write_done || owes != 0);
        assume (!read_data_valid || reading);
        if (read_data_valid && reading_its) assume (lane_of(read_data, lane) == stored);
        assume (!slot_granted || slot_valid && undecided < 200);
        assume (!decides || undecided != 0);
    end

    wire [1:0] behind = number - merge_index;
    always @(posedge clk) if (started && !rst) begin
        // What is to be shown: written to both memories, in its place.
        if (write_valid && out_index == its_beat && number < taken)
            assert (write_address == address && lane_of(write_data, lane) == record);
        if (host_valid && out_index == its_beat) begin
            assert (host_strobe[{lane, 4'd0} +: 16] == (number < taken ? 16'hffff : 16'h0));
            if (number < taken) assert (lane_of(write_data, lane) == record && host_address == buffer_kept + {33'd0, its_beat, 6'd0});
        end
        assert (failed == refused);
        // In device memory when the spool says so, and for as long as the result is kept.
        if (open && flushed && (closed || made[1:0] == 0) && number < made) assert (stored == record && owes == 0);
        // Merged: a slot of its own, in its place; then all are decided.
        if (slot_valid && merge_index == number)
            assert (slot[`SLOT_KIND] == 14 && slot[`SLOT_PAGE] == page && slot[`SLOT_MASK] == mask && slot[`SLOT_FLAGS] == {5'd0, kept_accessed, 2'd0});
        if (slot_valid) assert (entered == merge_index);
        if (merged) assert (entered == made && decided == made);

        // What makes it inductive.
        assert (made == taken + queued && made <= 1 << 24 && queued <= 128);
        if (!open) assert (made == 0 && flushed_quiet && state == IDLE);
        assert (!closed || open);
        if (open) assert (buffer_q == buffer_kept);
        else assert (!to_host);
        if (parted) assert (closed && queued == 0 && fill == 0 && taken < {beats, 2'd0} && taken + 4 > {beats, 2'd0} && taken[1:0] != 0);
        else if (open) assert (taken == {beats, 2'd0} + fill);
        assert (beats <= 1 << 23);
        if (number < made) assert (page < pages_last);
        if (to_memory || to_host) assert (out_index + 1 == beats && out_fill == taken_fill);
        assert (unwritten == owes && owes <= 128);
        if (number < taken) begin
            if (its_beat == beats) assert (lane_of(beat, lane) == record);
            if (its_beat + 1 == beats && (to_memory || to_host)) assert (lane_of(out, lane) == record);
            if (its_beat < beats - to_memory) assert (stored == record);
        end
        // The merge.
        assert (state <= DONE && entered - decided == undecided && decided <= entered);
        if (state != IDLE) begin
            assert (closed && flushed_quiet && merge_index <= made);
            assert (entered == merge_index + granted);
            if (state == READ || state == WAIT) assert (merge_index[1:0] == 0 && merge_index < made && !offers && !granted);
            if (state == WAIT) assert (reading && reading_its == (merge_index >> 2 == its_beat));
            if (state == OFFER) assert (merge_index < made && offers == !granted);
            if (state == CHECK) assert (merge_index[1:0] == 0 && merge_index < made && !offers && !granted);
            if ((state == CHECK || state == OFFER) && merge_index >> 2 == its_beat && merge_index <= number && number < made)
                assert (lane_of(back, behind) == record);
            if (state == DONE) assert (merge_index == made && !offers && !granted);
        end else assert (!offers && undecided == 0);
        if (state != WAIT) assert (!reading);
    end
    // The records of the last beat that left: all four, or what was left of them.
    wire [1:0] taken_fill = parted ? taken[1:0] : 0;
    wire flushed_quiet = queued == 0 && fill == 0 && !to_memory && !to_host && owes == 0;
endmodule

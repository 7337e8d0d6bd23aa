// What the region table tells the messages of a queue. Of any one region: the head is told what the table said when its message
// was accepted, or "not plain", and this only if a write of the entry met it in that cycle. So no message that was accepted
// after the entry was written "not plain" is told "plain". And when `settled` is high no message is left that was
// accepted before the last write, or in its cycle; that is told a cycle after the last of them has left.
//
// Real: the block with its queue. Free: all inputs; the memory, of which a read gives what was written last, or anything if a write
// meets it. Assumed: of the queue beside it, a message leaves only if there is one, and a fifth is not accepted.
module region_lookup (
    input clk, input rst, input accept, input [14:0] region, input pop, input write, input [14:0] write_region,
    input [17:0] write_entry
);
    wire [17:0] head, known, read, m0, m1, m2, m3;
    wire settled, fresh, comes_late, popped, met, full;
    // The message that left in the cycle before was there at the last write.
    reg was_before = 0;
    wire [2:0] count, old;
    wire [1:0] first, last;
    wire [15:0] waiting;
    tideline_region_lookup lookup (
        .clk(clk), .rst(rst), .accept(accept), .region(region), .pop(pop), .head(head), .write(write),
        .write_region(write_region), .write_entry(write_entry), .settled(settled), .\table_signal.read_data (read),
        .\read_q (fresh), .fresh (comes_late), .known (known), .\met_q (met), .\count_q (count), .\old_q (old), .\popped_q (popped), .\waiting.count (waiting), .\waiting.full_q (full),
        .\waiting.read_q (first), .\waiting.write_q (last), .\waiting.entries.memory[0] (m0), .\waiting.entries.memory[1] (m1),
        .\waiting.entries.memory[2] (m2), .\waiting.entries.memory[3] (m3)
    );
    reg started = 1'b0;
    always @(posedge clk) started <= 1'b1;
    always @* if (!started) assume (rst);

    // The watched region, and what its entry says.
    (* anyconst *) reg [14:0] watched;
    reg [17:0] says;
    wire ours = region == watched;
    wire meets = write && write_region == region;
    always @(posedge clk) if (write && write_region == watched) says <= write_entry;

    // The messages in the queue, the oldest lowest: of the watched region; what it said; a write met the read; accepted not
    // after the last write.
    reg [2:0] n = 0;
    reg [3:0] is_ours = 0, met_by = 0, before = 0;
    reg [17:0] said0, said1, said2, said3;
    always @* begin
        assume (!pop || n != 0);
        assume (!accept || n != 4);
    end
    wire [2:0] rest = n - pop;
    wire [3:0] bit_in = accept ? 4'b1 << rest : 4'b0;
    wire [3:0] below = (4'b1 << rest) - 4'b1;
    always @(posedge clk) begin
        n <= rst ? 0 : rest + accept;
        is_ours <= rst ? 0 : is_ours >> pop & below | (ours ? bit_in : 0);
        met_by <= rst ? 0 : met_by >> pop & below | (meets ? bit_in : 0);
        before <= rst ? 0 : write ? below | bit_in : before >> pop & below;
        was_before <= !rst && pop && (write || before[0]);
        said0 <= bit_in[0] ? says : pop ? said1 : said0;
        said1 <= bit_in[1] ? says : pop ? said2 : said1;
        said2 <= bit_in[2] ? says : pop ? said3 : said2;
        said3 <= bit_in[3] ? says : said3;
    end
    wire [2:0] newest = n - 1;
    wire [17:0] said_newest = n == 1 ? said0 : n == 2 ? said1 : n == 3 ? said2 : said3;
    always @* if (fresh && is_ours[newest] && !met_by[newest]) assume (read == said_newest);

    // Is this right of the message that was told `said`?
    function right(input mine, input met_one, input [17:0] said, input [17:0] told);
        right = !mine || (met_one ? !told[0] : told == said);
    endfunction
    wire [71:0] memory = {m3, m2, m1, m0};
    wire [143:0] both = {memory, memory} >> 18 * first;
    wire [1:0] used = last - first;
    always @(posedge clk) if (started && !rst) begin
        if (n != 0) assert (right(is_ours[0], met_by[0], said0, head));
        // It comes late only if the message was accepted in the cycle before and is the only one; else it is known.
        if (n != 0) assert (comes_late == (fresh && n == 1) && (comes_late || known == head));
        if (settled) assert (before == 0);
        // It is so a cycle after they have gone.
        assert (settled == (before == 0 && !was_before));
        // What makes it inductive.
        assert (n <= 4 && count == n + popped && (popped || !was_before) && waiting + fresh == n && (waiting & 3) == used && full == (waiting == 4));
        assert (!popped || was_before || before == 0);
        assert (old <= n + was_before && old >= was_before && before == (4'b1 << (old - was_before)) - 4'b1);
        if (fresh) assert (met == met_by[newest] || !is_ours[newest]);
        if (waiting > 0) assert (right(is_ours[0], met_by[0], said0, both[17:0]));
        if (waiting > 1) assert (right(is_ours[1], met_by[1], said1, both[35:18]));
        if (waiting > 2) assert (right(is_ours[2], met_by[2], said2, both[53:36]));
        if (waiting > 3) assert (right(is_ours[3], met_by[3], said3, both[71:54]));
    end
endmodule

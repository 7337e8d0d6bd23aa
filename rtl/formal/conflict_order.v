// Invariant 6 of the line protocol, its order (rule R5): a BIConflictAck leaves on NDR behind every answer that was decided
// before it, and behind every completion of a write that memory had answered by then. That there is exactly one: `answers`.
//
// Real: the responder. Free: all its inputs, the contents of its queues. The watched acknowledgement is any one.
// The skid buffer behind the queues keeps the order (proof `skid`), the queues too (proof `ram_fifo`).
module conflict_order (input clk, input rst, input watch);
    wire decided_push, decided_pop, written_push, written_pop;
    wire [15:0] decided, written;
    tideline_responder responder (
        .clk(clk), .rst(rst), .\decided.push (decided_push), .\decided.pop (decided_pop), .\decided.count (decided),
        .\written.push (written_push), .\written.pop (written_pop), .\written.count (written)
    );
    reg started = 1'b0;
    always @(posedge clk) started <= 1'b1;
    always @* if (!started) assume (rst);

    // The watched answer: how many of each queue are before it.
    reg watched = 1'b0;
    reg [15:0] decided_before = 0, written_before = 0;
    wire begins = watch && !watched && decided_push;
    always @(posedge clk) begin
        if (rst) watched <= 1'b0;
        else if (begins) begin
            watched <= 1'b1;
            decided_before <= decided - decided_pop;
            written_before <= written + written_push - written_pop;
        end else if (watched) begin
            if (decided_pop && decided_before == 0) watched <= 1'b0;
            decided_before <= decided_before - (decided_pop && decided_before != 0);
            written_before <= written_before - (written_pop && written_before != 0);
        end
    end
    always @(posedge clk) if (started && !rst) begin
        assert (!(decided_pop && written_pop));
        if (watched) assert (written_before <= written && decided_before < decided);
        // It leaves: nobody is before it.
        if (watched && decided_pop && decided_before == 0) assert (written_before == 0);
    end
endmodule

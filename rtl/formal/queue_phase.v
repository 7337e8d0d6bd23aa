// Command queues: the phase bit of a completion tells the driver which entries are new. The place of the n-th completion is
// n modulo the size, its phase bit inverts with every round, a command is read only with a place kept for its
// completion, so a completion never overwrites one that the driver has not taken.
//
// Real: the command executor. Free: commands and all that it talks to. Assumed: as docs/contract.md asks of the driver,
// sizes stand still while the device is enabled, at least 2 entries, and CQ_HEAD moves only over completions that were
// written. Shown for completion queues of 4 and 8 entries.
module queue_phase (input clk, input rst, input enable, input [31:0] queue_size, input [15:0] cq_head, input flr);
    wire [511:0] completion;
    wire [15:0] tail;
    wire [3:0] reserved;
    wire [2:0] state, run, fence;
    wire abort_parked, nack_parked, flr_pending;
    wire phase, completing, ends, busy, restart;
    wire [7:0] judged;
    tideline_command_executor executor (
        .clk(clk), .rst(rst), .enable(enable), .queue_size(queue_size), .cq_head(cq_head), .flr(flr),
        .completion(completion), .reset_done(ends), .completed(completing),
        .\tail_q (tail), .\phase_q (phase), .\reserved_q (reserved), .\restart_q (restart), .\state_q (state), .\judged_q (judged), .\is_busy (busy), .\run_q (run), .\fence_q (fence),
        .\abort_parked_q (abort_parked), .\nack_parked_q (nack_parked), .\flr_pending_q (flr_pending)
    );
    reg started = 1'b0;
    always @(posedge clk) started <= 1'b1;
    always @* if (!started) assume (rst); else assume (!rst);
    (* anyconst *) reg large;
    wire [3:0] size = large ? 8 : 4;
    always @* begin
        assume (enable && !flr && !ends);
        assume (queue_size[11:8] == (large ? 3 : 2) && queue_size[3:0] == 4);
    end
    // The driver: how many completions were written, how many it has taken.
    reg [7:0] written = 0, taken = 0;
    reg [15:0] last_head = 0;
    wire [15:0] moved = (cq_head - last_head) & (size - 1);
    always @(posedge clk) begin
        last_head <= rst ? 0 : cq_head;
        written <= rst ? 0 : written + completing;
        taken <= rst ? 0 : taken + moved;
    end
    wire [7:0] unread = written - taken;
    always @* if (started) assume (cq_head < size && moved <= unread);
    always @* if (!started) assume (cq_head == 0);
    always @(posedge clk) if (started) begin
        assert (tail == (written & (size - 1)) && phase == (large ? written[3] : written[2]));
        assert (completion[504] == !phase);
        assert (last_head == (taken & (size - 1)));
        // Written and not taken, and kept for commands that were read.
        assert (unread + reserved <= size - 1);
        // A place is kept for each parked command and for the one that is read, checked or completed.
        assert (reserved == (run != 0) + (fence != 0) + abort_parked + nack_parked + (state >= 1 && state <= 5));
        // A command that was judged right is not one that must wait for another.
        assert (state != 3 || judged != 0 || !busy);
        assert (state <= 5 && run <= 6 && fence <= 4 && !flr_pending && !restart);
    end
endmodule

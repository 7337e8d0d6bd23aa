// The FIFO in block memory promises what the FIFO does (fifo.v). Depth 4, entries of 4 bits: pointers and flags scale.
module ram_fifo (input clk, input rst, input in_valid, input [3:0] in_data, input out_ready);
    wire in_ready, out_valid, full, any, met;
    wire [3:0] out_data, last, read_data;
    wire [15:0] count;
    wire [1:0] read, write;
    wire [3:0] e0, e1, e2, e3;
    tideline_ram_fifo fifo (
        .clk(clk), .rst(rst), .in_valid(in_valid), .in_ready(in_ready), .in_data(in_data),
        .out_valid(out_valid), .out_ready(out_ready), .out_data(out_data), .count(count),
        .\read_q (read), .\write_q (write), .\full_q (full), .\any_q (any), .\met_q (met), .\last_q (last),
        .\entries.read_data (read_data),
        .\entries.memory[0] (e0), .\entries.memory[1] (e1), .\entries.memory[2] (e2), .\entries.memory[3] (e3)
    );
    reg started = 1'b0;
    always @(posedge clk) started <= 1'b1;
    always @* if (!started) assume (rst);

    // The specification: a queue as a shift register, oldest entry lowest.
    reg [15:0] queue = 0;
    reg [2:0] entries = 0;
    wire push = in_valid && entries != 4;
    wire pop = out_ready && entries != 0;
    wire [15:0] popped = pop ? queue >> 4 : queue;
    wire [2:0] left = pop ? entries - 1 : entries;
    // Where the memory is written and read in one cycle it returns anything.
    reg collided = 1'b0;
    always @(posedge clk) begin
        if (rst) begin
            queue <= 0;
            entries <= 0;
        end else begin
            queue <= push ? popped & ~(16'hf << 4 * left) | {12'd0, in_data} << 4 * left : popped;
            entries <= left + push;
        end
        collided <= push && write == read + pop;
    end

    wire [15:0] memory = {e3, e2, e1, e0};
    wire [31:0] turned = {memory, memory} >> 4 * read;
    wire [15:0] mask = 16'hffff >> 4 * (4 - entries);
    stable #(4) head (clk, rst, out_valid, out_ready, out_data);
    always @(posedge clk) if (started && !rst) begin
        assert (in_ready == (entries != 4) && out_valid == (entries != 0) && count == entries);
        if (out_valid) assert (out_data == queue[3:0]);
        // What makes it inductive; and nothing relies on what the memory returns of a collision.
        assert (entries <= 4 && full == (entries == 4) && any == (entries != 0) && write == read + entries[1:0]);
        assert ((turned[15:0] & mask) == (queue & mask));
        if (entries != 0) begin
            assert (met == collided);
            assert (met ? last == queue[3:0] : read_data == queue[3:0]);
        end
    end
endmodule

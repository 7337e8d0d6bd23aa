// Skid buffer, 577 bits wide: what comes out is what went in, in order, nothing lost, nothing twice; the output is stable.
module skid (input clk, input rst, input in_valid, input [576:0] in_data, input out_ready);
    wire in_ready, out_valid, spare_valid;
    wire [576:0] out_data, spare_data;
    tideline_skid skid (
        .clk(clk), .rst(rst), .in_valid(in_valid), .in_ready(in_ready), .in_data(in_data),
        .out_valid(out_valid), .out_ready(out_ready), .out_data(out_data),
        .\spare_valid_q (spare_valid), .\spare_data_q (spare_data)
    );
    reg started = 1'b0;
    always @(posedge clk) started <= 1'b1;
    always @* if (!started) assume (rst);

    // The specification: a queue of two.
    reg [576:0] first, second;
    reg [1:0] entries = 0;
    wire pop = entries != 0 && out_ready;
    wire push = in_valid && entries != 2;
    always @(posedge clk) begin
        entries <= rst ? 0 : entries + push - pop;
        first <= entries == 0 || entries == 1 && pop ? in_data : pop ? second : first;
        second <= in_data;
        if (entries == 2 || entries == 1 && pop) second <= second;
    end
    stable #(577) down (clk, rst, out_valid, out_ready, out_data);
    always @(posedge clk) if (started && !rst) begin
        assert (in_ready == (entries != 2) && out_valid == (entries != 0));
        if (out_valid) assert (out_data == first);
        assert (spare_valid == (entries == 2) && entries <= 2);
        if (spare_valid) assert (spare_data == second);
    end
endmodule

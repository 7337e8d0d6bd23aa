// One valid/ready stream: once offered, a payload stays, unchanged, until it is taken.
module stable #(parameter W = 1) (input clk, input rst, input valid, input ready, input [W-1:0] payload);
    reg started = 1'b0;
    reg offered = 1'b0;
    reg [W-1:0] last;
    always @(posedge clk) begin
        started <= 1'b1;
        offered <= !rst && valid && !ready;
        last <= payload;
        if (started && !rst && offered) assert (valid && payload == last);
    end
endmodule

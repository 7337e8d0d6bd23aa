// Round robin over 16: at most one grant, only to a request, one whenever there is a request; and a request that stays up
// is served after at most 15 others.
module round_robin (input clk, input rst, input [15:0] request, input advance);
    wire [15:0] grant, later;
    wire any;
    tideline_round_robin arbiter (
        .clk(clk), .rst(rst), .request(request), .advance(advance), .grant(grant), .any(any), .\later_q (later)
    );
    reg started = 1'b0;
    always @(posedge clk) started <= 1'b1;
    always @* if (!started) assume (rst);

    (* anyconst *) reg [3:0] watched;
    // How many others were served while the watched request was up.
    reg [4:0] passed = 0;
    always @(posedge clk)
        passed <= rst || !request[watched] || grant[watched] ? 0 : passed + (advance && any);

    // The line starts at the request behind the last one served: where the ones of `later` begin.
    integer i;
    reg [3:0] first;
    always @* begin
        first = 0;
        for (i = 15; i >= 1; i = i - 1) if (later[i]) first = i;
    end
    wire [15:0] lowest = later & (~later + 16'd1);
    wire [3:0] ahead = watched - first;
    always @(posedge clk) if (started && !rst) begin
        assert ((grant & (grant - 16'd1)) == 0 && (grant & ~request) == 0);
        assert (any == |request && any == |grant);
        assert (passed <= 15);
        assert (later == 0 || later == ~(lowest - 16'd1));
        assert (!later[0] && passed + ahead <= 15);
    end
endmodule

// Invariant 4 of the line protocol, for BIRsp: `m2s_birsp_ready` never falls, in no state of the device; and two cycles
// later the response has closed its lines under its tag or is reported as wrong. It waits for nothing: no slot, no queue. And
// it knows what the one before it left, also under the same tag.
//
// Real: the recall engine and its wiring to the channel. Free: every input of the device, all other blocks, the contents of
// the recall engine's queues and memories. Assumed: the lines that are open under a tag are lines of its snoop, and
// the snoop is called a block if there is more than one.
module birsp_moves (input clk, input rst, input birsp_valid, input [3:0] birsp_opcode, input [15:0] birsp_tag, input [1:0] birsp_low);
    wire birsp_ready, bad, writes, filling;
    wire [7:0] write_tag;
    wire [4:0] write_data, answer;
    wire [3:0] asked;
    wire [`TAG_BITS-1:0] snoop;
    tideline_core device (
        .clk(clk), .rst(rst), .m2s_birsp_valid(birsp_valid), .m2s_birsp_ready(birsp_ready), .m2s_birsp_opcode(birsp_opcode),
        .m2s_birsp_tag(birsp_tag), .m2s_birsp_low(birsp_low), .\recall.bad_response (bad), .\recall.filling (filling),
        .\recall.answers.write_enable (writes), .\recall.answers.write_address (write_tag), .\recall.answers.write_data (write_data),
        .\recall.answer_q (answer), .\recall.asked_lines_q (asked), .\recall.entry_q (snoop)
    );
    reg started = 1'b0, came = 1'b0, came_then = 1'b0, wrote = 1'b0;
    reg [3:0] opcode, opcode_then;
    reg [15:0] tag, tag_then;
    reg [1:0] low, low_then;
    reg [7:0] wrote_tag;
    reg [4:0] wrote_data;
    always @(posedge clk) begin
        started <= 1'b1;
        came_then <= !rst && birsp_valid;
        opcode_then <= birsp_opcode;
        tag_then <= birsp_tag;
        low_then <= birsp_low;
        came <= !rst && came_then;
        opcode <= opcode_then;
        tag <= tag_then;
        low <= low_then;
        wrote <= !rst && writes && !filling;
        wrote_tag <= write_tag;
        wrote_data <= write_data;
    end
    always @* if (!started) assume (rst);
    // The lines under the tag that are still to be answered, and those that are answered now.
    wire [3:0] open = asked ^ answer[3:0];
    wire [3:0] closed = write_data[3:0] ^ answer[3:0];
    wire [3:0] lines = snoop[`TAG_LINES];
    always @* assume ((open & ~lines) == 0 && snoop[`TAG_BLOCK] == ((lines & (lines - 4'd1)) != 0));
    always @(posedge clk) if (started && !rst) begin
        assert (birsp_ready);
        if (came && !filling) begin
            assert (bad || writes);
            if (writes) assert (write_tag == tag && tag[15:8] == 0 && closed != 0 && (closed & ~open) == 0);
            if (writes && opcode[2]) assert (closed == lines);
            if (opcode == 0 && tag[15:8] == 0 && open[low]) assert (closed[low] && writes && !bad);
        end
        if (came && wrote && wrote_tag == tag[7:0]) assert (answer == wrote_data);
        if (!came && !filling) assert (!bad && !writes);
    end
endmodule

// The decision of a slot, `resolve`: one answer per message (invariant 14), and no dirty bit leaves without a record or a
// command that says so (invariant 3, the part of the decision). Combinational; every descriptor and every slot is free.
module decision (
    input [157:0] slot, input grant_exclusive, input [37:0] control,
    input [63:0] dirty, input [63:0] owned, input [63:0] accessed
);
    wire [109:0] result;
    wire [63:0] dirty_next, lanes, owned_next;
    tideline_resolve resolve (
        .slot(slot), .grant_exclusive(grant_exclusive), .control(control), .dirty(dirty), .owned(owned),
        .accessed(accessed), .result(result), .dirty_next(dirty_next), .owned_next(owned_next), .lanes(lanes)
    );
    // SlotBits and ResultBits of rtl/src/blocks/types.rs.
    wire [3:0] kind = slot[3:0];
    wire [5:0] line = slot[25:20];
    wire [3:0] opcode = slot[31:28];
    wire decodes = slot[26];
    wire has_ndr = result[0];
    wire [1:0] data = result[5:4];
    wire writes_memory = result[6];
    wire [1:0] status = result[34:33];
    wire [63:0] mask = result[98:35];
    wire is_read = opcode == 1 || opcode == 2;
    wire [63:0] one = 64'd1 << line;
    wire track = control[3];
    wire [63:0] stored = dirty & ~lanes | dirty_next & lanes;
    wire [63:0] lost = dirty & ~stored;
    always @* begin
        // Requests, writes and BIConflict are answered on NDR, snoop responses and page slots are not.
        assert (has_ndr == (kind == 0 || kind == 1 || kind == 2));
        // Reads, and nothing else, are answered with data.
        assert ((data != 0) == (kind == 0 && is_read));
        assert (!writes_memory || kind == 1);
        // Line slots touch one line.
        if (kind < 4) assert ((lanes & ~one) == 0);
        // A write of a tracked page sets the bit of its line.
        if (kind == 1 && writes_memory && track) assert ((stored & one) != 0);
        // Host messages and merges clear no dirty bit.
        if (kind < 8 || kind == 14) assert (lost == 0);
        // A harvest clears only what its record holds, in a slot that ended well; a recall clears nothing.
        if (kind == 13) assert ((lost & ~mask) == 0 && (lost == 0 || status == 0));
        if (kind == 12) assert (lost == 0);
        // A page slot that did not end well changes nothing.
        if (kind >= 8 && status != 0) assert (lanes == 0);
        // The mask of a merge is dirty afterwards, unless the page is gone or it was a result about accessed lines.
        if (kind == 14 && track && !slot[57] && control[2:0] == 1) assert ((slot[157:94] & ~stored) == 0);
    end
endmodule

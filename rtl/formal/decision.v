// The decision of a slot, `resolve` and `row_update`: one answer per message (invariant 14); no dirty bit leaves without a record or a command
// that says so (invariant 3); a grant of write permission is remembered (invariant 1); and what a slot changes is
// called a change, else the cache would drop the descriptor instead of writing it back. Of a plain page every line counts as
// owned. Combinational; every descriptor and every slot is free, but for three things that hold of all that there are: a
// plain page is local, not tracked, and its owned mask is empty (shown here of what a slot leaves behind); a page that is plain
// was so when its recall began, so all its lines were recalled; and no line slot comes from a recall.
module decision (
    input [`SLOT_BITS-1:0] slot, input grant_exclusive, input [37:0] control, input [2:0] lane,
    input [63:0] dirty, input [63:0] owned, input [63:0] accessed, input cached_then
);
    wire [`RESULT_BITS-1:0] result;
    wire [37:0] control_next;
    wire [63:0] dirty_next, owned_next, accessed_next;
    wire [2:0] lane_next;
    wire changes, active, page_done;
    wire [`VERDICT_BITS-1:0] verdict;
    wire [63:0] may_own_now;
    // Of a line slot, CACHED may be another since the verdict.
    wire [37:0] control_then = {control[37:8], slot[`SLOT_KIND] < 8 ? cached_then : control[7], control[6:0]};
    wire [63:0] kept = slot[`SLOT_RECALLED] ? ~slot[`SLOT_MASK] : ~64'b0;
    tideline_resolve resolve (
        .slot(slot), .kept(kept), .given(|slot[`SLOT_MASK]), .grant_exclusive(grant_exclusive), .control(control_then), .dirty(dirty), .owned(owned), .accessed(accessed),
        .verdict(verdict), .may_own(may_own_now)
    );
    tideline_row_update row_update (
        .verdict(verdict), .control(control), .lane(lane), .given(slot[`SLOT_MASK]), .dirty(dirty), .may_own(may_own_now),
        .accessed(accessed), .result(result), .control_next(control_next), .dirty_next(dirty_next), .owned_next(owned_next),
        .accessed_next(accessed_next), .lane_next(lane_next), .changes(changes), .active(active), .page_done(page_done)
    );
    wire [3:0] kind = slot[`SLOT_KIND];
    wire [3:0] opcode = slot[`SLOT_OPCODE];
    wire [7:0] flags = slot[`SLOT_FLAGS];
    wire [63:0] given = slot[`SLOT_MASK];
    wire decodes = slot[`SLOT_DECODES];
    wire has_ndr = result[`RESULT_HAS_NDR];
    wire [2:0] ndr = result[`RESULT_NDR];
    wire [1:0] data = result[`RESULT_DATA];
    wire writes_memory = result[`RESULT_WRITES_MEMORY];
    wire newly_dirty = result[`RESULT_NEWLY_DIRTY];
    wire [9:0] errors = result[`RESULT_ERRORS];
    wire [1:0] status = result[`RESULT_STATUS];
    wire [63:0] mask = result[`RESULT_MASK];
    wire is_line = kind < 8;
    wire is_local = control[2:0] == 1;
    wire track = control[3];
    wire plain = control[11];
    wire plain_next = control_next[11];
    wire [63:0] may_own = owned | {64{plain}};
    wire [63:0] may_own_next = owned_next | {64{plain_next}};
    wire recalls_all = kind == 9 || kind == 12 && flags[0];
    always @* begin
        assume (!plain || is_local && !track && owned == 0);
        assume (!is_line || !slot[`SLOT_RECALLED]);
        if (plain && recalls_all && slot[`SLOT_RECALLED]) assume (&given);
    end
    wire [63:0] lost = dirty & ~dirty_next;
    wire [63:0] page_after = dirty_next | owned_next | accessed_next;
    always @* begin
        // Requests, writes and BIConflict are answered on NDR, page slots are not.
        assert (has_ndr == (kind == 0 || kind == 1 || kind == 2));
        // Reads, and nothing else, are answered with data.
        assert ((data != 0) == (kind == 0 && (opcode == 1 || opcode == 2)));
        assert (!writes_memory || kind == 1);
        // A write of a tracked page sets the bit of its line, and says when it is the first.
        if (kind == 1 && writes_memory && track) assert (lane_next[0] && newly_dirty == !lane[0]);
        if (newly_dirty) assert (lane_next[0] && !lane[0]);
        // Host messages clear no dirty bit; a granted line is owned, also of a write that keeps it.
        if (is_line) assert (!lane[0] || lane_next[0]);
        if (kind == 0 && ndr == 2) assert ((lane_next[1] || plain_next) && is_local && decodes);
        if (kind == 1 && writes_memory && slot[`SLOT_META_FIELD] == 0 && slot[`SLOT_META_VALUE] == 2)
            assert (lane_next[1] || plain_next);
        // The owned mask of a plain page says nothing, and no message changes it.
        if (is_line && plain) assert (lane_next[1] == lane[1]);
        assert (ndr != 3);
        // A harvest clears only what its record holds, in a slot that ended well; a recall and a merge clear nothing.
        if (kind == 13) assert ((lost & ~mask) == 0 && ((accessed & ~accessed_next) & ~mask) == 0);
        if (kind == 12 || kind == 14) assert (lost == 0);
        // A page slot that did not end well clears nothing but the ownership of the lines that were recalled for it.
        if (!is_line && status != 0) assert (lost == 0 && accessed_next == accessed && control_next == control);
        if (kind == 10 || kind >= 12)
            assert ((may_own & ~may_own_next & ~given) == 0 && (slot[`SLOT_RECALLED] || may_own_next == may_own));
        // A page slot that does end well leaves no owned line where the lines were to be recalled.
        if ((kind == 10 || kind == 12 && !flags[0] || kind == 13 && flags[0] && is_local && !plain) && status == 0)
            assert (may_own_next == 0);
        if (kind == 1 && plain) assert (!errors[4]);
        // A page becomes plain by MAP only, and is so until a page slot has recalled it: never by a message, never half.
        assert (!plain_next || control_next[2:0] == 1 && !control_next[3] && (is_line || owned_next == 0));
        assert (plain_next == plain || kind == 8 && status == 0 && plain_next == flags[3]
            || (kind == 9 || kind == 10 || kind == 12) && status == 0 && slot[`SLOT_RECALLED] && !plain_next);
        if ((kind == 9 || kind == 10 || kind == 12) && status == 0 && (is_local || kind != 9)) assert (!plain_next);
        // What the host holds of it then is not known.
        if (plain && !plain_next && kind != 9 && !(kind == 12 && flags[0])) assert (control_next[7]);
        // The mask of a merge is dirty afterwards, unless the page is gone or it was a result about accessed lines.
        if (kind == 14 && track && !flags[2] && is_local) assert ((given & ~dirty_next) == 0);
        // What changes is called a change.
        if (is_line && decodes) assert (changes || (lane_next == lane && control_next == control));
        if (!is_line)
            assert (changes || (dirty_next == dirty && owned_next == owned && accessed_next == accessed && control_next == control));
        // Nothing else is, but a merge: page slots leave a descriptor alone that could not be read.
        if (is_line && decodes) assert (!changes || !(lane_next == lane && control_next == control));
        if (!is_line && kind != 14)
            assert (!changes || !(dirty_next == dirty && owned_next == owned && accessed_next == accessed && control_next == control));
        // A fill goes the way of a BIConflict: what it displaces leaves as it is.
        if (kind == 2)
            assert (dirty_next == dirty && owned_next == owned && accessed_next == accessed && control_next == control);
        // What the summary hears.
        if (is_line && decodes) assert (active == (lane_next != 0));
        if (!is_line) assert (active == (page_after != 0) && page_done == (status == 0));
    end
endmodule

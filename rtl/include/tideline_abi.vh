// Generated from crates/abi by `cargo xtask generate`. Do not edit.
// SPDX-License-Identifier: MIT OR Apache-2.0
`ifndef TIDELINE_ABI_VH
`define TIDELINE_ABI_VH

// Byte offsets in BAR0
`define TIDELINE_REG_ID               12'h000 // Identity of the device: "TDLN".
`define TIDELINE_REG_VERSION          12'h004 // Version of this register map and command set.
`define TIDELINE_REG_PARAM0           12'h008 // Sizes of this build.
`define TIDELINE_REG_PARAM1           12'h00c // More sizes of this build.
`define TIDELINE_REG_CAP_HEAD         12'h010 // Offset of the first capability.
`define TIDELINE_REG_ATTACH           12'h014 // How the device is attached to its host; never changes.
`define TIDELINE_REG_CAP_TRACK        12'h020 // Capability: line tracking (TRACK, HARVEST). A device on AXI4 has no recall behind it.
`define TIDELINE_REG_CAP_RECALL       12'h024 // Capability: recall by back-invalidate.
`define TIDELINE_REG_CAP_LOG          12'h028 // Capability: the dirty-line log.
`define TIDELINE_REG_CTRL             12'h040 // Control.
`define TIDELINE_REG_RESET            12'h044 // Commands without a queue.
`define TIDELINE_REG_STATUS           12'h048 // Status.
`define TIDELINE_REG_GENERATION       12'h04c // Generation: one higher after each reset, abort or recall timeout.
`define TIDELINE_REG_WINDOW_BASE_LO   12'h050 // Base of the window in host physical addresses, low half.
`define TIDELINE_REG_WINDOW_BASE_HI   12'h054 // Base of the window in host physical addresses, high half.
`define TIDELINE_REG_WINDOW_SIZE      12'h058 // Size of the window.
`define TIDELINE_REG_FRAMES           12'h05c // Frames of device memory.
`define TIDELINE_REG_SPOOL_BASE       12'h060 // Base of the harvest spool in device memory.
`define TIDELINE_REG_RECALL_TIMEOUT   12'h064 // Recall timeout.
`define TIDELINE_REG_DESCRIPTOR_BASE  12'h068 // Base of the page descriptors in device memory.
`define TIDELINE_REG_TABLE_INIT       12'h06c // Prepares the tables in device memory for a window of WINDOW_SIZE pages; until STATUS.tables is set nothing decodes. Once after power-on: later writes are ignored, maps outlive them.
`define TIDELINE_REG_ERROR            12'h070 // Sticky errors; each also raises the error interrupt.
`define TIDELINE_REG_INTR_STATE       12'h080 // Interrupt state.
`define TIDELINE_REG_INTR_ENABLE      12'h084 // Interrupt enable: vector n is raised while state and enable are set.
`define TIDELINE_REG_INTR_TEST        12'h088 // Interrupt test: sets state bits.
`define TIDELINE_REG_SQ_BASE_LO       12'h100 // Submission queue base, low half.
`define TIDELINE_REG_SQ_BASE_HI       12'h104 // Submission queue base, high half.
`define TIDELINE_REG_CQ_BASE_LO       12'h108 // Completion queue base, low half.
`define TIDELINE_REG_CQ_BASE_HI       12'h10c // Completion queue base, high half.
`define TIDELINE_REG_QUEUE_SIZE       12'h110 // Queue sizes.
`define TIDELINE_REG_SQ_TAIL          12'h114 // Submission queue doorbell.
`define TIDELINE_REG_CQ_HEAD          12'h118 // Completion queue doorbell.
`define TIDELINE_REG_SQ_HEAD          12'h11c // Submission queue head.
`define TIDELINE_REG_LOG_BASE_LO      12'h120 // Log ring base, low half.
`define TIDELINE_REG_LOG_BASE_HI      12'h124 // Log ring base, high half.
`define TIDELINE_REG_LOG_SIZE         12'h128 // Log ring size.
`define TIDELINE_REG_LOG_CONTROL      12'h12c // Log control.
`define TIDELINE_REG_LOG_HEAD         12'h130 // Log doorbell.
`define TIDELINE_REG_LOG_TAIL         12'h134 // Log tail.
`define TIDELINE_REG_LOG_WATERMARK    12'h138 // Log interrupt watermark.
`define TIDELINE_REG_LOG_TIMER        12'h13c // Log timer.
`define TIDELINE_REG_LOG_STATUS       12'h140 // Log status, sticky.
`define TIDELINE_REG_LOG_DROPPED      12'h144 // Log records dropped since the log was enabled.
`define TIDELINE_REG_COUNT_REQ        12'h200 // Counter: requests accepted.
`define TIDELINE_REG_COUNT_RWD        12'h204 // Counter: requests with data accepted.
`define TIDELINE_REG_COUNT_BISNP      12'h208 // Counter: back-invalidate snoops sent.
`define TIDELINE_REG_COUNT_BIRSP      12'h20c // Counter: snoop responses taken.
`define TIDELINE_REG_COUNT_DEFERRED   12'h210 // Counter: requests deferred because their page was being recalled.
`define TIDELINE_REG_COUNT_RECORDS    12'h214 // Counter: harvest records made.
`define TIDELINE_REG_PEAK_BISNP       12'h218 // Most back-invalidate snoops that were outstanding at once.
`define TIDELINE_REG_CYCLES           12'h21c // Cycles since power-on.

// Opcodes of M2S Req: requests without data, host to device.
`define TIDELINE_M2S_REQ_MEM_INV          4'h0 // Change of the host's state without data.
`define TIDELINE_M2S_REQ_MEM_RD           4'h1 // Read.
`define TIDELINE_M2S_REQ_MEM_RD_DATA      4'h2 // Read that leaves the state to the device: the host takes S (or E where granted).
`define TIDELINE_M2S_REQ_MEM_RD_FWD       4'h3 // Forwarding read: illegal for this device.
`define TIDELINE_M2S_REQ_MEM_WR_FWD       4'h4 // Forwarding write: illegal for this device.
`define TIDELINE_M2S_REQ_MEM_SPEC_RD      4'h8 // Speculative read: dropped.
`define TIDELINE_M2S_REQ_MEM_INV_NT       4'h9 // As MemInv, non-temporal hint.
`define TIDELINE_M2S_REQ_MEM_CLN_EVCT     4'ha // The host evicted a clean line.

// Opcodes of M2S RwD: requests with data, host to device.
`define TIDELINE_M2S_RWD_MEM_WR           4'h1 // Write of a full line.
`define TIDELINE_M2S_RWD_MEM_WR_PTL       4'h2 // Write of the bytes enabled.
`define TIDELINE_M2S_RWD_BI_CONFLICT      4'h4 // The host has a request of its own outstanding for a line being snooped.

// Opcodes of S2M NDR: responses without data, device to host.
`define TIDELINE_S2M_NDR_CMP              3'h0 // Completion without a state.
`define TIDELINE_S2M_NDR_CMP_S            3'h1 // Completion granting shared.
`define TIDELINE_S2M_NDR_CMP_E            3'h2 // Completion granting exclusive.
`define TIDELINE_S2M_NDR_CMP_M            3'h3 // Completion granting modified: never sent by this device.
`define TIDELINE_S2M_NDR_BI_CONFLICT_ACK  3'h4 // Answer to BIConflict.

// Opcodes of S2M DRS: data, device to host.
`define TIDELINE_S2M_DRS_MEM_DATA         3'h0 // Data of a line.
`define TIDELINE_S2M_DRS_MEM_DATA_NXM     3'h1 // The address does not decode: all ones.

// Opcodes of S2M BISnp: back-invalidate snoops, device to host.
`define TIDELINE_S2M_BISNP_BI_SNP_CUR     4'h0 // Current value; changes nothing (never sent by this device).
`define TIDELINE_S2M_BISNP_BI_SNP_DATA    4'h1 // Give up write permission: ends in I or S.
`define TIDELINE_S2M_BISNP_BI_SNP_INV     4'h2 // Give up the line: ends in I.
`define TIDELINE_S2M_BISNP_BI_SNP_CUR_BLK 4'h4 // As BISnpCur, for a block (never sent by this device).
`define TIDELINE_S2M_BISNP_BI_SNP_DATA_BLK 4'h5 // As BISnpData, for a block.
`define TIDELINE_S2M_BISNP_BI_SNP_INV_BLK 4'h6 // As BISnpInv, for a block.

// Opcodes of M2S BIRsp: answers to back-invalidate snoops, host to device.
`define TIDELINE_M2S_BIRSP_BI_RSP_I       4'h0 // The host has no copy.
`define TIDELINE_M2S_BIRSP_BI_RSP_S       4'h1 // The host has a shared copy.
`define TIDELINE_M2S_BIRSP_BI_RSP_E       4'h2 // The host kept an exclusive copy: wrong for the snoops this device sends.
`define TIDELINE_M2S_BIRSP_BI_RSP_I_BLK   4'h4 // As BIRspI, for every line of a block snoop.
`define TIDELINE_M2S_BIRSP_BI_RSP_S_BLK   4'h5 // As BIRspS, for every line of a block snoop.
`define TIDELINE_M2S_BIRSP_BI_RSP_E_BLK   4'h6 // As BIRspE, for every line of a block snoop.

// Meta field: whether the meta value says anything.
`define TIDELINE_META_FIELD_META0_STATE   2'h0 // The meta value is the host's state after the request.
`define TIDELINE_META_FIELD_NO_OP         2'h3 // The request says nothing of the host's state.

// Meta value: the state that the host keeps or asks for.
`define TIDELINE_META_VALUE_INVALID       2'h0 // No copy.
`define TIDELINE_META_VALUE_ANY           2'h2 // Exclusive or modified.
`define TIDELINE_META_VALUE_SHARED        2'h3 // Shared.

// Snoop type of a request.
`define TIDELINE_SNP_TYPE_NO_OP           3'h0 // No snoop.
`define TIDELINE_SNP_TYPE_SNP_DATA        3'h1 // The host wants at least a shared copy.
`define TIDELINE_SNP_TYPE_SNP_CUR         3'h2 // The host wants the current value.
`define TIDELINE_SNP_TYPE_SNP_INV         3'h3 // The host wants to be the only one.

// How the host's loads and stores reach a device: the ATTACH register.
`define TIDELINE_ATTACH_CXL               2'h0 // CXL.mem with back-invalidate: the device can recall what the host holds.
`define TIDELINE_ATTACH_AXI               2'h1 // One AXI4 subordinate, reads and writes only: the driver flushes before it harvests.

// Command opcodes.
`define TIDELINE_OPCODE_IDENTIFY          8'h1 // Sizes of the device, in the completion.
`define TIDELINE_OPCODE_FENCE             8'h2 // Completes when every earlier command has completed and every earlier line access has reached memory.
`define TIDELINE_OPCODE_ABORT             8'h3 // Stops the running command with this identifier; its unreported lines stay dirty.
`define TIDELINE_OPCODE_MAP               8'h10 // Maps pages to consecutive frames.
`define TIDELINE_OPCODE_UNMAP             8'h11 // Unmaps pages.
`define TIDELINE_OPCODE_TRACK             8'h20 // Starts (flag SET) or stops tracking of pages.
`define TIDELINE_OPCODE_RECALL            8'h21 // Recalls the host's write permission (or, with INVALIDATE, every copy) of pages.
`define TIDELINE_OPCODE_HARVEST           8'h22 // Reads (and clears) the dirty or accessed lines of pages.
`define TIDELINE_OPCODE_HARVEST_ACK       8'h23 // The result arrived: its records are dropped from the spool.
`define TIDELINE_OPCODE_HARVEST_NACK      8'h24 // The result was lost: its records are merged back and will be reported again.

// Status of a completion.
`define TIDELINE_STATUS_SUCCESS           8'h0 // Done.
`define TIDELINE_STATUS_INVALID_OPCODE    8'h1 // Unknown opcode.
`define TIDELINE_STATUS_INVALID_FIELD     8'h2 // A field or flag that must be zero is not, or a field is out of its range.
`define TIDELINE_STATUS_OUT_OF_RANGE      8'h3 // The range is empty or leaves the window.
`define TIDELINE_STATUS_MISALIGNED        8'h4 // The buffer address is not 64-byte aligned; MAP plain: page, count or frame is not a multiple of a region.
`define TIDELINE_STATUS_WRONG_STATE       8'h5 // A page is in the wrong state for the command; the cursor names it.
`define TIDELINE_STATUS_BUSY              8'h6 // Another range command runs, or a harvest result waits for its acknowledgement.
`define TIDELINE_STATUS_BAD_SEQUENCE      8'h7 // No result with this sequence waits.
`define TIDELINE_STATUS_NOT_FOUND         8'h8 // ABORT: no running command has this identifier.
`define TIDELINE_STATUS_ABORTED           8'h9 // The command was stopped by ABORT; the cursor names the first page not done.
`define TIDELINE_STATUS_RECALL_TIMEOUT    8'ha // A recall was not answered in time; the error flag is set.
`define TIDELINE_STATUS_DMA_ERROR         8'hb // Host memory answered with an error; the records were merged back.
`define TIDELINE_STATUS_MEMORY_ERROR      8'hc // Device memory answered with an error; every tracked line counts as dirty.

// State of a page (control word, bits 2:0).
`define TIDELINE_PAGE_STATE_UNM           3'h0 // Not mapped: reads answer poison, writes are discarded, each with a sticky error.
`define TIDELINE_PAGE_STATE_LOC           3'h1 // Mapped to a frame of device memory.
`define TIDELINE_PAGE_STATE_POI           3'h2 // Poisoned: answers as an unmapped page does.
`define TIDELINE_PAGE_STATE_REM           3'h3 // Mapped to a remote page, no frame.
`define TIDELINE_PAGE_STATE_FET           3'h4 // Being fetched.
`define TIDELINE_PAGE_STATE_EVI           3'h5 // Being evicted.
`define TIDELINE_PAGE_STATE_SNK           3'h6 // Writes are discarded, without an error.

// What a slot does.
`define TIDELINE_SLOT_KIND_REQ            4'h0 // A host request without data (line).
`define TIDELINE_SLOT_KIND_WRITE          4'h1 // A host write (line).
`define TIDELINE_SLOT_KIND_CONFLICT       4'h2 // BIConflict: no descriptor is touched; keeps the order of the acknowledgement (line).
`define TIDELINE_SLOT_KIND_MAP            4'h8 // MAP: unmapped to local (page).
`define TIDELINE_SLOT_KIND_UNMAP          4'h9 // UNMAP: local or poisoned to unmapped (page).
`define TIDELINE_SLOT_KIND_TRACK_SET      4'ha // TRACK set: dirty and accessed cleared, track set (page).
`define TIDELINE_SLOT_KIND_TRACK_CLEAR    4'hb // TRACK clear: dirty and accessed cleared, track cleared (page).
`define TIDELINE_SLOT_KIND_RECALL         4'hc // RECALL: nothing but the guard (page).
`define TIDELINE_SLOT_KIND_HARVEST        4'hd // HARVEST: the mask goes to the spool; cleared if asked for (page).
`define TIDELINE_SLOT_KIND_MERGE          4'he // Merge of an unacknowledged record back into the dirty bits (page).

// How a page slot ended.
`define TIDELINE_SLOT_STATUS_DONE         2'h0 // Done.
`define TIDELINE_SLOT_STATUS_NEED_RECALL  2'h1 // Nothing changed: the lines of the mask must be recalled first.
`define TIDELINE_SLOT_STATUS_WRONG_STATE  2'h2 // Nothing changed: the page is in the wrong state for the command.

// Where the data of a read comes from.
`define TIDELINE_DATA_SOURCE_NONE         2'h0 // No data is sent.
`define TIDELINE_DATA_SOURCE_MEMORY       2'h1 // Device memory.
`define TIDELINE_DATA_SOURCE_POISON       2'h2 // All ones, poisoned.
`define TIDELINE_DATA_SOURCE_NXM          2'h3 // All ones, MemDataNxm.

`endif

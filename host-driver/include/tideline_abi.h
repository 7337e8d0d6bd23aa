/* Generated from crates/abi by `cargo xtask generate`. Do not edit. */
/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef TIDELINE_ABI_H
#define TIDELINE_ABI_H

/* Registers: byte offsets in BAR0, then shift and mask of each field */
#define TIDELINE_REG_ID                           0x000u /* Identity of the device: "TDLN". */
#define TIDELINE_ID_ID_SHIFT 0u
#define TIDELINE_ID_ID_MASK 0xffffffffu /* The letters TDLN, first letter lowest. */
#define TIDELINE_REG_VERSION                      0x004u /* Version of this register map and command set. */
#define TIDELINE_VERSION_PATCH_SHIFT 0u
#define TIDELINE_VERSION_PATCH_MASK 0x000000ffu /* Fixes. */
#define TIDELINE_VERSION_MINOR_SHIFT 8u
#define TIDELINE_VERSION_MINOR_MASK 0x0000ff00u /* Additions that older software may ignore. */
#define TIDELINE_VERSION_MAJOR_SHIFT 16u
#define TIDELINE_VERSION_MAJOR_MASK 0xffff0000u /* Changes that older software must refuse. */
#define TIDELINE_REG_PARAM0                       0x008u /* Sizes of this build. */
#define TIDELINE_PARAM0_PAGE_BITS_SHIFT 0u
#define TIDELINE_PARAM0_PAGE_BITS_MASK 0x000000ffu /* Pages of the window, as a power of two. */
#define TIDELINE_PARAM0_BI_TAGS_SHIFT 8u
#define TIDELINE_PARAM0_BI_TAGS_MASK 0x00ffff00u /* Back-invalidate snoops outstanding at most. */
#define TIDELINE_REG_PARAM1                       0x00cu /* More sizes of this build. */
#define TIDELINE_PARAM1_RECALL_CONTEXTS_SHIFT 0u
#define TIDELINE_PARAM1_RECALL_CONTEXTS_MASK 0x000000ffu /* Pages being recalled at most. */
#define TIDELINE_PARAM1_DEFERRED_ENTRIES_SHIFT 8u
#define TIDELINE_PARAM1_DEFERRED_ENTRIES_MASK 0x0000ff00u /* Requests to pages being recalled that can wait. */
#define TIDELINE_REG_CAP_HEAD                     0x010u /* Offset of the first capability. */
#define TIDELINE_CAP_HEAD_OFFSET_SHIFT 0u
#define TIDELINE_CAP_HEAD_OFFSET_MASK 0x00000fffu /* Byte offset in BAR0, 0 = none. */
#define TIDELINE_REG_ATTACH                       0x014u /* How the device is attached to its host; never changes. */
#define TIDELINE_ATTACH_KIND_SHIFT 0u
#define TIDELINE_ATTACH_KIND_MASK 0x00000003u /* 0 = CXL.mem with back-invalidate, 1 = AXI4, no recall. */
#define TIDELINE_REG_CAP_TRACK                    0x020u /* Capability: line tracking (TRACK, HARVEST). A device on AXI4 has no recall behind it. */
#define TIDELINE_CAP_TRACK_ID_SHIFT 0u
#define TIDELINE_CAP_TRACK_ID_MASK 0x000000ffu /* Capability identifier: 1 = track. */
#define TIDELINE_CAP_TRACK_VERSION_SHIFT 8u
#define TIDELINE_CAP_TRACK_VERSION_MASK 0x0000ff00u /* Version of the capability. */
#define TIDELINE_CAP_TRACK_NEXT_SHIFT 16u
#define TIDELINE_CAP_TRACK_NEXT_MASK 0x0fff0000u /* Byte offset of the next capability, 0 = none. */
#define TIDELINE_REG_CAP_RECALL                   0x024u /* Capability: recall by back-invalidate. */
#define TIDELINE_CAP_RECALL_ID_SHIFT 0u
#define TIDELINE_CAP_RECALL_ID_MASK 0x000000ffu /* Capability identifier: 2 = recall. */
#define TIDELINE_CAP_RECALL_VERSION_SHIFT 8u
#define TIDELINE_CAP_RECALL_VERSION_MASK 0x0000ff00u /* Version of the capability. */
#define TIDELINE_CAP_RECALL_NEXT_SHIFT 16u
#define TIDELINE_CAP_RECALL_NEXT_MASK 0x0fff0000u /* Byte offset of the next capability, 0 = none. */
#define TIDELINE_REG_CAP_LOG                      0x028u /* Capability: the dirty-line log. */
#define TIDELINE_CAP_LOG_ID_SHIFT 0u
#define TIDELINE_CAP_LOG_ID_MASK 0x000000ffu /* Capability identifier: 3 = log. */
#define TIDELINE_CAP_LOG_VERSION_SHIFT 8u
#define TIDELINE_CAP_LOG_VERSION_MASK 0x0000ff00u /* Version of the capability. */
#define TIDELINE_CAP_LOG_NEXT_SHIFT 16u
#define TIDELINE_CAP_LOG_NEXT_MASK 0x0fff0000u /* Byte offset of the next capability, 0 = none. */
#define TIDELINE_REG_CTRL                         0x040u /* Control. */
#define TIDELINE_CTRL_ENABLE_SHIFT 0u
#define TIDELINE_CTRL_ENABLE_MASK 0x00000001u /* Queues run. */
#define TIDELINE_CTRL_GRANT_EXCLUSIVE_SHIFT 1u
#define TIDELINE_CTRL_GRANT_EXCLUSIVE_MASK 0x00000002u /* Grant exclusive to reads of untracked pages that would do with shared (MemRd SnpData). */
#define TIDELINE_REG_RESET                        0x044u /* Commands without a queue. */
#define TIDELINE_RESET_RESET_SHIFT 0u
#define TIDELINE_RESET_RESET_MASK 0x00000001u /* Function level reset of the host side: queues stop, the spool is merged back, generation + 1. */
#define TIDELINE_REG_STATUS                       0x048u /* Status. */
#define TIDELINE_STATUS_READY_SHIFT 0u
#define TIDELINE_STATUS_READY_MASK 0x00000001u /* The power-up scrub is done and no reset is under way. */
#define TIDELINE_STATUS_BUSY_SHIFT 1u
#define TIDELINE_STATUS_BUSY_MASK 0x00000002u /* A range command runs. */
#define TIDELINE_STATUS_RESULT_SHIFT 2u
#define TIDELINE_STATUS_RESULT_MASK 0x00000004u /* A harvest result waits for its acknowledgement. */
#define TIDELINE_STATUS_TABLES_SHIFT 3u
#define TIDELINE_STATUS_TABLES_MASK 0x00000008u /* The tables in device memory are ready: the window is open as far as WINDOW_SIZE says. */
#define TIDELINE_STATUS_LOG_SHIFT 4u
#define TIDELINE_STATUS_LOG_MASK 0x00000010u /* A write of the log is under way: its memory is still in use. */
#define TIDELINE_REG_GENERATION                   0x04cu /* Generation: one higher after each reset, abort or recall timeout. */
#define TIDELINE_GENERATION_GENERATION_SHIFT 0u
#define TIDELINE_GENERATION_GENERATION_MASK 0xffffffffu /* Generation. */
#define TIDELINE_REG_WINDOW_BASE_LO               0x050u /* Base of the window in host physical addresses, low half. */
#define TIDELINE_WINDOW_BASE_LO_BASE_SHIFT 12u
#define TIDELINE_WINDOW_BASE_LO_BASE_MASK 0xfffff000u /* Bits 31:12 of the base, page aligned. */
#define TIDELINE_REG_WINDOW_BASE_HI               0x054u /* Base of the window in host physical addresses, high half. */
#define TIDELINE_WINDOW_BASE_HI_BASE_SHIFT 0u
#define TIDELINE_WINDOW_BASE_HI_BASE_MASK 0x000fffffu /* Bits 51:32 of the base. */
#define TIDELINE_REG_WINDOW_SIZE                  0x058u /* Size of the window. */
#define TIDELINE_WINDOW_SIZE_PAGES_SHIFT 0u
#define TIDELINE_WINDOW_SIZE_PAGES_MASK 0xffffffffu /* Pages that decode, at most 2 to the power of page_bits; 0 = the window is closed. */
#define TIDELINE_REG_FRAMES                       0x05cu /* Frames of device memory. */
#define TIDELINE_FRAMES_FRAMES_SHIFT 0u
#define TIDELINE_FRAMES_FRAMES_MASK 0x03ffffffu /* Frames that MAP may use, from frame 0. */
#define TIDELINE_REG_SPOOL_BASE                   0x060u /* Base of the harvest spool in device memory. */
#define TIDELINE_SPOOL_BASE_FRAME_SHIFT 0u
#define TIDELINE_SPOOL_BASE_FRAME_MASK 0x03ffffffu /* First frame of the spool: 16 bytes per page of the window, outside the frames given to MAP. */
#define TIDELINE_REG_RECALL_TIMEOUT               0x064u /* Recall timeout. */
#define TIDELINE_RECALL_TIMEOUT_CYCLES_SHIFT 0u
#define TIDELINE_RECALL_TIMEOUT_CYCLES_MASK 0xffffffffu /* Cycles until a page whose snoops are not answered counts as lost. */
#define TIDELINE_REG_DESCRIPTOR_BASE              0x068u /* Base of the page descriptors in device memory. */
#define TIDELINE_DESCRIPTOR_BASE_FRAME_SHIFT 0u
#define TIDELINE_DESCRIPTOR_BASE_FRAME_MASK 0x03ffffffu /* First frame of the tables, outside the frames given to MAP: 64 bytes of descriptor per page of the window, behind them the page list, a byte per page and 512 bytes per begun group of 512. Fixed from TABLE_INIT on. */
#define TIDELINE_REG_TABLE_INIT                   0x06cu /* Prepares the tables in device memory for a window of WINDOW_SIZE pages; until STATUS.tables is set nothing decodes. Once after power-on: later writes are ignored, maps outlive them. */
#define TIDELINE_TABLE_INIT_INIT_SHIFT 0u
#define TIDELINE_TABLE_INIT_INIT_MASK 0x00000001u /* Begin. */
#define TIDELINE_TABLE_INIT_ZEROED_SHIFT 1u
#define TIDELINE_TABLE_INIT_ZEROED_MASK 0x00000002u /* Device memory is zero already, for instance because its controller cleared it: nothing is written. */
#define TIDELINE_REG_ERROR                        0x070u /* Sticky errors; each also raises the error interrupt. */
#define TIDELINE_ERROR_ILLEGAL_SHIFT 0u
#define TIDELINE_ERROR_ILLEGAL_MASK 0x00000001u /* A message with an illegal or reserved opcode came. */
#define TIDELINE_ERROR_NO_DECODE_SHIFT 1u
#define TIDELINE_ERROR_NO_DECODE_MASK 0x00000002u /* A request outside the window came. */
#define TIDELINE_ERROR_READ_UNMAPPED_SHIFT 2u
#define TIDELINE_ERROR_READ_UNMAPPED_MASK 0x00000004u /* A read of an unmapped or poisoned page came. */
#define TIDELINE_ERROR_WRITE_UNMAPPED_SHIFT 3u
#define TIDELINE_ERROR_WRITE_UNMAPPED_MASK 0x00000008u /* A write to an unmapped or poisoned page was discarded. */
#define TIDELINE_ERROR_HOST_ORDER_SHIFT 4u
#define TIDELINE_ERROR_HOST_ORDER_MASK 0x00000010u /* A write without snoop came for a line that the host did not own. */
#define TIDELINE_ERROR_BAD_BIRSP_SHIFT 5u
#define TIDELINE_ERROR_BAD_BIRSP_MASK 0x00000020u /* A BIRsp was wrong for its snoop or had no snoop. */
#define TIDELINE_ERROR_RECALL_TIMEOUT_SHIFT 6u
#define TIDELINE_ERROR_RECALL_TIMEOUT_MASK 0x00000040u /* A recall timed out. */
#define TIDELINE_ERROR_DRAM_SHIFT 7u
#define TIDELINE_ERROR_DRAM_MASK 0x00000080u /* Device memory answered with an error. */
#define TIDELINE_ERROR_HOST_MEMORY_SHIFT 8u
#define TIDELINE_ERROR_HOST_MEMORY_MASK 0x00000100u /* Host memory answered with an error. */
#define TIDELINE_ERROR_RECALL_POISON_SHIFT 9u
#define TIDELINE_ERROR_RECALL_POISON_MASK 0x00000200u /* A request to a page whose recall timed out was answered with poison. */
#define TIDELINE_REG_INTR_STATE                   0x080u /* Interrupt state. */
#define TIDELINE_INTR_STATE_COMPLETION_SHIFT 0u
#define TIDELINE_INTR_STATE_COMPLETION_MASK 0x00000001u /* A completion was written. */
#define TIDELINE_INTR_STATE_ERROR_SHIFT 1u
#define TIDELINE_INTR_STATE_ERROR_MASK 0x00000002u /* A sticky error was set. */
#define TIDELINE_INTR_STATE_LOG_SHIFT 2u
#define TIDELINE_INTR_STATE_LOG_MASK 0x00000004u /* Records came into the log ring. */
#define TIDELINE_INTR_STATE_RESET_DONE_SHIFT 3u
#define TIDELINE_INTR_STATE_RESET_DONE_MASK 0x00000008u /* A reset has finished. */
#define TIDELINE_REG_INTR_ENABLE                  0x084u /* Interrupt enable: vector n is raised while state and enable are set. */
#define TIDELINE_INTR_ENABLE_VECTORS_SHIFT 0u
#define TIDELINE_INTR_ENABLE_VECTORS_MASK 0x0000000fu /* One bit per vector. */
#define TIDELINE_REG_INTR_TEST                    0x088u /* Interrupt test: sets state bits. */
#define TIDELINE_INTR_TEST_VECTORS_SHIFT 0u
#define TIDELINE_INTR_TEST_VECTORS_MASK 0x0000000fu /* One bit per vector. */
#define TIDELINE_REG_SQ_BASE_LO                   0x100u /* Submission queue base, low half. */
#define TIDELINE_SQ_BASE_LO_BASE_SHIFT 6u
#define TIDELINE_SQ_BASE_LO_BASE_MASK 0xffffffc0u /* Bits 31:6 of the IOVA, 64-byte aligned. */
#define TIDELINE_REG_SQ_BASE_HI                   0x104u /* Submission queue base, high half. */
#define TIDELINE_SQ_BASE_HI_BASE_SHIFT 0u
#define TIDELINE_SQ_BASE_HI_BASE_MASK 0xffffffffu /* Bits 63:32 of the IOVA. */
#define TIDELINE_REG_CQ_BASE_LO                   0x108u /* Completion queue base, low half. */
#define TIDELINE_CQ_BASE_LO_BASE_SHIFT 6u
#define TIDELINE_CQ_BASE_LO_BASE_MASK 0xffffffc0u /* Bits 31:6 of the IOVA, 64-byte aligned. */
#define TIDELINE_REG_CQ_BASE_HI                   0x10cu /* Completion queue base, high half. */
#define TIDELINE_CQ_BASE_HI_BASE_SHIFT 0u
#define TIDELINE_CQ_BASE_HI_BASE_MASK 0xffffffffu /* Bits 63:32 of the IOVA. */
#define TIDELINE_REG_QUEUE_SIZE                   0x110u /* Queue sizes. */
#define TIDELINE_QUEUE_SIZE_SQ_LOG2_SHIFT 0u
#define TIDELINE_QUEUE_SIZE_SQ_LOG2_MASK 0x0000000fu /* Entries of the submission queue, as a power of two (1 to 12). */
#define TIDELINE_QUEUE_SIZE_CQ_LOG2_SHIFT 8u
#define TIDELINE_QUEUE_SIZE_CQ_LOG2_MASK 0x00000f00u /* Entries of the completion queue, as a power of two (1 to 12). */
#define TIDELINE_REG_SQ_TAIL                      0x114u /* Submission queue doorbell. */
#define TIDELINE_SQ_TAIL_TAIL_SHIFT 0u
#define TIDELINE_SQ_TAIL_TAIL_MASK 0x0000ffffu /* Index behind the last command, modulo the size of the queue. */
#define TIDELINE_REG_CQ_HEAD                      0x118u /* Completion queue doorbell. */
#define TIDELINE_CQ_HEAD_HEAD_SHIFT 0u
#define TIDELINE_CQ_HEAD_HEAD_MASK 0x0000ffffu /* Index of the first completion that software has not taken yet. */
#define TIDELINE_REG_SQ_HEAD                      0x11cu /* Submission queue head. */
#define TIDELINE_SQ_HEAD_HEAD_SHIFT 0u
#define TIDELINE_SQ_HEAD_HEAD_MASK 0x0000ffffu /* Index of the next command that the device will fetch. */
#define TIDELINE_REG_LOG_BASE_LO                  0x120u /* Log ring base, low half. */
#define TIDELINE_LOG_BASE_LO_BASE_SHIFT 6u
#define TIDELINE_LOG_BASE_LO_BASE_MASK 0xffffffc0u /* Bits 31:6 of the IOVA, 64-byte aligned. */
#define TIDELINE_REG_LOG_BASE_HI                  0x124u /* Log ring base, high half. */
#define TIDELINE_LOG_BASE_HI_BASE_SHIFT 0u
#define TIDELINE_LOG_BASE_HI_BASE_MASK 0xffffffffu /* Bits 63:32 of the IOVA. */
#define TIDELINE_REG_LOG_SIZE                     0x128u /* Log ring size. */
#define TIDELINE_LOG_SIZE_RECORDS_LOG2_SHIFT 0u
#define TIDELINE_LOG_SIZE_RECORDS_LOG2_MASK 0x0000001fu /* Records of the ring, as a power of two (3 to 24). */
#define TIDELINE_REG_LOG_CONTROL                  0x12cu /* Log control. */
#define TIDELINE_LOG_CONTROL_ENABLE_SHIFT 0u
#define TIDELINE_LOG_CONTROL_ENABLE_MASK 0x00000001u /* First writes are logged, from record 0 on. Base, size and LOG_HEAD = 0 are written before. */
#define TIDELINE_REG_LOG_HEAD                     0x130u /* Log doorbell. */
#define TIDELINE_LOG_HEAD_HEAD_SHIFT 0u
#define TIDELINE_LOG_HEAD_HEAD_MASK 0xffffffffu /* Records that software has taken. Wraps at 2^32, not at the size of the ring. */
#define TIDELINE_REG_LOG_TAIL                     0x134u /* Log tail. */
#define TIDELINE_LOG_TAIL_TAIL_SHIFT 0u
#define TIDELINE_LOG_TAIL_TAIL_MASK 0xffffffffu /* Records that are in host memory. Wraps at 2^32, not at the size of the ring. */
#define TIDELINE_REG_LOG_WATERMARK                0x138u /* Log interrupt watermark. */
#define TIDELINE_LOG_WATERMARK_RECORDS_SHIFT 0u
#define TIDELINE_LOG_WATERMARK_RECORDS_MASK 0xffffffffu /* Records since the last interrupt that raise the next one. */
#define TIDELINE_REG_LOG_TIMER                    0x13cu /* Log timer. */
#define TIDELINE_LOG_TIMER_CYCLES_SHIFT 0u
#define TIDELINE_LOG_TIMER_CYCLES_MASK 0xffffffffu /* Cycles until fewer than eight records leave, and until fewer than the watermark raise the interrupt. */
#define TIDELINE_REG_LOG_STATUS                   0x140u /* Log status, sticky. */
#define TIDELINE_LOG_STATUS_OVERFLOW_SHIFT 0u
#define TIDELINE_LOG_STATUS_OVERFLOW_MASK 0x00000001u /* A record is lost: dropped, or its write failed. */
#define TIDELINE_REG_LOG_DROPPED                  0x144u /* Log records dropped since the log was enabled. */
#define TIDELINE_LOG_DROPPED_COUNT_SHIFT 0u
#define TIDELINE_LOG_DROPPED_COUNT_MASK 0xffffffffu /* Wraps. */
#define TIDELINE_REG_COUNT_REQ                    0x200u /* Counter: requests accepted. */
#define TIDELINE_COUNT_REQ_COUNT_SHIFT 0u
#define TIDELINE_COUNT_REQ_COUNT_MASK 0xffffffffu /* Wraps. */
#define TIDELINE_REG_COUNT_RWD                    0x204u /* Counter: requests with data accepted. */
#define TIDELINE_COUNT_RWD_COUNT_SHIFT 0u
#define TIDELINE_COUNT_RWD_COUNT_MASK 0xffffffffu /* Wraps. */
#define TIDELINE_REG_COUNT_BISNP                  0x208u /* Counter: back-invalidate snoops sent. */
#define TIDELINE_COUNT_BISNP_COUNT_SHIFT 0u
#define TIDELINE_COUNT_BISNP_COUNT_MASK 0xffffffffu /* Wraps. */
#define TIDELINE_REG_COUNT_BIRSP                  0x20cu /* Counter: snoop responses taken. */
#define TIDELINE_COUNT_BIRSP_COUNT_SHIFT 0u
#define TIDELINE_COUNT_BIRSP_COUNT_MASK 0xffffffffu /* Wraps. */
#define TIDELINE_REG_COUNT_DEFERRED               0x210u /* Counter: requests deferred because their page was being recalled. */
#define TIDELINE_COUNT_DEFERRED_COUNT_SHIFT 0u
#define TIDELINE_COUNT_DEFERRED_COUNT_MASK 0xffffffffu /* Wraps. */
#define TIDELINE_REG_COUNT_RECORDS                0x214u /* Counter: harvest records made. */
#define TIDELINE_COUNT_RECORDS_COUNT_SHIFT 0u
#define TIDELINE_COUNT_RECORDS_COUNT_MASK 0xffffffffu /* Wraps. */
#define TIDELINE_REG_PEAK_BISNP                   0x218u /* Most back-invalidate snoops that were outstanding at once. */
#define TIDELINE_PEAK_BISNP_PEAK_SHIFT 0u
#define TIDELINE_PEAK_BISNP_PEAK_MASK 0xffffffffu /* High-water mark since power-on. */
#define TIDELINE_REG_CYCLES                       0x21cu /* Cycles since power-on. */
#define TIDELINE_CYCLES_CYCLES_SHIFT 0u
#define TIDELINE_CYCLES_CYCLES_MASK 0xffffffffu /* Wraps. */

/* Opcodes of M2S Req: requests without data, host to device. */
#define TIDELINE_M2S_REQ_MEM_INV              0x0u /* Change of the host's state without data. */
#define TIDELINE_M2S_REQ_MEM_RD               0x1u /* Read. */
#define TIDELINE_M2S_REQ_MEM_RD_DATA          0x2u /* Read that leaves the state to the device: the host takes S (or E where granted). */
#define TIDELINE_M2S_REQ_MEM_RD_FWD           0x3u /* Forwarding read: illegal for this device. */
#define TIDELINE_M2S_REQ_MEM_WR_FWD           0x4u /* Forwarding write: illegal for this device. */
#define TIDELINE_M2S_REQ_MEM_SPEC_RD          0x8u /* Speculative read: dropped. */
#define TIDELINE_M2S_REQ_MEM_INV_NT           0x9u /* As MemInv, non-temporal hint. */
#define TIDELINE_M2S_REQ_MEM_CLN_EVCT         0xau /* The host evicted a clean line. */

/* Opcodes of M2S RwD: requests with data, host to device. */
#define TIDELINE_M2S_RWD_MEM_WR               0x1u /* Write of a full line. */
#define TIDELINE_M2S_RWD_MEM_WR_PTL           0x2u /* Write of the bytes enabled. */
#define TIDELINE_M2S_RWD_BI_CONFLICT          0x4u /* The host has a request of its own outstanding for a line being snooped. */

/* Opcodes of S2M NDR: responses without data, device to host. */
#define TIDELINE_S2M_NDR_CMP                  0x0u /* Completion without a state. */
#define TIDELINE_S2M_NDR_CMP_S                0x1u /* Completion granting shared. */
#define TIDELINE_S2M_NDR_CMP_E                0x2u /* Completion granting exclusive. */
#define TIDELINE_S2M_NDR_CMP_M                0x3u /* Completion granting modified: never sent by this device. */
#define TIDELINE_S2M_NDR_BI_CONFLICT_ACK      0x4u /* Answer to BIConflict. */

/* Opcodes of S2M DRS: data, device to host. */
#define TIDELINE_S2M_DRS_MEM_DATA             0x0u /* Data of a line. */
#define TIDELINE_S2M_DRS_MEM_DATA_NXM         0x1u /* The address does not decode: all ones. */

/* Opcodes of S2M BISnp: back-invalidate snoops, device to host. */
#define TIDELINE_S2M_BISNP_BI_SNP_CUR         0x0u /* Current value; changes nothing (never sent by this device). */
#define TIDELINE_S2M_BISNP_BI_SNP_DATA        0x1u /* Give up write permission: ends in I or S. */
#define TIDELINE_S2M_BISNP_BI_SNP_INV         0x2u /* Give up the line: ends in I. */
#define TIDELINE_S2M_BISNP_BI_SNP_CUR_BLK     0x4u /* As BISnpCur, for a block (never sent by this device). */
#define TIDELINE_S2M_BISNP_BI_SNP_DATA_BLK    0x5u /* As BISnpData, for a block. */
#define TIDELINE_S2M_BISNP_BI_SNP_INV_BLK     0x6u /* As BISnpInv, for a block. */

/* Opcodes of M2S BIRsp: answers to back-invalidate snoops, host to device. */
#define TIDELINE_M2S_BIRSP_BI_RSP_I           0x0u /* The host has no copy. */
#define TIDELINE_M2S_BIRSP_BI_RSP_S           0x1u /* The host has a shared copy. */
#define TIDELINE_M2S_BIRSP_BI_RSP_E           0x2u /* The host kept an exclusive copy: wrong for the snoops this device sends. */
#define TIDELINE_M2S_BIRSP_BI_RSP_I_BLK       0x4u /* As BIRspI, for every line of a block snoop. */
#define TIDELINE_M2S_BIRSP_BI_RSP_S_BLK       0x5u /* As BIRspS, for every line of a block snoop. */
#define TIDELINE_M2S_BIRSP_BI_RSP_E_BLK       0x6u /* As BIRspE, for every line of a block snoop. */

/* Meta field: whether the meta value says anything. */
#define TIDELINE_META_FIELD_META0_STATE       0x0u /* The meta value is the host's state after the request. */
#define TIDELINE_META_FIELD_NO_OP             0x3u /* The request says nothing of the host's state. */

/* Meta value: the state that the host keeps or asks for. */
#define TIDELINE_META_VALUE_INVALID           0x0u /* No copy. */
#define TIDELINE_META_VALUE_ANY               0x2u /* Exclusive or modified. */
#define TIDELINE_META_VALUE_SHARED            0x3u /* Shared. */

/* Snoop type of a request. */
#define TIDELINE_SNP_TYPE_NO_OP               0x0u /* No snoop. */
#define TIDELINE_SNP_TYPE_SNP_DATA            0x1u /* The host wants at least a shared copy. */
#define TIDELINE_SNP_TYPE_SNP_CUR             0x2u /* The host wants the current value. */
#define TIDELINE_SNP_TYPE_SNP_INV             0x3u /* The host wants to be the only one. */

/* How the host's loads and stores reach a device: the ATTACH register. */
#define TIDELINE_ATTACH_CXL                   0x0u /* CXL.mem with back-invalidate: the device can recall what the host holds. */
#define TIDELINE_ATTACH_AXI                   0x1u /* One AXI4 subordinate, reads and writes only: the driver flushes before it harvests. */

/* Command opcodes. */
#define TIDELINE_OPCODE_IDENTIFY              0x1u /* Sizes of the device, in the completion. */
#define TIDELINE_OPCODE_FENCE                 0x2u /* Completes when every earlier command has completed and every earlier line access has reached memory. */
#define TIDELINE_OPCODE_ABORT                 0x3u /* Stops the running command with this identifier; its unreported lines stay dirty. */
#define TIDELINE_OPCODE_MAP                   0x10u /* Maps pages to consecutive frames. */
#define TIDELINE_OPCODE_UNMAP                 0x11u /* Unmaps pages. */
#define TIDELINE_OPCODE_TRACK                 0x20u /* Starts (flag SET) or stops tracking of pages. */
#define TIDELINE_OPCODE_RECALL                0x21u /* Recalls the host's write permission (or, with INVALIDATE, every copy) of pages. */
#define TIDELINE_OPCODE_HARVEST               0x22u /* Reads (and clears) the dirty or accessed lines of pages. */
#define TIDELINE_OPCODE_HARVEST_ACK           0x23u /* The result arrived: its records are dropped from the spool. */
#define TIDELINE_OPCODE_HARVEST_NACK          0x24u /* The result was lost: its records are merged back and will be reported again. */

/* Status of a completion. */
#define TIDELINE_STATUS_SUCCESS               0x0u /* Done. */
#define TIDELINE_STATUS_INVALID_OPCODE        0x1u /* Unknown opcode. */
#define TIDELINE_STATUS_INVALID_FIELD         0x2u /* A field or flag that must be zero is not, or a field is out of its range. */
#define TIDELINE_STATUS_OUT_OF_RANGE          0x3u /* The range is empty or leaves the window. */
#define TIDELINE_STATUS_MISALIGNED            0x4u /* The buffer address is not 64-byte aligned; MAP plain: page, count or frame is not a multiple of a region. */
#define TIDELINE_STATUS_WRONG_STATE           0x5u /* A page is in the wrong state for the command; the cursor names it. */
#define TIDELINE_STATUS_BUSY                  0x6u /* Another range command runs, or a harvest result waits for its acknowledgement. */
#define TIDELINE_STATUS_BAD_SEQUENCE          0x7u /* No result with this sequence waits. */
#define TIDELINE_STATUS_NOT_FOUND             0x8u /* ABORT: no running command has this identifier. */
#define TIDELINE_STATUS_ABORTED               0x9u /* The command was stopped by ABORT; the cursor names the first page not done. */
#define TIDELINE_STATUS_RECALL_TIMEOUT        0xau /* A recall was not answered in time; the error flag is set. */
#define TIDELINE_STATUS_DMA_ERROR             0xbu /* Host memory answered with an error; the records were merged back. */
#define TIDELINE_STATUS_MEMORY_ERROR          0xcu /* Device memory answered with an error; every tracked line counts as dirty. */

/* State of a page (control word, bits 2:0). */
#define TIDELINE_PAGE_STATE_UNM               0x0u /* Not mapped: reads answer poison, writes are discarded, each with a sticky error. */
#define TIDELINE_PAGE_STATE_LOC               0x1u /* Mapped to a frame of device memory. */
#define TIDELINE_PAGE_STATE_POI               0x2u /* Poisoned: answers as an unmapped page does. */
#define TIDELINE_PAGE_STATE_REM               0x3u /* Mapped to a remote page, no frame. */
#define TIDELINE_PAGE_STATE_FET               0x4u /* Being fetched. */
#define TIDELINE_PAGE_STATE_EVI               0x5u /* Being evicted. */
#define TIDELINE_PAGE_STATE_SNK               0x6u /* Writes are discarded, without an error. */

/* What a slot does. */
#define TIDELINE_SLOT_KIND_REQ                0x0u /* A host request without data (line). */
#define TIDELINE_SLOT_KIND_WRITE              0x1u /* A host write (line). */
#define TIDELINE_SLOT_KIND_CONFLICT           0x2u /* BIConflict: no descriptor is touched; keeps the order of the acknowledgement (line). */
#define TIDELINE_SLOT_KIND_MAP                0x8u /* MAP: unmapped to local (page). */
#define TIDELINE_SLOT_KIND_UNMAP              0x9u /* UNMAP: local or poisoned to unmapped (page). */
#define TIDELINE_SLOT_KIND_TRACK_SET          0xau /* TRACK set: dirty and accessed cleared, track set (page). */
#define TIDELINE_SLOT_KIND_TRACK_CLEAR        0xbu /* TRACK clear: dirty and accessed cleared, track cleared (page). */
#define TIDELINE_SLOT_KIND_RECALL             0xcu /* RECALL: nothing but the guard (page). */
#define TIDELINE_SLOT_KIND_HARVEST            0xdu /* HARVEST: the mask goes to the spool; cleared if asked for (page). */
#define TIDELINE_SLOT_KIND_MERGE              0xeu /* Merge of an unacknowledged record back into the dirty bits (page). */

/* How a page slot ended. */
#define TIDELINE_SLOT_STATUS_DONE             0x0u /* Done. */
#define TIDELINE_SLOT_STATUS_NEED_RECALL      0x1u /* Nothing changed: the lines of the mask must be recalled first. */
#define TIDELINE_SLOT_STATUS_WRONG_STATE      0x2u /* Nothing changed: the page is in the wrong state for the command. */

/* Where the data of a read comes from. */
#define TIDELINE_DATA_SOURCE_NONE             0x0u /* No data is sent. */
#define TIDELINE_DATA_SOURCE_MEMORY           0x1u /* Device memory. */
#define TIDELINE_DATA_SOURCE_POISON           0x2u /* All ones, poisoned. */
#define TIDELINE_DATA_SOURCE_NXM              0x3u /* All ones, MemDataNxm. */

#endif

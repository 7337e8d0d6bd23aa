//! The register map of BAR0: 32-bit registers, little endian, 4-byte aligned.
//!
//! The table below is the only place where a register is written down. From it come the typed values for Rust,
//! the decode and the reset values of the RTL, the headers and the documentation. A map that overlaps, is
//! misaligned or has a field outside its register does not compile.

use crate::geometry::{BI_TAGS, DEFERRED_ENTRIES, PAGE_BITS, RECALL_CONTEXTS};
use crate::macros::bit_names;

/// Bytes of BAR0.
pub const BAR0_BYTES: u32 = 4096;
/// Value of the ID register: "TDLN".
pub const ID_VALUE: u32 = u32::from_le_bytes(*b"TDLN");

/// What software and the device may do with a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Constant: reads as its reset value.
    Const,
    /// Read only: the device's live value.
    Ro,
    /// Read and write.
    Rw,
    /// Read, write one to clear; the device sets bits.
    Rw1c,
    /// Write only: acts on the cycle after the write, reads as zero.
    Wo,
}

impl core::fmt::Display for Access {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Access::Const => "const",
            Access::Ro => "ro",
            Access::Rw => "rw",
            Access::Rw1c => "rw1c",
            Access::Wo => "wo",
        })
    }
}

/// A field of a register.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Name.
    pub name: &'static str,
    /// Lowest bit.
    pub lsb: u32,
    /// Width in bits.
    pub width: u32,
    /// One sentence.
    pub doc: &'static str,
}

/// A register.
#[derive(Clone, Copy, Debug)]
pub struct Register {
    /// Name.
    pub name: &'static str,
    /// Byte offset in BAR0.
    pub offset: u32,
    /// Access kind.
    pub access: Access,
    /// Value after reset.
    pub reset: u32,
    /// One sentence.
    pub doc: &'static str,
    /// The fields, ascending.
    pub fields: &'static [Field],
}

impl Register {
    /// Bits that belong to a field.
    pub const fn mask(&self) -> u32 {
        let mut mask = 0;
        let mut i = 0;
        while i < self.fields.len() {
            mask |= field_mask(&self.fields[i]);
            i += 1;
        }
        mask
    }
}

const fn field_mask(f: &Field) -> u32 {
    if f.width == 32 { u32::MAX } else { ((1u32 << f.width) - 1) << f.lsb }
}

const fn check(regs: &[Register]) {
    let mut i = 0;
    while i < regs.len() {
        let r = &regs[i];
        assert!(r.offset.is_multiple_of(4), "a register is not 4-byte aligned");
        assert!(r.offset + 4 <= BAR0_BYTES, "a register lies outside BAR0");
        assert!(i == 0 || regs[i - 1].offset < r.offset, "two registers overlap or are out of order");
        let mut mask = 0;
        let mut k = 0;
        while k < r.fields.len() {
            let f = &r.fields[k];
            assert!(f.width >= 1 && f.lsb + f.width <= 32, "a field leaves its register");
            assert!(mask & field_mask(f) == 0, "two fields overlap");
            mask |= field_mask(f);
            k += 1;
        }
        assert!(r.reset & !mask == 0, "a reset value sets a bit outside every field");
        i += 1;
    }
}

macro_rules! registers {
    ( $( $(#[doc = $doc:literal])+ $konst:ident, $ty:ident @ $offset:literal, $access:ident, $reset:expr; {
        $( $(#[doc = $fdoc:literal])+ $field:ident [$lsb:literal; $width:literal] )*
    } )+ ) => {
        /// Every register, ascending.
        pub const REGISTERS: &[Register] = &[ $( Register {
            name: stringify!($konst), offset: $offset, access: Access::$access, reset: $reset,
            doc: concat!($($doc),+),
            fields: &[ $( Field {
                name: stringify!($field), lsb: $lsb, width: $width, doc: concat!($($fdoc),+),
            }, )* ],
        }, )+ ];
        const _: () = check(REGISTERS);

        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        enum Index { $( $konst, )+ }

        /// Position of each register in [`REGISTERS`], for the RTL.
        pub mod reg {
            $( $(#[doc = $doc])+ pub const $konst: usize = super::Index::$konst as usize; )+
        }

        $(
            $(#[doc = $doc])+
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub struct $ty(pub u32);

            impl Default for $ty {
                fn default() -> Self { Self($reset) }
            }

            impl $ty {
                /// Byte offset in BAR0.
                pub const OFFSET: u32 = $offset;
                $(
                    $(#[doc = $fdoc])+
                    pub const fn $field(self) -> u32 {
                        (self.0 >> $lsb) & (u32::MAX >> (32 - $width))
                    }
                )*
            }
        )+
    };
}

/// Values of the capability registers that depend on the attach.
pub mod cap {
    /// CAP_TRACK, with recall behind it.
    pub const TRACK: u64 = 0x0024_0101;
    /// CAP_TRACK, with the log behind it: the device has no recall.
    pub const TRACK_ALONE: u64 = 0x0028_0101;
}

registers! {
    /// Identity of the device: "TDLN".
    ID, Id @ 0x000, Const, ID_VALUE; {
        /// The letters TDLN, first letter lowest.
        id [0; 32]
    }
    /// Version of this register map and command set.
    VERSION, Version @ 0x004, Const, 0x0001_0000; {
        /// Fixes.
        patch [0; 8]
        /// Additions that older software may ignore.
        minor [8; 8]
        /// Changes that older software must refuse.
        major [16; 16]
    }
    /// Sizes of this build.
    PARAM0, Param0 @ 0x008, Const, PAGE_BITS as u32 | (BI_TAGS as u32) << 8; {
        /// Pages of the window, as a power of two.
        page_bits [0; 8]
        /// Back-invalidate snoops outstanding at most.
        bi_tags [8; 16]
    }
    /// More sizes of this build.
    PARAM1, Param1 @ 0x00c, Const, RECALL_CONTEXTS as u32 | (DEFERRED_ENTRIES as u32) << 8; {
        /// Pages being recalled at most.
        recall_contexts [0; 8]
        /// Requests to pages being recalled that can wait.
        deferred_entries [8; 8]
    }
    /// Offset of the first capability.
    CAP_HEAD, CapHead @ 0x010, Const, 0x020; {
        /// Byte offset in BAR0, 0 = none.
        offset [0; 12]
    }
    /// How the device is attached to its host; never changes.
    ATTACH, AttachKind @ 0x014, Ro, 0; {
        /// 0 = CXL.mem with back-invalidate, 1 = AXI4, no recall.
        kind [0; 2]
    }
    /// Capability: line tracking (TRACK, HARVEST). A device on AXI4 has no recall behind it.
    CAP_TRACK, CapTrack @ 0x020, Ro, cap::TRACK as u32; {
        /// Capability identifier: 1 = track.
        id [0; 8]
        /// Version of the capability.
        version [8; 8]
        /// Byte offset of the next capability, 0 = none.
        next [16; 12]
    }
    /// Capability: recall by back-invalidate.
    CAP_RECALL, CapRecall @ 0x024, Const, 0x0028_0102; {
        /// Capability identifier: 2 = recall.
        id [0; 8]
        /// Version of the capability.
        version [8; 8]
        /// Byte offset of the next capability, 0 = none.
        next [16; 12]
    }
    /// Capability: the dirty-line log.
    CAP_LOG, CapLog @ 0x028, Const, 0x0000_0103; {
        /// Capability identifier: 3 = log.
        id [0; 8]
        /// Version of the capability.
        version [8; 8]
        /// Byte offset of the next capability, 0 = none.
        next [16; 12]
    }
    /// Control.
    CTRL, Ctrl @ 0x040, Rw, 0; {
        /// Queues run.
        enable [0; 1]
        /// Grant exclusive to reads of untracked pages that would do with shared (MemRd SnpData).
        grant_exclusive [1; 1]
    }
    /// Commands without a queue.
    RESET, Reset @ 0x044, Wo, 0; {
        /// Function level reset of the host side: queues stop, the spool is merged back, generation + 1.
        reset [0; 1]
    }
    /// Status.
    STATUS, Status @ 0x048, Ro, 0; {
        /// The power-up scrub is done and no reset is under way.
        ready [0; 1]
        /// A range command runs.
        busy [1; 1]
        /// A harvest result waits for its acknowledgement.
        result [2; 1]
        /// The tables in device memory are ready: the window is open as far as WINDOW_SIZE says.
        tables [3; 1]
        /// A write of the log is under way: its memory is still in use.
        log [4; 1]
    }
    /// Generation: one higher after each reset, abort or recall timeout.
    GENERATION, Generation @ 0x04c, Ro, 0; {
        /// Generation.
        generation [0; 32]
    }
    /// Base of the window in host physical addresses, low half.
    WINDOW_BASE_LO, WindowBaseLo @ 0x050, Rw, 0; {
        /// Bits 31:12 of the base, page aligned.
        base [12; 20]
    }
    /// Base of the window in host physical addresses, high half.
    WINDOW_BASE_HI, WindowBaseHi @ 0x054, Rw, 0; {
        /// Bits 51:32 of the base.
        base [0; 20]
    }
    /// Size of the window.
    WINDOW_SIZE, WindowSize @ 0x058, Rw, 0; {
        /// Pages that decode, at most 2 to the power of page_bits; 0 = the window is closed.
        pages [0; 32]
    }
    /// Frames of device memory.
    FRAMES, Frames @ 0x05c, Rw, 0; {
        /// Frames that MAP may use, from frame 0.
        frames [0; 26]
    }
    /// Base of the harvest spool in device memory.
    SPOOL_BASE, SpoolBase @ 0x060, Rw, 0; {
        /// First frame of the spool: 16 bytes per page of the window, outside the frames given to MAP.
        frame [0; 26]
    }
    /// Recall timeout.
    RECALL_TIMEOUT, RecallTimeout @ 0x064, Rw, 65536; {
        /// Cycles until a page whose snoops are not answered counts as lost.
        cycles [0; 32]
    }
    /// Base of the page descriptors in device memory.
    DESCRIPTOR_BASE, DescriptorBase @ 0x068, Rw, 0; {
        /// First frame of the tables, outside the frames given to MAP: 64 bytes of descriptor per page of the window, behind
        /// them the page list, a byte per page and 512 bytes per begun group of 512. Fixed from TABLE_INIT on.
        frame [0; 26]
    }
    /// Prepares the tables in device memory for a window of WINDOW_SIZE pages; until STATUS.tables is set nothing decodes.
    /// Once after power-on: later writes are ignored, maps outlive them.
    TABLE_INIT, TableInit @ 0x06c, Wo, 0; {
        /// Begin.
        init [0; 1]
        /// Device memory is zero already, for instance because its controller cleared it: nothing is written.
        zeroed [1; 1]
    }
    /// Sticky errors; each also raises the error interrupt.
    ERROR, ErrorBits @ 0x070, Rw1c, 0; {
        /// A message with an illegal or reserved opcode came.
        illegal [0; 1]
        /// A request outside the window came.
        no_decode [1; 1]
        /// A read of an unmapped or poisoned page came.
        read_unmapped [2; 1]
        /// A write to an unmapped or poisoned page was discarded.
        write_unmapped [3; 1]
        /// A write without snoop came for a line that the host did not own.
        host_order [4; 1]
        /// A BIRsp was wrong for its snoop or had no snoop.
        bad_birsp [5; 1]
        /// A recall timed out.
        recall_timeout [6; 1]
        /// Device memory answered with an error.
        dram [7; 1]
        /// Host memory answered with an error.
        host_memory [8; 1]
        /// A request to a page whose recall timed out was answered with poison.
        recall_poison [9; 1]
    }
    /// Interrupt state.
    INTR_STATE, IntrState @ 0x080, Rw1c, 0; {
        /// A completion was written.
        completion [0; 1]
        /// A sticky error was set.
        error [1; 1]
        /// Records came into the log ring.
        log [2; 1]
        /// A reset has finished.
        reset_done [3; 1]
    }
    /// Interrupt enable: vector n is raised while state and enable are set.
    INTR_ENABLE, IntrEnable @ 0x084, Rw, 0; {
        /// One bit per vector.
        vectors [0; 4]
    }
    /// Interrupt test: sets state bits.
    INTR_TEST, IntrTest @ 0x088, Wo, 0; {
        /// One bit per vector.
        vectors [0; 4]
    }
    /// Submission queue base, low half.
    SQ_BASE_LO, SqBaseLo @ 0x100, Rw, 0; {
        /// Bits 31:6 of the IOVA, 64-byte aligned.
        base [6; 26]
    }
    /// Submission queue base, high half.
    SQ_BASE_HI, SqBaseHi @ 0x104, Rw, 0; {
        /// Bits 63:32 of the IOVA.
        base [0; 32]
    }
    /// Completion queue base, low half.
    CQ_BASE_LO, CqBaseLo @ 0x108, Rw, 0; {
        /// Bits 31:6 of the IOVA, 64-byte aligned.
        base [6; 26]
    }
    /// Completion queue base, high half.
    CQ_BASE_HI, CqBaseHi @ 0x10c, Rw, 0; {
        /// Bits 63:32 of the IOVA.
        base [0; 32]
    }
    /// Queue sizes.
    QUEUE_SIZE, QueueSize @ 0x110, Rw, 0; {
        /// Entries of the submission queue, as a power of two (1 to 12).
        sq_log2 [0; 4]
        /// Entries of the completion queue, as a power of two (1 to 12).
        cq_log2 [8; 4]
    }
    /// Submission queue doorbell.
    SQ_TAIL, SqTail @ 0x114, Rw, 0; {
        /// Index behind the last command, modulo the size of the queue.
        tail [0; 16]
    }
    /// Completion queue doorbell.
    CQ_HEAD, CqHead @ 0x118, Rw, 0; {
        /// Index of the first completion that software has not taken yet.
        head [0; 16]
    }
    /// Submission queue head.
    SQ_HEAD, SqHead @ 0x11c, Ro, 0; {
        /// Index of the next command that the device will fetch.
        head [0; 16]
    }
    /// Log ring base, low half.
    LOG_BASE_LO, LogBaseLo @ 0x120, Rw, 0; {
        /// Bits 31:6 of the IOVA, 64-byte aligned.
        base [6; 26]
    }
    /// Log ring base, high half.
    LOG_BASE_HI, LogBaseHi @ 0x124, Rw, 0; {
        /// Bits 63:32 of the IOVA.
        base [0; 32]
    }
    /// Log ring size.
    LOG_SIZE, LogSize @ 0x128, Rw, 3; {
        /// Records of the ring, as a power of two (3 to 24).
        records_log2 [0; 5]
    }
    /// Log control.
    LOG_CONTROL, LogControl @ 0x12c, Rw, 0; {
        /// First writes are logged, from record 0 on. Base, size and LOG_HEAD = 0 are written before.
        enable [0; 1]
    }
    /// Log doorbell.
    LOG_HEAD, LogHead @ 0x130, Rw, 0; {
        /// Records that software has taken. Wraps at 2^32, not at the size of the ring.
        head [0; 32]
    }
    /// Log tail.
    LOG_TAIL, LogTail @ 0x134, Ro, 0; {
        /// Records that are in host memory. Wraps at 2^32, not at the size of the ring.
        tail [0; 32]
    }
    /// Log interrupt watermark.
    LOG_WATERMARK, LogWatermark @ 0x138, Rw, 1; {
        /// Records since the last interrupt that raise the next one.
        records [0; 32]
    }
    /// Log timer.
    LOG_TIMER, LogTimer @ 0x13c, Rw, 4096; {
        /// Cycles until fewer than eight records leave, and until fewer than the watermark raise the interrupt.
        cycles [0; 32]
    }
    /// Log status, sticky.
    LOG_STATUS, LogStatus @ 0x140, Rw1c, 0; {
        /// A record is lost: dropped, or its write failed.
        overflow [0; 1]
    }
    /// Log records dropped since the log was enabled.
    LOG_DROPPED, LogDropped @ 0x144, Ro, 0; {
        /// Wraps.
        count [0; 32]
    }
    /// Counter: requests accepted.
    COUNT_REQ, CountReq @ 0x200, Ro, 0; {
        /// Wraps.
        count [0; 32]
    }
    /// Counter: requests with data accepted.
    COUNT_RWD, CountRwd @ 0x204, Ro, 0; {
        /// Wraps.
        count [0; 32]
    }
    /// Counter: back-invalidate snoops sent.
    COUNT_BISNP, CountBisnp @ 0x208, Ro, 0; {
        /// Wraps.
        count [0; 32]
    }
    /// Counter: snoop responses taken.
    COUNT_BIRSP, CountBirsp @ 0x20c, Ro, 0; {
        /// Wraps.
        count [0; 32]
    }
    /// Counter: requests deferred because their page was being recalled.
    COUNT_DEFERRED, CountDeferred @ 0x210, Ro, 0; {
        /// Wraps.
        count [0; 32]
    }
    /// Counter: harvest records made.
    COUNT_RECORDS, CountRecords @ 0x214, Ro, 0; {
        /// Wraps.
        count [0; 32]
    }
    /// Most back-invalidate snoops that were outstanding at once.
    PEAK_BISNP, PeakBisnp @ 0x218, Ro, 0; {
        /// High-water mark since power-on.
        peak [0; 32]
    }
    /// Cycles since power-on.
    CYCLES, Cycles @ 0x21c, Ro, 0; {
        /// Wraps.
        cycles [0; 32]
    }
}

bit_names! {
    error_bit, BIT_NAMES {
        /// ERROR.illegal.
        ILLEGAL = 0;
        /// ERROR.no_decode.
        NO_DECODE = 1;
        /// ERROR.read_unmapped.
        READ_UNMAPPED = 2;
        /// ERROR.write_unmapped.
        WRITE_UNMAPPED = 3;
        /// ERROR.host_order.
        HOST_ORDER = 4;
        /// ERROR.bad_birsp.
        BAD_BIRSP = 5;
        /// ERROR.recall_timeout.
        RECALL_TIMEOUT = 6;
        /// ERROR.dram.
        DRAM = 7;
        /// ERROR.host_memory.
        HOST_MEMORY = 8;
        /// ERROR.recall_poison.
        RECALL_POISON = 9;
    }
}

/// The register at a byte offset.
pub fn at(offset: u32) -> Option<&'static Register> {
    REGISTERS.iter().find(|r| r.offset == offset)
}

/// The register with this name.
pub fn by_name(name: &str) -> Option<&'static Register> {
    REGISTERS.iter().find(|r| r.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELD: Field = Field { name: "f", lsb: 0, width: 8, doc: "" };
    const GOOD: Register =
        Register { name: "R", offset: 0, access: Access::Rw, reset: 0, doc: "", fields: &[FIELD] };

    /// The compiler runs `check` over the real map; here it is seen to refuse each kind of bad one.
    fn refused(regs: &'static [Register]) -> bool {
        std::panic::catch_unwind(|| check(regs)).is_err()
    }

    #[test]
    fn a_bad_map_does_not_compile() {
        assert!(!refused(&[GOOD]));
        assert!(refused(&[Register { offset: 2, ..GOOD }]), "misaligned");
        assert!(refused(&[Register { offset: BAR0_BYTES, ..GOOD }]), "outside BAR0");
        assert!(refused(&[GOOD, GOOD]), "two registers at one offset");
        assert!(refused(&[Register { offset: 4, ..GOOD }, GOOD]), "out of order");
        assert!(
            refused(&[Register { fields: &[FIELD, Field { lsb: 7, ..FIELD }], ..GOOD }]),
            "fields overlap"
        );
        assert!(refused(&[Register { fields: &[Field { lsb: 25, ..FIELD }], ..GOOD }]), "field outside");
        assert!(refused(&[Register { reset: 0x100, ..GOOD }]), "reset outside the fields");
    }

    #[test]
    fn typed_values_read_their_fields() {
        assert_eq!(Id::default().id(), ID_VALUE);
        assert_eq!(Param0::default().page_bits(), PAGE_BITS as u32);
        assert_eq!(Param0::default().bi_tags(), BI_TAGS as u32);
        assert_eq!(WindowBaseLo(0xffff_ffff).base(), 0xf_ffff);
        for (index, register) in REGISTERS.iter().enumerate() {
            assert_eq!(at(register.offset).map(|r| r.name), Some(register.name));
            assert_eq!(by_name(register.name).map(|r| r.offset), Some(register.offset), "{index}");
        }
        assert_eq!(REGISTERS[reg::CTRL].name, "CTRL");
    }

    #[test]
    fn the_capability_list_ends() {
        let mut offset = CapHead::default().offset();
        let mut ids = Vec::new();
        while offset != 0 {
            let register = at(offset).expect("a capability points to a register");
            let capability = CapTrack(register.reset);
            ids.push(capability.id());
            offset = capability.next();
            assert!(ids.len() < 16, "the list is a loop");
        }
        assert_eq!(ids, [1, 2, 3]);
    }
}

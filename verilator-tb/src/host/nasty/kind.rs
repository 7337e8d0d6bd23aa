//! What the host can do, and what it counts.

macro_rules! request_kinds {
    ($( $(#[doc = $doc:literal])+ $name:ident, $label:literal; )+) => {
        /// What the host can do to a line with a message of its own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum RequestKind { $( $(#[doc = $doc])+ $name, )+ }

        impl RequestKind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[ $( Self::$name, )+ ];

            /// Its name in reports.
            pub const fn label(self) -> &'static str {
                match self { $( Self::$name => $label, )+ }
            }
        }
    };
}
request_kinds! {
    /// Read for ownership.
    ReadAny, "MemRd Any";
    /// Read to share.
    ReadShared, "MemRd Shared";
    /// Read that leaves the state to the device.
    ReadData, "MemRdData";
    /// Read of the current value.
    ReadCurrent, "MemRd No-Op SnpCur";
    /// Read that wants no other copies and keeps none.
    ReadOnce, "MemRd No-Op SnpInv";
    /// Read that says it keeps no copy.
    ReadInvalid, "MemRd Invalid";
    /// Ownership without data.
    OwnAny, "MemInv Any";
    /// The same, non-temporal.
    OwnNtAny, "MemInvNT Any";
    /// To shared, without data.
    OwnShared, "MemInv Shared";
    /// The same, non-temporal.
    OwnNtShared, "MemInvNT Shared";
    /// To invalid, without data.
    OwnInvalid, "MemInv Invalid";
    /// The same, non-temporal.
    OwnNtInvalid, "MemInvNT Invalid";
    /// No state at all.
    OwnNone, "MemInv none";
    /// A clean copy is gone.
    CleanEvict, "MemClnEvct";
    /// Speculative read: never answered.
    Speculative, "MemSpecRd";
    /// Write-back, the copy is gone.
    WriteInvalid, "MemWr Invalid";
    /// Write-back, the line is kept with ownership.
    WriteAny, "MemWr Any";
    /// Write-back, the line is kept shared.
    WriteShared, "MemWr Shared";
    /// Write-back that does not say what is kept.
    WriteNone, "MemWr none";
    /// Write of a full line from no copy.
    WriteOver, "MemWr Invalid SnpInv";
    /// Write of some bytes from no copy.
    WritePartial, "MemWrPtl Invalid SnpInv";
    /// Write-back that answers a snoop.
    SnoopWrite, "MemWr (answer to BISnp)";
}

impl RequestKind {
    pub(super) fn is_read(self) -> bool {
        (self as u8) <= RequestKind::ReadInvalid as u8
    }

    pub(super) fn is_write(self) -> bool {
        self as u8 >= RequestKind::WriteInvalid as u8
    }

    pub(super) fn is_from_nothing(self) -> bool {
        matches!(self, RequestKind::WriteOver | RequestKind::WritePartial)
    }
}

/// What the host counted.
#[derive(Clone, Debug, Default)]
pub struct NastyStats {
    /// Messages by [`RequestKind`].
    pub sent: [u64; RequestKind::ALL.len()],
    /// Answers taken, by [`RequestKind`], NDR opcode and poison.
    pub answers: [[[u64; 2]; 4]; RequestKind::ALL.len()],
    /// Snoops answered, by the state that they found, BISnpInv or not, and the state after it.
    pub snooped: [[[u64; 2]; 2]; 4],
    /// Conflicts for an outstanding request, and for an outstanding write.
    pub conflicts: [u64; 2],
    /// Snoops of one, two and four lines.
    pub snoop_sizes: [u64; 3],
    /// Blocks answered as a whole.
    pub answered_blocks: u64,
    /// Silent changes of state.
    pub silent: u64,
    /// Stores into the cache.
    pub stores: u64,
    /// Messages that broke the protocol.
    pub violations: u64,
}

impl NastyStats {
    /// Answers taken.
    pub fn answered(&self) -> u64 {
        self.answers.iter().flatten().flatten().sum()
    }

    /// Requests and writes sent; conflicts and speculative reads not counted.
    pub fn requests(&self) -> u64 {
        self.sent.iter().sum::<u64>() - self.sent[RequestKind::Speculative as usize]
    }
}

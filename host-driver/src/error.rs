//! What can go wrong, each with the value that was wrong and what would be right.

use crate::carrier::CarrierError;
use crate::{CommandId, Hpa, Offset, PageIndex, PageRange};
use tideline_abi::command::{Opcode, Status};
use tideline_abi::geometry::REGION_PAGES;

/// An error of the driver.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The carrier failed.
    #[error(transparent)]
    Carrier(#[from] CarrierError),

    /// Not a Tideline device.
    #[error("ID register reads {found:#010x}: a Tideline device reads {expected:#010x}")]
    WrongId {
        /// What was read.
        found: u32,
        /// What is right.
        expected: u32,
    },
    /// A device that this driver does not know.
    #[error("device version {major}.{minor}: this driver speaks major version {expected}")]
    WrongVersion {
        /// The device's major version.
        major: u32,
        /// The device's minor version.
        minor: u32,
        /// The major version of this driver.
        expected: u32,
    },
    /// The capability list leads astray.
    #[error(
        "capability list at {offset:#x}: offsets must ascend, be multiples of 4 and stay below {limit:#x}"
    )]
    BadCapability {
        /// The offset that breaks the rule.
        offset: u32,
        /// Bytes of BAR0.
        limit: u32,
    },
    /// A device on a link that this driver does not know.
    #[error("ATTACH reads kind {kind}: this driver knows 0 (CXL.mem) and 1 (AXI4)")]
    UnknownAttach {
        /// The field.
        kind: u32,
    },
    /// The device lacks something that was asked for.
    #[error("the device has no capability {0}")]
    NoCapability(&'static str),
    /// Device memory is too small.
    #[error("{frames} frames of device memory: the tables alone take {tables}, and at least one must remain")]
    TooFewFrames {
        /// Frames that the carrier offers.
        frames: u32,
        /// Frames of the spool and of the descriptors.
        tables: u32,
    },
    /// An option with a value that does not work.
    #[error("option {option} = {value}: must be {right}")]
    BadOption {
        /// Name of the field of [`crate::Options`].
        option: &'static str,
        /// Its value.
        value: u64,
        /// What would be right.
        right: &'static str,
    },
    /// The device did not get ready.
    #[error("STATUS.ready is still 0 after {waits} waits")]
    NotReady {
        /// Waits spent.
        waits: u32,
    },

    /// A range without pages.
    #[error("range at window offset {offset:#x} is empty: name at least one page")]
    EmptyRange {
        /// Where it begins.
        offset: u64,
    },
    /// An address or a length that is not aligned.
    #[error("{what} {value:#x}: must be a multiple of {to}")]
    Unaligned {
        /// What it is.
        what: &'static str,
        /// Its value.
        value: u64,
        /// The alignment.
        to: u64,
    },
    /// A plain map of something else than whole regions.
    #[error("plain map: {what} {value} must be a multiple of {pages}, the pages of a region", pages = REGION_PAGES)]
    NotWholeRegions {
        /// What it is.
        what: &'static str,
        /// Its value.
        value: u32,
    },
    /// Pages or lines outside the window.
    #[error("{count} pages from {first} on: the window has {pages} pages")]
    OutsideWindow {
        /// First page.
        first: PageIndex,
        /// Pages.
        count: u32,
        /// Pages of the window.
        pages: u32,
    },
    /// An address below the window.
    #[error("{count} pages at {base:#x}: the window begins at {start:#x}", base = .base.0, start = .start.0)]
    BelowWindow {
        /// First address.
        base: Hpa,
        /// Pages.
        count: u32,
        /// Where the window begins.
        start: Hpa,
    },
    /// Bytes outside the window.
    #[error("{len} bytes at {offset}: the window has {size:#x} bytes")]
    BeyondWindow {
        /// The first one.
        offset: Offset,
        /// How many.
        len: u64,
        /// Bytes of the window.
        size: u64,
    },
    /// A cell that an array does not have.
    #[error("cell {index}: there are {len}, the first is 0")]
    NoSuchCell {
        /// The index asked for.
        index: u64,
        /// Cells that there are.
        len: u64,
    },
    /// No arena where one was to be opened.
    #[error("{pages} hold no arena of their size: {found}")]
    NoArena {
        /// The pages.
        pages: PageRange,
        /// What was found.
        found: String,
    },
    /// Something wrote over what an arena keeps of its blocks.
    #[error("{offset}: the header of a block of the arena was overwritten")]
    DamagedArena {
        /// The header.
        offset: Offset,
    },
    /// An allocation that makes no sense.
    #[error(
        "allocation of {len} bytes aligned to {align}: name at least one byte, and a power of two up to 4096"
    )]
    BadAllocation {
        /// Bytes asked for.
        len: u64,
        /// Alignment asked for.
        align: u64,
    },
    /// No room in an arena.
    #[error(
        "allocation of {len} bytes aligned to {align}: the largest free block of the arena has {largest}"
    )]
    ArenaFull {
        /// Bytes asked for.
        len: u64,
        /// Alignment asked for.
        align: u64,
        /// Most bytes of a free block.
        largest: u64,
    },
    /// Not a block of an arena.
    #[error("no allocated block of the arena begins at {offset}")]
    NotAllocated {
        /// The offset.
        offset: Offset,
    },
    /// Two ranges of one tracker share a page.
    #[error("{a} and {b} overlap at {at}: the ranges of a tracker must be disjoint")]
    OverlappingRanges {
        /// One range.
        a: PageRange,
        /// The other.
        b: PageRange,
        /// The first page of both.
        at: PageIndex,
    },
    /// Reads of a page are to be tracked, and another tracker has it without them: they cannot be added without losing
    /// lines.
    #[error("{range}: {at} is tracked without reads; start the tracker of reads before the others")]
    ReadsNotTracked {
        /// The range asked for.
        range: PageRange,
        /// The first page that is tracked without reads.
        at: PageIndex,
    },
    /// Reads were asked of a tracker that does not track them.
    #[error("this tracker does not track reads: start it with TrackConfig {{ accessed: true }}")]
    NoReads,
    /// A page that is tracked cannot be unmapped: its lines would be forgotten.
    #[error("unmap of {range}: {at} is tracked; stop the tracker first")]
    StillTracked {
        /// The range asked for.
        range: PageRange,
        /// The first page that is tracked.
        at: PageIndex,
    },
    /// A tracker without ranges.
    #[error("no range to track: name at least one")]
    NoRanges,
    /// A tracker that this device does not know.
    #[error("this tracker was not started on this device, or was stopped")]
    UnknownTracker,

    /// The log is on.
    #[error("the log is on already; stop it first")]
    LogOn,
    /// The log is off.
    #[error("the log is off: start it first (a reset switches it off)")]
    LogOff,
    /// The device still writes log records.
    #[error("the log still writes after {waits} waits. Reset the device to go on")]
    LogStuck {
        /// Waits spent.
        waits: u32,
    },
    /// The log's tail contradicts what was taken.
    #[error("LOG_TAIL reads {tail}: with {taken} records taken from a ring of {records} that cannot be")]
    BadLog {
        /// What was read.
        tail: u32,
        /// Records taken.
        taken: u32,
        /// Records of the ring.
        records: u32,
    },

    /// The device refused or ended a command.
    #[error("{opcode}: {} ({status}, at {cursor})", describe(*.status))]
    Command {
        /// What was asked for.
        opcode: Opcode,
        /// What the device says.
        status: Status,
        /// First page that is not done.
        cursor: PageIndex,
    },
    /// A command that this driver does not know failed.
    #[error("opcode {opcode:#x}: completed with status {status:#x}")]
    UnknownOpcode {
        /// The opcode.
        opcode: u8,
        /// The status.
        status: u16,
    },
    /// The device answered with a status that this driver does not know.
    #[error("{opcode}: unknown status {status:#x} in the completion")]
    UnknownStatus {
        /// What was asked for.
        opcode: Opcode,
        /// The status.
        status: u16,
    },
    /// The device was busy for too long.
    #[error(
        "{opcode}: the device is still busy after {waits} waits: another range command runs, or a result was not acknowledged"
    )]
    StillBusy {
        /// What was asked for.
        opcode: Opcode,
        /// Waits spent.
        waits: u32,
    },
    /// No completion came.
    #[error("{id} not completed after {waits} waits; ERROR register {errors:#x}. Reset the device to go on")]
    Timeout {
        /// The command.
        id: CommandId,
        /// Waits spent.
        waits: u32,
        /// The sticky errors at that time.
        errors: u32,
    },
    /// The submission queue has no free entry.
    #[error("the submission queue is full: {in_flight} commands in flight; poll before submitting more")]
    QueueFull {
        /// Commands that the device has not completed.
        in_flight: usize,
    },
    /// Nothing is known of this command.
    #[error("{0} is not in flight: it was polled already, or a reset ended it")]
    UnknownCommand(CommandId),
    /// A completion that belongs to no command.
    #[error("completion for command identifier {cid}, which is not in flight")]
    StrayCompletion {
        /// Its identifier.
        cid: u16,
    },
    /// A harvest result that contradicts itself.
    #[error("harvest result {sequence}: {what}")]
    BadResult {
        /// The sequence of the result.
        sequence: u32,
        /// What is wrong.
        what: String,
    },
}

/// The sentence of a status, from the table of the interface.
fn describe(status: Status) -> &'static str {
    let code = Status::TABLE.codes.iter().find(|c| c.value == status.code());
    code.map_or("", |c| c.doc.trim().trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_said_in_words() {
        let e = Error::Command { opcode: Opcode::Map, status: Status::WrongState, cursor: PageIndex(7) };
        let text = e.to_string();
        assert_eq!(
            text,
            "Map: A page is in the wrong state for the command; the cursor names it (WrongState, at page 7)"
        );
    }
}

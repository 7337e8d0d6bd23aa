//! An open device: setup, commands, window accesses.

use crate::addr::{Frame, Hpa, LineAddr, PageIndex, PageRange};
use crate::carrier::{Arrival, Carrier, DmaRegion};
use crate::log::Ring;
use crate::queue::{CommandId, Queues};
use crate::regs::{RegisterValue, dump};
use crate::track::Trackings;
use crate::{Error, Generation};
use tideline_abi::attach::Attach;
use tideline_abi::command::{Command, Completion, ENTRY_BYTES, Opcode, RECORD_BYTES, Status, flag};
use tideline_abi::cxl::Line;
use tideline_abi::descriptor::Descriptor;
use tideline_abi::geometry::{GROUP_PAGES, PAGE_BYTES, REGION_PAGES};
use tideline_abi::regs::{
    self, AttachKind, BAR0_BYTES, CapHead, CapTrack, Ctrl, DescriptorBase, ErrorBits, Frames, ID_VALUE, Id,
    IntrEnable, IntrState, Param0, Param1, SpoolBase, TableInit, Version, WindowBaseHi, WindowBaseLo,
    WindowSize,
};

/// The major version of the interface that this driver speaks.
const MAJOR: u32 = Version(default_version()).major();
/// Capability identifiers.
pub(crate) const CAP_TRACK: u8 = 1;
pub(crate) const CAP_RECALL: u8 = 2;
pub(crate) const CAP_LOG: u8 = 3;
/// The interrupt that the driver waits for. The others stay in INTR_STATE for those who ask.
pub(crate) const INTR_COMPLETION: u32 = 1 << 0;
const INTR_ERROR: u32 = 1 << 1;
/// Vector of the log.
pub(crate) const VECTOR_LOG: u32 = 2;
pub(crate) const INTR_LOG: u32 = 1 << VECTOR_LOG;
const INTR_RESET_DONE: u32 = 1 << 3;

const fn default_version() -> u32 {
    regs::REGISTERS[regs::reg::VERSION].reset
}

/// How to open a device.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Entries of the submission queue, as a power of two (1 to 12).
    pub sq_log2: u32,
    /// Entries of the completion queue, as a power of two (1 to 12). One of them always stays empty.
    pub cq_log2: u32,
    /// Records that one harvest can bring at most. A report takes as many harvests as it needs.
    pub records: u32,
    /// Waits ([`Carrier::wait`]) until a command counts as lost.
    pub patience: u32,
    /// Let the device grant exclusive copies to reads of untracked pages.
    pub grant_exclusive: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { sq_log2: 6, cq_log2: 6, records: 4096, patience: 1 << 20, grant_exclusive: false }
    }
}

/// What the device says of itself in its constant registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// Version of the interface: major, minor, patch.
    pub version: (u32, u32, u32),
    /// How it is attached to the host.
    pub attach: Attach,
    /// Pages of the window.
    pub pages: u32,
    /// Frames that MAP may use: device memory without the spool and the tables.
    pub frames: u32,
    /// Back-invalidate snoops outstanding at most.
    pub bi_tags: u32,
    /// Pages being recalled at most.
    pub recall_contexts: u32,
    /// Requests to pages being recalled that can wait.
    pub deferred_entries: u32,
    /// Capabilities, in the order of the device's list.
    pub capabilities: Vec<Capability>,
}

/// An entry of the capability list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability {
    /// Identifier: 1 = track, 2 = recall, 3 = log.
    pub id: u8,
    /// Version of the capability.
    pub version: u8,
    /// Byte offset in BAR0.
    pub offset: u32,
}

/// The answer of IDENTIFY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Pages of the window.
    pub pages: u32,
    /// Back-invalidate snoops outstanding at most.
    pub bi_tags: u32,
    /// Pages being recalled at most.
    pub recall_contexts: u32,
    /// Requests to pages being recalled that can wait.
    pub deferred_entries: u32,
}

/// What the host has to give up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recall {
    /// Write permission: shared copies stay.
    WritePermission,
    /// Every copy.
    EveryCopy,
}

/// An open Tideline device behind a carrier.
///
/// Calls block, each for a bounded while ([`Options::patience`]). Dropping a device drops its carrier, and with it
/// the access to the device and the memory shared with it; [`Device::close`] ends in good order and gives the
/// carrier back.
#[derive(Debug)]
pub struct Device<C: Carrier> {
    pub(crate) carrier: C,
    options: Options,
    info: Info,
    queues: Queues,
    pub(crate) records: DmaRegion,
    pub(crate) trackings: Trackings,
    pub(crate) log: Option<Ring>,
}

impl<C: Carrier> Device<C> {
    /// Opens a device with the default [`Options`].
    ///
    /// # Errors
    /// As [`Device::open_with`].
    pub fn open(carrier: C) -> Result<Self, Error> {
        Self::open_with(carrier, Options::default())
    }

    /// Opens a device: checks what it is, resets its host side, opens the window and starts the queues.
    ///
    /// Mapped pages stay mapped: they outlive a reset, and whoever had the device before.
    ///
    /// # Errors
    /// [`Error::WrongId`], [`Error::WrongVersion`], [`Error::BadCapability`], [`Error::UnknownAttach`] if it is no device for this driver,
    /// [`Error::TooFewFrames`], [`Error::BadOption`], [`Error::NotReady`], or the carrier's.
    pub fn open_with(mut carrier: C, options: Options) -> Result<Self, Error> {
        check(&options)?;
        let info = inspect(&mut carrier)?;
        for waits in 0.. {
            if regs::Status(carrier.read32(regs::Status::OFFSET)?).ready() == 1 {
                break;
            }
            if waits == options.patience.min(carrier.most_waits()) {
                return Err(Error::NotReady { waits });
            }
            carrier.wait()?;
        }
        carrier.reset()?;
        let queues = Queues::new(&mut carrier, &options)?;
        let records = carrier.dma_alloc(options.records as usize * RECORD_BYTES)?;
        let trackings = Trackings::default();
        let mut device = Self { carrier, options, info, queues, records, trackings, log: None };
        device.set_up()?;
        device.trackings.generation = device.generation()?;
        Ok(device)
    }

    /// Stops every tracker, resets the host side of the device and gives the carrier back.
    ///
    /// # Errors
    /// The first one; the carrier is dropped then.
    pub fn close(mut self) -> Result<C, Error> {
        let stopped = self.stop_all();
        self.carrier.reset()?;
        self.forget_log();
        self.queues.free(&mut self.carrier);
        self.carrier.dma_free(self.records);
        stopped.map(|()| self.carrier)
    }

    /// Function level reset. Commands in flight are forgotten, the log is off; the window, maps and trackers stay, and lines that
    /// were not reported come again. Where the device turns out to have lost maps and tracking (it was powered on
    /// anew), every report says so from now on: [`crate::Loss::PowerOn`].
    ///
    /// # Errors
    /// The carrier's.
    pub fn reset(&mut self) -> Result<(), Error> {
        self.carrier.reset()?;
        self.forget_log();
        self.set_up()?;
        self.check_reset()
    }

    /// A reset has switched the log off.
    fn forget_log(&mut self) {
        if let Some(ring) = self.log.take() {
            ring.free(&mut self.carrier);
        }
    }

    /// The window, the memory and the queues, on a device that was just reset.
    fn set_up(&mut self) -> Result<(), Error> {
        let base = self.carrier.window_base();
        let enable = 1 | (self.options.grant_exclusive as u32) << 1;
        for (offset, value) in [
            (WindowBaseLo::OFFSET, base as u32),
            (WindowBaseHi::OFFSET, (base >> 32) as u32),
            (WindowSize::OFFSET, self.info.pages),
            (Frames::OFFSET, self.info.frames),
            (SpoolBase::OFFSET, self.info.frames),
        ] {
            self.carrier.write32(offset, value)?;
        }
        self.prepare_tables()?;
        self.queues.restart(&mut self.carrier)?;
        self.carrier.write32(IntrState::OFFSET, INTR_COMPLETION | INTR_RESET_DONE)?;
        self.carrier.write32(IntrEnable::OFFSET, INTR_COMPLETION)?;
        self.carrier.write32(Ctrl::OFFSET, enable)?;
        Ok(())
    }

    /// Lets the device prepare its tables, behind the spool, if it has not since power-on.
    fn prepare_tables(&mut self) -> Result<(), Error> {
        if self.status()?.tables() == 1 {
            return Ok(());
        }
        let base = self.info.frames + spool_frames(self.info.pages);
        self.carrier.write32(DescriptorBase::OFFSET, base)?;
        let zeroed = u32::from(self.carrier.memory_is_cleared());
        self.carrier.write32(TableInit::OFFSET, 1 | zeroed << 1)?;
        for _ in 0..self.options.patience {
            if self.status()?.tables() == 1 {
                return Ok(());
            }
            self.carrier.wait()?;
        }
        Err(Error::NotReady { waits: self.options.patience })
    }

    fn status(&mut self) -> Result<regs::Status, Error> {
        Ok(regs::Status(self.carrier.read32(regs::Status::OFFSET)?))
    }

    /// What the device says of itself.
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// The options that it was opened with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The carrier, to look into.
    pub fn carrier(&self) -> &C {
        &self.carrier
    }

    /// The carrier, to drive loads and stores between commands. Resetting the device through it leaves the driver
    /// out of step: use [`Device::reset`], also afterwards.
    pub fn carrier_mut(&mut self) -> &mut C {
        &mut self.carrier
    }

    /// Host physical address of the window.
    pub fn window_base(&self) -> Hpa {
        Hpa(self.carrier.window_base())
    }

    /// Every page of the window.
    pub fn pages(&self) -> PageRange {
        PageRange::new(PageIndex(0), self.info.pages).expect("a device without pages is not opened")
    }

    /// The pages of `len` bytes from a host physical address on.
    ///
    /// # Errors
    /// [`Error::Unaligned`], [`Error::EmptyRange`], [`Error::OutsideWindow`].
    pub fn range_at(&self, base: Hpa, len: u64) -> Result<PageRange, Error> {
        let (pages, start) = (self.info.pages, self.window_base());
        let Some(offset) = base.0.checked_sub(start.0) else {
            let count = (len / PAGE_BYTES as u64).try_into().unwrap_or(u32::MAX);
            return Err(Error::BelowWindow { base, count, start });
        };
        let range = PageRange::from_bytes(offset, len).map_err(|e| match e {
            Error::OutsideWindow { first, count, .. } => Error::OutsideWindow { first, count, pages },
            e => e,
        })?;
        self.check_range(range)
    }

    /// The range, if it lies in the window.
    pub(crate) fn check_range(&self, range: PageRange) -> Result<PageRange, Error> {
        let pages = self.info.pages;
        if range.end().0 > pages {
            return Err(Error::OutsideWindow { first: range.first(), count: range.count(), pages });
        }
        Ok(range)
    }

    /// The device can recall what the host holds.
    pub fn has_recall(&self) -> bool {
        self.info.capabilities.iter().any(|c| c.id == CAP_RECALL)
    }

    pub(crate) fn require(&self, id: u8, name: &'static str) -> Result<(), Error> {
        let has = self.info.capabilities.iter().any(|c| c.id == id);
        if has { Ok(()) } else { Err(Error::NoCapability(name)) }
    }
}

// ---- commands ----

impl<C: Carrier> Device<C> {
    /// Submits a command and returns at once. The driver chooses its identifier.
    ///
    /// # Errors
    /// [`Error::QueueFull`], or the carrier's.
    pub fn submit(&mut self, command: &Command) -> Result<CommandId, Error> {
        self.submit_entry(command.to_bytes())
    }

    /// Submits 64 bytes as they are, the identifier excepted: also what no [`Command`] can say.
    ///
    /// # Errors
    /// As [`Device::submit`].
    pub fn submit_entry(&mut self, entry: [u8; ENTRY_BYTES]) -> Result<CommandId, Error> {
        self.queues.submit(&mut self.carrier, entry)
    }

    /// The completion of a command, if it has come, whatever its status. Given once.
    ///
    /// # Errors
    /// [`Error::UnknownCommand`], [`Error::StrayCompletion`], or the carrier's.
    pub fn poll(&mut self, id: CommandId) -> Result<Option<Completion>, Error> {
        if let Some(completion) = self.queues.take(id)? {
            return Ok(Some(completion));
        }
        self.queues.reap(&mut self.carrier)?;
        self.queues.take(id)
    }

    /// Waits for the completion of a command, whatever its status.
    ///
    /// # Errors
    /// [`Error::Timeout`] after [`Options::patience`] waits: nobody may ask for the command any more then. Else as
    /// [`Device::poll`].
    pub fn wait(&mut self, id: CommandId) -> Result<Completion, Error> {
        self.wait_for(id, None)
    }

    /// Waits until a command counts as lost.
    fn patience(&self) -> u32 {
        self.options.patience.min(self.carrier.most_waits())
    }

    fn wait_for(&mut self, id: CommandId, opcode: Option<Opcode>) -> Result<Completion, Error> {
        let waits = self.patience();
        for _ in 0..=waits {
            if let Some(completion) = self.poll(id)? {
                return Ok(completion);
            }
            // The interrupt is cleared before the last look, so that none is lost in between.
            self.carrier.write32(IntrState::OFFSET, INTR_COMPLETION)?;
            if !self.queues.reap(&mut self.carrier)? {
                self.carrier.wait()?;
            }
        }
        self.queues.abandon(id, opcode);
        Err(Error::Timeout { id, waits, errors: self.errors()?.0 })
    }

    /// Runs a command to its end. While the device is busy with another one it is tried again.
    ///
    /// # Errors
    /// [`Error::Command`] for every status but success, [`Error::StillBusy`], else as [`Device::wait`].
    pub fn execute(&mut self, command: &Command) -> Result<Completion, Error> {
        let completion = self.run(command)?;
        let (opcode, status) = decode(command, &completion)?;
        match status {
            Status::Success => Ok(completion),
            _ => Err(Error::Command { opcode, status, cursor: PageIndex(completion.cursor) }),
        }
    }

    /// As [`Device::execute`], with every status but BUSY as it is.
    pub(crate) fn run(&mut self, command: &Command) -> Result<Completion, Error> {
        let opcode = Opcode::from_code(command.opcode.into());
        let (mut waits, mut pause) = (0, 1);
        loop {
            let id = self.submit(command)?;
            let completion = self.wait_for(id, opcode)?;
            if completion.status != Status::Busy as u16 {
                return Ok(completion);
            }
            if waits >= self.patience() {
                let (opcode, _) = decode(command, &completion)?;
                return Err(Error::StillBusy { opcode, waits });
            }
            self.return_unclaimed()?;
            for _ in 0..pause {
                self.carrier.wait()?;
            }
            waits += pause;
            pause = (pause * 2).min(1024);
        }
    }

    /// Gives results back to the device that nobody waited for: they are reported again.
    fn return_unclaimed(&mut self) -> Result<(), Error> {
        while let Some(sequence) = self.queues.unclaimed.pop() {
            let nack = Command { param: sequence, ..Command::new(Opcode::HarvestNack) };
            let id = self.submit(&nack)?;
            self.wait_for(id, None)?;
        }
        Ok(())
    }

    fn range_command(&mut self, opcode: Opcode, flags: u8, range: PageRange, arg: u64) -> Result<(), Error> {
        let range = self.check_range(range)?;
        let (page, count) = (range.first().0, range.count());
        self.execute(&Command { flags, page, count, arg, ..Command::new(opcode) }).map(drop)
    }

    /// Asks the device for its sizes.
    ///
    /// # Errors
    /// As [`Device::execute`].
    pub fn identify(&mut self) -> Result<Identity, Error> {
        let c = self.execute(&Command::new(Opcode::Identify))?;
        Ok(Identity {
            pages: c.detail as u32,
            bi_tags: (c.detail >> 32) as u32,
            recall_contexts: c.detail2 as u32,
            deferred_entries: (c.detail2 >> 32) as u32,
        })
    }

    /// Maps pages to consecutive frames. Frames keep what was written to them.
    ///
    /// # Errors
    /// [`Error::Command`] with `WrongState` at the first page that is mapped already; those below it are mapped
    /// then. Else as [`Device::execute`].
    pub fn map(&mut self, range: PageRange, frame: Frame) -> Result<(), Error> {
        self.map_with(0, range, frame)
    }

    /// Maps whole regions of 512 pages to consecutive frames, as plain ones: until they are tracked, recalled or unmapped,
    /// their lines go to memory past the descriptors (`docs/contract.md`, "Plain regions"). First page, number of pages and
    /// frame must be multiples of [`REGION_PAGES`].
    ///
    /// Everything else is as with [`Device::map`]. A tracker of some of the pages makes the region an ordinary one, and so it
    /// stays until it is unmapped.
    ///
    /// # Errors
    /// [`Error::NotWholeRegions`]; [`Error::Command`] with `WrongState` at the first page that is mapped already; those
    /// below it are mapped then, and the regions below its own are plain. Else as [`Device::execute`].
    pub fn map_plain(&mut self, range: PageRange, frame: Frame) -> Result<(), Error> {
        let values =
            [("first page", range.first().0), ("number of pages", range.count()), ("frame", frame.0)];
        if let Some(&(what, value)) = values.iter().find(|(_, v)| !v.is_multiple_of(REGION_PAGES as u32)) {
            return Err(Error::NotWholeRegions { what, value });
        }
        self.map_with(flag::MAP_PLAIN, range, frame)
    }

    fn map_with(&mut self, flags: u8, range: PageRange, frame: Frame) -> Result<(), Error> {
        if !self.has_recall() {
            // What the CPU read of a page without a frame must not outlive it. No reading back: there is nothing to read.
            self.drop_lines(range)?;
        }
        self.range_command(Opcode::Map, flags, range, frame.0.into())
    }

    /// Unmaps pages. When it returns, the device no longer accesses their frames.
    ///
    /// # Errors
    /// [`Error::StillTracked`]; [`Error::Command`] with `WrongState` at the first page that is not mapped; those
    /// below it are unmapped then. Else as [`Device::execute`].
    pub fn unmap(&mut self, range: PageRange) -> Result<(), Error> {
        self.sweep()?;
        match self.trackings.pages().iter().find_map(|r| r.overlap(range)) {
            Some(at) => Err(Error::StillTracked { range, at }),
            None => {
                if !self.has_recall() {
                    self.flush(range)?;
                }
                self.range_command(Opcode::Unmap, 0, range, 0)
            }
        }
    }

    /// Makes the host give up write permission, or every copy, of pages.
    ///
    /// # Errors
    /// As [`Device::execute`].
    pub fn recall(&mut self, range: PageRange, what: Recall) -> Result<(), Error> {
        self.require(CAP_RECALL, "recall")?;
        let flags = if what == Recall::EveryCopy { flag::RECALL_INVALIDATE } else { 0 };
        self.range_command(Opcode::Recall, flags, range, 0)
    }

    /// Makes the CPU write back and drop its lines of pages that are mapped, on every attach. Says what proves that they
    /// are in the device; where nothing does, a line of them was read back past the caches.
    ///
    /// # Errors
    /// [`Error::OutsideWindow`], or the carrier's: [`crate::CarrierError::NoFlush`] among them.
    pub fn flush(&mut self, range: PageRange) -> Result<Arrival, Error> {
        let arrival = self.drop_lines(range)?;
        if arrival == Arrival::Platform {
            self.carrier.read_back(LineAddr::new(range.first(), 0).offset())?;
        }
        Ok(arrival)
    }

    fn drop_lines(&mut self, range: PageRange) -> Result<Arrival, Error> {
        let range = self.check_range(range)?;
        let bytes = u64::from(range.count()) * PAGE_BYTES as u64;
        Ok(self.carrier.flush(LineAddr::new(range.first(), 0).offset(), bytes)?)
    }

    /// Starts (TRACK_SET, and TRACK_ACCESSED) or stops (no flags) the tracking of pages.
    pub(crate) fn track(&mut self, range: PageRange, flags: u8) -> Result<(), Error> {
        if flags & flag::TRACK_SET != 0 && !self.has_recall() {
            // Stores of before must not be written back after.
            self.flush(range)?;
        }
        self.range_command(Opcode::Track, flags, range, 0)
    }

    /// Waits until every earlier command has completed and every earlier line access has reached memory.
    ///
    /// # Errors
    /// As [`Device::execute`].
    pub fn fence(&mut self) -> Result<(), Error> {
        self.execute(&Command::new(Opcode::Fence)).map(drop)
    }
}

// ---- the window and the registers ----

impl<C: Carrier> Device<C> {
    /// Loads a line through the host's coherent caches.
    ///
    /// # Errors
    /// The carrier's.
    pub fn load(&mut self, line: LineAddr) -> Result<Line, Error> {
        Ok(self.carrier.load_line(line.offset())?)
    }

    /// Stores a line through the host's coherent caches.
    ///
    /// # Errors
    /// The carrier's.
    pub fn store(&mut self, line: LineAddr, data: &Line) -> Result<(), Error> {
        Ok(self.carrier.store_line(line.offset(), data)?)
    }

    /// Every register and its value.
    ///
    /// # Errors
    /// The carrier's.
    pub fn registers(&mut self) -> Result<Vec<RegisterValue>, Error> {
        Ok(dump(&mut self.carrier)?)
    }

    /// The sticky errors.
    ///
    /// # Errors
    /// The carrier's.
    pub fn errors(&mut self) -> Result<ErrorBits, Error> {
        Ok(ErrorBits(self.carrier.read32(ErrorBits::OFFSET)?))
    }

    /// Clears these sticky errors, and the error bit of the interrupt state. Other errors stay; new ones set both again.
    ///
    /// # Errors
    /// The carrier's.
    pub fn clear_errors(&mut self, errors: ErrorBits) -> Result<(), Error> {
        self.carrier.write32(IntrState::OFFSET, INTR_ERROR)?;
        Ok(self.carrier.write32(ErrorBits::OFFSET, errors.0)?)
    }

    /// The interrupt state.
    ///
    /// # Errors
    /// The carrier's.
    pub fn interrupts(&mut self) -> Result<IntrState, Error> {
        Ok(IntrState(self.carrier.read32(IntrState::OFFSET)?))
    }

    /// The device's generation.
    ///
    /// # Errors
    /// The carrier's.
    pub fn generation(&mut self) -> Result<Generation, Error> {
        Ok(Generation(self.carrier.read32(regs::Generation::OFFSET)?))
    }
}

/// Opcode of a command, status of its completion.
pub(crate) fn decode(command: &Command, completion: &Completion) -> Result<(Opcode, Status), Error> {
    let opcode = Opcode::from_code(command.opcode.into())
        .ok_or(Error::UnknownOpcode { opcode: command.opcode, status: completion.status })?;
    let status = Status::from_code(completion.status.into())
        .ok_or(Error::UnknownStatus { opcode, status: completion.status })?;
    Ok((opcode, status))
}

fn check(options: &Options) -> Result<(), Error> {
    if !(1..=1 << 24).contains(&options.records) {
        let value = options.records.into();
        return Err(Error::BadOption { option: "records", value, right: "1 to 16777216" });
    }
    Ok(())
}

/// Frames of the spool for a window of so many pages: a record each.
fn spool_frames(pages: u32) -> u32 {
    (pages as usize * RECORD_BYTES).div_ceil(PAGE_BYTES) as u32
}

/// Frames of the descriptors of a window of so many pages.
fn table_frames(pages: u32) -> u32 {
    let descriptors = pages as usize * size_of::<Descriptor>();
    let page_list = (pages as usize).next_multiple_of(GROUP_PAGES);
    (descriptors + page_list).div_ceil(PAGE_BYTES) as u32
}

/// Reads the constant registers: is this a device for us, and of which size?
fn inspect<C: Carrier>(carrier: &mut C) -> Result<Info, Error> {
    let found = carrier.read32(Id::OFFSET)?;
    if found != ID_VALUE {
        return Err(Error::WrongId { found, expected: ID_VALUE });
    }
    let version = Version(carrier.read32(Version::OFFSET)?);
    let (major, minor) = (version.major(), version.minor());
    if major != MAJOR {
        return Err(Error::WrongVersion { major, minor, expected: MAJOR });
    }
    let param0 = Param0(carrier.read32(Param0::OFFSET)?);
    let param1 = Param1(carrier.read32(Param1::OFFSET)?);
    let page_bits = param0.page_bits();
    if page_bits > 26 {
        return Err(Error::BadOption {
            option: "PARAM0.page_bits",
            value: page_bits.into(),
            right: "0 to 26",
        });
    }
    let pages = (carrier.window_bytes() / PAGE_BYTES as u64).min(1 << page_bits) as u32;
    let frames = carrier.frames();
    let tables = spool_frames(pages) + table_frames(pages);
    if frames <= tables {
        return Err(Error::TooFewFrames { frames, tables });
    }
    let kind = AttachKind(carrier.read32(AttachKind::OFFSET)?).kind();
    let attach = Attach::from_code(kind.into()).ok_or(Error::UnknownAttach { kind })?;
    Ok(Info {
        version: (major, minor, version.patch()),
        attach,
        pages,
        frames: frames - tables,
        bi_tags: param0.bi_tags(),
        recall_contexts: param1.recall_contexts(),
        deferred_entries: param1.deferred_entries(),
        capabilities: capabilities(carrier)?,
    })
}

fn capabilities<C: Carrier>(carrier: &mut C) -> Result<Vec<Capability>, Error> {
    let mut list: Vec<Capability> = Vec::new();
    let mut offset = CapHead(carrier.read32(CapHead::OFFSET)?).offset();
    while offset != 0 {
        let last = list.last().map_or(CapHead::OFFSET, |c| c.offset);
        if offset <= last || !offset.is_multiple_of(4) || offset >= BAR0_BYTES {
            return Err(Error::BadCapability { offset, limit: BAR0_BYTES });
        }
        let entry = CapTrack(carrier.read32(offset)?);
        list.push(Capability { id: entry.id() as u8, version: entry.version() as u8, offset });
        offset = entry.next();
    }
    Ok(list)
}

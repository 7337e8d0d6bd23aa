//! The campaign of the AXI attach: random bursts against the Verilated RTL, while software maps, tracks and harvests.
//!
//! Bursts of every type, length, size, alignment and ID, narrow and sparse strobes, exclusive ones, inside the window, in
//! pages without a frame, and beside the window; all five channels pause on their own; reads and writes overlap on the same
//! lines. Traffic does not pause for harvests, aborts and resets. It leaves a page alone only while that page moves: nobody
//! could say where its writes landed.
//!
//! | check | where |
//! |---|---|
//! | stable offers, answers that were asked for, order within an ID, RLAST | [`crate::axi::Manager`] |
//! | order of all answers, RRESP, BRESP, bytes of every read, exactness of every harvest | here and in [`judge`] |
//! | each commit slot decided as the model does; nothing owned | here, lockstep |
//! | memory at the end, sticky errors | here |

mod bursts;
pub mod judge;
mod software;

use super::{Commit, Dut, Rtl, WINDOW_PAGES, lockstep};
use crate::axi::{Burst, ReadBeat, Resp, WriteBeat, WriteResponse};
use crate::host::Hpa;
use crate::rtl_device::{DeviceError, RtlConfig};
use bursts::{Beat, beats};
use judge::{Log, Wrong};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use software::Software;
use std::collections::VecDeque;
use std::fmt;
use tideline_abi::attach::Attach;
use tideline_abi::cxl::{Channels, Line};
use tideline_abi::geometry::{LINE_BYTES, LINES_PER_PAGE, PAGE_BYTES};
use tideline_abi::regs::{
    DescriptorBase, ErrorBits, Frames, SpoolBase, Status, TableInit, WindowBaseHi, WindowBaseLo, WindowSize,
    error_bit,
};
use tideline_abi::slot::SlotKind;
use tideline_model::Core;

/// Where the window is.
const WINDOW_BASE: Hpa = Hpa(0xc_35a0_0000_0000);
/// Cycles without an answer after which something is stuck.
const PATIENCE: u64 = 1_000_000;
/// Cycles after which a burst that is not answered is stuck, though others are. Its judge keeps every version since it was sent.
const BURST_PATIENCE: u64 = 100_000;

/// A campaign.
#[derive(Clone, Copy, Debug)]
pub struct AxiConfig {
    /// Seed of everything random.
    pub seed: u64,
    /// Beats until it ends.
    pub beats: u64,
    /// Pages that play; the last quarter of them moves.
    pub pages: u32,
    /// Bursts under way at most, in each direction.
    pub outstanding: usize,
    /// Chance of a command, in 1/1000 of the occasions.
    pub command_rate: u32,
    /// Function level resets in the middle.
    pub resets: u32,
}

impl AxiConfig {
    /// A campaign with everything on.
    pub fn new(seed: u64, beats: u64) -> Self {
        Self { seed, beats, pages: 12, outstanding: 24, command_rate: 300, resets: 5 }
    }
}

/// Why a campaign failed.
#[derive(Debug, thiserror::Error)]
pub enum AxiError {
    /// The device broke a rule of an interface.
    #[error("device: {0}")]
    Device(#[from] DeviceError),
    /// A line is not as it must be.
    #[error("page {page:#x}, line {line}: {wrong}")]
    Line {
        /// Page of the window.
        page: u32,
        /// Line of the page.
        line: usize,
        /// What.
        wrong: Wrong,
    },
    /// An answer with another ID, or response, than the oldest burst must have.
    #[error(
        "{channel}: ID {id} and {resp:?}, but the oldest burst is {burst:x?} and must be answered {right:?}"
    )]
    Answer {
        /// The channel.
        channel: &'static str,
        /// ID of the answer.
        id: u8,
        /// Its response.
        resp: Resp,
        /// The burst.
        burst: Burst,
        /// The response that is right.
        right: Resp,
    },
    /// A slot was decided otherwise than the model does, or owned a line.
    #[error("the device decided {device:x?}, the model {model:x?}; nothing may be owned")]
    Lockstep {
        /// The slot, and the device's decision.
        device: Box<Commit>,
        /// The slot, and the model's decision.
        model: Box<Commit>,
    },
    /// A completion that the command does not allow, or a record that makes no sense.
    #[error("{command}: {what}")]
    Command {
        /// The command.
        command: String,
        /// What is wrong.
        what: String,
    },
    /// An error bit was set that nothing explains.
    #[error("ERROR is {bits:#x}, explained are {explained:#x}")]
    ErrorBits {
        /// The register.
        bits: u32,
        /// What may be set.
        explained: u32,
    },
    /// Nothing was answered for too long, or a burst was not.
    #[error("stuck: {reads} reads and {writes} writes under way, command under way: {command}")]
    Stuck {
        /// Bursts.
        reads: usize,
        /// Bursts.
        writes: usize,
        /// A command is under way.
        command: bool,
    },
}

/// A failed campaign.
#[derive(Debug, thiserror::Error)]
#[error("seed {seed:#x}, cycle {cycle}: {error}")]
pub struct AxiFailure {
    /// Its seed.
    pub seed: u64,
    /// The cycle.
    pub cycle: u64,
    /// What.
    pub error: AxiError,
}

/// What a campaign did.
#[derive(Clone, Debug, Default)]
pub struct AxiSummary {
    /// Its seed.
    pub seed: u64,
    /// Cycles.
    pub cycles: u64,
    /// Beats by direction (0 = read), burst type and size.
    pub beats: [[[u64; 7]; 3]; 2],
    /// Bursts by direction and ID.
    pub ids: Vec<[u64; 2]>,
    /// Answers by direction and response.
    pub answers: [[u64; 4]; 2],
    /// Beats without a strobe, with some, with all.
    pub strobes: [u64; 3],
    /// Harvests with a result, continued ones, lines reported, results refused, ABORTs, resets, pages moved, TRACKs.
    pub harvests: u64,
    /// See above.
    pub partial: u64,
    /// See above.
    pub reported: u64,
    /// See above.
    pub nacks: u64,
    /// See above.
    pub aborts: u64,
    /// See above.
    pub resets: u64,
    /// See above.
    pub moves: u64,
    /// See above.
    pub tracks: u64,
    /// Commit slots compared with the model.
    pub slots: u64,
    /// Snoops of MAP that the front answered.
    pub snoops: u64,
}

impl AxiSummary {
    /// Beats in all.
    pub fn all_beats(&self) -> u64 {
        self.beats.iter().flatten().flatten().sum()
    }

    /// What the attach promises and this campaign did not reach.
    pub fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        for (direction, name) in ["read", "write"].iter().enumerate() {
            for (kind, sizes) in self.beats[direction].iter().enumerate() {
                for (size, _) in sizes.iter().enumerate().filter(|(_, count)| **count == 0) {
                    missing.push(format!("{name}, burst type {kind}, size {size}"));
                }
            }
            for resp in [Resp::Okay, Resp::SlvErr, Resp::DecErr] {
                if self.answers[direction][resp as usize] == 0 {
                    missing.push(format!("{name}, {resp:?}"));
                }
            }
            for (id, _) in self.ids.iter().enumerate().filter(|(_, bursts)| bursts[direction] == 0) {
                missing.push(format!("{name}, ID {id}"));
            }
        }
        let Self { harvests, nacks, aborts, resets, moves, tracks, snoops, .. } = *self;
        let counts = [harvests, nacks, aborts, resets, moves, tracks, snoops];
        if counts.contains(&0) || self.strobes.contains(&0) {
            missing.push(format!("a kind of command, or of strobes: {self}"));
        }
        missing
    }
}

impl fmt::Display for AxiSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let beats = |direction: usize| self.beats[direction].iter().flatten().sum::<u64>();
        writeln!(
            f,
            "axi, seed {:#x}: {} beats read, {} written, {} cycles",
            self.seed,
            beats(0),
            beats(1),
            self.cycles
        )?;
        writeln!(f, "  beats by burst type and size: {:?}", self.beats)?;
        writeln!(
            f,
            "  answers OKAY, EXOKAY, SLVERR, DECERR: {:?}; strobes none, some, all: {:?}",
            self.answers, self.strobes
        )?;
        write!(
            f,
            "  {} harvests ({} continued, {} refused), {} lines reported, {} ABORT, {} resets, {} moves, {} TRACK, \
             {} slots compared, {} snoops",
            self.harvests,
            self.partial,
            self.nacks,
            self.reported,
            self.aborts,
            self.resets,
            self.moves,
            self.tracks,
            self.slots,
            self.snoops
        )
    }
}

/// Where a page of the campaign is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Local(u32),
    Unmapped,
}

/// A page of the campaign.
struct Page {
    /// Page of the window.
    number: u32,
    place: Place,
    tracked: bool,
    /// No new bursts: it moves.
    held: bool,
    /// Bursts under way.
    busy: u32,
    lines: Vec<Log>,
}

/// A burst under way: its page of the campaign (none: outside the window), and what its beats wait for.
struct Flight {
    burst: Burst,
    since: u64,
    page: Option<usize>,
    right: Resp,
    beats: VecDeque<(Beat, u64)>,
}

/// The host and its knowledge.
struct Host {
    pages: Vec<Page>,
    now: u64,
    reads: VecDeque<Flight>,
    writes: VecDeque<Flight>,
    /// Data that was not given to the manager yet, bursts in order.
    data: VecDeque<WriteBeat>,
    rng: ChaCha8Rng,
    summary: AxiSummary,
    outside: bool,
}

/// Runs a campaign against the RTL, fresh from power-on.
///
/// # Errors
/// The first check that failed.
pub fn run_axi(rtl: &RtlConfig, config: &AxiConfig) -> Result<AxiSummary, Box<AxiFailure>> {
    println!("campaign on axi: seed {:#x}, {} beats", config.seed, config.beats);
    let mut host = Host::new(config);
    drive(rtl, config, &mut host)
        .map_err(|error| Box::new(AxiFailure { seed: config.seed, cycle: host.now, error }))?;
    Ok(host.summary)
}

fn drive(rtl: &RtlConfig, config: &AxiConfig, host: &mut Host) -> Result<(), AxiError> {
    let mut device = Rtl::new(&RtlConfig { attach: Attach::Axi, ..rtl.clone() })?;
    let mut core = Core::new();
    let mut channels = Channels::default();
    while Status(device.read32(&mut channels, Status::OFFSET)?).ready() == 0 {}
    let spool = 4 * config.pages;
    for (offset, value) in [
        (WindowBaseLo::OFFSET, WINDOW_BASE.0 as u32),
        (WindowBaseHi::OFFSET, (WINDOW_BASE.0 >> 32) as u32),
        (WindowSize::OFFSET, WINDOW_PAGES),
        (Frames::OFFSET, spool),
        (SpoolBase::OFFSET, super::SPOOL),
        (DescriptorBase::OFFSET, super::TABLES),
        (TableInit::OFFSET, super::INIT_ZEROED),
    ] {
        device.post_write32(offset, value);
    }
    while Status(device.read32(&mut channels, Status::OFFSET)?).tables() == 0 {}
    let mut software = Software::new(&mut device, config);
    let (mut last_answer, mut answered) = (0, 0);
    let mut commits = Vec::new();
    let mut cycle = |host: &mut Host, software: &mut Software, device: &mut Rtl, live: bool| {
        host.now += 1;
        host.ask(device, config, live);
        device.tick(&mut channels)?;
        host.answers(device)?;
        device.take_commits(&mut commits);
        for commit in commits.drain(..) {
            host.summary.slots += 1;
            host.summary.snoops += u64::from(commit.slot.recalled);
            let model = lockstep(&mut core, &commit);
            let line = matches!(commit.slot.kind, SlotKind::Req | SlotKind::Write);
            if model != commit || line && commit.slot.decodes && commit.lane.1 {
                return Err(AxiError::Lockstep { device: Box::new(commit), model: Box::new(model) });
            }
        }
        software.step(device, host, &mut channels, config, live)?;
        let now_answered = host.summary.answers.iter().flatten().sum::<u64>() + software.completions();
        if now_answered != answered || host.is_idle() && software.is_idle() {
            (answered, last_answer) = (now_answered, host.now);
        }
        let oldest = [&host.reads, &host.writes].into_iter().filter_map(|flights| flights.front());
        let waits = oldest.map(|flight| host.now - flight.since).max().unwrap_or(0);
        if host.now - last_answer > PATIENCE || waits > BURST_PATIENCE {
            let command = !software.is_idle();
            return Err(AxiError::Stuck { reads: host.reads.len(), writes: host.writes.len(), command });
        }
        Ok(())
    };
    while host.summary.all_beats() < config.beats || host.summary.resets < u64::from(config.resets) {
        cycle(host, &mut software, &mut device, true)?;
    }
    // What is under way ends; then the last harvests, of which the second finds nothing.
    for _ in 0..2 {
        while !(host.is_idle() && software.is_idle()) {
            cycle(host, &mut software, &mut device, false)?;
        }
        software.harvest_all(&mut device, host);
    }
    while !software.is_idle() {
        cycle(host, &mut software, &mut device, false)?;
    }
    host.check_memory(&mut device)?;
    let bits = device.read32(&mut Channels::default(), ErrorBits::OFFSET)?;
    let explained = [error_bit::NO_DECODE, error_bit::READ_UNMAPPED, error_bit::WRITE_UNMAPPED];
    let explained = explained.iter().fold(0, |bits, bit| bits | 1 << bit);
    if bits & !explained != 0 {
        return Err(AxiError::ErrorBits { bits, explained });
    }
    host.summary.cycles = host.now;
    Ok(())
}

impl Host {
    fn new(config: &AxiConfig) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(config.seed ^ 0x6178_6934);
        let mut numbers = std::collections::BTreeSet::from([WINDOW_PAGES - 1, 0]);
        while numbers.len() < config.pages as usize {
            let page = rng.random_range(0..WINDOW_PAGES - 4);
            numbers.extend([page, page + rng.random_range(0..3)]);
        }
        let page = |number| Page {
            number,
            place: Place::Unmapped,
            tracked: false,
            held: true,
            busy: 0,
            lines: vec![Log::new([0xff; LINE_BYTES]); LINES_PER_PAGE],
        };
        let pages = numbers.into_iter().take(config.pages as usize).map(page).collect();
        let summary = AxiSummary { seed: config.seed, ids: vec![[0; 2]; 256], ..AxiSummary::default() };
        Self {
            pages,
            now: 0,
            reads: VecDeque::new(),
            writes: VecDeque::new(),
            data: VecDeque::new(),
            rng,
            summary,
            outside: false,
        }
    }

    fn is_idle(&self) -> bool {
        self.reads.is_empty() && self.writes.is_empty()
    }

    /// New bursts, at random, and the data of the writes.
    fn ask(&mut self, device: &mut Rtl, config: &AxiConfig, live: bool) {
        let manager = device.axi();
        // Data is given in lumps: before its address, with it, or long after.
        while manager.w.len() < 4 && self.rng.random_ratio(3, 4) {
            let Some(beat) = self.data.pop_front() else { break };
            manager.w.push_back(beat);
        }
        if !live || self.rng.random_ratio(1, 3) {
            return;
        }
        let write = self.rng.random();
        let flights = if write { self.writes.len() } else { self.reads.len() };
        if flights >= config.outstanding {
            return;
        }
        let Some((page, base)) = self.choose() else { return };
        let burst = bursts::random(&mut self.rng, base);
        let address = burst.address;
        let place = page.map(|page| self.pages[page].place);
        let error = match place {
            None => Resp::DecErr,
            Some(Place::Unmapped) => Resp::SlvErr,
            Some(Place::Local(_)) => Resp::Okay,
        };
        let of = &mut self.summary.beats[usize::from(write)][usize::from(address.burst)];
        of[usize::from(address.size)] += u64::from(address.len) + 1;
        self.summary.ids[usize::from(address.id)][usize::from(write)] += 1;
        let mut flight = Flight { burst, since: self.now, page, right: error, beats: VecDeque::new() };
        let (mut any, now) = (false, self.now);
        for beat in beats(&address) {
            let mut number = 0;
            if write {
                let data = self.write_beat(&beat);
                any |= data.strobe != 0;
                if let (Some(log), true) = (self.log(page, &beat), data.strobe != 0) {
                    number = log.write(now, &data.data, data.strobe);
                }
                self.data.push_back(data);
            } else if let Some(log) = self.log(page, &beat) {
                number = log.read(now);
            }
            flight.beats.push_back((beat, number));
        }
        if let Some(page) = page {
            self.pages[page].busy += 1;
        }
        if write {
            flight.right = if any { error } else { Resp::Okay };
            device.axi().aw.push_back(burst);
            self.writes.push_back(flight);
        } else {
            device.axi().ar.push_back(burst);
            self.reads.push_back(flight);
        }
    }

    /// A page, and where it begins; no page beside the window. Nothing if the page is held.
    fn choose(&mut self) -> Option<(Option<usize>, Hpa)> {
        if self.rng.random_ratio(1, 128) {
            self.outside = true;
            let beside = [
                WINDOW_BASE.0 - PAGE_BYTES as u64,
                WINDOW_BASE.0 + u64::from(WINDOW_PAGES) * PAGE_BYTES as u64,
                0,
                0xf_ffff_ffff_f000,
            ];
            return Some((None, Hpa(beside[self.rng.random_range(0..4)])));
        }
        let page = self.rng.random_range(0..self.pages.len());
        let chosen = &self.pages[page];
        let base = WINDOW_BASE.0 + u64::from(chosen.number) * PAGE_BYTES as u64;
        (!chosen.held).then_some((Some(page), Hpa(base)))
    }

    fn write_beat(&mut self, beat: &Beat) -> WriteBeat {
        let mut data = [0; LINE_BYTES];
        self.rng.fill(&mut data[..]);
        let strobe = match self.rng.random_range(0..8) {
            0 => 0,
            1 | 2 => beat.lanes & self.rng.random::<u64>(),
            _ => beat.lanes,
        };
        let kind = if strobe == 0 { 0 } else { 1 + usize::from(strobe == u64::MAX) };
        self.summary.strobes[kind] += 1;
        WriteBeat { data, strobe, last: beat.last }
    }

    /// The log of a beat's line, where its page has a frame.
    fn log(&mut self, page: Option<usize>, beat: &Beat) -> Option<&mut Log> {
        let page = &mut self.pages[page?];
        let line = (beat.line / LINE_BYTES as u64) as usize % LINES_PER_PAGE;
        matches!(page.place, Place::Local(_)).then(|| &mut page.lines[line])
    }

    /// What came in this cycle.
    fn answers(&mut self, device: &mut Rtl) -> Result<(), AxiError> {
        while let Some(WriteResponse { id, resp }) = device.axi().b.pop_front() {
            self.summary.answers[1][resp as usize] += 1;
            let flight = self.writes.pop_front().expect("the manager checks that answers were asked for");
            check_answer("b", &flight, id, resp)?;
            for (beat, number) in flight.beats.iter().filter(|(_, number)| *number != 0) {
                let now = self.now;
                self.log(flight.page, beat).expect("a write with a number").written(now, *number);
            }
            self.leave(flight.page);
        }
        while let Some(ReadBeat { id, data, resp, last }) = device.axi().r.pop_front() {
            self.summary.answers[0][resp as usize] += 1;
            let flight = self.reads.front_mut().expect("the manager checks that answers were asked for");
            check_answer("r", flight, id, resp)?;
            let (beat, oldest) = flight.beats.pop_front().expect("the manager counts beats");
            let page = flight.page;
            if let Some(log) = self.log(page, &beat) {
                log.loaded(oldest, &data, beat.lanes).map_err(|wrong| self.wrong(page, &beat, wrong))?;
            }
            if last {
                self.reads.pop_front();
                self.leave(page);
            }
        }
        Ok(())
    }

    fn leave(&mut self, page: Option<usize>) {
        if let Some(page) = page {
            self.pages[page].busy -= 1;
        }
    }

    fn wrong(&self, page: Option<usize>, beat: &Beat, wrong: Wrong) -> AxiError {
        let page = page.map_or(u32::MAX, |page| self.pages[page].number);
        AxiError::Line { page, line: (beat.line / LINE_BYTES as u64) as usize % LINES_PER_PAGE, wrong }
    }

    /// Every line holds its last version.
    fn check_memory(&self, device: &mut Rtl) -> Result<(), AxiError> {
        for page in &self.pages {
            let Place::Local(frame) = page.place else { continue };
            for (line, log) in page.lines.iter().enumerate() {
                let got: Line = device.memory_line(frame, line as u8);
                if got != *log.value() {
                    let last = Box::new(*log.value());
                    let wrong = Wrong::Value { got: Box::new(got), lanes: u64::MAX, last };
                    return Err(AxiError::Line { page: page.number, line, wrong });
                }
            }
        }
        Ok(())
    }
}

/// The device answers in the order of the addresses, for all IDs together: `docs/contract.md`, "The AXI attach".
fn check_answer(channel: &'static str, flight: &Flight, id: u8, resp: Resp) -> Result<(), AxiError> {
    let Flight { burst, right, .. } = *flight;
    if id == burst.address.id && resp == right {
        return Ok(());
    }
    Err(AxiError::Answer { channel, id, resp, burst, right })
}

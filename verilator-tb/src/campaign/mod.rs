//! Random campaigns on CXL.mem (for AXI4 see [`axi`]): the adversary host, software with random commands, and every check on, against one device.
//!
//! [`run`] is the same for every [`Dut`]. It prints its seed first; the same configuration does the same,
//! cycle by cycle. Traffic never pauses for a command.
//!
//! | check | where |
//! |---|---|
//! | every answer, snoop and acknowledgement; data of reads (14, 6, 12) | [`NastyHost`] |
//! | exactness of harvests, records, completions (2) | [`crate::host::Oracle`] and the commands' own checks |
//! | owned where the host may write (1) | here, every cycle, on the descriptors |
//! | clean copies equal memory (13) | here, one random line every few cycles, all at the end |
//! | records of the log are first writes, in order; what is missing is told | here, with the slots |
//! | no grant for a page being recalled (5), decisions equal the model's | here, per commit slot |
//!
//! The numbers are the invariants of the design; 9 follows from the decisions being the model's, which has tests of its
//! own. The descriptors are the device's own where it shows them (the
//! model), else a [`Core`] fed with the slots that the device passed (RTL), which must decide each as it did.

pub mod axi;
mod device;
mod directed;
mod error;
mod log;
mod queues;
mod rtl;
mod software;
mod summary;

pub use device::{Commit, Dut, Model};
pub use directed::Directed;
pub use error::{CampaignError, Failure};
pub use log::LogCounters;
pub use rtl::Rtl;
pub use summary::{Counters, Summary};

use crate::host::{
    Hpa, Levels, NastyConfig, NastyError, NastyHost, Oracle, OracleError, PageMap, Violations,
};
use log::LogConsumer;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use software::{Layout, Software};
use tideline_abi::command::flag;
use tideline_abi::cxl::{Channels, NdrOpcode};
use tideline_abi::geometry::{LINES_PER_PAGE, MAX_PAGES, PAGE_BYTES, REGION_PAGES};
use tideline_abi::regs::{
    DescriptorBase, ErrorBits, Frames, RecallTimeout, SpoolBase, Status, TableInit, WindowBaseHi,
    WindowBaseLo, WindowSize, error_bit,
};
use tideline_abi::slot::{Slot, SlotKind};
use tideline_model::Core;

/// A campaign.
#[derive(Clone, Debug)]
pub struct Config {
    /// Seed of everything random.
    pub seed: u64,
    /// Requests of the host until it ends.
    pub requests: u64,
    /// Pages that play, beside those of the region.
    pub pages: u32,
    /// A region of 512 pages plays too, and is plain most of the time.
    pub region: bool,
    /// Chance of a command, in 1/1000 of the occasions (one every 32 cycles or so, if none runs).
    pub harvest_rate: u32,
    /// Function level resets in the middle.
    pub resets: u32,
    /// How lively the host is.
    pub levels: Levels,
    /// Whether it breaks the protocol.
    pub violations: Violations,
    /// RECALL_TIMEOUT.
    pub recall_timeout: u32,
    /// Print a line after this many requests; 0 = never.
    pub progress: u64,
}

impl Config {
    /// A campaign with everything legal on.
    pub fn new(seed: u64, requests: u64) -> Self {
        Self {
            seed,
            requests,
            pages: 40,
            region: false,
            harvest_rate: 300,
            resets: 3,
            levels: Levels::default(),
            violations: Violations::default(),
            recall_timeout: 1 << 20,
            progress: 1_000_000,
        }
    }
}

/// Cycles without an answer after which something is stuck.
const PATIENCE: u64 = 2_000_000;
/// Cycles after which every record of the log is in host memory, and taken.
const LOG_FLUSH: u64 = 20_000;
/// Where the window is.
const WINDOW_BASE: Hpa = Hpa(0xc_35a0_0000_0000);

/// Runs a campaign against a device fresh from power-on.
///
/// # Errors
/// The first check that failed.
pub fn run(mut device: impl Dut, config: &Config) -> Result<Summary, Box<Failure>> {
    println!("campaign: seed {:#x}, {} requests on {}", config.seed, config.requests, device.name());
    let mut campaign = Campaign::new(&mut device, config);
    campaign.run(&mut device).map_err(|error| Box::new(campaign.failure(error)))
}

struct Campaign<'a> {
    config: &'a Config,
    layout: Layout,
    host: NastyHost,
    software: Option<Software>,
    /// Where the device shows its slots.
    log: Option<LogConsumer>,
    grant_exclusive: bool,
    channels: Channels,
    core: Core,
    commits: Vec<Commit>,
    rng: ChaCha8Rng,
    counters: Counters,
    slots: u64,
    plain: u64,
    copies: u64,
    /// Of the host and of the software: when something was done, and how much.
    last_done: [(u64, u64); 2],
}

impl<'a> Campaign<'a> {
    fn new(device: &mut impl Dut, config: &'a Config) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(config.seed ^ 0x7469_6465);
        let layout = layout(&mut rng, config);
        let frames: Vec<_> = layout.all_frames().collect();
        let oracle = Oracle::new(&layout.pages, &frames, |frame, line| device.memory_line(frame, line));
        let grant_exclusive = rng.random();
        let host = NastyHost::new(
            NastyConfig {
                seed: config.seed,
                window_base: WINDOW_BASE,
                window_pages: WINDOW_PAGES,
                grant_exclusive: Some(grant_exclusive),
                levels: config.levels,
                violations: config.violations,
            },
            oracle,
            &layout.pages,
        );
        Self {
            config,
            layout,
            host,
            software: None,
            log: None,
            grant_exclusive,
            channels: Channels::default(),
            core: Core::new(),
            commits: Vec::new(),
            rng,
            counters: Counters::default(),
            slots: 0,
            plain: 0,
            copies: 0,
            last_done: [(0, 0); 2],
        }
    }

    fn run(&mut self, device: &mut impl Dut) -> Result<Summary, CampaignError> {
        self.start(device)?;
        let mut next_line = self.config.progress;
        while self.host.stats().requests() < self.config.requests {
            self.cycle(device)?;
            if next_line > 0 && self.host.stats().requests() >= next_line {
                next_line += self.config.progress;
                let Counters { harvests, reported, .. } = self.counters;
                println!(
                    "  {} requests, cycle {}, {harvests} harvests, {reported} lines reported",
                    self.host.stats().requests(),
                    self.host.now(),
                );
            }
        }
        self.finish(device)?;
        Ok(Summary {
            device: device.name(),
            seed: self.config.seed,
            cycles: self.host.now(),
            host: self.host.stats().clone(),
            software: self.counters,
            log: self.log.as_ref().map(|log| log.counters),
            slots: self.slots,
            plain: self.plain,
            copies: self.copies,
        })
    }

    /// Brings the device up; the pages that stay are mapped before the traffic begins.
    fn start(&mut self, device: &mut impl Dut) -> Result<(), CampaignError> {
        while Status(device.read32(&mut self.channels, Status::OFFSET)?).ready() == 0 {
            device.tick(&mut self.channels)?;
        }
        device.post_write32(WindowBaseLo::OFFSET, WINDOW_BASE.0 as u32);
        device.post_write32(WindowBaseHi::OFFSET, (WINDOW_BASE.0 >> 32) as u32);
        device.post_write32(WindowSize::OFFSET, WINDOW_PAGES);
        device.post_write32(Frames::OFFSET, self.layout.spool);
        device.post_write32(SpoolBase::OFFSET, SPOOL);
        device.post_write32(DescriptorBase::OFFSET, TABLES);
        device.post_write32(TableInit::OFFSET, INIT_ZEROED);
        while Status(device.read32(&mut self.channels, Status::OFFSET)?).tables() == 0 {
            device.tick(&mut self.channels)?;
        }
        device.post_write32(RecallTimeout::OFFSET, self.config.recall_timeout);
        let rng = ChaCha8Rng::seed_from_u64(self.rng.random());
        let mut software = Software::new(self.layout.clone(), device, self.config, rng, self.grant_exclusive);
        self.host.freeze(true);
        software.quiet(true);
        let mut first = 0;
        let count = self.layout.pages.len() as u32;
        for at in 1..=count {
            let pages = &self.layout.pages;
            let apart = at == count || pages[at as usize] != pages[at as usize - 1] + 1;
            if apart {
                software.map(device, &mut self.host, first, at);
                self.software = Some(software);
                self.settle(device)?;
                software = self.software.take().expect("just put there");
                first = at;
            }
        }
        software.quiet(false);
        self.software = Some(software);
        if device.core().is_none() {
            let rng = ChaCha8Rng::seed_from_u64(self.config.seed ^ 0x006c_6f67);
            self.log = Some(LogConsumer::new(device, rng));
        }
        self.host.freeze(false);
        Ok(())
    }

    fn cycle(&mut self, device: &mut impl Dut) -> Result<(), CampaignError> {
        self.host.tick(&mut self.channels)?;
        device.tick(&mut self.channels)?;
        device.take_commits(&mut self.commits);
        self.committed()?;
        self.check_ownership(device)?;
        if self.host.now().is_multiple_of(16) {
            let line = self.rng.random_range(0..self.lines());
            self.check_copy(device, line)?;
            self.check_alive()?;
        }
        let software = self.software.as_mut().expect("the device is up");
        if let Some(log) = &mut self.log {
            if software.is_resetting() {
                log.reset();
            } else {
                log.step(device, &mut self.channels, self.host.now())?;
            }
        }
        software.step(device, &mut self.host, &mut self.channels, self.config, &mut self.counters)?;
        // Cycles passed in register reads. What was committed in them comes before what the host now finds in the channels.
        device.take_commits(&mut self.commits);
        self.committed()
    }

    /// The slots of the last cycle: decided as the model decides, and no request among them of a page being recalled.
    fn committed(&mut self) -> Result<(), CampaignError> {
        self.slots += self.commits.len() as u64;
        for commit in self.commits.drain(..) {
            let Commit { slot, result, .. } = commit;
            self.plain += slot.plain as u64;
            if let Some(log) = &mut self.log {
                log.committed(&commit);
            }
            let model = lockstep(&mut self.core, &commit);
            if model != commit {
                return Err(CampaignError::Lockstep { device: Box::new(commit), model: Box::new(model) });
            }
            let Some(page) = self.host.page_of(slot.page).filter(|_| slot.decodes) else { continue };
            let line = page * LINES_PER_PAGE as u32 + slot.line as u32;
            match slot.kind {
                SlotKind::Req => {
                    let snoops = self.host.recalling(page);
                    if snoops > 0 && !self.host.is_suspect(page) {
                        return Err(CampaignError::Recalled { slot: Box::new(slot), snoops });
                    }
                    if result.ndr == Some(NdrOpcode::CmpE) {
                        self.host.granted(line);
                    }
                }
                _ if slot.recalled => self.host.recalled(page),
                _ => {}
            }
            self.host.note_commit(line, &slot, &result);
        }
        Ok(())
    }

    /// Lines that play.
    fn lines(&self) -> u32 {
        (self.layout.pages.len() * LINES_PER_PAGE) as u32
    }

    /// Invariant 1. (A grant is in `writable` from its slot on, or from its arrival where slots are not shown.)
    fn check_ownership(&self, device: &impl Dut) -> Result<(), CampaignError> {
        let core = device.core().unwrap_or(&self.core);
        for (at, &page) in self.layout.pages.iter().enumerate() {
            let writable = self.host.writable(at as u32);
            if writable == 0 || core.control(page).plain() {
                continue;
            }
            let lines = writable & !core.masks(page).owned;
            if lines != 0 && !self.host.is_suspect(at as u32) {
                return Err(CampaignError::NotOwned { page, lines });
            }
        }
        Ok(())
    }

    /// Invariant 13.
    fn check_copy(&mut self, device: &mut impl Dut, line: u32) -> Result<(), CampaignError> {
        let page = line / LINES_PER_PAGE as u32;
        let PageMap::Local(frame) = self.host.oracle.map(page) else { return Ok(()) };
        let Some(copy) = self.host.clean_copy(line).filter(|_| !self.host.is_suspect(page)) else {
            return Ok(());
        };
        let memory = device.memory_line(frame, (line % LINES_PER_PAGE as u32) as u8);
        self.copies += 1;
        if *copy != memory {
            return Err(CampaignError::Stale { line, copy: copy.to_vec(), memory: memory.to_vec() });
        }
        Ok(())
    }

    /// Both are watched: commands that go on do not hide a request that is never answered.
    fn check_alive(&mut self) -> Result<(), CampaignError> {
        let now = self.host.now();
        let host = (!self.host.is_idle(), self.host.stats().answered());
        let software = (self.software.as_ref().is_some_and(|s| !s.is_idle()), self.counters.commands);
        let mut stuck = false;
        for ((busy, done), last) in [host, software].into_iter().zip(&mut self.last_done) {
            if !busy || done != last.1 {
                *last = (now, done);
            }
            stuck |= now - last.0 > PATIENCE;
        }
        if stuck {
            return Err(CampaignError::Stuck {
                outstanding: self.host.outstanding(),
                snoops: self.host.snoops(),
                command: software.0,
            });
        }
        Ok(())
    }

    /// Runs until nothing is under way.
    fn settle(&mut self, device: &mut impl Dut) -> Result<(), CampaignError> {
        loop {
            self.cycle(device)?;
            let software = self.software.as_ref().expect("the device is up");
            if software.is_idle() && self.host.is_idle() && self.channels.is_empty() {
                return Ok(());
            }
        }
    }

    /// Two last harvests of everything (the second finds nothing new), then all of memory is compared.
    fn finish(&mut self, device: &mut impl Dut) -> Result<(), CampaignError> {
        self.host.freeze(true);
        self.software.as_mut().expect("the device is up").quiet(true);
        self.settle(device)?;
        for which in [0, flag::HARVEST_ACCESSED, 0] {
            let software = self.software.as_mut().expect("the device is up");
            let flags = flag::HARVEST_RECALL | flag::HARVEST_CLEAR | which;
            software.harvest(device, &mut self.host, None, flags);
            self.settle(device)?;
        }
        for line in 0..self.lines() {
            self.check_copy(device, line)?;
            let page = line / LINES_PER_PAGE as u32;
            if let PageMap::Local(frame) = self.host.oracle.map(page)
                && !self.host.is_suspect(page)
            {
                let memory = device.memory_line(frame, (line % LINES_PER_PAGE as u32) as u8);
                self.host.oracle.check_value(line, &memory)?;
            }
        }
        if let Some(log) = &mut self.log {
            log.keep();
            for _ in 0..LOG_FLUSH {
                self.cycle(device)?;
            }
            let log = self.log.as_mut().expect("it was there");
            log.finish(device, &mut self.channels)?;
        }
        let read = device.read32(&mut self.channels, ErrorBits::OFFSET);
        let bits = read?;
        let explained = self.explained_errors();
        if bits & !explained != 0 {
            return Err(CampaignError::ErrorBits { bits, explained });
        }
        Ok(())
    }

    fn explained_errors(&self) -> u32 {
        let Violations { illegal, stray, outside, wrong, lost } = self.config.violations;
        let churn = !self.layout.churn.is_empty() || !self.layout.region.is_empty();
        [
            (churn, error_bit::READ_UNMAPPED),
            (churn, error_bit::WRITE_UNMAPPED),
            (illegal, error_bit::ILLEGAL),
            (stray | wrong | lost, error_bit::BAD_BIRSP),
            (outside, error_bit::NO_DECODE),
            (lost, error_bit::RECALL_TIMEOUT),
            (lost, error_bit::RECALL_POISON),
        ]
        .iter()
        .filter(|(on, _)| *on)
        .fold(0, |bits, (_, bit)| bits | 1 << bit)
    }

    fn failure(&self, error: CampaignError) -> Failure {
        let page_of = |page: u32| self.host.page_of(page).map(|p| p * LINES_PER_PAGE as u32);
        let line_of = |slot: &Slot| page_of(slot.page).map(|first| first + slot.line as u32);
        let (first, lines) = match &error {
            CampaignError::Host(NastyError::Oracle(
                OracleError::Lost { page, lines, .. } | OracleError::Invented { page, lines, .. },
            ))
            | CampaignError::NotOwned { page, lines } => (page_of(*page), *lines),
            CampaignError::Host(error) => (error.line(), 1),
            CampaignError::Stale { line, .. } => (Some(*line), 1),
            CampaignError::Lockstep { device, .. } => (line_of(&device.slot), 1),
            CampaignError::Recalled { slot, .. } => (line_of(slot), 1),
            _ => (None, 0),
        };
        let lines = (0..64).filter(|bit| lines >> bit & 1 == 1).take(2);
        let history = first.into_iter().flat_map(|first| lines.clone().map(move |bit| first + bit));
        let history = history.flat_map(|line| {
            let mut text = vec![format!("line {line:#x} of the campaign:")];
            text.extend(self.host.history(line));
            text
        });
        Failure { seed: self.config.seed, cycle: self.host.now(), error, history: history.collect() }
    }
}

/// What the model makes of a slot of the device: equal to the commit if the device is right.
pub fn lockstep(core: &mut Core, commit: &Commit) -> Commit {
    let slot = commit.slot;
    let result = core.commit(&slot);
    Commit { slot, result, lane: lane(core, commit) }
}

/// Dirty and owned bit of the line of a slot; of a slot without a line, whatever the device shows.
fn lane(core: &Core, commit: &Commit) -> (bool, bool) {
    let Slot { kind, page, line, decodes, plain, .. } = commit.slot;
    let is_line = matches!(kind, SlotKind::Req | SlotKind::Write) && !plain;
    let masks = core.masks(page);
    let bit = |mask: u64| mask >> line & 1 == 1;
    if is_line && decodes { (bit(masks.dirty), bit(masks.owned)) } else { commit.lane }
}

/// Pages of the window of a campaign: 64 GiB of page index space.
pub const WINDOW_PAGES: u32 = MAX_PAGES as u32;
/// First frame of the spool; those below can be mapped.
const SPOOL: u32 = 4096;
/// First frame of the tables, behind a record of 16 bytes per page of the window. A campaign takes them as cleared.
pub const TABLES: u32 = SPOOL + (MAX_PAGES * 16 / PAGE_BYTES) as u32;
/// TABLE_INIT: begin, and memory is zero already.
const INIT_ZEROED: u32 = 0b11;
/// Frames of device memory: what a campaign maps, the spool, a descriptor and a byte of the page list per page.
pub const FRAMES: u32 = TABLES + (MAX_PAGES * 65 / PAGE_BYTES) as u32;

/// Clusters of pages all over the window: neighbours, and pages that share low address bits. The region, if there is one, comes in
/// among them.
fn layout(rng: &mut ChaCha8Rng, config: &Config) -> Layout {
    let count = config.pages;
    let mut pages = std::collections::BTreeSet::new();
    pages.insert(WINDOW_PAGES - 1);
    while pages.len() < count as usize {
        let page = rng.random_range(0..WINDOW_PAGES);
        match rng.random_range(0..3) {
            0 => pages.extend(page..(page + 9).min(WINDOW_PAGES)),
            // More pages than the descriptor cache has ways, all of one set.
            1 => pages.extend((0..7).map(|i| (page & 0x1ff) + 0x1000 * i)),
            _ => pages.extend([page]),
        }
    }
    let mut pages: Vec<_> = pages.into_iter().collect();
    while pages.len() > count as usize {
        pages.remove(rng.random_range(0..pages.len()));
    }
    let first = rng.random_range(0..1000);
    let second = first + count + rng.random_range(0..100);
    let spool = second + count;
    let mut layout = Layout {
        pages,
        frames: [first, second],
        churn: count / 2..count / 2 + count / 4,
        region: 0..0,
        region_frames: [SPOOL - 2 * REGION_PAGES as u32, SPOOL - REGION_PAGES as u32],
        spool,
    };
    if config.region {
        layout.add_region(rng.random_range(0..WINDOW_PAGES / REGION_PAGES as u32 - 1));
    }
    layout
}

const _: () = assert!(PAGE_BYTES == 4096);

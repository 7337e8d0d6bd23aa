//! Drives a trace through host and device, epoch by epoch.

use super::figures::{Config, Counts, Epoch, HUGE_BYTES, Report, Rtl, SCHEMA_VERSION, Trace};
use super::heat::{Heat, HotPage};
use super::masks::Masks;
use super::pages::Pages;
use super::truth::{Truth, Written, bytes_in_line};
use crate::cache::Cache;
use crate::target::{Simulation, Target};
use anyhow::{Context, Result, bail, ensure};
use indicatif::ProgressBar;
use std::collections::HashSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tideline_abi::regs::ErrorBits;
use tideline_driver::{Device, Exactness, Frame, Gather, Hpa, PageIndex, PageRange, Tracker};
use tideline_tb::MachineConfig;
use tideline_tb::host::Access as Progress;
use tideline_trace::{Access, Event, LINE_BYTES, PAGE_BYTES, TraceReader, VirtLine, VirtPage};

/// Pages that are mapped and tracked at first; then as many as there are, whenever the program touches more. To map a page that it
/// never touches costs as much as to map another.
const FIRST_PAGES: u32 = 512;
/// Cycles within which the write-backs under way must end.
const DRAIN_CYCLES: u32 = 1_000_000;

/// What to replay, and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The trace, or `-` for standard input.
    pub trace: PathBuf,
    /// The device, and how it is attached.
    pub target: Target,
    /// The host's cache.
    pub cache: Cache,
    /// Instructions of an epoch; 0 = one epoch for all.
    pub epoch: u64,
    /// Whether a harvest recalls, or flushes.
    pub recall: bool,
}

/// What a replay brought.
#[derive(Debug)]
pub struct Outcome {
    /// The numbers.
    pub report: Report,
    heat: Heat,
    order: Vec<VirtPage>,
}

impl Outcome {
    /// The pages written, by ascending address.
    pub fn hot_pages(&self) -> Vec<HotPage<'_>> {
        self.heat.pages(&self.order)
    }
}

/// Replays a trace.
pub fn run(settings: &Settings, progress: &ProgressBar) -> Result<Outcome> {
    settings.cache.check()?;
    let mut trace = TraceReader::open(&settings.trace)?;
    let mut replay = Replay::new(settings)?;
    while let Some(batch) = trace.next_batch()? {
        for &event in batch {
            replay.event(event)?;
        }
        progress.set_position(replay.instructions);
    }
    replay.end()?;

    let totals = trace.totals();
    let words =
        |command: &[std::ffi::OsString]| command.iter().map(|word| word.to_string_lossy().into()).collect();
    let config = Config {
        trace: settings.trace.display().to_string(),
        command: trace.command().map(words),
        seed: Target::SEED,
        target: settings.target.name.to_string(),
        attach: settings.target.attach.name().to_owned(),
        cache: settings.cache.size.0,
        ways: settings.cache.ways,
        epoch: settings.epoch,
        recall: settings.recall,
    };
    let trace = Trace {
        instructions: totals.instructions,
        loads: totals.loads,
        stores: totals.stores,
        modifies: totals.modifies,
        pages: replay.pages.order().len() as u64,
    };
    let mut sum = Counts::default();
    replay.epochs.iter().for_each(|epoch| sum += epoch.figures.counts);
    let rtl = settings.target.is_rtl().then(|| {
        let cycles = replay.device.carrier().device.cycle();
        (cycles, cycles as f64 / replay.simulated.as_secs_f64())
    });
    let report = Report {
        schema_version: SCHEMA_VERSION,
        config,
        trace,
        exact: replay.exact.to_string(),
        totals: sum.figures(),
        epochs: replay.epochs,
        rtl: Rtl { cycles: rtl.map(|(cycles, _)| cycles), cycles_per_second: rtl.map(|(_, speed)| speed) },
    };
    Ok(Outcome { report, heat: replay.heat, order: replay.pages.order().to_vec() })
}

struct Replay {
    device: Device<Simulation>,
    /// One for each range of pages that was mapped.
    trackers: Vec<Tracker>,
    /// Pages mapped and tracked, from the first of the window on.
    mapped: u32,
    window_base: Hpa,
    gather: Gather,
    /// What the reports owe their completeness to.
    exact: Exactness,
    epoch_length: u64,
    pages: Pages,
    truth: Truth,
    heat: Heat,
    epochs: Vec<Epoch>,
    /// Instructions in all, and in the epoch under way.
    instructions: u64,
    epoch_instructions: u64,
    epoch_has_accesses: bool,
    /// Every store writes another value.
    stores: u64,
    /// Time spent in simulation.
    simulated: Duration,
}

impl Replay {
    fn new(settings: &Settings) -> Result<Self> {
        let start = Instant::now();
        let config = MachineConfig {
            cache_bytes: settings.cache.size.0 as usize,
            cache_ways: settings.cache.ways,
            ..MachineConfig::default()
        };
        let device = settings.target.open(config)?;
        let pages = device.pages().count();
        Ok(Self {
            window_base: device.window_base(),
            trackers: Vec::new(),
            mapped: 0,
            gather: if settings.recall { Gather::Recall } else { Gather::AsIs },
            exact: Exactness::None,
            epoch_length: settings.epoch,
            pages: Pages::new(pages),
            truth: Truth::new(pages),
            heat: Heat::new(pages),
            epochs: Vec::new(),
            instructions: 0,
            epoch_instructions: 0,
            epoch_has_accesses: false,
            stores: 0,
            simulated: start.elapsed(),
            device,
        })
    }

    #[inline]
    fn event(&mut self, event: Event) -> Result<()> {
        match event.access() {
            Some(access) => self.access(access),
            None => {
                // An access belongs to the last instruction before it: an epoch ends where the next one's first
                // instruction begins.
                if self.epoch_instructions == self.epoch_length && self.epoch_length != 0 {
                    self.end_epoch()?;
                }
                self.epoch_instructions += 1;
                self.instructions += 1;
                Ok(())
            }
        }
    }

    #[inline]
    fn access(&mut self, access: Access) -> Result<()> {
        self.epoch_has_accesses = true;
        for line in access.lines() {
            let page = self.pages.place(line.page())?;
            if page >= self.mapped {
                self.map_more()?;
            }
            let index = line.index_in_page();
            if access.reads {
                self.load(line, page)?;
            }
            if access.writes {
                self.truth.write(page, index, bytes_in_line(access, line));
                self.store(line, page)?;
            }
        }
        Ok(())
    }

    /// Maps and tracks twice as many pages as before, or the rest of the window.
    #[cold]
    fn map_more(&mut self) -> Result<()> {
        let start = Instant::now();
        let left = self.device.pages().count() - self.mapped;
        let range = PageRange::new(PageIndex(self.mapped), self.mapped.max(FIRST_PAGES).min(left))?;
        self.device.map(range, Frame(self.mapped))?;
        self.trackers.push(self.device.track_start(&[range])?);
        self.mapped += range.count();
        self.simulated += start.elapsed();
        Ok(())
    }

    #[inline]
    fn load(&mut self, line: VirtLine, page: u32) -> Result<()> {
        let addr = self.place(line, page);
        let went = self.device.carrier_mut().host.load(line.0, addr);
        self.retire(went)
    }

    #[inline]
    fn store(&mut self, line: VirtLine, page: u32) -> Result<()> {
        let addr = self.place(line, page);
        self.stores += 1;
        let went = self.device.carrier_mut().host.store(line.0, addr, self.stores);
        self.retire(went)
    }

    /// Where a line of the program lies in host physical addresses.
    #[inline]
    fn place(&self, line: VirtLine, page: u32) -> Hpa {
        Hpa(self.window_base.0 + u64::from(page) * PAGE_BYTES + line.index_in_page() as u64 * LINE_BYTES)
    }

    /// Waits for an access that missed the cache.
    #[inline]
    fn retire(&mut self, went: Progress) -> Result<()> {
        if went == Progress::Miss {
            let start = Instant::now();
            self.device.carrier_mut().finish_access()?;
            self.simulated += start.elapsed();
        }
        Ok(())
    }

    /// Ends the last epoch, if it has begun, and looks for errors.
    fn end(&mut self) -> Result<()> {
        if self.epoch_instructions > 0 || self.epoch_has_accesses {
            self.end_epoch()?;
        }
        let errors = self.device.errors()?;
        ensure!(errors == ErrorBits(0), "the device set errors in a correct run: ERROR = {:#x}", errors.0);
        Ok(())
    }

    fn end_epoch(&mut self) -> Result<()> {
        let index = self.epochs.len() as u64;
        let (reported, recalled) = self.harvest().with_context(|| format!("epoch {index}"))?;
        let written = self.truth.take();
        self.heat.add(&written.lines);
        let counts = compare(&written, &reported, &recalled, self.pages.order());
        self.epochs.push(Epoch { index, instructions: self.epoch_instructions, figures: counts.figures() });
        self.epoch_instructions = 0;
        self.epoch_has_accesses = false;
        Ok(())
    }

    /// The lines that the device reports, and those that the host wrote back only because they were recalled, or flushed.
    fn harvest(&mut self) -> Result<(Masks, Masks)> {
        let start = Instant::now();
        if self.gather == Gather::AsIs {
            // Otherwise the count of lines missed would depend on how long a write-back takes.
            self.drain()?;
        }
        let mut lines = vec![];
        for tracker in &self.trackers {
            let report = self.device.track_report(tracker, self.gather)?;
            if let Some(loss) = report.loss() {
                bail!("{loss}: every line counts as written, and the replay says nothing");
            }
            // All are gathered alike.
            self.exact = report.exact();
            lines.extend(report.pages().iter().map(|lines| (lines.page.0, lines.mask)));
        }
        let reported = Masks::new(lines);
        let epoch = self.device.carrier_mut().host.take_epoch();
        let recalled = Masks::new(epoch.iter().map(|page| (page.page, page.found_by_recall())));
        self.simulated += start.elapsed();
        Ok((reported, recalled))
    }

    /// Waits for the write-backs under way.
    fn drain(&mut self) -> Result<()> {
        let machine = self.device.carrier_mut();
        for _ in 0..DRAIN_CYCLES {
            if machine.host.is_idle() {
                return Ok(());
            }
            machine.tick()?;
        }
        bail!("write-backs of the host are not answered after {DRAIN_CYCLES} cycles")
    }
}

fn compare(written: &Written, reported: &Masks, recalled: &Masks, order: &[VirtPage]) -> Counts {
    let huge = |page: u32| order[page as usize].0 / (HUGE_BYTES / PAGE_BYTES);
    let huge_pages: HashSet<u64> = written.lines.pages().map(|(page, _)| huge(page)).collect();
    Counts {
        lines_written: written.lines.line_count(),
        lines_reported: reported.line_count(),
        lines_missed: written.lines.count_without(reported),
        lines_invented: reported.count_without(&written.lines),
        lines_found_by_recall: reported.count_within(recalled),
        bytes_written: written.bytes,
        pages_written: written.lines.page_count(),
        huge_pages_written: huge_pages.len() as u64,
    }
}

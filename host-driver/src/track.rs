//! Line tracking: start, report, stop.
//!
//! ```text
//! let tracker = device.track_start(&[range])?;
//! // ... stores ...
//! let report = device.track_report(&tracker, Gather::Recall)?;
//! for line in report.lines() { /* this line was written */ }
//! device.track_stop(tracker)?;
//! ```
//!
//! The device has one epoch per page: a harvest takes its lines, whoever asks. Here they are handed to every tracker of
//! the page, so that each has epochs of its own, and none takes lines from another.

use crate::addr::{LineAddr, PageIndex, PageRange};
use crate::carrier::{Arrival, Carrier, Iova};
use crate::device::{CAP_TRACK, Device, decode};
use crate::{Error, Generation, ranges};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tideline_abi::command::{Command, Completion, Opcode, RECORD_BYTES, Record, Status, flag, result_flag};
use tideline_abi::regs;

/// A running tracking: pass it to [`Device::track_report`] and [`Device::track_stop`].
///
/// It borrows nothing, so that the device stays free for stores and for other trackers, also of the same pages. A
/// tracker that is dropped is stopped at the next call that starts, reports or stops one.
#[derive(Debug)]
#[must_use = "a tracker that is dropped is stopped"]
pub struct Tracker {
    id: u64,
    ranges: Arc<[PageRange]>,
    config: TrackConfig,
}

impl Tracker {
    /// What it tracks, ascending.
    pub fn ranges(&self) -> &[PageRange] {
        &self.ranges
    }

    /// How it was started.
    pub fn config(&self) -> TrackConfig {
        self.config
    }
}

/// What to track.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrackConfig {
    /// Reads too: [`Device::track_report_accessed`] gives them.
    pub accessed: bool,
}

/// The two kinds of lines that a device keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Dirty,
    Accessed,
}

/// What the device keeps of a tracker.
#[derive(Debug)]
struct Tracking {
    id: u64,
    /// Shared with the [`Tracker`]: when this is the only owner left, that one was dropped.
    ranges: Arc<[PageRange]>,
    dirty: Pending,
    accessed: Pending,
    /// The device was powered on anew and knows nothing of it.
    gone: bool,
}

/// Acknowledged, but not handed out: a report that failed half way loses nothing, and one tracker's harvest brings lines
/// for the others.
#[derive(Debug, Default)]
struct Pending {
    lines: BTreeMap<PageIndex, u64>,
    loss: Option<Loss>,
}

impl Tracking {
    fn pending(&mut self, kind: Kind) -> &mut Pending {
        match kind {
            Kind::Dirty => &mut self.dirty,
            Kind::Accessed => &mut self.accessed,
        }
    }

    fn contains(&self, page: PageIndex) -> bool {
        let behind = self.ranges.partition_point(|r| r.end() <= page);
        self.ranges.get(behind).is_some_and(|r| r.contains(page))
    }
}

/// Every tracker of a device.
#[derive(Debug, Default)]
pub(crate) struct Trackings {
    list: Vec<Tracking>,
    /// Pages whose reads the device tracks.
    accessed: Vec<PageRange>,
    /// The last one seen.
    pub(crate) generation: Generation,
}

impl Trackings {
    /// The pages that the device tracks, for whomever.
    pub(crate) fn pages(&self) -> Vec<PageRange> {
        ranges::union(self.list.iter().filter(|t| !t.gone).flat_map(|t| t.ranges.iter().copied()))
    }

    /// Hands lines to every tracker of their page.
    fn hand_out(&mut self, kind: Kind, page: PageIndex, mask: u64) {
        for tracking in self.list.iter_mut().filter(|t| t.contains(page)) {
            *tracking.pending(kind).lines.entry(page).or_default() |= mask;
        }
    }

    /// Tells the trackers that it concerns of a loss in a harvest of this range. A recall that was not answered concerns
    /// written lines of the range; with everything else, what was lost may have been anything.
    fn lose(&mut self, loss: Loss, range: PageRange) {
        for tracking in &mut self.list {
            if loss != Loss::RecallTimeout {
                tracking.accessed.loss.get_or_insert(loss);
            } else if tracking.ranges.iter().all(|r| r.overlap(range).is_none()) {
                continue;
            }
            tracking.dirty.loss.get_or_insert(loss);
        }
    }

    /// The device forgot all of it.
    fn power_on(&mut self) {
        self.accessed.clear();
        for tracking in &mut self.list {
            tracking.gone = true;
        }
    }
}

/// Where a report gets its lines from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gather {
    /// The host gives its modified lines first: nothing is missing. The device recalls them; where it cannot, the driver
    /// flushes them. The report says which: [`Report::exact`].
    Recall,
    /// What has reached the device so far: lines that only the host's caches hold come in a later report.
    AsIs,
}

/// What a report owes its completeness to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exactness {
    /// The device recalled the lines: every store before the report is in it or an earlier one.
    Recall,
    /// The driver flushed the lines from the CPU's caches, and order on the link proves that they arrived.
    Flush,
    /// The driver flushed the lines; that they arrived is a property of the platform.
    Platform,
    /// Nothing: lines that only the host's caches hold are missing.
    None,
}

impl fmt::Display for Exactness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Recall => "recall",
            Self::Flush => "flush",
            Self::Platform => "platform",
            Self::None => "none",
        })
    }
}

/// Why every tracked line counts as dirty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Loss {
    /// The device had no room for what it should have kept.
    #[error("the device lost records by overflow")]
    Overflow,
    /// The host did not answer a recall.
    #[error("a recall was not answered in time")]
    RecallTimeout,
    /// Device memory failed.
    #[error("device memory answered with an error")]
    Memory,
    /// The device was powered on anew: maps and tracking are gone. Map the pages and start a tracker again.
    #[error("the device was powered on anew and tracks nothing any more")]
    PowerOn,
    /// The device declared an error without naming one.
    #[error("the device declared an error")]
    Unknown,
}

/// Lines of one page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLines {
    /// The page.
    pub page: PageIndex,
    /// One bit per line, bit 0 = first line. Never 0.
    pub mask: u64,
}

/// The lines that were written since the last report.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "lines are reported once"]
pub struct Report {
    exact: Exactness,
    generation: Generation,
    loss: Option<Loss>,
    pages: Vec<PageLines>,
}

impl Report {
    /// What it owes its completeness to.
    pub fn exact(&self) -> Exactness {
        self.exact
    }

    /// The generation of the device that made it.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// True if something was lost: the report then holds every tracked line, written or not.
    pub fn all_dirty(&self) -> bool {
        self.loss.is_some()
    }

    /// Why every tracked line counts as dirty, if so.
    pub fn loss(&self) -> Option<Loss> {
        self.loss
    }

    /// Pages with lines, ascending.
    pub fn pages(&self) -> &[PageLines] {
        &self.pages
    }

    /// The lines, ascending.
    pub fn lines(&self) -> impl Iterator<Item = LineAddr> + '_ {
        self.pages.iter().flat_map(|p| {
            (0..64u8).filter(|line| p.mask >> line & 1 == 1).map(|line| LineAddr::new(p.page, line))
        })
    }

    /// Its lines in one page, one bit per line; 0 if there are none.
    pub fn mask(&self, page: PageIndex) -> u64 {
        self.pages.binary_search_by_key(&page, |p| p.page).map_or(0, |i| self.pages[i].mask)
    }

    /// Number of lines.
    pub fn line_count(&self) -> u64 {
        self.pages.iter().map(|p| u64::from(p.mask.count_ones())).sum()
    }

    /// True if the line is in it.
    pub fn contains(&self, line: LineAddr) -> bool {
        self.mask(line.page()) >> line.line() & 1 == 1
    }

    /// True if no line was written.
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }
}

impl<C: Carrier> Device<C> {
    /// Starts to track written lines of mapped pages. Stores made before are not reported. Other trackers may have the
    /// same pages.
    ///
    /// # Errors
    /// As [`Device::track_start_with`].
    pub fn track_start(&mut self, ranges: &[PageRange]) -> Result<Tracker, Error> {
        self.track_start_with(ranges, TrackConfig::default())
    }

    /// The same, with a choice of what to track.
    ///
    /// # Errors
    /// [`Error::NoRanges`], [`Error::OutsideWindow`], [`Error::OverlappingRanges`], [`Error::ReadsNotTracked`];
    /// [`Error::Command`] with `WrongState` at a page that is not mapped, with `RecallTimeout` if the host does not give
    /// up lines of before. The tracker does not exist then, and others go on.
    pub fn track_start_with(&mut self, ranges: &[PageRange], config: TrackConfig) -> Result<Tracker, Error> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        self.require(CAP_TRACK, "track")?;
        self.sweep()?;
        let ranges = self.check_ranges(ranges)?;
        let tracked = self.trackings.pages();
        let shared = ranges::common(&ranges, &tracked);
        if config.accessed
            && let Some(range) = ranges::without(&shared, &self.trackings.accessed).first()
        {
            return Err(Error::ReadsNotTracked { range: *range, at: range.first() });
        }
        // What was written to shared pages before the start belongs to those who are there already.
        let mut loss = None;
        for range in shared {
            loss = self.drain(range, Kind::Dirty)?.or(loss);
            if config.accessed {
                loss = self.drain(range, Kind::Accessed)?.or(loss);
            }
        }
        self.track_fresh(&ranges::without(&ranges, &tracked), config)?;
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let ranges: Arc<[PageRange]> = ranges.into();
        let pending = || Pending { lines: BTreeMap::new(), loss };
        let (dirty, accessed) = (pending(), pending());
        self.trackings.list.push(Tracking { id, ranges: ranges.clone(), dirty, accessed, gone: false });
        Ok(Tracker { id, ranges, config })
    }

    /// Starts pages that nobody tracks, all or none.
    fn track_fresh(&mut self, fresh: &[PageRange], config: TrackConfig) -> Result<(), Error> {
        let flags = flag::TRACK_SET | if config.accessed { flag::TRACK_ACCESSED } else { 0 };
        for (i, &range) in fresh.iter().enumerate() {
            if let Err(error) = self.track(range, flags) {
                // The first error counts; one of the way back would say nothing new.
                let _ = fresh[..=i].iter().try_for_each(|&r| self.untrack(r));
                return Err(error);
            }
        }
        if config.accessed {
            let accessed = self.trackings.accessed.iter().chain(fresh).copied();
            self.trackings.accessed = ranges::union(accessed);
        }
        Ok(())
    }

    /// Harvests a range for its trackers, so that a new one begins with nothing. What was lost meanwhile may have been a
    /// line of after that.
    fn drain(&mut self, range: PageRange, kind: Kind) -> Result<Option<Loss>, Error> {
        let gather = if kind == Kind::Dirty { Gather::Recall } else { Gather::AsIs };
        if gather == Gather::Recall && !self.has_recall() {
            self.flush(range)?;
        }
        let harvested = self.harvest(range, gather, kind)?;
        if harvested.timed_out {
            // Lines of before would come later, as if they were of the new tracker's time.
            let (opcode, status) = (Opcode::Harvest, Status::RecallTimeout);
            return Err(Error::Command { opcode, status, cursor: range.first() });
        }
        Ok(harvested.loss)
    }

    /// Reports the lines written since this tracker's last report, and starts its next epoch. Other trackers keep
    /// theirs.
    ///
    /// # Errors
    /// [`Error::UnknownTracker`], [`Error::BadResult`], else as [`Device::execute`]. No line is lost then: it is in
    /// the next report.
    pub fn track_report(&mut self, tracker: &Tracker, gather: Gather) -> Result<Report, Error> {
        self.report(tracker, gather, Kind::Dirty)
    }

    /// Reports the lines that the host read from the device since this tracker's last report of reads. What the host's
    /// caches answered the device has not seen: the report's exactness is `None`.
    ///
    /// # Errors
    /// [`Error::NoReads`], else as [`Device::track_report`].
    pub fn track_report_accessed(&mut self, tracker: &Tracker) -> Result<Report, Error> {
        if !tracker.config.accessed {
            return Err(Error::NoReads);
        }
        self.report(tracker, Gather::AsIs, Kind::Accessed)
    }

    fn report(&mut self, tracker: &Tracker, gather: Gather, kind: Kind) -> Result<Report, Error> {
        self.sweep()?;
        let index = self.find(tracker)?;
        let recall = gather == Gather::Recall && self.has_recall();
        let mut exact = match gather {
            Gather::AsIs => Exactness::None,
            Gather::Recall if recall => Exactness::Recall,
            Gather::Recall => self.flush_all(tracker.ranges())?,
        };
        for &range in tracker.ranges() {
            if !self.harvest(range, gather, kind)?.recalled && recall {
                exact = Exactness::None;
            }
        }
        let generation = self.check_generation(0)?;
        let tracking = &mut self.trackings.list[index];
        let Pending { lines, mut loss } = std::mem::take(tracking.pending(kind));
        if tracking.gone {
            loss = Some(Loss::PowerOn);
        }
        let pages = match loss {
            Some(_) => {
                let all = tracking.ranges.iter().flat_map(|r| r.pages());
                all.map(|page| PageLines { page, mask: u64::MAX }).collect()
            }
            None => lines.into_iter().map(|(page, mask)| PageLines { page, mask }).collect(),
        };
        Ok(Report { exact, generation, loss, pages })
    }

    /// Stops a tracker. Lines written since its last report are forgotten; other trackers of its pages go on.
    ///
    /// # Errors
    /// [`Error::UnknownTracker`], else as [`Device::execute`].
    pub fn track_stop(&mut self, tracker: Tracker) -> Result<(), Error> {
        let index = self.find(&tracker)?;
        let stopped = self.stop_at(index);
        stopped.and(self.sweep())
    }

    /// Stops the trackers that were dropped.
    pub(crate) fn sweep(&mut self) -> Result<(), Error> {
        while let Some(i) = self.trackings.list.iter().position(|t| Arc::strong_count(&t.ranges) == 1) {
            self.stop_at(i)?;
        }
        Ok(())
    }

    /// Stops every tracker.
    pub(crate) fn stop_all(&mut self) -> Result<(), Error> {
        let all = self.trackings.pages();
        self.trackings.list.clear();
        all.iter().try_for_each(|&r| self.untrack(r))
    }

    /// Forgets a tracker; pages that no other one has are no longer tracked.
    fn stop_at(&mut self, index: usize) -> Result<(), Error> {
        let tracking = self.trackings.list.remove(index);
        if tracking.gone {
            return Ok(());
        }
        let alone = ranges::without(&tracking.ranges, &self.trackings.pages());
        alone.iter().try_for_each(|&r| self.untrack(r))
    }

    /// Flushes the ranges, and says what that is worth.
    fn flush_all(&mut self, ranges: &[PageRange]) -> Result<Exactness, Error> {
        let mut worst = Arrival::Proven;
        for &range in ranges {
            worst = worst.max(self.flush(range)?);
        }
        Ok(if worst == Arrival::Proven { Exactness::Flush } else { Exactness::Platform })
    }

    fn find(&self, tracker: &Tracker) -> Result<usize, Error> {
        self.trackings.list.iter().position(|t| t.id == tracker.id).ok_or(Error::UnknownTracker)
    }

    /// The ranges, ascending, if they are in the window and disjoint.
    fn check_ranges(&self, ranges: &[PageRange]) -> Result<Vec<PageRange>, Error> {
        let mut sorted = ranges.to_vec();
        sorted.sort();
        if sorted.is_empty() {
            return Err(Error::NoRanges);
        }
        sorted.iter().try_for_each(|&range| self.check_range(range).map(drop))?;
        for pair in sorted.windows(2) {
            if let Some(at) = pair[0].overlap(pair[1]) {
                return Err(Error::OverlappingRanges { a: pair[0], b: pair[1], at });
            }
        }
        Ok(sorted)
    }

    /// Stops the tracking of a range. Pages that are not mapped are not tracked: they are passed over.
    fn untrack(&mut self, range: PageRange) -> Result<(), Error> {
        self.trackings.accessed = ranges::without(&self.trackings.accessed, &[range]);
        let mut first = range.first();
        while let Some(rest) = PageRange::between(first, range.end()) {
            match self.track(rest, 0) {
                Ok(()) => break,
                Err(Error::Command { status: Status::WrongState, cursor, .. }) if rest.contains(cursor) => {
                    first = PageIndex(cursor.0 + 1);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads the generation, which never goes back, and is at least `more` higher than the last one seen, unless the
    /// device was powered on anew.
    fn check_generation(&mut self, more: u32) -> Result<Generation, Error> {
        let generation = self.generation()?;
        let higher = generation.0.wrapping_sub(self.trackings.generation.0.wrapping_add(more));
        if higher > u32::MAX / 2 {
            self.trackings.power_on();
        }
        self.trackings.generation = generation;
        Ok(generation)
    }

    /// After a reset: does the device still know what it tracks?
    pub(crate) fn check_reset(&mut self) -> Result<(), Error> {
        self.check_generation(1).map(drop)
    }

    /// Harvests a range for all its trackers, in as many parts as the record buffer makes of it.
    fn harvest(&mut self, range: PageRange, gather: Gather, kind: Kind) -> Result<Harvested, Error> {
        let recall = if gather == Gather::Recall && self.has_recall() { flag::HARVEST_RECALL } else { 0 };
        let accessed = if kind == Kind::Accessed { flag::HARVEST_ACCESSED } else { 0 };
        let mut command = Command {
            flags: recall | accessed | flag::HARVEST_CLEAR,
            page: range.first().0,
            count: range.count(),
            arg: self.records.iova.0,
            param: self.options().records,
            ..Command::new(Opcode::Harvest)
        };
        let mut harvested = Harvested { recalled: true, timed_out: false, loss: None };
        loop {
            let completion = self.run(&command)?;
            let (opcode, status) = decode(&command, &completion)?;
            let has = |bit: usize| completion.flags >> bit & 1 == 1;
            // The status says why, not the sticky errors: those may be of long ago.
            let loss = match status {
                Status::Success if has(result_flag::OVERFLOW) => Some(Loss::Overflow),
                Status::Success if has(result_flag::ERROR) => Some(Loss::Unknown),
                Status::Success => None,
                Status::RecallTimeout => Some(Loss::RecallTimeout),
                Status::MemoryError => Some(Loss::Memory),
                _ => return Err(Error::Command { opcode, status, cursor: PageIndex(completion.cursor) }),
            };
            if let Some(loss) = loss {
                harvested.timed_out |= loss == Loss::RecallTimeout;
                harvested.loss = Some(loss);
                self.trackings.lose(loss, range);
            }
            harvested.recalled &= !has(result_flag::NO_RECALL);
            // A harvest that failed may have left a result too: it must go before the next one can come.
            if status == Status::Success || self.has_result()? {
                self.take_result(kind, range, &completion)?;
            }
            let cursor = PageIndex(completion.cursor);
            if !has(result_flag::PARTIAL) || cursor == range.end() {
                return Ok(harvested);
            }
            let progress = cursor.0 > command.cursor.max(range.first().0) || completion.records > 0;
            if !range.contains(cursor) || !progress {
                let what = format!("partial, with its cursor at {cursor} of {range}");
                return Err(Error::BadResult { sequence: completion.sequence, what });
            }
            command.cursor = cursor.0;
        }
    }

    /// Copies the records of a result, then acknowledges it. What cannot be copied goes back to the device.
    fn take_result(&mut self, kind: Kind, range: PageRange, completion: &Completion) -> Result<(), Error> {
        let sequence = completion.sequence;
        match self.copy_records(range, completion) {
            Ok(records) => {
                // Before the acknowledgement: if its completion is lost, the lines are reported twice, never not at all.
                for record in records {
                    self.trackings.hand_out(kind, PageIndex(record.page), record.mask);
                }
                self.execute(&Command { param: sequence, ..Command::new(Opcode::HarvestAck) })?;
                Ok(())
            }
            Err(error) => {
                self.execute(&Command { param: sequence, ..Command::new(Opcode::HarvestNack) })?;
                Err(error)
            }
        }
    }

    fn copy_records(&mut self, range: PageRange, completion: &Completion) -> Result<Vec<Record>, Error> {
        let Completion { sequence, records: count, .. } = *completion;
        let bad = |what: String| Error::BadResult { sequence, what };
        let most = self.options().records;
        if count > most {
            return Err(bad(format!("{count} records, at most {most} were asked for")));
        }
        let mut bytes = vec![0; count as usize * RECORD_BYTES];
        self.carrier.dma_read(Iova(self.records.iova.0), &mut bytes)?;
        let mut records = Vec::with_capacity(count as usize);
        for chunk in bytes.as_chunks::<RECORD_BYTES>().0 {
            let record = Record::from_bytes(chunk);
            if record.sequence != sequence || record.mask == 0 || !range.contains(PageIndex(record.page)) {
                return Err(bad(format!("{record:?} does not belong to the harvest of {range}")));
            }
            records.push(record);
        }
        Ok(records)
    }

    fn has_result(&mut self) -> Result<bool, Error> {
        Ok(regs::Status(self.carrier.read32(regs::Status::OFFSET)?).result() == 1)
    }
}

/// How a harvest went.
struct Harvested {
    /// All of the range was recalled first.
    recalled: bool,
    /// The recall of a page was not answered.
    timed_out: bool,
    /// The last loss, if any.
    loss: Option<Loss>,
}

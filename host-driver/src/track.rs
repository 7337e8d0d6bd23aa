//! Line tracking: start, report, stop.
//!
//! ```text
//! let tracker = device.track_start(&[range])?;
//! // ... stores ...
//! let report = device.track_report(&tracker, Gather::Recall)?;
//! for line in report.lines() { /* this line was written */ }
//! device.track_stop(tracker)?;
//! ```

use crate::addr::{LineAddr, PageIndex, PageRange};
use crate::carrier::{Arrival, Carrier, Iova};
use crate::device::{CAP_TRACK, Device, decode};
use crate::{Error, Generation};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tideline_abi::command::{Command, Completion, Opcode, RECORD_BYTES, Record, Status, flag, result_flag};
use tideline_abi::regs;

/// A running tracking: pass it to [`Device::track_report`] and [`Device::track_stop`].
///
/// It borrows nothing, so that the device stays free for stores and for other trackers. A tracker that is
/// dropped is stopped at the next call that starts, reports or stops one.
#[derive(Debug)]
#[must_use = "a tracker that is dropped is stopped"]
pub struct Tracker {
    id: u64,
    ranges: Arc<[PageRange]>,
}

impl Tracker {
    /// What it tracks, ascending.
    pub fn ranges(&self) -> &[PageRange] {
        &self.ranges
    }
}

/// What the device keeps of a tracker.
#[derive(Debug)]
pub(crate) struct Tracking {
    id: u64,
    /// Shared with the [`Tracker`]: when this is the only owner left, that one was dropped.
    pub(crate) ranges: Arc<[PageRange]>,
    /// Acknowledged, but not handed out: a report that failed half way loses nothing.
    pending: BTreeMap<PageIndex, u64>,
    loss: Option<Loss>,
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

    /// Number of lines.
    pub fn line_count(&self) -> u64 {
        self.pages.iter().map(|p| u64::from(p.mask.count_ones())).sum()
    }

    /// True if the line is in it.
    pub fn contains(&self, line: LineAddr) -> bool {
        let found = self.pages.binary_search_by_key(&line.page(), |p| p.page);
        found.is_ok_and(|i| self.pages[i].mask >> line.line() & 1 == 1)
    }

    /// True if no line was written.
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }
}

impl<C: Carrier> Device<C> {
    /// Starts to track the lines of mapped pages. Stores made before are not reported.
    ///
    /// # Errors
    /// [`Error::NoRanges`], [`Error::OutsideWindow`], [`Error::OverlappingRanges`], [`Error::AlreadyTracked`];
    /// [`Error::Command`] with `WrongState` at a page that is not mapped. Nothing is tracked then.
    pub fn track_start(&mut self, ranges: &[PageRange]) -> Result<Tracker, Error> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        self.require(CAP_TRACK, "track")?;
        self.sweep()?;
        let ranges = self.check_ranges(ranges)?;
        for (i, &range) in ranges.iter().enumerate() {
            if let Err(error) = self.track(range, true) {
                // The first error counts; one of the way back would say nothing new.
                let _ = ranges[..=i].iter().try_for_each(|&r| self.untrack(r));
                return Err(error);
            }
        }
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let ranges: Arc<[PageRange]> = ranges.into();
        self.trackings.push(Tracking { id, ranges: ranges.clone(), pending: BTreeMap::new(), loss: None });
        Ok(Tracker { id, ranges })
    }

    /// Reports the lines written since the last report, and starts the next epoch.
    ///
    /// # Errors
    /// [`Error::UnknownTracker`], [`Error::BadResult`], else as [`Device::execute`]. No line is lost then: it is in
    /// the next report.
    pub fn track_report(&mut self, tracker: &Tracker, gather: Gather) -> Result<Report, Error> {
        self.sweep()?;
        let index = self.find(tracker)?;
        let recall = gather == Gather::Recall && self.has_recall();
        let mut exact = match gather {
            Gather::AsIs => Exactness::None,
            Gather::Recall if recall => Exactness::Recall,
            Gather::Recall => self.flush_all(tracker.ranges())?,
        };
        for &range in tracker.ranges() {
            if !self.harvest(index, range, recall)? && recall {
                exact = Exactness::None;
            }
        }
        let generation = self.generation()?;
        let tracking = &mut self.trackings[index];
        let pending = std::mem::take(&mut tracking.pending);
        let loss = tracking.loss.take();
        let pages = match loss {
            Some(_) => {
                let all = tracking.ranges.iter().flat_map(|r| r.pages());
                all.map(|page| PageLines { page, mask: u64::MAX }).collect()
            }
            None => pending.into_iter().map(|(page, mask)| PageLines { page, mask }).collect(),
        };
        Ok(Report { exact, generation, loss, pages })
    }

    /// Stops a tracker. Lines written since its last report are forgotten.
    ///
    /// # Errors
    /// [`Error::UnknownTracker`], else as [`Device::execute`].
    pub fn track_stop(&mut self, tracker: Tracker) -> Result<(), Error> {
        let index = self.find(&tracker)?;
        self.trackings.remove(index);
        let stopped = tracker.ranges().iter().try_for_each(|&r| self.untrack(r));
        stopped.and(self.sweep())
    }

    /// Stops the trackers that were dropped.
    pub(crate) fn sweep(&mut self) -> Result<(), Error> {
        while let Some(i) = self.trackings.iter().position(|t| Arc::strong_count(&t.ranges) == 1) {
            let tracking = self.trackings.remove(i);
            tracking.ranges.iter().try_for_each(|&r| self.untrack(r))?;
        }
        Ok(())
    }

    /// Stops every tracker.
    pub(crate) fn stop_all(&mut self) -> Result<(), Error> {
        let all = std::mem::take(&mut self.trackings);
        all.iter().flat_map(|t| t.ranges.iter()).try_for_each(|&r| self.untrack(r))
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
        self.trackings.iter().position(|t| t.id == tracker.id).ok_or(Error::UnknownTracker)
    }

    /// The ranges, ascending, if they are in the window, disjoint, and free.
    fn check_ranges(&self, ranges: &[PageRange]) -> Result<Vec<PageRange>, Error> {
        let mut sorted = ranges.to_vec();
        sorted.sort();
        if sorted.is_empty() {
            return Err(Error::NoRanges);
        }
        for &range in &sorted {
            self.check_range(range)?;
            let taken = self.trackings.iter().flat_map(|t| t.ranges.iter()).find_map(|r| r.overlap(range));
            if let Some(at) = taken {
                return Err(Error::AlreadyTracked { range, at });
            }
        }
        for pair in sorted.windows(2) {
            if let Some(at) = pair[0].overlap(pair[1]) {
                return Err(Error::OverlappingRanges { a: pair[0], b: pair[1], at });
            }
        }
        Ok(sorted)
    }

    /// Stops the tracking of a range. Pages that are not mapped are not tracked: they are passed over.
    fn untrack(&mut self, range: PageRange) -> Result<(), Error> {
        let mut first = range.first();
        while first < range.end() {
            match self.track(PageRange::new(first, range.end().0 - first.0)?, false) {
                Ok(()) => break,
                Err(Error::Command { status: Status::WrongState, cursor, .. })
                    if range.contains(cursor) && cursor >= first =>
                {
                    first = PageIndex(cursor.0 + 1);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Harvests a range into the pending lines of a tracking; true if all of it was recalled first.
    fn harvest(&mut self, index: usize, range: PageRange, recall: bool) -> Result<bool, Error> {
        let recall = if recall { flag::HARVEST_RECALL } else { 0 };
        let mut command = Command {
            flags: recall | flag::HARVEST_CLEAR,
            page: range.first().0,
            count: range.count(),
            arg: self.records.iova.0,
            param: self.options().records,
            ..Command::new(Opcode::Harvest)
        };
        let mut recalled = true;
        loop {
            let completion = self.run(&command)?;
            let (opcode, status) = decode(&command, &completion)?;
            let has = |bit: usize| completion.flags >> bit & 1 == 1;
            if has(result_flag::OVERFLOW) {
                self.lose(Loss::Overflow);
            }
            match status {
                Status::Success if has(result_flag::ERROR) => {
                    let loss = self.cause()?;
                    self.lose(loss);
                }
                Status::Success => {}
                Status::RecallTimeout => self.lose(Loss::RecallTimeout),
                Status::MemoryError => self.lose(Loss::Memory),
                _ => return Err(Error::Command { opcode, status, cursor: PageIndex(completion.cursor) }),
            }
            recalled &= !has(result_flag::NO_RECALL);
            // A harvest that failed may have left a result too: it must go before the next one can come.
            if status == Status::Success || self.has_result()? {
                self.take_result(index, range, &completion)?;
            }
            let goes_on = matches!(status, Status::Success | Status::RecallTimeout | Status::MemoryError);
            if !goes_on || !has(result_flag::PARTIAL) {
                return Ok(recalled);
            }
            let cursor = PageIndex(completion.cursor);
            if cursor == range.end() {
                return Ok(recalled);
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
    fn take_result(&mut self, index: usize, range: PageRange, completion: &Completion) -> Result<(), Error> {
        let sequence = completion.sequence;
        match self.copy_records(range, completion) {
            Ok(records) => {
                // Before the acknowledgement: if its completion is lost, the lines are reported twice, never not at all.
                let pending = &mut self.trackings[index].pending;
                for record in records {
                    *pending.entry(PageIndex(record.page)).or_default() |= record.mask;
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

    /// What the device's sticky errors say of a loss.
    fn cause(&mut self) -> Result<Loss, Error> {
        let errors = self.errors()?;
        Ok(match (errors.recall_timeout(), errors.dram()) {
            (1, _) => Loss::RecallTimeout,
            (_, 1) => Loss::Memory,
            _ => Loss::Unknown,
        })
    }

    /// Something was lost: it may have been a line of any tracker.
    fn lose(&mut self, loss: Loss) {
        for tracking in &mut self.trackings {
            tracking.loss.get_or_insert(loss);
        }
    }
}

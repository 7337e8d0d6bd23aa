//! What the host's side knows must be true: the value of every line, and what every harvest must say.
//!
//! The judge sees when a burst was asked for and when its answer came, when a doorbell was rung and when the completion
//! was seen. It knows nothing of the device's order, so it judges by intervals.
//!
//! # Values
//! Writes to one line take effect in the order of their addresses, so a line has a list of *versions*. A read may bring
//! any version from the last one that was answered before the read was asked for up to the last one asked for when its data
//! came. A beat is one access: its lanes are those of one version.
//!
//! # Harvests
//! The writes of a line are numbered from 1. A harvest takes the page behind some write `s` of the line: at least behind all
//! that were answered before its doorbell, at most behind all that were asked for before its completion was seen. It reports
//! the line if and only if `s` is more than the `s` of the harvest before. Which `s` that was is not known, but an interval
//! that holds it is ([`Log::taken`]), and every report narrows the next one. If no `s` explains a report, the line was
//! lost or invented.

use std::collections::VecDeque;
use tideline_abi::cxl::Line;

/// A line that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// Written before the harvest, and not reported.
    #[error("LOST: written before the harvest and not reported")]
    Lost,
    /// Reported without a write since its last report.
    #[error("INVENTED: reported without a write since the last report")]
    Invented,
    /// A read brought what the line cannot hold.
    #[error("read {got:02x?} in lanes {lanes:#018x}, the last version asked for is {last:02x?}")]
    Value {
        /// What came.
        got: Box<Line>,
        /// The lanes of the beat.
        lanes: u64,
        /// The last version.
        last: Box<Line>,
    },
}

/// A write: when it was asked for, and when its answer came.
#[derive(Clone, Copy, Debug)]
struct Write {
    sent: u64,
    done: Option<u64>,
}

/// One line.
#[derive(Clone, Debug)]
pub struct Log {
    /// Versions, from number `first` on; version 0 is what memory held.
    versions: VecDeque<Line>,
    first: u64,
    /// Writes, from number `base + 1` on.
    writes: VecDeque<Write>,
    base: u64,
    /// Oldest versions that the reads under way may bring.
    reads: Vec<u64>,
    /// The last harvest took the page behind a write of this interval.
    taken: (u64, u64),
    /// Merged back: the next harvest must report the line.
    owed: bool,
}

impl Log {
    /// A line that memory holds, and that no harvest needs to report.
    pub fn new(contents: Line) -> Self {
        Self {
            versions: [contents].into(),
            first: 0,
            writes: VecDeque::new(),
            base: 0,
            reads: Vec::new(),
            taken: (0, 0),
            owed: false,
        }
    }

    /// Number of the last write.
    fn last(&self) -> u64 {
        self.base + self.writes.len() as u64
    }

    /// Number of the last write that was answered at `now`.
    fn answered(&self, now: u64) -> u64 {
        self.base + self.writes.iter().take_while(|w| w.done.is_some_and(|done| done <= now)).count() as u64
    }

    /// A write is asked for: its number.
    pub fn write(&mut self, now: u64, data: &Line, strobe: u64) -> u64 {
        let mut line = *self.versions.back().expect("there is a version");
        for (lane, byte) in line.iter_mut().enumerate().filter(|(lane, _)| strobe >> lane & 1 == 1) {
            *byte = data[lane];
        }
        self.versions.push_back(line);
        self.writes.push_back(Write { sent: now, done: None });
        self.last()
    }

    /// The answer of a write came.
    pub fn written(&mut self, now: u64, number: u64) {
        if let Some(at) = number.checked_sub(self.base + 1) {
            self.writes[at as usize].done = Some(now);
        }
        self.forget();
    }

    /// A read is asked for: the oldest version that it may bring.
    pub fn read(&mut self, now: u64) -> u64 {
        let oldest = self.answered(now);
        self.reads.push(oldest);
        oldest
    }

    /// The data of a read came.
    ///
    /// # Errors
    /// [`Wrong::Value`].
    pub fn loaded(&mut self, oldest: u64, got: &Line, lanes: u64) -> Result<(), Wrong> {
        let same = |version: &Line| (0..64).all(|i| lanes >> i & 1 == 0 || version[i] == got[i]);
        if !self.versions.iter().skip((oldest - self.first) as usize).any(same) {
            let last = self.versions.back().expect("there is a version");
            return Err(Wrong::Value { got: Box::new(*got), lanes, last: Box::new(*last) });
        }
        let at = self.reads.iter().position(|&other| other == oldest).expect("the read is under way");
        self.reads.swap_remove(at);
        self.forget();
        Ok(())
    }

    /// The value, when nothing is under way.
    pub fn value(&self) -> &Line {
        self.versions.back().expect("there is a version")
    }

    /// A harvest with its doorbell at `begin` and its completion seen at `end` took the line's page.
    ///
    /// # Errors
    /// [`Wrong::Lost`], [`Wrong::Invented`].
    pub fn harvested(&mut self, begin: u64, end: u64, reported: bool) -> Result<(), Wrong> {
        let (low, high) = self.interval(begin, end);
        let (from, to) = self.taken;
        self.taken = match (reported, self.owed) {
            (false, true) => return Err(Wrong::Lost),
            (false, false) if low > to => return Err(Wrong::Lost),
            (false, false) => (low.max(from), high.min(to)),
            (true, true) => (low.max(from), high),
            (true, false) if from >= high => return Err(Wrong::Invented),
            (true, false) => (low.max(from + 1), high),
        };
        self.owed = false;
        self.forget();
        Ok(())
    }

    /// A report of the line was merged back.
    pub fn merged_back(&mut self) {
        self.owed = true;
    }

    /// Tracking began anew between `begin` and `end`.
    pub fn tracked(&mut self, begin: u64, end: u64) {
        self.taken = self.interval(begin, end);
        self.owed = false;
        self.forget();
    }

    /// Behind which writes a command may have passed.
    fn interval(&self, begin: u64, end: u64) -> (u64, u64) {
        let sent = self.writes.iter().take_while(|w| w.sent <= end).count() as u64;
        (self.answered(begin), self.base + sent)
    }

    /// Drops what no later judgement needs.
    fn forget(&mut self) {
        let oldest = self.reads.iter().copied().min().unwrap_or(u64::MAX).min(self.answered(u64::MAX));
        while self.first < oldest {
            self.versions.pop_front();
            self.first += 1;
        }
        while self.base < self.taken.0 && self.writes.front().is_some_and(|w| w.done.is_some()) {
            self.writes.pop_front();
            self.base += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: u64 = u64::MAX;

    #[test]
    fn a_read_brings_a_version_of_its_time() {
        let mut log = Log::new([0; 64]);
        let first = log.write(10, &[1; 64], 0xff);
        let read = log.read(11);
        let second = log.write(12, &[2; 64], 0xf);
        let mut line = [0; 64];
        for fill in [0, 1] {
            line[..8].fill(fill);
            assert_eq!(log.clone().loaded(read, &line, ALL), Ok(()));
        }
        line[..4].fill(2);
        assert_eq!(log.clone().loaded(read, &line, ALL), Ok(()));
        line[0] = 1;
        assert!(log.clone().loaded(read, &line, ALL).is_err(), "half of each");
        assert_eq!(log.clone().loaded(read, &line, 1), Ok(()), "only the lanes of the beat count");
        log.written(20, first);
        log.written(21, second);
        line[0] = 2;
        assert_eq!(log.loaded(read, &line, ALL), Ok(()));
        let late = log.read(22);
        line.fill(0);
        assert!(log.loaded(late, &line, ALL).is_err(), "an old version");
    }

    #[test]
    fn a_write_is_in_exactly_one_report() {
        let mut log = Log::new([0; 64]);
        assert_eq!(log.clone().harvested(1, 2, true), Err(Wrong::Invented));
        let first = log.write(5, &[1; 64], ALL);
        log.written(9, first);
        assert_eq!(log.clone().harvested(10, 20, false), Err(Wrong::Lost));
        // Answered while the harvest ran: in this report or in the next one, in one of them.
        for now in [true, false] {
            let mut log = log.clone();
            assert_eq!(log.harvested(7, 20, now), Ok(()));
            assert!(log.clone().harvested(30, 40, now).is_err());
            assert_eq!(log.harvested(30, 40, !now), Ok(()));
            assert_eq!(log.harvested(50, 60, true), Err(Wrong::Invented));
        }
        // Two writes, one of them under way at the harvest: one more report is possible, not three.
        let second = log.write(11, &[1; 64], ALL);
        assert_eq!(log.harvested(10, 20, true), Ok(()));
        log.written(25, second);
        assert_eq!(log.clone().harvested(30, 40, false), Ok(()));
        assert_eq!(log.harvested(30, 40, true), Ok(()));
        assert_eq!(log.clone().harvested(50, 60, true), Err(Wrong::Invented));
        log.merged_back();
        assert_eq!(log.clone().harvested(50, 60, false), Err(Wrong::Lost));
        assert_eq!(log.harvested(50, 60, true), Ok(()));
    }

    #[test]
    fn tracking_begins_anew() {
        let mut log = Log::new([0; 64]);
        let write = log.write(5, &[1; 64], ALL);
        log.written(9, write);
        log.tracked(10, 12);
        assert_eq!(log.harvested(20, 30, true), Err(Wrong::Invented));
    }
}

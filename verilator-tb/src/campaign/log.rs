//! The consumer of the dirty-line log: rings of random sizes, taken from at a random pace, compared with the slots.
//!
//! What must be true: the records of a ring are first writes, in the order of their slots; and between the first one and
//! any other one no more are missing than LOG_DROPPED says, at the end exactly as many. It knows new records by their
//! phase alone.
//!
//! When the log was switched on is not known to the cycle. If a line became dirty twice about then, and its record is the first
//! one, it may be that of either slot; both ways to match the rest are followed.

use super::{CampaignError, Commit, Dut};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;
use tideline_abi::cxl::Channels;
use tideline_abi::geometry::LINES_PER_PAGE;
use tideline_abi::log::{LOG_RECORD_BYTES, LogRecord};
use tideline_abi::regs::{
    LogBaseHi, LogBaseLo, LogControl, LogDropped, LogHead, LogSize, LogStatus, LogTimer, LogWatermark, Status,
};
use tideline_driver::Iova;

/// The largest ring, as a power of two.
const MOST_LOG2: u32 = 10;

/// What the consumer counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogCounters {
    /// Rings.
    pub rings: u64,
    /// Records taken.
    pub records: u64,
    /// Records that the device dropped.
    pub dropped: u64,
}

/// A ring in use.
struct Session {
    log2: u32,
    /// First writes since it was asked for that may still have a record.
    expected: VecDeque<u64>,
    taken: u32,
    /// How the records are matched with them: one way for each that may have the first record.
    ways: Vec<Way>,
    /// Cycles of a pause of the consumer.
    pace: u32,
    next_at: u64,
    end_at: u64,
}

/// A way to match the records so far with the first writes.
#[derive(Clone, Copy)]
struct Way {
    /// Of `expected`, the first write behind the last one that has a record.
    next: usize,
    /// First writes that have no record, though one before and one after them has.
    missing: u32,
}

impl Session {
    /// Matches the next record. No way is left if no slot since made its line dirty.
    fn matches(&mut self, line: u64) {
        let expected = &self.expected;
        if self.taken == 0 {
            let same = |(at, &first_write): (usize, &u64)| {
                (first_write == line).then_some(Way { next: at + 1, missing: 0 })
            };
            self.ways = expected.iter().enumerate().filter_map(same).collect();
        } else {
            self.ways.retain_mut(|way| {
                let skipped = expected.range(way.next..).position(|&first_write| first_write == line);
                skipped.inspect(|&skipped| {
                    way.next += skipped + 1;
                    way.missing += skipped as u32;
                });
                skipped.is_some()
            });
        }
        self.taken += 1;
        let done = self.ways.iter().map(|way| way.next).min().unwrap_or(0);
        self.expected.drain(..done);
        for way in &mut self.ways {
            way.next -= done;
        }
    }
}

pub(super) struct LogConsumer {
    ring: Iova,
    session: Option<Session>,
    rng: ChaCha8Rng,
    pub(super) counters: LogCounters,
}

impl LogConsumer {
    pub(super) fn new(device: &mut impl Dut, rng: ChaCha8Rng) -> Self {
        let bytes = LOG_RECORD_BYTES << MOST_LOG2;
        let ring = device.host_memory().alloc(bytes).expect("host memory for the log").iova;
        Self { ring, session: None, rng, counters: LogCounters::default() }
    }

    /// A slot passed.
    pub(super) fn committed(&mut self, commit: &Commit) {
        if let Some(session) = &mut self.session
            && commit.result.newly_dirty
        {
            let slot = &commit.slot;
            session.expected.push_back(u64::from(slot.page) * LINES_PER_PAGE as u64 + u64::from(slot.line));
        }
    }

    /// The device is being reset: what the ring holds counts no more.
    pub(super) fn reset(&mut self) {
        self.session = None;
    }

    /// A cycle passed, and no reset is under way.
    pub(super) fn step(
        &mut self,
        device: &mut impl Dut,
        channels: &mut Channels,
        now: u64,
    ) -> Result<(), CampaignError> {
        let Some(session) = &mut self.session else {
            self.start(device, now);
            return Ok(());
        };
        if now < session.next_at {
            return Ok(());
        }
        session.next_at = now + 1 + u64::from(self.rng.random_range(0..=session.pace));
        self.take(device)?;
        let session = self.session.as_ref().expect("just seen");
        // Sometimes the doorbell is late.
        if self.rng.random_ratio(3, 4) {
            device.post_write32(LogHead::OFFSET, session.taken);
        }
        if now >= session.end_at {
            self.end(device, channels, false)?;
        }
        Ok(())
    }

    fn start(&mut self, device: &mut impl Dut, now: u64) {
        let rng = &mut self.rng;
        let log2 = rng.random_range(3..=MOST_LOG2);
        let empty = vec![0xff; LOG_RECORD_BYTES << log2];
        device.host_memory().write(self.ring, &empty).expect("the ring");
        for (offset, value) in [
            (LogBaseLo::OFFSET, self.ring.0 as u32),
            (LogBaseHi::OFFSET, (self.ring.0 >> 32) as u32),
            (LogSize::OFFSET, log2),
            (LogHead::OFFSET, 0),
            (LogWatermark::OFFSET, rng.random_range(0..64)),
            (LogTimer::OFFSET, [0, 10, 300, 5000][rng.random_range(0..4)]),
            (LogStatus::OFFSET, 1),
            (LogControl::OFFSET, 1),
        ] {
            device.post_write32(offset, value);
        }
        self.counters.rings += 1;
        self.session = Some(Session {
            log2,
            expected: VecDeque::new(),
            taken: 0,
            ways: vec![],
            pace: [4, 100, 2000][rng.random_range(0..3)],
            next_at: now,
            end_at: now + rng.random_range(1000..60_000),
        });
    }

    /// Takes what came, and finds each record among the first writes.
    fn take(&mut self, device: &mut impl Dut) -> Result<(), CampaignError> {
        let session = self.session.as_mut().expect("a ring");
        let size = 1 << session.log2;
        for _ in 0..size {
            let at = Iova(self.ring.0 + u64::from(session.taken % size) * LOG_RECORD_BYTES as u64);
            let mut bytes = [0; LOG_RECORD_BYTES];
            device.host_memory().read(at, &mut bytes).expect("the ring");
            let record = LogRecord::from_bytes(bytes);
            if bytes != LogRecord::new(record.line, session.taken, session.log2).to_bytes() {
                break;
            }
            session.matches(record.line);
            if session.ways.is_empty() {
                return Err(CampaignError::LogInvented { record: session.taken - 1, line: record.line });
            }
            self.counters.records += 1;
        }
        Ok(())
    }

    /// Reads what the device says of its losses. `all`: nothing is on its way any more, so it must be exact.
    fn end(
        &mut self,
        device: &mut impl Dut,
        channels: &mut Channels,
        all: bool,
    ) -> Result<(), CampaignError> {
        let overflow = LogStatus(device.read32(channels, LogStatus::OFFSET)?).overflow() == 1;
        let dropped = device.read32(channels, LogDropped::OFFSET)?;
        let session = self.session.take().expect("a ring");
        self.counters.dropped += u64::from(dropped);
        let wrong = |missing: u32| {
            let silent = missing > dropped || missing > 0 && !overflow;
            let untrue = overflow && dropped == 0 || all && session.taken > 0 && missing != dropped;
            silent || untrue
        };
        let behind = |way: &Way| if all { (session.expected.len() - way.next) as u32 } else { 0 };
        let ways = session.ways.iter().map(|way| way.missing + behind(way));
        // Without a record nothing can be matched.
        let least = ways.clone().min().unwrap_or(0);
        if ways.clone().all(wrong) && (session.taken > 0 || wrong(0)) {
            return Err(CampaignError::LogLost { missing: least, dropped, overflow, taken: session.taken });
        }
        device.post_write32(LogControl::OFFSET, 0);
        while Status(device.read32(channels, Status::OFFSET)?).log() == 1 {}
        Ok(())
    }

    /// The ring at hand is the last one.
    pub(super) fn keep(&mut self) {
        if let Some(session) = &mut self.session {
            session.end_at = u64::MAX;
        }
    }

    /// The last look, when nothing is under way.
    pub(super) fn finish(
        &mut self,
        device: &mut impl Dut,
        channels: &mut Channels,
    ) -> Result<(), CampaignError> {
        if self.session.is_some() {
            self.take(device)?;
            self.end(device, channels, true)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first writes that no record stands for, of each way to match.
    fn missing(first_writes: &[u64], records: &[u64]) -> Vec<u32> {
        let mut session = Session {
            log2: 3,
            expected: first_writes.iter().copied().collect(),
            taken: 0,
            ways: vec![],
            pace: 0,
            next_at: 0,
            end_at: 0,
        };
        for &record in records {
            session.matches(record);
        }
        session.ways.iter().map(|way| way.missing).collect()
    }

    /// Found in a campaign: line 7 became dirty, was harvested and became dirty again while the log was being switched on.
    #[test]
    fn a_line_that_was_dirty_before_the_log_was_on_is_no_loss() {
        assert_eq!(missing(&[1, 7, 7, 3], &[7, 3]), [1, 0]);
        assert_eq!(missing(&[7, 4, 7, 4, 3], &[7, 4, 3]), [2, 0]);
    }

    #[test]
    fn a_record_that_is_missing_is_seen() {
        assert_eq!(missing(&[1, 7, 5, 3], &[7, 3]), [1]);
        assert_eq!(missing(&[7, 5, 7, 5, 3], &[7, 3]), [3, 1]);
        assert_eq!(missing(&[1, 2], &[2, 1]), [0; 0]);
    }
}

//! Several trackers at once: each has epochs of its own, also of pages that it shares with others.

use crate::Outcome;
use crate::meddler::Meddler;
use crate::world::{Log, generator, line, map_shuffled, pages, random_line, same_lines};
use rand::Rng;
use rand::seq::{IteratorRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeSet;
use tideline_abi::command::{Status, result_flag};
use tideline_abi::regs;
use tideline_driver::{
    Carrier, Device, Error, Frame, Gather, LineAddr, Loss, PageIndex, PageRange, Report, TrackConfig, Tracker,
};

fn lines<const N: usize>(lines: [LineAddr; N]) -> BTreeSet<LineAddr> {
    BTreeSet::from(lines)
}

#[track_caller]
fn reports(report: &Report, expected: BTreeSet<LineAddr>) {
    assert_eq!(report.loss(), None);
    same_lines(report.lines().collect(), expected);
}

/// What a tracker was started for, and what it must and may report next.
struct Expected {
    tracker: Tracker,
    must: BTreeSet<LineAddr>,
    /// Reported without recall: the host may write such a line back later, and then it comes again.
    may: BTreeSet<LineAddr>,
}

impl Expected {
    fn has(&self, page: PageIndex) -> bool {
        self.tracker.ranges().iter().any(|r| r.contains(page))
    }

    fn check(&mut self, report: &Report, gather: Gather) {
        assert_eq!(report.loss(), None);
        let reported: BTreeSet<_> = report.lines().collect();
        let possible = self.must.union(&self.may).copied().collect();
        assert!(reported.is_subset(&possible), "invented: {:?}", reported.difference(&possible));
        match gather {
            Gather::Recall => {
                assert!(reported.is_superset(&self.must), "missed: {:?}", self.must.difference(&reported));
                (self.must, self.may) = Default::default();
            }
            Gather::AsIs => {
                self.must.retain(|l| !reported.contains(l));
                self.may.extend(reported);
            }
        }
    }
}

/// One to three disjoint ranges.
fn some_ranges(rng: &mut ChaCha8Rng, pages_there: u32) -> Vec<PageRange> {
    let ends = 2 * rng.random_range(1..=3);
    let mut cuts: Vec<u32> = (0..=pages_there).choose_multiple(rng, ends);
    cuts.sort();
    let mut ranges: Vec<_> = cuts.chunks(2).map(|c| pages(c[0], c[1] - c[0])).collect();
    ranges.shuffle(rng);
    ranges
}

/// Random starts, stores, loads, reports, stops and resets on overlapping ranges: each tracker's reports are what was
/// written to its pages since its own last one.
pub fn trackers_overlap<C: Carrier>(mut device: Device<C>) -> Outcome {
    let mut rng = generator("trackers_overlap");
    const PAGES: u32 = 24;
    let range = pages(0, PAGES);
    map_shuffled(&mut device, &mut rng, range)?;
    let mut log = Log::default();
    let mut trackers: Vec<Expected> = Vec::new();
    for _ in 0..400 {
        match rng.random_range(0..100) {
            0..55 => {
                let target = random_line(&mut rng, range);
                log.store(&mut device, target)?;
                trackers.iter_mut().filter(|t| t.has(target.page())).for_each(|t| {
                    t.must.insert(target);
                });
            }
            55..60 => log.load(&mut device, random_line(&mut rng, range))?,
            60..68 if trackers.len() < 6 => {
                let tracker = device.track_start(&some_ranges(&mut rng, PAGES))?;
                trackers.push(Expected { tracker, must: BTreeSet::new(), may: BTreeSet::new() });
            }
            68..92 => {
                let gather = if rng.random_bool(0.8) { Gather::Recall } else { Gather::AsIs };
                if let Some(t) = trackers.iter_mut().choose(&mut rng) {
                    t.check(&device.track_report(&t.tracker, gather)?, gather);
                }
            }
            92..98 if !trackers.is_empty() => {
                let stopped = trackers.swap_remove(rng.random_range(0..trackers.len()));
                if rng.random_bool(0.7) {
                    device.track_stop(stopped.tracker)?;
                }
            }
            98 => device.reset()?,
            _ => {}
        }
    }
    for mut t in trackers {
        t.check(&device.track_report(&t.tracker, Gather::Recall)?, Gather::Recall);
        assert!(device.track_report(&t.tracker, Gather::Recall)?.is_empty());
        device.track_stop(t.tracker)?;
    }
    log.check_memory(&mut device)?;
    assert_eq!(device.errors()?.0, 0, "no error came of legal traffic");
    device.unmap(range)
}

/// One report does not take another's lines; a later start sees nothing of before; a stop ends nothing but itself.
pub fn trackers_share_pages<C: Carrier>(mut device: Device<C>) -> Outcome {
    device.map(pages(0, 12), Frame(0))?;
    let a = device.track_start(&[pages(0, 8)])?;
    device.store(line(5, 1), &[1; 64])?;
    // Page 5 is shared, and its line still in the host's cache; page 9 is new.
    let b = device.track_start(&[pages(4, 6)])?;
    assert!(device.track_report(&b, Gather::Recall)?.is_empty());
    for at in [line(2, 2), line(5, 2), line(9, 2)] {
        device.store(at, &[2; 64])?;
    }
    reports(&device.track_report(&b, Gather::Recall)?, lines([line(5, 2), line(9, 2)]));
    device.store(line(5, 1), &[3; 64])?;
    reports(&device.track_report(&a, Gather::Recall)?, lines([line(2, 2), line(5, 1), line(5, 2)]));
    device.track_stop(a)?;
    assert!(matches!(device.unmap(pages(0, 12)), Err(Error::StillTracked { at: PageIndex(4), .. })));
    device.unmap(pages(0, 4))?;
    device.store(line(6, 6), &[4; 64])?;
    reports(&device.track_report(&b, Gather::Recall)?, lines([line(5, 1), line(6, 6)]));
    // A start that fails leaves the others alone.
    device.store(line(7, 7), &[5; 64])?;
    let failed = device.track_start(&[pages(6, 2), pages(10, 1), pages(0, 2)]);
    assert!(matches!(failed, Err(Error::Command { status: Status::WrongState, .. })), "{failed:?}");
    device.store(line(6, 8), &[6; 64])?;
    reports(&device.track_report(&b, Gather::Recall)?, lines([line(7, 7), line(6, 8)]));
    device.track_stop(b)?;
    device.unmap(pages(4, 8))
}

/// Reads are tracked for those who ask, and reported apart from writes.
pub fn trackers_of_reads<C: Carrier>(mut device: Device<C>) -> Outcome {
    device.map(pages(0, 8), Frame(0))?;
    let accessed = TrackConfig { accessed: true };
    let writes = device.track_start(&[pages(6, 2)])?;
    assert!(matches!(device.track_report_accessed(&writes), Err(Error::NoReads)));
    let refused = device.track_start_with(&[pages(4, 3)], accessed);
    assert!(matches!(refused, Err(Error::ReadsNotTracked { at: PageIndex(6), .. })), "{refused:?}");

    let a = device.track_start_with(&[pages(0, 4)], accessed)?;
    device.load(line(1, 1))?;
    let b = device.track_start_with(&[pages(1, 4)], accessed)?;
    for at in [line(0, 9), line(1, 9), line(4, 9), line(5, 9)] {
        device.load(at)?;
    }
    device.store(line(2, 3), &[1; 64])?;
    reports(&device.track_report(&a, Gather::Recall)?, lines([line(2, 3)]));
    // A full line may be stored without a read of it, or with.
    let read = |report: Report| report.lines().filter(|&l| l != line(2, 3)).collect::<BTreeSet<_>>();
    same_lines(read(device.track_report_accessed(&b)?), lines([line(1, 9), line(4, 9)]));
    same_lines(read(device.track_report_accessed(&a)?), lines([line(0, 9), line(1, 1), line(1, 9)]));
    reports(&device.track_report(&b, Gather::Recall)?, lines([line(2, 3)]));
    device.track_stop(a)?;
    // Pages 1 to 4 still track reads, page 0 does so again.
    let c = device.track_start_with(&[pages(0, 3)], accessed)?;
    for at in [line(0, 20), line(1, 20), line(3, 20)] {
        device.load(at)?;
    }
    same_lines(read(device.track_report_accessed(&c)?), lines([line(0, 20), line(1, 20)]));
    same_lines(read(device.track_report_accessed(&b)?), lines([line(1, 20), line(3, 20)]));
    device.track_stop(b)?;
    device.track_stop(c)?;
    device.track_stop(writes)
}

/// A loss reaches every tracker that it concerns, once, with its cause.
pub fn losses_reach_every_tracker<C: Carrier>(device: Device<C>) -> Outcome {
    let mut device = Device::open(Meddler::new(device.close()?))?;
    device.map(pages(0, 12), Frame(0))?;
    let a = device.track_start(&[pages(0, 4)])?;
    let b = device.track_start(&[pages(2, 4)])?;
    let far = device.track_start_with(&[pages(8, 2)], TrackConfig { accessed: true })?;
    let error = 1 << result_flag::ERROR;
    let cases = [
        (Status::Success, 1 << result_flag::OVERFLOW, Loss::Overflow, true),
        (Status::Success, error, Loss::Unknown, true),
        (Status::MemoryError, error, Loss::Memory, true),
        (Status::RecallTimeout, error, Loss::RecallTimeout, false),
    ];
    // A sticky error of long ago is not the cause of what comes later.
    device.carrier_mut().lie = Some((regs::ErrorBits::OFFSET, 1 << regs::error_bit::RECALL_TIMEOUT));
    for (status, flags, loss, everywhere) in cases {
        device.store(line(0, 5), &[1; 64])?;
        device.store(line(3, 5), &[1; 64])?;
        device.carrier_mut().spoil = Some((status, flags));
        let report = device.track_report(&a, Gather::Recall)?;
        device.carrier_mut().spoil = None;
        assert_eq!((report.loss(), report.line_count()), (Some(loss), 4 * 64));
        let report = device.track_report(&b, Gather::Recall)?;
        assert_eq!((report.loss(), report.line_count()), (Some(loss), 4 * 64));
        assert_eq!(report.pages()[0].page, PageIndex(2), "of its own pages");
        let report = device.track_report(&far, Gather::Recall)?;
        assert_eq!((report.loss(), report.all_dirty()), (everywhere.then_some(loss), everywhere));
        let reads = device.track_report_accessed(&far)?;
        assert_eq!(reads.all_dirty(), everywhere);
        for tracker in [&a, &b, &far] {
            assert!(device.track_report(tracker, Gather::Recall)?.is_empty(), "once");
        }
    }
    // Where the recall of shared pages times out, lines of before a start could come after it.
    device.store(line(3, 6), &[2; 64])?;
    device.carrier_mut().spoil = Some((Status::RecallTimeout, error));
    let refused = device.track_start(&[pages(3, 1)]);
    assert!(matches!(refused, Err(Error::Command { status: Status::RecallTimeout, .. })), "{refused:?}");
    device.carrier_mut().spoil = None;
    assert_eq!(device.track_report(&b, Gather::Recall)?.loss(), Some(Loss::RecallTimeout));

    // A generation that did not rise over a reset: the device was powered on in between, and tracks nothing.
    device.carrier_mut().lie = Some((regs::Generation::OFFSET, 0));
    device.reset()?;
    device.carrier_mut().lie = None;
    for _ in 0..2 {
        for tracker in [&a, &b] {
            assert_eq!(device.track_report(tracker, Gather::Recall)?.loss(), Some(Loss::PowerOn));
        }
    }
    // A tracker that starts now works, whatever becomes of the old ones.
    let new = device.track_start(&[pages(0, 6)])?;
    device.track_stop(a)?;
    drop(b);
    device.store(line(3, 7), &[3; 64])?;
    reports(&device.track_report(&new, Gather::Recall)?, lines([line(3, 7)]));
    device.track_stop(new)
}

/// A store between any two commands of a start, report or stop: each tracker that is there all the time reports it exactly
/// once, the one that starts meanwhile at most once.
pub fn stores_between_commands<C: Carrier>(device: Device<C>) -> Outcome {
    let mut device = Device::open(Meddler::new(device.close()?))?;
    device.map(pages(0, 8), Frame(0))?;
    let there = device.track_start(&[pages(0, 6)])?;
    // A harvest and its acknowledgement for what is shared, a TRACK for what is new; then as many for each report.
    for doorbell in 0..9 {
        device.store(line(3, 1), &[1; 64])?;
        device.carrier_mut().store_after = Some((doorbell, line(4, 4)));
        let new = device.track_start(&[pages(2, 6)])?;
        let of_new = device.track_report(&new, Gather::Recall)?;
        let of_there = device.track_report(&there, Gather::Recall)?;
        device.track_stop(new)?;
        let last = device.track_report(&there, Gather::Recall)?;
        assert_eq!(device.carrier_mut().store_after, None, "doorbell {doorbell} did not come");
        // Without recall, a store behind the flush of the last report is found by the next one.
        let next = device.track_report(&there, Gather::Recall)?;
        let times = [&of_there, &last, &next].iter().filter(|r| r.contains(line(4, 4))).count();
        assert_eq!(times, 1, "doorbell {doorbell}");
        assert!(of_new.lines().all(|l| l == line(4, 4)), "doorbell {doorbell}: {:?}", of_new.pages());
        assert!(of_there.contains(line(3, 1)) && !last.contains(line(3, 1)));
    }
    device.track_stop(there)
}

//! Line tracking against the host's own log.

use crate::Outcome;
use crate::world::{
    Buffer, Log, answer, exactness, expect, generator, give_up, line, map_shuffled, pages, random_line,
    ranged, same_lines,
};
use rand::Rng;
use std::collections::BTreeSet;
use tideline_abi::command::{Command, Opcode, Status, flag};
use tideline_driver::{Carrier, Device, Error, Exactness, Frame, Gather, PageIndex, PageRange, Recall};

/// Epochs of random stores and loads: each report is what was written since the one before.
pub fn random_epochs<C: Carrier>(mut device: Device<C>) -> Outcome {
    let mut rng = generator("random_epochs");
    let range = pages(100, 64);
    map_shuffled(&mut device, &mut rng, range)?;
    let tracker = device.track_start(&[range])?;
    let mut log = Log::default();
    for _ in 0..12 {
        for _ in 0..rng.random_range(0..200) {
            let target = random_line(&mut rng, range);
            if rng.random_bool(0.7) {
                log.store(&mut device, target)?;
            } else {
                log.load(&mut device, target)?;
            }
        }
        let report = device.track_report(&tracker, Gather::Recall)?;
        assert_eq!(report.exact(), exactness(&device));
        assert_eq!(report.line_count(), log.epoch.len() as u64);
        assert!(report.pages().is_sorted_by(|a, b| a.page < b.page));
        assert!(log.epoch.iter().all(|&l| report.contains(l)));
        log.check_report(&report);
    }
    log.check_memory(&mut device)?;
    assert_eq!(device.errors()?.0, 0, "no error came of legal traffic");
    device.track_stop(tracker)
}

/// Stores before the start, after the stop, and beside the ranges are nobody's.
pub fn stores_before_start_are_not_reported<C: Carrier>(mut device: Device<C>) -> Outcome {
    device.map(pages(0, 8), Frame(0))?;
    let mut log = Log::default();
    for n in 0..64 {
        log.store(&mut device, line(n % 8, n as u8))?;
    }
    log.epoch.clear();
    let tracker = device.track_start(&[pages(0, 2), pages(4, 2)])?;
    assert!(device.track_report(&tracker, Gather::Recall)?.is_empty());
    for page in 0..8 {
        log.store(&mut device, line(page, 1))?;
    }
    log.epoch.retain(|l| [0, 1, 4, 5].contains(&l.page().0));
    log.check_report(&device.track_report(&tracker, Gather::Recall)?);
    log.store(&mut device, line(0, 2))?;
    device.track_stop(tracker)?;
    log.store(&mut device, line(0, 3))?;
    let tracker = device.track_start(&[pages(0, 8)])?;
    assert!(device.track_report(&tracker, Gather::Recall)?.is_empty());
    log.check_memory(&mut device)?;
    // TRACK set on pages that are tracked already: their epoch begins anew.
    log.store(&mut device, line(1, 4))?;
    give_up(&mut device, pages(0, 8), Recall::WritePermission)?;
    let set = Command { flags: flag::TRACK_SET, ..ranged(Opcode::Track, pages(0, 8)) };
    expect(&mut device, &set, Status::Success)?;
    assert!(device.track_report(&tracker, Gather::Recall)?.is_empty());
    device.track_stop(tracker)
}

/// Without recall a report may miss lines, and says so; the next ones bring them. It invents none.
pub fn report_as_is<C: Carrier>(mut device: Device<C>) -> Outcome {
    let mut rng = generator("report_as_is");
    let range = pages(0, 16);
    device.map(range, Frame(3))?;
    let tracker = device.track_start(&[range])?;
    let mut log = Log::default();
    let mut reported = BTreeSet::new();
    for _ in 0..4 {
        for _ in 0..50 {
            log.store(&mut device, random_line(&mut rng, range))?;
        }
        let report = device.track_report(&tracker, Gather::AsIs)?;
        assert_eq!(report.exact(), Exactness::None);
        reported.extend(report.lines());
        assert!(reported.is_subset(&log.epoch));
    }
    let last = device.track_report(&tracker, Gather::Recall)?;
    assert_eq!(last.exact(), exactness(&device));
    reported.extend(last.lines());
    same_lines(reported, log.epoch);
    device.track_stop(tracker)
}

/// Two trackers at disjoint ranges know nothing of each other.
pub fn two_trackers<C: Carrier>(mut device: Device<C>) -> Outcome {
    let mut rng = generator("two_trackers");
    let (even, odd) = ([pages(0, 4), pages(8, 4)], [pages(4, 4), pages(12, 4)]);
    device.map(pages(0, 16), Frame(0))?;
    let a = device.track_start(&even)?;
    let b = device.track_start(&odd)?;
    let mut log = Log::default();
    let (mut of_a, mut of_b) = (BTreeSet::new(), BTreeSet::new());
    for round in 0..6 {
        for _ in 0..40 {
            log.store(&mut device, random_line(&mut rng, pages(0, 16)))?;
        }
        for target in std::mem::take(&mut log.epoch) {
            let set = if target.page().0 / 4 % 2 == 0 { &mut of_a } else { &mut of_b };
            set.insert(target);
        }
        // One of them is asked less often.
        let report = device.track_report(&a, Gather::Recall)?;
        same_lines(report.lines().collect(), std::mem::take(&mut of_a));
        if round % 2 == 1 {
            let report = device.track_report(&b, Gather::Recall)?;
            same_lines(report.lines().collect(), std::mem::take(&mut of_b));
        }
    }
    device.track_stop(a)?;
    log.store(&mut device, line(5, 5))?;
    log.check_report(&device.track_report(&b, Gather::Recall)?);
    device.track_stop(b)
}

/// A tracker that is dropped frees its pages; its pages cannot be unmapped before.
pub fn dropped_trackers_are_stopped<C: Carrier>(mut device: Device<C>) -> Outcome {
    device.map(pages(0, 4), Frame(0))?;
    let tracker = device.track_start(&[pages(1, 2)])?;
    let refused = device.unmap(pages(0, 4));
    assert!(matches!(refused, Err(Error::StillTracked { at: PageIndex(1), .. })), "{refused:?}");
    drop(tracker);
    let again = device.track_start(&[pages(0, 4)])?;
    device.store(line(2, 2), &[2; 64])?;
    assert_eq!(device.track_report(&again, Gather::Recall)?.lines().collect::<Vec<_>>(), [line(2, 2)]);
    drop(again);
    device.unmap(pages(0, 4))?;
    // A start that fails half way leaves nothing tracked.
    device.map(pages(0, 4), Frame(0))?;
    let failed = device.track_start(&[pages(0, 2), pages(3, 2)]);
    assert!(
        matches!(failed, Err(Error::Command { status: Status::WrongState, cursor: PageIndex(4), .. })),
        "{failed:?}"
    );
    device.store(line(0, 0), &[3; 64])?;
    device.store(line(3, 0), &[3; 64])?;
    let buffer = Buffer::new(&mut device)?;
    let completion = expect(&mut device, &buffer.command(pages(0, 8)), Status::Success)?;
    assert_eq!(completion.records, 0);
    expect(&mut device, &answer(Opcode::HarvestAck, completion.sequence), Status::Success).map(drop)
}

/// Ranges that make no sense are refused before the device hears of them, each with its reason.
pub fn ranges_are_checked<C: Carrier>(mut device: Device<C>) -> Outcome {
    let window = device.info().pages;
    let start = |device: &mut Device<C>, ranges: &[PageRange]| device.track_start(ranges).map(drop);
    assert!(matches!(start(&mut device, &[]), Err(Error::NoRanges)));
    for (first, count) in [(window, 1), (window - 1, 2), (0, window + 1)] {
        let refused = start(&mut device, &[pages(first, count)]);
        assert!(matches!(refused, Err(Error::OutsideWindow { pages, .. }) if pages == window), "{refused:?}");
    }
    let refused = start(&mut device, &[pages(4, 4), pages(0, 5)]);
    assert!(matches!(refused, Err(Error::OverlappingRanges { at: PageIndex(4), .. })), "{refused:?}");
    let unmapped = start(&mut device, &[pages(0, 1)]);
    assert!(matches!(unmapped, Err(Error::Command { status: Status::WrongState, .. })), "{unmapped:?}");

    let base = device.window_base();
    let at = |offset: u64| tideline_driver::Hpa(base.0.wrapping_add(offset));
    assert_eq!(device.range_at(at(0x3000), 0x2000)?, pages(3, 2));
    assert!(matches!(device.range_at(at(0x3001), 0x1000), Err(Error::Unaligned { value: 0x3001, .. })));
    assert!(matches!(device.range_at(at(0x3000), 0x10), Err(Error::Unaligned { value: 0x10, .. })));
    assert!(matches!(device.range_at(at(0x3000), 0), Err(Error::EmptyRange { .. })));
    assert!(matches!(device.range_at(at(0x1000u64.wrapping_neg()), 0x1000), Err(Error::BelowWindow { .. })));
    let end = u64::from(window) * 0x1000;
    let refused = device.range_at(at(end), 0x1000);
    assert!(matches!(refused, Err(Error::OutsideWindow { pages, .. }) if pages == window), "{refused:?}");
    Ok(())
}

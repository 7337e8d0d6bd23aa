//! Plain regions: memory that uses no function yet, and what must not be lost when it gets one.

use crate::Outcome;
use crate::world::{
    Buffer, Log, answer, exactness, expect, flush_if_needed, generator, line, pages, pattern, random_line,
    ranged, same_lines,
};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeSet;
use tideline_abi::command::{Command, Opcode, Status, flag};
use tideline_abi::geometry::REGION_PAGES;
use tideline_abi::regs::CountBisnp;
use tideline_driver::{
    Arena, Carrier, Device, Error, Frame, Gather, LineAddr, PageIndex, PageRange, Recall, Span, TrackConfig,
};

const REGION: u32 = REGION_PAGES as u32;

/// Whole regions.
fn regions(first: u32, count: u32) -> PageRange {
    pages(first * REGION, count * REGION)
}

/// MAP plain by hand, to the frames from `frame` on.
fn map_plain(range: PageRange, frame: u32) -> Command {
    Command { flags: flag::MAP_PLAIN, arg: frame.into(), ..ranged(Opcode::Map, range) }
}

/// Stores and loads of random lines of one of these ranges each.
fn traffic<C: Carrier>(
    device: &mut Device<C>,
    log: &mut Log,
    rng: &mut ChaCha8Rng,
    count: u32,
    ranges: &[PageRange],
) -> Outcome {
    for _ in 0..count {
        let range = ranges[rng.random_range(0..ranges.len())];
        let target = random_line(rng, range);
        if rng.random_bool(0.6) { log.store(device, target)? } else { log.load(device, target)? }
    }
    Ok(())
}

/// Demands the driver's refusal of a command, with its status and cursor.
#[track_caller]
fn refused(result: Outcome, status: Status, cursor: u32) {
    let right = matches!(&result, Err(Error::Command { status: s, cursor: PageIndex(c), .. })
        if *s == status && *c == cursor);
    assert!(right, "{result:?} is not {status:?} at page {cursor}");
}

/// Pages of plain regions get trackers: stores of before are not reported, from then on exactly the stores are; all pages
/// keep their contents.
pub fn plain_pages_are_tracked<C: Carrier>(mut device: Device<C>) -> Outcome {
    let mut rng = generator("plain_pages_are_tracked");
    let range = regions(1, 3);
    device.map_plain(range, Frame(5 * REGION))?;
    let mut log = Log::default();
    traffic(&mut device, &mut log, &mut rng, 300, &[range])?;

    // In the middle of the first region, and the last page of the second. The third one stays plain.
    let some = [pages(REGION + 40, 8), pages(3 * REGION - 1, 1)];
    traffic(&mut device, &mut log, &mut rng, 60, &some)?;
    let a = device.track_start(&some)?;
    log.epoch.clear();
    assert!(device.track_report(&a, Gather::Recall)?.is_empty(), "stores of before");
    for _ in 0..5 {
        traffic(&mut device, &mut log, &mut rng, 120, &[some[0], some[1], range])?;
        log.epoch.retain(|l| some.iter().any(|r| r.contains(l.page())));
        let report = device.track_report(&a, Gather::Recall)?;
        assert_eq!(report.exact(), exactness(&device));
        log.check_report(&report);
    }
    // Another tracker: pages that are tracked, pages that are plain no more, and pages that are.
    let more = pages(3 * REGION - 3, 6);
    traffic(&mut device, &mut log, &mut rng, 40, &[more])?;
    let mut of_a: BTreeSet<LineAddr> = std::mem::take(&mut log.epoch);
    let b = device.track_start_with(&[pages(REGION, 2)], TrackConfig { accessed: true })?;
    let c = device.track_start(&[more])?;
    device.load(line(REGION + 1, 63))?;
    traffic(&mut device, &mut log, &mut rng, 100, &[more, some[0], pages(2 * REGION, 200)])?;
    let of = |ranges: &[PageRange]| -> BTreeSet<LineAddr> {
        log.epoch.iter().copied().filter(|l| ranges.iter().any(|r| r.contains(l.page()))).collect()
    };
    same_lines(device.track_report(&c, Gather::Recall)?.lines().collect(), of(&[more]));
    of_a.extend(log.epoch.iter().copied());
    of_a.retain(|l| some.iter().any(|r| r.contains(l.page())));
    same_lines(device.track_report(&a, Gather::Recall)?.lines().collect(), of_a);
    assert!(device.track_report(&b, Gather::Recall)?.is_empty());
    let reads = device.track_report_accessed(&b)?;
    assert_eq!(reads.lines().collect::<Vec<_>>(), [line(REGION + 1, 63)]);
    device.track_stop(a)?;
    device.track_stop(b)?;
    device.track_stop(c)?;
    log.check_memory(&mut device)?;
    assert_eq!(device.errors()?.0, 0, "no error came of legal traffic");
    device.unmap(range)
}

/// UNMAP gives everything back, whole regions and single pages: frames keep their contents, and what the host holds of a
/// page does not outlive its map.
pub fn plain_regions_are_unmapped<C: Carrier>(mut device: Device<C>) -> Outcome {
    const FRAME: u32 = 6 * REGION;
    // Two lines of pages here and there, and the number of each.
    let places = |first: u32| {
        let pages = [0, 1, 300, REGION - 1, REGION, REGION + 10, REGION + 11, 2 * REGION - 1];
        let lines = pages.into_iter().flat_map(move |page| [0, 63].map(|l| line(first + page, l)));
        lines.enumerate().map(|(n, at)| (n as u64, at))
    };
    device.map_plain(regions(2, 2), Frame(FRAME))?;
    for (n, at) in places(2 * REGION) {
        device.store(at, &pattern(n))?;
    }
    device.unmap(regions(2, 2))?;
    // The frames by descriptor, at pages that are no region.
    device.map(pages(3, 2 * REGION), Frame(FRAME))?;
    for (n, at) in places(3) {
        assert_eq!(device.load(at)?, pattern(n), "{at}");
        device.store(at, &pattern(100 + n))?;
    }
    device.unmap(pages(3, 2 * REGION))?;
    // And as plain regions again, where they were.
    device.map_plain(regions(2, 2), Frame(FRAME))?;
    for (n, at) in places(2 * REGION) {
        assert_eq!(device.load(at)?, pattern(100 + n), "{at}");
        device.store(at, &pattern(200 + n))?;
    }

    // Two pages of the second region get other frames.
    let hole = pages(3 * REGION + 10, 2);
    device.unmap(hole)?;
    assert_eq!(device.errors()?.0, 0);
    // A carrier may hand out the poison or refuse it; it must not make up data.
    if let Ok(data) = device.load(line(3 * REGION + 10, 0)) {
        assert_eq!(data, [0xff; 64]);
    }
    let errors = device.errors()?;
    assert_eq!(errors.read_unmapped(), 1);
    device.clear_errors(errors)?;
    refused(device.map_plain(regions(3, 1), Frame(FRAME)), Status::WrongState, 3 * REGION);
    device.map(hole, Frame(0))?;
    for (n, at) in places(2 * REGION) {
        let data = device.load(at)?;
        if hole.contains(at.page()) {
            assert_ne!(data, pattern(200 + n), "{at}: what its old frame holds");
            device.store(at, &pattern(300 + n))?;
        } else {
            assert_eq!(data, pattern(200 + n), "{at}");
        }
    }
    device.unmap(regions(2, 2))?;
    refused(device.unmap(regions(2, 1)), Status::WrongState, 2 * REGION);
    // The other way round: ordinary pages become a region.
    device.map_plain(regions(2, 2), Frame(FRAME))?;
    for (n, at) in places(2 * REGION) {
        assert_eq!(device.load(at)?, pattern(200 + n), "{at}: what its frame held all the time");
    }
    assert_eq!(device.errors()?.0, 0);
    device.unmap(regions(2, 2))
}

/// What is not a whole region is refused, by the driver by name and by the device; a MAP plain that meets a mapped page
/// stops there and says so.
pub fn plain_maps_are_checked<C: Carrier>(mut device: Device<C>) -> Outcome {
    for (range, frame, name, wrong) in [
        (pages(1, REGION), 0, "first page", 1),
        (pages(REGION + 256, REGION), 0, "first page", REGION + 256),
        (pages(REGION, 1), 0, "number of pages", 1),
        (pages(REGION, REGION + 1), 0, "number of pages", REGION + 1),
        (regions(1, 1), 511, "frame", 511),
    ] {
        let result = device.map_plain(range, Frame(frame));
        let right =
            matches!(result, Err(Error::NotWholeRegions { what, value }) if what == name && value == wrong);
        assert!(right, "{range} to {frame}: {result:?}");
    }
    let (window, frames) = (device.info().pages, device.info().frames);
    let outside = device.map_plain(pages(window, REGION), Frame(0));
    assert!(matches!(outside, Err(Error::OutsideWindow { .. })), "{outside:?}");
    let beyond = frames.next_multiple_of(REGION);
    use Status::{InvalidField, Misaligned, OutOfRange, WrongState};
    refused(device.map_plain(regions(1, 1), Frame(beyond)), OutOfRange, 0);
    for (page, count, frame, status) in [
        (1, REGION, 0, Misaligned),
        (REGION + 1, REGION - 1, 1, Misaligned),
        (2 * REGION - 1, REGION, 0, Misaligned),
        (REGION, 1, 0, Misaligned),
        (REGION, REGION / 2, 0, Misaligned),
        (REGION, 3 * REGION + 1, 0, Misaligned),
        (REGION, REGION, 1, Misaligned),
        (REGION, REGION, REGION / 2, Misaligned),
        (REGION, REGION, 3 * REGION - 1, Misaligned),
        // The range comes before the alignment.
        (REGION, 0, 0, OutOfRange),
        (window - 1, REGION, 0, OutOfRange),
        (REGION, REGION, frames - 1, OutOfRange),
        (REGION + 1, 7, frames - 6, OutOfRange),
    ] {
        let command = Command { page, count, arg: frame.into(), ..map_plain(regions(0, 1), 0) };
        expect(&mut device, &command, status)?;
        let command = Command { flags: flag::MAP_PLAIN | 1, ..command };
        expect(&mut device, &command, InvalidField)?;
    }

    // A page in the middle of the third of four regions is mapped; none of the above had an effect.
    const FRAME: u32 = 8 * REGION;
    let (range, middle) = (regions(1, 4), 3 * REGION + 100);
    device.map(pages(middle, 1), Frame(0))?;
    refused(device.map_plain(range, Frame(FRAME)), WrongState, middle);
    // Regions 1 and 2 are plain, the pages of region 3 up to this one mapped, everything behind is not.
    let mut log = Log::default();
    let mapped = pages(REGION, middle + 1 - REGION);
    let around = pages(middle - 3, 4);
    let mut rng = generator("plain_maps_are_checked");
    traffic(&mut device, &mut log, &mut rng, 200, &[mapped, around])?;
    log.store(&mut device, line(middle, 7))?;
    refused(device.track_start(&[pages(middle, 2)]).map(drop), WrongState, middle + 1);
    log.epoch.clear();
    let tracked = [pages(REGION + 3, 4), around];
    let tracker = device.track_start(&tracked)?;
    traffic(&mut device, &mut log, &mut rng, 150, &[mapped, tracked[0], around])?;
    log.epoch.retain(|l| tracked.iter().any(|r| r.contains(l.page())));
    log.check_report(&device.track_report(&tracker, Gather::Recall)?);
    device.track_stop(tracker)?;
    log.check_memory(&mut device)?;
    assert_eq!(device.errors()?.0, 0);
    refused(device.unmap(range), WrongState, middle + 1);
    refused(device.unmap(range), WrongState, REGION);
    // The whole of it, now that nothing is in the way: the frames have what was written, but for the page that had its own.
    device.map_plain(range, Frame(FRAME))?;
    log.memory.retain(|l, _| l.page() != PageIndex(middle));
    log.check_memory(&mut device)?;
    device.unmap(range)
}

/// Stores and loads go on while a region stops to be plain: every load returns the last store, and of the pages that are
/// tracked then, what was stored since is reported.
pub fn stores_while_a_plain_region_ends<C: Carrier>(mut device: Device<C>) -> Outcome {
    let mut rng = generator("stores_while_a_plain_region_ends");
    let buffer = Buffer::new(&mut device)?;
    let mut log = Log::default();
    let range = regions(3, 1);
    for round in 0..6 {
        device.map_plain(range, Frame(2 * REGION))?;
        let first = range.first().0 + rng.random_range(0..REGION / 8);
        let some = pages(first, rng.random_range(1..=6));
        traffic(&mut device, &mut log, &mut rng, 40, &[some, range])?;
        let (opcode, flags) = match round % 3 {
            1 => (Opcode::Recall, 0),
            2 => (Opcode::Recall, flag::RECALL_INVALIDATE),
            _ => (Opcode::Track, flag::TRACK_SET),
        };
        let tracks = opcode == Opcode::Track;
        if tracks {
            // Stores of before must not be written back after.
            flush_if_needed(&mut device, some)?;
        }
        log.epoch.clear();
        let id = device.submit(&Command { flags, ..ranged(opcode, some) })?;
        traffic(&mut device, &mut log, &mut rng, 60, &[some, range])?;
        assert_eq!(device.wait(id)?.status, Status::Success as u16);
        let during = std::mem::take(&mut log.epoch);
        traffic(&mut device, &mut log, &mut rng, 30, &[some, range])?;

        flush_if_needed(&mut device, range)?;
        let completion = expect(&mut device, &buffer.command(range), Status::Success)?;
        let reported = buffer.lines(&mut device, &completion)?;
        expect(&mut device, &answer(Opcode::HarvestAck, completion.sequence), Status::Success)?;
        log.epoch.retain(|l| tracks && some.contains(l.page()));
        // A store beside the command is before it or after it.
        let beside = reported.intersection(&during).filter(|l| tracks && some.contains(l.page()));
        log.epoch.extend(beside);
        same_lines(reported, std::mem::take(&mut log.epoch));

        log.check_memory(&mut device)?;
        device.unmap(range)?;
    }
    assert_eq!(device.errors()?.0, 0, "no error came of legal traffic");
    Ok(())
}

/// Window, arena, fence, harvest, reset and another driver find plain memory as they find any other.
pub fn plain_memory_is_memory<C: Carrier>(mut device: Device<C>) -> Outcome {
    let place = regions(4, 1);
    device.map_plain(place, Frame(0))?;
    let mut arena = Arena::create(&mut device.window(), place)?;
    let table = arena.alloc_cells::<[u32; 5]>(&mut device.window(), 300)?;
    let text = arena.alloc(&mut device.window(), 3 * 4096, 4096)?;
    arena.set_root(&mut device.window(), table)?;
    let mut window = device.window();
    window.fill(text, 0x33)?;
    window.copy(Span::new(text.start, 5000), tideline_driver::Offset(text.start.0 + 7001))?;
    for n in 0..table.len() {
        window.set(table.get(n)?, &[1, n as u32, 0, 0, 0])?;
    }
    device.fence()?;

    // A harvest finds nothing, and asks the host for nothing.
    let snoops = device.carrier_mut().read32(CountBisnp::OFFSET)?;
    let buffer = Buffer::new(&mut device)?;
    let completion = expect(&mut device, &buffer.command(regions(3, 3)), Status::Success)?;
    assert_eq!((completion.records, completion.cursor), (0, 6 * REGION));
    expect(&mut device, &answer(Opcode::HarvestAck, completion.sequence), Status::Success)?;
    assert_eq!(device.carrier_mut().read32(CountBisnp::OFFSET)?, snoops);
    // TRACK clear leaves it plain, too.
    expect(&mut device, &ranged(Opcode::Track, place), Status::Success)?;
    assert_eq!(device.carrier_mut().read32(CountBisnp::OFFSET)?, snoops);

    device.reset()?;
    if device.has_recall() {
        device.recall(pages(place.first().0 + 2, 1), Recall::EveryCopy)?;
    }
    let mut device = Device::open(device.close()?)?;
    let mut arena = Arena::open(&mut device.window(), place)?;
    assert_eq!(arena.root(&mut device.window())?, Some(table.span().start));
    let tracker = device.track_start(&[place])?;
    let mut written = BTreeSet::new();
    for n in [0, 7, 150, 299] {
        let cell = table.get(n)?;
        assert_eq!(device.window().get(cell)?, [1, n as u32, 0, 0, 0]);
        device.window().set(cell, &[2, n as u32, 0, 0, 0])?;
        written.extend(cell.span().lines());
    }
    same_lines(device.track_report(&tracker, Gather::Recall)?.lines().collect(), written);
    device.track_stop(tracker)?;
    let mut bytes = vec![0; 3 * 4096];
    device.window().read(text.start, &mut bytes)?;
    assert!(bytes.iter().all(|&byte| byte == 0x33));
    arena.free(&mut device.window(), text)?;
    assert_eq!(device.errors()?.0, 0);
    device.unmap(place)
}

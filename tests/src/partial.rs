//! Record buffers smaller than the result: a report goes on from the cursor, and nothing is lost or doubled.

use crate::Outcome;
use crate::meddler::Meddler;
use crate::world::{
    Buffer, Log, answer, expect, flush_if_needed, generator, give_up, line, pages, random_line, same_lines,
};
use rand::Rng;
use std::collections::BTreeSet;
use tideline_abi::command::{Command, Completion, ENTRY_BYTES, Opcode, RECORD_BYTES, Status, result_flag};
use tideline_driver::{
    Carrier, Device, Error, Frame, Gather, Iova, LineAddr, Options, PageRange, Recall, Tracker,
};

/// A small record buffer: one report takes many harvests.
pub fn partial_reports<C: Carrier>(device: Device<C>) -> Outcome {
    let mut rng = generator("partial_reports");
    let carrier = device.close()?;
    let mut device = Device::open_with(carrier, Options { records: 3, ..Options::default() })?;
    let ranges = [pages(0, 20), pages(30, 10)];
    device.map(pages(0, 40), Frame(11))?;
    let tracker = device.track_start(&ranges)?;
    let mut log = Log::default();
    for epoch in 0..5 {
        for _ in 0..epoch * 15 {
            let range = ranges[rng.random_range(0..2)];
            log.store(&mut device, random_line(&mut rng, range))?;
        }
        log.check_report(&device.track_report(&tracker, Gather::Recall)?);
    }
    device.track_stop(tracker)
}

/// PARTIAL by hand: the buffer is never overrun, the cursor goes on, and each line comes once.
pub fn partial_results<C: Carrier>(mut device: Device<C>) -> Outcome {
    let buffer = Buffer::new(&mut device)?;
    let range = pages(1, 40);
    device.map(range, Frame(0))?;
    let tracker = device.track_start(&[range])?;
    let mut log = Log::default();
    for page in range.pages().filter(|p| p.0 % 3 != 0) {
        log.store(&mut device, LineAddr::new(page, 33))?;
    }
    const ROOM: u32 = 5;
    let guard = Iova(buffer.region.iova.0 + u64::from(ROOM) * RECORD_BYTES as u64);
    device.carrier_mut().dma_write(guard, &[0xa5; ENTRY_BYTES])?;
    let mut command = Command { param: ROOM, ..buffer.command(range) };
    let mut lines = BTreeSet::new();
    flush_if_needed(&mut device, range)?;
    loop {
        let completion = expect(&mut device, &command, Status::Success)?;
        assert!(completion.records <= ROOM);
        let new = buffer.lines(&mut device, &completion)?;
        assert!(new.iter().all(|l| l.page().0 < completion.cursor), "pages before the cursor are done");
        lines.extend(new);
        let mut behind = [0; ENTRY_BYTES];
        device.carrier_mut().dma_read(guard, &mut behind)?;
        assert_eq!(behind, [0xa5; ENTRY_BYTES], "the buffer was overrun");
        expect(&mut device, &answer(Opcode::HarvestAck, completion.sequence), Status::Success)?;
        if completion.flags >> result_flag::PARTIAL & 1 == 0 {
            assert_eq!(completion.cursor, range.end().0);
            break;
        }
        assert_eq!(completion.records, ROOM, "partial means that the buffer is full");
        assert!(completion.cursor > command.cursor);
        command.cursor = completion.cursor;
    }
    same_lines(lines, std::mem::take(&mut log.epoch));
    device.track_stop(tracker)
}

/// Room for one record, for one less than there are, for as many, for one more: always the same lines.
pub fn partial_buffer_sizes<C: Carrier>(device: Device<C>) -> Outcome {
    const WRITTEN: u32 = 7;
    let mut carrier = device.close()?;
    for records in [1, WRITTEN - 1, WRITTEN, WRITTEN + 1] {
        let mut device = Device::open_with(carrier, Options { records, ..Options::default() })?;
        let range = pages(2, 16);
        device.map(range, Frame(0))?;
        let tracker = device.track_start(&[range])?;
        let mut log = Log::default();
        for n in 0..WRITTEN {
            log.store(&mut device, line(3 + 2 * n, n as u8))?;
            log.store(&mut device, line(3 + 2 * n, 63))?;
        }
        log.check_report(&device.track_report(&tracker, Gather::Recall)?);
        assert!(device.track_report(&tracker, Gather::Recall)?.is_empty());
        device.track_stop(tracker)?;
        device.unmap(range)?;
        carrier = device.close()?;
    }
    Ok(())
}

/// A part of a harvest by hand, and what to answer it with.
struct Parts {
    buffer: Buffer,
    command: Command,
}

impl Parts {
    /// Room for three records each.
    fn new<C: Carrier>(device: &mut Device<C>, range: PageRange) -> Result<Self, Error> {
        let buffer = Buffer::new(device)?;
        flush_if_needed(device, range)?;
        let command = Command { param: 3, ..buffer.command(range) };
        Ok(Self { buffer, command })
    }

    /// Harvests the next part, from the cursor on.
    fn next<C: Carrier>(
        &mut self,
        device: &mut Device<C>,
    ) -> Result<(Completion, BTreeSet<LineAddr>), Error> {
        let completion = expect(device, &self.command, Status::Success)?;
        let lines = self.buffer.lines(device, &completion)?;
        self.command.cursor = completion.cursor;
        Ok((completion, lines))
    }

    /// Harvests and acknowledges what is left; no line may come that came before.
    fn rest<C: Carrier>(
        &mut self,
        device: &mut Device<C>,
        lines: &mut BTreeSet<LineAddr>,
    ) -> Result<(), Error> {
        loop {
            let (completion, part) = self.next(device)?;
            let doubled: Vec<_> = lines.intersection(&part).collect();
            assert!(doubled.is_empty(), "reported twice: {doubled:?}");
            lines.extend(part);
            expect(device, &answer(Opcode::HarvestAck, completion.sequence), Status::Success)?;
            if completion.flags >> result_flag::PARTIAL & 1 == 0 {
                return Ok(());
            }
        }
    }
}

/// Twenty pages with a line each.
fn twenty_pages<C: Carrier>(device: &mut Device<C>) -> Result<(PageRange, Tracker, Log), Error> {
    let range = pages(0, 20);
    device.map(range, Frame(5))?;
    let tracker = device.track_start(&[range])?;
    let mut log = Log::default();
    for page in range.pages() {
        log.store(device, LineAddr::new(page, page.0 as u8))?;
    }
    Ok((range, tracker, log))
}

/// NACK of one part: its lines come again, those of the parts around it do not.
pub fn partial_nack_in_the_middle<C: Carrier>(mut device: Device<C>) -> Outcome {
    let (range, tracker, mut log) = twenty_pages(&mut device)?;
    let mut parts = Parts::new(&mut device, range)?;
    let (first, mut lines) = parts.next(&mut device)?;
    expect(&mut device, &answer(Opcode::HarvestAck, first.sequence), Status::Success)?;
    let (second, refused) = parts.next(&mut device)?;
    assert_eq!(refused.len(), 3);
    expect(&mut device, &answer(Opcode::HarvestNack, second.sequence), Status::Success)?;
    // Written between two parts: one line behind the cursor, one in a page that is done.
    let behind = line(second.cursor + 2, 50);
    log.store(&mut device, behind)?;
    log.store(&mut device, line(0, 51))?;
    flush_if_needed(&mut device, range)?;
    parts.rest(&mut device, &mut lines)?;
    assert!(lines.contains(&behind) && lines.is_disjoint(&refused));
    // The next epoch has what was refused, and what came too late.
    let report = device.track_report(&tracker, Gather::Recall)?;
    let late: BTreeSet<_> = report.lines().collect();
    assert!(late.is_superset(&refused) && late.contains(&line(0, 51)));
    assert!(lines.is_disjoint(&late), "reported twice");
    lines.extend(late);
    same_lines(lines, std::mem::take(&mut log.epoch));
    device.track_stop(tracker)
}

/// A reset between two parts: the part that was not acknowledged comes again, the harvest goes on from its cursor.
pub fn partial_reset_between_parts<C: Carrier>(mut device: Device<C>) -> Outcome {
    let (range, tracker, log) = twenty_pages(&mut device)?;
    let mut parts = Parts::new(&mut device, range)?;
    let (first, mut lines) = parts.next(&mut device)?;
    expect(&mut device, &answer(Opcode::HarvestAck, first.sequence), Status::Success)?;
    let (second, lost) = parts.next(&mut device)?;
    device.reset()?;
    expect(&mut device, &answer(Opcode::HarvestAck, second.sequence), Status::BadSequence)?;
    give_up(&mut device, range, Recall::WritePermission)?;
    parts.rest(&mut device, &mut lines)?;
    assert!(lines.is_disjoint(&lost), "the cursor goes on behind them");
    let report = device.track_report(&tracker, Gather::Recall)?;
    assert_eq!(report.loss(), None);
    same_lines(report.lines().collect(), lost.clone());
    lines.extend(lost);
    same_lines(lines, log.epoch);
    device.track_stop(tracker)
}

/// A report that fails at any of its parts, by records that cannot be read or by a reset, has lost nothing: the next one
/// has it all.
pub fn partial_reports_that_fail<C: Carrier>(device: Device<C>) -> Outcome {
    let mut rng = generator("partial_reports_that_fail");
    // A command that a reset swallows is never completed: do not wait for it for long.
    let options = Options { records: 3, patience: 1 << 8, ..Options::default() };
    let mut device = Device::open_with(Meddler::new(device.close()?), options)?;
    let range = pages(0, 24);
    device.map(range, Frame(0))?;
    let tracker = device.track_start(&[pages(0, 10), pages(12, 12)])?;
    let mut log = Log::default();
    for part in 0..6 {
        for page in tracker.ranges().iter().flat_map(|r| r.pages()) {
            log.store(&mut device, LineAddr::new(page, rng.random_range(0..64)))?;
        }
        device.carrier_mut().unreadable = Some(part);
        let failed = device.track_report(&tracker, Gather::Recall);
        assert!(matches!(failed, Err(Error::Carrier(_))), "{failed:?}");
        device.carrier_mut().unreadable = None;
        log.store(&mut device, random_line(&mut rng, tracker.ranges()[0]))?;
        log.check_report(&device.track_report(&tracker, Gather::Recall)?);

        for page in tracker.ranges().iter().flat_map(|r| r.pages()) {
            log.store(&mut device, LineAddr::new(page, rng.random_range(0..64)))?;
        }
        device.carrier_mut().reset_after = Some(part);
        let failed = device.track_report(&tracker, Gather::Recall);
        assert!(matches!(failed, Err(Error::Timeout { .. })), "{failed:?}");
        device.reset()?;
        log.check_report(&device.track_report(&tracker, Gather::Recall)?);
    }
    assert!(device.track_report(&tracker, Gather::Recall)?.is_empty());
    device.track_stop(tracker)
}

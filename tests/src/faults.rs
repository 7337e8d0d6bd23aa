//! What goes wrong on the way loses no line.

use crate::Outcome;
use crate::meddler::Meddler;
use crate::world::{
    Buffer, Log, answer, expect, flush_if_needed, generator, map_shuffled, pages, random_line, same_lines,
};
use tideline_abi::command::{Command, Opcode, Status, result_flag};
use tideline_driver::{Carrier, Device, Error, Gather, Generation};

/// A reset while a result waits: its lines come again, under a higher generation; maps and tracking go on.
pub fn reset_merges_back<C: Carrier>(mut device: Device<C>) -> Outcome {
    let mut rng = generator("reset_merges_back");
    let buffer = Buffer::new(&mut device)?;
    let range = pages(8, 24);
    map_shuffled(&mut device, &mut rng, range)?;
    let tracker = device.track_start(&[range])?;
    let mut log = Log::default();
    for _ in 0..100 {
        log.store(&mut device, random_line(&mut rng, range))?;
    }
    let before = device.generation()?;
    flush_if_needed(&mut device, range)?;
    let completion = expect(&mut device, &buffer.command(range), Status::Success)?;
    same_lines(buffer.lines(&mut device, &completion)?, log.epoch.clone());
    device.reset()?;
    assert_eq!(device.generation()?, Generation(before.0 + 1));
    expect(&mut device, &answer(Opcode::HarvestAck, completion.sequence), Status::BadSequence)?;
    for _ in 0..50 {
        log.store(&mut device, random_line(&mut rng, range))?;
    }
    let report = device.track_report(&tracker, Gather::Recall)?;
    log.check_report(&report);
    assert_eq!(report.generation(), Generation(before.0 + 1));
    log.check_memory(&mut device)?;
    // A reset while a command runs.
    for _ in 0..50 {
        log.store(&mut device, random_line(&mut rng, range))?;
    }
    let running = device.submit(&buffer.command(range))?;
    device.reset()?;
    assert!(matches!(device.poll(running), Err(Error::UnknownCommand(_))));
    log.check_report(&device.track_report(&tracker, Gather::Recall)?);
    device.track_stop(tracker)
}

/// Records to an address that the device may not write: a status, and the lines come again.
pub fn dma_error_merges_back<C: Carrier>(mut device: Device<C>) -> Outcome {
    let buffer = Buffer::new(&mut device)?;
    let range = pages(0, 16);
    device.map(range, tideline_driver::Frame(0))?;
    let tracker = device.track_start(&[range])?;
    let mut log = Log::default();
    for page in range.pages() {
        log.store(&mut device, tideline_driver::LineAddr::new(page, 1))?;
    }
    flush_if_needed(&mut device, range)?;
    let nowhere = Command { arg: 0xdead_0000_0000, ..buffer.command(range) };
    let completion = expect(&mut device, &nowhere, Status::DmaError)?;
    assert_eq!(completion.flags >> result_flag::PARTIAL & 1, 0);
    let errors = device.errors()?;
    assert_eq!(errors.host_memory(), 1);
    device.clear_errors(errors)?;
    assert_eq!(device.errors()?.0, 0);
    log.check_report(&device.track_report(&tracker, Gather::Recall)?);
    device.track_stop(tracker)
}

/// Records that software cannot read go back to the device, and come in the next report.
pub fn unreadable_records_are_reported_again<C: Carrier>(device: Device<C>) -> Outcome {
    let mut device = Device::open(Meddler::new(device.close()?))?;
    let range = pages(0, 64);
    device.map(range, tideline_driver::Frame(0))?;
    let tracker = device.track_start(&[range])?;
    let mut log = Log::default();
    for page in range.pages() {
        log.store(&mut device, tideline_driver::LineAddr::new(page, 62))?;
    }
    device.carrier_mut().unreadable = Some(0);
    let failed = device.track_report(&tracker, Gather::Recall);
    assert!(matches!(failed, Err(Error::Carrier(_))), "{failed:?}");
    device.carrier_mut().unreadable = None;
    log.check_report(&device.track_report(&tracker, Gather::Recall)?);
    device.track_stop(tracker)
}

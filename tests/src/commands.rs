//! Commands that are refused, and commands that end early.

use crate::Outcome;
use crate::meddler::Meddler;
use crate::world::{
    Buffer, Log, answer, expect, flush_if_needed, give_up, line, pages, ranged, same_lines, submit_together,
};
use std::collections::BTreeSet;
use tideline_abi::command::{Command, ENTRY_BYTES, Opcode, Status, flag};
use tideline_driver::{Carrier, Device, Frame, Gather, Generation, LineAddr, Recall};

const RANGED: [Opcode; 5] = [Opcode::Map, Opcode::Unmap, Opcode::Track, Opcode::Recall, Opcode::Harvest];

/// A command of good form that the device would run: what the bad ones are made from.
fn good(opcode: Opcode, buffer: &Buffer) -> Command {
    match opcode {
        Opcode::Harvest => buffer.command(pages(4, 8)),
        opcode if RANGED.contains(&opcode) => ranged(opcode, pages(4, 8)),
        opcode => Command::new(opcode),
    }
}

/// Flags that the command has.
fn flags(opcode: Opcode) -> u8 {
    match opcode {
        Opcode::Map => flag::MAP_PLAIN,
        Opcode::Track => flag::TRACK_SET | flag::TRACK_ACCESSED,
        Opcode::Recall => flag::RECALL_INVALIDATE,
        Opcode::Harvest => flag::HARVEST_RECALL | flag::HARVEST_CLEAR | flag::HARVEST_ACCESSED,
        _ => 0,
    }
}

/// Every wrong field of every command gets the status that the contract names, and the device goes on.
pub fn bad_commands_get_their_status<C: Carrier>(mut device: Device<C>) -> Outcome {
    let buffer = Buffer::new(&mut device)?;
    device.map(pages(0, 16), Frame(100))?;
    let (window, frames) = (device.info().pages, device.info().frames);
    let mut bad: Vec<(Command, Status)> = Vec::new();

    for opcode in (0..=u8::MAX).filter(|&code| Opcode::from_code(code.into()).is_none()) {
        // The opcode is checked first, so what else is wrong does not matter.
        bad.push((Command { opcode, flags: 0xff, ..good(Opcode::Harvest, &buffer) }, Status::InvalidOpcode));
    }
    for &opcode in Opcode::ALL {
        let c = good(opcode, &buffer);
        let field = Status::InvalidField;
        for bit in (0..8).filter(|bit| flags(opcode) >> bit & 1 == 0) {
            bad.push((Command { flags: c.flags | 1 << bit, ..c }, field));
        }
        let ranged = RANGED.contains(&opcode);
        if !ranged {
            bad.push((Command { page: 1, ..c }, field));
            bad.push((Command { count: 1, ..c }, field));
        }
        if !matches!(opcode, Opcode::Map | Opcode::Harvest) {
            bad.push((Command { arg: 64, ..c }, field));
            bad.push((Command { arg: 1 << 63, ..c }, field));
        }
        let has_param = [Opcode::Harvest, Opcode::HarvestAck, Opcode::HarvestNack, Opcode::Abort];
        if !has_param.contains(&opcode) {
            bad.push((Command { param: 1, ..c }, field));
        }
        if opcode != Opcode::Harvest {
            bad.push((Command { cursor: 4, ..c }, field));
        }
        if ranged {
            let range = Status::OutOfRange;
            for (page, count) in [(4, 0), (window, 1), (window - 1, 2), (u32::MAX, u32::MAX), (0, window + 1)]
            {
                bad.push((Command { page, count, ..c }, range));
                bad.push((Command { page, count, flags: 0x80, ..c }, field));
            }
        }
    }
    let map = Command { page: 20, ..good(Opcode::Map, &buffer) };
    for arg in [frames as u64 - 7, frames as u64, 1 << 26, 1 << 32, u64::MAX] {
        bad.push((Command { arg, ..map }, Status::OutOfRange));
    }
    let harvest = good(Opcode::Harvest, &buffer);
    bad.push((Command { param: 0, ..harvest }, Status::InvalidField));
    for cursor in [1, 3, 12, u32::MAX] {
        bad.push((Command { cursor, ..harvest }, Status::OutOfRange));
        bad.push((Command { cursor, arg: harvest.arg + 1, ..harvest }, Status::OutOfRange));
    }
    for offset in [1, 16, 32, 63] {
        bad.push((Command { arg: harvest.arg + offset, ..harvest }, Status::Misaligned));
    }
    for opcode in [Opcode::HarvestAck, Opcode::HarvestNack] {
        for sequence in [0, 1, u32::MAX] {
            bad.push((answer(opcode, sequence), Status::BadSequence));
        }
    }
    bad.push((answer(Opcode::Abort, 0x7777), Status::NotFound));
    bad.push((answer(Opcode::Abort, 0x1_7777), Status::InvalidField));
    let track = good(Opcode::Track, &buffer);
    bad.push((Command { flags: flag::TRACK_ACCESSED, ..track }, Status::InvalidField));

    for (command, status) in &bad {
        expect(&mut device, command, *status)?;
    }
    for &opcode in Opcode::ALL {
        for byte in [4, 7, 32, 40, 55, 63] {
            let mut entry: [u8; ENTRY_BYTES] = good(opcode, &buffer).to_bytes();
            entry[byte] |= 0x80;
            let id = device.submit_entry(entry)?;
            let status = device.wait(id)?.status;
            assert_eq!(status, Status::InvalidField as u16, "{opcode} with byte {byte} not zero");
        }
    }
    // Nothing of all this had an effect.
    device.identify()?;
    device.map(pages(16, 4), Frame(0))?;
    device.unmap(pages(0, 20))
}

/// MAP and UNMAP stop at the first page in the wrong state and say which; TRACK and RECALL too.
pub fn wrong_states_stop_at_the_page<C: Carrier>(mut device: Device<C>) -> Outcome {
    let state = Status::WrongState;
    device.map(pages(10, 1), Frame(10))?;
    let map = Command { arg: 50, ..ranged(Opcode::Map, pages(4, 12)) };
    assert_eq!(expect(&mut device, &map, state)?.cursor, 10);
    // Pages 4 to 10 are mapped now.
    let track_set = Command { flags: flag::TRACK_SET, ..ranged(Opcode::Track, pages(4, 12)) };
    for command in [
        track_set,
        ranged(Opcode::Track, pages(4, 12)),
        ranged(Opcode::Recall, pages(4, 12)),
        Command { flags: flag::RECALL_INVALIDATE, ..ranged(Opcode::Recall, pages(4, 12)) },
    ] {
        assert_eq!(expect(&mut device, &command, state)?.cursor, 11, "{command:?}");
    }
    let unmap = ranged(Opcode::Unmap, pages(4, 12));
    assert_eq!(expect(&mut device, &unmap, state)?.cursor, 11);
    assert_eq!(expect(&mut device, &unmap, state)?.cursor, 4, "everything below was unmapped");
    // A harvest passes over pages that are not mapped.
    let buffer = Buffer::new(&mut device)?;
    let completion = expect(&mut device, &buffer.command(pages(0, 64)), Status::Success)?;
    assert_eq!((completion.records, completion.cursor), (0, 64));
    expect(&mut device, &answer(Opcode::HarvestAck, completion.sequence), Status::Success).map(drop)
}

/// One range command at a time; the others answer beside it.
pub fn busy_while_a_command_runs<C: Carrier>(device: Device<C>) -> Outcome {
    let mut device = Device::open(Meddler::new(device.close()?))?;
    let buffer = Buffer::new(&mut device)?;
    let range = pages(0, 4096);
    device.map(range, Frame(0))?;
    let mut commands = vec![Command { flags: flag::TRACK_SET, ..ranged(Opcode::Track, range) }];
    commands.extend(RANGED.map(|opcode| good(opcode, &buffer)));
    commands.extend([Command::new(Opcode::Identify), answer(Opcode::HarvestAck, 99)]);
    let ids = submit_together(&mut device, &commands)?;
    let statuses = [Status::Busy; RANGED.len()].into_iter().chain([Status::Success, Status::BadSequence]);
    for (&id, status) in ids[1..].iter().zip(statuses) {
        assert_eq!(device.wait(id)?.status, status as u16, "{id}");
    }
    let completion = device.wait(ids[0])?;
    assert_eq!((completion.status, completion.cursor), (Status::Success as u16, 4096));
    Ok(())
}

/// One result at a time: until it is acknowledged a harvest is busy, and a wrong sequence acknowledges nothing.
pub fn busy_while_a_result_waits<C: Carrier>(mut device: Device<C>) -> Outcome {
    let buffer = Buffer::new(&mut device)?;
    device.map(pages(0, 16), Frame(0))?;
    let tracker = device.track_start(&[pages(0, 16)])?;
    device.store(line(3, 7), &[1; 64])?;
    flush_if_needed(&mut device, pages(0, 16))?;
    let harvest = buffer.command(pages(0, 16));
    let sequence = expect(&mut device, &harvest, Status::Success)?.sequence;
    expect(&mut device, &harvest, Status::Busy)?;
    expect(&mut device, &answer(Opcode::HarvestAck, sequence + 1), Status::BadSequence)?;
    expect(&mut device, &harvest, Status::Busy)?;
    // Other commands go on meanwhile.
    device.map(pages(16, 1), Frame(16))?;
    expect(&mut device, &answer(Opcode::HarvestAck, sequence), Status::Success)?;
    expect(&mut device, &answer(Opcode::HarvestAck, sequence), Status::BadSequence)?;
    assert!(device.track_report(&tracker, Gather::Recall)?.is_empty());
    device.track_stop(tracker)
}

/// ABORT ends a running harvest: its lines come again, under a higher generation.
pub fn abort_merges_back<C: Carrier>(device: Device<C>) -> Outcome {
    let mut device = Device::open(Meddler::new(device.close()?))?;
    let buffer = Buffer::new(&mut device)?;
    let range = pages(0, 512);
    device.map(range, Frame(0))?;
    let tracker = device.track_start(&[range])?;
    let mut log = Log::default();
    for page in range.pages() {
        log.store(&mut device, LineAddr::new(page, (page.0 % 64) as u8))?;
    }
    let before = device.generation()?;
    flush_if_needed(&mut device, range)?;
    // The identifiers of commands count up.
    let last = device.submit(&Command::new(Opcode::Identify))?;
    device.wait(last)?;
    let target = last.raw() + 1;
    let commands = [buffer.command(range), answer(Opcode::Abort, target.into())];
    let [harvest, abort] = submit_together(&mut device, &commands)?[..] else { unreachable!("two commands") };
    assert_eq!(harvest.raw(), target);
    assert_eq!(device.wait(harvest)?.status, Status::Aborted as u16);
    assert_eq!(device.wait(abort)?.status, Status::Success as u16);
    assert_eq!(device.generation()?, Generation(before.0 + 1));
    expect(&mut device, &answer(Opcode::Abort, harvest.raw().into()), Status::NotFound)?;

    let report = device.track_report(&tracker, Gather::Recall)?;
    log.check_report(&report);
    assert_eq!(report.generation(), Generation(before.0 + 1));
    device.track_stop(tracker)
}

/// A fence completes behind the command before it.
pub fn fence_completes<C: Carrier>(mut device: Device<C>) -> Outcome {
    device.fence()?;
    device.map(pages(0, 1024), Frame(0))?;
    let track =
        device.submit(&Command { flags: flag::TRACK_SET, ..ranged(Opcode::Track, pages(0, 1024)) })?;
    let fence = device.submit(&Command::new(Opcode::Fence))?;
    assert_eq!(device.wait(fence)?.status, Status::Success as u16);
    let earlier = device.poll(track)?.expect("a fence completes behind every earlier command");
    assert_eq!(earlier.status, Status::Success as u16);
    Ok(())
}

/// A FENCE that waits for a long command can be aborted; the command goes on.
pub fn abort_ends_a_fence<C: Carrier>(device: Device<C>) -> Outcome {
    let mut device = Device::open(Meddler::new(device.close()?))?;
    let range = pages(0, 4096);
    device.map(range, Frame(0))?;
    // The identifiers of commands count up.
    let last = device.submit(&Command::new(Opcode::Identify))?;
    device.wait(last)?;
    let target = last.raw() + 2;
    let commands = [
        Command { flags: flag::TRACK_SET, ..ranged(Opcode::Track, range) },
        Command::new(Opcode::Fence),
        answer(Opcode::Abort, target.into()),
    ];
    let [track, fence, abort] = submit_together(&mut device, &commands)?[..] else {
        unreachable!("three commands")
    };
    assert_eq!(fence.raw(), target);
    assert_eq!(device.wait(fence)?.status, Status::Aborted as u16);
    assert_eq!(device.wait(abort)?.status, Status::Success as u16);
    assert_eq!(device.wait(track)?.status, Status::Success as u16);
    device.fence()?;
    device.close().map(drop)
}

/// A result is reported again after NACK, and no more after ACK.
pub fn nack_reports_again<C: Carrier>(mut device: Device<C>) -> Outcome {
    let buffer = Buffer::new(&mut device)?;
    let range = pages(0, 32);
    device.map(range, Frame(7))?;
    let tracker = device.track_start(&[range])?;
    let mut log = Log::default();
    for n in 0..32 {
        log.store(&mut device, line(n, (n * 2) as u8))?;
    }
    for _ in 0..2 {
        flush_if_needed(&mut device, range)?;
        let completion = expect(&mut device, &buffer.command(range), Status::Success)?;
        same_lines(buffer.lines(&mut device, &completion)?, log.epoch.clone());
        // What is written meanwhile is merged with what comes back.
        log.store(&mut device, line(5, 60))?;
        log.store(&mut device, line(31, 1))?;
        give_up(&mut device, range, Recall::WritePermission)?;
        expect(&mut device, &answer(Opcode::HarvestNack, completion.sequence), Status::Success)?;
    }
    log.check_report(&device.track_report(&tracker, Gather::Recall)?);
    log.check_report(&device.track_report(&tracker, Gather::Recall)?);
    device.track_stop(tracker)
}

/// A merge does not bring lines back to pages that are no longer tracked or mapped.
pub fn merged_lines_of_unmapped_pages_are_dropped<C: Carrier>(mut device: Device<C>) -> Outcome {
    let buffer = Buffer::new(&mut device)?;
    let range = pages(0, 4);
    device.map(range, Frame(0))?;
    let track = Command { flags: flag::TRACK_SET, ..ranged(Opcode::Track, range) };
    expect(&mut device, &track, Status::Success)?;
    for page in 0..4 {
        device.store(line(page, 9), &[1; 64])?;
    }
    flush_if_needed(&mut device, range)?;
    let completion = expect(&mut device, &buffer.command(range), Status::Success)?;
    assert_eq!(completion.records, 4);
    // Page 0 is remapped and tracked anew, 1 unmapped, 2 no longer tracked, 3 as before.
    device.unmap(pages(0, 2))?;
    device.map(pages(0, 1), Frame(9))?;
    expect(&mut device, &ranged(Opcode::Track, pages(2, 1)), Status::Success)?;
    expect(&mut device, &answer(Opcode::HarvestNack, completion.sequence), Status::Success)?;
    let completion = expect(&mut device, &buffer.command(range), Status::Success)?;
    same_lines(buffer.lines(&mut device, &completion)?, BTreeSet::from([line(3, 9)]));
    expect(&mut device, &answer(Opcode::HarvestAck, completion.sequence), Status::Success).map(drop)
}

/// Tracking of reads: the accessed mask is its own, and only where it was asked for.
pub fn accessed_lines_are_harvested<C: Carrier>(mut device: Device<C>) -> Outcome {
    let buffer = Buffer::new(&mut device)?;
    device.map(pages(0, 4), Frame(0))?;
    let set = flag::TRACK_SET | flag::TRACK_ACCESSED;
    expect(&mut device, &Command { flags: set, ..ranged(Opcode::Track, pages(0, 2)) }, Status::Success)?;
    let writes = Command { flags: flag::TRACK_SET, ..ranged(Opcode::Track, pages(2, 2)) };
    expect(&mut device, &writes, Status::Success)?;
    for page in 0..4 {
        device.load(line(page, 11))?;
    }
    let dirty = buffer.command(pages(0, 4));
    let accessed = Command { flags: dirty.flags | flag::HARVEST_ACCESSED, ..dirty };
    for (command, lines) in [
        (dirty, BTreeSet::new()),
        (accessed, BTreeSet::from([line(0, 11), line(1, 11)])),
        (accessed, BTreeSet::new()),
    ] {
        let completion = expect(&mut device, &command, Status::Success)?;
        same_lines(buffer.lines(&mut device, &completion)?, lines);
        expect(&mut device, &answer(Opcode::HarvestAck, completion.sequence), Status::Success)?;
    }
    Ok(())
}

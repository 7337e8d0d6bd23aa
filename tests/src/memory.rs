//! The window as memory.

use crate::Outcome;
use crate::world::{Log, generator, give_up, line, map_shuffled, pages, pattern, random_line};
use rand::Rng;
use tideline_abi::command::{Opcode, Status};
use tideline_driver::{Carrier, Device, Error, Frame, Gather, PageIndex, Recall};

/// A frame keeps its data through unmap, and shows it wherever it is mapped next.
pub fn map_unmap_remap<C: Carrier>(mut device: Device<C>) -> Outcome {
    device.map(pages(0, 2), Frame(40))?;
    for n in 0..128 {
        device.store(line(n / 64, (n % 64) as u8), &pattern(n.into()))?;
    }
    device.unmap(pages(0, 2))?;
    // Frame 40 moves to page 300, frame 41 to page 9, and page 0 gets another one.
    device.map(pages(9, 1), Frame(41))?;
    device.map(pages(300, 1), Frame(40))?;
    device.map(pages(0, 1), Frame(99))?;
    for n in 0..64 {
        assert_eq!(device.load(line(300, n))?, pattern(n.into()));
        assert_eq!(device.load(line(9, n))?, pattern(64 + u64::from(n)));
        assert_ne!(device.load(line(0, n))?, pattern(n.into()), "frame 99 shows what frame 40 holds");
    }
    // The other way round: what the host holds of a page must not outlive its map.
    device.store(line(0, 0), &pattern(1000))?;
    device.unmap(pages(0, 1))?;
    device.map(pages(0, 1), Frame(98))?;
    assert_ne!(device.load(line(0, 0))?, pattern(1000), "frame 98 shows what frame 99 holds");
    device.unmap(pages(0, 1))?;
    device.map(pages(0, 1), Frame(99))?;
    assert_eq!(device.load(line(0, 0))?, pattern(1000));
    let error = device.map(pages(0, 1), Frame(97)).expect_err("the page is mapped");
    let right = matches!(
        error,
        Error::Command { opcode: Opcode::Map, status: Status::WrongState, cursor: PageIndex(0) }
    );
    assert!(right, "{error}");
    Ok(())
}

/// Accesses to unmapped pages set their error, and reach no memory.
pub fn unmapped_pages<C: Carrier>(mut device: Device<C>) -> Outcome {
    device.map(pages(5, 1), Frame(5))?;
    device.store(line(5, 3), &pattern(1))?;
    device.unmap(pages(5, 1))?;
    assert_eq!(device.errors()?.0, 0);
    // A carrier may hand out the poison or refuse it; it must not make up data.
    if let Ok(data) = device.load(line(5, 3)) {
        assert_eq!(data, [0xff; 64]);
    }
    let errors = device.errors()?;
    assert_eq!(errors.read_unmapped(), 1);
    assert_eq!(device.interrupts()?.error(), 1);
    device.clear_errors(errors)?;
    let _ = device.store(line(5, 3), &pattern(2));
    device.map(pages(5, 1), Frame(5))?;
    assert_eq!(device.load(line(5, 3))?, pattern(1));
    Ok(())
}

/// Random stores and loads while everything else happens to the pages: a load returns the last store.
pub fn data_survives_everything<C: Carrier>(mut device: Device<C>) -> Outcome {
    let mut rng = generator("data_survives_everything");
    let range = pages(0, 48);
    map_shuffled(&mut device, &mut rng, range)?;
    let mut log = Log::default();
    let mut tracker = None;
    for round in 0..60 {
        for _ in 0..20 {
            let target = random_line(&mut rng, range);
            if rng.random_bool(0.6) {
                log.store(&mut device, target)?;
            } else {
                log.load(&mut device, target)?;
            }
        }
        let first = rng.random_range(0..40);
        let some = pages(first, rng.random_range(1..=8));
        match round % 6 {
            0 => give_up(&mut device, some, Recall::WritePermission)?,
            1 => give_up(&mut device, some, Recall::EveryCopy)?,
            2 => {
                log.epoch.clear();
                tracker = Some(device.track_start(&[range])?);
            }
            3 | 4 => {
                if let Some(tracker) = &tracker {
                    let report = device.track_report(tracker, Gather::Recall)?;
                    log.check_report(&report);
                }
            }
            _ => {
                device.reset()?;
                if let Some(tracker) = tracker.take() {
                    log.check_report(&device.track_report(&tracker, Gather::Recall)?);
                    device.track_stop(tracker)?;
                }
            }
        }
    }
    log.check_memory(&mut device)
}

//! The dirty-line log: a record for each first write, as it happens; and what it says when it cannot keep up.

use crate::Outcome;
use crate::world::{Log as Stores, generator, line, pages, random_line, same_lines};
use rand::Rng;
use std::collections::BTreeSet;
use tideline_abi::regs::{
    ErrorBits, LogBaseHi, LogBaseLo, LogControl, LogSize, LogStatus as Sticky, LogTail, LogTimer,
};
use tideline_driver::{
    Carrier, Device, Error, Frame, Gather, LineAddr, LogOptions, LogStatus, PageRange, Tracker,
};

/// Waits that no record needs that is on its way.
const WAITS: u32 = 64;
const FEW: LogOptions = LogOptions { records: 8, watermark: 1, timer: 64 };
const PLENTY: LogOptions = LogOptions { records: 4096, watermark: 64, timer: 200 };

fn tracked<C: Carrier>(device: &mut Device<C>, range: PageRange) -> Result<Tracker, Error> {
    device.map(range, Frame(0))?;
    device.track_start(&[range])
}

/// What the log brings until nothing comes any more; no line twice.
fn take<C: Carrier>(device: &mut Device<C>) -> Result<BTreeSet<LineAddr>, Error> {
    let mut lines = BTreeSet::new();
    for line in device.log(WAITS) {
        let line = line?;
        assert!(lines.insert(line), "{line} is logged twice in one epoch");
    }
    Ok(lines)
}

/// In every epoch the log names the lines of its report, each once, and no other.
pub fn log_names_first_writes<C: Carrier>(mut device: Device<C>) -> Outcome {
    let mut rng = generator("log_names_first_writes");
    let (range, other) = (pages(3, 20), pages(40, 2));
    device.map(other, Frame(500))?;
    let tracker = tracked(&mut device, range)?;
    device.log_start(PLENTY)?;
    let mut stores = Stores::default();
    for _ in 0..6 {
        for _ in 0..rng.random_range(1..800) {
            stores.store(&mut device, random_line(&mut rng, range))?;
        }
        // Nobody asked for these.
        device.store(line(40, 1), &[7; 64])?;
        let written = stores.epoch.clone();
        stores.check_report(&device.track_report(&tracker, Gather::Recall)?);
        same_lines(take(&mut device)?, written);
    }
    assert_eq!(device.log_status()?, LogStatus::default());
    assert_eq!(device.log_stop()?, LogStatus::default());
    // What is off keeps nothing.
    stores.store(&mut device, line(3, 1))?;
    let _ = device.track_report(&tracker, Gather::Recall)?;
    assert!(matches!(device.log_next(), Err(Error::LogOff)));
    device.log_start(PLENTY)?;
    assert_eq!(take(&mut device)?, BTreeSet::new());
    device.log_stop()?;
    device.track_stop(tracker)
}

/// A ring of eight is enough for a consumer that follows, however often it wraps.
pub fn log_wraps<C: Carrier>(mut device: Device<C>) -> Outcome {
    let range = pages(0, 8);
    let tracker = tracked(&mut device, range)?;
    device.log_start(FEW)?;
    for round in 0..30u32 {
        let written: BTreeSet<_> = (0..1 + round % 8).map(|n| line(round % 8, (n * 5) as u8)).collect();
        for &line in &written {
            device.store(line, &[round as u8; 64])?;
        }
        let report = device.track_report(&tracker, Gather::Recall)?;
        assert_eq!(report.lines().collect::<BTreeSet<_>>(), written);
        same_lines(take(&mut device)?, written);
    }
    assert_eq!(device.log_stop()?, LogStatus::default());
    device.track_stop(tracker)
}

/// A full ring drops, says so, and invents nothing; the report has everything.
pub fn log_overflow_is_told<C: Carrier>(mut device: Device<C>) -> Outcome {
    let range = pages(0, 4);
    let tracker = tracked(&mut device, range)?;
    device.log_start(FEW)?;
    let mut stores = Stores::default();
    for n in 0..100 {
        stores.store(&mut device, line(n / 64, (n % 64) as u8))?;
    }
    let written = stores.epoch.clone();
    stores.check_report(&device.track_report(&tracker, Gather::Recall)?);
    for _ in 0..WAITS {
        device.carrier_mut().wait()?;
    }
    assert_eq!(device.log_status()?, LogStatus { overflow: true, dropped: 92, failed: 0 });
    let logged = take(&mut device)?;
    assert_eq!(logged.len(), 8, "{logged:?}");
    assert!(logged.is_subset(&written), "{logged:?}");
    // Taken records make room again; that something was lost stays said.
    for n in 0..5 {
        stores.store(&mut device, line(2, n))?;
    }
    let written = stores.epoch.clone();
    stores.check_report(&device.track_report(&tracker, Gather::Recall)?);
    same_lines(take(&mut device)?, written);
    assert_eq!(device.log_stop()?, LogStatus { overflow: true, dropped: 92, failed: 0 });
    // A new log has lost nothing.
    device.log_start(FEW)?;
    assert_eq!(device.log_stop()?, LogStatus::default());
    device.track_stop(tracker)
}

/// A reset switches the log off; it starts anew from the first record.
pub fn log_ends_with_a_reset<C: Carrier>(mut device: Device<C>) -> Outcome {
    let range = pages(0, 4);
    let tracker = tracked(&mut device, range)?;
    device.log_start(PLENTY)?;
    let mut stores = Stores::default();
    for n in 0..50 {
        stores.store(&mut device, line(1, n))?;
    }
    device.reset()?;
    assert!(matches!(device.log_next(), Err(Error::LogOff)));
    assert!(matches!(device.log_stop(), Err(Error::LogOff)));
    assert_eq!(device.carrier_mut().read32(LogControl::OFFSET)?, 0);
    assert_eq!(device.carrier_mut().read32(LogTail::OFFSET)?, 0);
    stores.check_report(&device.track_report(&tracker, Gather::Recall)?);
    device.log_start(PLENTY)?;
    stores.store(&mut device, line(2, 9))?;
    stores.check_report(&device.track_report(&tracker, Gather::Recall)?);
    same_lines(take(&mut device)?, [line(2, 9)].into());
    device.log_stop()?;
    device.track_stop(tracker)
}

/// The interrupt comes at the watermark, or when fewer records have waited; and not again for what it told of.
pub fn log_interrupts<C: Carrier>(mut device: Device<C>) -> Outcome {
    let range = pages(0, 4);
    let tracker = tracked(&mut device, range)?;
    device.log_start(LogOptions { records: 64, watermark: 8, timer: 100 })?;
    let fd = device.log_fd();
    // How often the eventfd was signalled since it was made, where there is one.
    let signals = || fd.map(count_of);
    let before = signals();
    for (round, lines) in [1, 8, 20].into_iter().enumerate() {
        for n in 0..lines {
            device.store(line(round as u32, n), &[1; 64])?;
        }
        let _ = device.track_report(&tracker, Gather::Recall)?;
        let mut waits = 0;
        while device.carrier_mut().read32(tideline_abi::regs::IntrState::OFFSET)? >> 2 & 1 == 0 {
            device.carrier_mut().wait()?;
            waits += 1;
            assert!(waits < WAITS, "no interrupt for {lines} records");
        }
        let told = signals();
        assert!(told.is_none() || told > before, "{told:?} after {before:?}");
        assert_eq!(take(&mut device)?.len(), usize::from(lines));
        assert!(device.log_next()?.is_none());
        for _ in 0..WAITS {
            device.carrier_mut().wait()?;
        }
        let state = device.carrier_mut().read32(tideline_abi::regs::IntrState::OFFSET)?;
        assert_eq!(state >> 2 & 1, 0, "nothing came since");
    }
    device.log_stop()?;
    device.track_stop(tracker)
}

/// The counter of an eventfd: how often it was signalled and not read.
fn count_of(fd: std::os::fd::RawFd) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).expect("an open eventfd");
    let line = text.lines().find_map(|line| line.strip_prefix("eventfd-count:")).expect("an eventfd");
    u64::from_str_radix(line.trim(), 16).expect("a hexadecimal counter")
}

/// A ring that is not there loses records and says so; line traffic does not notice.
pub fn log_without_memory<C: Carrier>(mut device: Device<C>) -> Outcome {
    let range = pages(0, 2);
    let tracker = tracked(&mut device, range)?;
    let mut stores = Stores::default();
    let carrier = device.carrier_mut();
    for (offset, value) in [
        (LogBaseLo::OFFSET, 0),
        (LogBaseHi::OFFSET, 0x7fff_0000),
        (LogSize::OFFSET, 4),
        (LogTimer::OFFSET, 10),
        (LogControl::OFFSET, 1),
    ] {
        carrier.write32(offset, value)?;
    }
    for n in 0..8 {
        stores.store(&mut device, line(0, n))?;
    }
    stores.check_report(&device.track_report(&tracker, Gather::Recall)?);
    for _ in 0..WAITS {
        device.carrier_mut().wait()?;
    }
    let carrier = device.carrier_mut();
    assert_eq!(carrier.read32(LogTail::OFFSET)?, 8, "the tail goes on: nothing waits for what failed");
    assert_eq!(Sticky(carrier.read32(Sticky::OFFSET)?).overflow(), 1);
    assert_eq!(ErrorBits(carrier.read32(ErrorBits::OFFSET)?).host_memory(), 1);
    carrier.write32(LogControl::OFFSET, 0)?;
    stores.check_memory(&mut device)?;
    device.track_stop(tracker)
}

/// Options that cannot work, and calls at the wrong time, are refused with what would be right.
pub fn log_options_are_checked<C: Carrier>(mut device: Device<C>) -> Outcome {
    for records in [0, 4, 12, 1 << 25] {
        let error = device.log_start(LogOptions { records, ..PLENTY }).expect_err("not a ring");
        assert!(error.to_string().contains("a power of two from 8 to 2^24"), "{error}");
    }
    assert!(matches!(device.log_status(), Err(Error::LogOff)));
    device.log_start(PLENTY)?;
    assert!(matches!(device.log_start(PLENTY), Err(Error::LogOn)));
    assert_eq!(device.log(0).count(), 0);
    device.log_stop()?;
    assert!(device.info().capabilities.iter().any(|c| c.id == 3));
    Ok(())
}

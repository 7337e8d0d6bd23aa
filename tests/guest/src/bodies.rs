//! Tests that need a real kernel's VFIO: an IOMMU that refuses, interrupts, other processes, a device that is pulled out.

use crate::{Body, system};
use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::os::unix::process::CommandExt;
use std::process::{Command as Process, ExitCode};
use std::ptr::NonNull;
use std::thread;
use std::time::{Duration, Instant};
use tideline_abi::command::{Command, Opcode, RECORD_BYTES, Record, Status};
use tideline_abi::geometry::PAGE_BYTES;
use tideline_abi::regs::{Id, IntrState};
use tideline_driver::translate::{Pagemap, PinnedPages, TranslateError};
use tideline_driver::vfio::{VfioCarrier, VfioError};
use tideline_driver::{Bdf, Carrier, CarrierError, Device, Error, Frame, Gather, LineAddr};
use tideline_tests::meddler::Meddler;
use tideline_tests::world::{Buffer, Log, answer, expect, line, pages, same_lines};
use tideline_tests::{Outcome, PageBuffer};

/// The tests of this file, and their names.
pub const BODIES: &[(&str, Body)] = &[
    ("dma_after_unmap_faults", dma_after_unmap_faults),
    ("mappings_of_4_kib", mappings_of_4_kib),
    ("reset_in_the_middle_of_a_harvest", reset_in_the_middle_of_a_harvest),
    ("interrupts_coalesce", interrupts_coalesce),
    ("a_second_process_is_refused", a_second_process_is_refused),
    ("what_is_in_the_way_is_said", what_is_in_the_way_is_said),
    ("virtual_pages_become_ranges", virtual_pages_become_ranges),
    ("a_device_that_does_not_answer", a_device_that_does_not_answer),
    ("a_device_that_is_removed", a_device_that_is_removed),
];

type Board = Device<VfioCarrier>;

fn bdf(device: &Board) -> Bdf {
    let name = device.carrier().name();
    name.strip_prefix("vfio:").and_then(|bdf| bdf.parse().ok()).expect("the name holds the address")
}

/// Memory that was given back: the device's access fails, the command says so, and no line is lost.
fn dma_after_unmap_faults(mut device: Board) -> Outcome {
    let range = pages(0, 32);
    device.map(range, Frame(0))?;
    let tracker = device.track_start(&[range])?;
    let mut log = Log::default();
    for page in range.pages() {
        log.store(&mut device, LineAddr::new(page, 9))?;
    }
    let buffer = Buffer::new(&mut device)?;
    let command = buffer.command(range);
    // It works while it is mapped.
    let completion = expect(&mut device, &command, Status::Success)?;
    same_lines(buffer.lines(&mut device, &completion)?, log.epoch.clone());
    expect(&mut device, &answer(Opcode::HarvestNack, completion.sequence), Status::Success)?;
    device.carrier_mut().dma_free(buffer.region);
    expect(&mut device, &command, Status::DmaError)?;
    let errors = device.errors()?;
    assert_eq!(errors.host_memory(), 1);
    device.clear_errors(errors)?;
    log.check_report(&device.track_report(&tracker, Gather::Recall)?);
    device.track_stop(tracker)
}

/// Many mappings of one page each, given back and taken anew; records that lie in two of them.
fn mappings_of_4_kib(mut device: Board) -> Outcome {
    let range = pages(0, 8);
    device.map(range, Frame(0))?;
    let tracker = device.track_start(&[range])?;
    let mut regions = Vec::new();
    for _ in 0..64 {
        regions.push(device.carrier_mut().dma_alloc(PAGE_BYTES)?);
    }
    let distinct: BTreeSet<u64> = regions.iter().map(|r| r.iova.0).collect();
    assert_eq!(distinct.len(), regions.len());
    for round in 0..3 {
        for (n, region) in regions.iter().enumerate() {
            let written = line(n as u32 % 8, (n + round) as u8);
            device.store(written, &[n as u8; 64])?;
            let buffer = Buffer { region: *region };
            let completion = expect(&mut device, &buffer.command(range), Status::Success)?;
            assert_eq!(buffer.lines(&mut device, &completion)?, BTreeSet::from([written]));
            expect(&mut device, &answer(Opcode::HarvestAck, completion.sequence), Status::Success)?;
        }
        // Every other one is given back and taken anew.
        for n in (round % 2..regions.len()).step_by(2) {
            device.carrier_mut().dma_free(regions[n]);
        }
        for n in (round % 2..regions.len()).step_by(2) {
            regions[n] = device.carrier_mut().dma_alloc(PAGE_BYTES)?;
        }
    }
    // Two mappings next to each other: four records end one, four begin the next.
    regions.sort_by_key(|r| r.iova);
    let pair = regions.windows(2).find(|w| w[0].iova.0 + PAGE_BYTES as u64 == w[1].iova.0);
    let &[first, second] = pair.expect("64 pages of a fresh space lie side by side") else { unreachable!() };
    let mut log = Log::default();
    for page in range.pages() {
        log.store(&mut device, LineAddr::new(page, 17))?;
    }
    let half = 4 * RECORD_BYTES;
    let arg = second.iova.0 - half as u64;
    let command = Command { arg, param: 8, ..Buffer { region: first }.command(range) };
    let completion = expect(&mut device, &command, Status::Success)?;
    assert_eq!(completion.records, 8);
    let mut bytes = vec![0; 2 * half];
    let (end, begin) = bytes.split_at_mut(half);
    device.carrier_mut().dma_read(tideline_driver::Iova(arg), end)?;
    device.carrier_mut().dma_read(second.iova, begin)?;
    let records = bytes.as_chunks::<RECORD_BYTES>().0.iter().map(Record::from_bytes);
    let lines = records.map(|r| line(r.page, r.mask.trailing_zeros() as u8)).collect();
    same_lines(lines, std::mem::take(&mut log.epoch));
    expect(&mut device, &answer(Opcode::HarvestAck, completion.sequence), Status::Success)?;
    for region in regions {
        device.carrier_mut().dma_free(region);
    }
    device.track_stop(tracker)
}

/// A reset by the kernel while the device writes records: the command is forgotten, every line comes again, once.
fn reset_in_the_middle_of_a_harvest(mut device: Board) -> Outcome {
    let buffer = Buffer::new(&mut device)?;
    let range = pages(0, 512);
    device.map(range, Frame(0))?;
    let tracker = device.track_start(&[range])?;
    let mut log = Log::default();
    for page in range.pages() {
        log.store(&mut device, LineAddr::new(page, page.0 as u8 % 64))?;
    }
    let written = |device: &mut Board| -> Result<usize, Error> {
        let mut bytes = vec![0; range.count() as usize * RECORD_BYTES];
        device.carrier_mut().dma_read(buffer.region.iova, &mut bytes)?;
        Ok(bytes.as_chunks::<RECORD_BYTES>().0.iter().filter(|r| r.iter().any(|&b| b != 0)).count())
    };
    let mut in_the_middle = 0;
    for attempt in 0..20 {
        device.carrier_mut().dma_write(buffer.region.iova, &vec![0; buffer.region.len])?;
        let running = device.submit(&buffer.command(range))?;
        let records = loop {
            let records = written(&mut device)?;
            if records > attempt || device.poll(running)?.is_some() {
                break records;
            }
        };
        device.reset()?;
        assert!(matches!(device.poll(running), Err(Error::UnknownCommand(_))));
        if (1..range.count() as usize).contains(&records) {
            in_the_middle += 1;
        }
        if in_the_middle == 3 {
            break;
        }
    }
    assert!(in_the_middle > 0, "every harvest was over before its reset");
    log.check_report(&device.track_report(&tracker, Gather::Recall)?);
    // Nothing is left to report.
    assert!(device.track_report(&tracker, Gather::Recall)?.is_empty());
    device.track_stop(tracker)
}

/// Many completions are one interrupt until software clears the state; the next completion after that is a new one.
fn interrupts_coalesce(mut device: Board) -> Outcome {
    let count = |device: &mut Board| device.carrier_mut().interrupt_counts()[0];
    // An interrupt is on its way for a while.
    let settled = |device: &mut Board, least: u64| {
        let begin = Instant::now();
        while count(device) < least && begin.elapsed() < Duration::from_secs(10) {
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_millis(20));
        count(device)
    };
    for burst in [1, 2, 40] {
        device.carrier_mut().write32(IntrState::OFFSET, u32::MAX)?;
        let before = settled(&mut device, 0);
        let ids: Vec<_> =
            (0..burst).map(|_| device.submit(&Command::new(Opcode::Identify))).collect::<Result<_, _>>()?;
        for id in ids {
            let begin = Instant::now();
            while device.poll(id)?.is_none() {
                assert!(begin.elapsed() < Duration::from_secs(10), "{id} is not completed");
            }
        }
        assert_eq!(settled(&mut device, before + 1) - before, 1, "interrupts of {burst} completions");
    }
    device.carrier_mut().write32(IntrState::OFFSET, u32::MAX)?;
    device.close().map(drop)
}

/// While one process has the device, another one hears who is in the way; afterwards it gets in.
fn a_second_process_is_refused(device: Board) -> Outcome {
    let bdf = bdf(&device);
    let (code, text) = in_another_process(bdf, None);
    assert_eq!(code, Some(i32::from(BUSY)), "{text}");
    assert!(text.contains(&bdf.to_string()) && text.contains("busy"), "{text}");
    drop(device);
    let (code, text) = in_another_process(bdf, None);
    assert_eq!(code, Some(0), "{text}");
    Ok(())
}

/// Exit status of a process that found the device busy, and of one without permission.
const BUSY: u8 = 3;
const NO_PERMISSION: u8 = 4;

/// Opens the device in another process, as another user if told so: exit status and what it said.
fn in_another_process(bdf: Bdf, user: Option<u32>) -> (Option<i32>, String) {
    let mut process = Process::new(system::SELF);
    process.args(["open", &bdf.to_string()]);
    if let Some(user) = user {
        process.uid(user).gid(user);
    }
    let output = process.output().expect("a process starts");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// What that other process does.
pub fn open_in_another_process(bdf: &str) -> ExitCode {
    let opened = bdf.parse().map_err(|e| format!("{e}")).map(VfioCarrier::open);
    match opened {
        Ok(Ok(_)) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            eprintln!("{error}");
            match error {
                VfioError::Busy { .. } => BUSY.into(),
                VfioError::NoPermission(_) => NO_PERMISSION.into(),
                _ => ExitCode::FAILURE,
            }
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Not permitted, a group shared with the kernel, not bound, another device, no device: each is told with what to do, by a real kernel.
fn what_is_in_the_way_is_said(device: Board) -> Outcome {
    let bdf = bdf(&device);
    drop(device);
    // Nobody: the file of the group belongs to root.
    let (code, text) = in_another_process(bdf, Some(65534));
    assert_eq!(code, Some(i32::from(NO_PERMISSION)), "{text}");
    assert!(text.contains("/dev/vfio/") && text.contains("chown"), "{text}");

    let others = system::others_of_the_group(bdf).expect("sysfs is there");
    let &[other] = &others[..] else { panic!("the card has one function more: {others:?}") };
    system::probe(other).expect("root may probe");
    assert!(
        system::driver(other).expect("sysfs is there").is_some(),
        "{other}: no driver of the kernel takes it"
    );
    let error = VfioCarrier::open(bdf).expect_err("the kernel has the other function");
    assert!(matches!(error, VfioError::SharedGroup { .. }), "{error}");
    system::unbind(other).expect("root may unbind");

    system::unbind(bdf).expect("root may unbind");
    let error = VfioCarrier::open(bdf).expect_err("no driver has it");
    assert!(matches!(error, VfioError::NotBound { driver: None, .. }), "{error}");
    assert_eq!(system::bind(), Ok(bdf));

    let bridge = "0000:00:00.0".parse().expect("an address");
    let error = VfioCarrier::open(bridge).expect_err("that is the host bridge");
    assert!(matches!(error, VfioError::OtherDevice { .. }), "{error}");
    let nothing = "0000:7f:00.0".parse().expect("an address");
    let error = VfioCarrier::open(nothing).expect_err("there is nothing");
    assert!(matches!(error, VfioError::NoSuchDevice(_)), "{error}");
    Device::open(VfioCarrier::open(bdf).map_err(CarrierError::from)?)?.close().map(drop)
}

/// Pages of this process, from the kernel's own page table, become ranges to track.
///
/// No memory device is here. So the driver is told that its window begins where pages of this process lie in RAM: the
/// addresses are real ones, and what they lead to are real pages of the device.
fn virtual_pages_become_ranges(mut device: Board) -> Outcome {
    let pagemap = Pagemap::open().expect("root may know");
    let memory = PageBuffer::new(64);
    let pinned: Vec<PinnedPages> =
        (0..64).map(|n| PinnedPages::new(memory.page(n), &pagemap).expect("a locked page")).collect();
    let at: Vec<u64> = pinned.iter().map(|p| p.pages()[0].0).collect();
    let distinct: BTreeSet<u64> = at.iter().copied().collect();
    assert_eq!(distinct.len(), 64, "two pages at one address");
    let ram = system_ram();
    assert!(at.iter().all(|p| ram.iter().any(|r| r.contains(p))), "{at:x?} in {ram:x?}");
    for pin in &pinned {
        pin.check(&pagemap).expect("a locked page stays for now");
    }
    // The real window is elsewhere.
    let refused = device.ranges_of(&pinned[0]);
    assert!(matches!(refused, Err(Error::BelowWindow { .. } | Error::OutsideWindow { .. })), "{refused:?}");
    // The kernel shows no page for a mapped BAR, and the error says so.
    let window = device.carrier_mut().window_memory().expect("the window is mapped").cast::<u8>();
    let page = NonNull::slice_from_raw_parts(window, PAGE_BYTES);
    let error = PinnedPages::new(page, &pagemap).expect_err("a BAR has no entry");
    assert!(
        matches!(error, TranslateError::NotPresent { .. }) && error.to_string().contains("BAR"),
        "{error}"
    );

    let mut carrier = Meddler::new(device.close()?);
    let base = *distinct.first().expect("64 pages");
    carrier.window_base = Some(base);
    let mut device = Device::open(carrier)?;
    let size = u64::from(device.info().pages) * PAGE_BYTES as u64;
    let inside: Vec<&PinnedPages> = pinned.iter().filter(|p| p.pages()[0].0 < base + size).collect();
    let mut ranges = Vec::new();
    for pin in &inside {
        let index = (pin.pages()[0].0 - base) / PAGE_BYTES as u64;
        assert_eq!(device.ranges_of(pin)?, [pages(index as u32, 1)]);
        ranges.push(pages(index as u32, 1));
    }
    for (n, &range) in ranges.iter().enumerate() {
        device.map(range, Frame(n as u32))?;
    }
    let tracker = device.track_start(&ranges)?;
    let mut log = Log::default();
    for (n, range) in ranges.iter().enumerate().step_by(3) {
        log.store(&mut device, LineAddr::new(range.first(), n as u8))?;
    }
    log.check_report(&device.track_report(&tracker, Gather::Recall)?);
    device.track_stop(tracker)?;
    ranges.iter().try_for_each(|&range| device.unmap(range))?;
    device.close()?;

    // Without the capability the kernel keeps it to itself, and the error says which one it is.
    let refused = thread::spawn(|| {
        system::drop_capability(21).expect("a thread may give up rights");
        Pagemap::open().map(drop)
    });
    let error = refused.join().expect("the thread ends").expect_err("the capability is gone");
    assert!(matches!(error, TranslateError::NeedsCapability), "{error}");
    Ok(())
}

/// Where normal memory is, from the kernel's map of physical addresses.
fn system_ram() -> Vec<Range<u64>> {
    let text = fs::read_to_string("/proc/iomem").unwrap_or_default();
    let range = |line: &str| {
        let (range, _) = line.split_once(" : System RAM")?;
        let (first, last) = range.trim().split_once('-')?;
        let hex = |s| u64::from_str_radix(s, 16).ok();
        Some(hex(first)?..hex(last)? + 1)
    };
    text.lines().filter_map(range).collect()
}

/// The way to the device is closed, as when its link goes down: a command ends at once, and says that the device is gone.
///
/// On a real bus every access reads as all ones; QEMU's bridge reads as zeros.
fn a_device_that_does_not_answer(mut device: Board) -> Outcome {
    let bdf = bdf(&device);
    device.map(pages(0, 1), Frame(0))?;
    device.store(line(0, 0), &[7; 64])?;
    assert_eq!(device.load(line(0, 0))?, [7; 64]);
    system::pass_memory(bdf, false).expect("root may");
    let begin = Instant::now();
    let error = device.identify().err();
    let took = begin.elapsed();
    system::pass_memory(bdf, true).expect("root may");
    assert!(matches!(error, Some(Error::Carrier(CarrierError::Gone { .. }))), "{error:?}");
    assert!(took < Duration::from_secs(5), "it took {took:?}");
    // The link is up again: a reset, and it goes on.
    device.reset()?;
    assert_eq!(device.load(line(0, 0))?, [7; 64]);
    device.close().map(drop)
}

/// A device that is taken away while it is in use: waiting ends with a clear error, and nothing hangs. Put back, it works.
fn a_device_that_is_removed(mut device: Board) -> Outcome {
    let bdf = bdf(&device);
    let removal = thread::spawn(move || system::remove(bdf));
    let begin = Instant::now();
    let error = loop {
        match device.carrier_mut().wait() {
            Ok(()) => assert!(begin.elapsed() < Duration::from_secs(60), "nobody asked for the device"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, CarrierError::Leaving { .. }), "{error}");
    drop(device);
    removal.join().expect("the thread ends").expect("root may remove");
    let error = VfioCarrier::open(bdf).expect_err("it is not there");
    assert!(matches!(error, VfioError::NoSuchDevice(_)), "{error}");
    system::rescan().expect("root may rescan");
    assert_eq!(system::bind(), Ok(bdf));
    let mut carrier = VfioCarrier::open(bdf).map_err(CarrierError::from)?;
    assert_eq!(carrier.read32(Id::OFFSET)?, tideline_abi::regs::ID_VALUE);
    Device::open(carrier)?.close().map(drop)
}

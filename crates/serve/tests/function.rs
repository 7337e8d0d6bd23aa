//! The PCI function as clients see it: accesses of every shape, resets, interrupts, DMA, time.

mod common;

use common::{FRAMES, Served};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rustix::event::{EventfdFlags, eventfd};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;
use tideline_abi::command::{Command as Entry, Opcode, Status, flag};
use tideline_abi::pci::{BARS, CAPABILITIES, MSIX_BAR, MSIX_PENDING, WINDOW_BAR, config, config_bit};
use tideline_abi::regs::{self, Cycles, ErrorBits, ID_VALUE, Id, IntrEnable, IntrState, IntrTest, SqTail};
use tideline_driver::vfio_user::VfioUser;
use tideline_driver::vfio_user::wire::region;
use tideline_driver::{Carrier, Device, Frame, Gather, Generation, LineAddr, PageIndex, PageRange};

fn pages(first: u32, count: u32) -> PageRange {
    PageRange::new(PageIndex(first), count).unwrap()
}

fn config<const N: usize>(carrier: &mut VfioUser, offset: usize) -> [u8; N] {
    let mut bytes = [0; N];
    carrier.region_read(region::CONFIG, offset as u64, &mut bytes).unwrap();
    bytes
}

#[test]
fn a_guest_enumerates_the_function() {
    let served = Served::new();
    let mut carrier = served.connect();
    for bar in BARS {
        let at = config::BAR0 + 4 * bar.index as usize;
        let before: [u8; 8] = config(&mut carrier, at);
        for half in [0, 4] {
            carrier.region_write(region::CONFIG, (at + half) as u64, &[0xff; 4]).unwrap();
        }
        let size = (u64::from_le_bytes(config(&mut carrier, at)) & !0xf).wrapping_neg();
        assert_eq!(size, bar.bytes, "BAR{}", bar.index);
        carrier.region_write(region::CONFIG, at as u64, &before).unwrap();
    }
    let mut at = usize::from(config::<1>(&mut carrier, config::CAP_POINTER)[0]);
    let mut found = vec![];
    while at != 0 {
        let [id, next] = config(&mut carrier, at);
        found.push((at, id));
        at = next.into();
    }
    assert_eq!(found, CAPABILITIES.iter().map(|c| (c.offset, c.id)).collect::<Vec<_>>());
    assert_eq!(carrier.frames(), FRAMES);
    let mut whole = vec![0xff; 4096];
    carrier.region_read(region::CONFIG, 0, &mut whole).unwrap();
    assert!(whole[256..].iter().all(|&b| b == 0), "no extended capabilities");
}

#[test]
fn the_window_is_memory_at_every_width_and_alignment() {
    window_accesses(&Served::new(), 3000);
    window_accesses(&Served::rtl(), 150);
}

fn window_accesses(served: &Served, count: u32) {
    let mut device = Device::open(served.connect()).unwrap();
    device.map(pages(0, 8), Frame(50)).unwrap();
    let carrier = device.carrier_mut();
    let mut expected = vec![0u8; 8 * 4096];
    carrier.window_write(0, &expected).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for n in 0..count {
        let len = match n % 3 {
            0 => 1 << rng.random_range(0..4),
            1 => rng.random_range(1..200),
            _ => rng.random_range(1..5000),
        };
        let at = rng.random_range(0..=expected.len() - len);
        if rng.random() {
            rng.fill(&mut expected[at..at + len]);
            carrier.window_write(at as u64, &expected[at..at + len]).unwrap();
        } else {
            let mut read = vec![0; len];
            carrier.window_read(at as u64, &mut read).unwrap();
            assert_eq!(read, expected[at..at + len], "{len} bytes at {at:#x}");
        }
    }
    let mut whole = vec![0; expected.len()];
    carrier.window_read(0, &mut whole).unwrap();
    assert!(whole == expected);
}

#[test]
fn a_narrow_write_makes_its_line_dirty_and_no_other() {
    let served = Served::new();
    let mut device = Device::open(served.connect()).unwrap();
    device.map(pages(0, 4), Frame(0)).unwrap();
    let tracker = device.track_start(&[pages(0, 4)]).unwrap();
    let carrier = device.carrier_mut();
    carrier.window_write(0x1047, &[1]).unwrap();
    carrier.window_write(0x20be, &[1; 4]).unwrap();
    carrier.window_read(0x3000, &mut [0; 256]).unwrap();
    let report = device.track_report(&tracker, Gather::Recall).unwrap();
    let line = |page, line| LineAddr::new(PageIndex(page), line);
    assert_eq!(report.lines().collect::<Vec<_>>(), [line(1, 1), line(2, 2), line(2, 3)]);
}

#[test]
fn registers_have_their_widths() {
    let served = Served::new();
    let mut carrier = served.connect();
    let id = ID_VALUE.to_le_bytes();
    for (offset, len) in [(0, 1), (1, 1), (2, 2), (0, 2), (0, 4)] {
        let mut bytes = vec![0; len];
        carrier.region_read(region::BAR0, offset as u64, &mut bytes).unwrap();
        assert_eq!(bytes, id[offset..offset + len]);
    }
    let mut both = [0; 8];
    carrier.region_read(region::BAR0, 0, &mut both).unwrap();
    assert_eq!(both[..4], id);
    // A doorbell pair in one access.
    carrier.region_write(region::BAR0, 0x50, &[0x00, 0xf0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x00]).unwrap();
    assert_eq!((carrier.read32(0x50).unwrap(), carrier.read32(0x54).unwrap()), (0xffff_f000, 0xf_ffff));
    for (offset, len) in [(0x50, 1), (0x50, 2), (0x51, 4), (0x52, 4), (0x50, 6), (0xffe, 4), (0x1000, 4)] {
        let refused = carrier.region_write(region::BAR0, offset, &vec![0; len]);
        assert!(refused.is_err(), "write of {len} bytes at {offset:#x}");
    }
    served.told("registers are accessed by 4 bytes");
    for (offset, len) in [(3, 2), (1, 4), (0, 3), (0xffc, 8)] {
        assert!(carrier.region_read(region::BAR0, offset, &mut vec![0; len]).is_err());
    }
    assert!(carrier.region_read(MSIX_BAR.index, 2, &mut [0; 2]).is_err());
    served.told("the MSI-X table is accessed by 4 bytes");
    assert!(carrier.region_read(WINDOW_BAR.index, (256 << 20) - 4, &mut [0; 8]).is_err());
    assert_eq!(carrier.read32(Id::OFFSET).unwrap(), ID_VALUE, "and the session goes on");
}

#[test]
fn a_reset_in_the_middle_of_a_harvest_loses_nothing() {
    reset_in_the_middle_of_a_harvest(&Served::new());
    reset_in_the_middle_of_a_harvest(&Served::rtl());
}

fn reset_in_the_middle_of_a_harvest(served: &Served) {
    let mut device = Device::open(served.connect()).unwrap();
    let range = pages(0, 2048);
    device.map(range, Frame(0)).unwrap();
    let tracker = device.track_start(&[range]).unwrap();
    let lines: Vec<_> = range.pages().map(|page| LineAddr::new(page, (page.0 % 64) as u8)).collect();
    lines.iter().for_each(|&line| device.store(line, &[5; 64]).unwrap());
    let records = device.carrier_mut().dma_alloc(1 << 16).unwrap();
    let harvest = Entry {
        flags: flag::HARVEST_RECALL | flag::HARVEST_CLEAR,
        count: 2048,
        arg: records.iova.0,
        param: 4096,
        ..Entry::new(Opcode::Harvest)
    };
    // Until each kind of reset has met a running harvest: the scheduler may let one pass unseen.
    let mut met = [0, 0];
    for round in 0..100 {
        if met[0].min(met[1]) >= 2 {
            break;
        }
        let by_config = round % 2 == 0;
        let before = device.generation().unwrap();
        device.submit(&harvest).unwrap();
        let mut status = regs::Status(0);
        while status.busy() + status.result() == 0 {
            status = regs::Status(device.carrier_mut().read32(regs::Status::OFFSET).unwrap());
        }
        met[usize::from(by_config)] += status.busy();
        if by_config {
            let carrier = device.carrier_mut();
            let [low, high] = config(carrier, config::DEVICE_CONTROL);
            let flr = 1 << (config_bit::DEVCTL_FLR - 8);
            carrier.region_write(region::CONFIG, config::DEVICE_CONTROL as u64, &[low, high | flr]).unwrap();
            assert_eq!(config::<2>(carrier, config::COMMAND), [0, 0], "the function forgets its command");
            assert!(carrier.read32(Id::OFFSET).is_err(), "and answers no more");
        }
        // Configuration space is restored as a kernel would; this resets once more.
        device.reset().unwrap();
        let resets = 1 + u32::from(by_config);
        assert_eq!(device.generation().unwrap(), Generation(before.0 + resets), "round {round}");
    }
    assert!(met[0].min(met[1]) >= 1, "no reset met a running harvest: {met:?}");
    let report = device.track_report(&tracker, Gather::Recall).unwrap();
    assert_eq!(report.loss(), None);
    assert_eq!(report.lines().collect::<Vec<_>>(), lines);
    assert!(device.track_report(&tracker, Gather::Recall).unwrap().is_empty());
}

#[test]
fn dma_after_unmap_is_an_error_of_the_device() {
    let served = Served::new();
    let mut device = Device::open(served.connect()).unwrap();
    let range = pages(0, 4);
    device.map(range, Frame(0)).unwrap();
    let tracker = device.track_start(&[range]).unwrap();
    let line = LineAddr::new(PageIndex(2), 2);
    device.store(line, &[2; 64]).unwrap();
    let records = device.carrier_mut().dma_alloc(4096).unwrap();
    device.carrier_mut().dma_free(records);
    let harvest = Entry {
        flags: flag::HARVEST_RECALL | flag::HARVEST_CLEAR,
        count: 4,
        arg: records.iova.0,
        param: 16,
        ..Entry::new(Opcode::Harvest)
    };
    let id = device.submit(&harvest).unwrap();
    assert_eq!(device.wait(id).unwrap().status, Status::DmaError as u16);
    served.told(&format!("at {:#x}: not mapped", records.iova.0));
    assert_eq!(device.errors().unwrap().host_memory(), 1);
    let report = device.track_report(&tracker, Gather::Recall).unwrap();
    assert_eq!(report.lines().collect::<Vec<_>>(), [line], "it is reported again");
}

#[test]
fn a_function_that_is_no_bus_master_reaches_no_memory() {
    let served = Served::new();
    let mut device = Device::open(served.connect()).unwrap();
    let only_memory = 1u16 << config_bit::COMMAND_MEMORY;
    let carrier = device.carrier_mut();
    carrier.region_write(region::CONFIG, config::COMMAND as u64, &only_memory.to_le_bytes()).unwrap();
    carrier.write32(SqTail::OFFSET, 1).unwrap();
    served.told("bus mastering is off in COMMAND");
    assert_eq!(ErrorBits(carrier.read32(ErrorBits::OFFSET).unwrap()).host_memory(), 1);
    device.reset().unwrap();
    device.identify().unwrap();
}

/// True if an interrupt comes within a while.
fn fires(carrier: &VfioUser, vector: u32, patience: Duration) -> bool {
    let fd = carrier.interrupt_fd(vector).unwrap();
    // SAFETY: the carrier keeps it open.
    let fd = unsafe { std::os::fd::BorrowedFd::borrow_raw(fd) };
    let [ready] = tideline_driver::vfio_user::wire::wait_readable([fd], Some(patience)).unwrap();
    if ready {
        rustix::io::read(fd, &mut [0; 8]).unwrap();
    }
    ready
}

#[test]
fn interrupts_arrive_unless_they_are_masked() {
    const LONG: Duration = Duration::from_secs(10);
    let served = Served::new();
    let mut carrier = served.connect();
    carrier.write32(IntrEnable::OFFSET, 0b1111).unwrap();
    let raise = |carrier: &mut VfioUser, vector: u32| {
        carrier.write32(IntrState::OFFSET, 0b1111).unwrap();
        carrier.write32(IntrTest::OFFSET, 1 << vector).unwrap();
    };
    for vector in 0..4 {
        raise(&mut carrier, vector);
        assert!(fires(&carrier, vector, LONG), "vector {vector}");
        assert!((0..4).all(|v| !fires(&carrier, v, Duration::ZERO)), "nothing else, and once");
    }
    let pending = |carrier: &mut VfioUser| {
        let mut bits = [0; 8];
        carrier.region_read(MSIX_BAR.index, MSIX_PENDING, &mut bits).unwrap();
        u64::from_le_bytes(bits)
    };
    let mask = |carrier: &mut VfioUser, vector: u64, masked: u32| {
        carrier.region_write(MSIX_BAR.index, vector * 16 + 12, &masked.to_le_bytes()).unwrap();
    };
    mask(&mut carrier, 2, 1);
    raise(&mut carrier, 2);
    // An access of the device behind it: what was to be sent has been.
    carrier.read32(Id::OFFSET).unwrap();
    assert_eq!((fires(&carrier, 2, Duration::ZERO), pending(&mut carrier)), (false, 0b100));
    mask(&mut carrier, 2, 0);
    assert_eq!((fires(&carrier, 2, Duration::ZERO), pending(&mut carrier)), (true, 0));

    let control = |carrier: &mut VfioUser, high: u8| {
        carrier.region_write(region::CONFIG, config::MSIX_CONTROL as u64 + 1, &[high]).unwrap();
    };
    control(&mut carrier, 0xc0);
    raise(&mut carrier, 1);
    carrier.read32(Id::OFFSET).unwrap();
    assert_eq!((fires(&carrier, 1, Duration::ZERO), pending(&mut carrier)), (false, 0b10));
    control(&mut carrier, 0x80);
    assert_eq!((fires(&carrier, 1, Duration::ZERO), pending(&mut carrier)), (true, 0));
}

#[test]
fn a_device_without_work_stands_still() {
    stands_still(&Served::new());
    stands_still(&Served::rtl());
}

fn stands_still(served: &Served) {
    let mut device = Device::open(served.connect()).unwrap();
    device.identify().unwrap();
    let carrier = device.carrier_mut();
    let cycles = |carrier: &mut VfioUser| carrier.read32(Cycles::OFFSET).unwrap();
    // It comes to rest some time after the last doorbell, when its thread had the time; from then on only reading the counter
    // takes cycles.
    let mut last = cycles(carrier);
    let rests = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        let now = cycles(carrier);
        let passed = now.wrapping_sub(last);
        last = now;
        passed < 100
    });
    assert!(rests, "cycles passed in every tenth of a second, and nobody asked for anything");
    // And wakes up.
    device.identify().unwrap();
}

/// A client that is not ours: the one of the vfio_user crate.
#[test]
fn the_client_of_the_vfio_user_crate_is_served() {
    let served = Served::new();
    let mut client = vfio_user::Client::new(&served.path()).unwrap();
    let sizes: Vec<u64> = (0..9).map(|i| client.region(i).unwrap().size).collect();
    assert_eq!(sizes, [4096, 0, 256 << 20, 0, 4096, 0, 0, 4096, 0]);
    assert_eq!(client.get_irq_info(2).unwrap().count, 4);
    client.region_write(region::CONFIG, config::COMMAND as u64, &[6, 0]).unwrap();
    let mut id = [0; 4];
    client.region_read(0, 0, &mut id).unwrap();
    assert_eq!(u32::from_le_bytes(id), ID_VALUE);

    let fds: Vec<_> = (0..4).map(|_| eventfd(0, EventfdFlags::NONBLOCK).unwrap()).collect();
    let raw: Vec<_> = fds.iter().map(|fd| fd.as_fd().as_raw_fd()).collect();
    client.set_irqs(2, 0b10_0100, 0, 4, &raw).unwrap();
    client.region_write(0, IntrEnable::OFFSET.into(), &[0xf, 0, 0, 0]).unwrap();
    client.region_write(0, IntrTest::OFFSET.into(), &[0x8, 0, 0, 0]).unwrap();
    let mut count = [0; 8];
    let [ready] = tideline_driver::vfio_user::wire::wait_readable([fds[3].as_fd()], None).unwrap();
    assert!(ready && rustix::io::read(&fds[3], &mut count).is_ok() && count[0] == 1);

    let memory = rustix::fs::memfd_create("test", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    rustix::fs::ftruncate(&memory, 8192).unwrap();
    client.dma_map(4096, 0x10_0000, 4096, memory.as_raw_fd()).unwrap();
    client.dma_unmap(0x10_0000, 4096).unwrap();
    client.reset().unwrap();
    client.shutdown().unwrap();
    served.told("client 1 left");
    assert!(!served.log().iter().any(|line| line.contains("client: ")), "{:?}", served.log());
}

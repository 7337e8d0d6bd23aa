//! Clients that come, err, crowd and go: the server lives, and says what was wrong.

mod common;

use common::{Raw, Served, raw_version};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rustix::io::Errno;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};
use tideline_abi::command::{Command as Entry, Opcode};
use tideline_abi::pci::config;
use tideline_abi::regs::{ID_VALUE, Id};
use tideline_driver::vfio_user::VfioUser;
use tideline_driver::vfio_user::wire::{
    Command, DmaMap, Layout, Receiver, RegionAccess, SetIrqs, Version, WireError, header_flag, irq, region,
    set_irqs,
};
use tideline_driver::{Carrier, CarrierError, Device, Error, Frame, Gather, LineAddr, PageIndex, PageRange};

#[test]
fn a_second_client_is_refused_and_the_first_goes_on() {
    let served = Served::new();
    let mut first = served.connect();
    let refused = VfioUser::connect(&served.path()).unwrap_err();
    assert!(refused.to_string().contains("another client has the device"), "{refused}");
    served.told("turned away: client 1 has the device");
    assert_eq!(first.read32(Id::OFFSET).unwrap(), ID_VALUE);
    // A crowd that says nothing does not keep it from its work.
    let crowd: Vec<_> = (0..40).map(|_| UnixStream::connect(served.path()).unwrap()).collect();
    assert_eq!(first.read32(Id::OFFSET).unwrap(), ID_VALUE);
    drop(crowd);
    drop(first);
    served.told("client 1 left");
    assert_eq!(served.connect().read32(Id::OFFSET).unwrap(), ID_VALUE);
}

#[test]
fn what_makes_no_sense_is_refused_and_told() {
    let served = Served::new();
    let mut client = Raw::new(UnixStream::connect(served.path()).unwrap());
    let (invalid, unsupported) = (Errno::INVAL.raw_os_error() as u32, Errno::OPNOTSUPP.raw_os_error() as u32);
    let version = Command::Version as u16;
    assert_eq!(client.refused(Command::DeviceGetInfo as u16, &[0; 16]), invalid);
    served.told("VERSION must come first");
    let other = Version { major: 1, minor: 0 };
    assert_eq!(client.refused(version, &other.to_bytes()), unsupported);
    served.told("version 1.0 of vfio-user");
    assert_eq!(client.refused(version, b"\0\0\x01\0{no json}\0"), invalid);
    served.told("are no JSON");
    assert_eq!(client.refused(version, b"\0"), invalid);
    served.told("Version with 1 bytes");
    client.call(version, &raw_version()).unwrap();
    assert_eq!(client.refused(version, &raw_version()), invalid);

    let access = |region, offset, count| RegionAccess { offset, region, count }.to_bytes();
    let set = |index, flags, start, count| SetIrqs { argsz: 20, flags, index, start, count }.to_bytes();
    let trigger = set_irqs::ACTION_TRIGGER;
    let map = |address, size| DmaMap { argsz: 32, flags: 3, offset: 0, address, size }.to_bytes();
    let read = Command::RegionRead;
    for (command, payload, words) in [
        (Command::DeviceGetInfo, vec![0; 3], ""),
        (Command::DmaMap, vec![0; 31], "DmaMap with 31 bytes: needs 32"),
        (Command::DmaMap, map(1, 4096), "must be whole pages"),
        (Command::DmaMap, map(u64::MAX - 4095, 8192), "must be whole pages"),
        (Command::DeviceGetRegionInfo, vec![0xff; 32], "region 4294967295"),
        (Command::DeviceGetIrqInfo, vec![0xff; 16], "interrupt kind 4294967295"),
        (Command::DeviceSetIrqs, set(irq::MSIX, trigger | set_irqs::DATA_NONE, 3, 2), "there are 4 vectors"),
        (Command::DeviceSetIrqs, set(irq::MSIX, trigger | set_irqs::DATA_NONE, u32::MAX, 2), "4 vectors"),
        (Command::DeviceSetIrqs, set(0, trigger | set_irqs::DATA_NONE, 0, 1), "MSI-X only"),
        (Command::DeviceSetIrqs, set(irq::MSIX, 0, 0, 1), "no such combination"),
        (Command::DeviceSetIrqs, set(irq::MSIX, trigger | set_irqs::DATA_BOOL, 0, 4), "one byte per vector"),
        (read, access(8, 0, 4), "no such region"),
        (read, access(1, 0, 4), "no such region"),
        (read, access(region::CONFIG, 4095, 2), "the region has 0x1000 bytes"),
        (read, access(region::CONFIG, u64::MAX, 4), "the region has"),
        (read, access(2, 0, u32::MAX), "at most"),
        (read, access(region::CONFIG, 0, 0), "read of 0 bytes"),
        (Command::RegionWrite, access(region::CONFIG, 4, 2), "brings 0"),
    ] {
        if words.is_empty() {
            assert_eq!(client.call(command as u16, &payload).unwrap().header.error, 0);
            continue;
        }
        assert_eq!(client.refused(command as u16, &payload), invalid, "{command:?} {payload:x?}");
        served.told(words);
    }
    assert_eq!(client.refused(read as u16, &access(0, 0, 4)), Errno::IO.raw_os_error() as u32);
    served.told("memory space is off");
    assert_eq!(client.refused(Command::DmaRead as u16, &[0; 16]), unsupported);
    assert_eq!(client.refused(0, &[1, 2, 3]), invalid);
    assert_eq!(client.refused(0x4242, &[]), invalid);
    // A reply that nothing asked for, and a command that wants no answer: the next answer is of the next command.
    client.send(Command::DeviceReset as u16, &[], header_flag::REPLY);
    assert_eq!(client.reply().unwrap().header.error, invalid);
    client.send(Command::DeviceReset as u16, &[], header_flag::NO_REPLY);
    client.send(0x4242, &[], header_flag::NO_REPLY);
    assert_eq!(client.call(read as u16, &access(region::CONFIG, 0, 4)).unwrap().payload.len(), 16 + 4);
}

#[test]
fn a_message_of_impossible_size_ends_the_session_only() {
    let served = Served::new();
    for size in [3u32, u32::MAX] {
        let mut client = served.raw();
        let mut header = vec![0; 16];
        header[4..8].copy_from_slice(&size.to_ne_bytes());
        std::io::Write::write_all(&mut client.stream, &header).unwrap();
        assert!(matches!(client.reply(), Err(WireError::Closed)));
    }
    served.told("is cut off: a message of 4294967295 bytes");
    served.connect();
}

#[test]
fn complaints_do_not_fill_the_log() {
    let served = Served::new();
    let mut client = served.raw();
    for _ in 0..1000 {
        client.refused(0x4242, &[]);
    }
    served.told("more of this is not told");
    assert!(served.log().len() < 120);
}

/// Lines of before a client died are reported to the next one: the device lives on.
#[test]
fn a_client_that_dies_in_the_middle_leaves_the_device_to_the_next() {
    let served = Served::new();
    let mut device = Device::open(served.connect()).unwrap();
    let range = PageRange::new(PageIndex(0), 4096).unwrap();
    device.map(range, Frame(0)).unwrap();
    let tracker = device.track_start(&[range]).unwrap();
    let line = LineAddr::new(PageIndex(77), 7);
    device.store(line, &[7; 64]).unwrap();
    let generation = device.generation().unwrap();
    // A command runs, and half a message is on its way.
    device.submit(&Entry { count: 4096, ..Entry::new(Opcode::Recall) }).unwrap();
    drop(device);
    drop(tracker);
    served.told("client 1 left");
    let mut cut = served.raw();
    std::io::Write::write_all(&mut cut.stream, &[1, 2, 3]).unwrap();
    drop(cut);
    served.told("client 2 left, in the middle of a message");

    let mut device = Device::open(served.connect()).unwrap();
    assert!(device.generation().unwrap() > generation);
    assert_eq!(device.load(line).unwrap(), [7; 64]);
    device.unmap(range).unwrap();
    device.map(range, Frame(0)).unwrap();
    let tracker = device.track_start(&[range]).unwrap();
    device.store(line, &[8; 64]).unwrap();
    let report = device.track_report(&tracker, Gather::Recall).unwrap();
    assert_eq!(report.lines().collect::<Vec<_>>(), [line]);
}

#[test]
fn a_server_that_ends_in_the_middle_is_an_error_at_once() {
    let mut served = Served::new();
    let mut device = Device::open(served.connect()).unwrap();
    let id = device.submit(&Entry::new(Opcode::Identify)).unwrap();
    served.server.take().unwrap().stop().unwrap();
    let start = Instant::now();
    let gone = device.wait(id).unwrap_err();
    assert!(matches!(gone, Error::Carrier(CarrierError::Gone { .. })), "{gone}");
    let carrier = device.carrier_mut();
    for result in [carrier.wait(), carrier.reset(), carrier.write32(0x40, 1), carrier.load_line(0).map(drop)]
    {
        assert!(matches!(result, Err(CarrierError::Gone { .. })), "{result:?}");
    }
    assert!(matches!(device.close(), Err(Error::Carrier(CarrierError::Gone { .. }))));
    assert!(start.elapsed() < Duration::from_secs(5));
    let nobody = VfioUser::connect(&served.path()).unwrap_err().to_string();
    assert!(nobody.contains("tideline serve"), "{nobody}");
}

#[test]
fn a_server_that_never_answers_is_an_error_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mute");
    let listener = UnixListener::bind(&path).unwrap();
    let mute = VfioUser::connect_within(&path, Duration::from_millis(50)).unwrap_err();
    assert!(matches!(mute, CarrierError::NoAnswer { .. }), "{mute}");
    drop(listener);
    let dead = VfioUser::connect(&path).unwrap_err().to_string();
    assert!(dead.contains("Connection refused") && dead.contains("tideline serve"), "{dead}");
}

/// A server that answers with nonsense: an error, whatever the nonsense is.
#[test]
fn a_server_that_talks_nonsense_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    for (n, reply) in
        [&[0u8; 16][..], &[0xff; 64], b"HTTP/1.1 400 Bad Request\r\n\r\n", &[]].iter().enumerate()
    {
        let path = folder.path().join(n.to_string());
        let listener = UnixListener::bind(&path).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut receiver = Receiver::default();
                while receiver.receive(std::os::fd::AsFd::as_fd(&stream)).unwrap().is_none() {}
                std::io::Write::write_all(&mut stream, reply).unwrap();
            });
            let nonsense = VfioUser::connect(&path).unwrap_err();
            assert!(matches!(nonsense, CarrierError::Gone { .. }), "{nonsense}");
        });
    }
}

/// Whatever a client sends, the server lives and answers, and serves the next one.
#[test]
fn random_messages_do_no_harm() {
    random_messages(&Served::new(), 30);
    random_messages(&Served::rtl(), 3);
}

fn random_messages(served: &Served, clients: u32) {
    let mut rng = ChaCha8Rng::seed_from_u64(0x71de_11fe);
    for _ in 0..clients {
        let mut client = served.raw();
        let command = RegionAccess { offset: config::COMMAND as u64, region: region::CONFIG, count: 2 };
        client.call(Command::RegionWrite as u16, &[&command.to_bytes()[..], &[6, 0]].concat()).unwrap();
        for _ in 0..500 {
            // Words that mean something here and there, of every length.
            let words = (0..rng.random_range(0..12)).map(|_| match rng.random_range(0..6) {
                0 => rng.random_range(0..8u32),
                1 => 1 << rng.random_range(0..32),
                2 => rng.random_range(0..64) * 4,
                3 => rng.random_range(0..64) << 12,
                4 => u32::MAX - rng.random_range(0..4),
                _ => rng.random(),
            });
            let mut payload: Vec<u8> = words.flat_map(u32::to_ne_bytes).collect();
            payload.truncate(payload.len().saturating_sub(rng.random_range(0..4)));
            let command = rng.random_range(0..16);
            if payload.len() >= 16 && rng.random_bool(0.9) {
                // Accesses that reach something.
                let data = match Command::from_code(command) {
                    Some(Command::RegionRead) => rng.random_range(0..256),
                    Some(Command::RegionWrite) => payload.len() as u32 - 16,
                    _ => u32::from_ne_bytes(*payload[12..].first_chunk().unwrap()),
                };
                payload[12..16].copy_from_slice(&data.to_ne_bytes());
                payload[4..8].fill(0);
                payload[8..12].copy_from_slice(&[0u32, 0, 2, 4, 7][rng.random_range(0..5)].to_ne_bytes());
            }
            let reply = client.call(command, &payload).unwrap();
            assert!(reply.header.flags & header_flag::ERROR == 0 || reply.header.error != 0);
        }
    }
    Device::open(served.connect()).unwrap().identify().unwrap();
}

//! A whole machine carries the driver: the same on the model and on the RTL, however its surroundings behave.

use tideline_abi::command::{Command, Completion, ENTRY_BYTES, Opcode};
use tideline_abi::regs::{CqBaseHi, CqBaseLo, CqHead, Ctrl, SqBaseHi, SqBaseLo, SqTail};
use tideline_driver::{
    Carrier, CarrierError, Device, Error, Frame, Gather, Iova, LineAddr, PageIndex, PageRange,
};
use tideline_tb::axi::Timing;
use tideline_tb::{LineDevice, Machine, MachineConfig, RtlConfig, Simulated, open};

fn machines() -> Vec<(&'static str, Machine<Box<dyn LineDevice>>)> {
    let config = MachineConfig::default();
    let kinds = [
        ("model", Simulated::Model),
        ("rtl, fast", Simulated::Rtl(RtlConfig::fast(config.frames))),
        ("rtl, nasty", Simulated::Rtl(RtlConfig::nasty(config.frames, 1))),
    ];
    kinds
        .into_iter()
        .map(|(name, kind)| (name, open(kind, config).unwrap_or_else(|e| panic!("{name}: {e}"))))
        .collect()
}

#[test]
fn stores_are_reported_once_and_kept() -> Result<(), Box<dyn std::error::Error>> {
    for (name, machine) in machines() {
        let mut device = Device::open(machine)?;
        let range = PageRange::new(PageIndex(3), 8)?;
        device.map(range, Frame(7))?;
        let tracker = device.track_start(&[range])?;
        let lines: Vec<LineAddr> =
            (0..40).map(|i| LineAddr::new(PageIndex(3 + i % 8), (i * 13 % 64) as u8)).collect();
        for (i, line) in lines.iter().enumerate() {
            device.store(*line, &[i as u8; 64])?;
        }
        let report = device.track_report(&tracker, Gather::Recall)?;
        let mut expected = lines.clone();
        expected.sort();
        let mut reported: Vec<LineAddr> = report.lines().collect();
        reported.sort();
        assert_eq!(reported, expected, "{name}");
        for (i, line) in lines.iter().enumerate() {
            assert_eq!(device.load(*line)?, [i as u8; 64], "{name}");
        }
        assert!(device.track_report(&tracker, Gather::Recall)?.is_empty(), "{name}");
        device.track_stop(tracker)?;
        device.close()?;
    }
    Ok(())
}

#[test]
fn a_reset_ends() -> Result<(), Box<dyn std::error::Error>> {
    for (_, machine) in machines() {
        let mut device = Device::open(machine)?;
        device.reset()?;
        device.close()?;
    }
    Ok(())
}

/// It completes under the identifier that says so, and the next one is read again.
#[test]
fn a_command_that_cannot_be_read() -> Result<(), Box<dyn std::error::Error>> {
    for (name, machine) in machines() {
        let mut device = Device::open(machine)?;
        let base = device.carrier_mut().read32(SqBaseHi::OFFSET)?;
        device.carrier_mut().write32(SqBaseHi::OFFSET, 0x7fff_ffff)?;
        let id = device.submit(&Command::new(Opcode::Fence))?;
        let stray = device.wait(id);
        assert!(matches!(stray, Err(Error::StrayCompletion { cid: 0xffff })), "{name}: {stray:?}");
        let errors = device.errors()?;
        assert_eq!(errors.host_memory(), 1, "{name}");
        device.clear_errors(errors)?;
        device.carrier_mut().write32(SqBaseHi::OFFSET, base)?;
        let id = device.submit(&Command::new(Opcode::Fence))?;
        assert_eq!(device.wait(id)?.status, 0, "{name}");
        assert_eq!(device.errors()?.0, 0, "{name}");
    }
    Ok(())
}

/// Software that has seen every completion disables the queues and enables them at once: they start at the beginning, though
/// the device itself still waits for the answer to its last completion.
#[test]
fn queues_that_are_enabled_again_at_once() -> Result<(), Box<dyn std::error::Error>> {
    let config = MachineConfig::default();
    // A completion is in host memory long before it is answered.
    let host = Timing { latency: 1..=1_000, unordered: true, ..Timing::steady(0) };
    let late = RtlConfig { host, ..RtlConfig::fast(config.frames) };
    let late = open(Simulated::Rtl(late), config)?;
    for (name, machine) in machines().into_iter().chain([("rtl, late", late)]) {
        let mut device = Device::open(machine)?;
        let carrier = device.carrier_mut();
        let mut base = |offset| -> Result<u64, CarrierError> { Ok(carrier.read32(offset)?.into()) };
        let sq = Iova(base(SqBaseLo::OFFSET)? | base(SqBaseHi::OFFSET)? << 32);
        let cq = Iova(base(CqBaseLo::OFFSET)? | base(CqBaseHi::OFFSET)? << 32);
        for cid in 1..40 {
            for register in [Ctrl::OFFSET, SqTail::OFFSET, CqHead::OFFSET] {
                carrier.write32(register, 0)?;
            }
            carrier.dma_write(cq, &[0; ENTRY_BYTES])?;
            carrier.write32(Ctrl::OFFSET, 1)?;
            carrier.dma_write(sq, &Command { cid, ..Command::new(Opcode::Identify) }.to_bytes())?;
            carrier.write32(SqTail::OFFSET, 1)?;
            let mut entry = [0; ENTRY_BYTES];
            for polls in 0.. {
                carrier.dma_read(cq, &mut entry)?;
                let completion = Completion::from_bytes(&entry);
                if completion.phase {
                    assert_eq!((completion.cid, completion.sq_head), (cid, 1), "{name}");
                    break;
                }
                assert!(polls < 10_000, "{name}: command {cid} was not completed");
                carrier.wait()?;
            }
        }
    }
    Ok(())
}

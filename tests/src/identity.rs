//! Who the device is, and its registers.

use crate::Outcome;
use crate::meddler::Meddler;
use tideline_abi::command::{Command, Opcode, Status};
use tideline_abi::regs::{
    Access, BAR0_BYTES, Ctrl, Generation as GenerationRegister, ID_VALUE, Id, IntrState, IntrTest, REGISTERS,
    RecallTimeout, Reset, SqHead, SqTail, Status as Ready, Version, by_name,
};
use tideline_driver::{Attach, Carrier, CarrierError, Device, Error, Options};

/// Constants read as the interface says, IDENTIFY agrees with them, and writes do not change them.
pub fn constants_and_capabilities<C: Carrier>(mut device: Device<C>) -> Outcome {
    for register in REGISTERS.iter().filter(|r| r.access == Access::Const) {
        device.carrier_mut().write32(register.offset, !register.reset)?;
        assert_eq!(device.carrier_mut().read32(register.offset)?, register.reset, "{}", register.name);
    }
    let identity = device.identify()?;
    let info = device.info();
    assert_eq!(identity.pages, info.pages);
    assert_eq!(identity.bi_tags, info.bi_tags);
    assert_eq!(identity.recall_contexts, info.recall_contexts);
    assert_eq!(identity.deferred_entries, info.deferred_entries);
    let ids: Vec<_> = info.capabilities.iter().map(|c| (c.id, c.version)).collect();
    match info.attach {
        Attach::Cxl => assert_eq!(ids, [(1, 1), (2, 1), (3, 1)], "track, recall and log"),
        Attach::Axi => assert_eq!(ids, [(1, 1), (3, 1)], "track and log, and nothing to recall by"),
    }
    assert!(info.frames < device.carrier().frames(), "the spool has its frames");
    device.close().map(drop)
}

/// RESET, reset values, the bits that can be written, write-one-to-clear, and what lies outside BAR0.
pub fn register_access<C: Carrier>(mut device: Device<C>) -> Outcome {
    let carrier = device.carrier_mut();
    let generation = carrier.read32(GenerationRegister::OFFSET)?;
    carrier.write32(Reset::OFFSET, 1)?;
    for waits in 0.. {
        assert!(waits < 1000, "the reset does not end");
        if Ready(carrier.read32(Ready::OFFSET)?).ready() == 1 {
            break;
        }
        carrier.wait()?;
    }
    assert_eq!(carrier.read32(GenerationRegister::OFFSET)?, generation + 1, "a reset is a generation");
    // Without the queues nothing acts on a value while it is wrong.
    let queue =
        ["CTRL", "INTR_ENABLE", "QUEUE_SIZE", "SQ_TAIL", "CQ_HEAD", "SQ_BASE_LO", "CQ_BASE_LO", "SQ_HEAD"];
    for register in queue.iter().filter_map(|name| by_name(name)) {
        assert_eq!(carrier.read32(register.offset)?, register.reset, "{} after a reset", register.name);
    }
    for register in REGISTERS.iter().filter(|r| r.access == Access::Rw && r.name != "CTRL") {
        for value in [u32::MAX, 0, 0xa5a5_5a5a] {
            carrier.write32(register.offset, value)?;
            assert_eq!(carrier.read32(register.offset)?, value & register.mask(), "{}", register.name);
        }
    }
    carrier.write32(RecallTimeout::OFFSET, RecallTimeout::default().0)?;
    carrier.write32(Ctrl::OFFSET, !1)?;
    assert_eq!(carrier.read32(Ctrl::OFFSET)?, 2, "grant_exclusive is the only bit beside enable");

    carrier.write32(IntrState::OFFSET, u32::MAX)?;
    assert_eq!(carrier.read32(IntrState::OFFSET)?, 0);
    carrier.write32(IntrTest::OFFSET, 0b1111)?;
    for register in REGISTERS.iter().filter(|r| r.access == Access::Wo) {
        assert_eq!(carrier.read32(register.offset)?, 0, "{} is write-only", register.name);
    }
    assert_eq!(carrier.read32(IntrState::OFFSET)?, 0b1111);
    carrier.write32(IntrState::OFFSET, 0b0101)?;
    assert_eq!(carrier.read32(IntrState::OFFSET)?, 0b1010, "ones clear, zeros keep");

    for offset in [1, 2, 0x43, BAR0_BYTES, u32::MAX - 3] {
        let refused = |r: Result<(), CarrierError>| matches!(r, Err(CarrierError::BadOffset { .. }));
        assert!(refused(carrier.read32(offset).map(drop)), "read at {offset:#x}");
        assert!(refused(carrier.write32(offset, 0)), "write at {offset:#x}");
    }
    device.reset()?;
    device.identify().map(drop)
}

/// The device follows the doorbell, and raises the completion interrupt.
pub fn doorbell_and_interrupts<C: Carrier>(mut device: Device<C>) -> Outcome {
    for n in 1..=3 {
        device.carrier_mut().write32(IntrState::OFFSET, u32::MAX)?;
        // The driver clears the interrupt when it waits for a completion: here nobody waits until it is seen.
        let id = device.submit(&Command::new(Opcode::Identify))?;
        let mut waits = 0;
        while device.interrupts()?.completion() == 0 {
            assert!(waits < 1000, "no interrupt for the completion");
            device.carrier_mut().wait()?;
            waits += 1;
        }
        assert_eq!(device.carrier_mut().read32(SqHead::OFFSET)?, n);
        assert_eq!(device.wait(id)?.status, Status::Success as u16);
    }
    device.reset()?;
    assert_eq!(device.carrier_mut().read32(SqHead::OFFSET)?, 0);
    let registers = device.registers()?;
    assert_eq!(registers.len(), REGISTERS.len());
    Ok(())
}

/// What is no Tideline device, or one of a future version, is refused by name.
pub fn foreign_devices_are_refused<C: Carrier>(device: Device<C>) -> Outcome {
    let mut carrier = Meddler::new(device.close()?);
    carrier.lie = Some((Id::OFFSET, 0xffff_ffff));
    let error = Device::open(&mut carrier).err();
    let right = matches!(error, Some(Error::WrongId { found: 0xffff_ffff, expected: ID_VALUE }));
    assert!(right, "{error:?}");
    carrier.lie = Some((Version::OFFSET, 0x0002_0300));
    let error = Device::open(&mut carrier).err();
    let right = matches!(error, Some(Error::WrongVersion { major: 2, minor: 3, expected: 1 }));
    assert!(right, "{error:?}");
    carrier.lie = None;
    Device::open(&mut carrier)?.identify().map(drop)
}

/// A device that never sees the doorbell: a typed error after a bounded while, and a reset repairs it.
pub fn lost_doorbell_times_out<C: Carrier>(device: Device<C>) -> Outcome {
    let carrier = Meddler::new(device.close()?);
    let options = Options { patience: 500, ..Options::default() };
    let mut device = Device::open_with(carrier, options)?;
    device.carrier_mut().deaf = Some(SqTail::OFFSET);
    let id = device.submit(&Command::new(Opcode::Identify))?;
    let error = device.wait(id).expect_err("the device did not see the command");
    assert!(matches!(error, Error::Timeout { waits: 500, .. }), "{error}");
    device.carrier_mut().deaf = None;
    device.reset()?;
    device.identify()?;
    device.close().map(drop)
}

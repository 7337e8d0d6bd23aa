//! The queues under stress.

use crate::Outcome;
use crate::world::pages;
use std::collections::VecDeque;
use tideline_abi::command::{Command, Opcode, Status};
use tideline_abi::regs::SqHead;
use tideline_driver::{Carrier, Device, Error, Frame, Options};

/// Small queues, many passes: the phase bit keeps old completions from being taken for new ones.
pub fn queues_wrap<C: Carrier>(device: Device<C>) -> Outcome {
    let carrier = device.close()?;
    let options = Options { sq_log2: 2, cq_log2: 3, ..Options::default() };
    let mut device = Device::open_with(carrier, options)?;
    for n in 0..100 {
        device.identify()?;
        device.map(pages(n, 1), Frame(n))?;
        if n % 2 == 1 {
            device.unmap(pages(n - 1, 2))?;
        }
    }
    assert_eq!(device.carrier_mut().read32(SqHead::OFFSET)?, 250 % 4);
    let fence = device.submit(&Command::new(Opcode::Fence))?;
    device.wait(fence)?;
    let again = device.poll(fence);
    assert!(matches!(again, Err(Error::UnknownCommand(_))), "a completion is given once");
    Ok(())
}

/// Several commands in flight, asked for in another order than submitted.
pub fn several_commands_in_flight<C: Carrier>(mut device: Device<C>) -> Outcome {
    let mut flights = Vec::new();
    for n in 0..40u8 {
        let (command, status) = if n % 3 == 0 {
            (Command::new(Opcode::Identify), Status::Success)
        } else {
            (Command { opcode: 0xf0, flags: n, ..Command::new(Opcode::Identify) }, Status::InvalidOpcode)
        };
        flights.push((device.submit(&command)?, status));
    }
    for (id, status) in flights.into_iter().rev() {
        assert_eq!(device.wait(id)?.status, status as u16);
    }
    Ok(())
}

/// Software that takes no completions: the device stops to fetch, and loses nothing.
pub fn completion_queue_full<C: Carrier>(device: Device<C>) -> Outcome {
    let carrier = device.close()?;
    let options = Options { sq_log2: 4, cq_log2: 2, ..Options::default() };
    let mut device = Device::open_with(carrier, options)?;
    for _ in 0..5 {
        let mut flights = VecDeque::new();
        let before = device.carrier_mut().read32(SqHead::OFFSET)?;
        for _ in 0..12 {
            flights.push_back(device.submit(&Command::new(Opcode::Identify))?);
        }
        // Until it has begun, and then long enough to fetch more than it may.
        let (mut waits, mut fetched) = (0, 0);
        while waits < 20 || fetched == 0 && waits < 10_000 {
            device.carrier_mut().wait()?;
            let head = device.carrier_mut().read32(SqHead::OFFSET)?;
            fetched = head.wrapping_sub(before) % 16;
            waits += 1;
        }
        assert!((1..=4).contains(&fetched), "{fetched} commands fetched for a queue of 4 completions");
        for id in flights {
            assert_eq!(device.wait(id)?.status, Status::Success as u16);
        }
    }
    // More than both queues hold: either the device makes room or the driver says that there is none.
    let mut flights = Vec::new();
    for _ in 0..64 {
        match device.submit(&Command::new(Opcode::Identify)) {
            Ok(id) => flights.push(id),
            Err(Error::QueueFull { .. }) => break,
            Err(error) => return Err(error),
        }
    }
    assert!(flights.len() >= 15);
    flights.into_iter().try_for_each(|id| device.wait(id).map(drop))?;
    device.identify().map(drop)
}

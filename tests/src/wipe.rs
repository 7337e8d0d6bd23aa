//! A window without pages, on a device that lives longer than one test.

use tideline_abi::command::{Command, Opcode, Status};
use tideline_abi::regs::{ErrorBits, IntrState};
use tideline_driver::{Carrier, Device, Error};

/// Pages that bodies use: none of them maps one beyond.
const PAGES: u32 = 4096;

/// Unmaps whatever is mapped, clears errors and interrupts: the device is as one that was just switched on, but for its
/// generation and the contents of its memory.
///
/// # Errors
/// The driver's.
pub fn wipe<C: Carrier>(device: &mut Device<C>) -> Result<(), Error> {
    // MAP goes on until it meets a mapped page, UNMAP until it meets an unmapped one: each pair gets past one more gap.
    let (mut opcode, mut first) = (Opcode::Map, 0);
    loop {
        let command = Command { page: first, count: PAGES - first, ..Command::new(opcode) };
        let id = device.submit(&command)?;
        let completion = device.wait(id)?;
        match (opcode, Status::from_code(completion.status.into())) {
            (Opcode::Unmap, Some(Status::Success)) => break,
            (Opcode::Unmap, Some(Status::WrongState)) => first = completion.cursor,
            (_, Some(Status::Success | Status::WrongState)) => {}
            (_, Some(status)) => {
                let cursor = tideline_driver::PageIndex(completion.cursor);
                return Err(Error::Command { opcode, status, cursor });
            }
            (_, None) => return Err(Error::UnknownStatus { opcode, status: completion.status }),
        }
        opcode = if opcode == Opcode::Map { Opcode::Unmap } else { Opcode::Map };
    }
    // The queues start from their first entry again.
    device.reset()?;
    device.clear_errors(ErrorBits(u32::MAX))?;
    Ok(device.carrier_mut().write32(IntrState::OFFSET, u32::MAX)?)
}

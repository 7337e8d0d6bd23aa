//! One client: its messages and their answers.

use crate::function::region_bytes;
use crate::{Attached, Function, FunctionError, Journal, Refusal};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use tideline_abi::pci::VECTORS;
use tideline_driver::vfio_user::wire::{
    self, Command, DeviceInfo, DmaMap, DmaUnmap, Header, IrqInfo, Layout, Message, Receiver, RegionAccess,
    RegionInfo, SetIrqs, Version, WireError, device_flag, header_flag, irq, irq_flag, region, region_flag,
};
use tideline_tb::DeviceError;

/// The connection to a client.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: UnixStream,
    receiver: Receiver,
    /// The versions were agreed on.
    agreed: bool,
}

/// Why a session ends.
#[derive(Debug)]
pub(crate) enum End {
    /// The client left, or its connection is of no use.
    Client(WireError),
    /// The device is of no use any more.
    Device(DeviceError),
}

impl From<WireError> for End {
    fn from(error: WireError) -> Self {
        Self::Client(error)
    }
}

impl Connection {
    pub(crate) fn new(stream: UnixStream) -> Self {
        Self { stream, receiver: Receiver::default(), agreed: false }
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// The client stopped in the middle of a message.
    pub(crate) fn is_midway(&self) -> bool {
        self.receiver.is_midway()
    }

    /// The client speaks vfio-user: it may have changed something.
    pub(crate) fn has_agreed(&self) -> bool {
        self.agreed
    }

    /// Answers the next message, whatever it is, with an error. True once that is done.
    pub(crate) fn turn_away(&mut self, errno: Errno) -> Result<bool, WireError> {
        let Some(message) = self.receiver.receive(self.stream.as_fd())? else { return Ok(false) };
        self.reply_error(&message.header, errno)?;
        Ok(true)
    }

    /// Takes the next message, if it has arrived, does what it says and answers it.
    pub(crate) fn serve<A: Attached>(
        &mut self,
        function: &mut Function<A>,
        journal: &mut Journal,
    ) -> Result<(), End> {
        let Some(message) = self.receiver.receive(self.stream.as_fd())? else { return Ok(()) };
        let header = message.header;
        match self.answer(function, message) {
            Ok(parts) => {
                if header.flags & header_flag::NO_REPLY == 0 {
                    self.reply(&header, header_flag::REPLY, 0, &parts)?;
                }
                Ok(())
            }
            Err(FunctionError::Refused(refusal)) => {
                journal.complain(&refusal);
                if header.flags & header_flag::NO_REPLY == 0 {
                    self.reply_error(&header, refusal.errno)?;
                }
                Ok(())
            }
            Err(FunctionError::Device(error)) => {
                let _ = self.reply_error(&header, Errno::IO);
                Err(End::Device(error))
            }
        }
    }

    fn reply(&self, to: &Header, flags: u32, error: u32, payload: &[Vec<u8>]) -> Result<(), WireError> {
        let size = wire::HEADER_BYTES + payload.iter().map(Vec::len).sum::<usize>();
        let header = Header { size: size as u32, flags, error, ..*to }.to_bytes();
        let parts: Vec<&[u8]> = [&header].into_iter().chain(payload).map(Vec::as_slice).collect();
        wire::send(self.stream.as_fd(), &parts, &[])
    }

    fn reply_error(&self, to: &Header, errno: Errno) -> Result<(), WireError> {
        self.reply(to, header_flag::REPLY | header_flag::ERROR, errno.raw_os_error() as u32, &[])
    }

    /// Does what a message says: the parts of its reply.
    fn answer<A: Attached>(
        &mut self,
        function: &mut Function<A>,
        message: Message,
    ) -> Result<Vec<Vec<u8>>, FunctionError> {
        let Message { header, payload, fds } = message;
        let invalid = |why: String| FunctionError::Refused(Refusal::new(Errno::INVAL, why));
        if header.flags & header_flag::TYPE != 0 {
            return Err(invalid(format!("a message that is no command, flags {:#x}", header.flags)));
        }
        let Some(command) = Command::from_code(header.command) else {
            return Err(invalid(format!("command {}: there is no such command", header.command)));
        };
        if self.agreed == (command == Command::Version) {
            let why = if self.agreed { "comes once" } else { "VERSION must come first" };
            return Err(invalid(format!("{command:?}: {why}")));
        }
        match command {
            Command::Version => {
                let (version, text) = split::<Version>(command, &payload)?;
                let reply = agree(version, text)?;
                self.agreed = true;
                Ok(reply)
            }
            Command::DmaMap => {
                let (map, _) = split::<DmaMap>(command, &payload)?;
                if fds.len() > 1 {
                    return Err(invalid(format!("DMA_MAP with {} file descriptors: one or none", fds.len())));
                }
                function.dma_map(&map, fds.into_iter().next())?;
                Ok(vec![])
            }
            Command::DmaUnmap => {
                let (unmap, _) = split::<DmaUnmap>(command, &payload)?;
                function.dma_unmap(&unmap)?;
                Ok(vec![unmap.to_bytes()])
            }
            Command::DeviceGetInfo => {
                let info = DeviceInfo {
                    argsz: DeviceInfo::BYTES as u32,
                    flags: device_flag::PCI | device_flag::RESET,
                    regions: region::COUNT,
                    irqs: irq::COUNT,
                };
                Ok(vec![info.to_bytes()])
            }
            Command::DeviceGetRegionInfo => {
                let (ask, _) = split::<RegionInfo>(command, &payload)?;
                if ask.index >= region::COUNT {
                    return Err(invalid(format!("region {}: there are {}", ask.index, region::COUNT)));
                }
                let size = region_bytes(ask.index);
                let flags = if size == 0 { 0 } else { region_flag::READ | region_flag::WRITE };
                let argsz = RegionInfo::BYTES as u32;
                let info = RegionInfo { argsz, flags, index: ask.index, cap_offset: 0, size, offset: 0 };
                Ok(vec![info.to_bytes()])
            }
            Command::DeviceGetIrqInfo => {
                let (ask, _) = split::<IrqInfo>(command, &payload)?;
                if ask.index >= irq::COUNT {
                    return Err(invalid(format!("interrupt kind {}: there are {}", ask.index, irq::COUNT)));
                }
                let msix = ask.index == irq::MSIX;
                let info = IrqInfo {
                    argsz: IrqInfo::BYTES as u32,
                    flags: if msix { irq_flag::EVENTFD | irq_flag::NORESIZE } else { 0 },
                    index: ask.index,
                    count: if msix { VECTORS } else { 0 },
                };
                Ok(vec![info.to_bytes()])
            }
            Command::DeviceSetIrqs => {
                let (set, bools) = split::<SetIrqs>(command, &payload)?;
                function.set_irqs(&set, bools, fds)?;
                Ok(vec![])
            }
            Command::RegionRead => {
                let (access, _) = split::<RegionAccess>(command, &payload)?;
                if access.count as usize > wire::TRANSFER_BYTES {
                    let most = wire::TRANSFER_BYTES;
                    return Err(invalid(format!("read of {} bytes: at most {most}", access.count)));
                }
                let mut data = vec![0; access.count as usize];
                function.region_read(access.region, access.offset, &mut data)?;
                Ok(vec![access.to_bytes(), data])
            }
            Command::RegionWrite => {
                let (access, data) = split::<RegionAccess>(command, &payload)?;
                if data.len() != access.count as usize {
                    let (count, len) = (access.count, data.len());
                    return Err(invalid(format!("write of {count} bytes that brings {len}")));
                }
                function.region_write(access.region, access.offset, data)?;
                Ok(vec![access.to_bytes()])
            }
            Command::DeviceReset => {
                function.reset()?;
                Ok(vec![])
            }
            Command::DeviceGetRegionIoFds
            | Command::DmaRead
            | Command::DmaWrite
            | Command::UserDirtyPages => {
                Err(Refusal::new(Errno::OPNOTSUPP, format!("{command:?}: not served here")).into())
            }
        }
    }
}

/// The fixed part of a payload, and what follows.
fn split<T: Layout>(command: Command, payload: &[u8]) -> Result<(T, &[u8]), Refusal> {
    match T::from_bytes(payload) {
        Some(value) => Ok((value, &payload[T::BYTES..])),
        None => {
            let what = format!("{command:?} with {} bytes: needs {}", payload.len(), T::BYTES);
            Err(Refusal::new(Errno::INVAL, what))
        }
    }
}

/// The answer to VERSION.
fn agree(theirs: Version, text: &[u8]) -> Result<Vec<Vec<u8>>, Refusal> {
    let (major, minor) = wire::VERSION;
    if theirs.major != major {
        let what = format!("version {}.{} of vfio-user: this is {major}.{minor}", theirs.major, theirs.minor);
        return Err(Refusal::new(Errno::OPNOTSUPP, what));
    }
    // The text may be missing; nothing in it changes what this server does.
    let text = text.strip_suffix(b"\0").unwrap_or(text);
    if !text.is_empty()
        && let Err(error) = serde_json::from_slice::<serde_json::Value>(text)
    {
        return Err(Refusal::new(Errno::INVAL, format!("VERSION: its capabilities are no JSON: {error}")));
    }
    let capabilities = serde_json::json!({ "capabilities": {
        "max_msg_fds": wire::FDS,
        "max_data_xfer_size": wire::TRANSFER_BYTES,
        "migration": { "pgsize": tideline_abi::geometry::PAGE_BYTES },
    } });
    let text = format!("{capabilities}\0").into_bytes();
    Ok(vec![Version { major, minor: minor.min(theirs.minor) }.to_bytes(), text])
}

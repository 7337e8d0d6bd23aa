//! The carrier `vfio-user:PATH`: a device that another process serves over the vfio-user protocol.
//!
//! Registers and window are read and written by messages; memory for the device is a file in memory (memfd) that both
//! processes map; interrupts arrive through eventfds. Every message is answered within a time limit, so that a server that
//! dies or hangs ends in an error.

pub mod wire;

use crate::carrier::{Arrival, Carrier, CarrierError, DmaRegion, Iova};
use crate::shared_memory::SharedMapping;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tideline_abi::cxl::Line;
use tideline_abi::geometry::{LINE_BYTES, PAGE_BYTES};
use tideline_abi::pci::{self, config, config_bit};
use tideline_abi::regs::{BAR0_BYTES, Status};
use wire::{Command, Layout, Receiver, WireError, dma_flag, header_flag, irq, irq_flag, region, set_irqs};

/// First IOVA handed out: above 4 GiB, so that the upper halves of address registers are used.
const FIRST_IOVA: u64 = 0x1_0000_0000;
/// No bus gives the window an address; the device takes any, and BAR offsets count from it.
const WINDOW_BASE: u64 = 0x10_4000_0000;
/// Bytes of one window access at most: every server takes so many.
const CHUNK: usize = 1 << 16;

/// A device behind a vfio-user socket.
///
/// ```no_run
/// use tideline_driver::{Device, vfio_user::VfioUser};
/// let mut device = Device::open(VfioUser::connect("/run/tideline.sock".as_ref())?)?;
/// println!("{} pages", device.identify()?.pages);
/// # Ok::<(), tideline_driver::Error>(())
/// ```
#[derive(Debug)]
pub struct VfioUser {
    path: PathBuf,
    socket: OwnedFd,
    receiver: Receiver,
    next_id: u16,
    timeout: Duration,
    /// Why nothing more can be asked.
    gone: Option<String>,
    memory: BTreeMap<u64, SharedMapping>,
    /// One eventfd per vector.
    interrupts: Vec<OwnedFd>,
    frames: u32,
    window_bytes: u64,
}

impl VfioUser {
    /// Time in which a server answers a message.
    pub const TIMEOUT: Duration = Duration::from_secs(10);
    /// One [`Carrier::wait`] without an interrupt.
    const WAIT: Duration = Duration::from_millis(1);

    /// Connects to the server at this socket and takes its device.
    ///
    /// # Errors
    /// [`CarrierError::Other`] if nobody serves there, another client has the device, or it is no Tideline device;
    /// [`CarrierError::NoAnswer`], [`CarrierError::Gone`].
    pub fn connect(path: &Path) -> Result<Self, CarrierError> {
        Self::connect_within(path, Self::TIMEOUT)
    }

    /// The same, with another time limit for each message.
    ///
    /// # Errors
    /// As [`VfioUser::connect`].
    pub fn connect_within(path: &Path, timeout: Duration) -> Result<Self, CarrierError> {
        let mut carrier = Self {
            path: path.to_owned(),
            socket: open_socket(path, timeout)?,
            receiver: Receiver::default(),
            next_id: 0,
            timeout,
            gone: None,
            memory: BTreeMap::new(),
            interrupts: Vec::new(),
            frames: 0,
            window_bytes: 0,
        };
        carrier.negotiate()?;
        carrier.inspect()?;
        carrier.enable()?;
        carrier.take_interrupts()?;
        Ok(carrier)
    }

    /// Reads bytes of a region as one access, whatever its offset and length: for tests and tools.
    ///
    /// # Errors
    /// [`CarrierError::Other`] if the server refuses the access.
    pub fn region_read(&mut self, region: u32, offset: u64, buf: &mut [u8]) -> Result<(), CarrierError> {
        let access = wire::RegionAccess { offset, region, count: buf.len() as u32 };
        let reply = self.call(Command::RegionRead, &[&access.to_bytes()], &[])?;
        match reply.get(wire::RegionAccess::BYTES..) {
            Some(data) if data.len() == buf.len() => buf.copy_from_slice(data),
            _ => return Err(self.lost(format!("it answered a read with {} bytes", reply.len()))),
        }
        Ok(())
    }

    /// Writes bytes of a region as one access.
    ///
    /// # Errors
    /// As [`VfioUser::region_read`].
    pub fn region_write(&mut self, region: u32, offset: u64, data: &[u8]) -> Result<(), CarrierError> {
        let access = wire::RegionAccess { offset, region, count: data.len() as u32 };
        self.call(Command::RegionWrite, &[&access.to_bytes(), data], &[]).map(drop)
    }

    /// Sends a command with this payload and gives the payload of its reply.
    fn call(
        &mut self,
        command: Command,
        payload: &[&[u8]],
        fds: &[BorrowedFd<'_>],
    ) -> Result<Vec<u8>, CarrierError> {
        if let Some(what) = &self.gone {
            return Err(CarrierError::Gone { what: what.clone() });
        }
        self.next_id = self.next_id.wrapping_add(1);
        let size = wire::HEADER_BYTES + payload.iter().map(|p| p.len()).sum::<usize>();
        let header = wire::Header {
            id: self.next_id,
            command: command as u16,
            size: size as u32,
            ..wire::Header::default()
        };
        let header = header.to_bytes();
        let parts: Vec<&[u8]> = [&header[..]].into_iter().chain(payload.iter().copied()).collect();
        if let Err(error) = wire::send(self.socket.as_fd(), &parts, fds) {
            // A server that refuses says why before it closes.
            let last = self.receiver.receive(self.socket.as_fd()).ok().flatten();
            return match last.map(|m| self.check(command, None, m)) {
                Some(Err(refused)) => Err(refused),
                _ => Err(self.broken(command, error)),
            };
        }
        match wire::receive_within(&mut self.receiver, &self.socket, self.timeout) {
            Ok(Some(reply)) => self.check(command, Some(self.next_id), reply),
            Ok(None) => {
                let what = format!("{command:?} at {}, {:?}", self.path.display(), self.timeout);
                self.gone = Some(format!("it did not answer {what}"));
                Err(CarrierError::NoAnswer { what })
            }
            Err(error) => Err(self.broken(command, error)),
        }
    }

    /// Is this the reply, and what does it say?
    fn check(
        &mut self,
        command: Command,
        id: Option<u16>,
        reply: wire::Message,
    ) -> Result<Vec<u8>, CarrierError> {
        let header = reply.header;
        if header.flags & header_flag::TYPE != header_flag::REPLY || id.is_some_and(|id| id != header.id) {
            return Err(self.lost(format!("it answered {command:?} with {header:?}")));
        }
        if header.flags & header_flag::ERROR == 0 {
            return Ok(reply.payload);
        }
        let why = match Errno::from_raw_os_error(header.error as i32) {
            Errno::BUSY => "another client has the device".to_owned(),
            _ if header.error == 0 => "it gave no reason".to_owned(),
            errno => io::Error::from(errno).to_string(),
        };
        Err(CarrierError::Other(format!("{}: the server refused {command:?}: {why}", self.path.display())))
    }

    /// The value at the start of a reply.
    fn decode<T: Layout>(&mut self, command: Command, reply: &[u8]) -> Result<T, CarrierError> {
        T::from_bytes(reply)
            .ok_or_else(|| self.lost(format!("it answered {command:?} with {} bytes", reply.len())))
    }

    fn broken(&mut self, command: Command, error: WireError) -> CarrierError {
        self.lost(format!("{command:?}: {error}"))
    }

    /// Nothing more can be asked.
    fn lost(&mut self, why: impl Display) -> CarrierError {
        let what = format!("{}: {why}", self.path.display());
        self.gone = Some(what.clone());
        CarrierError::Gone { what }
    }

    fn negotiate(&mut self) -> Result<(), CarrierError> {
        let (major, minor) = wire::VERSION;
        let capabilities = format!(
            "{{\"capabilities\":{{\"max_msg_fds\":{},\"max_data_xfer_size\":{}}}}}\0",
            wire::FDS,
            CHUNK
        );
        let ours = wire::Version { major, minor }.to_bytes();
        let reply = self.call(Command::Version, &[&ours, capabilities.as_bytes()], &[])?;
        let theirs: wire::Version = self.decode(Command::Version, &reply)?;
        if theirs.major != major {
            let what = format!("it speaks version {} of vfio-user, not {major}", theirs.major);
            return Err(self.lost(what));
        }
        Ok(())
    }

    /// Is it a Tideline device, with the regions that it needs?
    fn inspect(&mut self) -> Result<(), CarrierError> {
        let ask = wire::DeviceInfo { argsz: wire::DeviceInfo::BYTES as u32, ..Default::default() };
        let reply = self.call(Command::DeviceGetInfo, &[&ask.to_bytes()], &[])?;
        let info: wire::DeviceInfo = self.decode(Command::DeviceGetInfo, &reply)?;
        if info.flags & wire::device_flag::PCI == 0 || info.regions <= region::CONFIG {
            return Err(self.lost("it serves no PCI device"));
        }
        let found: [u16; 2] = [self.config(config::VENDOR_ID)?, self.config(config::DEVICE_ID)?];
        if found != [pci::VENDOR, pci::DEVICE] {
            let [vendor, device] = found;
            let right = format!("a Tideline device is {:04x}:{:04x}", pci::VENDOR, pci::DEVICE);
            return Err(self.lost(format!("it serves PCI device {vendor:04x}:{device:04x}; {right}")));
        }
        for bar in pci::BARS {
            let ask = wire::RegionInfo {
                argsz: wire::RegionInfo::BYTES as u32,
                index: region::BAR0 + bar.index,
                ..Default::default()
            };
            let reply = self.call(Command::DeviceGetRegionInfo, &[&ask.to_bytes()], &[])?;
            let info: wire::RegionInfo = self.decode(Command::DeviceGetRegionInfo, &reply)?;
            if bar.index == pci::WINDOW_BAR.index {
                self.window_bytes = info.size;
            } else if info.size < bar.bytes {
                let what = format!("BAR{} has {:#x} bytes, not {:#x}", bar.index, info.size, bar.bytes);
                return Err(self.lost(what));
            }
        }
        let mut frames = [0; 4];
        self.region_read(region::CONFIG, config::DEVICE_FRAMES as u64, &mut frames)?;
        self.frames = u32::from_le_bytes(frames);
        Ok(())
    }

    fn config(&mut self, offset: usize) -> Result<u16, CarrierError> {
        let mut bytes = [0; 2];
        self.region_read(region::CONFIG, offset as u64, &mut bytes)?;
        Ok(u16::from_le_bytes(bytes))
    }

    /// Lets the function answer and access memory.
    fn enable(&mut self) -> Result<(), CarrierError> {
        let command: u16 = 1 << config_bit::COMMAND_MEMORY | 1 << config_bit::COMMAND_BUS_MASTER;
        self.region_write(region::CONFIG, config::COMMAND as u64, &command.to_le_bytes())
    }

    /// Gives the server an eventfd for each vector.
    fn take_interrupts(&mut self) -> Result<(), CarrierError> {
        let ask =
            wire::IrqInfo { argsz: wire::IrqInfo::BYTES as u32, index: irq::MSIX, ..Default::default() };
        let reply = self.call(Command::DeviceGetIrqInfo, &[&ask.to_bytes()], &[])?;
        let info: wire::IrqInfo = self.decode(Command::DeviceGetIrqInfo, &reply)?;
        if info.count < pci::VECTORS || info.flags & irq_flag::EVENTFD == 0 {
            return Err(self.lost(format!("it has {} MSI-X vectors, not {}", info.count, pci::VECTORS)));
        }
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let fds: Result<Vec<OwnedFd>, _> = (0..pci::VECTORS).map(|_| eventfd(0, flags)).collect();
        self.interrupts = fds.map_err(|e| CarrierError::Other(format!("cannot make an eventfd: {e}")))?;
        let set = wire::SetIrqs {
            argsz: wire::SetIrqs::BYTES as u32,
            flags: set_irqs::DATA_EVENTFD | set_irqs::ACTION_TRIGGER,
            index: irq::MSIX,
            start: 0,
            count: pci::VECTORS,
        };
        let fds: Vec<OwnedFd> = self
            .interrupts
            .iter()
            .map(OwnedFd::try_clone)
            .collect::<Result<_, _>>()
            .map_err(|e| CarrierError::Other(format!("cannot duplicate an eventfd: {e}")))?;
        let fds: Vec<BorrowedFd<'_>> = fds.iter().map(AsFd::as_fd).collect();
        self.call(Command::DeviceSetIrqs, &[&set.to_bytes()], &fds).map(drop)
    }

    /// The first free address for so many bytes, with an unmapped page behind every region.
    fn free_address(&self, len: usize) -> u64 {
        let mut address = FIRST_IOVA;
        for (&start, memory) in &self.memory {
            if start - address > len as u64 {
                break;
            }
            address = start + (memory.len() + PAGE_BYTES) as u64;
        }
        address
    }

    /// The memory that holds all these bytes, and where in it they are.
    fn region_of(&self, iova: Iova, len: usize) -> Result<(&SharedMapping, usize), CarrierError> {
        let found = self.memory.range(..=iova.0).next_back();
        let found = found.map(|(start, memory)| (memory, (iova.0 - start) as usize));
        let inside = |&(memory, at): &(&SharedMapping, usize)| {
            at.checked_add(len).is_some_and(|end| end <= memory.len())
        };
        found.filter(inside).ok_or(CarrierError::BadDma { iova: iova.0, len })
    }

    fn check_window(&self, offset: u64, len: usize) -> Result<(), CarrierError> {
        let end = offset.checked_add(len as u64);
        if end.is_none_or(|end| end > self.window_bytes) {
            return Err(CarrierError::BadWindow { offset, size: self.window_bytes });
        }
        Ok(())
    }
}

/// A connected socket whose sends end in time.
fn open_socket(path: &Path, timeout: Duration) -> Result<OwnedFd, CarrierError> {
    let refused = |error: Errno| {
        let hint = match error {
            Errno::NOENT | Errno::CONNREFUSED => "; start `tideline serve --socket` there first",
            Errno::ACCESS => "; the socket belongs to somebody else",
            Errno::AGAIN => "; its server is busy with others",
            _ => "",
        };
        CarrierError::Other(format!("{}: {}{hint}", path.display(), io::Error::from(error)))
    };
    let address = SocketAddrUnix::new(path).map_err(refused)?;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None);
    let socket = socket.map_err(refused)?;
    set_socket_timeout(&socket, Timeout::Send, Some(timeout)).map_err(refused)?;
    connect(&socket, &address).map_err(refused)?;
    Ok(socket)
}

fn check_register(offset: u32) -> Result<(), CarrierError> {
    if offset >= BAR0_BYTES || !offset.is_multiple_of(4) {
        return Err(CarrierError::BadOffset { offset, limit: BAR0_BYTES });
    }
    Ok(())
}

impl Carrier for VfioUser {
    fn name(&self) -> String {
        format!("vfio-user:{}", self.path.display())
    }

    fn read32(&mut self, offset: u32) -> Result<u32, CarrierError> {
        check_register(offset)?;
        let mut bytes = [0; 4];
        self.region_read(region::BAR0, offset.into(), &mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn write32(&mut self, offset: u32, value: u32) -> Result<(), CarrierError> {
        check_register(offset)?;
        self.region_write(region::BAR0, offset.into(), &value.to_le_bytes())
    }

    fn dma_alloc(&mut self, len: usize) -> Result<DmaRegion, CarrierError> {
        let none = || CarrierError::NoDmaMemory { len };
        let len = len.max(1).checked_next_multiple_of(PAGE_BYTES).ok_or_else(none)?;
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = memfd_create("tideline-dma", flags).map_err(|_| none())?;
        ftruncate(&file, len as u64).map_err(|_| none())?;
        // Whoever maps the file may rely on its size.
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL).map_err(|_| none())?;
        let memory = SharedMapping::map(file.as_fd(), len, true).map_err(|_| none())?;
        let address = self.free_address(len);
        let map = wire::DmaMap {
            argsz: wire::DmaMap::BYTES as u32,
            flags: dma_flag::READ | dma_flag::WRITE,
            offset: 0,
            address,
            size: len as u64,
        };
        self.call(Command::DmaMap, &[&map.to_bytes()], &[file.as_fd()])?;
        self.memory.insert(address, memory);
        Ok(DmaRegion { iova: Iova(address), len })
    }

    fn dma_free(&mut self, region: DmaRegion) {
        if let Some(memory) = self.memory.remove(&region.iova.0) {
            let unmap = wire::DmaUnmap {
                argsz: wire::DmaUnmap::BYTES as u32,
                flags: 0,
                address: region.iova.0,
                size: memory.len() as u64,
            };
            // A server that has gone has no access any more.
            let _ = self.call(Command::DmaUnmap, &[&unmap.to_bytes()], &[]);
        }
    }

    fn dma_read(&mut self, iova: Iova, buf: &mut [u8]) -> Result<(), CarrierError> {
        let (memory, offset) = self.region_of(iova, buf.len())?;
        let len = buf.len();
        if memory.read(offset, buf) { Ok(()) } else { Err(CarrierError::BadDma { iova: iova.0, len }) }
    }

    fn dma_write(&mut self, iova: Iova, data: &[u8]) -> Result<(), CarrierError> {
        let (memory, offset) = self.region_of(iova, data.len())?;
        let len = data.len();
        if memory.write(offset, data) { Ok(()) } else { Err(CarrierError::BadDma { iova: iova.0, len }) }
    }

    fn wait(&mut self) -> Result<(), CarrierError> {
        let [a, b, c, d] = &self.interrupts[..] else { unreachable!("one eventfd per vector") };
        let fds = [a.as_fd(), b.as_fd(), c.as_fd(), d.as_fd(), self.socket.as_fd()];
        let readable = wire::wait_readable(fds, Some(Self::WAIT))
            .map_err(|e| CarrierError::Other(format!("cannot wait for an interrupt: {e}")))?;
        for (fd, _) in self.interrupts.iter().zip(readable).filter(|(_, readable)| *readable) {
            // Takes the count, so that the next wait waits for the next interrupt.
            let _ = rustix::io::read(fd, &mut [0; 8]);
        }
        if readable[self.interrupts.len()] {
            // Nothing was asked, so this is the end.
            return match self.receiver.receive(self.socket.as_fd()) {
                Ok(None) => Ok(()),
                Ok(Some(message)) => Err(self.lost(format!("it sent {:?} unasked", message.header))),
                Err(error) => Err(self.lost(error)),
            };
        }
        Ok(())
    }

    fn most_waits(&self) -> u32 {
        60_000
    }

    fn reset(&mut self) -> Result<(), CarrierError> {
        self.call(Command::DeviceReset, &[], &[])?;
        self.enable()?;
        let start = Instant::now();
        while Status(self.read32(Status::OFFSET)?).ready() == 0 {
            if start.elapsed() > self.timeout {
                return Err(CarrierError::NoAnswer { what: format!("a reset, {:?}", self.timeout) });
            }
            self.wait()?;
        }
        Ok(())
    }

    fn window_base(&self) -> u64 {
        WINDOW_BASE
    }

    fn frames(&self) -> u32 {
        self.frames
    }

    fn window_bytes(&self) -> u64 {
        self.window_bytes
    }

    fn load_line(&mut self, offset: u64) -> Result<Line, CarrierError> {
        let mut line = [0; LINE_BYTES];
        if !offset.is_multiple_of(LINE_BYTES as u64) {
            return Err(CarrierError::BadWindow { offset, size: self.window_bytes });
        }
        self.window_read(offset, &mut line)?;
        Ok(line)
    }

    fn store_line(&mut self, offset: u64, data: &Line) -> Result<(), CarrierError> {
        if !offset.is_multiple_of(LINE_BYTES as u64) {
            return Err(CarrierError::BadWindow { offset, size: self.window_bytes });
        }
        self.window_write(offset, data)
    }

    /// Nothing caches the window on this side: every access is a message that the device has answered.
    fn flush(&mut self, offset: u64, len: u64) -> Result<Arrival, CarrierError> {
        self.check_window(offset, len as usize)?;
        Ok(Arrival::Proven)
    }

    fn read_back(&mut self, offset: u64) -> Result<(), CarrierError> {
        self.window_read(offset, &mut [0])
    }

    fn window_read(&mut self, offset: u64, buf: &mut [u8]) -> Result<(), CarrierError> {
        self.check_window(offset, buf.len())?;
        for (index, part) in buf.chunks_mut(CHUNK).enumerate() {
            self.region_read(pci::WINDOW_BAR.index, offset + (index * CHUNK) as u64, part)?;
        }
        Ok(())
    }

    fn window_write(&mut self, offset: u64, data: &[u8]) -> Result<(), CarrierError> {
        self.check_window(offset, data.len())?;
        for (index, part) in data.chunks(CHUNK).enumerate() {
            self.region_write(pci::WINDOW_BAR.index, offset + (index * CHUNK) as u64, part)?;
        }
        Ok(())
    }

    fn interrupt_fd(&self, vector: u32) -> Option<RawFd> {
        self.interrupts.get(vector as usize).map(AsRawFd::as_raw_fd)
    }
}

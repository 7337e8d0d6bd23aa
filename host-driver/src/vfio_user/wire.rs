//! The messages of the vfio-user protocol, and the socket that they travel on.
//!
//! Layouts as in the vfio-user protocol specification, version 0.1: every message is a header of 16 bytes and a payload, in
//! the byte order of the machine that both ends run on; file descriptors travel beside it. Both ends are made of these: the
//! carrier of this crate, and the server behind `tideline serve`.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// Bytes of a header.
pub const HEADER_BYTES: usize = 16;
/// File descriptors beside one message at most.
pub const FDS: usize = 16;
/// Bytes of one region access at most, in both directions.
pub const TRANSFER_BYTES: usize = 1 << 20;
/// Version of the protocol: major, minor.
pub const VERSION: (u16, u16) = (0, 1);

/// Bits of [`Header::flags`].
pub mod header_flag {
    /// Bits 3:0: the message is a reply.
    pub const REPLY: u32 = 1;
    /// Bits 3:0.
    pub const TYPE: u32 = 0xf;
    /// The sender wants no reply.
    pub const NO_REPLY: u32 = 1 << 4;
    /// The reply says that the command failed: [`super::Header::error`] is an errno.
    pub const ERROR: u32 = 1 << 5;
}

/// Bits of [`DmaMap::flags`].
pub mod dma_flag {
    /// The device may read.
    pub const READ: u32 = 1 << 0;
    /// The device may write.
    pub const WRITE: u32 = 1 << 1;
}

/// Bit of [`DmaUnmap::flags`]: everything goes.
pub const UNMAP_ALL: u32 = 1 << 2;

/// Bits of [`DeviceInfo::flags`].
pub mod device_flag {
    /// The device can be reset.
    pub const RESET: u32 = 1 << 0;
    /// It is a PCI function.
    pub const PCI: u32 = 1 << 1;
}

/// Bits of [`RegionInfo::flags`].
pub mod region_flag {
    /// The region can be read.
    pub const READ: u32 = 1 << 0;
    /// The region can be written.
    pub const WRITE: u32 = 1 << 1;
}

/// Indices of the regions of a PCI function.
pub mod region {
    /// BAR0; BAR1 to BAR5 follow.
    pub const BAR0: u32 = 0;
    /// Configuration space.
    pub const CONFIG: u32 = 7;
    /// Regions in all, the VGA region included.
    pub const COUNT: u32 = 9;
}

/// Indices of the interrupts of a PCI function.
pub mod irq {
    /// MSI-X.
    pub const MSIX: u32 = 2;
    /// Kinds in all: INTx, MSI, MSI-X, error, request.
    pub const COUNT: u32 = 5;
}

/// Bits of [`IrqInfo::flags`].
pub mod irq_flag {
    /// It is signalled through eventfds.
    pub const EVENTFD: u32 = 1 << 0;
    /// Vectors are set up all at once.
    pub const NORESIZE: u32 = 1 << 3;
}

/// Bits of [`SetIrqs::flags`].
pub mod set_irqs {
    /// No data: the action concerns every vector named.
    pub const DATA_NONE: u32 = 1 << 0;
    /// One byte per vector follows.
    pub const DATA_BOOL: u32 = 1 << 1;
    /// One eventfd per vector comes with the message, or none, to take them away.
    pub const DATA_EVENTFD: u32 = 1 << 2;
    /// Masks vectors.
    pub const ACTION_MASK: u32 = 1 << 3;
    /// Unmasks vectors.
    pub const ACTION_UNMASK: u32 = 1 << 4;
    /// Says what a vector triggers, or triggers it.
    pub const ACTION_TRIGGER: u32 = 1 << 5;
}

macro_rules! commands {
    ( $( $(#[doc = $doc:literal])+ $name:ident = $value:literal; )+ ) => {
        /// What a message asks for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        pub enum Command { $( $(#[doc = $doc])+ $name = $value, )+ }

        impl Command {
            /// The command with this number, if there is one.
            pub fn from_code(code: u16) -> Option<Self> {
                match code { $( $value => Some(Self::$name), )+ _ => None }
            }
        }
    };
}

commands! {
    /// Versions and capabilities: the first message.
    Version = 1;
    /// The device may access this memory from now on.
    DmaMap = 2;
    /// And no longer.
    DmaUnmap = 3;
    /// What is the device?
    DeviceGetInfo = 4;
    /// What is this region of it?
    DeviceGetRegionInfo = 5;
    /// File descriptors to access a region with.
    DeviceGetRegionIoFds = 6;
    /// What is this interrupt of it?
    DeviceGetIrqInfo = 7;
    /// Eventfds and masks of interrupts.
    DeviceSetIrqs = 8;
    /// Reads a region.
    RegionRead = 9;
    /// Writes a region.
    RegionWrite = 10;
    /// The device reads memory by message.
    DmaRead = 11;
    /// The device writes memory by message.
    DmaWrite = 12;
    /// Function level reset.
    DeviceReset = 13;
    /// Pages that the device wrote.
    UserDirtyPages = 14;
}

/// A part of a message whose layout is fixed.
pub trait Layout: Sized {
    /// Bytes of it.
    const BYTES: usize;
    /// Its bytes.
    fn to_bytes(&self) -> Vec<u8>;
    /// The value at the start of `bytes`, if they are enough.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

macro_rules! layouts {
    ( $( $(#[doc = $doc:literal])+ $name:ident { $( $(#[doc = $fdoc:literal])+ $field:ident: $type:ident, )+ } )+ ) => { $(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
        pub struct $name { $( $(#[doc = $fdoc])+ pub $field: $type, )+ }

        impl Layout for $name {
            const BYTES: usize = 0 $( + size_of::<$type>() )+;

            fn to_bytes(&self) -> Vec<u8> {
                let mut bytes = Vec::with_capacity(Self::BYTES);
                $( bytes.extend_from_slice(&self.$field.to_ne_bytes()); )+
                bytes
            }

            fn from_bytes(bytes: &[u8]) -> Option<Self> {
                let mut rest = bytes;
                $(
                    let (head, tail) = rest.split_first_chunk::<{ size_of::<$type>() }>()?;
                    let $field = $type::from_ne_bytes(*head);
                    rest = tail;
                )+
                let _ = rest;
                Some(Self { $( $field, )+ })
            }
        }
    )+ };
}

layouts! {
    /// What every message begins with.
    Header {
        /// Echoed in the reply.
        id: u16,
        /// A [`Command`].
        command: u16,
        /// Bytes of the message, header included.
        size: u32,
        /// Bits of [`header_flag`].
        flags: u32,
        /// In a reply with the error flag: an errno.
        error: u32,
    }
    /// VERSION, followed by capabilities as JSON and a NUL byte.
    Version {
        /// Major version: must be equal.
        major: u16,
        /// Minor version.
        minor: u16,
    }
    /// DMA_MAP: with a file descriptor if the device may access the memory as a file.
    DmaMap {
        /// Bytes of this.
        argsz: u32,
        /// Bits of [`dma_flag`].
        flags: u32,
        /// Where in the file.
        offset: u64,
        /// First address for the device.
        address: u64,
        /// Bytes.
        size: u64,
    }
    /// DMA_UNMAP.
    DmaUnmap {
        /// Bytes of this.
        argsz: u32,
        /// [`UNMAP_ALL`] or 0.
        flags: u32,
        /// First address.
        address: u64,
        /// Bytes.
        size: u64,
    }
    /// DEVICE_GET_INFO.
    DeviceInfo {
        /// Bytes of this.
        argsz: u32,
        /// Bits of [`device_flag`].
        flags: u32,
        /// Regions.
        regions: u32,
        /// Kinds of interrupts.
        irqs: u32,
    }
    /// DEVICE_GET_REGION_INFO.
    RegionInfo {
        /// Bytes of this.
        argsz: u32,
        /// Bits of [`region_flag`].
        flags: u32,
        /// Which region.
        index: u32,
        /// Offset of the first capability, 0 = none.
        cap_offset: u32,
        /// Bytes of the region.
        size: u64,
        /// Where it is in the file to map, for regions that can be mapped.
        offset: u64,
    }
    /// DEVICE_GET_IRQ_INFO.
    IrqInfo {
        /// Bytes of this.
        argsz: u32,
        /// Bits of [`irq_flag`].
        flags: u32,
        /// Which kind.
        index: u32,
        /// Vectors.
        count: u32,
    }
    /// DEVICE_SET_IRQS, with eventfds.
    SetIrqs {
        /// Bytes of this.
        argsz: u32,
        /// Bits of [`set_irqs`].
        flags: u32,
        /// Which kind.
        index: u32,
        /// First vector.
        start: u32,
        /// Vectors.
        count: u32,
    }
    /// REGION_READ and REGION_WRITE, followed by the data where there is any.
    RegionAccess {
        /// Byte offset in the region.
        offset: u64,
        /// Which region.
        region: u32,
        /// Bytes of data.
        count: u32,
    }
}

/// A message that has arrived.
#[derive(Debug)]
pub struct Message {
    /// Its header.
    pub header: Header,
    /// What follows the header.
    pub payload: Vec<u8>,
    /// What came beside it.
    pub fds: Vec<OwnedFd>,
}

/// Why nothing more can be received.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The other end closed the socket, perhaps in the middle of a message.
    #[error("the other end closed the connection")]
    Closed,
    /// No message can be that long or that short.
    #[error("a message of {size} bytes: must have {HEADER_BYTES} to {limit}")]
    Size {
        /// What its header says.
        size: u32,
        /// Bytes that this end takes.
        limit: usize,
    },
    /// The socket failed.
    #[error("socket: {0}")]
    Io(#[from] io::Error),
}

/// The receiving end of a socket: puts messages together from whatever has arrived.
#[derive(Debug, Default)]
pub struct Receiver {
    bytes: Vec<u8>,
    fds: Vec<OwnedFd>,
}

impl Receiver {
    /// Bytes of a message at most.
    pub const LIMIT: usize = TRANSFER_BYTES + 4096;

    /// The next message, if all of it has arrived. Does not wait.
    ///
    /// Never reads beyond the end of a message, so that file descriptors belong to the message that they came with.
    ///
    /// # Errors
    /// [`WireError`]; the connection is of no use after it.
    pub fn receive(&mut self, socket: BorrowedFd<'_>) -> Result<Option<Message>, WireError> {
        loop {
            let header = Header::from_bytes(&self.bytes);
            let want = match header {
                Some(header) => message_size(&header)?,
                None => HEADER_BYTES,
            };
            if let Some(header) = header.filter(|_| self.bytes.len() == want) {
                let payload = self.bytes.split_off(HEADER_BYTES);
                self.bytes.clear();
                return Ok(Some(Message { header, payload, fds: std::mem::take(&mut self.fds) }));
            }
            if !self.read_some(socket, want)? {
                return Ok(None);
            }
        }
    }

    /// True in the middle of a message.
    pub fn is_midway(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// Reads towards `want` bytes; false if nothing has arrived.
    fn read_some(&mut self, socket: BorrowedFd<'_>, want: usize) -> Result<bool, WireError> {
        let have = self.bytes.len();
        self.bytes.resize(want, 0);
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let mut parts = [IoSliceMut::new(&mut self.bytes[have..])];
        let received = recvmsg(socket, &mut parts, &mut ancillary, flags);
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                self.fds.extend(fds);
            }
        }
        self.bytes.truncate(have + received.as_ref().map_or(0, |r| r.bytes));
        match received {
            Ok(received) if received.bytes == 0 => Err(WireError::Closed),
            Ok(_) => Ok(true),
            Err(rustix::io::Errno::INTR) => Ok(true),
            Err(rustix::io::Errno::AGAIN) => Ok(false),
            Err(rustix::io::Errno::CONNRESET) => Err(WireError::Closed),
            Err(error) => Err(WireError::Io(error.into())),
        }
    }
}

fn message_size(header: &Header) -> Result<usize, WireError> {
    let size = header.size as usize;
    if (HEADER_BYTES..=Receiver::LIMIT).contains(&size) {
        Ok(size)
    } else {
        Err(WireError::Size { size: header.size, limit: Receiver::LIMIT })
    }
}

/// Sends a message of these parts, all of it, and file descriptors beside it. The socket's own send timeout applies.
///
/// # Errors
/// If the other end has gone or takes nothing.
pub fn send(socket: BorrowedFd<'_>, parts: &[&[u8]], fds: &[BorrowedFd<'_>]) -> Result<(), WireError> {
    let message = parts.concat();
    let mut sent = 0;
    while sent < message.len() {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if sent == 0 && !fds.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(fds)) {
            let what = format!("{} file descriptors beside a message: at most {FDS}", fds.len());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what).into());
        }
        match sendmsg(socket, &[IoSlice::new(&message[sent..])], &mut ancillary, SendFlags::NOSIGNAL) {
            Ok(bytes) => sent += bytes,
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::PIPE | rustix::io::Errno::CONNRESET) => return Err(WireError::Closed),
            Err(error) => return Err(WireError::Io(error.into())),
        }
    }
    Ok(())
}

/// Waits until one of these can be read or has ended; true for each that can.
///
/// # Errors
/// As `poll` fails.
pub fn wait_readable<const N: usize>(
    fds: [BorrowedFd<'_>; N],
    timeout: Option<Duration>,
) -> io::Result<[bool; N]> {
    let deadline = timeout.map(|t| Instant::now() + t);
    let mut polled = fds.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
    loop {
        let left = deadline.map(|d| d.saturating_duration_since(Instant::now()));
        let left = left.map(|t| Timespec { tv_sec: t.as_secs() as i64, tv_nsec: t.subsec_nanos().into() });
        match poll(&mut polled, left.as_ref()) {
            Ok(_) => return Ok(std::array::from_fn(|i| !polled[i].revents().is_empty())),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Waits for the next message, at most so long; nothing if none came.
///
/// # Errors
/// As [`Receiver::receive`].
pub fn receive_within(
    receiver: &mut Receiver,
    socket: &impl AsFd,
    timeout: Duration,
) -> Result<Option<Message>, WireError> {
    let deadline = Instant::now() + timeout;
    loop {
        if let Some(message) = receiver.receive(socket.as_fd())? {
            return Ok(Some(message));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        wait_readable([socket.as_fd()], Some(left))?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn layouts_are_those_of_the_specification() {
        let sizes = [
            (Header::BYTES, 16),
            (Version::BYTES, 4),
            (DmaMap::BYTES, 32),
            (DmaUnmap::BYTES, 24),
            (DeviceInfo::BYTES, 16),
            (RegionInfo::BYTES, 32),
            (IrqInfo::BYTES, 16),
            (SetIrqs::BYTES, 20),
            (RegionAccess::BYTES, 16),
        ];
        for (have, right) in sizes {
            assert_eq!(have, right);
        }
        let access = RegionAccess { offset: 0x1122, region: 2, count: 64 };
        assert_eq!(RegionAccess::from_bytes(&access.to_bytes()), Some(access));
        assert_eq!(RegionAccess::from_bytes(&access.to_bytes()[1..]), None);
        for code in 0..=u16::MAX {
            assert!(Command::from_code(code).is_none_or(|c| c as u16 == code));
        }
    }

    fn message(id: u16, payload: &[u8]) -> Vec<u8> {
        let size = (HEADER_BYTES + payload.len()) as u32;
        [&Header { id, command: 9, size, ..Header::default() }.to_bytes(), payload].concat()
    }

    #[test]
    fn messages_keep_their_file_descriptors_however_they_arrive() {
        let (a, b) = UnixStream::pair().unwrap();
        let pipe = UnixStream::pair().unwrap().0;
        let first = message(1, &[7; 40]);
        send(a.as_fd(), &[&first, &message(2, &[])], &[]).unwrap();
        send(a.as_fd(), &[&message(3, &[9; 8])], &[pipe.as_fd(), pipe.as_fd()]).unwrap();
        let (head, tail) = first.split_at(5);
        send(a.as_fd(), &[head], &[]).unwrap();

        let mut receiver = Receiver::default();
        for (id, bytes, fds) in [(1, 40, 0), (2, 0, 0), (3, 8, 2)] {
            let got = receiver.receive(b.as_fd()).unwrap().unwrap();
            assert_eq!((got.header.id, got.payload.len(), got.fds.len()), (id, bytes, fds));
        }
        assert!(receiver.receive(b.as_fd()).unwrap().is_none());
        assert!(receiver.is_midway());
        send(a.as_fd(), &[tail], &[]).unwrap();
        assert_eq!(receiver.receive(b.as_fd()).unwrap().unwrap().payload, [7; 40]);
        drop(a);
        assert!(matches!(receiver.receive(b.as_fd()), Err(WireError::Closed)));
    }

    #[test]
    fn impossible_sizes_are_refused() {
        for size in [0, 15, Receiver::LIMIT as u32 + 1, u32::MAX] {
            let (a, b) = UnixStream::pair().unwrap();
            send(a.as_fd(), &[&Header { size, ..Header::default() }.to_bytes()], &[]).unwrap();
            let error = Receiver::default().receive(b.as_fd()).unwrap_err();
            assert!(matches!(error, WireError::Size { size: s, .. } if s == size), "{error}");
        }
    }
}

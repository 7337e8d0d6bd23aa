//! The PCI function: what an access to its regions does, and when its device has work.

use crate::msix::Gate;
use crate::{Attached, ClientMemory, ConfigSpace, Msix};
use rustix::io::Errno;
use std::fmt;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use tideline_abi::pci::{CONFIG_BYTES, MSIX_BAR, REGISTER_BAR, VECTORS, WINDOW_BAR};
use tideline_abi::regs::{IntrState, Status};
use tideline_driver::vfio_user::wire::{DmaMap, DmaUnmap, SetIrqs, irq, region, set_irqs};
use tideline_model::HostMemory;
use tideline_tb::DeviceError;

/// Something that the client asked for and does not get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code for the client.
    pub errno: Errno,
    /// The reason for the log.
    pub why: String,
}

impl Refusal {
    pub(crate) fn new(errno: Errno, why: impl Into<String>) -> Self {
        Self { errno, why: why.into() }
    }

    /// The same, with what was asked for in front.
    pub(crate) fn context(self, what: &str) -> Self {
        Self { why: format!("{what}: {}", self.why), ..self }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// How an access to the function can fail.
#[derive(Debug)]
pub enum FunctionError {
    /// The client asked for what it cannot have, or the device gave it no answer.
    Refused(Refusal),
    /// The device broke a rule: it is of no use any more.
    Device(DeviceError),
}

impl From<Refusal> for FunctionError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<DeviceError> for FunctionError {
    fn from(error: DeviceError) -> Self {
        match error {
            DeviceError::Late { .. } | DeviceError::Register { .. } => {
                Self::Refused(Refusal::new(Errno::TIMEDOUT, error.to_string()))
            }
            DeviceError::Protocol { .. } => Self::Device(error),
        }
    }
}

/// A device as a PCI function.
///
/// # Time
/// The device runs during accesses, and between them while it has work: until every interface has been quiet for
/// [`Function::QUIET`] cycles, and STATUS says that it is ready and runs no command. Then its clock stands still until a
/// register or the window is accessed. Nothing that counts cycles is cut off by that: the timeout of a recall runs while
/// snoops are unanswered, and this host answers them at once.
#[derive(Debug)]
pub struct Function<A> {
    device: A,
    config: ConfigSpace,
    msix: Msix,
    memory: Arc<ClientMemory>,
    /// Interrupt request lines as they were last seen.
    lines: u32,
    /// Cycles since anything was under way.
    quiet: u32,
    idle: bool,
}

impl<A: Attached> Function<A> {
    /// Quiet cycles after which the device is asked whether it has work. Inside, between two accesses to anything, no
    /// command takes a tenth of that.
    pub const QUIET: u32 = 1024;
    /// Cycles that a reset may take before it goes on in the background: a second of simulation.
    const RESET_CYCLES: u64 = 200_000;

    /// The function of this device, as after power-on.
    pub fn new(mut device: A) -> Self {
        let memory = Arc::new(ClientMemory::default());
        device.set_host_memory(HostMemory::shared(memory.clone()));
        let config = ConfigSpace::new(device.frames());
        Self { device, config, msix: Msix::new(), memory, lines: 0, quiet: 0, idle: false }
    }

    /// The device behind it.
    pub fn device(&self) -> &A {
        &self.device
    }

    /// The client's memory.
    pub fn memory(&self) -> &ClientMemory {
        &self.memory
    }

    /// The device has nothing to do until somebody accesses it.
    pub fn is_idle(&self) -> bool {
        self.idle
    }

    /// Runs the device for so many cycles, or until it is idle.
    ///
    /// # Errors
    /// If the device breaks a rule.
    pub fn run(&mut self, cycles: u32) -> Result<(), DeviceError> {
        for _ in 0..cycles {
            if self.idle {
                break;
            }
            self.device.tick()?;
            self.follow_lines();
            self.quiet = if self.device.is_quiet() { self.quiet + 1 } else { 0 };
            if self.quiet >= Self::QUIET {
                self.quiet = 0;
                let status = Status(self.device.read32(Status::OFFSET)?);
                self.idle = status.ready() == 1 && status.busy() == 0;
            }
        }
        Ok(())
    }

    /// Something was asked of the device.
    fn wake(&mut self) {
        (self.idle, self.quiet) = (false, 0);
    }

    fn gate(&self) -> Gate {
        Gate { enabled: self.config.msix_enabled(), masked: self.config.msix_masked() }
    }

    /// A line that rises is a message.
    fn follow_lines(&mut self) {
        let now = self.device.irq();
        let rising = now & !self.lines;
        self.lines = now;
        if rising != 0 {
            let gate = self.gate();
            (0..VECTORS as usize).filter(|v| rising >> v & 1 == 1).for_each(|v| self.msix.raise(v, gate));
        }
    }

    /// Reads a region.
    ///
    /// # Errors
    /// [`FunctionError`].
    pub fn region_read(&mut self, region: u32, offset: u64, buf: &mut [u8]) -> Result<(), FunctionError> {
        self.check(region, offset, buf.len(), "read")?;
        match region {
            region::CONFIG => self.config.read(offset as usize, buf),
            _ if region == REGISTER_BAR.index => {
                let first = offset & !3;
                for at in (first..offset + buf.len() as u64).step_by(4) {
                    let value = self.device.read32(at as u32)?.to_le_bytes();
                    self.follow_lines();
                    for (byte, at) in value.into_iter().zip(at..) {
                        if let Some(to) = at.checked_sub(offset).and_then(|i| buf.get_mut(i as usize)) {
                            *to = byte;
                        }
                    }
                }
            }
            _ if region == WINDOW_BAR.index => {
                self.wake();
                let read = self.device.window_read(offset, buf);
                self.follow_lines();
                read?;
            }
            _ => self.msix.read(offset, buf),
        }
        Ok(())
    }

    /// Writes a region. What is written to the window is posted: it arrives before anything that is read or written elsewhere
    /// afterwards.
    ///
    /// # Errors
    /// [`FunctionError`].
    pub fn region_write(&mut self, region: u32, offset: u64, data: &[u8]) -> Result<(), FunctionError> {
        self.check(region, offset, data.len(), "write")?;
        match region {
            region::CONFIG => {
                if self.config.write(offset as usize, data) {
                    self.reset()?;
                }
                self.memory.set_bus_master(self.config.is_bus_master());
                self.msix.send_pending(self.gate());
            }
            _ if region == REGISTER_BAR.index => {
                self.wake();
                for (word, at) in data.as_chunks().0.iter().zip((offset..).step_by(4)) {
                    self.write_register(at as u32, u32::from_le_bytes(*word))?;
                }
            }
            _ if region == WINDOW_BAR.index => {
                self.wake();
                let written = self.device.window_write(offset, data);
                self.follow_lines();
                written?;
            }
            _ => {
                self.msix.write(offset, data);
                self.msix.send_pending(self.gate());
            }
        }
        Ok(())
    }

    fn write_register(&mut self, offset: u32, value: u32) -> Result<(), DeviceError> {
        if offset == IntrState::OFFSET {
            // A line that the write clears and that rises again within the same access is a message of its own.
            self.lines &= !value;
        }
        self.device.write32(offset, value)?;
        self.follow_lines();
        Ok(())
    }

    /// May a region be accessed so?
    fn check(&self, region: u32, offset: u64, len: usize, verb: &str) -> Result<(), Refusal> {
        let text = || format!("{verb} of {len} bytes at {offset:#x} of region {region}");
        let invalid = |why: &str| Err(Refusal::new(Errno::INVAL, format!("{}: {why}", text())));
        let size = match region {
            region::CONFIG => CONFIG_BYTES as u64,
            _ => match region_bytes(region) {
                0 => return invalid("there is no such region"),
                bytes => bytes,
            },
        };
        if len == 0 || offset.checked_add(len as u64).is_none_or(|end| end > size) {
            return invalid(&format!("the region has {size:#x} bytes"));
        }
        if region == region::CONFIG {
            return Ok(());
        }
        if !self.config.memory_enabled() {
            return Err(Refusal::new(Errno::IO, format!("{}: memory space is off in COMMAND", text())));
        }
        let words = offset.is_multiple_of(4) && len.is_multiple_of(4);
        let narrow = matches!(len, 1 | 2) && offset % 4 + len as u64 <= 4;
        if region == REGISTER_BAR.index && !words && !(narrow && verb == "read") {
            return invalid("registers are accessed by 4 bytes at multiples of 4; reads may be narrower");
        }
        if region == MSIX_BAR.index && !words {
            return invalid("the MSI-X table is accessed by 4 bytes at multiples of 4");
        }
        Ok(())
    }

    /// Lets the device access memory of the client.
    ///
    /// # Errors
    /// As [`ClientMemory::map`].
    pub fn dma_map(&mut self, map: &DmaMap, file: Option<OwnedFd>) -> Result<(), Refusal> {
        self.memory.map(map, file)
    }

    /// Takes memory away from the device.
    ///
    /// # Errors
    /// As [`ClientMemory::unmap`].
    pub fn dma_unmap(&mut self, unmap: &DmaUnmap) -> Result<(), Refusal> {
        self.memory.unmap(unmap)
    }

    /// Sets eventfds and masks of MSI-X vectors. An eventfd switches MSI-X on, taking all away switches it off.
    ///
    /// # Errors
    /// If the request makes no sense.
    pub fn set_irqs(&mut self, set: &SetIrqs, bools: &[u8], fds: Vec<OwnedFd>) -> Result<(), Refusal> {
        use set_irqs::{ACTION_MASK, ACTION_TRIGGER, ACTION_UNMASK, DATA_BOOL, DATA_EVENTFD, DATA_NONE};
        let &SetIrqs { flags, index, start, count, .. } = set;
        let invalid = |why: &str| {
            let what = format!(
                "SET_IRQS of kind {index}, vectors {start} + {count}, flags {flags:#x}, {} eventfds: {why}",
                fds.len()
            );
            Err(Refusal::new(Errno::INVAL, what))
        };
        let (data, action) = (flags & (DATA_NONE | DATA_BOOL | DATA_EVENTFD), flags & !7);
        let all_off = (data, action, count) == (DATA_NONE, ACTION_TRIGGER, 0);
        if index != irq::MSIX {
            return if all_off { Ok(()) } else { invalid("the function has MSI-X only") };
        }
        if start.checked_add(count).is_none_or(|end| end > VECTORS) {
            return invalid(&format!("there are {VECTORS} vectors"));
        }
        let vectors = start as usize..(start + count) as usize;
        if data == DATA_BOOL && bools.len() != vectors.len() {
            return invalid("one byte per vector is missing");
        }
        let chosen: Vec<usize> =
            vectors.clone().filter(|v| data != DATA_BOOL || bools[v - vectors.start] != 0).collect();
        match (action, data) {
            (ACTION_TRIGGER, _) if all_off => {
                self.msix.clear_eventfds();
                self.config.set_msix_enabled(false);
            }
            (ACTION_TRIGGER, DATA_EVENTFD) if fds.is_empty() => {
                vectors.for_each(|v| self.msix.set_eventfd(v, None));
            }
            (ACTION_TRIGGER, DATA_EVENTFD) => {
                if fds.len() != vectors.len() {
                    return invalid("one eventfd per vector, or none at all");
                }
                vectors.zip(fds).for_each(|(v, fd)| self.msix.set_eventfd(v, Some(fd)));
                if !self.config.msix_enabled() {
                    self.config.set_msix_enabled(true);
                }
            }
            (ACTION_TRIGGER, DATA_NONE | DATA_BOOL) => {
                let gate = self.gate();
                chosen.into_iter().for_each(|v| self.msix.raise(v, gate));
            }
            (ACTION_MASK | ACTION_UNMASK, DATA_NONE | DATA_BOOL) => {
                chosen.into_iter().for_each(|v| self.msix.set_mask(v, action == ACTION_MASK));
            }
            _ => return invalid("no such combination of flags"),
        }
        self.msix.send_pending(self.gate());
        Ok(())
    }

    /// Function level reset: the host side of the device, configuration space and MSI-X. What the client has mapped, its
    /// eventfds, and the device's window stay.
    ///
    /// # Errors
    /// If the device breaks a rule.
    pub fn reset(&mut self) -> Result<(), FunctionError> {
        self.wake();
        self.device.flr()?;
        // What the device still sends before it stops reaches its memory.
        let start = self.device.cycle();
        while Status(self.device.read32(Status::OFFSET)?).ready() == 0 {
            if self.device.cycle() - start > Self::RESET_CYCLES {
                break;
            }
        }
        self.config.reset();
        self.memory.set_bus_master(false);
        self.msix.reset();
        self.follow_lines();
        Ok(())
    }

    /// The client has gone: the function is as after a reset, with nothing of the client's left.
    ///
    /// # Errors
    /// If the device breaks a rule.
    pub fn detach(&mut self) -> Result<(), FunctionError> {
        self.msix.clear_eventfds();
        self.reset()?;
        self.memory.clear();
        Ok(())
    }
}

/// Bytes of a region, 0 if there is none.
pub(crate) fn region_bytes(region: u32) -> u64 {
    let bar = tideline_abi::pci::BARS.iter().find(|bar| bar.index == region);
    match region {
        region::CONFIG => CONFIG_BYTES as u64,
        _ => bar.map_or(0, |bar| bar.bytes),
    }
}

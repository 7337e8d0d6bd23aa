//! A whole machine: a host with caches, a link, a device. It carries the driver.
//!
//! The device is the golden model or the Verilated RTL; everything else is the same, so that one test or one replay runs
//! on both. [`open`] makes either.

use crate::attached::AxiAttached;
use crate::host::{self, OrderlyConfig, OrderlyError, OrderlyHost};
use crate::rtl_device::{DeviceError, RtlConfig, RtlDevice};
use std::os::fd::RawFd;
use tideline_abi::attach::Attach;
use tideline_abi::cxl::{Channels, Line, M2sBirsp, RspOpcode};
use tideline_abi::geometry::{LINE_BYTES, PAGE_BYTES, WINDOW_PAGES};
use tideline_abi::regs::{BAR0_BYTES, Status};
use tideline_driver::vfio::VfioCarrier;
use tideline_driver::vfio_user::VfioUser;
use tideline_driver::{Arrival, Carrier, CarrierError, DmaRegion, Hpa, Iova, Target};
use tideline_model::{HostMemory, Interrupts, ModelDevice};

/// A device as a machine needs it.
pub trait LineDevice {
    /// Short name for messages.
    fn name(&self) -> &'static str;

    /// One cycle.
    ///
    /// # Errors
    /// If the device breaks a rule of an interface.
    fn tick(&mut self, channels: &mut Channels) -> Result<(), DeviceError>;

    /// Reads a register at a multiple of four below [`BAR0_BYTES`]; cycles may pass.
    ///
    /// # Errors
    /// If there is no answer, or an error.
    fn read32(&mut self, channels: &mut Channels, offset: u32) -> Result<u32, DeviceError>;

    /// Writes a register likewise.
    ///
    /// # Errors
    /// If there is no answer, or an error.
    fn write32(&mut self, channels: &mut Channels, offset: u32, value: u32) -> Result<(), DeviceError>;

    /// Begins a function level reset.
    ///
    /// # Errors
    /// If the device breaks a rule of an interface.
    fn flr(&mut self, channels: &mut Channels) -> Result<(), DeviceError>;

    /// The interrupt request lines, one bit per vector.
    fn irq(&self) -> u32;

    /// Nothing is under way on any interface: registers, channels, both memories. False where that is not known.
    fn is_quiet(&self) -> bool {
        false
    }

    /// Host memory that the device can access.
    fn host_memory(&mut self) -> &mut HostMemory;

    /// The cycle counter: of the simulation, or of the model's steps.
    fn cycle(&self) -> u64;
}

impl LineDevice for RtlDevice {
    fn name(&self) -> &'static str {
        "rtl"
    }
    fn tick(&mut self, channels: &mut Channels) -> Result<(), DeviceError> {
        self.tick(channels)
    }
    fn read32(&mut self, channels: &mut Channels, offset: u32) -> Result<u32, DeviceError> {
        self.read32(channels, offset)
    }
    fn write32(&mut self, channels: &mut Channels, offset: u32, value: u32) -> Result<(), DeviceError> {
        self.write32(channels, offset, value)
    }
    fn flr(&mut self, channels: &mut Channels) -> Result<(), DeviceError> {
        self.flr(channels)
    }
    fn irq(&self) -> u32 {
        self.irq().into()
    }
    fn is_quiet(&self) -> bool {
        self.is_quiet()
    }
    fn host_memory(&mut self) -> &mut HostMemory {
        &mut self.host().memory.regions
    }
    fn cycle(&self) -> u64 {
        self.cycle()
    }
}

/// The golden model and its step counter.
#[derive(Clone, Debug, Default)]
pub struct ModelInMachine {
    /// The model.
    pub model: ModelDevice,
    /// The link has no snoops: they are answered here, as by the front of that attach.
    snoops_stay: bool,
    steps: u64,
}

impl ModelInMachine {
    /// A model fresh from power-on.
    pub fn new(attach: Attach) -> Self {
        let snoops_stay = attach == Attach::Axi;
        Self { model: ModelDevice::with_attach(attach), snoops_stay, steps: 0 }
    }
}

impl LineDevice for ModelInMachine {
    fn name(&self) -> &'static str {
        "model"
    }
    fn tick(&mut self, channels: &mut Channels) -> Result<(), DeviceError> {
        self.steps += 1;
        self.model.tick(channels);
        if self.snoops_stay {
            let answers =
                channels.s2m_bisnp.drain(..).map(|snoop| M2sBirsp::whole(&snoop, RspOpcode::BiRspI));
            channels.m2s_birsp.extend(answers);
        }
        Ok(())
    }
    fn read32(&mut self, channels: &mut Channels, offset: u32) -> Result<u32, DeviceError> {
        self.tick(channels)?;
        Ok(self.model.read32(offset).expect("the machine checked the offset"))
    }
    fn write32(&mut self, _: &mut Channels, offset: u32, value: u32) -> Result<(), DeviceError> {
        self.model.write32(offset, value).expect("the machine checked the offset");
        Ok(())
    }
    fn flr(&mut self, _: &mut Channels) -> Result<(), DeviceError> {
        self.model.reset();
        Ok(())
    }
    fn irq(&self) -> u32 {
        self.model.irq()
    }
    fn is_quiet(&self) -> bool {
        self.model.is_idle()
    }
    fn host_memory(&mut self) -> &mut HostMemory {
        self.model.host_memory_mut()
    }
    fn cycle(&self) -> u64 {
        self.steps
    }
}

impl<D: LineDevice + ?Sized> LineDevice for Box<D> {
    fn name(&self) -> &'static str {
        (**self).name()
    }
    fn tick(&mut self, channels: &mut Channels) -> Result<(), DeviceError> {
        (**self).tick(channels)
    }
    fn read32(&mut self, channels: &mut Channels, offset: u32) -> Result<u32, DeviceError> {
        (**self).read32(channels, offset)
    }
    fn write32(&mut self, channels: &mut Channels, offset: u32, value: u32) -> Result<(), DeviceError> {
        (**self).write32(channels, offset, value)
    }
    fn flr(&mut self, channels: &mut Channels) -> Result<(), DeviceError> {
        (**self).flr(channels)
    }
    fn irq(&self) -> u32 {
        (**self).irq()
    }
    fn is_quiet(&self) -> bool {
        (**self).is_quiet()
    }
    fn host_memory(&mut self) -> &mut HostMemory {
        (**self).host_memory()
    }
    fn cycle(&self) -> u64 {
        (**self).cycle()
    }
}

/// What stops a machine.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// The device broke a rule.
    #[error("device: {0}")]
    Device(#[from] DeviceError),
    /// The device answered the host wrongly.
    #[error("host: {0}")]
    Host(#[from] OrderlyError),
    /// Something did not end.
    #[error("{what}: not after {cycles} cycles")]
    Late {
        /// What was waited for.
        what: String,
        /// How long.
        cycles: u64,
    },
}

impl From<MachineError> for CarrierError {
    fn from(error: MachineError) -> Self {
        match error {
            MachineError::Late { what, cycles } => {
                CarrierError::NoAnswer { what: format!("{what}, {cycles} cycles") }
            }
            other => CarrierError::Other(other.to_string()),
        }
    }
}

/// Sizes of a machine.
#[derive(Clone, Copy, Debug)]
pub struct MachineConfig {
    /// First byte of the device's window in host physical addresses.
    pub window_base: Hpa,
    /// Pages of the window.
    pub window_pages: u32,
    /// Pages of device memory.
    pub frames: u32,
    /// The memory controller cleared device memory at power-on.
    pub cleared: bool,
    /// Bytes of the host's cache.
    pub cache_bytes: usize,
    /// Ways of the host's cache.
    pub cache_ways: usize,
    /// How the device is attached to the host.
    pub attach: Attach,
}

impl MachineConfig {
    /// Bytes of the window.
    pub fn window_bytes(&self) -> u64 {
        u64::from(self.window_pages) * PAGE_BYTES as u64
    }
}

impl Default for MachineConfig {
    /// On CXL.mem, a window above 4 GiB; device memory for all of it, the spool, and some frames to remap to; 2 MiB of cache.
    fn default() -> Self {
        Self {
            window_base: Hpa(0x10_4000_0000),
            window_pages: WINDOW_PAGES as u32,
            frames: 80_000,
            cleared: false,
            cache_bytes: 2 << 20,
            cache_ways: 16,
            attach: Attach::Cxl,
        }
    }
}

/// A host, its channels, and a device.
pub struct Machine<D> {
    /// The device.
    pub device: D,
    /// The host's caches.
    pub host: OrderlyHost,
    /// What is under way between them.
    pub channels: Channels,
    config: MachineConfig,
    interrupts: Interrupts,
}

/// What the driver may be given to run on, in this process.
#[derive(Clone, Debug)]
pub enum Simulated {
    /// The golden model.
    Model,
    /// The Verilated RTL, so surrounded. The number of frames and the attach are the machine's.
    Rtl(RtlConfig),
}

/// A machine with the device that was asked for.
///
/// # Errors
/// If the device does not become ready.
pub fn open(device: Simulated, config: MachineConfig) -> Result<Machine<Box<dyn LineDevice>>, MachineError> {
    let device: Box<dyn LineDevice> = match device {
        Simulated::Model => Box::new(ModelInMachine::new(config.attach)),
        Simulated::Rtl(rtl) => {
            let MachineConfig { frames, attach, .. } = config;
            let cleared = if config.cleared { 0 } else { rtl.cleared };
            let rtl = RtlDevice::new(&RtlConfig { frames, cleared, attach, ..rtl })?;
            match attach {
                Attach::Cxl => Box::new(rtl),
                Attach::Axi => Box::new(AxiAttached::new(rtl)),
            }
        }
    };
    Machine::new(device, config)
}

/// Whatever a target names, as a carrier. A simulated device gets a host of this `config`, and no pauses.
///
/// # Errors
/// If there is no such device, somebody else has it, or it does not become ready.
pub fn open_carrier(target: &Target, config: MachineConfig) -> Result<Box<dyn Carrier>, CarrierError> {
    Ok(match target {
        Target::Model => Box::new(open(Simulated::Model, config)?),
        Target::Rtl => Box::new(open(Simulated::Rtl(RtlConfig::fast(config.frames)), config)?),
        Target::VfioUser(path) => Box::new(VfioUser::connect(path)?),
        &Target::Vfio(bdf) => Box::new(VfioCarrier::open(bdf)?),
    })
}

impl<D: LineDevice> Machine<D> {
    /// Cycles within which an access of the host, or a reset, must end.
    const PATIENCE: u64 = 10_000_000;
    /// Cycles of one [`Carrier::wait`] in which no interrupt is raised.
    const WAIT: u32 = 256;

    /// A machine around a device. Returns when the device is ready.
    ///
    /// # Errors
    /// If the device does not become ready.
    pub fn new(device: D, config: MachineConfig) -> Result<Self, MachineError> {
        let host = OrderlyHost::new(OrderlyConfig {
            bytes: config.cache_bytes,
            ways: config.cache_ways,
            window_base: config.window_base,
            window_pages: config.window_pages as usize,
            attach: config.attach,
        });
        let mut machine =
            Self { device, host, channels: Channels::default(), config, interrupts: Interrupts::new() };
        machine.wait_ready()?;
        Ok(machine)
    }

    /// One cycle of host and device.
    ///
    /// # Errors
    /// If one of them did something wrong.
    #[inline]
    pub fn tick(&mut self) -> Result<(), MachineError> {
        self.host.tick(&mut self.channels)?;
        self.device.tick(&mut self.channels)?;
        self.interrupts.level(self.device.irq());
        Ok(())
    }

    /// Cycles until the host's access under way is done.
    ///
    /// # Errors
    /// If the device does not answer, or answers wrongly.
    pub fn finish_access(&mut self) -> Result<(), MachineError> {
        self.until("an access of the host", |machine| Ok(!machine.host.is_waiting()))
    }

    fn wait_ready(&mut self) -> Result<(), MachineError> {
        self.until("STATUS.ready", |machine| {
            let status = machine.device.read32(&mut machine.channels, Status::OFFSET)?;
            Ok(Status(status).ready() == 1)
        })
    }

    /// Cycles until `done`.
    fn until(
        &mut self,
        what: &str,
        mut done: impl FnMut(&mut Self) -> Result<bool, MachineError>,
    ) -> Result<(), MachineError> {
        let start = self.device.cycle();
        while !done(self)? {
            self.tick()?;
            let cycles = self.device.cycle() - start;
            if cycles > Self::PATIENCE {
                return Err(MachineError::Late { what: what.to_owned(), cycles });
            }
        }
        Ok(())
    }

    fn window_address(&self, offset: u64) -> Result<Hpa, CarrierError> {
        let size = self.config.window_bytes();
        if offset >= size || !offset.is_multiple_of(LINE_BYTES as u64) {
            return Err(CarrierError::BadWindow { offset, size });
        }
        Ok(Hpa(self.config.window_base.0 + offset))
    }

    fn check_range(&self, offset: u64, len: u64) -> Result<(), CarrierError> {
        let size = self.config.window_bytes();
        match offset.checked_add(len) {
            Some(end) if end <= size => Ok(()),
            _ => Err(CarrierError::BadWindow { offset: offset.saturating_add(len), size }),
        }
    }
}

fn check_offset(offset: u32) -> Result<(), CarrierError> {
    if offset >= BAR0_BYTES || !offset.is_multiple_of(4) {
        return Err(CarrierError::BadOffset { offset, limit: BAR0_BYTES });
    }
    Ok(())
}

impl<D: LineDevice> Carrier for Machine<D> {
    fn name(&self) -> String {
        self.device.name().to_owned()
    }

    fn read32(&mut self, offset: u32) -> Result<u32, CarrierError> {
        check_offset(offset)?;
        let value = self.device.read32(&mut self.channels, offset).map_err(MachineError::from)?;
        self.interrupts.level(self.device.irq());
        Ok(value)
    }

    fn write32(&mut self, offset: u32, value: u32) -> Result<(), CarrierError> {
        check_offset(offset)?;
        self.device.write32(&mut self.channels, offset, value).map_err(MachineError::from)?;
        self.interrupts.level(self.device.irq());
        Ok(())
    }

    fn dma_alloc(&mut self, len: usize) -> Result<DmaRegion, CarrierError> {
        self.device.host_memory().alloc(len)
    }

    fn dma_free(&mut self, region: DmaRegion) {
        self.device.host_memory().free(region);
    }

    fn dma_read(&mut self, iova: Iova, buf: &mut [u8]) -> Result<(), CarrierError> {
        self.device.host_memory().read(iova, buf)
    }

    fn dma_write(&mut self, iova: Iova, data: &[u8]) -> Result<(), CarrierError> {
        self.device.host_memory().write(iova, data)
    }

    fn wait(&mut self) -> Result<(), CarrierError> {
        for _ in 0..Self::WAIT {
            let before = self.device.irq();
            self.tick()?;
            if self.device.irq() & !before != 0 {
                break;
            }
        }
        Ok(())
    }

    fn reset(&mut self) -> Result<(), CarrierError> {
        self.device.flr(&mut self.channels).map_err(MachineError::from)?;
        Ok(self.wait_ready()?)
    }

    fn window_base(&self) -> u64 {
        self.config.window_base.0
    }

    fn frames(&self) -> u32 {
        self.config.frames
    }

    fn memory_is_cleared(&self) -> bool {
        self.config.cleared
    }

    fn window_bytes(&self) -> u64 {
        self.config.window_bytes()
    }

    fn interrupt_fd(&self, vector: u32) -> Option<RawFd> {
        self.interrupts.fd(vector)
    }

    fn load_line(&mut self, offset: u64) -> Result<Line, CarrierError> {
        let addr = self.window_address(offset)?;
        if self.host.load(offset / LINE_BYTES as u64, addr) == host::Access::Miss {
            self.finish_access()?;
        }
        Ok(*self.host.loaded(addr))
    }

    fn store_line(&mut self, offset: u64, data: &Line) -> Result<(), CarrierError> {
        let addr = self.window_address(offset)?;
        if self.host.store_line(offset / LINE_BYTES as u64, addr, data) == host::Access::Miss {
            self.finish_access()?;
        }
        Ok(())
    }

    /// CLFLUSHOPT of the range, and then the wait for the answer of every write-back: a proof, not a property of a platform.
    fn flush(&mut self, offset: u64, len: u64) -> Result<Arrival, CarrierError> {
        self.check_range(offset, len)?;
        self.host.flush(Hpa(self.config.window_base.0 + offset), len, &mut self.channels);
        self.until("the write-backs of a flush", |machine| Ok(machine.host.is_idle()))?;
        Ok(Arrival::Proven)
    }

    fn read_back(&mut self, offset: u64) -> Result<(), CarrierError> {
        let line = offset & !(LINE_BYTES as u64 - 1);
        self.flush(line, LINE_BYTES as u64)?;
        self.load_line(line)?;
        // The copy must not outlive the read: nothing would take it back.
        self.flush(line, LINE_BYTES as u64).map(drop)
    }
}

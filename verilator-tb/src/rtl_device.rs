//! The Verilated device among its surroundings: memories behind its AXI managers, a driver of its registers, and the six
//! CXL channels, or the five of its AXI4 subordinate, as queues.

use crate::axi::{
    Access, Address, Burst, DeviceMemory, DmaMemory, LiteManager, LiteManagerPins, LiteSubordinatePins,
    Manager, ManagerPins, ReadBeat, Ready, Resp, Subordinate, SubordinatePins, Timing, Violation, WriteBeat,
    WriteResponse,
};
use crate::channel::{Sink, Source};
use crate::pace::Pace;
use crate::sim::{Axi4Pins, AxiLitePins, AxiSubordinatePins, Pins, Sim};
use crate::weather::Weather;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tideline_abi::attach::Attach;
use tideline_abi::cxl::{Channels, Line, S2mBisnp, S2mDrs, S2mNdr};
use tideline_abi::geometry::LINE_BYTES;
use tideline_abi::regs::Status;
use tideline_verilated::PowerOn;

/// What surrounds the device, and how nasty it is.
#[derive(Clone, Debug)]
pub struct RtlConfig {
    /// What its registers and memories hold when it is switched on.
    pub power_on: PowerOn,
    /// Seed of every random choice of the surroundings.
    pub seed: u64,
    /// How it is attached to the host.
    pub attach: Attach,
    /// Pages of device memory.
    pub frames: u32,
    /// The first of them that the memory controller cleared at power-on; those below hold anything.
    pub cleared: u32,
    /// Device memory.
    pub dram: Timing,
    /// Host memory.
    pub host: Timing,
    /// Pauses of each of the six CXL channels, or of the five of the AXI4 subordinate.
    pub channels: Pace,
    /// Pauses of the register interface.
    pub registers: Pace,
    /// `dram`, `host` and `channels` hold at the beginning only, and change again and again.
    pub weather: bool,
}

impl RtlConfig {
    /// No pauses, memory that answers in order: for replays and measurements.
    pub const fn fast(frames: u32) -> Self {
        Self {
            power_on: PowerOn::Zeros,
            seed: 0,
            attach: Attach::Cxl,
            frames,
            cleared: u32::MAX,
            dram: Timing::steady(40),
            host: Timing::steady(200),
            channels: Pace::FULL,
            registers: Pace::FULL,
            weather: false,
        }
    }

    /// No pauses, memory that answers within a few cycles: for people and programs that wait in real time.
    pub const fn prompt(frames: u32) -> Self {
        Self { dram: Timing::steady(4), host: Timing::steady(4), ..Self::fast(frames) }
    }

    /// With a memory controller that clears device memory at power-on, from this frame on.
    #[must_use]
    pub const fn cleared_from(self, frame: u32) -> Self {
        Self { cleared: frame, ..self }
    }

    /// Random contents at power-on, and all that the protocols allow on every interface: for tests.
    pub const fn nasty(frames: u32, seed: u64) -> Self {
        Self {
            power_on: PowerOn::Random(seed),
            seed,
            attach: Attach::Cxl,
            frames,
            cleared: u32::MAX,
            dram: Timing::nasty(),
            host: Timing::nasty(),
            channels: Pace::new(0.1, 16),
            registers: Pace::new(0.1, 4),
            weather: false,
        }
    }

    /// The same in changing weather: for long campaigns.
    pub const fn stormy(frames: u32, seed: u64) -> Self {
        Self { weather: true, ..Self::nasty(frames, seed) }
    }
}

/// What a device did that it must not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// It broke a rule of an interface.
    #[error("cycle {cycle}, {interface}: {violation}")]
    Protocol {
        /// When.
        cycle: u64,
        /// Prefix of the ports.
        interface: &'static str,
        /// What.
        violation: Violation,
    },
    /// It answered a register access with an error.
    #[error("{access:x?} was answered with {resp:?}")]
    Register {
        /// The access.
        access: Access,
        /// The answer.
        resp: Resp,
    },
    /// It did not do in time what it should.
    #[error("{what}: not after {cycles} cycles")]
    Late {
        /// What was waited for.
        what: String,
        /// How long.
        cycles: u64,
    },
}

/// The simulated device.
#[derive(Debug)]
pub struct RtlDevice {
    sim: Sim,
    attach: Attach,
    dram: Subordinate<DeviceMemory>,
    host: Subordinate<DmaMemory>,
    registers: LiteManager,
    m2s_req: Source,
    m2s_rwd: Source,
    m2s_birsp: Source,
    s2m_ndr: Sink<S2mNdr>,
    s2m_drs: Sink<S2mDrs>,
    s2m_bisnp: Sink<S2mBisnp>,
    axi: Manager,
    weather: Option<Weather>,
}

impl RtlDevice {
    /// Cycles of the power-on reset.
    const RESET_CYCLES: u32 = 8;
    /// A register access that takes longer is lost.
    const ACCESS_CYCLES: u64 = 10_000;
    /// The power-up scrub and a reset end before this.
    const READY_CYCLES: u64 = 1_000_000;

    /// Switches a device on and waits until it is ready.
    ///
    /// # Errors
    /// If it breaks a rule of an interface or does not become ready.
    pub fn new(config: &RtlConfig) -> Result<Self, DeviceError> {
        let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
        let mut seed = || rng.random();
        let mut device = Self {
            sim: Sim::new(config.power_on),
            attach: config.attach,
            dram: Subordinate::new(
                DeviceMemory::new(config.frames, config.cleared, seed()),
                config.dram.clone(),
                seed(),
            ),
            host: Subordinate::new(DmaMemory::default(), config.host.clone(), seed()),
            registers: LiteManager::new(config.registers, seed()),
            m2s_req: Source::new(config.channels, seed()),
            m2s_rwd: Source::new(config.channels, seed()),
            m2s_birsp: Source::new(config.channels, seed()),
            s2m_ndr: Sink::new(config.channels, seed()),
            s2m_drs: Sink::new(config.channels, seed()),
            s2m_bisnp: Sink::new(config.channels, seed()),
            axi: Manager::new(config.channels, seed()),
            weather: config.weather.then(|| Weather::new(seed())),
        };
        device.power_on()?;
        device.wait_ready(&mut Channels::default())?;
        Ok(device)
    }

    fn power_on(&mut self) -> Result<(), DeviceError> {
        self.sim.pins().attach.set(self.attach as u8);
        self.sim.pins().rst.set(1);
        for cycle in 0..Self::RESET_CYCLES {
            self.sim.settle();
            // The first edge loads the registers.
            if cycle > 0 {
                self.check_quiet()?;
            }
            self.sim.rise();
        }
        self.sim.pins().rst.set(0);
        Ok(())
    }

    /// Nothing may be offered during reset.
    fn check_quiet(&self) -> Result<(), DeviceError> {
        let pins = self.sim.pins();
        let axi = |p: &Axi4Pins| p.awvalid.get() | p.wvalid.get() | p.arvalid.get();
        let offers = [
            ("s2m_ndr", pins.s2m_ndr.valid.get()),
            ("s2m_drs", pins.s2m_drs.valid.get()),
            ("s2m_bisnp", pins.s2m_bisnp.valid.get()),
            ("s_axi", pins.s_axi.bvalid.get() | pins.s_axi.rvalid.get()),
            ("m_axi_dram", axi(&pins.m_axi_dram)),
            ("m_axi_host", axi(&pins.m_axi_host)),
            ("s_axil", pins.s_axil.bvalid.get() | pins.s_axil.rvalid.get()),
        ];
        match offers.iter().find(|(_, valid)| *valid != 0) {
            Some((interface, _)) => Err(in_interface(self.cycle(), interface)(Violation::ValidInReset)),
            None => Ok(()),
        }
    }

    /// Waits until STATUS.ready is set.
    ///
    /// # Errors
    /// If that takes too long, or the device breaks a rule.
    pub fn wait_ready(&mut self, channels: &mut Channels) -> Result<(), DeviceError> {
        let start = self.cycle();
        while self.cycle() - start < Self::READY_CYCLES {
            if Status(self.read32(channels, Status::OFFSET)?).ready() == 1 {
                return Ok(());
            }
        }
        Err(DeviceError::Late { what: "STATUS.ready".into(), cycles: Self::READY_CYCLES })
    }

    /// One clock cycle: messages move between the queues and the pins. On AXI4 the queues are those of
    /// [`RtlDevice::axi`], and those of the channels stay as they are.
    ///
    /// A message stays at the front of its `m2s` queue until the device takes it, and may be on the pins already: append
    /// to the queues, do not reorder them.
    ///
    /// # Errors
    /// If the device breaks a rule of an interface.
    pub fn tick(&mut self, channels: &mut Channels) -> Result<(), DeviceError> {
        self.change_weather();
        self.drive(channels);
        self.sim.settle();
        self.sample(channels)?;
        self.sim.rise();
        Ok(())
    }

    fn change_weather(&mut self) {
        let Some(weather) = &mut self.weather else { return };
        if !weather.changes(self.sim.cycle()) {
            return;
        }
        self.dram.set_timing(weather.timing());
        self.host.set_timing(weather.timing());
        match self.attach {
            Attach::Cxl => {
                self.m2s_req.set_pace(weather.pace());
                self.m2s_rwd.set_pace(weather.pace());
                self.m2s_birsp.set_pace(weather.pace());
                self.s2m_ndr.set_pace(weather.pace());
                self.s2m_drs.set_pace(weather.pace());
                self.s2m_bisnp.set_pace(weather.pace());
            }
            Attach::Axi => self.axi.set_paces(|| weather.pace()),
        }
    }

    fn drive(&mut self, channels: &Channels) {
        match self.attach {
            Attach::Cxl => self.drive_channels(channels),
            Attach::Axi => drive_subordinate(&self.sim.pins().s_axi, &mut self.axi),
        }
        let pins = self.sim.pins();
        drive_axi(&pins.m_axi_dram, self.dram.drive());
        drive_axi(&pins.m_axi_host, self.host.drive());
        drive_lite(&pins.s_axil, self.registers.drive());
    }

    fn drive_channels(&mut self, channels: &Channels) {
        let pins = self.sim.pins();
        if let Some(m) = self.m2s_req.drive(&channels.m2s_req) {
            let p = &pins.m2s_req;
            p.opcode.set(m.opcode);
            p.addr.set(m.addr);
            p.tag.set(m.tag);
            p.meta_field.set(m.meta_field);
            p.meta_value.set(m.meta_value);
            p.snp_type.set(m.snp_type);
        }
        if let Some(m) = self.m2s_rwd.drive(&channels.m2s_rwd) {
            let p = &pins.m2s_rwd;
            p.opcode.set(m.opcode);
            p.addr.set(m.addr);
            p.tag.set(m.tag);
            p.meta_field.set(m.meta_field);
            p.meta_value.set(m.meta_value);
            p.snp_type.set(m.snp_type);
            p.data.set(to_words(&m.data));
            p.be.set(m.be);
        }
        if let Some(m) = self.m2s_birsp.drive(&channels.m2s_birsp) {
            let p = &pins.m2s_birsp;
            p.opcode.set(m.opcode);
            p.tag.set(m.tag);
            p.low.set(m.low);
        }
        pins.m2s_req.valid.set(self.m2s_req.valid().into());
        pins.m2s_rwd.valid.set(self.m2s_rwd.valid().into());
        pins.m2s_birsp.valid.set(self.m2s_birsp.valid().into());
        pins.s2m_ndr.ready.set(self.s2m_ndr.drive().into());
        pins.s2m_drs.ready.set(self.s2m_drs.drive().into());
        pins.s2m_bisnp.ready.set(self.s2m_bisnp.drive().into());
    }

    fn sample(&mut self, channels: &mut Channels) -> Result<(), DeviceError> {
        match self.attach {
            Attach::Cxl => self.sample_channels(channels)?,
            Attach::Axi => {
                let (ready, b, r) = sample_subordinate(&self.sim.pins().s_axi);
                self.axi.clock(ready, b, r).map_err(in_interface(self.sim.cycle(), "s_axi"))?;
            }
        }
        let in_interface = |interface| in_interface(self.sim.cycle(), interface);
        let pins = self.sim.pins();
        self.dram.clock(&sample_axi(&pins.m_axi_dram)).map_err(in_interface("m_axi_dram"))?;
        self.host.clock(&sample_axi(&pins.m_axi_host)).map_err(in_interface("m_axi_host"))?;
        self.registers.clock(&sample_lite(&pins.s_axil)).map_err(in_interface("s_axil"))
    }

    fn sample_channels(&mut self, channels: &mut Channels) -> Result<(), DeviceError> {
        let in_interface = |interface| in_interface(self.sim.cycle(), interface);
        let pins = self.sim.pins();
        self.m2s_req.clock(&mut channels.m2s_req, pins.m2s_req.ready.get() != 0);
        self.m2s_rwd.clock(&mut channels.m2s_rwd, pins.m2s_rwd.ready.get() != 0);
        self.m2s_birsp.clock(&mut channels.m2s_birsp, pins.m2s_birsp.ready.get() != 0);

        let p = &pins.s2m_ndr;
        let ndr = (p.valid.get() != 0).then(|| S2mNdr { opcode: p.opcode.get(), tag: p.tag.get() });
        self.s2m_ndr.clock(ndr, &mut channels.s2m_ndr).map_err(in_interface("s2m_ndr"))?;
        let p = &pins.s2m_drs;
        let drs = (p.valid.get() != 0).then(|| S2mDrs {
            opcode: p.opcode.get(),
            tag: p.tag.get(),
            poison: p.poison.get() != 0,
            data: to_line(&p.data.get()),
        });
        self.s2m_drs.clock(drs, &mut channels.s2m_drs).map_err(in_interface("s2m_drs"))?;
        let p = &pins.s2m_bisnp;
        let bisnp = (p.valid.get() != 0).then(|| S2mBisnp {
            opcode: p.opcode.get(),
            addr: p.addr.get(),
            tag: p.tag.get(),
        });
        self.s2m_bisnp.clock(bisnp, &mut channels.s2m_bisnp).map_err(in_interface("s2m_bisnp"))
    }

    /// How the device is attached.
    pub fn attach(&self) -> Attach {
        self.attach
    }

    /// The manager of its AXI4 subordinate: of use on that attach only.
    pub fn axi(&mut self) -> &mut Manager {
        &mut self.axi
    }

    /// Queues a register access; it takes place in the following cycles, behind those before it.
    pub fn post(&mut self, access: Access) {
        self.registers.post(access);
    }

    /// The answer of the oldest posted access, once it has one.
    pub fn take_answer(&mut self) -> Option<Result<u32, Resp>> {
        self.registers.take_answer()
    }

    /// Reads a register; cycles pass.
    ///
    /// # Errors
    /// If there is no answer, or an error.
    pub fn read32(&mut self, channels: &mut Channels, offset: u32) -> Result<u32, DeviceError> {
        self.access(channels, Access::Read(offset))
    }

    /// Writes a register; cycles pass.
    ///
    /// # Errors
    /// If there is no answer, or an error.
    pub fn write32(&mut self, channels: &mut Channels, offset: u32, value: u32) -> Result<(), DeviceError> {
        self.access(channels, Access::Write(offset, value)).map(|_| ())
    }

    fn access(&mut self, channels: &mut Channels, access: Access) -> Result<u32, DeviceError> {
        self.post(access);
        for _ in 0..Self::ACCESS_CYCLES {
            self.tick(channels)?;
            if let Some(answer) = self.take_answer() {
                return answer.map_err(|resp| DeviceError::Register { access, resp });
            }
        }
        Err(DeviceError::Late { what: format!("the answer of {access:x?}"), cycles: Self::ACCESS_CYCLES })
    }

    /// Function level reset; ready again when STATUS.ready is set.
    ///
    /// # Errors
    /// If the device breaks a rule of an interface.
    pub fn flr(&mut self, channels: &mut Channels) -> Result<(), DeviceError> {
        self.sim.pins().flr.set(1);
        self.tick(channels)?;
        self.sim.pins().flr.set(0);
        self.tick(channels)
    }

    /// Nothing is under way on any interface, as of the last cycle. Messages that still wait in queues do not count.
    pub fn is_quiet(&self) -> bool {
        let pins = self.sim.pins();
        let offers = pins.s2m_ndr.valid.get() | pins.s2m_drs.valid.get() | pins.s2m_bisnp.valid.get();
        let sends = self.m2s_req.valid() || self.m2s_rwd.valid() || self.m2s_birsp.valid();
        let idle =
            self.axi.is_idle() && self.registers.is_idle() && self.dram.is_idle() && self.host.is_idle();
        offers == 0 && !sends && idle
    }

    /// The interrupt request lines, one bit per vector, as of the last cycle.
    pub fn irq(&self) -> u8 {
        self.sim.pins().irq.get()
    }

    /// Cycles since power-on.
    pub fn cycle(&self) -> u64 {
        self.sim.cycle()
    }

    /// Every port, for checks that look at single cycles: values as of the last cycle.
    pub fn pins(&self) -> &Pins {
        self.sim.pins()
    }

    /// Device memory and its bus.
    pub fn dram(&mut self) -> &mut Subordinate<DeviceMemory> {
        &mut self.dram
    }

    /// Host memory and its bus.
    pub fn host(&mut self) -> &mut Subordinate<DmaMemory> {
        &mut self.host
    }

    /// The simulation, to write waveforms.
    pub fn sim(&mut self) -> &mut Sim {
        &mut self.sim
    }
}

/// Says when and where a rule was broken.
fn in_interface(cycle: u64, interface: &'static str) -> impl FnOnce(Violation) -> DeviceError {
    move |violation| DeviceError::Protocol { cycle, interface, violation }
}

/// A data bus as bytes.
fn to_line(words: &[u32; LINE_BYTES / 4]) -> Line {
    let mut line = [0; LINE_BYTES];
    for (bytes, word) in line.chunks_exact_mut(4).zip(words) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    line
}

/// Bytes as a data bus.
fn to_words(line: &Line) -> [u32; LINE_BYTES / 4] {
    std::array::from_fn(|i| {
        u32::from_le_bytes([line[4 * i], line[4 * i + 1], line[4 * i + 2], line[4 * i + 3]])
    })
}

fn drive_subordinate(pins: &AxiSubordinatePins, manager: &mut Manager) {
    if let Some(Burst { address, lock }) = manager.drive_aw() {
        pins.awid.set(address.id);
        pins.awaddr.set(address.addr);
        pins.awlen.set(address.len);
        pins.awsize.set(address.size);
        pins.awburst.set(address.burst);
        pins.awlock.set((*lock).into());
    }
    if let Some(beat) = manager.drive_w() {
        pins.wdata.set(to_words(&beat.data));
        pins.wstrb.set(beat.strobe);
        pins.wlast.set(beat.last.into());
    }
    if let Some(Burst { address, lock }) = manager.drive_ar() {
        pins.arid.set(address.id);
        pins.araddr.set(address.addr);
        pins.arlen.set(address.len);
        pins.arsize.set(address.size);
        pins.arburst.set(address.burst);
        pins.arlock.set((*lock).into());
    }
    let [aw, w, ar] = manager.valid();
    pins.awvalid.set(aw.into());
    pins.wvalid.set(w.into());
    pins.arvalid.set(ar.into());
    let [b, r] = manager.drive_ready();
    pins.bready.set(b.into());
    pins.rready.set(r.into());
}

fn sample_subordinate(pins: &AxiSubordinatePins) -> (Ready, Option<WriteResponse>, Option<ReadBeat>) {
    let ready = Ready { aw: pins.awready.get() != 0, w: pins.wready.get() != 0, ar: pins.arready.get() != 0 };
    let b = (pins.bvalid.get() != 0)
        .then(|| WriteResponse { id: pins.bid.get(), resp: Resp::from_code(pins.bresp.get()) });
    let r = (pins.rvalid.get() != 0).then(|| ReadBeat {
        id: pins.rid.get(),
        data: to_line(&pins.rdata.get()),
        resp: Resp::from_code(pins.rresp.get()),
        last: pins.rlast.get() != 0,
    });
    (ready, b, r)
}

fn drive_axi(pins: &Axi4Pins, drive: &SubordinatePins) {
    pins.awready.set(drive.aw_ready.into());
    pins.wready.set(drive.w_ready.into());
    pins.arready.set(drive.ar_ready.into());
    pins.bvalid.set(drive.b.is_some().into());
    if let Some(WriteResponse { id, resp }) = drive.b {
        pins.bid.set(id);
        pins.bresp.set(resp as u8);
    }
    pins.rvalid.set(drive.r.is_some().into());
    if let Some(ReadBeat { id, data, resp, last }) = &drive.r {
        pins.rid.set(*id);
        pins.rdata.set(to_words(data));
        pins.rresp.set(*resp as u8);
        pins.rlast.set((*last).into());
    }
}

fn sample_axi(pins: &Axi4Pins) -> ManagerPins {
    ManagerPins {
        aw: (pins.awvalid.get() != 0).then(|| Address {
            id: pins.awid.get(),
            addr: pins.awaddr.get(),
            len: pins.awlen.get(),
            size: pins.awsize.get(),
            burst: pins.awburst.get(),
        }),
        w: (pins.wvalid.get() != 0).then(|| WriteBeat {
            data: to_line(&pins.wdata.get()),
            strobe: pins.wstrb.get(),
            last: pins.wlast.get() != 0,
        }),
        b_ready: pins.bready.get() != 0,
        ar: (pins.arvalid.get() != 0).then(|| Address {
            id: pins.arid.get(),
            addr: pins.araddr.get(),
            len: pins.arlen.get(),
            size: pins.arsize.get(),
            burst: pins.arburst.get(),
        }),
        r_ready: pins.rready.get() != 0,
    }
}

fn drive_lite(pins: &AxiLitePins, drive: &LiteManagerPins) {
    pins.awvalid.set(drive.aw.is_some().into());
    if let Some(addr) = drive.aw {
        pins.awaddr.set(addr as u16);
    }
    pins.wvalid.set(drive.w.is_some().into());
    if let Some(value) = drive.w {
        pins.wdata.set(value);
        pins.wstrb.set(0xf);
    }
    pins.bready.set(drive.b_ready.into());
    pins.arvalid.set(drive.ar.is_some().into());
    if let Some(addr) = drive.ar {
        pins.araddr.set(addr as u16);
    }
    pins.rready.set(drive.r_ready.into());
}

fn sample_lite(pins: &AxiLitePins) -> LiteSubordinatePins {
    let resp = Resp::from_code;
    LiteSubordinatePins {
        aw_ready: pins.awready.get() != 0,
        w_ready: pins.wready.get() != 0,
        b: (pins.bvalid.get() != 0).then(|| resp(pins.bresp.get())),
        ar_ready: pins.arready.get() != 0,
        r: (pins.rvalid.get() != 0).then(|| (pins.rdata.get(), resp(pins.rresp.get()))),
    }
}

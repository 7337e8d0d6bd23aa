//! The model behind the driver's carrier trait.

use crate::device::ModelDevice;
use crate::interrupts::Interrupts;
use std::os::fd::RawFd;
use tideline_abi::cxl::{
    Channels, Line, M2sBirsp, M2sReq, M2sRwd, MetaField, MetaValue, ReqOpcode, RspOpcode, RwdOpcode, S2mDrs,
    SnpType,
};
use tideline_abi::geometry::{LINE_BYTES, WINDOW_BYTES};
use tideline_abi::regs::{Reset, Status};
use tideline_driver::{Arrival, Carrier, CarrierError, DmaRegion, Hpa, Iova};

/// Where the window begins: above 4 GiB, so that upper halves of addresses are used.
const WINDOW_BASE: Hpa = Hpa(0x10_4000_0000);
/// Frames of device memory: the window, the spool, and some to remap to.
const FRAMES: u32 = 80_000;
/// Steps of one [`Carrier::wait`].
const WAIT_TICKS: u32 = 64;
/// Steps within which the device must answer a line access or a reset.
const ANSWER_TICKS: u32 = 10_000_000;

/// A [`ModelDevice`] in this process, with a host without caches: a load is an uncached read, a store an
/// uncached write, every snoop is answered at once.
///
/// ```
/// use tideline_driver::{Device, Frame, Gather, LineAddr, PageIndex, PageRange};
///
/// let mut device = Device::open(tideline_model::ModelCarrier::new())?;
/// let range = PageRange::new(PageIndex(0), 16)?;
/// device.map(range, Frame(0))?;
/// let tracker = device.track_start(&[range])?;
/// device.store(LineAddr::new(PageIndex(3), 5), &[1; 64])?;
/// let report = device.track_report(&tracker, Gather::Recall)?;
/// assert_eq!(report.lines().collect::<Vec<_>>(), [LineAddr::new(PageIndex(3), 5)]);
/// device.track_stop(tracker)?;
/// # Ok::<(), tideline_driver::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ModelCarrier {
    device: ModelDevice,
    channels: Channels,
    window_base: Hpa,
    frames: u32,
    tag: u16,
    interrupts: Interrupts,
}

impl ModelCarrier {
    /// A device fresh from power-on.
    pub fn new() -> Self {
        Self::with(WINDOW_BASE, FRAMES)
    }

    /// The same, with its window and its memory as given. The base is rounded down to a page.
    pub fn with(window_base: Hpa, frames: u32) -> Self {
        let window_base = Hpa(window_base.0 & !0xfff);
        Self {
            device: ModelDevice::new(),
            channels: Channels::default(),
            window_base,
            frames,
            tag: 0,
            interrupts: Interrupts::new(),
        }
    }

    /// The device, to look into.
    pub fn device(&self) -> &ModelDevice {
        &self.device
    }

    /// The device, to inject faults.
    pub fn device_mut(&mut self) -> &mut ModelDevice {
        &mut self.device
    }

    /// One step of device and host.
    fn tick(&mut self) {
        self.device.tick(&mut self.channels);
        self.interrupts.level(self.device.irq());
        while let Some(snoop) = self.channels.s2m_bisnp.pop_front() {
            self.channels.m2s_birsp.push_back(M2sBirsp::whole(&snoop, RspOpcode::BiRspI));
        }
    }

    /// The address of a line of the window, and a tag for its request.
    fn request(&mut self, offset: u64) -> Result<(u64, u16), CarrierError> {
        if offset >= WINDOW_BYTES || !offset.is_multiple_of(LINE_BYTES as u64) {
            return Err(CarrierError::BadWindow { offset, size: WINDOW_BYTES });
        }
        self.tag = self.tag.wrapping_add(1);
        Ok((self.window_base.0 + offset, self.tag))
    }

    /// Steps until the answer with this tag came, and its data if there is to be any.
    fn answer(&mut self, tag: u16, with_data: bool) -> Result<Option<S2mDrs>, CarrierError> {
        let (mut completed, mut data) = (false, None);
        for _ in 0..ANSWER_TICKS {
            self.tick();
            completed |= self.channels.s2m_ndr.pop_front().is_some_and(|m| m.tag == tag);
            data = data.or(self.channels.s2m_drs.pop_front().filter(|m| m.tag == tag));
            if completed && data.is_some() == with_data {
                return Ok(data);
            }
        }
        let what = format!("the line request with tag {tag} after {ANSWER_TICKS} steps of the model");
        Err(CarrierError::NoAnswer { what })
    }
}

impl Default for ModelCarrier {
    fn default() -> Self {
        Self::new()
    }
}

impl Carrier for ModelCarrier {
    fn name(&self) -> String {
        "model".to_owned()
    }

    fn read32(&mut self, offset: u32) -> Result<u32, CarrierError> {
        self.tick();
        self.device.read32(offset)
    }

    fn write32(&mut self, offset: u32, value: u32) -> Result<(), CarrierError> {
        self.device.write32(offset, value)?;
        self.interrupts.level(self.device.irq());
        Ok(())
    }

    fn dma_alloc(&mut self, len: usize) -> Result<DmaRegion, CarrierError> {
        self.device.host_memory_mut().alloc(len)
    }

    fn dma_free(&mut self, region: DmaRegion) {
        self.device.host_memory_mut().free(region);
    }

    fn dma_read(&mut self, iova: Iova, buf: &mut [u8]) -> Result<(), CarrierError> {
        self.device.host_memory().read(iova, buf)
    }

    fn dma_write(&mut self, iova: Iova, data: &[u8]) -> Result<(), CarrierError> {
        self.device.host_memory_mut().write(iova, data)
    }

    fn wait(&mut self) -> Result<(), CarrierError> {
        for _ in 0..WAIT_TICKS {
            let before = self.device.irq();
            self.tick();
            if self.device.irq() & !before != 0 {
                break;
            }
        }
        Ok(())
    }

    fn reset(&mut self) -> Result<(), CarrierError> {
        self.device.write32(Reset::OFFSET, 1)?;
        for _ in 0..ANSWER_TICKS {
            self.tick();
            if Status(self.device.read32(Status::OFFSET)?).ready() == 1 {
                return Ok(());
            }
        }
        let what = format!("STATUS.ready after {ANSWER_TICKS} steps of a reset");
        Err(CarrierError::NoAnswer { what })
    }

    fn window_base(&self) -> u64 {
        self.window_base.0
    }

    fn frames(&self) -> u32 {
        self.frames
    }

    fn interrupt_fd(&self, vector: u32) -> Option<RawFd> {
        self.interrupts.fd(vector)
    }

    fn load_line(&mut self, offset: u64) -> Result<Line, CarrierError> {
        let (addr, tag) = self.request(offset)?;
        self.channels.m2s_req.push_back(M2sReq {
            opcode: ReqOpcode::MemRd as u8,
            addr,
            tag,
            meta_field: MetaField::NoOp as u8,
            meta_value: 0,
            snp_type: SnpType::SnpCur as u8,
        });
        Ok(self.answer(tag, true)?.map_or([0xff; LINE_BYTES], |m| m.data))
    }

    fn store_line(&mut self, offset: u64, data: &Line) -> Result<(), CarrierError> {
        let (addr, tag) = self.request(offset)?;
        self.channels.m2s_rwd.push_back(M2sRwd {
            opcode: RwdOpcode::MemWr as u8,
            addr,
            tag,
            meta_field: MetaField::Meta0State as u8,
            meta_value: MetaValue::Invalid as u8,
            snp_type: SnpType::SnpInv as u8,
            data: *data,
            be: u64::MAX,
        });
        self.answer(tag, false).map(drop)
    }

    /// This host has no caches: every store was answered before it returned.
    fn flush(&mut self, _: u64, _: u64) -> Result<Arrival, CarrierError> {
        Ok(Arrival::Proven)
    }

    fn read_back(&mut self, offset: u64) -> Result<(), CarrierError> {
        self.load_line(offset & !(LINE_BYTES as u64 - 1)).map(drop)
    }
}

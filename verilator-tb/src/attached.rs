//! The RTL behind its AXI4 subordinate, for a host that speaks line requests: what a CPU's memory controller and a bridge
//! do in between.
//!
//! | line request | bursts | answer |
//! |---|---|---|
//! | MemRd | AR of one line | R: Cmp and MemData; SLVERR becomes poison, DECERR MemDataNxm |
//! | MemWr, MemWrPtl | AW and W of one line | B: Cmp, whatever it says: a write-back cannot be refused |
//!
//! The device sends no snoops, and the host asks for no ownership: there is nobody who would grant it.

use crate::axi::{Address, Burst, Resp, WriteBeat};
use crate::machine::LineDevice;
use crate::rtl_device::{DeviceError, RtlDevice};
use std::collections::VecDeque;
use tideline_abi::attach::Attach;
use tideline_abi::cxl::{Channels, DrsOpcode, NdrOpcode, RwdOpcode, S2mDrs, S2mNdr};
use tideline_model::HostMemory;

/// The RTL on AXI4, as a line device.
#[derive(Debug)]
pub struct AxiAttached {
    rtl: RtlDevice,
    /// Tags of the requests under way, by ID; answers of one ID come in order.
    reads: Vec<VecDeque<u16>>,
    writes: Vec<VecDeque<u16>>,
    next_id: u8,
}

impl AxiAttached {
    /// Around a device.
    ///
    /// # Panics
    /// If the device is not on AXI4.
    pub fn new(rtl: RtlDevice) -> Self {
        assert_eq!(rtl.attach(), Attach::Axi, "the device hangs on another link");
        Self { rtl, reads: vec![VecDeque::new(); 256], writes: vec![VecDeque::new(); 256], next_id: 0 }
    }

    /// The device itself, to drive its subordinate directly.
    pub fn rtl(&mut self) -> &mut RtlDevice {
        &mut self.rtl
    }

    /// Requests of the host become bursts.
    fn ask(&mut self, channels: &mut Channels) {
        let line = |id, addr: u64| {
            let address = Address { id, addr: addr & !63, len: 0, size: 6, burst: 1 };
            Burst { address, lock: false }
        };
        for m in channels.m2s_req.drain(..) {
            self.next_id = self.next_id.wrapping_add(1);
            self.reads[usize::from(self.next_id)].push_back(m.tag);
            self.rtl.axi().ar.push_back(line(self.next_id, m.addr));
        }
        for m in channels.m2s_rwd.drain(..) {
            self.next_id = self.next_id.wrapping_add(1);
            self.writes[usize::from(self.next_id)].push_back(m.tag);
            self.rtl.axi().aw.push_back(line(self.next_id, m.addr));
            let strobe = if m.opcode == RwdOpcode::MemWr as u8 { u64::MAX } else { m.be };
            self.rtl.axi().w.push_back(WriteBeat { data: m.data, strobe, last: true });
        }
    }

    /// Answers of the device become responses.
    fn answer(&mut self, channels: &mut Channels) {
        const ASKED: &str = "the manager checks that answers were asked for";
        while let Some(b) = self.rtl.axi().b.pop_front() {
            let tag = self.writes[usize::from(b.id)].pop_front().expect(ASKED);
            channels.s2m_ndr.push_back(S2mNdr { opcode: NdrOpcode::Cmp as u8, tag });
        }
        while let Some(r) = self.rtl.axi().r.pop_front() {
            let tag = self.reads[usize::from(r.id)].pop_front().expect(ASKED);
            let opcode = if r.resp == Resp::DecErr { DrsOpcode::MemDataNxm } else { DrsOpcode::MemData };
            let poison = r.resp == Resp::SlvErr;
            channels.s2m_ndr.push_back(S2mNdr { opcode: NdrOpcode::Cmp as u8, tag });
            channels.s2m_drs.push_back(S2mDrs { opcode: opcode as u8, tag, poison, data: r.data });
        }
    }
}

impl LineDevice for AxiAttached {
    fn name(&self) -> &'static str {
        "rtl"
    }
    fn tick(&mut self, channels: &mut Channels) -> Result<(), DeviceError> {
        self.ask(channels);
        self.rtl.tick(channels)?;
        self.answer(channels);
        Ok(())
    }
    fn read32(&mut self, channels: &mut Channels, offset: u32) -> Result<u32, DeviceError> {
        self.ask(channels);
        let value = self.rtl.read32(channels, offset);
        self.answer(channels);
        value
    }
    fn write32(&mut self, channels: &mut Channels, offset: u32, value: u32) -> Result<(), DeviceError> {
        self.ask(channels);
        let done = self.rtl.write32(channels, offset, value);
        self.answer(channels);
        done
    }
    fn flr(&mut self, channels: &mut Channels) -> Result<(), DeviceError> {
        self.rtl.flr(channels)
    }
    fn irq(&self) -> u32 {
        self.rtl.irq().into()
    }
    fn host_memory(&mut self) -> &mut HostMemory {
        &mut self.rtl.host().memory.regions
    }
    fn is_quiet(&self) -> bool {
        self.rtl.is_quiet()
    }
    fn cycle(&self) -> u64 {
        self.rtl.cycle()
    }
}

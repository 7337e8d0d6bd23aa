//! The Verilated RTL as a device under test.

use super::{Commit, Dut};
use crate::axi::{Access, Manager};
use crate::rtl_device::{DeviceError, RtlConfig, RtlDevice};
use tideline_abi::cxl::{Channels, Line, NdrOpcode};
use tideline_abi::geometry::{LINE_BYTES, PAGE_BYTES};
use tideline_abi::slot::{DataSource, Slot, SlotKind, SlotResult, SlotStatus};
use tideline_model::{Core, HostMemory};

/// The Verilated RTL.
pub struct Rtl {
    device: RtlDevice,
    /// Register writes that were not answered yet.
    posted: u32,
    commits: Vec<Commit>,
}

impl Rtl {
    /// Switches a device on.
    ///
    /// # Errors
    /// If it breaks a rule of an interface or does not become ready.
    pub fn new(config: &RtlConfig) -> Result<Self, DeviceError> {
        Ok(Self { device: RtlDevice::new(config)?, posted: 0, commits: Vec::new() })
    }
}

impl Rtl {
    /// The manager of its AXI4 subordinate.
    pub fn axi(&mut self) -> &mut Manager {
        self.device.axi()
    }
}

impl Dut for Rtl {
    fn name(&self) -> &'static str {
        "rtl"
    }

    fn tick(&mut self, channels: &mut Channels) -> Result<(), DeviceError> {
        self.device.tick(channels)?;
        self.commits.extend(probe(&self.device));
        while self.posted > 0
            && let Some(answer) = self.device.take_answer()
        {
            self.posted -= 1;
            answer.map_err(|resp| DeviceError::Register { access: Access::Write(0, 0), resp })?;
        }
        Ok(())
    }

    fn post_write32(&mut self, offset: u32, value: u32) {
        self.posted += 1;
        self.device.post(Access::Write(offset, value));
    }

    fn read32(&mut self, channels: &mut Channels, offset: u32) -> Result<u32, DeviceError> {
        while self.posted > 0 {
            self.tick(channels)?;
        }
        self.device.post(Access::Read(offset));
        loop {
            self.device.tick(channels)?;
            self.commits.extend(probe(&self.device));
            if let Some(answer) = self.device.take_answer() {
                return answer.map_err(|resp| DeviceError::Register { access: Access::Read(offset), resp });
            }
        }
    }

    fn host_memory(&mut self) -> &mut HostMemory {
        &mut self.device.host().memory.regions
    }

    fn flr(&mut self, channels: &mut Channels) -> Result<(), DeviceError> {
        while self.posted > 0 {
            self.tick(channels)?;
        }
        self.device.pins().flr.set(1);
        self.tick(channels)?;
        self.device.pins().flr.set(0);
        self.tick(channels)
    }

    fn memory_line(&mut self, frame: u32, line: u8) -> Line {
        self.device.dram().memory.peek(frame as u64 * PAGE_BYTES as u64 + line as u64 * LINE_BYTES as u64)
    }

    fn core(&self) -> Option<&Core> {
        None
    }

    fn take_commits(&mut self, commits: &mut Vec<Commit>) {
        commits.append(&mut self.commits);
    }
}

/// The slot on the probe in the last cycle, if there was one.
fn probe(device: &RtlDevice) -> Option<Commit> {
    let p = &device.pins().probe;
    if p.valid.get() == 0 {
        return None;
    }
    let kind = SlotKind::from_code(p.kind.get().into()).expect("a slot kind on the probe");
    let slot = Slot {
        kind,
        page: p.page.get(),
        line: p.line.get(),
        decodes: p.decodes.get() != 0,
        timed_out: p.timed_out.get() != 0,
        opcode: p.opcode.get(),
        meta_field: p.meta_field.get(),
        meta_value: p.meta_value.get(),
        snp_type: p.snp_type.get(),
        grant_exclusive: p.grant_exclusive.get() != 0,
        flags: p.flags.get(),
        plain: p.plain.get() != 0,
        recalled: p.recalled.get() != 0,
        frame: p.frame.get(),
        mask: p.mask.get(),
    };
    let ndr = NdrOpcode::from_code(p.ndr.get().into()).expect("an NDR opcode on the probe");
    let result = SlotResult {
        ndr: (p.has_ndr.get() != 0).then_some(ndr),
        data: DataSource::from_code(p.data.get().into()).expect("a data source on the probe"),
        writes_memory: p.writes_memory.get() != 0,
        frame: p.result_frame.get(),
        status: SlotStatus::from_code(p.status.get().into()).expect("a slot status on the probe"),
        mask: p.result_mask.get(),
        newly_dirty: p.newly_dirty.get() != 0,
        errors: p.errors.get().into(),
    };
    Some(Commit { slot, result, lane: (p.dirty.get() != 0, p.owned.get() != 0) })
}

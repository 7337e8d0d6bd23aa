//! The whole device: channels, recall, commands, registers, memory.

mod executor;
mod line;
mod log;
mod recall;

use crate::core::Core;
use crate::memory::{DeviceMemory, HostMemory};
use executor::Executor;
use line::Deferred;
use log::Log;
use recall::Recalls;
use tideline_abi::attach::Attach;
use tideline_abi::cxl::{Channels, Line};
use tideline_abi::geometry::{MAX_PAGES, PAGE_BYTES};
use tideline_abi::regs::{Access, REGISTERS, Register, cap, error_bit, reg};
use tideline_abi::slot::{Slot, SlotKind, SlotResult};
use tideline_driver::{CarrierError, Iova};

/// Steps that the power-up scrub takes: software has to wait for STATUS.ready.
const SCRUB_TICKS: u64 = 64;
/// Host memory that may be allocated for the device.
const HOST_MEMORY_LIMIT: usize = 1 << 30;

const INTR_COMPLETION: u32 = 1 << 0;
const INTR_ERROR: u32 = 1 << 1;
const INTR_LOG: u32 = 1 << 2;
const INTR_RESET_DONE: u32 = 1 << 3;

/// A Tideline device in plain Rust.
///
/// The surroundings stay outside: a host talks to it through [`Channels`], software through
/// [`read32`](Self::read32), [`write32`](Self::write32) and [`host_memory`](Self::host_memory).
#[derive(Clone, Debug)]
pub struct ModelDevice {
    attach: Attach,
    core: Core,
    memory: DeviceMemory,
    host: HostMemory,
    /// Values of the writable registers and the counters, by position in [`REGISTERS`].
    regs: [u32; REGISTERS.len()],
    deferred: Deferred,
    recalls: Recalls,
    executor: Executor,
    /// Pages that the tables have room for; 0 until they are prepared.
    table_pages: u32,
    log: Log,
    ticks: u64,
    dma_faults: u32,
    memory_faults: u32,
}

impl ModelDevice {
    /// Power-on state, on CXL.mem.
    pub fn new() -> Self {
        Self::with_attach(Attach::Cxl)
    }

    /// Power-on state of a device that says that it is so attached. Behind AXI4 its channels take the line requests that
    /// the front of that attach makes, and no others.
    pub fn with_attach(attach: Attach) -> Self {
        Self {
            attach,
            core: Core::new(),
            memory: DeviceMemory::default(),
            host: HostMemory::new(HOST_MEMORY_LIMIT),
            regs: std::array::from_fn(|i| REGISTERS[i].reset),
            deferred: Deferred::default(),
            recalls: Recalls::default(),
            executor: Executor::default(),
            table_pages: 0,
            log: Log::default(),
            ticks: 0,
            dma_faults: 0,
            memory_faults: 0,
        }
    }

    /// One step: at most one message per channel, one snoop, one page slot, one command.
    pub fn tick(&mut self, ch: &mut Channels) {
        self.ticks += 1;
        self.take_birsp(ch);
        self.take_rwd(ch);
        self.take_req(ch);
        self.send_snoop(ch);
        self.check_timeouts();
        self.step_log();
        if self.ticks >= SCRUB_TICKS {
            self.step_executor();
            self.fetch_command();
        }
    }

    /// True if nothing is left to do until a message, a doorbell or a reset comes.
    pub fn is_idle(&self) -> bool {
        self.ticks >= SCRUB_TICKS
            && self.executor.is_idle()
            && self.recalls.is_idle()
            && self.deferred.is_empty()
            && self.log.is_idle()
            && !self.can_fetch()
    }

    /// The descriptors.
    pub fn core(&self) -> &Core {
        &self.core
    }

    /// A line of device memory, as a check sees it.
    pub fn memory_line(&self, frame: u32, line: u8) -> Line {
        self.memory.read(frame, line)
    }

    /// Memory that host and device share: queues and record buffers.
    pub fn host_memory(&self) -> &HostMemory {
        &self.host
    }

    /// The same, to allocate and write.
    pub fn host_memory_mut(&mut self) -> &mut HostMemory {
        &mut self.host
    }

    /// Interrupt request lines, bit `n` = vector `n`.
    pub fn irq(&self) -> u32 {
        self.regs[reg::INTR_STATE] & self.regs[reg::INTR_ENABLE]
    }

    /// Fault injection: the next `n` accesses of the device to host memory are answered with an error.
    pub fn fail_next_dma(&mut self, n: u32) {
        self.dma_faults = n;
    }

    /// Fault injection: the next `n` accesses of the device to its own memory are answered with an error.
    pub fn fail_next_memory(&mut self, n: u32) {
        self.memory_faults = n;
    }

    /// Reads a register. Offsets without a register read as zero.
    ///
    /// # Errors
    /// [`CarrierError::BadOffset`].
    pub fn read32(&self, offset: u32) -> Result<u32, CarrierError> {
        let Some((index, register)) = find(offset)? else { return Ok(0) };
        Ok(match index {
            reg::ATTACH => self.attach as u32,
            reg::CAP_TRACK if self.attach == Attach::Axi => cap::TRACK_ALONE as u32,
            reg::STATUS => self.status(),
            reg::GENERATION => self.executor.generation,
            reg::SQ_HEAD => self.executor.sq_head,
            reg::LOG_TAIL => self.log.tail(),
            reg::LOG_DROPPED => self.log.dropped(),
            reg::CYCLES => self.ticks as u32,
            _ if register.access == Access::Wo => 0,
            _ => self.regs[index],
        })
    }

    /// Writes a register. Bits outside its fields, and registers that cannot be written, ignore it.
    ///
    /// # Errors
    /// [`CarrierError::BadOffset`].
    pub fn write32(&mut self, offset: u32, value: u32) -> Result<(), CarrierError> {
        let Some((index, register)) = find(offset)? else { return Ok(()) };
        let value = value & register.mask();
        match register.access {
            Access::Rw => {
                self.regs[index] = value;
                if index == reg::CTRL && value & 1 == 0 {
                    self.executor.disable_queues();
                }
            }
            Access::Rw1c => self.regs[index] &= !value,
            Access::Wo if index == reg::INTR_TEST => self.regs[reg::INTR_STATE] |= value,
            Access::Wo if index == reg::TABLE_INIT && value & 1 != 0 && self.table_pages == 0 => {
                self.table_pages = self.regs[reg::WINDOW_SIZE].min(MAX_PAGES as u32);
            }
            Access::Wo if index == reg::RESET && value != 0 => self.reset(),
            Access::Wo | Access::Const | Access::Ro => {}
        }
        Ok(())
    }

    /// Function level reset, as the `flr` input does it: begins now, ends with STATUS.ready.
    pub fn reset(&mut self) {
        const RETURNED: [usize; 17] = [
            reg::CTRL,
            reg::INTR_ENABLE,
            reg::SQ_BASE_LO,
            reg::SQ_BASE_HI,
            reg::CQ_BASE_LO,
            reg::CQ_BASE_HI,
            reg::QUEUE_SIZE,
            reg::SQ_TAIL,
            reg::CQ_HEAD,
            reg::LOG_BASE_LO,
            reg::LOG_BASE_HI,
            reg::LOG_SIZE,
            reg::LOG_CONTROL,
            reg::LOG_HEAD,
            reg::LOG_WATERMARK,
            reg::LOG_TIMER,
            reg::LOG_STATUS,
        ];
        for index in RETURNED {
            self.regs[index] = REGISTERS[index].reset;
        }
        self.log = Log::default();
        self.executor.begin_reset();
    }

    fn status(&self) -> u32 {
        let ready = self.ticks >= SCRUB_TICKS && !self.executor.is_resetting();
        let tables = self.table_pages > 0;
        ready as u32
            | (self.executor.is_busy() as u32) << 1
            | (self.executor.has_result() as u32) << 2
            | (tables as u32) << 3
    }

    /// Passes a slot: the only way in which a descriptor changes.
    fn pass(&mut self, slot: &Slot) -> SlotResult {
        let result = self.core.commit(slot);
        self.raise(result.errors);
        self.executor.memory_failed |= result.errors >> error_bit::DRAM & 1 == 1;
        if result.newly_dirty {
            self.log_first_write(slot.page, slot.line);
        }
        result
    }

    /// A page slot of a command.
    fn page_slot(&self, kind: SlotKind, page: u32, flags: u8) -> Slot {
        Slot {
            kind,
            page,
            line: 0,
            decodes: true,
            timed_out: self.recalls.timed_out(page),
            opcode: 0,
            meta_field: 0,
            meta_value: 0,
            snp_type: 0,
            grant_exclusive: false,
            flags,
            recalled: false,
            plain: false,
            frame: 0,
            mask: 0,
        }
    }

    /// Sets bits of ERROR, and its interrupt.
    fn raise(&mut self, errors: u32) {
        if errors != 0 {
            self.regs[reg::ERROR] |= errors;
            self.regs[reg::INTR_STATE] |= INTR_ERROR;
        }
    }

    /// An access to device memory is about to happen: true if it goes wrong.
    fn memory_fails(&mut self) -> bool {
        let fails = self.memory_faults > 0;
        if fails {
            self.memory_faults -= 1;
            self.executor.memory_failed = true;
            self.raise(1 << error_bit::DRAM);
        }
        fails
    }

    /// Reads host memory; an error is raised and answered with false.
    fn dma_read(&mut self, iova: u64, buf: &mut [u8]) -> bool {
        let ok = !self.dma_fails() && self.host.read(Iova(iova), buf).is_ok();
        self.dma_done(ok)
    }

    /// Writes host memory, likewise.
    fn dma_write(&mut self, iova: u64, data: &[u8]) -> bool {
        let ok = !self.dma_fails() && self.host.write(Iova(iova), data).is_ok();
        self.dma_done(ok)
    }

    fn dma_fails(&mut self) -> bool {
        let fails = self.dma_faults > 0;
        self.dma_faults -= fails as u32;
        fails
    }

    fn dma_done(&mut self, ok: bool) -> bool {
        if !ok {
            self.raise(1 << error_bit::HOST_MEMORY);
        }
        ok
    }

    /// The first byte of the window.
    fn window_base(&self) -> u64 {
        self.regs[reg::WINDOW_BASE_LO] as u64 | (self.regs[reg::WINDOW_BASE_HI] as u64) << 32
    }

    /// Pages that decode.
    fn window_pages(&self) -> u32 {
        self.regs[reg::WINDOW_SIZE].min(self.table_pages)
    }

    /// Page and line of a host physical address, if it decodes.
    fn decode(&self, addr: u64) -> Option<(u32, u8)> {
        let offset = addr.checked_sub(self.window_base())?;
        let page = offset >> PAGE_BYTES.ilog2();
        (page < self.window_pages() as u64).then_some((page as u32, (offset >> 6) as u8 & 63))
    }
}

impl Default for ModelDevice {
    fn default() -> Self {
        Self::new()
    }
}

/// The register at an offset, with its position.
fn find(offset: u32) -> Result<Option<(usize, &'static Register)>, CarrierError> {
    let limit = tideline_abi::regs::BAR0_BYTES;
    if !offset.is_multiple_of(4) || offset >= limit {
        return Err(CarrierError::BadOffset { offset, limit });
    }
    Ok(REGISTERS.binary_search_by_key(&offset, |r| r.offset).ok().map(|i| (i, &REGISTERS[i])))
}

//! The dirty-line log: records of first writes in a ring in host memory.

use super::{INTR_LOG, ModelDevice};
use tideline_abi::geometry::LINES_PER_PAGE;
use tideline_abi::log::{LOG_RECORD_BYTES, LogRecord};
use tideline_abi::regs::reg;

/// Records of a 64-byte beat.
const BEAT: u32 = 8;

/// The log. All zero while it is off.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    /// Records put into the ring.
    made: u32,
    /// Of these, in host memory.
    tail: u32,
    /// The ones between.
    fresh: Vec<LogRecord>,
    /// Steps since the first of them.
    age: u32,
    dropped: u32,
    /// Tail at the last interrupt, and steps since the first record after it.
    told: u32,
    waited: u32,
}

impl Log {
    pub(super) fn tail(&self) -> u32 {
        self.tail
    }

    pub(super) fn dropped(&self) -> u32 {
        self.dropped
    }

    pub(super) fn is_idle(&self) -> bool {
        self.fresh.is_empty() && self.told == self.tail
    }
}

impl ModelDevice {
    fn log_is_on(&self) -> bool {
        self.regs[reg::LOG_CONTROL] & 1 == 1
    }

    /// A slot set the dirty bit of this line.
    pub(super) fn log_first_write(&mut self, page: u32, line: u8) {
        if !self.log_is_on() {
            return;
        }
        let size_log2 = self.regs[reg::LOG_SIZE];
        let size = 1u32.checked_shl(size_log2).unwrap_or(0);
        let log = &mut self.log;
        if log.made.wrapping_sub(self.regs[reg::LOG_HEAD]) >= size {
            log.dropped = log.dropped.wrapping_add(1);
            self.regs[reg::LOG_STATUS] |= 1;
            return;
        }
        let number = u64::from(page) * LINES_PER_PAGE as u64 + u64::from(line);
        log.fresh.push(LogRecord::new(number, log.made, size_log2));
        log.made = log.made.wrapping_add(1);
        if log.made.is_multiple_of(BEAT) {
            self.log_flush();
        }
    }

    fn log_flush(&mut self) {
        let (size_log2, base) = (self.regs[reg::LOG_SIZE], self.log_base());
        let records = std::mem::take(&mut self.log.fresh);
        let index = self.log.tail & 1u32.checked_shl(size_log2).unwrap_or(0).wrapping_sub(1);
        let bytes: Vec<u8> = records.iter().flat_map(|record| record.to_bytes()).collect();
        if !self.dma_write(base.wrapping_add(u64::from(index) * LOG_RECORD_BYTES as u64), &bytes) {
            self.regs[reg::LOG_STATUS] |= 1;
        }
        self.log.tail = self.log.made;
        self.log.age = 0;
    }

    fn log_base(&self) -> u64 {
        u64::from(self.regs[reg::LOG_BASE_LO]) | u64::from(self.regs[reg::LOG_BASE_HI]) << 32
    }

    /// One step: old records leave, and the interrupt is raised where enough came.
    pub(super) fn step_log(&mut self) {
        if !self.log_is_on() {
            self.log = Log::default();
            return;
        }
        let timer = self.regs[reg::LOG_TIMER];
        if !self.log.fresh.is_empty() {
            self.log.age += 1;
            if self.log.age > timer {
                self.log_flush();
            }
        }
        let log = &mut self.log;
        let untold = log.tail.wrapping_sub(log.told);
        if untold == 0 {
            log.waited = 0;
        } else if untold >= self.regs[reg::LOG_WATERMARK] || log.waited >= timer {
            log.told = log.tail;
            log.waited = 0;
            self.regs[reg::INTR_STATE] |= INTR_LOG;
        } else {
            log.waited += 1;
        }
    }
}

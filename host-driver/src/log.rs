//! The dirty-line log: which lines are written for the first time in their epoch, as it happens.
//!
//! ```text
//! device.log_start(LogOptions::default())?;
//! // ... stores to tracked pages ...
//! for line in device.log(16) { /* this line was written, and was clean before */ }
//! let status = device.log_stop()?;
//! ```
//!
//! The log is a stream for consumers that want to know early; it is best effort, and says so where it lost something
//! ([`LogStatus`]). What is true is the report of a tracker.

use crate::Error;
use crate::addr::LineAddr;
use crate::carrier::{Carrier, DmaRegion, Iova};
use crate::device::{CAP_LOG, Device, INTR_COMPLETION, INTR_LOG, VECTOR_LOG};
use std::os::fd::RawFd;
use tideline_abi::log::{LOG_LOG2, LOG_RECORD_BYTES, LogRecord};
use tideline_abi::regs::{
    IntrEnable, IntrState, LogBaseHi, LogBaseLo, LogControl, LogDropped, LogHead, LogSize,
    LogStatus as Sticky, LogTail, LogTimer, LogWatermark, Status,
};

/// Bytes of no record: the bits between line and phase are zero in all of them.
const UNWRITTEN: u8 = 0xff;

/// How to log.
#[derive(Clone, Copy, Debug)]
pub struct LogOptions {
    /// Records of the ring: a power of two from 8 to 2^24.
    pub records: u32,
    /// Records that raise an interrupt.
    pub watermark: u32,
    /// Device cycles until fewer than 8 records leave the device, and until fewer than the watermark raise the interrupt.
    pub timer: u32,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self { records: 4096, watermark: 256, timer: 4096 }
    }
}

/// What the log lost since it was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogStatus {
    /// Something was lost.
    pub overflow: bool,
    /// Records that found no place. Wraps.
    pub dropped: u32,
    /// Records whose way to host memory failed.
    pub failed: u64,
}

/// The ring, as long as the log is on.
#[derive(Debug)]
pub(crate) struct Ring {
    region: DmaRegion,
    log2: u32,
    /// Records taken.
    taken: u32,
    /// What the device was told of that.
    told: u32,
    /// Records known to be in memory.
    tail: u32,
    failed: u64,
}

impl Ring {
    fn size(&self) -> u32 {
        1 << self.log2
    }

    pub(crate) fn free<C: Carrier>(self, carrier: &mut C) {
        carrier.dma_free(self.region);
    }
}

impl<C: Carrier> Device<C> {
    /// Starts the log of all tracked pages: with the next first write of a line.
    ///
    /// # Errors
    /// [`Error::NoCapability`], [`Error::LogOn`] if it is on already, [`Error::BadOption`], or the carrier's.
    pub fn log_start(&mut self, options: LogOptions) -> Result<(), Error> {
        self.require(CAP_LOG, "log")?;
        if self.log.is_some() {
            return Err(Error::LogOn);
        }
        let log2 = options.records.trailing_zeros();
        if !options.records.is_power_of_two() || !LOG_LOG2.contains(&log2) {
            let right = "a power of two from 8 to 2^24";
            return Err(Error::BadOption { option: "records", value: options.records.into(), right });
        }
        let region = self.carrier.dma_alloc(options.records as usize * LOG_RECORD_BYTES)?;
        let base = region.iova.0;
        self.carrier.dma_write(region.iova, &vec![UNWRITTEN; region.len])?;
        self.log = Some(Ring { region, log2, taken: 0, told: 0, tail: 0, failed: 0 });
        for (offset, value) in [
            (LogBaseLo::OFFSET, base as u32),
            (LogBaseHi::OFFSET, (base >> 32) as u32),
            (LogSize::OFFSET, log2),
            (LogHead::OFFSET, 0),
            (LogWatermark::OFFSET, options.watermark),
            (LogTimer::OFFSET, options.timer),
            (Sticky::OFFSET, u32::MAX),
            (IntrState::OFFSET, INTR_LOG),
            (IntrEnable::OFFSET, INTR_COMPLETION | INTR_LOG),
            (LogControl::OFFSET, 1),
        ] {
            self.carrier.write32(offset, value)?;
        }
        Ok(())
    }

    /// The next line of the log, if there is one now. Told none, the interrupt is armed: it comes with the next record.
    ///
    /// # Errors
    /// [`Error::LogOff`], [`Error::BadLog`], or the carrier's.
    pub fn log_next(&mut self) -> Result<Option<LineAddr>, Error> {
        loop {
            let ring = self.log.as_mut().ok_or(Error::LogOff)?;
            if ring.taken == ring.tail {
                if ring.told != ring.taken {
                    self.carrier.write32(LogHead::OFFSET, ring.taken)?;
                    ring.told = ring.taken;
                }
                // The interrupt is cleared before the last look, so that none is lost in between.
                self.carrier.write32(IntrState::OFFSET, INTR_LOG)?;
                let tail = self.carrier.read32(LogTail::OFFSET)?;
                if tail.wrapping_sub(ring.taken) > ring.size() {
                    return Err(Error::BadLog { tail, taken: ring.taken, records: ring.size() });
                }
                ring.tail = tail;
                if tail == ring.taken {
                    return Ok(None);
                }
            }
            let index = ring.taken & (ring.size() - 1);
            let at = Iova(ring.region.iova.0 + u64::from(index) * LOG_RECORD_BYTES as u64);
            let mut bytes = [0; LOG_RECORD_BYTES];
            self.carrier.dma_read(at, &mut bytes)?;
            let record = LogRecord::from_bytes(bytes);
            let written = bytes == LogRecord::new(record.line, ring.taken, ring.log2).to_bytes();
            if !written {
                // So that it is not taken for a record in a later pass.
                self.carrier.dma_write(at, &[UNWRITTEN; LOG_RECORD_BYTES])?;
                ring.failed += 1;
            }
            ring.taken = ring.taken.wrapping_add(1);
            if ring.taken.wrapping_sub(ring.told) >= ring.size() / 4 {
                self.carrier.write32(LogHead::OFFSET, ring.taken)?;
                ring.told = ring.taken;
            }
            if written {
                return Ok(Some(LineAddr(record.line)));
            }
        }
    }

    /// The lines of the log as they come. Ends when none came for `waits` waits ([`Carrier::wait`]), or with an error.
    pub fn log(&mut self, waits: u32) -> LogLines<'_, C> {
        LogLines { device: self, waits, ended: false }
    }

    /// An eventfd that becomes readable when records came, if the carrier has one: read it, then take records with
    /// [`Device::log_next`] until there is none. Simulated devices need somebody to let time pass
    /// ([`Carrier::wait`]).
    pub fn log_fd(&self) -> Option<RawFd> {
        self.carrier.interrupt_fd(VECTOR_LOG)
    }

    /// What the log lost so far.
    ///
    /// # Errors
    /// [`Error::LogOff`], or the carrier's.
    pub fn log_status(&mut self) -> Result<LogStatus, Error> {
        let failed = self.log.as_ref().ok_or(Error::LogOff)?.failed;
        let overflow = Sticky(self.carrier.read32(Sticky::OFFSET)?).overflow() == 1;
        Ok(LogStatus { overflow, dropped: self.carrier.read32(LogDropped::OFFSET)?, failed })
    }

    /// Stops the log. Records that were not taken are forgotten.
    ///
    /// # Errors
    /// [`Error::LogOff`]; [`Error::LogStuck`] if the device does not end its writes; or the carrier's.
    pub fn log_stop(&mut self) -> Result<LogStatus, Error> {
        let status = self.log_status()?;
        self.carrier.write32(LogControl::OFFSET, 0)?;
        self.carrier.write32(IntrEnable::OFFSET, INTR_COMPLETION)?;
        for waits in 0.. {
            if Status(self.carrier.read32(Status::OFFSET)?).log() == 0 {
                break;
            }
            if waits == self.options().patience {
                return Err(Error::LogStuck { waits });
            }
            self.carrier.wait()?;
        }
        if let Some(ring) = self.log.take() {
            ring.free(&mut self.carrier);
        }
        Ok(status)
    }
}

/// The lines of the log; see [`Device::log`].
#[derive(Debug)]
pub struct LogLines<'a, C: Carrier> {
    device: &'a mut Device<C>,
    waits: u32,
    ended: bool,
}

impl<C: Carrier> LogLines<'_, C> {
    fn wait(&mut self) -> Result<Option<LineAddr>, Error> {
        for waits in 0.. {
            if let Some(line) = self.device.log_next()? {
                return Ok(Some(line));
            }
            if waits == self.waits {
                break;
            }
            self.device.carrier.wait()?;
        }
        Ok(None)
    }
}

impl<C: Carrier> Iterator for LogLines<'_, C> {
    type Item = Result<LineAddr, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.wait().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

//! A carrier that meddles with another one's traffic.

use std::os::fd::RawFd;
use std::ptr::NonNull;
use tideline_abi::command::{Completion, ENTRY_BYTES, Status};
use tideline_abi::cxl::Line;
use tideline_abi::regs::SqTail;
use tideline_driver::{Arrival, Carrier, CarrierError, DmaRegion, Iova, LineAddr};

/// Passes everything on, except for what it was told to spoil.
pub struct Meddler<C> {
    /// The carrier behind it.
    pub inner: C,
    /// This register reads as this value.
    pub lie: Option<(u32, u32)>,
    /// Writes to this register are lost.
    pub deaf: Option<u32>,
    /// After this many results, reading records fails.
    pub unreadable: Option<u32>,
    /// After this many results, the device is reset just before its records are read.
    pub reset_after: Option<u32>,
    /// After this many doorbells, this line is stored just before the command is seen.
    pub store_after: Option<(u32, LineAddr)>,
    /// Successful completions of harvests get this status, and these flags besides theirs.
    pub spoil: Option<(Status, u16)>,
    /// The window begins at this host physical address.
    pub window_base: Option<u64>,
    /// What every flush is said to be worth.
    pub arrival: Option<Arrival>,
    /// Lines read back so far.
    pub read_backs: u32,
}

/// Counts down: true when it was at 0 already.
fn is_due(count: &mut Option<u32>) -> bool {
    let due = *count == Some(0);
    *count = count.map(|n| n.saturating_sub(1));
    due
}

impl<C> Meddler<C> {
    /// Passes everything on.
    pub fn new(inner: C) -> Self {
        Self {
            inner,
            lie: None,
            deaf: None,
            unreadable: None,
            reset_after: None,
            store_after: None,
            spoil: None,
            window_base: None,
            arrival: None,
            read_backs: 0,
        }
    }
}

impl<C: Carrier> Carrier for Meddler<C> {
    fn name(&self) -> String {
        format!("meddler:{}", self.inner.name())
    }

    fn read32(&mut self, offset: u32) -> Result<u32, CarrierError> {
        match self.lie {
            Some((register, value)) if register == offset => Ok(value),
            _ => self.inner.read32(offset),
        }
    }

    fn write32(&mut self, offset: u32, value: u32) -> Result<(), CarrierError> {
        if let Some((left, line)) = self.store_after.filter(|_| offset == SqTail::OFFSET) {
            self.store_after = left.checked_sub(1).map(|left| (left, line));
            if left == 0 {
                self.inner.store_line(line.offset(), &[0x5a; 64])?;
            }
        }
        if self.deaf == Some(offset) { Ok(()) } else { self.inner.write32(offset, value) }
    }

    fn dma_alloc(&mut self, len: usize) -> Result<DmaRegion, CarrierError> {
        self.inner.dma_alloc(len)
    }

    fn dma_free(&mut self, region: DmaRegion) {
        self.inner.dma_free(region);
    }

    fn dma_read(&mut self, iova: Iova, buf: &mut [u8]) -> Result<(), CarrierError> {
        // A read of another length than that of a queue entry is one of records.
        if !buf.is_empty() && buf.len() != ENTRY_BYTES {
            if is_due(&mut self.unreadable) {
                return Err(CarrierError::Other("spoiled by the test".to_owned()));
            }
            if is_due(&mut self.reset_after) {
                self.reset_after = None;
                self.inner.reset()?;
            }
        }
        self.inner.dma_read(iova, buf)?;
        if let (Some((status, flags)), Ok(entry)) = (self.spoil, <&mut [u8; ENTRY_BYTES]>::try_from(buf)) {
            let completion = Completion::from_bytes(entry);
            if completion.sequence != 0 && completion.status == Status::Success as u16 {
                let (status, flags) = (status as u16, completion.flags | flags);
                *entry = Completion { status, flags, ..completion }.to_bytes();
            }
        }
        Ok(())
    }

    fn dma_write(&mut self, iova: Iova, data: &[u8]) -> Result<(), CarrierError> {
        self.inner.dma_write(iova, data)
    }

    fn wait(&mut self) -> Result<(), CarrierError> {
        self.inner.wait()
    }

    fn most_waits(&self) -> u32 {
        self.inner.most_waits()
    }

    fn reset(&mut self) -> Result<(), CarrierError> {
        self.inner.reset()
    }

    fn window_base(&self) -> u64 {
        self.window_base.unwrap_or_else(|| self.inner.window_base())
    }

    fn frames(&self) -> u32 {
        self.inner.frames()
    }

    fn load_line(&mut self, offset: u64) -> Result<Line, CarrierError> {
        self.inner.load_line(offset)
    }

    fn store_line(&mut self, offset: u64, data: &Line) -> Result<(), CarrierError> {
        self.inner.store_line(offset, data)
    }

    fn window_read(&mut self, offset: u64, buf: &mut [u8]) -> Result<(), CarrierError> {
        self.inner.window_read(offset, buf)
    }

    fn window_write(&mut self, offset: u64, data: &[u8]) -> Result<(), CarrierError> {
        self.inner.window_write(offset, data)
    }

    fn window_memory(&mut self) -> Option<NonNull<[u8]>> {
        self.inner.window_memory()
    }

    fn flush(&mut self, offset: u64, len: u64) -> Result<Arrival, CarrierError> {
        self.inner.flush(offset, len).map(|arrival| self.arrival.unwrap_or(arrival))
    }

    fn read_back(&mut self, offset: u64) -> Result<(), CarrierError> {
        self.read_backs += 1;
        self.inner.read_back(offset)
    }

    fn interrupt_fd(&self, vector: u32) -> Option<RawFd> {
        self.inner.interrupt_fd(vector)
    }
}

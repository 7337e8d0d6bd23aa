//! A carrier that meddles with another one's traffic.

use std::os::fd::RawFd;
use std::ptr::NonNull;
use tideline_abi::cxl::Line;
use tideline_driver::{Carrier, CarrierError, DmaRegion, Iova};

/// Passes everything on, except for what it was told to spoil.
pub struct Meddler<C> {
    /// The carrier behind it.
    pub inner: C,
    /// This register reads as this value.
    pub lie: Option<(u32, u32)>,
    /// Writes to this register are lost.
    pub deaf: Option<u32>,
    /// Reads of DMA memory longer than a queue entry fail.
    pub unreadable: bool,
    /// The window begins at this host physical address.
    pub window_base: Option<u64>,
}

impl<C> Meddler<C> {
    /// Passes everything on.
    pub fn new(inner: C) -> Self {
        Self { inner, lie: None, deaf: None, unreadable: false, window_base: None }
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
        if self.deaf == Some(offset) { Ok(()) } else { self.inner.write32(offset, value) }
    }

    fn dma_alloc(&mut self, len: usize) -> Result<DmaRegion, CarrierError> {
        self.inner.dma_alloc(len)
    }

    fn dma_free(&mut self, region: DmaRegion) {
        self.inner.dma_free(region);
    }

    fn dma_read(&mut self, iova: Iova, buf: &mut [u8]) -> Result<(), CarrierError> {
        if self.unreadable && buf.len() > 64 {
            return Err(CarrierError::Other("spoiled by the test".to_owned()));
        }
        self.inner.dma_read(iova, buf)
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

    fn interrupt_fd(&self, vector: u32) -> Option<RawFd> {
        self.inner.interrupt_fd(vector)
    }
}

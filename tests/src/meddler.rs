//! A carrier that meddles with another one's traffic.

use tideline_abi::cxl::Line;
use tideline_driver::{Arrival, Carrier, CarrierError, DmaRegion, Iova};

/// Passes everything on, except for what it was told to spoil.
pub struct Meddler<C> {
    pub inner: C,
    /// This register reads as this value.
    pub lie: Option<(u32, u32)>,
    /// Writes to this register are lost.
    pub deaf: Option<u32>,
    /// Reads of DMA memory longer than a queue entry fail.
    pub unreadable: bool,
    /// What every flush is said to be worth.
    pub arrival: Option<Arrival>,
    /// Lines read back so far.
    pub read_backs: u32,
}

impl<C> Meddler<C> {
    pub fn new(inner: C) -> Self {
        Self { inner, lie: None, deaf: None, unreadable: false, arrival: None, read_backs: 0 }
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

    fn reset(&mut self) -> Result<(), CarrierError> {
        self.inner.reset()
    }

    fn window_base(&self) -> u64 {
        self.inner.window_base()
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

    fn window_memory(&mut self) -> Option<std::ptr::NonNull<[u8]>> {
        self.inner.window_memory()
    }

    fn flush(&mut self, offset: u64, len: u64) -> Result<Arrival, CarrierError> {
        self.inner.flush(offset, len).map(|arrival| self.arrival.unwrap_or(arrival))
    }

    fn read_back(&mut self, offset: u64) -> Result<(), CarrierError> {
        self.read_backs += 1;
        self.inner.read_back(offset)
    }
}

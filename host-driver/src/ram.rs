//! For unit tests: memory as a carrier, with nothing behind it that could be a device.

use crate::carrier::{Carrier, CarrierError, DmaRegion, Iova};
use crate::window::Window;
use std::ptr::NonNull;
use tideline_abi::cxl::Line;
use tideline_abi::geometry::LINE_BYTES;

/// Bytes that can be loaded and stored, and which lines were stored.
pub(crate) struct Ram {
    pub(crate) bytes: Vec<u8>,
    pub(crate) stored: Vec<u64>,
    /// Give the bytes away as memory.
    pub(crate) mapped: bool,
    /// Stores until one fails.
    pub(crate) stores_left: Option<u32>,
}

impl Ram {
    /// Some pages of bytes that are not zero.
    pub(crate) fn new(pages: usize) -> Self {
        Self { bytes: vec![0xee; pages * 4096], stored: Vec::new(), mapped: false, stores_left: None }
    }

    pub(crate) fn window(&mut self) -> Window<'_> {
        let size = self.bytes.len() as u64;
        Window::new(self, size)
    }

    fn line(&mut self, offset: u64) -> Result<&mut [u8], CarrierError> {
        let size = self.bytes.len() as u64;
        let bad = CarrierError::BadWindow { offset, size };
        if !offset.is_multiple_of(LINE_BYTES as u64) || offset >= size {
            return Err(bad);
        }
        Ok(&mut self.bytes[offset as usize..][..LINE_BYTES])
    }
}

fn no_device<T>() -> Result<T, CarrierError> {
    Err(CarrierError::Other("there is no device".to_owned()))
}

impl Carrier for Ram {
    fn name(&self) -> String {
        "ram".to_owned()
    }
    fn read32(&mut self, _: u32) -> Result<u32, CarrierError> {
        no_device()
    }
    fn write32(&mut self, _: u32, _: u32) -> Result<(), CarrierError> {
        no_device()
    }
    fn dma_alloc(&mut self, _: usize) -> Result<DmaRegion, CarrierError> {
        no_device()
    }
    fn dma_free(&mut self, _: DmaRegion) {}
    fn dma_read(&mut self, _: Iova, _: &mut [u8]) -> Result<(), CarrierError> {
        no_device()
    }
    fn dma_write(&mut self, _: Iova, _: &[u8]) -> Result<(), CarrierError> {
        no_device()
    }
    fn wait(&mut self) -> Result<(), CarrierError> {
        no_device()
    }
    fn reset(&mut self) -> Result<(), CarrierError> {
        no_device()
    }
    fn window_base(&self) -> u64 {
        0
    }
    fn frames(&self) -> u32 {
        0
    }
    fn load_line(&mut self, offset: u64) -> Result<Line, CarrierError> {
        let line = self.line(offset)?;
        Ok(line.try_into().expect("a line has 64 bytes"))
    }
    fn store_line(&mut self, offset: u64, data: &Line) -> Result<(), CarrierError> {
        if let Some(left) = &mut self.stores_left {
            *left = left.checked_sub(1).ok_or(CarrierError::Other("no more stores".to_owned()))?;
        }
        self.line(offset)?.copy_from_slice(data);
        self.stored.push(offset);
        Ok(())
    }
    fn window_memory(&mut self) -> Option<NonNull<[u8]>> {
        self.mapped.then(|| NonNull::from(self.bytes.as_mut_slice()))
    }
}

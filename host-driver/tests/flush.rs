//! What a carrier that maps the window gets for nothing, and what one that does not is told.

use std::ptr::NonNull;
use tideline_abi::cxl::Line;
use tideline_driver::{Arrival, Carrier, CarrierError, DmaRegion, Iova};

/// A window of plain memory, or none, behind no device.
struct Window(Option<Vec<u8>>);

impl Carrier for Window {
    fn name(&self) -> String {
        "window".to_owned()
    }
    fn read32(&mut self, _: u32) -> Result<u32, CarrierError> {
        Ok(0)
    }
    fn write32(&mut self, _: u32, _: u32) -> Result<(), CarrierError> {
        Ok(())
    }
    fn dma_alloc(&mut self, len: usize) -> Result<DmaRegion, CarrierError> {
        Err(CarrierError::NoDmaMemory { len })
    }
    fn dma_free(&mut self, _: DmaRegion) {}
    fn dma_read(&mut self, _: Iova, _: &mut [u8]) -> Result<(), CarrierError> {
        Ok(())
    }
    fn dma_write(&mut self, _: Iova, _: &[u8]) -> Result<(), CarrierError> {
        Ok(())
    }
    fn wait(&mut self) -> Result<(), CarrierError> {
        Ok(())
    }
    fn reset(&mut self) -> Result<(), CarrierError> {
        Ok(())
    }
    fn window_base(&self) -> u64 {
        0
    }
    fn frames(&self) -> u32 {
        0
    }
    fn load_line(&mut self, _: u64) -> Result<Line, CarrierError> {
        Ok([0; 64])
    }
    fn store_line(&mut self, _: u64, _: &Line) -> Result<(), CarrierError> {
        Ok(())
    }
    fn window_memory(&mut self) -> Option<NonNull<[u8]>> {
        self.0.as_deref_mut().map(NonNull::from)
    }
}

#[test]
#[cfg(target_arch = "x86_64")]
fn mapped_memory_is_flushed_by_the_cpu() {
    let mut carrier = Window(Some((0..8192).map(|i| i as u8).collect()));
    for (offset, len) in [(0, 8192), (0, 0), (8192, 0), (63, 2), (4096, 64), (8191, 1)] {
        let arrival = carrier.flush(offset, len).unwrap_or_else(|e| panic!("{offset}, {len}: {e}"));
        assert_eq!(arrival, Arrival::Platform, "the instruction proves nothing of the link");
    }
    carrier.read_back(8191).expect("inside");
    assert!(carrier.0.iter().flatten().enumerate().all(|(i, &byte)| byte == i as u8), "memory is as before");
}

#[test]
fn a_flush_stays_in_the_window() {
    let mut carrier = Window(Some(vec![0; 8192]));
    for (offset, len) in [(0, 8193), (8192, 1), (1, u64::MAX), (u64::MAX, 1)] {
        let refused = carrier.flush(offset, len);
        assert!(matches!(refused, Err(CarrierError::BadWindow { size: 8192, .. })), "{refused:?}");
    }
    assert!(matches!(carrier.read_back(8192), Err(CarrierError::BadWindow { .. })));
}

#[test]
fn without_mapped_memory_there_is_no_flush() {
    // A box carries what its contents carry.
    let mut carrier: Box<dyn Carrier> = Box::new(Window(None));
    assert!(matches!(carrier.flush(0, 64), Err(CarrierError::NoFlush)));
    let refused = carrier.read_back(0).expect_err("nothing is mapped");
    assert!(refused.to_string().contains("no recall"), "{refused}");
}

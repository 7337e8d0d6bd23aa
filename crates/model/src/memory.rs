//! The two memories that a device reaches: its own, and the host's.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::sync::Arc;
use tideline_abi::cxl::Line;
use tideline_abi::geometry::{LINE_BYTES, PAGE_BYTES};
use tideline_driver::{CarrierError, DmaRegion, Iova};

/// Device memory: frames of 4 KiB, zero until written, kept only where written.
#[derive(Clone, Debug, Default)]
pub struct DeviceMemory {
    frames: HashMap<u32, Box<[Line; PAGE_BYTES / LINE_BYTES]>>,
}

impl DeviceMemory {
    /// Reads a line of a frame.
    pub fn read(&self, frame: u32, line: u8) -> Line {
        self.frames.get(&frame).map_or([0; LINE_BYTES], |f| f[line as usize & 63])
    }

    /// Writes the bytes of a line whose enable bit is set.
    pub fn write(&mut self, frame: u32, line: u8, data: &Line, enable: u64) {
        let frame = self.frames.entry(frame).or_insert_with(|| Box::new([[0; LINE_BYTES]; 64]));
        for (i, byte) in frame[line as usize & 63].iter_mut().enumerate() {
            if enable >> i & 1 == 1 {
                *byte = data[i];
            }
        }
    }
}

/// First IOVA handed out: above 4 GiB, so that the upper halves of address registers are used.
const FIRST_IOVA: u64 = 0x1_0000_0000;

/// Memory of somebody else that a device can access: a client's, behind vfio-user.
///
/// Others change it at any time. An access that is not allowed, or not inside what is shared, is an error, as behind an
/// IOMMU.
pub trait SharedMemory: Debug {
    /// Copies out of the memory.
    ///
    /// # Errors
    /// [`CarrierError::BadDma`]; nothing was read.
    fn read(&self, iova: Iova, buf: &mut [u8]) -> Result<(), CarrierError>;

    /// Copies into the memory.
    ///
    /// # Errors
    /// [`CarrierError::BadDma`]; nothing was written.
    fn write(&self, iova: Iova, data: &[u8]) -> Result<(), CarrierError>;
}

/// Host memory that was allocated for the device, at I/O virtual addresses; or, instead, the memory of somebody else.
///
/// Both sides use it: software through [`HostMemory::read`] and [`HostMemory::write`], a device likewise. An
/// access that is not inside one region is an error, as behind an IOMMU.
#[derive(Clone, Debug)]
pub struct HostMemory {
    regions: BTreeMap<u64, Vec<u8>>,
    limit: usize,
    used: usize,
    shared: Option<Arc<dyn SharedMemory>>,
}

impl HostMemory {
    /// No region yet; at most `limit` bytes may be allocated.
    pub fn new(limit: usize) -> Self {
        Self { regions: BTreeMap::new(), limit, used: 0, shared: None }
    }

    /// Somebody else's memory: nothing can be allocated here.
    pub fn shared(memory: Arc<dyn SharedMemory>) -> Self {
        Self { shared: Some(memory), ..Self::new(0) }
    }

    /// True if the memory is somebody else's.
    pub fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    /// Allocates zeroed memory; the length is rounded up to pages of 4096 bytes.
    ///
    /// # Errors
    /// [`CarrierError::NoDmaMemory`] if the limit is reached.
    pub fn alloc(&mut self, len: usize) -> Result<DmaRegion, CarrierError> {
        let len = len.max(1).checked_next_multiple_of(PAGE_BYTES).ok_or(CarrierError::NoDmaMemory { len })?;
        if len > self.limit - self.used {
            return Err(CarrierError::NoDmaMemory { len });
        }
        // First fit, with an unmapped page behind every region.
        let mut iova = FIRST_IOVA;
        for (&start, bytes) in &self.regions {
            if start - iova > len as u64 {
                break;
            }
            iova = start + (bytes.len() + PAGE_BYTES) as u64;
        }
        self.regions.insert(iova, vec![0; len]);
        self.used += len;
        Ok(DmaRegion { iova: Iova(iova), len })
    }

    /// Gives a region back; a region that is not allocated is ignored.
    pub fn free(&mut self, region: DmaRegion) {
        if let Some(bytes) = self.regions.remove(&region.iova.0) {
            self.used -= bytes.len();
        }
    }

    /// Copies out of a region.
    ///
    /// # Errors
    /// [`CarrierError::BadDma`] if the bytes are not all inside one region.
    pub fn read(&self, iova: Iova, buf: &mut [u8]) -> Result<(), CarrierError> {
        if let Some(memory) = &self.shared {
            return memory.read(iova, buf);
        }
        let bad = CarrierError::BadDma { iova: iova.0, len: buf.len() };
        let (start, bytes) = self.regions.range(..=iova.0).next_back().ok_or(bad)?;
        let from = (iova.0 - start) as usize;
        let part = from.checked_add(buf.len()).and_then(|to| bytes.get(from..to));
        buf.copy_from_slice(part.ok_or(CarrierError::BadDma { iova: iova.0, len: buf.len() })?);
        Ok(())
    }

    /// Copies into a region.
    ///
    /// # Errors
    /// As [`HostMemory::read`].
    pub fn write(&mut self, iova: Iova, data: &[u8]) -> Result<(), CarrierError> {
        if let Some(memory) = &self.shared {
            return memory.write(iova, data);
        }
        let bad = || CarrierError::BadDma { iova: iova.0, len: data.len() };
        let (start, bytes) = self.regions.range_mut(..=iova.0).next_back().ok_or_else(bad)?;
        let from = (iova.0 - start) as usize;
        let part = from.checked_add(data.len()).and_then(|to| bytes.get_mut(from..to));
        part.ok_or_else(bad)?.copy_from_slice(data);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_memory_is_zero_until_written_and_honours_byte_enables() {
        let mut m = DeviceMemory::default();
        assert_eq!(m.read(3, 5), [0; 64]);
        m.write(3, 5, &[0xaa; 64], 0b101);
        let line = m.read(3, 5);
        assert_eq!(line[..4], [0xaa, 0, 0xaa, 0]);
        assert_eq!(m.read(3, 4), [0; 64]);
    }

    #[test]
    fn regions_are_apart_and_reused() {
        let mut m = HostMemory::new(4 * PAGE_BYTES);
        let a = m.alloc(1).unwrap();
        let b = m.alloc(PAGE_BYTES + 1).unwrap();
        assert_eq!((a.len, b.len), (PAGE_BYTES, 2 * PAGE_BYTES));
        assert!(b.iova.0 > a.iova.0 + a.len as u64, "a gap catches overruns");
        assert!(matches!(m.alloc(2 * PAGE_BYTES), Err(CarrierError::NoDmaMemory { .. })));
        m.free(a);
        assert_eq!(m.alloc(1).unwrap().iova, a.iova);
    }

    #[test]
    fn accesses_outside_a_region_are_errors() {
        let mut m = HostMemory::new(usize::MAX);
        let a = m.alloc(PAGE_BYTES).unwrap();
        m.write(Iova(a.iova.0 + 4090), &[1; 6]).unwrap();
        let mut buf = [0; 6];
        m.read(Iova(a.iova.0 + 4090), &mut buf).unwrap();
        assert_eq!(buf, [1; 6]);
        for iova in [0, a.iova.0 - 1, a.iova.0 + 4091, u64::MAX] {
            assert!(m.read(Iova(iova), &mut buf).is_err(), "{iova:#x}");
            assert!(m.write(Iova(iova), &buf).is_err(), "{iova:#x}");
        }
    }
}

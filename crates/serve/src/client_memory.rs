//! The client's memory, as far as it lets the device access it.
//!
//! DMA_MAP names a range of I/O virtual addresses and a file that holds the memory. A file is mapped here once, however many
//! ranges lie in it: behind a virtual IOMMU every page comes as a range of its own. A range without a file cannot be
//! accessed, nor can anything while the function is no bus master; the device then gets an error for its access, and the log
//! an entry.

use crate::Refusal;
use rustix::fs::{OFlags, SeekFrom, fcntl_getfl, fstat, seek};
use rustix::io::Errno;
use std::collections::{BTreeMap, HashMap};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tideline_abi::geometry::PAGE_BYTES;
use tideline_driver::shared_memory::SharedMapping;
use tideline_driver::vfio_user::wire::{DmaMap, DmaUnmap, UNMAP_ALL, dma_flag};
use tideline_driver::{CarrierError, Iova};
use tideline_model::SharedMemory;

/// What the client has mapped for the device.
#[derive(Debug, Default)]
pub struct ClientMemory(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    ranges: BTreeMap<u64, Range>,
    /// By device, inode and whether it may be written.
    files: HashMap<(u64, u64, bool), Arc<SharedFile>>,
    bus_master: bool,
    complaints: Vec<String>,
}

/// A range of addresses.
#[derive(Debug)]
struct Range {
    size: u64,
    flags: u32,
    /// The file and where in it, if there is one.
    file: Option<(Arc<SharedFile>, u64)>,
}

/// A file of the client, mapped whole.
#[derive(Debug)]
struct SharedFile {
    fd: OwnedFd,
    mapping: SharedMapping,
    /// The client was seen to write through it, or has been told that it does not.
    checked: Mutex<bool>,
}

/// Ranges of one client at most, as the kernel has it by default.
const RANGES: usize = 65_535;
/// Complaints kept until somebody asks for them.
const COMPLAINTS: usize = 100;

impl ClientMemory {
    /// Lets the device access memory from now on.
    ///
    /// # Errors
    /// If the range makes no sense, overlaps another one, or its file does not hold it.
    pub fn map(&self, map: &DmaMap, file: Option<OwnedFd>) -> Result<(), Refusal> {
        let &DmaMap { offset, address, size, flags, .. } = map;
        let text = format!("DMA_MAP of {size:#x} bytes at {address:#x}");
        let page = PAGE_BYTES as u64;
        let aligned = [address, size, offset].iter().all(|v| v.is_multiple_of(page));
        let end = address.checked_add(size).filter(|_| aligned && size > 0);
        let Some(end) = end else {
            return Err(Refusal::new(Errno::INVAL, format!("{text}: must be whole pages of {page} bytes")));
        };
        let mut state = self.state();
        let before = state.ranges.range(..end).next_back();
        if before.is_some_and(|(&start, range)| start + range.size > address) {
            return Err(Refusal::new(Errno::EXIST, format!("{text}: overlaps what is mapped already")));
        }
        if state.ranges.len() >= RANGES {
            return Err(Refusal::new(Errno::NOSPC, format!("{text}: there are {RANGES} ranges already")));
        }
        let file = match file {
            Some(file) => {
                Some((state.file(file, offset, size, flags).map_err(|e| e.context(&text))?, offset))
            }
            None => {
                // Memory that nobody may write is firmware, which no driver gives to a device.
                if flags & dma_flag::WRITE == 0 {
                    state.ranges.insert(address, Range { size, flags, file: None });
                    return Ok(());
                }
                let hint = "a QEMU memory backend needs share=on";
                state.complain(format!("{text} has no file descriptor: the device cannot access it; {hint}"));
                None
            }
        };
        state.ranges.insert(address, Range { size, flags, file });
        Ok(())
    }

    /// Takes memory away from the device. What was never mapped is none of its business.
    ///
    /// # Errors
    /// If a range would have to be split.
    pub fn unmap(&self, unmap: &DmaUnmap) -> Result<(), Refusal> {
        let mut state = self.state();
        let &DmaUnmap { flags, address, size, .. } = unmap;
        if flags & UNMAP_ALL != 0 {
            state.ranges.clear();
        } else {
            let last = address.saturating_add(size.saturating_sub(1));
            let touched: Vec<(u64, u64)> = state
                .ranges
                .range(..=last)
                .rev()
                .map(|(&start, range)| (start, start + (range.size - 1)))
                .take_while(|&(_, end)| end >= address && size > 0)
                .collect();
            if touched.iter().any(|&(start, end)| start < address || end > last) {
                let what = format!("DMA_UNMAP of {size:#x} bytes at {address:#x}: splits a range");
                return Err(Refusal::new(Errno::INVAL, what));
            }
            touched.iter().for_each(|(start, _)| drop(state.ranges.remove(start)));
        }
        // A file that no range lies in is only held by the table.
        state.files.retain(|_, file| Arc::strong_count(file) > 1);
        Ok(())
    }

    /// Takes everything away.
    pub fn clear(&self) {
        *self.state() = State::default();
    }

    /// The function may access memory, or not.
    pub fn set_bus_master(&self, bus_master: bool) {
        self.state().bus_master = bus_master;
    }

    /// What there is to tell since last asked.
    pub fn take_complaints(&self) -> Vec<String> {
        std::mem::take(&mut self.state().complaints)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does `copy` for each piece of an access, after all pieces were found to be allowed.
    fn access(
        &self,
        iova: Iova,
        len: usize,
        flag: u32,
        mut copy: impl FnMut(&SharedFile, usize, std::ops::Range<usize>) -> bool,
    ) -> Result<(), CarrierError> {
        let mut state = self.state();
        let pieces = state.pieces(iova.0, len, flag);
        let done = pieces.and_then(|pieces| {
            let mut done = 0;
            for (file, offset, bytes) in pieces {
                if flag == dma_flag::READ
                    && let Some(complaint) = file.check_shared(offset)
                {
                    state.complain(complaint);
                }
                if !file.is_whole() || !copy(&file, offset as usize, done..done + bytes) {
                    return Err("the client's file has become shorter");
                }
                done += bytes;
            }
            Ok(())
        });
        done.map_err(|why| {
            let verb = if flag == dma_flag::READ { "read" } else { "write" };
            state.complain(format!("the device was to {verb} {len} bytes at {:#x}: {why}", iova.0));
            CarrierError::BadDma { iova: iova.0, len }
        })
    }
}

impl State {
    fn complain(&mut self, what: String) {
        if self.complaints.len() < COMPLAINTS {
            self.complaints.push(what);
        }
    }

    /// The mapping of a client's file, made unless it is there already.
    fn file(&mut self, fd: OwnedFd, offset: u64, size: u64, flags: u32) -> Result<Arc<SharedFile>, Refusal> {
        let refuse = |what: &str, error: Errno| Refusal::new(error, format!("{what}: {error}"));
        let stat = fstat(&fd).map_err(|e| refuse("its file descriptor", e))?;
        let len = stat.st_size as u64;
        if offset.checked_add(size).is_none_or(|end| end > len) {
            let what = format!("its file has {len:#x} bytes, too few for offset {offset:#x}");
            return Err(Refusal::new(Errno::INVAL, what));
        }
        let mode = fcntl_getfl(&fd).map_err(|e| refuse("its file descriptor", e))?;
        let writable = mode.contains(OFlags::RDWR);
        if flags & dma_flag::WRITE != 0 && !writable {
            return Err(Refusal::new(Errno::ACCESS, "its file was not opened for writing"));
        }
        let key = (stat.st_dev, stat.st_ino, writable);
        if let Some(file) = self.files.get(&key).filter(|f| f.mapping.len() as u64 >= offset + size) {
            return Ok(file.clone());
        }
        let mapping = SharedMapping::map(fd.as_fd(), len as usize, writable)
            .map_err(|e| Refusal::new(Errno::NODEV, format!("its file cannot be mapped: {e}")))?;
        let file = Arc::new(SharedFile { fd, mapping, checked: Mutex::new(false) });
        self.files.insert(key, file.clone());
        Ok(file)
    }

    /// The pieces of files that hold these bytes: file, offset, length.
    #[allow(clippy::type_complexity, reason = "used once, just above")]
    fn pieces(
        &self,
        mut address: u64,
        len: usize,
        flag: u32,
    ) -> Result<Vec<(Arc<SharedFile>, u64, usize)>, &'static str> {
        if !self.bus_master {
            return Err("bus mastering is off in COMMAND");
        }
        let mut pieces = Vec::with_capacity(1);
        let mut left = len as u64;
        while left > 0 {
            let found = self.ranges.range(..=address).next_back();
            let found = found.filter(|(start, range)| address - *start < range.size);
            let (start, range) = found.ok_or("not mapped")?;
            if range.flags & flag == 0 {
                return Err("mapped without this permission");
            }
            let (file, offset) = range.file.as_ref().ok_or("mapped without a file descriptor")?;
            let within = address - start;
            let bytes = left.min(range.size - within);
            pieces.push((file.clone(), offset + within, bytes as usize));
            left -= bytes;
            address = address.checked_add(bytes).filter(|_| left > 0).unwrap_or(address);
        }
        Ok(pieces)
    }
}

impl SharedFile {
    /// The file still has all that is mapped of it: an access beyond its end would kill this process.
    fn is_whole(&self) -> bool {
        fstat(&self.fd).is_ok_and(|stat| stat.st_size as u64 >= self.mapping.len() as u64)
    }

    /// Is the memory really shared? The device reads what the client has written before, so a page that was never written
    /// means that the client's writes go elsewhere: its memory is a private copy of the file.
    fn check_shared(&self, offset: u64) -> Option<String> {
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut *checked, true) {
            return None;
        }
        let page = offset / PAGE_BYTES as u64 * PAGE_BYTES as u64;
        match seek(&self.fd, SeekFrom::Data(page)) {
            Ok(data) if data < page + PAGE_BYTES as u64 => None,
            Ok(_) | Err(Errno::NXIO) => Some(format!(
                "the device reads memory that the client never wrote (offset {offset:#x} of its file): is the memory \
                 really shared? a QEMU memory backend needs share=on"
            )),
            // A kind of file that does not know.
            Err(_) => None,
        }
    }
}

impl SharedMemory for ClientMemory {
    fn read(&self, iova: Iova, buf: &mut [u8]) -> Result<(), CarrierError> {
        self.access(iova, buf.len(), dma_flag::READ, |file, offset, bytes| {
            file.mapping.read(offset, &mut buf[bytes])
        })
    }

    fn write(&self, iova: Iova, data: &[u8]) -> Result<(), CarrierError> {
        self.access(iova, data.len(), dma_flag::WRITE, |file, offset, bytes| {
            file.mapping.write(offset, &data[bytes])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

    const BOTH: u32 = dma_flag::READ | dma_flag::WRITE;

    fn file(pages: u64) -> OwnedFd {
        let file = memfd_create("test", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&file, pages * 4096).unwrap();
        file
    }

    fn map(address: u64, size: u64, offset: u64, flags: u32) -> DmaMap {
        DmaMap { argsz: 32, flags, offset, address, size }
    }

    fn unmap(address: u64, size: u64) -> DmaUnmap {
        DmaUnmap { argsz: 24, flags: 0, address, size }
    }

    fn memory() -> ClientMemory {
        let memory = ClientMemory::default();
        memory.set_bus_master(true);
        memory
    }

    fn complaint(memory: &ClientMemory, words: &str) {
        let told = memory.take_complaints();
        assert!(told.iter().any(|t| t.contains(words)), "{words:?} is not in {told:?}");
    }

    #[test]
    fn pages_of_one_file_are_one_mapping() {
        let (memory, file) = (memory(), file(4));
        // Neighbours in addresses that are none in the file.
        for (page, offset) in [(0, 3), (1, 0), (2, 2)] {
            let map = map(0x10_0000 + page * 4096, 4096, offset * 4096, BOTH);
            memory.map(&map, Some(file.try_clone().unwrap())).unwrap();
        }
        assert_eq!(memory.state().files.len(), 1);
        memory.write(Iova(0x10_0ff0), &[7; 32]).unwrap();
        let view = SharedMapping::map(file.as_fd(), 4 * 4096, false).unwrap();
        let mut bytes = [0; 16];
        assert!(view.read(3 * 4096 + 4080, &mut bytes) && bytes == [7; 16]);
        assert!(view.read(0, &mut bytes) && bytes == [7; 16]);
        let mut back = [0; 32];
        memory.read(Iova(0x10_0ff0), &mut back).unwrap();
        assert_eq!(back, [7; 32]);
        memory.unmap(&unmap(0x10_0000, 3 * 4096)).unwrap();
        assert!(memory.state().files.is_empty(), "nobody needs the file any more");
        assert!(memory.read(Iova(0x10_0000), &mut back).is_err());
        complaint(&memory, "at 0x100000: not mapped");
    }

    #[test]
    fn what_is_not_allowed_is_not_done() {
        let memory = memory();
        memory.map(&map(0x1000, 0x1000, 0, dma_flag::READ), Some(file(1))).unwrap();
        memory.map(&map(0x2000, 0x1000, 0, BOTH), None).unwrap();
        complaint(&memory, "share=on");
        memory.map(&map(0x3000, 0x1000, 0, BOTH), Some(file(1))).unwrap();
        let mut buf = [0; 64];
        assert!(memory.write(Iova(0x1000), &buf).is_err());
        complaint(&memory, "without this permission");
        assert!(memory.read(Iova(0x2000), &mut buf).is_err());
        complaint(&memory, "without a file descriptor");
        assert!(memory.write(Iova(0x3fe0), &buf).is_err(), "runs off the end");
        assert!(memory.read(Iova(u64::MAX - 10), &mut buf).is_err());
        memory.write(Iova(0x3fc0), &buf).unwrap();
        memory.take_complaints();
        memory.set_bus_master(false);
        assert!(memory.read(Iova(0x3000), &mut buf).is_err());
        complaint(&memory, "bus mastering");
    }

    #[test]
    fn maps_that_make_no_sense_are_refused() {
        let memory = memory();
        memory.map(&map(0x4000, 0x2000, 0, BOTH), Some(file(2))).unwrap();
        for (bad, errno) in [
            (map(0x1001, 0x1000, 0, BOTH), Errno::INVAL),
            (map(0x1000, 0x800, 0, BOTH), Errno::INVAL),
            (map(0x1000, 0, 0, BOTH), Errno::INVAL),
            (map(0x1000, 0x1000, 1, BOTH), Errno::INVAL),
            (map(0x1000, 0x1000, 0x1000, BOTH), Errno::INVAL),
            (map(u64::MAX - 0xfff, 0x1000, 0, BOTH), Errno::INVAL),
            (map(0x5000, 0x1000, 0, BOTH), Errno::EXIST),
            (map(0x3000, 0x2000, 0, BOTH), Errno::EXIST),
        ] {
            let refused = memory.map(&bad, Some(file(1))).unwrap_err();
            assert_eq!(refused.errno, errno, "{bad:x?}: {refused}");
        }
        for (address, size) in [(0x4000, 0x1000), (0x5000, 0x1000), (0x4000, 0x1800)] {
            assert_eq!(memory.unmap(&unmap(address, size)).unwrap_err().errno, Errno::INVAL);
        }
        memory.unmap(&unmap(0x8000, 0x1000)).unwrap();
        memory.unmap(&unmap(0, u64::MAX)).unwrap();
        memory.map(&map(0x5000, 0x1000, 0, BOTH), Some(file(1))).unwrap();
    }

    #[test]
    fn memory_that_is_not_shared_is_told() {
        let (memory, private) = (memory(), file(1));
        memory.map(&map(0, 0x1000, 0, BOTH), Some(private)).unwrap();
        memory.read(Iova(0), &mut [0; 64]).unwrap();
        complaint(&memory, "really shared");
        memory.read(Iova(0), &mut [0; 64]).unwrap();
        assert!(memory.take_complaints().is_empty(), "told once");

        let shared = file(1);
        assert!(SharedMapping::map(shared.as_fd(), 4096, true).unwrap().write(0, &[1]));
        memory.map(&map(0x1000, 0x1000, 0, BOTH), Some(shared)).unwrap();
        memory.read(Iova(0x1000), &mut [0; 64]).unwrap();
        assert!(memory.take_complaints().is_empty());
    }

    #[test]
    fn a_file_that_shrinks_kills_nobody() {
        let (memory, file) = (memory(), file(2));
        memory.map(&map(0, 0x2000, 0, BOTH), Some(file.try_clone().unwrap())).unwrap();
        ftruncate(&file, 4096).unwrap();
        assert!(memory.write(Iova(0x1000), &[1; 64]).is_err());
        complaint(&memory, "shorter");
    }
}

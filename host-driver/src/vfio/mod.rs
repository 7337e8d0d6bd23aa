//! The carrier `vfio:BDF`: a board, or a device of a QEMU guest, through the kernel's VFIO.
//!
//! Group and container (`/dev/vfio/N`, `/dev/vfio/vfio`): registers and window are mapped into this process, memory for DMA
//! is mapped for the device by the IOMMU, interrupts are MSI-X vectors that arrive at eventfds. Nothing of it needs root
//! once the group's file belongs to the user.
//!
//! * [`locate`]: finds the device and says what is in the way.
//! * [`VfioError`]: each with what to do about it.
//! * `iova`: addresses for DMA.

mod error;
mod iova;
mod locate;

pub use error::VfioError;
pub use locate::{Place, Roots, locate};

use crate::Bdf;
use crate::carrier::{Carrier, CarrierError, DmaRegion, Iova};
use crate::shared_memory::{read_shared, write_shared};
use iova::IovaSpace;
use memmap2::{MmapMut, MmapOptions, MmapRaw};
use std::collections::BTreeMap;
use std::io;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::os::fd::{AsRawFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::time::{Duration, Instant};
use tideline_abi::cxl::Line;
use tideline_abi::geometry::{LINE_BYTES, PAGE_BYTES};
use tideline_abi::pci::{Bar, REGISTER_BAR, VECTORS, WINDOW_BAR, config, config_bit};
use tideline_abi::regs::{BAR0_BYTES, ID_VALUE, Id, Status};
use vfio_bindings::bindings::vfio::{
    VFIO_PCI_CONFIG_REGION_INDEX, VFIO_PCI_MSIX_IRQ_INDEX, VFIO_PCI_REQ_IRQ_INDEX, VFIO_REGION_INFO_FLAG_MMAP,
};
use vfio_ioctls::{VfioContainer, VfioDevice};
use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

/// The vector of the log. Whoever reads the log takes its interrupts, from the eventfd that the carrier hands out.
const LOG_VECTOR: usize = 2;

/// How long [`Carrier::wait`] waits for an interrupt.
const WAIT: Duration = Duration::from_millis(1);
/// Waits until a command counts as lost: a minute.
const MOST_WAITS: u32 = 60_000;
/// How long a reset may take until the device is ready.
const RESET_LIMIT: Duration = Duration::from_secs(10);

/// The kind of capability that is the vendor's own. A board's PCIe block may put it elsewhere than the table does.
const VENDOR_CAPABILITY: u8 = 0x09;
/// Where the vendor's capability tells the frames of device memory.
const FRAMES_AT: u64 = (config::DEVICE_FRAMES - config::VENDOR_CAP_ID) as u64;
/// Requests to the kernel have no argument here: `_IO(';', 111)` of linux/vfio.h.
const VFIO_DEVICE_RESET: libc::c_ulong = 0x3b6f;

/// A device behind `/dev/vfio`.
pub struct VfioCarrier {
    bdf: Bdf,
    registers: MmapRaw,
    window: MmapRaw,
    /// Host physical address of the window.
    window_base: u64,
    frames: u32,
    iova: IovaSpace,
    /// Memory that the device may access, by its first address.
    memory: BTreeMap<u64, MmapRaw>,
    interrupts: Vec<EventFd>,
    /// The kernel wants the device back.
    leaving: EventFd,
    counts: [u64; VECTORS as usize],
    /// Closed behind its mappings and before the container, which is the order of the fields.
    device: OpenDevice,
    container: Arc<VfioContainer>,
}

impl std::fmt::Debug for VfioCarrier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VfioCarrier").field("bdf", &self.bdf).finish_non_exhaustive()
    }
}

impl VfioCarrier {
    /// Opens a device that is bound to vfio-pci.
    ///
    /// # Errors
    /// See [`VfioError`]: each says what to do.
    pub fn open(bdf: Bdf) -> Result<Self, VfioError> {
        let place = locate(&Roots::default(), bdf)?;
        let kernel = |what| move |source| VfioError::Kernel { bdf, what, source };
        let event = || EventFd::new(EFD_NONBLOCK);
        let no_event = |source| VfioError::File { path: "eventfd".into(), source };
        let interrupts = (0..VECTORS).map(|_| event()).collect::<io::Result<Vec<_>>>().map_err(no_event)?;
        let leaving = event().map_err(no_event)?;
        let container = VfioContainer::new(None).map_err(kernel("open the container"))?;
        let container = Arc::new(container);
        let device =
            VfioDevice::new(&place.folder, container.clone(), false).map_err(|source| match source {
                vfio_ioctls::VfioError::OpenGroup(source, _) => {
                    VfioError::from_open(bdf, &place.group_file, source)
                }
                vfio_ioctls::VfioError::GroupViable => VfioError::SharedGroup { bdf, group: place.group },
                source => VfioError::Kernel { bdf, what: "open the device", source },
            })?;
        let device = OpenDevice(ManuallyDrop::new(device));
        let registers = map_bar(&device, bdf, &REGISTER_BAR)?;
        let window = map_bar(&device, bdf, &WINDOW_BAR)?;
        let mut carrier = Self {
            bdf,
            registers,
            window,
            window_base: place.window.start,
            frames: 0,
            iova: IovaSpace::new(&place.reserved),
            memory: BTreeMap::new(),
            interrupts,
            leaving,
            counts: [0; VECTORS as usize],
            device,
            container,
        };
        carrier.frames = carrier.memory_size().ok_or(VfioError::NoMemorySize(bdf))?;
        carrier.set_bus_master(true);
        let wants_back = carrier.device.enable_irq(VFIO_PCI_REQ_IRQ_INDEX, vec![&carrier.leaving]);
        wants_back.map_err(kernel("ask to be told of a removal"))?;
        let enabled = carrier.device.enable_msix(carrier.interrupts.iter().collect());
        enabled.map_err(kernel("enable MSI-X"))?;
        Ok(carrier)
    }

    /// How often each interrupt fired that was taken note of so far: by [`Carrier::wait`], or by this call.
    pub fn interrupt_counts(&mut self) -> [u64; VECTORS as usize] {
        self.take_interrupts();
        self.counts
    }

    /// Frames of the device's memory, from the vendor's own capability in configuration space.
    fn memory_size(&self) -> Option<u32> {
        let byte = |at| self.config::<1>(at)[0];
        let mut at = byte(config::CAP_POINTER as u64);
        // 48 capabilities fit; a list that is longer runs in a circle.
        for _ in 0..48 {
            if at == 0 {
                return None;
            }
            let here = u64::from(at & !3);
            if byte(here) == VENDOR_CAPABILITY {
                return Some(u32::from_le_bytes(self.config(here + FRAMES_AT)));
            }
            at = byte(here + 1);
        }
        None
    }

    /// Lets the device access memory, or no longer.
    fn set_bus_master(&self, on: bool) {
        let (memory, bus_master) = (1 << config_bit::COMMAND_MEMORY, 1 << config_bit::COMMAND_BUS_MASTER);
        let command = u16::from_le_bytes(self.config(config::COMMAND as u64)) | memory | bus_master;
        let command = if on { command } else { command & !bus_master };
        let bytes = command.to_le_bytes();
        self.device.region_write(VFIO_PCI_CONFIG_REGION_INDEX, &bytes, config::COMMAND as u64);
    }

    fn config<const N: usize>(&self, offset: u64) -> [u8; N] {
        // A device that does not answer reads as all ones.
        let mut bytes = [0xff; N];
        self.device.region_read(VFIO_PCI_CONFIG_REGION_INDEX, &mut bytes, offset);
        bytes
    }

    /// The register at an offset that was checked.
    fn register(&self, offset: u32) -> *mut u32 {
        self.registers.as_mut_ptr().wrapping_add(offset as usize).cast()
    }

    /// Whether the device still answers: a link that is down reads as all ones, and some bridges make up zeros.
    fn check_present(&self) -> Result<(), CarrierError> {
        // SAFETY: the register lies in the mapping and is aligned.
        let id = u32::from_le(unsafe { self.register(Id::OFFSET).read_volatile() });
        if id == ID_VALUE {
            return Ok(());
        }
        Err(CarrierError::Gone { what: format!("the ID register of {} reads {id:#010x}", self.name()) })
    }

    /// Part of the window as memory, if it lies in it.
    fn window_at(&self, offset: u64, len: usize) -> Result<*mut u8, CarrierError> {
        let size = self.window.len() as u64;
        match offset.checked_add(len as u64) {
            Some(end) if end <= size => Ok(self.window.as_mut_ptr().wrapping_add(offset as usize)),
            _ => Err(CarrierError::BadWindow { offset, size }),
        }
    }

    /// Part of the memory for DMA, if it lies in one region.
    fn dma_at(&self, iova: Iova, len: usize) -> Result<*mut u8, CarrierError> {
        let bad = CarrierError::BadDma { iova: iova.0, len };
        let Some((&start, memory)) = self.memory.range(..=iova.0).next_back() else { return Err(bad) };
        let offset = (iova.0 - start) as usize;
        match offset.checked_add(len) {
            Some(end) if end <= memory.len() => Ok(memory.as_mut_ptr().wrapping_add(offset)),
            _ => Err(bad),
        }
    }

    /// Takes the interrupts that have arrived, all but those of the log.
    fn take_interrupts(&mut self) {
        for (vector, (count, event)) in self.counts.iter_mut().zip(&self.interrupts).enumerate() {
            if vector != LOG_VECTOR {
                // Nothing to read means that none has come.
                *count += event.read().unwrap_or(0);
            }
        }
    }
}

/// Maps a base address register.
fn map_bar(device: &VfioDevice, bdf: Bdf, bar: &Bar) -> Result<MmapRaw, VfioError> {
    let mappable = device.get_region_flags(bar.index) & VFIO_REGION_INFO_FLAG_MMAP != 0;
    let size = if mappable { device.get_region_size(bar.index) } else { 0 };
    if size < bar.bytes {
        return Err(VfioError::BadBar { bdf, bar: bar.index, size, expected: bar.bytes });
    }
    let mut options = MmapOptions::new();
    let mapped = options
        .offset(device.get_region_offset(bar.index))
        .len(bar.bytes as usize)
        .map_raw(device.as_raw_fd());
    mapped.map_err(|source| VfioError::File { path: format!("{bdf}, BAR{}", bar.index).into(), source })
}

/// A device that is closed whatever became of it.
struct OpenDevice(ManuallyDrop<VfioDevice>);

impl Deref for OpenDevice {
    type Target = VfioDevice;

    fn deref(&self) -> &VfioDevice {
        &self.0
    }
}

impl Drop for OpenDevice {
    fn drop(&mut self) {
        // vfio-ioctls looks the group up in sysfs once more and panics if the device was pulled out meanwhile. The kernel
        // has closed what it had to by then.
        let close = || {
            // SAFETY: it is dropped once, here, and nothing uses it afterwards.
            unsafe { ManuallyDrop::drop(&mut self.0) };
        };
        let _ = catch_unwind(AssertUnwindSafe(close));
    }
}

impl Carrier for VfioCarrier {
    fn name(&self) -> String {
        format!("vfio:{}", self.bdf)
    }

    fn read32(&mut self, offset: u32) -> Result<u32, CarrierError> {
        check_register(offset)?;
        // SAFETY: the register lies in the mapping and is aligned.
        let value = unsafe { self.register(offset).read_volatile() };
        if value == u32::MAX {
            self.check_present()?;
        }
        Ok(u32::from_le(value))
    }

    fn write32(&mut self, offset: u32, value: u32) -> Result<(), CarrierError> {
        check_register(offset)?;
        // What was written to DMA memory before must be seen by a device that this write starts.
        fence(Ordering::SeqCst);
        // SAFETY: the register lies in the mapping and is aligned.
        unsafe { self.register(offset).write_volatile(value.to_le()) };
        Ok(())
    }

    fn dma_alloc(&mut self, len: usize) -> Result<DmaRegion, CarrierError> {
        let none = CarrierError::NoDmaMemory { len };
        let Some(size) = len.max(1).checked_next_multiple_of(PAGE_BYTES) else { return Err(none) };
        let Ok(memory) = MmapMut::map_anon(size).map(MmapRaw::from) else { return Err(none) };
        let Some(iova) = self.iova.take(size as u64) else { return Err(none) };
        // SAFETY: no reference to this memory exists: it is accessed through pointers only, as the device does at any time.
        if let Err(source) = unsafe { self.container.vfio_dma_map(iova, size, memory.as_mut_ptr()) } {
            self.iova.give(iova, size as u64);
            return Err(CarrierError::Other(format!(
                "cannot map {size} bytes for DMA: {source}; memory for DMA is locked: see `ulimit -l`"
            )));
        }
        self.memory.insert(iova, memory);
        Ok(DmaRegion { iova: Iova(iova), len: size })
    }

    fn dma_free(&mut self, region: DmaRegion) {
        let Some(memory) = self.memory.remove(&region.iova.0) else { return };
        match self.container.vfio_dma_unmap(region.iova.0, memory.len()) {
            Ok(()) => self.iova.give(region.iova.0, memory.len() as u64),
            // The device might still reach it: it is nobody else's until the process ends.
            Err(_) => std::mem::forget(memory),
        }
    }

    fn dma_read(&mut self, iova: Iova, buf: &mut [u8]) -> Result<(), CarrierError> {
        let from = self.dma_at(iova, buf.len())?;
        // SAFETY: the memory is mapped, and nobody has a reference to it.
        unsafe { read_shared(from, buf) };
        Ok(())
    }

    fn dma_write(&mut self, iova: Iova, data: &[u8]) -> Result<(), CarrierError> {
        let to = self.dma_at(iova, data.len())?;
        // SAFETY: the memory is mapped, and nobody has a reference to it.
        unsafe { write_shared(to, data) };
        Ok(())
    }

    fn wait(&mut self) -> Result<(), CarrierError> {
        let driver_events =
            self.interrupts.iter().enumerate().filter(|&(v, _)| v != LOG_VECTOR).map(|(_, e)| e);
        let mut polls: Vec<libc::pollfd> = driver_events
            .chain([&self.leaving])
            .map(|event| libc::pollfd { fd: event.as_raw_fd(), events: libc::POLLIN, revents: 0 })
            .collect();
        // SAFETY: the list is as long as it says. An interrupted call counts as a wait.
        let ready =
            unsafe { libc::poll(polls.as_mut_ptr(), polls.len() as libc::nfds_t, WAIT.as_millis() as i32) };
        if polls.last().is_some_and(|leaving| leaving.revents != 0) {
            return Err(CarrierError::Leaving { name: self.name() });
        }
        if ready > 0 {
            self.take_interrupts();
            return Ok(());
        }
        self.check_present()
    }

    fn most_waits(&self) -> u32 {
        MOST_WAITS
    }

    fn reset(&mut self) -> Result<(), CarrierError> {
        // SAFETY: the request has no argument.
        if unsafe { libc::ioctl(self.device.as_raw_fd(), VFIO_DEVICE_RESET) } != 0 {
            let error = io::Error::last_os_error();
            return Err(CarrierError::Other(format!("{}: the kernel cannot reset it: {error}", self.name())));
        }
        let begin = Instant::now();
        loop {
            if Status(self.read32(Status::OFFSET)?).ready() == 1 {
                break;
            }
            if begin.elapsed() > RESET_LIMIT {
                let what = format!("STATUS.ready is still 0, {} s after the reset", RESET_LIMIT.as_secs());
                return Err(CarrierError::NoAnswer { what });
            }
            std::thread::sleep(WAIT);
        }
        self.set_bus_master(true);
        self.take_interrupts();
        Ok(())
    }

    fn window_base(&self) -> u64 {
        self.window_base
    }

    fn frames(&self) -> u32 {
        self.frames
    }

    fn window_bytes(&self) -> u64 {
        self.window.len() as u64
    }

    fn load_line(&mut self, offset: u64) -> Result<Line, CarrierError> {
        let mut line = [0; LINE_BYTES];
        self.window_read(offset, &mut line)?;
        Ok(line)
    }

    fn store_line(&mut self, offset: u64, data: &Line) -> Result<(), CarrierError> {
        self.window_write(offset, data)
    }

    fn window_read(&mut self, offset: u64, buf: &mut [u8]) -> Result<(), CarrierError> {
        let from = self.window_at(offset, buf.len())?;
        // SAFETY: the part lies in the mapping.
        unsafe { read_shared(from, buf) };
        if !buf.is_empty() && buf.iter().all(|&b| b == 0xff) {
            self.check_present()?;
        }
        Ok(())
    }

    fn window_write(&mut self, offset: u64, data: &[u8]) -> Result<(), CarrierError> {
        let to = self.window_at(offset, data.len())?;
        // SAFETY: the part lies in the mapping.
        unsafe { write_shared(to, data) };
        Ok(())
    }

    fn window_memory(&mut self) -> Option<NonNull<[u8]>> {
        NonNull::new(std::ptr::slice_from_raw_parts_mut(self.window.as_mut_ptr(), self.window.len()))
    }

    fn interrupt_fd(&self, vector: u32) -> Option<RawFd> {
        self.interrupts.get(vector as usize).map(AsRawFd::as_raw_fd)
    }
}

impl Drop for VfioCarrier {
    fn drop(&mut self) {
        // Stop the device's accesses before the memory goes.
        self.set_bus_master(false);
        // It is closed next, which disables them too.
        let _ = self.device.disable_irq(VFIO_PCI_MSIX_IRQ_INDEX);
        for (&iova, memory) in &self.memory {
            // What stays mapped ends with the container; until then the kernel keeps its pages.
            let _ = self.container.vfio_dma_unmap(iova, memory.len());
        }
    }
}

fn check_register(offset: u32) -> Result<(), CarrierError> {
    if !offset.is_multiple_of(4) || offset >= BAR0_BYTES {
        return Err(CarrierError::BadOffset { offset, limit: BAR0_BYTES });
    }
    Ok(())
}

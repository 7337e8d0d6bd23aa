//! Open, close, map.

use crate::DeviceHandle;
use crate::handles::{check_out, close_device, insert_device, put, with_device};
use crate::status::{Failure, Status, call};
use std::ffi::{CStr, c_char};
use tideline_driver::vfio::VfioCarrier;
use tideline_driver::vfio_user::VfioUser;
use tideline_driver::{Carrier, CarrierError, Device, Frame, PageIndex, PageRange, Target};

/// What a device says of itself.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct DeviceInfo {
    /// Bytes of the window.
    pub window_bytes: u64,
    /// Host physical address of the window.
    pub window_base: u64,
    /// Pages of the window, 4096 bytes each.
    pub pages: u32,
    /// Frames of device memory, 4096 bytes each.
    pub frames: u32,
    /// Version of the device's interface.
    pub version_major: u32,
    /// The same, minor.
    pub version_minor: u32,
}

/// Opens a device.
///
/// `target` is `vfio-user:PATH` (a device that another process serves at this socket) or `vfio:BDF` (a board, through
/// /dev/vfio), such as `vfio:0000:01:00.0`. `*device` is written on success only.
///
/// # Safety
/// `target` is null or a string that ends with a zero byte; `device` is null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tideline_open(target: *const c_char, device: *mut DeviceHandle) -> Status {
    call(|| {
        check_out(device, "device")?;
        if target.is_null() {
            return Err(Failure::null("target"));
        }
        // SAFETY: not null, so a string, as the caller promises.
        let target = unsafe { CStr::from_ptr(target) };
        let words = || format!("target {target:?} is not UTF-8");
        let text = target.to_str().map_err(|_| Failure::new(Status::BadTarget, words()))?;
        let opened = insert_device(Device::open(carrier(&text.parse()?)?)?);
        // SAFETY: as above.
        unsafe { put(device, "device", opened) }
    })
}

/// What carries a target. Simulated devices live in other processes: this library has the driver only.
fn carrier(target: &Target) -> Result<Box<dyn Carrier + Send>, Failure> {
    match target {
        Target::Model | Target::Rtl => Err(Failure::new(
            Status::BadTarget,
            format!("target {target} is not in this library: run `tideline serve` and open vfio-user:PATH"),
        )),
        Target::VfioUser(path) => Ok(Box::new(VfioUser::connect(path)?)),
        &Target::Vfio(bdf) => Ok(Box::new(VfioCarrier::open(bdf).map_err(CarrierError::from)?)),
    }
}

/// Closes a device: stops its trackers and resets its host side. Pages stay mapped. The number is void afterwards, also
/// after a failure, and so are those of its trackers and every pointer into its window.
#[unsafe(no_mangle)]
pub extern "C" fn tideline_close(device: DeviceHandle) -> Status {
    call(|| close_device(device))
}

/// What a device says of itself.
///
/// # Safety
/// `info` is null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tideline_device_info_get(device: DeviceHandle, info: *mut DeviceInfo) -> Status {
    call(|| {
        let found = with_device(device, |opened| {
            let (base, i) = (opened.device.window_base().0, opened.device.info());
            Ok(DeviceInfo {
                window_bytes: u64::from(i.pages) * 4096,
                window_base: base,
                pages: i.pages,
                frames: i.frames,
                version_major: i.version.0,
                version_minor: i.version.1,
            })
        })?;
        // SAFETY: as above.
        unsafe { put(info, "info", found) }
    })
}

/// Maps `count` pages from `first_page` on to consecutive frames of device memory.
#[unsafe(no_mangle)]
pub extern "C" fn tideline_map(
    device: DeviceHandle,
    first_page: u32,
    count: u32,
    first_frame: u32,
) -> Status {
    call(|| {
        let range = PageRange::new(PageIndex(first_page), count)?;
        with_device(device, |opened| Ok(opened.device.map(range, Frame(first_frame))?))
    })
}

/// Maps whole regions of 512 pages, as plain ones: until they are tracked or unmapped, their lines go to memory past the
/// descriptors. First page, count and first frame must be multiples of 512.
#[unsafe(no_mangle)]
pub extern "C" fn tideline_map_plain(
    device: DeviceHandle,
    first_page: u32,
    count: u32,
    first_frame: u32,
) -> Status {
    call(|| {
        let range = PageRange::new(PageIndex(first_page), count)?;
        with_device(device, |opened| Ok(opened.device.map_plain(range, Frame(first_frame))?))
    })
}

/// Unmaps pages. Their frames keep what was written.
#[unsafe(no_mangle)]
pub extern "C" fn tideline_unmap(device: DeviceHandle, first_page: u32, count: u32) -> Status {
    call(|| {
        let range = PageRange::new(PageIndex(first_page), count)?;
        with_device(device, |opened| Ok(opened.device.unmap(range)?))
    })
}

/// Function level reset of the device. Maps and trackers stay; lines that were not reported come again.
#[unsafe(no_mangle)]
pub extern "C" fn tideline_reset(device: DeviceHandle) -> Status {
    call(|| with_device(device, |opened| Ok(opened.device.reset()?)))
}

//! Bytes of the window, and its memory.

use crate::DeviceHandle;
use crate::handles::{check_out, put, with_device};
use crate::status::{Failure, Status, call};
use std::ffi::c_void;
use std::slice;
use tideline_driver::{Error, Offset, Span};

/// Reads `len` bytes of the window, of any alignment.
///
/// # Safety
/// `data` is valid for writes of `len` bytes, or null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tideline_window_read(
    device: DeviceHandle,
    offset: u64,
    data: *mut c_void,
    len: usize,
) -> Status {
    call(|| {
        check_len(data, len)?;
        with_device(device, |opened| {
            if len == 0 {
                return Ok(opened.device.window().read(Offset(offset), &mut [])?);
            }
            // SAFETY: valid for so many bytes, as the caller promises. Bytes that nobody wrote must not be read: they are
            // written first.
            let data = unsafe {
                data.write_bytes(0, len);
                slice::from_raw_parts_mut(data.cast::<u8>(), len)
            };
            Ok(opened.device.window().read(Offset(offset), data)?)
        })
    })
}

/// Writes `len` bytes of the window, of any alignment. The line of 64 bytes is the least that is tracked.
///
/// # Safety
/// `data` is valid for reads of `len` bytes, or null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tideline_window_write(
    device: DeviceHandle,
    offset: u64,
    data: *const c_void,
    len: usize,
) -> Status {
    call(|| {
        check_len(data.cast_mut(), len)?;
        // SAFETY: valid for so many bytes, as the caller promises.
        let data = if len == 0 { &[] } else { unsafe { slice::from_raw_parts(data.cast::<u8>(), len) } };
        with_device(device, |opened| Ok(opened.device.window().write(Offset(offset), data)?))
    })
}

/// Sets `len` bytes of the window to the low byte of `value`.
#[unsafe(no_mangle)]
pub extern "C" fn tideline_window_fill(device: DeviceHandle, offset: u64, value: u32, len: u64) -> Status {
    call(|| {
        let span = Span::new(Offset(offset), len);
        with_device(device, |opened| Ok(opened.device.window().fill(span, value as u8)?))
    })
}

/// Gives a pointer to `len` bytes of the window, where the device can be mapped into memory; else
/// `TIDELINE_STATUS_NOT_MAPPABLE`. Stores through it are tracked like any other. It is valid until the device is closed.
///
/// # Safety
/// `pointer` is null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tideline_window_pointer(
    device: DeviceHandle,
    offset: u64,
    len: u64,
    pointer: *mut *mut c_void,
) -> Status {
    call(|| {
        check_out(pointer, "pointer")?;
        let found = with_device(device, |opened| {
            let mut window = opened.device.window();
            let size = window.size();
            let end = offset.checked_add(len).filter(|&end| end <= size);
            let end = end.ok_or(Error::BeyondWindow { offset: Offset(offset), len, size })?;
            let memory = window.memory().filter(|memory| memory.len() as u64 >= end);
            let memory = memory.ok_or_else(|| {
                Failure::new(Status::NotMappable, "the window of this device is not memory of this process")
            })?;
            Ok(memory.cast::<u8>().as_ptr().wrapping_add(offset as usize))
        })?;
        // SAFETY: as above.
        unsafe { put(pointer, "pointer", found.cast()) }
    })
}

fn check_len(data: *mut c_void, len: usize) -> Result<(), Failure> {
    if len > isize::MAX as usize {
        return Err(Failure::new(Status::InvalidArgument, format!("{len} bytes: more than memory has")));
    }
    if len > 0 { check_out(data, "data") } else { Ok(()) }
}

//! What calls return, and the words for it.

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};
use tideline_abi::command::Status as CommandStatus;
use tideline_driver::{CarrierError, Error, TargetError};

/// Version of this interface: it rises when a call changes its meaning. Compare it with `tideline_api_version`.
pub const TIDELINE_API_VERSION: u32 = 1;

/// What a call returns: 0 if it did what was asked. `tideline_last_error` has the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Status {
    /// Done.
    Ok = 0,
    /// A pointer is null, or a value makes no sense.
    InvalidArgument = 1,
    /// No open device, tracker or report has this number.
    InvalidHandle = 2,
    /// The target is not known, or not part of this library.
    BadTarget = 3,
    /// The device could not be reached, or is gone.
    NoDevice = 4,
    /// Pages or bytes outside the window.
    OutsideWindow = 5,
    /// The window of this device cannot be mapped into memory: use `tideline_window_read` and `tideline_window_write`.
    NotMappable = 6,
    /// A page is mapped already, or not mapped.
    WrongState = 7,
    /// The pages are tracked: stop the tracker first.
    StillTracked = 8,
    /// The device did not answer in time.
    Timeout = 9,
    /// The device refused a command, or what it said makes no sense.
    DeviceFailed = 10,
    /// A fault of this library. Close the device.
    Internal = 11,
}

/// A call that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: Status,
    pub(crate) words: String,
}

impl Failure {
    pub(crate) fn new(status: Status, words: impl Into<String>) -> Self {
        Self { status, words: words.into() }
    }

    pub(crate) fn null(name: &str) -> Self {
        Self::new(Status::InvalidArgument, format!("{name} is a null pointer"))
    }
}

impl From<TargetError> for Failure {
    fn from(error: TargetError) -> Self {
        Self::new(Status::BadTarget, error.to_string())
    }
}

impl From<CarrierError> for Failure {
    fn from(error: CarrierError) -> Self {
        Error::Carrier(error).into()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::Carrier(CarrierError::BadWindow { .. }) => Status::OutsideWindow,
            Error::Carrier(CarrierError::NoAnswer { .. })
            | Error::Timeout { .. }
            | Error::NotReady { .. } => Status::Timeout,
            Error::Carrier(_) => Status::NoDevice,
            Error::OutsideWindow { .. } | Error::BeyondWindow { .. } | Error::BelowWindow { .. } => {
                Status::OutsideWindow
            }
            Error::EmptyRange { .. }
            | Error::Unaligned { .. }
            | Error::NotWholeRegions { .. }
            | Error::OverlappingRanges { .. }
            | Error::ReadsNotTracked { .. }
            | Error::NoReads
            | Error::NoRanges => Status::InvalidArgument,
            Error::StillTracked { .. } => Status::StillTracked,
            Error::Command { status: CommandStatus::WrongState, .. } => Status::WrongState,
            Error::Command { status: CommandStatus::OutOfRange, .. } => Status::OutsideWindow,
            Error::UnknownTracker => Status::InvalidHandle,
            _ => Status::DeviceFailed,
        };
        Self::new(status, error.to_string())
    }
}

thread_local! {
    static LAST: RefCell<CString> = RefCell::default();
}

/// Runs a call: whatever goes wrong becomes its status, and its words the thread's last error.
pub(crate) fn call(run: impl FnOnce() -> Result<(), Failure>) -> Status {
    let outcome = catch_unwind(AssertUnwindSafe(run));
    let Failure { status, words } = match outcome {
        Ok(Ok(())) => return Status::Ok,
        Ok(Err(failure)) => failure,
        Err(panic) => {
            let words = panic.downcast_ref::<String>().map(String::as_str);
            let words = words.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no words");
            Failure::new(Status::Internal, format!("the library panicked: {words}"))
        }
    };
    let words = CString::new(words.replace('\0', "?")).unwrap_or_default();
    // A thread that is about to end may have no last error any more.
    let _ = LAST.try_with(|last| last.replace(words));
    status
}

/// The words for the last call of this thread that failed; empty if none did. Never null. Valid until the next call of this
/// thread that fails.
#[unsafe(no_mangle)]
pub extern "C" fn tideline_last_error() -> *const c_char {
    LAST.try_with(|last| last.borrow().as_ptr()).unwrap_or(c"".as_ptr())
}

/// A word for a status, such as "invalid handle". Never null.
#[unsafe(no_mangle)]
pub extern "C" fn tideline_status_name(status: i32) -> *const c_char {
    const NAMES: [(Status, &CStr); 12] = [
        (Status::Ok, c"ok"),
        (Status::InvalidArgument, c"invalid argument"),
        (Status::InvalidHandle, c"invalid handle"),
        (Status::BadTarget, c"bad target"),
        (Status::NoDevice, c"no device"),
        (Status::OutsideWindow, c"outside window"),
        (Status::NotMappable, c"not mappable"),
        (Status::WrongState, c"wrong state"),
        (Status::StillTracked, c"still tracked"),
        (Status::Timeout, c"timeout"),
        (Status::DeviceFailed, c"device failed"),
        (Status::Internal, c"internal"),
    ];
    let name = NAMES.iter().find(|(s, _)| *s as i32 == status);
    name.map_or(c"unknown status".as_ptr(), |(_, name)| name.as_ptr())
}

/// The version of this library, such as "0.1.0".
#[unsafe(no_mangle)]
pub extern "C" fn tideline_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

/// The version of the interface that this library has: `TIDELINE_API_VERSION` of its header.
#[unsafe(no_mangle)]
pub extern "C" fn tideline_api_version() -> u32 {
    TIDELINE_API_VERSION
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_status() {
        let quiet = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let status = call(|| panic!("at {}", 7));
        std::panic::set_hook(quiet);
        assert_eq!(status, Status::Internal);
        // SAFETY: the words of this thread's last error.
        let words = unsafe { CStr::from_ptr(tideline_last_error()) };
        assert_eq!(words, c"the library panicked: at 7");
    }

    #[test]
    fn every_status_has_a_name() {
        for status in 0..12 {
            // SAFETY: names are never null.
            let name = unsafe { CStr::from_ptr(tideline_status_name(status)) };
            assert_ne!(name, c"unknown status", "{status}");
        }
        for status in [-1, 12, i32::MAX] {
            // SAFETY: as above.
            assert_eq!(unsafe { CStr::from_ptr(tideline_status_name(status)) }, c"unknown status");
        }
    }
}

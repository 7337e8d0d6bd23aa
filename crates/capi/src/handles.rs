//! The numbers that C holds, and what they stand for.
//!
//! A number is given once and never again, so that one of something closed cannot mean something new.

use crate::status::{Failure, Status};
use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tideline_driver::{Carrier, Device, Report, Tracker};

/// A device that any thread may use.
pub(crate) type OpenDevice = Device<Box<dyn Carrier + Send>>;

/// A device and its trackers.
pub(crate) struct Opened {
    pub(crate) device: OpenDevice,
    pub(crate) trackers: BTreeMap<u64, Tracker>,
}

/// A report, and how far C has read it.
pub(crate) struct Reading {
    pub(crate) report: Report,
    /// Next page of the report for those who read pages.
    pub(crate) page: usize,
    /// Next page of the report for those who read lines, and the lines of it that are left.
    pub(crate) line_page: usize,
    pub(crate) lines_left: u64,
}

#[derive(Clone)]
enum Handle {
    /// None once it is closed.
    Device(Arc<Mutex<Option<Opened>>>),
    /// Of this device.
    Tracker(u64),
    Report(Arc<Mutex<Reading>>),
}

impl Handle {
    fn kind(&self) -> &'static str {
        match self {
            Self::Device(_) => "device",
            Self::Tracker(_) => "tracker",
            Self::Report(_) => "report",
        }
    }
}

/// Every handle that is open, and the last number given.
struct Table {
    open: BTreeMap<u64, Handle>,
    last: u64,
}

static TABLE: Mutex<Table> = Mutex::new(Table { open: BTreeMap::new(), last: 0 });

fn table() -> MutexGuard<'static, Table> {
    // Nothing in here panics half way.
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn insert(handle: Handle) -> u64 {
    let mut table = table();
    table.last += 1;
    let number = table.last;
    table.open.insert(number, handle);
    number
}

fn find(number: u64, kind: &'static str) -> Result<Handle, Failure> {
    let wrong = |found: &str| {
        Failure::new(
            Status::InvalidHandle,
            format!("{number} is no open {kind}{found}: closed, or never given"),
        )
    };
    match table().open.get(&number) {
        Some(handle) if handle.kind() == kind => Ok(handle.clone()),
        Some(handle) => Err(wrong(&format!(" but a {}", handle.kind()))),
        None => Err(wrong("")),
    }
}

/// Keeps an open device.
pub(crate) fn insert_device(device: OpenDevice) -> u64 {
    insert(Handle::Device(Arc::new(Mutex::new(Some(Opened { device, trackers: BTreeMap::new() })))))
}

/// Works on a device.
pub(crate) fn with_device<T>(
    number: u64,
    work: impl FnOnce(&mut Opened) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let Handle::Device(device) = find(number, "device")? else { unreachable!("a handle of its kind") };
    let mut device = device.lock().map_err(|_| {
        Failure::new(Status::Internal, format!("a call on device {number} panicked before: close it"))
    })?;
    match &mut *device {
        Some(opened) => work(opened),
        None => Err(Failure::new(Status::InvalidHandle, format!("{number} is no open device: closed"))),
    }
}

/// Ends a device and all its trackers.
pub(crate) fn close_device(number: u64) -> Result<(), Failure> {
    let Handle::Device(device) = find(number, "device")? else { unreachable!("a handle of its kind") };
    let opened = {
        let mut table = table();
        table.open.remove(&number);
        table.open.retain(|_, handle| !matches!(handle, Handle::Tracker(of) if *of == number));
        drop(table);
        // A call that still runs ends first.
        device.lock().unwrap_or_else(PoisonError::into_inner).take()
    };
    match opened {
        Some(opened) => Ok(opened.device.close().map(drop)?),
        None => Err(Failure::new(Status::InvalidHandle, format!("{number} is no open device: closed"))),
    }
}

/// Keeps a tracker of a device.
pub(crate) fn insert_tracker(device: u64, opened: &mut Opened, tracker: Tracker) -> u64 {
    let number = insert(Handle::Tracker(device));
    opened.trackers.insert(number, tracker);
    number
}

/// Works on a tracker and its device.
pub(crate) fn with_tracker<T>(
    number: u64,
    work: impl FnOnce(&mut Opened) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let Handle::Tracker(device) = find(number, "tracker")? else { unreachable!("a handle of its kind") };
    with_device(device, |opened| {
        if !opened.trackers.contains_key(&number) {
            return Err(Failure::new(Status::InvalidHandle, format!("{number} is no open tracker: stopped")));
        }
        work(opened)
    })
}

/// Takes a tracker from its device, and forgets its number whatever becomes of it.
pub(crate) fn stop_tracker(number: u64) -> Result<(), Failure> {
    let stopped = with_tracker(number, |opened| match opened.trackers.remove(&number) {
        Some(tracker) => Ok(opened.device.track_stop(tracker)?),
        None => Ok(()),
    });
    let mut table = table();
    if matches!(table.open.get(&number), Some(Handle::Tracker(_))) {
        table.open.remove(&number);
    }
    stopped
}

/// Keeps a report.
pub(crate) fn insert_report(report: Report) -> u64 {
    let reading = Reading { report, page: 0, line_page: 0, lines_left: 0 };
    insert(Handle::Report(Arc::new(Mutex::new(reading))))
}

/// Works on a report.
pub(crate) fn with_report<T>(
    number: u64,
    work: impl FnOnce(&mut Reading) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let Handle::Report(reading) = find(number, "report")? else { unreachable!("a handle of its kind") };
    let mut reading = reading.lock().unwrap_or_else(PoisonError::into_inner);
    work(&mut reading)
}

/// Forgets a report.
pub(crate) fn remove_report(number: u64) -> Result<(), Failure> {
    find(number, "report")?;
    table().open.remove(&number);
    Ok(())
}

/// Where C wants a value.
///
/// # Safety
/// `pointer` is null or valid for a write.
pub(crate) unsafe fn put<T>(pointer: *mut T, name: &str, value: T) -> Result<(), Failure> {
    let pointer = NonNull::new(pointer).ok_or_else(|| Failure::null(name))?;
    // SAFETY: not null, so valid for a write, as the caller promises.
    unsafe { pointer.write(value) };
    Ok(())
}

/// Refuses a null pointer before any work is done.
pub(crate) fn check_out<T>(pointer: *mut T, name: &str) -> Result<(), Failure> {
    if pointer.is_null() { Err(Failure::null(name)) } else { Ok(()) }
}

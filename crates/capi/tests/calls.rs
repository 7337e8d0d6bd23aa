//! Every call as C makes it, on a served golden model: what it does, and what it refuses.

use std::ffi::{CStr, CString, c_void};
use std::ptr::{null, null_mut};
use tempfile::TempDir;
use tideline::*;
use tideline_serve::{Background, CxlAttached};
use tideline_tb::ModelInMachine;

/// A server, to keep as long as its device is used.
struct Served(#[expect(dead_code)] (Background, TempDir));

fn open() -> (DeviceHandle, Served) {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("device.sock");
    let device = || CxlAttached::new(ModelInMachine::default(), 80_000);
    let server = Background::start(&socket, device, |line| println!("server: {line}")).unwrap();
    let target = CString::new(format!("vfio-user:{}", socket.display())).unwrap();
    let mut device = 0;
    // SAFETY: a string and a local variable.
    ok(unsafe { tideline_open(target.as_ptr(), &mut device) });
    (device, Served((server, folder)))
}

fn words() -> String {
    // SAFETY: the words are never null, and this thread makes no call meanwhile.
    unsafe { CStr::from_ptr(tideline_last_error()) }.to_str().unwrap().to_owned()
}

#[track_caller]
fn ok(status: Status) {
    assert_eq!(status, Status::Ok, "{}", words());
}

fn start(device: DeviceHandle, ranges: &[(u32, u32)], flags: u32) -> Result<TrackerHandle, Status> {
    let ranges: Vec<Range> = ranges.iter().map(|&(first_page, count)| Range { first_page, count }).collect();
    let mut tracker = 0;
    // SAFETY: the ranges are a slice, the tracker a local variable.
    match unsafe { tideline_track_start(device, ranges.as_ptr(), ranges.len(), flags, &mut tracker) } {
        Status::Ok => Ok(tracker),
        failed => Err(failed),
    }
}

fn report(tracker: TrackerHandle, gather: u32) -> Result<ReportHandle, Status> {
    let mut report = 0;
    // SAFETY: the report is a local variable.
    match unsafe { tideline_track_report(tracker, gather, &mut report) } {
        Status::Ok => Ok(report),
        failed => Err(failed),
    }
}

/// Reads the lines of a report through arrays of this size.
fn lines(report: ReportHandle, capacity: usize) -> Vec<u64> {
    let (mut all, mut some, mut count) = (Vec::new(), vec![u64::MAX; capacity + 1], 1);
    while count > 0 {
        // SAFETY: the array has room for more than `capacity`.
        ok(unsafe { tideline_report_lines(report, some.as_mut_ptr(), capacity, &mut count) });
        assert!(count <= capacity && some[capacity] == u64::MAX, "nothing behind the array is written");
        all.extend(&some[..count]);
    }
    all
}

fn write(device: DeviceHandle, offset: u64, data: &[u8]) -> Status {
    // SAFETY: the data is a slice.
    unsafe { tideline_window_write(device, offset, data.as_ptr().cast(), data.len()) }
}

#[test]
fn a_report_is_read_in_pieces_of_any_size() {
    let (device, _served) = open();
    ok(tideline_map(device, 0, 8, 0));
    let tracker = start(device, &[(0, 4), (5, 3)], 0).unwrap();
    ok(write(device, 60, b"across"));
    ok(write(device, 5 * 4096 + 4090, &[1; 100]));
    ok(tideline_window_fill(device, 4 * 4096, 7, 4096));
    let made = report(tracker, TIDELINE_GATHER_RECALL).unwrap();
    let expected = [0, 64, 5 * 4096 + 4032, 6 * 4096, 6 * 4096 + 64];
    for capacity in [1, 2, 4, 5, 6, 100] {
        assert_eq!(lines(made, capacity), expected);
        assert!(lines(made, capacity).is_empty(), "all have been given");
        ok(tideline_report_rewind(made));
    }
    let mut info = ReportInfo::default();
    // SAFETY: a local variable.
    ok(unsafe { tideline_report_info_get(made, &mut info) });
    assert_eq!((info.lines, info.pages, info.exact, info.loss), (5, 3, TIDELINE_EXACT_RECALL, 0));
    let mut pages = [PageMask { lines: 0, page: 0, reserved: 0 }; 2];
    let mut count = 0;
    // SAFETY: an array of two.
    ok(unsafe { tideline_report_pages(made, pages.as_mut_ptr(), 2, &mut count) });
    assert_eq!((count, pages[0].page, pages[0].lines, pages[1].page), (2, 0, 3, 5));
    // SAFETY: as above.
    ok(unsafe { tideline_report_pages(made, pages.as_mut_ptr(), 2, &mut count) });
    assert_eq!((count, pages[0].page, pages[0].lines), (1, 6, 3));
    // SAFETY: as above; no room is no error.
    ok(unsafe { tideline_report_pages(made, null_mut(), 0, &mut count) });
    assert_eq!(count, 0);
    ok(tideline_report_free(made));

    let mut back = [0u8; 6];
    // SAFETY: an array of six.
    ok(unsafe { tideline_window_read(device, 60, back.as_mut_ptr().cast(), 6) });
    assert_eq!(&back, b"across");
    ok(tideline_track_stop(tracker));
    ok(tideline_close(device));
}

#[test]
fn reads_and_what_reached_the_device() {
    let (device, _served) = open();
    ok(tideline_map(device, 0, 2, 0));
    let tracker = start(device, &[(0, 2)], TIDELINE_TRACK_ACCESSED).unwrap();
    let mut byte = 0u8;
    // SAFETY: a local variable.
    ok(unsafe { tideline_window_read(device, 4096, (&raw mut byte).cast(), 1) });
    let read = report(tracker, TIDELINE_GATHER_ACCESSED).unwrap();
    assert_eq!(lines(read, 9), [4096]);
    ok(write(device, 64, &[1; 64]));
    ok(tideline_reset(device));
    let made = report(tracker, TIDELINE_GATHER_AS_IS).unwrap();
    assert_eq!(lines(made, 9), [64]);
    let mut info = ReportInfo::default();
    // SAFETY: a local variable.
    ok(unsafe { tideline_report_info_get(made, &mut info) });
    assert_eq!(info.exact, TIDELINE_EXACT_NONE);
    assert!(info.generation >= 2, "one more after each reset");
    for r in [read, made] {
        ok(tideline_report_free(r));
    }
    ok(tideline_close(device));
}

#[test]
fn wrong_values_are_refused_in_words() {
    let (device, _served) = open();
    ok(tideline_map(device, 0, 8, 0));
    let size = 65536 * 4096u64;
    let pointer_at = |offset| {
        let mut pointer: *mut c_void = null_mut();
        // SAFETY: a local variable.
        unsafe { tideline_window_pointer(device, offset, 1, &mut pointer) }
    };
    let tracker = start(device, &[(1, 1)], 0).unwrap();
    #[track_caller]
    fn refused(status: Status, expected: Status, part: &str) {
        assert_eq!(status, expected, "{part}");
        assert!(words().contains(part), "{:?} lacks {part:?}", words());
    }
    use Status::{InvalidArgument, NotMappable, OutsideWindow, StillTracked, WrongState};
    let beyond = "2 bytes at window offset 0xfffffff: the window has 0x10000000 bytes";
    refused(write(device, size - 1, &[1, 2]), OutsideWindow, beyond);
    refused(tideline_window_fill(device, u64::MAX, 0, 2), OutsideWindow, "2 bytes at window offset 0xffff");
    refused(tideline_map(device, 7, 1, 0), WrongState, "Map: A page is in the wrong state");
    refused(tideline_map(device, 0, 0, 0), InvalidArgument, "name at least one page");
    refused(tideline_map(device, 65536, 1, 0), OutsideWindow, "the window has 65536 pages");
    refused(tideline_map(device, u32::MAX, 2, 0), OutsideWindow, "2 pages from page 4294967295 on");
    refused(
        tideline_map_plain(device, 513, 512, 0),
        InvalidArgument,
        "first page 513 must be a multiple of 512",
    );
    refused(tideline_map_plain(device, 512, 8, 0), InvalidArgument, "number of pages 8 must");
    refused(tideline_map_plain(device, 512, 512, 100), InvalidArgument, "frame 100 must");
    refused(tideline_map_plain(device, 0, 512, 512), WrongState, "at page 0");
    ok(tideline_map_plain(device, 512, 512, 512));
    ok(tideline_unmap(device, 512, 512));
    refused(tideline_unmap(device, 0, 8), StillTracked, "page 1 is tracked");
    refused(start(device, &[], 0).unwrap_err(), InvalidArgument, "no range");
    refused(start(device, &[(0, 2), (1, 1)], 0).unwrap_err(), InvalidArgument, "overlap at page 1");
    refused(start(device, &[(8, 1)], 0).unwrap_err(), WrongState, "at page 8");
    refused(start(device, &[(0, 1)], 6).unwrap_err(), InvalidArgument, "flags 0x6");
    refused(report(tracker, 3).unwrap_err(), InvalidArgument, "gather 3");
    let reads = report(tracker, TIDELINE_GATHER_ACCESSED).unwrap_err();
    refused(reads, InvalidArgument, "does not track reads");
    refused(pointer_at(size), OutsideWindow, "1 bytes at window offset 0x10000000");
    refused(pointer_at(0), NotMappable, "not memory of this process");
    let elsewhere = std::thread::spawn(words).join().unwrap();
    assert_eq!(elsewhere, "", "each thread has its own");
    ok(tideline_close(device));
}

#[test]
fn null_pointers_are_refused() {
    let (device, _served) = open();
    ok(tideline_map(device, 0, 1, 0));
    let tracker = start(device, &[(0, 1)], 0).unwrap();
    let made = report(tracker, 0).unwrap();
    let (mut count, range) = (0, Range { first_page: 0, count: 1 });
    // SAFETY: null where null is refused; else local variables.
    unsafe {
        let refused = [
            (tideline_open(null(), &mut 0), "target"),
            (tideline_open(c"model".as_ptr(), null_mut()), "device"),
            (tideline_device_info_get(device, null_mut()), "info"),
            (tideline_window_read(device, 0, null_mut(), 1), "data"),
            (tideline_window_write(device, 0, null(), 1), "data"),
            (tideline_window_pointer(device, 0, 1, null_mut()), "pointer"),
            (tideline_track_start(device, null(), 1, 0, &mut 0), "ranges"),
            (tideline_track_start(device, &range, 1, 0, null_mut()), "tracker"),
            (tideline_track_report(tracker, 0, null_mut()), "report"),
            (tideline_report_info_get(made, null_mut()), "info"),
            (tideline_report_lines(made, null_mut(), 1, &mut count), "offsets"),
            (tideline_report_lines(made, null_mut(), 0, null_mut()), "count"),
            (tideline_report_pages(made, null_mut(), 1, &mut count), "pages"),
        ];
        for (status, name) in refused {
            assert_eq!(status, Status::InvalidArgument, "{name}");
        }
        assert_eq!(words(), "pages is a null pointer");
        ok(tideline_window_read(device, 0, null_mut(), 0));
        ok(tideline_window_write(device, 0, null(), 0));
        let long = tideline_window_write(device, 0, (&raw const range).cast(), usize::MAX);
        assert_eq!(long, Status::InvalidArgument);
    }
    ok(tideline_close(device));
}

#[test]
fn numbers_that_stand_for_nothing_are_refused() {
    let (device, _served) = open();
    ok(tideline_map(device, 0, 1, 0));
    let tracker = start(device, &[(0, 1)], 0).unwrap();
    let made = report(tracker, 0).unwrap();
    for wrong in [0, tracker, made, u64::MAX] {
        assert_eq!(tideline_map(wrong, 0, 1, 0), Status::InvalidHandle);
        assert_eq!(write(wrong, 0, b"x"), Status::InvalidHandle);
        assert_eq!(tideline_close(wrong), Status::InvalidHandle);
        assert_eq!(start(wrong, &[(0, 1)], 0), Err(Status::InvalidHandle));
    }
    assert_eq!(tideline_close(tracker), Status::InvalidHandle);
    assert_eq!(words(), format!("{tracker} is no open device but a tracker: closed, or never given"));
    for wrong in [0, device, made] {
        assert_eq!(report(wrong, 0), Err(Status::InvalidHandle));
        assert_eq!(tideline_track_stop(wrong), Status::InvalidHandle);
    }
    for wrong in [0, device, tracker] {
        assert_eq!(tideline_report_rewind(wrong), Status::InvalidHandle);
        assert_eq!(tideline_report_free(wrong), Status::InvalidHandle);
    }
    ok(tideline_report_free(made));
    assert_eq!(tideline_report_free(made), Status::InvalidHandle, "not twice");
    let other = start(device, &[(0, 1)], 0).unwrap();
    ok(tideline_track_stop(other));
    assert_eq!(tideline_track_stop(other), Status::InvalidHandle, "not twice");
    let last = report(tracker, 0).unwrap();
    ok(tideline_close(device));
    assert_eq!(tideline_close(device), Status::InvalidHandle, "not twice");
    assert_eq!(report(tracker, 0), Err(Status::InvalidHandle), "trackers end with their device");
    assert!(lines(last, 3).is_empty(), "a report outlives its device");
    ok(tideline_report_free(last));
}

#[test]
fn targets_are_refused_by_what_is_wrong() {
    let mut device = 77;
    let mut refused = |target: &CStr, status, part: &str| {
        // SAFETY: a string and a local variable.
        assert_eq!(unsafe { tideline_open(target.as_ptr(), &mut device) }, status, "{target:?}");
        assert!(words().contains(part), "{target:?}: {}", words());
    };
    refused(c"", Status::BadTarget, "unknown target \"\"");
    refused(c"board", Status::BadTarget, "use model, rtl, vfio-user:PATH or vfio:BDF");
    refused(c"rtl", Status::BadTarget, "run `tideline serve` and open vfio-user:PATH");
    refused(c"vfio:1", Status::BadTarget, "no PCI address");
    refused(c"\xff\xfe", Status::BadTarget, "not UTF-8");
    refused(c"vfio-user:/nowhere/at/all.sock", Status::NoDevice, "/nowhere/at/all.sock");
    assert_eq!(device, 77, "written on success only");
}

/// Threads that use one device at once, while it is closed: each call works or is refused.
#[test]
fn threads_may_share_a_device() {
    let (device, _served) = open();
    ok(tideline_map(device, 0, 16, 0));
    std::thread::scope(|scope| {
        for n in 0..4u32 {
            scope.spawn(move || {
                for round in 0..200u64 {
                    let Ok(tracker) = start(device, &[(n * 4, 4)], 0) else { break };
                    let at = u64::from(n) * 4 * 4096 + round * 64;
                    let written = write(device, at, &[n as u8; 64]);
                    match report(tracker, 0) {
                        Ok(made) => {
                            assert_eq!(lines(made, 1), [at]);
                            ok(tideline_report_free(made));
                        }
                        Err(status) => assert_eq!(status, Status::InvalidHandle),
                    }
                    assert!(matches!(written, Status::Ok | Status::InvalidHandle));
                    assert!(matches!(tideline_track_stop(tracker), Status::Ok | Status::InvalidHandle));
                }
            });
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
        ok(tideline_close(device));
    });
}

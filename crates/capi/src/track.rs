//! Start, report, stop.

use crate::handles::{
    Reading, check_out, insert_report, insert_tracker, put, remove_report, stop_tracker, with_device,
    with_report, with_tracker,
};
use crate::status::{Failure, Status, call};
use crate::{DeviceHandle, ReportHandle, TrackerHandle};
use std::slice;
use tideline_driver::{Exactness, Gather, LineAddr, Loss, PageIndex, PageRange, Report, TrackConfig};

/// For `tideline_track_start`: track reads too.
pub const TIDELINE_TRACK_ACCESSED: u32 = 1;

/// For `tideline_track_report`: the host gives up write permission first, so that no line is missing.
pub const TIDELINE_GATHER_RECALL: u32 = 0;
/// For `tideline_track_report`: what has reached the device so far; later reports have the rest.
pub const TIDELINE_GATHER_AS_IS: u32 = 1;
/// For `tideline_track_report`: lines that were read, in place of those written.
pub const TIDELINE_GATHER_ACCESSED: u32 = 2;

/// `tideline_report_info.exact`: the device recalled the lines; every store before the report is in it or an earlier one.
pub const TIDELINE_EXACT_RECALL: u32 = 0;
/// `tideline_report_info.exact`: the driver flushed the lines, and order on the link proves that they arrived.
pub const TIDELINE_EXACT_FLUSH: u32 = 1;
/// `tideline_report_info.exact`: the driver flushed the lines; that they arrived is a property of the platform.
pub const TIDELINE_EXACT_PLATFORM: u32 = 2;
/// `tideline_report_info.exact`: lines that only the host's caches hold are missing.
pub const TIDELINE_EXACT_NONE: u32 = 3;

/// `tideline_report_info.loss`: nothing was lost.
pub const TIDELINE_LOSS_NONE: u32 = 0;
/// `tideline_report_info.loss`: the device had no room for what it should have kept.
pub const TIDELINE_LOSS_OVERFLOW: u32 = 1;
/// `tideline_report_info.loss`: the host did not answer a recall.
pub const TIDELINE_LOSS_RECALL_TIMEOUT: u32 = 2;
/// `tideline_report_info.loss`: device memory failed.
pub const TIDELINE_LOSS_MEMORY: u32 = 3;
/// `tideline_report_info.loss`: the device was powered on anew and tracks nothing any more.
pub const TIDELINE_LOSS_POWER_ON: u32 = 4;
/// `tideline_report_info.loss`: something that this interface has no name for.
pub const TIDELINE_LOSS_UNKNOWN: u32 = 5;

/// Consecutive pages.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Range {
    /// The first one, counted from the start of the window.
    pub first_page: u32,
    /// How many.
    pub count: u32,
}

/// What a report says, its lines apart.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct ReportInfo {
    /// Lines in it.
    pub lines: u64,
    /// Pages that have any of them.
    pub pages: u64,
    /// One of `TIDELINE_EXACT_*`: what it owes its completeness to.
    pub exact: u32,
    /// One of `TIDELINE_LOSS_*`. If it is not 0, the report holds every tracked line, written or not.
    pub loss: u32,
    /// The generation of the device that made it.
    pub generation: u32,
    /// 0.
    pub reserved: u32,
}

/// Lines of one page.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct PageMask {
    /// One bit per line, bit 0 = first line. Never 0.
    pub lines: u64,
    /// The page.
    pub page: u32,
    /// 0.
    pub reserved: u32,
}

/// Starts to track the lines of mapped pages. Stores made before are not reported. The ranges of one tracker must be
/// disjoint; other trackers may have the same pages. `flags` is 0 or `TIDELINE_TRACK_ACCESSED`.
///
/// # Safety
/// `ranges` is valid for reads of `count` ranges, or null; `tracker` is null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tideline_track_start(
    device: DeviceHandle,
    ranges: *const Range,
    count: usize,
    flags: u32,
    tracker: *mut TrackerHandle,
) -> Status {
    call(|| {
        check_out(tracker, "tracker")?;
        check_out(ranges.cast_mut(), "ranges")?;
        if flags & !TIDELINE_TRACK_ACCESSED != 0 {
            let words = format!("flags {flags:#x}: only TIDELINE_TRACK_ACCESSED is known");
            return Err(Failure::new(Status::InvalidArgument, words));
        }
        if count > isize::MAX as usize / size_of::<Range>() {
            return Err(Failure::new(
                Status::InvalidArgument,
                format!("{count} ranges: more than memory has"),
            ));
        }
        // SAFETY: valid for so many ranges, as the caller promises.
        let ranges = unsafe { slice::from_raw_parts(ranges, count) };
        let ranges: Result<Vec<PageRange>, tideline_driver::Error> =
            ranges.iter().map(|r| PageRange::new(PageIndex(r.first_page), r.count)).collect();
        let (ranges, config) = (ranges?, TrackConfig { accessed: flags & TIDELINE_TRACK_ACCESSED != 0 });
        let started = with_device(device, |opened| {
            let started = opened.device.track_start_with(&ranges, config)?;
            Ok(insert_tracker(device, opened, started))
        })?;
        // SAFETY: as above.
        unsafe { put(tracker, "tracker", started) }
    })
}

/// Reports the lines written since this tracker's last report, and starts its next epoch. `gather` is one of
/// `TIDELINE_GATHER_*`. Free the report with `tideline_report_free`. After a failure no line is lost: it is in the next
/// report.
///
/// # Safety
/// `report` is null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tideline_track_report(
    tracker: TrackerHandle,
    gather: u32,
    report: *mut ReportHandle,
) -> Status {
    call(|| {
        check_out(report, "report")?;
        let made = with_tracker(tracker, |opened| {
            let of = &opened.trackers[&tracker];
            Ok(match gather {
                TIDELINE_GATHER_RECALL => opened.device.track_report(of, Gather::Recall)?,
                TIDELINE_GATHER_AS_IS => opened.device.track_report(of, Gather::AsIs)?,
                TIDELINE_GATHER_ACCESSED => opened.device.track_report_accessed(of)?,
                other => {
                    let words = format!("gather {other}: one of TIDELINE_GATHER_* is right");
                    return Err(Failure::new(Status::InvalidArgument, words));
                }
            })
        })?;
        // SAFETY: as above.
        unsafe { put(report, "report", insert_report(made)) }
    })
}

/// Stops a tracker. Lines written since its last report are forgotten; other trackers go on. The number is void afterwards,
/// also after a failure.
#[unsafe(no_mangle)]
pub extern "C" fn tideline_track_stop(tracker: TrackerHandle) -> Status {
    call(|| stop_tracker(tracker))
}

/// What a report says, its lines apart.
///
/// # Safety
/// `info` is null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tideline_report_info_get(report: ReportHandle, info: *mut ReportInfo) -> Status {
    call(|| {
        let found = with_report(report, |reading| Ok(describe(&reading.report)))?;
        // SAFETY: as above.
        unsafe { put(info, "info", found) }
    })
}

fn describe(report: &Report) -> ReportInfo {
    ReportInfo {
        lines: report.line_count(),
        pages: report.pages().len() as u64,
        exact: match report.exact() {
            Exactness::Recall => TIDELINE_EXACT_RECALL,
            Exactness::Flush => TIDELINE_EXACT_FLUSH,
            Exactness::Platform => TIDELINE_EXACT_PLATFORM,
            Exactness::None => TIDELINE_EXACT_NONE,
        },
        loss: match report.loss() {
            None => TIDELINE_LOSS_NONE,
            Some(Loss::Overflow) => TIDELINE_LOSS_OVERFLOW,
            Some(Loss::RecallTimeout) => TIDELINE_LOSS_RECALL_TIMEOUT,
            Some(Loss::Memory) => TIDELINE_LOSS_MEMORY,
            Some(Loss::PowerOn) => TIDELINE_LOSS_POWER_ON,
            Some(_) => TIDELINE_LOSS_UNKNOWN,
        },
        generation: report.generation().0,
        reserved: 0,
    }
}

/// Writes the next lines of a report to `offsets`, ascending, each as the byte offset of the line in the window, at most
/// `capacity`; `*count` says how many. 0 means that all have been given. Reading lines and reading pages go on
/// independently.
///
/// # Safety
/// `offsets` is valid for writes of `capacity` numbers, or null; `count` is null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tideline_report_lines(
    report: ReportHandle,
    offsets: *mut u64,
    capacity: usize,
    count: *mut usize,
) -> Status {
    call(|| {
        check_out(count, "count")?;
        check_array(offsets, capacity, "offsets")?;
        let given = with_report(report, |reading| {
            let mut given = 0;
            while given < capacity
                && let Some(line) = next_line(reading)
            {
                // SAFETY: `given` is below `capacity`, for which the caller promises room.
                unsafe { offsets.add(given).write(line.offset()) };
                given += 1;
            }
            Ok(given)
        })?;
        // SAFETY: as above.
        unsafe { put(count, "count", given) }
    })
}

/// Takes the next line of a report.
fn next_line(reading: &mut Reading) -> Option<LineAddr> {
    if reading.lines_left == 0 {
        reading.lines_left = reading.report.pages().get(reading.line_page)?.mask;
        reading.line_page += 1;
    }
    let line = reading.lines_left.trailing_zeros() as u8;
    reading.lines_left &= reading.lines_left - 1;
    Some(LineAddr::new(reading.report.pages()[reading.line_page - 1].page, line))
}

/// Writes the next pages of a report, each with a bit per line, to `pages`, ascending, at most `capacity`; `*count` says how
/// many. 0 means that all have been given.
///
/// # Safety
/// `pages` is valid for writes of `capacity` elements, or null; `count` is null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tideline_report_pages(
    report: ReportHandle,
    pages: *mut PageMask,
    capacity: usize,
    count: *mut usize,
) -> Status {
    call(|| {
        check_out(count, "count")?;
        check_array(pages, capacity, "pages")?;
        let given = with_report(report, |reading| {
            let left = &reading.report.pages()[reading.page..];
            let given = left.len().min(capacity);
            for (i, p) in left[..given].iter().enumerate() {
                let page = PageMask { lines: p.mask, page: p.page.0, reserved: 0 };
                // SAFETY: `i` is below `capacity`, for which the caller promises room.
                unsafe { pages.add(i).write(page) };
            }
            reading.page += given;
            Ok(given)
        })?;
        // SAFETY: as above.
        unsafe { put(count, "count", given) }
    })
}

/// Lets reading begin at the first line and page again.
#[unsafe(no_mangle)]
pub extern "C" fn tideline_report_rewind(report: ReportHandle) -> Status {
    call(|| {
        with_report(report, |reading| {
            (reading.page, reading.line_page, reading.lines_left) = (0, 0, 0);
            Ok(())
        })
    })
}

/// Frees a report. The number is void afterwards.
#[unsafe(no_mangle)]
pub extern "C" fn tideline_report_free(report: ReportHandle) -> Status {
    call(|| remove_report(report))
}

fn check_array<T>(pointer: *mut T, capacity: usize, name: &str) -> Result<(), Failure> {
    if capacity > 0 { check_out(pointer, name) } else { Ok(()) }
}

/*
 * Tideline: knows to the 64-byte line which memory of a device's window was written.
 *
 * Generated from crates/capi by `cargo xtask generate`. Do not edit.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */

#ifndef TIDELINE_H
#define TIDELINE_H

#include <stddef.h>
#include <stdint.h>

// Version of this interface: it rises when a call changes its meaning. Compare it with `tideline_api_version`.
#define TIDELINE_API_VERSION 1

// For `tideline_track_start`: track reads too.
#define TIDELINE_TRACK_ACCESSED 1

// For `tideline_track_report`: the host gives up write permission first, so that no line is missing.
#define TIDELINE_GATHER_RECALL 0

// For `tideline_track_report`: what has reached the device so far; later reports have the rest.
#define TIDELINE_GATHER_AS_IS 1

// For `tideline_track_report`: lines that were read, in place of those written.
#define TIDELINE_GATHER_ACCESSED 2

// `tideline_report_info.exact`: the device recalled the lines; every store before the report is in it or an earlier one.
#define TIDELINE_EXACT_RECALL 0

// `tideline_report_info.exact`: the driver flushed the lines, and order on the link proves that they arrived.
#define TIDELINE_EXACT_FLUSH 1

// `tideline_report_info.exact`: the driver flushed the lines; that they arrived is a property of the platform.
#define TIDELINE_EXACT_PLATFORM 2

// `tideline_report_info.exact`: lines that only the host's caches hold are missing.
#define TIDELINE_EXACT_NONE 3

// `tideline_report_info.loss`: nothing was lost.
#define TIDELINE_LOSS_NONE 0

// `tideline_report_info.loss`: the device had no room for what it should have kept.
#define TIDELINE_LOSS_OVERFLOW 1

// `tideline_report_info.loss`: the host did not answer a recall.
#define TIDELINE_LOSS_RECALL_TIMEOUT 2

// `tideline_report_info.loss`: device memory failed.
#define TIDELINE_LOSS_MEMORY 3

// `tideline_report_info.loss`: the device was powered on anew and tracks nothing any more.
#define TIDELINE_LOSS_POWER_ON 4

// `tideline_report_info.loss`: something that this interface has no name for.
#define TIDELINE_LOSS_UNKNOWN 5

// What a call returns: 0 if it did what was asked. `tideline_last_error` has the words.
enum tideline_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Done.
  TIDELINE_STATUS_OK = 0,
  // A pointer is null, or a value makes no sense.
  TIDELINE_STATUS_INVALID_ARGUMENT = 1,
  // No open device, tracker or report has this number.
  TIDELINE_STATUS_INVALID_HANDLE = 2,
  // The target is not known, or not part of this library.
  TIDELINE_STATUS_BAD_TARGET = 3,
  // The device could not be reached, or is gone.
  TIDELINE_STATUS_NO_DEVICE = 4,
  // Pages or bytes outside the window.
  TIDELINE_STATUS_OUTSIDE_WINDOW = 5,
  // The window of this device cannot be mapped into memory: use `tideline_window_read` and `tideline_window_write`.
  TIDELINE_STATUS_NOT_MAPPABLE = 6,
  // A page is mapped already, or not mapped.
  TIDELINE_STATUS_WRONG_STATE = 7,
  // The pages are tracked: stop the tracker first.
  TIDELINE_STATUS_STILL_TRACKED = 8,
  // The device did not answer in time.
  TIDELINE_STATUS_TIMEOUT = 9,
  // The device refused a command, or what it said makes no sense.
  TIDELINE_STATUS_DEVICE_FAILED = 10,
  // A fault of this library. Close the device.
  TIDELINE_STATUS_INTERNAL = 11,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum tideline_status tideline_status;
#else
typedef int32_t tideline_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// A device that `tideline_open` gave. 0 is none.
typedef uint64_t tideline_device;

// What a device says of itself.
typedef struct {
  // Bytes of the window.
  uint64_t window_bytes;
  // Host physical address of the window.
  uint64_t window_base;
  // Pages of the window, 4096 bytes each.
  uint32_t pages;
  // Frames of device memory, 4096 bytes each.
  uint32_t frames;
  // Version of the device's interface.
  uint32_t version_major;
  // The same, minor.
  uint32_t version_minor;
} tideline_device_info;

// Consecutive pages.
typedef struct {
  // The first one, counted from the start of the window.
  uint32_t first_page;
  // How many.
  uint32_t count;
} tideline_range;

// A tracker that `tideline_track_start` gave. 0 is none.
typedef uint64_t tideline_tracker;

// A report that `tideline_track_report` gave. 0 is none.
typedef uint64_t tideline_report;

// What a report says, its lines apart.
typedef struct {
  // Lines in it.
  uint64_t lines;
  // Pages that have any of them.
  uint64_t pages;
  // One of `TIDELINE_EXACT_*`: what it owes its completeness to.
  uint32_t exact;
  // One of `TIDELINE_LOSS_*`. If it is not 0, the report holds every tracked line, written or not.
  uint32_t loss;
  // The generation of the device that made it.
  uint32_t generation;
  // 0.
  uint32_t reserved;
} tideline_report_info;

// Lines of one page.
typedef struct {
  // One bit per line, bit 0 = first line. Never 0.
  uint64_t lines;
  // The page.
  uint32_t page;
  // 0.
  uint32_t reserved;
} tideline_page_mask;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Opens a device.
//
// `target` is `vfio-user:PATH` (a device that another process serves at this socket) or `vfio:BDF` (a board, through
// /dev/vfio), such as `vfio:0000:01:00.0`. `*device` is written on success only.
//
// # Safety
// `target` is null or a string that ends with a zero byte; `device` is null or valid for a write.
tideline_status tideline_open(const char *target,
                              tideline_device *device);

// Closes a device: stops its trackers and resets its host side. Pages stay mapped. The number is void afterwards, also
// after a failure, and so are those of its trackers and every pointer into its window.
tideline_status tideline_close(tideline_device device);

// What a device says of itself.
//
// # Safety
// `info` is null or valid for a write.
tideline_status tideline_device_info_get(tideline_device device, tideline_device_info *info);

// Maps `count` pages from `first_page` on to consecutive frames of device memory.
tideline_status tideline_map(tideline_device device,
                             uint32_t first_page,
                             uint32_t count,
                             uint32_t first_frame);

// Maps whole regions of 512 pages, as plain ones: until they are tracked or unmapped, their lines go to memory past the
// descriptors. First page, count and first frame must be multiples of 512.
tideline_status tideline_map_plain(tideline_device device,
                                   uint32_t first_page,
                                   uint32_t count,
                                   uint32_t first_frame);

// Unmaps pages. Their frames keep what was written.
tideline_status tideline_unmap(tideline_device device, uint32_t first_page, uint32_t count);

// Function level reset of the device. Maps and trackers stay; lines that were not reported come again.
tideline_status tideline_reset(tideline_device device);

// The words for the last call of this thread that failed; empty if none did. Never null. Valid until the next call of this
// thread that fails.
const char *tideline_last_error(void);

// A word for a status, such as "invalid handle". Never null.
const char *tideline_status_name(int32_t status);

// The version of this library, such as "0.1.0".
const char *tideline_version(void);

// The version of the interface that this library has: `TIDELINE_API_VERSION` of its header.
uint32_t tideline_api_version(void);

// Starts to track the lines of mapped pages. Stores made before are not reported. The ranges of one tracker must be
// disjoint; other trackers may have the same pages. `flags` is 0 or `TIDELINE_TRACK_ACCESSED`.
//
// # Safety
// `ranges` is valid for reads of `count` ranges, or null; `tracker` is null or valid for a write.
tideline_status tideline_track_start(tideline_device device,
                                     const tideline_range *ranges,
                                     size_t count,
                                     uint32_t flags,
                                     tideline_tracker *tracker);

// Reports the lines written since this tracker's last report, and starts its next epoch. `gather` is one of
// `TIDELINE_GATHER_*`. Free the report with `tideline_report_free`. After a failure no line is lost: it is in the next
// report.
//
// # Safety
// `report` is null or valid for a write.
tideline_status tideline_track_report(tideline_tracker tracker,
                                      uint32_t gather,
                                      tideline_report *report);

// Stops a tracker. Lines written since its last report are forgotten; other trackers go on. The number is void afterwards,
// also after a failure.
tideline_status tideline_track_stop(tideline_tracker tracker);

// What a report says, its lines apart.
//
// # Safety
// `info` is null or valid for a write.
tideline_status tideline_report_info_get(tideline_report report, tideline_report_info *info);

// Writes the next lines of a report to `offsets`, ascending, each as the byte offset of the line in the window, at most
// `capacity`; `*count` says how many. 0 means that all have been given. Reading lines and reading pages go on
// independently.
//
// # Safety
// `offsets` is valid for writes of `capacity` numbers, or null; `count` is null or valid for a write.
tideline_status tideline_report_lines(tideline_report report,
                                      uint64_t *offsets,
                                      size_t capacity,
                                      size_t *count);

// Writes the next pages of a report, each with a bit per line, to `pages`, ascending, at most `capacity`; `*count` says how
// many. 0 means that all have been given.
//
// # Safety
// `pages` is valid for writes of `capacity` elements, or null; `count` is null or valid for a write.
tideline_status tideline_report_pages(tideline_report report,
                                      tideline_page_mask *pages,
                                      size_t capacity,
                                      size_t *count);

// Lets reading begin at the first line and page again.
tideline_status tideline_report_rewind(tideline_report report);

// Frees a report. The number is void afterwards.
tideline_status tideline_report_free(tideline_report report);

// Reads `len` bytes of the window, of any alignment.
//
// # Safety
// `data` is valid for writes of `len` bytes, or null.
tideline_status tideline_window_read(tideline_device device, uint64_t offset, void *data, size_t len);

// Writes `len` bytes of the window, of any alignment. The line of 64 bytes is the least that is tracked.
//
// # Safety
// `data` is valid for reads of `len` bytes, or null.
tideline_status tideline_window_write(tideline_device device, uint64_t offset, const void *data, size_t len);

// Sets `len` bytes of the window to the low byte of `value`.
tideline_status tideline_window_fill(tideline_device device, uint64_t offset, uint32_t value, uint64_t len);

// Gives a pointer to `len` bytes of the window, where the device can be mapped into memory; else
// `TIDELINE_STATUS_NOT_MAPPABLE`. Stores through it are tracked like any other. It is valid until the device is closed.
//
// # Safety
// `pointer` is null or valid for a write.
tideline_status tideline_window_pointer(tideline_device device,
                                        uint64_t offset,
                                        uint64_t len,
                                        void **pointer);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* TIDELINE_H */

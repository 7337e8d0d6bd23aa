/*
 * Which lines were written? Opens a device, writes to its window, prints the lines of two epochs.
 *
 *   tideline serve --socket /tmp/tideline.sock &
 *   cc dirty_lines.c $(pkg-config --cflags --libs tideline) -o dirty_lines
 *   ./dirty_lines vfio-user:/tmp/tideline.sock
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <tideline.h>

/* Ends the calling function if a call fails. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        tideline_status status = (call);                                                           \
        if (status != TIDELINE_STATUS_OK) {                                                        \
            fprintf(stderr, "%s: %s\n", tideline_status_name(status), tideline_last_error());      \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

/* Prints a report through a small array: the next call goes on where the array was full. */
static int print_report(tideline_report report)
{
    tideline_report_info info;
    uint64_t offsets[4];
    size_t count;

    TRY(tideline_report_info_get(report, &info));
    printf("%" PRIu64 " lines in %" PRIu64 " pages, exact %" PRIu32 ", loss %" PRIu32 "\n", info.lines,
           info.pages, info.exact, info.loss);
    for (;;) {
        TRY(tideline_report_lines(report, offsets, 4, &count));
        if (count == 0)
            return 0;
        for (size_t i = 0; i < count; i++)
            printf("  page %" PRIu64 " line %" PRIu64 "\n", offsets[i] / 4096, offsets[i] % 4096 / 64);
    }
}

/* Takes a report of a tracker, prints it, frees it. */
static int report(tideline_tracker tracker)
{
    tideline_report report;
    int failed;

    TRY(tideline_track_report(tracker, TIDELINE_GATHER_RECALL, &report));
    failed = print_report(report);
    TRY(tideline_report_free(report));
    return failed;
}

static int work(tideline_device device)
{
    const tideline_range ranges[] = {{.first_page = 0, .count = 4}, {.first_page = 8, .count = 4}};
    const char text[] = "written across two lines of page 1, and read back";
    char back[sizeof text] = {0};
    tideline_device_info info;
    tideline_tracker tracker;
    void *memory;

    TRY(tideline_device_info_get(device, &info));
    printf("window of %" PRIu64 " MiB, device version %" PRIu32 ".%" PRIu32 "\n", info.window_bytes >> 20,
           info.version_major, info.version_minor);
    TRY(tideline_map(device, 0, 16, 0));
    TRY(tideline_track_start(device, ranges, 2, 0, &tracker));

    TRY(tideline_window_write(device, 4096 + 40, text, sizeof text));
    TRY(tideline_window_read(device, 4096 + 40, back, sizeof back));
    printf("read: %s\n", back);
    TRY(tideline_window_fill(device, 8 * 4096 + 128, 0xff, 300));
    if (report(tracker) != 0)
        return 1;

    /* Page 5 is not tracked. Where the window can be mapped, a store is an ordinary one. */
    TRY(tideline_window_fill(device, 5 * 4096, 1, 64));
    if (tideline_window_pointer(device, 2 * 4096, 64, &memory) == TIDELINE_STATUS_OK)
        memset(memory, 7, 64);
    else
        TRY(tideline_window_fill(device, 2 * 4096, 7, 64));
    if (report(tracker) != 0)
        return 1;

    TRY(tideline_track_stop(tracker));
    TRY(tideline_unmap(device, 0, 16));
    return 0;
}

int main(int argc, char **argv)
{
    tideline_device device;
    int failed;

    if (argc != 2) {
        fprintf(stderr, "usage: %s vfio-user:PATH | vfio:BDF\n", argv[0]);
        return 2;
    }
    if (tideline_api_version() != TIDELINE_API_VERSION) {
        fprintf(stderr, "the library is of version %" PRIu32 ", the header of %d\n", tideline_api_version(),
                TIDELINE_API_VERSION);
        return 1;
    }
    TRY(tideline_open(argv[1], &device));
    failed = work(device);
    TRY(tideline_close(device));
    return failed;
}

//! Plain regions, whose descriptors are not in the cache and stay out of it.

use super::latency::{Direction, to_memory};
use super::runner::{Runner, Traffic, scattered};
use super::{PAGES, REQUESTS, Rtl};
use anyhow::{Context, Result};
use tideline_abi::geometry::LINES_PER_PAGE;
use tideline_driver::{Frame, PageIndex, PageRange};

/// First page of the regions, behind every page that is mapped for something else.
const FIRST: u32 = 1 << 15;
/// The frame of that page.
const FRAME: u32 = 1 << 13;
/// Requests, one at a time.
const SINGLE: u64 = 64;

/// The n-th line of a scattered walk over the regions.
fn plain(n: u64) -> u64 {
    u64::from(FIRST) * LINES_PER_PAGE as u64 + scattered(n)
}

/// Single requests, and many; then half of them of tracked pages, whose descriptors are in the cache.
pub fn measure(runner: &mut Runner, rtl: &mut Rtl) -> Result<()> {
    runner.device.map_plain(PageRange::new(PageIndex(FIRST), PAGES)?, Frame(FRAME)).context("MAP plain")?;
    runner.touch(runner.range)?;
    let [before, _] = runner.rtl().descriptor_accesses();
    for line in (0..SINGLE).map(plain) {
        let write = to_memory(runner, Direction::Write, line, 0)?;
        rtl.plain_write_latency_cycles = rtl.plain_write_latency_cycles.max(write);
        let read = to_memory(runner, Direction::Read, line, 0)?;
        rtl.plain_latency_cycles = rtl.plain_latency_cycles.max(read);
    }
    let cycles = runner.write_all((0..REQUESTS).map(plain), 0).context("writes")?;
    rtl.plain_write_lines_per_cycle = rate(cycles);
    let cycles = runner.read_all((0..REQUESTS).map(plain), 0).context("reads")?;
    rtl.plain_lines_per_cycle = rate(cycles);
    let cycles = runner.send(&halves(plain)).context("reads and writes")?;
    rtl.plain_mixed_lines_per_cycle = rate(cycles);
    read_back(runner, plain, 1)?;
    rtl.plain_descriptor_reads = runner.rtl().descriptor_accesses()[0] - before;

    // Every other request is of a plain page; each of a line of its own.
    let either = |n: u64| if n.is_multiple_of(2) { plain(n) } else { scattered(n) };
    runner.write_all((0..REQUESTS).map(scattered), 0).context("tracked pages")?;
    runner.write_all((0..REQUESTS).map(plain), 0).context("plain pages")?;
    let cycles = runner.send(&halves(either)).context("plain and tracked pages")?;
    rtl.plain_and_tracked_lines_per_cycle = rate(cycles);
    read_back(runner, either, 1)
}

fn rate(cycles: u64) -> f64 {
    REQUESTS as f64 / cycles as f64
}

/// Reads of the first half of the lines, which were written once, writes of the second half.
fn halves(line: impl Fn(u64) -> u64) -> Traffic {
    let half = REQUESTS / 2;
    Traffic {
        reads: (0..half).map(|n| (line(n), 0)).collect(),
        writes: (half..REQUESTS).map(|n| (line(n), 1)).collect(),
    }
}

/// Checks all lines, the second half of them after their write number `n`.
fn read_back(runner: &mut Runner, line: impl Fn(u64) -> u64, n: u8) -> Result<()> {
    let half = REQUESTS / 2;
    runner.read_all((0..half).map(&line), 0).context("reading back the first half")?;
    runner.read_all((half..REQUESTS).map(&line), n).context("reading back the second half").map(drop)
}

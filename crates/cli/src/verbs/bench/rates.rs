//! Lines per cycle on descriptor hits: scattered, and all of one line, one page or one set.

use super::runner::{Runner, Traffic, scattered};
use super::{REQUESTS, Rtl, SETS};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use tideline_abi::geometry::LINES_PER_PAGE;
use tideline_driver::{LogOptions, LogStatus};
use tideline_tb::axi::Timing;

/// Waits after which no record of the log is on its way.
const WAITS: u32 = 64;
/// Cycles of device memory at which 128 lines outstanding must do.
const SLOW_MEMORY: u32 = 128;

fn rate(cycles: u64) -> f64 {
    REQUESTS as f64 / cycles as f64
}

/// The first writes of lines and pages, and the same once more: everything after it may read what they wrote.
pub fn writes(runner: &mut Runner, rtl: &mut Rtl) -> Result<()> {
    let cycles = runner.write_all((0..REQUESTS).map(scattered), 0).context("writes")?;
    rtl.write_lines_per_cycle = rate(cycles);
    let cycles = runner.write_all((0..REQUESTS).map(scattered), 0).context("the same writes")?;
    rtl.rewrite_lines_per_cycle = rate(cycles);
    Ok(())
}

/// The same writes, each the first of its line, while the log tells of every one.
pub fn logged_writes(runner: &mut Runner, rtl: &mut Rtl) -> Result<()> {
    let records = (2 * REQUESTS as u32).next_power_of_two();
    runner.device.log_start(LogOptions { records, ..LogOptions::default() })?;
    let cycles = runner.write_all((0..REQUESTS).map(scattered), 0).context("logged writes")?;
    rtl.logged_write_lines_per_cycle = rate(cycles);
    let logged: BTreeSet<u64> =
        runner.device.log(WAITS).map(|line| Ok(line?.0)).collect::<Result<_>>().context("log")?;
    ensure!(logged == (0..REQUESTS).map(scattered).collect(), "the log does not name the lines written");
    ensure!(runner.device.log_stop()? == LogStatus::default(), "the log lost records");
    Ok(())
}

/// Reads, and half of each: from then on the second half of the lines was written twice.
pub fn reads_and_mixed(runner: &mut Runner, rtl: &mut Rtl) -> Result<()> {
    let cycles = runner.read_all((0..REQUESTS).map(scattered), 0).context("reads")?;
    rtl.read_lines_per_cycle = rate(cycles);

    let memory = runner.rtl().rtl.dram();
    memory.set_timing(Timing::steady(SLOW_MEMORY));
    let cycles = runner.read_all((0..REQUESTS).map(scattered), 0).context("reads of slow memory")?;
    rtl.slow_memory_read_lines_per_cycle = rate(cycles);
    runner.rtl().rtl.dram().set_timing(super::dram());

    let cycles = runner.send(&halves()).context("reads and writes")?;
    rtl.mixed_lines_per_cycle = rate(cycles);
    runner.read_all((REQUESTS / 2..REQUESTS).map(scattered), 1).context("reading back")?;
    Ok(())
}

/// Reads of the lines of the first half, writes of those of the second half: what was there is not changed after the
/// first time.
pub fn halves() -> Traffic {
    let half = REQUESTS / 2;
    Traffic {
        reads: (0..half).map(|n| (scattered(n), 0)).collect(),
        writes: (half..REQUESTS).map(|n| (scattered(n), 1)).collect(),
    }
}

/// The n-th line of a walk within `pages` pages of one set.
pub fn of_one_set(pages: u64, n: u64) -> u64 {
    (n % pages) * SETS * LINES_PER_PAGE as u64 + n / pages % LINES_PER_PAGE as u64
}

/// Reads, writes, and half of each, of the same few lines. What they held is lost.
pub fn same(runner: &mut Runner, rtl: &mut Rtl) -> Result<()> {
    let page = LINES_PER_PAGE as u64;
    [
        rtl.same_line_lines_per_cycle,
        rtl.same_line_write_lines_per_cycle,
        rtl.same_line_mixed_lines_per_cycle,
    ] = few(runner, 1, |_| 7).context("one line")?;
    [
        rtl.same_page_lines_per_cycle,
        rtl.same_page_write_lines_per_cycle,
        rtl.same_page_mixed_lines_per_cycle,
    ] = few(runner, page, |n| n % page).context("one page")?;
    [rtl.same_set_lines_per_cycle, rtl.same_set_write_lines_per_cycle, rtl.same_set_mixed_lines_per_cycle] =
        few(runner, 4 * page, |n| of_one_set(4, n)).context("one set")?;
    Ok(())
}

/// Lines per cycle of reads, writes, and half of each, of `lines` different lines.
fn few(runner: &mut Runner, lines: u64, line: impl Fn(u64) -> u64) -> Result<[f64; 3]> {
    let reads = runner.walk((0..REQUESTS).map(&line))?;
    // Each round writes something else; the last round must remain.
    let writes = (0..REQUESTS).map(|n| (line(n), (n / lines) as u8)).collect();
    let writes = runner.send(&Traffic { reads: vec![], writes })?;
    let last = ((REQUESTS - 1) / lines) as u8;
    runner.read_all((0..lines).map(&line), last).context("reading back")?;
    let half = || (0..REQUESTS / 2).map(|n| (line(n), last)).collect();
    let mixed = runner.send(&Traffic { reads: half(), writes: half() })?;
    Ok([reads, writes, mixed].map(rate))
}

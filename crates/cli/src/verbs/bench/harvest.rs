//! Harvests: resident and from device memory, alone and against line traffic, and of nothing.

use super::rates::{halves, of_one_set};
use super::runner::{Lines, Runner, Traffic, by_page, first_lines, scattered};
use super::watched::{REQUESTERS, WAITERS, Watch};
use super::{PAGES, REQUESTS, Rtl, SETS};
use anyhow::{Context, Result, ensure};
use tideline_abi::command::flag;
use tideline_abi::geometry::MAX_PAGES;
use tideline_abi::regs::ErrorBits;
use tideline_driver::{Frame, PageIndex, PageRange};
use tideline_tb::campaign::FRAMES;
use tideline_tb::{MachineConfig, RtlConfig};

/// Pages of one set that the harvest against one set visits.
const SET_PAGES: u32 = 64;
/// Requests of each direction while it runs.
const SET_REQUESTS: u64 = 8192;
/// 16 GiB.
const CLEAN_PAGES: u32 = 1 << 22;

fn scattered_lines() -> Lines {
    by_page((0..REQUESTS).map(scattered))
}

/// Of what was written, with nothing else going on. Clears it.
pub fn idle(runner: &mut Runner, rtl: &mut Rtl) -> Result<()> {
    let expected = scattered_lines();
    let cycles = runner.harvest(runner.range, flag::HARVEST_CLEAR, &expected, &Traffic::default())?;
    rtl.harvest_records_per_cycle = expected.len() as f64 / cycles as f64;
    rtl.harvest_resident_records_per_cycle = runner.take_watch().harvested.rate();
    Ok(())
}

/// Of the same lines, against reads and writes of all pages. Clears them when that is over.
pub fn against_random(runner: &mut Runner, rtl: &mut Rtl) -> Result<()> {
    let expected = scattered_lines();
    runner.harvest(runner.range, 0, &expected, &halves()).context("harvest against random lines")?;
    let watch = runner.take_watch();
    ensure_offered(&watch)?;
    rtl.mixed_lines_per_cycle_during_harvest = watch.lines_per_cycle();
    rtl.harvest_loaded_records_per_cycle = watch.harvested.rate();
    note_waits(rtl, &watch, true);
    runner.harvest(runner.range, flag::HARVEST_CLEAR, &expected, &Traffic::default())?;
    Ok(())
}

/// The figures are those of a harvest on offer in every cycle.
fn ensure_offered(watch: &Watch) -> Result<()> {
    let offered = watch.offered();
    ensure!(offered > 0.95, "a page slot was on offer in only {offered:.3} of the cycles");
    Ok(())
}

/// Of 64 pages of one set, against reads and writes of the set: of four pages, which are in the cache, and then of eight,
/// which are not all.
pub fn against_one_set(runner: &mut Runner, rtl: &mut Rtl) -> Result<()> {
    let page = |k: u32| PageRange::new(PageIndex(k * SETS as u32), 1);
    runner.track(super::mapped()?, flag::TRACK_SET)?;
    let present = runner.device.pages().count() / SETS as u32;
    ensure!(present >= SET_PAGES, "the window has {present} pages per set, not {SET_PAGES}");
    for k in super::MAPPED / SETS as u32..SET_PAGES {
        runner.add(page(k)?, Frame(super::MAPPED + k))?;
    }
    let range = PageRange::new(PageIndex(0), SET_PAGES * SETS as u32)?;
    let firsts = (0..SET_PAGES).map(page).collect::<Result<Vec<_>, _>>()?;
    let firsts = || firsts.iter().flat_map(|&page| first_lines(page));
    let lines = |pages| (0..pages * 64).map(move |n| of_one_set(pages, n));
    runner.write_all(lines(8), 1)?;
    runner.write_all(firsts(), 1)?;
    let expected = by_page(lines(8).chain(firsts()));
    for pages in [4, 8] {
        // So the four pages are in the cache.
        runner.walk(lines(4))?;
        let some = || (0..SET_REQUESTS).map(|n| (of_one_set(pages, n), 1)).collect();
        let traffic = Traffic { reads: some(), writes: some() };
        runner.harvest(range, 0, &expected, &traffic).context("harvest against one set")?;
        let watch = runner.take_watch();
        note_waits(rtl, &watch, pages == 4);
        if pages == 4 {
            rtl.same_set_lines_per_cycle_during_harvest = watch.lines_per_cycle();
            rtl.same_set_harvest_offered_share = watch.offered();
        }
    }
    runner.harvest(range, flag::HARVEST_CLEAR, &expected, &Traffic::default())?;
    Ok(())
}

/// The longest wait of all who have a place: what waits for a descriptor waits for device memory, and holds up its channel.
fn note_waits(rtl: &mut Rtl, watch: &Watch, hits: bool) {
    let waiters = if hits { WAITERS } else { REQUESTERS };
    rtl.max_wait_cycles = watch.longest[..waiters].iter().copied().fold(rtl.max_wait_cycles, u64::max);
}

/// Of pages whose descriptors are in device memory: each is read, and written because its lines are cleared.
pub fn from_dram(runner: &mut Runner, rtl: &mut Rtl, others: PageRange) -> Result<()> {
    runner.track(runner.range, flag::TRACK_SET)?;
    runner.touch(runner.range)?;
    runner.write_all(first_lines(runner.range), 3)?;
    runner.touch(others)?;
    let before = runner.rtl().descriptor_accesses();
    let expected = by_page(first_lines(runner.range));
    runner.harvest(runner.range, flag::HARVEST_CLEAR, &expected, &Traffic::default())?;
    let now = runner.rtl().descriptor_accesses();
    let moved = [now[0] - before[0], now[1] - before[1]];
    ensure!(moved == [u64::from(PAGES); 2], "{PAGES} pages, {moved:?} reads and writes of descriptors");
    rtl.harvest_from_dram_records_per_cycle = runner.take_watch().harvested.rate();
    Ok(())
}

/// Of as much of 16 GiB as a window can have, with nothing dirty; from the command's arrival to its completion. On a device
/// of its own, whose memory controller cleared its memory.
pub fn clean(config: &RtlConfig, machine: MachineConfig, rtl: &mut Rtl) -> Result<()> {
    let machine = MachineConfig { window_pages: MAX_PAGES as u32, frames: FRAMES, cleared: true, ..machine };
    let config = RtlConfig { frames: FRAMES, ..config.clone() }.cleared_from(0);
    let mut runner = Runner::new(&config, machine)?;
    let range = PageRange::new(PageIndex(0), CLEAN_PAGES.min(runner.device.pages().count()))?;
    // It was used before: what was written is harvested first.
    runner.write_all((0..REQUESTS).map(scattered), 0)?;
    let none = Traffic::default();
    runner.harvest(range, flag::HARVEST_CLEAR, &scattered_lines(), &none)?;
    runner.harvest(range, flag::HARVEST_CLEAR, &Lines::new(), &none)?;
    runner.harvest(range, flag::HARVEST_CLEAR | flag::HARVEST_RECALL, &Lines::new(), &none)?;
    let watch = runner.take_watch();
    ensure!(watch.harvested.count == 0, "{} pages were not clean", watch.harvested.count);
    rtl.clean_harvest_pages = range.count();
    rtl.clean_16gib_harvest_cycles = watch.command_cycles().context("no command was seen on the bus")?;
    let errors = runner.device.errors()?;
    ensure!(errors == ErrorBits(0), "the device set errors: ERROR = {:#x}", errors.0);
    Ok(())
}

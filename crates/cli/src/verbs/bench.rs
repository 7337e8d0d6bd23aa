//! `tideline bench`: how many cycles the RTL takes, beside the target of each figure.
//!
//! The channels are driven directly, at full speed: no cache in front, no pauses, every request queued from the start.
//! Whatever is measured is also checked: data read, records harvested, snoops sent. One file per subject; `table` holds
//! the targets.

mod axi;
mod harvest;
mod latency;
mod misses;
mod plain;
mod rates;
mod recall;
mod runner;
mod table;
mod watched;

use crate::export::json;
use crate::{Verdict, files};
use anyhow::{Context, Result, ensure};
use clap::Args;
use runner::Runner;
use serde::Serialize;
use tideline_abi::regs::ErrorBits;
use tideline_driver::{Frame, PageIndex, PageRange};
use tideline_tb::axi::Timing;
use tideline_tb::{MachineConfig, RtlConfig};

/// Pages in use, all tracked: as many as the cache has descriptors.
const PAGES: u32 = 2048;
/// Pages that are mapped when more than the cache holds are needed.
const MAPPED: u32 = 2 * PAGES;
/// Sets of the cache of descriptors in the device that is simulated.
const SETS: u64 = 512;
/// Requests of a throughput run, each to a line of its own.
const REQUESTS: u64 = 16_384;
/// Cycles from a snoop to its answer, as of a host some hundred nanoseconds away.
const SNOOP_LATENCY: u64 = 100;

/// Measure the RTL: every figure of its design beside its target
///
/// Cycle counts come from the Verilated RTL, so they are exact and the same on every machine; its channels are driven
/// without pauses and with many requests outstanding. Data, harvest records, log and snoops are checked on the way. A
/// missed target is told in its row; the exit status stays 0. Only sim.cycles_per_second depends on this machine.
///
/// Lines per cycle: from the first request to the last answer, with every descriptor in the cache; scattered over 2,048
/// pages, or all in one line, page or set; over CXL.mem and over AXI4. The first dirty line of a page costs a write of the
/// page list, which shares the way to device memory: so first writes and later ones have a row each.
///
/// During a harvest: reads and writes between the first and the last page that it visits, while a page is on offer in
/// nearly every cycle, or, in one set, as often as the walk finds one; and the longest that anyone who had a place waited
/// for a slot.
///
/// Latency: from taking a request to offering it to memory; what tracking adds to single requests, first writes of a line
/// included, over the same with tracking off.
///
/// Descriptors: what a miss reads and writes in device memory, and that as a share of the lines of sequential traffic.
///
/// Plain regions: the same rates and the latency for pages that were mapped plain, whose descriptors are not in the cache, and
/// with half of the requests of tracked pages, whose descriptors are. No descriptor may be read for a plain page.
///
/// Harvest and recall: between the first and the last page or snoop, and from the doorbell to the completion. The harvest
/// of a clean window is measured from the arrival of the command to its completion, over 16 GiB or what the window has of
/// it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  tideline bench\n  tideline bench --json | jq .rtl.read_lines_per_cycle")]
pub struct Bench {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Results {
    schema_version: u32,
    config: Config,
    rtl: Rtl,
    sim: Sim,
}

/// What the figures hold for.
#[derive(Debug, Serialize)]
struct Config {
    /// Requests of a throughput run.
    requests: u64,
    /// Pages that they are scattered over.
    pages: u32,
    /// Cycles of device memory.
    dram_latency: u32,
    /// Cycles of host memory.
    host_latency: u32,
    /// Cycles of the host's answer to a snoop.
    snoop_latency: u64,
}

/// The figures; each measurement fills in its own.
#[derive(Debug, Default, Serialize)]
struct Rtl {
    read_lines_per_cycle: f64,
    write_lines_per_cycle: f64,
    rewrite_lines_per_cycle: f64,
    untracked_write_lines_per_cycle: f64,
    logged_write_lines_per_cycle: f64,
    mixed_lines_per_cycle: f64,
    same_line_lines_per_cycle: f64,
    same_page_lines_per_cycle: f64,
    same_set_lines_per_cycle: f64,
    same_line_write_lines_per_cycle: f64,
    same_page_write_lines_per_cycle: f64,
    same_set_write_lines_per_cycle: f64,
    same_line_mixed_lines_per_cycle: f64,
    same_page_mixed_lines_per_cycle: f64,
    same_set_mixed_lines_per_cycle: f64,
    slow_memory_read_lines_per_cycle: f64,
    mixed_lines_per_cycle_during_harvest: f64,
    same_set_lines_per_cycle_during_harvest: f64,
    /// Share of the cycles of the one before in which a page was on offer: a group's pages are of different sets, and the next
    /// group must be read first.
    same_set_harvest_offered_share: f64,
    max_wait_cycles: u64,
    request_to_memory_cycles: u64,
    added_latency_tracking_cycles: i64,
    descriptor_miss_extra_dram_lines: f64,
    descriptor_miss_extra_dram_lines_reads: f64,
    descriptor_reads_per_miss: f64,
    descriptor_writes_per_changed_miss: f64,
    descriptor_writes_per_clean_miss: f64,
    descriptor_fetches_outstanding: u64,
    plain_lines_per_cycle: f64,
    plain_write_lines_per_cycle: f64,
    plain_mixed_lines_per_cycle: f64,
    /// Half of each, half of them of tracked pages.
    plain_and_tracked_lines_per_cycle: f64,
    plain_latency_cycles: u64,
    plain_write_latency_cycles: u64,
    plain_descriptor_reads: u64,
    harvest_records_per_cycle: f64,
    harvest_resident_records_per_cycle: f64,
    harvest_loaded_records_per_cycle: f64,
    harvest_from_dram_records_per_cycle: f64,
    clean_16gib_harvest_cycles: u64,
    /// Pages of the window over which the one before was measured.
    clean_harvest_pages: u32,
    recall_snoops_per_cycle: f64,
    recall_block_snoops_per_cycle: f64,
    recall_sparse_snoops_per_cycle: f64,
    recall_issue_snoops_per_cycle: f64,
    recall_issue_block_snoops_per_cycle: f64,
    recall_issue_sparse_snoops_per_cycle: f64,
    recall_outstanding: u32,
    recall_outstanding_peak: u32,
    axi_read_lines_per_cycle: f64,
    axi_write_lines_per_cycle: f64,
    axi_hit_write_lines_per_cycle: f64,
}

#[derive(Debug, Serialize)]
struct Sim {
    cycles_per_second: f64,
}

impl Bench {
    /// Measures everything and prints it.
    pub fn run(self) -> Result<Verdict> {
        let results = measure()?;
        files::print(&if self.json { json::render(&results)? } else { table::render(&results) })?;
        Ok(Verdict::Good)
    }
}

/// Device memory.
fn dram() -> Timing {
    RtlConfig::fast(0).dram
}

/// Every page that is mapped, from [`Runner::add`] on.
fn mapped() -> Result<PageRange> {
    Ok(PageRange::new(PageIndex(0), MAPPED)?)
}

fn measure() -> Result<Results> {
    let machine = MachineConfig::default();
    let config = RtlConfig::fast(machine.frames);
    let mut runner = Runner::new(&config, machine)?;
    let mut rtl = Rtl::default();
    // The order matters: reads check what was written before, a harvest takes what the writes before it left.
    rates::writes(&mut runner, &mut rtl)?;
    harvest::idle(&mut runner, &mut rtl).context("harvest")?;
    rates::logged_writes(&mut runner, &mut rtl)?;
    rates::reads_and_mixed(&mut runner, &mut rtl)?;
    harvest::against_random(&mut runner, &mut rtl)?;
    latency::request_to_memory(&mut runner, &mut rtl)?;
    latency::added_by_tracking(&mut runner, &mut rtl).context("latency")?;
    rates::same(&mut runner, &mut rtl)?;
    recall::measure(&mut runner, &mut rtl)?;

    // From here on with more pages than the cache has descriptors.
    let others = PageRange::new(PageIndex(PAGES), MAPPED - PAGES)?;
    runner.add(others, Frame(PAGES))?;
    harvest::against_one_set(&mut runner, &mut rtl)?;
    misses::measure(&mut runner, &mut rtl, others).context("misses")?;
    harvest::from_dram(&mut runner, &mut rtl, others).context("harvest from device memory")?;
    plain::measure(&mut runner, &mut rtl).context("plain regions")?;
    harvest::clean(&config, machine, &mut rtl).context("harvest of a clean window")?;
    axi::measure(&config, machine, &mut rtl)?;

    let errors = runner.device.errors()?;
    ensure!(errors == ErrorBits(0), "the device set errors: ERROR = {:#x}", errors.0);
    Ok(Results {
        schema_version: 1,
        config: Config {
            requests: REQUESTS,
            pages: PAGES,
            dram_latency: *config.dram.latency.end(),
            host_latency: *config.host.latency.end(),
            snoop_latency: SNOOP_LATENCY,
        },
        rtl,
        sim: Sim { cycles_per_second: runner.cycles as f64 / runner.simulated.as_secs_f64() },
    })
}

//! What a descriptor that is not in the cache costs in device memory.

use super::runner::{Runner, first_lines};
use super::{PAGES, Rtl};
use anyhow::{Context, Result, ensure};
use tideline_abi::geometry::LINES_PER_PAGE;
use tideline_driver::{PageIndex, PageRange};

/// Pages of a sequential walk; none is in the cache when it begins.
const WALKED: u32 = 512;

/// Sequential reads behind clean descriptors, sequential writes behind changed ones; then as many misses at once as there
/// can be. `others` are as many pages as the cache holds.
pub fn measure(runner: &mut Runner, rtl: &mut Rtl, others: PageRange) -> Result<()> {
    let lines = || 0..u64::from(WALKED) * LINES_PER_PAGE as u64;

    // There and back: what is displaced after that was not changed since its fill.
    runner.touch(others)?;
    runner.touch(PageRange::new(PageIndex(0), PAGES)?)?;
    runner.touch(others)?;
    let before = accesses(runner);
    runner.walk(lines()).context("sequential reads")?;
    let [clean_reads, clean_writes, clean_list] = since(runner, before);

    runner.touch(others)?;
    runner.write_all(first_lines(others), 2).context("a write to each page")?;
    let before = accesses(runner);
    runner.write_all(lines(), 2).context("sequential writes")?;
    let [reads, writes, list] = since(runner, before);
    runner.read_all(lines(), 2).context("reading back")?;

    let (misses, lines) = (f64::from(WALKED), lines().end as f64);
    rtl.descriptor_reads_per_miss = clean_reads.max(reads) as f64 / misses;
    rtl.descriptor_writes_per_clean_miss = clean_writes as f64 / misses;
    rtl.descriptor_writes_per_changed_miss = writes as f64 / misses;
    rtl.descriptor_miss_extra_dram_lines_reads = (clean_reads + clean_writes + clean_list) as f64 / lines;
    rtl.descriptor_miss_extra_dram_lines = (reads + writes + list) as f64 / lines;

    runner.touch(others)?;
    runner.take_watch();
    runner.touch(runner.range)?;
    rtl.descriptor_fetches_outstanding = runner.take_watch().most_fetches;
    ensure!(rtl.descriptor_fetches_outstanding > 0, "no descriptor was fetched");
    Ok(())
}

/// Reads and writes of descriptors, and of the page list.
fn accesses(runner: &mut Runner) -> [u64; 3] {
    let [reads, writes] = runner.rtl().descriptor_accesses();
    [reads, writes, runner.rtl().list_accesses()]
}

fn since(runner: &mut Runner, before: [u64; 3]) -> [u64; 3] {
    let now = accesses(runner);
    std::array::from_fn(|i| now[i] - before[i])
}

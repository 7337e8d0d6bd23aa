//! Snoops per cycle of a RECALL, and how many are under way.

use super::runner::{LINES, Runner};
use super::{REQUESTS, Rtl, SNOOP_LATENCY};
use anyhow::{Context, Result, ensure};
use tideline_abi::cxl::MetaValue;
use tideline_abi::geometry::LINES_PER_PAGE;
use tideline_abi::regs::{CountBisnp, PeakBisnp};
use tideline_driver::{PageIndex, PageRange, Recall};
use tideline_tb::LineDevice;

/// Every other line, whole pages, one line of each page; and then a host that is slow enough to have every tag at once.
pub fn measure(runner: &mut Runner, rtl: &mut Rtl) -> Result<()> {
    (rtl.recall_snoops_per_cycle, rtl.recall_issue_snoops_per_cycle) = recall(runner, 2, 1)?;
    (rtl.recall_block_snoops_per_cycle, rtl.recall_issue_block_snoops_per_cycle) = recall(runner, 1, 4)?;
    (rtl.recall_sparse_snoops_per_cycle, rtl.recall_issue_sparse_snoops_per_cycle) =
        recall(runner, LINES_PER_PAGE as u64, 1)?;
    runner.rtl().snoop_latency = 4 * SNOOP_LATENCY;
    recall(runner, 2, 1)?;
    runner.rtl().snoop_latency = SNOOP_LATENCY;
    rtl.recall_outstanding = runner.read32(PeakBisnp::OFFSET)?;
    rtl.recall_outstanding_peak = rtl.recall_outstanding;
    Ok(())
}

/// A RECALL of pages of which the host owns every `step`-th line, each snoop about `lines` lines. Snoops per cycle from the
/// doorbell to the completion, and from the first snoop to the last.
fn recall(runner: &mut Runner, step: u64, lines: u64) -> Result<(f64, f64)> {
    let owned = REQUESTS.min(LINES / step);
    let own = (0..owned).map(|n| runner.read(n * step, n as u16, MetaValue::Any)).collect();
    runner.exchange(own, vec![]).context("reads for ownership")?;
    let range = PageRange::new(PageIndex(0), (owned * step / LINES_PER_PAGE as u64) as u32)?;
    let sent = runner.read32(CountBisnp::OFFSET)?;
    runner.take_watch();
    let begin = runner.rtl().cycle();
    runner.device.recall(range, Recall::WritePermission).context("recall")?;
    let cycles = runner.rtl().cycle() - begin;
    runner.device.recall(range, Recall::WritePermission).context("second recall")?;
    let snoops = u64::from(runner.read32(CountBisnp::OFFSET)?.wrapping_sub(sent));
    let wanted = owned / lines;
    ensure!(snoops == wanted, "{owned} lines owned: {snoops} snoops recalled them, not {wanted}");
    let issued = runner.take_watch().snoops;
    ensure!(issued.count == wanted, "{} snoops came, {wanted} were counted", issued.count);
    Ok((wanted as f64 / cycles as f64, issued.rate()))
}

//! The figures for people: one row each, with its target beside it and whether it is met.

use super::{Results, Rtl};
use std::fmt::Write;

/// Pages of 16 GiB.
const PAGES_OF_16_GIB: u32 = 1 << 22;

/// What a figure shall be.
enum Target {
    /// Not less.
    Least(f64),
    /// Not more.
    Most(f64),
    /// A figure beside one that has the target.
    None,
}
use Target::{Least, Most};

struct Row {
    name: &'static str,
    figure: f64,
    decimals: usize,
    target: Target,
    /// Said behind the verdict.
    remark: String,
}

/// A figure of lines, records or snoops per cycle.
fn rate(name: &'static str, figure: f64, target: Target) -> Row {
    Row { name, figure, decimals: 3, target, remark: String::new() }
}

/// A count.
fn count(name: &'static str, figure: f64, target: Target) -> Row {
    Row { name, figure, decimals: 0, target, remark: String::new() }
}

impl Row {
    fn is_met(&self) -> Option<bool> {
        match self.target {
            Least(least) => Some(self.figure >= least),
            Most(most) => Some(self.figure <= most),
            Target::None => None,
        }
    }

    fn render(&self, text: &mut String) {
        let Row { name, figure, decimals, remark, .. } = self;
        let target = match self.target {
            Least(least) => format!("at least {least}"),
            Most(most) => format!("at most {most}"),
            Target::None => String::new(),
        };
        let verdict = match self.is_met() {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "",
        };
        let line = format!("  {name:<44} {figure:>9.decimals$}   {target:<14} {verdict:<7} {remark}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

/// The whole table.
pub fn render(results: &Results) -> String {
    let Results { config, rtl, sim, .. } = results;
    let mut text = format!(
        "{} requests over {} pages; memory answers after {} cycles, host memory after {}, a snoop after {}\n",
        config.requests, config.pages, config.dram_latency, config.host_latency, config.snoop_latency
    );
    let (mut missed, mut of) = (0, 0);
    for (group, rows) in groups(rtl) {
        let _ = writeln!(text, "\n{group}");
        for row in rows {
            row.render(&mut text);
            of += usize::from(row.is_met().is_some());
            missed += usize::from(row.is_met() == Some(false));
        }
    }
    let _ = writeln!(
        text,
        "\n{} of {of} targets met; {:.0} cycles simulated per second",
        of - missed,
        sim.cycles_per_second
    );
    text
}

/// The targets are those of the design; a figure without one is there to be compared.
fn groups(rtl: &Rtl) -> Vec<(&'static str, Vec<Row>)> {
    let full = || Least(0.99);
    let mut clean =
        count("cycles of a harvest of a clean window", rtl.clean_16gib_harvest_cycles as f64, Most(256.0));
    if rtl.clean_harvest_pages < PAGES_OF_16_GIB {
        // What a smaller window shows says nothing of 16 GiB.
        clean.target = Target::None;
        clean.remark = format!(
            "not shown: 256 cycles are for 16 GiB, the window has {} MiB",
            rtl.clean_harvest_pages / 256
        );
    }
    let mut one_set = rate("half of each, one set", rtl.same_set_lines_per_cycle_during_harvest, Least(0.15));
    if rtl.same_set_harvest_offered_share < 0.95 {
        // The target is for a harvest that offers a page in every cycle.
        one_set.target = Target::None;
        let share = 100.0 * rtl.same_set_harvest_offered_share;
        one_set.remark = format!("not shown: a page was on offer in {share:.0} % of the cycles");
    }
    vec![
        (
            "Lines per cycle, descriptors in the cache",
            vec![
                rate("reads", rtl.read_lines_per_cycle, full()),
                rate("writes, the first of each page among them", rtl.write_lines_per_cycle, full()),
                rate("first writes, logged", rtl.logged_write_lines_per_cycle, full()),
                rate("writes of pages that have dirty lines", rtl.rewrite_lines_per_cycle, full()),
                rate("writes, tracking off", rtl.untracked_write_lines_per_cycle, full()),
                rate("half of each", rtl.mixed_lines_per_cycle, full()),
                rate("reads of one line", rtl.same_line_lines_per_cycle, full()),
                rate("reads of one page", rtl.same_page_lines_per_cycle, full()),
                rate("reads of one set", rtl.same_set_lines_per_cycle, full()),
                rate("writes of one line", rtl.same_line_write_lines_per_cycle, full()),
                rate("writes of one page", rtl.same_page_write_lines_per_cycle, full()),
                rate("writes of one set", rtl.same_set_write_lines_per_cycle, full()),
                rate("half of each, one line", rtl.same_line_mixed_lines_per_cycle, full()),
                rate("half of each, one page", rtl.same_page_mixed_lines_per_cycle, full()),
                rate("half of each, one set", rtl.same_set_mixed_lines_per_cycle, full()),
                rate("reads, memory answers after 128 cycles", rtl.slow_memory_read_lines_per_cycle, full()),
                rate("reads on axi", rtl.axi_read_lines_per_cycle, full()),
                rate("writes on axi", rtl.axi_hit_write_lines_per_cycle, full()),
                rate(
                    "writes on axi, the first of each page misses",
                    rtl.axi_write_lines_per_cycle,
                    Target::None,
                ),
            ],
        ),
        (
            "The same during a harvest",
            vec![
                rate("half of each, all pages", rtl.mixed_lines_per_cycle_during_harvest, Least(0.7)),
                one_set,
                count("longest wait for a slot, cycles", rtl.max_wait_cycles as f64, Most(64.0)),
            ],
        ),
        (
            "Latency in cycles",
            vec![
                count("request taken to offered to memory", rtl.request_to_memory_cycles as f64, Most(9.0)),
                count("added by tracking", rtl.added_latency_tracking_cycles as f64, Most(0.0)),
            ],
        ),
        (
            "Descriptors that are not in the cache",
            vec![
                rate("reads of device memory per miss", rtl.descriptor_reads_per_miss, Most(1.0)),
                rate(
                    "writes per miss, the other one changed",
                    rtl.descriptor_writes_per_changed_miss,
                    Most(1.0),
                ),
                rate(
                    "writes per miss, the other one not changed",
                    rtl.descriptor_writes_per_clean_miss,
                    Most(0.0),
                ),
                rate(
                    "extra lines per line of sequential writes",
                    rtl.descriptor_miss_extra_dram_lines,
                    Most(0.04),
                ),
                rate(
                    "extra lines per line of sequential reads",
                    rtl.descriptor_miss_extra_dram_lines_reads,
                    Most(0.04),
                ),
                count("fetches under way at once", rtl.descriptor_fetches_outstanding as f64, Least(16.0)),
            ],
        ),
        (
            "Plain regions, no descriptor in the cache",
            vec![
                rate("reads, lines per cycle", rtl.plain_lines_per_cycle, full()),
                rate("writes", rtl.plain_write_lines_per_cycle, full()),
                rate("half of each", rtl.plain_mixed_lines_per_cycle, full()),
                rate(
                    "half of each, half of all in tracked pages",
                    rtl.plain_and_tracked_lines_per_cycle,
                    full(),
                ),
                count("descriptors read", rtl.plain_descriptor_reads as f64, Most(0.0)),
                count("read taken to offered to memory, cycles", rtl.plain_latency_cycles as f64, Most(2.0)),
                count(
                    "write taken to offered to memory, cycles",
                    rtl.plain_write_latency_cycles as f64,
                    Target::None,
                ),
            ],
        ),
        (
            "Harvest, records per cycle",
            vec![
                rate("resident, alone", rtl.harvest_resident_records_per_cycle, Least(1.0)),
                rate("resident, under load", rtl.harvest_loaded_records_per_cycle, Least(0.25)),
                rate("from device memory", rtl.harvest_from_dram_records_per_cycle, Least(0.45)),
                rate("resident, doorbell to completion", rtl.harvest_records_per_cycle, Target::None),
                clean,
            ],
        ),
        (
            "Recall, snoops per cycle",
            vec![
                rate("every other line", rtl.recall_issue_snoops_per_cycle, full()),
                rate(
                    "whole pages, a block of four per snoop",
                    rtl.recall_issue_block_snoops_per_cycle,
                    full(),
                ),
                Row {
                    remark: "two page slots per page: half of them is all there can be".to_owned(),
                    ..rate("one line per page", rtl.recall_issue_sparse_snoops_per_cycle, Target::None)
                },
                rate("every other line, doorbell to completion", rtl.recall_snoops_per_cycle, Target::None),
                rate("whole pages, doorbell to completion", rtl.recall_block_snoops_per_cycle, Target::None),
                rate(
                    "one line per page, doorbell to completion",
                    rtl.recall_sparse_snoops_per_cycle,
                    Target::None,
                ),
                count("outstanding", f64::from(rtl.recall_outstanding), Least(256.0)),
            ],
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Sim};
    use super::*;

    #[test]
    fn the_table_counts_its_targets_and_stays_aligned() {
        let config = Config { requests: 1, pages: 2, dram_latency: 3, host_latency: 4, snoop_latency: 5 };
        let sim = Sim { cycles_per_second: 1e5 };
        let text = render(&Results { schema_version: 1, config, rtl: Rtl::default(), sim });
        let count = |verdict: &str| text.lines().filter(|line| line.ends_with(verdict)).count();
        let (met, missed) = (count(" met"), count(" MISSED"));
        assert!(met > 0 && missed > 0, "{text}");
        assert!(text.contains(&format!("\n{met} of {} targets met", met + missed)), "{text}");
        for line in text.lines().filter(|line| line.starts_with("  ")) {
            let target = line.find("at least").or(line.find("at most"));
            assert!(target.is_none_or(|column| column == 59), "{line}");
        }
    }

    #[test]
    fn a_row_says_whether_its_target_is_met() {
        let verdicts = [
            (rate("lines", 0.995, Least(0.99)), "met"),
            (rate("lines", 0.989, Least(0.99)), "MISSED"),
            (count("cycles", 9.0, Most(9.0)), "met"),
            (count("cycles", 10.0, Most(9.0)), "MISSED"),
        ];
        for (row, verdict) in verdicts {
            let mut text = String::new();
            row.render(&mut text);
            assert!(text.ends_with(&format!(" {verdict}\n")), "{text}");
        }
    }

    #[test]
    fn a_clean_window_counts_only_when_it_is_large_enough() {
        for (pages, verdict) in [(1 << 16, None), (1 << 22, Some(true))] {
            let rtl = Rtl { clean_harvest_pages: pages, clean_16gib_harvest_cycles: 200, ..Rtl::default() };
            let groups = groups(&rtl);
            let row = groups.iter().flat_map(|(_, rows)| rows).find(|row| row.name.contains("clean window"));
            let row = row.expect("there is such a row");
            assert_eq!(row.is_met(), verdict);
            assert_eq!(row.remark.contains("the window has 256 MiB"), verdict.is_none(), "{}", row.remark);
        }
    }
}

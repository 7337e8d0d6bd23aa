//! `tideline replay`: a trace through a host's cache into the device, and what the device found.

use crate::cache::Cache;
use crate::export::{json, svg, table};
use crate::replay::{Outcome, Settings, run};
use crate::target::Target;
use crate::{Verdict, files, progress};
use anyhow::{Result, ensure};
use clap::Args;
use std::path::{Path, PathBuf};

/// Replay a trace into the device, and compare what it reports with what the trace wrote
///
/// The trace's accesses go through a model of a host's last-level cache, which speaks CXL.mem to the device, or AXI4. At the
/// end of each epoch the driver harvests the lines that were written, and they are compared with those that the trace
/// wrote. FILE is a trace of `tideline record`, or the output of `valgrind --tool=lackey --trace-mem=yes`, plain or
/// compressed with gzip, xz or zstd.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 exact, 1 a line was missed or invented, 2 bad input or a failure.\n\n\
                        Examples:\n  tideline replay gzip.tlt --svg gzip.svg\n  \
                        tideline replay gzip.tlt --cache 32MiB --epoch 100000 --json gzip.json\n  \
                        tideline replay gzip.tlt --no-recall     # what a tracker misses that only listens\n  \
                        tideline replay gzip.tlt --attach axi    # no back-invalidate: the driver flushes\n  \
                        xzcat gzip.lackey.xz | tideline replay - --target model"
)]
pub struct Replay {
    /// The trace, or - for standard input
    #[arg(value_name = "FILE")]
    trace: PathBuf,
    #[command(flatten)]
    cache: Cache,
    /// Instructions of an epoch; 0 makes one epoch of all
    #[arg(long, value_name = "N", default_value_t = 1_000_000, allow_negative_numbers = true)]
    epoch: u64,
    /// Neither recall nor flush the lines that the host may still hold: report only what it has written back
    #[arg(long)]
    no_recall: bool,
    #[command(flatten)]
    target: Target,
    /// Write the report here, or to standard output, in place of the table, if it is -
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write a picture of where the program writes here
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

impl Replay {
    /// Replays, writes what was asked for, and judges.
    pub fn run(self) -> Result<Verdict> {
        let to_stdout = self.json.as_deref() == Some(Path::new("-"));
        let outputs: Vec<&Path> =
            self.json.iter().filter(|_| !to_stdout).chain(&self.svg).map(PathBuf::as_path).collect();
        for (i, path) in outputs.iter().enumerate() {
            ensure!(*path != Path::new("-"), "--svg -: only --json goes to standard output; name a file");
            for other in outputs[..i].iter().copied().chain([self.trace.as_path()]) {
                ensure!(
                    !files::are_the_same(path, other),
                    "{} is asked for twice, or is the trace itself: each output needs a file of its own",
                    path.display()
                );
            }
            files::check_writable(path)?;
        }
        let settings = Settings {
            trace: self.trace,
            target: self.target,
            cache: self.cache,
            epoch: self.epoch,
            recall: !self.no_recall,
        };
        let bar = progress::instructions("replaying", None);
        let result = run(&settings, &bar);
        bar.finish_and_clear();
        let outcome = result?;
        if !to_stdout {
            files::print(&table::render(&outcome.report))?;
        }
        if let Some(path) = &self.json {
            json::write(path, &outcome.report)?;
        }
        if let Some(path) = &self.svg {
            files::write(path, &svg::render(&outcome.report, &outcome.hot_pages()))?;
        }
        Ok(verdict(&outcome))
    }
}

/// Whether the run found every line and no other.
pub fn verdict(outcome: &Outcome) -> Verdict {
    if outcome.report.totals.counts.is_exact() { Verdict::Good } else { Verdict::Inexact }
}

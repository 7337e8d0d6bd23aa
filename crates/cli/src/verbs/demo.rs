//! `tideline demo`: the whole way once, on a database.

use super::record::explain;
use super::replay::verdict;
use crate::cache::Cache;
use crate::export::{json, svg, table};
use crate::replay::{Settings, run};
use crate::size::Size;
use crate::target::{Attach, Target};
use crate::{Verdict, files, progress};
use anyhow::{Context, Result, ensure};
use clap::Args;
use std::fs;
use std::path::PathBuf;
use tideline_driver::Target as Name;
use tideline_trace::{Input, Output, Recorder};

/// What the database is told to do.
const SCRIPT: &str = include_str!("../../demo/orders.sql");
/// Instructions that SCRIPT takes, for the progress bar alone.
const EXPECTED_INSTRUCTIONS: u64 = 22_200_000;

/// Record sqlite3 at work, replay it into the Verilated RTL, and show what the device found
///
/// An in-memory database takes inserts and updates; recording and replay take about a minute. What is left in the
/// folder: the trace (trace.tlt), the figures (report.json), the picture of where sqlite3 writes (heatmap.svg).
#[derive(Debug, Args)]
pub struct Demo {
    /// Folder for the results
    #[arg(long, value_name = "DIR", default_value = "out/demo")]
    out: PathBuf,
}

impl Demo {
    /// Records, replays, prints the table.
    pub fn run(self) -> Result<Verdict> {
        let file = |name: &str| self.out.join(name);
        let (trace, report, heatmap) = (file("trace.tlt"), file("report.json"), file("heatmap.svg"));
        fs::create_dir_all(&self.out)
            .with_context(|| format!("cannot make the folder {}", self.out.display()))?;
        for stale in [&trace, &report, &heatmap] {
            files::remove(stale)?;
        }

        let recorder = Recorder::new().stdin(Input::Bytes(SCRIPT.into())).stdout(Output::Null);
        let command = ["sqlite3", "-batch", "-init", "/dev/null", ":memory:"].map(Into::into);
        let bar = progress::instructions("recording", Some(EXPECTED_INSTRUCTIONS));
        let result = recorder.record(&command, &trace, &mut |p| bar.set_position(p.totals.instructions));
        bar.finish_and_clear();
        let recording = result.map_err(explain)?;
        ensure!(recording.status.success(), "sqlite3 ended with {}; its message is above", recording.status);

        let settings = Settings {
            trace,
            target: Target { name: Name::Rtl, attach: Attach::Cxl },
            cache: Cache { size: Size(2 << 20), ways: 16 },
            epoch: 1_000_000,
            recall: true,
        };
        let bar = progress::instructions("replaying", Some(recording.totals.instructions));
        let result = run(&settings, &bar);
        bar.finish_and_clear();
        let outcome = result?;
        json::write(&report, &outcome.report)?;
        files::write(&heatmap, &svg::render(&outcome.report, &outcome.hot_pages()))?;
        files::print(&table::render(&outcome.report))?;
        files::print(&format!("\n{}\n{}\n", report.display(), heatmap.display()))?;
        Ok(verdict(&outcome))
    }
}

//! `tideline record`: a program under valgrind, its memory accesses into a file.

use crate::export::table::grouped;
use crate::{Verdict, progress};
use anyhow::{Result, anyhow};
use clap::Args;
use std::ffi::OsString;
use std::num::NonZeroU64;
use std::path::PathBuf;
use tideline_trace::{Input, RecordError, Recorder, Recording};

/// Record the memory accesses of a program
///
/// The program runs under valgrind, at some 0.4 million instructions per second, with this terminal's input and
/// output. The trace appears when the program has ended; how the program ended makes no difference to it, nor to the exit
/// status. Only the program itself is recorded, not the programs that it starts: of a script, let `exec` start what counts.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  tideline record -o gzip.tlt -- gzip -k9 README.md\n  \
                        tideline record -o db.tlt --stdin script.sql -- sqlite3 :memory:")]
pub struct Record {
    /// File for the trace
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// Give the program this file as its standard input
    #[arg(long, value_name = "FILE")]
    stdin: Option<PathBuf>,
    /// Stop the program after so many instructions
    #[arg(long, value_name = "N")]
    max_instructions: Option<NonZeroU64>,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Record {
    /// Records, and says on standard error what came of it.
    pub fn run(self) -> Result<Verdict> {
        let mut recorder = Recorder::new();
        if let Some(file) = self.stdin {
            recorder = recorder.stdin(Input::File(file));
        }
        if let Some(limit) = self.max_instructions {
            recorder = recorder.max_instructions(limit);
        }
        let bar = progress::instructions("recording", self.max_instructions.map(NonZeroU64::get));
        let result =
            recorder.record(&self.command, &self.out, &mut |p| bar.set_position(p.totals.instructions));
        bar.finish_and_clear();
        let recording = result.map_err(explain)?;
        eprintln!("{}", summary(&recording, &self.out.display().to_string()));
        Ok(Verdict::Good)
    }
}

fn summary(recording: &Recording, out: &str) -> String {
    let Recording { totals, bytes_written, status, limit_reached } = recording;
    let mut text = format!(
        "{out}: {} instructions, {} loads, {} stores, {} modifies in {} bytes",
        grouped(totals.instructions),
        grouped(totals.loads),
        grouped(totals.stores),
        grouped(totals.modifies),
        grouped(*bytes_written)
    );
    if *limit_reached {
        text += "; stopped at the limit";
    } else if !status.success() {
        text += &format!("; the program ended with {status}");
    }
    text
}

/// Adds to an error what can be done about it.
pub fn explain(error: RecordError) -> anyhow::Error {
    match &error {
        RecordError::ProgramNotFound { program, .. } if program == "sqlite3" => anyhow!(error)
            .context("cannot find sqlite3; install it, for instance with `apt-get install sqlite3`"),
        _ => error.into(),
    }
}

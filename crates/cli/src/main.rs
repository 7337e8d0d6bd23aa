//! The `tideline` program: records what a program writes, replays it through the device, and shows what the device
//! found.
//!
//! One file per verb in [`verbs`], one per output format in [`export`]; [`replay`] is the engine between them.

mod cache;
mod export;
mod files;
mod progress;
mod replay;
mod size;
mod target;
mod verbs;

use clap::{Parser, Subcommand};
use std::io::{self, Write};
use std::process::ExitCode;

/// Exit status of a run that missed or invented a line.
const INEXACT: u8 = 1;
/// Exit status of everything that could not be done; clap uses it for usage errors too.
const FAILED: u8 = 2;

/// Knows to the 64-byte line which memory was written: records programs, replays them through the Tideline device.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Exit status: 0 done, 1 a replay missed or invented a line, 2 wrong usage, bad input or a failure.\n\n\
                  Examples:\n  tideline demo\n  tideline record -o gzip.tlt -- gzip -k9 README.md\n  \
                  tideline replay gzip.tlt --cache 512KiB --svg gzip.svg"
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Record(verbs::record::Record),
    Replay(verbs::replay::Replay),
    Demo(verbs::demo::Demo),
    List(verbs::list::List),
    Info(verbs::info::Info),
    Regs(verbs::regs::Regs),
    Bench(verbs::bench::Bench),
    Rtl(verbs::rtl::Rtl),
    Serve(verbs::serve::Serve),
}

/// How a verb that did its work ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// As it should be.
    Good,
    /// A line was missed or invented.
    Inexact,
}

fn main() -> ExitCode {
    let done = match Cli::parse().verb {
        Verb::Record(verb) => verb.run(),
        Verb::Replay(verb) => verb.run(),
        Verb::Demo(verb) => verb.run(),
        Verb::List(verb) => verb.run(),
        Verb::Info(verb) => verb.run(),
        Verb::Regs(verb) => verb.run(),
        Verb::Bench(verb) => verb.run(),
        Verb::Rtl(verb) => verb.run(),
        Verb::Serve(verb) => verb.run(),
    };
    match done {
        Ok(Verdict::Good) => ExitCode::SUCCESS,
        Ok(Verdict::Inexact) => INEXACT.into(),
        // Who closes the pipe has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "tideline: {}", message(&error));
            FAILED.into()
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
}

/// An error and its causes on one line; a cause that its error has told already is left out.
fn message(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn causes_are_told_once() {
        let error = anyhow::anyhow!("no disk").context("cannot write: no disk").context("replay");
        assert_eq!(message(&error), "replay: cannot write: no disk");
    }
}

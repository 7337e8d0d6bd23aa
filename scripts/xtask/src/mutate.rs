//! `cargo xtask mutate`: breaks the RTL on purpose, one rule at a time, and demands that the campaign notices.
//!
//! Each mutation is a list of textual patches on the emitted Verilog. The harness is rebuilt with the patched files
//! (`TIDELINE_RTL_DIR`), then the campaign runs: it has to pass with the files as they are, and to fail with each
//! mutation. `docs/mutations.md` says what caught what.

use crate::lint::accepts;
use crate::mutations::{Mutation, all};
use crate::{root, scratch};
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tideline_rtl::blocks;
use tideline_rtl::verilog::emit;

/// The tests that have to notice.
const CAMPAIGN: &[&str] = &[
    "test",
    "--package",
    "tideline-tb",
    "--test",
    "campaign_rtl",
    "--test",
    "campaign_axi",
    "--test",
    "plain_regions",
    "--test",
    "large_window",
    "--test",
    "full_miss_unit",
];
/// A run that takes longer does not end.
const PATIENCE: Duration = Duration::from_secs(1800);
/// Longest message in the table, in characters.
const MOST_WORDS: usize = 120;
const PAGE: &str = "docs/mutations.md";

/// Break the RTL one rule at a time, and demand that the campaign notices each; writes docs/mutations.md
#[derive(Debug, Args)]
pub struct Mutate {
    /// Only this mutation, and others named like this; docs/mutations.md stays as it is
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Only check that every mutation applies to the Verilog of today, and that Verilator takes what comes out
    #[arg(long)]
    dry_run: bool,
}

impl Mutate {
    /// Applies, builds and runs.
    pub fn run(self) -> Result<()> {
        let design = emit(&blocks::sim_top())?;
        let files: BTreeMap<String, String> =
            design.modules.into_iter().map(|module| (format!("{}.v", module.name), module.text)).collect();
        let mutations = all();
        for name in &self.only {
            let names: Vec<_> = mutations.iter().map(|m| m.name).collect();
            ensure!(names.contains(&name.as_str()), "no mutation {name:?}; there are {}", names.join(", "));
        }
        let named = |m: &&Mutation| self.only.is_empty() || self.only.iter().any(|name| name == m.name);
        let chosen: Vec<&Mutation> = mutations.iter().filter(named).collect();
        let mutants = chosen.iter().map(|m| Ok((*m, m.apply(&files)?))).collect::<Result<Vec<_>>>()?;
        let dir = scratch("mutate")?;
        if self.dry_run {
            for (mutation, files) in &mutants {
                write(&dir, files)?;
                accepts(&dir, &design.top).with_context(|| mutation.name.to_owned())?;
            }
            println!("{} mutations apply", mutants.len());
            return Ok(());
        }

        if let Outcome::Caught(by) = campaign(&dir, &files).context("the RTL as it is")? {
            bail!("the campaign fails on the RTL as it is ({by}): no mutation proves anything");
        }
        let mut survivors = vec![];
        let mut rows = vec![];
        for (mutation, files) in mutants {
            match campaign(&dir, &files).with_context(|| mutation.name.to_owned())? {
                Outcome::Caught(by) => {
                    println!("{}: caught by {by}", mutation.name);
                    rows.push((mutation, by));
                }
                Outcome::Passed => {
                    println!("{}: NOT CAUGHT", mutation.name);
                    survivors.push(mutation.name);
                }
            }
        }
        ensure!(survivors.is_empty(), "not caught: {}", survivors.join(", "));
        if self.only.is_empty() {
            fs::write(root().join(PAGE), page(&rows)).with_context(|| format!("cannot write {PAGE}"))?;
        }
        Ok(())
    }
}

enum Outcome {
    Passed,
    /// The test that failed, and its first words.
    Caught(String),
}

/// Builds the harness with these files and runs the campaign.
fn campaign(dir: &Path, files: &BTreeMap<String, String>) -> Result<Outcome> {
    write(dir, files)?;
    let built = cargo(dir, &["--no-run"])?;
    ensure!(
        built.status.success(),
        "the harness does not build:\n{}",
        String::from_utf8_lossy(&built.stderr).trim_end()
    );
    let output = cargo(dir, &["--no-fail-fast"])?;
    if output.status.success() {
        return Ok(Outcome::Passed);
    }
    Ok(Outcome::Caught(cause(&String::from_utf8_lossy(&output.stdout))))
}

fn write(dir: &Path, files: &BTreeMap<String, String>) -> Result<()> {
    for (name, text) in files {
        let path = dir.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn cargo(rtl: &Path, arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(env!("CARGO"));
    command
        .current_dir(root())
        .args(CAMPAIGN)
        .args(arguments)
        .env("TIDELINE_RTL_DIR", rtl)
        .env("TIDELINE_REQUESTS", "1000000")
        // A folder of its own: else the next ordinary build would compile the device again.
        .env("CARGO_TARGET_DIR", crate::output().join("mutants"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().context("cannot run cargo")?;
    let id = child.id();
    let start = Instant::now();
    let waiter = thread::spawn(move || child.wait_with_output());
    while !waiter.is_finished() {
        ensure!(start.elapsed() < PATIENCE, "process {id} does not end in {} s", PATIENCE.as_secs());
        thread::sleep(Duration::from_millis(200));
    }
    match waiter.join() {
        Ok(output) => output.context("cannot wait for cargo"),
        Err(_) => bail!("the thread that waits for cargo panicked"),
    }
}

/// The first test that failed, and the first line of what it said.
fn cause(stdout: &str) -> String {
    let mut lines = stdout.lines();
    let name = lines.find_map(|line| line.strip_prefix("---- ")?.strip_suffix(" stdout ----"));
    let said = lines
        .skip_while(|line| !line.contains("panicked at"))
        .skip(1)
        .map(str::trim)
        .find(|line| !line.is_empty());
    match (name, said) {
        (Some(name), Some(said)) => format!("{name}: {}", shorten(said)),
        (Some(name), None) => name.to_owned(),
        _ => "the test program ended without naming a test".to_owned(),
    }
}

/// As much of a message as a table bears.
fn shorten(text: &str) -> String {
    match text.char_indices().nth(MOST_WORDS) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_owned(),
    }
}

fn page(rows: &[(&Mutation, String)]) -> String {
    let mut text = String::from(
        "# Mutations\n\nGenerated by `cargo xtask mutate`. Do not edit.\n\nEach row is a change of the RTL that breaks \
         one rule of the line protocol. The harness is built with it, and the\ncampaign of verilator-tb has to fail. \
         The changes themselves: scripts/xtask/src/mutations.rs.\n\n| name | what it breaks | caught by |\n|---|---|---|\n",
    );
    for (mutation, by) in rows {
        let _ = writeln!(text, "| {} | {} | {} |", mutation.name, mutation.breaks, by.replace('|', "\\|"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_the_first_failure() {
        let output = "running 2 tests\n\n---- a_test stdout ----\nseed 7\n\nthread 'a_test' panicked at src/x.rs:1:2:\n\
                      line 5 was lost\nmore\n---- b stdout ----\n";
        assert_eq!(cause(output), "a_test: line 5 was lost");
        assert!(cause("").contains("without naming"));
    }

    #[test]
    fn every_mutation_applies() {
        let design = emit(&blocks::sim_top()).unwrap();
        let files =
            design.modules.into_iter().map(|module| (format!("{}.v", module.name), module.text)).collect();
        for mutation in all() {
            mutation.apply(&files).unwrap();
        }
    }
}

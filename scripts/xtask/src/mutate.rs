//! `cargo xtask mutate`: breaks the RTL on purpose, one rule at a time, and demands that the campaign notices.
//!
//! Textual patches put all mutations into the emitted Verilog, each behind its number. The harness is built once with the
//! patched files (`TIDELINE_RTL_DIR`), then the campaign runs for each number (`TIDELINE_MUTATION`): it has to pass with none of
//! them, and to fail with each. `docs/mutations.md` says what caught what.

use crate::lint::accepts;
use crate::mutations::{ALL, CHOICE, Mutation, apply};
use crate::{root, scratch};
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
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
    "--test",
    "unhelpful_host",
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
        let names: Vec<_> = ALL.iter().map(|m| m.name).collect();
        for name in &self.only {
            ensure!(names.contains(&name.as_str()), "no mutation {name:?}; there are {}", names.join(", "));
        }
        let dir = scratch("mutate")?;
        let design = emit(&blocks::sim_top())?;
        let files = design.modules.into_iter().map(|module| (format!("{}.v", module.name), module.text));
        for (name, text) in apply(&files.collect())? {
            let path = dir.join(name);
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        if self.dry_run {
            accepts(&dir, &design.top)?;
            println!("all {} mutations apply", ALL.len());
            return Ok(());
        }

        if let Outcome::Caught(by) = campaign(&dir, 0)? {
            bail!("the campaign fails with no mutation on ({by}): none proves anything");
        }
        let mut survivors = vec![];
        let mut rows = vec![];
        for (i, mutation) in ALL.iter().enumerate() {
            if !self.only.is_empty() && !self.only.iter().any(|name| name == mutation.name) {
                continue;
            }
            match campaign(&dir, i + 1).with_context(|| mutation.name.to_owned())? {
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

/// Runs the campaign with one mutation on, by its number; 0 is none. The first test program that fails ends it.
fn campaign(dir: &Path, number: usize) -> Result<Outcome> {
    // Else a harness that does not build would count as caught.
    let built = cargo(dir, number, &["--no-run"])?;
    ensure!(
        built.status.success(),
        "the harness does not build:\n{}",
        String::from_utf8_lossy(&built.stderr).trim_end()
    );
    let output = cargo(dir, number, &[])?;
    if output.status.success() {
        return Ok(Outcome::Passed);
    }
    Ok(Outcome::Caught(cause(&String::from_utf8_lossy(&output.stdout))))
}

fn cargo(rtl: &Path, number: usize, arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(env!("CARGO"));
    command
        .current_dir(root())
        .args(CAMPAIGN)
        .args(arguments)
        .env("TIDELINE_RTL_DIR", rtl)
        .env(CHOICE, number.to_string())
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
         one rule of the line protocol. With it on, the campaign\nof verilator-tb has to fail. \
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
        apply(&files).unwrap();
    }
}

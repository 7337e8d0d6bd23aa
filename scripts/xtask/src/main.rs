//! Chores of the Tideline workspace: `cargo xtask --help`.

mod cocotb;
mod coverage;
mod generate;
mod lint;
mod mutate;
mod mutations;
mod proofs;
mod prove;
mod python;
mod results;
mod route;
mod ways;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Chores of the Tideline workspace
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    Cocotb(cocotb::Cocotb),
    Coverage(coverage::Coverage),
    Generate(generate::Generate),
    Lint(lint::Lint),
    Mutate(mutate::Mutate),
    Results(results::Results),
    Prove(prove::Prove),
    Route(route::Route),
}

fn main() -> ExitCode {
    let done = match Cli::parse().chore {
        Chore::Cocotb(chore) => chore.run(),
        Chore::Coverage(chore) => chore.run(),
        Chore::Generate(chore) => chore.run(),
        Chore::Lint(chore) => chore.run(),
        Chore::Mutate(chore) => chore.run(),
        Chore::Results(chore) => chore.run(),
        Chore::Prove(chore) => chore.run(),
        Chore::Route(chore) => chore.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("xtask lies in scripts/xtask")
}

/// Where all output goes.
fn output() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    root().join(target).join("xtask")
}

/// A folder for files that are made again each time, emptied.
fn scratch(name: &str) -> Result<PathBuf> {
    let dir = output().join(name);
    if dir.exists() {
        std::fs::remove_dir_all(&dir)?;
    }
    std::fs::create_dir_all(&dir)?;
    Ok(dir)
}

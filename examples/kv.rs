//! A key-value store in tracked memory, on any target: shows the lines that each batch of writes made dirty, saves them as
//! checkpoints, and restores the store from the files to a fresh device.
//!
//! ```sh
//! cargo run --package tideline-examples --bin kv -- --target rtl
//! ```

mod opener;

use anyhow::{Result, ensure};
use clap::Parser;
use std::io::{Write, stdout};
use std::path::PathBuf;
use std::time::Instant;
use tideline_driver::{Frame, Target};
use tideline_kv::session::{Session, Settings, restore_and_compare};

/// A key-value store in the window, with checkpoints made of dirty lines only
#[derive(Debug, Parser)]
struct Cli {
    /// The device: model, rtl, vfio-user:PATH or vfio:BDF
    #[arg(long, default_value = "model")]
    target: Target,
    /// Batches of writes, each a checkpoint
    #[arg(long, default_value_t = 4)]
    batches: u32,
    /// Writes of a batch
    #[arg(long, default_value_t = 40)]
    writes: u32,
    /// Keep the checkpoints in this folder; without it they go when the program ends
    #[arg(long)]
    folder: Option<PathBuf>,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    ensure!(cli.batches > 0, "--batches 0 leaves nothing to restore: use 1 or more");
    let mut out = stdout().lock();
    let scratch = tempfile::tempdir()?;
    let folder = cli.folder.unwrap_or_else(|| scratch.path().join("kv"));
    let settings = Settings { writes: cli.writes, ..Settings::default() };

    let mut device = opener::open(&cli.target)?;
    let mut session = Session::start(&mut device, &folder, settings)?;
    for _ in 0..cli.batches {
        session.batch(&mut device, &mut out)?;
    }
    let contents = session.contents(&mut device)?;
    session.finish(&mut device)?;
    device.close()?;

    // Another device, where there can be one; else other frames of the same.
    let start = Instant::now();
    let mut device = opener::open(&cli.target)?;
    let elsewhere = Settings { frame: Frame(1000), ..settings };
    restore_and_compare(&mut device, &folder, elsewhere, &contents, &mut out)?;
    device.close()?;
    writeln!(out, "target {}: opened and restored in {:.2} s", cli.target, start.elapsed().as_secs_f64())?;
    Ok(())
}

//! `cargo xtask lint`: Verilator and yosys on all that the writer emits, without a waiver.

use crate::scratch;
use anyhow::{Context, Result, ensure};
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::Command;
use tideline_rtl::blocks;
use tideline_rtl::verilog::{Design, emit};

/// Emit the tops and run `verilator --lint-only -Wall` and yosys `check -assert` on them
#[derive(Debug, Args)]
pub struct Lint {}

impl Lint {
    /// Emits and lints.
    pub fn run(self) -> Result<()> {
        for design in [emit(&blocks::cxl_top())?, emit(&blocks::axi_top())?, emit(&blocks::sim_top())?] {
            lint(&design, &scratch(&format!("lint/{}", design.top))?)?;
        }
        Ok(())
    }
}

fn lint(design: &Design, dir: &Path) -> Result<()> {
    design.write_to(dir)?;
    let files: Vec<PathBuf> = design.modules.iter().map(|m| dir.join(format!("{}.v", m.name))).collect();

    let mut verilator = Command::new("verilator");
    verilator.args(["--lint-only", "-Wall", "--language", "1364-2005", "--top-module", &design.top]);
    run(verilator.args(&files))?;

    let names: Vec<String> = design.modules.iter().map(|m| format!("{}.v", m.name)).collect();
    let script = format!(
        "read_verilog {}; hierarchy -check -top {}; proc; check -assert",
        names.join(" "),
        design.top
    );
    run(Command::new("yosys").current_dir(dir).args(["-q", "-p", &script]))
}

/// Whether Verilator takes a design: style and widths aside.
pub fn accepts(dir: &Path, top: &str) -> Result<()> {
    let mut verilator = Command::new("verilator");
    verilator.args([
        "--lint-only",
        "-Wno-lint",
        "-Wno-style",
        "--language",
        "1364-2005",
        "--top-module",
        top,
    ]);
    run(verilator.arg("-y").arg(dir).arg(dir.join(format!("{top}.v"))))
}

/// Runs a tool that must have nothing to say.
fn run(command: &mut Command) -> Result<()> {
    let tool = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("cannot run {tool}; scripts/setup installs what is missing"))?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    ensure!(output.status.success() && said.trim().is_empty(), "{tool}, {}:\n{}", output.status, said.trim());
    Ok(())
}

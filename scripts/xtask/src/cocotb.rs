//! `cargo xtask cocotb`: somebody else's AXI models (cocotbext-axi, on Icarus) judge the emitted Verilog.
//!
//! Icarus has four values: an output that is X after reset fails the test. The tests: tests/cocotb.

use crate::python::tool;
use crate::{root, scratch};
use anyhow::{Context, Result, ensure};
use clap::Args;
use std::process::Command;
use tideline_rtl::blocks;
use tideline_rtl::verilog::{Design, emit};

/// A top, and the test module in tests/cocotb that drives it.
type Target = (fn() -> Result<Design>, &'static str);

const TARGETS: &[Target] =
    &[(|| Ok(emit(&blocks::cxl_top())?), "test_cxl_top"), (|| Ok(emit(&blocks::axi_top())?), "test_axi_top")];

/// Drive the emitted Verilog with cocotbext-axi on Icarus
#[derive(Debug, Args)]
pub struct Cocotb {}

impl Cocotb {
    /// Emits, builds, runs.
    pub fn run(self) -> Result<()> {
        let python = tool("python")?;
        for (emit, test) in TARGETS {
            let design = emit()?;
            let rtl = scratch(&format!("cocotb/{}", design.top))?;
            design.write_to(&rtl)?;
            let status = Command::new(&python)
                .arg(root().join("tests/cocotb/run.py"))
                .arg("--rtl")
                .arg(&rtl)
                .args(["--top", &design.top, "--test", test, "--build"])
                .arg(rtl.join("build"))
                .status()
                .with_context(|| format!("cannot run {}", python.display()))?;
            ensure!(status.success(), "{test}: {status} (Icarus is needed: apt-get install iverilog)");
        }
        Ok(())
    }
}

//! `tideline rtl emit`: the hardware as Verilog.

use crate::target::Attach;
use crate::{Verdict, files};
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use std::fs;
use std::path::PathBuf;
use tideline_abi::render;
use tideline_rtl::{blocks, verilog};

/// The hardware itself
#[derive(Debug, Args)]
pub struct Rtl {
    #[command(subcommand)]
    verb: RtlVerb,
}

#[derive(Debug, Subcommand)]
enum RtlVerb {
    Emit(Emit),
}

/// Write the device as Verilog: one file per module, and a header with register offsets and codes
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  tideline rtl emit --out rtl-out && verilator --lint-only -Wall \
                        --top-module tideline_cxl_top rtl-out/*.v\n  tideline rtl emit --attach axi --out rtl-axi   # \
                        top tideline_axi_top")]
struct Emit {
    /// Folder for the files
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How the device is to be attached to the host: which top
    #[arg(long, value_enum, default_value_t = Attach::Cxl)]
    attach: Attach,
}

impl Rtl {
    /// Does what the inner verb says.
    pub fn run(self) -> Result<Verdict> {
        match self.verb {
            RtlVerb::Emit(emit) => emit.run(),
        }
    }
}

impl Emit {
    fn run(self) -> Result<Verdict> {
        let design = match self.attach {
            Attach::Cxl => verilog::emit(&blocks::cxl_top())?,
            Attach::Axi => verilog::emit(&blocks::axi_top())?,
        };
        let cannot = || format!("cannot write into {}", self.out.display());
        design.write_to(&self.out).with_context(cannot)?;
        fs::write(self.out.join("tideline_abi.vh"), render::verilog_header()).with_context(cannot)?;
        let modules = design.modules.len();
        files::print(&format!("{}: top {}, {modules} modules\n", self.out.display(), design.top))?;
        Ok(Verdict::Good)
    }
}

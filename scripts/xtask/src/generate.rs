//! `cargo xtask generate`: the files that are made from crates/abi.

use crate::root;
use anyhow::{Context, Result, bail};
use clap::Args;
use std::fs;
use tideline_abi::render;

type Render = fn() -> String;

/// Each file, and what makes it.
const FILES: [(&str, Render); 5] = [
    ("docs/registers.md", render::register_page),
    ("docs/codes.md", render::code_page),
    ("docs/pci.md", render::pci_page),
    ("rtl/include/tideline_abi.vh", render::verilog_header),
    ("host-driver/include/tideline_abi.h", render::c_header),
];

/// Write the headers and pages that are made from crates/abi
#[derive(Debug, Args)]
pub struct Generate {
    /// Write nothing; fail if a file is not what would be written
    #[arg(long)]
    check: bool,
}

impl Generate {
    /// Writes or compares.
    pub fn run(self) -> Result<()> {
        let mut stale = vec![];
        for (path, render) in FILES {
            let file = root().join(path);
            let text = render();
            if fs::read_to_string(&file).is_ok_and(|old| old == text) {
                continue;
            }
            if self.check {
                stale.push(path);
                continue;
            }
            let folder = file.parent().context("a generated file lies in a folder")?;
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
            fs::write(&file, text).with_context(|| format!("cannot write {path}"))?;
            println!("{path}");
        }
        if !stale.is_empty() {
            bail!("not as crates/abi has it: {}; run `cargo xtask generate`", stale.join(", "));
        }
        Ok(())
    }
}

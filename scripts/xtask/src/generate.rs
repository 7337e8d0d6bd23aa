//! `cargo xtask generate`: the files that are made from crates/abi, and the C header of crates/capi.

use crate::root;
use anyhow::{Context, Result, bail};
use clap::Args;
use std::fs;
use tideline_abi::render;

type Render = fn() -> Result<String>;

/// Each file, and what makes it.
const FILES: [(&str, Render); 6] = [
    ("docs/registers.md", || Ok(render::register_page())),
    ("docs/codes.md", || Ok(render::code_page())),
    ("docs/pci.md", || Ok(render::pci_page())),
    ("rtl/include/tideline_abi.vh", || Ok(render::verilog_header())),
    ("host-driver/include/tideline_abi.h", || Ok(render::c_header())),
    ("crates/capi/include/tideline.h", c_api),
];

/// The header of the C library, as cbindgen makes it of its source.
fn c_api() -> Result<String> {
    let folder = root().join("crates/capi");
    let config = cbindgen::Config::from_file(folder.join("cbindgen.toml")).map_err(anyhow::Error::msg)?;
    let bindings = cbindgen::Builder::new().with_crate(folder).with_config(config).generate();
    let mut header = Vec::new();
    bindings.context("cannot read crates/capi")?.write(&mut header);
    Ok(String::from_utf8(header)?)
}

/// Write the headers and pages that are made from crates/abi and crates/capi
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
            let text = render()?;
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
            bail!("not as the source has it: {}; run `cargo xtask generate`", stale.join(", "));
        }
        Ok(())
    }
}

//! `tideline list`: which devices this machine has, and whether they can be opened.

use crate::export::json;
use crate::{Verdict, files};
use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;
use std::fmt::Write;
use std::path::PathBuf;
use tideline_abi::pci::{DEVICE, VENDOR};
use tideline_driver::pci::{self, Function};

/// List the Tideline devices of this machine: driver, IOMMU group, target to open
#[derive(Debug, Args)]
#[command(
    after_help = "A device can be opened as vfio:BDF when its driver is vfio-pci: scripts/bind does that.\n\n\
                  Examples:\n  tideline list\n  tideline list --all\n  tideline list --json | jq -r '.[].target'"
)]
pub struct List {
    /// List every PCI function, not only Tideline devices
    #[arg(long)]
    all: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Where sysfs is
    #[arg(long, hide = true, env = "TIDELINE_SYSFS", default_value = pci::SYSFS)]
    sysfs: PathBuf,
}

#[derive(Serialize)]
struct FunctionJson {
    bdf: String,
    vendor: u16,
    device: u16,
    class: u32,
    /// Whether it is a Tideline device.
    tideline: bool,
    driver: Option<String>,
    iommu_group: Option<u32>,
    /// What to give to `--target`, if the device can be opened.
    target: Option<String>,
}

impl List {
    /// Reads sysfs and prints the functions.
    pub fn run(self) -> Result<Verdict> {
        let list = pci::functions(&self.sysfs);
        let list = list.with_context(|| format!("no PCI bus in {}", self.sysfs.display()))?;
        let list: Vec<Function> = list.into_iter().filter(|f| self.all || is_ours(f)).collect();
        if self.json {
            let list: Vec<_> = list.iter().map(to_json).collect();
            files::print(&json::render(&list)?)?;
        } else if list.is_empty() {
            let what =
                if self.all { "no PCI device" } else { "no Tideline device; --all lists every PCI device" };
            files::print(&format!("{what}\n"))?;
        } else {
            files::print(&table(&list))?;
        }
        Ok(Verdict::Good)
    }
}

fn is_ours(function: &Function) -> bool {
    (function.vendor, function.device) == (VENDOR, DEVICE)
}

/// The name of the target, if nothing but permissions is in the way.
fn target(function: &Function) -> Option<String> {
    let bound = function.driver.as_deref() == Some("vfio-pci") && function.iommu_group.is_some();
    (is_ours(function) && bound).then(|| format!("vfio:{}", function.bdf))
}

fn table(list: &[Function]) -> String {
    let mut text =
        format!("{:<13} {:<10} {:<7} {:<16} {:<6} target\n", "device", "id", "class", "driver", "group");
    for f in list {
        let group = f.iommu_group.map_or_else(|| "none".to_owned(), |group| group.to_string());
        let _ = writeln!(
            text,
            "{:<13} {:04x}:{:04x}  {:06x}  {:<16} {group:<6} {}",
            f.bdf.to_string(),
            f.vendor,
            f.device,
            f.class,
            f.driver.as_deref().unwrap_or("none"),
            target(f).as_deref().unwrap_or("-"),
        );
    }
    text
}

fn to_json(f: &Function) -> FunctionJson {
    FunctionJson {
        bdf: f.bdf.to_string(),
        vendor: f.vendor,
        device: f.device,
        class: f.class,
        tideline: is_ours(f),
        driver: f.driver.clone(),
        iommu_group: f.iommu_group,
        target: target(f),
    }
}

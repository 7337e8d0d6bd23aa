//! `tideline info`: what a device says of itself.

use crate::export::table::grouped;
use crate::size::Size;
use crate::target::AnyTarget;
use crate::{Verdict, files};
use anyhow::Result;
use clap::Args;
use std::fmt::Write;
use tideline_abi::geometry::{LINE_BYTES, PAGE_BYTES};
use tideline_driver::{Attach, Capability};

/// Show what a device is: version, sizes, capabilities
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tideline info\n  tideline info --target model\n  tideline info --attach axi\n  \
                  tideline info --target vfio-user:/tmp/tideline.sock"
)]
pub struct Info {
    #[command(flatten)]
    target: AnyTarget,
}

impl Info {
    /// Opens the device with the driver and prints what the driver found.
    pub fn run(self) -> Result<Verdict> {
        let mut device = self.target.open()?;
        let identity = device.identify()?;
        let info = device.info();
        let (major, minor, patch) = info.version;
        let window = Size(u64::from(identity.pages) * PAGE_BYTES as u64);
        let attach = match info.attach {
            Attach::Cxl => "CXL.mem, with back-invalidate",
            Attach::Axi => "AXI4, without back-invalidate: the driver flushes",
        };
        let rows = [
            ("device", format!("Tideline, target {}", self.target.name)),
            ("interface version", format!("{major}.{minor}.{patch}")),
            ("attach", attach.to_owned()),
            (
                "window",
                format!(
                    "{} pages, {window}, at {:#x}",
                    grouped(identity.pages.into()),
                    device.window_base().0
                ),
            ),
            ("line", format!("{LINE_BYTES} bytes")),
            ("frames for MAP", grouped(info.frames.into())),
            ("snoops outstanding", format!("at most {}", identity.bi_tags)),
            ("pages being recalled", format!("at most {}", identity.recall_contexts)),
            ("deferred requests", format!("at most {}", identity.deferred_entries)),
            ("capabilities", info.capabilities.iter().map(capability).collect::<Vec<_>>().join(", ")),
        ];
        let mut text = String::new();
        for (name, value) in rows {
            let _ = writeln!(text, "{name:<21} {value}");
        }
        files::print(&text)?;
        Ok(Verdict::Good)
    }
}

fn capability(&Capability { id, version, offset }: &Capability) -> String {
    let name = match id {
        1 => "track",
        2 => "recall",
        3 => "log",
        _ => "unknown",
    };
    format!("{name} (identifier {id}, version {version}, at {offset:#05x})")
}

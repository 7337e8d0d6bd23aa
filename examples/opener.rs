//! What every example begins with: `--target`, and the device behind it.

use anyhow::{Context, Result};
use clap::Parser;
use tideline_driver::{Carrier, Device, Target};
use tideline_tb::MachineConfig;

/// A device behind any carrier.
pub type AnyDevice = Device<Box<dyn Carrier>>;

/// Command line of an example without options of its own.
#[derive(Debug, Parser)]
pub struct Cli {
    /// The device: model, rtl, vfio-user:PATH or vfio:BDF
    #[arg(long, default_value = "model")]
    target: Target,
}

/// Opens the device that the command line names.
#[allow(dead_code)] // `kv` has a command line of its own.
pub fn from_command_line() -> Result<AnyDevice> {
    open(&Cli::parse().target)
}

/// Opens a device: what is behind the target is fresh from power-on, if it is simulated in this process.
pub fn open(target: &Target) -> Result<AnyDevice> {
    let carrier = tideline_tb::open_carrier(target, MachineConfig::default());
    Device::open(carrier?).with_context(|| format!("cannot open {target}"))
}

//! The options `--target` and `--attach`, and the device or machine behind them.

use anyhow::bail;
use clap::{Args, ValueEnum};
use tideline_driver::Target as Name;
use tideline_driver::{Carrier, Device, TargetError};
use tideline_tb::{LineDevice, Machine, MachineConfig, RtlConfig, Simulated, open, open_carrier};

/// A device in this process, with the host in front of it.
pub type Simulation = Machine<Box<dyn LineDevice>>;

/// Which device to use, wherever it is.
#[derive(Clone, Debug, Args)]
pub struct AnyTarget {
    /// The device: rtl, the Verilated RTL, model, the golden model, vfio-user:PATH, one that `tideline serve` serves, or
    /// vfio:BDF, a board that is bound to vfio-pci
    #[arg(long = "target", value_name = "TARGET", default_value = "rtl")]
    pub name: Name,
    /// How a device of this process is attached to its host; others say themselves how they are
    #[arg(long, value_enum)]
    pub attach: Option<Attach>,
}

impl AnyTarget {
    /// Opens the device.
    pub fn open(&self) -> anyhow::Result<Device<Box<dyn Carrier>>> {
        let here = matches!(self.name, Name::Model | Name::Rtl);
        if self.attach.is_some() && !here {
            bail!("--attach is for the targets model and rtl: {} is attached as it is", self.name);
        }
        let attach = self.attach.unwrap_or(Attach::Cxl).link();
        Ok(Device::open(open_carrier(&self.name, MachineConfig { attach, ..MachineConfig::default() })?)?)
    }
}

/// Which device to use, with the host in front of it.
#[derive(Clone, Debug, Args)]
pub struct Target {
    /// The device: rtl, the Verilated RTL, or model, the golden model
    #[arg(long = "target", value_name = "TARGET", default_value = "rtl", value_parser = simulated)]
    pub name: Name,
    /// How the device is attached to the host
    #[arg(long, value_enum, default_value_t = Attach::Cxl)]
    pub attach: Attach,
}

/// How a device is attached to the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Attach {
    /// CXL.mem, with back-invalidate snoops: the device recalls what the host holds
    Cxl,
    /// AXI4, reads and writes only: the driver flushes what the host holds
    Axi,
}

impl Attach {
    /// As options and reports name it.
    pub fn name(self) -> &'static str {
        match self {
            Attach::Cxl => "cxl",
            Attach::Axi => "axi",
        }
    }

    /// As the device names it.
    pub fn link(self) -> tideline_tb::Attach {
        match self {
            Attach::Cxl => tideline_tb::Attach::Cxl,
            Attach::Axi => tideline_tb::Attach::Axi,
        }
    }
}

/// A target that runs in this process.
fn simulated(text: &str) -> Result<Name, TargetError> {
    match text.parse()? {
        name @ (Name::Model | Name::Rtl) => Ok(name),
        name => Err(TargetError::NotSimulated(name)),
    }
}

impl Target {
    /// The seed of the device's surroundings.
    pub const SEED: u64 = RtlConfig::fast(0).seed;

    /// Whether cycles are those of the RTL.
    pub fn is_rtl(&self) -> bool {
        self.name == Name::Rtl
    }

    /// Opens the device, attached as asked for, without pauses on any interface.
    pub fn open(&self, config: MachineConfig) -> anyhow::Result<Device<Simulation>> {
        let config = MachineConfig { attach: self.attach.link(), ..config };
        let device =
            if self.is_rtl() { Simulated::Rtl(RtlConfig::fast(config.frames)) } else { Simulated::Model };
        Ok(Device::open(open(device, config)?)?)
    }
}

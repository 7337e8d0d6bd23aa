//! Every end-to-end test on the Verilated RTL behind AXI4, with caches in front of it and pauses on every channel: no recall,
//! the driver flushes.

use tideline_driver::{Attach, Carrier};
use tideline_tb::{MachineConfig, RtlConfig, Simulated};

fn machine() -> impl Carrier {
    let config = MachineConfig { attach: Attach::Axi, ..MachineConfig::default() };
    let rtl = Simulated::Rtl(RtlConfig::nasty(config.frames, 1));
    tideline_tb::open(rtl, config).unwrap_or_else(|error| panic!("{error}"))
}

tideline_tests::for_carrier!(machine());

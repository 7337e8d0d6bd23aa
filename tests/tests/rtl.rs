//! Every end-to-end test on the Verilated RTL, with caches in front of it and pauses on every channel.

use tideline_driver::Carrier;
use tideline_tb::{MachineConfig, RtlConfig, Simulated};

fn machine() -> impl Carrier {
    let config = MachineConfig::default();
    let rtl = Simulated::Rtl(RtlConfig::nasty(config.frames, 1));
    tideline_tb::open(rtl, config).unwrap_or_else(|error| panic!("{error}"))
}

tideline_tests::for_carrier!(machine());

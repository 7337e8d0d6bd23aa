//! Every end-to-end test on the golden model behind AXI4, with caches in front of it.

use tideline_driver::{Attach, Carrier};
use tideline_tb::{MachineConfig, Simulated};

fn machine() -> impl Carrier {
    let config = MachineConfig { attach: Attach::Axi, ..MachineConfig::default() };
    tideline_tb::open(Simulated::Model, config).unwrap_or_else(|error| panic!("{error}"))
}

tideline_tests::for_carrier!(machine());

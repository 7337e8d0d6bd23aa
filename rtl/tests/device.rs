//! The device itself: every top is emitted, described to the last port, and clean under every check of the tools.

mod common;

use tideline_rtl::blocks::{axi_top, cxl_top, sim_top};
use tideline_rtl::verilog::{Design, emit};

fn check(design: &Design) {
    for module in &design.modules {
        for port in &module.ports {
            assert!(!port.doc.trim().is_empty(), "{}: port {} has no sentence", module.name, port.name);
        }
        let number = module.name.rsplit('_').next().unwrap_or_default();
        assert!(!number.chars().all(|c| c.is_ascii_digit()), "{} ends in a number", module.name);
        assert!(!module.text.contains("lint_off"), "{} waives a check", module.name);
    }
    common::lint(design);
}

#[test]
fn the_device_for_cxl_is_clean() {
    let design = emit(&cxl_top()).expect("the device is emitted");
    assert_eq!(design.top, "tideline_cxl_top");
    for port in
        ["m2s_req_valid", "s2m_drs_data", "m_axi_dram_awaddr", "m_axi_host_rdata", "s_axil_wdata", "irq"]
    {
        assert!(design.ports.iter().any(|p| p.name == port), "{port}");
    }
    assert!(!design.ports.iter().any(|p| p.name.starts_with("probe")), "the probe is for simulation only");
    check(&design);
}

#[test]
fn the_device_for_axi_is_clean() {
    let design = emit(&axi_top()).expect("the device is emitted");
    assert_eq!(design.top, "tideline_axi_top");
    for port in ["s_axi_awaddr", "s_axi_wstrb", "s_axi_rdata", "m_axi_dram_awaddr", "s_axil_wdata", "irq"] {
        assert!(design.ports.iter().any(|p| p.name == port), "{port}");
    }
    let strangers = ["probe", "m2s", "s2m"];
    assert!(
        !design.ports.iter().any(|p| strangers.iter().any(|s| p.name.starts_with(s))),
        "no CXL, no probe"
    );
    check(&design);
}

#[test]
fn the_device_for_simulation_is_clean() {
    let design = emit(&sim_top()).expect("the device is emitted");
    assert_eq!(design.top, "tideline_sim_top");
    check(&design);
}

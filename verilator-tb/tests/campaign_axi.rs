//! Random campaigns on the AXI attach of the Verilated RTL. `TIDELINE_REQUESTS` (beats) makes the long ones longer,
//! `TIDELINE_SEED` another.

use tideline_tb::RtlConfig;
use tideline_tb::campaign::axi::{AxiConfig, AxiSummary, run_axi};
use tideline_tb::campaign::{FRAMES, TABLES};

fn pass(rtl: &RtlConfig, config: &AxiConfig) -> AxiSummary {
    run_axi(rtl, config).unwrap_or_else(|failure| panic!("{failure}\n{config:#x?}"))
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable)
        .map_or(default, |text| text.parse().unwrap_or_else(|e| panic!("{variable}={text}: {e}")))
}

/// Beats of the standard campaign: 10^7, half for each of two seeds, which run side by side.
const BEATS: u64 = 10_000_000;

fn half(seed: u64) {
    let config = AxiConfig { resets: 20, ..AxiConfig::new(seed, number("TIDELINE_REQUESTS", BEATS) / 2) };
    let summary = pass(&RtlConfig::stormy(FRAMES, seed).cleared_from(TABLES), &config);
    println!("{summary}");
    assert_eq!(summary.missing(), Vec::<String>::new());
}

#[test]
fn the_axi_attach_keeps_the_contract() {
    half(number("TIDELINE_SEED", 1));
}

#[test]
fn the_axi_attach_keeps_the_contract_with_another_seed() {
    half(number("TIDELINE_SEED", 1) + 1);
}

#[test]
fn at_full_speed() {
    let config = AxiConfig { outstanding: 64, command_rate: 1000, ..AxiConfig::new(2, 200_000) };
    println!("{}", pass(&RtlConfig::fast(FRAMES).cleared_from(TABLES), &config));
}

#[test]
fn few_pages_many_pages_and_every_pace() {
    for seed in 100..110 {
        let pages = [2, 4, 12, 40, 100][seed as usize % 5];
        let outstanding = [1, 4, 64, 200][seed as usize % 4];
        let command_rate = [1000, 300, 20][seed as usize % 3];
        let rtl = if seed % 4 == 0 {
            RtlConfig::fast(FRAMES).cleared_from(TABLES)
        } else {
            RtlConfig::nasty(FRAMES, seed).cleared_from(TABLES)
        };
        pass(&rtl, &AxiConfig { pages, outstanding, command_rate, ..AxiConfig::new(seed, 20_000) });
    }
}

//! Random campaigns against the Verilated RTL. `TIDELINE_REQUESTS` makes the long ones longer, `TIDELINE_SEED` another.

use tideline_tb::RtlConfig;
use tideline_tb::campaign::{Config, FRAMES, Rtl, Summary, TABLES, run};
use tideline_tb::host::{Levels, Violations};

fn pass(rtl: &RtlConfig, config: &Config) -> Summary {
    let device = Rtl::new(rtl).unwrap_or_else(|e| panic!("{e}"));
    run(device, config).unwrap_or_else(|failure| panic!("{failure}\n{config:#x?}"))
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable)
        .map_or(default, |text| text.parse().unwrap_or_else(|e| panic!("{variable}={text}: {e}")))
}

/// Requests of the standard campaign: 10^7, half for each of two seeds, which run side by side.
const REQUESTS: u64 = 10_000_000;

fn half(seed: u64) {
    let config = Config { resets: 20, ..Config::new(seed, number("TIDELINE_REQUESTS", REQUESTS) / 2) };
    let summary = pass(&RtlConfig::stormy(FRAMES, seed).cleared_from(TABLES), &config);
    println!("{summary}");
    assert_eq!(summary.missing_rows(), Vec::<String>::new());
}

#[test]
fn the_rtl_keeps_the_contract() {
    half(number("TIDELINE_SEED", 1));
}

#[test]
fn the_rtl_keeps_the_contract_with_another_seed() {
    half(number("TIDELINE_SEED", 1) + 1);
}

#[test]
fn at_full_speed() {
    // Memory and channels without pauses, a host that answers at once: the device's own hazards are the closest.
    let levels = Levels { rate: 1024, late: false, back_pressure: false, ..Levels::default() };
    let config = Config { levels, harvest_rate: 1000, ..Config::new(2, 300_000) };
    println!("{}", pass(&RtlConfig::fast(FRAMES).cleared_from(TABLES), &config));
}

#[test]
fn few_pages_many_pages_and_every_pace() {
    for seed in 100..115 {
        let pages = [1, 2, 8, 40, 200][seed as usize % 5];
        let levels = Levels {
            rate: [64, 512, 2048][seed as usize % 3],
            outstanding: [1, 4, 64, 400][seed as usize % 4],
            late: seed % 2 == 0,
            back_pressure: seed % 3 != 0,
        };
        let rtl = if seed % 4 == 0 {
            RtlConfig::fast(FRAMES).cleared_from(TABLES)
        } else {
            RtlConfig::nasty(FRAMES, seed).cleared_from(TABLES)
        };
        let harvest_rate = [1000, 300, 20][seed as usize % 3];
        pass(
            &rtl,
            &Config { pages, levels, harvest_rate, resets: 5, progress: 0, ..Config::new(seed, 10_000) },
        );
    }
}

#[test]
fn a_plain_region_among_other_pages() {
    for seed in 400..402 {
        // More requests than there are places for answers: lines of the region wait at the head of their queue.
        let levels = [Levels::default(), Levels { rate: 2048, outstanding: 600, ..Levels::default() }]
            [seed as usize % 2];
        let config = Config { region: true, pages: 24, levels, progress: 0, ..Config::new(seed, 250_000) };
        let summary = pass(&RtlConfig::nasty(FRAMES, seed).cleared_from(TABLES), &config);
        println!("{summary}");
        assert!(summary.plain > 1_000 && summary.software.regions > 2, "{summary}");
    }
}

#[test]
fn the_rtl_shrugs_off_violations() {
    for seed in 200..204 {
        let violations = Violations { illegal: true, stray: true, outside: true, wrong: true, lost: false };
        let config = Config { violations, progress: 0, ..Config::new(seed, 30_000) };
        let summary = pass(&RtlConfig::nasty(FRAMES, seed).cleared_from(TABLES), &config);
        assert!(summary.host.violations > 100, "{summary}");
    }
}

#[test]
fn the_rtl_survives_lost_snoop_responses() {
    for seed in 300..303 {
        let violations = Violations { lost: true, ..Violations::default() };
        let config = Config { violations, recall_timeout: 30_000, progress: 0, ..Config::new(seed, 30_000) };
        let summary = pass(&RtlConfig::nasty(FRAMES, seed).cleared_from(TABLES), &config);
        assert!(summary.software.timeouts > 0, "{summary}");
    }
}

//! Random campaigns against the golden model.

use tideline_tb::campaign::{Config, Model, Summary, run};
use tideline_tb::host::{Levels, Violations};

fn pass(config: &Config) -> Summary {
    run(Model::default(), config).unwrap_or_else(|failure| panic!("{failure}\n{config:#x?}"))
}

#[test]
fn the_model_keeps_the_contract() {
    let summary = pass(&Config::new(1, 1_000_000));
    println!("{summary}");
    assert_eq!(summary.missing_rows(), Vec::<String>::new());
}

#[test]
fn few_pages_many_pages_and_every_pace() {
    for seed in 100..130 {
        let pages = [1, 2, 8, 40, 200][seed as usize % 5];
        let levels = Levels {
            rate: [64, 512, 2048][seed as usize % 3],
            outstanding: [1, 4, 64, 400][seed as usize % 4],
            late: seed % 2 == 0,
            back_pressure: seed % 3 != 0,
        };
        let harvest_rate = [1000, 300, 20][seed as usize % 3];
        pass(&Config { pages, levels, harvest_rate, resets: 5, progress: 0, ..Config::new(seed, 60_000) });
    }
}

#[test]
fn a_plain_region_among_other_pages() {
    for seed in 400..404 {
        let config = Config { region: true, pages: 24, progress: 0, ..Config::new(seed, 250_000) };
        let summary = pass(&config);
        assert!(summary.software.regions > 2, "{summary}");
    }
}

#[test]
fn the_same_seed_does_the_same() {
    let config = Config { progress: 0, ..Config::new(7, 50_000) };
    assert_eq!(format!("{}", pass(&config)), format!("{}", pass(&config)));
}

#[test]
fn the_model_shrugs_off_violations() {
    for seed in 200..210 {
        let violations = Violations { illegal: true, stray: true, outside: true, wrong: true, lost: false };
        let summary = pass(&Config { violations, progress: 0, ..Config::new(seed, 60_000) });
        assert!(summary.host.violations > 100, "{summary}");
    }
}

#[test]
fn the_model_survives_lost_snoop_responses() {
    for seed in 300..305 {
        let violations = Violations { lost: true, ..Violations::default() };
        let config = Config { violations, recall_timeout: 30_000, progress: 0, ..Config::new(seed, 60_000) };
        let summary = pass(&config);
        assert!(summary.software.timeouts > 0, "{summary}");
    }
}

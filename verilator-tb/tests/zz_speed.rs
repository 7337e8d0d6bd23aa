use tideline_tb::RtlConfig;
use tideline_tb::campaign::{Config, Rtl, run};
use tideline_tb::host::Levels;
#[test]
fn speed() {
    for (rate, late, outstanding, fast) in [(512, true, 200, false), (4096, true, 200, false), (4096, true, 1000, false), (4096, false, 400, true), (4096, true, 400, true)] {
        let levels = Levels { rate, late, back_pressure: late, outstanding };
        let config = Config { levels, progress: 0, ..Config::new(2, 200_000) };
        let rtl = if fast { RtlConfig::fast(4096) } else { RtlConfig::nasty(4096, 1) };
        let t = std::time::Instant::now();
        let s = run(Rtl::new(&rtl).unwrap(), &config).unwrap_or_else(|e| panic!("{e}"));
        println!("{rate} {late} {outstanding} {fast}: {} cycles {:?} harvests {} reported {}", s.cycles, t.elapsed(), s.software.harvests, s.software.reported);
    }
}

//! Bursts of writes to pages whose descriptors are far away: the miss unit gets as full as it can, and nothing is lost.
//!
//! That it does get full, the mutation `room` says, which these tests must notice.

use tideline_tb::RtlConfig;
use tideline_tb::axi::Timing;
use tideline_tb::campaign::{Config, Directed, FRAMES, Rtl, TABLES};
use tideline_tb::host::{Levels, RequestKind};

/// Cycles from a read of device memory to its data: longer than the burst.
const LATENCY: u32 = 400;

/// Writes `lines` lines of each of `pages` pages at once, page by page or line by line, and reads them back. Page 0, which is
/// tracked, must report its lines.
fn burst(pages: u32, lines: u32, page_by_page: bool) {
    // The pages were mapped on descriptors that passed, so the cache has none of them.
    let rtl = RtlConfig { dram: Timing::steady(LATENCY), ..RtlConfig::fast(FRAMES).cleared_from(TABLES) };
    let levels = Levels { outstanding: 400, late: false, back_pressure: false, ..Levels::default() };
    let config = Config { pages, levels, ..Config::new(1, 0) };
    let device = Rtl::new(&rtl).unwrap_or_else(|e| panic!("{e}"));
    let mut bench = Directed::new(device, &config).unwrap_or_else(|e| panic!("{e}"));
    for kind in [RequestKind::WriteOver, RequestKind::ReadShared] {
        for n in 0..pages * lines {
            let (page, line) = if page_by_page { (n / lines, n % lines) } else { (n % pages, n / pages) };
            assert!(bench.host().attempt(page * 64 + line, kind), "{kind:?} of page {page}, line {line}");
        }
        bench.settle().unwrap_or_else(|e| panic!("{e}"));
    }
    bench.harvest(true);
    bench.settle().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(bench.reported(), u64::from(lines));
}

/// Requests and page slots may take 47 of the 64 entries, writes 63: `room` is said up to 55, with seven slots behind.
#[test]
fn writes_take_the_entries_that_are_kept_for_them() {
    burst(100, 3, false);
}

/// The 128 places of the chains are the bound when few pages have many slots.
#[test]
fn writes_fill_the_chains() {
    burst(50, 4, true);
}

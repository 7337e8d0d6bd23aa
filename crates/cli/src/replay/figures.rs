//! What a replay found, as numbers. The field names are those of `report.json`.

use serde::Serialize;
use std::ops::AddAssign;
use tideline_trace::{LINE_BYTES, PAGE_BYTES};

/// Version of the layout of `report.json`: one higher when a field goes or changes its meaning.
pub const SCHEMA_VERSION: u32 = 1;
/// Bytes of a huge page.
pub const HUGE_BYTES: u64 = 2 << 20;

/// A whole report.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// What was run, and how.
    pub config: Config,
    /// What the trace holds.
    pub trace: Trace,
    /// What the reports owe their completeness to: recall, flush, platform or none.
    pub exact: String,
    /// Sums over the epochs.
    pub totals: Figures,
    /// One after the other.
    pub epochs: Vec<Epoch>,
    /// How fast the RTL was simulated.
    pub rtl: Rtl,
}

/// What was run, and how.
#[derive(Clone, Debug, Serialize)]
pub struct Config {
    /// The trace's path, or `-`.
    pub trace: String,
    /// The traced program and its arguments, if the trace names them.
    pub command: Option<Vec<String>>,
    /// Seed of the device's surroundings.
    pub seed: u64,
    /// The device.
    pub target: String,
    /// How it is attached to the host.
    pub attach: String,
    /// Bytes of the host's cache.
    pub cache: u64,
    /// Ways of the host's cache.
    pub ways: usize,
    /// Instructions of an epoch; 0 = one epoch for all.
    pub epoch: u64,
    /// Whether a harvest recalls the lines that the host may hold modified; on axi, whether the driver flushes them.
    pub recall: bool,
}

/// What the trace holds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Trace {
    /// Instructions.
    pub instructions: u64,
    /// Loads.
    pub loads: u64,
    /// Stores.
    pub stores: u64,
    /// Modifies: a load and a store in one.
    pub modifies: u64,
    /// Distinct 4 KiB pages touched.
    pub pages: u64,
}

/// One epoch.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Epoch {
    /// Its number, from 0.
    pub index: u64,
    /// Its instructions: fewer than asked for in the last one.
    pub instructions: u64,
    /// What it brought.
    #[serde(flatten)]
    pub figures: Figures,
}

/// Counts, and what follows from them.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Figures {
    /// Counts.
    #[serde(flatten)]
    pub counts: Counts,
    /// Tracked bytes per byte written.
    pub amplification: Amplification,
}

/// Counts of distinct things in an epoch, or their sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Lines that the trace wrote.
    pub lines_written: u64,
    /// Lines that the device reported.
    pub lines_reported: u64,
    /// Written, not reported.
    pub lines_missed: u64,
    /// Reported, not written.
    pub lines_invented: u64,
    /// Reported, and written back in this epoch only in answer to a snoop; on axi, only by a flush.
    pub lines_found_by_recall: u64,
    /// Bytes that the trace wrote.
    pub bytes_written: u64,
    /// 4 KiB pages that the trace wrote.
    pub pages_written: u64,
    /// 2 MiB regions, of the program's addresses, that the trace wrote.
    pub huge_pages_written: u64,
}

/// Bytes that a tracker of each grain would copy, per byte written; nothing if no byte was written.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Amplification {
    /// The lines reported, 64 B each.
    pub line: Option<f64>,
    /// 4 KiB pages.
    pub page: Option<f64>,
    /// 2 MiB pages.
    pub huge: Option<f64>,
}

/// How fast the RTL was simulated; nothing if it was not the RTL.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Rtl {
    /// Clock cycles from power-on to the last report.
    pub cycles: Option<u64>,
    /// Per second of simulation: without the accesses that hit the host's cache, which take no cycle.
    pub cycles_per_second: Option<f64>,
}

impl Counts {
    /// Nothing was missed and nothing invented.
    pub fn is_exact(&self) -> bool {
        self.lines_missed == 0 && self.lines_invented == 0
    }

    /// With what follows from them.
    pub fn figures(self) -> Figures {
        let per_byte = |number: u64, grain: u64| {
            (self.bytes_written > 0).then(|| (number * grain) as f64 / self.bytes_written as f64)
        };
        let amplification = Amplification {
            line: per_byte(self.lines_reported, LINE_BYTES),
            page: per_byte(self.pages_written, PAGE_BYTES),
            huge: per_byte(self.huge_pages_written, HUGE_BYTES),
        };
        Figures { counts: self, amplification }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.lines_written += other.lines_written;
        self.lines_reported += other.lines_reported;
        self.lines_missed += other.lines_missed;
        self.lines_invented += other.lines_invented;
        self.lines_found_by_recall += other.lines_found_by_recall;
        self.bytes_written += other.bytes_written;
        self.pages_written += other.pages_written;
        self.huge_pages_written += other.huge_pages_written;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_sums_and_amplification_their_quotient() {
        let mut sum = Counts { lines_reported: 1, bytes_written: 4, pages_written: 1, ..Counts::default() };
        sum += Counts { lines_reported: 2, bytes_written: 28, pages_written: 1, ..Counts::default() };
        let Amplification { line, page, huge } = sum.figures().amplification;
        assert_eq!((line, page, huge), (Some(6.0), Some(256.0), Some(0.0)));
    }

    #[test]
    fn nothing_written_has_no_amplification() {
        let none = Amplification { line: None, page: None, huge: None };
        assert_eq!(Counts::default().figures().amplification, none);
    }
}

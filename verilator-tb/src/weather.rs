//! Weather: how fast and how nasty everything around the device is, drawn anew every few thousand cycles.
//!
//! A run with one setting does not meet what lies between two: queues that filled while memory was slow and drain at full
//! speed, a command that comes back at once while a descriptor is still on its way.

use crate::axi::Timing;
use crate::pace::Pace;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Draws settings, each device its own.
#[derive(Clone, Debug)]
pub struct Weather {
    rng: ChaCha8Rng,
    next: u64,
}

impl Weather {
    /// Longest time without a change, in cycles.
    const LONGEST: u64 = 8_000;

    /// The first change is in cycle 0.
    pub fn new(seed: u64) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed), next: 0 }
    }

    /// Whether the weather changes in this cycle.
    #[inline]
    pub fn changes(&mut self, cycle: u64) -> bool {
        let changes = cycle >= self.next;
        if changes {
            self.next = cycle + self.rng.random_range(100..Self::LONGEST);
        }
        changes
    }

    /// Pauses of a channel: none, as often as not.
    pub fn pace(&mut self) -> Pace {
        match self.rng.random_range(0..8) {
            0..=3 => Pace::FULL,
            4..=5 => Pace::new(0.1, 16),
            // Hardly two beats in a row.
            6 => Pace::new(0.7, 2),
            // Seldom, but then long.
            _ => Pace::new(0.005, 400),
        }
    }

    /// A memory: mostly quick, now and then so slow that everything else has happened before it answers.
    pub fn timing(&mut self) -> Timing {
        let latency = match self.rng.random_range(0..16) {
            0..=4 => 1..=4,
            5..=9 => 1..=80,
            10..=13 => 40..=40,
            14 => 100..=400,
            _ => 1..=3_000,
        };
        let outstanding = [256, 256, 256, 48, 48, 48, 48, 6][self.rng.random_range(0..8)];
        Timing { latency, outstanding, unordered: self.rng.random(), pace: self.pace() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_changes_again_and_again() {
        let mut weather = Weather::new(1);
        let changes = (0..100_000).filter(|cycle| weather.changes(*cycle)).count();
        assert!((15..60).contains(&changes), "{changes}");
        let paces: Vec<Pace> = (0..100).map(|_| weather.pace()).collect();
        assert!(paces.contains(&Pace::FULL) && paces.iter().any(|pace| pace.longest > 100));
    }
}

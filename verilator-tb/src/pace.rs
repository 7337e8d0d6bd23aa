//! Random pauses: how a side of a handshake idles or holds back.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How often and how long something pauses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Probability that a pause begins, per cycle.
    pub chance: f64,
    /// Longest pause in cycles; each length from 1 is equally likely.
    pub longest: u32,
}

impl Pace {
    /// Never pauses.
    pub const FULL: Pace = Pace { chance: 0.0, longest: 0 };

    /// Pauses with the given probability, for one to `longest` cycles.
    pub const fn new(chance: f64, longest: u32) -> Self {
        Self { chance, longest }
    }
}

/// A generator of pauses, asked once per cycle.
#[derive(Clone, Debug)]
pub struct Pauses {
    pace: Pace,
    left: u32,
    rng: ChaCha8Rng,
}

impl Pauses {
    /// A generator with its own seed.
    pub fn new(pace: Pace, seed: u64) -> Self {
        Self { pace, left: 0, rng: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// Changes the pace; a pause under way is cut short.
    pub fn set(&mut self, pace: Pace) {
        self.pace = pace;
        self.left = 0;
    }

    /// Whether this cycle is one of a pause.
    #[inline]
    pub fn pause(&mut self) -> bool {
        if self.pace.longest == 0 {
            return false;
        }
        if self.left == 0 && self.rng.random_bool(self.pace.chance) {
            self.left = self.rng.random_range(1..=self.pace.longest);
        }
        let pausing = self.left > 0;
        self.left = self.left.saturating_sub(1);
        pausing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_pace_never_pauses() {
        let mut pauses = Pauses::new(Pace::FULL, 1);
        assert!((0..1000).all(|_| !pauses.pause()));
    }

    #[test]
    fn pauses_are_as_frequent_as_asked() {
        let mut pauses = Pauses::new(Pace::new(0.25, 1), 1);
        let count = (0..10_000).filter(|_| pauses.pause()).count();
        assert!((2_200..2_800).contains(&count), "{count}");
    }
}

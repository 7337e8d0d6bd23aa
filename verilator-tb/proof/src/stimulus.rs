//! Random inputs that reach corners: values are held, small, all ones or alike as often as they are uniform, and each
//! single bit has its own mood, from almost never to almost always set, for a while.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rust_hdl_core::prelude::{Bit, Bits, bits};

/// Cycles for which single bits keep their mood.
const STRETCH: u64 = 48;
/// Probabilities that a single bit is set, in eighths.
const MOODS: [u32; 7] = [0, 1, 2, 4, 6, 7, 8];

/// A source of input values.
#[derive(Debug)]
pub struct Stimulus {
    rng: ChaCha8Rng,
    cycle: u64,
    reset: bool,
    /// Moods of the single bits, in the order in which they are drawn.
    moods: Vec<u32>,
    next_mood: usize,
}

/// A type that can be drawn.
pub trait Drawn {
    /// The next value of an input that has this one.
    #[must_use]
    fn draw(self, stimulus: &mut Stimulus) -> Self;
}

impl Stimulus {
    /// A source with a seed.
    pub fn new(seed: u64) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed), cycle: 0, reset: true, moods: Vec::new(), next_mood: 0 }
    }

    /// Begins a cycle. Reset is active if it must be, and once in a while.
    pub fn begin_cycle(&mut self, reset: bool) {
        self.cycle += 1;
        self.next_mood = 0;
        self.reset = reset || self.rng.random_ratio(1, 300);
        if self.cycle.is_multiple_of(STRETCH) {
            self.moods.clear();
        }
    }

    /// Gives an input its next value.
    pub fn draw<T: Drawn + Copy>(&mut self, input: &mut T) {
        *input = input.draw(self);
    }

    /// Gives a reset input its value.
    pub fn reset(&mut self, input: &mut Bit) {
        *input = self.reset;
    }

    /// A random number below `limit`.
    ///
    /// # Panics
    /// If `limit` is zero.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.rng.random_range(0..limit)
    }

    fn mood(&mut self) -> u32 {
        if self.next_mood == self.moods.len() {
            self.moods.push(MOODS[self.rng.random_range(0..MOODS.len())]);
        }
        self.next_mood += 1;
        self.moods[self.next_mood - 1]
    }
}

impl Drawn for Bit {
    fn draw(self, stimulus: &mut Stimulus) -> Self {
        let mood = stimulus.mood();
        stimulus.rng.random_ratio(mood, 8)
    }
}

impl<const N: usize> Drawn for Bits<N> {
    fn draw(self, stimulus: &mut Stimulus) -> Self {
        let rng = &mut stimulus.rng;
        let zero = Bits::<N>::default();
        match rng.random_range(0..16) {
            0..4 => self,
            4 => !zero,
            5 => zero.replace_bit(rng.random_range(0..N), true),
            6 => self.replace_bit(rng.random_range(0..N), rng.random()),
            // Word by word, each of a random magnitude: zeros and small numbers are as likely as large ones.
            7..12 => words(|bits| rng.random::<u64>() & ones(rng.random_range(0..=bits))),
            _ => words(|bits| rng.random::<u64>() & ones(bits)),
        }
    }
}

/// A value made of words of up to 32 bits.
fn words<const N: usize>(mut word: impl FnMut(usize) -> u64) -> Bits<N> {
    (0..N).step_by(32).fold(Bits::default(), |value, low| {
        let part = bits::<N>(word((N - low).min(32)));
        if N > 32 { value << 32 | part } else { part }
    })
}

fn ones(bits: usize) -> u64 {
    (1 << bits) - 1
}

//! What the tests of this crate share.

/// A small random number generator (splitmix64), so that a failure can be repeated from its seed.
pub struct Prng(u64);

impl Prng {
    /// Starts from TIDELINE_SEED, or from a fixed seed, and prints it.
    pub fn from_env() -> Prng {
        let seed =
            std::env::var("TIDELINE_SEED").ok().map(|seed| seed.parse().expect("TIDELINE_SEED is a number"));
        let seed = seed.unwrap_or(0x7469_6465);
        println!("TIDELINE_SEED={seed}");
        Prng(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

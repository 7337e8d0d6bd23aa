//! One channel's delay line: keeps the order of its messages and makes each of them late.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;
use std::collections::VecDeque;

/// A number below `n`, from 32 random bits; `n` = 0 gives 0.
pub(crate) fn below(rng: &mut ChaCha8Rng, n: u32) -> u32 {
    ((rng.next_u32() as u64 * n as u64) >> 32) as u32
}

/// True once in `n` times; never if `n` = 0.
pub(crate) fn one_in(rng: &mut ChaCha8Rng, n: u32) -> bool {
    n != 0 && below(rng, n) == 0
}

/// How late a channel's messages are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delay {
    /// Not at all.
    None,
    /// Up to this many cycles each.
    Jitter(u32),
    /// Seldom, but then this many cycles.
    Stall(u32),
}

impl Delay {
    pub(crate) fn random(rng: &mut ChaCha8Rng) -> Self {
        match below(rng, 8) {
            0..=2 => Delay::None,
            3..=4 => Delay::Jitter(8),
            5 => Delay::Jitter(64),
            6 => Delay::Jitter(400),
            _ => Delay::Stall(1000),
        }
    }
}

/// A first-in first-out queue whose messages leave some time after they entered.
pub(crate) struct Wire<T> {
    queue: VecDeque<(u64, T)>,
    pub(crate) delay: Delay,
}

impl<T> Wire<T> {
    pub(crate) fn new() -> Self {
        Self { queue: VecDeque::new(), delay: Delay::None }
    }

    pub(crate) fn push(&mut self, now: u64, message: T, rng: &mut ChaCha8Rng) {
        let late = match self.delay {
            Delay::None => 0,
            Delay::Jitter(most) => below(rng, most),
            Delay::Stall(most) if one_in(rng, 64) => most,
            Delay::Stall(_) => 0,
        };
        self.queue.push_back((now + late as u64, message));
    }

    /// The oldest message, if its time has come.
    pub(crate) fn pop(&mut self, now: u64) -> Option<T> {
        match self.queue.front() {
            Some((time, _)) if *time <= now => self.queue.pop_front().map(|(_, message)| message),
            _ => None,
        }
    }

    /// Like [`Wire::pop`], but sometimes one of the next messages overtakes those before it, unless it is `pinned`.
    pub(crate) fn pop_any(
        &mut self,
        now: u64,
        rng: &mut ChaCha8Rng,
        pinned: impl Fn(&T) -> bool,
    ) -> Option<T> {
        if self.queue.len() > 1 && one_in(rng, 4) {
            let at = 1 + below(rng, (self.queue.len() as u32 - 1).min(7)) as usize;
            if !pinned(&self.queue[at].1) {
                return self.queue.remove(at).map(|(_, message)| message);
            }
        }
        self.pop(now)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

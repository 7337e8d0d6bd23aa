//! The manager of an AXI4-Lite interface of 32 bits: register accesses, one at a time, in order.

use super::{Resp, Violation, check_stable};
use crate::pace::{Pace, Pauses};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

/// A register access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reads the register at this offset.
    Read(u32),
    /// Writes the register at this offset.
    Write(u32, u32),
}

/// What the manager drives in a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct LiteManagerPins {
    /// Write address.
    pub aw: Option<u32>,
    /// Write data, all bytes enabled.
    pub w: Option<u32>,
    /// Takes a write response.
    pub b_ready: bool,
    /// Read address.
    pub ar: Option<u32>,
    /// Takes read data.
    pub r_ready: bool,
}

/// What the subordinate drives in a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiteSubordinatePins {
    /// Takes a write address.
    pub aw_ready: bool,
    /// Takes write data.
    pub w_ready: bool,
    /// Write response.
    pub b: Option<Resp>,
    /// Takes a read address.
    pub ar_ready: bool,
    /// Read data.
    pub r: Option<(u32, Resp)>,
}

/// An AXI4-Lite manager.
#[derive(Clone, Debug)]
pub struct LiteManager {
    waiting: VecDeque<Access>,
    current: Option<Access>,
    answers: VecDeque<Result<u32, Resp>>,
    /// Parts of the current access that have not been offered yet: write data, address.
    w_left: Option<u32>,
    a_left: Option<u32>,
    pins: LiteManagerPins,
    pauses: [Pauses; 5],
    held_b: Option<Resp>,
    held_r: Option<(u32, Resp)>,
}

impl LiteManager {
    /// A manager with its own random pauses.
    pub fn new(pace: Pace, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        Self {
            waiting: VecDeque::new(),
            current: None,
            answers: VecDeque::new(),
            w_left: None,
            a_left: None,
            pins: LiteManagerPins::default(),
            pauses: std::array::from_fn(|_| Pauses::new(pace, rng.random())),
            held_b: None,
            held_r: None,
        }
    }

    /// Queues an access.
    pub fn post(&mut self, access: Access) {
        self.waiting.push_back(access);
    }

    /// The answer of the oldest access that is done and was not asked for yet: the value read, 0 for a write.
    pub fn take_answer(&mut self) -> Option<Result<u32, Resp>> {
        self.answers.pop_front()
    }

    /// No access is under way or waits.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.current.is_none()
    }

    /// Decides what is driven in the coming cycle.
    pub fn drive(&mut self) -> &LiteManagerPins {
        if self.current.is_none() {
            self.current = self.waiting.pop_front();
            match self.current {
                Some(Access::Read(addr)) => self.a_left = Some(addr),
                Some(Access::Write(addr, value)) => (self.a_left, self.w_left) = (Some(addr), Some(value)),
                None => {}
            }
        }
        let [aw, w, b, ar, r] = self.pauses.each_mut().map(Pauses::pause);
        match self.current {
            Some(Access::Read(_)) if !ar && self.pins.ar.is_none() => self.pins.ar = self.a_left.take(),
            Some(Access::Write(..)) => {
                if !aw && self.pins.aw.is_none() {
                    self.pins.aw = self.a_left.take();
                }
                if !w && self.pins.w.is_none() {
                    self.pins.w = self.w_left.take();
                }
            }
            _ => {}
        }
        self.pins.b_ready = !b;
        self.pins.r_ready = !r;
        &self.pins
    }

    /// The rising edge: takes what was transferred in the cycle.
    ///
    /// # Errors
    /// If the subordinate broke a rule of AXI4-Lite.
    pub fn clock(&mut self, subordinate: &LiteSubordinatePins) -> Result<(), Violation> {
        check_stable("b", &self.held_b, &subordinate.b)?;
        check_stable("r", &self.held_r, &subordinate.r)?;
        self.held_b = subordinate.b.filter(|_| !self.pins.b_ready);
        self.held_r = subordinate.r.filter(|_| !self.pins.r_ready);

        if subordinate.b.is_some() && !self.awaits_b() {
            return Err(Violation::Unasked { channel: "b" });
        }
        if subordinate.r.is_some() && !self.awaits_r() {
            return Err(Violation::Unasked { channel: "r" });
        }
        if subordinate.aw_ready {
            self.pins.aw = None;
        }
        if subordinate.w_ready {
            self.pins.w = None;
        }
        if subordinate.ar_ready {
            self.pins.ar = None;
        }
        let written = subordinate.b.filter(|_| self.pins.b_ready).map(|resp| (0, resp));
        let read = subordinate.r.filter(|_| self.pins.r_ready);
        if let Some((value, resp)) = written.or(read) {
            self.answers.push_back(if resp == Resp::Okay { Ok(value) } else { Err(resp) });
            self.current = None;
        }
        Ok(())
    }

    /// The current access is a write whose address and data were taken.
    fn awaits_b(&self) -> bool {
        let left = self.a_left.or(self.w_left).or(self.pins.aw).or(self.pins.w);
        matches!(self.current, Some(Access::Write(..))) && left.is_none()
    }

    /// The current access is a read whose address was taken.
    fn awaits_r(&self) -> bool {
        matches!(self.current, Some(Access::Read(_))) && self.a_left.or(self.pins.ar).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: LiteSubordinatePins =
        LiteSubordinatePins { aw_ready: false, w_ready: false, b: None, ar_ready: false, r: None };

    #[test]
    fn a_write_and_a_read_in_order() {
        let mut manager = LiteManager::new(Pace::FULL, 1);
        manager.post(Access::Write(8, 5));
        manager.post(Access::Read(8));
        assert_eq!((manager.drive().aw, manager.drive().w), (Some(8), Some(5)));
        manager.clock(&LiteSubordinatePins { aw_ready: true, ..QUIET }).expect("legal");
        assert_eq!((manager.drive().aw, manager.drive().w), (None, Some(5)));
        manager.clock(&LiteSubordinatePins { w_ready: true, ..QUIET }).expect("legal");
        manager.drive();
        manager.clock(&LiteSubordinatePins { b: Some(Resp::Okay), ..QUIET }).expect("legal");
        assert_eq!(manager.take_answer(), Some(Ok(0)));
        assert_eq!(manager.drive().ar, Some(8));
        manager.clock(&LiteSubordinatePins { ar_ready: true, ..QUIET }).expect("legal");
        manager.drive();
        manager.clock(&LiteSubordinatePins { r: Some((5, Resp::Okay)), ..QUIET }).expect("legal");
        assert_eq!(manager.take_answer(), Some(Ok(5)));
        assert_eq!(manager.take_answer(), None);
    }

    #[test]
    fn an_early_answer_is_found() {
        let mut manager = LiteManager::new(Pace::FULL, 1);
        manager.post(Access::Write(8, 5));
        manager.drive();
        let early = manager.clock(&LiteSubordinatePins { aw_ready: true, b: Some(Resp::Okay), ..QUIET });
        assert_eq!(early, Err(Violation::Unasked { channel: "b" }));
    }

    #[test]
    fn a_withdrawn_answer_is_found() {
        let mut manager = LiteManager::new(Pace::new(1.0, 1), 1);
        manager.current = Some(Access::Read(0));
        manager.drive();
        manager.clock(&LiteSubordinatePins { r: Some((1, Resp::Okay)), ..QUIET }).expect("legal");
        manager.drive();
        assert!(matches!(manager.clock(&QUIET), Err(Violation::Unstable { .. })));
    }
}

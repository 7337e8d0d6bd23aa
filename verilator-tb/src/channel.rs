//! The two ends of a valid/ready channel in front of a queue.

use crate::axi::{Violation, check_stable};
use crate::pace::{Pace, Pauses};
use std::collections::VecDeque;
use std::fmt::Debug;

/// Offers the messages of a queue to the device.
#[derive(Clone, Debug)]
pub struct Source {
    pauses: Pauses,
    valid: bool,
}

impl Source {
    /// A source with its own random pauses.
    pub fn new(pace: Pace, seed: u64) -> Self {
        Self { pauses: Pauses::new(pace, seed), valid: false }
    }

    /// Changes the pace.
    pub fn set_pace(&mut self, pace: Pace) {
        self.pauses.set(pace);
    }

    /// The message whose offer begins in the coming cycle.
    pub fn drive<'a, T>(&mut self, queue: &'a VecDeque<T>) -> Option<&'a T> {
        if self.pauses.pause() || self.valid {
            return None;
        }
        let message = queue.front();
        self.valid = message.is_some();
        message
    }

    /// A message is offered in this cycle.
    pub fn valid(&self) -> bool {
        self.valid
    }

    /// The rising edge: removes the message if the device took it.
    pub fn clock<T>(&mut self, queue: &mut VecDeque<T>, ready: bool) {
        if self.valid && ready {
            self.valid = false;
            queue.pop_front();
        }
    }
}

/// Takes the messages of the device into a queue, and checks that an offer stands until it is taken.
#[derive(Clone, Debug)]
pub struct Sink<T> {
    pauses: Pauses,
    ready: bool,
    held: Option<T>,
}

impl<T: PartialEq + Clone + Debug> Sink<T> {
    /// A sink with its own random pauses.
    pub fn new(pace: Pace, seed: u64) -> Self {
        Self { pauses: Pauses::new(pace, seed), ready: false, held: None }
    }

    /// Changes the pace.
    pub fn set_pace(&mut self, pace: Pace) {
        self.pauses.set(pace);
    }

    /// Whether a message is taken in the coming cycle.
    pub fn drive(&mut self) -> bool {
        self.ready = !self.pauses.pause();
        self.ready
    }

    /// The rising edge: takes what was offered.
    ///
    /// # Errors
    /// If the offer of the cycle before was changed or withdrawn.
    pub fn clock(&mut self, offered: Option<T>, queue: &mut VecDeque<T>) -> Result<(), Violation> {
        check_stable("message", &self.held, &offered)?;
        if self.ready {
            self.held = None;
            queue.extend(offered);
        } else {
            self.held = offered;
        }
        Ok(())
    }
}

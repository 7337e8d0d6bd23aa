//! Interrupts of a simulated device as Linux eventfds.

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::write;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// Interrupt vectors of the device.
const VECTORS: usize = 4;

/// One eventfd per vector, signalled when its interrupt request rises.
#[derive(Debug, Default)]
pub struct Interrupts {
    /// None where the process has no file descriptor left: there is no eventfd then, and the rest works.
    fds: [Option<OwnedFd>; VECTORS],
    last: u32,
}

impl Interrupts {
    /// Eventfds, none signalled.
    pub fn new() -> Self {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        Self { fds: std::array::from_fn(|_| eventfd(0, flags).ok()), last: 0 }
    }

    /// The interrupt requests are these now, bit n = vector n.
    #[inline]
    pub fn level(&mut self, irq: u32) {
        if irq & !self.last != 0 {
            self.signal(irq & !self.last);
        }
        self.last = irq;
    }

    #[cold]
    fn signal(&mut self, risen: u32) {
        for (vector, fd) in self.fds.iter().enumerate() {
            if risen >> vector & 1 == 1
                && let Some(fd) = fd
            {
                // Full means signalled 2^64 times: it is readable anyway.
                let _ = write(fd, &1u64.to_ne_bytes());
            }
        }
    }

    /// The eventfd of a vector.
    pub fn fd(&self, vector: u32) -> Option<RawFd> {
        self.fds.get(vector as usize)?.as_ref().map(AsRawFd::as_raw_fd)
    }
}

impl Clone for Interrupts {
    /// A device of its own, with eventfds of its own.
    fn clone(&self) -> Self {
        Self { last: self.last, ..Self::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_eventfd_counts_the_rising_edges_of_its_vector() {
        let mut interrupts = Interrupts::new();
        [0b0100, 0b0110, 0b0010, 0b0110, 0].iter().for_each(|&irq| interrupts.level(irq));
        let count = |vector: usize| {
            let mut bytes = [0; 8];
            let fd = interrupts.fds[vector].as_ref().expect("an eventfd");
            rustix::io::read(fd, &mut bytes).map(|_| u64::from_ne_bytes(bytes)).unwrap_or(0)
        };
        assert_eq!([0, 1, 2, 3].map(count), [0, 1, 2, 0]);
        assert_eq!(interrupts.fd(4), None);
    }
}

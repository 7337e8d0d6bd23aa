//! MSI-X: the table and its pending bits, and the eventfds that stand for messages.
//!
//! Whoever sets an eventfd for a vector owns the vector, as the kernel's vfio-pci would: that unmasks its table entry, and the
//! entry stays unmasked over a reset while the eventfd is there. Masks written to the table or given by SET_IRQS hold; what
//! is raised meanwhile is pending, and sent when the mask goes.

use std::os::fd::OwnedFd;
use tideline_abi::pci::{MSIX_ENTRY_BYTES, MSIX_PENDING, MSIX_TABLE, VECTORS};

const TABLE_BYTES: usize = VECTORS as usize * MSIX_ENTRY_BYTES as usize;
/// Byte of an entry that holds its mask bit.
const VECTOR_CONTROL: usize = 12;

/// The table, the pending bits and the eventfds.
#[derive(Debug)]
pub struct Msix {
    table: [u8; TABLE_BYTES],
    pending: u64,
    eventfds: [Option<OwnedFd>; VECTORS as usize],
}

/// Whether messages may leave the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gate {
    /// MSI-X is in use.
    pub enabled: bool,
    /// All vectors are masked.
    pub masked: bool,
}

impl Msix {
    /// No eventfd, every entry masked.
    pub fn new() -> Self {
        let mut msix = Self { table: [0; TABLE_BYTES], pending: 0, eventfds: Default::default() };
        msix.reset();
        msix
    }

    /// A function level reset: entries masked unless somebody owns them, nothing pending.
    pub fn reset(&mut self) {
        self.table = [0; TABLE_BYTES];
        self.pending = 0;
        for vector in 0..VECTORS as usize {
            self.set_mask(vector, self.eventfds[vector].is_none());
        }
    }

    /// Gives a vector an eventfd, or takes it away.
    pub fn set_eventfd(&mut self, vector: usize, eventfd: Option<OwnedFd>) {
        self.set_mask(vector, eventfd.is_none());
        self.eventfds[vector] = eventfd;
    }

    /// Takes every eventfd away.
    pub fn clear_eventfds(&mut self) {
        (0..VECTORS as usize).for_each(|vector| self.set_eventfd(vector, None));
    }

    /// Masks or unmasks a vector.
    pub fn set_mask(&mut self, vector: usize, masked: bool) {
        let control = &mut self.table[vector * MSIX_ENTRY_BYTES as usize + VECTOR_CONTROL];
        *control = *control & !1 | u8::from(masked);
    }

    /// Something happened that this vector tells of.
    pub fn raise(&mut self, vector: usize, gate: Gate) {
        if gate.enabled {
            self.pending |= 1 << vector;
            self.send_pending(gate);
        }
    }

    /// Sends what is pending and no longer masked.
    pub fn send_pending(&mut self, gate: Gate) {
        if !gate.enabled {
            self.pending = 0;
        }
        if self.pending == 0 || gate.masked {
            return;
        }
        for vector in (0..VECTORS as usize).filter(|v| self.pending >> v & 1 == 1).collect::<Vec<_>>() {
            let control = self.table[vector * MSIX_ENTRY_BYTES as usize + VECTOR_CONTROL];
            if let Some(eventfd) = self.eventfds[vector].as_ref().filter(|_| control & 1 == 0) {
                // Fails only if the count is full: then the client has been told often enough.
                let _ = rustix::io::write(eventfd, &1u64.to_ne_bytes());
                self.pending &= !(1 << vector);
            }
        }
    }

    /// Reads the BAR.
    pub fn read(&self, offset: u64, buf: &mut [u8]) {
        let pending = self.pending.to_le_bytes();
        for (at, byte) in (offset..).zip(buf) {
            let table = at.checked_sub(MSIX_TABLE).and_then(|i| self.table.get(i as usize));
            let bits = at.checked_sub(MSIX_PENDING).and_then(|i| pending.get(i as usize));
            *byte = table.or(bits).copied().unwrap_or(0);
        }
    }

    /// Writes the BAR: the table only, of its mask bits the lowest one.
    pub fn write(&mut self, offset: u64, data: &[u8]) {
        for (at, &byte) in (offset..).zip(data) {
            if let Some(entry) = at.checked_sub(MSIX_TABLE).and_then(|i| self.table.get_mut(i as usize)) {
                *entry = match at % MSIX_ENTRY_BYTES {
                    0..12 => byte,
                    12 => byte & 1,
                    _ => 0,
                };
            }
        }
    }
}

impl Default for Msix {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{EventfdFlags, eventfd};

    const OPEN: Gate = Gate { enabled: true, masked: false };

    fn owned() -> (Msix, OwnedFd) {
        let fd = eventfd(0, EventfdFlags::NONBLOCK).unwrap();
        let mut msix = Msix::new();
        msix.set_eventfd(2, Some(fd.try_clone().unwrap()));
        (msix, fd)
    }

    fn sent(fd: &OwnedFd) -> u64 {
        let mut count = [0; 8];
        rustix::io::read(fd, &mut count).map_or(0, |_| u64::from_ne_bytes(count))
    }

    fn pending(msix: &Msix) -> u64 {
        let mut bits = [0; 8];
        msix.read(MSIX_PENDING, &mut bits);
        u64::from_le_bytes(bits)
    }

    #[test]
    fn an_eventfd_is_told_once_per_interrupt() {
        let (mut msix, fd) = owned();
        msix.raise(2, OPEN);
        msix.raise(2, OPEN);
        assert_eq!((sent(&fd), sent(&fd), pending(&msix)), (2, 0, 0));
        msix.raise(2, Gate { enabled: false, ..OPEN });
        msix.send_pending(OPEN);
        assert_eq!((sent(&fd), pending(&msix)), (0, 0), "no MSI-X, no message");
    }

    #[test]
    fn masked_vectors_are_pending() {
        let (mut msix, fd) = owned();
        msix.write(2 * 16 + 12, &1u32.to_le_bytes());
        msix.raise(2, OPEN);
        assert_eq!((sent(&fd), pending(&msix)), (0, 0b100));
        msix.write(2 * 16 + 12, &0u32.to_le_bytes());
        msix.send_pending(OPEN);
        assert_eq!((sent(&fd), pending(&msix)), (1, 0));

        let masked = Gate { masked: true, ..OPEN };
        msix.raise(2, masked);
        msix.raise(2, masked);
        assert_eq!((sent(&fd), pending(&msix)), (0, 0b100), "pending once, however often it was raised");
        msix.send_pending(OPEN);
        assert_eq!((sent(&fd), pending(&msix)), (1, 0));
    }

    #[test]
    fn a_reset_keeps_the_vectors_of_those_who_own_them() {
        let (mut msix, fd) = owned();
        msix.write(0, &[0xff; 64]);
        msix.raise(2, OPEN);
        msix.reset();
        assert_eq!(pending(&msix), 0);
        let mut table = [0; 64];
        msix.read(0, &mut table);
        let masks = table.chunks(16).map(|entry| entry[12] & 1).collect::<Vec<_>>();
        assert_eq!(masks, [1, 1, 0, 1]);
        msix.raise(2, OPEN);
        assert_eq!(sent(&fd), 1);
        msix.clear_eventfds();
        msix.raise(2, OPEN);
        assert_eq!((sent(&fd), pending(&msix)), (0, 0b100));
    }

    #[test]
    fn only_the_table_can_be_written() {
        let mut msix = Msix::new();
        msix.write(0, &[0xff; 0x1000]);
        let mut bytes = [0; 0x1000];
        msix.read(0, &mut bytes);
        assert_eq!(bytes[..16], [[0xff; 12].as_slice(), &[1, 0, 0, 0]].concat());
        assert!(bytes[64..].iter().all(|&b| b == 0));
    }
}

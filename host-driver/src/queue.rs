//! Submission and completion queue: 64-byte entries in host memory, a phase bit, two doorbells.

use crate::carrier::{Carrier, CarrierError, DmaRegion, Iova};
use crate::{Error, Options};
use std::collections::HashMap;
use std::fmt;
use tideline_abi::command::{Completion, ENTRY_BYTES, Opcode};
use tideline_abi::regs::{CqBaseHi, CqBaseLo, CqHead, QueueSize, SqBaseHi, SqBaseLo, SqTail};

/// A command that was submitted: what to ask [`crate::Device::poll`] for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub(crate) u16);

impl CommandId {
    /// The identifier as the device knows it, for ABORT.
    pub const fn raw(self) -> u16 {
        self.0
    }
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "command {}", self.0)
    }
}

/// Identifier in the completion of a command that the device could not read; never given to a command.
const UNREAD: u16 = u16::MAX;

/// A command that its submitter has not seen the end of.
#[derive(Clone, Copy, Debug)]
enum Flight {
    /// With the device.
    Submitted,
    /// With the device, but nobody will ask for it any more.
    Abandoned { harvest: bool },
    /// Completed, not asked for yet.
    Completed(Completion),
}

/// The queue pair, and the commands in flight.
#[derive(Debug)]
pub(crate) struct Queues {
    sq: DmaRegion,
    cq: DmaRegion,
    sq_log2: u32,
    cq_log2: u32,
    sq_tail: u32,
    /// As the last completion told it.
    sq_head: u32,
    cq_head: u32,
    phase: bool,
    next: u16,
    flights: HashMap<u16, Flight>,
    /// Results of abandoned harvests: somebody has to give them back.
    pub(crate) unclaimed: Vec<u32>,
}

impl Queues {
    /// Allocates the rings. [`Queues::restart`] tells the device of them.
    pub(crate) fn new<C: Carrier>(carrier: &mut C, options: &Options) -> Result<Self, Error> {
        let (sq_log2, cq_log2) = (options.sq_log2, options.cq_log2);
        for (option, value) in [("sq_log2", sq_log2), ("cq_log2", cq_log2)] {
            if !(1..=12).contains(&value) {
                return Err(Error::BadOption { option, value: value.into(), right: "1 to 12" });
            }
        }
        let sq = carrier.dma_alloc(ENTRY_BYTES << sq_log2)?;
        let cq = carrier.dma_alloc(ENTRY_BYTES << cq_log2)?;
        let (sq_tail, sq_head, cq_head, phase, next) = (0, 0, 0, true, 0);
        let (flights, unclaimed) = (HashMap::new(), Vec::new());
        Ok(Self { sq, cq, sq_log2, cq_log2, sq_tail, sq_head, cq_head, phase, next, flights, unclaimed })
    }

    /// Starts both queues from their first entry on a device that was just reset; what was in flight is gone.
    pub(crate) fn restart<C: Carrier>(&mut self, carrier: &mut C) -> Result<(), CarrierError> {
        (self.sq_tail, self.sq_head, self.cq_head, self.phase) = (0, 0, 0, true);
        self.flights.clear();
        self.unclaimed.clear();
        carrier.dma_write(self.cq.iova, &vec![0; ENTRY_BYTES << self.cq_log2])?;
        let size = self.sq_log2 | self.cq_log2 << 8;
        for (offset, value) in [
            (SqBaseLo::OFFSET, self.sq.iova.0 as u32),
            (SqBaseHi::OFFSET, (self.sq.iova.0 >> 32) as u32),
            (CqBaseLo::OFFSET, self.cq.iova.0 as u32),
            (CqBaseHi::OFFSET, (self.cq.iova.0 >> 32) as u32),
            (QueueSize::OFFSET, size),
        ] {
            carrier.write32(offset, value)?;
        }
        Ok(())
    }

    /// Gives the rings back. The device must no longer use them.
    pub(crate) fn free<C: Carrier>(&self, carrier: &mut C) {
        carrier.dma_free(self.sq);
        carrier.dma_free(self.cq);
    }

    /// Puts an entry into the submission queue, under an identifier of its own, and rings the doorbell.
    pub(crate) fn submit<C: Carrier>(
        &mut self,
        carrier: &mut C,
        mut entry: [u8; ENTRY_BYTES],
    ) -> Result<CommandId, Error> {
        let mask = (1 << self.sq_log2) - 1;
        let next_tail = (self.sq_tail + 1) & mask;
        if next_tail == self.sq_head {
            self.reap(carrier)?;
        }
        if next_tail == self.sq_head || self.flights.len() >= UNREAD as usize {
            return Err(Error::QueueFull { in_flight: self.flights.len() });
        }
        while self.next == UNREAD || self.flights.contains_key(&self.next) {
            self.next = self.next.wrapping_add(1);
        }
        let cid = self.next;
        entry[2..4].copy_from_slice(&cid.to_le_bytes());
        carrier.dma_write(at(self.sq, self.sq_tail), &entry)?;
        carrier.write32(SqTail::OFFSET, next_tail)?;
        self.flights.insert(cid, Flight::Submitted);
        self.sq_tail = next_tail;
        self.next = cid.wrapping_add(1);
        Ok(CommandId(cid))
    }

    /// Takes every completion that has arrived, and says whether there was one.
    pub(crate) fn reap<C: Carrier>(&mut self, carrier: &mut C) -> Result<bool, Error> {
        let (mut any, mut stray) = (false, None);
        loop {
            let mut entry = [0; ENTRY_BYTES];
            carrier.dma_read(at(self.cq, self.cq_head), &mut entry)?;
            let completion = Completion::from_bytes(&entry);
            if completion.phase != self.phase {
                break;
            }
            any = true;
            self.cq_head = (self.cq_head + 1) & ((1 << self.cq_log2) - 1);
            self.phase ^= self.cq_head == 0;
            self.sq_head = completion.sq_head.into();
            match self.flights.get_mut(&completion.cid) {
                Some(flight @ Flight::Submitted) => *flight = Flight::Completed(completion),
                Some(&mut Flight::Abandoned { harvest }) => {
                    if harvest {
                        self.unclaimed.push(completion.sequence);
                    }
                    self.flights.remove(&completion.cid);
                }
                Some(Flight::Completed(_)) | None => stray = Some(completion.cid),
            }
        }
        if any {
            carrier.write32(CqHead::OFFSET, self.cq_head)?;
        }
        match stray {
            Some(cid) => Err(Error::StrayCompletion { cid }),
            None => Ok(any),
        }
    }

    /// Takes the completion of a command, if it was reaped.
    pub(crate) fn take(&mut self, id: CommandId) -> Result<Option<Completion>, Error> {
        match self.flights.get(&id.0) {
            Some(&Flight::Completed(completion)) => {
                self.flights.remove(&id.0);
                Ok(Some(completion))
            }
            Some(Flight::Submitted) => Ok(None),
            Some(Flight::Abandoned { .. }) | None => Err(Error::UnknownCommand(id)),
        }
    }

    /// Nobody will ask for this command any more.
    pub(crate) fn abandon(&mut self, id: CommandId, opcode: Option<Opcode>) {
        let harvest = opcode == Some(Opcode::Harvest);
        self.flights.insert(id.0, Flight::Abandoned { harvest });
    }
}

fn at(ring: DmaRegion, index: u32) -> Iova {
    Iova(ring.iova.0 + index as u64 * ENTRY_BYTES as u64)
}

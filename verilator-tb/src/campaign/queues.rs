//! The queues as the campaign uses them: raw commands, no waiting.

use super::Dut;
use tideline_abi::command::{Command, Completion, ENTRY_BYTES};
use tideline_abi::regs::{CqBaseHi, CqBaseLo, CqHead, QueueSize, SqBaseHi, SqBaseLo, SqTail};
use tideline_driver::Iova;

/// A submission and a completion queue.
pub(super) struct Queues {
    sq: Iova,
    cq: Iova,
    sq_log2: u32,
    cq_log2: u32,
    tail: u32,
    head: u32,
    phase: bool,
}

impl Queues {
    /// Memory for queues of any size up to 2^6.
    pub(super) fn new(device: &mut impl Dut) -> Self {
        let bytes = ENTRY_BYTES << 6;
        let mut alloc = || device.host_memory().alloc(bytes).expect("host memory for the queues").iova;
        Self { sq: alloc(), cq: alloc(), sq_log2: 0, cq_log2: 0, tail: 0, head: 0, phase: true }
    }

    /// Gives the device empty queues of 2^n entries. It must be reset.
    pub(super) fn start(&mut self, device: &mut impl Dut, sq_log2: u32, cq_log2: u32) {
        (self.sq_log2, self.cq_log2) = (sq_log2, cq_log2);
        (self.tail, self.head, self.phase) = (0, 0, true);
        write(device, self.cq, &vec![0; ENTRY_BYTES << cq_log2]);
        device.post_write32(SqBaseLo::OFFSET, self.sq.0 as u32);
        device.post_write32(SqBaseHi::OFFSET, (self.sq.0 >> 32) as u32);
        device.post_write32(CqBaseLo::OFFSET, self.cq.0 as u32);
        device.post_write32(CqBaseHi::OFFSET, (self.cq.0 >> 32) as u32);
        device.post_write32(QueueSize::OFFSET, sq_log2 | cq_log2 << 8);
    }

    /// Puts a command into the queue and rings the doorbell.
    pub(super) fn submit(&mut self, device: &mut impl Dut, bytes: &[u8; ENTRY_BYTES]) {
        write(device, Iova(self.sq.0 + (self.tail as usize * ENTRY_BYTES) as u64), bytes);
        self.tail = (self.tail + 1) % (1 << self.sq_log2);
        device.post_write32(SqTail::OFFSET, self.tail);
    }

    /// As [`Queues::submit`], for a command without reserved bits.
    pub(super) fn submit_command(&mut self, device: &mut impl Dut, command: &Command) {
        self.submit(device, &command.to_bytes());
    }

    /// The next completion, if it is there.
    pub(super) fn poll(&mut self, device: &mut impl Dut) -> Option<Completion> {
        let at = self.cq.0 + (self.head as usize * ENTRY_BYTES) as u64;
        let mut last = [0];
        read(device, Iova(at + ENTRY_BYTES as u64 - 1), &mut last);
        if (last[0] & 1 == 1) != self.phase {
            return None;
        }
        let mut bytes = [0; ENTRY_BYTES];
        read(device, Iova(at), &mut bytes);
        self.head += 1;
        if self.head >> self.cq_log2 != 0 {
            self.head = 0;
            self.phase = !self.phase;
        }
        device.post_write32(CqHead::OFFSET, self.head);
        Some(Completion::from_bytes(&bytes))
    }
}

/// Copies out of memory that the campaign allocated.
pub(super) fn read(device: &mut impl Dut, iova: Iova, bytes: &mut [u8]) {
    device.host_memory().read(iova, bytes).expect("memory that the campaign allocated");
}

fn write(device: &mut impl Dut, iova: Iova, bytes: &[u8]) {
    device.host_memory().write(iova, bytes).expect("memory that the campaign allocated");
}

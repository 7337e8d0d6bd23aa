//! The coding of one block of events: the part of the compact format that makes it compact.
//!
//! A block is three byte streams, kept apart because each compresses best among its own kind:
//!
//! - `ops`: one byte per access. Bits 1:0 are the kind (0 load, 1 store, 2 modify, 3 none), bits 4:2 the size (a
//!   power of two from 1 to 64, or 7 for any other), bits 7:5 how many instructions came before it (0 to 6, or 7
//!   for more). Kind 3 carries the instructions after the block's last access.
//! - `addrs`: per access, the zigzag varint of the address minus its prediction.
//! - `extras`: per access, where its byte says so, the varint of instructions minus 7, then that of the size.
//!
//! The prediction is the address that followed last time on the same recent `ops`. A run of kinds, sizes and
//! instruction counts is close to unique for a place in the program, so this stands in for the program counter,
//! which the events do not carry: a loop's accesses each get their own small, often constant, difference. In
//! the busy part of a run of sqlite this makes the trace a third smaller than differences to the access before.
//!
//! Each block starts afresh, so that a block can be decoded without the ones before it.

use crate::event::{Event, Totals, VirtAddr};

/// The most events that a block may hold. A reader refuses more, so a damaged file cannot ask for much memory.
pub(crate) const MAX_EVENTS: u64 = 1 << 18;

/// The most bytes that the streams of a valid block take: per event a byte of `ops` and three varints.
pub(crate) const MAX_BYTES: u64 = MAX_EVENTS * (1 + 3 * MAX_VARINT as u64);

const MAX_VARINT: usize = 10;

const LOAD: u8 = 0;
const STORE: u8 = 1;
const MODIFY: u8 = 2;
const NO_ACCESS: u8 = 3;

/// The size code that sends the size to `extras`; smaller codes are exponents of two.
const OTHER_SIZE: u8 = 7;
/// The instruction count that sends the rest of it to `extras`.
const MANY_INSTRUCTIONS: u32 = 7;

/// Remembers, for each recent history of `ops`, the address that came last.
struct Predictor {
    last: Vec<u64>,
    history: u16,
}

impl Predictor {
    fn new() -> Predictor {
        Predictor { last: vec![0; 1 << 16], history: 0 }
    }

    fn reset(&mut self) {
        self.last.fill(0);
        self.history = 0;
    }

    /// The prediction for the access of this op, to be overwritten with its address. Eight ops of two new bits
    /// each make the history: enough to tell places apart, few enough to meet them again soon.
    #[inline]
    fn slot(&mut self, op: u8) -> &mut u64 {
        self.history = (self.history << 2) ^ u16::from(op);
        &mut self.last[usize::from(self.history)]
    }
}

/// Collects the events of one block.
pub(crate) struct Encoder {
    pub(crate) ops: Vec<u8>,
    pub(crate) addrs: Vec<u8>,
    pub(crate) extras: Vec<u8>,
    pub(crate) totals: Totals,
    instructions: u32,
    predictor: Predictor,
}

impl Encoder {
    pub(crate) fn new() -> Encoder {
        Encoder {
            ops: Vec::new(),
            addrs: Vec::new(),
            extras: Vec::new(),
            totals: Totals::default(),
            instructions: 0,
            predictor: Predictor::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.totals.events() == 0
    }

    pub(crate) fn is_full(&self) -> bool {
        self.totals.events() >= MAX_EVENTS
    }

    #[inline]
    pub(crate) fn push(&mut self, event: Event) {
        self.totals.count(event);
        match event {
            Event::Instruction => self.instructions += 1,
            Event::Load { addr, size } => self.access(LOAD, addr, size),
            Event::Store { addr, size } => self.access(STORE, addr, size),
            Event::Modify { addr, size } => self.access(MODIFY, addr, size),
        }
    }

    fn access(&mut self, kind: u8, addr: VirtAddr, size: u32) {
        let size_code = match size.trailing_zeros() as u8 {
            exponent if size.is_power_of_two() && exponent < OTHER_SIZE => exponent,
            _ => OTHER_SIZE,
        };
        let op = self.op(kind, size_code);
        if size_code == OTHER_SIZE {
            put_varint(&mut self.extras, size.into());
        }
        let predicted = self.predictor.slot(op);
        put_varint(&mut self.addrs, zigzag(addr.0.wrapping_sub(*predicted)));
        *predicted = addr.0;
    }

    /// Writes the op of an access with the instructions that came before it, and returns it.
    fn op(&mut self, kind: u8, size_code: u8) -> u8 {
        let before = self.instructions.min(MANY_INSTRUCTIONS);
        let op = kind | size_code << 2 | (before as u8) << 5;
        self.ops.push(op);
        if before == MANY_INSTRUCTIONS {
            put_varint(&mut self.extras, (self.instructions - MANY_INSTRUCTIONS).into());
        }
        self.instructions = 0;
        op
    }

    /// Ends the block, so that the streams are complete.
    pub(crate) fn finish(&mut self) {
        if self.instructions > 0 {
            self.op(NO_ACCESS, 0);
        }
    }

    /// Starts the next block.
    pub(crate) fn reset(&mut self) {
        self.ops.clear();
        self.addrs.clear();
        self.extras.clear();
        self.totals = Totals::default();
        self.predictor.reset();
    }
}

/// Turns blocks back into events.
pub(crate) struct Decoder {
    predictor: Predictor,
}

impl Decoder {
    pub(crate) fn new() -> Decoder {
        Decoder { predictor: Predictor::new() }
    }

    /// Appends the block's events to `events`, or returns `None` when the streams contradict each other or
    /// `totals`, which hold at most [`MAX_EVENTS`].
    pub(crate) fn decode(
        &mut self,
        ops: &[u8],
        mut addrs: &[u8],
        mut extras: &[u8],
        totals: Totals,
        events: &mut Vec<Event>,
    ) -> Option<()> {
        self.predictor.reset();
        events.reserve(totals.events() as usize);
        let mut found = Totals::default();
        for &op in ops {
            let mut before = u64::from(op >> 5);
            if before == MANY_INSTRUCTIONS.into() {
                before = before.checked_add(take_varint(&mut extras)?)?;
            }
            found.instructions += before;
            // Before the instructions are laid out, not after: a damaged count must not fill the memory.
            if found.instructions > totals.instructions {
                return None;
            }
            events.extend(std::iter::repeat_n(Event::Instruction, before as usize));
            let kind = op & 3;
            if kind == NO_ACCESS {
                continue;
            }
            let size = match op >> 2 & 7 {
                OTHER_SIZE => u32::try_from(take_varint(&mut extras)?).ok()?,
                exponent => 1 << exponent,
            };
            let slot = self.predictor.slot(op);
            *slot = slot.wrapping_add(unzigzag(take_varint(&mut addrs)?));
            let addr = VirtAddr(*slot);
            match kind {
                LOAD => {
                    found.loads += 1;
                    events.push(Event::Load { addr, size });
                }
                STORE => {
                    found.stores += 1;
                    events.push(Event::Store { addr, size });
                }
                _ => {
                    found.modifies += 1;
                    events.push(Event::Modify { addr, size });
                }
            }
        }
        (found == totals && addrs.is_empty() && extras.is_empty()).then_some(())
    }
}

/// Folds the sign of a difference into its lowest bit, so that small differences are small numbers.
#[inline]
fn zigzag(difference: u64) -> u64 {
    difference << 1 ^ ((difference as i64) >> 63) as u64
}

#[inline]
fn unzigzag(folded: u64) -> u64 {
    folded >> 1 ^ (folded & 1).wrapping_neg()
}

/// Appends a number, seven bits per byte, lowest first; the top bit says that more follows.
#[inline]
fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes a number from the front, or `None` when it is incomplete or larger than 64 bits.
#[inline]
fn take_varint(input: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for index in 0..MAX_VARINT {
        let byte = *input.get(index)?;
        if index == MAX_VARINT - 1 && byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            *input = &input[index + 1..];
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const EDGES: [u64; 9] = [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, i64::MAX as u64, i64::MIN as u64, u64::MAX];

    #[test]
    fn numbers_come_back() {
        for value in EDGES {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            let mut rest = &bytes[..];
            assert_eq!(take_varint(&mut rest), Some(value));
            assert!(rest.is_empty());
            assert_eq!(take_varint(&mut &bytes[..bytes.len() - 1]), None, "incomplete {value:#x}");
            assert_eq!(unzigzag(zigzag(value)), value);
        }
        assert_eq!(zigzag(1u64.wrapping_neg()), 1);
        assert_eq!(take_varint(&mut &[0xff; 10][..]), None, "more than 64 bits");
    }

    fn round_trip(events: &[Event]) -> Option<Vec<Event>> {
        let mut encoder = Encoder::new();
        // Twice, to see that nothing of a block leaks into the next.
        for _ in 0..2 {
            encoder.reset();
            events.iter().for_each(|&event| encoder.push(event));
            encoder.finish();
        }
        let mut decoded = Vec::new();
        let Encoder { ops, addrs, extras, totals, .. } = &encoder;
        Decoder::new().decode(ops, addrs, extras, *totals, &mut decoded)?;
        Some(decoded)
    }

    #[test]
    fn every_form_comes_back() {
        let mut events = Vec::new();
        for (index, addr) in EDGES.into_iter().enumerate() {
            let addr = VirtAddr(addr);
            for size in [0, 1, 2, 3, 4, 8, 16, 32, 64, 128, 416, u32::MAX] {
                events.extend(std::iter::repeat_n(Event::Instruction, index));
                events.push(Event::Load { addr, size });
                events.push(Event::Store { addr, size });
                events.push(Event::Modify { addr, size });
            }
        }
        assert_eq!(round_trip(&events).as_deref(), Some(&events[..]));
        events.extend([Event::Instruction; 100]);
        assert_eq!(round_trip(&events).as_deref(), Some(&events[..]), "instructions last");
        assert_eq!(round_trip(&[]), Some(vec![]));
    }

    #[test]
    fn contradictions_are_refused() {
        let one_load = Totals { loads: 1, ..Totals::default() };
        let one_instruction = Totals { instructions: 1, ..Totals::default() };
        let decode = |ops: &[u8], addrs: &[u8], extras: &[u8], totals| {
            Decoder::new().decode(ops, addrs, extras, totals, &mut Vec::new()).is_some()
        };
        assert!(decode(&[LOAD], &[0], &[], one_load));
        assert!(!decode(&[LOAD], &[], &[], one_load), "address missing");
        assert!(!decode(&[LOAD], &[0, 0], &[], one_load), "address left over");
        assert!(!decode(&[LOAD], &[0], &[0], one_load), "extra left over");
        assert!(!decode(&[STORE], &[0], &[], one_load), "another kind");
        assert!(!decode(&[], &[], &[], one_load), "too few");
        let endless = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert!(!decode(&[NO_ACCESS | 7 << 5], &[], &endless, one_instruction), "too many instructions");
        assert!(!decode(&[LOAD | OTHER_SIZE << 2], &[0], &endless, one_load), "size beyond 32 bits");
    }
}

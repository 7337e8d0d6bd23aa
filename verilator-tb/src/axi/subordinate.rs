//! A memory behind an AXI4 interface of 512 bits.

use super::{
    Address, ManagerPins, Memory, ReadBeat, Resp, SubordinatePins, Violation, WriteBeat, WriteResponse,
    check_stable,
};
use crate::pace::{Pace, Pauses};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;
use std::ops::RangeInclusive;
use tideline_abi::cxl::Line;
use tideline_abi::geometry::{LINE_BYTES, PAGE_BYTES};

/// How fast a subordinate is, and how nasty.
#[derive(Clone, Debug, PartialEq)]
pub struct Timing {
    /// Cycles from the last beat of a request to its first possible answer.
    pub latency: RangeInclusive<u32>,
    /// Transactions of one direction that are accepted before the first is answered.
    pub outstanding: usize,
    /// Transactions with different identifiers overtake each other, their read data interleaves, and memory is accessed
    /// at any time between request and answer. Otherwise all is in order, and memory is accessed when the answer leaves.
    pub unordered: bool,
    /// Pauses of each of the five channels.
    pub pace: Pace,
}

impl Timing {
    /// Answers after `latency` cycles, in order, one beat per cycle.
    pub const fn steady(latency: u32) -> Self {
        Self { latency: latency..=latency, outstanding: 256, unordered: false, pace: Pace::FULL }
    }

    /// Everything that AXI allows.
    pub const fn nasty() -> Self {
        Self { latency: 1..=80, outstanding: 48, unordered: true, pace: Pace::new(0.15, 12) }
    }
}

/// An AXI4 subordinate in front of a [`Memory`].
#[derive(Clone, Debug)]
pub struct Subordinate<M> {
    /// What it gives access to.
    pub memory: M,
    /// Accesses accepted so far.
    pub accepted: Accepted,
    timing: Timing,
    rng: ChaCha8Rng,
    pauses: Channels<Pauses>,
    now: u64,
    /// What is driven in this cycle.
    pins: SubordinatePins,
    /// What the manager offered in the cycle before and was not taken.
    held: ManagerPins,
    reads: VecDeque<Read>,
    writes: VecDeque<Write>,
    /// Data that is not yet part of a write.
    data: VecDeque<WriteBeat>,
}

/// Transactions that a subordinate has accepted, by their identifier.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// Reads.
    pub reads: [u64; 256],
    /// Writes.
    pub writes: [u64; 256],
}

/// One of something per AXI channel.
#[derive(Clone, Debug)]
struct Channels<T> {
    aw: T,
    w: T,
    b: T,
    ar: T,
    r: T,
}

#[derive(Clone, Debug)]
struct Read {
    address: Address,
    answered: u32,
    due: u64,
    /// Data that was read when the request came.
    early: VecDeque<Result<Line, Resp>>,
}

#[derive(Clone, Debug)]
struct Write {
    address: Address,
    received: u32,
    due: u64,
    /// Beats go to memory as they come.
    early: bool,
    /// Beats that go to memory when the answer leaves: address, data, strobe.
    late: Vec<(u64, Line, u64)>,
    resp: Resp,
}

impl Address {
    const fn beats(&self) -> u32 {
        self.len as u32 + 1
    }

    /// The byte address of a beat, from 0.
    const fn beat(&self, index: u32) -> u64 {
        self.addr + ((index as u64) << self.size)
    }

    fn check(&self, channel: &'static str) -> Result<(), Violation> {
        let address = *self;
        if self.size > 6 || self.burst != 1 || !self.addr.is_multiple_of(1 << self.size) {
            return Err(Violation::Shape { channel, address });
        }
        let page = |addr| addr / PAGE_BYTES as u64;
        if page(self.addr) != page(self.beat(self.beats() - 1)) {
            return Err(Violation::CrossesPage { channel, address });
        }
        Ok(())
    }
}

const fn line_of(addr: u64) -> u64 {
    addr & !(LINE_BYTES as u64 - 1)
}

/// The byte lanes of a beat of `1 << size` bytes.
const fn lanes(addr: u64, size: u8) -> u64 {
    let ones = if size == 6 { u64::MAX } else { (1 << (1 << size)) - 1 };
    ones << (addr % LINE_BYTES as u64)
}

impl<M: Memory> Subordinate<M> {
    /// A subordinate with its own random numbers.
    pub fn new(memory: M, timing: Timing, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut pauses = || Pauses::new(timing.pace, rng.random());
        let pauses = Channels { aw: pauses(), w: pauses(), b: pauses(), ar: pauses(), r: pauses() };
        Self {
            memory,
            accepted: Accepted { reads: [0; 256], writes: [0; 256] },
            timing,
            rng,
            pauses,
            now: 0,
            pins: SubordinatePins::default(),
            held: ManagerPins::default(),
            reads: VecDeque::new(),
            writes: VecDeque::new(),
            data: VecDeque::new(),
        }
    }

    /// Changes the timing of what comes from now on.
    pub fn set_timing(&mut self, timing: Timing) {
        let Channels { aw, w, b, ar, r } = &mut self.pauses;
        [aw, w, b, ar, r].into_iter().for_each(|pauses| pauses.set(timing.pace));
        self.timing = timing;
    }

    /// No transaction is under way.
    pub fn is_idle(&self) -> bool {
        self.reads.is_empty()
            && self.writes.is_empty()
            && self.data.is_empty()
            && self.pins.b.is_none()
            && self.pins.r.is_none()
    }

    /// Decides what is driven in the coming cycle.
    pub fn drive(&mut self) -> &SubordinatePins {
        self.pins.aw_ready = !self.pauses.aw.pause() && self.writes.len() < self.timing.outstanding;
        self.pins.w_ready = !self.pauses.w.pause() && self.data.len() < self.timing.outstanding;
        self.pins.ar_ready = !self.pauses.ar.pause() && self.reads.len() < self.timing.outstanding;
        if !self.pauses.b.pause() && self.pins.b.is_none() {
            self.pins.b = self.answer_write();
        }
        if !self.pauses.r.pause() && self.pins.r.is_none() {
            self.pins.r = self.answer_read();
        }
        &self.pins
    }

    /// The rising edge: takes what was transferred in the cycle.
    ///
    /// # Errors
    /// If the manager broke a rule of AXI.
    pub fn clock(&mut self, manager: &ManagerPins) -> Result<(), Violation> {
        self.now += 1;
        check_stable("aw", &self.held.aw, &manager.aw)?;
        check_stable("w", &self.held.w, &manager.w)?;
        check_stable("ar", &self.held.ar, &manager.ar)?;
        self.held.aw = None;
        self.held.w = None;
        self.held.ar = None;

        match manager.aw {
            Some(address) if self.pins.aw_ready => self.accept_write(address)?,
            offered => self.held.aw = offered,
        }
        match manager.w {
            Some(beat) if self.pins.w_ready => self.data.push_back(beat),
            offered => self.held.w = offered,
        }
        match manager.ar {
            Some(address) if self.pins.ar_ready => self.accept_read(address)?,
            offered => self.held.ar = offered,
        }
        if manager.b_ready {
            self.pins.b = None;
        }
        if manager.r_ready {
            self.pins.r = None;
        }
        self.match_data()
    }

    fn due(&mut self) -> u64 {
        let latency = &self.timing.latency;
        let cycles = if latency.start() == latency.end() {
            *latency.start()
        } else {
            self.rng.random_range(latency.clone())
        };
        self.now + u64::from(cycles)
    }

    fn accept_write(&mut self, address: Address) -> Result<(), Violation> {
        address.check("aw")?;
        self.accepted.writes[usize::from(address.id)] += 1;
        // Same identifier means same order in memory: only the first of its identifier may go early.
        let first = self.writes.iter().all(|w| w.address.id != address.id);
        let early = self.timing.unordered && first && self.rng.random();
        self.writes.push_back(Write {
            address,
            received: 0,
            due: 0,
            early,
            late: Vec::new(),
            resp: Resp::Okay,
        });
        Ok(())
    }

    /// Gives the data that came to the writes that wait for it, in the order of their addresses.
    fn match_data(&mut self) -> Result<(), Violation> {
        if self.data.is_empty() {
            return Ok(());
        }
        for index in 0..self.writes.len() {
            while !self.data.is_empty() && self.writes[index].received < self.writes[index].address.beats() {
                let beat = self.data.pop_front().expect("there is data");
                let due = self.due();
                let write = &mut self.writes[index];
                let Address { size, .. } = write.address;
                let (addr, beats) = (write.address.beat(write.received), write.address.beats());
                let lanes = lanes(addr, size);
                write.received += 1;
                write.due = due;
                if beat.last != (write.received == beats) {
                    return Err(Violation::Last { last: beat.last, beat: write.received, beats });
                }
                if beat.strobe & !lanes != 0 {
                    return Err(Violation::Strobe { strobe: beat.strobe, lanes });
                }
                if write.early {
                    if let Err(resp) = self.memory.write(line_of(addr), &beat.data, beat.strobe) {
                        write.resp = resp;
                    }
                } else {
                    write.late.push((line_of(addr), beat.data, beat.strobe));
                }
            }
        }
        Ok(())
    }

    fn answer_write(&mut self) -> Option<WriteResponse> {
        let now = self.now;
        let ready = |w: &Write| (w.address.id, w.received == w.address.beats() && w.due <= now);
        let index = pick(&mut self.rng, self.timing.unordered, self.writes.iter().map(ready))?;
        let mut write = self.writes.remove(index)?;
        for (addr, data, strobe) in write.late {
            if let Err(resp) = self.memory.write(addr, &data, strobe) {
                write.resp = resp;
            }
        }
        Some(WriteResponse { id: write.address.id, resp: write.resp })
    }

    fn accept_read(&mut self, address: Address) -> Result<(), Violation> {
        address.check("ar")?;
        self.accepted.reads[usize::from(address.id)] += 1;
        let due = self.due();
        let first = self.reads.iter().all(|r| r.address.id != address.id);
        let early = if self.timing.unordered && first && self.rng.random() {
            (0..address.beats()).map(|beat| self.memory.read(line_of(address.beat(beat)))).collect()
        } else {
            VecDeque::new()
        };
        self.reads.push_back(Read { address, answered: 0, due, early });
        Ok(())
    }

    fn answer_read(&mut self) -> Option<ReadBeat> {
        let now = self.now;
        let ready = |r: &Read| (r.address.id, r.due <= now);
        let index = pick(&mut self.rng, self.timing.unordered, self.reads.iter().map(ready))?;
        let read = &mut self.reads[index];
        let addr = line_of(read.address.beat(read.answered));
        let result = read.early.pop_front().unwrap_or_else(|| self.memory.read(addr));
        read.answered += 1;
        let (id, last) = (read.address.id, read.answered == read.address.beats());
        if last {
            self.reads.remove(index);
        }
        let (data, resp) = match result {
            Ok(data) => (data, Resp::Okay),
            Err(resp) => ([0xff; LINE_BYTES], resp),
        };
        Some(ReadBeat { id, data, resp, last })
    }
}

/// Which transaction to answer: the oldest, or any that is ready and has none of its identifier before it.
fn pick(
    rng: &mut ChaCha8Rng,
    unordered: bool,
    mut transactions: impl Iterator<Item = (u8, bool)>,
) -> Option<usize> {
    if !unordered {
        return transactions.next().filter(|&(_, ready)| ready).map(|_| 0);
    }
    let (mut seen, mut candidates, mut choice) = ([false; 256], 0, None);
    for (index, (id, ready)) in transactions.enumerate() {
        if !std::mem::replace(&mut seen[usize::from(id)], true) && ready {
            candidates += 1;
            if rng.random_ratio(1, candidates) {
                choice = Some(index);
            }
        }
    }
    choice
}

#[cfg(test)]
mod tests {
    use super::super::DeviceMemory;
    use super::*;

    const BURST: Address = Address { id: 1, addr: 0x40, len: 0, size: 6, burst: 1 };
    const BEAT: WriteBeat = WriteBeat { data: [7; 64], strobe: u64::MAX, last: true };

    fn subordinate(timing: Timing) -> Subordinate<DeviceMemory> {
        Subordinate::new(DeviceMemory::new(16, u32::MAX, 1), timing, 2)
    }

    /// One cycle: what the subordinate drove, and its opinion of the manager.
    fn cycle(
        s: &mut Subordinate<DeviceMemory>,
        manager: &ManagerPins,
    ) -> (SubordinatePins, Result<(), Violation>) {
        let pins = s.drive().clone();
        (pins, s.clock(manager))
    }

    fn listen() -> ManagerPins {
        ManagerPins { b_ready: true, r_ready: true, ..ManagerPins::default() }
    }

    /// Writes a line, waits for the answer, reads it.
    fn write_then_read(timing: Timing, seed: u64) -> ReadBeat {
        let mut s = Subordinate::new(DeviceMemory::new(16, u32::MAX, 1), timing, seed);
        let mut write = ManagerPins { aw: Some(BURST), w: Some(BEAT), ..listen() };
        let mut read = ManagerPins { ar: Some(BURST), ..listen() };
        let mut written = false;
        for _ in 0..1000 {
            let manager = if written { &mut read } else { &mut write };
            let (pins, verdict) = cycle(&mut s, manager);
            assert_eq!(verdict, Ok(()));
            manager.aw = manager.aw.filter(|_| !pins.aw_ready);
            manager.w = manager.w.filter(|_| !pins.w_ready);
            manager.ar = manager.ar.filter(|_| !pins.ar_ready);
            written |= pins.b == Some(WriteResponse { id: 1, resp: Resp::Okay });
            if let Some(beat) = pins.r {
                assert!(s.is_idle());
                assert_eq!((s.accepted.reads[1], s.accepted.writes[1]), (1, 1));
                assert_eq!((s.accepted.reads[0], s.accepted.writes[0]), (0, 0), "by identifier");
                return beat;
            }
        }
        panic!("no answer")
    }

    #[test]
    fn a_read_after_the_answer_of_a_write_sees_it() {
        let expected = ReadBeat { id: 1, data: [7; 64], resp: Resp::Okay, last: true };
        for seed in 0..50 {
            assert_eq!(write_then_read(Timing::steady(seed as u32), seed), expected);
            assert_eq!(write_then_read(Timing::nasty(), seed), expected);
        }
    }

    #[test]
    fn full_speed_is_one_beat_per_cycle() {
        let mut s = subordinate(Timing::steady(10));
        let manager = ManagerPins { ar: Some(BURST), ..listen() };
        let beats = (0..200).filter(|_| cycle(&mut s, &manager).0.r.is_some()).count();
        assert_eq!(beats, 200 - 11);
    }

    #[test]
    fn answers_overtake_only_between_identifiers() {
        let mut s = subordinate(Timing { outstanding: 256, pace: Pace::FULL, ..Timing::nasty() });
        let mut order = Vec::new();
        for i in 0..400u64 {
            let address = Address { id: i as u8 % 3, addr: 64 * (i % 64), ..BURST };
            let ar = (i < 64).then_some(address);
            if let Some(r) = cycle(&mut s, &ManagerPins { ar, ..listen() }).0.r {
                let line = (0..64).find(|l| s.memory.peek(64 * l) == r.data).expect("one of the lines");
                assert_eq!(line % 3, u64::from(r.id));
                order.push(line);
            }
        }
        assert_eq!(order.len(), 64);
        assert!(!order.is_sorted(), "some overtake");
        for id in 0..3 {
            assert!(order.iter().filter(|&&line| line % 3 == id).is_sorted(), "none within identifier {id}");
        }
    }

    #[test]
    fn a_burst_covers_consecutive_lines() {
        let mut s = subordinate(Timing::steady(1));
        let mut manager = ManagerPins { ar: Some(Address { len: 3, ..BURST }), ..listen() };
        let mut lines = Vec::new();
        for _ in 0..10 {
            let (pins, verdict) = cycle(&mut s, &manager);
            assert_eq!(verdict, Ok(()));
            lines.extend(pins.r.map(|r| (r.data, r.last)));
            manager.ar = None;
        }
        let expected: Vec<_> = (1..=4).map(|l| (s.memory.peek(64 * l), l == 4)).collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_narrow_write_stays_in_its_lanes() {
        let narrow = Address { addr: 0x50, size: 4, ..BURST };
        let lanes = 0xffff << 16;
        for (strobe, verdict) in [(lanes, Ok(())), (1, Err(Violation::Strobe { strobe: 1, lanes }))] {
            let mut s = subordinate(Timing::steady(1));
            let manager = ManagerPins { aw: Some(narrow), w: Some(WriteBeat { strobe, ..BEAT }), ..listen() };
            assert_eq!(cycle(&mut s, &manager).1, verdict);
        }
    }

    #[test]
    fn broken_rules_are_found() {
        let refused = |first: ManagerPins, then: ManagerPins| {
            let mut s = subordinate(Timing { outstanding: 1, ..Timing::steady(50) });
            [first, then].iter().map(|pins| cycle(&mut s, pins).1).find_map(Result::err)
        };
        let ar = |address| ManagerPins { ar: Some(address), ..listen() };
        let once = |address| refused(ar(address), listen());
        assert_eq!(once(BURST), None);
        assert!(matches!(once(Address { size: 7, ..BURST }), Some(Violation::Shape { .. })));
        assert!(matches!(once(Address { burst: 0, ..BURST }), Some(Violation::Shape { .. })));
        assert!(matches!(once(Address { addr: 0x48, ..BURST }), Some(Violation::Shape { .. })));
        assert!(matches!(
            once(Address { addr: 0xfc0, len: 1, ..BURST }),
            Some(Violation::CrossesPage { .. })
        ));

        let write = |last| ManagerPins { aw: Some(BURST), w: Some(WriteBeat { last, ..BEAT }), ..listen() };
        assert_eq!(refused(write(true), listen()), None);
        assert!(matches!(refused(write(false), listen()), Some(Violation::Last { .. })));
    }

    #[test]
    fn a_payload_that_changes_is_found() {
        for after in [None, Some(Address { addr: 0x80, ..BURST })] {
            let mut s = subordinate(Timing { outstanding: 1, ..Timing::steady(50) });
            let offers = [Some(BURST), Some(BURST), after];
            let verdicts = offers.map(|ar| cycle(&mut s, &ManagerPins { ar, ..listen() }).1);
            assert!(matches!(verdicts, [Ok(()), Ok(()), Err(Violation::Unstable { .. })]), "{verdicts:?}");
        }
    }
}

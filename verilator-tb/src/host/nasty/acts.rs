//! What the host does of its own: requests, stores, silent changes; and violations.

use super::*;
use RequestKind::*;

/// What the host does to a line in this state; a kind named twice is twice as likely.
#[rustfmt::skip]
const fn choices(state: State) -> &'static [RequestKind] {
    match state {
        State::Modified => &[WriteInvalid, WriteInvalid, WriteAny, WriteShared, WriteNone, Speculative],
        State::Exclusive => &[
            CleanEvict, OwnInvalid, OwnNtInvalid, OwnShared, OwnNtShared, OwnNone, ReadShared, ReadCurrent, ReadOnce,
            ReadInvalid, WriteOver, WritePartial,
        ],
        State::Shared => &[
            ReadAny, OwnAny, OwnAny, OwnNtAny, OwnShared, OwnNtShared, CleanEvict, OwnInvalid, OwnNone, ReadShared,
            ReadCurrent, ReadInvalid, WriteOver, WritePartial, Speculative,
        ],
        State::Invalid => &[
            ReadAny, ReadAny, ReadAny, ReadAny, ReadShared, ReadShared, ReadData, ReadData, ReadCurrent, ReadOnce,
            ReadInvalid, OwnAny, OwnAny, OwnNtAny, OwnShared, OwnInvalid, OwnNtInvalid, OwnNone, Speculative,
            WriteOver, WriteOver, WritePartial, WritePartial,
        ],
    }
}

impl NastyHost {
    pub(super) fn act(&mut self) {
        let rng = &mut self.rng;
        let rate = self.phase.rate;
        let actions = rate / 256 + (below(rng, 256) < rate % 256) as u32;
        for _ in 0..actions {
            let line = self.pick();
            if below(&mut self.rng, self.phase.quiet) == 0 {
                let weights = choices(self.lines[line as usize].state);
                let kind = weights[below(&mut self.rng, weights.len() as u32) as usize];
                self.attempt(line, kind);
            } else {
                match below(&mut self.rng, 8) {
                    0 => self.drop_silently(line),
                    _ => {
                        self.store(line);
                    }
                }
            }
        }
        if self.config.violations != Violations::default() && one_in(&mut self.rng, 64) {
            self.violate();
        }
    }

    fn pick(&mut self) -> u32 {
        let rng = &mut self.rng;
        let per_page = LINES_PER_PAGE as u32;
        match self.phase.pattern {
            Pattern::Line(line) if !one_in(rng, 4) => line,
            Pattern::Line(line) => line / per_page * per_page + below(rng, per_page),
            Pattern::Page(page) => page * per_page + below(rng, per_page),
            Pattern::Pages { first, count } => {
                let page = (first + below(rng, count)) % self.writable.len() as u32;
                page * per_page + below(rng, per_page)
            }
            Pattern::Uniform => below(rng, self.lines.len() as u32),
        }
    }

    /// Stores into an owned line; false if it is not owned now.
    pub fn store(&mut self, line: u32) -> bool {
        let reading = self.transaction(line).is_some_and(|t| !t.kind.is_write());
        let cached = &mut self.lines[line as usize];
        if !cached.state.may_write() || reading {
            return false;
        }
        self.stamp += 1;
        let whole = !cached.filled || one_in(&mut self.rng, 2);
        let word = below(&mut self.rng, 8) as usize;
        for (at, bytes) in cached.data.chunks_exact_mut(8).enumerate() {
            if whole || at == word {
                bytes.copy_from_slice(&(self.stamp << 16 | line as u64 & 0xffff).to_le_bytes());
            }
        }
        cached.filled = true;
        self.stats.stores += 1;
        self.record(line, Event::Store);
        self.set_state(line, State::Modified);
        true
    }

    fn drop_silently(&mut self, line: u32) {
        let reading = self.transaction(line).is_some_and(|t| !t.kind.is_write());
        let cached = &self.lines[line as usize];
        let next = match cached.state {
            State::Exclusive if cached.filled && one_in(&mut self.rng, 2) => State::Shared,
            State::Exclusive | State::Shared => State::Invalid,
            _ => return,
        };
        if !reading {
            self.stats.silent += 1;
            self.set_state(line, next);
        }
    }

    /// Does one thing to a line now; false if the protocol does not allow it in the line's state.
    pub fn attempt(&mut self, line: u32, kind: RequestKind) -> bool {
        let cached = &self.lines[line as usize];
        let page = line / LINES_PER_PAGE as u32;
        if kind != Speculative
            && (cached.transaction != NONE
                || cached.snooped
                || self.free.len() <= SNOOPED_LINES
                || self.outstanding >= self.phase.outstanding && !self.frozen)
        {
            return false;
        }
        let state = cached.state;
        let allowed = match kind {
            Speculative => true,
            ReadAny | OwnAny | OwnNtAny => matches!(state, State::Invalid | State::Shared),
            CleanEvict => matches!(state, State::Shared | State::Exclusive),
            WriteInvalid | WriteAny | WriteShared | WriteNone => state == State::Modified,
            SnoopWrite => false,
            WriteOver | WritePartial => state != State::Modified && !self.oracle.is_held(page),
            _ => state != State::Modified,
        };
        if !allowed {
            return false;
        }
        match kind {
            WriteOver | WritePartial => {
                self.set_state(line, State::Invalid);
                self.write_over(line, kind);
            }
            _ if kind.is_write() => self.write_back(line, kind, None),
            _ => {
                match kind {
                    CleanEvict | OwnInvalid | OwnNtInvalid | ReadInvalid => {
                        self.set_state(line, State::Invalid)
                    }
                    ReadShared | ReadData | OwnShared | OwnNtShared if state == State::Exclusive => {
                        let filled = self.lines[line as usize].filled;
                        self.set_state(line, if filled { State::Shared } else { State::Invalid });
                    }
                    _ => {}
                }
                self.request(line, kind);
            }
        }
        true
    }

    fn request(&mut self, line: u32, kind: RequestKind) {
        let rng = &mut self.rng;
        let any_meta = [MetaValue::Invalid, MetaValue::Any, MetaValue::Shared][below(rng, 3) as usize];
        let random_field = if one_in(rng, 2) { MetaField::NoOp } else { MetaField::Meta0State };
        let stated = MetaField::Meta0State;
        let (opcode, field, value, snp) = match kind {
            ReadAny => (ReqOpcode::MemRd, stated, MetaValue::Any, SnpType::SnpInv),
            ReadShared => (ReqOpcode::MemRd, stated, MetaValue::Shared, SnpType::SnpData),
            ReadData => (ReqOpcode::MemRdData, random_field, any_meta, SnpType::SnpData),
            ReadCurrent => (ReqOpcode::MemRd, MetaField::NoOp, any_meta, SnpType::SnpCur),
            ReadOnce => (ReqOpcode::MemRd, MetaField::NoOp, any_meta, SnpType::SnpInv),
            ReadInvalid => (ReqOpcode::MemRd, stated, MetaValue::Invalid, SnpType::SnpInv),
            OwnAny => (ReqOpcode::MemInv, stated, MetaValue::Any, SnpType::SnpInv),
            OwnNtAny => (ReqOpcode::MemInvNt, stated, MetaValue::Any, SnpType::SnpInv),
            OwnShared => (ReqOpcode::MemInv, stated, MetaValue::Shared, SnpType::SnpData),
            OwnNtShared => (ReqOpcode::MemInvNt, stated, MetaValue::Shared, SnpType::SnpData),
            OwnInvalid => (ReqOpcode::MemInv, stated, MetaValue::Invalid, SnpType::SnpInv),
            OwnNtInvalid => (ReqOpcode::MemInvNt, stated, MetaValue::Invalid, SnpType::SnpInv),
            OwnNone => (ReqOpcode::MemInv, MetaField::NoOp, any_meta, SnpType::SnpInv),
            CleanEvict => (ReqOpcode::MemClnEvct, random_field, any_meta, SnpType::NoOp),
            _ => (ReqOpcode::MemSpecRd, random_field, any_meta, SnpType::NoOp),
        };
        let mut meta_value = value as u8;
        if field == MetaField::NoOp && one_in(rng, 4) {
            // Without a meta field the value means nothing, not even the reserved one.
            meta_value = 1;
        }
        let tag = if kind == Speculative { FOREIGN ^ self.salt } else { self.begin(line, kind) };
        self.stats.sent[kind as usize] += 1;
        if kind.is_read() {
            self.oracle.read_sent(line);
        }
        self.record(line, Event::Sent(kind, tag));
        let message = M2sReq {
            opcode: opcode as u8,
            addr: self.loose_address(line),
            tag,
            meta_field: field as u8,
            meta_value,
            snp_type: snp as u8,
        };
        self.req.push(self.now, (message, line), &mut self.rng);
    }

    pub(super) fn write_back(&mut self, line: u32, kind: RequestKind, meta: Option<MetaValue>) {
        let (next, field, meta) = match kind {
            WriteInvalid => (State::Invalid, MetaField::Meta0State, MetaValue::Invalid),
            WriteAny => (State::Exclusive, MetaField::Meta0State, MetaValue::Any),
            WriteShared => (State::Shared, MetaField::Meta0State, MetaValue::Shared),
            WriteNone if one_in(&mut self.rng, 2) => (State::Exclusive, MetaField::NoOp, MetaValue::Invalid),
            WriteNone => (State::Invalid, MetaField::NoOp, MetaValue::Any),
            _ => (State::Modified, MetaField::Meta0State, meta.expect("an answer says its meta value")),
        };
        let tag = self.begin(line, kind);
        let Cached { data, since, .. } = self.lines[line as usize];
        self.oracle.write_sent(line, &data, u64::MAX, Some(since));
        self.put_write(line, kind, tag, RwdOpcode::MemWr, (field, meta, SnpType::NoOp), data, u64::MAX);
        if kind != SnoopWrite {
            self.set_state(line, next);
        }
    }

    fn write_over(&mut self, line: u32, kind: RequestKind) {
        self.stamp += 1;
        let mut data = [0; LINE_BYTES];
        for (at, bytes) in data.chunks_exact_mut(8).enumerate() {
            bytes
                .copy_from_slice(&(self.stamp << 16 | (at as u64) << 12 | line as u64 & 0xfff).to_le_bytes());
        }
        let (opcode, enables) = match kind {
            WritePartial => {
                let enables = match below(&mut self.rng, 4) {
                    0 => 0,
                    1 => 1 << below(&mut self.rng, 64),
                    2 => self.rng.next_u64(),
                    _ => 0xff << (8 * below(&mut self.rng, 8)),
                };
                (RwdOpcode::MemWrPtl, enables)
            }
            _ => (RwdOpcode::MemWr, u64::MAX),
        };
        let tag = self.begin(line, kind);
        self.oracle.write_sent(line, &data, enables, None);
        let meta = (MetaField::Meta0State, MetaValue::Invalid, SnpType::SnpInv);
        self.put_write(line, kind, tag, opcode, meta, data, enables);
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one message")]
    fn put_write(
        &mut self,
        line: u32,
        kind: RequestKind,
        tag: u16,
        opcode: RwdOpcode,
        (field, meta, snp): (MetaField, MetaValue, SnpType),
        data: Line,
        enables: u64,
    ) {
        self.stats.sent[kind as usize] += 1;
        self.record(line, Event::Sent(kind, tag));
        let unused = opcode == RwdOpcode::MemWr && one_in(&mut self.rng, 2);
        let message = M2sRwd {
            opcode: opcode as u8,
            addr: self.loose_address(line),
            tag,
            meta_field: field as u8,
            meta_value: meta as u8,
            snp_type: snp as u8,
            data,
            be: if unused { self.rng.next_u64() } else { enables },
        };
        self.rwd.push(self.now, message, &mut self.rng);
    }

    fn violate(&mut self) {
        let on = self.config.violations;
        let rng = &mut self.rng;
        let tag = (FOREIGN | below(rng, 0x4000) as u16) ^ self.salt;
        let line = below(rng, self.lines.len() as u32);
        let choice = below(rng, 4);
        let addr = self.address(line);
        let rng = &mut self.rng;
        let mut request = M2sReq { opcode: 1, addr, tag, meta_field: 3, meta_value: 0, snp_type: 0 };
        let write = |opcode, addr, meta_field, snp_type| M2sRwd {
            opcode,
            addr,
            tag,
            meta_field,
            meta_value: 0,
            snp_type,
            data: [0xee; LINE_BYTES],
            be: u64::MAX,
        };
        match choice {
            0 if on.illegal => {
                match below(rng, 4) {
                    0 => request.opcode = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15][below(rng, 10) as usize],
                    1 => request.meta_field = 1 + below(rng, 2) as u8,
                    2 => (request.meta_field, request.meta_value) = (0, 1),
                    _ => request.snp_type = 4 + below(rng, 4) as u8,
                }
                self.req.push(self.now, (request, line), rng);
            }
            1 if on.illegal => {
                let message = match below(rng, 3) {
                    0 => write([0, 3, 5, 6, 7, 8, 15][below(rng, 7) as usize], addr, 3, 3),
                    1 => write(1, addr, 1 + below(rng, 2) as u8, 3),
                    _ => write(1, addr, 3, 4 + below(rng, 4) as u8),
                };
                self.rwd.push(self.now, message, rng);
            }
            2 if on.stray => {
                let tag = BI_TAGS as u16 + below(rng, 60_000) as u16;
                let (opcode, low) = (below(rng, 16) as u8, below(rng, 4) as u8);
                self.birsp.push(self.now, (M2sBirsp { opcode, tag, low }, None), rng);
            }
            3 if on.outside && self.outside.len() < 8 && !self.outside.contains_key(&tag) => {
                let page = self.config.window_pages as u64 + below(rng, 1000) as u64;
                let addr = self.config.window_base.0 + page * PAGE_BYTES as u64;
                let data = match below(rng, 3) {
                    0 => {
                        self.rwd.push(self.now, write(RwdOpcode::MemWr as u8, addr, 3, 3), rng);
                        true
                    }
                    1 => {
                        request = M2sReq { opcode: ReqOpcode::MemInv as u8, addr, ..request };
                        self.req.push(self.now, (request, line), rng);
                        true
                    }
                    _ => {
                        self.req.push(self.now, (M2sReq { addr, ..request }, line), rng);
                        false
                    }
                };
                self.outside.insert(tag, Outside { ndr: false, data });
            }
            _ => return,
        }
        self.stats.violations += 1;
    }
}

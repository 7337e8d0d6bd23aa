//! The way in: what arrives is checked at once, taken from its wire some time later, and ends a transaction.

use super::error::message;
use super::*;

impl NastyHost {
    /// Notes the time of what is new in the response channels, then takes it, unless the host is not ready.
    pub(super) fn arrive(&mut self, ch: &mut Channels) -> Result<(), NastyError> {
        for at in self.noted[0]..ch.s2m_ndr.len() {
            self.ndr_arrived(ch.s2m_ndr[at])?;
        }
        for at in self.noted[1]..ch.s2m_drs.len() {
            self.drs_arrived(&ch.s2m_drs[at])?;
        }
        for at in self.noted[2]..ch.s2m_bisnp.len() {
            self.bisnp_arrived(ch.s2m_bisnp[at])?;
        }
        for channel in 0..3 {
            if self.config.levels.back_pressure && one_in(&mut self.rng, 1024) {
                self.stalled_until[channel] = self.now + below(&mut self.rng, 200) as u64;
            }
        }
        let ready = |channel: usize| self.stalled_until[channel] <= self.now;
        if ready(0) {
            for ndr in ch.s2m_ndr.drain(..) {
                self.ndr.push(self.now, ndr, &mut self.rng);
            }
        }
        if ready(1) {
            for drs in ch.s2m_drs.drain(..) {
                self.drs.push(self.now, drs, &mut self.rng);
            }
        }
        if ready(2) {
            for snoop in ch.s2m_bisnp.drain(..) {
                self.bisnp.push(self.now, snoop, &mut self.rng);
            }
        }
        self.noted = [ch.s2m_ndr.len(), ch.s2m_drs.len(), ch.s2m_bisnp.len()];
        Ok(())
    }

    fn ndr_arrived(&mut self, ndr: S2mNdr) -> Result<(), NastyError> {
        let bad = |line, why| Err(message("NDR", ndr.opcode, ndr.tag, line, why));
        if ndr.opcode == NdrOpcode::BiConflictAck as u8 {
            let Some(line) = self.conflicting(ndr.tag).filter(|&line| !self.lines[line as usize].fenced)
            else {
                return bad(None, "acknowledges no BIConflict, or one a second time");
            };
            self.record(line, Event::Ndr(ndr.opcode, ndr.tag));
            // A request without an answer comes after the snoop now. Not so a write: its Cmp is decided when memory
            // answered, and may follow the acknowledgement; the host answers the snoop behind it anyway.
            if self.transaction(line).is_some_and(|t| !t.ndr_arrived && !t.kind.is_write()) {
                self.lines[line as usize].fenced = true;
            }
            return Ok(());
        }
        if let Some(outside) = self.outside.get_mut(&ndr.tag) {
            if ndr.opcode != NdrOpcode::Cmp as u8 || core::mem::replace(&mut outside.ndr, true) {
                return bad(None, "outside the window the answer is one Cmp");
            }
            self.outside.retain(|_, o| !(o.ndr && o.data));
            return Ok(());
        }
        let Some(index) = self.live(ndr.tag) else { return bad(None, "no transaction has this tag") };
        let t = self.transactions[index as usize];
        self.record(t.line, Event::Ndr(ndr.opcode, ndr.tag));
        if t.ndr_arrived {
            return bad(Some(t.line), "answered twice");
        }
        if self.lines[t.line as usize].fenced && !self.is_suspect(t.line / LINES_PER_PAGE as u32) {
            return bad(Some(t.line), "a request was answered between BIConflictAck and BIRsp of its line");
        }
        self.transactions[index as usize].ndr_arrived = true;
        if ndr.opcode == NdrOpcode::CmpE as u8 {
            self.granted(t.line);
        }
        if t.kind.is_write() {
            self.oracle.write_done(t.line);
        }
        self.read_arrived(index);
        Ok(())
    }

    fn drs_arrived(&mut self, drs: &S2mDrs) -> Result<(), NastyError> {
        let bad = |line, why| Err(message("DRS", drs.opcode, drs.tag, line, why));
        if let Some(outside) = self.outside.get_mut(&drs.tag) {
            let right = drs.opcode == DrsOpcode::MemDataNxm as u8 && drs.data == [0xff; LINE_BYTES];
            if !right || core::mem::replace(&mut outside.data, true) {
                return bad(None, "outside the window the data is one MemDataNxm of all ones");
            }
            self.outside.retain(|_, o| !(o.ndr && o.data));
            return Ok(());
        }
        let Some(index) = self.live(drs.tag) else { return bad(None, "no transaction has this tag") };
        let t = self.transactions[index as usize];
        self.record(t.line, Event::Drs(drs.tag, drs.poison));
        if !t.kind.is_read() {
            return bad(Some(t.line), "data for something that is no read");
        }
        if t.drs_arrived {
            return bad(Some(t.line), "data comes twice");
        }
        self.transactions[index as usize].drs_arrived = true;
        self.transactions[index as usize].poison = drs.poison;
        self.read_arrived(index);
        Ok(())
    }

    fn read_arrived(&mut self, index: u16) {
        let t = &self.transactions[index as usize];
        if t.ndr_arrived && t.drs_arrived {
            self.oracle.read_done(t.line, !t.poison);
        }
    }

    fn bisnp_arrived(&mut self, snoop: S2mBisnp) -> Result<(), NastyError> {
        let bad = |line, why| Err(message("BISnp", snoop.opcode, snoop.tag, line, why));
        use SnpOpcode::{BiSnpData, BiSnpDataBlk, BiSnpInv, BiSnpInvBlk};
        let known = [BiSnpData, BiSnpInv, BiSnpDataBlk, BiSnpInvBlk].iter().any(|o| *o as u8 == snoop.opcode);
        let (base, lines) = snoop.lines();
        if !known
            || lines == 0
            || snoop.tag as usize >= BI_TAGS
            || !snoop.addr.is_multiple_of(LINE_BYTES as u64)
        {
            return bad(None, "an opcode, tag or address that this device does not send");
        }
        let offset = base.wrapping_sub(self.config.window_base.0);
        let page = u32::try_from(offset / PAGE_BYTES as u64).ok().and_then(|page| self.page_of(page));
        let Some(page) = page else { return bad(None, "a line of which the host never had a copy") };
        let first = page * LINES_PER_PAGE as u32 + (offset as usize % PAGE_BYTES / LINE_BYTES) as u32;
        let snooped = Answered { first, lines };
        for line in snooped.each() {
            self.record(line, Event::Snoop(snoop.opcode, snoop.tag));
            if self.lines[line as usize].snooped {
                return bad(Some(line), "the line has a snoop outstanding");
            }
            self.lines[line as usize].snooped = true;
        }
        if self.snoop_tags[snoop.tag as usize].lines != 0 {
            return bad(Some(first), "the tag is in use");
        }
        self.snoop_tags[snoop.tag as usize] = snooped;
        self.recalling[page as usize] += lines.count_ones();
        self.stats.snoop_sizes[lines.count_ones().ilog2() as usize] += 1;
        Ok(())
    }

    pub(super) fn receive(&mut self) -> Result<(), NastyError> {
        for _ in 0..4 {
            let Some(snoop) = self.bisnp.pop(self.now) else { break };
            for line in self.snoop_tags[snoop.tag as usize].each() {
                let cached = &mut self.lines[line as usize];
                cached.snooping = Snooping::Fresh;
                cached.snoop_tag = snoop.tag;
                cached.snoop_invalidate = snoop.invalidates();
                self.snoops.push(line);
            }
            self.answers.begin(snoop, one_in(&mut self.rng, 2));
        }
        let ack = NdrOpcode::BiConflictAck as u8;
        for _ in 0..4 {
            let Some(ndr) = self.ndr.pop_any(self.now, &mut self.rng, |ndr| ndr.opcode == ack) else { break };
            if ndr.opcode == ack {
                let Some(line) = self.conflicting(ndr.tag) else {
                    let why = "acknowledges no BIConflict, or one a second time";
                    return Err(message("NDR", ndr.opcode, ndr.tag, None, why));
                };
                self.lines[line as usize].snooping = Snooping::Acknowledged;
                continue;
            }
            // What is not live was sent outside the window, and its answer checked on arrival.
            let Some(index) = self.live(ndr.tag) else { continue };
            let opcode = NdrOpcode::ALL.iter().find(|o| **o as u8 == ndr.opcode);
            let Some(&opcode) = opcode else {
                return Err(message("NDR", ndr.opcode, ndr.tag, None, "reserved opcode"));
            };
            self.transactions[index as usize].ndr = Some(opcode);
            self.complete(index)?;
        }
        for _ in 0..4 {
            let Some(drs) = self.drs.pop_any(self.now, &mut self.rng, |_| false) else { break };
            let Some(index) = self.live(drs.tag) else { continue };
            self.transactions[index as usize].drs = Some(drs);
            self.complete(index)?;
        }
        Ok(())
    }

    /// Ends a transaction if all of its answer is there.
    fn complete(&mut self, index: u16) -> Result<(), NastyError> {
        let t = self.transactions[index as usize];
        let Some(ndr) = t.ndr else { return Ok(()) };
        if t.kind.is_read() && t.drs.is_none() {
            return Ok(());
        }
        let tag = index ^ self.salt;
        self.transactions[index as usize].live = false;
        self.free.push(index);
        self.outstanding -= 1;
        self.lines[t.line as usize].transaction = NONE;
        if let Err(why) = self.check_answer(&t, ndr) {
            return Err(message("NDR", ndr as u8, tag, Some(t.line), why));
        }
        let poison = t.drs.is_some_and(|drs| drs.poison);
        self.stats.answers[t.kind as usize][ndr as usize][poison as usize] += 1;
        if let Some(drs) = t.drs.filter(|drs| !drs.poison) {
            self.check_data(&t, &drs)?;
        }
        self.install(&t, ndr, poison);
        Ok(())
    }

    /// The contract's tables: what this request may be answered with.
    fn check_answer(&self, t: &Transaction, ndr: NdrOpcode) -> Result<(), &'static str> {
        use RequestKind::*;
        if t.kind.is_write() {
            return if ndr == NdrOpcode::Cmp { Ok(()) } else { Err("a write is answered by Cmp") };
        }
        let page = t.line / LINES_PER_PAGE as u32;
        if self.is_suspect(page) {
            return Ok(());
        }
        let (map, track) = self.oracle.generations(page);
        let moved = map != t.generations.0 || matches!(self.oracle.map(page), PageMap::Moving(_));
        let local = matches!(self.oracle.map(page), PageMap::Local(_));
        if let Some(drs) = t.drs {
            if drs.opcode != DrsOpcode::MemData as u8 {
                return Err("the data of a line that decodes is MemData");
            }
            if drs.poison && drs.data != [0xff; LINE_BYTES] {
                return Err("poisoned data is all ones");
            }
            if !moved && drs.poison == local {
                return Err("poison from a mapped page, or data from an unmapped one");
            }
        }
        let served = match t.drs {
            Some(drs) => Some(!drs.poison),
            None if moved => None,
            None => Some(local),
        };
        let tracked = self.oracle.track(page).filter(|_| track == t.generations.1);
        let (may, must) = match self.config.grant_exclusive {
            Some(on) => (on, on),
            None => (true, false),
        };
        let exclusive = may && tracked != Some(true);
        let shared = !(must && tracked == Some(false));
        let local_ok = match t.kind {
            ReadAny | OwnAny | OwnNtAny => ndr == NdrOpcode::CmpE,
            ReadShared | ReadData => ndr == NdrOpcode::CmpE && exclusive || ndr == NdrOpcode::CmpS && shared,
            OwnShared | OwnNtShared => ndr == NdrOpcode::CmpS,
            _ => ndr == NdrOpcode::Cmp,
        };
        let other_ok = match t.kind {
            ReadAny | ReadShared | ReadData => ndr == NdrOpcode::CmpS,
            _ => ndr == NdrOpcode::Cmp,
        };
        match served {
            Some(true) if !local_ok => Err("not the answer of a mapped page"),
            Some(false) if !other_ok => Err("not the answer of an unmapped page"),
            None if !local_ok && !other_ok => Err("not the answer of any page"),
            _ => Ok(()),
        }
    }

    fn check_data(&mut self, t: &Transaction, drs: &S2mDrs) -> Result<(), NastyError> {
        let page = t.line / LINES_PER_PAGE as u32;
        let same = self.oracle.generations(page).0 == t.generations.0;
        // A read that a MAP or UNMAP overlapped may have been served by either frame. If it left a copy, that is
        // compared with memory while the host holds it (clean_copy).
        if same && !self.is_suspect(page) {
            self.oracle.check_value(t.line, &drs.data)?;
        }
        Ok(())
    }

    fn install(&mut self, t: &Transaction, ndr: NdrOpcode, poison: bool) {
        use RequestKind::*;
        let line = t.line;
        let state = self.lines[line as usize].state;
        match (t.kind, ndr) {
            (ReadAny | ReadShared | ReadData, NdrOpcode::CmpE | NdrOpcode::CmpS) => {
                let data = t.drs.expect("a read has data").data;
                let cached = &mut self.lines[line as usize];
                cached.data = data;
                cached.filled = true;
                cached.poison = poison;
                cached.since = self.now;
                let granted = if ndr == NdrOpcode::CmpE { State::Exclusive } else { State::Shared };
                self.set_state(line, granted);
                if poison && one_in(&mut self.rng, 2) {
                    self.set_state(line, State::Invalid);
                }
            }
            (OwnAny | OwnNtAny, NdrOpcode::CmpE) => {
                let cached = &mut self.lines[line as usize];
                cached.filled = state == State::Shared && cached.filled && !cached.poison;
                cached.poison = false;
                cached.since = self.now;
                self.set_state(line, State::Exclusive);
            }
            (SnoopWrite, _) => {
                let cached = &mut self.lines[line as usize];
                if let Snooping::Writing(response) = cached.snooping {
                    cached.snooping = Snooping::Respond(response);
                }
            }
            _ => {}
        }
    }
}

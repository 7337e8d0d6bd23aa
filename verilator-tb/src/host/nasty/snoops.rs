//! Snoops: answered some time later, in any way that fits.

use super::*;

impl NastyHost {
    /// Looks at a few of the snoops at hand.
    pub(super) fn answer_snoops(&mut self) {
        for _ in 0..3 {
            if self.snoops.is_empty() {
                return;
            }
            let at = below(&mut self.rng, self.snoops.len() as u32) as usize;
            let line = self.snoops[at];
            if self.answer_snoop(line) {
                self.snoops.swap_remove(at);
            }
        }
    }

    /// One step of one snoop; true when it is over.
    fn answer_snoop(&mut self, line: u32) -> bool {
        let own = self.transaction(line).copied();
        match self.lines[line as usize].snooping {
            Snooping::Fresh => match own {
                Some(t) if !t.kind.is_write() => self.conflict(line, 0),
                Some(_) if one_in(&mut self.rng, 16) => self.conflict(line, 1),
                Some(_) => {}
                None => self.resolve(line),
            },
            Snooping::Acknowledged => match own {
                Some(t) if t.kind.is_write() || t.ndr.is_some() => {}
                _ => self.resolve(line),
            },
            Snooping::Respond(response) => {
                self.respond(line, response);
                return true;
            }
            Snooping::None | Snooping::Conflict | Snooping::Writing(_) => {}
        }
        false
    }

    /// Says that a transaction of the line is under way. Of the lines of a block one at a time: the acknowledgement names
    /// only the tag.
    fn conflict(&mut self, line: u32, why: usize) {
        let tag = self.lines[line as usize].snoop_tag;
        if self.conflicting(tag).is_some() {
            return;
        }
        self.stats.conflicts[why] += 1;
        self.lines[line as usize].snooping = Snooping::Conflict;
        self.record(line, Event::Conflict(tag));
        let message = M2sRwd {
            opcode: RwdOpcode::BiConflict as u8,
            addr: self.address(line),
            tag,
            meta_field: MetaField::NoOp as u8,
            meta_value: below(&mut self.rng, 4) as u8,
            snp_type: SnpType::NoOp as u8,
            data: [0; LINE_BYTES],
            be: 0,
        };
        self.rwd.push(self.now, message, &mut self.rng);
    }

    fn resolve(&mut self, line: u32) {
        let cached = &self.lines[line as usize];
        let invalidate = cached.snoop_invalidate;
        let (state, filled) = (cached.state, cached.filled);
        let keep = !invalidate && filled && state != State::Invalid && !one_in(&mut self.rng, 4);
        let response = if keep { RspOpcode::BiRspS } else { RspOpcode::BiRspI };
        self.stats.snooped[state as usize][invalidate as usize][keep as usize] += 1;
        if state == State::Modified {
            let meta = match below(&mut self.rng, 4) {
                0 => MetaValue::Any,
                1 if !keep => MetaValue::Shared,
                _ if keep => MetaValue::Shared,
                _ => MetaValue::Invalid,
            };
            self.write_back(line, RequestKind::SnoopWrite, Some(meta));
            self.lines[line as usize].snooping = Snooping::Writing(response);
        } else {
            self.lines[line as usize].snooping = Snooping::Respond(response);
        }
        self.set_state(line, if keep { State::Shared } else { State::Invalid });
    }

    fn respond(&mut self, line: u32, response: RspOpcode) {
        let violations = self.config.violations;
        let page = line as usize / LINES_PER_PAGE;
        let cached = &mut self.lines[line as usize];
        cached.snooping = Snooping::None;
        let tag = cached.snoop_tag;
        let Some((mut message, lines)) = self.answers.ready(tag, line as u8 & 3, response) else { return };
        let answer = Answered { first: line & !3, lines };
        if violations.lost && one_in(&mut self.rng, 1024) {
            self.stats.violations += 1;
            self.suspect[page] = true;
            // The device uses the tag again only when it has given the page up.
            self.over(answer, tag);
            return;
        }
        if violations.wrong && !self.wronged[page] && one_in(&mut self.rng, 16) {
            self.stats.violations += 1;
            self.wronged[page] = true;
            message.opcode = message.opcode & 4 | RspOpcode::BiRspE as u8;
        }
        for line in answer.each() {
            self.record(line, Event::Respond(message.opcode, tag));
        }
        self.stats.answered_blocks += (lines.count_ones() > 1) as u64;
        self.birsp.push(self.now, (message, Some(answer)), &mut self.rng);
    }
}

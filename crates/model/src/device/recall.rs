//! Recall: back-invalidate snoops of the lines of a page, and what becomes of their answers.

use super::ModelDevice;
use std::collections::HashMap;
use tideline_abi::cxl::{Channels, RspOpcode, S2mBisnp, SnpOpcode};
use tideline_abi::geometry::{BI_TAGS, LINE_BYTES, PAGE_BYTES, RECALL_CONTEXTS};
use tideline_abi::regs::{error_bit, reg};
use tideline_abi::slot::{Slot, SlotKind};

/// The recall engine's state.
#[derive(Clone, Debug)]
pub(super) struct Recalls {
    contexts: [Option<Context>; RECALL_CONTEXTS],
    /// Contexts in use.
    active: usize,
    /// Outstanding snoops by tag.
    snoops: [Option<Snoop>; BI_TAGS],
    /// Pages whose recall timed out, with the answers that are still missing.
    late: HashMap<u32, Missing>,
    /// Snoops outstanding.
    outstanding: u32,
    /// Of these, the ones to be sent once more.
    resends: u32,
}

/// A page being recalled.
#[derive(Clone, Copy, Debug)]
struct Context {
    page: u32,
    opcode: SnpOpcode,
    /// Lines not snooped yet.
    todo: u64,
    outstanding: u32,
    since: u64,
    outcome: Option<Outcome>,
}

/// How a recall ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Answered,
    TimedOut,
}

#[derive(Clone, Copy, Debug)]
struct Snoop {
    page: u32,
    line: u8,
    opcode: SnpOpcode,
    owner: Owner,
    /// A wrong answer came: the line is snooped again with BISnpInv.
    again: Again,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Again {
    No,
    ToSend,
    Sent,
}

/// Who waits for the answer of a snoop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Context(usize),
    /// The page, whose recall timed out.
    Late,
    /// Nobody: the page was unmapped since, and may be another one by now. The answer frees the tag.
    Nobody,
}

/// Answers that a page whose recall timed out still lacks.
#[derive(Clone, Copy, Debug)]
struct Missing {
    snoops: u32,
    /// A line was answered wrongly twice: no answer will come any more.
    never: bool,
}

impl Default for Recalls {
    fn default() -> Self {
        Self {
            contexts: [None; RECALL_CONTEXTS],
            active: 0,
            snoops: [None; BI_TAGS],
            late: HashMap::new(),
            outstanding: 0,
            resends: 0,
        }
    }
}

impl Recalls {
    pub(super) fn is_idle(&self) -> bool {
        self.active == 0
    }

    /// True while requests of this page have to wait.
    pub(super) fn is_recalling(&self, page: u32) -> bool {
        if self.is_idle() {
            return false;
        }
        // A recall that timed out lets them go on at once, to be answered with poison.
        self.contexts.iter().flatten().any(|c| c.page == page && c.outcome != Some(Outcome::TimedOut))
    }

    /// True if the recall of this page timed out and was not made up for since.
    pub(super) fn timed_out(&self, page: u32) -> bool {
        self.late.contains_key(&page)
    }

    /// Starts the recall of lines of a page. There must be a free context.
    pub(super) fn start(&mut self, page: u32, lines: u64, opcode: SnpOpcode, now: u64) {
        let free = self.contexts.iter_mut().find(|c| c.is_none()).expect("one page per context is in work");
        *free = Some(Context { page, opcode, todo: lines, outstanding: 0, since: now, outcome: None });
        self.active += 1;
    }

    /// Takes a recall that has ended. Its page stays closed to requests until [`Recalls::start`] or the slot of
    /// the caller, both in the same step.
    pub(super) fn take_ended(&mut self) -> Option<(u32, Outcome)> {
        let slot = self.contexts.iter_mut().find(|c| c.is_some_and(|c| c.outcome.is_some()))?;
        let context = slot.take()?;
        self.active -= 1;
        Some((context.page, context.outcome?))
    }

    /// The page was unmapped: answers that come for it from now on mean nothing.
    pub(super) fn forget(&mut self, page: u32) {
        if self.late.remove(&page).is_some() {
            for snoop in self.snoops.iter_mut().flatten().filter(|s| s.page == page) {
                snoop.owner = Owner::Nobody;
            }
        }
    }

    /// The snoop that goes out next, as (tag, page, line, opcode).
    fn next(&mut self) -> Option<(usize, u32, u8, SnpOpcode)> {
        if self.resends > 0 {
            let due = |s: &Option<Snoop>| s.is_some_and(|s| s.again == Again::ToSend);
            let (tag, snoop) = self.snoops.iter_mut().enumerate().find(|(_, s)| due(s))?;
            let snoop = snoop.as_mut()?;
            snoop.again = Again::Sent;
            self.resends -= 1;
            return Some((tag, snoop.page, snoop.line, SnpOpcode::BiSnpInv));
        }
        let snoops = &mut self.snoops;
        for (index, context) in self.contexts.iter_mut().enumerate() {
            let Some(c) = context.as_mut().filter(|c| c.outcome.is_none() && c.todo != 0) else { continue };
            // One snoop per line at a time, also where the answer of an old one never came.
            let open = snoops.iter().flatten().filter(|s| s.page == c.page && s.owner == Owner::Nobody);
            let lines = c.todo & !open.fold(0, |mask, s| mask | 1 << s.line);
            if lines == 0 {
                continue;
            }
            let tag = snoops.iter().position(Option::is_none)?;
            let line = lines.trailing_zeros() as u8;
            c.todo &= !(1 << line);
            c.outstanding += 1;
            self.outstanding += 1;
            let (page, opcode, owner) = (c.page, c.opcode, Owner::Context(index));
            snoops[tag] = Some(Snoop { page, line, opcode, owner, again: Again::No });
            return Some((tag, page, line, opcode));
        }
        None
    }

    /// The snoop with this tag is over. `answered` = the line was given up.
    fn end(&mut self, tag: usize, answered: bool) {
        let Some(snoop) = self.snoops[tag].take() else { return };
        self.outstanding -= 1;
        match snoop.owner {
            Owner::Nobody => {}
            Owner::Context(index) => {
                let Some(c) = &mut self.contexts[index] else { return };
                c.outstanding -= 1;
                if c.outcome.is_none() && c.outstanding == 0 && c.todo == 0 && answered {
                    c.outcome = Some(Outcome::Answered);
                }
            }
            Owner::Late => {
                if let Some(missing) = self.late.get_mut(&snoop.page) {
                    missing.snoops -= 1;
                    missing.never |= !answered;
                    if missing.snoops == 0 && !missing.never {
                        self.late.remove(&snoop.page);
                    }
                }
            }
        }
    }

    /// The recall in this context counts as timed out.
    fn give_up(&mut self, index: usize, never: bool) {
        let Some(c) = &mut self.contexts[index] else { return };
        c.outcome = Some(Outcome::TimedOut);
        // With no answer missing the page has nothing to wait for: what was not snooped is snooped by the next recall.
        if c.outstanding > 0 || never {
            self.late.insert(c.page, Missing { snoops: c.outstanding, never });
        }
        for snoop in self.snoops.iter_mut().flatten().filter(|s| s.owner == Owner::Context(index)) {
            snoop.owner = Owner::Late;
        }
    }
}

impl ModelDevice {
    /// Sends a snoop, if one is due and a tag is free.
    pub(super) fn send_snoop(&mut self, ch: &mut Channels) {
        if self.recalls.is_idle() && self.recalls.resends == 0 {
            return;
        }
        let Some((tag, page, line, opcode)) = self.recalls.next() else { return };
        let addr = self.window_base() + page as u64 * PAGE_BYTES as u64 + line as u64 * LINE_BYTES as u64;
        ch.s2m_bisnp.push_back(S2mBisnp { opcode: opcode as u8, addr, tag: tag as u16 });
        self.count(reg::COUNT_BISNP);
        self.regs[reg::PEAK_BISNP] = self.regs[reg::PEAK_BISNP].max(self.recalls.outstanding);
    }

    /// Takes a snoop response. It is always accepted.
    pub(super) fn take_birsp(&mut self, ch: &mut Channels) {
        let Some(rsp) = ch.m2s_birsp.pop_front() else { return };
        self.count(reg::COUNT_BIRSP);
        let tag = rsp.tag as usize;
        let snoop = self.recalls.snoops.get(tag).copied().flatten().filter(|s| s.again != Again::ToSend);
        let (Some(snoop), Some(opcode)) = (snoop, RspOpcode::from_code(rsp.opcode.into())) else {
            return self.raise(1 << error_bit::BAD_BIRSP);
        };
        if self.gave_up(&snoop, opcode) {
            if snoop.owner != Owner::Nobody {
                let slot = self.page_slot(SlotKind::BiRsp, snoop.page, 0);
                self.pass(&Slot { line: snoop.line, opcode: rsp.opcode, ..slot });
            }
            return self.recalls.end(tag, true);
        }
        self.raise(1 << error_bit::BAD_BIRSP);
        if snoop.again == Again::No && snoop.owner != Owner::Nobody {
            self.recalls.snoops[tag] = Some(Snoop { again: Again::ToSend, ..snoop });
            self.recalls.resends += 1;
        } else {
            self.recalls.end(tag, false);
            if let Owner::Context(index) = snoop.owner {
                self.time_out(index, true);
            }
        }
    }

    /// True if the response says that the host gave up what the snoop asked for.
    fn gave_up(&self, snoop: &Snoop, opcode: RspOpcode) -> bool {
        match opcode {
            RspOpcode::BiRspI => true,
            RspOpcode::BiRspS => snoop.again == Again::No && snoop.opcode == SnpOpcode::BiSnpData,
            RspOpcode::BiRspE => false,
        }
    }

    /// Ends recalls that took too long.
    pub(super) fn check_timeouts(&mut self) {
        if self.recalls.is_idle() {
            return;
        }
        let limit = self.regs[reg::RECALL_TIMEOUT] as u64;
        for index in 0..RECALL_CONTEXTS {
            if let Some(c) = self.recalls.contexts[index]
                && c.outcome.is_none()
                && self.ticks - c.since >= limit
            {
                self.time_out(index, false);
            }
        }
    }

    fn time_out(&mut self, index: usize, never: bool) {
        self.recalls.give_up(index, never);
        self.executor.next_generation();
        self.raise(1 << error_bit::RECALL_TIMEOUT);
    }
}

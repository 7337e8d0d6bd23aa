//! Recall: back-invalidate snoops of the lines of a page, one by one or in blocks, and what becomes of their answers.
//!
//! An answer changes no descriptor: the slot that asked for the recall comes again when the last one is there, and takes
//! the ownership of all the lines recalled.

use super::ModelDevice;
use std::collections::HashMap;
use tideline_abi::cxl::M2sBirsp;
use tideline_abi::cxl::{Channels, RspOpcode, S2mBisnp};
use tideline_abi::geometry::{BI_TAGS, LINE_BYTES, PAGE_BYTES, RECALL_CONTEXTS};
use tideline_abi::regs::{error_bit, reg};

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
    invalidate: bool,
    /// Lines to recall.
    lines: u64,
    /// Of these, the ones not snooped yet.
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
    /// Which aligned four lines of the page.
    quad: u8,
    /// Which of them: one, an aligned two, or all.
    lines: u8,
    /// Of these, the ones not answered.
    open: u8,
    invalidate: bool,
    owner: Owner,
    /// One of the answers was wrong.
    wrong: bool,
    /// All lines are answered, one wrongly: they are snooped again with BISnpInv.
    again: Again,
}

impl Snoop {
    /// Its lines as a mask of the page.
    fn mask(&self) -> u64 {
        (self.lines as u64) << (4 * self.quad)
    }

    fn message(&self, window_base: u64, tag: usize) -> S2mBisnp {
        let base =
            window_base + self.page as u64 * PAGE_BYTES as u64 + self.quad as u64 * 4 * LINE_BYTES as u64;
        S2mBisnp::of(base, self.lines, self.invalidate, tag as u16).expect("lines that one snoop can name")
    }
}

/// The lines of the next snoop of a mask: an aligned four or two, or the lowest one; as (quad, lines).
fn pick(mask: u64) -> (u8, u8) {
    let quad = (mask.trailing_zeros() / 4) as u8;
    let nibble = (mask >> (4 * quad)) as u8 & 15;
    let lines = match nibble {
        15 => 15,
        n if n & 3 == 3 => 3,
        12 => 12,
        n => n & n.wrapping_neg(),
    };
    (quad, lines)
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
    pub(super) fn start(&mut self, page: u32, lines: u64, invalidate: bool, now: u64) {
        let free = self.contexts.iter_mut().find(|c| c.is_none()).expect("one page per context is in work");
        let todo = lines;
        *free = Some(Context { page, invalidate, lines, todo, outstanding: 0, since: now, outcome: None });
        self.active += 1;
    }

    /// Takes a recall that has ended, with its lines. Its page stays closed to requests until [`Recalls::start`] or the slot of
    /// the caller, both in the same step.
    pub(super) fn take_ended(&mut self) -> Option<(u32, u64, Outcome)> {
        let slot = self.contexts.iter_mut().find(|c| c.is_some_and(|c| c.outcome.is_some()))?;
        let context = slot.take()?;
        self.active -= 1;
        Some((context.page, context.lines, context.outcome?))
    }

    /// The page was unmapped: answers that come for it from now on mean nothing.
    pub(super) fn forget(&mut self, page: u32) {
        if self.late.remove(&page).is_some() {
            for snoop in self.snoops.iter_mut().flatten().filter(|s| s.page == page) {
                snoop.owner = Owner::Nobody;
            }
        }
    }

    /// The tag of the snoop that goes out next.
    fn next(&mut self) -> Option<usize> {
        if self.resends > 0 {
            let due = |s: &Option<Snoop>| s.is_some_and(|s| s.again == Again::ToSend);
            let (tag, snoop) = self.snoops.iter_mut().enumerate().find(|(_, s)| due(s))?;
            let snoop = snoop.as_mut()?;
            *snoop = Snoop { again: Again::Sent, open: snoop.lines, invalidate: true, ..*snoop };
            self.resends -= 1;
            return Some(tag);
        }
        let snoops = &mut self.snoops;
        for (index, context) in self.contexts.iter_mut().enumerate() {
            let Some(c) = context.as_mut().filter(|c| c.outcome.is_none() && c.todo != 0) else { continue };
            // One snoop per line at a time, also where the answer of an old one never came.
            let open = snoops.iter().flatten().filter(|s| s.page == c.page && s.owner == Owner::Nobody);
            let free = c.todo & !open.fold(0, |mask, s| mask | s.mask());
            if free == 0 {
                continue;
            }
            let tag = snoops.iter().position(Option::is_none)?;
            let (quad, lines) = pick(free);
            let (page, invalidate, owner) = (c.page, c.invalidate, Owner::Context(index));
            let snoop =
                Snoop { page, quad, lines, open: lines, invalidate, owner, wrong: false, again: Again::No };
            c.todo &= !snoop.mask();
            c.outstanding += 1;
            self.outstanding += 1;
            snoops[tag] = Some(snoop);
            return Some(tag);
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

/// What a response says of a snoop: the lines, and whether the host gave up what was asked. None if it fits nothing open.
fn answers(snoop: &Snoop, rsp: &M2sBirsp) -> Option<(u8, bool)> {
    use RspOpcode::*;
    let one = snoop.lines.is_power_of_two();
    let opcode = RspOpcode::from_code(rsp.opcode.into())?;
    let by_block = matches!(opcode, BiRspIBlk | BiRspSBlk | BiRspEBlk);
    if by_block && one {
        return None;
    }
    let hit = if by_block || one { snoop.lines } else { 1 << (rsp.low & 3) };
    let right = match opcode {
        BiRspI | BiRspIBlk => true,
        BiRspS | BiRspSBlk => !snoop.invalidate,
        BiRspE | BiRspEBlk => false,
    };
    (snoop.open & hit == hit).then_some((hit, right))
}

impl ModelDevice {
    /// Sends a snoop, if one is due and a tag is free.
    pub(super) fn send_snoop(&mut self, ch: &mut Channels) {
        if self.recalls.is_idle() && self.recalls.resends == 0 {
            return;
        }
        let Some(tag) = self.recalls.next() else { return };
        let snoop = self.recalls.snoops[tag].expect("it was just sent");
        ch.s2m_bisnp.push_back(snoop.message(self.window_base(), tag));
        self.count(reg::COUNT_BISNP);
        self.regs[reg::PEAK_BISNP] = self.regs[reg::PEAK_BISNP].max(self.recalls.outstanding);
    }

    /// Takes a snoop response. It is always accepted.
    pub(super) fn take_birsp(&mut self, ch: &mut Channels) {
        let Some(rsp) = ch.m2s_birsp.pop_front() else { return };
        self.count(reg::COUNT_BIRSP);
        let tag = rsp.tag as usize;
        let snoop = self.recalls.snoops.get_mut(tag).and_then(Option::as_mut);
        let Some((snoop, (hit, right))) = snoop.and_then(|s| answers(s, &rsp).map(|a| (s, a))) else {
            return self.raise(1 << error_bit::BAD_BIRSP);
        };
        snoop.open &= !hit;
        snoop.wrong |= !right;
        let Snoop { open, wrong, again, owner, .. } = *snoop;
        let waiting = matches!(owner, Owner::Context(_));
        if open == 0 && wrong && waiting && again == Again::No {
            snoop.wrong = false;
            snoop.again = Again::ToSend;
            self.recalls.resends += 1;
        } else if open == 0 {
            // Nobody minds how a recall that is over was answered.
            self.recalls.end(tag, !wrong || !waiting);
            if let Owner::Context(index) = owner
                && wrong
            {
                self.time_out(index, true);
            }
        }
        if !right {
            self.raise(1 << error_bit::BAD_BIRSP);
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

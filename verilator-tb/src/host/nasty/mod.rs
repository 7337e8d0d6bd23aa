//! The adversary: a coherent host that does, in any order and at any time, whatever the protocol allows.
//!
//! # Operation
//! Every cycle it picks lines of its pages and does something legal to them: a request of any kind, a store, a
//! silent drop or downgrade, a write-back that keeps the line or not, a write from no copy with byte enables.
//! A line has at most one transaction of the host's own and one snoop at a time; any number of lines are busy.
//! Snoops are answered some time later, with any response that fits: after a write-back that carries Invalid,
//! Shared or Any, after a BIConflict if a transaction of the line is outstanding (always for a request, sometimes
//! for a write-back), and never before the Cmp of the line's write-backs. These are the transitions of the
//! model-checked host (`line_protocol_mc.py`), and some more of the contract's rows: reads without a state,
//! MemInv of all kinds, MemRdData, MemSpecRd, partial writes.
//!
//! Each of the six channels is late in its own way, changed at random with the *phase*, which also sets the rate, the
//! number of transactions and where they go: one line, one page, a few pages, all. Messages of one channel keep
//! their order, except that responses are matched by tag (an acknowledgement of a conflict overtakes nothing).
//! Address bits 5:0, unused meta values and unused byte enables are random.
//!
//! # What it checks
//! Every answer: its tag, that it comes once, that the contract allows it for what the page is (or may be, while a
//! command changes it), the data of reads; every snoop: one per line and tag, of a kind that the device may send;
//! every conflict: acknowledged once, and no answer to the line's request between the acknowledgement and the snoop
//! response. The rest is the [`Oracle`]'s.
//!
//! # Violations
//! [`Violations`] makes the host break the protocol as well. Those that a right device shrugs off leave all checks
//! on; a lost snoop response makes the device declare the page lost, and the host stops judging that page.

mod acts;
mod answers;
mod error;
mod kind;
mod snoops;

pub use error::NastyError;
pub use kind::{NastyStats, RequestKind};

use super::answers::Answers;
use super::oracle::{OracleError, PageMap};
use super::wire::{Delay, Wire, below, one_in};
use super::{Hpa, Oracle, State};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::collections::{HashMap, VecDeque};
use tideline_abi::cxl::{
    Channels, DrsOpcode, Line, M2sBirsp, M2sReq, M2sRwd, MetaField, MetaValue, NdrOpcode, ReqOpcode,
    RspOpcode, RwdOpcode, S2mBisnp, S2mDrs, S2mNdr, SnpOpcode, SnpType,
};
use tideline_abi::geometry::{BI_TAGS, LINE_BYTES, LINES_PER_PAGE, PAGE_BYTES};
use tideline_abi::slot::{Slot, SlotResult};

/// How lively the host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Levels {
    /// Most attempts to do something, per 256 cycles; each phase takes a part of it.
    pub rate: u32,
    /// Most transactions outstanding, below 32,000; write-backs that answer snoops come on top.
    pub outstanding: u32,
    /// Channels are late.
    pub late: bool,
    /// The host stops taking responses and snoops for a while now and then.
    pub back_pressure: bool,
}

impl Default for Levels {
    fn default() -> Self {
        Self { rate: 1024, outstanding: 200, late: true, back_pressure: true }
    }
}

/// Protocol violations; each is off by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Violations {
    /// Reserved opcodes, meta values and snoop types, forwarding requests.
    pub illegal: bool,
    /// Snoop responses without a snoop.
    pub stray: bool,
    /// Requests and writes outside the window.
    pub outside: bool,
    /// A response is BIRspE, once in each page: the second wrong one would be a recall timeout.
    pub wrong: bool,
    /// Snoop responses that never come.
    pub lost: bool,
}

/// What the host needs to know.
#[derive(Clone, Debug)]
pub struct NastyConfig {
    /// Seed of everything random.
    pub seed: u64,
    /// First byte of the window.
    pub window_base: Hpa,
    /// Pages of the window that decode (WINDOW_SIZE).
    pub window_pages: u32,
    /// CTRL.grant_exclusive, if known.
    pub grant_exclusive: Option<bool>,
    /// How lively it is.
    pub levels: Levels,
    /// Whether it breaks the protocol.
    pub violations: Violations,
}

/// What happened to a line; the last of them are kept for the report of a failure.
#[derive(Clone, Copy, Debug)]
#[expect(dead_code, reason = "the fields are read by Debug, in the report of a failure")]
enum Event {
    Sent(RequestKind, u16),
    Ndr(u8, u16),
    Drs(u16, bool),
    Snoop(u8, u16),
    Conflict(u16),
    Respond(u8, u16),
    Store,
    State(State, State),
    /// Opcode of a commit slot, with the message opcode, the meta value and the errors.
    Commit(u8, u8, u8, u32),
    /// A command on the page begins or ends: name, flags, lines.
    Page(&'static str, u8, u64),
}

/// Lines being snooped at most. Each can have its write-back, whatever else is under way.
const SNOOPED_LINES: usize = 4 * BI_TAGS;
const HISTORY: usize = 1 << 17;
const NONE: u16 = u16::MAX;
/// A tag index that no transaction of the host has.
const FOREIGN: u16 = 0x8000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Snooping {
    None,
    /// Not looked at yet.
    Fresh,
    /// BIConflict sent.
    Conflict,
    /// BIConflict acknowledged.
    Acknowledged,
    /// A write-back is under way; then this response.
    Writing(RspOpcode),
    /// The response may leave.
    Respond(RspOpcode),
}

#[derive(Clone, Copy)]
struct Cached {
    data: Line,
    /// When the copy or ownership was granted.
    since: u64,
    /// Own transaction.
    transaction: u16,
    state: State,
    /// The data is there: false for ownership without data.
    filled: bool,
    /// The copy is of a page that was not mapped.
    poison: bool,
    snooping: Snooping,
    snoop_tag: u16,
    snoop_invalidate: bool,
    /// From the arrival of a snoop until its response is in the channel.
    snooped: bool,
    /// The conflict was acknowledged before the request was answered: no answer until the snoop is over.
    fenced: bool,
}

#[derive(Clone, Copy)]
struct Transaction {
    line: u32,
    kind: RequestKind,
    generations: (u32, u32),
    /// Arrived in the channel.
    ndr_arrived: bool,
    drs_arrived: bool,
    poison: bool,
    /// Taken from the wire.
    ndr: Option<NdrOpcode>,
    drs: Option<S2mDrs>,
    live: bool,
}

/// Some of four aligned lines.
#[derive(Clone, Copy, Debug, Default)]
struct Answered {
    /// The first of the four.
    first: u32,
    /// Bit n: line `first + n`.
    lines: u8,
}

impl Answered {
    fn each(self) -> impl Iterator<Item = u32> {
        (0..4).filter(move |n| self.lines >> n & 1 == 1).map(move |n| self.first + n)
    }
}

/// A request outside the window: which parts of its answer came. One without data has had it.
struct Outside {
    ndr: bool,
    data: bool,
}

#[derive(Clone, Copy, Debug)]
enum Pattern {
    Line(u32),
    Page(u32),
    Pages { first: u32, count: u32 },
    Uniform,
}

struct Phase {
    end: u64,
    rate: u32,
    outstanding: u32,
    pattern: Pattern,
    /// One in this many actions is a request; the others are stores and silent changes.
    quiet: u32,
}

/// The adversary. See the module's documentation.
pub struct NastyHost {
    config: NastyConfig,
    /// What must be true.
    pub oracle: Oracle,
    rng: ChaCha8Rng,
    now: u64,
    lines: Vec<Cached>,
    /// Window page -> page of the campaign + 1.
    pages: Vec<u32>,
    /// Per page: lines whose last Cmp-E was not given up yet.
    writable: Vec<u64>,
    /// Per page: lines from the arrival of their snoop until the slot for which it was sent.
    recalling: Vec<u32>,
    suspect: Vec<bool>,
    wronged: Vec<bool>,
    transactions: Vec<Transaction>,
    free: Vec<u16>,
    outstanding: u32,
    salt: u16,
    /// BITag -> the lines whose answer has not left.
    snoop_tags: Vec<Answered>,
    answers: Answers,
    /// By tag.
    outside: HashMap<u16, Outside>,
    snoops: Vec<u32>,
    phase: Phase,
    frozen: bool,
    req: Wire<(M2sReq, u32)>,
    rwd: Wire<M2sRwd>,
    birsp: Wire<(M2sBirsp, Option<Answered>)>,
    ndr: Wire<S2mNdr>,
    drs: Wire<S2mDrs>,
    bisnp: Wire<S2mBisnp>,
    /// Messages of each response channel that were seen but not taken.
    noted: [usize; 3],
    stalled_until: [u64; 3],
    stamp: u64,
    history: VecDeque<(u64, u32, Event)>,
    stats: NastyStats,
}

impl NastyHost {
    /// A host with empty caches that plays with the oracle's pages.
    pub fn new(config: NastyConfig, oracle: Oracle, pages: &[u32]) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
        let mut place = vec![0; config.window_pages as usize];
        for (&page, at) in pages.iter().zip(1..) {
            place[page as usize] = at;
        }
        let line = Cached {
            data: [0; LINE_BYTES],
            since: 0,
            transaction: NONE,
            state: State::Invalid,
            filled: false,
            poison: false,
            snooping: Snooping::None,
            snoop_tag: 0,
            snoop_invalidate: false,
            snooped: false,
            fenced: false,
        };
        let free = (0..config.levels.outstanding as u16 + SNOOPED_LINES as u16).rev().collect();
        Self {
            oracle,
            now: 0,
            lines: vec![line; pages.len() * LINES_PER_PAGE],
            pages: place,
            writable: vec![0; pages.len()],
            recalling: vec![0; pages.len()],
            suspect: vec![false; pages.len()],
            wronged: vec![false; pages.len()],
            transactions: Vec::new(),
            free,
            outstanding: 0,
            salt: rng.next_u32() as u16,
            snoop_tags: vec![Answered::default(); 1 << 16],
            answers: Answers::default(),
            outside: HashMap::new(),
            snoops: Vec::new(),
            phase: Phase { end: 0, rate: 0, outstanding: 0, pattern: Pattern::Uniform, quiet: 2 },
            frozen: false,
            req: Wire::new(),
            rwd: Wire::new(),
            birsp: Wire::new(),
            ndr: Wire::new(),
            drs: Wire::new(),
            bisnp: Wire::new(),
            noted: [0; 3],
            stalled_until: [0; 3],
            stamp: 0,
            history: VecDeque::with_capacity(HISTORY),
            stats: NastyStats::default(),
            rng,
            config,
        }
    }

    /// Cycles that passed.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// What the host counted.
    pub fn stats(&self) -> &NastyStats {
        &self.stats
    }

    /// Stops (or restarts) starting things of its own: what is under way goes on, snoops are answered.
    pub fn freeze(&mut self, frozen: bool) {
        self.frozen = frozen;
    }

    /// Nothing is under way.
    pub fn is_idle(&self) -> bool {
        let wires = self.req.is_empty() && self.rwd.is_empty() && self.birsp.is_empty();
        let returns = self.ndr.is_empty() && self.drs.is_empty() && self.bisnp.is_empty();
        wires && returns && self.snoops.is_empty() && self.outside.is_empty() && self.outstanding() == 0
    }

    /// Transactions under way.
    pub fn outstanding(&self) -> u32 {
        self.outstanding
    }

    /// The lines of a page that the host may write, or will be able to when a Cmp-E arrives.
    pub fn writable(&self, page: u32) -> u64 {
        self.writable[page as usize]
    }

    /// What CTRL.grant_exclusive is; None while it changes.
    pub fn set_grant_exclusive(&mut self, on: Option<bool>) {
        self.config.grant_exclusive = on;
        self.oracle.unsettle();
    }

    /// The device has decided a Cmp-E for this line.
    pub fn granted(&mut self, line: u32) {
        self.writable[line as usize / LINES_PER_PAGE] |= 1 << (line as usize % LINES_PER_PAGE);
    }

    /// Lines of this page that were snooped, and the slot for which has not passed.
    pub fn recalling(&self, page: u32) -> u32 {
        self.recalling[page as usize]
    }

    /// The slot for which this page was recalled has passed.
    pub fn recalled(&mut self, page: u32) {
        self.recalling[page as usize] = 0;
    }

    /// The page of the campaign at a page of the window.
    pub fn page_of(&self, window_page: u32) -> Option<u32> {
        self.pages.get(window_page as usize)?.checked_sub(1)
    }

    /// The device declared this page lost: it is no longer judged.
    pub fn is_suspect(&self, page: u32) -> bool {
        self.suspect[page as usize]
    }

    /// Snoops at hand.
    pub fn snoops(&self) -> u32 {
        self.snoops.len() as u32
    }

    /// The host loses snoop responses: the device may declare losses.
    pub fn loses_responses(&self) -> bool {
        self.config.violations.lost
    }

    /// For the history of the line.
    pub(crate) fn note_commit(&mut self, line: u32, slot: &Slot, result: &SlotResult) {
        self.record(line, Event::Commit(slot.kind as u8, slot.opcode, slot.meta_value, result.errors));
    }

    /// State of a line.
    pub fn state(&self, line: u32) -> State {
        self.lines[line as usize].state
    }

    /// The copy of a line, if it must equal memory now: clean, with data, and no write of it under way.
    pub fn clean_copy(&self, line: u32) -> Option<&Line> {
        let cached = &self.lines[line as usize];
        let clean =
            matches!(cached.state, State::Shared | State::Exclusive) && cached.filled && !cached.poison;
        let writing = self.transaction(line).is_some_and(|t| t.kind.is_write());
        (clean && !writing).then_some(&cached.data)
    }

    /// After a command that takes ownership (or, `all`, every copy) of a page: nothing from before `begin` is left.
    ///
    /// # Errors
    /// [`NastyError::Kept`].
    pub fn check_given_up(
        &self,
        page: u32,
        begin: u64,
        all: bool,
        what: &'static str,
    ) -> Result<(), NastyError> {
        let first = page * LINES_PER_PAGE as u32;
        let judged = if self.is_suspect(page) { 0 } else { LINES_PER_PAGE as u32 };
        for line in first..first + judged {
            let Cached { state, since, .. } = self.lines[line as usize];
            if since < begin && (state.may_write() || all && state != State::Invalid) {
                return Err(NastyError::Kept { line, state, since, what, begin });
            }
        }
        Ok(())
    }

    /// Lines of a page with a write from no copy under way, for a page about to be moved.
    pub fn writes_from_nothing(&self, page: u32) -> impl Iterator<Item = u32> + '_ {
        let first = page * LINES_PER_PAGE as u32;
        (first..first + LINES_PER_PAGE as u32)
            .filter(|&line| self.transaction(line).is_some_and(|t| t.kind.is_from_nothing()))
    }

    /// For the history of the lines of a page.
    pub(crate) fn note_page(&mut self, page: u32, what: &'static str, flags: u8, lines: u64) {
        self.record(u32::MAX - page, Event::Page(what, flags, lines));
    }

    /// What lately happened to a line, oldest first.
    pub fn history(&self, line: u32) -> Vec<String> {
        let page = u32::MAX - line / LINES_PER_PAGE as u32;
        let mine = self.history.iter().filter(|(_, l, _)| *l == line || *l == page);
        let mut last: Vec<_> =
            mine.rev().take(40).map(|(at, _, event)| format!("{at:>10}  {event:?}")).collect();
        last.reverse();
        last
    }

    fn record(&mut self, line: u32, event: Event) {
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back((self.now, line, event));
    }

    /// One cycle.
    ///
    /// # Errors
    /// The device broke the contract; the host is then of no further use.
    pub fn tick(&mut self, ch: &mut Channels) -> Result<(), NastyError> {
        self.now += 1;
        if self.now >= self.phase.end {
            self.next_phase();
        }
        self.arrive(ch)?;
        self.receive()?;
        self.answer_snoops();
        if !self.frozen {
            self.act();
        }
        self.send(ch);
        Ok(())
    }

    fn next_phase(&mut self) {
        let rng = &mut self.rng;
        let pages = self.writable.len() as u32;
        let lines = self.lines.len() as u32;
        let levels = self.config.levels;
        // Every other phase is as lively as it may be, and nothing is late.
        let brisk = one_in(rng, 2);
        let late = levels.late && !brisk;
        let delay = |rng: &mut ChaCha8Rng| if late { Delay::random(rng) } else { Delay::None };
        let rate = |rng: &mut ChaCha8Rng| match below(rng, 16) {
            0 => levels.rate / 64,
            _ => levels.rate >> below(rng, 4),
        };
        self.phase = Phase {
            end: self.now + 100 + below(rng, 4000) as u64,
            rate: if brisk { levels.rate } else { rate(rng) },
            outstanding: if brisk || !one_in(rng, 3) {
                levels.outstanding
            } else {
                1 + below(rng, levels.outstanding)
            },
            pattern: match below(rng, 8) {
                0 => Pattern::Line(below(rng, lines)),
                1..=2 => Pattern::Page(below(rng, pages)),
                3..=4 => Pattern::Pages { first: below(rng, pages), count: 2 + below(rng, 6) },
                _ => Pattern::Uniform,
            },
            quiet: if brisk { 1 } else { [1, 2, 4, 16][below(rng, 4) as usize] },
        };
        self.req.delay = delay(rng);
        self.rwd.delay = delay(rng);
        self.birsp.delay = delay(rng);
        self.ndr.delay = delay(rng);
        self.drs.delay = delay(rng);
        self.bisnp.delay = delay(rng);
    }

    // ---- What leaves

    fn send(&mut self, ch: &mut Channels) {
        // A channel that the device does not take from fills a little and then holds the wire back.
        const DEPTH: usize = 4;
        if ch.m2s_req.len() < DEPTH
            && let Some((message, _)) = self.req.pop(self.now)
        {
            ch.m2s_req.push_back(message);
        }
        if ch.m2s_rwd.len() < DEPTH
            && let Some(message) = self.rwd.pop(self.now)
        {
            ch.m2s_rwd.push_back(message);
        }
        if ch.m2s_birsp.len() < DEPTH
            && let Some((message, answer)) = self.birsp.pop(self.now)
        {
            if let Some(answer) = answer {
                self.over(answer, message.tag);
            }
            ch.m2s_birsp.push_back(message);
        }
    }

    /// The snoop of these lines is over: the next one of them may come, and with the last of them one with the tag.
    fn over(&mut self, answer: Answered, tag: u16) {
        self.snoop_tags[tag as usize].lines &= !answer.lines;
        for line in answer.each() {
            self.lines[line as usize].snooped = false;
            self.lines[line as usize].fenced = false;
        }
    }

    /// The line for which a BIConflict with this tag is not acknowledged.
    fn conflicting(&self, tag: u16) -> Option<u32> {
        self.snoop_tags[tag as usize]
            .each()
            .find(|&line| self.lines[line as usize].snooping == Snooping::Conflict)
    }

    // ---- Helpers

    fn set_state(&mut self, line: u32, state: State) {
        let old = self.lines[line as usize].state;
        if old == state {
            return;
        }
        self.lines[line as usize].state = state;
        if old.may_write() && !state.may_write() {
            self.writable[line as usize / LINES_PER_PAGE] &= !(1 << (line as usize % LINES_PER_PAGE));
        }
        self.record(line, Event::State(old, state));
    }

    fn begin(&mut self, line: u32, kind: RequestKind) -> u16 {
        let index = self.free.pop().expect("checked by the caller");
        self.outstanding += 1;
        let page = line / LINES_PER_PAGE as u32;
        let transaction = Transaction {
            line,
            kind,
            generations: self.oracle.generations(page),
            ndr_arrived: false,
            drs_arrived: false,
            poison: false,
            ndr: None,
            drs: None,
            live: true,
        };
        if index as usize >= self.transactions.len() {
            let unused = Transaction { live: false, ..transaction };
            self.transactions.resize(index as usize + 1, unused);
        }
        self.transactions[index as usize] = transaction;
        self.lines[line as usize].transaction = index;
        index ^ self.salt
    }

    fn transaction(&self, line: u32) -> Option<&Transaction> {
        self.transactions.get(self.lines[line as usize].transaction as usize)
    }

    fn live(&self, tag: u16) -> Option<u16> {
        let index = tag ^ self.salt;
        self.transactions.get(index as usize).filter(|t| t.live).map(|_| index)
    }

    fn address(&self, line: u32) -> u64 {
        let page = self.oracle.number(line / LINES_PER_PAGE as u32) as u64;
        let line = line as u64 % LINES_PER_PAGE as u64;
        self.config.window_base.0 + page * PAGE_BYTES as u64 + line * LINE_BYTES as u64
    }

    /// The address with random low bits, which the device ignores.
    fn loose_address(&mut self, line: u32) -> u64 {
        self.address(line) + below(&mut self.rng, LINE_BYTES as u32) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Verdict;

    #[test]
    fn a_copy_that_a_command_should_have_taken_is_noticed() {
        let mut oracle = Oracle::new(&[3], &[0], |_, _| [0; LINE_BYTES]);
        oracle.begin_move(0, 0, 1, Some(0));
        oracle.moved(0, Verdict::Done, true);
        oracle.end();
        let config = NastyConfig {
            seed: 1,
            window_base: Hpa(0),
            window_pages: 16,
            grant_exclusive: Some(false),
            levels: Levels { late: false, back_pressure: false, ..Levels::default() },
            violations: Violations::default(),
        };
        let mut host = NastyHost::new(config, oracle, &[3]);
        host.freeze(true);
        let mut ch = Channels::default();
        assert!(host.attempt(5, RequestKind::ReadShared));
        while ch.m2s_req.is_empty() {
            host.tick(&mut ch).expect("a right device");
        }
        let M2sReq { tag, .. } = ch.m2s_req.pop_front().expect("the read");
        ch.s2m_ndr.push_back(S2mNdr { opcode: NdrOpcode::CmpS as u8, tag });
        let opcode = DrsOpcode::MemData as u8;
        ch.s2m_drs.push_back(S2mDrs { opcode, tag, poison: false, data: [0; LINE_BYTES] });
        while host.state(5) == State::Invalid {
            host.tick(&mut ch).expect("a right device");
        }
        let later = host.now() + 1;
        assert_eq!(host.check_given_up(0, later, false, "HARVEST"), Ok(()), "a shared copy stays");
        assert_eq!(host.check_given_up(0, 0, true, "RECALL"), Ok(()), "it came after the command began");
        let kept = host.check_given_up(0, later, true, "RECALL");
        assert!(matches!(kept, Err(NastyError::Kept { line: 5, .. })), "{kept:?}");
    }
}

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

use super::oracle::{OracleError, PageMap};
use super::wire::{Delay, Wire, below, one_in};
use super::{Hpa, Oracle, State};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::collections::VecDeque;
use tideline_abi::cxl::{
    Channels, DrsOpcode, Line, M2sBirsp, M2sReq, M2sRwd, MetaField, MetaValue, NdrOpcode, ReqOpcode,
    RspOpcode, RwdOpcode, S2mBisnp, S2mDrs, S2mNdr, SnpOpcode, SnpType,
};
use tideline_abi::geometry::{BI_TAGS, LINE_BYTES, LINES_PER_PAGE, PAGE_BYTES, WINDOW_PAGES};
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
        Self { rate: 512, outstanding: 200, late: true, back_pressure: true }
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

macro_rules! request_kinds {
    ($( $(#[doc = $doc:literal])+ $name:ident, $label:literal; )+) => {
        /// What the host can do to a line with a message of its own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum RequestKind { $( $(#[doc = $doc])+ $name, )+ }

        impl RequestKind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[ $( Self::$name, )+ ];

            /// Its name in reports.
            pub const fn label(self) -> &'static str {
                match self { $( Self::$name => $label, )+ }
            }
        }
    };
}
request_kinds! {
    /// Read for ownership.
    ReadAny, "MemRd Any";
    /// Read to share.
    ReadShared, "MemRd Shared";
    /// Read that leaves the state to the device.
    ReadData, "MemRdData";
    /// Read of the current value.
    ReadCurrent, "MemRd No-Op SnpCur";
    /// Read that wants no other copies and keeps none.
    ReadOnce, "MemRd No-Op SnpInv";
    /// Read that says it keeps no copy.
    ReadInvalid, "MemRd Invalid";
    /// Ownership without data.
    OwnAny, "MemInv Any";
    /// The same, non-temporal.
    OwnNtAny, "MemInvNT Any";
    /// To shared, without data.
    OwnShared, "MemInv Shared";
    /// The same, non-temporal.
    OwnNtShared, "MemInvNT Shared";
    /// To invalid, without data.
    OwnInvalid, "MemInv Invalid";
    /// The same, non-temporal.
    OwnNtInvalid, "MemInvNT Invalid";
    /// No state at all.
    OwnNone, "MemInv none";
    /// A clean copy is gone.
    CleanEvict, "MemClnEvct";
    /// Speculative read: never answered.
    Speculative, "MemSpecRd";
    /// Write-back, the copy is gone.
    WriteInvalid, "MemWr Invalid";
    /// Write-back, the line is kept with ownership.
    WriteAny, "MemWr Any";
    /// Write-back, the line is kept shared.
    WriteShared, "MemWr Shared";
    /// Write-back that does not say what is kept.
    WriteNone, "MemWr none";
    /// Write of a full line from no copy.
    WriteOver, "MemWr Invalid SnpInv";
    /// Write of some bytes from no copy.
    WritePartial, "MemWrPtl Invalid SnpInv";
    /// Write-back that answers a snoop.
    SnoopWrite, "MemWr (answer to BISnp)";
}

impl RequestKind {
    fn is_read(self) -> bool {
        (self as u8) <= RequestKind::ReadInvalid as u8
    }

    fn is_write(self) -> bool {
        self as u8 >= RequestKind::WriteInvalid as u8
    }

    fn is_from_nothing(self) -> bool {
        matches!(self, RequestKind::WriteOver | RequestKind::WritePartial)
    }
}

/// What the host saw that must not be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NastyError {
    /// An answer, snoop or acknowledgement that breaks the contract.
    #[error("{channel}: opcode {opcode}, tag {tag:#x}, line {line:?}: {why}")]
    Message {
        /// Channel.
        channel: &'static str,
        /// Opcode.
        opcode: u8,
        /// Tag.
        tag: u16,
        /// Line of the campaign, if known.
        line: Option<u32>,
        /// What is wrong.
        why: &'static str,
    },
    /// A value that memory cannot hold.
    #[error(transparent)]
    Oracle(#[from] OracleError),
    /// The host has a copy that a command took away.
    #[error(
        "line {line:#x} of the campaign is {state:?} since cycle {since}, but {what} of cycle {begin} is over"
    )]
    Kept {
        /// Index of the line.
        line: u32,
        /// Its state.
        state: State,
        /// When it was granted.
        since: u64,
        /// The command.
        what: &'static str,
        /// When the command began.
        begin: u64,
    },
}

impl NastyError {
    /// The line that the error is about.
    pub fn line(&self) -> Option<u32> {
        match self {
            NastyError::Message { line, .. } => *line,
            NastyError::Oracle(OracleError::Value { line, .. }) => Some(*line),
            NastyError::Oracle(_) => None,
            NastyError::Kept { line, .. } => Some(*line),
        }
    }
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

/// What the host counted.
#[derive(Clone, Debug, Default)]
pub struct NastyStats {
    /// Messages by [`RequestKind`].
    pub sent: [u64; RequestKind::ALL.len()],
    /// Answers taken, by [`RequestKind`], NDR opcode and poison.
    pub answers: [[[u64; 2]; 4]; RequestKind::ALL.len()],
    /// Snoops answered, by the state that they found, BISnpInv or not, and the state after it.
    pub snooped: [[[u64; 2]; 2]; 4],
    /// Conflicts for an outstanding request, and for an outstanding write.
    pub conflicts: [u64; 2],
    /// Silent changes of state.
    pub silent: u64,
    /// Stores into the cache.
    pub stores: u64,
    /// Messages that broke the protocol.
    pub violations: u64,
}

impl NastyStats {
    /// Answers taken.
    pub fn answered(&self) -> u64 {
        self.answers.iter().flatten().flatten().sum()
    }

    /// Requests and writes sent; conflicts and speculative reads not counted.
    pub fn requests(&self) -> u64 {
        self.sent.iter().sum::<u64>() - self.sent[RequestKind::Speculative as usize]
    }
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
    /// Per page: snoops from their arrival until their commit slot.
    recalling: Vec<u32>,
    suspect: Vec<bool>,
    wronged: Vec<bool>,
    transactions: Vec<Transaction>,
    free: Vec<u16>,
    outstanding: u32,
    salt: u16,
    /// BITag -> line + 1.
    snoop_tags: Vec<u32>,
    snoops: Vec<u32>,
    phase: Phase,
    frozen: bool,
    req: Wire<(M2sReq, u32)>,
    rwd: Wire<M2sRwd>,
    birsp: Wire<(M2sBirsp, u32)>,
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
        let mut place = vec![0; WINDOW_PAGES];
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
        // Every snoop can have its write-back, whatever else is under way.
        let free = (0..config.levels.outstanding as u16 + BI_TAGS as u16).rev().collect();
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
            snoop_tags: vec![0; 1 << 16],
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
        wires && returns && self.snoops.is_empty() && self.outstanding() == 0
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

    /// Snoops of this page that arrived and whose response has not passed its commit slot.
    pub fn recalling(&self, page: u32) -> u32 {
        self.recalling[page as usize]
    }

    /// A snoop response of this page has passed its commit slot.
    pub fn recalled(&mut self, page: u32) {
        let count = &mut self.recalling[page as usize];
        *count = count.saturating_sub(1);
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
        let delay = |rng: &mut ChaCha8Rng| if levels.late { Delay::random(rng) } else { Delay::None };
        self.phase = Phase {
            end: self.now + 100 + below(rng, 4000) as u64,
            rate: if one_in(rng, 16) { levels.rate / 64 } else { levels.rate >> below(rng, 4) },
            outstanding: if one_in(rng, 3) { 1 + below(rng, levels.outstanding) } else { levels.outstanding },
            pattern: match below(rng, 8) {
                0 => Pattern::Line(below(rng, lines)),
                1..=2 => Pattern::Page(below(rng, pages)),
                3..=4 => Pattern::Pages { first: below(rng, pages), count: 2 + below(rng, 6) },
                _ => Pattern::Uniform,
            },
            quiet: [1, 2, 4, 16][below(rng, 4) as usize],
        };
        self.req.delay = delay(rng);
        self.rwd.delay = delay(rng);
        self.birsp.delay = delay(rng);
        self.ndr.delay = delay(rng);
        self.drs.delay = delay(rng);
        self.bisnp.delay = delay(rng);
    }

    // ---- What arrives

    /// Notes the time of what is new in the response channels, then takes it, unless the host is not ready.
    fn arrive(&mut self, ch: &mut Channels) -> Result<(), NastyError> {
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
            let Some(line) = self.snoop_tags[ndr.tag as usize].checked_sub(1) else {
                return bad(None, "acknowledges no snoop");
            };
            self.record(line, Event::Ndr(ndr.opcode, ndr.tag));
            let cached = &self.lines[line as usize];
            if cached.snooping != Snooping::Conflict || cached.fenced {
                return bad(Some(line), "acknowledges no BIConflict, or one a second time");
            }
            // A request without an answer comes after the snoop now. Not so a write: its Cmp is decided when memory
            // answered, and may follow the acknowledgement; the host answers the snoop behind it anyway.
            if self.transaction(line).is_some_and(|t| !t.ndr_arrived && !t.kind.is_write()) {
                self.lines[line as usize].fenced = true;
            }
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
        let known = [SnpOpcode::BiSnpData as u8, SnpOpcode::BiSnpInv as u8].contains(&snoop.opcode);
        if !known || snoop.tag as usize >= BI_TAGS || !snoop.addr.is_multiple_of(LINE_BYTES as u64) {
            return bad(None, "an opcode, tag or address that this device does not send");
        }
        let offset = snoop.addr.wrapping_sub(self.config.window_base.0);
        let page = u32::try_from(offset / PAGE_BYTES as u64).ok().and_then(|page| self.page_of(page));
        let Some(page) = page else { return bad(None, "a line of which the host never had a copy") };
        let line = page * LINES_PER_PAGE as u32 + (offset as usize % PAGE_BYTES / LINE_BYTES) as u32;
        self.record(line, Event::Snoop(snoop.opcode, snoop.tag));
        if self.lines[line as usize].snooped {
            return bad(Some(line), "the line has a snoop outstanding");
        }
        if self.snoop_tags[snoop.tag as usize] != 0 {
            return bad(Some(line), "the tag is in use");
        }
        self.lines[line as usize].snooped = true;
        self.snoop_tags[snoop.tag as usize] = line + 1;
        self.recalling[page as usize] += 1;
        Ok(())
    }

    // ---- What the host takes from its wires

    fn receive(&mut self) -> Result<(), NastyError> {
        for _ in 0..4 {
            let Some(snoop) = self.bisnp.pop(self.now) else { break };
            let line = self.snoop_tags[snoop.tag as usize] - 1;
            let cached = &mut self.lines[line as usize];
            cached.snooping = Snooping::Fresh;
            cached.snoop_tag = snoop.tag;
            cached.snoop_invalidate = snoop.opcode == SnpOpcode::BiSnpInv as u8;
            self.snoops.push(line);
        }
        let ack = NdrOpcode::BiConflictAck as u8;
        for _ in 0..4 {
            let Some(ndr) = self.ndr.pop_any(self.now, &mut self.rng, |ndr| ndr.opcode == ack) else { break };
            if ndr.opcode == ack {
                let line = self.snoop_tags[ndr.tag as usize] - 1;
                self.lines[line as usize].snooping = Snooping::Acknowledged;
                continue;
            }
            let index = self.live(ndr.tag).expect("checked on arrival");
            let opcode = NdrOpcode::ALL.iter().find(|o| **o as u8 == ndr.opcode);
            let Some(&opcode) = opcode else {
                return Err(message("NDR", ndr.opcode, ndr.tag, None, "reserved opcode"));
            };
            self.transactions[index as usize].ndr = Some(opcode);
            self.complete(index)?;
        }
        for _ in 0..4 {
            let Some(drs) = self.drs.pop_any(self.now, &mut self.rng, |_| false) else { break };
            let index = self.live(drs.tag).expect("checked on arrival");
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

    // ---- Snoops

    /// Looks at a few of the snoops at hand.
    fn answer_snoops(&mut self) {
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

    fn conflict(&mut self, line: u32, why: usize) {
        self.stats.conflicts[why] += 1;
        let tag = self.lines[line as usize].snoop_tag;
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
        let cached = &mut self.lines[line as usize];
        cached.snooping = Snooping::None;
        let tag = cached.snoop_tag;
        if violations.lost && one_in(&mut self.rng, 1024) {
            self.stats.violations += 1;
            self.suspect[line as usize / LINES_PER_PAGE] = true;
            // The device uses the tag again only when it has given the page up.
            self.over(line, tag);
            return;
        }
        let mut opcode = response;
        if violations.wrong && !self.wronged[line as usize / LINES_PER_PAGE] && one_in(&mut self.rng, 16) {
            self.stats.violations += 1;
            self.wronged[line as usize / LINES_PER_PAGE] = true;
            opcode = RspOpcode::BiRspE;
        }
        self.record(line, Event::Respond(opcode as u8, tag));
        self.birsp.push(self.now, (M2sBirsp { opcode: opcode as u8, tag }, line), &mut self.rng);
    }

    // ---- What the host does of its own

    fn act(&mut self) {
        let rng = &mut self.rng;
        let rate = self.phase.rate;
        let actions = rate / 256 + (below(rng, 256) < rate % 256) as u32;
        for _ in 0..actions {
            let line = self.pick();
            if below(&mut self.rng, self.phase.quiet) == 0 {
                let weights: &[RequestKind] = {
                    use RequestKind::*;
                    match self.lines[line as usize].state {
                        State::Modified => {
                            &[WriteInvalid, WriteInvalid, WriteAny, WriteShared, WriteNone, Speculative]
                        }
                        State::Exclusive => &[
                            CleanEvict,
                            OwnInvalid,
                            OwnNtInvalid,
                            OwnShared,
                            OwnNone,
                            ReadCurrent,
                            ReadOnce,
                            WriteOver,
                            WritePartial,
                            ReadShared,
                            OwnNtShared,
                            ReadInvalid,
                        ],
                        State::Shared => &[
                            ReadAny,
                            OwnAny,
                            OwnAny,
                            OwnNtAny,
                            OwnShared,
                            OwnNtShared,
                            CleanEvict,
                            OwnInvalid,
                            OwnNone,
                            ReadShared,
                            ReadCurrent,
                            WriteOver,
                            WritePartial,
                            ReadInvalid,
                            Speculative,
                        ],
                        State::Invalid => &[
                            ReadAny,
                            ReadAny,
                            ReadAny,
                            ReadAny,
                            ReadShared,
                            ReadShared,
                            ReadData,
                            ReadData,
                            ReadCurrent,
                            ReadOnce,
                            ReadInvalid,
                            OwnAny,
                            OwnAny,
                            OwnNtAny,
                            OwnShared,
                            OwnInvalid,
                            OwnNtInvalid,
                            OwnNone,
                            Speculative,
                            WriteOver,
                            WriteOver,
                            WritePartial,
                            WritePartial,
                        ],
                    }
                };
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
        use RequestKind::*;
        let cached = &self.lines[line as usize];
        let page = line / LINES_PER_PAGE as u32;
        if kind != Speculative
            && (cached.transaction != NONE
                || cached.snooped
                || self.free.len() <= BI_TAGS
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
        use RequestKind::*;
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

    fn write_back(&mut self, line: u32, kind: RequestKind, meta: Option<MetaValue>) {
        use RequestKind::*;
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
            RequestKind::WritePartial => {
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
                let opcode = below(rng, 16) as u8;
                self.birsp.push(self.now, (M2sBirsp { opcode, tag }, u32::MAX), rng);
            }
            3 if on.outside => {
                // MemSpecRd outside and MemInv outside: the first is dropped, the second would be answered, so the
                // harmless one goes out; answered ones are the directed test's.
                let outside = self.config.window_base.0
                    + (self.config.window_pages as u64 + below(rng, 1000) as u64) * PAGE_BYTES as u64;
                request.opcode = ReqOpcode::MemSpecRd as u8;
                request.addr = outside;
                self.req.push(self.now, (request, line), rng);
            }
            _ => return,
        }
        self.stats.violations += 1;
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
            && let Some((message, line)) = self.birsp.pop(self.now)
        {
            if line != u32::MAX {
                self.over(line, message.tag);
            }
            ch.m2s_birsp.push_back(message);
        }
    }

    /// A snoop is over: the next one of the line and with the tag may come.
    fn over(&mut self, line: u32, tag: u16) {
        self.snoop_tags[tag as usize] = 0;
        self.lines[line as usize].snooped = false;
        self.lines[line as usize].fenced = false;
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

fn message(channel: &'static str, opcode: u8, tag: u16, line: Option<u32>, why: &'static str) -> NastyError {
    NastyError::Message { channel, opcode, tag, line, why }
}

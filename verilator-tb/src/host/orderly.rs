//! A write-back, write-allocate, set-associative cache with true LRU: the host of replays and carriers.
//!
//! # Operation
//! [`OrderlyHost::load`] and [`OrderlyHost::store`] are in order: one access at a time. A hit is done on return and
//! touches no channel. A miss is done when [`OrderlyHost::is_waiting`] turns false; until then the caller gives the
//! device and [`OrderlyHost::tick`] turns.
//!
//! | event | message |
//! |---|---|
//! | load misses | MemRd Shared SnpData |
//! | store misses | MemRd Any SnpInv |
//! | store to a shared line | MemInv Any SnpInv (MemRd Any, if a snoop takes the copy meanwhile) |
//! | a modified line is evicted | MemWr Invalid, posted; a later request for that line waits for its Cmp |
//! | a clean line is evicted | nothing |
//! | BISnpData / BISnpInv, modified | MemWr Shared / Invalid, its Cmp, then BIRspS / BIRspI |
//! | BISnpData / BISnpInv, clean | BIRspS / BIRspI |
//! | BISnp, no copy | BIRspI, behind the Cmp of a write-back of the line that is under way |
//! | block forms | the same for each line, answered as a whole and line by line, by turns |
//! | BISnp, own request outstanding | BIConflict; after its acknowledgement as the line then is |
//!
//! On AXI4 ([`Attach::Axi`]) nobody grants ownership and nobody asks: loads and stores miss by MemRd without meta, a fill
//! may be written at once, evictions are MemWr Invalid SnpInv, and no snoop comes. There, and on CXL.mem too if the caller
//! wants, [`OrderlyHost::flush`] writes the modified lines of a range back and drops all of its lines, as CLFLUSHOPT does.
//!
//! # Index
//! The set of a line is chosen by a *key* that the caller gives (the line address that the traced program used),
//! modulo the number of sets: the window's placement does not change what the cache evicts. A table from window
//! line to slot replaces the search through the ways and serves snoops, which know only the window address.
//!
//! # What it checks
//! Data: a fill must bring what was last written back to that line (compared by a 64-bit signature, 8 bytes per
//! line); the first fill of a line that was never written defines it, and so does the first one after a BISnpInv:
//! a page is never mapped elsewhere before all its lines were snooped so, or flushed. Data inside the cache is changed by stores
//! only, so a hit needs no check. Answers: opcode, tag and number of every response.

use super::answers::Answers;
use super::{Hpa, State};
use tideline_abi::attach::Attach;
use tideline_abi::cxl::{
    Channels, DrsOpcode, Line, M2sReq, M2sRwd, MetaField, MetaValue, NdrOpcode, ReqOpcode, RspOpcode,
    RwdOpcode, S2mBisnp, S2mDrs, S2mNdr, SnpOpcode, SnpType,
};
use tideline_abi::geometry::{LINE_BYTES, LINES_PER_PAGE, PAGE_BYTES};

/// Sizes of the cache, and the window it caches.
#[derive(Clone, Copy, Debug)]
pub struct OrderlyConfig {
    /// Bytes of data.
    pub bytes: usize,
    /// Ways of a set.
    pub ways: usize,
    /// First byte of the device's window.
    pub window_base: Hpa,
    /// Pages of the device's window.
    pub window_pages: usize,
    /// How the device is attached.
    pub attach: Attach,
}

/// How an access went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Done.
    Hit,
    /// Under way: done when [`OrderlyHost::is_waiting`] is false.
    Miss,
}

/// What the host counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderlyStats {
    /// Loads.
    pub loads: u64,
    /// Stores.
    pub stores: u64,
    /// Accesses that fetched the line.
    pub fills: u64,
    /// Stores that asked for ownership of a line they had.
    pub upgrades: u64,
    /// Write-backs by eviction.
    pub evictions: u64,
    /// Lines snooped.
    pub snoops: u64,
    /// Write-backs that answered a snoop.
    pub snoop_writes: u64,
    /// Snoops that met an own request.
    pub conflicts: u64,
    /// Write-backs by [`OrderlyHost::flush`].
    pub flushes: u64,
}

/// The write-backs of one page since the last [`OrderlyHost::take_epoch`]; one bit per line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochPage {
    /// Page of the window.
    pub page: u32,
    /// Lines written back other than in answer to a snoop or by a flush.
    pub evicted: u64,
    /// Lines written back in answer to a snoop or by a flush.
    pub snooped: u64,
}

impl EpochPage {
    /// Lines whose only write-backs answered a snoop, or were flushed: a harvest finds them only because of that.
    pub fn found_by_recall(&self) -> u64 {
        self.snooped & !self.evicted
    }
}

/// The device broke the protocol, lost data, or was asked for memory it does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderlyError {
    /// A fill is not what was last written back.
    #[error(
        "line {addr:?}: read {got:02x?} (signature {got_signature:#x}), but the last write-back had signature {expected:#x}"
    )]
    Data {
        /// Line.
        addr: Hpa,
        /// What came.
        got: Box<Line>,
        /// Its signature.
        got_signature: u64,
        /// Signature of what was written.
        expected: u64,
    },
    /// The data of a fill is poisoned or does not decode.
    #[error("line {addr:?}: poisoned data: the page is not mapped")]
    Poison {
        /// Line.
        addr: Hpa,
    },
    /// A response that nothing asked for, or with the wrong opcode.
    #[error("unexpected {channel} response: opcode {opcode}, tag {tag:#x} ({why})")]
    Response {
        /// Channel.
        channel: &'static str,
        /// Opcode.
        opcode: u8,
        /// Tag.
        tag: u16,
        /// What is wrong.
        why: &'static str,
    },
    /// A snoop outside the window, of an unknown kind, or of a line with a snoop outstanding.
    #[error("bad snoop of {addr:?}, tag {tag:#x}: {why}")]
    Snoop {
        /// Line.
        addr: Hpa,
        /// BITag.
        tag: u16,
        /// What is wrong.
        why: &'static str,
    },
}

/// Tag of the one request; write-backs have the tags behind it.
const REQUEST_TAG: u16 = 0;

#[derive(Clone, Copy)]
struct Slot {
    used: u64,
    line: u32,
    state: State,
}

#[derive(Clone, Copy)]
enum Value {
    Word(u64),
    Full(Line),
}

/// The access that waits.
struct Miss {
    key: u64,
    addr: u64,
    line: u32,
    store: Option<Value>,
    request: Request,
}

#[derive(Clone, Copy)]
enum Request {
    /// Not sent: the line is busy.
    Waiting,
    /// MemRd: what has come so far.
    Read { slot: u32, ndr: Option<NdrOpcode>, data: bool, poison: bool },
    /// MemInv Any.
    Upgrade,
}

#[derive(Clone, Copy)]
struct Snoop {
    line: u32,
    tag: u16,
    invalidate: bool,
}

/// A write on its way.
enum Writing {
    /// An eviction, with the snoop that waits behind it.
    Evict { line: u32, snoop: Option<Snoop> },
    /// The answer to a snoop: the BIRsp that follows the Cmp.
    Answer { line: u32, tag: u16, response: RspOpcode },
}

/// A snoop that met an own request.
struct Conflict {
    snoop: Snoop,
    acknowledged: bool,
}

/// The cache. See the module's documentation.
pub struct OrderlyHost {
    config: OrderlyConfig,
    sets: usize,
    slots: Vec<Slot>,
    data: Vec<Line>,
    /// Window line -> slot + 1; 0 = no copy.
    place: Vec<u32>,
    /// Window line -> signature of what memory holds; 0 = not known yet.
    written: Vec<u64>,
    /// Per page: lines with a write or a conflict under way, which no new request may join.
    busy: Vec<u64>,
    evicted: Vec<u64>,
    snooped: Vec<u64>,
    touched: Vec<u32>,
    clock: u64,
    miss: Option<Miss>,
    fill: Line,
    writes: Vec<Option<Writing>>,
    free_tags: Vec<u16>,
    /// At most one: no request leaves while it is there.
    conflict: Option<Conflict>,
    answers: Answers,
    /// Block snoops that came.
    blocks: u64,
    stats: OrderlyStats,
}

impl OrderlyHost {
    /// An empty cache.
    ///
    /// # Panics
    /// If the cache has no whole set or the window more lines than a table index holds.
    pub fn new(config: OrderlyConfig) -> Self {
        let slots = config.bytes / LINE_BYTES;
        let sets = slots.checked_div(config.ways).unwrap_or(0);
        assert!(sets > 0 && sets * config.ways == slots, "{config:?}: the cache must be whole sets");
        let lines = config.window_pages * LINES_PER_PAGE;
        assert!(lines < u32::MAX as usize && slots < u32::MAX as usize, "{config:?}: too large");
        Self {
            config,
            sets,
            slots: vec![Slot { used: 0, line: 0, state: State::Invalid }; slots],
            data: vec![[0; LINE_BYTES]; slots],
            place: vec![0; lines],
            written: vec![0; lines],
            busy: vec![0; config.window_pages],
            evicted: vec![0; config.window_pages],
            snooped: vec![0; config.window_pages],
            touched: Vec::new(),
            clock: 0,
            miss: None,
            fill: [0; LINE_BYTES],
            writes: Vec::new(),
            free_tags: Vec::new(),
            conflict: None,
            answers: Answers::default(),
            blocks: 0,
            stats: OrderlyStats::default(),
        }
    }

    /// Loads. The data is [`OrderlyHost::loaded`] when the access is done.
    ///
    /// # Panics
    /// If an access is under way, or `addr` is outside the window.
    #[inline]
    pub fn load(&mut self, key: u64, addr: Hpa) -> Access {
        self.stats.loads += 1;
        let (line, slot) = self.begin(addr);
        if let Some(slot) = slot {
            self.slots[slot].used = self.clock;
            return Access::Hit;
        }
        self.start(key, addr, line, None)
    }

    /// Stores eight bytes at `addr`, rounded down to a multiple of eight.
    ///
    /// # Panics
    /// As [`OrderlyHost::load`].
    #[inline]
    pub fn store(&mut self, key: u64, addr: Hpa, value: u64) -> Access {
        self.stats.stores += 1;
        let (line, slot) = self.begin(addr);
        if let Some(slot) = slot
            && self.slots[slot].state.may_write()
        {
            self.slots[slot].used = self.clock;
            self.slots[slot].state = State::Modified;
            put_word(&mut self.data[slot], addr.0, value);
            return Access::Hit;
        }
        self.start(key, addr, line, Some(Value::Word(value)))
    }

    /// Stores a whole line.
    ///
    /// # Panics
    /// As [`OrderlyHost::load`].
    pub fn store_line(&mut self, key: u64, addr: Hpa, value: &Line) -> Access {
        self.stats.stores += 1;
        let (line, slot) = self.begin(addr);
        if let Some(slot) = slot
            && self.slots[slot].state.may_write()
        {
            self.slots[slot].used = self.clock;
            self.slots[slot].state = State::Modified;
            self.data[slot] = *value;
            return Access::Hit;
        }
        self.start(key, addr, line, Some(Value::Full(*value)))
    }

    /// The line at `addr` as the last load of it saw it.
    ///
    /// # Panics
    /// If `addr` is outside the window.
    pub fn loaded(&self, addr: Hpa) -> &Line {
        // A snoop may take the line in the very cycle that brings it: the fill is kept aside.
        match self.place[self.line_of(addr) as usize] {
            0 => &self.fill,
            slot => &self.data[slot as usize - 1],
        }
    }

    /// An access is under way.
    pub fn is_waiting(&self) -> bool {
        self.miss.is_some()
    }

    /// Nothing at all is under way: no access, no write-back, no snoop.
    pub fn is_idle(&self) -> bool {
        self.miss.is_none() && self.conflict.is_none() && self.free_tags.len() == self.writes.len()
    }

    /// State of the line at `addr`.
    ///
    /// # Panics
    /// If `addr` is outside the window.
    pub fn state(&self, addr: Hpa) -> State {
        match self.place[self.line_of(addr) as usize] {
            0 => State::Invalid,
            slot => self.slots[slot as usize - 1].state,
        }
    }

    /// What the host counted since it was made.
    pub fn stats(&self) -> OrderlyStats {
        self.stats
    }

    /// The pages written back since the last call, in the order of their first write-back; a new epoch begins.
    pub fn take_epoch(&mut self) -> Vec<EpochPage> {
        let (evicted, snooped) = (&mut self.evicted, &mut self.snooped);
        self.touched
            .drain(..)
            .map(|page| EpochPage {
                page,
                evicted: core::mem::take(&mut evicted[page as usize]),
                snooped: core::mem::take(&mut snooped[page as usize]),
            })
            .collect()
    }

    /// Writes the modified lines of a range back and drops every line of it. Done when [`OrderlyHost::is_idle`] says so.
    ///
    /// # Panics
    /// If an access is under way, or the range leaves the window.
    pub fn flush(&mut self, addr: Hpa, bytes: u64, ch: &mut Channels) {
        assert!(self.miss.is_none(), "an access is under way");
        if bytes == 0 {
            return;
        }
        let lines = self.line_of(addr)..=self.line_of(Hpa(addr.0 + bytes - 1));
        for slot in 0..self.slots.len() {
            let Slot { line, state, .. } = self.slots[slot];
            if state == State::Invalid || !lines.contains(&line) {
                continue;
            }
            self.place[line as usize] = 0;
            self.slots[slot].state = State::Invalid;
            if state == State::Modified {
                self.stats.flushes += 1;
                note(&mut self.snooped, &self.evicted, &mut self.touched, line);
                self.write(slot, MetaValue::Invalid, Writing::Evict { line, snoop: None }, ch);
            }
        }
        // The pages may be mapped to other frames now.
        self.written[*lines.start() as usize..=*lines.end() as usize].fill(0);
    }

    /// One cycle: takes what the device sent, answers it, and goes on with the access under way.
    ///
    /// # Errors
    /// The device answered wrongly; the host is then of no further use.
    pub fn tick(&mut self, ch: &mut Channels) -> Result<(), OrderlyError> {
        while let Some(ndr) = ch.s2m_ndr.pop_front() {
            self.response(ndr, ch)?;
        }
        while let Some(drs) = ch.s2m_drs.pop_front() {
            self.read_data(drs)?;
        }
        while let Some(snoop) = ch.s2m_bisnp.pop_front() {
            self.snoop(snoop, ch)?;
        }
        self.advance(ch)
    }

    #[inline]
    fn line_of(&self, addr: Hpa) -> u32 {
        let offset = addr.0.wrapping_sub(self.config.window_base.0);
        assert!(offset < (self.config.window_pages * PAGE_BYTES) as u64, "{addr:?} is outside the window");
        (offset / LINE_BYTES as u64) as u32
    }

    fn address(&self, line: u32) -> u64 {
        self.config.window_base.0 + line as u64 * LINE_BYTES as u64
    }

    #[inline]
    fn begin(&mut self, addr: Hpa) -> (u32, Option<usize>) {
        assert!(self.miss.is_none(), "an access is under way");
        self.clock += 1;
        let line = self.line_of(addr);
        (line, (self.place[line as usize] as usize).checked_sub(1))
    }

    fn start(&mut self, key: u64, addr: Hpa, line: u32, store: Option<Value>) -> Access {
        self.miss = Some(Miss { key, addr: addr.0, line, store, request: Request::Waiting });
        Access::Miss
    }

    /// Sends the request of the access under way, or ends the access, if its time has come.
    fn advance(&mut self, ch: &mut Channels) -> Result<(), OrderlyError> {
        let Some(miss) = &self.miss else { return Ok(()) };
        let line = miss.line;
        match miss.request {
            Request::Waiting if self.is_busy(line) || self.conflict.is_some() => {}
            Request::Waiting => self.request(ch),
            Request::Read { slot, ndr: Some(ndr), data: true, poison } => {
                self.filled(slot as usize, ndr, poison)?;
                // A snoop whose acknowledgement overtook the data waits for it.
                self.resolve_acknowledged(line, ch);
            }
            _ => {}
        }
        Ok(())
    }

    fn request(&mut self, ch: &mut Channels) {
        let miss = self.miss.as_ref().expect("an access is under way");
        let (key, line, store) = (miss.key, miss.line, miss.store.is_some());
        let upgrade = store && self.place[line as usize] != 0;
        let request = if upgrade {
            self.stats.upgrades += 1;
            Request::Upgrade
        } else {
            self.stats.fills += 1;
            Request::Read { slot: self.make_room(key, ch), ndr: None, data: false, poison: false }
        };
        self.miss.as_mut().expect("an access is under way").request = request;
        let opcode = if upgrade { ReqOpcode::MemInv } else { ReqOpcode::MemRd };
        let state = MetaField::Meta0State;
        let (field, meta, snp) = match (self.config.attach, store) {
            (Attach::Axi, _) => (MetaField::NoOp, MetaValue::Invalid, SnpType::SnpCur),
            (Attach::Cxl, true) => (state, MetaValue::Any, SnpType::SnpInv),
            (Attach::Cxl, false) => (state, MetaValue::Shared, SnpType::SnpData),
        };
        ch.m2s_req.push_back(M2sReq {
            opcode: opcode as u8,
            addr: self.address(line),
            tag: REQUEST_TAG,
            meta_field: field as u8,
            meta_value: meta as u8,
            snp_type: snp as u8,
        });
    }

    /// A free slot of the key's set; the least recently used line leaves for it.
    fn make_room(&mut self, key: u64, ch: &mut Channels) -> u32 {
        let first = (key % self.sets as u64) as usize * self.config.ways;
        let ways = first..first + self.config.ways;
        let slot = ways
            .min_by_key(|&slot| match self.slots[slot].state {
                State::Invalid => 0,
                _ => self.slots[slot].used,
            })
            .expect("a set has ways");
        let Slot { line, state, .. } = self.slots[slot];
        if state != State::Invalid {
            self.place[line as usize] = 0;
            self.slots[slot].state = State::Invalid;
        }
        if state == State::Modified {
            self.stats.evictions += 1;
            note(&mut self.evicted, &self.snooped, &mut self.touched, line);
            self.write(slot, MetaValue::Invalid, Writing::Evict { line, snoop: None }, ch);
        }
        slot as u32
    }

    fn write(&mut self, slot: usize, meta: MetaValue, writing: Writing, ch: &mut Channels) {
        let line = self.slots[slot].line;
        let data = self.data[slot];
        self.written[line as usize] = signature(&data);
        self.set_busy(line, true);
        let index = self.free_tags.pop().unwrap_or_else(|| {
            self.writes.push(None);
            (self.writes.len() - 1) as u16
        });
        self.writes[index as usize] = Some(writing);
        let snp = if self.config.attach == Attach::Axi { SnpType::SnpInv } else { SnpType::NoOp };
        ch.m2s_rwd.push_back(M2sRwd {
            opcode: RwdOpcode::MemWr as u8,
            addr: self.address(line),
            tag: REQUEST_TAG + 1 + index,
            meta_field: MetaField::Meta0State as u8,
            meta_value: meta as u8,
            snp_type: snp as u8,
            data,
            be: u64::MAX,
        });
    }

    fn filled(&mut self, slot: usize, ndr: NdrOpcode, poison: bool) -> Result<(), OrderlyError> {
        let miss = self.miss.take().expect("an access is under way");
        let line = miss.line;
        let addr = Hpa(self.address(line));
        let state = match (ndr, miss.store.is_some()) {
            _ if poison => return Err(OrderlyError::Poison { addr }),
            (NdrOpcode::Cmp, _) if self.config.attach == Attach::Axi => State::Exclusive,
            (NdrOpcode::CmpE, _) => State::Exclusive,
            (NdrOpcode::CmpS, false) => State::Shared,
            _ => return Err(wrong_ndr(ndr as u8, REQUEST_TAG, "not a grant of what was asked for")),
        };
        let got_signature = signature(&self.fill);
        match self.written[line as usize] {
            0 => self.written[line as usize] = got_signature,
            expected if expected != got_signature => {
                return Err(OrderlyError::Data { addr, got: Box::new(self.fill), got_signature, expected });
            }
            _ => {}
        }
        self.slots[slot] = Slot { used: self.clock, line, state };
        self.data[slot] = self.fill;
        self.place[line as usize] = slot as u32 + 1;
        self.apply_store(slot, &miss);
        self.fill = self.data[slot];
        Ok(())
    }

    fn apply_store(&mut self, slot: usize, miss: &Miss) {
        match miss.store {
            None => return,
            Some(Value::Word(value)) => put_word(&mut self.data[slot], miss.addr, value),
            Some(Value::Full(value)) => self.data[slot] = value,
        }
        self.slots[slot].used = self.clock;
        self.slots[slot].state = State::Modified;
    }

    fn response(&mut self, S2mNdr { opcode, tag }: S2mNdr, ch: &mut Channels) -> Result<(), OrderlyError> {
        let Some(&ndr) = NdrOpcode::ALL.iter().find(|o| **o as u8 == opcode) else {
            return Err(wrong_ndr(opcode, tag, "reserved opcode"));
        };
        if ndr == NdrOpcode::BiConflictAck {
            return self.acknowledged(tag, ch);
        }
        if tag == REQUEST_TAG {
            return self.granted(ndr, tag);
        }
        let index = tag as usize - 1;
        let Some(writing) = self.writes.get_mut(index).and_then(Option::take) else {
            return Err(wrong_ndr(opcode, tag, "no write with this tag is outstanding"));
        };
        if ndr != NdrOpcode::Cmp {
            return Err(wrong_ndr(opcode, tag, "a write is answered by Cmp"));
        }
        self.free_tags.push(index as u16);
        match writing {
            Writing::Evict { line, snoop } => {
                self.set_busy(line, false);
                if let Some(snoop) = snoop {
                    self.resolve(snoop, ch);
                }
            }
            Writing::Answer { line, tag, response } => {
                self.set_busy(line, false);
                self.respond(line, tag, response, ch);
            }
        }
        Ok(())
    }

    fn granted(&mut self, granted: NdrOpcode, tag: u16) -> Result<(), OrderlyError> {
        let bad = |why| wrong_ndr(granted as u8, tag, why);
        let Some(miss) = &mut self.miss else { return Err(bad("no request is outstanding")) };
        match &mut miss.request {
            Request::Waiting => Err(bad("no request is outstanding")),
            Request::Read { ndr: Some(_), .. } => Err(bad("second answer")),
            Request::Read { ndr, .. } => {
                *ndr = Some(granted);
                Ok(())
            }
            Request::Upgrade if granted != NdrOpcode::CmpE => Err(bad("MemInv Any is answered by Cmp-E")),
            Request::Upgrade => {
                let slot = self.place[miss.line as usize] as usize;
                if slot == 0 {
                    // A snoop took the copy: ownership without data is of no use, ask for both.
                    miss.request = Request::Waiting;
                } else {
                    let miss = self.miss.take().expect("an access is under way");
                    self.apply_store(slot - 1, &miss);
                    self.fill = self.data[slot - 1];
                }
                Ok(())
            }
        }
    }

    fn read_data(&mut self, drs: S2mDrs) -> Result<(), OrderlyError> {
        let bad = |why| OrderlyError::Response { channel: "DRS", opcode: drs.opcode, tag: drs.tag, why };
        match self.miss.as_mut().map(|miss| &mut miss.request) {
            Some(Request::Read { data, poison, .. }) if !*data && drs.tag == REQUEST_TAG => {
                *data = true;
                *poison = drs.poison || drs.opcode != DrsOpcode::MemData as u8;
                self.fill = drs.data;
                Ok(())
            }
            _ => Err(bad("no read with this tag waits for data")),
        }
    }

    fn snoop(&mut self, message: S2mBisnp, ch: &mut Channels) -> Result<(), OrderlyError> {
        let addr = Hpa(message.addr);
        let bad = |why| OrderlyError::Snoop { addr, tag: message.tag, why };
        let offset = message.addr.wrapping_sub(self.config.window_base.0);
        if offset >= (self.config.window_pages * PAGE_BYTES) as u64 {
            return Err(bad("outside the window"));
        }
        use SnpOpcode::{BiSnpData, BiSnpDataBlk, BiSnpInv, BiSnpInvBlk};
        let known =
            [BiSnpData, BiSnpInv, BiSnpDataBlk, BiSnpInvBlk].iter().any(|o| *o as u8 == message.opcode);
        let (base, lines) = message.lines();
        if !known || lines == 0 {
            return Err(bad("neither BISnpData nor BISnpInv, of lines or of a block"));
        }
        // By turns, a block is answered as a whole and line by line.
        self.blocks += message.is_block() as u64;
        self.answers.begin(message, self.blocks % 2 == 1);
        let first = ((base - self.config.window_base.0) / LINE_BYTES as u64) as u32;
        for line in (0..4).filter(|n| lines >> n & 1 == 1).map(|n| first + n) {
            self.stats.snoops += 1;
            self.snoop_line(Snoop { line, tag: message.tag, invalidate: message.invalidates() }, ch)
                .map_err(bad)?;
        }
        Ok(())
    }

    fn snoop_line(&mut self, snoop: Snoop, ch: &mut Channels) -> Result<(), &'static str> {
        if self.is_busy(snoop.line) {
            let evict = self.writes.iter_mut().flatten().find_map(|writing| match writing {
                Writing::Evict { line, snoop: held } if *line == snoop.line => Some(held),
                _ => None,
            });
            return match evict {
                Some(held @ None) => {
                    *held = Some(snoop);
                    Ok(())
                }
                _ => Err("a snoop of this line is outstanding"),
            };
        }
        let requested = |miss: &Miss| miss.line == snoop.line && !matches!(miss.request, Request::Waiting);
        if self.miss.as_ref().is_some_and(requested) {
            self.stats.conflicts += 1;
            self.set_busy(snoop.line, true);
            self.conflict = Some(Conflict { snoop, acknowledged: false });
            ch.m2s_rwd.push_back(M2sRwd {
                opcode: RwdOpcode::BiConflict as u8,
                addr: self.address(snoop.line),
                tag: snoop.tag,
                meta_field: MetaField::NoOp as u8,
                meta_value: 0,
                snp_type: SnpType::NoOp as u8,
                data: [0; LINE_BYTES],
                be: 0,
            });
        } else {
            self.resolve(snoop, ch);
        }
        Ok(())
    }

    fn acknowledged(&mut self, tag: u16, ch: &mut Channels) -> Result<(), OrderlyError> {
        let found = self.conflict.as_mut().filter(|c| c.snoop.tag == tag && !c.acknowledged);
        let Some(conflict) = found else {
            return Err(wrong_ndr(NdrOpcode::BiConflictAck as u8, tag, "no BIConflict with this tag"));
        };
        conflict.acknowledged = true;
        let line = conflict.snoop.line;
        // If the grant came before the acknowledgement its data is on the way: the snoop finds it used.
        let half =
            |miss: &Miss| miss.line == line && matches!(miss.request, Request::Read { ndr: Some(_), .. });
        if !self.miss.as_ref().is_some_and(half) {
            self.resolve_acknowledged(line, ch);
        }
        Ok(())
    }

    fn resolve_acknowledged(&mut self, line: u32, ch: &mut Channels) {
        if let Some(conflict) = self.conflict.take_if(|c| c.snoop.line == line && c.acknowledged) {
            self.set_busy(line, false);
            self.resolve(conflict.snoop, ch);
        }
    }

    /// Answers a snoop as the line is now.
    fn resolve(&mut self, snoop: Snoop, ch: &mut Channels) {
        let Snoop { line, tag, invalidate } = snoop;
        let place = self.place[line as usize] as usize;
        let response = if invalidate || place == 0 { RspOpcode::BiRspI } else { RspOpcode::BiRspS };
        let state = place.checked_sub(1).map_or(State::Invalid, |slot| self.slots[slot].state);
        if place != 0 {
            self.slots[place - 1].state = if invalidate { State::Invalid } else { State::Shared };
        }
        if invalidate {
            self.place[line as usize] = 0;
        }
        if state == State::Modified {
            self.stats.snoop_writes += 1;
            note(&mut self.snooped, &self.evicted, &mut self.touched, line);
            let meta = if invalidate { MetaValue::Invalid } else { MetaValue::Shared };
            self.write(place - 1, meta, Writing::Answer { line, tag, response }, ch);
        } else {
            self.respond(line, tag, response, ch);
        }
        if invalidate {
            // The page may be mapped to another frame now: what the line holds next is not what it held.
            self.written[line as usize] = 0;
        }
    }

    /// The answer of a line leaves, or waits for the rest of its block.
    fn respond(&mut self, line: u32, tag: u16, response: RspOpcode, ch: &mut Channels) {
        ch.m2s_birsp.extend(self.answers.ready(tag, line as u8 & 3, response).map(|(message, _)| message));
    }

    fn is_busy(&self, line: u32) -> bool {
        self.busy[line as usize / LINES_PER_PAGE] >> (line as usize % LINES_PER_PAGE) & 1 == 1
    }

    fn set_busy(&mut self, line: u32, busy: bool) {
        let bit = 1 << (line as usize % LINES_PER_PAGE);
        let mask = &mut self.busy[line as usize / LINES_PER_PAGE];
        *mask = if busy { *mask | bit } else { *mask & !bit };
    }
}

/// Marks a line in one of the two masks of its page; a page new to both is touched.
fn note(mask: &mut [u64], other: &[u64], touched: &mut Vec<u32>, line: u32) {
    let page = line as usize / LINES_PER_PAGE;
    if mask[page] | other[page] == 0 {
        touched.push(page as u32);
    }
    mask[page] |= 1 << (line as usize % LINES_PER_PAGE);
}

#[inline]
fn put_word(line: &mut Line, addr: u64, value: u64) {
    let at = (addr as usize % LINE_BYTES) & !7;
    line[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

/// Never zero.
fn signature(line: &Line) -> u64 {
    let fold = line.chunks_exact(8).fold(0u64, |hash, word| {
        let word = u64::from_le_bytes(word.try_into().expect("eight bytes"));
        (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    });
    fold | 1
}

fn wrong_ndr(opcode: u8, tag: u16, why: &'static str) -> OrderlyError {
    OrderlyError::Response { channel: "NDR", opcode, tag, why }
}

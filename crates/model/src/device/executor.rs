//! Commands: fetch, check, run page by page, complete.

use super::recall::Outcome;
use super::{INTR_COMPLETION, INTR_RESET_DONE, ModelDevice};
use tideline_abi::command::{Command, Completion, ENTRY_BYTES, Opcode, RECORD_BYTES, Record, Status};
use tideline_abi::command::{flag, result_flag};
use tideline_abi::descriptor::PageState;
use tideline_abi::geometry::{BI_TAGS, DEFERRED_ENTRIES, LINE_BYTES, RECALL_CONTEXTS, REGION_PAGES};
use tideline_abi::regs::reg;
use tideline_abi::slot::{Slot, SlotKind, SlotStatus};

/// Identifier in the completion of a command that could not be read.
const UNREAD: u16 = 0xffff;
/// Clean pages that a harvest looks at in one step.
const WALK_PAGES: u32 = 512;

/// The command executor's state.
#[derive(Clone, Debug, Default)]
pub(super) struct Executor {
    pub(super) sq_head: u32,
    cq_tail: u32,
    /// Passes over the completion queue, modulo 2: the phase of the first one is 1.
    cq_pass: bool,
    /// Completions promised to commands that were fetched.
    reserved: u32,
    pub(super) generation: u32,
    sequence: u32,
    /// The queues were disabled: they start again at the beginning when no command is under way.
    restart: bool,
    /// Device memory failed, and no result has told of it.
    pub(super) memory_failed: bool,
    running: Option<Running>,
    /// The FENCE under way.
    fence: Option<Fence>,
    result: Option<Spooled>,
    merge: Option<Merge>,
    resetting: bool,
}

/// A FENCE under way.
#[derive(Clone, Copy, Debug)]
struct Fence {
    cid: u16,
    /// The running command came before it.
    waits: bool,
}

/// A range command at work.
#[derive(Clone, Debug)]
struct Running {
    command: Command,
    opcode: Opcode,
    /// First page of the range or cursor: where the command began.
    first: u32,
    /// Next page to start.
    next: u32,
    end: u32,
    /// Pages that wait for their recall.
    waiting: Vec<u32>,
    spool: Spooled,
    /// By the ABORT with this identifier.
    aborted: Option<u16>,
    reset: bool,
    /// Host memory refused a record.
    dma_error: bool,
    /// The lowest page in the wrong state.
    wrong: Option<u32>,
    /// The recall of a page timed out, now or earlier: it is left undone.
    timed_out: bool,
    /// The record buffer is full.
    partial: bool,
    /// First page not done of a command that ends early for another reason than a page in the wrong state.
    cut: Option<u32>,
}

/// Records that nobody acknowledged yet.
#[derive(Clone, Debug, Default)]
struct Spooled {
    sequence: u32,
    /// HARVEST_ACCESSED, or nothing.
    mask_flag: u8,
    /// Records made. The host has them all, `records` is what device memory kept.
    made: u32,
    records: Vec<Record>,
    /// The result told that device memory failed.
    told_failure: bool,
}

/// Records on their way back into the masks.
#[derive(Clone, Debug)]
struct Merge {
    spool: Spooled,
    origin: Origin,
    /// The completions that are due then.
    then: Vec<Completion>,
}

/// Why records are merged back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// The harvest failed.
    Failure,
    Abort,
    Nack,
    Reset,
}

impl Executor {
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_none() && self.fence.is_none() && self.merge.is_none() && !self.resetting
    }

    /// A range command has not completed.
    pub(super) fn is_busy(&self) -> bool {
        self.running.is_some() || self.merges(|o| matches!(o, Origin::Failure | Origin::Abort))
    }

    fn merges(&self, origin: impl Fn(Origin) -> bool) -> bool {
        self.merge.as_ref().is_some_and(|m| origin(m.origin))
    }

    /// True if the command has to wait its turn.
    fn is_busy_for(&self, opcode: Opcode) -> bool {
        match opcode {
            Opcode::Identify => false,
            Opcode::Fence => self.fence.is_some(),
            Opcode::Abort => {
                self.running.as_ref().is_some_and(|r| r.aborted.is_some())
                    || self.merges(|o| o == Origin::Abort)
            }
            Opcode::HarvestAck | Opcode::HarvestNack => self.merges(|o| o == Origin::Nack),
            Opcode::Harvest => self.is_busy() || self.result.is_some() || self.merges(|o| o == Origin::Nack),
            Opcode::Map | Opcode::Unmap | Opcode::Track | Opcode::Recall => self.is_busy(),
        }
    }

    /// Keeps records for their way back; a failure that they told of is told again.
    fn merge_back(&mut self, spool: Spooled, origin: Origin, then: Vec<Completion>) {
        self.memory_failed |= spool.told_failure;
        self.merge = Some(Merge { spool, origin, then });
    }

    pub(super) fn has_result(&self) -> bool {
        self.result.is_some()
    }

    pub(super) fn is_resetting(&self) -> bool {
        self.resetting
    }

    pub(super) fn next_generation(&mut self) {
        self.generation = self.generation.wrapping_add(1);
    }

    /// The queues were disabled.
    pub(super) fn disable_queues(&mut self) {
        self.restart = true;
        self.restart_queues();
    }

    /// Begins anew what was disabled, unless a command is under way.
    fn restart_queues(&mut self) {
        if self.restart && self.reserved == 0 {
            (self.sq_head, self.cq_tail, self.cq_pass, self.restart) = (0, 0, false, false);
        }
    }

    /// Queues stop and forget their commands; what runs ends; the step finishes the reset.
    pub(super) fn begin_reset(&mut self) {
        self.resetting = true;
        self.reserved = 0;
        self.disable_queues();
        self.fence = None;
        if let Some(merge) = &mut self.merge {
            merge.then.clear();
        }
        if let Some(running) = &mut self.running {
            running.reset = true;
        }
    }
}

impl ModelDevice {
    /// One step of whatever is under way.
    pub(super) fn step_executor(&mut self) {
        if let Some(merge) = self.executor.merge.take() {
            return self.step_merge(merge);
        }
        if let Some(fence) = self.executor.fence.take_if(|f| !f.waits) {
            self.complete(done(fence.cid));
        } else if let Some(running) = self.executor.running.take() {
            self.step_running(running);
        } else if self.executor.resetting {
            self.step_reset();
        }
    }

    fn step_running(&mut self, mut running: Running) {
        self.step_range(&mut running);
        if running.is_done() {
            self.finish(running);
        } else {
            self.executor.running = Some(running);
        }
    }

    fn step_reset(&mut self) {
        if let Some(spool) = self.executor.result.take() {
            return self.executor.merge_back(spool, Origin::Reset, Vec::new());
        }
        self.executor.next_generation();
        self.executor.resetting = false;
        self.regs[reg::INTR_STATE] |= INTR_RESET_DONE;
    }

    /// Puts one record back into its mask; behind the last one come the completions.
    fn step_merge(&mut self, mut merge: Merge) {
        if let Some(record) = merge.spool.records.pop() {
            if !self.memory_fails() {
                let slot = self.page_slot(SlotKind::Merge, record.page, merge.spool.mask_flag);
                self.pass(&Slot { mask: record.mask, ..slot });
            }
            self.executor.merge = Some(merge);
        } else {
            for completion in merge.then {
                self.complete(completion);
            }
        }
    }
}

// ---- range commands, page by page ----

impl Running {
    fn is_done(&self) -> bool {
        self.waiting.is_empty() && (self.stops() || self.next == self.end)
    }

    /// True if no more pages are started.
    fn stops(&self) -> bool {
        self.is_void() || self.wrong.is_some() || self.cut.is_some()
    }

    /// True if nothing more is committed for this command: pages that wait are let go.
    fn is_void(&self) -> bool {
        self.aborted.is_some() || self.reset || self.dma_error
    }

    /// Leaves a page undone, because its recall timed out. MAP and UNMAP stop there.
    fn leave(&mut self, page: u32) {
        self.timed_out = true;
        if self.width() == 1 {
            self.cut = Some(page);
        }
    }

    /// First page not done.
    fn cursor(&self) -> u32 {
        self.wrong.into_iter().chain(self.cut).min().unwrap_or(self.end)
    }

    /// The first reason counts. `memory_failed`: its result tells of a failure of device memory.
    fn status(&self, memory_failed: bool) -> Status {
        let reasons = [
            (self.aborted.is_some() || self.reset, Status::Aborted),
            (self.dma_error, Status::DmaError),
            (self.wrong.is_some(), Status::WrongState),
            (self.timed_out, Status::RecallTimeout),
            (memory_failed, Status::MemoryError),
        ];
        reasons.iter().find(|(holds, _)| *holds).map_or(Status::Success, |&(_, status)| status)
    }

    /// Pages that may wait for their recall at the same time. MAP and UNMAP keep the order of pages.
    fn width(&self) -> usize {
        if matches!(self.opcode, Opcode::Map | Opcode::Unmap) { 1 } else { RECALL_CONTEXTS }
    }

    fn has(&self, flag: u8) -> bool {
        self.command.flags & flag != 0
    }

    fn slot_kind(&self) -> SlotKind {
        match self.opcode {
            Opcode::Map => SlotKind::Map,
            Opcode::Unmap => SlotKind::Unmap,
            Opcode::Track if self.has(flag::TRACK_SET) => SlotKind::TrackSet,
            Opcode::Track => SlotKind::TrackClear,
            Opcode::Harvest => SlotKind::Harvest,
            _ => SlotKind::Recall,
        }
    }

    /// Its snoops are BISnpInv.
    fn invalidates(&self) -> bool {
        match self.opcode {
            Opcode::Map | Opcode::Unmap => true,
            Opcode::Recall => self.has(flag::RECALL_INVALIDATE),
            _ => false,
        }
    }

    fn frame(&self, page: u32) -> u32 {
        if self.opcode == Opcode::Map { self.command.arg as u32 + (page - self.command.page) } else { 0 }
    }
}

impl ModelDevice {
    fn step_range(&mut self, running: &mut Running) {
        if let Some((page, lines, outcome)) = self.recalls.take_ended() {
            running.waiting.retain(|&p| p != page);
            match outcome {
                _ if running.is_void() => {}
                Outcome::Answered => self.try_page(running, page, Some(lines)),
                Outcome::TimedOut => running.leave(page),
            }
        } else if !running.stops() && running.next < running.end && running.waiting.len() < running.width() {
            self.start_page(running);
        }
    }

    fn start_page(&mut self, running: &mut Running) {
        if running.opcode == Opcode::Harvest {
            if !self.walk(running) {
                return;
            }
            let room = (running.command.param - running.spool.made) as usize;
            if room <= running.waiting.len() {
                if room == 0 {
                    running.partial = true;
                    running.cut = Some(running.next);
                }
                return;
            }
        }
        // Requests that a recall held up are served before their page is recalled again.
        if !self.has_deferred(Some(running.next)) {
            let page = running.next;
            running.next += 1;
            self.try_page(running, page, None);
        }
    }

    /// Goes on to the next page with anything to harvest, a bounded way: false if there was none.
    fn walk(&self, running: &mut Running) -> bool {
        for _ in 0..WALK_PAGES {
            running.next = self.core.next_known(running.next..running.end).unwrap_or(running.end);
            if running.next == running.end {
                break;
            }
            if self.recalls.timed_out(running.next) {
                return true;
            }
            let masks = self.core.masks(running.next);
            let mask = if running.has(flag::HARVEST_ACCESSED) { masks.accessed } else { masks.dirty };
            let recall = running.has(flag::HARVEST_RECALL) && masks.owned != 0;
            if (mask != 0 || recall) && self.core.control(running.next).state() == PageState::Local {
                return true;
            }
            running.next += 1;
        }
        false
    }

    /// Passes the page slot of a command, or starts the recall that it needs. `recalled`: the lines that were.
    fn try_page(&mut self, running: &mut Running, page: u32, recalled: Option<u64>) {
        if self.recalls.timed_out(page) && running.opcode != Opcode::Unmap {
            return running.leave(page);
        }
        let slot = self.page_slot(running.slot_kind(), page, running.command.flags);
        let (frame, mask) = (running.frame(page), recalled.unwrap_or(0));
        let result = self.pass(&Slot { recalled: recalled.is_some(), frame, mask, ..slot });
        match result.status {
            SlotStatus::Done => {
                if running.opcode == Opcode::Unmap {
                    self.recalls.forget(page);
                } else if running.opcode == Opcode::Harvest && result.mask != 0 {
                    self.spool(running, page, result.mask);
                }
            }
            SlotStatus::State => {
                running.wrong = Some(running.wrong.map_or(page, |lowest| lowest.min(page)));
                if running.opcode == Opcode::Unmap {
                    self.recalls.forget(page);
                }
            }
            SlotStatus::Recall => {
                self.recalls.start(page, result.mask, running.invalidates(), self.ticks);
                running.waiting.push(page);
            }
        }
    }

    /// Keeps a record, and writes it to the buffer in host memory.
    fn spool(&mut self, running: &mut Running, page: u32, mask: u64) {
        let record = Record { page, sequence: running.spool.sequence, mask };
        let iova = running.command.arg.wrapping_add(running.spool.made as u64 * RECORD_BYTES as u64);
        running.spool.made += 1;
        if !self.memory_fails() {
            running.spool.records.push(record);
        }
        self.count(reg::COUNT_RECORDS);
        if !self.dma_write(iova, &record.to_bytes()) {
            running.dma_error = true;
            running.cut = Some(running.first);
        }
    }

    /// Ends a range command: its completion, its result or the way back of its records.
    fn finish(&mut self, mut running: Running) {
        let harvest = running.opcode == Opcode::Harvest;
        let has_result = harvest && !running.is_void();
        let e = &mut self.executor;
        if let Some(fence) = &mut e.fence {
            fence.waits = false;
        }
        // The status names one cause, and a timeout concerns fewer trackers: the failure waits for the next result.
        running.spool.told_failure = has_result && !running.timed_out && std::mem::take(&mut e.memory_failed);
        let failed = running.spool.told_failure;
        let mut completion = Completion {
            cursor: running.cursor(),
            status: running.status(failed) as u16,
            ..done(running.command.cid)
        };
        if harvest {
            completion.flags = ((running.timed_out || failed) as u16) << result_flag::ERROR
                | (running.partial as u16) << result_flag::PARTIAL
                | (!running.has(flag::HARVEST_RECALL) as u16) << result_flag::NO_RECALL;
        }
        if running.is_void() {
            let (origin, then) = match running.aborted {
                _ if running.reset => (Origin::Reset, Vec::new()),
                Some(by) => (Origin::Abort, vec![completion, done(by)]),
                None => (Origin::Failure, vec![completion]),
            };
            return e.merge_back(running.spool, origin, then);
        }
        if has_result {
            completion.sequence = running.spool.sequence;
            completion.records = running.spool.made;
            e.result = Some(running.spool);
        }
        self.complete(completion);
    }
}

// ---- queues ----

impl ModelDevice {
    fn queue_sizes(&self) -> (u32, u32) {
        let size = |log2: u32| 1 << log2.clamp(1, 12);
        (size(self.regs[reg::QUEUE_SIZE] & 15), size(self.regs[reg::QUEUE_SIZE] >> 8 & 15))
    }

    /// True if a command waits and nothing forbids to take it.
    pub(super) fn can_fetch(&self) -> bool {
        let (sq, cq) = self.queue_sizes();
        let e = &self.executor;
        let unread = e.cq_tail.wrapping_sub(self.regs[reg::CQ_HEAD]) & (cq - 1);
        self.regs[reg::CTRL] & 1 == 1
            && !e.resetting
            && !e.restart
            && e.sq_head != self.regs[reg::SQ_TAIL] & (sq - 1)
            && unread + e.reserved < cq - 1
    }

    pub(super) fn fetch_command(&mut self) {
        if !self.can_fetch() {
            return;
        }
        let (sq, _) = self.queue_sizes();
        let base = self.regs[reg::SQ_BASE_LO] as u64 | (self.regs[reg::SQ_BASE_HI] as u64) << 32;
        let iova = base.wrapping_add(self.executor.sq_head as u64 * ENTRY_BYTES as u64);
        self.executor.sq_head = (self.executor.sq_head + 1) & (sq - 1);
        let mut entry = [0; ENTRY_BYTES];
        self.executor.reserved += 1;
        if !self.dma_read(iova, &mut entry) {
            return self.complete(Completion { status: Status::DmaError as u16, ..done(UNREAD) });
        }
        let (command, clean) = Command::from_bytes(&entry);
        let started = match check_form(&command, clean) {
            Ok(opcode) => self.start(command, opcode),
            Err(status) => Err(status),
        };
        if let Err(status) = started {
            self.complete(Completion { status: status as u16, ..done(command.cid) });
        }
    }

    /// Writes a completion. The sequence and status are the caller's; queue head, generation and phase are not.
    fn complete(&mut self, completion: Completion) {
        let (_, cq) = self.queue_sizes();
        let base = self.regs[reg::CQ_BASE_LO] as u64 | (self.regs[reg::CQ_BASE_HI] as u64) << 32;
        let e = &mut self.executor;
        let iova = base.wrapping_add(e.cq_tail as u64 * ENTRY_BYTES as u64);
        let entry = Completion {
            sq_head: e.sq_head as u16,
            generation: e.generation,
            phase: !e.cq_pass,
            ..completion
        };
        e.reserved -= 1;
        e.cq_tail = (e.cq_tail + 1) & (cq - 1);
        e.cq_pass ^= e.cq_tail == 0;
        e.restart_queues();
        if self.dma_write(iova, &entry.to_bytes()) {
            self.regs[reg::INTR_STATE] |= INTR_COMPLETION;
        }
    }
}

/// A successful completion without results.
fn done(cid: u16) -> Completion {
    Completion { cid, ..Completion::default() }
}

// ---- checks, in the order of the contract ----

/// Opcode, reserved bits, flags and operands that the command does not have.
fn check_form(c: &Command, clean: bool) -> Result<Opcode, Status> {
    let opcode = Opcode::from_code(c.opcode.into()).ok_or(Status::InvalidOpcode)?;
    let (flags, range, arg, param, cursor) = match opcode {
        Opcode::Identify | Opcode::Fence => (0, false, false, false, false),
        Opcode::Abort | Opcode::HarvestAck | Opcode::HarvestNack => (0, false, false, true, false),
        Opcode::Map => (flag::MAP_PLAIN, true, true, false, false),
        Opcode::Unmap => (0, true, false, false, false),
        Opcode::Track => (flag::TRACK_SET | flag::TRACK_ACCESSED, true, false, false, false),
        Opcode::Recall => (flag::RECALL_INVALIDATE, true, false, false, false),
        Opcode::Harvest => {
            (flag::HARVEST_RECALL | flag::HARVEST_CLEAR | flag::HARVEST_ACCESSED, true, true, true, true)
        }
    };
    let good = clean
        && c.flags & !flags == 0
        && (range || c.page == 0 && c.count == 0)
        && (arg || c.arg == 0)
        && (param || c.param == 0)
        && (cursor || c.cursor == 0)
        && (opcode != Opcode::Harvest || c.param != 0)
        && (opcode != Opcode::Abort || c.param <= u16::MAX as u32)
        && (opcode != Opcode::Track || c.flags != flag::TRACK_ACCESSED);
    if good { Ok(opcode) } else { Err(Status::InvalidField) }
}

impl ModelDevice {
    /// Starts a command of good form, or says why not.
    fn start(&mut self, c: Command, opcode: Opcode) -> Result<(), Status> {
        self.check_range(&c, opcode)?;
        if self.executor.is_busy_for(opcode) {
            return Err(Status::Busy);
        }
        match opcode {
            Opcode::Identify => {
                self.complete(Completion {
                    detail: self.window_pages() as u64 | (BI_TAGS as u64) << 32,
                    detail2: RECALL_CONTEXTS as u64 | (DEFERRED_ENTRIES as u64) << 32,
                    ..done(c.cid)
                });
                Ok(())
            }
            Opcode::Fence => {
                let waits = self.executor.running.is_some();
                self.executor.fence = Some(Fence { cid: c.cid, waits });
                Ok(())
            }
            Opcode::Abort => self.abort(c.cid, c.param),
            Opcode::HarvestAck => {
                self.take_result(c.param)?;
                self.complete(done(c.cid));
                Ok(())
            }
            Opcode::HarvestNack => {
                let spool = self.take_result(c.param)?;
                self.executor.merge_back(spool, Origin::Nack, vec![done(c.cid)]);
                Ok(())
            }
            Opcode::Map | Opcode::Unmap | Opcode::Track | Opcode::Recall | Opcode::Harvest => {
                self.start_range(c, opcode);
                Ok(())
            }
        }
    }

    fn take_result(&mut self, sequence: u32) -> Result<Spooled, Status> {
        let spool = self.executor.result.take_if(|r| r.sequence == sequence);
        spool.ok_or(Status::BadSequence)
    }

    fn abort(&mut self, cid: u16, target: u32) -> Result<(), Status> {
        let e = &mut self.executor;
        if let Some(running) = e.running.as_mut().filter(|r| r.command.cid as u32 == target) {
            // A harvest takes everything back; of the others, what is done stays done.
            let undone = running.waiting.iter().copied().min().unwrap_or(running.next);
            running.cut = Some(if running.opcode == Opcode::Harvest { running.first } else { undone });
            running.aborted = Some(cid);
            e.next_generation();
        } else if e.fence.take_if(|f| f.cid as u32 == target).is_some() {
            e.next_generation();
            self.complete(Completion { status: Status::Aborted as u16, ..done(target as u16) });
            self.complete(done(cid));
        } else {
            return Err(Status::NotFound);
        }
        Ok(())
    }

    /// Range, frames, cursor, record buffer.
    fn check_range(&self, c: &Command, opcode: Opcode) -> Result<(), Status> {
        if matches!(
            opcode,
            Opcode::Identify | Opcode::Fence | Opcode::Abort | Opcode::HarvestAck | Opcode::HarvestNack
        ) {
            return Ok(());
        }
        let end = c.page as u64 + c.count as u64;
        let frames_end = c.arg.saturating_add(c.count as u64);
        let cursor_good = c.cursor == 0 || (c.page as u64..end).contains(&(c.cursor as u64));
        if c.count == 0
            || end > self.window_pages() as u64
            || opcode == Opcode::Map && frames_end > self.regs[reg::FRAMES] as u64
            || !cursor_good
        {
            return Err(Status::OutOfRange);
        }
        let plain = opcode == Opcode::Map && c.flags & flag::MAP_PLAIN != 0;
        let region = |at: u64| at.is_multiple_of(REGION_PAGES as u64);
        if opcode == Opcode::Harvest && !c.arg.is_multiple_of(LINE_BYTES as u64)
            || plain && !(region(c.page as u64) && region(c.count as u64) && region(c.arg))
        {
            return Err(Status::Misaligned);
        }
        Ok(())
    }

    fn start_range(&mut self, command: Command, opcode: Opcode) {
        let e = &mut self.executor;
        let mut spool = Spooled::default();
        if opcode == Opcode::Harvest {
            e.sequence = e.sequence.wrapping_add(1);
            spool.sequence = e.sequence;
            spool.mask_flag = command.flags & flag::HARVEST_ACCESSED;
        }
        let first = if command.cursor == 0 { command.page } else { command.cursor };
        e.running = Some(Running {
            command,
            opcode,
            first,
            next: first,
            end: command.page + command.count,
            waiting: Vec::new(),
            spool,
            aborted: None,
            reset: false,
            dma_error: false,
            wrong: None,
            timed_out: false,
            partial: false,
            cut: None,
        });
    }
}

//! The software beside the bursts: maps pages, moves some of them, tracks, harvests, aborts, resets.
//!
//! One range command at a time, and an ABORT of it at times; a result is acknowledged after a while, or refused.

use super::{AxiConfig, AxiError, Host, Place};
use crate::campaign::queues::{Queues, read};
use crate::campaign::{Dut, Rtl, WINDOW_PAGES};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use tideline_abi::command::{Command, Completion, Opcode, RECORD_BYTES, Record, Status, flag, result_flag};
use tideline_abi::cxl::Channels;
use tideline_abi::regs::{Ctrl, Status as StatusRegister};
use tideline_driver::Iova;

/// Most records of a harvest.
const RECORDS: u32 = 1024;

/// A command under way.
struct Running {
    command: Command,
    /// When its doorbell was rung.
    begin: u64,
    abort_at: u64,
}

/// A result that waits: its sequence, its lines by page of the campaign, when to answer.
struct Waiting {
    sequence: u32,
    masks: BTreeMap<usize, u64>,
    at: u64,
}

pub(super) struct Software {
    queues: Queues,
    buffer: Iova,
    rng: ChaCha8Rng,
    cid: u16,
    running: Option<Running>,
    /// ABORT that was sent and not answered.
    abort: Option<u16>,
    waiting: Option<Waiting>,
    /// A move that waits until no burst of its page is under way.
    held: Option<usize>,
    /// Where a harvest that was cut off goes on.
    go_on: Option<Command>,
    resetting: bool,
    next_at: u64,
    next_reset: u64,
    completions: u64,
    /// Pages mapped for the first time.
    started: usize,
}

impl Software {
    pub(super) fn new(device: &mut Rtl, config: &AxiConfig) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(config.seed ^ 0x736f_6674);
        let mut queues = Queues::new(device);
        let bytes = RECORDS as usize * RECORD_BYTES;
        let buffer = device.host_memory().alloc(bytes).expect("host memory for the records").iova;
        queues.start(device, 4, 4);
        device.post_write32(Ctrl::OFFSET, 1);
        Self {
            queues,
            buffer,
            cid: rng.random(),
            rng,
            running: None,
            abort: None,
            waiting: None,
            held: None,
            go_on: None,
            resetting: false,
            next_at: 0,
            next_reset: config.beats / (u64::from(config.resets) + 1),
            completions: 0,
            started: 0,
        }
    }

    pub(super) fn completions(&self) -> u64 {
        self.completions
    }

    pub(super) fn is_idle(&self) -> bool {
        self.running.is_none()
            && self.abort.is_none()
            && self.waiting.is_none()
            && self.held.is_none()
            && self.go_on.is_none()
            && !self.resetting
    }

    pub(super) fn step(
        &mut self,
        device: &mut Rtl,
        host: &mut Host,
        channels: &mut Channels,
        config: &AxiConfig,
        live: bool,
    ) -> Result<(), AxiError> {
        if self.resetting {
            return self.await_reset(device, channels);
        }
        if host.now.is_multiple_of(2)
            && let Some(completion) = self.queues.poll(device)
        {
            self.completions += 1;
            return self.completed(device, host, &completion);
        }
        if let Some(page) = self.held.filter(|&page| host.pages[page].busy == 0 && self.running.is_none()) {
            self.held = None;
            self.move_page(device, host, config, page);
        }
        if host.now < self.next_at {
            return Ok(());
        }
        self.next_at = host.now + self.rng.random_range(1..100);
        if let Some(running) = &self.running {
            if live && self.abort.is_none() && host.now >= running.abort_at {
                host.summary.aborts += 1;
                let param = running.command.cid.into();
                self.abort =
                    Some(self.submit_aside(device, Command { param, ..Command::new(Opcode::Abort) }));
            }
            return Ok(());
        }
        if self.abort.is_some() || self.held.is_some() {
            return Ok(());
        }
        if self.started < host.pages.len() {
            self.move_page(device, host, config, self.started);
            self.started += 1;
            return Ok(());
        }
        if let Some(waiting) = &self.waiting {
            if host.now >= waiting.at || !live {
                let nack = live && self.rng.random_ratio(1, 5);
                let opcode = if nack { Opcode::HarvestNack } else { Opcode::HarvestAck };
                let param = waiting.sequence;
                self.submit(device, host, Command { param, ..Command::new(opcode) });
            }
            return Ok(());
        }
        if let Some(command) = self.go_on.take() {
            self.submit(device, host, command);
            return Ok(());
        }
        if !live {
            return Ok(());
        }
        if host.summary.resets < config.resets.into() && host.summary.all_beats() >= self.next_reset {
            return self.reset(device, host, channels, config);
        }
        if self.rng.random_ratio(config.command_rate.min(1000), 1000) {
            self.start(device, host);
        }
        Ok(())
    }

    fn start(&mut self, device: &mut Rtl, host: &mut Host) {
        let count = host.pages.len();
        let page = self.rng.random_range(0..count);
        match self.rng.random_range(0..10) {
            0 => {
                host.pages[page].held = page >= count - count / 4;
                self.held = host.pages[page].held.then_some(page);
            }
            1 if matches!(host.pages[page].place, Place::Local(_)) => {
                let flags = if self.rng.random_ratio(3, 4) { flag::TRACK_SET } else { 0 };
                let page = host.pages[page].number;
                self.submit(device, host, Command { flags, page, count: 1, ..Command::new(Opcode::Track) });
            }
            _ => {
                let number = host.pages[page].number;
                let (page, count) = if self.rng.random_ratio(1, 3) { (number, 1) } else { (0, WINDOW_PAGES) };
                let param = if self.rng.random_ratio(1, 4) { self.rng.random_range(1..6) } else { RECORDS };
                self.submit(device, host, self.harvest(page, count, param));
            }
        }
    }

    fn harvest(&self, page: u32, count: u32, param: u32) -> Command {
        let recall = if self.cid.is_multiple_of(2) { flag::HARVEST_RECALL } else { 0 };
        let (flags, arg) = (flag::HARVEST_CLEAR | recall, self.buffer.0);
        Command { flags, page, count, arg, param, ..Command::new(Opcode::Harvest) }
    }

    /// A harvest of everything.
    pub(super) fn harvest_all(&mut self, device: &mut Rtl, host: &Host) {
        self.submit(device, host, self.harvest(0, WINDOW_PAGES, RECORDS));
    }

    /// UNMAP of a page that has a frame; MAP of one that has none, to another frame than before.
    fn move_page(&mut self, device: &mut Rtl, host: &mut Host, config: &AxiConfig, page: usize) {
        let number = host.pages[page].number;
        let command = match host.pages[page].place {
            Place::Local(_) => Command::new(Opcode::Unmap),
            Place::Unmapped => {
                let arg = u64::from(self.rng.random_range(0..4) * config.pages) + page as u64;
                Command { arg, ..Command::new(Opcode::Map) }
            }
        };
        self.submit(device, host, Command { page: number, count: 1, ..command });
    }

    fn submit(&mut self, device: &mut Rtl, host: &Host, command: Command) {
        let cid = self.submit_aside(device, command);
        let abortable = matches!(Opcode::from_code(command.opcode.into()), Some(Opcode::Harvest));
        let abort = if abortable && self.rng.random_ratio(1, 6) {
            host.now + self.rng.random_range(0..1000)
        } else {
            u64::MAX
        };
        self.running =
            Some(Running { command: Command { cid, ..command }, begin: host.now, abort_at: abort });
    }

    fn submit_aside(&mut self, device: &mut Rtl, command: Command) -> u16 {
        self.cid = self.cid.wrapping_add(1);
        self.queues.submit_command(device, &Command { cid: self.cid, ..command });
        self.cid
    }

    fn completed(
        &mut self,
        device: &mut Rtl,
        host: &mut Host,
        completion: &Completion,
    ) -> Result<(), AxiError> {
        let status = Status::from_code(completion.status.into());
        if self.abort == Some(completion.cid) {
            self.abort = None;
            return match status {
                Some(Status::Success | Status::NotFound) => Ok(()),
                _ => Err(bad("ABORT", completion)),
            };
        }
        let running = self.running.take().filter(|r| r.command.cid == completion.cid);
        let Running { command, begin, .. } = running.ok_or_else(|| bad("no command", completion))?;
        let opcode = Opcode::from_code(command.opcode.into()).expect("the campaign's own opcode");
        let name = format!("{opcode} {command:x?}");
        if status == Some(Status::Aborted) && opcode == Opcode::Harvest {
            // Merged back: as if it had not been.
            return Ok(());
        }
        if status != Some(Status::Success) {
            return Err(bad(&name, completion));
        }
        let now = host.now;
        let page = host.pages.iter().position(|p| p.number == command.page);
        match opcode {
            Opcode::Harvest => return self.harvested(device, host, &command, begin, completion),
            Opcode::HarvestAck => self.waiting = None,
            Opcode::HarvestNack => {
                host.summary.nacks += 1;
                self.merge_back(host);
            }
            Opcode::Track => {
                host.summary.tracks += 1;
                let page = &mut host.pages[page.expect("a page of the campaign")];
                page.tracked = command.flags & flag::TRACK_SET != 0;
                page.lines.iter_mut().for_each(|log| log.tracked(begin, now));
            }
            _ => {
                host.summary.moves += 1;
                let page = &mut host.pages[page.expect("a page of the campaign")];
                page.held = false;
                page.tracked = false;
                if opcode == Opcode::Map {
                    let frame = command.arg as u32;
                    page.place = Place::Local(frame);
                    for (line, log) in page.lines.iter_mut().enumerate() {
                        *log = super::Log::new(device.memory_line(frame, line as u8));
                    }
                } else {
                    let Place::Local(frame) = page.place else { return Err(bad(&name, completion)) };
                    page.place = Place::Unmapped;
                    for (line, log) in page.lines.iter().enumerate() {
                        // UNMAP contains a fence, and nothing was under way.
                        if device.memory_line(frame, line as u8) != *log.value() {
                            return Err(bad("UNMAP, and memory does not hold the last write", completion));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn harvested(
        &mut self,
        device: &mut Rtl,
        host: &mut Host,
        command: &Command,
        begin: u64,
        completion: &Completion,
    ) -> Result<(), AxiError> {
        let name = format!("HARVEST {command:x?}");
        let has = |bit: usize| completion.flags >> bit & 1 == 1;
        let end = command.page + command.count;
        let recall = command.flags & flag::HARVEST_RECALL != 0;
        if has(result_flag::ERROR)
            || has(result_flag::OVERFLOW)
            || has(result_flag::NO_RECALL) == recall
            || has(result_flag::PARTIAL) != (completion.cursor != end)
            || completion.records > command.param
        {
            return Err(bad(&name, completion));
        }
        let mut masks = BTreeMap::new();
        for at in 0..u64::from(completion.records) {
            let mut bytes = [0; RECORD_BYTES];
            read(device, Iova(self.buffer.0 + at * RECORD_BYTES as u64), &mut bytes);
            let record = Record::from_bytes(&bytes);
            let from = command.cursor.max(command.page);
            let page = host.pages.iter().position(|p| p.number == record.page);
            let right = record.sequence == completion.sequence
                && record.mask != 0
                && (from..completion.cursor).contains(&record.page);
            match page.filter(|_| right) {
                Some(page) if !masks.contains_key(&page) => masks.insert(page, record.mask),
                _ => return Err(AxiError::Command { command: name, what: format!("{record:x?}") }),
            };
            host.summary.reported += u64::from(record.mask.count_ones());
        }
        let from = command.cursor.max(command.page);
        let now = host.now;
        for (at, page) in host.pages.iter_mut().enumerate() {
            if !(from..completion.cursor).contains(&page.number) {
                continue;
            }
            let mask = masks.get(&at).copied().unwrap_or(0);
            if !page.tracked {
                if mask != 0 {
                    return Err(AxiError::Command {
                        command: name,
                        what: "a page that is not tracked".into(),
                    });
                }
                continue;
            }
            for (line, log) in page.lines.iter_mut().enumerate() {
                log.harvested(begin, now, mask >> line & 1 == 1).map_err(|wrong| AxiError::Line {
                    page: page.number,
                    line,
                    wrong,
                })?;
            }
        }
        host.summary.harvests += 1;
        let at = now + self.rng.random_range(0..1500);
        self.waiting = Some(Waiting { sequence: completion.sequence, masks, at });
        if has(result_flag::PARTIAL) {
            host.summary.partial += 1;
            self.go_on = Some(Command { cursor: completion.cursor, ..*command });
        }
        Ok(())
    }

    fn merge_back(&mut self, host: &mut Host) {
        let Some(waiting) = self.waiting.take() else { return };
        for (page, mask) in waiting.masks {
            let page = &mut host.pages[page];
            if !page.tracked {
                continue;
            }
            for (_, log) in page.lines.iter_mut().enumerate().filter(|(line, _)| mask >> line & 1 == 1) {
                log.merged_back();
            }
        }
    }

    fn reset(
        &mut self,
        device: &mut Rtl,
        host: &mut Host,
        channels: &mut Channels,
        config: &AxiConfig,
    ) -> Result<(), AxiError> {
        self.next_reset += config.beats / (u64::from(config.resets) + 1);
        host.summary.resets += 1;
        // In half of the cases a harvest is cut off, in the others a result is merged back, if there is one.
        if self.waiting.is_none() && self.rng.random() {
            self.submit(device, host, self.harvest(0, WINDOW_PAGES, RECORDS));
            self.running = None;
        }
        device.flr(channels)?;
        self.go_on = None;
        self.resetting = true;
        self.merge_back(host);
        Ok(())
    }

    fn await_reset(&mut self, device: &mut Rtl, channels: &mut Channels) -> Result<(), AxiError> {
        if StatusRegister(device.read32(channels, StatusRegister::OFFSET)?).ready() == 1 {
            self.queues.start(device, 4, 4);
            device.post_write32(Ctrl::OFFSET, 1);
            device.read32(channels, Ctrl::OFFSET)?;
            self.resetting = false;
        }
        Ok(())
    }
}

fn bad(command: &str, completion: &Completion) -> AxiError {
    AxiError::Command { command: command.into(), what: format!("{completion:x?}") }
}

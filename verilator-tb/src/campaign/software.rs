//! The software side of a campaign: random commands while the traffic goes on, and what each must have done.
//!
//! One range command runs at a time. While it runs, others are sent that may run beside it: ABORT of it, commands
//! that must be refused (a second HARVEST among them), IDENTIFY, FENCE, an acknowledgement. A result is acknowledged
//! after a while, or refused, or the device is reset before either.

use super::queues::{Queues, read};
use super::{CampaignError, Config, Counters, Dut};
use crate::host::{NastyHost, OracleError, PageMap, Verdict};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use tideline_abi::command::{Command, Completion, Opcode, RECORD_BYTES, Record, Status, flag, result_flag};
use tideline_abi::cxl::Channels;
use tideline_abi::geometry::{BI_TAGS, REGION_PAGES};
use tideline_abi::regs::{Ctrl, Generation, Status as StatusRegister};
use tideline_driver::Iova;

/// Most records that the buffer holds: one for each page of the window would be never full.
const BUFFER_RECORDS: u32 = 4096;

/// A range command under way.
#[derive(Clone, Copy)]
struct Running {
    command: Command,
    begin: u64,
    /// Pages of the campaign in the range.
    first: u32,
    end: u32,
    abort_sent: bool,
    /// When to think about an ABORT.
    abort_at: u64,
}

/// A harvest result that waits.
struct Waiting {
    sequence: u32,
    records: Vec<Record>,
    accessed: bool,
    /// When to acknowledge.
    at: u64,
}

/// A command beside the range command, with the statuses that are right.
struct Aside {
    cid: u16,
    what: &'static str,
    allowed: &'static [Status],
    /// A NACK: its result is merged back when it completes.
    merges: bool,
}

enum Reset {
    No,
    /// Waits for STATUS.ready.
    Running,
}

/// The pages of a campaign: where they are in the window and which frames they use.
#[derive(Clone)]
pub(super) struct Layout {
    /// Window pages, ascending.
    pub(super) pages: Vec<u32>,
    /// First frame of each of the two sets of frames.
    pub(super) frames: [u32; 2],
    /// Pages (of the campaign) that are mapped and unmapped at random; the others stay.
    pub(super) churn: std::ops::Range<u32>,
    /// Pages (of the campaign) of the region; none if there is no region.
    pub(super) region: std::ops::Range<u32>,
    /// First frame of each of the two sets of frames of the region.
    pub(super) region_frames: [u32; 2],
    /// Base of the spool.
    pub(super) spool: u32,
}

impl Layout {
    /// All pages of a region play.
    pub(super) fn add_region(&mut self, number: u32) {
        let first = number * REGION_PAGES as u32;
        let pages = first..first + REGION_PAGES as u32;
        self.pages.retain(|page| !pages.contains(page));
        let at = self.pages.partition_point(|&page| page < first) as u32;
        let singles = self.pages.len() as u32;
        self.pages.splice(at as usize..at as usize, pages);
        self.region = at..at + REGION_PAGES as u32;
        // What is mapped and unmapped page by page lies on the larger side.
        let churn = if at >= singles / 2 { 0 } else { self.region.end };
        self.churn = churn..churn + singles / 4;
        self.spool = self.region_frames[1] + REGION_PAGES as u32;
    }

    /// Where a page goes in one of the two sets of frames.
    fn frame(&self, set: usize, page: u32) -> u32 {
        if self.region.contains(&page) {
            self.region_frames[set] + page - self.region.start
        } else {
            self.frames[set] + page - if page < self.region.start { 0 } else { self.region.len() as u32 }
        }
    }

    /// Every frame that a page may go to.
    pub(super) fn all_frames(&self) -> impl Iterator<Item = u32> + '_ {
        (0..2).flat_map(move |set| (0..self.pages.len() as u32).map(move |page| self.frame(set, page)))
    }
}

pub(super) struct Software {
    layout: Layout,
    /// Pages of the region that are mapped.
    mapped: std::ops::Range<u32>,
    /// The region is plain.
    plain: bool,
    /// Pages that are plain, or of which nobody knows because a RECALL was cut off.
    perhaps_plain: Vec<bool>,
    queues: Queues,
    buffer: Iova,
    rng: ChaCha8Rng,
    cid: u16,
    running: Option<Running>,
    /// A move that waits until no write from no copy is under way.
    held: Option<Command>,
    aside: Vec<Aside>,
    waiting: Option<Waiting>,
    reset: Reset,
    resets_left: u32,
    next_at: u64,
    next_reset: u64,
    grant_exclusive: bool,
    generation: u32,
    /// An error that every later result may carry.
    harmed: bool,
    quiet: bool,
    /// Where a harvest that was cut off goes on: flags, range and cursor.
    go_on: Option<Command>,
}

impl Software {
    pub(super) fn new(
        layout: Layout,
        device: &mut impl Dut,
        config: &Config,
        mut rng: ChaCha8Rng,
        grant_exclusive: bool,
    ) -> Self {
        let mut queues = Queues::new(device);
        let bytes = BUFFER_RECORDS as usize * RECORD_BYTES;
        let buffer = device.host_memory().alloc(bytes).expect("host memory for the records").iova;
        queues.start(device, rng.random_range(2..=6), rng.random_range(2..=6));
        device.post_write32(Ctrl::OFFSET, 1 | (grant_exclusive as u32) << 1);
        Self {
            mapped: layout.region.start..layout.region.start,
            plain: false,
            perhaps_plain: vec![false; layout.pages.len()],
            layout,
            queues,
            buffer,
            cid: rng.random(),
            rng,
            running: None,
            held: None,
            aside: Vec::new(),
            waiting: None,
            reset: Reset::No,
            resets_left: config.resets,
            next_at: 0,
            next_reset: config.requests / (config.resets as u64 + 1),
            grant_exclusive,
            generation: 0,
            harmed: false,
            quiet: false,
            go_on: None,
        }
    }

    /// Nothing new of its own; what runs goes on.
    pub(super) fn quiet(&mut self, quiet: bool) {
        self.quiet = quiet;
        self.next_at = 0;
    }

    pub(super) fn is_resetting(&self) -> bool {
        matches!(self.reset, Reset::Running)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.running.is_none()
            && self.held.is_none()
            && self.waiting.is_none()
            && self.aside.is_empty()
            && self.go_on.is_none()
            && matches!(self.reset, Reset::No)
    }

    pub(super) fn step(
        &mut self,
        device: &mut impl Dut,
        host: &mut NastyHost,
        channels: &mut Channels,
        config: &Config,
        counters: &mut Counters,
    ) -> Result<(), CampaignError> {
        if let Reset::Running = self.reset {
            return self.await_reset(device, host, channels, counters);
        }
        let now = host.now();
        if now.is_multiple_of(2)
            && let Some(completion) = self.queues.poll(device)
        {
            return self.completed(device, host, counters, completion);
        }
        if let Some(command) = self.held {
            self.try_move(device, host, command);
        }
        if now < self.next_at {
            return Ok(());
        }
        self.next_at = now + 1 + self.rng.random_range(0..=64) as u64;
        self.beside(device, host, counters);
        if self.held.is_none() && self.aside.len() < 2 {
            if self.resets_left > 0
                && host.stats().requests() >= self.next_reset
                && self.may_reset()
                && !self.quiet
            {
                return self.start_reset(device, host, channels, config, counters);
            }
            if self.running.is_none() && (!self.quiet || self.go_on.is_some()) {
                self.start(device, host, config);
            }
        }
        Ok(())
    }

    // ---- Commands beside the range command

    fn beside(&mut self, device: &mut impl Dut, host: &NastyHost, counters: &mut Counters) {
        if self.aside.len() >= 2 {
            return;
        }
        let now = host.now();
        if let Some(running) = &mut self.running
            && !running.abort_sent
            && now >= running.abort_at
        {
            running.abort_sent = true;
            let target = running.command.cid as u32;
            let command = Command { param: target, ..Command::new(Opcode::Abort) };
            counters.aborts += 1;
            // The command may have completed before the ABORT comes.
            return self.submit_aside(device, command, "ABORT", &[Status::Success, Status::NotFound], false);
        }
        if let Some(waiting) = &self.waiting
            && (now >= waiting.at || self.quiet)
            && !self.aside.iter().any(|a| a.what == "HARVEST_ACK" || a.merges)
        {
            let sequence = waiting.sequence;
            // A merge beside a TRACK or UNMAP would leave open which came first.
            let nack =
                !self.quiet && self.running.is_none() && self.held.is_none() && self.rng.random_ratio(1, 6);
            let opcode = if nack { Opcode::HarvestNack } else { Opcode::HarvestAck };
            let command = Command { param: sequence, ..Command::new(opcode) };
            if nack {
                counters.nacks += 1;
                return self.submit_aside(device, command, "HARVEST_NACK", &[Status::Success], true);
            }
            return self.submit_aside(device, command, "HARVEST_ACK", &[Status::Success], false);
        }
        if self.quiet || !self.rng.random_ratio(1, 8) {
            return;
        }
        let page = self.layout.pages[0];
        let harvest =
            Command { page, count: 1, arg: self.buffer.0, param: 1, ..Command::new(Opcode::Harvest) };
        let acknowledging = self.aside.iter().any(|a| a.what == "HARVEST_ACK" || a.merges);
        counters.refused += 1;
        let (command, what, allowed): (Command, _, &'static [Status]) = match self.rng.random_range(0..9) {
            0 => (Command::new(Opcode::Identify), "IDENTIFY", &[Status::Success]),
            1 if self.aside.iter().any(|a| a.what == "FENCE") => {
                (Command::new(Opcode::Fence), "FENCE", &[Status::Success, Status::Busy])
            }
            1 => (Command::new(Opcode::Fence), "FENCE", &[Status::Success]),
            2 if self.waiting.is_some() && !acknowledging => (harvest, "second HARVEST", &[Status::Busy]),
            3 => {
                let ack = Command { param: self.rng.random(), ..Command::new(Opcode::HarvestAck) };
                if self.waiting.as_ref().is_some_and(|w| w.sequence == ack.param) || acknowledging {
                    return;
                }
                (ack, "HARVEST_ACK of another sequence", &[Status::BadSequence])
            }
            4 => {
                let target = Command { param: 0x1_0000, ..Command::new(Opcode::Abort) };
                (target, "ABORT of an impossible identifier", &[Status::InvalidField])
            }
            5 => {
                let far = Command { page: u32::MAX, count: 2, ..Command::new(Opcode::Recall) };
                (far, "RECALL outside the window", &[Status::OutOfRange])
            }
            6 => {
                let askew = Command { arg: self.buffer.0 + 8, ..harvest };
                (askew, "HARVEST to a misaligned buffer", &[Status::Misaligned])
            }
            7 => {
                let flags = flag::TRACK_ACCESSED;
                let track = Command { flags, page, count: 1, ..Command::new(Opcode::Track) };
                (track, "TRACK of reads without TRACK", &[Status::InvalidField])
            }
            _ => {
                let flags = Command { flags: 0x80, ..Command::new(Opcode::Identify) };
                (flags, "IDENTIFY with unknown flags", &[Status::InvalidField])
            }
        };
        self.submit_aside(device, command, what, allowed, false);
    }

    fn submit_aside(
        &mut self,
        device: &mut impl Dut,
        command: Command,
        what: &'static str,
        allowed: &'static [Status],
        merges: bool,
    ) {
        let cid = self.next_cid();
        self.aside.push(Aside { cid, what, allowed, merges });
        self.queues.submit_command(device, &Command { cid, ..command });
    }

    fn next_cid(&mut self) -> u16 {
        self.cid = self.cid.wrapping_add(1);
        self.cid
    }

    // ---- Range commands

    fn start(&mut self, device: &mut impl Dut, host: &mut NastyHost, config: &Config) {
        let now = host.now();
        if let Some(command) = self.go_on {
            if self.waiting.is_none() {
                self.go_on = None;
                self.submit(device, host, command);
            }
            return;
        }
        if !self.rng.random_ratio(config.harvest_rate.min(1000), 1000) {
            return;
        }
        self.next_at = now + self.rng.random_range(0..300) as u64;
        // Where a merge and a TRACK or UNMAP overlap, nobody could say which came first.
        let merging = self.aside.iter().any(|a| a.merges);
        let (first, end) = self.random_run();
        let span = |first: u32, end: u32| {
            let page = self.layout.pages[first as usize];
            (page, self.layout.pages[end as usize - 1] + 1 - page)
        };
        match self.rng.random_range(0..20) {
            0..=10 if self.waiting.is_none() => {
                let all = self.rng.random_ratio(1, 8);
                // A range of a harvest may contain pages that are not mapped.
                let (a, b) = (self.rng.random_range(0..self.count()), self.rng.random_range(0..self.count()));
                let (page, count) = match all {
                    true => (0, super::WINDOW_PAGES),
                    false => span(a.min(b), a.max(b) + 1),
                };
                let mut flags = 0;
                for (flag, of) in
                    [(flag::HARVEST_RECALL, 7), (flag::HARVEST_CLEAR, 6), (flag::HARVEST_ACCESSED, 1)]
                {
                    flags |= if self.rng.random_range(0..8) < of { flag } else { 0 };
                }
                let param = match self.rng.random_range(0..3) {
                    0 => self.rng.random_range(1..8),
                    _ => BUFFER_RECORDS,
                };
                let arg = self.buffer.0;
                let harvest = Command { flags, page, count, arg, param, ..Command::new(Opcode::Harvest) };
                self.submit(device, host, harvest);
            }
            0..=13 if !merging => {
                if let Some((first, end)) = self.local_run(host, first, end) {
                    let (page, count) = span(first, end);
                    let mut flags = 0;
                    if self.rng.random_ratio(5, 6) {
                        flags |= flag::TRACK_SET;
                        flags |= if self.rng.random_bool(0.5) { flag::TRACK_ACCESSED } else { 0 };
                    }
                    self.submit(device, host, Command { flags, page, count, ..Command::new(Opcode::Track) });
                }
            }
            14..=15 => {
                if let Some((first, end)) = self.local_run(host, first, end) {
                    let (page, count) = span(first, end);
                    let flags = if self.rng.random_bool(0.5) { flag::RECALL_INVALIDATE } else { 0 };
                    self.submit(device, host, Command { flags, page, count, ..Command::new(Opcode::Recall) });
                }
            }
            16 if !merging && self.wants_region_moved() => self.move_region(host),
            16.. if !merging => self.start_move(host),
            _ => {}
        }
    }

    /// A stretch of the campaign's pages that is also one of the window's.
    fn random_run(&mut self) -> (u32, u32) {
        let mut first = self.rng.random_range(0..self.count());
        // A TRACK or RECALL ends what is plain, so they come rarely to the region.
        if self.layout.region.contains(&first) && !self.rng.random_ratio(1, 64) {
            let region = &self.layout.region;
            let other = first % (self.count() - region.len() as u32);
            first = if other < region.start { other } else { other + region.len() as u32 };
        }
        let mut end = first + 1;
        let most = first + self.rng.random_range(1..=16);
        let pages = &self.layout.pages;
        while end < self.count() && end < most && pages[end as usize] == pages[end as usize - 1] + 1 {
            end += 1;
        }
        (first, end)
    }

    /// The part of a stretch from its first page on that is mapped.
    fn local_run(&self, host: &NastyHost, first: u32, end: u32) -> Option<(u32, u32)> {
        let local = |&page: &u32| matches!(host.oracle.map(page), PageMap::Local(_));
        let count = (first..end).take_while(local).count() as u32;
        (count > 0).then_some((first, first + count))
    }

    fn start_move(&mut self, host: &mut NastyHost) {
        let churn = self.layout.churn.clone();
        if churn.is_empty() {
            return;
        }
        let first = self.rng.random_range(churn.clone());
        let most = (first + self.rng.random_range(1..=8)).min(churn.end);
        let local = matches!(host.oracle.map(first), PageMap::Local(_));
        let pages = &self.layout.pages;
        let mut end = first + 1;
        while end < most
            && pages[end as usize] == pages[end as usize - 1] + 1
            && matches!(host.oracle.map(end), PageMap::Local(_)) == local
        {
            end += 1;
        }
        host.oracle.hold(first, end);
        let opcode = if local { Opcode::Unmap } else { Opcode::Map };
        let set = self.rng.random_range(0..2);
        let arg = if local { 0 } else { self.layout.frame(set, first) as u64 };
        let page = pages[first as usize];
        self.held = Some(Command { page, count: end - first, arg, ..Command::new(opcode) });
    }

    /// At once if it is not plain; rarely else.
    fn wants_region_moved(&mut self) -> bool {
        !self.layout.region.is_empty() && (!self.plain || self.rng.random_ratio(1, 32))
    }

    /// Unmaps what is mapped of the region, or maps all of it: plain, most of the time.
    fn move_region(&mut self, host: &mut NastyHost) {
        let (pages, opcode, flags, arg) = if self.mapped.is_empty() {
            let set = self.rng.random_range(0..2);
            let flags = if self.rng.random_ratio(4, 5) { flag::MAP_PLAIN } else { 0 };
            let region = self.layout.region.clone();
            let arg = self.layout.frame(set, region.start);
            (region, Opcode::Map, flags, arg as u64)
        } else {
            (self.mapped.clone(), Opcode::Unmap, 0, 0)
        };
        host.oracle.hold(pages.start, pages.end);
        let (page, count) = (self.layout.pages[pages.start as usize], pages.len() as u32);
        self.held = Some(Command { flags, page, count, arg, ..Command::new(opcode) });
    }

    fn try_move(&mut self, device: &mut impl Dut, host: &mut NastyHost, command: Command) {
        let (first, end) = self.pages_of(&command);
        if (first..end).all(|page| host.writes_from_nothing(page).next().is_none()) {
            self.held = None;
            self.submit(device, host, command);
        }
    }

    fn submit(&mut self, device: &mut impl Dut, host: &mut NastyHost, command: Command) {
        let cid = self.next_cid();
        let command = Command { cid, ..command };
        let (first, end) = self.pages_of(&command);
        let begin = host.now();
        let recall = command.flags & flag::HARVEST_RECALL != 0;
        for page in first..end {
            host.note_page(page, name(&command), command.flags, 0);
        }
        let region = &self.layout.region;
        self.plain &= opcode(&command) == Opcode::Harvest || first >= region.end || end <= region.start;
        match opcode(&command) {
            Opcode::Track => host.oracle.begin_track(begin, first, end, command.flags & flag::TRACK_SET != 0),
            Opcode::Map => host.oracle.begin_move(begin, first, end, Some(command.arg as u32)),
            Opcode::Unmap => host.oracle.begin_move(begin, first, end, None),
            Opcode::Recall => host.oracle.begin(begin, first, end, true),
            _ => host.oracle.begin(begin, first, end, recall),
        }
        let abort = if self.rng.random_ratio(1, 8) { self.rng.random_range(0..2000) } else { u64::MAX / 2 };
        self.running =
            Some(Running { command, begin, first, end, abort_sent: self.quiet, abort_at: begin + abort });
        self.queues.submit_command(device, &command);
    }

    /// The pages of the campaign in the range of a command.
    fn pages_of(&self, command: &Command) -> (u32, u32) {
        let from = if command.cursor != 0 { command.cursor } else { command.page };
        let at = |page: u32| self.layout.pages.partition_point(|&p| p < page) as u32;
        (at(from), at(command.page + command.count))
    }

    fn count(&self) -> u32 {
        self.layout.pages.len() as u32
    }

    // ---- Completions

    fn completed(
        &mut self,
        device: &mut impl Dut,
        host: &mut NastyHost,
        counters: &mut Counters,
        completion: Completion,
    ) -> Result<(), CampaignError> {
        counters.commands += 1;
        let status = Status::ALL.iter().find(|s| **s as u16 == completion.status).copied();
        let wrong = |what: &str| CampaignError::Completion {
            command: what.to_owned(),
            completion,
            status: status.map_or("reserved".to_owned(), |s| format!("{s:?}")),
        };
        let Some(status_code) = status else { return Err(wrong("a command")) };
        if let Some(at) = self.aside.iter().position(|a| a.cid == completion.cid) {
            let aside = self.aside.swap_remove(at);
            if !aside.allowed.contains(&status_code) {
                return Err(wrong(aside.what));
            }
            if aside.what == "IDENTIFY" {
                let sizes = u64::from(super::WINDOW_PAGES) | (BI_TAGS as u64) << 32;
                if completion.detail != sizes {
                    return Err(wrong("IDENTIFY"));
                }
            }
            if aside.merges {
                self.merge_back(host);
            } else if aside.what == "HARVEST_ACK" {
                self.waiting = None;
            }
            return Ok(());
        }
        let Some(running) = self.running.take().filter(|r| r.command.cid == completion.cid) else {
            return Err(wrong("no command with this identifier is running"));
        };
        let what = format!("{:?} {:x?}", opcode(&running.command), running.command);
        let good = match status_code {
            Status::Success => true,
            Status::Aborted => running.abort_sent,
            Status::RecallTimeout => host.loses_responses(),
            _ => false,
        };
        if !good {
            return Err(wrong(&what));
        }
        let done = self.layout.pages.partition_point(|&p| p < completion.cursor) as u32;
        counters.aborted += (status_code == Status::Aborted) as u64;
        let Running { command, begin, first, end, .. } = running;
        for page in first..end {
            host.note_page(page, "completed", completion.status as u8, 0);
        }
        // A page that timed out is left undone by TRACK, RECALL and HARVEST; it is no longer judged.
        let timeout = status_code == Status::RecallTimeout;
        counters.timeouts += timeout as u64;
        let moves = matches!(opcode(&command), Opcode::Map | Opcode::Unmap);
        let success = status_code == Status::Success || timeout && !moves;
        let last = command.page + command.count;
        if !(command.page..=last).contains(&completion.cursor)
            || success && opcode(&command) != Opcode::Harvest && completion.cursor != last
        {
            return Err(wrong(&what));
        }
        match opcode(&command) {
            Opcode::Harvest if success => {
                self.harvested(device, host, counters, &running, &completion).map_err(|e| match e {
                    CampaignError::Completion { .. } => wrong(&what),
                    e => e,
                })?;
            }
            Opcode::Harvest => (first..end).for_each(|page| host.oracle.cancelled(page)),
            Opcode::Recall => {
                for page in first..end {
                    host.oracle.cancelled(page);
                    self.perhaps_plain[page as usize] &= status_code != Status::Success;
                }
                let all = command.flags & flag::RECALL_INVALIDATE != 0;
                for page in (first..end).filter(|_| success) {
                    host.check_given_up(page, begin, all, "RECALL")?;
                }
            }
            Opcode::Track if success => {
                let set = command.flags & flag::TRACK_SET != 0;
                let accessed = command.flags & flag::TRACK_ACCESSED != 0;
                for page in first..end {
                    if set {
                        host.check_given_up(page, begin, false, "TRACK")?;
                        self.perhaps_plain[page as usize] &= timeout;
                    }
                    host.oracle.tracked(page, set, accessed);
                }
                counters.tracks += 1;
            }
            Opcode::Track => {
                // Pages beyond the cursor may be done or not: only the same command once more settles it.
                let cid = self.next_cid();
                let command = Command { cid, ..command };
                self.running = Some(Running { command, abort_sent: true, ..running });
                self.queues.submit_command(device, &command);
                return Ok(());
            }
            code => {
                let map = code == Opcode::Map;
                for page in first..end {
                    let verdict = if page < done { Verdict::Done } else { Verdict::NotDone };
                    if verdict == Verdict::Done {
                        host.check_given_up(page, begin, true, if map { "MAP" } else { "UNMAP" })?;
                        self.perhaps_plain[page as usize] = map && command.flags & flag::MAP_PLAIN != 0;
                    }
                    host.oracle.moved(page, verdict, map);
                }
                if self.layout.region.contains(&first) {
                    self.mapped = if map { first..done } else { done..end };
                    self.plain = command.flags & flag::MAP_PLAIN != 0 && self.mapped == self.layout.region;
                    counters.regions += 1;
                }
                counters.moves += 1;
            }
        }
        host.oracle.end();
        Ok(())
    }

    fn harvested(
        &mut self,
        device: &mut impl Dut,
        host: &mut NastyHost,
        counters: &mut Counters,
        running: &Running,
        completion: &Completion,
    ) -> Result<(), CampaignError> {
        let Running { command, begin, first, end, .. } = *running;
        let has = |bit: usize| completion.flags >> bit & 1 == 1;
        let bad = || CampaignError::Completion {
            command: String::new(),
            completion: *completion,
            status: String::new(),
        };
        let recall = command.flags & flag::HARVEST_RECALL != 0;
        let last = command.page + command.count;
        let partial = completion.cursor != last;
        let lost = has(result_flag::ERROR) || has(result_flag::OVERFLOW);
        if has(result_flag::NO_RECALL) == recall
            || has(result_flag::PARTIAL) != partial
            || lost && !host.loses_responses()
            || completion.records > command.param
        {
            return Err(bad());
        }
        self.harmed |= lost;
        let mut records = Vec::with_capacity(completion.records as usize);
        for at in 0..completion.records as usize {
            let mut bytes = [0; RECORD_BYTES];
            read(device, Iova(self.buffer.0 + (at * RECORD_BYTES) as u64), &mut bytes);
            records.push(Record::from_bytes(&bytes));
        }
        let accessed = command.flags & flag::HARVEST_ACCESSED != 0;
        let clear = command.flags & flag::HARVEST_CLEAR != 0;
        let mut masks = vec![0; (end - first) as usize];
        for record in &records {
            let bad = |why| CampaignError::from(OracleError::Record { page: record.page, why });
            let Some(page) = host.page_of(record.page) else { return Err(bad("never mapped")) };
            if !(first..end).contains(&page) || record.page >= completion.cursor {
                return Err(bad("outside the range that was done"));
            }
            if record.mask == 0 || record.sequence != completion.sequence {
                return Err(bad("empty mask or the sequence of another result"));
            }
            let mask = &mut masks[(page - first) as usize];
            if *mask != 0 {
                return Err(bad("two records of one page"));
            }
            *mask = record.mask;
            counters.reported += record.mask.count_ones() as u64;
        }
        for page in first..end {
            if host.oracle.number(page) >= completion.cursor || host.is_suspect(page) {
                host.oracle.cancelled(page);
                continue;
            }
            let mask = masks[(page - first) as usize];
            host.note_page(page, "reported", command.flags, mask);
            host.oracle.report(page, mask, accessed, clear)?;
            // A plain page is none of a harvest's business.
            if recall && !self.perhaps_plain[page as usize] {
                host.check_given_up(page, begin, false, "HARVEST")?;
            }
        }
        counters.harvests += 1;
        let at = host.now() + self.rng.random_range(0..1500) as u64;
        self.waiting = Some(Waiting { sequence: completion.sequence, records, accessed, at });
        if partial && self.rng.random_ratio(3, 4) {
            counters.partial += 1;
            self.go_on = Some(Command { cursor: completion.cursor, ..command });
        }
        Ok(())
    }

    fn merge_back(&mut self, host: &mut NastyHost) {
        let Some(waiting) = self.waiting.take() else { return };
        for record in waiting.records {
            let page = host.page_of(record.page).expect("checked when it was harvested");
            host.note_page(page, "merged back", waiting.accessed as u8, record.mask);
            host.oracle.merged_back(page, record.mask, waiting.accessed);
        }
    }

    // ---- Resets

    /// A reset in the middle of MAP, UNMAP or TRACK leaves open how far they got; all else may be cut off.
    fn may_reset(&self) -> bool {
        let cut = |r: &Running| matches!(opcode(&r.command), Opcode::Harvest | Opcode::Recall);
        self.running.as_ref().is_none_or(cut)
    }

    fn start_reset(
        &mut self,
        device: &mut impl Dut,
        host: &mut NastyHost,
        channels: &mut Channels,
        config: &Config,
        counters: &mut Counters,
    ) -> Result<(), CampaignError> {
        self.resets_left -= 1;
        self.next_reset += config.requests / (config.resets as u64 + 1);
        counters.resets += 1;
        self.generation = device.read32(channels, Generation::OFFSET)?;
        host.set_grant_exclusive(None);
        device.flr(channels)?;
        self.reset = Reset::Running;
        self.next_at = host.now() + 8;
        Ok(())
    }

    fn await_reset(
        &mut self,
        device: &mut impl Dut,
        host: &mut NastyHost,
        channels: &mut Channels,
        counters: &mut Counters,
    ) -> Result<(), CampaignError> {
        if host.now() < self.next_at {
            return Ok(());
        }
        self.next_at = host.now() + 16;
        let status = device.read32(channels, StatusRegister::OFFSET)?;
        if StatusRegister(status).ready() == 0 {
            return Ok(());
        }
        let generation = device.read32(channels, Generation::OFFSET)?;
        // A command may have been stopped by ABORT since the generation was read.
        let most = if host.loses_responses() { 1000 } else { 2 };
        if !(1..=most).contains(&generation.wrapping_sub(self.generation)) {
            return Err(CampaignError::Generation { before: self.generation, after: generation });
        }
        if let Some(Running { first, end, .. }) = self.running.take() {
            (first..end).for_each(|page| host.oracle.cancelled(page));
            host.oracle.end();
            counters.aborted += 1;
        }
        // An acknowledgement that was under way may have arrived or not.
        let acknowledging = self.aside.iter().any(|a| a.what == "HARVEST_ACK");
        if acknowledging {
            let Waiting { records, accessed, .. } = self.waiting.take().expect("it is being acknowledged");
            for record in records {
                let page = host.page_of(record.page).expect("checked when it was harvested");
                host.oracle.perhaps_merged_back(page, record.mask, accessed);
            }
        }
        self.merge_back(host);
        self.aside.clear();
        self.go_on = None;
        self.queues.start(device, self.rng.random_range(2..=6), self.rng.random_range(2..=6));
        device.post_write32(Ctrl::OFFSET, 1 | (self.grant_exclusive as u32) << 1);
        // Reading it back proves that the write was taken.
        device.read32(channels, Ctrl::OFFSET)?;
        host.set_grant_exclusive(Some(self.grant_exclusive));
        self.reset = Reset::No;
        Ok(())
    }

    /// Maps a stretch of pages to the first set of frames.
    pub(super) fn map(&mut self, device: &mut impl Dut, host: &mut NastyHost, first: u32, end: u32) {
        let page = self.layout.pages[first as usize];
        let arg = self.layout.frame(0, first) as u64;
        let flags = if self.layout.region == (first..end) { flag::MAP_PLAIN } else { 0 };
        self.submit(
            device,
            host,
            Command { flags, page, count: end - first, arg, ..Command::new(Opcode::Map) },
        );
    }

    /// Tracks one page.
    pub(super) fn track(&mut self, device: &mut impl Dut, host: &mut NastyHost, page: u32) {
        let page = self.layout.pages[page as usize];
        let flags = flag::TRACK_SET;
        self.submit(device, host, Command { flags, page, count: 1, ..Command::new(Opcode::Track) });
    }

    /// Harvests everything, or one page.
    pub(super) fn harvest(
        &mut self,
        device: &mut impl Dut,
        host: &mut NastyHost,
        page: Option<u32>,
        flags: u8,
    ) {
        let (page, count) = match page {
            Some(page) => (self.layout.pages[page as usize], 1),
            None => (0, super::WINDOW_PAGES),
        };
        let (arg, param) = (self.buffer.0, BUFFER_RECORDS);
        self.submit(
            device,
            host,
            Command { flags, page, count, arg, param, ..Command::new(Opcode::Harvest) },
        );
    }

    /// A range command is under way.
    pub(super) fn is_running(&self) -> bool {
        self.running.is_some()
    }
}

fn name(command: &Command) -> &'static str {
    match opcode(command) {
        Opcode::Map => "MAP",
        Opcode::Unmap => "UNMAP",
        Opcode::Track => "TRACK",
        Opcode::Recall => "RECALL",
        _ => "HARVEST",
    }
}

fn opcode(command: &Command) -> Opcode {
    *Opcode::ALL.iter().find(|o| **o as u8 == command.opcode).expect("the campaign's own opcode")
}

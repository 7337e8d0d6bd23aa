//! What the host knows must be true: memory's value per line, and what every harvest must say.
//!
//! The oracle sees the host's side only: when a write message was made, when its Cmp came, when software rang a
//! doorbell, when it saw the completion. It knows nothing of the device's order, so it judges by intervals.
//!
//! # Values
//! Memory is kept by frame. A write changes the oracle's value when the host makes the message: a line has one
//! transaction of the host at a time, so no read overlaps it. A write from ownership always lands: an unmapped page
//! grants none, and UNMAP takes it back first. A write from no copy could meet MAP or UNMAP on its way, and nobody
//! could say whether it landed: the campaign holds such writes off a page ([`Oracle::hold`]) that is about to move.
//!
//! # Harvests
//! A write passes its commit slot somewhere between its message and its Cmp, a harvest takes a page somewhere
//! between doorbell (`a`) and completion (`b`). For a harvest a write is
//! - *certain* if its Cmp came before `a`; or, with recall, if it came from an ownership that was granted before
//!   `a`: the device takes that ownership away before it takes the page, and the host answers a snoop after the
//!   Cmps of the line's write-backs;
//! - *open* if it was under way or made between `a` and `b`;
//! - not a candidate if it was made after `b`.
//!
//! A line with a certain write must be reported (else it was lost); a line without any candidate must not be (else
//! it was invented). The writes of one line commit in their order, so the report settles the open ones: if nothing
//! but open writes explains it, the first of them is in it; what may be in it or in the next is *optional* then, and
//! explains one more report without demanding it. If the line is not reported, every open write is after the slot
//! and the next harvest must report it. So a write is in exactly one report.
//!
//! All of it is a few masks per page ([`Epoch`]). The same rules, with requests in place of writes, judge the
//! accessed masks.

use std::collections::HashMap;
use tideline_abi::cxl::Line;
use tideline_abi::geometry::{LINE_BYTES, LINES_PER_PAGE};

/// What the host or the software saw that must not be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OracleError {
    /// A harvest did not report lines with a certain write.
    #[error("LOST: {what} page {page:#x}, lines {lines:#018x}: written before the harvest and not reported")]
    Lost {
        /// `dirty` or `accessed`.
        what: &'static str,
        /// Page of the window.
        page: u32,
        /// The lines.
        lines: u64,
    },
    /// A harvest reported lines that nothing wrote since their last report.
    #[error(
        "INVENTED: {what} page {page:#x}, lines {lines:#018x}: reported without a write since the last report"
    )]
    Invented {
        /// `dirty` or `accessed`.
        what: &'static str,
        /// Page of the window.
        page: u32,
        /// The lines.
        lines: u64,
    },
    /// A harvest reported a page twice, or one that it was not asked for.
    #[error("record of page {page:#x}: {why}")]
    Record {
        /// Page of the window.
        page: u32,
        /// What is wrong.
        why: &'static str,
    },
    /// A read brought a value that the line cannot have.
    #[error("line {line:#x} of the campaign: read {got:02x?}, memory must hold {expected:02x?}")]
    Value {
        /// Index of the line.
        line: u32,
        /// What came.
        got: Box<Line>,
        /// What must have come.
        expected: Box<Line>,
    },
}

/// How a command ended for one page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The command's slot passed.
    Done,
    /// The command did not get to the page, or its effect was undone.
    NotDone,
}

/// Where a page of the campaign is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageMap {
    /// In this frame.
    Local(u32),
    /// Nowhere.
    Unmapped,
    /// A command is moving it: from or to this frame.
    Moving(u32),
}

/// The writes (or reads) of one page that reports must explain; one bit per line.
#[derive(Clone, Copy, Debug, Default)]
struct Epoch {
    /// A command is under way: what completes now is open, unless certain.
    open: bool,
    /// Must be in the next report.
    must: u64,
    /// May be in the next report.
    may: u64,
    /// A write is under way ...
    fly: u64,
    /// ... which is certain for the command under way,
    fly_certain: u64,
    /// ... which was perhaps reported already,
    fly_may: u64,
    /// ... which was reported already,
    fly_spent: u64,
    /// ... which came from an ownership.
    fly_owned: u64,
    /// Open writes completed under the command: one or more,
    done: u64,
    /// ... of which the first is optional,
    done_may: u64,
    /// ... two or more.
    done_more: u64,
}

impl Epoch {
    fn begin(&mut self, recall: bool) {
        self.open = true;
        self.fly_certain = if recall { self.fly & self.fly_owned } else { 0 };
    }

    fn sent(&mut self, bit: u64, owned: bool, certain: bool) {
        self.fly |= bit;
        self.fly_may &= !bit;
        self.fly_spent &= !bit;
        set(&mut self.fly_owned, bit, owned);
        set(&mut self.fly_certain, bit, certain);
    }

    fn arrived(&mut self, bit: u64, tracked: bool) {
        let (may, spent) = (self.fly_may & bit != 0, self.fly_spent & bit != 0);
        let open = self.open && self.fly_certain & bit == 0;
        self.fly &= !bit;
        self.fly_certain &= !bit;
        if spent || !tracked && !self.open {
            // Nothing is to be reported.
        } else if !open {
            *if may { &mut self.may } else { &mut self.must } |= bit;
        } else if self.done & bit != 0 {
            self.done_more |= bit;
        } else {
            self.done |= bit;
            set(&mut self.done_may, bit, may);
        }
    }

    /// A report settles the open writes. Gives the lines lost and the lines invented.
    fn report(&mut self, reported: u64, clear: bool) -> (u64, u64) {
        let fly_open = self.fly & !self.fly_certain & !self.fly_spent;
        let certain = self.fly & self.fly_certain & !self.fly_spent;
        let must = self.must | certain & !self.fly_may;
        let explained = must | self.may | certain & self.fly_may;
        let wrong = (!reported & must, reported & !(explained | self.done | fly_open));

        let late_must = !reported & (self.done & !self.done_may | self.done_more);
        let late_may = !reported & self.done & !late_must;
        if clear {
            // Where an earlier write explains the report, all open ones are optional; else the first is in it.
            let rest_done = reported & (explained & self.done | self.done_more);
            let rest_fly = reported & fly_open & (explained | self.done);
            self.must = late_must;
            self.may = late_may | rest_done;
            self.fly_may |= rest_fly;
            self.fly_spent |= reported & fly_open & !rest_fly;
        } else {
            self.must = late_must | reported;
            self.may = late_may;
        }
        self.fly_spent |= certain;
        self.settle();
        wrong
    }

    /// The command did nothing to these masks: the writes completed under it count as if it had not been.
    fn cancel(&mut self, tracked: bool) {
        if tracked {
            self.must |= self.done & !self.done_may | self.done_more;
            self.may |= self.done;
        }
        self.settle();
    }

    /// Tracking starts: what is certain came before it, what is open may have come after.
    fn start(&mut self) {
        self.must = 0;
        self.may = self.done;
        self.fly_may |= self.fly & !self.fly_certain;
        self.fly_spent |= self.fly & self.fly_certain;
        self.settle();
    }

    /// Tracking ends.
    fn stop(&mut self) {
        self.must = 0;
        self.may = 0;
        self.settle();
    }

    fn settle(&mut self) {
        self.open = false;
        self.done = 0;
        self.done_may = 0;
        self.done_more = 0;
        self.fly_certain = 0;
    }
}

fn set(mask: &mut u64, bit: u64, on: bool) {
    *mask = if on { *mask | bit } else { *mask & !bit };
}

struct Page {
    number: u32,
    map: PageMap,
    /// Changes with every command that moves the page, at its beginning and its end.
    map_generation: u32,
    track_generation: u32,
    held: bool,
    /// A TRACK runs.
    tracking: bool,
    track: bool,
    track_accessed: bool,
    dirty: Epoch,
    accessed: Epoch,
    /// The tracking of the page did not begin anew since the result that waits for acknowledgement.
    same_tracking: bool,
}

/// The command under way, as far as it concerns the epochs.
#[derive(Clone, Copy)]
struct Running {
    begin: u64,
    recall: bool,
    first: u32,
    end: u32,
}

/// The oracle. Lines are numbered as the campaign does: 64 for each of its pages, in the order of its page list.
pub struct Oracle {
    pages: Vec<Page>,
    frames: HashMap<u32, u32>,
    memory: Vec<Line>,
    running: Option<Running>,
}

impl Oracle {
    /// Pages of the window that play, all unmapped, and the frames they may be mapped to with their contents.
    pub fn new(pages: &[u32], frames: &[u32], mut contents: impl FnMut(u32, u8) -> Line) -> Self {
        let page = |&number| Page {
            number,
            map: PageMap::Unmapped,
            map_generation: 0,
            track_generation: 0,
            held: false,
            tracking: false,
            track: false,
            track_accessed: false,
            dirty: Epoch::default(),
            accessed: Epoch::default(),
            same_tracking: true,
        };
        let line = |&frame| (0..LINES_PER_PAGE as u8).map(move |line| (frame, line));
        Self {
            pages: pages.iter().map(page).collect(),
            frames: frames.iter().zip(0..).map(|(&frame, at)| (frame, at)).collect(),
            memory: frames.iter().flat_map(line).map(|(frame, line)| contents(frame, line)).collect(),
            running: None,
        }
    }

    /// Where a page is.
    pub fn map(&self, page: u32) -> PageMap {
        self.pages[page as usize].map
    }

    /// Number of a page in the window.
    pub fn number(&self, page: u32) -> u32 {
        self.pages[page as usize].number
    }

    /// Whether the page is tracked; not known while a TRACK runs.
    pub fn track(&self, page: u32) -> Option<bool> {
        let page = &self.pages[page as usize];
        (!page.tracking).then_some(page.track)
    }

    /// Counters that change with every command that moves the page or changes its tracking.
    pub fn generations(&self, page: u32) -> (u32, u32) {
        let page = &self.pages[page as usize];
        (page.map_generation, page.track_generation)
    }

    /// The value that a line must have, if its page is in a frame.
    pub fn value(&self, line: u32) -> Option<&Line> {
        self.cell(line).map(|cell| &self.memory[cell as usize])
    }

    /// Compares what a read brought.
    ///
    /// # Errors
    /// [`OracleError::Value`].
    pub fn check_value(&self, line: u32, got: &Line) -> Result<(), OracleError> {
        let Some(cell) = self.cell(line) else { return Ok(()) };
        let expected = &self.memory[cell as usize];
        if got == expected {
            return Ok(());
        }
        Err(OracleError::Value { line, got: Box::new(*got), expected: Box::new(*expected) })
    }

    /// The host makes a write message. `owned_since`: when the ownership was granted that it comes from.
    pub fn write_sent(&mut self, line: u32, data: &Line, enables: u64, owned_since: Option<u64>) {
        if let Some(cell) = self.cell(line) {
            merge(&mut self.memory[cell as usize], data, enables);
        }
        let page = line / LINES_PER_PAGE as u32;
        let running = self.running.filter(|r| (r.first..r.end).contains(&page) && r.recall);
        let certain = running.is_some_and(|r| owned_since.is_some_and(|since| since < r.begin));
        self.pages[page as usize].dirty.sent(bit(line), owned_since.is_some(), certain);
    }

    /// The Cmp of a write has reached the host's side of the channel.
    pub fn write_done(&mut self, line: u32) {
        let page = &mut self.pages[line as usize / LINES_PER_PAGE];
        page.dirty.arrived(bit(line), page.track);
    }

    /// The host makes a read.
    pub fn read_sent(&mut self, line: u32) {
        self.pages[line as usize / LINES_PER_PAGE].accessed.sent(bit(line), false, false);
    }

    /// The answer of a read has reached the host's side of the channel; `counts`: it was served from memory.
    pub fn read_done(&mut self, line: u32, counts: bool) {
        let page = &mut self.pages[line as usize / LINES_PER_PAGE];
        if !counts {
            page.accessed.fly_spent |= bit(line);
        }
        page.accessed.arrived(bit(line), page.track_accessed);
    }

    /// The doorbell of a command on pages `first..end` is rung next; `recall`: it takes the host's ownership.
    pub fn begin(&mut self, now: u64, first: u32, end: u32, recall: bool) {
        debug_assert!(self.running.is_none(), "one range command at a time");
        self.running = Some(Running { begin: now, recall, first, end });
        for page in &mut self.pages[first as usize..end as usize] {
            page.dirty.begin(recall);
            page.accessed.begin(false);
        }
    }

    /// TRACK: between begin and end nothing is known of the tracking of these pages.
    pub fn begin_track(&mut self, now: u64, first: u32, end: u32, recall: bool) {
        self.begin(now, first, end, recall);
        for page in &mut self.pages[first as usize..end as usize] {
            page.tracking = true;
            page.track_generation += 1;
        }
    }

    /// No write from no copy may be made to these pages until they were moved.
    pub fn hold(&mut self, first: u32, end: u32) {
        self.pages[first as usize..end as usize].iter_mut().for_each(|page| page.held = true);
    }

    /// Writes from no copy must not be made to this page now.
    pub fn is_held(&self, page: u32) -> bool {
        self.pages[page as usize].held
    }

    /// What the tracking of the pages allows is not known now: answers to requests under way are judged mildly.
    pub fn unsettle(&mut self) {
        self.pages.iter_mut().for_each(|page| page.track_generation += 1);
    }

    /// MAP (to consecutive frames) and UNMAP. The pages are held and no write from no copy is under way.
    pub fn begin_move(&mut self, now: u64, first: u32, end: u32, frame: Option<u32>) {
        self.begin(now, first, end, frame.is_none());
        for (page, at) in self.pages[first as usize..end as usize].iter_mut().zip(0..) {
            page.map_generation += 1;
            page.track_generation += 1;
            page.map = match (frame, page.map) {
                (Some(frame), PageMap::Unmapped) => PageMap::Moving(frame + at),
                (_, PageMap::Local(frame)) => PageMap::Moving(frame),
                (_, map) => map,
            };
        }
    }

    /// The harvest under way reported `mask` for a page that it has done.
    ///
    /// # Errors
    /// [`OracleError::Lost`], [`OracleError::Invented`].
    pub fn report(&mut self, page: u32, mask: u64, accessed: bool, clear: bool) -> Result<(), OracleError> {
        let page = &mut self.pages[page as usize];
        page.same_tracking = true;
        let (what, epoch, tracked) = if accessed {
            page.dirty.cancel(page.track);
            ("accessed", &mut page.accessed, page.track_accessed)
        } else {
            page.accessed.cancel(page.track_accessed);
            ("dirty", &mut page.dirty, page.track)
        };
        if !tracked {
            epoch.cancel(false);
            // A merge asks for the track flag only: an accessed mask may come back to a page that no longer tracks
            // reads.
            let invented = mask & !epoch.may;
            epoch.may &= if clear { 0 } else { mask };
            return match invented {
                0 => Ok(()),
                lines => Err(OracleError::Invented { what, page: page.number, lines }),
            };
        }
        match epoch.report(mask, clear) {
            (0, 0) => Ok(()),
            (0, lines) => Err(OracleError::Invented { what, page: page.number, lines }),
            (lines, _) => Err(OracleError::Lost { what, page: page.number, lines }),
        }
    }

    /// The command under way is over and did nothing to this page's masks (RECALL; or a harvest that was stopped).
    pub fn cancelled(&mut self, page: u32) {
        let page = &mut self.pages[page as usize];
        page.dirty.cancel(page.track);
        page.accessed.cancel(page.track_accessed);
    }

    /// TRACK has passed its slot of this page.
    pub fn tracked(&mut self, page: u32, track: bool, accessed: bool) {
        let page = &mut self.pages[page as usize];
        page.track_generation += 1;
        page.tracking = false;
        page.track = track;
        page.track_accessed = track && accessed;
        page.same_tracking = false;
        if track {
            page.dirty.start()
        } else {
            page.dirty.stop()
        }
        if track && accessed { page.accessed.start() } else { page.accessed.stop() }
    }

    /// MAP (to the frame announced) or UNMAP has passed its slot of this page, or has not got to it.
    pub fn moved(&mut self, page: u32, verdict: Verdict, mapped: bool) {
        let page = &mut self.pages[page as usize];
        page.map_generation += 1;
        page.track_generation += 1;
        page.held = false;
        if let PageMap::Moving(frame) = page.map {
            let local = mapped == (verdict == Verdict::Done);
            page.map = if local { PageMap::Local(frame) } else { PageMap::Unmapped };
        }
        if verdict == Verdict::Done {
            page.track = false;
            page.track_accessed = false;
            page.same_tracking = false;
            page.dirty.stop();
            page.accessed.stop();
        } else {
            page.dirty.cancel(page.track);
            page.accessed.cancel(page.track_accessed);
        }
    }

    /// The command under way is over.
    pub fn end(&mut self) {
        self.running = None;
        debug_assert!(self.pages.iter().all(|p| !p.dirty.open && !p.accessed.open), "a page was not settled");
    }

    /// A result was merged back: its lines are dirty again where the page is still tracked.
    pub fn merged_back(&mut self, page: u32, mask: u64, accessed: bool) {
        let page = &mut self.pages[page as usize];
        let same = page.same_tracking && (!accessed || page.track_accessed);
        let epoch = if accessed { &mut page.accessed } else { &mut page.dirty };
        match (page.track, same) {
            (false, _) => {}
            (true, true) => epoch.must |= mask,
            (true, false) => epoch.may |= mask,
        }
    }

    /// A result was merged back, or acknowledged.
    pub fn perhaps_merged_back(&mut self, page: u32, mask: u64, accessed: bool) {
        let page = &mut self.pages[page as usize];
        if page.track {
            let epoch = if accessed { &mut page.accessed } else { &mut page.dirty };
            epoch.may |= mask;
        }
    }

    fn cell(&self, line: u32) -> Option<u32> {
        match self.pages[line as usize / LINES_PER_PAGE].map {
            PageMap::Local(frame) | PageMap::Moving(frame) => {
                Some(self.frames[&frame] * LINES_PER_PAGE as u32 + line % LINES_PER_PAGE as u32)
            }
            PageMap::Unmapped => None,
        }
    }
}

fn bit(line: u32) -> u64 {
    1 << (line as usize % LINES_PER_PAGE)
}

/// Writes the enabled bytes.
fn merge(line: &mut Line, data: &Line, enables: u64) {
    if enables == u64::MAX {
        *line = *data;
        return;
    }
    for byte in 0..LINE_BYTES {
        if enables >> byte & 1 == 1 {
            line[byte] = data[byte];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// What the host sees of one line, in order.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Seen {
        Sent,
        Done,
        Begin,
        /// A harvest that clears completes, and reports the line or not.
        End(bool),
    }

    /// First and last event number.
    type Write = (usize, usize);
    /// The same, and what was reported.
    type Harvest = (usize, usize, bool);

    /// The verdict of the masks: None, or which event is wrong.
    fn judge(history: &[Seen]) -> Option<usize> {
        let mut epoch = Epoch::default();
        history.iter().position(|event| match event {
            Seen::Sent => {
                epoch.sent(1, false, false);
                false
            }
            Seen::Done => {
                epoch.arrived(1, true);
                false
            }
            Seen::Begin => {
                epoch.begin(false);
                false
            }
            Seen::End(reported) => epoch.report(*reported as u64, true) != (0, 0),
        })
    }

    /// Intervals of event numbers: writes, and harvests with what they reported. A write that is still under way at
    /// the end has not passed its slot, or has, as it likes.
    fn intervals(history: &[Seen]) -> (Vec<Write>, Vec<Harvest>) {
        let (mut writes, mut harvests, mut sent, mut begin) = (Vec::new(), Vec::new(), None, 0);
        for (at, event) in history.iter().enumerate() {
            match *event {
                Seen::Sent => sent = Some(at),
                Seen::Done => writes.extend(sent.take().map(|from| (from, at))),
                Seen::Begin => begin = at,
                Seen::End(reported) => harvests.push((begin, at, reported)),
            }
        }
        writes.extend(sent.map(|from| (from, history.len())));
        (writes, harvests)
    }

    /// Whether slots inside the intervals exist that make every report right. Slots of harvests lie at 4n + 2, those
    /// of writes before or behind them in the same gap, at 4n + 1 or 4n + 3.
    fn explained(history: &[Seen]) -> bool {
        let (writes, harvests) = intervals(history);
        let mut slots = Vec::new();
        explain_harvests(&writes, &harvests, &mut slots)
    }

    fn explain_harvests(writes: &[Write], harvests: &[Harvest], slots: &mut Vec<usize>) -> bool {
        match harvests.get(slots.len()) {
            Some(&(begin, end, _)) => (begin..end).any(|gap| {
                slots.push(4 * gap + 2);
                let found = explain_harvests(writes, harvests, slots);
                slots.pop();
                found
            }),
            None => explain_writes(writes, harvests, slots, &vec![false; harvests.len()]),
        }
    }

    fn explain_writes(writes: &[Write], harvests: &[Harvest], slots: &[usize], written: &[bool]) -> bool {
        let Some((&(sent, done), rest)) = writes.split_first() else {
            return written.iter().zip(harvests).all(|(written, (_, _, reported))| written == reported);
        };
        let mut epochs: Vec<usize> = (sent..done)
            .flat_map(|gap| [4 * gap + 1, 4 * gap + 3])
            .map(|slot| slots.iter().filter(|&&harvest| harvest < slot).count())
            .collect();
        epochs.dedup();
        epochs.into_iter().any(|epoch| {
            let mut written = written.to_vec();
            written.iter_mut().skip(epoch).take(1).for_each(|w| *w = true);
            explain_writes(rest, harvests, slots, &written)
        })
    }

    /// A random history of a right device, or of one that reports as it likes.
    fn history(rng: &mut ChaCha8Rng, right: bool) -> Vec<Seen> {
        let (mut out, mut flying, mut passed, mut running, mut taken) =
            (Vec::new(), false, false, None, false);
        let mut dirty = false;
        for _ in 0..rng.random_range(2..12) {
            // Slots pass between what the host sees.
            for _ in 0..2 {
                if flying && !passed && rng.random() {
                    (passed, dirty) = (true, true);
                }
                if running == Some(false) && !taken && rng.random() {
                    (running, taken, dirty) = (Some(dirty), true, false);
                } else if running == Some(false) && taken && rng.random_ratio(1, 8) && !right {
                    running = Some(true);
                }
            }
            if rng.random() {
                if flying {
                    dirty |= !passed;
                    (flying, passed) = (false, false);
                    out.push(Seen::Done);
                } else {
                    flying = true;
                    out.push(Seen::Sent);
                }
            } else if let Some(mut reported) = running.take() {
                if !taken {
                    (reported, dirty) = (dirty, false);
                }
                taken = false;
                out.push(Seen::End(if right { reported } else { rng.random() }));
            } else {
                running = Some(false);
                out.push(Seen::Begin);
            }
        }
        out
    }

    #[test]
    fn a_right_device_is_never_blamed() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..200_000 {
            let history = history(&mut rng, true);
            assert!(explained(&history), "the generator is wrong: {history:?}");
            assert_eq!(judge(&history), None, "{history:?}");
        }
    }

    #[test]
    fn the_masks_judge_as_an_exhaustive_search_does() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let (mut wrong, mut missed) = (0, 0);
        for _ in 0..200_000 {
            let history = history(&mut rng, false);
            match (explained(&history), judge(&history)) {
                (true, Some(at)) => panic!("event {at} blamed without reason: {history:?}"),
                (false, None) => missed += 1,
                (false, Some(_)) => wrong += 1,
                (true, None) => {}
            }
        }
        println!("{wrong} wrong histories found, {missed} missed");
        assert!(wrong > 50_000);
        assert_eq!(missed, 0);
    }

    fn one_page() -> Oracle {
        let mut oracle = Oracle::new(&[7], &[3], |_, _| [0; LINE_BYTES]);
        oracle.begin_move(0, 0, 1, Some(3));
        oracle.moved(0, Verdict::Done, true);
        oracle.end();
        oracle.begin_track(1, 0, 1, true);
        oracle.tracked(0, true, false);
        oracle.end();
        oracle
    }

    #[test]
    fn with_recall_a_write_from_older_ownership_is_certain() {
        for (since, mask, right) in [(5, 1, true), (5, 0, false), (15, 1, true), (15, 0, true)] {
            let mut oracle = one_page();
            oracle.begin(10, 0, 1, true);
            oracle.write_sent(0, &[1; LINE_BYTES], u64::MAX, Some(since));
            assert_eq!(oracle.report(0, mask, false, true).is_ok(), right, "since {since}, reported {mask}");
        }
    }

    #[test]
    fn without_recall_nothing_under_way_is_certain() {
        let mut oracle = one_page();
        oracle.begin(10, 0, 1, false);
        oracle.write_sent(0, &[1; LINE_BYTES], u64::MAX, Some(5));
        assert_eq!(oracle.report(0, 0, false, true), Ok(()));
        oracle.end();
        oracle.write_done(0);
        oracle.begin(20, 0, 1, false);
        let lost = oracle.report(0, 0, false, true);
        assert_eq!(lost, Err(OracleError::Lost { what: "dirty", page: 7, lines: 1 }));
    }

    #[test]
    fn a_result_that_was_merged_back_must_come_again() {
        let mut oracle = one_page();
        oracle.write_sent(3, &[1; LINE_BYTES], u64::MAX, None);
        oracle.write_done(3);
        for again in [true, false] {
            oracle.begin(10, 0, 1, true);
            assert_eq!(oracle.report(0, 8, false, true), Ok(()));
            oracle.end();
            if again {
                oracle.merged_back(0, 8, false);
            }
        }
        oracle.begin(10, 0, 1, true);
        let invented = oracle.report(0, 8, false, true);
        assert_eq!(invented, Err(OracleError::Invented { what: "dirty", page: 7, lines: 8 }));
    }

    #[test]
    fn values_follow_byte_enables_and_frames() {
        let mut oracle = one_page();
        oracle.write_sent(2, &[9; LINE_BYTES], 0b10, None);
        let mut expected = [0; LINE_BYTES];
        expected[1] = 9;
        assert_eq!(oracle.check_value(2, &expected), Ok(()));
        assert!(oracle.check_value(2, &[9; LINE_BYTES]).is_err());
        oracle.write_done(2);
        oracle.begin_move(5, 0, 1, None);
        oracle.moved(0, Verdict::Done, false);
        assert_eq!(oracle.value(2), None);
    }
}

//! The walk and the region table: a region is taken out of it before the first page slot there, and put in behind the last.

use rust_hdl_core::prelude::*;
use tideline_abi::command::flag;
use tideline_abi::slot::SlotKind;
use tideline_rtl::blocks::range_walker::RangeWalker;

/// What the walker did in a cycle.
#[derive(Debug, PartialEq, Eq)]
enum Did {
    /// Gave a page.
    Page(u64),
    /// Wrote an entry of the region table: region, plain, frame in regions.
    Wrote(u64, bool, u64),
}

/// Cycles that a page slot takes, and that messages with an old entry take to leave.
const SLOT: u32 = 9;
const SETTLE: u32 = 30;

/// Walks a range, and says what was done when. Page slots succeed.
fn walk(kind: SlotKind, flags: u8, pages: std::ops::Range<u64>, frame: u64) -> Vec<(u32, Did)> {
    walk_with(kind, flags, pages, frame, None, None)
}

/// The slot of one page may be refused; ABORT may come while the slot of another is under way.
fn walk_with(
    kind: SlotKind,
    flags: u8,
    pages: std::ops::Range<u64>,
    frame: u64,
    refused: Option<u64>,
    stopped: Option<u64>,
) -> Vec<(u32, Did)> {
    let mut walker = RangeWalker::default();
    walker.connect_all();
    let (mut active, mut settling, mut done, mut page) = (0_u32, 0_u32, vec![], None);
    for cycle in 0..200_000 {
        let (mut given, mut wrote) = (None, false);
        for clk in [false, true] {
            walker.clk.next = Clock { clk };
            walker.rst.next = cycle == 0;
            walker.start.next = cycle == 2;
            walker.start_kind.next = kind.code().into();
            walker.start_flags.next = u64::from(flags).into();
            walker.start_page.next = pages.start.into();
            walker.start_end.next = pages.end.into();
            walker.start_frame.next = frame.into();
            walker.page_ready.next = true;
            walker.active.next = active > 0;
            walker.wrong_state.next = active == 1 && page.is_some() && page == refused;
            walker.wrong_page.next = page.unwrap_or(0).into();
            walker.stop.next = active == SLOT - 1 && page.is_some() && page == stopped;
            walker.region_settled.next = settling == 0;
            assert!(simulate(&mut walker, 1000), "the kernel settles");
            if clk {
                break;
            }
            given = walker.page_valid.val().then(|| walker.page.val().index() as u64);
            done.extend(given.map(|page| (cycle, Did::Page(page))));
            wrote = walker.region_write.val();
            if wrote {
                let entry = walker.region_entry.val();
                let region = walker.region.val().index() as u64;
                done.push((cycle, Did::Wrote(region, entry.plain, entry.frame.index() as u64)));
            }
            if walker.done.val() {
                return done;
            }
        }
        active = if given.is_some() { SLOT } else { active.saturating_sub(1) };
        settling = if wrote { SETTLE } else { settling.saturating_sub(1) };
        page = given.or(page);
    }
    panic!("the walk does not end; it did {done:?}");
}

#[test]
fn what_takes_a_region_out_waits_for_those_who_were_told_before() {
    for kind in [SlotKind::TrackSet, SlotKind::Recall, SlotKind::Unmap] {
        let done = walk(kind, 1, 500..1030, 0);
        let mut last_write = None;
        let mut next = 500;
        for (cycle, did) in done {
            match did {
                Did::Wrote(region, plain, _) => {
                    assert_eq!((region, plain), (next >> 9, false), "{kind:?}, before page {next}");
                    last_write = Some((cycle, region));
                }
                Did::Page(page) => {
                    let (written, region) = last_write.expect("a region was taken out first");
                    assert_eq!((page, page >> 9), (next, region), "{kind:?}");
                    assert!(
                        cycle >= written + SETTLE,
                        "{kind:?}: page {page} is given before the queues settled"
                    );
                    next += 1;
                }
            }
        }
        assert_eq!(next, 1030);
    }
}

#[test]
fn a_region_becomes_plain_behind_its_last_page() {
    let done = walk(SlotKind::Map, flag::MAP_PLAIN, 1024..2048, 512 * 7);
    let writes: Vec<_> = done.iter().filter(|(_, did)| matches!(did, Did::Wrote(..))).collect();
    assert_eq!(writes.len(), 2);
    for (region, frame) in [(2, 7), (3, 8)] {
        let at =
            done.iter().position(|(_, did)| *did == Did::Wrote(region, true, frame)).expect("it is written");
        let (before, last) = &done[at - 1];
        assert_eq!(*last, Did::Page(region * 512 + 511));
        assert!(done[at].0 >= before + SLOT, "its slot has passed");
    }
}

#[test]
fn a_region_behind_the_page_where_a_command_stops_stays_plain() {
    let done = walk_with(SlotKind::Unmap, 0, 511..1030, 0, Some(511), None);
    assert!(matches!(done[..], [(_, Did::Wrote(0, false, _)), (_, Did::Page(511))]), "{done:?}");
}

#[test]
fn a_region_that_is_mapped_becomes_plain_although_the_command_is_stopped() {
    let last = |refused| {
        let done = walk_with(SlotKind::Map, flag::MAP_PLAIN, 1024..2048, 0, refused, Some(1535));
        matches!(done.last(), Some((_, Did::Wrote(2, true, 0))))
    };
    assert!(last(None), "all of its pages are mapped");
    assert!(!last(Some(1535)), "its last page is not mapped");
}

#[test]
fn other_walks_leave_the_table_alone() {
    for (kind, flags) in [(SlotKind::Map, 0), (SlotKind::TrackClear, 0)] {
        let done = walk(kind, flags, 1024..1536, 0);
        assert_eq!(done.len(), 512);
        assert!(done.iter().all(|(_, did)| matches!(did, Did::Page(_))), "{kind:?}");
    }
}

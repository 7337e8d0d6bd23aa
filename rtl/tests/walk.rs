//! Walks that meet pages whose recall timed out earlier: the walk hears of them when it may be in another group.

mod common;

use common::Random;
use rust_hdl_core::prelude::*;
use std::collections::{BTreeSet, VecDeque};
use tideline_abi::slot::SlotKind;
use tideline_rtl::blocks::range_walker::RangeWalker;

/// Pages of a group.
const GROUP: u64 = 512;
/// Groups of the window that the walks are about.
const GROUPS: u64 = 6;

/// What a walk found and left.
#[derive(Debug, Default)]
struct Walk {
    /// Pages in the order in which they were given.
    given: Vec<u64>,
    /// Groups that are set in the summary behind it.
    set: BTreeSet<u64>,
    timed_out: bool,
    cursor: u64,
}

/// Walks the whole window. `listed`: pages that may have something; `stuck`: pages whose recall timed out earlier. What stands
/// around the walker answers after random times.
fn walk(kind: SlotKind, listed: &BTreeSet<u64>, stuck: &BTreeSet<u64>, random: &mut Random) -> Walk {
    let mut walker = RangeWalker::default();
    walker.connect_all();
    let mut result = Walk { set: listed.iter().map(|page| page / GROUP).collect(), ..Walk::default() };
    // Words of the page list on their way, pages that were taken and have not ended.
    let (mut words, mut pages) = (VecDeque::<u64>::new(), VecDeque::<(u32, u64)>::new());
    let mut asked = None;
    let pace = random.next() % 4;
    for cycle in 0..100_000 {
        let mut quick = || pace == 0 || random.next().is_multiple_of(2 * pace);
        let (group_goes, word_goes, list_goes, page_goes) = (quick(), quick(), quick(), quick());
        let head = pages.front().filter(|(due, _)| *due <= cycle).map(|(_, page)| *page);
        walker.clk.next = Clock { clk: false };
        walker.rst.next = cycle == 0;
        walker.start.next = cycle == 2;
        walker.start_kind.next = kind.code().into();
        walker.start_end.next = (GROUPS * GROUP).into();
        walker.start_records.next = 100_000.into();
        walker.region_settled.next = true;
        walker.page_ready.next = page_goes && pages.len() < 3;
        walker.active.next = !pages.is_empty();
        walker.stuck_valid.next = head.is_some_and(|page| stuck.contains(&page));
        walker.stuck_page.next = head.unwrap_or(0).into();
        walker.word_valid.next = asked.is_some();
        walker.groups.next = 0.into();
        if let Some(0) = asked {
            walker.groups.next = result.set.iter().fold(0, |mask, group| mask | 1 << group).into();
        }
        walker.list_ready.next = list_goes;
        walker.list_valid.next = word_goes && !words.is_empty();
        walker.list_pages.next = words.front().copied().unwrap_or(0).into();
        walker.group_done.next = false;
        assert!(simulate(&mut walker, 1000), "the kernel settles");
        let group = walker.group.val().index() as u64;
        let changes = walker.group_set.val() || walker.group_clear.val();
        walker.group_done.next = changes && group_goes;
        assert!(simulate(&mut walker, 1000), "the kernel settles");

        if changes && group_goes {
            assert!(!(walker.group_set.val() && walker.group_clear.val()));
            if walker.group_set.val() {
                result.set.insert(group);
            } else {
                assert!(result.set.remove(&group), "group {group} is cleared twice");
            }
        }
        asked = walker.word_read.val().then(|| walker.word.val().index());
        if walker.list_take.val() {
            words.pop_front();
        }
        if walker.list_ask.val() && list_goes {
            let first = walker.list_group.val().index() as u64 * GROUP;
            words.extend(
                (first..first + GROUP).step_by(64).map(|word| {
                    listed.range(word..word + 64).fold(0, |mask, page| mask | 1 << (page - word))
                }),
            );
        }
        if head.is_some_and(|page| !stuck.contains(&page) || walker.stuck_taken.val()) {
            pages.pop_front();
        }
        if walker.page_valid.val() && walker.page_ready.val() {
            let page = walker.page.val().index() as u64;
            result.given.push(page);
            pages.push_back((cycle + 2, page));
        }
        if walker.done.val() {
            assert!(pages.is_empty() && !changes, "it ends behind everything");
            result.timed_out = walker.timed_out.val();
            result.cursor = walker.cursor.val().index() as u64;
            return result;
        }
        walker.clk.next = Clock { clk: true };
        assert!(simulate(&mut walker, 1000), "a clock edge settles");
    }
    panic!("the walk does not end: {result:?}");
}

fn some(random: &mut Random, of: impl Iterator<Item = u64>, one_in: u64) -> BTreeSet<u64> {
    of.filter(|_| random.next().is_multiple_of(one_in)).collect()
}

#[test]
fn a_harvest_sets_the_groups_of_pages_that_are_stuck_and_no_other() {
    for seed in 0..24 {
        let mut random = Random(seed);
        let density = [3, 200, 2000][random.next() as usize % 3];
        let listed = some(&mut random, 0..GROUPS * GROUP, density);
        let one_in = 1 + random.next() % 4;
        let stuck = some(&mut random, listed.iter().copied(), one_in);
        let walk = walk(SlotKind::Harvest, &listed, &stuck, &mut random);
        assert_eq!(walk.given, listed.iter().copied().collect::<Vec<_>>(), "seed {seed}");
        let groups: BTreeSet<_> = stuck.iter().map(|page| page / GROUP).collect();
        assert_eq!(walk.set, groups, "seed {seed}");
        assert_eq!((walk.timed_out, walk.cursor), (!stuck.is_empty(), GROUPS * GROUP), "seed {seed}");
    }
}

#[test]
fn a_map_stops_at_the_page_that_is_stuck() {
    for page in [0, 1, 700, GROUPS * GROUP - 1] {
        let mut random = Random(page);
        let walk = walk(SlotKind::Map, &BTreeSet::new(), &BTreeSet::from([page, page + 1]), &mut random);
        assert_eq!((walk.given.last(), walk.cursor, walk.timed_out), (Some(&page), page, true));
        assert_eq!(walk.given.len() as u64, page + 1);
    }
}

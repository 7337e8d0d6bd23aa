//! A write at every cycle from 64 before the doorbell of a harvest to 64 after its completion, for every state that the
//! line can be in: in exactly one epoch.

use tideline_tb::RtlConfig;
use tideline_tb::axi::Timing;
use tideline_tb::campaign::{Config, Directed, Dut, FRAMES, Failure, Model, Rtl, TABLES};
use tideline_tb::host::{Levels, NastyHost, RequestKind, State};

/// How the line is before, and what happens to it at the chosen cycle.
#[derive(Clone, Copy, Debug)]
enum Scene {
    /// Modified, and evicted.
    Evicted,
    /// Modified, written back and kept with ownership; stored to again at once.
    KeptAndStoredAgain,
    /// Modified, written back and kept shared.
    KeptShared,
    /// Modified, written back without saying what is kept.
    KeptUnsaid,
    /// No copy, written whole.
    WrittenOver,
    /// No copy, some bytes written.
    WrittenPartly,
    /// Exclusive, stored to: no message, only the recall finds it.
    StoredSilently,
    /// No copy, fetched for ownership and stored to.
    FetchedAndStored,
    /// Shared, upgraded without data and stored to.
    UpgradedAndStored,
}

const SCENES: [Scene; 9] = [
    Scene::Evicted,
    Scene::KeptAndStoredAgain,
    Scene::KeptShared,
    Scene::KeptUnsaid,
    Scene::WrittenOver,
    Scene::WrittenPartly,
    Scene::StoredSilently,
    Scene::FetchedAndStored,
    Scene::UpgradedAndStored,
];

/// Cycles before the doorbell and behind the completion.
const MARGIN: u64 = 64;

impl Scene {
    /// The request that brings the line into its first state, and whether it is stored to.
    fn before(self) -> (Option<RequestKind>, bool) {
        use RequestKind::{ReadAny, ReadShared};
        match self {
            Scene::Evicted | Scene::KeptAndStoredAgain | Scene::KeptShared | Scene::KeptUnsaid => {
                (Some(ReadAny), true)
            }
            Scene::WrittenOver | Scene::WrittenPartly | Scene::FetchedAndStored => (None, false),
            Scene::StoredSilently => (Some(ReadAny), false),
            Scene::UpgradedAndStored => (Some(ReadShared), false),
        }
    }

    /// Tries to go on; true when it is over. A harvest that was faster (the line is gone) ends it too.
    fn go_on(self, host: &mut NastyHost, line: u32, begun: &mut bool) -> bool {
        use RequestKind::*;
        let mut once =
            |kind, from: &[State]| *begun || !from.contains(&host.state(line)) || host.attempt(line, kind);
        let modified = [State::Modified];
        match self {
            Scene::Evicted => once(WriteInvalid, &modified),
            Scene::KeptShared => once(WriteShared, &modified),
            Scene::KeptUnsaid => once(WriteNone, &modified),
            Scene::KeptAndStoredAgain => {
                *begun |= once(WriteAny, &modified);
                *begun && (host.store(line) || !host.state(line).may_write())
            }
            Scene::WrittenOver => once(WriteOver, &[State::Invalid]),
            Scene::WrittenPartly => once(WritePartial, &[State::Invalid]),
            Scene::StoredSilently => host.store(line) || !host.state(line).may_write(),
            Scene::FetchedAndStored => {
                *begun |= once(ReadAny, &[State::Invalid, State::Shared]);
                *begun && host.store(line)
            }
            Scene::UpgradedAndStored => {
                *begun |= once(OwnAny, &[State::Invalid, State::Shared]);
                *begun && host.store(line)
            }
        }
    }
}

/// One write at one offset; gives the cycles from doorbell to completion.
fn trial<D: Dut>(
    bench: &mut Directed<'_, D>,
    scene: Scene,
    line: u32,
    offset: u64,
    recall: bool,
) -> Result<u64, Box<Failure>> {
    let (request, store) = scene.before();
    if let Some(kind) = request {
        assert!(bench.host().attempt(line, kind), "{scene:?}");
        bench.settle()?;
    }
    if store {
        assert!(bench.host().store(line), "{scene:?}");
    }
    let reported = bench.reported();
    let writes = writes(bench.host());
    let (mut begun, mut over, mut length, mut giving_up) = (false, false, 0, 0);
    for cycle in 0.. {
        if cycle >= offset && !over {
            over = scene.go_on(bench.host(), line, &mut begun);
            // A grant that was taken back before the store: the line has nothing more to do.
            giving_up += 1;
            over |= giving_up > 2000;
        }
        if cycle == MARGIN {
            bench.harvest(recall);
        }
        bench.cycle()?;
        if cycle > MARGIN && bench.is_harvesting() {
            length = cycle - MARGIN;
        }
        if over && cycle > MARGIN && !bench.is_harvesting() {
            break;
        }
    }
    // The next epochs: what was not in the first is in these, and nothing twice.
    for _ in 0..2 {
        bench.settle()?;
        bench.harvest(true);
    }
    bench.settle()?;
    let (reported, writes) = (bench.reported() - reported, self::writes(bench.host()) - writes);
    assert!(
        reported.min(1) == writes.min(1) && reported <= writes,
        "{scene:?}, offset {offset}, recall {recall}: {writes} writes reached the device, {reported} times reported\n{:#?}",
        bench.host().history(line)
    );
    // Back to no copy.
    if bench.host().state(line) != State::Invalid {
        assert!(bench.host().attempt(line, RequestKind::CleanEvict), "{scene:?}");
        bench.settle()?;
    }
    Ok(length)
}

fn writes(host: &NastyHost) -> u64 {
    host.stats().sent[RequestKind::WriteInvalid as usize..].iter().sum()
}

fn every_offset<D: Dut>(device: D, late: bool, step: u64) {
    let levels = Levels { late, back_pressure: late, ..Levels::default() };
    let config = Config { pages: 2, levels, ..Config::new(0x0ff5e7, 0) };
    let mut bench = Directed::new(device, &config).unwrap_or_else(|e| panic!("{e}"));
    for recall in [true, false] {
        for scene in SCENES {
            let (mut offset, mut length) = (0, 0);
            while offset < 2 * MARGIN + length {
                let line = (offset % 64) as u32;
                let cycles = trial(&mut bench, scene, line, offset, recall);
                length = length.max(cycles.unwrap_or_else(|e| panic!("{scene:?}, offset {offset}: {e}")));
                offset += step;
            }
            println!(
                "{scene:?}, recall {recall}: {} offsets, harvest of at most {length} cycles",
                offset / step
            );
        }
    }
}

#[test]
fn model() {
    every_offset(Model::default(), false, 1);
    every_offset(Model::default(), true, 1);
}

#[test]
fn rtl_without_pauses() {
    // Short latencies: every stage of the device is met, in fewer cycles.
    let rtl = RtlConfig {
        dram: Timing::steady(12),
        host: Timing::steady(16),
        ..RtlConfig::fast(FRAMES).cleared_from(TABLES)
    };
    every_offset(Rtl::new(&rtl).unwrap_or_else(|e| panic!("{e}")), false, 1);
}

#[test]
fn rtl_with_pauses() {
    every_offset(
        Rtl::new(&RtlConfig::nasty(FRAMES, 4).cleared_from(TABLES)).unwrap_or_else(|e| panic!("{e}")),
        true,
        3,
    );
}

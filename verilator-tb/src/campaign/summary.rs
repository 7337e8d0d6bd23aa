//! What a campaign did.

use super::LogCounters;
use crate::host::{NastyStats, RequestKind, State};
use std::fmt;
use tideline_abi::cxl::NdrOpcode;

/// What the software counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    /// Completions.
    pub commands: u64,
    /// Harvests with a result.
    pub harvests: u64,
    /// Of these cut off by their buffer and continued.
    pub partial: u64,
    /// Lines reported.
    pub reported: u64,
    /// Results refused.
    pub nacks: u64,
    /// TRACK.
    pub tracks: u64,
    /// MAP and UNMAP.
    pub moves: u64,
    /// Of these those of the region.
    pub regions: u64,
    /// ABORT sent.
    pub aborts: u64,
    /// Commands that were cut off.
    pub aborted: u64,
    /// Commands beside a range command, and commands that must be refused.
    pub refused: u64,
    /// Commands that met a recall timeout.
    pub timeouts: u64,
    /// Resets.
    pub resets: u64,
}

/// What a campaign did.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Name of the device.
    pub device: &'static str,
    /// Its seed.
    pub seed: u64,
    /// Cycles.
    pub cycles: u64,
    /// What the host counted.
    pub host: NastyStats,
    /// What the software counted.
    pub software: Counters,
    /// What the consumer of the log counted, where the device shows its slots.
    pub log: Option<LogCounters>,
    /// Commit slots compared with the model.
    pub slots: u64,
    /// Of these lines of a plain region, past the descriptors.
    pub plain: u64,
    /// Clean copies compared with memory.
    pub copies: u64,
}

impl Summary {
    /// The rows of the contract that the host can reach and this campaign did not.
    pub fn missing_rows(&self) -> Vec<String> {
        use NdrOpcode::{Cmp, CmpE, CmpS};
        use RequestKind::*;
        let mut missing = Vec::new();
        let mut need = |kind: RequestKind, ndr: NdrOpcode, poison: bool| {
            if self.host.answers[kind as usize][ndr as usize][poison as usize] == 0 {
                missing.push(format!("{} -> {ndr:?}{}", kind.label(), if poison { ", poison" } else { "" }));
            }
        };
        for kind in [ReadAny, OwnAny, OwnNtAny] {
            need(kind, CmpE, false);
        }
        for kind in [ReadShared, ReadData, OwnShared, OwnNtShared] {
            need(kind, CmpS, false);
        }
        for kind in [ReadAny, ReadShared, ReadData] {
            need(kind, CmpS, true);
        }
        for kind in [ReadCurrent, ReadOnce, ReadInvalid] {
            need(kind, Cmp, false);
            need(kind, Cmp, true);
        }
        for kind in [OwnAny, OwnNtAny, OwnShared, OwnNtShared, OwnInvalid, OwnNtInvalid, OwnNone, CleanEvict]
        {
            need(kind, Cmp, false);
        }
        for kind in [WriteInvalid, WriteAny, WriteShared, WriteNone, WriteOver, WritePartial, SnoopWrite] {
            need(kind, Cmp, false);
        }
        for state in [State::Invalid, State::Shared, State::Exclusive, State::Modified] {
            for invalidate in [false, true] {
                for keep in [false, true] {
                    let possible = !keep || !invalidate && state != State::Invalid;
                    let seen = self.host.snooped[state as usize][invalidate as usize][keep as usize];
                    if possible && seen == 0 {
                        missing.push(format!("snoop of {state:?}: invalidate {invalidate}, kept {keep}"));
                    }
                }
            }
        }
        for (count, what) in self.host.conflicts.iter().zip(["request", "write"]) {
            if *count == 0 {
                missing.push(format!("BIConflict for an outstanding {what}"));
            }
        }
        for (count, lines) in self.host.snoop_sizes.iter().zip([1, 2, 4]) {
            if *count == 0 {
                missing.push(format!("snoop of {lines} lines"));
            }
        }
        if self.host.answered_blocks == 0 {
            missing.push("block answered as a whole".into());
        }
        if let Some(LogCounters { records, dropped, .. }) = self.log {
            let needed = [(records, "record of the log"), (dropped, "record that the log dropped")];
            missing.extend(needed.iter().filter(|(count, _)| *count == 0).map(|(_, what)| what.to_string()));
        }
        missing
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { device, seed, cycles, host, software: s, log, slots, plain, copies } = self;
        writeln!(f, "{device}, seed {seed:#x}: {} requests in {cycles} cycles", host.requests())?;
        for &kind in RequestKind::ALL {
            write!(f, "  {:<26}{:>12}", kind.label(), host.sent[kind as usize])?;
            // The rows of the line table that answered it, and how often.
            for (ndr, counts) in ["Cmp", "Cmp-S", "Cmp-E"].iter().zip(host.answers[kind as usize]) {
                for (count, poison) in counts.iter().zip(["", " poison"]).filter(|(count, _)| **count > 0) {
                    write!(f, "  {ndr}{poison} {count}")?;
                }
            }
            writeln!(f)?;
        }
        for (state, counts) in ["Invalid", "Shared", "Exclusive", "Modified"].iter().zip(host.snooped) {
            let [[data_gone, data_kept], [inv_gone, inv_kept]] = counts;
            writeln!(
                f,
                "  snoop of {state:<17} BISnpData -> I {data_gone}, -> S {data_kept}; BISnpInv -> I {inv_gone}, -> S {inv_kept}"
            )?;
        }
        let snoops: u64 = host.snooped.iter().flatten().flatten().sum();
        let sizes = host.snoop_sizes;
        writeln!(
            f,
            "  {snoops} lines snooped by {sizes:?} snoops of 1, 2, 4 lines, {} blocks answered as a whole",
            host.answered_blocks
        )?;
        writeln!(f, "  conflicts for requests / writes {:?}", host.conflicts)?;
        writeln!(
            f,
            "  {} stores, {} silent changes, {} violations",
            host.stores, host.silent, host.violations
        )?;
        writeln!(
            f,
            "  {} completions: {} harvests ({} continued, {} refused), {} lines reported, {} TRACK, {} MAP / UNMAP ({} of the region)",
            s.commands, s.harvests, s.partial, s.nacks, s.reported, s.tracks, s.moves, s.regions
        )?;
        writeln!(f, "  {} ABORT, {} cut off, {} aside, {} resets", s.aborts, s.aborted, s.refused, s.resets)?;
        if let Some(LogCounters { rings, records, dropped }) = log {
            writeln!(f, "  {records} records in {rings} log rings, {dropped} dropped")?;
        }
        write!(f, "  {slots} commit slots ({plain} past the descriptors) and {copies} clean copies compared")
    }
}

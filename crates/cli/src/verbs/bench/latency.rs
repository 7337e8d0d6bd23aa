//! Cycles of single requests: to memory, and what tracking adds.

use super::runner::{PATIENCE, Runner, check_line, contents, scattered};
use super::{REQUESTS, Rtl};
use anyhow::{Context, Result, bail, ensure};
use tideline_abi::command::flag;
use tideline_abi::cxl::{Line, MetaValue};
use tideline_tb::LineDevice;

/// Requests, one at a time.
const SINGLE: u64 = 64;

/// What a request does with memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Direction {
    Read,
    Write,
}

/// From the clock edge that takes a read to the one at which the device offers it to memory; the slowest of some.
pub fn request_to_memory(runner: &mut Runner, rtl: &mut Rtl) -> Result<()> {
    for line in (0..SINGLE).map(scattered) {
        let cycles = to_memory(runner, Direction::Read, line, 0)?;
        rtl.request_to_memory_cycles = rtl.request_to_memory_cycles.max(cycles);
    }
    Ok(())
}

/// From the clock edge that takes a request of a line to the one at which the device offers it, or the first other one of
/// its direction, to memory. A read must bring what the `written`-th write left.
pub fn to_memory(runner: &mut Runner, direction: Direction, line: u64, written: u8) -> Result<u64> {
    let reads = direction == Direction::Read;
    let read = runner.read(line, 0, MetaValue::Shared);
    let write = runner.write(line, 0, contents(line, written));
    let machine = runner.device.carrier_mut();
    let channels = &mut machine.channels;
    if reads {
        channels.m2s_req.push_back(read)
    } else {
        channels.m2s_rwd.push_back(write)
    }
    let mut taken = None;
    let cycles = loop {
        machine.device.tick(&mut machine.channels)?;
        let now = machine.device.cycle();
        if taken.is_none() && machine.channels.m2s_req.is_empty() && machine.channels.m2s_rwd.is_empty() {
            taken = Some(now);
        }
        let dram = &machine.device.rtl.pins().m_axi_dram;
        let offered = if reads { dram.arvalid.get() } else { dram.awvalid.get() };
        if offered != 0 {
            // The pins show what the next edge will see.
            break now + 1 - taken.context("memory is accessed before the request was taken")?;
        }
        ensure!(taken.is_none_or(|cycle| now - cycle < PATIENCE), "a request does not reach memory");
    };
    if let Some(data) = finish(runner, reads)? {
        check_line(line, &data, written)?;
    }
    Ok(cycles)
}

/// Waits for the answers of the one request under way.
fn finish(runner: &mut Runner, reads: bool) -> Result<Option<Line>> {
    let machine = runner.device.carrier_mut();
    let begin = machine.device.cycle();
    while machine.device.cycle() - begin < PATIENCE {
        if !machine.channels.s2m_ndr.is_empty() && machine.channels.s2m_drs.is_empty() != reads {
            machine.channels.s2m_ndr.clear();
            return Ok(machine.channels.s2m_drs.pop_front().map(|drs| drs.data));
        }
        machine.device.tick(&mut machine.channels)?;
    }
    bail!("a request is not answered after {PATIENCE} cycles")
}

/// What tracking adds to the one of these requests to which it adds most: the same ones with the pages tracked, no line
/// dirty yet, and with tracking off. And how fast many writes are with tracking off.
pub fn added_by_tracking(runner: &mut Runner, rtl: &mut Rtl) -> Result<()> {
    // TRACK clears what was dirty: every write below is the first of its line, and many of their page.
    runner.track(runner.range, flag::TRACK_SET)?;
    let tracked = cycles(runner)?;
    runner.track(runner.range, 0)?;
    let off = cycles(runner)?;
    let run = runner.write_all((0..REQUESTS / 2).map(scattered), 0)?;
    rtl.untracked_write_lines_per_cycle = (REQUESTS / 2) as f64 / run as f64;
    runner.track(runner.range, flag::TRACK_SET)?;
    let added = tracked.iter().zip(&off).map(|(tracked, off)| *tracked as i64 - *off as i64);
    rtl.added_latency_tracking_cycles = added.max().context("nothing was measured")?;
    Ok(())
}

/// Cycles from offer to answer of single writes and reads.
fn cycles(runner: &mut Runner) -> Result<Vec<u64>> {
    let mut cycles = vec![];
    for line in (0..SINGLE).map(scattered) {
        cycles.push(runner.write_all([line].into_iter(), 0)?);
        cycles.push(runner.read_all([line].into_iter(), 0)?);
    }
    Ok(cycles)
}

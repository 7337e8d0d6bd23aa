//! The longest ways of a synthesised ECP5 netlist, without placing it: minutes where place and route takes an hour.
//!
//! A way begins at a register or memory and ends at one; each cell and each wire on it has one delay. The estimate is some 25 %
//! more than what single blocks have when routed; of a full chip there is nothing routed to compare. What it is good for is the order,
//! and that every family of ways shows, not only the longest.

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use std::iter::successors;

/// Delays in ns: a wire; out of a register; out of a block RAM without an output register; through a lookup table, a wide
/// multiplexer, a carry, and into or out of a carry chain.
const WIRE: f64 = 0.75;
const REGISTER: f64 = 0.53;
const BLOCK_RAM: f64 = 5.7;
const LUT: f64 = 0.24;
const MUX: f64 = 0.15;
const CARRY: f64 = 0.07;
const INTO_CARRY: f64 = 0.45;

/// The longest way from a register, or to one; an array counts as one.
#[derive(Debug)]
pub struct Way {
    /// Where it begins; `#` stands for any number.
    pub from: String,
    /// Where it ends.
    pub to: String,
    /// Cells on it.
    pub levels: usize,
    /// Nanoseconds.
    pub delay: f64,
    /// The nets on it, each with the time when its value is there.
    pub steps: Vec<(f64, String)>,
    /// How many ways begin or end there whose delay is at least the one asked for.
    pub ends: usize,
}

/// When a net's value is there, and the net that it waited for last.
#[derive(Clone, Copy, Default)]
struct Arrival {
    time: f64,
    levels: usize,
    from: Option<u64>,
}

struct Netlist<'a> {
    cells: &'a Map<String, Value>,
    names: HashMap<u64, &'a str>,
    driver: HashMap<u64, (&'a str, &'a str)>,
    arrivals: HashMap<u64, Arrival>,
}

/// The ways of at least `least` ns of the module `top` of a netlist that yosys wrote, the longest of each beginning, or of each
/// end, longest first.
pub fn ways(netlist: &Value, top: &str, least: f64, by_end: bool) -> Result<Vec<Way>> {
    let module = &netlist["modules"][top];
    let cells = module["cells"].as_object().with_context(|| format!("the netlist has no module {top}"))?;
    let mut net = Netlist { cells, names: HashMap::new(), driver: HashMap::new(), arrivals: HashMap::new() };
    for (name, entry) in module["netnames"].as_object().into_iter().flatten() {
        let hidden = entry["hide_name"] == 1;
        for bit in bits(&entry["bits"]) {
            if !hidden || !net.names.contains_key(&bit) {
                net.names.insert(bit, name);
            }
        }
    }
    for (name, cell) in cells {
        for (port, direction) in cell["port_directions"].as_object().into_iter().flatten() {
            if direction == "output" {
                bits(&cell["connections"][port]).for_each(|bit| {
                    net.driver.insert(bit, (name, port));
                });
            }
        }
    }
    let mut found: BTreeMap<String, Way> = BTreeMap::new();
    for (name, cell) in cells {
        let is_end = |port: &str| match kind(cell) {
            "TRELLIS_FF" => matches!(port, "DI" | "CE" | "LSR" | "M"),
            "TRELLIS_DPR16X4" => matches!(port, "DI" | "WAD" | "WRE"),
            "DP16KD" => cell["port_directions"][port] == "input" && !port.starts_with("CLK"),
            _ => false,
        };
        for (port, wires) in cell["connections"].as_object().into_iter().flatten() {
            for bit in bits(wires).filter(|_| is_end(port)) {
                let arrival = net.arrival(bit)?;
                let delay = arrival.time + WIRE;
                if arrival.time == 0.0 || delay < least {
                    continue;
                }
                let from = plain(net.name(net.beginning(bit)));
                let key = if by_end { plain(name) } else { from.clone() };
                let way = found.entry(key).or_insert_with(|| Way {
                    from: String::new(),
                    to: String::new(),
                    levels: 0,
                    delay: 0.0,
                    steps: vec![],
                    ends: 0,
                });
                way.ends += 1;
                if delay > way.delay {
                    (way.delay, way.levels) = (delay, arrival.levels);
                    (way.from, way.to) = (from, plain(name));
                    way.steps = net.steps(bit);
                }
            }
        }
    }
    let mut ways: Vec<Way> = found.into_values().collect();
    ways.sort_by(|a, b| b.delay.total_cmp(&a.delay));
    Ok(ways)
}

impl<'a> Netlist<'a> {
    fn name(&self, bit: u64) -> &'a str {
        self.names.get(&bit).copied().unwrap_or("?")
    }

    /// The net at which the longest way to a net begins.
    fn beginning(&self, bit: u64) -> u64 {
        self.back(bit).last().unwrap_or(bit)
    }

    /// The longest way to a net, backwards.
    fn back(&self, bit: u64) -> impl Iterator<Item = u64> + '_ {
        successors(Some(bit), |bit| self.arrivals.get(bit)?.from)
    }

    fn steps(&self, bit: u64) -> Vec<(f64, String)> {
        let net = |bit: u64| (self.arrivals[&bit].time, crate::route::plain(self.name(bit)));
        let mut steps: Vec<_> = self.back(bit).map(net).collect();
        steps.reverse();
        steps
    }

    /// When a net's value is there. Depth first with a stack of its own: ways are long.
    fn arrival(&mut self, bit: u64) -> Result<Arrival> {
        let mut stack = vec![bit];
        while let Some(&bit) = stack.last() {
            if self.arrivals.contains_key(&bit) {
                stack.pop();
                continue;
            }
            let inputs = match self.driver.get(&bit).copied() {
                None => Ok(vec![]),
                Some((cell, port)) => inputs(&self.cells[cell], port),
            };
            let arrival = match inputs {
                Err(time) => Arrival { time, ..Arrival::default() },
                Ok(inputs) => {
                    let unknown: Vec<u64> = inputs
                        .iter()
                        .map(|&(bit, _)| bit)
                        .filter(|b| !self.arrivals.contains_key(b))
                        .collect();
                    if !unknown.is_empty() {
                        if stack.len() > self.driver.len() + 1 {
                            bail!("a combinational loop through {}", self.name(bit));
                        }
                        stack.extend(unknown);
                        continue;
                    }
                    let mut latest = Arrival::default();
                    for (from, delay) in inputs {
                        let before = self.arrivals[&from];
                        if before.time > 0.0 && before.time + delay > latest.time {
                            latest = Arrival {
                                time: before.time + delay,
                                levels: before.levels + 1,
                                from: Some(from),
                            };
                        }
                    }
                    latest
                }
            };
            self.arrivals.insert(bit, arrival);
            stack.pop();
        }
        Ok(self.arrivals[&bit])
    }
}

/// The nets that an output waits for, each with the delay from it; or, of a register or memory, when its value is there.
fn inputs(cell: &Value, output: &str) -> Result<Vec<(u64, f64)>, f64> {
    let all = |ports: &[&str], delay: f64| -> Vec<(u64, f64)> {
        ports.iter().flat_map(|port| bits(&cell["connections"][*port])).map(|bit| (bit, delay)).collect()
    };
    match kind(cell) {
        "TRELLIS_FF" => Err(REGISTER),
        "DP16KD" => Err(BLOCK_RAM),
        "LUT4" => Ok(all(&["A", "B", "C", "D"], LUT + WIRE)),
        "PFUMX" => Ok([all(&["ALUT", "BLUT"], MUX), all(&["C0"], LUT + WIRE)].concat()),
        "L6MUX21" => Ok([all(&["D0", "D1"], MUX), all(&["SD"], LUT + WIRE)].concat()),
        "TRELLIS_DPR16X4" => Ok(all(&["RAD"], LUT + WIRE)),
        "CCU2C" => Ok([
            all(&["A0", "B0", "C0", "D0", "A1", "B1", "C1", "D1"], INTO_CARRY + WIRE),
            all(&["CIN"], if output == "COUT" { CARRY } else { INTO_CARRY }),
        ]
        .concat()),
        _ => Ok(vec![]),
    }
}

fn kind(cell: &Value) -> &str {
    cell["type"].as_str().unwrap_or_default()
}

/// The nets of a list; constants are none.
fn bits(list: &Value) -> impl Iterator<Item = u64> + '_ {
    list.as_array().into_iter().flatten().filter_map(Value::as_u64)
}

/// A name as the Verilog has it, with `#` for numbers.
fn plain(name: &str) -> String {
    let mut plain = String::new();
    for part in crate::route::plain(name).chars() {
        match part {
            '0'..='9' if plain.ends_with('#') => {}
            '0'..='9' => plain.push('#'),
            _ => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn register(d: u64, q: u64) -> Value {
        json!({ "type": "TRELLIS_FF", "port_directions": { "DI": "input", "Q": "output" },
                "connections": { "DI": [d], "Q": [q] } })
    }

    #[test]
    fn the_longest_way_of_each_beginning() {
        let lut = json!({ "type": "LUT4", "port_directions": { "A": "input", "B": "input", "Z": "output" },
                          "connections": { "A": [1], "B": ["0"], "Z": [2] } });
        let netlist = json!({ "modules": { "top": {
            "cells": { "block.a_TRELLIS_FF_Q": register(3, 1), "l": lut, "block.b_7_TRELLIS_FF_Q": register(2, 3) },
            "netnames": { "block.a": { "bits": [1] }, "$x": { "bits": [2], "hide_name": 1 }, "block.b_7": { "bits": [3] } },
        } } });
        let ways = ways(&netlist, "top", 0.0, false).unwrap();
        let shown: Vec<_> =
            ways.iter().map(|way| (way.from.as_str(), way.to.as_str(), way.levels, way.ends)).collect();
        assert_eq!(shown, [("a", "b_#", 1, 1), ("b_#", "a", 0, 1)]);
        assert!((ways[0].delay - (REGISTER + LUT + 2.0 * WIRE)).abs() < 1e-9, "{ways:?}");
        assert!((ways[1].delay - (REGISTER + WIRE)).abs() < 1e-9, "{ways:?}");
    }
}

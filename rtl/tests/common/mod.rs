//! What the tests of the writer share: linting a design, and comparing a kernel with its Verilog cycle by cycle.

// Every test file is a crate of its own and uses a part of this.
#![allow(dead_code)]

use rust_hdl_core::prelude::*;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use tideline_rtl::verilog::{Design, Direction};

/// Runs a tool in `dir`; panics with its output unless it succeeds.
pub fn run(dir: &Path, program: &str, arguments: &[String]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(dir)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {}\n{text}", arguments.join(" "));
    text
}

/// Both linters, with every warning on and no waiver.
pub fn lint(design: &Design) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    design.write_to(dir.path()).expect("writable");
    let files: Vec<String> = design.modules.iter().map(|module| format!("{}.v", module.name)).collect();
    let mut verilator = ["--lint-only", "-Wall", "--top-module", &design.top].map(String::from).to_vec();
    verilator.extend(files.iter().cloned());
    run(dir.path(), "verilator", &verilator);
    for flag in ["", "-formal "] {
        let script = format!(
            "read_verilog {flag}{}; hierarchy -check -top {}; proc; check -assert",
            files.join(" "),
            design.top
        );
        let text = run(dir.path(), "yosys", &["-q".into(), "-p".into(), script]);
        assert!(!text.contains("Warning"), "{text}");
    }
    for module in &design.modules {
        assert!(!module.text.contains("lint_off"), "{}", module.name);
    }
}

/// Random numbers that are the same in every run (SplitMix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    pub fn bit(&mut self) -> bool {
        self.next() & 1 == 1
    }

    /// True in one of `n` cases.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.next().is_multiple_of(n)
    }

    pub fn bits<const N: usize>(&mut self) -> Bits<N> {
        let mut value = Bits::<N>::default();
        for at in 0..N {
            value = value.replace_bit(at, self.bit());
        }
        value
    }
}

/// The present values of a block's ports as binary digits, in the order of its declaration.
#[derive(Default)]
struct Ports {
    depth: usize,
    values: Vec<String>,
}

impl Probe for Ports {
    fn visit_start_scope(&mut self, _: &str, _: &dyn Block) {
        self.depth += 1;
    }
    fn visit_atom(&mut self, _: &str, atom: &dyn Atom) {
        if self.depth == 1 && atom.kind().is_parameter() {
            let text = format!("{:x}", atom.verilog());
            let digits = text.split("'h").nth(1).unwrap_or("0");
            let bits: String = digits
                .chars()
                .map(|digit| format!("{:04b}", digit.to_digit(16).expect("a hexadecimal digit")))
                .collect();
            let padded = "0".repeat(atom.bits()) + &bits;
            self.values.push(padded[padded.len() - atom.bits()..].to_owned());
        }
    }
    fn visit_end_scope(&mut self, _: &str, _: &dyn Block) {
        self.depth -= 1;
    }
}

/// A test bench that feeds the Verilog what the kernels got, and expects what they answered.
///
/// All designs of a test share one bench, because building the simulator takes longer than running it.
#[derive(Default)]
pub struct Bench {
    instances: String,
    checks: String,
    /// Modules and vectors, by file name.
    files: BTreeMap<String, String>,
    count: usize,
}

impl Bench {
    /// Runs `cycles` cycles of the kernel and records them. `drive` sets the inputs of one cycle; the clock, if there is
    /// one, is driven through `clock`.
    pub fn record<B: Block>(
        &mut self,
        design: &Design,
        block: &mut B,
        cycles: usize,
        clock: impl Fn(&mut B, bool),
        mut drive: impl FnMut(&mut B, &mut Random, usize),
    ) {
        let mut random = Random(self.count as u64);
        let has_clock = design.ports.iter().any(|port| matches!(port.name.as_str(), "clk" | "clock"));
        let mut vectors = String::new();
        for cycle in 0..cycles {
            clock(block, false);
            drive(block, &mut random, cycle);
            assert!(simulate(block, 100), "{} does not settle", design.top);
            let mut ports = Ports::default();
            block.accept("top", &mut ports);
            assert_eq!(ports.values.len(), design.ports.len());
            let _ = writeln!(vectors, "{}", ports.values.join("_"));
            if has_clock {
                clock(block, true);
                assert!(simulate(block, 100), "{} does not settle", design.top);
            }
        }
        self.add(design, cycles, vectors);
    }

    fn add(&mut self, design: &Design, cycles: usize, vectors: String) {
        let name = format!("d{}", self.count);
        self.count += 1;
        self.files.insert(format!("{name}.txt"), vectors);
        for module in &design.modules {
            // Designs of one bench may share modules, but a name must mean one text.
            let known = self.files.insert(format!("{}.v", module.name), module.text.clone());
            assert!(known.is_none_or(|known| known == module.text), "two texts for {}", module.name);
        }
        // Before the first clock edge under reset, registers hold anything.
        let first = usize::from(design.ports.iter().any(|port| port.name == "rst"));
        let width: usize = design.ports.iter().map(|port| port.width).sum();
        let (mut pins, mut set, mut compare, mut rise) =
            (vec![], String::new(), String::new(), String::new());
        let mut end = width;
        for port in &design.ports {
            let pin = format!("{name}_{}", port.name);
            let part = format!("{name}_vector[{}:{}]", end - 1, end - port.width);
            end -= port.width;
            pins.push(format!(".{}({pin})", port.name));
            let kind = if port.direction == Direction::Input { "reg" } else { "wire" };
            let _ = writeln!(self.instances, "  {kind} [{}:0] {pin};", port.width - 1);
            if matches!(port.name.as_str(), "clk" | "clock") {
                rise = format!("      {pin} = 1; #1;\n");
            }
            if port.direction == Direction::Input {
                let _ = writeln!(set, "      {pin} = {part};");
            } else {
                let _ = writeln!(
                    compare,
                    "      if (cycle >= {first} && {pin} !== {part}) begin failures = failures + 1; if (failures < 20) \
                     $display(\"{}.{} is %0h, not %0h in cycle %0d\", {pin}, {part}, cycle); end",
                    design.top, port.name
                );
            }
        }
        let _ = writeln!(
            self.instances,
            "  {} {name} ({});\n  reg [{last}:0] {name}_vectors [0:{}];\n  reg [{last}:0] {name}_vector;",
            design.top,
            pins.join(", "),
            cycles - 1,
            last = width - 1,
        );
        let _ = writeln!(
            self.checks,
            "    $readmemb(\"{name}.txt\", {name}_vectors);\n    for (cycle = 0; cycle < {cycles}; cycle = cycle + 1) \
             begin\n      {name}_vector = {name}_vectors[cycle];\n{set}      #1;\n{compare}{rise}    end"
        );
    }

    /// Builds and runs the bench.
    pub fn check(self) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let options = "--binary -Wno-fatal -Wno-lint -Wno-style -j 1 -CFLAGS -O0 --top-module bench bench.v";
        let mut arguments: Vec<String> = options.split(' ').map(String::from).collect();
        for (name, text) in &self.files {
            std::fs::write(dir.path().join(name), text).expect("writable");
            if name.ends_with(".v") {
                arguments.push(name.clone());
            }
        }
        let bench = format!(
            "`timescale 1ns/1ns\nmodule bench;\n{}  integer failures = 0;\n  integer cycle;\n  initial begin\n{}    if \
             (failures == 0) $display(\"EQUAL\");\n    $finish;\n  end\nendmodule\n",
            self.instances, self.checks
        );
        std::fs::write(dir.path().join("bench.v"), bench).expect("writable");
        run(dir.path(), "verilator", &arguments);
        let text = run(dir.path(), "./obj_dir/Vbench", &[]);
        assert!(text.contains("EQUAL"), "{text}");
    }
}

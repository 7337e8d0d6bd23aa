//! Emits every block under proof, compiles all of them as one design, and writes the code that drives their kernels.

use anyhow::Context;
use rust_hdl_core::prelude::*;
use rust_hdl_core::type_descriptor::{TypeDescriptor, TypeKind};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs};
use tideline_rtl::verilog::{Design, Direction, emit};
#[allow(unused_imports)]
use tideline_rtl::{blocks::*, prim::*};
use tideline_verilated::build::{Verilation, exit};

include!("src/blocks.rs");

/// What the script makes of the blocks.
#[derive(Default)]
struct Output {
    names: Vec<String>,
    /// The Verilog modules of all blocks.
    modules: String,
    /// Ports and instances of the module around them.
    ports: Vec<String>,
    instances: String,
    /// `impl Kernel for ...`
    kernels: String,
}

fn main() -> ExitCode {
    exit(build())
}

fn build() -> anyhow::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/blocks.rs");
    let mut output = Output::default();
    macro_rules! add {
        ($($name:ident: $block:ty $(, $hint:ident)?;)+) => {
            $( output.add::<$block>(stringify!($name), stringify!($block)).context(stringify!($name))?; )+
        };
    }
    for_each_block!(add);
    output.compile(PathBuf::from(env::var("OUT_DIR")?))
}

impl Output {
    fn add<B: Block + Default>(&mut self, name: &str, rust_type: &str) -> anyhow::Result<()> {
        let mut block = B::default();
        block.connect_all();
        let design = emit(&block)?;
        self.verilog(&design);
        self.kernel(&block, rust_type);
        self.names.push(name.to_owned());
        Ok(())
    }

    /// An instance of the design whose ports are known by block and position: `b3_p7`.
    fn verilog(&mut self, design: &Design) {
        let index = self.names.len();
        let names: BTreeSet<&str> = design.modules.iter().map(|m| m.name.as_str()).collect();
        for module in &design.modules {
            self.modules += &own_names(&module.text, &names, index);
        }
        let mut pins = Vec::new();
        for (position, port) in design.ports.iter().enumerate() {
            let direction = if port.direction == Direction::Input { "input" } else { "output" };
            self.ports.push(format!("  {direction} wire [{}:0] b{index}_p{position}", port.width - 1));
            pins.push(format!(".{}(b{index}_p{position})", port.name));
        }
        let _ = writeln!(self.instances, "b{index}_{} b{index} ({});", design.top, pins.join(", "));
    }

    /// The code that drives the block's inputs.
    fn kernel<B: Block>(&mut self, block: &B, rust_type: &str) {
        let mut inputs = Inputs::default();
        block.accept("block", &mut inputs);
        let Inputs { clocks, drives, .. } = inputs;
        let level = if clocks.is_empty() { "_" } else { "level" };
        let stimulus = if drives.is_empty() { "_" } else { "stimulus" };
        let _ = write!(
            self.kernels,
            "impl Kernel for {rust_type} {{\n\
             \x20   fn set_clock(&mut self, {level}: bool) {{\n{clocks}    }}\n\
             \x20   fn drive(&mut self, {stimulus}: &mut Stimulus) {{\n{drives}    }}\n\
             }}\n"
        );
    }

    fn compile(self, out: PathBuf) -> anyhow::Result<()> {
        let top = format!(
            "{}\nmodule tideline_proof_top (\n{}\n);\n{}endmodule\n",
            self.modules,
            self.ports.join(",\n"),
            self.instances
        );
        let verilog = out.join("tideline_proof_top.v");
        fs::write(&verilog, top)?;
        fs::write(
            out.join("kernels.rs"),
            format!("pub const BLOCKS: &[&str] = &{:?};\n{}", self.names, self.kernels),
        )?;
        Verilation {
            name: "tideline_proof".into(),
            top: "tideline_proof_top".into(),
            sources: vec![verilog],
            trace: false,
            out,
        }
        .run()?;
        Ok(())
    }
}

/// Two designs may use one module name for different modules: every block gets names of its own.
fn own_names(text: &str, names: &BTreeSet<&str>, index: usize) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut result = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| is_word(c) != is_word(first)).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        if names.contains(word) {
            let _ = write!(result, "b{index}_");
        }
        result += word;
        rest = tail;
    }
    result
}

/// Finds the inputs of a block, and writes a statement for each: clocks, resets, and for structs one for each leaf.
#[derive(Default)]
struct Inputs {
    depth: usize,
    path: String,
    clocks: String,
    drives: String,
}

impl Inputs {
    fn draw(&mut self, place: &str, descriptor: &TypeDescriptor) {
        if let TypeKind::Composite(fields) = &descriptor.kind {
            for field in fields {
                self.draw(&format!("{place}.{}", field.fieldname), &field.kind);
            }
        } else {
            let _ = writeln!(self.drives, "        stimulus.draw(&mut {place});");
        }
    }
}

impl Probe for Inputs {
    fn visit_start_scope(&mut self, _: &str, _: &dyn Block) {
        self.depth += 1;
    }
    fn visit_start_namespace(&mut self, name: &str, _: &dyn Block) {
        self.path += &format!("{name}$");
    }
    fn visit_atom(&mut self, name: &str, atom: &dyn Atom) {
        if self.depth != 1 || atom.kind() != AtomKind::InputParameter {
            return;
        }
        // `m2s_req$valid` is `self.m2s_req.valid`, `status$3` is `self.status[3]`.
        let mut place = "self".to_owned();
        for part in format!("{}{name}", self.path).split('$') {
            place += &match part.parse::<usize>() {
                Ok(index) => format!("[{index}]"),
                Err(_) => format!(".{part}"),
            };
        }
        place += ".next";
        let descriptor = atom.descriptor();
        match (name, descriptor.name.as_str()) {
            (_, "clock") => self.clocks += &format!("        {place} = level.into();\n"),
            ("rst" | "reset", _) => self.drives += &format!("        stimulus.reset(&mut {place});\n"),
            _ => self.draw(&place, &descriptor),
        }
    }
    fn visit_end_namespace(&mut self, name: &str, _: &dyn Block) {
        self.path.truncate(self.path.len() - name.len() - 1);
    }
    fn visit_end_scope(&mut self, _: &str, _: &dyn Block) {
        self.depth -= 1;
    }
}

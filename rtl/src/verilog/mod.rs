//! The Verilog writer: turns a connected rust-hdl block into readable Verilog that means the same as its kernel.
//!
//! rust-hdl's own generator drops Rust's widths (`a + 1 == b` becomes a 32-bit comparison), makes one module per
//! instance and knows no resets. This one works in five steps, each in a file of its own:
//!
//! 1. `elaborate`: walk the design, keep blocks, signals and kernels as a plain tree;
//! 2. `lower`: resolve names, unroll loops, give every expression the width it has in Rust;
//! 3. `check`: split the kernel into one piece per driven signal and prove that the pieces mean the same;
//! 4. `print`: write the body of the module, one `assign` or `always` per signal;
//! 5. `share`: merge equal modules and name them.
//!
//! `scope` holds a block's names, `ir` the form between lowering and printing, `docs` finds the comments.
//!
//! ```
//! use rust_hdl_core::prelude::*;
//! use tideline_rtl::{prim::Fifo, verilog};
//!
//! let mut fifo = Fifo::<Bits<8>, 4>::default();
//! fifo.connect_all();
//! let design = verilog::emit(&fifo)?;
//! assert_eq!(design.top, "tideline_fifo");
//! # Ok::<(), verilog::WriterError>(())
//! ```

mod check;
mod docs;
mod elaborate;
mod error;
mod ir;
mod lower;
mod print;
mod scope;
mod share;

pub use error::{Problem, WriterError};

use crate::prim::Primitive;
use docs::module_docs;
use elaborate::{Instance, elaborate};
use print::{Block as PrintedBlock, Child, Register};
use rust_hdl_core::prelude::{AtomKind, Block, Verilog};
use scope::{Role, Scope, verilog_name};
use share::{Draft, Drafts, reference};
use std::path::Path;

/// A design in Verilog.
#[derive(Clone, Debug, PartialEq)]
pub struct Design {
    /// The modules, each after the ones it uses; the last one is the top.
    pub modules: Vec<Module>,
    /// The name of the top module.
    pub top: String,
    /// The ports of the top module.
    pub ports: Vec<PortInfo>,
}

/// A module of a design.
#[derive(Clone, Debug, PartialEq)]
pub struct Module {
    /// Its name, and its file's without `.v`.
    pub name: String,
    /// The complete text of its file.
    pub text: String,
    /// Its ports.
    pub ports: Vec<PortInfo>,
    /// The Rust file that describes it, if it is among [`Options::sources`].
    pub source: Option<String>,
}

/// A port of a module.
#[derive(Clone, Debug, PartialEq)]
pub struct PortInfo {
    /// Its name in Verilog.
    pub name: String,
    /// Which way it goes.
    pub direction: Direction,
    /// Its width in bits.
    pub width: usize,
    /// What it is, from the Rust doc comment.
    pub doc: String,
    /// Whether an output is declared `reg`.
    pub is_variable: bool,
}

/// The direction of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Into the module.
    Input,
    /// Out of the module.
    Output,
}

/// What the writer knows besides the design.
#[derive(Clone, Debug)]
pub struct Options {
    /// Constants that kernels may use by path, `m2s_req::MEM_RD`, with their values.
    pub constants: Vec<(String, u64)>,
    /// Rust files, by path, whose doc comments become the Verilog's comments.
    pub sources: Vec<(String, String)>,
}

impl Default for Options {
    /// The constants of the ABI and the sources of this crate.
    fn default() -> Self {
        let owned = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
        Self {
            constants: tideline_abi::named_constants(),
            sources: crate::sources().iter().map(owned).collect(),
        }
    }
}

/// Writes the design under `top`, which has been through `connect_all()`.
///
/// # Errors
/// If a block uses something that the writer does not translate, or that would mean something else in Verilog.
pub fn emit<B: Block>(top: &B) -> Result<Design, WriterError> {
    emit_with(top, &Options::default())
}

/// Like [`emit`], with other constants and sources.
///
/// # Errors
/// As [`emit`].
pub fn emit_with<B: Block>(top: &B, options: &Options) -> Result<Design, WriterError> {
    let mut writer = Writer { options, drafts: Drafts::default() };
    let (top, _) = writer.module(&elaborate(top), "top")?;
    let Drafts { drafts } = &writer.drafts;
    let names = writer.drafts.names();
    let modules: Vec<Module> = drafts
        .iter()
        .enumerate()
        .map(|(at, draft)| Module {
            name: names[at].clone(),
            text: draft.finish(&names, at),
            ports: draft.ports.clone(),
            source: draft.file.clone(),
        })
        .collect();
    Ok(Design { top: names[top].clone(), ports: drafts[top].ports.clone(), modules })
}

impl Design {
    /// Writes one file per module, `tideline_<block>.v`, into `dir`, which is made if it does not exist.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write_to(&self, dir: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(dir)?;
        for module in &self.modules {
            std::fs::write(dir.join(format!("{}.v", module.name)), &module.text)?;
        }
        Ok(())
    }
}

struct Writer<'a> {
    options: &'a Options,
    drafts: Drafts,
}

impl Writer<'_> {
    /// Writes a block and everything below it. Returns the index of its module and the names of its ports.
    fn module(&mut self, block: &Instance, path: &str) -> Result<(usize, Vec<String>), WriterError> {
        let at = |problem: Problem| WriterError { block: path.to_owned(), problem };
        let draft = match &block.hdl {
            Verilog::Combinatorial(_) => {
                let mut modules = vec![];
                for child in &block.children {
                    modules.push(if register(child).map_err(at)?.is_some() {
                        None
                    } else {
                        Some(self.module(child, &format!("{path}.{}", scope::rust_name(&child.name)))?)
                    });
                }
                self.kernel(block, modules).map_err(at)?
            }
            Verilog::Custom(text) => match Primitive::parse(text).map_err(|error| at(error.into()))? {
                Primitive::Module { name, parameters, body } => {
                    self.primitive(block, name, parameters, &body).map_err(at)?
                }
                Primitive::Register { .. } => {
                    return Err(at(Problem::Unsupported {
                        construct: "a register as the top of a design".into(),
                    }));
                }
            },
            Verilog::Empty => {
                return Err(at(Problem::Unsupported { construct: "a block without a kernel".into() }));
            }
            Verilog::Blackbox(_) => return Err(at(Problem::Unsupported { construct: "a black box".into() })),
            Verilog::Wrapper(_) => return Err(at(Problem::Unsupported { construct: "a wrapper".into() })),
        };
        let names = draft.ports.iter().map(|port| port.name.clone()).collect();
        Ok((self.drafts.add(draft), names))
    }

    fn kernel(&self, block: &Instance, modules: Vec<Option<(usize, Vec<String>)>>) -> error::Result<Draft> {
        let Verilog::Combinatorial(code) = &block.hdl else { return Err(Problem::NoModuleName) };
        let mut scope = Scope::new(block, |child| modules[child].is_none())?;
        let kernel = lower::lower(&scope, &self.options.constants, code)?;
        let drives = check::drives(&scope, &kernel.body)?;
        let registers = registers(block, &scope, &drives)?;
        let docs = module_docs(&self.options.sources, &kernel.module);
        let parameters = scope
            .constants
            .iter()
            .filter_map(|(path, (_, value))| Some((verilog_name(path), u64::try_from(value).ok()?)));
        let parameters = parameters.collect();
        let children = block
            .children
            .iter()
            .zip(modules)
            .filter_map(|(instance, module)| {
                let (module, ports) = module?;
                Some(Child { instance, module: reference(module), ports })
            })
            .collect();
        let body = print::body(PrintedBlock {
            scope: &mut scope,
            docs: &docs,
            sources: &self.options.sources,
            registers,
            children,
            drives,
        })?;
        let ports = scope.signals.iter().enumerate().filter_map(|(id, signal)| {
            let direction = match signal.role {
                Role::Input => Direction::Input,
                Role::Output => Direction::Output,
                _ => return None,
            };
            Some(PortInfo {
                name: signal.name.clone(),
                direction,
                width: signal.width,
                doc: docs.signal(&self.options.sources, &signal.path),
                is_variable: body.reg_outputs.contains(&id),
            })
        });
        let ports = ports.collect();
        Ok(Draft {
            base: kernel.module,
            parameters,
            ports,
            text: body.text,
            file: docs.file,
            summary: docs.summary,
        })
    }

    fn primitive(
        &self,
        block: &Instance,
        base: String,
        parameters: Vec<(String, u64)>,
        body: &str,
    ) -> error::Result<Draft> {
        let docs = module_docs(&self.options.sources, &base);
        let mut ports = vec![];
        for atom in block.ports() {
            atom.check()?;
            let direction =
                if atom.kind == AtomKind::InputParameter { Direction::Input } else { Direction::Output };
            ports.push(PortInfo {
                name: verilog_name(&atom.path),
                direction,
                width: atom.width,
                doc: docs.signal(&self.options.sources, &atom.path),
                is_variable: direction == Direction::Output,
            });
        }
        let mut text = String::new();
        for line in body.lines() {
            // Compiler directives stand at the margin.
            let indent = if line.is_empty() || line.starts_with('`') { "" } else { "    " };
            text += &format!("{indent}{line}\n");
        }
        Ok(Draft { base, parameters, ports, text, file: docs.file, summary: docs.summary })
    }
}

/// The reset value, if the block is a register.
fn register(block: &Instance) -> error::Result<Option<num_bigint::BigUint>> {
    match &block.hdl {
        Verilog::Custom(text) => match Primitive::parse(text)? {
            Primitive::Register { reset } => Ok(Some(reset)),
            Primitive::Module { .. } => Ok(None),
        },
        _ => Ok(None),
    }
}

/// The registers of a block: clocked by an input, reset by the port `rst` unless the kernel says otherwise.
fn registers(block: &Instance, scope: &Scope, drives: &[check::Drive]) -> error::Result<Vec<Register>> {
    let mut registers = vec![];
    for child in &block.children {
        let Some(initial) = register(child)? else { continue };
        let name = || scope::rust_name(&child.name);
        let signal = |port: &str| {
            scope.find(&format!("{}${port}", child.name)).ok_or_else(|| Problem::UnknownName { name: name() })
        };
        let drive_of = |id| drives.iter().find(|drive| drive.target == id);
        let clock = signal("clock")?;
        let clocked = drive_of(clock)
            .and_then(check::Drive::plain_signal)
            .is_some_and(|from| scope.signals[from].role == Role::Input && scope.signals[from].is_clock);
        if !clocked {
            return Err(Problem::NoClock { register: name() });
        }
        let own_reset = signal("reset")?;
        let reset = match drive_of(own_reset) {
            Some(_) => own_reset,
            None => scope
                .find("rst")
                .filter(|&id| scope.signals[id].role == Role::Input && scope.signals[id].width == 1)
                .ok_or_else(|| Problem::NoReset { register: name() })?,
        };
        registers.push(Register { clock, reset, next: signal("d")?, value: signal("q")?, initial });
    }
    Ok(registers)
}

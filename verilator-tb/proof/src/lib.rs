//! Proof that the emitted Verilog means the same as the Rust kernels.
//!
//! The build script emits every block of `blocks.rs`, puts all of them side by side into one Verilog module and compiles
//! that with Verilator. [`prove`] gives a kernel and its Verilog the same random inputs and compares every output,
//! before and after every rising edge. Memories start as zeros on both sides; registers are compared from the first
//! reset on, and resets come at random.
//!
//! A block is added by one line in `blocks.rs`. Its inputs are found by the build script, which writes the code that
//! drives them: none can be forgotten.

mod stimulus;

pub use stimulus::{Drawn, Stimulus};

use rust_hdl_core::prelude::{Atom, AtomKind, Block, Probe, simulate};
use std::fmt;
use tideline_verilated::{Direction, Model, PowerOn};

/// A kernel whose inputs can be driven. Implemented by the build script for the blocks under proof.
pub trait Kernel: Block + Default {
    /// Sets every clock.
    fn set_clock(&mut self, level: bool);
    /// Gives every other input its next value.
    fn drive(&mut self, stimulus: &mut Stimulus);
}

mod generated {
    //! What the build script wrote: the binding of the compiled blocks, and their [`Kernel`]s.

    use super::{Kernel, Stimulus};
    #[allow(unused_imports)]
    use rust_hdl_core::prelude::*;
    #[allow(unused_imports)]
    use tideline_rtl::{blocks::*, prim::*};

    include!(concat!(env!("OUT_DIR"), "/tideline_proof.rs"));
    include!(concat!(env!("OUT_DIR"), "/kernels.rs"));
}

/// The names of the blocks under proof.
pub const BLOCKS: &[&str] = generated::BLOCKS;

/// Cycles with reset at the start.
const RESET_CYCLES: u64 = 2;
/// Rounds of evaluation in which a kernel must settle.
const SETTLE_ROUNDS: usize = 1000;

/// Where kernel and Verilog differ.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    /// The kernel oscillates.
    #[error("{block}, cycle {cycle}: the kernel does not settle")]
    Unsettled {
        /// The block.
        block: String,
        /// The cycle, from 0.
        cycle: u64,
    },
    /// A port differs in direction or width.
    #[error("{block}: {kernel} is not like the Verilog's port {verilog}")]
    Ports {
        /// The block.
        block: String,
        /// The kernel's port.
        kernel: String,
        /// The port of the compiled design.
        verilog: String,
    },
    /// An output has two values.
    #[error("{block}, cycle {cycle}, clock {clock}: {port} is {kernel} in Rust and {verilog} in Verilog; inputs: {inputs}")]
    Output {
        /// The block.
        block: String,
        /// The cycle, from 0.
        cycle: u64,
        /// The level of the clock.
        clock: u8,
        /// The output.
        port: String,
        /// Its value in the kernel.
        kernel: Value,
        /// Its value in the Verilog.
        verilog: Value,
        /// All inputs.
        inputs: String,
    },
}

/// The bits of a port in 32-bit words, lowest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value(pub Vec<u32>);

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.0.iter().rev().try_for_each(|word| write!(f, "{word:08x}"))
    }
}

/// Compares the kernel `K` with the Verilog of the block named `block`, over `cycles` cycles.
///
/// # Errors
/// The first difference.
///
/// # Panics
/// If there is no block of this name.
pub fn prove<K: Kernel>(block: &str, cycles: u64, seed: u64) -> Result<(), Difference> {
    let index = BLOCKS.iter().position(|name| *name == block).unwrap_or_else(|| panic!("no block {block}"));
    let mut proof = Proof::<K>::new(block, index)?;
    let mut stimulus = Stimulus::new(seed);
    for cycle in 0..cycles {
        stimulus.begin_cycle(cycle < RESET_CYCLES);
        proof.kernel.drive(&mut stimulus);
        for clock in [0, 1] {
            proof.step(cycle, clock)?;
        }
    }
    Ok(())
}

/// A kernel and its Verilog.
struct Proof<K> {
    block: String,
    kernel: K,
    model: Model,
    /// The model's port for each port of the kernel.
    ports: Vec<usize>,
}

impl<K: Kernel> Proof<K> {
    fn new(block: &str, index: usize) -> Result<Self, Difference> {
        let mut kernel = K::default();
        kernel.connect_all();
        let model = Model::new(&generated::DESIGN, PowerOn::Zeros);
        let mut ports = Vec::new();
        for (position, port) in Ports::of(&kernel).into_iter().enumerate() {
            // The writer lists ports in the order in which a probe meets them.
            let name = format!("b{index}_p{position}");
            let same = |p: &tideline_verilated::Port| {
                p.name == name && p.direction == port.direction && p.width as usize == port.width
            };
            let mismatch =
                || Difference::Ports { block: block.into(), kernel: port.name.clone(), verilog: name.clone() };
            ports.push(model.ports().iter().position(same).ok_or_else(mismatch)?);
        }
        Ok(Self { block: block.into(), kernel, model, ports })
    }

    /// Both sides at one level of the clock: the same inputs, then the same outputs.
    fn step(&mut self, cycle: u64, clock: u8) -> Result<(), Difference> {
        let block = || self.block.clone();
        self.kernel.set_clock(clock == 1);
        if !simulate(&mut self.kernel, SETTLE_ROUNDS) {
            return Err(Difference::Unsettled { block: block(), cycle });
        }
        let ports = Ports::of(&self.kernel);
        let pairs = || ports.iter().zip(self.ports.iter().copied());
        for (port, at) in pairs().filter(|(port, _)| port.direction == Direction::In) {
            self.model.set(at, &port.value.0);
        }
        self.model.eval();
        if cycle < RESET_CYCLES {
            return Ok(());
        }
        for (port, at) in pairs().filter(|(port, _)| port.direction == Direction::Out) {
            let verilog = Value(self.model.get(at));
            if verilog != port.value {
                let inputs = ports.iter().filter(|p| p.direction == Direction::In);
                let inputs: Vec<String> = inputs.map(|p| format!("{} = {}", p.name, p.value)).collect();
                return Err(Difference::Output {
                    block: block(),
                    cycle,
                    clock,
                    port: port.name.clone(),
                    kernel: port.value.clone(),
                    verilog,
                    inputs: inputs.join(", "),
                });
            }
        }
        Ok(())
    }
}

/// The ports of a kernel with their values, in order.
#[derive(Default)]
struct Ports {
    depth: usize,
    path: Vec<String>,
    ports: Vec<KernelPort>,
}

struct KernelPort {
    name: String,
    direction: Direction,
    width: usize,
    value: Value,
}

impl Ports {
    fn of<K: Block>(kernel: &K) -> Vec<KernelPort> {
        let mut probe = Self::default();
        kernel.accept("kernel", &mut probe);
        probe.ports
    }
}

impl Probe for Ports {
    fn visit_start_scope(&mut self, _: &str, _: &dyn Block) {
        self.depth += 1;
    }
    fn visit_start_namespace(&mut self, name: &str, _: &dyn Block) {
        self.path.push(name.into());
    }
    fn visit_atom(&mut self, name: &str, atom: &dyn Atom) {
        let direction = match atom.kind() {
            AtomKind::InputParameter => Direction::In,
            AtomKind::OutputParameter => Direction::Out,
            _ => return,
        };
        if self.depth == 1 {
            let name = self.path.iter().map(String::as_str).chain([name]).collect::<Vec<_>>().join(".");
            let width = atom.bits();
            self.ports.push(KernelPort { name, direction, width, value: value(atom) });
        }
    }
    fn visit_end_namespace(&mut self, _: &str, _: &dyn Block) {
        self.path.pop();
    }
    fn visit_end_scope(&mut self, _: &str, _: &dyn Block) {
        self.depth -= 1;
    }
}

/// The value of a signal: a literal keeps it private, but prints it (`577'h1f`).
fn value(atom: &dyn Atom) -> Value {
    let literal = format!("{:x}", atom.verilog());
    let digits = literal.split_once("'h").map_or("", |(_, digits)| digits).as_bytes();
    let word = |nibbles: &[u8]| {
        nibbles.iter().fold(0, |word, &digit| word << 4 | char::from(digit).to_digit(16).unwrap_or(0))
    };
    let mut words: Vec<u32> = digits.rchunks(8).map(word).collect();
    words.resize(atom.bits().div_ceil(32), 0);
    Value(words)
}

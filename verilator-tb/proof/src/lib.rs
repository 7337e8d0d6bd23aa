//! Proof that the emitted Verilog means the same as the Rust kernels.
//!
//! The build script emits every block of `blocks.rs`, puts all of them side by side into one Verilog module and compiles
//! that with Verilator. [`prove`] gives a kernel and its Verilog the same random inputs and compares every output,
//! before and after every rising edge. Memories start as zeros on both sides; registers are compared from the first
//! reset on, and resets come at random.
//!
//! A block is added by one line in `blocks.rs`. Its inputs are found by the build script, which writes the code that
//! drives them: none can be forgotten.

#![expect(clippy::result_large_err, reason = "a difference ends the proof: at most one is ever made")]

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
    #[error(
        "{block}, cycle {cycle}, clock {clock}: {port} is {kernel} in Rust and {verilog} in Verilog; inputs: {inputs}"
    )]
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

/// How much of a block the inputs of a proof have moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Bits of outputs that were both 0 and 1.
    pub toggled: u32,
    /// Bits of outputs.
    pub of: u32,
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} output bits were both 0 and 1", self.toggled, self.of)
    }
}

/// Compares the kernel `K` with the Verilog of the block named `block`, over `cycles` cycles.
/// `hint` may change the inputs of each cycle after they were drawn.
///
/// # Errors
/// The first difference.
///
/// # Panics
/// If there is no block of this name.
pub fn prove<K: Kernel>(
    block: &str,
    cycles: u64,
    seed: u64,
    mut hint: impl FnMut(&mut K, &mut Stimulus),
) -> Result<Reach, Difference> {
    let index = BLOCKS.iter().position(|name| *name == block).unwrap_or_else(|| panic!("no block {block}"));
    let mut proof = Proof::<K>::new(block, index)?;
    let mut stimulus = Stimulus::new(seed);
    for cycle in 0..cycles {
        stimulus.begin_cycle(cycle < RESET_CYCLES);
        proof.kernel.drive(&mut stimulus);
        hint(&mut proof.kernel, &mut stimulus);
        for clock in [0, 1] {
            proof.step(cycle, clock)?;
        }
    }
    Ok(proof.reach())
}

/// A kernel and its Verilog.
struct Proof<K> {
    block: String,
    kernel: K,
    model: Model,
    /// The model's port for each port of the kernel.
    ports: Vec<ModelPort>,
}

struct ModelPort {
    /// Its position among the ports of the model.
    at: usize,
    /// Bits that were 0 in some cycle.
    zeros: Vec<u32>,
    /// Bits that were 1 in some cycle.
    ones: Vec<u32>,
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
            let mismatch = || Difference::Ports {
                block: block.into(),
                kernel: port.name.clone(),
                verilog: name.clone(),
            };
            let at = model.ports().iter().position(same).ok_or_else(mismatch)?;
            let words = vec![0; port.width.div_ceil(32)];
            ports.push(ModelPort { at, zeros: words.clone(), ones: words });
        }
        Ok(Self { block: block.into(), kernel, model, ports })
    }

    /// Both sides at one level of the clock: the same inputs, then the same outputs.
    fn step(&mut self, cycle: u64, clock: u8) -> Result<(), Difference> {
        self.kernel.set_clock(clock == 1);
        if !simulate(&mut self.kernel, SETTLE_ROUNDS) {
            return Err(Difference::Unsettled { block: self.block.clone(), cycle });
        }
        let kernel = Ports::of(&self.kernel);
        for (port, ModelPort { at, .. }) in kernel.iter().zip(&self.ports) {
            if port.direction == Direction::In {
                self.model.set(*at, &port.value.0);
            }
        }
        self.model.eval();
        if cycle < RESET_CYCLES {
            return Ok(());
        }
        for (port, ModelPort { at, zeros, ones }) in kernel.iter().zip(&mut self.ports) {
            if port.direction == Direction::In {
                continue;
            }
            let verilog = Value(self.model.get(*at));
            if verilog != port.value {
                let inputs = kernel.iter().filter(|p| p.direction == Direction::In);
                let inputs: Vec<String> = inputs.map(|p| format!("{} = {}", p.name, p.value)).collect();
                return Err(Difference::Output {
                    block: self.block.clone(),
                    cycle,
                    clock,
                    port: port.name.clone(),
                    kernel: port.value.clone(),
                    verilog,
                    inputs: inputs.join(", "),
                });
            }
            for ((word, zeros), ones) in verilog.0.iter().zip(zeros).zip(ones) {
                *zeros |= !word;
                *ones |= word;
            }
        }
        Ok(())
    }

    fn reach(&self) -> Reach {
        let mut reach = Reach { toggled: 0, of: 0 };
        for ModelPort { at, zeros, ones } in &self.ports {
            let port = &self.model.ports()[*at];
            if port.direction == Direction::Out {
                reach.of += port.width;
                reach.toggled += zeros.iter().zip(ones).map(|(z, o)| (z & o).count_ones()).sum::<u32>();
            }
        }
        reach
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

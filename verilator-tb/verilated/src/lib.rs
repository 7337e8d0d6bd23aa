//! Verilog into Rust.
//!
//! A design passes through Verilator once, in a build script ([`build`]), and is linked into the program. At run time a
//! [`Model`] is one instance of it. The model knows the address of every port from the moment it is made; from then on
//! ports are plain memory ([`Input`], [`Output`]) and the only call into C++ is [`Model::eval`].
//!
//! ```text
//! build.rs     Verilation::new("tideline_sim", sources).run()  ->  a static library and OUT_DIR/tideline_sim.rs
//! src/sim.rs   include!(".../tideline_sim.rs");                ->  static DESIGN: Design
//!              Model::new(&DESIGN, PowerOn::Random(seed))      ->  an instance
//! ```

#[cfg(feature = "build")]
pub mod build;
mod model;
mod port;

pub use model::{Design, Model, PowerOn, Shim, TraceError};
pub use port::{Direction, Input, Output, PinValue, Port};

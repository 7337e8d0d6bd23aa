//! The Tideline hardware: blocks described in Rust with `rust-hdl-core`, and the Verilog writer that emits them.
//!
//! * [`prim`]: registers, memories, FIFOs, stream plumbing; every block is built from these.
//! * [`blocks`]: the device's own blocks.
//! * [`verilog`]: turns any block into readable, lint-clean Verilog that means the same as its Rust kernel.

pub mod blocks;
pub mod prim;
pub mod verilog;

/// The text of every file that describes hardware, by its path in the repository.
///
/// The writer takes banner texts and port comments from here, so that a fact is written once: in the Rust source.
pub fn sources() -> &'static [(&'static str, &'static str)] {
    macro_rules! sources {
        ($($path:literal),+ $(,)?) => { &[$((concat!("rtl/src/", $path), include_str!($path))),+] };
    }
    sources![
        "prim/fifo.rs",
        "prim/lane_ram.rs",
        "prim/lut_ram.rs",
        "prim/ram.rs",
        "prim/reg.rs",
        "prim/round_robin.rs",
        "prim/skid.rs",
        "prim/stream.rs",
    ]
}

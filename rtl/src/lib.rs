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
        "blocks/axi.rs",
        "blocks/axi_burst.rs",
        "blocks/axi_front.rs",
        "blocks/axi_top.rs",
        "blocks/channels.rs",
        "blocks/coherence_snooper.rs",
        "blocks/colour_fence.rs",
        "blocks/command_executor.rs",
        "blocks/core.rs",
        "blocks/csr.rs",
        "blocks/cxl_top.rs",
        "blocks/descriptor_pipeline.rs",
        "blocks/host_port.rs",
        "blocks/lane_select.rs",
        "blocks/line_quads.rs",
        "blocks/log_ring.rs",
        "blocks/lowest_set.rs",
        "blocks/memory_port.rs",
        "blocks/one_hot.rs",
        "blocks/miss_entries.rs",
        "blocks/miss_unit.rs",
        "blocks/range_walker.rs",
        "blocks/recall_engine.rs",
        "blocks/recall_table.rs",
        "blocks/resolve.rs",
        "blocks/responder.rs",
        "blocks/row_update.rs",
        "blocks/sim_top.rs",
        "blocks/slot_arbiter.rs",
        "blocks/slot_gate.rs",
        "blocks/slot_pick.rs",
        "blocks/snoop_picker.rs",
        "blocks/spool.rs",
        "blocks/summary.rs",
        "blocks/page_list.rs",
        "blocks/plain_path.rs",
        "blocks/region_lookup.rs",
        "blocks/region_table.rs",
        "blocks/transpose.rs",
        "blocks/ways.rs",
        "prim/cam.rs",
        "prim/fifo.rs",
        "prim/lane_ram.rs",
        "prim/lut_ram.rs",
        "prim/ram.rs",
        "prim/ram_fifo.rs",
        "prim/reg.rs",
        "prim/round_robin.rs",
        "prim/skid.rs",
        "prim/stream.rs",
    ]
}

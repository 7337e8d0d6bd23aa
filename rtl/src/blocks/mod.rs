//! The device's own blocks; `core` shows how they hang together.

// The derives of rust-hdl write public methods without documentation.
#[allow(missing_docs)]
pub mod axi;
pub mod axi_burst;
pub mod axi_front;
pub mod axi_top;
pub mod channels;
pub mod coherence_snooper;
pub mod colour_fence;
pub mod command_executor;
pub mod core;
pub mod csr;
pub mod cxl_top;
pub mod descriptor_pipeline;
pub mod host_port;
pub mod lane_select;
pub mod line_quads;
pub mod log_ring;
pub mod lowest_set;
pub mod memory_port;
pub mod miss_entries;
#[allow(missing_docs)]
pub mod miss_unit;
pub mod one_hot;
#[allow(missing_docs)]
pub mod page_list;
pub mod plain_path;
pub mod range_walker;
pub mod recall_engine;
pub mod recall_table;
pub mod region_lookup;
pub mod region_table;
pub mod resolve;
pub mod responder;
pub mod row_update;
pub mod sim_top;
pub mod slot_arbiter;
pub mod slot_gate;
pub mod slot_pick;
pub mod snoop_picker;
#[allow(missing_docs)]
pub mod spool;
pub mod summary;
pub mod transpose;
#[allow(missing_docs)]
pub mod types;
pub mod ways;

use axi_top::AxiTop;
use cxl_top::CxlTop;
use rust_hdl_core::prelude::*;
use sim_top::SimTop;
use types::TAG_ENTRY_BITS;

/// The device with a descriptor cache of the size of a preset, as the parameters of its blocks: bits of the set, ways, bits
/// of a row of tags, bits of the row of a descriptor.
macro_rules! preset {
    ($top:ident, $sets:literal, $ways:literal, $way_bits:literal) => {
        $top<$sets, $ways, { $ways * TAG_ENTRY_BITS }, { $sets + $way_bits }>
    };
}

/// The device for a small FPGA: 2,048 descriptors on chip (512 sets of 4 ways).
pub type CxlTopSmall = preset!(CxlTop, 9, 4, 2);
/// The device: 8,192 descriptors on chip (1,024 sets of 8 ways).
pub type CxlTopDefault = preset!(CxlTop, 10, 8, 3);
/// The device for a large FPGA: 65,536 descriptors on chip (8,192 sets of 8 ways).
pub type CxlTopLarge = preset!(CxlTop, 13, 8, 3);
/// The device behind an AXI4 subordinate, with the same cache.
pub type AxiTopDefault = preset!(AxiTop, 10, 8, 3);
/// The device for simulation, with the small cache.
pub type SimTopSmall = preset!(SimTop, 9, 4, 2);

/// The device for a CXL.mem link, ready to be emitted.
pub fn cxl_top() -> CxlTopDefault {
    let mut top = CxlTopDefault::default();
    top.connect_all();
    top
}

/// The device for a CXL.mem link on a small FPGA, ready to be emitted.
pub fn cxl_top_small() -> CxlTopSmall {
    let mut top = CxlTopSmall::default();
    top.connect_all();
    top
}

/// The device for an AXI4 link, ready to be emitted.
pub fn axi_top() -> AxiTopDefault {
    let mut top = AxiTopDefault::default();
    top.connect_all();
    top
}

/// The device for simulation, ready to be emitted.
pub fn sim_top() -> SimTopSmall {
    let mut top = SimTopSmall::default();
    top.connect_all();
    top
}

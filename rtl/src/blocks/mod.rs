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
pub mod gather;
pub mod host_port;
pub mod lowest_set;
pub mod memory_port;
pub mod range_walker;
pub mod recall_context;
pub mod recall_engine;
pub mod resolve;
pub mod responder;
pub mod sim_top;
pub mod slot_arbiter;
#[allow(missing_docs)]
pub mod spool;
pub mod summary;
pub mod transpose;
#[allow(missing_docs)]
pub mod types;

use axi_top::AxiTop;
use cxl_top::CxlTop;
use rust_hdl_core::prelude::*;
use sim_top::SimTop;

/// The device for a CXL.mem link, ready to be emitted.
pub fn cxl_top() -> CxlTop {
    let mut top = CxlTop::default();
    top.connect_all();
    top
}

/// The device for an AXI4 link, ready to be emitted.
pub fn axi_top() -> AxiTop {
    let mut top = AxiTop::default();
    top.connect_all();
    top
}

/// The device for simulation, ready to be emitted.
pub fn sim_top() -> SimTop {
    let mut top = SimTop::default();
    top.connect_all();
    top
}

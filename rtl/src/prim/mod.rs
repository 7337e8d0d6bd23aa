//! The primitives every block is built from, and the two macros its kernel uses.
//!
//! A kernel file starts with
//!
//! ```
//! use rust_hdl_core::prelude::*;
//! use tideline_rtl::prim::*; // inside this crate: crate::prim::*
//! ```
//!
//! rust-hdl brings signals, `#[hdl_gen]` and the derives; its own register has no reset and its memories no lane
//! enables, so those are ours: [`Reg`], [`LutRam`], [`Cam`], [`Ram`], [`LaneRam`]. [`Fifo`], [`RamFifo`], [`Skid`] and [`RoundRobin`] are
//! ordinary kernels, and [`StreamSource`] / [`StreamSink`] the two ends of a valid/ready link.

mod cam;
mod fifo;
pub(crate) mod hdl;
mod lane_ram;
mod lut_ram;
mod ram;
mod ram_fifo;
mod reg;
mod round_robin;
mod skid;
#[expect(missing_docs, reason = "the derive adds a join() without a doc comment")]
mod stream;

pub use crate::{comment, dff_setup};
pub use cam::Cam;
pub use fifo::Fifo;
pub use hdl::{Primitive, PrimitiveError};
pub use lane_ram::LaneRam;
pub use lut_ram::LutRam;
pub use ram::Ram;
pub use ram_fifo::RamFifo;
pub use reg::Reg;
pub use round_robin::RoundRobin;
pub use skid::Skid;
pub use stream::{StreamSink, StreamSource};

/// Connects registers: clock from the port `$clk`, reset from the block's port `rst`, and "hold" as the default.
///
/// `#[hdl_gen]` knows this macro by its name and emits the clock and the hold assignment itself; it has no notion of a
/// reset, so the Verilog writer resets every register by the port `rst` of the block it stands in.
#[macro_export]
macro_rules! dff_setup {
    ($self:ident, $clk:ident, $($reg:ident),+ $(,)?) => {
        $(
            $self.$reg.clock.next = $self.$clk.val();
            $self.$reg.reset.next = $self.rst.val();
            $self.$reg.d.next = $self.$reg.q.val();
        )+
    };
}

/// A comment that appears in the emitted Verilog. The first one of a kernel, `comment!("module NAME")`, names the module.
#[macro_export]
macro_rules! comment {
    ($text:literal) => {};
}

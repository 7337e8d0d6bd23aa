//! The two ends of a valid/ready link, as bundles of ports.
//!
//! A payload moves in every cycle in which `valid` and `ready` are both high. Once `valid` is high it stays high, with
//! the same payload, until the transfer. Between two blocks of a kernel:
//! `StreamSource::<T>::join(&mut self.a.down, &mut self.b.up)`.

use rust_hdl_core::prelude::*;

/// The end that sends.
#[derive(Clone, Debug, Default, LogicInterface)]
#[join = "StreamSink"]
pub struct StreamSource<T: Synth> {
    /// A payload is offered.
    pub valid: Signal<Out, Bit>,
    /// The payload is taken in this cycle if it is valid.
    pub ready: Signal<In, Bit>,
    /// What is offered.
    pub payload: Signal<Out, T>,
}

/// The end that receives.
#[derive(Clone, Debug, Default, LogicInterface)]
#[join = "StreamSource"]
pub struct StreamSink<T: Synth> {
    /// A payload is offered.
    pub valid: Signal<In, Bit>,
    /// The payload is taken in this cycle if it is valid.
    pub ready: Signal<Out, Bit>,
    /// What is offered.
    pub payload: Signal<In, T>,
}

//! A register with synchronous reset: the only storage element a kernel uses directly.

use super::Primitive;
use rust_hdl_core::prelude::*;

/// A register of type `T` with a synchronous, active-high reset to its initial value.
///
/// In a kernel, `dff_setup!(self, clk, state, count)` connects clock and reset and lets the registers hold their value;
/// after that `self.count.d.next = ...` says what changes. Elements of an array are connected one by one:
/// `self.value[i].clock.next = self.clk.val()`, then `reset` and `d` likewise.
#[derive(Clone, Debug, LogicBlock)]
pub struct Reg<T: Synth> {
    /// The clock; the register loads on its rising edge.
    pub clock: Signal<In, Clock>,
    /// Loads the initial value instead of `d`.
    pub reset: Signal<In, Bit>,
    /// The next value.
    pub d: Signal<In, T>,
    /// The current value.
    pub q: Signal<Out, T>,
    _initial: T,
}

impl<T: Synth> Reg<T> {
    /// A register that is `initial` after reset.
    pub fn new(initial: T) -> Self {
        Self {
            clock: Signal::default(),
            reset: Signal::default(),
            d: Signal::default(),
            q: Signal::new_with_default(initial),
            _initial: initial,
        }
    }
}

impl<T: Synth> Default for Reg<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: Synth> Logic for Reg<T> {
    fn update(&mut self) {
        if self.clock.pos_edge() {
            self.q.next = if self.reset.val() { self._initial } else { self.d.val() };
        }
    }

    fn connect(&mut self) {
        // `dff_setup!` drives the reset, but rust-hdl's macro does not see it.
        self.reset.connect();
        self.q.connect();
    }

    fn hdl(&self) -> Verilog {
        Primitive::register(self._initial).into_hdl()
    }
}

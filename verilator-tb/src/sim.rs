//! The Verilated device as a Rust value: pins and a clock.

use std::path::Path;
use tideline_verilated::{Input, Model, Output, PowerOn, TraceError};

include!(concat!(env!("OUT_DIR"), "/tideline_sim.rs"));
include!(concat!(env!("OUT_DIR"), "/pins.rs"));

/// One simulated device.
///
/// A cycle is: drive inputs, [`Sim::settle`], look at outputs, [`Sim::rise`].
#[derive(Debug)]
pub struct Sim {
    model: Model,
    pins: Pins,
    cycle: u64,
}

impl Sim {
    /// A device that was just switched on. All inputs are low.
    pub fn new(power_on: PowerOn) -> Self {
        let model = Model::new(&DESIGN, power_on);
        // SAFETY: pins and model live in one value, and pins are only lent out.
        let pins = unsafe { Pins::connect(&model) };
        Self { model, pins, cycle: 0 }
    }

    /// The ports.
    #[inline]
    pub fn pins(&self) -> &Pins {
        &self.pins
    }

    /// Clock low: outputs follow the inputs.
    #[inline]
    pub fn settle(&mut self) {
        self.pins.clk.set(0);
        self.model.eval();
        self.model.trace_dump(2 * self.cycle);
    }

    /// The rising edge: registers load.
    #[inline]
    pub fn rise(&mut self) {
        self.pins.clk.set(1);
        self.model.eval();
        self.model.trace_dump(2 * self.cycle + 1);
        self.cycle += 1;
    }

    /// Rising edges so far.
    pub fn cycle(&self) -> u64 {
        self.cycle
    }

    /// Writes waveforms (VCD) from here on; a cycle is two units of time.
    ///
    /// # Errors
    /// If the feature `trace` is off or the file cannot be written.
    pub fn trace_open(&mut self, path: &Path) -> Result<(), TraceError> {
        self.model.trace_open(path)
    }
}

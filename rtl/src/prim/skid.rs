//! A register slice for a valid/ready link: cuts every combinational path, keeps one transfer per cycle.
//!
//! Latency is one cycle. When the receiver stalls, the entry that is already on its way is kept in a second register;
//! `in_ready` falls one cycle after `out_ready` and depends on registers only.

use super::Reg;
use crate::{comment, dff_setup};
use rust_hdl_core::prelude::*;

/// A fully registered slice for payloads of type `T`.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct Skid<T: Synth> {
    /// The clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset: drops what is inside.
    pub rst: Signal<In, Bit>,
    /// A payload is offered.
    pub in_valid: Signal<In, Bit>,
    /// The offered payload is accepted in this cycle.
    pub in_ready: Signal<Out, Bit>,
    /// The offered payload.
    pub in_data: Signal<In, T>,
    /// A payload is available.
    pub out_valid: Signal<Out, Bit>,
    /// Takes the payload if there is one.
    pub out_ready: Signal<In, Bit>,
    /// The payload.
    pub out_data: Signal<Out, T>,
    valid: Reg<Bit>,
    data: Reg<T>,
    spare_valid: Reg<Bit>,
    spare_data: Reg<T>,
    assert_order: Signal<Local, Bit>,
}

impl<T: Synth> Logic for Skid<T> {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module skid");
        dff_setup!(self, clk, valid, data, spare_valid, spare_data);

        self.in_ready.next = !self.spare_valid.q.val();
        self.out_valid.next = self.valid.q.val();
        self.out_data.next = self.data.q.val();

        if self.out_ready.val() | !self.valid.q.val() {
            comment!("The output register is free: refill it, from the spare register first.");
            self.spare_valid.d.next = false;
            if self.spare_valid.q.val() {
                self.valid.d.next = true;
                self.data.d.next = self.spare_data.q.val();
            } else {
                self.valid.d.next = self.in_valid.val();
                self.data.d.next = self.in_data.val();
            }
        } else if !self.spare_valid.q.val() {
            comment!("The receiver stalls: keep what arrives now.");
            self.spare_valid.d.next = self.in_valid.val();
            self.spare_data.d.next = self.in_data.val();
        }

        comment!("For formal tools: the spare register is used only behind the output register.");
        self.assert_order.next = self.valid.q.val() | !self.spare_valid.q.val();
    }
}

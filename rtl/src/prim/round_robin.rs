//! A round-robin arbiter: grants one of `N` requests, the next one after the last that was served.
//!
//! The grant is combinational. `advance` says that the granted request is served in this cycle: it then becomes the last
//! in line. Every request that stays up is granted after at most `N - 1` others.

use super::Reg;
use crate::{comment, dff_setup};
use rust_hdl_core::prelude::*;

/// An arbiter of `N` requests.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct RoundRobin<const N: usize> {
    /// The clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset: request 0 comes first again.
    pub rst: Signal<In, Bit>,
    /// One bit per requester.
    pub request: Signal<In, Bits<N>>,
    /// The granted request is served in this cycle.
    pub advance: Signal<In, Bit>,
    /// One-hot: the request that is granted; zero without a request.
    pub grant: Signal<Out, Bits<N>>,
    /// There is a request, so there is a grant.
    pub any: Signal<Out, Bit>,
    later: Reg<Bits<N>>,
    preferred: Signal<Local, Bits<N>>,
    candidates: Signal<Local, Bits<N>>,
}

impl<const N: usize> Logic for RoundRobin<N> {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module round_robin");
        dff_setup!(self, clk, later);

        comment!("Requests behind the last served one go first; if there are none, start again at bit 0.");
        self.preferred.next = self.request.val() & self.later.q.val();
        self.candidates.next = self.request.val();
        if self.preferred.val().any() {
            self.candidates.next = self.preferred.val();
        }

        comment!("The lowest set bit.");
        self.grant.next = self.candidates.val() & (!self.candidates.val() + 1);
        self.any.next = self.request.val().any();
        if self.advance.val() & self.request.val().any() {
            self.later.d.next = !(self.grant.val() | (self.grant.val() - 1));
        }
    }
}

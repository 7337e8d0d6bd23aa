//! Chooses the next commit slot among four requesters: the one granted longest ago that may go.
//!
//! A page may enter the pipeline again in the third cycle after its last slot (the row is read one cycle after the entry
//! and written three cycles after it), so the pages of the last two slots are held back. Nothing stalls inside.
//!
//! # Bound
//! Least recently granted first: whoever waits for a page has been passed by each of the other three at most once when
//! that page is free again, and it is free in every third cycle. So nobody who stays offered waits more than 12 cycles.
//! (Round robin has no such bound: requesters of *other* pages move its pointer at the wrong moments.)
//!
//! # Timing
//! Grants are combinational from the requests.

use super::types::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;

/// Grants one of four requesters per cycle; bit 0 = writes, 1 = snoop responses, 2 = requests, 3 = page slots.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct SlotArbiter {
    /// The clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Slots may be granted: the power-up scrub is done.
    pub enable: Signal<In, Bit>,
    /// Who offers a slot.
    pub request: Signal<In, Bits<4>>,
    /// Page of the write.
    pub write_page: Signal<In, Page>,
    /// Page of the snoop response.
    pub response_page: Signal<In, Page>,
    /// Page of the request.
    pub request_page: Signal<In, Page>,
    /// Page of the page slot.
    pub page_page: Signal<In, Page>,
    /// Who is granted, one hot or zero.
    pub grant: Signal<Out, Bits<4>>,

    // `before_ab`: a was granted longer ago than b.
    before_wb: Reg<Bit>,
    before_wr: Reg<Bit>,
    before_wp: Reg<Bit>,
    before_br: Reg<Bit>,
    before_bp: Reg<Bit>,
    before_rp: Reg<Bit>,
    last_valid: Reg<Bit>,
    last_page: Reg<Page>,
    second_valid: Reg<Bit>,
    second_page: Reg<Page>,
    w: Signal<Local, Bit>,
    b: Signal<Local, Bit>,
    r: Signal<Local, Bit>,
    p: Signal<Local, Bit>,
    grant_w: Signal<Local, Bit>,
    grant_b: Signal<Local, Bit>,
    grant_r: Signal<Local, Bit>,
    grant_p: Signal<Local, Bit>,
}

impl Logic for SlotArbiter {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module slot_arbiter");
        dff_setup!(
            self,
            clk,
            before_wb,
            before_wr,
            before_wp,
            before_br,
            before_bp,
            before_rp,
            last_valid,
            last_page,
            second_valid,
            second_page
        );

        comment!("Offered, and the page is not in the pipeline's last two entries.");
        self.w.next = self.enable.val()
            & self.request.val().get_bit(0)
            & !(self.last_valid.q.val() & (self.last_page.q.val() == self.write_page.val()))
            & !(self.second_valid.q.val() & (self.second_page.q.val() == self.write_page.val()));
        self.b.next = self.enable.val()
            & self.request.val().get_bit(1)
            & !(self.last_valid.q.val() & (self.last_page.q.val() == self.response_page.val()))
            & !(self.second_valid.q.val() & (self.second_page.q.val() == self.response_page.val()));
        self.r.next = self.enable.val()
            & self.request.val().get_bit(2)
            & !(self.last_valid.q.val() & (self.last_page.q.val() == self.request_page.val()))
            & !(self.second_valid.q.val() & (self.second_page.q.val() == self.request_page.val()));
        self.p.next = self.enable.val()
            & self.request.val().get_bit(3)
            & !(self.last_valid.q.val() & (self.last_page.q.val() == self.page_page.val()))
            & !(self.second_valid.q.val() & (self.second_page.q.val() == self.page_page.val()));

        comment!("The one that nobody else precedes. After reset: page slots, requests, responses, writes.");
        self.grant_w.next = self.w.val()
            & !(self.b.val() & !self.before_wb.q.val())
            & !(self.r.val() & !self.before_wr.q.val())
            & !(self.p.val() & !self.before_wp.q.val());
        self.grant_b.next = self.b.val()
            & !(self.w.val() & self.before_wb.q.val())
            & !(self.r.val() & !self.before_br.q.val())
            & !(self.p.val() & !self.before_bp.q.val());
        self.grant_r.next = self.r.val()
            & !(self.w.val() & self.before_wr.q.val())
            & !(self.b.val() & self.before_br.q.val())
            & !(self.p.val() & !self.before_rp.q.val());
        self.grant_p.next = self.p.val()
            & !(self.w.val() & self.before_wp.q.val())
            & !(self.b.val() & self.before_bp.q.val())
            & !(self.r.val() & self.before_rp.q.val());
        self.grant.next = bits::<4>(0)
            .replace_bit(0, self.grant_w.val())
            .replace_bit(1, self.grant_b.val())
            .replace_bit(2, self.grant_r.val())
            .replace_bit(3, self.grant_p.val());

        comment!("The granted one becomes the most recent.");
        if self.grant_w.val() {
            self.before_wb.d.next = false;
            self.before_wr.d.next = false;
            self.before_wp.d.next = false;
            self.last_page.d.next = self.write_page.val();
        } else if self.grant_b.val() {
            self.before_wb.d.next = true;
            self.before_br.d.next = false;
            self.before_bp.d.next = false;
            self.last_page.d.next = self.response_page.val();
        } else if self.grant_r.val() {
            self.before_wr.d.next = true;
            self.before_br.d.next = true;
            self.before_rp.d.next = false;
            self.last_page.d.next = self.request_page.val();
        } else if self.grant_p.val() {
            self.before_wp.d.next = true;
            self.before_bp.d.next = true;
            self.before_rp.d.next = true;
            self.last_page.d.next = self.page_page.val();
        }
        self.last_valid.d.next =
            self.grant_w.val() | self.grant_b.val() | self.grant_r.val() | self.grant_p.val();
        self.second_valid.d.next = self.last_valid.q.val();
        self.second_page.d.next = self.last_page.q.val();
    }
}

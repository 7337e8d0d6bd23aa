//! The way to host memory: commands in, completions and harvest records out, over one AXI4 manager.
//!
//! # Operation
//! One command read at a time, one completion write at a time, records as fast as the host takes them (at most 64 under
//! way), then beats of the log. Completions use write ID 1, records ID 0, the log ID 2. Nothing that a line request needs waits for this port.
//!
//! # Timing
//! One write per cycle.

use super::axi::*;
use crate::prim::*;
use rust_hdl_core::prelude::*;

/// Reads and writes host memory.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct HostPort {
    /// The clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Read a command; only when the last one has arrived.
    pub fetch: Signal<In, Bit>,
    /// From where.
    pub fetch_address: Signal<In, Bits<64>>,
    /// The command arrives.
    pub fetched: Signal<Out, Bit>,
    /// The command.
    pub command: Signal<Out, Bits<512>>,
    /// It arrived with an error.
    pub fetch_error: Signal<Out, Bit>,
    /// A completion is offered.
    pub complete: Signal<In, Bit>,
    /// It is taken.
    pub complete_ready: Signal<Out, Bit>,
    /// Where it goes.
    pub complete_address: Signal<In, Bits<64>>,
    /// The completion.
    pub completion: Signal<In, Bits<512>>,
    /// Host memory has it.
    pub completed: Signal<Out, Bit>,
    /// A beat of records is offered.
    pub record_valid: Signal<In, Bit>,
    /// It is taken.
    pub record_ready: Signal<Out, Bit>,
    /// Where it goes.
    pub record_address: Signal<In, Bits<64>>,
    /// The records.
    pub record_data: Signal<In, Bits<512>>,
    /// Byte enables.
    pub record_strobe: Signal<In, Bits<64>>,
    /// No record is under way.
    pub records_idle: Signal<Out, Bit>,
    /// Host memory answered a record with an error.
    pub record_error: Signal<Out, Bit>,
    /// A beat of the log is offered.
    pub log_valid: Signal<In, Bit>,
    /// It is taken.
    pub log_ready: Signal<Out, Bit>,
    /// Where it goes.
    pub log_address: Signal<In, Bits<64>>,
    /// The beat.
    pub log_data: Signal<In, Bits<512>>,
    /// Byte enables.
    pub log_strobe: Signal<In, Bits<64>>,
    /// Host memory answered a beat of the log.
    pub log_done: Signal<Out, Bit>,
    /// With an error.
    pub log_error: Signal<Out, Bit>,
    /// Host memory answered with an error.
    pub error: Signal<Out, Bit>,
    /// Host memory.
    pub host: AxiManager<64>,

    ar: Skid<AxiWriteBits>,
    aw: Skid<AxiWriteBits>,
    w: Skid<AxiDataBits>,
    under_way: Reg<Bits<7>>,
    room: Signal<Local, Bit>,
    take_completion: Signal<Local, Bit>,
    take_record: Signal<Local, Bit>,
    take_log: Signal<Local, Bit>,
    record_answered: Signal<Local, Bit>,
}

impl Logic for HostPort {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module host_port");
        dff_setup!(self, clk, under_way);
        self.ar.clk.next = self.clk.val();
        self.ar.rst.next = self.rst.val();
        self.aw.clk.next = self.clk.val();
        self.aw.rst.next = self.rst.val();
        self.w.clk.next = self.clk.val();
        self.w.rst.next = self.rst.val();

        comment!("Commands.");
        self.ar.in_valid.next = self.fetch.val();
        self.ar.in_data.next.address = self.fetch_address.val();
        self.ar.in_data.next.id = 0.into();
        self.host.arvalid.next = self.ar.out_valid.val();
        self.ar.out_ready.next = self.host.arready.val();
        self.host.araddr.next = self.ar.out_data.val().address;
        self.host.arid.next = self.ar.out_data.val().id;
        self.host.arlen.next = 0.into();
        self.host.arsize.next = 6.into();
        self.host.arburst.next = 1.into();
        self.host.rready.next = true;
        self.fetched.next = self.host.rvalid.val();
        self.command.next = self.host.rdata.val();
        self.fetch_error.next = self.host.rresp.val() != 0;

        comment!("Completions before records, records before the log; address and data leave together.");
        self.room.next = self.aw.in_ready.val() & self.w.in_ready.val();
        self.take_completion.next = self.room.val() & self.complete.val();
        self.take_record.next = self.room.val()
            & self.record_valid.val()
            & !self.complete.val()
            & !self.under_way.q.val().get_bit(6);
        self.take_log.next =
            self.room.val() & self.log_valid.val() & !self.take_completion.val() & !self.take_record.val();
        self.complete_ready.next = self.take_completion.val();
        self.record_ready.next = self.take_record.val();
        self.log_ready.next = self.take_log.val();
        self.aw.in_valid.next = self.take_completion.val() | self.take_record.val() | self.take_log.val();
        self.aw.in_data.next.address = self.record_address.val();
        self.aw.in_data.next.id = 0.into();
        self.w.in_valid.next = self.take_completion.val() | self.take_record.val() | self.take_log.val();
        self.w.in_data.next.data = self.record_data.val();
        self.w.in_data.next.strobe = self.record_strobe.val();
        if self.take_log.val() {
            self.aw.in_data.next.address = self.log_address.val();
            self.aw.in_data.next.id = 2.into();
            self.w.in_data.next.data = self.log_data.val();
            self.w.in_data.next.strobe = self.log_strobe.val();
        }
        if self.complete.val() {
            self.aw.in_data.next.address = self.complete_address.val();
            self.aw.in_data.next.id = 1.into();
            self.w.in_data.next.data = self.completion.val();
            self.w.in_data.next.strobe = !bits::<64>(0);
        }
        self.host.awvalid.next = self.aw.out_valid.val();
        self.aw.out_ready.next = self.host.awready.val();
        self.host.awaddr.next = self.aw.out_data.val().address;
        self.host.awid.next = self.aw.out_data.val().id;
        self.host.awlen.next = 0.into();
        self.host.awsize.next = 6.into();
        self.host.awburst.next = 1.into();
        self.host.wvalid.next = self.w.out_valid.val();
        self.w.out_ready.next = self.host.wready.val();
        self.host.wdata.next = self.w.out_data.val().data;
        self.host.wstrb.next = self.w.out_data.val().strobe;
        self.host.wlast.next = true;

        comment!("Answers.");
        self.host.bready.next = true;
        self.completed.next = self.host.bvalid.val() & (self.host.bid.val() == 1);
        self.log_done.next = self.host.bvalid.val() & (self.host.bid.val() == 2);
        self.log_error.next = self.host.bresp.val() != 0;
        self.record_answered.next = self.host.bvalid.val() & (self.host.bid.val() == 0);
        self.record_error.next = self.record_answered.val() & (self.host.bresp.val() != 0);
        self.under_way.d.next = self.under_way.q.val() + bit_cast::<7, 1>(self.take_record.val().into())
            - bit_cast::<7, 1>(self.record_answered.val().into());
        self.records_idle.next = self.under_way.q.val() == 0;
        self.error.next = (self.host.bvalid.val() & (self.host.bresp.val() != 0))
            | (self.host.rvalid.val() & (self.host.rresp.val() != 0));
    }
}

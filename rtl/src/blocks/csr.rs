//! The register file of BAR0, made from the table in `tideline_abi::regs`: decode, access kinds, reset values.
//!
//! # Operation
//! Offsets without a register read as zero and ignore writes. A write with some byte enables off is ignored. Software
//! writes take effect in the cycle after their acceptance; where the device sets a bit that software clears in the same
//! cycle, the device wins. `clear` puts the registers of queues and interrupt enables back to their reset values.
//!
//! # Timing
//! A write answers in the next cycle, a read in the third: its offset is compared, eight registers at a time are ored, then all.
//! What is read comes from everywhere on the chip; ored in one step, it was the most crowded place of it. One access of each
//! kind at a time.

use super::axi::AxiLiteSubordinate;
use crate::prim::*;
use rust_hdl_core::prelude::*;
use tideline_abi::regs::{Access, REGISTERS, Register};

/// Number of registers.
pub const REGISTER_COUNT: usize = REGISTERS.len();

/// Groups of eight registers, which are ored in one step; and how many registers they have room for.
const GROUPS: usize = REGISTER_COUNT.div_ceil(8);
const PLACES: usize = 8 * GROUPS;

/// Registers that a function level reset puts back.
const CLEARED: &[&str] = &[
    "CTRL",
    "INTR_ENABLE",
    "SQ_BASE_LO",
    "SQ_BASE_HI",
    "CQ_BASE_LO",
    "CQ_BASE_HI",
    "QUEUE_SIZE",
    "SQ_TAIL",
    "CQ_HEAD",
    "LOG_BASE_LO",
    "LOG_BASE_HI",
    "LOG_SIZE",
    "LOG_CONTROL",
    "LOG_HEAD",
    "LOG_WATERMARK",
    "LOG_TIMER",
    "LOG_STATUS",
];

/// The register file.
#[derive(Clone, Debug, LogicBlock)]
pub struct Csr {
    /// The clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Function level reset of the host side's registers.
    pub clear: Signal<In, Bit>,
    /// Software's access.
    pub s_axil: AxiLiteSubordinate,
    /// The device's value of each read-only register; bits to set of each rw1c register; else ignored.
    pub status: [Signal<In, Bits<32>>; REGISTER_COUNT],
    /// The value of each register.
    pub value: [Signal<Out, Bits<32>>; REGISTER_COUNT],
    /// Which register software writes in this cycle (of write-only ones, the value is `wdata`).
    pub written: [Signal<Out, Bit>; REGISTER_COUNT],
    /// What it writes.
    pub wdata: Signal<Out, Bits<32>>,

    offset: [Constant<Bits<12>>; REGISTER_COUNT],
    rw_mask: [Constant<Bits<32>>; REGISTER_COUNT],
    w1c_mask: [Constant<Bits<32>>; REGISTER_COUNT],
    ro_mask: [Constant<Bits<32>>; REGISTER_COUNT],
    reset: [Constant<Bits<32>>; REGISTER_COUNT],
    cleared: [Constant<Bit>; REGISTER_COUNT],
    values: [Reg<Bits<32>>; REGISTER_COUNT],
    write_pending: Reg<Bit>,
    // A read: 0 none, 1 its register is chosen, 2 the groups are ored, 3 it is answered.
    read_step: Reg<Bits<2>>,
    chosen: [Reg<Bit>; REGISTER_COUNT],
    groups: [Reg<Bits<32>>; GROUPS],
    read_data: Reg<Bits<32>>,
    accept_write: Signal<Local, Bit>,
    accept_read: Signal<Local, Bit>,
    whole: Signal<Local, Bit>,
    selected: [Signal<Local, Bits<32>>; PLACES],
    gathered: [Signal<Local, Bits<32>>; GROUPS + 1],
    read_now: Signal<Local, Bits<32>>,
}

fn constants<T: Synth>(f: impl Fn(&Register) -> T) -> [Constant<T>; REGISTER_COUNT] {
    std::array::from_fn(|i| Constant::new(f(&REGISTERS[i])))
}

fn mask_if(register: &Register, access: Access) -> Bits<32> {
    if register.access == access { u64::from(register.mask()).into() } else { 0.into() }
}

impl Default for Csr {
    fn default() -> Self {
        Self {
            clk: Signal::default(),
            rst: Signal::default(),
            clear: Signal::default(),
            s_axil: AxiLiteSubordinate::default(),
            status: std::array::from_fn(|_| Signal::default()),
            value: std::array::from_fn(|_| Signal::default()),
            written: std::array::from_fn(|_| Signal::default()),
            wdata: Signal::default(),
            offset: constants(|r| u64::from(r.offset).into()),
            rw_mask: constants(|r| mask_if(r, Access::Rw)),
            w1c_mask: constants(|r| mask_if(r, Access::Rw1c)),
            ro_mask: constants(|r| mask_if(r, Access::Ro)),
            reset: constants(|r| u64::from(r.reset).into()),
            cleared: constants(|r| CLEARED.contains(&r.name)),
            values: std::array::from_fn(|i| Reg::new(u64::from(REGISTERS[i].reset).into())),
            write_pending: Reg::default(),
            read_step: Reg::default(),
            chosen: std::array::from_fn(|_| Reg::default()),
            groups: std::array::from_fn(|_| Reg::default()),
            read_data: Reg::default(),
            accept_write: Signal::default(),
            accept_read: Signal::default(),
            whole: Signal::default(),
            selected: std::array::from_fn(|_| Signal::default()),
            gathered: std::array::from_fn(|_| Signal::default()),
            read_now: Signal::default(),
        }
    }
}

impl Logic for Csr {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module csr");
        dff_setup!(self, clk, write_pending, read_step, read_data);

        comment!("Writes: address and data together.");
        self.accept_write.next =
            self.s_axil.awvalid.val() & self.s_axil.wvalid.val() & !self.write_pending.q.val();
        self.s_axil.awready.next = self.accept_write.val();
        self.s_axil.wready.next = self.accept_write.val();
        self.whole.next = self.accept_write.val() & self.s_axil.wstrb.val().all();
        if self.accept_write.val() {
            self.write_pending.d.next = true;
        } else if self.s_axil.bready.val() {
            self.write_pending.d.next = false;
        }
        self.s_axil.bvalid.next = self.write_pending.q.val();
        self.s_axil.bresp.next = 0.into();
        self.wdata.next = self.s_axil.wdata.val();

        comment!("Reads.");
        self.accept_read.next = self.s_axil.arvalid.val() & (self.read_step.q.val() == 0);
        self.s_axil.arready.next = self.accept_read.val();
        self.s_axil.rvalid.next = self.read_step.q.val() == 3;
        if self.accept_read.val() | (self.read_step.q.val() == 1) | (self.read_step.q.val() == 2) {
            self.read_step.d.next = self.read_step.q.val() + 1;
        } else if self.s_axil.rready.val() {
            self.read_step.d.next = 0.into();
        }
        self.s_axil.rdata.next = self.read_data.q.val();
        self.s_axil.rresp.next = 0.into();

        for i in 0..REGISTER_COUNT {
            self.values[i].clock.next = self.clk.val();
            self.values[i].reset.next = self.rst.val();
            self.written[i].next = self.whole.val() & (self.s_axil.awaddr.val() == self.offset[i].val());
            self.value[i].next = self.values[i].q.val();
            self.values[i].d.next = (self.values[i].q.val() & !self.ro_mask[i].val())
                | (self.status[i].val() & (self.ro_mask[i].val() | self.w1c_mask[i].val()));
            if self.whole.val() & (self.s_axil.awaddr.val() == self.offset[i].val()) {
                self.values[i].d.next = (self.values[i].q.val()
                    & !self.rw_mask[i].val()
                    & !(self.w1c_mask[i].val() & self.s_axil.wdata.val())
                    & !self.ro_mask[i].val())
                    | (self.s_axil.wdata.val() & self.rw_mask[i].val())
                    | (self.status[i].val() & (self.ro_mask[i].val() | self.w1c_mask[i].val()));
            }
            if self.clear.val() & self.cleared[i].val() {
                self.values[i].d.next = self.reset[i].val();
            }
        }

        comment!("What is read: the offset is compared, then each group ored, then all of them.");
        for i in 0..REGISTER_COUNT {
            self.chosen[i].clock.next = self.clk.val();
            self.chosen[i].reset.next = self.rst.val();
            self.chosen[i].d.next = self.s_axil.araddr.val() == self.offset[i].val();
            self.selected[i].next = 0.into();
            if self.chosen[i].q.val() {
                self.selected[i].next = self.values[i].q.val();
            }
        }
        for i in REGISTER_COUNT..PLACES {
            self.selected[i].next = 0.into();
        }
        self.gathered[0].next = 0.into();
        for g in 0..GROUPS {
            self.groups[g].clock.next = self.clk.val();
            self.groups[g].reset.next = self.rst.val();
            self.groups[g].d.next = self.selected[8 * g].val()
                | self.selected[8 * g + 1].val()
                | self.selected[8 * g + 2].val()
                | self.selected[8 * g + 3].val()
                | self.selected[8 * g + 4].val()
                | self.selected[8 * g + 5].val()
                | self.selected[8 * g + 6].val()
                | self.selected[8 * g + 7].val();
            self.gathered[g + 1].next = self.gathered[g].val() | self.groups[g].q.val();
            self.read_now.next = self.gathered[g + 1].val();
        }
        if self.read_step.q.val() == 2 {
            self.read_data.d.next = self.read_now.val();
        }
    }
}

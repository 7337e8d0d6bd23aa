//! AXI bundles, seen from the device: AXI4 managers and a subordinate with 512-bit data, the AXI4-Lite subordinate of the
//! registers.

use rust_hdl_core::prelude::*;

/// An AXI4 manager with 512-bit data, 8-bit IDs and `ADDR`-bit addresses. This device makes single-beat bursts only.
#[derive(Clone, Debug, Default, LogicInterface)]
pub struct AxiManager<const ADDR: usize> {
    /// Write address: ID.
    pub awid: Signal<Out, Bits<8>>,
    /// Write address: byte address, 64-byte aligned.
    pub awaddr: Signal<Out, Bits<ADDR>>,
    /// Write address: beats - 1.
    pub awlen: Signal<Out, Bits<8>>,
    /// Write address: log2 of the bytes of a beat.
    pub awsize: Signal<Out, Bits<3>>,
    /// Write address: burst type (1 = INCR).
    pub awburst: Signal<Out, Bits<2>>,
    /// Write address: valid.
    pub awvalid: Signal<Out, Bit>,
    /// Write address: ready.
    pub awready: Signal<In, Bit>,
    /// Write data.
    pub wdata: Signal<Out, Bits<512>>,
    /// Write data: byte enables.
    pub wstrb: Signal<Out, Bits<64>>,
    /// Write data: last beat.
    pub wlast: Signal<Out, Bit>,
    /// Write data: valid.
    pub wvalid: Signal<Out, Bit>,
    /// Write data: ready.
    pub wready: Signal<In, Bit>,
    /// Write response: ID.
    pub bid: Signal<In, Bits<8>>,
    /// Write response: 0 = OKAY, 2 = SLVERR, 3 = DECERR.
    pub bresp: Signal<In, Bits<2>>,
    /// Write response: valid.
    pub bvalid: Signal<In, Bit>,
    /// Write response: ready.
    pub bready: Signal<Out, Bit>,
    /// Read address: ID.
    pub arid: Signal<Out, Bits<8>>,
    /// Read address: byte address, 64-byte aligned.
    pub araddr: Signal<Out, Bits<ADDR>>,
    /// Read address: beats - 1.
    pub arlen: Signal<Out, Bits<8>>,
    /// Read address: log2 of the bytes of a beat.
    pub arsize: Signal<Out, Bits<3>>,
    /// Read address: burst type (1 = INCR).
    pub arburst: Signal<Out, Bits<2>>,
    /// Read address: valid.
    pub arvalid: Signal<Out, Bit>,
    /// Read address: ready.
    pub arready: Signal<In, Bit>,
    /// Read data: ID.
    pub rid: Signal<In, Bits<8>>,
    /// Read data.
    pub rdata: Signal<In, Bits<512>>,
    /// Read data: response.
    pub rresp: Signal<In, Bits<2>>,
    /// Read data: last beat.
    pub rlast: Signal<In, Bit>,
    /// Read data: valid.
    pub rvalid: Signal<In, Bit>,
    /// Read data: ready.
    pub rready: Signal<Out, Bit>,
}

/// An AXI4 subordinate with 512-bit data, 8-bit IDs and 52-bit addresses: the window of a device on AXI4.
#[derive(Clone, Debug, Default, LogicInterface)]
pub struct AxiSubordinate {
    /// Write address: ID.
    pub awid: Signal<In, Bits<8>>,
    /// Write address: host physical byte address.
    pub awaddr: Signal<In, Bits<52>>,
    /// Write address: beats - 1.
    pub awlen: Signal<In, Bits<8>>,
    /// Write address: log2 of the bytes of a beat.
    pub awsize: Signal<In, Bits<3>>,
    /// Write address: burst type (0 = FIXED, 1 = INCR, 2 = WRAP).
    pub awburst: Signal<In, Bits<2>>,
    /// Write address: exclusive access, ignored: answered OKAY, not EXOKAY.
    pub awlock: Signal<In, Bit>,
    /// Write address: memory attributes, ignored.
    pub awcache: Signal<In, Bits<4>>,
    /// Write address: protection, ignored.
    pub awprot: Signal<In, Bits<3>>,
    /// Write address: valid.
    pub awvalid: Signal<In, Bit>,
    /// Write address: ready.
    pub awready: Signal<Out, Bit>,
    /// Write data.
    pub wdata: Signal<In, Bits<512>>,
    /// Write data: byte enables.
    pub wstrb: Signal<In, Bits<64>>,
    /// Write data: last beat, ignored: AWLEN says it.
    pub wlast: Signal<In, Bit>,
    /// Write data: valid.
    pub wvalid: Signal<In, Bit>,
    /// Write data: ready.
    pub wready: Signal<Out, Bit>,
    /// Write response: ID.
    pub bid: Signal<Out, Bits<8>>,
    /// Write response: 0 = OKAY, 2 = SLVERR, 3 = DECERR.
    pub bresp: Signal<Out, Bits<2>>,
    /// Write response: valid.
    pub bvalid: Signal<Out, Bit>,
    /// Write response: ready.
    pub bready: Signal<In, Bit>,
    /// Read address: ID.
    pub arid: Signal<In, Bits<8>>,
    /// Read address: host physical byte address.
    pub araddr: Signal<In, Bits<52>>,
    /// Read address: beats - 1.
    pub arlen: Signal<In, Bits<8>>,
    /// Read address: log2 of the bytes of a beat.
    pub arsize: Signal<In, Bits<3>>,
    /// Read address: burst type (0 = FIXED, 1 = INCR, 2 = WRAP).
    pub arburst: Signal<In, Bits<2>>,
    /// Read address: exclusive access, ignored: answered OKAY, not EXOKAY.
    pub arlock: Signal<In, Bit>,
    /// Read address: memory attributes, ignored.
    pub arcache: Signal<In, Bits<4>>,
    /// Read address: protection, ignored.
    pub arprot: Signal<In, Bits<3>>,
    /// Read address: valid.
    pub arvalid: Signal<In, Bit>,
    /// Read address: ready.
    pub arready: Signal<Out, Bit>,
    /// Read data: ID.
    pub rid: Signal<Out, Bits<8>>,
    /// Read data: the line, on all lanes.
    pub rdata: Signal<Out, Bits<512>>,
    /// Read data: 0 = OKAY, 2 = SLVERR, 3 = DECERR.
    pub rresp: Signal<Out, Bits<2>>,
    /// Read data: last beat.
    pub rlast: Signal<Out, Bit>,
    /// Read data: valid.
    pub rvalid: Signal<Out, Bit>,
    /// Read data: ready.
    pub rready: Signal<In, Bit>,
}

/// The AXI4-Lite subordinate of the register file: 12-bit addresses, 32-bit data.
#[derive(Clone, Debug, Default, LogicInterface)]
pub struct AxiLiteSubordinate {
    /// Write address: byte address in BAR0.
    pub awaddr: Signal<In, Bits<12>>,
    /// Write address: protection, ignored.
    pub awprot: Signal<In, Bits<3>>,
    /// Write address: valid.
    pub awvalid: Signal<In, Bit>,
    /// Write address: ready.
    pub awready: Signal<Out, Bit>,
    /// Write data.
    pub wdata: Signal<In, Bits<32>>,
    /// Write data: byte enables; a register is written if all four are set.
    pub wstrb: Signal<In, Bits<4>>,
    /// Write data: valid.
    pub wvalid: Signal<In, Bit>,
    /// Write data: ready.
    pub wready: Signal<Out, Bit>,
    /// Write response, always OKAY.
    pub bresp: Signal<Out, Bits<2>>,
    /// Write response: valid.
    pub bvalid: Signal<Out, Bit>,
    /// Write response: ready.
    pub bready: Signal<In, Bit>,
    /// Read address: byte address in BAR0.
    pub araddr: Signal<In, Bits<12>>,
    /// Read address: protection, ignored.
    pub arprot: Signal<In, Bits<3>>,
    /// Read address: valid.
    pub arvalid: Signal<In, Bit>,
    /// Read address: ready.
    pub arready: Signal<Out, Bit>,
    /// Read data; zero where there is no register.
    pub rdata: Signal<Out, Bits<32>>,
    /// Read response, always OKAY.
    pub rresp: Signal<Out, Bits<2>>,
    /// Read data: valid.
    pub rvalid: Signal<Out, Bit>,
    /// Read data: ready.
    pub rready: Signal<In, Bit>,
}

/// A write on its way to an AXI manager.
#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
pub struct AxiWriteBits {
    /// Byte address.
    pub address: Bits<64>,
    /// ID.
    pub id: Bits<8>,
}

/// The data of a write on its way to an AXI manager.
#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
pub struct AxiDataBits {
    /// The beat.
    pub data: Bits<512>,
    /// Byte enables.
    pub strobe: Bits<64>,
}

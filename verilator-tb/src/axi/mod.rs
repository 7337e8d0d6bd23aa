//! AXI bus functional models.
//!
//! An interface is two plain structs, one per side: what the manager drives and what the subordinate drives in a cycle.
//! `Some` means valid. A model first says what it drives in a cycle (`drive`), then sees what the other side drove
//! (`clock`) and so knows which transfers took place; no model reacts within a cycle. Each checks the side that it
//! faces and returns a [`Violation`] for what the AXI specification forbids (ARM IHI 0022; sections are named below).

mod lite;
mod manager;
mod memory;
mod subordinate;

pub use lite::{Access, LiteManager, LiteManagerPins, LiteSubordinatePins};
pub use manager::{Burst, Manager, Ready};
pub use memory::{DeviceMemory, DmaMemory, Fault, Memory, Stray};
pub use subordinate::{Accepted, Subordinate, Timing};

use tideline_abi::cxl::Line;

/// A beat of AW or AR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// Transaction identifier.
    pub id: u8,
    /// Address of the first byte.
    pub addr: u64,
    /// Beats less one.
    pub len: u8,
    /// Bytes per beat, as a power of two.
    pub size: u8,
    /// Burst type; 1 is INCR.
    pub burst: u8,
}

/// A beat of W.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteBeat {
    /// The data bus.
    pub data: Line,
    /// Byte enables.
    pub strobe: u64,
    /// Last beat of the burst.
    pub last: bool,
}

/// A beat of B.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteResponse {
    /// Transaction identifier.
    pub id: u8,
    /// How it ended.
    pub resp: Resp,
}

/// A beat of R.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadBeat {
    /// Transaction identifier.
    pub id: u8,
    /// The data bus.
    pub data: Line,
    /// How it ended.
    pub resp: Resp,
    /// Last beat of the burst.
    pub last: bool,
}

/// A response code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Resp {
    /// Done.
    Okay = 0,
    /// Done, exclusively; never seen here.
    ExOkay = 1,
    /// The subordinate failed.
    SlvErr = 2,
    /// No subordinate at this address.
    DecErr = 3,
}

impl Resp {
    /// The response with this code (two bits).
    pub const fn from_code(code: u8) -> Self {
        match code & 3 {
            0 => Resp::Okay,
            1 => Resp::ExOkay,
            2 => Resp::SlvErr,
            _ => Resp::DecErr,
        }
    }
}

/// What the manager of an AXI4 interface drives in a cycle.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ManagerPins {
    /// Write address.
    pub aw: Option<Address>,
    /// Write data.
    pub w: Option<WriteBeat>,
    /// Takes a write response.
    pub b_ready: bool,
    /// Read address.
    pub ar: Option<Address>,
    /// Takes read data.
    pub r_ready: bool,
}

/// What the subordinate of an AXI4 interface drives in a cycle.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SubordinatePins {
    /// Takes a write address.
    pub aw_ready: bool,
    /// Takes write data.
    pub w_ready: bool,
    /// Write response.
    pub b: Option<WriteResponse>,
    /// Takes a read address.
    pub ar_ready: bool,
    /// Read data.
    pub r: Option<ReadBeat>,
}

/// What the other side did against the rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Section A3.2.1: once valid, a payload stays as it is until it is taken.
    #[error("{channel}: was offered and not taken, then {}: {before}", if after.is_some() { "changed" } else { "withdrawn" })]
    Unstable {
        /// The channel.
        channel: &'static str,
        /// What was offered.
        before: String,
        /// What is offered one cycle later.
        after: Option<String>,
    },
    /// Section A3.1.2: nothing is valid during reset.
    #[error("valid during reset")]
    ValidInReset,
    /// A beat wider than the bus, a burst that is not INCR, or a start inside a beat.
    #[error("{channel}: size {size}, burst {burst} at {addr:#x}: the bus takes aligned INCR bursts of up to 64 bytes a beat", size = .address.size, burst = .address.burst, addr = .address.addr)]
    Shape {
        /// The channel.
        channel: &'static str,
        /// The address beat.
        address: Address,
    },
    /// Section A3.4.1: a burst stays within 4 KiB.
    #[error("{channel}: {beats} beats of {bytes} bytes at {addr:#x} cross a 4 KiB boundary", beats = u32::from(.address.len) + 1, bytes = 1u32 << .address.size, addr = .address.addr)]
    CrossesPage {
        /// The channel.
        channel: &'static str,
        /// The address beat.
        address: Address,
    },
    /// Section A3.4.1: WLAST marks the last beat and no other.
    #[error("w: last = {last} in beat {beat} of {beats}")]
    Last {
        /// What was driven.
        last: bool,
        /// The beat, from 1.
        beat: u32,
        /// Beats of the burst.
        beats: u32,
    },
    /// Section A3.4.3: strobes only in the lanes of the beat.
    #[error("w: strobe {strobe:#018x} leaves the byte lanes {lanes:#018x} of the beat")]
    Strobe {
        /// What was driven.
        strobe: u64,
        /// The lanes that the address and size select.
        lanes: u64,
    },
    /// A response without a request, or for another one.
    #[error("{channel}: an answer that nobody asked for")]
    Unasked {
        /// The channel.
        channel: &'static str,
    },
}

/// Checks a channel's payload against the cycle before: `held` is what was offered then and not taken.
pub fn check_stable<T: PartialEq + std::fmt::Debug>(
    channel: &'static str,
    held: &Option<T>,
    now: &Option<T>,
) -> Result<(), Violation> {
    match held {
        Some(_) if held == now => Ok(()),
        Some(before) => Err(Violation::Unstable {
            channel,
            before: format!("{before:x?}"),
            after: now.as_ref().map(|now| format!("{now:x?}")),
        }),
        None => Ok(()),
    }
}

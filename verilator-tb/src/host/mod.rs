//! Coherent hosts: models of a CPU's caches on the other end of the six channels.
//!
//! Both speak CXL.mem over [`tideline_abi::cxl::Channels`] and know nothing of the device's inside.
//!
//! - [`OrderlyHost`] is a last-level cache as a program sees one: loads and stores in order, true LRU, write-back.
//!   Replays and the carriers use it.
//! - [`NastyHost`] is the adversary of the campaigns: any legal behaviour at any time, every channel late in its
//!   own way, and, where asked for, illegal behaviour too.

mod answers;
mod nasty;
mod oracle;
mod orderly;
mod wire;

pub use tideline_driver::Hpa;

pub use nasty::{Levels, NastyConfig, NastyError, NastyHost, NastyStats, RequestKind, Violations};
pub use oracle::{Oracle, OracleError, PageMap, Verdict};
pub use orderly::{Access, EpochPage, OrderlyConfig, OrderlyError, OrderlyHost, OrderlyStats};

/// State of a line in a host's cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// No copy.
    Invalid,
    /// A copy that may only be read.
    Shared,
    /// The only copy, equal to memory: may be written without asking.
    Exclusive,
    /// The only copy, written since it was fetched.
    Modified,
}

impl State {
    /// The host may write without asking: the device must know the line as owned.
    pub fn may_write(self) -> bool {
        matches!(self, State::Exclusive | State::Modified)
    }
}

//! Why a campaign failed.

use super::Commit;
use crate::host::{NastyError, OracleError};
use crate::rtl_device::DeviceError;
use std::fmt;
use tideline_abi::command::Completion;
use tideline_abi::slot::Slot;

/// Why a campaign failed.
#[derive(Debug, thiserror::Error)]
pub enum CampaignError {
    /// The host saw something wrong.
    #[error(transparent)]
    Host(#[from] NastyError),
    /// The device broke a rule of an interface.
    #[error("device: {0}")]
    Device(#[from] DeviceError),
    /// A completion that the command does not allow.
    #[error("{command}: completed with {status}: {completion:x?}")]
    Completion {
        /// The command.
        command: String,
        /// Its completion.
        completion: Completion,
        /// Name of its status.
        status: String,
    },
    /// The host may write lines that the device does not know as owned.
    #[error("page {page:#x}: the host may write lines {lines:#018x}, which are not owned")]
    NotOwned {
        /// Page of the window.
        page: u32,
        /// The lines.
        lines: u64,
    },
    /// Memory changed under a copy of the host.
    #[error("line {line:#x} of the campaign: the host holds {copy:02x?}, memory {memory:02x?}")]
    Stale {
        /// Index of the line.
        line: u32,
        /// The host's copy.
        copy: Vec<u8>,
        /// What memory holds.
        memory: Vec<u8>,
    },
    /// A slot was decided otherwise than the model does.
    #[error("the device decided {device:x?}, the model {model:x?}")]
    Lockstep {
        /// The slot, and the device's decision.
        device: Box<Commit>,
        /// The slot, and the model's decision.
        model: Box<Commit>,
    },
    /// A request passed its slot while its page was being recalled.
    #[error("{slot:x?}: a request passed while {snoops} snoops of its page were outstanding")]
    Recalled {
        /// The slot.
        slot: Box<Slot>,
        /// Snoops without a response.
        snoops: u32,
    },
    /// The log names a line that no slot made dirty.
    #[error("record {record} of the log names line {line:#x}, which no slot since made dirty")]
    LogInvented {
        /// Number of the record.
        record: u32,
        /// Its line.
        line: u64,
    },
    /// Records are missing in the log without a word, or it speaks of losses that were none.
    #[error(
        "{missing} records are missing between the {taken} of the log: LOG_DROPPED {dropped}, overflow {overflow}"
    )]
    LogLost {
        /// First writes without a record.
        missing: u32,
        /// LOG_DROPPED.
        dropped: u32,
        /// LOG_STATUS.overflow.
        overflow: bool,
        /// Records taken.
        taken: u32,
    },
    /// An error bit was set that nothing explains.
    #[error("ERROR is {bits:#x}, explained are {explained:#x}")]
    ErrorBits {
        /// The register.
        bits: u32,
        /// What may be set.
        explained: u32,
    },
    /// The generation did not go up by one.
    #[error("generation {before} became {after} at a reset")]
    Generation {
        /// Before.
        before: u32,
        /// After.
        after: u32,
    },
    /// Nothing was answered for too long.
    #[error("stuck: {outstanding} transactions, {snoops} snoops, command under way: {command}")]
    Stuck {
        /// Transactions of the host.
        outstanding: u32,
        /// Snoops at hand.
        snoops: u32,
        /// A command is under way.
        command: bool,
    },
}

impl From<OracleError> for CampaignError {
    fn from(error: OracleError) -> Self {
        CampaignError::Host(NastyError::Oracle(error))
    }
}

/// A failed campaign: what, when, and the history of the line.
#[derive(Debug)]
pub struct Failure {
    /// Its seed.
    pub seed: u64,
    /// The cycle.
    pub cycle: u64,
    /// What.
    pub error: CampaignError,
    /// What lately happened to the lines that the error is about.
    pub history: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {:#x}, cycle {}: {}", self.seed, self.cycle, self.error)?;
        self.history.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl std::error::Error for Failure {}

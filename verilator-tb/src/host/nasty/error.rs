//! What the host saw that must not be.

use super::OracleError;
use crate::host::State;

/// What the host saw that must not be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NastyError {
    /// An answer, snoop or acknowledgement that breaks the contract.
    #[error("{channel}: opcode {opcode}, tag {tag:#x}, line {line:?}: {why}")]
    Message {
        /// Channel.
        channel: &'static str,
        /// Opcode.
        opcode: u8,
        /// Tag.
        tag: u16,
        /// Line of the campaign, if known.
        line: Option<u32>,
        /// What is wrong.
        why: &'static str,
    },
    /// A value that memory cannot hold.
    #[error(transparent)]
    Oracle(#[from] OracleError),
    /// The host has a copy that a command took away.
    #[error(
        "line {line:#x} of the campaign is {state:?} since cycle {since}, but {what} of cycle {begin} is over"
    )]
    Kept {
        /// Index of the line.
        line: u32,
        /// Its state.
        state: State,
        /// When it was granted.
        since: u64,
        /// The command.
        what: &'static str,
        /// When the command began.
        begin: u64,
    },
}

impl NastyError {
    /// The line that the error is about.
    pub fn line(&self) -> Option<u32> {
        match self {
            NastyError::Message { line, .. } => *line,
            NastyError::Oracle(OracleError::Value { line, .. }) => Some(*line),
            NastyError::Oracle(_) => None,
            NastyError::Kept { line, .. } => Some(*line),
        }
    }
}

pub(super) fn message(
    channel: &'static str,
    opcode: u8,
    tag: u16,
    line: Option<u32>,
    why: &'static str,
) -> NastyError {
    NastyError::Message { channel, opcode, tag, line, why }
}

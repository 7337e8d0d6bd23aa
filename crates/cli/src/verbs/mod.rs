//! The verbs, one file each.

pub mod bench;
pub mod demo;
pub mod info;
pub mod list;
pub mod record;
pub mod regs;
pub mod replay;
pub mod rtl;
pub mod serve;

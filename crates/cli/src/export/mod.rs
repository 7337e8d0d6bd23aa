//! What a replay found, for readers of different kinds: one file each.

pub mod json;
pub mod svg;
pub mod table;

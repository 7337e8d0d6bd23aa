//! The replay: a trace through a coherent host into a device, and what the device reports against what the trace
//! wrote.
//!
//! ```text
//!            ┌──▶ truth ─────────────────────────────────▶ written ──┐
//!  trace ────┤                                                       ├──▶ figures
//!            └──▶ host's cache ──▶ device ──▶ driver ──▶ reported ───┘
//! ```
//!
//! The two ways share the trace and the table of pages ([`pages`]), nothing else: [`truth`] never sees the device, and
//! what is *reported* comes from the records that the device wrote by DMA.

mod engine;
pub mod figures;
pub mod heat;
mod masks;
mod pages;
mod truth;

pub use engine::{Outcome, Settings, run};

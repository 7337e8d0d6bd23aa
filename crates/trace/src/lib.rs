//! Memory traces: what a program read and wrote, access by access, in the order it happened.
//!
//! A trace is the list of loads and stores that a real program made, with its instructions between them as the
//! only clock. Tideline replays it against a device and compares the lines that the device reports as written
//! with the lines that the trace wrote.
//!
//! ```text
//!   valgrind --tool=lackey ──▶ Recorder ──▶ .tlt file ──┐
//!   lackey text, plain, gzip, xz or zstd ───────────────┼──▶ TraceReader ──▶ Event, Event, Event ...
//!   standard input ("-") ───────────────────────────────┘
//! ```
//!
//! - [`TraceReader`] reads every kind of trace; it finds out by itself which kind it has.
//! - [`Recorder`] runs a program under valgrind and writes a compact trace.
//! - [`CompactWriter`] writes the compact format (`.tlt`, see [`compact`]) to anything that takes bytes.
//!
//! # Example
//!
//! The lines that a trace writes, each once:
//!
//! ```no_run
//! use std::collections::BTreeSet;
//! use tideline_trace::TraceReader;
//!
//! let mut trace = TraceReader::open("sqlite.tlt")?;
//! let mut written = BTreeSet::new();
//! while let Some(batch) = trace.next_batch()? {
//!     for access in batch.iter().filter_map(|event| event.access()).filter(|access| access.writes) {
//!         written.extend(access.lines());
//!     }
//! }
//! println!("{} lines written in {} instructions", written.len(), trace.totals().instructions);
//! # Ok::<(), tideline_trace::ReadError>(())
//! ```

mod block;
pub mod compact;
mod error;
mod event;
mod lackey;
mod output;
mod reader;
mod record;

pub use compact::{CompactWriter, Header, Written};
pub use error::{Cut, Problem, ReadError, RecordError};
pub use event::{Access, Event, LINE_BYTES, PAGE_BYTES, Totals, VirtAddr, VirtLine, VirtPage, lines};
pub use reader::{Compression, Format, TraceReader};
pub use record::{Input, Output, Progress, Recorder, Recording, record};

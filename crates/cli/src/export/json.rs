//! `report.json`.

use crate::files;
use anyhow::Result;
use serde::Serialize;
use std::path::Path;

/// The text of any report.
pub fn render(report: &impl Serialize) -> Result<String> {
    Ok(serde_json::to_string_pretty(report)? + "\n")
}

/// Writes a report to a file, or to standard output if the path is `-`.
pub fn write(path: &Path, report: &impl Serialize) -> Result<()> {
    files::write(path, &render(report)?)
}

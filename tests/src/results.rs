//! Which test passed on which carrier: one small file each, so that runs of several programs make one table.
//!
//! `cargo xtask results` prints the table.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The folder of results, in a folder for temporary files of the tests.
pub const FOLDER: &str = "results";

/// Notes how a test ended.
///
/// # Errors
/// If the file cannot be written.
pub fn record(tmp: &Path, carrier: &str, test: &str, passed: bool) -> io::Result<()> {
    let file = file(tmp, carrier, test);
    fs::create_dir_all(file.parent().expect("it lies in a folder"))?;
    fs::write(file, if passed { "passed\n" } else { "failed\n" })
}

fn file(tmp: &Path, carrier: &str, test: &str) -> PathBuf {
    tmp.join(FOLDER).join(carrier).join(test)
}

/// Runs a test and notes how it ends: as failed until it has passed, so that a panic counts too.
///
/// # Errors
/// The test's.
///
/// # Panics
/// If the result cannot be noted.
pub fn kept<E>(tmp: &str, carrier: &str, test: &str, body: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
    let note = |passed| record(tmp.as_ref(), carrier, test, passed).expect("results can be written");
    note(false);
    body()?;
    note(true);
    Ok(())
}

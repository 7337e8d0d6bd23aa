//! `cargo xtask results`: which end-to-end test passed on which carrier, as one table.
//!
//! The tests leave a small file each (`tests/src/results.rs`); this reads them.

use crate::root;
use anyhow::{Context, Result, ensure};
use clap::Args;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Folders of results, and what a reader calls the carrier.
const CARRIERS: [(&str, &str); 4] =
    [("model", "model"), ("rtl", "rtl"), ("vfio_user::rtl", "vfio-user"), ("guest", "guest VFIO")];

/// Print which end-to-end test passed on which carrier; fails if one failed, or did not run everywhere
#[derive(Debug, Args)]
pub struct Results {
    /// Forget the results so far
    #[arg(long)]
    clear: bool,
}

/// Whether a test passed, by its name.
type Column = BTreeMap<String, bool>;

impl Results {
    /// Reads the results and prints the table.
    pub fn run(self) -> Result<()> {
        let folder = folder();
        if self.clear {
            if folder.exists() {
                fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
            }
            return Ok(());
        }
        let columns: Vec<Column> =
            CARRIERS.iter().map(|(name, _)| read(&folder.join(name))).collect::<Result<_>>()?;
        let (table, wrong) = table(&columns);
        print!("{table}");
        ensure!(wrong.is_empty(), "not passed: {}", wrong.join(", "));
        Ok(())
    }
}

/// Where the tests leave their results: below cargo's folder for temporary files of tests.
fn folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    root().join(target).join("tmp/results")
}

fn read(folder: &Path) -> Result<Column> {
    let entries = fs::read_dir(folder).with_context(|| {
        format!(
            "no results in {}: run `cargo test --package tideline-tests` and scripts/guest first",
            folder.display()
        )
    })?;
    let mut column = Column::new();
    for entry in entries {
        let entry = entry?;
        let passed = fs::read_to_string(entry.path())?.trim() == "passed";
        column.insert(entry.file_name().to_string_lossy().into_owned(), passed);
    }
    Ok(column)
}

/// The table, and what is wrong in it. A test that one carrier alone has is that carrier's own.
fn table(columns: &[Column]) -> (String, Vec<String>) {
    let names: BTreeSet<&String> = columns.iter().flat_map(BTreeMap::keys).collect();
    let (shared, own): (Vec<&String>, Vec<&String>) =
        names.into_iter().partition(|&name| columns.iter().filter(|c| c.contains_key(name)).count() > 1);
    let mut text = format!("{:<46}", "test");
    for (_, title) in CARRIERS {
        text += &format!(" {title:<10}");
    }
    text.push('\n');
    let mut wrong = Vec::new();
    for (names, everywhere) in [(&shared, true), (&own, false)] {
        for &name in names {
            let mut row = format!("{name:<46}");
            for (column, (_, title)) in columns.iter().zip(CARRIERS) {
                let word = match column.get(name) {
                    Some(true) => "passed",
                    Some(false) => "FAILED",
                    None if everywhere => "not run",
                    None => "",
                };
                row += &format!(" {word:<10}");
                if matches!(word, "FAILED" | "not run") {
                    wrong.push(format!("{name} on {title}"));
                }
            }
            text += row.trim_end();
            text.push('\n');
        }
    }
    (text, wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(results: &[(&str, bool)]) -> Column {
        results.iter().map(|&(name, passed)| (name.to_owned(), passed)).collect()
    }

    #[test]
    fn what_failed_or_did_not_run_everywhere_is_named() {
        let all = column(&[("abort", true), ("wrap", true)]);
        let guest = column(&[("abort", true), ("wrap", true), ("removed", true)]);
        let good = [all.clone(), all.clone(), all.clone(), guest.clone()];
        let (text, wrong) = table(&good);
        assert_eq!((text.lines().count(), wrong), (4, vec![]), "{text}");
        assert_eq!(
            text.lines().last().unwrap().split_whitespace().collect::<Vec<_>>(),
            ["removed", "passed"]
        );

        let bad =
            [all.clone(), column(&[("abort", false), ("wrap", true)]), column(&[("abort", true)]), guest];
        let (_, wrong) = table(&bad);
        assert_eq!(wrong, ["abort on rtl", "wrap on vfio-user"]);
    }
}

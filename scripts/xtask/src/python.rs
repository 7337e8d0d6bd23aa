//! The Python tools: in a virtual environment of the workspace, `.venv`, with the versions of scripts/requirements.txt.

use crate::root;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// What is installed.
const REQUIREMENTS: &str = include_str!("../../requirements.txt");

/// The path of a tool; installs the environment first if it is missing or of another version.
pub fn tool(name: &str) -> Result<PathBuf> {
    let environment = root().join(".venv");
    let stamp = environment.join("requirements.installed");
    if fs::read_to_string(&stamp).ok().as_deref() != Some(REQUIREMENTS) {
        eprintln!("installing the Python tools of scripts/requirements.txt into .venv");
        run(Command::new("python3").args(["-m", "venv"]).arg(&environment))
            .context("python3 -m venv .venv (Debian: apt-get install python3-venv)")?;
        let requirements = root().join("scripts/requirements.txt");
        run(Command::new(environment.join("bin/pip"))
            .args(["install", "--quiet", "--requirement"])
            .arg(requirements))?;
        fs::write(&stamp, REQUIREMENTS).with_context(|| format!("cannot write {}", stamp.display()))?;
    }
    let path = environment.join("bin").join(name);
    ensure!(path.exists(), "{} is missing: remove .venv and run this again", path.display());
    Ok(path)
}

/// Runs a program that has to succeed.
fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("cannot run {program}"))?;
    ensure!(status.success(), "{program}: {status}");
    Ok(())
}

//! Runs the program, and writes traces for it by hand.

#![allow(dead_code, reason = "each test program uses a part")]

use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// How a run of the program ended.
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// The run failed, with these words in its message.
    #[track_caller]
    pub fn refused(&self, words: &[&str]) {
        assert_eq!(self.code, 2, "{}", self.stderr);
        assert_eq!(self.stdout, "");
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is not in: {}", self.stderr);
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
    }

    /// What the run printed, as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}{}", self.stdout, self.stderr))
    }
}

pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tideline"));
    command.args(arguments);
    command
}

pub fn run(command: &mut Command) -> Run {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

pub fn tideline(arguments: &[&str]) -> Run {
    run(&mut command(arguments))
}

pub fn tideline_with_stdin(arguments: &[&str], input: &[u8]) -> Run {
    let mut child = command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A folder for one test.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, contents).unwrap();
        path
    }
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Lackey text from words: `i` an instruction, `s1000,8` a store, `l` a load, `m` a modify.
pub fn lackey(words: &str) -> String {
    let mut text = String::new();
    for word in words.split_whitespace() {
        let _ = match word.split_at(1) {
            ("i", _) => writeln!(text, "I  04001000,3"),
            (kind, access) => writeln!(text, " {} {access}", kind.to_uppercase()),
        };
    }
    text
}

/// Replays a trace given in words, on the model unless told otherwise, and returns exit status and report.
#[track_caller]
pub fn replay(words: &str, options: &[&str]) -> (i32, Value) {
    let folder = Folder::new();
    let trace = folder.file("trace", lackey(words));
    let mut arguments = vec!["replay", text(&trace), "--json", "-"];
    if !options.contains(&"--target") {
        arguments.extend(["--target", "model"]);
    }
    arguments.extend(options);
    let run = tideline(&arguments);
    assert!(run.code < 2, "{}", run.stderr);
    (run.code, run.json())
}

/// Some fields of each epoch.
pub fn epochs(report: &Value, fields: &[&str]) -> Vec<Vec<u64>> {
    let epochs = report["epochs"].as_array().unwrap();
    epochs.iter().map(|epoch| fields.iter().map(|f| epoch[*f].as_u64().unwrap()).collect()).collect()
}

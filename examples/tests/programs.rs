//! Runs every example: what it prints is what it is there to show.

use std::path::PathBuf;
use std::process::{Command, Output};

/// The program of an example. `cargo test` has built it, unless it was told to build some tests only.
fn program(example: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.ancestors().nth(2).unwrap();
    let path = built.join("examples").join(example);
    if !path.exists() {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--locked", "--package", "tideline-examples", "--example", example]);
        if built.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap().success());
    }
    path
}

fn run(example: &str, arguments: &[&str]) -> Output {
    Command::new(program(example)).args(arguments).output().unwrap()
}

/// What an example prints on a target.
fn printed(example: &str, arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = run(example, arguments);
    assert!(status.success(), "{example} {arguments:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

#[track_caller]
fn shows(example: &str, expected: &str) {
    for target in ["model", "rtl"] {
        assert_eq!(printed(example, &["--target", target]), expected, "{example} on {target}");
    }
}

#[test]
fn dirty_lines() {
    shows(
        "01_dirty_lines",
        "written: page 3 line 5\nwritten: page 7 line 63\nexact: Recall, all dirty: false\nthen: page 3 line 6\n",
    );
}

#[test]
fn window() {
    shows(
        "02_window",
        "read: across a page\nSample { time: 1, celsius: 21.5, sensor: 7 } in 16 bytes at window offset 0x2000\n\
         mapped memory: no, accesses go by the carrier\n8 lines written\n",
    );
}

#[test]
fn arena() {
    shows(
        "03_arena",
        "written: page 32 line 1, of counter and table\nwritten: page 32 line 4, of table\n\
         written: page 32 line 5, of table\ncounter: 1, 2 blocks\n",
    );
}

#[test]
fn trackers() {
    shows(
        "04_trackers",
        "replication, not what was written before its start: page 2 line 1\n\
         replication, its second epoch: page 2 line 2, page 5 line 0\n\
         backup, one long epoch: page 2 line 0, page 2 line 1, page 2 line 2\nbackup: page 2 line 3\n",
    );
}

#[test]
fn reads() {
    let shown = printed("05_reads", &[]);
    assert!(shown.contains("read: page 1 line 10, page 2 line 20"), "{shown}");
    assert!(shown.ends_with("written: page 3 line 30\n"), "{shown}");
}

#[test]
fn checkpoint() {
    shows(
        "06_checkpoint",
        "saved 1 lines in 136 bytes\nsaved 1 lines in 136 bytes\n\
         restored from 2 files: \"the secondversion of this text\"\n",
    );
}

#[test]
fn kv() {
    for target in ["model", "rtl"] {
        let shown = printed("kv", &["--target", target, "--batches", "3", "--writes", "20"]);
        assert_eq!(shown.lines().filter(|l| l.starts_with("batch ")).count(), 3, "{shown}");
        assert!(shown.contains("  page   256  ####"), "{shown}");
        assert!(shown.contains("restored from 3 files: 524288 bytes and "), "{shown}");
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    printed("kv", &["--folder", folder, "--batches", "2"]);
    let again = run("kv", &["--folder", folder]);
    let said = String::from_utf8_lossy(&again.stderr);
    assert!(!again.status.success() && said.contains("there is a checkpoint already"), "{said}");
}

//! However a recording ends, no process and no file of it is left. One test alone, so that every child of this
//! process is one of the recording's. Scripts stand for valgrind and misbehave as it never should.

use std::fs;
use std::num::NonZeroU64;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use tideline_trace::{Input, Output, Problem, RecordError, Recorder, Recording};

/// A valgrind that runs `script` with the name of the trace in `$log`.
fn valgrind(folder: &Path, script: &str) -> PathBuf {
    let path = folder.join("valgrind");
    let find_log = "for word; do case $word in --log-file=*) log=${word#*=};; esac; done\n";
    fs::write(&path, format!("#!/bin/sh\n{find_log}{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// The children of this process, zombies included.
fn children() -> Vec<String> {
    let own = std::process::id().to_string();
    let stats = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| fs::read_to_string(entry.ok()?.path().join("stat")).ok());
    // After the name in parentheses come the state and the parent.
    stats
        .filter(|stat| stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)) == Some(&own))
        .collect()
}

fn record(script: &str, max_instructions: u64) -> Result<Recording, RecordError> {
    let (tools, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let recorder = Recorder::new()
        .valgrind(valgrind(tools.path(), script))
        .stdin(Input::Null)
        .stdout(Output::Null)
        .stderr(Output::Null)
        .max_instructions(NonZeroU64::new(max_instructions).unwrap());
    let result = recorder.record(&["/bin/true".into()], &folder.path().join("out.tlt"), &mut |_| ());
    assert_eq!(children(), [""; 0], "{script}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), usize::from(result.is_ok()), "{script}");
    result
}

#[test]
fn nothing_is_left_behind() {
    const NO_LIMIT: u64 = u64::MAX;

    // That nothing is seen means something only if there is something to see.
    let mut seen = Command::new("sleep").arg("1000").spawn().unwrap();
    assert_eq!(children().len(), 1);
    seen.kill().and_then(|()| seen.wait()).unwrap();

    let good = record("echo 'I  1000,4' >$log; exit 5", NO_LIMIT).unwrap();
    assert_eq!((good.totals.instructions, good.status.code()), (1, Some(5)));

    let cases = [
        // The pipe is empty, or full, when the program is killed.
        ("echo 'I  1000,4\nI  1004,4' >$log; exec sleep 1000", 1),
        ("exec yes 'I  1000,4' >$log", 1_000_000),
    ];
    for (script, limit) in cases {
        let stopped = record(script, limit).unwrap();
        assert!(stopped.limit_reached);
        assert_eq!(stopped.totals.instructions, limit);
    }

    // Killed within a line: that is how it goes, and the line is dropped.
    let killed = record("printf 'I  1000,4\nI  10' >$log; kill -9 $$", NO_LIMIT).unwrap();
    assert_eq!(killed.totals.instructions, 1);
    // Ended within a line by itself: that is not.
    let cut = record("printf 'I  1000,4\nI  10' >$log", NO_LIMIT).unwrap_err();
    assert!(matches!(cut, RecordError::Output { problem: Problem::CutOff { .. } }), "{cut:?}");

    for rest in ["exec sleep 1000", "exec yes 'I  1000,4' >$log"] {
        let foreign = record(&format!("echo 'I  1000,4\nhello' >$log; {rest}"), NO_LIMIT).unwrap_err();
        assert!(matches!(foreign, RecordError::Output { problem: Problem::Line { .. } }), "{foreign:?}");
    }
    let nothing = record("echo '==1== cannot' >$log; exit 1", NO_LIMIT).unwrap_err();
    assert!(matches!(nothing, RecordError::NothingTraced { .. }), "{nothing:?}");
}

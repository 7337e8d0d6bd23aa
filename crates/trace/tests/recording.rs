//! Recording of real programs. Skipped, with a notice, where valgrind is not installed.

use std::ffi::OsString;
use std::fs;
use std::num::NonZeroU64;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tideline_trace::{Event, Input, Output, Progress, RecordError, Recorder, Recording, Totals, TraceReader};

fn installed(program: &str) -> bool {
    let found = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        println!("skipped: {program} is not installed");
    }
    found
}

fn quiet() -> Recorder {
    Recorder::new().stdin(Input::Null).stdout(Output::Null).stderr(Output::Null)
}

fn words(command: &[&str]) -> Vec<OsString> {
    command.iter().map(Into::into).collect()
}

/// Records into `out`, and checks what holds for every recording.
fn record(recorder: &Recorder, command: &[&str], out: &Path) -> Result<Recording, RecordError> {
    let mut last = Progress::default();
    let result = recorder.record(&words(command), out, &mut |progress| {
        assert!(progress.totals.events() >= last.totals.events());
        assert!(progress.bytes_written >= last.bytes_written);
        last = progress;
    });
    let names: Vec<_> =
        fs::read_dir(out.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().ends_with(".part")), "left behind: {names:?}");
    if let Ok(recording) = &result {
        assert_eq!((last.totals, last.bytes_written), (recording.totals, recording.bytes_written));
        assert_eq!(fs::metadata(out).unwrap().len(), recording.bytes_written);
        let mut trace = TraceReader::open(out).unwrap();
        assert_eq!(trace.command().unwrap(), words(command));
        while trace.next_batch().unwrap().is_some() {}
        assert_eq!(trace.totals(), recording.totals);
    }
    result
}

fn plausible(totals: Totals) -> bool {
    totals.instructions > 10_000 && totals.loads > 1000 && totals.stores > 1000 && totals.modifies > 0
}

#[test]
fn a_small_program() {
    if !installed("valgrind") {
        return;
    }
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("true.tlt");
    let recording = record(&quiet(), &["/bin/true"], &out).unwrap();
    assert!(recording.status.success() && !recording.limit_reached);
    assert!(plausible(recording.totals), "{recording:?}");
    let first = TraceReader::open(&out).unwrap().next().unwrap().unwrap();
    assert_eq!(first, Event::Instruction);
}

#[test]
fn a_database() {
    if !installed("valgrind") || !installed("sqlite3") {
        return;
    }
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    let script = "create table t(a); insert into t values (42); select a, 'answer' from t;";
    fs::write(path("script.sql"), script).unwrap();
    for input in [Input::Bytes(script.into()), Input::File(path("script.sql"))] {
        let recorder = quiet().stdin(input).stdout(Output::File(path("answer")));
        let recording = record(&recorder, &["sqlite3", ":memory:"], &path("sqlite.tlt")).unwrap();
        assert!(recording.status.success());
        assert!(plausible(recording.totals), "{recording:?}");
        assert_eq!(fs::read_to_string(path("answer")).unwrap(), "42|answer\n");
    }
}

#[test]
fn the_programs_output_is_no_part_of_the_trace() {
    if !installed("valgrind") {
        return;
    }
    let folder = TempDir::new().unwrap();
    let (out, err) = (folder.path().join("out"), folder.path().join("err"));
    let recorder = quiet()
        .env("GREETING", "==1== I  1000,3")
        .stdout(Output::File(out.clone()))
        .stderr(Output::File(err.clone()));
    let script = "echo \"$GREETING\"; echo ' S 1000,8' >&2";
    record(&recorder, &["sh", "-c", script], &folder.path().join("sh.tlt")).unwrap();
    assert_eq!(fs::read_to_string(out).unwrap(), "==1== I  1000,3\n");
    assert_eq!(fs::read_to_string(err).unwrap(), " S 1000,8\n");
}

#[test]
fn a_failing_program_leaves_a_valid_trace() {
    if !installed("valgrind") {
        return;
    }
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("sh.tlt");
    let recording = record(&quiet(), &["sh", "-c", "exit 3"], &out).unwrap();
    assert_eq!(recording.status.code(), Some(3));
    for signal in [9, 11, 15] {
        let recording = record(&quiet(), &["sh", "-c", &format!("kill -{signal} $$")], &out).unwrap();
        assert_eq!(recording.status.signal(), Some(signal));
        assert!(plausible(recording.totals), "{recording:?}");
    }
}

#[test]
fn children_are_not_followed() {
    if !installed("valgrind") {
        return;
    }
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("sh.tlt");
    let few = record(&quiet(), &["sh", "-c", "(exit 0); exit 0"], &out).unwrap().totals.instructions;
    let work = "(i=0; while [ $i -lt 500 ]; do i=$((i+1)); done; exec ls -l /); exit 0";
    let many = record(&quiet(), &["sh", "-c", work], &out).unwrap().totals.instructions;
    assert!(many.abs_diff(few) < few / 10, "{few} instructions without, {many} with work in a child");
}

#[test]
fn a_daemon_left_behind_does_not_hold_the_trace_open() {
    if !installed("valgrind") {
        return;
    }
    let folder = TempDir::new().unwrap();
    let daemon = folder.path().join("daemon");
    let recorder = quiet().stdout(Output::File(daemon.clone()));
    let start = Instant::now();
    let recording =
        record(&recorder, &["sh", "-c", "sleep 60 & echo $!"], &folder.path().join("sh.tlt")).unwrap();
    assert!(recording.status.success());
    assert!(start.elapsed() < Duration::from_secs(50));
    let daemon: i32 = fs::read_to_string(daemon).unwrap().trim().parse().unwrap();
    // It is still there, and does not have to stay.
    kill_process(Pid::from_raw(daemon).unwrap(), Signal::TERM).unwrap();
}

#[test]
fn the_limit_is_exact() {
    if !installed("valgrind") {
        return;
    }
    let folder = TempDir::new().unwrap();
    let (whole, part) = (folder.path().join("whole.tlt"), folder.path().join("part.tlt"));
    record(&quiet(), &["/bin/true"], &whole).unwrap();
    let recorder = quiet().max_instructions(NonZeroU64::new(5000).unwrap());
    let recording = record(&recorder, &["/bin/true"], &part).unwrap();
    assert!(recording.limit_reached);
    assert_eq!(recording.totals.instructions, 5000);
    // The same kinds of event as the whole trace has: the accesses of the last instruction are there, and no
    // more. The addresses differ with where the system puts things.
    let kinds = |path| {
        TraceReader::open(path)
            .unwrap()
            .map(|event| std::mem::discriminant(&event.unwrap()))
            .collect::<Vec<_>>()
    };
    let (whole, part) = (kinds(&whole), kinds(&part));
    assert!(whole.starts_with(&part));
    assert_eq!(whole[part.len()], std::mem::discriminant(&Event::Instruction));

    // An endless program ends, and one that ends before the limit is left alone.
    record(&recorder, &["sh", "-c", "while :; do :; done"], &folder.path().join("endless.tlt")).unwrap();
    let recorder = quiet().max_instructions(NonZeroU64::MAX);
    let recording = record(&recorder, &["/bin/true"], &folder.path().join("true.tlt")).unwrap();
    assert!(recording.status.success() && !recording.limit_reached);
}

#[test]
fn what_cannot_be_run_is_named() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out.tlt");
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("notes"), "").unwrap();
    fs::write(path("empty"), "").unwrap();
    fs::set_permissions(path("empty"), fs::Permissions::from_mode(0o755)).unwrap();

    let fails = |recorder: &Recorder, command: &[&str]| {
        let error = record(recorder, command, &out).unwrap_err();
        assert!(!out.exists(), "{error}");
        error
    };
    assert!(matches!(fails(&quiet(), &[]), RecordError::NoCommand));
    for program in ["no-such-program", "/no/such/program", ""] {
        let error = fails(&quiet(), &[program]);
        assert!(matches!(error, RecordError::ProgramNotFound { .. }), "{error:?}");
        assert!(error.to_string().contains(&format!("cannot find the program {program}")), "{error}");
    }
    for program in ["/", &path("notes")] {
        let error = fails(&quiet(), &[program]);
        assert!(matches!(error, RecordError::NotExecutable { .. }), "{error:?}");
    }
    let in_path = quiet().env("PATH", folder.path());
    assert!(matches!(fails(&in_path, &["notes"]), RecordError::NotExecutable { .. }));

    let error = fails(&quiet().valgrind("/no/such/valgrind"), &["/bin/true"]);
    assert!(matches!(error, RecordError::ValgrindMissing { .. }), "{error:?}");
    assert!(error.to_string().contains("apt-get install valgrind"), "{error}");
    // Stands for a valgrind that gives up at once.
    let error = fails(&quiet().valgrind("/bin/false"), &["/bin/true"]);
    assert!(matches!(error, RecordError::NothingTraced { .. }), "{error:?}");
    let error = fails(&quiet().stdin(Input::File(path("missing").into())), &["/bin/true"]);
    assert!(matches!(error, RecordError::Stream { .. }), "{error:?}");
}

#[test]
fn where_the_trace_cannot_go_is_named() {
    let missing = Path::new("/no/such/folder/out.tlt");
    let error = quiet().record(&words(&["/bin/true"]), missing, &mut |_| ()).unwrap_err();
    assert!(matches!(error, RecordError::Write { .. }), "{error:?}");
    for path in ["/dev/null", "/tmp"] {
        let error = quiet().record(&words(&["/bin/true"]), Path::new(path), &mut |_| ()).unwrap_err();
        assert!(matches!(error, RecordError::NotAFile { .. }), "{error:?}");
    }
}

#[test]
fn an_older_trace_stays_until_the_new_one_is_complete() {
    if !installed("valgrind") {
        return;
    }
    let folder = TempDir::new().unwrap();
    let (out, link) = (folder.path().join("out.tlt"), folder.path().join("link.tlt"));
    fs::write(&out, "older").unwrap();
    symlink(&out, &link).unwrap();
    record(&quiet().valgrind("/bin/false"), &["/bin/true"], &out).unwrap_err();
    assert_eq!(fs::read_to_string(&out).unwrap(), "older");
    record(&quiet(), &["/bin/true"], &link).unwrap();
    assert!(link.is_symlink());
    TraceReader::open(&out).unwrap();
    let mode = fs::metadata(&out).unwrap().permissions().mode();
    assert_eq!(mode & 0o600, 0o600);
    fs::write(folder.path().join("ordinary"), "").unwrap();
    let ordinary = fs::metadata(folder.path().join("ordinary")).unwrap().permissions().mode();
    assert_eq!(mode, ordinary, "the umask applies");
}

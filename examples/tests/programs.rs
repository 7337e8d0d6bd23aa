//! Runs every example on every target that this machine has: what it prints is what it is there to show.

use std::io::Read;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;
use tideline_serve::{Background, CxlAttached};
use tideline_tb::{RtlConfig, RtlDevice};

const FRAMES: u32 = 80_000;

/// A Verilated device that another program can open, as long as this lives.
struct Served {
    target: String,
    _server: Background,
    _folder: TempDir,
}

fn serve() -> Served {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("device.sock");
    let device = || CxlAttached::new(RtlDevice::new(&RtlConfig::fast(FRAMES)).unwrap(), FRAMES);
    let server = Background::start(&socket, device, |line| println!("server: {line}")).unwrap();
    Served { target: format!("vfio-user:{}", socket.display()), _server: server, _folder: folder }
}

fn run(example: &str, arguments: &[&str]) -> Output {
    let program = match example {
        "01_dirty_lines" => env!("CARGO_BIN_EXE_01_dirty_lines"),
        "02_window" => env!("CARGO_BIN_EXE_02_window"),
        "03_arena" => env!("CARGO_BIN_EXE_03_arena"),
        "04_trackers" => env!("CARGO_BIN_EXE_04_trackers"),
        "05_reads" => env!("CARGO_BIN_EXE_05_reads"),
        "06_checkpoint" => env!("CARGO_BIN_EXE_06_checkpoint"),
        "kv" => env!("CARGO_BIN_EXE_kv"),
        other => panic!("no example {other}"),
    };
    Command::new(program).args(arguments).output().unwrap()
}

/// What an example prints on a target.
fn printed(example: &str, arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = run(example, arguments);
    assert!(status.success(), "{example} {arguments:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

#[track_caller]
fn shows(example: &str, expected: &str) {
    let served = serve();
    for target in ["model", "rtl", &served.target] {
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
    let served = serve();
    for target in ["model", "rtl", &served.target] {
        let shown = printed("kv", &["--target", target, "--batches", "3", "--writes", "20"]);
        println!("{shown}");
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

/// What cannot be opened is said by name, and nothing hangs or is left behind.
#[test]
fn targets_that_are_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = format!("vfio-user:{}/nobody.sock", folder.path().display());
    for (arguments, said) in [
        (["--target", &nobody], "nobody.sock"),
        (["--target", "board"], "unknown target \"board\""),
        (["--target", "vfio:1"], "is no PCI address"),
    ] {
        for example in ["01_dirty_lines", "kv"] {
            let output = run(example, &arguments);
            let words = String::from_utf8_lossy(&output.stderr);
            assert!(!output.status.success() && words.contains(said), "{example}: {words}");
        }
    }
    let none = run("kv", &["--batches", "0"]);
    assert!(String::from_utf8_lossy(&none.stderr).contains("--batches 0 leaves nothing to restore"));
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

/// The server goes away in the middle: the application ends with an error that says so, and leaves no file.
#[test]
fn a_server_that_dies_is_noticed() {
    let served = serve();
    let folder = tempfile::tempdir().unwrap();
    let mut kv = Command::new(env!("CARGO_BIN_EXE_kv"));
    kv.args(["--target", &served.target, "--batches", "1000000"]).env("TMPDIR", folder.path());
    let mut kv = kv.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Its first words come when it is at work.
    let mut first = [0; 5];
    kv.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    assert_eq!(&first, b"batch");
    drop(served);
    let output = kv.wait_with_output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && words.contains("device.sock"), "{words}");
    assert_eq!(folder.path().read_dir().unwrap().count(), 0, "nothing is left behind");
}

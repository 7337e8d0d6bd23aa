//! Bad input: each has a message that says what is wrong and what would be right, and exit status 2.

mod common;

use common::{Folder, command, lackey, run, text, tideline, tideline_with_stdin};
use std::ffi::OsString;
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::symlink;
use tideline_trace::{CompactWriter, Event, Header, VirtAddr};

#[test]
fn sizes() {
    let folder = Folder::new();
    let trace = folder.file("trace", lackey("i s1000,8"));
    let replay =
        |options: &[&str]| tideline(&[&["replay", text(&trace), "--target", "model"][..], options].concat());
    replay(&["--cache", "2MB"]).refused(&["2MB", "such as 2MiB"]);
    replay(&["--cache", "-1"]).refused(&["-1"]);
    replay(&["--cache", "0"]).refused(&["--cache 0", "multiple of 1KiB"]);
    replay(&["--cache", "100000"]).refused(&[
        "--cache 100000 --ways 16",
        "multiple of 1KiB",
        "such as 98KiB",
    ]);
    replay(&["--cache", "64KiB", "--ways", "3"]).refused(&["--ways 3", "multiple of 192"]);
    replay(&["--cache", "1TiB"]).refused(&["1TiB"]);
    replay(&["--cache", "2GiB"]).refused(&["at most 1GiB"]);
    replay(&["--ways", "0"]).refused(&["at least one way"]);
    replay(&["--ways", "18446744073709551615"]).refused(&["at most"]);
    replay(&["--epoch", "-5"]).refused(&["-5"]);
    replay(&["--epoch", "many"]).refused(&["many"]);
}

#[test]
fn targets_and_attachments() {
    let replay = |options: &[&str]| tideline(&[&["replay", "trace"][..], options].concat());
    replay(&["--target", "qemu"]).refused(&["qemu", "model", "rtl"]);
    replay(&["--target", "vfio:0000:01:00.0"]).refused(&["vfio:0000:01:00.0", "use model or rtl"]);
    replay(&["--attach", "usb"]).refused(&["usb", "cxl"]);
    tideline(&["info", "--target", "vfio:1"]).refused(&["PCI address"]);
}

#[test]
fn files_that_are_no_traces() {
    let folder = Folder::new();
    let replay = |name: &str| tideline(&["replay", text(&folder.path(name)), "--target", "model"]);
    replay("missing").refused(&["cannot open trace", "missing", "No such file"]);
    folder.file("prose", "All happy families are alike.\n");
    replay("prose").refused(&["prose", "not a trace"]);
    folder.file("empty", "");
    replay("empty").refused(&["not a trace", "empty"]);
    folder.file("cut", " S 1000,8\nI  0400");
    replay("cut").refused(&["cut off", "last line"]);
    fs::create_dir(folder.path("folder")).unwrap();
    replay("folder").refused(&["folder"]);
    tideline_with_stdin(&["replay", "-", "--target", "model"], b"\0\0\0")
        .refused(&["standard input", "not a trace"]);
}

#[test]
fn a_compact_trace_that_was_cut_off() {
    let folder = Folder::new();
    let mut writer = CompactWriter::new(Vec::new(), &Header { command: vec![OsString::from("x")] }).unwrap();
    for i in 0..1000 {
        writer.push(Event::Instruction).unwrap();
        writer.push(Event::Store { addr: VirtAddr(i * 24), size: 8 }).unwrap();
    }
    let whole = writer.finish().unwrap().out;
    let replay = |bytes: &[u8]| {
        let trace = folder.file("trace.tlt", bytes);
        tideline(&["replay", text(&trace), "--target", "model"])
    };
    assert_eq!(replay(&whole).code, 0);
    replay(&whole[..whole.len() - 1]).refused(&["cut off"]);
    replay(&whole[..whole.len() / 2]).refused(&["cut off"]);
    replay(&whole[..20]).refused(&["cut off", "header"]);
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    replay(&damaged).refused(&["damaged"]);
}

#[test]
fn more_pages_than_the_window_has() {
    let folder = Folder::new();
    let mut words = String::from("i ");
    for page in 0..=65_536u64 {
        let _ = write!(words, "l{:x},8 ", 0x1000_0000 + page * 4096);
    }
    let trace = folder.file("trace", lackey(&words));
    let run = tideline(&["replay", text(&trace), "--target", "model"]);
    run.refused(&["more than 65536 pages (256MiB)", "--max-instructions"]);
}

#[test]
fn outputs_that_cannot_be_written() {
    let folder = Folder::new();
    let trace = folder.file("trace", lackey("i s1000,8"));
    let replay =
        |options: &[&str]| tideline(&[&["replay", text(&trace), "--target", "model"][..], options].concat());
    replay(&["--json", text(&folder.path("no/report.json"))]).refused(&["cannot write", "is no folder"]);
    replay(&["--svg", text(&folder.path(""))]).refused(&["cannot write"]);
    let file = folder.file("file", "");
    tideline(&["rtl", "emit", "--out", text(&file)]).refused(&["cannot write", "file"]);
}

#[test]
fn outputs_that_would_replace_the_trace_or_each_other() {
    let folder = Folder::new();
    let trace = folder.file("trace", lackey("i s1000,8"));
    let before = fs::read(&trace).expect("the trace is there");
    let replay =
        |options: &[&str]| tideline(&[&["replay", text(&trace), "--target", "model"][..], options].concat());
    replay(&["--json", text(&trace)]).refused(&["a file of its own"]);
    replay(&["--json", "same", "--svg", "same"]).refused(&["same", "a file of its own"]);
    replay(&["--svg", "-"]).refused(&["--svg -", "name a file"]);
    assert_eq!(fs::read(&trace).expect("the trace is there"), before);
}

#[test]
fn programs_that_cannot_be_recorded() {
    let folder = Folder::new();
    let out = folder.path("trace.tlt");
    let record = |options: &[&str]| tideline(&[&["record", "-o", text(&out)][..], options].concat());
    record(&["--", "no-such-program"]).refused(&["cannot find the program no-such-program"]);
    record(&["--", "/etc/passwd"]).refused(&["not an executable"]);
    record(&[]).refused(&["COMMAND"]);
    record(&["--max-instructions", "0", "--", "true"]).refused(&["0"]);
    record(&["--stdin", "/no/such/file", "--", "/bin/true"]).refused(&["/no/such/file", "standard input"]);
    assert!(!out.exists());
}

#[test]
fn no_valgrind() {
    let folder = Folder::new();
    let out = folder.path("trace.tlt");
    let mut record = command(&["record", "-o", text(&out), "--", "/bin/true"]);
    run(record.env("PATH", "/nonexistent")).refused(&["cannot find valgrind", "apt-get install valgrind"]);
    assert!(!out.exists());
}

#[test]
fn the_demo_names_what_is_missing_and_leaves_nothing_stale() {
    let folder = Folder::new();
    let (out, bin) = (folder.path("demo"), folder.path("bin"));
    let demo = || run(command(&["demo", "--out", text(&out)]).env("PATH", &bin));
    fs::create_dir(&bin).unwrap();
    fs::create_dir(&out).unwrap();
    for name in ["trace.tlt", "report.json", "heatmap.svg"] {
        fs::write(out.join(name), "old").unwrap();
    }
    demo().refused(&["cannot find sqlite3", "apt-get install sqlite3"]);
    assert_eq!(fs::read_dir(&out).unwrap().count(), 0);
    symlink("/bin/true", bin.join("sqlite3")).unwrap();
    demo().refused(&["cannot find valgrind", "apt-get install valgrind"]);
    folder.file("file", "");
    let in_a_file = folder.path("file/demo");
    tideline(&["demo", "--out", text(&in_a_file)]).refused(&["cannot make the folder"]);
}

#[test]
fn verbs() {
    tideline(&[]).refused(&["Usage"]);
    tideline(&["replai"]).refused(&["replai", "replay"]);
    tideline(&["rtl"]).refused(&["emit"]);
}

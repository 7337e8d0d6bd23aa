//! Replays of small traces, whose numbers are worked out by hand.

mod common;

use common::{Folder, command, epochs, lackey, replay, run, text, tideline, tideline_with_stdin};
use serde_json::{Value, json};
use std::fs;

const LINES: [&str; 5] =
    ["lines_written", "lines_reported", "lines_missed", "lines_invented", "lines_found_by_recall"];
/// A cache of one line: every access to another line evicts it.
const ONE_LINE: [&str; 4] = ["--cache", "64", "--ways", "1"];

/// Two epochs of two instructions. The first writes bytes 0 to 7 and 60 to 67 of a page: two lines, 16 bytes. The second
/// writes 4 bytes of one line in another 2 MiB region.
const TWO_EPOCHS: &str = "i s1000,8 i s103c,8  i l1000,8 i m200000,4";

#[test]
fn figures_by_hand() {
    let (code, report) = replay(TWO_EPOCHS, &["--epoch", "2"]);
    assert_eq!(code, 0);
    assert_eq!(epochs(&report, &LINES), [[2, 2, 0, 0, 2], [1, 1, 0, 0, 1]]);
    assert_eq!(
        epochs(&report, &["index", "instructions", "bytes_written", "pages_written", "huge_pages_written"]),
        [[0, 2, 16, 1, 1], [1, 2, 4, 1, 1]]
    );
    let amplification = |of: &Value| of["amplification"].clone();
    assert_eq!(amplification(&report["epochs"][0]), json!({"line": 8.0, "page": 256.0, "huge": 131_072.0}));
    assert_eq!(amplification(&report["epochs"][1]), json!({"line": 16.0, "page": 1024.0, "huge": 524_288.0}));
    assert_eq!(amplification(&report["totals"]), json!({"line": 9.6, "page": 409.6, "huge": 209_715.2}));
    assert_eq!(
        report["trace"],
        json!({"instructions": 4, "loads": 1, "stores": 2, "modifies": 1, "pages": 2})
    );
}

#[test]
fn the_report_says_how_it_came_about() {
    let (_, report) = replay(TWO_EPOCHS, &["--cache", "64KiB", "--ways", "8", "--epoch", "3", "--no-recall"]);
    assert_eq!(report["schema_version"], 1);
    let config = &report["config"];
    assert!(config["trace"].as_str().unwrap().ends_with("trace"));
    let expected = [
        ("command", json!(null)),
        ("seed", json!(0)),
        ("target", json!("model")),
        ("attach", json!("cxl")),
        ("cache", json!(65_536)),
        ("ways", json!(8)),
        ("epoch", json!(3)),
        ("recall", json!(false)),
    ];
    for (field, value) in expected {
        assert_eq!(config[field], value, "{field}");
    }
    assert_eq!(report["rtl"], json!({"cycles": null, "cycles_per_second": null}));
    let (_, defaults) = replay(TWO_EPOCHS, &[]);
    let Value::Object(config) = &defaults["config"] else { panic!("{defaults}") };
    assert_eq!(
        (&config["cache"], &config["ways"], &config["epoch"]),
        (&json!(2 << 20), &json!(16), &json!(1_000_000))
    );
    assert_eq!(config["recall"], true);
}

#[test]
fn recall_finds_what_was_not_evicted() {
    // The first line leaves for the second one; the second one is still there at the end.
    let (_, report) = replay("i s1000,8 i s2000,8", &ONE_LINE);
    assert_eq!(epochs(&report, &LINES), [[2, 2, 0, 0, 1]]);
    // The first line was also evicted before: recall did not find it.
    let (_, report) = replay("i s1000,8 i s2000,8 i s1000,8", &ONE_LINE);
    assert_eq!(epochs(&report, &LINES), [[2, 2, 0, 0, 0]]);
    // In the next epoch it is found by recall again.
    let (_, report) =
        replay("i s1000,8 s2000,8 s1000,8 i s1000,8", &[&ONE_LINE[..], &["--epoch", "1"]].concat());
    assert_eq!(epochs(&report, &LINES), [[2, 2, 0, 0, 0], [1, 1, 0, 0, 1]]);
}

#[test]
fn on_axi_a_flush_finds_what_was_not_evicted() {
    for target in ["model", "rtl"] {
        let options = ["--attach", "axi", "--target", target];
        let (code, report) = replay(TWO_EPOCHS, &[&options[..], &["--epoch", "2"]].concat());
        assert_eq!((code, &report["exact"]), (0, &json!("flush")));
        assert_eq!(report["config"]["attach"], "axi");
        assert_eq!(epochs(&report, &LINES), [[2, 2, 0, 0, 2], [1, 1, 0, 0, 1]]);
        let (_, report) = replay("i s1000,8 i s2000,8", &[&options[..], &ONE_LINE].concat());
        assert_eq!(epochs(&report, &LINES), [[2, 2, 0, 0, 1]]);
        let (code, report) = replay("i s1000,8", &[&options[..], &["--no-recall"]].concat());
        assert_eq!((code, &report["exact"]), (1, &json!("none")));
        assert_eq!(epochs(&report, &LINES), [[1, 0, 1, 0, 0]]);
    }
}

#[test]
fn sets_are_chosen_by_the_programs_addresses() {
    // Two sets of one line. Lines 0 and 2 share a set, lines 0 and 1 do not.
    let two_sets = ["--cache", "128", "--ways", "1"];
    assert_eq!(epochs(&replay("i s1000,8 s1080,8", &two_sets).1, &LINES), [[2, 2, 0, 0, 1]]);
    assert_eq!(epochs(&replay("i s1000,8 s1040,8", &two_sets).1, &LINES), [[2, 2, 0, 0, 2]]);
    // The third line of the program is the first of its page, and the first page touched is the window's first.
    assert_eq!(epochs(&replay("i l7fc0,8 s1000,8 s8040,8", &two_sets).1, &LINES), [[2, 2, 0, 0, 2]]);
}

#[test]
fn true_lru() {
    // One set of two lines: the load keeps the first line, so the second one leaves.
    let one_set = ["--cache", "128", "--ways", "2", "--no-recall"];
    let (code, report) = replay("i s1000,8 s2000,8 l1000,8 l3000,8", &one_set);
    assert_eq!(code, 1);
    assert_eq!(epochs(&report, &LINES), [[2, 1, 1, 0, 0]]);
}

#[test]
fn without_recall_late_lines_are_missed_and_invented() {
    let options = [&ONE_LINE[..], &["--epoch", "1", "--no-recall"]].concat();
    let (code, report) = replay("i s1000,8 i s2000,8 i l3000,8", &options);
    assert_eq!(code, 1);
    assert_eq!(epochs(&report, &LINES), [[1, 0, 1, 0, 0], [1, 1, 1, 1, 0], [0, 1, 0, 1, 0]]);
    let nothing = json!({"line": null, "page": null, "huge": null});
    assert_eq!(report["epochs"][2]["amplification"], nothing);
    assert_eq!(report["totals"]["lines_missed"], 2);
    assert_eq!(report["totals"]["lines_invented"], 2);
    assert_eq!(report["totals"]["amplification"]["line"], 8.0);
}

#[test]
fn an_access_belongs_to_the_last_instruction_before_it() {
    let lengths = |words: &str, epoch: &str| {
        let (_, report) = replay(words, &["--epoch", epoch]);
        epochs(&report, &["instructions", "lines_written"])
    };
    let five = "i s1000,1 i s2000,1 i s3000,1 i s4000,1 i s5000,1";
    assert_eq!(lengths(five, "1"), [[1, 1], [1, 1], [1, 1], [1, 1], [1, 1]]);
    assert_eq!(lengths(five, "2"), [[2, 2], [2, 2], [1, 1]]);
    assert_eq!(lengths(five, "5"), [[5, 5]]);
    assert_eq!(lengths(five, "6"), [[5, 5]]);
    assert_eq!(lengths(five, "0"), [[5, 5]]);
    // An epoch without a write is one nevertheless, also the last one.
    assert_eq!(lengths("i s1000,1 i i i", "2"), [[2, 1], [2, 0]]);
    assert_eq!(lengths("i s1000,1 i i", "2"), [[2, 1], [1, 0]]);
    // Accesses before the first instruction belong to the first epoch.
    assert_eq!(lengths("s1000,1 i s2000,1 i", "1"), [[1, 2], [1, 0]]);
    assert_eq!(lengths("s1000,1", "1"), [[0, 1]]);
}

#[test]
fn a_line_counts_once_per_epoch_and_bytes_too() {
    let (_, report) = replay("i s1000,8 s1004,8 m1000,4 i s1000,8", &["--epoch", "1"]);
    assert_eq!(epochs(&report, &["lines_written", "bytes_written"]), [[1, 12], [1, 8]]);
    assert_eq!(report["totals"]["lines_written"], 2);
}

#[test]
fn loads_are_not_writes() {
    let (code, report) = replay("i l1000,8 l103c,8 i l2000,8", &[]);
    assert_eq!(code, 0);
    assert_eq!(epochs(&report, &LINES), [[0, 0, 0, 0, 0]]);
    assert_eq!(report["totals"]["amplification"], json!({"line": null, "page": null, "huge": null}));
}

#[test]
fn the_rtl_says_the_same() {
    for options in [&["--epoch", "1"][..], &["--epoch", "1", "--no-recall"], &[]] {
        let words = "i s1000,8 i s103c,8 i m200000,4 s1000,8 i l1000,8 s5000,32 i l7000,8";
        let cache = [&ONE_LINE[..], options].concat();
        let (code, model) = replay(words, &cache);
        let (rtl_code, rtl) = replay(words, &[&cache[..], &["--target", "rtl"]].concat());
        assert_eq!((rtl_code, &rtl["totals"], &rtl["epochs"]), (code, &model["totals"], &model["epochs"]));
        assert!(rtl["rtl"]["cycles"].as_u64().unwrap() > 0);
        assert!(rtl["rtl"]["cycles_per_second"].as_f64().unwrap() > 0.0);
    }
}

#[test]
fn caches_of_any_size() {
    // 4096 lines, each written once, in an order that no cache likes.
    let words: String =
        (0..4096u64).map(|i| format!("i s{:x},8 ", 0x10_0000 + i * 2741 % 4096 * 64)).collect();
    for cache in ["64", "64KiB", "192KiB", "2MiB", "32MiB"] {
        let (code, report) = replay(&words, &["--cache", cache, "--ways", "1", "--epoch", "1000"]);
        assert_eq!(code, 0, "{cache}");
        assert_eq!(report["totals"]["lines_written"], 4096, "{cache}");
        assert_eq!(report["totals"]["lines_reported"], 4096, "{cache}");
    }
}

#[test]
fn every_output() {
    let folder = Folder::new();
    let trace = folder.file("trace", lackey(TWO_EPOCHS));
    let (json, svg) = (folder.path("report.json"), folder.path("heat.svg"));
    let arguments = ["replay", text(&trace), "--target", "model", "--epoch", "2"];
    let outputs = ["--json", text(&json), "--svg", text(&svg)];
    let run = tideline(&[&arguments[..], &outputs[..]].concat());
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(run.stderr, "", "a bar where there is no terminal");
    for words in [
        "4 instructions",
        "Exact",
        "total           3           3        0        0               3       9.60",
    ] {
        assert!(run.stdout.contains(words), "{words}: {}", run.stdout);
    }
    let report: Value = serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap();
    assert_eq!(report["totals"]["lines_written"], 3);
    let picture = fs::read_to_string(svg).unwrap();
    for words in ["<svg", "2 pages written", "0x1000", "0x200000", "line of the page", "</svg>"] {
        assert!(picture.contains(words), "{words}: {picture}");
    }
}

#[test]
fn a_missed_line_is_said_in_words() {
    let folder = Folder::new();
    let trace = folder.file("trace", lackey("i s1000,8"));
    let run = tideline(&["replay", text(&trace), "--target", "model", "--no-recall"]);
    assert_eq!(run.code, 1);
    assert!(run.stdout.contains("NOT EXACT: 1 lines missed, 0 invented."), "{}", run.stdout);
}

#[test]
fn standard_input() {
    let run = tideline_with_stdin(
        &["replay", "-", "--target", "model", "--json", "-"],
        lackey("i s1000,8").as_bytes(),
    );
    assert_eq!((run.code, &run.json()["config"]["trace"]), (0, &json!("-")));
    assert_eq!(run.json()["totals"]["lines_reported"], 1);
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let folder = Folder::new();
    let trace = folder.file("trace", lackey("i s1000,8"));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = command(&["replay", text(&trace), "--target", "model"]).stdout(writer).status().unwrap();
    assert!(status.success());
    assert_eq!(run(&mut command(&["--version"])).code, 0);
}

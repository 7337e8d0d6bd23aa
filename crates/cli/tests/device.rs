//! The verbs that show the device.

mod common;

use common::{Folder, text, tideline};
use std::fs;
use tideline_abi::regs::{ID_VALUE, REGISTERS};

#[test]
fn info() {
    for target in ["model", "rtl"] {
        let run = tideline(&["info", "--target", target]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        for words in [target, "1.0.0", "65,536 pages, 256MiB", "64 bytes", "CXL.mem", "track", "recall"] {
            assert!(run.stdout.contains(words), "{words}: {}", run.stdout);
        }
    }
}

#[test]
fn info_of_a_device_on_axi() {
    for target in ["model", "rtl"] {
        let run = tideline(&["info", "--target", target, "--attach", "axi"]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert!(run.stdout.contains("AXI4") && run.stdout.contains("track (identifier 1"), "{}", run.stdout);
        assert!(!run.stdout.contains("recall (identifier"), "{}", run.stdout);
    }
}

#[test]
fn regs() {
    for target in ["model", "rtl"] {
        let run = tideline(&["regs", "--target", target]);
        assert_eq!((run.code, run.stdout.lines().count()), (0, REGISTERS.len()), "{}", run.stderr);
        assert!(run.stdout.contains("0x048 STATUS          0x00000009 ready=0x1"), "{}", run.stdout);

        let registers = tideline(&["regs", "--target", target, "--json"]).json();
        let by_name = |name: &str| {
            let found = registers.as_array().unwrap().iter().find(|r| r["name"] == name);
            found.unwrap_or_else(|| panic!("no {name}"))
        };
        assert_eq!(by_name("ID")["value"], ID_VALUE);
        assert_eq!(by_name("RESET")["value"], serde_json::Value::Null);
        let ready = &by_name("STATUS")["fields"][0];
        assert_eq!((&ready["name"], &ready["value"]), (&"ready".into(), &1.into()));
        assert!(ready["doc"].as_str().unwrap().len() > 10);
    }
}

#[test]
fn rtl_emit() {
    let folder = Folder::new();
    let out = folder.path("rtl");
    let run = tideline(&["rtl", "emit", "--out", text(&out)]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let top = fs::read_to_string(out.join("tideline_cxl_top.v")).unwrap();
    assert!(top.contains("module tideline_cxl_top") && top.contains("m2s_req_valid"));
    let axi = folder.path("axi");
    assert_eq!(tideline(&["rtl", "emit", "--attach", "axi", "--out", text(&axi)]).code, 0);
    let top = fs::read_to_string(axi.join("tideline_axi_top.v")).unwrap();
    assert!(top.contains("s_axi_awaddr") && !top.contains("m2s_req_valid,"));
    assert!(fs::read_to_string(out.join("tideline_abi.vh")).unwrap().contains("TIDELINE_REG_ID"));
}

#[test]
fn bench() {
    let run = tideline(&["bench", "--json"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let results = run.json();
    for key in [
        "read_lines_per_cycle",
        "write_lines_per_cycle",
        "mixed_lines_per_cycle",
        "axi_read_lines_per_cycle",
        "axi_write_lines_per_cycle",
    ] {
        let lines = results["rtl"][key].as_f64().unwrap();
        assert!((0.25..=2.0).contains(&lines), "{key}: {lines}");
    }
    for key in ["request_to_memory_cycles", "harvest_records_per_cycle"] {
        assert!(results["rtl"][key].as_f64().unwrap() > 0.0, "{key}: {results}");
    }
    for (key, least) in [
        ("recall_snoops_per_cycle", 0.95),
        ("recall_block_snoops_per_cycle", 0.85),
        // One latency over 2,048 pages.
        ("recall_sparse_snoops_per_cycle", 0.44),
        ("logged_write_lines_per_cycle", 0.95),
    ] {
        assert!(results["rtl"][key].as_f64().unwrap() >= least, "{key}: {results}");
    }
    assert_eq!(results["rtl"]["recall_outstanding"].as_u64().unwrap(), 256, "{results}");
    assert!(results["sim"]["cycles_per_second"].as_f64().unwrap() > 0.0);
}

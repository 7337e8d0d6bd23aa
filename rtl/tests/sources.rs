//! Rules that the Rust sources of all hardware keep.

use tideline_rtl::sources;

/// rust-hdl drops `.index()` from the syntax tree, so arithmetic after it would wrap in Verilog and not in Rust.
#[test]
fn no_arithmetic_after_index() {
    for (file, text) in sources() {
        let text: String = text.split_whitespace().collect();
        for (at, found) in text.match_indices(".index()") {
            let next = &text[at + found.len()..];
            assert!(
                !["+", "-", "*", "<<"].iter().any(|operator| next.starts_with(operator)),
                "{file}: arithmetic after `{}`",
                &text[at.saturating_sub(40)..at + found.len()]
            );
        }
    }
}

/// Every file of hardware that exists is registered, so that its comments reach the Verilog.
#[test]
fn every_file_is_registered() {
    for folder in ["prim", "blocks"] {
        let path = format!("{}/src/{folder}", env!("CARGO_MANIFEST_DIR"));
        for entry in std::fs::read_dir(&path).expect("the folder") {
            let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
            let text = std::fs::read_to_string(format!("{path}/{name}")).expect("text");
            if text.contains("derive(") && (text.contains("LogicBlock") || text.contains("LogicInterface")) {
                let file = format!("rtl/src/{folder}/{name}");
                assert!(sources().iter().any(|(known, _)| *known == file), "{file} is not in sources()");
            }
        }
    }
}

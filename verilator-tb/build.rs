//! Emits the device as Verilog and compiles it with Verilator.
//!
//! The result is `tideline_sim.rs`, the binding, and `pins.rs`, a struct with every port by its name.
//! `TIDELINE_RTL_DIR` names a directory of Verilog to take instead of what the writer emits; the mutation script uses it.

use anyhow::Context;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};
use tideline_verilated::build::{Verilation, exit};
use tideline_verilated::{Direction, Port};

/// Interfaces, by the prefix of their ports, and the struct that each gets. Equal interfaces share one.
const INTERFACES: &[(&str, &str)] = &[
    ("m2s_req_", "M2sReqPins"),
    ("m2s_rwd_", "M2sRwdPins"),
    ("m2s_birsp_", "M2sBirspPins"),
    ("s2m_ndr_", "S2mNdrPins"),
    ("s2m_drs_", "S2mDrsPins"),
    ("s2m_bisnp_", "S2mBisnpPins"),
    ("m_axi_dram_", "Axi4Pins"),
    ("m_axi_host_", "Axi4Pins"),
    ("s_axi_", "AxiSubordinatePins"),
    ("s_axil_", "AxiLitePins"),
    ("probe_", "ProbePins"),
];

fn main() -> ExitCode {
    exit(build())
}

fn build() -> anyhow::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=TIDELINE_RTL_DIR");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let verilation = Verilation {
        name: "tideline_sim".into(),
        top: "tideline_sim_top".into(),
        sources: sources(&out.join("rtl"))?,
        trace: env::var_os("CARGO_FEATURE_TRACE").is_some(),
        out: out.clone(),
    };
    let ports = verilation.run()?;
    fs::write(out.join("pins.rs"), pins(&ports))?;
    Ok(())
}

/// The Verilog files: emitted into `dir`, or those of `TIDELINE_RTL_DIR`.
fn sources(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let Some(other) = env::var_os("TIDELINE_RTL_DIR").map(PathBuf::from) else {
        let design = tideline_rtl::verilog::emit(&tideline_rtl::blocks::sim_top())?;
        design.write_to(dir)?;
        return Ok(design.modules.iter().map(|module| dir.join(format!("{}.v", module.name))).collect());
    };
    println!("cargo:rerun-if-changed={}", other.display());
    let entries = fs::read_dir(&other).with_context(|| format!("TIDELINE_RTL_DIR={}", other.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "v"));
    files.sort();
    anyhow::ensure!(!files.is_empty(), "no Verilog in TIDELINE_RTL_DIR={}", other.display());
    Ok(files)
}

/// The Rust text of the structs of ports.
fn pins(ports: &[Port]) -> String {
    let mut text = String::new();
    let interface_of = |port: &Port| INTERFACES.iter().find(|(prefix, _)| port.name.starts_with(prefix));

    let mut done = BTreeSet::new();
    for &(prefix, name) in INTERFACES {
        let members = ports.iter().filter(|p| p.name.starts_with(prefix));
        let fields: Vec<_> = members.map(|p| (&p.name[prefix.len()..], p)).collect();
        if !fields.is_empty() && done.insert(name) {
            let fields: Vec<_> = fields.iter().map(|(f, p)| (*f, pin_type(p))).collect();
            structure(&mut text, name, &format!("Ports of an interface like `{}*`.", prefix), &fields);
        }
    }

    let mut fields: Vec<(&str, String)> = Vec::new();
    let mut connect = String::new();
    for port in ports.iter().filter(|p| interface_of(p).is_none()) {
        fields.push((&port.name, pin_type(port)));
        connection(&mut connect, "            ", &port.name, port);
    }
    for &(prefix, name) in INTERFACES {
        let members: Vec<_> = ports.iter().filter(|p| p.name.starts_with(prefix)).collect();
        if members.is_empty() {
            continue;
        }
        let field = prefix.trim_end_matches('_');
        fields.push((field, name.into()));
        let _ = writeln!(connect, "            {field}: {name} {{");
        for port in members {
            connection(&mut connect, "                ", &port.name[prefix.len()..], port);
        }
        let _ = writeln!(connect, "            }},");
    }
    structure(&mut text, "Pins", "Every port of the device.", &fields);
    let _ = write!(
        text,
        "impl Pins {{\n    /// # Safety\n    /// The pins must not be used after the model is dropped.\n    \
         unsafe fn connect(model: &Model) -> Self {{\n        \
         // SAFETY: passed on to the caller.\n        unsafe {{ Self {{\n{connect}        }} }}\n    }}\n}}\n"
    );
    text
}

fn structure(text: &mut String, name: &str, doc: &str, fields: &[(&str, String)]) {
    let _ = writeln!(text, "/// {doc}\n#[allow(missing_docs)]\n#[derive(Debug)]\npub struct {name} {{");
    for (field, ty) in fields {
        let _ = writeln!(text, "    pub {field}: {ty},");
    }
    let _ = writeln!(text, "}}\n");
}

fn connection(text: &mut String, indent: &str, field: &str, port: &Port) {
    let function = if port.direction == Direction::In { "input" } else { "output" };
    let _ = writeln!(text, "{indent}{field}: model.{function}({:?}),", port.name);
}

fn pin_type(port: &Port) -> String {
    let wrapper = if port.direction == Direction::In { "Input" } else { "Output" };
    format!("{wrapper}<{}>", port.rust_type())
}

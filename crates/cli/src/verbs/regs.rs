//! `tideline regs`: every register, decoded by the register map.

use crate::export::json;
use crate::target::AnyTarget;
use crate::{Verdict, files};
use anyhow::Result;
use clap::Args;
use serde::Serialize;
use std::fmt::Write;
use tideline_abi::regs::Access;
use tideline_driver::regs::RegisterValue;

/// Show every register of a device that the driver has just opened
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tideline regs\n  tideline regs --json | jq '.[] | select(.name == \"STATUS\")'"
)]
pub struct Regs {
    #[command(flatten)]
    target: AnyTarget,
    /// Print JSON: also what each register and field means
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct RegisterJson {
    name: &'static str,
    offset: u32,
    access: String,
    reset: u32,
    /// Nothing for a register that can only be written.
    value: Option<u32>,
    doc: &'static str,
    fields: Vec<FieldJson>,
}

#[derive(Serialize)]
struct FieldJson {
    name: &'static str,
    lsb: u32,
    width: u32,
    value: Option<u32>,
    doc: &'static str,
}

impl Regs {
    /// Opens the device, reads every register and prints it.
    pub fn run(self) -> Result<Verdict> {
        let mut device = self.target.open()?;
        let registers = device.registers()?;
        if self.json {
            let registers: Vec<_> = registers.iter().map(to_json).collect();
            files::print(&json::render(&registers)?)?;
        } else {
            let mut text = String::new();
            for register in &registers {
                let _ = writeln!(text, "{register}");
            }
            files::print(&text)?;
        }
        Ok(Verdict::Good)
    }
}

fn to_json(read: &RegisterValue) -> RegisterJson {
    let register = read.register;
    let live = |value: u32| (register.access != Access::Wo).then_some(value);
    let field = |(field, value): (&tideline_abi::regs::Field, u32)| FieldJson {
        name: field.name,
        lsb: field.lsb,
        width: field.width,
        value: live(value),
        doc: field.doc.trim(),
    };
    RegisterJson {
        name: register.name,
        offset: register.offset,
        access: register.access.to_string(),
        reset: register.reset,
        value: live(read.value),
        doc: register.doc.trim(),
        fields: read.fields().map(|(f, value)| field((f, value))).collect(),
    }
}

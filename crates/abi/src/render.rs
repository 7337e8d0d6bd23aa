//! Headers and documentation pages made from the tables of this crate.

use crate::CODE_TABLES;
use crate::pci::{self, BARS, CAPABILITIES, CONFIG_SPACE};
use crate::regs::REGISTERS;
use std::fmt::Write;

const NOTE: &str = "Generated from crates/abi by `cargo xtask generate`. Do not edit.";

/// The Verilog header `tideline_abi.vh`: register offsets and codes as macros.
pub fn verilog_header() -> String {
    let mut s = format!(
        "// {NOTE}\n// SPDX-License-Identifier: MIT OR Apache-2.0\n`ifndef TIDELINE_ABI_VH\n`define TIDELINE_ABI_VH\n"
    );
    s.push_str("\n// Byte offsets in BAR0\n");
    for r in REGISTERS {
        let _ = writeln!(s, "`define TIDELINE_REG_{:<16} 12'h{:03x} // {}", r.name, r.offset, r.doc.trim());
    }
    for t in CODE_TABLES {
        let _ = writeln!(s, "\n// {}", t.doc.trim());
        for c in t.codes {
            let name = c.path.replace("::", "_").to_uppercase();
            let _ = writeln!(s, "`define TIDELINE_{name:<24} {}'h{:x} // {}", t.bits, c.value, c.doc.trim());
        }
    }
    s.push_str("\n`endif\n");
    s
}

/// The C header `tideline_abi.h`: the same as macros for C.
pub fn c_header() -> String {
    let mut s = format!(
        "/* {NOTE} */\n/* SPDX-License-Identifier: MIT OR Apache-2.0 */\n#ifndef TIDELINE_ABI_H\n#define TIDELINE_ABI_H\n"
    );
    s.push_str("\n/* Registers: byte offsets in BAR0, then shift and mask of each field */\n");
    for r in REGISTERS {
        let _ = writeln!(s, "#define TIDELINE_REG_{:<28} 0x{:03x}u /* {} */", r.name, r.offset, r.doc.trim());
        for f in r.fields {
            let name = format!("{}_{}", r.name, f.name.to_uppercase());
            let mask = (u64::from(u32::MAX) >> (32 - f.width)) << f.lsb;
            let _ = writeln!(s, "#define TIDELINE_{:<28}_SHIFT {}u", name, f.lsb);
            let _ = writeln!(s, "#define TIDELINE_{:<28}_MASK 0x{:08x}u /* {} */", name, mask, f.doc.trim());
        }
    }
    for t in CODE_TABLES {
        let _ = writeln!(s, "\n/* {} */", t.doc.trim());
        for c in t.codes {
            let name = c.path.replace("::", "_").to_uppercase();
            let _ = writeln!(s, "#define TIDELINE_{name:<28} 0x{:x}u /* {} */", c.value, c.doc.trim());
        }
    }
    s.push_str("\n#endif\n");
    // The macro's name and its suffix are padded apart above: join them again.
    s.lines().map(join_suffix).collect::<Vec<_>>().join("\n") + "\n"
}

fn join_suffix(line: &str) -> String {
    for suffix in ["_SHIFT", "_MASK"] {
        if let Some((head, tail)) = line.split_once(suffix)
            && head.ends_with(' ')
        {
            return format!("{}{suffix}{tail}", head.trim_end());
        }
    }
    line.to_owned()
}

/// The page `docs/registers.md`.
pub fn register_page() -> String {
    let mut s =
        format!("# Registers\n\n{NOTE}\n\nBAR0, 32-bit little-endian registers. Access: `const`, `ro`, ");
    s.push_str("`rw`, `rw1c` (write one to clear), `wo`.\n\n| offset | name | access | reset | what |\n|---|---|---|---|---|\n");
    for r in REGISTERS {
        let _ = writeln!(
            s,
            "| 0x{:03x} | {} | {} | 0x{:08x} | {} |",
            r.offset,
            r.name,
            r.access,
            r.reset,
            r.doc.trim()
        );
    }
    for r in REGISTERS {
        let _ = writeln!(
            s,
            "\n## {} (0x{:03x})\n\n{}\n\n| bits | field | what |\n|---|---|---|",
            r.name,
            r.offset,
            r.doc.trim()
        );
        for f in r.fields {
            let bits =
                if f.width == 1 { f.lsb.to_string() } else { format!("{}:{}", f.lsb + f.width - 1, f.lsb) };
            let _ = writeln!(s, "| {bits} | {} | {} |", f.name, f.doc.trim());
        }
    }
    s
}

/// The page `docs/codes.md`: every code table.
pub fn code_page() -> String {
    let mut s = format!("# Codes\n\n{NOTE}\n");
    for t in CODE_TABLES {
        let _ = writeln!(
            s,
            "\n## {} ({} bits)\n\n{}\n\n| code | name | what |\n|---|---|---|",
            t.name,
            t.bits,
            t.doc.trim()
        );
        for c in t.codes {
            let _ = writeln!(s, "| {:#x} | {} | {} |", c.value, c.path, c.doc.trim());
        }
    }
    s
}

/// The page `docs/pci.md`: the PCI function.
pub fn pci_page() -> String {
    let mut s = format!(
        "# PCI function\n\n{NOTE}\n\nVendor {:04x}, device {:04x}, class {:06x}, {} MSI-X vectors: one per bit of \
         [INTR_STATE](registers.md).\n\n| BAR | bytes | kind | what |\n|---|---|---|---|\n",
        pci::VENDOR,
        pci::DEVICE,
        pci::CLASS,
        pci::VECTORS
    );
    for b in BARS {
        let kind = if b.prefetchable { "64-bit, prefetchable" } else { "64-bit" };
        let _ = writeln!(s, "| {} | {:#x} | {kind} | {} |", b.index, b.bytes, b.doc);
    }
    s.push_str("\n| capability | identifier | bytes | what |\n|---|---|---|---|\n");
    for c in CAPABILITIES {
        let _ = writeln!(s, "| 0x{:02x} | {:#04x} | {} | {} |", c.offset, c.id, c.bytes, c.doc);
    }
    s.push_str("\n## Configuration space\n\nWhat is not listed reads as zero. A function level reset brings the reset values back.\n");
    s.push_str("\n| offset | bytes | name | reset | writable | what |\n|---|---|---|---|---|---|\n");
    for r in CONFIG_SPACE {
        let digits = 2 + 2 * r.bytes;
        let _ = writeln!(
            s,
            "| 0x{:02x} | {} | {} | {:#0digits$x} | {:#0digits$x} | {} |",
            r.offset,
            r.bytes,
            r.name,
            r.reset,
            r.writable,
            r.doc.trim()
        );
    }
    s.push_str("\n| register | bits | field | what |\n|---|---|---|---|\n");
    for (r, f) in CONFIG_SPACE.iter().flat_map(|r| r.fields.iter().map(move |f| (r, f))) {
        let bits =
            if f.width == 1 { f.lsb.to_string() } else { format!("{}:{}", f.lsb + f.width - 1, f.lsb) };
        let _ = writeln!(s, "| {} | {bits} | {} | {} |", r.name, f.name, f.doc.trim());
    }
    s
}

//! What the Tideline device and its software agree on, stated once.
//!
//! Registers ([`regs`]), the kinds of link ([`attach`]), commands and completions ([`command`]), the page descriptor
//! ([`descriptor`]), the CXL.mem line protocol ([`cxl`]), the kinds of commit slot ([`slot`]) and the PCI function ([`pci`]). The RTL takes its constants from
//! here ([`named_constants`]), the driver and the model their types, the documentation its tables
//! ([`render`]). This crate depends on nothing.

mod macros;

pub mod attach;
pub mod command;
pub mod cxl;
pub mod descriptor;
pub mod geometry;
pub mod log;
pub mod pci;
pub mod regs;
pub mod render;
pub mod slot;

/// One value of a code table: an opcode, a status, a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// Path as a hardware kernel writes it, for instance `m2s_req::MEM_RD`.
    pub path: &'static str,
    /// The value.
    pub value: u64,
    /// One sentence.
    pub doc: &'static str,
}

/// A table of codes that share a field, for instance the opcodes of one channel.
#[derive(Clone, Copy, Debug)]
pub struct CodeTable {
    /// Name of the Rust type.
    pub name: &'static str,
    /// Width of the field in bits.
    pub bits: u32,
    /// One sentence.
    pub doc: &'static str,
    /// The values, ascending as written.
    pub codes: &'static [Code],
}

/// Every code table of the interface.
pub const CODE_TABLES: &[CodeTable] = &[
    cxl::ReqOpcode::TABLE,
    cxl::RwdOpcode::TABLE,
    cxl::NdrOpcode::TABLE,
    cxl::DrsOpcode::TABLE,
    cxl::SnpOpcode::TABLE,
    cxl::RspOpcode::TABLE,
    cxl::MetaField::TABLE,
    cxl::MetaValue::TABLE,
    cxl::SnpType::TABLE,
    attach::Attach::TABLE,
    command::Opcode::TABLE,
    command::Status::TABLE,
    descriptor::PageState::TABLE,
    slot::SlotKind::TABLE,
    slot::SlotStatus::TABLE,
    slot::DataSource::TABLE,
];

/// Every constant that a hardware kernel may name, as (path, value).
///
/// Code tables, sizes, register indices, register field positions, command flags, descriptor and lane bit positions.
pub fn named_constants() -> Vec<(String, u64)> {
    let mut all: Vec<(String, u64)> = Vec::new();
    for table in CODE_TABLES {
        all.extend(table.codes.iter().map(|c| (c.path.to_owned(), c.value)));
    }
    for (index, reg) in regs::REGISTERS.iter().enumerate() {
        all.push((format!("reg::{}", reg.name), index as u64));
    }
    use geometry::size;
    for (name, value) in [
        ("MAX_PAGES", size::MAX_PAGES),
        ("RECALL_CONTEXTS", size::RECALL_CONTEXTS),
        ("BI_TAGS", size::BI_TAGS),
        ("DEFERRED_ENTRIES", size::DEFERRED_ENTRIES),
    ] {
        all.push((format!("size::{name}"), value));
    }
    all.push(("PAGE_BITS".to_owned(), geometry::PAGE_BITS as u64));
    for (name, value) in [("TRACK", regs::cap::TRACK), ("TRACK_ALONE", regs::cap::TRACK_ALONE)] {
        all.push((format!("cap::{name}"), value));
    }
    for bit in regs::BIT_NAMES
        .iter()
        .chain(command::BIT_NAMES)
        .chain(descriptor::BIT_NAMES)
        .chain(descriptor::CONTROL_BIT_NAMES)
    {
        all.push((bit.path.to_owned(), bit.value));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn names_and_codes_are_unique() {
        let constants = named_constants();
        let by_name: BTreeMap<_, _> = constants.iter().cloned().collect();
        assert_eq!(by_name.len(), constants.len(), "a name stands twice");
        for table in CODE_TABLES {
            let values: BTreeMap<_, _> = table.codes.iter().map(|c| (c.value, c.path)).collect();
            assert_eq!(values.len(), table.codes.len(), "{}: a code stands twice", table.name);
        }
    }
}

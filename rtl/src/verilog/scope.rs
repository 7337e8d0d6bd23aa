//! The names of a block: its signals with their Verilog names, its constants, the enums in sight.

use super::elaborate::{AtomInfo, EnumType, Instance};
use super::error::{Problem, Result};
use super::ir::SignalId;
use num_bigint::BigUint;
use rust_hdl_core::prelude::AtomKind;
use std::collections::{BTreeMap, HashMap, HashSet};

/// What a signal is to the block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Role {
    Input,
    Output,
    Local,
    /// Drives a port of a sub-block.
    ChildInput,
    /// Is driven by a port of a sub-block.
    ChildOutput,
    RegisterClock,
    RegisterReset,
    /// The next value of a register.
    RegisterNext,
    /// The present value of a register.
    RegisterValue,
}

#[derive(Clone, Debug)]
pub(crate) struct Signal {
    /// Path in the kernel, `$` between the parts.
    pub path: String,
    /// Name in the module.
    pub name: String,
    pub width: usize,
    pub role: Role,
    pub is_clock: bool,
}

impl Signal {
    /// The path as the kernel's author writes it.
    pub fn rust_name(&self) -> String {
        rust_name(&self.path)
    }
}

/// `value$3$q` as the author writes it: `value[3].q`.
pub(crate) fn rust_name(path: &str) -> String {
    let mut text = String::new();
    for part in path.split('$') {
        if is_number(part) {
            text += &format!("[{part}]");
        } else {
            if !text.is_empty() {
                text.push('.');
            }
            text += part;
        }
    }
    text
}

/// Every name a kernel may use.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    pub signals: Vec<Signal>,
    by_path: HashMap<String, SignalId>,
    /// `Constant<T>` fields, by path.
    pub constants: BTreeMap<String, (usize, BigUint)>,
    /// Enum types by name; `None` where two different types share a name.
    enums: BTreeMap<String, Option<EnumType>>,
    taken: HashSet<String>,
}

impl Scope {
    /// The scope of `block`, whose children with the given indices are registers.
    pub fn new(block: &Instance, is_register: impl Fn(usize) -> bool) -> Result<Self> {
        let mut scope = Scope::default();
        // Ports first: they keep their names whatever else is in the block.
        let (ports, rest): (Vec<_>, Vec<_>) = block.atoms.iter().partition(|atom| atom.kind.is_parameter());
        for atom in ports.into_iter().chain(rest) {
            atom.check()?;
            scope.add_enums(atom);
            match atom.kind {
                AtomKind::Constant => {
                    scope.constants.insert(atom.path.clone(), (atom.width, atom.value.clone()));
                }
                AtomKind::InputParameter => scope.add(atom.path.clone(), atom, Role::Input),
                AtomKind::LocalSignal => scope.add(atom.path.clone(), atom, Role::Local),
                _ => scope.add(atom.path.clone(), atom, Role::Output),
            }
        }
        for (index, child) in block.children.iter().enumerate() {
            for port in child.ports() {
                port.check()?;
                scope.add_enums(port);
                let role = match (is_register(index), port.path.as_str(), port.kind) {
                    (true, "clock", _) => Role::RegisterClock,
                    (true, "reset", _) => Role::RegisterReset,
                    (true, "d", _) => Role::RegisterNext,
                    (true, ..) => Role::RegisterValue,
                    (false, _, AtomKind::InputParameter) => Role::ChildInput,
                    (false, ..) => Role::ChildOutput,
                };
                scope.add(format!("{}${}", child.name, port.path), port, role);
            }
        }
        Ok(scope)
    }

    fn add(&mut self, path: String, atom: &AtomInfo, role: Role) {
        let name = self.unique(&verilog_name(&path));
        self.by_path.insert(path.clone(), self.signals.len());
        self.signals.push(Signal { path, name, width: atom.width, role, is_clock: atom.is_clock });
    }

    fn add_enums(&mut self, atom: &AtomInfo) {
        for found in atom.enums() {
            let Some((name, _)) = found.variants.first().and_then(|variant| variant.split_once("::")) else {
                continue;
            };
            let entry = self.enums.entry(name.to_owned()).or_insert_with(|| Some(found.clone()));
            if entry.as_ref() != Some(&found) {
                *entry = None;
            }
        }
    }

    pub fn find(&self, path: &str) -> Option<SignalId> {
        self.by_path.get(path).copied()
    }

    /// The enum variant a path like `State$Idle` or `states$State$Idle` means: its type and value.
    pub fn variant(&self, path: &str) -> Result<Option<(&EnumType, usize)>> {
        let mut parts = path.rsplit('$');
        let (Some(variant), Some(name)) = (parts.next(), parts.next()) else { return Ok(None) };
        match self.enums.get(name) {
            None => Ok(None),
            Some(None) => Err(Problem::AmbiguousName { name: path.replace('$', "::") }),
            Some(Some(found)) => {
                let wanted = format!("{name}::{variant}");
                Ok(found.variants.iter().position(|variant| *variant == wanted).map(|value| (found, value)))
            }
        }
    }

    /// A name for the module that nothing else has, as close to `wanted` as possible.
    pub fn unique(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let joint = if wanted.ends_with(|c: char| c.is_ascii_digit()) { "_alt" } else { "" };
        let mut count = 2;
        while !self.taken.insert(name.clone()) {
            name = format!("{wanted}{joint}{count}");
            count += 1;
        }
        name
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The Verilog name of a path: `up$valid` is `up_valid`, `value$3$q` is `value3_q`. No name ends in `_` and digits, which
/// some tools take for a bus; no name is a keyword.
pub(crate) fn verilog_name(path: &str) -> String {
    let mut name = String::new();
    let mut after_index = false;
    for part in path.split('$') {
        match (name.is_empty(), is_number(part), after_index) {
            (true, ..) | (_, true, false) => {}
            (_, true, true) => name.push('x'),
            _ => name.push('_'),
        }
        after_index = is_number(part);
        name += part;
    }
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    if stem.len() < name.len()
        && let Some(stem) = stem.strip_suffix('_')
    {
        name = format!("{stem}{}", &name[stem.len() + 1..]);
    }
    if KEYWORDS.contains(&name.as_str()) {
        name += "_signal";
    }
    name
}

/// `m2s_req::MEM_RD` and `State::WaitAck` as a `localparam`: `M2S_REQ_MEM_RD`, `STATE_WAIT_ACK`.
pub(crate) fn constant_name(path: &str) -> String {
    let mut name = String::new();
    let mut previous = '_';
    for c in path.replace("::", "_").replace('$', "_").chars() {
        if c.is_ascii_uppercase() && (previous.is_ascii_lowercase() || previous.is_ascii_digit()) {
            name.push('_');
        }
        name.push(c.to_ascii_uppercase());
        previous = c;
    }
    verilog_name(&name)
}

/// Words of Verilog-2005 and SystemVerilog-2017 that a Rust field could be called.
#[rustfmt::skip]
const KEYWORDS: &[&str] = &[
    "accept_on", "alias", "always", "always_comb", "always_ff", "always_latch", "and", "assert", "assign",
    "assume", "automatic", "before", "begin", "bind", "bins", "binsof", "bit", "buf", "bufif0", "bufif1",
    "byte", "case", "casex", "casez", "cell", "chandle", "checker", "class", "clocking", "cmos", "config",
    "constraint", "context", "cover", "covergroup", "coverpoint", "cross", "deassign", "default",
    "defparam", "design", "disable", "dist", "edge", "end", "endcase", "endmodule", "event", "eventually",
    "expect", "export", "extends", "final", "first_match", "forever", "fork", "forkjoin", "function",
    "generate", "genvar", "global", "highz0", "highz1", "iff", "ifnone", "ignore_bins", "illegal_bins",
    "implements", "implies", "import", "incdir", "include", "initial", "inout", "input", "inside",
    "instance", "int", "integer", "interconnect", "interface", "intersect", "join", "join_any", "join_none",
    "large", "let", "liblist", "library", "local", "localparam", "logic", "longint", "macromodule",
    "matches", "medium", "modport", "module", "nand", "negedge", "nettype", "new", "nexttime", "nmos",
    "nor", "noshowcancelled", "not", "notif0", "notif1", "null", "or", "output", "package", "packed",
    "parameter", "pmos", "posedge", "primitive", "priority", "program", "property", "protected", "pull0",
    "pull1", "pulldown", "pullup", "pure", "rand", "randc", "randcase", "randsequence", "rcmos", "real",
    "realtime", "ref", "reg", "reject_on", "release", "repeat", "restrict", "rnmos", "rpmos", "rtran",
    "rtranif0", "rtranif1", "s_always", "s_eventually", "s_nexttime", "s_until", "scalared", "sequence",
    "shortint", "shortreal", "showcancelled", "signed", "small", "soft", "solve", "specify", "specparam",
    "string", "strong", "strong0", "strong1", "supply0", "supply1", "sync_accept_on", "sync_reject_on",
    "table", "tagged", "task", "this", "throughout", "time", "timeprecision", "timeunit", "tran", "tranif0",
    "tranif1", "tri", "tri0", "tri1", "triand", "trior", "trireg", "typedef", "union", "unique", "unique0",
    "unsigned", "until", "until_with", "untyped", "uwire", "var", "vectored", "virtual", "void", "wait",
    "wait_order", "wand", "weak", "weak0", "weak1", "wildcard", "wire", "with", "within", "wor", "xnor",
    "xor",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_suit_verilog() {
        for (path, name) in [
            ("up$valid", "up_valid"),
            ("value$3", "value3"),
            ("value$3$q", "value3_q"),
            ("lane$1$2$d", "lane1x2_d"),
            ("stage_1", "stage1"),
            ("s1", "s1"),
            ("final", "final_signal"),
        ] {
            assert_eq!(verilog_name(path), name);
        }
    }

    #[test]
    fn constants_are_upper_case() {
        assert_eq!(constant_name("m2s_req::MEM_RD"), "M2S_REQ_MEM_RD");
        assert_eq!(constant_name("State::WaitAck"), "STATE_WAIT_ACK");
    }
}

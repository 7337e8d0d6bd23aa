//! First step: walk a connected design with rust-hdl's [`Probe`] and keep what the writer needs, as a plain tree.

use super::error::{Result, unsupported};
use crate::prim::hdl::literal_value;
use num_bigint::BigUint;
use rust_hdl_core::prelude::*;

/// A signal or constant of a block.
#[derive(Clone, Debug)]
pub(crate) struct AtomInfo {
    /// Path inside the block, `$` between the parts: `up$valid`, `value$3`.
    pub path: String,
    pub kind: AtomKind,
    pub width: usize,
    pub is_clock: bool,
    /// The present value: what a constant holds.
    pub value: BigUint,
    pub descriptor: TypeDescriptor,
}

/// A block and everything below it.
#[derive(Clone, Debug)]
pub(crate) struct Instance {
    /// The field name in the parent, with array indices: `lane$2`.
    pub name: String,
    pub atoms: Vec<AtomInfo>,
    pub children: Vec<Instance>,
    pub hdl: Verilog,
}

/// An enum type that occurs in a block.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EnumType {
    pub width: usize,
    /// `State::Idle`, ... in the order of their values.
    pub variants: Vec<String>,
}

/// Walks the design under `top`.
pub(crate) fn elaborate<B: Block>(top: &B) -> Instance {
    let mut walk = Walk::default();
    top.accept("top", &mut walk);
    walk.root.unwrap_or(Instance { name: "top".into(), atoms: vec![], children: vec![], hdl: Verilog::Empty })
}

#[derive(Default)]
struct Walk {
    open: Vec<Instance>,
    namespace: Vec<String>,
    root: Option<Instance>,
}

impl Probe for Walk {
    fn visit_start_scope(&mut self, name: &str, node: &dyn Block) {
        self.open.push(Instance { name: name.to_owned(), atoms: vec![], children: vec![], hdl: node.hdl() });
    }

    fn visit_start_namespace(&mut self, name: &str, _: &dyn Block) {
        self.namespace.push(name.to_owned());
    }

    fn visit_atom(&mut self, name: &str, atom: &dyn Atom) {
        let mut path = self.namespace.join("$");
        if !path.is_empty() {
            path.push('$');
        }
        path += name;
        let descriptor = atom.descriptor();
        if let Some(block) = self.open.last_mut() {
            block.atoms.push(AtomInfo {
                path,
                kind: atom.kind(),
                width: atom.bits(),
                is_clock: descriptor.name == "clock",
                value: literal_value(&atom.verilog()),
                descriptor,
            });
        }
    }

    fn visit_end_namespace(&mut self, _: &str, _: &dyn Block) {
        self.namespace.pop();
    }

    fn visit_end_scope(&mut self, _: &str, _: &dyn Block) {
        if let Some(done) = self.open.pop() {
            match self.open.last_mut() {
                Some(parent) => parent.children.push(done),
                None => self.root = Some(done),
            }
        }
    }
}

impl Instance {
    /// The ports, in the order of their declaration.
    pub fn ports(&self) -> impl Iterator<Item = &AtomInfo> {
        self.atoms.iter().filter(|atom| atom.kind.is_parameter())
    }
}

impl AtomInfo {
    /// Refuses what Verilog would give another meaning.
    pub fn check(&self) -> Result<()> {
        if self.kind == AtomKind::InOutParameter {
            return unsupported(format!("the bidirectional signal `{}`", self.path));
        }
        if self.width == 0 {
            return unsupported(format!("the signal `{}` without bits", self.path));
        }
        if has_signed(&self.descriptor) {
            return unsupported(format!("the signed signal `{}`", self.path));
        }
        Ok(())
    }

    /// The enum types inside this signal's type.
    pub fn enums(&self) -> Vec<EnumType> {
        let mut found = vec![];
        collect_enums(&self.descriptor, &mut found);
        found
    }
}

fn has_signed(descriptor: &TypeDescriptor) -> bool {
    match &descriptor.kind {
        TypeKind::Signed(_) => true,
        TypeKind::Composite(fields) => fields.iter().any(|field| has_signed(&field.kind)),
        _ => false,
    }
}

fn collect_enums(descriptor: &TypeDescriptor, found: &mut Vec<EnumType>) {
    match &descriptor.kind {
        TypeKind::Enum(variants) => {
            found.push(EnumType { width: clog2(variants.len()), variants: variants.clone() });
        }
        TypeKind::Composite(fields) => fields.iter().for_each(|field| collect_enums(&field.kind, found)),
        _ => {}
    }
}

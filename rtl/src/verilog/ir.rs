//! The writer's own form of a kernel: every expression knows its width, every loop is unrolled, every name resolved.
//!
//! rust-hdl's syntax tree says `a + 1 == b` and leaves widths to Rust's type inference. Here the width of each node is
//! explicit, so that the printer has nothing to decide: a printed sub-expression is exactly as wide as its context.

use num_bigint::BigUint;

/// Index of a signal in its block's [`super::scope::Scope`].
pub(crate) type SignalId = usize;

/// An operator with two operands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum BinaryOp {
    Add,
    Sub,
    Mul,
    And,
    Or,
    Xor,
    Shl,
    Shr,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

/// A reduction of all bits to one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Reduction {
    All,
    Any,
    Xor,
}

/// An expression of known width.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expr {
    Const {
        value: BigUint,
        width: usize,
    },
    /// A value with a name: an enum variant or a constant. Printed as a `localparam`.
    Named {
        name: String,
        value: BigUint,
        width: usize,
    },
    Signal {
        id: SignalId,
        width: usize,
    },
    /// Bits `lsb .. lsb + width` of `base`; inside its range.
    Slice {
        base: Box<Expr>,
        lsb: usize,
        width: usize,
    },
    /// One bit of `base`; `index` is exactly wide enough to reach every bit.
    Bit {
        base: Box<Expr>,
        index: Box<Expr>,
    },
    /// `base` with one bit replaced.
    ReplaceBit {
        base: Box<Expr>,
        index: Box<Expr>,
        bit: Box<Expr>,
    },
    /// Zero extension.
    Extend {
        base: Box<Expr>,
        width: usize,
    },
    Not(Box<Expr>),
    Reduce(Reduction, Box<Expr>),
    Binary {
        op: BinaryOp,
        left: Box<Expr>,
        right: Box<Expr>,
        width: usize,
    },
}

impl Expr {
    pub fn constant(value: impl Into<BigUint>, width: usize) -> Self {
        Expr::Const { value: value.into(), width }
    }

    pub fn bit(value: bool) -> Self {
        Expr::constant(u8::from(value), 1)
    }

    pub fn width(&self) -> usize {
        match self {
            Expr::Const { width, .. }
            | Expr::Named { width, .. }
            | Expr::Signal { width, .. }
            | Expr::Slice { width, .. }
            | Expr::Extend { width, .. }
            | Expr::Binary { width, .. } => *width,
            Expr::Bit { .. } | Expr::Reduce(..) => 1,
            Expr::ReplaceBit { base, .. } | Expr::Not(base) => base.width(),
        }
    }

    /// The value, if it is known now.
    pub fn value(&self) -> Option<&BigUint> {
        match self {
            Expr::Const { value, .. } | Expr::Named { value, .. } => Some(value),
            _ => None,
        }
    }

    /// `width` bits from `lsb` on; bits beyond the end are zero.
    pub fn slice(self, lsb: usize, width: usize) -> Self {
        let available = self.width().saturating_sub(lsb);
        if available == 0 {
            return Expr::constant(0_u8, width);
        }
        if available < width {
            return self.slice(lsb, available).extend(width);
        }
        match self {
            whole if lsb == 0 && whole.width() == width => whole,
            Expr::Slice { base, lsb: inner, .. } => Expr::Slice { base, lsb: inner + lsb, width },
            Expr::Extend { base, .. } => base.slice(lsb, width),
            base => match base.value() {
                Some(value) => Expr::constant((value >> lsb) & ones(width), width),
                None => Expr::Slice { base: Box::new(base), lsb, width },
            },
        }
    }

    /// Zero-extends to `width`, or keeps the low bits.
    pub fn resize(self, width: usize) -> Self {
        self.slice(0, width)
    }

    fn extend(self, width: usize) -> Self {
        match self {
            Expr::Const { value, .. } => Expr::Const { value, width },
            Expr::Extend { base, .. } => Expr::Extend { base, width },
            base => Expr::Extend { base: Box::new(base), width },
        }
    }

    /// Calls `visit` for this expression and each one inside it.
    pub fn visit(&self, visit: &mut dyn FnMut(&Expr)) {
        visit(self);
        match self {
            Expr::Const { .. } | Expr::Named { .. } | Expr::Signal { .. } => {}
            Expr::Slice { base, .. }
            | Expr::Extend { base, .. }
            | Expr::Not(base)
            | Expr::Reduce(_, base) => {
                base.visit(visit);
            }
            Expr::Bit { base, index } => {
                base.visit(visit);
                index.visit(visit);
            }
            Expr::ReplaceBit { base, index, bit } => {
                base.visit(visit);
                index.visit(visit);
                bit.visit(visit);
            }
            Expr::Binary { left, right, .. } => {
                left.visit(visit);
                right.visit(visit);
            }
        }
    }

    /// The signals that are read.
    pub fn reads(&self) -> Vec<SignalId> {
        let mut reads = vec![];
        self.visit(&mut |expr| {
            if let Expr::Signal { id, .. } = expr {
                reads.push(*id);
            }
        });
        reads
    }

    pub fn reads_signal(&self, id: SignalId) -> bool {
        self.reads().contains(&id)
    }
}

/// `width` ones.
pub(crate) fn ones(width: usize) -> BigUint {
    (BigUint::from(1_u8) << width) - 1_u8
}

/// A statement of the kernel.
#[derive(Clone, Debug)]
pub(crate) struct Stmt {
    /// Position in the kernel; statements run in this order.
    pub order: usize,
    /// The comments that stand before it.
    pub comments: Vec<String>,
    pub kind: StmtKind,
}

#[derive(Clone, Debug)]
pub(crate) enum StmtKind {
    /// Assigns `width` bits of `target` from `lsb` on.
    Assign {
        target: SignalId,
        lsb: usize,
        value: Expr,
        from_link: bool,
    },
    If {
        condition: Expr,
        then: Vec<Stmt>,
        otherwise: Vec<Stmt>,
    },
    /// The arms are disjoint; `default` covers the rest.
    Case {
        subject: Expr,
        arms: Vec<Arm>,
        default: Arm,
    },
}

/// One arm of a `case`.
#[derive(Clone, Debug)]
pub(crate) struct Arm {
    /// The value that selects it; for a default made from the last variant of an enum, that variant.
    pub label: Option<Expr>,
    pub body: Vec<Stmt>,
}

impl Stmt {
    /// Calls `visit` for each assignment at or below this statement.
    pub fn visit_assigns(&self, visit: &mut dyn FnMut(&Stmt, SignalId)) {
        match &self.kind {
            StmtKind::Assign { target, .. } => visit(self, *target),
            StmtKind::If { then, otherwise, .. } => {
                then.iter().chain(otherwise).for_each(|stmt| stmt.visit_assigns(visit));
            }
            StmtKind::Case { arms, default, .. } => {
                arms.iter()
                    .chain([default])
                    .flat_map(|arm| &arm.body)
                    .for_each(|stmt| stmt.visit_assigns(visit));
            }
        }
    }
}

/// What remains of `block` when only the assignments to `target` count.
pub(crate) fn only(block: &[Stmt], target: SignalId) -> Vec<Stmt> {
    block.iter().filter_map(|stmt| only_in(stmt, target)).collect()
}

fn only_in(stmt: &Stmt, target: SignalId) -> Option<Stmt> {
    let kind = match &stmt.kind {
        StmtKind::Assign { target: assigned, .. } if *assigned == target => stmt.kind.clone(),
        StmtKind::Assign { .. } => return None,
        StmtKind::If { condition, then, otherwise } => {
            let (then, otherwise) = (only(then, target), only(otherwise, target));
            if then.is_empty() && otherwise.is_empty() {
                return None;
            }
            StmtKind::If { condition: condition.clone(), then, otherwise }
        }
        StmtKind::Case { subject, arms, default } => {
            let keep = |arm: &Arm| Arm { label: arm.label.clone(), body: only(&arm.body, target) };
            let arms: Vec<Arm> = arms.iter().map(keep).collect();
            let default = keep(default);
            if arms.iter().chain([&default]).all(|arm| arm.body.is_empty()) {
                return None;
            }
            StmtKind::Case { subject: subject.clone(), arms, default }
        }
    };
    Some(Stmt { order: stmt.order, comments: stmt.comments.clone(), kind })
}

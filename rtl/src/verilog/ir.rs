//! The writer's own form of a kernel: every expression knows its width, every loop is unrolled, every name resolved.
//!
//! rust-hdl's syntax tree says `a + 1 == b` and leaves widths to Rust's type inference. Here the width of each node is
//! explicit, so that the printer has nothing to decide: a printed sub-expression is exactly as wide as its context.

use num_bigint::BigUint;

/// Index of a signal in its block's [`super::scope::Scope`].
pub(crate) type SignalId = usize;

/// An operator with two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Reduction {
    All,
    Any,
    Xor,
}

/// An expression of known width.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
    /// Parts side by side, the most significant first; zero extension is a part of zeros.
    Concat(Vec<Expr>),
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
            | Expr::Binary { width, .. } => *width,
            Expr::Concat(parts) => parts.iter().map(Expr::width).sum(),
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
            return Expr::concat(vec![Expr::constant(0_u8, width - available), self.slice(lsb, available)]);
        }
        if lsb == 0 && available == width {
            return self;
        }
        match self {
            Expr::Slice { base, lsb: inner, .. } => Expr::Slice { base, lsb: inner + lsb, width },
            Expr::Concat(parts) => {
                let mut kept = vec![];
                let mut end = parts.iter().map(Expr::width).sum::<usize>();
                for part in parts {
                    let start = end - part.width();
                    let (from, to) = (start.max(lsb), end.min(lsb + width));
                    if from < to {
                        kept.push(part.slice(from - start, to - from));
                    }
                    end = start;
                }
                Expr::concat(kept)
            }
            Expr::ReplaceBit { base, index, bit } => match index.position() {
                Some(at) => with_bit(*base, at, *bit).slice(lsb, width),
                None => {
                    let base = Box::new(Expr::ReplaceBit { base, index, bit });
                    Expr::Slice { base, lsb, width }
                }
            },
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

    /// The parts side by side, the most significant first.
    pub fn concat(parts: Vec<Expr>) -> Self {
        let mut flat: Vec<Expr> = vec![];
        for part in parts {
            let inner = match part {
                Expr::Concat(inner) => inner,
                part => vec![part],
            };
            for part in inner {
                match (flat.last_mut(), part) {
                    (
                        Some(Expr::Const { value: high, width: above }),
                        Expr::Const { value: low, width: below },
                    ) => {
                        *high = (&*high << below) | low;
                        *above += below;
                    }
                    (
                        Some(Expr::Slice { base: high, lsb, width: above }),
                        Expr::Slice { base: low, lsb: low_lsb, width: below },
                    ) if *high == low && *lsb == low_lsb + below => {
                        *lsb = low_lsb;
                        *above += below;
                    }
                    (_, part) => flat.push(part),
                }
            }
        }
        if flat.len() == 1 { flat.remove(0) } else { Expr::Concat(flat) }
    }

    /// `base` with the bit at `index` replaced.
    pub fn replace_bit(base: Expr, index: Expr, bit: Expr) -> Self {
        match index.position() {
            _ if base.width() == 1 => bit,
            // On a signal the printer may write `x[3] = bit`.
            Some(at) if !matches!(base, Expr::Signal { .. }) => with_bit(base, at, bit),
            _ => Expr::ReplaceBit { base: Box::new(base), index: Box::new(index), bit: Box::new(bit) },
        }
    }

    /// The value as a bit position, if it is known.
    pub fn position(&self) -> Option<usize> {
        self.value().and_then(|value| usize::try_from(value).ok())
    }

    /// The opposite of a condition.
    pub fn negated(self) -> Self {
        let opposite = |op| {
            Some(match op {
                BinaryOp::Eq => BinaryOp::Ne,
                BinaryOp::Ne => BinaryOp::Eq,
                BinaryOp::Lt => BinaryOp::Ge,
                BinaryOp::Ge => BinaryOp::Lt,
                BinaryOp::Gt => BinaryOp::Le,
                BinaryOp::Le => BinaryOp::Gt,
                _ => return None,
            })
        };
        match self {
            Expr::Not(inner) => *inner,
            Expr::Binary { op, left, right, width } => match opposite(op) {
                Some(op) => Expr::Binary { op, left, right, width },
                None => Expr::Not(Box::new(Expr::Binary { op, left, right, width })),
            },
            other => Expr::Not(Box::new(other)),
        }
    }

    /// Calls `visit` for this expression and each one inside it.
    pub fn visit(&self, visit: &mut dyn FnMut(&Expr)) {
        visit(self);
        match self {
            Expr::Const { .. } | Expr::Named { .. } | Expr::Signal { .. } => {}
            Expr::Concat(parts) => parts.iter().for_each(|part| part.visit(visit)),
            Expr::Slice { base, .. } | Expr::Not(base) | Expr::Reduce(_, base) => base.visit(visit),
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

/// `base` with the bit at `at` replaced, part by part.
fn with_bit(base: Expr, at: usize, bit: Expr) -> Expr {
    let width = base.width();
    let mut parts = vec![];
    if at + 1 < width {
        parts.push(base.clone().slice(at + 1, width - at - 1));
    }
    parts.push(bit);
    if at > 0 {
        parts.push(base.slice(0, at));
    }
    Expr::concat(parts)
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

/// The same statements with fewer levels: an `if` without `then` is turned around, nested ones without `else` are merged.
pub(crate) fn simplify(block: Vec<Stmt>) -> Vec<Stmt> {
    block.into_iter().map(simplify_stmt).collect()
}

fn simplify_stmt(mut stmt: Stmt) -> Stmt {
    stmt.kind = match stmt.kind {
        StmtKind::If { condition, then, otherwise } => {
            let (mut condition, mut then, mut otherwise) = (condition, simplify(then), simplify(otherwise));
            if then.is_empty() {
                condition = condition.negated();
                then = std::mem::take(&mut otherwise);
            }
            if otherwise.is_empty()
                && then.len() == 1
                && then[0].comments.is_empty()
                && matches!(&then[0].kind, StmtKind::If { otherwise, .. } if otherwise.is_empty())
                && let Some(Stmt { kind: StmtKind::If { condition: inner, then: body, .. }, .. }) = then.pop()
            {
                condition = and(condition, inner);
                then = body;
            }
            StmtKind::If { condition, then, otherwise }
        }
        StmtKind::Case { subject, arms, default } => {
            let arm = |arm: Arm| Arm { label: arm.label, body: simplify(arm.body) };
            StmtKind::Case { subject, arms: arms.into_iter().map(arm).collect(), default: arm(default) }
        }
        assign => assign,
    };
    stmt
}

/// Both conditions, as one chain from left to right.
fn and(left: Expr, right: Expr) -> Expr {
    match right {
        Expr::Binary { op: BinaryOp::And, left: first, right: second, .. } => and(and(left, *first), *second),
        right => Expr::Binary { op: BinaryOp::And, left: Box::new(left), right: Box::new(right), width: 1 },
    }
}

//! Second step: rust-hdl's syntax tree becomes the writer's own form. Names are resolved, loops unrolled, widths made
//! explicit exactly as Rust's types have them.
//!
//! The tree leaves out two things on purpose of the kernel: `.val()` and `.index()` disappear, and a literal has no
//! width. A literal takes the width of its partner. Arithmetic that would mean something else with `.index()` in another
//! place is refused, not guessed.

use super::error::{Problem, Result, unsupported};
use super::ir::{Arm, BinaryOp, Expr, Reduction, Stmt, StmtKind};
use super::scope::{Role, Scope, constant_name, rust_name};
use crate::prim::hdl::literal_value;
use num_bigint::BigUint;
use rust_hdl_core::ast::{
    VerilogBlockOrConditional, VerilogConditional, VerilogExpression, VerilogLink, VerilogLinkDetails,
    VerilogLiteral, VerilogMatch, VerilogOp, VerilogOpUnary, VerilogStatement,
};

/// A kernel in the writer's form.
#[derive(Debug)]
pub(crate) struct Kernel {
    /// From `comment!("module NAME")`.
    pub module: String,
    pub body: Vec<Stmt>,
}

/// The module name in the first statement of a kernel.
pub(crate) fn module_name(block: &[VerilogStatement]) -> Result<String> {
    if let Some(VerilogStatement::Comment(text)) = block.first()
        && let Some(name) = comment_text(text).strip_prefix("module ")
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    {
        return Ok(name.to_owned());
    }
    Err(Problem::NoModuleName)
}

/// Translates a kernel. `named` are the constants a kernel may use by path.
pub(crate) fn lower(scope: &Scope, named: &[(String, u64)], block: &[VerilogStatement]) -> Result<Kernel> {
    let module = module_name(block)?;
    let mut lowering = Lowering { scope, named, loops: vec![], order: 0, comments: vec![] };
    let body = lowering.block(&block[1..])?;
    Ok(Kernel { module, body })
}

struct Lowering<'a> {
    scope: &'a Scope,
    named: &'a [(String, u64)],
    /// The loop variables in sight, innermost last.
    loops: Vec<(String, i128)>,
    order: usize,
    /// Comments waiting for the statement they belong to.
    comments: Vec<String>,
}

/// A position inside a value.
enum Index {
    Constant(usize),
    Variable(Expr),
}

impl Lowering<'_> {
    // ---- statements ----

    fn block(&mut self, block: &[VerilogStatement]) -> Result<Vec<Stmt>> {
        let mut body = vec![];
        for statement in block {
            self.statement(statement, &mut body)?;
        }
        self.comments.clear();
        Ok(body)
    }

    fn statement(&mut self, statement: &VerilogStatement, body: &mut Vec<Stmt>) -> Result<()> {
        match statement {
            VerilogStatement::Comment(text) => self.comments.push(comment_text(text).to_owned()),
            VerilogStatement::Macro(inner) => {
                // Made by dff_setup! and clock!; a comment before them belongs to what follows.
                let comments = std::mem::take(&mut self.comments);
                for statement in inner {
                    self.statement(statement, body)?;
                }
                self.comments = comments;
            }
            VerilogStatement::Assignment(target, value) => {
                let stmt = self.open();
                body.push(self.assignment(stmt, target, None, value)?);
            }
            VerilogStatement::SliceAssignment { base, width, offset, replacement } => {
                let stmt = self.open();
                let Some(offset) = self.constant(offset)? else {
                    return Err(Problem::NotConstant { expression: describe(offset) });
                };
                let lsb = usize::try_from(offset).unwrap_or(usize::MAX);
                body.push(self.assignment(stmt, base, Some((lsb, *width)), replacement)?);
            }
            VerilogStatement::If(conditional) => self.conditional(conditional, body)?,
            VerilogStatement::Match(case) => {
                let stmt = self.open();
                body.push(self.case(stmt, case)?);
            }
            VerilogStatement::Loop(unrolled) => {
                if self.scope.find(&unrolled.index).is_some()
                    || self.scope.constants.contains_key(&unrolled.index)
                {
                    return Err(Problem::AmbiguousName { name: unrolled.index.clone() });
                }
                let (from, to) = (bound(&unrolled.from)?, bound(&unrolled.to)?);
                for value in from..to {
                    self.loops.push((unrolled.index.clone(), value));
                    for statement in &unrolled.block {
                        self.statement(statement, body)?;
                    }
                    self.loops.pop();
                }
            }
            VerilogStatement::Link(links) => {
                for link in links {
                    body.push(self.link(link)?);
                }
            }
        }
        Ok(())
    }

    /// The next statement, with the comments that wait for it.
    fn open(&mut self) -> (usize, Vec<String>) {
        self.order += 1;
        (self.order, std::mem::take(&mut self.comments))
    }

    fn assignment(
        &self,
        (order, comments): (usize, Vec<String>),
        target: &VerilogExpression,
        part: Option<(usize, usize)>,
        value: &VerilogExpression,
    ) -> Result<Stmt> {
        let VerilogExpression::Signal(text) = target else {
            return unsupported(format!("an assignment to `{}`", describe(target)));
        };
        let id = self.target(text)?;
        let whole = self.scope.signals[id].width;
        let (lsb, width) = part.unwrap_or((0, whole));
        if lsb.saturating_add(width) > whole {
            return Err(Problem::Width { expression: describe(target), expected: lsb + width, found: whole });
        }
        let value = self.sized(value, width)?;
        Ok(Stmt { order, comments, kind: StmtKind::Assign { target: id, lsb, value, from_link: false } })
    }

    fn target(&self, text: &str) -> Result<usize> {
        let path = self.path(text.strip_suffix("$next").unwrap_or(text))?;
        let id = self.scope.find(&path).ok_or_else(|| Problem::UnknownName { name: rust_name(&path) })?;
        let signal = &self.scope.signals[id];
        match signal.role {
            Role::Input | Role::ChildOutput | Role::RegisterValue => {
                Err(Problem::NotAssignable { signal: signal.rust_name() })
            }
            _ => Ok(id),
        }
    }

    fn link(&mut self, link: &VerilogLink) -> Result<Stmt> {
        let end =
            |name: &str, details: &VerilogLinkDetails| format!("{name}{}", details.my_name.replace('.', "$"));
        let (from, to) = match link {
            VerilogLink::Forward(d) => (end(&d.owner_name, d), end(&d.other_name, d)),
            VerilogLink::Backward(d) => (end(&d.other_name, d), end(&d.owner_name, d)),
            VerilogLink::Bidirectional(d) => {
                return unsupported(format!("the bidirectional link of `{}`", end(&d.owner_name, d)));
            }
        };
        let (order, comments) = self.open();
        let target = self.target(&to)?;
        let value = self.sized(&VerilogExpression::Signal(from), self.scope.signals[target].width)?;
        Ok(Stmt { order, comments, kind: StmtKind::Assign { target, lsb: 0, value, from_link: true } })
    }

    fn conditional(&mut self, conditional: &VerilogConditional, body: &mut Vec<Stmt>) -> Result<()> {
        let (order, comments) = self.open();
        let condition = self.sized(&conditional.test, 1)?;
        let then = self.block(&conditional.then)?;
        let otherwise = match &conditional.otherwise {
            VerilogBlockOrConditional::None => vec![],
            VerilogBlockOrConditional::Block(block) => self.block(block)?,
            VerilogBlockOrConditional::Conditional(next) => self.block(std::slice::from_ref(&**next))?,
        };
        // A condition on loop variables is decided now.
        match condition.value().map(|value| *value != BigUint::ZERO) {
            Some(true) => body.extend(then),
            Some(false) => body.extend(otherwise),
            None => body.push(Stmt { order, comments, kind: StmtKind::If { condition, then, otherwise } }),
        }
        Ok(())
    }

    fn case(&mut self, (order, comments): (usize, Vec<String>), case: &VerilogMatch) -> Result<Stmt> {
        let subject = self.expr(&case.test, None)?;
        let mut arms = vec![];
        let mut default = None;
        for arm in &case.cases {
            if arm.condition == "default" {
                default = Some(Arm { label: None, body: self.block(&arm.block)? });
                break;
            }
            let label = self.label(&arm.condition, subject.width())?;
            let body = self.block(&arm.block)?;
            if let Some(label) = label {
                arms.push(Arm { label: Some(label), body });
            }
        }
        // Without `_` Rust has checked that the arms are all there is: the last one takes what is left.
        let default = default.or_else(|| arms.pop()).unwrap_or(Arm { label: None, body: vec![] });
        Ok(Stmt { order, comments, kind: StmtKind::Case { subject, arms, default } })
    }

    /// The pattern of a match arm; `None` if the subject cannot have that value.
    fn label(&self, pattern: &str, width: usize) -> Result<Option<Expr>> {
        let value = match pattern {
            "true" => Some(1),
            "false" => Some(0),
            _ => parse_integer(pattern),
        };
        match value {
            Some(value) if fits(value, width) => Ok(Some(Expr::constant(value as u128, width))),
            Some(_) => Ok(None),
            None => {
                let label = self.sized(&VerilogExpression::Signal(pattern.to_owned()), width)?;
                match label.value() {
                    Some(_) => Ok(Some(label)),
                    None => Err(Problem::NotConstant { expression: pattern.to_owned() }),
                }
            }
        }
    }

    // ---- names ----

    /// The path with its array indices evaluated: `value[i+1]$q` becomes `value$4$q`.
    fn path(&self, text: &str) -> Result<String> {
        let mut path = String::new();
        let mut rest = text;
        while let Some(open) = rest.find('[') {
            let close = closing(rest, open).ok_or_else(|| Problem::UnknownName { name: text.to_owned() })?;
            let index = &rest[open + 1..close];
            let value = IndexText { lowering: self, text: index, at: 0 }
                .whole()
                .ok_or_else(|| Problem::NotConstant { expression: index.replace('$', ".") })?;
            path += &format!("{}${value}", &rest[..open]);
            rest = &rest[close + 1..];
        }
        path += rest;
        Ok(path)
    }

    fn loop_value(&self, name: &str) -> Option<i128> {
        self.loops.iter().rev().find(|(variable, _)| variable == name).map(|(_, value)| *value)
    }

    /// The constant of the ABI that a path means: its name and value.
    fn named(&self, text: &str) -> Option<(&str, u64)> {
        let path = text.replace('$', "::");
        self.named
            .iter()
            .find(|(name, _)| {
                path.strip_suffix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with("::"))
            })
            .map(|(name, value)| (name.as_str(), *value))
    }

    // ---- constants without a width ----

    /// The value of an expression that is made of literals, loop variables and named constants only.
    fn constant(&self, expression: &VerilogExpression) -> Result<Option<i128>> {
        Ok(match expression {
            VerilogExpression::Literal(literal) if !is_bool(literal) => {
                i128::try_from(literal_value(literal)).ok()
            }
            VerilogExpression::Signal(name) => {
                self.loop_value(name).or_else(|| self.named(name).map(|(_, value)| i128::from(value)))
            }
            VerilogExpression::Paren(inner) => self.constant(inner)?,
            VerilogExpression::Binary(left, op, right) => {
                let (Some(left), Some(right)) = (self.constant(left)?, self.constant(right)?) else {
                    return Ok(None);
                };
                let shift = u32::try_from(right).ok();
                let value = match op {
                    VerilogOp::Add => left.checked_add(right),
                    VerilogOp::Sub => left.checked_sub(right),
                    VerilogOp::Mul => left.checked_mul(right),
                    VerilogOp::BitAnd => Some(left & right),
                    VerilogOp::BitOr => Some(left | right),
                    VerilogOp::BitXor => Some(left ^ right),
                    VerilogOp::Shl => shift.and_then(|by| left.checked_shl(by)),
                    VerilogOp::Shr => shift.and_then(|by| left.checked_shr(by)),
                    _ => return Ok(None),
                };
                match value {
                    Some(value) if value >= 0 => Some(value),
                    _ => return Err(Problem::NotConstant { expression: describe(expression) }),
                }
            }
            _ => None,
        })
    }

    fn uses_loop(&self, expression: &VerilogExpression) -> bool {
        match expression {
            VerilogExpression::Signal(name) => self.loop_value(name).is_some(),
            VerilogExpression::Paren(inner) => self.uses_loop(inner),
            VerilogExpression::Binary(left, _, right) => self.uses_loop(left) || self.uses_loop(right),
            _ => false,
        }
    }

    // ---- widths ----

    /// The width Rust's types give the expression; `None` if it has only literals.
    fn width(&self, expression: &VerilogExpression) -> Result<Option<usize>> {
        use VerilogExpression as E;
        Ok(match expression {
            E::Signal(name) => {
                if self.loop_value(name).is_some() {
                    return Ok(None);
                }
                let path = self.path(name)?;
                if let Some(id) = self.scope.find(&path) {
                    return Ok(Some(self.scope.signals[id].width));
                }
                if let Some((width, _)) = self.scope.constants.get(&path) {
                    return Ok(Some(*width));
                }
                if let Some((kind, _)) = self.scope.variant(&path)? {
                    return Ok(Some(kind.width));
                }
                if self.named(name).is_some() {
                    return Ok(None);
                }
                return Err(Problem::UnknownName { name: rust_name(name) });
            }
            E::Literal(literal) => is_bool(literal).then_some(1),
            E::Cast(_, width) | E::Slice(_, width, _) => Some(*width),
            E::Paren(inner) | E::IndexReplace(inner, ..) => self.width(inner)?,
            E::Index(..) => Some(1),
            E::Unary(VerilogOpUnary::Not, inner) => self.width(inner)?,
            E::Unary(VerilogOpUnary::All | VerilogOpUnary::Any | VerilogOpUnary::Xor, _) => Some(1),
            E::Unary(VerilogOpUnary::Neg, _) => {
                return unsupported(format!("the sign in `{}`", describe(expression)));
            }
            E::Signed(_) | E::Unsigned(_) => {
                return unsupported(format!("the signed conversion in `{}`", describe(expression)));
            }
            E::Binary(left, op, right) => match op {
                VerilogOp::Eq
                | VerilogOp::Ne
                | VerilogOp::Lt
                | VerilogOp::Le
                | VerilogOp::Gt
                | VerilogOp::Ge
                | VerilogOp::LogicalAnd
                | VerilogOp::LogicalOr => Some(1),
                VerilogOp::Shl | VerilogOp::Shr => match (self.width(left)?, self.width(right)?) {
                    // A literal shifted by a signal is 64 bits wide in rust-hdl.
                    (None, Some(_)) => Some(64),
                    (width, _) => width,
                },
                VerilogOp::Mul => match (self.width(left)?, self.width(right)?) {
                    (None, None) => None,
                    _ => Some(32),
                },
                _ => match self.width(left)? {
                    Some(width) => Some(width),
                    None => self.width(right)?,
                },
            },
        })
    }

    /// The expression, which must be `width` bits wide; a literal becomes so.
    fn sized(&self, expression: &VerilogExpression, width: usize) -> Result<Expr> {
        let found = self.expr(expression, Some(width))?;
        if found.width() != width {
            return Err(Problem::Width {
                expression: describe(expression),
                expected: width,
                found: found.width(),
            });
        }
        Ok(found)
    }

    // ---- expressions ----

    /// The expression at its own width; one of literals only takes the width `wanted`.
    fn expr(&self, expression: &VerilogExpression, wanted: Option<usize>) -> Result<Expr> {
        use VerilogExpression as E;
        let no_width = || Problem::NoWidth { expression: describe(expression) };
        match expression {
            E::Signal(name) => self.name(name, wanted),
            E::Literal(literal) if is_bool(literal) => Ok(Expr::constant(literal_value(literal), 1)),
            E::Literal(literal) => {
                let value = literal_value(literal);
                let width = wanted.ok_or_else(no_width)?;
                if value.bits() > width as u64 {
                    return Err(Problem::LiteralTooWide { value: value.to_string(), width });
                }
                Ok(Expr::constant(value, width))
            }
            E::Paren(inner) => self.expr(inner, wanted),
            E::Cast(inner, width) => match self.width(inner)? {
                Some(found) => Ok(self.sized(inner, found)?.resize(*width)),
                None => self.sized(inner, *width),
            },
            E::Signed(_) | E::Unsigned(_) | E::Unary(VerilogOpUnary::Neg, _) => {
                // `width` says why.
                self.width(expression)?;
                Err(no_width())
            }
            E::Unary(op, inner) => {
                let width = self.width(inner)?.or(wanted).ok_or_else(no_width)?;
                let inner = self.sized(inner, width)?;
                Ok(match op {
                    VerilogOpUnary::All => reduce(Reduction::All, inner),
                    VerilogOpUnary::Any => reduce(Reduction::Any, inner),
                    VerilogOpUnary::Xor => reduce(Reduction::Xor, inner),
                    _ => Expr::Not(Box::new(inner)),
                })
            }
            E::Index(base, index) => {
                let base = self.own_width(base)?;
                Ok(match self.index(index)? {
                    Index::Constant(at) if at < base.width() => base.slice(at, 1),
                    Index::Constant(at) => {
                        return Err(Problem::LiteralTooWide {
                            value: at.to_string(),
                            width: reach(base.width()),
                        });
                    }
                    Index::Variable(_) if base.width() == 1 => base,
                    Index::Variable(index) => {
                        let index = Box::new(index.resize(reach(base.width())));
                        Expr::Bit { base: Box::new(base), index }
                    }
                })
            }
            E::Slice(base, width, offset) => {
                let base = self.own_width(base)?;
                Ok(match self.index(offset)? {
                    Index::Constant(lsb) => base.slice(lsb, *width),
                    Index::Variable(by) => binary(BinaryOp::Shr, base, by).resize(*width),
                })
            }
            E::IndexReplace(base, index, bit) => {
                let base = self.own_width(base)?;
                let bit = self.sized(bit, 1)?;
                let index = match self.index(index)? {
                    Index::Constant(at) if at < base.width() => Expr::constant(at, reach(base.width())),
                    Index::Constant(at) => {
                        return Err(Problem::LiteralTooWide {
                            value: at.to_string(),
                            width: reach(base.width()),
                        });
                    }
                    Index::Variable(index) => index.resize(reach(base.width())),
                };
                Ok(Expr::replace_bit(base, index, bit))
            }
            E::Binary(left, op, right) => self.binary(expression, left, op, right, wanted),
        }
    }

    fn own_width(&self, expression: &VerilogExpression) -> Result<Expr> {
        self.expr(expression, None)
    }

    fn name(&self, text: &str, wanted: Option<usize>) -> Result<Expr> {
        let unsized_value = |name: Option<&str>, value: i128| {
            let width = wanted.ok_or_else(|| Problem::NoWidth { expression: rust_name(text) })?;
            if !fits(value, width) {
                return Err(Problem::LiteralTooWide { value: value.to_string(), width });
            }
            let value = BigUint::from(value as u128);
            Ok(match name {
                Some(name) => Expr::Named { name: constant_name(name), value, width },
                None => Expr::Const { value, width },
            })
        };
        if let Some(value) = self.loop_value(text) {
            return unsized_value(None, value);
        }
        let path = self.path(text)?;
        if let Some(id) = self.scope.find(&path) {
            let signal = &self.scope.signals[id];
            if matches!(signal.role, Role::RegisterClock | Role::RegisterReset) {
                return unsupported(format!("reading `{}`", signal.rust_name()));
            }
            return Ok(Expr::Signal { id, width: signal.width });
        }
        if let Some((width, value)) = self.scope.constants.get(&path) {
            return Ok(Expr::Named { name: constant_name(&path), value: value.clone(), width: *width });
        }
        if let Some((kind, value)) = self.scope.variant(&path)? {
            let name = constant_name(&kind.variants[value]);
            return Ok(Expr::Named { name, value: value.into(), width: kind.width });
        }
        match self.named(text) {
            Some((name, value)) => unsized_value(Some(name), i128::from(value)),
            None => Err(Problem::UnknownName { name: rust_name(text) }),
        }
    }

    /// The argument of `get_bit`, `get_bits`, `replace_bit`: a `usize` in Rust, so it must not wrap at a signal's width.
    fn index(&self, expression: &VerilogExpression) -> Result<Index> {
        if let Some(value) = self.constant(expression)? {
            return Ok(Index::Constant(usize::try_from(value).unwrap_or(usize::MAX)));
        }
        if is_arithmetic(expression) {
            return Err(Problem::AmbiguousArithmetic { expression: describe(expression) });
        }
        let index = self.own_width(expression)?;
        Ok(match index.value().and_then(|value| usize::try_from(value).ok()) {
            Some(value) => Index::Constant(value),
            None => Index::Variable(index),
        })
    }

    fn binary(
        &self,
        whole: &VerilogExpression,
        left: &VerilogExpression,
        op: &VerilogOp,
        right: &VerilogExpression,
        wanted: Option<usize>,
    ) -> Result<Expr> {
        let no_width = || Problem::NoWidth { expression: describe(whole) };
        let op = match op {
            VerilogOp::Add => BinaryOp::Add,
            VerilogOp::Sub => BinaryOp::Sub,
            VerilogOp::Mul => BinaryOp::Mul,
            VerilogOp::BitXor => BinaryOp::Xor,
            VerilogOp::BitAnd | VerilogOp::LogicalAnd => BinaryOp::And,
            VerilogOp::BitOr | VerilogOp::LogicalOr => BinaryOp::Or,
            VerilogOp::Shl => BinaryOp::Shl,
            VerilogOp::Shr => BinaryOp::Shr,
            VerilogOp::Eq => return self.compare(whole, left, BinaryOp::Eq, right),
            VerilogOp::Ne => return self.compare(whole, left, BinaryOp::Ne, right),
            VerilogOp::Lt => return self.compare(whole, left, BinaryOp::Lt, right),
            VerilogOp::Le => return self.compare(whole, left, BinaryOp::Le, right),
            VerilogOp::Gt => return self.compare(whole, left, BinaryOp::Gt, right),
            VerilogOp::Ge => return self.compare(whole, left, BinaryOp::Ge, right),
        };
        if let Some(value) = self.constant(whole)? {
            let width = wanted.ok_or_else(no_width)?;
            if !fits(value, width) {
                return Err(Problem::LiteralTooWide { value: value.to_string(), width });
            }
            return Ok(Expr::constant(value as u128, width));
        }
        if matches!(op, BinaryOp::Shl | BinaryOp::Shr) {
            let width = self.width(whole)?.or(wanted).ok_or_else(no_width)?;
            let value = self.sized(left, width)?;
            return match self.constant(right)? {
                Some(by) => {
                    let by = usize::try_from(by).unwrap_or(usize::MAX).min(width);
                    Ok(shift(op, value, by))
                }
                None => Ok(binary(op, value, self.own_width(right)?)),
            };
        }
        if op == BinaryOp::Mul {
            // rust-hdl multiplies 16 by 16 bits into 32 and nothing else.
            let (left, right) = (self.sized(left, 16)?, self.sized(right, 16)?);
            return Ok(binary(op, left.resize(32), right.resize(32)));
        }
        if matches!(op, BinaryOp::Add | BinaryOp::Sub) && (self.uses_loop(left) || self.uses_loop(right)) {
            return Err(Problem::AmbiguousArithmetic { expression: describe(whole) });
        }
        let width = self.width(whole)?.or(wanted).ok_or_else(no_width)?;
        Ok(binary(op, self.sized(left, width)?, self.sized(right, width)?))
    }

    fn compare(
        &self,
        whole: &VerilogExpression,
        left: &VerilogExpression,
        op: BinaryOp,
        right: &VerilogExpression,
    ) -> Result<Expr> {
        let ambiguous = || Problem::AmbiguousArithmetic { expression: describe(whole) };
        match (self.constant(left)?, self.constant(right)?) {
            (Some(left), Some(right)) => Ok(Expr::bit(match op {
                BinaryOp::Eq => left == right,
                BinaryOp::Ne => left != right,
                BinaryOp::Lt => left < right,
                BinaryOp::Le => left <= right,
                BinaryOp::Gt => left > right,
                _ => left >= right,
            })),
            (Some(_), None) => self.compare(whole, right, mirrored(op), left),
            (None, Some(value)) => {
                let left_expr = self.own_width(left)?;
                let width = left_expr.width();
                let fits = fits(value, width);
                if is_arithmetic(left) && (!fits || self.uses_loop(right)) {
                    return Err(ambiguous());
                }
                if !fits {
                    // Every value of the signal is below the literal.
                    return Ok(Expr::bit(matches!(op, BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le)));
                }
                Ok(binary(op, left_expr, self.sized(right, width)?))
            }
            (None, None) => {
                let (left_width, right_width) = (self.width(left)?, self.width(right)?);
                let width = left_width
                    .max(right_width)
                    .ok_or_else(|| Problem::NoWidth { expression: describe(whole) })?;
                let left_expr = self.expr(left, Some(width))?;
                let right_expr = self.expr(right, Some(width))?;
                // Different widths compare as `usize`: only `.index()` makes them equal types in Rust.
                if left_expr.width() != right_expr.width() && (is_arithmetic(left) || is_arithmetic(right)) {
                    return Err(ambiguous());
                }
                Ok(binary(op, left_expr.resize(width), right_expr.resize(width)))
            }
        }
    }
}

// ---- small pieces ----

fn binary(op: BinaryOp, left: Expr, right: Expr) -> Expr {
    let width = match op {
        BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => 1,
        _ => left.width(),
    };
    Expr::Binary { op, left: Box::new(left), right: Box::new(right), width }
}

/// A shift by a constant: where the value is made of parts anyway, they only move.
fn shift(op: BinaryOp, value: Expr, by: usize) -> Expr {
    let width = value.width();
    match (op, &value) {
        (_, _) if by == 0 => value,
        (_, _) if by >= width => Expr::constant(0_u8, width),
        (BinaryOp::Shl, Expr::Signal { .. } | Expr::Slice { .. } | Expr::Concat(_)) => {
            Expr::concat(vec![value.slice(0, width - by), Expr::constant(0_u8, by)])
        }
        (BinaryOp::Shr, Expr::Signal { .. } | Expr::Slice { .. } | Expr::Concat(_)) => value.slice(by, width),
        _ => binary(op, value, Expr::constant(by, reach(by + 1))),
    }
}

fn reduce(reduction: Reduction, inner: Expr) -> Expr {
    if inner.width() == 1 { inner } else { Expr::Reduce(reduction, Box::new(inner)) }
}

/// The operator with its operands exchanged.
fn mirrored(op: BinaryOp) -> BinaryOp {
    match op {
        BinaryOp::Lt => BinaryOp::Gt,
        BinaryOp::Le => BinaryOp::Ge,
        BinaryOp::Gt => BinaryOp::Lt,
        BinaryOp::Ge => BinaryOp::Le,
        same => same,
    }
}

/// The bits an index needs to reach each of `count` elements.
fn reach(count: usize) -> usize {
    rust_hdl_core::prelude::clog2(count).max(1)
}

fn fits(value: i128, width: usize) -> bool {
    value >= 0 && (width >= 127 || value < 1 << width)
}

/// Whether the result could differ between wrapping at the signal's width and Rust's `usize`.
fn is_arithmetic(expression: &VerilogExpression) -> bool {
    match expression {
        VerilogExpression::Paren(inner) => is_arithmetic(inner),
        VerilogExpression::Unary(VerilogOpUnary::Not | VerilogOpUnary::Neg, _) => true,
        VerilogExpression::Binary(left, op, right) => match op {
            VerilogOp::Add | VerilogOp::Sub | VerilogOp::Mul | VerilogOp::Shl => true,
            VerilogOp::BitAnd | VerilogOp::BitOr | VerilogOp::BitXor | VerilogOp::Shr => {
                is_arithmetic(left) || is_arithmetic(right)
            }
            _ => false,
        },
        _ => false,
    }
}

/// Only `bool` makes literals of one bit.
fn is_bool(literal: &VerilogLiteral) -> bool {
    literal.to_string().starts_with("1'")
}

fn bound(literal: &VerilogLiteral) -> Result<i128> {
    i128::try_from(literal_value(literal)).or_else(|_| unsupported("a loop bound of more than 127 bits"))
}

/// The text of a comment. rust-hdl cuts `comment ! ("` and `")` off, but the compiler may space the macro otherwise; then
/// a part of it is still there.
fn comment_text(text: &str) -> &str {
    let text = match text.split_once('"') {
        Some((head, rest)) if head.split_whitespace().collect::<String>() == "comment!(" => rest,
        _ => text,
    };
    let text = text.trim_end();
    text.strip_suffix(')').and_then(|text| text.trim_end().strip_suffix('"')).unwrap_or(text).trim()
}

/// The integer a Rust literal means; its type suffix does not matter.
fn parse_integer(text: &str) -> Option<i128> {
    let digits: String = text.chars().filter(|c| *c != '_').collect();
    let (digits, radix) = match digits.get(..2) {
        Some("0x") => (&digits[2..], 16),
        Some("0b") => (&digits[2..], 2),
        Some("0o") => (&digits[2..], 8),
        _ => (&digits[..], 10),
    };
    let end = digits.find(['u', 'i']).unwrap_or(digits.len());
    i128::from_str_radix(&digits[..end], radix).ok()
}

/// The bracket that closes the one at `open`.
fn closing(text: &str, open: usize) -> Option<usize> {
    let mut depth = 0;
    for (at, c) in text[open..].char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(open + at);
        }
    }
    None
}

/// An array index: rust-hdl hands it over as text without spaces, `2*i+1`.
struct IndexText<'a> {
    lowering: &'a Lowering<'a>,
    text: &'a str,
    at: usize,
}

impl IndexText<'_> {
    fn whole(mut self) -> Option<usize> {
        let value = self.sum()?;
        (self.at == self.text.len()).then_some(value).and_then(|value| usize::try_from(value).ok())
    }

    fn next_is(&mut self, operators: &str) -> Option<char> {
        let c = self.text[self.at..].chars().next()?;
        if !operators.contains(c) {
            return None;
        }
        self.at += 1;
        Some(c)
    }

    fn sum(&mut self) -> Option<i128> {
        let mut value = self.product()?;
        while let Some(operator) = self.next_is("+-") {
            let right = self.product()?;
            value = if operator == '+' { value.checked_add(right)? } else { value.checked_sub(right)? };
        }
        Some(value)
    }

    fn product(&mut self) -> Option<i128> {
        let mut value = self.leaf()?;
        while let Some(operator) = self.next_is("*/%") {
            let right = self.leaf()?;
            value = match operator {
                '*' => value.checked_mul(right)?,
                '/' => value.checked_div(right)?,
                _ => value.checked_rem(right)?,
            };
        }
        Some(value)
    }

    fn leaf(&mut self) -> Option<i128> {
        if self.next_is("(").is_some() {
            let value = self.sum()?;
            return self.next_is(")").map(|_| value);
        }
        let rest = &self.text[self.at..];
        let end =
            rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '$').unwrap_or(rest.len());
        let word = &rest[..end];
        self.at += end;
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            return parse_integer(word);
        }
        self.lowering
            .loop_value(word)
            .or_else(|| self.lowering.named(word).map(|(_, value)| i128::from(value)))
    }
}

/// The expression in Rust's notation, for messages.
fn describe(expression: &VerilogExpression) -> String {
    use VerilogExpression as E;
    match expression {
        E::Signal(name) => rust_name(name),
        E::Literal(literal) => literal_value(literal).to_string(),
        E::Cast(inner, width) => format!("bit_cast::<{width}, _>({})", describe(inner)),
        E::Signed(inner) => format!("signed({})", describe(inner)),
        E::Unsigned(inner) => format!("unsigned({})", describe(inner)),
        E::Paren(inner) => format!("({})", describe(inner)),
        E::Unary(VerilogOpUnary::Not, inner) => format!("!{}", describe(inner)),
        E::Unary(VerilogOpUnary::Neg, inner) => format!("-{}", describe(inner)),
        E::Unary(VerilogOpUnary::All, inner) => format!("{}.all()", describe(inner)),
        E::Unary(VerilogOpUnary::Any, inner) => format!("{}.any()", describe(inner)),
        E::Unary(VerilogOpUnary::Xor, inner) => format!("{}.xor()", describe(inner)),
        E::Index(base, index) => format!("{}.get_bit({})", describe(base), describe(index)),
        E::Slice(base, width, offset) => {
            format!("{}.get_bits::<{width}>({})", describe(base), describe(offset))
        }
        E::IndexReplace(base, index, bit) => {
            format!("{}.replace_bit({}, {})", describe(base), describe(index), describe(bit))
        }
        E::Binary(left, op, right) => {
            let op = match op {
                VerilogOp::Add => "+",
                VerilogOp::Sub => "-",
                VerilogOp::Mul => "*",
                VerilogOp::LogicalAnd => "&&",
                VerilogOp::LogicalOr => "||",
                VerilogOp::BitXor => "^",
                VerilogOp::BitAnd => "&",
                VerilogOp::BitOr => "|",
                VerilogOp::Shl => "<<",
                VerilogOp::Shr => ">>",
                VerilogOp::Eq => "==",
                VerilogOp::Lt => "<",
                VerilogOp::Le => "<=",
                VerilogOp::Ne => "!=",
                VerilogOp::Ge => ">=",
                VerilogOp::Gt => ">",
            };
            format!("{} {op} {}", describe(left), describe(right))
        }
    }
}

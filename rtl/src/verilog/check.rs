//! Third step: take the kernel apart into one piece per driven signal, and prove that the pieces mean the same.
//!
//! A kernel is a sequence: a statement sees what the ones before it assigned. In Verilog each signal gets a block of its
//! own, all of which run at once and see final values. The two agree if every local signal and output is read only
//! after its last assignment, and if every signal is assigned on every path. Both are checked here.

use super::error::{Problem, Result};
use super::ir::{Expr, SignalId, Stmt, StmtKind, ones, only};
use super::scope::{Role, Scope};
use num_bigint::BigUint;
use std::collections::BTreeMap;

/// A signal and the part of the kernel that drives it.
#[derive(Debug)]
pub(crate) struct Drive {
    pub target: SignalId,
    pub body: Vec<Stmt>,
}

impl Drive {
    /// The signal that this one simply follows, if that is all the kernel says.
    pub fn plain_signal(&self) -> Option<SignalId> {
        match &self.body[..] {
            [Stmt { kind: StmtKind::Assign { value: Expr::Signal { id, .. }, .. }, .. }] => Some(*id),
            _ => None,
        }
    }
}

/// The drives of a kernel, in the order of the signals.
pub(crate) fn drives(scope: &Scope, body: &[Stmt]) -> Result<Vec<Drive>> {
    let mut writes: BTreeMap<SignalId, Writes> = BTreeMap::new();
    for stmt in body {
        stmt.visit_assigns(&mut |stmt, target| {
            let writes = writes.entry(target).or_default();
            writes.last = writes.last.max(stmt.order);
            match stmt.kind {
                StmtKind::Assign { from_link: true, .. } => writes.links += 1,
                _ => writes.assignments += 1,
            }
        });
    }
    for (id, signal) in scope.signals.iter().enumerate() {
        let driven_by_kernel = !matches!(
            signal.role,
            Role::Input | Role::ChildOutput | Role::RegisterValue | Role::RegisterReset
        );
        match writes.get(&id) {
            None if driven_by_kernel => return Err(Problem::Undriven { signal: signal.rust_name() }),
            Some(writes) if writes.links > 1 || (writes.links == 1 && writes.assignments > 0) => {
                return Err(Problem::MultipleDrivers { signal: signal.rust_name() });
            }
            _ => {}
        }
    }
    writes
        .keys()
        .map(|&target| {
            let body = only(body, target);
            let mut flow = Flow { scope, writes: &writes, target, assigned: BigUint::ZERO };
            flow.block(&body)?;
            let signal = &scope.signals[target];
            let missing = signal.width as u64 - flow.assigned.count_ones();
            if missing > 0 {
                return Err(Problem::Latch { signal: signal.rust_name(), missing });
            }
            Ok(Drive { target, body })
        })
        .collect()
}

#[derive(Default)]
struct Writes {
    last: usize,
    links: usize,
    assignments: usize,
}

/// Follows the paths through one signal's part of the kernel.
struct Flow<'a> {
    scope: &'a Scope,
    writes: &'a BTreeMap<SignalId, Writes>,
    target: SignalId,
    /// The bits that are assigned on every path to this point.
    assigned: BigUint,
}

impl Flow<'_> {
    fn block(&mut self, block: &[Stmt]) -> Result<()> {
        for stmt in block {
            match &stmt.kind {
                StmtKind::Assign { lsb, value, .. } => {
                    self.reads(value, stmt.order)?;
                    self.assigned |= ones(value.width()) << lsb;
                }
                StmtKind::If { condition, then, otherwise } => {
                    self.reads(condition, stmt.order)?;
                    self.branches(&[then, otherwise])?;
                }
                StmtKind::Case { subject, arms, default } => {
                    self.reads(subject, stmt.order)?;
                    let bodies: Vec<_> = arms.iter().chain([default]).map(|arm| &arm.body).collect();
                    self.branches(&bodies)?;
                }
            }
        }
        Ok(())
    }

    fn branches(&mut self, bodies: &[&Vec<Stmt>]) -> Result<()> {
        let before = self.assigned.clone();
        let mut after = ones(self.scope.signals[self.target].width);
        for body in bodies {
            self.assigned = before.clone();
            self.block(body)?;
            after &= &self.assigned;
        }
        self.assigned = after;
        Ok(())
    }

    fn reads(&self, expr: &Expr, order: usize) -> Result<()> {
        for id in expr.reads() {
            let signal = &self.scope.signals[id];
            if !matches!(signal.role, Role::Local | Role::Output) {
                continue;
            }
            let too_early = if id == self.target {
                // Its own part of the kernel runs in order, so only the value before the first assignment is missing.
                self.assigned.count_ones() < signal.width as u64
            } else {
                self.writes.get(&id).is_some_and(|writes| writes.last > order)
            };
            if too_early {
                return Err(Problem::ReadBeforeWrite {
                    signal: signal.rust_name(),
                    target: self.scope.signals[self.target].rust_name(),
                });
            }
        }
        Ok(())
    }
}

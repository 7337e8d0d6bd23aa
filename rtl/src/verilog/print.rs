//! Fourth step: print one block as the text of a module.
//!
//! Every expression arrives with its width, so printing decides only about form. The one thing Verilog cannot say in
//! place is a part of an unnamed value: `(a + b)[3:0]`. Such a value gets a wire of its own, in front of its first user.

use super::check::Drive;
use super::docs::{ModuleDocs, comment};
use super::elaborate::Instance;
use super::error::{Problem, Result};
use super::ir::{Arm, BinaryOp, Expr, Reduction, SignalId, Stmt, StmtKind, ones, simplify};
use super::scope::{Role, Scope, verilog_name};
use crate::prim::hdl::range;
use num_bigint::BigUint;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write;

/// Columns of a line of comment.
const COLUMNS: usize = 110;

/// A register of the block: its signals and its reset value.
#[derive(Debug)]
pub(crate) struct Register {
    pub clock: SignalId,
    pub reset: SignalId,
    pub next: SignalId,
    pub value: SignalId,
    pub initial: BigUint,
}

/// A sub-block: the index of its module and the names of its ports there.
#[derive(Debug)]
pub(crate) struct Child<'a> {
    pub instance: &'a Instance,
    /// Stands for the module's name, which is known only when all modules are.
    pub module: String,
    /// Port names in the module, in the order of [`Instance::ports`].
    pub ports: Vec<String>,
}

/// Everything the printer needs to know about a block.
pub(crate) struct Block<'a> {
    pub scope: &'a mut Scope,
    pub docs: &'a ModuleDocs,
    pub sources: &'a [(String, String)],
    pub registers: Vec<Register>,
    pub children: Vec<Child<'a>>,
    pub drives: Vec<Drive>,
}

/// What stands between the port list and `endmodule`, and which outputs are variables.
pub(crate) struct Body {
    pub text: String,
    pub reg_outputs: HashSet<SignalId>,
}

/// Prints the body of a block.
pub(crate) fn body(block: Block<'_>) -> Result<Body> {
    let printer = Printer {
        used: vec![BigUint::ZERO; block.scope.signals.len()],
        block,
        temps: vec![],
        temp_by_value: HashMap::new(),
        localparams: vec![],
        localparam_names: HashMap::new(),
        pending: String::new(),
        printed_comments: HashSet::new(),
        current: None,
    };
    printer.run()
}

/// A value that needed a name.
struct Temp {
    name: String,
    width: usize,
    used: BigUint,
}

struct Printer<'a> {
    block: Block<'a>,
    /// Which bits of each signal something reads.
    used: Vec<BigUint>,
    temps: Vec<Temp>,
    temp_by_value: HashMap<Expr, usize>,
    localparams: Vec<String>,
    localparam_names: HashMap<(String, BigUint, usize), String>,
    /// Declarations of wires for the statement that is being printed.
    pending: String,
    /// Statements whose comments are out already.
    printed_comments: HashSet<usize>,
    /// The signal whose drive is being printed.
    current: Option<SignalId>,
}

impl Printer<'_> {
    fn run(mut self) -> Result<Body> {
        let connections = self.direct_connections();
        let mut drives = std::mem::take(&mut self.block.drives);
        self.move_comments(&mut drives, &connections);
        drives.retain(|drive| !connections.contains_key(&drive.target));
        drives.sort_by_key(|drive| (self.first_own(drive), drive.target));

        let mut regs = HashSet::new();
        let mut logic = String::new();
        for drive in &drives {
            self.drive(drive, &mut logic, &mut regs)?;
        }
        let instances = self.instances(&connections);
        let registers = self.registers(&connections);
        let formal = self.formal();
        let declarations = self.declarations(&connections, &regs);
        let unused = self.unused();

        let sections = [self.localparams.concat(), declarations, instances, logic, registers, formal, unused];
        let sections: Vec<String> = sections.into_iter().filter(|section| !section.is_empty()).collect();
        Ok(Body { text: sections.join("\n"), reg_outputs: regs })
    }

    fn name(&self, id: SignalId) -> &str {
        &self.block.scope.signals[id].name
    }

    // ---- what needs no logic of its own ----

    /// Sub-block inputs, clocks and resets that are just another signal or a constant: connected without a wire.
    fn direct_connections(&mut self) -> BTreeMap<SignalId, String> {
        let mut read = HashSet::new();
        for drive in &self.block.drives {
            visit_expressions(&drive.body, &mut |expr| read.extend(expr.reads()));
        }
        let mut connections = BTreeMap::new();
        for at in 0..self.block.drives.len() {
            let Drive { target, body } = &self.block.drives[at];
            let role = self.block.scope.signals[*target].role;
            let connectable = matches!(role, Role::ChildInput | Role::RegisterClock | Role::RegisterReset);
            let [Stmt { kind: StmtKind::Assign { lsb: 0, value, .. }, .. }] = &body[..] else { continue };
            if !connectable || read.contains(target) {
                continue;
            }
            let text = match value {
                Expr::Signal { id, width } => {
                    self.used[*id] |= ones(*width);
                    self.name(*id).to_owned()
                }
                Expr::Const { value, width } => literal(value, *width),
                _ => continue,
            };
            connections.insert(*target, text);
        }
        connections
    }

    /// Hands the comments of statements that are not printed to the statement after them.
    fn move_comments(&self, drives: &mut [Drive], connections: &BTreeMap<SignalId, String>) {
        let mut lost: Vec<(usize, Vec<String>)> = vec![];
        for drive in drives.iter().filter(|drive| connections.contains_key(&drive.target)) {
            lost.extend(drive.body.iter().map(|stmt| (stmt.order, stmt.comments.clone())));
        }
        lost.sort();
        for (order, comments) in lost.into_iter().filter(|(_, comments)| !comments.is_empty()) {
            let printed = drives.iter_mut().filter(|drive| !connections.contains_key(&drive.target));
            let stmts = printed.flat_map(|drive| drive.body.iter_mut()).filter(|stmt| stmt.order > order);
            let Some(next) = stmts.map(|stmt| stmt.order).min() else { continue };
            let printed = drives.iter_mut().filter(|drive| !connections.contains_key(&drive.target));
            for stmt in printed.flat_map(|drive| drive.body.iter_mut()).filter(|stmt| stmt.order == next) {
                let own = std::mem::take(&mut stmt.comments);
                stmt.comments = comments.iter().cloned().chain(own).collect();
            }
        }
    }

    /// Where the kernel first says something about the signal, apart from "hold the value".
    fn first_own(&self, drive: &Drive) -> usize {
        let is_hold = |stmt: &Stmt| match stmt.kind {
            StmtKind::Assign { value: Expr::Signal { id, .. }, target, .. } => {
                self.block.registers.iter().any(|register| register.next == target && register.value == id)
            }
            _ => false,
        };
        let own = drive.body.iter().find(|stmt| !is_hold(stmt));
        own.or(drive.body.first()).map_or(0, |stmt| stmt.order)
    }

    // ---- logic ----

    fn drive(&mut self, drive: &Drive, out: &mut String, regs: &mut HashSet<SignalId>) -> Result<()> {
        self.current = Some(drive.target);
        let mut text = String::new();
        let head = self.leading_comments(drive);
        if let Some(value) = self.single_value(drive)? {
            let _ = writeln!(text, "    assign {} = {value};", self.name(drive.target));
        } else {
            regs.insert(drive.target);
            text += "    always @* begin\n";
            self.statements(&simplify(drive.body.clone()), 2, &mut text)?;
            text += "    end\n";
        }
        let pending = std::mem::take(&mut self.pending);
        // A block of several lines, or a new thought, stands apart.
        let apart = !head.is_empty() || text.lines().count() > 1;
        if !out.is_empty() && (apart || out.ends_with("    end\n")) {
            out.push('\n');
        }
        *out += &head;
        *out += &pending;
        *out += &text;
        self.current = None;
        Ok(())
    }

    /// The comments of the first statement that says something, for in front of the block.
    fn leading_comments(&mut self, drive: &Drive) -> String {
        let first = self.first_own(drive);
        match drive.body.iter().find(|stmt| stmt.order == first) {
            Some(stmt) => self.comments(stmt, 1),
            None => String::new(),
        }
    }

    fn comments(&mut self, stmt: &Stmt, indent: usize) -> String {
        if stmt.comments.is_empty() || !self.printed_comments.insert(stmt.order) {
            return String::new();
        }
        stmt.comments.iter().map(|text| comment(text, &"    ".repeat(indent), COLUMNS)).collect()
    }

    /// The value of a signal that needs no `always` block: one assignment, or one to each of its parts.
    fn single_value(&mut self, drive: &Drive) -> Result<Option<String>> {
        let width = self.block.scope.signals[drive.target].width;
        let mut parts = vec![];
        for stmt in &drive.body {
            match &stmt.kind {
                StmtKind::Assign { lsb, value, .. } if !value.reads_signal(drive.target) => {
                    parts.push((*lsb, value))
                }
                _ => return Ok(None),
            }
        }
        if let [(0, value)] = parts[..]
            && value.width() == width
        {
            return self.expr(value).map(Some);
        }
        parts.sort_by_key(|(lsb, _)| std::cmp::Reverse(*lsb));
        let mut end = width;
        for (lsb, value) in &parts {
            if lsb + value.width() != end {
                return Ok(None);
            }
            end = *lsb;
        }
        let parts = parts.into_iter().map(|(_, value)| self.expr(value)).collect::<Result<Vec<_>>>()?;
        Ok(Some(format!("{{\n        {}\n    }}", parts.join(",\n        "))))
    }

    fn statements(&mut self, block: &[Stmt], indent: usize, out: &mut String) -> Result<()> {
        let pad = "    ".repeat(indent);
        for stmt in block {
            *out += &self.comments(stmt, indent);
            match &stmt.kind {
                StmtKind::Assign { target, lsb, value, .. } => {
                    let line = self.assignment(*target, *lsb, value)?;
                    let _ = writeln!(out, "{pad}{line}");
                }
                StmtKind::If { condition, then, otherwise } => {
                    let short = match otherwise[..] {
                        [] => self.short_conditional(condition, then, indent)?,
                        _ => None,
                    };
                    out.push_str(&pad);
                    match short {
                        Some(line) => {
                            let _ = writeln!(out, "{line}");
                        }
                        None => self.conditional(condition, then, otherwise, indent, out)?,
                    }
                }
                StmtKind::Case { subject, arms, default } => {
                    self.case(subject, arms, default, indent, out)?
                }
            }
        }
        Ok(())
    }

    fn assignment(&mut self, target: SignalId, lsb: usize, value: &Expr) -> Result<String> {
        let width = self.block.scope.signals[target].width;
        let name = self.name(target).to_owned();
        if let Expr::ReplaceBit { base, index, bit } = value
            && matches!(**base, Expr::Signal { id, .. } if id == target)
        {
            let index = match index.value() {
                Some(value) => value.to_string(),
                None => self.expr(index)?,
            };
            return Ok(format!("{name}[{index}] = {};", self.expr(bit)?));
        }
        let part = if value.width() == width { String::new() } else { part(lsb, value.width()) };
        Ok(format!("{name}{part} = {};", self.expr(value)?))
    }

    /// Prints an `if` with its `else`; the line it starts on has its indentation already.
    fn conditional(
        &mut self,
        condition: &Expr,
        then: &[Stmt],
        otherwise: &[Stmt],
        indent: usize,
        out: &mut String,
    ) -> Result<()> {
        let pad = "    ".repeat(indent);
        let _ = writeln!(out, "if ({}) begin", self.expr(condition)?);
        self.statements(then, indent + 1, out)?;
        match otherwise {
            [] => {}
            [Stmt { kind: StmtKind::If { condition, then, otherwise }, comments, .. }]
                if comments.is_empty() =>
            {
                let _ = write!(out, "{pad}end else ");
                return self.conditional(condition, then, otherwise, indent, out);
            }
            _ => {
                let _ = writeln!(out, "{pad}end else begin");
                self.statements(otherwise, indent + 1, out)?;
            }
        }
        let _ = writeln!(out, "{pad}end");
        Ok(())
    }

    /// `if (condition) target = value;` where that is all and fits into a line.
    fn short_conditional(
        &mut self,
        condition: &Expr,
        then: &[Stmt],
        indent: usize,
    ) -> Result<Option<String>> {
        let [Stmt { kind: StmtKind::Assign { target, lsb, value, .. }, comments, .. }] = then else {
            return Ok(None);
        };
        if !comments.is_empty() {
            return Ok(None);
        }
        let line = format!("if ({}) {}", self.expr(condition)?, self.assignment(*target, *lsb, value)?);
        Ok((4 * indent + line.len() <= COLUMNS).then_some(line))
    }

    fn case(
        &mut self,
        subject: &Expr,
        arms: &[Arm],
        default: &Arm,
        indent: usize,
        out: &mut String,
    ) -> Result<()> {
        let pad = "    ".repeat(indent);
        let _ = writeln!(out, "{pad}case ({})", self.expr(subject)?);
        for arm in arms {
            // An arm without statements is needed only to keep its value from the default.
            if arm.body.is_empty() && default.body.is_empty() {
                continue;
            }
            let label = match &arm.label {
                Some(label) => self.expr(label)?,
                None => continue,
            };
            self.arm(&label, "", &arm.body, indent + 1, out)?;
        }
        let note = match &default.label {
            Some(Expr::Named { name, .. }) if !default.body.is_empty() => format!(" // {name}"),
            _ => String::new(),
        };
        self.arm("default", &note, &default.body, indent + 1, out)?;
        let _ = writeln!(out, "{pad}endcase");
        Ok(())
    }

    fn arm(&mut self, label: &str, note: &str, body: &[Stmt], indent: usize, out: &mut String) -> Result<()> {
        let pad = "    ".repeat(indent);
        if body.is_empty() {
            let _ = writeln!(out, "{pad}{label}: ;");
            return Ok(());
        }
        let _ = writeln!(out, "{pad}{label}: begin{note}");
        self.statements(body, indent + 1, out)?;
        let _ = writeln!(out, "{pad}end");
        Ok(())
    }

    // ---- expressions ----

    fn expr(&mut self, expr: &Expr) -> Result<String> {
        Ok(match expr {
            Expr::Const { value, width } => literal(value, *width),
            Expr::Named { name, value, width } => self.localparam(name, value, *width),
            Expr::Signal { id, width } => {
                self.used[*id] |= ones(*width);
                self.name(*id).to_owned()
            }
            Expr::Slice { base, lsb, width } => self.slice(base, *lsb, *width)?,
            Expr::Bit { base, index } => {
                let name = self.identifier(base, 0, base.width())?;
                format!("{name}[{}]", self.expr(index)?)
            }
            Expr::Concat(parts) => {
                let parts = parts.iter().map(|part| self.expr(part)).collect::<Result<Vec<_>>>()?;
                format!("{{{}}}", parts.join(", "))
            }
            Expr::Not(base) => {
                let operator = if base.width() == 1 { "!" } else { "~" };
                format!("{operator}{}", self.operand(base)?)
            }
            Expr::Reduce(reduction, base) => {
                let operator = match reduction {
                    Reduction::All => "&",
                    Reduction::Any => "|",
                    Reduction::Xor => "^",
                };
                format!("{operator}{}", self.operand(base)?)
            }
            Expr::ReplaceBit { base, index, bit } => self.replace_bit(base, index, bit)?,
            Expr::Binary { op, left, right, .. } => {
                let left_text = match &**left {
                    // The same associative operator again needs no parentheses on the left.
                    Expr::Binary { op: inner, .. } if inner == op && is_associative(*op) => {
                        self.expr(left)?
                    }
                    _ => self.operand(left)?,
                };
                let right_text = match (op, &**right) {
                    (BinaryOp::Shl | BinaryOp::Shr, Expr::Const { value, width }) => {
                        format!("{width}'d{value}")
                    }
                    _ => self.operand(right)?,
                };
                format!("{left_text} {} {right_text}", symbol(*op, left.width()))
            }
        })
    }

    /// The expression as an operand: in parentheses unless it is a unit of its own.
    fn operand(&mut self, expr: &Expr) -> Result<String> {
        let text = self.expr(expr)?;
        Ok(match expr {
            Expr::Binary { .. } | Expr::Reduce(..) | Expr::ReplaceBit { .. } => format!("({text})"),
            _ => text,
        })
    }

    fn slice(&mut self, base: &Expr, lsb: usize, width: usize) -> Result<String> {
        if base.width() == width {
            return self.expr(base);
        }
        let name = self.identifier(base, lsb, width)?;
        Ok(format!("{name}{}", part(lsb, width)))
    }

    fn replace_bit(&mut self, base: &Expr, index: &Expr, bit: &Expr) -> Result<String> {
        let width = base.width();
        match index.position() {
            Some(at) => {
                let mut parts = vec![];
                if at + 1 < width {
                    parts.push(self.slice(base, at + 1, width - at - 1)?);
                }
                parts.push(self.expr(bit)?);
                if at > 0 {
                    parts.push(self.slice(base, 0, at)?);
                }
                Ok(format!("{{{}}}", parts.join(", ")))
            }
            None => {
                let (base, index) = (self.operand(base)?, self.operand(index)?);
                let zeros = literal(&BigUint::ZERO, width - 1);
                let one = literal(&1_u8.into(), width);
                let bit = self.expr(bit)?;
                Ok(format!("({base} & ~({one} << {index})) | ({{{zeros}, {bit}}} << {index})"))
            }
        }
    }

    /// A name for the value, of which `width` bits from `lsb` on are wanted.
    fn identifier(&mut self, expr: &Expr, lsb: usize, width: usize) -> Result<String> {
        let bits = ones(width) << lsb;
        if let Expr::Signal { id, .. } = expr {
            self.used[*id] |= bits;
            return Ok(self.name(*id).to_owned());
        }
        let target = self.current.map_or("value", |id| &self.block.scope.signals[id].name).to_owned();
        if let Some(id) = self.current.filter(|id| expr.reads_signal(*id)) {
            // The wire would see the final value, not the one at this point of the kernel.
            let signal = self.block.scope.signals[id].rust_name();
            return Err(Problem::ReadBeforeWrite { target: signal.clone(), signal });
        }
        let at = match self.temp_by_value.get(expr) {
            Some(at) => *at,
            None => {
                let text = self.expr(expr)?;
                let name = self.block.scope.unique(&format!("{target}_part"));
                let _ = writeln!(self.pending, "    wire {}{name} = {text};", range(expr.width()));
                self.temps.push(Temp { name, width: expr.width(), used: BigUint::ZERO });
                self.temp_by_value.insert(expr.clone(), self.temps.len() - 1);
                self.temps.len() - 1
            }
        };
        self.temps[at].used |= bits;
        Ok(self.temps[at].name.clone())
    }

    /// The name of a constant; declares it when it is new.
    fn localparam(&mut self, wanted: &str, value: &BigUint, width: usize) -> String {
        let key = (wanted.to_owned(), value.clone(), width);
        if let Some(name) = self.localparam_names.get(&key) {
            return name.clone();
        }
        // The same constant at a second width says so.
        let known = self.localparam_names.keys().any(|(name, ..)| name == wanted);
        let name =
            self.block.scope.unique(&if known { format!("{wanted}_W{width}") } else { wanted.to_owned() });
        self.localparams.push(format!(
            "    localparam {}{name} = {};\n",
            range(width),
            literal(value, width)
        ));
        self.localparam_names.insert(key, name.clone());
        name
    }

    // ---- the other sections ----

    fn instances(&mut self, connections: &BTreeMap<SignalId, String>) -> String {
        let mut texts = vec![];
        for at in 0..self.block.children.len() {
            let child = &self.block.children[at];
            let mut pins = vec![];
            for (port, pin) in child.instance.ports().zip(&child.ports) {
                let Some(id) = self.block.scope.find(&format!("{}${}", child.instance.name, port.path))
                else {
                    continue;
                };
                let value = connections.get(&id).cloned().unwrap_or_else(|| self.name(id).to_owned());
                pins.push((pin.clone(), value));
            }
            let width = pins.iter().map(|(pin, _)| pin.len()).max().unwrap_or(0);
            let pins: Vec<String> =
                pins.iter().map(|(pin, value)| format!("        .{pin:width$} ({value})")).collect();
            let (module, wanted) = (child.module.clone(), verilog_name(&child.instance.name));
            let name = self.block.scope.unique(&wanted);
            texts.push(format!("    {module} {name} (\n{}\n    );\n", pins.join(",\n")));
        }
        texts.join("\n")
    }

    fn registers(&mut self, connections: &BTreeMap<SignalId, String>) -> String {
        // Registers with the same clock and reset share a block.
        let mut groups: Vec<((String, String), Vec<&Register>)> = vec![];
        for register in &self.block.registers {
            let pin =
                |id: SignalId| connections.get(&id).cloned().unwrap_or_else(|| self.name(id).to_owned());
            let key = (pin(register.clock), pin(register.reset));
            match groups.iter_mut().find(|(found, _)| *found == key) {
                Some((_, members)) => members.push(register),
                None => groups.push((key, vec![register])),
            }
        }
        let mut texts = vec![];
        for ((clock, reset), members) in groups {
            let mut text = format!("    always @(posedge {clock}) begin\n        if ({reset}) begin\n");
            for register in &members {
                let signal = &self.block.scope.signals[register.value];
                let initial = literal(&register.initial, signal.width);
                let _ = writeln!(text, "            {} <= {initial};", signal.name);
            }
            text += "        end else begin\n";
            for register in &members {
                let _ = writeln!(
                    text,
                    "            {} <= {};",
                    self.name(register.value),
                    self.name(register.next)
                );
            }
            text += "        end\n    end\n";
            texts.push(text);
        }
        texts.join("\n")
    }

    /// Local signals called `assert_*`, `assume_*` and `cover_*`, as properties for formal tools.
    fn formal(&mut self) -> String {
        let signals = &self.block.scope.signals;
        let properties: Vec<(&str, &str)> = signals
            .iter()
            .filter(|signal| signal.role == Role::Local && signal.width == 1)
            .filter_map(|signal| {
                let kind = ["assert", "assume", "cover"]
                    .into_iter()
                    .find(|kind| signal.path.strip_prefix(kind).is_some_and(|rest| rest.starts_with('_')))?;
                Some((kind, signal.name.as_str()))
            })
            .collect();
        let clock = signals.iter().find(|signal| signal.role == Role::Input && signal.is_clock);
        let reset = signals.iter().find(|signal| signal.role == Role::Input && signal.path == "rst");
        let (Some(clock), false) = (clock, properties.is_empty()) else { return String::new() };
        let started = match reset {
            Some(_) => "formal_started && !rst",
            None => "formal_started",
        };
        let mut text = "`ifdef FORMAL\n".to_owned();
        text += "    // Every trace starts with a reset; the properties hold from then on.\n";
        text += "    reg formal_started = 1'b0;\n";
        let _ = writeln!(text, "    always @(posedge {}) formal_started <= 1'b1;", clock.name);
        if reset.is_some() {
            text += "    always @* if (!formal_started) assume (rst);\n";
        }
        let _ = writeln!(text, "    always @(posedge {}) begin\n        if ({started}) begin", clock.name);
        for (kind, name) in properties {
            let _ = writeln!(text, "            {kind} ({name});");
        }
        text += "        end\n    end\n`endif\n";
        text
    }

    fn declarations(&mut self, connections: &BTreeMap<SignalId, String>, regs: &HashSet<SignalId>) -> String {
        let implied_resets: HashSet<SignalId> =
            self.block.registers.iter().map(|register| register.reset).collect();
        let mut text = String::new();
        for (id, signal) in self.block.scope.signals.iter().enumerate() {
            let declared = match signal.role {
                Role::Input | Role::Output => false,
                // The reset pin of a register that the port `rst` resets is no signal at all.
                Role::RegisterReset if !implied_resets.contains(&id) => false,
                _ => !connections.contains_key(&id),
            };
            if !declared {
                continue;
            }
            let doc = match signal.role {
                Role::Local => self.block.docs.signal(self.block.sources, &signal.path),
                Role::RegisterNext => self.block.docs.field(&signal.path),
                _ => String::new(),
            };
            text += &comment(&doc, "    ", COLUMNS);
            let is_variable = regs.contains(&id) || signal.role == Role::RegisterValue;
            let kind = match (is_variable, signal.width) {
                (false, _) => "wire",
                (true, 1) => "reg",
                (true, _) => "reg ",
            };
            let _ = writeln!(text, "    {kind} {}{};", range(signal.width), signal.name);
        }
        text
    }

    /// Reads what nothing else reads, so that a linter knows it is on purpose.
    fn unused(&mut self) -> String {
        for register in &self.block.registers {
            self.used[register.reset] |= ones(1);
        }
        let mut unused = vec![];
        for (signal, used) in self.block.scope.signals.iter().zip(&self.used) {
            if matches!(signal.role, Role::Input | Role::Local | Role::ChildOutput | Role::RegisterValue) {
                missing_parts(&signal.name, signal.width, used, &mut unused);
            }
        }
        for temp in &self.temps {
            missing_parts(&temp.name, temp.width, &temp.used, &mut unused);
        }
        if unused.is_empty() {
            return String::new();
        }
        let name = self.block.scope.unique("unused_ok");
        let list: Vec<String> = unused.iter().map(|part| format!("        {part},\n")).collect();
        format!(
            "    // Nothing reads these bits, on purpose.\n    wire {name} = &{{1'b0,\n{}        1'b0}};\n",
            list.concat()
        )
    }
}

/// The parts of a signal that are not in `used`.
fn missing_parts(name: &str, width: usize, used: &BigUint, parts: &mut Vec<String>) {
    if used.count_ones() == 0 {
        parts.push(name.to_owned());
        return;
    }
    let mut lsb = 0;
    while lsb < width {
        let end = (lsb..width).find(|&bit| used.bit(bit as u64)).unwrap_or(width);
        if end > lsb {
            parts.push(format!("{name}{}", part(lsb, end - lsb)));
        }
        lsb = end + 1;
    }
}

fn visit_expressions(block: &[Stmt], visit: &mut dyn FnMut(&Expr)) {
    for stmt in block {
        match &stmt.kind {
            StmtKind::Assign { value, .. } => visit(value),
            StmtKind::If { condition, then, otherwise } => {
                visit(condition);
                visit_expressions(then, visit);
                visit_expressions(otherwise, visit);
            }
            StmtKind::Case { subject, arms, default } => {
                visit(subject);
                arms.iter().chain([default]).for_each(|arm| visit_expressions(&arm.body, visit));
            }
        }
    }
}

fn is_associative(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::Add | BinaryOp::And | BinaryOp::Or | BinaryOp::Xor)
}

/// The operator's sign; conditions read as such.
fn symbol(op: BinaryOp, width: usize) -> &'static str {
    match (op, width) {
        (BinaryOp::And, 1) => "&&",
        (BinaryOp::Or, 1) => "||",
        (BinaryOp::Add, _) => "+",
        (BinaryOp::Sub, _) => "-",
        (BinaryOp::Mul, _) => "*",
        (BinaryOp::And, _) => "&",
        (BinaryOp::Or, _) => "|",
        (BinaryOp::Xor, _) => "^",
        (BinaryOp::Shl, _) => "<<",
        (BinaryOp::Shr, _) => ">>",
        (BinaryOp::Eq, _) => "==",
        (BinaryOp::Ne, _) => "!=",
        (BinaryOp::Lt, _) => "<",
        (BinaryOp::Le, _) => "<=",
        (BinaryOp::Gt, _) => ">",
        (BinaryOp::Ge, _) => ">=",
    }
}

/// `[7:4]`, or `[4]` for a single bit.
fn part(lsb: usize, width: usize) -> String {
    if width == 1 { format!("[{lsb}]") } else { format!("[{}:{lsb}]", lsb + width - 1) }
}

/// A sized literal: decimal below ten, else hexadecimal; many ones as a repetition.
pub(crate) fn literal(value: &BigUint, width: usize) -> String {
    if width == 1 {
        format!("1'b{value}")
    } else if *value < BigUint::from(10_u8) {
        format!("{width}'d{value}")
    } else if width > 16 && *value == ones(width) {
        format!("{{{width}{{1'b1}}}}")
    } else {
        format!("{width}'h{value:x}")
    }
}

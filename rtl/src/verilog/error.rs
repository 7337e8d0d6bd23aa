//! What can be wrong with a design, said with the block and the name it is about.

use crate::prim::PrimitiveError;

/// A block that cannot be written as Verilog that means the same as its kernel.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("block {block}: {problem}")]
pub struct WriterError {
    /// Where in the design: instance names from the top, separated by dots.
    pub block: String,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong in a block.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Problem {
    /// A construct outside the subset the writer translates.
    #[error("{construct} is not supported")]
    Unsupported {
        /// The construct.
        construct: String,
    },
    /// The first statement of the kernel is not `comment!("module NAME")`.
    #[error("the kernel does not start with comment!(\"module NAME\")")]
    NoModuleName,
    /// A name that is no signal, loop variable, enum variant or named constant.
    #[error("unknown name `{name}`")]
    UnknownName {
        /// The name as the kernel writes it.
        name: String,
    },
    /// A name with two meanings.
    #[error("`{name}` has two meanings here")]
    AmbiguousName {
        /// The name as the kernel writes it.
        name: String,
    },
    /// Two operands, or a value and its target, of different width.
    #[error("`{expression}` is {found} bits wide where {expected} are needed")]
    Width {
        /// The expression.
        expression: String,
        /// The width its context asks for.
        expected: usize,
        /// The width it has.
        found: usize,
    },
    /// An expression made of literals only, where nothing says how wide it is.
    #[error("nothing gives `{expression}` a width")]
    NoWidth {
        /// The expression.
        expression: String,
    },
    /// A literal that its context cannot hold.
    #[error("{value} does not fit into {width} bits")]
    LiteralTooWide {
        /// The literal.
        value: String,
        /// The width of its context.
        width: usize,
    },
    /// Arithmetic whose width depends on where `.index()` stands, which the kernel's syntax tree does not tell.
    #[error("`{expression}` could mean wrapping or unbounded arithmetic; assign it to a local signal first")]
    AmbiguousArithmetic {
        /// The expression.
        expression: String,
    },
    /// An array index or range that is not constant.
    #[error("`{expression}` is not a constant")]
    NotConstant {
        /// The expression.
        expression: String,
    },
    /// An assignment to something the block does not drive.
    #[error("`{signal}` is not the kernel's to assign")]
    NotAssignable {
        /// The signal.
        signal: String,
    },
    /// Something is driven by a join or link and again by another statement.
    #[error("`{signal}` has more than one driver")]
    MultipleDrivers {
        /// The signal.
        signal: String,
    },
    /// An output, a local signal or a sub-block's input that is never assigned.
    #[error("`{signal}` is never assigned")]
    Undriven {
        /// The signal.
        signal: String,
    },
    /// A signal that keeps its old value on some path.
    #[error("`{signal}` is not assigned on every path ({missing} of its bits): give it a default first")]
    Latch {
        /// The signal.
        signal: String,
        /// How many bits are left out.
        missing: u64,
    },
    /// A signal whose value is used before the last statement that assigns it.
    #[error("`{signal}` is read for `{target}` before its last assignment")]
    ReadBeforeWrite {
        /// The signal that is read.
        signal: String,
        /// The signal whose value depends on it.
        target: String,
    },
    /// A register in a block without a port `rst`, or without a reset of its own.
    #[error("register `{register}` has no reset: the block has no port `rst`")]
    NoReset {
        /// The register.
        register: String,
    },
    /// A register whose clock is not an input of the block.
    #[error("register `{register}` is not clocked by an input of the block")]
    NoClock {
        /// The register.
        register: String,
    },
    /// Hand-written Verilog of unknown origin.
    #[error(transparent)]
    Primitive(#[from] PrimitiveError),
}

/// The result of a step that knows what is wrong but not yet where.
pub(crate) type Result<T> = std::result::Result<T, Problem>;

pub(crate) fn unsupported<T>(construct: impl Into<String>) -> Result<T> {
    Err(Problem::Unsupported { construct: construct.into() })
}

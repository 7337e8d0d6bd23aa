//! What a primitive tells the Verilog writer.
//!
//! rust-hdl gives hand-written hardware one channel: a string in [`Verilog::Custom`]. This file is the only place that
//! knows how a [`Primitive`] travels in that string.

use num_bigint::BigUint;
use rust_hdl_core::prelude::*;

/// A leaf of the design that is not a kernel.
#[derive(Clone, Debug, PartialEq)]
pub enum Primitive {
    /// A register. The writer inlines it into the block that owns it.
    Register {
        /// The value after reset.
        reset: BigUint,
    },
    /// A module with a hand-written body.
    Module {
        /// The module's name without the `tideline_` prefix.
        name: String,
        /// The parameters that shaped the body, for the banner and to tell variants apart.
        parameters: Vec<(String, u64)>,
        /// What stands between the port list and `endmodule`, unindented. Outputs are variables (`output reg`).
        body: String,
    },
}

/// A string in [`Verilog::Custom`] that no primitive of this crate wrote.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("hand-written Verilog that starts with {first_line:?} is not from a primitive of this crate")]
pub struct PrimitiveError {
    /// The line that was not understood.
    pub first_line: String,
}

impl Primitive {
    /// A register with the given reset value.
    pub fn register<T: Synth>(reset: T) -> Self {
        Primitive::Register { reset: literal_value(&reset.verilog()) }
    }

    /// A module with a hand-written body.
    pub fn module(name: &str, parameters: &[(&str, usize)], body: String) -> Self {
        let parameters = parameters.iter().map(|&(name, value)| (name.to_owned(), value as u64)).collect();
        Primitive::Module { name: name.to_owned(), parameters, body }
    }

    /// Packs the description for [`Logic::hdl`].
    pub fn into_hdl(self) -> Verilog {
        Verilog::Custom(match self {
            Primitive::Register { reset } => format!("register {reset}"),
            Primitive::Module { name, parameters, body } => {
                let mut head = format!("module {name}");
                for (name, value) in parameters {
                    head += &format!(" {name}={value}");
                }
                format!("{head}\n{body}")
            }
        })
    }

    /// Unpacks a string made by [`Primitive::into_hdl`].
    ///
    /// # Errors
    /// If the string has another origin.
    pub fn parse(custom: &str) -> Result<Self, PrimitiveError> {
        let (head, body) = custom.split_once('\n').unwrap_or((custom, ""));
        let unknown = || PrimitiveError { first_line: head.to_owned() };
        let mut words = head.split(' ');
        match (words.next(), words.next()) {
            (Some("register"), Some(reset)) => {
                Ok(Primitive::Register { reset: reset.parse().map_err(|_| unknown())? })
            }
            (Some("module"), Some(name)) => {
                let parameters = words
                    .map(|word| {
                        let (name, value) = word.split_once('=').ok_or_else(unknown)?;
                        Ok((name.to_owned(), value.parse().map_err(|_| unknown())?))
                    })
                    .collect::<Result<_, PrimitiveError>>()?;
                Ok(Primitive::Module { name: name.to_owned(), parameters, body: body.to_owned() })
            }
            _ => Err(unknown()),
        }
    }
}

/// The value of a rust-hdl literal; its fields are private, its hexadecimal form (`8'h2a`) is not.
pub(crate) fn literal_value(literal: &VerilogLiteral) -> BigUint {
    let text = format!("{literal:x}");
    let digits = text.split_once("'h").map_or("0", |(_, digits)| digits);
    BigUint::parse_bytes(digits.as_bytes(), 16).unwrap_or_default()
}

/// `[7:0] ` for a width of 8, nothing for a single bit.
pub(crate) fn range(width: usize) -> String {
    if width == 1 { String::new() } else { format!("[{}:0] ", width - 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_the_string() {
        let primitives = [
            Primitive::register::<Bits<100>>(bits(7)),
            Primitive::module("ram", &[("width", 8), ("depth", 16)], "a\nb\n".into()),
            Primitive::module("bare", &[], String::new()),
        ];
        for primitive in primitives {
            let Verilog::Custom(text) = primitive.clone().into_hdl() else { panic!("custom text") };
            assert_eq!(Primitive::parse(&text), Ok(primitive));
        }
    }

    #[test]
    fn refuses_strangers() {
        for text in ["", "always @*", "register", "register x", "module m width", "module m width=x"] {
            assert!(Primitive::parse(text).is_err(), "{text:?}");
        }
    }
}

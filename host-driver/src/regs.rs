//! Register dump: every register, its value and its fields.

use crate::carrier::{Carrier, CarrierError};
use std::fmt;
use tideline_abi::regs::{Access, Field, REGISTERS, Register};

/// A register and what it read.
#[derive(Clone, Copy, Debug)]
pub struct RegisterValue {
    /// The register.
    pub register: &'static Register,
    /// Its value; zero for write-only ones, which are not read.
    pub value: u32,
}

impl RegisterValue {
    /// The fields and their values, ascending.
    pub fn fields(&self) -> impl Iterator<Item = (&'static Field, u32)> + use<> {
        let value = self.value;
        self.register.fields.iter().map(move |f| (f, value >> f.lsb & (u32::MAX >> (32 - f.width))))
    }
}

/// One line: offset, name, value, and the fields where there is more than one.
impl fmt::Display for RegisterValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let r = self.register;
        if r.access == Access::Wo {
            return write!(f, "{:#05x} {:<15} (write only)", r.offset, r.name);
        }
        write!(f, "{:#05x} {:<15} {:#010x}", r.offset, r.name, self.value)?;
        if r.fields.len() > 1 {
            for (field, value) in self.fields() {
                write!(f, " {}={value:#x}", field.name)?;
            }
        }
        Ok(())
    }
}

/// Reads every register of a device, opened or not. Reading changes nothing.
///
/// # Errors
/// The carrier's.
pub fn dump<C: Carrier + ?Sized>(carrier: &mut C) -> Result<Vec<RegisterValue>, CarrierError> {
    let read = |register: &'static Register| {
        let value = if register.access == Access::Wo { 0 } else { carrier.read32(register.offset)? };
        Ok(RegisterValue { register, value })
    };
    REGISTERS.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tideline_abi::regs::by_name;

    #[test]
    fn fields_are_decoded() {
        let status = RegisterValue { register: by_name("STATUS").unwrap(), value: 0b101 };
        assert_eq!(
            status.to_string(),
            "0x048 STATUS          0x00000005 ready=0x1 busy=0x0 result=0x1 tables=0x0 log=0x0"
        );
        let reset = RegisterValue { register: by_name("RESET").unwrap(), value: 0 };
        assert_eq!(reset.to_string(), "0x044 RESET           (write only)");
    }
}

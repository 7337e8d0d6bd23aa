//! The PCI function: configuration space, BARs, MSI-X.
//!
//! One table says what configuration space holds; from it come the server's answers, the carriers' offsets and the
//! documentation. Layouts as in the PCI Express Base Specification 6.0, sections 7.5.1 (header), 7.5.3 (PCI Express
//! capability), 7.7.2 (MSI-X) and 7.9.4 (vendor-specific capability). A table that overlaps, is misaligned, has a value
//! outside its register or a capability list that leads astray does not compile.

use crate::geometry::{WINDOW_BYTES, WINDOW_PAGES};
use crate::regs::{BAR0_BYTES, Field};

/// Bytes of configuration space.
pub const CONFIG_BYTES: usize = 4096;
/// Vendor. Nobody assigned it: who builds boards puts an own one here.
pub const VENDOR: u16 = 0x1234;
/// Device.
pub const DEVICE: u16 = 0x7d11;
/// Class 05 (memory controller), subclass 80 (other), interface 00.
pub const CLASS: u32 = 0x05_80_00;
/// MSI-X vectors: one per bit of INTR_STATE.
pub const VECTORS: u32 = 4;
/// Bytes of an entry of the MSI-X table.
pub const MSIX_ENTRY_BYTES: u64 = 16;
/// Where the MSI-X table begins in its BAR.
pub const MSIX_TABLE: u64 = 0;
/// Where the array of pending bits begins in the same BAR.
pub const MSIX_PENDING: u64 = 0x800;

/// A base address register and what it gives access to. All are 64 bits wide and take two registers.
#[derive(Clone, Copy, Debug)]
pub struct Bar {
    /// Number of the lower register.
    pub index: u32,
    /// Bytes, a power of two.
    pub bytes: u64,
    /// Reading has no side effects, writes may be merged.
    pub prefetchable: bool,
    /// One sentence.
    pub doc: &'static str,
}

/// The registers.
pub const REGISTER_BAR: Bar =
    Bar { index: 0, bytes: BAR0_BYTES as u64, prefetchable: false, doc: "The registers." };
/// The line window.
pub const WINDOW_BAR: Bar = Bar {
    index: 2,
    bytes: WINDOW_BYTES,
    prefetchable: true,
    doc: "The window: byte n of it is byte n from WINDOW_BASE on.",
};
/// MSI-X.
pub const MSIX_BAR: Bar = Bar {
    index: 4,
    bytes: 4096,
    prefetchable: false,
    doc: "The MSI-X table at 0x000 and its pending bits at 0x800.",
};
/// Every BAR, ascending.
pub const BARS: &[Bar] = &[REGISTER_BAR, WINDOW_BAR, MSIX_BAR];

impl Bar {
    /// Bits of the lower register that say what kind of BAR it is: memory, 64 bits, perhaps prefetchable.
    const fn kind(&self) -> u32 {
        0b100 | (self.prefetchable as u32) << 3
    }

    /// Bits of the address that can be written: the rest tells the size.
    const fn address_mask(&self) -> u64 {
        !(self.bytes - 1)
    }
}

/// A register of configuration space.
#[derive(Clone, Copy, Debug)]
pub struct ConfigRegister {
    /// Name.
    pub name: &'static str,
    /// Byte offset.
    pub offset: usize,
    /// Bytes: 1, 2 or 4.
    pub bytes: usize,
    /// Value after a reset.
    pub reset: u32,
    /// Bits that keep what is written to them.
    pub writable: u32,
    /// One sentence.
    pub doc: &'static str,
    /// Fields worth a name, ascending.
    pub fields: &'static [Field],
}

impl ConfigRegister {
    /// Bits that the register has.
    pub const fn mask(&self) -> u32 {
        u32::MAX >> (32 - 8 * self.bytes as u32)
    }
}

macro_rules! config_space {
    ( $( $(#[doc = $doc:literal])+ $name:ident @ $offset:literal [$bytes:literal] = $reset:expr, writable $writable:expr; {
        $( $(#[doc = $fdoc:literal])+ $field:ident, $konst:ident [$lsb:literal; $width:literal] )*
    } )+ ) => {
        /// Configuration space: every register, ascending. What is not listed reads as zero.
        pub const CONFIG_SPACE: &[ConfigRegister] = &[ $( ConfigRegister {
            name: stringify!($name), offset: $offset, bytes: $bytes, reset: $reset, writable: $writable,
            doc: concat!($($doc),+),
            fields: &[ $( Field {
                name: stringify!($field), lsb: $lsb, width: $width, doc: concat!($($fdoc),+),
            }, )* ],
        }, )+ ];
        const _: () = check(CONFIG_SPACE, CAPABILITIES);

        /// Byte offsets of the registers of configuration space.
        pub mod config {
            $( $(#[doc = $doc])+ pub const $name: usize = $offset; )+
        }

        /// Lowest bits of the fields of configuration space.
        pub mod config_bit {
            $( $( $(#[doc = $fdoc])+ pub const $konst: u32 = $lsb; )* )+
        }
    };
}

/// A capability of configuration space.
#[derive(Clone, Copy, Debug)]
pub struct ConfigCapability {
    /// Byte offset.
    pub offset: usize,
    /// Identifier.
    pub id: u8,
    /// Bytes.
    pub bytes: usize,
    /// One sentence.
    pub doc: &'static str,
}

/// The capabilities, in the order of the list.
pub const CAPABILITIES: &[ConfigCapability] = &[
    ConfigCapability { offset: 0x40, id: 0x11, bytes: 12, doc: "MSI-X." },
    ConfigCapability { offset: 0x50, id: 0x09, bytes: 16, doc: "Vendor specific: sizes of this device." },
    ConfigCapability { offset: 0x60, id: 0x10, bytes: 60, doc: "PCI Express." },
];

config_space! {
    /// Vendor.
    VENDOR_ID @ 0x00 [2] = VENDOR as u32, writable 0; {}
    /// Device.
    DEVICE_ID @ 0x02 [2] = DEVICE as u32, writable 0; {}
    /// What the function may do.
    COMMAND @ 0x04 [2] = 0, writable 0x0546; {
        /// Answers accesses to its BARs.
        memory, COMMAND_MEMORY [1; 1]
        /// May access memory and send MSI-X messages.
        bus_master, COMMAND_BUS_MASTER [2; 1]
        /// May not use INTx: it has none.
        interrupt_disable, COMMAND_INTERRUPT_DISABLE [10; 1]
    }
    /// Status.
    STATUS @ 0x06 [2] = 1 << 4, writable 0; {
        /// There is a list of capabilities.
        capabilities, STATUS_CAPABILITIES [4; 1]
    }
    /// Revision of the function.
    REVISION @ 0x08 [1] = 1, writable 0; {}
    /// Programming interface.
    INTERFACE @ 0x09 [1] = CLASS & 0xff, writable 0; {}
    /// Subclass: other.
    SUBCLASS @ 0x0a [1] = CLASS >> 8 & 0xff, writable 0; {}
    /// Base class: memory controller.
    BASE_CLASS @ 0x0b [1] = CLASS >> 16, writable 0; {}
    /// Cache line size: kept for software, without effect.
    CACHE_LINE @ 0x0c [1] = 0, writable 0xff; {}
    /// Header type 0: an endpoint with one function.
    HEADER_TYPE @ 0x0e [1] = 0, writable 0; {}
    /// BAR0, the registers, low half.
    BAR0 @ 0x10 [4] = REGISTER_BAR.kind(), writable REGISTER_BAR.address_mask() as u32; {}
    /// BAR0, high half.
    BAR1 @ 0x14 [4] = 0, writable (REGISTER_BAR.address_mask() >> 32) as u32; {}
    /// BAR2, the window, low half.
    BAR2 @ 0x18 [4] = WINDOW_BAR.kind(), writable WINDOW_BAR.address_mask() as u32; {}
    /// BAR2, high half.
    BAR3 @ 0x1c [4] = 0, writable (WINDOW_BAR.address_mask() >> 32) as u32; {}
    /// BAR4, MSI-X, low half.
    BAR4 @ 0x20 [4] = MSIX_BAR.kind(), writable MSIX_BAR.address_mask() as u32; {}
    /// BAR4, high half.
    BAR5 @ 0x24 [4] = 0, writable (MSIX_BAR.address_mask() >> 32) as u32; {}
    /// Vendor of the card.
    SUBSYSTEM_VENDOR_ID @ 0x2c [2] = VENDOR as u32, writable 0; {}
    /// Card.
    SUBSYSTEM_ID @ 0x2e [2] = 1, writable 0; {}
    /// Offset of the first capability.
    CAP_POINTER @ 0x34 [1] = 0x40, writable 0; {}
    /// Interrupt line: kept for software, without effect.
    INTERRUPT_LINE @ 0x3c [1] = 0, writable 0xff; {}
    /// INTx pin: none.
    INTERRUPT_PIN @ 0x3d [1] = 0, writable 0; {}

    /// MSI-X capability: identifier.
    MSIX_ID @ 0x40 [1] = 0x11, writable 0; {}
    /// Offset of the next capability.
    MSIX_NEXT @ 0x41 [1] = 0x50, writable 0; {}
    /// MSI-X control.
    MSIX_CONTROL @ 0x42 [2] = VECTORS - 1, writable 0xc000; {
        /// Vectors, minus one.
        table_size, MSIX_TABLE_SIZE [0; 11]
        /// All vectors are masked.
        function_mask, MSIX_FUNCTION_MASK [14; 1]
        /// MSI-X is in use.
        enable, MSIX_ENABLE [15; 1]
    }
    /// Where the MSI-X table is: offset and BAR.
    MSIX_TABLE_AT @ 0x44 [4] = MSIX_TABLE as u32 | MSIX_BAR.index, writable 0; {}
    /// Where the pending bits are: offset and BAR.
    MSIX_PENDING_AT @ 0x48 [4] = MSIX_PENDING as u32 | MSIX_BAR.index, writable 0; {}

    /// Vendor-specific capability: identifier.
    VENDOR_CAP_ID @ 0x50 [1] = 0x09, writable 0; {}
    /// Offset of the next capability.
    VENDOR_CAP_NEXT @ 0x51 [1] = 0x60, writable 0; {}
    /// Bytes of the capability.
    VENDOR_CAP_LENGTH @ 0x52 [1] = 16, writable 0; {}
    /// Version of the capability.
    VENDOR_CAP_VERSION @ 0x53 [1] = 1, writable 0; {}
    /// Frames of device memory on this board: filled in by it. Software gives some to MAP and some to the spool.
    DEVICE_FRAMES @ 0x54 [4] = 0, writable 0; {}
    /// Pages of the window behind BAR2.
    DEVICE_WINDOW_PAGES @ 0x58 [4] = WINDOW_PAGES as u32, writable 0; {}

    /// PCI Express capability: identifier.
    EXPRESS_ID @ 0x60 [1] = 0x10, writable 0; {}
    /// Offset of the next capability: none.
    EXPRESS_NEXT @ 0x61 [1] = 0, writable 0; {}
    /// PCI Express capabilities: version 2, an endpoint.
    EXPRESS_CAPABILITIES @ 0x62 [2] = 2, writable 0; {}
    /// Device capabilities: payloads of 128 bytes, role-based error reporting, function level reset.
    DEVICE_CAPABILITIES @ 0x64 [4] = 1 << 15 | 1 << 28, writable 0; {
        /// Role-based error reporting.
        role_based_errors, DEVCAP_ROLE_BASED_ERRORS [15; 1]
        /// The function can be reset alone.
        flr, DEVCAP_FLR [28; 1]
    }
    /// Device control.
    DEVICE_CONTROL @ 0x68 [2] = 0x2810, writable 0x78ff; {
        /// Function level reset begins when 1 is written. Reads as zero.
        flr, DEVCTL_FLR [15; 1]
    }
    /// Device status.
    DEVICE_STATUS @ 0x6a [2] = 0, writable 0; {}
    /// Link capabilities: 2.5 GT/s, one lane.
    LINK_CAPABILITIES @ 0x6c [4] = 0x0040_0011, writable 0; {}
    /// Link control.
    LINK_CONTROL @ 0x70 [2] = 0, writable 0x00c0; {}
    /// Link status: 2.5 GT/s, one lane.
    LINK_STATUS @ 0x72 [2] = 0x0011, writable 0; {}
    /// Device capabilities 2.
    DEVICE_CAPABILITIES_2 @ 0x84 [4] = 0, writable 0; {}
    /// Link capabilities 2: 2.5 GT/s.
    LINK_CAPABILITIES_2 @ 0x8c [4] = 0x0000_0002, writable 0; {}
    /// Link control 2: aims at 2.5 GT/s.
    LINK_CONTROL_2 @ 0x90 [2] = 0x0001, writable 0; {}
}

/// The reset value of the byte at an offset of configuration space.
const fn reset_byte(registers: &[ConfigRegister], offset: usize) -> u8 {
    let mut i = 0;
    while i < registers.len() {
        let r = &registers[i];
        if r.offset <= offset && offset < r.offset + r.bytes {
            return (r.reset >> (8 * (offset - r.offset))) as u8;
        }
        i += 1;
    }
    0
}

const fn check(registers: &[ConfigRegister], capabilities: &[ConfigCapability]) {
    let mut end = 0;
    let mut i = 0;
    while i < registers.len() {
        let r = &registers[i];
        assert!(matches!(r.bytes, 1 | 2 | 4), "a register has 1, 2 or 4 bytes");
        assert!(r.offset.is_multiple_of(r.bytes), "a register is not aligned to its size");
        assert!(r.offset >= end, "two registers overlap or are out of order");
        end = r.offset + r.bytes;
        assert!(end <= CONFIG_BYTES, "a register lies outside configuration space");
        assert!((r.reset | r.writable) & !r.mask() == 0, "a value does not fit its register");
        let mut k = 0;
        let mut bit = 0;
        while k < r.fields.len() {
            let f = &r.fields[k];
            assert!(f.lsb >= bit && f.width >= 1, "two fields overlap or are out of order");
            bit = f.lsb + f.width;
            assert!(bit as usize <= 8 * r.bytes, "a field leaves its register");
            k += 1;
        }
        i += 1;
    }
    // The list in the registers is the list of capabilities, each behind the one before it.
    let mut next = reset_byte(registers, 0x34) as usize;
    let mut end = 0x40;
    let mut i = 0;
    while i < capabilities.len() {
        let c = &capabilities[i];
        assert!(next == c.offset, "the list of capabilities leads astray");
        assert!(c.offset >= end && c.offset.is_multiple_of(4), "two capabilities overlap");
        assert!(reset_byte(registers, c.offset) == c.id, "a capability has another identifier");
        next = reset_byte(registers, c.offset + 1) as usize;
        end = c.offset + c.bytes;
        i += 1;
    }
    assert!(next == 0 && end <= 0x100, "the list of capabilities does not end");
}

const _: () = {
    let mut i = 0;
    while i < BARS.len() {
        assert!(BARS[i].bytes.is_power_of_two() && BARS[i].bytes >= 16, "no size of a BAR");
        assert!(BARS[i].index.is_multiple_of(2) && BARS[i].index < 6, "no 64-bit BAR");
        i += 1;
    }
    assert!(MSIX_TABLE + VECTORS as u64 * MSIX_ENTRY_BYTES <= MSIX_PENDING);
    assert!(MSIX_PENDING + 8 <= MSIX_BAR.bytes && VECTORS <= 64);
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::regs::{REGISTERS, reg};

    const GOOD: ConfigRegister =
        ConfigRegister { name: "R", offset: 0, bytes: 2, reset: 0, writable: 0, doc: "", fields: &[] };
    const FIELD: Field = Field { name: "f", lsb: 8, width: 8, doc: "" };

    fn refused(registers: &'static [ConfigRegister], capabilities: &'static [ConfigCapability]) -> bool {
        std::panic::catch_unwind(|| check(registers, capabilities)).is_err()
    }

    #[test]
    fn a_bad_space_does_not_compile() {
        assert!(!refused(&[GOOD], &[]));
        assert!(refused(&[ConfigRegister { offset: 1, ..GOOD }], &[]), "misaligned");
        assert!(refused(&[ConfigRegister { bytes: 3, ..GOOD }], &[]), "three bytes");
        assert!(refused(&[GOOD, GOOD], &[]), "overlap");
        assert!(refused(&[ConfigRegister { offset: CONFIG_BYTES, ..GOOD }], &[]), "outside");
        assert!(refused(&[ConfigRegister { reset: 0x1_0000, ..GOOD }], &[]), "reset too wide");
        assert!(refused(&[ConfigRegister { writable: 0x1_0000, ..GOOD }], &[]), "mask too wide");
        assert!(refused(&[ConfigRegister { fields: &[FIELD, FIELD], ..GOOD }], &[]), "fields overlap");
        assert!(refused(&[ConfigRegister { bytes: 1, fields: &[FIELD], ..GOOD }], &[]), "field outside");
        let (shorter, rest) = CAPABILITIES.split_last().unwrap();
        assert!(refused(CONFIG_SPACE, rest), "the list goes on");
        assert!(refused(CONFIG_SPACE, &[]), "nothing in the list");
        assert_eq!(shorter.id, 0x10);
    }

    #[test]
    fn there_is_a_vector_for_each_interrupt() {
        assert_eq!(REGISTERS[reg::INTR_STATE].mask(), (1 << VECTORS) - 1);
        assert_eq!(MSIX_BAR.bytes, 4096);
    }
}

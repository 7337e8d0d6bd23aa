//! Configuration space: what it holds, and what a write of it does.

use tideline_abi::pci::{CONFIG_BYTES, CONFIG_SPACE, VECTORS, config, config_bit};

/// The configuration space of the function, made from the table of `tideline_abi::pci`.
///
/// ```
/// use tideline_abi::pci::config;
/// let mut space = tideline_serve::ConfigSpace::new(80_000);
/// space.write(config::BAR2, &[0xff; 8]);
/// let mut size = [0; 8];
/// space.read(config::BAR2, &mut size);
/// assert_eq!(u64::from_le_bytes(size) & !0xf, !(256 << 20) + 1, "256 MiB");
/// ```
#[derive(Clone, Debug)]
pub struct ConfigSpace {
    bytes: Box<[u8; CONFIG_BYTES]>,
    writable: Box<[u8; CONFIG_BYTES]>,
    frames: u32,
}

impl ConfigSpace {
    /// As after power-on, on a board with so many frames of device memory.
    pub fn new(frames: u32) -> Self {
        let mut writable = Box::new([0; CONFIG_BYTES]);
        for r in CONFIG_SPACE {
            writable[r.offset..r.offset + r.bytes].copy_from_slice(&r.writable.to_le_bytes()[..r.bytes]);
        }
        let mut space = Self { bytes: Box::new([0; CONFIG_BYTES]), writable, frames };
        space.reset();
        space
    }

    /// Back to the reset values.
    pub fn reset(&mut self) {
        for r in CONFIG_SPACE {
            self.bytes[r.offset..r.offset + r.bytes].copy_from_slice(&r.reset.to_le_bytes()[..r.bytes]);
        }
        let at = config::DEVICE_FRAMES;
        self.bytes[at..at + 4].copy_from_slice(&self.frames.to_le_bytes());
    }

    /// Reads bytes; those beyond the end read as zero.
    pub fn read(&self, offset: usize, buf: &mut [u8]) {
        for (i, byte) in buf.iter_mut().enumerate() {
            *byte = self.bytes.get(offset + i).copied().unwrap_or(0);
        }
    }

    /// Writes the bits that can be written. True if a function level reset was asked for: it is up to the caller.
    #[must_use]
    pub fn write(&mut self, offset: usize, data: &[u8]) -> bool {
        for (byte, at) in data.iter().zip(offset..CONFIG_BYTES) {
            let mask = self.writable[at];
            self.bytes[at] = self.bytes[at] & !mask | byte & mask;
        }
        // The bit is not among the writable ones, so that it reads as zero.
        const FLR: usize = config::DEVICE_CONTROL + 1;
        let flr = FLR.checked_sub(offset).and_then(|i| data.get(i));
        flr.is_some_and(|byte| byte >> (config_bit::DEVCTL_FLR - 8) & 1 == 1)
    }

    /// The function answers accesses to its BARs.
    pub fn memory_enabled(&self) -> bool {
        self.bit(config::COMMAND, config_bit::COMMAND_MEMORY)
    }

    /// The function may access memory.
    pub fn is_bus_master(&self) -> bool {
        self.bit(config::COMMAND, config_bit::COMMAND_BUS_MASTER)
    }

    /// MSI-X is in use.
    pub fn msix_enabled(&self) -> bool {
        self.bit(config::MSIX_CONTROL, config_bit::MSIX_ENABLE)
    }

    /// All MSI-X vectors are masked.
    pub fn msix_masked(&self) -> bool {
        self.bit(config::MSIX_CONTROL, config_bit::MSIX_FUNCTION_MASK)
    }

    /// Switches MSI-X on or off on behalf of the client.
    pub fn set_msix_enabled(&mut self, enabled: bool) {
        let control = (VECTORS as u16 - 1) | u16::from(enabled) << config_bit::MSIX_ENABLE;
        self.bytes[config::MSIX_CONTROL..config::MSIX_CONTROL + 2].copy_from_slice(&control.to_le_bytes());
    }

    fn bit(&self, offset: usize, bit: u32) -> bool {
        self.bytes[offset + bit as usize / 8] >> (bit % 8) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tideline_abi::pci::{BARS, CAPABILITIES, DEVICE, VENDOR};

    fn read<const N: usize>(space: &ConfigSpace, offset: usize) -> [u8; N] {
        let mut bytes = [0; N];
        space.read(offset, &mut bytes);
        bytes
    }

    #[test]
    fn a_guest_sizes_the_bars() {
        let mut space = ConfigSpace::new(1);
        for bar in BARS {
            let at = config::BAR0 + 4 * bar.index as usize;
            let before = read::<8>(&space, at);
            // As Linux does: each half apart.
            assert!(!space.write(at, &[0xff; 4]));
            let low = u32::from_le_bytes(read(&space, at));
            assert!(!space.write(at + 4, &[0xff; 4]));
            let high = u32::from_le_bytes(read(&space, at + 4));
            let mask = u64::from(high) << 32 | u64::from(low & !0xf);
            assert_eq!(mask.wrapping_neg(), bar.bytes, "BAR{}", bar.index);
            assert_eq!(low & 0xf, 0b100 | u32::from(bar.prefetchable) << 3);
            let address = 0x7_0000_0000u64;
            assert!(!space.write(at, &address.to_le_bytes()));
            assert_eq!(u64::from_le_bytes(read(&space, at)) & !0xf, address);
            space.reset();
            assert_eq!(read::<8>(&space, at), before);
        }
        assert_eq!(read::<4>(&space, 0x30), [0; 4], "no expansion ROM");
    }

    #[test]
    fn the_capabilities_are_found() {
        let space = ConfigSpace::new(1234);
        assert_eq!(u16::from_le_bytes(read(&space, config::VENDOR_ID)), VENDOR);
        assert_eq!(u16::from_le_bytes(read(&space, config::DEVICE_ID)), DEVICE);
        assert_eq!(read::<3>(&space, config::INTERFACE), [0x00, 0x80, 0x05]);
        let mut at = usize::from(read::<1>(&space, config::CAP_POINTER)[0]);
        for capability in CAPABILITIES {
            let [id, next] = read(&space, at);
            assert_eq!((at, id), (capability.offset, capability.id));
            at = next.into();
        }
        assert_eq!(at, 0);
        assert_eq!(u32::from_le_bytes(read(&space, config::DEVICE_FRAMES)), 1234);
        let devcap = u32::from_le_bytes(read(&space, config::DEVICE_CAPABILITIES));
        assert_eq!(devcap >> config_bit::DEVCAP_FLR & 1, 1);
    }

    #[test]
    fn writes_keep_to_the_writable_bits() {
        let mut space = ConfigSpace::new(7);
        let flr = space.write(0, &[0xff; CONFIG_BYTES]);
        assert!(flr, "the reset bit was among them");
        for r in CONFIG_SPACE.iter().filter(|r| r.offset != config::DEVICE_FRAMES) {
            let mut bytes = [0; 4];
            space.read(r.offset, &mut bytes[..r.bytes]);
            assert_eq!(u32::from_le_bytes(bytes), r.reset | r.writable, "{}", r.name);
        }
        assert!(
            space.memory_enabled() && space.is_bus_master() && space.msix_enabled() && space.msix_masked()
        );
        space.reset();
        assert!(!space.memory_enabled() && !space.is_bus_master() && !space.msix_enabled());
    }

    #[test]
    fn only_the_reset_bit_resets() {
        let mut space = ConfigSpace::new(7);
        let control = config::DEVICE_CONTROL;
        assert!(!space.write(control, &[0xff]), "the lower byte");
        assert!(!space.write(control, &0x7fffu16.to_le_bytes()));
        assert!(space.write(control, &0x8000u16.to_le_bytes()));
        assert!(space.write(control + 1, &[0x80]));
        assert!(space.write(control, &0x8000u32.to_le_bytes()), "a wider write");
        assert!(!space.write(control + 2, &[0x80]));
        assert!(!space.write(CONFIG_BYTES - 1, &[0xff; 8]), "beyond the end");
    }
}

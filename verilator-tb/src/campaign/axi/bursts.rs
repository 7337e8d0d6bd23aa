//! Random bursts: everything that AXI4 allows on a bus of 64 bytes.

use crate::axi::{Address, Burst};
use crate::host::Hpa;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use tideline_abi::geometry::{LINE_BYTES, PAGE_BYTES};

/// A burst type, by its code.
pub const FIXED: u8 = 0;
/// As [`FIXED`].
pub const INCR: u8 = 1;
/// As [`FIXED`].
pub const WRAP: u8 = 2;

/// A beat as the specification has it (ARM IHI 0022, section A3.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    /// Byte address of its line.
    pub line: u64,
    /// Its byte lanes.
    pub lanes: u64,
    /// The last one.
    pub last: bool,
}

/// The beats of a burst, from the formulas of the specification and not from those of the device.
pub fn beats(address: &Address) -> Vec<Beat> {
    let bytes = 1u64 << address.size;
    let count = u64::from(address.len) + 1;
    let aligned = address.addr / bytes * bytes;
    let total = bytes * count;
    let boundary = address.addr / total * total;
    (0..count)
        .map(|n| {
            let start = match address.burst {
                _ if n == 0 => address.addr,
                FIXED => address.addr,
                WRAP if aligned + n * bytes >= boundary + total => aligned + n * bytes - total,
                _ => aligned + n * bytes,
            };
            let end = start / bytes * bytes + bytes;
            let lanes = (start..end).fold(0, |lanes, byte| lanes | 1 << (byte % LINE_BYTES as u64));
            Beat { line: start & !(LINE_BYTES as u64 - 1), lanes, last: n + 1 == count }
        })
        .collect()
}

/// A burst that begins in this page, and stays in it.
pub fn random(rng: &mut ChaCha8Rng, page: Hpa) -> Burst {
    let end = page.0 + PAGE_BYTES as u64;
    // Half of the starts are in a few lines, so that bursts meet.
    let reach = if rng.random() { 256 } else { PAGE_BYTES as u64 };
    let addr = page.0 + rng.random_range(0..reach);
    let size = if rng.random() { 6 } else { rng.random_range(0..=6) };
    let bytes = 1u64 << size;
    let aligned = addr / bytes * bytes;
    let (burst, addr, len) = match rng.random_range(0..8) {
        0 => (FIXED, addr, rng.random_range(0..16)),
        1 | 2 => (WRAP, aligned, [1, 3, 7, 15][rng.random_range(0..4)]),
        _ => {
            let most = ((end - aligned) / bytes).min(256);
            let short = rng.random_range(1..=most.min(16));
            let beats = if rng.random_ratio(1, 16) { rng.random_range(1..=most) } else { short };
            let addr = if rng.random() { aligned } else { addr };
            (INCR, addr, (beats - 1) as u8)
        }
    };
    Burst { address: Address { id: rng.random(), addr, len, size, burst }, lock: rng.random_ratio(1, 16) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn of(addr: u64, len: u8, size: u8, burst: u8) -> Vec<(u64, u64)> {
        beats(&Address { id: 0, addr, len, size, burst }).iter().map(|b| (b.line, b.lanes)).collect()
    }

    #[test]
    fn beats_of_the_specification() {
        assert_eq!(of(0x1000, 1, 6, INCR), [(0x1000, u64::MAX), (0x1040, u64::MAX)]);
        assert_eq!(of(0x1003, 1, 2, INCR), [(0x1000, 0b1000), (0x1000, 0xf0)]);
        assert_eq!(of(0x103d, 1, 3, INCR), [(0x1000, 0b111 << 61), (0x1040, 0xff)]);
        assert_eq!(of(0x1005, 1, 2, FIXED), [(0x1000, 0b1110_0000), (0x1000, 0b1110_0000)]);
        let wrap = [(0x10c0, u64::MAX), (0x1000, u64::MAX), (0x1040, u64::MAX), (0x1080, u64::MAX)];
        assert_eq!(of(0x10c0, 3, 6, WRAP), wrap);
    }

    #[test]
    fn random_bursts_are_legal() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..20_000 {
            let Address { len, size, burst, addr, .. } = random(&mut rng, Hpa(0x7000)).address;
            let all = of(addr, len, size, burst);
            assert!(all.iter().all(|(line, lanes)| (0x7000..0x8000).contains(line) && *lanes != 0));
            match burst {
                WRAP => assert!([1, 3, 7, 15].contains(&len) && addr.is_multiple_of(1 << size)),
                FIXED => assert!(len < 16),
                _ => assert_eq!(burst, INCR),
            }
        }
    }
}

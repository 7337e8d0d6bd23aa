//! The options that describe the host's cache.

use crate::size::Size;
use anyhow::{Result, ensure};
use clap::Args;
use tideline_abi::geometry::LINE_BYTES;

/// A larger cache would hold the device's window several times over.
const LARGEST: Size = Size(1 << 30);

/// The last-level cache between the program and the device.
#[derive(Clone, Copy, Debug, Args)]
pub struct Cache {
    /// Size of the host's cache, such as 64KiB or 2MiB
    #[arg(long = "cache", value_name = "SIZE", default_value = "2MiB")]
    pub size: Size,
    /// Ways of the host's cache
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub ways: usize,
}

impl Cache {
    /// Checks that the cache consists of whole sets.
    pub fn check(&self) -> Result<()> {
        let Cache { size, ways } = *self;
        ensure!(ways > 0, "--ways 0: a cache has at least one way");
        ensure!(size.0 <= LARGEST.0, "--cache {size}: at most {LARGEST}");
        let set = (ways as u64).checked_mul(LINE_BYTES as u64).filter(|&set| set <= LARGEST.0);
        let Some(set) = set else {
            anyhow::bail!("--ways {ways}: at most {}", LARGEST.0 / LINE_BYTES as u64);
        };
        ensure!(
            size.0 > 0 && size.0.is_multiple_of(set),
            "--cache {size} --ways {ways}: the cache must be a multiple of {}, that is {ways} lines of {LINE_BYTES} \
             bytes, such as {}",
            Size(set),
            Size(size.0.div_ceil(set).max(1) * set)
        );
        Ok(())
    }
}

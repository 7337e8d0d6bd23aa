//! Finds a device in sysfs and its group in `/dev/vfio`, and says what is in the way.

use super::VfioError;
use crate::{Bdf, pci};
use std::fs::OpenOptions;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use tideline_abi::pci::{DEVICE, VENDOR, WINDOW_BAR};

/// Where the kernel's file systems are mounted. Tests put files of their own there.
#[derive(Clone, Debug)]
pub struct Roots {
    /// sysfs.
    pub sys: PathBuf,
    /// Device files.
    pub dev: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self { sys: pci::SYSFS.into(), dev: "/dev".into() }
    }
}

/// What sysfs says of a device that can be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its folder in sysfs.
    pub folder: PathBuf,
    /// Its IOMMU group.
    pub group: u32,
    /// The group's file.
    pub group_file: PathBuf,
    /// Host physical addresses of the window.
    pub window: Range<u64>,
    /// Addresses that DMA cannot use.
    pub reserved: Vec<Range<u64>>,
}

/// Finds a device that can be opened: ours, behind an IOMMU, bound to vfio-pci, its group free and permitted.
///
/// # Errors
/// The first thing that is in the way, see [`VfioError`].
pub fn locate(roots: &Roots, bdf: Bdf) -> Result<Place, VfioError> {
    let folder = pci::folder(&roots.sys, bdf);
    let unreadable = |source| VfioError::File { path: folder.clone(), source };
    let function = pci::function(&roots.sys, bdf).map_err(unreadable)?.ok_or(VfioError::NoSuchDevice(bdf))?;
    let (vendor, device) = (function.vendor, function.device);
    if (vendor, device) != (VENDOR, DEVICE) {
        return Err(VfioError::OtherDevice { bdf, vendor, device });
    }
    let group = function.iommu_group.ok_or(VfioError::NoIommu(bdf))?;
    if function.driver.as_deref() != Some("vfio-pci") {
        return Err(VfioError::NotBound { bdf, driver: function.driver });
    }
    let container = roots.dev.join("vfio/vfio");
    let group_file = roots.dev.join("vfio").join(group.to_string());
    for file in [&container, &group_file] {
        open(file).map_err(|source| VfioError::from_open(bdf, file, source))?;
    }
    let window = pci::bar(&roots.sys, bdf, WINDOW_BAR.index as usize).map_err(unreadable)?;
    let reserved = pci::reserved_regions(&roots.sys, group);
    Ok(Place { folder, group, group_file, window, reserved })
}

/// Whether a device file can be opened; it is closed again.
fn open(file: &Path) -> io::Result<()> {
    OpenOptions::new().read(true).write(true).open(file).map(drop)
}

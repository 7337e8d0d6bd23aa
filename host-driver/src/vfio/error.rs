//! Why a device cannot be opened through VFIO, each with what to do about it.

use crate::Bdf;
use crate::carrier::CarrierError;
use std::io;
use std::path::{Path, PathBuf};
use tideline_abi::pci;

/// Why a device cannot be opened through VFIO.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VfioError {
    /// Nothing at this address.
    #[error("{0}: no such PCI device; `tideline list --all` shows those of this machine")]
    NoSuchDevice(Bdf),
    /// A device of another kind.
    #[error(
        "{bdf} is {vendor:04x}:{device:04x}, a Tideline device is {:04x}:{:04x}; `tideline list` shows those of this machine",
        pci::VENDOR,
        pci::DEVICE
    )]
    OtherDevice {
        /// The address.
        bdf: Bdf,
        /// Its vendor ID.
        vendor: u16,
        /// Its device ID.
        device: u16,
    },
    /// The kernel drives no IOMMU for it.
    #[error(
        "{0} has no IOMMU group: enable the IOMMU in the firmware (VT-d, AMD-Vi) and in the kernel (intel_iommu=on on its \
         command line), then boot again"
    )]
    NoIommu(Bdf),
    /// Another driver has it, or none.
    #[error("{bdf} is bound to {}, not to vfio-pci: run `scripts/bind bind {bdf}` as root", driver.as_deref().unwrap_or("no driver"))]
    NotBound {
        /// The address.
        bdf: Bdf,
        /// The driver that has it.
        driver: Option<String>,
    },
    /// The kernel's VFIO is not there.
    #[error("{} is missing: load the kernel's VFIO with `modprobe vfio-pci`", .0.display())]
    NoVfio(PathBuf),
    /// The file of the group may not be opened.
    #[error(
        "no permission to open {}: give your user access to it, for instance `chown \"$USER\" {}` as root",
        .0.display(), .0.display()
    )]
    NoPermission(PathBuf),
    /// Another process has the group open.
    #[error("{bdf} is busy: another process has {} open (`fuser {}` names it)", path.display(), path.display())]
    Busy {
        /// The address.
        bdf: Bdf,
        /// The file of the group.
        path: PathBuf,
    },
    /// Functions of the same group belong to drivers of the kernel.
    #[error(
        "{bdf}: other functions of IOMMU group {group} are bound to drivers of the kernel: bind all of them to vfio-pci \
         (`tideline list --all` shows the groups)"
    )]
    SharedGroup {
        /// The address.
        bdf: Bdf,
        /// The group.
        group: u32,
    },
    /// A base address register that does not fit the device.
    #[error("{bdf}: BAR{bar} has {size:#x} bytes that can be mapped: a Tideline device has {expected:#x}")]
    BadBar {
        /// The address.
        bdf: Bdf,
        /// Number of the base address register.
        bar: u32,
        /// Its size; 0 if it cannot be mapped.
        size: u64,
        /// What is right.
        expected: u64,
    },
    /// The configuration space does not say what the driver needs.
    #[error(
        "{0}: no vendor-specific capability with the size of the device's memory in its configuration space"
    )]
    NoMemorySize(Bdf),
    /// A file of sysfs or `/dev` could not be used.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The kernel's reason.
        source: io::Error,
    },
    /// A request to the kernel failed.
    #[error("{bdf}: {what}: {source}")]
    Kernel {
        /// The address.
        bdf: Bdf,
        /// What was asked for.
        what: &'static str,
        /// The kernel's reason.
        source: vfio_ioctls::VfioError,
    },
}

impl VfioError {
    /// What it means that a group's file cannot be opened.
    pub(super) fn from_open(bdf: Bdf, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.raw_os_error() {
            Some(libc::EACCES | libc::EPERM) => Self::NoPermission(path),
            Some(libc::EBUSY) => Self::Busy { bdf, path },
            Some(libc::ENOENT) => Self::NoVfio(path),
            _ => Self::File { path, source },
        }
    }
}

impl From<VfioError> for CarrierError {
    fn from(error: VfioError) -> Self {
        Self::Other(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_opened_says_what_to_do() {
        let bdf: Bdf = "0000:01:00.0".parse().unwrap();
        let said = |errno| {
            let error = io::Error::from_raw_os_error(errno);
            VfioError::from_open(bdf, Path::new("/dev/vfio/7"), error).to_string()
        };
        for (errno, words) in [
            (libc::EBUSY, ["busy", "another process", "/dev/vfio/7"]),
            (libc::EACCES, ["no permission", "chown", "/dev/vfio/7"]),
            (libc::EPERM, ["no permission", "chown", "/dev/vfio/7"]),
            (libc::ENOENT, ["missing", "modprobe", "/dev/vfio/7"]),
            (libc::EIO, ["Input/output", "os error 5", "/dev/vfio/7"]),
        ] {
            let text = said(errno);
            assert!(words.iter().all(|word| text.contains(word)), "{text}");
        }
    }
}

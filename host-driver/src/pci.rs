//! The PCI functions of this machine, as sysfs shows them: who they are, which driver has them, their IOMMU group.

use crate::Bdf;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Where sysfs is mounted.
pub const SYSFS: &str = "/sys";

/// A PCI function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its address.
    pub bdf: Bdf,
    /// Vendor ID.
    pub vendor: u16,
    /// Device ID.
    pub device: u16,
    /// Class code: base class, subclass, programming interface in its lower 24 bits.
    pub class: u32,
    /// The driver that it is bound to.
    pub driver: Option<String>,
    /// Its IOMMU group. None without an IOMMU.
    pub iommu_group: Option<u32>,
}

/// Every PCI function, ascending. Those in a domain above 0xffff (behind a VMD) are left out.
///
/// # Errors
/// If there is no PCI bus below `sysfs`, or a file of it cannot be read.
pub fn functions(sysfs: &Path) -> io::Result<Vec<Function>> {
    let mut list = Vec::new();
    for entry in fs::read_dir(sysfs.join("bus/pci/devices"))? {
        let Some(bdf) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // A function may be pulled out while the list is made.
        list.extend(function(sysfs, bdf)?);
    }
    list.sort_by_key(|f| f.bdf);
    Ok(list)
}

/// One PCI function, if there is one at this address.
///
/// # Errors
/// If a file of it cannot be read.
pub fn function(sysfs: &Path, bdf: Bdf) -> io::Result<Option<Function>> {
    let folder = folder(sysfs, bdf);
    if !folder.is_dir() {
        return Ok(None);
    }
    let id = |file| number(&folder.join(file));
    Ok(Some(Function {
        bdf,
        vendor: id("vendor")? as u16,
        device: id("device")? as u16,
        class: id("class")? as u32,
        driver: link_name(&folder.join("driver")),
        iommu_group: link_name(&folder.join("iommu_group")).and_then(|name| name.parse().ok()),
    }))
}

/// The folder of a function.
pub fn folder(sysfs: &Path, bdf: Bdf) -> PathBuf {
    sysfs.join("bus/pci/devices").join(bdf.to_string())
}

/// Host physical addresses of a base address register's memory; empty if it was given none.
///
/// # Errors
/// If the file `resource` cannot be read or understood.
pub fn bar(sysfs: &Path, bdf: Bdf, index: usize) -> io::Result<Range<u64>> {
    let path = folder(sysfs, bdf).join("resource");
    let text = fs::read_to_string(&path)?;
    let line = text.lines().nth(index).unwrap_or_default();
    let mut words = line.split_whitespace().map(hex);
    match (words.next(), words.next()) {
        (Some(Some(0)), Some(Some(0))) => Ok(0..0),
        (Some(Some(first)), Some(Some(last))) if first <= last => Ok(first..last + 1),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{}: no range of addresses in line {index}: {line:?}", path.display()),
        )),
    }
}

/// Addresses that an IOMMU group cannot use for DMA, such as those of message interrupts. Empty if none are known.
pub fn reserved_regions(sysfs: &Path, group: u32) -> Vec<Range<u64>> {
    let path = sysfs.join(format!("kernel/iommu_groups/{group}/reserved_regions"));
    let text = fs::read_to_string(path).unwrap_or_default();
    let region = |line: &str| {
        let mut words = line.split_whitespace().map(hex);
        Some(words.next()??..words.next()??.saturating_add(1))
    };
    text.lines().filter_map(region).collect()
}

/// The last part of what a link points to.
fn link_name(link: &Path) -> Option<String> {
    let target = fs::read_link(link).ok()?;
    Some(target.file_name()?.to_str()?.to_owned())
}

/// A file that holds one number in hexadecimal.
fn number(path: &Path) -> io::Result<u64> {
    let text = fs::read_to_string(path)?;
    hex(text.trim()).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{}: {text:?} is no number", path.display()))
    })
}

fn hex(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

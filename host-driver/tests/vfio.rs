//! What is in the way of a device, each with its hint: against files that look like sysfs and `/dev`.

#![cfg(feature = "vfio")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::thread;
use tempfile::TempDir;
use tideline_abi::pci::{DEVICE, VENDOR};
use tideline_driver::vfio::{Roots, VfioError, locate};
use tideline_driver::{Bdf, pci};

const BDF: &str = "0000:01:00.0";

fn bdf() -> Bdf {
    BDF.parse().unwrap()
}

/// A machine made of files: a Tideline device in IOMMU group 7, bound to vfio-pci, and a network card without a group.
struct Machine(TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Self(TempDir::new().unwrap());
        machine.function(BDF, VENDOR, DEVICE, 0x058000, Some("vfio-pci"), Some(7));
        machine.function("0000:00:1f.6", 0x8086, 0x15b8, 0x020000, Some("e1000e"), None);
        machine.write("dev/vfio/vfio", "");
        machine.write("dev/vfio/7", "");
        let reserved = "0x00000000fee00000 0x00000000feefffff msi\n";
        machine.write("sys/kernel/iommu_groups/7/reserved_regions", reserved);
        machine
    }

    fn function(
        &self,
        bdf: &str,
        vendor: u16,
        device: u16,
        class: u32,
        driver: Option<&str>,
        group: Option<u32>,
    ) {
        let folder = format!("sys/bus/pci/devices/{bdf}");
        self.write(&format!("{folder}/vendor"), &format!("{vendor:#06x}\n"));
        self.write(&format!("{folder}/device"), &format!("{device:#06x}\n"));
        self.write(&format!("{folder}/class"), &format!("{class:#08x}\n"));
        let none = "0x0000000000000000 0x0000000000000000 0x0000000000000000\n";
        let window = "0x0000004000000000 0x000000400fffffff 0x000000000014220c\n";
        self.write(&format!("{folder}/resource"), &[none, none, window, none].concat());
        if let Some(driver) = driver {
            symlink(format!("../../../bus/pci/drivers/{driver}"), self.path(&format!("{folder}/driver")))
                .unwrap();
        }
        if let Some(group) = group {
            let target = format!("../../../kernel/iommu_groups/{group}");
            symlink(target, self.path(&format!("{folder}/iommu_group"))).unwrap();
        }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    fn roots(&self) -> Roots {
        Roots { sys: self.path("sys"), dev: self.path("dev") }
    }

    fn refusal(&self) -> VfioError {
        locate(&self.roots(), bdf()).expect_err("something is in the way")
    }
}

/// The error says all of this.
#[track_caller]
fn says(error: &VfioError, words: &[&str]) {
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
}

#[test]
fn a_device_that_can_be_opened() {
    let machine = Machine::new();
    let place = locate(&machine.roots(), bdf()).unwrap();
    assert_eq!(place.group, 7);
    assert_eq!(place.group_file, machine.path("dev/vfio/7"));
    assert_eq!(place.window, 0x40_0000_0000..0x40_1000_0000);
    assert_eq!(place.reserved, vec![std::ops::Range { start: 0xfee0_0000, end: 0xfef0_0000 }]);
}

#[test]
fn no_such_device() {
    let machine = Machine::new();
    let error = locate(&machine.roots(), "0000:02:00.0".parse().unwrap()).unwrap_err();
    assert!(matches!(error, VfioError::NoSuchDevice(_)));
    says(&error, &["0000:02:00.0", "no such PCI device", "tideline list --all"]);
}

#[test]
fn a_device_of_another_kind() {
    let machine = Machine::new();
    let error = locate(&machine.roots(), "0000:00:1f.6".parse().unwrap()).unwrap_err();
    assert!(matches!(error, VfioError::OtherDevice { vendor: 0x8086, device: 0x15b8, .. }));
    says(&error, &["8086:15b8", &format!("{VENDOR:04x}:{DEVICE:04x}")]);
}

#[test]
fn no_iommu() {
    let machine = Machine::new();
    machine.remove(&format!("sys/bus/pci/devices/{BDF}/iommu_group"));
    let error = machine.refusal();
    assert!(matches!(error, VfioError::NoIommu(_)));
    says(&error, &[BDF, "IOMMU", "intel_iommu=on"]);
}

#[test]
fn not_bound_to_vfio() {
    let machine = Machine::new();
    let link = format!("sys/bus/pci/devices/{BDF}/driver");
    machine.remove(&link);
    says(&machine.refusal(), &["no driver", &format!("scripts/bind bind {BDF}")]);
    symlink("../../../bus/pci/drivers/uio_pci_generic", machine.path(&link)).unwrap();
    let error = machine.refusal();
    assert!(matches!(&error, VfioError::NotBound { driver: Some(d), .. } if d == "uio_pci_generic"));
    says(&error, &["uio_pci_generic", "vfio-pci", &format!("scripts/bind bind {BDF}")]);
}

#[test]
fn no_vfio_in_the_kernel() {
    for file in ["dev/vfio/vfio", "dev/vfio/7"] {
        let machine = Machine::new();
        machine.remove(file);
        let error = machine.refusal();
        assert!(matches!(error, VfioError::NoVfio(_)));
        says(&error, &[file, "modprobe vfio-pci"]);
    }
}

/// The test may run as root: so it gives up the right to open any file, in a thread of its own.
#[test]
fn no_permission() {
    let machine = Machine::new();
    fs::set_permissions(machine.path("dev/vfio/7"), Permissions::from_mode(0o000)).unwrap();
    let roots = machine.roots();
    let refused = thread::spawn(move || {
        drop_file_capabilities();
        locate(&roots, bdf())
    });
    let error = refused.join().unwrap().unwrap_err();
    assert!(matches!(error, VfioError::NoPermission(_)), "{error}");
    says(&error, &["no permission", "dev/vfio/7", "chown"]);
}

/// CAP_DAC_OVERRIDE (1) and CAP_DAC_READ_SEARCH (2) of linux/capability.h, for this thread only.
fn drop_file_capabilities() {
    // _LINUX_CAPABILITY_VERSION_3, and thread 0 = this one.
    let header = [0x2008_0522u32, 0];
    // Effective, permitted, inheritable; numbers 0 to 31, then 32 to 63.
    let mut sets = [[0u32; 3]; 2];
    // SAFETY: header and sets have the layout that version 3 of the calls takes; they only take rights from this thread.
    unsafe {
        assert_eq!(libc::syscall(libc::SYS_capget, &header, &mut sets), 0);
        sets[0][0] &= !(1 << 1 | 1 << 2);
        assert_eq!(libc::syscall(libc::SYS_capset, &header, &sets), 0);
    }
}

#[test]
fn files_that_make_no_sense() {
    let machine = Machine::new();
    machine.write(&format!("sys/bus/pci/devices/{BDF}/vendor"), "Tideline\n");
    says(&machine.refusal(), &["vendor", "Tideline", "no number"]);
    let machine = Machine::new();
    machine.write(&format!("sys/bus/pci/devices/{BDF}/resource"), "0x0 0x0 0x0\n");
    says(&machine.refusal(), &["resource", "line 2"]);
}

#[test]
fn every_function_is_listed() {
    let machine = Machine::new();
    // A name that is no address, such as that of a domain above 0xffff.
    fs::create_dir_all(machine.path("sys/bus/pci/devices/10000:00:01.0")).unwrap();
    let list = pci::functions(&machine.path("sys")).unwrap();
    let rows: Vec<_> = (list.iter())
        .map(|f| (f.bdf.to_string(), f.vendor, f.class, f.driver.as_deref(), f.iommu_group))
        .collect();
    assert_eq!(
        rows,
        [
            ("0000:00:1f.6".to_owned(), 0x8086, 0x020000, Some("e1000e"), None),
            (BDF.to_owned(), VENDOR, 0x058000, Some("vfio-pci"), Some(7)),
        ]
    );
    assert!(pci::functions(Path::new("/nonexistent")).is_err());
}

//! `tideline list` and `scripts/bind` on a machine made of files.

mod common;

use common::{Run, run, text};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
use tideline_abi::pci::{DEVICE, VENDOR};

const CARD: &str = "0000:01:00.0";
const AUDIO: &str = "0000:01:00.1";
const NETWORK: &str = "0000:00:1f.6";

/// Sysfs of a machine with a Tideline device, an audio function in the same IOMMU group, and a network card without one.
struct Machine(TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Self(TempDir::new().unwrap());
        for driver in ["vfio-pci", "snd", "e1000e"] {
            machine.write(&format!("bus/pci/drivers/{driver}/unbind"), "");
        }
        machine.write("bus/pci/drivers_probe", "");
        machine.function(CARD, VENDOR, DEVICE, None, Some(7));
        machine.function(AUDIO, 0x8086, 0x1234, Some("snd"), Some(7));
        machine.function(NETWORK, 0x8086, 0x15b8, Some("e1000e"), None);
        machine
    }

    fn function(&self, bdf: &str, vendor: u16, device: u16, driver: Option<&str>, group: Option<u32>) {
        let folder = format!("bus/pci/devices/{bdf}");
        self.write(&format!("{folder}/vendor"), &format!("{vendor:#06x}\n"));
        self.write(&format!("{folder}/device"), &format!("{device:#06x}\n"));
        self.write(&format!("{folder}/class"), "0x058000\n");
        self.write(&format!("{folder}/driver_override"), "(null)\n");
        if let Some(driver) = driver {
            self.bind(bdf, driver);
        }
        if let Some(group) = group {
            symlink(
                format!("../../../../kernel/iommu_groups/{group}"),
                self.path(&folder).join("iommu_group"),
            )
            .unwrap();
            let members = self.path(&format!("kernel/iommu_groups/{group}/devices"));
            fs::create_dir_all(&members).unwrap();
            symlink(format!("../../../../bus/pci/devices/{bdf}"), members.join(bdf)).unwrap();
        }
    }

    /// What the kernel does when a driver takes a function.
    fn bind(&self, bdf: &str, driver: &str) {
        let link = self.path(&format!("bus/pci/devices/{bdf}/driver"));
        let _ = fs::remove_file(&link);
        symlink(format!("../../drivers/{driver}"), link).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap().trim().to_owned()
    }

    /// Every file and what it holds.
    fn contents(&self) -> Vec<(PathBuf, String)> {
        let mut list = Vec::new();
        let mut folders = vec![self.0.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                let kind = entry.file_type().unwrap();
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if kind.is_file() {
                    list.push((entry.path(), fs::read_to_string(entry.path()).unwrap()));
                }
            }
        }
        list.sort();
        list
    }

    fn list(&self, arguments: &[&str]) -> Run {
        run(common::command(&["list"]).args(arguments).env("TIDELINE_SYSFS", self.0.path()))
    }

    fn bind_script(&self, arguments: &[&str]) -> Run {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/bind");
        run(Command::new(script).args(arguments).env("TIDELINE_SYSFS", self.0.path()))
    }
}

#[test]
fn list_shows_ours_or_all() {
    let machine = Machine::new();
    let run = machine.list(&[]);
    assert_eq!((run.code, run.stdout.lines().count()), (0, 2), "{}", run.stderr);
    let row: Vec<&str> = run.stdout.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row, [CARD, &format!("{VENDOR:04x}:{DEVICE:04x}"), "058000", "none", "7", "-"]);

    machine.bind(CARD, "vfio-pci");
    let run = machine.list(&["--all"]);
    let rows: Vec<&str> = run.stdout.lines().skip(1).collect();
    assert_eq!(rows.len(), 3, "{}", run.stdout);
    assert!(rows[0].starts_with(NETWORK) && rows[0].contains("e1000e") && rows[0].contains("none"));
    assert!(rows[1].starts_with(CARD) && rows[1].ends_with("vfio:0000:01:00.0"));

    let list = machine.list(&["--all", "--json"]).json();
    assert_eq!(list[1]["target"], "vfio:0000:01:00.0");
    assert_eq!((&list[1]["tideline"], &list[1]["iommu_group"]), (&true.into(), &7.into()));
    assert_eq!((&list[0]["tideline"], &list[0]["target"]), (&false.into(), &serde_json::Value::Null));
    assert_eq!(list[0]["driver"], "e1000e");
}

#[test]
fn list_without_devices() {
    let folder = TempDir::new().unwrap();
    fs::create_dir_all(folder.path().join("bus/pci/devices")).unwrap();
    let list = |arguments: &[&str]| {
        run(common::command(&["list"]).args(arguments).env("TIDELINE_SYSFS", folder.path()))
    };
    assert!(list(&[]).stdout.contains("no Tideline device"));
    assert_eq!(list(&["--json"]).json(), serde_json::json!([]));
    let nowhere = folder.path().join("nowhere");
    run(common::command(&["list"]).env("TIDELINE_SYSFS", &nowhere)).refused(&["no PCI bus", text(&nowhere)]);
}

/// The verbs that open any target say what is in the way of a board, here: that it is not there.
#[test]
fn a_board_that_is_not_there() {
    let target = "vfio:ffff:ff:1f.7";
    for verb in ["info", "regs"] {
        run(&mut common::command(&[verb, "--target", target]))
            .refused(&["ffff:ff:1f.7: no such PCI device", "tideline list"]);
    }
}

#[test]
fn bind_writes_what_the_kernel_needs() {
    let machine = Machine::new();
    // The kernel's part: whoever probes now finds the driver.
    machine.bind(CARD, "e1000e");
    let dry = machine.bind_script(&["--dry-run", "bind", CARD]);
    assert_eq!(dry.code, 0, "{}", dry.stderr);
    let steps: Vec<&str> = dry.stdout.lines().collect();
    assert_eq!(steps.len(), 3, "{}", dry.stdout);
    assert!(steps[0].contains("vfio-pci") && steps[0].ends_with("driver_override"));
    assert!(steps[1].contains(CARD) && steps[1].ends_with("drivers/e1000e/unbind"));
    assert!(steps[2].contains(CARD) && steps[2].ends_with("drivers_probe"));
    assert!(
        dry.stderr.contains(AUDIO) && dry.stderr.contains("snd"),
        "the group's other one: {}",
        dry.stderr
    );

    // Files do not act: so the script finds that nobody took the function, and says so.
    let run = machine.bind_script(&["bind", CARD]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("vfio-pci did not take it"), "{}", run.stderr);
    assert_eq!(machine.read(&format!("bus/pci/devices/{CARD}/driver_override")), "vfio-pci");
    assert_eq!(machine.read("bus/pci/drivers/e1000e/unbind"), CARD);
    assert_eq!(machine.read("bus/pci/drivers_probe"), CARD);

    machine.bind(CARD, "vfio-pci");
    let run = machine.bind_script(&["bind", CARD]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("already"), "{}", run.stdout);
}

#[test]
fn unbind_gives_it_back() {
    let machine = Machine::new();
    let run = machine.bind_script(&["unbind", CARD]);
    assert!(run.code == 0 && run.stdout.contains("nothing to do"), "{}{}", run.stdout, run.stderr);
    machine.bind(CARD, "vfio-pci");
    let dry = machine.bind_script(&["unbind", "--dry-run", CARD]);
    assert_eq!((dry.code, dry.stdout.lines().count()), (0, 3), "{}", dry.stderr);
    let run = machine.bind_script(&["unbind", CARD]);
    assert!(run.code == 1 && run.stderr.contains("still bound"), "files do not act: {}", run.stderr);
    assert_eq!(machine.read(&format!("bus/pci/devices/{CARD}/driver_override")), "");
    assert_eq!(machine.read("bus/pci/drivers/vfio-pci/unbind"), CARD);
}

#[test]
fn a_dry_run_changes_nothing() {
    let machine = Machine::new();
    machine.bind(CARD, "e1000e");
    let before = machine.contents();
    for arguments in
        [&["--dry-run", "bind", CARD] as &[&str], &["bind", CARD, "--dry-run", "--owner", "nobody"]]
    {
        let run = machine.bind_script(arguments);
        assert_eq!(run.code, 0, "{}", run.stderr);
    }
    assert_eq!(machine.contents(), before);
}

#[test]
fn bind_refuses_what_makes_no_sense() {
    let machine = Machine::new();
    let refused = |arguments: &[&str], code: i32, words: &[&str]| {
        let run = machine.bind_script(arguments);
        assert_eq!(run.code, code, "{arguments:?}: {}{}", run.stdout, run.stderr);
        for word in words {
            assert!(run.stderr.contains(word), "{arguments:?}: {word:?} is not in: {}", run.stderr);
        }
    };
    let before = machine.contents();
    refused(&[], 2, &["bind or unbind"]);
    refused(&["bind"], 2, &["name a function"]);
    refused(&["give", CARD], 2, &["give"]);
    refused(&["bind", "01:00.0"], 2, &["01:00.0", "0000:01:00.0"]);
    refused(&["bind", "../../../../etc"], 2, &["no PCI address"]);
    refused(&["bind", CARD, AUDIO], 2, &[AUDIO]);
    refused(&["--force", "bind", CARD], 2, &["--force"]);
    refused(&["unbind", CARD, "--owner", "root"], 2, &["--owner"]);
    refused(&["bind", "0000:02:00.0"], 1, &["0000:02:00.0", "no such PCI device"]);
    refused(&["bind", NETWORK], 1, &["0x8086:0x15b8", "--any"]);
    refused(&["bind", "--any", NETWORK], 1, &["IOMMU"]);
    assert_eq!(machine.contents(), before);
    let help = machine.bind_script(&["--help"]);
    assert!(help.code == 0 && help.stdout.contains("usage: scripts/bind"));
}

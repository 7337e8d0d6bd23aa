//! What an init does: file systems, modules, the device's driver, and the switch.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::time::Duration;
use tideline_abi::pci::{DEVICE, VENDOR, config, config_bit};
use tideline_driver::{Bdf, pci};

/// This program, to start it again.
pub const SELF: &str = "/proc/self/exe";

/// Mounts what a Linux program expects.
pub fn mount() {
    for (kind, at) in [(c"proc", c"/proc"), (c"sysfs", c"/sys"), (c"devtmpfs", c"/dev")] {
        // SAFETY: the strings end with a zero; there is no data.
        let done = unsafe { libc::mount(kind.as_ptr(), at.as_ptr(), kind.as_ptr(), 0, std::ptr::null()) };
        if done != 0 {
            crate::console::say(&format!("error mount {at:?}: {}", io::Error::last_os_error()));
        }
    }
}

/// Seconds since the kernel started.
pub fn uptime() -> f64 {
    let text = fs::read_to_string("/proc/uptime").unwrap_or_default();
    text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(f64::NAN)
}

/// The words of the kernel's command line.
pub fn command_line() -> Vec<String> {
    let text = fs::read_to_string("/proc/cmdline").unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}

/// Loads the modules of `/modules`, in the order that its file `order` gives.
pub fn load_modules() -> Result<(), String> {
    let order = fs::read_to_string("/modules/order").map_err(|e| format!("/modules/order: {e}"))?;
    for name in order.lines() {
        let path = format!("/modules/{name}");
        let file = File::open(&path).map_err(|e| format!("{path}: {e}"))?;
        // SAFETY: an open file, a string that ends with a zero, no flags.
        let done = unsafe { libc::syscall(libc::SYS_finit_module, file.as_raw_fd(), c"".as_ptr(), 0) };
        if done != 0 {
            return Err(format!("{path}: {}", io::Error::last_os_error()));
        }
    }
    Ok(())
}

/// The Tideline device of this guest.
pub fn find() -> Result<Bdf, String> {
    let list = pci::functions(pci::SYSFS.as_ref()).map_err(|e| format!("no PCI bus: {e}"))?;
    let found = list.iter().find(|f| (f.vendor, f.device) == (VENDOR, DEVICE));
    found.map(|f| f.bdf).ok_or_else(|| {
        let seen: Vec<_> =
            list.iter().map(|f| format!("{} {:04x}:{:04x}", f.bdf, f.vendor, f.device)).collect();
        format!("no Tideline device among {}", seen.join(", "))
    })
}

/// Binds the device to vfio-pci, as `scripts/bind` does, and takes the other functions of its group from their drivers.
pub fn bind() -> Result<Bdf, String> {
    let bdf = find()?;
    let failed = |e: io::Error| format!("{bdf}: {e}");
    for other in others_of_the_group(bdf).map_err(failed)? {
        unbind(other).map_err(failed)?;
    }
    let folder = pci::folder(pci::SYSFS.as_ref(), bdf);
    fs::write(folder.join("driver_override"), "vfio-pci").map_err(failed)?;
    probe(bdf).map_err(failed)?;
    match driver(bdf).map_err(failed)? {
        Some(driver) if driver == "vfio-pci" => Ok(bdf),
        other => Err(format!("{bdf}: bound to {other:?}, not to vfio-pci")),
    }
}

/// The other functions of the device's IOMMU group; those of bridges do not count.
pub fn others_of_the_group(bdf: Bdf) -> io::Result<Vec<Bdf>> {
    const BRIDGE: u32 = 0x06;
    let list = pci::functions(pci::SYSFS.as_ref())?;
    let group = list.iter().find(|f| f.bdf == bdf).and_then(|f| f.iommu_group);
    let others = list.iter().filter(|f| f.bdf != bdf && f.iommu_group == group && f.class >> 16 != BRIDGE);
    Ok(others.map(|f| f.bdf).collect())
}

/// The driver of a function.
pub fn driver(bdf: Bdf) -> io::Result<Option<String>> {
    Ok(pci::function(pci::SYSFS.as_ref(), bdf)?.and_then(|f| f.driver))
}

/// Takes a function from its driver, if it has one.
pub fn unbind(bdf: Bdf) -> io::Result<()> {
    if driver(bdf)?.is_some() {
        fs::write(pci::folder(pci::SYSFS.as_ref(), bdf).join("driver/unbind"), bdf.to_string())?;
    }
    Ok(())
}

/// Lets the kernel look for a driver of a function.
pub fn probe(bdf: Bdf) -> io::Result<()> {
    fs::write("/sys/bus/pci/drivers_probe", bdf.to_string())
}

/// Takes the device away and finds it again, as when a card is pulled and put back.
pub fn remove(bdf: Bdf) -> io::Result<()> {
    fs::write(pci::folder(pci::SYSFS.as_ref(), bdf).join("remove"), "1")
}

/// Looks for devices anew.
pub fn rescan() -> io::Result<()> {
    fs::write("/sys/bus/pci/rescan", "1")
}

/// Opens or closes the way to a device: whether the port above it passes accesses to memory on.
pub fn pass_memory(bdf: Bdf, on: bool) -> io::Result<()> {
    let device = fs::canonicalize(pci::folder(pci::SYSFS.as_ref(), bdf))?;
    let port = device.parent().ok_or(io::ErrorKind::NotFound)?.join("config");
    let file = File::options().read(true).write(true).open(port)?;
    let (at, bit) = (config::COMMAND as u64, 1 << config_bit::COMMAND_MEMORY);
    let mut command = [0; 2];
    file.read_exact_at(&mut command, at)?;
    let command = u16::from_le_bytes(command);
    let command = if on { command | bit } else { command & !bit };
    file.write_all_at(&command.to_le_bytes(), at)
}

/// Switches the guest off.
pub fn power_off() -> ! {
    // Let the console take its last characters.
    std::thread::sleep(Duration::from_millis(50));
    // SAFETY: the calls have no preconditions.
    unsafe {
        libc::sync();
        libc::reboot(libc::RB_POWER_OFF);
    }
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// A capability is taken from this thread: its number in linux/capability.h.
pub fn drop_capability(number: u32) -> io::Result<()> {
    // _LINUX_CAPABILITY_VERSION_3, and thread 0 = this one.
    let header = [0x2008_0522u32, 0];
    // Effective, permitted, inheritable; numbers 0 to 31, then 32 to 63.
    let mut sets = [[0u32; 3]; 2];
    // SAFETY: header and sets have the layout that version 3 of the calls takes.
    unsafe {
        if libc::syscall(libc::SYS_capget, &header, &mut sets) != 0 {
            return Err(io::Error::last_os_error());
        }
        sets[0][0] &= !(1 << number);
        if libc::syscall(libc::SYS_capset, &header, &sets) != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

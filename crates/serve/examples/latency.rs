//! How long a client of `tideline serve` waits: register and window accesses, commands, reports.
//!
//! `cargo run -p tideline-serve --example latency`

use std::error::Error;
use std::time::{Duration, Instant};
use tideline_abi::regs::{Id, RecallTimeout};
use tideline_driver::vfio_user::VfioUser;
use tideline_driver::{Carrier, Device, Frame, Gather, LineAddr, PageIndex, PageRange};
use tideline_serve::{Background, CxlAttached};
use tideline_tb::{LineDevice, ModelInMachine, RtlConfig, RtlDevice};

const FRAMES: u32 = 80_000;
const PAGES: u32 = 1000;

fn main() -> Result<(), Box<dyn Error>> {
    measure("model", ModelInMachine::default)?;
    measure("rtl", || RtlDevice::new(&RtlConfig::prompt(FRAMES)).expect("the device becomes ready"))
}

fn measure<D: LineDevice>(
    name: &str,
    device: impl FnOnce() -> D + Send + 'static,
) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("device.sock");
    let make = || CxlAttached::new(device(), FRAMES);
    let server = Background::start(&path, make, |line| eprintln!("server: {line}"))?;
    let mut device = Device::open(VfioUser::connect(&path)?)?;
    let range = PageRange::new(PageIndex(0), PAGES)?;
    device.map(range, Frame(0))?;
    let tracker = device.track_start(&[range])?;
    let line = |n: u32| LineAddr::new(PageIndex(n * 7 % PAGES), (n % 64) as u8);

    println!("{name:<34} {:>9} {:>9} {:>9}", "median", "99 %", "longest");
    // Let it come to rest, so that the first accesses find it idle.
    std::thread::sleep(Duration::from_millis(200));
    let carrier = device.carrier_mut();
    row("register read", 2000, |_| carrier.read32(Id::OFFSET).map(drop))?;
    row("register write", 2000, |n| carrier.write32(RecallTimeout::OFFSET, 65536 + n))?;
    row("window, 8 bytes read", 2000, |n| carrier.window_read(u64::from(n % PAGES) << 12, &mut [0; 8]))?;
    row("window, 8 bytes written", 2000, |n| {
        carrier.window_write(u64::from(n % PAGES) << 12, &[n as u8; 8])
    })?;
    row("window, 64 bytes read", 2000, |n| carrier.load_line(u64::from(n % PAGES) << 12).map(drop))?;
    row("window, 64 KiB read", 20, |_| carrier.window_read(0, &mut [0; 1 << 16]))?;
    row("command (IDENTIFY)", 500, |_| device.identify().map(drop))?;
    drop(device.track_report(&tracker, Gather::Recall)?);
    for (what, lines) in [("report, nothing written", 0), ("report, 1 line", 1), ("report, 100 lines", 100)] {
        let mut times = Vec::new();
        for round in 0..30 {
            for n in 0..lines {
                device.store(line(round + n), &[1; 64])?;
            }
            let start = Instant::now();
            let report = device.track_report(&tracker, Gather::Recall)?;
            times.push(start.elapsed());
            assert_eq!(report.lines().count(), lines as usize);
        }
        print(what, times);
    }
    device.track_stop(tracker)?;
    device.close()?;
    server.stop()?;
    Ok(())
}

fn row<E>(what: &str, times: u32, mut act: impl FnMut(u32) -> Result<(), E>) -> Result<(), E> {
    let mut taken = Vec::new();
    for n in 0..times {
        let start = Instant::now();
        act(n)?;
        taken.push(start.elapsed());
    }
    print(what, taken);
    Ok(())
}

fn print(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |part: usize| times[(times.len() - 1) * part / 100].as_secs_f64() * 1e6;
    println!("  {what:<32} {:>6.0} us {:>6.0} us {:>6.0} us", at(50), at(99), at(100));
}

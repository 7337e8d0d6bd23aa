//! The init of the guest: everything that runs in it is this one static program.
//!
//! As process 1 it mounts the file systems, loads the modules, binds the device to vfio-pci and starts itself once more to
//! run the tests, so that a crash of a test ends in a report and not in a panic of the kernel. What happens is told over the
//! serial console, a line each (see [`console`]). The kernel's command line says what to do:
//!
//! * `tideline.run=NAME,NAME`: only tests with one of these in their names;
//! * `tideline.mode=spin`: stores and reports without end, for who wants to see the guest or the server die.
//!
//! * [`system`]: what an init does.
//! * [`console`]: the lines that the host reads.
//! * [`bodies`]: tests that only make sense here; the others are those of every carrier.
//! * [`figures`]: what an access and a report cost.

mod bodies;
mod console;
mod figures;
mod system;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::time::Instant;
use tideline_driver::vfio::VfioCarrier;
use tideline_driver::{Bdf, Device, Error, Frame, Gather, LineAddr, PageIndex, PageRange};
use tideline_tests::{Outcome, wipe};

/// A test: gets an open device whose window has no pages.
type Body = fn(Device<VfioCarrier>) -> Outcome;

/// The bodies that every carrier runs, and their names.
macro_rules! table {
    ([] $($body:ident)*) => { &[$((stringify!($body), tideline_tests::$body::<VfioCarrier>)),*] };
}
const SHARED: &[(&str, Body)] = tideline_tests::every_body!([table] []);

/// What the last panic said.
static PANIC: Mutex<String> = Mutex::new(String::new());

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["run"] => run(),
        ["open", bdf] => bodies::open_in_another_process(bdf),
        _ if std::process::id() == 1 => init(),
        _ => {
            eprintln!("tideline-guest is the init of a guest: scripts/guest boots it");
            ExitCode::from(2)
        }
    }
}

/// Process 1.
fn init() -> ! {
    system::mount();
    console::figure("boot_to_init", system::uptime(), "s");
    let ready = system::load_modules().and_then(|()| system::bind());
    match ready {
        Ok(bdf) => {
            console::figure("boot_to_bound", system::uptime(), "s");
            console::say(&format!("device {bdf}"));
            let status = Command::new(system::SELF).arg("run").status();
            match status {
                Ok(status) if status.success() => {}
                Ok(status) => console::say(&format!("error the tests ended with {status}")),
                Err(error) => console::say(&format!("error cannot start the tests: {error}")),
            }
        }
        Err(error) => console::say(&format!("error {error}")),
    }
    system::power_off()
}

/// Runs what the command line of the kernel asks for.
fn run() -> ExitCode {
    let words = system::command_line();
    let value = |key: &str| words.iter().find_map(|word| word.strip_prefix(key));
    let wanted: Vec<&str> =
        value("tideline.run=").unwrap_or_default().split(',').filter(|n| !n.is_empty()).collect();
    let bdf = match system::find() {
        Ok(bdf) => bdf,
        Err(error) => {
            console::say(&format!("error {error}"));
            return ExitCode::FAILURE;
        }
    };
    if value("tideline.mode=") == Some("spin") {
        return spin(bdf);
    }
    std::panic::set_hook(Box::new(|panic| *PANIC.lock().expect("nobody panics here") = panic.to_string()));
    let (mut passed, mut failed) = (0, 0);
    for &(name, body) in SHARED.iter().chain(bodies::BODIES) {
        if !wanted.is_empty() && !wanted.iter().any(|part| name.contains(part)) {
            continue;
        }
        let begin = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| on_a_wiped_device(bdf, body)));
        let error = match outcome {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error),
            Err(_) => Some(PANIC.lock().expect("nobody panics here").clone()),
        };
        let passes = error.is_none();
        console::test(name, begin.elapsed(), error.as_deref());
        if passes { passed += 1 } else { failed += 1 }
    }
    if (wanted.is_empty() || wanted.contains(&"figures"))
        && let Err(error) = figures::measure(bdf)
    {
        console::say(&format!("error figures: {error}"));
        failed += 1;
    }
    console::done(passed, failed);
    ExitCode::SUCCESS
}

/// Runs a test on the device, with nothing left of earlier tests.
fn on_a_wiped_device(bdf: Bdf, body: Body) -> Result<(), String> {
    let text = |error: Error| error.to_string();
    let carrier = VfioCarrier::open(bdf).map_err(|error| error.to_string())?;
    let mut device = Device::open(carrier).map_err(text)?;
    wipe(&mut device).map_err(text)?;
    body(device).map_err(text)
}

/// Stores and reports, until something goes wrong.
fn spin(bdf: Bdf) -> ExitCode {
    let opened = VfioCarrier::open(bdf).map_err(|error| error.to_string());
    let mut device = match opened.and_then(|carrier| Device::open(carrier).map_err(|error| error.to_string()))
    {
        Ok(device) => device,
        Err(error) => {
            console::say(&format!("error {error}"));
            return ExitCode::FAILURE;
        }
    };
    let error = rounds(&mut device).expect_err("it never ends by itself");
    // Told before the device is closed: the kernel takes its time for one that is gone.
    console::say(&format!("error {error}"));
    ExitCode::FAILURE
}

fn rounds(device: &mut Device<VfioCarrier>) -> Result<(), Box<dyn std::error::Error>> {
    wipe(device)?;
    let range = PageRange::new(PageIndex(0), 64)?;
    device.map(range, Frame(0))?;
    let tracker = device.track_start(&[range])?;
    for round in 0u64.. {
        for page in range.pages() {
            device.store(LineAddr::new(page, round as u8), &[round as u8; 64])?;
        }
        let report = device.track_report(&tracker, Gather::Recall)?;
        if report.line_count() != 64 {
            return Err(format!("round {round}: {} lines reported, not 64", report.line_count()).into());
        }
        if round == 0 {
            console::say("spinning");
        }
    }
    Ok(())
}

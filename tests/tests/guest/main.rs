//! The driver on a real kernel's VFIO: a QEMU guest whose PCI device is the Verilated RTL, behind `tideline serve`.
//!
//! `scripts/guest` prepares what it needs (QEMU, a kernel, the guest's init) and runs it; by itself `cargo test` leaves it
//! out, since the first run fetches packages. The guest runs every body of this crate and those of `tests/guest`; here they
//! are started, timed, and checked.

mod console;
mod initramfs;
mod machine;

use console::{Ending, Message};
use machine::{Guest, Server, System};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tideline_tests::results;

/// How long a whole run may take.
const LIMIT: Duration = Duration::from_secs(600);
/// How long the one that lives may take to notice that the other is dead.
const NOTICE: Duration = Duration::from_secs(30);

/// Names of the bodies that every carrier runs.
macro_rules! names {
    ([] $($body:ident)*) => { &[$(stringify!($body)),*] };
}
const SHARED: &[&str] = tideline_tests::every_body!([names] []);

/// Every test passes in the guest. `TIDELINE_GUEST_RUN=NAME,NAME` picks some.
#[test]
#[ignore = "needs what scripts/guest prepares: run that"]
fn every_test_passes_in_the_guest() {
    let wanted = std::env::var("TIDELINE_GUEST_RUN").unwrap_or_default();
    let system = System::prepared();
    let server = Server::start(&system);
    let begin = Instant::now();
    let guest = Guest::start(&system, &server, &[format!("tideline.run={wanted}")]);
    let mut tests: BTreeMap<String, bool> = BTreeMap::new();
    let (mut figures, mut failures) = (Vec::new(), Vec::new());
    let ending = loop {
        match guest.next(begin + LIMIT) {
            Ok(Message::Test { name, passed, ms, error }) => {
                println!("  {name:<46} {} {ms:>6} ms", if passed { "passed" } else { "FAILED" });
                if !passed {
                    failures.push(format!("{name}: {error}"));
                }
                tests.insert(name, passed);
            }
            Ok(Message::Figure { name, value, unit }) => figures.push((name, value, unit)),
            Ok(Message::Error(error)) => failures.push(error),
            Ok(Message::Device(bdf)) => println!("  device {bdf}"),
            Ok(Message::Spinning) => {}
            Ok(Message::Done { passed, failed }) => break Ok((passed, failed)),
            Err(ending) => break Err(ending),
        }
    };
    let took = begin.elapsed().as_secs_f64();
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for (name, &passed) in &tests {
        results::record(tmp, "guest", name, passed).expect("results can be written");
    }
    let (passed, failed) = ending.unwrap_or_else(|ending| {
        panic!(
            "the guest ended without a result: {ending:?}; {failures:?}\n{}\n{}",
            guest.tail(),
            server.log()
        )
    });
    println!("guest: {passed} passed, {failed} failed");
    for (name, value, unit) in &figures {
        println!("  {name:<22} {value:>9} {unit}");
    }
    println!("  {:<22} {took:>9.1} s", "boot_to_result");
    assert!(failures.is_empty(), "{failures:#?}\n{}\n{}", guest.tail(), server.log());
    assert_eq!((passed, failed), (tests.len(), 0));
    if wanted.is_empty() {
        let missing: Vec<_> = SHARED.iter().filter(|name| !tests.contains_key(**name)).collect();
        assert!(missing.is_empty(), "not run in the guest: {missing:?}");
        let measured = |name: &str| figures.iter().any(|(n, _, _)| n == name);
        assert!(measured("mmio_read") && measured("report_of_64_lines"), "not measured: {figures:?}");
    }
    guest.ends_by_itself(NOTICE);
    server.stops_in_order(NOTICE);
}

/// The server is killed while the guest works. Between two messages that is a device that was pulled out, and the driver
/// says so; in the middle of one it may be that QEMU itself gives up. Nothing hangs.
#[test]
#[ignore = "needs what scripts/guest prepares: run that"]
fn a_server_that_is_killed_is_noticed() {
    let system = System::prepared();
    let server = Server::start(&system);
    let guest = Guest::start(&system, &server, &["tideline.mode=spin".to_owned()]);
    guest.wait_until_it_spins(LIMIT);
    server.kill();
    match guest.next(Instant::now() + NOTICE) {
        Ok(Message::Error(error)) => {
            println!("the driver in the guest: {error}");
            assert!(error.contains("vfio:0000:") && error.contains("gone"), "{error}");
            // Its kernel waits a minute for the device to come back.
            guest.kill();
        }
        Err(Ending::Silent) => {
            let status = guest.ends_by_itself(NOTICE);
            println!("QEMU: {status}");
            assert!(!status.success() && guest.tail().contains("qemu-system"), "{status}: {}", guest.tail());
        }
        other => panic!("{other:?}: {}", guest.tail()),
    }
}

/// The guest is killed while it works: the server notes it and can be stopped in order; no socket is left.
#[test]
#[ignore = "needs what scripts/guest prepares: run that"]
fn a_guest_that_is_killed_leaves_the_server_in_order() {
    let system = System::prepared();
    let server = Server::start(&system);
    let guest = Guest::start(&system, &server, &["tideline.mode=spin".to_owned()]);
    guest.wait_until_it_spins(LIMIT);
    guest.kill();
    let begin = Instant::now();
    while !server.log().contains("client 1 left") {
        assert!(begin.elapsed() < NOTICE, "it did not note that the guest is dead: {}", server.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    server.stops_in_order(NOTICE);
}

/// Without a server QEMU does not start, and says why.
#[test]
#[ignore = "needs what scripts/guest prepares: run that"]
fn without_a_server_the_guest_does_not_start() {
    let system = System::prepared();
    let socket = system.folder().join("nobody.sock");
    let guest = Guest::start_at(&system, &socket, &[]);
    let status = guest.ends_by_itself(NOTICE);
    assert!(!status.success());
    assert!(guest.tail().contains("nobody.sock"), "{}", guest.tail());
}

/// The guest's init is no program for the host.
#[test]
#[ignore = "needs what scripts/guest prepares: run that"]
fn the_init_refuses_to_run_outside_a_guest() {
    let system = System::prepared();
    let mut command = Command::new(&system.init);
    let output = command.stdin(Stdio::null()).output().expect("it starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("scripts/guest"));
}

//! `tideline serve` as a process of its own: signals, death, what is left behind.

mod common;

use common::{Folder, command, text, tideline};
use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use tideline_driver::vfio_user::VfioUser;
use tideline_driver::{Carrier, CarrierError, Device, Error};

/// A server process, and its log: a file, for nobody reads it meanwhile. Killed when it is dropped.
struct Server(Child, File);

impl Server {
    fn start(socket: &Path, target: &str) -> Self {
        let mut command = command(&["serve", "--socket", text(socket), "--target", target]);
        let log = tempfile::tempfile().unwrap();
        let child = command.stdin(Stdio::null()).stderr(log.try_clone().unwrap()).spawn().unwrap();
        Self(child, log)
    }

    /// A client of it, as soon as it listens.
    fn connect(&self, socket: &Path) -> VfioUser {
        let start = Instant::now();
        loop {
            match VfioUser::connect(socket) {
                Ok(carrier) => return carrier,
                Err(error) => assert!(start.elapsed() < Duration::from_secs(30), "{error}"),
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn signal(&self, name: &str) {
        let pid = self.0.id().to_string();
        assert!(std::process::Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Status and log of a server that ends by itself.
    fn end(mut self) -> (Option<i32>, String) {
        let code = self.0.wait().unwrap().code();
        let mut log = String::new();
        self.1.rewind().unwrap();
        self.1.read_to_string(&mut log).unwrap();
        (code, log)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_signal_ends_it_and_removes_the_socket() {
    let folder = Folder::new();
    for signal in ["INT", "TERM", "HUP"] {
        let socket = folder.path("device.sock");
        let server = Server::start(&socket, "model");
        // With a client in the middle of its work.
        let mut device = Device::open(server.connect(&socket)).unwrap();
        server.signal(signal);
        let (code, log) = server.end();
        assert_eq!(code, Some(0), "{log}");
        assert!(log.contains("serving model, attached by cxl") && log.contains("stopped"), "{log}");
        assert!(!socket.exists(), "{signal} leaves the socket behind");
        assert!(matches!(device.identify(), Err(Error::Carrier(CarrierError::Gone { .. }))));
    }
}

#[test]
fn one_that_was_killed_is_an_error_for_its_client_and_is_replaced() {
    let folder = Folder::new();
    let socket = folder.path("device.sock");
    let server = Server::start(&socket, "rtl");
    let mut device = Device::open(server.connect(&socket)).unwrap();
    server.signal("KILL");
    let (code, _) = server.end();
    assert_eq!(code, None);
    let start = Instant::now();
    let gone = device.identify().unwrap_err().to_string();
    assert!(gone.contains("the device has gone") && gone.contains("device.sock"), "{gone}");
    assert!(matches!(device.carrier_mut().wait(), Err(CarrierError::Gone { .. })));
    assert!(start.elapsed() < Duration::from_secs(5));

    // It could not remove its socket file.
    assert!(std::fs::symlink_metadata(&socket).unwrap().file_type().is_socket());
    let name = format!("vfio-user:{}", text(&socket));
    tideline(&["info", "--target", &name]).refused(&["Connection refused", "tideline serve --socket"]);
    let server = Server::start(&socket, "model");
    Device::open(server.connect(&socket)).unwrap().identify().unwrap();
}

const SOCKET: &str = "TIDELINE_TEST_SOCKET";

/// What the next test starts as a process of its own, and kills.
#[test]
#[ignore = "a client process of another test"]
fn a_client_that_never_ends() {
    let Ok(socket) = std::env::var(SOCKET) else { return };
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(30) {
        // The other test may have the device for a moment, to see whether it is taken.
        let Ok(carrier) = VfioUser::connect(Path::new(&socket)) else { continue };
        let mut device = Device::open(carrier).unwrap();
        loop {
            device.identify().unwrap();
        }
    }
}

#[test]
fn a_client_that_was_killed_leaves_the_device_to_the_next() {
    let folder = Folder::new();
    let socket = folder.path("device.sock");
    let server = Server::start(&socket, "rtl");
    drop(server.connect(&socket));
    for _ in 0..3 {
        let mut client = std::process::Command::new(std::env::current_exe().unwrap());
        client.args(["--exact", "--ignored", "a_client_that_never_ends"]).env(SOCKET, &socket);
        let mut client = client.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Until it has the device, and then a while into its work.
        let start = Instant::now();
        while VfioUser::connect(&socket).is_ok() {
            assert!(start.elapsed() < Duration::from_secs(30), "the client does not come");
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(20));
        client.kill().unwrap();
        client.wait().unwrap();
        Device::open(server.connect(&socket)).unwrap().identify().unwrap();
    }
    server.signal("TERM");
    assert_eq!(server.end().0, Some(0));
}

#[test]
fn the_verbs_use_what_is_served() {
    let folder = Folder::new();
    let socket = folder.path("device.sock");
    let server = Server::start(&socket, "rtl");
    drop(server.connect(&socket));
    let name = format!("vfio-user:{}", text(&socket));
    let run = tideline(&["info", "--target", &name]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    for words in [&name, "1.0.0", "65,536 pages, 256MiB", "track", "recall"] {
        assert!(run.stdout.contains(words), "{words}: {}", run.stdout);
    }
    let run = tideline(&["regs", "--target", &name]);
    assert!(run.stdout.contains("0x048 STATUS          0x00000009 ready=0x1"), "{}", run.stdout);
    for verb in ["replay", "serve"] {
        let rest = if verb == "serve" { "--socket=x" } else { "x" };
        tideline(&[verb, "--target", &name, rest]).refused(&["must be simulated here"]);
    }
    // While somebody has the device.
    let held = server.connect(&socket);
    tideline(&["info", "--target", &name]).refused(&["another client has the device"]);
    drop(held);
}

#[test]
fn a_path_that_is_taken_is_refused() {
    let folder = Folder::new();
    let socket = folder.path("device.sock");
    let server = Server::start(&socket, "model");
    let mut carrier = server.connect(&socket);
    let serve = |path: &Path| tideline(&["serve", "--socket", text(path), "--target", "model"]);
    serve(&socket).refused(&["another server listens there"]);
    assert_eq!(carrier.read32(0).unwrap(), tideline_abi::regs::ID_VALUE, "which goes on");

    let file = folder.file("notes.txt", "keep me");
    serve(&file).refused(&["notes.txt", "no socket"]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "keep me");
    serve(&folder.path("no/such/folder/x")).refused(&["No such file"]);
    serve(&folder.path(&"x".repeat(200))).refused(&["xxx"]);
    tideline(&["serve"]).refused(&["--socket"]);
    tideline(&["info", "--target", "vfio-user:"]).refused(&["needs the path of a socket"]);
    let nobody = format!("vfio-user:{}", text(&folder.path("nobody")));
    tideline(&["info", "--target", &nobody]).refused(&["No such file", "tideline serve --socket"]);
    let long = format!("vfio-user:{}", "x".repeat(200));
    tideline(&["info", "--target", &long]).refused(&["xxx"]);
}

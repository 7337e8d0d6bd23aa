//! QEMU and the server: start them, listen to them, end them.

use crate::console::{Ending, Message};
use crate::initramfs::Archive;
use std::cell::RefCell;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How often it is looked whether a process has ended.
const LOOK: Duration = Duration::from_millis(20);

/// What `scripts/guest` has prepared, and a folder for one test.
pub struct System {
    folder: TempDir,
    qemu: PathBuf,
    kernel: PathBuf,
    pub init: PathBuf,
    tideline: PathBuf,
    initramfs: PathBuf,
}

impl System {
    /// Everything that a guest needs.
    pub fn prepared() -> Self {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it lies in the target folder");
        let guest = target.join("guest");
        let need = |path: PathBuf| {
            assert!(path.exists(), "{} is missing: run scripts/guest, which prepares it", path.display());
            path
        };
        let system = guest.join("system");
        let folder = TempDir::new().expect("a folder for temporary files");
        let initramfs = folder.path().join("initramfs");
        let mut this = Self {
            qemu: need(system.join("qemu")),
            kernel: need(system.join("kernel")),
            init: need(guest.join("build/x86_64-unknown-linux-gnu/debug/tideline-guest")),
            tideline: need(target.join("debug/tideline")),
            initramfs,
            folder,
        };
        this.write_initramfs();
        this
    }

    /// The folder of this test.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn write_initramfs(&mut self) {
        let read = |path: &Path| fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let mut archive = Archive::default();
        for folder in ["dev", "proc", "sys", "modules"] {
            archive = archive.folder(folder);
        }
        archive = archive.file("init", &read(&self.init));
        let order = read(&self.kernel.join("order"));
        for name in String::from_utf8_lossy(&order).lines() {
            archive = archive.file(&format!("modules/{name}"), &read(&self.kernel.join(name)));
        }
        let bytes = archive.file("modules/order", &order).finish();
        fs::write(&self.initramfs, bytes).expect("the initramfs can be written");
    }
}

/// Lines of a process, as they come.
struct Output {
    lines: Receiver<String>,
    /// All of them, for messages.
    log: Arc<Mutex<Vec<String>>>,
}

impl Output {
    fn of(streams: impl IntoIterator<Item = Box<dyn Read + Send>>) -> Self {
        let (sender, lines) = channel();
        let log = Arc::new(Mutex::new(Vec::new()));
        for stream in streams {
            let (sender, log) = (sender.clone(), log.clone());
            thread::spawn(move || {
                // The console may carry anything while the guest boots.
                for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                    let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                    log.lock().expect("nobody panics here").push(line.clone());
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        Self { lines, log }
    }

    fn tail(&self, lines: usize) -> String {
        let log = self.log.lock().expect("nobody panics here");
        log[log.len().saturating_sub(lines)..].join("\n")
    }
}

/// A process that does not outlive its test.
struct Process(RefCell<Child>);

impl Process {
    fn kill(&self) {
        // It may have ended by itself.
        let _ = self.0.borrow_mut().kill();
        let _ = self.0.borrow_mut().wait();
    }

    fn ends_within(&self, limit: Duration) -> Option<ExitStatus> {
        let begin = Instant::now();
        loop {
            let status = self.0.borrow_mut().try_wait().expect("its status can be asked for");
            if status.is_some() || begin.elapsed() > limit {
                return status;
            }
            thread::sleep(LOOK);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// `tideline serve`.
pub struct Server {
    socket: PathBuf,
    process: Process,
    output: Output,
}

impl Server {
    /// Starts it on the Verilated RTL, and waits for its socket.
    pub fn start(system: &System) -> Self {
        let socket = system.folder().join("device.sock");
        let mut command = Command::new(&system.tideline);
        command.args(["serve", "--target", "rtl", "--socket"]).arg(&socket);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let output = Output::of(streams(&mut child));
        let server = Self { socket, process: Process(RefCell::new(child)), output };
        let begin = Instant::now();
        while !server.socket.exists() {
            let ended = server.process.0.borrow_mut().try_wait().expect("its status can be asked for");
            assert!(ended.is_none(), "the server ended: {}", server.log());
            assert!(begin.elapsed() < Duration::from_secs(30), "no socket after 30 s: {}", server.log());
            thread::sleep(LOOK);
        }
        server
    }

    /// What it said last.
    pub fn log(&self) -> String {
        format!("server:\n{}", self.output.tail(30))
    }

    /// Kills it: it has no time to put anything in order.
    pub fn kill(&self) {
        self.process.kill();
    }

    /// It ends when it is asked to, successfully, and leaves no socket.
    pub fn stops_in_order(&self, limit: Duration) {
        let pid = self.process.0.borrow().id();
        let sent = Command::new("kill").args(["-TERM", &pid.to_string()]).status();
        // It may have ended with its client: then there is nobody to ask.
        assert!(sent.is_ok());
        let status = self.process.ends_within(limit);
        assert!(status.is_some_and(|s| s.success()), "the server ended with {status:?}: {}", self.log());
        assert!(!self.socket.exists(), "the server left its socket: {}", self.log());
        assert!(!self.log().contains("panicked"), "{}", self.log());
    }
}

/// A running guest.
pub struct Guest {
    process: Process,
    output: Output,
}

impl Guest {
    /// Boots a guest with the server's device; `words` go to the kernel's command line.
    pub fn start(system: &System, server: &Server, words: &[String]) -> Self {
        Self::start_at(system, &server.socket, words)
    }

    /// Boots a guest whose device is behind a socket.
    pub fn start_at(system: &System, socket: &Path, words: &[String]) -> Self {
        let libraries = system.qemu.join("usr/lib/x86_64-linux-gnu");
        let share = |name| system.qemu.join("usr/share").join(name);
        let device = format!(
            r#"{{"driver":"vfio-user-pci","bus":"root_port","addr":"0.0","multifunction":true,"socket":{{"type":"unix","path":"{}"}}}}"#,
            socket.display()
        );
        let mut line = "console=ttyS0 quiet panic=-1 intel_iommu=on".to_owned();
        for word in words {
            line.push(' ');
            line.push_str(word);
        }
        // QEMU is of a newer Debian than this machine may be: it runs with its own loader and libraries.
        let mut command = Command::new(libraries.join("ld-linux-x86-64.so.2"));
        command.arg("--library-path").arg(&libraries).arg(system.qemu.join("usr/bin/qemu-system-x86_64"));
        command.arg("-L").arg(share("qemu")).arg("-L").arg(share("seabios"));
        // The device reaches the guest's memory through its file: shared, or it would read zeros.
        command.args([
            "-machine",
            "q35,accel=tcg,memory-backend=mem",
            "-cpu",
            "qemu64",
            "-smp",
            "1",
            "-m",
            "512M",
        ]);
        command.args(["-object", "memory-backend-memfd,id=mem,size=512M,share=on"]);
        command.args([
            "-nodefaults",
            "-no-user-config",
            "-no-reboot",
            "-display",
            "none",
            "-serial",
            "stdio",
        ]);
        command.args(["-device", "intel-iommu,intremap=on,caching-mode=on"]);
        command.args(["-device", "pcie-root-port,id=root_port,chassis=1,slot=1"]);
        command.args(["-device", &device]);
        // Another function of the same card, and so of the same IOMMU group.
        command.args(["-device", "pci-serial,bus=root_port,addr=0.1"]);
        command.arg("-kernel").arg(system.kernel.join("vmlinuz"));
        command.arg("-initrd").arg(&system.initramfs).args(["-append", &line]);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("QEMU starts");
        let output = Output::of(streams(&mut child));
        Self { process: Process(RefCell::new(child)), output }
    }

    /// The next message, or how the guest ended without one.
    pub fn next(&self, end: Instant) -> Result<Message, Ending> {
        loop {
            match self.output.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => match Message::parse(&line) {
                    Some(message) => return Ok(message),
                    None => continue,
                },
                Err(RecvTimeoutError::Disconnected) => return Err(Ending::Silent),
                Err(RecvTimeoutError::Timeout) => return Err(Ending::TimedOut),
            }
        }
    }

    /// Waits until it stores and reports without end.
    pub fn wait_until_it_spins(&self, limit: Duration) {
        let end = Instant::now() + limit;
        loop {
            match self.next(end) {
                Ok(Message::Spinning) => return,
                Ok(Message::Error(error)) => panic!("{error}: {}", self.tail()),
                Ok(_) => {}
                Err(ending) => panic!("the guest ended before it began: {ending:?}: {}", self.tail()),
            }
        }
    }

    /// What console and QEMU said last.
    pub fn tail(&self) -> String {
        format!("guest:\n{}", self.output.tail(60))
    }

    /// Kills it.
    pub fn kill(&self) {
        self.process.kill();
    }

    /// It ends without being killed.
    pub fn ends_by_itself(&self, limit: Duration) -> ExitStatus {
        let status = self.process.ends_within(limit);
        // The readers take what is left in the pipes.
        thread::sleep(LOOK * 5);
        status.unwrap_or_else(|| panic!("the guest runs on after {limit:?}: {}", self.tail()))
    }
}

/// Both outputs of a process.
fn streams(child: &mut Child) -> Vec<Box<dyn Read + Send>> {
    let out = child.stdout.take().map(|s| Box::new(s) as Box<dyn Read + Send>);
    let err = child.stderr.take().map(|s| Box::new(s) as Box<dyn Read + Send>);
    out.into_iter().chain(err).collect()
}

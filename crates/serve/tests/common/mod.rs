//! A server in a thread, its log, and a client that can say anything.

#![allow(dead_code, reason = "each test program uses a part")]

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tideline_driver::vfio_user::VfioUser;
use tideline_driver::vfio_user::wire::{
    self, Command, Header, Layout, Message, Receiver, WireError, header_flag,
};
use tideline_serve::{Background, CxlAttached};
use tideline_tb::{LineDevice, ModelInMachine, RtlConfig, RtlDevice};

pub const FRAMES: u32 = 80_000;

pub struct Served {
    pub server: Option<Background>,
    log: Arc<Mutex<Vec<String>>>,
    folder: TempDir,
}

impl Served {
    /// The golden model.
    pub fn new() -> Self {
        Self::of(ModelInMachine::default)
    }

    /// The Verilated RTL.
    pub fn rtl() -> Self {
        Self::of(|| RtlDevice::new(&RtlConfig::prompt(FRAMES)).unwrap())
    }

    fn of<D: LineDevice>(device: impl FnOnce() -> D + Send + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let sink = log.clone();
        let path = folder.path().join("device.sock");
        let server = Background::start(
            &path,
            || CxlAttached::new(device(), FRAMES),
            move |line| sink.lock().unwrap().push(line.to_owned()),
        );
        Self { server: Some(server.unwrap()), log, folder }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("device.sock")
    }

    pub fn connect(&self) -> VfioUser {
        VfioUser::connect(&self.path()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// A client after VERSION.
    pub fn raw(&self) -> Raw {
        let mut raw = Raw::new(UnixStream::connect(self.path()).unwrap());
        assert_eq!(raw.call(Command::Version as u16, &raw_version()).unwrap().header.error, 0);
        raw
    }

    /// Waits for these words in the log.
    #[track_caller]
    pub fn told(&self, words: &str) {
        let start = Instant::now();
        while !self.log.lock().unwrap().iter().any(|line| line.contains(words)) {
            let log = self.log.lock().unwrap().join("\n");
            assert!(start.elapsed() < Duration::from_secs(10), "{words:?} is not in:\n{log}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

pub fn raw_version() -> Vec<u8> {
    [wire::Version { major: 0, minor: 1 }.to_bytes(), b"{\"capabilities\":{}}\0".to_vec()].concat()
}

/// A client that says what it is told to.
pub struct Raw {
    pub stream: UnixStream,
    receiver: Receiver,
}

impl Raw {
    pub fn new(stream: UnixStream) -> Self {
        Self { stream, receiver: Receiver::default() }
    }

    pub fn send(&self, command: u16, payload: &[u8], flags: u32) {
        let size = (wire::HEADER_BYTES + payload.len()) as u32;
        let header = Header { id: 0x55aa, command, size, flags, error: 0 }.to_bytes();
        wire::send(self.stream.as_fd(), &[&header, payload], &[]).unwrap();
    }

    pub fn reply(&mut self) -> Result<Message, WireError> {
        let reply = wire::receive_within(&mut self.receiver, &self.stream, Duration::from_secs(10))?;
        Ok(reply.expect("an answer in ten seconds"))
    }

    pub fn call(&mut self, command: u16, payload: &[u8]) -> Result<Message, WireError> {
        self.send(command, payload, 0);
        let reply = self.reply()?;
        assert_eq!((reply.header.id, reply.header.command), (0x55aa, command));
        assert_eq!(reply.header.flags & header_flag::TYPE, header_flag::REPLY);
        Ok(reply)
    }

    /// The errno of a command that is refused.
    #[track_caller]
    pub fn refused(&mut self, command: u16, payload: &[u8]) -> u32 {
        let reply = self.call(command, payload).unwrap();
        assert_ne!(reply.header.flags & header_flag::ERROR, 0, "command {command} was not refused");
        assert_eq!(reply.payload.len(), 0);
        reply.header.error
    }
}

//! The server: one socket, one client at a time, and a device that runs while it has work.

use crate::session::{Connection, End};
use crate::{Attached, Function, FunctionError, Journal, Socket};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout, socket_peercred};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;
use tideline_driver::vfio_user::wire::WireError;
use tideline_tb::DeviceError;

/// Serves a device at a socket.
#[derive(Debug)]
pub struct Server<A> {
    socket: Socket,
    function: Function<A>,
    journal: Journal,
    client: Option<Connection>,
    /// Those who came while there was a client: told so when they speak.
    turned_away: Vec<Connection>,
    clients: u64,
}

/// Why a server ends before it is told to.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The device broke a rule of an interface.
    #[error("the device is of no use any more: {0}")]
    Device(#[from] DeviceError),
    /// The system failed.
    #[error("cannot wait for clients: {0}")]
    Io(#[from] io::Error),
}

impl<A: Attached> Server<A> {
    /// Cycles that run between two looks at the socket: some fifty microseconds of simulation, which a client waits.
    const CYCLES: u32 = 16;
    /// A client that takes no answer for so long has lost it.
    const SEND: Duration = Duration::from_secs(1);
    /// Pause after a client could not be let in.
    const RETRY: Duration = Duration::from_millis(100);
    /// Clients too many that are told so; more than these are cut off.
    const TURNED_AWAY: usize = 8;

    /// A server of this device at this socket.
    pub fn new(socket: Socket, device: A, journal: Journal) -> Self {
        let function = Function::new(device);
        Self { socket, function, journal, client: None, turned_away: Vec::new(), clients: 0 }
    }

    /// Serves clients, one after the other, until `stop` can be read or is closed.
    ///
    /// # Errors
    /// [`ServeError`]. The socket file is gone in any case.
    pub fn run(mut self, stop: impl AsFd) -> Result<(), ServeError> {
        let (path, name) = (self.socket.path().display(), self.function.device().name());
        self.journal.note(format_args!("{path}: serving {name}"));
        while !self.step(stop.as_fd())? {}
        self.journal.note("stopped");
        Ok(())
    }

    /// Looks at the sockets, sleeping if there is no work, and then works. True if it is to stop.
    fn step(&mut self, stop: BorrowedFd<'_>) -> Result<bool, ServeError> {
        let ready = self.wait(stop)?;
        if ready.stop {
            return Ok(true);
        }
        if ready.client {
            self.serve_client()?;
        }
        if ready.listener {
            self.accept();
        }
        if ready.others {
            self.turned_away.retain_mut(|other| matches!(other.turn_away(Errno::BUSY), Ok(false)));
        }
        self.function.run(Self::CYCLES)?;
        for complaint in self.function.memory().take_complaints() {
            self.journal.complain(complaint);
        }
        Ok(false)
    }

    fn wait(&self, stop: BorrowedFd<'_>) -> Result<Ready, ServeError> {
        let client = self.client.as_ref().map(Connection::fd);
        let others = self.turned_away.iter().map(Connection::fd);
        let fds = [stop, self.socket.listener.as_fd()].into_iter().chain(client).chain(others);
        let mut polled: Vec<PollFd<'_>> = fds.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        match poll(&mut polled, (!self.function.is_idle()).then_some(&now)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(ServeError::Io(error.into())),
        }
        let mut ready = polled.iter().map(|p| !p.revents().is_empty());
        Ok(Ready {
            stop: ready.next() == Some(true),
            listener: ready.next() == Some(true),
            client: self.client.is_some() && ready.next() == Some(true),
            others: ready.any(|r| r),
        })
    }

    fn serve_client(&mut self) -> Result<(), ServeError> {
        let Some(client) = &mut self.client else { return Ok(()) };
        match client.serve(&mut self.function, &mut self.journal) {
            Ok(()) => Ok(()),
            Err(End::Device(error)) => Err(error.into()),
            Err(End::Client(error)) => {
                let midway = if client.is_midway() { ", in the middle of a message" } else { "" };
                let why = match error {
                    WireError::Closed => "left".to_owned(),
                    error => format!("is cut off: {error}"),
                };
                self.journal.note(format_args!("client {} {why}{midway}", self.clients));
                let used = client.has_agreed();
                self.client = None;
                if !used {
                    // It only looked whether anybody listens.
                    return Ok(());
                }
                match self.function.detach() {
                    Err(FunctionError::Device(error)) => Err(error.into()),
                    Err(FunctionError::Refused(refusal)) => {
                        self.journal.note(format_args!("reset after the client: {refusal}"));
                        Ok(())
                    }
                    Ok(()) => Ok(()),
                }
            }
        }
    }

    fn accept(&mut self) {
        let stream = match self.socket.listener.accept() {
            Ok((stream, _)) => stream,
            // It left before it was let in.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(error) => {
                // Out of file descriptors, for instance: it waits, and shall not be asked for in a tight loop.
                self.journal.note(format_args!("a client cannot be let in: {error}"));
                std::thread::sleep(Self::RETRY);
                return;
            }
        };
        if let Err(error) = set_socket_timeout(&stream, Timeout::Send, Some(Self::SEND)) {
            self.journal.note(format_args!("a client's socket: {error}"));
            return;
        }
        let who = socket_peercred(&stream)
            .map_or("unknown process".to_owned(), |c| format!("process {}", c.pid.as_raw_nonzero()));
        if self.client.is_none() {
            self.clients += 1;
            self.journal.begin_client();
            self.journal.note(format_args!("client {} came: {who}", self.clients));
            self.client = Some(Connection::new(stream));
        } else {
            self.journal.note(format_args!("{who} turned away: client {} has the device", self.clients));
            if self.turned_away.len() < Self::TURNED_AWAY {
                self.turned_away.push(Connection::new(stream));
            }
        }
    }
}

/// Who has something to say.
struct Ready {
    stop: bool,
    listener: bool,
    client: bool,
    others: bool,
}

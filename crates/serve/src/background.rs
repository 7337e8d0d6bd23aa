//! A server in a thread of this process: for tests and examples.

use crate::{Attached, Journal, ServeError, Server, Socket, SocketError};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

/// A running server. Stops when it is dropped.
#[derive(Debug)]
pub struct Background {
    path: PathBuf,
    stop: Option<UnixStream>,
    thread: Option<JoinHandle<Result<(), ServeError>>>,
}

impl Background {
    /// Listens at `path` and serves the device that `make` makes in the new thread.
    ///
    /// # Errors
    /// As [`Socket::bind`].
    pub fn start<A: Attached>(
        path: &Path,
        make: impl FnOnce() -> A + Send + 'static,
        log: impl FnMut(&str) + Send + 'static,
    ) -> Result<Self, SocketError> {
        let socket = Socket::bind(path)?;
        let failed = |error| SocketError::Io { path: path.to_owned(), error };
        let (stop, stopped) = UnixStream::pair().map_err(failed)?;
        let thread = std::thread::spawn(move || Server::new(socket, make(), Journal::new(log)).run(stopped));
        Ok(Self { path: path.to_owned(), stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Stops it and waits until it has ended; a client is cut off.
    ///
    /// # Errors
    /// Why it ended before.
    ///
    /// # Panics
    /// If the server panicked.
    pub fn stop(mut self) -> Result<(), ServeError> {
        self.end().unwrap_or(Ok(()))
    }

    fn end(&mut self) -> Option<Result<(), ServeError>> {
        drop(self.stop.take());
        let ended = self.thread.take()?.join();
        Some(ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Whoever wants to know how it ended asks `stop`.
            let _ = thread.join();
        }
    }
}

//! Recording: a program runs under valgrind's lackey tool, its trace is packed while it runs.
//!
//! Valgrind writes the trace into a pipe of ours, so that the program's own output is no part of it. The pipe is
//! named to valgrind as `--log-file=/proc/PID/fd/N`: to inherit it, as `--log-fd` needs, its close-on-exec flag
//! would have to be cleared, and every other program started at that moment would inherit it too.
//!
//! The end of the trace is not the end of the pipe: a daemon that the program leaves behind holds the pipe open
//! for as long as it lives. So a watcher waits for the program and then puts [`END_OF_TRACE`] behind the last
//! thing that the program wrote.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Seek, Write};
use std::num::NonZeroU64;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use crate::compact::{CompactWriter, Header, Written};
use crate::error::{Cut, Fault, Problem, RecordError};
use crate::event::{Event, Totals};
use crate::lackey::LackeyReader;
use crate::output::{OutputFile, write_error};

/// Closes the trace in the pipe. No text contains it: it is ASCII's "end of transmission".
const END_OF_TRACE: u8 = 0x04;

/// How often the caller hears of progress.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// How far a recording has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The events recorded so far.
    pub totals: Totals,
    /// The bytes of the trace written so far; it grows a block at a time.
    pub bytes_written: u64,
}

/// A finished recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recording {
    /// The events recorded.
    pub totals: Totals,
    /// The size of the trace in bytes.
    pub bytes_written: u64,
    /// How the program ended: its own exit status or signal, which is for the caller to judge. After
    /// [`limit_reached`](Self::limit_reached) it is the signal that stopped it.
    pub status: ExitStatus,
    /// Whether the recording stopped at [`Recorder::max_instructions`].
    pub limit_reached: bool,
}

/// Where the program's standard input comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Input {
    /// From this process's standard input.
    #[default]
    Inherit,
    /// From nowhere: it is at its end at once.
    Null,
    /// From a file.
    File(PathBuf),
    /// These bytes.
    Bytes(Vec<u8>),
}

/// Where the program's standard output or standard error goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// To that of this process.
    #[default]
    Inherit,
    /// Nowhere.
    Null,
    /// To a file, which is replaced.
    File(PathBuf),
}

/// Records `command` into the compact trace `out` with the defaults of [`Recorder`].
///
/// # Errors
/// See [`Recorder::record`].
pub fn record(
    command: &[OsString],
    out: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Recording, RecordError> {
    Recorder::new().record(command, out, progress)
}

/// Records programs: what they are given, and how much of them is recorded.
///
/// Valgrind slows the program down some hundred times: about half a million instructions are recorded per second.
/// All threads of the program are recorded. Its children are not: a fork is not followed, nor is the program that
/// it becomes. The program sees one more open file than usual, valgrind's pipe.
///
/// ```no_run
/// use std::path::Path;
/// use tideline_trace::{Input, Output, Recorder};
///
/// let recording = Recorder::new()
///     .stdin(Input::Bytes(b"select 6 * 7;".to_vec()))
///     .stdout(Output::Null)
///     .record(&["sqlite3".into(), ":memory:".into()], Path::new("sqlite.tlt"), &mut |progress| {
///         eprintln!("{} instructions", progress.totals.instructions);
///     })?;
/// assert!(recording.status.success());
/// # Ok::<(), tideline_trace::RecordError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorder {
    valgrind: PathBuf,
    stdin: Input,
    stdout: Output,
    stderr: Output,
    env: Vec<(OsString, OsString)>,
    max_instructions: Option<NonZeroU64>,
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

impl Recorder {
    /// A recorder that gives the program this process's streams and environment and records all of it.
    pub fn new() -> Recorder {
        Recorder {
            valgrind: "valgrind".into(),
            stdin: Input::default(),
            stdout: Output::default(),
            stderr: Output::default(),
            env: Vec::new(),
            max_instructions: None,
        }
    }

    /// Uses this valgrind instead of the one in PATH.
    #[must_use]
    pub fn valgrind(mut self, path: impl Into<PathBuf>) -> Self {
        self.valgrind = path.into();
        self
    }

    /// Where the program's standard input comes from.
    #[must_use]
    pub fn stdin(mut self, input: Input) -> Self {
        self.stdin = input;
        self
    }

    /// Where the program's standard output goes.
    #[must_use]
    pub fn stdout(mut self, output: Output) -> Self {
        self.stdout = output;
        self
    }

    /// Where the program's standard error goes, and with it what valgrind says when it cannot start.
    #[must_use]
    pub fn stderr(mut self, output: Output) -> Self {
        self.stderr = output;
        self
    }

    /// Sets a variable in the program's environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Stops the program after so many instructions and the accesses of the last one. It is killed, as it has no
    /// way to know; the trace is valid.
    #[must_use]
    pub fn max_instructions(mut self, limit: NonZeroU64) -> Self {
        self.max_instructions = Some(limit);
        self
    }

    /// Runs `command`, the program and its arguments, and writes its trace to `out`.
    ///
    /// `out` appears, or is replaced, at the very end; until then the trace has a temporary name beside it. After
    /// an error `out` is as before, the temporary file is gone and no process is left. `progress` is called some
    /// ten times a second while the program runs, and once at the end.
    ///
    /// # Errors
    /// The program or valgrind cannot be run, or the trace cannot be written; see [`RecordError`]. A program that
    /// exits with a failure or is killed is no error: see [`Recording::status`].
    pub fn record(
        &self,
        command: &[OsString],
        out: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Recording, RecordError> {
        let program = command.first().ok_or(RecordError::NoCommand)?;
        check_program(program, self.search_path())?;
        let file = OutputFile::create(out)?;
        let mut writer = CompactWriter::new(file, &Header { command: command.to_vec() })
            .map_err(|source| write_error(out, source))?;

        let (mut traced, log) = self.start(command)?;
        let end = copy(log, &mut writer, self.max_instructions, progress, out)?;
        if end == CopyEnd::Limit {
            traced.kill();
        }
        let status = traced.wait()?;
        match end {
            // A program that is killed may be in the middle of a record; that record did not happen.
            CopyEnd::Trace | CopyEnd::Limit => {}
            CopyEnd::WithinLine if status.signal().is_some() => {}
            CopyEnd::WithinLine => {
                let events = writer.totals().events();
                return Err(RecordError::Output { problem: Problem::CutOff { cut: Cut::Line, events } });
            }
            CopyEnd::Nothing => {
                return Err(RecordError::NothingTraced { program: program.clone(), status });
            }
        }

        let Written { out: file, totals, bytes_written } =
            writer.finish().map_err(|source| write_error(out, source))?;
        file.commit().map_err(|source| write_error(out, source))?;
        progress(Progress { totals, bytes_written });
        Ok(Recording { totals, bytes_written, status, limit_reached: end == CopyEnd::Limit })
    }

    /// The PATH that the program will be looked up in.
    fn search_path(&self) -> OsString {
        let own = self.env.iter().rev().find(|(name, _)| name == "PATH").map(|(_, value)| value.clone());
        own.or_else(|| std::env::var_os("PATH")).unwrap_or_default()
    }

    /// Starts valgrind with the program, and returns where its trace comes from.
    fn start(&self, command: &[OsString]) -> Result<(Traced, PipeReader), RecordError> {
        let system = |action| move |source| RecordError::System { action, source };
        let (log, pipe) = io::pipe().map_err(system("open a pipe"))?;
        let mut valgrind = Command::new(&self.valgrind);
        valgrind
            // Not what the user keeps in ~/.valgrindrc and VALGRIND_OPTS for other tools.
            .arg("--command-line-only=yes")
            .args(["--tool=lackey", "--trace-mem=yes", "--basic-counts=no"])
            .args(["--trace-children=no", "--child-silent-after-fork=yes"])
            // Otherwise a killed program leaves the debugger's pipes in /tmp.
            .arg("--vgdb=no")
            .arg(format!("--log-file=/proc/{}/fd/{}", std::process::id(), pipe.as_raw_fd()))
            .arg("--")
            .args(command)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(self.stdin.open()?)
            .stdout(self.stdout.open("standard output")?)
            .stderr(self.stderr.open("standard error")?);
        let child = valgrind.spawn().map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => RecordError::ValgrindMissing { path: self.valgrind.clone() },
            _ => RecordError::System { action: "start valgrind", source },
        })?;
        let pid = Pid::from_child(&child);
        // From here on the child has an owner that ends it.
        let mut traced = Traced { child, watcher: None };
        let watcher = thread::Builder::new().name("trace watcher".into()).spawn(move || watch(pid, pipe));
        traced.watcher = Some(watcher.map_err(system("start a thread"))?);
        Ok((traced, log))
    }
}

impl Input {
    fn open(&self) -> Result<Stdio, RecordError> {
        match self {
            Input::Inherit => Ok(Stdio::inherit()),
            Input::Null => Ok(Stdio::null()),
            Input::File(path) => match File::open(path) {
                Ok(file) => Ok(file.into()),
                Err(source) => {
                    Err(RecordError::Stream { stream: "standard input", path: path.clone(), source })
                }
            },
            // A file and not a pipe: nobody has to feed it while the program runs.
            Input::Bytes(bytes) => unnamed_file(bytes)
                .map(Stdio::from)
                .map_err(|source| RecordError::System { action: "keep the program's input", source }),
        }
    }
}

impl Output {
    fn open(&self, stream: &'static str) -> Result<Stdio, RecordError> {
        match self {
            Output::Inherit => Ok(Stdio::inherit()),
            Output::Null => Ok(Stdio::null()),
            Output::File(path) => match File::create(path) {
                Ok(file) => Ok(file.into()),
                Err(source) => Err(RecordError::Stream { stream, path: path.clone(), source }),
            },
        }
    }
}

fn unnamed_file(contents: &[u8]) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(contents)?;
    file.rewind()?;
    Ok(file)
}

/// Checks that the program can be run. Valgrind would also find out, but only say so on standard error.
fn check_program(program: &OsStr, search_path: OsString) -> Result<(), RecordError> {
    let executable = |path: &Path| {
        path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    let named_by_path = program.as_encoded_bytes().contains(&b'/');
    let candidates: Vec<PathBuf> = match named_by_path {
        true => vec![program.into()],
        false => std::env::split_paths(&search_path).map(|folder| folder.join(program)).collect(),
    };
    if program.is_empty() || !candidates.iter().any(|path| path.exists()) {
        let search_path = (!named_by_path).then_some(search_path);
        return Err(RecordError::ProgramNotFound { program: program.into(), search_path });
    }
    if candidates.iter().any(|path| executable(path)) {
        return Ok(());
    }
    match candidates.into_iter().find(|path| path.exists()) {
        Some(path) => Err(RecordError::NotExecutable { path }),
        // It went away in between.
        None => Err(RecordError::ProgramNotFound { program: program.into(), search_path: None }),
    }
}

/// The traced program. Dropped, it is killed and waited for, so that neither it nor a zombie stays behind.
struct Traced {
    child: Child,
    watcher: Option<JoinHandle<()>>,
}

impl Traced {
    /// Kills the program with all its threads. Valgrind runs them in one process, that of the child.
    fn kill(&mut self) {
        // It fails only for a child that has been waited for, which needs no killing.
        let _ = self.child.kill();
    }

    /// Waits for the program to end. The reading end of the pipe must be closed or read to the end before, or the
    /// watcher might never get its last byte into it.
    fn wait(mut self) -> Result<ExitStatus, RecordError> {
        self.join();
        self.child.wait().map_err(|source| RecordError::System { action: "wait for valgrind", source })
    }

    fn join(&mut self) {
        if let Some(watcher) = self.watcher.take() {
            // The watcher has nothing to return, and a panic of it is not worth another.
            let _ = watcher.join();
        }
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        self.kill();
        self.join();
        let _ = self.child.wait();
    }
}

/// Waits for the program to end and closes its trace.
///
/// The child is left to be reaped by its owner: as long as it is not, its number cannot become another process's,
/// so the owner can kill it at any time.
fn watch(pid: Pid, mut pipe: PipeWriter) {
    while let Err(rustix::io::Errno::INTR) =
        waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
    {}
    // It fails when nobody reads any more; then nobody waits for it either.
    let _ = pipe.write_all(&[END_OF_TRACE]);
}

/// Why [`copy`] stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CopyEnd {
    /// The trace is at its end.
    Trace,
    /// The trace is at its end, within a line.
    WithinLine,
    /// The trace is at its end and has no event.
    Nothing,
    /// The limit is reached.
    Limit,
}

/// Packs the trace until its end or the limit. `log` is closed on return.
fn copy(
    log: PipeReader,
    writer: &mut CompactWriter<OutputFile>,
    limit: Option<NonZeroU64>,
    progress: &mut dyn FnMut(Progress),
    out: &Path,
) -> Result<CopyEnd, RecordError> {
    let mut reader = LackeyReader::new(UntilEndOfTrace { pipe: log, ended: false });
    let mut left = limit.map_or(u64::MAX, NonZeroU64::get);
    let mut events = Vec::new();
    let mut reported = Instant::now();
    loop {
        events.clear();
        let result = reader.read(&mut events);
        for &event in &events {
            if event == Event::Instruction {
                // Here and not at zero, so that the accesses of the last instruction are recorded.
                let Some(less) = left.checked_sub(1) else { return Ok(CopyEnd::Limit) };
                left = less;
            }
            writer.push(event).map_err(|source| write_error(out, source))?;
        }
        match result {
            Ok(()) if events.is_empty() => return Ok(CopyEnd::Trace),
            Ok(()) => {}
            Err(Fault::Problem(Problem::CutOff { .. })) => return Ok(CopyEnd::WithinLine),
            Err(Fault::Problem(Problem::NoRecords | Problem::NotATrace { .. })) => {
                return Ok(CopyEnd::Nothing);
            }
            Err(Fault::Problem(problem)) => return Err(RecordError::Output { problem }),
            Err(Fault::Io(source)) => {
                return Err(RecordError::System { action: "read valgrind's output", source });
            }
        }
        if reported.elapsed() >= PROGRESS_INTERVAL {
            progress(Progress { totals: writer.totals(), bytes_written: writer.bytes_written() });
            reported = Instant::now();
        }
    }
}

/// The pipe up to [`END_OF_TRACE`].
struct UntilEndOfTrace {
    pipe: PipeReader,
    ended: bool,
}

impl Read for UntilEndOfTrace {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.ended {
            return Ok(0);
        }
        let length = self.pipe.read(into)?;
        // The watcher's byte is the last in the pipe, so it is the last of what was read.
        self.ended = length == 0 || into[length - 1] == END_OF_TRACE;
        Ok(if self.ended { length.saturating_sub(1) } else { length })
    }
}

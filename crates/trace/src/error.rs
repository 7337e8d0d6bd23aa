//! Everything that can be wrong with a trace or its recording.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use thiserror::Error;

use crate::compact;
use crate::event::{LINE_BYTES, PAGE_BYTES};
use crate::reader::Compression;

/// Why a trace cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The file is missing, or may not be read.
    #[error("cannot open trace {trace}")]
    Open {
        /// The trace's path.
        trace: String,
        /// What the system said.
        source: io::Error,
    },
    /// The system failed while reading.
    #[error("cannot read trace {trace}")]
    Read {
        /// The trace's path, or "standard input".
        trace: String,
        /// What the system said.
        source: io::Error,
    },
    /// The bytes could be read, but they are not a whole and correct trace.
    #[error("trace {trace}: {problem}")]
    Invalid {
        /// The trace's path, or "standard input".
        trace: String,
        /// What is wrong with its contents.
        problem: Problem,
    },
}

/// What is wrong with the contents of a trace.
#[derive(Debug, Error)]
pub enum Problem {
    /// The file is something else.
    #[error(
        "not a trace: it {found}; a trace is a .tlt file or the output of `valgrind --tool=lackey \
         --trace-mem=yes`, plain or compressed with gzip, xz or zstd"
    )]
    NotATrace {
        /// How the file begins, or that it is empty.
        found: String,
    },
    /// The output of valgrind, but of a run that did not trace memory.
    #[error(
        "it holds valgrind's messages but no access; was valgrind run with --tool=lackey --trace-mem=yes?"
    )]
    NoRecords,
    /// A compact trace of a version that this program does not know.
    #[error("it has version {found} of the compact format, this program reads version {}", compact::VERSION)]
    UnsupportedVersion {
        /// The version that the file names.
        found: u32,
    },
    /// A compact trace taken for other lines or pages.
    #[error(
        "it was taken for lines of {line_bytes} and pages of {page_bytes} bytes, this program needs \
         {LINE_BYTES} and {PAGE_BYTES}"
    )]
    Geometry {
        /// The line size that the file names, in bytes.
        line_bytes: u32,
        /// The page size that the file names, in bytes.
        page_bytes: u32,
    },
    /// The trace ends too early.
    #[error("cut off after {events} events: {cut}")]
    CutOff {
        /// What is incomplete.
        cut: Cut,
        /// How many events came before the cut.
        events: u64,
    },
    /// A line of lackey text that is neither an access, nor an instruction, nor a message of valgrind.
    #[error(
        "line {line} is \"{text}\", which is no record of lackey such as \" S 1ffeffe7e,8\"; keep the program's \
         own output apart with valgrind's --log-file=FILE"
    )]
    Line {
        /// The line's number, from 1.
        line: u64,
        /// The line, shortened and with special characters escaped.
        text: String,
    },
    /// The compressed data are damaged.
    #[error("damaged after {events} events: the {compression} stream does not unpack ({detail})")]
    Compressed {
        /// How the trace is compressed.
        compression: Compression,
        /// What the decompressor said.
        detail: String,
        /// How many events came before the damage.
        events: u64,
    },
    /// A compact trace whose contents contradict themselves.
    #[error("damaged after {events} events: {detail}")]
    Damaged {
        /// What does not fit.
        detail: &'static str,
        /// How many events came before the damage.
        events: u64,
    },
}

/// What is incomplete in a trace that was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Cut {
    /// The header of a compact trace.
    #[error("the header is incomplete")]
    Header,
    /// A compact trace ends without its end marker, within or after a block.
    #[error("the end marker is missing")]
    EndMarker,
    /// Lackey text ends within a line.
    #[error("the last line is incomplete")]
    Line,
    /// The compressed stream ends before its own end.
    #[error("the {0} stream is incomplete")]
    Compressed(Compression),
}

/// Why a program could not be recorded.
///
/// That the program itself fails is no error: its trace is valid, and [`Recording`](crate::Recording) carries its
/// exit status.
#[derive(Debug, Error)]
pub enum RecordError {
    /// There is nothing to run.
    #[error("no command given to record")]
    NoCommand,
    /// The program is not there.
    #[error("cannot find the program {}{}", program.display(), searched_in(search_path))]
    ProgramNotFound {
        /// The program as the command names it.
        program: OsString,
        /// The PATH that was searched, or `None` when the command names a path.
        search_path: Option<OsString>,
    },
    /// The program is there, but may not be run.
    #[error("{} is not an executable file", path.display())]
    NotExecutable {
        /// Where the program was found.
        path: PathBuf,
    },
    /// Valgrind is not installed.
    #[error("cannot find valgrind ({}); install it, for instance with `apt-get install valgrind`", path.display())]
    ValgrindMissing {
        /// The program that was tried.
        path: PathBuf,
    },
    /// Valgrind ended before the traced program ran a single instruction.
    #[error("valgrind could not run {} ({status}); its message is on standard error", program.display())]
    NothingTraced {
        /// The program as the command names it.
        program: OsString,
        /// How valgrind ended.
        status: ExitStatus,
    },
    /// The bytes that valgrind wrote are not the trace that this program expects.
    #[error("unexpected output of valgrind: {problem}")]
    Output {
        /// What is wrong with it.
        problem: Problem,
    },
    /// A file that the program is to read from or write to cannot be opened.
    #[error("cannot open {} for the program's {stream}", path.display())]
    Stream {
        /// Which stream: "standard input", "standard output" or "standard error".
        stream: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The trace would replace something that is not a regular file.
    #[error("{} exists and is not a regular file; name a file for the trace", path.display())]
    NotAFile {
        /// Where the trace was to be written.
        path: PathBuf,
    },
    /// The trace cannot be written: the disk is full, or the folder is missing or closed.
    #[error("cannot write trace {}", path.display())]
    Write {
        /// Where the trace was to be written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A process or a pipe could not be had.
    #[error("cannot {action}")]
    System {
        /// What failed, as in "start valgrind".
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

fn searched_in(search_path: &Option<OsString>) -> String {
    search_path.as_ref().map(|path| format!(" in PATH ({})", path.display())).unwrap_or_default()
}

/// A failure inside one of the decoders, which know neither the trace's name nor its compression:
/// [`TraceReader`](crate::TraceReader) adds both.
#[derive(Debug)]
pub(crate) enum Fault {
    Io(io::Error),
    Problem(Problem),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        Fault::Io(error)
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Fault {
        Fault::Problem(problem)
    }
}

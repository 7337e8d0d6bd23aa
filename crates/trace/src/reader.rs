//! Reading a trace, whatever its kind.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

use crate::compact::{self, CompactReader};
use crate::error::{Cut, Fault, Problem, ReadError};
use crate::event::{Event, Totals};
use crate::lackey::LackeyReader;

/// How a trace is compressed as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// gzip (RFC 1952), also several members in a row.
    Gzip,
    /// xz, also several streams in a row.
    Xz,
    /// zstd (RFC 8878), also several frames in a row.
    Zstd,
}

impl Compression {
    /// What each compression's files begin with.
    const MAGICS: [(Compression, &'static [u8]); 3] = [
        (Compression::Gzip, b"\x1f\x8b"),
        (Compression::Xz, b"\xfd7zXZ\0"),
        (Compression::Zstd, b"\x28\xb5\x2f\xfd"),
    ];

    fn detect(beginning: &[u8]) -> Option<Compression> {
        Self::MAGICS
            .iter()
            .find(|(_, magic)| beginning.starts_with(magic))
            .map(|&(compression, _)| compression)
    }
}

impl std::fmt::Display for Compression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Compression::Gzip => "gzip",
            Compression::Xz => "xz",
            Compression::Zstd => "zstd",
        })
    }
}

/// The two kinds of trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The text of valgrind's lackey tool.
    Lackey,
    /// The compact format, [`compact`].
    Compact,
}

/// Reads the events of a trace in order.
///
/// The kind of trace and its compression are found out from its first bytes. Read it as an iterator, or, for
/// speed, with [`next_batch`](Self::next_batch). After an error there are no more events; those before it have
/// all been given out.
pub struct TraceReader {
    name: String,
    compression: Option<Compression>,
    decoder: Decoder,
    batch: Vec<Event>,
    /// How many events of `batch` have been given out.
    taken: usize,
    totals: Totals,
    /// The error that follows the events of `batch`.
    pending: Option<ReadError>,
    ended: bool,
}

type Bytes = Box<dyn Read + Send>;

enum Decoder {
    Lackey(LackeyReader<Bytes>),
    Compact(Box<CompactReader<Bytes>>),
}

impl TraceReader {
    /// Opens the trace at `path`, or standard input if that is `-`.
    ///
    /// # Errors
    /// The file cannot be read, or its beginning is not that of a trace.
    pub fn open(path: impl AsRef<Path>) -> Result<TraceReader, ReadError> {
        let path = path.as_ref();
        if path == Path::new("-") {
            return Self::new("standard input", io::stdin());
        }
        let trace = path.display().to_string();
        match File::open(path) {
            Ok(file) => Self::new(&trace, file),
            Err(source) => Err(ReadError::Open { trace, source }),
        }
    }

    /// Reads a trace from anything that gives bytes; `name` stands for it in messages.
    ///
    /// # Errors
    /// The input cannot be read, or its beginning is not that of a trace.
    pub fn new(name: &str, input: impl Read + Send + 'static) -> Result<TraceReader, ReadError> {
        let mut compression = None;
        let decoder = Self::detect(Box::new(input), &mut compression)
            .map_err(|fault| located(name, compression, 0, fault))?;
        Ok(TraceReader {
            name: name.to_owned(),
            compression,
            decoder,
            batch: Vec::new(),
            taken: 0,
            totals: Totals::default(),
            pending: None,
            ended: false,
        })
    }

    /// Which kind of trace this is.
    pub fn format(&self) -> Format {
        match self.decoder {
            Decoder::Lackey(_) => Format::Lackey,
            Decoder::Compact(_) => Format::Compact,
        }
    }

    /// How the trace is compressed as a whole; the compact format's own compression does not count.
    pub fn compression(&self) -> Option<Compression> {
        self.compression
    }

    /// The traced program and its arguments, if the trace says so.
    pub fn command(&self) -> Option<&[OsString]> {
        match &self.decoder {
            Decoder::Compact(compact) if !compact.header().command.is_empty() => {
                Some(&compact.header().command)
            }
            _ => None,
        }
    }

    /// The events given out so far. A batch counts when [`next_batch`](Self::next_batch) returns it.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// The next events, at least one; `None` at the end of the trace. A batch has at most some hundred thousand.
    ///
    /// # Errors
    /// The trace cannot be read further; see [`ReadError`].
    pub fn next_batch(&mut self) -> Result<Option<&[Event]>, ReadError> {
        if self.taken == self.batch.len() {
            self.refill()?;
        }
        let batch = &self.batch[self.taken..];
        self.taken = self.batch.len();
        batch.iter().for_each(|&event| self.totals.count(event));
        Ok(if batch.is_empty() { None } else { Some(batch) })
    }

    /// Replaces the batch, all of which has been given out. An empty one means the end.
    fn refill(&mut self) -> Result<(), ReadError> {
        self.batch.clear();
        self.taken = 0;
        if let Some(error) = self.pending.take() {
            return Err(error);
        }
        if self.ended {
            return Ok(());
        }
        let result = match &mut self.decoder {
            Decoder::Lackey(lackey) => lackey.read(&mut self.batch),
            Decoder::Compact(compact) => {
                let result = compact.read(&mut self.batch);
                // A block that fails halfway is not trusted at all.
                if result.is_err() {
                    self.batch.clear();
                }
                result
            }
        };
        self.ended = result.is_err() || self.batch.is_empty();
        let Err(fault) = result else { return Ok(()) };
        let events = self.totals.events() + self.batch.len() as u64;
        let error = located(&self.name, self.compression, events, fault);
        if self.batch.is_empty() {
            return Err(error);
        }
        self.pending = Some(error);
        Ok(())
    }

    fn detect(input: Bytes, compression: &mut Option<Compression>) -> Result<Decoder, Fault> {
        let (mut beginning, input) = peek(input)?;
        let mut input: Bytes = input;
        *compression = Compression::detect(&beginning);
        if let Some(compression) = *compression {
            (beginning, input) = peek(unpack(compression, input)?)?;
        }
        if beginning == compact::MAGIC {
            // Already compared, so skipped.
            read_up_to(&mut input, compact::MAGIC.len())?;
            return Ok(Decoder::Compact(Box::new(CompactReader::new(input)?)));
        }
        if !beginning.is_empty() && compact::MAGIC.starts_with(&beginning) {
            return Err(Problem::CutOff { cut: Cut::Header, events: 0 }.into());
        }
        Ok(Decoder::Lackey(LackeyReader::new(input)))
    }
}

impl Iterator for TraceReader {
    type Item = Result<Event, ReadError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.taken == self.batch.len()
            && let Err(error) = self.refill()
        {
            return Some(Err(error));
        }
        let event = *self.batch.get(self.taken)?;
        self.taken += 1;
        self.totals.count(event);
        Some(Ok(event))
    }
}

impl std::fmt::Debug for TraceReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TraceReader")
            .field("name", &self.name)
            .field("format", &self.format())
            .field("compression", &self.compression)
            .field("totals", &self.totals)
            .finish_non_exhaustive()
    }
}

/// Unpacks `input`.
fn unpack(compression: Compression, input: Bytes) -> io::Result<Bytes> {
    let input = BufReader::with_capacity(256 << 10, input);
    Ok(match compression {
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
        Compression::Xz => Box::new(liblzma::bufread::XzDecoder::new_multi_decoder(input)),
        Compression::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(input)?;
            // The largest window of the format, so that files of `zstd --long` can be read.
            decoder.window_log_max(31)?;
            Box::new(decoder)
        }
    })
}

/// Looks at the first bytes without taking them: fewer than [`compact::MAGIC`] only if there are no more.
fn peek(mut input: Bytes) -> io::Result<(Vec<u8>, Bytes)> {
    let beginning = read_up_to(&mut input, compact::MAGIC.len())?;
    Ok((beginning.clone(), Box::new(Cursor::new(beginning).chain(input))))
}

fn read_up_to(input: &mut Bytes, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(length);
    input.take(length as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Adds the trace's name to a fault, and tells a decompressor's complaint from the system's.
///
/// Both arrive as [`io::Error`], but only an error of the system carries its number.
fn located(name: &str, compression: Option<Compression>, events: u64, fault: Fault) -> ReadError {
    let trace = name.to_owned();
    let problem = match (fault, compression) {
        (Fault::Problem(problem), _) => problem,
        (Fault::Io(source), Some(compression)) if source.raw_os_error().is_none() => match source.kind() {
            io::ErrorKind::UnexpectedEof => Problem::CutOff { cut: Cut::Compressed(compression), events },
            _ => Problem::Compressed { compression, detail: source.to_string(), events },
        },
        (Fault::Io(source), _) => return ReadError::Read { trace, source },
    };
    ReadError::Invalid { trace, problem }
}

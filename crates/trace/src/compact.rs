//! The compact format, `.tlt`: a whole trace at a fraction of a byte per event.
//!
//! All numbers are little-endian. A file is a header, any number of blocks, and an end marker:
//!
//! | part | field | bytes | |
//! |---|---|---|---|
//! | header | magic | 16 | `TIDELINE-TRACE\r\n`: the line end shows a file that was mangled as text |
//! | | version | 4 | [`VERSION`] |
//! | | length | 4 | bytes from here to the header's CRC |
//! | | line, page | 4 + 4 | [`LINE_BYTES`], [`PAGE_BYTES`] |
//! | | arguments | 4 | how many words the traced command has; 0 if it is not known |
//! | | each word | 4 + n | its length and its bytes |
//! | | CRC | 4 | CRC-32 of all of the above |
//! | block | tag | 1 | `B` |
//! | | instructions, loads, stores, modifies | 4 each | how many events the block holds |
//! | | ops, addrs, extras | 4 each | the unpacked length of each stream |
//! | | packed | 4 | the packed length of all three |
//! | | streams | packed | ops, addrs and extras in a row, one zstd frame |
//! | | CRC | 4 | CRC-32 of the block from its tag |
//! | end | tag | 1 | `E` |
//! | | instructions, loads, stores, modifies | 8 each | how many events the trace holds |
//! | | CRC | 4 | CRC-32 of the end marker from its tag |
//!
//! Nothing follows the end marker. A file without it was cut off, and totals that differ from the sum of the
//! blocks show a block that was lost or repeated.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use flate2::Crc;
use zstd::bulk::{Compressor, Decompressor};

use crate::block::{self, Decoder, Encoder};
use crate::error::{Cut, Fault, Problem};
use crate::event::{Event, LINE_BYTES, PAGE_BYTES, Totals};

/// The version of the format that this program writes and reads.
pub const VERSION: u32 = 1;

pub(crate) const MAGIC: &[u8; 16] = b"TIDELINE-TRACE\r\n";

const BLOCK: u8 = b'B';
const END: u8 = b'E';

/// Block tag and its eight numbers.
const BLOCK_HEAD: usize = 1 + 8 * 4;
/// End tag and its four totals.
const END_HEAD: usize = 1 + 4 * 8;
/// A command line is far shorter; a longer header is a damaged one.
const MAX_HEADER: u32 = 16 << 20;

/// zstd's default. Level 6 saves another 5 %, but packs at little more than half the speed.
const ZSTD_LEVEL: i32 = 3;

/// What a compact trace says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The program that was traced and its arguments; empty if they are not known.
    pub command: Vec<OsString>,
}

impl Header {
    fn to_bytes(&self) -> io::Result<Vec<u8>> {
        let too_long = || {
            let limit = format!("a command line of more than {MAX_HEADER} bytes does not fit into a trace");
            io::Error::new(io::ErrorKind::InvalidInput, limit)
        };
        let length = 12 + self.command.iter().map(|word| 4 + word.len()).sum::<usize>();
        let length =
            u32::try_from(length).ok().filter(|&length| length <= MAX_HEADER).ok_or_else(too_long)?;
        let mut bytes = MAGIC.to_vec();
        // Each length and count is below that of the whole, so the casts keep their value.
        for number in [VERSION, length, LINE_BYTES as u32, PAGE_BYTES as u32, self.command.len() as u32] {
            bytes.extend(number.to_le_bytes());
        }
        for word in &self.command {
            bytes.extend((word.len() as u32).to_le_bytes());
            bytes.extend(word.as_bytes());
        }
        bytes.extend(crc(&bytes).to_le_bytes());
        Ok(bytes)
    }
}

/// Writes a compact trace.
///
/// Wrap a file in nothing: the writer hands over a block at a time. A trace is complete only after
/// [`finish`](Self::finish); without it, readers report it as cut off.
///
/// ```
/// use tideline_trace::{CompactWriter, Event, Header, TraceReader, VirtAddr};
///
/// let mut writer = CompactWriter::new(Vec::new(), &Header::default())?;
/// writer.push(Event::Instruction)?;
/// writer.push(Event::Store { addr: VirtAddr(0x1000), size: 8 })?;
/// let written = writer.finish()?;
/// assert_eq!(written.totals.stores, 1);
///
/// let trace = TraceReader::new("example", std::io::Cursor::new(written.out))?;
/// let events: Vec<Event> = trace.collect::<Result<_, _>>()?;
/// assert_eq!(events.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct CompactWriter<W: Write> {
    out: W,
    block: Encoder,
    unpacked: Vec<u8>,
    compressor: Compressor<'static>,
    totals: Totals,
    bytes_written: u64,
}

impl<W: Write> CompactWriter<W> {
    /// Starts a trace by writing its header.
    ///
    /// # Errors
    /// Those of `out`; and `InvalidInput` if the header's command is longer than 16 MiB.
    pub fn new(mut out: W, header: &Header) -> io::Result<Self> {
        let bytes = header.to_bytes()?;
        out.write_all(&bytes)?;
        Ok(CompactWriter {
            out,
            block: Encoder::new(),
            unpacked: Vec::new(),
            compressor: Compressor::new(ZSTD_LEVEL)?,
            totals: Totals::default(),
            bytes_written: bytes.len() as u64,
        })
    }

    /// Appends an event.
    ///
    /// # Errors
    /// Those of `out`, now and then, when a block is full.
    #[inline]
    pub fn push(&mut self, event: Event) -> io::Result<()> {
        self.block.push(event);
        if self.block.is_full() { self.write_block() } else { Ok(()) }
    }

    /// The events pushed so far.
    pub fn totals(&self) -> Totals {
        let mut totals = self.totals;
        totals += self.block.totals;
        totals
    }

    /// The bytes handed to `out` so far.
    pub fn bytes_written(&self) -> u64 {
        self.bytes_written
    }

    /// Writes what is left and the end marker, and gives back `out`.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn finish(mut self) -> io::Result<Written<W>> {
        if !self.block.is_empty() {
            self.write_block()?;
        }
        let Totals { instructions, loads, stores, modifies } = self.totals;
        let mut end = vec![END];
        for total in [instructions, loads, stores, modifies] {
            end.extend(total.to_le_bytes());
        }
        self.write_with_crc(end)?;
        self.out.flush()?;
        Ok(Written { out: self.out, totals: self.totals, bytes_written: self.bytes_written })
    }

    fn write_block(&mut self) -> io::Result<()> {
        self.block.finish();
        let Encoder { ops, addrs, extras, totals, .. } = &self.block;
        self.unpacked.clear();
        for stream in [ops, addrs, extras] {
            self.unpacked.extend_from_slice(stream);
        }
        let packed = self.compressor.compress(&self.unpacked)?;
        let mut bytes = Vec::with_capacity(BLOCK_HEAD + packed.len() + 4);
        bytes.push(BLOCK);
        // A block is bounded by `block::MAX_EVENTS`, so each number fits into 32 bits.
        for count in [totals.instructions, totals.loads, totals.stores, totals.modifies] {
            bytes.extend((count as u32).to_le_bytes());
        }
        for length in [ops.len(), addrs.len(), extras.len(), packed.len()] {
            bytes.extend((length as u32).to_le_bytes());
        }
        bytes.extend(packed);
        self.totals += *totals;
        self.block.reset();
        self.write_with_crc(bytes)
    }

    fn write_with_crc(&mut self, mut bytes: Vec<u8>) -> io::Result<()> {
        bytes.extend(crc(&bytes).to_le_bytes());
        self.out.write_all(&bytes)?;
        self.bytes_written += bytes.len() as u64;
        Ok(())
    }
}

/// A finished compact trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written<W> {
    /// What the trace was written to.
    pub out: W,
    /// The events written.
    pub totals: Totals,
    /// The size of the trace in bytes.
    pub bytes_written: u64,
}

/// Reads a compact trace, from behind its magic.
pub(crate) struct CompactReader<R> {
    input: R,
    header: Header,
    decoder: Decoder,
    decompressor: Decompressor<'static>,
    packed: Vec<u8>,
    unpacked: Vec<u8>,
    totals: Totals,
    ended: bool,
}

impl<R: Read> CompactReader<R> {
    /// Reads the header. The magic has been read already: that is how the reader was chosen.
    pub(crate) fn new(mut input: R) -> Result<Self, Fault> {
        let header = read_header(&mut input)?;
        Ok(CompactReader {
            input,
            header,
            decoder: Decoder::new(),
            decompressor: Decompressor::new()?,
            packed: Vec::new(),
            unpacked: Vec::new(),
            totals: Totals::default(),
            ended: false,
        })
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// Appends the next block's events; none are appended only at the end.
    pub(crate) fn read(&mut self, events: &mut Vec<Event>) -> Result<(), Fault> {
        if self.ended {
            return Ok(());
        }
        match self.take::<1>(Cut::EndMarker)? {
            [BLOCK] => self.read_block(events),
            [END] => self.read_end(),
            _ => Err(self.damaged("neither a block nor the end marker follows").into()),
        }
    }

    fn read_block(&mut self, events: &mut Vec<Event>) -> Result<(), Fault> {
        let numbers = self.take::<{ BLOCK_HEAD - 1 }>(Cut::EndMarker)?;
        let number = |index: usize| u64::from(read_u32(&numbers, index));
        let totals =
            Totals { instructions: number(0), loads: number(1), stores: number(2), modifies: number(3) };
        let (ops, addrs, extras, packed) = (number(4), number(5), number(6), number(7));
        let unpacked = ops + addrs + extras;
        if totals.events() == 0
            || totals.events() > block::MAX_EVENTS
            || unpacked > block::MAX_BYTES
            || packed > 2 * block::MAX_BYTES
        {
            return Err(self.damaged("a block's head has impossible numbers").into());
        }
        self.packed.resize(packed as usize, 0);
        let packed = read_exact(&mut self.input, &mut self.packed)?;
        let crc_found = read_array::<4>(&mut self.input)?;
        let (true, Some(crc_found)) = (packed, crc_found) else {
            return Err(self.cut(Cut::EndMarker).into());
        };
        let mut crc = Crc::new();
        crc.update(&[BLOCK]);
        crc.update(&numbers);
        crc.update(&self.packed);
        if crc.sum() != u32::from_le_bytes(crc_found) {
            return Err(self.damaged("a block's checksum is wrong").into());
        }

        self.unpacked.clear();
        self.unpacked.reserve(unpacked as usize);
        match self.decompressor.decompress_to_buffer(&self.packed, &mut self.unpacked) {
            Ok(length) if length as u64 == unpacked => {}
            _ => return Err(self.damaged("a block does not unpack to its length").into()),
        }
        let (ops, rest) = self.unpacked.split_at(ops as usize);
        let (addrs, extras) = rest.split_at(addrs as usize);
        if self.decoder.decode(ops, addrs, extras, totals, events).is_none() {
            return Err(self.damaged("a block's events contradict its head").into());
        }
        self.totals += totals;
        Ok(())
    }

    fn read_end(&mut self) -> Result<(), Fault> {
        let totals = self.take::<{ END_HEAD - 1 }>(Cut::EndMarker)?;
        let crc_found = self.take::<4>(Cut::EndMarker)?;
        let mut crc = Crc::new();
        crc.update(&[END]);
        crc.update(&totals);
        if crc.sum() != u32::from_le_bytes(crc_found) {
            return Err(self.damaged("the end marker's checksum is wrong").into());
        }
        let Totals { instructions, loads, stores, modifies } = self.totals;
        let expected = [instructions, loads, stores, modifies].map(u64::to_le_bytes);
        if totals != *expected.as_flattened() {
            return Err(self.damaged("the totals differ from those of the blocks").into());
        }
        if read_array::<1>(&mut self.input)?.is_some() {
            return Err(self.damaged("more follows the end marker").into());
        }
        self.ended = true;
        Ok(())
    }

    fn take<const N: usize>(&mut self, cut: Cut) -> Result<[u8; N], Fault> {
        read_array(&mut self.input)?.ok_or_else(|| self.cut(cut).into())
    }

    fn cut(&self, cut: Cut) -> Problem {
        Problem::CutOff { cut, events: self.totals.events() }
    }

    fn damaged(&self, detail: &'static str) -> Problem {
        Problem::Damaged { detail, events: self.totals.events() }
    }
}

fn read_header(input: &mut impl Read) -> Result<Header, Fault> {
    let cut = || Problem::CutOff { cut: Cut::Header, events: 0 };
    let damaged = |detail| Problem::Damaged { detail, events: 0 };
    let head = read_array::<8>(input)?.ok_or_else(cut)?;
    let (version, length) = (read_u32(&head, 0), read_u32(&head, 1));
    // The version first: a later one may have moved everything else.
    if version != VERSION {
        return Err(Problem::UnsupportedVersion { found: version }.into());
    }
    if !(12..=MAX_HEADER).contains(&length) {
        return Err(damaged("the header has an impossible length").into());
    }
    let mut fields = vec![0; length as usize];
    if !read_exact(input, &mut fields)? {
        return Err(cut().into());
    }
    let crc_found = read_array::<4>(input)?.ok_or_else(cut)?;
    let mut crc = Crc::new();
    crc.update(MAGIC);
    crc.update(&head);
    crc.update(&fields);
    if crc.sum() != u32::from_le_bytes(crc_found) {
        return Err(damaged("the header's checksum is wrong").into());
    }

    let (line_bytes, page_bytes) = (read_u32(&fields, 0), read_u32(&fields, 1));
    if (u64::from(line_bytes), u64::from(page_bytes)) != (LINE_BYTES, PAGE_BYTES) {
        return Err(Problem::Geometry { line_bytes, page_bytes }.into());
    }
    let words = read_u32(&fields, 2);
    let mut rest = &fields[12..];
    let mut command = Vec::new();
    for _ in 0..words {
        let word = take_word(&mut rest).ok_or_else(|| damaged("the header's command is incomplete"))?;
        command.push(OsString::from_vec(word.to_vec()));
    }
    Ok(Header { command })
}

fn take_word<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (word, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *bytes = rest;
    Some(word)
}

/// The 32-bit number at `index`, counted in numbers.
fn read_u32(bytes: &[u8], index: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[4 * index..4 * index + 4]);
    u32::from_le_bytes(number)
}

fn read_array<const N: usize>(input: &mut impl Read) -> io::Result<Option<[u8; N]>> {
    let mut bytes = [0; N];
    Ok(read_exact(input, &mut bytes)?.then_some(bytes))
}

/// Fills `bytes`, or returns `false` when the input ends before. Unlike [`Read::read_exact`] this keeps an end of
/// the trace apart from a decompressor's complaint about an end of the compressed stream.
fn read_exact(input: &mut impl Read, mut bytes: &mut [u8]) -> io::Result<bool> {
    while !bytes.is_empty() {
        match input.read(bytes) {
            Ok(0) => return Ok(false),
            Ok(length) => bytes = &mut bytes[length..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

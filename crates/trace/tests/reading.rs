//! Traces of every kind, whole, cut off and damaged.

mod common;

use std::fs;
use std::io::{self, Cursor, Write};

use common::Prng;
use tideline_trace::{
    CompactWriter, Compression, Cut, Event, Format, Header, Problem, ReadError, Totals, TraceReader, VirtAddr,
};

/// Events as a program might make them: runs of instructions, a stack, an array, and now and then anything.
fn random_events(prng: &mut Prng, count: usize) -> Vec<Event> {
    let mut array = 0x4a1_0000u64;
    let mut events = Vec::new();
    while events.len() < count {
        let run = if prng.below(50) == 0 { prng.below(3000) } else { prng.below(9) };
        events.extend((0..run).map(|_| Event::Instruction));
        let addr = match prng.below(10) {
            0..5 => 0x1f_ff00_0000 + 8 * prng.below(64),
            5..9 => {
                array += 16;
                array
            }
            _ => prng.next() >> prng.below(64),
        };
        let size = if prng.below(20) == 0 { 1 + prng.below(512) as u32 } else { 1 << prng.below(7) };
        let addr = VirtAddr(addr.min(u64::MAX - u64::from(size)));
        events.push(match prng.below(4) {
            0..2 => Event::Load { addr, size },
            2 => Event::Store { addr, size },
            _ => Event::Modify { addr, size },
        });
    }
    events
}

fn as_compact(events: &[Event], command: &[&str]) -> Vec<u8> {
    let header = Header { command: command.iter().map(Into::into).collect() };
    let mut writer = CompactWriter::new(Vec::new(), &header).unwrap();
    for &event in events {
        writer.push(event).unwrap();
    }
    let expected = writer.totals();
    let written = writer.finish().unwrap();
    assert_eq!(written.totals, expected);
    assert_eq!(written.bytes_written, written.out.len() as u64);
    written.out
}

fn as_lackey(events: &[Event]) -> Vec<u8> {
    let mut text = b"==1== Lackey, an example Valgrind tool\n==1== \n".to_vec();
    for event in events {
        match event {
            Event::Instruction => writeln!(text, "I  0401ab70,3"),
            Event::Load { addr, size } => writeln!(text, " L {:08x},{size}", addr.0),
            Event::Store { addr, size } => writeln!(text, " S {:08x},{size}", addr.0),
            Event::Modify { addr, size } => writeln!(text, " M {:08x},{size}", addr.0),
        }
        .unwrap();
    }
    text.extend(b"==1== \n");
    text
}

fn compressed(compression: Option<Compression>, bytes: &[u8]) -> Vec<u8> {
    match compression {
        None => bytes.to_vec(),
        Some(Compression::Gzip) => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Some(Compression::Xz) => {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Some(Compression::Zstd) => zstd::encode_all(bytes, 1).unwrap(),
    }
}

const COMPRESSIONS: [Option<Compression>; 4] =
    [None, Some(Compression::Gzip), Some(Compression::Xz), Some(Compression::Zstd)];

fn open(bytes: Vec<u8>) -> Result<TraceReader, ReadError> {
    TraceReader::new("test", Cursor::new(bytes))
}

fn read(bytes: Vec<u8>) -> Result<Vec<Event>, ReadError> {
    open(bytes)?.collect()
}

/// The events before the problem, and the problem.
fn problem(bytes: Vec<u8>) -> (u64, Problem) {
    let mut trace = match open(bytes) {
        Ok(trace) => trace,
        Err(ReadError::Invalid { problem, .. }) => return (0, problem),
        Err(other) => panic!("{other:?}"),
    };
    let error = trace.find_map(Result::err).expect("a trace with a problem");
    assert!(trace.next().is_none(), "nothing follows an error");
    match error {
        ReadError::Invalid { trace: name, problem } => {
            assert_eq!(name, "test");
            (trace.totals().events(), problem)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn random_traces_come_back() {
    let mut prng = Prng::from_env();
    for count in [0, 1, 100, 10_000, 1_000_000] {
        let events = random_events(&mut prng, count);
        let mut totals = Totals::default();
        events.iter().for_each(|&event| totals.count(event));
        let mut trace = open(as_compact(&events, &["sqlite3", "", "ü"])).unwrap();
        assert_eq!(trace.format(), Format::Compact);
        assert_eq!(trace.command().unwrap(), ["sqlite3", "", "ü"]);
        assert!(trace.by_ref().map(Result::unwrap).eq(events.iter().copied()), "{count} events");
        assert_eq!(trace.totals(), totals);
        if count > 0 {
            assert!(read(as_lackey(&events)).unwrap() == events, "{count} events as text");
        }
    }
}

#[test]
fn batches_and_single_events_mix() {
    let events = random_events(&mut Prng::from_env(), 600_000);
    let mut trace = open(as_compact(&events, &[])).unwrap();
    assert_eq!(trace.command(), None);
    let mut found = vec![trace.next().unwrap().unwrap()];
    while let Some(batch) = trace.next_batch().unwrap() {
        assert!(!batch.is_empty());
        found.extend_from_slice(batch);
        found.extend(trace.next().map(Result::unwrap));
    }
    assert!(found == events);
    assert_eq!(trace.totals().events(), events.len() as u64);
    assert!(trace.next().is_none() && trace.next_batch().unwrap().is_none());
}

#[test]
fn every_compression_of_every_format() {
    let events = random_events(&mut Prng::from_env(), 50_000);
    for compression in COMPRESSIONS {
        for (format, bytes) in
            [(Format::Lackey, as_lackey(&events)), (Format::Compact, as_compact(&events, &["x"]))]
        {
            let file = tempfile::NamedTempFile::new().unwrap();
            fs::write(file.path(), compressed(compression, &bytes)).unwrap();
            let mut trace = TraceReader::open(file.path()).unwrap();
            assert_eq!((trace.format(), trace.compression()), (format, compression));
            assert!(
                trace.by_ref().map(Result::unwrap).eq(events.iter().copied()),
                "{compression:?}, {format:?}"
            );
        }
    }
}

#[test]
fn streams_in_a_row_are_one_trace() {
    let events = random_events(&mut Prng::from_env(), 1000);
    for compression in COMPRESSIONS {
        let text = as_lackey(&events);
        let (first, second) = text.split_at(text.len() / 2);
        let bytes = [compressed(compression, first), compressed(compression, second)].concat();
        assert!(read(bytes).unwrap() == events, "{compression:?}");
    }
}

#[test]
fn a_cut_is_found_wherever_it_is() {
    let events = random_events(&mut Prng::from_env(), 300);
    let compact = as_compact(&events, &["sqlite3", ":memory:"]);
    for length in 1..compact.len() {
        match problem(compact[..length].to_vec()) {
            (0, Problem::CutOff { cut: Cut::Header, events: 0 }) => assert!(length < 80, "{length}"),
            (before, Problem::CutOff { cut: Cut::EndMarker, events }) => assert_eq!(before, events),
            (_, other) => panic!("cut to {length} of {} bytes: {other:?}", compact.len()),
        }
    }
    let text = as_lackey(&events);
    for compression in COMPRESSIONS.into_iter().flatten() {
        let whole = compressed(Some(compression), &text);
        // From where the magic is complete: a shorter piece is any file.
        for length in 6..whole.len() {
            match problem(whole[..length].to_vec()).1 {
                Problem::CutOff { cut: Cut::Compressed(found), .. } => assert_eq!(found, compression),
                other => panic!("{compression} cut to {length} of {} bytes: {other:?}", whole.len()),
            }
        }
    }
    let (before, cut) = problem(text[..text.len() - 10].to_vec());
    assert!(matches!(cut, Problem::CutOff { cut: Cut::Line, events } if events == before), "{cut:?}");
}

#[test]
fn a_flipped_bit_is_never_taken_for_an_event() {
    let events = random_events(&mut Prng::from_env(), 300);
    let whole = as_compact(&events, &["sqlite3"]);
    for index in 0..whole.len() {
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[index] ^= 1 << bit;
            // A wrong length can also look like a cut, and a wrong magic like another file.
            let (before, found) = problem(bytes);
            let plausible = match found {
                Problem::NotATrace { .. } => index < 16,
                Problem::UnsupportedVersion { .. } => (16..20).contains(&index),
                Problem::Damaged { .. } | Problem::CutOff { .. } => index >= 20,
                _ => false,
            };
            assert!(plausible, "bit {bit} of byte {index}: {found:?}");
            assert!(
                before == 0 || before == events.len() as u64,
                "bit {bit} of byte {index}: {before} events"
            );
        }
    }
}

#[test]
fn blocks_lost_or_repeated_are_found() {
    let one = as_compact(&[Event::Instruction; 10], &[]);
    let none = as_compact(&[], &[]);
    let (header, block) = (none.len() - 37, one.len() - none.len());
    let (header, rest) = one.split_at(header);
    let (block, end) = rest.split_at(block);
    assert_eq!(read([header, block, end].concat()).unwrap().len(), 10);
    for damaged in [
        [header, end].concat(),
        [header, block, block, end].concat(),
        [header, block, end, end].concat(),
        [header, block, end, b"\n"].concat(),
    ] {
        let (_, found) = problem(damaged);
        assert!(matches!(found, Problem::Damaged { .. }), "{found:?}");
    }
}

#[test]
fn damage_in_a_compressed_trace() {
    let text = as_lackey(&random_events(&mut Prng::from_env(), 5000));
    for compression in COMPRESSIONS.into_iter().flatten() {
        let mut bytes = compressed(Some(compression), &text);
        // The zstd command writes a checksum, the library here does not, so destroy more than a bit.
        let middle = bytes.len() / 2;
        bytes[middle..middle + 64].fill(0xff);
        let (_, found) = problem(bytes);
        // Where the destroyed part still unpacks, the text is wrong.
        assert!(
            matches!(found, Problem::Compressed { .. } | Problem::Line { .. }),
            "{compression}: {found:?}"
        );
    }
}

#[test]
fn messages_say_what_is_wrong() {
    let mut later = as_compact(&[], &[]);
    later[16] = 7;
    for (bytes, expected) in [
        (later, "it has version 7 of the compact format, this program reads version 1"),
        (b"\x7fELF\x02\x01\x01\0".to_vec(), "not a trace: it begins with \"\u{fffd}"),
        (b"".to_vec(), "not a trace: it is empty"),
        (compressed(Some(Compression::Zstd), b""), "not a trace: it is empty"),
        (b"==1== Memcheck, a memory error detector\n".to_vec(), "was valgrind run with --tool=lackey"),
        (b"I  1000,3\nhello\n".to_vec(), "line 2 is \"hello\", which is no record of lackey"),
        (b"I  1000,3\n L 10".to_vec(), "cut off after 1 events: the last line is incomplete"),
    ] {
        let message = problem(bytes).1.to_string().replace("\\u{7f}ELF", "\u{fffd}");
        assert!(message.contains(expected), "{message:?} lacks {expected:?}");
    }
}

#[test]
fn failures_of_the_system_are_not_blamed_on_the_trace() {
    let missing = TraceReader::open("/nonexistent/trace.tlt").unwrap_err();
    assert!(matches!(missing, ReadError::Open { .. }));
    assert_eq!(missing.to_string(), "cannot open trace /nonexistent/trace.tlt");
    let folder = TraceReader::open("/").unwrap_err();
    assert!(matches!(folder, ReadError::Read { .. }), "{folder:?}");

    /// A disk that fails behind its first bytes.
    struct Failing(Cursor<Vec<u8>>);
    impl io::Read for Failing {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            match self.0.read(into)? {
                0 => Err(io::Error::from_raw_os_error(5)),
                length => Ok(length),
            }
        }
    }
    let events = random_events(&mut Prng::from_env(), 100);
    for compression in COMPRESSIONS {
        let mut bytes = compressed(compression, &as_lackey(&events));
        bytes.truncate(bytes.len() - 1);
        let result = TraceReader::new("disk", Failing(Cursor::new(bytes)));
        let error = match result {
            Ok(mut trace) => trace.find_map(Result::err).unwrap(),
            Err(error) => error,
        };
        assert!(matches!(error, ReadError::Read { .. }), "{compression:?}: {error:?}");
    }
}

#[test]
fn a_full_disk_fails_the_writer() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let error = CompactWriter::new(full, &Header::default()).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}

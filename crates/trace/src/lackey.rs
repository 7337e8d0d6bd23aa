//! The text that `valgrind --tool=lackey --trace-mem=yes` writes:
//!
//! ```text
//! ==4424== Lackey, an example Valgrind tool
//! I  0401ab70,3
//!  S 1ffeffe7e,8
//!  L 04a17de0,8
//!  M 00126d68,4
//! ```
//!
//! Valgrind's own lines (`==pid==`, `--pid--`, `**pid**`) and empty lines may stand anywhere and are skipped. Any
//! other line is an error: it would be output of the traced program, and where that goes to the same file it can
//! also tear a record apart, which then reads as another address.

use std::io::{self, Read};

use crate::error::{Cut, Fault, Problem};
use crate::event::{Event, VirtAddr};

/// Read at a time: large enough to make a read cheap, small enough to stay in the cache.
const BUFFER: usize = 256 << 10;
/// The most characters of a foreign line that a message shows.
const SHOWN: usize = 60;

/// Reads lackey text.
pub(crate) struct LackeyReader<R> {
    input: R,
    buffer: Vec<u8>,
    /// The bytes of `buffer` that were read but not yet decoded: an incomplete line.
    pending: usize,
    lines: u64,
    events: u64,
    /// Whether any line showed that valgrind wrote this.
    recognised: bool,
    ended: bool,
}

impl<R: Read> LackeyReader<R> {
    pub(crate) fn new(input: R) -> Self {
        LackeyReader {
            input,
            buffer: vec![0; BUFFER],
            pending: 0,
            lines: 0,
            events: 0,
            recognised: false,
            ended: false,
        }
    }

    /// Appends the events of the next lines; none are appended only at the end. With an error, the events before
    /// it are appended.
    pub(crate) fn read(&mut self, events: &mut Vec<Event>) -> Result<(), Fault> {
        let before = events.len();
        while events.len() == before && !self.ended {
            let length = match self.input.read(&mut self.buffer[self.pending..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            };
            if length == 0 {
                self.ended = true;
                return Ok(self.end()?);
            }
            let filled = self.pending + length;
            // What is pending holds no line end, or it would not be pending.
            let Some(last) = self.buffer[self.pending..filled].iter().rposition(|&byte| byte == b'\n') else {
                self.pending = filled;
                if filled == self.buffer.len() {
                    return Err(self.foreign(&self.buffer, self.lines + 1).into());
                }
                continue;
            };
            let complete = self.pending + last + 1;
            let result = self.decode(complete, events);
            self.events += (events.len() - before) as u64;
            result?;
            self.buffer.copy_within(complete..filled, 0);
            self.pending = filled - complete;
        }
        Ok(())
    }

    /// Decodes the first `length` bytes of the buffer, which are complete lines.
    fn decode(&mut self, length: usize, events: &mut Vec<Event>) -> Result<(), Problem> {
        let mut rest = &self.buffer[..length];
        while !rest.is_empty() {
            if let Some((event, length)) = record(rest) {
                events.push(event);
                rest = &rest[length..];
            } else {
                let length = rest.iter().position(|&byte| byte == b'\n').map_or(rest.len(), |end| end + 1);
                let line = rest[..length].trim_ascii_end();
                if is_message(line) {
                    self.recognised = true;
                } else if !line.is_empty() {
                    self.recognised |= !events.is_empty();
                    return Err(self.foreign(line, self.lines + 1));
                }
                rest = &rest[length..];
            }
            self.lines += 1;
        }
        self.recognised |= !events.is_empty();
        Ok(())
    }

    /// Checks that the text may end here.
    fn end(&self) -> Result<(), Problem> {
        let pending = &self.buffer[..self.pending];
        match (self.recognised, pending.is_empty()) {
            (true, false) => Err(Problem::CutOff { cut: Cut::Line, events: self.events }),
            (true, true) if self.events == 0 => Err(Problem::NoRecords),
            (true, true) => Ok(()),
            (false, false) => Err(self.foreign(pending, self.lines + 1)),
            (false, true) => Err(Problem::NotATrace { found: "is empty".into() }),
        }
    }

    /// The problem with a line that does not belong here: before anything of valgrind was seen, the whole file
    /// does not.
    fn foreign(&self, text: &[u8], line: u64) -> Problem {
        let shown = String::from_utf8_lossy(&text[..text.len().min(4 * SHOWN)]);
        let mut text: String = shown.chars().take(SHOWN).flat_map(char::escape_debug).collect();
        if shown.chars().nth(SHOWN).is_some() {
            text.push_str("...");
        }
        match self.recognised {
            true => Problem::Line { line, text },
            false => Problem::NotATrace { found: format!("begins with \"{text}\"") },
        }
    }
}

/// The record at the start of `text`, and its length with its line end; `None` if there is none. `text` ends with
/// a line end.
#[inline]
fn record(text: &[u8]) -> Option<(Event, usize)> {
    let kind = text.first_chunk::<3>()?;
    let mut at = 3;
    let mut addr = 0u64;
    loop {
        let digit = HEX[usize::from(*text.get(at)?)];
        if digit > 15 {
            break;
        }
        addr = addr << 4 | u64::from(digit);
        at += 1;
    }
    if !(4..=3 + 16).contains(&at) || text[at] != b',' {
        return None;
    }
    at += 1;
    let first = at;
    let mut size = 0u32;
    loop {
        let digit = text.get(at)?.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        size = size.wrapping_mul(10).wrapping_add(digit.into());
        at += 1;
    }
    // Nine digits fit into 32 bits; an access of no bytes, or past the end of memory, is none.
    if text[at] != b'\n' || at - first > 9 || size == 0 || addr.checked_add(u64::from(size) - 1).is_none() {
        return None;
    }
    let addr = VirtAddr(addr);
    let event = match kind {
        b"I  " => Event::Instruction,
        b" L " => Event::Load { addr, size },
        b" S " => Event::Store { addr, size },
        b" M " => Event::Modify { addr, size },
        _ => return None,
    };
    Some((event, at + 1))
}

/// The value of each hexadecimal digit, 16 for every other byte.
const HEX: [u8; 256] = {
    let mut table = [16; 256];
    let mut value = 0;
    while value < 16 {
        table[b"0123456789abcdef"[value] as usize] = value as u8;
        table[b"0123456789ABCDEF"[value] as usize] = value as u8;
        value += 1;
    }
    table
};

/// Whether the line is one of valgrind's own: `==123== text`, `--123-- text` or `**123** text`.
fn is_message(line: &[u8]) -> bool {
    let Some((mark, rest)) = line.split_first_chunk::<2>() else { return false };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    matches!(mark, b"==" | b"--" | b"**") && digits > 0 && rest[digits..].starts_with(mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out its bytes `step` at a time, as a pipe might.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(self.0.len()).min(into.len());
            into[..length].copy_from_slice(&self.0[..length]);
            self.0 = &self.0[length..];
            Ok(length)
        }
    }

    fn read_all(text: &[u8], step: usize) -> (Vec<Event>, Result<(), Problem>) {
        let mut reader = LackeyReader::new(Trickle(text, step));
        let mut events = Vec::new();
        loop {
            let before = events.len();
            match reader.read(&mut events) {
                Ok(()) if events.len() == before => return (events, Ok(())),
                Ok(()) => {}
                Err(Fault::Problem(problem)) => return (events, Err(problem)),
                Err(Fault::Io(error)) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn every_kind_of_line() {
        let text =
            b"==12== Lackey\n\nI  0401ab70,3\n S 1ffeffe7e,8\n--12-- note\n L 04a17de0,16\n**12** note\n\
                     ==12== \n M FFffFFffFFffFFfe,2\nI  0,1\n==12==\n";
        let expected = [
            Event::Instruction,
            Event::Store { addr: VirtAddr(0x1ffeffe7e), size: 8 },
            Event::Load { addr: VirtAddr(0x4a17de0), size: 16 },
            Event::Modify { addr: VirtAddr(u64::MAX - 1), size: 2 },
            Event::Instruction,
        ];
        for step in 1..text.len() {
            let (events, result) = read_all(text, step);
            assert_eq!(events, expected, "{step} bytes at a time");
            assert!(result.is_ok(), "{result:?}");
        }
    }

    #[test]
    fn foreign_lines_are_named() {
        for foreign in [
            "hello",
            "I 0401ab70,3",
            "I  0401ab70",
            "I  ,3",
            " S 1000,0",
            " S 1000,-1",
            " S 1000,8 ",
            " S 11112222333344445,8",
            " S 1000,9999999999",
            " S ffffffffffffffff,2",
            " X 1000,8",
            "== 12== x",
            "\u{1}\"\u{fffd}",
        ] {
            let (events, result) = read_all(format!("I  1000,4\n\n{foreign}\nI  1004,4\n").as_bytes(), 7);
            assert_eq!(events.len(), 1);
            match result {
                Err(Problem::Line { line: 3, text }) => {
                    assert_eq!(
                        text,
                        foreign.trim_end().chars().flat_map(char::escape_debug).collect::<String>()
                    );
                }
                other => panic!("{foreign:?} gave {other:?}"),
            }
        }
    }

    #[test]
    fn other_files_are_not_traces() {
        let long = [b'x'; BUFFER + 1];
        for (text, found) in [
            (&b""[..], "is empty"),
            (b"\n\n", "is empty"),
            (b"#!/bin/sh\necho\n", "begins with \"#!/bin/sh\""),
            (b"no line end", "begins with \"no line end\""),
            (&long, &format!("begins with \"{}...\"", "x".repeat(SHOWN))),
        ] {
            match read_all(text, usize::MAX) {
                (_, Err(Problem::NotATrace { found: actual })) => assert_eq!(actual, found),
                (_, other) => panic!("{found} gave {other:?}"),
            }
        }
    }

    #[test]
    fn ends_too_early() {
        let cut = read_all(b"I  1000,4\nI  1004,", 100).1;
        assert!(matches!(cut, Err(Problem::CutOff { cut: Cut::Line, events: 1 })), "{cut:?}");
        let nothing = read_all(b"==1== Memcheck\n==1== \n", 100).1;
        assert!(matches!(nothing, Err(Problem::NoRecords)), "{nothing:?}");
    }
}

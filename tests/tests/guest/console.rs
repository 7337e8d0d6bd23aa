//! The lines that the guest's init sends over the serial console; `tests/guest/src/console.rs` writes them.

use std::str::SplitN;

/// A line for the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A test ended.
    Test { name: String, passed: bool, ms: u64, error: String },
    /// Something was measured.
    Figure { name: String, value: String, unit: String },
    /// The device was found and bound.
    Device(String),
    /// Stores and reports are under way, without end.
    Spinning,
    /// Something went wrong outside the tests.
    Error(String),
    /// All tests have run.
    Done { passed: usize, failed: usize },
}

/// How a guest ended without a further message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Its console was closed.
    Silent,
    /// Nothing came in time.
    TimedOut,
}

impl Message {
    /// Reads a line of the console; None for talk.
    pub fn parse(line: &str) -> Option<Self> {
        let rest = line.trim().strip_prefix("@tideline ")?;
        let mut words = rest.splitn(5, ' ');
        let message = match words.next()? {
            "test" => test(words),
            "figure" => figure(words),
            "device" => words.next().map(|bdf| Self::Device(bdf.to_owned())),
            "spinning" => Some(Self::Spinning),
            "error" => Some(Self::Error(rest["error".len()..].trim().to_owned())),
            "done" => done(rest),
            _ => None,
        };
        // What cannot be read must not look like silence.
        message.or_else(|| Some(Self::Error(format!("unreadable line of the guest: {line:?}"))))
    }
}

fn test(mut words: SplitN<'_, char>) -> Option<Message> {
    let name = words.next()?.to_owned();
    let passed = match words.next()? {
        "passed" => true,
        "failed" => false,
        _ => return None,
    };
    let ms = words.next()?.parse().ok()?;
    let error = words.next()?.strip_prefix("ms")?.trim_start_matches(": ").to_owned();
    Some(Message::Test { name, passed, ms, error })
}

fn figure(mut words: SplitN<'_, char>) -> Option<Message> {
    let mut word = || words.next().map(str::to_owned);
    Some(Message::Figure { name: word()?, value: word()?, unit: word()? })
}

fn done(rest: &str) -> Option<Message> {
    let (passed, failed) = rest.strip_prefix("done ")?.split_once(" passed, ")?;
    let failed = failed.strip_suffix(" failed")?;
    Some(Message::Done { passed: passed.parse().ok()?, failed: failed.parse().ok()? })
}

#[test]
fn lines_are_understood() {
    let parse = Message::parse;
    assert_eq!(parse("[    1.0] tideline: talk"), None);
    assert_eq!(
        parse("@tideline test queues_wrap failed 90 ms: page 3 line 4: not what was stored\r"),
        Some(Message::Test {
            name: "queues_wrap".into(),
            passed: false,
            ms: 90,
            error: "page 3 line 4: not what was stored".into()
        })
    );
    assert_eq!(
        parse("@tideline figure mmio_read 16.2 us"),
        Some(Message::Figure { name: "mmio_read".into(), value: "16.2".into(), unit: "us".into() })
    );
    assert_eq!(parse("@tideline done 36 passed, 1 failed"), Some(Message::Done { passed: 36, failed: 1 }));
    assert_eq!(parse("@tideline error no PCI bus"), Some(Message::Error("no PCI bus".into())));
    assert!(matches!(parse("@tideline test half"), Some(Message::Error(_))));
}

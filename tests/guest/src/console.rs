//! What the host reads from the serial console: lines that begin with `@tideline`, everything else is talk.
//!
//! ```text
//! @tideline test random_epochs passed 812 ms
//! @tideline test queues_wrap failed 90 ms: not what was stored last
//! @tideline figure mmio_read 16.2 us
//! @tideline device 0000:01:00.0
//! @tideline error no Tideline device
//! @tideline done 36 passed, 0 failed
//! ```

use std::io::Write;
use std::time::Duration;

/// One line for the host.
pub fn say(text: &str) {
    let one_line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut out = std::io::stdout().lock();
    // The kernel may have left the cursor anywhere. With the console gone there is nobody to tell.
    let _ = write!(out, "\n@tideline {one_line}\n");
    let _ = out.flush();
}

/// How a test ended.
pub fn test(name: &str, took: Duration, error: Option<&str>) {
    let ms = took.as_millis();
    match error {
        None => say(&format!("test {name} passed {ms} ms")),
        Some(error) => say(&format!("test {name} failed {ms} ms: {error}")),
    }
}

/// Something that was measured.
pub fn figure(name: &str, value: f64, unit: &str) {
    say(&format!("figure {name} {value:.1} {unit}"));
}

/// The end.
pub fn done(passed: u32, failed: u32) {
    say(&format!("done {passed} passed, {failed} failed"));
}

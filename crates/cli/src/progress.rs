//! Progress on standard error, if that is a terminal; else silence.

use indicatif::{ProgressBar, ProgressStyle};

const BAR: &str = "{prefix:>9} {bar:30} {human_pos} of about {human_len} instructions, {per_sec} {msg}";
const SPINNER: &str = "{prefix:>9} {human_pos} instructions, {per_sec} {msg}";

/// A display of instructions done; `expected` makes it a bar.
pub fn instructions(what: &'static str, expected: Option<u64>) -> ProgressBar {
    let (bar, template) = match expected {
        Some(length) => (ProgressBar::new(length), BAR),
        None => (ProgressBar::no_length(), SPINNER),
    };
    let style = ProgressStyle::with_template(template).expect("the templates are valid");
    bar.with_style(style).with_prefix(what)
}

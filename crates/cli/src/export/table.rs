//! The table on standard output.

use crate::replay::figures::{Epoch, Figures, Report};
use crate::size::Size;
use std::fmt::Write;

/// Longer lists lose their middle.
const MOST_EPOCHS: usize = 16;
/// Epochs shown at either end of a shortened list.
const ENDS: usize = 6;

/// The head of the table: how lines were found that were not written back depends on the attach.
fn head(report: &Report) -> String {
    let found = format!("found by {}", way(report));
    format!(
        "\
\x20                        lines                                        amplification
  epoch     written    reported   missed invented {found:>15}       64 B      4 KiB      2 MiB
"
    )
}

fn way(report: &Report) -> &'static str {
    if report.config.attach == "axi" { "flush" } else { "recall" }
}

/// The whole report as text.
pub fn render(report: &Report) -> String {
    let mut text = String::new();
    title(&mut text, report);
    text.push_str(&head(report));
    let epochs = &report.epochs;
    let shown = if epochs.len() > MOST_EPOCHS { ENDS } else { epochs.len() };
    epochs[..shown].iter().for_each(|epoch| row(&mut text, epoch));
    if shown < epochs.len() {
        let _ = writeln!(text, "    ... {} more", grouped((epochs.len() - 2 * ENDS) as u64));
        epochs[epochs.len() - ENDS..].iter().for_each(|epoch| row(&mut text, epoch));
    }
    figures(&mut text, "total", &report.totals);
    summary(&mut text, report);
    text
}

/// A number with its thousands apart.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn title(text: &mut String, report: &Report) {
    let config = &report.config;
    let epoch = match config.epoch {
        0 => "one epoch".to_owned(),
        n => format!("epochs of {} instructions", grouped(n)),
    };
    let what = config.command.as_ref().map_or(config.trace.clone(), |words| words.join(" "));
    let _ = writeln!(
        text,
        "{what}\n{} instructions, {} pages of 4 KiB touched\ntarget {}, attached by {}, cache {} in {} ways, {epoch}, \
         {} {}\n",
        grouped(report.trace.instructions),
        grouped(report.trace.pages),
        config.target,
        config.attach,
        Size(config.cache),
        config.ways,
        if config.recall { "with" } else { "without" },
        way(report),
    );
}

fn row(text: &mut String, epoch: &Epoch) {
    figures(text, &grouped(epoch.index), &epoch.figures);
}

fn figures(text: &mut String, name: &str, figures: &Figures) {
    let (c, a) = (&figures.counts, &figures.amplification);
    let ratio = |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{v:.2}"));
    let _ = writeln!(
        text,
        "{name:>7} {:>11} {:>11} {:>8} {:>8} {:>15} {:>10} {:>10} {:>10}",
        grouped(c.lines_written),
        grouped(c.lines_reported),
        grouped(c.lines_missed),
        grouped(c.lines_invented),
        grouped(c.lines_found_by_recall),
        ratio(a.line),
        ratio(a.page),
        ratio(a.huge),
    );
}

fn summary(text: &mut String, report: &Report) {
    let counts = &report.totals.counts;
    let _ = match counts.is_exact() {
        true => writeln!(text, "\nExact: every line written was reported in its epoch, and no other."),
        false => writeln!(
            text,
            "\nNOT EXACT: {} lines missed, {} invented.",
            grouped(counts.lines_missed),
            grouped(counts.lines_invented)
        ),
    };
    if let (Some(cycles), Some(speed)) = (report.rtl.cycles, report.rtl.cycles_per_second) {
        let _ = writeln!(
            text,
            "RTL: {} cycles, {} simulated per second.",
            grouped(cycles),
            grouped(speed as u64)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands() {
        let texts = [0, 999, 1_000, 65_536, 1_234_567].map(grouped);
        assert_eq!(texts, ["0", "999", "1,000", "65,536", "1,234,567"]);
    }
}

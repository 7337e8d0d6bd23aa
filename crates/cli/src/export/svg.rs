//! The picture of where a program writes: one row per page, one column per line of a page, darker the more epochs.
//!
//! Written by hand: one path per colour, so that a picture of a thousand rows stays below a megabyte. Its style
//! follows the reader's light or dark scheme.

use crate::export::table::grouped;
use crate::replay::figures::Report;
use crate::replay::heat::HotPage;
use std::fmt::Write;
use tideline_abi::geometry::LINES_PER_PAGE;
use tideline_trace::VirtPage;

/// More pages than this share rows.
const MOST_ROWS: usize = 1024;
/// Height of all rows together, if they are high enough.
const HEIGHT: usize = 640;
/// Least and greatest height of a row.
const ROW_HEIGHTS: (usize, usize) = (1, 12);
const COLUMN: usize = 10;
const LEFT: usize = 130;
const TOP: usize = 78;
const BOTTOM: usize = 56;
const RIGHT: usize = 150;
/// Labels closer than this would touch.
const LABEL_GAP: usize = 12;
/// Without a step in the addresses, a label each so many units.
const LABEL_EVERY: usize = 90;
/// Pages between two neighbours that count as a step in the addresses: 1 MiB.
const STEP: u64 = 256;

/// Colours from few to many epochs, on light and on dark ground.
const LIGHT: [&str; 6] = ["#c6dbef", "#9ecae1", "#6baed6", "#3182bd", "#08519c", "#08264d"];
const DARK: [&str; 6] = ["#173a5e", "#1f5a8c", "#2b83ba", "#57aed1", "#9fd8e8", "#e8fbff"];

/// Pages in one row: the first one's address, and per line the most epochs of any of them.
struct Row {
    first: VirtPage,
    last: VirtPage,
    epochs: [u32; LINES_PER_PAGE],
}

/// The picture.
pub fn render(report: &Report, pages: &[HotPage<'_>]) -> String {
    let per_row = pages.len().div_ceil(MOST_ROWS).max(1);
    let rows: Vec<Row> = pages.chunks(per_row).map(row).collect();
    let height = (HEIGHT / rows.len().max(1)).clamp(ROW_HEIGHTS.0, ROW_HEIGHTS.1);
    let most = rows.iter().flat_map(|row| row.epochs).max().unwrap_or(0);
    let classes = Classes::new(most);

    let (inner_width, inner_height) = (LINES_PER_PAGE * COLUMN, rows.len().max(1) * height);
    let (width, full_height) = (LEFT + inner_width + RIGHT, TOP + inner_height.max(150) + BOTTOM);
    let mut svg = String::new();
    head(&mut svg, width, full_height);
    titles(&mut svg, report, pages.len(), per_row);
    let _ = writeln!(
        svg,
        "<rect class=\"empty\" x=\"{LEFT}\" y=\"{TOP}\" width=\"{inner_width}\" height=\"{inner_height}\"/>"
    );
    cells(&mut svg, &rows, height, &classes);
    line_axis(&mut svg, inner_height);
    page_axis(&mut svg, &rows, height, inner_width);
    legend(&mut svg, &classes, LEFT + inner_width + 24);
    svg.push_str("</svg>\n");
    svg
}

fn row(pages: &[HotPage<'_>]) -> Row {
    let mut epochs = [0; LINES_PER_PAGE];
    for page in pages {
        for (most, &n) in epochs.iter_mut().zip(page.epochs) {
            *most = n.max(*most);
        }
    }
    Row { first: pages[0].page, last: pages[pages.len() - 1].page, epochs }
}

/// Which number of epochs gets which colour: equal steps of its logarithm.
struct Classes {
    /// The greatest number of each class, ascending.
    upper: Vec<u32>,
}

impl Classes {
    fn new(most: u32) -> Self {
        let count = LIGHT.len() as u32;
        let mut upper: Vec<u32> = if most <= count {
            (1..=most).collect()
        } else {
            let bound = |k: u32| f64::from(most).powf(f64::from(k) / f64::from(count)).floor() as u32;
            (1..count).map(bound).chain([most]).collect()
        };
        upper.dedup();
        Self { upper }
    }

    /// The colour of a class: a short scale has its colours apart.
    fn colour(&self, class: usize) -> usize {
        match self.upper.len() {
            0 | 1 => LIGHT.len() / 2,
            n => class * (LIGHT.len() - 1) / (n - 1),
        }
    }

    fn of(&self, epochs: u32) -> Option<usize> {
        (epochs > 0).then(|| self.upper.partition_point(|&upper| upper < epochs))
    }

    fn label(&self, class: usize) -> String {
        let from = if class == 0 { 1 } else { self.upper[class - 1] + 1 };
        let to = self.upper[class];
        if from == to {
            grouped(to.into())
        } else {
            format!("{} to {}", grouped(from.into()), grouped(to.into()))
        }
    }
}

fn head(svg: &mut String, width: usize, height: usize) {
    let colours = |scheme: &[&str]| -> String {
        scheme.iter().enumerate().map(|(i, colour)| format!(" .c{i}{{fill:{colour}}}")).collect()
    };
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\">\n<style>\n\
         text{{font:12px system-ui,sans-serif;fill:#24292f}} .title{{font-size:16px;font-weight:600}} \
         .end{{text-anchor:end}} .middle{{text-anchor:middle}} .code{{font-family:ui-monospace,monospace;font-size:11px}} \
         .paper{{fill:#ffffff}} .empty{{fill:#f3f5f7}} .tick{{stroke:#8c959f;stroke-width:1}}{}\n\
         @media (prefers-color-scheme:dark){{text{{fill:#e6edf3}} .paper{{fill:#0d1117}} .empty{{fill:#161b22}} \
         .tick{{stroke:#6e7681}}{}}}\n</style>\n<rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>\n",
        colours(&LIGHT),
        colours(&DARK),
    );
}

fn titles(svg: &mut String, report: &Report, pages: usize, per_row: usize) {
    let config = &report.config;
    let program = config.command.as_ref().map_or(config.trace.clone(), |words| words.join(" "));
    let what = escape(&shorten(&program, 70));
    let rows = match per_row {
        1 => String::new(),
        n => format!(", {n} pages in a row"),
    };
    let _ = writeln!(
        svg,
        "<title>Where {what} writes</title>\n<text class=\"title\" x=\"{LEFT}\" y=\"26\">Where {what} writes</text>\n\
         <text x=\"{LEFT}\" y=\"46\">{} pages written{rows}; {} epochs</text>",
        grouped(pages as u64),
        grouped(report.epochs.len() as u64),
    );
}

/// One path per colour; equal neighbours in a row are one rectangle.
fn cells(svg: &mut String, rows: &[Row], height: usize, classes: &Classes) {
    let mut paths = vec![String::new(); classes.upper.len()];
    for (y, row) in rows.iter().enumerate() {
        let mut x = 0;
        while x < LINES_PER_PAGE {
            let class = classes.of(row.epochs[x]);
            let run = row.epochs[x..].iter().take_while(|&&n| classes.of(n) == class).count();
            if let Some(class) = class {
                let (left, top, width) = (LEFT + x * COLUMN, TOP + y * height, run * COLUMN);
                let _ = write!(paths[class], "M{left} {top}h{width}v{height}h-{width}z");
            }
            x += run;
        }
    }
    for (class, path) in paths.iter().enumerate().filter(|(_, path)| !path.is_empty()) {
        let _ = writeln!(svg, "<path class=\"c{}\" d=\"{path}\"/>", classes.colour(class));
    }
}

fn line_axis(svg: &mut String, inner_height: usize) {
    let bottom = TOP + inner_height;
    for line in (0..LINES_PER_PAGE).step_by(8).chain([LINES_PER_PAGE - 1]) {
        let x = LEFT + line * COLUMN + COLUMN / 2;
        let _ = writeln!(
            svg,
            "<path class=\"tick\" d=\"M{x} {bottom}v5\"/><text class=\"middle\" x=\"{x}\" y=\"{}\">{line}</text>",
            bottom + 18
        );
    }
    let _ = writeln!(
        svg,
        "<text class=\"middle\" x=\"{}\" y=\"{}\">line of the page (64 bytes)</text>",
        LEFT + LINES_PER_PAGE * COLUMN / 2,
        bottom + 40
    );
}

/// Addresses: where they make a step, a line across and a label; between, a label now and then.
fn page_axis(svg: &mut String, rows: &[Row], height: usize, inner_width: usize) {
    let _ = writeln!(svg, "<text class=\"end\" x=\"{}\" y=\"{}\">page (address)</text>", LEFT - 10, TOP - 12);
    let mut labelled: Option<usize> = None;
    for (i, row) in rows.iter().enumerate() {
        let y = TOP + i * height;
        let is_step = i > 0 && row.first.0 - rows[i - 1].last.0 > STEP;
        if is_step {
            let _ = writeln!(svg, "<path class=\"tick\" d=\"M{} {y}h{}\"/>", LEFT - 5, inner_width + 5);
        }
        let apart = labelled.map_or(usize::MAX, |last| y - last);
        if apart >= LABEL_EVERY || (is_step && apart >= LABEL_GAP) {
            labelled = Some(y);
            let _ = writeln!(
                svg,
                "<text class=\"end code\" x=\"{}\" y=\"{}\">{:#x}</text>",
                LEFT - 10,
                y + 9,
                row.first.start().0
            );
        }
    }
}

fn legend(svg: &mut String, classes: &Classes, x: usize) {
    let _ = writeln!(svg, "<text x=\"{x}\" y=\"{}\">epochs in which</text>", TOP + 10);
    let _ = writeln!(svg, "<text x=\"{x}\" y=\"{}\">it was written</text>", TOP + 26);
    for class in 0..classes.upper.len() {
        let y = TOP + 40 + class * 20;
        let _ = writeln!(
            svg,
            "<rect class=\"c{}\" x=\"{x}\" y=\"{y}\" width=\"14\" height=\"14\"/><text x=\"{}\" y=\"{}\">{}</text>",
            classes.colour(class),
            x + 22,
            y + 11,
            classes.label(class)
        );
    }
}

fn shorten(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_owned(),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_cover_every_number_once() {
        for most in [0, 1, 2, 6, 7, 8, 40, 100_000] {
            let classes = Classes::new(most);
            assert!(classes.upper.is_sorted_by(|a, b| a < b), "{most}: {:?}", classes.upper);
            assert_eq!(classes.upper.last().copied().unwrap_or(0), most);
            for n in 1..=most.min(1000) {
                let class = classes.of(n).unwrap();
                assert!(
                    n <= classes.upper[class] && (class == 0 || n > classes.upper[class - 1]),
                    "{n} of {most}"
                );
            }
            assert_eq!(classes.of(0), None);
        }
    }

    #[test]
    fn names_cannot_break_the_picture() {
        assert_eq!(escape("a<b>&\"c\""), "a&lt;b&gt;&amp;&quot;c&quot;");
        assert_eq!(shorten("äöü", 2), "äö...");
    }
}

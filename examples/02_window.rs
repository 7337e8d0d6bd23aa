//! The window as memory: bytes of any alignment, and values of plain types.

mod opener;

use anyhow::Result;
use tideline_driver::{Cell, Frame, Gather, Offset, PageIndex, PageRange, Span};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Any `#[repr(C)]` structure of numbers without padding can lie in the window.
#[derive(Debug, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct Sample {
    time: u64,
    celsius: f32,
    sensor: u32,
}

fn main() -> Result<()> {
    let mut device = opener::from_command_line()?;
    let pages = PageRange::new(PageIndex(0), 4)?;
    device.map(pages, Frame(0))?;
    let tracker = device.track_start(&[pages])?;

    let mut window = device.window();
    window.write(Offset(0x0ffa), b"across a page")?;
    let mut bytes = [0; 13];
    window.read(Offset(0x0ffa), &mut bytes)?;
    println!("read: {}", String::from_utf8_lossy(&bytes));

    // A cell is an offset that knows its type. It is no pointer: keep it in a file if you like.
    let cell = Cell::<Sample>::at(Offset(0x2000));
    window.set(cell, &Sample { time: 1, celsius: 20.5, sensor: 7 })?;
    let sample = window.update(cell, |sample| sample.celsius += 1.0)?;
    println!("{sample:?} in {}", cell.span());

    window.copy(cell.span(), Offset(0x3010))?;
    window.fill(Span::new(Offset(0x3100), 200), 0xff)?;

    // On a board the window is memory of this process.
    println!(
        "mapped memory: {}",
        if window.memory().is_some() { "yes" } else { "no, accesses go by the carrier" }
    );

    let report = device.track_report(&tracker, Gather::Recall)?;
    println!("{} lines written", report.line_count());
    device.track_stop(tracker)?;
    device.unmap(pages)?;
    device.close()?;
    Ok(())
}

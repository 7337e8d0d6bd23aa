//! Which lines were written? Map pages, track them, store, ask.

mod opener;

use anyhow::Result;
use tideline_driver::{Frame, Gather, LineAddr, PageIndex, PageRange};

fn main() -> Result<()> {
    let mut device = opener::from_command_line()?;
    // Sixteen pages of the window show sixteen frames of device memory.
    let pages = PageRange::new(PageIndex(0), 16)?;
    device.map(pages, Frame(0))?;

    let tracker = device.track_start(&[pages])?;
    device.store(LineAddr::new(PageIndex(3), 5), &[1; 64])?;
    device.store(LineAddr::new(PageIndex(7), 63), &[2; 64])?;

    // The device takes write permission from the CPU's caches first: stores that still sit there are in the report too.
    let report = device.track_report(&tracker, Gather::Recall)?;
    for line in report.lines() {
        println!("written: {line}");
    }
    println!("exact: {:?}, all dirty: {}", report.exact(), report.all_dirty());

    // The next report has what came after this one.
    device.store(LineAddr::new(PageIndex(3), 6), &[3; 64])?;
    let report = device.track_report(&tracker, Gather::Recall)?;
    println!("then: {}", report.lines().map(|l| l.to_string()).collect::<Vec<_>>().join(", "));

    device.track_stop(tracker)?;
    device.unmap(pages)?;
    device.close()?;
    Ok(())
}

//! Reads can be tracked too: which lines did the host fetch from the device?

mod opener;

use anyhow::Result;
use tideline_driver::{Frame, Gather, LineAddr, PageIndex, PageRange, TrackConfig};

fn main() -> Result<()> {
    let mut device = opener::from_command_line()?;
    let pages = PageRange::new(PageIndex(0), 4)?;
    device.map(pages, Frame(0))?;
    let tracker = device.track_start_with(&[pages], TrackConfig { accessed: true })?;

    device.load(LineAddr::new(PageIndex(1), 10))?;
    device.load(LineAddr::new(PageIndex(2), 20))?;
    device.store(LineAddr::new(PageIndex(3), 30), &[1; 64])?;

    // What the CPU's caches answer themselves the device does not see: a line that stays there is fetched once.
    let read = device.track_report_accessed(&tracker)?;
    println!("read: {}", read.lines().map(|l| l.to_string()).collect::<Vec<_>>().join(", "));
    let written = device.track_report(&tracker, Gather::Recall)?;
    println!("written: {}", written.lines().map(|l| l.to_string()).collect::<Vec<_>>().join(", "));

    device.track_stop(tracker)?;
    device.unmap(pages)?;
    device.close()?;
    Ok(())
}

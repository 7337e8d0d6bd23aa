//! Several trackers of the same pages: each has epochs of its own.

mod opener;

use anyhow::Result;
use tideline_driver::{Frame, Gather, LineAddr, PageIndex, PageRange, Report};

fn main() -> Result<()> {
    let mut device = opener::from_command_line()?;
    let pages = PageRange::new(PageIndex(0), 8)?;
    device.map(pages, Frame(0))?;
    let line = |page, line| LineAddr::new(PageIndex(page), line);

    // A backup that asks seldom, a replication that asks often, both of page 2.
    let backup = device.track_start(&[PageRange::new(PageIndex(0), 4)?])?;
    device.store(line(2, 0), &[1; 64])?;
    let replication = device.track_start(&[PageRange::new(PageIndex(2), 4)?])?;
    device.store(line(2, 1), &[2; 64])?;
    show(
        "replication, not what was written before its start",
        &device.track_report(&replication, Gather::Recall)?,
    );
    device.store(line(2, 2), &[3; 64])?;
    device.store(line(5, 0), &[4; 64])?;
    show("replication, its second epoch", &device.track_report(&replication, Gather::Recall)?);
    show("backup, one long epoch", &device.track_report(&backup, Gather::Recall)?);

    // When one stops, the other goes on.
    device.track_stop(replication)?;
    device.store(line(2, 3), &[5; 64])?;
    show("backup", &device.track_report(&backup, Gather::Recall)?);
    device.track_stop(backup)?;
    device.unmap(pages)?;
    device.close()?;
    Ok(())
}

fn show(who: &str, report: &Report) {
    println!("{who}: {}", report.lines().map(|l| l.to_string()).collect::<Vec<_>>().join(", "));
}

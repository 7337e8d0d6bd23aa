//! A checkpoint is the dirty lines of each epoch in a file: restoring them in order gives the memory back.

mod opener;

use anyhow::Result;
use tideline_driver::{Frame, Gather, Offset, PageIndex, PageRange};
use tideline_kv::checkpoint::{Checkpoints, restore};

fn main() -> Result<()> {
    let mut device = opener::from_command_line()?;
    let folder = tempfile::tempdir()?;
    let pages = PageRange::new(PageIndex(0), 16)?;
    device.map(pages, Frame(0))?;
    device.window().fill(pages.into(), 0)?;

    let tracker = device.track_start(&[pages])?;
    let mut checkpoints = Checkpoints::begin(folder.path(), pages)?;
    for text in ["the first version of this text", "the second"] {
        device.window().write(Offset(0x5000), text.as_bytes())?;
        let report = device.track_report(&tracker, Gather::Recall)?;
        let bytes = checkpoints.save(&mut device, &report)?;
        println!("saved {} lines in {bytes} bytes", report.line_count());
    }
    device.track_stop(tracker)?;

    // Something goes wrong ...
    device.window().fill(pages.into(), 0xee)?;
    // ... and is undone.
    let files = restore(&mut device, folder.path(), pages)?;
    let mut text = [0; 30];
    device.window().read(Offset(0x5000), &mut text)?;
    println!("restored from {files} files: {:?}", String::from_utf8_lossy(&text));
    device.unmap(pages)?;
    device.close()?;
    Ok(())
}

//! An application's own structures in tracked memory: an arena gives out places for them.

mod opener;

use anyhow::{Context, Result};
use tideline_driver::{Arena, Cell, Frame, Gather, PageIndex, PageRange, pages_of};

fn main() -> Result<()> {
    let mut device = opener::from_command_line()?;
    let pages = PageRange::new(PageIndex(32), 8)?;
    device.map(pages, Frame(0))?;

    // The arena borrows nothing: what touches memory takes the window.
    let mut arena = Arena::create(&mut device.window(), pages)?;
    let counter = arena.alloc_cell(&mut device.window(), &0u64)?;
    let table = arena.alloc_cells::<[f32; 3]>(&mut device.window(), 200)?;
    let scratch = arena.alloc(&mut device.window(), 1000, 64)?;
    arena.set_root(&mut device.window(), counter)?;

    // Track the pages of two of them.
    let tracker = device.track_start(&pages_of([counter.span(), table.span()])?)?;
    let mut window = device.window();
    window.update(counter, |n| *n += 1)?;
    window.set(table.get(17)?, &[1.0, 2.0, 3.0])?;
    let report = device.track_report(&tracker, Gather::Recall)?;
    for line in report.lines() {
        let of = [("counter", counter.span()), ("table", table.span())];
        let names = of.iter().filter(|(_, span)| span.lines().any(|l| l == line)).map(|(name, _)| *name);
        println!("written: {line}, of {}", names.collect::<Vec<_>>().join(" and "));
    }
    device.track_stop(tracker)?;
    arena.free(&mut device.window(), scratch)?;

    // Whoever opens the arena later finds everything: all that it knows lies in its pages.
    let again = Arena::open(&mut device.window(), pages)?;
    let root = again.root(&mut device.window())?.context("a root was set")?;
    println!("counter: {}, {} blocks", device.window().get(Cell::<u64>::at(root))?, again.blocks().count());
    device.unmap(pages)?;
    device.close()?;
    Ok(())
}

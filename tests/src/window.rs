//! The window as applications use it: bytes of any alignment, values, an arena.

use crate::Outcome;
use crate::world::{generator, map_shuffled, pages, same_lines};
use rand::Rng;
use std::collections::BTreeSet;
use tideline_driver::{
    Arena, Carrier, Cell, Device, Error, Frame, Gather, LineAddr, Offset, PageRange, Span, pages_of,
};

/// Random reads, writes, fills and copies against an array of bytes; the report has the lines that they wrote to.
pub fn window_bytes<C: Carrier>(mut device: Device<C>) -> Outcome {
    const PAGES: u32 = 6;
    const BYTES: u64 = PAGES as u64 * 4096;
    let mut rng = generator("window_bytes");
    let range = pages(33, PAGES);
    map_shuffled(&mut device, &mut rng, range)?;
    let base = Offset::from(range.first()).0;
    device.window().fill(range.into(), 0x11)?;
    let mut expected = vec![0x11; BYTES as usize];
    let tracker = device.track_start(&[range])?;
    for _ in 0..6 {
        let mut written = BTreeSet::new();
        for _ in 0..25 {
            let most = if rng.random_bool(0.1) { 5000 } else { 150 };
            let len = rng.random_range(0..=most);
            let start = rng.random_range(0..=BYTES - len);
            let (span, at) = (Span::new(Offset(base + start), len), start as usize..(start + len) as usize);
            let mut window = device.window();
            match rng.random_range(0..5) {
                0 => {
                    let byte = rng.random();
                    window.fill(span, byte)?;
                    expected[at].fill(byte);
                }
                1 => {
                    let to = rng.random_range(0..=BYTES - len);
                    window.copy(span, Offset(base + to))?;
                    expected.copy_within(at, to as usize);
                    written.extend(Span::new(Offset(base + to), len).lines());
                    continue;
                }
                2 => {
                    let mut bytes = vec![0; len as usize];
                    window.read(span.start, &mut bytes)?;
                    assert!(bytes == expected[at], "{span}: not what was written last");
                    continue;
                }
                _ => {
                    let data: Vec<u8> = (0..len).map(|_| rng.random()).collect();
                    window.write(span.start, &data)?;
                    expected[at].copy_from_slice(&data);
                }
            }
            written.extend(span.lines());
        }
        let report = device.track_report(&tracker, Gather::Recall)?;
        assert_eq!(report.loss(), None);
        same_lines(report.lines().collect(), written);
    }
    let mut all = vec![0; BYTES as usize];
    device.window().read(Offset(base), &mut all)?;
    assert!(all == expected);
    // Where the window is memory of this process it shows the same.
    // SAFETY: the device is this test's alone.
    if let Some(slice) = unsafe { device.window().slice(range.into()) }? {
        assert!(*slice == expected);
        slice[4095] ^= 1;
        let last = line_of(range, 4095);
        same_lines(device.track_report(&tracker, Gather::Recall)?.lines().collect(), BTreeSet::from([last]));
    }
    device.track_stop(tracker)
}

/// The line of a byte of these pages.
fn line_of(range: PageRange, byte: u64) -> LineAddr {
    Offset(Offset::from(range.first()).0 + byte).line()
}

/// Accesses behind the end of the window are refused with both sizes, and do nothing.
pub fn window_ends<C: Carrier>(mut device: Device<C>) -> Outcome {
    let last = device.pages().end().0 - 1;
    device.map(pages(last, 1), Frame(0))?;
    let size = u64::from(last + 1) * 4096;
    let mut window = device.window();
    assert_eq!(window.size(), size);
    window.fill(pages(last, 1).into(), 7)?;
    let (end, mut two) = (Offset(size - 1), [0; 2]);
    let refused = [
        window.write(end, &two),
        window.read(end, &mut two),
        window.fill(Span::new(end, 2), 0),
        window.copy(Span::new(Offset(size - 64), 64), Offset(size - 63)),
        window.set(Cell::<u16>::at(end), &0),
        window.read(Offset(u64::MAX), &mut two),
    ];
    for result in refused {
        assert!(matches!(result, Err(Error::BeyondWindow { size: s, .. }) if s == size), "{result:?}");
    }
    window.read(Offset(size - 2), &mut two)?;
    assert_eq!(two, [7, 7]);
    Ok(())
}

/// An application's structures in an arena: a report has the lines of what was changed, and another process that opens the
/// arena finds everything.
pub fn arena_in_tracked_memory<C: Carrier>(mut device: Device<C>) -> Outcome {
    let mut rng = generator("arena_in_tracked_memory");
    let place = pages(60, 8);
    map_shuffled(&mut device, &mut rng, place)?;
    let none = Arena::open(&mut device.window(), place);
    assert!(matches!(none, Err(Error::NoArena { .. })), "{none:?}");

    let mut arena = Arena::create(&mut device.window(), place)?;
    let counter = arena.alloc_cell(&mut device.window(), &0u64)?;
    let table = arena.alloc_cells::<[u32; 5]>(&mut device.window(), 300)?;
    let text = arena.alloc(&mut device.window(), 4096, 4096)?;
    arena.set_root(&mut device.window(), counter)?;
    let tracker = device.track_start(&pages_of([counter.span(), table.span(), text])?)?;
    for round in 1..6u32 {
        let mut written = BTreeSet::new();
        let mut window = device.window();
        assert_eq!(window.update(counter, |n| *n += 1)?, u64::from(round));
        written.extend(counter.span().lines());
        for _ in 0..10 {
            let index = rng.random_range(0..table.len());
            let cell = table.get(index)?;
            window.set(cell, &[round, index as u32, 0, 0, 0])?;
            written.extend(cell.span().lines());
        }
        let part = Span::new(Offset(text.start.0 + rng.random_range(0..4000)), 50);
        window.fill(part, round as u8)?;
        written.extend(part.lines());
        let report = device.track_report(&tracker, Gather::Recall)?;
        same_lines(report.lines().collect(), written);
    }
    device.track_stop(tracker)?;

    // Another process: it knows the pages, and nothing else.
    let mut device = Device::open(device.close()?)?;
    let mut again = Arena::open(&mut device.window(), place)?;
    assert_eq!(again, arena);
    let root = again.root(&mut device.window())?.expect("a root was set");
    assert_eq!(device.window().get(Cell::<u64>::at(root))?, 5);
    for cell in table.iter() {
        let [round, index, ..] = device.window().get(cell)?;
        assert!(round == 0 || table.get(index.into())? == cell);
    }
    again.free(&mut device.window(), table)?;
    again.free(&mut device.window(), text)?;
    assert_eq!(again.blocks().count(), 1);
    device.unmap(place)
}

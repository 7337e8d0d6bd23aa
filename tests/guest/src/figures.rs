//! What an access and a report cost, as a driver in the guest sees it.

use crate::console;
use std::time::Instant;
use tideline_abi::regs::{Id, RecallTimeout};
use tideline_driver::vfio::VfioCarrier;
use tideline_driver::{Bdf, Carrier, Device, Frame, Gather, LineAddr, PageIndex, PageRange};
use tideline_tests::wipe;

/// Times registers, lines and reports, and tells the host.
pub fn measure(bdf: Bdf) -> Result<(), Box<dyn std::error::Error>> {
    let mut device = Device::open(VfioCarrier::open(bdf)?)?;
    wipe(&mut device)?;
    let range = PageRange::new(PageIndex(0), 64)?;
    device.map(range, Frame(0))?;

    let carrier = device.carrier_mut();
    console::figure("mmio_read", median(200, || carrier.read32(Id::OFFSET).map(drop))?, "us");
    let value = RecallTimeout::default().0;
    console::figure("mmio_write", median(200, || carrier.write32(RecallTimeout::OFFSET, value))?, "us");
    let line = LineAddr::new(PageIndex(1), 1);
    console::figure("line_load", median(100, || device.load(line).map(drop))?, "us");
    console::figure("line_store", median(100, || device.store(line, &[1; 64]))?, "us");
    console::figure("identify", median(50, || device.identify().map(drop))?, "us");

    let tracker = device.track_start(&[range])?;
    for (name, lines) in [("report_of_0_lines", 0), ("report_of_1_line", 1), ("report_of_64_lines", 64)] {
        let mut times = Vec::new();
        for round in 0..20 {
            for page in range.pages().take(lines) {
                device.store(LineAddr::new(page, round), &[round; 64])?;
            }
            // Stores are posted: a load behind them has waited for all.
            device.load(LineAddr::new(range.first(), round))?;
            let begin = Instant::now();
            let report = device.track_report(&tracker, Gather::Recall)?;
            times.push(begin.elapsed().as_secs_f64() * 1e6);
            if report.line_count() != lines as u64 {
                return Err(format!("{name}: {} lines reported", report.line_count()).into());
            }
        }
        console::figure(name, middle(times), "us");
    }
    device.track_stop(tracker)?;
    device.close()?;
    Ok(())
}

/// The median time of a call, in microseconds.
fn median<E>(calls: usize, mut call: impl FnMut() -> Result<(), E>) -> Result<f64, E> {
    let mut times = Vec::with_capacity(calls);
    for _ in 0..calls {
        let begin = Instant::now();
        call()?;
        times.push(begin.elapsed().as_secs_f64() * 1e6);
    }
    Ok(middle(times))
}

fn middle(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

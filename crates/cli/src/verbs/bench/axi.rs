//! The same walk over AXI4: one burst of one line each, every ID in turn.

use super::runner::{PATIENCE, check_line, contents, scattered};
use super::{PAGES, REQUESTS, Rtl};
use anyhow::{Context, Result, ensure};
use tideline_abi::geometry::LINE_BYTES;
use tideline_driver::{Device, Frame, PageIndex, PageRange};
use tideline_tb::axi::{Address, Burst, Resp, WriteBeat};
use tideline_tb::{Attach, AxiAttached, Machine, MachineConfig, RtlConfig, RtlDevice};

/// Lines per cycle: the first writes, whose descriptors are not in the cache yet, reads, and the writes once more.
pub fn measure(config: &RtlConfig, machine: MachineConfig, figures: &mut Rtl) -> Result<()> {
    let attach = Attach::Axi;
    let rtl = AxiAttached::new(RtlDevice::new(&RtlConfig { attach, ..config.clone() })?);
    let mut device = Device::open(Machine::new(rtl, MachineConfig { attach, ..machine })?)?;
    let range = PageRange::new(PageIndex(0), PAGES)?;
    device.map(range, Frame(0))?;
    let _tracker = device.track_start(&[range])?;
    let base = device.window_base().0;
    let burst = |n: u64| {
        let addr = base + scattered(n) * LINE_BYTES as u64;
        Burst { address: Address { id: n as u8, addr, len: 0, size: 6, burst: 1 }, lock: false }
    };
    let rtl = device.carrier_mut().device.rtl();

    let write = |rtl: &mut RtlDevice, n: u8| -> Result<f64> {
        rtl.axi().aw.extend((0..REQUESTS).map(burst));
        let beat = |i| WriteBeat { data: contents(scattered(i), n), strobe: u64::MAX, last: true };
        rtl.axi().w.extend((0..REQUESTS).map(beat));
        let rate = run(rtl).context("writes on axi")?;
        let answers = std::mem::take(&mut rtl.axi().b);
        ensure!(answers.len() as u64 == REQUESTS, "{REQUESTS} writes, {} answers", answers.len());
        ensure!(answers.iter().all(|b| b.resp == Resp::Okay), "a write was not answered OKAY");
        Ok(rate)
    };
    let read = |rtl: &mut RtlDevice, written: u8| -> Result<f64> {
        rtl.axi().ar.extend((0..REQUESTS).map(burst));
        let rate = run(rtl).context("reads on axi")?;
        let answers = std::mem::take(&mut rtl.axi().r);
        ensure!(answers.len() as u64 == REQUESTS, "{REQUESTS} reads, {} answers", answers.len());
        for (n, beat) in answers.iter().enumerate() {
            check_line(scattered(n as u64), &beat.data, written)?;
        }
        Ok(rate)
    };
    figures.axi_write_lines_per_cycle = write(rtl, 0)?;
    figures.axi_read_lines_per_cycle = read(rtl, 0)?;
    figures.axi_hit_write_lines_per_cycle = write(rtl, 1)?;
    read(rtl, 1).map(drop)
}

/// Lines per cycle until everything is answered.
fn run(rtl: &mut RtlDevice) -> Result<f64> {
    let begin = rtl.cycle();
    let mut unused = tideline_abi::cxl::Channels::default();
    while !rtl.axi().is_idle() {
        rtl.tick(&mut unused)?;
        ensure!(rtl.cycle() - begin < PATIENCE, "not all answered after {PATIENCE} cycles");
    }
    Ok(REQUESTS as f64 / (rtl.cycle() - begin) as f64)
}

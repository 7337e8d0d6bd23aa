//! The log where host memory fails now and then.

use tideline_driver::{Device, Frame, LineAddr, LogOptions, LogStatus, PageIndex, PageRange};
use tideline_model::ModelCarrier;

#[test]
fn a_record_that_did_not_arrive_is_counted_and_never_invented() -> Result<(), tideline_driver::Error> {
    let mut device = Device::open(ModelCarrier::new())?;
    let range = PageRange::new(PageIndex(0), 4)?;
    device.map(range, Frame(0))?;
    let tracker = device.track_start(&[range])?;
    device.log_start(LogOptions { records: 8, watermark: 1, timer: 4 })?;
    let mut failed = 0;
    for n in 0..64u64 {
        // The same place of the ring fails in consecutive passes, from the first one on.
        let fails = n % 8 == 3 && n < 40;
        let line = LineAddr(n);
        if fails {
            device.carrier_mut().device_mut().fail_next_dma(1);
            failed += 1;
        }
        device.store(line, &[1; 64])?;
        let lines = device.log(4).collect::<Result<Vec<_>, _>>()?;
        assert_eq!(lines, if fails { vec![] } else { vec![line] }, "record {n}");
        assert_eq!(device.log_status()?, LogStatus { overflow: failed > 0, dropped: 0, failed });
    }
    assert_eq!(device.errors()?.host_memory(), 1);
    device.log_stop()?;
    device.track_stop(tracker)
}

//! What the attach means for software.

use crate::Outcome;
use crate::meddler::Meddler;
use crate::world::{Log, exactness, line, pages};
use tideline_driver::{Arrival, Attach, Carrier, Device, Error, Exactness, Frame, Gather, Recall};

/// A store that no cache evicts is reported all the same, on every attach; only the attach that has recall offers it.
pub fn a_store_that_stays_in_the_cache_is_found<C: Carrier>(mut device: Device<C>) -> Outcome {
    let range = pages(2, 3);
    device.map(range, Frame(5))?;
    let tracker = device.track_start(&[range])?;
    let mut log = Log::default();
    for n in 0..10 {
        log.store(&mut device, line(3, 20))?;
        log.store(&mut device, line(2, n))?;
        let report = device.track_report(&tracker, Gather::Recall)?;
        assert_eq!(report.exact(), exactness(&device));
        log.check_report(&report);
    }
    let recalled = device.recall(range, Recall::EveryCopy);
    match device.info().attach {
        Attach::Cxl => recalled?,
        Attach::Axi => assert!(matches!(recalled, Err(Error::NoCapability("recall"))), "{recalled:?}"),
    }
    log.check_memory(&mut device)?;
    device.track_stop(tracker)
}

/// Where nothing proves that a flush arrived, a line is read back, and the report says that it trusts the platform.
pub fn a_flush_without_proof_says_so<C: Carrier>(device: Device<C>) -> Outcome {
    let mut meddler = Meddler::new(device.close()?);
    meddler.arrival = Some(Arrival::Platform);
    let mut device = Device::open(meddler)?;
    let ranges = [pages(0, 2), pages(8, 2)];
    device.map(pages(0, 10), Frame(0))?;
    let tracker = device.track_start(&ranges)?;
    let mut log = Log::default();
    log.store(&mut device, line(1, 1))?;
    log.store(&mut device, line(9, 63))?;
    let before = device.carrier().read_backs;
    let report = device.track_report(&tracker, Gather::Recall)?;
    let recall = device.has_recall();
    assert_eq!(report.exact(), if recall { Exactness::Recall } else { Exactness::Platform });
    assert_eq!(device.carrier().read_backs - before, if recall { 0 } else { 2 }, "one line of each range");
    log.check_report(&report);
    log.check_memory(&mut device)?;
    device.track_stop(tracker)
}

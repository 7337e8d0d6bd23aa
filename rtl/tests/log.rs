//! The log when it is switched off: what was on its way is dropped in silence.

use rust_hdl_core::prelude::*;
use tideline_rtl::blocks::log_ring::LogRing;

/// LOG_STATUS.overflow and the interrupt are set by a level: one that comes a cycle after a reset would outlive it.
#[test]
fn a_log_that_is_off_tells_nothing() {
    let mut log = LogRing::default();
    log.connect_all();
    log.rst.next = true;
    let edge = |log: &mut LogRing| {
        assert!(simulate(log, 1000), "the kernel settles");
        let told = (log.overflow.val(), log.interrupt.val());
        log.clk.next = Clock { clk: true };
        assert!(simulate(log, 1000), "a clock edge settles");
        log.clk.next = Clock { clk: false };
        log.rst.next = false;
        told
    };
    edge(&mut log);
    log.enable.next = true;
    log.size_log2.next = bits(10);
    log.timer.next = bits(4);
    log.watermark.next = bits(1);
    log.result_valid.next = true;
    log.result.next.newly_dirty = true;
    // Host memory takes a beat, then none: the queue fills and records are dropped in every cycle.
    log.host_ready.next = true;
    for _ in 0..100 {
        edge(&mut log);
        log.host_ready.next = log.idle.val();
    }
    assert!(edge(&mut log).0, "records are dropped");
    // The answers come now, with errors.
    for off in [false, true, true, true] {
        log.enable.next = !off;
        log.host_done.next = true;
        log.host_error.next = true;
        let told = edge(&mut log);
        assert_eq!(told.0, !off, "switched off: {off}");
        assert!(!(off && told.1), "no interrupt of a log that is off");
    }
}

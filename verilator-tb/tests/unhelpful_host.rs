//! A host that answers snoops wrongly, or never: the device runs out of contexts and tags, and still ends every command.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use tideline_abi::command::Status;
use tideline_abi::cxl::{Channels, M2sBirsp, RspOpcode, S2mBisnp};
use tideline_abi::geometry::RECALL_CONTEXTS;
use tideline_abi::regs::RecallTimeout;
use tideline_driver::{
    Carrier, Device, Error, Exactness, Frame, Gather, LineAddr, Loss, PageIndex, PageRange, Recall,
};
use tideline_model::HostMemory;
use tideline_tb::axi::Fault;
use tideline_tb::{DeviceError, LineDevice, Machine, MachineConfig, RtlConfig, RtlDevice};

/// How snoops are answered.
#[derive(Clone)]
enum Answers {
    Never,
    /// Not before this is set, then as a host should, the old ones first.
    Once(Arc<AtomicBool>),
    /// Every line with this, a block as a whole.
    Whole(RspOpcode),
    /// Lines of a block: the first one like this, the others with BIRspI.
    FirstLine(RspOpcode),
    /// Of a block all lines but the first, twice, and the block.
    AllButFirst,
}

/// The RTL behind a link that keeps snoops from the host, and answers them as it likes.
struct Unhelpful {
    rtl: RtlDevice,
    answers: Answers,
    kept: Vec<S2mBisnp>,
}

impl Unhelpful {
    fn intercept(&mut self, channels: &mut Channels) {
        if let Answers::Once(now) = &self.answers {
            self.kept.extend(channels.s2m_bisnp.drain(..));
            if now.load(Relaxed) {
                channels.s2m_bisnp.extend(self.kept.drain(..));
            }
            return;
        }
        for snoop in channels.s2m_bisnp.drain(..) {
            let lines = snoop.lines().1;
            let line = |low, response: RspOpcode| M2sBirsp { opcode: response as u8, tag: snoop.tag, low };
            let each = (0..4).filter(|low| lines >> low & 1 == 1);
            let out = &mut channels.m2s_birsp;
            match &self.answers {
                Answers::Never | Answers::Once(_) => {}
                Answers::Whole(response) => out.push_back(M2sBirsp::whole(&snoop, *response)),
                Answers::FirstLine(response) => {
                    out.extend(each.skip(1).map(|low| line(low, RspOpcode::BiRspI)));
                    out.push_back(line(lines.trailing_zeros() as u8, *response));
                }
                Answers::AllButFirst => {
                    out.extend(each.skip(1).flat_map(|low| [line(low, RspOpcode::BiRspI); 2]));
                    out.push_back(M2sBirsp::whole(&snoop, RspOpcode::BiRspI));
                }
            }
        }
    }
}

impl LineDevice for Unhelpful {
    fn name(&self) -> &'static str {
        "rtl behind an unhelpful host"
    }
    fn tick(&mut self, channels: &mut Channels) -> Result<(), DeviceError> {
        self.rtl.tick(channels)?;
        self.intercept(channels);
        Ok(())
    }
    fn read32(&mut self, channels: &mut Channels, offset: u32) -> Result<u32, DeviceError> {
        let value = self.rtl.read32(channels, offset);
        self.intercept(channels);
        value
    }
    fn write32(&mut self, channels: &mut Channels, offset: u32, value: u32) -> Result<(), DeviceError> {
        self.rtl.write32(channels, offset, value)?;
        self.intercept(channels);
        Ok(())
    }
    fn flr(&mut self, channels: &mut Channels) -> Result<(), DeviceError> {
        self.rtl.flr(channels)?;
        self.intercept(channels);
        Ok(())
    }
    fn irq(&self) -> u32 {
        self.rtl.irq().into()
    }
    fn host_memory(&mut self) -> &mut HostMemory {
        LineDevice::host_memory(&mut self.rtl)
    }
    fn cycle(&self) -> u64 {
        self.rtl.cycle()
    }
}

/// A device whose first `pages` pages are mapped, with `lines` stored lines each, all still in the host's cache.
fn owned(answers: Answers, pages: u32, lines: u8) -> Device<Machine<Unhelpful>> {
    let config = MachineConfig::default();
    let rtl = RtlDevice::new(&RtlConfig::fast(config.frames)).unwrap_or_else(|e| panic!("{e}"));
    let machine =
        Machine::new(Unhelpful { rtl, answers, kept: vec![] }, config).unwrap_or_else(|e| panic!("{e}"));
    let mut device = Device::open(machine).unwrap_or_else(|e| panic!("{e}"));
    device.carrier_mut().write32(RecallTimeout::OFFSET, 2_000).unwrap_or_else(|e| panic!("{e}"));
    device.map(range(0, pages), Frame(0)).unwrap_or_else(|e| panic!("{e}"));
    for page in 0..pages {
        for line in 0..lines {
            device.store(LineAddr::new(PageIndex(page), line), &[1; 64]).unwrap_or_else(|e| panic!("{e}"));
        }
    }
    device
}

fn range(first: u32, count: u32) -> PageRange {
    PageRange::new(PageIndex(first), count).unwrap_or_else(|e| panic!("{e}"))
}

fn times_out(result: Result<(), Error>) {
    match result {
        Err(Error::Command { status: Status::RecallTimeout, .. }) => {}
        other => panic!("{other:?}, not a recall timeout"),
    }
}

#[test]
fn more_lost_answers_than_contexts() {
    const CONTEXTS: u32 = RECALL_CONTEXTS as u32;
    let mut device = owned(Answers::Never, CONTEXTS + 1, 1);
    // The last page finds every context stuck.
    times_out(device.recall(range(0, CONTEXTS + 1), Recall::WritePermission));
    // UNMAP takes contexts over; they stay owed their answers, so none comes free for other pages.
    device.unmap(range(0, CONTEXTS)).unwrap_or_else(|e| panic!("{e}"));
    times_out(device.map(range(100, 1), Frame(100)));
    device.identify().unwrap_or_else(|e| panic!("{e}"));
}

/// Its group is looked at again: a harvest that met the page and could not take it has set the bit.
#[test]
fn a_page_that_timed_out_is_in_the_report_after_its_answers() {
    const GROUP: u32 = 512;
    let answers = Arc::new(AtomicBool::new(true));
    let mut device = owned(Answers::Once(answers.clone()), GROUP, 0);
    let tracker = device.track_start(&[range(0, GROUP)]).unwrap_or_else(|e| panic!("{e}"));
    let stored = [3, 7, 8].map(|line| LineAddr::new(PageIndex(1), line));
    for line in stored {
        device.store(line, &[2; 64]).unwrap_or_else(|e| panic!("{e}"));
    }
    // The first one is dirty in the device, the others still are the host's.
    device.carrier_mut().flush(stored[0].offset(), 64).unwrap_or_else(|e| panic!("{e}"));
    answers.store(false, Relaxed);
    for _ in 0..3 {
        let report = device.track_report(&tracker, Gather::Recall).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(report.loss(), Some(Loss::RecallTimeout));
    }
    answers.store(true, Relaxed);
    // The answers come while the registers are read.
    for _ in 0..1_000 {
        device.carrier_mut().read32(RecallTimeout::OFFSET).unwrap_or_else(|e| panic!("{e}"));
    }
    let report = device.track_report(&tracker, Gather::Recall).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((report.exact(), report.loss()), (Exactness::Recall, None));
    assert_eq!(report.lines().collect::<Vec<_>>(), stored);
}

/// The status of a harvest names one cause. A timeout concerns the trackers of its range, the failure everybody.
#[test]
fn a_timeout_hides_no_failure_of_memory() {
    let answers = Arc::new(AtomicBool::new(true));
    let mut device = owned(Answers::Once(answers.clone()), 2, 0);
    let line = |page| LineAddr::new(PageIndex(page), 3);
    let [a, b] = [0, 1].map(|page| device.track_start(&[range(page, 1)]).unwrap_or_else(|e| panic!("{e}")));
    for page in [0, 1] {
        device.store(line(page), &[2; 64]).unwrap_or_else(|e| panic!("{e}"));
    }
    let fault = Fault { range: 4096..8192, reads: false, writes: true, times: 1 };
    device.carrier_mut().device.rtl.dram().memory.inject(fault);
    device.carrier_mut().flush(line(1).offset(), 64).unwrap_or_else(|e| panic!("{e}"));
    answers.store(false, Relaxed);
    let mut loss =
        |tracker| device.track_report(tracker, Gather::Recall).unwrap_or_else(|e| panic!("{e}")).loss();
    assert_eq!(loss(&a), Some(Loss::RecallTimeout));
    assert_eq!(loss(&b), Some(Loss::Memory));
    assert_eq!(loss(&b), None);
}

#[test]
fn every_answer_is_wrong() {
    every_page_can_be_given_up(Answers::Whole(RspOpcode::BiRspE));
}

#[test]
fn one_line_of_every_block_is_answered_wrongly() {
    every_page_can_be_given_up(Answers::FirstLine(RspOpcode::BiRspE));
}

#[test]
fn a_line_of_a_block_may_keep_a_shared_copy_but_not_of_an_invalidated_one() {
    let mut device = owned(Answers::FirstLine(RspOpcode::BiRspS), 2, 64);
    device.recall(range(0, 2), Recall::WritePermission).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(device.errors().unwrap_or_else(|e| panic!("{e}")).bad_birsp(), 0);
    times_out(device.recall(range(0, 2), Recall::EveryCopy));
    assert_eq!(device.errors().unwrap_or_else(|e| panic!("{e}")).bad_birsp(), 1);
}

#[test]
fn one_line_of_every_block_is_never_answered() {
    let mut device = owned(Answers::AllButFirst, 2, 64);
    times_out(device.recall(range(0, 2), Recall::WritePermission));
    let errors = device.errors().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(
        (errors.bad_birsp(), errors.recall_timeout()),
        (1, 1),
        "answered lines and blocks are not open"
    );
    device.unmap(range(0, 2)).unwrap_or_else(|e| panic!("{e}"));
}

fn every_page_can_be_given_up(answers: Answers) {
    let mut device = owned(answers, 16, 64);
    times_out(device.recall(range(0, 16), Recall::WritePermission));
    assert_eq!(device.errors().unwrap_or_else(|e| panic!("{e}")).bad_birsp(), 1);
    // Every page can be given up: at once if answers of it are missing or wrong, else after its own recall failed too.
    let (mut page, mut tries) = (0, 0);
    while page < 16 {
        match device.unmap(range(page, 16 - page)) {
            Ok(()) => page = 16,
            Err(Error::Command { status: Status::RecallTimeout, cursor, .. }) => page = cursor.0,
            Err(error) => panic!("{error}"),
        }
        tries += 1;
        assert!(tries <= 32, "page {page} cannot be given up");
    }
    // Every context comes free: the answers came, if wrong ones.
    device.map(range(100, 16), Frame(100)).unwrap_or_else(|e| panic!("{e}"));
}

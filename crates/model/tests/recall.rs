//! Recall and its races, message by message: the host's side is written out by hand.

use std::collections::{BTreeMap, BTreeSet};
use tideline_abi::command::{Command, Completion, Opcode, Status, flag, result_flag};
use tideline_abi::cxl::*;
use tideline_abi::geometry::{BI_TAGS, DEFERRED_ENTRIES};
use tideline_abi::regs::{CountDeferred, ErrorBits, PeakBisnp, RecallTimeout};
use tideline_driver::{
    Carrier, CarrierError, CommandId, Device, DmaRegion, Error, Exactness, Frame, Gather, Generation, Iova,
    LineAddr, Loss, Options, PageIndex, PageRange,
};
use tideline_model::ModelDevice;

type Outcome = Result<(), Error>;

const BASE: u64 = 0x40_0000_0000;

/// A model whose channels the test itself serves.
#[derive(Default)]
struct Script {
    model: ModelDevice,
    ch: Channels,
    /// The last snoop of each tag.
    snooped: BTreeMap<u16, S2mBisnp>,
}

impl Script {
    fn ticks(&mut self, n: usize) {
        for _ in 0..n {
            self.model.tick(&mut self.ch);
        }
    }

    fn addr(page: u32, line: u8) -> u64 {
        BASE + LineAddr::new(PageIndex(page), line).offset()
    }

    /// Sends a request.
    fn req(&mut self, opcode: ReqOpcode, meta: Option<MetaValue>, page: u32, line: u8, tag: u16) {
        let field = if meta.is_some() { MetaField::Meta0State } else { MetaField::NoOp };
        self.ch.m2s_req.push_back(M2sReq {
            opcode: opcode as u8,
            addr: Self::addr(page, line),
            tag,
            meta_field: field as u8,
            meta_value: meta.map_or(0, |m| m as u8),
            snp_type: SnpType::NoOp as u8,
        });
    }

    /// Sends a request with data.
    fn rwd(&mut self, opcode: RwdOpcode, meta: MetaValue, page: u32, line: u8, tag: u16, byte: u8) {
        self.ch.m2s_rwd.push_back(M2sRwd {
            opcode: opcode as u8,
            addr: Self::addr(page, line),
            tag,
            meta_field: MetaField::Meta0State as u8,
            meta_value: meta as u8,
            snp_type: SnpType::NoOp as u8,
            data: [byte; 64],
            be: 1,
        });
    }

    /// Answers all lines of a snoop alike.
    fn birsp(&mut self, opcode: RspOpcode, tag: u16) {
        let snoop = S2mBisnp { tag, ..self.snooped.get(&tag).copied().unwrap_or_default() };
        self.ch.m2s_birsp.push_back(M2sBirsp::whole(&snoop, opcode));
    }

    /// Answers one line of a block snoop.
    fn birsp_line(&mut self, opcode: RspOpcode, tag: u16, low: u8) {
        self.ch.m2s_birsp.push_back(M2sBirsp { opcode: opcode as u8, tag, low });
    }

    /// Reads a line for ownership.
    fn own(&mut self, page: u32, line: u8) {
        self.req(ReqOpcode::MemRd, Some(MetaValue::Any), page, line, 0xe);
        self.ticks(2);
        assert_eq!(self.ndr(), [(NdrOpcode::CmpE, 0xe)]);
        self.ch.s2m_drs.clear();
    }

    /// Takes the answers without data.
    fn ndr(&mut self) -> Vec<(NdrOpcode, u16)> {
        self.ch.s2m_ndr.drain(..).map(|m| (NdrOpcode::from_code(m.opcode.into()).unwrap(), m.tag)).collect()
    }

    /// Takes the snoops as (opcode, page, first line, tag).
    fn snoops(&mut self) -> Vec<(SnpOpcode, u32, u8, u16)> {
        self.snooped.extend(self.ch.s2m_bisnp.iter().map(|m| (m.tag, *m)));
        let snoop = |m: S2mBisnp| {
            let (base, lines) = m.lines();
            let line = LineAddr((base - BASE) / 64 + u64::from(lines.trailing_zeros()));
            (SnpOpcode::from_code(m.opcode.into()).unwrap(), line.page().0, line.line(), m.tag)
        };
        self.ch.s2m_bisnp.drain(..).map(snoop).collect()
    }

    fn errors(&self) -> ErrorBits {
        ErrorBits(self.model.read32(ErrorBits::OFFSET).unwrap())
    }
}

impl Carrier for Script {
    fn name(&self) -> String {
        "script".to_owned()
    }
    fn read32(&mut self, offset: u32) -> Result<u32, CarrierError> {
        self.model.read32(offset)
    }
    fn write32(&mut self, offset: u32, value: u32) -> Result<(), CarrierError> {
        self.model.write32(offset, value)
    }
    fn dma_alloc(&mut self, len: usize) -> Result<DmaRegion, CarrierError> {
        self.model.host_memory_mut().alloc(len)
    }
    fn dma_free(&mut self, region: DmaRegion) {
        self.model.host_memory_mut().free(region);
    }
    fn dma_read(&mut self, iova: Iova, buf: &mut [u8]) -> Result<(), CarrierError> {
        self.model.host_memory().read(iova, buf)
    }
    fn dma_write(&mut self, iova: Iova, data: &[u8]) -> Result<(), CarrierError> {
        self.model.host_memory_mut().write(iova, data)
    }
    fn wait(&mut self) -> Result<(), CarrierError> {
        self.ticks(8);
        Ok(())
    }
    fn reset(&mut self) -> Result<(), CarrierError> {
        self.model.reset();
        self.ticks(2000);
        Ok(())
    }
    fn window_base(&self) -> u64 {
        BASE
    }
    fn frames(&self) -> u32 {
        4096
    }
    fn load_line(&mut self, _: u64) -> Result<Line, CarrierError> {
        Err(CarrierError::Other("this host loads by hand".to_owned()))
    }
    fn store_line(&mut self, _: u64, _: &Line) -> Result<(), CarrierError> {
        Err(CarrierError::Other("this host stores by hand".to_owned()))
    }
}

fn pages(first: u32, count: u32) -> PageRange {
    PageRange::new(PageIndex(first), count).unwrap()
}

/// A device with pages 0 to 31 mapped and tracked.
fn open() -> Result<Device<Script>, Error> {
    let options = Options { patience: 5000, ..Options::default() };
    let mut device = Device::open_with(Script::default(), options)?;
    device.map(pages(0, 32), Frame(32))?;
    let set = Command { flags: flag::TRACK_SET, count: 32, ..Command::new(Opcode::Track) };
    device.execute(&set)?;
    Ok(device)
}

fn harvest(device: &mut Device<Script>, count: u32) -> Result<CommandId, Error> {
    let buffer = device.carrier_mut().dma_alloc(4096)?;
    device.submit(&Command {
        flags: flag::HARVEST_RECALL | flag::HARVEST_CLEAR,
        count,
        arg: buffer.iova.0,
        param: 256,
        ..Command::new(Opcode::Harvest)
    })
}

fn has(completion: &Completion, bit: usize) -> bool {
    completion.flags >> bit & 1 == 1
}

#[test]
fn a_harvest_finds_what_only_the_host_holds() -> Outcome {
    let mut device = open()?;
    device.carrier_mut().own(3, 5);
    let id = harvest(&mut device, 32)?;
    let c = device.carrier_mut();
    c.ticks(100);
    let snoops = c.snoops();
    let [(SnpOpcode::BiSnpData, 3, 5, tag)] = snoops[..] else { panic!("{snoops:?}") };
    // A read of the page waits; a read of another one, a write and a conflict of this one do not.
    c.req(ReqOpcode::MemRd, None, 3, 5, 1);
    c.req(ReqOpcode::MemRd, None, 4, 0, 2);
    c.rwd(RwdOpcode::BiConflict, MetaValue::Invalid, 3, 5, tag, 0);
    c.ticks(10);
    assert_eq!(c.ndr(), [(NdrOpcode::BiConflictAck, tag), (NdrOpcode::Cmp, 2)]);
    c.rwd(RwdOpcode::MemWr, MetaValue::Invalid, 3, 5, 3, 0x77);
    c.ticks(10);
    assert_eq!(c.ndr(), [(NdrOpcode::Cmp, 3)]);
    assert!(device.poll(id)?.is_none(), "the snoop is not answered");
    device.carrier_mut().birsp(RspOpcode::BiRspI, tag);
    let completion = device.wait(id)?;
    assert_eq!((completion.status, completion.records), (0, 1));
    let c = device.carrier_mut();
    c.ticks(10);
    assert_eq!(c.ndr(), [(NdrOpcode::Cmp, 1)]);
    let data = c.ch.s2m_drs.iter().find(|m| m.tag == 1).unwrap();
    assert_eq!((data.data, data.poison), ([0x77; 64], false));
    assert_eq!(c.model.memory_line(32 + 3, 5), [0x77; 64]);
    let masks = c.model.core().masks(3);
    assert_eq!((masks.dirty, masks.owned), (0, 0));
    assert_eq!(c.errors().0, 0);
    Ok(())
}

#[test]
fn deferred_requests_wait_in_order_and_then_stall_the_channel() -> Outcome {
    let mut device = open()?;
    device.carrier_mut().own(0, 0);
    let id = harvest(&mut device, 1)?;
    let c = device.carrier_mut();
    c.ticks(100);
    let tag = c.snoops()[0].3;
    let n = DEFERRED_ENTRIES as u16 + 5;
    for request in 0..n {
        c.req(ReqOpcode::MemRd, None, 0, request as u8, 100 + request);
    }
    c.req(ReqOpcode::MemRd, None, 9, 0, 900);
    c.ticks(200);
    assert_eq!(c.ch.m2s_req.len(), 6, "the channel stalls behind a full queue, also for other pages");
    assert_eq!(c.ndr(), []);
    // Writes pass a stalled channel.
    c.rwd(RwdOpcode::MemWrPtl, MetaValue::Invalid, 0, 0, 7, 0xcc);
    c.ticks(5);
    assert_eq!(c.ndr(), [(NdrOpcode::Cmp, 7)]);
    assert_eq!(c.model.memory_line(32, 0)[..2], [0xcc, 0], "one byte enabled");
    c.birsp(RspOpcode::BiRspS, tag);
    device.wait(id)?;
    let c = device.carrier_mut();
    c.ticks(200);
    let tags: Vec<u16> = c.ndr().iter().map(|m| m.1).collect();
    assert_eq!(tags, (100..100 + n).chain([900]).collect::<Vec<_>>());
    assert!(c.read32(CountDeferred::OFFSET)? >= DEFERRED_ENTRIES as u32);
    Ok(())
}

#[test]
fn snoops_fill_every_tag_and_no_line_is_snooped_twice() -> Outcome {
    let mut device = open()?;
    // No two of them are neighbours: each has a snoop of its own.
    for line in (0..32 * 64).step_by(2) {
        device.carrier_mut().own(line / 64, (line % 64) as u8);
    }
    let id = harvest(&mut device, 32)?;
    let c = device.carrier_mut();
    c.ticks(1000);
    let mut snoops = c.snoops();
    assert_eq!(snoops.len(), BI_TAGS);
    let mut seen = BTreeSet::new();
    while !snoops.is_empty() {
        for (opcode, page, line, tag) in snoops {
            assert_eq!(opcode, SnpOpcode::BiSnpData);
            assert!(seen.insert((page, line)), "page {page} line {line} again");
            device.carrier_mut().birsp(RspOpcode::BiRspI, tag);
        }
        device.carrier_mut().ticks(400);
        snoops = device.carrier_mut().snoops();
    }
    assert_eq!(seen.len(), 32 * 32);
    let completion = device.wait(id)?;
    assert_eq!((completion.status, completion.records), (0, 0), "nothing was written");
    assert_eq!(device.carrier_mut().read32(PeakBisnp::OFFSET)?, BI_TAGS as u32);
    Ok(())
}

#[test]
fn map_and_unmap_take_every_copy() -> Outcome {
    let mut device = open()?;
    let c = device.carrier_mut();
    c.req(ReqOpcode::MemRd, Some(MetaValue::Shared), 2, 9, 1);
    c.ticks(2);
    assert_eq!(c.ndr(), [(NdrOpcode::CmpS, 1)]);
    for (command, arg) in [(Opcode::Unmap, 0), (Opcode::Map, 90)] {
        let id = device.submit(&Command { page: 2, count: 1, arg, ..Command::new(command) })?;
        let c = device.carrier_mut();
        c.ticks(100);
        let snoops = c.snoops();
        assert_eq!(snoops.len(), 16);
        assert!(snoops.iter().all(|s| s.0 == SnpOpcode::BiSnpInvBlk && s.1 == 2));
        snoops.iter().for_each(|s| c.birsp(RspOpcode::BiRspI, s.3));
        assert_eq!(device.wait(id)?.status, Status::Success as u16);
        // An unmapped page is cached again by a read that got poison.
        let c = device.carrier_mut();
        c.req(ReqOpcode::MemRd, Some(MetaValue::Any), 2, 9, 2);
        c.ticks(2);
        c.ndr();
    }
    assert_eq!(device.errors()?.read_unmapped(), 1);
    Ok(())
}

#[test]
fn a_wrong_snoop_response_is_asked_again() -> Outcome {
    let mut device = open()?;
    device.carrier_mut().own(0, 7);
    let id = harvest(&mut device, 1)?;
    let c = device.carrier_mut();
    c.ticks(100);
    let tag = c.snoops()[0].3;
    c.birsp(RspOpcode::BiRspE, tag);
    c.ch.m2s_birsp.push_back(M2sBirsp { opcode: 9, tag, low: 0 });
    c.birsp(RspOpcode::BiRspI, tag + 1);
    c.ticks(10);
    assert_eq!(c.snoops(), [(SnpOpcode::BiSnpInv, 0, 7, tag)]);
    assert_eq!(c.errors().bad_birsp(), 1);
    c.birsp(RspOpcode::BiRspI, tag);
    assert_eq!(device.wait(id)?.status, Status::Success as u16);
    assert_eq!(device.errors()?.recall_timeout(), 0);

    // Twice wrong: as if no answer had come. S is no answer to BISnpInv.
    let completion = device.execute(&Command { param: 1, ..Command::new(Opcode::HarvestAck) })?;
    let before = completion.generation;
    device.carrier_mut().own(0, 7);
    let id = harvest(&mut device, 1)?;
    let c = device.carrier_mut();
    c.ticks(100);
    let tag = c.snoops()[0].3;
    c.birsp(RspOpcode::BiRspE, tag);
    c.ticks(10);
    c.birsp(RspOpcode::BiRspS, tag);
    let completion = device.wait(id)?;
    assert_eq!(completion.status, Status::RecallTimeout as u16);
    assert_eq!(completion.generation, before + 1);
    assert!(has(&completion, result_flag::ERROR));
    Ok(())
}

#[test]
fn neighbours_are_snooped_together_and_answered_in_any_way() -> Outcome {
    use SnpOpcode::{BiSnpData, BiSnpDataBlk, BiSnpInvBlk};
    let mut device = open()?;
    // Four, an upper two with a single line below them, a lower two.
    for line in [4, 5, 6, 7, 9, 10, 11, 12, 13] {
        device.carrier_mut().own(0, line);
    }
    let id = harvest(&mut device, 1)?;
    let c = device.carrier_mut();
    c.ticks(100);
    let low: Vec<_> = c.ch.s2m_bisnp.iter().map(|m| m.addr >> 6 & 3).collect();
    let snoops = c.snoops();
    let seen: Vec<_> = snoops.iter().map(|s| (s.0, s.2)).collect();
    assert_eq!(seen, [(BiSnpDataBlk, 4), (BiSnpData, 9), (BiSnpDataBlk, 10), (BiSnpDataBlk, 12)]);
    assert_eq!(low, [block::FULL, 1, block::UPPER, block::LOWER]);
    let [four, one, upper, lower] = [0, 1, 2, 3].map(|at| snoops[at].3);
    // By line, in any order; by block; what fits nothing that is open is dropped.
    for line in [2, 0, 3] {
        c.birsp_line(RspOpcode::BiRspS, four, line);
    }
    c.birsp(RspOpcode::BiRspI, upper);
    c.ticks(5);
    assert_eq!(c.errors().0, 0);
    for (opcode, tag, low) in [
        (RspOpcode::BiRspI, four, 2),
        (RspOpcode::BiRspIBlk, four, 0),
        (RspOpcode::BiRspIBlk, one, 1),
        (RspOpcode::BiRspI, lower, 2),
        (RspOpcode::BiRspI, upper, 2),
    ] {
        c.birsp_line(opcode, tag, low);
        c.ticks(2);
        assert_eq!(c.errors().bad_birsp(), 1, "{opcode:?} {low}");
        c.model.write32(ErrorBits::OFFSET, u32::MAX).unwrap();
    }
    // A wrong answer of one line: when the other came too, both are snooped again.
    c.birsp_line(RspOpcode::BiRspE, lower, 0);
    c.ticks(5);
    assert_eq!((c.snoops(), c.errors().bad_birsp()), (vec![], 1));
    c.birsp_line(RspOpcode::BiRspI, lower, 1);
    c.ticks(5);
    assert_eq!(c.snoops(), [(BiSnpInvBlk, 0, 12, lower)]);
    c.birsp_line(RspOpcode::BiRspI, one, 3); // LowAddr means nothing where one line was snooped.
    c.birsp_line(RspOpcode::BiRspI, four, 1);
    c.birsp(RspOpcode::BiRspI, lower);
    assert_eq!(device.wait(id)?.status, Status::Success as u16);
    assert_eq!(device.carrier().model.core().masks(0).owned, 0);
    assert_eq!(device.errors()?.recall_timeout(), 0);
    Ok(())
}

#[test]
fn a_recall_that_times_out_is_declared_and_made_up_for() -> Outcome {
    let mut device = Device::open_with(Script::default(), Options { patience: 5000, ..Options::default() })?;
    device.map(pages(0, 8), Frame(0))?;
    device.carrier_mut().write32(RecallTimeout::OFFSET, 300)?;
    let (a, b) = (device.track_start(&[pages(0, 4)])?, device.track_start(&[pages(4, 2)])?);
    let before = device.generation()?;
    device.carrier_mut().own(1, 1);
    let c = device.carrier_mut();
    c.rwd(RwdOpcode::MemWr, MetaValue::Any, 1, 1, 5, 1);
    c.ticks(5);
    c.ndr();

    let report = device.track_report(&a, Gather::Recall)?;
    assert_eq!((report.loss(), report.exact()), (Some(Loss::RecallTimeout), Exactness::Recall));
    assert!(report.all_dirty());
    assert_eq!(report.line_count(), 4 * 64, "every tracked line counts as dirty");
    assert_eq!(device.generation()?, Generation(before.0 + 1));
    assert_eq!(device.errors()?.recall_timeout(), 1);
    let report = device.track_report(&b, Gather::Recall)?;
    assert_eq!((report.loss(), report.line_count()), (None, 0), "no page of it is concerned");

    // Requests of the page get poison and no grant, writes go on, and no command passes but UNMAP.
    let c = device.carrier_mut();
    let tag = c.snoops()[0].3;
    c.ch.s2m_drs.clear();
    c.req(ReqOpcode::MemRd, Some(MetaValue::Any), 1, 2, 6);
    c.req(ReqOpcode::MemInv, Some(MetaValue::Any), 1, 2, 7);
    c.ticks(5);
    assert_eq!(c.ndr(), [(NdrOpcode::CmpS, 6), (NdrOpcode::Cmp, 7)]);
    assert!(c.ch.s2m_drs.pop_front().is_some_and(|m| m.poison && m.data == [0xff; 64]));
    assert_eq!(c.errors().recall_poison(), 1);
    c.rwd(RwdOpcode::MemWr, MetaValue::Invalid, 1, 1, 8, 2);
    c.ticks(5);
    assert_eq!(c.ndr(), [(NdrOpcode::Cmp, 8)]);
    let recall = Command { count: 4, ..Command::new(Opcode::Recall) };
    let id = device.submit(&recall)?;
    let completion = device.wait(id)?;
    assert_eq!((completion.status, completion.cursor), (Status::RecallTimeout as u16, 4), "it is left out");
    let report = device.track_report(&a, Gather::AsIs)?;
    assert_eq!(report.loss(), Some(Loss::RecallTimeout), "as long as answers are missing");
    assert!(!device.track_report(&b, Gather::Recall)?.all_dirty());

    // The late answer ends it: the page works again, and what was written is reported. (The line still counts as owned:
    // it was recalled for a slot that did not come.)
    let c = device.carrier_mut();
    c.birsp(RspOpcode::BiRspI, tag);
    c.ticks(5);
    let report = device.track_report(&a, Gather::AsIs)?;
    assert!(!report.all_dirty());
    assert_eq!(report.lines().collect::<Vec<_>>(), [LineAddr::new(PageIndex(1), 1)]);
    device.track_stop(a)?;
    device.track_stop(b)
}

#[test]
fn unmap_passes_a_recall_that_timed_out() -> Outcome {
    let mut device = open()?;
    device.carrier_mut().write32(RecallTimeout::OFFSET, 300)?;
    device.carrier_mut().own(0, 0);
    let id = harvest(&mut device, 1)?;
    assert_eq!(device.wait(id)?.status, Status::RecallTimeout as u16);
    let old = device.carrier_mut().snoops()[0].3;
    let cleared = Command { count: 1, ..Command::new(Opcode::Unmap) };
    device.execute(&cleared)?;
    device.map(pages(0, 1), Frame(200))?;
    // The page is another one now: the late answer says nothing of it.
    let c = device.carrier_mut();
    c.own(0, 0);
    c.birsp(RspOpcode::BiRspI, old);
    c.ticks(5);
    assert_eq!(c.model.core().masks(0).owned, 1);
    assert_eq!(c.errors().bad_birsp(), 0);
    Ok(())
}

#[test]
fn abort_and_reset_end_a_recall() -> Outcome {
    let mut device = open()?;
    let c = device.carrier_mut();
    c.own(0, 0);
    c.rwd(RwdOpcode::MemWr, MetaValue::Any, 1, 1, 5, 1);
    c.ticks(5);
    c.ndr();
    let id = harvest(&mut device, 4)?;
    device.carrier_mut().ticks(100);
    let abort = device.submit(&Command { param: id.raw().into(), ..Command::new(Opcode::Abort) })?;
    let c = device.carrier_mut();
    c.ticks(10);
    let snoops = c.snoops();
    assert_eq!(snoops.len(), 2);
    snoops.iter().for_each(|s| c.birsp(RspOpcode::BiRspI, s.3));
    assert_eq!(device.wait(id)?.status, Status::Aborted as u16);
    assert_eq!(device.wait(abort)?.status, Status::Success as u16);
    assert_eq!(device.carrier().model.core().masks(1).dirty, 2, "what was dirty stays dirty");

    device.carrier_mut().own(0, 0);
    harvest(&mut device, 4)?;
    let c = device.carrier_mut();
    c.ticks(100);
    c.model.reset();
    c.ticks(100);
    let ready = |c: &Script| tideline_abi::regs::Status(c.model.read32(0x48).unwrap()).ready();
    assert_eq!(ready(c), 0, "a snoop is still out");
    let snoops = c.snoops();
    snoops.iter().for_each(|s| c.birsp(RspOpcode::BiRspI, s.3));
    c.ticks(20);
    assert_eq!(ready(c), 1);
    device.reset()?;
    let id = harvest(&mut device, 4)?;
    device.carrier_mut().ticks(100);
    answer_snoops(device.carrier_mut());
    assert_eq!(device.wait(id)?.records, 1);
    Ok(())
}

#[test]
fn illegal_messages_are_dropped_with_an_error() -> Outcome {
    let mut device = open()?;
    let c = device.carrier_mut();
    c.req(ReqOpcode::MemSpecRd, None, 0, 0, 1);
    c.ticks(5);
    assert_eq!((c.ndr(), c.errors().0), (vec![], 0));
    let legal = M2sReq { opcode: 1, addr: BASE, tag: 1, meta_field: 0, meta_value: 0, snp_type: 0 };
    for bad in [
        M2sReq { opcode: 3, ..legal },
        M2sReq { opcode: 4, ..legal },
        M2sReq { opcode: 15, ..legal },
        M2sReq { meta_field: 1, ..legal },
        M2sReq { meta_field: 2, ..legal },
        M2sReq { meta_value: 1, ..legal },
        M2sReq { snp_type: 4, ..legal },
        M2sReq { snp_type: 7, ..legal },
    ] {
        let c = device.carrier_mut();
        c.ch.m2s_req.push_back(bad);
        c.ticks(5);
        assert_eq!((c.ndr(), c.errors().illegal()), (vec![], 1), "{bad:?}");
        assert!(c.ch.s2m_drs.is_empty());
        device.clear_errors(ErrorBits(u32::MAX))?;
    }
    // A meta value means nothing where the meta field says so.
    let c = device.carrier_mut();
    c.ch.m2s_req.push_back(M2sReq { meta_field: 3, meta_value: 1, ..legal });
    c.ch.m2s_req.push_back(M2sReq { addr: BASE - 64, tag: 2, ..legal });
    c.ticks(5);
    assert_eq!(c.ndr(), [(NdrOpcode::Cmp, 1), (NdrOpcode::Cmp, 2)]);
    assert_eq!(c.ch.s2m_drs[1].opcode, DrsOpcode::MemDataNxm as u8);
    assert_eq!(c.errors().no_decode(), 1);
    Ok(())
}

#[test]
fn faults_of_the_memories_lose_nothing_in_silence() -> Outcome {
    let mut device = Device::open(Script::default())?;
    device.map(pages(0, 4), Frame(0))?;
    let tracker = device.track_start(&[pages(0, 4)])?;
    let write = |c: &mut Script, page| {
        c.rwd(RwdOpcode::MemWr, MetaValue::Invalid, page, 4, 5, 1);
        c.ticks(5);
        assert_eq!(c.ndr(), [(NdrOpcode::Cmp, 5)]);
    };
    // Host memory, at the second record: everything comes again.
    write(device.carrier_mut(), 0);
    write(device.carrier_mut(), 1);
    let id = harvest(&mut device, 4)?;
    device.carrier_mut().ticks(1);
    device.carrier_mut().model.fail_next_dma(1);
    assert_eq!(device.wait(id)?.status, Status::DmaError as u16);
    let report = device.track_report(&tracker, Gather::Recall)?;
    assert_eq!((report.line_count(), report.loss()), (2, None));
    // Device memory: a line is lost, and the report says that any may be.
    device.carrier_mut().model.fail_next_memory(1);
    write(device.carrier_mut(), 2);
    assert_eq!(device.errors()?.dram(), 1);
    let report = device.track_report(&tracker, Gather::Recall)?;
    assert_eq!((report.line_count(), report.loss()), (4 * 64, Some(Loss::Memory)));
    assert!(device.track_report(&tracker, Gather::Recall)?.is_empty());
    // The spool itself.
    write(device.carrier_mut(), 3);
    device.carrier_mut().model.fail_next_memory(1);
    let report = device.track_report(&tracker, Gather::AsIs)?;
    assert_eq!((report.loss(), report.exact()), (Some(Loss::Memory), Exactness::None));
    device.track_stop(tracker)
}

/// Submits commands without a step between them, and takes their statuses.
fn together(device: &mut Device<Script>, commands: &[Command]) -> Result<Vec<Status>, Error> {
    let ids = commands.iter().map(|c| device.submit(c)).collect::<Result<Vec<_>, _>>()?;
    let status = |id| Ok(Status::from_code(device.wait(id)?.status.into()).unwrap());
    ids.into_iter().map(status).collect()
}

fn sequenced(opcode: Opcode, param: u32) -> Command {
    Command { param, ..Command::new(opcode) }
}

/// Answers every snoop that was sent.
fn answer_snoops(c: &mut Script) {
    for (.., tag) in c.snoops() {
        c.birsp(RspOpcode::BiRspI, tag);
    }
    c.ticks(20);
}

#[test]
fn a_harvest_goes_on_past_a_page_whose_recall_timed_out() -> Outcome {
    let mut device = open()?;
    let c = device.carrier_mut();
    c.write32(RecallTimeout::OFFSET, 300)?;
    c.own(3, 5);
    for page in [1, 3, 30] {
        c.rwd(RwdOpcode::MemWr, MetaValue::Any, page, 5, 1, 1);
        c.ticks(5);
    }
    for page in [1, 30] {
        c.req(ReqOpcode::MemInv, Some(MetaValue::Invalid), page, 5, 2);
        c.ticks(5);
    }
    c.ndr();
    for sequence in 1..=2 {
        // The second time the page is waiting already.
        let id = harvest(&mut device, 32)?;
        let completion = device.wait(id)?;
        assert_eq!(completion.status, Status::RecallTimeout as u16);
        assert_eq!((completion.cursor, completion.sequence), (32, sequence));
        assert!(has(&completion, result_flag::ERROR) && !has(&completion, result_flag::PARTIAL));
        assert_eq!(completion.records, if sequence == 1 { 2 } else { 0 });
        assert_eq!(harvest(&mut device, 32).and_then(|id| device.wait(id))?.status, Status::Busy as u16);
        device.execute(&sequenced(Opcode::HarvestAck, sequence))?;
    }
    // A harvest of other pages is exact.
    let id = device.submit(&Command {
        flags: flag::HARVEST_RECALL,
        page: 4,
        count: 8,
        arg: 1 << 32,
        param: 4,
        ..Command::new(Opcode::Harvest)
    })?;
    let completion = device.wait(id)?;
    assert_eq!((completion.status, completion.flags), (0, 0));
    device.execute(&sequenced(Opcode::HarvestAck, 3))?;
    // So do TRACK and RECALL go on.
    for command in
        [Command { flags: flag::TRACK_SET, ..Command::new(Opcode::Track) }, Command::new(Opcode::Recall)]
    {
        let id = device.submit(&Command { count: 32, ..command })?;
        let completion = device.wait(id)?;
        assert_eq!((completion.status, completion.cursor), (Status::RecallTimeout as u16, 32), "{command:?}");
    }
    let masks = |device: &Device<Script>, page| device.carrier().model.core().masks(page);
    assert_eq!(masks(&device, 3).dirty, 1 << 5, "undone");
    answer_snoops(device.carrier_mut());
    let id = harvest(&mut device, 32)?;
    // The late answers came for a slot that will not: the line is asked for again.
    device.carrier_mut().ticks(100);
    answer_snoops(device.carrier_mut());
    let completion = device.wait(id)?;
    assert_eq!((completion.status, completion.flags, completion.records), (0, 0, 1));
    Ok(())
}

#[test]
fn map_and_unmap_stop_where_a_recall_timed_out() -> Outcome {
    let mut device = open()?;
    let c = device.carrier_mut();
    c.write32(RecallTimeout::OFFSET, 300)?;
    c.own(1, 0);
    let timeout = Status::RecallTimeout as u16;
    let unmap = |page| Command { page, count: 3 - page, ..Command::new(Opcode::Unmap) };
    let id = device.submit(&unmap(0))?;
    let completion = device.wait(id)?;
    assert_eq!((completion.status, completion.cursor), (timeout, 1));
    // Now it goes ahead, and with it the page's wait for answers.
    device.execute(&unmap(1))?;
    device.map(pages(0, 3), Frame(300))?;
    device.execute(&unmap(0))?;

    // MAP of a page that a read of poison made cached.
    answer_snoops(device.carrier_mut());
    let c = device.carrier_mut();
    c.req(ReqOpcode::MemRd, Some(MetaValue::Shared), 1, 9, 1);
    c.ticks(2);
    let map = Command { count: 3, arg: 400, ..Command::new(Opcode::Map) };
    let id = device.submit(&map)?;
    let completion = device.wait(id)?;
    assert_eq!((completion.status, completion.cursor), (timeout, 1));
    let rest = Command { page: 1, count: 2, arg: 401, ..map };
    let id = device.submit(&rest)?;
    assert_eq!(device.wait(id)?.cursor, 1, "still waiting");
    // An UNMAP ends the wait although there is nothing to unmap.
    let id = device.submit(&unmap(1))?;
    let completion = device.wait(id)?;
    assert_eq!((completion.status, completion.cursor), (Status::WrongState as u16, 1));
    answer_snoops(device.carrier_mut());
    let id = device.submit(&rest)?;
    device.carrier_mut().ticks(100);
    answer_snoops(device.carrier_mut());
    assert_eq!(device.wait(id)?.status, Status::Success as u16);
    Ok(())
}

#[test]
fn a_page_without_missing_answers_is_not_stuck() -> Outcome {
    let mut device = open()?;
    let c = device.carrier_mut();
    c.write32(RecallTimeout::OFFSET, 1000)?;
    for page in 0..9 {
        (0..64).step_by(2).for_each(|line| c.own(page, line));
    }
    // Eight pages take every tag, so no line of the ninth one is snooped.
    let recall = Command { count: 9, ..Command::new(Opcode::Recall) };
    let id = device.submit(&recall)?;
    assert_eq!(device.wait(id)?.status, Status::RecallTimeout as u16);
    answer_snoops(device.carrier_mut());
    device.carrier_mut().ticks(400);
    let c = device.carrier_mut();
    c.req(ReqOpcode::MemRd, None, 8, 0, 1);
    c.ticks(5);
    assert!(c.ch.s2m_drs.pop_back().is_some_and(|m| !m.poison));
    let id = device.submit(&recall)?;
    for _ in 0..4 {
        device.carrier_mut().ticks(100);
        answer_snoops(device.carrier_mut());
    }
    assert_eq!(device.wait(id)?.status, Status::Success as u16);
    Ok(())
}

#[test]
fn one_fence_one_abort_one_merge_at_a_time() -> Outcome {
    use Status::{Aborted, Busy, NotFound, Success};
    let mut device = open()?;
    device.carrier_mut().own(0, 0);
    let running = harvest(&mut device, 4)?;
    let c = device.carrier_mut();
    c.ticks(100);
    let tag = c.snoops()[0].3;
    let fence = device.submit(&Command::new(Opcode::Fence))?;
    let second = device.submit(&Command::new(Opcode::Fence))?;
    assert_eq!(device.wait(second)?.status, Busy as u16);
    let abort = device.submit(&sequenced(Opcode::Abort, running.raw().into()))?;
    for target in [running, fence] {
        let again = device.submit(&sequenced(Opcode::Abort, target.raw().into()))?;
        assert_eq!(device.wait(again)?.status, Busy as u16);
    }
    assert!(device.poll(fence)?.is_none());
    device.carrier_mut().birsp(RspOpcode::BiRspI, tag);
    for (id, status) in [(running, Aborted), (abort, Success), (fence, Success)] {
        assert_eq!(device.wait(id)?.status, status as u16, "{id}");
    }

    // A fence alone.
    let before = device.generation()?;
    device.carrier_mut().own(0, 0);
    let running = harvest(&mut device, 4)?;
    let fence = device.submit(&Command::new(Opcode::Fence))?;
    let abort = sequenced(Opcode::Abort, fence.raw().into());
    assert_eq!(together(&mut device, &[abort, abort])?, [Success, NotFound]);
    assert_eq!(device.wait(fence)?.status, Aborted as u16);
    assert_eq!(device.generation()?, Generation(before.0 + 1));
    let c = device.carrier_mut();
    c.ticks(10);
    answer_snoops(c);
    let sequence = device.wait(running)?.sequence;
    device.execute(&sequenced(Opcode::HarvestAck, sequence))?;

    // A merge.
    for page in 0..20 {
        let c = device.carrier_mut();
        c.rwd(RwdOpcode::MemWr, MetaValue::Invalid, page, 1, 7, 1);
        c.ticks(2);
    }
    let id = harvest(&mut device, 32)?;
    let sequence = device.wait(id)?.sequence;
    let nack = sequenced(Opcode::HarvestNack, sequence);
    let ack = sequenced(Opcode::HarvestAck, sequence);
    let again = Command { flags: 3, count: 32, arg: 1 << 32, param: 32, ..Command::new(Opcode::Harvest) };
    let map = Command { page: 100, count: 1, arg: 9, ..Command::new(Opcode::Map) };
    let fence = Command::new(Opcode::Fence);
    let commands = [nack, again, ack, nack, map, fence];
    assert_eq!(together(&mut device, &commands)?, [Success, Busy, Busy, Busy, Success, Success]);
    let id = device.submit(&again)?;
    assert_eq!(device.wait(id)?.records, 20);
    Ok(())
}

#[test]
fn a_memory_failure_is_told_until_it_is_acknowledged() -> Outcome {
    let mut device = open()?;
    let c = device.carrier_mut();
    c.rwd(RwdOpcode::MemWr, MetaValue::Invalid, 5, 1, 7, 1);
    c.model.fail_next_memory(1);
    c.ticks(5);
    for answer in [Opcode::HarvestNack, Opcode::HarvestAck] {
        let id = harvest(&mut device, 8)?;
        let completion = device.wait(id)?;
        assert_eq!(completion.status, Status::MemoryError as u16);
        assert!(has(&completion, result_flag::ERROR));
        assert_eq!((completion.records, completion.cursor), (1, 8));
        device.execute(&sequenced(answer, completion.sequence))?;
    }
    // By a reset it is told again too; a result that was made before it says nothing of it.
    let id = harvest(&mut device, 8)?;
    assert_eq!(device.wait(id)?.flags, 0);
    let c = device.carrier_mut();
    c.rwd(RwdOpcode::MemWr, MetaValue::Invalid, 6, 1, 7, 1);
    c.model.fail_next_memory(1);
    c.ticks(5);
    device.reset()?;
    let id = harvest(&mut device, 8)?;
    assert_eq!(device.wait(id)?.status, Status::MemoryError as u16);
    device.reset()?;
    let id = harvest(&mut device, 8)?;
    let completion = device.wait(id)?;
    assert_eq!((completion.status, completion.records), (Status::MemoryError as u16, 1));
    device.execute(&sequenced(Opcode::HarvestAck, completion.sequence))?;
    let id = harvest(&mut device, 8)?;
    assert_eq!(device.wait(id)?.flags, 0);
    Ok(())
}

#[test]
fn a_timeout_leaves_a_memory_failure_to_the_next_result() -> Outcome {
    let mut device = open()?;
    device.carrier_mut().write32(RecallTimeout::OFFSET, 300)?;
    device.carrier_mut().own(1, 1);
    let c = device.carrier_mut();
    c.rwd(RwdOpcode::MemWr, MetaValue::Invalid, 5, 1, 7, 1);
    c.model.fail_next_memory(1);
    c.ticks(5);
    for (pages, status) in [(2, Status::RecallTimeout), (1, Status::MemoryError), (1, Status::Success)] {
        let id = harvest(&mut device, pages)?;
        let completion = device.wait(id)?;
        assert_eq!(completion.status, status as u16);
        assert_eq!(has(&completion, result_flag::ERROR), status != Status::Success);
        device.execute(&sequenced(Opcode::HarvestAck, completion.sequence))?;
    }
    Ok(())
}

#[test]
fn a_command_that_cannot_be_read_is_completed_nevertheless() -> Outcome {
    let mut device = open()?;
    device.carrier_mut().model.fail_next_dma(1);
    let id = device.submit(&Command::new(Opcode::Identify))?;
    let failed = device.wait(id);
    assert!(matches!(failed, Err(Error::StrayCompletion { cid: 0xffff })), "{failed:?}");
    assert_eq!(device.errors()?.host_memory(), 1);
    device.identify().map(drop)
}

#[test]
fn of_a_conflict_only_the_opcode_counts() -> Outcome {
    let mut device = open()?;
    let c = device.carrier_mut();
    let conflict = M2sRwd {
        opcode: RwdOpcode::BiConflict as u8,
        addr: u64::MAX,
        tag: 9,
        meta_field: 2,
        meta_value: 1,
        snp_type: 7,
        data: [0; 64],
        be: 0,
    };
    c.ch.m2s_rwd.push_back(conflict);
    c.ch.m2s_rwd.push_back(M2sRwd { opcode: RwdOpcode::MemWr as u8, ..conflict });
    c.ticks(5);
    assert_eq!(c.ndr(), [(NdrOpcode::BiConflictAck, 9)]);
    assert_eq!(c.errors().illegal(), 1);
    Ok(())
}

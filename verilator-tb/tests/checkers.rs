//! Every check of a campaign fails when it should: the model, or the RTL, behind a layer that breaks one thing.

use std::collections::VecDeque;
use tideline_abi::command::{Command, ENTRY_BYTES, Opcode, RECORD_BYTES, Record, Status};
use tideline_abi::cxl::{
    Channels, Line, M2sBirsp, MetaField, NdrOpcode, ReqOpcode, RspOpcode, S2mBisnp, S2mNdr, SnpType,
};
use tideline_abi::geometry::{BI_TAGS, LINE_BYTES, PAGE_BYTES, WINDOW_PAGES};
use tideline_abi::regs::{
    CqBaseHi, CqBaseLo, ErrorBits, Generation, SqBaseHi, SqBaseLo, SqTail, WindowBaseHi, WindowBaseLo,
    error_bit,
};
use tideline_abi::slot::{Slot, SlotKind};
use tideline_driver::Iova;
use tideline_model::{Core, HostMemory};
use tideline_tb::campaign::{Commit, Config, Dut, Model, Rtl, run};
use tideline_tb::{DeviceError, RtlConfig};

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    AnswerTwice,
    AnswerLost,
    AnswerUnasked,
    Dead,
    ReservedAnswer,
    GrantUnasked,
    Data,
    DataTwice,
    SharedBecomesExclusive,
    ExclusiveBecomesShared,
    PoisonFromMapped,
    AckTwice,
    AckLost,
    AckOvertakes,
    SnoopTwice,
    SnoopTagTwice,
    SnoopElsewhere,
    SnoopCurrent,
    SnoopForgotten,
    RecordShort,
    RecordLong,
    RecordOfAnotherResult,
    RecordElsewhere,
    RecordTwice,
    WrongStatus,
    MemoryChanges,
    GenerationStays,
    ErrorSet,
    SlotDecidedOtherwise,
    LaneOtherwise,
    SlotMissing,
    RequestDuringRecall,
}

/// A device with a fault.
struct Broken<D> {
    device: D,
    fault: Fault,
    cycle: u64,
    /// Message counter: a fault comes now and then.
    count: u64,
    late: VecDeque<(u64, S2mNdr)>,
    window: u64,
    sq: u64,
    cq: u64,
    /// Buffer of the last harvest, and the sequence of the last record that was changed.
    buffer: u64,
    changed: u32,
    core: Core,
    snooped: VecDeque<u64>,
}

impl<D: Dut> Broken<D> {
    fn new(device: D, fault: Fault) -> Self {
        let (late, snooped) = (VecDeque::new(), VecDeque::new());
        let (cycle, count, window, sq, cq, buffer, changed) = (0, 0, 0, 0, 0, 0, 0);
        Self {
            device,
            fault,
            cycle,
            count,
            late,
            window,
            sq,
            cq,
            buffer,
            changed,
            core: Core::new(),
            snooped,
        }
    }

    /// True once in 200 times.
    fn now(&mut self) -> bool {
        self.count += 1;
        self.count.is_multiple_of(200)
    }

    fn break_ndr(&mut self, mut ndr: S2mNdr, out: &mut VecDeque<S2mNdr>) {
        let is_ack = ndr.opcode == NdrOpcode::BiConflictAck as u8;
        let is_grant = [NdrOpcode::CmpE as u8, NdrOpcode::CmpS as u8].contains(&ndr.opcode);
        let fault = self.fault;
        match fault {
            Fault::AnswerTwice if !is_ack && self.now() => out.push_back(ndr),
            Fault::AnswerLost if !is_ack && self.now() => return,
            Fault::AnswerUnasked if self.now() => out.push_back(S2mNdr { tag: ndr.tag ^ 0x4000, ..ndr }),
            Fault::ReservedAnswer if self.now() => ndr.opcode = 7,
            Fault::GrantUnasked if !is_ack && !is_grant && self.now() => ndr.opcode = NdrOpcode::CmpS as u8,
            Fault::SharedBecomesExclusive if ndr.opcode == NdrOpcode::CmpS as u8 => {
                ndr.opcode = NdrOpcode::CmpE as u8
            }
            Fault::ExclusiveBecomesShared if ndr.opcode == NdrOpcode::CmpE as u8 && self.now() => {
                ndr.opcode = NdrOpcode::CmpS as u8;
            }
            Fault::AckTwice if is_ack => out.push_back(ndr),
            Fault::AckLost if is_ack => return,
            Fault::AckOvertakes if !is_ack => return self.late.push_back((self.cycle + 40, ndr)),
            _ => {}
        }
        out.push_back(ndr);
    }

    fn break_snoop(&mut self, mut snoop: S2mBisnp, channels: &mut Channels) {
        let fault = self.fault;
        match fault {
            Fault::SnoopTwice => {
                let tag = (snoop.tag + 64) % BI_TAGS as u16;
                channels.s2m_bisnp.push_back(S2mBisnp { tag, ..snoop });
            }
            Fault::SnoopTagTwice => {
                channels
                    .s2m_bisnp
                    .push_back(S2mBisnp { addr: snoop.addr ^ (4 * LINE_BYTES as u64), ..snoop });
            }
            Fault::SnoopElsewhere if self.now() => {
                snoop.addr = self.window + (PAGE_BYTES * WINDOW_PAGES) as u64 + snoop.addr % 256
            }
            Fault::SnoopCurrent => snoop.opcode = 0,
            Fault::SnoopForgotten if self.now() => {
                channels.m2s_birsp.push_front(M2sBirsp::whole(&snoop, RspOpcode::BiRspI));
            }
            Fault::RequestDuringRecall => self.snooped.push_back(snoop.addr),
            _ => {}
        }
        channels.s2m_bisnp.push_back(snoop);
    }

    /// Changes the first record of a result as soon as the device wrote it.
    fn break_record(&mut self) {
        let mut bytes = [0; RECORD_BYTES];
        let at = Iova(self.buffer);
        if self.buffer == 0 || self.device.host_memory().read(at, &mut bytes).is_err() {
            return;
        }
        let mut record = Record::from_bytes(&bytes);
        if record.sequence == self.changed || record.mask.count_ones() < 2 || record.mask == u64::MAX {
            return;
        }
        let memory = self.device.host_memory();
        let second = Iova(self.buffer + RECORD_BYTES as u64);
        if self.fault == Fault::RecordTwice {
            let mut next = [0; RECORD_BYTES];
            memory.read(second, &mut next).expect("the campaign's buffer");
            if Record::from_bytes(&next).sequence != record.sequence {
                return;
            }
        }
        self.changed = record.sequence;
        let fault = self.fault;
        match fault {
            Fault::RecordShort => record.mask &= record.mask - 1,
            Fault::RecordLong => record.mask |= record.mask + 1,
            Fault::RecordOfAnotherResult => record.sequence += 1,
            Fault::RecordElsewhere => record.page |= 0x1_0000,
            Fault::RecordTwice => {
                memory.write(second, &bytes).expect("the campaign's buffer");
            }
            _ => return,
        }
        memory.write(at, &record.to_bytes()).expect("the campaign's buffer");
    }
}

impl<D: Dut> Dut for Broken<D> {
    fn name(&self) -> &'static str {
        "broken"
    }

    fn tick(&mut self, channels: &mut Channels) -> Result<(), DeviceError> {
        self.cycle += 1;
        if self.fault == Fault::Dead && self.cycle > 20_000 {
            return Ok(());
        }
        let old = (channels.s2m_ndr.len(), channels.s2m_drs.len(), channels.s2m_bisnp.len());
        self.device.tick(channels)?;
        let new = channels.s2m_ndr.split_off(old.0);
        let mut out = VecDeque::new();
        while self.late.front().is_some_and(|(time, _)| *time <= self.cycle) {
            out.extend(self.late.pop_front().map(|(_, ndr)| ndr));
        }
        new.into_iter().for_each(|ndr| self.break_ndr(ndr, &mut out));
        channels.s2m_ndr.extend(out);
        for mut drs in channels.s2m_drs.split_off(old.1) {
            let fault = self.fault;
            match fault {
                Fault::Data if !drs.poison && self.now() => drs.data[17] ^= 4,
                Fault::PoisonFromMapped if !drs.poison && self.now() => {
                    (drs.poison, drs.data) = (true, [0xff; LINE_BYTES]);
                }
                Fault::DataTwice if self.now() => channels.s2m_drs.push_back(drs),
                _ => {}
            }
            channels.s2m_drs.push_back(drs);
        }
        for snoop in channels.s2m_bisnp.split_off(old.2) {
            self.break_snoop(snoop, channels);
        }
        self.break_record();
        if self.fault == Fault::WrongStatus && self.cycle > 20_000 {
            for entry in 0..64 {
                let status = Iova(self.cq + entry * ENTRY_BYTES as u64 + 2);
                let wrong = [Status::MemoryError as u8];
                self.device.host_memory().write(status, &wrong).expect("the campaign's queue");
            }
        }
        Ok(())
    }

    fn post_write32(&mut self, offset: u32, value: u32) {
        let low = |old: u64| old & !0xffff_ffff | value as u64;
        let high = |old: u64| old & 0xffff_ffff | (value as u64) << 32;
        match offset {
            WindowBaseLo::OFFSET => self.window = low(self.window),
            WindowBaseHi::OFFSET => self.window = high(self.window),
            SqBaseLo::OFFSET => self.sq = low(self.sq),
            SqBaseHi::OFFSET => self.sq = high(self.sq),
            CqBaseLo::OFFSET => self.cq = low(self.cq),
            CqBaseHi::OFFSET => self.cq = high(self.cq),
            SqTail::OFFSET => {
                // Queues have at most 64 entries: the newest command is somewhere in there.
                for entry in 0..64 {
                    let mut bytes = [0; ENTRY_BYTES];
                    let at = Iova(self.sq + entry * ENTRY_BYTES as u64);
                    self.device.host_memory().read(at, &mut bytes).expect("the campaign's queue");
                    let command = Command::from_bytes(&bytes).0;
                    if command.opcode == Opcode::Harvest as u8 && command.arg.is_multiple_of(64) {
                        self.buffer = command.arg;
                    }
                }
            }
            _ => {}
        }
        self.device.post_write32(offset, value);
    }

    fn read32(&mut self, channels: &mut Channels, offset: u32) -> Result<u32, DeviceError> {
        let value = self.device.read32(channels, offset)?;
        Ok(match (self.fault, offset) {
            (Fault::GenerationStays, Generation::OFFSET) => 5,
            (Fault::ErrorSet, ErrorBits::OFFSET) => value | 1 << error_bit::HOST_ORDER,
            _ => value,
        })
    }

    fn host_memory(&mut self) -> &mut HostMemory {
        self.device.host_memory()
    }

    fn flr(&mut self, channels: &mut Channels) -> Result<(), DeviceError> {
        self.device.flr(channels)
    }

    fn memory_line(&mut self, frame: u32, line: u8) -> Line {
        let mut data = self.device.memory_line(frame, line);
        if self.fault == Fault::MemoryChanges && self.cycle > 50_000 {
            data[0] ^= 1;
        }
        data
    }

    fn core(&self) -> Option<&Core> {
        self.device.core()
    }

    fn take_commits(&mut self, commits: &mut Vec<Commit>) {
        let mut mine = Vec::new();
        self.device.take_commits(&mut mine);
        for mut commit in mine {
            self.core.commit(&commit.slot);
            let page = commit.slot.page;
            let fault = self.fault;
            match fault {
                Fault::SlotDecidedOtherwise if self.now() => {
                    commit.result.errors ^= 1 << error_bit::HOST_ORDER
                }
                Fault::LaneOtherwise if commit.slot.kind == SlotKind::Write && self.now() => {
                    commit.lane.0 ^= true
                }
                Fault::SlotMissing if commit.slot.kind == SlotKind::Req && self.now() => continue,
                _ => {}
            }
            commits.push(commit);
            // A MemInv that changes nothing, in a page whose snoop has reached the host.
            let snooped = self.snooped.front().map(|addr| ((addr - self.window) / PAGE_BYTES as u64) as u32);
            if snooped.is_some_and(|snooped| snooped == page) && commit.slot.kind == SlotKind::Write {
                self.snooped.clear();
                let slot = Slot {
                    kind: SlotKind::Req,
                    opcode: ReqOpcode::MemInv as u8,
                    meta_field: MetaField::NoOp as u8,
                    snp_type: SnpType::NoOp as u8,
                    ..commit.slot
                };
                let result = self.core.commit(&slot);
                commits.push(Commit { slot, result, lane: commit.lane });
            }
        }
    }
}

fn check(fault: Fault, device: impl Dut, expected: &[&str]) {
    let config = Config { progress: 0, resets: 5, ..Config::new(9, 150_000) };
    let failure = match run(Broken::new(device, fault), &config) {
        Ok(summary) => panic!("{fault:?} was not noticed\n{summary}"),
        Err(failure) => failure.to_string(),
    };
    assert!(expected.iter().any(|text| failure.contains(text)), "{fault:?}: {failure}");
    assert!(failure.starts_with("seed 0x9, cycle "), "{failure}");
}

#[test]
fn faults_of_the_model_are_noticed() {
    for (fault, expected) in [
        (Fault::AnswerTwice, "answered twice"),
        (Fault::AnswerLost, "RecallTimeout"),
        (Fault::Dead, "stuck"),
        (Fault::AnswerUnasked, "no transaction has this tag"),
        (Fault::ReservedAnswer, "reserved opcode"),
        (Fault::GrantUnasked, "answer"),
        (Fault::Data, "memory must hold"),
        (Fault::DataTwice, "data comes twice"),
        (Fault::SharedBecomesExclusive, "which are not owned"),
        (Fault::ExclusiveBecomesShared, "not the answer of"),
        (Fault::PoisonFromMapped, "poison from a mapped page"),
        (Fault::AckTwice, "acknowledges no BIConflict"),
        (Fault::AckLost, "RecallTimeout"),
        (Fault::AckOvertakes, "between BIConflictAck and BIRsp"),
        (Fault::SnoopTwice, "the line has a snoop outstanding"),
        (Fault::SnoopTagTwice, "the tag is in use"),
        (Fault::SnoopElsewhere, "never had a copy"),
        (Fault::SnoopCurrent, "does not send"),
        (Fault::SnoopForgotten, "the tag is in use"),
        (Fault::RecordShort, "LOST"),
        (Fault::RecordLong, "INVENTED"),
        (Fault::RecordOfAnotherResult, "the sequence of another result"),
        (Fault::RecordElsewhere, "record of page"),
        (Fault::RecordTwice, "two records of one page"),
        (Fault::WrongStatus, "completed with MemoryError"),
        (Fault::MemoryChanges, "the host holds"),
        (Fault::GenerationStays, "generation 5 became 5"),
        (Fault::ErrorSet, "ERROR is"),
    ] {
        let also: &[&str] = match fault {
            // A transaction without an end stops the answer to a snoop; the recall that times out shows here or there.
            // If every transaction is lost before there is one, the host is stuck.
            Fault::AnswerLost | Fault::AckLost => &["poison from a mapped page", "stuck"],
            // An answer that the acknowledgement overtook grants its copy before BIRsp, or, if it comes later still, to a
            // host that has already told the device that it holds none.
            Fault::AckOvertakes => &["which are not owned"],
            // MemRdData may be answered either way, MemRd Shared may not.
            Fault::SharedBecomesExclusive => &["not the answer of"],
            _ => &[],
        };
        check(fault, Model::default(), &[&[expected], also].concat());
    }
}

#[test]
fn faults_in_the_slots_of_the_rtl_are_noticed() {
    for (fault, expected) in [
        (Fault::SlotDecidedOtherwise, "the device decided"),
        (Fault::LaneOtherwise, "the device decided"),
        (Fault::SlotMissing, "which are not owned"),
        (Fault::RequestDuringRecall, "a request passed while"),
    ] {
        let device = Rtl::new(&RtlConfig::nasty(4096, 3)).unwrap_or_else(|e| panic!("{e}"));
        // A slot that is missing may also show in the first decision that depends on it.
        check(fault, device, &[expected, "the device decided"]);
    }
}

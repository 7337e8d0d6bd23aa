//! The device under measurement: the RTL, a host that owns lines and gives them up, and a look at the pins in every cycle.

use std::collections::VecDeque;
use tideline_abi::cxl::{Channels, M2sBirsp, RspOpcode, S2mBisnp};
use tideline_abi::slot::{slot_kind, slot_status};
use tideline_model::HostMemory;
use tideline_tb::axi::Access;
use tideline_tb::{DeviceError, LineDevice, RtlDevice};

/// Requesters of the slot arbiter, as the probe numbers them: writes, requests, page slots, fills, replays.
pub const REQUESTERS: usize = 5;
/// Who waits: the requesters, and behind them the messages on RwD and on Req.
pub const WAITERS: usize = REQUESTERS + 2;
/// Page slots among the requesters.
const PAGE_SLOTS: u8 = 1 << 2;
/// Write ID of completions on `m_axi_host`.
const COMPLETION_ID: u8 = 1;
/// Read and write ID of descriptors on `m_axi_dram`.
const DESCRIPTOR_ID: u8 = 2;
/// Those of the page list.
const LIST_ID: u8 = 3;
/// A register access that takes longer is lost.
const ACCESS_CYCLES: u64 = 10_000;

/// Events of one kind: when the first and the last one came, and how many.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Span {
    first: u64,
    last: u64,
    /// Events.
    pub count: u64,
}

impl Span {
    fn add(&mut self, now: u64) {
        self.first = if self.count == 0 { now } else { self.first };
        self.last = now;
        self.count += 1;
    }

    /// Cycles from the first to the last event, both included; 0 if there was none.
    pub fn cycles(&self) -> u64 {
        if self.count == 0 { 0 } else { self.last - self.first + 1 }
    }

    /// Events per cycle between them.
    pub fn rate(&self) -> f64 {
        self.count as f64 / self.cycles().max(1) as f64
    }
}

/// What the pins showed since the watch began.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    waits: [u64; WAITERS],
    /// Longest wait in cycles, one for each of [`WAITERS`].
    pub longest: [u64; WAITERS],
    /// HARVEST slots that were committed and done.
    pub harvested: Span,
    /// Line slots that were committed so far, and cycles in which a page slot was on offer so far.
    so_far: [u64; 2],
    /// The same at the first and at the last HARVEST slot.
    at: [[u64; 2]; 2],
    /// Snoops sent.
    pub snoops: Span,
    /// Most reads of descriptors under way at once.
    pub most_fetches: u64,
    fetched: Option<u64>,
    completed: Option<u64>,
}

impl Watch {
    /// Line slots per cycle between the first and the last HARVEST slot.
    pub fn lines_per_cycle(&self) -> f64 {
        (self.at[1][0] - self.at[0][0]) as f64 / self.harvested.cycles().max(1) as f64
    }

    /// Share of these cycles in which a page slot was on offer.
    pub fn offered(&self) -> f64 {
        (self.at[1][1] - self.at[0][1]) as f64 / self.harvested.cycles().max(1) as f64
    }

    /// From the clock edge that brings a command to the one that sees its completion on the bus.
    pub fn command_cycles(&self) -> Option<u64> {
        Some(self.completed? - self.fetched?)
    }

    fn wait(&mut self, waiter: usize, waits: bool) {
        self.waits[waiter] = if waits { self.waits[waiter] + 1 } else { 0 };
        self.longest[waiter] = self.longest[waiter].max(self.waits[waiter]);
    }
}

/// The RTL with a host that owns lines and gives them up clean, each a while after it was asked.
#[derive(Debug)]
pub struct WatchedRtl {
    /// The device.
    pub rtl: RtlDevice,
    snoops: VecDeque<(u64, S2mBisnp)>,
    /// Cycles from a snoop to its answer.
    pub snoop_latency: u64,
    /// What it showed; replace it to begin anew.
    pub watch: Watch,
    descriptors_answered: u64,
}

impl WatchedRtl {
    /// A device whose snoops are answered after `snoop_latency` cycles.
    pub fn new(rtl: RtlDevice, snoop_latency: u64) -> Self {
        Self { rtl, snoops: VecDeque::new(), snoop_latency, watch: Watch::default(), descriptors_answered: 0 }
    }

    /// A register access, with a look at each of its cycles.
    fn access(&mut self, channels: &mut Channels, access: Access) -> Result<u32, DeviceError> {
        self.rtl.post(access);
        for _ in 0..ACCESS_CYCLES {
            self.tick(channels)?;
            if let Some(answer) = self.rtl.take_answer() {
                return answer.map_err(|resp| DeviceError::Register { access, resp });
            }
        }
        Err(DeviceError::Late { what: format!("the answer of {access:x?}"), cycles: ACCESS_CYCLES })
    }

    /// Looks at the pins: outputs are what the next edge will see, inputs what the last one saw.
    fn look(&mut self, held: [bool; 2]) {
        let (now, pins, watch) = (self.rtl.cycle(), self.rtl.pins(), &mut self.watch);
        let (offered, granted) = (pins.probe.offered.get(), pins.probe.granted.get());
        for requester in 0..REQUESTERS {
            watch.wait(requester, (offered & !granted) >> requester & 1 == 1);
        }
        watch.wait(REQUESTERS, held[0]);
        watch.wait(REQUESTERS + 1, held[1]);

        watch.so_far[1] += u64::from(offered & PAGE_SLOTS != 0);
        if pins.probe.valid.get() != 0 {
            let kind = u64::from(pins.probe.kind.get());
            watch.so_far[0] += u64::from([slot_kind::REQ, slot_kind::WRITE].contains(&kind));
            if kind == slot_kind::HARVEST && u64::from(pins.probe.status.get()) == slot_status::DONE {
                watch.harvested.add(now);
                watch.at[1] = watch.so_far;
                if watch.harvested.count == 1 {
                    watch.at[0] = watch.so_far;
                }
            }
        }
        let (host, dram) = (&pins.m_axi_host, &pins.m_axi_dram);
        self.descriptors_answered += u64::from(dram.rvalid.get() != 0 && dram.rid.get() == DESCRIPTOR_ID);
        if host.rvalid.get() != 0 {
            watch.fetched.get_or_insert(now);
        }
        if host.awvalid.get() != 0 && host.awid.get() == COMPLETION_ID {
            watch.completed.get_or_insert(now + 1);
        }
        let fetches = self.descriptor_accesses()[0] - self.descriptors_answered;
        self.watch.most_fetches = self.watch.most_fetches.max(fetches);
    }

    /// Reads and writes of descriptors in device memory since power-on.
    pub fn descriptor_accesses(&mut self) -> [u64; 2] {
        let accepted = &self.rtl.dram().accepted;
        [&accepted.reads, &accepted.writes].map(|by_id| by_id[usize::from(DESCRIPTOR_ID)])
    }

    /// Reads and writes of the page list since power-on.
    pub fn list_accesses(&mut self) -> u64 {
        let accepted = &self.rtl.dram().accepted;
        accepted.reads[usize::from(LIST_ID)] + accepted.writes[usize::from(LIST_ID)]
    }
}

impl LineDevice for WatchedRtl {
    fn name(&self) -> &'static str {
        "rtl"
    }
    fn tick(&mut self, channels: &mut Channels) -> Result<(), DeviceError> {
        let queued = [channels.m2s_rwd.len(), channels.m2s_req.len()];
        self.rtl.tick(channels)?;
        let left = [channels.m2s_rwd.len(), channels.m2s_req.len()];
        self.look([0, 1].map(|channel| queued[channel] > 0 && left[channel] == queued[channel]));
        let now = self.rtl.cycle();
        for snoop in channels.s2m_bisnp.drain(..) {
            self.watch.snoops.add(now);
            self.snoops.push_back((now + self.snoop_latency, snoop));
        }
        while let Some((_, snoop)) = self.snoops.pop_front_if(|(due, _)| *due <= now) {
            channels.m2s_birsp.push_back(M2sBirsp::whole(&snoop, RspOpcode::BiRspI));
        }
        Ok(())
    }
    fn read32(&mut self, channels: &mut Channels, offset: u32) -> Result<u32, DeviceError> {
        self.access(channels, Access::Read(offset))
    }
    fn write32(&mut self, channels: &mut Channels, offset: u32, value: u32) -> Result<(), DeviceError> {
        self.access(channels, Access::Write(offset, value)).map(drop)
    }
    fn flr(&mut self, channels: &mut Channels) -> Result<(), DeviceError> {
        self.rtl.flr(channels)
    }
    fn irq(&self) -> u32 {
        self.rtl.irq().into()
    }
    fn host_memory(&mut self) -> &mut HostMemory {
        &mut self.rtl.host().memory.regions
    }
    fn cycle(&self) -> u64 {
        self.rtl.cycle()
    }
}

//! A device attached by CXL.mem: window accesses become line requests.
//!
//! The host in between has no cache. A read is MemRd without a state, a write of a whole line is MemWr, of a part MemWrPtl
//! with its byte enables; snoops are answered with BIRspI at once. The lines of one access are under way together.
//!
//! Writes are posted, as on PCIe: the next access does not wait for them if it is a write too. Reads and registers do: so a
//! doorbell acts after all earlier writes to the window. A client may post thousands of narrow writes and then read; if each write
//! waited for the device alone, the read would come after the time that clients wait for an answer. A host has one request per
//! line under way (CXL 3.1, section 3.3.3): narrow writes to the line of the last one are merged into it while it is not sent,
//! and others wait for it.

use crate::Attached;
use std::collections::HashMap;
use std::ops::Range;
use tideline_abi::cxl::{
    Channels, Line, M2sBirsp, M2sReq, M2sRwd, MetaField, MetaValue, ReqOpcode, RspOpcode, RwdOpcode, SnpType,
};
use tideline_abi::geometry::LINE_BYTES;
use tideline_abi::regs::{WindowBaseHi, WindowBaseLo};
use tideline_model::HostMemory;
use tideline_tb::{DeviceError, LineDevice};

/// A device with six channels, and the host in front of it.
#[derive(Debug)]
pub struct CxlAttached<D> {
    device: D,
    channels: Channels,
    frames: u32,
    base_lo: WindowBaseLo,
    base_hi: WindowBaseHi,
    /// Tag of the first line of the next access: late answers of an earlier one find nobody.
    next_tag: u16,
    /// Posted writes that are not completed: tag and address.
    posted: HashMap<u16, u64>,
}

/// The bytes of an access that lie in one line.
struct Part {
    /// Offset of the line in the window.
    line: u64,
    /// Bytes of the line.
    within: Range<usize>,
    /// Bytes of the access.
    bytes: Range<usize>,
}

/// What the answers to a batch of requests have brought so far.
#[derive(Clone, Copy, Default)]
struct Answer {
    completed: bool,
    data: Option<Line>,
}

impl<D: LineDevice> CxlAttached<D> {
    /// Lines under way at most.
    const BATCH: usize = 1024;
    /// Most posted writes at once: more would not make the device faster.
    const POSTED: usize = 256;
    /// Cycles within which all of a batch must be answered: about two seconds of simulation.
    const PATIENCE: u64 = 400_000;

    /// A device with `frames` pages of memory. Its registers must not have been written.
    pub fn new(device: D, frames: u32) -> Self {
        Self {
            device,
            channels: Channels::default(),
            frames,
            base_lo: WindowBaseLo::default(),
            base_hi: WindowBaseHi::default(),
            next_tag: 0,
            posted: HashMap::new(),
        }
    }

    /// Host physical address of a byte of the window: the device decodes from the base that software wrote.
    fn address(&self, offset: u64) -> u64 {
        let base = u64::from(self.base_hi.base()) << 32 | u64::from(self.base_lo.base()) << 12;
        base + offset
    }

    /// Merges bytes into the last posted write, if it is of their line and surely not on the wires.
    fn merge(&mut self, addr: u64, within: &Range<usize>, line: &Line) -> bool {
        let waiting = self.channels.m2s_rwd.len();
        let Some(last) = self.channels.m2s_rwd.back_mut().filter(|last| waiting > 1 && last.addr == addr)
        else {
            return false;
        };
        last.data[within.clone()].copy_from_slice(&line[within.clone()]);
        last.be |= enables(within);
        last.opcode = opcode(last.be) as u8;
        true
    }

    /// Ticks until at most `left` posted writes are not completed.
    fn settle(&mut self, left: usize) -> Result<(), DeviceError> {
        let start = self.device.cycle();
        while self.posted.len() > left {
            self.tick()?;
            let cycles = self.device.cycle() - start;
            if cycles > Self::PATIENCE {
                let what = format!("{} posted writes", self.posted.len());
                // They are not waited for any more.
                self.channels.m2s_rwd.truncate(1);
                self.posted.clear();
                return Err(DeviceError::Late { what, cycles });
            }
        }
        Ok(())
    }

    /// Ticks until every read of a batch is answered. The requests are in the channels, tagged ascending; no write is under
    /// way.
    fn answers(&mut self, count: usize) -> Result<Vec<Answer>, DeviceError> {
        let first = self.next_tag;
        self.next_tag = first.wrapping_add(count as u16);
        let mut answers = vec![Answer::default(); count];
        let mut left = count;
        let start = self.device.cycle();
        while left > 0 {
            self.tick()?;
            let ndr = self.channels.s2m_ndr.drain(..).map(|m| (m.tag, None));
            for (tag, data) in ndr.chain(self.channels.s2m_drs.drain(..).map(|m| (m.tag, Some(m.data)))) {
                let Some(answer) = answers.get_mut(usize::from(tag.wrapping_sub(first))) else { continue };
                let done = |a: &Answer| a.completed && a.data.is_some();
                let before = done(answer);
                match data {
                    Some(_) => answer.data = data,
                    None => answer.completed = true,
                }
                left -= usize::from(!before && done(answer));
            }
            let cycles = self.device.cycle() - start;
            if cycles > Self::PATIENCE {
                // What was not sent is never sent: its tags are not waited for any more.
                self.channels.m2s_req.truncate(1);
                return Err(DeviceError::Late { what: format!("{left} of {count} lines"), cycles });
            }
        }
        Ok(answers)
    }
}

/// The lines of an access, ascending.
fn parts(offset: u64, len: usize) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut done = 0;
    while done < len {
        let at = offset + done as u64;
        let start = (at % LINE_BYTES as u64) as usize;
        let taken = (LINE_BYTES - start).min(len - done);
        parts.push(Part { line: at - start as u64, within: start..start + taken, bytes: done..done + taken });
        done += taken;
    }
    parts
}

/// A write of the whole line, or of a part of it.
fn opcode(be: u64) -> RwdOpcode {
    if be == u64::MAX { RwdOpcode::MemWr } else { RwdOpcode::MemWrPtl }
}

/// Byte enables of some bytes of a line.
fn enables(within: &Range<usize>) -> u64 {
    u64::MAX >> (LINE_BYTES - within.len()) << within.start
}

impl<D: LineDevice> Attached for CxlAttached<D> {
    fn name(&self) -> String {
        format!("{}, attached by cxl", self.device.name())
    }

    fn frames(&self) -> u32 {
        self.frames
    }

    fn tick(&mut self) -> Result<(), DeviceError> {
        self.device.tick(&mut self.channels)?;
        for snoop in self.channels.s2m_bisnp.drain(..) {
            let answer = M2sBirsp::whole(&snoop, RspOpcode::BiRspI);
            self.channels.m2s_birsp.push_back(answer);
        }
        if !self.posted.is_empty() {
            for ndr in self.channels.s2m_ndr.drain(..) {
                self.posted.remove(&ndr.tag);
            }
        }
        Ok(())
    }

    fn cycle(&self) -> u64 {
        self.device.cycle()
    }

    fn is_quiet(&self) -> bool {
        self.channels.is_empty() && self.posted.is_empty() && self.device.is_quiet()
    }

    fn irq(&self) -> u32 {
        self.device.irq()
    }

    fn read32(&mut self, offset: u32) -> Result<u32, DeviceError> {
        self.settle(0)?;
        self.device.read32(&mut self.channels, offset)
    }

    fn write32(&mut self, offset: u32, value: u32) -> Result<(), DeviceError> {
        self.settle(0)?;
        self.device.write32(&mut self.channels, offset, value)?;
        match offset {
            WindowBaseLo::OFFSET => self.base_lo = WindowBaseLo(value),
            WindowBaseHi::OFFSET => self.base_hi = WindowBaseHi(value),
            _ => {}
        }
        Ok(())
    }

    fn flr(&mut self) -> Result<(), DeviceError> {
        self.device.flr(&mut self.channels)
    }

    fn set_host_memory(&mut self, memory: HostMemory) {
        *self.device.host_memory() = memory;
    }

    fn window_read(&mut self, offset: u64, buf: &mut [u8]) -> Result<(), DeviceError> {
        self.settle(0)?;
        for batch in parts(offset, buf.len()).chunks(Self::BATCH) {
            for (index, part) in batch.iter().enumerate() {
                self.channels.m2s_req.push_back(M2sReq {
                    opcode: ReqOpcode::MemRd as u8,
                    addr: self.address(part.line),
                    tag: self.next_tag.wrapping_add(index as u16),
                    meta_field: MetaField::NoOp as u8,
                    meta_value: 0,
                    snp_type: SnpType::SnpCur as u8,
                });
            }
            let answers = self.answers(batch.len())?;
            for (part, answer) in batch.iter().zip(answers) {
                let line = answer.data.unwrap_or([0xff; LINE_BYTES]);
                buf[part.bytes.clone()].copy_from_slice(&line[part.within.clone()]);
            }
        }
        Ok(())
    }

    fn window_write(&mut self, offset: u64, data: &[u8]) -> Result<(), DeviceError> {
        for part in parts(offset, data.len()) {
            let addr = self.address(part.line);
            let mut line = [0; LINE_BYTES];
            line[part.within.clone()].copy_from_slice(&data[part.bytes]);
            if self.merge(addr, &part.within, &line) {
                continue;
            }
            self.settle(Self::POSTED - 1)?;
            if self.posted.values().any(|&posted| posted == addr) {
                self.settle(0)?;
            }
            let be = enables(&part.within);
            let tag = self.next_tag;
            self.next_tag = tag.wrapping_add(1);
            self.posted.insert(tag, addr);
            self.channels.m2s_rwd.push_back(M2sRwd {
                opcode: opcode(be) as u8,
                addr,
                tag,
                meta_field: MetaField::Meta0State as u8,
                meta_value: MetaValue::Invalid as u8,
                snp_type: SnpType::SnpInv as u8,
                data: line,
                be,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn posted_writes_do_not_wait_for_each_other() {
        let device = tideline_tb::RtlDevice::new(&tideline_tb::RtlConfig::fast(4096)).unwrap();
        let mut attached = CxlAttached::new(device, 4096);
        let before = attached.cycle();
        for n in 0..4000_u64 {
            attached.window_write(n * 8, &n.to_le_bytes()).unwrap();
            // Some lines a second time, while they are under way.
            if n % 64 == 63 {
                attached.window_write((n - 16) * 8, &(n - 16).to_le_bytes()).unwrap();
            }
        }
        // Whoever reads waits for all of them.
        attached.read32(WindowBaseLo::OFFSET).unwrap();
        let cycles = attached.cycle() - before;
        assert!(attached.posted.is_empty() && cycles < 2 * 4000, "{cycles} cycles");
    }

    #[test]
    fn an_access_is_cut_into_lines() {
        let of = |offset, len| -> Vec<_> {
            parts(offset, len).into_iter().map(|p| (p.line, p.within, p.bytes)).collect()
        };
        assert_eq!(of(0, 64), [(0, 0..64, 0..64)]);
        assert_eq!(of(0x7e, 4), [(0x40, 62..64, 0..2), (0x80, 0..2, 2..4)]);
        assert_eq!(of(0x81, 1), [(0x80, 1..2, 0..1)]);
        assert_eq!(parts(1, 200).len(), 4);
        assert_eq!((enables(&(0..64)), enables(&(62..64)), enables(&(0..1))), (u64::MAX, 3 << 62, 1));
    }
}

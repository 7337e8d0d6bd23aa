//! The front end: messages of the host become line slots, and their answers.

use super::ModelDevice;
use std::collections::VecDeque;
use tideline_abi::cxl::{
    Channels, DrsOpcode, M2sReq, M2sRwd, MetaField, MetaValue, NdrOpcode, ReqOpcode, RwdOpcode, S2mDrs,
    S2mNdr, SnpType,
};
use tideline_abi::geometry::{DEFERRED_ENTRIES, LINE_BYTES};
use tideline_abi::regs::{error_bit, reg};
use tideline_abi::slot::{DataSource, Slot, SlotKind};

/// Requests whose page is being recalled, oldest first.
pub(super) type Deferred = VecDeque<M2sReq>;

impl ModelDevice {
    /// Serves a request: the oldest one that was deferred and may pass now, else the next of the channel.
    pub(super) fn take_req(&mut self, ch: &mut Channels) {
        if let Some(i) = self.deferred.iter().position(|r| !self.is_recalling(r)) {
            let req = self.deferred.remove(i).expect("the position was found just now");
            return self.serve(&req, ch);
        }
        let Some(&req) = ch.m2s_req.front() else { return };
        let opcode = ReqOpcode::from_code(req.opcode.into());
        let legal = match opcode {
            None | Some(ReqOpcode::MemRdFwd | ReqOpcode::MemWrFwd) => false,
            Some(ReqOpcode::MemSpecRd) => true,
            Some(_) => fields_legal(req.meta_field, req.meta_value, req.snp_type),
        };
        let waits = legal && opcode != Some(ReqOpcode::MemSpecRd) && self.must_wait(&req);
        if waits && self.deferred.len() == DEFERRED_ENTRIES {
            return; // The channel stalls.
        }
        ch.m2s_req.pop_front();
        self.count(reg::COUNT_REQ);
        if !legal {
            self.raise(1 << error_bit::ILLEGAL);
        } else if waits {
            self.deferred.push_back(req);
            self.count(reg::COUNT_DEFERRED);
        } else if opcode != Some(ReqOpcode::MemSpecRd) {
            self.serve(&req, ch);
        }
    }

    /// Takes a request with data. It waits for nothing.
    pub(super) fn take_rwd(&mut self, ch: &mut Channels) {
        let Some(rwd) = ch.m2s_rwd.pop_front() else { return };
        self.count(reg::COUNT_RWD);
        let legal = |opcode: &RwdOpcode| {
            *opcode == RwdOpcode::BiConflict || fields_legal(rwd.meta_field, rwd.meta_value, rwd.snp_type)
        };
        let Some(opcode) = RwdOpcode::from_code(rwd.opcode.into()).filter(legal) else {
            return self.raise(1 << error_bit::ILLEGAL);
        };
        let (kind, enable) = match opcode {
            RwdOpcode::MemWr => (SlotKind::Write, u64::MAX),
            RwdOpcode::MemWrPtl => (SlotKind::Write, rwd.be),
            RwdOpcode::BiConflict => (SlotKind::Conflict, 0),
        };
        let slot = self.line_slot(kind, &head(&rwd));
        let result = self.pass(&slot);
        if result.writes_memory && !self.memory_fails() {
            self.memory.write(result.frame, slot.line, &rwd.data, enable);
        }
        if let Some(ndr) = result.ndr {
            answer(ch, ndr, rwd.tag);
        }
    }

    /// Requests of a page pass in order: it waits behind a recall, and behind those that wait for one.
    fn must_wait(&self, req: &M2sReq) -> bool {
        let page = self.decode(req.addr).map(|(page, _)| page);
        page.is_some() && (self.is_recalling(req) || self.has_deferred(page))
    }

    fn is_recalling(&self, req: &M2sReq) -> bool {
        self.decode(req.addr).is_some_and(|(page, _)| self.recalls.is_recalling(page))
    }

    /// True if a request of this page waits.
    pub(super) fn has_deferred(&self, page: Option<u32>) -> bool {
        self.deferred.iter().any(|r| self.decode(r.addr).map(|(page, _)| page) == page)
    }

    fn serve(&mut self, req: &M2sReq, ch: &mut Channels) {
        let slot = self.line_slot(SlotKind::Req, req);
        let result = self.pass(&slot);
        if let Some(ndr) = result.ndr {
            answer(ch, ndr, req.tag);
        }
        let (opcode, data, poison) = match result.data {
            DataSource::None => return,
            DataSource::Memory if self.memory_fails() => (DrsOpcode::MemData, [0xff; LINE_BYTES], true),
            DataSource::Memory => (DrsOpcode::MemData, self.memory.read(result.frame, slot.line), false),
            DataSource::Poison => (DrsOpcode::MemData, [0xff; LINE_BYTES], true),
            DataSource::Nxm => (DrsOpcode::MemDataNxm, [0xff; LINE_BYTES], false),
        };
        ch.s2m_drs.push_back(S2mDrs { opcode: opcode as u8, tag: req.tag, poison, data });
    }

    fn line_slot(&self, kind: SlotKind, message: &M2sReq) -> Slot {
        let place = self.decode(message.addr);
        let (page, line) = place.unwrap_or((0, 0));
        Slot {
            line,
            decodes: place.is_some(),
            timed_out: place.is_some() && self.recalls.timed_out(page),
            opcode: message.opcode,
            meta_field: message.meta_field,
            meta_value: message.meta_value,
            snp_type: message.snp_type,
            grant_exclusive: self.regs[reg::CTRL] >> 1 & 1 == 1,
            ..self.page_slot(kind, page, 0)
        }
    }

    /// Adds one to a counter register.
    pub(super) fn count(&mut self, register: usize) {
        self.regs[register] = self.regs[register].wrapping_add(1);
    }
}

fn answer(ch: &mut Channels, opcode: NdrOpcode, tag: u16) {
    ch.s2m_ndr.push_back(S2mNdr { opcode: opcode as u8, tag });
}

/// The fields that a request with data has in common with one without.
fn head(rwd: &M2sRwd) -> M2sReq {
    let &M2sRwd { opcode, addr, tag, meta_field, meta_value, snp_type, .. } = rwd;
    M2sReq { opcode, addr, tag, meta_field, meta_value, snp_type }
}

/// True if no field is reserved. The meta value counts only where the meta field says that it means something.
fn fields_legal(meta_field: u8, meta_value: u8, snp_type: u8) -> bool {
    SnpType::from_code(snp_type.into()).is_some()
        && match MetaField::from_code(meta_field.into()) {
            Some(MetaField::Meta0State) => MetaValue::from_code(meta_value.into()).is_some(),
            Some(MetaField::NoOp) => true,
            None => false,
        }
}

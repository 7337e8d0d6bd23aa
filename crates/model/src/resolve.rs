//! The decision of one commit slot.

use tideline_abi::command::flag;
use tideline_abi::cxl::{MetaField, MetaValue, NdrOpcode, ReqOpcode, SnpType};
use tideline_abi::descriptor::{Control, PageState};
use tideline_abi::regs::error_bit;
use tideline_abi::slot::{DataSource, Slot, SlotKind, SlotResult, SlotStatus};

/// The masks of a page, one bit per line: bit `n` of each is lane `n` of the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Masks {
    /// Written in this epoch.
    pub dirty: u64,
    /// The host may have write permission.
    pub owned: u64,
    /// Read in this epoch.
    pub accessed: u64,
}

/// Decides a slot: the answer, the new control word and the new masks.
///
/// Pure; the tables of `docs/contract.md`, row by row. A line slot changes no bit but its line's. The slot's
/// message must be legal (see the contract): an illegal one never becomes a slot; here its opcode decides
/// nothing and it is answered as the closest legal form, never with a panic.
#[inline]
pub fn resolve(slot: &Slot, control: Control, masks: Masks) -> (SlotResult, Control, Masks) {
    let mut d = Decision {
        slot,
        bit: 1 << (slot.line & 63),
        local: control.state() == PageState::Local,
        result: SlotResult {
            ndr: None,
            data: DataSource::None,
            writes_memory: false,
            // BIConflict and addresses that do not decode look at no descriptor.
            frame: if slot.decodes && slot.kind != SlotKind::Conflict { control.frame() } else { 0 },
            status: SlotStatus::Done,
            mask: 0,
            newly_dirty: false,
            errors: 0,
        },
        control,
        masks,
    };
    if slot.recalled {
        d.masks.owned &= !slot.mask;
    }
    if slot.plain {
        return (d.past_the_descriptor(), control, masks);
    }
    match slot.kind {
        SlotKind::Req => d.req(),
        SlotKind::Write => d.write(),
        SlotKind::Conflict => d.result.ndr = Some(NdrOpcode::BiConflictAck),
        SlotKind::Map => d.map(),
        SlotKind::Unmap => d.unmap(),
        SlotKind::TrackSet => d.track_set(),
        SlotKind::TrackClear => d.track_clear(),
        SlotKind::Recall => d.recall(),
        SlotKind::Harvest => d.harvest(),
        SlotKind::Merge => d.merge(),
    }
    (d.result, d.control, d.masks)
}

/// The state that a request asks for: the meta value where the meta field says that it means something.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meta {
    None,
    Invalid,
    Any,
    Shared,
}

impl Meta {
    fn of(slot: &Slot) -> Self {
        if MetaField::from_code(slot.meta_field.into()) != Some(MetaField::Meta0State) {
            return Self::None;
        }
        match MetaValue::from_code(slot.meta_value.into()) {
            Some(MetaValue::Invalid) => Self::Invalid,
            Some(MetaValue::Any) => Self::Any,
            Some(MetaValue::Shared) => Self::Shared,
            None => Self::None,
        }
    }
}

/// A slot under decision.
struct Decision<'a> {
    slot: &'a Slot,
    bit: u64,
    local: bool,
    result: SlotResult,
    control: Control,
    masks: Masks,
}

impl Decision<'_> {
    fn error(&mut self, bit: usize) {
        self.result.errors |= 1 << bit;
    }

    /// The owned mask of a plain page says nothing, so nothing changes it: else the page would be listed for it.
    fn own(&mut self, on: bool) {
        if self.control.plain() {
            return;
        }
        self.masks.owned = if on { self.masks.owned | self.bit } else { self.masks.owned & !self.bit };
    }

    /// The line of a plain page goes to memory past the descriptor, and is decided as that of a page without functions.
    /// Refused if the page is not plain.
    fn past_the_descriptor(mut self) -> SlotResult {
        if !self.local || !self.control.plain() || !self.slot.decodes || self.slot.timed_out {
            self.refuse();
            return self.result;
        }
        match self.slot.kind {
            SlotKind::Req => self.req(),
            SlotKind::Write => self.write(),
            _ => self.refuse(),
        }
        self.result
    }

    fn req(&mut self) {
        let opcode = ReqOpcode::from_code(self.slot.opcode.into());
        let read = matches!(opcode, Some(ReqOpcode::MemRd | ReqOpcode::MemRdData));
        let meta = match opcode {
            Some(ReqOpcode::MemRdData) => Meta::Shared,
            Some(ReqOpcode::MemClnEvct) => Meta::Invalid,
            _ => Meta::of(self.slot),
        };
        self.result.ndr = Some(NdrOpcode::Cmp);
        if !self.slot.decodes {
            self.error(error_bit::NO_DECODE);
            if read {
                self.result.data = DataSource::Nxm;
            }
        } else if self.slot.timed_out {
            self.error(error_bit::RECALL_POISON);
            if read {
                self.poison(meta);
            }
        } else if !self.local {
            if read {
                self.error(error_bit::READ_UNMAPPED);
                self.poison(meta);
            }
        } else if read {
            self.read(meta);
        } else {
            self.change(meta);
        }
    }

    /// A read without data of its own: the grant is at most shared, so nothing becomes owned.
    fn poison(&mut self, meta: Meta) {
        if matches!(meta, Meta::Any | Meta::Shared) {
            self.result.ndr = Some(NdrOpcode::CmpS);
        }
        self.result.data = DataSource::Poison;
        self.control = self.control.with_cached(true);
    }

    fn read(&mut self, meta: Meta) {
        self.result.data = DataSource::Memory;
        if self.control.track_accessed() {
            self.masks.accessed |= self.bit;
        }
        let exclusive = match meta {
            Meta::None | Meta::Invalid => return,
            Meta::Any => true,
            Meta::Shared => {
                let c = self.control;
                self.slot.grant_exclusive && !c.track() && !c.cow() && !c.page_table()
            }
        };
        self.result.ndr = Some(if exclusive { NdrOpcode::CmpE } else { NdrOpcode::CmpS });
        self.own(exclusive);
        self.control = self.control.with_cached(true);
    }

    /// MemInv, MemInvNT, MemClnEvct: the host's state changes, no data moves.
    fn change(&mut self, meta: Meta) {
        match meta {
            Meta::None => {}
            Meta::Invalid => self.own(false),
            Meta::Any | Meta::Shared => {
                let exclusive = meta == Meta::Any;
                self.result.ndr = Some(if exclusive { NdrOpcode::CmpE } else { NdrOpcode::CmpS });
                self.own(exclusive);
                self.control = self.control.with_cached(true);
            }
        }
    }

    fn write(&mut self) {
        self.result.ndr = Some(NdrOpcode::Cmp);
        if !self.slot.decodes {
            self.error(error_bit::NO_DECODE);
            return;
        }
        if !self.local {
            self.error(error_bit::WRITE_UNMAPPED);
            return;
        }
        self.result.writes_memory = true;
        if SnpType::from_code(self.slot.snp_type.into()) == Some(SnpType::NoOp)
            && self.masks.owned & self.bit == 0
            && !self.control.plain()
        {
            self.error(error_bit::HOST_ORDER);
        }
        if self.control.track() {
            self.result.newly_dirty = self.masks.dirty & self.bit == 0;
            self.masks.dirty |= self.bit;
        }
        let meta = Meta::of(self.slot);
        match meta {
            Meta::None => {}
            Meta::Invalid => self.own(false),
            Meta::Any | Meta::Shared => {
                self.own(meta == Meta::Any);
                self.control = self.control.with_cached(true);
            }
        }
    }

    /// Refuses the slot: nothing changes.
    fn refuse(&mut self) {
        self.result.status = SlotStatus::State;
    }

    /// True if lines must be recalled first; then nothing changes.
    fn needs_recall(&mut self, lines: u64) -> bool {
        if lines != 0 {
            self.result.status = SlotStatus::Recall;
            self.result.mask = lines;
        }
        lines != 0
    }

    /// Every line, if the host may hold a copy of one and they were not recalled for this slot.
    fn copies(&self) -> u64 {
        if (self.control.cached() || self.control.plain()) && !self.slot.recalled { u64::MAX } else { 0 }
    }

    /// The lines that the host may own: of a plain page all that were not recalled for this slot.
    fn owned(&self) -> u64 {
        if !self.control.plain() {
            self.masks.owned
        } else if self.slot.recalled {
            !self.slot.mask
        } else {
            u64::MAX
        }
    }

    /// From here on the descriptor says what the host has: copies, perhaps, of a page that was plain.
    fn by_descriptor(&mut self) {
        if self.control.plain() {
            self.control = self.control.with_plain(false).with_cached(true);
        }
    }

    fn map(&mut self) {
        if self.control.state() != PageState::Unmapped {
            return self.refuse();
        }
        if !self.needs_recall(self.copies()) {
            let plain = self.slot.flags & flag::MAP_PLAIN != 0;
            self.control =
                Control(0).with_state(PageState::Local).with_frame(self.slot.frame).with_plain(plain);
            self.masks = Masks::default();
        }
    }

    fn unmap(&mut self) {
        if !self.local && self.control.state() != PageState::Poisoned {
            return self.refuse();
        }
        // What the host has of a poisoned page nobody knows: its descriptor could not be read, perhaps.
        let unknown = !self.local && !self.slot.recalled;
        let lines = if unknown { u64::MAX } else { self.copies() };
        if self.slot.timed_out || !self.needs_recall(lines) {
            self.control = Control(0);
            self.masks = Masks::default();
        }
    }

    fn track_set(&mut self) {
        if !self.local {
            return self.refuse();
        }
        if !self.needs_recall(self.owned()) {
            self.by_descriptor();
            let accessed = self.slot.flags & flag::TRACK_ACCESSED != 0;
            self.control = self.control.with_track(true).with_track_accessed(accessed);
            self.masks = Masks { dirty: 0, accessed: 0, ..self.masks };
        }
    }

    fn track_clear(&mut self) {
        if !self.local {
            return self.refuse();
        }
        self.control = self.control.with_track(false).with_track_accessed(false);
        self.masks = Masks { dirty: 0, accessed: 0, ..self.masks };
    }

    fn recall(&mut self) {
        if !self.local {
            return self.refuse();
        }
        let invalidate = self.slot.flags & flag::RECALL_INVALIDATE != 0;
        let lines = if invalidate { self.copies() } else { self.owned() };
        if !self.needs_recall(lines) {
            self.by_descriptor();
            if invalidate {
                self.control = self.control.with_cached(false);
            }
        }
    }

    fn harvest(&mut self) {
        let flags = self.slot.flags;
        // A plain page is not tracked: nothing is to be reported, whatever the host owns.
        let recalls = flags & flag::HARVEST_RECALL != 0 && !self.control.plain();
        self.find_poisoned();
        if !self.local || recalls && self.needs_recall(self.masks.owned) {
            return;
        }
        let mask = self.reported();
        self.result.mask = *mask;
        if flags & flag::HARVEST_CLEAR != 0 {
            *self.reported() = 0;
        }
    }

    fn merge(&mut self) {
        let accessed = self.slot.flags & flag::HARVEST_ACCESSED != 0;
        let tracked = if accessed { self.control.track_accessed() } else { self.control.track() };
        self.find_poisoned();
        if self.local && tracked {
            *self.reported() |= self.slot.mask;
        }
    }

    /// What a poisoned page had to report is not known, or nowhere any more: the result must say so.
    fn find_poisoned(&mut self) {
        if self.control.state() == PageState::Poisoned {
            self.error(error_bit::DRAM);
        }
    }

    /// The mask that HARVEST and MERGE are about.
    fn reported(&mut self) -> &mut u64 {
        if self.slot.flags & flag::HARVEST_ACCESSED != 0 {
            &mut self.masks.accessed
        } else {
            &mut self.masks.dirty
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use NdrOpcode::{BiConflictAck, Cmp, CmpE, CmpS};
    use tideline_abi::cxl::RwdOpcode;
    use tideline_abi::slot::DataSource::{Memory, Nxm, Poison};

    const LINE: u8 = 5;
    const BIT: u64 = 1 << LINE;
    const ALL: u64 = u64::MAX;
    const FRAME: u32 = 0x2ab_cdef;

    const READS: [ReqOpcode; 2] = [ReqOpcode::MemRd, ReqOpcode::MemRdData];
    const OTHERS: [ReqOpcode; 3] = [ReqOpcode::MemInv, ReqOpcode::MemInvNt, ReqOpcode::MemClnEvct];
    /// (meta field, meta value): none, Invalid, Any, Shared.
    const METAS: [(u8, u8); 4] = [(3, 0), (0, 0), (0, 2), (0, 3)];
    const NONE: (u8, u8) = METAS[0];
    const INVALID: (u8, u8) = METAS[1];
    const ANY: (u8, u8) = METAS[2];
    const SHARED: (u8, u8) = METAS[3];

    fn slot(kind: SlotKind) -> Slot {
        Slot {
            kind,
            page: 0,
            line: LINE,
            decodes: true,
            timed_out: false,
            opcode: 0,
            meta_field: 0,
            meta_value: 0,
            snp_type: 3,
            grant_exclusive: false,
            flags: 0,
            recalled: false,
            plain: false,
            frame: 0,
            mask: 0,
        }
    }

    fn req(opcode: ReqOpcode, (meta_field, meta_value): (u8, u8)) -> Slot {
        Slot { opcode: opcode as u8, meta_field, meta_value, ..slot(SlotKind::Req) }
    }

    fn write((meta_field, meta_value): (u8, u8), snp: SnpType) -> Slot {
        let opcode = RwdOpcode::MemWr as u8;
        Slot { opcode, meta_field, meta_value, snp_type: snp as u8, ..slot(SlotKind::Write) }
    }

    fn local() -> Control {
        Control(0).with_state(PageState::Local).with_frame(FRAME)
    }

    fn owned(owned: u64) -> Masks {
        Masks { owned, ..Masks::default() }
    }

    /// Every control word that differs in what a decision may look at.
    fn controls() -> impl Iterator<Item = Control> {
        PageState::ALL.iter().flat_map(|&state| {
            (0..128u32).map(move |f| {
                Control(0)
                    .with_state(state)
                    .with_frame(FRAME)
                    .with_track(f & 1 != 0)
                    .with_cow(f & 2 != 0)
                    .with_page_table(f & 4 != 0)
                    .with_cached(f & 8 != 0)
                    .with_track_accessed(f & 16 != 0)
                    .with_pinned(f & 32 != 0)
                    .with_plain(f & 64 != 0)
            })
        })
    }

    /// Every line slot of a legal message.
    fn line_slots() -> Vec<Slot> {
        let mut slots = vec![slot(SlotKind::Conflict)];
        for meta in METAS {
            slots.extend(READS.iter().chain(&OTHERS).map(|&op| req(op, meta)));
            slots.extend(SnpType::ALL.iter().map(|&snp| write(meta, snp)));
        }
        let variants = slots.into_iter().flat_map(|s| {
            (0..8u32).map(move |v| Slot {
                decodes: v & 1 == 0,
                timed_out: v & 2 != 0,
                grant_exclusive: v & 4 != 0,
                ..s
            })
        });
        variants.collect()
    }

    fn errors(bits: &[usize]) -> u32 {
        bits.iter().map(|b| 1 << b).sum()
    }

    #[test]
    fn what_does_not_decode_changes_nothing() {
        for s in line_slots().into_iter().filter(|s| !s.decodes) {
            for c in controls() {
                let (r, c2, m2) = resolve(&s, c, owned(ALL));
                if matches!(s.kind, SlotKind::Req | SlotKind::Write) {
                    assert_eq!((r.ndr, c2, m2), (Some(Cmp), c, owned(ALL)), "{s:?}");
                    assert_eq!(r.errors, errors(&[error_bit::NO_DECODE]));
                    assert!(!r.writes_memory);
                    let read = s.kind == SlotKind::Req && READS.iter().any(|&op| op as u8 == s.opcode);
                    assert_eq!(r.data, if read { Nxm } else { DataSource::None });
                }
            }
        }
    }

    #[test]
    fn pages_without_memory_answer_poison() {
        for c in controls() {
            for timed_out in [false, true] {
                if c.state() == PageState::Local && !timed_out {
                    continue;
                }
                let error = if timed_out { error_bit::RECALL_POISON } else { error_bit::READ_UNMAPPED };
                for meta in METAS {
                    for op in READS {
                        let s = Slot { timed_out, grant_exclusive: true, ..req(op, meta) };
                        let (r, c2, m2) = resolve(&s, c, owned(BIT));
                        let shared = meta == ANY || meta == SHARED || op == ReqOpcode::MemRdData;
                        assert_eq!(r.ndr, Some(if shared { CmpS } else { Cmp }));
                        assert_eq!((r.data, r.errors), (Poison, errors(&[error])));
                        assert_eq!((c2, m2), (c.with_cached(true), owned(BIT)));
                    }
                    for op in OTHERS {
                        let s = Slot { timed_out, ..req(op, meta) };
                        let (r, c2, m2) = resolve(&s, c, owned(BIT));
                        let expected = if timed_out { errors(&[error]) } else { 0 };
                        assert_eq!((r.ndr, r.data, r.errors), (Some(Cmp), DataSource::None, expected));
                        assert_eq!((c2, m2), (c, owned(BIT)));
                    }
                }
            }
        }
    }

    #[test]
    fn requests_to_local_pages() {
        use ReqOpcode::{MemClnEvct, MemInv, MemInvNt, MemRd, MemRdData};
        // Opcode, meta, answer, data, owned afterwards (of 0 and of 1), cached.
        let rows = [
            (MemRd, NONE, Cmp, Memory, [false, true], false),
            (MemRd, INVALID, Cmp, Memory, [false, true], false),
            (MemRd, ANY, CmpE, Memory, [true, true], true),
            (MemRd, SHARED, CmpS, Memory, [false, false], true),
            (MemRdData, NONE, CmpS, Memory, [false, false], true),
            (MemRdData, INVALID, CmpS, Memory, [false, false], true),
            (MemRdData, ANY, CmpS, Memory, [false, false], true),
            (MemRdData, SHARED, CmpS, Memory, [false, false], true),
            (MemInv, ANY, CmpE, DataSource::None, [true, true], true),
            (MemInv, SHARED, CmpS, DataSource::None, [false, false], true),
            (MemInv, INVALID, Cmp, DataSource::None, [false, false], false),
            (MemInv, NONE, Cmp, DataSource::None, [false, true], false),
            (MemInvNt, ANY, CmpE, DataSource::None, [true, true], true),
            (MemInvNt, SHARED, CmpS, DataSource::None, [false, false], true),
            (MemInvNt, INVALID, Cmp, DataSource::None, [false, false], false),
            (MemInvNt, NONE, Cmp, DataSource::None, [false, true], false),
            (MemClnEvct, NONE, Cmp, DataSource::None, [false, false], false),
            (MemClnEvct, INVALID, Cmp, DataSource::None, [false, false], false),
            (MemClnEvct, ANY, Cmp, DataSource::None, [false, false], false),
            (MemClnEvct, SHARED, Cmp, DataSource::None, [false, false], false),
        ];
        for c in controls().filter(|c| !c.plain()).filter(|c| c.state() == PageState::Local) {
            for (op, meta, ndr, data, after, cached) in rows {
                for before in [false, true] {
                    let others = ALL & !BIT;
                    let m = owned(others | if before { BIT } else { 0 });
                    let (r, c2, m2) = resolve(&req(op, meta), c, m);
                    assert_eq!((r.ndr, r.data, r.errors), (Some(ndr), data, 0), "{op} {meta:?}");
                    assert_eq!(r.frame, FRAME);
                    assert_eq!(c2, if cached { c.with_cached(true) } else { c });
                    let accessed = if data == Memory && c.track_accessed() { BIT } else { 0 };
                    let owned = others | if after[before as usize] { BIT } else { 0 };
                    assert_eq!(m2, Masks { dirty: 0, owned, accessed });
                }
            }
        }
    }

    #[test]
    fn shared_reads_become_exclusive_only_where_allowed() {
        for c in controls().filter(|c| !c.plain()).filter(|c| c.state() == PageState::Local) {
            let allowed = !c.track() && !c.cow() && !c.page_table();
            for s in [req(ReqOpcode::MemRd, SHARED), req(ReqOpcode::MemRdData, NONE)] {
                let (r, _, m) = resolve(&Slot { grant_exclusive: true, ..s }, c, owned(0));
                assert_eq!(r.ndr, Some(if allowed { CmpE } else { CmpS }));
                assert_eq!(m.owned, if allowed { BIT } else { 0 });
            }
            // MemInv Shared is never raised.
            let s = Slot { grant_exclusive: true, ..req(ReqOpcode::MemInv, SHARED) };
            assert_eq!(resolve(&s, c, owned(0)).0.ndr, Some(CmpS));
        }
    }

    #[test]
    fn writes() {
        for c in controls().filter(|c| !c.plain()) {
            for meta in METAS {
                for &snp in SnpType::ALL {
                    for before in [0, BIT] {
                        for timed_out in [false, true] {
                            let s = Slot { timed_out, ..write(meta, snp) };
                            let (r, c2, m) = resolve(&s, c, owned(before));
                            assert_eq!((r.ndr, r.data), (Some(Cmp), DataSource::None));
                            if c.state() != PageState::Local {
                                assert_eq!(r.errors, errors(&[error_bit::WRITE_UNMAPPED]));
                                assert_eq!((r.writes_memory, c2, m), (false, c, owned(before)));
                                continue;
                            }
                            let wrong_order = snp == SnpType::NoOp && before == 0 && !c.plain();
                            assert_eq!(
                                r.errors,
                                if wrong_order { errors(&[error_bit::HOST_ORDER]) } else { 0 }
                            );
                            assert!(r.writes_memory);
                            assert_eq!(r.frame, FRAME);
                            assert_eq!(m.dirty, if c.track() { BIT } else { 0 });
                            assert_eq!(r.newly_dirty, c.track());
                            assert!(!resolve(&s, c2, m).0.newly_dirty, "it is dirty already");
                            assert_eq!(
                                m.owned,
                                match meta {
                                    ANY => BIT,
                                    NONE => before,
                                    _ => 0,
                                }
                            );
                            let keeps = meta == ANY || meta == SHARED;
                            assert_eq!(c2, if keeps { c.with_cached(true) } else { c });
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn conflicts_change_nothing() {
        for c in controls() {
            let (r, c2, m) = resolve(&slot(SlotKind::Conflict), c, owned(ALL));
            assert_eq!((r.ndr, r.errors, c2, m), (Some(BiConflictAck), 0, c, owned(ALL)));
        }
    }

    #[test]
    fn a_recalled_slot_takes_the_ownership_of_what_was_recalled_whatever_else_it_does() {
        let kinds = SlotKind::ALL.iter().filter(|kind| kind.code() >= 8 && **kind != SlotKind::Merge);
        for &kind in kinds {
            for (c, flags) in controls().filter(|c| !c.plain()).flat_map(|c| [(c, 0), (c, 1), (c, 3)]) {
                let recalled = Slot { flags, recalled: true, mask: 0xf0, ..slot(kind) };
                let fresh = Slot { recalled: false, mask: 0, ..recalled };
                let (r, _, m) = resolve(&recalled, c, owned(0xff));
                assert_eq!(m.owned & 0xf0, 0, "{recalled:?} {c:?}");
                // Lines that were not recalled, but are owned by now, need a recall again.
                let all = c.cached() || c.state() == PageState::Poisoned;
                if resolve(&fresh, c, owned(0xf0)).0.status == SlotStatus::Recall && !all {
                    assert_eq!((r.status, r.mask), (SlotStatus::Recall, 0xf), "{recalled:?} {c:?}");
                    let r = resolve(&recalled, c, owned(0xf0)).0;
                    assert_eq!(r.status, SlotStatus::Done, "{recalled:?} {c:?}");
                }
            }
        }
    }

    #[test]
    fn a_line_slot_changes_no_other_line() {
        for s in line_slots() {
            for c in controls() {
                for fill in [0, ALL] {
                    let m = Masks { dirty: fill, owned: fill, accessed: fill };
                    let (_, _, m2) = resolve(&s, c, m);
                    for (before, after) in
                        [(m.dirty, m2.dirty), (m.owned, m2.owned), (m.accessed, m2.accessed)]
                    {
                        assert_eq!(before & !BIT, after & !BIT, "{s:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn an_exclusive_grant_is_always_owned() {
        for s in line_slots() {
            for c in controls().filter(|c| !c.plain()) {
                for before in [0, BIT] {
                    let (r, c2, m) = resolve(&s, c, owned(before));
                    if r.ndr == Some(CmpE) {
                        assert!(m.owned & BIT != 0 && c2.cached() && c.state() == PageState::Local, "{s:?}");
                    }
                    assert_ne!(r.ndr, Some(NdrOpcode::CmpM));
                }
            }
        }
    }

    /// Status, mask and effect of a page slot for every control word.
    fn page(s: Slot, mut expect: impl FnMut(Control) -> (SlotStatus, u64, Control, Masks)) {
        const M: Masks = Masks { dirty: 0xd, owned: 0xf0, accessed: 0xa };
        for c in controls().filter(|c| !c.plain()) {
            let (r, c2, m2) = resolve(&s, c, M);
            let (status, mask, control, masks) = expect(c);
            let context = format!("{s:?} {c:?}");
            assert_eq!((r.status, r.mask), (status, mask), "{context}");
            assert_eq!((c2, m2), (control, masks), "{context}");
            assert_eq!((r.ndr, r.data, r.writes_memory), (None, DataSource::None, false));
            let reports = matches!(s.kind, SlotKind::Harvest | SlotKind::Merge);
            let unknown = reports && c.state() == PageState::Poisoned;
            assert_eq!(r.errors, if unknown { errors(&[error_bit::DRAM]) } else { 0 }, "{context}");
        }
    }
    const MASKS: Masks = Masks { dirty: 0xd, owned: 0xf0, accessed: 0xa };
    const WITHOUT_OWNED: Masks = Masks { owned: 0, ..MASKS };

    #[test]
    fn map_and_unmap() {
        use SlotStatus::{Done, Recall, State};
        for recalled in [false, true] {
            let s = Slot { recalled, frame: 77, ..slot(SlotKind::Map) };
            page(s, |c| match c.state() {
                PageState::Unmapped if c.cached() && !recalled => (Recall, ALL, c, MASKS),
                PageState::Unmapped => {
                    (Done, 0, Control(0).with_state(PageState::Local).with_frame(77), Masks::default())
                }
                _ => (State, 0, c, MASKS),
            });
            for timed_out in [false, true] {
                let s = Slot { recalled, timed_out, ..slot(SlotKind::Unmap) };
                page(s, |c| match c.state() {
                    PageState::Local if c.cached() && !recalled && !timed_out => (Recall, ALL, c, MASKS),
                    PageState::Poisoned if !recalled && !timed_out => (Recall, ALL, c, MASKS),
                    PageState::Local | PageState::Poisoned => (Done, 0, Control(0), Masks::default()),
                    _ => (State, 0, c, MASKS),
                });
            }
        }
    }

    #[test]
    fn track() {
        use SlotStatus::{Done, Recall, State};
        for accessed in [false, true] {
            let flags = flag::TRACK_SET | if accessed { flag::TRACK_ACCESSED } else { 0 };
            let s = Slot { flags, ..slot(SlotKind::TrackSet) };
            page(s, |c| {
                if c.state() == PageState::Local { (Recall, 0xf0, c, MASKS) } else { (State, 0, c, MASKS) }
            });
            for c in controls().filter(|c| c.state() == PageState::Local && !c.plain()) {
                let (r, c2, m) = resolve(&s, c, WITHOUT_OWNED);
                assert_eq!((r.status, m), (Done, Masks::default()));
                assert_eq!(c2, c.with_track(true).with_track_accessed(accessed));
            }
        }
        page(slot(SlotKind::TrackClear), |c| {
            if c.state() != PageState::Local {
                return (State, 0, c, MASKS);
            }
            (Done, 0, c.with_track(false).with_track_accessed(false), owned(0xf0))
        });
    }

    #[test]
    fn recall() {
        use SlotStatus::{Done, Recall, State};
        for recalled in [false, true] {
            page(Slot { recalled, ..slot(SlotKind::Recall) }, |c| match c.state() {
                PageState::Local => (Recall, 0xf0, c, MASKS),
                _ => (State, 0, c, MASKS),
            });
            let flags = flag::RECALL_INVALIDATE;
            page(Slot { recalled, flags, ..slot(SlotKind::Recall) }, |c| match c.state() {
                PageState::Local if c.cached() && !recalled => (Recall, ALL, c, MASKS),
                PageState::Local => (Done, 0, c.with_cached(false), MASKS),
                _ => (State, 0, c, MASKS),
            });
        }
        let (r, c, _) = resolve(&slot(SlotKind::Recall), local().with_cached(true), WITHOUT_OWNED);
        assert_eq!((r.status, c.cached()), (Done, true), "shared copies stay");
    }

    #[test]
    fn plain_pages() {
        use SlotStatus::{Done, Recall, State};
        let plain = local().with_plain(true);
        let map = Slot { flags: flag::MAP_PLAIN, frame: FRAME, ..slot(SlotKind::Map) };
        assert_eq!(resolve(&map, Control(0), MASKS).1, plain);

        // What takes the page out of its region recalls every line first.
        let set = Slot { flags: flag::TRACK_SET, ..slot(SlotKind::TrackSet) };
        let invalidate = Slot { flags: flag::RECALL_INVALIDATE, ..slot(SlotKind::Recall) };
        let found = plain.with_plain(false).with_cached(true);
        for (s, after) in [
            (set, found.with_track(true)),
            (slot(SlotKind::Recall), found),
            (invalidate, found.with_cached(false)),
            (slot(SlotKind::Unmap), Control(0)),
        ] {
            let (r, c, m) = resolve(&s, plain, owned(0));
            assert_eq!((r.status, r.mask, c, m), (Recall, ALL, plain, owned(0)), "{s:?}");
            let (r, c, m) = resolve(&Slot { recalled: true, mask: ALL, ..s }, plain, owned(0));
            assert_eq!((r.status, c, m), (Done, after, owned(0)), "{s:?}");
        }
        let half = Slot { recalled: true, mask: 0xff, ..set };
        let (r, c, _) = resolve(&half, plain, owned(0));
        assert_eq!((r.status, r.mask, c), (Recall, !0xff, plain), "what was not recalled is still owned");

        // Nothing else does.
        let harvest = flag::HARVEST_RECALL | flag::HARVEST_CLEAR;
        for s in [
            Slot { flags: harvest, ..slot(SlotKind::Harvest) },
            Slot { mask: ALL, ..slot(SlotKind::Merge) },
            slot(SlotKind::TrackClear),
        ] {
            let (r, c, m) = resolve(&s, plain, owned(0));
            assert_eq!((r.status, r.mask, c, m), (Done, 0, plain, owned(0)), "{s:?}");
        }

        // A line of it goes past the descriptor; as does none of another page.
        for s in line_slots().into_iter().map(|s| Slot { plain: true, ..s }) {
            for c in controls().filter(|c| !c.track()) {
                let (r, c2, m) = resolve(&s, c, owned(BIT));
                assert_eq!((c2, m), (c, owned(BIT)), "{s:?}");
                let legal = c.plain() && c.state() == PageState::Local && s.decodes && !s.timed_out;
                if legal && s.kind != SlotKind::Conflict {
                    let (by_descriptor, _, m) = resolve(&Slot { plain: false, ..s }, c, owned(BIT));
                    assert_eq!((r, r.errors), (by_descriptor, 0), "{s:?}");
                    assert_eq!(m.owned, BIT, "the owned mask says nothing, so it stays: {s:?}");
                } else {
                    assert_eq!((r.status, r.ndr), (State, None), "{s:?}");
                }
            }
        }
    }

    #[test]
    fn harvest_and_merge() {
        use SlotStatus::{Done, Recall};
        for flags in 0..8 {
            let accessed = flags & flag::HARVEST_ACCESSED != 0;
            let cleared = |m: Masks| match (flags & flag::HARVEST_CLEAR != 0, accessed) {
                (false, _) => m,
                (true, false) => Masks { dirty: 0, ..m },
                (true, true) => Masks { accessed: 0, ..m },
            };
            let mask = if accessed { 0xa } else { 0xd };
            page(Slot { flags, ..slot(SlotKind::Harvest) }, |c| match c.state() {
                PageState::Local if flags & flag::HARVEST_RECALL != 0 => (Recall, 0xf0, c, MASKS),
                PageState::Local => (Done, mask, c, cleared(MASKS)),
                _ => (Done, 0, c, MASKS),
            });
            let (r, _, m) = resolve(&Slot { flags, ..slot(SlotKind::Harvest) }, local(), WITHOUT_OWNED);
            assert_eq!((r.status, r.mask, m), (Done, mask, cleared(WITHOUT_OWNED)));

            let s = Slot { flags, mask: 0x700, ..slot(SlotKind::Merge) };
            page(s, |c| {
                let tracked = if accessed { c.track_accessed() } else { c.track() };
                let m = match (c.state() == PageState::Local && tracked, accessed) {
                    (false, _) => MASKS,
                    (true, false) => Masks { dirty: 0x70d, ..MASKS },
                    (true, true) => Masks { accessed: 0x70a, ..MASKS },
                };
                (Done, 0, c, m)
            });
        }
    }
}

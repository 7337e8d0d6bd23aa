//! The orderly host, message by message against a hand-driven device, and at random against the golden model.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;
use tideline_abi::cxl::{
    Channels, DrsOpcode, Line, M2sReq, M2sRwd, MetaField, MetaValue, NdrOpcode, ReqOpcode, RspOpcode,
    RwdOpcode, S2mBisnp, S2mDrs, S2mNdr, SnpOpcode, SnpType,
};
use tideline_driver::{Attach, Hpa};
use tideline_tb::host::{Access, EpochPage, OrderlyConfig, OrderlyError, OrderlyHost, State};

const BASE: u64 = 0x10_0000_0000;

/// Two sets of one way each: every second line evicts.
fn tiny() -> OrderlyHost {
    OrderlyHost::new(OrderlyConfig {
        bytes: 128,
        ways: 1,
        window_base: Hpa(BASE),
        window_pages: 4,
        attach: Attach::Cxl,
    })
}

fn line(n: u64) -> Hpa {
    Hpa(BASE + 64 * n)
}

/// A hand-driven device: takes what the host sent, answers when told.
#[derive(Default)]
struct Bench {
    ch: Channels,
}

impl Bench {
    fn tick(&mut self, host: &mut OrderlyHost) {
        host.tick(&mut self.ch).expect("the device is right");
    }

    fn req(&mut self) -> M2sReq {
        self.ch.m2s_req.pop_front().expect("a request")
    }

    fn rwd(&mut self) -> M2sRwd {
        self.ch.m2s_rwd.pop_front().expect("a request with data")
    }

    fn ndr(&mut self, opcode: NdrOpcode, tag: u16) {
        self.ch.s2m_ndr.push_back(S2mNdr { opcode: opcode as u8, tag });
    }

    fn drs(&mut self, tag: u16, data: Line) {
        self.ch.s2m_drs.push_back(S2mDrs { opcode: DrsOpcode::MemData as u8, tag, poison: false, data });
    }

    fn snoop(&mut self, opcode: SnpOpcode, addr: Hpa, tag: u16) {
        self.ch.s2m_bisnp.push_back(S2mBisnp { opcode: opcode as u8, addr: addr.0, tag });
    }

    fn rsp(&mut self) -> (u8, u16) {
        let rsp = self.ch.m2s_birsp.pop_front().expect("a snoop response");
        (rsp.opcode, rsp.tag)
    }

    /// Brings a line into the cache.
    fn fetch(&mut self, host: &mut OrderlyHost, n: u64, store: bool) {
        let access = if store { host.store(n, line(n), n) } else { host.load(n, line(n)) };
        assert_eq!(access, Access::Miss);
        self.tick(host);
        let req = self.req();
        let grant = if store { NdrOpcode::CmpE } else { NdrOpcode::CmpS };
        self.ndr(grant, req.tag);
        self.drs(req.tag, [0; 64]);
        self.tick(host);
        assert!(!host.is_waiting());
    }
}

#[test]
fn a_load_asks_for_shared_and_hits_afterwards() {
    let (mut host, mut bench) = (tiny(), Bench::default());
    assert_eq!(host.load(0, line(0)), Access::Miss);
    bench.tick(&mut host);
    let req = bench.req();
    let expected = (ReqOpcode::MemRd as u8, MetaValue::Shared as u8, 1, line(0).0);
    assert_eq!((req.opcode, req.meta_value, req.snp_type, req.addr), expected);
    bench.drs(req.tag, [7; 64]);
    bench.tick(&mut host);
    assert!(host.is_waiting(), "data without a grant");
    bench.ndr(NdrOpcode::CmpS, req.tag);
    bench.tick(&mut host);
    assert_eq!((host.is_waiting(), host.state(line(0))), (false, State::Shared));
    assert_eq!(host.load(0, line(0)), Access::Hit);
    assert_eq!(*host.loaded(line(0)), [7; 64]);
    assert!(bench.ch.is_empty());
}

#[test]
fn a_store_owns_and_writes_one_word() {
    let (mut host, mut bench) = (tiny(), Bench::default());
    bench.fetch(&mut host, 0, true);
    assert_eq!(host.store(0, Hpa(line(0).0 + 13), 0x1122), Access::Hit);
    assert_eq!(host.state(line(0)), State::Modified);
    assert_eq!(host.loaded(line(0))[8..10], [0x22, 0x11]);
}

#[test]
fn a_store_to_a_shared_line_upgrades_without_data() {
    let (mut host, mut bench) = (tiny(), Bench::default());
    bench.fetch(&mut host, 0, false);
    assert_eq!(host.store(0, line(0), 5), Access::Miss);
    bench.tick(&mut host);
    let req = bench.req();
    assert_eq!((req.opcode, req.meta_value), (ReqOpcode::MemInv as u8, MetaValue::Any as u8));
    bench.ndr(NdrOpcode::CmpE, req.tag);
    bench.tick(&mut host);
    assert_eq!((host.is_waiting(), host.state(line(0))), (false, State::Modified));
}

#[test]
fn an_upgrade_that_lost_its_copy_fetches_the_line() {
    let (mut host, mut bench) = (tiny(), Bench::default());
    bench.fetch(&mut host, 0, false);
    host.store(0, line(0), 5);
    bench.tick(&mut host);
    let upgrade = bench.req();
    bench.snoop(SnpOpcode::BiSnpInv, line(0), 3);
    bench.tick(&mut host);
    let conflict = bench.rwd();
    assert_eq!((conflict.opcode, conflict.tag), (RwdOpcode::BiConflict as u8, 3));
    bench.ndr(NdrOpcode::BiConflictAck, 3);
    bench.tick(&mut host);
    assert_eq!(bench.rsp(), (RspOpcode::BiRspI as u8, 3));
    bench.ndr(NdrOpcode::CmpE, upgrade.tag);
    bench.tick(&mut host);
    let read = bench.req();
    assert_eq!((read.opcode, read.meta_value), (ReqOpcode::MemRd as u8, MetaValue::Any as u8));
    bench.ndr(NdrOpcode::CmpE, read.tag);
    bench.drs(read.tag, [0; 64]);
    bench.tick(&mut host);
    assert_eq!(host.state(line(0)), State::Modified);
}

#[test]
fn an_eviction_is_posted_and_a_later_request_of_the_line_waits_for_it() {
    let (mut host, mut bench) = (tiny(), Bench::default());
    bench.fetch(&mut host, 0, true);
    host.load(2, line(2));
    bench.tick(&mut host);
    let write = bench.rwd();
    assert_eq!((write.opcode, write.meta_value, write.addr), (RwdOpcode::MemWr as u8, 0, line(0).0));
    let read = bench.req();
    bench.ndr(NdrOpcode::CmpS, read.tag);
    bench.drs(read.tag, [0; 64]);
    bench.tick(&mut host);
    assert!(!host.is_waiting() && !host.is_idle(), "the write-back does not hold the load up");
    host.load(0, line(0));
    bench.tick(&mut host);
    assert!(bench.ch.m2s_req.is_empty(), "the line's write-back is under way");
    bench.ndr(NdrOpcode::Cmp, write.tag);
    bench.tick(&mut host);
    assert_eq!(bench.req().addr, line(0).0);
    assert_eq!(host.take_epoch(), [EpochPage { page: 0, evicted: 1, snooped: 0 }]);
}

#[test]
fn a_clean_line_leaves_silently() {
    let (mut host, mut bench) = (tiny(), Bench::default());
    bench.fetch(&mut host, 0, false);
    host.load(2, line(2));
    bench.tick(&mut host);
    assert!(bench.ch.m2s_rwd.is_empty());
    assert_eq!(host.state(line(0)), State::Invalid);
}

#[test]
fn the_least_recently_used_line_leaves() {
    let config =
        OrderlyConfig { bytes: 256, ways: 4, window_base: Hpa(BASE), window_pages: 4, attach: Attach::Cxl };
    let (mut host, mut bench) = (OrderlyHost::new(config), Bench::default());
    (0..4).for_each(|n| bench.fetch(&mut host, n, false));
    assert_eq!(host.load(0, line(0)), Access::Hit);
    bench.fetch(&mut host, 9, false);
    let states: Vec<_> = (0..4).map(|n| host.state(line(n)) != State::Invalid).collect();
    assert_eq!(states, [true, false, true, true]);
}

#[test]
fn the_key_chooses_the_set_not_the_window_address() {
    let (mut host, mut bench) = (tiny(), Bench::default());
    host.load(0, line(0));
    bench.tick(&mut host);
    let req = bench.req();
    bench.ndr(NdrOpcode::CmpS, req.tag);
    bench.drs(req.tag, [0; 64]);
    bench.tick(&mut host);
    // Line 2 would share the set of line 0; under key 1 it does not.
    host.load(1, line(2));
    bench.tick(&mut host);
    assert_eq!(host.state(line(0)), State::Shared);
}

#[test]
fn snoops_are_answered_as_the_line_is() {
    for (store, inv, write, response, after) in [
        (false, false, None, RspOpcode::BiRspS, State::Shared),
        (false, true, None, RspOpcode::BiRspI, State::Invalid),
        (true, false, Some(MetaValue::Shared), RspOpcode::BiRspS, State::Shared),
        (true, true, Some(MetaValue::Invalid), RspOpcode::BiRspI, State::Invalid),
    ] {
        let (mut host, mut bench) = (tiny(), Bench::default());
        bench.fetch(&mut host, 0, store);
        let opcode = if inv { SnpOpcode::BiSnpInv } else { SnpOpcode::BiSnpData };
        bench.snoop(opcode, line(0), 9);
        bench.tick(&mut host);
        if let Some(meta) = write {
            let rwd = bench.rwd();
            assert_eq!((rwd.opcode, rwd.meta_value), (RwdOpcode::MemWr as u8, meta as u8));
            assert!(bench.ch.m2s_birsp.is_empty(), "the response follows the Cmp");
            bench.ndr(NdrOpcode::Cmp, rwd.tag);
            bench.tick(&mut host);
            assert_eq!(host.take_epoch(), [EpochPage { page: 0, evicted: 0, snooped: 1 }]);
        }
        assert_eq!(bench.rsp(), (response as u8, 9));
        assert_eq!(host.state(line(0)), after);
        assert!(host.is_idle());
    }
}

#[test]
fn a_snoop_of_a_line_without_a_copy_waits_for_its_write_back() {
    let (mut host, mut bench) = (tiny(), Bench::default());
    bench.fetch(&mut host, 0, true);
    host.load(2, line(2));
    bench.tick(&mut host);
    let write = bench.rwd();
    bench.snoop(SnpOpcode::BiSnpData, line(0), 1);
    bench.tick(&mut host);
    assert!(bench.ch.m2s_birsp.is_empty());
    bench.ndr(NdrOpcode::Cmp, write.tag);
    bench.tick(&mut host);
    assert_eq!(bench.rsp(), (RspOpcode::BiRspI as u8, 1));
}

#[test]
fn a_snoop_that_meets_a_request_resolves_after_its_acknowledgement() {
    let (mut host, mut bench) = (tiny(), Bench::default());
    host.store(0, line(0), 1);
    bench.tick(&mut host);
    let req = bench.req();
    bench.snoop(SnpOpcode::BiSnpData, line(0), 4);
    bench.tick(&mut host);
    assert_eq!(bench.rwd().opcode, RwdOpcode::BiConflict as u8);
    // The grant came first, its data last: the store is done, then written back.
    bench.ndr(NdrOpcode::CmpE, req.tag);
    bench.ndr(NdrOpcode::BiConflictAck, 4);
    bench.tick(&mut host);
    assert!(bench.ch.m2s_rwd.is_empty() && bench.ch.m2s_birsp.is_empty());
    bench.drs(req.tag, [0; 64]);
    bench.tick(&mut host);
    let write = bench.rwd();
    assert_eq!((write.opcode, write.data[0]), (RwdOpcode::MemWr as u8, 1));
    bench.ndr(NdrOpcode::Cmp, write.tag);
    bench.tick(&mut host);
    assert_eq!(bench.rsp(), (RspOpcode::BiRspS as u8, 4));
    assert!(host.is_idle());
}

#[test]
fn wrong_devices_are_refused() {
    type Wrong = fn(&mut Bench, u16);
    let cases: [(&str, Wrong); 6] = [
        ("not a grant", |b, tag| {
            b.ndr(NdrOpcode::CmpS, tag);
            b.drs(tag, [0; 64]);
        }),
        ("second answer", |b, tag| {
            b.ndr(NdrOpcode::CmpE, tag);
            b.ndr(NdrOpcode::CmpE, tag);
        }),
        ("no write with this tag", |b, tag| b.ndr(NdrOpcode::Cmp, tag + 1)),
        ("no BIConflict", |b, tag| b.ndr(NdrOpcode::BiConflictAck, tag)),
        ("waits for data", |b, tag| b.drs(tag + 1, [0; 64])),
        ("outside the window", |b, _| b.snoop(SnpOpcode::BiSnpInv, Hpa(BASE - 64), 0)),
    ];
    for (expected, wrong) in cases {
        let (mut host, mut bench) = (tiny(), Bench::default());
        host.store(0, line(0), 1);
        bench.tick(&mut host);
        let tag = bench.req().tag;
        wrong(&mut bench, tag);
        let error = host.tick(&mut bench.ch).expect_err(expected).to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn a_fill_that_is_not_what_was_written_back_is_refused() {
    let (mut host, mut bench) = (tiny(), Bench::default());
    bench.fetch(&mut host, 0, true);
    bench.fetch(&mut host, 2, false);
    let write = bench.rwd();
    bench.ndr(NdrOpcode::Cmp, write.tag);
    bench.tick(&mut host);
    host.load(0, line(0));
    bench.tick(&mut host);
    let read = bench.req();
    bench.ndr(NdrOpcode::CmpS, read.tag);
    bench.drs(read.tag, [0xee; 64]);
    let error = host.tick(&mut bench.ch).expect_err("other data");
    assert!(matches!(error, OrderlyError::Data { addr, .. } if addr == line(0)), "{error}");
}

#[test]
fn random_accesses_against_the_model_read_what_was_written() {
    use tideline_driver::{Carrier, Device, Frame, Gather, LineAddr, PageIndex, PageRange};
    use tideline_tb::machine::ModelInMachine;
    use tideline_tb::{Machine, MachineConfig};
    let config = MachineConfig { cache_bytes: 64 << 10, cache_ways: 4, ..MachineConfig::default() };
    let machine = Machine::new(ModelInMachine::default(), config).expect("the model starts");
    let mut device = Device::open(machine).expect("the driver starts");
    let range = PageRange::new(PageIndex(0), 64).expect("a range");
    device.map(range, Frame(100)).expect("pages to map");
    let tracker = device.track_start(&[range]).expect("tracking starts");
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut written = HashMap::new();
    let mut epoch = std::collections::BTreeSet::new();
    for step in 0..200_000u64 {
        let line = LineAddr(rng.random_range(0..64 * 64));
        if rng.random_ratio(1, 3) {
            let mut data = [0; 64];
            rng.fill(&mut data[..]);
            device.store(line, &data).expect("a store");
            written.insert(line, data);
            epoch.insert(line);
        } else {
            let data = device.load(line).expect("a load");
            if let Some(expected) = written.get(&line) {
                assert_eq!(data, *expected, "{line}");
            }
        }
        if step % 10_000 == 9_999 {
            let report = device.track_report(&tracker, Gather::Recall).expect("a report");
            assert_eq!(report.lines().collect::<Vec<_>>(), epoch.iter().copied().collect::<Vec<_>>());
            epoch.clear();
        }
    }
    device.track_stop(tracker).expect("tracking stops");
    let machine = device.close().expect("the driver stops");
    assert!(
        machine.host.stats().evictions > 1000 && machine.host.stats().snoop_writes > 100,
        "{}",
        machine.name()
    );
}

/// On AXI4 nobody grants: a load may be followed by a store without a word, and a flush writes back and drops.
#[test]
fn on_axi_the_host_asks_for_nothing_but_data() {
    let config =
        OrderlyConfig { bytes: 128, ways: 1, window_base: Hpa(BASE), window_pages: 4, attach: Attach::Axi };
    let (mut host, mut bench) = (OrderlyHost::new(config), Bench::default());
    let plain = |m: &M2sReq| (m.meta_field, m.snp_type) == (MetaField::NoOp as u8, SnpType::SnpCur as u8);
    for (n, store) in [(0, false), (1, true)] {
        let went = if store { host.store(n, line(n), 7) } else { host.load(n, line(n)) };
        assert_eq!(went, Access::Miss);
        bench.tick(&mut host);
        let m = bench.req();
        assert!(m.opcode == ReqOpcode::MemRd as u8 && plain(&m), "{m:?}");
        bench.ndr(NdrOpcode::Cmp, m.tag);
        bench.drs(m.tag, [0; 64]);
        bench.tick(&mut host);
        assert!(!host.is_waiting());
    }
    assert_eq!(host.store(0, line(0), 9), Access::Hit);
    assert!(bench.ch.is_empty());

    host.flush(line(0), 64, &mut bench.ch);
    let m = bench.rwd();
    assert_eq!((m.addr, m.data[0]), (BASE, 9));
    let fields = (m.opcode, m.meta_field, m.meta_value, m.snp_type);
    let write = RwdOpcode::MemWr as u8;
    let invalid = (MetaField::Meta0State as u8, MetaValue::Invalid as u8);
    assert_eq!(fields, (write, invalid.0, invalid.1, SnpType::SnpInv as u8));
    assert!(bench.ch.m2s_rwd.is_empty(), "the other line is not in the range");
    assert_eq!((host.state(line(0)), host.state(line(1))), (State::Invalid, State::Modified));
    assert!(!host.is_idle());
    bench.ndr(NdrOpcode::Cmp, m.tag);
    bench.tick(&mut host);
    assert!(host.is_idle());
    let epoch = host.take_epoch();
    assert_eq!(epoch, [EpochPage { page: 0, evicted: 0, snooped: 1 }]);
    assert_eq!(epoch[0].found_by_recall(), 1);
}

/// Not a check: says how fast hits are (`cargo test --release -p tideline-tb --test orderly_host -- --ignored --nocapture`).
#[test]
#[ignore = "a measurement"]
fn hits_per_second() {
    for (megabytes, lines) in [(2, 8_000), (32, 400_000)] {
        let config = OrderlyConfig {
            bytes: megabytes << 20,
            ways: 16,
            window_base: Hpa(BASE),
            window_pages: tideline_abi::geometry::WINDOW_PAGES,
            attach: Attach::Cxl,
        };
        let (mut host, mut bench) = (OrderlyHost::new(config), Bench::default());
        (0..lines).for_each(|n| bench.fetch(&mut host, n, true));
        let start = std::time::Instant::now();
        let mut n = 1u64;
        for _ in 0..20_000_000 {
            n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (n >> 33) % lines;
            let access = if n >> 63 == 0 { host.load(at, line(at)) } else { host.store(at, line(at), n) };
            assert_eq!(access, Access::Hit);
        }
        let rate = 20.0 / start.elapsed().as_secs_f64();
        println!("{megabytes} MiB: {rate:.1} million random hits per second");
    }
}

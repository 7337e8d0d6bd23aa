//! The device behind its interfaces: a line written is read back, whatever the pauses.

use std::time::Instant;
use tideline_abi::cxl::{Channels, M2sReq, M2sRwd, ReqOpcode, RwdOpcode};
use tideline_tb::{RtlConfig, RtlDevice};

#[test]
fn standin() {
    for config in [RtlConfig::fast(1024), RtlConfig::nasty(1024, 7)] {
        let mut d = RtlDevice::new(&config).unwrap();
        let mut ch = Channels::default();
        println!("ready at {}", d.cycle());
        for i in 0..100u64 {
            ch.m2s_rwd.push_back(M2sRwd { opcode: RwdOpcode::MemWr as u8, addr: i * 64, tag: i as u16, meta_field: 0, meta_value: 0, snp_type: 0, data: [i as u8; 64], be: 0 });
            ch.m2s_req.push_back(M2sReq { opcode: ReqOpcode::MemRd as u8, addr: 4096 + i * 64, tag: 1000 + i as u16, ..M2sReq::default() });
        }
        while ch.s2m_ndr.len() < 200 || ch.s2m_drs.len() < 100 { d.tick(&mut ch).unwrap(); }
        println!("{} {:?}", d.cycle(), ch.s2m_ndr.len());
        for i in 0..64 { assert_eq!(d.dram().memory.peek(i * 64), [i as u8; 64]); }
        d.write32(&mut ch, 0x100, 77).unwrap();
        assert_eq!(d.read32(&mut ch, 0x100).unwrap(), 77);
        let t = Instant::now(); let c = d.cycle();
        for i in 0..200_000u64 { if ch.m2s_req.is_empty() { ch.m2s_req.push_back(M2sReq { opcode: 1, addr: (i % 1000) * 64, ..M2sReq::default() }); } d.tick(&mut ch).unwrap(); ch.s2m_ndr.clear(); ch.s2m_drs.clear(); }
        println!("{:.2} M cycles/s", (d.cycle() - c) as f64 / t.elapsed().as_secs_f64() / 1e6);
    }
}

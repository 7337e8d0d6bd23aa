//! How fast the simulated device runs, in cycles per second of processor time: idle, and with a request in every cycle.
//!
//! `cargo run --release -p tideline-tb --example speed`

use std::error::Error;
use std::fs;
use tideline_abi::cxl::{Channels, M2sReq, M2sRwd, MetaField, MetaValue, ReqOpcode, RwdOpcode, SnpType};
use tideline_abi::regs::{WindowBaseLo, WindowSize};
use tideline_tb::{DeviceError, RtlConfig, RtlDevice};

const CYCLES: u64 = 500_000;
const FRAMES: u32 = 80_000;

/// Processor time of this process in seconds: wall time means little on a shared machine.
fn processor_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let ticks = stat.split_whitespace().nth(13).ok_or("no utime in /proc/self/stat")?;
    Ok(ticks.parse::<f64>()? / 100.0)
}

/// Reads and writes of alternating lines: one of each is always on offer.
fn offer(cycle: u64, channels: &mut Channels) {
    let addr = cycle * 64 % (1 << 20);
    if channels.m2s_req.is_empty() {
        channels.m2s_req.push_back(M2sReq {
            opcode: ReqOpcode::MemRd as u8,
            addr,
            meta_field: MetaField::NoOp as u8,
            snp_type: SnpType::SnpCur as u8,
            ..M2sReq::default()
        });
    }
    if channels.m2s_rwd.is_empty() {
        channels.m2s_rwd.push_back(M2sRwd {
            opcode: RwdOpcode::MemWr as u8,
            addr,
            tag: 1,
            meta_field: MetaField::Meta0State as u8,
            meta_value: MetaValue::Invalid as u8,
            snp_type: SnpType::SnpInv as u8,
            data: [cycle as u8; 64],
            be: u64::MAX,
        });
    }
}

fn measure(device: &mut RtlDevice, busy: bool) -> Result<(f64, usize), Box<dyn Error>> {
    let mut channels = Channels::default();
    let mut answers = 0;
    let start = processor_seconds()?;
    for cycle in 0..CYCLES {
        if busy {
            offer(cycle, &mut channels);
        }
        device.tick(&mut channels)?;
        answers += channels.s2m_ndr.drain(..).count();
        channels.s2m_drs.clear();
    }
    Ok((CYCLES as f64 / (processor_seconds()? - start), answers))
}

fn open(config: &RtlConfig) -> Result<RtlDevice, DeviceError> {
    let mut device = RtlDevice::new(config)?;
    let mut channels = Channels::default();
    device.write32(&mut channels, WindowBaseLo::OFFSET, 0)?;
    device.write32(&mut channels, WindowSize::OFFSET, 65_536)?;
    Ok(device)
}

fn main() -> Result<(), Box<dyn Error>> {
    for (name, config) in [("fast", RtlConfig::fast(FRAMES)), ("nasty", RtlConfig::nasty(FRAMES, 1))] {
        let mut device = open(&config)?;
        let (idle, _) = measure(&mut device, false)?;
        let (busy, answers) = measure(&mut device, true)?;
        println!(
            "{name}: {:.2} million cycles/s idle, {:.2} busy ({answers} answers in {CYCLES} cycles)",
            idle / 1e6,
            busy / 1e6
        );
    }
    Ok(())
}

//! Measures how fast a trace is read, and how small it becomes.
//!
//! ```text
//! cargo run --release -p tideline-trace --example throughput -- TRACE
//! ```
//!
//! The trace may be of any kind. It is read as it is, written in the compact format, and read again from that.

use std::error::Error;
use std::io::Cursor;
use std::time::Instant;

use tideline_trace::{CompactWriter, Header, Totals, TraceReader};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: throughput TRACE")?;
    let mut trace = TraceReader::open(&path)?;
    println!("{path:?} is {:?}, compression {:?}", trace.format(), trace.compression());
    measure("read as it is", || drain(&mut trace))?;
    println!("{:?}", trace.totals());

    let mut trace = TraceReader::open(&path)?;
    let mut writer = CompactWriter::new(Vec::new(), &Header::default())?;
    measure("read and pack", || {
        while let Some(batch) = trace.next_batch()? {
            for &event in batch {
                writer.push(event)?;
            }
        }
        Ok(writer.totals())
    })?;
    let packed = writer.finish()?;
    let per_event = packed.bytes_written as f64 / packed.totals.events() as f64;
    println!("{:<24} {} bytes, {per_event:.4} bytes per event", "packed", packed.bytes_written);

    // The first round also pays for the memory that the others find in place.
    for _ in 0..3 {
        let mut trace = TraceReader::new("packed", Cursor::new(packed.out.clone()))?;
        measure("read packed, in batches", || drain(&mut trace))?;
        let mut trace = TraceReader::new("packed", Cursor::new(packed.out.clone()))?;
        measure("read packed, one by one", || {
            for event in trace.by_ref() {
                event?;
            }
            Ok(trace.totals())
        })?;
    }
    Ok(())
}

fn drain(trace: &mut TraceReader) -> Result<Totals, Box<dyn Error>> {
    while trace.next_batch()?.is_some() {}
    Ok(trace.totals())
}

fn measure(what: &str, work: impl FnOnce() -> Result<Totals, Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let totals = work()?;
    let seconds = start.elapsed().as_secs_f64();
    println!("{what:<24} {:.1} million events per second", totals.events() as f64 / seconds / 1e6);
    Ok(())
}

//! Every primitive: its Verilog is clean in both linters and does what the Rust model does, cycle by cycle.

mod common;

use common::{Bench, Random, lint};
use rust_hdl_core::prelude::*;
use tideline_rtl::prim::*;
use tideline_rtl::verilog::{Design, emit};

fn ready<B: Block + Default>() -> (B, Design) {
    let mut block = B::default();
    block.connect_all();
    let design = emit(&block).unwrap_or_else(|error| panic!("{error}"));
    for module in &design.modules {
        assert!(module.source.is_some(), "{} has no source", module.name);
        for port in &module.ports {
            assert!(port.doc.ends_with('.'), "{}.{} has no sentence: {:?}", module.name, port.name, port.doc);
        }
    }
    (block, design)
}

fn fifo<const AW: usize>(bench: &mut Bench) {
    let (mut block, design) = ready::<Fifo<Bits<83>, AW>>();
    lint(&design);
    bench.record(
        &design,
        &mut block,
        120,
        |b, on| b.clk.next = on.into(),
        |b, random, cycle| {
            b.rst.next = cycle < 2 || random.one_in(50);
            // Phases that fill and phases that drain.
            let filling = (cycle / 20) % 2 == 0;
            b.in_valid.next = random.one_in(if filling { 1 } else { 3 });
            b.out_ready.next = random.one_in(if filling { 4 } else { 1 });
            b.in_data.next = random.bits();
        },
    );
}

#[test]
fn fifos_equal_their_verilog() {
    let mut bench = Bench::default();
    fifo::<3>(&mut bench);
    bench.check();
}

#[test]
fn other_primitives_equal_their_verilog() {
    let mut bench = Bench::default();

    let (mut block, design) = ready::<Skid<Bits<70>>>();
    lint(&design);
    bench.record(
        &design,
        &mut block,
        120,
        |b, on| b.clk.next = on.into(),
        |b, random, cycle| {
            b.rst.next = cycle < 2;
            b.in_valid.next = random.bit();
            b.out_ready.next = random.bit();
            b.in_data.next = random.bits();
        },
    );

    let (mut block, design) = ready::<RoundRobin<5>>();
    lint(&design);
    bench.record(
        &design,
        &mut block,
        120,
        |b, on| b.clk.next = on.into(),
        |b, random, cycle| {
            b.rst.next = cycle < 2;
            b.request.next = random.bits::<5>() & random.bits();
            b.advance.next = random.bit();
        },
    );

    let (mut block, design) = ready::<LutRam<Bits<9>, 3>>();
    lint(&design);
    bench.record(
        &design,
        &mut block,
        80,
        |b, on| b.clock.next = on.into(),
        |b, random, cycle| {
            // Write every entry first: hardware does not start at zero.
            b.write_enable.next = cycle < 8 || random.bit();
            b.write_address.next = if cycle < 8 { bits(cycle as u64) } else { random.bits() };
            b.write_data.next = random.bits();
            b.read_address.next = if cycle < 8 { bits(0) } else { random.bits() };
        },
    );

    let (mut block, design) = ready::<Ram<Bits<33>, 3>>();
    lint(&design);
    bench.record(
        &design,
        &mut block,
        80,
        |b, on| b.clock.next = on.into(),
        |b, random, _| {
            b.write_enable.next = random.bit();
            b.write_address.next = random.bits();
            b.write_data.next = random.bits();
            b.read_address.next = random.bits();
        },
    );

    let (mut block, design) = ready::<LaneRam<48, 3, 2>>();
    lint(&design);
    bench.record(
        &design,
        &mut block,
        80,
        |b, on| b.clock.next = on.into(),
        |b, random, _| {
            b.write_enable.next = random.bits();
            b.write_address.next = random.bits();
            b.write_data.next = random.bits();
            b.read_address.next = random.bits();
        },
    );

    bench.check();
}

/// The shapes at the edges of what the primitives allow.
#[test]
fn extreme_shapes_are_clean() {
    lint(&ready::<Fifo<Bit, 1>>().1);
    lint(&ready::<RoundRobin<1>>().1);
    lint(&ready::<LutRam<Bit, 1>>().1);
    lint(&ready::<Ram<Bit, 1>>().1);
    lint(&ready::<LaneRam<8, 8, 1>>().1);
    lint(&ready::<LaneRam<8, 1, 4>>().1);
    lint(&ready::<LaneRam<1, 1, 1>>().1);
}

/// A memory as large as the device's tables costs only what is used of it.
#[test]
fn large_memories_are_sparse() {
    let (mut block, design) = ready::<LaneRam<192, 3, 16>>();
    lint(&design);
    let mut random = Random(1);
    for cycle in 0..64_u64 {
        for on in [false, true] {
            block.clock.next = on.into();
            block.write_enable.next = bits(0b010);
            block.write_address.next = bits(cycle * 1021);
            block.write_data.next = random.bits();
            block.read_address.next = bits(cycle.saturating_sub(1) * 1021);
            assert!(simulate(&mut block, 10));
        }
    }
    assert_ne!(block.read_data.val(), bits(0));
}

#[test]
fn fifo_keeps_order_and_counts() {
    let (mut block, _) = ready::<Fifo<Bits<8>, 2>>();
    let mut model = std::collections::VecDeque::new();
    let mut random = Random(7);
    for cycle in 0..500 {
        block.clk.next = false.into();
        block.rst.next = cycle == 0;
        block.in_valid.next = random.bit();
        block.out_ready.next = random.bit();
        block.in_data.next = random.bits();
        assert!(simulate(&mut block, 20));
        if cycle > 0 {
            assert_eq!(block.count.val(), bits(model.len() as u64));
            assert_eq!(block.in_ready.val(), model.len() < 4);
            assert_eq!(block.out_valid.val(), !model.is_empty());
            if block.out_valid.val() && block.out_ready.val() {
                assert_eq!(Some(block.out_data.val()), model.pop_front());
            }
            if block.in_ready.val() && block.in_valid.val() {
                model.push_back(block.in_data.val());
            }
        }
        block.clk.next = true.into();
        assert!(simulate(&mut block, 20));
    }
}

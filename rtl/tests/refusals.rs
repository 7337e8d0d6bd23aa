//! What the writer refuses, and that it says where and why: a design is never written wrong in silence.

// Most kernels here are broken on purpose.
#![allow(clippy::all)]

use rust_hdl_core::prelude::*;
use tideline_rtl::prim::*;
use tideline_rtl::verilog::{Problem, emit};

/// The problem of a design, with the block it was found in.
fn refusal<B: Block + Default>() -> (String, Problem) {
    let mut block = B::default();
    block.connect_all();
    let error = emit(&block).expect_err("this design must be refused");
    assert!(error.to_string().starts_with(&format!("block {}: ", error.block)));
    (error.block, error.problem)
}

/// A block with two inputs, two outputs, a local signal and the given kernel.
macro_rules! kernel {
    ($name:ident: $($update:tt)*) => {
        #[derive(LogicBlock, Default)]
        struct $name {
            pub clk: Signal<In, Clock>,
            pub a: Signal<In, Bits<8>>,
            pub flag: Signal<In, Bit>,
            pub out: Signal<Out, Bits<8>>,
            pub bit: Signal<Out, Bit>,
            local: Signal<Local, Bits<8>>,
        }
        impl Logic for $name {
            $($update)*
        }
    };
}

kernel!(Unnamed:
    #[hdl_gen]
    fn update(&mut self) {
        self.out.next = self.a.val();
        self.bit.next = self.flag.val();
        self.local.next = self.a.val();
    }
);

kernel!(Latch:
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module bad");
        self.bit.next = self.flag.val();
        self.local.next = self.a.val();
        if self.flag.val() {
            self.out.next = self.local.val();
        }
    }
);

kernel!(ReadEarly:
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module bad");
        self.local.next = 0.into();
        self.out.next = self.local.val();
        self.bit.next = self.flag.val();
        if self.flag.val() {
            self.local.next = self.a.val();
        }
    }
);

kernel!(ReadEarlyCondition:
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module bad");
        self.local.next = self.a.val();
        self.out.next = 0.into();
        self.bit.next = self.flag.val();
        if self.local.val() == 3 {
            self.out.next = 1.into();
            self.local.next = 4.into();
        }
    }
);

kernel!(ReadItself:
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module bad");
        self.local.next = self.local.val() + 1;
        self.out.next = self.local.val();
        self.bit.next = self.flag.val();
    }
);

kernel!(Undriven:
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module bad");
        self.out.next = self.a.val();
        self.local.next = self.a.val();
    }
);

const SECRET: u64 = 5;
kernel!(UnknownName:
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module bad");
        self.out.next = SECRET.into();
        self.bit.next = self.flag.val();
        self.local.next = self.a.val();
    }
);

kernel!(IndexArithmetic:
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module bad");
        self.out.next = self.a.val();
        self.bit.next = self.a.val().get_bit(self.local.val().index() + 1);
        self.local.next = 1.into();
    }
);

kernel!(LoopArithmetic:
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module bad");
        self.out.next = 0.into();
        for i in 0..4 {
            if self.a.val().index() + 1 == i {
                self.out.next = 1.into();
            }
        }
        self.bit.next = self.flag.val();
        self.local.next = self.a.val();
    }
);

kernel!(WideLiteral:
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module bad");
        self.out.next = self.a.val();
        if self.flag.val() {
            self.out.next = self.a.val() + 256;
        }
        self.bit.next = self.flag.val();
        self.local.next = self.a.val();
    }
);

#[test]
fn faults_of_a_kernel() {
    let name = |text: &str| text.to_owned();
    let at_top = |problem: Problem| (name("top"), problem);
    let early = |signal: &str, target: &str| {
        at_top(Problem::ReadBeforeWrite { signal: name(signal), target: name(target) })
    };
    assert_eq!(refusal::<Unnamed>(), at_top(Problem::NoModuleName));
    assert_eq!(refusal::<Latch>(), at_top(Problem::Latch { signal: name("out"), missing: 8 }));
    assert_eq!(refusal::<ReadEarly>(), early("local", "out"));
    assert_eq!(refusal::<ReadEarlyCondition>(), early("local", "out"));
    assert_eq!(refusal::<ReadItself>(), early("local", "local"));
    assert_eq!(refusal::<Undriven>(), at_top(Problem::Undriven { signal: name("bit") }));
    assert_eq!(refusal::<UnknownName>(), at_top(Problem::UnknownName { name: name("SECRET") }));
    let ambiguous = |text: &str| at_top(Problem::AmbiguousArithmetic { expression: name(text) });
    assert_eq!(refusal::<IndexArithmetic>(), ambiguous("local + 1"));
    assert_eq!(refusal::<LoopArithmetic>(), ambiguous("a + 1 == i"));
    assert_eq!(refusal::<WideLiteral>(), at_top(Problem::LiteralTooWide { value: name("256"), width: 8 }));
}

#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
struct Pair {
    low: Bits<8>,
    high: Bits<8>,
}

/// A struct of which one field is left out on a path, or read before it is complete.
#[derive(LogicBlock, Default)]
struct HalfStruct {
    pub a: Signal<In, Bits<8>>,
    pub pair: Signal<Out, Pair>,
}

impl Logic for HalfStruct {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module half");
        self.pair.next.low = self.a.val();
    }
}

#[derive(LogicBlock, Default)]
struct EarlyStruct {
    pub a: Signal<In, Bits<8>>,
    pub sum: Signal<Out, Bits<8>>,
    pub pair: Signal<Out, Pair>,
}

impl Logic for EarlyStruct {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module early");
        self.pair.next.low = self.a.val();
        self.sum.next = self.pair.val().low;
        self.pair.next.high = self.a.val();
    }
}

#[test]
fn structs_count_field_by_field() {
    assert_eq!(refusal::<HalfStruct>().1, Problem::Latch { signal: "pair".into(), missing: 8 });
    assert_eq!(
        refusal::<EarlyStruct>().1,
        Problem::ReadBeforeWrite { signal: "pair".into(), target: "sum".into() }
    );
}

#[derive(LogicBlock, Default)]
struct Relay {
    pub up: StreamSink<Bits<8>>,
    pub down: StreamSource<Bits<8>>,
}

impl Logic for Relay {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module relay");
        self.down.valid.next = self.up.valid.val();
        self.down.payload.next = self.up.payload.val();
        self.up.ready.next = self.down.ready.val();
    }
}

/// Drives a joined input once more.
#[derive(LogicBlock, Default)]
struct TwoDrivers {
    pub up: StreamSink<Bits<8>>,
    pub down: StreamSource<Bits<8>>,
    a: Relay,
    b: Relay,
}

impl Logic for TwoDrivers {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module two");
        StreamSink::<Bits<8>>::link(&mut self.up, &mut self.a.up);
        StreamSource::<Bits<8>>::join(&mut self.a.down, &mut self.b.up);
        StreamSource::<Bits<8>>::link(&mut self.down, &mut self.b.down);
        self.b.up.valid.next = true;
    }
}

/// Drives the output of a sub-block.
#[derive(LogicBlock, Default)]
struct DrivesOutput {
    pub up: StreamSink<Bits<8>>,
    pub down: StreamSource<Bits<8>>,
    a: Relay,
}

impl Logic for DrivesOutput {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module drives");
        StreamSink::<Bits<8>>::link(&mut self.up, &mut self.a.up);
        StreamSource::<Bits<8>>::link(&mut self.down, &mut self.a.down);
        self.a.down.valid.next = true;
    }
}

#[test]
fn one_driver_each() {
    assert_eq!(refusal::<TwoDrivers>().1, Problem::MultipleDrivers { signal: "b.up.valid".into() });
    assert_eq!(refusal::<DrivesOutput>().1, Problem::NotAssignable { signal: "a.down.valid".into() });
}

#[derive(LogicBlock, Default)]
struct NoReset {
    pub clk: Signal<In, Clock>,
    pub q: Signal<Out, Bit>,
    state: [Reg<Bit>; 1],
}

impl Logic for NoReset {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module no_reset");
        for i in 0..1 {
            self.state[i].clock.next = self.clk.val();
            self.state[i].d.next = !self.state[i].q.val();
        }
        self.q.next = self.state[0].q.val();
    }
}

#[derive(LogicBlock, Default)]
struct NoClock {
    pub clk: Signal<In, Clock>,
    pub rst: Signal<In, Bit>,
    pub q: Signal<Out, Bit>,
    gated: Signal<Local, Clock>,
    state: Reg<Bit>,
}

impl Logic for NoClock {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module no_clock");
        self.gated.next = self.clk.val();
        dff_setup!(self, gated, state);
        self.state.d.next = !self.state.q.val();
        self.q.next = self.state.q.val();
    }
}

#[test]
fn registers_need_clock_and_reset() {
    assert_eq!(refusal::<NoReset>().1, Problem::NoReset { register: "state[0]".into() });
    assert_eq!(refusal::<NoClock>().1, Problem::NoClock { register: "state".into() });
}

/// A block whose Verilog somebody else wrote.
#[derive(LogicBlock, Default)]
struct Foreign {
    pub a: Signal<In, Bit>,
    _kind: u8,
}

impl Logic for Foreign {
    fn update(&mut self) {}
    fn hdl(&self) -> Verilog {
        match self._kind {
            1 => Verilog::Blackbox(BlackBox { code: String::new(), name: "x".into() }),
            2 => Verilog::Empty,
            _ => Verilog::Custom("assign y = a;".into()),
        }
    }
}

#[derive(LogicBlock)]
struct Around<const KIND: u8> {
    pub a: Signal<In, Bit>,
    inner: Foreign,
}

impl<const KIND: u8> Default for Around<KIND> {
    fn default() -> Self {
        Self { a: Default::default(), inner: Foreign { a: Default::default(), _kind: KIND } }
    }
}

impl<const KIND: u8> Logic for Around<KIND> {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module around");
        self.inner.a.next = self.a.val();
    }
}

#[derive(LogicBlock, Default)]
struct SignedPort {
    pub a: Signal<In, Signed<8>>,
}

impl Logic for SignedPort {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module signed");
    }
}

#[test]
fn constructs_out_of_reach() {
    let unsupported = |construct: &str| Problem::Unsupported { construct: construct.into() };
    assert!(matches!(refusal::<Around<0>>().1, Problem::Primitive(_)));
    assert_eq!(refusal::<Around<1>>(), ("top.inner".to_owned(), unsupported("a black box")));
    assert_eq!(refusal::<Around<2>>(), ("top.inner".to_owned(), unsupported("a block without a kernel")));
    assert_eq!(refusal::<SignedPort>().1, unsupported("the signed signal `a`"));
}

//! The writer against kernels: what is printed computes what the Rust kernel computes.

mod common;

use common::{Bench, lint};
use rust_hdl_core::prelude::*;
use tideline_rtl::prim::*;
use tideline_rtl::verilog::{Design, Options, emit_with};

/// Emits with this file as source and a constant of an imagined ABI.
fn ready<B: Block + Default>() -> (B, Design) {
    let mut block = B::default();
    block.connect_all();
    let mut options = Options {
        constants: vec![("opcode::READ".into(), opcode::READ), ("opcode::WRITE".into(), opcode::WRITE)],
        ..Options::default()
    };
    options.sources.push(("rtl/tests/kernels.rs".into(), include_str!("kernels.rs").into()));
    let design = emit_with(&block, &options).unwrap_or_else(|error| panic!("{error}"));
    (block, design)
}

mod opcode {
    pub const READ: u64 = 3;
    pub const WRITE: u64 = 9;
}

/// Expressions that rust-hdl's own generator gets wrong, and their relatives.
#[derive(LogicBlock, Default)]
struct Widths {
    pub a: Signal<In, Bits<8>>,
    pub b: Signal<In, Bits<8>>,
    pub c: Signal<In, Bits<8>>,
    pub nibble: Signal<In, Bits<4>>,
    pub flag: Signal<In, Bit>,
    pub wide: Signal<In, Bits<512>>,
    pub precedence: Signal<Out, Bit>,
    pub wrapping_compare: Signal<Out, Bit>,
    pub lost_carry: Signal<Out, Bits<9>>,
    pub kept_carry: Signal<Out, Bits<9>>,
    pub not_then_widen: Signal<Out, Bits<8>>,
    pub shifted_sum: Signal<Out, Bits<8>>,
    pub wrapping_less: Signal<Out, Bit>,
    pub decrement: Signal<Out, Bit>,
    pub not_equal_not: Signal<Out, Bit>,
    pub replaced: Signal<Out, Bit>,
    pub wide_replaced: Signal<Out, Bits<512>>,
    pub wide_slice: Signal<Out, Bits<64>>,
    pub wide_bit: Signal<Out, Bit>,
    pub sum_part: Signal<Out, Bits<4>>,
    pub sum_bit: Signal<Out, Bit>,
    pub beyond: Signal<Out, Bits<8>>,
    pub nested: Signal<Out, Bits<3>>,
    pub reductions: Signal<Out, Bits<3>>,
    pub shift_by_signal: Signal<Out, Bits<8>>,
    pub shift_far: Signal<Out, Bits<8>>,
    pub product: Signal<Out, Bits<32>>,
    pub literal_left: Signal<Out, Bits<8>>,
    pub truncated: Signal<Out, Bits<4>>,
    pub out_of_range: Signal<Out, Bits<4>>,
    pub mixed_widths: Signal<Out, Bit>,
    pub small_index: Signal<Out, Bit>,
}

impl Logic for Widths {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module widths");
        self.precedence.next = self.a.val() & self.b.val() == self.c.val();
        self.wrapping_compare.next = self.a.val() + 1 == self.b.val();
        self.lost_carry.next = bit_cast::<9, 8>(self.a.val() + self.b.val());
        self.kept_carry.next = bit_cast::<9, 8>(self.a.val()) + bit_cast::<9, 8>(self.b.val());
        self.not_then_widen.next = bit_cast::<8, 4>(!self.nibble.val());
        self.shifted_sum.next = (self.a.val() + 1) >> 1;
        self.wrapping_less.next = self.a.val() - self.b.val() < self.c.val();
        self.decrement.next = self.a.val() - 1 == self.b.val();
        self.not_equal_not.next = !self.a.val() == self.b.val();
        self.replaced.next = self.a.val().replace_bit(3, self.flag.val()) == self.b.val();
        self.wide_replaced.next = self.wide.val().replace_bit(self.a.val().index(), self.flag.val());
        self.wide_slice.next = self.wide.val().get_bits::<64>(self.b.val().index());
        self.wide_bit.next = self.wide.val().get_bit(self.a.val().index());
        self.sum_part.next = (self.a.val() + self.b.val()).get_bits::<4>(2);
        self.sum_bit.next = (self.a.val() ^ self.b.val()).get_bit(7);
        self.beyond.next = self.a.val().get_bits::<8>(5);
        self.nested.next = self.wide.val().get_bits::<64>(100).get_bits::<3>(7);
        self.reductions.next = (bit_cast::<3, 1>(self.a.val().any().into()) << 2)
            | (bit_cast::<3, 1>(self.a.val().all().into()) << 1)
            | bit_cast::<3, 1>((self.a.val() & self.b.val()).xor().into());
        self.shift_by_signal.next = self.a.val() << self.nibble.val();
        self.shift_far.next = self.a.val() << 9;
        self.product.next = bit_cast::<16, 8>(self.a.val()) * bit_cast::<16, 8>(self.b.val());
        self.literal_left.next = 200 - self.a.val();
        self.truncated.next = bit_cast::<4, 8>(self.a.val() - self.c.val());
        self.out_of_range.next = 0.into();
        if self.nibble.val().index() == 16 {
            self.out_of_range.next = 1.into();
        }
        if self.nibble.val().index() != 17 {
            self.out_of_range.next = self.out_of_range.val() | 2;
        }
        if self.nibble.val().index() < 16 {
            self.out_of_range.next = self.out_of_range.val() | 4;
        }
        if 20 <= self.nibble.val().index() {
            self.out_of_range.next = self.out_of_range.val() | 8;
        }
        self.mixed_widths.next = self.nibble.val().index() == self.a.val().index();
        self.small_index.next = self.wide.val().get_bit(self.nibble.val().index());
    }
}

#[derive(Copy, Clone, Debug, PartialEq, LogicState)]
enum State {
    Idle,
    Busy,
    WaitAck,
}

#[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
struct Request {
    data: Bits<40>,
    opcode: Bits<4>,
    write: Bit,
}

/// A little of everything: loops, arrays of registers, an FSM, structs, links, sub-blocks, named constants.
#[derive(LogicBlock)]
struct Machine {
    /// The clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// Requests from above.
    pub up: StreamSink<Request>,
    /// Requests to below.
    pub down: StreamSource<Bits<40>>,
    /// Two spare inputs.
    pub extra: [Signal<In, Bits<4>>; 2],
    /// The state, as a number.
    pub state_now: Signal<Out, Bits<2>>,
    /// The sum of the lanes.
    pub total: Signal<Out, Bits<8>>,
    /// The request, rebuilt.
    pub echo: Signal<Out, Request>,
    /// Set bits of the data's low byte.
    pub population: Signal<Out, Bits<4>>,
    /// What the table holds.
    pub looked_up: Signal<Out, Bits<8>>,
    /// The lanes that match.
    pub matches: Signal<Out, Bits<4>>,
    first: Fifo<Bits<40>, 2>,
    second: Fifo<Bits<40>, 2>,
    slices: [Skid<Bits<8>>; 2],
    state: Reg<State>,
    lane: [Reg<Bits<8>>; 4],
    cleared: Reg<Bits<8>>,
    table: [Constant<Bits<8>>; 3],
    is_read: Signal<Local, Bit>,
    sum: [Signal<Local, Bits<8>>; 5],
    assert_lane_sum: Signal<Local, Bit>,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            clk: Default::default(),
            rst: Default::default(),
            up: Default::default(),
            down: Default::default(),
            extra: Default::default(),
            state_now: Default::default(),
            total: Default::default(),
            echo: Default::default(),
            population: Default::default(),
            looked_up: Default::default(),
            matches: Default::default(),
            first: Default::default(),
            second: Default::default(),
            slices: Default::default(),
            state: Reg::new(State::WaitAck),
            lane: std::array::from_fn(|i| Reg::new(bits(i as u64))),
            cleared: Default::default(),
            table: [3_u64, 77, 255].map(|value| Constant::new(value.into())),
            is_read: Default::default(),
            sum: Default::default(),
            assert_lane_sum: Default::default(),
        }
    }
}

impl Logic for Machine {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module machine");
        dff_setup!(self, clk, state);
        self.cleared.clock.next = self.clk.val();
        self.cleared.reset.next = self.rst.val() | (self.state.q.val() == State::Idle);
        self.cleared.d.next = self.cleared.q.val() + 1;

        comment!("Two FIFOs in a row.");
        self.first.clk.next = self.clk.val();
        self.first.rst.next = self.rst.val();
        self.second.clk.next = self.clk.val();
        self.second.rst.next = self.rst.val();
        self.first.in_valid.next = self.up.valid.val();
        self.first.in_data.next = self.up.payload.val().data;
        self.up.ready.next = self.first.in_ready.val();
        self.second.in_valid.next = self.first.out_valid.val();
        self.second.in_data.next = self.first.out_data.val();
        self.first.out_ready.next = self.second.in_ready.val();
        self.down.valid.next = self.second.out_valid.val();
        self.down.payload.next = self.second.out_data.val();
        self.second.out_ready.next = self.down.ready.val();

        comment!("Lanes: a shift register whose first stage counts (a note in parentheses)");
        for i in 0..4 {
            self.lane[i].clock.next = self.clk.val();
            self.lane[i].reset.next = self.rst.val();
            self.lane[i].d.next = self.lane[i].q.val();
        }
        if self.up.valid.val() {
            self.lane[0].d.next = self.lane[0].q.val() + 1;
            for i in 1..4 {
                self.lane[i].d.next = self.lane[i - 1].q.val();
            }
        }
        self.sum[0].next = 0.into();
        for i in 0..4 {
            self.sum[i + 1].next = self.sum[i].val() + self.lane[i].q.val();
        }
        self.total.next = self.sum[4].val();
        self.matches.next = 0.into();
        for i in 0..4 {
            if self.extra[0].val().index() == i {
                self.matches.next = self.matches.val().replace_bit(i, self.lane[i].q.val().get_bit(0));
            }
        }

        for i in 0..2 {
            self.slices[i].clk.next = self.clk.val();
            self.slices[i].rst.next = self.rst.val();
            self.slices[i].in_valid.next = self.up.valid.val();
            self.slices[i].in_data.next = self.lane[2 * i + 1].q.val();
            self.slices[i].out_ready.next = self.down.ready.val();
        }

        self.is_read.next = self.up.payload.val().opcode == opcode::READ;
        self.echo.next.data = self.up.payload.val().data;
        self.echo.next.write = !self.is_read.val();
        self.echo.next.opcode = bits::<4>(opcode::WRITE);
        if self.is_read.val() {
            self.echo.next.opcode = self.extra[1].val();
        }

        self.population.next = 0.into();
        for i in 0..8 {
            if self.up.payload.val().data.get_bit(i) {
                self.population.next = self.population.val() + 1;
            }
        }

        self.state_now.next = 0.into();
        match self.state.q.val() {
            State::Idle => {
                if self.up.valid.val() {
                    comment!("Something to do.");
                    self.state.d.next = State::Busy;
                }
            }
            State::Busy => {
                self.state_now.next = 1.into();
                self.state.d.next = State::WaitAck;
            }
            State::WaitAck => {
                self.state_now.next = 2.into();
                if self.down.ready.val() {
                    self.state.d.next = State::Idle;
                } else if self.up.valid.val() & self.is_read.val() {
                    self.state.d.next = State::Busy;
                }
            }
        }
        match self.extra[0].val().index() {
            0 => {
                self.looked_up.next = self.table[0].val();
            }
            1 => {
                self.looked_up.next = self.table[1].val();
            }
            0x7_usize => {
                self.looked_up.next = self.cleared.q.val();
            }
            _ => {
                self.looked_up.next = self.table[2].val();
            }
        }
        self.assert_lane_sum.next = self.total.val() == self.sum[3].val() + self.lane[3].q.val();
    }
}

/// The two ends of a link, and a block that joins and links them.
#[derive(LogicBlock, Default)]
struct Producer {
    pub clk: Signal<In, Clock>,
    pub rst: Signal<In, Bit>,
    pub down: StreamSource<Bits<8>>,
    count: Reg<Bits<8>>,
}

impl Logic for Producer {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module producer");
        dff_setup!(self, clk, count);
        self.down.valid.next = self.count.q.val().get_bit(1);
        self.down.payload.next = self.count.q.val();
        if self.down.ready.val() | !self.down.valid.val() {
            self.count.d.next = self.count.q.val() + 1;
        }
    }
}

#[derive(LogicBlock, Default)]
struct Consumer {
    pub up: StreamSink<Bits<8>>,
    pub passed: StreamSource<Bits<8>>,
}

impl Logic for Consumer {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module consumer");
        self.passed.valid.next = self.up.valid.val();
        self.passed.payload.next = !self.up.payload.val();
        self.up.ready.next = self.passed.ready.val();
    }
}

#[derive(LogicBlock, Default)]
struct Joined {
    pub clk: Signal<In, Clock>,
    pub rst: Signal<In, Bit>,
    pub out: StreamSource<Bits<8>>,
    producer: Producer,
    consumer: Consumer,
}

impl Logic for Joined {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module joined");
        self.producer.clk.next = self.clk.val();
        self.producer.rst.next = self.rst.val();
        StreamSource::<Bits<8>>::join(&mut self.producer.down, &mut self.consumer.up);
        StreamSource::<Bits<8>>::link(&mut self.out, &mut self.consumer.passed);
    }
}

#[test]
fn kernels_equal_their_verilog() {
    let mut bench = Bench::default();

    let (mut block, design) = ready::<Widths>();
    lint(&design);
    bench.record(
        &design,
        &mut block,
        300,
        |_, _| {},
        |b, random, cycle| {
            b.a.next = random.bits();
            // Corners are frequent: equal operands, all ones, zero.
            b.b.next = match cycle % 5 {
                0 => b.a.next + 1,
                1 => !b.a.next,
                2 => b.a.next - 1,
                _ => random.bits(),
            };
            b.c.next = match cycle % 4 {
                0 => b.a.next & b.b.next,
                1 => bits(0),
                _ => random.bits(),
            };
            if cycle % 7 == 0 {
                b.a.next = bits(if cycle % 2 == 0 { 0 } else { 255 });
            }
            b.nibble.next = random.bits();
            b.flag.next = random.bit();
            b.wide.next = random.bits();
        },
    );

    let (mut block, design) = ready::<Machine>();
    lint(&design);
    bench.record(
        &design,
        &mut block,
        200,
        |b, on| b.clk.next = on.into(),
        |b, random, cycle| {
            b.rst.next = cycle < 2;
            b.up.valid.next = random.bit();
            b.up.payload.next = Request {
                data: random.bits(),
                opcode: if random.bit() { bits(opcode::READ) } else { random.bits() },
                write: random.bit(),
            };
            b.down.ready.next = random.bit();
            b.extra[0].next = random.bits::<4>() & if random.bit() { 3 } else { 15 };
            b.extra[1].next = random.bits();
        },
    );

    let (mut block, design) = ready::<Joined>();
    lint(&design);
    bench.record(
        &design,
        &mut block,
        60,
        |b, on| b.clk.next = on.into(),
        |b, random, cycle| {
            b.rst.next = cycle < 2;
            b.out.ready.next = random.bit();
        },
    );

    bench.check();
}

fn text<'a>(design: &'a Design, module: &str) -> &'a str {
    match design.modules.iter().find(|found| found.name == module) {
        Some(found) => &found.text,
        None => panic!("no module {module} among {:?}", names(design)),
    }
}

fn names(design: &Design) -> Vec<&str> {
    design.modules.iter().map(|module| module.name.as_str()).collect()
}

#[test]
fn equal_blocks_share_a_module() {
    let (_, design) = ready::<Machine>();
    assert_eq!(names(&design), ["tideline_lut_ram", "tideline_fifo", "tideline_skid", "tideline_machine"]);
    let machine = text(&design, "tideline_machine");
    assert!(machine.contains("tideline_fifo first ("));
    assert!(machine.contains("tideline_fifo second ("));
    assert!(machine.contains("tideline_skid slices0 ("));
}

#[derive(LogicBlock, Default)]
struct Shapes {
    pub clk: Signal<In, Clock>,
    pub rst: Signal<In, Bit>,
    pub free: Signal<Out, Bits<3>>,
    a: Fifo<Bits<8>, 2>,
    b: Fifo<Bits<8>, 3>,
    c: Fifo<Bits<9>, 2>,
}

impl Logic for Shapes {
    #[hdl_gen]
    fn update(&mut self) {
        comment!("module shapes");
        self.free.next = bit_cast::<3, 1>(self.a.in_ready.val().into());
        self.a.clk.next = self.clk.val();
        self.a.rst.next = self.rst.val();
        self.a.in_valid.next = true;
        self.a.in_data.next = 1.into();
        self.a.out_ready.next = self.b.in_ready.val();
        self.b.clk.next = self.clk.val();
        self.b.rst.next = self.rst.val();
        self.b.in_valid.next = self.a.out_valid.val();
        self.b.in_data.next = self.a.out_data.val();
        self.b.out_ready.next = self.c.in_ready.val();
        self.c.clk.next = self.clk.val();
        self.c.rst.next = self.rst.val();
        self.c.in_valid.next = self.b.out_valid.val();
        self.c.in_data.next = bit_cast::<9, 8>(self.b.out_data.val());
        self.c.out_ready.next = false;
    }
}

#[test]
fn shapes_have_readable_names() {
    let (_, design) = ready::<Shapes>();
    lint(&design);
    assert_eq!(
        names(&design),
        [
            "tideline_lut_ram_width8_depth4",
            "tideline_fifo_depth4_in_data8",
            "tideline_lut_ram_width8_depth8",
            "tideline_fifo_depth8_in_data8",
            "tideline_lut_ram_width9_depth4",
            "tideline_fifo_depth4_in_data9",
            "tideline_shapes",
        ]
    );
}

#[test]
fn no_name_troubles_a_tool() {
    for design in [ready::<Machine>().1, ready::<Shapes>().1, ready::<Widths>().1] {
        for module in &design.modules {
            let code: String =
                module.text.lines().map(|line| line.split("//").next().unwrap_or("")).collect();
            assert!(!code.contains('$'), "{}", module.text);
            for word in code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
                let stem = word.trim_end_matches(|c: char| c.is_ascii_digit());
                assert!(stem.len() == word.len() || !stem.ends_with('_'), "{word} in {}", module.name);
            }
        }
    }
}

#[test]
fn emitting_twice_gives_the_same_text() {
    assert_eq!(ready::<Machine>().1, ready::<Machine>().1);
}

#[test]
fn comments_and_constants_have_names() {
    let (_, design) = ready::<Machine>();
    let machine = text(&design, "tideline_machine");
    for part in [
        "    // Requests from above: a payload is offered.\n",
        "    // Lanes: a shift register whose first stage counts (a note in parentheses)\n",
        "            // Something to do.\n",
        "localparam [1:0] STATE_BUSY = 2'd1;",
        "localparam [3:0] OPCODE_READ = 4'd3;",
        "localparam [3:0] OPCODE_WRITE = 4'd9;",
        "localparam [7:0] TABLE1 = 8'h4d;",
        "assert (assert_lane_sum);",
        "lane2_q <= 8'd2;",
    ] {
        assert!(machine.contains(part), "{part}\n{machine}");
    }
}

//! Ports of a design: what they are, and typed access to them.

use std::borrow::Cow;

/// Direction of a port, seen from the design.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Driven by the test bench.
    In,
    /// Driven by the design.
    Out,
}

/// A port of a design.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Name in the Verilog.
    pub name: Cow<'static, str>,
    /// Direction.
    pub direction: Direction,
    /// Width in bits.
    pub width: u32,
}

impl Port {
    /// The Rust type with the layout in which Verilator keeps a port of this width.
    pub fn rust_type(&self) -> String {
        match self.width {
            0..=8 => "u8".into(),
            9..=16 => "u16".into(),
            17..=32 => "u32".into(),
            33..=64 => "u64".into(),
            wide => format!("[u32; {}]", wide.div_ceil(32)),
        }
    }
}

/// A type in which Verilator keeps ports: `u8`, `u16`, `u32`, `u64`, or for wider ones an array of `u32`, lowest first.
pub trait PinValue: Copy + sealed::Sealed {
    /// The port widths that are kept in this type.
    const WIDTHS: std::ops::RangeInclusive<u32>;
}

mod sealed {
    /// Nothing else has Verilator's layout.
    pub trait Sealed {}
}

macro_rules! pin_values {
    ($($ty:ty: $widths:expr),+) => { $(
        impl sealed::Sealed for $ty {}
        impl PinValue for $ty { const WIDTHS: std::ops::RangeInclusive<u32> = $widths; }
    )+ };
}
pin_values!(u8: 1..=8, u16: 9..=16, u32: 17..=32, u64: 33..=64);

impl<const N: usize> sealed::Sealed for [u32; N] {}
impl<const N: usize> PinValue for [u32; N] {
    const WIDTHS: std::ops::RangeInclusive<u32> = {
        assert!(N > 2, "ports of up to 64 bits are kept in integers");
        32 * (N as u32 - 1) + 1..=32 * N as u32
    };
}

/// An input of a model.
#[derive(Debug)]
pub struct Input<T>(*mut T);

/// An output of a model.
#[derive(Debug)]
pub struct Output<T>(*const T);

// SAFETY: the port is memory of a model that may move between threads, and the contract of `new` ties the two together.
unsafe impl<T> Send for Input<T> {}
// SAFETY: as above.
unsafe impl<T> Send for Output<T> {}

impl<T: PinValue> Input<T> {
    /// # Safety
    /// `address` is that of a port of type `T` of a model, which is not dropped or evaluated during later calls.
    pub(crate) unsafe fn new(address: *mut T) -> Self {
        Self(address)
    }

    /// Drives the input. Bits above its width must be zero. The design sees it at the next `eval`.
    #[inline(always)]
    pub fn set(&self, value: T) {
        // SAFETY: valid by the contract of `new`.
        unsafe { self.0.write(value) }
    }

    /// What is driven now.
    #[inline(always)]
    pub fn get(&self) -> T {
        // SAFETY: valid by the contract of `new`.
        unsafe { self.0.read() }
    }
}

impl<T: PinValue> Output<T> {
    /// # Safety
    /// As [`Input::new`].
    pub(crate) unsafe fn new(address: *const T) -> Self {
        Self(address)
    }

    /// The value after the last `eval`.
    #[inline(always)]
    pub fn get(&self) -> T {
        // SAFETY: valid by the contract of `new`.
        unsafe { self.0.read() }
    }
}

//! An instance of a compiled design.

use crate::port::{Direction, Input, Output, PinValue, Port};
use std::ffi::{CString, c_char, c_void};
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

/// A compiled design: what a generated binding exports.
#[derive(Debug)]
pub struct Design {
    /// Its ports.
    pub ports: &'static [Port],
    /// Tracing is compiled in.
    pub traced: bool,
    /// Its functions.
    pub shim: Shim,
}

/// The C functions of a compiled design.
#[derive(Debug)]
pub struct Shim {
    /// Makes an instance; storage starts as zero, or random with a seed.
    pub make: unsafe extern "C" fn(random: bool, seed: u32) -> *mut c_void,
    /// Ends an instance.
    pub free: unsafe extern "C" fn(*mut c_void),
    /// Evaluates after inputs have changed.
    pub eval: unsafe extern "C" fn(*mut c_void),
    /// Address of a port, by its position in the table.
    pub address: unsafe extern "C" fn(*mut c_void, u32) -> *mut c_void,
    /// Opens a VCD file; false if that is not possible.
    pub trace_open: unsafe extern "C" fn(*mut c_void, *const c_char) -> bool,
    /// Writes what changed, with a time stamp.
    pub trace_dump: unsafe extern "C" fn(*mut c_void, u64),
}

/// What registers and memories hold before the first clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerOn {
    /// Zeros, as in many FPGAs. What relies on it is a bug that this hides.
    Zeros,
    /// Random bits from this seed.
    Random(u64),
}

/// A waveform file could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// Tracing costs speed even when it is off, so it is a build feature.
    #[error("the design was compiled without tracing (feature `trace`)")]
    NotCompiled,
    /// The file cannot be written.
    #[error("cannot write waveforms to {0}")]
    File(PathBuf),
}

/// An instance of a design.
#[derive(Debug)]
pub struct Model {
    design: &'static Design,
    instance: NonNull<c_void>,
    ports: Vec<*mut u32>,
}

// SAFETY: an instance has no ties to the thread that made it; only its construction uses thread-local state.
unsafe impl Send for Model {}

/// Construction takes its random bits from one generator in Verilator's runtime.
static CONSTRUCTION: Mutex<()> = Mutex::new(());

impl Model {
    /// A new instance, not yet evaluated. All inputs are low.
    pub fn new(design: &'static Design, power_on: PowerOn) -> Self {
        let (random, seed) = match power_on {
            PowerOn::Zeros => (false, 0),
            PowerOn::Random(seed) => (true, scramble(seed)),
        };
        let _one_at_a_time = CONSTRUCTION.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the shim belongs to the design; it returns a live instance or ends the process.
        let instance = unsafe { NonNull::new_unchecked((design.shim.make)(random, seed)) };
        let ports = (0..design.ports.len() as u32)
            // SAFETY: the instance lives, and the shim knows as many ports as the table has rows.
            .map(|i| unsafe { (design.shim.address)(instance.as_ptr(), i) }.cast())
            .collect();
        let mut model = Self { design, instance, ports };
        for (index, port) in design.ports.iter().enumerate().filter(|(_, p)| p.direction == Direction::In) {
            model.set(index, &vec![0; port.width.div_ceil(32) as usize]);
        }
        model
    }

    /// The ports, in the order that [`Model::get`] and [`Model::set`] count them.
    pub fn ports(&self) -> &'static [Port] {
        self.design.ports
    }

    /// Lets the design react to its inputs.
    #[inline]
    pub fn eval(&mut self) {
        // SAFETY: the instance lives as long as self.
        unsafe { (self.design.shim.eval)(self.instance.as_ptr()) }
    }

    /// An input by name.
    ///
    /// # Panics
    /// If there is no input with this name and type: the binding is generated, so it cannot be wrong.
    ///
    /// # Safety
    /// The result must not be used after the model is dropped, nor while another thread evaluates it.
    pub unsafe fn input<T: PinValue>(&self, name: &str) -> Input<T> {
        // SAFETY: passed on to the caller.
        unsafe { Input::new(self.address::<T>(name, Direction::In)) }
    }

    /// An output by name.
    ///
    /// # Panics
    /// As [`Model::input`].
    ///
    /// # Safety
    /// As [`Model::input`].
    pub unsafe fn output<T: PinValue>(&self, name: &str) -> Output<T> {
        // SAFETY: passed on to the caller.
        unsafe { Output::new(self.address::<T>(name, Direction::Out)) }
    }

    fn address<T: PinValue>(&self, name: &str, direction: Direction) -> *mut T {
        let fits = |p: &Port| p.name == name && p.direction == direction && T::WIDTHS.contains(&p.width);
        let index = self.ports().iter().position(fits);
        self.ports[index.unwrap_or_else(|| panic!("no port {name} of this direction and type"))].cast()
    }

    /// The value of a port of any width as 32-bit words, lowest first.
    pub fn get(&self, port: usize) -> Vec<u32> {
        let address = self.ports[port];
        // SAFETY: the port lives as long as self, and Verilator keeps a port of each width in this type.
        unsafe {
            match self.ports()[port].width {
                0..=8 => vec![address.cast::<u8>().read().into()],
                9..=16 => vec![address.cast::<u16>().read().into()],
                width => std::slice::from_raw_parts(address, width.div_ceil(32) as usize).to_vec(),
            }
        }
    }

    /// Drives an input of any width with 32-bit words, lowest first. Bits above its width must be zero.
    ///
    /// # Panics
    /// If the port is an output or there are too few words.
    pub fn set(&mut self, port: usize, words: &[u32]) {
        let Port { name, direction, width } = &self.ports()[port];
        assert_eq!(*direction, Direction::In, "{name} is an output");
        let words = &words[..width.div_ceil(32) as usize];
        let address = self.ports[port];
        // SAFETY: as for `get`.
        unsafe {
            match width {
                0..=8 => address.cast::<u8>().write(words[0] as u8),
                9..=16 => address.cast::<u16>().write(words[0] as u16),
                _ => address.copy_from_nonoverlapping(words.as_ptr(), words.len()),
            }
        }
    }

    /// Starts a waveform file (VCD). Needs the design to be compiled for tracing, and costs speed only from here on.
    ///
    /// # Errors
    /// If tracing was not compiled in or the file cannot be written.
    pub fn trace_open(&mut self, path: &Path) -> Result<(), TraceError> {
        if !self.design.traced {
            return Err(TraceError::NotCompiled);
        }
        let file = || TraceError::File(path.to_owned());
        let name = CString::new(path.as_os_str().as_encoded_bytes()).map_err(|_| file())?;
        // SAFETY: the instance lives and the string is copied.
        let opened = unsafe { (self.design.shim.trace_open)(self.instance.as_ptr(), name.as_ptr()) };
        if opened { Ok(()) } else { Err(file()) }
    }

    /// Writes what has changed to the waveform file, if there is one.
    #[inline]
    pub fn trace_dump(&mut self, time: u64) {
        if self.design.traced {
            // SAFETY: the instance lives.
            unsafe { (self.design.shim.trace_dump)(self.instance.as_ptr(), time) }
        }
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        // SAFETY: the instance was made by the same shim and is not used again. Its waveform file is closed with it.
        unsafe { (self.design.shim.free)(self.instance.as_ptr()) }
    }
}

/// Verilator's generator starts slowly from seeds with few bits set, and takes 31 bits that are not all zero.
fn scramble(seed: u64) -> u32 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ z >> 31) as u32 & 0x7fff_ffff).max(1)
}

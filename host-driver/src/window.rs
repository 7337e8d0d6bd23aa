//! The window as memory: bytes, and values of plain types.

use crate::carrier::Carrier;
use crate::span::{Cell, Offset, Plain, Span};
use crate::{Device, Error};
use std::ptr::NonNull;
use tideline_abi::geometry::PAGE_BYTES;

/// The window of a device, to read and write.
///
/// Made by [`Device::window`] wherever it is needed; it costs nothing. Every access goes through the host's coherent
/// caches, and whoever tracks the pages gets its lines reported. Pages that are not mapped swallow writes and read as ones.
///
/// ```
/// # fn example<C: tideline_driver::Carrier>(mut device: tideline_driver::Device<C>) -> Result<(), tideline_driver::Error> {
/// use tideline_driver::{Cell, Offset, Span};
/// let mut window = device.window();
/// window.write(Offset(0x1000), b"a line, or part of one")?;
/// let counter = Cell::<u64>::at(Offset(0x2000));
/// window.set(counter, &41)?;
/// window.update(counter, |n| *n += 1)?;
/// assert_eq!(window.get(counter)?, 42);
/// window.fill(Span::new(Offset(0x3000), 100), 0)?;
/// # Ok(())
/// # }
/// ```
pub struct Window<'a> {
    carrier: &'a mut (dyn Carrier + 'a),
    size: u64,
}

impl<C: Carrier> Device<C> {
    /// The window, to read and write.
    pub fn window(&mut self) -> Window<'_> {
        let size = u64::from(self.info().pages) * PAGE_BYTES as u64;
        Window::new(&mut self.carrier, size)
    }
}

impl<'a> Window<'a> {
    /// Bytes that [`Window::fill`] and [`Window::copy`] move at a time.
    const STEP: usize = PAGE_BYTES;

    pub(crate) fn new(carrier: &'a mut (dyn Carrier + 'a), size: u64) -> Self {
        Self { carrier, size }
    }

    /// Bytes of the window.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Reads bytes, of any alignment.
    ///
    /// # Errors
    /// [`Error::BeyondWindow`], or the carrier's; `buf` then holds what was read before.
    pub fn read(&mut self, at: Offset, buf: &mut [u8]) -> Result<(), Error> {
        self.check(Span::new(at, buf.len() as u64))?;
        Ok(self.carrier.window_read(at.0, buf)?)
    }

    /// Writes bytes, of any alignment. Bytes around them are untouched, but the line is the least that is tracked.
    ///
    /// # Errors
    /// [`Error::BeyondWindow`]: nothing is written then. The carrier's: bytes before the one that failed are.
    pub fn write(&mut self, at: Offset, data: &[u8]) -> Result<(), Error> {
        self.check(Span::new(at, data.len() as u64))?;
        Ok(self.carrier.window_write(at.0, data)?)
    }

    /// Sets bytes to this value.
    ///
    /// # Errors
    /// As [`Window::write`].
    pub fn fill(&mut self, span: Span, byte: u8) -> Result<(), Error> {
        self.check(span)?;
        let bytes = [byte; Self::STEP];
        for (at, len) in steps(span.len) {
            self.carrier.window_write(span.start.0 + at, &bytes[..len])?;
        }
        Ok(())
    }

    /// Copies bytes to another place, which may overlap.
    ///
    /// # Errors
    /// As [`Window::write`].
    pub fn copy(&mut self, from: Span, to: Offset) -> Result<(), Error> {
        self.check(from)?;
        self.check(Span::new(to, from.len))?;
        let mut steps: Vec<_> = steps(from.len).collect();
        if from.start < to {
            steps.reverse();
        }
        let mut bytes = [0; Self::STEP];
        for (at, len) in steps {
            self.carrier.window_read(from.start.0 + at, &mut bytes[..len])?;
            self.carrier.window_write(to.0 + at, &bytes[..len])?;
        }
        Ok(())
    }

    /// Reads a value.
    ///
    /// # Errors
    /// As [`Window::read`].
    pub fn get<T: Plain>(&mut self, cell: Cell<T>) -> Result<T, Error> {
        let mut value = T::new_zeroed();
        self.read(cell.offset(), value.as_mut_bytes())?;
        Ok(value)
    }

    /// Writes a value.
    ///
    /// # Errors
    /// As [`Window::write`].
    pub fn set<T: Plain>(&mut self, cell: Cell<T>, value: &T) -> Result<(), Error> {
        self.write(cell.offset(), value.as_bytes())
    }

    /// Reads a value, changes it, writes it back, and returns it. Not atomic: another process may write in between.
    ///
    /// # Errors
    /// As [`Window::write`].
    pub fn update<T: Plain>(&mut self, cell: Cell<T>, change: impl FnOnce(&mut T)) -> Result<T, Error> {
        let mut value = self.get(cell)?;
        change(&mut value);
        self.set(cell, &value)?;
        Ok(value)
    }

    /// The window as memory of this process, where the carrier can map it. Valid as long as the device is open.
    pub fn memory(&mut self) -> Option<NonNull<[u8]>> {
        let memory = self.carrier.window_memory()?;
        let len = memory.len().min(usize::try_from(self.size).unwrap_or(usize::MAX));
        Some(NonNull::slice_from_raw_parts(memory.cast(), len))
    }

    /// Bytes as a slice, where the carrier can map memory. Stores through it are tracked like any other.
    ///
    /// # Errors
    /// [`Error::BeyondWindow`].
    ///
    /// # Safety
    /// While the slice lives nobody else may write these bytes: no other process that has the device open, and no pointer
    /// got from [`Window::memory`].
    pub unsafe fn slice(mut self, span: Span) -> Result<Option<&'a mut [u8]>, Error> {
        self.check(span)?;
        let Some(memory) = self.memory() else { return Ok(None) };
        let (Ok(start), Ok(len)) = (usize::try_from(span.start.0), usize::try_from(span.len)) else {
            return Ok(None);
        };
        if start + len > memory.len() {
            return Ok(None);
        }
        // SAFETY: the carrier keeps the memory mapped as long as it lives, and is borrowed for 'a; the bytes lie in it; nobody
        // else uses them, as the caller promises.
        Ok(Some(unsafe { std::slice::from_raw_parts_mut(memory.cast::<u8>().add(start).as_ptr(), len) }))
    }

    fn check(&self, span: Span) -> Result<(), Error> {
        let Span { start: offset, len } = span;
        match offset.0.checked_add(len) {
            Some(end) if end <= self.size => Ok(()),
            _ => Err(Error::BeyondWindow { offset, len, size: self.size }),
        }
    }
}

/// Cuts bytes into steps: where each begins, and its bytes.
fn steps(len: u64) -> impl DoubleEndedIterator<Item = (u64, usize)> {
    let step = Window::STEP as u64;
    (0..len.div_ceil(step)).map(move |n| (n * step, (len - n * step).min(step) as usize))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CarrierError;
    use crate::ram::Ram;

    #[test]
    fn accesses_of_every_alignment_touch_their_bytes_only() {
        for start in (0..130).chain(4090..4100) {
            for len in [0, 1, 2, 7, 63, 64, 65, 128, 200] {
                let mut ram = Ram::new(3);
                let data: Vec<u8> = (0..len as u8).collect();
                ram.window().write(Offset(start), &data).unwrap();
                let mut expected = vec![0xee; 3 * 4096];
                expected[start as usize..][..len].copy_from_slice(&data);
                assert!(ram.bytes == expected, "{len} bytes at {start}");
                let lines: Vec<_> =
                    Span::new(Offset(start), len as u64).lines().map(|l| l.offset()).collect();
                assert_eq!(ram.stored, lines, "no other line is stored, none twice");
                let mut back = vec![0; len];
                ram.window().read(Offset(start), &mut back).unwrap();
                assert_eq!(back, data);
            }
        }
    }

    #[test]
    fn copies_may_overlap() {
        for (from, to, len) in [(10, 30, 5000), (30, 10, 5000), (0, 4096, 8192), (77, 77, 9000), (0, 9000, 0)]
        {
            let mut ram = Ram::new(4);
            let mut expected: Vec<u8> = (0..4 * 4096u32).map(|n| (n * 7 / 3) as u8).collect();
            ram.bytes.copy_from_slice(&expected);
            ram.window().copy(Span::new(Offset(from), len), Offset(to)).unwrap();
            expected.copy_within(from as usize..(from + len) as usize, to as usize);
            assert!(ram.bytes == expected, "{len} bytes from {from} to {to}");
        }
        let mut ram = Ram::new(4);
        ram.window().fill(Span::new(Offset(3), 10_000), 9).unwrap();
        assert!(
            ram.bytes.iter().enumerate().all(|(i, &b)| b == if (3..10_003).contains(&i) { 9 } else { 0xee })
        );
    }

    #[test]
    fn the_end_of_the_window_is_the_end() {
        let mut ram = Ram::new(1);
        let mut window = ram.window();
        assert_eq!(window.size(), 4096);
        window.write(Offset(4095), &[1]).unwrap();
        window.read(Offset(4096), &mut []).unwrap();
        let beyond = |result: Result<(), Error>| {
            assert!(matches!(result, Err(Error::BeyondWindow { size: 4096, .. })), "{result:?}");
        };
        beyond(window.write(Offset(4095), &[1, 2]));
        beyond(window.read(Offset(u64::MAX), &mut [0]));
        beyond(window.fill(Span::new(Offset(0), u64::MAX), 0));
        beyond(window.copy(Span::new(Offset(0), 64), Offset(4090)));
        beyond(window.copy(Span::new(Offset(4090), 64), Offset(0)));
        beyond(window.get(Cell::<u64>::at(Offset(4090))).map(drop));
        let text = window.write(Offset(0xfff), &[0; 2]).unwrap_err().to_string();
        // SAFETY: nothing else uses the memory.
        beyond(unsafe { window.slice(Span::new(Offset(4096), 1)) }.map(drop));
        assert_eq!(text, "2 bytes at window offset 0xfff: the window has 0x1000 bytes");
        assert_eq!(ram.stored, [4032], "what is refused has no effect");
    }

    #[test]
    fn values_are_their_bytes() {
        let mut ram = Ram::new(1);
        let mut window = ram.window();
        let cell = Cell::<[u16; 3]>::at(Offset(61));
        window.set(cell, &[1, 2, 0xffff]).unwrap();
        assert_eq!(window.update(cell, |v| v.swap(0, 1)).unwrap(), [2, 1, 0xffff]);
        assert_eq!(window.get(cell).unwrap(), [2, 1, 0xffff]);
        assert_eq!(ram.bytes[61..67], [2u16.to_ne_bytes(), 1u16.to_ne_bytes(), [0xff; 2]].concat());
    }

    #[test]
    fn a_slice_is_the_memory_or_nothing() {
        let mut ram = Ram::new(1);
        assert!(ram.window().memory().is_none());
        // SAFETY: nothing else uses the memory.
        assert!(unsafe { ram.window().slice(Span::new(Offset(0), 1)) }.unwrap().is_none());
        ram.mapped = true;
        assert_eq!(ram.window().memory().unwrap().len(), 4096);
        // SAFETY: nothing else uses the memory.
        unsafe { ram.window().slice(Span::new(Offset(100), 4)) }.unwrap().unwrap().copy_from_slice(b"tide");
        assert_eq!(ram.bytes[98..106], *b"\xee\xeetide\xee\xee");
    }

    #[test]
    fn a_carrier_that_fails_is_heard() {
        let mut ram = Ram::new(2);
        ram.stores_left = Some(1);
        let failed = ram.window().fill(Span::new(Offset(0), 4096), 0);
        assert!(matches!(failed, Err(Error::Carrier(CarrierError::Other(_)))), "{failed:?}");
        let far = Carrier::window_read(&mut ram, u64::MAX - 1, &mut [0; 4]);
        assert!(matches!(far, Err(CarrierError::BadWindow { .. })), "{far:?}");
    }
}

//! The address map: which page of the window stands for which page of the traced program.

use crate::size::Size;
use std::collections::HashMap;
use tideline_trace::{PAGE_BYTES, VirtPage};

/// Pages remembered next to the map: most accesses go to a page that was touched just before.
const RECENT: usize = 256;

/// Gives the pages of the program pages of the window, in the order of their first touch.
#[derive(Debug)]
pub struct Pages {
    index: HashMap<VirtPage, u32>,
    order: Vec<VirtPage>,
    recent: [Option<(VirtPage, u32)>; RECENT],
    capacity: u32,
}

/// The program touches more memory than the window has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the trace touches more than {pages} pages ({}), and the device's window has no more: record less of the program \
     (tideline record --max-instructions N)",
    Size(u64::from(*pages) * PAGE_BYTES)
)]
pub struct WindowFull {
    pages: u32,
}

impl Pages {
    /// A map into a window of so many pages.
    pub fn new(capacity: u32) -> Self {
        Self { index: HashMap::new(), order: Vec::new(), recent: [None; RECENT], capacity }
    }

    /// The page of the window that stands for a page of the program.
    #[inline]
    pub fn place(&mut self, page: VirtPage) -> Result<u32, WindowFull> {
        let recent = page.0 as usize % RECENT;
        match self.recent[recent] {
            Some((known, place)) if known == page => Ok(place),
            _ => {
                let place = self.look_up(page)?;
                self.recent[recent] = Some((page, place));
                Ok(place)
            }
        }
    }

    fn look_up(&mut self, page: VirtPage) -> Result<u32, WindowFull> {
        if let Some(&place) = self.index.get(&page) {
            return Ok(place);
        }
        let place = self.order.len() as u32;
        if place == self.capacity {
            return Err(WindowFull { pages: self.capacity });
        }
        self.index.insert(page, place);
        self.order.push(page);
        Ok(place)
    }

    /// The pages of the program, by their page of the window.
    pub fn order(&self) -> &[VirtPage] {
        &self.order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_touch_order() {
        let mut pages = Pages::new(3);
        let touch = [7, 7 + RECENT as u64, 7, 0, 7 + RECENT as u64];
        let places: Vec<_> = touch.iter().map(|&p| pages.place(VirtPage(p)).unwrap()).collect();
        assert_eq!(places, [0, 1, 0, 2, 1]);
        assert_eq!(pages.order(), [VirtPage(7), VirtPage(7 + RECENT as u64), VirtPage(0)]);
        assert_eq!(pages.place(VirtPage(1)), Err(WindowFull { pages: 3 }));
        assert_eq!(pages.place(VirtPage(0)), Ok(2));
    }
}

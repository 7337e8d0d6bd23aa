//! Where and how often the program writes.

use super::masks::Masks;
use tideline_abi::geometry::LINES_PER_PAGE;
use tideline_trace::VirtPage;

/// Per line of the window: in how many epochs it was written.
#[derive(Debug)]
pub struct Heat {
    epochs: Vec<u32>,
}

/// A page of the program that was written, and in how many epochs each of its lines was.
#[derive(Clone, Copy, Debug)]
pub struct HotPage<'a> {
    /// The page.
    pub page: VirtPage,
    /// One number per line.
    pub epochs: &'a [u32],
}

impl Heat {
    /// Nothing written, in a window of so many pages.
    pub fn new(pages: u32) -> Self {
        Self { epochs: vec![0; pages as usize * LINES_PER_PAGE] }
    }

    /// These lines were written in one more epoch.
    pub fn add(&mut self, lines: &Masks) {
        for (page, mask) in lines.pages() {
            let first = page as usize * LINES_PER_PAGE;
            for (line, epochs) in self.epochs[first..first + LINES_PER_PAGE].iter_mut().enumerate() {
                *epochs += (mask >> line & 1) as u32;
            }
        }
    }

    /// The pages written, by ascending address; `order` names the pages of the window.
    pub fn pages(&self, order: &[VirtPage]) -> Vec<HotPage<'_>> {
        let chunks = self.epochs.chunks_exact(LINES_PER_PAGE);
        let mut pages: Vec<_> = order
            .iter()
            .zip(chunks)
            .filter(|(_, epochs)| epochs.iter().any(|&n| n > 0))
            .map(|(&page, epochs)| HotPage { page, epochs })
            .collect();
        pages.sort_by_key(|hot| hot.page);
        pages
    }
}

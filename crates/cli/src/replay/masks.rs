//! Sets of lines, as one mask per page of the window.

use std::collections::HashMap;

/// Lines by page; bit n is line n of the page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Masks(HashMap<u32, u64>);

impl Masks {
    /// The lines of these pages; a page is named at most once.
    pub fn new(pages: impl IntoIterator<Item = (u32, u64)>) -> Self {
        Self(pages.into_iter().filter(|(_, mask)| *mask != 0).collect())
    }

    /// Every page with a line, and its lines.
    pub fn pages(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        self.0.iter().map(|(&page, &mask)| (page, mask))
    }

    /// How many pages have a line.
    pub fn page_count(&self) -> u64 {
        self.0.len() as u64
    }

    /// How many lines it has.
    pub fn line_count(&self) -> u64 {
        self.count(|_, mask| mask)
    }

    /// How many of its lines are also in `other`.
    pub fn count_within(&self, other: &Masks) -> u64 {
        self.count(|page, mask| mask & other.of(page))
    }

    /// How many of its lines are not in `other`.
    pub fn count_without(&self, other: &Masks) -> u64 {
        self.count(|page, mask| mask & !other.of(page))
    }

    fn of(&self, page: u32) -> u64 {
        self.0.get(&page).copied().unwrap_or(0)
    }

    fn count(&self, chosen: impl Fn(u32, u64) -> u64) -> u64 {
        self.pages().map(|(page, mask)| u64::from(chosen(page, mask).count_ones())).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        let a = Masks::new([(1, 0b111), (2, u64::MAX), (3, 0)]);
        let b = Masks::new([(1, 0b110), (9, 1)]);
        assert_eq!((a.page_count(), a.line_count()), (2, 67));
        assert_eq!((a.count_within(&b), a.count_without(&b)), (2, 65));
        assert_eq!((b.count_within(&a), b.count_without(&a)), (2, 1));
    }
}

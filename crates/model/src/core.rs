//! The descriptors of the window.

use crate::resolve::{Masks, resolve};
use std::collections::BTreeMap;
use tideline_abi::descriptor::Control;
use tideline_abi::geometry::MAX_PAGES;
use tideline_abi::slot::{Slot, SlotResult};

/// Control word and masks of every page of the largest window, changed by commit slots only.
///
/// Free of time, channels and memory: feed it the slots of any device in its order and it says what each must
/// answer.
///
/// ```
/// use tideline_abi::slot::{Slot, SlotKind, SlotStatus};
/// # let map = Slot { kind: SlotKind::Map, page: 7, line: 0, decodes: true, timed_out: false, opcode: 0,
/// #     meta_field: 0, meta_value: 0, snp_type: 0, grant_exclusive: false, flags: 0, recalled: false,
/// #     plain: false, frame: 42, mask: 0 };
/// let mut core = tideline_model::Core::new();
/// assert_eq!(core.commit(&map).status, SlotStatus::Done);
/// assert_eq!(core.control(7).frame(), 42);
/// assert_eq!(core.commit(&map).status, SlotStatus::State, "a page is mapped once");
/// ```
#[derive(Clone, Debug)]
pub struct Core {
    /// Those that a slot named.
    pages: BTreeMap<u32, (Control, Masks)>,
}

impl Core {
    /// Power-on state: every page unmapped.
    pub fn new() -> Self {
        Self { pages: BTreeMap::new() }
    }

    /// Passes one slot. A page index is taken modulo the largest window.
    pub fn commit(&mut self, slot: &Slot) -> SlotResult {
        let page = self.pages.entry(slot.page % MAX_PAGES as u32).or_default();
        let (result, control, masks) = resolve(slot, page.0, page.1);
        *page = (control, masks);
        result
    }

    /// Control word of a page.
    pub fn control(&self, page: u32) -> Control {
        self.pages.get(&(page % MAX_PAGES as u32)).copied().unwrap_or_default().0
    }

    /// Masks of a page.
    pub fn masks(&self, page: u32) -> Masks {
        self.pages.get(&(page % MAX_PAGES as u32)).copied().unwrap_or_default().1
    }

    /// The first page of a range that some slot named; all others are as after power-on.
    pub fn next_known(&self, pages: std::ops::Range<u32>) -> Option<u32> {
        if pages.is_empty() { None } else { self.pages.range(pages).next().map(|(&page, _)| page) }
    }
}

impl Default for Core {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tideline_abi::slot::SlotKind;

    #[test]
    fn a_page_outside_the_window_wraps_instead_of_panicking() {
        let mut core = Core::new();
        let map = Slot {
            kind: SlotKind::Map,
            page: MAX_PAGES as u32 + 3,
            line: 255,
            decodes: true,
            timed_out: false,
            opcode: 0,
            meta_field: 0,
            meta_value: 0,
            snp_type: 0,
            grant_exclusive: false,
            flags: 0,
            recalled: false,
            plain: false,
            frame: 9,
            mask: 0,
        };
        core.commit(&map);
        assert_eq!(core.control(3).frame(), 9);
        assert_eq!(core.masks(u32::MAX), Masks::default());
    }
}

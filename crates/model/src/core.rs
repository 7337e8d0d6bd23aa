//! The descriptors of the window.

use crate::resolve::{Masks, resolve};
use tideline_abi::descriptor::Control;
use tideline_abi::geometry::WINDOW_PAGES;
use tideline_abi::slot::{Slot, SlotResult};

/// Control word and masks of every page of the window, changed by commit slots only.
///
/// Free of time, channels and memory: feed it the slots of any device in its order and it says what each must
/// answer.
///
/// ```
/// use tideline_abi::slot::{Slot, SlotKind, SlotStatus};
/// # let map = Slot { kind: SlotKind::Map, page: 7, line: 0, decodes: true, timed_out: false, opcode: 0,
/// #     meta_field: 0, meta_value: 0, snp_type: 0, grant_exclusive: false, flags: 0, recalled: false,
/// #     frame: 42, mask: 0 };
/// let mut core = tideline_model::Core::new();
/// assert_eq!(core.commit(&map).status, SlotStatus::Done);
/// assert_eq!(core.control(7).frame(), 42);
/// assert_eq!(core.commit(&map).status, SlotStatus::State, "a page is mapped once");
/// ```
#[derive(Clone, Debug)]
pub struct Core {
    pages: Vec<(Control, Masks)>,
}

impl Core {
    /// Power-on state: every page unmapped.
    pub fn new() -> Self {
        Self { pages: vec![Default::default(); WINDOW_PAGES] }
    }

    /// Passes one slot. A page index is taken modulo the window.
    pub fn commit(&mut self, slot: &Slot) -> SlotResult {
        let page = &mut self.pages[slot.page as usize % WINDOW_PAGES];
        let (result, control, masks) = resolve(slot, page.0, page.1);
        *page = (control, masks);
        result
    }

    /// Control word of a page.
    pub fn control(&self, page: u32) -> Control {
        self.pages[page as usize % WINDOW_PAGES].0
    }

    /// Masks of a page.
    pub fn masks(&self, page: u32) -> Masks {
        self.pages[page as usize % WINDOW_PAGES].1
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
            page: WINDOW_PAGES as u32 + 3,
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
            frame: 9,
            mask: 0,
        };
        core.commit(&map);
        assert_eq!(core.control(3).frame(), 9);
        assert_eq!(core.masks(u32::MAX), Masks::default());
    }
}

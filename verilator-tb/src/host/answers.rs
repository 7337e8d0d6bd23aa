//! Answers to snoops: a block is answered as a whole, when its last line is ready, or line by line in any order.

use std::collections::HashMap;
use tideline_abi::cxl::{M2sBirsp, RspOpcode, S2mBisnp};

/// The snoops under way, by tag.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    snoops: HashMap<u16, Pending>,
}

#[derive(Debug)]
struct Pending {
    snoop: S2mBisnp,
    whole: bool,
    /// Lines not ready yet.
    open: u8,
    /// The host keeps a shared copy of one of them.
    shared: bool,
}

impl Answers {
    /// A snoop arrived. `whole`: it gets one answer for all of its lines.
    pub(crate) fn begin(&mut self, snoop: S2mBisnp, whole: bool) {
        let open = snoop.lines().1;
        self.snoops.insert(snoop.tag, Pending { snoop, whole, open, shared: false });
    }

    /// One of the snooped lines is ready: BIRspI or BIRspS. Gives the message that can leave now, and the lines (bit
    /// n = line n of the 256 aligned bytes) that it answers.
    ///
    /// # Panics
    /// If no snoop of this line is under way.
    pub(crate) fn ready(&mut self, tag: u16, low: u8, response: RspOpcode) -> Option<(M2sBirsp, u8)> {
        let pending = self.snoops.get_mut(&tag).expect("a snoop with this tag is under way");
        assert!(pending.open >> low & 1 == 1, "the line is snooped, and not answered");
        pending.open &= !(1 << low);
        pending.shared |= response == RspOpcode::BiRspS;
        let Pending { snoop, whole, open, shared } = *pending;
        if open == 0 {
            self.snoops.remove(&tag);
        }
        if !whole {
            return Some((M2sBirsp { opcode: response as u8, tag, low }, 1 << low));
        }
        let response = if shared { RspOpcode::BiRspS } else { RspOpcode::BiRspI };
        (open == 0).then(|| (M2sBirsp::whole(&snoop, response), snoop.lines().1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use RspOpcode::{BiRspI, BiRspS, BiRspSBlk};

    #[test]
    fn by_line_and_by_block() {
        let mut answers = Answers::default();
        let snoop = |lines, tag| S2mBisnp::of(0x4000, lines, false, tag).expect("a block");
        answers.begin(snoop(0b1111, 1), false);
        answers.begin(snoop(0b1100, 2), true);
        answers.begin(snoop(0b0010, 3), true);
        let line =
            |low, opcode: RspOpcode, tag| Some((M2sBirsp { opcode: opcode as u8, tag, low }, 1 << low));
        assert_eq!(answers.ready(1, 3, BiRspS), line(3, BiRspS, 1));
        assert_eq!(answers.ready(2, 2, BiRspS), None);
        assert_eq!(answers.ready(1, 0, BiRspI), line(0, BiRspI, 1));
        let block = M2sBirsp { opcode: BiRspSBlk as u8, tag: 2, low: 0 };
        assert_eq!(
            answers.ready(2, 3, BiRspI),
            Some((block, 0b1100)),
            "one line is kept, so it may be all of them"
        );
        assert_eq!(answers.ready(3, 1, BiRspI), line(1, BiRspI, 3), "a single line has no block form");
    }
}

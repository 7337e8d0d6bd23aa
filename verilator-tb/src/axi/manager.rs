//! The manager of an AXI4 interface of 512 bits: what a host has on the other end of the device's `s_axi`.

use super::{Address, ReadBeat, Violation, WriteBeat, WriteResponse};
use crate::channel::{Sink, Source};
use crate::pace::Pace;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::{HashMap, VecDeque};

/// A burst to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burst {
    /// AW or AR.
    pub address: Address,
    /// An exclusive access.
    pub lock: bool,
}

/// Offers bursts, takes answers, each channel with pauses of its own. What it does not do is to think: put bursts into
/// `aw`, `w` (the beats of the bursts, in their order; they may come before their address) and `ar`, find answers in `b`
/// and `r`.
///
/// It checks that offers stand, and that answers were asked for: R and B of an ID in order, RLAST in the last beat, B
/// behind the last beat of its data.
#[derive(Clone, Debug)]
pub struct Manager {
    /// Write addresses to send.
    pub aw: VecDeque<Burst>,
    /// Write data to send.
    pub w: VecDeque<WriteBeat>,
    /// Read addresses to send.
    pub ar: VecDeque<Burst>,
    /// Write responses that came.
    pub b: VecDeque<WriteResponse>,
    /// Read data that came.
    pub r: VecDeque<ReadBeat>,
    aw_source: Source,
    w_source: Source,
    ar_source: Source,
    b_sink: Sink<WriteResponse>,
    r_sink: Sink<ReadBeat>,
    /// Writes whose address was taken and whose data was not, all of it.
    open: VecDeque<(u8, u32)>,
    /// Beats of data that were taken before their address.
    early: u32,
    /// Per ID: writes without an answer, and reads by the beats that are left of them.
    writes: HashMap<u8, u32>,
    reads: HashMap<u8, VecDeque<u32>>,
}

/// What the device drives in a cycle besides its answers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ready {
    /// AWREADY.
    pub aw: bool,
    /// WREADY.
    pub w: bool,
    /// ARREADY.
    pub ar: bool,
}

impl Manager {
    /// A manager with its own random pauses.
    pub fn new(pace: Pace, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut source = || Source::new(pace, rng.random());
        let [aw_source, w_source, ar_source] = [source(), source(), source()];
        Self {
            aw: VecDeque::new(),
            w: VecDeque::new(),
            ar: VecDeque::new(),
            b: VecDeque::new(),
            r: VecDeque::new(),
            aw_source,
            w_source,
            ar_source,
            b_sink: Sink::new(pace, rng.random()),
            r_sink: Sink::new(pace, rng.random()),
            open: VecDeque::new(),
            early: 0,
            writes: HashMap::new(),
            reads: HashMap::new(),
        }
    }

    /// Changes the pauses: `pace` is asked for each channel.
    pub fn set_paces(&mut self, mut pace: impl FnMut() -> Pace) {
        self.aw_source.set_pace(pace());
        self.w_source.set_pace(pace());
        self.ar_source.set_pace(pace());
        self.b_sink.set_pace(pace());
        self.r_sink.set_pace(pace());
    }

    /// Nothing is under way.
    pub fn is_idle(&self) -> bool {
        self.aw.is_empty()
            && self.w.is_empty()
            && self.ar.is_empty()
            && self.writes.is_empty()
            && self.reads.is_empty()
    }

    /// The write address whose offer begins in the coming cycle.
    pub fn drive_aw(&mut self) -> Option<&Burst> {
        self.aw_source.drive(&self.aw)
    }

    /// The write data whose offer begins in the coming cycle.
    pub fn drive_w(&mut self) -> Option<&WriteBeat> {
        self.w_source.drive(&self.w)
    }

    /// The read address whose offer begins in the coming cycle.
    pub fn drive_ar(&mut self) -> Option<&Burst> {
        self.ar_source.drive(&self.ar)
    }

    /// AWVALID, WVALID, ARVALID in this cycle.
    pub fn valid(&self) -> [bool; 3] {
        [self.aw_source.valid(), self.w_source.valid(), self.ar_source.valid()]
    }

    /// BREADY, RREADY in the coming cycle.
    pub fn drive_ready(&mut self) -> [bool; 2] {
        [self.b_sink.drive(), self.r_sink.drive()]
    }

    /// The rising edge: what was transferred in the cycle.
    ///
    /// # Errors
    /// If the device broke a rule of AXI.
    pub fn clock(
        &mut self,
        ready: Ready,
        b: Option<WriteResponse>,
        r: Option<ReadBeat>,
    ) -> Result<(), Violation> {
        let (answers, beats) = (self.b.len(), self.r.len());
        self.b_sink.clock(b, &mut self.b)?;
        self.r_sink.clock(r, &mut self.r)?;
        if self.b.len() > answers {
            let id = self.b[answers].id;
            let complete = self.writes.get(&id).copied().unwrap_or(0);
            let open = self.open.iter().filter(|(other, _)| *other == id).count() as u32;
            if complete <= open {
                return Err(Violation::Unasked { channel: "b" });
            }
            self.writes.insert(id, complete - 1);
            self.writes.retain(|_, count| *count > 0);
        }
        if self.r.len() > beats {
            let ReadBeat { id, last, .. } = self.r[beats];
            let bursts = self.reads.get_mut(&id).ok_or(Violation::Unasked { channel: "r" })?;
            let left = bursts.front_mut().expect("a burst, or no entry");
            *left -= 1;
            if last != (*left == 0) {
                return Err(Violation::Unasked { channel: "r, with its RLAST" });
            }
            if last {
                bursts.pop_front();
                self.reads.retain(|_, bursts| !bursts.is_empty());
            }
        }

        if self.aw_source.valid() && ready.aw {
            let Address { id, len, .. } = self.aw[0].address;
            self.open.push_back((id, u32::from(len) + 1));
            *self.writes.entry(id).or_default() += 1;
        }
        if self.ar_source.valid() && ready.ar {
            let Address { id, len, .. } = self.ar[0].address;
            self.reads.entry(id).or_default().push_back(u32::from(len) + 1);
        }
        self.early += u32::from(self.w_source.valid() && ready.w);
        while let Some((_, left)) = self.open.front_mut()
            && self.early > 0
        {
            let taken = self.early.min(*left);
            self.early -= taken;
            *left -= taken;
            if *left == 0 {
                self.open.pop_front();
            }
        }
        self.aw_source.clock(&mut self.aw, ready.aw);
        self.w_source.clock(&mut self.w, ready.w);
        self.ar_source.clock(&mut self.ar, ready.ar);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axi::Resp;

    const ADDRESS: Address = Address { id: 3, addr: 0, len: 1, size: 6, burst: 1 };
    const B: WriteResponse = WriteResponse { id: 3, resp: Resp::Okay };

    fn cycle(m: &mut Manager, b: Option<WriteResponse>, r: Option<ReadBeat>) -> Result<(), Violation> {
        m.drive_aw();
        m.drive_w();
        m.drive_ar();
        m.drive_ready();
        m.clock(Ready { aw: true, w: true, ar: true }, b, r)
    }

    #[test]
    fn answers_must_have_been_asked_for() {
        let beat = |last| WriteBeat { data: [0; 64], strobe: 1, last };
        let mut m = Manager::new(Pace::FULL, 1);
        m.aw.push_back(Burst { address: ADDRESS, lock: false });
        m.w.push_back(beat(false));
        assert_eq!(cycle(&mut m, None, None), Ok(()));
        assert_eq!(cycle(&mut m.clone(), Some(B), None), Err(Violation::Unasked { channel: "b" }));
        m.w.push_back(beat(true));
        assert_eq!(cycle(&mut m, None, None), Ok(()));
        assert_eq!(cycle(&mut m, Some(B), None), Ok(()));
        assert!(m.is_idle());
        assert_eq!(cycle(&mut m, Some(B), None), Err(Violation::Unasked { channel: "b" }));

        let data = |last| Some(ReadBeat { id: 3, data: [0; 64], resp: Resp::Okay, last });
        let mut m = Manager::new(Pace::FULL, 1);
        assert!(cycle(&mut m.clone(), None, data(false)).is_err());
        m.ar.push_back(Burst { address: ADDRESS, lock: false });
        assert_eq!(cycle(&mut m, None, None), Ok(()));
        assert!(cycle(&mut m.clone(), None, data(true)).is_err(), "one beat is left");
        assert_eq!(cycle(&mut m, None, data(false)), Ok(()));
        assert_eq!(cycle(&mut m, None, data(true)), Ok(()));
        assert!(m.is_idle());
    }
}

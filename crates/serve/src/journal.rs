//! What the server tells whoever runs it.

use std::fmt::{self, Display};

/// Takes lines of the log; keeps a client that errs all the time from filling it.
pub struct Journal {
    sink: Box<dyn FnMut(&str)>,
    complaints: u32,
}

impl Journal {
    /// Complaints about one client that are told.
    const COMPLAINTS: u32 = 100;

    /// A journal whose lines go to `sink`.
    pub fn new(sink: impl FnMut(&str) + 'static) -> Self {
        Self { sink: Box::new(sink), complaints: 0 }
    }

    /// Something that happened.
    pub fn note(&mut self, what: impl Display) {
        (self.sink)(&what.to_string());
    }

    /// Something that the client did wrong, or that will disappoint it.
    pub fn complain(&mut self, what: impl Display) {
        self.complaints += 1;
        if self.complaints <= Self::COMPLAINTS {
            self.note(format_args!("client: {what}"));
        }
        if self.complaints == Self::COMPLAINTS {
            self.note("client: more of this is not told");
        }
    }

    /// A new client has its own complaints.
    pub(crate) fn begin_client(&mut self) {
        self.complaints = 0;
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("complaints", &self.complaints).finish_non_exhaustive()
    }
}

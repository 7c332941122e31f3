//! How fast a tape is played.

/// Records in a row that may be passed over because nobody hears them: some ten milliseconds of work,
/// after which others have their turn.
const UNHEARD_MAX: u32 = 1_024;

/// How fast a tape is played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// So many times faster than it was recorded.
    Times(f64),
    /// So many messages a second, evenly, whatever their gaps were. Messages that nobody is subscribed
    /// to take no time while anybody is subscribed to others.
    Rate(f64),
    /// As fast as the clients take it.
    Max,
}

/// The places of a tape that is played at a rate: one after the other, evenly.
#[derive(Debug, Default)]
pub(crate) struct Places {
    taken: u64,
    /// Records in a row that took none.
    unheard: u32,
}

impl Places {
    /// When the next one is, after the first.
    pub(crate) fn next_ns(&self, per_s: f64) -> u64 {
        (self.taken as f64 * 1e9 / per_s) as u64
    }

    /// A record was played, and takes a place unless nobody heard it.
    pub(crate) fn played(&mut self, is_unheard: bool) {
        if is_unheard && self.unheard < UNHEARD_MAX {
            self.unheard += 1;
        } else {
            (self.taken, self.unheard) = (self.taken + 1, 0);
        }
    }
}

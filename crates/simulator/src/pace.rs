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

/// How far a tape may be behind its rate and make up for it; what is behind further is let go, since
/// who cannot keep a rate would never have time for anything else.
const BEHIND_NS: f64 = 10e6;

/// The places of a tape that is played at a rate: one after the other, evenly, from the first on.
#[derive(Debug, Default)]
pub(crate) struct Places {
    next_ns: f64,
    /// Records in a row that took none.
    unheard: u32,
}

impl Places {
    /// When the next one is, so long after the first.
    pub(crate) fn next_ns(&mut self, passed_ns: u64) -> u64 {
        self.next_ns = self.next_ns.max(passed_ns as f64 - BEHIND_NS);
        self.next_ns as u64
    }

    /// A record was played, and takes a place unless nobody heard it.
    pub(crate) fn played(&mut self, per_s: f64, is_unheard: bool) {
        if is_unheard && self.unheard < UNHEARD_MAX {
            self.unheard += 1;
        } else {
            self.next_ns += 1e9 / per_s;
            self.unheard = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_even_and_lost_time_is_not_made_up_for() {
        let mut places = Places::default();
        for place in 0..100 {
            assert_eq!(places.next_ns(0), place * 50_000);
            places.played(20_000.0, true);
            places.played(20_000.0, false);
        }
        let late_ns = 1_000_000_000;
        assert_eq!(places.next_ns(late_ns), late_ns - 10_000_000);
        for _ in 0..UNHEARD_MAX {
            places.played(20_000.0, true);
        }
        assert_eq!(places.next_ns(late_ns), late_ns - 10_000_000);
        places.played(20_000.0, true);
        assert_eq!(places.next_ns(late_ns), late_ns - 10_000_000 + 50_000);
    }
}

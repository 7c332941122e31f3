//! What is due again and again while nothing is played.

/// A heartbeat's clock, fed with the driver's times.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beat {
    every_ns: u64,
    last_ns: u64,
}

impl Beat {
    /// Due once in so many nanoseconds.
    pub(crate) fn every(every_ns: u64) -> Self {
        Self { every_ns, last_ns: 0 }
    }

    /// Whether it is due at that time (nanoseconds since the Unix epoch); then it has been done. A
    /// clock that steps back starts anew.
    pub(crate) fn is_due(&mut self, now_ns: u64) -> bool {
        let due = now_ns < self.last_ns || now_ns - self.last_ns >= self.every_ns;
        if due {
            self.last_ns = now_ns;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::Beat;

    #[test]
    fn once_in_a_while() {
        let mut beat = Beat::every(10);
        let due: Vec<bool> = [5, 10, 15, 20, 31, 2, 3].map(|now| beat.is_due(now)).into();
        assert_eq!(due, [false, true, false, true, true, true, false]);
    }
}

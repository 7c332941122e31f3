//! How far the mid stands from its exponential average.
//!
//! The average runs in time: over dt with the mid m in force, ema += (1 - exp(-dt/tau)) (m - ema).
//! Kept instead is the deviation mid - ema, which decays by exp(-dt/tau) and jumps by each change
//! of the mid: nothing large is subtracted from anything large, and a message that changes nothing
//! changes nothing here.

use crate::measure::float;

/// One average.
#[derive(Clone, Debug)]
pub(crate) struct Ema {
    tau_nanos: u64,
    /// Mid minus average in doubled price units, as of `at`.
    deviation: f64,
    at: u64,
    since: Option<u64>,
    doubled_mid: i64,
}

impl Ema {
    pub(crate) fn new(tau_nanos: u64) -> Self {
        Self { tau_nanos, deviation: 0.0, at: 0, since: None, doubled_mid: 0 }
    }

    #[inline]
    fn decayed(&self, at: u64) -> f64 {
        let elapsed = at - self.at;
        if elapsed == 0 || self.deviation == 0.0 {
            return self.deviation;
        }
        self.deviation * libm::exp(-(elapsed as f64) / self.tau_nanos as f64)
    }

    /// Takes a mid that differs from the one before.
    #[inline]
    pub(crate) fn on_mid(&mut self, at: u64, doubled_mid: i64) {
        if self.since.is_none() {
            self.since = Some(at);
            self.deviation = 0.0;
        } else {
            let moved = i128::from(doubled_mid) - i128::from(self.doubled_mid);
            self.deviation = self.decayed(at) + float(moved);
        }
        self.at = at;
        self.doubled_mid = doubled_mid;
    }

    /// The deviation in doubled price units, once the average has run for its time constant.
    pub(crate) fn value(&self, at: u64) -> Option<f64> {
        (at - self.since? >= self.tau_nanos).then(|| self.decayed(at))
    }

    pub(crate) fn clear(&mut self) {
        self.since = None;
    }

    #[cold]
    pub(crate) fn rescale(&mut self, price: i64) {
        self.deviation *= price as f64;
        match self.doubled_mid.checked_mul(price) {
            Some(doubled_mid) => self.doubled_mid = doubled_mid,
            None => self.clear(),
        }
    }
}

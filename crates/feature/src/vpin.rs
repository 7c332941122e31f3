//! VPIN (Easley, Lopez de Prado, O'Hara 2012), with the taker's side as the exchange reports it.
//!
//! Trades fill buckets of equal volume, a trade spilling over into the next. VPIN is the mean over
//! the newest buckets of |bought - sold| / volume. That it predicts anything is disputed (Andersen
//! and Bondarenko 2014); it is here because models ask for it.

use crate::error::FeatureError;
use crate::measure::{float, power};
use tickhawk_market::Decimal;

/// The most buckets; a ring of runs, 32 bytes each.
const MAX_BUCKETS: u32 = 65_536;

/// How `vpin` cuts volume. Not part of its name, so not of the schema either: agree on it with
/// whoever trained the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VpinOptions {
    /// Volume of one bucket in base units.
    pub bucket: Decimal,
    /// How many complete buckets the mean is over, 1 to 65,536; 50 is usual.
    pub buckets: u32,
}

impl VpinOptions {
    pub(crate) fn check(&self) -> Result<(), FeatureError> {
        let fits = self.bucket.mantissa > 0
            && self.bucket.decimals <= tickhawk_market::MAX_DECIMALS
            && (1..=MAX_BUCKETS).contains(&self.buckets);
        if fits { Ok(()) } else { Err(FeatureError::Vpin { options: *self }) }
    }
}

/// Successive buckets with the same imbalance: what one huge trade leaves behind.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    imbalance: i128,
    buckets: u64,
}

/// The bucket being filled and the newest complete ones. Volumes are in 10^-`decimals`, enough for
/// trades and for the bucket.
#[derive(Clone, Debug)]
pub(crate) struct Vpin {
    options: VpinOptions,
    decimals: u8,
    qty_decimals: u8,
    bucket: i128,
    bought: i128,
    sold: i128,
    runs: Box<[Run]>,
    head: u64,
    tail: u64,
    complete: u64,
    imbalance_sum: i128,
}

impl Vpin {
    pub(crate) fn new(options: VpinOptions, qty_decimals: u8) -> Self {
        let slots = (options.buckets as usize + 1).next_power_of_two();
        let mut vpin = Self {
            options,
            decimals: 0,
            qty_decimals,
            bucket: 0,
            bought: 0,
            sold: 0,
            runs: vec![Run::default(); slots].into_boxed_slice(),
            head: 0,
            tail: 0,
            complete: 0,
            imbalance_sum: 0,
        };
        vpin.set_decimals(qty_decimals);
        vpin
    }

    /// Takes new decimals with nothing held.
    pub(crate) fn set_decimals(&mut self, qty_decimals: u8) {
        self.qty_decimals = qty_decimals;
        self.decimals = qty_decimals.max(self.options.bucket.decimals);
        self.bucket = i128::from(self.options.bucket.mantissa)
            * i128::from(power(self.decimals - self.options.bucket.decimals));
    }

    /// Takes a trade's quantity; at most three runs are written, however large it is.
    #[inline]
    pub(crate) fn on_trade(&mut self, qty: i64, sold: bool) {
        let mut rest = i128::from(qty) * i128::from(power(self.decimals - self.qty_decimals));
        let room = self.bucket - self.bought - self.sold;
        if rest >= room {
            self.fill(room, sold);
            self.push(Run { imbalance: (self.bought - self.sold).abs(), buckets: 1 });
            (self.bought, self.sold) = (0, 0);
            rest -= room;
            let whole = u64::try_from(rest / self.bucket).unwrap_or(u64::MAX);
            if whole > 0 {
                self.push(Run {
                    imbalance: self.bucket,
                    buckets: whole.min(u64::from(self.options.buckets)),
                });
                rest %= self.bucket;
            }
        }
        self.fill(rest, sold);
    }

    fn fill(&mut self, qty: i128, sold: bool) {
        *if sold { &mut self.sold } else { &mut self.bought } += qty;
    }

    fn push(&mut self, run: Run) {
        let mask = self.runs.len() as u64 - 1;
        self.runs[(self.head & mask) as usize] = run;
        self.head += 1;
        self.complete += run.buckets;
        self.imbalance_sum += run.imbalance * i128::from(run.buckets);
        while self.complete > u64::from(self.options.buckets) {
            let surplus = self.complete - u64::from(self.options.buckets);
            let oldest = &mut self.runs[(self.tail & mask) as usize];
            let dropped = surplus.min(oldest.buckets);
            oldest.buckets -= dropped;
            self.complete -= dropped;
            self.imbalance_sum -= oldest.imbalance * i128::from(dropped);
            self.tail += u64::from(oldest.buckets == 0);
        }
    }

    pub(crate) fn value(&self) -> Option<f64> {
        let buckets = u64::from(self.options.buckets);
        (self.complete == buckets)
            .then(|| float(self.imbalance_sum) / (buckets as f64 * float(self.bucket)))
    }

    pub(crate) fn clear(&mut self) {
        (self.bought, self.sold) = (0, 0);
        (self.head, self.tail, self.complete, self.imbalance_sum) = (0, 0, 0, 0);
    }

    #[cold]
    pub(crate) fn rescale(&mut self, qty_decimals: u8) {
        let old = self.decimals;
        self.set_decimals(qty_decimals);
        // Growing decimals can only keep or raise the internal ones.
        let factor = i128::from(power(self.decimals - old));
        self.bought *= factor;
        self.sold *= factor;
        for run in &mut self.runs {
            run.imbalance *= factor;
        }
        self.imbalance_sum *= factor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vpin(bucket: &str, buckets: u32) -> Vpin {
        let bucket = Decimal::parse(bucket.as_bytes()).unwrap();
        Vpin::new(VpinOptions { bucket, buckets }, 0)
    }

    #[test]
    fn a_trade_spills_over() {
        let mut vpin = vpin("10", 2);
        vpin.on_trade(6, false);
        vpin.on_trade(8, true); // 6 bought + 4 sold, then 4 sold
        assert_eq!(vpin.value(), None);
        vpin.on_trade(6, false); // 4 sold + 6 bought
        assert_eq!(vpin.value(), Some((2.0 + 2.0) / 20.0));
        vpin.on_trade(1_000_000_007, true);
        assert_eq!(vpin.value(), Some(1.0));
        assert_eq!(vpin.sold, 7);
    }

    #[test]
    fn buckets_finer_than_trades() {
        let mut vpin = vpin("0.25", 8);
        vpin.on_trade(1, false);
        assert_eq!(vpin.value(), None);
        vpin.on_trade(1, true);
        assert_eq!(vpin.value(), Some(1.0));
        vpin.rescale(3);
        vpin.on_trade(125, true);
        vpin.on_trade(125, false);
        assert_eq!(vpin.value(), Some(7.0 / 8.0));
    }
}

//! Histograms with fixed bounds: recording never allocates, and nothing is hidden.

use std::hint::black_box;
use std::io;

use hdrhistogram::Histogram;
use serde::Serialize;
use tickhawk_market::Nanos;

use crate::hgrm::{self, TICKS_PER_HALF_DISTANCE};
use crate::{Stage, Stamps};

/// The longest latency a histogram can hold: 60 s. A stage that takes longer is an outage, which
/// the out-of-range count and the exact maximum report.
pub const VALUE_MAX_NS: u64 = 60_000_000_000;

/// Below 2,048 ns every nanosecond has its own bucket; above, values keep three digits.
const SIGNIFICANT_DIGITS: u8 = 3;

/// So far the histogram has a bucket for every nanosecond; as many are counted beside it, where a
/// count costs one addition. Most of what is recorded is below.
const NEAR_NS: usize = 2_048;

/// One series of latencies, 0 ns to 60 s. Takes 237 KB, all of it touched when it is made.
#[derive(Clone, Debug)]
pub struct LatencyHistogram {
    /// What is not near.
    histogram: Histogram<u64>,
    near: Box<[u64; NEAR_NS]>,
    negative_count: u64,
    over_count: u64,
    max_ns: u64,
}

/// What a series comes down to, in nanoseconds. A percentile is the upper end of its bucket, within
/// 0.1 % of the sample, and never above the exact maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Percentiles {
    /// Half of the samples are at or below this.
    pub p50_ns: u64,
    /// 90 % are.
    pub p90_ns: u64,
    /// 99 % are.
    pub p99_ns: u64,
    /// 99.9 % are.
    pub p99_9_ns: u64,
    /// 99.99 % are.
    pub p99_99_ns: u64,
    /// The largest sample, exactly, even past 60 s.
    pub max_ns: u64,
}

/// The reported percentiles in parts per 10,000, so that ranks are exact.
pub(crate) const PERCENTILES: [(&str, u64); 5] =
    [("p50", 5_000), ("p90", 9_000), ("p99", 9_900), ("p99.9", 9_990), ("p99.99", 9_999)];

/// How many of `sample_count` samples stand at or below the percentile: its rank, 1 or more.
pub(crate) fn rank(sample_count: u64, parts: u64) -> u64 {
    let rank = (u128::from(sample_count) * u128::from(parts)).div_ceil(10_000);
    (rank as u64).max(1)
}

impl LatencyHistogram {
    /// An empty series.
    #[expect(clippy::new_without_default, reason = "237 KB are nothing to make by default")]
    pub fn new() -> Self {
        let bounded = Histogram::new_with_bounds(1, VALUE_MAX_NS, SIGNIFICANT_DIGITS);
        let mut histogram = bounded.expect("the constant bounds are in range");
        // Fresh zeros are pages the kernel has not supplied yet; writing them now keeps page faults
        // out of the first measurements. The black box keeps the write from being optimised out.
        black_box(&mut histogram).reset();
        let near = black_box(Box::new([0; NEAR_NS]));
        Self { histogram, near, negative_count: 0, over_count: 0, max_ns: 0 }
    }

    /// Adds one sample. Less than nothing counts as 0 ns and as out of range, more than 60 s as
    /// 60 s and as out of range; a difference of 0 ns, which a clock's step gives, is in range.
    #[inline]
    pub fn record(&mut self, latency: Nanos) {
        let value_ns = match u64::try_from(latency.nanos()) {
            Ok(value_ns) => value_ns,
            Err(_) => {
                self.negative_count += 1;
                0
            }
        };
        self.max_ns = self.max_ns.max(value_ns);
        if let Some(count) = self.near.get_mut(value_ns as usize) {
            *count += 1;
        } else {
            self.record_far(value_ns);
        }
    }

    fn record_far(&mut self, value_ns: u64) {
        self.over_count += u64::from(value_ns > VALUE_MAX_NS);
        self.histogram.saturating_record(value_ns.min(VALUE_MAX_NS));
    }

    /// Adds all samples of another series, as if they had been recorded here.
    pub fn merge(&mut self, other: &Self) {
        self.histogram.add(&other.histogram).expect("all series have the same bounds");
        for (count, other) in self.near.iter_mut().zip(other.near.iter()) {
            *count += other;
        }
        self.negative_count += other.negative_count;
        self.over_count += other.over_count;
        self.max_ns = self.max_ns.max(other.max_ns);
    }

    /// How many samples there are, those out of range included.
    pub fn sample_count(&self) -> u64 {
        self.histogram.len() + self.near.iter().sum::<u64>()
    }

    /// All samples in one histogram. Cold.
    fn whole(&self) -> Histogram<u64> {
        let mut whole = self.histogram.clone();
        for (value_ns, count) in self.near.iter().enumerate().filter(|(_, count)| **count > 0) {
            whole.saturating_record_n(value_ns as u64, *count);
        }
        whole
    }

    /// How many samples were less than nothing (a clock that ran backwards, or swapped stamps).
    pub fn negative_count(&self) -> u64 {
        self.negative_count
    }

    /// How many samples were more than 60 s.
    pub fn over_count(&self) -> u64 {
        self.over_count
    }

    /// The percentiles; `None` of an empty series.
    pub fn percentiles(&self) -> Option<Percentiles> {
        let sample_count = self.sample_count();
        if sample_count == 0 {
            return None;
        }
        let mut values_ns = [0; PERCENTILES.len()];
        let (mut reached, mut next) = (0, 0);
        for bucket in self.whole().iter_recorded() {
            reached += bucket.count_at_value();
            while next < PERCENTILES.len() && rank(sample_count, PERCENTILES[next].1) <= reached {
                values_ns[next] = bucket.value_iterated_to().min(self.max_ns);
                next += 1;
            }
        }
        let [p50_ns, p90_ns, p99_ns, p99_9_ns, p99_99_ns] = values_ns;
        Some(Percentiles { p50_ns, p90_ns, p99_ns, p99_9_ns, p99_99_ns, max_ns: self.max_ns })
    }

    /// The value at or below which this share of all samples lies, as far as buckets tell; 0 of an
    /// empty series.
    pub fn value_at(&self, quantile: f64) -> u64 {
        self.whole().value_at_quantile(quantile).min(self.max_ns)
    }

    /// Writes the percentile distribution as HdrHistogram's own tools do and read (`.hgrm`), with
    /// values in units of `value_unit_ns` nanoseconds: 1.0 for ns, 1000.0 for µs.
    pub fn write_hgrm(&self, out: impl io::Write, value_unit_ns: f64) -> io::Result<()> {
        hgrm::write(&self.whole(), TICKS_PER_HALF_DISTANCE, value_unit_ns, out)
    }
}

/// One series for each stage. A thread that records has its own, and they are merged after.
#[derive(Clone, Debug)]
pub struct StageHistograms {
    stages: [LatencyHistogram; Stage::ALL.len()],
}

impl StageHistograms {
    /// Empty ones.
    #[expect(clippy::new_without_default, reason = "1.4 MB are nothing to make by default")]
    pub fn new() -> Self {
        Self { stages: Stage::ALL.map(|_| LatencyHistogram::new()) }
    }

    /// Adds one sample to a stage; see [`LatencyHistogram::record`].
    #[inline]
    pub fn record(&mut self, stage: Stage, latency: Nanos) {
        self.stages[stage.index()].record(latency);
    }

    /// Adds one sample to every stage.
    #[inline]
    pub fn record_stamps(&mut self, stamps: &Stamps) {
        for stage in Stage::ALL {
            self.record(stage, stamps.span(stage));
        }
    }

    /// Adds all samples of another thread.
    pub fn merge(&mut self, other: &Self) {
        for (stage, other) in self.stages.iter_mut().zip(&other.stages) {
            stage.merge(other);
        }
    }

    /// The series of a stage.
    #[inline]
    pub fn stage(&self, stage: Stage) -> &LatencyHistogram {
        &self.stages[stage.index()]
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn filled(values_ns: impl IntoIterator<Item = i64>) -> LatencyHistogram {
        let mut histogram = LatencyHistogram::new();
        for value_ns in values_ns {
            histogram.record(Nanos::new(value_ns));
        }
        histogram
    }

    #[test]
    fn nothing_has_no_percentiles() {
        assert_eq!(LatencyHistogram::new().percentiles(), None);
    }

    #[test]
    fn one_to_a_hundred() {
        let percentiles = filled(1..=100).percentiles().unwrap();
        let expected = Percentiles {
            p50_ns: 50,
            p90_ns: 90,
            p99_ns: 99,
            p99_9_ns: 100,
            p99_99_ns: 100,
            max_ns: 100,
        };
        assert_eq!(percentiles, expected);
    }

    #[test]
    fn ranks_are_exact() {
        assert_eq!(rank(1, 5_000), 1);
        assert_eq!(rank(400_000, 9_999), 399_960);
        assert_eq!(rank(10_000_000_001, 9_999), 9_999_000_001);
        // One in 10,000 stands above: 1,844,674,407,370,955 of 2^64 - 1.
        assert_eq!(rank(u64::MAX, 9_999), u64::MAX - 1_844_674_407_370_955);
    }

    #[test]
    fn out_of_range_is_clamped_and_counted() {
        let limit = VALUE_MAX_NS as i64;
        let histogram = filled([-1, i64::MIN, 0, 7, limit, limit + 1, i64::MAX]);
        assert_eq!(histogram.sample_count(), 7);
        assert_eq!(histogram.negative_count(), 2);
        assert_eq!(histogram.over_count(), 2);
        let percentiles = histogram.percentiles().unwrap();
        assert_eq!(percentiles.p50_ns, 7);
        assert_eq!(percentiles.max_ns, i64::MAX as u64);
        // What was clamped shows as 60 s, to three digits.
        assert_eq!(percentiles.p99_99_ns / 100_000_000, VALUE_MAX_NS / 100_000_000);

        let only_negative = filled([-5]).percentiles().unwrap();
        assert_eq!((only_negative.p50_ns, only_negative.max_ns), (0, 0));
    }

    #[test]
    fn percentiles_agree_with_a_sorted_list() {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        for sample_count in [1usize, 2, 9, 10, 11, 99, 1_000, 20_001] {
            let mut values_ns: Vec<i64> = (0..sample_count)
                .map(|_| 10f64.powf(random.random_range(0.0..10.5)) as i64)
                .collect();
            let percentiles = filled(values_ns.iter().copied()).percentiles().unwrap();
            values_ns.sort_unstable();
            let check = |parts: usize, got_ns: u64| {
                let exact_ns = values_ns[(sample_count * parts).div_ceil(10_000) - 1] as u64;
                assert!(got_ns >= exact_ns, "{sample_count} samples, {parts}: {got_ns}");
                assert!(got_ns <= exact_ns + exact_ns / 1_000, "{exact_ns} became {got_ns}");
            };
            check(5_000, percentiles.p50_ns);
            check(9_000, percentiles.p90_ns);
            check(9_900, percentiles.p99_ns);
            check(9_990, percentiles.p99_9_ns);
            check(9_999, percentiles.p99_99_ns);
            assert_eq!(percentiles.max_ns, *values_ns.last().unwrap() as u64);
        }
    }

    #[test]
    fn merging_is_recording_in_one_place() {
        let mut random = ChaCha8Rng::seed_from_u64(11);
        let values_ns: Vec<i64> =
            (0..5_000).map(|_| random.random_range(-1_000..70_000_000_000)).collect();
        let whole = filled(values_ns.iter().copied());
        let (front, back) = values_ns.split_at(1_234);
        let mut merged = filled(front.iter().copied());
        merged.merge(&filled(back.iter().copied()));
        merged.merge(&LatencyHistogram::new());
        assert_eq!(merged.whole(), whole.whole());
        assert_eq!(merged.percentiles(), whole.percentiles());
        assert_eq!(merged.negative_count(), whole.negative_count());
        assert_eq!(merged.over_count(), whole.over_count());
        assert!(whole.over_count() > 0);
    }

    #[test]
    fn every_stage_has_its_own_series() {
        let mut histograms = StageHistograms::new();
        let mut other = StageHistograms::new();
        for (index, stage) in Stage::ALL.into_iter().enumerate() {
            for turn in 0..=index {
                let target = if turn % 2 == 0 { &mut histograms } else { &mut other };
                target.record(stage, Nanos::new(100 * index as i64));
            }
        }
        other.record_stamps(&Stamps::default());
        histograms.merge(&other);
        for (index, stage) in Stage::ALL.into_iter().enumerate() {
            let series = histograms.stage(stage);
            assert_eq!(series.sample_count(), index as u64 + 2);
            assert_eq!(series.percentiles().unwrap().max_ns, 100 * index as u64);
        }
    }
}

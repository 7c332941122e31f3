//! The numbers a user sees, as text and as JSON.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::histogram::{PERCENTILES, rank};
use crate::{ClockCheck, LatencyHistogram, Percentiles, Stage, StageHistograms};

/// Fewer samples than this above a percentile, and the report says so. A hundred rare events are
/// counted with a standard error of ten: p99.99 may then well be p99.989 or p99.991.
const TAIL_SAMPLES_MIN: u64 = 100;

/// Latency by stage, and what the clock itself costs. [`Display`](fmt::Display) gives a table for a
/// terminal of 80 columns; serialised, it has the same numbers.
#[derive(Clone, Debug, Serialize)]
pub struct LatencyReport {
    /// What the clock adds to each number.
    pub clock: ClockCheck,
    /// Every stage in order, those without samples too.
    pub stages: Vec<StageReport>,
    /// What to know before believing the numbers.
    pub warnings: Vec<Warning>,
}

/// One stage of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct StageReport {
    /// Which.
    pub stage: Stage,
    /// How many samples, those out of range included.
    pub sample_count: u64,
    /// How many of them were clamped into 0 ns to 60 s.
    pub out_of_range_count: u64,
    /// The percentiles and the maximum; `None` (and absent from JSON) without samples.
    #[serde(flatten)]
    pub percentiles: Option<Percentiles>,
}

/// Something that qualifies the numbers; text in JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// A percentile has fewer than 100 samples above it, and so have all higher ones.
    FewSamples {
        /// The lowest such percentile, as in `p99.9`.
        percentile: &'static str,
        /// How many samples are above it.
        tail_sample_count: u64,
        /// The stages it is so for.
        stages: Vec<Stage>,
    },
    /// Samples were clamped.
    OutOfRange {
        /// In which stage.
        stage: Stage,
        /// How many were below 0 ns.
        negative_count: u64,
        /// How many were above 60 s.
        over_count: u64,
    },
}

impl LatencyReport {
    /// Sums up what was recorded.
    pub fn new(histograms: &StageHistograms, clock: ClockCheck) -> Self {
        let stages =
            Stage::ALL.map(|stage| StageReport::new(stage, histograms.stage(stage))).to_vec();
        let out_of_range = Stage::ALL.into_iter().filter_map(|stage| {
            let series = histograms.stage(stage);
            let (negative_count, over_count) = (series.negative_count(), series.over_count());
            (negative_count + over_count > 0).then_some(Warning::OutOfRange {
                stage,
                negative_count,
                over_count,
            })
        });
        let warnings = few_samples(&stages).into_iter().chain(out_of_range).collect();
        Self { clock, stages, warnings }
    }
}

impl StageReport {
    fn new(stage: Stage, series: &LatencyHistogram) -> Self {
        Self {
            stage,
            sample_count: series.sample_count(),
            out_of_range_count: series.negative_count() + series.over_count(),
            percentiles: series.percentiles(),
        }
    }
}

/// One warning for each set of stages that have the same too few samples.
fn few_samples(stages: &[StageReport]) -> Vec<Warning> {
    let mut warnings: Vec<Warning> = Vec::new();
    for report in stages.iter().filter(|report| report.sample_count > 0) {
        let tail = |parts| report.sample_count - rank(report.sample_count, parts);
        let mut tails = PERCENTILES.map(|(name, parts)| (name, tail(parts))).into_iter();
        let Some((lowest, count)) = tails.find(|(_, count)| *count < TAIL_SAMPLES_MIN) else {
            continue;
        };
        let same = warnings.iter_mut().find_map(|warning| match warning {
            Warning::FewSamples { percentile, tail_sample_count, stages }
                if *percentile == lowest && *tail_sample_count == count =>
            {
                Some(stages)
            }
            _ => None,
        });
        match same {
            Some(stages) => stages.push(report.stage),
            None => warnings.push(Warning::FewSamples {
                percentile: lowest,
                tail_sample_count: count,
                stages: vec![report.stage],
            }),
        }
    }
    warnings
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FewSamples { percentile, tail_sample_count, stages } => {
                let is_highest = PERCENTILES.last().is_some_and(|(name, _)| name == percentile);
                f.write_str(percentile)?;
                match (is_highest, *tail_sample_count) {
                    (true, 0) => f.write_str(" equals the max")?,
                    (false, 0) => f.write_str(" and up equal the max")?,
                    (true, 1) => f.write_str(" rests on 1 sample")?,
                    (false, 1) => f.write_str(" and up rest on at most 1 sample")?,
                    (true, count) => write!(f, " rests on {count} samples")?,
                    (false, count) => write!(f, " and up rest on at most {count} samples")?,
                }
                if stages.len() == Stage::ALL.len() {
                    return f.write_str(": all stages");
                }
                f.write_str(":")?;
                stages.iter().try_for_each(|stage| write!(f, " {}", stage.name()))
            }
            Self::OutOfRange { stage, negative_count, over_count } => write!(
                f,
                "{}: clamped, {negative_count} below 0 ns and {over_count} above 60 s",
                stage.name()
            ),
        }
    }
}

impl Serialize for Warning {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for LatencyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<10}{:>8}{:>8}{:>9}{:>9}{:>9}{:>9}{:>9}{:>8}",
            "stage (ns)", "p50", "p90", "p99", "p99.9", "p99.99", "max", "samples", "clamped"
        )?;
        for report in &self.stages {
            let values = match report.percentiles {
                Some(p) => {
                    [p.p50_ns, p.p90_ns, p.p99_ns, p.p99_9_ns, p.p99_99_ns, p.max_ns].map(Some)
                }
                None => [None; 6],
            };
            write!(f, "{:<10}", report.stage.name())?;
            for (value, width) in values.into_iter().zip([8, 8, 9, 9, 9, 9]) {
                cell(f, value, width)?;
            }
            cell(f, Some(report.sample_count), 9)?;
            cell(f, Some(report.out_of_range_count), 8)?;
            writeln!(f)?;
        }
        write!(f, "clock: {:.1} ns a read, ", self.clock.read_ns)?;
        match self.clock.resolution_ns {
            Some(step) => writeln!(f, "smallest step seen {step} ns")?,
            None => writeln!(f, "never seen to move")?,
        }
        self.warnings.iter().try_for_each(|warning| writeln!(f, "warning: {warning}"))
    }
}

/// Right-aligned in `width` columns, one of them blank; three digits and a power of ten if it would
/// not fit otherwise.
fn cell(f: &mut fmt::Formatter<'_>, value: Option<u64>, width: usize) -> fmt::Result {
    let text = match value {
        None => "-".to_owned(),
        Some(value) => match value.to_string() {
            digits if digits.len() < width => digits,
            _ => format!("{:.1e}", value as f64),
        },
    };
    write!(f, "{text:>width$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use sonic_rs::{JsonContainerTrait, JsonValueTrait};
    use tickhawk_market::Nanos;

    const CLOCK: ClockCheck = ClockCheck { read_ns: 11.25, resolution_ns: Some(10) };

    fn record_all(histograms: &mut StageHistograms, values_ns: impl Iterator<Item = i64> + Clone) {
        for stage in Stage::ALL {
            for value_ns in values_ns.clone() {
                histograms.record(stage, Nanos::new(value_ns));
            }
        }
    }

    #[test]
    fn table() {
        let mut histograms = StageHistograms::new();
        for value_ns in 1..=1_000 {
            histograms.record(Stage::Decode, Nanos::new(value_ns));
        }
        histograms.record(Stage::Hop, Nanos::new(-3));
        histograms.record(Stage::Hop, Nanos::new(61_000_000_000));
        let report = LatencyReport::new(&histograms, CLOCK);
        let expected = "\
stage (ns)     p50     p90      p99    p99.9   p99.99      max  samples clamped
decode         500     900      990      999     1000     1000     1000       0
frame            -       -        -        -        -        -        0       0
hop              0  6.0e10   6.0e10   6.0e10   6.0e10   6.1e10        2       2
score            -       -        -        -        -        -        0       0
emit             -       -        -        -        -        -        0       0
total            -       -        -        -        -        -        0       0
clock: 11.2 ns a read, smallest step seen 10 ns
warning: p99 and up rest on at most 10 samples: decode
warning: p50 and up rest on at most 1 sample: hop
warning: hop: clamped, 1 below 0 ns and 1 above 60 s
";
        assert_eq!(report.to_string(), expected);
    }

    #[track_caller]
    fn check_warnings(samples: i64, expected: &[&str]) {
        let mut histograms = StageHistograms::new();
        record_all(&mut histograms, 0..samples);
        let report = LatencyReport::new(&histograms, CLOCK);
        let got: Vec<String> = report.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(got, expected, "{samples} samples");
    }

    #[test]
    fn percentiles_say_what_they_rest_on() {
        check_warnings(0, &[]);
        check_warnings(1, &["p50 and up equal the max: all stages"]);
        check_warnings(50, &["p50 and up rest on at most 25 samples: all stages"]);
        check_warnings(10_000, &["p99.9 and up rest on at most 10 samples: all stages"]);
        check_warnings(400_000, &["p99.99 rests on 40 samples: all stages"]);
        check_warnings(999_999, &["p99.99 rests on 99 samples: all stages"]);
        check_warnings(1_000_000, &[]);
    }

    #[test]
    fn every_line_fits_80_columns() {
        let mut histograms = StageHistograms::new();
        record_all(&mut histograms, [i64::MIN, 123_456_789, i64::MAX].into_iter());
        let mut report = LatencyReport::new(&histograms, CLOCK);
        report.stages[0].sample_count = u64::MAX;
        report.stages[0].out_of_range_count = u64::MAX;
        report.warnings.push(Warning::FewSamples {
            percentile: "p99.9",
            tail_sample_count: 99,
            stages: Stage::ALL[..5].to_vec(),
        });
        let text = report.to_string();
        assert!(text.lines().count() > 10);
        for line in text.lines() {
            assert!(line.len() <= 80, "{line}");
        }
        // Every number is apart from its neighbour.
        for line in text.lines().take(7).skip(1) {
            assert_eq!(line.split_whitespace().count(), 9, "{line}");
        }
    }

    #[test]
    fn json_has_the_same_numbers() {
        let mut histograms = StageHistograms::new();
        histograms.record(Stage::Score, Nanos::new(1_500));
        let report = LatencyReport::new(&histograms, CLOCK);
        let json = sonic_rs::to_string(&report).unwrap();
        let value: sonic_rs::Value = sonic_rs::from_str(&json).unwrap();
        assert_eq!(value["clock"]["read_ns"].as_f64(), Some(11.25));
        assert_eq!(value["clock"]["resolution_ns"].as_u64(), Some(10));
        let stages = value["stages"].as_array().unwrap();
        assert_eq!(stages.len(), 6);
        let score = &stages[3];
        assert_eq!(score["stage"].as_str(), Some("score"));
        assert_eq!(score["sample_count"].as_u64(), Some(1));
        assert_eq!(score["out_of_range_count"].as_u64(), Some(0));
        for key in ["p50_ns", "p90_ns", "p99_ns", "p99_9_ns", "p99_99_ns", "max_ns"] {
            assert_eq!(score[key].as_u64(), Some(1_500), "{key}");
            assert!(stages[0].get(key).is_none(), "no samples, no {key}");
        }
        assert_eq!(value["warnings"][0].as_str(), Some("p50 and up equal the max: score"));
    }
}

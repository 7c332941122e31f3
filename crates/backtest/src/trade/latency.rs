//! How long things take: the same always, by a table of times, or drawn from a histogram.

use super::TradeError;
use crate::chance::{below, random};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// The longest latency, an hour: what is longer is a clock that is wrong.
pub const LATENCY_NS_MAX: u64 = 3_600_000_000_000;

/// Rows of a table, or bins of a histogram: 24 h at one row every 10 ms.
const ROWS_MAX: usize = 8_640_000;

/// One way's latency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LatencyModel {
    /// Always the same.
    Constant {
        /// Nanoseconds, up to an hour.
        latency_ns: u64,
    },
    /// Measured at some times, and on a straight line between two of them; before the first row and
    /// after the last as there. The same as hftbacktest's interpolated order latency.
    Table {
        /// At least one, by rising time.
        rows: Vec<LatencyRow>,
    },
    /// Drawn anew each time from what was measured, with the seed of the simulation.
    Histogram {
        /// At least one that is not empty.
        bins: Vec<LatencyBin>,
    },
}

/// A latency at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatencyRow {
    /// When, ns since the Unix epoch.
    pub at_ns: u64,
    /// How long, ns, up to an hour.
    pub latency_ns: u64,
}

/// How often a latency was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatencyBin {
    /// How long, ns, up to an hour.
    pub latency_ns: u64,
    /// How often, of at most 2^63 in all bins.
    pub count: u64,
}

impl LatencyModel {
    /// Nothing takes any time.
    pub const NONE: Self = Self::Constant { latency_ns: 0 };

    /// Reads what was measured from CSV with a header, of whole nanoseconds: `time_ns,latency_ns` is a
    /// [`Table`](Self::Table), times rising; `latency_ns,count` a [`Histogram`](Self::Histogram). Lines
    /// that begin with `#` are skipped.
    ///
    /// # Errors
    /// [`TradeError::LatencyRow`] at the first line that is none.
    pub fn parse(text: &str) -> Result<Self, TradeError> {
        let wrong = |line, finding: String| TradeError::LatencyRow { line, finding };
        let mut reader = csv::ReaderBuilder::new()
            .comment(Some(b'#'))
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let misread = |error: &csv::Error| {
            let line = error.position().map_or(1, csv::Position::line);
            wrong(line, error.to_string())
        };
        let names = reader.headers().map_err(|error| misread(&error))?.clone();
        let is_table = match names.iter().collect::<Vec<_>>()[..] {
            ["time_ns", "latency_ns"] => true,
            ["latency_ns", "count"] => false,
            _ => return Err(wrong(1, "another header".to_owned())),
        };
        let mut pairs: Vec<(u64, u64)> = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|error| misread(&error))?;
            let line = record.position().map_or(1, csv::Position::line);
            let pair: (u64, u64) = record
                .deserialize(None)
                .map_err(|_| wrong(line, "not two whole numbers".to_owned()))?;
            let latency_ns = if is_table { pair.1 } else { pair.0 };
            if latency_ns > LATENCY_NS_MAX {
                return Err(wrong(line, "a latency above an hour".to_owned()));
            }
            if is_table && pairs.last().is_some_and(|last| last.0 >= pair.0) {
                return Err(wrong(line, "not later than the row before".to_owned()));
            }
            if pairs.len() == ROWS_MAX {
                return Err(wrong(line, format!("more than {ROWS_MAX} rows")));
            }
            pairs.push(pair);
        }
        if pairs.is_empty() {
            return Err(wrong(1, "no row".to_owned()));
        }
        let pairs = pairs.into_iter();
        Ok(if is_table {
            Self::Table {
                rows: pairs.map(|(at_ns, latency_ns)| LatencyRow { at_ns, latency_ns }).collect(),
            }
        } else {
            Self::Histogram {
                bins: pairs.map(|(latency_ns, count)| LatencyBin { latency_ns, count }).collect(),
            }
        })
    }

    pub(crate) fn validate(&self, key: &'static str) -> Result<(), TradeError> {
        let wrong = |found: String, wanted| Err(TradeError::Setting { key, found, wanted });
        let (count, longest) = match self {
            Self::Constant { latency_ns } => (1, *latency_ns),
            Self::Table { rows } => {
                if !rows.is_sorted_by(|one, next| one.at_ns < next.at_ns) {
                    return wrong("not by rising time".to_owned(), "rows by rising time");
                }
                (rows.len(), rows.iter().map(|row| row.latency_ns).max().unwrap_or(0))
            }
            Self::Histogram { bins } => {
                let total: u128 = bins.iter().map(|bin| u128::from(bin.count)).sum();
                if total == 0 || total > 1 << 63 {
                    return wrong(format!("{total} counts"), "1 to 2^63 counts in all bins");
                }
                (bins.len(), bins.iter().map(|bin| bin.latency_ns).max().unwrap_or(0))
            }
        };
        if count == 0 || count > ROWS_MAX {
            return wrong(format!("{count} rows"), "1 to 8640000 rows or bins");
        }
        if longest > LATENCY_NS_MAX {
            return wrong(format!("{longest} ns"), "latencies up to an hour");
        }
        Ok(())
    }
}

/// A model at work.
#[derive(Clone, Debug)]
pub(crate) struct Latency {
    model: LatencyModel,
    /// Counts up to and including each bin.
    cumulative: Vec<u64>,
    random: ChaCha8Rng,
}

impl Latency {
    /// The validated model, with a stream of random numbers of its own.
    pub(crate) fn new(model: &LatencyModel, seed: u64, stream: u64) -> Self {
        let mut total = 0;
        let cumulative = match model {
            LatencyModel::Histogram { bins } => {
                let up_to = |bin: &LatencyBin| {
                    total += bin.count;
                    total
                };
                bins.iter().map(up_to).collect()
            }
            _ => Vec::new(),
        };
        Self { model: model.clone(), cumulative, random: random(seed, stream) }
    }

    /// What it takes at that time.
    pub(crate) fn at(&mut self, at_ns: u64) -> u64 {
        match &self.model {
            LatencyModel::Constant { latency_ns } => *latency_ns,
            LatencyModel::Table { rows } => interpolated(rows, at_ns),
            LatencyModel::Histogram { bins } => {
                let drawn = below(&mut self.random, self.cumulative.last().copied().unwrap_or(0));
                let bin = self.cumulative.partition_point(|up_to| *up_to <= drawn);
                bins.get(bin).map_or(0, |bin| bin.latency_ns)
            }
        }
    }
}

fn interpolated(rows: &[LatencyRow], at_ns: u64) -> u64 {
    let after = rows.partition_point(|row| row.at_ns <= at_ns);
    let (Some(before), next) = (rows[..after].last(), rows.get(after)) else {
        return rows.first().map_or(0, |row| row.latency_ns);
    };
    let Some(next) = next else { return before.latency_ns };
    let rise = i128::from(next.latency_ns) - i128::from(before.latency_ns);
    let run = i128::from(next.at_ns - before.at_ns);
    let gone = i128::from(at_ns - before.at_ns);
    // Between two latencies that fit.
    (i128::from(before.latency_ns) + rise * gone / run) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_and_interpolated() {
        let text = "time_ns, latency_ns\n# measured on a Monday\n100, 10\n200,30\n300,0\n";
        let model = LatencyModel::parse(text).unwrap();
        model.validate("feed").unwrap();
        let mut latency = Latency::new(&model, 0, 0);
        for (at_ns, expected) in
            [(0, 10), (100, 10), (150, 20), (155, 21), (200, 30), (299, 1), (300, 0), (9_999, 0)]
        {
            assert_eq!(latency.at(at_ns), expected, "at {at_ns}");
        }
    }

    #[test]
    fn bad_files_name_the_line() {
        for (text, line) in [
            ("", 1),
            ("a,b\n", 1),
            ("100,10\n200,20\n", 1),
            ("time_ns,latency_ns\n", 1),
            ("time_ns,latency_ns\n100,10\n100,10\n", 3),
            ("time_ns,latency_ns\n100,10\n200\n", 3),
            ("time_ns,latency_ns\n100,10\n200,-1\n", 3),
            ("time_ns,latency_ns\n100,10\nx,y\n", 3),
            ("time_ns,latency_ns\n100,3600000000001\n", 2),
            ("time_ns,latency_ns\n# c\n100,10\n90,1\n", 4),
            ("latency_ns,count\n3600000000001,1\n", 2),
        ] {
            match LatencyModel::parse(text) {
                Err(TradeError::LatencyRow { line: found, .. }) => {
                    assert_eq!(found, line, "{text}")
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_histogram_is_drawn_by_its_counts() {
        let model = LatencyModel::parse("latency_ns,count\n1,1\n2,0\n3,3\n9,0\n").unwrap();
        let draw = |seed| {
            let mut latency = Latency::new(&model, seed, 1);
            (0..40_000).map(|_| latency.at(0)).collect::<Vec<_>>()
        };
        let drawn = draw(7);
        let ones = drawn.iter().filter(|latency| **latency == 1).count();
        assert!((9_700..10_300).contains(&ones), "{ones} of 40,000");
        assert!(drawn.iter().all(|latency| [1, 3].contains(latency)));
        assert_eq!(drawn, draw(7));
        assert_ne!(drawn, draw(8));
    }
}

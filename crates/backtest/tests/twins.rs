//! Fast sums against slow ones, and what holds of labels whatever the tape.

use proptest::prelude::*;
use tickhawk_backtest::{
    judge::{
        Horizon, Labels, LatencyDistribution, Missing, Overlap, average_ranks, bartlett_sum,
        estimate, standardised,
    },
    tape::{Break, InstrumentTape, PriceKind, Quote, Row, Segment},
};
use tickhawk_market::{Level, Price, Qty, UnixNanos};
use tickhawk_signal::{Decision, Tier};

/// Ascending places, some of them the same.
fn positions(steps: &[u64]) -> Vec<u64> {
    let mut at = 0;
    steps
        .iter()
        .map(|step| {
            at += step / 3;
            at
        })
        .collect()
}

/// Quotes at uneven times whose price is their index, cut into stretches.
fn tape(steps: &[u64], cuts: &[usize]) -> InstrumentTape {
    let level = |price: i64| Level { price: Price::new(price), qty: Qty::new(1) };
    let quotes = positions(steps).into_iter().enumerate().map(|(index, at)| Quote {
        received_at: UnixNanos::new(at),
        bid: level(1_000 + index as i64),
        ask: level(1_002 + index as i64),
    });
    let mut tape = InstrumentTape { quotes: quotes.collect(), ..InstrumentTape::default() };
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % steps.len()).collect();
    ends.extend([0, steps.len()]);
    ends.sort_unstable();
    ends.dedup();
    for pair in ends.windows(2) {
        // A stretch ends when the next one begins, or with the recording.
        let next = tape.quotes.get(pair[1]).map(|quote| quote.received_at.nanos());
        let last = tape.quotes[pair[1] - 1].received_at.nanos();
        tape.segments.push(Segment {
            first: pair[0] as u32,
            end: pair[1] as u32,
            until: UnixNanos::new(next.unwrap_or(last + 1)),
            cause: if next.is_some() { Break::Epoch } else { Break::End },
        });
    }
    tape
}

fn row(quote: u32, segment: u32) -> Row {
    Row {
        quote,
        segment,
        score: 0.0,
        probabilities: None,
        yardstick: None,
        decision: Decision::Flat,
        yardstick_decision: Decision::Flat,
        tier: Tier::Primary,
    }
}

/// The last quote of the segment received until then, by looking at each; not before `from`.
fn slow_standing(tape: &InstrumentTape, segment: &Segment, from: u32, at: u64) -> Option<u32> {
    let reached = at < segment.until.nanos();
    let stands = |index: &u32| tape.quotes[*index as usize].received_at.nanos() <= at;
    reached.then(|| (from..segment.end).take_while(stands).last().unwrap())
}

proptest! {
    #[test]
    fn the_moving_sum_is_the_double_sum(
        steps in prop::collection::vec(0u64..40, 1..60),
        values in prop::collection::vec(-10.0f64..10.0, 60),
        bandwidth in 1u64..200,
    ) {
        let positions = positions(&steps);
        let values = &values[..positions.len()];
        let weight = |one: u64, two: u64| {
            (1.0 - one.abs_diff(two) as f64 / bandwidth as f64).max(0.0)
        };
        let pairs = (0..values.len()).flat_map(|i| (0..values.len()).map(move |j| (i, j)));
        let slow: f64 = pairs
            .map(|(i, j)| weight(positions[i], positions[j]) * values[i] * values[j])
            .sum();
        let fast = bartlett_sum(values, Overlap { positions: &positions, bandwidth });
        prop_assert!(fast >= 0.0);
        prop_assert!((fast - slow).abs() <= 1e-9 * slow.abs().max(100.0), "{fast} {slow}");
    }

    #[test]
    fn ranks_count_what_is_below_and_beside(values in prop::collection::vec(-4i32..4, 1..80)) {
        let values: Vec<f64> = values.iter().map(|value| f64::from(*value) / 2.0).collect();
        for (rank, value) in average_ranks(&values).iter().zip(&values) {
            let below = values.iter().filter(|other| *other < value).count() as f64;
            let same = values.iter().filter(|other| *other == value).count() as f64;
            prop_assert_eq!(*rank, below + (same + 1.0) / 2.0);
        }
    }

    #[test]
    fn correlations_are_antisymmetric_and_bounded(
        pairs in prop::collection::vec((-5.0f64..5.0, -5.0f64..5.0), 10..60),
    ) {
        let (x, y): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let Some((x, y)) = standardised(&x).zip(standardised(&y)) else { return Ok(()) };
        let positions: Vec<u64> = (0..x.len() as u64).collect();
        let overlap = Overlap { positions: &positions, bandwidth: 5 };
        let found = estimate(&x, &y, overlap);
        let turned: Vec<f64> = y.iter().map(|y| -y).collect();
        let mirrored = estimate(&x, &turned, overlap);
        prop_assert!(found.value.abs() <= 1.0 + 1e-12);
        prop_assert!((found.value + mirrored.value).abs() < 1e-12);
        prop_assert!((found.standard_error - mirrored.standard_error).abs() < 1e-12);
    }

    /// Every label is that of a slow look at all quotes, and none is of two stretches.
    #[test]
    fn labels_stay_within_their_stretch(
        steps in prop::collection::vec(0u64..30, 2..120),
        cuts in prop::collection::vec(0usize..120, 0..4),
        delay in 0u64..60,
        ahead in 1u64..400,
        events in 1u32..40,
    ) {
        let tape = tape(&steps, &cuts);
        for (index, segment) in tape.segments.iter().enumerate() {
            for quote in segment.first..segment.end {
                let row = row(quote, index as u32);
                let begins = tape.quotes[quote as usize].received_at.nanos() + delay;
                let first = slow_standing(&tape, segment, quote, begins);
                for horizon in [Horizon::Time(ahead), Horizon::Events(events)] {
                    let last = first.and_then(|first| match horizon {
                        Horizon::Time(ns) => slow_standing(&tape, segment, first, begins + ns),
                        Horizon::Events(events) => {
                            Some(first + events).filter(|last| *last < segment.end)
                        }
                    });
                    let expected = match first.zip(last) {
                        Some((first, last)) => {
                            let (p, q) = (1_001.0 + f64::from(first), 1_001.0 + f64::from(last));
                            Ok((q - p) / p * 1e4)
                        }
                        None => Err(Missing::Cut(segment.cause)),
                    };
                    let price = PriceKind::Mid;
                    let labels = Labels { tape: &tape, micro: None, price, horizon };
                    prop_assert_eq!(labels.forward(&row, delay), expected);
                }
            }
        }
    }

    #[test]
    fn any_text_as_a_report_is_answered(text in ".{0,60}", name in "[a-z]{0,6}") {
        let _ = LatencyDistribution::from_report(&text, &name);
    }
}

#[test]
fn latencies_are_read_from_reports() {
    let stage = r#""sample_count":9,"p50_ns":1000,"p90_ns":2000,"p99_ns":2000,"p99_9_ns":4000,"p99_99_ns":5000,"max_ns":9000"#;
    let run = format!(
        r#"{{"latency":{{"stages":[{{"stage":"emit","sample_count":0}},{{"stage":"total",{stage}}}]}}}}"#
    );
    let total = LatencyDistribution::from_report(&run, "total").unwrap();
    let at = |quantile: f64| total.at(quantile).round();
    assert_eq!([0.0, 0.5, 0.7, 0.9, 0.95, 1.0].map(at), [1e3, 1e3, 1.5e3, 2e3, 2e3, 9e3]);
    let bench = r#"{"curves":[["pipeline/native",[[1,100],[2,200],[4,400],[4,500]]]]}"#;
    let curve = LatencyDistribution::from_report(bench, "pipeline/native").unwrap();
    assert_eq!(
        [0.0, 0.25, 0.5, 0.75, 0.9].map(|at| curve.at(at)),
        [100.0, 150.0, 200.0, 500.0, 500.0]
    );
    for (text, name, says) in [
        ("{}", "total", "is no report"),
        ("no JSON", "total", "is no report"),
        (run.as_str(), "hop", "there are emit, total"),
        (run.as_str(), "emit", "without samples"),
        (bench, "x", "there are pipeline/native"),
        (r#"{"curves":[["a",[[1,5],[2,4]]]]}"#, "a", "do not ascend"),
        (r#"{"curves":[["a",[[1,5],[2,1e99]]]]}"#, "a", "do not ascend"),
    ] {
        let error = LatencyDistribution::from_report(text, name).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

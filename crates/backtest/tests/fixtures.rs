//! Figures against those of NumPy, SciPy, statsmodels and scikit-learn, which `fixtures/make.py` stored
//! beside the quotes and signals that both are computed from.

use serde::Deserialize;
use std::collections::BTreeMap;
use tickhawk_backtest::{
    judge::{
        Conduct, Estimate, GroupRow, HorizonJudgement, JudgeOptions, Judgement, LabelCounts,
        Overlap, SeriesJudgement, average_ranks, estimate, standardised,
    },
    tape::{Break, InstrumentTape, PriceKind, Quote, Row, Segment, Tape},
};
use tickhawk_feature::{IMBALANCE_BUCKETS, Microprice, SPREADS};
use tickhawk_market::{Decimal, Level, Price, Qty, UnixNanos};
use tickhawk_signal::{Decision, Tier};

/// How close: the sums are of some hundred terms, in another order.
const NEAR: f64 = 1e-9;

/// Quote, segment, score, probabilities, yardstick, and the decisions of both.
type FixtureRow = (u32, u32, f32, [f32; 3], Option<f32>, i8, i8);

#[derive(Deserialize)]
struct Fixture {
    quotes: Vec<(u64, i64, i64, i64, i64)>,
    segments: Vec<(u32, u32, u64, Break)>,
    rows: Vec<FixtureRow>,
    table: [[Option<f64>; IMBALANCE_BUCKETS]; SPREADS],
    tick: i64,
    horizons: Vec<String>,
    decay: Vec<String>,
    latency_ns: u64,
    latencies_ns: Vec<u64>,
    flat_bps: f64,
    volatility_window_ns: u64,
    bounds_bps: [f64; 2],
    without: u64,
    even: Even,
    expected: BTreeMap<String, Expected>,
}

/// Pearson's correlation, its standard error, Spearman's and its.
type Correlations = Option<[f64; 4]>;

#[derive(Deserialize)]
struct Even {
    x: Vec<f64>,
    y: Vec<f64>,
    lags: u64,
    cases: Vec<[f64; 2]>,
}

#[derive(Deserialize)]
struct Expected {
    conduct: ExpectedConduct,
    decay: BTreeMap<String, (LabelCounts, Correlations)>,
    horizons: BTreeMap<String, ExpectedHorizon>,
}

#[derive(Deserialize)]
struct ExpectedConduct {
    changes: u64,
    per_hour: f64,
    turnover: f64,
    autocorrelation: Vec<(u64, f64)>,
}

#[derive(Deserialize)]
struct ExpectedHorizon {
    labels: LabelCounts,
    correlations: Correlations,
    hits: Vec<Option<(f64, f64, u64)>>,
    confusion: [[u64; 3]; 3],
    accuracy: f64,
    precision: [f64; 3],
    recall: [f64; 3],
    f1: [f64; 3],
    support: [u64; 3],
    calibration: Option<ExpectedCalibration>,
    deciles: Vec<(f64, f64, u64)>,
    hours: Vec<(String, Correlations)>,
    volatility: Vec<Correlations>,
    delays: Vec<[f64; 3]>,
}

#[derive(Deserialize)]
struct ExpectedCalibration {
    brier: [f64; 3],
    bins: [Vec<(f64, f64)>; 3],
    shares: [f64; 3],
    error: [f64; 3],
}

impl Fixture {
    fn read() -> Self {
        sonic_rs::from_str(include_str!("fixtures/judged.json")).unwrap()
    }

    fn tape(&self) -> Tape {
        let level = |price, qty| Level { price: Price::new(price), qty: Qty::new(qty) };
        let quotes = self.quotes.iter().map(|&(at, bid, bid_qty, ask, ask_qty)| Quote {
            received_at: UnixNanos::new(at),
            bid: level(bid, bid_qty),
            ask: level(ask, ask_qty),
        });
        let segments = self.segments.iter().map(|&(first, end, until, cause)| {
            let until = UnixNanos::new(until);
            Segment { first, end, until, cause }
        });
        let decision = |held: i8| [Decision::Short, Decision::Flat, Decision::Long][held as usize];
        let rows =
            self.rows.iter().map(|&(quote, segment, score, p, yardstick, held, beside)| Row {
                quote,
                segment,
                score,
                probabilities: Some(p),
                yardstick,
                decision: decision(held + 1),
                yardstick_decision: decision(beside + 1),
                tier: Tier::Primary,
            });
        let instrument = InstrumentTape {
            symbol: "FIXTURE".to_owned(),
            tick_size: Decimal::parse(self.tick.to_string().as_bytes()).ok(),
            quotes: quotes.collect(),
            segments: segments.collect(),
            rows: rows.collect(),
            ..InstrumentTape::default()
        };
        let quotes = instrument.quotes.len() as u64;
        let last_at = instrument.quotes.last().unwrap().received_at;
        let first_at = Some(instrument.quotes[0].received_at);
        Tape { instruments: vec![instrument], quotes, first_at, last_at }
    }

    fn options(&self) -> JudgeOptions {
        let parsed = |all: &[String]| all.iter().map(|text| text.parse().unwrap()).collect();
        JudgeOptions {
            horizons: parsed(&self.horizons),
            decay: parsed(&self.decay),
            latency_ns: self.latency_ns,
            latencies_ns: self.latencies_ns.clone(),
            flat_bps: self.flat_bps,
            volatility_window_ns: self.volatility_window_ns,
            microprice: Some(Microprice::from_table(self.table)),
            yardstick: "yardstick".to_owned(),
            ..JudgeOptions::default()
        }
    }
}

#[track_caller]
fn near(found: f64, expected: f64, what: &str) {
    let apart = (found - expected).abs() / expected.abs().max(1.0);
    assert!(apart <= NEAR, "{what}: {found}, expected {expected}");
}

#[track_caller]
fn same(found: Option<Estimate>, expected: Option<(f64, f64)>, what: &str) {
    assert_eq!(found.is_some(), expected.is_some(), "{what}");
    if let Some((found, (value, error))) = found.zip(expected) {
        near(found.value, value, what);
        near(found.standard_error, error, &format!("{what}, standard error"));
        near(found.high - found.low, 2.0 * 1.959963984540054 * error, what);
    }
}

#[track_caller]
fn correlations(
    ic: Option<Estimate>,
    rank_ic: Option<Estimate>,
    expected: &Correlations,
    what: &str,
) {
    same(ic, expected.map(|all| (all[0], all[1])), &format!("{what}: IC"));
    same(rank_ic, expected.map(|all| (all[2], all[3])), &format!("{what}: rank IC"));
}

fn judged() -> (Fixture, Judgement) {
    let fixture = Fixture::read();
    let judgement = Judgement::new(&fixture.tape(), &fixture.options()).unwrap();
    (fixture, judgement)
}

/// Both signals, as judged and as expected.
fn each(check: impl Fn(&SeriesJudgement, &Expected)) {
    let (fixture, judgement) = judged();
    assert_eq!(judgement.instruments[0].series.len(), 2);
    for series in &judgement.instruments[0].series {
        check(series, &fixture.expected[&series.signal]);
    }
}

fn each_horizon(check: impl Fn(&HorizonJudgement, &ExpectedHorizon, &str)) {
    each(|series, expected| {
        assert_eq!(series.horizons.len(), expected.horizons.len());
        for found in &series.horizons {
            let what = format!("{} {}", series.signal, found.horizon);
            check(found, &expected.horizons[&found.horizon.to_string()], &what);
        }
    });
}

#[test]
fn evenly_spaced_rows_have_the_errors_of_statsmodels() {
    let Even { x, y, lags, cases } = Fixture::read().even;
    let positions: Vec<u64> = (0..x.len() as u64).collect();
    let overlap = Overlap { positions: &positions, bandwidth: lags + 1 };
    for ((x, y), [value, error]) in
        [(x.clone(), y.clone()), (average_ranks(&x), average_ranks(&y))].into_iter().zip(cases)
    {
        let found = estimate(&standardised(&x).unwrap(), &standardised(&y).unwrap(), overlap);
        same(Some(found), Some((value, error)), "even");
    }
}

#[test]
fn labels_and_correlations_at_every_horizon_of_every_price() {
    each(|series, expected| {
        assert_eq!(series.decay.len(), expected.decay.len());
        for row in &series.decay {
            let what = format!("{} {}", row.horizon, row.price.as_str());
            let (labels, expected) = &expected.decay[&what];
            assert_eq!(&row.labels, labels, "{what}");
            correlations(row.ic, row.rank_ic, expected, &what);
        }
        let undefined = series.decay.iter().filter(|row| row.price == PriceKind::Microprice);
        assert!(
            undefined.map(|row| row.labels.price).sum::<u64>() > 0,
            "a state has no micro-price"
        );
    });
}

#[test]
fn main_horizons() {
    each_horizon(|found, expected, what| {
        assert_eq!(found.labels, expected.labels);
        correlations(found.ic, found.rank_ic, &expected.correlations, what);
        let hours: Vec<_> = found.hours.iter().map(|row| &row.group).collect();
        assert_eq!(hours, expected.hours.iter().map(|(hour, _)| hour).collect::<Vec<_>>());
        let groups = |found: &[GroupRow], expected: &mut dyn Iterator<Item = &Correlations>| {
            for (row, expected) in found.iter().zip(expected) {
                correlations(row.ic, row.rank_ic, expected, &format!("{what} {}", row.group));
            }
        };
        groups(&found.hours, &mut expected.hours.iter().map(|(_, all)| all));
        groups(&found.volatility, &mut expected.volatility.iter());
    });
    let (fixture, judgement) = judged();
    let volatility = judgement.instruments[0].volatility.clone().unwrap();
    near(volatility.lower_bps, fixture.bounds_bps[0], "lower bound");
    near(volatility.upper_bps, fixture.bounds_bps[1], "upper bound");
    assert_eq!(volatility.without, fixture.without);
}

#[test]
fn classes_and_calibration() {
    each_horizon(|found, expected, what| {
        let classes = found.classes.as_ref().unwrap();
        assert_eq!(classes.confusion, expected.confusion, "{what}");
        near(classes.accuracy, expected.accuracy, what);
        for (index, class) in classes.classes.iter().enumerate() {
            assert_eq!(class.actual, expected.support[index]);
            near(class.precision.unwrap(), expected.precision[index], what);
            near(class.recall.unwrap(), expected.recall[index], what);
            near(class.f1.unwrap(), expected.f1[index], what);
        }
        assert_eq!(found.calibration.is_some(), expected.calibration.is_some());
        let Some((found, expected)) = found.calibration.as_ref().zip(expected.calibration.as_ref())
        else {
            return;
        };
        near(found.brier, expected.brier.iter().sum(), "Brier");
        // A constant forecast of share s has the error s (1 - s).
        let of_shares = expected.shares.iter().map(|share| share * (1.0 - share)).sum();
        near(found.brier_of_shares, of_shares, "Brier of shares");
        for (index, class) in found.classes.iter().enumerate() {
            near(class.brier, expected.brier[index], "Brier of a class");
            near(class.error, expected.error[index], "calibration error");
            let filled: Vec<_> = class.bins.iter().filter(|bin| bin.rows > 0).collect();
            assert_eq!(filled.len(), expected.bins[index].len());
            for (bin, (mean, share)) in filled.into_iter().zip(&expected.bins[index]) {
                near(bin.mean_probability.unwrap(), *mean, "mean probability");
                near(bin.share.unwrap(), *share, "share");
            }
        }
    });
}

#[test]
fn hits_deciles_and_delays() {
    each_horizon(|found, expected, what| {
        for (row, expected) in found.hits.iter().zip(&expected.hits) {
            let mean = expected.map(|(mean, error, _)| (mean, error));
            same(row.mean_return_bps, mean, what);
            assert_eq!(row.rows, expected.map_or(0, |(_, _, rows)| rows));
            assert_eq!(row.rows, row.up + row.flat + row.down);
        }
        assert_eq!(found.deciles.len(), expected.deciles.len());
        for (row, (mean, error, rows)) in found.deciles.iter().zip(&expected.deciles) {
            same(Some(row.mean_return_bps), Some((*mean, *error)), what);
            assert_eq!(row.mean_return_bps.rows, *rows);
        }
        assert_eq!(found.delays.len(), expected.delays.len());
        for (row, [ic, lost, error]) in found.delays.iter().zip(&expected.delays) {
            near(row.ic.value, *ic, what);
            match row.lost {
                None => assert_eq!(row.delay, "0s"),
                Some(_) => same(row.lost, Some((*lost, *error)), &format!("{what} lost")),
            }
        }
    });
}

#[test]
fn conduct() {
    each(|series, Expected { conduct: expected, .. }| {
        let Conduct { decision_changes, decision_changes_per_hour, turnover, .. } = series.conduct;
        assert_eq!(decision_changes, expected.changes);
        near(decision_changes_per_hour.unwrap(), expected.per_hour, "changes an hour");
        near(turnover.unwrap(), expected.turnover, "turnover");
        let lags = &series.conduct.autocorrelation;
        assert_eq!(lags.len(), expected.autocorrelation.len());
        for (lag, (rows, value)) in lags.iter().zip(&expected.autocorrelation) {
            assert_eq!(lag.rows, *rows);
            near(lag.value.unwrap(), *value, "autocorrelation");
        }
    });
}

/// Labels in random order foretell nothing; the same seed gives the same order.
#[test]
fn shuffled_labels_are_within_their_interval_of_zero() {
    let (fixture, judgement) = judged();
    for series in &judgement.instruments[0].series {
        for at in &series.horizons {
            let chance = at.chance.as_ref().unwrap();
            assert!(
                chance.shuffled_ic.holds_zero(),
                "{} {}: {chance:?}",
                series.signal,
                at.horizon
            );
            assert!(chance.shuffled_rank_ic.holds_zero(), "{chance:?}");
        }
    }
    let p = |series: usize| {
        let chance = judgement.instruments[0].series[series].horizons[0].chance.as_ref().unwrap();
        chance.turned_p_value.unwrap()
    };
    assert!(
        p(0) < 0.01 && p(1) > 0.05,
        "the score foretells, the yardstick is noise: {} {}",
        p(0),
        p(1)
    );
    let again = Judgement::new(&fixture.tape(), &fixture.options()).unwrap();
    assert_eq!(sonic_rs::to_string(&again).unwrap(), sonic_rs::to_string(&judgement).unwrap());
    let read: Judgement = sonic_rs::from_str(&sonic_rs::to_string(&judgement).unwrap()).unwrap();
    assert_eq!(read, judgement);
}

#[test]
fn every_line_fits_80_columns() {
    let (_, judgement) = judged();
    let text = judgement.to_string();
    assert!(text.lines().count() > 20, "{text}");
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

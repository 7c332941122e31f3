//! One signal of one instrument, at every horizon.

use super::{
    Calibration, ChanceRow, ClassReport, Conduct, DecileRow, DelayRow, Estimate, GroupRow, HitRow,
    Horizon, JudgeOptions, LabelCounts, Labels, VolatilityRow,
    classes::{calibration, class_of, classified, hits, most_likely},
    correlation::{Overlap, bandwidth},
    delay::{Delayed, delays},
    groups::{Regime, correlations, deciles, grouped, hour_of, past_volatility, regimes},
    time_text,
};
use crate::{
    chance::random,
    tape::{InstrumentTape, Micro, PriceKind},
};
use serde::{Deserialize, Serialize};
use tickhawk_signal::Decision;

/// A signal by the rows of a tape.
pub struct Series {
    name: String,
    values: Vec<Option<f64>>,
    pub(super) decisions: Vec<Decision>,
    /// By row, where the model gives classes.
    probabilities: Vec<Option<[f64; 3]>>,
}

impl Series {
    /// The model's and the yardstick's.
    pub fn all(tape: &InstrumentTape, model: &str, yardstick: &str) -> [Self; 2] {
        let rows = || tape.rows.iter();
        let wide = |all: [f32; 3]| all.map(f64::from);
        [
            Self {
                name: model.to_owned(),
                values: rows().map(|row| Some(f64::from(row.score))).collect(),
                decisions: rows().map(|row| row.decision).collect(),
                probabilities: rows().map(|row| row.probabilities.map(wide)).collect(),
            },
            Self {
                name: yardstick.to_owned(),
                values: rows().map(|row| row.yardstick.map(f64::from)).collect(),
                decisions: rows().map(|row| row.yardstick_decision).collect(),
                probabilities: vec![None; tape.rows.len()],
            },
        ]
    }

    /// Rows with a value, and the value.
    pub(super) fn valued(&self) -> impl Iterator<Item = (usize, f64)> {
        self.values.iter().enumerate().filter_map(|(row, value)| Some((row, (*value)?)))
    }
}

/// One signal of one instrument.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeriesJudgement {
    /// The model, or the feature it is held against.
    pub signal: String,
    /// Rows with a value.
    pub rows: u64,
    /// What it does by itself.
    pub conduct: Conduct,
    /// Correlations by horizon and price: the decay curve.
    pub decay: Vec<DecayRow>,
    /// All else at the main horizons, of the mid.
    pub horizons: Vec<HorizonJudgement>,
}

/// A point of the decay curve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecayRow {
    /// How far ahead.
    pub horizon: Horizon,
    /// Which price.
    pub price: PriceKind,
    /// Rows with a label, and why others have none.
    pub labels: LabelCounts,
    /// Pearson's correlation; null where signal or return do not vary.
    pub ic: Option<Estimate>,
    /// Spearman's, or null.
    pub rank_ic: Option<Estimate>,
}

/// One main horizon: labels are returns of the mid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HorizonJudgement {
    /// How far ahead.
    pub horizon: Horizon,
    /// Rows with a label, and why others have none.
    pub labels: LabelCounts,
    /// Pearson's correlation; null where signal or return do not vary.
    pub ic: Option<Estimate>,
    /// Spearman's, or null.
    pub rank_ic: Option<Estimate>,
    /// What chance alone gives, or null.
    pub chance: Option<ChanceRow>,
    /// What followed each decision.
    pub hits: Vec<HitRow>,
    /// Predicted against actual classes: the most likely class, where the model gives classes, else the
    /// decision. Null without rows.
    pub classes: Option<ClassReport>,
    /// Whether class probabilities are what they say; null where there are none.
    pub calibration: Option<Calibration>,
    /// Mean returns by tenths of the signal.
    pub deciles: Vec<DecileRow>,
    /// By hour of the day, UTC.
    pub hours: Vec<GroupRow>,
    /// By past volatility.
    pub volatility: Vec<GroupRow>,
    /// By latency.
    pub delays: Vec<DelayRow>,
}

/// What is the same for every signal of an instrument.
pub struct Judge<'a> {
    tape: &'a InstrumentTape,
    options: &'a JudgeOptions,
    micro: Option<Micro<'a>>,
    regimes: Vec<Regime>,
    /// A drawn latency a row, in nanoseconds.
    sampled_ns: Option<Vec<u64>>,
    index: u64,
}

/// Labelled rows of a series.
struct Sample {
    rows: Vec<usize>,
    x: Vec<f64>,
    y: Vec<f64>,
    positions: Vec<u64>,
    reach: u64,
    labels: LabelCounts,
}

impl Sample {
    fn overlap(&self) -> Overlap<'_> {
        let bandwidth = bandwidth(&self.positions, self.reach);
        Overlap { positions: &self.positions, bandwidth }
    }

    fn correlations(&self) -> [Option<Estimate>; 2] {
        correlations(&self.x, &self.y, &self.positions, self.reach)
    }
}

impl<'a> Judge<'a> {
    /// For the run's instrument of this index.
    pub fn new(
        tape: &'a InstrumentTape,
        index: usize,
        options: &'a JudgeOptions,
    ) -> (Self, Option<VolatilityRow>) {
        let window_ns = options.volatility_window_ns;
        let (regimes, volatility) = regimes(&past_volatility(tape, window_ns), window_ns);
        let table = options.microprice.as_ref();
        let micro = table.and_then(|table| Some(Micro { table, tick_units: tape.tick_units()? }));
        // Two streams an instrument: latencies, and the order of labels.
        let index = index as u64 * 2;
        let sampled_ns = options.sampled.as_ref().map(|sampled| {
            let mut random = random(options.seed, index);
            tape.rows.iter().map(|_| sampled.draw(&mut random)).collect()
        });
        (Self { tape, options, micro, regimes, sampled_ns, index }, volatility)
    }

    /// All of one signal.
    pub fn series(&self, series: &Series) -> SeriesJudgement {
        let prices = [PriceKind::Mid, PriceKind::WeightedMid, PriceKind::Microprice];
        let prices = || prices.into_iter().take(if self.micro.is_some() { 3 } else { 2 });
        let all = self.options.all_horizons();
        let decay = all.iter().flat_map(|horizon| prices().map(move |price| (*horizon, price)));
        SeriesJudgement {
            signal: series.name.clone(),
            rows: series.valued().count() as u64,
            conduct: Conduct::new(self.tape, series, &all),
            decay: decay.map(|(horizon, price)| self.decay(series, horizon, price)).collect(),
            horizons: self
                .options
                .main_horizons()
                .into_iter()
                .map(|horizon| self.horizon(series, horizon))
                .collect(),
        }
    }

    fn labels(&self, horizon: Horizon, price: PriceKind) -> Labels<'a> {
        Labels { tape: self.tape, micro: self.micro, price, horizon }
    }

    /// Where a row stands, in the unit of the horizon.
    fn position(&self, row: usize, horizon: Horizon) -> u64 {
        let row = &self.tape.rows[row];
        match horizon {
            Horizon::Time(_) => self.tape.at(row),
            Horizon::Events(_) => u64::from(row.quote),
        }
    }

    fn sample(&self, series: &Series, horizon: Horizon, price: PriceKind) -> Sample {
        let labels = self.labels(horizon, price);
        let reach = match horizon {
            Horizon::Time(ns) => ns,
            Horizon::Events(events) => u64::from(events),
        };
        let (rows, x, y, positions) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut sample = Sample { rows, x, y, positions, reach, labels: LabelCounts::default() };
        for (row, value) in series.values.iter().enumerate() {
            let Some(value) = value else {
                sample.labels.value += 1;
                continue;
            };
            let label = labels.forward(&self.tape.rows[row], self.options.latency_ns);
            sample.labels.count(label);
            if let Ok(label) = label {
                sample.rows.push(row);
                sample.x.push(*value);
                sample.y.push(label);
                sample.positions.push(self.position(row, horizon));
            }
        }
        sample
    }

    fn decay(&self, series: &Series, horizon: Horizon, price: PriceKind) -> DecayRow {
        let sample = self.sample(series, horizon, price);
        let [ic, rank_ic] = sample.correlations();
        DecayRow { horizon, price, labels: sample.labels, ic, rank_ic }
    }

    fn horizon(&self, series: &Series, horizon: Horizon) -> HorizonJudgement {
        let sample = self.sample(series, horizon, PriceKind::Mid);
        let [ic, rank_ic] = sample.correlations();
        let (flat_bps, overlap) = (self.options.flat_bps, sample.overlap());
        let decisions: Vec<Decision> =
            sample.rows.iter().map(|row| series.decisions[*row]).collect();
        let actual: Vec<usize> = sample.y.iter().map(|y| class_of(*y, flat_bps)).collect();
        let likely = |row: &usize| match &series.probabilities[*row] {
            Some(all) => most_likely(all),
            None => (series.decisions[*row] as i8 + 1) as usize,
        };
        let predicted: Vec<usize> = sample.rows.iter().map(likely).collect();
        let chance = || {
            let random = random(self.options.seed, self.index + 1);
            ChanceRow::new(&sample.x, &sample.y, overlap, self.options.turns, random)
        };
        HorizonJudgement {
            horizon,
            labels: sample.labels,
            ic,
            rank_ic,
            chance: chance(),
            hits: hits(&decisions, &sample.y, flat_bps, overlap),
            classes: classified(&predicted, &actual),
            calibration: calibrated(series, &sample, &actual),
            deciles: deciles(&sample.x, &sample.y, overlap),
            hours: self.hours(&sample),
            volatility: self.volatility(&sample),
            delays: self.delays(series, horizon),
        }
    }

    fn hours(&self, sample: &Sample) -> Vec<GroupRow> {
        let hour = |row: &usize| hour_of(self.tape.at(&self.tape.rows[*row]));
        let hours: Vec<u32> = sample.rows.iter().map(hour).collect();
        let row = |hour: u32| {
            let values = (&sample.x[..], &sample.y[..]);
            let places = (&sample.positions[..], sample.reach);
            grouped(&hours, &hour, &format!("{hour:02}"), values, places)
        };
        (0..24).map(row).filter(|row| row.rows > 0).collect()
    }

    fn volatility(&self, sample: &Sample) -> Vec<GroupRow> {
        let regimes: Vec<Regime> = sample.rows.iter().map(|row| self.regimes[*row]).collect();
        let row = |(regime, name): (Regime, &str)| {
            let values = (&sample.x[..], &sample.y[..]);
            grouped(&regimes, &regime, name, values, (&sample.positions, sample.reach))
        };
        Regime::NAMED.map(row).to_vec()
    }

    /// Of the rows that have a label at every latency.
    fn delays(&self, series: &Series, horizon: Horizon) -> Vec<DelayRow> {
        let labels = self.labels(horizon, PriceKind::Mid);
        let latencies_ns = self.options.all_latencies_ns();
        let mut delayed: Vec<Delayed> = latencies_ns
            .iter()
            .map(|ns| (time_text(*ns), *ns as f64))
            .chain(self.sampled_ns.as_ref().map(|_| ("sampled".to_owned(), 0.0)))
            .map(|(delay, mean_ns)| Delayed { delay, mean_ns, returns_bps: Vec::new() })
            .collect();
        let (mut x, mut positions, mut sampled_sum) = (Vec::new(), Vec::new(), 0.0);
        for (row, value) in series.valued() {
            let sampled = self.sampled_ns.as_ref().map(|all| all[row]);
            let at = |ns: &u64| labels.forward(&self.tape.rows[row], *ns);
            let returns: Result<Vec<f64>, _> =
                latencies_ns.iter().chain(&sampled).map(at).collect();
            let Ok(returns) = returns else { continue };
            x.push(value);
            positions.push(self.position(row, horizon));
            sampled_sum += sampled.unwrap_or(0) as f64;
            delayed.iter_mut().zip(returns).for_each(|(of, label)| of.returns_bps.push(label));
        }
        if let Some(sampled) = delayed.last_mut().filter(|_| self.sampled_ns.is_some()) {
            sampled.mean_ns = sampled_sum / x.len().max(1) as f64;
        }
        let reach = match horizon {
            Horizon::Time(ns) => ns,
            Horizon::Events(events) => u64::from(events),
        };
        let bandwidth = bandwidth(&positions, reach);
        delays(&x, &delayed, Overlap { positions: &positions, bandwidth })
    }
}

/// Where every labelled row has probabilities: rows of a rule or another tier have none.
fn calibrated(series: &Series, sample: &Sample, actual: &[usize]) -> Option<Calibration> {
    let pairs = sample.rows.iter().zip(actual);
    let pairs = pairs.filter_map(|(row, actual)| Some((series.probabilities[*row]?, *actual)));
    let (probabilities, actual): (Vec<_>, Vec<_>) = pairs.unzip();
    calibration(&probabilities, &actual)
}

//! All of a back-test on one page that needs nothing else: plots as SVG, tables, both themes.

mod tables;

use crate::{
    judge::{DecayRow, Horizon, HorizonJudgement, InstrumentJudgement, Judgement, SeriesJudgement},
    tape::{InstrumentTape, PriceKind, Tape},
    trade::{EquityPoint, TradeReport},
};
use std::fmt::Write;
use tickhawk_latency::{Stage, StageReport};
use tickhawk_page::{
    END, escaped, head, nanoseconds,
    plot::{
        self, Axes, COLOURS, DrawError, GREY, Line, Point, RGBColor, Shape, bars, plot, waterfall,
    },
    trimmed,
};
use tickhawk_signal::Decision;

/// Points of a line that are drawn: twice as many as a plot has pixels across.
const POINTS_MAX: usize = 1_600;
/// Changes of a decision that are drawn.
const CHANGES_MAX: usize = 400;

/// What one policy made of an instrument's signals.
#[derive(Clone, Copy, Debug)]
pub struct Traded<'a> {
    /// The venue's own symbol.
    pub symbol: &'a str,
    /// The policy's name.
    pub policy: &'a str,
    /// The run.
    pub report: &'a TradeReport,
}

/// What the page shows.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// Config, files and hashes, as names and what they are.
    pub facts: &'a [(String, String)],
    /// What was foretold.
    pub judgement: &'a Judgement,
    /// What it was made of.
    pub tape: &'a Tape,
    /// What it would have earned, by instrument and policy.
    pub traded: &'a [Traded<'a>],
    /// How long each stage of the run took.
    pub latency: &'a [StageReport],
}

impl Page<'_> {
    /// The page. The same input gives the same bytes, up to `id=latency`, behind which times are that
    /// were measured.
    ///
    /// # Errors
    /// If a plot cannot be drawn, which takes figures that are not numbers.
    pub fn html(&self) -> Result<String, DrawError> {
        let mut page = head("Tickhawk back-test");
        writeln!(page, "<h1>Tickhawk: a back-test</h1>")?;
        for warning in &self.judgement.warnings {
            writeln!(page, "<p class=note>{}</p>", escaped(warning))?;
        }
        if self.judgement.instruments.is_empty() {
            let none = "No book was ever whole in this recording: there is nothing to judge.";
            writeln!(page, "<p class=note>{none}</p>")?;
        }
        for found in &self.judgement.instruments {
            let tape = self.tape.instruments.iter().find(|tape| tape.symbol == found.symbol);
            self.instrument(&mut page, found, tape)?;
        }
        tables::facts(&mut page, &self.judgement.judged_by, self.facts)?;
        // Measured, so that it comes last and differs from run to run.
        writeln!(page, "<h2 id=latency>Latency of this run</h2>")?;
        self.stages(&mut page)?;
        page.push_str(END);
        Ok(page)
    }

    fn instrument(
        &self,
        page: &mut String,
        found: &InstrumentJudgement,
        tape: Option<&InstrumentTape>,
    ) -> Result<(), DrawError> {
        writeln!(page, "<h2>{}</h2>", escaped(&found.symbol))?;
        tables::verdict(page, &found.series)?;
        if let Some(tape) = tape {
            let told = "The mid, and where the decision turned to long or to short. A line ends where \
                        the book was not whole.";
            section(page, "Price and signals", told, price(tape)?)?;
        }
        let told = "Correlation of the signal with the return of the mid over each horizon, with 95 % \
                    intervals by Newey and West.";
        section(page, "Decay", told, decay(&found.series)?)?;
        for series in &found.series {
            let name = &series.signal;
            if let Some(at) = middle(series) {
                let horizon = at.horizon;
                let title = format!("Deciles of {name}, {horizon} ahead");
                let told = "Mean return in basis points by tenths of the signal, the lowest first.";
                section(page, &title, told, deciles(at)?)?;
                let title = format!("Calibration of {name}, {horizon} ahead");
                let told = "How often a class came, by how probable it was said to be. On the grey \
                            line both are the same.";
                section(page, &title, told, calibration(at)?)?;
                let title = format!("What latency costs {name}");
                let told = "The same signals with labels that begin later.";
                section(page, &title, told, delays(&series.horizons)?)?;
            }
        }
        for traded in self.traded.iter().filter(|traded| traded.symbol == found.symbol) {
            let title = format!("Traded: {}", traded.policy);
            let told = "Profit in the quote currency after fees, and how far it is below its peak. What \
                        is assumed of orders stands below.";
            section(page, &title, told, equity(&traded.report.equity)?)?;
            tables::trading(page, traded.report)?;
        }
        tables::quality(page, found)?;
        Ok(())
    }

    fn stages(&self, page: &mut String) -> Result<(), DrawError> {
        let stages = self.latency.iter().filter(|of| of.stage != Stage::Total);
        let parts: Vec<_> = stages
            .filter_map(|of| Some((of.stage.name(), of.percentiles?.p50_ns as f64)))
            .collect();
        if parts.is_empty() {
            return Ok(writeln!(page, "<p>No signal was made.</p>")?);
        }
        let told = "The p50 of each stage of this run, one behind the other.";
        section(page, "Where the time goes", told, waterfall(&parts)?)?;
        let told = "By the axis of HdrHistogram's plots.";
        section(page, "Percentiles of latency", told, percentiles(self.latency)?)
    }
}

/// Latency by one in so many, of the whole and of its two longest parts.
fn percentiles(stages: &[StageReport]) -> Result<Option<String>, DrawError> {
    let curve = |stage: Stage| {
        let found = stages.iter().find(|of| of.stage == stage)?.percentiles?;
        let ns = [found.p50_ns, found.p90_ns, found.p99_ns, found.p99_9_ns, found.p99_99_ns];
        let one_in = [2.0, 10.0, 100.0, 1_000.0, 10_000.0];
        Some((stage.name(), one_in.into_iter().zip(ns).collect::<Vec<_>>()))
    };
    let curves = [Stage::Frame, Stage::Score, Stage::Total].into_iter().filter_map(curve);
    let curves: Vec<_> = curves.collect();
    let curves: Vec<_> = curves.iter().map(|(name, points)| (*name, &points[..])).collect();
    plot::percentiles(&curves)
}

/// The main horizon in the middle.
fn middle(series: &SeriesJudgement) -> Option<&HorizonJudgement> {
    series.horizons.get(series.horizons.len() / 2)
}

fn section(
    page: &mut String,
    title: &str,
    told: &str,
    svg: Option<String>,
) -> Result<(), DrawError> {
    // What has nothing to show is not shown.
    svg.map_or(Ok(()), |svg| Ok(tickhawk_page::section(page, 3, title, told, &svg)?))
}

fn price(tape: &InstrumentTape) -> Result<Option<String>, DrawError> {
    let Some(first) = tape.quotes.first() else { return Ok(None) };
    let began = first.received_at.nanos();
    let one = 10f64.powi(i32::from(tape.scale.price_decimals));
    let at = |quote: u32| {
        let quote = &tape.quotes[quote as usize];
        let x = (quote.received_at.nanos() - began) as f64 / 1e9;
        Point { x, y: quote.mid() / one, interval: None }
    };
    let mut lines = Vec::new();
    // Each whole stretch is a line of its own: nothing is drawn over what is not known.
    let each = POINTS_MAX / tape.segments.len().clamp(1, POINTS_MAX / 4);
    for (index, segment) in tape.segments.iter().enumerate() {
        let points = thinned((segment.first..segment.end).map(at).collect(), each);
        let name = if index == 0 { "mid" } else { "" };
        lines.push(Line { name, points, shape: Shape::Joined, colour: COLOURS[0] });
    }
    let mut turns: [Vec<Point>; 2] = [Vec::new(), Vec::new()];
    let mut before = Decision::Flat;
    for row in &tape.rows {
        if row.decision != before {
            match row.decision {
                Decision::Long => turns[0].push(at(row.quote)),
                Decision::Short => turns[1].push(at(row.quote)),
                Decision::Flat => {}
            }
            before = row.decision;
        }
    }
    let names = [("long", Shape::Up, COLOURS[2]), ("short", Shape::Down, COLOURS[1])];
    for (points, (name, shape, colour)) in turns.into_iter().zip(names) {
        let step = points.len().div_ceil(CHANGES_MAX).max(1);
        let points = points.into_iter().step_by(step).collect();
        lines.push(Line { name, points, shape, colour });
    }
    let axes = Axes {
        x: "seconds",
        y: "price",
        x_label: &trimmed,
        y_label: &trimmed,
        is_log: false,
        from_zero: false,
    };
    plot(&lines, &axes)
}

fn decay(all: &[SeriesJudgement]) -> Result<Option<String>, DrawError> {
    let seconds = |row: &DecayRow| match row.horizon {
        Horizon::Time(ns) => Some(ns as f64 / 1e9),
        Horizon::Events(_) => None,
    };
    let line = |(series, colour): (&SeriesJudgement, &RGBColor)| {
        let rows = series.decay.iter().filter(|row| row.price == PriceKind::Mid);
        let points = rows.filter_map(|row| {
            let ic = row.ic?;
            Some(Point { x: seconds(row)?, y: ic.value, interval: Some([ic.low, ic.high]) })
        });
        (series.signal.clone(), points.collect::<Vec<_>>(), *colour)
    };
    let lines: Vec<_> = all.iter().zip(&COLOURS).map(line).collect();
    let lines: Vec<_> = lines
        .iter()
        .map(|(name, points, colour)| Line {
            name,
            points: points.clone(),
            shape: Shape::Dotted,
            colour: *colour,
        })
        .collect();
    let axes = Axes {
        x: "horizon",
        y: "IC",
        x_label: &|seconds| nanoseconds(seconds * 1e9),
        y_label: &trimmed,
        is_log: true,
        from_zero: true,
    };
    plot(&lines, &axes)
}

fn deciles(at: &HorizonJudgement) -> Result<Option<String>, DrawError> {
    let rows = at.deciles.iter().map(|row| {
        let mean = row.mean_return_bps;
        let bar = Point { x: 0.0, y: mean.value, interval: Some([mean.low, mean.high]) };
        (row.decile.to_string(), bar)
    });
    bars(&rows.collect::<Vec<_>>(), "basis points")
}

fn calibration(at: &HorizonJudgement) -> Result<Option<String>, DrawError> {
    let Some(found) = &at.calibration else { return Ok(None) };
    let even = [0.0, 1.0].map(|x| Point { x, y: x, interval: None });
    let mut lines =
        vec![Line { name: "as said", points: even.to_vec(), shape: Shape::Joined, colour: GREY }];
    for (class, colour) in found.classes.iter().zip(&COLOURS) {
        let points = class.bins.iter().filter_map(|bin| {
            Some(Point { x: bin.mean_probability?, y: bin.share?, interval: None })
        });
        let (name, points) = (class.class.as_str(), points.collect());
        lines.push(Line { name, points, shape: Shape::Dotted, colour: *colour });
    }
    let axes = Axes {
        x: "said",
        y: "came",
        x_label: &trimmed,
        y_label: &trimmed,
        is_log: false,
        from_zero: true,
    };
    plot(&lines, &axes)
}

/// Correlation by latency, a line a horizon. No latency stands at a microsecond.
fn delays(horizons: &[HorizonJudgement]) -> Result<Option<String>, DrawError> {
    let names: Vec<String> = horizons.iter().map(|at| format!("{} ahead", at.horizon)).collect();
    let lines: Vec<_> = horizons
        .iter()
        .zip(&names)
        .zip(COLOURS.iter().cycle())
        .map(|((at, name), colour)| {
            let points = at.delays.iter().map(|row| Point {
                x: row.mean_ns.max(1_000.0),
                y: row.ic.value,
                interval: Some([row.ic.low, row.ic.high]),
            });
            let mut points: Vec<Point> = points.collect();
            points.sort_by(|a, b| a.x.total_cmp(&b.x));
            Line { name, points, shape: Shape::Dotted, colour: *colour }
        })
        .collect();
    let axes = Axes {
        x: "latency",
        y: "IC",
        x_label: &nanoseconds,
        y_label: &trimmed,
        is_log: true,
        from_zero: true,
    };
    plot(&lines, &axes)
}

fn equity(curve: &[EquityPoint]) -> Result<Option<String>, DrawError> {
    let Some(first) = curve.first() else { return Ok(None) };
    let seconds = |point: &EquityPoint| (point.at_ns - first.at_ns) as f64 / 1e9;
    let line = |value: &mut dyn FnMut(&EquityPoint) -> f64| {
        let points =
            curve.iter().map(|point| Point { x: seconds(point), y: value(point), interval: None });
        thinned(points.collect(), POINTS_MAX)
    };
    let mut peak = 0.0f64;
    let mut below = |point: &EquityPoint| {
        peak = peak.max(point.equity);
        point.equity - peak
    };
    let lines = [
        Line {
            name: "equity",
            points: line(&mut |point| point.equity),
            shape: Shape::Steps,
            colour: COLOURS[0],
        },
        Line {
            name: "drawdown",
            points: line(&mut below),
            shape: Shape::Steps,
            colour: COLOURS[1],
        },
    ];
    let axes = Axes {
        x: "seconds",
        y: "quote currency",
        x_label: &trimmed,
        y_label: &trimmed,
        is_log: false,
        from_zero: true,
    };
    plot(&lines, &axes)
}

/// No more points than so many, with the least and the greatest of each stretch among them.
fn thinned(points: Vec<Point>, most: usize) -> Vec<Point> {
    if points.len() <= most {
        return points;
    }
    let stretch = points.len().div_ceil((most / 4).max(1));
    let kept = points.chunks(stretch).flat_map(|chunk| {
        let by_y = |a: &&Point, b: &&Point| a.y.total_cmp(&b.y);
        let ends =
            [chunk.first(), chunk.iter().min_by(by_y), chunk.iter().max_by(by_y), chunk.last()];
        let mut kept: Vec<Point> = ends.into_iter().flatten().copied().collect();
        kept.sort_by(|a, b| a.x.total_cmp(&b.x));
        kept
    });
    kept.collect()
}

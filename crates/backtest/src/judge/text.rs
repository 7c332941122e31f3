//! A judgement for a terminal of 80 columns.

use super::{Estimate, InstrumentJudgement, Judgement, SeriesJudgement};
use crate::tape::PriceKind;
use std::fmt;

/// Right-aligned in `width`, or a dash.
fn cell(value: Option<f64>, width: usize) -> String {
    let text = value.map_or("-".to_owned(), |value| format!("{value:.3}"));
    format!("{text:>width$}")
}

fn interval(estimate: Option<Estimate>) -> String {
    let text = estimate.map_or("-".to_owned(), |e| format!("{:.3} to {:.3}", e.low, e.high));
    format!("{text:>17}")
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for found in self.instruments.iter().filter(|found| found.signals > 0) {
            write!(f, "{found}")?;
        }
        self.warnings.iter().try_for_each(|warning| writeln!(f, "warning: {warning}"))
    }
}

impl fmt::Display for InstrumentJudgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n{}: {} signals on {} quotes over {:.0} s; stretches of book: {}",
            self.symbol, self.signals, self.quotes, self.covered_s, self.segments.count
        )?;
        let [Some(model), Some(yardstick)] = [self.series.first(), self.series.get(1)] else {
            return Ok(());
        };
        decay(f, model, yardstick)?;
        delays(f, model, yardstick)?;
        for at in &model.horizons {
            let label = |class: usize| at.classes.as_ref().map(|found| found.classes[class].f1);
            writeln!(
                f,
                "{:>7}  accuracy{}  F1 down{} flat{} up{}  Brier{} ({})",
                at.horizon,
                cell(at.classes.as_ref().map(|found| found.accuracy), 6),
                cell(label(0).flatten(), 6),
                cell(label(1).flatten(), 6),
                cell(label(2).flatten(), 6),
                cell(at.calibration.as_ref().map(|found| found.brier), 6),
                cell(at.calibration.as_ref().map(|found| found.brier_of_shares), 0),
            )?;
        }
        for series in [model, yardstick] {
            let conduct = &series.conduct;
            let changes = conduct.decision_changes_per_hour;
            writeln!(
                f,
                "{}: decisions change {} times an hour; turnover {}",
                short(&series.signal),
                changes.map_or("-".to_owned(), |changes| format!("{changes:.0}")),
                cell(conduct.turnover, 0)
            )?;
        }
        Ok(())
    }
}

/// A name that leaves room for its columns.
fn short(name: &str) -> String {
    name.chars().take(24).collect()
}

/// Both signals' correlations with the return of the mid.
fn decay(
    f: &mut fmt::Formatter<'_>,
    model: &SeriesJudgement,
    yardstick: &SeriesJudgement,
) -> fmt::Result {
    writeln!(f, "\n{:>8}{:>33}{:>33}", "mid", short(&model.signal), short(&yardstick.signal))?;
    let head = format!("{:>8}{:>17}{:>8}", "IC", "95 % interval", "rank");
    writeln!(f, "{:>8}{head}{head}", "horizon")?;
    for (one, two) in model.decay.iter().zip(&yardstick.decay) {
        if one.price != PriceKind::Mid {
            continue;
        }
        write!(f, "{:>8}", one.horizon)?;
        for row in [one, two] {
            let value = |estimate: Option<Estimate>| cell(estimate.map(|e| e.value), 8);
            write!(f, "{}{}{}", value(row.ic), interval(row.ic), value(row.rank_ic))?;
        }
        writeln!(f)?;
    }
    Ok(())
}

/// What latency leaves of both.
fn delays(
    f: &mut fmt::Formatter<'_>,
    model: &SeriesJudgement,
    yardstick: &SeriesJudgement,
) -> fmt::Result {
    writeln!(f, "\n{:>8}{:>10}{:>8}{:>8}{:>19}", "horizon", "latency", "IC", "lost", "a 100 us")?;
    for (one, two) in model.horizons.iter().zip(&yardstick.horizons) {
        for (row, beside) in one.delays.iter().zip(&two.delays) {
            let lost = |lost: Option<Estimate>| cell(lost.map(|lost| lost.value), 8);
            let each = row.lost_per_100us.map_or("-".to_owned(), |each| format!("{each:.6}"));
            writeln!(
                f,
                "{:>8}{:>10}{}{}{each:>19}   {}{}",
                one.horizon,
                row.delay,
                cell(Some(row.ic.value), 8),
                lost(row.lost),
                cell(Some(beside.ic.value), 8),
                lost(beside.lost),
            )?;
        }
    }
    writeln!(f)
}

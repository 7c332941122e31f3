//! What is told in words and figures.

use crate::{
    judge::{Estimate, InstrumentJudgement, JudgedBy, SeriesJudgement},
    trade::{Resampled, TradeReport},
};
use std::fmt::{Result, Write};
use tickhawk_page::{escaped, trimmed};

/// Correlations at the main horizons, of each series.
pub(super) fn verdict(page: &mut String, all: &[SeriesJudgement]) -> Result {
    writeln!(
        page,
        "<div class=wide><table><tr><th>signal<th>ahead<th>IC<th>95 % interval<th>rank IC<th>95 % \
         interval<th>rows</tr>"
    )?;
    for series in all {
        for at in &series.horizons {
            let [value, interval] = told(at.ic);
            let [rank, rank_interval] = told(at.rank_ic);
            writeln!(
                page,
                "<tr><td>{}<td>{}<td class=n>{value}<td class=n>{interval}<td class=n>{rank}<td \
                 class=n>{rank_interval}<td class=n>{}</tr>",
                escaped(&series.signal),
                at.horizon,
                at.labels.labelled,
            )?;
        }
    }
    writeln!(page, "</table></div>")
}

fn told(estimate: Option<Estimate>) -> [String; 2] {
    match estimate {
        Some(found) => {
            [format!("{:.4}", found.value), format!("{:.4} to {:.4}", found.low, found.high)]
        }
        None => ["none".to_owned(), String::new()],
    }
}

/// A run of a policy in a few figures.
pub(super) fn trading(page: &mut String, report: &TradeReport) -> Result {
    let found = &report.summary;
    let orders = &found.orders;
    let or_none = |value: Option<f64>| value.map_or("none".to_owned(), trimmed);
    let with_interval = |of: Resampled| match (of.value, of.low, of.high) {
        (Some(value), Some(low), Some(high)) => {
            format!("{} ({} to {})", trimmed(value), trimmed(low), trimmed(high))
        }
        (value, ..) => or_none(value),
    };
    let sample_s = trimmed(found.sample_ns as f64 / 1e9);
    let [mean_held, most_held] = [found.inventory.mean, Some(found.inventory.max_abs)].map(or_none);
    let mut rows = vec![
        ("profit after fees".to_owned(), trimmed(found.pnl.total)),
        ("of the spread".to_owned(), trimmed(found.pnl.spread)),
        ("of what was held".to_owned(), trimmed(found.pnl.inventory)),
        ("fees".to_owned(), trimmed(found.pnl.fees)),
        ("deepest drawdown".to_owned(), trimmed(found.max_drawdown)),
        (format!("Sharpe ratio of {sample_s} s"), with_interval(found.sharpe)),
        (format!("Sortino ratio of {sample_s} s"), with_interval(found.sortino)),
        ("turnover".to_owned(), trimmed(found.turnover)),
        ("fills; of them resting".to_owned(), format!("{}; {}", found.fills, found.maker_fills)),
        (
            "orders; share filled".to_owned(),
            format!("{}; {}", orders.sent, or_none(orders.fill_ratio)),
        ),
        ("held on average; at most".to_owned(), format!("{mean_held}; {most_held}")),
    ];
    for markout in &found.markouts {
        let after_s = trimmed(markout.horizon_ns as f64 / 1e9);
        rows.push((format!("markout after {after_s} s, ticks"), with_interval(markout.mean_ticks)));
    }
    writeln!(page, "<div class=wide><table>")?;
    for (name, value) in rows {
        writeln!(page, "<tr><td>{name}<td class=n>{value}</tr>")?;
    }
    writeln!(page, "</table></div>")?;
    if let Some(at_ns) = found.stopped_at_ns {
        writeln!(page, "<p class=note>The loss limit stopped the policy at {at_ns} ns.</p>")?;
    }
    writeln!(
        page,
        "<p>Orders leave no trace in the recorded book. Amounts are in the quote currency, positions in \
         the base asset, fills against the book as it stood when the order arrived.</p>"
    )
}

/// How much of the recording could be used.
pub(super) fn quality(page: &mut String, found: &InstrumentJudgement) -> Result {
    let segments = &found.segments;
    writeln!(page, "<h3>Data quality</h3><div class=wide><table>")?;
    for (name, value) in [
        ("quotes", found.quotes.to_string()),
        ("book messages that left it crossed", found.crossed.to_string()),
        ("book messages that left a side empty", found.one_sided.to_string()),
        ("signals", found.signals.to_string()),
        ("signals of other tiers than the primary", found.by_other_tiers.to_string()),
        ("seconds covered", trimmed(found.covered_s)),
        ("whole stretches of book", segments.count.to_string()),
        ("ended by a new epoch", segments.epoch.to_string()),
        ("ended by a stale book", segments.stale.to_string()),
        ("ended by silence", segments.gap.to_string()),
    ] {
        writeln!(page, "<tr><td>{name}<td class=n>{value}</tr>")?;
    }
    writeln!(page, "</table></div>")?;
    let Some(series) = found.series.first() else { return Ok(()) };
    writeln!(
        page,
        "<div class=wide><table><tr><th>ahead<th>labelled<th>without: epoch<th>stale<th>silence<th>end\
         <th>price</tr>"
    )?;
    for at in &series.horizons {
        let of = &at.labels;
        write!(page, "<tr><td>{}", at.horizon)?;
        for count in [of.labelled, of.epoch, of.stale, of.gap, of.end, of.price] {
            write!(page, "<td class=n>{count}")?;
        }
        writeln!(page, "</tr>")?;
    }
    writeln!(page, "</table></div>")
}

/// How it was made.
pub(super) fn facts(page: &mut String, by: &JudgedBy, facts: &[(String, String)]) -> Result {
    writeln!(page, "<h2>How it was made</h2><dl>")?;
    let judged = [
        ("model", by.model.clone()),
        ("yardstick", by.yardstick.clone()),
        ("labels begin", format!("{} after the signal", by.label_delay)),
        ("flat", format!("returns below {} basis points", trimmed(by.flat_bps))),
        ("seed", by.seed.to_string()),
    ];
    for (name, value) in judged {
        writeln!(page, "<dt>{name}</dt><dd>{}</dd>", escaped(&value))?;
    }
    for (name, value) in facts {
        writeln!(page, "<dt>{}</dt><dd>{}</dd>", escaped(name), escaped(value))?;
    }
    writeln!(page, "</dl>")
}

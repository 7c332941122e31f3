//! A run in a few figures.

use super::{
    Bootstrap, EquityPoint, Fill, Liquidity, OrderEnd, OrderRecord, Resampled, TradeConfig,
    account::Account,
    instrument::Instrument,
    statistics::{mean, sharpe, sortino},
};
use crate::chance::random;
use serde::{Deserialize, Serialize};

/// A year, which ratios are scaled to: 365 days of trading around the clock.
const YEAR_NS: f64 = 365.0 * 86_400e9;

/// The stream of random numbers that the first of the bootstraps draws from; latencies have those below.
const BOOTSTRAP_STREAM: u64 = 16;

/// The figures of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TradeSummary {
    /// The first book's time at the exchange, ns since the epoch; `None` without a book.
    pub began_at_ns: Option<u64>,
    /// The last event's receive time, ns since the epoch; `None` without an event.
    pub ended_at_ns: Option<u64>,
    /// Books that were handed in.
    pub books: u64,
    /// Of them, crossed or without a side: the last one before stayed in force.
    pub books_not_whole: u64,
    /// Stretches without a book.
    pub gaps: u64,
    /// Trades that were handed in.
    pub trades: u64,
    /// Signals that were handed in.
    pub signals: u64,
    /// Events before the one before them; they were taken as at its time.
    pub times_clamped: u64,
    /// Orders by what became of them.
    pub orders: OrderCounts,
    /// Fills.
    pub fills: u64,
    /// Of them, of orders that rested.
    pub maker_fills: u64,
    /// Value of all fills, in the quote currency.
    pub turnover: f64,
    /// Profit and its parts.
    pub pnl: Pnl,
    /// What was held.
    pub inventory: Inventory,
    /// The deepest fall of equity from its peak, which is at least zero, over every book and fill, in
    /// the quote currency.
    pub max_drawdown: f64,
    /// Between two points of the equity curve, ns: the interval of the ratios below.
    pub sample_ns: u64,
    /// Intervals.
    pub samples: u64,
    /// Mean profit of an interval, in the quote currency.
    pub pnl_per_sample: Resampled,
    /// Sharpe ratio of an interval.
    pub sharpe: Resampled,
    /// The same times the root of the intervals in 365 days.
    pub sharpe_annualised: Option<f64>,
    /// Sortino ratio of an interval.
    pub sortino: Resampled,
    /// The same times the root of the intervals in 365 days.
    pub sortino_annualised: Option<f64>,
    /// Fills judged later, one a horizon.
    pub markouts: Vec<Markout>,
    /// When the loss limit stopped the policy, ns since the epoch.
    pub stopped_at_ns: Option<u64>,
}

/// Orders by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OrderCounts {
    /// All.
    pub sent: u64,
    /// Filled whole.
    pub filled: u64,
    /// Immediate or cancel, and not filled whole.
    pub expired: u64,
    /// Cancelled before they were filled whole.
    pub cancelled: u64,
    /// Refused, as they would have taken.
    pub would_take: u64,
    /// Refused, as there was no book.
    pub no_book: u64,
    /// Not ended by the end of the run.
    pub open: u64,
    /// Cancels that arrived after the order had ended.
    pub cancels_too_late: u64,
    /// Quantity of all, in the base asset.
    pub qty_sent: f64,
    /// Quantity filled of them, in the base asset.
    pub qty_filled: f64,
    /// Filled quantity over sent quantity; `None` without an order.
    pub fill_ratio: Option<f64>,
}

/// Profit in the quote currency, what is held being worth the last mid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pnl {
    /// `spread` + `inventory` - `fees`.
    pub total: f64,
    /// Fills against the mid before them: earned by makers, paid by takers.
    pub spread: f64,
    /// Paid to the venue.
    pub fees: f64,
    /// What the mid's way did to what was held.
    pub inventory: f64,
}

/// What was held, in the base asset, weighed by time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Inventory {
    /// Mean, shorts below zero; `None` if no time passed.
    pub mean: Option<f64>,
    /// Mean of its size.
    pub mean_abs: Option<f64>,
    /// The largest of either sign.
    pub max_abs: f64,
    /// At the end.
    pub end: f64,
}

/// How fills look after a while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Markout {
    /// How long after the fill, ns.
    pub horizon_ns: u64,
    /// Fills that the run went on long enough for.
    pub fills: u64,
    /// Mean over fills of (mid then - price), in ticks, times -1 for sells; the fill's share of the
    /// spread is in it, its fee is not.
    pub mean_ticks: Resampled,
}

/// What a summary is made of.
pub(crate) struct Record<'a> {
    pub config: &'a TradeConfig,
    pub account: &'a Account,
    pub orders: &'a [OrderRecord],
    pub fills: &'a [Fill],
    pub points: &'a [EquityPoint],
    /// The counts, filled in as the run went.
    pub counted: TradeSummary,
}

impl Record<'_> {
    /// `None` if the equity does not fit.
    pub(crate) fn summarise(self) -> Option<TradeSummary> {
        let Self { config, account, orders, fills, points, counted } = self;
        let TradeConfig { instrument, bootstrap, seed, .. } = config;
        let profits: Vec<f64> =
            points.windows(2).map(|pair| pair[1].equity - pair[0].equity).collect();
        let random = random(*seed, BOOTSTRAP_STREAM);
        let [pnl_per_sample, sharpe, sortino] =
            bootstrap.estimate(&profits, [mean, sharpe, sortino], random);
        let samples_a_year = YEAR_NS / config.sample_ns as f64;
        let annualised = |estimate: Resampled| Some(estimate.value? * samples_a_year.sqrt());
        let maker_fills = fills.iter().filter(|fill| fill.liquidity == Liquidity::Maker).count();
        Some(TradeSummary {
            orders: counts(orders, instrument, counted.orders.cancels_too_late),
            fills: fills.len() as u64,
            maker_fills: maker_fills as u64,
            turnover: instrument.amount(account.turnover),
            pnl: Pnl {
                total: instrument.amount(account.equity()?),
                spread: instrument.amount(account.spread),
                fees: instrument.amount(account.fees),
                inventory: instrument.amount(account.inventory),
            },
            inventory: inventory(account, instrument, &counted),
            max_drawdown: instrument.amount(account.drawdown),
            sample_ns: config.sample_ns,
            samples: profits.len() as u64,
            pnl_per_sample,
            sharpe,
            sharpe_annualised: annualised(sharpe),
            sortino,
            sortino_annualised: annualised(sortino),
            markouts: markouts(&config.horizons_ns, fills, bootstrap, *seed),
            ..counted
        })
    }
}

fn counts(orders: &[OrderRecord], instrument: &Instrument, cancels_too_late: u64) -> OrderCounts {
    let mut counts =
        OrderCounts { sent: orders.len() as u64, cancels_too_late, ..OrderCounts::default() };
    let (mut sent, mut filled) = (0i128, 0i128);
    for order in orders {
        *match order.end {
            Some(OrderEnd::Filled) => &mut counts.filled,
            Some(OrderEnd::Expired) => &mut counts.expired,
            Some(OrderEnd::Cancelled) => &mut counts.cancelled,
            Some(OrderEnd::WouldTake) => &mut counts.would_take,
            Some(OrderEnd::NoBook) => &mut counts.no_book,
            None => &mut counts.open,
        } += 1;
        sent += i128::from(order.qty_units);
        filled += i128::from(order.filled_qty_units);
    }
    let unit = instrument.qty(1);
    counts.qty_sent = sent as f64 * unit;
    counts.qty_filled = filled as f64 * unit;
    counts.fill_ratio = (sent > 0).then(|| filled as f64 / sent as f64);
    counts
}

fn inventory(account: &Account, instrument: &Instrument, counted: &TradeSummary) -> Inventory {
    let passed_ns = counted
        .began_at_ns
        .zip(counted.ended_at_ns)
        .map_or(0, |(began, ended)| ended.saturating_sub(began));
    let mean =
        |area: i128| (passed_ns > 0).then(|| area as f64 / passed_ns as f64 * instrument.qty(1));
    Inventory {
        mean: mean(account.position_ns[0]),
        mean_abs: mean(account.position_ns[1]),
        max_abs: instrument.qty(account.position_max),
        end: instrument.qty(account.position),
    }
}

fn markouts(horizons_ns: &[u64], fills: &[Fill], bootstrap: &Bootstrap, seed: u64) -> Vec<Markout> {
    let of_horizon = |(index, horizon_ns): (usize, &u64)| {
        let ticks: Vec<f64> = fills.iter().filter_map(|fill| fill.markouts_ticks[index]).collect();
        let random = random(seed, BOOTSTRAP_STREAM + 1 + index as u64);
        let [mean_ticks] = bootstrap.estimate(&ticks, [mean], random);
        Markout { horizon_ns: *horizon_ns, fills: ticks.len() as u64, mean_ticks }
    };
    horizons_ns.iter().enumerate().map(of_horizon).collect()
}

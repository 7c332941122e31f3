//! A market small enough to be written by hand, and one that proptest makes.
#![allow(dead_code, reason = "each test file uses its part")]

use proptest::prelude::*;
use tickhawk_backtest::trade::*;
use tickhawk_market::{Level, Price, Qty, Side, UnixNanos};
use tickhawk_signal::Decision;

/// Prices and quantities, best first.
pub type Levels = Vec<(i64, i64)>;

/// Something handed to the simulation, at a receive time in ns.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Book { bids: Levels, asks: Levels },
    Trade { price: i64, qty: i64, taker: Side },
    Signal(Decision),
    Gap,
}

pub fn book(bids: &[(i64, i64)], asks: &[(i64, i64)]) -> Event {
    Event::Book { bids: bids.to_vec(), asks: asks.to_vec() }
}

/// A taker who sells.
pub fn sold(price: i64, qty: i64) -> Event {
    Event::Trade { price, qty, taker: Side::Ask }
}

/// A taker who buys.
pub fn bought(price: i64, qty: i64) -> Event {
    Event::Trade { price, qty, taker: Side::Bid }
}

pub fn try_play(config: &TradeConfig, events: &[(u64, Event)]) -> Result<TradeReport, TradeError> {
    let mut simulation = TradeSimulation::new(config.clone())?;
    let level = |&(price, qty): &(i64, i64)| Level { price: Price::new(price), qty: Qty::new(qty) };
    for (at_ns, event) in events {
        let at = UnixNanos::new(*at_ns);
        match event {
            Event::Book { bids, asks } => {
                simulation.levels(at, bids.iter().map(level), asks.iter().map(level))?;
            }
            Event::Trade { price, qty, taker } => {
                simulation.trade(at, Price::new(*price), Qty::new(*qty), *taker)?;
            }
            Event::Signal(decision) => simulation.signal(at, *decision),
            Event::Gap => simulation.gap(at)?,
        }
    }
    simulation.finish()
}

pub fn play(config: &TradeConfig, events: &[(u64, Event)]) -> TradeReport {
    try_play(config, events).unwrap()
}

pub fn latencies(feed_ns: u64, entry_ns: u64, response_ns: u64) -> Latencies {
    let constant = |latency_ns| LatencyModel::Constant { latency_ns };
    Latencies {
        feed: constant(feed_ns),
        entry: constant(entry_ns),
        response: constant(response_ns),
    }
}

pub fn taker(order_lots: i64, position_lots: i64) -> TradeConfig {
    TradeConfig {
        policy: PolicyConfig::Taker(TakerConfig { order_lots, position_lots }),
        limits: Limits { position_lots, loss: None },
        bootstrap: Bootstrap { resamples: 0, ..Bootstrap::default() },
        ..TradeConfig::default()
    }
}

pub fn maker(order_lots: i64, position_lots: i64) -> TradeConfig {
    let maker = MakerConfig { order_lots, offset_ticks: 0, skew_ticks: 2 };
    TradeConfig {
        policy: PolicyConfig::Maker(maker),
        limits: Limits { position_lots, loss: None },
        ..taker(order_lots, position_lots)
    }
}

/// Price, quantity and reason of each fill, sells with a minus.
pub fn fills(report: &TradeReport) -> Vec<(i64, i64, FillReason)> {
    let of = |fill: &Fill| (fill.price_units, fill.side.sign() * fill.qty_units, fill.reason);
    report.fills.iter().map(of).collect()
}

/// One random step of a market: which event, where and how much, and how long after the one before.
type Step = (u8, i64, i64, u64);

/// Events of a market whose mid wanders, with trades at and beyond the touch, signals, and gaps now
/// and then. Receive times rise; some are equal.
pub fn market(steps_max: usize) -> impl Strategy<Value = Vec<(u64, Event)>> {
    let step = (0u8..32, -2i64..=2, 1i64..12, 0u64..60);
    prop::collection::vec(step, 1..steps_max).prop_map(|steps| events(&steps))
}

fn events(steps: &[Step]) -> Vec<(u64, Event)> {
    let (mut at_ns, mut bid) = (1_000, 1_000);
    let mut spread = 1;
    let mut events = vec![(at_ns, book_at(bid, spread, 5)), (at_ns, Event::Signal(Decision::Flat))];
    for &(kind, shift, qty, wait_ns) in steps {
        at_ns += wait_ns;
        events.push((
            at_ns,
            match kind {
                0..=14 => {
                    bid += shift;
                    spread = 1 + qty % 3;
                    book_at(bid, spread, qty)
                }
                15..=20 => sold(bid + shift.min(0), qty),
                21..=26 => bought(bid + spread + shift.max(0), qty),
                27..=30 => Event::Signal(match shift {
                    ..=-1 => Decision::Short,
                    0 => Decision::Flat,
                    1.. => Decision::Long,
                }),
                _ => Event::Gap,
            },
        ));
    }
    events
}

/// Five levels a side whose quantities hang on the seed.
fn book_at(bid: i64, spread: i64, seed: i64) -> Event {
    let qty = |level: i64| 1 + (seed * 7 + level * 5) % 11;
    Event::Book {
        bids: (0..5).map(|level| (bid - level, qty(level))).collect(),
        asks: (0..5).map(|level| (bid + spread + level, qty(level + 1))).collect(),
    }
}

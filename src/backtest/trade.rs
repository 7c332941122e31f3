//! Trading the signals of a run, by the policies that were asked for.

use crate::cli::backtest::{LatencyOf, PolicyName, TradeArgs};
use anyhow::{Context, Result, ensure};
use serde::Serialize;
use std::fs;
use tickhawk_backtest::{
    tape::InstrumentTape,
    trade::{
        Fees, Instrument, Latencies, LatencyModel, Limits, MakerConfig, PolicyConfig, TakerConfig,
        TradeConfig, TradeError, TradeReport, TradeSimulation,
    },
};
use tickhawk_book::Book;
use tickhawk_engine::{Follower, MarketSink, Scored};
use tickhawk_feature::FeatureFrame;
use tickhawk_market::{BookState, BookUpdate, InstrumentId, Scale, StaleCause, Trade, UnixNanos};
use tickhawk_venue::Venue;

/// What one policy made of an instrument's signals.
#[derive(Debug, Serialize)]
pub struct Traded {
    pub symbol: String,
    pub policy: PolicyName,
    pub report: TradeReport,
}

/// When signals count, and how late they come.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    pub from: UnixNanos,
    pub until: UnixNanos,
    pub latency_ns: u64,
    /// Silence after which no book is believed.
    pub gap_ns: u64,
}

/// A policy that trades an instrument.
#[derive(Debug)]
struct Desk {
    instrument: usize,
    policy: PolicyName,
    simulation: TradeSimulation,
}

/// Follows a run, and trades its signals.
#[derive(Debug)]
pub struct Trader {
    timing: Timing,
    symbols: Vec<String>,
    desks: Vec<Desk>,
    now: UnixNanos,
    failure: Option<(String, TradeError)>,
}

impl Trader {
    /// For the instruments of a run that was made before, of which decimals and ticks are known by now.
    /// Whose tick is not known is left out, with a word.
    pub fn new(
        args: &TradeArgs,
        venue: Venue,
        timing: Timing,
        seed: u64,
        instruments: &[InstrumentTape],
    ) -> Result<Self> {
        let order = latency(&args.order_latency)?;
        let feed = latency(&args.feed_latency)?;
        let latencies = Latencies { feed, entry: order.clone(), response: order };
        let fees = fees(args, venue)?;
        let mut desks = Vec::new();
        for (index, tape) in instruments.iter().enumerate() {
            let Some(tick_units) = tape.tick_units() else {
                if !tape.quotes.is_empty() {
                    eprintln!("{}: not traded: its tick is not known (`--tick-size`)", tape.symbol);
                }
                continue;
            };
            let lot_units = match args.lot {
                Some(lot) => lot.at(tape.scale.qty_decimals).with_context(|| {
                    format!("{}: `--lot` is finer than its quantities", tape.symbol)
                })?,
                None => 1,
            };
            let instrument = Instrument {
                price_decimals: tape.scale.price_decimals,
                qty_decimals: tape.scale.qty_decimals,
                tick_units,
                lot_units,
            };
            for policy in &args.policies {
                let config = TradeConfig {
                    instrument,
                    policy: policy_config(args, *policy),
                    limits: Limits { position_lots: args.position_lots, loss: args.loss_limit },
                    queue: args.queue,
                    fees,
                    latency: latencies.clone(),
                    seed,
                    ..TradeConfig::default()
                };
                let simulation = TradeSimulation::new(config).context("trading")?;
                desks.push(Desk { instrument: index, policy: *policy, simulation });
            }
        }
        let symbols = instruments.iter().map(|tape| tape.symbol.clone()).collect();
        Ok(Self { timing, symbols, desks, now: UnixNanos::default(), failure: None })
    }

    /// A record received at that time goes through the stages next.
    pub fn begin(&mut self, received_at: UnixNanos) -> Result<()> {
        if let Some((symbol, failure)) = self.failure.take() {
            return Err(failure).with_context(|| format!("{symbol}: trading"));
        }
        let before = self.now;
        self.now = before.max(received_at);
        let silent_ns = self.now.nanos() - before.nanos();
        if before > UnixNanos::default() && silent_ns > self.timing.gap_ns {
            let at = UnixNanos::new(before.nanos().saturating_add(1));
            (0..self.symbols.len()).for_each(|index| {
                self.tell(InstrumentId(index as u32), |simulation| simulation.gap(at));
            });
        }
        Ok(())
    }

    /// What came of it.
    pub fn finish(mut self) -> Result<Vec<Traded>> {
        self.begin(self.now)?;
        let symbols = self.symbols;
        let traded = self.desks.into_iter().map(|Desk { instrument, policy, simulation }| {
            let symbol = symbols[instrument].clone();
            let report = simulation.finish().with_context(|| format!("{symbol}: trading"))?;
            Ok(Traded { symbol, policy, report })
        });
        traded.collect()
    }

    fn tell(
        &mut self,
        id: InstrumentId,
        mut what: impl FnMut(&mut TradeSimulation) -> Result<(), TradeError>,
    ) {
        for desk in self.desks.iter_mut().filter(|desk| desk.instrument == id.index()) {
            if let Err(failure) = what(&mut desk.simulation) {
                let symbol = &self.symbols[id.index()];
                self.failure.get_or_insert_with(|| (symbol.clone(), failure));
            }
        }
    }
}

impl MarketSink for Trader {
    fn frame(&mut self, _frame: &FeatureFrame) {}

    fn scale(&mut self, id: InstrumentId, scale: Scale) {
        self.tell(id, |simulation| simulation.scale(scale));
    }

    fn epoch(&mut self, at: UnixNanos, id: InstrumentId) {
        self.tell(id, |simulation| simulation.gap(at));
    }

    fn book_applied(&mut self, at: UnixNanos, update: &BookUpdate, book: &Book) {
        if book.state() == BookState::Live {
            self.tell(update.instrument, |simulation| simulation.book(at, book));
        }
    }

    fn trade(&mut self, at: UnixNanos, trade: &Trade) {
        let Trade { price, qty, taker, .. } = *trade;
        self.tell(trade.instrument, |simulation| simulation.trade(at, price, qty, taker));
    }

    fn stale(&mut self, id: InstrumentId, _cause: StaleCause) {
        let at = self.now;
        self.tell(id, |simulation| simulation.gap(at));
    }
}

impl Follower for Trader {
    fn scored(&mut self, frame: &FeatureFrame, scored: &Scored) {
        let Timing { from, until, latency_ns, .. } = self.timing;
        let received_at = frame.received_at();
        let Some(signal) =
            scored.signal.as_ref().filter(|_| from <= received_at && received_at < until)
        else {
            return;
        };
        let at = UnixNanos::new(received_at.nanos().saturating_add(latency_ns));
        self.tell(frame.instrument(), |simulation| {
            simulation.signal(at, signal.decision);
            Ok(())
        });
    }
}

fn policy_config(args: &TradeArgs, policy: PolicyName) -> PolicyConfig {
    let TradeArgs { order_lots, position_lots, skew_ticks, .. } = *args;
    match policy {
        PolicyName::Taker => PolicyConfig::Taker(TakerConfig { order_lots, position_lots }),
        PolicyName::Maker => {
            PolicyConfig::Maker(MakerConfig { order_lots, offset_ticks: 0, skew_ticks })
        }
    }
}

fn latency(of: &LatencyOf) -> Result<LatencyModel> {
    match of {
        LatencyOf::Constant(time) => {
            let latency_ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
            Ok(LatencyModel::Constant { latency_ns })
        }
        LatencyOf::File(path) => {
            let text = fs::read_to_string(path)
                .with_context(|| format!("reading `{}`", path.display()))?;
            LatencyModel::parse(&text).with_context(|| format!("`{}`", path.display()))
        }
    }
}

/// Those of the flags, else those known of the venue.
fn fees(args: &TradeArgs, venue: Venue) -> Result<Fees> {
    let of_bps = |bps: f64| {
        ensure!(
            bps.is_finite() && bps.abs() <= 10_000.0,
            "fees go from -10000 to 10000 basis points"
        );
        Ok((bps * 1e4).round() as i64)
    };
    match (args.maker_fee_bps, args.taker_fee_bps) {
        (Some(maker), Some(taker)) => {
            Ok(Fees { maker_e8: of_bps(maker)?, taker_e8: of_bps(taker)? })
        }
        (None, None) => {
            let known = Fees::of(venue).with_context(|| {
                format!(
                    "no fees are known of {venue}\nhint: give `--maker-fee-bps` and \
                     `--taker-fee-bps`"
                )
            })?;
            Ok(known.0)
        }
        _ => anyhow::bail!("`--maker-fee-bps` and `--taker-fee-bps` are given together"),
    }
}

/// A few lines on each.
pub fn tell(all: &[Traded]) {
    for Traded { symbol, policy, report } in all {
        let found = &report.summary;
        let (pnl, orders) = (&found.pnl, &found.orders);
        eprintln!(
            "\n{symbol}, {policy}: profit {:.4} = spread {:.4} + held {:.4} - fees {:.4}",
            pnl.total, pnl.spread, pnl.inventory, pnl.fees
        );
        let share = orders.fill_ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.3}"));
        eprintln!(
            "  {} fills ({} resting) of {} orders, {share} of what was sent; drawdown {:.4}",
            found.fills, found.maker_fills, orders.sent, found.max_drawdown
        );
        if let (Some(value), Some(low), Some(high)) =
            (found.sharpe.value, found.sharpe.low, found.sharpe.high)
        {
            let sample_s = found.sample_ns as f64 / 1e9;
            eprintln!("  Sharpe ratio of {sample_s} s: {value:.4} ({low:.4} to {high:.4})");
        }
        for markout in &found.markouts {
            if let Some(ticks) = markout.mean_ticks.value {
                let after_s = markout.horizon_ns as f64 / 1e9;
                eprintln!(
                    "  markout after {after_s} s: {ticks:.3} ticks over {} fills",
                    markout.fills
                );
            }
        }
    }
}

//! hftbacktest: its three depth structures by the level, and its event loop by the event.

use crate::{
    outcome::Outcome,
    recording::{BookMessage, Received, Recording},
};
use anyhow::{Context, Result, anyhow};
use hftbacktest::{
    backtest::{
        Backtest, ExchangeKind, L2AssetBuilder,
        assettype::LinearAsset,
        data::Data,
        models::{
            CommonFees, ConstantLatency, PowerProbQueueFunc3, ProbQueueModel, TradingValueFeeModel,
        },
    },
    depth::{
        BTreeMarketDepth, HashMapMarketDepth, INVALID_MAX, INVALID_MIN, L2MarketDepth, MarketDepth,
        ROIVectorMarketDepth,
    },
    prelude::{Bot, ElapseResult},
    types::{
        EXCH_ASK_DEPTH_EVENT, EXCH_BID_DEPTH_EVENT, EXCH_BUY_TRADE_EVENT, EXCH_SELL_TRADE_EVENT,
        Event, LOCAL_ASK_DEPTH_EVENT, LOCAL_BID_DEPTH_EVENT, LOCAL_BUY_TRADE_EVENT,
        LOCAL_SELL_TRADE_EVENT,
    },
};
use tickhawk_market::{Change, Scale, Side};

/// One changed level, decoded.
#[derive(Clone, Copy, Debug)]
pub struct Level {
    /// Whether it is a bid.
    pub is_bid: bool,
    /// Price.
    pub price: f64,
    /// Quantity, zero to remove it.
    pub qty: f64,
}

/// The messages of the recording as hftbacktest would hold them.
pub fn levels(scale: Scale, messages: &[BookMessage]) -> Vec<Vec<Level>> {
    let (price, qty) =
        (10f64.powi(scale.price_decimals.into()), 10f64.powi(scale.qty_decimals.into()));
    let level = |change: &Change| Level {
        is_bid: change.side == Side::Bid,
        price: change.price.units() as f64 / price,
        qty: change.qty.units() as f64 / qty,
    };
    messages.iter().map(|(_, changes)| changes.iter().map(level).collect()).collect()
}

/// A depth structure that takes levels.
pub struct Depth<D> {
    depth: D,
    outcome: Outcome,
}

impl Depth<HashMapMarketDepth> {
    /// The one that its examples use.
    pub fn hash_map(recording: &Recording) -> Self {
        Self::of(HashMapMarketDepth::new(recording.tick_size, recording.lot_size))
    }
}

impl Depth<BTreeMarketDepth> {
    /// The sorted one.
    pub fn btree(recording: &Recording) -> Self {
        Self::of(BTreeMarketDepth::new(recording.tick_size, recording.lot_size))
    }
}

impl Depth<ROIVectorMarketDepth> {
    /// The fastest one: a flat vector over the range of interest, here every price that occurs.
    pub fn roi_vector(recording: &Recording, messages: &[Vec<Level>]) -> Self {
        let prices = || messages.iter().flatten().map(|level| level.price);
        let (low, high) = (prices().fold(f64::MAX, f64::min), prices().fold(0.0, f64::max));
        Self::of(ROIVectorMarketDepth::new(recording.tick_size, recording.lot_size, low, high))
    }
}

impl<D: MarketDepth + L2MarketDepth> Depth<D> {
    fn of(depth: D) -> Self {
        Self { depth, outcome: Outcome::default() }
    }

    /// One message.
    #[inline]
    pub fn on_message(&mut self, levels: &[Level]) {
        for level in levels {
            let Level { is_bid, price, qty } = *level;
            if is_bid {
                self.depth.update_bid_depth(price, qty, 0);
            } else {
                self.depth.update_ask_depth(price, qty, 0);
            }
        }
    }

    /// Adds OBI(5); for the check alone.
    pub fn add(&mut self) {
        let (bid, ask) = depth(&self.depth, 5);
        self.outcome.add(bid, ask);
    }

    /// Where the book stands.
    pub fn outcome(&self) -> Outcome {
        outcome(&self.depth, self.outcome)
    }
}

/// The quantity of the best levels, by asking for one tick after another, as a strategy does.
fn depth(depth: &impl MarketDepth, levels: usize) -> (f64, f64) {
    // Far beyond where five levels lie.
    const TICKS: i64 = 100_000;
    let sum = |best: i64, step: i64, qty: &dyn Fn(i64) -> f64| {
        if best == INVALID_MIN || best == INVALID_MAX {
            return 0.0;
        }
        let ticks = (0..TICKS).map(|n| qty(best + n * step));
        ticks.filter(|qty| *qty > 0.0).take(levels).sum::<f64>()
    };
    let bid = sum(depth.best_bid_tick(), -1, &|tick| depth.bid_qty_at_tick(tick));
    let ask = sum(depth.best_ask_tick(), 1, &|tick| depth.ask_qty_at_tick(tick));
    (bid, ask)
}

fn outcome(depth: &impl MarketDepth, so_far: Outcome) -> Outcome {
    let bid = [depth.best_bid(), depth.best_bid_qty()];
    let ask = [depth.best_ask(), depth.best_ask_qty()];
    Outcome { bid, ask, ..so_far }
}

/// The recording in hftbacktest's own form: snapshot, diffs and trades, each at its receive time.
pub fn events(recording: &Recording, messages: &[Vec<Level>]) -> Result<Vec<Event>> {
    let (snapshot, diffs) = messages.split_first().context("no book messages")?;
    let live_at = recording.received.iter().find_map(|received| match received {
        Received::Reply { at, url, .. } if url.contains("/v1/depth") => Some(*at),
        _ => None,
    });
    let live_at = live_at.context("no snapshot")?;
    // Diffs that waited for the snapshot are applied with it.
    let times = recording.depth.iter().map(|depth| depth.at.max(live_at));
    let timed = std::iter::once((live_at, snapshot)).chain(times.zip(diffs));
    let mut events: Vec<Event> = Vec::new();
    for (at, levels) in timed {
        events.extend(levels.iter().map(|level| {
            let ev = match level.is_bid {
                true => EXCH_BID_DEPTH_EVENT | LOCAL_BID_DEPTH_EVENT,
                false => EXCH_ASK_DEPTH_EVENT | LOCAL_ASK_DEPTH_EVENT,
            };
            event(ev, at, level.price, level.qty)
        }));
    }
    for received in &recording.received {
        let Received::Frame { at, bytes } = received else { continue };
        if let crate::naive::message::Event::Trade(trade) = crate::naive::message::parse(bytes)? {
            let ev = match trade.buyer_is_maker {
                true => EXCH_SELL_TRADE_EVENT | LOCAL_SELL_TRADE_EVENT,
                false => EXCH_BUY_TRADE_EVENT | LOCAL_BUY_TRADE_EVENT,
            };
            events.push(event(ev, *at, trade.price.parse()?, trade.qty.parse()?));
        }
    }
    events.sort_by_key(|event| event.local_ts);
    Ok(events)
}

fn event(ev: u64, at: u64, px: f64, qty: f64) -> Event {
    let at = at as i64;
    Event { ev, exch_ts: at, local_ts: at, px, qty, order_id: 0, ival: 0, fval: 0.0 }
}

/// A back-test over the events without a strategy: the event loop alone.
pub struct Loop {
    backtest: Backtest<HashMapMarketDepth>,
}

impl Loop {
    /// Ready to run; the events are held in memory.
    pub fn new(recording: &Recording, events: &[Event]) -> Result<Self> {
        let (tick, lot) = (recording.tick_size, recording.lot_size);
        let asset = L2AssetBuilder::new()
            .data(vec![hftbacktest::backtest::DataSource::Data(Data::from_data(events))])
            .latency_model(ConstantLatency::new(0, 0))
            .asset_type(LinearAsset::new(1.0))
            .fee_model(TradingValueFeeModel::new(CommonFees::new(-0.00005, 0.0007)))
            .exchange(ExchangeKind::NoPartialFillExchange)
            .queue_model(ProbQueueModel::new(PowerProbQueueFunc3::new(3.0)))
            .depth(move || HashMapMarketDepth::new(tick, lot))
            .build()
            .map_err(|error| anyhow!("{error:?}"))?;
        let backtest = Backtest::builder().add_asset(asset).build();
        Ok(Self { backtest: backtest.map_err(|error| anyhow!("{error:?}"))? })
    }

    /// To the end, without stopping.
    pub fn run(&mut self) -> Result<()> {
        match self.backtest.goto_end().map_err(|error| anyhow!("{error:?}"))? {
            ElapseResult::EndOfData => Ok(()),
            other => Err(anyhow!("the back-test ended with {other:?}")),
        }
    }

    /// Best bid and ask.
    pub fn outcome(&self) -> Outcome {
        outcome(self.backtest.depth(0), Outcome::default())
    }
}

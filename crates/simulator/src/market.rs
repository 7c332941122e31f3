//! All instruments of the market, in one order of time.

use crate::chance::Chance;
use crate::flow::{Fill, Flow, Touched};
use crate::ladder::Ladder;
use crate::{MarketConfig, SimulatorError, SymbolSpec};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use tickhawk_market::{Level, Price, Qty, Side, UnixNanos};

/// How long the market runs before it opens, so that nobody sees its artificial first book.
const WARM_UP_NS: u64 = 5_000_000_000;
/// Mean life of a drift regime.
const REGIME_NS: u64 = 6_000_000_000;
/// Order events to one spontaneous market order; followers more than double these.
const EVENTS_PER_MARKET_ORDER: u64 = 50;
/// Order events to one withdrawal of liquidity.
const EVENTS_PER_WITHDRAWAL: u64 = 12_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stimulus {
    Order,
    MarketOrder,
    Follower(Side),
    Regime,
    Withdrawal,
}

/// What happened, once, to one instrument: one atomic step from one book to the next.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) at_ns: u64,
    pub(crate) symbol: usize,
    /// Levels whose quantity changed.
    pub(crate) touched: Vec<Touched>,
    /// Fills of a market order, in order; empty for anything else.
    pub(crate) fills: Vec<Fill>,
    /// Who took, where there are fills.
    pub(crate) taker: Side,
    /// Whether best price or quantity changed on either side.
    pub(crate) top_changed: bool,
}

/// Running totals of an instrument's trades.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tape {
    pub(crate) last: i64,
    pub(crate) last_lots: i64,
    pub(crate) open: i64,
    pub(crate) high: i64,
    pub(crate) low: i64,
    pub(crate) volume_lots: i128,
    /// Sum of ticks times lots.
    pub(crate) turnover: i128,
}

impl Tape {
    fn trade(&mut self, fill: Fill) {
        self.last = fill.ticks;
        self.last_lots = fill.lots;
        self.high = self.high.max(fill.ticks);
        self.low = self.low.min(fill.ticks);
        self.volume_lots += i128::from(fill.lots);
        self.turnover += i128::from(fill.ticks) * i128::from(fill.lots);
    }

    /// Volume-weighted average price in ticks.
    pub(crate) fn average(&self) -> i64 {
        if self.volume_lots == 0 { self.last } else { (self.turnover / self.volume_lots) as i64 }
    }

    /// Volume in lots, as far as it fits.
    pub(crate) fn volume(&self) -> i64 {
        i64::try_from(self.volume_lots).unwrap_or(i64::MAX)
    }
}

/// One side of a book, best price first.
pub type Levels = Vec<Level>;

/// The true market: what the venue knows. Draws events for ever; it has no clock but theirs.
#[derive(Clone, Debug)]
pub struct Market {
    specs: Vec<SymbolSpec>,
    flows: Vec<Flow>,
    tapes: Vec<Tape>,
    waits_ns: Vec<u64>,
    /// What comes next: time, a counter that settles ties, instrument.
    agenda: BinaryHeap<Reverse<(u64, u64, usize, Stimulus)>>,
    planned: u64,
    now_ns: u64,
}

impl Market {
    /// A market at its configuration's start, warmed up.
    pub fn new(config: &MarketConfig) -> Result<Self, SimulatorError> {
        config.check()?;
        let mut market = Self {
            specs: config.symbols.clone(),
            flows: Vec::new(),
            tapes: Vec::new(),
            waits_ns: Vec::new(),
            agenda: BinaryHeap::new(),
            planned: 0,
            now_ns: config.start.nanos() - WARM_UP_NS,
        };
        for (symbol, spec) in config.symbols.iter().enumerate() {
            market.flows.push(Flow::new(spec, Chance::new(config.seed, symbol as u64)));
            let start = spec.start_price / spec.tick;
            let tape =
                Tape { last: start, open: start, high: start, low: start, ..Tape::default() };
            market.tapes.push(Tape { last_lots: spec.order_lots, ..tape });
            let per_second =
                u64::from(spec.events_per_second) * u64::from(config.intensity_permille.max(1));
            market.waits_ns.push((1_000_000_000_000 / per_second).max(1));
            for stimulus in
                [Stimulus::Order, Stimulus::MarketOrder, Stimulus::Regime, Stimulus::Withdrawal]
            {
                market.plan(symbol, stimulus);
            }
        }
        while market.next_at() < config.start {
            market.step();
        }
        Ok(market)
    }

    fn plan(&mut self, symbol: usize, stimulus: Stimulus) {
        let mean_ns = match stimulus {
            Stimulus::Order => self.waits_ns[symbol],
            Stimulus::MarketOrder => self.waits_ns[symbol] * EVENTS_PER_MARKET_ORDER,
            Stimulus::Regime => REGIME_NS,
            Stimulus::Withdrawal => self.waits_ns[symbol] * EVENTS_PER_WITHDRAWAL,
            Stimulus::Follower(_) => return,
        };
        let wait_ns = self.flows[symbol].wait(mean_ns);
        self.push(symbol, wait_ns, stimulus);
    }

    fn push(&mut self, symbol: usize, wait_ns: u64, stimulus: Stimulus) {
        self.planned += 1;
        self.agenda.push(Reverse((self.now_ns + wait_ns, self.planned, symbol, stimulus)));
    }

    /// When the next event is due.
    pub fn next_at(&self) -> UnixNanos {
        let next = self.agenda.peek().expect("every stimulus plans its successor");
        UnixNanos::new(next.0.0)
    }

    /// The time of the last event, or the start.
    pub fn now(&self) -> UnixNanos {
        UnixNanos::new(self.now_ns)
    }

    /// Lets the next event happen. `None` if it left the book as it was.
    pub(crate) fn step(&mut self) -> Option<Event> {
        let Reverse((at_ns, _, symbol, stimulus)) =
            self.agenda.pop().expect("every stimulus plans its successor");
        self.now_ns = at_ns;
        self.plan(symbol, stimulus);
        let flow = &mut self.flows[symbol];
        let top_before = flow.top();
        let (mut touched, mut fills, mut taker) = (Vec::new(), Vec::new(), Side::Bid);
        match stimulus {
            Stimulus::Order => touched.extend(flow.order_event()),
            Stimulus::Regime => flow.change_regime(),
            Stimulus::Withdrawal => flow.withdraw(&mut touched),
            Stimulus::MarketOrder | Stimulus::Follower(_) => {
                taker = match stimulus {
                    Stimulus::Follower(side) => side,
                    _ => flow.taker(),
                };
                flow.market_order(taker, &mut fills);
                touched.extend(fills.iter().map(|fill| (taker.opposite(), fill.ticks)));
                for _ in 0..flow.offspring() {
                    let (wait_ns, side) = self.flows[symbol].follower(taker);
                    self.push(symbol, wait_ns, Stimulus::Follower(side));
                }
            }
        }
        for &fill in &fills {
            self.tapes[symbol].trade(fill);
        }
        let key = |(bid, ask): (crate::ladder::Rung, crate::ladder::Rung)| {
            (bid.ticks, bid.lots, ask.ticks, ask.lots)
        };
        let top = self.flows[symbol].top();
        assert!(top.0.ticks < top.1.ticks, "orders never cross the book");
        let top_changed = key(top) != key(top_before);
        (!touched.is_empty()).then_some(Event { at_ns, symbol, touched, fills, taker, top_changed })
    }

    /// Lets the next event happen, whatever it does. For runs of the market without a venue.
    pub fn advance(&mut self) {
        self.step();
    }

    /// The instruments.
    pub fn symbols(&self) -> &[SymbolSpec] {
        &self.specs
    }

    /// The whole true book now: bids, then asks, best first.
    ///
    /// # Panics
    /// If there is no such symbol.
    pub fn book(&self, symbol: usize) -> (Levels, Levels) {
        let side = |side| {
            let rungs = self.ladder(symbol, side).best_first();
            rungs.map(|rung| self.level(symbol, rung.ticks, rung.lots)).collect()
        };
        (side(Side::Bid), side(Side::Ask))
    }

    /// Best bid and best ask now; there always are both.
    ///
    /// # Panics
    /// If there is no such symbol.
    pub fn top(&self, symbol: usize) -> (Level, Level) {
        let (bid, ask) = self.flows[symbol].top();
        (self.level(symbol, bid.ticks, bid.lots), self.level(symbol, ask.ticks, ask.lots))
    }

    pub(crate) fn level(&self, symbol: usize, ticks: i64, lots: i64) -> Level {
        let spec = &self.specs[symbol];
        let (price, qty) = (spec.price_units(ticks), spec.qty_units(lots));
        Level { price: Price::new(price), qty: Qty::new(qty) }
    }

    pub(crate) fn ladder(&self, symbol: usize, side: Side) -> &Ladder {
        self.flows[symbol].ladder(side)
    }

    pub(crate) fn tape(&self, symbol: usize) -> &Tape {
        &self.tapes[symbol]
    }
}

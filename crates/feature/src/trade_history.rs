//! Everything that is made of trades: it outlasts an epoch of the book.

use crate::flow::TradeFlow;
use crate::measure::{Growth, float};
use crate::plan::PlanOptions;
use crate::roll::Roll;
use crate::vpin::Vpin;
use crate::window::{Now, Window};
use crate::wiring::Wiring;
use tickhawk_market::{Scale, Side, Trade};

/// The series of trades.
#[derive(Clone, Debug)]
pub(crate) struct TradeHistory {
    /// What the windows are brought up to.
    at: u64,
    count: u64,
    /// When the first trade was received: before it, nothing shows that trades are sent at all.
    since: Option<u64>,
    flow: TradeFlow,
    roll: Roll,
    vpin: Option<Vpin>,
}

impl TradeHistory {
    pub(crate) fn new(wiring: &Wiring, options: &PlanOptions, scale: Scale) -> Self {
        let capacity = options.window_capacity;
        let vpin = options.vpin.filter(|_| wiring.vpin);
        Self {
            at: 0,
            count: 0,
            since: None,
            flow: TradeFlow::new(&wiring.trades, capacity),
            roll: Roll::new(&wiring.roll, capacity),
            vpin: vpin.map(|options| Vpin::new(options, scale.qty_decimals)),
        }
    }

    #[inline]
    fn now(&self, at: u64) -> Now {
        Now { at, index: self.count }
    }

    #[inline]
    pub(crate) fn on_trade(&mut self, at: u64, trade: &Trade) {
        self.advance(at);
        self.count += 1;
        self.since.get_or_insert(at);
        let now = self.now(at);
        self.flow.on_trade(now, trade);
        self.roll.on_trade(now, trade.price.units());
        if let Some(vpin) = &mut self.vpin {
            vpin.on_trade(trade.qty.units(), trade.taker == Side::Ask);
        }
    }

    /// Brings every window up to `at`.
    #[inline]
    pub(crate) fn advance(&mut self, at: u64) {
        if at == self.at {
            return;
        }
        self.at = at;
        let now = self.now(at);
        self.flow.expire(now);
        self.roll.expire(now);
    }

    /// Looks at what the next trade will need.
    pub(crate) fn touch(&self) {
        self.flow.touch();
        self.roll.touch();
    }

    /// Whether a time window has been observed whole, or one by count is full.
    fn is_whole(&self, window: usize, at: u64) -> bool {
        let window_of = self.flow.window(window);
        match window_of {
            Window::Time { .. } => {
                let horizon = window_of.horizon(self.now(at));
                self.since.zip(horizon).is_some_and(|(since, horizon)| since <= horizon)
            }
            Window::Updates { count } | Window::Trades { count } => {
                self.flow.count(window) == count
            }
        }
    }

    pub(crate) fn imbalance(&self, window: usize, at: u64) -> Option<f64> {
        let by_time = matches!(self.flow.window(window), Window::Time { .. });
        let volumes = self.flow.volumes(window);
        let both = volumes.bought + volumes.sold;
        let enough = both > 0 && (by_time || self.is_whole(window, at));
        enough.then(|| float(volumes.bought - volumes.sold) / float(both))
    }

    pub(crate) fn count(&self, window: usize, at: u64) -> Option<f64> {
        self.is_whole(window, at).then(|| self.flow.count(window) as f64)
    }

    /// Volume in quantity units.
    pub(crate) fn volume_units(&self, window: usize, at: u64) -> Option<i128> {
        let volumes = self.flow.volumes(window);
        self.is_whole(window, at).then_some(volumes.bought + volumes.sold)
    }

    pub(crate) fn rate(&self, window: usize, at: u64) -> Option<f64> {
        Some(self.count(window, at)? / self.flow.window(window).seconds())
    }

    /// Roll's spread in price units.
    pub(crate) fn roll_spread(&self, window: usize) -> Option<f64> {
        self.roll.spread(window)
    }

    pub(crate) fn vpin(&self) -> Option<f64> {
        self.vpin.as_ref()?.value()
    }

    pub(crate) fn overflows(&self) -> u64 {
        self.flow.overflows() + self.roll.overflows()
    }

    pub(crate) fn clear(&mut self) {
        (self.count, self.since) = (0, None);
        self.flow.clear();
        self.roll.clear();
        if let Some(vpin) = &mut self.vpin {
            vpin.clear();
        }
    }

    /// Takes new decimals with nothing held.
    #[cold]
    pub(crate) fn set_qty_decimals(&mut self, qty_decimals: u8) {
        if let Some(vpin) = &mut self.vpin {
            vpin.set_decimals(qty_decimals);
        }
    }

    /// Multiplies all that is held up; `false` if something does not fit: clear then.
    #[cold]
    #[must_use]
    pub(crate) fn rescale(&mut self, growth: Growth, qty_decimals: u8) -> bool {
        self.roll.rescale(growth.price);
        if let Some(vpin) = &mut self.vpin {
            vpin.rescale(qty_decimals);
        }
        self.flow.rescale(growth.qty)
    }
}

//! Everything that is made of past books: it lasts for an epoch.

use crate::book::Top;
use crate::ema::Ema;
use crate::kyle::Kyle;
use crate::measure::{Growth, Measure};
use crate::mid::{MidHistory, log_return};
use crate::ofi::Flows;
use crate::rows::{Rows, SumPlace};
use crate::volatility::Volatility;
use crate::window::{Now, Window};
use crate::wiring::Wiring;
use tickhawk_market::Level;

/// The series of book messages and mids.
#[derive(Clone, Debug)]
pub(crate) struct BookHistory {
    /// What the windows are brought up to.
    at: u64,
    /// Book messages of this epoch.
    updates: u64,
    /// When the first of them was received.
    since: Option<u64>,
    /// Best bid plus best ask as last known, even if a side is empty now.
    doubled_mid: Option<i64>,
    flows: Flows,
    rows: Rows,
    mids: MidHistory,
    volatility: Volatility,
    emas: Vec<Ema>,
    kyle: Kyle,
}

impl BookHistory {
    pub(crate) fn new(wiring: &Wiring, capacity: usize) -> Self {
        Self {
            at: 0,
            updates: 0,
            since: None,
            doubled_mid: None,
            flows: Flows::new(wiring.rows.flows()),
            rows: Rows::new(&wiring.rows, capacity),
            mids: MidHistory::new(&wiring.mids, capacity),
            volatility: Volatility::new(&wiring.volatility),
            emas: wiring.ema_tau_nanos.iter().map(|&tau_nanos| Ema::new(tau_nanos)).collect(),
            kyle: Kyle::new(&wiring.kyle),
        }
    }

    #[inline]
    fn now(&self, at: u64) -> Now {
        Now { at, index: self.updates }
    }

    /// Takes the new levels in place of those of `top`.
    #[inline]
    pub(crate) fn on_book(
        &mut self,
        at: u64,
        top: &mut Top,
        bids: &[Level],
        asks: &[Level],
        measure: &Measure,
    ) {
        self.advance(at);
        self.updates += 1;
        let now = self.now(at);
        top.set(bids, asks);
        self.flows.take(top);
        let flows = self.since.map(|_| &self.flows);
        self.rows.push(at, top, flows, measure);
        self.since.get_or_insert(at);
        self.mids.advance(now);
        if let Some(doubled_mid) = top.doubled_mid()
            && self.doubled_mid != Some(doubled_mid)
        {
            self.doubled_mid = Some(doubled_mid);
            self.mids.push(now, doubled_mid);
            self.volatility.on_mid(at, doubled_mid);
            self.emas.iter_mut().for_each(|ema| ema.on_mid(at, doubled_mid));
            self.kyle.on_mid(at, doubled_mid);
        }
    }

    /// Takes a trade: its quantity, negative if the taker sold.
    #[inline]
    pub(crate) fn on_trade(&mut self, at: u64, signed_qty: i64) {
        self.kyle.on_trade(at, signed_qty);
    }

    /// Brings every window up to `at`.
    #[inline]
    pub(crate) fn advance(&mut self, at: u64) {
        if at == self.at {
            return;
        }
        self.at = at;
        self.rows.advance(at);
        self.mids.advance(self.now(at));
        self.volatility.advance(at);
        self.kyle.advance(at);
    }

    /// Looks at what the next message will need.
    pub(crate) fn touch(&self) {
        self.rows.touch();
        self.mids.touch();
    }

    /// Whether a time window has been observed whole, or one by count is full.
    #[inline]
    fn is_whole(&self, window: usize, at: u64) -> bool {
        let span = self.rows.window(window);
        match span {
            Window::Time { .. } => {
                let horizon = span.horizon(self.now(at));
                self.since.zip(horizon).is_some_and(|(since, horizon)| since <= horizon)
            }
            Window::Updates { count } | Window::Trades { count } => {
                self.rows.count(window) == count
            }
        }
    }

    #[inline]
    pub(crate) fn zscore(&self, place: SumPlace) -> Option<f64> {
        self.rows.zscore(place)
    }

    /// Flow in quantity units.
    #[inline]
    pub(crate) fn ofi_units(&self, place: SumPlace, at: u64) -> Option<i128> {
        self.is_whole(place.window, at).then(|| self.rows.flow(place))?
    }

    #[inline]
    pub(crate) fn update_rate(&self, window: usize, at: u64) -> Option<f64> {
        let seconds = || self.rows.window(window).seconds();
        self.is_whole(window, at).then(|| self.rows.count(window) as f64 / seconds())
    }

    pub(crate) fn mid_return(&self, window: usize, at: u64, top: &Top) -> Option<f64> {
        log_return(self.mids.past(window, self.now(at))?, top.doubled_mid()?)
    }

    pub(crate) fn realised_vol(&self, window: usize, at: u64) -> Option<f64> {
        self.volatility.value(window, at)
    }

    /// Mid minus average in doubled price units.
    pub(crate) fn ema_deviation(&self, ema: usize, at: u64, top: &Top) -> Option<f64> {
        top.touch()?;
        self.emas[ema].value(at)
    }

    /// Doubled price units per quantity unit.
    pub(crate) fn kyle_slope(&self, window: usize) -> Option<f64> {
        self.kyle.slope(window)
    }

    pub(crate) fn overflows(&self) -> u64 {
        self.rows.overflows() + self.mids.overflows()
    }

    pub(crate) fn clear(&mut self) {
        (self.updates, self.since, self.doubled_mid) = (0, None, None);
        self.rows.clear();
        self.mids.clear();
        self.volatility.clear();
        self.emas.iter_mut().for_each(Ema::clear);
        self.kyle.clear();
    }

    /// Begins what pairs books with trades anew: some trades may have been missed until `at`.
    #[cold]
    pub(crate) fn restart_trades(&mut self, at: u64) {
        self.kyle.restart_trades(at);
    }

    /// Forgets past values in ticks: a new tick size makes them another quantity.
    #[cold]
    pub(crate) fn forget_ticks(&mut self) {
        self.rows.forget_ticks();
    }

    /// Multiplies all that is held up; `top` has been.
    #[cold]
    pub(crate) fn rescale(&mut self, growth: Growth, top: &Top) {
        self.flows.take(top);
        self.doubled_mid = self.doubled_mid.and_then(|mid| mid.checked_mul(growth.price));
        self.rows.rescale(growth);
        self.mids.rescale(growth.price);
        self.volatility.rescale(growth.price);
        self.emas.iter_mut().for_each(|ema| ema.rescale(growth.price));
        self.kyle.rescale(growth);
    }
}

//! Everything that is made of past books: it lasts for an epoch.

use crate::book::Top;
use crate::ema::Ema;
use crate::kyle::Kyle;
use crate::measure::{Growth, Measure};
use crate::mid::{MidHistory, log_return};
use crate::ofi::{Flows, Ofi};
use crate::rolling::Rolling;
use crate::volatility::Volatility;
use crate::window::{Now, Window};
use crate::wiring::Wiring;
use crate::zscore::ZScore;
use tickhawk_market::Level;

/// The series of book messages and mids.
#[derive(Clone, Debug)]
pub(crate) struct BookHistory {
    /// Book messages of this epoch.
    updates: u64,
    /// When the first of them was received.
    since: Option<u64>,
    /// Best bid plus best ask as last known, even if a side is empty now.
    doubled_mid: Option<i128>,
    update_rate: Rolling<()>,
    flows: Flows,
    ofis: Vec<Ofi>,
    zscores: Vec<ZScore>,
    mids: MidHistory,
    volatility: Volatility,
    emas: Vec<Ema>,
    kyle: Kyle,
}

impl BookHistory {
    pub(crate) fn new(wiring: &Wiring, capacity: usize) -> Self {
        let ofi = |(levels, windows): &(_, Vec<Window>)| Ofi::new(*levels, windows, capacity);
        let zscore = |(base, windows): &(_, Vec<Window>)| ZScore::new(*base, windows, capacity);
        Self {
            updates: 0,
            since: None,
            doubled_mid: None,
            update_rate: Rolling::new(&wiring.update_rate, capacity),
            flows: Flows::new(wiring.ofis.iter().map(|(levels, _)| levels)),
            ofis: wiring.ofis.iter().map(ofi).collect(),
            zscores: wiring.zscores.iter().map(zscore).collect(),
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

    /// Flows are numbered from the second message on: the first has none before it.
    #[inline]
    fn flow_now(&self, at: u64) -> Now {
        Now { at, index: self.updates.saturating_sub(1) }
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
        self.updates += 1;
        let now = self.now(at);
        if self.since.is_some() {
            let now = self.flow_now(at);
            self.flows.set(top, bids, asks);
            self.ofis.iter_mut().for_each(|ofi| ofi.on_book(now, &self.flows));
        } else {
            self.since = Some(at);
        }
        top.set(bids, asks);
        self.update_rate.expire(now);
        self.update_rate.push(at, self.updates, ());
        self.zscores.iter_mut().for_each(|zscore| zscore.on_book(at, top, measure));
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
        let (now, flow_now) = (self.now(at), self.flow_now(at));
        self.update_rate.expire(now);
        self.ofis.iter_mut().for_each(|ofi| ofi.expire(flow_now));
        self.zscores.iter_mut().for_each(|zscore| zscore.expire(at));
        self.mids.advance(now);
        self.volatility.advance(at);
        self.kyle.advance(at);
    }

    /// Looks at what the next message will need.
    pub(crate) fn touch(&self) {
        self.update_rate.touch();
        self.ofis.iter().for_each(Ofi::touch);
        self.zscores.iter().for_each(ZScore::touch);
        self.mids.touch();
    }

    /// Whether a time window has been observed whole, or one by count is full.
    fn is_whole(&self, window: Window, at: u64, count: u64) -> bool {
        match window {
            Window::Time { .. } => {
                let horizon = window.horizon(self.now(at));
                self.since.zip(horizon).is_some_and(|(since, horizon)| since <= horizon)
            }
            Window::Updates { count: needed } | Window::Trades { count: needed } => count == needed,
        }
    }

    pub(crate) fn zscore(&self, series: usize, window: usize) -> Option<f64> {
        self.zscores[series].value(window)
    }

    /// Flow in quantity units.
    pub(crate) fn ofi_units(&self, series: usize, window: usize, at: u64) -> Option<i128> {
        let ofi = &self.ofis[series];
        let whole = self.is_whole(ofi.window(window), at, ofi.count(window));
        whole.then(|| ofi.units(window))
    }

    pub(crate) fn update_rate(&self, window: usize, at: u64) -> Option<f64> {
        let (span, count) = (self.update_rate.window(window), self.update_rate.count(window));
        self.is_whole(span, at, count).then(|| count as f64 / span.seconds())
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
    pub(crate) fn kyle_slope(&self, window: usize, at: u64) -> Option<f64> {
        self.kyle.slope(window, at)
    }

    pub(crate) fn overflows(&self) -> u64 {
        self.update_rate.overflows()
            + self.ofis.iter().map(Ofi::overflows).sum::<u64>()
            + self.zscores.iter().map(ZScore::overflows).sum::<u64>()
            + self.mids.overflows()
    }

    pub(crate) fn clear(&mut self) {
        (self.updates, self.since, self.doubled_mid) = (0, None, None);
        self.update_rate.clear();
        self.ofis.iter_mut().for_each(Ofi::clear);
        self.zscores.iter_mut().for_each(ZScore::clear);
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
        let in_ticks = |zscore: &&mut ZScore| zscore.feature().needs_tick();
        self.zscores.iter_mut().filter(in_ticks).for_each(ZScore::clear);
    }

    /// Multiplies all that is held up; `false` if something does not fit: clear then.
    #[cold]
    #[must_use]
    pub(crate) fn rescale(&mut self, growth: Growth) -> bool {
        let price = i128::from(growth.price);
        self.doubled_mid = self.doubled_mid.map(|mid| mid.saturating_mul(price));
        self.zscores.iter_mut().for_each(|zscore| zscore.rescale(growth));
        self.mids.rescale(growth.price);
        self.volatility.rescale(growth.price);
        self.emas.iter_mut().for_each(|ema| ema.rescale(growth.price));
        self.kyle.rescale(growth);
        self.ofis.iter_mut().all(|ofi| ofi.rescale(growth))
    }
}

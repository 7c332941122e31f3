//! Windows over trades: counts, volumes, and which side took.

use crate::rolling::{Rolling, Sample};
use crate::window::{Now, Window};
use tickhawk_market::{Side, Trade};

/// What a window keeps of a trade: its quantity units, negative if the taker sold.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Taken(i64);

/// Quantity units taken, by the taker's side.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Volumes {
    pub(crate) bought: i128,
    pub(crate) sold: i128,
}

impl Sample for Taken {
    type Sum = Volumes;

    #[inline]
    fn add(self, sum: &mut Volumes) {
        *if self.0 < 0 { &mut sum.sold } else { &mut sum.bought } += i128::from(self.0.abs());
    }

    #[inline]
    fn remove(self, sum: &mut Volumes) {
        *if self.0 < 0 { &mut sum.sold } else { &mut sum.bought } -= i128::from(self.0.abs());
    }
}

/// The trades and the windows over them.
#[derive(Clone, Debug)]
pub(crate) struct TradeFlow {
    rolling: Rolling<Taken>,
}

impl TradeFlow {
    pub(crate) fn new(windows: &[Window], capacity: usize) -> Self {
        Self { rolling: Rolling::new(windows, capacity) }
    }

    #[inline]
    pub(crate) fn on_trade(&mut self, now: Now, trade: &Trade) {
        self.rolling.expire(now);
        let qty = trade.qty.units();
        let taken = if trade.taker == Side::Ask { -qty } else { qty };
        self.rolling.push(now.at, now.index, Taken(taken));
    }

    #[inline]
    pub(crate) fn expire(&mut self, now: Now) {
        self.rolling.expire(now);
    }

    pub(crate) fn touch(&self) {
        self.rolling.touch();
    }

    pub(crate) fn volumes(&self, window: usize) -> Volumes {
        self.rolling.sum(window)
    }

    pub(crate) fn count(&self, window: usize) -> u64 {
        self.rolling.count(window)
    }

    pub(crate) fn window(&self, window: usize) -> Window {
        self.rolling.window(window)
    }

    pub(crate) fn overflows(&self) -> u64 {
        self.rolling.overflows()
    }

    pub(crate) fn clear(&mut self) {
        self.rolling.clear();
    }

    #[cold]
    #[must_use]
    pub(crate) fn rescale(&mut self, qty: i64) -> bool {
        self.rolling.rescale(|taken| taken.0.checked_mul(qty).map(Taken))
    }
}

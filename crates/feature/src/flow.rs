//! Windows over trades: counts, volumes, and which side took.

use crate::rolling::{Rolling, Sample};
use crate::window::{Now, Window};
use tickhawk_market::{Side, Trade};

/// What a window keeps of a trade.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Taken {
    qty: i64,
    sold: bool,
}

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
        *if self.sold { &mut sum.sold } else { &mut sum.bought } += i128::from(self.qty);
    }

    #[inline]
    fn remove(self, sum: &mut Volumes) {
        *if self.sold { &mut sum.sold } else { &mut sum.bought } -= i128::from(self.qty);
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
        let taken = Taken { qty: trade.qty.units(), sold: trade.taker == Side::Ask };
        self.rolling.push(now.at, now.index, taken);
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
        self.rolling.rescale(|taken| Some(Taken { qty: taken.qty.checked_mul(qty)?, ..taken }))
    }
}

//! Decimals and ticks: the cold things that change a book's numbers or its grid.

use core::num::NonZeroU64;

use alloc::vec::Vec;
use tickhawk_market::{Change, MAX_DECIMALS, Price, Qty, Scale, Side, StaleCause};

use crate::grid::Grid;
use crate::{Book, Rescaled};

impl Book {
    /// The decimals of every price and quantity held.
    #[inline]
    pub fn scale(&self) -> Scale {
        self.scale
    }

    /// Takes new decimals and multiplies prices, quantities and the tick up to them. Cold, and the
    /// one method that may allocate: decimals grow a few times in an instrument's life, if at all.
    #[cold]
    pub fn set_scale(&mut self, scale: Scale) -> Rescaled {
        if scale == self.scale {
            return Rescaled::Unchanged;
        }
        let price_factor = factor(self.scale.price_decimals, scale.price_decimals);
        let qty_factor = factor(self.scale.qty_decimals, scale.qty_decimals);
        let (Some(price_factor), Some(qty_factor)) = (price_factor, qty_factor) else {
            return Rescaled::Refused;
        };
        self.scale = scale;
        self.tick = self.tick.and_then(|tick| tick.checked_mul(price_factor));
        let grid = self.grid_times(price_factor);
        let levels = self.multiplied(price_factor, qty_factor);
        let fits = levels.is_some();
        self.replace_levels(grid, &levels.unwrap_or_default());
        if fits {
            return Rescaled::Grown;
        }
        self.mark_stale(StaleCause::Overflow);
        Rescaled::Overflowed
    }

    /// Names the instrument's tick in price units of the present scale, from metadata or config.
    /// The window then counts in ticks. It only makes the book fast: prices between ticks, and
    /// any prices under a wrong tick, are held just as exactly.
    ///
    /// Without a tick (`None`) each snapshot's prices say it: their greatest common divisor. A few
    /// dozen prices cannot all be multiples of twice the tick by chance; one stray price between
    /// ticks makes the divisor too small, which costs reach of the window, not truth. Whether named
    /// or found, a tick that at least one change in eight contradicts gives way to a divisor of it
    /// until the next snapshot.
    #[cold]
    pub fn set_tick(&mut self, tick_units: Option<NonZeroU64>) {
        if tick_units == self.tick {
            return;
        }
        self.tick = tick_units;
        if let Some(tick) = tick_units {
            self.regrid(tick);
        }
    }

    fn grid_times(&self, price_factor: NonZeroU64) -> Grid {
        let stride = self.sides[0].grid().stride().checked_mul(price_factor.get());
        stride.and_then(NonZeroU64::new).map_or(Grid::UNIT, Grid::new)
    }

    /// Every level multiplied up; `None` if one does not fit.
    fn multiplied(&self, price_factor: NonZeroU64, qty_factor: NonZeroU64) -> Option<Vec<Change>> {
        let grown = |units: i64, factor: NonZeroU64| {
            units.checked_mul(i64::try_from(factor.get()).expect("at most 10^18"))
        };
        let side = |side| self.levels(side).map(move |level| (side, level));
        let levels = side(Side::Bid).chain(side(Side::Ask));
        levels
            .map(|(side, level)| {
                let price = Price::new(grown(level.price.units(), price_factor)?);
                let qty = Qty::new(grown(level.qty.units(), qty_factor)?);
                Some(Change { side, price, qty })
            })
            .collect()
    }
}

/// 10^(`to` - `from`), if decimals may go from the one to the other.
fn factor(from: u8, to: u8) -> Option<NonZeroU64> {
    let grown = to.checked_sub(from).filter(|_| to <= MAX_DECIMALS)?;
    NonZeroU64::new(10u64.pow(u32::from(grown)))
}

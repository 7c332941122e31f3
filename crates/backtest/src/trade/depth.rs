//! The recorded book at the exchange, as deep as it is looked at.

use super::order::OrderSide;
use tickhawk_market::Level;

/// The best levels of both sides, in the instrument's units.
#[derive(Clone, Debug)]
pub(crate) struct Depth {
    /// Bids, then asks: price and quantity, best first.
    sides: [Vec<(i64, i64)>; 2],
    /// Whether there were more levels than were looked at.
    is_cut: [bool; 2],
    levels_max: usize,
}

/// Best bid and ask, of a book that is not crossed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Touch {
    /// Price and quantity of the best bid.
    pub bid: (i64, i64),
    /// Price and quantity of the best ask.
    pub ask: (i64, i64),
}

impl Touch {
    /// Twice the mid, in price units.
    pub(crate) fn mark2(&self) -> i128 {
        i128::from(self.bid.0) + i128::from(self.ask.0)
    }

    /// The best price of the side on which an order of `side` rests.
    pub(crate) fn own(&self, side: OrderSide) -> i64 {
        if side == OrderSide::Buy { self.bid.0 } else { self.ask.0 }
    }

    /// The best price of the side that an order of `side` takes.
    pub(crate) fn other(&self, side: OrderSide) -> i64 {
        if side == OrderSide::Buy { self.ask.0 } else { self.bid.0 }
    }
}

/// Why levels make no book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadLevels {
    /// One that does not get worse than the one before.
    Unordered(OrderSide),
    /// A number that does not fit.
    Overflow,
}

impl Depth {
    pub(crate) fn new(levels_max: usize) -> Self {
        Self { sides: [Vec::new(), Vec::new()], is_cut: [false; 2], levels_max }
    }

    /// Replaces one side by these levels, best first, multiplied to the instrument's units.
    pub(crate) fn replace(
        &mut self,
        side: OrderSide,
        levels: impl IntoIterator<Item = Level>,
        (price_factor, qty_factor): (i64, i64),
    ) -> Result<(), BadLevels> {
        let kept = &mut self.sides[side.index()];
        kept.clear();
        self.is_cut[side.index()] = false;
        for level in levels {
            if kept.len() == self.levels_max {
                self.is_cut[side.index()] = true;
                break;
            }
            let price = level.price.units().checked_mul(price_factor);
            let qty = level.qty.units().checked_mul(qty_factor);
            let (price, qty) = price.zip(qty).ok_or(BadLevels::Overflow)?;
            let gets_worse =
                kept.last().is_none_or(|&(last, _)| last != price && side.reaches(last, price));
            if !gets_worse {
                return Err(BadLevels::Unordered(side));
            }
            // Books hold what venues send; nothing can be taken of a quantity below zero.
            kept.push((price, qty.max(0)));
        }
        Ok(())
    }

    /// Best bid and ask; `None` if a side is empty or the book is crossed. Locked is whole.
    pub(crate) fn touch(&self) -> Option<Touch> {
        let (bid, ask) = (*self.sides[0].first()?, *self.sides[1].first()?);
        (bid.0 <= ask.0).then_some(Touch { bid, ask })
    }

    /// The quantity at a price of the side on which orders of `side` rest; `None` if the price is
    /// beyond the levels that are looked at.
    pub(crate) fn qty_at(&self, side: OrderSide, price: i64) -> Option<i64> {
        let levels = &self.sides[side.index()];
        let at = levels.partition_point(|&(level, _)| level != price && side.reaches(level, price));
        match levels.get(at) {
            Some(&(level, qty)) if level == price => Some(qty),
            Some(_) => Some(0),
            None => (!self.is_cut[side.index()]).then_some(0),
        }
    }

    /// The levels that an order of `side` takes up to its price, and how much of each: best first,
    /// whole lots of each level, until `qty` is reached.
    pub(crate) fn take(
        &self,
        side: OrderSide,
        price: i64,
        qty: i64,
        lot: i64,
    ) -> impl Iterator<Item = (i64, i64)> + '_ {
        let other = 1 - side.index();
        let mut left = qty;
        self.sides[other]
            .iter()
            .take_while(move |&&(level, _)| side.reaches(price, level))
            .map(move |&(level, there)| {
                let taken = left.min(there - there % lot);
                left -= taken;
                (level, taken)
            })
            .filter(|&(_, taken)| taken > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use tickhawk_market::{Price, Qty};

    fn level((price, qty): (i64, i64)) -> Level {
        Level { price: Price::new(price), qty: Qty::new(qty) }
    }

    #[test]
    fn bad_levels_are_refused() {
        let mut depth = Depth::new(10);
        let mut replace = |side, levels: &[(i64, i64)]| {
            depth.replace(side, levels.iter().copied().map(level), (1, 10))
        };
        assert!(replace(OrderSide::Buy, &[(10, 1), (9, 1)]).is_ok());
        assert_eq!(
            replace(OrderSide::Buy, &[(9, 1), (10, 1)]),
            Err(BadLevels::Unordered(OrderSide::Buy))
        );
        assert_eq!(
            replace(OrderSide::Sell, &[(9, 1), (9, 1)]),
            Err(BadLevels::Unordered(OrderSide::Sell))
        );
        assert_eq!(replace(OrderSide::Sell, &[(9, i64::MAX)]), Err(BadLevels::Overflow));
    }

    proptest! {
        /// Against a map of prices, taken a lot at a time.
        #[test]
        fn taking_is_level_by_level(
            asks in prop::collection::btree_map(1i64..40, 0i64..30, 1..20),
            price in 0i64..45,
            qty in 1i64..100,
            lot in 1i64..4,
            levels_max in 1usize..25,
            flip: bool,
        ) {
            // A sell that takes bids is a buy that takes asks, upside down.
            let side = if flip { OrderSide::Sell } else { OrderSide::Buy };
            let turn = |price: i64| if flip { -price } else { price };
            let rests = if flip { OrderSide::Buy } else { OrderSide::Sell };
            let mut depth = Depth::new(levels_max);
            let levels = asks.iter().map(|(price, qty)| level((turn(*price), *qty)));
            depth.replace(rests, levels, (1, 1)).unwrap();
            let qty = qty * lot;

            let mut slow: BTreeMap<i64, i64> = BTreeMap::new();
            let mut left = qty;
            for (&level, &there) in asks.iter().take(levels_max) {
                let mut there = there;
                while left >= lot && there >= lot && level <= price {
                    *slow.entry(level).or_default() += lot;
                    there -= lot;
                    left -= lot;
                }
            }
            let taken: Vec<_> = depth.take(side, turn(price), qty, lot).collect();
            let expected: Vec<_> = slow.iter().map(|(price, qty)| (turn(*price), *qty)).collect();
            prop_assert_eq!(taken, expected);

            for price in 0..45 {
                let sees = asks.len() <= levels_max
                    || price <= *asks.keys().nth(levels_max - 1).unwrap();
                let expected = sees.then(|| asks.get(&price).copied().unwrap_or(0));
                prop_assert_eq!(depth.qty_at(rests, turn(price)), expected);
            }
        }
    }
}

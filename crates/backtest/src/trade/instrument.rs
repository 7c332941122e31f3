//! What is traded: decimals, tick and lot; and money.

use super::{TradeError, order::OrderSide};
use serde::{Deserialize, Serialize};
use tickhawk_market::{Decimal, DecimalText, MAX_DECIMALS, Scale};

/// Units of [`Money`] in one unit of price times quantity: halves for the mid, and 10^-8 for fees.
pub(crate) const MONEY_PER_VALUE: i128 = 2 * FEE_ONE;

/// A fee rate of one, in its own units.
pub(crate) const FEE_ONE: i128 = 100_000_000;

/// An amount in units of 10^-(price decimals + quantity decimals) / 2 x 10^8 of the quote currency, in
/// which cash, half-tick mids and fees are all whole numbers.
pub(crate) type Money = i128;

/// Steps and decimals of one instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instrument {
    /// Decimals of every price unit, 0 to 18. At least as many as the feed's ever come to be.
    pub price_decimals: u8,
    /// Decimals of every quantity unit, 0 to 18. At least as many as the feed's ever come to be.
    pub qty_decimals: u8,
    /// One price step, in price units, at least 1.
    pub tick_units: i64,
    /// One quantity step, in quantity units, at least 1.
    pub lot_units: i64,
}

impl Default for Instrument {
    /// Whole numbers: no decimals, a tick and a lot of one.
    fn default() -> Self {
        Self { price_decimals: 0, qty_decimals: 0, tick_units: 1, lot_units: 1 }
    }
}

impl Instrument {
    /// An instrument whose integers carry the decimals of `scale`.
    ///
    /// # Errors
    /// [`TradeError::Setting`] if tick or lot is not positive, or no whole number of those decimals.
    pub fn new(scale: Scale, tick_size: Decimal, lot_size: Decimal) -> Result<Self, TradeError> {
        let whole = |key, step: Decimal, decimals| {
            step.at(decimals).filter(|units| *units > 0).ok_or(TradeError::Setting {
                key,
                found: DecimalText { units: step.mantissa, decimals: step.decimals }.to_string(),
                wanted: "a positive step of no more decimals than the instrument's integers carry",
            })
        };
        let instrument = Self {
            price_decimals: scale.price_decimals,
            qty_decimals: scale.qty_decimals,
            tick_units: whole("tick_size", tick_size, scale.price_decimals)?,
            lot_units: whole("lot_size", lot_size, scale.qty_decimals)?,
        };
        instrument.validate()?;
        Ok(instrument)
    }

    pub(crate) fn validate(&self) -> Result<(), TradeError> {
        for (key, decimals) in [
            ("instrument.price_decimals", self.price_decimals),
            ("instrument.qty_decimals", self.qty_decimals),
        ] {
            if decimals > MAX_DECIMALS {
                let found = decimals.to_string();
                return Err(TradeError::Setting { key, found, wanted: "0 to 18" });
            }
        }
        for (key, units) in
            [("instrument.tick_units", self.tick_units), ("instrument.lot_units", self.lot_units)]
        {
            if units < 1 {
                let found = units.to_string();
                return Err(TradeError::Setting { key, found, wanted: "at least 1" });
            }
        }
        Ok(())
    }

    /// The price on the grid that is `ticks` worse for whoever sends an order of this side: lower for
    /// a buyer, higher for a seller. A price between two ticks goes to the worse one. `None` if it does
    /// not fit.
    pub(crate) fn back_off(&self, side: OrderSide, price: i64, ticks: i64) -> Option<i64> {
        let distance = self.tick_units.checked_mul(ticks)?;
        let off_grid = price.rem_euclid(self.tick_units);
        let (moved, rest) = match side {
            OrderSide::Buy => (price.checked_sub(distance)?, -off_grid),
            OrderSide::Sell if off_grid == 0 => (price.checked_add(distance)?, 0),
            OrderSide::Sell => (price.checked_add(distance)?, self.tick_units - off_grid),
        };
        moved.checked_add(rest)
    }

    /// The price on the grid at which an order of this side takes all up to `ticks` beyond `price`.
    pub(crate) fn reach_for(&self, side: OrderSide, price: i64, ticks: i64) -> Option<i64> {
        self.back_off(side.opposite(), price, ticks)
    }

    /// A price in the quote currency.
    pub(crate) fn price(&self, units: i64) -> f64 {
        units as f64 / ten_to(self.price_decimals.into())
    }

    /// Half of this many price units, in the quote currency.
    pub(crate) fn mid(&self, mark2: i128) -> f64 {
        mark2 as f64 / 2.0 / ten_to(self.price_decimals.into())
    }

    /// A quantity in the base asset.
    pub(crate) fn qty(&self, units: i64) -> f64 {
        units as f64 / ten_to(self.qty_decimals.into())
    }

    /// An amount in the quote currency.
    pub(crate) fn amount(&self, money: Money) -> f64 {
        let decimals = i32::from(self.price_decimals) + i32::from(self.qty_decimals);
        money as f64 / MONEY_PER_VALUE as f64 / ten_to(decimals)
    }

    /// The nearest money to an amount in the quote currency; `None` if it does not fit.
    pub(crate) fn money(&self, amount: f64) -> Option<Money> {
        let decimals = i32::from(self.price_decimals) + i32::from(self.qty_decimals);
        let units = (amount * ten_to(decimals) * MONEY_PER_VALUE as f64).round();
        (units.abs() < 1e38).then_some(units as Money)
    }
}

/// A power of ten up to 10^36. Up to 10^22 it is exact; beyond, both factors are.
fn ten_to(decimals: i32) -> f64 {
    let exact = |exponent: i32| 10u64.pow(exponent as u32) as f64;
    exact(decimals.min(18)) * exact((decimals - 18).max(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_rounded_away_from_the_market() {
        let instrument = Instrument { tick_units: 10, ..Instrument::default() };
        for (side, price, ticks, expected) in [
            (OrderSide::Buy, 1000, 0, 1000),
            (OrderSide::Buy, 1007, 0, 1000),
            (OrderSide::Buy, 1007, 2, 980),
            (OrderSide::Buy, -3, 0, -10),
            (OrderSide::Sell, 1000, 0, 1000),
            (OrderSide::Sell, 1001, 0, 1010),
            (OrderSide::Sell, 1001, 3, 1040),
            (OrderSide::Sell, -3, 0, 0),
        ] {
            assert_eq!(instrument.back_off(side, price, ticks), Some(expected), "{side:?} {price}");
        }
        assert_eq!(instrument.reach_for(OrderSide::Buy, 1001, 2), Some(1030));
        assert_eq!(instrument.reach_for(OrderSide::Sell, 1009, 0), Some(1000));
        assert_eq!(instrument.back_off(OrderSide::Sell, i64::MAX, 1), None);
    }

    #[test]
    fn steps_must_be_whole() {
        let scale = Scale { price_decimals: 1, qty_decimals: 3 };
        let step = |text: &str| Decimal::parse(text.as_bytes()).unwrap();
        let made = Instrument::new(scale, step("0.1"), step("0.001")).unwrap();
        assert_eq!((made.tick_units, made.lot_units), (1, 1));
        assert!(Instrument::new(scale, step("0.05"), step("0.001")).is_err());
        assert!(Instrument::new(scale, step("0.1"), step("0")).is_err());
        assert_eq!(made.amount(made.money(-12.5).unwrap()), -12.5);
    }
}

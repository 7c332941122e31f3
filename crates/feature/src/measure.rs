//! From integers of 10^-decimals to floating point: the one place where it happens.

use crate::microprice::Microprice;
use tickhawk_market::Scale;

/// What turns an instrument's integers into base units, quote units and ticks.
#[derive(Clone, Debug)]
pub(crate) struct Measure {
    scale: Scale,
    /// One price step in price units, positive.
    tick: Option<i64>,
    /// The same; no number while it is unknown, and so is no value in ticks.
    tick_units: f64,
    pub(crate) microprice: Option<Microprice>,
    /// 10^qty_decimals and 10^price_decimals, exact in an `f64` (both are at most 10^18).
    qty_one: f64,
    price_one: f64,
}

impl Measure {
    pub(crate) fn new(scale: Scale, tick: Option<i64>, microprice: Option<Microprice>) -> Self {
        let (tick_units, qty_one, price_one) = (f64::NAN, 1.0, 1.0);
        let mut measure = Self { scale, tick: None, tick_units, microprice, qty_one, price_one };
        measure.set_scale(scale);
        measure.set_tick(tick);
        measure
    }

    /// The decimals in force.
    pub(crate) fn scale(&self) -> Scale {
        self.scale
    }

    pub(crate) fn set_scale(&mut self, scale: Scale) {
        self.scale = scale;
        self.qty_one = power(scale.qty_decimals) as f64;
        self.price_one = power(scale.price_decimals) as f64;
    }

    /// One price step in price units, if known.
    #[inline]
    pub(crate) fn tick(&self) -> Option<i64> {
        self.tick
    }

    /// Takes a tick size; one that is not positive is unknown.
    pub(crate) fn set_tick(&mut self, tick: Option<i64>) {
        self.tick = tick.filter(|tick| *tick > 0);
        self.tick_units = self.tick.map_or(f64::NAN, |tick| tick as f64);
    }

    /// A tick in price units: what a difference of prices is divided by. No number while unknown.
    #[inline]
    pub(crate) fn tick_units(&self) -> f64 {
        self.tick_units
    }

    /// Two of them: what a doubled difference of prices, as mids come, is divided by.
    #[inline]
    pub(crate) fn doubled_tick(&self) -> f64 {
        2.0 * self.tick_units
    }

    /// A quantity in base units.
    #[inline]
    pub(crate) fn qty(&self, units: i128) -> f64 {
        float(units) / self.qty_one
    }

    /// 10^price_decimals.
    #[inline]
    pub(crate) fn price_one(&self) -> f64 {
        self.price_one
    }

    /// 10^qty_decimals.
    #[inline]
    pub(crate) fn qty_one(&self) -> f64 {
        self.qty_one
    }
}

/// The nearest `f64`. Nearly every sum fits 64 bits, which the processor converts itself.
#[inline]
pub(crate) fn float(units: i128) -> f64 {
    match i64::try_from(units) {
        Ok(units) => units as f64,
        Err(_) => float_of_wide(units),
    }
}

/// Apart, or the compiler makes both and selects after.
#[inline(never)]
fn float_of_wide(units: i128) -> f64 {
    let magnitude = float_of_unsigned(units.unsigned_abs());
    if units < 0 { -magnitude } else { magnitude }
}

/// The nearest `f64`: of the highest 64 bits, the lowest of them also set if any below is, which rounds
/// as all of them would.
#[inline]
pub(crate) fn float_of_unsigned(units: u128) -> f64 {
    let shift = 64u32.saturating_sub(units.leading_zeros());
    let highest = (units >> shift) as u64;
    let rest = units & ((1 << shift) - 1);
    let power = f64::from_bits(u64::from(1023 + shift) << 52);
    (highest | u64::from(rest != 0)) as f64 * power
}

/// 10^`decimals`.
pub(crate) fn power(decimals: u8) -> i64 {
    10i64.checked_pow(u32::from(decimals)).expect("a scale has at most 18 decimals")
}

/// What held integers are multiplied by when an instrument's decimals grow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Growth {
    pub(crate) price: i64,
    pub(crate) qty: i64,
}

impl Growth {
    /// From one scale to another; `None` if either count of decimals shrinks.
    pub(crate) fn between(old: Scale, new: Scale) -> Option<Self> {
        Some(Self {
            price: power(new.price_decimals.checked_sub(old.price_decimals)?),
            qty: power(new.qty_decimals.checked_sub(old.qty_decimals)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn wide_integers_are_rounded_once(bits in any::<u128>(), shift in 0..128u32, near in -3..4i128) {
            let units = (bits >> shift) as i128;
            for units in [units, units.wrapping_neg(), (1i128 << (shift % 127)).wrapping_add(near)] {
                prop_assert_eq!(float(units), units as f64, "{}", units);
            }
            prop_assert_eq!(float_of_unsigned(bits), bits as f64);
        }
    }
}

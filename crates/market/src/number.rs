//! Prices, quantities, sides and levels.

use core::ops::{Add, Neg, Sub};

/// A price in units of 10^-[`Scale::price_decimals`] of its instrument. Negative prices exist
/// (spreads, options combos), so the sign is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Price(i64);

/// A quantity in units of 10^-[`Scale::qty_decimals`] of its instrument. Zero deletes a level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Qty(i64);

impl Price {
    /// A price of `units` times 10^-decimals.
    #[inline]
    pub const fn new(units: i64) -> Self {
        Self(units)
    }

    /// The integer number of units.
    #[inline]
    pub const fn units(self) -> i64 {
        self.0
    }
}

impl Sub for Price {
    /// A signed distance in price units.
    type Output = i64;

    #[inline]
    fn sub(self, other: Self) -> i64 {
        self.0 - other.0
    }
}

impl Qty {
    /// No quantity: what deletes a level.
    pub const ZERO: Self = Self(0);

    /// A quantity of `units` times 10^-decimals.
    #[inline]
    pub const fn new(units: i64) -> Self {
        Self(units)
    }

    /// The integer number of units.
    #[inline]
    pub const fn units(self) -> i64 {
        self.0
    }

    /// Whether this deletes a level.
    #[inline]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl Add for Qty {
    type Output = Self;

    #[inline]
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Qty {
    type Output = Self;

    #[inline]
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Neg for Qty {
    type Output = Self;

    #[inline]
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

/// A side of the book; of a trade, the side that the taker took *with*: [`Side::Bid`] is a taker
/// who bought, [`Side::Ask`] one who sold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Side {
    /// Buyers.
    Bid,
    /// Sellers.
    Ask,
}

impl Side {
    /// The other side.
    #[inline]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Bid => Self::Ask,
            Self::Ask => Self::Bid,
        }
    }
}

/// One price level: a price and the whole quantity resting there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Level {
    /// Where.
    pub price: Price,
    /// How much, never an increment.
    pub qty: Qty,
}

/// What a message does to one level. Quantities are absolute; zero deletes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which side of the book.
    pub side: Side,
    /// At which price.
    pub price: Price,
    /// The new whole quantity, zero to delete.
    pub qty: Qty,
}

/// How many decimals an instrument's integers carry. It may grow while data is read (a finer price
/// appears); growing multiplies what is held by a power of ten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scale {
    /// Decimals of every [`Price`], 0 to 18.
    pub price_decimals: u8,
    /// Decimals of every [`Qty`], 0 to 18.
    pub qty_decimals: u8,
}

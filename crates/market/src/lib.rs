//! The words every other Tickhawk crate speaks: exact numbers, times, instruments and the updates
//! a venue's messages become.
//!
//! Contract: no I/O, no clock, no threads, no locks. [`Updates`] allocates only while its buffers
//! grow to the largest message seen; everything else is `Copy`.
//!
//! Prices and quantities are integers in the instrument's own decimals ([`Scale`]): a price of
//! `63943.90` at two price decimals is `Price::new(6_394_390)`. They turn into floating point in
//! the feature crate and nowhere before it.
//!
//! ```
//! use tickhawk_market::{Decimal, Scale};
//!
//! let scale = Scale { price_decimals: 2, qty_decimals: 3 };
//! let price = Decimal::parse(b"63943.90").unwrap().at(scale.price_decimals).unwrap();
//! assert_eq!(price, 6_394_390);
//! ```
//!
//! What it refuses to do: arithmetic that has no meaning (a price times a price does not compile).
#![forbid(unsafe_code)]

mod decimal;
pub mod digits;
mod number;
mod time;
mod update;

pub use decimal::{Decimal, DecimalError, DecimalText, MAX_DECIMALS};
pub use number::{Change, Level, Price, Qty, Scale, Side};
pub use time::{MonoNanos, Nanos, UnixNanos};
pub use update::{
    BookKind, BookState, BookUpdate, ConnectionId, InstrumentId, Mark, Metadata, Request,
    StaleCause, Ticker, Trade, TradingStatus, Update, Updates,
};

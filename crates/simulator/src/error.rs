//! Why a simulation cannot start.

use thiserror::Error;

/// Why a [`crate::MarketConfig`] is refused, or a venue's slug is not known.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SimulatorError {
    /// Name at least one symbol, or take [`crate::WireFormat::symbols`].
    #[error("a market needs at least one symbol")]
    NoSymbols,
    /// Name each symbol once.
    #[error("symbol `{0}` is named twice")]
    RepeatedSymbol(String),
    /// Symbols go into JSON and URLs as they are: letters, digits, `-`, `/`, `_` and `.` only,
    /// 32 at most.
    #[error("symbol `{0}` is not 1 to 32 letters, digits, `-`, `/`, `_` or `.`")]
    BadSymbol(String),
    /// Give the named field a value inside the range its documentation states.
    #[error("`{field}` of symbol `{symbol}` is {found}, outside {range}")]
    OutOfRange {
        /// The symbol.
        symbol: String,
        /// The field of [`crate::SymbolSpec`].
        field: &'static str,
        /// Its value.
        found: i128,
        /// What it may be.
        range: &'static str,
    },
    /// Start at or before the year 2200 and run for at most a year.
    #[error("the market would run from {start_ns} ns for {duration_ns} ns, beyond what fits")]
    BadTime {
        /// [`crate::MarketConfig::start`] in nanoseconds since the Unix epoch.
        start_ns: u64,
        /// [`crate::MarketConfig::duration_ns`].
        duration_ns: u64,
    },
    /// Use one of the slugs of [`crate::WireFormat::ALL`].
    #[error(
        "no wire format `{0}`; known are binance, binance-futures, kraken, okx, bybit, coinbase"
    )]
    UnknownWireFormat(String),
    /// Use one of the named slugs.
    #[error("no exchange `{0}`; known are {list}", list = crate::exchange::SLUGS)]
    UnknownVenue(String),
    /// See [`crate::FaultPlan`] for the keys and what they take.
    #[error("in the fault plan `{key}` {what}")]
    BadFaultPlan {
        /// The key at fault.
        key: String,
        /// What is wrong with it.
        what: &'static str,
    },
}

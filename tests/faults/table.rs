//! What each venue's rules can tell.

use tickhawk_simulator::WireFormat;

/// Every kind of fault the exchange knows.
pub const KINDS: [&str; 15] = [
    "drop",
    "double",
    "reorder",
    "truncate",
    "corrupt",
    "checksum",
    "stall",
    "reset",
    "half-open",
    "snapshot",
    "rest-slow",
    "rest-fail",
    "refuse",
    "maintenance",
    "clock",
];

/// A venue, how much of a book its rules vouch for, and what they give no means to know.
pub struct Venues {
    pub format: WireFormat,
    /// Best levels a side that are never wrong; `None` for the whole book.
    pub levels: Option<usize>,
    /// How often, in 10,000 messages, each fault happens at most. Bitfinex lets nobody connect more
    /// than 20 times a minute, and most faults there take a connection.
    pub per_myriad: u64,
    /// Faults after which a book may be wrong and nothing says so.
    pub untold: &'static [&'static str],
}

/// A digit of a level changed is a level changed: only a checksum could tell.
const LEVELS: &[&str] = &["corrupt"];

pub const TABLE: &[Venues] = &[
    Venues { format: WireFormat::BinanceFutures, levels: None, per_myriad: 150, untold: LEVELS },
    Venues { format: WireFormat::Binance, levels: None, per_myriad: 150, untold: LEVELS },
    // The checksum covers ten levels a side. Of two messages that change places, the older one
    // brings the checksum that fits what it undoes: one frame may be out of date. A frame doubled
    // or dropped below those levels shows once it matters.
    Venues { format: WireFormat::Kraken, levels: Some(10), per_myriad: 150, untold: &["reorder"] },
    // Ids, and since June 2026 no checksum.
    Venues { format: WireFormat::Okx, levels: None, per_myriad: 150, untold: LEVELS },
    Venues { format: WireFormat::Bybit, levels: None, per_myriad: 150, untold: LEVELS },
    Venues { format: WireFormat::Coinbase, levels: None, per_myriad: 150, untold: LEVELS },
    Venues { format: WireFormat::Bitfinex, levels: None, per_myriad: 40, untold: LEVELS },
];

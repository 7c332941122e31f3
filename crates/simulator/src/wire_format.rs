//! Which venues the simulator can speak as.

use crate::wire::binance::Binance;
use crate::wire::bitfinex::Bitfinex;
use crate::wire::bybit::Bybit;
use crate::wire::coinbase::Coinbase;
use crate::wire::kraken::Kraken;
use crate::wire::okx::Okx;
use crate::wire::{Venue, Wire};
use crate::{MarketConfig, SimulatorError, SymbolSpec};
use std::fmt;

/// A venue's wire format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WireFormat {
    /// Binance spot: `depth@100ms`, `bookTicker`, `trade`, REST `/api/v3/depth`.
    Binance,
    /// Binance USD-M futures: `depth@0ms`, `bookTicker`, `trade`, REST `/fapi/v1/depth`.
    BinanceFutures,
    /// Kraken spot, WebSocket v2: `book` (100 levels), `trade`, `ticker`, `instrument`.
    Kraken,
    /// OKX v5: `books` (400 levels), `trades`, `tickers`.
    Okx,
    /// Bybit v5 linear: `orderbook.200`, `publicTrade`, `tickers`.
    Bybit,
    /// Coinbase Advanced Trade: `level2`, `market_trades`, `ticker`, `heartbeats`.
    Coinbase,
    /// Bitfinex v2: `book` (P0, F0, 100 levels) with sequence numbers, `trades`, `ticker`.
    Bitfinex,
}

impl WireFormat {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Binance,
        Self::BinanceFutures,
        Self::Kraken,
        Self::Okx,
        Self::Bybit,
        Self::Coinbase,
        Self::Bitfinex,
    ];

    /// The venue's slug, as the rest of Tickhawk writes it.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Binance => "binance",
            Self::BinanceFutures => "binance-futures",
            Self::Kraken => "kraken",
            Self::Okx => "okx",
            Self::Bybit => "bybit",
            Self::Coinbase => "coinbase",
            Self::Bitfinex => "bitfinex",
        }
    }

    /// The format of that slug.
    pub fn from_slug(slug: &str) -> Result<Self, SimulatorError> {
        let known = Self::ALL.into_iter().find(|format| format.slug() == slug);
        known.ok_or_else(|| SimulatorError::UnknownWireFormat(slug.to_owned()))
    }

    /// Three instruments in the venue's spelling and number formats: a busy one, one half as busy,
    /// and a cheap coin a fifth as busy.
    pub fn symbols(self) -> Vec<SymbolSpec> {
        let new = SymbolSpec::new;
        match self {
            Self::Binance => vec![
                new("BTCUSDT", 2, 5, 6_174_000, 20_000, 600),
                new("ETHUSDT", 2, 4, 261_400, 8_000, 300),
                new("DOGEUSDT", 5, 0, 10_120, 4_000, 120),
            ],
            Self::BinanceFutures => vec![
                SymbolSpec { tick: 10, ..new("BTCUSDT", 2, 3, 6_391_000, 400, 600) },
                new("ETHUSDT", 2, 3, 342_100, 6_000, 300),
                new("DOGEUSDT", 6, 0, 123_460, 9_000, 120),
            ],
            Self::Kraken => vec![
                new("BTC/USD", 1, 8, 642_150, 12_000_000, 600),
                new("ETH/USD", 2, 8, 338_870, 150_000_000, 300),
                new("DOGE/USD", 7, 8, 1_230_500, 90_000_000_000, 120),
            ],
            Self::Okx => vec![
                new("BTC-USDT", 1, 8, 640_020, 9_000_000, 600),
                new("ETH-USDT-SWAP", 2, 2, 340_250, 3_000, 300),
                new("DOGE-USDT", 5, 6, 12_340, 900_000_000, 120),
            ],
            Self::Bybit => vec![
                SymbolSpec { tick: 10, ..new("BTCUSDT", 2, 3, 6_511_400, 900, 600) },
                new("ETHUSDT", 2, 2, 292_250, 900, 300),
                SymbolSpec { lot: 10, ..new("DOGEUSDT", 5, 0, 17_050, 600, 120) },
            ],
            Self::Coinbase => vec![
                new("BTC-USD", 2, 8, 6_508_000, 4_000_000, 600),
                new("ETH-USD", 2, 8, 291_900, 60_000_000, 300),
                new("DOGE-USD", 5, 1, 17_060, 40_000, 120),
            ],
            // Prices have five significant digits there.
            Self::Bitfinex => vec![
                new("tBTCUSD", 0, 8, 64_215, 4_000_000, 600),
                new("tETHUSD", 1, 8, 33_887, 60_000_000, 300),
                new("tDOGE:USD", 5, 8, 17_060, 400_000_000_000, 120),
            ],
        }
    }

    pub(crate) fn venue(self, config: &MarketConfig, wire: &mut Wire) -> Box<dyn Venue> {
        match self {
            Self::Binance => Box::new(Binance::new(false, config, wire)),
            Self::BinanceFutures => Box::new(Binance::new(true, config, wire)),
            Self::Kraken => Box::new(Kraken::new(config, wire)),
            Self::Okx => Box::new(Okx::new(config, wire)),
            Self::Bybit => Box::new(Bybit::new(config, wire)),
            Self::Coinbase => Box::new(Coinbase::new(config, wire)),
            Self::Bitfinex => Box::new(Bitfinex::new(config, wire)),
        }
    }
}

impl fmt::Display for WireFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_lead_back() {
        for format in WireFormat::ALL {
            assert_eq!(WireFormat::from_slug(format.slug()), Ok(format));
            assert_eq!(format.symbols().len(), 3);
        }
        let error = WireFormat::from_slug("nyse").unwrap_err();
        assert!(error.to_string().starts_with("no wire format `nyse`"));
    }
}

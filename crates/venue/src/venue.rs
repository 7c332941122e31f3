//! The venues, by slug.

use std::{fmt, str::FromStr};

/// An exchange's market-data service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Venue {
    /// Binance spot.
    Binance,
    /// Binance.US spot; the protocol of [`Venue::Binance`].
    BinanceUs,
    /// Binance USD-M futures.
    BinanceFutures,
    /// Binance COIN-M futures; the protocol of [`Venue::BinanceFutures`].
    BinanceDelivery,
    /// Bybit v5 linear and inverse contracts.
    Bybit,
    /// Bybit v5 spot.
    BybitSpot,
    /// OKX v5.
    Okx,
    /// Coinbase Advanced Trade.
    Coinbase,
    /// Coinbase Exchange, the older feed.
    CoinbaseExchange,
    /// Kraken spot, WebSocket v1 and v2 (told apart by the messages).
    Kraken,
    /// Kraken Futures v1.
    KrakenFutures,
    /// BitMEX.
    Bitmex,
    /// Bitfinex v2.
    Bitfinex,
}

impl Venue {
    /// Every venue, in the order of the documentation.
    pub const ALL: [Self; 13] = [
        Self::Binance,
        Self::BinanceUs,
        Self::BinanceFutures,
        Self::BinanceDelivery,
        Self::Bybit,
        Self::BybitSpot,
        Self::Okx,
        Self::Coinbase,
        Self::CoinbaseExchange,
        Self::Kraken,
        Self::KrakenFutures,
        Self::Bitmex,
        Self::Bitfinex,
    ];

    /// The name commands and configs use.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Binance => "binance",
            Self::BinanceUs => "binance-us",
            Self::BinanceFutures => "binance-futures",
            Self::BinanceDelivery => "binance-delivery",
            Self::Bybit => "bybit",
            Self::BybitSpot => "bybit-spot",
            Self::Okx => "okx",
            Self::Coinbase => "coinbase",
            Self::CoinbaseExchange => "coinbase-exchange",
            Self::Kraken => "kraken",
            Self::KrakenFutures => "kraken-futures",
            Self::Bitmex => "bitmex",
            Self::Bitfinex => "bitfinex",
        }
    }

    /// How many book messages in a row a book may stay crossed before it is Stale. Venues whose
    /// messages each leave a whole book get 1: a cross there is proof of an error. Venues that send
    /// one level a message cross for an instant in health.
    pub const fn crossed_messages_limit(self) -> u32 {
        match self {
            Self::Binance | Self::BinanceUs | Self::BinanceFutures | Self::BinanceDelivery => 1,
            Self::Bybit | Self::BybitSpot | Self::Okx | Self::Coinbase => 1,
            Self::Kraken
            | Self::CoinbaseExchange
            | Self::KrakenFutures
            | Self::Bitmex
            | Self::Bitfinex => 64,
        }
    }
}

impl fmt::Display for Venue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}

/// A slug that names no venue.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no venue; the venues are {list}", list = Venue::ALL.map(Venue::slug).join(", "))]
pub struct UnknownVenue(pub String);

impl FromStr for Venue {
    type Err = UnknownVenue;

    fn from_str(slug: &str) -> Result<Self, UnknownVenue> {
        let found = Self::ALL.into_iter().find(|venue| venue.slug() == slug);
        found.ok_or_else(|| UnknownVenue(slug.to_owned()))
    }
}

//! What a venue takes of a fill.

use super::TradeError;
use serde::{Deserialize, Serialize};
use tickhawk_venue::Venue;

/// Shares of a fill's value that the venue takes, in units of 10^-8: 20,000 is 0.02 %, two basis
/// points. Negative is a rebate. Charged in the quote currency, exactly, never rounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fees {
    /// Of fills of orders that rested, -10^8 to 10^8.
    pub maker_e8: i64,
    /// Of fills of orders that took, -10^8 to 10^8.
    pub taker_e8: i64,
}

impl Fees {
    /// What the venue asks of an account of the lowest tier without discounts, and its page of fees, as
    /// known in November 2026; those of Binance, Coinbase and Kraken's spot market are as others quote
    /// their pages, which show them to browsers only. `None` where nothing could be found that can be relied upon, or where contracts
    /// are inverse: then fees must be given. Tiers and regions differ, and fees change: look your own
    /// up.
    pub fn of(venue: Venue) -> Option<(Self, &'static str)> {
        let basis = |maker_e8, taker_e8| Self { maker_e8, taker_e8 };
        Some(match venue {
            // Regular user, no BNB discount.
            Venue::Binance => (basis(100_000, 100_000), "https://www.binance.com/en/fee/schedule"),
            // Regular user, USDT contracts, no BNB discount.
            Venue::BinanceFutures => {
                (basis(20_000, 50_000), "https://www.binance.com/en/fee/futureFee")
            }
            // VIP 0, perpetual and futures contracts.
            Venue::Bybit => (
                basis(20_000, 55_000),
                "https://www.bybit.com/en-US/help-center/article?id=000001634",
            ),
            // VIP 0.
            Venue::BybitSpot => (
                basis(100_000, 100_000),
                "https://www.bybit.com/en-US/help-center/article?id=000001634",
            ),
            // Regular user, level 1, spot. Swaps and futures cost less: give their fees.
            Venue::Okx => (basis(80_000, 100_000), "https://www.okx.com/fees"),
            // Up to 10,000 USD in 30 days.
            Venue::CoinbaseExchange => (
                basis(400_000, 600_000),
                "https://help.coinbase.com/en/exchange/trading-and-funding/exchange-fees",
            ),
            // Up to 1,000 USD in 30 days.
            Venue::Coinbase => (
                basis(600_000, 1_200_000),
                "https://help.coinbase.com/en/coinbase/trading-and-funding/advanced-trade/\
                 advanced-trade-fees",
            ),
            // Up to 10,000 USD in 30 days, spot.
            Venue::Kraken => {
                (basis(250_000, 400_000), "https://www.kraken.com/features/fee-schedule")
            }
            // Up to 100,000 USD in 30 days.
            Venue::KrakenFutures => (
                basis(20_000, 50_000),
                "https://support.kraken.com/hc/en-us/articles/360048917612-Fee-schedule",
            ),
            Venue::BinanceUs | Venue::BinanceDelivery | Venue::Bitmex | Venue::Bitfinex => {
                return None;
            }
        })
    }

    pub(crate) fn validate(self) -> Result<(), TradeError> {
        for (key, rate) in [("fees.maker_e8", self.maker_e8), ("fees.taker_e8", self.taker_e8)] {
            if rate.unsigned_abs() > 100_000_000 {
                let found = rate.to_string();
                return Err(TradeError::Setting { key, found, wanted: "-100000000 to 100000000" });
            }
        }
        Ok(())
    }
}

//! `exchangeInfo`: ticks, lots and status.

use crate::{
    DecodeError,
    context::Context,
    json::{Frame, Raw},
};
use serde::Deserialize;
use tickhawk_market::{Decimal, Metadata, TradingStatus};

/// `GET …/exchangeInfo`: ticks, lots and status of every symbol.
pub(super) fn exchange_info(
    context: &mut Context<'_>,
    frame: Frame<'_>,
    symbols: Raw<'_>,
) -> Result<(), DecodeError> {
    for symbol in frame.items(symbols) {
        let listing: Listing<'_> = frame.read(symbol?)?;
        let symbol = frame.text(listing.symbol)?;
        let mut metadata = Metadata::default();
        for filter in listing.filters {
            let size = |value: Option<Raw<'_>>| -> Result<Option<Decimal>, DecodeError> {
                value.map(|value| frame.decimal(value)).transpose()
            };
            match filter.kind.unquoted() {
                "PRICE_FILTER" => metadata.tick_size = size(filter.tick_size)?,
                "LOT_SIZE" => metadata.lot_size = size(filter.step_size)?,
                _ => {}
            }
        }
        let status = listing.status.or(listing.contract_status);
        metadata.status = match status.map(Raw::unquoted) {
            Some("TRADING") => TradingStatus::Trading,
            Some(
                "BREAK" | "HALT" | "END_OF_DAY" | "AUCTION_MATCH" | "PRE_TRADING" | "POST_TRADING"
                | "PENDING_TRADING" | "PRE_SETTLE" | "SETTLING" | "PRE_DELIVERING" | "DELIVERING"
                | "DELIVERED" | "CLOSE",
            ) => TradingStatus::Halted,
            other => {
                context.counts.unknown_values += u64::from(other.is_some());
                TradingStatus::Unknown
            }
        };
        context.listing(&symbol, metadata);
    }
    Ok(())
}

/// One symbol of `exchangeInfo`.
#[derive(Deserialize)]
struct Listing<'a> {
    #[serde(borrow)]
    symbol: Raw<'a>,
    #[serde(borrow)]
    status: Option<Raw<'a>>,
    #[serde(borrow, rename = "contractStatus")]
    contract_status: Option<Raw<'a>>,
    #[serde(borrow, default)]
    filters: Vec<Filter<'a>>,
}

#[derive(Deserialize)]
struct Filter<'a> {
    #[serde(borrow, rename = "filterType")]
    kind: Raw<'a>,
    #[serde(borrow, rename = "tickSize")]
    tick_size: Option<Raw<'a>>,
    #[serde(borrow, rename = "stepSize")]
    step_size: Option<Raw<'a>>,
}

//! `GET /v5/market/instruments-info`: ticks, lots and status.

use crate::{
    DecodeError,
    context::Context,
    json::{Frame, Raw},
};
use serde::Deserialize;
use tickhawk_market::{Metadata, TradingStatus};

#[derive(Deserialize)]
struct Reply<'a> {
    #[serde(borrow)]
    result: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    list: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Listing<'a> {
    #[serde(borrow)]
    symbol: Option<Raw<'a>>,
    #[serde(borrow)]
    status: Option<Raw<'a>>,
    #[serde(borrow, rename = "priceFilter")]
    price_filter: Option<PriceFilter<'a>>,
    #[serde(borrow, rename = "lotSizeFilter")]
    lot_filter: Option<LotSizeFilter<'a>>,
}

#[derive(Deserialize)]
struct PriceFilter<'a> {
    #[serde(borrow, rename = "tickSize")]
    tick_size: Option<Raw<'a>>,
}

/// Contracts say `qtyStep`, spot says `basePrecision`.
#[derive(Deserialize)]
struct LotSizeFilter<'a> {
    #[serde(borrow, rename = "qtyStep")]
    qty_step: Option<Raw<'a>>,
    #[serde(borrow, rename = "basePrecision")]
    base_precision: Option<Raw<'a>>,
}

pub(super) fn instruments_info(
    context: &mut Context<'_>,
    frame: Frame<'_>,
) -> Result<(), DecodeError> {
    let reply: Reply<'_> = frame.read_all()?;
    let page = reply.result.map(|page| frame.read::<Page<'_>>(page)).transpose()?;
    let Some(list) = page.and_then(|page| page.list) else {
        context.counts.unknown_types += 1;
        return Ok(());
    };
    for listing in frame.items(list) {
        let raw = listing?;
        let listing: Listing<'_> = frame.read(raw)?;
        let symbol = frame.text(frame.field(raw, listing.symbol, "symbol")?)?;
        let tick_size = listing.price_filter.and_then(|filter| filter.tick_size);
        let lot_size =
            listing.lot_filter.and_then(|filter| filter.qty_step.or(filter.base_precision));
        let status = match listing.status.map(Raw::unquoted) {
            Some("Trading") => TradingStatus::Trading,
            Some("PreLaunch" | "Settling" | "Delivering" | "Closed") => TradingStatus::Halted,
            other => {
                context.counts.unknown_values += u64::from(other.is_some());
                TradingStatus::Unknown
            }
        };
        let metadata = Metadata {
            tick_size: tick_size.map(|value| frame.decimal(value)).transpose()?,
            lot_size: lot_size.map(|value| frame.decimal(value)).transpose()?,
            status,
            ..Metadata::default()
        };
        context.listing(&symbol, metadata);
    }
    Ok(())
}

//! `GET /derivatives/api/v3/instruments`: ticks, lots and status.
//! <https://docs.kraken.com/api/docs/futures-api/trading/get-instruments>

use crate::{
    DecodeError,
    context::Context,
    json::{Frame, Raw},
};
use serde::Deserialize;
use tickhawk_market::{Decimal, Metadata, TradingStatus};

#[derive(Deserialize)]
struct Reply<'a> {
    #[serde(borrow)]
    instruments: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Listing<'a> {
    #[serde(borrow)]
    symbol: Raw<'a>,
    #[serde(borrow)]
    tradeable: Option<Raw<'a>>,
    #[serde(borrow, rename = "tickSize")]
    tick_size: Option<Raw<'a>>,
    /// Decimals of a quantity; below zero for lots of tens, hundreds and so on.
    #[serde(borrow, rename = "contractValueTradePrecision")]
    qty_decimals: Option<Raw<'a>>,
}

pub(super) fn instruments(context: &mut Context<'_>, frame: Frame<'_>) -> Result<(), DecodeError> {
    let reply: Reply<'_> = frame.read_all()?;
    let Some(instruments) = reply.instruments else {
        context.counts.unknown_types += 1;
        return Ok(());
    };
    for listing in frame.items(instruments) {
        let listing: Listing<'_> = frame.read(listing?)?;
        // Older replies spell them in lower case; messages never do.
        let symbol = frame.text(listing.symbol)?.to_ascii_uppercase();
        let present = |value: Option<Raw<'_>>| value.is_some_and(|value| !value.is_null());
        let mut metadata = Metadata::default();
        if let Some(tick_size) = listing.tick_size.filter(|value| present(Some(*value))) {
            metadata.tick_size = Some(frame.decimal(tick_size)?);
        }
        if let Some(decimals) = listing.qty_decimals.filter(|value| present(Some(*value))) {
            metadata.lot_size = lot(frame.signed(decimals)?);
        }
        metadata.status = match listing.tradeable.map(|value| value.0) {
            Some("true") => TradingStatus::Trading,
            Some("false") => TradingStatus::Halted,
            other => {
                context.counts.unknown_values += u64::from(other.is_some());
                TradingStatus::Unknown
            }
        };
        context.listing(&symbol, metadata);
    }
    Ok(())
}

/// 10^-`decimals`.
fn lot(decimals: i64) -> Option<Decimal> {
    if decimals > 18 {
        return None;
    }
    let whole = u32::try_from(decimals.min(0).checked_neg()?).ok()?;
    Some(Decimal {
        mantissa: 10i64.checked_pow(whole)?,
        decimals: decimals.max(0) as u8,
        written_decimals: decimals.max(0) as u8,
    })
}

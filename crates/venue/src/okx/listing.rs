//! The `instruments` channel and `GET /api/v5/public/instruments`: ticks, lots and state.
//! <https://www.okx.com/docs-v5/en/#public-data-websocket-instruments-channel>

use crate::{
    DecodeError,
    context::Context,
    json::{Frame, Raw},
};
use serde::Deserialize;
use tickhawk_market::{Decimal, Metadata, TradingStatus};

#[derive(Deserialize)]
struct Listing<'a> {
    #[serde(borrow, rename = "instId")]
    symbol: Raw<'a>,
    #[serde(borrow, rename = "tickSz")]
    tick_size: Option<Raw<'a>>,
    #[serde(borrow, rename = "lotSz")]
    lot_size: Option<Raw<'a>>,
    #[serde(borrow)]
    state: Option<Raw<'a>>,
}

#[cold]
pub(super) fn instruments(
    context: &mut Context<'_>,
    frame: Frame<'_>,
    data: Raw<'_>,
) -> Result<(), DecodeError> {
    for listing in frame.items(data) {
        let listing: Listing<'_> = frame.read(listing?)?;
        let symbol = frame.text(listing.symbol)?;
        let size = |value: Option<Raw<'_>>| -> Result<Option<Decimal>, DecodeError> {
            let value = value.filter(|value| !value.unquoted().is_empty());
            value.map(|value| frame.decimal(value)).transpose()
        };
        let metadata = Metadata {
            tick_size: size(listing.tick_size)?,
            lot_size: size(listing.lot_size)?,
            status: match listing.state.map(Raw::unquoted) {
                Some("live") => TradingStatus::Trading,
                Some("suspend" | "preopen" | "test" | "rebase" | "post_only" | "expired") => {
                    TradingStatus::Halted
                }
                other => {
                    context.counts.unknown_values += u64::from(other.is_some());
                    TradingStatus::Unknown
                }
            },
            ..Metadata::default()
        };
        context.listing(&symbol, metadata);
    }
    Ok(())
}

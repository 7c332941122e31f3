//! A product as both Coinbase feeds list it: in their `status` channels and their REST listings.

use crate::{
    DecodeError,
    context::Context,
    json::{Frame, Raw},
};
use serde::Deserialize;
use tickhawk_market::{Metadata, TradingStatus};

/// A listing of products: under a name (`products`), or the whole reply.
#[derive(Deserialize)]
pub(crate) struct Listings<'a> {
    #[serde(borrow)]
    pub(crate) products: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Product<'a> {
    #[serde(borrow)]
    product_id: Option<Raw<'a>>,
    #[serde(borrow)]
    id: Option<Raw<'a>>,
    #[serde(borrow)]
    price_increment: Option<Raw<'a>>,
    #[serde(borrow)]
    quote_increment: Option<Raw<'a>>,
    #[serde(borrow)]
    base_increment: Option<Raw<'a>>,
    #[serde(borrow)]
    status: Option<Raw<'a>>,
    #[serde(borrow)]
    trading_disabled: Option<Raw<'a>>,
    #[serde(borrow)]
    is_disabled: Option<Raw<'a>>,
    #[serde(borrow)]
    cancel_only: Option<Raw<'a>>,
    #[serde(borrow)]
    post_only: Option<Raw<'a>>,
    #[serde(borrow)]
    auction_mode: Option<Raw<'a>>,
}

/// Metadata of every product of the array that was named before or asked for.
pub(crate) fn products<'f>(
    context: &mut Context<'_>,
    frame: &Frame<'f>,
    array: Raw<'f>,
) -> Result<(), DecodeError> {
    for raw in frame.items(array) {
        product(context, frame, raw?)?;
    }
    Ok(())
}

/// Metadata of one product.
pub(crate) fn product<'f>(
    context: &mut Context<'_>,
    frame: &Frame<'f>,
    raw: Raw<'f>,
) -> Result<(), DecodeError> {
    let product: Product<'_> = frame.read(raw)?;
    let symbol = frame.text(frame.field(raw, product.product_id.or(product.id), "id")?)?;
    // An increment can be an empty text where it has no meaning.
    let step = |value: Option<Raw<'f>>| match value.filter(|value| !value.unquoted().is_empty()) {
        Some(value) => frame.decimal(value).map(Some),
        None => Ok(None),
    };
    let metadata = Metadata {
        tick_size: step(product.price_increment.or(product.quote_increment))?,
        lot_size: step(product.base_increment)?,
        status: status(context, &product),
        ..Metadata::default()
    };
    context.listing(&symbol, metadata);
    Ok(())
}

/// Orders match only where none of the flags that stop it is set.
fn status(context: &mut Context<'_>, product: &Product<'_>) -> TradingStatus {
    let stops = [
        product.trading_disabled,
        product.is_disabled,
        product.cancel_only,
        product.post_only,
        product.auction_mode,
    ];
    if stops.into_iter().flatten().any(|flag| flag.0 == "true") {
        return TradingStatus::Halted;
    }
    match product.status.map(Raw::unquoted) {
        Some("online") => TradingStatus::Trading,
        Some("offline" | "internal" | "delisted") => TradingStatus::Halted,
        other => {
            context.counts.unknown_values += u64::from(other.is_some_and(|text| !text.is_empty()));
            TradingStatus::Unknown
        }
    }
}

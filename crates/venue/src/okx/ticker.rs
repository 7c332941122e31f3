//! The channels that tell the best bid and ask only.

use super::Item;
use crate::{
    DecodeError,
    checked::not_negative,
    context::Context,
    json::{Frame, Raw},
};
use tickhawk_market::InstrumentId;

/// `bbo-tbt`: a book of one level, taken as a ticker.
pub(super) fn best<'f>(
    context: &mut Context<'_>,
    frame: Frame<'f>,
    raw: Raw<'f>,
    id: InstrumentId,
) -> Result<(), DecodeError> {
    let item: Item<'f> = frame.read(raw)?;
    let first = |levels: Option<Raw<'f>>, name| {
        let Some(level) = frame.items(frame.field(raw, levels, name)?).next() else {
            return Ok(None);
        };
        let [price, qty] = frame.tuple(level?)?;
        not_negative(&frame, qty)?;
        Ok(Some((price, qty)))
    };
    let (bid, ask) = (first(item.bids, "bids")?, first(item.asks, "asks")?);
    let sequence = item.id.map(|value| frame.signed(value)).transpose()?;
    context.ticker(&frame, id, bid, ask, sequence.and_then(|id| u64::try_from(id).ok()))
}

/// `tickers`: an empty side has empty texts.
pub(super) fn ticker<'f>(
    context: &mut Context<'_>,
    frame: Frame<'f>,
    raw: Raw<'f>,
    id: InstrumentId,
) -> Result<(), DecodeError> {
    let item: Item<'f> = frame.read(raw)?;
    let side = |price: Option<Raw<'f>>, qty: Option<Raw<'f>>, name| {
        let price = frame.field(raw, price, name)?;
        let Some(qty) = qty.filter(|qty| !qty.unquoted().is_empty()) else { return Ok(None) };
        not_negative(&frame, qty)?;
        Ok((!price.unquoted().is_empty()).then_some((price, qty)))
    };
    let bid = side(item.bid, item.bid_qty, "bidPx")?;
    let ask = side(item.ask, item.ask_qty, "askPx")?;
    context.ticker(&frame, id, bid, ask, None)
}

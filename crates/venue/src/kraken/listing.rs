//! Steps, precision and status: REST `AssetPairs` for v1 symbols, the `instrument` channel for v2's.
//! <https://docs.kraken.com/api/docs/rest-api/get-tradable-asset-pairs>

use crate::{
    DecodeError,
    context::Context,
    json::{Frame, Raw},
};
use serde::Deserialize;
use std::collections::BTreeMap;
use tickhawk_market::{Decimal, Metadata, TradingStatus};

/// `{"error": [], "result": {"XXBTZCHF": {"wsname": "XBT/CHF", …}, …}}`.
#[derive(Deserialize)]
struct Reply<'a> {
    #[serde(borrow)]
    result: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct AssetPair<'a> {
    #[serde(borrow)]
    wsname: Option<Raw<'a>>,
    #[serde(borrow)]
    tick_size: Option<Raw<'a>>,
    #[serde(borrow)]
    pair_decimals: Option<Raw<'a>>,
    #[serde(borrow)]
    lot_decimals: Option<Raw<'a>>,
    #[serde(borrow)]
    status: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Instruments<'a> {
    #[serde(borrow)]
    pairs: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Pair<'a> {
    #[serde(borrow)]
    symbol: Raw<'a>,
    #[serde(borrow)]
    status: Option<Raw<'a>>,
    #[serde(borrow)]
    price_increment: Option<Raw<'a>>,
    #[serde(borrow)]
    qty_increment: Option<Raw<'a>>,
    #[serde(borrow)]
    price_precision: Option<Raw<'a>>,
    #[serde(borrow)]
    qty_precision: Option<Raw<'a>>,
}

/// `GET …/0/public/AssetPairs`.
pub(super) fn asset_pairs(context: &mut Context<'_>, frame: Frame<'_>) -> Result<(), DecodeError> {
    let reply: Reply<'_> = frame.read_all()?;
    let Some(result) = reply.result else {
        context.counts.unknown_types += 1;
        return Ok(());
    };
    let pairs: BTreeMap<String, Raw<'_>> = frame.read(result)?;
    for raw in pairs.into_values() {
        // Other replies have other things in their place.
        let pair = match raw.0.starts_with('{') {
            true => frame.read::<AssetPair<'_>>(raw)?,
            false => continue,
        };
        let Some(wsname) = pair.wsname else { continue };
        let symbol = frame.text(wsname)?;
        let metadata = Metadata {
            tick_size: match pair.tick_size {
                Some(tick_size) => Some(frame.decimal(tick_size)?),
                None => step(decimals(frame, pair.pair_decimals)?),
            },
            lot_size: step(decimals(frame, pair.lot_decimals)?),
            status: status(context, pair.status),
            ..Metadata::default()
        };
        context.listing(&symbol, metadata);
    }
    Ok(())
}

/// The `instrument` channel's `data`.
pub(super) fn pairs(
    context: &mut Context<'_>,
    frame: Frame<'_>,
    data: Raw<'_>,
) -> Result<(), DecodeError> {
    let Some(pairs) = frame.read::<Instruments<'_>>(data)?.pairs else { return Ok(()) };
    for pair in frame.items(pairs) {
        let pair: Pair<'_> = frame.read(pair?)?;
        let symbol = frame.text(pair.symbol)?;
        let increment = |value: Option<Raw<'_>>| value.map(|value| frame.decimal(value));
        let metadata = Metadata {
            tick_size: increment(pair.price_increment).transpose()?,
            lot_size: increment(pair.qty_increment).transpose()?,
            price_decimals: decimals(frame, pair.price_precision)?,
            qty_decimals: decimals(frame, pair.qty_precision)?,
            status: status(context, pair.status),
        };
        context.listing(&symbol, metadata);
    }
    Ok(())
}

fn decimals<'f>(frame: Frame<'f>, value: Option<Raw<'f>>) -> Result<Option<u8>, DecodeError> {
    let Some(value) = value else { return Ok(None) };
    Ok(u8::try_from(frame.unsigned(value)?).ok())
}

fn step(decimals: Option<u8>) -> Option<Decimal> {
    let decimals = decimals.filter(|decimals| *decimals <= 18)?;
    Some(Decimal { mantissa: 1, decimals, written_decimals: decimals })
}

fn status(context: &mut Context<'_>, status: Option<Raw<'_>>) -> TradingStatus {
    match status.map(Raw::unquoted) {
        Some("online" | "limit_only" | "reduce_only") => TradingStatus::Trading,
        Some("cancel_only" | "post_only" | "maintenance" | "delisted" | "work_in_progress") => {
            TradingStatus::Halted
        }
        other => {
            context.counts.unknown_values += u64::from(other.is_some());
            TradingStatus::Unknown
        }
    }
}

//! Rows of the `instrument` table and of `GET /api/v1/instrument`: tick, lot and state.

use super::Bitmex;
use crate::{
    DecodeError,
    context::Context,
    json::{Frame, Raw},
};
use serde::Deserialize;
use tickhawk_market::TradingStatus;

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    symbol: Option<Raw<'a>>,
    #[serde(borrow, rename = "tickSize")]
    tick_size: Option<Raw<'a>>,
    #[serde(borrow, rename = "lotSize")]
    lot_size: Option<Raw<'a>>,
    #[serde(borrow)]
    state: Option<Raw<'a>>,
}

impl Bitmex {
    /// An update names only what changed: the rest stands. Most updates are of prices and say
    /// nothing here.
    pub(super) fn instruments(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        data: Raw<'_>,
    ) -> Result<(), DecodeError> {
        for row in frame.items(data) {
            let raw = row?;
            let row: Row<'_> = frame.read(raw)?;
            if row.tick_size.is_none() && row.lot_size.is_none() && row.state.is_none() {
                continue;
            }
            let symbol = frame.text(frame.field(raw, row.symbol, "symbol")?)?;
            let mut known = context.instruments.known(&symbol);
            if let Some(tick_size) = row.tick_size {
                known.tick_size = Some(frame.decimal(tick_size)?);
            }
            if let Some(lot_size) = row.lot_size {
                known.lot_size = Some(frame.decimal(lot_size)?);
            }
            if let Some(state) = row.state {
                known.status = match state.unquoted() {
                    "Open" => TradingStatus::Trading,
                    "Closed" | "Unlisted" | "Settled" | "Cleared" | "Delisted" => {
                        TradingStatus::Halted
                    }
                    _ => {
                        context.counts.unknown_values += 1;
                        TradingStatus::Unknown
                    }
                };
            }
            context.listing(&symbol, known);
        }
        Ok(())
    }
}

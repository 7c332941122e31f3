//! BitMEX.
//!
//! A table begins with a `partial` and goes on in `insert`, `update` and `delete`; what comes
//! before the partial is dropped. Levels of `orderBookL2` and `orderBookL2_25` are addressed by
//! `id`: until April 2023 only partial and insert named the price, since then every row does, and
//! ids mean nothing beyond the row (before, they told the price).
//! <https://www.bitmex.com/app/wsAPI>
//! <https://blog.bitmex.com/api_announcement/removing-id-schema-on-orderbook-feeds/>
//! <https://blog.bitmex.com/api_announcement/changes-to-order-book-level-2-data/>
//!
//! There is no sequence. The one proof of a lost message is an update or delete of an id that is
//! not there, or is there at another price: the book is Stale then, as after a break of a sequence.
//! `side` of a trade is the taker's; a partial of trades is history.

mod book;
mod fast;
mod instrument;
#[cfg(test)]
mod tests;

use crate::{
    DecodeError,
    context::{Context, TradeTold},
    json::{Frame, Raw},
    protocol::{Fast, Protocol},
};
use book::{Action, Book, Told};
use serde::Deserialize;
use tickhawk_market::{InstrumentId, Side, StaleCause};

/// The BitMEX protocol.
#[derive(Debug, Default)]
pub(crate) struct Bitmex {
    tables: Vec<Tables>,
    /// The rows of the message being read; kept for its room.
    rows: Vec<Told>,
}

/// What the rows about one instrument have said so far.
#[derive(Debug, Default)]
struct Tables {
    book: Book,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    table: Option<Raw<'a>>,
    #[serde(borrow)]
    action: Option<Raw<'a>>,
    #[serde(borrow)]
    data: Option<Raw<'a>>,
    #[serde(borrow)]
    filter: Option<Raw<'a>>,
    #[serde(borrow)]
    info: Option<Raw<'a>>,
    #[serde(borrow)]
    success: Option<Raw<'a>>,
    #[serde(borrow)]
    error: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Filter<'a> {
    #[serde(borrow)]
    symbol: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct QuoteRow<'a> {
    #[serde(borrow)]
    symbol: Option<Raw<'a>>,
    #[serde(borrow, rename = "bidPrice")]
    bid_price: Option<Raw<'a>>,
    #[serde(borrow, rename = "bidSize")]
    bid_size: Option<Raw<'a>>,
    #[serde(borrow, rename = "askPrice")]
    ask_price: Option<Raw<'a>>,
    #[serde(borrow, rename = "askSize")]
    ask_size: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct TradeRow<'a> {
    #[serde(borrow)]
    timestamp: Option<Raw<'a>>,
    #[serde(borrow)]
    symbol: Option<Raw<'a>>,
    #[serde(borrow)]
    side: Option<Raw<'a>>,
    #[serde(borrow)]
    size: Option<Raw<'a>>,
    #[serde(borrow)]
    price: Option<Raw<'a>>,
    #[serde(borrow, rename = "trdType")]
    kind: Option<Raw<'a>>,
}

impl Bitmex {
    fn tables(&mut self, id: InstrumentId) -> &mut Tables {
        if self.tables.len() <= id.index() {
            self.tables.resize_with(id.index() + 1, Tables::default);
        }
        &mut self.tables[id.index()]
    }

    fn table(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        message: &Message<'_>,
        table: &str,
    ) -> Result<(), DecodeError> {
        let action_text = frame.field(frame.whole(), message.action, "action")?;
        let action = match action_text.unquoted() {
            "partial" => Action::Partial,
            "insert" => Action::Insert,
            "update" => Action::Update,
            "delete" => Action::Delete,
            _ => return Err(frame.error(action_text, "no action we know")),
        };
        let data = frame.field(frame.whole(), message.data, "data")?;
        match table {
            "orderBookL2" | "orderBookL2_25" => {
                let filter = filtered_symbol(frame, message)?;
                self.order_book(context, frame, action, data, filter)
            }
            "quote" => quotes(context, frame, data),
            "trade" if action == Action::Insert => trades(context, frame, data),
            "trade" => Ok(()),
            "instrument" => {
                let filter = filtered_symbol(frame, message)?;
                if let Some(symbol) = filter {
                    context.instrument(&frame.text(symbol)?);
                }
                self.instruments(context, frame, data)
            }
            _ => {
                context.counts.unknown_types += 1;
                Ok(())
            }
        }
    }
}

/// The symbol a subscription was narrowed to.
fn filtered_symbol<'f>(
    frame: Frame<'f>,
    message: &Message<'f>,
) -> Result<Option<Raw<'f>>, DecodeError> {
    let filter = message.filter.map(|filter| frame.read::<Filter<'_>>(filter)).transpose()?;
    Ok(filter.and_then(|filter| filter.symbol))
}

/// Best bid and ask; a side without orders is left out of the row.
fn quotes(context: &mut Context<'_>, frame: Frame<'_>, data: Raw<'_>) -> Result<(), DecodeError> {
    for row in frame.items(data) {
        let raw = row?;
        let row: QuoteRow<'_> = frame.read(raw)?;
        let symbol = frame.text(frame.field(raw, row.symbol, "symbol")?)?;
        let Some(id) = context.instrument(&symbol) else { continue };
        let (bid, ask) = (row.bid_price.zip(row.bid_size), row.ask_price.zip(row.ask_size));
        context.ticker(&frame, id, bid, ask, None)?;
    }
    Ok(())
}

/// Rows of an index have no size or side, settlements and the like a `trdType` of their own:
/// neither is a trade of the book.
fn trades(context: &mut Context<'_>, frame: Frame<'_>, data: Raw<'_>) -> Result<(), DecodeError> {
    for row in frame.items(data) {
        let raw = row?;
        let row: TradeRow<'_> = frame.read(raw)?;
        let symbol = frame.text(frame.field(raw, row.symbol, "symbol")?)?;
        let Some(id) = context.instrument(&symbol) else { continue };
        let regular = row.kind.is_none_or(|kind| kind.unquoted() == "Regular");
        let (Some(size), Some(side), true) = (row.size, row.side, regular) else {
            context.counts.off_market_trades += 1;
            continue;
        };
        if frame.decimal(size)?.mantissa == 0 {
            context.counts.off_market_trades += 1;
            continue;
        }
        let taker = match side.unquoted() {
            "Buy" => Side::Bid,
            "Sell" => Side::Ask,
            _ => {
                context.counts.unknown_values += 1;
                continue;
            }
        };
        let price = frame.field(raw, row.price, "price")?;
        let exchange_at = context.time_text(row.timestamp);
        let told = TradeTold { id: None, price, qty: size, taker, exchange_at };
        context.trade(&frame, id, told)?;
    }
    Ok(())
}

impl Protocol for Bitmex {
    #[inline]
    fn fast(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Option<Fast> {
        self.fast_frame(context, bytes)
    }

    fn frame(&mut self, context: &mut Context<'_>, frame: Frame<'_>) -> Result<(), DecodeError> {
        // The answer to a `ping` is bare text.
        if frame.is_text("pong") {
            context.heartbeat();
            return Ok(());
        }
        let message: Message<'_> = frame.read_all()?;
        let Some(table) = message.table else {
            let known = [message.info, message.success, message.error];
            match known.iter().any(Option::is_some) {
                true => context.counts.control += 1,
                false => context.counts.unknown_types += 1,
            }
            return Ok(());
        };
        self.table(context, frame, &message, table.unquoted())
    }

    /// `GET /api/v1/instrument` and its like.
    fn rest_reply(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        _url: Option<&str>,
        status: Option<u16>,
    ) -> Result<(), DecodeError> {
        let body: Raw<'_> = frame.read_all()?;
        if !body.is_array() || status.is_some_and(|status| status != 200) {
            context.counts.unknown_types += 1;
            return Ok(());
        }
        self.instruments(context, frame, body)
    }

    fn connection_reset(&mut self, context: &mut Context<'_>) {
        context.stale_connection(StaleCause::Closed);
    }

    /// An unknown id shows some losses, not all.
    fn loses_silently(&self) -> bool {
        true
    }
}

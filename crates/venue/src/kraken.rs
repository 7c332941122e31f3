//! Kraken spot, WebSocket v1 and v2, told apart by their messages: v1's market data are arrays,
//! v2's are objects with a `channel`.
//!
//! Neither numbers its book messages. What vouches for a book is the CRC-32 of its best ten levels
//! a side that every v1 update and every v2 message carries, over the exact text of prices and
//! quantities (see [`crate::checksum`]). The reader keeps no more than the depth subscribed to:
//! Kraken does not delete levels that fall out of it.
//! <https://docs.kraken.com/exchange/guides/websockets/book-checksum-v1>
//! <https://docs.kraken.com/exchange/guides/websockets/book-checksum-v2>
//!
//! What is not told: a lost message of levels below the best ten shows only once one of them has
//! risen among those.

mod fast;
mod listing;
#[cfg(test)]
mod tests;
mod v1;
mod v2;

use crate::{
    DecodeError, Sync,
    checked::LastTrade,
    checksum::{Style, Texts},
    context::Context,
    json::{Frame, Raw},
    protocol::{Fast, Protocol},
};
use serde::Deserialize;
use tickhawk_market::{BookKind, InstrumentId, Level, Request, Scale};

/// Depths a book can be subscribed to.
const DEPTHS: [u32; 5] = [10, 25, 100, 500, 1000];

/// The Kraken protocols.
#[derive(Debug, Default)]
pub(crate) struct Kraken {
    books: Vec<Book>,
}

/// What is kept of one instrument.
#[derive(Debug)]
struct Book {
    texts: Texts,
    /// v2: the depth subscribed to, by our request or its acknowledgement.
    subscribed_depth: Option<u32>,
    /// Levels a side to keep, as of the last snapshot.
    depth: Option<u32>,
    /// v1: the trade channel has been subscribed to, and what it begins with has not come.
    history_due: bool,
    /// v2 numbers its trades.
    last_trade: LastTrade,
}

/// Every field of every object of either version, values as text until the type is known.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    channel: Option<Raw<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Raw<'a>>,
    #[serde(borrow)]
    data: Option<Raw<'a>>,
    #[serde(borrow)]
    method: Option<Raw<'a>>,
    #[serde(borrow)]
    params: Option<Raw<'a>>,
    #[serde(borrow)]
    result: Option<Raw<'a>>,
    #[serde(borrow)]
    event: Option<Raw<'a>>,
    #[serde(borrow)]
    pair: Option<Raw<'a>>,
    #[serde(borrow)]
    status: Option<Raw<'a>>,
    #[serde(borrow, rename = "channelName")]
    channel_name: Option<Raw<'a>>,
}

impl Default for Book {
    fn default() -> Self {
        Self {
            texts: Texts::new(Style::Digits),
            subscribed_depth: None,
            depth: None,
            history_due: false,
            last_trade: LastTrade::default(),
        }
    }
}

impl Kraken {
    fn book(&mut self, id: InstrumentId) -> &mut Book {
        if self.books.len() <= id.index() {
            self.books.resize_with(id.index() + 1, Book::default);
        }
        &mut self.books[id.index()]
    }
}

/// Whether a book message is to be read; a diff without a snapshot is not.
fn is_due(context: &mut Context<'_>, id: InstrumentId, kind: BookKind) -> bool {
    if kind == BookKind::Snapshot || context.sync(id).passes_diffs() {
        return true;
    }
    if context.sync(id) == Sync::Empty {
        // Snapshots come first on this venue: this one was lost.
        context.request(Request::Resubscribe(id));
    }
    context.syncing(id);
    false
}

/// The smallest depth on offer that holds so many levels.
fn depth_holding(levels: usize) -> Option<u32> {
    DEPTHS.into_iter().find(|depth| levels <= *depth as usize)
}

impl Protocol for Kraken {
    #[inline]
    fn fast(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Option<Fast> {
        self.fast_frame(context, bytes)
    }

    fn frame(&mut self, context: &mut Context<'_>, frame: Frame<'_>) -> Result<(), DecodeError> {
        if frame.whole().0.trim_start().starts_with('[') {
            return self.v1_array(context, frame);
        }
        let message: Message<'_> = frame.read_all()?;
        match (message.channel, message.event) {
            (Some(channel), _) => self.v2_message(context, frame, channel, &message),
            (None, Some(event)) => self.v1_event(context, frame, event, &message),
            (None, None) if message.method.is_some_and(|method| method.unquoted() == "pong") => {
                context.heartbeat();
                Ok(())
            }
            (None, None) if message.method.is_some() => {
                context.counts.control += 1;
                self.v2_subscription(context, frame, message.method, message.result)
            }
            (None, None) => {
                context.counts.unknown_types += 1;
                Ok(())
            }
        }
    }

    fn rest_reply(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        _url: Option<&str>,
        _status: Option<u16>,
    ) -> Result<(), DecodeError> {
        listing::asset_pairs(context, frame)
    }

    fn sent(&mut self, context: &mut Context<'_>, frame: Frame<'_>) -> Result<(), DecodeError> {
        let message: Message<'_> = frame.read_all()?;
        self.v2_subscription(context, frame, message.method, message.params)
    }

    fn checksum_levels(&self) -> usize {
        10
    }

    fn checksum_matches(
        &mut self,
        instrument: InstrumentId,
        scale: Scale,
        checksum: u32,
        bids: &[Level],
        asks: &[Level],
    ) -> bool {
        self.book(instrument).texts.kraken(scale, bids, asks) == checksum
    }

    /// The checksum covers the best ten levels only: what a frame that could not be read changed
    /// deeper shows late, or never.
    fn loses_silently(&self) -> bool {
        true
    }
}

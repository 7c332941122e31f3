//! For tests: what a decoder makes of frames, in words.

use crate::{Decoder, Limits, Venue};
use tickhawk_market::{
    BookKind, Change, ConnectionId, DecimalText, Level, Request, Scale, Side, UnixNanos, Update,
    Updates,
};

/// A decoder and one connection.
pub(crate) struct Listener {
    pub(crate) decoder: Decoder,
    pub(crate) connection: ConnectionId,
}

impl Listener {
    pub(crate) fn new(venue: Venue) -> Self {
        let decoder = Decoder::new(venue, None, Limits::default());
        Self { decoder, connection: ConnectionId(0) }
    }

    /// One that takes these instruments only, and so hears what listings say of them.
    pub(crate) fn wanting(venue: Venue, symbols: &[&str]) -> Self {
        let symbols = symbols.iter().map(|symbol| (*symbol).to_owned()).collect();
        let decoder = Decoder::new(venue, Some(symbols), Limits::default());
        Self { decoder, connection: ConnectionId(0) }
    }

    /// One frame.
    #[track_caller]
    pub(crate) fn check(&mut self, frame: &str, expected: &str) {
        assert_eq!(self.hear(frame), expected, "of {frame}");
    }

    pub(crate) fn hear(&mut self, frame: &str) -> String {
        let mut out = Updates::new();
        let result = self.decoder.frame(self.connection, frame.as_bytes(), &mut out);
        self.words(&out, result.err())
    }

    pub(crate) fn reply(&mut self, body: &str) -> String {
        let mut out = Updates::new();
        let body = body.as_bytes();
        let result = self.decoder.rest_reply(self.connection, None, Some(200), body, &mut out);
        self.words(&out, result.err())
    }

    pub(crate) fn opened(&mut self) -> String {
        let mut out = Updates::new();
        self.decoder.opened(self.connection, &mut out);
        self.words(&out, None)
    }

    pub(crate) fn sent(&mut self, text: &str) {
        self.decoder.sent(self.connection, text.as_bytes(), &mut Updates::new());
    }

    /// One frame that holds a snapshot, its levels best first: the depth to keep, and what its
    /// checksum says of them.
    pub(crate) fn audit(&mut self, frame: &str) -> String {
        let mut out = Updates::new();
        let bytes = frame.as_bytes();
        self.decoder.frame(self.connection, bytes, &mut out).unwrap();
        let book = out.updates.iter().find_map(|update| match update {
            Update::Book(book) => Some(book),
            _ => None,
        });
        let book = book.expect("the frame holds a book message");
        let side = |side| -> Vec<Level> {
            let changes = out.changes_of(book).iter().filter(|change| change.side == side);
            changes.map(|change| Level { price: change.price, qty: change.qty }).collect()
        };
        let (bids, asks) = (side(Side::Bid), side(Side::Ask));
        let verdict = book
            .checksum
            .map(|checksum| self.decoder.checksum_matches(book.instrument, checksum, &bids, &asks));
        let depth = book.depth.map_or("all".to_owned(), |depth| depth.to_string());
        let words = match verdict {
            None => "no checksum",
            Some(true) => "right",
            Some(false) => "wrong",
        };
        format!("{depth} {words}")
    }

    pub(crate) fn words(&self, out: &Updates, error: Option<crate::DecodeError>) -> String {
        let mut said: Vec<_> = out.updates.iter().filter_map(|u| self.update(out, u)).collect();
        said.extend(out.requests.iter().map(|request| match request {
            Request::Snapshot(id) => format!("fetch {}", self.symbol(*id)),
            Request::Resubscribe(id) => format!("resubscribe {}", self.symbol(*id)),
            Request::Reconnect(connection) => format!("reconnect {}", connection.0),
            Request::GiveUp(connection, channel) => format!("give up {}/{channel}", connection.0),
        }));
        said.extend(error.map(|error| format!("error: {error}")));
        said.join("; ")
    }

    fn symbol(&self, id: tickhawk_market::InstrumentId) -> &str {
        &self.decoder.instruments().get(id).symbol
    }

    fn update(&self, out: &Updates, update: &Update) -> Option<String> {
        let scale = |id| self.decoder.instruments().get(id).scale.unwrap_or_default();
        Some(match update {
            Update::Scale { .. } => return None,
            Update::Metadata { instrument, metadata } => format!(
                "metadata {} {:?} {:?} {:?}",
                self.symbol(*instrument),
                metadata.tick_size.map(|d| (d.mantissa, d.decimals)),
                metadata.lot_size.map(|d| (d.mantissa, d.decimals)),
                metadata.status
            ),
            Update::Book(book) => {
                let mut text = match book.kind {
                    BookKind::Snapshot => format!("snapshot {}", self.symbol(book.instrument)),
                    BookKind::Diff => format!("diff {}", self.symbol(book.instrument)),
                };
                for change in out.changes_of(book) {
                    text += &level(scale(book.instrument), change);
                }
                text += &book.sequence.map_or(String::new(), |n| format!(" #{n}"));
                text += &book.exchange_at.map_or(String::new(), |at| format!(" @{}", at.nanos()));
                text
            }
            Update::Trade(trade) => {
                let (side, price, qty) = (trade.taker, trade.price, trade.qty);
                let change = Change { side, price, qty };
                let at = trade.exchange_at.map_or(0, UnixNanos::nanos);
                let text = level(scale(trade.instrument), &change);
                format!("trade {}{text} @{at}", self.symbol(trade.instrument))
            }
            Update::Ticker(ticker) => {
                let mut text = format!("ticker {}", self.symbol(ticker.instrument));
                for (side, quote) in [(Side::Bid, ticker.bid), (Side::Ask, ticker.ask)] {
                    text += &quote.map_or(" none".to_owned(), |quote| {
                        let change = Change { side, price: quote.price, qty: quote.qty };
                        level(scale(ticker.instrument), &change)
                    });
                }
                text
            }
            Update::Syncing(id) => format!("syncing {}", self.symbol(*id)),
            Update::Stale { instrument, cause } => {
                format!("stale {} {cause:?}", self.symbol(*instrument))
            }
        })
    }
}

fn level(scale: Scale, change: &Change) -> String {
    let side = if change.side == Side::Bid { "b" } else { "a" };
    let price =
        DecimalText { units: change.price.units(), decimals: scale.price_decimals }.to_string();
    let qty = DecimalText { units: change.qty.units(), decimals: scale.qty_decimals };
    format!(" {side}{price}x{qty}")
}

/// Damages frames in every way the strategy finds and feeds them: nothing panics, no update refers
/// to changes that are not there, and what is said of a book before its snapshot is nothing.
pub(crate) fn survives_damage(venue: Venue, frames: &[&str]) {
    use proptest::prelude::*;
    let frames: Vec<Vec<u8>> = frames.iter().map(|frame| frame.as_bytes().to_vec()).collect();
    let count = frames.len();
    let damage = (0..count, 0..8u8, any::<prop::sample::Index>(), any::<u8>());
    let strategy = prop::collection::vec(damage, 1..24);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let outcome = runner.run(&strategy, |damages| {
        let mut listener = Listener::new(venue);
        for (which, how, place, byte) in damages {
            let mut bytes = frames[which].clone();
            let at = place.index(bytes.len());
            match how {
                0 => bytes.truncate(at),
                1 => bytes[at] = byte,
                2 => bytes[at] = b"0123456789-e.\"[]{},:n\\"[usize::from(byte) % 22],
                3 => bytes.insert(at, byte),
                4 => drop(bytes.remove(at)),
                5 => {
                    let digits = vec![b'9'; usize::from(byte)];
                    bytes.splice(at..at, digits);
                }
                6 => {
                    let part = bytes[at..].to_vec();
                    bytes.extend(part);
                }
                _ => {}
            }
            let mut out = Updates::new();
            let connection = ConnectionId(0);
            let _ = listener.decoder.frame(connection, &bytes, &mut out);
            for update in &out.updates {
                if let Update::Book(book) = update {
                    let changes = out.changes_of(book);
                    prop_assert!(changes.iter().all(|change| change.qty.units() >= 0));
                }
            }
            let _ = listener.decoder.rest_reply(connection, None, Some(200), &bytes, &mut out);
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

//! A client that reads with the venue's decoder and keeps books.

use tickhawk_book::{Book, BookLimits};
use tickhawk_market::{
    BookState, ConnectionId, DecimalText, InstrumentId, Level, Request, Side, Update, Updates,
};
use tickhawk_simulator::{TextLevels, level_digest};
use tickhawk_venue::{Decoder, Limits};

/// A client's reader.
pub struct Follower {
    decoder: Decoder,
    books: Vec<Book>,
    updates: Updates,
    /// Messages whose checksum was the book's.
    pub checksums: u64,
    /// What the decoder asked for and nobody has answered yet.
    pub requests: Vec<Request>,
    /// Trades and tickers read.
    pub trades: u64,
    pub tickers: u64,
}

impl Follower {
    pub fn new(slug: &str) -> Self {
        let decoder = Decoder::new(slug.parse().unwrap(), None, Limits::default());
        Self {
            decoder,
            books: Vec::new(),
            updates: Updates::new(),
            checksums: 0,
            requests: Vec::new(),
            trades: 0,
            tickers: 0,
        }
    }

    fn input(&mut self, what: &str, read: impl FnOnce(&mut Decoder, ConnectionId, &mut Updates)) {
        let mut updates = std::mem::take(&mut self.updates);
        updates.clear();
        read(&mut self.decoder, ConnectionId(0), &mut updates);
        assert_eq!(self.decoder.counts().malformed, 0, "{what:.300}");
        while self.books.len() < self.decoder.instruments().len() {
            self.books.push(Book::new(BookLimits::default()));
        }
        for update in &updates.updates {
            self.apply(update, &updates, what);
        }
        self.requests.append(&mut updates.requests);
        self.updates = updates;
    }

    fn apply(&mut self, update: &Update, updates: &Updates, what: &str) {
        match update {
            Update::Scale { instrument, scale } => {
                self.books[instrument.index()].set_scale(*scale);
            }
            Update::Book(change) => {
                let book = &mut self.books[change.instrument.index()];
                book.apply(change, updates.changes_of(change));
                if let Some(checksum) = change.checksum {
                    self.check(change.instrument, checksum, what);
                }
            }
            Update::Stale { instrument, cause } => {
                self.books[instrument.index()].mark_stale(*cause);
            }
            Update::Syncing(instrument) => self.books[instrument.index()].mark_syncing(),
            Update::Trade(_) => self.trades += 1,
            Update::Ticker(_) => self.tickers += 1,
            Update::Metadata { .. } => {}
        }
    }

    fn check(&mut self, id: InstrumentId, checksum: u32, what: &str) {
        let count = self.decoder.checksum_levels();
        let mut sides = [vec![Level::default(); count], vec![Level::default(); count]];
        let [bids, asks] = &mut sides;
        let bids_held = self.books[id.index()].top(Side::Bid, bids);
        let asks_held = self.books[id.index()].top(Side::Ask, asks);
        let (bids, asks) = (&bids[..bids_held], &asks[..asks_held]);
        let matches = self.decoder.checksum_matches(id, checksum, bids, asks);
        assert!(matches, "the checksum {checksum} is not the book's: {what:.300}");
        self.checksums += 1;
    }

    /// We sent this.
    pub fn sent(&mut self, text: &str) {
        self.input(text, |decoder, connection, out| decoder.sent(connection, text.as_bytes(), out));
    }

    /// The exchange sent this.
    pub fn frame(&mut self, text: &str) {
        self.input(text, |decoder, connection, out| {
            let read = decoder.frame(connection, text.as_bytes(), out);
            assert!(read.is_ok(), "{read:?}: {text:.300}");
        });
    }

    /// The exchange answered a REST request.
    pub fn reply(&mut self, url: &str, status: u16, body: &str) {
        self.input(body, |decoder, connection, out| {
            let read =
                decoder.rest_reply(connection, Some(url), Some(status), body.as_bytes(), out);
            assert!(read.is_ok(), "{read:?}: {body:.300}");
        });
    }

    /// The symbol of an instrument.
    pub fn symbol(&self, id: InstrumentId) -> String {
        self.decoder.instruments().get(id).symbol.clone()
    }

    /// The book of a symbol in the shortest texts, if it is live.
    pub fn book(&self, symbol: &str) -> Option<(TextLevels, TextLevels)> {
        let id = self.decoder.instruments().find(symbol)?;
        let book = self.books.get(id.index())?;
        let scale = book.scale();
        let text = |units, decimals| DecimalText { units, decimals }.to_string();
        let side = |side| {
            let level = |level: Level| {
                (
                    text(level.price.units(), scale.price_decimals),
                    text(level.qty.units(), scale.qty_decimals),
                )
            };
            book.levels(side).map(level).collect()
        };
        (book.state() == BookState::Live).then(|| (side(Side::Bid), side(Side::Ask)))
    }

    /// The sum of the levels' digests, of a live book.
    pub fn digest(&self, symbol: &str) -> Option<u64> {
        let (bids, asks) = self.book(symbol)?;
        let of = |is_bid, levels: &TextLevels| {
            let digests = levels.iter().map(|(price, qty)| level_digest(is_bid, price, qty));
            digests.fold(0u64, u64::wrapping_add)
        };
        Some(of(true, &bids).wrapping_add(of(false, &asks)))
    }
}

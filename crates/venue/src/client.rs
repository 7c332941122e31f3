//! What a client says to a venue: addresses, subscriptions, REST paths, pings, and the limits it
//! keeps to. Text and numbers only; whoever has sockets and a clock sends and waits.
//!
//! Of each instrument the book is asked for in the fastest form that needs no key and that the
//! decoder reads, and its trades; no tickers.

mod binance;
mod bitfinex;
mod bitmex;
mod bybit;
mod coinbase;
mod coinbase_exchange;
mod kraken;
mod kraken_futures;
mod okx;
#[cfg(test)]
mod tests;
pub(crate) mod text;

use crate::Venue;

/// A kind of connection a venue wants: some split instruments or channels over paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// What follows [`Terms::ws`] in the address; begins with `/`.
    pub path: &'static str,
    /// Whether books come this way.
    pub books: bool,
    /// Whether trades come this way.
    pub trades: bool,
}

/// An application-level ping: a text message that the venue answers with another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ping {
    /// Milliseconds from one to the next.
    pub every_ms: u64,
    /// The message.
    pub text: &'static str,
}

/// What a venue asks of its clients. Each value carries, where it is set, the page it comes from;
/// what no page says is our choice and is marked so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Scheme, host and port of the WebSocket service, such as `wss://fstream.binance.com`.
    pub ws: &'static str,
    /// Scheme and host of the REST service, such as `https://fapi.binance.com`.
    pub rest: &'static str,
    /// The connections it takes to hear everything; mostly one. An instrument may belong to one of
    /// them only: see [`Dialect::carries`].
    pub routes: &'static [Route],
    /// Most instruments one connection may carry, book and trades each.
    pub instruments_per_connection: usize,
    /// Most symbols one message of ours names, so that it breaks no limit of size or arguments.
    pub symbols_per_message: usize,
    /// Least milliseconds between two messages of ours on a connection, pings included.
    pub message_gap_ms: u64,
    /// At most so many attempts to connect in so many milliseconds, from one address.
    pub connects: (u32, u64),
    /// Milliseconds after which the venue closes a connection, however busy.
    pub lifetime_ms: Option<u64>,
    /// What must be sent again and again for a connection to be kept.
    pub ping: Option<Ping>,
    /// Milliseconds between WebSocket ping frames of ours: where the venue wants them, or where
    /// their pongs are all that shows a quiet connection to be alive.
    pub control_ping_ms: Option<u64>,
    /// Milliseconds without any frame, the WebSocket's own pings and pongs included, after which a
    /// connection is dead.
    pub frame_silence_ms: u64,
    /// Milliseconds without a heartbeat, or without an answer to our [`Ping`], after which a
    /// connection is dead. `None` where there is neither, or where heartbeats fill pauses only, so
    /// that [`Terms::frame_silence_ms`] says it all.
    pub heartbeat_silence_ms: Option<u64>,
    /// Milliseconds without a book message after which an instrument that used to have them is
    /// doubted. Our choice; `None` where the venue's heartbeats vouch for a book that is silent.
    pub book_silence_ms: Option<u64>,
    /// Whether an instrument's update ids are the same on every connection, so that copies of one
    /// message can be told.
    pub shares_ids: bool,
    /// Least milliseconds between two REST requests of ours, by the heaviest we send.
    pub rest_gap_ms: u64,
}

impl Venue {
    /// What the venue asks of its clients.
    pub fn terms(self) -> &'static Terms {
        match self {
            Self::Binance => &binance::SPOT,
            Self::BinanceUs => &binance::US,
            Self::BinanceFutures => &binance::FUTURES,
            Self::BinanceDelivery => &binance::DELIVERY,
            Self::Bybit => &bybit::CONTRACTS,
            Self::BybitSpot => &bybit::SPOT,
            Self::Okx => &okx::TERMS,
            Self::Coinbase => &coinbase::TERMS,
            Self::CoinbaseExchange => &coinbase_exchange::TERMS,
            Self::Kraken => &kraken::TERMS,
            Self::KrakenFutures => &kraken_futures::TERMS,
            Self::Bitmex => &bitmex::TERMS,
            Self::Bitfinex => &bitfinex::TERMS,
        }
    }
}

/// How one connection is spoken to: the venue and, on Kraken spot, the version of its protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    venue: Venue,
    /// Kraken spot: version 2 of the protocol.
    version_2: bool,
}

/// Whether channels are taken on or given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Subscribe,
    Unsubscribe,
}

impl Change {
    /// The word most venues have for it.
    fn word(self) -> &'static str {
        match self {
            Self::Subscribe => "subscribe",
            Self::Unsubscribe => "unsubscribe",
        }
    }
}

/// Which of an instrument's channels a change is about.
#[derive(Clone, Copy, Debug)]
struct Wants {
    books: bool,
    trades: bool,
    /// Heartbeats, where they come instrument by instrument.
    heartbeats: bool,
}

impl Wants {
    const BOOK: Self = Self { books: true, trades: false, heartbeats: false };

    fn of(route: &Route) -> Self {
        Self { books: route.books, trades: route.trades, heartbeats: true }
    }
}

impl Dialect {
    /// By the address connected to: on Kraken a path that ends in `/v2` means version 2, any other
    /// version 1. A local server may have any path: see [`Dialect::greeted`].
    pub fn new(venue: Venue, url: &str) -> Self {
        let path = url.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
        Self { venue, version_2: venue == Venue::Kraken && path.ends_with("/v2") }
    }

    /// Whose dialect it is.
    pub fn venue(&self) -> Venue {
        self.venue
    }

    /// Whether the instrument is heard on that route. Only Bybit has routes for different
    /// instruments; a route that carries none of those wanted need not be connected to.
    pub fn carries(&self, route: &Route, symbol: &str) -> bool {
        match self.venue {
            Venue::Bybit => bybit::carries(route, symbol),
            _ => true,
        }
    }

    /// The texts to send once connected, in order: what a connection says once, such as heartbeats,
    /// then books and trades as `route` says. Symbols that another route carries are left out; for
    /// none at all there is nothing to send.
    pub fn subscribe(&self, route: &Route, symbols: &[String], out: &mut Vec<String>) {
        if !symbols.iter().any(|symbol| self.carries(route, symbol)) {
            return;
        }
        out.extend(
            match self.venue {
                Venue::Coinbase => Some(coinbase::OPENING),
                Venue::Kraken if self.version_2 => Some(kraken::OPENING),
                Venue::KrakenFutures => Some(kraken_futures::OPENING),
                Venue::Bitfinex => Some(bitfinex::OPENING),
                _ => None,
            }
            .map(str::to_owned),
        );
        self.subscribe_more(route, symbols, out);
    }

    /// The texts that add instruments to a connection that [`Dialect::subscribe`] has opened.
    pub fn subscribe_more(&self, route: &Route, symbols: &[String], out: &mut Vec<String>) {
        self.change_route(Change::Subscribe, route, symbols, out);
    }

    /// The texts that give up instruments, books and trades as `route` says. None on Bitfinex,
    /// which knows channels by id only: see [`Dialect::unsubscribe_channel`].
    pub fn unsubscribe(&self, route: &Route, symbols: &[String], out: &mut Vec<String>) {
        self.change_route(Change::Unsubscribe, route, symbols, out);
    }

    /// Gives up one channel by its id; false where channels have none.
    pub fn unsubscribe_channel(&self, channel: u64, out: &mut Vec<String>) -> bool {
        let by_id = self.venue == Venue::Bitfinex;
        if by_id {
            out.push(bitfinex::unsubscribe(channel));
        }
        by_id
    }

    /// Takes the book of one instrument off and on again, so that a fresh snapshot comes; whatever
    /// else the connection carries goes on. `channel` is the venue's id of the book's channel, where
    /// unsubscribing needs it (Bitfinex). False if it cannot be done and the connection must be
    /// opened anew; on Binance too, where a fresh snapshot comes by REST.
    pub fn resubscribe(&self, symbol: &str, channel: Option<u64>, out: &mut Vec<String>) -> bool {
        match (self.venue, channel) {
            (
                Venue::Binance | Venue::BinanceUs | Venue::BinanceFutures | Venue::BinanceDelivery,
                _,
            )
            | (Venue::Bitfinex, None) => return false,
            (Venue::Bitfinex, Some(channel)) => out.push(bitfinex::unsubscribe(channel)),
            _ => self.change(Change::Unsubscribe, Wants::BOOK, &[symbol], out),
        }
        self.change(Change::Subscribe, Wants::BOOK, &[symbol], out);
        true
    }

    /// A first frame that shows the other version of the protocol (Kraken's `systemStatus` of
    /// version 1, `status` of version 2, or an answer in either's form): the dialect to subscribe
    /// in instead.
    pub fn greeted(&self, frame: &[u8]) -> Option<Dialect> {
        let version_2 = match self.venue {
            Venue::Kraken => kraken::greeting_version_2(frame)?,
            _ => return None,
        };
        (version_2 != self.version_2).then_some(Self { version_2, ..*self })
    }

    /// Path and query of the REST book snapshot, the deepest there is, on venues that need one.
    pub fn snapshot(&self, symbol: &str) -> Option<String> {
        binance::snapshot(self.venue, symbol)
    }

    /// Paths of the REST listings that tell ticks, lots and status of these symbols, to be asked
    /// one by one. Empty where the stream tells (Kraken version 2) or nothing does (Bitfinex).
    pub fn metadata(&self, symbols: &[String]) -> Vec<String> {
        if symbols.is_empty() {
            return Vec::new();
        }
        match self.venue {
            Venue::Binance | Venue::BinanceUs => binance::listings(symbols),
            Venue::BinanceFutures => vec!["/fapi/v1/exchangeInfo".to_owned()],
            Venue::BinanceDelivery => vec!["/dapi/v1/exchangeInfo".to_owned()],
            Venue::Bybit | Venue::BybitSpot => bybit::listings(self.venue, symbols),
            Venue::Okx => okx::listings(symbols),
            Venue::Coinbase => coinbase::listings(symbols),
            Venue::CoinbaseExchange => coinbase_exchange::listings(symbols),
            Venue::Kraken if self.version_2 => Vec::new(),
            Venue::Kraken => vec![kraken::LISTING.to_owned()],
            Venue::KrakenFutures => vec![kraken_futures::LISTING.to_owned()],
            Venue::Bitmex => vec![bitmex::LISTING.to_owned()],
            // `pub:info:pair` tells sizes of orders, no tick, lot or status; prices have five
            // significant digits, so that there is no fixed tick.
            // <https://docs.bitfinex.com/reference/rest-public-conf>
            Venue::Bitfinex => Vec::new(),
        }
    }

    fn change_route(
        &self,
        change: Change,
        route: &Route,
        symbols: &[String],
        out: &mut Vec<String>,
    ) {
        let ours = symbols.iter().filter(|symbol| self.carries(route, symbol));
        let ours: Vec<&str> = ours.map(String::as_str).collect();
        self.change(change, Wants::of(route), &ours, out);
    }

    fn change(&self, change: Change, wants: Wants, symbols: &[&str], out: &mut Vec<String>) {
        for part in symbols.chunks(self.venue.terms().symbols_per_message) {
            match self.venue {
                Venue::Binance | Venue::BinanceUs => {
                    binance::change(change, wants, "100ms", part, out);
                }
                Venue::BinanceFutures | Venue::BinanceDelivery => {
                    binance::change(change, wants, "0ms", part, out);
                }
                Venue::Bybit | Venue::BybitSpot => bybit::change(change, wants, part, out),
                Venue::Okx => okx::change(change, wants, part, out),
                Venue::Coinbase => coinbase::change(change, wants, part, out),
                Venue::CoinbaseExchange => coinbase_exchange::change(change, wants, part, out),
                Venue::Kraken if self.version_2 => kraken::change_v2(change, wants, part, out),
                Venue::Kraken => kraken::change_v1(change, wants, part, out),
                Venue::KrakenFutures => kraken_futures::change(change, wants, part, out),
                Venue::Bitmex => bitmex::change(change, wants, part, out),
                Venue::Bitfinex if change == Change::Subscribe => {
                    bitfinex::subscribe(wants, part, out);
                }
                Venue::Bitfinex => {}
            }
        }
    }
}

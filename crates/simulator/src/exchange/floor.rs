//! What all desks work on: who is connected, what they subscribed to, the books, and what goes out.

use super::book::TextBook;
use super::desk::Topic;
use super::{ClientId, Output, RestId};
use std::collections::{BTreeMap, VecDeque};
use tickhawk_market::{Decimal, Side};

/// Most subscriptions a client may have.
const SUBSCRIPTIONS_LIMIT: usize = 4_096;

/// Most listings kept.
const LISTINGS_LIMIT: usize = 64;

/// A client's subscription to one topic.
#[derive(Clone, Debug, Default)]
pub(crate) struct Subscription {
    /// The names it subscribed by, in order; seldom more than one.
    pub(crate) names: Vec<String>,
    /// Whether it has had what it needs to follow changes.
    pub(crate) opened: bool,
}

/// A connected client.
#[derive(Clone, Debug, Default)]
pub(crate) struct Client {
    pub(crate) subscriptions: BTreeMap<Topic, Subscription>,
}

/// What became of a wish to subscribe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subscribed {
    /// Entered.
    New,
    /// There was one by this name.
    Already,
    /// The client has as many as it may.
    TooMany,
}

/// Decimals that an instrument's numbers have, trailing zeros apart: over a whole snapshot those of
/// its tick and lot, however many the venue writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Decimals {
    pub(crate) price: u8,
    pub(crate) qty: u8,
}

impl Decimals {
    fn see(&mut self, price: &str, qty: &str) {
        let of = |text: &str| Decimal::parse(text.as_bytes()).map_or(0, |number| number.decimals);
        self.price = self.price.max(of(price));
        self.qty = self.qty.max(of(qty));
    }
}

/// A listing as the tape holds it.
#[derive(Clone, Debug)]
struct Listing {
    path: String,
    query: String,
    body: String,
}

/// What all desks work on.
#[derive(Debug, Default)]
pub(crate) struct Floor {
    /// The books by symbol, as far as the tape was played.
    pub(crate) books: BTreeMap<String, TextBook>,
    /// Receive time of the last record played, nanoseconds since the Unix epoch.
    pub(crate) now_ns: u64,
    /// Whether the tape is over.
    pub(crate) ended: bool,
    pub(crate) clients: BTreeMap<ClientId, Client>,
    /// With the decimals of the levels noted, if any.
    symbols: BTreeMap<String, Option<Decimals>>,
    listings: Vec<Listing>,
    fresh: Vec<(ClientId, Topic, String)>,
    outputs: VecDeque<Output>,
}

impl Floor {
    /// Sends a text to a client.
    pub(crate) fn send(&mut self, client: ClientId, text: String) {
        self.outputs.push_back(Output::Frame { client, text });
    }

    /// Closes a client's connection.
    pub(crate) fn close(&mut self, client: ClientId, code: u16, reason: &str) {
        self.outputs.push_back(Output::Close { client, code, reason: reason.to_owned() });
    }

    /// Answers a REST request.
    pub(crate) fn reply(&mut self, rest: RestId, status: u16, body: String) {
        self.outputs.push_back(Output::Reply { rest, status, body });
    }

    pub(crate) fn has_output(&self) -> bool {
        !self.outputs.is_empty()
    }

    pub(crate) fn take(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Enters a subscription.
    pub(crate) fn subscribe(&mut self, client: ClientId, topic: Topic, name: &str) -> Subscribed {
        let Some(entry) = self.clients.get_mut(&client) else { return Subscribed::TooMany };
        let names: usize = entry.subscriptions.values().map(|entry| entry.names.len()).sum();
        let has = |subscription: &Subscription| subscription.names.iter().any(|had| had == name);
        if entry.subscriptions.get(&topic).is_some_and(has) {
            return Subscribed::Already;
        }
        if names >= SUBSCRIPTIONS_LIMIT {
            return Subscribed::TooMany;
        }
        entry.subscriptions.entry(topic.clone()).or_default().names.push(name.to_owned());
        self.fresh.push((client, topic, name.to_owned()));
        Subscribed::New
    }

    /// Takes a subscription out; `false` if there was none by this name.
    pub(crate) fn unsubscribe(&mut self, client: ClientId, topic: &Topic, name: &str) -> bool {
        self.fresh.retain(|(who, what, by)| (*who, what, by.as_str()) != (client, topic, name));
        let Some(entry) = self.clients.get_mut(&client) else { return false };
        let Some(subscription) = entry.subscriptions.get_mut(topic) else { return false };
        let before = subscription.names.len();
        subscription.names.retain(|had| had != name);
        let after = subscription.names.len();
        if after == 0 {
            entry.subscriptions.remove(topic);
        }
        after < before
    }

    /// Whether the client subscribed to the topic, by whatever name.
    pub(crate) fn is_subscribed(&self, client: ClientId, topic: &Topic) -> bool {
        self.clients.get(&client).is_some_and(|entry| entry.subscriptions.contains_key(topic))
    }

    /// Subscriptions entered since last asked.
    pub(crate) fn take_fresh(&mut self) -> Vec<(ClientId, Topic, String)> {
        std::mem::take(&mut self.fresh)
    }

    /// The subscription of a client to a topic.
    pub(crate) fn subscription_mut(
        &mut self,
        client: ClientId,
        topic: &Topic,
    ) -> Option<&mut Subscription> {
        self.clients.get_mut(&client)?.subscriptions.get_mut(topic)
    }

    /// Everyone connected.
    pub(crate) fn client_ids(&self) -> Vec<ClientId> {
        self.clients.keys().copied().collect()
    }

    /// The book of a symbol, if it is live.
    pub(crate) fn live_book(&self, symbol: &str) -> Option<&TextBook> {
        self.books.get(symbol).filter(|book| book.live)
    }

    /// The book of a symbol, made empty where there was none.
    pub(crate) fn book_mut(&mut self, symbol: &str) -> &mut TextBook {
        if !self.books.contains_key(symbol) {
            self.books.insert(symbol.to_owned(), TextBook::default());
        }
        self.books.get_mut(symbol).expect("inserted above where it was missing")
    }

    /// Notes that the venue has this instrument.
    pub(crate) fn know(&mut self, symbol: &str) {
        if !self.symbols.contains_key(symbol) {
            self.symbols.insert(symbol.to_owned(), None);
        }
    }

    /// Notes the decimals of a level.
    pub(crate) fn see_level(&mut self, symbol: &str, price: &str, qty: &str) {
        self.know(symbol);
        if let Some(seen) = self.symbols.get_mut(symbol) {
            seen.get_or_insert_default().see(price, qty);
        }
    }

    /// Whether the tape, as far as it was looked at, has this instrument.
    pub(crate) fn is_known(&self, symbol: &str) -> bool {
        self.symbols.contains_key(symbol)
    }

    /// The instruments seen so far.
    pub(crate) fn symbols(&self) -> Vec<String> {
        self.symbols.keys().cloned().collect()
    }

    /// The instruments of which levels were seen so far, with their decimals: those of the levels
    /// the desks noted, and of the book as it is.
    pub(crate) fn known(&self) -> Vec<(String, Decimals)> {
        let with_book = |(symbol, noted): (&String, &Option<Decimals>)| {
            let mut found = *noted;
            let sides = |book| [TextBook::best_first(book, Side::Bid), book.best_first(Side::Ask)];
            for level in self.books.get(symbol).into_iter().flat_map(sides).flatten() {
                found.get_or_insert_default().see(&level.price, &level.qty);
            }
            Some((symbol.clone(), found?))
        };
        self.symbols.iter().filter_map(with_book).collect()
    }

    /// Keeps a listing the tape holds.
    pub(crate) fn keep_listing(&mut self, url: &str, body: &str) {
        let (path, query) = split_url(url);
        let same = |kept: &Listing| kept.path == path && kept.query == query;
        self.listings.retain(|kept| !same(kept));
        if self.listings.len() < LISTINGS_LIMIT {
            let (path, query, body) = (path.to_owned(), query.to_owned(), body.to_owned());
            self.listings.push(Listing { path, query, body });
        }
    }

    /// What the tape's recorder got for that path: with the same query if it asked so, else with
    /// any.
    pub(crate) fn listing(&self, path: &str) -> Option<&str> {
        let (path, query) = split_url(path);
        let of_path = || self.listings.iter().filter(|kept| kept.path == path);
        let found = of_path().find(|kept| kept.query == query).or_else(|| of_path().next());
        found.map(|kept| kept.body.as_str())
    }
}

/// Path and query of an address or of a path.
pub(crate) fn split_url(url: &str) -> (&str, &str) {
    let after_scheme =
        url.split_once("://").map_or(url, |(_, rest)| rest.find('/').map_or("/", |at| &rest[at..]));
    after_scheme.split_once('?').unwrap_or((after_scheme, ""))
}

/// The value of a key in a query, as written.
pub(crate) fn query_value<'a>(query: &'a str, key: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
}

/// One step of that many decimals: `0.001`.
pub(crate) fn step_text(decimals: u8) -> String {
    crate::text::fixed(1, decimals, decimals)
}

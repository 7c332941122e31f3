//! What differs from venue to venue.

use super::binance::Binance;
use super::bitfinex::Bitfinex;
use super::bitmex::Bitmex;
use super::bybit::Bybit;
use super::coinbase::Coinbase;
use super::coinbase_exchange::CoinbaseExchange;
use super::floor::Floor;
use super::kraken::Kraken;
use super::kraken_futures::KrakenFutures;
use super::okx::Okx;
use super::{ClientId, RestId, TapeRecord};

/// What can be subscribed to: a channel of an instrument. Names of the same content (any depth
/// speed, any spelling) share one topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Topic {
    /// The channel, in the desk's own spelling.
    pub(crate) channel: String,
    /// The instrument in the venue's spelling; empty where the channel has none.
    pub(crate) symbol: String,
}

impl Topic {
    pub(crate) fn new(channel: &str, symbol: &str) -> Self {
        Self { channel: channel.to_owned(), symbol: symbol.to_owned() }
    }
}

/// How a part of a frame stands to those before it in its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A snapshot: with it a subscriber can follow.
    Opening,
    /// A change: of use only to who has had an opening.
    Following,
    /// Complete in itself.
    Alone,
}

/// What a frame of the tape carries of one topic. Most frames have one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// Of what.
    pub(crate) topic: Topic,
    /// The name under which the tape's recorder had subscribed to it, as far as clients may use
    /// other names for the same topic.
    pub(crate) name: String,
    /// How it stands to the parts before.
    pub(crate) place: Place,
    /// Which item of the frame it is, for desks whose frames have several.
    pub(crate) item: usize,
}

impl Part {
    /// The only part of its frame.
    pub(crate) fn whole(topic: Topic, name: &str, place: Place) -> Self {
        Self { topic, name: name.to_owned(), place, item: 0 }
    }
}

/// A part that a client gets, and the client's own name for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chosen<'a> {
    /// The part.
    pub(crate) part: &'a Part,
    /// The name the client subscribed by.
    pub(crate) name: &'a str,
}

/// A venue's own ways. Nothing here may panic, whatever a client or a tape says; texts handed in
/// nest no deeper than [`super::json::is_shallow`] allows, clients' are at most 64 KiB.
///
/// The exchange looks ahead on the tape: each record is *scanned* first, in order, and *played*
/// later, in order. A scan may note what later records need (whose channel an id is, which symbols
/// there are) but leaves the books alone; playing changes the books. Then the exchange gives every
/// client the parts it subscribed to, in the words of [`Desk::write`].
pub(crate) trait Desk: Send {
    /// What a record carries: nothing for controls, acknowledgements and what cannot be read. A
    /// REST reply with parts is a book's; one without is kept as a listing.
    fn scan(&mut self, floor: &mut Floor, record: &TapeRecord) -> Vec<Part>;

    /// Changes the books by a record and its parts (never of a topic that another connection of
    /// the tape is carrying). Parts nobody should get are taken out.
    fn play(&mut self, floor: &mut Floor, record: &TapeRecord, parts: &mut Vec<Part>);

    /// The frame as this client gets it, which chose these parts of it (`all`: every one).
    fn write(
        &mut self,
        client: ClientId,
        text: &str,
        chosen: &[Chosen<'_>],
        all: bool,
    ) -> Option<String>;

    /// A client connected. It is told what the venue tells everyone, and subscribed to what the
    /// path (and query) names.
    fn connected(&mut self, floor: &mut Floor, client: ClientId, path: &str);

    /// A client sent a text. Subscriptions are entered with [`Floor::subscribe`]; the exchange
    /// sends the openings of the new ones after this returns.
    fn received(&mut self, floor: &mut Floor, client: ClientId, text: &str);

    /// A client left; what was kept of it goes.
    fn disconnected(&mut self, _client: ClientId) {}

    /// What whoever subscribes now must get at once to follow: the snapshot of a live book, the
    /// state of a ticker that tells changes only. `None` where the tape will bring it, or where
    /// the topic needs none. `name` is the client's own.
    fn opening(
        &mut self,
        floor: &Floor,
        client: ClientId,
        topic: &Topic,
        name: &str,
    ) -> Option<String>;

    /// The channel of the books that the venue's stream carries snapshots of, if it does.
    fn snapshot_channel(&self) -> Option<&'static str>;

    /// A client asks for `path` (query included). The answer goes through [`Floor::reply`], now
    /// or when the tape allows it.
    fn rest(&mut self, floor: &mut Floor, rest: RestId, path: &str);

    /// No connection of the tape carries the topic any more: until its next opening nothing is
    /// known of it.
    fn lost(&mut self, floor: &mut Floor, topic: &Topic);

    /// Whether the record is a snapshot by REST that somebody who listens will ask for, but has not
    /// yet.
    fn expects_request(&self, _floor: &Floor, _record: &TapeRecord, _parts: &[Part]) -> bool {
        false
    }

    /// The tape is over.
    fn ended(&mut self, _floor: &mut Floor) {}

    /// Nothing was played for a while; heartbeats may be due. Nanoseconds since the Unix epoch, by
    /// the driver's clock.
    fn idle(&mut self, _floor: &mut Floor, _now_ns: u64) {}

    /// Tells every client of maintenance, where the venue has words for it.
    fn maintenance(&mut self, _floor: &mut Floor) {}
}

/// Slugs of the venues that have a desk.
pub(crate) const SLUGS: &str = "binance, binance-us, binance-futures, binance-delivery, bybit, bybit-spot, okx, coinbase, \
     coinbase-exchange, kraken, kraken-futures, bitmex, bitfinex";

/// The desk of a venue.
pub(crate) fn desk_of(slug: &str) -> Option<Box<dyn Desk>> {
    Some(match slug {
        "binance" | "binance-us" => Box::new(Binance::spot()),
        "binance-futures" | "binance-delivery" => Box::new(Binance::futures()),
        "bybit" => Box::new(Bybit::linear()),
        "bybit-spot" => Box::new(Bybit::spot()),
        "okx" => Box::new(Okx::default()),
        "coinbase" => Box::new(Coinbase::new()),
        "coinbase-exchange" => Box::new(CoinbaseExchange::new()),
        "kraken" => Box::new(Kraken::new()),
        "kraken-futures" => Box::new(KrakenFutures::new()),
        "bitmex" => Box::new(Bitmex::new()),
        "bitfinex" => Box::new(Bitfinex::new()),
        _ => return None,
    })
}

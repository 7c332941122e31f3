//! One venue's decoder: the state machine behind a session's connections.

#[cfg(test)]
mod tests;

use crate::{
    Counts, DecodeError, Instrument, Instruments, Limits, Sync, Venue,
    binance::Binance,
    bitfinex::Bitfinex,
    bitmex::Bitmex,
    bybit::Bybit,
    coinbase::Coinbase,
    coinbase_exchange::CoinbaseExchange,
    context::Context,
    json::Frame,
    kraken::Kraken,
    kraken_futures::KrakenFutures,
    okx::Okx,
    protocol::{Fast, Protocol},
};
use tickhawk_market::{
    ConnectionId, InstrumentId, Level, Metadata, Request, Scale, StaleCause, Update, Updates,
};

/// A venue's decoder. One serves all connections of one venue in a session.
#[derive(Debug)]
pub struct Decoder {
    venue: Venue,
    limits: Limits,
    instruments: Instruments,
    counts: Counts,
    protocol: Kind,
    #[cfg(test)]
    pub(crate) fast: FastPath,
}

/// For tests: whether fast readers are asked, and how many frames they took.
#[cfg(test)]
#[derive(Debug, Default)]
pub(crate) struct FastPath {
    pub(crate) shut: bool,
    pub(crate) taken: u64,
}

#[derive(Debug)]
enum Kind {
    Binance(Binance),
    Bitfinex(Bitfinex),
    Bitmex(Bitmex),
    Bybit(Bybit),
    Coinbase(Coinbase),
    CoinbaseExchange(CoinbaseExchange),
    Kraken(Kraken),
    KrakenFutures(KrakenFutures),
    Okx(Okx),
}

/// Calls one method of whichever protocol it is.
macro_rules! protocol {
    ($kind:expr, $protocol:ident => $call:expr) => {
        match $kind {
            Kind::Binance($protocol) => $call,
            Kind::Bitfinex($protocol) => $call,
            Kind::Bitmex($protocol) => $call,
            Kind::Bybit($protocol) => $call,
            Kind::Coinbase($protocol) => $call,
            Kind::CoinbaseExchange($protocol) => $call,
            Kind::Kraken($protocol) => $call,
            Kind::KrakenFutures($protocol) => $call,
            Kind::Okx($protocol) => $call,
        }
    };
}

impl Decoder {
    /// A decoder for `venue`; `symbols`, where given, are the only instruments taken (the venue's
    /// own spelling).
    pub fn new(venue: Venue, symbols: Option<Vec<String>>, limits: Limits) -> Self {
        let protocol = match venue {
            Venue::Binance | Venue::BinanceUs => Kind::Binance(Binance::spot()),
            Venue::BinanceFutures | Venue::BinanceDelivery => Kind::Binance(Binance::futures()),
            Venue::Bybit | Venue::BybitSpot => Kind::Bybit(Bybit::default()),
            Venue::Okx => Kind::Okx(Okx::default()),
            Venue::Coinbase => Kind::Coinbase(Coinbase::default()),
            Venue::CoinbaseExchange => Kind::CoinbaseExchange(CoinbaseExchange::default()),
            Venue::Kraken => Kind::Kraken(Kraken::default()),
            Venue::KrakenFutures => Kind::KrakenFutures(KrakenFutures::default()),
            Venue::Bitmex => Kind::Bitmex(Bitmex::default()),
            Venue::Bitfinex => Kind::Bitfinex(Bitfinex::default()),
        };
        let instruments = Instruments::new(symbols, limits.instruments);
        Self {
            venue,
            limits,
            instruments,
            counts: Counts::default(),
            protocol,
            #[cfg(test)]
            fast: FastPath::default(),
        }
    }

    /// Lets the prices of instruments named from now on carry at least these decimals: those of
    /// ticks known beforehand, so that one tick is a whole number of price units. `others` is for
    /// symbols not listed.
    pub fn expect_price_decimals(&mut self, by_symbol: Vec<(String, u8)>, others: u8) {
        self.instruments.expect_price_decimals(by_symbol, others);
    }

    /// Whose messages these are.
    pub fn venue(&self) -> Venue {
        self.venue
    }

    /// The instruments named so far.
    pub fn instruments(&self) -> &Instruments {
        &self.instruments
    }

    /// What was seen so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Decodes one WebSocket frame, adding to `out`.
    ///
    /// # Errors
    /// If the frame cannot be read; what it held is lost, and on venues where no later message
    /// would show the loss, every book of the connection has gone Stale in `out`.
    #[inline]
    pub fn frame(
        &mut self,
        connection: ConnectionId,
        bytes: &[u8],
        out: &mut Updates,
    ) -> Result<(), DecodeError> {
        if let Some(result) = self.fast(connection, bytes, out) {
            return result;
        }
        self.input(connection, bytes, out, |protocol, context, frame| {
            protocol!(protocol, protocol => protocol.frame(context, frame))
        })
    }

    /// Reads the frame by its venue's usual layout, if it has that. What the fast reader takes is
    /// JSON of few levels and ASCII, so it need not be proven to be.
    #[inline]
    fn fast(
        &mut self,
        connection: ConnectionId,
        bytes: &[u8],
        out: &mut Updates,
    ) -> Option<Result<(), DecodeError>> {
        #[cfg(test)]
        if self.fast.shut {
            return None;
        }
        if bytes.len() > self.limits.frame_bytes {
            return None;
        }
        let (mark, first_change) = (out.mark(), out.changes.len());
        let Some(result) = self.read_fast(connection, bytes, out) else {
            out.rewind(mark);
            return None;
        };
        self.counts.inputs += 1;
        #[cfg(test)]
        {
            self.fast.taken += 1;
        }
        if result.is_err() {
            self.malformed(connection, first_change, out);
        }
        Some(result)
    }

    /// A function of its own, and one for all: [`Decoder::rehearse`] is to run this very code.
    #[inline(never)]
    fn read_fast(
        &mut self,
        connection: ConnectionId,
        bytes: &[u8],
        out: &mut Updates,
    ) -> Option<Fast> {
        let (protocol, mut context) = self.parts(connection, out);
        protocol!(protocol, protocol => protocol.fast(&mut context, bytes))
    }

    /// Reads a frame as [`Decoder::frame`] does, and concludes nothing of it: its last bracket is
    /// withheld, without which no fast reader takes it, and one that does not take a frame leaves all
    /// as it was. What code and tables that needs are in the caches then. `scratch` is cleared.
    ///
    /// The frame must be one that [`Decoder::frame`] read without an error: of one with a bracket too
    /// many, the rest would be a frame.
    pub fn rehearse(&mut self, connection: ConnectionId, bytes: &[u8], scratch: &mut Updates) {
        scratch.clear();
        if let Some((b'}' | b']', all_but_last)) = bytes.split_last() {
            let taken = self.read_fast(connection, all_but_last, scratch);
            debug_assert!(taken.is_none(), "a fast reader took a frame that is cut off");
        }
        scratch.clear();
    }

    /// Decodes the reply to a REST request: a book snapshot or instrument metadata, told by `url`
    /// where it is known. `status` is the HTTP status, where known.
    ///
    /// # Errors
    /// If the body cannot be read; a snapshot still awaited is asked for again.
    pub fn rest_reply(
        &mut self,
        connection: ConnectionId,
        url: Option<&str>,
        status: Option<u16>,
        body: &[u8],
        out: &mut Updates,
    ) -> Result<(), DecodeError> {
        self.input(connection, body, out, |protocol, context, frame| {
            protocol!(protocol, protocol => protocol.rest_reply(context, frame, url, status))
        })
    }

    /// The connection opened: what belongs to a connection starts afresh.
    pub fn opened(&mut self, connection: ConnectionId, out: &mut Updates) {
        let (protocol, mut context) = self.parts(connection, out);
        protocol!(protocol, protocol => protocol.connection_reset(&mut context));
    }

    /// What we sent on the connection, as a recording tells it: subscriptions name depths and
    /// symbols that replies may leave out.
    pub fn sent(&mut self, connection: ConnectionId, bytes: &[u8], out: &mut Updates) {
        let (protocol, mut context) = self.parts(connection, out);
        let sent = Frame::new(bytes)
            .and_then(|frame| protocol!(protocol, protocol => protocol.sent(&mut context, frame)));
        context.counts.unknown_types += u64::from(sent.is_err());
    }

    /// The connection closed: every book that came by it is Stale.
    pub fn closed(&mut self, connection: ConnectionId, out: &mut Updates) {
        let (protocol, mut context) = self.parts(connection, out);
        context.stale_connection(StaleCause::Closed);
        protocol!(protocol, protocol => protocol.connection_reset(&mut context));
    }

    /// The book built from these messages was found wrong (crossed, checksum, too many levels):
    /// asks for what would put it right. Diffs go on meanwhile, the sequence being whole.
    #[cold]
    pub fn suspect(&mut self, instrument: InstrumentId, out: &mut Updates) {
        if self.instruments.get(instrument).sync != Sync::Live {
            return;
        }
        let connection = self.instruments.get(instrument).connection;
        let (protocol, mut context) = self.parts(connection.unwrap_or(ConnectionId(0)), out);
        context.instruments.get_mut(instrument).sync = Sync::Suspect;
        context.counts.stale_otherwise += 1;
        let request = protocol!(protocol, protocol => protocol.resync(instrument));
        context.request(request);
    }

    /// Nothing was heard of the connection for too long: every book that came by it is Stale, and
    /// the connection is to be opened anew.
    #[cold]
    pub fn silent(&mut self, connection: ConnectionId, out: &mut Updates) {
        let (_, mut context) = self.parts(connection, out);
        context.stale_connection(StaleCause::Silence);
        context.request(Request::Reconnect(connection));
    }

    /// Nothing was heard of one book for too long, while its connection goes on: it is Stale, and is
    /// to be subscribed to again. A snapshot alone, where it comes by REST, would be right today and
    /// still not be followed by anything.
    ///
    /// # Panics
    /// If the id is not one of this session's, as in every method that takes one.
    #[cold]
    pub fn silent_book(&mut self, instrument: InstrumentId, out: &mut Updates) {
        let connection = self.instruments.get(instrument).connection;
        let (_, mut context) = self.parts(connection.unwrap_or(ConnectionId(0)), out);
        context.stale(instrument, StaleCause::Silence, Request::Resubscribe(instrument));
    }

    /// Asks again for what would put a book right that is Syncing, Suspect or Stale: what was asked
    /// for may have been lost on the way, or its answer. Says nothing of any other book.
    #[cold]
    pub fn ask_again(&mut self, instrument: InstrumentId, out: &mut Updates) {
        let Instrument { sync, connection, .. } = *self.instruments.get(instrument);
        if matches!(sync, Sync::Syncing | Sync::Suspect | Sync::Stale) {
            let (protocol, mut context) = self.parts(connection.unwrap_or(ConnectionId(0)), out);
            let request = protocol!(protocol, protocol => protocol.resync(instrument));
            context.request(request);
        }
    }

    /// Names an instrument before any message does: another decoder of the same venue met it. What
    /// a listing said of it goes to `out`. `None` if it is not wanted or the limit is reached.
    #[cold]
    pub fn name(&mut self, symbol: &str, out: &mut Updates) -> Option<InstrumentId> {
        self.parts(ConnectionId(0), out).1.instrument(symbol)
    }

    /// Lets the instrument's integers carry at least these decimals from here on: those of another
    /// decoder, whose books are to be compared with this one's. No update tells of it.
    #[cold]
    pub fn raise_scale(&mut self, instrument: InstrumentId, scale: Scale) {
        let entry = self.instruments.get_mut(instrument);
        let old = entry.scale.unwrap_or_default();
        let price_decimals = old.price_decimals.max(scale.price_decimals);
        entry.scale = Some(Scale {
            price_decimals: price_decimals.max(entry.price_decimals_min),
            qty_decimals: old.qty_decimals.max(scale.qty_decimals),
        });
    }

    /// Takes what the venue told another decoder of the instrument, as if it had been told here. No
    /// update tells of it; the tick's decimals are taken on.
    #[cold]
    pub fn take_metadata(&mut self, instrument: InstrumentId, metadata: Metadata) {
        let mut unheard = Updates::default();
        self.parts(ConnectionId(0), &mut unheard).1.metadata(instrument, metadata);
    }

    /// Takes these symbols from here on, and no others. A book that is no longer asked for is Stale,
    /// nothing is requested for it, and what still comes of it is counted as unwanted. One that is
    /// asked for again keeps its id and its decimals, and begins Empty.
    #[cold]
    pub fn set_wanted(&mut self, symbols: &[String], out: &mut Updates) {
        for id in self.instruments.set_wanted(symbols.to_vec()) {
            let (protocol, mut context) = self.parts(ConnectionId(0), out);
            protocol!(protocol, protocol => protocol.removed(&mut context, id));
            context.removed(id);
        }
    }

    /// How many levels a side [`Decoder::checksum_matches`] wants to see; 0 on venues without
    /// checksums.
    pub fn checksum_levels(&self) -> usize {
        protocol!(&self.protocol, protocol => protocol.checksum_levels())
    }

    /// Whether the venue's checksum is that of these best levels, best first.
    pub fn checksum_matches(
        &mut self,
        instrument: InstrumentId,
        checksum: u32,
        bids: &[Level],
        asks: &[Level],
    ) -> bool {
        let scale = self.instruments.get(instrument).scale.unwrap_or_default();
        protocol!(&mut self.protocol, protocol => {
            protocol.checksum_matches(instrument, scale, checksum, bids, asks)
        })
    }

    /// The venue's id of the channel that the instrument's book comes by, where channels have ids
    /// and giving one up needs it (Bitfinex).
    pub fn channel(&self, id: InstrumentId) -> Option<u64> {
        match &self.protocol {
            Kind::Bitfinex(bitfinex) => {
                bitfinex.book_channel(id, self.instruments.get(id).connection?)
            }
            _ => None,
        }
    }

    fn parts<'a>(
        &'a mut self,
        connection: ConnectionId,
        out: &'a mut Updates,
    ) -> (&'a mut Kind, Context<'a>) {
        let context = Context {
            instruments: &mut self.instruments,
            counts: &mut self.counts,
            out,
            connection,
            buffered_bytes_limit: self.limits.buffered_bytes,
        };
        (&mut self.protocol, context)
    }

    #[inline]
    fn input<'f>(
        &mut self,
        connection: ConnectionId,
        bytes: &'f [u8],
        out: &mut Updates,
        decode: impl FnOnce(&mut Kind, &mut Context<'_>, Frame<'f>) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        self.counts.inputs += 1;
        let first_change = out.changes.len();
        let limit = self.limits.frame_bytes;
        let frame = if bytes.len() > limit {
            Err(DecodeError::Oversized { bytes: bytes.len(), limit })
        } else {
            Frame::new(bytes)
        };
        let (protocol, mut context) = self.parts(connection, out);
        let result = frame.and_then(|frame| decode(protocol, &mut context, frame));
        if result.is_err() {
            self.malformed(connection, first_change, out);
        }
        result
    }

    /// Keeps the whole messages that came before the damage, drops the levels of the one it hit.
    #[cold]
    #[inline(never)]
    fn malformed(&mut self, connection: ConnectionId, first_change: usize, out: &mut Updates) {
        let finished = out.updates.iter().rev().find_map(|update| match update {
            Update::Book(book) => Some(book.changes.end as usize),
            _ => None,
        });
        out.changes.truncate(finished.unwrap_or(first_change).max(first_change));
        let (protocol, mut context) = self.parts(connection, out);
        context.counts.malformed += 1;
        if protocol!(protocol, protocol => protocol.loses_silently()) {
            context.stale_connection(StaleCause::Malformed);
        }
    }
}

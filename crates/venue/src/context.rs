//! What every venue's decoder works with: the instruments, the counts, and the growing output.

mod message;

pub(crate) use message::{Facts, Message};

use crate::{
    DecodeError, Instruments, Sync,
    cursor::Span,
    json::{Frame, Raw},
};
use std::ops::{AddAssign, Sub};
use tickhawk_market::{
    Change, ConnectionId, Decimal, InstrumentId, Level, Metadata, Price, Qty, Request, Side,
    StaleCause, Ticker, Trade, UnixNanos, Update, Updates,
};

/// What a decoder saw, for reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Frames and REST replies read.
    pub inputs: u64,
    /// Acknowledgements, heartbeats, pongs, status notices.
    pub control: u64,
    /// Messages of a type we do not know or do not use.
    pub unknown_types: u64,
    /// Enum values we do not know, in messages that were otherwise used.
    pub unknown_values: u64,
    /// Frames that could not be read.
    pub malformed: u64,
    /// Book messages whose ids say that they were applied before.
    pub duplicates: u64,
    /// Trades that are no market trades (insurance fund, auto-deleveraging) and feed no features.
    pub off_market_trades: u64,
    /// Times a book went Stale because the venue's sequence broke.
    pub gaps: u64,
    /// Books that went Stale for another reason.
    pub stale_otherwise: u64,
    /// Messages for instruments not asked for, or beyond the limit of instruments.
    pub unwanted: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.inputs += other.inputs;
        self.control += other.control;
        self.unknown_types += other.unknown_types;
        self.unknown_values += other.unknown_values;
        self.malformed += other.malformed;
        self.duplicates += other.duplicates;
        self.off_market_trades += other.off_market_trades;
        self.gaps += other.gaps;
        self.stale_otherwise += other.stale_otherwise;
        self.unwanted += other.unwanted;
    }
}

/// What was seen since `earlier`.
impl Sub for Counts {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            inputs: self.inputs - earlier.inputs,
            control: self.control - earlier.control,
            unknown_types: self.unknown_types - earlier.unknown_types,
            unknown_values: self.unknown_values - earlier.unknown_values,
            malformed: self.malformed - earlier.malformed,
            duplicates: self.duplicates - earlier.duplicates,
            off_market_trades: self.off_market_trades - earlier.off_market_trades,
            gaps: self.gaps - earlier.gaps,
            stale_otherwise: self.stale_otherwise - earlier.stale_otherwise,
            unwanted: self.unwanted - earlier.unwanted,
        }
    }
}

/// One input's surroundings, handed through a venue's decoder.
pub(crate) struct Context<'a> {
    pub(crate) instruments: &'a mut Instruments,
    pub(crate) counts: &'a mut Counts,
    pub(crate) out: &'a mut Updates,
    pub(crate) connection: ConnectionId,
    /// Bytes of diffs an instrument may buffer while it waits for a REST snapshot.
    pub(crate) buffered_bytes_limit: usize,
}

impl Context<'_> {
    /// The instrument of that symbol, or `None` (counted) if it is not wanted.
    #[inline]
    pub(crate) fn instrument(&mut self, symbol: &str) -> Option<InstrumentId> {
        self.instruments.find(symbol).or_else(|| self.add_instrument(symbol))
    }

    #[cold]
    #[inline(never)]
    fn add_instrument(&mut self, symbol: &str) -> Option<InstrumentId> {
        let Some(id) = self.instruments.find_or_add(symbol) else {
            self.counts.unwanted += 1;
            return None;
        };
        if let Some(metadata) = self.instruments.take_listed(symbol) {
            self.metadata(id, metadata);
        }
        Some(id)
    }

    /// What a listing says of one product. It names only instruments asked for; of others it is
    /// kept until a message of theirs comes, since venues list thousands.
    pub(crate) fn listing(&mut self, symbol: &str, metadata: Metadata) {
        let id = match self.instruments.find(symbol) {
            None if self.instruments.is_wanted_by_name(symbol) => self.instrument(symbol),
            found => found,
        };
        match id {
            Some(id) => self.metadata(id, metadata),
            None => self.instruments.keep_listed(symbol, metadata),
        }
    }

    /// A time in RFC 3339; `None`, counted, for one that cannot be read (Go's year 1 is sent for
    /// "never"). No book rests on it.
    pub(crate) fn time_text(&mut self, value: Option<Raw<'_>>) -> Option<UnixNanos> {
        let time = UnixNanos::parse_rfc3339(value?.unquoted().as_bytes());
        self.counts.unknown_values += u64::from(time.is_none());
        time
    }

    pub(crate) fn sync(&self, id: InstrumentId) -> Sync {
        self.instruments.get(id).sync
    }

    pub(crate) fn set_sync(&mut self, id: InstrumentId, sync: Sync) {
        let connection = self.connection;
        let instrument = self.instruments.get_mut(id);
        instrument.sync = sync;
        instrument.connection = Some(connection);
    }

    /// A diff came before any snapshot: from Empty to Syncing, told once.
    pub(crate) fn syncing(&mut self, id: InstrumentId) {
        if self.sync(id) == Sync::Empty {
            self.set_sync(id, Sync::Syncing);
            self.out.updates.push(Update::Syncing(id));
        }
    }

    /// The book cannot be followed any more: nothing is passed on until a snapshot. Told and
    /// counted once until then.
    #[cold]
    pub(crate) fn stale(&mut self, id: InstrumentId, cause: StaleCause, request: Request) {
        if matches!(self.sync(id), Sync::Empty | Sync::Stale) {
            return;
        }
        match cause {
            StaleCause::Sequence => self.counts.gaps += 1,
            _ => self.counts.stale_otherwise += 1,
        }
        self.instruments.get_mut(id).sync = Sync::Stale;
        self.out.updates.push(Update::Stale { instrument: id, cause });
        self.request(request);
    }

    /// The instrument is no longer asked for. A book that was begun is Stale, whatever it was.
    #[cold]
    pub(crate) fn removed(&mut self, id: InstrumentId) {
        let instrument = self.instruments.get_mut(id);
        instrument.connection = None;
        if std::mem::take(&mut instrument.sync) != Sync::Empty {
            let cause = StaleCause::Removed;
            self.out.updates.push(Update::Stale { instrument: id, cause });
        }
    }

    /// Every book that came by this connection is Stale: the break was in a sequence of the
    /// connection, or in a frame that could have held anything.
    #[cold]
    pub(crate) fn stale_connection(&mut self, cause: StaleCause) {
        let request = Request::Reconnect(self.connection);
        for index in 0..self.instruments.len() {
            let id = InstrumentId(index as u32);
            if self.instruments.get(id).connection == Some(self.connection) {
                self.stale(id, cause, request);
            }
        }
    }

    /// Asks for something, once an input.
    pub(crate) fn request(&mut self, request: Request) {
        if !self.out.requests.contains(&request) {
            self.out.requests.push(request);
        }
    }

    /// Begins a book message of `id` whose numbers are read by [`Message::read`]; `None` before
    /// any number of it was read the general way.
    #[inline(always)]
    pub(crate) fn message_in_units(&mut self, id: InstrumentId) -> Option<Message<'_>> {
        let message = self.message(id);
        message.units.fit((*message.scale)?);
        Some(message)
    }

    /// Begins a book message of `id`.
    #[inline]
    pub(crate) fn message(&mut self, id: InstrumentId) -> Message<'_> {
        let first_change = self.out.next_change();
        let instrument = self.instruments.get_mut(id);
        let price_decimals_min = instrument.price_decimals_min;
        Message {
            scale: &mut instrument.scale,
            price_decimals_min,
            units: &mut instrument.units,
            out: self.out,
            id,
            first_change,
        }
    }

    /// As [`Context::trade`], of numbers read in the instrument's units.
    #[inline]
    pub(crate) fn trade_in_units(
        &mut self,
        bytes: &[u8],
        instrument: InstrumentId,
        price: Span,
        qty: Span,
        trade: impl FnOnce(Price, Qty) -> Trade,
    ) -> Option<()> {
        let mut message = self.message_in_units(instrument)?;
        let first = message.first_change as usize;
        message.read(bytes, Side::Bid, price, qty)?;
        let Change { price, qty, .. } = self.out.changes[first];
        self.out.changes.truncate(first);
        self.out.updates.push(Update::Trade(trade(price, qty)));
        Some(())
    }

    /// As [`Context::ticker`], of numbers read in the instrument's units.
    #[inline]
    pub(crate) fn ticker_in_units(
        &mut self,
        bytes: &[u8],
        id: InstrumentId,
        bid: (Span, Span),
        ask: (Span, Span),
        sequence: Option<u64>,
    ) -> Option<()> {
        let mut message = self.message_in_units(id)?;
        let first = message.first_change as usize;
        message.read(bytes, Side::Bid, bid.0, bid.1)?;
        message.read(bytes, Side::Ask, ask.0, ask.1)?;
        self.push_ticker(id, first, sequence);
        Some(())
    }

    /// A trade; its numbers in the instrument's integers.
    pub(crate) fn trade<'f>(
        &mut self,
        frame: &Frame<'f>,
        instrument: InstrumentId,
        told: TradeTold<'f>,
    ) -> Result<(), DecodeError> {
        let TradeTold { id, price, qty, taker, exchange_at } = told;
        let (price, qty) = self.level(frame, instrument, price, qty)?;
        let trade = Trade { instrument, price, qty, taker, id, exchange_at };
        self.out.updates.push(Update::Trade(trade));
        Ok(())
    }

    /// A heartbeat of the venue, or its answer to a ping of ours.
    pub(crate) fn heartbeat(&mut self) {
        self.counts.control += 1;
        self.out.heartbeat = true;
    }

    /// Best bid and ask by the ticker; a side is `None` where the venue says there is none.
    pub(crate) fn ticker<'f>(
        &mut self,
        frame: &Frame<'f>,
        id: InstrumentId,
        bid: Option<(Raw<'f>, Raw<'f>)>,
        ask: Option<(Raw<'f>, Raw<'f>)>,
        sequence: Option<u64>,
    ) -> Result<(), DecodeError> {
        // Both sides go through the message builder, so that a finer price seen on the second
        // multiplies the first one up too.
        let mut message = self.message(id);
        for (side, level) in [(Side::Bid, bid), (Side::Ask, ask)] {
            if let Some((price, qty)) = level {
                message.level(frame, side, price, qty)?;
            }
        }
        let first = message.first_change as usize;
        self.push_ticker(id, first, sequence);
        Ok(())
    }

    /// As [`Context::ticker`], of numbers read before; `None` if they do not fit the instrument's
    /// integers.
    pub(crate) fn ticker_exact(
        &mut self,
        id: InstrumentId,
        bid: Option<(Decimal, Decimal)>,
        ask: Option<(Decimal, Decimal)>,
        sequence: Option<u64>,
    ) -> Option<()> {
        let mut message = self.message(id);
        for (side, level) in [(Side::Bid, bid), (Side::Ask, ask)] {
            if let Some((price, qty)) = level {
                message.change(side, price, qty)?;
            }
        }
        let first = message.first_change as usize;
        self.push_ticker(id, first, sequence);
        Some(())
    }

    /// Turns the changes from `first` on, at most one a side, into a ticker.
    fn push_ticker(&mut self, instrument: InstrumentId, first: usize, sequence: Option<u64>) {
        let level = |side| {
            let change = self.out.changes[first..].iter().find(|change| change.side == side)?;
            Some(Level { price: change.price, qty: change.qty })
        };
        let (bid, ask) = (level(Side::Bid), level(Side::Ask));
        self.out.changes.truncate(first);
        self.out.updates.push(Update::Ticker(Ticker { instrument, bid, ask, sequence }));
    }

    /// What the venue says of the instrument. Its tick's decimals are taken on at once, so that
    /// one tick is a whole number of price units.
    pub(crate) fn metadata(&mut self, id: InstrumentId, metadata: Metadata) {
        self.instruments.get_mut(id).metadata = metadata;
        if let Some(tick_size) = metadata.tick_size {
            let instrument = self.instruments.get_mut(id);
            let min = instrument.price_decimals_min.max(tick_size.decimals);
            instrument.price_decimals_min = min;
            if let Some(scale) = instrument.scale.as_mut().filter(|s| s.price_decimals < min) {
                scale.price_decimals = min;
                self.out.updates.push(Update::Scale { instrument: id, scale: *scale });
            }
        }
        self.out.updates.push(Update::Metadata { instrument: id, metadata });
    }

    fn level<'f>(
        &mut self,
        frame: &Frame<'f>,
        id: InstrumentId,
        price: Raw<'f>,
        qty: Raw<'f>,
    ) -> Result<(Price, Qty), DecodeError> {
        let mut message = self.message(id);
        let first = message.first_change as usize;
        message.level(frame, Side::Bid, price, qty)?;
        let change = self.out.changes[first];
        self.out.changes.truncate(first);
        Ok((change.price, change.qty))
    }
}

/// A trade as a message tells it.
#[derive(Clone, Copy)]
pub(crate) struct TradeTold<'f> {
    /// The venue's number of it, where it has one that rises.
    pub(crate) id: Option<u64>,
    pub(crate) price: Raw<'f>,
    pub(crate) qty: Raw<'f>,
    pub(crate) taker: Side,
    pub(crate) exchange_at: Option<UnixNanos>,
}

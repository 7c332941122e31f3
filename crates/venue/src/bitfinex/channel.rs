//! What each channel id of a connection stands for.

use tickhawk_market::InstrumentId;

/// Most channels of one connection. The venue allows 25.
const CHANNELS_MAX: usize = 1024;

/// What a channel carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Levels, 0 being the finest of the precisions.
    Book(u8),
    Trades,
    Ticker,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Channel {
    pub(super) id: u64,
    /// `None` for what we do not follow.
    pub(super) kind: Option<Kind>,
    /// `None` if it is not wanted.
    pub(super) instrument: Option<InstrumentId>,
}

/// The channels of one connection.
#[derive(Debug, Default)]
pub(super) struct Channels {
    /// Sorted by id.
    channels: Vec<Channel>,
    /// Which channel feeds an instrument's book, since its snapshot; by instrument.
    feeding: Vec<Option<u64>>,
}

/// `P0` to `P4`; `None` for raw books.
pub(super) fn precision(text: &str) -> Option<u8> {
    text.strip_prefix('P')?.parse().ok().filter(|precision| *precision <= 4)
}

impl Channels {
    pub(super) fn is_empty(&self) -> bool {
        self.channels.is_empty()
    }

    #[inline]
    pub(super) fn find(&self, id: u64) -> Option<Channel> {
        let found = self.channels.binary_search_by_key(&id, |channel| channel.id);
        found.ok().map(|at| self.channels[at])
    }

    /// Whether there was room.
    pub(super) fn add(&mut self, channel: Channel) -> bool {
        match self.channels.binary_search_by_key(&channel.id, |channel| channel.id) {
            Ok(at) => self.channels[at] = channel,
            Err(_) if self.channels.len() >= CHANNELS_MAX => return false,
            Err(at) => self.channels.insert(at, channel),
        }
        true
    }

    /// Forgets a channel; gives the instrument whose book it fed.
    pub(super) fn remove(&mut self, id: u64) -> Option<InstrumentId> {
        let at = self.channels.binary_search_by_key(&id, |channel| channel.id).ok()?;
        let instrument = self.channels.remove(at).instrument?;
        let feeding = self.feeding.get_mut(instrument.index())?;
        feeding.take_if(|feeding| *feeding == id).map(|_| instrument)
    }

    /// Nothing of the instrument is followed any more; gives the channels that carried it.
    pub(super) fn let_go(&mut self, instrument: InstrumentId) -> Vec<u64> {
        if let Some(feeding) = self.feeding.get_mut(instrument.index()) {
            *feeding = None;
        }
        let its = |channel: &&mut Channel| channel.instrument == Some(instrument);
        let let_go = |channel: &mut Channel| {
            channel.instrument = None;
            channel.id
        };
        self.channels.iter_mut().filter(its).map(let_go).collect()
    }

    /// Whether the channel is the one whose snapshot the book came from.
    #[inline]
    pub(super) fn feeds(&self, instrument: InstrumentId, id: u64) -> bool {
        self.feeding.get(instrument.index()).is_some_and(|feeding| *feeding == Some(id))
    }

    /// The channel that feeds the book, or, before any does, the finest one subscribed to.
    pub(super) fn book_of(&self, instrument: InstrumentId) -> Option<u64> {
        let books = self.channels.iter().filter_map(|channel| match channel.kind {
            Some(Kind::Book(precision)) if channel.instrument == Some(instrument) => {
                Some((precision, channel.id))
            }
            _ => None,
        });
        let feeding = self.feeding.get(instrument.index()).copied().flatten();
        feeding.or_else(|| books.min().map(|(_, id)| id))
    }

    /// Whether any channel feeds the book.
    pub(super) fn is_fed(&self, instrument: InstrumentId) -> bool {
        self.feeding.get(instrument.index()).is_some_and(Option::is_some)
    }

    /// Whether a snapshot on the channel is to be the book: not if a finer one feeds it.
    pub(super) fn may_feed(&self, instrument: InstrumentId, id: u64, precision: u8) -> bool {
        let feeding = self.feeding.get(instrument.index()).copied().flatten();
        match feeding.filter(|feeding| *feeding != id).and_then(|feeding| self.find(feeding)) {
            Some(Channel { kind: Some(Kind::Book(finer)), .. }) => finer >= precision,
            _ => true,
        }
    }

    /// The book came from this channel.
    pub(super) fn feed(&mut self, instrument: InstrumentId, id: u64) {
        if self.feeding.len() <= instrument.index() {
            self.feeding.resize(instrument.index() + 1, None);
        }
        self.feeding[instrument.index()] = Some(id);
    }
}

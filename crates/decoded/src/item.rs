//! What one input became, item by item, read where it lies.

use crate::{
    about::Named,
    changes::Changes,
    layout::{ItemHead, book, tag, trade, want},
};
use tickhawk_market::{
    BookKind, BookUpdate, ConnectionId, Decimal, InstrumentId, MAX_DECIMALS, Price, Qty, Request,
    Scale, Side, StaleCause, Trade, UnixNanos,
};
use tickhawk_venue::Counts;

/// One thing that was concluded from an input, in the order it was.
#[derive(Clone, Debug)]
pub enum Item<'a> {
    /// An instrument was named for the first time; ids are given in order.
    Named(InstrumentId, &'a str),
    /// The input could not be read.
    Malformed,
    /// What follows came by this connection, whatever the step's own.
    Source(ConnectionId),
    /// The instrument's integers carry at least these decimals from here on.
    Scale(InstrumentId, Scale),
    /// The venue told the instrument's tick.
    Tick(InstrumentId, Decimal),
    /// A book message: it has no checksum any more, since that was held against the book before.
    Book {
        /// The message; its range of changes begins at 0.
        update: BookUpdate,
        /// Its changes.
        changes: Changes<'a>,
        /// Whether its checksum was the book's, if it had one.
        checked: Option<bool>,
    },
    /// A trade.
    Trade(Trade),
    /// Updates arrive, but a snapshot has not.
    Syncing(InstrumentId),
    /// The book is not to be believed until the next snapshot.
    Stale(InstrumentId, StaleCause),
    /// Something was needed from outside.
    Want {
        /// By which link.
        link: u16,
        /// What.
        request: Request,
        /// The number of the channel the book comes by, where a resubscription needs it.
        channel: Option<u64>,
    },
    /// What the decoders counted since it was told last.
    Counts(Counts),
    /// So many best bids and asks of the instrument came since, which alter no book.
    Tickers(InstrumentId, u32),
    /// So many receive times ran backwards since, and were moved up to the one before.
    Clamped(u32),
}

/// The items of one step.
#[derive(Clone, Copy, Debug)]
pub struct Items<'a> {
    words: &'a [u64],
    names: &'a [Named],
}

/// Numbers of [`Counts`], in the order they are stored.
pub(crate) const COUNTS: usize = 10;

pub(crate) fn counts_mut(counts: &mut Counts) -> [&mut u64; COUNTS] {
    [
        &mut counts.inputs,
        &mut counts.control,
        &mut counts.unknown_types,
        &mut counts.unknown_values,
        &mut counts.malformed,
        &mut counts.duplicates,
        &mut counts.off_market_trades,
        &mut counts.gaps,
        &mut counts.stale_otherwise,
        &mut counts.unwanted,
    ]
}

impl<'a> Items<'a> {
    pub(crate) fn new(words: &'a [u64], names: &'a [Named]) -> Self {
        Self { words, names }
    }

    /// Whether all items can be read and are of instruments that have been named, where `named` were
    /// named before; how many have been after them. An error says what is wrong.
    #[inline]
    pub(crate) fn check(mut self, mut named: usize) -> Result<usize, &'static str> {
        while let Some(head) = self.head() {
            let id = InstrumentId(head.high);
            let of = match head.tag {
                tag::BOOK => self.book(head).map(|_| Some(id))?,
                tag::TRADE => self.trade(head).map(|_| Some(id))?,
                _ => match self.rare(head)? {
                    Item::Named(id, _) if id.index() == named => {
                        named += 1;
                        None
                    }
                    Item::Named(..) => return Err("an instrument is named out of turn"),
                    other => instrument_of(&other),
                },
            };
            if of.is_some_and(|id| id.index() >= named) {
                return Err("an instrument has not been named");
            }
        }
        Ok(named)
    }

    #[inline]
    fn head(&mut self) -> Option<ItemHead> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(ItemHead::of(*first))
    }

    #[inline(always)]
    fn item(&mut self, head: ItemHead) -> Result<Item<'a>, &'static str> {
        match head.tag {
            tag::BOOK => self.book(head),
            tag::TRADE => self.trade(head),
            _ => self.rare(head),
        }
    }

    #[inline]
    fn word(&mut self) -> Result<u64, &'static str> {
        let (word, rest) = self.words.split_first().ok_or("an item is cut short")?;
        self.words = rest;
        Ok(*word)
    }

    #[inline]
    fn word_if(&mut self, flags: u8, flag: u8) -> Result<Option<u64>, &'static str> {
        if flags & flag == 0 { Ok(None) } else { self.word().map(Some) }
    }

    // Of a book message that is only checked nothing is made: inlined, all but the lengths goes away.
    #[inline(always)]
    fn book(&mut self, head: ItemHead) -> Result<Item<'a>, &'static str> {
        let ItemHead { flags, high, .. } = head;
        let has = |flag: u8| flags & flag != 0;
        let counted = self.word()?;
        let (count, depth) = (counted as u32, (counted >> 32) as u32);
        let exchange_at = self.word_if(flags, book::EXCHANGE_AT)?;
        let sequence = self.word_if(flags, book::SEQUENCE)?;
        let split = Changes::split(self.words, count as usize, has(book::WIDE));
        let (changes, rest) = split.ok_or("a book message is cut short")?;
        self.words = rest;
        let update = BookUpdate {
            instrument: InstrumentId(high),
            kind: if has(book::SNAPSHOT) { BookKind::Snapshot } else { BookKind::Diff },
            changes: 0..count,
            exchange_at: exchange_at.map(UnixNanos::new),
            sequence,
            checksum: None,
            depth: has(book::DEPTH).then_some(depth),
        };
        let checked = has(book::CHECKED).then_some(has(book::MATCHES));
        Ok(Item::Book { update, changes, checked })
    }

    #[inline(always)]
    fn trade(&mut self, head: ItemHead) -> Result<Item<'a>, &'static str> {
        let ItemHead { flags, high, .. } = head;
        let (price, qty) = (self.word()?.cast_signed(), self.word()?.cast_signed());
        if qty < 0 {
            return Err("a trade's quantity is negative");
        }
        Ok(Item::Trade(Trade {
            instrument: InstrumentId(high),
            price: Price::new(price),
            qty: Qty::new(qty),
            taker: if flags & trade::SOLD == 0 { Side::Bid } else { Side::Ask },
            exchange_at: self.word_if(flags, trade::EXCHANGE_AT)?.map(UnixNanos::new),
            id: self.word_if(flags, trade::ID)?,
        }))
    }

    #[cold]
    #[inline(never)]
    fn rare(&mut self, head: ItemHead) -> Result<Item<'a>, &'static str> {
        let ItemHead { tag, flags, low, high } = head;
        let id = InstrumentId(high);
        match tag {
            tag::NAMED => match self.names.get(id.index()) {
                Some(named) => Ok(Item::Named(id, &named.symbol)),
                None => Err("an instrument has no name"),
            },
            tag::MALFORMED => Ok(Item::Malformed),
            tag::SOURCE => Ok(Item::Source(ConnectionId(low))),
            tag::SCALE => {
                let scale = Scale { price_decimals: low as u8, qty_decimals: (low >> 8) as u8 };
                let fits = scale.price_decimals.max(scale.qty_decimals) <= MAX_DECIMALS;
                fits.then_some(Item::Scale(id, scale)).ok_or("too many decimals")
            }
            tag::TICK => {
                let mantissa = self.word()?.cast_signed();
                let (decimals, written_decimals) = (low as u8, (low >> 8) as u8);
                let tick_size = Decimal { mantissa, decimals, written_decimals };
                let fits = decimals <= MAX_DECIMALS;
                fits.then_some(Item::Tick(id, tick_size)).ok_or("a tick has too many decimals")
            }
            tag::SYNCING => Ok(Item::Syncing(id)),
            tag::STALE => match stale_cause(low) {
                Some(cause) => Ok(Item::Stale(id, cause)),
                None => Err("the cause of a stale book is not known"),
            },
            tag::WANT => self.want(flags, low, high),
            tag::COUNTS => self.counts(low),
            tag::TICKERS => Ok(Item::Tickers(id, self.word()? as u32)),
            tag::CLAMPED => Ok(Item::Clamped(high)),
            _ => Err("the kind of an item is not known"),
        }
    }

    fn want(&mut self, flags: u8, link: u16, high: u32) -> Result<Item<'a>, &'static str> {
        let channel = self.word_if(flags, want::CHANNEL)?;
        let id = InstrumentId(high);
        let connection = || u16::try_from(high).map(ConnectionId);
        let connection = || connection().map_err(|_| "a connection's number is too large");
        let request = match flags & want::KIND {
            want::SNAPSHOT => Request::Snapshot(id),
            want::RESUBSCRIBE => Request::Resubscribe(id),
            want::RECONNECT => Request::Reconnect(connection()?),
            _ => Request::GiveUp(connection()?, channel.ok_or("a channel has no number")?),
        };
        Ok(Item::Want { link, request, channel })
    }

    fn counts(&mut self, which: u16) -> Result<Item<'a>, &'static str> {
        if which >> COUNTS != 0 {
            return Err("a count is not known");
        }
        let mut counts = Counts::default();
        for (index, count) in counts_mut(&mut counts).into_iter().enumerate() {
            if which >> index & 1 != 0 {
                // No file is so long that sums of these overflow.
                *count = u64::from(self.word()? as u32);
            }
        }
        Ok(Item::Counts(counts))
    }
}

/// Items of a step that a reader gave have been read before: none of them is wrong.
impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    #[inline(always)]
    fn next(&mut self) -> Option<Item<'a>> {
        let head = self.head()?;
        self.item(head).ok()
    }
}

/// The instrument that an item is of.
fn instrument_of(item: &Item<'_>) -> Option<InstrumentId> {
    match item {
        Item::Scale(id, _)
        | Item::Tick(id, _)
        | Item::Tickers(id, _)
        | Item::Syncing(id)
        | Item::Stale(id, _)
        | Item::Want { request: Request::Snapshot(id) | Request::Resubscribe(id), .. } => Some(*id),
        Item::Book { update, .. } => Some(update.instrument),
        Item::Trade(trade) => Some(trade.instrument),
        Item::Named(..)
        | Item::Malformed
        | Item::Source(_)
        | Item::Want { .. }
        | Item::Counts(_)
        | Item::Clamped(_) => None,
    }
}

fn stale_cause(word: u16) -> Option<StaleCause> {
    use StaleCause::{
        Checksum, Closed, Crossed, Malformed, Overflow, Removed, Sequence, Silence, TooManyLevels,
    };
    let all =
        [Sequence, Checksum, Crossed, Malformed, Closed, TooManyLevels, Overflow, Silence, Removed];
    all.into_iter().find(|cause| *cause as u16 == word)
}

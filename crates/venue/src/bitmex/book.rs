//! Rows of `orderBookL2`: levels by id.

use super::Bitmex;
use crate::{
    DecodeError, Sync,
    context::{Context, Facts, Message},
    json::{Frame, Items, Raw},
};
use serde::Deserialize;
use std::{
    collections::HashMap,
    hash::{BuildHasher, Hasher, RandomState},
};
use tickhawk_market::{BookKind, Decimal, InstrumentId, Request, Side, StaleCause, UnixNanos};

/// Most levels one instrument may name: both sides at twice the largest book kept.
const LEVELS_MAX: usize = 4 * 131_072;

/// What a message does to the rows of its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Partial,
    Insert,
    Update,
    Delete,
}

/// Where each level stands, by id and side: together they are the row's key. Given room for twice
/// the levels of the partial, so that levels that come and go do not allocate.
#[derive(Debug, Default)]
pub(super) struct Book {
    prices: HashMap<(u64, Side), Decimal, Keyed>,
}

/// Hashes a row's key by one multiplication. The seed is the process's own, so that no sender can
/// choose ids that collide.
#[derive(Clone, Copy, Debug)]
struct Keyed {
    seed: u64,
}

#[derive(Clone, Copy, Debug)]
struct KeyHasher {
    state: u64,
}

impl Default for Keyed {
    fn default() -> Self {
        Self { seed: RandomState::new().hash_one(0u64) }
    }
}

impl BuildHasher for Keyed {
    type Hasher = KeyHasher;

    #[inline]
    fn build_hasher(&self) -> KeyHasher {
        KeyHasher { state: self.seed }
    }
}

impl Hasher for KeyHasher {
    #[inline]
    fn write_u64(&mut self, value: u64) {
        let product = u128::from(self.state ^ value) * 0x9e37_79b9_7f4a_7c15;
        self.state = (product >> 64) as u64 ^ product as u64;
    }

    #[inline]
    fn write_isize(&mut self, value: isize) {
        self.write_u64(value as u64);
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.state
    }
}

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    symbol: Option<Raw<'a>>,
    #[serde(borrow)]
    id: Option<Raw<'a>>,
    #[serde(borrow)]
    side: Option<Raw<'a>>,
    #[serde(borrow)]
    size: Option<Raw<'a>>,
    #[serde(borrow)]
    price: Option<Raw<'a>>,
    #[serde(borrow)]
    timestamp: Option<Raw<'a>>,
    #[serde(borrow, rename = "transactTime")]
    transacted_at: Option<Raw<'a>>,
}

/// What a row tells, read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    /// Where it stands in the frame.
    pub(super) offset: usize,
    pub(super) key: (u64, Side),
    pub(super) price: Option<Decimal>,
    /// None of a row that deletes.
    pub(super) qty: Option<Decimal>,
}

/// A row beside its own text.
type Placed<'f> = (Raw<'f>, Row<'f>);

/// Consecutive rows of one symbol: one book message.
struct Run<'f, 'i> {
    frame: Frame<'f>,
    action: Action,
    symbol: Raw<'f>,
    rows: &'i mut Items<'f>,
}

impl<'f> Run<'f, '_> {
    /// The next row if it is of this run, else whatever comes after the run.
    fn next(&mut self) -> Result<Result<Placed<'f>, Option<Placed<'f>>>, DecodeError> {
        Ok(match next_row(self.frame, self.rows)? {
            Some(row) if row.1.symbol.is_some_and(|symbol| symbol.0 == self.symbol.0) => Ok(row),
            other => Err(other),
        })
    }

    /// Reads past the rest of the run.
    fn skip(mut self) -> Result<Option<Placed<'f>>, DecodeError> {
        loop {
            if let Err(after) = self.next()? {
                return Ok(after);
            }
        }
    }
}

fn next_row<'f>(frame: Frame<'f>, rows: &mut Items<'f>) -> Result<Option<Placed<'f>>, DecodeError> {
    let Some(raw) = rows.next().transpose()? else { return Ok(None) };
    Ok(Some((raw, frame.read(raw)?)))
}

impl Bitmex {
    pub(super) fn order_book<'f>(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'f>,
        action: Action,
        data: Raw<'f>,
        filter: Option<Raw<'f>>,
    ) -> Result<(), DecodeError> {
        let mut items = frame.items(data);
        let mut row = next_row(frame, &mut items)?;
        if let (None, Action::Partial, Some(symbol)) = (&row, action, filter) {
            return self.empty_partial(context, frame, symbol);
        }
        while let Some(first) = row {
            let symbol = frame.field(first.0, first.1.symbol, "symbol")?;
            let run = Run { frame, action, symbol, rows: &mut items };
            row = match context.instrument(&frame.text(symbol)?) {
                Some(id) => self.run(context, id, first, run)?,
                None => run.skip()?,
            };
        }
        Ok(())
    }

    /// A book without orders.
    fn empty_partial(
        &mut self,
        context: &mut Context<'_>,
        frame: Frame<'_>,
        symbol: Raw<'_>,
    ) -> Result<(), DecodeError> {
        let Some(id) = context.instrument(&frame.text(symbol)?) else { return Ok(()) };
        self.tables(id).book.prices.clear();
        context.message(id).finish(BookKind::Snapshot, Facts::default());
        context.set_sync(id, Sync::Live);
        Ok(())
    }

    /// One book message; gives the first row after it.
    fn run<'f>(
        &mut self,
        context: &mut Context<'_>,
        id: InstrumentId,
        first: Placed<'f>,
        mut run: Run<'f, '_>,
    ) -> Result<Option<Placed<'f>>, DecodeError> {
        let action = run.action;
        if action != Action::Partial && !context.sync(id).passes_diffs() {
            context.syncing(id);
            return run.skip();
        }
        let book = &mut self.tables(id).book;
        if action == Action::Partial {
            book.prices.clear();
        }
        let mut broken = None;
        let mut exchange_at = None;
        let mut message = context.message(id);
        let mut row = first;
        let after = loop {
            if broken.is_none() {
                let told = Told::read(run.frame, action, &row)?;
                broken = book.apply(action, &told, &mut message)?;
            }
            let time = row.1.transacted_at.or(row.1.timestamp);
            let time = time.and_then(|time| UnixNanos::parse_rfc3339(time.unquoted().as_bytes()));
            exchange_at = exchange_at.max(time);
            row = match run.next()? {
                Ok(row) => row,
                Err(after) => break after,
            };
        };
        if let Some(cause) = end(message, action, broken, exchange_at) {
            context.stale(id, cause, Request::Resubscribe(id));
        } else if action == Action::Partial {
            book.prices.reserve(book.prices.len());
            context.set_sync(id, Sync::Live);
        }
        Ok(after)
    }
}

impl Book {
    /// Does what one row says; gives the cause if it proves the book wrong.
    pub(super) fn apply(
        &mut self,
        action: Action,
        told: &Told,
        message: &mut Message<'_>,
    ) -> Result<Option<StaleCause>, DecodeError> {
        let Told { offset, key, price: told, qty } = *told;
        let zero = Decimal { mantissa: 0, decimals: 0, written_decimals: 0 };
        let mut change = |price, qty| {
            message.change(key.1, price, qty).ok_or(DecodeError::OutOfRange { offset })
        };
        if let (Action::Partial | Action::Insert, Some(qty)) = (action, qty) {
            let price = told.ok_or(DecodeError::Missing { field: "price", offset })?;
            if self.prices.len() >= LEVELS_MAX {
                return Ok(Some(StaleCause::TooManyLevels));
            }
            // An id given anew takes its level along.
            match self.prices.insert(key, price) {
                Some(old) if !same(old, price) => change(old, zero)?,
                _ => {}
            }
            change(price, qty)?;
            return Ok(None);
        }
        let Some(price) = self.prices.get(&key).copied() else {
            return Ok(Some(StaleCause::Sequence));
        };
        if told.is_some_and(|told| !same(told, price)) {
            return Ok(Some(StaleCause::Sequence));
        }
        if action == Action::Delete {
            self.prices.remove(&key);
        }
        change(price, qty.unwrap_or(zero))?;
        Ok(None)
    }
}

impl Told {
    fn read(
        frame: Frame<'_>,
        action: Action,
        (raw, row): &Placed<'_>,
    ) -> Result<Self, DecodeError> {
        let side_text = frame.field(*raw, row.side, "side")?;
        let side = match side_text.unquoted() {
            "Buy" => Side::Bid,
            "Sell" => Side::Ask,
            _ => return Err(frame.error(side_text, "neither Buy nor Sell")),
        };
        let key = (frame.unsigned(frame.field(*raw, row.id, "id")?)?, side);
        let price = row.price.map(|price| frame.decimal(price)).transpose()?;
        let qty = match action {
            Action::Delete => None,
            _ => Some(read_size(frame, frame.field(*raw, row.size, "size")?)?),
        };
        Ok(Self { offset: frame.offset_of(raw.bytes()), key, price, qty })
    }
}

/// Hands a message over whose rows are applied, or takes it back if they proved the book wrong;
/// gives the cause then.
pub(super) fn end(
    message: Message<'_>,
    action: Action,
    broken: Option<StaleCause>,
    exchange_at: Option<UnixNanos>,
) -> Option<StaleCause> {
    let snapshot = action == Action::Partial;
    let kind = if snapshot { BookKind::Snapshot } else { BookKind::Diff };
    match broken {
        None => message.finish(kind, Facts { exchange_at, ..Facts::default() }),
        Some(_) => message.take_back(),
    }
    broken
}

fn read_size(frame: Frame<'_>, text: Raw<'_>) -> Result<Decimal, DecodeError> {
    let size = frame.decimal(text)?;
    if size.mantissa < 0 {
        return Err(frame.error(text, "a negative quantity"));
    }
    Ok(size)
}

/// The same number, however it was written.
fn same(left: Decimal, right: Decimal) -> bool {
    (left.mantissa, left.decimals) == (right.mantissa, right.decimals)
}

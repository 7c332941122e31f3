//! Rows of the book: levels by id.

use crate::exchange::book::TextBook;
use crate::exchange::json::{Raw, quoted};
use crate::exchange::splice::array;
use serde::Deserialize;
use std::collections::BTreeMap;
use tickhawk_market::Side;

/// Most ids kept of one book.
const IDS_LIMIT: usize = 1 << 20;

/// What a message does to the rows of its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Partial,
    Insert,
    Update,
    Delete,
}

impl Action {
    pub(super) fn named(text: &str) -> Option<Self> {
        Some(match text {
            "partial" => Self::Partial,
            "insert" => Self::Insert,
            "update" => Self::Update,
            "delete" => Self::Delete,
            _ => return None,
        })
    }
}

/// One row.
#[derive(Deserialize)]
pub(super) struct Row<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) side: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) size: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) price: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) timestamp: Option<Raw<'a>>,
    #[serde(borrow, rename = "transactTime")]
    pub(super) transacted_at: Option<Raw<'a>>,
}

impl Row<'_> {
    fn key(&self) -> Option<(u64, Side)> {
        let side = if self.side?.plain() == "Buy" { Side::Bid } else { Side::Ask };
        Some((self.id?.unsigned()?, side))
    }

    /// What a partial repeats of the row behind its price.
    fn note(&self, id: u64) -> String {
        let mut note = format!(r#""id":{id}"#);
        for (key, value) in [("timestamp", self.timestamp), ("transactTime", self.transacted_at)] {
            if let Some(value) = value {
                note += &format!(r#","{key}":{}"#, value.0);
            }
        }
        note
    }
}

/// Where each id of a book stands: together with the side it is the row's key.
#[derive(Debug, Default)]
pub(super) struct Books {
    prices: BTreeMap<String, BTreeMap<(u64, Side), String>>,
}

impl Books {
    pub(super) fn forget(&mut self, symbol: &str) {
        self.prices.remove(symbol);
    }

    /// Does to the book what the rows say. Rows that cannot be, such as an update of an id that is
    /// not there, do nothing.
    pub(super) fn play<'a>(
        &mut self,
        book: &mut TextBook,
        symbol: &str,
        action: Action,
        rows: impl Iterator<Item = Row<'a>>,
    ) {
        let prices = self.prices.entry(symbol.to_owned()).or_default();
        if action == Action::Partial {
            prices.clear();
            book.clear();
            book.live = true;
        } else if !book.live {
            return;
        }
        for row in rows {
            apply(prices, book, action, &row);
        }
    }
}

fn apply(
    prices: &mut BTreeMap<(u64, Side), String>,
    book: &mut TextBook,
    action: Action,
    row: &Row<'_>,
) -> Option<()> {
    let key = row.key()?;
    let (id, side) = key;
    match action {
        Action::Partial | Action::Insert => {
            let (price, size) = (row.price?.plain(), row.size?.plain());
            if prices.len() >= IDS_LIMIT {
                return None;
            }
            if let Some(old) = prices.insert(key, price.to_owned()) {
                // An id given anew takes its level along.
                book.remove(side, &old);
            }
            book.set(side, price, size, &row.note(id));
        }
        Action::Update => {
            let price = prices.get(&key)?;
            book.set(side, price, row.size?.plain(), &row.note(id));
        }
        Action::Delete => {
            let price = prices.remove(&key)?;
            book.remove(side, &price);
        }
    }
    Some(())
}

/// The partial of a served book under the client's name for the table; rows by falling price, as
/// the venue has them.
pub(super) fn book_partial(book: &TextBook, symbol: &str, table: &str) -> Option<String> {
    let symbol = &quoted(symbol);
    let mut asks: Vec<_> = book.best_first(Side::Ask).collect();
    asks.reverse();
    let sides = [("Sell", asks), ("Buy", book.best_first(Side::Bid).collect())];
    let rows = sides.iter().flat_map(|(side, levels)| {
        levels.iter().map(move |level| {
            format!(
                r#"{{"symbol":{symbol},{},"side":"{side}","size":{},"price":{}}}"#,
                level.note, level.qty, level.price
            )
        })
    });
    let (table, rows) = (quoted(table), array(rows));
    Some(format!(
        r#"{{"table":{table},"action":"partial","keys":["symbol","id","side"],"types":{{"symbol":"symbol","id":"long","side":"symbol","size":"long","price":"float"}},"foreignKeys":{{"symbol":"instrument","side":"side"}},"attributes":{{"symbol":"parted","id":"sorted"}},"filter":{{"symbol":{symbol}}},"data":{rows}}}"#
    ))
}

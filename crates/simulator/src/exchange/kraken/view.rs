//! A book as who subscribed to a lesser depth sees it.
//!
//! What a message says at a lesser depth: of the levels it changes those inside the window, with
//! zero those that were inside and went from the book; and the levels that came into the window
//! because others went. One that was only pushed out of the window is not told; its reader drops
//! it by itself.

use super::book::Entry;
use crate::exchange::book::{TextBook, TextLevel, exact};
use std::collections::BTreeSet;
use tickhawk_market::Side;

/// A deleted level's quantity.
const NONE: &str = "0.00000000";

/// What is said of a level: price, quantity, and v1's time as literal JSON.
pub(super) type Said = (String, String, String);

/// The best levels of a side.
pub(super) fn best(book: &TextBook, side: Side, depth: usize) -> Vec<Said> {
    book.best_first(side).take(depth).map(said).collect()
}

fn said(level: &TextLevel) -> Said {
    (level.price.clone(), level.qty.clone(), level.note.clone())
}

/// How far the window of a depth reached before a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) depth: usize,
    /// The last price inside; `None` where the whole side was.
    bid: Option<i128>,
    ask: Option<i128>,
}

impl Window {
    pub(super) fn of(book: &TextBook, depth: usize) -> Self {
        let last = |side| book.price_at(side, depth.saturating_sub(1));
        Self { depth, bid: last(Side::Bid), ask: last(Side::Ask) }
    }

    fn holds(&self, side: Side, price: i128) -> bool {
        match side {
            Side::Bid => self.bid.is_none_or(|last| price >= last),
            Side::Ask => self.ask.is_none_or(|last| price <= last),
        }
    }

    /// What a message of these changes, which the book has had by now, says inside the window.
    pub(super) fn update(&self, book: &TextBook, side: Side, changes: &[Entry<'_>]) -> Vec<Said> {
        let after = Self::of(book, self.depth);
        let (mut told, mut changed) = (Vec::new(), BTreeSet::new());
        for (text, _, time) in changes {
            // A message may say two things of a level; the book has the later one.
            let Some(price) = exact(text).filter(|price| changed.insert(*price)) else { continue };
            match book.level(side, text) {
                Some(level) if after.holds(side, price) => told.push(said(level)),
                None if self.holds(side, price) => {
                    told.push(((*text).to_owned(), NONE.to_owned(), (*time).to_owned()));
                }
                _ => {}
            }
        }
        let last = if side == Side::Bid { self.bid } else { self.ask };
        let entered = last.into_iter().flat_map(|last| book.beyond(side, last));
        let entered = entered
            .take_while(|(price, _)| after.holds(side, *price))
            .filter(|(price, _)| !changed.contains(price));
        told.extend(entered.map(|(_, level)| said(level)));
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Applies one change and says what the two best levels make of it.
    fn told(book: &mut TextBook, price: &str, qty: &str) -> Vec<(String, String)> {
        let before = Window::of(book, 2);
        book.set(Side::Bid, price, qty, "");
        let told = before.update(book, Side::Bid, &[(price, qty, "")]);
        assert_eq!(before.update(book, Side::Ask, &[]), []);
        told.into_iter().map(|(price, qty, _)| (price, qty)).collect()
    }

    #[test]
    fn what_leaves_the_window_is_not_told_and_what_comes_back_is() {
        let level = |price: &str, qty: &str| (price.to_owned(), qty.to_owned());
        let mut book = TextBook::default();
        assert_eq!(told(&mut book, "10.0", "1.0"), [level("10.0", "1.0")]);
        assert_eq!(told(&mut book, "9.0", "1.0"), [level("9.0", "1.0")]);
        assert_eq!(told(&mut book, "8.0", "1.0"), []);
        assert_eq!(told(&mut book, "7.0", "1.0"), []);
        assert_eq!(told(&mut book, "11.0", "2.0"), [level("11.0", "2.0")]);
        assert_eq!(told(&mut book, "9.0", "3.0"), []);
        assert_eq!(told(&mut book, "10.0", "0.0"), [level("10.0", NONE), level("9.0", "3.0")]);
        assert_eq!(told(&mut book, "8.0", "0.0"), []);
        assert_eq!(told(&mut book, "11.0", "0.0"), [level("11.0", NONE), level("7.0", "1.0")]);
        assert_eq!(told(&mut book, "9.0", "0.0"), [level("9.0", NONE)]);
        assert_eq!(best(&book, Side::Bid, 2), [("7.0".into(), "1.0".into(), String::new())]);
    }
}

//! The served book: played from the tape, and said at whatever depth is asked for.

use super::view::{self, Said, Window};
use super::{Kraken, Version, book_name, depth_of, v1, v2};
use crate::checksum;
use crate::exchange::book::TextBook;
use crate::exchange::desk::{Part, Place};
use crate::exchange::floor::Floor;
use tickhawk_market::Side;

/// What a snapshot of the served book ends on.
#[derive(Clone, Debug, Default)]
pub(super) struct Ends {
    /// Levels a side of the book being played.
    pub(super) depth: usize,
    /// As the last message told it, if it did.
    pub(super) checksum: Option<String>,
    /// The last message's time, as literal JSON.
    pub(super) time: String,
}

/// One message about a book, whichever the version.
pub(super) struct Change<'a> {
    pub(super) bids: Vec<Entry<'a>>,
    pub(super) asks: Vec<Entry<'a>>,
    pub(super) checksum: Option<&'a str>,
    /// Literal JSON.
    pub(super) time: &'a str,
}

/// One level: price, quantity, and v1's time as literal JSON.
pub(super) type Entry<'a> = (&'a str, &'a str, &'a str);

impl Kraken {
    /// Changes the book, and notes what the message says at the lesser depths asked for.
    /// `false` where it is of another depth than the book that is played: of several on the tape,
    /// the deepest that has begun.
    pub(super) fn play_book(
        &mut self,
        floor: &mut Floor,
        part: &Part,
        change: &Change<'_>,
    ) -> bool {
        let symbol = part.topic.symbol.as_str();
        let opening = part.place == Place::Opening;
        let depth = depth_of(&part.name).unwrap_or(usize::MAX);
        match self.books.get(symbol).map(|ends| ends.depth) {
            Some(played) if depth < played || (depth > played && !opening) => return false,
            _ => {}
        }
        let book = floor.book_mut(symbol);
        if opening {
            book.clear();
            book.live = true;
        } else if !book.live {
            return true;
        }
        let lesser = self.asked.get(symbol).into_iter().flatten().copied();
        let lesser: Vec<usize> = lesser.filter(|asked| *asked < depth).collect();
        let windows: Vec<Window> = lesser.iter().map(|depth| Window::of(book, *depth)).collect();
        for (side, levels) in [(Side::Bid, &change.bids), (Side::Ask, &change.asks)] {
            for (price, qty, time) in levels {
                book.set(side, price, qty, time);
            }
        }
        book.truncate(depth);
        let checksum = change.checksum.map(str::to_owned);
        let ends = Ends { depth, checksum, time: change.time.to_owned() };
        self.books.insert(symbol.to_owned(), ends);
        for before in windows {
            let text = match opening {
                true => self.snapshot(floor, symbol, before.depth),
                false => self.update(floor, symbol, &before, change),
            };
            self.views.insert((part.item, before.depth), text);
        }
        true
    }

    /// The best levels of a live book. In v1 a frame, in v2 an item of one.
    pub(super) fn snapshot(&mut self, floor: &Floor, symbol: &str, depth: usize) -> Option<String> {
        let book = floor.live_book(symbol)?;
        let [bids, asks] = [Side::Bid, Side::Ask].map(|side| view::best(book, side, depth));
        Some(self.word(book, symbol, depth, true, &[bids, asks]))
    }

    /// What a message says at a depth, if it says anything; the same two forms.
    fn update(
        &mut self,
        floor: &Floor,
        symbol: &str,
        before: &Window,
        change: &Change<'_>,
    ) -> Option<String> {
        let book = floor.live_book(symbol)?;
        let bids = before.update(book, Side::Bid, &change.bids);
        let asks = before.update(book, Side::Ask, &change.asks);
        if bids.is_empty() && asks.is_empty() {
            return None;
        }
        Some(self.word(book, symbol, before.depth, false, &[bids, asks]))
    }

    fn word(
        &mut self,
        book: &TextBook,
        symbol: &str,
        depth: usize,
        snapshot: bool,
        [bids, asks]: &[Vec<Said>; 2],
    ) -> String {
        let ends = self.books.get(symbol).cloned().unwrap_or_default();
        match self.version() {
            Version::V1 => {
                let name = book_name(depth);
                let id = self.channel_id(&name, symbol);
                v1::book(&v1::Address { id, name: &name, symbol }, snapshot, bids, asks, &ends)
            }
            Version::V2 => {
                let checksum = ends.checksum.clone().unwrap_or_else(|| checksum_of(book));
                v2::book_item(symbol, bids, asks, &checksum, &ends.time)
            }
        }
    }
}

/// The checksum of a book's best ten levels.
fn checksum_of(book: &TextBook) -> String {
    let best = |side| -> Vec<(String, String)> {
        book.best_first(side)
            .take(10)
            .map(|level| (level.price.clone(), level.qty.clone()))
            .collect()
    };
    checksum::kraken(best(Side::Ask).iter(), best(Side::Bid).iter()).to_string()
}

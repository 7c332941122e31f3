//! One instrument's book by the venue's rules: a REST snapshot and the diffs that follow it.

use super::super::book::TextBook;
use super::super::json::{self, Raw};
use serde::Deserialize;
use std::collections::VecDeque;
use tickhawk_market::Side;

/// Bytes of diffs kept for a snapshot to come; the oldest go first.
const BUFFERED_BYTES_LIMIT: usize = 8 << 20;

/// A REST snapshot.
#[derive(Deserialize)]
pub(super) struct Snapshot<'a> {
    #[serde(borrow, rename = "lastUpdateId")]
    pub(super) last_id: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) symbol: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) bids: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) asks: Option<Raw<'a>>,
}

/// A diff.
#[derive(Deserialize)]
pub(super) struct Diff<'a> {
    #[serde(borrow, rename = "U")]
    first_id: Option<Raw<'a>>,
    #[serde(borrow, rename = "u")]
    final_id: Option<Raw<'a>>,
    #[serde(borrow, rename = "pu")]
    previous_id: Option<Raw<'a>>,
    #[serde(borrow, rename = "E")]
    event_ms: Option<Raw<'a>>,
    #[serde(borrow, rename = "T")]
    transaction_ms: Option<Raw<'a>>,
    #[serde(borrow, rename = "b")]
    bids: Option<Raw<'a>>,
    #[serde(borrow, rename = "a")]
    asks: Option<Raw<'a>>,
}

/// One instrument's diff stream.
#[derive(Debug, Default)]
pub(super) struct Feed {
    /// `u` of the last diff applied, or the snapshot's id before the first one.
    pub(super) last_id: u64,
    /// `E` and `T` of the last diff applied, milliseconds since the Unix epoch.
    pub(super) times_ms: (u64, u64),
    /// Whether the first diff after the snapshot is still to come.
    bridging: bool,
    buffered: VecDeque<String>,
    buffered_bytes: usize,
}

/// What the rules make of a diff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Apply,
    Held,
    Gap,
}

impl Feed {
    /// Applies a diff in its place, or keeps it for the next snapshot.
    pub(super) fn diff(&mut self, futures: bool, book: &mut TextBook, diff: &Diff<'_>, data: &str) {
        if book.live {
            match self.verdict(futures, diff) {
                None | Some(Verdict::Held) => return,
                Some(Verdict::Apply) => {
                    self.apply(book, diff);
                    return;
                }
                // The tape lost a diff: nothing is true until its next snapshot.
                Some(Verdict::Gap) => book.clear(),
            }
        }
        self.buffered_bytes += data.len();
        self.buffered.push_back(data.to_owned());
        while self.buffered_bytes > BUFFERED_BYTES_LIMIT {
            let Some(oldest) = self.buffered.pop_front() else { break };
            self.buffered_bytes -= oldest.len();
        }
    }

    fn verdict(&self, futures: bool, diff: &Diff<'_>) -> Option<Verdict> {
        let (first, last) = (diff.first_id?.unsigned()?, diff.final_id?.unsigned()?);
        let id = self.last_id;
        if self.bridging {
            let held = if futures { last < id } else { last <= id };
            let bridges = if futures { first <= id } else { first <= id.saturating_add(1) };
            return Some(match (held, bridges) {
                (true, _) => Verdict::Held,
                (false, true) => Verdict::Apply,
                (false, false) => Verdict::Gap,
            });
        }
        let follows = match diff.previous_id.and_then(Raw::unsigned) {
            Some(previous) if futures => previous == id,
            _ => first == id.saturating_add(1),
        };
        Some(match follows {
            true => Verdict::Apply,
            false if last <= id => Verdict::Held,
            false => Verdict::Gap,
        })
    }

    fn apply(&mut self, book: &mut TextBook, diff: &Diff<'_>) {
        for (side, levels) in [(Side::Bid, diff.bids), (Side::Ask, diff.asks)] {
            set_levels(book, side, levels);
        }
        self.last_id = diff.final_id.and_then(Raw::unsigned).unwrap_or(self.last_id);
        let ms = |raw: Option<Raw<'_>>| raw.and_then(Raw::unsigned);
        let event = ms(diff.event_ms).unwrap_or(self.times_ms.0);
        self.times_ms = (event, ms(diff.transaction_ms).unwrap_or(event));
        self.bridging = false;
    }

    /// Takes a snapshot, and the buffered diffs it does not hold yet, unless the book is past it.
    pub(super) fn snapshot(&mut self, futures: bool, book: &mut TextBook, snapshot: &Snapshot<'_>) {
        let Some(last_id) = snapshot.last_id.and_then(Raw::unsigned) else { return };
        if book.live && last_id <= self.last_id {
            return;
        }
        book.clear();
        book.live = true;
        for (side, levels) in [(Side::Bid, snapshot.bids), (Side::Ask, snapshot.asks)] {
            set_levels(book, side, levels);
        }
        (self.last_id, self.bridging, self.buffered_bytes) = (last_id, true, 0);
        for data in std::mem::take(&mut self.buffered) {
            if let Some(diff) = json::read::<Diff<'_>>(&data) {
                self.diff(futures, book, &diff, &data);
            }
        }
    }
}

fn set_levels(book: &mut TextBook, side: Side, levels: Option<Raw<'_>>) {
    for level in levels.and_then(Raw::levels).unwrap_or_default() {
        book.set(side, level.price.plain(), level.qty.plain(), "");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays diffs `(U, u, pu)` with a snapshot of `id` after the first `before` of them; each diff
    /// sets one price to its `u`. Returns the last id, or `None` when the book is lost.
    fn play(futures: bool, id: u64, before: usize, diffs: &[(u64, u64, u64)]) -> Option<u64> {
        let (mut feed, mut book) = (Feed::default(), TextBook::default());
        for (at, (first, last, previous)) in diffs.iter().enumerate() {
            if at == before {
                let body = format!(r#"{{"lastUpdateId":{id},"bids":[["1","{id}"]],"asks":[]}}"#);
                feed.snapshot(futures, &mut book, &json::read(&body).unwrap());
            }
            let previous = if futures { format!(r#","pu":{previous}"#) } else { String::new() };
            let data = format!(
                r#"{{"E":7,"U":{first},"u":{last}{previous},"b":[["1","{last}"]],"a":[]}}"#
            );
            feed.diff(futures, &mut book, &json::read(&data).unwrap(), &data);
        }
        let level = book.level(Side::Bid, "1").map(|level| level.qty.clone());
        assert!(!book.live || level == Some(feed.last_id.to_string()));
        book.live.then_some(feed.last_id)
    }

    #[test]
    fn spot_rules() {
        let diffs = [(1, 4, 0), (5, 6, 0), (7, 9, 0), (10, 10, 0)];
        assert_eq!(play(false, 6, 2, &diffs), Some(10));
        assert_eq!(play(false, 5, 2, &diffs), Some(10));
        assert_eq!(play(false, 9, 3, &diffs), Some(10));
        assert_eq!(play(false, 3, 2, &[(1, 4, 0), (5, 6, 0), (8, 9, 0)]), None, "7 is missing");
        assert_eq!(play(false, 3, 1, &[(5, 6, 0), (7, 7, 0)]), None, "4 is missing");
    }

    #[test]
    fn futures_rules() {
        let diffs = [(10, 14, 9), (20, 26, 14), (30, 39, 26)];
        assert_eq!(play(true, 22, 2, &diffs), Some(39));
        assert_eq!(play(true, 26, 2, &diffs), Some(39));
        assert_eq!(play(true, 5, 2, &diffs), None, "nothing bridges");
        assert_eq!(play(true, 12, 1, &[(10, 14, 9), (20, 26, 15)]), None, "15 is missing");
    }
}

//! REST requests: one after another, no faster than the venue allows, and again when they fail.

use crate::{backoff::Backoff, budget::Budget};
use std::collections::VecDeque;

/// How long a venue that says "too many requests" (429) without a time is left alone; one that
/// bans (418) is left alone twice as long. Binance counts its weights by the minute.
const TOO_MANY_PAUSE_NS: u64 = 60 * 1_000_000_000;

/// The longest pause a venue's answer may impose on us: an hour.
const PAUSE_S_MAX: u64 = 3_600;

/// A listing is asked for so often, then done without.
const LISTING_ATTEMPTS: u32 = 3;

/// The number of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FetchId(pub u32);

/// Why a request was not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FetchError(pub String);

/// What a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Ticks, lots and status.
    Listing,
    /// A book.
    Snapshot { link: u16, symbol: String },
}

#[derive(Debug)]
struct Request {
    purpose: Purpose,
    path: String,
    not_before_ns: u64,
    attempts: u32,
}

/// The requests that wait, and the one under way.
#[derive(Debug)]
pub(crate) struct Fetches {
    waiting: VecDeque<Request>,
    under_way: Option<(FetchId, Request)>,
    budget: Budget,
    next_ns: u64,
    backoff: Backoff,
    made: u32,
}

impl Fetches {
    /// As many requests in a minute as one every `gap_ms` would be, the first ones at once: venues
    /// count by the minute, and books are wanted together.
    pub(crate) fn new(gap_ms: u64, seed: u64) -> Self {
        let in_a_minute = u32::try_from(60_000 / gap_ms.max(1)).unwrap_or(u32::MAX);
        Self {
            waiting: VecDeque::new(),
            under_way: None,
            budget: Budget::new((in_a_minute, 60_000)),
            next_ns: 0,
            backoff: Backoff::new(200_000_000, 10_000_000_000, !seed),
            made: 0,
        }
    }

    /// Takes a request, unless the same one waits already.
    pub(crate) fn ask(&mut self, purpose: Purpose, path: String, now_ns: u64) {
        let same = |request: &Request| request.purpose == purpose && request.path == path;
        if !self.waiting.iter().any(same) {
            self.waiting.push_back(Request { purpose, path, not_before_ns: now_ns, attempts: 0 });
        }
    }

    /// The request to make now, if any.
    pub(crate) fn due(&mut self, now_ns: u64) -> Option<(FetchId, String)> {
        if self.under_way.is_some() || now_ns < self.next_ns {
            return None;
        }
        let ready = |request: &Request| request.not_before_ns <= now_ns;
        let index = self.waiting.iter().position(ready)?;
        if !self.budget.take(now_ns) {
            return None;
        }
        let mut request = self.waiting.remove(index)?;
        request.attempts += 1;
        let fetch = FetchId(self.made);
        self.made = self.made.wrapping_add(1);
        let path = request.path.clone();
        self.under_way = Some((fetch, request));
        Some((fetch, path))
    }

    /// A request was answered or not; what it was for, once it is settled. A snapshot that was
    /// answered with an error is settled: whoever reads the answer asks again.
    pub(crate) fn done(
        &mut self,
        fetch: FetchId,
        answer: Result<(u16, Option<u64>), FetchError>,
        now_ns: u64,
    ) -> Option<Purpose> {
        let (_, mut request) = self.under_way.take_if(|(under_way, _)| *under_way == fetch)?;
        let status = answer.as_ref().ok().map(|(status, _)| *status);
        if let Ok((429 | 418, retry_after_s)) = answer {
            let asked = retry_after_s.map(|s| s.min(PAUSE_S_MAX) * 1_000_000_000);
            let usual = TOO_MANY_PAUSE_NS * if status == Some(418) { 2 } else { 1 };
            self.next_ns = self.next_ns.max(now_ns + asked.unwrap_or(usual));
        }
        if status == Some(200) {
            self.backoff.reset();
            return Some(request.purpose);
        }
        let wait_ns = self.backoff.next_ns();
        self.next_ns = self.next_ns.max(now_ns + wait_ns);
        let again = match request.purpose {
            Purpose::Listing => request.attempts < LISTING_ATTEMPTS && !is_final(status),
            Purpose::Snapshot { .. } => status.is_none(),
        };
        if !again {
            return Some(request.purpose);
        }
        request.not_before_ns = now_ns + wait_ns;
        self.waiting.push_back(request);
        None
    }

    /// The instrument's snapshot is not wanted any more. One that is under way may still come.
    pub(crate) fn forget(&mut self, symbol: &str) {
        self.waiting.retain(|request| {
            !matches!(&request.purpose, Purpose::Snapshot { symbol: its, .. } if its == symbol)
        });
    }

    /// Whether a listing may still come.
    pub(crate) fn awaits_listings(&self) -> bool {
        let under_way = self.under_way.iter().map(|(_, request)| request);
        self.waiting.iter().chain(under_way).any(|request| request.purpose == Purpose::Listing)
    }

    /// Whether nothing waits and nothing is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.under_way.is_none()
    }
}

/// An answer that will not get better by asking again.
fn is_final(status: Option<u16>) -> bool {
    matches!(status, Some(400..=404 | 410 | 451))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn snapshot(symbol: &str) -> Purpose {
        Purpose::Snapshot { link: 0, symbol: symbol.to_owned() }
    }

    #[test]
    fn one_at_a_time_no_faster_than_allowed() {
        let mut fetches = Fetches::new(30_000, 1);
        for symbol in ["A", "B", "A", "C"] {
            fetches.ask(snapshot(symbol), format!("/depth?{symbol}"), 0);
        }
        let (first, path) = fetches.due(0).unwrap();
        assert_eq!(path, "/depth?A");
        assert_eq!(fetches.due(500 * MS), None, "one is under way");
        assert_eq!(fetches.done(first, Ok((200, None)), 20 * MS), Some(snapshot("A")));
        let (second, path) = fetches.due(21 * MS).unwrap();
        assert_eq!(path, "/depth?B");
        assert_eq!(fetches.done(FetchId(99), Ok((200, None)), 0), None, "not one of ours");
        fetches.done(second, Ok((200, None)), 101 * MS).unwrap();
        assert_eq!(fetches.due(59_999 * MS), None, "two a minute");
        let (third, path) = fetches.due(60_000 * MS).unwrap();
        assert_eq!(path, "/depth?C");
        fetches.done(third, Ok((200, None)), 60_001 * MS).unwrap();
        assert!(fetches.is_idle(), "the second A was the first one again");
    }

    #[test]
    fn a_ban_is_waited_out() {
        let mut fetches = Fetches::new(1, 1);
        fetches.ask(snapshot("A"), "/a".to_owned(), 0);
        let (fetch, _) = fetches.due(0).unwrap();
        assert_eq!(fetches.done(fetch, Ok((418, Some(7))), 0), Some(snapshot("A")));
        fetches.ask(snapshot("A"), "/a".to_owned(), 0);
        assert_eq!(fetches.due(6_999 * MS), None);
        let (fetch, _) = fetches.due(7_000 * MS).unwrap();
        fetches.done(fetch, Ok((429, None)), 7_000 * MS);
        fetches.ask(snapshot("A"), "/a".to_owned(), 0);
        assert_eq!(fetches.due(66_999 * MS), None);
        assert!(fetches.due(67_000 * MS).is_some());
    }

    #[test]
    fn what_is_not_answered_is_asked_again() {
        let mut fetches = Fetches::new(1, 1);
        fetches.ask(snapshot("A"), "/a".to_owned(), 0);
        let mut now_ns = 0;
        for _ in 0..10 {
            let (fetch, _) = fetches.due(now_ns).unwrap();
            assert_eq!(fetches.done(fetch, Err(FetchError("refused".to_owned())), now_ns), None);
            now_ns += 10_000 * MS;
        }
        fetches = Fetches::new(1, 1);
        fetches.ask(Purpose::Listing, "/l".to_owned(), 0);
        let (fetch, _) = fetches.due(0).unwrap();
        assert_eq!(fetches.done(fetch, Ok((404, None)), 0), Some(Purpose::Listing));
    }
}

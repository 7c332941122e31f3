//! Depth snapshots and listings over REST.
//! <https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints>
//! <https://developers.binance.com/docs/binance-spot-api-docs/errors>

use super::super::RestId;
use super::super::book::TextBook;
use super::super::floor::{Decimals, Floor, query_value, split_url, step_text};
use super::super::json::{self, Raw, Tuple, quoted};
use super::Binance;
use super::feed::{Feed, Snapshot};
use tickhawk_market::Side;

/// From this limit on a request gets every level there is. The tape's book is as deep as its
/// recorded snapshot and what changed since, so this is little more, and leaves nobody short of a
/// level that no diff will name again.
const WHOLE_BOOK_LIMIT: usize = 1_000;

/// Most requests that may wait for a snapshot.
const WAITING_LIMIT: usize = 4_096;

/// What a request gets whose snapshot the tape never held.
pub(super) const UNAVAILABLE: &str = r#"{"code":-1008,"msg":"Server is currently overloaded with other requests. Please try again in a few minutes."}"#;

/// What an unknown path gets.
const NOT_FOUND: &str = r#"{"code":404,"msg":"Not Found"}"#;

/// A request for a snapshot that the tape has not come to.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) rest: RestId,
    pub(super) symbol: String,
}

/// Notes the decimals of a snapshot's levels.
pub(super) fn see_levels(floor: &mut Floor, symbol: &str, body: &str) {
    let Some(snapshot) = json::read::<Snapshot<'_>>(body) else { return };
    let levels = [snapshot.bids, snapshot.asks].into_iter().flatten().filter_map(Raw::levels);
    for Tuple { price, qty, .. } in levels.flatten() {
        if !symbol.is_empty() {
            floor.see_level(symbol, price.plain(), qty.plain());
        }
    }
}

impl Binance {
    pub(super) fn answer(&mut self, floor: &mut Floor, rest: RestId, path: &str) {
        let (place, query) = split_url(path);
        match place.rsplit('/').next() {
            Some("depth") => self.depth(floor, rest, query),
            Some("exchangeInfo") => {
                let kept = floor.listing(path).map(str::to_owned);
                match kept.or_else(|| exchange_info(floor)) {
                    Some(body) => floor.reply(rest, 200, body),
                    None => floor.reply(rest, 404, NOT_FOUND.to_owned()),
                }
            }
            Some("time") => {
                let ms = floor.now_ns / 1_000_000;
                floor.reply(rest, 200, format!(r#"{{"serverTime":{ms}}}"#));
            }
            Some("ping") => floor.reply(rest, 200, "{}".to_owned()),
            _ => floor.reply(rest, 404, NOT_FOUND.to_owned()),
        }
    }

    fn depth(&mut self, floor: &mut Floor, rest: RestId, query: &str) {
        let symbol = query_value(query, "symbol").unwrap_or_default().to_ascii_uppercase();
        let refusal = if symbol.is_empty() {
            Some((
                400,
                r#"{"code":-1102,"msg":"Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."}"#,
            ))
        } else if !floor.is_known(&symbol) {
            Some((400, r#"{"code":-1121,"msg":"Invalid symbol."}"#))
        } else if floor.ended && floor.live_book(&symbol).is_none() {
            Some((503, UNAVAILABLE))
        } else if self.waiting.len() >= WAITING_LIMIT {
            Some((429, r#"{"code":-1003,"msg":"Too many requests."}"#))
        } else {
            None
        };
        if let Some((status, body)) = refusal {
            floor.reply(rest, status, body.to_owned());
            return;
        }
        let limit = query_value(query, "limit").and_then(|limit| limit.parse().ok());
        let limit = limit.filter(|limit| *limit < WHOLE_BOOK_LIMIT).unwrap_or(usize::MAX);
        match (floor.live_book(&symbol), self.feeds.get(&symbol)) {
            (Some(book), Some(feed)) => {
                let body = self.snapshot_body(book, feed, limit);
                floor.reply(rest, 200, body);
            }
            _ => self.waiting.push(Waiting { rest, symbol }),
        }
    }

    /// The served book in the venue's form.
    fn snapshot_body(&self, book: &TextBook, feed: &Feed, limit: usize) -> String {
        let (bids, asks) = (book.json_pairs(Side::Bid, limit), book.json_pairs(Side::Ask, limit));
        let (event_ms, transaction_ms) = feed.times_ms;
        let times = match self.futures {
            true => format!(r#""E":{event_ms},"T":{transaction_ms},"#),
            false => String::new(),
        };
        let id = feed.last_id;
        format!(r#"{{"lastUpdateId":{id},{times}"bids":[{bids}],"asks":[{asks}]}}"#)
    }

    /// The requests that wait for the snapshot of a symbol, which wait no more.
    pub(super) fn take_waiting(&mut self, symbol: &str) -> Vec<Waiting> {
        let (taken, kept) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|waiting| waiting.symbol == symbol);
        self.waiting = kept;
        taken
    }
}

/// A listing of the instruments there are; `None` while none is known.
fn exchange_info(floor: &Floor) -> Option<String> {
    let listing = |(symbol, decimals): (String, Decimals)| {
        let (tick, lot) = (step_text(decimals.price), step_text(decimals.qty));
        format!(
            r#"{{"symbol":{},"status":"TRADING","filters":[{{"filterType":"PRICE_FILTER","tickSize":"{tick}"}},{{"filterType":"LOT_SIZE","stepSize":"{lot}"}}]}}"#,
            quoted(&symbol)
        )
    };
    let symbols: Vec<String> = floor.known().into_iter().map(listing).collect();
    let (list, ms) = (symbols.join(","), floor.now_ns / 1_000_000);
    (!symbols.is_empty()).then(|| {
        format!(
            r#"{{"timezone":"UTC","serverTime":{ms},"rateLimits":[],"exchangeFilters":[],"symbols":[{list}]}}"#
        )
    })
}

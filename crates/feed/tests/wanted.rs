//! Instruments taken on and given up while the session runs, in virtual time.

mod support;

use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use support::{Bench, SECOND_NS, plan};
use tickhawk_feed::{Ask, Plan};
use tickhawk_market::ConnectionId;
use tickhawk_venue::Venue;

fn names(symbols: &[&str]) -> Vec<String> {
    symbols.iter().map(|&symbol| symbol.to_owned()).collect()
}

impl Bench {
    fn set(&mut self, symbols: &[&str]) {
        self.session.set_symbols(names(symbols), self.now_ns);
        self.act();
    }

    fn open_ids(&self) -> Vec<u16> {
        self.open.keys().map(|id| id.0).collect()
    }
}

#[test]
fn a_new_one_is_listed_then_subscribed_to_where_there_is_room() {
    let mut bench = Bench::new(plan(Venue::Bybit, &["BTCUSDT", "ETHUSDT"]));
    bench.pass(SECOND_NS, SECOND_NS / 50);
    bench.sent.clear();
    bench.fetched.clear();

    bench.set(&["BTCUSDT", "ETHUSDT", "SOLUSDT"]);
    bench.pass(SECOND_NS, SECOND_NS / 50);
    assert_eq!(bench.fetched.len(), 1, "the listing of the new one alone: {:?}", bench.fetched);
    assert!(bench.fetched[0].ends_with("symbol=SOLUSDT"), "{:?}", bench.fetched);
    let subscribe = r#"{"op":"subscribe","args":["orderbook.200.SOLUSDT","publicTrade.SOLUSDT"]}"#;
    assert_eq!(bench.sent, [(ConnectionId(0), subscribe.to_owned())]);
    bench.sent.clear();

    bench.set(&["SOLUSDT", "ETHUSDT"]);
    bench.pass(SECOND_NS, SECOND_NS / 50);
    let unsubscribe =
        r#"{"op":"unsubscribe","args":["orderbook.200.BTCUSDT","publicTrade.BTCUSDT"]}"#;
    assert_eq!(bench.sent, [(ConnectionId(0), unsubscribe.to_owned())]);
    assert_eq!((bench.fetched.len(), bench.attempts.len(), bench.closes.len()), (1, 1, 0));
    bench.sent.clear();

    // What a connection opened anew carries is what is wanted now.
    bench.close(ConnectionId(0), tickhawk_feed::Ending::Broken);
    bench.pass(5 * SECOND_NS, SECOND_NS / 50);
    let said: Vec<_> = bench.sent.iter().map(|(_, text)| text.as_str()).collect();
    assert!(said.concat().contains("SOLUSDT") && !said.concat().contains("BTCUSDT"), "{said:?}");

    // An inverse contract has a path of its own.
    bench.set(&["SOLUSDT", "ETHUSDT", "BTCUSD"]);
    bench.pass(SECOND_NS, SECOND_NS / 50);
    assert_eq!(bench.open_ids(), [0, 2]);
}

#[test]
fn nothing_is_subscribed_to_before_its_listing_is_answered() {
    let mut bench = Bench::new(plan(Venue::Okx, &["BTC-USDT"]));
    bench.pass(SECOND_NS, SECOND_NS / 50);
    bench.sent.clear();
    bench.answers = false;
    bench.set(&["BTC-USDT", "ETH-USDT"]);
    bench.pass(5 * SECOND_NS, SECOND_NS / 50);
    assert_eq!(bench.sent, [], "its tick is not known yet");
    // The connection of the other one is renewed meanwhile all the same.
    bench.close(ConnectionId(0), tickhawk_feed::Ending::Broken);
    bench.pass(5 * SECOND_NS, SECOND_NS / 50);
    assert_eq!(bench.open_ids(), [0]);
    assert!(bench.sent.iter().all(|(_, text)| !text.contains("ETH")), "{:?}", bench.sent);
    bench.answer_all(404);
    bench.pass(SECOND_NS, SECOND_NS / 50);
    assert!(bench.sent.iter().any(|(_, text)| text.contains("ETH")), "it is done without");
}

#[test]
fn a_full_connection_gets_a_neighbour_which_closes_when_it_carries_nothing() {
    let all: Vec<String> = (0..14).map(|number| format!("tT{number:02}USD")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let mut bench = Bench::new(plan(Venue::Bitfinex, &all[..12]));
    bench.pass(10 * SECOND_NS, SECOND_NS / 50);
    assert_eq!(bench.open_ids(), [0]);
    bench.set(&all);
    bench.pass(10 * SECOND_NS, SECOND_NS / 50);
    assert_eq!(bench.open_ids(), [0, 2], "of the same link");
    assert_eq!((bench.attempts.len(), bench.closes.len()), (2, 0));
    bench.sent.clear();

    // Channels are ended by their numbers, which the market step knows.
    bench.set(&all[1..12]);
    let connection = ConnectionId(0);
    bench.session.ask(Ask::GiveUp { connection, channel: 17 }, bench.now_ns);
    bench.pass(SECOND_NS, SECOND_NS / 50);
    assert_eq!(bench.sent, [(connection, r#"{"event":"unsubscribe","chanId":17}"#.to_owned())]);
    assert_eq!(bench.closes, [(ConnectionId(2), "it carries nothing any more")]);
    bench.pass(60 * SECOND_NS, SECOND_NS / 50);
    assert_eq!(bench.open_ids(), [0], "and stays closed");

    // There is room for one; the next one has the second connection again.
    bench.set(&all[1..13]);
    bench.pass(5 * SECOND_NS, SECOND_NS / 50);
    assert_eq!(bench.open_ids(), [0]);
    bench.set(&all[1..14]);
    bench.pass(5 * SECOND_NS, SECOND_NS / 50);
    assert_eq!(bench.open_ids(), [0, 2]);
}

#[test]
fn what_was_asked_for_one_given_up_is_forgotten() {
    let mut bench = Bench::new(plan(Venue::BinanceFutures, &["BTCUSDT", "ETHUSDT"]));
    bench.pass(SECOND_NS, SECOND_NS / 50);
    for _ in 0..2 {
        // The second one waits.
        let symbol = "ETHUSDT".to_owned();
        bench.session.ask(Ask::Snapshot { link: 0, symbol }, bench.now_ns);
        bench.act();
    }
    bench.fetched.clear();
    bench.set(&["BTCUSDT"]);
    bench.pass(60 * SECOND_NS, SECOND_NS / 50);
    assert_eq!(bench.fetched, Vec::<String>::new());
}

/// Symbols by number, some of them for the other path of Bybit.
fn symbol(number: usize) -> String {
    format!("tT{number:03}USD{}", if number.is_multiple_of(7) { "" } else { "T" })
}

/// What each open connection is subscribed to, by what was said on it.
fn subscribed(bench: &Bench, numbers: usize) -> BTreeMap<u16, BTreeSet<usize>> {
    let mut carried: BTreeMap<u16, BTreeSet<usize>> = BTreeMap::new();
    let spoken = bench.spoken.iter();
    for (connection, text) in
        spoken.flat_map(|(id, texts)| texts.iter().map(move |text| (id, text)))
    {
        let text = text.to_ascii_lowercase();
        for number in 0..numbers {
            let name = symbol(number).to_ascii_lowercase();
            let ends = |at: usize| !text[at + name.len()..].starts_with('t');
            if text.match_indices(&name).any(|(at, _)| ends(at)) {
                let carried = carried.entry(connection.0).or_default();
                match text.contains("unsubscribe") {
                    true => carried.remove(&number),
                    false => carried.insert(number),
                };
            }
        }
    }
    carried.retain(|_, numbers| !numbers.is_empty());
    carried
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..Default::default() })]

    /// Whatever is wanted in turn, of any venue: in the end just that is subscribed to, each
    /// instrument on one connection, none above the venue's limit, and no connection carries
    /// nothing. (Bitfinex is told by channel numbers, which only the market step knows.)
    #[test]
    fn in_the_end_what_is_wanted_is_subscribed_to(
        venue in prop::sample::select(Venue::ALL.to_vec()),
        wants in prop::collection::vec((prop::collection::btree_set(0..60usize, 1..40), 0..4u64), 1..6),
    ) {
        prop_assume!(venue != Venue::Bitfinex);
        let (first, _) = &wants[0];
        let first: Vec<String> = first.iter().map(|number| symbol(*number)).collect();
        let mut bench = Bench::new(Plan { symbols: first, ..plan(venue, &[]) });
        for (numbers, pause_s) in &wants {
            let symbols = numbers.iter().map(|number| symbol(*number)).collect();
            bench.session.set_symbols(symbols, bench.now_ns);
            bench.act();
            bench.pass(pause_s * SECOND_NS, SECOND_NS / 50);
        }
        bench.pass(200 * SECOND_NS, SECOND_NS / 10);
        let carried = subscribed(&bench, 60);
        let limit = venue.terms().instruments_per_connection;
        prop_assert!(carried.values().all(|numbers| numbers.len() <= limit));
        let mut all: Vec<usize> = carried.values().flatten().copied().collect();
        all.sort_unstable();
        let wanted: Vec<usize> = wants.last().unwrap().0.iter().copied().collect();
        prop_assert_eq!(all, wanted, "{}", venue);
        prop_assert_eq!(bench.open_ids(), carried.keys().copied().collect::<Vec<_>>());
    }
}

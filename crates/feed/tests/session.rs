//! The client without sockets, in virtual time.

mod support;

use support::{Bench, SECOND_NS, plan, refused};
use tickhawk_feed::{Action, Ask, Ending, FeedError, Plan, Session};
use tickhawk_market::ConnectionId;
use tickhawk_venue::Venue;

const HOUR_NS: u64 = 3_600 * SECOND_NS;

#[test]
fn listings_first_then_one_subscription_then_again_after_a_break() {
    let mut bench = Bench::new(plan(Venue::BinanceFutures, &["BTCUSDT", "ETHUSDT"]));
    bench.pass(SECOND_NS, SECOND_NS / 50);
    assert!(bench.fetched[0].starts_with("https://fapi.binance.com/fapi/v1/exchangeInfo"));
    assert_eq!(bench.open.keys().map(|id| id.0).collect::<Vec<_>>(), [0], "link 0 alone");
    assert!(bench.sent.iter().any(|(_, text)| text.contains("btcusdt@depth@0ms")));
    let said = bench.sent.len();

    bench.close(ConnectionId(0), Ending::Broken);
    bench.act();
    assert!(bench.open.is_empty(), "not at once");
    bench.pass(SECOND_NS, SECOND_NS / 50);
    assert_eq!(bench.open.len(), 1);
    assert_eq!(bench.sent.len(), 2 * said, "everything is subscribed to again");
}

#[test]
fn asks_reach_the_right_connection() {
    let mut bench = Bench::new(plan(Venue::BinanceFutures, &["BTCUSDT"]));
    bench.pass(SECOND_NS, SECOND_NS / 50);
    bench.session.ask(Ask::Snapshot { link: 0, symbol: "BTCUSDT".to_owned() }, bench.now_ns);
    bench.pass(SECOND_NS, SECOND_NS / 50);
    assert!(bench.fetched.last().unwrap().contains("/fapi/v1/depth?symbol=BTCUSDT"));

    let mut bench = Bench::new(plan(Venue::Okx, &["BTC-USDT", "ETH-USDT"]));
    bench.pass(SECOND_NS, SECOND_NS / 50);
    bench.sent.clear();
    let symbol = "ETH-USDT".to_owned();
    bench.session.ask(Ask::Resubscribe { link: 0, symbol, channel: None }, bench.now_ns);
    bench.pass(5 * SECOND_NS, SECOND_NS / 50);
    let texts: Vec<_> = bench.sent.iter().map(|(_, text)| text.as_str()).collect();
    assert!(texts[0].contains("unsubscribe") && texts[0].contains("ETH-USDT"), "{texts:?}");
    assert!(texts[1].contains("\"subscribe\""), "{texts:?}");
    assert!(!texts.concat().contains("BTC-USDT"), "others are left alone");
    assert!(bench.closes.is_empty());
}

#[test]
fn a_link_is_relieved_before_the_venue_ends_it() {
    let mut bench = Bench::new(plan(Venue::Binance, &["BTCUSDT"]));
    bench.pass(23 * HOUR_NS, SECOND_NS);
    assert_eq!(bench.open.len(), 1);
    bench.pass(HOUR_NS - 10 * 60 * SECOND_NS, SECOND_NS);
    let open: Vec<u16> = bench.open.keys().map(|id| id.0).collect();
    assert_eq!(open, [0, 1], "both, until the new one is right");
    bench.session.set_ready(1, true);
    bench.pass(2 * SECOND_NS, SECOND_NS);
    assert_eq!(bench.open.keys().map(|id| id.0).collect::<Vec<_>>(), [1]);
    assert_eq!(bench.session.counts().handovers, 1);
    // And back, a day later.
    bench.pass(24 * HOUR_NS, SECOND_NS);
    bench.session.set_ready(0, true);
    bench.pass(2 * SECOND_NS, SECOND_NS);
    assert_eq!(bench.open.keys().map(|id| id.0).collect::<Vec<_>>(), [0]);
    assert_eq!(bench.attempts.len(), 3);
}

#[test]
fn of_two_connections_one_stays_while_the_other_is_renewed() {
    let mut bench = Bench::new(Plan { connections: 2, ..plan(Venue::Binance, &["BTCUSDT"]) });
    for _ in 0..3 * 24 * 60 {
        bench.session.set_ready(0, bench.open.contains_key(&ConnectionId(0)));
        bench.session.set_ready(1, bench.open.contains_key(&ConnectionId(1)));
        bench.pass(60 * SECOND_NS, SECOND_NS);
        assert!(!bench.open.is_empty(), "one stays");
        let oldest = bench.open.values().min().unwrap();
        assert!(bench.now_ns - oldest < 24 * HOUR_NS, "none lives to be ended by the venue");
    }
    assert!(bench.closes.len() >= 4);
}

#[test]
fn attempts_keep_the_venues_limit_and_back_off() {
    let symbols: Vec<String> = (0..4_000).map(|number| format!("T{number}USDT")).collect();
    let symbols: Vec<&str> = symbols.iter().map(String::as_str).collect();
    let mut bench = Bench::at(Plan { retry: true, ..plan(Venue::Binance, &symbols) }, false);
    bench.pass(HOUR_NS, SECOND_NS / 10);
    let (count, window_ms) = Venue::Binance.terms().connects;
    let most = bench.attempts.windows(count as usize + 1);
    for window in most {
        assert!(window[count as usize] - window[0] >= window_ms * 1_000_000);
    }
    let mut bench = Bench::at(Plan { retry: true, ..plan(Venue::Binance, &["BTCUSDT"]) }, false);
    bench.pass(HOUR_NS, SECOND_NS / 10);
    assert!((100..300).contains(&bench.attempts.len()), "{}", bench.attempts.len());
}

#[test]
fn a_first_failure_is_told_unless_told_to_retry() {
    let mut bench = Bench::at(plan(Venue::Kraken, &["BTC/USD"]), false);
    bench.pass(SECOND_NS, SECOND_NS / 50);
    assert_eq!(bench.failed, Some(FeedError::Connect(refused())));

    let mut bench = Bench::at(Plan { retry: true, ..plan(Venue::Kraken, &["BTC/USD"]) }, false);
    bench.pass(60 * SECOND_NS, SECOND_NS / 50);
    assert_eq!(bench.failed, None);

    let mut bench = Bench::new(plan(Venue::Okx, &["BTC-USDT"]));
    bench.pass(SECOND_NS, SECOND_NS / 50);
    bench.lets_in = false;
    bench.close(ConnectionId(0), Ending::Broken);
    bench.pass(60 * SECOND_NS, SECOND_NS);
    assert_eq!(bench.failed, None, "it was open once: it is tried again");
}

#[test]
fn the_end_waits_for_the_last_answer() {
    let plan = Plan {
        end_on_close: true,
        endpoint: Some("ws://127.0.0.1:1".to_owned()),
        rest: Some("http://127.0.0.1:2".to_owned()),
        ..plan(Venue::Binance, &["BTCUSDT"])
    };
    let mut session = Session::new(plan, 0);
    let mut now_ns = 0;
    let mut fetches = Vec::new();
    let mut drive = |session: &mut Session, now_ns: u64| {
        let mut ended = false;
        session.tick(now_ns);
        while let Some(action) = session.take_action() {
            match action {
                Action::Connect { connection, url } => {
                    assert_eq!(url, "ws://127.0.0.1:1/ws");
                    session.opened(connection, now_ns);
                }
                Action::Fetch { fetch, url } => {
                    assert!(url.starts_with("http://127.0.0.1:2/api/v3/"), "{url}");
                    fetches.push(fetch);
                }
                Action::End => ended = true,
                _ => {}
            }
        }
        (ended, fetches.pop())
    };
    let (_, listing) = drive(&mut session, now_ns);
    session.fetched(listing.unwrap(), Ok((404, None)), now_ns);
    now_ns += 20 * SECOND_NS;
    drive(&mut session, now_ns);
    session.ask(Ask::Snapshot { link: 0, symbol: "BTCUSDT".to_owned() }, now_ns);
    let (ended, snapshot) = drive(&mut session, now_ns);
    assert!(!ended);
    session.closed(ConnectionId(0), Ending::Normal, now_ns);
    assert!(!drive(&mut session, now_ns).0, "the snapshot is under way");
    let market = session.fetched(snapshot.unwrap(), Ok((200, None)), now_ns);
    assert_eq!(market, Some(ConnectionId(0)));
    assert!(drive(&mut session, now_ns).0);
}

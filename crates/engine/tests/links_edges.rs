//! Two links where the venue itself begins anew, where one is wrong, where they tell trades, and
//! where what comes is damaged.

mod support;

use proptest::prelude::*;
use support::{MS, Stage, Truth};
use tickhawk_engine::Input;
use tickhawk_market::BookState;
use tickhawk_venue::Venue;

fn bybit(kind: &str, id: u64) -> String {
    let qty = id % 7 + 1;
    format!(
        r#"{{"topic":"orderbook.50.ABC","type":"{kind}","ts":1,"data":{{"s":"ABC","b":[["10.5","{qty}"]],"a":[["10.6","2"]],"u":{id},"seq":{id}}}}}"#
    )
}

/// Both links whole at 1,000.
fn bybit_links() -> Stage {
    let mut stage = Stage::linked(Venue::Bybit, true);
    for link in 0..2 {
        stage.input(link, Input::Opened);
        stage.frame(link, &bybit("snapshot", 1_000));
    }
    stage
}

fn epoch_and_id(stage: &Stage) -> (u32, Option<u64>) {
    (stage.market.reports()[0].epoch, stage.heard.applied.last().unwrap().1)
}

#[test]
fn a_snapshot_in_mid_stream_on_both_links_is_one_new_epoch() {
    let mut stage = bybit_links();
    assert_eq!(epoch_and_id(&stage), (1, Some(1_000)));
    for id in 1_001..1_004 {
        stage.frame(0, &bybit("delta", id));
        stage.frame(1, &bybit("delta", id));
    }
    stage.frame(0, &bybit("snapshot", 1_004));
    assert_eq!(epoch_and_id(&stage), (1, Some(1_003)), "the other may still tell it as a diff");
    stage.frame(1, &bybit("snapshot", 1_004));
    assert_eq!(epoch_and_id(&stage), (2, Some(1_004)), "neither goes on from what was");
    stage.frame(0, &bybit("delta", 1_005));
    stage.frame(1, &bybit("delta", 1_005));
    assert_eq!(epoch_and_id(&stage), (2, Some(1_005)));
}

#[test]
fn a_snapshot_that_counts_anew_is_followed_at_once() {
    let mut stage = bybit_links();
    stage.frame(0, &bybit("snapshot", 1));
    assert_eq!(epoch_and_id(&stage), (2, Some(1)), "its own book was whole at 1,000");
    stage.frame(1, &bybit("delta", 1_001));
    stage.frame(1, &bybit("snapshot", 1));
    assert_eq!(epoch_and_id(&stage), (2, Some(1)), "the other link's copy of it");
    for (link, id) in [(0, 2), (1, 2), (1, 3), (0, 3)] {
        stage.frame(link, &bybit("delta", id));
    }
    assert_eq!(epoch_and_id(&stage), (2, Some(3)));
    assert_eq!(stage.heard.applied.len(), 4, "each id once");
}

#[test]
fn what_may_be_an_old_snapshot_is_waited_for_half_a_second() {
    let mut stage = bybit_links();
    for link in 0..2 {
        stage.input(link, Input::Closed);
        stage.input(link, Input::Opened);
        stage.frame(link, &bybit("snapshot", 1));
        assert_eq!(epoch_and_id(&stage), (1, Some(1_000)), "it may yet come to 1,000");
    }
    let mut id = 1;
    while epoch_and_id(&stage).0 == 1 {
        id += 1;
        stage.now_ns += 100 * MS;
        stage.frame(0, &bybit("delta", id));
        stage.frame(1, &bybit("delta", id));
    }
    assert_eq!(epoch_and_id(&stage), (2, Some(6)));
    stage.frame(1, &bybit("delta", 7));
    stage.frame(0, &bybit("delta", 7));
    assert_eq!(epoch_and_id(&stage), (2, Some(7)));
}

/// A message that follows `previous`; a snapshot where there is none.
fn okx(previous: Option<u64>, id: u64) -> String {
    let action = if previous.is_some() { "update" } else { "snapshot" };
    let (previous, qty) = (previous.map_or(-1, |previous| previous as i64), id % 7 + 1);
    format!(
        r#"{{"arg":{{"channel":"books","instId":"ABC"}},"action":"{action}","data":[{{"bids":[["10.5","{qty}","0","1"]],"asks":[["10.6","2","0","1"]],"ts":"1","checksum":0,"prevSeqId":{previous},"seqId":{id}}}]}}"#
    )
}

#[test]
fn a_count_that_begins_anew_is_followed_at_once_where_one_link_is_connected() {
    let mut stage = Stage::linked(Venue::Okx, true);
    stage.input(0, Input::Opened);
    stage.frame(0, &okx(None, 1_000));
    stage.frame(0, &okx(Some(1_000), 1_001));
    stage.frame(0, &okx(Some(1_001), 3));
    assert_eq!(epoch_and_id(&stage), (2, Some(3)));
    stage.frame(0, &okx(Some(3), 4));
    assert_eq!(epoch_and_id(&stage), (2, Some(4)));
    assert_eq!(stage.heard.frames.len(), 4, "every message is a frame");
}

#[test]
fn late_copies_of_a_link_alone_are_late_until_it_counts_anew_itself() {
    let mut stage = Stage::linked(Venue::Okx, true);
    for link in 0..2 {
        stage.input(link, Input::Opened);
        stage.frame(link, &okx(None, 1_000));
    }
    for id in 1_001..1_004 {
        stage.frame(0, &okx(Some(id - 1), id));
    }
    stage.input(0, Input::Closed);
    for id in 1_001..1_003 {
        stage.frame(1, &okx(Some(id - 1), id));
        assert_eq!(epoch_and_id(&stage), (1, Some(1_003)), "behind, and in the same count");
    }
    stage.frame(1, &okx(Some(1_002), 5));
    assert_eq!(epoch_and_id(&stage), (2, Some(5)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    /// However two links run ahead of each other, each message of a stream that counts anew now and
    /// then is published once, in order, and every new count is one epoch.
    #[test]
    fn counts_that_begin_anew_lose_nothing(
        restarts in prop::collection::vec(prop::bool::weighted(0.1), 1..80),
        turns in prop::collection::vec((0..2usize, 1..6usize), 0..80),
    ) {
        let mut ids = vec![1_000_000];
        for restarts in &restarts {
            let last = *ids.last().unwrap();
            ids.push(if *restarts { last - 1_000 } else { last + 1 });
        }
        let mut stage = Stage::linked(Venue::Okx, true);
        let mut next = [0, 0];
        let catch_up = [(0, ids.len()), (1, ids.len())];
        for (link, count) in [(0, 1), (1, 1)].into_iter().chain(turns).chain(catch_up) {
            for _ in 0..count.min(ids.len() - next[link]) {
                let previous = next[link].checked_sub(1).map(|index| ids[index]);
                stage.frame(link, &okx(previous, ids[next[link]]));
                next[link] += 1;
            }
        }
        let published: Vec<_> = stage.heard.applied.iter().map(|(_, id)| id.unwrap()).collect();
        prop_assert_eq!(published, ids);
        let report = stage.market.reports().pop().unwrap();
        let epochs = 1 + restarts.iter().filter(|restarts| **restarts).count();
        prop_assert_eq!((report.epoch, report.stale), (epochs as u32, 0));
        prop_assert!(stage.market.is_ready(0) && stage.market.is_ready(1));
    }
}

#[test]
fn a_book_found_wrong_on_one_link_goes_on_over_the_other() {
    let mut stage = bybit_links();
    // Crossed: the message cannot be right.
    let crossed = bybit("delta", 1_001).replace("10.5", "10.7");
    stage.frame(0, &crossed);
    assert_eq!(epoch_and_id(&stage), (1, Some(1_000)), "what is wrong is not published");
    assert_eq!(stage.wants(), [r#"0 Resubscribe { symbol: "ABC", channel: None }"#]);
    assert_eq!(stage.heard.stale, []);
    stage.frame(1, &bybit("delta", 1_001));
    assert_eq!(epoch_and_id(&stage), (1, Some(1_001)));
    let report = stage.market.reports().pop().unwrap();
    assert_eq!((report.state, report.links[0].state), (BookState::Live, BookState::Stale));
    // Back again, it joins without a word.
    stage.frame(0, &bybit("snapshot", 1_001));
    stage.frame(0, &bybit("delta", 1_002));
    assert_eq!(epoch_and_id(&stage), (1, Some(1_002)));
    assert!(stage.market.is_ready(0));
}

#[track_caller]
fn check_trades(stage: &Stage, expected: &[i64]) {
    let prices: Vec<_> = stage.heard.trades.iter().map(|trade| trade.price.units()).collect();
    assert_eq!(prices, expected);
    let counted = stage.market.reports()[0].trades;
    assert_eq!(counted, expected.len() as u64);
}

#[test]
fn trades_with_ids_count_once_whoever_tells_them() {
    let mut stage = Stage::linked(Venue::Coinbase, false);
    let mut numbers = [0, 0];
    let mut trades = |link: usize, ids: &[u64]| {
        let trade = |id: &u64| {
            format!(
                r#"{{"trade_id":"{id}","product_id":"ABC","price":"{id}","size":"1","side":"BUY","time":"1970-01-01T00:00:05Z"}}"#
            )
        };
        let list = ids.iter().map(trade).collect::<Vec<_>>().join(",");
        let number = numbers[link];
        numbers[link] += 1;
        stage.frame(
            link,
            &format!(
                r#"{{"channel":"market_trades","timestamp":"1970-01-01T00:00:05Z","sequence_num":{number},"events":[{{"type":"update","trades":[{list}]}}]}}"#
            ),
        );
    };
    // The latest comes first in a message.
    trades(0, &[12, 11]);
    trades(1, &[11]);
    trades(1, &[14, 13, 12]);
    trades(0, &[13]);
    trades(0, &[15, 14]);
    check_trades(&stage, &[12, 11, 14, 13, 15]);
}

#[test]
fn trades_without_ids_are_one_links_until_it_is_gone() {
    let mut stage = Stage::linked(Venue::Bitmex, false);
    let partial = r#"{"table":"orderBookL2","action":"partial","data":[{"symbol":"ABC","id":1,"side":"Buy","size":1,"price":5}]}"#;
    let trade = |price: u64| {
        format!(
            r#"{{"table":"trade","action":"insert","data":[{{"symbol":"ABC","side":"Buy","size":1,"price":{price}}}]}}"#
        )
    };
    for link in 0..2 {
        stage.input(link, Input::Opened);
        stage.frame(link, partial);
    }
    for price in [1, 2] {
        stage.frame(0, &trade(price));
        stage.frame(1, &trade(price));
    }
    check_trades(&stage, &[1, 2]);
    // Its book is Stale: an update of an id that is not there shows that something was lost.
    stage.frame(0, r#"{"table":"orderBookL2","action":"delete","data":[{"symbol":"ABC","id":9,"side":"Buy"}]}"#);
    stage.frame(1, &trade(3));
    stage.frame(0, &trade(3));
    check_trades(&stage, &[1, 2, 3]);
    stage.input(1, Input::Closed);
    stage.frame(0, &trade(4));
    check_trades(&stage, &[1, 2, 3, 4]);
}

/// A listing that tells the ticks of two symbols.
const LISTING: &str = r#"{"symbols":[{"symbol":"ABC","filters":[{"filterType":"PRICE_FILTER","tickSize":"0.01"}]},{"symbol":"XYZ","filters":[{"filterType":"PRICE_FILTER","tickSize":"0.00001"}]}]}"#;

#[test]
fn a_tick_that_one_link_was_told_before_any_name_holds_on_both() {
    let truth = Truth::new(&[(1, 2), (3, 4)]);
    let mut stage = Stage::linked(Venue::BinanceFutures, true);
    let reply = |stage: &mut Stage, link, body: &str| {
        let url = Some("https://host/fapi/v1/depth?symbol=ABC");
        stage.input(link, Input::RestReply { url, status: None, body: body.as_bytes() });
    };
    reply(&mut stage, 0, LISTING);
    stage.frame(0, &truth.binance_diff(1, 2));
    stage.input(0, Input::Closed);
    stage.frame(1, &truth.binance_diff(1, 2));
    reply(&mut stage, 1, &truth.binance_snapshot(1));
    let report = stage.market.reports().pop().unwrap();
    assert_eq!(report.state, BookState::Live);
    assert_eq!((report.scale.price_decimals, stage.book().scale()), (2, report.scale));
}

/// One message of two links' feeds and what is done to it: link, which, how, where, with what.
type Damage = (usize, usize, u8, prop::sample::Index, u8);

fn damage() -> impl Strategy<Value = Damage> {
    (0..2usize, 0..12usize, 0..5u8, any::<prop::sample::Index>(), any::<u8>())
}

fn take_damaged(stage: &mut Stage, truth: &Truth, (link, which, how, place, byte): Damage) {
    let text = match which {
        0 | 1 => truth.binance_snapshot(1 + which),
        11 => LISTING.to_owned(),
        id => truth.binance_diff(id, id + 1),
    };
    let mut bytes = text.into_bytes();
    let at = place.index(bytes.len());
    match how {
        0 => bytes[at] = b"0123456789-e.\"[]{},:XYZABC"[usize::from(byte) % 26],
        1 => bytes.truncate(at),
        2 => bytes.insert(at, b'0' + byte % 10),
        _ => {}
    }
    match which {
        0 | 1 | 11 => {
            let url = Some("https://host/fapi/v1/depth");
            stage.input(link, Input::RestReply { url, status: None, body: &bytes });
        }
        _ => stage.input(link, Input::Frame(&bytes)),
    }
    if byte == 0 {
        stage.input(link, Input::Closed);
    }
    stage.timer(MS);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    /// Whatever comes on two links, nothing panics, both know the same instruments with the same
    /// decimals, and what is published is Live exactly if a link's book is.
    #[test]
    fn links_agree_whatever_is_damaged(
        damages in prop::collection::vec(damage(), 1..60),
        shares_ids: bool,
    ) {
        let truth = Truth::new(&(0..20).map(|index| (index * 7, index)).collect::<Vec<_>>());
        let mut stage = Stage::linked(Venue::BinanceFutures, shares_ids);
        for link in 0..2 {
            stage.input(link, Input::Opened);
        }
        for damage in damages {
            take_damaged(&mut stage, &truth, damage);
            for report in stage.market.reports() {
                let live = report.links.iter().any(|link| link.state == BookState::Live);
                prop_assert_eq!(live, report.state == BookState::Live);
                let id = stage.market.instruments().find(&report.symbol).unwrap();
                prop_assert_eq!(stage.market.instruments().get(id).scale.unwrap_or_default(), report.scale);
                prop_assert_eq!(stage.market.book(id).unwrap().scale(), report.scale);
            }
        }
    }
}

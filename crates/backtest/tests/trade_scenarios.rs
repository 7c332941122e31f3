//! Runs written by hand, each small enough to be followed with a pencil.

mod support;
use support::*;
use tickhawk_backtest::trade::{FillReason::*, *};
use tickhawk_signal::Decision::*;

const MS: u64 = 1_000_000;

#[test]
fn a_taker_takes_level_by_level() {
    let mut config = taker(10, 10);
    config.through_ticks = 2;
    config.fees = Fees { maker_e8: 0, taker_e8: 1_000_000 };
    let asks = [(101, 3), (102, 4), (103, 1), (104, 9)];
    let report = play(
        &config,
        &[
            (0, book(&[(99, 5)], &asks)),
            (1, Event::Signal(Long)),
            (2, book(&[(99, 5)], &asks)),
            (3, book(&[(103, 5)], &[(105, 5)])),
        ],
    );
    // Two ticks through 101: 8 are there. The rest is tried again when the touch is another.
    assert_eq!(fills(&report)[..3], [(101, 3, Took), (102, 4, Took), (103, 1, Took)]);
    assert_eq!(fills(&report)[3..], [(105, 2, Took)]);
    assert_eq!(report.orders.iter().map(|order| order.qty_units).collect::<Vec<_>>(), [10, 2]);
    assert_eq!(report.orders[0].end, Some(OrderEnd::Expired));
    let paid = 3 * 101 + 4 * 102 + 103 + 2 * 105;
    let worth = 10 * 104;
    assert_eq!(report.summary.pnl.fees, paid as f64 * 0.01);
    assert_eq!(report.summary.pnl.total, f64::from(worth - paid) - paid as f64 * 0.01);
    // Against mids of 100 and 104: paid 1, 2, 3 and 1 a piece.
    assert_eq!(report.summary.pnl.spread, -f64::from(3 + 2 * 4 + 3 + 2));
    assert_eq!(report.summary.pnl.inventory, 8.0 * 4.0);
    assert_eq!(report.summary.orders.fill_ratio, Some(10.0 / 12.0));
}

#[test]
fn a_taker_turns_with_its_signal() {
    let mut config = taker(2, 3);
    config.latency = latencies(0, 1, 1);
    let flat = || book(&[(99, 50)], &[(101, 50)]);
    let report = play(
        &config,
        &[
            (0, flat()),
            (10, Event::Signal(Long)),
            (100, flat()),
            (110, Event::Signal(Short)),
            (200, flat()),
            (210, Event::Signal(Flat)),
            (300, flat()),
        ],
    );
    let sides: Vec<_> = fills(&report).iter().map(|&(price, qty, _)| (price, qty)).collect();
    let (buy, sell) = (101, 99);
    assert_eq!(sides, [(buy, 2), (buy, 1), (sell, -2), (sell, -2), (sell, -2), (buy, 2), (buy, 1)]);
    assert_eq!(report.summary.inventory.max_abs, 3.0);
    assert_eq!(report.summary.inventory.end, 0.0);
}

#[test]
fn an_order_meets_the_book_at_its_arrival() {
    // Sent at 11 on an ask of 101 seen at 10; arrives at 21, when the ask is gone: the message that
    // says so is received at 30, but happened at 20.
    let mut config = taker(1, 1);
    config.latency = latencies(10, 10, 10);
    let events = |moved: Event| {
        [
            (10, book(&[(99, 5)], &[(101, 5)])),
            (11, Event::Signal(Long)),
            (30, moved),
            (100, book(&[(99, 5)], &[(102, 5)])),
        ]
    };
    let gone = play(&config, &events(book(&[(99, 5)], &[(102, 5)])));
    assert_eq!(gone.orders[0].end, Some(OrderEnd::Expired));
    assert_eq!((gone.orders[0].sent_at_ns, gone.orders[0].ended_at_ns), (11, Some(21)));
    // Told at 31, it tries again at once: the touch it sees moved at 30, after the order was sent.
    assert_eq!(gone.orders[1].sent_at_ns, 31);
    let better = play(&config, &events(book(&[(99, 5)], &[(100, 5)])));
    assert_eq!(fills(&better), [(100, 1, Took)]);
    assert_eq!((better.fills[0].at_ns, better.fills[0].known_at_ns), (21, 31));
}

#[test]
fn a_resting_order_that_would_take_is_refused() {
    let mut config = maker(1, 1);
    config.latency = latencies(0, 10, 10);
    let report = play(
        &config,
        &[
            (0, book(&[(99, 5)], &[(101, 5)])),
            (1, Event::Signal(Flat)),
            (5, book(&[(97, 5)], &[(99, 5)])),
            (40, book(&[(97, 5)], &[(99, 5)])),
        ],
    );
    assert_eq!(report.orders[0].end, Some(OrderEnd::WouldTake));
    // Refused at 11, known at 21. The bid of 97 that it then wants was known at 5.
    let second = report.orders.iter().find(|order| order.number > 1).unwrap();
    assert_eq!((second.side, second.price_units), (OrderSide::Buy, 97));
    assert!(report.fills.is_empty());
}

/// A maker who rests behind 10 at 99 and 10 at 101.
fn quoting(mut config: TradeConfig, then: &[(u64, Event)]) -> TradeReport {
    config.depth_levels = 3;
    let mut events = vec![(0, book(&[(99, 10)], &[(101, 10)])), (1, Event::Signal(Flat))];
    events.extend_from_slice(then);
    // Something to come to.
    events.push((1_000, book(&[(99, 10)], &[(101, 10)])));
    play(&config, &events)
}

#[test]
fn queues_are_waited_for() {
    let then = [
        (10, sold(99, 4)),
        // 4 traded, 4 left without a trade: behind the order, says who is averse to risk.
        (20, book(&[(99, 2)], &[(101, 10)])),
        (30, sold(99, 2)),
        (40, sold(99, 3)),
    ];
    let of = |queue| fills(&quoting(TradeConfig { queue, ..maker(2, 5) }, &then));
    assert_eq!(of(QueueModel::RiskAverse), [(99, 2, Queue)]);

    // 7 join behind after the trade: 6 ahead, 7 behind; 6 leave without a trade.
    let then = [
        (10, sold(99, 4)),
        (20, book(&[(99, 13)], &[(101, 10)])),
        (30, book(&[(99, 7)], &[(101, 10)])),
        (40, sold(99, 5)),
    ];
    let of = |queue| fills(&quoting(TradeConfig { queue, ..maker(2, 5) }, &then));
    assert_eq!(of(QueueModel::RiskAverse), []);
    // Behind with probability 343 / (343 + 216): 0.614 x 6 = 3.7 of the back, 2.3 of the front, which
    // leaves 3.7. The trade of 5 comes through with 1.3: one lot.
    assert_eq!(of(QueueModel::Power { n: 3.0 }), [(99, 1, Queue)]);
    // 1 - (6 / 13)^20: all from the back.
    assert_eq!(of(QueueModel::Power3 { n: 20.0 }), []);
    // ln 8 / (ln 8 + ln 7) = 0.517: 2.9 of the front. ln 8 / ln 14 = 0.788: 1.3 of the front.
    assert_eq!(of(QueueModel::Log), [(99, 2, Queue)]);
    assert_eq!(of(QueueModel::Log2), []);

    // A message of other levels between a trade and the fall that shows it: nothing was cancelled, and
    // 6 are ahead still.
    let then = [
        (10, sold(99, 4)),
        (20, book(&[(99, 10)], &[(101, 9)])),
        (30, book(&[(99, 6)], &[(101, 9)])),
        (40, sold(99, 6)),
    ];
    for queue in [QueueModel::Log, QueueModel::Power2 { n: 3.0 }] {
        assert_eq!(fills(&quoting(TradeConfig { queue, ..maker(2, 5) }, &then)), []);
    }
}

#[test]
fn parts_or_the_whole() {
    let then = [(10, sold(99, 11)), (20, sold(99, 1)), (30, sold(99, 1))];
    assert_eq!(
        fills(&quoting(maker(2, 2), &then)),
        [(99, 1, Queue), (99, 1, Queue)],
        "the second and third trade: the order was at the front"
    );
    let whole = TradeConfig { maker_fills: MakerFills::Whole, ..maker(2, 2) };
    assert_eq!(fills(&quoting(whole, &then)), [(99, 2, Queue)]);
}

#[test]
fn worse_trades_and_the_other_touch_fill_at_once() {
    let through = quoting(maker(2, 2), &[(10, sold(98, 1))]);
    assert_eq!(fills(&through), [(99, 2, TradedThrough)]);
    let reached = quoting(maker(2, 2), &[(10, book(&[(101, 1)], &[(103, 1)]))]);
    assert_eq!(fills(&reached)[0], (101, -2, TouchReached));
    // Sold at 101 while the mid stood at 100; the mid of 102 is the inventory's loss.
    let pnl = reached.summary.pnl;
    assert_eq!(reached.fills[0].mid, 100.0);
    assert!(pnl.spread >= 2.0, "{pnl:?}");
    let buyer = quoting(maker(2, 2), &[(10, bought(99, 100)), (20, bought(100, 100))]);
    assert_eq!(fills(&buyer), [], "a buyer does not hit bids, nor asks above the trade");
}

#[test]
fn a_cancel_may_lose_its_race() {
    let config = TradeConfig { latency: latencies(5, 10, 10), ..maker(1, 1) };
    let race = |traded_at| {
        let mut events = vec![
            (10, book(&[(99, 1), (98, 1)], &[(101, 1)])),
            (11, Event::Signal(Flat)),
            // Seen at 105: the bid leaves; the cancel is sent, and arrives at 115.
            (105, book(&[(98, 1)], &[(101, 1)])),
            (traded_at, sold(98, 50)),
        ];
        events.push((1_000, book(&[(98, 1)], &[(101, 1)])));
        play(&config, &events)
    };
    // The trade is received at 119, and happened at 114.
    let lost = race(119);
    assert_eq!(fills(&lost), [(99, 1, TradedThrough)]);
    assert_eq!((lost.fills[0].at_ns, lost.fills[0].known_at_ns), (114, 124));
    assert_eq!(lost.summary.orders.cancels_too_late, 1);
    assert_eq!(lost.orders[0].cancel_sent_at_ns, Some(105));
    assert_eq!(lost.summary.inventory.end, 1.0);
    // A buy limit of one lot is reached: no bid follows.
    assert!(lost.orders.iter().filter(|order| order.side == OrderSide::Buy).count() == 1);

    // Happened at 116: one too late for it.
    let won = race(121);
    assert_eq!(won.orders[0].end, Some(OrderEnd::Cancelled));
    assert_eq!(won.orders[0].ended_at_ns, Some(115));
    assert_eq!((won.summary.orders.cancels_too_late, won.fills.len()), (0, 0));
    // Known at 125, and replaced there.
    let next = won.orders.iter().find(|order| order.number == 2).unwrap();
    assert_eq!((next.sent_at_ns, next.price_units), (125, 98));
}

#[test]
fn quotes_lean_with_the_signal() {
    let touch = || book(&[(99, 10)], &[(101, 10)]);
    let prices = |decision| {
        let report =
            play(&maker(1, 1), &[(0, touch()), (1, Event::Signal(decision)), (2, touch())]);
        [OrderSide::Buy, OrderSide::Sell]
            .map(|side| report.orders.iter().find(|order| order.side == side).unwrap().price_units)
    };
    assert_eq!(prices(Flat), [99, 101]);
    assert_eq!(prices(Long), [99, 103]);
    assert_eq!(prices(Short), [97, 101]);
}

#[test]
fn the_loss_limit_sells_out_and_stops() {
    let mut config = taker(1, 5);
    config.limits.loss = Some(10.0);
    config.latency = latencies(0, MS, MS);
    let down = |ms: u64, bid: i64| (ms * MS, book(&[(bid, 9)], &[(bid + 1, 9)]));
    let report = play(
        &config,
        &[
            down(0, 100),
            (1, Event::Signal(Long)),
            down(20, 100),
            // 5 bought at 101, worth 100.5: 2.5 lost. At 98: 12.5.
            down(30, 98),
            (31 * MS, Event::Signal(Long)),
            down(40, 90),
            (41 * MS, Event::Signal(Long)),
            down(50, 90),
        ],
    );
    assert_eq!(report.summary.stopped_at_ns, Some(30 * MS));
    let last = report.orders.last().unwrap();
    assert_eq!((last.purpose, last.qty_units), (OrderPurpose::LossLimit, 5));
    assert_eq!(*fills(&report).last().unwrap(), (98, -5, Took));
    assert_eq!(report.summary.pnl.total, -15.0);
    assert_eq!(report.summary.max_drawdown, 15.0);
    assert_eq!(report.summary.inventory.end, 0.0);
}

#[test]
fn after_a_gap_it_waits() {
    let touch = || book(&[(99, 10)], &[(101, 10)]);
    let report = play(
        &maker(1, 1),
        &[
            (0, touch()),
            (1, Event::Signal(Flat)),
            (10, Event::Gap),
            (20, sold(90, 1)),
            (30, touch()),
            (40, touch()),
            (41, Event::Signal(Flat)),
            (50, touch()),
        ],
    );
    let sent: Vec<_> = report.orders.iter().map(|order| order.sent_at_ns).collect();
    assert_eq!(sent, [1, 1, 41, 41]);
    assert!(report.orders[..2].iter().all(|order| order.end == Some(OrderEnd::Cancelled)));
    assert_eq!((report.summary.gaps, report.fills.len()), (1, 0));
    let mut config = taker(1, 1);
    config.latency = latencies(0, 10, 0);
    let refused =
        play(&config, &[(0, touch()), (1, Event::Signal(Long)), (5, Event::Gap), (90, touch())]);
    assert_eq!(refused.orders[0].end, Some(OrderEnd::NoBook));
}

#[test]
fn a_price_out_of_sight_is_not_filled_by_its_trades() {
    let mut config = maker(1, 1);
    config.policy =
        PolicyConfig::Maker(MakerConfig { order_lots: 1, offset_ticks: 2, skew_ticks: 0 });
    let deep = || book(&[(99, 1), (98, 1), (97, 1)], &[(101, 1)]);
    let events =
        [(0, deep()), (1, Event::Signal(Flat)), (2, sold(97, 99)), (3, sold(97, 99)), (9, deep())];
    config.depth_levels = 2;
    assert_eq!(fills(&play(&config, &events)), []);
    config.depth_levels = 3;
    assert_eq!(fills(&play(&config, &events)), [(97, 1, Queue)]);
}

#[test]
fn orders_do_not_overtake() {
    // The way to the exchange takes nothing, then 100, then 1: the cancel of the ask, sent later, is
    // there no earlier than that of the bid.
    let entry =
        LatencyModel::parse("time_ns,latency_ns\n0,0\n55,0\n56,100\n60,100\n61,1\n").unwrap();
    let config = TradeConfig { latency: Latencies { entry, ..latencies(0, 0, 0) }, ..maker(1, 1) };
    let report = play(
        &config,
        &[
            (50, book(&[(99, 1)], &[(101, 1)])),
            (51, Event::Signal(Flat)),
            (56, book(&[(98, 1)], &[(101, 1)])),
            (70, book(&[(98, 1)], &[(102, 1)])),
            (500, book(&[(98, 1)], &[(102, 1)])),
        ],
    );
    let ends: Vec<_> = report.orders[..2]
        .iter()
        .map(|order| (order.arrives_at_ns, order.cancel_sent_at_ns, order.ended_at_ns))
        .collect();
    assert_eq!(ends, [(51, Some(56), Some(156)), (51, Some(70), Some(156))]);
    assert!(report.orders[..2].iter().all(|order| order.end == Some(OrderEnd::Cancelled)));
}

#[test]
fn an_empty_run_is_a_report() {
    let nothing = play(&taker(1, 1), &[]);
    assert_eq!((nothing.summary.began_at_ns, nothing.summary.ended_at_ns), (None, None));
    assert!(nothing.equity.is_empty() && nothing.orders.is_empty());
    // Signals without a book, trades without a book, a book without a side: no order.
    let config = TradeConfig { bootstrap: Bootstrap::default(), ..maker(1, 1) };
    let bare = play(
        &config,
        &[
            (5, Event::Signal(Long)),
            (6, sold(100, 1)),
            (7, book(&[(99, 1)], &[])),
            (8, book(&[(99, 1)], &[(98, 1)])),
            (9, Event::Gap),
        ],
    );
    assert_eq!((bare.summary.books, bare.summary.books_not_whole), (2, 2));
    assert_eq!(bare.summary.pnl, Pnl::default());
    assert_eq!(bare.summary.sharpe, Resampled::default());
    assert!(bare.orders.is_empty() && bare.equity.is_empty());
    assert!(sonic_rs::to_string(&bare).is_ok());
}

#[test]
fn a_losing_run_loses_in_every_figure() {
    // Long into a market that falls a tick a second, for two minutes.
    let mut config = taker(1, 1);
    config.fees = Fees { maker_e8: 0, taker_e8: 50_000 };
    config.bootstrap = Bootstrap::default();
    config.horizons_ns = vec![10_000 * MS, 1_000_000 * MS];
    let mut events = Vec::new();
    for second in 0..120u64 {
        let bid = 2_000 - second as i64;
        events.push((second * 1_000 * MS + 1, book(&[(bid, 5)], &[(bid + 1, 5)])));
        let decision = if second % 20 < 15 { Long } else { Flat };
        events.push((second * 1_000 * MS + 2, Event::Signal(decision)));
    }
    let report = play(&config, &events);
    let TradeSummary { pnl, sharpe, sortino, max_drawdown, .. } = report.summary;
    assert!(pnl.total < 0.0 && pnl.spread < 0.0 && pnl.inventory < 0.0 && pnl.fees > 0.0);
    assert_eq!(pnl.total, pnl.spread + pnl.inventory - pnl.fees);
    // The price never rises, so equity never does but for the fee's share.
    assert_eq!(max_drawdown, -pnl.total);
    for ratio in [sharpe, sortino] {
        let (value, high) = (ratio.value.unwrap(), ratio.high.unwrap());
        assert!(ratio.low.unwrap() <= value && value <= high && high < 0.0, "{ratio:?}");
    }
    let [near, far] = [&report.summary.markouts[0], &report.summary.markouts[1]];
    // Buys at the ask pay half a tick and lose ten; sells pay half and win ten.
    let (buys, sells) = (6.0, 6.0);
    let known = near.fills as f64;
    assert!(known >= 10.0 && known <= buys + sells, "{near:?}");
    assert_eq!((far.fills, far.mean_ticks), (0, Resampled::default()));
    assert_eq!(report.fills[0].markouts_ticks, [Some(-10.5), None]);
    assert_eq!(report.equity.len(), 119);
    assert_eq!(report.summary.samples, 118);
}

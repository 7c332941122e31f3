//! What holds for every market, policy and latency.

mod support;
use proptest::prelude::*;
use support::*;
use tickhawk_backtest::trade::*;
use tickhawk_market::Side;
use tickhawk_signal::Decision;

fn model() -> impl Strategy<Value = QueueModel> {
    prop_oneof![
        Just(QueueModel::RiskAverse),
        (0.5f64..4.0).prop_map(|n| QueueModel::Power { n }),
        Just(QueueModel::Log),
    ]
}

fn latency() -> impl Strategy<Value = LatencyModel> {
    let row = |(at_ns, latency_ns)| LatencyRow { at_ns, latency_ns };
    let bin = |(latency_ns, count)| LatencyBin { latency_ns, count };
    prop_oneof![
        (0u64..80).prop_map(|latency_ns| LatencyModel::Constant { latency_ns }),
        prop::collection::btree_map(900u64..3_000, 0u64..80, 1..5).prop_map(move |rows| {
            LatencyModel::Table { rows: rows.into_iter().map(row).collect() }
        }),
        prop::collection::vec((0u64..80, 1u64..5), 1..4).prop_map(move |bins| {
            LatencyModel::Histogram { bins: bins.into_iter().map(bin).collect() }
        }),
    ]
}

fn config() -> impl Strategy<Value = TradeConfig> {
    let policy = (any::<bool>(), 1i64..5, 1i64..6, 0u32..2, 0u32..3);
    let latencies = (latency(), latency(), latency());
    let rest = (model(), any::<bool>(), prop::option::of(1.0f64..200.0), 0u64..9);
    (policy, latencies, rest, -2_000_000i64..9_000_000).prop_map(
        |((takes, order_lots, position_lots, offset_ticks, skew_ticks), latency, rest, fee)| {
            let (queue, is_whole, loss, seed) = rest;
            let policy = if takes {
                PolicyConfig::Taker(TakerConfig { order_lots, position_lots })
            } else {
                PolicyConfig::Maker(MakerConfig { order_lots, offset_ticks, skew_ticks })
            };
            TradeConfig {
                policy,
                queue,
                seed,
                through_ticks: offset_ticks,
                limits: Limits { position_lots, loss },
                maker_fills: if is_whole { MakerFills::Whole } else { MakerFills::Partial },
                fees: Fees { maker_e8: fee / 3, taker_e8: fee },
                latency: Latencies { feed: latency.0, entry: latency.1, response: latency.2 },
                sample_ns: 1_000,
                horizons_ns: vec![50, 500],
                bootstrap: Bootstrap { resamples: 20, ..Bootstrap::default() },
                ..TradeConfig::default()
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Cash and stock of every fill, worth the last mid, make the equity; so do its parts. The position
    /// keeps to its limit, orders to their quantity, and time to its order.
    #[test]
    fn the_books_balance(config in config(), events in market(150)) {
        let report = play(&config, &events);
        let TradeSummary { pnl, inventory, .. } = &report.summary;
        let mut cash = 0.0;
        let mut position = 0;
        for fill in &report.fills {
            let value = fill.price * fill.qty;
            cash -= fill.side.sign() as f64 * value + fill.fee;
            position += fill.side.sign() * fill.qty_units;
            prop_assert_eq!(position, fill.position_units);
            prop_assert!(position.abs() <= config.limits.position_lots, "{}", position);
            let rate = match fill.liquidity {
                Liquidity::Maker => config.fees.maker_e8,
                Liquidity::Taker => config.fees.taker_e8,
            };
            prop_assert!((fill.fee - value * rate as f64 / 1e8).abs() < 1e-9);
        }
        let last_mid = last_mid(&events);
        let equity = cash + position as f64 * last_mid;
        prop_assert!((pnl.total - equity).abs() < 1e-6, "{} {}", pnl.total, equity);
        prop_assert!((pnl.spread + pnl.inventory - pnl.fees - pnl.total).abs() < 1e-6);
        prop_assert_eq!(inventory.end, position as f64);
        for order in &report.orders {
            let of_it = report.fills.iter().filter(|fill| fill.order == order.number);
            let filled: i64 = of_it.clone().map(|fill| fill.qty_units).sum();
            prop_assert_eq!(filled, order.filled_qty_units);
            prop_assert!(filled <= order.qty_units);
            prop_assert_eq!(filled == order.qty_units, order.end == Some(OrderEnd::Filled));
            for fill in of_it {
                prop_assert!(order.sent_at_ns <= order.arrives_at_ns);
                prop_assert!(order.arrives_at_ns <= fill.at_ns);
                prop_assert!(fill.at_ns <= fill.known_at_ns);
                let better = order.side.sign() * (order.price_units - fill.price_units);
                prop_assert!(better >= 0, "filled worse than its limit");
            }
        }
        let ordered = |times: &[u64]| times.is_sorted();
        prop_assert!(ordered(&report.orders.iter().map(|o| o.arrives_at_ns).collect::<Vec<_>>()));
        prop_assert!(ordered(&report.fills.iter().map(|f| f.at_ns).collect::<Vec<_>>()));
        prop_assert!(ordered(&report.fills.iter().map(|f| f.known_at_ns).collect::<Vec<_>>()));
    }

    /// Nothing that happens at the exchange after T changes what was sent up to T, nor when it arrives;
    /// nor any fill up to T.
    #[test]
    fn the_future_changes_nothing_before_it(
        config in config(),
        events in market(120),
        other in market(60),
        share in 0usize..100,
    ) {
        let cut = events.len() * share / 100;
        let (past, future) = events.split_at(cut.max(1));
        let last_ns = past.last().unwrap().0;
        // Another market from there on, at times that come later.
        let mut changed = past.to_vec();
        changed.extend(other.iter().map(|(at_ns, event)| (last_ns + at_ns, event.clone())));
        // The first thing that differs is received after the past, and happened that much earlier.
        let differs_ns = future.first().map_or(u64::MAX, |(at_ns, _)| *at_ns).min(last_ns + 1_000);
        let upto_ns = differs_ns.saturating_sub(longest(&config.latency.feed) + 1);
        let [one, two] = [&events, &changed].map(|events| play(&config, events));
        // Nothing is done once a recording has ended.
        let ended_ns = |report: &TradeReport| report.summary.ended_at_ns.unwrap_or(0);
        let upto_ns = upto_ns.min(ended_ns(&one)).min(ended_ns(&two));
        let sent = |report: &TradeReport| -> Vec<OrderRecord> {
            let before = report.orders.iter().filter(|order| order.sent_at_ns <= upto_ns);
            let known = |order: &OrderRecord| OrderRecord {
                cancel_sent_at_ns: order.cancel_sent_at_ns.filter(|at_ns| *at_ns <= upto_ns),
                filled_qty_units: 0,
                end: order.end.filter(|_| order.ended_at_ns.is_some_and(|at| at <= upto_ns)),
                ended_at_ns: order.ended_at_ns.filter(|at_ns| *at_ns <= upto_ns),
                ..order.clone()
            };
            before.map(known).collect()
        };
        prop_assert_eq!(sent(&one), sent(&two));
        let filled = |report: &TradeReport| -> Vec<Fill> {
            let before = report.fills.iter().filter(|fill| fill.at_ns <= upto_ns).cloned();
            before.map(|fill| Fill { markouts_ticks: Vec::new(), ..fill }).collect()
        };
        prop_assert_eq!(filled(&one), filled(&two));
    }

    #[test]
    fn the_same_run_gives_the_same_bytes(config in config(), events in market(80)) {
        let bytes = || sonic_rs::to_vec(&play(&config, &events)).unwrap();
        let first = bytes();
        prop_assert_eq!(&first, &bytes());
        let read: TradeReport = sonic_rs::from_slice(&first).unwrap();
        prop_assert_eq!(sonic_rs::to_vec(&read).unwrap(), first);
    }

    /// Every resting order on its own, against all that happened while it rested, in whole numbers.
    #[test]
    fn resting_orders_fill_as_a_slow_twin_says(
        events in market(200),
        order_lots in 1i64..4,
        latency in (0u64..60, 0u64..60, 0u64..60),
        is_whole: bool,
        skew_ticks in 0u32..3,
    ) {
        let (feed_ns, entry_ns, response_ns) = latency;
        let fills = if is_whole { MakerFills::Whole } else { MakerFills::Partial };
        let config = TradeConfig {
            policy: PolicyConfig::Maker(MakerConfig { order_lots, offset_ticks: 0, skew_ticks }),
            maker_fills: fills,
            latency: latencies(feed_ns, entry_ns, response_ns),
            ..maker(order_lots, 6)
        };
        let report = play(&config, &events);
        for order in &report.orders {
            let expected = twin(order, &events, feed_ns, is_whole);
            let found: Vec<_> = report
                .fills
                .iter()
                .filter(|fill| fill.order == order.number)
                .map(|fill| (fill.at_ns, fill.qty_units, fill.reason))
                .collect();
            prop_assert_eq!(found, expected, "{:?}", order);
        }
    }

    /// Every order that takes, against the book that stood when it arrived.
    #[test]
    fn takers_take_what_stood_there(
        events in market(150),
        through_ticks in 0u32..3,
        latency in (0u64..60, 0u64..60, 0u64..60),
    ) {
        let (feed_ns, entry_ns, response_ns) = latency;
        let config = TradeConfig {
            through_ticks,
            latency: latencies(feed_ns, entry_ns, response_ns),
            ..taker(25, 25)
        };
        let report = play(&config, &events);
        for order in &report.orders {
            let Some((bids, asks)) = book_at(&events, order.arrives_at_ns, feed_ns) else {
                prop_assert!(matches!(order.end, None | Some(OrderEnd::NoBook)));
                continue;
            };
            if order.end.is_none() {
                continue;
            }
            let levels = if order.side == OrderSide::Buy { asks } else { bids };
            let mut left = order.qty_units;
            let mut expected = Vec::new();
            for (price, qty) in levels {
                let is_in_limit = order.side.sign() * (order.price_units - price) >= 0;
                if is_in_limit && left > 0 {
                    expected.push((price, qty.min(left)));
                    left -= qty.min(left);
                }
            }
            let of_it = report.fills.iter().filter(|fill| fill.order == order.number);
            let found: Vec<_> = of_it.map(|fill| (fill.price_units, fill.qty_units)).collect();
            prop_assert_eq!(found, expected);
        }
    }
}

fn longest(model: &LatencyModel) -> u64 {
    match model {
        LatencyModel::Constant { latency_ns } => *latency_ns,
        LatencyModel::Table { rows } => rows.iter().map(|row| row.latency_ns).max().unwrap(),
        LatencyModel::Histogram { bins } => bins.iter().map(|bin| bin.latency_ns).max().unwrap(),
    }
}

fn last_mid(events: &[(u64, Event)]) -> f64 {
    let mid = |event: &Event| match event {
        Event::Book { bids, asks } => Some((bids[0].0 + asks[0].0) as f64 / 2.0),
        _ => None,
    };
    events.iter().rev().find_map(|(_, event)| mid(event)).unwrap()
}

/// The book in force at that time of the exchange, if there is one.
fn book_at(events: &[(u64, Event)], at_ns: u64, feed_ns: u64) -> Option<(Levels, Levels)> {
    let mut book = None;
    for (received_ns, event) in events {
        if received_ns.saturating_sub(feed_ns) > at_ns {
            break;
        }
        match event {
            Event::Book { bids, asks } => book = Some((bids.clone(), asks.clone())),
            Event::Gap => book = None,
            _ => {}
        }
    }
    book
}

/// Quantity at a price of a book that is seen whole; `None` of no book.
fn level(book: &Option<(Levels, Levels)>, order: &OrderRecord) -> Option<i64> {
    let (bids, asks) = book.as_ref()?;
    let side = if order.side == OrderSide::Buy { bids } else { asks };
    let found = side.iter().find(|(price, _)| *price == order.price_units);
    Some(found.map_or(0, |(_, qty)| *qty))
}

/// Fills of one order that rests, by going through all events: time, quantity and reason. Risk-averse:
/// what is ahead is a whole number that trades take from and the level caps.
fn twin(
    order: &OrderRecord,
    events: &[(u64, Event)],
    feed_ns: u64,
    is_whole: bool,
) -> Vec<(u64, i64, FillReason)> {
    let book = book_at(events, order.arrives_at_ns, feed_ns);
    let Some(mut ahead) = level(&book, order) else { return Vec::new() };
    let (bids, asks) = book.as_ref().unwrap();
    let buys = order.side == OrderSide::Buy;
    let other = if buys { asks[0].0 } else { bids[0].0 };
    if (buys && order.price_units >= other) || (!buys && order.price_units <= other) {
        return Vec::new();
    }
    // Its cancelling ends it; its filling the twin must find by itself.
    let cancelled_ns = match order.end {
        Some(OrderEnd::Cancelled) => order.ended_at_ns.unwrap(),
        _ => u64::MAX,
    };
    let mut left = order.qty_units;
    let mut fills = Vec::new();
    for (received_ns, event) in events {
        let at_ns = received_ns.saturating_sub(feed_ns);
        if at_ns <= order.arrives_at_ns {
            continue;
        }
        if at_ns > cancelled_ns || left == 0 {
            break;
        }
        match event {
            Event::Book { bids, asks } => {
                let book = Some((bids.clone(), asks.clone()));
                ahead = ahead.min(level(&book, order).unwrap());
                let reached = if buys {
                    asks[0].0 <= order.price_units
                } else {
                    bids[0].0 >= order.price_units
                };
                if reached {
                    fills.push((at_ns, left, FillReason::TouchReached));
                    left = 0;
                }
            }
            Event::Trade { price, qty, taker } if buys == (*taker == Side::Ask) => {
                let worse =
                    if buys { price < &order.price_units } else { price > &order.price_units };
                if worse {
                    fills.push((at_ns, left, FillReason::TradedThrough));
                    left = 0;
                } else if *price == order.price_units {
                    let through = qty - ahead;
                    ahead = (-through).max(0);
                    if through > 0 {
                        let part = if is_whole { left } else { left.min(through) };
                        fills.push((at_ns, part, FillReason::Queue));
                        left -= part;
                    }
                }
            }
            _ => {}
        }
    }
    fills
}

/// A policy that was told of what is to come would profit from it: the same bookkeeping, fed signals a
/// millisecond early, must show it. If it does not, the test above could not fail.
#[test]
fn a_leak_would_be_seen() {
    let mut honest = Vec::new();
    let mut leaking = Vec::new();
    let mut bid = 10_000i64;
    for step in 0..500u64 {
        let jump = if ((step * 2_654_435_761) >> 7) % 2 == 0 { 3 } else { -3 };
        let at_ns = step * 1_000;
        let decision = if jump > 0 { Decision::Long } else { Decision::Short };
        leaking.push((at_ns.saturating_sub(500), Event::Signal(decision)));
        bid += jump;
        let book = book(&[(bid, 9)], &[(bid + 1, 9)]);
        honest.push((at_ns, book.clone()));
        honest.push((at_ns + 500, Event::Signal(decision)));
        leaking.push((at_ns, book));
    }
    let config = TradeConfig { latency: latencies(10, 10, 10), ..taker(2, 1) };
    let [honest, leaking] =
        [&honest, &leaking].map(|events| play(&config, events).summary.pnl.total);
    assert!(leaking > 300.0, "{leaking}");
    assert!(honest < 100.0, "{honest}");
}

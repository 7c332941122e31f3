//! Values worked out by hand.
#![expect(clippy::disallowed_methods, reason = "by hand means by other means")]

mod common;

use common::SECOND;
use common::bench::Bench;
use tickhawk_market::Side;

const MILLI: u64 = SECOND / 1000;

#[track_caller]
fn check_book(name: &str, bids: &[(i64, i64)], asks: &[(i64, i64)], expected: Option<f64>) {
    let got = Bench::new(&[name]).book(0, bids, asks).read(0)[0];
    match (got, expected) {
        (Some(got), Some(expected)) => assert!((got - expected).abs() < 1e-14, "{name}: {got}"),
        _ => assert_eq!(got, expected, "{name}"),
    }
}

const BIDS: &[(i64, i64)] = &[(1000, 600), (995, 100), (985, 300)];
const ASKS: &[(i64, i64)] = &[(1010, 200), (1015, 400), (1030, 100)];

#[test]
fn one_book() {
    check_book("obi_1", BIDS, ASKS, Some(400.0 / 800.0));
    check_book("queue_imbalance", BIDS, ASKS, Some(0.5));
    check_book("obi_2", BIDS, ASKS, Some(100.0 / 1300.0));
    check_book("obi_50", BIDS, ASKS, Some(300.0 / 1700.0));
    check_book("spread_ticks", BIDS, ASKS, Some(2.0));
    // (600 * 1010 + 200 * 1000) / 800 = 1007.5; the mid is 1005.
    check_book("weighted_mid_offset_ticks", BIDS, ASKS, Some(0.5));
    check_book("bid_depth_1", BIDS, ASKS, Some(0.7));
    check_book("bid_depth_2", BIDS, ASKS, Some(0.7));
    check_book("bid_depth_3", BIDS, ASKS, Some(1.0));
    check_book("ask_depth_3", BIDS, ASKS, Some(0.6));
    check_book("ask_depth_4", BIDS, ASKS, Some(0.7));
    check_book("bid_price_1_offset_ticks", BIDS, ASKS, Some(-1.0));
    check_book("bid_price_3_offset_ticks", BIDS, ASKS, Some(-4.0));
    check_book("ask_price_2_offset_ticks", BIDS, ASKS, Some(2.0));
    check_book("bid_qty_2", BIDS, ASKS, Some(0.1));
    check_book("ask_qty_3", BIDS, ASKS, Some(0.1));
    check_book("ask_qty_4", BIDS, ASKS, None);
    check_book("ask_price_4_offset_ticks", BIDS, ASKS, None);
    // Distances 1, 2, 4 and 1, 2, 5; cumulated 600, 700, 1000 and 200, 600, 700.
    let bid = (1.0 + (700.0 / 600.0 - 1.0) + (1000.0 / 700.0 - 1.0) / 2.0) / 3.0;
    let ask = (1.0 + (600.0 / 200.0 - 1.0) + (700.0 / 600.0 - 1.0) / 3.0) / 3.0;
    check_book("book_slope_3", BIDS, ASKS, Some((bid + ask) / 2.0));
    // Imbalance 600 / 800 is in bucket 7, the spread is 2 ticks.
    check_book("microprice_offset_ticks", BIDS, ASKS, Some((7.0 - 4.5) / 10.0));
}

#[test]
fn odd_books() {
    let locked: &[(i64, i64)] = &[(1000, 200)];
    check_book("spread_ticks", BIDS, locked, Some(0.0));
    check_book("weighted_mid_offset_ticks", BIDS, locked, Some(0.0));
    check_book("book_slope_3", BIDS, locked, None);
    check_book("microprice_offset_ticks", BIDS, locked, None);
    let crossed: &[(i64, i64)] = &[(990, 200)];
    check_book("spread_ticks", BIDS, crossed, Some(-2.0));
    check_book("obi_1", BIDS, crossed, Some(0.5));
    check_book("bid_price_1_offset_ticks", BIDS, crossed, Some(1.0));
    check_book("book_slope_3", BIDS, crossed, None);
    check_book("microprice_offset_ticks", BIDS, crossed, None);
    for one_sided in ["obi_3", "spread_ticks", "weighted_mid_offset_ticks", "book_slope_2"] {
        check_book(one_sided, BIDS, &[], None);
        check_book(one_sided, &[], ASKS, None);
    }
    check_book("bid_qty_1", BIDS, &[], Some(0.6));
    check_book("bid_depth_1", &[], ASKS, None);
}

#[test]
fn flow_by_hand() {
    let mut bench = Bench::new(&["ofi_1@1s", "ofi_2@1s", "ofi_sum_2@1s", "ofi_1@2u"]);
    bench.book(0, &[(1000, 500), (995, 50)], &[(1010, 300), (1015, 70)]);
    // Bid up with 200: +200. Ask the same price, 300 to 100: -(100 - 300) = +200.
    // Level 2: bid up to 1000, +500; ask the same, 70 to 80: -10.
    bench.book(SECOND, &[(1005, 200), (1000, 500)], &[(1010, 100), (1015, 80)]);
    assert_eq!(bench.read(SECOND), [Some(0.4), Some(0.49), Some(0.89), None]);
    // The bid falls back, -200; the ask rises, +100. Level 2: -500, and an ask that is gone: +80.
    bench.book(SECOND + 1, &[(1000, 900), (995, 50)], &[(1020, 10)]);
    let expected = [Some(0.3), Some(0.07), Some(0.37), Some(0.3)];
    assert_eq!(bench.read(SECOND + 1), expected);
    // (t - w, t]: the first flow goes when a second has passed, not before.
    assert_eq!(bench.read(2 * SECOND - 1)[0], Some(0.3));
    assert_eq!(bench.read(2 * SECOND)[0], Some(-0.1));
    assert_eq!(bench.read(2 * SECOND + 1)[0], Some(0.0));
    assert_eq!(bench.read(9 * SECOND)[3], Some(0.3), "a window by messages waits for messages");
}

#[test]
fn trades_by_hand() {
    let names = [
        "trade_imbalance@1s",
        "trade_count@1s",
        "trade_volume@1s",
        "trade_rate@2s",
        "trade_imbalance@2t",
        "trade_volume@3t",
    ];
    let mut bench = Bench::new(&names);
    assert_eq!(bench.read(0), [None; 6]);
    bench.trade(0, 1000, 300, Side::Bid).trade(10, 1000, 100, Side::Ask);
    assert_eq!(bench.read(10), [Some(0.5), None, None, None, Some(0.5), None]);
    bench.trade(SECOND, 1000, 500, Side::Ask);
    let imbalance = -400.0 / 600.0;
    assert_eq!(bench.read(SECOND), [Some(-1.0), Some(2.0), Some(0.6), None, Some(-1.0), Some(0.9)]);
    assert_eq!(bench.read(SECOND + 9)[1], Some(2.0));
    assert_eq!(bench.read(SECOND + 10)[1], Some(1.0));
    bench.trade(SECOND + 11, 1000, 100, Side::Bid);
    assert_eq!(bench.read(SECOND + 11)[0], Some(imbalance));
    let quiet = bench.read(60 * SECOND);
    assert_eq!(quiet[..4], [None, Some(0.0), Some(0.0), Some(0.0)]);
    assert_eq!(quiet[4..], [Some(imbalance), Some(0.7)]);
}

#[test]
fn returns_and_averages_by_hand() {
    let names = ["mid_return@500ms", "mid_return@1u", "ema_mid_offset_ticks@1s"];
    let mut bench = Bench::new(&names);
    bench.book(0, &[(995, 1)], &[(1005, 1)]);
    bench.book(400 * MILLI, &[(1005, 1)], &[(1015, 1)]);
    assert_eq!(bench.read(499 * MILLI)[0], None, "no mid was known half a second ago");
    let step = (1010.0f64 / 1000.0).ln();
    let read = bench.read(500 * MILLI);
    assert!((read[0].unwrap() - step).abs() < 1e-15);
    assert!((read[1].unwrap() - step).abs() < 1e-15);
    assert_eq!(read[2], None, "an average younger than its constant");
    let read = bench.read(SECOND);
    assert_eq!(read[0], Some(0.0), "the same mid stands for the last half second");
    // Two ticks up at 0.4 s, decayed for 0.6 s.
    assert!((read[2].unwrap() - 2.0 * (-0.6f64).exp()).abs() < 1e-15);
    bench.book(SECOND, &[(1005, 1)], &[]);
    assert_eq!(bench.read(SECOND), [None; 3], "without a second side there is no mid");
}

#[test]
fn volatility_by_hand() {
    let mut bench = Bench::new(&["realised_vol@1s"]);
    let mid = |price: i64| ([(price - 5, 1)], [(price + 5, 1)]);
    let mut book = |at: u64, price| {
        let (bid, ask) = mid(price);
        bench.book(at, &bid, &ask).read(at)[0]
    };
    assert_eq!(book(0, 1000), None);
    book(110 * MILLI, 2000); // gone again before the grid sees it
    book(120 * MILLI, 1010);
    book(1000 * MILLI, 1020); // arrives with the grid point: the point sees the mid before
    // Grid points 0.1 to 1.0 s give nine returns; the window of ten begins with 0.1.
    assert_eq!(book(1050 * MILLI, 1020), None);
    let first = (1010.0f64 / 1000.0).ln();
    let second = (1020.0f64 / 1010.0).ln();
    let both = book(1100 * MILLI, 1020).unwrap();
    assert!((both - (first * first + second * second).sqrt()).abs() < 1e-15, "{both}");
    let later = book(1200 * MILLI, 1020).unwrap();
    assert!((later - second).abs() < 1e-15, "{later}");
    assert_eq!(book(900 * SECOND, 1020), Some(0.0));
}

#[test]
fn kyle_by_hand() {
    let mut bench = Bench::new(&["kyle_lambda@10s"]);
    // In second k, 0.1 k is bought and the mid rises by k ticks; every fourth is quiet.
    let mut price = 1000;
    bench.book(0, &[(price - 5, 1)], &[(price + 5, 1)]);
    for second in 1..=12u64 {
        assert_eq!(bench.read(second * SECOND)[0], None);
        if second % 4 != 0 {
            let at = second * SECOND + SECOND / 2;
            price += 5 * second as i64;
            bench.trade(at, price, 100 * second as i64, Side::Bid);
            bench.book(at, &[(price - 5, 1)], &[(price + 5, 1)]);
        }
        if second == 10 {
            break;
        }
    }
    let lambda = bench.read(11 * SECOND)[0].unwrap();
    assert!((lambda - 10.0).abs() < 1e-12, "a tick per 0.1: {lambda}");
    assert_eq!(bench.read(100 * SECOND)[0], None, "no volume, no slope");
}

#[test]
fn roll_by_hand() {
    let mut bench = Bench::new(&["roll_spread@12t"]);
    for index in 0..12 {
        assert_eq!(bench.read(index)[0], None);
        bench.trade(index, 1000 + 20 * (index as i64 % 2), 1, Side::Bid);
    }
    // Changes +2.0, -2.0, ... in quote units: ten pairs, covariance -4, spread 2 * 2.
    assert_eq!(bench.read(12)[0], Some(4.0));
    let mut trending = Bench::new(&["roll_spread@12t"]);
    (0..40)
        .for_each(|index| _ = trending.trade(index, 1000 + (index * index) as i64, 1, Side::Bid));
    assert_eq!(trending.read(40)[0], None, "the covariance is positive");
}

#[test]
fn zscores_look_back_only() {
    let mut bench = Bench::new(&["bid_qty_1_z@60s", "bid_qty_1_z@30u"]);
    for index in 0..30 {
        let qty = if index % 2 == 0 { 10 } else { 14 };
        bench.book(index, &[(1000, qty)], &[(1010, 1)]);
        assert_eq!(bench.read(index), [None, None]);
    }
    bench.book(30, &[(1000, 18)], &[(1010, 1)]);
    assert_eq!(bench.read(30), [Some(3.0), Some(3.0)], "18 is not among the values it is held to");
    bench.book(31, &[(1000, 12)], &[(1010, 1)]);
    let [long, short] = bench.read(31)[..] else { panic!("two features") };
    assert!(long.unwrap() < 0.0 && short.unwrap() < 0.0);
    let minute_after_first = bench.read(60 * SECOND)[0];
    assert!(minute_after_first.is_some(), "30 of 31 past values are left");
    assert_eq!(bench.read(60 * SECOND + 1)[0], None, "29 are too few");
}

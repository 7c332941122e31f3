//! What happens to features as epochs, clocks, decimals and tick sizes change.

mod common;

use common::bench::Bench;
use common::{Happening, Market, SCALE, SECOND, START, Twins, everything, level, options, trade};
use tickhawk_feature::{
    FeatureFrame, FeaturePlan, FeatureState, FrameSource, PlanOptions, Warmup, default_features,
};
use tickhawk_market::{InstrumentId, MonoNanos, Scale, Side, UnixNanos};

const MILLI: u64 = SECOND / 1000;
const BIDS: &[(i64, i64)] = &[(1000, 600)];
const ASKS: &[(i64, i64)] = &[(1010, 200)];

#[test]
fn a_new_epoch_forgets_books_and_keeps_trades() {
    let plan = everything(256);
    let mut market = Market::new(11);
    let mut twins = Twins::new(plan, Some(market.tick));
    for _ in 0..3_000 {
        let happening = market.next(u64::MAX);
        twins.apply(market.at, &happening);
    }
    let names = twins.plan.names().to_vec();
    let count = names.len();
    let (mut values, mut before, mut after) = (vec![0.0; count], [0; 2], [0; 2]);
    let now = UnixNanos::new(market.at);
    twins.fast.fill_f64(now, &mut values, &mut before);
    twins.fast.restart();
    twins.fast.fill_f64(now, &mut values, &mut after);
    let valid = |mask: &[u64; 2], index: usize| mask[index / 64] >> (index % 64) & 1 == 1;
    for (index, name) in names.iter().enumerate() {
        let of_trades = ["trade", "roll", "vpin"].iter().any(|word| name.starts_with(word));
        assert_eq!(valid(&after, index), of_trades && valid(&before, index), "{name}");
    }
    twins.fast.restart_trades();
    twins.fast.fill_f64(now, &mut values, &mut after);
    assert_eq!(after, [0; 2]);
}

#[test]
fn time_never_runs_backwards() {
    let mut bench = Bench::new(&["update_rate@1s"]);
    bench.book(0, BIDS, ASKS).book(5 * SECOND, BIDS, ASKS).book(SECOND, BIDS, ASKS);
    assert_eq!(bench.read(2 * SECOND), [Some(2.0)], "both count as of 5 s");
}

#[test]
fn a_gap_of_centuries_costs_nothing() {
    let plan = everything(64 * 2);
    let mut state = FeatureState::new(&plan, SCALE, Some(5));
    let (mut values, mut valid) = (vec![0.0; plan.count()], [0; 2]);
    for at in [0, 1, START, START + 1, u64::MAX - 1, u64::MAX] {
        state.on_book(UnixNanos::new(at), &[level(1000, 1)], &[level(1005, at as i64 & 7)]);
        state.on_trade(UnixNanos::new(at), &trade(1000, i64::MAX, Side::Bid));
        state.fill(UnixNanos::new(at), &mut values, &mut valid);
        assert!(values.iter().all(|value| value.is_finite()));
    }
}

#[test]
fn finer_decimals_change_no_value() {
    let names: Vec<&str> = default_features().to_vec();
    let mut bench = Bench::with(&names, PlanOptions::default(), Some(5));
    let mut market = Market::new(12);
    let mut at = 0;
    for _ in 0..4_000 {
        at += 10 * MILLI;
        match if market.chance.one_in(4) { market.trade() } else { market.book() } {
            Happening::Book(bids, asks) => {
                bench.state.on_book(UnixNanos::new(START + at), &bids, &asks);
            }
            Happening::Trade(trade) => bench.state.on_trade(UnixNanos::new(START + at), &trade),
            _ => unreachable!("only books and trades are made here"),
        }
    }
    let (before, mid) = (bench.read(at), bench.state.mid());
    assert!(before.iter().flatten().count() > 28, "{before:?}");
    assert!(bench.state.set_scale(Scale { price_decimals: 4, qty_decimals: 8 }));
    assert_eq!((bench.state.tick(), bench.state.mid()), (Some(5_000), mid));
    for (before, after) in before.iter().zip(bench.read(at)) {
        let (before, after) = (before.unwrap_or(0.0), after.unwrap_or(0.0));
        assert!((before - after).abs() <= 1e-14 * before.abs(), "{before} {after}");
    }
}

#[test]
fn decimals_that_do_not_fit_forget_everything() {
    for (scale, at) in [
        (Scale { price_decimals: 18, qty_decimals: 3 }, 1 << 20),
        (Scale { price_decimals: 1, qty_decimals: 18 }, 1 << 20),
        (Scale { price_decimals: 0, qty_decimals: 3 }, 1),
    ] {
        let mut bench = Bench::new(&["bid_qty_1", "trade_imbalance@60s"]);
        bench.book(0, &[(at, at)], &[(at + 5, 1)]).trade(0, at, at, Side::Ask);
        assert_eq!(bench.read(0), [Some(at as f64 / 1e3), Some(-1.0)]);
        assert!(!bench.state.set_scale(scale));
        assert_eq!(bench.read(0), [None, None]);
        assert_eq!(bench.state.scale(), scale);
        bench.book(1, &[(7, 7)], &[(9, 9)]);
        let one = 10f64.powi(i32::from(scale.qty_decimals));
        assert_eq!(bench.read(1), [Some(7.0 / one), None]);
    }
}

#[test]
fn an_old_mid_may_outgrow_what_a_new_one_may_be() {
    let names = ["kyle_lambda@10s", "ema_mid_offset_ticks@1s", "mid_return@1s", "realised_vol@1s"];
    let mut bench = Bench::new(&names);
    let old = 1 << 58;
    bench.book(0, &[(old, 1)], &[(old + 5, 1)]).read(20 * SECOND);
    // With an empty book only what is past grows: ten times, to more than twice any price.
    bench.book(20 * SECOND, &[], &[]);
    assert!(bench.state.set_scale(Scale { price_decimals: 2, ..SCALE }));
    let new = -(1 << 61) + 1;
    for step in 21..60 {
        bench.book(step * SECOND, &[(new, 1)], &[(new + 5, 1)]).read(step * SECOND);
    }
    let [kyle, offset, moved, volatility] = bench.read(60 * SECOND)[..] else { panic!("four") };
    assert_eq!((kyle, moved, volatility), (None, None, None));
    assert!(offset.is_some_and(|offset| (-2.0..0.0).contains(&offset)), "{offset:?}");
}

#[test]
fn overflow_is_counted() {
    let mut bench = Bench::new(&["trade_count@1s", "trade_volume@1s", "trade_volume@32t"]);
    bench.trade(0, 1000, 5, Side::Bid);
    for index in 0..100 {
        bench.trade(SECOND + index, 1000, 1, Side::Bid);
    }
    assert_eq!(bench.state.overflows(), 36, "100 in a ring of 64, one window of a second");
    assert_eq!(bench.read(SECOND + 100), [Some(64.0), Some(0.064), Some(0.032)]);
}

#[test]
fn a_new_tick_restarts_scores_in_ticks_only() {
    let mut bench = Bench::new(&["spread_ticks_z@30u", "obi_1_z@30u", "spread_ticks"]);
    for index in 0..40 {
        bench.book(index, &[(1000, 1 + index as i64 % 5)], &[(1010 + index as i64 % 3 * 5, 2)]);
    }
    assert!(bench.read(40).iter().all(Option::is_some));
    bench.state.set_tick(Some(5));
    assert!(bench.read(40).iter().all(Option::is_some), "the same tick changes nothing");
    bench.state.set_tick(Some(1));
    let read = bench.read(40);
    assert_eq!((read[0], read[1].is_some(), read[2]), (None, true, Some(10.0)));
    bench.state.set_tick(Some(0));
    assert_eq!((bench.state.tick(), bench.read(40)[2]), (None, None));
}

#[test]
fn a_frame_is_filled() {
    let plan = FeaturePlan::compile(&["obi_1", "ofi_1@1s", "spread_ticks"], options(64)).unwrap();
    let mut state = FeatureState::new(&plan, SCALE, Some(5));
    let now = UnixNanos::new(START);
    state.on_book(now, &[level(1000, 3)], &[level(1010, 1)]);
    let source = FrameSource {
        instrument: InstrumentId(0),
        number: 1,
        epoch: 1,
        received_at: now,
        exchange_at: None,
        sequence: None,
        restarted: false,
        mid: state.mid().unwrap(),
        book_age_ns: 0,
        received_mono: MonoNanos::new(0),
        decoded_mono: MonoNanos::new(0),
        framed_mono: MonoNanos::new(0),
    };
    let mut frame = FeatureFrame::new(&source, plan.count());
    state.fill_frame(now, &mut frame);
    assert_eq!(frame.features(), [0.5, 0.0, 2.0]);
    assert_eq!((frame.valid(), frame.mid()), (&[0b101, 0], 100.5));
    let mut warmup = Warmup::new(plan.count());
    assert!(!warmup.observe(frame.valid()));
    assert_eq!(warmup.missing(), &[0b010, 0]);
}

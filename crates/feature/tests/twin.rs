//! The fast side gives what the definitions give: over random walks, and over long sequences with
//! bursts, gaps longer than windows, epochs, finer decimals and other ticks.

mod common;

use common::{
    EVERYTHING, Happening, Market, SECOND, START, Twins, everything, level, options, trade,
};
use proptest::prelude::*;
use tickhawk_feature::FeaturePlan;
use tickhawk_market::{Level, Side};

/// Runs a market and checks about every `sample` happenings, at the moment or a little later.
fn run(seed: u64, happenings: u64, rare: u64, sample: u64, capacity: usize) -> Twins {
    let mut market = Market::new(seed);
    let mut twins = Twins::new(everything(capacity), Some(market.tick));
    twins.check(START);
    for _ in 0..happenings {
        let happening = market.next(rare);
        twins.apply(market.at, &happening);
        if market.chance.one_in(sample) {
            if market.chance.one_in(4) {
                market.step_time();
            }
            twins.check(market.at);
        }
    }
    twins
}

#[test]
fn a_hundred_thousand_happenings() {
    let twins = run(1, 100_000, 8_000, 60, 4096);
    assert_eq!(twins.fast.overflows(), 0);
    for (name, fills) in twins.plan.names().iter().zip(&twins.valid_fills) {
        assert!(*fills > 100, "{name} had a value in {fills} of {} fills", twins.fills);
        assert!(*fills < twins.fills, "{name} had a value before anything came in");
    }
}

#[test]
fn small_rings_overflow_alike() {
    let twins = run(2, 40_000, 8_000, 40, 128);
    assert!(twins.fast.overflows() > 10_000, "{}", twins.fast.overflows());
}

#[test]
fn many_short_epochs() {
    run(3, 30_000, 60, 10, 1024);
}

#[test]
fn without_a_tick() {
    let mut market = Market::new(4);
    let mut twins = Twins::new(everything(256), None);
    for _ in 0..3_000 {
        let happening = market.next(100_000);
        twins.apply(market.at, &happening);
        twins.check(market.at);
    }
    for (name, fills) in twins.plan.names().iter().zip(&twins.valid_fills) {
        let in_ticks = ["ticks", "depth", "slope", "kyle"].iter().any(|word| name.contains(word));
        assert_eq!(*fills == 0, in_ticks, "{name}");
    }
}

#[test]
fn exactly_at_every_edge() {
    // Everything on one grid, so that every event sits on the edge of some window.
    let mut twins = Twins::new(everything(1024), Some(5));
    for step in 0..600u64 {
        let at = START + step * SECOND / 20;
        let shift = (step * 7 % 11) as i64 * 5;
        let bids = vec![level(60_000 + shift, 10 + step as i64), level(59_995, 7)];
        let asks = vec![level(60_060 + shift, 900 - step as i64), level(60_120, 3)];
        twins.apply(at, &Happening::Book(bids, asks));
        if step % 3 == 0 {
            let taker = if step % 2 == 0 { Side::Bid } else { Side::Ask };
            twins.apply(at, &Happening::Trade(trade(60_000 + shift, 1 + shift, taker)));
        }
        for early_or_late in [at, at + 1, at + SECOND / 20 - 1] {
            twins.check(early_or_late);
        }
    }
}

#[test]
fn a_side_ends_where_it_would_hold_more_than_a_word() {
    let mut twins = Twins::new(everything(256), Some(5));
    for step in 0..200u64 {
        let at = START + step * SECOND / 10;
        let most = i64::MAX - (step * step) as i64;
        let side = |first: i64, toward: i64| {
            (0..12i64).map(|n| level(first + toward * 5 * n, most >> ((n + 1) % 4))).collect()
        };
        twins
            .apply(at, &Happening::Book(side(60_000, -1), side(60_005 + (step % 3) as i64 * 5, 1)));
        twins.check(at);
    }
    let valid_fills = |wanted: &str| {
        let index = twins.plan.names().iter().position(|name| name == wanted);
        twins.valid_fills[index.expect("it is in the plan")]
    };
    assert!(valid_fills("obi_12") > 150);
    assert!(valid_fills("ofi_3@1u") > 150);
    assert_eq!(valid_fills("bid_qty_7"), 0, "three levels hold nearly a word");
}

/// A side of any numbers, best first.
fn any_side(is_bid: bool) -> impl Strategy<Value = Vec<Level>> {
    let units = |near: i64| {
        prop_oneof![
            4 => 1..near,
            1 => any::<i64>(),
            1 => (0..64u32, -2..3i64).prop_map(|(bit, by)| (1i64 << bit).wrapping_add(by)),
        ]
    };
    prop::collection::btree_map(units(90), units(9), 0..14).prop_map(move |levels| {
        let levels = levels.into_iter().map(|(price, qty)| level(price, qty));
        if is_bid { levels.rev().collect() } else { levels.collect() }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..Default::default() })]

    #[test]
    fn random_walks(seed in any::<u64>(), rare in 20u64..400, wide in any::<bool>()) {
        run(seed, 600, rare, 3, if wide { 512 } else { 128 });
    }

    #[test]
    fn any_levels(books in prop::collection::vec((any_side(true), any_side(false)), 1..60)) {
        // Averages of mids 2^60 apart lose their last digits.
        let names: Vec<&str> = EVERYTHING.iter().filter(|n| !n.starts_with("ema")).copied().collect();
        let plan = FeaturePlan::compile(&names, options(128)).unwrap();
        let mut twins = Twins::new(plan, Some(5));
        for (step, (bids, asks)) in books.into_iter().enumerate() {
            let at = START + step as u64 * SECOND / 10;
            twins.apply(at, &Happening::Book(bids, asks));
            twins.check(at);
        }
    }
}

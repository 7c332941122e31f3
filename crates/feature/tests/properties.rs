//! What holds whatever comes in.

mod common;

use common::bench::Bench;
use common::{Happening, Market, START, Twins, everything, level};
use proptest::prelude::*;
use tickhawk_feature::FeatureState;
use tickhawk_market::{Level, UnixNanos};

/// The book seen in a mirror: bids for asks, prices negated.
fn mirrored(side: &[Level]) -> Vec<Level> {
    side.iter().map(|l| level(-l.price.units(), l.qty.units())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn mirrored_books_have_opposite_features(seed in any::<u64>()) {
        let odd = [
            "obi_1", "obi_3", "obi_10", "queue_imbalance", "weighted_mid_offset_ticks", "ofi_1@1s",
            "ofi_4@16u", "ofi_sum_10@1s", "ema_mid_offset_ticks@1s", "trade_imbalance@1s",
        ];
        let even = ["spread_ticks", "book_slope_5", "update_rate@1s", "kyle_lambda@10s"];
        let names = [&odd[..], &even[..]].concat();
        let (mut here, mut there) = (Bench::new(&names), Bench::new(&names));
        let mut market = Market::new(seed);
        for _ in 0..800 {
            market.step_time();
            let at = UnixNanos::new(market.at);
            match if market.chance.one_in(4) { market.trade() } else { market.book() } {
                Happening::Book(bids, asks) => {
                    here.state.on_book(at, &bids, &asks);
                    there.state.on_book(at, &mirrored(&asks), &mirrored(&bids));
                }
                Happening::Trade(trade) => {
                    here.state.on_trade(at, &trade);
                    let taker = trade.taker.opposite();
                    there.state.on_trade(at, &tickhawk_market::Trade { taker, ..trade });
                }
                _ => unreachable!("only books and trades are made here"),
            }
            let at = market.at - START;
            let (here, there) = (here.read(at), there.read(at));
            for index in 0..odd.len() {
                prop_assert_eq!(here[index], there[index].map(|value| 0.0 - value), "{}", odd[index]);
            }
            prop_assert_eq!(&here[odd.len()..], &there[odd.len()..]);
            for value in here[..4].iter().flatten() {
                prop_assert!((-1.0..=1.0).contains(value));
            }
        }
    }

    #[test]
    fn looking_changes_nothing(seed in any::<u64>()) {
        let plan = everything(128);
        let (mut often, mut once) = (Twins::new(plan.clone(), Some(5)), Twins::new(plan, Some(5)));
        let mut market = Market::new(seed);
        let count = often.plan.count();
        let read = |state: &mut FeatureState, at| {
            let (mut values, mut valid) = (vec![0.0; count], [0; 2]);
            state.fill_f64(UnixNanos::new(at), &mut values, &mut valid);
            (values.iter().map(|value| value.to_bits()).collect::<Vec<_>>(), valid)
        };
        for _ in 0..1_500 {
            let happening = market.next(300);
            often.apply(market.at, &happening);
            once.apply(market.at, &happening);
            read(&mut often.fast, market.at);
        }
        prop_assert_eq!(read(&mut often.fast, market.at), read(&mut once.fast, market.at));
    }
}

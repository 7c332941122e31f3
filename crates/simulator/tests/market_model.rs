//! The market is worth training on: imbalance runs weakly ahead of the price, orders come in
//! bursts, the spread widens at times, books stay deep and never cross.

use tickhawk_simulator::{Market, MarketConfig, MessageKind, Recording, WireFormat};

const SECONDS: u64 = 600;
const STEP_NS: u64 = 100_000_000;

#[derive(Default)]
struct Path {
    /// Imbalance at the touch, in [-1, 1], on a 100 ms grid.
    imbalance: Vec<f64>,
    /// Twice the mid price in ticks, on the same grid.
    mid2: Vec<i64>,
    spread: Vec<i64>,
    levels: Vec<(usize, usize)>,
    /// Samples with bids a tenth off the market.
    far_samples: usize,
}

fn path(seed: u64, symbol: usize) -> Path {
    let mut symbols = WireFormat::BinanceFutures.symbols();
    let spec = symbols.swap_remove(symbol);
    let config = MarketConfig::new(vec![spec.clone()], seed);
    let mut market = Market::new(&config).unwrap();
    let mut path = Path::default();
    for step in 1..=SECONDS * 1_000_000_000 / STEP_NS {
        while market.next_at().nanos() < config.start.nanos() + step * STEP_NS {
            market.advance();
        }
        let (bid, ask) = market.top(0);
        let (qb, qa) = (bid.qty.units() as f64, ask.qty.units() as f64);
        path.imbalance.push((qb - qa) / (qb + qa));
        path.mid2.push((bid.price.units() + ask.price.units()) / spec.tick);
        path.spread.push((ask.price - bid.price) / spec.tick);
        if step % 100 == 0 {
            let (bids, asks) = market.book(0);
            assert!(bids.is_sorted_by(|a, b| a.price > b.price));
            assert!(asks.is_sorted_by(|a, b| a.price < b.price));
            assert!(bids[0].price < asks[0].price);
            assert!(bids.iter().chain(&asks).all(|level| level.qty.units() > 0));
            let (nearest, farthest) = (bids[0].price.units(), bids[bids.len() - 1].price.units());
            assert!(farthest > 0);
            path.far_samples += usize::from(farthest < nearest / 10 * 9);
            path.levels.push((bids.len(), asks.len()));
        }
    }
    path
}

fn correlation(pairs: &[(f64, f64)]) -> f64 {
    let count = pairs.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|pair| pair.0), mean(|pair| pair.1));
    let sum = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
        pairs.iter().map(|pair| of(pair.0 - x, pair.1 - y)).sum()
    };
    sum(&|x, y| x * y) / (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt()
}

#[test]
fn imbalance_runs_weakly_ahead_of_the_mid() {
    for (seed, symbol) in [(1, 0), (2, 0), (3, 1), (4, 2)] {
        let path = path(seed, symbol);
        for horizon in [1, 5, 10] {
            let pairs: Vec<(f64, f64)> = (0..path.mid2.len() - horizon)
                .map(|at| (path.imbalance[at], (path.mid2[at + horizon] - path.mid2[at]) as f64))
                .collect();
            let ahead = correlation(&pairs);
            println!("seed {seed} symbol {symbol} horizon {horizon}00 ms: {ahead:.3}");
            assert!((0.05..0.35).contains(&ahead), "seed {seed} symbol {symbol}: {ahead}");
        }
    }
}

#[test]
fn price_moves_but_comes_back_and_the_spread_is_sometimes_wide() {
    let path = path(11, 0);
    let (low, high) = (path.mid2.iter().min().unwrap(), path.mid2.iter().max().unwrap());
    let moves = path.mid2.windows(2).filter(|pair| pair[0] != pair[1]).count();
    println!("range {} ticks, moves {moves} of {}", (high - low) / 2, path.mid2.len());
    assert!(high - low > 20, "the price stands still");
    assert!(high - low < path.mid2[0] / 20, "the price ran away by a twentieth");
    let tight = path.spread.iter().filter(|&&spread| spread == 1).count();
    let widest = *path.spread.iter().max().unwrap();
    println!("tight {tight}, widest {widest}, levels {:?}", path.levels.last());
    assert!(tight * 2 > path.spread.len(), "spread of one tick only {tight} times");
    assert!(widest >= 5, "widest spread {widest}");
    let samples = path.levels.len();
    assert!(path.far_samples * 2 > samples, "far levels in {} of {samples}", path.far_samples);
    for &(bids, asks) in &path.levels {
        assert!((250..600).contains(&bids) && (250..600).contains(&asks), "{bids} and {asks}");
    }
}

#[test]
fn trades_come_in_bursts_and_sweep_levels() {
    let mut symbols = WireFormat::Kraken.symbols();
    symbols.truncate(1);
    let mut config = MarketConfig::new(symbols, 5);
    config.duration_ns = 120_000_000_000;
    let mut per_window = vec![0.0f64; 1_200];
    let (mut orders, mut sweeps) = (0, 0);
    for message in Recording::new(WireFormat::Kraken, &config).unwrap() {
        let MessageKind::Frame(frame) = message.kind else { continue };
        if !frame.starts_with(r#"{"channel":"trade""#) {
            continue;
        }
        // One frame is one market order; its fills are its entries.
        orders += 1;
        sweeps += usize::from(frame.matches("trade_id").count() >= 3);
        let window = (message.received_at - config.start).nanos() / 100_000_000;
        per_window[(window as usize).min(1_199)] += 1.0;
    }
    let mean = per_window.iter().sum::<f64>() / 1_200.0;
    let variance = per_window.iter().map(|n| (n - mean) * (n - mean)).sum::<f64>() / 1_200.0;
    println!("{orders} orders, {sweeps} sweeps, variance over mean {:.2}", variance / mean);
    assert!(variance > 1.5 * mean, "no burstier than a Poisson process");
    assert!(sweeps * 100 > orders && sweeps * 5 < orders, "{sweeps} sweeps of {orders}");
}

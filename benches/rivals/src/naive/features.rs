//! Tickhawk's default set of 32 features by their definitions, recomputed over a window each time.
//!
//! What belongs to one message alone (imbalances, order flow against the message before) is computed
//! when it comes and kept; every sum, mean and return over a window is computed anew.

use super::{book::Book, message::Trade};
use crate::outcome::obi;
use anyhow::Result;
use std::collections::VecDeque;

/// How many features there are.
pub const COUNT: usize = 32;
/// The longest window.
const LONGEST: u64 = 60 * SECOND;
const SECOND: u64 = 1_000_000_000;
const GRID: u64 = SECOND / 10;
/// Levels a side that are read.
const DEPTH: usize = 11;

/// One book message.
struct Snapshot {
    at: u64,
    bids: Vec<(f64, f64)>,
    asks: Vec<(f64, f64)>,
    obi_5: f64,
    queue: f64,
    /// Order flow against the message before, a level each; the first message has none.
    flow: Option<[f64; 5]>,
}

struct Tick {
    at: u64,
    signed_qty: f64,
}

/// Everything a fill needs.
pub struct Features {
    tick: f64,
    books: VecDeque<Snapshot>,
    /// When the mid changed, and to what; one older than the longest window is kept.
    mids: VecDeque<(u64, f64)>,
    trades: VecDeque<Tick>,
    first_book: u64,
    book_count: usize,
    first_mid: u64,
    first_trade: Option<u64>,
    /// Time constant and average.
    emas: [(u64, f64); 2],
    ema_at: u64,
}

impl Features {
    /// Nothing seen.
    pub fn new(tick: f64) -> Self {
        Self {
            tick,
            books: VecDeque::new(),
            mids: VecDeque::new(),
            trades: VecDeque::new(),
            first_book: 0,
            book_count: 0,
            first_mid: 0,
            first_trade: None,
            emas: [(SECOND, 0.0), (5 * SECOND, 0.0)],
            ema_at: 0,
        }
    }

    /// A book message was applied.
    pub fn on_book(&mut self, at: u64, book: &Book) {
        let bids: Vec<(f64, f64)> = book.bids().take(DEPTH).collect();
        let asks: Vec<(f64, f64)> = book.asks().take(DEPTH).collect();
        let sum = |side: &[(f64, f64)], levels: usize| -> f64 {
            side.iter().take(levels).map(|level| level.1).sum()
        };
        let flow = self
            .books
            .back()
            .map(|before| std::array::from_fn(|level| flow(before, &bids, &asks, level)));
        let (obi_5, queue) = (obi(sum(&bids, 5), sum(&asks, 5)), obi(sum(&bids, 1), sum(&asks, 1)));
        if self.book_count == 0 {
            self.first_book = at;
        }
        self.book_count += 1;
        if let (Some(bid), Some(ask)) = (bids.first(), asks.first()) {
            self.on_mid(at, (bid.0 + ask.0) / 2.0);
        }
        self.books.push_back(Snapshot { at, bids, asks, obi_5, queue, flow });
        // 64 messages are wanted, however old they are.
        while self.books.len() > 65 && self.books[0].at + LONGEST <= at {
            self.books.pop_front();
        }
    }

    fn on_mid(&mut self, at: u64, mid: f64) {
        match self.mids.back() {
            None => {
                self.first_mid = at;
                self.emas.iter_mut().for_each(|ema| ema.1 = mid);
                self.ema_at = at;
            }
            Some((_, last)) if *last == mid => return,
            Some(_) => self.age_emas(at),
        }
        self.mids.push_back((at, mid));
        while self.mids.len() > 1 && self.mids[1].0 + LONGEST + 2 * SECOND <= at {
            self.mids.pop_front();
        }
    }

    fn age_emas(&mut self, at: u64) {
        let Some((_, mid)) = self.mids.back() else { return };
        let elapsed = (at - self.ema_at) as f64;
        for (tau, ema) in &mut self.emas {
            *ema += (1.0 - (-elapsed / *tau as f64).exp()) * (mid - *ema);
        }
        self.ema_at = at;
    }

    /// A trade happened.
    pub fn on_trade(&mut self, at: u64, trade: &Trade) -> Result<()> {
        let qty: f64 = trade.qty.parse()?;
        let signed_qty = if trade.buyer_is_maker { -qty } else { qty };
        self.first_trade.get_or_insert(at);
        self.trades.push_back(Tick { at, signed_qty });
        // 32 trades are wanted, however old they are.
        while self.trades.len() > 32 && self.trades[0].at + LONGEST + 2 * SECOND <= at {
            self.trades.pop_front();
        }
        Ok(())
    }

    /// All features at a time, `None` where there is no value.
    pub fn fill(&mut self, at: u64) -> [Option<f64>; COUNT] {
        self.age_emas(at);
        let Some(now) = self.books.back() else { return [None; COUNT] };
        let (Some(bid), Some(ask)) = (now.bids.first(), now.asks.first()) else {
            return [None; COUNT];
        };
        let mid = (bid.0 + ask.0) / 2.0;
        let imbalance = |levels: usize| {
            let sum = |side: &[(f64, f64)]| side.iter().take(levels).map(|level| level.1).sum();
            Some(obi(sum(&now.bids), sum(&now.asks)))
        };
        let weighted = (bid.1 * ask.0 + ask.1 * bid.0) / (bid.1 + ask.1);
        [
            Some(now.queue),
            imbalance(3),
            Some(now.obi_5),
            imbalance(10),
            Some((ask.0 - bid.0) / self.tick),
            Some((weighted - mid) / self.tick),
            Some(bid.1),
            Some(ask.1),
            Some(self.depth(&now.bids)),
            Some(self.depth(&now.asks)),
            self.slope(now, mid),
            self.flow_since(at, SECOND, |flow| flow[0]),
            self.flow_of_updates(64),
            self.flow_since(at, SECOND, |flow| flow.iter().sum()),
            self.flow_since(at, 10 * SECOND, |flow| flow.iter().sum()),
            self.update_rate(at),
            self.imbalance_since(at, SECOND),
            self.imbalance_since(at, 10 * SECOND),
            self.imbalance_of_trades(32),
            self.trades_are_whole(at, SECOND).then(|| self.trades_since(at, SECOND).count() as f64),
            self.volume(at, SECOND),
            self.volume(at, 10 * SECOND),
            self.trades_are_whole(at, 10 * SECOND)
                .then(|| self.trades_since(at, 10 * SECOND).count() as f64 / 10.0),
            self.mid_return(at, SECOND / 2, mid),
            self.mid_return(at, SECOND, mid),
            self.mid_return(at, 5 * SECOND, mid),
            self.realised_vol(at),
            self.ema_offset(at, 0, mid),
            self.ema_offset(at, 1, mid),
            self.zscore(at, |book| book.obi_5),
            self.zscore(at, |book| book.queue),
            self.kyle_lambda(at),
        ]
    }

    fn depth(&self, side: &[(f64, f64)]) -> f64 {
        let reach = 10.5 * self.tick;
        let near = side.iter().filter(|level| (level.0 - side[0].0).abs() <= reach);
        near.map(|level| level.1).sum()
    }

    fn slope(&self, now: &Snapshot, mid: f64) -> Option<f64> {
        let side = |levels: &[(f64, f64)]| {
            let near = &levels[..levels.len().min(10)];
            let (mut sum, mut cumulated, mut before) = (0.0, 0.0, 0.0);
            for (index, (price, qty)) in near.iter().enumerate() {
                let distance = (price - mid).abs() / self.tick;
                let step = distance - before;
                if step <= 1e-9 {
                    return None;
                }
                let growth = if index == 0 { 1.0 } else { qty / cumulated };
                sum += growth / step;
                cumulated += qty;
                before = distance;
            }
            Some(sum / near.len() as f64)
        };
        Some((side(&now.bids)? + side(&now.asks)?) / 2.0)
    }

    fn flow_since(&self, at: u64, window: u64, of: impl Fn(&[f64; 5]) -> f64) -> Option<f64> {
        let whole = self.first_book + window <= at;
        let recent = self.books.iter().rev().take_while(|book| book.at + window > at);
        whole.then(|| recent.filter_map(|book| book.flow.as_ref()).map(of).sum())
    }

    fn flow_of_updates(&self, count: usize) -> Option<f64> {
        let recent = self.books.iter().rev().take(count).filter_map(|book| book.flow);
        (self.book_count > count).then(|| recent.map(|flow| flow[2]).sum())
    }

    fn update_rate(&self, at: u64) -> Option<f64> {
        let recent = self.books.iter().rev().take_while(|book| book.at + SECOND > at);
        (self.first_book + SECOND <= at).then(|| recent.count() as f64)
    }

    fn trades_since(&self, at: u64, window: u64) -> impl Iterator<Item = &Tick> {
        self.trades.iter().rev().take_while(move |trade| trade.at + window > at)
    }

    fn trades_are_whole(&self, at: u64, window: u64) -> bool {
        self.first_trade.is_some_and(|first| first + window <= at)
    }

    fn volume(&self, at: u64, window: u64) -> Option<f64> {
        let volume = || self.trades_since(at, window).map(|trade| trade.signed_qty.abs()).sum();
        self.trades_are_whole(at, window).then(volume)
    }

    fn imbalance_since(&self, at: u64, window: u64) -> Option<f64> {
        imbalance(self.trades_since(at, window))
    }

    fn imbalance_of_trades(&self, count: usize) -> Option<f64> {
        (self.trades.len() >= count).then(|| imbalance(self.trades.iter().rev().take(count)))?
    }

    fn mid_return(&self, at: u64, window: u64, mid: f64) -> Option<f64> {
        let (_, past) = self.mids.iter().rev().find(|past| past.0 + window <= at)?;
        Some((mid / past).ln())
    }

    /// The mid in force just before a time.
    fn mid_before(&self, at: u64) -> Option<f64> {
        let later = self.mids.partition_point(|mid| mid.0 < at);
        Some(self.mids[later.checked_sub(1)?].1)
    }

    fn realised_vol(&self, at: u64) -> Option<f64> {
        let newest = at / GRID;
        let mut sum = 0.0;
        for point in newest - 10 * SECOND / GRID + 1..=newest {
            let (old, new) = (self.mid_before((point - 1) * GRID)?, self.mid_before(point * GRID)?);
            sum += (new / old).ln().powi(2);
        }
        Some(sum.sqrt())
    }

    fn ema_offset(&self, at: u64, index: usize, mid: f64) -> Option<f64> {
        let (tau, ema) = self.emas[index];
        (self.first_mid + tau <= at).then(|| (mid - ema) / self.tick)
    }

    fn zscore(&self, at: u64, of: impl Fn(&Snapshot) -> f64) -> Option<f64> {
        let newest = of(self.books.back()?);
        let past = self.books.iter().rev().skip(1);
        let past: Vec<f64> = past.take_while(|book| book.at + LONGEST > at).map(of).collect();
        let count = past.len() as f64;
        let mean = past.iter().sum::<f64>() / count;
        let variance = past.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        (past.len() >= 30 && variance > 0.0).then(|| (newest - mean) / variance.sqrt())
    }

    fn kyle_lambda(&self, at: u64) -> Option<f64> {
        let newest = at / SECOND;
        let oldest = (newest - 60).max(self.first_mid / SECOND + 1);
        let seconds = newest.saturating_sub(oldest) as usize;
        if seconds < 10 {
            return None;
        }
        let mut volumes = vec![0.0; seconds];
        for trade in &self.trades {
            let second = trade.at / SECOND;
            if (oldest..newest).contains(&second) {
                volumes[(second - oldest) as usize] += trade.signed_qty;
            }
        }
        let (mut x, mut y, mut xx, mut xy) = (0.0, 0.0, 0.0, 0.0);
        for (index, volume) in volumes.iter().enumerate() {
            let begin = oldest + index as u64;
            let (old, new) =
                (self.mid_before(begin * SECOND)?, self.mid_before((begin + 1) * SECOND)?);
            let moved = (new - old) / self.tick;
            x += volume;
            y += moved;
            xx += volume * volume;
            xy += volume * moved;
        }
        let n = seconds as f64;
        let variance = n * xx - x * x;
        (variance > 0.0).then(|| (n * xy - x * y) / variance)
    }
}

fn imbalance<'a>(trades: impl Iterator<Item = &'a Tick>) -> Option<f64> {
    let (mut signed, mut volume) = (0.0, 0.0);
    for trade in trades {
        signed += trade.signed_qty;
        volume += trade.signed_qty.abs();
    }
    (volume > 0.0).then(|| signed / volume)
}

/// Cont, Kukanov and Stoikov's e at one level.
fn flow(before: &Snapshot, bids: &[(f64, f64)], asks: &[(f64, f64)], level: usize) -> f64 {
    let at = |side: &[(f64, f64)], worst: f64| side.get(level).copied().unwrap_or((worst, 0.0));
    let ((b, qb), (old_b, old_qb)) = (at(bids, f64::MIN), at(&before.bids, f64::MIN));
    let ((a, qa), (old_a, old_qa)) = (at(asks, f64::MAX), at(&before.asks, f64::MAX));
    let mut flow = 0.0;
    if b >= old_b {
        flow += qb;
    }
    if b <= old_b {
        flow -= old_qb;
    }
    if a <= old_a {
        flow -= qa;
    }
    if a >= old_a {
        flow += old_qa;
    }
    flow
}

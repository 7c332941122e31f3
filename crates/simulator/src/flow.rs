//! The order flow of one instrument: zero-intelligence orders whose rates react to the queues.
//!
//! Every draw does one of these, and nothing else ever changes the true book:
//!
//! ```text
//! order event -> zone:  touch 36%   queue at the best price grows and shrinks towards a target;
//!                                   a spread wider than a tick is filled from the favoured side
//!                       near 40%    within 20 ticks, the same per level
//!                       deep 24%    out to thousands of ticks; one in fifty far off the market
//! market order       -> 78% a part of the best queue, 17% about all of it, 5% a sweep
//! withdrawal         -> the best 3 to 10 levels vanish at once: a wide spread
//! ```
//!
//! The favoured side is `tilt`: the drift regime, plus the imbalance at the touch, plus a weak pull
//! to the starting price. It leans additions, cancels, spread filling and market orders the same
//! way, so imbalance is weakly ahead of the mid price.

use crate::SymbolSpec;
use crate::chance::Chance;
use crate::ladder::{Ladder, Rung};
use tickhawk_market::Side;

/// Levels a side that cancels, sweeps and withdrawals leave alone, so that no side runs empty.
const RESERVE_LEVELS: usize = 30;
/// Ticks from the best price that count as near it.
const NEAR_TICKS: i64 = 20;

/// One level whose quantity changed.
pub(crate) type Touched = (Side, i64);

/// One fill of a market order, in ticks and lots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fill {
    pub(crate) ticks: i64,
    pub(crate) lots: i64,
}

/// The true book of one instrument and what moves it.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(crate) bids: Ladder,
    pub(crate) asks: Ladder,
    chance: Chance,
    order_lots: i64,
    levels: usize,
    anchor_ticks: i64,
    /// The drift regime: -1 down, 0 none, 1 up.
    regime: i64,
}

impl Flow {
    pub(crate) fn new(spec: &SymbolSpec, chance: Chance) -> Self {
        let mut flow = Self {
            bids: Ladder::new(Side::Bid),
            asks: Ladder::new(Side::Ask),
            chance,
            order_lots: spec.order_lots,
            levels: spec.levels as usize,
            anchor_ticks: spec.start_price / spec.tick,
            regime: 0,
        };
        for side in [Side::Bid, Side::Ask] {
            let best = flow.anchor_ticks + i64::from(side == Side::Ask);
            for distance in 0..NEAR_TICKS {
                flow.add_at(side, best, distance);
                flow.add_at(side, best, distance);
            }
            while flow.ladder(side).len() < flow.levels {
                let distance = flow.deep_distance();
                flow.add_at(side, best, distance);
            }
        }
        flow
    }

    pub(crate) fn ladder(&self, side: Side) -> &Ladder {
        match side {
            Side::Bid => &self.bids,
            Side::Ask => &self.asks,
        }
    }

    fn ladder_mut(&mut self, side: Side) -> &mut Ladder {
        match side {
            Side::Bid => &mut self.bids,
            Side::Ask => &mut self.asks,
        }
    }

    /// Best bid and best ask.
    pub(crate) fn top(&self) -> (Rung, Rung) {
        (self.bids.best(), self.asks.best())
    }

    pub(crate) fn change_regime(&mut self) {
        self.regime = [-1, 0, 0, 1][self.chance.below(4) as usize];
    }

    /// How far the market leans to buyers (positive) or sellers, in thousandths: three parts
    /// regime, imbalance at the touch, and distance from the starting price.
    fn tilt(&self) -> i64 {
        let (bid, ask) = self.top();
        let imbalance = (i128::from(bid.lots - ask.lots) * 1000) / i128::from(bid.lots + ask.lots);
        let away = i128::from(self.anchor_ticks - (bid.ticks + ask.ticks) / 2);
        let pull = (away * 20_000 / i128::from(self.anchor_ticks)).clamp(-80, 80);
        let tilt = i128::from(self.regime) * 90 + imbalance * 130 / 1000 + pull;
        tilt.clamp(-400, 400) as i64
    }

    fn side_leaning(&mut self, bid_permille: i64) -> Side {
        if self.chance.permille(bid_permille) { Side::Bid } else { Side::Ask }
    }

    /// An order of heavy-tailed size, sometimes a round one.
    fn order_size(&mut self) -> i64 {
        let mut lots = 1 + self.chance.below_i64(self.order_lots);
        while lots < self.order_lots << 6 && self.chance.permille(220) {
            lots *= 2;
        }
        if self.chance.permille(80) { self.order_lots } else { lots }
    }

    fn deep_distance(&mut self) -> i64 {
        if self.chance.permille(20) {
            return self.anchor_ticks / 50 + self.chance.below_i64(self.anchor_ticks / 3);
        }
        // A product of two uniforms is dense near the market and thin far from it.
        let reach = self.levels as i64 * 10;
        let (a, b) = (self.chance.below_i64(1024), self.chance.below_i64(1024));
        NEAR_TICKS + ((a * b * reach) >> 20)
    }

    /// Adds an order `distance` ticks behind `best`; says where.
    fn add_at(&mut self, side: Side, best: i64, distance: i64) -> Touched {
        let ticks = match side {
            Side::Bid => (best - distance).max(1),
            Side::Ask => best + distance,
        };
        let lots = self.order_size();
        self.ladder_mut(side).add(ticks, lots);
        (side, ticks)
    }

    /// One limit order or cancel.
    pub(crate) fn order_event(&mut self) -> Option<Touched> {
        let tilt = self.tilt();
        match self.chance.below(100) {
            0..36 => self.touch_event(tilt),
            36..76 => self.near_event(tilt),
            _ => self.deep_event(tilt),
        }
    }

    /// Whether the next event at a level holding `lots` adds to it: likely below the target,
    /// unlikely above, so that queues wander around it.
    fn adds_to(&mut self, lots: i64, target: i64) -> bool {
        self.chance.permille(share(lots, target).clamp(120, 880))
    }

    fn touch_event(&mut self, tilt: i64) -> Option<Touched> {
        let (bid, ask) = self.top();
        let gap = ask.ticks - bid.ticks - 1;
        if gap > 0 && self.chance.permille(100 + 15 * gap.min(20)) {
            let side = self.side_leaning(500 + tilt);
            let step = 1 + self.chance.below_i64((gap + 1) / 2);
            let best = self.ladder(side).best().ticks;
            return Some(self.add_at(side, best, -step));
        }
        let target = self.order_lots * 8;
        // Which side has the event is even; which way it goes leans with the tilt.
        let side = self.side_leaning(500);
        let lean = if side == Side::Bid { tilt } else { -tilt };
        let best = self.ladder(side).best();
        // Held to its target more loosely than other levels, or thin queues would fill up again
        // before they could run out, and imbalance would say nothing about the price.
        let share = share(best.lots, target).clamp(320, 680);
        if self.chance.permille(share + lean / 2) {
            return Some(self.add_at(side, best.ticks, 0));
        }
        self.cancel(side, best.ticks)
    }

    fn near_event(&mut self, tilt: i64) -> Option<Touched> {
        let side = self.side_leaning(500 + tilt / 4);
        let (a, b) = (self.chance.below_i64(NEAR_TICKS), self.chance.below_i64(NEAR_TICKS));
        let distance = 1 + a.min(b);
        let best = self.ladder(side).best().ticks;
        let ticks = if side == Side::Bid { best - distance } else { best + distance };
        let lots = self.ladder(side).lots_at(ticks);
        if lots == 0 {
            return self.chance.permille(350).then(|| self.add_at(side, best, distance));
        }
        if self.adds_to(lots, self.order_lots * (4 + distance / 4)) {
            return Some(self.add_at(side, best, distance));
        }
        self.cancel(side, ticks)
    }

    fn deep_event(&mut self, tilt: i64) -> Option<Touched> {
        let side = self.side_leaning(500 + tilt / 8);
        let len = self.ladder(side).len() as i64;
        if self.adds_to(len, self.levels as i64) {
            let (best, distance) = (self.ladder(side).best().ticks, self.deep_distance());
            return Some(self.add_at(side, best, distance));
        }
        let rank = NEAR_TICKS + self.chance.below_i64(len - NEAR_TICKS);
        let rung = self.ladder(side).ranked(rank as usize)?;
        self.cancel(side, rung.ticks)
    }

    fn cancel(&mut self, side: Side, ticks: i64) -> Option<Touched> {
        if self.ladder(side).len() <= RESERVE_LEVELS {
            return None;
        }
        self.ladder_mut(side).cancel_one(ticks);
        Some((side, ticks))
    }

    /// The side the next spontaneous market order takes with.
    pub(crate) fn taker(&mut self) -> Side {
        let tilt = self.tilt();
        self.side_leaning(500 + tilt * 3 / 2)
    }

    /// A market order of `taker`; its fills, best price first.
    pub(crate) fn market_order(&mut self, taker: Side, fills: &mut Vec<Fill>) {
        let resting = taker.opposite();
        let best = self.ladder(resting).best();
        let size = self.order_size().min(best.lots);
        let mut lots = match self.chance.below(100) {
            0..78 => 1 + self.chance.below_i64(size),
            78..95 => 1 + self.chance.below_i64(best.lots + best.lots / 2),
            _ => {
                let depth = 2 + self.chance.below(5) as usize;
                let rungs = self.ladder(resting).best_first().take(depth);
                let total: i64 = rungs.map(|rung| rung.lots).sum();
                total - self.chance.below_i64(best.lots)
            }
        };
        while lots > 0 && self.ladder(resting).len() > RESERVE_LEVELS {
            let (ticks, filled) = self.ladder_mut(resting).fill_best(lots);
            lots -= filled;
            fills.push(Fill { ticks, lots: filled });
        }
    }

    /// The best levels of one side or both vanish at once.
    pub(crate) fn withdraw(&mut self, touched: &mut Vec<Touched>) {
        let depth = 3 + self.chance.below(8) as usize;
        let only = [Some(Side::Bid), Some(Side::Ask), None][self.chance.below(3) as usize];
        for side in [Side::Bid, Side::Ask] {
            if only.is_some_and(|only| only != side) {
                continue;
            }
            for _ in 0..depth.min(self.ladder(side).len().saturating_sub(RESERVE_LEVELS)) {
                let ticks = self.ladder(side).best().ticks;
                self.ladder_mut(side).clear(ticks);
                touched.push((side, ticks));
            }
        }
    }

    /// How many market orders one sets off: 0.55 on average, which keeps the cascade finite.
    pub(crate) fn offspring(&mut self) -> u32 {
        let mut count = 0;
        while count < 12 && self.chance.permille(355) {
            count += 1;
        }
        count
    }

    /// When such a market order follows, and with which side: mostly the same.
    pub(crate) fn follower(&mut self, taker: Side) -> (u64, Side) {
        let wait_ns = self.chance.exponential(80_000_000);
        (wait_ns, if self.chance.permille(850) { taker } else { taker.opposite() })
    }

    /// An exponential wait of that mean.
    pub(crate) fn wait(&mut self, mean_ns: u64) -> u64 {
        self.chance.exponential(mean_ns)
    }
}

/// The target's share of target and lots, in thousandths: 500 where they are equal.
fn share(lots: i64, target: i64) -> i64 {
    (i128::from(target) * 1000 / i128::from(target + lots)) as i64
}

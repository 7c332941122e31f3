//! One side of the true book, in ticks and lots.

use tickhawk_market::Side;

/// One price level: what rests there and in how many orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rung {
    pub(crate) ticks: i64,
    pub(crate) lots: i64,
    pub(crate) orders: u32,
}

/// One side, worst price first so that the busy best end is cheap to change.
#[derive(Clone, Debug)]
pub(crate) struct Ladder {
    side: Side,
    rungs: Vec<Rung>,
}

impl Ladder {
    pub(crate) fn new(side: Side) -> Self {
        Self { side, rungs: Vec::new() }
    }

    fn find(&self, ticks: i64) -> Result<usize, usize> {
        let key = |ticks: i64| if self.side == Side::Bid { ticks } else { -ticks };
        self.rungs.binary_search_by_key(&key(ticks), |rung| key(rung.ticks))
    }

    pub(crate) fn len(&self) -> usize {
        self.rungs.len()
    }

    /// The level `rank` places from the best, 0 being the best.
    pub(crate) fn ranked(&self, rank: usize) -> Option<Rung> {
        self.rungs.len().checked_sub(rank + 1).map(|index| self.rungs[index])
    }

    /// # Panics
    /// On an empty side, which the flow never leaves behind.
    pub(crate) fn best(&self) -> Rung {
        *self.rungs.last().expect("the flow keeps a reserve of levels on both sides")
    }

    /// Best price first.
    pub(crate) fn best_first(&self) -> impl Iterator<Item = Rung> + '_ {
        self.rungs.iter().rev().copied()
    }

    pub(crate) fn lots_at(&self, ticks: i64) -> i64 {
        self.find(ticks).map_or(0, |index| self.rungs[index].lots)
    }

    /// One more order.
    pub(crate) fn add(&mut self, ticks: i64, lots: i64) {
        match self.find(ticks) {
            Ok(index) => {
                self.rungs[index].lots += lots;
                self.rungs[index].orders += 1;
            }
            Err(index) => self.rungs.insert(index, Rung { ticks, lots, orders: 1 }),
        }
    }

    /// One order of the level leaves: all of it if it is the last, about its share otherwise.
    pub(crate) fn cancel_one(&mut self, ticks: i64) {
        let Ok(index) = self.find(ticks) else { return };
        let rung = &mut self.rungs[index];
        let share = (rung.lots / i64::from(rung.orders)).max(1);
        if rung.orders == 1 || share >= rung.lots {
            self.rungs.remove(index);
        } else {
            rung.lots -= share;
            rung.orders -= 1;
        }
    }

    /// Takes at most `lots` from the best level; says where and how many.
    pub(crate) fn fill_best(&mut self, lots: i64) -> (i64, i64) {
        let best = self.best();
        let filled = lots.min(best.lots);
        if filled == best.lots {
            self.rungs.pop();
        } else if let Some(rung) = self.rungs.last_mut() {
            rung.lots -= filled;
            let filled_orders = i64::from(rung.orders) * filled / best.lots;
            rung.orders -= (filled_orders as u32).min(rung.orders - 1);
        }
        (best.ticks, filled)
    }

    /// Removes the level.
    pub(crate) fn clear(&mut self, ticks: i64) {
        if let Ok(index) = self.find(ticks) {
            self.rungs.remove(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn best_is_highest_bid_and_lowest_ask() {
        for (side, best, worst) in [(Side::Bid, 30, 10), (Side::Ask, 10, 30)] {
            let mut ladder = Ladder::new(side);
            for ticks in [20, 10, 30, 20] {
                ladder.add(ticks, 5);
            }
            assert_eq!(ladder.best().ticks, best);
            assert_eq!(ladder.best_first().last().map(|rung| rung.ticks), Some(worst));
            assert_eq!(ladder.ranked(1), Some(Rung { ticks: 20, lots: 10, orders: 2 }));
            assert_eq!((ladder.len(), ladder.lots_at(20), ladder.lots_at(25)), (3, 10, 0));
            assert_eq!(ladder.ranked(3), None);
        }
    }

    #[test]
    fn cancels_and_fills_take_what_is_there() {
        let mut ladder = Ladder::new(Side::Bid);
        ladder.add(10, 7);
        ladder.add(11, 4);
        ladder.add(11, 5);
        ladder.cancel_one(11);
        assert_eq!(ladder.best(), Rung { ticks: 11, lots: 5, orders: 1 });
        assert_eq!(ladder.fill_best(2), (11, 2));
        assert_eq!(ladder.fill_best(9), (11, 3));
        ladder.cancel_one(99);
        ladder.clear(99);
        assert_eq!(ladder.len(), 1);
        ladder.cancel_one(10);
        assert_eq!(ladder.len(), 0);
    }
}

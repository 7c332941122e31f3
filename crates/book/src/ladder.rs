//! One side of a book: a window around its best price, and the far book.
//!
//! A ladder thinks in keys, of which the highest is the best: a bid's key is its price, an ask's
//! the bitwise complement of its price, which is exact for every `i64` and reverses the order.
//!
//! Invariant: a level is in the window if and only if its key lies on the grid and within the
//! window's reach; all others, those between the grid's steps included, are in the far book.

use core::num::NonZeroU64;
use core::ops::RangeInclusive;

use tickhawk_market::{Change, Level, Price, Qty, Side};

use crate::far::Far;
use crate::grid::{Grid, gcd};
use crate::levels::Levels;
use crate::window::{SECTOR_SLOTS, SECTORS, SLOTS, Window};

/// Where the best level is put when a window is placed: three sectors of room above.
const HOME_SECTOR: i128 = 60;
/// Where the best level may wander before the window follows it, a sector at a time.
const EASY_SECTORS: RangeInclusive<i128> = 56..=61;
/// Messages in a row that must leave the best level out of reach before the window jumps to it:
/// one wild order does not carry the window off.
const STRAYS_MAX: u32 = 64;
/// A far book this small is not worth waiting for.
const FAR_SMALL: usize = 64;

/// See the module.
pub(crate) struct Ladder {
    /// 0 for bids, all ones for asks: the mask between prices and keys.
    flip: i64,
    grid: Grid,
    /// The key of the window's lowest slot.
    low: i64,
    /// The lowest key at which the best level is where it should be.
    easy_low: i64,
    /// How many keys up from there that holds.
    easy_span: u64,
    window: Window,
    far: Far,
    best: Option<Level>,
    strays: u32,
    /// Changes that fell between the grid's steps within the window's reach.
    misfits: u32,
    /// The grid on which those would have lain too.
    misfit_stride: u64,
}

impl Ladder {
    /// An empty side with room for `capacity` levels.
    pub(crate) fn new(side: Side, capacity: usize) -> Self {
        let mut ladder = Self {
            flip: if side == Side::Bid { 0 } else { -1 },
            grid: Grid::UNIT,
            low: 0,
            easy_low: 0,
            easy_span: 0,
            window: Window::new(),
            far: Far::new(capacity),
            best: None,
            strays: 0,
            misfits: 0,
            misfit_stride: 1,
        };
        ladder.place(Grid::UNIT, Price::default());
        ladder
    }

    /// Puts a quantity at its price, or removes the price where it is zero: those of `change` and of
    /// all that follow it on the same side; hands back the first that is of the other.
    /// [`Self::settle`] must follow the last of a message.
    #[inline]
    pub(crate) fn set(
        &mut self,
        mut change: Change,
        rest: &mut impl Iterator<Item = Change>,
    ) -> Option<Change> {
        let (side, flip, low, grid) = (change.side, self.flip, self.low, self.grid);
        let mut near = self.window.writer();
        loop {
            let key = change.price.units() ^ flip;
            let steps = grid.steps(key.wrapping_sub(low) as u64);
            if steps < SLOTS as u64 {
                near.set(steps as usize, change.qty.units());
            } else {
                near.finish();
                self.set_far(key, change.qty);
                near = self.window.writer();
            }
            match rest.next() {
                Some(next) if next.side == side => change = next,
                next => {
                    near.finish();
                    return next;
                }
            }
        }
    }

    /// Levels held.
    #[inline]
    pub(crate) fn count(&self) -> usize {
        self.window.count().wrapping_add(self.far.count())
    }

    /// The best level as of the last [`Self::settle`].
    #[inline]
    pub(crate) fn best(&self) -> Option<Level> {
        self.best
    }

    /// The quantity at a price.
    pub(crate) fn get(&self, price: Price) -> Option<Qty> {
        let key = price.units() ^ self.flip;
        let steps = self.steps_to(key);
        let held =
            if steps < SLOTS as u64 { self.window.get(steps as usize) } else { self.far.get(key) };
        held.map(Qty::new)
    }

    /// Every level, best first.
    #[inline]
    pub(crate) fn levels(&self) -> Levels<'_> {
        Levels::new(self, self.window.descending(), self.far.descending())
    }

    /// Writes the best levels, best first; says how many.
    #[inline]
    pub(crate) fn top(&self, levels: &mut [Level]) -> usize {
        // Down to the far book's best, which is seldom near, the window needs no merging.
        let far = self.far.highest();
        let mut near = self.window.descending();
        for (index, level) in levels.iter_mut().enumerate() {
            match near.next() {
                Some((position, qty)) if far.is_none_or(|far| far < self.key_at(position)) => {
                    *level = self.level(self.key_at(position), qty);
                }
                None if far.is_none() => return index,
                _ => return self.top_merged(levels),
            }
        }
        levels.len()
    }

    /// Finds the best level, and moves the window a little if it has wandered.
    #[inline]
    pub(crate) fn settle(&mut self) {
        let Some((key, qty)) = self.find_best() else {
            self.best = None;
            return;
        };
        self.best = Some(self.level(key, qty));
        if key.wrapping_sub(self.easy_low) as u64 >= self.easy_span {
            self.follow(key);
        } else {
            self.strays = 0;
        }
    }

    /// Keeps the best `depth` levels.
    #[inline]
    pub(crate) fn truncate(&mut self, depth: usize) {
        while self.count() > depth {
            self.drop_worst();
        }
    }

    /// Drops the worst level, if there is one.
    pub(crate) fn drop_worst(&mut self) {
        let near = self.window.lowest();
        match (near, self.far.lowest()) {
            (Some(near), Some(far)) if far < self.key_at(near) => self.far.set(far, 0),
            (Some(near), _) => self.window.set(near, 0),
            (None, Some(far)) => self.far.set(far, 0),
            (None, None) => {}
        }
    }

    /// Empties the ladder and places its window for a book whose best price is near `best`.
    pub(crate) fn restart(&mut self, grid: Grid, best: Price) {
        self.window.clear();
        self.far.clear();
        self.best = None;
        self.place(grid, best);
    }

    /// Keeps the levels, but on another grid.
    #[cold]
    #[inline(never)]
    pub(crate) fn regrid(&mut self, grid: Grid) {
        let best = self.best.map_or(Price::default(), |best| best.price);
        self.jump(grid, best);
    }

    /// The grid the window counts in.
    pub(crate) fn grid(&self) -> Grid {
        self.grid
    }

    /// Changes, since the window was placed, that a finer grid would have kept in the window, and
    /// the stride of that grid.
    #[inline]
    pub(crate) fn misfits(&self) -> (u32, Option<NonZeroU64>) {
        (self.misfits, NonZeroU64::new(self.misfit_stride))
    }

    /// Counts misfits from zero again.
    pub(crate) fn forget_misfits(&mut self) {
        (self.misfits, self.misfit_stride) = (0, self.grid.stride());
    }

    #[inline]
    fn find_best(&self) -> Option<(i64, i64)> {
        let near = self.window.descending().next();
        let near = near.map(|(position, qty)| (self.key_at(position), qty));
        if near.map(|(key, _)| key) > self.far.highest() {
            return near;
        }
        self.far.descending().next()
    }

    #[inline(never)]
    fn top_merged(&self, levels: &mut [Level]) -> usize {
        let mut count = 0;
        for (to, level) in levels.iter_mut().zip(self.levels()) {
            *to = level;
            count += 1;
        }
        count
    }

    #[inline]
    fn steps_to(&self, key: i64) -> u64 {
        self.grid.steps(key.wrapping_sub(self.low) as u64)
    }

    /// The key at a position of the window.
    #[inline]
    pub(crate) fn key_at(&self, position: usize) -> i64 {
        self.low.wrapping_add((position as u64).wrapping_mul(self.grid.stride()) as i64)
    }

    /// A key and what is there, as a level.
    #[inline]
    pub(crate) fn level(&self, key: i64, qty: i64) -> Level {
        Level { price: Price::new(key ^ self.flip), qty: Qty::new(qty) }
    }

    fn set_far(&mut self, key: i64, qty: Qty) {
        let reach = SLOTS as u64 * self.grid.stride();
        if (key.wrapping_sub(self.low) as u64) < reach {
            self.misfits = self.misfits.saturating_add(1);
            self.misfit_stride = gcd(self.misfit_stride, (key ^ self.flip).unsigned_abs());
        }
        self.far.set(key, qty.units());
    }

    /// Moves the window one sector towards the best key; jumps if the key stays out of reach.
    #[cold]
    #[inline(never)]
    fn follow(&mut self, key: i64) {
        let sector_span = SECTOR_SLOTS as i128 * i128::from(self.grid.stride());
        let sector = (i128::from(key) - i128::from(self.low)).div_euclid(sector_span);
        let sectors = SECTORS as i128;
        if (-sectors..2 * sectors).contains(&sector) {
            self.strays = 0;
            if sector > *EASY_SECTORS.end() {
                self.move_up();
            } else if sector < *EASY_SECTORS.start() {
                self.move_down();
            }
            return;
        }
        self.strays += 1;
        let cheap = self.window.count() == 0 && self.far.count() <= FAR_SMALL;
        if cheap || self.strays >= STRAYS_MAX {
            self.jump(self.grid, Price::new(key ^ self.flip));
        }
    }

    fn move_up(&mut self) {
        let span = SECTOR_SLOTS as i128 * i128::from(self.grid.stride());
        let Some(low) = self.low_if_in_range(i128::from(self.low) + span) else { return };
        self.evict(0);
        self.window.rename_up();
        self.set_low(low);
        self.recall(SECTORS - 1..=SECTORS - 1);
    }

    fn move_down(&mut self) {
        let span = SECTOR_SLOTS as i128 * i128::from(self.grid.stride());
        let Some(low) = self.low_if_in_range(i128::from(self.low) - span) else { return };
        // Nothing to evict: the best key is below the highest sector, so that is empty.
        self.window.rename_down();
        self.set_low(low);
        self.recall(0..=0);
    }

    /// Places the window anew and carries every level to where it then belongs.
    fn jump(&mut self, grid: Grid, best: Price) {
        for sector in 0..SECTORS {
            self.evict(sector);
        }
        self.place(grid, best);
        self.recall(0..=SECTORS - 1);
    }

    /// Places the empty window so that `best` falls into the home sector.
    fn place(&mut self, grid: Grid, best: Price) {
        self.grid = grid;
        self.strays = 0;
        self.forget_misfits();
        let stride = i128::from(grid.stride());
        // The key of a grid price, `n` or `-n - 1`, in arithmetic that cannot overflow.
        let floor = grid.floor(best.units());
        let key = if self.flip == 0 { floor } else { -floor - 1 };
        let low = key - HOME_SECTOR * SECTOR_SLOTS as i128 * stride;
        let least = i128::from(i64::MIN);
        let most = i128::from(i64::MAX) - SLOTS as i128 * stride;
        // At the ends of the integers the window is pushed inwards by whole steps.
        let up = (least - low).max(0).unsigned_abs().div_ceil(stride.unsigned_abs()) as i128;
        let down = (low - most).max(0).unsigned_abs().div_ceil(stride.unsigned_abs()) as i128;
        let low = low + (up - down) * stride;
        self.set_low(i64::try_from(low).expect("a window is far narrower than the integers"));
    }

    fn set_low(&mut self, low: i64) {
        self.low = low;
        let stride = self.grid.stride();
        let sectors = (EASY_SECTORS.end() - EASY_SECTORS.start() + 1) as u64;
        self.easy_low = self.key_at(*EASY_SECTORS.start() as usize * SECTOR_SLOTS);
        self.easy_span = sectors * SECTOR_SLOTS as u64 * stride;
    }

    fn low_if_in_range(&self, low: i128) -> Option<i64> {
        let end = low + SLOTS as i128 * i128::from(self.grid.stride());
        i64::try_from(end).ok()?;
        i64::try_from(low).ok()
    }

    /// Hands a sector's levels to the far book.
    fn evict(&mut self, sector: usize) {
        let (low, stride, far) = (self.low, self.grid.stride(), &mut self.far);
        self.window.drain_sector(sector, |position, qty| {
            far.set(low.wrapping_add((position as u64 * stride) as i64), qty);
        });
    }

    /// Takes what now belongs into these sectors back from the far book.
    fn recall(&mut self, sectors: RangeInclusive<usize>) {
        let first = self.key_at(sectors.start() * SECTOR_SLOTS);
        let last = self.key_at((sectors.end() + 1) * SECTOR_SLOTS - 1);
        let (low, grid, window) = (self.low, self.grid, &mut self.window);
        self.far.extract(first, last, |key, qty| {
            let steps = grid.steps(key.wrapping_sub(low) as u64);
            let belongs = steps < SLOTS as u64;
            if belongs {
                window.set(steps as usize, qty);
            }
            belongs
        });
    }
}

#[cfg(test)]
mod tests;

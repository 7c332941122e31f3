//! The book: two ladders, a state, and what each message does to them.

use core::borrow::Borrow;
use core::fmt;
use core::iter;
use core::num::NonZeroU64;

use tickhawk_market::{
    BookKind, BookState, BookUpdate, Change, Level, Price, Qty, Scale, Side, StaleCause,
};

use crate::grid::{Grid, gcd};
use crate::ladder::Ladder;
use crate::{Applied, BookCounters, Levels};

/// Misfits (changes between the grid's steps) before a finer grid is thought of.
const MISFITS_MAX: u32 = 1024;
/// A finer grid is taken if at least one change in this many was a misfit.
const MISFIT_SHARE: u64 = 8;

/// How large a book may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookLimits {
    /// Levels a side, at least 1. More than that make the book Stale. Memory for them is reserved
    /// at the start: about 64 bytes of address space a level and side, and 540 KB a side for the
    /// window; only the pages that levels come to lie on are ever used.
    pub levels_per_side: usize,
}

impl Default for BookLimits {
    /// 131,072 levels a side: five times the deepest book recorded (27,000, Coinbase BTC-USD).
    fn default() -> Self {
        Self { levels_per_side: 131_072 }
    }
}

/// One instrument's order book. See the crate's documentation.
pub struct Book {
    pub(crate) sides: [Ladder; 2],
    levels_per_side: usize,
    state: BookState,
    stale_cause: Option<StaleCause>,
    epoch: u32,
    pub(crate) scale: Scale,
    pub(crate) tick: Option<NonZeroU64>,
    /// Changes applied since misfits were last counted from zero.
    changes_on_grid: u64,
    counters: BookCounters,
}

impl Book {
    /// An Empty book, with all the memory it will ever use reserved.
    ///
    /// # Panics
    /// If the limit is zero.
    pub fn new(limits: BookLimits) -> Self {
        let BookLimits { levels_per_side } = limits;
        assert!(levels_per_side > 0, "a book needs room for a level a side");
        // One more: a level goes in before the worst one goes out.
        let side = |side| Ladder::new(side, levels_per_side + 1);
        Self {
            sides: [side(Side::Bid), side(Side::Ask)],
            levels_per_side,
            state: BookState::Empty,
            stale_cause: None,
            epoch: 0,
            scale: Scale::default(),
            tick: None,
            changes_on_grid: 0,
            counters: BookCounters::default(),
        }
    }

    /// Applies one message, whose changes are `changes`: a slice, or whatever else gives them twice
    /// (`update.changes` is not looked at).
    ///
    /// A snapshot replaces everything and makes the book Live in a new epoch; a diff changes what
    /// is there and leaves the state alone. Changes are taken in order, so of two for one price
    /// the later counts; a zero quantity removes a level, also one that is not there. Last,
    /// `update.depth` cuts both sides to that many best levels.
    ///
    /// If a side comes to more levels than the limit, even between two changes of the message, the
    /// worst goes and the book is Stale.
    #[inline(never)]
    pub fn apply<C>(&mut self, update: &BookUpdate, changes: C) -> Applied
    where
        C: IntoIterator<Item: Borrow<Change>, IntoIter: ExactSizeIterator + Clone>,
    {
        let changes = changes.into_iter();
        let count = changes.len();
        if update.kind == BookKind::Snapshot {
            self.restart(changes.clone());
        } else if self.counters.snapshots_applied == 0 {
            self.counters.ignored_diffs += 1;
            return Applied::Ignored;
        }
        let fits = self.set_levels(changes);
        if let Some(depth) = update.depth {
            for side in &mut self.sides {
                side.truncate(depth as usize);
            }
        }
        for side in &mut self.sides {
            side.settle();
        }
        self.tally(update.kind, count);
        self.conclude(update.kind, fits)
    }

    /// Declares the book wrong until the next snapshot. The first cause stands; `false` if there
    /// was one already.
    pub fn mark_stale(&mut self, cause: StaleCause) -> bool {
        let was_stale = self.state == BookState::Stale;
        if !was_stale {
            self.state = BookState::Stale;
            self.stale_cause = Some(cause);
        }
        !was_stale
    }

    /// Declares that updates arrive and a snapshot is awaited. The levels stay, for reports.
    pub fn mark_syncing(&mut self) {
        self.state = BookState::Syncing;
        self.stale_cause = None;
    }

    /// What is known of the book's truth. Only a Live book should make frames.
    #[inline]
    pub fn state(&self) -> BookState {
        self.state
    }

    /// Why the book is Stale; `None` in every other state.
    #[inline]
    pub fn stale_cause(&self) -> Option<StaleCause> {
        self.stale_cause
    }

    /// How many snapshots have made the book Live: 0 before the first.
    #[inline]
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// What the book has counted.
    #[inline]
    pub fn counters(&self) -> BookCounters {
        self.counters
    }

    /// The best level of a side.
    #[inline]
    pub fn best(&self, side: Side) -> Option<Level> {
        self.sides[side as usize].best()
    }

    /// Whether the best bid is above the best ask.
    #[inline]
    pub fn is_crossed(&self) -> bool {
        self.both_best().is_some_and(|(bid, ask)| bid > ask)
    }

    /// Whether the best bid is the best ask.
    #[inline]
    pub fn is_locked(&self) -> bool {
        self.both_best().is_some_and(|(bid, ask)| bid == ask)
    }

    /// Writes a side's best levels into `levels`, best first, and says how many there were.
    #[inline]
    pub fn top(&self, side: Side, levels: &mut [Level]) -> usize {
        self.sides[side as usize].top(levels)
    }

    /// Every level of a side, best first.
    #[inline]
    pub fn levels(&self, side: Side) -> Levels<'_> {
        self.sides[side as usize].levels()
    }

    /// How many levels a side has.
    #[inline]
    pub fn level_count(&self, side: Side) -> usize {
        self.sides[side as usize].count()
    }

    /// The quantity at a price, `None` where there is no level.
    pub fn qty_at(&self, side: Side, price: Price) -> Option<Qty> {
        self.sides[side as usize].get(price)
    }

    /// Applies changes in order; `false` if a side came to more levels than the limit.
    #[inline]
    fn set_levels(&mut self, changes: impl ExactSizeIterator<Item: Borrow<Change>>) -> bool {
        let has_room =
            |side: &Ladder| side.count().saturating_add(changes.len()) <= self.levels_per_side;
        let is_room = self.sides.iter().all(has_room);
        let mut changes = changes.map(|change| *change.borrow());
        if !is_room {
            return self.set_levels_one_by_one(changes);
        }
        let mut next = changes.next();
        while let Some(change) = next {
            next = self.sides[change.side as usize].set(change, &mut changes);
        }
        true
    }

    /// The same where a side may come to more.
    #[cold]
    #[inline(never)]
    fn set_levels_one_by_one(&mut self, changes: impl Iterator<Item = Change>) -> bool {
        let mut fits = true;
        for change in changes {
            let side = &mut self.sides[change.side as usize];
            side.set(change, &mut iter::empty());
            if side.count() > self.levels_per_side {
                side.drop_worst();
                fits = false;
            }
        }
        fits
    }

    /// Empties both sides and places their windows for what the snapshot holds.
    #[cold]
    #[inline(never)]
    fn restart(&mut self, changes: impl Iterator<Item: Borrow<Change>> + Clone) {
        let levels = changes.map(|change| *change.borrow()).filter(|change| !change.qty.is_zero());
        let grid = self.tick.map_or_else(|| common_grid(levels.clone()), Grid::new);
        self.clear_for(grid, levels);
    }

    /// Replaces every level, on a grid of its own. Cold.
    pub(crate) fn replace_levels(&mut self, grid: Grid, levels: &[Change]) {
        self.clear_for(grid, levels.iter().copied());
        self.set_levels(levels.iter());
        for side in &mut self.sides {
            side.settle();
        }
    }

    /// Empties both sides and places their windows for these levels.
    fn clear_for(&mut self, grid: Grid, levels: impl Iterator<Item = Change> + Clone) {
        let prices = |side| levels.clone().filter(move |c| c.side == side).map(|c| c.price);
        let (bid, ask) = (prices(Side::Bid).max(), prices(Side::Ask).min());
        let [bids, asks] = &mut self.sides;
        bids.restart(grid, bid.or(ask).unwrap_or_default());
        asks.restart(grid, ask.or(bid).unwrap_or_default());
        self.changes_on_grid = 0;
    }

    #[inline]
    fn tally(&mut self, kind: BookKind, changes: usize) {
        self.counters.applied_book_messages += 1;
        self.counters.snapshots_applied += u64::from(kind == BookKind::Snapshot);
        self.counters.crossed_after_apply += u64::from(self.is_crossed());
        self.changes_on_grid += changes as u64;
        if self.sides.iter().any(|side| side.misfits().0 >= MISFITS_MAX) {
            self.reconsider_grid();
        }
    }

    #[inline]
    fn conclude(&mut self, kind: BookKind, fits: bool) -> Applied {
        match (kind, fits) {
            (BookKind::Snapshot, true) => {
                self.state = BookState::Live;
                self.stale_cause = None;
                self.epoch += 1;
                Applied::NewEpoch
            }
            (BookKind::Snapshot, false) => {
                self.state = BookState::Stale;
                self.stale_cause = Some(StaleCause::TooManyLevels);
                Applied::WentStale(StaleCause::TooManyLevels)
            }
            (BookKind::Diff, false) if self.mark_stale(StaleCause::TooManyLevels) => {
                Applied::WentStale(StaleCause::TooManyLevels)
            }
            (BookKind::Diff, _) if self.state == BookState::Live => Applied::Changed,
            (BookKind::Diff, _) => Applied::ChangedNotLive,
        }
    }

    /// Many changes fell between the grid's steps: takes a finer grid if they are a fair share of
    /// all. Each new stride divides the last, so between two snapshots there are few.
    #[cold]
    #[inline(never)]
    fn reconsider_grid(&mut self) {
        let misfits: u64 = self.sides.iter().map(|side| u64::from(side.misfits().0)).sum();
        let many = misfits * MISFIT_SHARE >= self.changes_on_grid;
        let [bids, asks] = self.sides.each_ref().map(|side| side.misfits().1);
        for side in &mut self.sides {
            side.forget_misfits();
        }
        self.changes_on_grid = 0;
        if let (true, Some(bids), Some(asks)) = (many, bids, asks) {
            self.regrid(NonZeroU64::new(gcd(bids.get(), asks.get())).unwrap_or(NonZeroU64::MIN));
        }
    }

    /// Moves both sides to a grid of this stride.
    pub(crate) fn regrid(&mut self, stride: NonZeroU64) {
        for side in &mut self.sides {
            side.regrid(Grid::new(stride));
        }
    }

    #[inline]
    fn both_best(&self) -> Option<(Price, Price)> {
        let [bid, ask] = self.sides.each_ref().map(Ladder::best);
        Some((bid?.price, ask?.price))
    }
}

impl fmt::Debug for Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Book")
            .field("state", &self.state)
            .field("epoch", &self.epoch)
            .field("best_bid", &self.best(Side::Bid))
            .field("best_ask", &self.best(Side::Ask))
            .field("bid_count", &self.level_count(Side::Bid))
            .field("ask_count", &self.level_count(Side::Ask))
            .finish_non_exhaustive()
    }
}

/// The widest grid on which all these prices lie.
fn common_grid(levels: impl Iterator<Item = Change>) -> Grid {
    let stride = levels.fold(0, |stride, level| gcd(level.price.units().unsigned_abs(), stride));
    NonZeroU64::new(stride).map_or(Grid::UNIT, Grid::new)
}

#[cfg(test)]
mod tests;

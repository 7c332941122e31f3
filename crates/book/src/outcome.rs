//! What the book says of what was done to it.

use tickhawk_market::StaleCause;

/// What a message did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// A snapshot made the book Live: a new epoch.
    NewEpoch,
    /// A diff changed the Live book.
    Changed,
    /// A diff changed a book that is Stale or Syncing, and is so still.
    ChangedNotLive,
    /// The message turned the book Stale, for this cause.
    WentStale(StaleCause),
    /// A diff for a book that never had a snapshot: nothing to apply it to, nothing done. The
    /// caller should have held it back.
    Ignored,
}

/// What new decimals did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rescaled {
    /// The book already had them.
    Unchanged,
    /// Every level now carries them.
    Grown,
    /// A price or quantity no longer fitted an `i64`. The book has the new decimals, no levels,
    /// and is Stale ([`StaleCause::Overflow`] unless it was Stale already).
    Overflowed,
    /// Fewer decimals than before, or more than 18: nothing done. Decimals only grow.
    Refused,
}

/// What the book has counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BookCounters {
    /// Snapshots and diffs applied, whatever the state.
    pub applied_book_messages: u64,
    /// Snapshots among them.
    pub snapshots_applied: u64,
    /// Messages among them after which the best bid was above the best ask. Equal (locked) is not
    /// crossed.
    pub crossed_after_apply: u64,
    /// Diffs before the first snapshot, which were not applied.
    pub ignored_diffs: u64,
}

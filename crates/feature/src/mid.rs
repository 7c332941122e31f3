//! The mid as it was: the value in force some time, or some messages, ago.
//!
//! The ring holds changes only. Each window has a cursor on the change in force at its far end; a
//! cursor only moves forward, so a look-up costs a step per change, once, however long the window.

use crate::window::{Now, Window};
use core::hint::black_box;

#[derive(Clone, Copy, Debug, Default)]
struct MidChange {
    at: u64,
    update: u64,
    doubled_mid: i64,
}

#[derive(Clone, Copy, Debug)]
struct Cursor {
    window: Window,
    position: u64,
    /// The key of the change after that one; the latest there is without one.
    next_key: u64,
}

#[inline]
fn change(changes: &[MidChange], position: u64) -> &MidChange {
    &changes[position as usize & (changes.len() - 1)]
}

impl Cursor {
    fn new(window: Window) -> Self {
        Self { window, position: 0, next_key: u64::MAX }
    }

    /// Moves to the next change of those before `head`.
    #[inline]
    fn go_on(&mut self, changes: &[MidChange], head: u64) {
        self.position += 1;
        self.next_key = u64::MAX;
        if self.position + 1 < head {
            let next = change(changes, self.position + 1);
            self.next_key = self.window.key(next.at, next.update);
        }
    }
}

/// Mid changes of this epoch and a cursor a window.
#[derive(Clone, Debug)]
pub(crate) struct MidHistory {
    changes: Box<[MidChange]>,
    head: u64,
    cursors: Vec<Cursor>,
    overflows: u64,
}

impl MidHistory {
    pub(crate) fn new(windows: &[Window], capacity: usize) -> Self {
        let slots = if windows.is_empty() { 1 } else { capacity };
        Self {
            changes: vec![MidChange::default(); slots].into_boxed_slice(),
            head: 0,
            cursors: windows.iter().map(|&window| Cursor::new(window)).collect(),
            overflows: 0,
        }
    }

    /// Takes a mid that differs from the one before. [`advance`](Self::advance) first.
    #[inline]
    pub(crate) fn push(&mut self, now: Now, doubled_mid: i64) {
        let capacity = self.changes.len() as u64;
        let slot = self.head as usize & (self.changes.len() - 1);
        self.changes[slot] = MidChange { at: now.at, update: now.index, doubled_mid };
        for cursor in &mut self.cursors {
            if self.head - cursor.position == capacity {
                cursor.go_on(&self.changes, self.head);
                self.overflows += 1;
            }
            if cursor.position + 1 == self.head {
                cursor.next_key = cursor.window.key(now.at, now.index);
            }
        }
        self.head += 1;
    }

    /// Moves every cursor to the change in force at its window's far end.
    #[inline]
    pub(crate) fn advance(&mut self, now: Now) {
        for cursor in &mut self.cursors {
            let Some(horizon) = cursor.window.horizon(now) else { continue };
            while cursor.next_key <= horizon && cursor.position + 1 < self.head {
                cursor.go_on(&self.changes, self.head);
            }
        }
    }

    /// The doubled mid in force at the window's far end; `None` before there was one, or if the
    /// ring has lost it.
    pub(crate) fn past(&self, window: usize, now: Now) -> Option<i64> {
        let Cursor { window, position, .. } = self.cursors[window];
        let change = change(&self.changes, position);
        let known = self.head > 0 && window.key(change.at, change.update) <= window.horizon(now)?;
        known.then_some(change.doubled_mid)
    }

    /// Looks at the slots that the next event will need.
    pub(crate) fn touch(&self) {
        black_box(change(&self.changes, self.head).at);
        for cursor in &self.cursors {
            black_box(change(&self.changes, cursor.position).at);
        }
    }

    pub(crate) fn overflows(&self) -> u64 {
        self.overflows
    }

    pub(crate) fn clear(&mut self) {
        self.head = 0;
        for cursor in &mut self.cursors {
            *cursor = Cursor::new(cursor.window);
        }
    }

    /// What does not fit is 0, of which no return is made.
    #[cold]
    pub(crate) fn rescale(&mut self, price: i64) {
        for change in &mut self.changes {
            change.doubled_mid = change.doubled_mid.checked_mul(price).unwrap_or(0);
        }
    }
}

/// ln(new / old) of two doubled mids, exact in the difference; `None` unless both are positive.
#[inline]
pub(crate) fn log_return(old: i64, new: i64) -> Option<f64> {
    if old <= 0 || new <= 0 {
        return None;
    }
    Some(ln_1p((new - old) as f64 / old as f64))
}

/// ln(1 + x). Of the series' terms after the fifth, none reaches half a unit in the last place of a
/// small x, as nearly every return is.
#[inline]
fn ln_1p(x: f64) -> f64 {
    const SMALL: f64 = 1.0 / 4096.0;
    if x.abs() < SMALL {
        return x - x * x * (0.5 - x * (1.0 / 3.0 - x * (0.25 - x * 0.2)));
    }
    libm::log1p(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn small_logarithms_are_as_large_ones(mantissa in 1.0..2.0f64, exponent in -70..2i32, sign: bool) {
            let x = mantissa * 2f64.powi(exponent) * if sign { -1.0 / 4.0 } else { 1.0 };
            let (ours, theirs) = (ln_1p(x), libm::log1p(x));
            prop_assert!((ours - theirs).abs() <= f64::EPSILON * theirs.abs(), "{x}: {ours} {theirs}");
        }
    }

    #[test]
    fn previous_tick() {
        let mut mids = MidHistory::new(&[Window::Time { nanos: 10 }], 4);
        let now = |at| Now { at, index: 0 };
        mids.push(now(100), 7);
        mids.push(now(105), 8);
        mids.advance(now(109));
        assert_eq!(mids.past(0, now(109)), None);
        for (at, expected) in [(110, 7), (114, 7), (115, 8), (900, 8)] {
            mids.advance(now(at));
            assert_eq!(mids.past(0, now(at)), Some(expected), "at {at}");
        }
    }

    #[test]
    fn a_lost_mid_is_not_made_up() {
        let mut mids = MidHistory::new(&[Window::Time { nanos: 10 }], 4);
        for at in 100..106 {
            mids.push(Now { at, index: 0 }, at as i64);
        }
        assert_eq!(mids.overflows(), 2);
        for (at, expected) in [(110, None), (111, None), (112, Some(102)), (113, Some(103))] {
            let now = Now { at, index: 0 };
            mids.advance(now);
            assert_eq!(mids.past(0, now), expected, "at {at}");
        }
    }
}

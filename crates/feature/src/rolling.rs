//! Sums over the newest part of a series, without ever adding it up again.
//!
//! ```text
//!   entries  . . o o o o o o o o h        a ring; positions never wrap, slots do
//!                ^       ^       ^
//!                tail A  tail B  head     one tail and one running sum per window
//! ```
//!
//! An entry is added to every window's sum when it is pushed and taken out once when a window
//! leaves it behind, so the cost of an event does not depend on how long the windows are. Sums are
//! integers: what is added and taken out again leaves nothing behind. Each window has the key of
//! its oldest entry at hand, so that the ring is not touched while nothing leaves.

use crate::window::{Now, Window};
use core::hint::black_box;

/// Something that can be added to a running sum and taken out again, exactly.
pub(crate) trait Sample: Copy + Default {
    /// The running sum.
    type Sum: Copy + Default;
    /// Puts this sample in.
    fn add(self, sum: &mut Self::Sum);
    /// Takes this sample out.
    fn remove(self, sum: &mut Self::Sum);
}

/// A square. 2^20 of them, the largest ring, need 20 bits above their own.
impl Sample for i128 {
    type Sum = i128;
    #[inline]
    fn add(self, sum: &mut i128) {
        *sum += self;
    }
    #[inline]
    fn remove(self, sum: &mut i128) {
        *sum -= self;
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry<T> {
    at: u64,
    index: u64,
    sample: T,
}

#[derive(Clone, Copy, Debug)]
struct Span<S> {
    window: Window,
    tail: u64,
    /// The key of the entry at the tail; [`NOTHING`] without one.
    tail_key: u64,
    sum: S,
}

/// The key of no entry: later than every horizon.
const NOTHING: u64 = u64::MAX;

#[inline]
fn slot<T>(entries: &[T], position: u64) -> usize {
    position as usize & (entries.len() - 1)
}

impl<S> Span<S> {
    /// Takes the oldest entry out.
    #[inline]
    fn leave_tail<T: Sample<Sum = S>>(&mut self, entries: &[Entry<T>], head: u64) {
        entries[slot(entries, self.tail)].sample.remove(&mut self.sum);
        self.tail += 1;
        self.tail_key = NOTHING;
        if self.tail < head {
            let entry = &entries[slot(entries, self.tail)];
            self.tail_key = self.window.key(entry.at, entry.index);
        }
    }
}

/// A ring of samples and the windows over it.
#[derive(Clone, Debug)]
pub(crate) struct Rolling<T: Sample> {
    entries: Box<[Entry<T>]>,
    head: u64,
    spans: Vec<Span<T::Sum>>,
    overflows: u64,
}

impl<T: Sample> Rolling<T> {
    /// A ring for `windows`: `capacity` slots if any is by time, else as many as the longest needs.
    pub(crate) fn new(windows: &[Window], capacity: usize) -> Self {
        let slots = windows
            .iter()
            .map(|window| match window {
                Window::Time { .. } => capacity,
                Window::Updates { count } | Window::Trades { count } => {
                    (*count as usize).next_power_of_two()
                }
            })
            .max()
            .unwrap_or(1);
        let spans = windows
            .iter()
            .map(|&window| Span { window, tail: 0, tail_key: NOTHING, sum: T::Sum::default() })
            .collect();
        Self {
            entries: vec![Entry::default(); slots].into_boxed_slice(),
            head: 0,
            spans,
            overflows: 0,
        }
    }

    /// A ring for time windows over at most one entry a step: none can overflow.
    pub(crate) fn on_grid(windows: &[Window], step_nanos: u64) -> Self {
        let steps = windows.iter().map(|window| window.nanos() / step_nanos).max().unwrap_or(1);
        Self::new(windows, (steps as usize).next_power_of_two())
    }

    /// Takes out of every window what it has left behind.
    #[inline]
    pub(crate) fn expire(&mut self, now: Now) {
        for span in &mut self.spans {
            let Some(horizon) = span.window.horizon(now) else { continue };
            while span.tail_key <= horizon && span.tail < self.head {
                span.leave_tail(&self.entries, self.head);
            }
        }
    }

    /// Appends a sample. Call [`expire`](Self::expire) first: a full ring drops its oldest entry
    /// out of the windows that still held it, and counts that.
    #[inline]
    pub(crate) fn push(&mut self, at: u64, index: u64, sample: T) {
        let capacity = self.entries.len() as u64;
        let slot = slot(&self.entries, self.head);
        for span in &mut self.spans {
            if self.head - span.tail == capacity {
                span.leave_tail(&self.entries, self.head);
                self.overflows += 1;
            }
            if span.tail == self.head {
                span.tail_key = span.window.key(at, index);
            }
            sample.add(&mut span.sum);
        }
        self.entries[slot] = Entry { at, index, sample };
        self.head += 1;
    }

    /// Looks at the slots that the next event will need.
    pub(crate) fn touch(&self) {
        let at = |position| self.entries[slot(&self.entries, position)].at;
        black_box(at(self.head));
        for span in &self.spans {
            black_box(at(span.tail));
        }
    }

    /// The running sum of a window.
    #[inline]
    pub(crate) fn sum(&self, window: usize) -> T::Sum {
        self.spans[window].sum
    }

    /// How many samples a window holds.
    #[inline]
    pub(crate) fn count(&self, window: usize) -> u64 {
        self.head - self.spans[window].tail
    }

    /// The window itself.
    #[inline]
    pub(crate) fn window(&self, window: usize) -> Window {
        self.spans[window].window
    }

    /// Entries dropped out of a window before their time.
    pub(crate) fn overflows(&self) -> u64 {
        self.overflows
    }

    /// Forgets every entry.
    pub(crate) fn clear(&mut self) {
        self.head = 0;
        for span in &mut self.spans {
            *span = Span { tail: 0, tail_key: NOTHING, sum: T::Sum::default(), ..*span };
        }
    }

    /// Replaces every entry that a window still holds and adds the sums up anew; `false` if one
    /// has no replacement, with nothing settled: clear then.
    #[cold]
    #[must_use]
    pub(crate) fn rescale(&mut self, grow: impl Fn(T) -> Option<T>) -> bool {
        let oldest = self.spans.iter().map(|span| span.tail).min().unwrap_or(self.head);
        for position in oldest..self.head {
            let slot = slot(&self.entries, position);
            let Some(grown) = grow(self.entries[slot].sample) else { return false };
            self.entries[slot].sample = grown;
        }
        for span in &mut self.spans {
            span.sum = T::Sum::default();
            for position in span.tail..self.head {
                self.entries[slot(&self.entries, position)].sample.add(&mut span.sum);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(at: u64) -> Now {
        Now { at, index: 0 }
    }

    #[test]
    fn forgets_exactly_on_time() {
        let mut rolling = Rolling::<i128>::new(&[Window::Time { nanos: 10 }], 8);
        rolling.push(100, 1, 7);
        rolling.push(101, 2, 5);
        rolling.expire(at(109));
        assert_eq!((rolling.sum(0), rolling.count(0)), (12, 2));
        rolling.expire(at(110));
        assert_eq!((rolling.sum(0), rolling.count(0)), (5, 1));
        rolling.expire(at(111));
        assert_eq!((rolling.sum(0), rolling.count(0)), (0, 0));
    }

    #[test]
    fn overflow_drops_the_oldest_and_counts() {
        let mut rolling = Rolling::<i128>::new(&[Window::Time { nanos: 1000 }], 4);
        for n in 1..=6 {
            rolling.expire(at(n));
            rolling.push(n, n, i128::from(n));
        }
        assert_eq!((rolling.sum(0), rolling.count(0), rolling.overflows()), (3 + 4 + 5 + 6, 4, 2));
    }

    #[test]
    fn windows_share_a_ring() {
        let windows = [Window::Time { nanos: 2 }, Window::Updates { count: 3 }];
        let mut rolling = Rolling::<i128>::new(&windows, 16);
        for n in 1..=40 {
            rolling.expire(Now { at: n, index: n });
            rolling.push(n, n, i128::from(n));
        }
        assert_eq!((rolling.sum(0), rolling.sum(1)), (39 + 40, 38 + 39 + 40));
        assert_eq!(rolling.overflows(), 0);
        assert!(rolling.rescale(|n| Some(n * 10)));
        assert_eq!((rolling.sum(0), rolling.sum(1)), (790, 1170));
        assert!(!rolling.rescale(|_| None));
    }
}

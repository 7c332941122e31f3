//! Two implementations side by side: short blocks in turn, in random order, over the same items.
//!
//! Whatever else the machine does then meets both alike, and each pair of blocks gives one ratio.
//! A pair in which either block was interrupted is dropped, and counted.

use crate::{Estimate, Row, host::Interruptions};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::ops::Range;
use tickhawk_latency::{Clock, ClockCheck};

/// Pairs of blocks a comparison rests on at least.
pub const PAIRS_MIN: usize = 30;

/// A block this many times as long an item as the median one was interrupted by something that no
/// counter tells of: on a virtual machine, the host.
const HICCUP: f64 = 4.0;

/// Something that takes items by number, in order.
pub trait Subject {
    /// Begins anew, before the first item.
    fn restart(&mut self);

    /// Takes these items.
    fn take(&mut self, items: Range<usize>);
}

/// How subjects are led through their items.
#[derive(Clone, Copy, Debug)]
pub struct Course<'a> {
    /// How many items there are; after the last one the subjects restart.
    pub items: usize,
    /// Items after a restart that are taken untimed.
    pub lead_in: usize,
    /// Items of a block, at least 64 where one takes less than 100 ns.
    pub block: usize,
    /// Pairs of blocks that count.
    pub pairs: usize,
    /// Which items are timed, by number; the others are taken between two stamps. Empty for all.
    pub timed: &'a [bool],
}

/// Who times two subjects.
pub trait Timing {
    /// Times both over the course. Rows and ratios are made of what it gives.
    fn beside(
        &mut self,
        course: Course<'_>,
        names: [&str; 2],
        first: &mut dyn Subject,
        second: &mut dyn Subject,
    ) -> Beside;
}

/// In turn, as this module says.
impl Timing for Clock {
    fn beside(
        &mut self,
        course: Course<'_>,
        _names: [&str; 2],
        first: &mut dyn Subject,
        second: &mut dyn Subject,
    ) -> Beside {
        course.beside(self, first, second)
    }
}

/// What two subjects took.
#[derive(Clone, Debug)]
pub struct Beside {
    /// Nanoseconds an item of the first, a block each.
    pub first_ns: Vec<f64>,
    /// Nanoseconds an item of the second, the same blocks.
    pub second_ns: Vec<f64>,
    /// Pairs of blocks that were dropped because one was interrupted.
    pub dropped: usize,
    /// Whether too few pairs were left without them, so that they count after all.
    pub is_disturbed: bool,
}

impl Course<'_> {
    /// Leads both subjects over the items until enough pairs of blocks count. On a machine that
    /// interrupts nearly all of them, interrupted ones count too: see [`Beside::is_disturbed`].
    pub fn beside(
        self,
        clock: &Clock,
        first: &mut dyn Subject,
        second: &mut dyn Subject,
    ) -> Beside {
        assert!(self.lead_in + self.block <= self.items, "there is at least one block");
        let interruptions = Interruptions::of_this_thread();
        let read_ns = ClockCheck::measure(clock).read_ns;
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let (mut good, mut dropped) = (Vec::with_capacity(self.pairs), Vec::new());
        let mut at = self.items;
        while good.len() < self.pairs && dropped.len() < 2 * self.pairs {
            if at + self.block > self.items {
                first.restart();
                first.take(0..self.lead_in);
                second.restart();
                second.take(0..self.lead_in);
                at = self.lead_in;
            }
            let items = at..at + self.block;
            at = items.end;
            let (one, other);
            if random.random() {
                one = self.time(clock, &interruptions, first, items.clone(), read_ns);
                other = self.time(clock, &interruptions, second, items, read_ns);
            } else {
                other = self.time(clock, &interruptions, second, items.clone(), read_ns);
                one = self.time(clock, &interruptions, first, items, read_ns);
            }
            let (Some((one_ns, one)), Some((other_ns, other))) = (one, other) else { continue };
            let pair = (one_ns, other_ns);
            if one && other { good.push(pair) } else { dropped.push(pair) }
        }
        Beside::new(good, dropped)
    }

    /// Nanoseconds an item, and whether the thread kept its core meanwhile; `None` if none of the
    /// items is timed.
    fn time(
        &self,
        clock: &Clock,
        interruptions: &Interruptions,
        subject: &mut dyn Subject,
        items: Range<usize>,
        read_ns: f64,
    ) -> Option<(f64, bool)> {
        let before = interruptions.so_far();
        let (mut took_ns, mut count) = (0.0, 0);
        let mut at = items.start;
        while at < items.end {
            let is_timed = self.is_timed(at);
            let run =
                at..(at..items.end).find(|i| self.is_timed(*i) != is_timed).unwrap_or(items.end);
            at = run.end;
            if !is_timed {
                subject.take(run);
                continue;
            }
            count += run.len();
            let began = clock.now();
            subject.take(run);
            // A run of items holds one read of the clock, half of it before and half behind.
            took_ns += (clock.now() - began).nanos() as f64 - read_ns;
        }
        let is_undisturbed = interruptions.so_far() == before;
        (count > 0).then(|| (took_ns.max(0.1) / count as f64, is_undisturbed))
    }

    fn is_timed(&self, item: usize) -> bool {
        self.timed.is_empty() || self.timed[item]
    }
}

impl Beside {
    /// Of pairs that were not interrupted, as far as the kernel tells, and of such as were. Of the
    /// former those go too of which one block was far longer than such blocks are.
    fn new(good: Vec<(f64, f64)>, interrupted: Vec<(f64, f64)>) -> Self {
        let typical = |which: fn(&(f64, f64)) -> f64| {
            let ns: Vec<f64> = good.iter().map(which).collect();
            crate::statistics::median(&ns).unwrap_or(f64::MAX)
        };
        let (first, second) = (typical(|pair| pair.0), typical(|pair| pair.1));
        let is_usual =
            |(one, other): &(f64, f64)| *one < HICCUP * first && *other < HICCUP * second;
        let (usual, hiccups): (Vec<_>, Vec<_>) = good.iter().copied().partition(is_usual);
        let dropped = hiccups.len() + interrupted.len();
        let is_disturbed = usual.len() < PAIRS_MIN;
        let counted = match is_disturbed {
            true => [good, interrupted].concat(),
            false => usual,
        };
        let (first_ns, second_ns) = counted.into_iter().unzip();
        Self { first_ns, second_ns, dropped, is_disturbed }
    }

    /// The first one's time over the second one's: the median of the pairs' ratios.
    ///
    /// # Panics
    /// If there is no pair at all, which a course excludes.
    pub fn ratio(&self) -> Estimate {
        let pairs = self.first_ns.iter().zip(&self.second_ns);
        let ratios: Vec<f64> = pairs.map(|(one, other)| one / other).collect();
        Estimate::of(&ratios).expect("a course has pairs")
    }

    /// Both as rows; a sample is a block's mean.
    pub fn rows(&self, names: [String; 2], per: &str, block: usize) -> [Row; 2] {
        let [first, second] = names;
        [
            Row::new(first, per, block as u64, self.first_ns.clone()),
            Row::new(second, per, block as u64, self.second_ns.clone()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hint::black_box;

    /// Does so many turns of work an item, and keeps to the order.
    struct Work {
        turns: u64,
        next: usize,
        restarts: usize,
    }

    impl Subject for Work {
        fn restart(&mut self) {
            self.next = 0;
            self.restarts += 1;
        }

        fn take(&mut self, items: Range<usize>) {
            assert_eq!(items.start, self.next, "items come in order");
            self.next = items.end;
            for item in items {
                (0..self.turns).for_each(|turn| {
                    black_box(item as u64 ^ turn);
                });
            }
        }
    }

    #[test]
    fn both_take_all_items_in_order() {
        let clock = Clock::new();
        let mut works = [1, 1].map(|turns| Work { turns, next: 0, restarts: 0 });
        let [first, second] = &mut works;
        let course = Course { items: 1_000, lead_in: 100, block: 64, pairs: 40, timed: &[] };
        let beside = course.beside(&clock, first, second);
        assert_eq!(beside.first_ns.len(), beside.second_ns.len());
        assert!(beside.first_ns.len() + beside.dropped >= 40, "{}", beside.dropped);
        // 14 blocks fit in behind the lead-in.
        assert!(works.iter().all(|work| work.restarts >= 3));
    }

    #[test]
    fn hiccups_are_dropped_from_both() {
        let mut pairs = vec![(1.0, 2.0); 40];
        (pairs[3], pairs[8]) = ((9.0, 2.0), (1.0, 9.0));
        let beside = Beside::new(pairs, vec![(1.0, 1.0)]);
        assert_eq!((beside.dropped, beside.first_ns.len(), beside.is_disturbed), (3, 38, false));
        assert_eq!(beside.ratio(), Estimate { value: 0.5, interval: [0.5, 0.5] });
    }

    #[test]
    fn on_a_busy_machine_all_pairs_count_and_it_is_said() {
        let beside = Beside::new(vec![(1.0, 2.0); 10], vec![(1.0, 1.0); 70]);
        assert_eq!((beside.first_ns.len(), beside.is_disturbed), (80, true));
        assert_eq!(beside.ratio().value, 1.0);
    }
}

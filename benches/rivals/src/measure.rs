//! Side by side in short blocks, in random order. The shape is that of Tickhawk's own harness, whose
//! place this keeps until the two are joined.

use serde::Serialize;
use std::{fs::File, ops::Range, os::unix::fs::FileExt};
use tickhawk_latency::Clock;

/// Pairs of blocks a comparison rests on at least.
pub const PAIRS_MIN: usize = 30;
/// A block this many times as long as the median one was interrupted.
const HICCUP: f64 = 4.0;

/// Something that takes items by number, in order.
pub trait Subject {
    /// Begins anew, before the first item.
    fn restart(&mut self);

    /// Takes these items.
    fn take(&mut self, items: Range<usize>);
}

/// A subject made of a state, how it begins and how it takes an item.
pub struct Player<S, N, T> {
    state: Option<S>,
    new: N,
    take: T,
}

impl<S, N: Fn() -> S, T: Fn(&mut S, usize)> Player<S, N, T> {
    /// Not yet begun.
    pub fn new(new: N, take: T) -> Self {
        Self { state: None, new, take }
    }
}

impl<S, N: Fn() -> S, T: Fn(&mut S, usize)> Subject for Player<S, N, T> {
    fn restart(&mut self) {
        self.state = Some((self.new)());
    }

    fn take(&mut self, items: Range<usize>) {
        let state = self.state.as_mut().expect("it has begun");
        items.for_each(|item| (self.take)(state, item));
        std::hint::black_box(state);
    }
}

/// How subjects are led through their items.
#[derive(Clone, Copy, Debug)]
pub struct Course {
    /// How many items there are; after the last one the subjects restart.
    pub items: usize,
    /// Items after a restart that are taken untimed.
    pub lead_in: usize,
    /// Items of a block.
    pub block: usize,
    /// Pairs of blocks that count.
    pub pairs: usize,
}

/// What two subjects took.
pub struct Beside {
    /// Nanoseconds an item of the first, a block each.
    pub first_ns: Vec<f64>,
    /// Nanoseconds an item of the second, the same blocks.
    pub second_ns: Vec<f64>,
    /// Pairs of blocks that were dropped because one was interrupted.
    pub dropped: usize,
}

impl Course {
    /// Leads both through the items until enough pairs of blocks count.
    pub fn beside(
        self,
        clock: &Clock,
        first: &mut dyn Subject,
        second: &mut dyn Subject,
    ) -> Beside {
        let schedule = File::open("/proc/thread-self/schedstat").ok();
        let mut beside = Beside { first_ns: vec![], second_ns: vec![], dropped: 0 };
        let (mut at, mut random) = (self.items, 0x9e37_79b9_7f4a_7c15u64);
        while beside.first_ns.len() < self.pairs && beside.dropped < 4 * self.pairs {
            if at + self.block > self.items {
                first.restart();
                first.take(0..self.lead_in);
                second.restart();
                second.take(0..self.lead_in);
                at = self.lead_in;
            }
            let items = at..at + self.block;
            at = items.end;
            // xorshift: which of the two comes first.
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let time = |subject: &mut dyn Subject| {
                let before = waits(&schedule);
                let began = clock.now();
                subject.take(items.clone());
                let took = (clock.now() - began).nanos() as f64 / self.block as f64;
                (waits(&schedule) == before).then_some(took)
            };
            let (one, other) = if random & 1 == 0 {
                let one = time(first);
                (one, time(second))
            } else {
                let other = time(second);
                (time(first), other)
            };
            match one.zip(other) {
                Some((one, other)) => {
                    beside.first_ns.push(one);
                    beside.second_ns.push(other);
                }
                None => beside.dropped += 1,
            }
        }
        beside.drop_hiccups();
        beside
    }
}

impl Beside {
    fn drop_hiccups(&mut self) {
        let bounds = [&self.first_ns, &self.second_ns].map(|ns| HICCUP * median(ns));
        let pairs = self.first_ns.iter().copied().zip(self.second_ns.iter().copied());
        let good: Vec<_> = pairs.filter(|(a, b)| *a < bounds[0] && *b < bounds[1]).collect();
        self.dropped += self.first_ns.len() - good.len();
        (self.first_ns, self.second_ns) = good.into_iter().unzip();
    }

    /// The first one's time over the second one's: the median of the pairs' ratios.
    pub fn ratio(&self) -> Estimate {
        let count = self.first_ns.len();
        assert!(count >= PAIRS_MIN, "only {count} pairs of blocks were not interrupted");
        let pairs = self.first_ns.iter().zip(&self.second_ns);
        Estimate::of(&pairs.map(|(one, other)| one / other).collect::<Vec<_>>())
    }

    /// Both as rows.
    pub fn rows(&self, names: [String; 2], per: &str, block: usize) -> [Row; 2] {
        let [first, second] = names;
        [
            Row::new(first, per, block as u64, &self.first_ns),
            Row::new(second, per, block as u64, &self.second_ns),
        ]
    }
}

/// How long the thread has waited to run, and how often it was put on a core.
fn waits(schedule: &Option<File>) -> Vec<u8> {
    let mut text = vec![0; 96];
    let read = schedule.as_ref().and_then(|file| file.read_at(&mut text, 0).ok()).unwrap_or(0);
    let ran = text.iter().position(|byte| *byte == b' ').unwrap_or(0);
    text[ran.min(read)..read].to_vec()
}

/// The median; of an even number of values the upper one of the two in the middle.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A median, and the interval that holds it with 95 % confidence.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Estimate {
    /// The median.
    pub value: f64,
    /// Both ends of the interval.
    pub interval: [f64; 2],
}

impl Estimate {
    /// The interval is that of the median's rank, n / 2 -+ 0.98 sqrt n.
    pub fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (middle, half) = (sorted.len() / 2, 0.98 * (sorted.len() as f64).sqrt());
        let low = sorted[(middle as f64 - half).max(0.0) as usize];
        let high = sorted[((middle as f64 + half) as usize).min(sorted.len() - 1)];
        Self { value: sorted[middle], interval: [low, high] }
    }
}

/// One case of one stage on one implementation.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// `stage/case/implementation`.
    pub name: String,
    /// What a number is the time of.
    pub per: String,
    /// The median, in nanoseconds.
    pub ns: f64,
    /// Its interval.
    pub interval: [f64; 2],
    /// How many samples there are.
    pub samples: u64,
    /// How many items were timed between two stamps.
    pub batch: u64,
}

impl Row {
    /// A row of these samples, in nanoseconds an item.
    pub fn new(name: impl Into<String>, per: &str, batch: u64, samples: &[f64]) -> Self {
        let Estimate { value: ns, interval } = Estimate::of(samples);
        let (name, per, samples) = (name.into(), per.to_owned(), samples.len() as u64);
        Self { name, per, ns, interval, samples, batch }
    }
}

/// A figure that was to be reached, and what it is.
#[derive(Clone, Debug, Serialize)]
pub struct Goal {
    /// Which.
    pub id: String,
    /// What was measured.
    pub value: f64,
    /// The interval that holds its true value with 95 % confidence.
    pub interval: [f64; 2],
    /// What was to be reached.
    pub goal: f64,
    /// Whether the goal is an upper or a lower bound.
    pub bound: &'static str,
    /// Whether the value reaches it.
    pub met: bool,
    /// What the value is: of what, over what, on which input.
    pub what: String,
}

impl Goal {
    /// A value that may be at most `goal`.
    pub fn at_most(id: &str, measured: Estimate, goal: f64, what: impl Into<String>) -> Self {
        let Estimate { value, interval } = measured;
        let (id, what, met) = (id.to_owned(), what.into(), value <= goal);
        Self { id, value, interval, goal, bound: "at_most", met, what }
    }

    /// A value that must be at least `goal`.
    pub fn at_least(id: &str, measured: Estimate, goal: f64, what: impl Into<String>) -> Self {
        let Estimate { value, interval } = measured;
        let (id, what, met) = (id.to_owned(), what.into(), value >= goal);
        Self { id, value, interval, goal, bound: "at_least", met, what }
    }
}

/// What is being measured, as it comes in.
#[derive(Debug, Default, Serialize)]
pub struct Results {
    /// Every case.
    pub rows: Vec<Row>,
    /// Every figure that was to be reached.
    pub goals: Vec<Goal>,
    /// What was left out, and why.
    pub notes: Vec<String>,
}

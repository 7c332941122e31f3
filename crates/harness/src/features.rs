//! `features`: every feature of the default set, once an update.

use crate::{
    Bench, Course, Estimate, Goal, HarnessError, Results, Subject,
    messages::{Messages, What},
};
use std::{hint::black_box, ops::Range};
use tickhawk_feature::{
    FeaturePlan, FeatureState, PlanOptions, ValidMask, default_features, naive::NaiveState,
};
use tickhawk_market::{Level, Scale, UnixNanos};

/// Events in a block.
const BLOCK: usize = 128;
/// Messages of the windows that are held beside each other.
const WINDOWS: [usize; 3] = [64, 2_048, 65_536];

/// The default set beside its definitions, and windows of several lengths beside each other.
pub(crate) fn run(bench: &Bench<'_>, results: &mut Results) -> Result<(), HarnessError> {
    let recorded = bench.first();
    let messages = Messages::new(recorded)?;
    let plan = FeaturePlan::compile(default_features(), PlanOptions::default());
    let plan = plan.expect("the default set compiles");
    let events = Events::new(&messages, plan.depth(), recorded.span_ns());
    let mut ours = Ours::new(&events, &plan);
    let mut naive = Naive::new(&events, &plan);
    let items = events.events.len();
    // The reference reads whole windows each time: a second of it is enough.
    let course = Course { items, lead_in: items / 2, block: 16, pairs: bench.pairs, timed: &[] };
    let name = |who: &str| format!("features/{}-default-set/{who}", recorded.venue);
    let names = [name("tickhawk"), name("recomputed")];
    let ratio = results.beside(course, names, ("event", 1.0), &mut ours, &mut naive);
    let what = format!("{} features an event, over computing them anew", plan.count());
    results.goals.push(Goal::at_most("features-vs-recompute", ratio, 0.10, what));
    flat(bench, results, &events);
    Ok(())
}

/// Windows of 64, 2,048 and 65,536 messages, full, in turn.
fn flat(bench: &Bench<'_>, results: &mut Results, events: &Events<'_>) {
    let mut states: Vec<Ours<'_>> = Vec::new();
    let plans = WINDOWS.map(windowed);
    for plan in &plans {
        let mut state = Ours::new(events, plan);
        // Twice as many events as the longest window holds.
        while state.taken < 2 * WINDOWS[2] {
            state.take(0..events.events.len());
        }
        states.push(state);
    }
    let mut ratios = [Vec::new(), Vec::new()];
    let mut samples = [const { Vec::new() }; 3];
    let clock = &bench.clock;
    let items = events.events.len();
    let mut at = 0;
    for turn in 0..3 * bench.pairs {
        if at + BLOCK > items {
            at = 0;
        }
        let mut ns = [0.0; 3];
        for place in 0..3 {
            let which = (place + turn) % 3;
            let began = clock.now();
            states[which].take(at..at + BLOCK);
            ns[which] = (clock.now() - began).nanos() as f64 / BLOCK as f64;
        }
        at += BLOCK;
        for (samples, ns) in samples.iter_mut().zip(ns) {
            samples.push(ns);
        }
        ratios[0].push(ns[1] / ns[0]);
        ratios[1].push(ns[2] / ns[0]);
    }
    for (window, samples) in WINDOWS.iter().zip(&samples) {
        let name = format!("features/windows-of-{window}/tickhawk");
        results.rows.push(crate::Row::new(name, "event", BLOCK as u64, samples.clone()));
    }
    let of_short = ratios.map(|ratios| Estimate::of(&ratios).expect("there are turns"));
    let furthest =
        of_short.into_iter().max_by(|a, b| (a.value - 1.0).abs().total_cmp(&(b.value - 1.0).abs()));
    let furthest = furthest.expect("there are two");
    let what = "windows of 2,048 or 65,536 messages over such of 64, the one further from 1";
    results.goals.push(Goal::at_most("features-flat", furthest, 1.2, what));
}

/// Every kind of feature whose window is told in messages or trades, with such windows.
fn windowed(count: usize) -> FeaturePlan {
    let names = ["ofi_1@#u", "ofi_3@#u", "ofi_sum_5@#u", "trade_imbalance@#t"];
    let names = names.map(|name| name.replace('#', &count.to_string()));
    let options = PlanOptions { window_capacity: 2 * WINDOWS[2], ..PlanOptions::default() };
    FeaturePlan::compile(&names, options).expect("the names are features'")
}

/// Events with the book's best levels after each, so that no book is timed.
struct Events<'a> {
    scale: Scale,
    span_ns: u64,
    events: Vec<(UnixNanos, &'a What)>,
    tops: Vec<[Vec<Level>; 2]>,
}

impl<'a> Events<'a> {
    fn new(messages: &'a Messages, depth: usize, span_ns: u64) -> Self {
        let events = messages.events.iter().map(|event| (event.at, &event.what)).collect();
        Self { scale: messages.scale, span_ns, events, tops: messages.tops(depth.max(10)) }
    }
}

struct Ours<'a> {
    events: &'a Events<'a>,
    plan: &'a FeaturePlan,
    state: FeatureState,
    values: Vec<f32>,
    valid: ValidMask,
    taken: usize,
    passes: u64,
}

impl<'a> Ours<'a> {
    fn new(events: &'a Events<'a>, plan: &'a FeaturePlan) -> Self {
        let state = FeatureState::new(plan, events.scale, Some(1));
        let values = vec![0.0; plan.count()];
        Self { events, plan, state, values, valid: [0; 2], taken: 0, passes: 0 }
    }
}

impl Subject for Ours<'_> {
    fn restart(&mut self) {
        self.state = FeatureState::new(self.plan, self.events.scale, Some(1));
    }

    fn take(&mut self, items: Range<usize>) {
        // Time goes on from pass to pass.
        self.passes += u64::from(items.start == 0);
        for item in items {
            let (at, what) = self.events.events[item];
            let at = UnixNanos::new(at.nanos() + self.passes * self.events.span_ns);
            match what {
                What::Book(..) => {
                    let [bids, asks] = &self.events.tops[item];
                    self.state.on_book(at, bids, asks);
                    self.state.fill(at, &mut self.values, &mut self.valid);
                    black_box(&self.values);
                }
                What::Trade(trade) => self.state.on_trade(at, trade),
            }
            self.taken += 1;
        }
    }
}

struct Naive<'a> {
    events: &'a Events<'a>,
    plan: &'a FeaturePlan,
    state: NaiveState,
    values: Vec<f64>,
}

impl<'a> Naive<'a> {
    fn new(events: &'a Events<'a>, plan: &'a FeaturePlan) -> Self {
        let state = NaiveState::new(plan, events.scale, Some(1));
        Self { events, plan, state, values: vec![0.0; plan.count()] }
    }
}

impl Subject for Naive<'_> {
    fn restart(&mut self) {
        self.state = NaiveState::new(self.plan, self.events.scale, Some(1));
    }

    fn take(&mut self, items: Range<usize>) {
        for item in items.clone() {
            let (at, what) = self.events.events[item];
            match what {
                What::Book(..) => {
                    let [bids, asks] = &self.events.tops[item];
                    self.state.on_book(at, bids, asks);
                    // The lead-in only fills the windows.
                    if items.start > 0 {
                        let mut valid = [0; 2];
                        self.state.fill_f64(at, &mut self.values, &mut valid);
                        black_box(&self.values);
                    }
                }
                What::Trade(trade) => self.state.on_trade(at, trade),
            }
        }
    }
}

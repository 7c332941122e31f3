//! A short run of the hot steps for an instrument that counts what they do: see
//! [`callgrind`](crate::callgrind), which starts it in a process of its own.
//!
//! Whatever is to be counted is done by the functions called `counted_…` here, and nothing else is:
//! their names are what the instrument goes by. Each takes one item.

use crate::{
    HarnessError, Recorded,
    cold::Cold,
    decode::decode,
    messages::{Event, Messages, What},
};
use std::hint::black_box;
use tickhawk_book::Book;
use tickhawk_engine::Record;
use tickhawk_feature::{FeaturePlan, FeatureState, PlanOptions, ValidMask, default_features};
use tickhawk_inference::{ModelFile, NativeModel};
use tickhawk_market::{BookUpdate, Change, Level, Side, UnixNanos, Updates};
use tickhawk_venue::{Decoder, Limits};

/// Book messages counted, behind as many as it takes for the windows to hold something.
pub const UPDATES: u64 = 1_000;
const LEAD_IN: u64 = 500;
/// Runs of the model counted; each is like the one before.
const RUNS: usize = 100;

/// How often each step was counted, by the name it has in [`callgrind`](crate::callgrind).
pub type Items = [(&'static str, u64); 4];

/// Leads every step over the recording.
///
/// # Errors
/// If the recording is too short, or the model does not run on the native engine.
pub fn run(recorded: &Recorded, model: &ModelFile) -> Result<Items, HarnessError> {
    let frames = frames(recorded);
    let (updates, events) = instrument(recorded)?;
    Ok([
        ("decode", frames),
        ("book", updates),
        ("features", events),
        ("model", runs(NativeModel::compile(model)?)),
    ])
}

/// Every frame, of whatever channel, once the books are there.
fn frames(recorded: &Recorded) -> u64 {
    let mut decoder = Decoder::new(recorded.venue, None, Limits::default());
    let mut out = Updates::new();
    let mut count = 0;
    for index in 0..recorded.len() {
        out.clear();
        let record = recorded.record(index, 0);
        if index < recorded.len() / 4 || recorded.frame(index).is_none() {
            decode(&mut decoder, record, &mut out);
        } else {
            counted_decode(&mut decoder, record, &mut out);
            count += 1;
        }
    }
    count
}

#[inline(never)]
fn counted_decode(decoder: &mut Decoder, record: Record<'_>, out: &mut Updates) {
    decode(decoder, record, out);
}

/// One instrument's messages through its book and its features, as the market step does it; how many
/// book messages were counted, and how many with the trades between them. Before the first of those
/// nothing of the two is in a cache.
fn instrument(recorded: &Recorded) -> Result<(u64, u64), HarnessError> {
    let messages = Messages::new(recorded)?;
    let needed = LEAD_IN + UPDATES;
    let found = messages.books().count();
    if (found as u64) < needed {
        let name = recorded.name.clone();
        return Err(HarnessError::TooShort { name, found, needed: needed as usize });
    }
    let mut instrument = Instrument::new(&messages);
    let (mut books, mut events) = (0, 0);
    for Event { at, what } in &messages.events {
        let counts = books >= LEAD_IN;
        if let What::Book(update, changes) = what {
            match books {
                LEAD_IN => Cold::new().evict(),
                books if books == needed => break,
                _ => {}
            }
            books += 1;
            // Where the decoder leaves it, in a buffer it uses again and again.
            instrument.changes.clear();
            instrument.changes.extend_from_slice(changes);
            match counts {
                true => counted_book(&mut instrument, update),
                false => instrument.book(update),
            }
        }
        match counts {
            true => counted_features(&mut instrument, *at, what),
            false => instrument.features(*at, what),
        }
        events += u64::from(counts);
    }
    Ok((books - LEAD_IN, events))
}

/// What the market step keeps of an instrument, and the buffers that all of them share.
struct Instrument {
    book: Book,
    features: FeatureState,
    changes: Vec<Change>,
    tops: [Vec<Level>; 2],
    counts: [usize; 2],
    values: Vec<f32>,
    valid: ValidMask,
}

impl Instrument {
    fn new(messages: &Messages) -> Self {
        let plan = FeaturePlan::compile(default_features(), PlanOptions::default());
        let plan = plan.expect("the default set compiles");
        let top = || vec![Level::default(); plan.depth().max(1)];
        Self {
            book: messages.book(),
            features: FeatureState::new(&plan, messages.scale, Some(1)),
            changes: Vec::new(),
            tops: [top(), top()],
            counts: [0; 2],
            values: vec![0.0; plan.count()],
            valid: [0; 2],
        }
    }

    #[inline(always)]
    fn book(&mut self, update: &BookUpdate) {
        black_box(self.book.apply(update, &self.changes));
        for side in [Side::Bid, Side::Ask] {
            self.counts[side as usize] = self.book.top(side, &mut self.tops[side as usize]);
        }
    }

    #[inline(always)]
    fn features(&mut self, at: UnixNanos, what: &What) {
        if let What::Trade(trade) = what {
            return self.features.on_trade(at, trade);
        }
        let [bids, asks] = &self.tops;
        let [bid_count, ask_count] = self.counts;
        self.features.on_book(at, &bids[..bid_count], &asks[..ask_count]);
        self.features.fill(at, &mut self.values, &mut self.valid);
        black_box(&self.values);
    }
}

#[inline(never)]
fn counted_book(instrument: &mut Instrument, update: &BookUpdate) {
    instrument.book(update);
}

#[inline(never)]
fn counted_features(instrument: &mut Instrument, at: UnixNanos, what: &What) {
    instrument.features(at, what);
}

fn runs(mut model: NativeModel) -> u64 {
    let input: Vec<f32> = (0..model.shape().values()).map(|i| (i as f32).sin()).collect();
    for _ in 0..RUNS {
        counted_model(&mut model, &input);
    }
    RUNS as u64
}

#[inline(never)]
fn counted_model(model: &mut NativeModel, input: &[f32]) {
    drop(black_box(model.run(input)));
}

//! `replay`, from the decoded form: book and features alone, and what reading takes of that.

use crate::{Bench, Course, HarnessError, Recorded, Results, Subject};
use std::{hint::black_box, ops::Range};
use tickhawk_decoded::{Item, Reader};
use tickhawk_engine::{Compiler, MarketOptions, MarketSink, MarketStage, Record};
use tickhawk_feature::{FeatureFrame, FeaturePlan, PlanOptions};
use tickhawk_inference::{Model, RuntimeOptions};
use tickhawk_latency::Clock;
use tickhawk_market::MonoNanos;
use tickhawk_venue::Venue;

/// Steps in a block.
const BLOCK: usize = 64;

/// The market stage over a form, step by step: reading, book and features. Every pass has a stage
/// of its own, made before its first record.
pub struct DecodedReplay {
    reader: Reader,
    options: MarketOptions,
    plan: FeaturePlan,
    clock: Clock,
    market: MarketStage,
    passed: Passed,
    /// Steps that it takes to name all instruments.
    naming: usize,
}

/// What a pass came to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Passed {
    /// Frames filled.
    pub frames: u64,
    /// Of each its last feature, added up.
    pub sum: f64,
}

impl MarketSink for Passed {
    #[inline]
    fn frame(&mut self, frame: &FeatureFrame) {
        self.frames += 1;
        self.sum += frame.features().last().copied().map_or(0.0, f64::from);
    }
}

impl DecodedReplay {
    /// At the first step of the form, which is read once to its end.
    ///
    /// # Errors
    /// If the form was decoded in another way than these options say, or cannot be read.
    pub fn new(
        mut reader: Reader,
        options: MarketOptions,
        plan: FeaturePlan,
        clock: &Clock,
    ) -> Result<Self, HarnessError> {
        let options = options.for_form(reader.about())?;
        let (mut steps, mut naming) = (0, 0);
        while let Some(step) = reader.next_step()? {
            steps += 1;
            if step.items().any(|item| matches!(item, Item::Named(..))) {
                naming = steps;
            }
        }
        let market = MarketStage::new(options.clone(), plan.clone(), clock.clone());
        let (clock, passed) = (clock.clone(), Passed::default());
        let mut this = Self { reader, options, plan, clock, market, passed, naming };
        this.restart();
        Ok(this)
    }

    /// How many steps it takes until all instruments are named: till then memory is reserved for
    /// books and windows, once a run.
    pub fn naming(&self) -> usize {
        self.naming
    }

    /// The form.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// What the pass came to so far.
    pub fn passed(&self) -> Passed {
        self.passed
    }

    /// How many steps a pass has: records that do more than to be counted.
    pub fn len(&self) -> usize {
        self.reader.about().totals.steps as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Subject for DecodedReplay {
    fn restart(&mut self) {
        let Self { options, plan, clock, .. } = self;
        self.market = MarketStage::new(options.clone(), plan.clone(), clock.clone());
        self.passed = Passed::default();
        self.reader.rewind();
    }

    /// # Panics
    /// If the form cannot be read, which a pass before would have told.
    fn take(&mut self, items: Range<usize>) {
        let Self { reader, market, passed, .. } = self;
        for _ in items {
            let step = reader.next_step().expect("the form was read before");
            let Some(step) = step else { return };
            let Record { connection, received_at, input } = Record::from(step);
            market.step(connection, received_at, MonoNanos::default(), input, passed);
        }
    }
}

/// Takes every item of a form, and does nothing with it but look at each level.
struct Reading(Reader);

impl Subject for Reading {
    fn restart(&mut self) {
        self.0.rewind();
    }

    fn take(&mut self, items: Range<usize>) {
        for _ in items {
            let Some(step) = self.0.next_step().expect("the form was read before") else { return };
            for item in step.items() {
                if let Item::Book { changes, .. } = &item {
                    let sum = |sum, change: tickhawk_market::Change| sum ^ change.qty.units();
                    black_box((*changes).fold(0, sum));
                }
                black_box(&item);
            }
        }
    }
}

impl Recorded {
    /// The recording in the decoded form, whole.
    ///
    /// # Panics
    /// If memory cannot be written to.
    pub fn compile(&self, options: &MarketOptions) -> Vec<u8> {
        let told = "memory takes what it is given";
        let mut compiler = Compiler::new(self.options(options), Vec::new()).expect(told);
        for index in 0..self.len() {
            compiler.step(&self.record(index, 0), &mut ()).expect(told);
        }
        compiler.finish(Vec::new()).expect(told).2
    }
}

/// The first recording, compiled.
pub(crate) fn run(bench: &Bench<'_>, results: &mut Results) -> Result<(), HarnessError> {
    let recorded = bench.first();
    let form = recorded.compile(&MarketOptions::new(recorded.venue));
    let open = || Reader::in_memory(&recorded.name, &form);
    measure(bench, [open()?, open()?], results)
}

impl Bench<'_> {
    /// Measures book and features over a form, which is given twice: once to be replayed, once to be
    /// read only. The recordings are not looked at.
    ///
    /// # Errors
    /// If the form cannot be read to its end, or was decoded in another way than by default.
    pub fn replay_form(
        &self,
        forms: [Reader; 2],
        results: &mut Results,
    ) -> Result<(), HarnessError> {
        measure(self, forms, results)
    }
}

fn measure(
    bench: &Bench<'_>,
    [replayed, read]: [Reader; 2],
    results: &mut Results,
) -> Result<(), HarnessError> {
    let model = Model::from_file(&bench.model, &RuntimeOptions::default())?;
    let plan = FeaturePlan::compile(model.contract().features(), PlanOptions::default());
    let plan = plan.expect("a model's contract names features");
    let totals = read.about().totals;
    let venue: Venue = read
        .about()
        .venue
        .parse()
        .map_err(|_| HarnessError::UnknownVenue { venue: read.about().venue.clone() })?;
    let options = MarketOptions {
        contract_tick_size: model.contract().tick_size(),
        ..MarketOptions::new(venue)
    };
    let mut replay = DecodedReplay::new(replayed, options, plan, &bench.clock)?;
    let (items, lead_in) = (replay.len(), replay.naming().max(replay.len() / 8));
    let needed = lead_in + 4 * BLOCK;
    if items < needed {
        let name = format!("a form of {venue}");
        return Err(HarnessError::TooShort { name, found: items, needed });
    }
    let course = Course { items, lead_in, block: BLOCK, pairs: bench.pairs, timed: &[] };
    let names = ["replay/book-and-features/decoded", "replay/reading/decoded"];
    let mut reading = Reading(read);
    let records = totals.records as f64 / items as f64;
    let per = ("record", records);
    results.beside(course, names.map(str::to_owned), per, &mut replay, &mut reading);
    let [.., row, _] = &results.rows[..] else { return Ok(()) };
    let changed = totals.levels + totals.trades;
    let per_change = row.ns * totals.records as f64 / changed as f64;
    results.notes.push(format!(
        "{}: {} records are {items} steps with {} changed levels and {} trades, {per_change:.1} ns \
         each of these with all there is to it; {} bytes",
        names[0],
        totals.records,
        totals.levels,
        totals.trades,
        replay.reader.bytes_total()
    ));
    Ok(())
}

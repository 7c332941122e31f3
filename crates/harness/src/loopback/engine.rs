//! Both stages as they are run live, and when each signal was pushed.

use crate::{Bench, HarnessError};
use crossbeam_queue::ArrayQueue;
use tickhawk_engine::{
    Cores, DecisionStage, Inline, Listener, MarketOptions, MarketStage, Notice, Observer, Scored,
    Source, ThreadedOptions, ThreadedOutcome, run_threaded,
};
use tickhawk_feature::{FeatureFrame, FeaturePlan, PlanOptions};
use tickhawk_feed::{LINKS, monotonic_ns};
use tickhawk_inference::{Engine as ModelEngine, Model, RuntimeOptions};
use tickhawk_market::UnixNanos;
use tickhawk_signal::{Policy, Signal};
use tickhawk_venue::Venue;

/// Signals that may wait for the writer, as in `live`.
const QUEUE: usize = 4_096;

/// The instrument that is listened to.
pub(super) const SYMBOL: &str = "BTCUSDT";

/// The receive time of no frame, in nanoseconds since 1970.
const BEGAN_NS: u64 = 1_735_689_600_000_000_000;

/// Nanoseconds of receive time from each frame to the next.
///
/// Time is data. At 20,000 messages a second of the wall's time a window of ten seconds would hold
/// 200,000, which no market sends; so each frame is taken as if it had come 5 ms after the one before,
/// 200 a second, about the pace at which the market makes them. Windows then hold what they hold live,
/// and fill within two thousand frames, whatever the rate.
pub const FRAME_GAP_NS: u64 = 5_000_000;

/// The receive time of a frame, counted from 1.
pub fn received_at(frame: u64) -> UnixNanos {
    UnixNanos::new(BEGAN_NS + frame * FRAME_GAP_NS)
}

/// The frame whose receive time that is, in nanoseconds since 1970.
pub fn frame_at(at: u64) -> u64 {
    at.saturating_sub(BEGAN_NS) / FRAME_GAP_NS
}

/// Both stages, on one thread or on two.
pub(super) struct Engine {
    market: MarketStage,
    decision: DecisionStage,
    /// Two threads on these, or the calling thread.
    threads: Option<Cores>,
    keep_warm: bool,
}

impl Engine {
    pub(super) fn new(
        bench: &Bench<'_>,
        threads: Option<Cores>,
        keep_warm: bool,
    ) -> Result<Self, HarnessError> {
        let options = RuntimeOptions { engine: ModelEngine::Native, ..RuntimeOptions::default() };
        let model = Model::from_file(&bench.model, &options)?;
        let plan = FeaturePlan::compile(model.contract().features(), PlanOptions::default());
        let plan = plan.expect("a model's contract names features");
        let venue = Venue::BinanceFutures;
        // As `live` has them: two links, for one connection too.
        let options = MarketOptions {
            symbols: Some(vec![SYMBOL.to_owned()]),
            contract_tick_size: model.contract().tick_size(),
            links: LINKS,
            shares_ids: venue.terms().shares_ids,
            ..MarketOptions::new(venue)
        };
        let market = MarketStage::new(options, plan, bench.clock.clone());
        let policy = Policy::new(0.2, 0.05).expect("the thresholds are in order");
        let decision = DecisionStage::new(model, policy, bench.clock.clone());
        Ok(Self { market, decision, threads, keep_warm })
    }

    /// Takes the source's records to its end, and gives itself back: what comes next follows on.
    ///
    /// # Errors
    /// If the source fails, or a thread cannot be pinned.
    pub(super) fn run<S: Source<Error = HarnessError> + Send>(
        self,
        source: &mut S,
        signals: &mut Signals,
    ) -> Result<Self, HarnessError> {
        match self.threads {
            None => self.on_one_thread(source, signals),
            Some(cores) => self.on_two(cores, source, signals),
        }
    }

    fn on_one_thread<S: Source<Error = HarnessError>>(
        self,
        source: &mut S,
        signals: &mut Signals,
    ) -> Result<Self, HarnessError> {
        let Self { market, decision, threads, keep_warm } = self;
        let mut inline = Inline::new(market, decision);
        if keep_warm {
            inline.keep_warm();
        }
        let mut queue = Queue { signals, waiting: ArrayQueue::new(QUEUE) };
        while inline.step_source(source, &mut queue, &mut ())? {
            // The writer's work, which this thread does between two frames.
            while queue.waiting.pop().is_some() {}
        }
        let Inline { market, decision, .. } = inline;
        Ok(Self { market, decision, threads, keep_warm })
    }

    fn on_two<S: Source<Error = HarnessError> + Send>(
        self,
        cores: Cores,
        source: &mut S,
        signals: &mut Signals,
    ) -> Result<Self, HarnessError> {
        let Self { market, decision, threads, keep_warm } = self;
        let options = ThreadedOptions {
            cores: Some(cores),
            lossy: true,
            realtime_priority: None,
            must_pin: true,
            max_batch: 1,
            keep_warm,
        };
        let outcome =
            run_threaded(source, market, decision, options, &mut Unread, signals, &mut ());
        if let Some(failure) = outcome.pin_failures.into_iter().next() {
            return Err(failure.into());
        }
        match outcome.source_error {
            Some(error) => Err(error),
            None => {
                let ThreadedOutcome { market, decision, .. } = outcome;
                Ok(Self { market, decision, threads, keep_warm })
            }
        }
    }

    /// Times a book was not right, and frames that could not be read.
    pub(super) fn faults(&self) -> u64 {
        let stale: u64 = self.market.reports().iter().map(|report| report.stale).sum();
        stale + self.market.decoder_counts().malformed
    }
}

/// Frames that made a signal, counted from 1, and when it was pushed.
#[derive(Debug, Default)]
pub(super) struct Signals(pub(super) Vec<(u64, u64)>);

impl Signals {
    /// With room for so many.
    pub(super) fn with_room(signals: usize) -> Self {
        Self(Vec::with_capacity(signals))
    }

    #[inline]
    fn pushed(&mut self, signal: &Signal) {
        self.0.push((frame_at(signal.received_at.nanos()), monotonic_ns()));
    }
}

/// On the inference thread, which has just pushed the signal.
impl Observer for Signals {
    #[inline]
    fn scored(&mut self, _frame: &FeatureFrame, scored: &Scored) {
        if let Some(signal) = &scored.signal {
            self.pushed(signal);
        }
    }
}

/// On one thread: the queue to the writer.
struct Queue<'a> {
    signals: &'a mut Signals,
    waiting: ArrayQueue<Signal>,
}

impl Listener for Queue<'_> {
    #[inline]
    fn signal(&mut self, signal: &Signal) {
        // One message makes one signal at most for each instrument, and the queue was empty.
        let _ = self.waiting.push(*signal);
        self.signals.pushed(signal);
    }

    fn notice(&mut self, _notice: Notice) {}
}

/// A writer that writes nothing.
struct Unread;

impl Listener for Unread {
    fn signal(&mut self, _signal: &Signal) {}

    fn notice(&mut self, _notice: Notice) {}
}

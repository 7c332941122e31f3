//! Both stages, a recording, and when its messages are sent.

use super::Loop;
use crate::{Bench, Course, HarnessError, Recorded, Subject, allocations};
use crossbeam_queue::ArrayQueue;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::{collections::BTreeSet, hint::spin_loop, ops::Range};
use tickhawk_engine::{
    DecisionStage, Input, MarketOptions, MarketSink, MarketStage, Record, Rehearsals,
};
use tickhawk_feature::{FeatureFrame, FeaturePlan, PlanOptions};
use tickhawk_inference::{Engine, Model, RuntimeOptions};
use tickhawk_latency::{Clock, LatencyHistogram, StageHistograms};
use tickhawk_market::{ConnectionId, MonoNanos, Nanos, UnixNanos};
use tickhawk_signal::{Policy, Signal};

/// Signals that may wait for the writer, as in `live`.
const QUEUE: usize = 4_096;
/// Frames of a pass behind which it is steady.
const STEADY_AFTER: usize = 64;
/// How long before it is due a message comes to user space, where it is not late.
const RECEIVED_BEFORE: Nanos = Nanos::new(2_000);
/// Messages in a block of the closed loop.
const BLOCK: usize = 64;

/// Both stages over a recording, again and again.
pub(super) struct Pipeline<'a> {
    recorded: &'a Recorded,
    market: MarketStage,
    sink: Sink,
    connections: Vec<ConnectionId>,
    /// The record to come.
    next: usize,
    /// The first record of a pass from which on nothing is new: books are whole.
    steady_from: usize,
    passes: u64,
    messages: u64,
    /// Calls of the allocator in steps from there on.
    calls: u64,
    rehearsals: Option<Rehearsals>,
    /// The frame to come, once it is in user space.
    received: Option<Vec<u8>>,
    /// Room for that.
    buffer: Vec<u8>,
}

struct Sink {
    decision: Option<DecisionStage>,
    clock: Clock,
    queue: ArrayQueue<Signal>,
    total: LatencyHistogram,
    /// When the message at hand was to be sent.
    intended: MonoNanos,
    counts: bool,
    /// Nothing that it is told has happened.
    is_rehearsal: bool,
    frames: u64,
}

impl MarketSink for Sink {
    fn frame(&mut self, frame: &FeatureFrame) {
        if self.is_rehearsal {
            return;
        }
        self.frames += 1;
        let Some(decision) = &mut self.decision else { return };
        let (queue, clock, counts) = (&self.queue, &self.clock, self.counts);
        let mut pushed_mono = None;
        decision.step_to(frame, frame.framed_mono(), |scored| {
            let Some(signal) = scored.signal else { return };
            if queue.push(signal).is_err() {
                // The writer, which is this thread between two messages, is far behind.
                while queue.pop().is_some() {}
            }
            pushed_mono = counts.then(|| clock.now());
        });
        if let Some(pushed_mono) = pushed_mono {
            self.total.record(pushed_mono - self.intended);
        }
    }
}

impl<'a> Pipeline<'a> {
    pub(super) fn new(
        bench: &'a Bench<'_>,
        engine: Engine,
        clock: &Clock,
    ) -> Result<Self, HarnessError> {
        let options = RuntimeOptions { engine, ..RuntimeOptions::default() };
        let model = Model::from_file(&bench.model, &options)?;
        let tick_size = model.contract().tick_size();
        let plan = FeaturePlan::compile(model.contract().features(), PlanOptions::default());
        let plan = plan.expect("a model's contract names features");
        let policy = Policy::new(0.2, 0.05).expect("the thresholds are in order");
        let decision = DecisionStage::new(model, policy, clock.clone());
        Self::of(bench, &plan, tick_size, Some(decision), clock)
    }

    /// Only the first half: bytes to frames.
    pub(super) fn framing(bench: &'a Bench<'_>) -> Result<Self, HarnessError> {
        let model = Model::from_file(&bench.model, &RuntimeOptions::default())?;
        let plan = FeaturePlan::compile(model.contract().features(), PlanOptions::default());
        let plan = plan.expect("a model's contract names features");
        Self::of(bench, &plan, model.contract().tick_size(), None, &bench.clock)
    }

    fn of(
        bench: &'a Bench<'_>,
        plan: &FeaturePlan,
        contract_tick_size: Option<tickhawk_market::Decimal>,
        decision: Option<DecisionStage>,
        clock: &Clock,
    ) -> Result<Self, HarnessError> {
        let recorded = bench.first();
        let options = MarketOptions { contract_tick_size, ..MarketOptions::new(recorded.venue) };
        let framing = recorded.framing(&options, clock, STEADY_AFTER);
        let (name, found) = (recorded.name.clone(), framing.len());
        if found < 4 * BLOCK {
            return Err(HarnessError::TooShort { name, found, needed: 4 * BLOCK });
        }
        let frames = (0..recorded.len()).filter_map(|index| recorded.frame(index));
        let longest = frames.map(<[u8]>::len).max().unwrap_or(0);
        let connections: BTreeSet<u16> =
            (0..recorded.len()).map(|index| recorded.record(index, 0).connection.0).collect();
        Ok(Self {
            recorded,
            market: recorded.market(plan, &options, clock),
            sink: Sink {
                decision,
                clock: clock.clone(),
                queue: ArrayQueue::new(QUEUE),
                total: LatencyHistogram::new(),
                intended: MonoNanos::default(),
                counts: false,
                is_rehearsal: false,
                frames: 0,
            },
            connections: connections.into_iter().map(ConnectionId).collect(),
            next: 0,
            steady_from: framing[0] + 1,
            passes: 0,
            messages: 0,
            calls: 0,
            rehearsals: None,
            received: None,
            buffer: Vec::with_capacity(longest),
        })
    }

    /// Rehearses while no message is due, as `live` does.
    pub(super) fn keep_warm(&mut self) {
        self.market.learn_to_rehearse();
        self.sink.decision.iter_mut().for_each(DecisionStage::learn_to_rehearse);
        self.rehearsals = Some(Rehearsals::new(self.sink.clock.clone()));
    }

    /// Latencies from the intended moment to the signal in the queue.
    pub(super) fn total(&self) -> &LatencyHistogram {
        &self.sink.total
    }

    /// Latencies of the stages, from when the message was at hand.
    pub(super) fn stages(&self) -> &StageHistograms {
        self.sink.decision.as_ref().expect("it decides").histograms()
    }

    /// Calls of the allocator in steps on whole books, while it counted.
    pub(super) fn calls(&self) -> u64 {
        self.calls
    }

    /// Messages sent while it counted.
    pub(super) fn messages(&self) -> u64 {
        self.messages
    }

    /// Two passes over the recording, the second one counted, in a closed loop with rehearsals.
    pub(super) fn warm_up(&mut self) {
        for counts in [false, true] {
            self.sink.counts = counts;
            for _ in 0..self.recorded.len() {
                self.sink.intended = self.sink.clock.now();
                self.step();
                self.rehearse();
            }
        }
    }

    /// Forgets what was counted.
    pub(super) fn forget(&mut self) {
        self.sink.total = LatencyHistogram::new();
        (self.messages, self.calls) = (0, 0);
        if let Some(decision) = &mut self.sink.decision {
            decision.forget_latencies();
        }
    }

    /// Nanoseconds between two messages of that loop, on average.
    pub(super) fn gap_ns(&self, sent: Loop) -> u64 {
        match sent {
            Loop::Rate(per_s) => (1e9 / per_s) as u64,
            Loop::Pace(times) => {
                (self.recorded.span_ns() as f64 / times / self.recorded.len() as f64) as u64
            }
            Loop::Closed => 0,
        }
    }

    /// Sends messages for so long; how long it took.
    pub(super) fn play(&mut self, sent: Loop, turn_ns: u64) -> u64 {
        self.sink.counts = true;
        let began = self.sink.clock.now();
        let (mut now, mut intended_ns) = (began, 0.0f64);
        let (mut last_at, mut sent_before) = (self.at(), 0.0);
        let mut random = ChaCha8Rng::seed_from_u64(self.messages);
        while now.nanos() - began.nanos() < turn_ns {
            match sent {
                Loop::Rate(per_s) => {
                    intended_ns = (sent_before + random.random::<f64>()) * 1e9 / per_s;
                    sent_before += 1.0;
                }
                Loop::Pace(times) => {
                    // A pass that begins anew follows at once.
                    intended_ns += self.at().saturating_sub(last_at) as f64 / times;
                    last_at = self.at();
                }
                Loop::Closed => intended_ns = (now.nanos() - began.nanos()) as f64,
            }
            let intended = MonoNanos::new(began.nanos() + intended_ns as u64);
            // The writer's work is done while nothing is due.
            while self.sink.queue.pop().is_some() {}
            now = self.sink.clock.now();
            while now < intended {
                // As the kernel leaves it: written just now, by this core.
                if self.received.is_none() && intended - now <= RECEIVED_BEFORE {
                    self.receive();
                }
                self.wait();
                now = self.sink.clock.now();
            }
            self.sink.intended = intended;
            self.step();
            self.rehearsals.iter_mut().for_each(Rehearsals::put_off);
            self.messages += 1;
            now = self.sink.clock.now();
        }
        self.sink.counts = false;
        now.nanos() - began.nanos()
    }

    #[inline]
    fn wait(&mut self) {
        spin_loop();
        if let Some(mut rehearsals) = self.rehearsals.take() {
            rehearsals.wait(|| self.rehearse());
            self.rehearsals = Some(rehearsals);
        }
    }

    /// Does nothing in stages that did not learn to.
    fn rehearse(&mut self) {
        self.sink.is_rehearsal = true;
        self.market.rehearse(&mut self.sink);
        self.sink.is_rehearsal = false;
        self.sink.decision.iter_mut().for_each(DecisionStage::rehearse);
    }

    /// Copies the frame to come into user space, from where it is read. Others are read in place.
    fn receive(&mut self) {
        let Some(frame) = self.recorded.frame(self.next) else { return };
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        buffer.extend_from_slice(frame);
        self.received = Some(buffer);
    }

    /// Receive time of the record to come.
    fn at(&self) -> u64 {
        let shift_ns = self.passes * self.recorded.span_ns();
        self.recorded.record(self.next, shift_ns).received_at.nanos()
    }

    #[inline]
    fn step(&mut self) {
        if self.next == 0 {
            self.begin();
        }
        let shift_ns = self.passes * self.recorded.span_ns();
        let Record { connection, received_at, input } = self.recorded.record(self.next, shift_ns);
        let received = self.received.take();
        let input = received.as_deref().map_or(input, Input::Frame);
        let calls = allocations();
        let received_mono = self.sink.clock.now();
        self.market.step(connection, received_at, received_mono, input, &mut self.sink);
        if self.next >= self.steady_from {
            self.calls += allocations() - calls;
        }
        if let Some(buffer) = received {
            self.buffer = buffer;
        }
        self.next += 1;
        if self.next == self.recorded.len() {
            self.next = 0;
            self.passes += 1;
        }
    }

    /// Every pass begins as if all connections had just been closed.
    #[cold]
    fn begin(&mut self) {
        let first = self.recorded.record(0, self.passes * self.recorded.span_ns());
        let at: UnixNanos = first.received_at;
        for connection in &self.connections {
            let mono = MonoNanos::default();
            self.market.step(*connection, at, mono, Input::Closed, &mut self.sink);
        }
    }

    /// The closed loop's course: all records but those that fill the books.
    pub(super) fn course(&self, pairs: usize) -> Course<'static> {
        let items = self.recorded.len();
        Course { items, lead_in: items / 8, block: BLOCK, pairs, timed: &[] }
    }
}

impl Subject for Pipeline<'_> {
    fn restart(&mut self) {
        if self.next > 0 {
            (self.next, self.passes) = (0, self.passes + 1);
        }
    }

    fn take(&mut self, items: Range<usize>) {
        for _ in items {
            self.step();
            while self.sink.queue.pop().is_some() {}
        }
    }
}

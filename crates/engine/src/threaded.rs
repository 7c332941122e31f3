//! Both stages on threads of their own, the ring between them, a bounded queue to the writer.

mod sink;

use crate::{
    CoreError, DecisionStage, Frames, Listener, MarketSink, MarketStage, Notice, Observer, Popped,
    Record, Rehearsals, Source, memory::touch_stack, pin_to_core, take_precedence,
};
use crossbeam_queue::ArrayQueue;
use sink::{FrameWriter, RingSink};
use std::{
    hint,
    sync::{
        Barrier,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};
use tickhawk_feature::{FRAME_WORDS, FeatureFrame};
use tickhawk_handoff::{Geometry, HeapRegion, Pop, Reader, gated, lossy};
use tickhawk_signal::Signal;

/// Slots of the ring. 1,024: six times the largest burst recorded (161 messages in a millisecond),
/// and small enough to stay in a core's second-level cache.
const RING_SLOTS: usize = 1_024;

/// Signals that may wait for the writer: a second of the busiest recording.
const SIGNAL_QUEUE_CAPACITY: usize = 4_096;

/// Notices that may wait for the writer; instruments are bounded below this, others are dropped.
const NOTICE_CAPACITY: usize = 8_192;

/// How long the writer sleeps when it has nothing to do. It is cold: waking it would cost the
/// inference thread a system call a signal.
const WRITER_NAP: Duration = Duration::from_micros(100);

/// Tries before a spinning thread lets others run, where it shares its core.
const SPINS_BEFORE_YIELD: u32 = 256;

/// Which cores the two threads are pinned to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cores {
    /// The market thread's.
    pub market: usize,
    /// The inference thread's.
    pub inference: usize,
}

/// How the two threads are run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThreadedOptions {
    /// Pin them; `None` leaves them to the host.
    pub cores: Option<Cores>,
    /// Overwrite frames the inference thread is too slow for, as live does, instead of waiting.
    pub lossy: bool,
    /// Real-time priority of both, 1 to 99; `None` leaves them equal to all others.
    pub realtime_priority: Option<u8>,
    /// Do not start unless both threads are pinned, and have the priority, as asked.
    pub must_pin: bool,
    /// Frames that may be taken off a lossy ring together: of those of one instrument only the
    /// newest is scored. 0 and 1 score every frame.
    pub max_batch: usize,
    /// Rehearse while nothing comes and a thread does not sleep, so that what comes finds the caches
    /// warm.
    pub keep_warm: bool,
}

/// What is left when both threads are done.
#[derive(Debug)]
pub struct ThreadedOutcome<E> {
    /// The first stage, for its reports.
    pub market: MarketStage,
    /// The second stage, for its reports.
    pub decision: DecisionStage,
    /// Frames overwritten before they were read.
    pub missed_frames: u64,
    /// Signals dropped because the writer's queue was full; 0 unless lossy.
    pub dropped_signals: u64,
    /// Threads that could not be pinned, or have no priority.
    pub pin_failures: Vec<CoreError>,
    /// Whether the source was read at all: not if a thread that must be pinned could not be.
    pub started: bool,
    /// What stopped the source, if it did not end.
    pub source_error: Option<E>,
}

/// Runs the source to its end on a market thread and an inference thread; the calling thread is
/// the writer: it alone hears signals and notices, and may block. The observer sees every frame
/// that reaches the inference thread, on that thread. `watch` is told of instruments, scales, books
/// and trades on the market thread, which pays for it.
pub fn run_threaded<S: Source + Send>(
    source: &mut S,
    market: MarketStage,
    decision: DecisionStage,
    options: ThreadedOptions,
    listener: &mut impl Listener,
    mut observer: impl Observer,
    watch: &mut (impl MarketSink + Send),
) -> ThreadedOutcome<S::Error> {
    let geometry = Geometry::new(RING_SLOTS, FRAME_WORDS)
        .expect("the slot count is a power of two and the frame's size is not zero");
    let (writer, reader) = if options.lossy {
        let (writer, reader) = lossy(geometry);
        observer.begin(&Frames::new(&writer));
        (FrameWriter::Lossy(writer), reader)
    } else {
        let (writer, reader) = gated(geometry);
        (FrameWriter::Gated(writer), reader)
    };
    // A gated ring loses nothing: every frame of it is scored.
    let may_pass = options.lossy && decision.may_pass();
    let max_batch = if may_pass { options.max_batch.max(1) } else { 1 };
    let signals = ArrayQueue::new(SIGNAL_QUEUE_CAPACITY);
    let (notices, heard) = sync_channel(NOTICE_CAPACITY);
    let (done, dropped_signals) = (AtomicBool::new(false), AtomicU64::new(0));
    let start = Start::new(options.must_pin, options.realtime_priority);
    thread::scope(|scope| {
        let market = scope.spawn(|| {
            let (pinned, started) = start.agree(options.cores.map(|cores| cores.market));
            let (market, error) = match started {
                true => run_market(source, market, options.keep_warm, (writer, notices), watch),
                false => (market, None),
            };
            (market, error, pinned.err())
        });
        let inference = scope.spawn(|| {
            let (pinned, _) = start.agree(options.cores.map(|cores| cores.inference));
            let dropped = options.lossy.then_some(&dropped_signals);
            let taking = Taking { max_batch, keep_warm: options.keep_warm };
            let (decision, missed) =
                run_decision(decision, reader, (&signals, dropped), taking, &mut observer);
            done.store(true, Ordering::Release);
            (decision, missed, pinned.err())
        });
        write_until_done(&signals, &heard, &done, listener, || inference.is_finished());
        let (market, source_error, market_pin) = join(market);
        let (decision, missed_frames, inference_pin) = join(inference);
        ThreadedOutcome {
            market,
            decision,
            missed_frames,
            dropped_signals: dropped_signals.load(Ordering::Relaxed),
            pin_failures: market_pin.into_iter().chain(inference_pin).collect(),
            started: !start.is_refused(),
            source_error,
        }
    })
}

/// Where both threads meet before the first record, to agree on whether to begin.
struct Start {
    must_pin: bool,
    realtime_priority: Option<u8>,
    failed: AtomicBool,
    both_pinned: Barrier,
}

impl Start {
    fn new(must_pin: bool, realtime_priority: Option<u8>) -> Self {
        let (failed, both_pinned) = (AtomicBool::new(false), Barrier::new(2));
        Self { must_pin, realtime_priority, failed, both_pinned }
    }

    /// Pins the calling thread, and waits for the other one to have tried as well. What became of
    /// it, and whether to begin.
    fn agree(&self, core: Option<usize>) -> (Result<(), CoreError>, bool) {
        touch_stack();
        let pinned = core.map_or(Ok(()), pin_to_core);
        let pinned = pinned.and_then(|()| self.realtime_priority.map_or(Ok(()), take_precedence));
        if pinned.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        // The barrier orders the store above before the load below, on both threads.
        self.both_pinned.wait();
        (pinned, !self.is_refused())
    }

    fn is_refused(&self) -> bool {
        self.must_pin && self.failed.load(Ordering::Relaxed)
    }
}

/// A panic on either thread goes on here: it is a mistake of ours, not of the input.
fn join<T>(handle: thread::ScopedJoinHandle<'_, T>) -> T {
    handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn run_market<S: Source>(
    source: &mut S,
    mut market: MarketStage,
    keep_warm: bool,
    (writer, notices): (FrameWriter, SyncSender<Notice>),
    watch: &mut impl MarketSink,
) -> (MarketStage, Option<S::Error>) {
    let clock = market.clock().clone();
    let mut sink = RingSink { writer, notices, wants: Vec::new(), watch, is_rehearsal: false };
    let mut rehearsals = Rehearsals::new(clock.clone());
    if keep_warm {
        market.learn_to_rehearse();
    }
    loop {
        let next = match keep_warm {
            true => source.await_record(&mut || {
                rehearsals.wait(|| {
                    sink.is_rehearsal = true;
                    market.rehearse(&mut sink);
                    sink.is_rehearsal = false;
                });
            }),
            false => source.next_record(),
        };
        match next {
            Ok(Some(Record { connection, received_at, input })) => {
                market.step(connection, received_at, clock.now(), input, &mut sink);
                source.stepped(&market, &mut sink.wants);
                sink.wants.clear();
                rehearsals.put_off();
            }
            Ok(None) => return (market, None),
            Err(error) => return (market, Some(error)),
        }
    }
}

/// How the inference thread takes frames off the ring.
#[derive(Clone, Copy)]
struct Taking {
    max_batch: usize,
    keep_warm: bool,
}

/// Looks at an empty ring from one look at the clock to the next, for whether to rehearse.
const LOOKS_PER_WAIT: u32 = 32;

/// The inference thread. Frames that wait are taken off the ring together, up to `max_batch`.
fn run_decision(
    mut decision: DecisionStage,
    mut reader: Reader<HeapRegion>,
    (signals, dropped): (&ArrayQueue<Signal>, Option<&AtomicU64>),
    Taking { max_batch, keep_warm }: Taking,
    observer: &mut impl Observer,
) -> (DecisionStage, u64) {
    let mut rehearsals = Rehearsals::new(decision.clock().clone());
    if keep_warm {
        decision.learn_to_rehearse();
    }
    let mut words = [0u64; FRAME_WORDS];
    let mut batch = Vec::with_capacity(max_batch);
    let mut idle = 0;
    loop {
        match reader.pop(&mut words) {
            Pop::Item { len } => {
                let popped_mono = decision.clock().now();
                let frame = FeatureFrame::from_words(&words[..len])
                    .expect("the market thread writes whole frames");
                batch.push(Popped { frame, popped_mono });
                if batch.len() < max_batch {
                    continue;
                }
            }
            Pop::Missed { .. } => continue,
            Pop::Empty if batch.is_empty() => {
                spin(&mut idle);
                if keep_warm && idle.is_multiple_of(LOOKS_PER_WAIT) {
                    rehearsals.wait(|| decision.rehearse());
                }
                continue;
            }
            Pop::Closed if batch.is_empty() => return (decision, reader.missed_count()),
            Pop::Empty | Pop::Closed => {}
        }
        idle = 0;
        rehearsals.put_off();
        decision.step_batch(&batch, |frame, scored| {
            if let Some(signal) = scored.signal {
                hand_over(signals, signal, dropped);
            }
            observer.scored(frame, &scored);
        });
        batch.clear();
    }
}

fn hand_over(signals: &ArrayQueue<Signal>, signal: Signal, dropped: Option<&AtomicU64>) {
    let mut waiting = 0;
    let mut refused = signals.push(signal);
    while let Err(signal) = refused {
        if let Some(dropped) = dropped {
            dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        spin(&mut waiting);
        refused = signals.push(signal);
    }
}

fn spin(count: &mut u32) {
    *count = count.wrapping_add(1);
    if count.is_multiple_of(SPINS_BEFORE_YIELD) {
        thread::yield_now();
    } else {
        hint::spin_loop();
    }
}

fn write_until_done(
    signals: &ArrayQueue<Signal>,
    heard: &Receiver<Notice>,
    done: &AtomicBool,
    listener: &mut impl Listener,
    finished: impl Fn() -> bool,
) {
    loop {
        // Read before draining: what was pushed before `done` is then seen by this drain.
        let last = done.load(Ordering::Acquire) || finished();
        let mut wrote = false;
        while let Some(signal) = signals.pop() {
            // The instrument's notice was sent before its first frame was.
            heard.try_iter().for_each(|notice| listener.notice(notice));
            listener.signal(&signal);
            wrote = true;
        }
        if last {
            // The market thread has hung up: this ends.
            heard.iter().for_each(|notice| listener.notice(notice));
            return;
        }
        if !wrote {
            heard.try_iter().for_each(|notice| listener.notice(notice));
            listener.idle();
            thread::sleep(WRITER_NAP);
        }
    }
}

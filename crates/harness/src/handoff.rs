//! `handoff`: one feature frame from core to core.
//!
//! Two pinned threads play it back and forth, by one contestant a block, in a random order that both
//! know; half of a round trip is a hop. Beside the ring stand a bare transfer of as many cache lines
//! (what the hardware asks for it) and crossbeam's `ArrayQueue` with the same payload.

use crate::{Bench, Estimate, Goal, HarnessError, Results, Row};
use crossbeam_queue::ArrayQueue;
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use std::{
    hint::{black_box, spin_loop},
    sync::{
        Barrier,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};
use tickhawk_engine::{CoreError, pin_to_core};
use tickhawk_feature::FRAME_WORDS;
use tickhawk_handoff::{Geometry, HeapRegion, Pop, Reader, Writer, lossy};

/// Words of a frame of the default set: 13 of header, two features a word.
pub const PAYLOAD_WORDS: usize = 29;
/// Round trips of a block: a few microseconds.
const ROUNDS: usize = 64;
/// Slots of each ring.
const SLOTS: usize = 1_024;
/// Words of a cache line.
const LINE_WORDS: usize = 8;
/// Lines that the payload, its stamp and its length take.
const LINES: usize = (PAYLOAD_WORDS + 2).div_ceil(LINE_WORDS);

type Payload = [u64; PAYLOAD_WORDS];

/// One end of a way there and a way back.
pub trait End: Send {
    /// Sends the payload.
    fn send(&mut self, payload: &Payload);

    /// Waits for the next payload and takes it into memory of its own.
    fn receive(&mut self) -> &Payload;
}

/// A contestant: its name, and its two ends.
pub type Contestant = (&'static str, Box<dyn End>, Box<dyn End>);

/// A hop over the ring, beside the bare lines and a queue.
pub(crate) fn run(bench: &Bench<'_>, results: &mut Results) -> Result<(), HarnessError> {
    let Some([here, there]) = bench.cores else {
        results.notes.push("handoff was left out: it takes two cores to pin to".to_owned());
        return Ok(());
    };
    let contestants = vec![ring(), lines(), queue(), one_line()];
    let blocks = hops([here, there], contestants, 4 * bench.pairs, bench)?;
    for (name, samples) in &blocks {
        let name = format!("handoff/{PAYLOAD_WORDS}-words/{name}");
        results.rows.push(Row::new(name, "hop", 2 * ROUNDS as u64, samples.clone()));
    }
    let [ring, lines, queue, _] = &blocks[..] else { unreachable!("four were handed over") };
    let over = |other: &(&str, Vec<f64>)| ratio(&ring.1, &other.1);
    let what = format!("p50 of a hop, over {LINES} bare cache lines");
    results.goals.push(Goal::at_most("hop-vs-lines", over(lines), 1.4, what));
    let what = "p50 of a hop, over crossbeam's ArrayQueue";
    results.goals.push(Goal::at_most("hop-vs-arrayqueue", over(queue), 0.6, what));
    Ok(())
}

/// The median of ratios block by block.
pub fn ratio(ours: &[f64], theirs: &[f64]) -> Estimate {
    let ratios: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
    Estimate::of(&ratios).expect("there are blocks")
}

/// Plays all contestants back and forth between the cores; nanoseconds a hop, a block each, in the
/// contestants' order. The n-th blocks of all were played within microseconds of each other. Called
/// by a thread that may use both cores, since the two it spawns inherit what it may use.
///
/// # Errors
/// If a thread cannot be pinned.
pub fn hops(
    cores: [usize; 2],
    contestants: Vec<Contestant>,
    blocks: usize,
    bench: &Bench<'_>,
) -> Result<Vec<(&'static str, Vec<f64>)>, HarnessError> {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let count = contestants.len();
    let order: Vec<Vec<usize>> = (0..blocks)
        .map(|_| {
            let mut turn: Vec<usize> = (0..count).collect();
            turn.shuffle(&mut random);
            turn
        })
        .collect();
    let (mut names, mut near, mut far) = (Vec::new(), Vec::new(), Vec::new());
    for (name, one, other) in contestants {
        names.push(name);
        near.push(one);
        far.push(other);
    }
    let clock = &bench.clock;
    let order = &order;
    let mut samples = vec![Vec::with_capacity(blocks); count];
    let samples_ref = &mut samples;
    let start = &Start { both_tried: Barrier::new(2), failed: AtomicBool::new(false) };
    thread::scope(|scope| {
        let echo = scope.spawn(move || {
            let (pinned, may_begin) = start.agree(cores[1]);
            for which in order.iter().flatten().filter(|_| may_begin) {
                for _ in 0..ROUNDS {
                    let payload = *far[*which].receive();
                    far[*which].send(&payload);
                }
            }
            pinned
        });
        let play = scope.spawn(move || {
            let (pinned, may_begin) = start.agree(cores[0]);
            let mut payload: Payload = std::array::from_fn(|i| i as u64);
            for which in order.iter().flatten().filter(|_| may_begin) {
                let end = &mut near[*which];
                let began = clock.now();
                for _ in 0..ROUNDS {
                    payload[0] += 1;
                    end.send(&payload);
                    let back = end.receive();
                    debug_assert_eq!(back, &payload);
                    black_box(back);
                }
                let took = clock.now() - began;
                samples_ref[*which].push(took.nanos() as f64 / (2 * ROUNDS) as f64);
            }
            pinned
        });
        let pinned = [play.join(), echo.join()];
        for pinned in pinned {
            pinned.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        }
        Ok::<(), HarnessError>(())
    })?;
    Ok(names.into_iter().zip(samples).collect())
}

/// Where both threads meet: on one core they would wait for each other's slice of time.
struct Start {
    both_tried: Barrier,
    failed: AtomicBool,
}

impl Start {
    /// Pins the calling thread; whether both are pinned.
    fn agree(&self, core: usize) -> (Result<(), CoreError>, bool) {
        let pinned = pin_to_core(core);
        if pinned.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        // The barrier orders the store above before the load below, on both threads.
        self.both_tried.wait();
        (pinned, !self.failed.load(Ordering::Relaxed))
    }
}

/// Tickhawk's ring, lossy, as `live` has it.
pub fn ring() -> Contestant {
    let geometry = Geometry::new(SLOTS, FRAME_WORDS).expect("a power of two");
    let ((one, other_in), (other, one_in)) = (lossy(geometry), lossy(geometry));
    let end =
        |writer, reader| Box::new(Ring { writer, reader, frame: [0; FRAME_WORDS] }) as Box<dyn End>;
    ("tickhawk", end(one, one_in), end(other, other_in))
}

struct Ring {
    writer: Writer<HeapRegion>,
    reader: Reader<HeapRegion>,
    frame: [u64; FRAME_WORDS],
}

impl End for Ring {
    #[inline]
    fn send(&mut self, payload: &Payload) {
        self.writer.push(payload);
    }

    #[inline]
    fn receive(&mut self) -> &Payload {
        while !matches!(self.reader.pop(&mut self.frame), Pop::Item { .. }) {
            spin_loop();
        }
        self.frame.first_chunk().expect("a frame is longer")
    }
}

/// As many lines as the payload takes, and a flag in the first of them: no slots, no laps.
fn lines() -> Contestant {
    let mailbox = || -> &'static Mailbox { Box::leak(Box::default()) };
    let (there, back) = (mailbox(), mailbox());
    let end = |out, into| {
        let last = [0; PAYLOAD_WORDS];
        Box::new(Lines { out, into, sent: 0, received: 0, last }) as Box<dyn End>
    };
    ("bare-lines", end(there, back), end(back, there))
}

#[derive(Default)]
#[repr(align(128))]
struct Mailbox {
    lines: [[AtomicU64; LINE_WORDS]; LINES],
}

struct Lines {
    out: &'static Mailbox,
    into: &'static Mailbox,
    sent: u64,
    received: u64,
    last: Payload,
}

impl End for Lines {
    #[inline]
    fn send(&mut self, payload: &Payload) {
        self.sent += 1;
        let words = self.out.lines.as_flattened();
        for (word, value) in words[1..].iter().zip(payload) {
            word.store(*value, Ordering::Relaxed);
        }
        // Release: pairs with the Acquire load below; whoever sees the number sees the words.
        words[0].store(self.sent, Ordering::Release);
    }

    #[inline]
    fn receive(&mut self) -> &Payload {
        self.received += 1;
        let words = self.into.lines.as_flattened();
        while words[0].load(Ordering::Acquire) != self.received {
            spin_loop();
        }
        for (word, to) in words[1..].iter().zip(&mut self.last) {
            *to = word.load(Ordering::Relaxed);
        }
        &self.last
    }
}

/// One word in one line: what a hop costs that carries nothing.
fn one_line() -> Contestant {
    let mailbox = || -> &'static Mailbox { Box::leak(Box::default()) };
    let (there, back) = (mailbox(), mailbox());
    let last = std::array::from_fn(|i| i as u64);
    let end = |out, into| Box::new(OneLine { out, into, last }) as Box<dyn End>;
    ("bare-line", end(there, back), end(back, there))
}

struct OneLine {
    out: &'static Mailbox,
    into: &'static Mailbox,
    last: Payload,
}

impl End for OneLine {
    #[inline]
    fn send(&mut self, payload: &Payload) {
        self.out.lines[0][0].store(payload[0], Ordering::Release);
    }

    #[inline]
    fn receive(&mut self) -> &Payload {
        let word = &self.into.lines[0][0];
        let mut value = word.load(Ordering::Acquire);
        while value == self.last[0] {
            spin_loop();
            value = word.load(Ordering::Acquire);
        }
        self.last[0] = value;
        &self.last
    }
}

/// crossbeam's bounded queue.
fn queue() -> Contestant {
    let queue = || -> &'static ArrayQueue<Payload> { Box::leak(Box::new(ArrayQueue::new(SLOTS))) };
    let (there, back) = (queue(), queue());
    let last = [0; PAYLOAD_WORDS];
    let end = |out, into| Box::new(Queue { out, into, last }) as Box<dyn End>;
    ("arrayqueue", end(there, back), end(back, there))
}

struct Queue {
    out: &'static ArrayQueue<Payload>,
    into: &'static ArrayQueue<Payload>,
    last: Payload,
}

impl End for Queue {
    #[inline]
    fn send(&mut self, payload: &Payload) {
        self.out.push(*payload).expect("one item is under way");
    }

    #[inline]
    fn receive(&mut self) -> &Payload {
        self.last = loop {
            match self.into.pop() {
                Some(payload) => break payload,
                None => spin_loop(),
            }
        };
        &self.last
    }
}

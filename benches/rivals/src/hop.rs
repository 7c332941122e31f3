//! A payload from one pinned thread to another and back, through each queue.

use anyhow::{Result, ensure};
use crossbeam_queue::ArrayQueue;
use disruptor::{BusySpin, Polling, Producer, build_single_producer};
use ringbuf::{
    HeapRb,
    traits::{Consumer, Producer as _, Split},
};
use std::{
    hint::spin_loop,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};
use tickhawk_engine::{allowed_cores, pin_to_core};
use tickhawk_handoff::{Geometry, Pop, lossy};

/// Slots of every queue. One item is under way at a time, so it decides nothing.
const SLOTS: usize = 1024;
/// Round trips timed together, so that the clock's own cost is a thirty-second part of itself.
const BATCH: usize = 32;

/// What carries the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// Nothing does: one word on one cache line, the least a hop can cost.
    CacheLine,
    /// Tickhawk's lossy ring.
    Handoff,
    /// `rtrb`.
    Rtrb,
    /// `ringbuf`.
    Ringbuf,
    /// `disruptor`, with its poller.
    Disruptor,
    /// crossbeam's `ArrayQueue`.
    ArrayQueue,
}

impl Carrier {
    /// The queues of others.
    pub const RIVALS: [Self; 4] = [Self::Rtrb, Self::Ringbuf, Self::Disruptor, Self::ArrayQueue];

    /// As rows name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CacheLine => "bare-cache-line",
            Self::Handoff => "tickhawk",
            Self::Rtrb => "rtrb",
            Self::Ringbuf => "ringbuf",
            Self::Disruptor => "disruptor",
            Self::ArrayQueue => "crossbeam-array-queue",
        }
    }
}

/// Half round trips of `N` words in nanoseconds, one a batch; unsorted.
pub fn half_round_trips<const N: usize>(carrier: Carrier, batches: usize) -> Result<Vec<f64>> {
    match carrier {
        Carrier::CacheLine => ping_pong::<1, _, _>(batches, cache_line),
        Carrier::Handoff => ping_pong::<N, _, _>(batches, handoff),
        Carrier::Rtrb => ping_pong::<N, _, _>(batches, rtrb),
        Carrier::Ringbuf => ping_pong::<N, _, _>(batches, ringbuf),
        Carrier::Disruptor => ping_pong::<N, _, _>(batches, disruptor),
        Carrier::ArrayQueue => ping_pong::<N, _, _>(batches, array_queue),
    }
}

/// Here to there through one channel, back through another. `push` copies a payload in, `pop`
/// copies one out if there is one.
fn ping_pong<const N: usize, Push, Pop>(
    batches: usize,
    channel: impl Fn() -> (Push, Pop),
) -> Result<Vec<f64>>
where
    Push: FnMut(&[u64; N]) + Send,
    Pop: FnMut(&mut [u64; N]) -> bool + Send,
{
    let cores = allowed_cores();
    ensure!(cores.len() >= 2, "a hop needs two cores, here is one");
    let [near, far] = [cores[0], cores[1]];
    let ((mut ping, mut take_ping), (mut pong, mut take_pong)) = (channel(), channel());
    let rounds = batches * BATCH;
    thread::scope(|scope| {
        let other = scope.spawn(move || {
            pin_to_core(far)?;
            let mut payload = [0; N];
            for _ in 0..rounds {
                while !take_ping(&mut payload) {
                    spin_loop();
                }
                pong(&payload);
            }
            anyhow::Ok(())
        });
        // A thread of its own: pinning would outlive the measurement.
        let here = scope.spawn(move || {
            pin_to_core(near)?;
            let (mut payload, mut answer) = ([1; N], [0; N]);
            let mut times = Vec::with_capacity(batches);
            for batch in 0..batches {
                payload[N - 1] = batch as u64;
                let begun = Instant::now();
                for _ in 0..BATCH {
                    ping(&payload);
                    while !take_pong(&mut answer) {
                        spin_loop();
                    }
                }
                let nanos = begun.elapsed().as_nanos() as f64;
                times.push(nanos / (2 * BATCH) as f64);
                ensure!(answer == payload, "something else came back");
            }
            Ok(times)
        });
        other.join().expect("the echo does not panic")?;
        here.join().expect("the caller does not panic")
    })
}

type Word = AtomicU64;

#[repr(align(128))]
struct Line(Word);

fn cache_line() -> (impl FnMut(&[u64; 1]) + Send, impl FnMut(&mut [u64; 1]) -> bool + Send) {
    let line = Arc::new(Line(Word::new(0)));
    let (there, mut sent, mut seen) = (line.clone(), 0, 0);
    let push = move |payload: &[u64; 1]| {
        // The count in the upper half makes each word differ from the one before.
        sent += 1;
        there.0.store(sent << 32 | payload[0], Ordering::Release);
    };
    let pop = move |payload: &mut [u64; 1]| {
        let word = line.0.load(Ordering::Acquire);
        if word >> 32 == seen {
            return false;
        }
        seen = word >> 32;
        payload[0] = word & 0xffff_ffff;
        true
    };
    (push, pop)
}

fn handoff<const N: usize>()
-> (impl FnMut(&[u64; N]) + Send, impl FnMut(&mut [u64; N]) -> bool + Send) {
    let geometry = Geometry::new(SLOTS, N).expect("a power of two");
    let (mut writer, mut reader) = lossy(geometry);
    let push = move |payload: &[u64; N]| writer.push(payload);
    let pop = move |payload: &mut [u64; N]| matches!(reader.pop(payload), Pop::Item { .. });
    (push, pop)
}

fn rtrb<const N: usize>() -> (impl FnMut(&[u64; N]) + Send, impl FnMut(&mut [u64; N]) -> bool + Send)
{
    let (mut producer, mut consumer) = rtrb::RingBuffer::<[u64; N]>::new(SLOTS);
    let push = move |payload: &[u64; N]| producer.push(*payload).expect("one is under way");
    let pop = move |payload: &mut [u64; N]| match consumer.pop() {
        Ok(item) => {
            *payload = item;
            true
        }
        Err(_) => false,
    };
    (push, pop)
}

fn ringbuf<const N: usize>()
-> (impl FnMut(&[u64; N]) + Send, impl FnMut(&mut [u64; N]) -> bool + Send) {
    let (mut producer, mut consumer) = HeapRb::<[u64; N]>::new(SLOTS).split();
    let push = move |payload: &[u64; N]| producer.try_push(*payload).expect("one is under way");
    let pop = move |payload: &mut [u64; N]| match consumer.try_pop() {
        Some(item) => {
            *payload = item;
            true
        }
        None => false,
    };
    (push, pop)
}

fn disruptor<const N: usize>()
-> (impl FnMut(&[u64; N]) + Send, impl FnMut(&mut [u64; N]) -> bool + Send) {
    let builder = build_single_producer(SLOTS, || [0u64; N], BusySpin);
    let (mut poller, builder) = builder.new_event_poller();
    let mut producer = builder.build();
    let push = move |payload: &[u64; N]| producer.publish(|slot| *slot = *payload);
    let pop = move |payload: &mut [u64; N]| match poller.poll() {
        Ok(mut events) => {
            for event in &mut events {
                *payload = *event;
            }
            true
        }
        Err(Polling::NoEvents | Polling::Shutdown) => false,
    };
    (push, pop)
}

fn array_queue<const N: usize>()
-> (impl FnMut(&[u64; N]) + Send, impl FnMut(&mut [u64; N]) -> bool + Send) {
    let queue = Arc::new(ArrayQueue::<[u64; N]>::new(SLOTS));
    let there = queue.clone();
    let push = move |payload: &[u64; N]| there.push(*payload).expect("one is under way");
    let pop = move |payload: &mut [u64; N]| match queue.pop() {
        Some(item) => {
            *payload = item;
            true
        }
        None => false,
    };
    (push, pop)
}

//! `loopback`: from the server's write to the signal, with a real socket between.
//!
//! `tickhawk serve` plays a synthetic market in another process, on a core of its own where there is
//! one, at a steady rate; it tells when it gave each frame to the kernel, and this process when the
//! frame was in user space and when its signal was pushed, both by the clock that all processes
//! share. A frame is known again by its number on the connection. One thread does both steps where
//! two cores must hold the server too; from four cores on there are two, as in `live`.
//!
//! The market is synthetic since a recording is too short at such rates and cannot be played again
//! and again: its update ids would go back, and every pass would begin with features that are not
//! valid. All streams of one instrument are taken, as a client of the venue takes them; nine in a
//! hundred of their messages are of the book, and those alone make signals.

mod bare;
mod client;
mod engine;
mod server;

pub use client::Listening;
pub use engine::{FRAME_GAP_NS, frame_at, received_at};
pub use server::{Server, Written};

use crate::{Bench, Estimate, Goal, HarnessError, Results, Row, host::Disturbance};
use client::{Heard, Memory, STREAMS, listen};
use engine::Signals;
use serde::{Deserialize, Serialize};
use std::{ops::Range, path::PathBuf, time::Duration};
use tickhawk_engine::{Cores, allowed_cores, pin_to_core};
use tickhawk_feed::READ_BUFFER_BYTES;
use tickhawk_latency::LatencyHistogram;
use tickhawk_market::Nanos;

/// How the loopback is measured.
#[derive(Clone, Debug, PartialEq)]
pub struct LoopbackOptions {
    /// The program `tickhawk`, to serve.
    pub program: PathBuf,
    /// Messages a second, each in its turn.
    pub rates_per_s: Vec<f64>,
    /// For how long each client listens, once its features are valid.
    pub seconds: f64,
}

impl LoopbackOptions {
    /// A client that never sleeps.
    fn busy_poll(&self, per_s: f64, places: Places) -> Listening {
        Listening {
            busy_poll: true,
            keep_warm: true,
            read_buffer_bytes: READ_BUFFER_BYTES,
            frames: (per_s * self.seconds).ceil().max(1.0) as u64,
            from: 1,
            kept: 0,
            core: Some(places.client),
            threads: places.threads,
        }
    }
}

/// What one client showed beside its rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoopbackReport {
    /// The case: rate and client.
    pub case: String,
    /// How many threads it has: both steps on one, or a thread each.
    pub threads: u32,
    /// Messages a second that the server was asked for.
    pub rate_per_s: f64,
    /// Messages a second that it wrote.
    pub achieved_per_s: f64,
    /// The read buffer of the client's WebSocket.
    pub read_buffer_bytes: u64,
    /// Messages that counted.
    pub messages: u64,
    /// Signals they made.
    pub signals: u64,
    /// Calls of the allocator on the client's thread meanwhile, all of receiving included.
    pub allocations: u64,
    /// What the kernel did to that thread meanwhile.
    pub disturbance: Disturbance,
}

/// Other read buffers than [`READ_BUFFER_BYTES`].
const BUFFERS: [(&str, usize); 2] = [("busy-poll-4-kib", 4 << 10), ("busy-poll-64-kib", 64 << 10)];

/// Where client and server run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// The core of a client on one thread.
    pub client: usize,
    /// The cores of one on two threads, where there are enough.
    pub threads: Option<Cores>,
    /// The server's core.
    pub server: usize,
}

impl Places {
    /// With two cores to measure on, and the others of this host.
    pub fn new([first, second]: [usize; 2]) -> Self {
        let mut others = allowed_cores();
        others.retain(|core| ![first, second].contains(core));
        match others[..] {
            // Two for the client's threads, one for the server, one for all else.
            [.., server] if others.len() > 1 => {
                let threads = Some(Cores { market: first, inference: second });
                Self { client: first, threads, server }
            }
            _ => Self { client: first, threads: None, server: second },
        }
    }
}

/// What a client of ours heard of a server, by the clock that all processes share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Frames that counted, counted from 1 over the connection.
    pub frames: Range<u64>,
    /// Those of them that made a signal, and when it was pushed.
    pub signals: Vec<(u64, u64)>,
}

/// Listens once to a server of so many messages a second, as `tickhawk bench loopback` does.
///
/// # Errors
/// If the connection fails or says too little, a frame cannot be read, or a thread cannot be pinned.
pub fn turn(
    bench: &Bench<'_>,
    server: &Server,
    per_s: f64,
    listening: Listening,
) -> Result<Turn, HarnessError> {
    let heard = listen(bench, server, per_s, listening)?;
    Ok(Turn { frames: heard.steady.clone(), signals: heard.steady_signals().collect() })
}

pub(crate) fn run(bench: &Bench<'_>, results: &mut Results) -> Result<(), HarnessError> {
    let (Some(cores), Some(options)) = (bench.cores, &bench.loopback) else {
        results.notes.push("loopback was left out: it takes two cores and a program".to_owned());
        return Ok(());
    };
    let places = Places::new(cores);
    let fastest = options.rates_per_s.iter().copied().fold(0.0, f64::max);
    for per_s in &options.rates_per_s {
        let others = if *per_s == fastest { &BUFFERS[..] } else { &[] };
        at_rate(bench, options, places, *per_s, others, results)?;
    }
    encrypted(bench, options, places, fastest, results)?;
    allocations_goal(results);
    Ok(())
}

/// A busy-polling client of a server that speaks TLS: what that costs, and what it allocates.
fn encrypted(
    bench: &Bench<'_>,
    options: &LoopbackOptions,
    places: Places,
    per_s: f64,
    results: &mut Results,
) -> Result<(), HarnessError> {
    let server = Server::start_encrypted(&options.program, per_s, Some(places.server))?;
    let listening = options.busy_poll(per_s, places);
    let heard = listen(bench, &server, per_s, listening)?;
    let written = server.finish()?;
    let case = format!("{per_s}-per-s/busy-poll-tls");
    let to_signal = written.latencies(0, heard.steady_signals())?;
    add(results, format!("loopback/{case}"), &to_signal)?;
    results.loopbacks.push(report(case, per_s, listening, &heard, &written, 0));
    Ok(())
}

/// All clients at one rate, one after the other with the same server.
fn at_rate(
    bench: &Bench<'_>,
    options: &LoopbackOptions,
    places: Places,
    per_s: f64,
    buffers: &[(&'static str, usize)],
    results: &mut Results,
) -> Result<(), HarnessError> {
    let server = Server::start(&options.program, per_s, Some(places.server))?;
    let listening = options.busy_poll(per_s, places);
    let frames = listening.frames;
    let busy = Listening { kept: frames, ..listening };
    let cold = Listening { keep_warm: false, ..listening };
    let epoll = Listening { busy_poll: false, ..listening };
    let buffers = buffers.iter().map(|(name, read_buffer_bytes)| {
        (*name, Listening { read_buffer_bytes: *read_buffer_bytes, ..listening })
    });
    let mut heard = Vec::new();
    let clients = [("busy-poll", busy), ("busy-poll-left-cold", cold), ("epoll", epoll)];
    for (name, listening) in clients.into_iter().chain(buffers) {
        heard.push((name, listening, listen(bench, &server, per_s, listening)?));
    }
    let bare_ns = on_core(Some(places.client), || {
        let limit = Duration::from_secs_f64(6.0 + 3.0 * options.seconds);
        bare::listen(server.ws(), STREAMS, frames, limit)
    })?;
    let written = server.finish()?;
    let mut to_frame = Vec::new();
    for (client, (name, listening, heard)) in heard.iter().enumerate() {
        let to_signal = written.latencies(client, heard.steady_signals())?;
        to_frame.push((*name, written.latencies(client, heard.steady_frames())?));
        let case = format!("loopback/{per_s}-per-s/{name}");
        results.histograms.push((case.clone(), to_signal.clone()));
        add(results, case, &to_signal)?;
        let case = format!("{per_s}-per-s/{name}");
        results.loopbacks.push(report(case, per_s, *listening, heard, &written, client));
    }
    // The first client's engine goes on with what it kept.
    let clients = heard.len();
    let Some((_, _, heard)) = heard.into_iter().next() else { return Ok(()) };
    let in_memory = in_memory(heard, per_s, places)?;
    add(results, format!("loopback/{per_s}-per-s/in-memory"), &in_memory)?;
    let bare = (1..).zip(bare_ns).skip(frames as usize / 10);
    to_frame.push(("bare-socket", written.latencies(clients, bare)?));
    for (name, latencies) in to_frame {
        add(results, format!("loopback/{per_s}-per-s-to-frame/{name}"), &latencies)?;
    }
    Ok(())
}

fn add(
    results: &mut Results,
    name: String,
    latencies: &LatencyHistogram,
) -> Result<(), HarnessError> {
    if latencies.sample_count() == 0 {
        return Err(HarnessError::NoSignal { name });
    }
    results.rows.push(Row::of_histogram(name, "message", latencies));
    Ok(())
}

fn report(
    case: String,
    rate_per_s: f64,
    listening: Listening,
    heard: &Heard,
    written: &Written,
    client: usize,
) -> LoopbackReport {
    let steady = &heard.steady;
    LoopbackReport {
        case,
        threads: if listening.threads.is_some() { 2 } else { 1 },
        rate_per_s,
        achieved_per_s: written.per_second(client, steady.start, steady.end - 1),
        read_buffer_bytes: listening.read_buffer_bytes as u64,
        messages: steady.end - steady.start,
        signals: heard.steady_signals().count() as u64,
        allocations: heard.allocations,
        disturbance: heard.disturbance,
    }
}

/// What was kept goes through the same stages by the same schedule, from memory: from the moment a
/// frame was due to its signal.
fn in_memory(heard: Heard, per_s: f64, places: Places) -> Result<LatencyHistogram, HarnessError> {
    let Heard { steady, kept, engine, .. } = heard;
    // Threads of its own pin themselves, which they could not if this one were pinned.
    let core = places.threads.is_none().then_some(places.client);
    on_core(core, || {
        let mut signals = Signals::with_room(kept.len());
        let mut memory = Memory::new(&kept, steady.end, per_s);
        engine.run(&mut memory, &mut signals)?;
        let due_ns = |frame: u64| memory.due_ns[(frame - steady.end) as usize];
        let mut latencies = LatencyHistogram::new();
        for (frame, at_ns) in signals.0 {
            latencies.record(Nanos::new((at_ns - due_ns(frame)) as i64));
        }
        Ok(latencies)
    })
}

/// On a thread of its own, which is pinned if a core is named: what comes after it is not.
fn on_core<T: Send>(
    core: Option<usize>,
    measure: impl FnOnce() -> Result<T, HarnessError> + Send,
) -> Result<T, HarnessError> {
    let pinned = || {
        core.map_or(Ok(()), pin_to_core)?;
        measure()
    };
    let measured = std::thread::scope(|scope| scope.spawn(pinned).join());
    measured.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Of busy-polled plain sockets, at all rates.
fn allocations_goal(results: &mut Results) {
    let busy = results.loopbacks.iter().filter(|loopback| loopback.case.ends_with("/busy-poll"));
    let (calls, messages) = busy.fold((0, 0), |(calls, messages), loopback| {
        (calls + loopback.allocations, messages + loopback.messages)
    });
    let per_million = Estimate::exact(calls as f64 * 1e6 / messages.max(1) as f64);
    let what = "calls of the allocator in a million messages, from a plain WebSocket to the signal";
    results.goals.push(Goal::at_most("wire-allocations", per_million, 0.0, what));
}

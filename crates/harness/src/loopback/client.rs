//! Our own client at the other end: `feed`'s, with both stages behind it.

use super::{
    Server,
    engine::{Engine, FRAME_GAP_NS, SYMBOL, Signals, received_at},
};
use crate::{Bench, HarnessError, allocations, host::Disturbance};
use bytes::Bytes;
use std::{
    hint::spin_loop,
    sync::{Arc, atomic::AtomicBool},
    thread,
    time::Duration,
};
use tickhawk_engine::{Cores, Input, MarketStage, Record, Source, Want, WantKind, pin_to_core};
use tickhawk_feed::{
    Arrival, ArrivalKind, Ask, Client, ClientOptions, Plan, SocketOptions, monotonic_ns,
};
use tickhawk_market::ConnectionId;
use tickhawk_venue::Venue;

/// The streams of an instrument that a client of Binance's futures takes: book diffs, best quotes,
/// trades.
pub(super) const STREAMS: &str =
    "/stream?streams=btcusdt@depth@0ms/btcusdt@bookTicker/btcusdt@trade";

/// Frames from the snapshot on until all features are valid, the longest window being ten seconds
/// and the next whole one beginning within another: 13 s of [`FRAME_GAP_NS`].
const WARM_UP_FRAMES: u64 = 13 * 1_000_000_000 / FRAME_GAP_NS;
/// Frames between a look at the kernel's counts, which takes some hundred microseconds, and the
/// first that counts.
const SETTLE_FRAMES: u64 = 64;
/// Longer than it takes to connect and to get a snapshot, by the gaps a client keeps to.
const START: Duration = Duration::from_secs(6);

/// How our client listens.
#[derive(Clone, Copy, Debug)]
pub struct Listening {
    /// Never sleeping.
    pub busy_poll: bool,
    /// Rehearsing while it waits, if it does not sleep.
    pub keep_warm: bool,
    /// The read buffer of its WebSocket.
    pub read_buffer_bytes: usize,
    /// Frames that count.
    pub frames: u64,
    /// The first that may, counted from 1 over the connection; it does once all features are valid.
    pub from: u64,
    /// Frames behind those that are kept and not scored.
    pub kept: u64,
    /// The core of a client on one thread.
    pub core: Option<usize>,
    /// The cores of a client on two; then `core` says nothing.
    pub threads: Option<Cores>,
}

/// What a client heard, by the clock that all processes share.
pub(super) struct Heard {
    /// The first frame that counts, counted from 1 over the connection, and the one behind the last.
    pub(super) steady: std::ops::Range<u64>,
    /// When each frame was in user space, from the first one on.
    pub(super) received_ns: Vec<u64>,
    /// Frames that made a signal, and when it was pushed.
    pub(super) signals: Vec<(u64, u64)>,
    /// Calls of the allocator on the client's thread while it was steady.
    pub(super) allocations: u64,
    /// What the kernel did to it meanwhile.
    pub(super) disturbance: Disturbance,
    /// Frames that were kept, the first of which follows the last that counts.
    pub(super) kept: Vec<Bytes>,
    /// Both stages, as they stood then.
    pub(super) engine: Engine,
}

impl Heard {
    /// Signals of the frames that count.
    pub(super) fn steady_signals(&self) -> impl Iterator<Item = (u64, u64)> {
        self.signals.iter().copied().filter(|(frame, _)| self.steady.contains(frame))
    }

    /// Each frame that counts.
    pub(super) fn steady_frames(&self) -> impl Iterator<Item = (u64, u64)> {
        self.steady.clone().map(|frame| (frame, self.received_ns[frame as usize - 1]))
    }
}

/// Listens to a server of so many messages a second, on a thread of its own, until all frames that
/// are wanted were heard.
///
/// # Errors
/// If the connection fails or says too little, a frame cannot be read, or a thread cannot be pinned.
pub(super) fn listen(
    bench: &Bench<'_>,
    server: &Server,
    per_s: f64,
    listening: Listening,
) -> Result<Heard, HarnessError> {
    let measure = || {
        // Before pinning: the client's own threads would inherit that.
        let mut wire = Wire::connect(server, per_s, listening)?;
        let engine = Engine::new(bench, listening.threads, listening.keep_warm)?;
        if let (Some(core), None) = (listening.core, listening.threads) {
            pin_to_core(core)?;
        }
        let mut signals = Signals::with_room(wire.received_ns.capacity());
        let engine = engine.run(&mut wire, &mut signals)?;
        wire.finish(engine, signals)
    };
    let measured = thread::scope(|scope| scope.spawn(measure).join());
    measured.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// The client as a source of records, and what it hears.
struct Wire {
    client: Client,
    arrival: Option<Arrival>,
    listening: Listening,
    limit: Duration,
    /// The first frame that counts, once a snapshot came.
    steady_from: Option<u64>,
    received_ns: Vec<u64>,
    before: Option<(u64, Disturbance)>,
    meanwhile: (u64, Disturbance),
    kept: Vec<Bytes>,
    closed: Option<String>,
}

impl Wire {
    fn connect(server: &Server, per_s: f64, listening: Listening) -> Result<Self, HarnessError> {
        let Listening { busy_poll, read_buffer_bytes, frames, from, kept, .. } = listening;
        let heard = (from + WARM_UP_FRAMES + SETTLE_FRAMES + frames + kept) as f64 / per_s;
        let limit = START + Duration::from_secs_f64(3.0 * heard);
        let plan = Plan {
            venue: Venue::BinanceFutures,
            symbols: vec![SYMBOL.to_owned()],
            connections: 1,
            endpoint: Some(format!("{}{STREAMS}", server.ws())),
            rest: Some(server.rest().to_owned()),
            retry: false,
            end_on_close: true,
            seed: 7,
        };
        let client = Client::start(ClientOptions {
            plan,
            ca: server.ca(),
            busy_poll,
            socket: SocketOptions { read_buffer_bytes, ..SocketOptions::default() },
            run_for: Some(limit),
            stop: Arc::new(AtomicBool::new(false)),
        })?;
        // As many frames as can come within the limit: nothing grows on the way.
        let room = (per_s * limit.as_secs_f64()) as usize;
        Ok(Self {
            client,
            arrival: None,
            listening,
            limit,
            steady_from: None,
            received_ns: Vec::with_capacity(room),
            before: None,
            meanwhile: (0, Disturbance::default()),
            kept: Vec::with_capacity(kept as usize),
            closed: None,
        })
    }

    /// Frames so far.
    fn heard(&self) -> u64 {
        self.received_ns.len() as u64
    }

    /// Looks at the counters where they begin to count, and where they end; whether all is heard.
    fn is_over(&mut self) -> bool {
        let Some(steady_from) = self.steady_from else { return false };
        let heard = self.heard();
        if self.before.is_none() && heard + SETTLE_FRAMES + 1 >= steady_from {
            // What it takes to ask the kernel is not counted.
            let disturbance = Disturbance::so_far();
            self.before = Some((allocations(), disturbance));
        }
        if heard + 1 < steady_from + self.listening.frames {
            return false;
        }
        if let Some((calls, disturbance)) = self.before {
            let calls = allocations() - calls;
            self.meanwhile = (calls, Disturbance::so_far().since(disturbance));
        }
        true
    }

    /// Hears the frames that are kept, and gives all back.
    fn finish(mut self, engine: Engine, signals: Signals) -> Result<Heard, HarnessError> {
        while self.closed.is_none() && (self.kept.len() as u64) < self.listening.kept {
            match self.client.next()?.map(|arrival| arrival.kind) {
                Some(ArrivalKind::Frame(bytes)) => self.kept.push(bytes),
                Some(ArrivalKind::Closed { reason }) => self.closed = Some(reason),
                Some(_) => {}
                None => break,
            }
        }
        let wanted = self.steady_from.map(|from| from..from + self.listening.frames);
        let steady = match wanted {
            Some(steady) if self.heard() + 1 >= steady.end => steady,
            _ => return Err(self.too_little()),
        };
        if (self.kept.len() as u64) < self.listening.kept {
            return Err(self.too_little());
        }
        if engine.faults() > 0 {
            let what = "a book went wrong on a connection that loses nothing".to_owned();
            return Err(HarnessError::Wire { what });
        }
        let (received_ns, (allocations, disturbance)) = (self.received_ns, self.meanwhile);
        let (signals, kept) = (signals.0, self.kept);
        Ok(Heard { steady, received_ns, signals, allocations, disturbance, kept, engine })
    }

    fn too_little(&self) -> HarnessError {
        let why = match &self.closed {
            Some(reason) => reason.clone(),
            None => format!("more did not come within {:?}", self.limit),
        };
        HarnessError::Wire { what: format!("{} frames were heard: {why}", self.heard()) }
    }
}

impl Source for Wire {
    type Error = HarnessError;

    fn next_record(&mut self) -> Result<Option<Record<'_>>, HarnessError> {
        self.await_record(&mut || {})
    }

    #[inline]
    fn await_record(&mut self, idle: &mut dyn FnMut()) -> Result<Option<Record<'_>>, HarnessError> {
        if self.is_over() {
            return Ok(None);
        }
        self.arrival = self.client.next_or(idle)?;
        let Some(arrival) = &self.arrival else { return Ok(None) };
        let input = match &arrival.kind {
            ArrivalKind::Frame(bytes) => {
                self.received_ns.push(monotonic_ns());
                Input::Frame(bytes)
            }
            ArrivalKind::RestReply { url, status, body } => {
                let valid = self.received_ns.len() as u64 + 1 + WARM_UP_FRAMES + SETTLE_FRAMES;
                self.steady_from = Some(valid.max(self.listening.from));
                Input::RestReply { url: Some(url), status: Some(*status), body }
            }
            ArrivalKind::Opened { .. } => Input::Opened,
            ArrivalKind::Sent(text) => Input::Sent(text),
            ArrivalKind::Alive => Input::Alive,
            ArrivalKind::Timer => Input::Timer,
            ArrivalKind::Closed { reason } => {
                self.closed = Some(reason.clone());
                return Ok(None);
            }
        };
        let received_at = received_at(self.received_ns.len() as u64);
        Ok(Some(Record { connection: arrival.connection, received_at, input }))
    }

    fn stepped(&mut self, _market: &MarketStage, wants: &mut Vec<Want>) {
        // What came is let go before more is read: its room is used again.
        self.arrival = None;
        for Want { link, kind } in wants.drain(..) {
            self.client.ask(match kind {
                WantKind::Snapshot { symbol } => Ask::Snapshot { link, symbol },
                WantKind::Resubscribe { symbol, channel } => {
                    Ask::Resubscribe { link, symbol, channel }
                }
                WantKind::Reconnect { connection } => Ask::Reconnect { connection },
                WantKind::GiveUp { connection, channel } => Ask::GiveUp { connection, channel },
            });
        }
    }
}

/// Frames in memory, each due at its moment: what is left when there is no socket.
pub(super) struct Memory<'a> {
    frames: &'a [Bytes],
    /// The number of the first one on its connection.
    first: u64,
    gap_ns: f64,
    began_ns: u64,
    /// When each was due.
    pub(super) due_ns: Vec<u64>,
}

impl<'a> Memory<'a> {
    pub(super) fn new(frames: &'a [Bytes], first: u64, per_s: f64) -> Self {
        let due_ns = Vec::with_capacity(frames.len());
        Self { frames, first, gap_ns: 1e9 / per_s, began_ns: monotonic_ns(), due_ns }
    }
}

impl Source for Memory<'_> {
    type Error = HarnessError;

    #[inline]
    fn next_record(&mut self) -> Result<Option<Record<'_>>, HarnessError> {
        let next = self.due_ns.len();
        let Some(bytes) = self.frames.get(next) else { return Ok(None) };
        let due_ns = self.began_ns + (next as f64 * self.gap_ns) as u64;
        while monotonic_ns() < due_ns {
            spin_loop();
        }
        self.due_ns.push(due_ns);
        let (connection, received_at) = (ConnectionId(0), received_at(self.first + next as u64));
        Ok(Some(Record { connection, received_at, input: Input::Frame(bytes) }))
    }
}

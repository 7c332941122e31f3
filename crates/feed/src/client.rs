//! The session with sockets: one thread that connects, reads and answers.

use crate::{
    Action, Arrival, ArrivalKind, Ask, ConnectError, Ending, FeedError, Plan, Session,
    SessionCounts, SocketOptions,
    clock::unix_now,
    rest::{Fetched, Rest},
    socket::{Heard, Socket},
    websocket,
};
use std::{
    collections::VecDeque,
    future::poll_fn,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};
use tickhawk_market::{ConnectionId, UnixNanos};
use tokio::{
    runtime::Runtime,
    time::{Interval, MissedTickBehavior, interval},
};
use tokio_rustls::TlsConnector;

/// How often the session looks at the time.
const TICK: Duration = Duration::from_millis(20);

/// So many ticks, a tenth of a second, between two timers handed to the market step.
const TICKS_PER_TIMER: u32 = 5;

/// Frames taken in a row before the host is asked what else has arrived: a stream that always has
/// a frame ready must not starve the others.
const FRAMES_PER_TURN: u32 = 32;

/// Times a client that never sleeps looks at its sockets before the runtime has a turn, for timers,
/// answers and connections, which count in milliseconds: some hundred microseconds, a turn being two.
const LOOKS_PER_TURN: u32 = 512;

/// How a client is run.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// What to keep up.
    pub plan: Plan,
    /// Certificate authorities to trust besides those of the web, as PEM.
    pub ca: Option<PathBuf>,
    /// Look for frames without ever sleeping: a core for a microsecond or more of wake-up.
    pub busy_poll: bool,
    /// What each socket is opened with.
    pub socket: SocketOptions,
    /// Ends the feed after so long.
    pub run_for: Option<Duration>,
    /// Set it to end the feed.
    pub stop: Arc<AtomicBool>,
}

/// What a client counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientCounts {
    /// What its session counted.
    pub session: SessionCounts,
    /// Connections closed because of a frame above [`websocket::FRAME_BYTES_MAX`].
    pub oversized: u64,
}

/// A feed of one venue. Nothing of it runs but inside [`Client::next`].
pub struct Client {
    runtime: Runtime,
    frames_in_turn: u32,
    wire: Wire,
}

/// All that is polled.
struct Wire {
    session: Session,
    sockets: Vec<Socket>,
    next_socket: usize,
    rest: Rest,
    tls: TlsConnector,
    socket_options: SocketOptions,
    busy_poll: bool,
    started: Instant,
    ticks: Interval,
    tick_count: u32,
    run_for: Option<Duration>,
    stop: Arc<AtomicBool>,
    arrivals: VecDeque<Arrival>,
    notices: VecDeque<String>,
    oversized: u64,
    outcome: Option<Result<(), FeedError>>,
}

impl Client {
    /// Starts the threads a client needs, so that they are not pinned with the caller's; connects
    /// nowhere yet.
    ///
    /// # Errors
    /// If this host refuses a thread or a socket, or the certificate authority cannot be read.
    pub fn start(options: ClientOptions) -> Result<Self, FeedError> {
        let host = |doing| move |detail: String| FeedError::Host { doing, detail };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            // Names are resolved there.
            .max_blocking_threads(1)
            .thread_keep_alive(Duration::from_secs(u32::MAX.into()))
            .build()
            .map_err(|error| host("starting the network runtime")(error.to_string()))?;
        // That thread is started now: later it would inherit the market thread's core.
        let _ = runtime.block_on(runtime.spawn_blocking(|| {}));
        let (tls, own) = websocket::tls(options.ca.as_deref())?;
        let rest = Rest::start(own)?;
        let ticks = {
            let _inside = runtime.enter();
            let mut ticks = interval(TICK);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        };
        let wire = Wire {
            session: Session::new(options.plan, 0),
            sockets: Vec::new(),
            next_socket: 0,
            rest,
            tls,
            socket_options: options.socket,
            busy_poll: options.busy_poll,
            started: Instant::now(),
            ticks,
            tick_count: 0,
            run_for: options.run_for,
            stop: options.stop,
            arrivals: VecDeque::new(),
            notices: VecDeque::new(),
            oversized: 0,
            outcome: None,
        };
        Ok(Self { runtime, frames_in_turn: 0, wire })
    }

    /// The next arrival; waits for it. `None` at the end: the venue closed for good, or stop was
    /// set.
    ///
    /// # Errors
    /// If the feed cannot go on.
    #[expect(clippy::should_implement_trait, reason = "it fails, and an iterator would hide that")]
    pub fn next(&mut self) -> Result<Option<Arrival>, FeedError> {
        self.next_or(&mut || {})
    }

    /// The same; a client that does not sleep lets `idle` use the time, each time when it has just
    /// looked at the sockets in vain.
    ///
    /// # Errors
    /// As [`Client::next`].
    pub fn next_or(&mut self, idle: &mut dyn FnMut()) -> Result<Option<Arrival>, FeedError> {
        let Self { runtime, frames_in_turn, wire } = self;
        let busy_poll = wire.busy_poll;
        runtime.block_on(async {
            *frames_in_turn += 1;
            if *frames_in_turn >= FRAMES_PER_TURN {
                *frames_in_turn = 0;
                turn().await;
            }
            loop {
                let polled = poll_fn(|cx| {
                    loop {
                        match wire.poll(cx) {
                            Poll::Ready(next) => return Poll::Ready(Some(next)),
                            Poll::Pending if busy_poll && wire.look(idle) => {}
                            Poll::Pending => {
                                // The runtime has its turn now.
                                *frames_in_turn = 0;
                                return if busy_poll { Poll::Ready(None) } else { Poll::Pending };
                            }
                        }
                    }
                });
                match polled.await {
                    Some(next) => return next,
                    None => turn().await,
                }
            }
        })
    }

    /// The market step wants something.
    pub fn ask(&mut self, ask: Ask) {
        let now_ns = self.wire.now_ns();
        self.wire.session.ask(ask, now_ns);
    }

    /// These instruments are wanted from here on, and no others; the market step was told before.
    pub fn set_symbols(&mut self, symbols: Vec<String>) {
        let now_ns = self.wire.now_ns();
        self.wire.session.set_symbols(symbols, now_ns);
    }

    /// Whether every book that is right on some link is right on this one.
    pub fn set_ready(&mut self, link: u16, is_ready: bool) {
        self.wire.session.set_ready(link, is_ready);
    }

    /// What was counted.
    pub fn counts(&self) -> ClientCounts {
        ClientCounts { session: self.wire.session.counts(), oversized: self.wire.oversized }
    }

    /// What people should know, since last asked: attempts that failed, connections that closed.
    pub fn take_notice(&mut self) -> Option<String> {
        self.wire.notices.pop_front()
    }
}

/// Lets the runtime look at timers, sockets and answers. Its own way of yielding allocates, once in
/// every call of `block_on`.
async fn turn() {
    let mut is_over = false;
    poll_fn(|cx| match std::mem::replace(&mut is_over, true) {
        true => Poll::Ready(()),
        false => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}

impl Wire {
    fn now_ns(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Arrival>, FeedError>> {
        loop {
            if let Some(arrival) = self.arrivals.pop_front() {
                return Poll::Ready(Ok(Some(arrival)));
            }
            if let Some(outcome) = &self.outcome {
                return Poll::Ready(outcome.clone().map(|()| None));
            }
            let mut moved = self.act();
            moved |= self.poll_ticks(cx);
            moved |= self.poll_rest(cx);
            moved |= self.poll_sockets(cx);
            if !moved && self.arrivals.is_empty() && self.outcome.is_none() {
                return Poll::Pending;
            }
        }
    }

    /// Does what the session wants done.
    fn act(&mut self) -> bool {
        let mut moved = false;
        while let Some(action) = self.session.take_action() {
            moved = true;
            match action {
                Action::Connect { connection, url } => {
                    let (tls, options) = (self.tls.clone(), self.socket_options);
                    let attempt = websocket::open(url.clone(), tls, options, self.busy_poll);
                    let attempt = Box::pin(attempt);
                    self.socket(connection).connect(url, attempt);
                }
                Action::Send { connection, text } => self.socket(connection).send(text),
                Action::Ping { connection } => self.socket(connection).ping(),
                Action::Close { connection, reason } => self.socket(connection).give_up(reason),
                Action::Fetch { fetch, url } => self.rest.ask(fetch, url),
                Action::End => self.outcome = Some(Ok(())),
                Action::Fail(error) => self.outcome = Some(Err(error)),
            }
        }
        moved
    }

    fn poll_ticks(&mut self, cx: &mut Context<'_>) -> bool {
        if self.ticks.poll_tick(cx).is_pending() {
            return false;
        }
        let is_over = self.run_for.is_some_and(|run_for| self.started.elapsed() >= run_for);
        if is_over || self.stop.load(Ordering::Relaxed) {
            self.outcome = Some(Ok(()));
        }
        let now_ns = self.now_ns();
        self.session.tick(now_ns);
        self.sockets.iter_mut().for_each(Socket::rouse);
        self.tick_count += 1;
        if self.tick_count.is_multiple_of(TICKS_PER_TIMER) {
            self.arrived(ConnectionId(0), unix_now(), ArrivalKind::Timer);
        }
        true
    }

    fn poll_rest(&mut self, cx: &mut Context<'_>) -> bool {
        let Poll::Ready(Some(Fetched { fetch, url, answer })) = self.rest.fetched.poll_recv(cx)
        else {
            return false;
        };
        let now_ns = self.now_ns();
        match answer {
            Ok(answer) => {
                let status = answer.status;
                if status != 200 {
                    self.notices.push_back(format!("`{url}` answered HTTP {status}"));
                }
                let settled =
                    self.session.fetched(fetch, Ok((status, answer.retry_after_s)), now_ns);
                if let Some(connection) = settled {
                    let body = answer.body;
                    let kind = ArrivalKind::RestReply { url, status, body };
                    self.arrived(connection, unix_now(), kind);
                }
            }
            Err(error) => {
                self.notices.push_back(error.to_string());
                self.session.fetched(fetch, Err(error), now_ns);
            }
        }
        true
    }

    /// Looks for bytes, and nothing else, for a while; whether some socket has any.
    fn look(&mut self, idle: &mut dyn FnMut()) -> bool {
        if !self.sockets.iter().any(Socket::is_open) {
            return false;
        }
        (0..LOOKS_PER_TURN).any(|_| {
            let found = self.sockets.iter_mut().any(Socket::look);
            if !found {
                idle();
            }
            found
        })
    }

    /// Takes what one socket has; the next call begins with the one after it.
    fn poll_sockets(&mut self, cx: &mut Context<'_>) -> bool {
        for _ in 0..self.sockets.len() {
            let index = self.next_socket % self.sockets.len();
            self.next_socket = index + 1;
            let connection = ConnectionId(index as u16);
            if let Poll::Ready(heard) = self.sockets[index].poll(cx) {
                self.heard(connection, heard);
                return true;
            }
        }
        false
    }

    #[inline]
    fn heard(&mut self, connection: ConnectionId, heard: Heard) {
        let received_at = unix_now();
        match heard {
            Heard::Frame { bytes, is_early } => {
                if is_early {
                    let now_ns = self.now_ns();
                    self.session.heard(connection, &bytes, now_ns);
                }
                self.arrived(connection, received_at, ArrivalKind::Frame(bytes));
            }
            Heard::Alive => self.arrived(connection, received_at, ArrivalKind::Alive),
            Heard::Sent(text) => self.arrived(connection, received_at, ArrivalKind::Sent(text)),
            Heard::Opened { url } => {
                let now_ns = self.now_ns();
                self.arrived(connection, received_at, ArrivalKind::Opened { url });
                self.session.opened(connection, now_ns);
            }
            Heard::Refused(error) => self.refused(connection, error),
            Heard::Closed { reason, ending, was_oversized } => {
                self.oversized += u64::from(was_oversized);
                self.closed(connection, received_at, reason, ending);
            }
        }
    }

    #[cold]
    fn refused(&mut self, connection: ConnectionId, error: ConnectError) {
        let now_ns = self.now_ns();
        self.notices.push_back(error.to_string());
        self.session.refused(connection, error, now_ns);
    }

    /// The last connection's normal close, where that is the end, is none the books hear of: they
    /// are as right as the venue left them.
    #[cold]
    fn closed(&mut self, connection: ConnectionId, at: UnixNanos, reason: String, ending: Ending) {
        let now_ns = self.now_ns();
        self.notices.push_back(format!("connection {}: {reason}", connection.0));
        if !self.session.is_end(ending) {
            self.arrived(connection, at, ArrivalKind::Closed { reason });
        }
        self.session.closed(connection, ending, now_ns);
    }

    #[inline]
    fn arrived(&mut self, connection: ConnectionId, received_at: UnixNanos, kind: ArrivalKind) {
        self.arrivals.push_back(Arrival { connection, received_at, kind });
    }

    fn socket(&mut self, connection: ConnectionId) -> &mut Socket {
        let index = usize::from(connection.0);
        if self.sockets.len() <= index {
            self.sockets.resize_with(index + 1, Socket::default);
        }
        &mut self.sockets[index]
    }
}

//! Sockets for an exchange without I/O: WebSockets and REST, TLS if wanted.

use crate::serving::{Client, Door, Event, Out, accept_rest, accept_socket};
use std::{
    collections::HashMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    net::TcpListener,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    sync::oneshot,
};

/// Bytes that may wait to be sent to one client; more hold up the exchange, so that a slow client
/// sets the pace of a flat-out one.
const UNSENT_BYTES_MAX: usize = 1 << 20;

/// A client that takes nothing for so long is dropped.
const STUCK_AFTER: Duration = Duration::from_secs(10);

/// Outputs in a row before the sockets have their turn.
const OUTPUTS_PER_TURN: u32 = 64;

/// The data is at its end; clients are closed when nobody has asked anything for so long.
const QUIET: Duration = Duration::from_millis(700);

/// How long clients have to answer the goodbye.
const GOODBYE: Duration = Duration::from_secs(3);

/// How far off a sleep may be: the runtime's timers count in milliseconds, and wake late.
const COARSE: Duration = Duration::from_millis(2);

/// How often sockets are looked at that have nothing to say.
const LOOK: Duration = Duration::from_millis(20);

/// An exchange to be served. Times are nanoseconds since serving began.
pub trait Served: Send {
    /// Whether a new connection is let in.
    fn accepts(&mut self) -> bool;
    /// A client opened a WebSocket to this path and query.
    fn connected(&mut self, client: u32, path: &str, now_ns: u64);
    /// A client sent this text.
    fn received(&mut self, client: u32, text: &str, now_ns: u64);
    /// A client is gone.
    fn disconnected(&mut self, client: u32);
    /// Somebody GETs this path and query.
    fn rest(&mut self, request: u32, path: &str, now_ns: u64);
    /// A frame went to the kernel, by [`crate::monotonic_ns`] of just before; frames are counted from
    /// 1 for each client. Only told where [`ServeOptions::tells_writes`] asks for it.
    fn written(&mut self, _client: u32, _frame: u64, _at_ns: u64) {}
    /// What to do next.
    fn poll(&mut self, now_ns: u64) -> ServedOutput;
}

/// What an exchange wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServedOutput {
    /// Send this text.
    Frame {
        /// To whom.
        client: u32,
        /// What.
        text: String,
    },
    /// Close with a goodbye.
    Close {
        /// Whom.
        client: u32,
        /// A WebSocket close code.
        code: u16,
        /// In a word.
        reason: String,
    },
    /// Neither send to this client nor read from it any more, its pings included, and keep the
    /// connection.
    Mute {
        /// Whom.
        client: u32,
    },
    /// Reset the connection: no goodbye, and what is under way is lost.
    Reset {
        /// Whose.
        client: u32,
    },
    /// Answer a REST request.
    Reply {
        /// Which.
        request: u32,
        /// The HTTP status.
        status: u16,
        /// Seconds of a `Retry-After` header.
        retry_after_s: Option<u32>,
        /// The body.
        body: String,
    },
    /// Nothing before this, unless somebody says something.
    Wait {
        /// Until when.
        until_ns: u64,
    },
    /// The data is at its end.
    Ended,
}

/// How an exchange is served.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Where WebSockets are opened; port 0 takes a free one.
    pub address: SocketAddr,
    /// Where REST is answered.
    pub rest_address: SocketAddr,
    /// Certificate chain and key, as PEM: then both speak TLS.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Keep times to some microseconds: what is due within two milliseconds is
    /// waited for without sleeping.
    pub is_punctual: bool,
    /// Give each frame to the kernel by itself, and tell when.
    pub tells_writes: bool,
    /// Set it to end.
    pub stop: Arc<AtomicBool>,
}

/// Why serving could not begin.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The port is taken, or not ours to take: choose another, or 0.
    #[error("cannot listen on {address}: {source}\nhint: choose another port, or 0 for a free one")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The certificate or its key cannot be used.
    #[error("cannot speak TLS with `{path}`: {detail}")]
    Tls {
        /// The file.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// The host refused the network runtime.
    #[error("cannot start the network runtime: {0}")]
    Runtime(std::io::Error),
}

/// Serves until the data is at its end and the clients are gone, or stop is set. `ready` is told
/// the WebSocket's and the REST address once both listen.
///
/// # Errors
/// If it cannot listen.
pub fn serve(
    served: &mut impl Served,
    options: &ServeOptions,
    ready: impl FnOnce(&str, &str),
) -> Result<(), ServeError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(ServeError::Runtime)?.block_on(async {
        let tls = match &options.tls {
            Some((chain, key)) => Some(crate::serving::acceptor(chain, key)?),
            None => None,
        };
        let sockets = listen(options.address).await?;
        let rests = listen(options.rest_address).await?;
        let s = if tls.is_some() { "s" } else { "" };
        let address = |listener: &TcpListener| listener.local_addr().unwrap_or(options.address);
        ready(&format!("ws{s}://{}", address(&sockets)), &format!("http{s}://{}", address(&rests)));
        let (events, heard) = unbounded_channel();
        let host = Host {
            served,
            stop: Arc::clone(&options.stop),
            started: Instant::now(),
            door: Door { tls, tells_writes: options.tells_writes, events },
            is_punctual: options.is_punctual,
            clients: HashMap::new(),
            requests: HashMap::new(),
            next_client: 0,
            next_request: 0,
            last_heard: Instant::now(),
        };
        host.run(sockets, rests, heard).await;
        Ok(())
    })
}

async fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let listen = TcpListener::bind(address).await;
    listen.map_err(|source| ServeError::Listen { address, source })
}

struct Host<'a, S> {
    served: &'a mut S,
    stop: Arc<AtomicBool>,
    started: Instant,
    door: Door,
    is_punctual: bool,
    clients: HashMap<u32, Client>,
    requests: HashMap<u32, oneshot::Sender<(u16, Option<u32>, String)>>,
    next_client: u32,
    next_request: u32,
    last_heard: Instant,
}

impl<S: Served> Host<'_, S> {
    async fn run(
        mut self,
        sockets: TcpListener,
        rests: TcpListener,
        mut heard: UnboundedReceiver<Event>,
    ) {
        let mut wait = Duration::ZERO;
        let mut goodbye: Option<Instant> = None;
        loop {
            tokio::select! {
                biased;
                Some(event) = heard.recv() => self.heard(event),
                Ok((stream, _)) = sockets.accept() => {
                    let lets_in = self.served.accepts();
                    let client = self.next_client;
                    self.next_client += 1;
                    accept_socket(client, stream, lets_in, self.door.clone());
                }
                Ok((stream, _)) = rests.accept() => {
                    accept_rest(stream, self.door.clone());
                }
                () = tokio::time::sleep(wait), if wait > Duration::ZERO => {}
                () = tokio::task::yield_now(), if wait.is_zero() => {}
            }
            while let Ok(event) = heard.try_recv() {
                self.heard(event);
            }
            let stopped = self.stop.load(Ordering::Relaxed);
            if let Some(since) = goodbye {
                if self.clients.is_empty() || since.elapsed() > GOODBYE {
                    return;
                }
                wait = Duration::from_millis(5);
                continue;
            }
            let is_over;
            (wait, is_over) = self.play();
            if stopped || is_over {
                let code = if stopped { 1001 } else { 1000 };
                for client in self.clients.values() {
                    client.send(Out::Close { code, reason: String::new() });
                }
                goodbye = Some(Instant::now());
            }
        }
    }

    fn now_ns(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn heard(&mut self, event: Event) {
        let now_ns = self.now_ns();
        // What we write is not what anybody says.
        if !matches!(event, Event::Written { .. }) {
            self.last_heard = Instant::now();
        }
        match event {
            Event::Connected { client, path, handle } => {
                self.clients.insert(client, handle);
                self.served.connected(client, &path, now_ns);
            }
            Event::Received { client, text } => self.served.received(client, &text, now_ns),
            Event::Disconnected { client } => {
                if self.clients.remove(&client).is_some() {
                    self.served.disconnected(client);
                }
            }
            Event::Written { client, frame, at_ns } => self.served.written(client, frame, at_ns),
            Event::Rest { path, reply } => {
                let request = self.next_request;
                self.next_request = self.next_request.wrapping_add(1);
                self.requests.insert(request, reply);
                self.served.rest(request, &path, now_ns);
            }
        }
    }

    /// Plays on; how long to wait before the next call, and whether all is over.
    fn play(&mut self) -> (Duration, bool) {
        for _ in 0..OUTPUTS_PER_TURN {
            if self.is_held_up() {
                return (Duration::from_millis(1), false);
            }
            let now_ns = self.now_ns();
            match self.served.poll(now_ns) {
                ServedOutput::Frame { client, text } => self.send(client, Out::Frame(text)),
                ServedOutput::Close { client, code, reason } => {
                    self.send(client, Out::Close { code, reason });
                }
                ServedOutput::Mute { client } => self.send(client, Out::Mute),
                ServedOutput::Reset { client } => self.send(client, Out::Reset),
                ServedOutput::Reply { request, status, retry_after_s, body } => {
                    self.last_heard = Instant::now();
                    if let Some(reply) = self.requests.remove(&request) {
                        // Whoever asked may be gone.
                        let _ = reply.send((status, retry_after_s, body));
                    }
                }
                ServedOutput::Wait { until_ns } => {
                    return (
                        self.nap(Duration::from_nanos(until_ns.saturating_sub(now_ns))),
                        false,
                    );
                }
                ServedOutput::Ended => {
                    let is_sent = self.clients.values().all(|client| client.unsent_bytes() == 0);
                    let is_over = is_sent && self.last_heard.elapsed() > QUIET;
                    return (Duration::from_millis(5), is_over);
                }
            }
        }
        (Duration::ZERO, false)
    }

    /// How long to sleep when something is due so soon; nothing is to look again at once.
    fn nap(&self, until: Duration) -> Duration {
        match self.is_punctual {
            true => until.saturating_sub(COARSE).min(LOOK),
            false => until.clamp(Duration::from_micros(50), LOOK),
        }
    }

    fn send(&mut self, client: u32, out: Out) {
        if let Some(client) = self.clients.get(&client) {
            client.send(out);
        }
    }

    /// Whether a client has too much before it; one that is stuck is reset.
    fn is_held_up(&mut self) -> bool {
        let mut held_up = false;
        for client in self.clients.values_mut() {
            let full = client.unsent_bytes() > UNSENT_BYTES_MAX;
            held_up |= full;
            if client.is_stuck(full, STUCK_AFTER) {
                client.abort();
            }
        }
        held_up
    }
}

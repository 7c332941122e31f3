//! One socket of a served exchange: a WebSocket's conversation, a REST connection's requests.

use crate::{ServeError, monotonic_ns, websocket};
use futures_util::{SinkExt, StreamExt};
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use std::{
    convert::Infallible,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::{
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
        oneshot,
    },
    task::AbortHandle,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async_with_config,
    tungstenite::{
        Message,
        handshake::server::{Request as WsRequest, Response as WsResponse},
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

/// How long a client may take over its handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Something that came from a client.
pub(crate) enum Event {
    Connected { client: u32, path: String, handle: Client },
    Received { client: u32, text: String },
    Disconnected { client: u32 },
    Rest { path: String, reply: oneshot::Sender<(u16, Option<u32>, String)> },
    Written { client: u32, frame: u64, at_ns: u64 },
}

/// How sockets are let in, and who hears of them.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) tells_writes: bool,
    pub(crate) events: UnboundedSender<Event>,
}

/// Something for a client.
pub(crate) enum Out {
    Frame(String),
    Close { code: u16, reason: String },
    Mute,
    Reset,
}

/// A client, as whoever feeds it sees it.
pub(crate) struct Client {
    out: UnboundedSender<Out>,
    unsent: Arc<AtomicUsize>,
    last_unsent: usize,
    full_since: Option<Instant>,
    task: AbortHandle,
}

impl Client {
    pub(crate) fn send(&self, out: Out) {
        if let Out::Frame(text) = &out {
            self.unsent.fetch_add(text.len(), Ordering::Relaxed);
        }
        // A client that is gone takes nothing more.
        let _ = self.out.send(out);
    }

    pub(crate) fn unsent_bytes(&self) -> usize {
        self.unsent.load(Ordering::Relaxed)
    }

    /// Whether it has been full for so long without taking anything.
    pub(crate) fn is_stuck(&mut self, is_full: bool, after: Duration) -> bool {
        let unsent = self.unsent_bytes();
        if !is_full || unsent < self.last_unsent {
            self.full_since = None;
        }
        self.last_unsent = unsent;
        is_full && self.full_since.get_or_insert_with(Instant::now).elapsed() > after
    }

    pub(crate) fn abort(&self) {
        self.task.abort();
    }
}

/// Tells that a client is gone, however it went.
struct Gone {
    client: u32,
    events: UnboundedSender<Event>,
}

impl Drop for Gone {
    fn drop(&mut self) {
        let _ = self.events.send(Event::Disconnected { client: self.client });
    }
}

/// Speaks TLS with this chain and key.
pub(crate) fn acceptor(chain: &Path, key: &Path) -> Result<TlsAcceptor, ServeError> {
    let wrong = |path: &Path, detail: String| ServeError::Tls { path: path.to_owned(), detail };
    let certificates = CertificateDer::pem_file_iter(chain)
        .and_then(Iterator::collect)
        .map_err(|error| wrong(chain, error.to_string()))?;
    let private =
        PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, error.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(chain, error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(certificates, private)
        .map_err(|error| wrong(chain, error.to_string()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Takes a TCP connection on: a WebSocket, or shuts the door on it.
pub(crate) fn accept_socket(client: u32, stream: TcpStream, lets_in: bool, door: Door) {
    let _ = stream.set_nodelay(true);
    if !lets_in {
        let _ = stream.set_zero_linger();
        return;
    }
    tokio::spawn(async move {
        match door.tls.clone() {
            None => handshake(client, stream, door, |stream| stream).await,
            Some(tls) => {
                let accepted = tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await;
                if let Ok(Ok(stream)) = accepted {
                    handshake(client, stream, door, |stream: &TlsStream<TcpStream>| {
                        stream.get_ref().0
                    })
                    .await;
                }
            }
        }
    });
}

async fn handshake<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    client: u32,
    stream: S,
    door: Door,
    tcp: fn(&S) -> &TcpStream,
) {
    let mut path = String::new();
    #[expect(clippy::result_large_err, reason = "the library's own signature")]
    let note = |request: &WsRequest, response: WsResponse| {
        path = request.uri().path_and_query().map_or(String::new(), ToString::to_string);
        Ok(response)
    };
    let config = websocket::config(websocket::SocketOptions::default());
    let accepted = accept_hdr_async_with_config(stream, note, Some(config));
    let Ok(Ok(socket)) = tokio::time::timeout(HANDSHAKE, accepted).await else { return };
    let (out, texts) = unbounded_channel();
    let unsent = Arc::new(AtomicUsize::new(0));
    let gone = Gone { client, events: door.events.clone() };
    let (go, started) = oneshot::channel::<()>();
    let events = door.events.clone();
    let talk = {
        let unsent = Arc::clone(&unsent);
        tokio::spawn(async move {
            let _gone = gone;
            if started.await.is_ok() {
                converse(client, socket, texts, &unsent, &door, tcp).await;
            }
        })
    };
    let task = talk.abort_handle();
    let handle = Client { out, unsent, last_unsent: 0, full_since: None, task };
    if events.send(Event::Connected { client, path, handle }).is_ok() {
        let _ = go.send(());
    }
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    client: u32,
    mut socket: WebSocketStream<S>,
    mut texts: UnboundedReceiver<Out>,
    unsent: &AtomicUsize,
    door: &Door,
    tcp: fn(&S) -> &TcpStream,
) {
    let Door { tells_writes, events, .. } = door;
    let mut frame = 0;
    loop {
        tokio::select! {
            out = texts.recv() => match out {
                None => return,
                Some(Out::Frame(text)) => {
                    let bytes = text.len();
                    if socket.feed(Message::text(text)).await.is_err() {
                        return;
                    }
                    frame += 1;
                    let at_ns = if *tells_writes { monotonic_ns() } else { 0 };
                    if (*tells_writes || texts.is_empty()) && socket.flush().await.is_err() {
                        return;
                    }
                    if *tells_writes {
                        // Told afterwards: nothing stands between the clock and the write.
                        let _ = events.send(Event::Written { client, frame, at_ns });
                    }
                    unsent.fetch_sub(bytes, Ordering::Relaxed);
                }
                Some(Out::Close { code, reason }) => {
                    let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
                    let _ = socket.close(Some(frame)).await;
                }
                Some(Out::Mute) => return stay_mute(&mut texts, tcp(socket.get_ref())).await,
                Some(Out::Reset) => {
                    let _ = tcp(socket.get_ref()).set_zero_linger();
                    return;
                }
            },
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    let text = text.as_str().to_owned();
                    if events.send(Event::Received { client, text }).is_err() {
                        return;
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
        }
    }
}

/// Keeps the connection as a network does that lost it without telling: until it is closed or reset
/// from here, or the client has given it up and there is nobody to be told.
async fn stay_mute(texts: &mut UnboundedReceiver<Out>, stream: &TcpStream) {
    let mut looks = tokio::time::interval(Duration::from_millis(200));
    loop {
        tokio::select! {
            out = texts.recv() => if let None | Some(Out::Close { .. } | Out::Reset) = out {
                let _ = stream.set_zero_linger();
                return;
            },
            _ = looks.tick() => {
                // The client's end of stream stands behind what it said before.
                let mut taken = [0; 4096];
                while let Ok(count) = stream.try_read(&mut taken) {
                    if count == 0 {
                        return;
                    }
                }
            }
        }
    }
}

/// Takes a TCP connection on for REST.
pub(crate) fn accept_rest(stream: TcpStream, Door { tls, events, .. }: Door) {
    tokio::spawn(async move {
        match tls {
            None => answer(stream, events).await,
            Some(tls) => {
                if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
                    answer(stream, events).await;
                }
            }
        }
    });
}

async fn answer<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    events: UnboundedSender<Event>,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let events = events.clone();
        async move {
            let path = request.uri().path_and_query().map_or(String::new(), ToString::to_string);
            let (reply, replied) = oneshot::channel();
            let _ = events.send(Event::Rest { path, reply });
            let (status, retry_after_s, body) = replied.await.unwrap_or((503, None, String::new()));
            let mut response =
                Response::builder().status(status).header("content-type", "application/json");
            if let Some(seconds) = retry_after_s {
                response = response.header("retry-after", seconds);
            }
            let body = Full::new(bytes::Bytes::from(body));
            Ok::<_, Infallible>(response.body(body).unwrap_or_default())
        }
    });
    // A client that hangs up is no error of ours.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

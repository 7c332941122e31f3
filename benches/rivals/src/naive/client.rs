//! The naive pipeline as a WebSocket client: tokio-tungstenite's defaults, then the channel.

use super::Threaded;
use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::{Instant, SystemTime, UNIX_EPOCH},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::{connect_async, tungstenite::Message};

/// Where the server is, and what it plays.
pub struct Endpoint<'a> {
    /// `ws://host:port`.
    pub ws: &'a str,
    /// `http://host:port`.
    pub rest: &'a str,
    /// Symbol, as the venue writes it.
    pub symbol: &'a str,
    /// Tick.
    pub tick_size: f64,
}

/// One signal's way, in nanoseconds since the Unix epoch by this host's clock.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Way {
    /// Exchange time of the message, by which it is known again.
    pub exchange_ms: u64,
    /// When the socket's read had given the message.
    pub received: u64,
    /// When its signal was written.
    pub signalled: u64,
}

/// Connects, scores until the server closes, and tells each signal's way.
pub async fn run(endpoint: &Endpoint<'_>, model: &Path) -> Result<Vec<Way>> {
    let lower = endpoint.symbol.to_lowercase();
    let path = format!("/stream?streams={lower}@depth@0ms/{lower}@bookTicker/{lower}@trade");
    let (mut socket, _) = connect_async(format!("{}{path}", endpoint.ws)).await?;
    let ways: Arc<Mutex<Vec<Way>>> = Arc::default();
    let scored = {
        let ways = ways.clone();
        move |exchange_ms, received| {
            let way = Way { exchange_ms, received, signalled: unix_nanos() };
            ways.lock().expect("nobody panics").push(way);
        }
    };
    let mut pipeline = Threaded::new(endpoint.tick_size, model, std::io::sink(), scored)?;
    while let Some(message) = socket.next().await {
        let text = match message {
            Ok(Message::Text(text)) => text,
            Ok(Message::Close(_)) | Err(_) => break,
            Ok(_) => continue,
        };
        pipeline.on_message(unix_nanos(), text.as_bytes())?;
        if pipeline.wants_snapshot() {
            let target = format!("/fapi/v1/depth?symbol={}&limit=1000", endpoint.symbol);
            let body = get(endpoint.rest, &target).await?;
            pipeline.on_snapshot(unix_nanos(), &body)?;
        }
    }
    pipeline.finish()?;
    Ok(std::mem::take(&mut *ways.lock().expect("nobody panics")))
}

/// Now, by the clock that every process of this host shares; the monotonic one moves it on.
pub fn unix_nanos() -> u64 {
    use std::sync::OnceLock;
    static START: OnceLock<(Instant, u64)> = OnceLock::new();
    let (start, unix) = START.get_or_init(|| {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        (Instant::now(), unix.as_nanos() as u64)
    });
    unix + start.elapsed().as_nanos() as u64
}

/// A plain GET, for the one snapshot: the connection closes after the answer.
async fn get(rest: &str, target: &str) -> Result<Vec<u8>> {
    let host = rest.strip_prefix("http://").context("the REST address is not http")?;
    let mut stream = TcpStream::connect(host).await?;
    let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n").context("no answer")?;
    if !answer.starts_with(b"HTTP/1.1 200") {
        bail!("the snapshot was refused: {}", String::from_utf8_lossy(&answer[..head]));
    }
    Ok(answer.split_off(head + 4))
}

//! The naive pipeline as a WebSocket client: tokio-tungstenite's defaults, then the channel, or none.

use super::{Inline, Threaded};
use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use std::{
    path::Path,
    sync::{Arc, Mutex},
};
use tickhawk_feed::monotonic_ns;
use tickhawk_harness::loopback::{frame_at, received_at};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::{connect_async, tungstenite::Message};

/// Where the server is, what it plays, and how it is listened to.
pub struct Endpoint<'a> {
    /// `ws://host:port`.
    pub ws: &'a str,
    /// `http://host:port`.
    pub rest: &'a str,
    /// Symbol, as the venue writes it.
    pub symbol: &'a str,
    /// Tick.
    pub tick_size: f64,
    /// Text frames to hear, answers to requests included.
    pub frames: u64,
    /// On one task, without a channel.
    pub inline: bool,
}

/// Frames that made a signal, counted from 1 over the connection, and when it was written, by the
/// clock that all processes share.
pub type Ways = Vec<(u64, u64)>;

/// Either form of it.
enum Pipeline {
    TwoThreads(Threaded),
    OneTask(Inline<std::io::Sink>),
}

/// Connects, scores so many frames or until the server closes, and tells each signal's way.
pub async fn run(endpoint: &Endpoint<'_>, model: &Path) -> Result<Ways> {
    let ways: Arc<Mutex<Ways>> = Arc::default();
    let signalled = {
        let ways = ways.clone();
        move |frame| ways.lock().expect("nobody panics").push((frame, monotonic_ns()))
    };
    let mut pipeline = Pipeline::new(endpoint, model, signalled.clone())?;
    let lower = endpoint.symbol.to_lowercase();
    let path = format!("/stream?streams={lower}@depth@0ms/{lower}@bookTicker/{lower}@trade");
    let (mut socket, _) = connect_async(format!("{}{path}", endpoint.ws)).await?;
    let mut frame = 0;
    while let Some(message) = socket.next().await {
        let text = match message {
            Ok(Message::Text(text)) => text,
            Ok(Message::Close(_)) | Err(_) => break,
            Ok(_) => continue,
        };
        frame += 1;
        if pipeline.on_message(frame, text.as_bytes())? {
            signalled(frame);
        }
        if pipeline.wants_snapshot() {
            let target = format!("/fapi/v1/depth?symbol={}&limit=1000", endpoint.symbol);
            let body = get(endpoint.rest, &target).await?;
            pipeline.on_snapshot(frame, &body)?;
        }
        if frame == endpoint.frames {
            break;
        }
    }
    if let Pipeline::TwoThreads(threaded) = pipeline {
        threaded.finish()?;
    }
    Ok(std::mem::take(&mut *ways.lock().expect("nobody panics")))
}

impl Pipeline {
    fn new(
        endpoint: &Endpoint<'_>,
        model: &Path,
        signalled: impl Fn(u64) + Send + 'static,
    ) -> Result<Self> {
        let Endpoint { tick_size, inline, .. } = *endpoint;
        if inline {
            return Ok(Self::OneTask(Inline::new(tick_size, model, std::io::sink())?));
        }
        let of_time = move |at| signalled(frame_at(at));
        Ok(Self::TwoThreads(Threaded::new(tick_size, model, std::io::sink(), of_time)?))
    }

    /// A frame, taken as received when Tickhawk's client takes it as received; whether its signal is
    /// out, as far as this task knows.
    fn on_message(&mut self, frame: u64, bytes: &[u8]) -> Result<bool> {
        let at = received_at(frame).nanos();
        match self {
            Self::TwoThreads(threaded) => threaded.on_message(at, bytes).map(|()| false),
            Self::OneTask(inline) => inline.on_message(at, bytes),
        }
    }

    fn on_snapshot(&mut self, frame: u64, body: &[u8]) -> Result<()> {
        let at = received_at(frame).nanos();
        match self {
            Self::TwoThreads(threaded) => threaded.on_snapshot(at, body),
            Self::OneTask(inline) => inline.on_snapshot(at, body),
        }
    }

    fn wants_snapshot(&self) -> bool {
        match self {
            Self::TwoThreads(threaded) => threaded.wants_snapshot(),
            Self::OneTask(inline) => inline.wants_snapshot(),
        }
    }
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

//! One WebSocket: being opened, open, or not there.

use crate::{
    ConnectError, Ending,
    tcp::Tcp,
    websocket::{Attempt, FRAME_BYTES_MAX, Stream},
};
use bytes::Bytes;
use futures_util::{Sink, Stream as _};
use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
};
use tokio_tungstenite::{
    MaybeTlsStream,
    tungstenite::{
        Error as WsError, Message,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

/// So many first frames are shown to the session: a greeting, or answers to what it said first.
const EARLY_FRAMES: u32 = 4;

/// What a socket has to say.
#[derive(Debug)]
pub(crate) enum Heard {
    Opened { url: String },
    Refused(ConnectError),
    Frame { bytes: Bytes, is_early: bool },
    Sent(Bytes),
    Alive,
    Closed { reason: String, ending: Ending, was_oversized: bool },
}

#[derive(Default)]
enum State {
    #[default]
    Idle,
    Connecting {
        url: String,
        attempt: Attempt,
    },
    Open(Box<Open>),
}

struct Open {
    stream: Stream,
    /// All that was read was taken, and nobody is woken by more: look first.
    is_drained: bool,
    outbox: VecDeque<String>,
    wants_ping: bool,
    needs_flush: bool,
    frames_heard: u32,
    given_up: Option<&'static str>,
    goodbye: Option<(String, Ending)>,
}

/// One WebSocket.
#[derive(Default)]
pub(crate) struct Socket {
    state: State,
}

impl Socket {
    pub(crate) fn connect(&mut self, url: String, attempt: Attempt) {
        self.state = State::Connecting { url, attempt };
    }

    pub(crate) fn send(&mut self, text: String) {
        if let State::Open(open) = &mut self.state {
            open.outbox.push_back(text);
        }
    }

    pub(crate) fn ping(&mut self) {
        if let State::Open(open) = &mut self.state {
            open.wants_ping = true;
        }
    }

    pub(crate) fn give_up(&mut self, reason: &'static str) {
        if let State::Open(open) = &mut self.state {
            open.given_up = Some(reason);
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// Whether bytes have come to a socket that all was taken from.
    #[inline]
    pub(crate) fn look(&mut self) -> bool {
        match &mut self.state {
            State::Open(open) => open.look(),
            _ => false,
        }
    }

    /// It is polled again, whether bytes have come or not: an answer to a ping that did not go out
    /// at once waits for that.
    pub(crate) fn rouse(&mut self) {
        if let State::Open(open) = &mut self.state {
            open.is_drained = false;
        }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Heard> {
        match &mut self.state {
            State::Idle => Poll::Pending,
            State::Connecting { url, attempt } => {
                let Poll::Ready(opened) = attempt.as_mut().poll(cx) else { return Poll::Pending };
                let url = std::mem::take(url);
                Poll::Ready(self.connected(url, opened))
            }
            State::Open(open) => {
                let heard = open.poll(cx);
                if let Poll::Ready(Heard::Closed { .. }) = heard {
                    self.state = State::Idle;
                }
                heard
            }
        }
    }

    #[cold]
    fn connected(&mut self, url: String, opened: Result<Stream, ConnectError>) -> Heard {
        match opened {
            Err(error) => {
                self.state = State::Idle;
                Heard::Refused(error)
            }
            Ok(stream) => {
                self.state = State::Open(Box::new(Open {
                    stream,
                    is_drained: false,
                    outbox: VecDeque::new(),
                    wants_ping: false,
                    needs_flush: false,
                    frames_heard: 0,
                    given_up: None,
                    goodbye: None,
                }));
                Heard::Opened { url }
            }
        }
    }
}

impl Open {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Heard> {
        if let Some(reason) = self.given_up {
            return Poll::Ready(self.close(reason, cx));
        }
        if self.needs_flush || self.wants_ping || !self.outbox.is_empty() {
            match self.poll_send(cx) {
                Ok(Some(text)) => return Poll::Ready(Heard::Sent(text)),
                Ok(None) => {}
                Err(error) => return Poll::Ready(self.broken(error)),
            }
        }
        // tungstenite fills its buffer with zeros for every read, also for one that finds nothing.
        match self.is_drained {
            true => Poll::Pending,
            false => self.poll_receive(cx),
        }
    }

    #[inline]
    fn look(&mut self) -> bool {
        if self.is_drained && self.tcp().is_some_and(Tcp::look) {
            self.is_drained = false;
            return true;
        }
        false
    }

    fn tcp(&mut self) -> Option<&mut Tcp> {
        match self.stream.get_mut() {
            MaybeTlsStream::Plain(tcp) => Some(tcp),
            MaybeTlsStream::Rustls(tls) => Some(tls.get_mut().0),
            _ => None,
        }
    }

    #[inline]
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Heard> {
        loop {
            let Poll::Ready(next) = Pin::new(&mut self.stream).poll_next(cx) else {
                self.is_drained = self.tcp().is_some_and(|tcp| tcp.looks());
                return Poll::Pending;
            };
            let bytes = match next {
                Some(Ok(Message::Text(text))) => Bytes::from(text),
                Some(Ok(Message::Binary(bytes))) => bytes,
                // Pings are answered by the library.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {
                    return Poll::Ready(Heard::Alive);
                }
                Some(Ok(Message::Close(frame))) => {
                    self.goodbye = Some(goodbye(frame));
                    continue;
                }
                Some(Err(error)) => return Poll::Ready(self.broken(error)),
                None => return Poll::Ready(self.ended()),
            };
            let is_early = self.frames_heard < EARLY_FRAMES;
            self.frames_heard += u32::from(is_early);
            return Poll::Ready(Heard::Frame { bytes, is_early });
        }
    }

    /// Hands one text to the socket, or flushes what was handed over.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<Option<Bytes>, WsError> {
        let mut stream = Pin::new(&mut self.stream);
        if self.wants_ping || !self.outbox.is_empty() {
            match stream.as_mut().poll_ready(cx) {
                Poll::Pending => return Ok(None),
                Poll::Ready(ready) => ready?,
            }
            if std::mem::take(&mut self.wants_ping) {
                stream.as_mut().start_send(Message::Ping(Bytes::new()))?;
                self.needs_flush = true;
            } else if let Some(text) = self.outbox.pop_front() {
                let sent = Bytes::copy_from_slice(text.as_bytes());
                stream.start_send(Message::text(text))?;
                self.needs_flush = true;
                return Ok(Some(sent));
            }
        }
        if let Poll::Ready(flushed) = stream.poll_flush(cx) {
            flushed?;
            self.needs_flush = false;
        }
        Ok(None)
    }

    /// We close: a goodbye as far as it goes out at once.
    #[cold]
    fn close(&mut self, reason: &str, cx: &mut Context<'_>) -> Heard {
        let mut stream = Pin::new(&mut self.stream);
        if let Poll::Ready(Ok(())) = stream.as_mut().poll_ready(cx) {
            let _ = stream.as_mut().start_send(Message::Close(None));
            let _ = stream.as_mut().poll_flush(cx);
        }
        let reason = format!("we closed it: {reason}");
        Heard::Closed { reason, ending: Ending::Broken, was_oversized: false }
    }

    #[cold]
    fn ended(&mut self) -> Heard {
        match self.goodbye.take() {
            Some((words, ending)) => {
                let reason = format!("the venue closed it{words}");
                Heard::Closed { reason, ending, was_oversized: false }
            }
            None => Heard::Closed {
                reason: "it ended without a goodbye".to_owned(),
                ending: Ending::Broken,
                was_oversized: false,
            },
        }
    }

    #[cold]
    fn broken(&mut self, error: WsError) -> Heard {
        if self.goodbye.is_some() {
            return self.ended();
        }
        let was_oversized = matches!(error, WsError::Capacity(_));
        let reason = match was_oversized {
            true => format!("a frame above {FRAME_BYTES_MAX} bytes: {error}"),
            false => error.to_string(),
        };
        Heard::Closed { reason, ending: Ending::Broken, was_oversized }
    }
}

/// What a close frame says. A venue that closes for another reason than that it is done (1000) or
/// going away (1001) is to be connected to again.
fn goodbye(frame: Option<CloseFrame>) -> (String, Ending) {
    let Some(CloseFrame { code, reason }) = frame else { return (String::new(), Ending::Normal) };
    let ending = match code {
        CloseCode::Normal | CloseCode::Away | CloseCode::Status => Ending::Normal,
        _ => Ending::Broken,
    };
    (format!(" ({} {reason})", u16::from(code)), ending)
}

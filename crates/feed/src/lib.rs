//! Sockets: a venue's client, and a server that plays a venue.
//!
//! [`Session`] is the client without I/O: it is told what happened and when, and says what to do:
//! connect, subscribe, ping, fetch, back off, hand over from one link to another. [`Client`] is the
//! session with tokio-tungstenite's sockets over rustls, on the thread that calls [`Client::next`].
//! [`serve`] gives an exchange without I/O, any [`Served`], the sockets it needs.
//!
//! Contract: [`Client::next`] blocks until something arrives (or spins, if told to); a frame costs
//! no thread hop, and over a plain socket no allocation once those before it were dropped. REST
//! requests and names have a thread each; neither holds up a frame. Memory is bound by 16 MiB a
//! connection and a few texts waiting to be sent. Nothing is decided from wall time but the stamps
//! of arrivals: the session's time does not run backwards.
//!
//! What it refuses to do: understand a message (but for the first few of a Kraken connection,
//! which tell the protocol's version); decide that a book is stale; keep a secret.
#![forbid(unsafe_code)]

mod arrival;
mod asks;
mod backoff;
mod budget;
mod client;
mod clock;
mod error;
mod fetches;
mod plan;
mod rest;
mod server;
mod serving;
mod session;
mod slot;
mod socket;
mod tcp;
mod websocket;

pub use arrival::{Arrival, ArrivalKind};
pub use asks::Ask;
pub use client::{Client, ClientCounts, ClientOptions};
pub use clock::{monotonic_ns, unix_now};
pub use error::{ConnectError, FeedError};
pub use fetches::{FetchError, FetchId};
pub use plan::Plan;
pub use server::{ServeError, ServeOptions, Served, ServedOutput, serve};
pub use session::{Action, Ending, LINKS, Session, SessionCounts};
pub use websocket::{FRAME_BYTES_MAX, READ_BUFFER_BYTES, SocketOptions, try_busy_poll};

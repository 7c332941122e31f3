//! A recording of Binance USD-M futures, inflated and cut into what the rivals take.

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::path::PathBuf;
use tickhawk_capture::{RecordKind, Session};
use tickhawk_engine::Input;
use tickhawk_market::{BookUpdate, Change, ConnectionId, Scale, UnixNanos, Update, Updates};
use tickhawk_venue::{Decoder, Limits, Venue};

/// The one connection that is played.
pub const CONNECTION: ConnectionId = ConnectionId(0);

/// One thing that was received.
pub enum Received {
    /// The venue sent this.
    Frame { at: u64, bytes: Vec<u8> },
    /// The venue answered this.
    Reply { at: u64, url: String, body: Vec<u8> },
}

impl Received {
    /// As the engine takes it.
    pub fn input(&self) -> (UnixNanos, Input<'_>) {
        match self {
            Self::Frame { at, bytes } => (UnixNanos::new(*at), Input::Frame(bytes)),
            Self::Reply { at, url, body } => {
                let reply = Input::RestReply { url: Some(url), status: Some(200), body };
                (UnixNanos::new(*at), reply)
            }
        }
    }
}

/// A depth message, as the combined stream has it and as the raw stream would.
pub struct Depth {
    /// Receive time.
    pub at: u64,
    /// `{"stream":…,"data":…}`.
    pub combined: Vec<u8>,
    /// What stands under `data`.
    pub raw: String,
}

/// A book message and its changes.
pub type BookMessage = (BookUpdate, Vec<Change>);

/// What is common to all rivals.
pub struct Recording {
    /// Everything, in order.
    pub received: Vec<Received>,
    /// The depth messages that come after the snapshot in a book's life: those that are dropped as
    /// older than it are not among them.
    pub depth: Vec<Depth>,
    /// The body of the snapshot.
    pub snapshot: String,
    /// The instrument.
    pub symbol: String,
    /// Its tick.
    pub tick_size: f64,
    /// Its lot.
    pub lot_size: f64,
}

/// The head of a combined frame, by reference.
#[derive(Deserialize)]
struct Combined<'a> {
    #[serde(borrow)]
    stream: &'a str,
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
struct Head<'a> {
    s: &'a str,
    u: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SnapshotHead {
    last_update_id: u64,
}

impl Recording {
    /// Reads the files. They hold one instrument and one snapshot of it.
    pub fn load(paths: &[PathBuf]) -> Result<Self> {
        let received = read(paths)?;
        let snapshots: Vec<&Vec<u8>> = received
            .iter()
            .filter_map(|received| match received {
                Received::Reply { url, body, .. } if url.contains("/v1/depth") => Some(body),
                _ => None,
            })
            .collect();
        let [snapshot] = snapshots[..] else {
            bail!("{} snapshots where one is wanted", snapshots.len());
        };
        let snapshot = String::from_utf8(snapshot.clone())?;
        let SnapshotHead { last_update_id } = serde_json::from_str(&snapshot)?;
        let (mut depth, mut symbol) = (Vec::new(), String::new());
        for received in &received {
            let Received::Frame { at, bytes } = received else { continue };
            let Ok(frame) = serde_json::from_slice::<Combined>(bytes) else { continue };
            if !frame.stream.contains("@depth") {
                continue;
            }
            let head: Head = serde_json::from_str(frame.data.get())?;
            if symbol.is_empty() {
                symbol = head.s.to_owned();
            }
            if head.s != symbol {
                bail!("more instruments than one: {symbol} and {}", head.s);
            }
            if head.u >= last_update_id {
                let raw = frame.data.get().to_owned();
                depth.push(Depth { at: *at, combined: bytes.clone(), raw });
            }
        }
        let (tick_size, lot_size) = steps(&received, &symbol).context("no tick and lot size")?;
        Ok(Self { received, depth, snapshot, symbol, tick_size, lot_size })
    }

    /// The whole of what was received, in bytes.
    pub fn bytes(&self) -> usize {
        let of = |received: &Received| match received {
            Received::Frame { bytes, .. } => bytes.len(),
            Received::Reply { body, .. } => body.len(),
        };
        self.received.iter().map(of).sum()
    }

    /// Every book message of the recording, decoded by Tickhawk.
    pub fn book_messages(&self) -> Result<(Scale, Vec<BookMessage>)> {
        let mut decoder = Decoder::new(Venue::BinanceFutures, None, Limits::default());
        let (mut out, mut scale, mut messages) = (Updates::new(), Scale::default(), Vec::new());
        for received in &self.received {
            out.clear();
            match received {
                Received::Frame { bytes, .. } => decoder.frame(CONNECTION, bytes, &mut out)?,
                Received::Reply { url, body, .. } => {
                    decoder.rest_reply(CONNECTION, Some(url), Some(200), body, &mut out)?;
                }
            }
            for update in &out.updates {
                match update {
                    Update::Scale { scale: grown, .. } => scale = *grown,
                    Update::Book(book) => {
                        messages.push((book.clone(), out.changes_of(book).to_vec()));
                    }
                    _ => {}
                }
            }
        }
        Ok((scale, messages))
    }
}

fn read(paths: &[PathBuf]) -> Result<Vec<Received>> {
    let mut session = Session::open_merged(paths).context("opening the recording")?;
    let mut received = Vec::new();
    while let Some(record) = session.next_record()? {
        let at = record.received_at.nanos();
        match record.kind {
            RecordKind::Frame(bytes) => {
                received.push(Received::Frame { at, bytes: bytes.to_vec() });
            }
            RecordKind::RestReply { url: Some(url), body, .. } => {
                received.push(Received::Reply { at, url: url.to_owned(), body: body.to_vec() });
            }
            _ => {}
        }
    }
    Ok(received)
}

/// Tick and lot of the listing.
fn steps(received: &[Received], symbol: &str) -> Option<(f64, f64)> {
    let listing = received.iter().find_map(|received| match received {
        Received::Reply { url, body, .. } if url.contains("exchangeInfo") => Some(body),
        _ => None,
    })?;
    let listing: serde_json::Value = serde_json::from_slice(listing).ok()?;
    let listed = listing["symbols"].as_array()?.iter().find(|one| one["symbol"] == *symbol)?;
    let step = |filter: &str, key: &str| {
        let filters = listed["filters"].as_array()?;
        let found = filters.iter().find(|one| one["filterType"] == *filter)?;
        found[key].as_str()?.parse::<f64>().ok()
    };
    Some((step("PRICE_FILTER", "tickSize")?, step("LOT_SIZE", "stepSize")?))
}

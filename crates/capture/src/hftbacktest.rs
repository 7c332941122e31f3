//! Any recording as the files hftbacktest's converters read.
//!
//! Those converters (`hftbacktest.data.utils.binancefutures`, `bybit`, `hyperliquid`, `bitmart`)
//! take gzip lines `<receive ns> <json>`, cut the time off after exactly 19 characters, and take
//! every line to be of one symbol; nothing in their output names it. So each symbol gets files of
//! its own, one a UTC day, named as hftbacktest's collector names them: `btcusdt_20240718.gz`.
//! Frames stand as received (Binance's combined streams verbatim), depth snapshots as the bare
//! body of the REST reply. What names no symbol, such as an answer to a subscription, is left out,
//! which the collector does too.
//!
//! Tried with hftbacktest 2.4.4: `binancefutures.convert`, `bybit.convert_fused` and
//! `bybit.convert_depth` take the result. Binance spot is written too, as the collector does, but
//! has no converter there: `binancefutures` stops at the field `T` that spot depth lacks.

mod files;
mod route;

use crate::convert::PROGRESS_EVERY;
use crate::error::CaptureError;
use crate::record::RecordKind;
use crate::session::Session;
use files::Outputs;
use route::{Route, route_of_frame, route_of_reply};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use tickhawk_market::{ConnectionId, UnixNanos};

/// The first time that takes more than the 19 digits hftbacktest reads, in the year 2286.
const TOO_LATE: UnixNanos = UnixNanos::new(10_000_000_000_000_000_000);

/// What a conversion wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HftbacktestFiles {
    /// The files, in the order they were begun.
    pub files: Vec<PathBuf>,
    /// Lines in them.
    pub lines: u64,
    /// Frames and REST replies that name no symbol or are of no use to hftbacktest.
    pub left_out: u64,
}

/// Writes what is left of a session as hftbacktest's collector would have, into a folder where no
/// such file exists yet. `progress` is given [`Session::bytes_read`] now and then.
///
/// A snapshot that does not say its symbol, as in the collector's own files, goes to the one
/// symbol its connection has named so far, and is left out if there are none or several.
pub fn convert_to_hftbacktest(
    session: &mut Session,
    folder: &Path,
    mut progress: impl FnMut(u64),
) -> Result<HftbacktestFiles, CaptureError> {
    let mut outputs = Outputs::new(folder);
    let mut seen: HashMap<ConnectionId, Seen> = HashMap::new();
    let mut symbol = String::new();
    let mut records = 0u64;
    while let Some(record) = session.next_record()? {
        let (payload, route) = match record.kind {
            RecordKind::Frame(frame) => (frame, route_of_frame(frame, &mut symbol)),
            RecordKind::RestReply { url, status, body } => {
                (body, route_of_reply(url, status, body, &mut symbol))
            }
            RecordKind::Opened { .. }
            | RecordKind::Closed
            | RecordKind::Sent(_)
            | RecordKind::Alive
            | RecordKind::Wanted(_)
            | RecordKind::Timer => continue,
        };
        let seen = seen.entry(record.connection).or_default();
        match route {
            Route::Symbol => seen.note(&symbol),
            Route::OnlySymbol => seen.only(&mut symbol),
            Route::Nowhere => symbol.clear(),
        }
        if symbol.is_empty() || record.received_at >= TOO_LATE {
            outputs.done.left_out += 1;
        } else {
            outputs.write(&symbol, record.received_at, payload)?;
        }
        records += 1;
        if records.is_multiple_of(PROGRESS_EVERY) {
            progress(session.bytes_read());
        }
    }
    outputs.finish()
}

/// The symbols a connection has named.
#[derive(Debug, Default)]
enum Seen {
    #[default]
    None,
    One(String),
    Several,
}

impl Seen {
    fn note(&mut self, symbol: &str) {
        match self {
            Self::None => *self = Self::One(symbol.to_owned()),
            Self::One(only) if only != symbol => *self = Self::Several,
            Self::One(_) | Self::Several => {}
        }
    }

    fn only(&self, symbol: &mut String) {
        symbol.clear();
        if let Self::One(only) = self {
            symbol.push_str(only);
        }
    }
}

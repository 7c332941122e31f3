//! Tapes: the synthetic market's, and real recordings where they are.

use sonic_rs::{JsonContainerTrait, JsonValueTrait, Value};
use std::fs;
use std::path::{Path, PathBuf};
use tickhawk_capture::{RecordKind, Session};
use tickhawk_simulator::{MarketConfig, Recording, TapeKind, TapeRecord, TextLevels, WireFormat};

/// A few seconds of the synthetic market.
pub fn synthetic(format: WireFormat, seconds: u64) -> Vec<TapeRecord> {
    synthetic_with(format, seconds, |_| {})
}

/// The same with some of the configuration changed.
pub fn synthetic_with(
    format: WireFormat,
    seconds: u64,
    change: impl FnOnce(&mut MarketConfig),
) -> Vec<TapeRecord> {
    let mut config = MarketConfig::new(format.symbols(), 11);
    config.duration_ns = seconds * 1_000_000_000;
    change(&mut config);
    Recording::new(format, &config).unwrap().map(TapeRecord::from).collect()
}

/// The folder of real recordings: `TICKHAWK_CAPTURES`, else beside the workspace.
fn captures() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("TICKHAWK_CAPTURES").map_or_else(beside, PathBuf::from);
    if folder.join("raw").is_dir() {
        return Some(folder);
    }
    let required = std::env::var_os("TICKHAWK_REQUIRE_CAPTURES").is_some_and(|value| value == "1");
    assert!(!required, "no recordings at `{}`", folder.display());
    eprintln!("no recordings at `{}`; set TICKHAWK_CAPTURES to test with them", folder.display());
    None
}

/// A real recording; `None`, said on stderr, where there are none.
pub fn real(name: &str) -> Option<Vec<TapeRecord>> {
    let folder = captures()?.join("raw").join(name);
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut session = Session::open(&paths).unwrap();
    let mut tape = Vec::new();
    while let Some(record) = session.next_record().unwrap() {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let kind = match record.kind {
            RecordKind::Opened { .. } => TapeKind::Opened,
            RecordKind::Closed => TapeKind::Closed,
            RecordKind::Sent(bytes) => TapeKind::Sent(text(bytes)),
            RecordKind::Frame(bytes) => TapeKind::Frame(text(bytes)),
            RecordKind::Alive | RecordKind::Wanted(_) | RecordKind::Timer => continue,
            RecordKind::RestReply { url, status, body } => {
                let url = url.map(str::to_owned);
                TapeKind::RestReply { url, status, body: text(body) }
            }
        };
        tape.push(TapeRecord { at: record.received_at, connection: record.connection.0, kind });
    }
    Some(tape)
}

/// What independent software has at the end of a recording: symbol and best 20 levels a side.
pub fn golden(name: &str) -> Vec<(String, (TextLevels, TextLevels))> {
    let file = captures().unwrap().join("golden").join(format!("{name}.json"));
    let golden: Value = sonic_rs::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let side = |levels: &Value| -> TextLevels {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let level = |level: &Value| (text(&level[0]), text(&level[1]));
        levels.as_array().unwrap().iter().map(level).collect()
    };
    let book = |book: &Value| {
        let symbol = book["symbol"].as_str().unwrap();
        // Some name the recorder's connection first.
        let symbol = symbol.split_once(".ws.").map_or(symbol, |(_, rest)| &rest[2..]);
        let top = &book["final"]["top20"];
        (symbol.to_owned(), (side(&top["bids"]), side(&top["asks"])))
    };
    match golden["books"].as_array() {
        Some(books) => books.iter().map(book).collect(),
        None => vec![book(&golden["book"])],
    }
}

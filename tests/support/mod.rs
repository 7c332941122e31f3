//! What the workspace's tests share: where the recordings are, what their golden files say, and
//! how the program is run.
#![allow(dead_code, reason = "each test file uses its part")]

pub mod served;

use serde::Deserialize;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// The folder of real recordings: `TICKHAWK_CAPTURES`, else beside the checkout. `None`, said on
/// stderr, if it is not there; a failure if `TICKHAWK_REQUIRE_CAPTURES=1` says it must be.
pub fn captures() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = match env::var_os("TICKHAWK_CAPTURES") {
        Some(folder) => root.join(folder),
        None => root.join("../shared/data"),
    };
    if folder.join("golden").is_dir() {
        return Some(folder);
    }
    let required = env::var("TICKHAWK_REQUIRE_CAPTURES").is_ok_and(|value| value == "1");
    assert!(!required, "no recordings at `{}`, and they are required", folder.display());
    eprintln!("no recordings at `{}`: not tested against them", folder.display());
    None
}

/// What one recording must come to.
#[derive(Debug, Deserialize)]
pub struct Golden {
    pub capture: String,
    pub venue: String,
    pub files: Vec<GoldenFile>,
    #[serde(default)]
    books: Vec<GoldenBook>,
    book: Option<GoldenBook>,
}

#[derive(Debug, Deserialize)]
pub struct GoldenFile {
    pub name: String,
}

#[derive(Debug, Deserialize)]
pub struct GoldenBook {
    symbol: String,
    pub applied_book_messages: u64,
    pub snapshots_applied: u64,
    pub crossed_after_apply: u64,
    pub bbo_sha256: String,
    pub top10_sha256: String,
    #[serde(rename = "final")]
    pub last: GoldenFinal,
}

#[derive(Debug, Deserialize)]
pub struct GoldenFinal {
    pub bid_levels: u64,
    pub ask_levels: u64,
    pub top20: GoldenTop,
}

#[derive(Debug, Deserialize, PartialEq)]
pub struct GoldenTop {
    pub bids: Vec<Vec<String>>,
    pub asks: Vec<Vec<String>>,
}

impl Golden {
    /// Every golden file of the folder, by name.
    pub fn all(captures: &Path) -> Vec<Self> {
        let mut paths: Vec<_> = fs::read_dir(captures.join("golden"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
            .collect();
        paths.sort();
        let read = |path: &PathBuf| {
            sonic_rs::from_str(&fs::read_to_string(path).unwrap())
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        paths.iter().map(read).collect()
    }

    /// The golden file of one capture.
    pub fn named(captures: &Path, capture: &str) -> Self {
        let path = captures.join("golden").join(format!("{capture}.json"));
        sonic_rs::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    }

    /// The recording's files, in order.
    pub fn paths(&self, captures: &Path) -> Vec<PathBuf> {
        let folder = captures.join("raw").join(&self.capture);
        self.files.iter().map(|file| folder.join(&file.name)).collect()
    }

    pub fn books(&self) -> impl Iterator<Item = &GoldenBook> {
        self.books.iter().chain(&self.book)
    }

    /// The slug of the venue it was recorded from.
    pub fn slug(&self) -> &'static str {
        match self.venue.as_str() {
            _ if self.capture.starts_with("binance_coinm") => "binance-delivery",
            _ if self.capture.starts_with("binance_us_") => "binance-us",
            _ if self.capture.starts_with("bybit_v5_spot") => "bybit-spot",
            "binance-spot" | "BinanceCF" => "binance",
            "binance-futures" | "BinanceCFFutures" => "binance-futures",
            "KrakenV1" => "kraken",
            "OkxV5" => "okx",
            "BybitV5" => "bybit",
            "CoinbaseAdvanced" => "coinbase",
            "CoinbaseLegacy" => "coinbase-exchange",
            "KrakenFutures" => "kraken-futures",
            "Bitmex" => "bitmex",
            "Bitfinex" => "bitfinex",
            other => panic!("{}: no slug for `{other}`", self.capture),
        }
    }
}

impl GoldenBook {
    /// The venue's own symbol: Bybit's golden files name the connection before it.
    pub fn symbol(&self) -> &str {
        match self.symbol.split_once('/') {
            Some((connection, symbol)) if connection.starts_with("BYBIT.ws") => symbol,
            _ => &self.symbol,
        }
    }
}

/// Runs the program in the root of the repository.
pub fn tickhawk(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tickhawk"))
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the program starts")
}

/// Runs the program, which must end with this code; its stdout and stderr.
#[track_caller]
pub fn tickhawk_ends(code: i32, args: &[&str]) -> (String, String) {
    let output = tickhawk(args);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{args:?}\n{out}\n{err}");
    (out, err)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the program prints UTF-8")
}

/// A signal line without what was measured.
pub fn without_latency(line: &str) -> &str {
    line.split_once(r#","latency":"#).expect("every signal has a latency").0
}

//! The same over real recordings, whole and with every so many frames damaged; and that the fast
//! readers take what venues really send, without which they would rot unseen.

use super::{Pair, mutation::Mutation};
use crate::Venue;
use std::path::{Path, PathBuf};
use tickhawk_capture::{RecordKind, Session};

/// The folder of real recordings: `TICKHAWK_CAPTURES`, else beside the workspace. `None` when it
/// is missing, which fails the test when `TICKHAWK_REQUIRE_CAPTURES=1`.
fn captures() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("TICKHAWK_CAPTURES").map_or_else(beside, PathBuf::from);
    if folder.join("raw").is_dir() {
        return Some(folder.join("raw"));
    }
    let required = std::env::var_os("TICKHAWK_REQUIRE_CAPTURES").is_some_and(|value| value == "1");
    assert!(!required, "no recordings at `{}`", folder.display());
    eprintln!("no recordings at `{}`; set TICKHAWK_CAPTURES to test with them", folder.display());
    None
}

/// Plays a recording to both decoders; of every `damaged_every`th frame a damaged copy first.
fn play(venue: Venue, paths: &[PathBuf], damaged_every: Option<u64>) -> Pair {
    let mut pair = Pair::new(venue);
    let mut session = Session::open(paths).expect("the recording opens");
    let (mut count, mut state) = (0u64, 0x9e37_79b9_7f4a_7c15u64);
    while let Some(record) = session.next_record().expect("the recording is whole") {
        let connection = record.connection;
        match record.kind {
            RecordKind::Opened { .. } => {
                pair.hear(b"", |decoder, _, out| decoder.opened(connection, out));
            }
            RecordKind::Closed => {
                pair.hear(b"", |decoder, _, out| decoder.closed(connection, out));
            }
            RecordKind::Sent(bytes) => {
                pair.hear(bytes, |decoder, bytes, out| decoder.sent(connection, bytes, out));
            }
            RecordKind::RestReply { url, status, body } => {
                pair.hear(body, |decoder, body, out| {
                    decoder.rest_reply(connection, url, status, body, out)
                });
            }
            RecordKind::Frame(bytes) => {
                count += 1;
                if damaged_every.is_some_and(|every| count.is_multiple_of(every)) {
                    state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(count);
                    let place = (state >> 33) as usize;
                    let mut damaged = bytes.to_vec();
                    match state >> 62 {
                        0 => Mutation::Digit(place, b'0' + (state >> 40) as u8 % 10),
                        1 => Mutation::Flip(place, 1 << ((state >> 40) & 7)),
                        2 => Mutation::Truncate(place),
                        _ => Mutation::Delete(place, 1),
                    }
                    .apply(&mut damaged);
                    pair.frame(connection, &damaged);
                }
                pair.frame(connection, bytes);
            }
            _ => {}
        }
    }
    pair.end();
    pair
}

#[track_caller]
fn check(venue: Venue, folder: &str, files: &[&str]) {
    let Some(captures) = captures() else { return };
    let paths: Vec<_> = files.iter().map(|file| captures.join(folder).join(file)).collect();
    let pair = play(venue, &paths, None);
    let (frames, taken) = (pair.book_frames, pair.book_frames_taken);
    assert!(taken * 100 >= frames * 95, "{folder}: {taken} of {frames} book frames");
    assert_eq!(frames > 0, !folder.ends_with("nosnap"), "{folder}");
    for damaged_every in [17, 101] {
        play(venue, &paths, Some(damaged_every));
    }
}

#[test]
fn binance() {
    let futures = Venue::BinanceFutures;
    let btc = ["btcusdt_20240718.gz", "btcusdt_20240719.gz"];
    check(futures, "binance_usdm_btcusdt_2024-07-18", &btc);
    let eth = ["ethusdt_20240718.gz", "ethusdt_20240719.gz"];
    check(futures, "binance_usdm_ethusdt_2024-07-18", &eth);
    let spot = ["btcusdt_20240808.gz", "btcusdt_20240809.gz"];
    check(Venue::Binance, "binance_spot_btcusdt_2024-08-08", &spot);
    let early = ["btcusdt_20230405.dat.gz"];
    check(Venue::Binance, "binance_spot_btcusdt_2023-04-05_nosnap", &early);
    let pairs = ["BINANCE_20211012.ws.1.0", "BINANCE_20211012.http.0.0"];
    check(Venue::Binance, "binance_spot_cf_2021-10-12", &pairs);
}

#[test]
fn bybit() {
    check(Venue::Bybit, "bybit_v5_linear_2026-08-09", &["BYBIT.jsonl.zst"]);
}

#[test]
fn okx() {
    check(Venue::Okx, "okx_v5_2022-05-13", &["OKX_20220513.ws.1.0"]);
}

#[test]
fn coinbase() {
    check(Venue::Coinbase, "coinbase_adv_2026-08-09_head", &["COINBASE.head500.jsonl.zst"]);
}

#[test]
fn coinbase_exchange() {
    check(Venue::CoinbaseExchange, "coinbase_legacy_2021-04-17", &["COINBASE.ws.28.0"]);
}

#[test]
fn kraken() {
    check(Venue::Kraken, "kraken_v1_2021-04-17", &["KRAKEN.ws.50.0"]);
}

#[test]
fn kraken_futures() {
    check(Venue::KrakenFutures, "kraken_futures_2021-07-22", &["KRAKEN_FUTURES.ws.1.0"]);
}

#[test]
fn bitmex() {
    check(Venue::Bitmex, "bitmex_2021-07-22", &["BITMEX.ws.1.0"]);
}

#[test]
fn bitfinex() {
    check(Venue::Bitfinex, "bitfinex_2021-04-17", &["BITFINEX.ws.11.0"]);
}

//! A compiled recording in a recording's place: the same signals, features, books and reports, or a
//! refusal that says why.

mod support;
#[path = "support/trace.rs"]
mod trace;

use std::{fs, path::Path};
use support::{Golden, captures, tickhawk_ends, without_latency};
use tickhawk_capture::{RecordKind, Session};
use tickhawk_engine::{Input, MarketOptions};
use tickhawk_market::{ConnectionId, Decimal, UnixNanos};
use tickhawk_simulator::{MarketConfig, MessageKind, Recording, WireFormat};
use trace::{Kept, agree, compile, replay};

/// Every input of a recording.
fn inputs<P: AsRef<Path>>(files: &[P]) -> Vec<Kept> {
    let mut session = Session::open_merged(files).unwrap();
    let mut inputs = Vec::new();
    while let Some(record) = session.next_record().unwrap() {
        let input = match record.kind {
            RecordKind::Opened { .. } => Input::Opened,
            RecordKind::Closed => Input::Closed,
            RecordKind::Sent(bytes) => Input::Sent(bytes),
            RecordKind::Frame(bytes) => Input::Frame(bytes),
            RecordKind::RestReply { url, status, body } => Input::RestReply { url, status, body },
            RecordKind::Alive => Input::Alive,
            RecordKind::Wanted(symbols) => Input::Wanted(symbols),
            RecordKind::Timer => Input::Timer,
        };
        inputs.push(Kept::new(record.connection, record.received_at, &input));
    }
    inputs
}

fn bundled(venue: &str) -> String {
    format!("{}/replay-data/{venue}.jsonl.zst", env!("CARGO_MANIFEST_DIR"))
}

const BUNDLED: [&str; 6] = ["binance", "binance-futures", "bybit", "coinbase", "kraken", "okx"];

#[test]
fn every_recording_is_replayed_alike() {
    for venue in BUNDLED {
        let options = MarketOptions::new(venue.parse().unwrap());
        let (frames, _) = agree(venue, options, &inputs(&[bundled(venue)]));
        assert!(frames > 100, "{venue}: {frames}");
    }
    let Some(captures) = captures() else { return };
    for golden in Golden::all(&captures) {
        let inputs = inputs(&golden.paths(&captures));
        let venue = golden.slug().parse().unwrap();
        let tick_size = Some(Decimal::parse(b"0.001").unwrap());
        for links in [1, 2] {
            let options = MarketOptions { links, tick_size, ..MarketOptions::new(venue) };
            let (_, lines) = agree(&golden.capture, options, &inputs);
            assert!(lines > 0, "{}", golden.capture);
        }
    }
}

/// SplitMix64: seeded, the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// A synthetic session over two connections, of which each loses, doubles, damages and holds up
/// messages, closes, and is asked for other instruments.
fn damaged(format: WireFormat, random: &mut Random) -> Vec<Kept> {
    let mut config = MarketConfig::new(format.symbols(), random.below(u64::MAX));
    config.duration_ns = 10_000_000_000;
    let symbols: Vec<String> = config.symbols.iter().map(|spec| spec.symbol.clone()).collect();
    let mut inputs = Vec::new();
    let recording = Recording::new(format, &config).unwrap();
    for message in recording {
        for number in 0..2 {
            let (connection, at) = (ConnectionId(number), message.received_at);
            let at = UnixNanos::new(at.nanos() + random.below(2_000_000) - 1_000_000);
            let mut keep = |input: &Input<'_>| inputs.push(Kept::new(connection, at, input));
            match &message.kind {
                MessageKind::Opened { .. } => keep(&Input::Opened),
                MessageKind::Closed => keep(&Input::Closed),
                MessageKind::Sent(text) => keep(&Input::Sent(text.as_bytes())),
                MessageKind::RestReply { url, status, body } => {
                    let (url, status) = (Some(url.as_str()), Some(*status));
                    keep(&Input::RestReply { url, status, body: body.as_bytes() });
                }
                MessageKind::Frame(text) => match random.below(200) {
                    0 => {}
                    1 => [0; 2].iter().for_each(|_| keep(&Input::Frame(text.as_bytes()))),
                    2 => {
                        let mut bytes = text.clone().into_bytes();
                        let hit = random.below(bytes.len() as u64) as usize;
                        bytes[hit] ^= 1 << random.below(7);
                        keep(&Input::Frame(&bytes));
                    }
                    3 if random.below(10) == 0 => keep(&Input::Closed),
                    4 if random.below(10) == 0 => keep(&Input::Opened),
                    5 if random.below(20) == 0 => keep(&Input::Wanted(&symbols[1..])),
                    6 if random.below(10) == 0 => keep(&Input::Wanted(&symbols)),
                    7 => keep(&Input::Timer),
                    8 => keep(&Input::Alive),
                    _ => keep(&Input::Frame(text.as_bytes())),
                },
            }
        }
    }
    inputs
}

#[test]
fn what_went_wrong_is_replayed_alike() {
    for format in WireFormat::ALL {
        for seed in 0..4 {
            let of = format!("{format}, seed {seed}");
            let inputs = damaged(format, &mut Random(seed));
            let venue: tickhawk_venue::Venue = format.slug().parse().unwrap();
            for links in [1, 2] {
                let shares_ids = venue.terms().shares_ids && links == 2;
                let options = MarketOptions { links, shares_ids, ..MarketOptions::new(venue) };
                let (frames, lines) = agree(&of, options, &inputs);
                assert!(lines > 100, "{of}: {frames} frames, {lines} lines");
            }
        }
    }
}

/// Who writes a form of his own, with the right sums, harms no more than his results.
#[test]
fn forms_of_others_never_panic() {
    let mut random = Random(7);
    for format in WireFormat::ALL {
        let venue = format.slug().parse().unwrap();
        let options = MarketOptions { links: 2, shares_ids: true, ..MarketOptions::new(venue) };
        let whole = compile(&options, &damaged(format, &mut random)[..2_000]);
        for _ in 0..60 {
            let mut words: Vec<u64> = (whole.chunks_exact(8))
                .map(|word| u64::from_ne_bytes(word.try_into().unwrap()))
                .collect();
            let data = 4..4 + words[words.len() - 4] as usize;
            for _ in 0..1 + random.below(4) {
                let at = data.start + random.below(data.len() as u64) as usize;
                words[at] ^= 1 << random.below(64);
            }
            seal(&mut words, data);
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
            let _ = replay(&options, &bytes);
        }
    }
}

/// Gives changed data their right sums.
fn seal(words: &mut [u64], data: std::ops::Range<usize>) {
    let sum = |words: &[u64]| {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        u64::from(crc32fast::hash(&bytes))
    };
    const BLOCK_WORDS: usize = 1 << 15;
    for (block, begin) in data.clone().step_by(BLOCK_WORDS).enumerate() {
        words[data.end + block] = sum(&words[begin..(begin + BLOCK_WORDS).min(data.end)]);
    }
    let end = words.len();
    words[end - 2] = sum(&[&words[..data.start], &words[data.end..end - 2]].concat());
}

/// Runs a command on a recording and on its compiled form, and hands back what each wrote: `told`
/// makes of stdout and of the file at `OUT` what is compared.
#[track_caller]
fn both(files: &[&str], compile: &[&str], run: &[&str], told: fn(String, Vec<u8>) -> String) {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let form = place("form");
    let (_, said) = tickhawk_ends(0, &[&["compile", "--out", &form], compile, files].concat());
    assert!(said.contains(" bytes out in `"), "{said}");
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "{names:?}");
    let [raw, compiled] =
        [("raw", files.to_vec()), ("compiled", vec![&form[..]])].map(|(name, files)| {
            let out = place(name);
            let run: Vec<&str> =
                run.iter().map(|arg| if *arg == "OUT" { &out } else { *arg }).collect();
            let venue = if name == "raw" { compile } else { &[] };
            let (stdout, _) = tickhawk_ends(0, &[&run[..], venue, &files].concat());
            told(stdout, fs::read(&out).unwrap_or_default())
        });
    assert!(!raw.is_empty());
    assert_eq!(raw, compiled, "{run:?} of {files:?}");
}

/// A report without what was measured and the names of files, and the signals.
fn signals_and_report(stdout: String, report: Vec<u8>) -> String {
    let signals = stdout.lines().map(without_latency).collect::<Vec<_>>().join("\n");
    let report = String::from_utf8(report).unwrap();
    let (head, behind) = report.split_once("\"files\": [").unwrap();
    let (_, behind) = behind.split_once(']').unwrap();
    let (behind, _) = behind.split_once("\"latency\"").unwrap();
    format!("{signals}\n{head}{behind}")
}

#[test]
fn the_program_replays_it_alike() {
    let model = "models/linear/1/model.onnx";
    for venue in ["binance-futures", "okx"] {
        let file = format!("replay-data/{venue}.jsonl.zst");
        for runner in ["inline", "threaded"] {
            let run = ["replay", "--model", model, "--runner", runner];
            let run = [&run[..], &["--signals", "-", "--report", "OUT"]].concat();
            both(&[&file], &[], &run, signals_and_report);
        }
        both(&[&file], &[], &["inspect", "--json"], |stdout, _| stdout);
        let run = ["features", "--model", model, "--out", "OUT"];
        both(&[&file], &[], &run, |_, file| format!("{file:?}"));
    }
    let Some(captures) = captures() else { return };
    let golden = Golden::named(&captures, "binance_usdm_btcusdt_2024-07-18");
    let paths = golden.paths(&captures);
    let paths: Vec<_> = paths.iter().map(|path| path.to_str().unwrap()).collect();
    let run = ["replay", "--signals", "-", "--report", "OUT"];
    both(&paths, &["--venue", golden.slug()], &run, signals_and_report);
}

/// A compiled recording and the folder it lies in.
fn compiled(args: &[&str]) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let form = folder.path().join("a.decoded").to_str().unwrap().to_owned();
    tickhawk_ends(0, &[&["compile", "replay-data/okx.jsonl.zst", "--out", &form], args].concat());
    (folder, form)
}

/// Runs the program; it must end so, and say each of these on stderr.
#[track_caller]
fn refuses(args: &[&str], says: &[&str]) {
    let (_, err) = tickhawk_ends(2, args);
    assert!(says.iter().all(|words| err.contains(words)), "{args:?}: {says:?} in\n{err}");
}

#[test]
fn what_would_be_decoded_otherwise_is_refused() {
    let (folder, form) = compiled(&["--symbols", "BTC-USDT"]);
    tickhawk_ends(0, &["inspect", &form]);
    tickhawk_ends(0, &["inspect", &form, "--symbols", "BTC-USDT", "--venue", "okx"]);
    let cure = "compile it again";
    refuses(&["inspect", &form, "--venue", "kraken"], &["the venue okx", "kraken", cure]);
    let other = ["inspect", &form, "--symbols", "ETH-USDT-SWAP"];
    refuses(&other, &["the symbols BTC-USDT", "ETH-USDT-SWAP", cure]);
    refuses(&["replay", &form, "--tick-size", "0.0001"], &["tick of BTC-USDT", cure]);
    tickhawk_ends(0, &["replay", &form, "--tick-size", "0.1"]);
    let config = folder.path().join("c.toml").to_str().unwrap().to_owned();
    fs::write(&config, "[book]\nlevels_per_side = 999\n").unwrap();
    refuses(&["replay", &form, "--config", &config], &["`levels_per_side` 131072", "999", cure]);
    fs::write(&config, "[book]\ncrossed_messages = 9\n").unwrap();
    refuses(&["replay", &form, "--config", &config], &["`crossed_messages` 1", "has 9", cure]);
    let (_folder, form) = compiled(&["--tick-size", "0.0001"]);
    tickhawk_ends(0, &["replay", &form, "--tick-size", "0.0001"]);
    refuses(&["replay", &form], &["tick of", cure]);
}

#[test]
fn where_it_cannot_stand_it_is_refused() {
    let (folder, form) = compiled(&[]);
    let raw = "replay-data/okx.jsonl.zst";
    refuses(&["replay", &form, raw], &["is a compiled recording", "1 other files", "compile all"]);
    refuses(&["inspect", raw, &form], &["is a compiled recording", "1 other files"]);
    let out = folder.path().join("out").to_str().unwrap().to_owned();
    refuses(&["compile", &form, "--out", &out], &["`compile` needs", raw]);
    refuses(&["convert", &form, "--to", "tickhawk", "--out", &out], &["`convert` needs", raw]);
    refuses(&["serve", &form], &["`serve` needs", raw]);
    refuses(&["bench", "decode", &form], &["but `replay` needs", raw]);
    refuses(&["compile", raw, "--out", &form], &["is there already", "name another file"]);
    refuses(&["compile", raw, "--out", "no-such-folder/x"], &["no-such-folder/x"]);
    refuses(&["compile", "Cargo.toml", "--venue", "okx", "--out", &out], &["Cargo.toml"]);
    // Another venue's messages name nothing.
    let other = ["compile", raw, "--venue", "bitmex", "--out", &out];
    tickhawk_ends(1, &other);
    // Nothing was left behind by any of them.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn damage_is_named_with_a_cure() {
    let (folder, form) = compiled(&[]);
    let whole = fs::read(&form).unwrap();
    let damaged = folder.path().join("damaged").to_str().unwrap().to_owned();
    let check = |bytes: &[u8], says: &str| {
        fs::write(&damaged, bytes).unwrap();
        refuses(&["replay", &damaged], &["error:", "damaged", says, "compile the recording again"]);
    };
    check(&whole[..whole.len() / 2], "was cut short");
    let mut bytes = whole.clone();
    bytes[whole.len() / 2] ^= 1;
    check(&bytes, "the check sum differs");
    let mut bytes = whole.clone();
    bytes[16] += 1;
    check(&bytes, "has version 2");
    let mut bytes = whole;
    bytes[8..16].reverse();
    check(&bytes, "other byte order");
}

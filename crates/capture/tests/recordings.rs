//! The real recordings give the counts and times their golden files state, and survive conversion
//! to the bit.

mod support;

use sonic_rs::{JsonContainerTrait, JsonValueTrait, Value};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use support::{Folder, captures};
use tickhawk_capture::{
    Format, Header, RecordKind, Session, Writer, convert_to_hftbacktest, convert_to_tickhawk,
};
use tickhawk_market::ConnectionId;

struct Capture {
    name: String,
    golden: Value,
    files: Vec<PathBuf>,
}

/// All captures with a golden file; none when the recordings are missing.
fn all() -> Vec<Capture> {
    let Some(folder) = captures() else { return Vec::new() };
    let mut all = Vec::new();
    for entry in fs::read_dir(folder.join("golden")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let golden: Value = sonic_rs::from_slice(&fs::read(&path).unwrap()).unwrap();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let raw = folder.join("raw").join(&name);
            let files = golden["files"].as_array().unwrap().iter();
            let files = files.map(|file| raw.join(file["name"].as_str().unwrap())).collect();
            all.push(Capture { name, golden, files });
        }
    }
    assert!(all.len() >= 13, "{} captures", all.len());
    all
}

impl Capture {
    fn session(&self) -> Session {
        Session::open(&self.files).unwrap()
    }

    /// Messages received, by the golden file.
    fn received(&self) -> u64 {
        if let Some(count) = self.golden["stats"]["recv"].as_u64() {
            return count;
        }
        let not_lines = ["buffered_before_snapshot", "stale_dropped", "levels"];
        let types = self.golden["lines_by_type"].as_object().unwrap().iter();
        let lines = types.filter(|(name, _)| !not_lines.contains(name));
        lines.map(|(_, count)| count.as_u64().unwrap()).sum()
    }
}

#[derive(Debug, Default)]
struct Counts {
    frames: u64,
    opened: u64,
    closed: u64,
    sent: u64,
    replies: u64,
    first: Option<u64>,
    last: Option<u64>,
}

fn count(session: &mut Session) -> Counts {
    let mut counts = Counts::default();
    let mut bytes_read = 0;
    while let Some(record) = session.next_record().unwrap() {
        assert_eq!(record.connection, ConnectionId(0));
        match record.kind {
            RecordKind::Frame(frame) => {
                assert!(matches!(frame.first(), Some(b'{' | b'[')));
                assert!(matches!(frame.last(), Some(b'}' | b']')));
                counts.frames += 1;
                counts.first.get_or_insert(record.received_at.nanos());
                counts.last = Some(record.received_at.nanos());
            }
            RecordKind::Opened { url } => {
                assert!(url.starts_with("wss://"));
                counts.opened += 1;
            }
            RecordKind::Closed => counts.closed += 1,
            RecordKind::Sent(message) => {
                assert!(message.starts_with(b"{"));
                counts.sent += 1;
            }
            RecordKind::RestReply { url, body, .. } => {
                assert!(url.unwrap().starts_with("https://"));
                assert!(body.starts_with(b"{\"lastUpdateId\":"));
                counts.replies += 1;
            }
            RecordKind::Alive | RecordKind::Wanted(_) | RecordKind::Timer => {
                panic!("none of them writes these")
            }
        }
        assert!(session.bytes_read() >= bytes_read);
        bytes_read = session.bytes_read();
    }
    counts
}

#[test]
fn counts_and_times_are_golden() {
    for capture in all() {
        let name = &capture.name;
        let mut session = capture.session();
        let counts = count(&mut session);
        assert_eq!(counts.frames, capture.received(), "{name}");
        assert_eq!(counts.first, capture.golden["recv_first_ns"].as_u64(), "{name}");
        assert_eq!(counts.last, capture.golden["recv_last_ns"].as_u64(), "{name}");
        assert_eq!(counts.closed, 0, "{name}");
        assert!(session.warnings().is_empty(), "{name}: {:?}", session.warnings());
        assert_eq!(session.unknown_events(), 0, "{name}");
        assert_eq!(session.bytes_read(), session.bytes_total(), "{name}");
        assert!(session.header().is_none(), "{name}");
        let is_timed = session.files().all(|(_, format)| format == Some(Format::Timed));
        assert_eq!(counts.opened, u64::from(!is_timed), "{name}");
        // Binance's subscriptions are in its address.
        let expects_sent = !is_timed && !name.starts_with("binance");
        assert_eq!(counts.sent > 0, expects_sent, "{name}");
        let replies = if name == "binance_spot_cf_2021-10-12" { 4 } else { 0 };
        assert_eq!(counts.replies, replies, "{name}");
    }
}

#[test]
fn conversion_to_our_own_form_keeps_every_record() {
    for capture in all() {
        let folder = Folder::new();
        let path = folder.path().join("own.zst");
        let mut writer = Writer::new(File::create(&path).unwrap(), &Header::default()).unwrap();
        let records = convert_to_tickhawk(&mut capture.session(), &mut writer, |_| {}).unwrap();
        writer.finish().unwrap();
        let mut source = capture.session();
        let mut converted = Session::open(&[path]).unwrap();
        for _ in 0..records {
            assert_eq!(
                converted.next_record().unwrap().unwrap(),
                source.next_record().unwrap().unwrap(),
                "{}",
                capture.name
            );
        }
        assert!(source.next_record().unwrap().is_none());
        assert!(converted.next_record().unwrap().is_none());
    }
}

fn unpacked(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    flate2::read::MultiGzDecoder::new(File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn hftbacktest_s_own_files_come_back_to_the_byte() {
    for capture in all() {
        let is_hftbacktest = capture.golden["origin_repo"].as_str() == Some("nkaz001/hftbacktest");
        if !is_hftbacktest || capture.files[0].to_str().unwrap().ends_with(".dat.gz") {
            continue;
        }
        let folder = Folder::new();
        let done = convert_to_hftbacktest(&mut capture.session(), folder.path(), |_| {}).unwrap();
        assert_eq!((done.lines, done.left_out), (capture.received(), 0), "{}", capture.name);
        assert_eq!(done.files.len(), capture.files.len());
        for (converted, source) in done.files.iter().zip(&capture.files) {
            assert_eq!(converted.file_name(), source.file_name());
            assert!(unpacked(converted) == unpacked(source), "{}", source.display());
        }
    }
}

#[test]
fn every_line_for_hftbacktest_is_time_and_json_of_one_symbol() {
    let captures = all();
    let mut converted = 0;
    for capture in &captures {
        let folder = Folder::new();
        let Ok(done) = convert_to_hftbacktest(&mut capture.session(), folder.path(), |_| {}) else {
            // Coinbase, Kraken, OKX, BitMEX, Bitfinex: hftbacktest has no converter for them.
            continue;
        };
        converted += 1;
        let mut lines = 0;
        for path in &done.files {
            let (symbol, _) = path.file_name().unwrap().to_str().unwrap().rsplit_once('_').unwrap();
            let text = String::from_utf8(unpacked(path)).unwrap();
            for line in text.lines() {
                line[..19].parse::<u64>().unwrap();
                assert_eq!(&line[19..20], " ");
                assert!(sonic_rs::from_str::<Value>(&line[20..]).is_ok());
                let is_snapshot = line[20..].starts_with("{\"lastUpdateId\"");
                assert!(is_snapshot || line.to_lowercase().contains(symbol));
                lines += 1;
            }
        }
        assert_eq!(lines, done.lines);
        let replies = if capture.name == "binance_spot_cf_2021-10-12" { 4 } else { 0 };
        assert_eq!(done.lines + done.left_out, capture.received() + replies, "{}", capture.name);
    }
    assert_eq!(converted, if captures.is_empty() { 0 } else { 6 });
}

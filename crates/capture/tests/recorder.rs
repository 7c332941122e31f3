//! What a recorder writes over several files is one session, whatever became of the last.

mod support;

use bytes::Bytes;
use std::fs;
use std::path::{Path, PathBuf};
use support::{Folder, read, read_all};
use tickhawk_capture::{
    CaptureError, Header, OutcomeReader, OutcomeRecorder, RecordedEvent, Recorder, RecorderOptions,
    RecordingSummary, Run, Session, Warning, Writer, expand, runs,
};
use tickhawk_market::{ConnectionId, UnixNanos};

/// 2030-01-01 in nanoseconds, less a few.
const BEFORE_MIDNIGHT: u64 = 1_893_456_000_000_000_000 - 50_000;

fn header() -> Header {
    Header { venue: Some("binance".into()), links: Some(2), ..Header::default() }
}

/// A run over midnight: connections that come late, in no order, and are open as files change.
fn events(count: u64) -> Vec<(UnixNanos, ConnectionId, RecordedEvent)> {
    let text = |text: &'static str| Bytes::from_static(text.as_bytes());
    let mut state = 1u64;
    let mut events = Vec::new();
    for index in 0..count {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        let number = (state >> 40) as u16 % (2 + index * 9 / count) as u16;
        let event = match (state >> 33) % 16 {
            0 => RecordedEvent::Opened { url: "wss://v.invalid".into() },
            1 => RecordedEvent::Closed { reason: "bye".into() },
            2 => RecordedEvent::Sent(text("{\"op\":\"subscribe\"}")),
            3 => RecordedEvent::RestReply { url: None, status: Some(200), body: text("{}") },
            4 => RecordedEvent::Timer,
            6 => RecordedEvent::Alive,
            7 => RecordedEvent::Wanted(vec!["A".to_owned(), "B-\"1".to_owned()]),
            5 => RecordedEvent::Frame(Bytes::from_static(b"\xff\n")),
            _ => RecordedEvent::Frame(format!("{{\"n\":{state}}}").into()),
        };
        events.push((UnixNanos::new(BEFORE_MIDNIGHT + index * 10), ConnectionId(number), event));
    }
    events
}

fn record(
    folder: &Path,
    file_bytes_max: u64,
    events: &[(UnixNanos, ConnectionId, RecordedEvent)],
) -> RecordingSummary {
    let options = RecorderOptions::new(folder, "live-20300101", header());
    let (mut recorder, thread) =
        Recorder::start(RecorderOptions { file_bytes_max, ..options }).unwrap();
    for (at, connection, event) in events {
        recorder.record(*at, *connection, event.clone());
    }
    assert_eq!(recorder.alarm(), None);
    drop(recorder);
    let summary = thread.finish();
    assert!(summary.failure.is_none());
    assert_eq!((summary.records, summary.lost_records), (events.len() as u64, 0));
    let sizes = summary.files.iter().map(|path| fs::metadata(path).unwrap().len());
    assert_eq!(summary.bytes_written, sizes.sum::<u64>());
    summary
}

/// The same in one file, by the writer alone.
fn in_one_file(folder: &Folder, events: &[(UnixNanos, ConnectionId, RecordedEvent)]) -> PathBuf {
    let mut writer = Writer::new(Vec::new(), &header()).unwrap();
    for &(at, connection, ref event) in events {
        match event {
            RecordedEvent::Opened { url } => writer.opened(connection, at, url),
            RecordedEvent::Closed { reason } => writer.closed(connection, at, reason),
            RecordedEvent::Sent(message) => writer.sent(connection, at, message),
            RecordedEvent::Frame(frame) => writer.frame(connection, at, frame),
            RecordedEvent::RestReply { url, status, body } => {
                writer.rest_reply(connection, at, url.as_deref(), *status, body)
            }
            RecordedEvent::Alive => writer.alive(connection, at),
            RecordedEvent::Wanted(symbols) => writer.wanted(at, symbols),
            RecordedEvent::Timer => writer.timer(at),
        }
        .unwrap();
    }
    folder.file("one.zst", writer.finish().unwrap())
}

#[test]
fn a_run_of_many_files_is_one_session() {
    let folder = Folder::new();
    let events = events(20_000);
    let once = read(&[in_one_file(&folder, &events)]).unwrap();
    assert!(once.iter().any(|record| record.contains(" #9 ")), "ids as written");

    let by_day = record(&folder.path().join("day"), u64::MAX, &events);
    assert_eq!(by_day.files.len(), 2, "midnight lies between");
    assert_eq!(read(&by_day.files).unwrap(), once);

    let by_size = record(&folder.path().join("size"), 60_000, &events);
    assert!(by_size.files.len() > 3, "{} files", by_size.files.len());
    let mut shuffled = by_size.files.clone();
    shuffled.rotate_left(2);
    shuffled.swap(0, 1);
    assert_eq!(read(&shuffled).unwrap(), once, "in the order of their sequence");
    assert_eq!(read(&[folder.path().join("size")]).unwrap(), once, "as a folder");
    assert_eq!(read_all(&mut Session::open_merged(&shuffled).unwrap()).unwrap(), once);

    // Each file is complete in itself.
    let mut alone = Vec::new();
    for (index, path) in by_size.files.iter().enumerate() {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert_eq!(name, format!("live-20300101.{index:04}.jsonl.zst"));
        let mut session = Session::open(&[path]).unwrap();
        let found = session.header().unwrap().clone();
        alone.extend(read_all(&mut session).unwrap());
        assert!(session.warnings().is_empty());
        assert_eq!(Header { started_at: UnixNanos::default(), sequence: 0, ..found }, header());
        assert_eq!((found.sequence as usize, found.links), (index, Some(2)));
    }
    // A session over all files also says what closed as a connection was opened anew in a later
    // file, which a file alone cannot know.
    let as_written = |record: &&String| !record.ends_with(" closed");
    assert!(alone.iter().filter(as_written).eq(once.iter().filter(as_written)));
}

#[test]
fn a_run_killed_anywhere_is_read_up_to_there() {
    let folder = Folder::new();
    let events = events(9_000);
    let files = record(&folder.path().join("a"), 20_000, &events).files;
    let whole = read(&files).unwrap();
    let (last, before) = files.split_last().unwrap();
    let least = read(before).unwrap().len();
    let bytes = fs::read(last).unwrap();
    let mut most = least;
    // The beginning byte by byte, where the header is, then a place in a hundred.
    let step = (bytes.len() / 100).max(1);
    for length in (0..40).chain((40..bytes.len()).step_by(step)) {
        fs::write(last, &bytes[..length]).unwrap();
        let mut session = Session::open(&files).unwrap();
        let records = read_all(&mut session).unwrap();
        assert!(whole.starts_with(&records), "cut at {length}");
        assert!(records.len() >= most, "cut at {length}");
        most = records.len();
        let is_told = matches!(
            session.warnings(),
            [Warning::Truncated { path, .. } | Warning::Empty { path }] if path == last
        );
        assert!(is_told, "cut at {length}: {:?}", session.warnings());
        // Alone it opens too.
        assert!(read(&[last]).is_ok(), "cut at {length}");
    }
}

#[test]
fn what_cannot_begin_says_so_at_start() {
    let folder = Folder::new();
    let start = |folder: &Path, run: &str| {
        Recorder::start(RecorderOptions::new(folder, run, Header::default())).err().unwrap()
    };
    let existing = folder.file("run.0000.jsonl.zst", "precious");
    let error = start(folder.path(), "run");
    assert!(matches!(error, CaptureError::Create { .. }), "{error}");
    assert!(error.to_string().contains("choose another name"), "{error}");
    assert_eq!(fs::read(&existing).unwrap(), b"precious");
    let error = start(&existing, "run");
    assert!(matches!(error, CaptureError::Create { .. }), "{error}");
    for run in ["", "a/b", "..\\a"] {
        assert!(matches!(start(folder.path(), run), CaptureError::RunName { .. }), "{run}");
    }
    let logged = folder.file("run.0000.outcomes", "");
    let error = OutcomeRecorder::start(folder.path(), "run", "{}", 1).err().unwrap();
    assert!(matches!(&error, CaptureError::Create { path, .. } if *path == logged), "{error}");
}

#[test]
fn outcomes_are_logged_beside_the_recording() {
    let folder = Folder::new();
    let (mut recorder, thread) =
        OutcomeRecorder::start(folder.path(), "run", "{\"model\":1}", 10_000).unwrap();
    for number in 0..5_000u64 {
        let words: Vec<u64> = (0..=number % 128).map(|index| number << 32 | index).collect();
        recorder.record(&words);
    }
    assert_eq!(recorder.alarm(), None);
    drop(recorder);
    let summary = thread.finish();
    assert!(summary.failure.is_none());
    assert_eq!((summary.records, summary.lost_records), (5_000, 0));
    let [run] = runs(folder.path()).unwrap().try_into().unwrap();
    assert_eq!(run.outcomes, summary.files);
    let mut reader = OutcomeReader::open(&run.outcomes).unwrap();
    assert_eq!(reader.header(), Some("{\"model\":1}"));
    for number in 0..5_000u64 {
        let words = reader.next_record().unwrap();
        assert_eq!(words.len() as u64, number % 128 + 1);
        assert!(words.iter().zip(0..).all(|(word, index)| *word == (number << 32 | index)));
    }
    assert_eq!(reader.next_record(), None);
    assert!(reader.warnings().is_empty());
}

#[test]
fn a_folder_lists_its_runs() {
    let folder = Folder::new();
    assert_eq!(runs(folder.path()).unwrap(), []);
    let foreign = folder.file("btcusdt_20300101.gz", "");
    let error = expand(&[folder.path()]).unwrap_err();
    assert!(matches!(error, CaptureError::NoRuns { .. }), "{error}");
    let mut paths = Vec::new();
    for name in ["b.0000", "a.10000", "a.0002", "a.0000"] {
        paths.push(folder.file(&format!("{name}.jsonl.zst"), ""));
    }
    let [b0, a10000, a2, a0] = paths.try_into().unwrap();
    let outcomes = folder.file("c.0000.outcomes", "");
    let run = |name: &str, recordings: &[&PathBuf], outcomes: &[&PathBuf]| Run {
        name: name.to_owned(),
        recordings: recordings.iter().copied().cloned().collect(),
        outcomes: outcomes.iter().copied().cloned().collect(),
        folder: folder.path().to_owned(),
    };
    assert_eq!(
        runs(folder.path()).unwrap(),
        [run("a", &[&a0, &a2, &a10000], &[]), run("b", &[&b0], &[]), run("c", &[], &[&outcomes])]
    );
    let expanded = expand(&[foreign.as_path(), folder.path()]).unwrap();
    assert_eq!(expanded, [foreign, a0, a2, a10000, b0]);
    assert!(matches!(runs(folder.path().join("missing")), Err(CaptureError::Open { .. })));
}

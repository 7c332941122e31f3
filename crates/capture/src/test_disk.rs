//! Recorders on disks that fail, stall or are watched.

use crate::error::CaptureError;
use crate::outcome_recorder::{OutcomeRecorder, place};
use crate::record::{Header, RecordKind};
use crate::recorder::{RecordedEvent, Recorder, RecorderOptions};
use crate::run_files::{Create, Output};
use crate::session::Session;
use crate::{OutcomeReader, RecordingSummary, Warning};
use bytes::Bytes;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use tempfile::tempdir;
use tickhawk_market::{ConnectionId, UnixNanos};

/// A file in memory on a disk of so many bytes.
#[derive(Clone)]
struct Small {
    held: Arc<Mutex<Vec<u8>>>,
    room: usize,
}

impl Write for Small {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut held = self.held.lock().unwrap();
        let fits = bytes.len().min(self.room - held.len());
        if fits == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        held.extend_from_slice(&bytes[..fits]);
        Ok(fits)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output for Small {
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn small(room: usize) -> (Arc<Mutex<Vec<u8>>>, Create) {
    let held = Arc::<Mutex<Vec<u8>>>::default();
    let disk = Small { held: Arc::clone(&held), room };
    (held, Box::new(move |_| Ok(Box::new(disk.clone()))))
}

/// Text that does not pack well.
fn noise(bytes: usize, seed: u64) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        b'a' + (state % 26) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

fn options(folder: &Path, queue_bytes_max: usize) -> RecorderOptions {
    let options = RecorderOptions::new(folder, "run", Header::default());
    RecorderOptions { queue_bytes_max, ..options }
}

fn frame(recorder: &mut Recorder, at: u64, payload: &Bytes) {
    let event = RecordedEvent::Frame(payload.clone());
    recorder.record(UnixNanos::new(at), ConnectionId(0), event);
}

/// The receive times of a recording's frames, and whether it was ended.
fn read(bytes: &[u8]) -> (Vec<u64>, bool) {
    let folder = tempdir().unwrap();
    let path = folder.path().join("run.0000.jsonl.zst");
    fs::write(&path, bytes).unwrap();
    let mut session = Session::open(&[path]).unwrap();
    let mut times = Vec::new();
    while let Some(record) = session.next_record().unwrap() {
        assert!(matches!(record.kind, RecordKind::Frame(_)));
        times.push(record.received_at.nanos());
    }
    let is_torn = matches!(session.warnings(), [Warning::Truncated { .. }]);
    assert!(is_torn || session.warnings().is_empty());
    (times, !is_torn)
}

#[track_caller]
fn check_stopped(summary: &RecordingSummary, alarm: Option<String>, words: &[&str]) {
    let failure = summary.failure.as_ref().expect("it failed").to_string();
    assert_eq!(alarm, Some(format!("recording stopped: {failure}")));
    for word in words {
        assert!(failure.contains(word), "{failure}");
    }
}

#[test]
fn a_full_disk_stops_recording_and_keeps_what_was_written() {
    const FRAMES: u64 = 60;
    let mut most = 0;
    for room in [150, 10_000, 100_000, 200_000, 300_000] {
        let folder = tempdir().unwrap();
        let (held, disk) = small(room);
        let (mut recorder, thread) =
            Recorder::start_on(options(folder.path(), 1 << 30), disk).unwrap();
        for at in 0..FRAMES {
            frame(&mut recorder, at, &noise(20_000, at));
        }
        let summary = thread.finish();
        // The handle lives on: nothing it does may fail.
        frame(&mut recorder, FRAMES, &noise(10, 1));
        let cure = "free space, or name a folder on another disk";
        check_stopped(
            &summary,
            recorder.alarm(),
            &["run.0000.jsonl.zst", "no storage space", cure],
        );
        assert_eq!(summary.records + summary.lost_records, FRAMES);
        assert_eq!(summary.bytes_written, room as u64);

        let (times, is_ended) = read(&held.lock().unwrap());
        assert!(!is_ended);
        assert!(times.iter().copied().eq(0..times.len() as u64), "a prefix");
        assert!(times.len() >= most, "more room keeps more");
        most = times.len();
    }
    assert!(most > 10, "{most} frames of 20,000 characters in 300,000 bytes");
}

#[test]
fn a_disk_without_room_for_the_header_is_told_at_start() {
    let folder = tempdir().unwrap();
    let error = Recorder::start_on(options(folder.path(), 1 << 30), small(20).1).err().unwrap();
    assert!(matches!(error, CaptureError::WriteFile { .. }), "{error}");
}

#[test]
fn a_file_that_cannot_be_begun_leaves_those_before() {
    let folder = tempdir().unwrap();
    let (held, mut disk) = small(1 << 30);
    let create: Create = Box::new(move |path| match path.ends_with("run.0000.jsonl.zst") {
        true => disk(path),
        false => Err(io::ErrorKind::AlreadyExists.into()),
    });
    let (mut recorder, thread) =
        Recorder::start_on(options(folder.path(), 1 << 30), create).unwrap();
    let midnight = 86_400_000_000_000;
    for at in [midnight - 2, midnight - 1, midnight, midnight + 1] {
        frame(&mut recorder, at, &noise(100, at));
    }
    let summary = thread.finish();
    let words = ["run.0001.jsonl.zst", "nothing is ever overwritten"];
    check_stopped(&summary, recorder.alarm(), &words);
    assert_eq!((summary.records, summary.lost_records), (2, 2));
    assert_eq!(read(&held.lock().unwrap()), (vec![midnight - 2, midnight - 1], true));
}

/// A disk that holds writes back until its gate is dropped.
struct Stalled {
    disk: Small,
    gate: Arc<Mutex<Receiver<()>>>,
    writes: usize,
}

impl Write for Stalled {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writes += 1;
        // The first is the header's, which `start` waits for.
        if self.writes > 1 {
            let _ = self.gate.lock().unwrap().recv();
        }
        self.disk.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output for Stalled {
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn stalled() -> (Arc<Mutex<Vec<u8>>>, Sender<()>, Create) {
    let held = Arc::<Mutex<Vec<u8>>>::default();
    let disk = Small { held: Arc::clone(&held), room: usize::MAX };
    let (gate, behind) = channel();
    let behind = Arc::new(Mutex::new(behind));
    let create: Create = Box::new(move |_| {
        Ok(Box::new(Stalled { disk: disk.clone(), gate: Arc::clone(&behind), writes: 0 }))
    });
    (held, gate, create)
}

#[test]
fn a_disk_that_stalls_stops_recording_without_a_hole() {
    const FRAMES: u64 = 1_000;
    let folder = tempdir().unwrap();
    let (held, gate, disk) = stalled();
    let (mut recorder, thread) = Recorder::start_on(options(folder.path(), 1 << 20), disk).unwrap();
    let payload = noise(65_536, 1);
    let mut at = 0;
    while at < FRAMES {
        frame(&mut recorder, at, &payload);
        at += 1;
    }
    assert!(recorder.alarm().is_some(), "65 MB do not fit into 1 MiB");
    drop(gate);
    let summary = thread.finish();
    check_stopped(&summary, recorder.alarm(), &["1048576 bytes wait", "a faster disk"]);
    assert_eq!(summary.records + summary.lost_records, FRAMES);
    assert!(summary.records >= 15, "what fits is kept");
    let (times, is_ended) = read(&held.lock().unwrap());
    assert!(times.iter().copied().eq(0..summary.records), "all before the hole");
    assert!(is_ended);
}

#[test]
fn outcomes_that_cannot_be_logged_stop_the_log_without_a_hole() {
    let folder = tempdir().unwrap();
    let (held, gate, disk) = stalled();
    let place = place(folder.path(), "run", 1 << 30);
    let (mut recorder, thread) = OutcomeRecorder::start_on(place, "{}", 100, disk).unwrap();
    let mut number = 0;
    // The thread takes a few megabytes into its compressor at most.
    while recorder.alarm().is_none() && number < 1_000_000 {
        recorder.record(&[number, number.wrapping_mul(0x9e37_79b9_7f4a_7c15)]);
        number += 1;
    }
    drop(gate);
    drop(recorder);
    let summary = thread.finish();
    let failure = summary.failure.unwrap();
    assert!(matches!(failure, CaptureError::DiskTooSlow { limit: 100, unit: "outcomes" }));
    assert_eq!((summary.records, summary.lost_records), (number - 1, 1));
    let path = folder.path().join("run.0000.outcomes");
    fs::write(&path, &*held.lock().unwrap()).unwrap();
    let mut reader = OutcomeReader::open(&[path]).unwrap();
    let mut read = 0;
    while let Some(words) = reader.next_record() {
        assert_eq!(words[0], read);
        read += 1;
    }
    assert_eq!(read, summary.records);
    assert!(reader.warnings().is_empty());
}

#[test]
fn an_outcome_of_no_or_too_many_words_stops_the_log() {
    for words in [0, 129] {
        let folder = tempdir().unwrap();
        let (mut recorder, thread) = OutcomeRecorder::start(folder.path(), "run", "{}", 4).unwrap();
        recorder.record(&[1; 128]);
        recorder.record(&vec![1; words]);
        recorder.record(&[1]);
        let summary = thread.finish();
        check_stopped(&summary, recorder.alarm(), &["1 to 128"]);
        assert_eq!((summary.records, summary.lost_records), (1, 2));
    }
}

/// A disk that tells of every flush.
struct Watched {
    disk: Small,
    flushed: Sender<()>,
}

impl Write for Watched {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.disk.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = self.flushed.send(());
        Ok(())
    }
}

impl Output for Watched {
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_was_recorded_can_be_read_while_recording_goes_on() {
    let folder = tempdir().unwrap();
    let held = Arc::<Mutex<Vec<u8>>>::default();
    let disk = Small { held: Arc::clone(&held), room: usize::MAX };
    let (flushed, flushes) = channel();
    let create: Create =
        Box::new(move |_| Ok(Box::new(Watched { disk: disk.clone(), flushed: flushed.clone() })));
    let (mut recorder, thread) =
        Recorder::start_on(options(folder.path(), 1 << 20), create).unwrap();
    assert_eq!(read(&held.lock().unwrap()), (vec![], false), "the header is there at once");
    for at in 0..2 {
        frame(&mut recorder, at, &noise(100, at));
        // Nothing more comes, and still the thread flushes.
        while read(&held.lock().unwrap()).0.len() <= at as usize {
            flushes.recv().unwrap();
        }
    }
    drop(recorder);
    let summary = thread.finish();
    assert!(summary.failure.is_none());
    assert_eq!(summary.lost_records, 0);
    assert_eq!(read(&held.lock().unwrap()), (vec![0, 1], true));
}

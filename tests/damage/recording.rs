//! A recording in memory, what it comes to undamaged, and what a damaged copy comes to.

use crate::{copy::Copy, support::Golden};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    path::Path,
};
use tickhawk_book::Book;
use tickhawk_capture::{RecordKind, Session};
use tickhawk_engine::{Input, MarketOptions, MarketSink, MarketStage};
use tickhawk_feature::{FeatureFrame, FeaturePlan, PlanOptions};
use tickhawk_latency::Clock;
use tickhawk_market::{
    BookKind, BookUpdate, ConnectionId, InstrumentId, MonoNanos, Scale, Side, UnixNanos,
};

/// Records of a recording used after the last book's snapshot: some hundred messages of each book.
const RECORDS: usize = 3_000;
/// Levels a side compared at each frame: what OKX's checksum covers, and what Kraken's does.
const BEST: [usize; 2] = [25, 10];

/// A record that owns its bytes.
pub struct Line {
    pub connection: ConnectionId,
    at: UnixNanos,
    kind: LineKind,
}

enum LineKind {
    Opened,
    Closed,
    Sent(Vec<u8>),
    Frame(Vec<u8>),
    RestReply { url: Option<String>, status: Option<u16>, body: Vec<u8> },
}

impl Line {
    fn input(&self) -> Input<'_> {
        match &self.kind {
            LineKind::Opened => Input::Opened,
            LineKind::Closed => Input::Closed,
            LineKind::Sent(bytes) => Input::Sent(bytes),
            LineKind::Frame(bytes) => Input::Frame(bytes),
            LineKind::RestReply { url, status, body } => {
                Input::RestReply { url: url.as_deref(), status: *status, body }
            }
        }
    }

    pub fn frame(&self) -> Option<&[u8]> {
        match &self.kind {
            LineKind::Frame(bytes) => Some(bytes),
            _ => None,
        }
    }
}

/// The recording's first records, and what they come to undamaged.
pub struct Recording {
    pub name: String,
    pub slug: &'static str,
    pub lines: Vec<Line>,
    /// The record after which every book has had its snapshot.
    pub start: usize,
    pub truth: Played,
}

/// What one input did to one book.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// The later of the record played and the record in whose place it was played: by then the
    /// undamaged recording had said all that the copy has.
    pub record: usize,
    pub id: InstrumentId,
    pub snapshot: bool,
    /// Whether a frame came out.
    pub framed: bool,
    /// Of the book's best levels, as many as [`BEST`] says.
    pub best: [u64; 2],
}

/// What playing a copy came to.
pub struct Played {
    pub stage: MarketStage,
    pub seen: Vec<Seen>,
}

#[derive(Default)]
struct Watch {
    applied: Vec<(InstrumentId, BookKind)>,
    framed: Vec<InstrumentId>,
}

impl MarketSink for Watch {
    fn frame(&mut self, frame: &FeatureFrame) {
        self.framed.push(frame.instrument());
    }

    fn book_applied(&mut self, _at: UnixNanos, update: &BookUpdate, _book: &Book) {
        self.applied.push((update.instrument, update.kind));
    }
}

/// Everything that tells two books apart, in their best `count` levels a side, whatever decimals
/// their integers carry.
fn book_hash(book: &Book, scale: Scale, count: usize) -> u64 {
    let mut hasher = DefaultHasher::new();
    let exact = |units: i64, decimals| i128::from(units) * 10i128.pow(18 - u32::from(decimals));
    for side in [Side::Bid, Side::Ask] {
        for level in book.levels(side).take(count) {
            exact(level.price.units(), scale.price_decimals).hash(&mut hasher);
            exact(level.qty.units(), scale.qty_decimals).hash(&mut hasher);
        }
        side.hash(&mut hasher);
    }
    hasher.finish()
}

fn new_stage(slug: &str) -> MarketStage {
    let plan = FeaturePlan::compile(&["queue_imbalance"], PlanOptions::default()).unwrap();
    MarketStage::new(MarketOptions::new(slug.parse().unwrap()), plan, Clock::new())
}

impl Played {
    pub fn new(slug: &str, lines: &[Line], copy: &Copy) -> Self {
        let mut played = Self { stage: new_stage(slug), seen: Vec::new() };
        let mut watch = Watch::default();
        for (place, &(record, line)) in copy.order.iter().enumerate() {
            let Line { connection, at, .. } = lines[line];
            let input = match &copy.changed {
                Some((changed, bytes)) if *changed == line => Input::Frame(bytes),
                _ => lines[line].input(),
            };
            played.stage.step(connection, at, MonoNanos::default(), input, &mut watch);
            if place >= copy.from {
                played.note(record, &watch);
            }
            watch.applied.clear();
            watch.framed.clear();
        }
        played
    }

    fn note(&mut self, record: usize, watch: &Watch) {
        for (index, &(id, kind)) in watch.applied.iter().enumerate() {
            if watch.applied[index + 1..].iter().any(|(later, _)| *later == id) {
                continue;
            }
            let snapshot = kind == BookKind::Snapshot;
            let framed = watch.framed.contains(&id);
            let best = BEST.map(|count| self.book_hash(id, count));
            self.seen.push(Seen { record, id, snapshot, framed, best });
        }
    }

    pub fn book_hash(&self, id: InstrumentId, count: usize) -> u64 {
        let scale = self.stage.instruments().get(id).scale.unwrap_or_default();
        book_hash(self.stage.book(id).expect("it is named"), scale, count)
    }

    pub fn frames(&self) -> impl Iterator<Item = &Seen> {
        self.seen.iter().filter(|seen| seen.framed)
    }

    /// The books that a book's frames from a record on showed, each once.
    pub fn shown(&self, id: InstrumentId, from: usize) -> Vec<u64> {
        let frames = self.frames().filter(|seen| seen.id == id && seen.record >= from);
        let mut shown: Vec<_> = frames.map(|seen| seen.best[0]).collect();
        shown.dedup();
        shown
    }

    /// The book as it stood after a record, of an undamaged recording.
    pub fn at(&self, id: InstrumentId, record: usize) -> Option<&Seen> {
        let until = self.seen.partition_point(|seen| seen.record <= record);
        self.seen[..until].iter().rev().find(|seen| seen.id == id)
    }
}

impl Recording {
    pub fn read(golden: &Golden, captures: &Path) -> Option<Self> {
        let books = golden.books().filter(|book| book.snapshots_applied > 0).count();
        if books == 0 {
            return None;
        }
        let slug = golden.slug();
        let mut session = Session::open(&golden.paths(captures)).unwrap();
        let (mut lines, mut start, mut begun) = (Vec::new(), None, Vec::new());
        let mut stage = new_stage(slug);
        while let Some(record) = session.next_record().unwrap() {
            let kind = match record.kind {
                RecordKind::Opened { .. } => LineKind::Opened,
                RecordKind::Closed => LineKind::Closed,
                // No golden recording is of our own recorder, which alone writes these.
                RecordKind::Alive | RecordKind::Wanted(_) | RecordKind::Timer => continue,
                RecordKind::Sent(bytes) => LineKind::Sent(bytes.to_vec()),
                RecordKind::Frame(bytes) => LineKind::Frame(bytes.to_vec()),
                RecordKind::RestReply { url, status, body } => {
                    LineKind::RestReply { url: url.map(Into::into), status, body: body.to_vec() }
                }
            };
            lines.push(Line { connection: record.connection, at: record.received_at, kind });
            let Some(start) = start else {
                let (line, mut watch) = (lines.last().unwrap(), Watch::default());
                stage.step(
                    line.connection,
                    line.at,
                    MonoNanos::default(),
                    line.input(),
                    &mut watch,
                );
                begun.extend(watch.applied.iter().map(|(id, _)| *id));
                begun.sort_unstable();
                begun.dedup();
                start = (begun.len() == books).then_some(lines.len());
                continue;
            };
            if lines.len() >= start + RECORDS {
                break;
            }
        }
        let start = start.expect("every book of the golden file has its snapshot");
        let truth = Played::new(slug, &lines, &Copy::undamaged(lines.len()));
        Some(Self { name: golden.capture.clone(), slug, lines, start, truth })
    }

    /// The `nth` message of a book after a record, counted from 1, if it comes alone in its frame
    /// and is no snapshot.
    pub fn next_of(&self, id: InstrumentId, record: usize, nth: usize) -> Option<usize> {
        let later = |seen: &&Seen| seen.id == id && seen.record > record;
        let next = self.truth.seen.iter().filter(later).nth(nth - 1)?;
        let together = self.truth.seen.iter().filter(|seen| seen.record == next.record).count();
        (together == 1 && !next.snapshot).then_some(next.record)
    }

    pub fn next_frame_of_others(&self, id: InstrumentId, record: usize) -> Option<usize> {
        let next = record + 1;
        let same_book = self.truth.seen.iter().any(|seen| seen.record == next && seen.id == id);
        self.lines.get(next)?.frame()?;
        (!same_book && self.lines[next].connection == self.lines[record].connection).then_some(next)
    }

    /// Whether the undamaged book was the same after that record.
    pub fn is_right(&self, seen: &Seen, levels: usize) -> bool {
        let which = usize::from(levels < BEST[0]);
        let truth = self.truth.at(seen.id, seen.record);
        truth.is_some_and(|truth| truth.best[which] == seen.best[which])
    }
    /// Whether a book is the one that the undamaged recording ends with.
    pub fn ends_right(&self, played: &Played, id: InstrumentId, levels: usize) -> bool {
        let known = id.index() < self.truth.stage.instruments().len();
        known && played.book_hash(id, levels) == self.truth.book_hash(id, levels)
    }
}

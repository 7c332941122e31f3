//! A recording in memory, inflated, so that no measurement waits for a disk or a decompressor.

use crate::HarnessError;
use std::path::PathBuf;
use tickhawk_capture::{RecordKind, Session};
use tickhawk_engine::{Input, MarketOptions, MarketSink, MarketStage, Record};
use tickhawk_feature::{FeatureFrame, FeaturePlan, PlanOptions};
use tickhawk_latency::Clock;
use tickhawk_market::{ConnectionId, MonoNanos, UnixNanos};
use tickhawk_venue::Venue;

/// A recording, inflated, cut to what a venue sends: frames, and replies to requests.
#[derive(Debug)]
pub struct Recorded {
    /// Whose messages.
    pub venue: Venue,
    /// Where it came from, for reports.
    pub name: String,
    items: Vec<Item>,
    links: u16,
    span_ns: u64,
}

#[derive(Debug)]
struct Item {
    connection: ConnectionId,
    received_at: UnixNanos,
    url: Option<String>,
    kind: Kind,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Frame,
    Reply(Option<u16>),
    Opened,
    Closed,
    Sent,
}

impl Recorded {
    /// Reads the files as one session. The venue is the one given, else the one the recording
    /// names.
    ///
    /// # Errors
    /// If they cannot be read, or nobody says whose messages they are.
    pub fn read(files: &[PathBuf], venue: Option<Venue>) -> Result<Self, HarnessError> {
        let mut session = Session::open_merged(files)?;
        let header = session.header();
        let named = header.and_then(|header| header.venue.as_ref());
        let venue = match venue.or_else(|| named.and_then(|slug| slug.parse().ok())) {
            Some(venue) => venue,
            None => return Err(HarnessError::NoVenue { path: files[0].clone() }),
        };
        let links = header.and_then(|header| header.links).unwrap_or(1).clamp(1, 2);
        let mut items = Vec::new();
        while let Some(record) = session.next_record()? {
            let (url, kind, bytes) = match record.kind {
                RecordKind::Frame(bytes) => (None, Kind::Frame, bytes),
                RecordKind::RestReply { url, status, body } => (url, Kind::Reply(status), body),
                RecordKind::Opened { .. } => (None, Kind::Opened, &[][..]),
                RecordKind::Closed => (None, Kind::Closed, &[][..]),
                RecordKind::Sent(bytes) => (None, Kind::Sent, bytes),
                // What silence is judged by: not a venue's message.
                RecordKind::Alive | RecordKind::Wanted(_) | RecordKind::Timer => continue,
            };
            items.push(Item {
                connection: record.connection,
                received_at: record.received_at,
                url: url.map(str::to_owned),
                kind,
                bytes: bytes.to_vec(),
            });
        }
        let name = files[0].file_name().map(|name| name.to_string_lossy().into_owned());
        let at = |item: Option<&Item>| item.map_or(0, |item: &Item| item.received_at.nanos());
        let last_at = at(items.iter().max_by_key(|item| item.received_at));
        let span_ns = last_at.saturating_sub(at(items.first())) + 1_000_000_000;
        let name = name.unwrap_or_default();
        let recorded = Self { venue, name, items, links, span_ns };
        match recorded.is_empty() {
            true => Err(HarnessError::Empty { path: files[0].clone() }),
            false => Ok(recorded),
        }
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// One record, as if the recording were received `shift_ns` later.
    ///
    /// # Panics
    /// If there is no such record.
    pub fn record(&self, index: usize, shift_ns: u64) -> Record<'_> {
        let Item { connection, received_at, url, kind, bytes } = &self.items[index];
        let input = match *kind {
            Kind::Frame => Input::Frame(bytes),
            Kind::Reply(status) => Input::RestReply { url: url.as_deref(), status, body: bytes },
            Kind::Opened => Input::Opened,
            Kind::Closed => Input::Closed,
            Kind::Sent => Input::Sent(bytes),
        };
        let received_at = UnixNanos::new(received_at.nanos() + shift_ns);
        Record { connection: *connection, received_at, input }
    }

    /// The bytes of a frame; `None` of any other record.
    pub fn frame(&self, index: usize) -> Option<&[u8]> {
        let item = &self.items[index];
        (item.kind == Kind::Frame).then_some(&item.bytes[..])
    }

    /// From the first record's receive time to the last one's, and a second of rest.
    pub fn span_ns(&self) -> u64 {
        self.span_ns
    }

    /// A market stage for this recording.
    pub fn market(
        &self,
        plan: &FeaturePlan,
        options: &MarketOptions,
        clock: &Clock,
    ) -> MarketStage {
        MarketStage::new(self.options(options), plan.clone(), clock.clone())
    }

    /// These options with what the recording says.
    pub(crate) fn options(&self, options: &MarketOptions) -> MarketOptions {
        let shares_ids = self.venue.terms().shares_ids;
        MarketOptions { links: self.links, shares_ids, ..options.clone() }
    }

    /// The records that change a whole book and so make a feature frame, by number. The first
    /// `skipped` of them are left out: there a book is still being filled.
    pub fn framing(&self, options: &MarketOptions, clock: &Clock, skipped: usize) -> Vec<usize> {
        let plan = FeaturePlan::compile(&["queue_imbalance"], PlanOptions::default());
        let plan = plan.expect("the name is a feature's");
        let mut market = self.market(&plan, options, clock);
        let mut counted = Frames::default();
        let mut framing = Vec::new();
        for index in 0..self.len() {
            let Record { connection, received_at, input } = self.record(index, 0);
            let before = counted.0;
            market.step(connection, received_at, MonoNanos::default(), input, &mut counted);
            if counted.0 > before && matches!(input, Input::Frame(_)) {
                framing.push(index);
            }
        }
        framing.drain(..skipped.min(framing.len()));
        framing
    }
}

#[derive(Default)]
struct Frames(u64);

impl MarketSink for Frames {
    fn frame(&mut self, _frame: &FeatureFrame) {
        self.0 += 1;
    }
}

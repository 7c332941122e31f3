//! A live feed as a source of the engine's records.

use crate::reload::Changes;
use std::{
    sync::mpsc::{SyncSender, sync_channel},
    thread,
};
use tickhawk_capture::{RecordedEvent, Recorder};
use tickhawk_engine::{Input, MarketStage, Record, Source, Want, WantKind};
use tickhawk_feed::{Arrival, ArrivalKind, Ask, Client, ClientCounts, FeedError, LINKS, unix_now};
use tickhawk_market::{ConnectionId, UnixNanos};
use tickhawk_venue::Venue;

/// Notices that may wait to be printed; more are dropped, their counts stand in the report.
const NOTICES: usize = 64;

/// A client, and a recorder of what comes.
pub struct LiveSource {
    client: Client,
    recorder: Option<Recorder>,
    arrival: Option<Arrival>,
    changes: Changes,
    /// What is asked for from here on, to be told the market step before the client.
    wanted: Option<(UnixNanos, Vec<String>)>,
    alarmed: bool,
    notices: SyncSender<String>,
}

impl LiveSource {
    /// Records what the client hears, if there is a recorder; other instruments may be asked for.
    pub fn new(client: Client, recorder: Option<Recorder>, venue: Venue, changes: Changes) -> Self {
        let (notices, heard) = sync_channel::<String>(NOTICES);
        // stderr may block: the market thread never writes to it.
        thread::spawn(move || heard.iter().for_each(|notice| eprintln!("{venue}: {notice}")));
        Self { client, recorder, arrival: None, changes, wanted: None, alarmed: false, notices }
    }

    /// What the client counted.
    pub fn counts(&self) -> ClientCounts {
        self.client.counts()
    }

    #[cold]
    fn look_around(&mut self, market: &MarketStage) {
        for link in 0..LINKS {
            self.client.set_ready(link, market.is_ready(link));
        }
        self.wanted = self.changes.try_recv().ok().map(|symbols| (unix_now(), symbols));
        if !self.alarmed
            && let Some(alarm) = self.recorder.as_ref().and_then(Recorder::alarm)
        {
            self.alarmed = true;
            let _ = self.notices.try_send(format!("ALARM: {alarm}; signals go on"));
        }
    }

    fn record(&mut self, at: UnixNanos, connection: ConnectionId, event: RecordedEvent) {
        if let Some(recorder) = &mut self.recorder {
            recorder.record(at, connection, event);
        }
    }
}

impl Source for LiveSource {
    type Error = FeedError;

    fn next_record(&mut self) -> Result<Option<Record<'_>>, FeedError> {
        self.await_record(&mut || {})
    }

    #[inline]
    fn await_record(&mut self, idle: &mut dyn FnMut()) -> Result<Option<Record<'_>>, FeedError> {
        if let Some((received_at, symbols)) = &self.wanted {
            let (connection, input) = (ConnectionId(0), Input::Wanted(symbols));
            return Ok(Some(Record { connection, received_at: *received_at, input }));
        }
        self.arrival = self.client.next_or(idle)?;
        Ok(self.arrival.as_ref().map(|arrival| Record {
            connection: arrival.connection,
            received_at: arrival.received_at,
            input: input(&arrival.kind),
        }))
    }

    /// Recorded once it is through the step, so that recording is in nobody's latency.
    #[inline]
    fn stepped(&mut self, market: &MarketStage, wants: &mut Vec<Want>) {
        for want in wants.drain(..) {
            self.client.ask(ask(want));
        }
        if let Some((at, symbols)) = self.wanted.take() {
            self.record(at, ConnectionId(0), RecordedEvent::Wanted(symbols.clone()));
            self.client.set_symbols(symbols);
            return;
        }
        let Some(arrival) = self.arrival.take() else { return };
        if let ArrivalKind::Timer = arrival.kind {
            self.look_around(market);
        }
        while let Some(notice) = self.client.take_notice() {
            let _ = self.notices.try_send(notice);
        }
        self.record(arrival.received_at, arrival.connection, recorded(arrival.kind));
    }
}

fn input(kind: &ArrivalKind) -> Input<'_> {
    match kind {
        ArrivalKind::Opened { .. } => Input::Opened,
        ArrivalKind::Closed { .. } => Input::Closed,
        ArrivalKind::Sent(text) => Input::Sent(text),
        ArrivalKind::Frame(bytes) => Input::Frame(bytes),
        ArrivalKind::RestReply { url, status, body } => {
            Input::RestReply { url: Some(url), status: Some(*status), body }
        }
        ArrivalKind::Alive => Input::Alive,
        ArrivalKind::Timer => Input::Timer,
    }
}

fn recorded(kind: ArrivalKind) -> RecordedEvent {
    match kind {
        ArrivalKind::Opened { url } => RecordedEvent::Opened { url },
        ArrivalKind::Closed { reason } => RecordedEvent::Closed { reason },
        ArrivalKind::Sent(text) => RecordedEvent::Sent(text),
        ArrivalKind::Frame(bytes) => RecordedEvent::Frame(bytes),
        ArrivalKind::RestReply { url, status, body } => {
            RecordedEvent::RestReply { url: Some(url), status: Some(status), body }
        }
        ArrivalKind::Alive => RecordedEvent::Alive,
        ArrivalKind::Timer => RecordedEvent::Timer,
    }
}

fn ask(want: Want) -> Ask {
    let link = want.link;
    match want.kind {
        WantKind::Snapshot { symbol } => Ask::Snapshot { link, symbol },
        WantKind::Resubscribe { symbol, channel } => Ask::Resubscribe { link, symbol, channel },
        WantKind::Reconnect { connection } => Ask::Reconnect { connection },
        WantKind::GiveUp { connection, channel } => Ask::GiveUp { connection, channel },
    }
}

//! Time passed: who has not been heard of for too long.

use super::{MarketStage, Source};
use crate::{
    MarketSink, Silence,
    link::Link,
    silence::{Connections, elapsed_ns},
};
use tickhawk_market::{ConnectionId, InstrumentId, UnixNanos, Updates};
use tickhawk_venue::Sync;

impl MarketStage {
    /// Looks at every connection and at every book once.
    pub(super) fn timer(&mut self, at: UnixNanos, sink: &mut impl MarketSink) {
        let mut updates = std::mem::take(&mut self.updates);
        for index in 0..self.connections.len() {
            let connection = ConnectionId(index as u16);
            if self.connections.falls_silent(connection, at, &self.options.silence) {
                let source = Source { link: self.link_of(connection), connection, at };
                updates.clear();
                self.links[source.link].decoder.silent(connection, &mut updates);
                self.take_updates(source, &mut updates, self.instruments.len(), sink);
            }
        }
        for link in 0..self.links.len() {
            updates.clear();
            self.check_silent_books(link, at, &mut updates);
            // What a silent book is told by is no connection's doing.
            let source = Source { link, connection: ConnectionId(link as u16), at };
            self.take_updates(source, &mut updates, self.instruments.len(), sink);
        }
        self.updates = updates;
    }

    fn check_silent_books(&mut self, link: usize, at: UnixNanos, updates: &mut Updates) {
        let Silence { book_ns, resync_ns, .. } = self.options.silence;
        let Link { decoder, books } = &mut self.links[link];
        for (index, linked) in books.iter().enumerate() {
            let id = InstrumentId(index as u32);
            let entry = decoder.instruments().get(id);
            let has_stopped = |book_ns| linked.is_live() && linked.pace.has_stopped(at, book_ns);
            if entry.sync == Sync::Live && book_ns.is_some_and(has_stopped) {
                decoder.silent_book(id, updates);
                continue;
            }
            let waits = matches!(entry.sync, Sync::Syncing | Sync::Suspect | Sync::Stale);
            let since = waiting_since(&self.connections, entry.connection, linked.asked_at);
            if let (true, Some(resync_ns), Some(since)) = (waits, resync_ns, since)
                && elapsed_ns(at, since) >= resync_ns
            {
                decoder.ask_again(id, updates);
            }
        }
    }
}

/// Since when an answer is due that was asked for at `asked_at`; `None` while it cannot come.
fn waiting_since(
    connections: &Connections,
    connection: Option<ConnectionId>,
    asked_at: UnixNanos,
) -> Option<UnixNanos> {
    connections.open_since(connection?).map(|opened_at| opened_at.max(asked_at))
}

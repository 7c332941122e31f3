//! Inputs that were decoded before: what a form tells in place of a decoder.

use super::{MarketStage, Source};
use crate::{MarketSink, TickSource, Want, WantKind};
use tickhawk_decoded::{Item, Step};
use tickhawk_market::{MonoNanos, Request, UnixNanos};
use tickhawk_venue::DecodeError;

impl MarketStage {
    /// Does all that the step says, in order. No decoder is asked: whatever its own feedback led it
    /// to say is in the step.
    #[inline]
    pub(super) fn take_step(
        &mut self,
        at: UnixNanos,
        received_mono: MonoNanos,
        step: &Step<'_>,
        sink: &mut impl MarketSink,
    ) {
        let connection = step.connection();
        if !step.kind().is_of_no_connection() {
            self.connections.note(connection, at, step.kind());
        }
        let own = Source { link: self.link_of(connection), connection, at };
        let decoded_mono = if step.has_book() { self.clock.now() } else { received_mono };
        let mut source = own;
        for item in step.items() {
            match item {
                Item::Book { update, changes, checked } => {
                    self.apply_book(source, &update, changes, checked, sink);
                }
                Item::Trade(trade) => self.apply_trade(source, &trade, sink),
                Item::Source(connection) => {
                    source = Source { link: self.link_of(connection), connection, at };
                }
                other => self.take_rare(source, step, other, sink),
            }
        }
        // Whom to ask about them is in the step.
        self.suspects.clear();
        self.make_frames(own, received_mono, decoded_mono, sink);
    }

    #[cold]
    #[inline(never)]
    fn take_rare(
        &mut self,
        source: Source,
        step: &Step<'_>,
        item: Item<'_>,
        sink: &mut impl MarketSink,
    ) {
        match item {
            Item::Named(id, symbol) => self.add_instrument(id, symbol, sink),
            Item::Malformed => sink.malformed(source.connection, DecodeError::Compiled),
            Item::Scale(id, scale) => self.raise_scale(id, scale, sink),
            Item::Tick(id, tick_size) => self.take_tick(id, tick_size, TickSource::Metadata),
            Item::Syncing(id) => self.mark_syncing(source, id),
            Item::Stale(id, cause) => self.decoder_stale(source, id, cause, sink),
            Item::Counts(counts) => self.counts_told += counts,
            Item::Tickers(id, count) => {
                self.instruments[id.index()].counts.tickers += u64::from(count);
            }
            Item::Clamped(count) => self.counts.clamped_receive_times += u64::from(count),
            Item::Want { link, request, channel } => {
                sink.want(Want { link, kind: wanted(step, request, channel) });
            }
            Item::Book { .. } | Item::Trade(_) | Item::Source(_) => {}
        }
    }
}

/// What a request means outside, where only names are known.
fn wanted(step: &Step<'_>, request: Request, channel: Option<u64>) -> WantKind {
    let symbol = |id| step.symbol(id).to_owned();
    match request {
        Request::Snapshot(id) => WantKind::Snapshot { symbol: symbol(id) },
        Request::Resubscribe(id) => WantKind::Resubscribe { symbol: symbol(id), channel },
        Request::Reconnect(connection) => WantKind::Reconnect { connection },
        Request::GiveUp(connection, channel) => WantKind::GiveUp { connection, channel },
    }
}

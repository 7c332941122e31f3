//! Where the market thread's stage tells what it concludes.

use super::spin;
use crate::{MarketSink, Notice, Want};
use std::sync::mpsc::SyncSender;
use tickhawk_book::Book;
use tickhawk_feature::FeatureFrame;
use tickhawk_handoff::{GatedWriter, HeapRegion, Writer};
use tickhawk_market::{
    BookUpdate, ConnectionId, InstrumentId, Scale, StaleCause, Trade, UnixNanos,
};
use tickhawk_venue::DecodeError;

/// The ring's writing end.
pub(super) enum FrameWriter {
    Gated(GatedWriter<HeapRegion>),
    Lossy(Writer<HeapRegion>),
}

/// Hands frames to the ring, notices to the writer, and all else to who watches.
pub(super) struct RingSink<'a, W> {
    pub(super) writer: FrameWriter,
    pub(super) notices: SyncSender<Notice>,
    pub(super) wants: Vec<Want>,
    pub(super) watch: &'a mut W,
    /// Nothing that it is told has happened.
    pub(super) is_rehearsal: bool,
}

impl<W> RingSink<'_, W> {
    /// Who watches what has happened.
    #[inline]
    fn watch(&mut self) -> Option<&mut W> {
        (!self.is_rehearsal).then_some(&mut *self.watch)
    }

    /// Tells the writer; of what it can do without, if there is room.
    fn notify(&self, notice: Notice) {
        if !self.is_rehearsal {
            let _ = self.notices.try_send(notice);
        }
    }
}

impl<W: MarketSink> MarketSink for RingSink<'_, W> {
    fn frame(&mut self, frame: &FeatureFrame) {
        if self.is_rehearsal {
            return;
        }
        match &mut self.writer {
            FrameWriter::Lossy(writer) => writer.push(frame.as_words()),
            FrameWriter::Gated(writer) => {
                let mut waiting = 0;
                while !writer.try_push(frame.as_words()) {
                    if writer.is_reader_gone() {
                        return;
                    }
                    spin(&mut waiting);
                }
            }
        }
    }

    fn instrument(&mut self, id: InstrumentId, symbol: &str) {
        if !self.is_rehearsal {
            // Waits for room: without its name no signal of it could be written.
            let _ = self.notices.send(Notice::Instrument { id, symbol: symbol.to_owned() });
            self.watch.instrument(id, symbol);
        }
    }

    fn scale(&mut self, id: InstrumentId, scale: Scale) {
        self.watch().into_iter().for_each(|watch| watch.scale(id, scale));
    }

    fn epoch(&mut self, at: UnixNanos, id: InstrumentId) {
        self.watch().into_iter().for_each(|watch| watch.epoch(at, id));
    }

    #[inline]
    fn book_applied(&mut self, at: UnixNanos, update: &BookUpdate, book: &Book) {
        self.watch().into_iter().for_each(|watch| watch.book_applied(at, update, book));
    }

    #[inline]
    fn trade(&mut self, at: UnixNanos, trade: &Trade) {
        self.watch().into_iter().for_each(|watch| watch.trade(at, trade));
    }

    fn stale(&mut self, id: InstrumentId, cause: StaleCause) {
        self.notify(Notice::Stale { id, cause });
    }

    fn want(&mut self, want: Want) {
        if !self.is_rehearsal {
            self.wants.push(want);
        }
    }

    fn malformed(&mut self, connection: ConnectionId, error: DecodeError) {
        self.notify(Notice::Malformed { connection, error });
    }
}

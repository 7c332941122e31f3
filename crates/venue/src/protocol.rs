//! What each venue's state machine does.

use crate::{DecodeError, context::Context, json::Frame};
use tickhawk_market::{InstrumentId, Level, Request, Scale};

/// What a fast reader made of a frame that it took.
pub(crate) type Fast = Result<(), DecodeError>;

/// One venue's message types and rules. The defaults are those of a venue that sends snapshots on
/// the stream and has no checksum.
pub(crate) trait Protocol {
    /// Reads a frame of the usual kind in its usual layout, by its bytes; `None` if it is another,
    /// which [`Protocol::frame`] then reads. What was added to the output before `None` is taken
    /// back by the caller; nothing else may have changed. Both make the same of a frame.
    #[inline(always)]
    fn fast(&mut self, _context: &mut Context<'_>, _bytes: &[u8]) -> Option<Fast> {
        None
    }

    /// One WebSocket frame. On an error the caller keeps the book messages finished before it;
    /// sequence state must therefore change only with the message it belongs to.
    fn frame(&mut self, context: &mut Context<'_>, frame: Frame<'_>) -> Result<(), DecodeError>;

    /// The reply to a REST request.
    fn rest_reply(
        &mut self,
        context: &mut Context<'_>,
        _frame: Frame<'_>,
        _url: Option<&str>,
        _status: Option<u16>,
    ) -> Result<(), DecodeError> {
        context.counts.unknown_types += 1;
        Ok(())
    }

    /// The connection opened, or closed: what belongs to one connection starts afresh.
    fn connection_reset(&mut self, _context: &mut Context<'_>) {}

    /// The instrument is no longer asked for: nothing of it is to be held against what may come when
    /// it is asked for again. Channels that only their numbers can end are given up.
    fn removed(&mut self, _context: &mut Context<'_>, _instrument: InstrumentId) {}

    /// What we sent on the connection.
    fn sent(&mut self, _context: &mut Context<'_>, _frame: Frame<'_>) -> Result<(), DecodeError> {
        Ok(())
    }

    /// What puts one instrument's book right.
    fn resync(&self, instrument: InstrumentId) -> Request {
        Request::Resubscribe(instrument)
    }

    /// How many levels a side the checksum covers; 0 for none.
    fn checksum_levels(&self) -> usize {
        0
    }

    /// Whether `checksum` is that of these best levels.
    fn checksum_matches(
        &mut self,
        _instrument: InstrumentId,
        _scale: Scale,
        _checksum: u32,
        _bids: &[Level],
        _asks: &[Level],
    ) -> bool {
        true
    }

    /// Whether a frame that could not be read may have held a book change that no later message
    /// would show to be missing.
    fn loses_silently(&self) -> bool;
}

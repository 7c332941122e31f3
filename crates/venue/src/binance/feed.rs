//! One instrument's diff stream: what is buffered, and which diff comes next.

use super::message::Message;
use crate::{
    DecodeError,
    context::Facts,
    json::{Frame, Raw},
};
use std::collections::VecDeque;
use tickhawk_market::UnixNanos;

/// One instrument's diff stream.
#[derive(Debug, Default)]
pub(super) struct Feed {
    /// `u` of the last diff applied, or the snapshot's id before the first one.
    pub(super) last_id: u64,
    /// `U` of the last diff applied.
    pub(super) first_id: u64,
    /// Whether the first diff after the snapshot is still to come.
    pub(super) bridging: bool,
    /// Diffs waiting for a snapshot, as they came.
    pub(super) buffered: VecDeque<Box<[u8]>>,
    pub(super) buffered_bytes: usize,
    /// Whether single trades come; aggregated ones are then the same trades again.
    pub(super) single_trades: bool,
}

impl Feed {
    pub(super) fn verdict(&self, futures: bool, ids: &Ids) -> Verdict {
        let (first, last, id) = (ids.first_id, ids.final_id, self.last_id);
        if self.bridging {
            let held = if futures { last < id } else { last <= id };
            let bridges = if futures { first <= id } else { first <= id.saturating_add(1) };
            return match (held, bridges) {
                (true, _) => Verdict::AlreadyApplied,
                (false, true) => Verdict::Apply,
                (false, false) => Verdict::Gap,
            };
        }
        let follows = match ids.previous_id {
            Some(previous) if futures => previous == id,
            _ => first == id.saturating_add(1),
        };
        match follows {
            true => Verdict::Apply,
            // One that begins inside the last one was never part of it: the last one's `u` was
            // damaged, and would hide all that comes until it is reached.
            false if last <= id && first <= self.first_id => Verdict::AlreadyApplied,
            false => Verdict::Gap,
        }
    }

    /// The diff of those ids is applied.
    #[inline]
    pub(super) fn applied(&mut self, ids: &Ids) {
        (self.first_id, self.last_id) = (ids.first_id, ids.final_id);
        self.bridging = false;
    }

    /// `U` of the first buffered diff that a snapshot of `last_id` does not hold.
    pub(super) fn first_not_held(
        &self,
        futures: bool,
        last_id: u64,
    ) -> Result<Option<u64>, DecodeError> {
        for bytes in &self.buffered {
            let frame = Frame::new(bytes)?;
            let diff = Diff::read(frame, frame.whole(), &frame.read_all()?)?;
            let Ids { first_id, final_id, .. } = diff.ids;
            let held = if futures { final_id < last_id } else { final_id <= last_id };
            if !held {
                return Ok(Some(first_id));
            }
        }
        Ok(None)
    }
}

/// `U`, `u` and `pu` of a diff.
pub(super) struct Ids {
    pub(super) first_id: u64,
    pub(super) final_id: u64,
    pub(super) previous_id: Option<u64>,
}

/// The ids and levels of one diff.
pub(super) struct Diff<'a> {
    pub(super) ids: Ids,
    pub(super) event_at: Option<UnixNanos>,
    pub(super) bids: Raw<'a>,
    pub(super) asks: Raw<'a>,
}

impl<'a> Diff<'a> {
    pub(super) fn read(
        frame: Frame<'a>,
        raw: Raw<'a>,
        message: &Message<'a>,
    ) -> Result<Self, DecodeError> {
        Ok(Self {
            ids: Ids {
                first_id: frame.unsigned(frame.field(raw, message.first_id, "U")?)?,
                final_id: frame.unsigned(frame.field(raw, message.final_id, "u")?)?,
                previous_id: message.previous_id.map(|value| frame.unsigned(value)).transpose()?,
            },
            event_at: frame.millis(message.event_at)?,
            bids: frame.field(raw, message.b, "b")?,
            asks: frame.field(raw, message.a, "a")?,
        })
    }

    /// What is told of it beside its levels.
    #[inline]
    pub(super) fn facts(event_at: Option<UnixNanos>, ids: &Ids) -> Facts {
        Facts { exchange_at: event_at, sequence: Some(ids.final_id), ..Facts::default() }
    }
}

/// What the rules make of a diff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Apply,
    AlreadyApplied,
    Gap,
}

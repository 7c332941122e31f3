//! Where one instrument's book stands in OKX's sequence.

use crate::{
    Sync,
    checked::LastTrade,
    checksum::{Style, Texts},
    context::Facts,
};
use tickhawk_market::{BookKind, UnixNanos};

/// What is kept of one instrument.
#[derive(Debug)]
pub(super) struct Feed {
    pub(super) texts: Texts,
    /// The channel its book is kept to.
    pub(super) channel: Option<Channel>,
    /// Of the last book message applied.
    pub(super) last: Ids,
    pub(super) last_trade: LastTrade,
    /// Whether single trades come; those of `trades` are then the same again.
    pub(super) all_trades: bool,
}

/// The book channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    Books,
    BooksTbt,
    Books50Tbt,
    Books5,
}

/// What a book message says of its place.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ids {
    pub(super) previous: Option<i64>,
    pub(super) id: Option<i64>,
    pub(super) at: Option<UnixNanos>,
}

/// What the rules make of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Apply,
    AlreadyApplied,
    Gap,
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            texts: Texts::new(Style::Exact),
            channel: None,
            last: Ids::default(),
            last_trade: LastTrade::default(),
            all_trades: false,
        }
    }
}

impl Feed {
    /// Whether a message of that channel is for the book. A deeper channel takes over with its
    /// snapshot, any channel's snapshot where there is no whole book to lose.
    pub(super) fn keeps_to(&self, channel: Channel, kind: BookKind, sync: Sync) -> bool {
        match self.channel {
            None => true,
            Some(kept) if kept == channel => true,
            Some(kept) => {
                let deeper = channel.levels() > kept.levels();
                kind == BookKind::Snapshot && (deeper || sync == Sync::Empty)
            }
        }
    }

    /// A message of that channel is applied.
    #[inline]
    pub(super) fn applied(&mut self, channel: Channel, ids: Ids) {
        self.last = ids;
        self.channel = Some(channel);
    }

    /// Whether a snapshot is older than the book, which is whole. One whose id is smaller but whose
    /// time is not began the count anew; one of another channel takes over whatever its age.
    pub(super) fn is_past(&self, channel: Channel, ids: Ids) -> bool {
        let older = match (ids.id, self.last.id) {
            (Some(id), Some(last_id)) => id < last_id && ids.at <= self.last.at,
            _ => false,
        };
        older && self.channel == Some(channel)
    }
}

impl Channel {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "books" => Self::Books,
            "books-l2-tbt" => Self::BooksTbt,
            "books50-l2-tbt" => Self::Books50Tbt,
            "books5" => Self::Books5,
            _ => return None,
        })
    }

    fn levels(self) -> u32 {
        match self {
            Self::Books | Self::BooksTbt => 400,
            Self::Books50Tbt => 50,
            Self::Books5 => 5,
        }
    }
}

impl Ids {
    /// What is told of the message beside its levels; a checksum of zero says that there is none.
    #[inline]
    pub(super) fn facts(self, checksum: Option<u32>) -> Facts {
        Facts {
            exchange_at: self.at,
            sequence: self.id.and_then(|id| u64::try_from(id).ok()),
            checksum: checksum.filter(|checksum| *checksum != 0),
            depth: None,
        }
    }

    /// Of a diff, after `last`. Messages of 2022 and before have no ids and are taken as they come.
    pub(super) fn verdict(self, last: Self) -> Verdict {
        let (Some(previous), Some(id), Some(last_id)) = (self.previous, self.id, last.id) else {
            return Verdict::Apply;
        };
        if previous == last_id {
            return Verdict::Apply;
        }
        // The second copy of a message that began the count anew has the larger `prevSeqId`.
        let copy_of_last = Some(previous) == last.previous && id == last_id;
        if copy_of_last || (previous <= id && id <= last_id && self.at <= last.at) {
            Verdict::AlreadyApplied
        } else {
            Verdict::Gap
        }
    }
}

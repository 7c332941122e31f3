//! Which of two links' messages features and frames are made of.
//!
//! Where update ids are shared, the two links are two copies of one stream: whatever comes first
//! is published, whatever was told before is a late copy, and changing over from one link to the
//! other is no event at all. What must be avoided is a hole. A link that (re)joins with a snapshot
//! of what has not been published yet is held until the other has come as far as that snapshot:
//! both books then come from one stream, and from there on either may go first.
//!
//! ```text
//!   published   … 98 99 100 101 … 109 110 | 115 …       all by A so far, now by B: no new epoch
//!   link A      … 98 99 100 101 … 109 110
//!   link B            snapshot 110, 111 … | 115 …       held until A has told 110
//! ```
//!
//! A venue may count anew in mid-stream (OKX after maintenance, Bybit with a snapshot of id 1). A link
//! whose own Live book goes back to a smaller id was told so by the venue, since decoders pass on no
//! old copy to a book that is Live: it begins a new epoch at once, if it had all that is published or
//! if no Live link has. Any other smaller id may be a late copy; it counts only where no Live link has
//! had what is published for half a second.
//!
//! Where ids are not shared, nothing says how two books relate: one link leads, the other stands by,
//! and every change of the leader begins a new epoch.

use crate::silence::elapsed_ns;
use tickhawk_market::{BookKind, UnixNanos};

/// How long a link's messages are held back for the other to catch up. Half a second: two
/// connections to one venue are milliseconds apart; more is a link that hangs.
const HOLD_NS: u64 = 500_000_000;

/// What features and frames of an instrument stand on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Published {
    /// How often something began anew: a snapshot, or a link whose stream does not join the other's.
    pub(crate) epoch: u32,
    /// Receive time of the message that began it.
    pub(crate) live_since: UnixNanos,
    /// Of the last message published.
    pub(crate) sequence: Option<u64>,
    pub(crate) exchange_at: Option<UnixNanos>,
    pub(crate) at: UnixNanos,
    /// The link it came by; `None` before the first.
    pub(crate) leader: Option<usize>,
}

/// One link's book, as the other sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    live: bool,
    sequence: Option<u64>,
    begins_at: Option<u64>,
}

impl Standing {
    /// Whether this link can bring what is published on from `last`.
    pub(crate) fn is_in_step(&self, last: u64) -> bool {
        self.live && self.begins_at.is_none_or(|begins_at| begins_at <= last)
    }

    /// Whether this link has all that is published up to `last`.
    fn vouches_for(&self, last: u64) -> bool {
        self.live && self.sequence >= Some(last)
    }
}

/// A message that left its link's book Live.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) link: usize,
    pub(crate) at: UnixNanos,
    pub(crate) kind: BookKind,
    /// Where ids are shared and the message has one.
    pub(crate) shared_id: Option<u64>,
    /// The id its link's book stood at before it, if that book was Live.
    pub(crate) stood_at: Option<u64>,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Published; nothing before it counts any more.
    NewEpoch,
    /// Published; it follows on what was.
    GoesOn,
    /// The other link told it before.
    Late,
    /// Not published, and no race lost.
    Held,
}

/// Where a link's book stands to what is published.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    /// The id its stream began with, until that much has been published.
    begins_at: Option<u64>,
    /// Since when its messages have not been published although none better is there.
    waiting_since: Option<UnixNanos>,
}

impl Published {
    /// Takes a message that was published.
    #[inline]
    pub(crate) fn take(
        &mut self,
        arrival: &Arrival,
        sequence: Option<u64>,
        exchange_at: Option<UnixNanos>,
    ) {
        self.sequence = sequence;
        self.exchange_at = exchange_at;
        self.at = arrival.at;
        self.leader = Some(arrival.link);
    }

    /// How long ago the copy of `sequence` came that was published, if it was the last one.
    pub(crate) fn lag_ns(&self, sequence: Option<u64>, at: UnixNanos) -> Option<u64> {
        (sequence.is_some() && sequence == self.sequence).then(|| elapsed_ns(at, self.at))
    }
}

impl Place {
    /// What becomes of a message of this link.
    #[inline]
    pub(crate) fn judge(
        &mut self,
        arrival: &Arrival,
        published: &Published,
        other: Standing,
    ) -> Verdict {
        let verdict = match arrival.shared_id {
            Some(id) => self.by_id(id, arrival, published, other),
            None => by_leader(arrival, published, other),
        };
        if matches!(verdict, Verdict::NewEpoch | Verdict::GoesOn) {
            *self = Self::default();
        }
        verdict
    }

    /// How this link stands, its book being Live or not at `sequence`.
    pub(crate) fn standing(&self, live: bool, sequence: Option<u64>) -> Standing {
        Standing { live, sequence, begins_at: self.begins_at }
    }

    /// The other link began a new epoch with `id`, this one standing at `sequence`: a book that is
    /// past it may come from another count, and joins as one that was just opened would.
    pub(crate) fn after_new_epoch(&mut self, id: Option<u64>, sequence: Option<u64>) {
        if sequence > id {
            self.begins_at = sequence;
        }
    }

    fn by_id(
        &mut self,
        id: u64,
        arrival: &Arrival,
        published: &Published,
        other: Standing,
    ) -> Verdict {
        let snapshot = arrival.kind == BookKind::Snapshot;
        let counts_anew = arrival.stood_at.is_some_and(|stood_at| id < stood_at);
        let had_all = arrival.stood_at == published.sequence && self.has_joined(published.sequence);
        if snapshot || counts_anew {
            *self = Self { begins_at: Some(id), waiting_since: None };
        }
        let Some(last) = published.sequence else { return Verdict::NewEpoch };
        if counts_anew && (had_all || !other.vouches_for(last)) {
            return Verdict::NewEpoch;
        }
        let other_goes_on = other.is_in_step(last);
        if snapshot && !other_goes_on {
            return Verdict::NewEpoch;
        }
        if id > last {
            return match (self.has_joined(Some(last)), other_goes_on) {
                (true, _) => Verdict::GoesOn,
                (false, false) => Verdict::NewEpoch,
                (false, true) => self.wait(arrival.at, Verdict::Held),
            };
        }
        let verdict = if snapshot { Verdict::Held } else { Verdict::Late };
        // Where neither link has what is published, the venue may have begun to count anew.
        if id == last || other.vouches_for(last) {
            self.waiting_since = None;
            return verdict;
        }
        self.wait(arrival.at, verdict)
    }

    /// Whether as much as its stream began with has been published.
    fn has_joined(&self, last: Option<u64>) -> bool {
        self.begins_at.is_none_or(|begins_at| Some(begins_at) <= last)
    }

    fn wait(&mut self, at: UnixNanos, verdict: Verdict) -> Verdict {
        let since = *self.waiting_since.get_or_insert(at);
        if elapsed_ns(at, since) >= HOLD_NS { Verdict::NewEpoch } else { verdict }
    }
}

/// Where ids tell nothing: the leader's messages count, until its book is not right and the other's
/// is.
fn by_leader(arrival: &Arrival, published: &Published, other: Standing) -> Verdict {
    let leads = published.leader == Some(arrival.link);
    match (leads, arrival.kind) {
        (true, BookKind::Diff) => Verdict::GoesOn,
        (true, BookKind::Snapshot) => Verdict::NewEpoch,
        (false, _) if other.live => Verdict::Held,
        (false, _) => Verdict::NewEpoch,
    }
}

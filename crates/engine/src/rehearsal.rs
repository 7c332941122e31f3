//! What a thread that waits without sleeping does meanwhile: it plays through what the next message
//! will need, and keeps nothing of it.
//!
//! Between two messages of a quiet market others have the core's caches and its predictions of
//! branches, above all on a host that is shared: after two milliseconds of waiting a message takes
//! twenty times what it takes right after another. So the market stage reads an earlier diff once
//! more, as far as its last bracket; takes its changes through the step's own functions, with an
//! instrument and books that stand in for the real ones; and looks at real ones, which changes nothing.
//! The decision stage takes an earlier frame once more, with another memory, and forgets that it did.
//! What the stages conclude is the same with it and without.

use crate::{instrument::Instrument, link::LinkBook};
use tickhawk_feature::MAX_DEPTH;
use tickhawk_latency::Clock;
use tickhawk_market::{
    BookKind, BookUpdate, Change, ConnectionId, MonoNanos, Qty, Update, Updates,
};

/// How long nothing must have come before a rehearsal, and how long one is from the next.
const EVERY_NS: u64 = 20_000;

/// They take at most one part in so many of the thread's time: so seldom does one hold up a message.
const SHARE: u64 = 20;

/// Says when it is time to rehearse.
#[derive(Debug)]
pub struct Rehearsals {
    clock: Clock,
    /// When the next one is; not settled right after a message.
    due: Option<MonoNanos>,
}

impl Rehearsals {
    /// Times them by this clock.
    pub fn new(clock: Clock) -> Self {
        Self { clock, due: None }
    }

    /// Something came: what follows it at once is not to be held up.
    #[inline]
    pub fn put_off(&mut self) {
        self.due = None;
    }

    /// Nothing has come: rehearses, if it is time.
    #[inline]
    pub fn wait(&mut self, rehearse: impl FnOnce()) {
        let now = self.clock.now();
        let Some(due) = self.due else {
            self.due = Some(MonoNanos::new(now.nanos() + EVERY_NS));
            return;
        };
        if now < due {
            return;
        }
        rehearse();
        let ended = self.clock.now().nanos();
        let pause_ns = EVERY_NS.max(SHARE * (ended - now.nanos()));
        self.due = Some(MonoNanos::new(ended + pause_ns));
    }
}

/// Inputs from one diff that is learned to the next.
const LEARN_EVERY: u64 = 256;
/// The largest that is.
const FRAME_BYTES_MAX: usize = 16 << 10;
const CHANGES_MAX: usize = 128;

/// A diff of the market stage's first instrument, learned by heart, and who plays it.
#[derive(Debug)]
pub(crate) struct Understudy {
    pub(crate) learned: Option<Learned>,
    /// The diff as it came.
    pub(crate) frame: Vec<u8>,
    /// Its changes, and the same with every other level removed: played in turn.
    pub(crate) acts: [Vec<Change>; 2],
    /// The best levels of the book behind it: what it is played on.
    pub(crate) scene: Vec<Change>,
    /// Whether the book that stands in holds them.
    pub(crate) is_set: bool,
    pub(crate) cast: Option<Cast>,
    pub(crate) turns: u64,
    /// The input from which on another one is learned.
    learns_from: u64,
}

/// Where the diff came from, and what it was.
#[derive(Clone, Debug)]
pub(crate) struct Learned {
    pub(crate) link: usize,
    pub(crate) connection: ConnectionId,
    pub(crate) update: BookUpdate,
}

/// Who stands in for an instrument and for its book on every link.
#[derive(Debug)]
pub(crate) struct Cast {
    pub(crate) instrument: Instrument,
    pub(crate) books: Vec<LinkBook>,
    pub(crate) at: u64,
}

impl Understudy {
    pub(crate) fn new() -> Self {
        Self {
            learned: None,
            frame: Vec::with_capacity(FRAME_BYTES_MAX),
            acts: [Vec::with_capacity(CHANGES_MAX), Vec::with_capacity(CHANGES_MAX)],
            scene: Vec::with_capacity(2 * MAX_DEPTH),
            is_set: false,
            cast: None,
            turns: 0,
            learns_from: 0,
        }
    }

    /// Whether the input at hand may be learned.
    #[inline]
    pub(crate) fn is_curious(&self, inputs: u64) -> bool {
        inputs >= self.learns_from
    }

    /// The diff that an input became, if it is one that can be learned. `None` also of another
    /// instrument than before.
    pub(crate) fn can_learn<'a>(
        &self,
        bytes: &[u8],
        updates: &'a Updates,
    ) -> Option<&'a BookUpdate> {
        let [Update::Book(update)] = &updates.updates[..] else { return None };
        let own = self.learned.as_ref().is_none_or(|l| l.update.instrument == update.instrument);
        let changes = update.changes.len();
        let fits = bytes.len() <= FRAME_BYTES_MAX && (1..=CHANGES_MAX).contains(&changes);
        (update.kind == BookKind::Diff && own && fits).then_some(update)
    }

    /// Learns it, and the best levels behind it.
    pub(crate) fn learn(
        &mut self,
        inputs: u64,
        learned: Learned,
        (bytes, changes): (&[u8], &[Change]),
        scene: impl Iterator<Item = Change>,
    ) {
        self.learns_from = inputs + LEARN_EVERY;
        self.frame.clear();
        self.frame.extend_from_slice(bytes);
        let [all, half] = &mut self.acts;
        all.clear();
        all.extend_from_slice(changes);
        half.clear();
        half.extend(changes.iter().enumerate().map(|(index, change)| {
            let qty = if index % 2 == 0 { Qty::new(0) } else { change.qty };
            Change { qty, ..*change }
        }));
        self.scene.clear();
        self.scene.extend(scene.take(2 * MAX_DEPTH));
        (self.learned, self.is_set) = (Some(learned), false);
    }

    /// Integers mean something else from here on.
    #[cold]
    pub(crate) fn forget(&mut self) {
        (self.learned, self.cast, self.learns_from) = (None, None, 0);
    }
}

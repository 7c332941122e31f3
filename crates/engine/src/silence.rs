//! What silence means: of connections, which bring frames and heartbeats, and of books, which have
//! a pace of their own. Time is the inputs' receive time and nothing else.

use tickhawk_decoded::InputKind;
use tickhawk_market::{ConnectionId, UnixNanos};

/// Book messages of an epoch after which a book is known to tick. Fewer tell no pace.
const PACE_MESSAGES_MIN: u32 = 64;

/// A book is silent when nothing came for so many times the longest gap of its epoch: the gaps of a
/// quiet hour grow, but hardly eightfold at once.
const PACE_GAPS: u64 = 8;

/// How long nothing may be heard, in nanoseconds of receive time, as told by
/// [`Input::Timer`](crate::Input::Timer);
/// `None` for as long as it likes. The venue's documents say what is right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Silence {
    /// An open connection without any frame is dead: its books are Stale, and it is to be opened
    /// anew.
    pub frame_ns: Option<u64>,
    /// An open connection without a heartbeat, or an answer to a ping, is dead. Counts from the
    /// first one heard since it opened: who never sent one is not missing one.
    pub heartbeat_ns: Option<u64>,
    /// A Live book without a message is Stale, if it had 64 messages since its snapshot and is
    /// silent for more than eight times its longest gap too.
    pub book_ns: Option<u64>,
    /// What would put a book right is asked for again while its connection is open and it is not
    /// right.
    pub resync_ns: Option<u64>,
}

/// How long ago `since` was. Receive times never run backwards inside the stage.
pub(crate) fn elapsed_ns(at: UnixNanos, since: UnixNanos) -> u64 {
    at.nanos().saturating_sub(since.nanos())
}

/// Every connection met, by its number.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    all: Vec<Connection>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Connection {
    phase: Phase,
    /// Whether it was said to be silent since it opened.
    told: bool,
    opened_at: UnixNanos,
    frame_at: UnixNanos,
    heartbeat_at: Option<UnixNanos>,
}

/// What is known of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// Its opening was not told, as in recordings of others.
    #[default]
    Untold,
    Open,
    Closed,
}

impl Connections {
    /// Takes note of what came by the connection.
    #[inline]
    pub(crate) fn note(&mut self, connection: ConnectionId, at: UnixNanos, kind: InputKind) {
        let index = usize::from(connection.0);
        if self.all.len() <= index {
            self.all.resize(index + 1, Connection::default());
        }
        let noted = &mut self.all[index];
        match kind {
            InputKind::Frame => {
                noted.frame_at = at;
                if noted.phase == Phase::Closed {
                    noted.phase = Phase::Untold;
                }
            }
            InputKind::Opened => {
                let opened = Connection { phase: Phase::Open, opened_at: at, ..Default::default() };
                *noted = Connection { frame_at: at, ..opened };
            }
            InputKind::Closed => noted.phase = Phase::Closed,
            InputKind::Alive => noted.frame_at = at,
            InputKind::Sent | InputKind::RestReply | InputKind::Wanted | InputKind::Timer => {}
        }
    }

    /// A heartbeat came by a connection that was noted before.
    #[inline]
    pub(crate) fn heartbeat(&mut self, connection: ConnectionId, at: UnixNanos) {
        self.all[usize::from(connection.0)].heartbeat_at = Some(at);
    }

    /// How many numbers there are to ask for.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether it closed and nothing came since.
    pub(crate) fn is_closed(&self, connection: ConnectionId) -> bool {
        let found = self.all.get(usize::from(connection.0));
        found.is_some_and(|connection| connection.phase == Phase::Closed)
    }

    /// When it opened, while it is open.
    pub(crate) fn open_since(&self, connection: ConnectionId) -> Option<UnixNanos> {
        let found = self.all.get(usize::from(connection.0))?;
        (found.phase == Phase::Open).then_some(found.opened_at)
    }

    /// Whether the connection is silent now and was not before; once until it opens again.
    pub(crate) fn falls_silent(
        &mut self,
        connection: ConnectionId,
        at: UnixNanos,
        silence: &Silence,
    ) -> bool {
        let noted = &mut self.all[usize::from(connection.0)];
        let over = |limit_ns: Option<u64>, since: UnixNanos| {
            limit_ns.is_some_and(|limit_ns| elapsed_ns(at, since) >= limit_ns)
        };
        let silent = over(silence.frame_ns, noted.frame_at)
            || noted.heartbeat_at.is_some_and(|since| over(silence.heartbeat_ns, since));
        let falls = silent && noted.phase == Phase::Open && !noted.told;
        noted.told |= falls;
        falls
    }
}

/// How a book's messages follow each other, since its snapshot.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    messages: u32,
    last_at: UnixNanos,
    longest_gap_ns: u64,
}

impl Pace {
    /// A snapshot came.
    pub(crate) fn restart(&mut self, at: UnixNanos) {
        *self = Self { messages: 1, last_at: at, longest_gap_ns: 0 };
    }

    /// A message came.
    #[inline]
    pub(crate) fn tick(&mut self, at: UnixNanos) {
        self.messages = self.messages.saturating_add(1);
        self.longest_gap_ns = self.longest_gap_ns.max(elapsed_ns(at, self.last_at));
        self.last_at = at;
    }

    /// Whether it used to tick and has stopped.
    pub(crate) fn has_stopped(&self, at: UnixNanos, book_ns: u64) -> bool {
        let limit_ns = self.longest_gap_ns.saturating_mul(PACE_GAPS).max(book_ns);
        self.messages >= PACE_MESSAGES_MIN && elapsed_ns(at, self.last_at) > limit_ns
    }
}

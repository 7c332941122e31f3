//! The fast readers make of every frame what the general path makes of it: two decoders hear one
//! session, one of them with its fast readers shut. The other one rehearses every frame that is JSON,
//! before it comes and after, which changes nothing.

mod mutation;
mod recordings;
mod session;

use crate::{Decoder, Limits, Venue};
use mutation::Mutation;
use proptest::prelude::*;
use session::Session;
use tickhawk_market::{ConnectionId, Update, Updates};

/// Two decoders of one session, and what they heard so far.
struct Pair {
    fast: Decoder,
    general: Decoder,
    fast_out: Updates,
    general_out: Updates,
    scratch: Updates,
    /// Frames that changed a book that was whole, and those of them that a fast reader took.
    book_frames: u64,
    book_frames_taken: u64,
}

impl Pair {
    fn new(venue: Venue) -> Self {
        let decoder = || Decoder::new(venue, None, Limits::default());
        let mut general = decoder();
        general.fast.shut = true;
        Self {
            fast: decoder(),
            general,
            fast_out: Updates::new(),
            general_out: Updates::new(),
            scratch: Updates::new(),
            book_frames: 0,
            book_frames_taken: 0,
        }
    }

    /// Both hear the same, and say the same.
    #[track_caller]
    fn hear<R: PartialEq + std::fmt::Debug>(
        &mut self,
        bytes: &[u8],
        tell: impl Fn(&mut Decoder, &[u8], &mut Updates) -> R,
    ) {
        self.fast_out.clear();
        self.general_out.clear();
        let fast = tell(&mut self.fast, bytes, &mut self.fast_out);
        let general = tell(&mut self.general, bytes, &mut self.general_out);
        let text = || String::from_utf8_lossy(bytes).chars().take(2_000).collect::<String>();
        assert_eq!(fast, general, "{}", text());
        let (fast, general) = (&self.fast_out, &self.general_out);
        assert_eq!(fast.updates, general.updates, "{}", text());
        assert_eq!(fast.changes, general.changes, "{}", text());
        assert_eq!(fast.requests, general.requests, "{}", text());
        assert_eq!(fast.heartbeat, general.heartbeat, "{}", text());
        assert_eq!(self.fast.counts(), self.general.counts(), "{}", text());
    }

    #[track_caller]
    fn frame(&mut self, connection: ConnectionId, bytes: &[u8]) {
        let taken_before = self.fast.fast.taken;
        self.rehearse(connection, bytes);
        self.hear(bytes, |decoder, bytes, out| decoder.frame(connection, bytes, out));
        self.rehearse(connection, bytes);
        let is_book = |update: &Update| matches!(update, Update::Book(book) if book.kind == tickhawk_market::BookKind::Diff);
        let is_snapshot = |update: &Update| matches!(update, Update::Book(book) if book.kind == tickhawk_market::BookKind::Snapshot);
        let updates = &self.fast_out.updates;
        if updates.iter().any(is_book) && !updates.iter().any(is_snapshot) {
            self.book_frames += 1;
            self.book_frames_taken += self.fast.fast.taken - taken_before;
        }
    }

    fn rehearse(&mut self, connection: ConnectionId, bytes: &[u8]) {
        if sonic_rs::from_slice::<serde::de::IgnoredAny>(bytes).is_ok() {
            self.fast.rehearse(connection, bytes, &mut self.scratch);
        }
    }

    /// What is kept of the instruments is the same, too.
    fn end(&self) {
        let said = |decoder: &Decoder| -> Vec<_> {
            let instruments = decoder.instruments().iter();
            instruments.map(|(_, i)| (i.symbol.clone(), i.scale, i.sync, i.connection)).collect()
        };
        assert_eq!(said(&self.fast), said(&self.general));
    }
}

fn step() -> impl Strategy<Value = (Vec<session::Level>, Vec<Mutation>, u8)> {
    let levels = proptest::collection::vec(session::level(), 0..6);
    let mutations = proptest::collection::vec(mutation::mutation(), 0..3);
    (levels, mutations, any::<u8>())
}

proptest! {
    /// Messages of every venue with numbers of all kinds, whole and damaged in all ways. A damaged
    /// message is followed by what it was, so that books stay whole and the fast readers are asked.
    #[test]
    fn both_paths_agree(
        venue in 0..Venue::ALL.len(),
        variant in any::<u8>(),
        steps in proptest::collection::vec(step(), 1..12),
    ) {
        let venue = Venue::ALL[venue];
        let mut pair = Pair::new(venue);
        let mut session = Session::new(venue, variant);
        for frame in session.begin() {
            pair.frame(ConnectionId(0), frame.as_bytes());
        }
        for (levels, mutations, kind) in steps {
            let frame = session.message(&levels, kind);
            if !mutations.is_empty() {
                let mut damaged = frame.clone().into_bytes();
                mutations.iter().for_each(|mutation| mutation.apply(&mut damaged));
                pair.frame(ConnectionId(0), &damaged);
            }
            pair.frame(ConnectionId(0), frame.as_bytes());
        }
        pair.end();
    }
}

/// Found by the sessions above: without its last bracket this frame is a frame, so it is none to
/// rehearse; it is damage to both paths.
#[test]
fn a_bracket_too_many_is_damage_to_both() {
    for venue in Venue::ALL {
        let mut pair = Pair::new(venue);
        let mut session = Session::new(venue, 0);
        for frame in session.begin() {
            pair.frame(ConnectionId(0), frame.as_bytes());
        }
        let frame = session.message(&[], 0);
        let bracket = &frame[frame.len() - 1..];
        pair.frame(ConnectionId(0), [&frame, bracket].concat().as_bytes());
        pair.frame(ConnectionId(0), frame.as_bytes());
        pair.end();
    }
}

/// The sessions above would prove nothing if the fast readers took none of their frames.
#[test]
fn the_fast_readers_take_plain_messages() {
    let level = |is_bid, price: &str, qty: &str| session::Level {
        is_bid,
        price: price.to_owned(),
        qty: qty.to_owned(),
    };
    for venue in Venue::ALL {
        for variant in 0..4 {
            let mut pair = Pair::new(venue);
            let mut session = Session::new(venue, variant);
            for frame in session.begin() {
                pair.frame(ConnectionId(0), frame.as_bytes());
            }
            for n in 0..40 {
                let price = format!("{}.{}", 100 + n % 7, n % 10);
                let levels = [level(true, &price, "1.5"), level(false, "113.5", "20.25")];
                let frame = session.message(&levels, 0);
                pair.frame(ConnectionId(0), frame.as_bytes());
            }
            pair.end();
            assert_eq!(pair.book_frames, 40, "{venue}");
            assert!(pair.book_frames_taken >= 38, "{venue}: {}", pair.book_frames_taken);
        }
    }
}

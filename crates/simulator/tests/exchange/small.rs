//! Tapes of a few hand-written frames, and what is said to one client.

use crate::play::Hall;
use tickhawk_market::UnixNanos;
use tickhawk_simulator::{ClientId, Output, TapeKind, TapeRecord};

/// A tape of one connection, a frame a second.
pub fn frames(texts: &[&str]) -> Vec<TapeRecord> {
    let frame = |(second, text): (u64, &&str)| TapeRecord {
        at: UnixNanos::new(1_700_000_000_000_000_000 + second * 1_000_000_000),
        connection: 0,
        kind: TapeKind::Frame((*text).to_owned()),
    };
    (0..).zip(texts).map(frame).collect()
}

impl Hall {
    /// What the exchange has said to a client that is no follower; everything else goes by.
    pub fn said(&mut self, client: ClientId) -> Vec<String> {
        let outputs = std::iter::from_fn(|| self.exchange.take());
        let said = outputs.filter_map(|output| match output {
            Output::Frame { client: to, text } if to == client => Some(text),
            _ => None,
        });
        said.collect()
    }

    /// Plays the rest of the tape to such a client.
    pub fn play_to(&mut self, client: ClientId) -> Vec<String> {
        while self.exchange.next_at().is_some() {
            self.exchange.step();
        }
        self.said(client)
    }
}

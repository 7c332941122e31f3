//! What the market step asked for, paced: the first time at once, then ever more slowly.

use crate::backoff::Backoff;
use tickhawk_market::ConnectionId;

/// A second ask within so long of the one before waits; after it, the next is a first one again.
const CALM_NS: u64 = 30 * 1_000_000_000;

/// What puts a book right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Fetch the instrument's REST snapshot.
    Snapshot {
        /// For which link.
        link: u16,
        /// The venue's own symbol.
        symbol: String,
    },
    /// Subscribe to the instrument's book again.
    Resubscribe {
        /// On which link.
        link: u16,
        /// The venue's own symbol.
        symbol: String,
        /// The venue's channel, where it counts them.
        channel: Option<u64>,
    },
    /// Open the connection anew.
    Reconnect {
        /// Which.
        connection: ConnectionId,
    },
    /// Unsubscribe from a channel that carries nothing wanted any more.
    GiveUp {
        /// Where it comes.
        connection: ConnectionId,
        /// The venue's number of it.
        channel: u64,
    },
}

/// An ask whose time has come.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) link: u16,
    pub(crate) symbol: String,
    pub(crate) ask: Ask,
}

#[derive(Debug)]
struct Entry {
    link: u16,
    symbol: String,
    backoff: Backoff,
    last_ns: Option<u64>,
    waiting: Option<(u64, Ask)>,
}

/// One entry an instrument and link that ever asked: as many as there are instruments.
#[derive(Debug)]
pub(crate) struct Asks {
    entries: Vec<Entry>,
    seed: u64,
}

impl Asks {
    pub(crate) fn new(seed: u64) -> Self {
        Self { entries: Vec::new(), seed }
    }

    /// Takes an ask; while one waits, a second for the same book replaces it.
    pub(crate) fn add(&mut self, ask: Ask, now_ns: u64) {
        let (Ask::Snapshot { link, symbol } | Ask::Resubscribe { link, symbol, .. }) = &ask else {
            return;
        };
        let (link, symbol) = (*link, symbol.clone());
        let entry = self.entry(link, &symbol);
        let calm = entry.last_ns.is_none_or(|last_ns| now_ns.saturating_sub(last_ns) > CALM_NS);
        if calm {
            entry.backoff.reset();
        }
        let due_ns = match &entry.waiting {
            Some((due_ns, _)) => *due_ns,
            None if calm => now_ns,
            None => now_ns + entry.backoff.next_ns(),
        };
        entry.waiting = Some((due_ns, ask));
    }

    /// What the link asked for of this instrument no longer matters: a new connection brings it.
    pub(crate) fn forget(&mut self, link: u16, symbol: &str) {
        self.entry(link, symbol).waiting = None;
    }

    /// Whether nothing waits.
    pub(crate) fn is_idle(&self) -> bool {
        self.entries.iter().all(|entry| entry.waiting.is_none())
    }

    /// Those whose time has come.
    pub(crate) fn due(&mut self, now_ns: u64) -> Vec<Due> {
        let mut due = Vec::new();
        for entry in &mut self.entries {
            let ready = entry.waiting.take_if(|(due_ns, _)| *due_ns <= now_ns);
            if let Some((_, ask)) = ready {
                entry.last_ns = Some(now_ns);
                due.push(Due { link: entry.link, symbol: entry.symbol.clone(), ask });
            }
        }
        due
    }

    fn entry(&mut self, link: u16, symbol: &str) -> &mut Entry {
        let same = |entry: &Entry| entry.link == link && entry.symbol == symbol;
        let index = self.entries.iter().position(same).unwrap_or_else(|| {
            let seed = self.seed.wrapping_add(self.entries.len() as u64);
            self.entries.push(Entry {
                link,
                symbol: symbol.to_owned(),
                backoff: Backoff::new(200_000_000, 10_000_000_000, seed),
                last_ns: None,
                waiting: None,
            });
            self.entries.len() - 1
        });
        &mut self.entries[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;

    fn ask() -> Ask {
        Ask::Snapshot { link: 0, symbol: "BTCUSDT".to_owned() }
    }

    #[test]
    fn a_storm_of_asks_becomes_a_few() {
        let mut asks = Asks::new(3);
        let mut answered = Vec::new();
        for tick in 0..2_000u64 {
            let now_ns = tick * SECOND_NS / 100;
            asks.add(ask(), now_ns);
            answered.extend(asks.due(now_ns).iter().map(|_| now_ns));
        }
        assert_eq!(answered[0], 0, "the first at once");
        assert!((4..10).contains(&answered.len()), "{answered:?}");
        assert!(answered.windows(2).all(|pair| pair[1] - pair[0] >= SECOND_NS / 10));
    }

    #[test]
    fn calm_begins_afresh_and_forgetting_forgets() {
        let mut asks = Asks::new(3);
        asks.add(ask(), 0);
        assert_eq!(asks.due(0).len(), 1);
        asks.add(ask(), 60 * SECOND_NS);
        assert_eq!(asks.due(60 * SECOND_NS).len(), 1);
        asks.add(ask(), 61 * SECOND_NS);
        assert!(!asks.is_idle());
        asks.forget(0, "BTCUSDT");
        assert!(asks.is_idle());
        assert_eq!(asks.due(600 * SECOND_NS), []);
    }
}

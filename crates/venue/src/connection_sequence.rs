//! A number that rises by one from message to message of a whole connection, whatever the channel.

use tickhawk_market::ConnectionId;

/// Where a message's number puts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In its place, or the first one seen.
    Next,
    /// At or before the last one: the same message again, or one that comes too late.
    AlreadySeen,
    /// Messages between the last one and this one are missing, or counting began anew.
    Break,
}

/// The last number of each connection.
#[derive(Debug, Default)]
pub(crate) struct ConnectionSequence {
    counters: Vec<Option<Counter>>,
    /// The number a connection starts with: seen again, it is a new start.
    first: u64,
}

#[derive(Clone, Copy, Debug)]
struct Counter {
    last: u64,
    /// The number before `last`, where `last` did not follow it. Should `last` prove to be the one
    /// that was damaged, counting goes on from here.
    jumped_from: Option<u64>,
}

impl ConnectionSequence {
    pub(crate) fn starting_at(first: u64) -> Self {
        Self { counters: Vec::new(), first }
    }

    /// Where `number` stands. Changes nothing: a message counts once it is done.
    #[inline]
    pub(crate) fn place(&self, connection: ConnectionId, number: u64) -> Place {
        let Some(counter) = self.counters.get(usize::from(connection.0)).copied().flatten() else {
            return Place::Next;
        };
        let Counter { last, jumped_from } = counter;
        let after_jump = |before: u64| number < last && number > before.saturating_add(1);
        if last.checked_add(1) == Some(number) {
            Place::Next
        } else if number > last
            || (number == self.first && last != self.first)
            || jumped_from.is_some_and(after_jump)
        {
            Place::Break
        } else {
            Place::AlreadySeen
        }
    }

    /// The message of that number is done with; the next one is expected to follow it.
    #[inline]
    pub(crate) fn accept(&mut self, connection: ConnectionId, number: u64) {
        let index = usize::from(connection.0);
        if self.counters.len() <= index {
            self.counters.resize(index + 1, None);
        }
        let before = self.counters[index].map(|counter| counter.last);
        let jumped_from = before.filter(|before| before.checked_add(1) != Some(number));
        self.counters[index] = Some(Counter { last: number, jumped_from });
    }

    /// The connection starts afresh.
    pub(crate) fn reset(&mut self, connection: ConnectionId) {
        if let Some(counter) = self.counters.get_mut(usize::from(connection.0)) {
            *counter = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        const C: ConnectionId = ConnectionId(3);
        let mut sequence = ConnectionSequence::starting_at(0);
        assert_eq!(sequence.place(C, 7), Place::Next);
        sequence.accept(C, 7);
        for (number, place) in [
            (8, Place::Next),
            (7, Place::AlreadySeen),
            (1, Place::AlreadySeen),
            (9, Place::Break),
            (0, Place::Break),
            (u64::MAX, Place::Break),
        ] {
            assert_eq!(sequence.place(C, number), place, "{number}");
        }
        // A late one is late; a number that was only damaged does not shut out what follows it.
        sequence.accept(C, 907);
        assert_eq!(sequence.place(C, 8), Place::AlreadySeen);
        assert_eq!(sequence.place(C, 9), Place::Break);
        sequence.accept(C, 9);
        assert_eq!(sequence.place(C, 10), Place::Next);
        sequence.accept(C, u64::MAX);
        assert_eq!(sequence.place(C, u64::MAX), Place::AlreadySeen);
        sequence.accept(C, 0);
        assert_eq!(sequence.place(C, 0), Place::AlreadySeen);
        sequence.reset(C);
        assert_eq!(sequence.place(C, 41), Place::Next);
        assert_eq!(sequence.place(ConnectionId(0), 5), Place::Next);
    }
}

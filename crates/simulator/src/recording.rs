//! The market as one connection to one venue sees it.

use crate::market::{Levels, Market};
use crate::wire::{Timer, Venue, Wire};
use crate::{MarketConfig, Message, SimulatorError, WireFormat};
use tickhawk_market::Side;

/// A recording in the making: an iterator over what crosses the connection, in order of receipt,
/// from the opening until the configured duration has passed. Nothing is computed ahead, so memory
/// does not grow with the duration.
pub struct Recording {
    market: Market,
    wire: Wire,
    venue: Box<dyn Venue>,
    end_ns: u64,
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (market, end_ns) = (&self.market, &self.end_ns);
        f.debug_struct("Recording").field("market", market).field("end_ns", end_ns).finish()
    }
}

impl Recording {
    /// A recording of the market of `config` in that format.
    pub fn new(format: WireFormat, config: &MarketConfig) -> Result<Self, SimulatorError> {
        let market = Market::new(config)?;
        let mut wire = Wire::new(config);
        let venue = format.venue(config, &mut wire);
        wire.after(0, Timer::Open);
        let end_ns = config.start.nanos() + config.duration_ns;
        Ok(Self { market, wire, venue, end_ns })
    }

    /// The true market at the exchange time of the last message.
    pub fn market(&self) -> &Market {
        &self.market
    }

    /// The symbols whose book the last message changed for a receiver who missed nothing. More than
    /// one only on venues that put several into a message.
    pub fn changed_by_last_message(&self) -> &[usize] {
        &self.wire.applied
    }

    /// The book (bids, then asks, best first) that a receiver who missed nothing has after the last
    /// message: for REST venues the snapshot with the diffs buffered before it applied, and where a
    /// depth is subscribed to, cut to it. `None` while there is no snapshot.
    ///
    /// # Panics
    /// If there is no such symbol.
    pub fn oracle_after_last_message(&self, symbol: usize) -> Option<(Levels, Levels)> {
        let book = &self.wire.books[symbol];
        let side = |side| -> Levels {
            let levels = book.best_first(side);
            levels.map(|(ticks, lots)| self.market.level(symbol, ticks, lots)).collect()
        };
        book.live.then(|| (side(Side::Bid), side(Side::Ask)))
    }

    /// The receiver lost track of one book and asks for it afresh: a REST snapshot, or a new
    /// subscription. The oracle has no book of the symbol until it arrives. Without effect while
    /// the connection is not up.
    ///
    /// # Panics
    /// If there is no such symbol.
    pub fn resync(&mut self, symbol: usize) {
        assert!(symbol < self.wire.books.len(), "no symbol {symbol}");
        if self.wire.up {
            self.venue.resync(&mut self.wire, &self.market, symbol);
        }
    }

    /// The receiver gives the connection up and opens it again half a second later. What the venue
    /// had queued is lost.
    pub fn reconnect(&mut self) {
        self.wire.close();
    }

    /// The next timer or market event, whichever is sooner; `false` when the time is over.
    fn advance(&mut self) -> bool {
        let market_ns = self.market.next_at().nanos();
        let timer_ns = self.wire.next_timer_ns().unwrap_or(u64::MAX);
        if market_ns.min(timer_ns) > self.end_ns {
            return false;
        }
        if timer_ns <= market_ns {
            match self.wire.take_timer() {
                Some(Timer::Open) => self.venue.open(&mut self.wire, &self.market),
                Some(timer) => self.venue.on_timer(&mut self.wire, &self.market, timer),
                None => {}
            }
        } else if let Some(event) = self.market.step() {
            self.wire.now_ns = event.at_ns;
            if self.wire.up {
                self.venue.on_event(&mut self.wire, &self.market, &event);
            }
        }
        true
    }
}

impl Iterator for Recording {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        self.wire.applied.clear();
        loop {
            if let Some(message) = self.wire.take_message() {
                return Some(message);
            }
            if !self.advance() {
                return None;
            }
        }
    }
}

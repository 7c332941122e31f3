//! What the market stage is built from.

use crate::Silence;
use tickhawk_book::BookLimits;
use tickhawk_market::Decimal;
use tickhawk_venue::{Limits, Venue};

/// What a market stage is built from.
#[derive(Clone, Debug)]
pub struct MarketOptions {
    /// Whose messages.
    pub venue: Venue,
    /// The only instruments taken, in the venue's spelling; `None` for all.
    pub symbols: Option<Vec<String>>,
    /// Ticks by symbol, from the config.
    pub tick_sizes: Vec<(String, Decimal)>,
    /// The tick of every symbol not listed, from a flag or the config.
    pub tick_size: Option<Decimal>,
    /// The tick the model's contract names.
    pub contract_tick_size: Option<Decimal>,
    /// Levels a side a book may hold.
    pub book_limits: BookLimits,
    /// Bounds on what input may make the decoder hold.
    pub limits: Limits,
    /// Book messages in a row a book may stay crossed; `None` for the venue's own.
    pub crossed_messages_limit: Option<u32>,
    /// Copies of the feed the connections are spread over, 1 or 2: connection n belongs to link
    /// n % `links`.
    pub links: u16,
    /// Whether the venue's update ids of one instrument are the same on every connection. Two links
    /// then make one stream, message by message; else one of them leads. Of one link it says
    /// nothing.
    pub shares_ids: bool,
    /// How long nothing may be heard.
    pub silence: Silence,
}

impl MarketOptions {
    /// The defaults for a venue: all instruments, no tick from outside, one link, silence is fine.
    pub fn new(venue: Venue) -> Self {
        Self {
            venue,
            symbols: None,
            tick_sizes: Vec::new(),
            tick_size: None,
            contract_tick_size: None,
            book_limits: BookLimits::default(),
            limits: Limits::default(),
            crossed_messages_limit: None,
            links: 1,
            shares_ids: false,
            silence: Silence::default(),
        }
    }

    /// Decimals that prices of this instrument carry at least: those of its tick, if that is known
    /// before any message.
    pub fn price_decimals_of(&self, symbol: &str) -> u8 {
        let listed = self.tick_sizes.iter().find(|(name, _)| name == symbol);
        listed.map_or(self.price_decimals_of_others(), |(_, tick_size)| tick_size.decimals)
    }

    /// The same for instruments that `tick_sizes` does not list.
    pub(crate) fn price_decimals_of_others(&self) -> u8 {
        let tick_size = self.tick_size.or(self.contract_tick_size);
        tick_size.map_or(0, |tick_size| tick_size.decimals)
    }

    /// Book messages in a row a book may stay crossed.
    pub(crate) fn crossed_messages(&self) -> u32 {
        let venue_limit = self.venue.crossed_messages_limit();
        self.crossed_messages_limit.unwrap_or(venue_limit).max(1)
    }
}

/// What the market stage counted over all instruments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MarketCounts {
    /// Inputs whose receive time was before the one before, and was moved up to it.
    pub clamped_receive_times: u64,
    /// Feature frames made.
    pub frames: u64,
}

//! What can be wrong with a config or an event.

use super::order::OrderSide;

/// Why a simulation cannot begin, or cannot go on. After one of an event's there is no report.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TradeError {
    /// A setting is out of its range: set it as wanted.
    #[error("trading: `{key}` is {found}, wanted {wanted}")]
    Setting {
        /// Which, by its place in [`TradeConfig`](super::TradeConfig).
        key: &'static str,
        /// What it is.
        found: String,
        /// What it may be.
        wanted: &'static str,
    },
    /// A row of measured latencies cannot be read, or is out of order: mend the file there.
    #[error(
        "latencies, line {line}: {finding}; wanted whole numbers under the header \
         `time_ns,latency_ns`, times rising, or `latency_ns,count`"
    )]
    LatencyRow {
        /// Which line of the text, counted from 1; of comments before it the first one.
        line: u64,
        /// What is wrong with it.
        finding: String,
    },
    /// The feed's integers carry more decimals than the instrument's: give the instrument as many.
    #[error(
        "the feed carries {feed} decimals of {what}, the instrument only {instrument}: give the \
         instrument at least as many"
    )]
    TooFine {
        /// `price` or `qty`.
        what: &'static str,
        /// The feed's decimals.
        feed: u8,
        /// The instrument's decimals.
        instrument: u8,
    },
    /// Levels do not get worse from one to the next: hand them best first, each price once.
    #[error("the {side:?} levels of the book received at {received_at_ns} are not best first")]
    Unordered {
        /// Receive time of the book, ns since the epoch.
        received_at_ns: u64,
        /// Whose orders the levels are.
        side: OrderSide,
    },
    /// A price, quantity or sum of money does not fit: a damaged event, or decimals far beyond the
    /// venue's.
    #[error("a number of the event at {at_ns} does not fit: give the instrument fewer decimals")]
    Overflow {
        /// Time of the event, ns since the epoch.
        at_ns: u64,
    },
    /// The equity curve would get more points than memory is meant for: sample less often, or look
    /// for a time that jumps.
    #[error(
        "more than {limit} points of equity until {at_ns}: raise `sample_ns`, or leave out the jump \
         in time"
    )]
    TooManySamples {
        /// Time of the event, ns since the epoch.
        at_ns: u64,
        /// How many there may be.
        limit: usize,
    },
}

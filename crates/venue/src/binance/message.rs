//! The wire form of the messages used.

use crate::json::Raw;
use serde::Deserialize;

/// Every field of every message used. One type for all, so that a frame is read in one pass;
/// values stay text until the message type is known.
#[derive(Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) data: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) stream: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) e: Option<Raw<'a>>,
    #[serde(borrow, rename = "E")]
    pub(super) event_at: Option<Raw<'a>>,
    #[serde(borrow, rename = "T")]
    pub(super) transacted_at: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) s: Option<Raw<'a>>,
    #[serde(borrow, rename = "U")]
    pub(super) first_id: Option<Raw<'a>>,
    #[serde(borrow, rename = "u")]
    pub(super) final_id: Option<Raw<'a>>,
    #[serde(borrow, rename = "pu")]
    pub(super) previous_id: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) b: Option<Raw<'a>>,
    /// Asks of a diff, the best ask of a ticker, the number of an aggregated trade.
    #[serde(borrow)]
    pub(super) a: Option<Raw<'a>>,
    #[serde(borrow, rename = "t")]
    pub(super) trade_id: Option<Raw<'a>>,
    #[serde(borrow, rename = "B")]
    pub(super) bid_qty: Option<Raw<'a>>,
    #[serde(borrow, rename = "A")]
    pub(super) ask_qty: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) p: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) q: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) m: Option<Raw<'a>>,
    #[serde(borrow, rename = "X")]
    pub(super) execution: Option<Raw<'a>>,
    #[serde(borrow, rename = "lastUpdateId")]
    pub(super) last_update_id: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) symbol: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) bids: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) asks: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) symbols: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) result: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) id: Option<Raw<'a>>,
}

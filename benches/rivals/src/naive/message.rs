//! Binance's messages as serde types.

use anyhow::Result;
use serde::Deserialize;
use serde_json::value::RawValue;

/// A frame of the combined stream.
#[derive(Deserialize)]
pub struct Combined<'a> {
    /// Which stream.
    #[serde(borrow)]
    pub stream: &'a str,
    /// The event; parsed once the stream is known, which measured faster here than serde's tagged
    /// enums.
    #[serde(borrow)]
    pub data: &'a RawValue,
}

/// `depthUpdate`.
#[derive(Debug, Deserialize)]
pub struct DepthUpdate {
    /// Exchange time, ms.
    #[serde(rename = "T")]
    #[expect(dead_code, reason = "parsed as everyone does; receive times are what features use")]
    pub time_ms: u64,
    /// Symbol.
    #[serde(rename = "s")]
    #[expect(dead_code, reason = "parsed as everyone does; one instrument is played")]
    pub symbol: String,
    /// First update id.
    #[serde(rename = "U")]
    pub first_id: u64,
    /// Last update id.
    #[serde(rename = "u")]
    pub last_id: u64,
    /// Last update id of the message before.
    #[serde(rename = "pu")]
    pub previous_id: u64,
    /// Bids.
    #[serde(rename = "b")]
    pub bids: Vec<(String, String)>,
    /// Asks.
    #[serde(rename = "a")]
    pub asks: Vec<(String, String)>,
}

/// `trade`.
#[derive(Debug, Deserialize)]
pub struct Trade {
    /// Symbol.
    #[serde(rename = "s")]
    #[expect(dead_code, reason = "parsed as everyone does; one instrument is played")]
    pub symbol: String,
    /// Price.
    #[serde(rename = "p")]
    pub price: String,
    /// Quantity.
    #[serde(rename = "q")]
    pub qty: String,
    /// Whether the buyer was the maker: the taker sold.
    #[serde(rename = "m")]
    pub buyer_is_maker: bool,
}

/// The REST snapshot.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// Its update id.
    pub last_update_id: u64,
    /// Bids.
    pub bids: Vec<(String, String)>,
    /// Asks.
    pub asks: Vec<(String, String)>,
}

/// What the pipeline listens to.
#[derive(Debug)]
pub enum Event {
    /// The book changed.
    Depth(DepthUpdate),
    /// A trade happened.
    Trade(Trade),
    /// Anything else.
    Other,
}

/// Parses a frame.
pub fn parse(frame: &[u8]) -> Result<Event> {
    let Ok(combined) = serde_json::from_slice::<Combined>(frame) else { return Ok(Event::Other) };
    let data = combined.data.get();
    if combined.stream.contains("@depth") {
        Ok(Event::Depth(serde_json::from_str(data)?))
    } else if combined.stream.ends_with("@trade") {
        Ok(Event::Trade(serde_json::from_str(data)?))
    } else {
        Ok(Event::Other)
    }
}

//! What clients say in either version, and how it is answered.

use super::v2::DEFAULT_DEPTH;
use super::{BOOK, DEPTHS, INSTRUMENT, TICKER, Version, book_name};
use crate::exchange::floor::Floor;
use crate::exchange::json::{self, Raw, quoted};
use crate::text::rfc3339;
use serde::Deserialize;

/// A wish to subscribe, or no longer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Subscribe,
    Unsubscribe,
}

/// A request for a channel.
pub(super) struct Request {
    pub(super) version: Version,
    pub(super) ask: Ask,
    /// Without the depth.
    pub(super) channel: String,
    pub(super) symbols: Vec<String>,
    /// Levels a side, for books.
    pub(super) depth: usize,
    /// The client's own number for the request.
    id: Option<i64>,
}

/// What is said to something that is no request for a channel.
pub(super) enum Answer {
    Pong(Version, Option<i64>),
    Malformed(Version),
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    event: Option<Raw<'a>>,
    #[serde(borrow)]
    pair: Option<Raw<'a>>,
    #[serde(borrow)]
    subscription: Option<Raw<'a>>,
    #[serde(borrow)]
    reqid: Option<Raw<'a>>,
    #[serde(borrow)]
    method: Option<Raw<'a>>,
    #[serde(borrow)]
    params: Option<Raw<'a>>,
    #[serde(borrow)]
    req_id: Option<Raw<'a>>,
}

/// v1's `subscription` and v2's `params`.
#[derive(Deserialize)]
struct Params<'a> {
    #[serde(borrow)]
    name: Option<Raw<'a>>,
    #[serde(borrow)]
    channel: Option<Raw<'a>>,
    #[serde(borrow)]
    symbol: Option<Raw<'a>>,
    #[serde(borrow)]
    depth: Option<Raw<'a>>,
}

fn strings(value: Option<Raw<'_>>) -> Vec<String> {
    let Some(value) = value else { return Vec::new() };
    match value.string() {
        Some(one) => vec![one.into_owned()],
        None => value.items().into_iter().filter_map(|item| Some(item.string()?.into())).collect(),
    }
}

/// Reads a client's text.
pub(super) fn read(text: &str) -> Result<Request, Answer> {
    let message: Message<'_> = json::read(text).ok_or(Answer::Malformed(Version::V2))?;
    let version = if message.event.is_some() { Version::V1 } else { Version::V2 };
    let (said, params, id) = match version {
        Version::V1 => (message.event, message.subscription, message.reqid),
        Version::V2 => (message.method, message.params, message.req_id),
    };
    let id = id.and_then(Raw::signed);
    let ask = match said.map(Raw::plain) {
        Some("subscribe") => Ask::Subscribe,
        Some("unsubscribe") => Ask::Unsubscribe,
        Some("ping") => return Err(Answer::Pong(version, id)),
        _ => return Err(Answer::Malformed(version)),
    };
    let params: Params<'_> =
        params.and_then(|params| json::read(params.0)).ok_or(Answer::Malformed(version))?;
    let channel = params.channel.or(params.name).and_then(Raw::string).unwrap_or_default();
    let depth = params.depth.map_or(Some(DEFAULT_DEPTH as u64), Raw::unsigned).unwrap_or(0);
    Ok(Request {
        version,
        ask,
        channel: channel.into_owned(),
        symbols: strings(message.pair.or(params.symbol)),
        depth: depth.try_into().unwrap_or(0),
        id,
    })
}

impl Answer {
    pub(super) fn text(&self, now_ns: u64) -> String {
        match self {
            Self::Pong(version, id) => {
                let mut answer = Fields::new();
                match version {
                    Version::V1 => answer.add("event", r#""pong""#),
                    Version::V2 => answer.add("method", r#""pong""#),
                }
                answer.id(*version, *id);
                if *version == Version::V2 {
                    answer.times(now_ns);
                }
                answer.text()
            }
            Self::Malformed(Version::V1) => {
                r#"{"errorMessage":"Malformed request","event":"error"}"#.to_owned()
            }
            Self::Malformed(Version::V2) => {
                let mut answer = Fields::new();
                answer.add("error", r#""Malformed request""#);
                answer.add("method", r#""subscribe""#);
                answer.add("success", "false");
                answer.times(now_ns);
                answer.text()
            }
        }
    }
}

impl Request {
    /// What is wrong with it, whatever the symbol.
    pub(super) fn fault(&self) -> Option<String> {
        let channels: &[&str] = match self.version {
            Version::V1 => &[BOOK, TICKER, "trade", "spread"],
            Version::V2 => &[BOOK, TICKER, "trade", INSTRUMENT],
        };
        if !channels.contains(&self.channel.as_str()) {
            return Some(format!("Channel not supported {}", self.channel));
        }
        if self.channel == BOOK && !DEPTHS.contains(&self.depth) {
            return Some("Subscription depth not supported".to_owned());
        }
        (self.channel != INSTRUMENT && self.symbols.is_empty())
            .then(|| "Symbol(s) not found".to_owned())
    }

    /// The tape's name of a symbol: in v1 the venue's own codes for two coins stand for the usual
    /// ones.
    pub(super) fn resolved(&self, floor: &Floor, symbol: &str) -> String {
        if self.version == Version::V1 && !floor.is_known(symbol) {
            let codes = symbol.replace("BTC", "XBT").replace("DOGE", "XDG");
            if floor.is_known(&codes) {
                return codes;
            }
        }
        symbol.to_owned()
    }

    fn word(&self) -> &'static str {
        match self.ask {
            Ask::Subscribe => "subscribe",
            Ask::Unsubscribe => "unsubscribe",
        }
    }

    pub(super) fn refused(&self, now_ns: u64, symbol: &str, why: &str) -> String {
        let mut answer = Fields::new();
        let (why, channel) = (quoted(why), quoted(&self.channel));
        match self.version {
            Version::V1 => {
                answer.add("errorMessage", &why);
                answer.add("event", r#""subscriptionStatus""#);
                answer.symbol("pair", symbol);
                answer.id(self.version, self.id);
                answer.add("status", r#""error""#);
                answer.add("subscription", &format!(r#"{{"name":{channel}}}"#));
            }
            Version::V2 => {
                answer.add("error", &why);
                answer.add("method", &format!("\"{}\"", self.word()));
                answer.id(self.version, self.id);
                answer.add("success", "false");
                answer.symbol("symbol", symbol);
                answer.times(now_ns);
            }
        }
        answer.text()
    }

    pub(super) fn done(
        &self,
        now_ns: u64,
        symbol: &str,
        name: &str,
        depth: usize,
        channel_id: u64,
    ) -> String {
        let mut answer = Fields::new();
        let channel = quoted(&self.channel);
        let depth = (name == book_name(depth)).then(|| format!(r#","depth":{depth}"#));
        let depth = depth.unwrap_or_default();
        match self.version {
            Version::V1 => {
                answer.add("channelID", &channel_id.to_string());
                answer.add("channelName", &quoted(name));
                answer.add("event", r#""subscriptionStatus""#);
                answer.symbol("pair", symbol);
                answer.id(self.version, self.id);
                answer.add("status", &format!("\"{}d\"", self.word()));
                answer.add("subscription", &format!(r#"{{"name":{channel}{depth}}}"#));
            }
            Version::V2 => {
                let mut result = Fields::new();
                result.add("channel", &format!("{channel}{depth}"));
                result.add("snapshot", if self.channel == "trade" { "false" } else { "true" });
                result.symbol("symbol", symbol);
                answer.add("method", &format!("\"{}\"", self.word()));
                answer.add("result", &result.text());
                answer.add("success", "true");
                answer.id(self.version, self.id);
                answer.times(now_ns);
            }
        }
        answer.text()
    }
}

/// An object in the making.
struct Fields(String);

impl Fields {
    fn new() -> Self {
        Self(String::new())
    }

    /// `value` is literal JSON.
    fn add(&mut self, key: &str, value: &str) {
        let comma = if self.0.is_empty() { "" } else { "," };
        self.0 += &format!(r#"{comma}"{key}":{value}"#);
    }

    fn symbol(&mut self, key: &str, symbol: &str) {
        if !symbol.is_empty() {
            self.add(key, &quoted(symbol));
        }
    }

    fn id(&mut self, version: Version, id: Option<i64>) {
        let key = if version == Version::V1 { "reqid" } else { "req_id" };
        if let Some(id) = id {
            self.add(key, &id.to_string());
        }
    }

    fn times(&mut self, now_ns: u64) {
        let at = quoted(&rfc3339(now_ns, 6));
        self.add("time_in", &at);
        self.add("time_out", &at);
    }

    fn text(self) -> String {
        format!("{{{}}}", self.0)
    }
}

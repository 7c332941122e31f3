//! Which symbol a frame is of, by the field each venue names it in.

use crate::json::{self, Field, Fields};

/// Where a payload goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// To the symbol written beside.
    Symbol,
    /// To the only symbol of its connection.
    OnlySymbol,
    Nowhere,
}

/// The fields that tell venues and symbols apart.
#[derive(Default)]
struct Message<'a> {
    stream: Option<Field<'a>>,
    data: Option<Field<'a>>,
    event: Option<Field<'a>>,
    symbol: Option<Field<'a>>,
    topic: Option<Field<'a>>,
    channel: Option<Field<'a>>,
    group: Option<Field<'a>>,
    coin: Option<Field<'a>>,
    update_id: Option<Field<'a>>,
    bids: Option<Field<'a>>,
}

impl<'a> Message<'a> {
    /// `None` for what is not one JSON object.
    fn of(text: &'a [u8]) -> Option<Self> {
        let mut message = Self::default();
        let mut fields = Fields::new(text);
        while let Some(field) = fields.next_field().ok()? {
            let slot = match field.key {
                b"stream" => &mut message.stream,
                b"data" => &mut message.data,
                b"e" => &mut message.event,
                b"s" => &mut message.symbol,
                b"topic" => &mut message.topic,
                b"channel" => &mut message.channel,
                b"group" => &mut message.group,
                b"coin" => &mut message.coin,
                b"lastUpdateId" => &mut message.update_id,
                b"bids" => &mut message.bids,
                _ => continue,
            };
            *slot = Some(field);
        }
        Some(message)
    }

    fn is_snapshot(&self) -> bool {
        self.update_id.is_some() && self.bids.is_some()
    }
}

pub(super) fn route_of_frame(frame: &[u8], symbol: &mut String) -> Route {
    // The converters parse every line with Python's `json`: one bad line would stop them.
    let Some(message) = Message::of(frame).filter(|_| json::is_whole(frame)) else {
        return Route::Nowhere;
    };
    let inner = message.data.and_then(|data| Message::of(json::first_element(data.value)));
    let found = match (&message, inner) {
        // Binance, combined: {"stream":"btcusdt@trade","data":{"s":"BTCUSDT",..}}
        (Message { stream: Some(_), .. }, Some(inner)) => inner.symbol.map(|s| s.bare()),
        // Binance, single: {"e":"trade","s":"BTCUSDT",..}
        (Message { event: Some(_), symbol: Some(symbol), .. }, _) => Some(symbol.bare()),
        // Bybit: {"topic":"orderbook.50.BTCUSDT","data":..}
        (Message { topic: Some(topic), data: Some(_), .. }, _) => {
            topic.bare().rsplit(|byte| *byte == b'.').next()
        }
        // BitMart: {"data":..,"group":"futures/trade:BTCUSDT"}, also `..:BTCUSDT@100ms`
        (Message { group: Some(group), data: Some(_), .. }, _) => {
            let after = group.bare().rsplit(|byte| *byte == b':').next();
            after.and_then(|name| name.split(|byte| *byte == b'@').next())
        }
        // Hyperliquid: {"channel":"trades","data":[{"coin":"HYPE",..}]}
        (Message { channel: Some(_), .. }, Some(inner)) => inner.coin.map(|coin| coin.bare()),
        (message, _) if message.is_snapshot() => return Route::OnlySymbol,
        _ => None,
    };
    set_symbol(found, symbol)
}

pub(super) fn route_of_reply(
    url: Option<&str>,
    status: Option<u16>,
    body: &[u8],
    symbol: &mut String,
) -> Route {
    let is_snapshot = Message::of(body).is_some_and(|message| message.is_snapshot());
    if status.is_some_and(|status| status != 200) || !is_snapshot || !json::is_whole(body) {
        return Route::Nowhere;
    }
    let Some(url) = url else { return Route::OnlySymbol };
    let mut parameters = url.split(['?', '&']).skip(1);
    let found = parameters.find_map(|parameter| parameter.strip_prefix("symbol="));
    set_symbol(found.map(str::as_bytes), symbol)
}

/// A symbol as a file name: in lower case, as the collector's are, without what could leave the
/// folder.
fn set_symbol(found: Option<&[u8]>, symbol: &mut String) -> Route {
    const LONGEST: usize = 64;
    symbol.clear();
    let Some(found) = found.filter(|found| (1..=LONGEST).contains(&found.len())) else {
        return Route::Nowhere;
    };
    symbol.extend(found.iter().map(|byte| match byte {
        b'a'..=b'z' | b'0'..=b'9' | b'_' | b'@' => char::from(*byte),
        b'A'..=b'Z' => char::from(byte.to_ascii_lowercase()),
        _ => '-',
    }));
    Route::Symbol
}

#[cfg(test)]
mod tests {
    use super::{Route, route_of_frame, route_of_reply};

    #[track_caller]
    fn check(frame: &str, route: Route, symbol: &str) {
        let mut found = String::from("before");
        assert_eq!(route_of_frame(frame.as_bytes(), &mut found), route, "{frame}");
        if route == Route::Symbol {
            assert_eq!(found, symbol);
        }
    }

    #[test]
    fn frames_name_their_symbol() {
        check(r#"{"stream":"ab@trade","data":{"e":"trade","s":"AB"}}"#, Route::Symbol, "ab");
        check(r#"{"e":"trade","s":"AB"}"#, Route::Symbol, "ab");
        check(r#"{"topic":"orderbook.50.AB","data":{}}"#, Route::Symbol, "ab");
        check(r#"{"data":[],"group":"futures/trade:AB"}"#, Route::Symbol, "ab");
        check(r#"{"data":{},"group":"futures/depth50:AB@100ms"}"#, Route::Symbol, "ab");
        check(r#"{"channel":"trades","data":[{"coin":"AB"},{"coin":"C"}]}"#, Route::Symbol, "ab");
        check(r#"{"channel":"l2Book","data":{"coin":"A/B"}}"#, Route::Symbol, "a-b");
        check(r#"{"e":"trade","s":"../../AB"}"#, Route::Symbol, "------ab");
        check(r#"{"lastUpdateId":1,"bids":[],"asks":[]}"#, Route::OnlySymbol, "");
        check(r#"{"result":null,"id":1}"#, Route::Nowhere, "");
        check(r#"{"channel":"l2_data","events":[]}"#, Route::Nowhere, "");
        check(r#"{"success":true,"op":"subscribe"}"#, Route::Nowhere, "");
        check(r#"{"e":"trade","s":""}"#, Route::Nowhere, "");
        check(r#"{"e":"trade","s":"AB","x":[}}"#, Route::Nowhere, "");
        check("[1,2]", Route::Nowhere, "");
        check("pong", Route::Nowhere, "");
    }

    #[track_caller]
    fn check_reply(url: Option<&str>, status: Option<u16>, body: &str, route: Route) {
        let mut symbol = String::new();
        assert_eq!(route_of_reply(url, status, body.as_bytes(), &mut symbol), route);
        if route == Route::Symbol {
            assert_eq!(symbol, "ab");
        }
    }

    #[test]
    fn replies_name_their_symbol_in_the_address() {
        let body = r#"{"lastUpdateId":1,"bids":[],"asks":[]}"#;
        let url = Some("https://example.invalid/depth?limit=5&symbol=AB");
        check_reply(url, Some(200), body, Route::Symbol);
        check_reply(url, None, body, Route::Symbol);
        check_reply(url, Some(429), body, Route::Nowhere);
        check_reply(url, None, r#"{"symbols":[]}"#, Route::Nowhere);
        check_reply(None, None, body, Route::OnlySymbol);
        check_reply(Some("https://example.invalid/depth"), None, body, Route::Nowhere);
    }
}

//! Listings over REST.
//! <https://bybit-exchange.github.io/docs/v5/market/instrument>
//! <https://bybit-exchange.github.io/docs/v5/market/time>

use super::super::RestId;
use super::super::floor::{Decimals, Floor, split_url, step_text};
use super::super::json::quoted;

/// What an unknown path gets.
const NOT_FOUND: &str = r#"{"retCode":404,"retMsg":"Not Found"}"#;

/// Answers a REST request.
pub(super) fn answer(floor: &mut Floor, rest: RestId, path: &str, spot: bool) {
    match split_url(path).0 {
        "/v5/market/instruments-info" => instruments_info(floor, rest, path, spot),
        "/v5/market/time" => {
            let (seconds, ns) = (floor.now_ns / 1_000_000_000, floor.now_ns);
            floor.reply(rest, 200, format!(
                    r#"{{"retCode":0,"retMsg":"OK","result":{{"timeSecond":"{seconds}","timeNano":"{ns}"}},"retExtInfo":{{}},"time":{}}}"#,
                    ns / 1_000_000
                ));
        }
        _ => floor.reply(rest, 404, NOT_FOUND.to_owned()),
    }
}

/// What the tape's recorder got, else a listing of the instruments there are.
fn instruments_info(floor: &mut Floor, rest: RestId, path: &str, spot: bool) {
    if let Some(body) = floor.listing(path).map(str::to_owned) {
        floor.reply(rest, 200, body);
        return;
    }
    let listing = |(symbol, decimals): (String, Decimals)| {
        let (tick, lot) = (step_text(decimals.price), step_text(decimals.qty));
        let lot_key = if spot { "basePrecision" } else { "qtyStep" };
        format!(
            r#"{{"symbol":{},"status":"Trading","priceFilter":{{"tickSize":"{tick}"}},"lotSizeFilter":{{"{lot_key}":"{lot}"}}}}"#,
            quoted(&symbol)
        )
    };
    let list: Vec<String> = floor.known().into_iter().map(listing).collect();
    if list.is_empty() {
        floor.reply(rest, 404, NOT_FOUND.to_owned());
        return;
    }
    let category = if spot { "spot" } else { "linear" };
    let (list, ms) = (list.join(","), floor.now_ns / 1_000_000);
    floor.reply(rest, 200, format!(
        r#"{{"retCode":0,"retMsg":"OK","result":{{"category":"{category}","list":[{list}],"nextPageCursor":""}},"retExtInfo":{{}},"time":{ms}}}"#
    ));
}

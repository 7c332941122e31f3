//! Listings over REST.
//! <https://www.okx.com/docs-v5/en/#public-data-rest-api-get-instruments>

use super::super::RestId;
use super::super::floor::{Decimals, Floor, query_value, split_url, step_text};
use super::super::json::quoted;

/// What an unknown path gets.
const NOT_FOUND: &str = r#"{"code":"404","data":[],"msg":"Not Found"}"#;

/// Answers a REST request.
pub(super) fn answer(floor: &mut Floor, rest: RestId, path: &str) {
    match split_url(path).0 {
        "/api/v5/public/instruments" => instruments(floor, rest, path),
        "/api/v5/public/time" => {
            let ms = floor.now_ns / 1_000_000;
            floor.reply(rest, 200, format!(r#"{{"code":"0","data":[{{"ts":"{ms}"}}],"msg":""}}"#));
        }
        _ => floor.reply(rest, 404, NOT_FOUND.to_owned()),
    }
}

/// What the tape's recorder got, else a listing of the instruments there are.
fn instruments(floor: &mut Floor, rest: RestId, path: &str) {
    if let Some(body) = floor.listing(path).map(str::to_owned) {
        floor.reply(rest, 200, body);
        return;
    }
    let wanted = query_value(split_url(path).1, "instType");
    let listing = |(symbol, decimals): (String, Decimals)| {
        let kind = instrument_type(&symbol);
        let (tick, lot) = (step_text(decimals.price), step_text(decimals.qty));
        let text = format!(
            r#"{{"instType":"{kind}","instId":{},"tickSz":"{tick}","lotSz":"{lot}","state":"live"}}"#,
            quoted(&symbol)
        );
        wanted.is_none_or(|wanted| wanted == kind).then_some(text)
    };
    let known = floor.known();
    if known.is_empty() {
        floor.reply(rest, 404, NOT_FOUND.to_owned());
        return;
    }
    let list: Vec<String> = known.into_iter().filter_map(listing).collect();
    floor.reply(rest, 200, format!(r#"{{"code":"0","data":[{}],"msg":""}}"#, list.join(",")));
}

/// `SPOT`, `SWAP` or `FUTURES` by the form of the instrument's name.
fn instrument_type(symbol: &str) -> &'static str {
    match symbol.rsplit('-').next() {
        Some("SWAP") => "SWAP",
        Some(date) if date.len() == 6 && date.bytes().all(|byte| byte.is_ascii_digit()) => {
            "FUTURES"
        }
        _ => "SPOT",
    }
}

//! Products by REST.
//! <https://docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api/products/list-public-products>

use super::request::resolved;
use crate::exchange::RestId;
use crate::exchange::floor::{Decimals, Floor, split_url, step_text};
use crate::exchange::json::quoted;
use crate::exchange::splice::array;
use crate::text::rfc3339;

const PRODUCTS: &str = "/api/v3/brokerage/market/products";

fn product(symbol: &str, seen: Decimals) -> String {
    let (base, quote) = symbol.split_once('-').unwrap_or((symbol, "USD"));
    format!(
        r#"{{"product_id":{},"base_increment":"{}","quote_increment":"{tick}","price_increment":"{tick}","base_currency_id":{},"quote_currency_id":{},"status":"online","is_disabled":false,"trading_disabled":false,"cancel_only":false,"post_only":false,"auction_mode":false,"product_type":"SPOT"}}"#,
        quoted(symbol),
        step_text(seen.qty),
        quoted(base),
        quoted(quote),
        tick = step_text(seen.price)
    )
}

/// What was recorded for the path, else what the symbols seen so far tell.
pub(super) fn answer(floor: &mut Floor, rest: RestId, path: &str) {
    if let Some(body) = floor.listing(path).map(str::to_owned) {
        floor.reply(rest, 200, body);
        return;
    }
    let path = split_url(path).0;
    let known = floor.known();
    let one = path.strip_prefix(PRODUCTS).and_then(|rest| rest.strip_prefix('/'));
    let one = one.and_then(|one| resolved(floor, one));
    let found = one.and_then(|one| known.iter().find(|(symbol, _)| *symbol == one));
    let body = match (path, found) {
        (PRODUCTS, _) => {
            let products = array(known.iter().map(|(symbol, seen)| product(symbol, *seen)));
            let count = known.len();
            Some(format!(r#"{{"products":{products},"num_products":{count}}}"#))
        }
        ("/api/v3/brokerage/time", _) => {
            let (iso, seconds) = (rfc3339(floor.now_ns, 3), floor.now_ns / 1_000_000_000);
            let ms = floor.now_ns / 1_000_000;
            Some(format!(r#"{{"iso":"{iso}","epochSeconds":"{seconds}","epochMillis":"{ms}"}}"#))
        }
        (_, Some((symbol, seen))) => Some(product(symbol, *seen)),
        _ => None,
    };
    match body {
        Some(body) => floor.reply(rest, 200, body),
        None => floor.reply(
            rest,
            404,
            r#"{"error":"NOT_FOUND","error_details":"not found","message":"not found"}"#.to_owned(),
        ),
    }
}

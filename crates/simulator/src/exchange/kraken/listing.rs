//! Pairs by REST and by the instrument channel.
//! <https://docs.kraken.com/api/docs/rest-api/get-tradable-asset-pairs>

use crate::exchange::RestId;
use crate::exchange::floor::{Decimals, Floor, split_url, step_text};
use crate::exchange::json::quoted;
use crate::exchange::splice::array;
use crate::text::seconds;
use std::collections::BTreeMap;

fn halves(symbol: &str) -> (&str, &str) {
    symbol.split_once('/').unwrap_or((symbol, "USD"))
}

/// `GET /0/public/AssetPairs` of the symbols seen so far.
fn asset_pairs(floor: &Floor) -> String {
    let pair = |(symbol, seen): (String, Decimals)| {
        let (base, quote) = halves(&symbol);
        let name = quoted(&format!("{base}{quote}"));
        format!(
            r#"{name}:{{"altname":{name},"wsname":{},"base":{},"quote":{},"pair_decimals":{},"lot_decimals":{},"tick_size":"{}","status":"online"}}"#,
            quoted(&symbol),
            quoted(base),
            quoted(quote),
            seen.price,
            seen.qty,
            step_text(seen.price)
        )
    };
    let pairs: Vec<String> = floor.known().into_iter().map(pair).collect();
    format!(r#"{{"error":[],"result":{{{}}}}}"#, pairs.join(","))
}

/// The snapshot of the instrument channel, of the symbols seen so far. Checksums are over numbers
/// padded to the precision it tells, so that must be what is `written`.
pub(super) fn instruments(floor: &Floor, written: &BTreeMap<String, (usize, usize)>) -> String {
    let pair = |(symbol, seen): (String, Decimals)| {
        let (base, quote) = halves(&symbol);
        let (tick, lot) = (step_text(seen.price), step_text(seen.qty));
        let seen = (usize::from(seen.price), usize::from(seen.qty));
        let (price, qty) = written.get(&symbol).copied().unwrap_or(seen);
        format!(
            r#"{{"symbol":{},"base":{},"quote":{},"status":"online","qty_precision":{qty},"qty_increment":{lot},"price_precision":{price},"price_increment":{tick},"qty_min":{lot}}}"#,
            quoted(&symbol),
            quoted(base),
            quoted(quote)
        )
    };
    let pairs = array(floor.known().into_iter().map(pair));
    format!(
        r#"{{"channel":"instrument","type":"snapshot","data":{{"assets":[],"pairs":{pairs}}}}}"#
    )
}

/// What was recorded for the path, else what the tape so far tells.
pub(super) fn answer(floor: &mut Floor, rest: RestId, path: &str) {
    if let Some(body) = floor.listing(path).map(str::to_owned) {
        floor.reply(rest, 200, body);
        return;
    }
    let (at, unix) = (seconds(floor.now_ns, 'T'), floor.now_ns / 1_000_000_000);
    let (status, body) = match split_url(path).0 {
        "/0/public/AssetPairs" => (200, asset_pairs(floor)),
        "/0/public/Time" => {
            (200, format!(r#"{{"error":[],"result":{{"unixtime":{unix},"rfc1123":"{at}Z"}}}}"#))
        }
        "/0/public/SystemStatus" => {
            (200, format!(r#"{{"error":[],"result":{{"status":"online","timestamp":"{at}Z"}}}}"#))
        }
        _ => (404, r#"{"error":["EGeneral:Unknown method"]}"#.to_owned()),
    };
    floor.reply(rest, status, body);
}

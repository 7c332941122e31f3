#![doc = include_str!("catalogue.md")]

/// A family of features: one pattern of names, one definition.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Names it has, with the variable parts in capitals.
    pub pattern: &'static str,
    /// One of its names.
    pub example: &'static str,
    /// What the value is.
    pub definition: &'static str,
    /// When there is a value.
    pub valid: &'static str,
}

const fn family(
    pattern: &'static str,
    example: &'static str,
    definition: &'static str,
    valid: &'static str,
) -> Family {
    Family { pattern, example, definition, valid }
}

/// Every family of features.
pub const FAMILIES: &[Family] = &[
    family(
        "obi_N",
        "obi_5",
        "(B - A) / (B + A), B and A the bid and ask quantity over the best N levels, fewer where the book has fewer. N is 1 to 50.",
        "both sides have a level, B + A > 0",
    ),
    family("queue_imbalance", "queue_imbalance", "`obi_1`.", "as `obi_1`"),
    family(
        "spread_ticks",
        "spread_ticks",
        "(a - b) / tick. Negative while crossed.",
        "both sides; tick known",
    ),
    family(
        "weighted_mid_offset_ticks",
        "weighted_mid_offset_ticks",
        "((qb a + qa b) / (qb + qa) - mid) / tick.",
        "both sides, qb + qa > 0; tick known",
    ),
    family(
        "microprice_offset_ticks",
        "microprice_offset_ticks",
        "Stoikov's (2018) micro-price - mid in ticks: the fitted table at the imbalance qb / (qb + qa), in 10 buckets, and the spread in whole ticks, 1 to 4.",
        "a table is given and knows the state; spread 1 to 4 ticks; tick known",
    ),
    family(
        "bid_depth_K",
        "bid_depth_10",
        "Bid quantity in base units at prices p with |p - best bid| <= K ticks. K is 1 to 49; K + 1 levels are read, all there can be if the tick is right.",
        "a bid; tick known",
    ),
    family("ask_depth_K", "ask_depth_10", "The same of the asks.", "an ask; tick known"),
    family(
        "book_slope_K",
        "book_slope_10",
        "Mean of the two sides' slopes over their best n = min(K, levels there): (1/n) [1/d_1 + sum over i = 2..n of (V_i / V_(i-1) - 1) / (d_i - d_(i-1))], V_i the quantity cumulated to level i, d_i its distance from the mid in ticks. Naes and Skjeltorp (2006) with V where they take its logarithm (quantities below one would turn its sign) and ticks for relative prices. K is 2 to 50.",
        "both sides; neither locked nor crossed; tick known",
    ),
    family(
        "bid_price_I_offset_ticks",
        "bid_price_1_offset_ticks",
        "(bid price of level I - mid) / tick. I is 1 to 50.",
        "both sides, the level exists; tick known",
    ),
    family(
        "ask_price_I_offset_ticks",
        "ask_price_1_offset_ticks",
        "(ask price of level I - mid) / tick.",
        "both sides, the level exists; tick known",
    ),
    family("bid_qty_I", "bid_qty_1", "Bid quantity of level I, base units.", "the level exists"),
    family("ask_qty_I", "ask_qty_1", "Ask quantity of level I, base units.", "the level exists"),
    family(
        "BASE_z@W",
        "obi_5_z@60s",
        "(x - mean) / sd of any feature above: x its value at the newest book message, mean and population sd over its values at earlier messages in the window (`Nu`: the N messages before the newest). Imbalances are held to 2^-44, values in ticks and slopes to 2^-30, quantities exactly. W: time, or `u` from 30.",
        "x exists, 30 past values in the window, sd > 0 (and |x| under 2^52 quanta)",
    ),
    family(
        "ofi_L@W",
        "ofi_1@1s",
        "Sum over the window's book messages of e = 1{b>=b'} qb - 1{b<=b'} qb' - 1{a<=a'} qa + 1{a>=a'} qa' at level L (primes: the message before), base units (Cont, Kukanov, Stoikov 2014). A missing level has no quantity and the worst price. L is 1 to 50. W: time or `u`.",
        "time: the epoch's first message is at or before t - W; `Nu`: N messages after the first (and |e| under 2^63 quantity units)",
    ),
    family("ofi_sum_L@W", "ofi_sum_5@1s", "The sum of `ofi_1@W` to `ofi_L@W`.", "as `ofi_L@W`"),
    family(
        "update_rate@W",
        "update_rate@1s",
        "Book messages in the window per second. W: time.",
        "the epoch's first message is at or before t - W",
    ),
    family(
        "mid_return@W",
        "mid_return@500ms",
        "ln(mid / mid'), mid' the one in force at t - W (`Nu`: N messages ago). While a side is empty the last mid stays in force. W: time or `u`.",
        "both sides; this epoch had a mid by then; both positive",
    ),
    family(
        "realised_vol@W",
        "realised_vol@10s",
        "sqrt of the sum of squared log mid returns between grid points in (t - W, t]: points are multiples of 100 ms since 1970, the mid at one is that in force just before it. W: whole 100 ms from 1s.",
        "this epoch had a mid before the first point, and no mid since was <= 0",
    ),
    family(
        "ema_mid_offset_ticks@W",
        "ema_mid_offset_ticks@5s",
        "(mid - ema) / tick, ema += (1 - exp(-dt/W)) (m - ema) with m the mid in force over dt, from the epoch's first mid. W: time, the constant tau.",
        "both sides; W since the epoch's first mid; tick known",
    ),
    family(
        "kyle_lambda@W",
        "kyle_lambda@60s",
        "Least-squares slope (with intercept) of mid change in ticks on signed volume (bought - sold, base units) over the complete intervals [k-1, k) s since 1970 that end in (t - W, t]; quiet ones count as (0, 0). W: whole seconds from 10s.",
        "10 intervals in this epoch, volume varies; tick known",
    ),
    family(
        "trade_imbalance@W",
        "trade_imbalance@1s",
        "(VB - VS) / (VB + VS), volume by the taker's side. W: time or `t`.",
        "time: a trade in the window; `Nt`: N trades",
    ),
    family(
        "trade_count@W",
        "trade_count@1s",
        "Trades in the window. W: time.",
        "the first trade is at or before t - W",
    ),
    family(
        "trade_volume@W",
        "trade_volume@1s",
        "VB + VS, base units. W: time or `t`.",
        "time: the first trade is at or before t - W; `Nt`: N trades",
    ),
    family(
        "trade_rate@W",
        "trade_rate@10s",
        "Trades in the window per second. W: time.",
        "as `trade_count@W`",
    ),
    family(
        "roll_spread@W",
        "roll_spread@60s",
        "2 sqrt(-cov), quote units: cov the population covariance of successive trade price changes, over pairs whose three trades are in the window (Roll 1984). A pair with a change of 2^42 price units or more is left out. W: time, or `t` from 12.",
        "10 pairs, cov < 0",
    ),
    family(
        "vpin",
        "vpin",
        "Mean of |VB - VS| / V over the newest complete buckets of volume V, by taker side (Easley, Lopez de Prado, O'Hara 2012; its worth is disputed). V and the number of buckets are plan options, not part of the name.",
        "as many complete buckets as asked for",
    ),
];

/// The reference table above, from [`FAMILIES`].
#[cfg(test)]
fn table() -> String {
    let mut text = String::from("| name | value | valid when |\n|---|---|---|\n");
    for Family { pattern, definition, valid, .. } in FAMILIES {
        let definition = definition.replace('|', "\\|");
        let valid = valid.replace('|', "\\|");
        text += &format!("| `{pattern}` | {definition} | {valid} |\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar;

    /// `UPDATE_CATALOGUE=1 cargo test -p tickhawk-feature` rewrites the table.
    #[test]
    fn the_documentation_lists_the_families() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/catalogue.md");
        let text = std::fs::read_to_string(path).unwrap();
        let (head, _) = text.split_once("| name |").unwrap();
        let expected = format!("{head}{}", table());
        if std::env::var_os("UPDATE_CATALOGUE").is_some() {
            std::fs::write(path, &expected).unwrap();
            return;
        }
        assert!(text == expected, "run with UPDATE_CATALOGUE=1 to rewrite {path}");
    }

    #[test]
    fn every_example_is_a_name() {
        for Family { example, .. } in FAMILIES {
            grammar::parse(example, 1 << 16).unwrap_or_else(|error| panic!("{error}"));
        }
    }
}

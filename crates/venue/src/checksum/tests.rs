use super::{ODD_TEXTS_LIMIT, Style, Texts, Written, crc::decimal_digits};
use proptest::prelude::*;
use tickhawk_market::{BookKind, Decimal, Level, Price, Qty, Scale, Side};

const SCALE: Scale = Scale { price_decimals: 6, qty_decimals: 8 };

/// The venue's worked example, of "Book checksum (WebSocket v2)".
const ASKS: [(&str, &str); 10] = [
    ("45285.2", "0.00100000"),
    ("45286.4", "1.54571953"),
    ("45286.6", "1.54571109"),
    ("45289.6", "1.54560911"),
    ("45290.2", "0.15890660"),
    ("45291.8", "1.54553491"),
    ("45294.7", "0.04454749"),
    ("45296.1", "0.35380000"),
    ("45297.5", "0.09945542"),
    ("45299.5", "0.18772827"),
];
const BIDS: [(&str, &str); 10] = [
    ("45283.5", "0.10000000"),
    ("45283.4", "1.54582015"),
    ("45282.1", "0.10000000"),
    ("45281.0", "0.10000000"),
    ("45280.3", "1.54592586"),
    ("45279.0", "0.07990000"),
    ("45277.6", "0.03310103"),
    ("45277.5", "0.30000000"),
    ("45277.3", "1.54602737"),
    ("45276.6", "0.15445238"),
];

fn written(text: &str) -> Written<'_> {
    Written { text: text.as_bytes(), number: Decimal::parse(text.as_bytes()).unwrap() }
}

fn note(texts: &mut Texts, kind: BookKind, levels: &[(Side, &str, &str)]) {
    texts.begin(kind);
    for (side, price, qty) in levels {
        texts.level(*side, written(price), written(qty));
    }
    texts.commit(kind);
}

fn levels(texts: &[(&str, &str)]) -> Vec<Level> {
    let units = |text: &str, decimals| written(text).number.at(decimals).unwrap();
    let level = |(price, qty): &(&str, &str)| Level {
        price: Price::new(units(price, SCALE.price_decimals)),
        qty: Qty::new(units(qty, SCALE.qty_decimals)),
    };
    texts.iter().map(level).collect()
}

fn sides<'a>(
    bids: &[(&'a str, &'a str)],
    asks: &[(&'a str, &'a str)],
) -> Vec<(Side, &'a str, &'a str)> {
    let bids = bids.iter().map(|(price, qty)| (Side::Bid, *price, *qty));
    bids.chain(asks.iter().map(|(price, qty)| (Side::Ask, *price, *qty))).collect()
}

fn taken(style: Style, bids: &[(&str, &str)], asks: &[(&str, &str)]) -> u32 {
    let mut texts = Texts::new(style);
    note(&mut texts, BookKind::Snapshot, &sides(bids, asks));
    match style {
        Style::Digits => texts.kraken(SCALE, &levels(bids), &levels(asks)),
        Style::Exact => texts.okx(SCALE, &levels(bids), &levels(asks)),
    }
}

#[test]
fn kraken_worked_example() {
    assert_eq!(taken(Style::Digits, &BIDS, &ASKS), 3_310_070_434);
    let mut flipped = ASKS;
    flipped[9].1 = "0.18772828";
    assert_ne!(taken(Style::Digits, &BIDS, &flipped), 3_310_070_434);
}

/// The same numbers as a writer that drops trailing zeros sends them, with the pair's precision
/// known before or after the snapshot.
#[test]
fn declared_decimals_stand_for_the_text() {
    let shorten = |levels: &[(&'static str, &'static str)]| -> Vec<(&'static str, &'static str)> {
        let short = |text: &'static str| match text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.'),
            false => text,
        };
        levels.iter().map(|(price, qty)| (short(price), short(qty))).collect()
    };
    let (bids, asks) = (shorten(&BIDS), shorten(&ASKS));
    for declared_first in [true, false] {
        let mut texts = Texts::new(Style::Digits);
        if declared_first {
            texts.declare(Some(1), Some(8));
        }
        note(&mut texts, BookKind::Snapshot, &sides(&bids, &asks));
        texts.declare(Some(1), Some(8));
        assert_eq!(texts.kraken(SCALE, &levels(&bids), &levels(&asks)), 3_310_070_434);
    }
    assert_ne!(taken(Style::Digits, &bids, &asks), 3_310_070_434);
}

/// The venue's worked examples: as many bids as asks, and more asks than bids.
#[test]
fn okx_worked_examples() {
    let even =
        taken(Style::Exact, &[("3366.1", "7"), ("3366", "6")], &[("3366.8", "9"), ("3368", "8")]);
    assert_eq!(even.cast_signed(), -1_881_014_294);
    let odd =
        taken(Style::Exact, &[("3366.1", "7")], &[("3366.8", "9"), ("3368", "8"), ("3372", "8")]);
    assert_eq!(odd.cast_signed(), 831_078_360);
}

#[track_caller]
fn check(style: Style, bids: &[(&str, &str)], expected: &str) {
    assert_eq!(taken(style, bids, &[]), crc32fast::hash(expected.as_bytes()), "{expected}");
}

#[test]
fn texts_are_found_again() {
    check(Style::Exact, &[], "");
    check(Style::Exact, &[("30244", "5"), ("30243.5", "0.00000001")], "30244:5:30243.5:0.00000001");
    check(Style::Exact, &[("30244.0", "5.0"), ("30243.5", "10.0")], "30244.0:5.0:30243.5:10.0");
    check(Style::Exact, &[("0.000123", "1e3"), ("0.00012", "+7")], "0.000123:1e3:0.00012:+7");
    check(Style::Exact, &[("007.5", "1"), ("7", "1.50")], "007.5:1:7:1.50");
    check(Style::Digits, &[("0.05000", "0.00000500")], "5000500");
    check(Style::Digits, &[("45281.0", "1"), ("45280.25", "0.5")], "452810145280255");
    let fixed = [("0.000022", "100.00000000"), ("0.000021", "1e-8"), ("0.000020", "1e-7")];
    check(Style::Digits, &fixed, "22100000000002112010");
}

#[test]
fn odd_texts_live_and_go_with_their_level() {
    let mut texts = Texts::new(Style::Exact);
    let crc = |text: &str| crc32fast::hash(text.as_bytes());
    let bid = levels(&[("2", "7")]);
    note(&mut texts, BookKind::Snapshot, &[(Side::Bid, "2", "7"), (Side::Bid, "3", "1")]);
    note(&mut texts, BookKind::Diff, &[(Side::Bid, "2.0", "7")]);
    assert_eq!(texts.okx(SCALE, &bid, &[]), crc("2.0:7"));
    // The other side's level of that price is another level.
    assert_eq!(texts.okx(SCALE, &[], &bid), crc("2:7"));
    // Decimals may grow while it is kept.
    let fine = Scale { price_decimals: 9, qty_decimals: 9 };
    let finer = Level { price: Price::new(2_000_000_000), qty: Qty::new(7_000_000_000) };
    assert_eq!(texts.okx(fine, &[finer], &[]), crc("2.0:7"));
    // A message that is not whole changes nothing.
    texts.begin(BookKind::Snapshot);
    texts.level(Side::Bid, written("2"), written("7.50"));
    assert_eq!(texts.okx(SCALE, &bid, &[]), crc("2.0:7"));
    note(&mut texts, BookKind::Diff, &[(Side::Bid, "2", "0")]);
    assert_eq!(texts.okx(SCALE, &bid, &[]), crc("2:7"));
    note(&mut texts, BookKind::Diff, &[(Side::Bid, "2.0", "7")]);
    note(&mut texts, BookKind::Snapshot, &[(Side::Bid, "2", "7")]);
    assert_eq!(texts.okx(SCALE, &bid, &[]), crc("2:7"));
    assert!(texts.odd.iter().all(|odd| odd.is_empty()));
}

#[test]
fn odd_texts_are_bounded_and_the_best_stay() {
    let mut texts = Texts::new(Style::Exact);
    note(&mut texts, BookKind::Snapshot, &[(Side::Bid, "1", "1"), (Side::Ask, "1", "1")]);
    for price in 1..=ODD_TEXTS_LIMIT + 10 {
        let price = format!("{price}.0");
        note(&mut texts, BookKind::Diff, &[(Side::Bid, &price, "1"), (Side::Ask, &price, "1")]);
    }
    assert_eq!(texts.odd.each_ref().map(|odd| odd.len()), [ODD_TEXTS_LIMIT; 2]);
    let best = levels(&[(&format!("{}.0", ODD_TEXTS_LIMIT + 10), "1")]);
    let text = format!("{}.0:1", ODD_TEXTS_LIMIT + 10);
    assert_eq!(texts.okx(SCALE, &best, &[]), crc32fast::hash(text.as_bytes()));
    assert_eq!(texts.okx(SCALE, &[], &levels(&[("1", "1")])), crc32fast::hash(b"1.0:1"));
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "(0|[1-9][0-9]{0,4})\\.[0-9]{1,6}",
        4 => "[1-9][0-9]{0,4}",
        1 => "0{1,3}[0-9]{1,3}(\\.0{1,30})?",
        1 => "[1-9]e[0-3]",
    ]
}

proptest! {
    #[test]
    fn digits_as_the_library_writes_them(value: u64) {
        let (mut room, text) = ([0; 20], value.to_string());
        prop_assert_eq!(decimal_digits(value, &mut room), text.as_bytes());
    }

    /// However texts are written and changed, the checksum is that of the texts themselves.
    #[test]
    fn agrees_with_the_texts(
        messages in prop::collection::vec(
            (prop::bool::weighted(0.1), prop::collection::vec((0..12i64, number()), 0..8)), 1..20),
        prices in prop::collection::vec(number(), 12),
    ) {
        let mut texts = Texts::new(Style::Exact);
        let mut kept: Vec<(Decimal, String, String)> = Vec::new();
        for (snapshot, changes) in messages {
            let kind = if snapshot { BookKind::Snapshot } else { BookKind::Diff };
            if snapshot {
                kept.clear();
            }
            texts.begin(kind);
            for (at, qty) in changes {
                let price = &prices[at as usize];
                let number = written(price).number;
                texts.level(Side::Bid, written(price), written(&qty));
                let value = (number.mantissa, number.decimals);
                kept.retain(|(kept, _, _)| (kept.mantissa, kept.decimals) != value);
                if written(&qty).number.mantissa != 0 {
                    kept.push((number, price.clone(), qty));
                }
            }
            texts.commit(kind);
            kept.sort_by_key(|(number, _, _)| -number.at(6).unwrap());
            let pairs: Vec<_> = kept.iter().map(|(_, p, q)| (p.as_str(), q.as_str())).collect();
            let text = pairs.iter().map(|(p, q)| format!("{p}:{q}")).collect::<Vec<_>>().join(":");
            prop_assert_eq!(texts.okx(SCALE, &levels(&pairs), &[]), crc32fast::hash(text.as_bytes()));
        }
    }
}

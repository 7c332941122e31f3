//! Forms for tests: one with an item of every kind, one of several blocks, and any data with the
//! right sums.

use tickhawk_decoded::{Decoding, FormError, InputKind, Item, Reader, Step, Writer};
use tickhawk_market::{
    BookKind, BookUpdate, Change, ConnectionId, Decimal, InstrumentId, Metadata, Price, Qty,
    Request, Scale, Side, StaleCause, Ticker, Trade, UnixNanos, Update, Updates,
};
use tickhawk_venue::Counts;

/// Bytes that are summed together.
pub const BLOCK_BYTES: usize = 256 << 10;

const A: InstrumentId = InstrumentId(0);
const B: InstrumentId = InstrumentId(1);

pub fn decoding() -> Decoding {
    Decoding {
        symbols: Some(vec!["A".into(), "B".into()]),
        links: 2,
        shares_ids: true,
        levels_per_side: 100,
        crossed_messages: 1,
        frame_bytes: 1_000,
        instruments_max: 10,
        buffered_bytes: 1_000,
    }
}

fn at(nanos: u64) -> UnixNanos {
    UnixNanos::new(1_893_456_000_000_000_000 + nanos)
}

fn change(side: Side, price: i64, qty: i64) -> Change {
    Change { side, price: Price::new(price), qty: Qty::new(qty) }
}

/// A book message of these changes.
fn message(updates: &mut Updates, kind: BookKind, changes: &[Change], is_full: bool) {
    let begin = updates.next_change();
    updates.changes.extend(changes);
    updates.updates.push(Update::Book(BookUpdate {
        instrument: A,
        kind,
        changes: begin..updates.next_change(),
        exchange_at: is_full.then_some(at(5)),
        sequence: is_full.then_some(77),
        checksum: is_full.then_some(1),
        depth: is_full.then_some(25),
    }));
}

/// Everything that can be told, once at least.
fn updates() -> Updates {
    let mut updates = Updates::new();
    let scale = Scale { price_decimals: 1, qty_decimals: 18 };
    updates.updates.push(Update::Scale { instrument: A, scale });
    let tick_size = Some(Decimal { mantissa: 5, decimals: 1, written_decimals: 3 });
    let metadata = Metadata { tick_size, ..Metadata::default() };
    updates.updates.push(Update::Metadata { instrument: A, metadata });
    updates.updates.push(Update::Metadata { instrument: B, metadata: Metadata::default() });
    updates.updates.push(Update::Syncing(A));
    let near = [change(Side::Bid, 1_000, 3), change(Side::Ask, 1_001, 0)];
    message(&mut updates, BookKind::Snapshot, &near, true);
    let wide = [change(Side::Ask, i64::MAX, i64::MAX), change(Side::Bid, -i64::MAX, 1)];
    message(&mut updates, BookKind::Diff, &wide, true);
    message(&mut updates, BookKind::Diff, &[], false);
    for (side, id) in [(Side::Bid, None), (Side::Ask, Some(9))] {
        updates.updates.push(Update::Trade(Trade {
            instrument: A,
            price: Price::new(-5),
            qty: Qty::new(7),
            taker: side,
            id,
            exchange_at: id.map(at),
        }));
    }
    let ticker = Ticker { instrument: B, bid: None, ask: None, sequence: Some(1) };
    updates.updates.push(Update::Ticker(ticker));
    let cause = StaleCause::Removed;
    updates.updates.push(Update::Stale { instrument: A, cause });
    updates
}

/// A form with an item of every kind.
pub fn form() -> Vec<u8> {
    let mut writer = Writer::new(Vec::new()).unwrap();
    writer.begin(InputKind::Frame, ConnectionId(3), at(1));
    writer.malformed();
    writer.named("A", 0);
    writer.named("B", 2);
    writer.updates(ConnectionId(3), &updates(), &[true, false]);
    for request in [Request::Snapshot(A), Request::Resubscribe(B)] {
        writer.want(0, request, None);
    }
    writer.want(1, Request::Resubscribe(B), Some(8));
    writer.want(1, Request::Reconnect(ConnectionId(3)), None);
    writer.want(1, Request::GiveUp(ConnectionId(3), 12), None);
    writer.counts(Counts { inputs: 1, malformed: 1, unwanted: 3, ..Counts::default() });
    writer.end().unwrap();
    writer.begin(InputKind::Wanted, ConnectionId(0), at(1));
    let mut gone = Updates::new();
    gone.updates.push(Update::Stale { instrument: A, cause: StaleCause::Removed });
    writer.updates(ConnectionId(1), &gone, &[]);
    writer.counts(Counts::default());
    writer.end().unwrap();
    writer.begin(InputKind::Timer, ConnectionId(9), at(0));
    writer.end().unwrap();
    // Only what opens and closes a connection is told without anything else.
    let only = [
        (InputKind::Frame, 3),
        (InputKind::Closed, 3),
        (InputKind::Alive, 3),
        (InputKind::Frame, 4),
        (InputKind::Frame, 3),
        (InputKind::Frame, 3),
        (InputKind::Opened, 4),
    ];
    for (kind, connection) in only {
        writer.begin(kind, ConnectionId(connection), at(2));
        writer.end().unwrap();
    }
    writer.finish("okx", decoding(), Vec::new()).unwrap().2
}

/// What that form says, step by step.
pub fn told() -> Vec<String> {
    let first = [
        "Frame of ConnectionId(3), with a book",
        "Malformed",
        r#"Named(InstrumentId(0), "A")"#,
        r#"Named(InstrumentId(1), "B")"#,
        "Scale(InstrumentId(0), Scale { price_decimals: 1, qty_decimals: 18 })",
        "Tick(InstrumentId(0), Decimal { mantissa: 5, decimals: 1, written_decimals: 3 })",
        "Syncing(InstrumentId(0))",
        "Snapshot Some(77) Some(25) Some(true): Bid 1000 3, Ask 1001 0",
        "Diff Some(77) Some(25) Some(false): Ask 9223372036854775807 9223372036854775807, \
         Bid -9223372036854775807 1",
        "Diff None None None: ",
        "Bid -5 7 None None",
        "Ask -5 7 Some(9) Some(UnixNanos(1893456000000000009))",
        "Stale(InstrumentId(0), Removed)",
        "Want { link: 0, request: Snapshot(InstrumentId(0)), channel: None }",
        "Want { link: 0, request: Resubscribe(InstrumentId(1)), channel: None }",
        "Want { link: 1, request: Resubscribe(InstrumentId(1)), channel: Some(8) }",
        "Want { link: 1, request: Reconnect(ConnectionId(3)), channel: None }",
        "Want { link: 1, request: GiveUp(ConnectionId(3), 12), channel: Some(12) }",
    ];
    let wanted =
        ["Wanted of ConnectionId(0)", "Source(ConnectionId(1))", "Stale(InstrumentId(0), Removed)"];
    let connections = ["Closed of ConnectionId(3)", "Frame of ConnectionId(3)"];
    let opened = ["Opened of ConnectionId(4)"];
    let last = [
        "Timer of ConnectionId(0)",
        "Counts(Counts { inputs: 1, control: 0, unknown_types: 0, unknown_values: 0, \
         malformed: 1, duplicates: 0, off_market_trades: 0, gaps: 0, stale_otherwise: 0, \
         unwanted: 3 })",
        "Clamped(1)",
        "Tickers(InstrumentId(1), 1)",
    ];
    let [closed, frame] = connections.each_ref().map(std::slice::from_ref);
    let steps: [&[&str]; 6] = [&first, &wanted, closed, frame, &opened, &last];
    steps.map(|step| format!("{step:?}")).to_vec()
}

/// A form of several blocks.
pub fn large_form() -> Vec<u8> {
    let mut writer = Writer::new(Vec::new()).unwrap();
    for index in 0..200 {
        writer.begin(InputKind::Frame, ConnectionId(0), at(index));
        if index == 0 {
            writer.named("A", 0);
        }
        let level = |level| change(Side::Ask, level, 1 + index as i64);
        let changes: Vec<_> = (0..1_000).map(level).collect();
        let mut updates = Updates::new();
        message(&mut updates, BookKind::Diff, &changes, false);
        writer.updates(ConnectionId(0), &updates, &[]);
        writer.counts(Counts { inputs: 1, ..Counts::default() });
        writer.end().unwrap();
    }
    writer.finish("okx", decoding(), Vec::new()).unwrap().2
}

/// Every step of the form, as text.
pub fn steps(reader: &mut Reader) -> Result<Vec<String>, FormError> {
    let mut all = Vec::new();
    while let Some(step) = reader.next_step()? {
        all.push(format!("{:?}", items(&step)));
    }
    Ok(all)
}

/// A step's head and items, each as text.
pub fn items(step: &Step<'_>) -> Vec<String> {
    let with_book = if step.has_book() { ", with a book" } else { "" };
    let head = format!("{:?} of {:?}{with_book}", step.kind(), step.connection());
    std::iter::once(head).chain(step.items().map(text)).collect()
}

fn text(item: Item<'_>) -> String {
    match item {
        Item::Book { update, changes, checked } => {
            let BookUpdate { kind, sequence, depth, .. } = update;
            let level = |change: Change| {
                format!("{:?} {} {}", change.side, change.price.units(), change.qty.units())
            };
            let levels = changes.map(level).collect::<Vec<_>>().join(", ");
            format!("{kind:?} {sequence:?} {depth:?} {checked:?}: {levels}")
        }
        Item::Trade(Trade { price, qty, taker, id, exchange_at, .. }) => {
            format!("{taker:?} {} {} {id:?} {exchange_at:?}", price.units(), qty.units())
        }
        other => format!("{other:?}"),
    }
}

/// The words of a form's data.
pub fn data(form: &[u8]) -> Vec<u64> {
    let words = words(form);
    let count = words[words.len() - 4] as usize;
    words[4..4 + count].to_vec()
}

/// That form with other data, of one block, and the right sums.
pub fn seal(data: &[u64]) -> Vec<u8> {
    let form = words(&form());
    let (head, behind) = (&form[..4], &form[5 + form[form.len() - 4] as usize..]);
    let sum = |words: &[u64]| u64::from(crc32fast::hash(&bytes(words)));
    let (about, trailer) = behind.split_at(behind.len() - 4);
    let sums: &[u64] = if data.is_empty() { &[] } else { &[sum(data)] };
    let around = [head, sums, about, &[data.len() as u64, trailer[1]]].concat();
    let end = [sum(&around), trailer[3]];
    bytes(&[head, data, sums, about, &[data.len() as u64, trailer[1]], &end].concat())
}

fn words(bytes: &[u8]) -> Vec<u64> {
    bytes.chunks_exact(8).map(|word| u64::from_ne_bytes(word.try_into().unwrap())).collect()
}

fn bytes(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

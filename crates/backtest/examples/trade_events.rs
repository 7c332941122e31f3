//! Trades a file of events: for scripts that hold the simulation against another one.
//!
//!     cargo run -p tickhawk-backtest --example trade_events -- EVENTS CONFIG REPORT
//!
//! CONFIG is a `TradeConfig` and REPORT a `TradeReport`, both JSON. EVENTS has a line each, by receive
//! time in ns since the epoch, numbers in the instrument's units:
//!
//!     snapshot NS b:PRICE:QTY ... a:PRICE:QTY ...      the whole book
//!     diff NS b:PRICE:QTY ... a:PRICE:QTY ...          levels that changed, quantity 0 for gone
//!     trade NS PRICE QTY b|a                           the taker bought, or sold
//!     signal NS long|flat|short                        after the book that made it

use std::{env, error::Error, fs};
use tickhawk_backtest::trade::{TradeConfig, TradeSimulation};
use tickhawk_book::{Book, BookLimits};
use tickhawk_market::{BookKind, BookUpdate, Change, InstrumentId, Price, Qty, Side, UnixNanos};
use tickhawk_signal::Decision;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [events, config, report] = &arguments[..] else {
        return Err("usage: trade_events EVENTS CONFIG REPORT".into());
    };
    let config: TradeConfig = sonic_rs::from_str(&fs::read_to_string(config)?)?;
    let mut player = Player {
        simulation: TradeSimulation::new(config)?,
        book: Book::new(BookLimits::default()),
        changes: Vec::new(),
    };
    for (index, line) in fs::read_to_string(events)?.lines().enumerate() {
        player.line(line).map_err(|error| format!("{events}, line {}: {error}", index + 1))?;
    }
    let played = player.simulation.finish()?;
    fs::write(report, sonic_rs::to_vec(&played)?)?;
    let summary = sonic_rs::to_string_pretty(&played.summary)?;
    println!("{summary}");
    Ok(())
}

struct Player {
    simulation: TradeSimulation,
    book: Book,
    changes: Vec<Change>,
}

impl Player {
    fn line(&mut self, line: &str) -> Outcome<()> {
        let mut words = line.split_ascii_whitespace();
        let mut next = |what: &str| words.next().ok_or_else(|| format!("no {what}"));
        let kind = next("kind")?;
        let at = UnixNanos::new(next("time")?.parse()?);
        match kind {
            "snapshot" => self.book(at, BookKind::Snapshot, words),
            "diff" => self.book(at, BookKind::Diff, words),
            "trade" => {
                let price = Price::new(next("price")?.parse()?);
                let qty = Qty::new(next("quantity")?.parse()?);
                Ok(self.simulation.trade(at, price, qty, side(next("side")?)?)?)
            }
            "signal" => {
                self.simulation.signal(
                    at,
                    match next("decision")? {
                        "long" => Decision::Long,
                        "flat" => Decision::Flat,
                        "short" => Decision::Short,
                        other => return Err(format!("no decision: `{other}`").into()),
                    },
                );
                Ok(())
            }
            other => Err(format!("no kind of event: `{other}`").into()),
        }
    }

    fn book<'a>(
        &mut self,
        at: UnixNanos,
        kind: BookKind,
        levels: impl Iterator<Item = &'a str>,
    ) -> Outcome<()> {
        self.changes.clear();
        for level in levels {
            let mut parts = level.split(':');
            let mut next = || parts.next().ok_or("a level is side:price:quantity");
            let side = side(next()?)?;
            let price = Price::new(next()?.parse()?);
            self.changes.push(Change { side, price, qty: Qty::new(next()?.parse()?) });
        }
        let update = BookUpdate {
            instrument: InstrumentId(0),
            kind,
            changes: 0..0,
            exchange_at: None,
            sequence: None,
            checksum: None,
            depth: None,
        };
        self.book.apply(&update, &self.changes[..]);
        Ok(self.simulation.book(at, &self.book)?)
    }
}

fn side(word: &str) -> Outcome<Side> {
    match word {
        "b" => Ok(Side::Bid),
        "a" => Ok(Side::Ask),
        other => Err(format!("no side: `{other}`").into()),
    }
}

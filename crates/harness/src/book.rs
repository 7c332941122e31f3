//! `book`: levels into a book, full depth kept exactly.

use crate::Estimate;
use crate::{Bench, Course, Goal, HarnessError, Results, Row, Subject, messages::Messages};
use std::{collections::BTreeMap, hint::black_box, ops::Range};
use tickhawk_book::Book;
use tickhawk_market::{BookKind, BookUpdate, Change, Side};

/// Levels of a block at least.
const LEVELS_MIN: usize = 256;

/// Fewer blocks than this say nothing.
const BLOCKS_MIN: usize = 8;

/// The first recording's busiest book, ours beside the standard library's tree.
pub(crate) fn run(bench: &Bench<'_>, results: &mut Results) -> Result<(), HarnessError> {
    let recorded = bench.first();
    let messages = Messages::new(recorded)?;
    let course = Blocks::new(&messages);
    if course.items.len() < BLOCKS_MIN {
        let (name, found) = (recorded.name.clone(), messages.books().count());
        return Err(HarnessError::TooShort { name, found, needed: BLOCKS_MIN * LEVELS_MIN });
    }
    let mut ours = Ours { blocks: &course, book: messages.book() };
    let mut tree = Tree { blocks: &course, sides: Default::default() };
    course.check(&mut ours, &mut tree)?;
    let name = |who: &str| format!("book/{}-level/{who}", recorded.venue);
    let names = [name("tickhawk"), name("btreemap")];
    let levels = ("level", course.levels_an_item());
    let ratio = results.beside(course.course(bench.pairs), names, levels, &mut ours, &mut tree);
    let what = "applying a level, over BTreeMap<i64, i64> a side";
    results.goals.push(Goal::at_most("level-vs-btreemap", ratio, 0.15, what));
    let ours_row = results.rows.iter().find(|row| row.name.ends_with("-level/tickhawk"));
    let spread = ours_row.map_or(0.0, |row| row.p99_ns / row.ns);
    let what = format!("p99 over p50 of blocks of about {LEVELS_MIN} levels");
    results.goals.push(Goal::at_most("level-p99-block", Estimate::exact(spread), 3.0, what));
    results.rows.push(cold(bench, &course, &mut ours, &recorded.venue.to_string()));
    Ok(())
}

/// A block's messages into a book of which nothing is in a core's own caches.
fn cold(bench: &Bench<'_>, blocks: &Blocks<'_>, ours: &mut Ours<'_>, venue: &str) -> Row {
    let mut cold = crate::cold::Cold::new();
    ours.restart();
    ours.take(0..1);
    let mut samples = Vec::new();
    for item in (1..blocks.items.len()).take(crate::cold::Cold::SAMPLES / 4) {
        cold.evict();
        let began = bench.clock.now();
        ours.take(item..item + 1);
        let levels = blocks.levels(item) as f64;
        samples.push((bench.clock.now() - began).nanos() as f64 / levels);
    }
    Row::new(format!("book/{venue}-level-cold/tickhawk"), "level", 1, samples)
}

/// Items of equally many levels, as nearly as whole messages allow; the first is the snapshot.
struct Blocks<'a> {
    messages: Vec<(&'a BookUpdate, &'a [Change])>,
    /// Ranges of messages.
    items: Vec<Range<usize>>,
}

impl<'a> Blocks<'a> {
    fn new(source: &'a Messages) -> Self {
        let messages: Vec<_> =
            source.books().map(|(_, update, changes)| (update, changes)).collect();
        let first = messages.iter().position(|(update, _)| update.kind == BookKind::Snapshot);
        let first = first.map_or(1, |first| first + 1);
        let mut items = Vec::new();
        items.push(0..first);
        let (mut start, mut levels) = (first, 0);
        for (index, (_, changes)) in messages.iter().enumerate().skip(first) {
            levels += changes.len();
            if levels >= LEVELS_MIN {
                items.push(start..index + 1);
                (start, levels) = (index + 1, 0);
            }
        }
        Self { messages, items }
    }

    fn levels(&self, item: usize) -> usize {
        self.messages[self.items[item].clone()].iter().map(|(_, changes)| changes.len()).sum()
    }

    fn levels_an_item(&self) -> f64 {
        let timed = 1..self.items.len();
        timed.clone().map(|item| self.levels(item)).sum::<usize>() as f64 / timed.len() as f64
    }

    fn course(&self, pairs: usize) -> Course<'_> {
        Course { items: self.items.len(), lead_in: 1, block: 1, pairs, timed: &[] }
    }

    /// Both sides hold the same levels at the end.
    fn check(&self, ours: &mut Ours<'_>, tree: &mut Tree<'_>) -> Result<(), HarnessError> {
        for subject in [ours as &mut dyn Subject, tree as &mut dyn Subject] {
            subject.restart();
            subject.take(0..self.items.len());
        }
        for side in [Side::Bid, Side::Ask] {
            let mut held: Vec<(i64, i64)> =
                ours.book.levels(side).map(|l| (l.price.units(), l.qty.units())).collect();
            held.sort_unstable();
            let kept: Vec<(i64, i64)> =
                tree.sides[side as usize].iter().map(|(price, qty)| (*price, *qty)).collect();
            if held != kept {
                return Err(HarnessError::Disagree {
                    what: format!("the {side:?} side at the end"),
                    ours: format!("{} levels", held.len()),
                    theirs: format!("{} levels", kept.len()),
                });
            }
        }
        Ok(())
    }
}

struct Ours<'a> {
    blocks: &'a Blocks<'a>,
    book: Book,
}

impl Subject for Ours<'_> {
    fn restart(&mut self) {
        // The first item holds a snapshot, which forgets all levels.
    }

    fn take(&mut self, items: Range<usize>) {
        for item in items {
            for (update, changes) in &self.blocks.messages[self.blocks.items[item].clone()] {
                black_box(self.book.apply(update, *changes));
            }
        }
    }
}

struct Tree<'a> {
    blocks: &'a Blocks<'a>,
    sides: [BTreeMap<i64, i64>; 2],
}

impl Subject for Tree<'_> {
    fn restart(&mut self) {}

    fn take(&mut self, items: Range<usize>) {
        for item in items {
            for (update, changes) in &self.blocks.messages[self.blocks.items[item].clone()] {
                if update.kind == BookKind::Snapshot {
                    self.sides.iter_mut().for_each(BTreeMap::clear);
                }
                for Change { side, price, qty } in *changes {
                    let side = &mut self.sides[*side as usize];
                    match qty.is_zero() {
                        true => side.remove(&price.units()),
                        false => side.insert(price.units(), qty.units()),
                    };
                }
                let depth = update.depth.map_or(usize::MAX, |depth| depth as usize);
                let [bids, asks] = &mut self.sides;
                while bids.len() > depth {
                    bids.pop_first();
                }
                while asks.len() > depth {
                    asks.pop_last();
                }
                let best = (self.sides[0].last_key_value(), self.sides[1].first_key_value());
                black_box(best);
            }
        }
    }
}

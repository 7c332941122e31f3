//! Tickhawk beside each rival: one message, one level, one hop, one run of a model, a recording.

use crate::{
    barter,
    decoded::Decoded,
    hft,
    hop::{Carrier, half_round_trips},
    measure::{Player, in_pairs, median},
    naive, nautilus,
    ours::{OurEngine, OurLevels, OurUpdate, Scores, best, native},
    outcome::Outcome,
    recording::{BookMessage, Recording},
    simd, tract,
};
use anyhow::{Result, bail, ensure};
use std::path::Path;
use tickhawk_harness::{Beside, Course, Estimate, Goal, PAIRS_MIN, Results, Row, Subject};
use tickhawk_inference::{Model, Output};
use tickhawk_latency::Clock;
use tickhawk_market::Side;

/// What is measured on, and how long.
pub struct Bench<'a> {
    /// The recording.
    pub recording: &'a Recording,
    /// The model file.
    pub model: &'a Path,
    /// The clock.
    pub clock: Clock,
    /// Pairs of blocks a comparison rests on.
    pub pairs: usize,
}

impl Bench<'_> {
    /// Rows of both, and the goal if there is one.
    pub fn add(
        &self,
        results: &mut Results,
        beside: &Beside,
        names: (&str, &str, &str),
        block: usize,
        goal: Option<(&str, f64, &str)>,
    ) {
        let (stage, per, rival) = names;
        let names = ["tickhawk", rival].map(|name| format!("{stage}/{name}"));
        if beside.is_disturbed {
            let note = "nearly all blocks were interrupted, and count";
            results.notes.push(format!("{stage}, {rival}: {note}"));
        }
        let [mut ours, theirs] = beside.rows(names, per, block);
        ours.name += &format!("-beside-{rival}");
        if let Some((id, bound, what)) = goal {
            results.goals.push(Goal::at_most(id, beside.ratio(), bound, what));
        }
        results.rows.extend([ours, theirs]);
    }
}

/// Decode, book and OBI(5) of a message.
pub fn update(bench: &Bench<'_>, results: &mut Results) -> Result<()> {
    let recording = bench.recording;
    let depth = &recording.depth;
    let whole =
        Course { items: depth.len(), lead_in: 64, block: 48, pairs: bench.pairs, timed: &[] };
    let mut ours = Player::new(
        || OurUpdate::new(recording).expect("checked before"),
        |state, item| state.on_message(&depth[item].combined).expect("checked before"),
    );
    let mut compare = |rival: &str, goal: Option<&str>, theirs: &mut dyn Subject| {
        let beside = whole.beside(&bench.clock, &mut ours, theirs);
        let what = format!("decode, book and OBI(5) of a message, over {rival}'s");
        let goal = goal.map(|id| (id, 0.06, what.as_str()));
        bench.add(
            results,
            &beside,
            ("update/binance-futures", "message", rival),
            whole.block,
            goal,
        );
    };
    compare(
        "naive",
        Some("update-vs-naive"),
        &mut Player::new(
            || naive::book::Update::new(&recording.snapshot).expect("checked before"),
            |state, item| state.on_message(&depth[item].combined).expect("checked before"),
        ),
    );
    compare(
        "simd-json",
        None,
        &mut Player::new(
            || simd::Update::new(&recording.snapshot).expect("checked before"),
            |state, item| state.on_message(&depth[item].combined).expect("checked before"),
        ),
    );
    compare(
        "barter-data",
        Some("update-vs-barter"),
        &mut Player::new(
            || barter::Update::new(&recording.symbol, &recording.snapshot).expect("checked before"),
            |state, item| state.on_message(&depth[item].raw).expect("checked before"),
        ),
    );
    for (rival, parse, goal) in [
        ("nautilus-model", nautilus::Parse::Typed, Some("update-vs-nautilus")),
        ("nautilus-model-as-adapter", nautilus::Parse::AsAdapter, None),
    ] {
        compare(
            rival,
            goal,
            &mut Player::new(
                || nautilus::Update::new(parse, recording).expect("checked before"),
                |state, item| state.on_message(depth[item].raw.as_bytes()).expect("checked before"),
            ),
        );
    }
    Ok(())
}

/// Everyone's book after the whole recording; fails if one differs.
pub fn check_update(recording: &Recording) -> Result<Outcome> {
    let mut ours = OurUpdate::new(recording)?;
    let mut naive = naive::book::Update::new(&recording.snapshot)?;
    let mut simd = simd::Update::new(&recording.snapshot)?;
    let mut barter = barter::Update::new(&recording.symbol, &recording.snapshot)?;
    let mut nautilus = nautilus::Update::new(nautilus::Parse::Typed, recording)?;
    let mut adapter = nautilus::Update::new(nautilus::Parse::AsAdapter, recording)?;
    for message in &recording.depth {
        ours.on_message(&message.combined)?;
        naive.on_message(&message.combined)?;
        simd.on_message(&message.combined)?;
        barter.on_message(&message.raw)?;
        nautilus.on_message(message.raw.as_bytes())?;
        adapter.on_message(message.raw.as_bytes())?;
    }
    let outcome = ours.outcome();
    outcome.check("naive", &naive.outcome())?;
    outcome.check("simd-json", &simd.outcome())?;
    outcome.check("barter-data", &barter.outcome())?;
    outcome.check("nautilus-model", &nautilus.outcome())?;
    outcome.check("nautilus-model-as-adapter", &adapter.outcome())?;
    Ok(outcome)
}

/// A level into a book.
pub fn level(bench: &Bench<'_>, results: &mut Results) -> Result<()> {
    let recording = bench.recording;
    let (scale, messages) = recording.book_messages()?;
    let levels = hft::levels(scale, &messages);
    let (changes, diffs) = (levels[1..].iter().map(Vec::len).sum::<usize>(), levels.len() - 1);
    let per_message = changes as f64 / diffs as f64;
    check_levels(recording, &levels, &OurLevels::new(scale, &messages[0]), &messages)?;
    let course = Course { items: diffs, lead_in: 64, block: 96, pairs: bench.pairs, timed: &[] };
    let mut ours = Player::new(
        || OurLevels::new(scale, &messages[0]),
        |state, item| state.on_message(&messages[item + 1]),
    );
    let mut fastest: Option<(Estimate, f64, &str)> = None;
    let mut compare = |rival: &'static str, theirs: &mut dyn Subject| {
        let mut beside = course.beside(&bench.clock, &mut ours, theirs);
        for ns in beside.first_ns.iter_mut().chain(&mut beside.second_ns) {
            *ns /= per_message;
        }
        let (ratio, ns) = (beside.ratio(), median(&beside.second_ns));
        if fastest.is_none_or(|(_, other, _)| ns < other) {
            fastest = Some((ratio, ns, rival));
        }
        bench.add(results, &beside, ("level/binance-futures", "level", rival), course.block, None);
    };
    macro_rules! compare {
        ($name:literal, $depth:expr) => {
            compare(
                $name,
                &mut Player::new(
                    || {
                        let mut depth = $depth;
                        depth.on_message(&levels[0]);
                        depth
                    },
                    |state, item| state.on_message(&levels[item + 1]),
                ),
            )
        };
    }
    compare!("hftbacktest-hash-map", hft::Depth::hash_map(recording));
    compare!("hftbacktest-btree", hft::Depth::btree(recording));
    compare!("hftbacktest-roi-vector", hft::Depth::roi_vector(recording, &levels));
    if let Some((ratio, _, rival)) = fastest {
        let what = format!("a level into the book, over {rival}, hftbacktest's fastest");
        results.goals.push(Goal::at_most("level-vs-hftbacktest", ratio, 0.55, what));
    }
    Ok(())
}

/// The three depths hold what the book holds.
fn check_levels(
    recording: &Recording,
    levels: &[Vec<hft::Level>],
    ours: &OurLevels,
    messages: &[BookMessage],
) -> Result<()> {
    let outcome = check_update(recording)?;
    macro_rules! check {
        ($name:literal, $depth:expr) => {
            let mut depth = $depth;
            for message in levels {
                depth.on_message(message);
                depth.add();
            }
            outcome.check($name, &depth.outcome())?;
        };
    }
    check!("hftbacktest-hash-map", hft::Depth::hash_map(recording));
    check!("hftbacktest-btree", hft::Depth::btree(recording));
    check!("hftbacktest-roi-vector", hft::Depth::roi_vector(recording, levels));
    let scale = ours.book().scale();
    let mut ours = OurLevels::new(scale, &messages[0]);
    messages[1..].iter().for_each(|message| ours.on_message(message));
    let [bid, ask] = [Side::Bid, Side::Ask].map(|side| best(ours.book(), side, scale));
    outcome.check("tickhawk's book alone", &Outcome { bid, ask, ..outcome })
}

/// Tickhawk's book and features from the decoded form beside hftbacktest's event loop, each over the
/// whole recording.
pub fn event_loop(bench: &Bench<'_>, results: &mut Results) -> Result<()> {
    let (scale, messages) = bench.recording.book_messages()?;
    let levels = hft::levels(scale, &messages);
    let events = hft::events(bench.recording, &levels)?;
    let mut decoded = Decoded::new(bench.recording)?;
    let count = events.len() as f64;
    ensure!(decoded.events() == events.len() as u64, "{} beside {count}", decoded.events());
    decoded.begin();
    let passed = decoded.run();
    let outcome = check_update(bench.recording)?;
    let (mut their_ns, mut our_ns) = (Vec::new(), Vec::new());
    for _ in 0..bench.pairs.clamp(PAIRS_MIN, 100) {
        let mut backtest = hft::Loop::new(bench.recording, &events)?;
        decoded.begin();
        let began = bench.clock.now();
        backtest.run()?;
        let theirs = bench.clock.now();
        let again = decoded.run();
        let ours = bench.clock.now();
        ensure!(again == passed, "two passes differ");
        their_ns.push((theirs - began).nanos() as f64 / count);
        our_ns.push((ours - theirs).nanos() as f64 / count);
        let found = backtest.outcome();
        let found = Outcome { messages: outcome.messages, obi_sum: outcome.obi_sum, ..found };
        outcome.check("hftbacktest's loop", &found)?;
    }
    let beside = in_pairs(their_ns, our_ns);
    let what =
        "events, hftbacktest's loop over Tickhawk's book and 32 features from the decoded form";
    results.goals.push(Goal::at_least("replay-vs-hftbacktest", beside.ratio(), 3.0, what));
    let names = [
        "replay/binance-futures/hftbacktest-event-loop",
        "replay/binance-futures/tickhawk-decoded",
    ]
    .map(str::to_owned);
    results.rows.extend(beside.rows(names, "event", events.len()));
    let per_second = 1e9 / median(&beside.second_ns);
    let theirs_per_second = 1e9 / median(&beside.first_ns);
    results.notes.push(format!(
        "events a second: hftbacktest {theirs_per_second:.0}, Tickhawk with features {per_second:.0}"
    ));
    Ok(())
}

/// A payload from core to core.
pub fn hop(bench: &Bench<'_>, results: &mut Results) -> Result<()> {
    // Round trips of a block: 200 batches of 32.
    const BATCHES: usize = 200;
    let median_of = |carrier, words: usize| -> Result<f64> {
        let times = match words {
            29 => half_round_trips::<29>(carrier, BATCHES)?,
            _ => half_round_trips::<32>(carrier, BATCHES)?,
        };
        Ok(median(&times))
    };
    let pairs = bench.pairs.min(100);
    let sample = |carrier, words| (0..pairs).map(move |_| median_of(carrier, words));
    let bare = sample(Carrier::CacheLine, 1).collect::<Result<Vec<f64>>>()?;
    results.rows.push(Row::new("hop/8-bytes/bare-cache-line", "hop", 64, bare));
    for words in [29, 32] {
        let case = format!("hop/{}-bytes", 8 * words);
        for rival in Carrier::RIVALS {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for pair in 0..pairs {
                if pair % 2 == 0 {
                    ours.push(median_of(Carrier::Handoff, words)?);
                    theirs.push(median_of(rival, words)?);
                } else {
                    theirs.push(median_of(rival, words)?);
                    ours.push(median_of(Carrier::Handoff, words)?);
                }
            }
            let beside = in_pairs(ours, theirs);
            let what = "half a round trip of 256 bytes between two cores, p50, over rtrb's";
            let goal =
                (rival == Carrier::Rtrb && words == 32).then_some(("hop-vs-rtrb", 0.85, what));
            bench.add(results, &beside, (&case, "hop", rival.name()), 64, goal);
        }
    }
    Ok(())
}

/// The bundled network on tract, and on `ort` with its defaults.
pub fn network(bench: &Bench<'_>, results: &mut Results) -> Result<()> {
    let rows = feature_rows(bench.recording)?;
    let mut ours = Model::load(bench.model, &native())?;
    let mut tract = tract::Network::load(bench.model, rows[0].len())?;
    for row in &rows {
        let (one, other) = (ours.run(row)?, tract.run(row)?);
        let Output::Classes { down, flat, up } = one else { bail!("{one:?} is no classes") };
        let ours = [down, flat, up];
        let same = ours.iter().zip(other).all(|(one, other)| (one - other).abs() < 1e-5);
        ensure!(same, "tract came to {other:?}, not {one:?}");
    }
    let course =
        Course { items: rows.len(), lead_in: 64, block: 64, pairs: bench.pairs, timed: &[] };
    let ours = std::cell::RefCell::new(ours);
    let tract = std::cell::RefCell::new(tract);
    let mut first = Player::new(
        || (),
        |(), item| drop(std::hint::black_box(ours.borrow_mut().run(&rows[item]))),
    );
    let mut second = Player::new(
        || (),
        |(), item| drop(std::hint::black_box(tract.borrow_mut().run(&rows[item]))),
    );
    let beside = course.beside(&bench.clock, &mut first, &mut second);
    bench.add(results, &beside, ("inference/mlp", "run", "tract"), course.block, None);
    let scorer = naive::pipeline::Scorer::new(bench.model, std::io::sink())?;
    let scorer = std::cell::RefCell::new(scorer);
    let mut third = Player::new(
        || (),
        |(), item| drop(std::hint::black_box(scorer.borrow_mut().probabilities(&rows[item]))),
    );
    let beside = course.beside(&bench.clock, &mut first, &mut third);
    bench.add(results, &beside, ("inference/mlp", "run", "ort-defaults"), course.block, None);
    Ok(())
}

/// What the model sees of the recording.
fn feature_rows(recording: &Recording) -> Result<Vec<Vec<f32>>> {
    let mut market = naive::pipeline::Market::new(recording.tick_size);
    let mut rows = Vec::new();
    for received in &recording.received {
        rows.extend(market.on_received(received)?.map(|frame| frame.values));
    }
    ensure!(!rows.is_empty(), "the recording gives no row");
    Ok(rows)
}

/// Both pipelines over the recording; fails if their signals differ.
pub fn check_replay(recording: &Recording, model: &Path) -> Result<Scores> {
    let mut ours = OurEngine::new(model, std::io::sink())?;
    let mut naive = naive::Inline::new(recording.tick_size, model, std::io::sink())?;
    let mut threaded = naive::Threaded::new(recording.tick_size, model, std::io::sink(), |_| ())?;
    for received in &recording.received {
        ours.on_received(received);
        naive.on_received(received)?;
        threaded.on_received(received)?;
    }
    let scores = ours.scores();
    scores.check("naive", &naive.scores())?;
    scores.check("naive on two threads", &threaded.finish()?)?;
    Ok(scores)
}

/// The whole engine on one thread.
pub fn replay(bench: &Bench<'_>, results: &mut Results) -> Result<()> {
    let Bench { recording, model, .. } = *bench;
    let received = &recording.received;
    // By then every frame is scored.
    let lead_in = received.len() / 4;
    let course = Course {
        items: received.len(),
        lead_in,
        block: 512,
        pairs: bench.pairs.min(200),
        timed: &[],
    };
    let mut naive = Player::new(
        || {
            let tick_size = recording.tick_size;
            naive::Inline::new(tick_size, model, std::io::sink()).expect("checked before")
        },
        |state, item| state.on_received(&received[item]).expect("checked before"),
    );
    let mut ours = Player::new(
        || OurEngine::new(model, std::io::sink()).expect("checked before"),
        |state, item| state.on_received(&received[item]),
    );
    // The rival first: the goal is how many times longer it takes.
    let beside = course.beside(&bench.clock, &mut naive, &mut ours);
    let what = "bytes to written signals on one thread, the naive pipeline over Tickhawk";
    results.goals.push(Goal::at_least("replay-vs-naive", beside.ratio(), 20.0, what));
    let names =
        ["naive", "tickhawk-beside-naive"].map(|one| format!("replay/binance-futures/{one}"));
    results.rows.extend(beside.rows(names, "message", course.block));
    Ok(())
}

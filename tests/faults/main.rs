//! Everything that goes wrong between a venue and us, seeded, in virtual time, against an exchange
//! that knows the true books.

mod compiled;
mod heard;
mod random;
mod redundancy;
mod table;
#[path = "../support/trace.rs"]
mod trace;
mod wanted;
mod world;

use random::Random;
use table::{KINDS, TABLE, Venues};
use tickhawk_simulator::{
    Exchange, FaultPlan, Faults, MarketConfig, Pace, Playback, Recording, TapeRecord, WireFormat,
};
use world::{MS, SECOND, World};

/// Schedules a venue.
const SCHEDULES: u64 = 30;

/// How long a tape is.
const TAPE_SECONDS: u64 = 40;

/// Faults end after so much of it.
const CALM_AFTER: u64 = 20 * SECOND;

/// From the last fault on, every book is Live again within so much virtual time, and so many messages
/// of the tape. The waits behind it: three seconds until silence is noticed, those between attempts
/// to connect, which grow, and those a venue's limits or its 429 impose.
const LIVE_AGAIN_WITHIN: (u64, u64) = (18 * SECOND, 16_000);

fn schedules() -> u64 {
    std::env::var("TICKHAWK_SCHEDULES").map_or(SCHEDULES, |text| text.parse().expect("a number"))
}

/// Two instruments of a venue, as it would play them.
pub fn playback(
    format: WireFormat,
    plan: &str,
    levels: Option<usize>,
    seed: u64,
) -> (Playback, Vec<String>) {
    let mut symbols = format.symbols();
    symbols.truncate(2);
    let names = symbols.iter().map(|spec| spec.symbol.clone()).collect();
    let mut config = MarketConfig::new(symbols, seed);
    config.duration_ns = TAPE_SECONDS * SECOND;
    let tape = Recording::new(format, &config).unwrap().map(TapeRecord::from);
    let exchange = Exchange::new(format.slug(), Box::new(tape)).unwrap();
    let plan: FaultPlan = plan.parse().unwrap();
    let playback = Playback::new(exchange, Faults::new(plan, seed), Pace::Times(1.0));
    (playback.witness(levels), names)
}

/// A few kinds of faults, each now and then.
fn plan(random: &mut Random, kinds: &[&str], most: u64) -> String {
    let mut plan = String::new();
    for _ in 0..1 + random.below(4) {
        let kind = kinds[random.below(kinds.len() as u64) as usize];
        let per_myriad = match kind {
            // Each of these takes a connection, or three seconds, from the little there is.
            "reset" | "half-open" | "stall" | "maintenance" => 10 + random.below(20),
            // Of a handful of attempts and requests, some are to be hit.
            "refuse" | "rest-slow" | "rest-fail" => 2_000 + random.below(4_000),
            _ => 10 + random.below(most - 10),
        };
        if !plan.contains(kind) {
            let comma = if plan.is_empty() { "" } else { "," };
            plan += &format!("{comma}{kind}=0.{per_myriad:04}");
        }
    }
    plan
}

#[test]
fn no_frame_leaves_a_wrong_book_and_every_book_is_live_again() {
    let mut injected = 0;
    for (index, Venues { format, levels, per_myriad, untold }) in TABLE.iter().enumerate() {
        let told: Vec<_> = KINDS.iter().filter(|kind| !untold.contains(kind)).copied().collect();
        for schedule in 0..schedules() {
            let seed = (index as u64 + 1) * 10_000 + schedule;
            let mut random = Random::new(seed);
            let plan = plan(&mut random, &told, *per_myriad);
            let of = format!("{format}, seed {seed}, {plan}");
            let (playback, symbols) = playback(*format, &plan, *levels, seed);
            let venue = format.slug().parse().unwrap();
            let mut world = World::new((playback, &symbols), venue, 1, 30 * MS, *levels, seed);
            let (mut last_fault, mut faults, mut live_again) = ((0, 0), 0, None);
            while world.advance() {
                let now = (world.now_ns(), world.playback.steps());
                if now.0 > CALM_AFTER {
                    world.playback.calm();
                }
                if world.playback.injected() > faults {
                    faults = world.playback.injected();
                    (last_fault, live_again) = (now, None);
                }
                if live_again.is_none() && world.all_live(symbols.len()) {
                    live_again = Some(now);
                }
            }
            let wrong = world.left.iter().find(|left| !left.is_true);
            assert_eq!(wrong, None, "{of}");
            assert!(world.left.len() > 100, "{of}: {} frames", world.left.len());
            assert!(world.all_live(symbols.len()), "{of}: {:?}", world.market.reports());
            let (at, steps) = live_again.expect("every book is Live");
            let took = (at - last_fault.0, steps - last_fault.1);
            assert!(took.0 <= LIVE_AGAIN_WITHIN.0, "{of}: took {took:?}");
            assert!(took.1 <= LIVE_AGAIN_WITHIN.1, "{of}: took {took:?}");
            assert!(world.efforts() < 400, "{of}: {} efforts", world.efforts());
            injected += faults;
        }
    }
    assert!(injected > 1_000, "{injected} faults");
}

/// What a venue's rules cannot tell may make a book wrong; nothing else may go wrong with it.
#[test]
fn what_cannot_be_told_harms_no_more_than_the_book() {
    for (index, Venues { format, levels, untold, .. }) in TABLE.iter().enumerate() {
        for schedule in 0..4 {
            let seed = (index as u64 + 1) * 20_000 + schedule;
            let plan = format!("{}=0.02,drop=0.002,reset=0.001", untold[0]);
            let (playback, symbols) = playback(*format, &plan, *levels, seed);
            let venue = format.slug().parse().unwrap();
            let mut world = World::new((playback, &symbols), venue, 1, 30 * MS, *levels, seed);
            while world.advance() {}
            let reports = world.market.reports();
            assert!(reports.len() <= symbols.len(), "no instrument that was not asked for");
            assert!(world.efforts() < 400, "{format}, seed {seed}: {} efforts", world.efforts());
        }
    }
}
